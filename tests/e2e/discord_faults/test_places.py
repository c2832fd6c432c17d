"""Channels, threads and categories that are deleted, archived or locked while a job is watched there."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from sandbox.discord_wire import Body, Channel, RateLimit, Status
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.stage import POLL_SECONDS, Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def alerts(server: GuildFixture) -> Channel:
    channel = server.guild.add_text_channel("alerts")
    await server.admin.slash(server.channel, "pixverse-admin alerts", channel=channel)
    return channel


def _waiting(stage: Stage, channel: Channel) -> bool:
    open_here = "SELECT id FROM subscriptions WHERE channel_id = ? AND ended_at IS NULL"
    return bool(stage.ledger.rows(open_here, channel.id)) or bool(stage.ledger.unsettled(channel.id))


async def _nothing_waits(stage: Stage, channel: Channel) -> None:
    await stage.pixverse.until(lambda: not _waiting(stage, channel))


async def _goes_on(server: GuildFixture) -> None:
    """Checks that other channels are not affected."""
    (await server.watched()).complete()
    await server.outcome()
    assert server.stage.bot.said("Traceback") == []


async def test_a_deleted_channel(stage: Stage, server: GuildFixture, alerts: Channel) -> None:
    doomed = server.guild.add_text_channel("doomed")
    job = server.job()
    await server.status(job, channel=doomed)
    doomed.delete()
    await _nothing_waits(stage, doomed)
    notice = await server.notice("**#doomed is gone.**", alerts)
    assert "1 job" in notice.text
    await _goes_on(server)
    asked = stage.pixverse.asked(job)
    await asyncio.sleep(5 * POLL_SECONDS)
    assert stage.pixverse.asked(job) == asked


async def test_channels_deleted_while_the_bot_was_off(stage: Stage, server: GuildFixture, alerts: Channel) -> None:
    """Whether the job ended before, meanwhile or not at all, admins are only told that its channel is gone."""
    doomed = [server.guild.add_text_channel(name) for name in ("before", "meanwhile", "not at all")]
    jobs = [server.job() for _ in doomed]
    for job, channel in zip(jobs, doomed, strict=True):
        await server.status(job, channel=channel)
        await server.settled(channel)
    doomed[0].deny_bot(send_messages=True)
    jobs[0].complete()
    await server.notice("**I can't post in", alerts)
    await stage.stop()
    jobs[1].complete()
    for channel in doomed:
        channel.delete()
    await stage.start()
    for channel in doomed:
        await _nothing_waits(stage, channel)
    told = await stage.discord.until(lambda: alerts.messages()[len(doomed) :])
    assert len(told) == 1
    gone = [message for message in alerts.messages() if message.text.startswith("**A channel is gone.** I've stopped")]
    assert len(gone) == len(doomed)
    await _goes_on(server)


async def test_a_deleted_thread(stage: Stage, server: GuildFixture, alerts: Channel) -> None:
    thread = server.channel.add_thread("doomed")
    await server.status(server.job(), channel=thread)
    thread.delete()
    await _nothing_waits(stage, thread)
    await server.notice("**#doomed is gone.**", alerts)
    await _goes_on(server)


async def test_a_thread_is_deleted_with_its_channel(stage: Stage, server: GuildFixture, alerts: Channel) -> None:
    doomed = server.guild.add_text_channel("doomed")
    threads = [doomed.add_thread(name) for name in ("open", "archived")]
    for thread in threads:
        await server.status(server.job(), channel=thread)
    threads[1].archive()
    doomed.delete()
    for thread in threads:
        await _nothing_waits(stage, thread)
    await _goes_on(server)


async def test_a_proxy_s_404_does_not_prove_that_a_channel_is_gone(stage: Stage, server: GuildFixture) -> None:
    """The gateway doesn't report archived threads, so the bot looks one up when another channel is deleted."""
    thread = server.channel.add_thread("quiet")
    job = server.job()
    await server.status(job, channel=thread)
    thread.archive()
    proxy = stage.discord.faults.add(method="GET", path=f"/channels/{thread.id}", action=Status(404))
    server.guild.add_text_channel("doomed").delete()
    await stage.discord.until(lambda: proxy.hits == 1)
    job.complete()
    await server.outcome(thread)


@pytest.mark.parametrize(
    "page",
    [Body(), Body("{}", "application/json"), Body("[]", "application/json"), Body('{"id": "1"}', "application/json")],
)
async def test_a_proxy_page_for_a_channel_says_nothing_about_its_server(
    stage: Stage, server: GuildFixture, page: Body
) -> None:
    """Before posting a result to a thread that the gateway doesn't report, the bot asks Discord for the thread's
    server.
    """
    thread = server.channel.add_thread("archived")
    job = server.job()
    await server.status(job, channel=thread)
    await server.settled(thread)
    thread.archive()
    proxy = stage.discord.faults.add(method="GET", path=f"/channels/{thread.id}", action=page)
    job.complete()
    await server.outcome(thread)
    assert proxy.hits == 1
    chosen = server.channel.add_thread("chosen")
    chosen.archive()
    stage.discord.faults.add(method="GET", path=f"/channels/{chosen.id}", action=page)
    alerts = "pixverse-admin alerts"
    answer = await server.admin.forge_choice(server.channel, alerts, option="channel", chosen=chosen)
    assert answer.text.startswith("**Discord didn't answer just now.**")
    again = await server.admin.forge_choice(server.channel, alerts, option="channel", chosen=chosen)
    assert again.text.startswith("**Alerts go to <#")


