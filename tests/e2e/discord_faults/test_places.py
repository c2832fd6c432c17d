"""Channels, threads and categories that are deleted, archived or locked while a job is watched there."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from sandbox.discord_wire import Body, Channel, RateLimit, Status
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import POLL_SECONDS, Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def alerts(server: GuildFixture) -> Channel:
    channel = server.guild.add_text_channel("alerts")
    await server.admin.slash(server.channel, "pixverse-admin alerts", channel=channel)
    return channel


def _waiting(harness: Harness, channel: Channel) -> bool:
    open_here = "SELECT id FROM subscriptions WHERE channel_id = ? AND ended_at IS NULL"
    return bool(harness.ledger.rows(open_here, channel.id)) or bool(harness.ledger.unsettled(channel.id))


async def _nothing_waits(harness: Harness, channel: Channel) -> None:
    await harness.pixverse.until(lambda: not _waiting(harness, channel))


async def _goes_on(server: GuildFixture) -> None:
    """Checks that other channels are not affected."""
    (await server.watched()).complete()
    await server.outcome()
    assert server.harness.bot.said("Traceback") == []


async def test_a_deleted_channel(harness: Harness, server: GuildFixture, alerts: Channel) -> None:
    doomed = server.guild.add_text_channel("doomed")
    job = server.job()
    await server.status(job, channel=doomed)
    doomed.delete()
    await _nothing_waits(harness, doomed)
    notice = await server.notice("**#doomed is gone.**", alerts)
    assert "1 job" in notice.text
    await _goes_on(server)
    asked = harness.pixverse.asked(job)
    await asyncio.sleep(5 * POLL_SECONDS)
    assert harness.pixverse.asked(job) == asked


async def test_channels_deleted_while_the_bot_was_off(harness: Harness, server: GuildFixture, alerts: Channel) -> None:
    """Whether the job ended before, meanwhile or not at all, admins are only told that its channel is gone."""
    doomed = [server.guild.add_text_channel(name) for name in ("before", "meanwhile", "not at all")]
    jobs = [server.job() for _ in doomed]
    for job, channel in zip(jobs, doomed, strict=True):
        await server.status(job, channel=channel)
        await server.settled(channel)
    doomed[0].deny_bot(send_messages=True)
    jobs[0].complete()
    await server.notice("**I can't post in", alerts)
    await harness.stop()
    jobs[1].complete()
    for channel in doomed:
        channel.delete()
    await harness.start()
    for channel in doomed:
        await _nothing_waits(harness, channel)
    told = await harness.discord.until(lambda: alerts.messages()[len(doomed) :])
    assert len(told) == 1
    gone = [message for message in alerts.messages() if message.text.startswith("**A channel is gone.** I've stopped")]
    assert len(gone) == len(doomed)
    await _goes_on(server)


async def test_a_deleted_thread(harness: Harness, server: GuildFixture, alerts: Channel) -> None:
    thread = server.channel.add_thread("doomed")
    await server.status(server.job(), channel=thread)
    thread.delete()
    await _nothing_waits(harness, thread)
    await server.notice("**#doomed is gone.**", alerts)
    await _goes_on(server)


async def test_a_thread_is_deleted_with_its_channel(harness: Harness, server: GuildFixture, alerts: Channel) -> None:
    doomed = server.guild.add_text_channel("doomed")
    threads = [doomed.add_thread(name) for name in ("open", "archived")]
    for thread in threads:
        await server.status(server.job(), channel=thread)
    threads[1].archive()
    doomed.delete()
    for thread in threads:
        await _nothing_waits(harness, thread)
    await _goes_on(server)


async def test_a_proxy_s_404_does_not_prove_that_a_channel_is_gone(harness: Harness, server: GuildFixture) -> None:
    """The gateway doesn't report archived threads, so the bot looks one up when another channel is deleted."""
    thread = server.channel.add_thread("quiet")
    job = server.job()
    await server.status(job, channel=thread)
    thread.archive()
    proxy = harness.discord.faults.add(method="GET", path=f"/channels/{thread.id}", action=Status(404))
    server.guild.add_text_channel("doomed").delete()
    await harness.discord.until(lambda: proxy.hits == 1)
    job.complete()
    await server.outcome(thread)


@pytest.mark.parametrize(
    "page",
    [Body(), Body("{}", "application/json"), Body("[]", "application/json"), Body('{"id": "1"}', "application/json")],
)
async def test_a_proxy_page_for_a_channel_says_nothing_about_its_server(
    harness: Harness, server: GuildFixture, page: Body
) -> None:
    """Before posting a result to a thread that the gateway doesn't report, the bot asks Discord for the thread's
    server.
    """
    thread = server.channel.add_thread("archived")
    job = server.job()
    await server.status(job, channel=thread)
    await server.settled(thread)
    thread.archive()
    proxy = harness.discord.faults.add(method="GET", path=f"/channels/{thread.id}", action=page)
    job.complete()
    await server.outcome(thread)
    assert proxy.hits == 1
    chosen = server.channel.add_thread("chosen")
    chosen.archive()
    harness.discord.faults.add(method="GET", path=f"/channels/{chosen.id}", action=page)
    alerts = "pixverse-admin alerts"
    answer = await server.admin.forge_choice(server.channel, alerts, option="channel", chosen=chosen)
    assert answer.text.startswith("**Discord didn't answer just now.**")
    again = await server.admin.forge_choice(server.channel, alerts, option="channel", chosen=chosen)
    assert again.text.startswith("**Alerts go to <#")


