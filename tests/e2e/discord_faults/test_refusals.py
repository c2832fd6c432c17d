"""Refusals that no channel permission can fix, and temporary refusals."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.discord_wire import Body, Channel, Cut
from sandbox.discord_wire.refusals import On, has_files, refuse
from tests.e2e.discord_faults.test_server_errors import is_outcome
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LIMITED = "Discord is limiting uploads on this server right now."


async def _alerts(server: GuildFixture) -> Channel:
    channel = server.guild.add_text_channel("alerts")
    await server.admin.slash(server.channel, "pixverse-admin alerts", channel=channel)
    return channel


def _nonces(harness: Harness, channel: Channel) -> list[str]:
    path = f"/channels/{channel.id}/messages"
    return [call.body["nonce"] for call in harness.discord.requests if call.path == path and is_outcome(call)]


@pytest.mark.parametrize("status", [403, 400])
async def test_uploads_limited_in_the_whole_server(harness: Harness, server: GuildFixture, status: int) -> None:
    """The link comes at once, with the same reason everywhere. The bot doesn't say that files work until one does."""
    alerts = await _alerts(server)
    limit = refuse(harness.discord.faults, 400001, status=status, match=has_files, channel_id=server.channel.id)
    job = await server.watched()
    job.complete()
    outcome = await server.outcome()
    assert outcome.attachments == []
    assert outcome.text.startswith("**Your video is ready, as a link.**")
    assert _LIMITED in outcome.text
    assert outcome.pinged == {server.member.id}
    assert len(set(_nonces(harness, server.channel))) == 2
    notice = await server.notice("**A result was posted as a link in", alerts)
    assert _LIMITED in notice.text
    assert _LIMITED in (await server.admin.slash(server.channel, "pixverse-admin deliveries")).text
    check = (await server.admin.slash(server.channel, "pixverse-admin check")).text
    assert _LIMITED in check
    assert "files" not in check.partition("Works:")[2]

    harness.discord.faults.remove(limit)
    (await server.watched()).complete()
    await harness.discord.until(lambda: len(server.outcomes()) == 2)
    assert len(server.outcomes()[1].attachments) == 1
    await server.settled()
    check = (await server.admin.slash(server.channel, "pixverse-admin check")).text
    assert _LIMITED not in check


@pytest.mark.parametrize("kind", ["thread", "forum post"])
async def test_uploads_limited_in_a_thread(harness: Harness, server: GuildFixture, kind: str) -> None:
    parent = server.channel if kind == "thread" else server.guild.add_forum("forum")
    thread = parent.add_thread("results")
    refuse(harness.discord.faults, 400001, match=has_files, channel_id=thread.id)
    job = server.job()
    await server.status(job, channel=thread)
    job.complete(videos=2)
    outcome = await server.outcome(thread)
    assert outcome.attachments == []
    assert outcome.text.count(_LIMITED) == 1


@pytest.mark.parametrize("status", [400, 403])
async def test_a_link_filter_is_not_a_missing_permission(harness: Harness, server: GuildFixture, status: int) -> None:
    """Every message with the API's text is refused; the file is not the cause."""
    refuse(
        harness.discord.faults,
        240000,
        status=status,
        channel_id=server.channel.id,
        match=lambda call: "badlink" in str(call.json),
    )
    alerts = await _alerts(server)
    job = server.job(prompt="A fox at badlink")
    await server.status(job)
    job.complete()
    outcome = await server.outcome()
    assert len(outcome.attachments) == 1
    assert "badlink" not in outcome.text
    notice = await server.notice("**A result was posted without its prompt in", alerts)
    assert "harmful-link filter" in notice.text


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("code", [240000, 200000, 999999])
async def test_a_message_that_is_always_refused_is_given_up_at_once(
    harness: Harness, server: GuildFixture, status: int, code: int
) -> None:
    alerts = await _alerts(server)
    job = await server.watched()
    refuse(harness.discord.faults, code, status=status, channel_id=server.channel.id, match=is_outcome)
    job.complete()
    notice = await server.notice("**A result was not posted in", alerts)
    assert "permission" not in notice.text
    sent = _nonces(harness, server.channel)
    assert len(sent) == len(set(sent)) >= 3
    assert "rejected" in notice.text or "blocked" in notice.text
    await server.card_says("**Finished, but not posted here.**")