async def test_a_rate_limit_for_a_channel_is_waited_out(stage: Stage, server: GuildFixture) -> None:
    """discord.py raises its own exception if the wait would be too long."""
    thread = server.channel.add_thread("archived")
    job = server.job()
    await server.status(job, channel=thread)
    await server.settled(thread)
    thread.archive()
    limit = stage.discord.faults.add(method="GET", path=f"/channels/{thread.id}", action=RateLimit(45.0), times=None)
    job.complete()
    waits = "SELECT id FROM deliveries WHERE channel_id = ? AND reason = 'rate limited' AND settled_at IS NULL"
    await stage.pixverse.until(lambda: stage.ledger.rows(waits, thread.id) != [])
    answer = await server.admin.forge_choice(server.channel, "pixverse-admin alerts", option="channel", chosen=thread)
    assert answer.text.startswith("**Discord didn't answer just now.**")
    assert limit.hits == 2
    assert stage.bot.said("Traceback") == []


async def test_a_channel_survives_its_category(stage: Stage, server: GuildFixture) -> None:
    category = server.guild.add_category("studio")
    channel = server.guild.add_text_channel("inside", category=category)
    job = server.job()
    await server.status(job, channel=channel)
    category.delete()
    job.complete()
    await server.outcome(channel)
    assert stage.bot.said("Traceback") == []


async def test_an_archived_and_locked_thread(stage: Stage, server: GuildFixture, alerts: Channel) -> None:
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


async def test_a_locked_thread_that_is_unlocked(stage: Stage, server: GuildFixture, alerts: Channel) -> None:
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


async def test_a_card_deleted_by_a_moderator(stage: Stage, server: GuildFixture) -> None:
    """The outcome is then no reply, and the bot stops editing the card."""
    job = await server.watched()
    await server.settled()
    (card,) = server.cards()
    server.channel.delete_message(card)
    job.complete()
    outcome = await server.outcome()
    assert server.posts() == [outcome]
    await stage.pixverse.until(lambda: bool(_forgotten(stage, server.channel)))
    await _goes_on(await stage.server())


def _forgotten(stage: Stage, channel: Channel) -> list[dict[str, object]]:
    return stage.ledger.rows(
        "SELECT id FROM deliveries WHERE channel_id = ? AND kind = 'card'"
        " AND message_id IS NULL AND reason = 'deleted'",
        channel.id,
    )


_BLOCKED = "SELECT id FROM deliveries WHERE channel_id = ? AND kind = 'outcome' AND blocked_since IS NOT NULL"


async def test_a_hidden_channel_is_called_by_its_last_name_when_it_is_deleted(
    stage: Stage, server: GuildFixture, alerts: Channel
) -> None:
    doomed = server.guild.add_text_channel("doomed")
    await server.status(server.job(), channel=doomed)
    doomed.deny_bot(view_channel=True)
    await _hidden(server)
    doomed.delete()
    await _nothing_waits(stage, doomed)
    await server.notice("**#doomed is gone.**", alerts)
    assert not any("hidden" in message.text for message in alerts.messages())
    await _goes_on(server)


async def test_a_hidden_channel_with_an_unknown_name(stage: Stage, server: GuildFixture, alerts: Channel) -> None:
    """The channel was hidden while the bot was off. Its job stays watched; once it is deleted, it has no name."""
    doomed = server.guild.add_text_channel("doomed")
    await server.status(server.job(), channel=doomed)
    await stage.stop()
    doomed.deny_bot(view_channel=True)
    await stage.start()
    await _hidden(server)
    assert _waiting(stage, doomed)
    doomed.delete()
    await _nothing_waits(stage, doomed)
    await server.notice("**A channel is gone.**", alerts)
    assert not any("hidden" in message.text for message in alerts.messages())


@pytest.mark.parametrize("told", ["by the channel", "by a role alone"])
async def test_a_hidden_channel_that_is_shown_again(
    stage: Stage, server: GuildFixture, alerts: Channel, told: str
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
        backend = stage.discord.world.backend
        backend.get_channel(channel.id).overwrites.clear()
        held = stage.discord.Permissions.all()
        held.administrator = False  # it would override every overwrite
        server.guild.set_bot_permissions(held)
    outcome = await server.outcome(channel)
    assert len(outcome.attachments) == 1
    await stage.pixverse.until(lambda: not stage.ledger.rows(_BLOCKED, channel.id))


async def _hidden(server: GuildFixture) -> None:
    """Waits until the bot has received all earlier gateway events, as an answered command shows."""
    await server.use("pixverse list")