async def test_a_rate_limit_for_a_channel_is_waited_out(harness: Harness, server: GuildFixture) -> None:
    """discord.py raises its own exception if the wait would be too long."""
    thread = server.channel.add_thread("archived")
    job = server.job()
    await server.status(job, channel=thread)
    await server.settled(thread)
    thread.archive()
    limit = harness.discord.faults.add(method="GET", path=f"/channels/{thread.id}", action=RateLimit(45.0), times=None)
    job.complete()
    waits = "SELECT id FROM deliveries WHERE channel_id = ? AND reason = 'rate limited' AND settled_at IS NULL"
    await harness.pixverse.until(lambda: harness.ledger.rows(waits, thread.id) != [])
    answer = await server.admin.forge_choice(server.channel, "pixverse-admin alerts", option="channel", chosen=thread)
    assert answer.text.startswith("**Discord didn't answer just now.**")
    assert limit.hits == 2
    assert harness.bot.said("Traceback") == []


async def test_a_channel_survives_its_category(harness: Harness, server: GuildFixture) -> None:
    category = server.guild.add_category("studio")
    channel = server.guild.add_text_channel("inside", category=category)
    job = server.job()
    await server.status(job, channel=channel)
    category.delete()
    job.complete()
    await server.outcome(channel)
    assert harness.bot.said("Traceback") == []


async def test_an_archived_and_locked_thread(harness: Harness, server: GuildFixture, alerts: Channel) -> None:
    thread = server.channel.add_thread("closed")
    server.channel.deny_bot(manage_threads=True)
    job = server.job()
    await server.status(job, channel=thread)
    await server.settled(thread)
    thread.archive(locked=True)
    job.complete()
    await server.notice("**I can't post in ", alerts)
    assert server.outcomes(thread) == []
    await _goes_on(server)
    thread.unarchive()
    assert len((await server.outcome(thread)).attachments) == 1


async def test_a_locked_thread_that_is_unlocked(harness: Harness, server: GuildFixture, alerts: Channel) -> None:
    thread = server.channel.add_thread("locked")
    server.channel.deny_bot(manage_threads=True)
    job = server.job()
    await server.status(job, channel=thread)
    await server.settled(thread)
    thread.lock()
    job.complete()
    await server.notice("**I can't post in ", alerts)
    thread.unarchive()
    await server.outcome(thread)


async def test_a_card_deleted_by_a_moderator(harness: Harness, server: GuildFixture) -> None:
    """The outcome is then no reply, and the bot stops editing the card."""
    job = await server.watched()
    await server.settled()
    (card,) = server.cards()
    server.channel.delete_message(card)
    job.complete()
    outcome = await server.outcome()
    assert server.posts() == [outcome]
    await harness.pixverse.until(lambda: bool(_forgotten(harness, server.channel)))
    await _goes_on(await harness.server())


def _forgotten(harness: Harness, channel: Channel) -> list[dict[str, object]]:
    return harness.ledger.rows(
        "SELECT id FROM deliveries WHERE channel_id = ? AND kind = 'card'"
        " AND message_id IS NULL AND reason = 'deleted'",
        channel.id,
    )


_BLOCKED = "SELECT id FROM deliveries WHERE channel_id = ? AND kind = 'outcome' AND blocked_since IS NOT NULL"


async def test_a_hidden_channel_is_called_by_its_last_name_when_it_is_deleted(
    harness: Harness, server: GuildFixture, alerts: Channel
) -> None:
    doomed = server.guild.add_text_channel("doomed")
    await server.status(server.job(), channel=doomed)
    doomed.deny_bot(view_channel=True)
    await _hidden(server)
    doomed.delete()
    await _nothing_waits(harness, doomed)
    await server.notice("**#doomed is gone.**", alerts)
    assert not any("hidden" in message.text for message in alerts.messages())
    await _goes_on(server)


async def test_a_hidden_channel_with_an_unknown_name(harness: Harness, server: GuildFixture, alerts: Channel) -> None:
    """The channel was hidden while the bot was off. Its job stays watched; once it is deleted, it has no name."""
    doomed = server.guild.add_text_channel("doomed")
    await server.status(server.job(), channel=doomed)
    await harness.stop()
    doomed.deny_bot(view_channel=True)
    await harness.start()
    await _hidden(server)
    assert _waiting(harness, doomed)
    doomed.delete()
    await _nothing_waits(harness, doomed)
    await server.notice("**A channel is gone.**", alerts)
    assert not any("hidden" in message.text for message in alerts.messages())


@pytest.mark.parametrize("told", ["by the channel", "by a role alone"])
async def test_a_hidden_channel_that_is_shown_again(
    harness: Harness, server: GuildFixture, alerts: Channel, told: str
) -> None:
    """Only View Channel is missing; the made-up overwrite must not deny anything else, such as files."""
    channel = server.guild.add_text_channel("back-room")
    job = server.job()
    await server.status(job, channel=channel)
    await server.settled(channel)
    channel.deny_bot(view_channel=True)
    job.complete()
    notice = await server.notice("**I can't post in", alerts)
    assert "I need: *View Channel*." in notice.text
    check = (await server.admin.slash(server.channel, "pixverse-admin check")).text
    assert "*View Channel*" in check
    assert "*Send Messages*" not in check
    if told == "by the channel":
        channel.allow_bot(view_channel=True)
    else:
        backend = harness.discord.world.backend
        backend.get_channel(channel.id).overwrites.clear()
        held = harness.discord.Permissions.all()
        held.administrator = False  # it would override every overwrite
        server.guild.set_bot_permissions(held)
    outcome = await server.outcome(channel)
    assert len(outcome.attachments) == 1
    await harness.pixverse.until(lambda: not harness.ledger.rows(_BLOCKED, channel.id))


async def _hidden(server: GuildFixture) -> None:
    """Waits until the bot has received all earlier gateway events, as an answered command shows."""
    await server.use("pixverse list")