async def test_an_unknown_error_code_costs_the_file_and_not_three_days(harness: Harness, server: GuildFixture) -> None:
    refuse(harness.discord.faults, 410007, status=403, channel_id=server.channel.id, match=has_files)
    (await server.watched()).complete()
    outcome = await server.outcome()
    assert outcome.attachments == []
    assert "Discord didn't accept the file." in outcome.text


@pytest.mark.parametrize("code", [160009, 160010])
async def test_a_reply_that_is_not_allowed_costs_only_the_reply(
    harness: Harness, server: GuildFixture, code: int
) -> None:
    """discord-api-docs#8424: codes that the list lacked until September 2026."""
    alerts = await _alerts(server)
    told = len(alerts.messages())
    job = await server.watched(prompt="A fox in the snow")
    refuse(
        harness.discord.faults, code, channel_id=server.channel.id, match=lambda call: "message_reference" in call.body
    )
    job.complete()
    outcome = await server.outcome()
    assert outcome.reference_id is None
    assert len(outcome.attachments) == 1
    assert "A fox in the snow" in outcome.text
    assert len(alerts.messages()) == told


async def test_an_invalid_form_that_names_a_file_costs_only_the_file(harness: Harness, server: GuildFixture) -> None:
    """concord#78: 50035 with the field in its tree of errors."""
    blamed = {"attachments": {"0": {"_errors": [{"code": "ATTACHMENT_NOT_FOUND", "message": "Not found"}]}}}
    body = json.dumps({"code": 50035, "message": "Invalid Form Body", "errors": blamed})
    path = f"/channels/{server.channel.id}/messages"
    refused = Body(body, "application/json", 400)
    harness.discord.faults.add(method="POST", path=path, action=refused, times=None, match=has_files)
    (await server.watched(prompt="A fox in the snow")).complete()
    outcome = await server.outcome()
    assert outcome.attachments == []
    assert "A fox in the snow" in outcome.text
    assert "Discord didn't accept the file." in outcome.text


@pytest.mark.parametrize("times", [1, 2])
async def test_a_permission_reported_missing_that_is_not(harness: Harness, server: GuildFixture, times: int) -> None:
    job = await server.watched()
    refused = refuse(harness.discord.faults, 50013, times=times, channel_id=server.channel.id, match=is_outcome)
    job.complete()
    outcome = await server.outcome()
    assert refused.hits == times
    assert len(outcome.attachments) == 1


async def test_an_earlier_refusal_of_another_kind_does_not_count(harness: Harness, server: GuildFixture) -> None:
    job = await server.watched()
    faults, here = harness.discord.faults, server.channel.id
    refuse(faults, 20028, times=2, channel_id=here, match=is_outcome)
    refused = refuse(faults, 50013, times=1, channel_id=here, match=is_outcome)
    job.complete()
    outcome = await server.outcome()
    assert refused.hits == 1
    assert len(outcome.attachments) == 1


async def test_files_that_are_always_forbidden(harness: Harness, server: GuildFixture) -> None:
    job = await server.watched()
    refuse(harness.discord.faults, 50013, channel_id=server.channel.id, match=has_files)
    job.complete()
    outcome = await server.outcome()
    assert outcome.attachments == []
    assert "Discord didn't accept the file." in outcome.text


async def test_a_permission_given_back_brings_the_file_and_is_reported(harness: Harness, server: GuildFixture) -> None:
    """An archived, locked thread is in no cache, and Discord refuses every form of the message."""
    alerts = await _alerts(server)
    thread = server.channel.add_thread("closed")
    job = server.job()
    await server.status(job, channel=thread)
    await server.settled(thread)
    forbidden = refuse(harness.discord.faults, 50013, channel_id=thread.id, match=is_outcome)
    thread.archive()
    job.complete()
    alert = await server.notice("**I can't post in", alerts)
    assert server.outcomes(thread) == []
    harness.discord.faults.remove(forbidden)
    thread.unarchive()
    outcome = await server.outcome(thread)
    assert len(outcome.attachments) == 1
    again = await server.notice("**I can post in", alerts)
    assert (again.id, again.edited) == (alert.id, True)
    assert "1 result was posted there.\n-# I couldn't for " in again.text
    assert thread.mention in again.text


