"""Refusals of Discord that no permission of the channel mends, and refusals that pass."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.discord_wire import Body, Channel, Cut
from sandbox.discord_wire.refusals import On, has_files, refuse
from tests.e2e.discord_faults.test_server_errors import is_outcome
from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LIMITED = "Discord is limiting uploads on this server right now."


async def _alerts(town: Town) -> Channel:
    channel = town.guild.add_text_channel("alerts")
    await town.admin.slash(town.channel, "pixverse-admin alerts", channel=channel)
    return channel


def _nonces(stage: Stage, channel: Channel) -> list[str]:
    path = f"/channels/{channel.id}/messages"
    return [call.body["nonce"] for call in stage.discord.requests if call.path == path and is_outcome(call)]


@pytest.mark.parametrize("status", [403, 400])
async def test_uploads_limited_in_the_whole_server(stage: Stage, town: Town, status: int) -> None:
    """The link comes at once, and everybody reads the same reason; no file is claimed to work until one does."""
    alerts = await _alerts(town)
    limit = refuse(stage.discord.faults, 400001, status=status, match=has_files, channel_id=town.channel.id)
    job = await town.watched()
    job.complete()
    outcome = await town.outcome()
    assert outcome.attachments == []
    assert outcome.text.startswith("**Your video is ready, as a link.**")
    assert _LIMITED in outcome.text
    assert outcome.pinged == {town.member.id}
    assert len(set(_nonces(stage, town.channel))) == 2
    notice = await town.notice("**A result was posted as a link in", alerts)
    assert _LIMITED in notice.text
    assert _LIMITED in (await town.admin.slash(town.channel, "pixverse-admin deliveries")).text
    check = (await town.admin.slash(town.channel, "pixverse-admin check")).text
    assert _LIMITED in check
    assert "files" not in check.partition("Works:")[2]

    stage.discord.faults.remove(limit)
    (await town.watched()).complete()
    await stage.discord.until(lambda: len(town.outcomes()) == 2)
    assert len(town.outcomes()[1].attachments) == 1
    await town.settled()
    check = (await town.admin.slash(town.channel, "pixverse-admin check")).text
    assert _LIMITED not in check


@pytest.mark.parametrize("kind", ["thread", "forum post"])
async def test_uploads_limited_in_a_thread(stage: Stage, town: Town, kind: str) -> None:
    parent = town.channel if kind == "thread" else town.guild.add_forum("forum")
    thread = parent.add_thread("results")
    refuse(stage.discord.faults, 400001, match=has_files, channel_id=thread.id)
    job = town.job()
    await town.status(job, channel=thread)
    job.complete(videos=2)
    outcome = await town.outcome(thread)
    assert outcome.attachments == []
    assert outcome.text.count(_LIMITED) == 1


@pytest.mark.parametrize("status", [400, 403])
async def test_a_filter_of_links_is_no_missing_permission(stage: Stage, town: Town, status: int) -> None:
    """Whatever holds the API's words is refused; the file is not at fault."""
    refuse(
        stage.discord.faults,
        240000,
        status=status,
        channel_id=town.channel.id,
        match=lambda call: "badlink" in str(call.json),
    )
    alerts = await _alerts(town)
    job = town.job(prompt="A fox at badlink")
    await town.status(job)
    job.complete()
    outcome = await town.outcome()
    assert len(outcome.attachments) == 1
    assert "badlink" not in outcome.text
    notice = await town.notice("**A result was posted without its prompt in", alerts)
    assert "harmful-link filter" in notice.text


@pytest.mark.parametrize("status", [400, 403])
@pytest.mark.parametrize("code", [240000, 200000, 999999])
async def test_a_message_that_is_refused_for_ever_is_given_up_at_once(
    stage: Stage, town: Town, status: int, code: int
) -> None:
    alerts = await _alerts(town)
    job = await town.watched()
    refuse(stage.discord.faults, code, status=status, channel_id=town.channel.id, match=is_outcome)
    job.complete()
    notice = await town.notice("**A result was not posted in", alerts)
    assert "permission" not in notice.text
    sent = _nonces(stage, town.channel)
    assert len(sent) == len(set(sent)) >= 3
    assert "rejected" in notice.text or "blocked" in notice.text
    await town.card_says("**Finished, but not posted here.**")


async def test_a_code_of_tomorrow_costs_the_file_and_not_three_days(stage: Stage, town: Town) -> None:
    refuse(stage.discord.faults, 410007, status=403, channel_id=town.channel.id, match=has_files)
    (await town.watched()).complete()
    outcome = await town.outcome()
    assert outcome.attachments == []
    assert "Discord didn't accept the file." in outcome.text


@pytest.mark.parametrize("code", [160009, 160010])
async def test_a_reply_that_is_not_allowed_costs_nothing_but_the_reply(stage: Stage, town: Town, code: int) -> None:
    """discord-api-docs#8424: codes that the list lacked until September 2026."""
    alerts = await _alerts(town)
    told = len(alerts.messages())
    job = await town.watched(prompt="A fox in the snow")
    refuse(stage.discord.faults, code, channel_id=town.channel.id, match=lambda call: "message_reference" in call.body)
    job.complete()
    outcome = await town.outcome()
    assert outcome.reference_id is None
    assert len(outcome.attachments) == 1
    assert "A fox in the snow" in outcome.text
    assert len(alerts.messages()) == told


async def test_a_form_in_which_a_file_is_blamed_costs_the_file_alone(stage: Stage, town: Town) -> None:
    """concord#78: 50035 with the field in its tree of errors."""
    blamed = {"attachments": {"0": {"_errors": [{"code": "ATTACHMENT_NOT_FOUND", "message": "Not found"}]}}}
    body = json.dumps({"code": 50035, "message": "Invalid Form Body", "errors": blamed})
    path = f"/channels/{town.channel.id}/messages"
    refused = Body(body, "application/json", 400)
    stage.discord.faults.add(method="POST", path=path, action=refused, times=None, match=has_files)
    (await town.watched(prompt="A fox in the snow")).complete()
    outcome = await town.outcome()
    assert outcome.attachments == []
    assert "A fox in the snow" in outcome.text
    assert "Discord didn't accept the file." in outcome.text


@pytest.mark.parametrize("times", [1, 2])
async def test_a_permission_that_is_called_missing_and_is_not(stage: Stage, town: Town, times: int) -> None:
    job = await town.watched()
    refused = refuse(stage.discord.faults, 50013, times=times, channel_id=town.channel.id, match=is_outcome)
    job.complete()
    outcome = await town.outcome()
    assert refused.hits == times
    assert len(outcome.attachments) == 1


async def test_what_was_refused_otherwise_before_counts_for_nothing(stage: Stage, town: Town) -> None:
    job = await town.watched()
    faults, here = stage.discord.faults, town.channel.id
    refuse(faults, 20028, times=2, channel_id=here, match=is_outcome)
    refused = refuse(faults, 50013, times=1, channel_id=here, match=is_outcome)
    job.complete()
    outcome = await town.outcome()
    assert refused.hits == 1
    assert len(outcome.attachments) == 1


async def test_files_that_are_called_forbidden_for_ever(stage: Stage, town: Town) -> None:
    job = await town.watched()
    refuse(stage.discord.faults, 50013, channel_id=town.channel.id, match=has_files)
    job.complete()
    outcome = await town.outcome()
    assert outcome.attachments == []
    assert "Discord didn't accept the file." in outcome.text


async def test_a_permission_given_back_brings_the_file_and_is_told(stage: Stage, town: Town) -> None:
    """An archived, locked thread: no cache knows it, and Discord refuses each form."""
    alerts = await _alerts(town)
    thread = town.channel.add_thread("closed")
    job = town.job()
    await town.status(job, channel=thread)
    await town.settled(thread)
    forbidden = refuse(stage.discord.faults, 50013, channel_id=thread.id, match=is_outcome)
    thread.archive()
    job.complete()
    alert = await town.notice("**I can't post in", alerts)
    assert town.outcomes(thread) == []
    stage.discord.faults.remove(forbidden)
    thread.unarchive()
    outcome = await town.outcome(thread)
    assert len(outcome.attachments) == 1
    again = await town.notice("**I can post in", alerts)
    assert (again.id, again.edited) == (alert.id, True)
    assert "1 result was posted there.\n-# I couldn't for " in again.text
    assert thread.mention in again.text