@pytest.mark.parametrize("code", [20016, 20028, 40004, 130000])
async def test_a_temporary_refusal_is_reported_to_nobody(harness: Harness, server: GuildFixture, code: int) -> None:
    alerts = await _alerts(server)
    told = len(alerts.messages())
    job = await server.watched()
    refuse(harness.discord.faults, code, times=1, channel_id=server.channel.id, match=is_outcome)
    job.complete()
    assert len((await server.outcome()).attachments) == 1
    assert len(alerts.messages()) == told
    assert len(set(_nonces(harness, server.channel))) == 1


@pytest.mark.parametrize(("code", "status"), [(40006, 403), (20028, 403), (130000, 404)])
async def test_a_temporarily_unreadable_history_can_be_read_later(
    harness: Harness, server: GuildFixture, code: int, status: int
) -> None:
    job = await server.watched()
    refused = refuse(harness.discord.faults, code, status=status, on=On.HISTORY, times=1, channel_id=server.channel.id)
    path = f"/channels/{server.channel.id}/messages"
    harness.discord.faults.add(method="POST", path=path, when="after", action=Cut(), match=is_outcome)
    job.complete()
    await harness.discord.until(server.outcomes)
    await harness.restart()
    assert len((await server.outcome()).attachments) == 1
    assert refused.hits == 1


async def test_a_private_thread_that_the_bot_is_not_in(harness: Harness, server: GuildFixture) -> None:
    """The reply and `check` say how to add the bot; once it is added, everything works by itself."""
    server.channel.deny_bot(manage_threads=True)
    thread = server.channel.add_thread("secret", owner=server.member, private=True)
    harness.discord.world.backend.add_thread_member(thread.id, server.admin.id)
    job = server.job()
    answer = await server.status(job, channel=thread)
    assert answer.text.startswith("**I can't post here yet.**")
    assert "mention me in it, or add me" in answer.text
    check = (await server.admin.slash(thread, "pixverse-admin check")).text
    assert check.startswith("**1 problem.**")
    assert "mention me in it, or add me" in check
    watched = await server.member.slash(thread, "pixverse watch", jobids=server.job().jobid)
    assert "mention me in it, or add me" in watched.text
    thread.add_bot()
    await harness.discord.until(lambda: server.cards(thread))
    job.complete()
    assert len((await server.outcome(thread)).attachments) == 1


@pytest.mark.parametrize("kind", ["thread", "channel", "forum post"])
async def test_a_refused_card_is_reported_at_once(harness: Harness, server: GuildFixture, kind: str) -> None:
    forum = server.guild.add_forum("forum")
    parent = forum if kind == "forum post" else server.channel
    where = server.channel if kind == "channel" else parent.add_thread("results")
    refuse(harness.discord.faults, 50001, channel_id=where.id)
    answer = await server.status(server.job(), channel=where)
    assert answer.text.startswith("**I can't post here yet.** Discord refuses it")
    check = (await server.admin.slash(where, "pixverse-admin check")).text
    assert "Discord refuses my messages in this channel." in check
    assert "posting" not in check.partition("Works:")[2]


async def test_a_refusal_is_reported_to_everybody_who_asks(harness: Harness, server: GuildFixture) -> None:
    refuse(harness.discord.faults, 50001, channel_id=server.channel.id)
    job, ended = server.job(), server.job()
    ended.complete()
    await server.status(job)
    bob = server.guild.add_member("bob")
    for answer in (
        await server.status(job, by=bob),
        await server.watch(job, by=bob),
        await server.status(ended),
        await server.status(ended, by=bob),
    ):
        assert answer.text.startswith("**I can't post here yet.** Discord refuses it"), answer.text


async def test_the_bot_is_timed_out(harness: Harness, server: GuildFixture) -> None:
    """The advice is to end the timeout, because no permission is missing."""
    job = await server.watched()
    server.guild.time_bot_out(datetime.now(UTC) + timedelta(days=1))
    remedy = "I'm timed out"
    answer = await server.status(server.job())
    assert remedy in answer.text
    assert "Send Messages" not in answer.text
    assert remedy in (await server.admin.slash(server.channel, "pixverse-admin check")).text
    job.complete()
    # The admins can't be told either; a card can still be edited.
    card = await server.card_says("**Finished, but I can't post the result here.**")
    assert remedy in card.text
    server.guild.time_bot_out(None)
    assert len((await server.outcome()).attachments) == 1