@pytest.mark.parametrize("code", [20016, 20028, 40004, 130000])
async def test_what_passes_by_itself_is_told_to_nobody(stage: Stage, town: Town, code: int) -> None:
    alerts = await _alerts(town)
    told = len(alerts.messages())
    job = await town.watched()
    refuse(stage.discord.faults, code, times=1, channel_id=town.channel.id, match=is_outcome)
    job.complete()
    assert len((await town.outcome()).attachments) == 1
    assert len(alerts.messages()) == told
    assert len(set(_nonces(stage, town.channel))) == 1


@pytest.mark.parametrize(("code", "status"), [(40006, 403), (20028, 403), (130000, 404)])
async def test_a_history_that_cannot_be_read_now_can_be_read_later(
    stage: Stage, town: Town, code: int, status: int
) -> None:
    job = await town.watched()
    refused = refuse(stage.discord.faults, code, status=status, on=On.HISTORY, times=1, channel_id=town.channel.id)
    path = f"/channels/{town.channel.id}/messages"
    stage.discord.faults.add(method="POST", path=path, when="after", action=Cut(), match=is_outcome)
    job.complete()
    await stage.discord.until(town.outcomes)
    await stage.restart()
    assert len((await town.outcome()).attachments) == 1
    assert refused.hits == 1


async def test_a_private_thread_of_which_the_bot_is_no_member(stage: Stage, town: Town) -> None:
    """The asker reads how to let it in, `check` says the same, and once it is in, all follows by itself."""
    town.channel.deny_bot(manage_threads=True)
    thread = town.channel.add_thread("secret", owner=town.member, private=True)
    stage.discord.world.backend.add_thread_member(thread.id, town.admin.id)
    job = town.job()
    answer = await town.status(job, channel=thread)
    assert answer.text.startswith("**I can't post here yet.**")
    assert "mention me in it, or add me" in answer.text
    check = (await town.admin.slash(thread, "pixverse-admin check")).text
    assert check.startswith("**1 problem.**")
    assert "mention me in it, or add me" in check
    watched = await town.member.slash(thread, "pixverse watch", jobids=town.job().jobid)
    assert "mention me in it, or add me" in watched.text
    thread.add_bot()
    await stage.discord.until(lambda: town.cards(thread))
    job.complete()
    assert len((await town.outcome(thread)).attachments) == 1


@pytest.mark.parametrize("kind", ["thread", "channel", "forum post"])
async def test_a_card_that_is_refused_is_told_at_once(stage: Stage, town: Town, kind: str) -> None:
    forum = town.guild.add_forum("forum")
    parent = forum if kind == "forum post" else town.channel
    where = town.channel if kind == "channel" else parent.add_thread("results")
    refuse(stage.discord.faults, 50001, channel_id=where.id)
    answer = await town.status(town.job(), channel=where)
    assert answer.text.startswith("**I can't post here yet.** Discord refuses it")
    check = (await town.admin.slash(where, "pixverse-admin check")).text
    assert "Discord refuses my messages in this channel." in check
    assert "posting" not in check.partition("Works:")[2]


async def test_the_bot_is_timed_out(stage: Stage, town: Town) -> None:
    """The remedy is to end the timeout: no permission is missing."""
    job = await town.watched()
    town.guild.time_bot_out(datetime.now(UTC) + timedelta(days=1))
    remedy = "I'm timed out"
    answer = await town.status(town.job())
    assert remedy in answer.text
    assert "Send Messages" not in answer.text
    assert remedy in (await town.admin.slash(town.channel, "pixverse-admin check")).text
    job.complete()
    # The admins can't be told either; a card can still be edited.
    card = await town.card_says("**Finished, but I can't post the result here.**")
    assert remedy in card.text
    town.guild.time_bot_out(None)
    assert len((await town.outcome()).attachments) == 1
