"""Channels, threads and categories that are deleted, archived or locked while somebody waits there."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio

from sandbox.discord_wire import Body, Channel, RateLimit, Status
from tests.e2e.stage import POLL_SECONDS, Stage
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def alerts(town: Town) -> Channel:
    channel = town.guild.add_text_channel("alerts")
    await town.admin.slash(town.channel, "pixverse-admin alerts", channel=channel)
    return channel


def _waiting(stage: Stage, channel: Channel) -> bool:
    open_here = "SELECT id FROM subscriptions WHERE channel_id = ? AND ended_at IS NULL"
    return bool(stage.ledger.rows(open_here, channel.id)) or bool(stage.ledger.unsettled(channel.id))


async def _nothing_waits(stage: Stage, channel: Channel) -> None:
    await stage.pixverse.until(lambda: not _waiting(stage, channel))


async def _goes_on(town: Town) -> None:
    """Nobody else noticed."""
    (await town.watched()).complete()
    await town.outcome()
    assert town.stage.bot.said("Traceback") == []


async def test_a_deleted_channel(stage: Stage, town: Town, alerts: Channel) -> None:
    doomed = town.guild.add_text_channel("doomed")
    job = town.job()
    await town.status(job, channel=doomed)
    doomed.delete()
    await _nothing_waits(stage, doomed)
    notice = await town.notice("**#doomed is gone.**", alerts)
    assert "1 job" in notice.text
    await _goes_on(town)
    asked = stage.pixverse.asked(job)
    await asyncio.sleep(5 * POLL_SECONDS)
    assert stage.pixverse.asked(job) == asked


async def test_channels_that_were_deleted_while_the_bot_was_off(stage: Stage, town: Town, alerts: Channel) -> None:
    """A job ended before, meanwhile or not at all: the admins are told that its channel is gone, and no more."""
    doomed = [town.guild.add_text_channel(name) for name in ("before", "meanwhile", "not at all")]
    jobs = [town.job() for _ in doomed]
    for job, channel in zip(jobs, doomed, strict=True):
        await town.status(job, channel=channel)
        await town.settled(channel)
    doomed[0].deny_bot(send_messages=True)
    jobs[0].complete()
    await town.notice("**I can't post in", alerts)
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
    await _goes_on(town)


async def test_a_deleted_thread(stage: Stage, town: Town, alerts: Channel) -> None:
    thread = town.channel.add_thread("doomed")
    await town.status(town.job(), channel=thread)
    thread.delete()
    await _nothing_waits(stage, thread)
    await town.notice("**#doomed is gone.**", alerts)
    await _goes_on(town)


async def test_a_thread_goes_with_its_channel(stage: Stage, town: Town, alerts: Channel) -> None:
    doomed = town.guild.add_text_channel("doomed")
    threads = [doomed.add_thread(name) for name in ("open", "archived")]
    for thread in threads:
        await town.status(town.job(), channel=thread)
    threads[1].archive()
    doomed.delete()
    for thread in threads:
        await _nothing_waits(stage, thread)
    await _goes_on(town)


async def test_a_proxy_that_finds_no_channel_proves_nothing(stage: Stage, town: Town) -> None:
    """Asked about when another channel is deleted, since the gateway tells nothing of an archived thread."""
    thread = town.channel.add_thread("quiet")
    job = town.job()
    await town.status(job, channel=thread)
    thread.archive()
    proxy = stage.discord.faults.add(method="GET", path=f"/channels/{thread.id}", action=Status(404))
    town.guild.add_text_channel("doomed").delete()
    await stage.discord.until(lambda: proxy.hits == 1)
    job.complete()
    await town.outcome(thread)


@pytest.mark.parametrize(
    "page",
    [Body(), Body("{}", "application/json"), Body("[]", "application/json"), Body('{"id": "1"}', "application/json")],
)
async def test_a_page_in_the_place_of_a_channel_says_nothing_of_its_server(
    stage: Stage, town: Town, page: Body
) -> None:
    """Before a result is posted into a thread that the gateway does not tell of, Discord is asked whose it is."""
    thread = town.channel.add_thread("archived")
    job = town.job()
    await town.status(job, channel=thread)
    await town.settled(thread)
    thread.archive()
    proxy = stage.discord.faults.add(method="GET", path=f"/channels/{thread.id}", action=page)
    job.complete()
    await town.outcome(thread)
    assert proxy.hits == 1
    chosen = town.channel.add_thread("chosen")
    chosen.archive()
    stage.discord.faults.add(method="GET", path=f"/channels/{chosen.id}", action=page)
    alerts = "pixverse-admin alerts"
    answer = await town.admin.forge_choice(town.channel, alerts, option="channel", chosen=chosen)
    assert answer.text.startswith("**Discord didn't answer just now.**")
    again = await town.admin.forge_choice(town.channel, alerts, option="channel", chosen=chosen)
    assert again.text.startswith("**Alerts go to <#")


async def test_a_rate_limit_in_the_place_of_a_channel_is_waited_for(stage: Stage, town: Town) -> None:
    """discord.py raises one of its own where it would have to wait too long."""
    thread = town.channel.add_thread("archived")
    job = town.job()
    await town.status(job, channel=thread)
    await town.settled(thread)
    thread.archive()
    limit = stage.discord.faults.add(method="GET", path=f"/channels/{thread.id}", action=RateLimit(45.0), times=None)
    job.complete()
    waits = "SELECT id FROM deliveries WHERE channel_id = ? AND reason = 'rate limited' AND settled_at IS NULL"
    await stage.pixverse.until(lambda: stage.ledger.rows(waits, thread.id) != [])
    answer = await town.admin.forge_choice(town.channel, "pixverse-admin alerts", option="channel", chosen=thread)
    assert answer.text.startswith("**Discord didn't answer just now.**")
    assert limit.hits == 2
    assert stage.bot.said("Traceback") == []


async def test_a_channel_outlives_its_category(stage: Stage, town: Town) -> None:
    category = town.guild.add_category("studio")
    channel = town.guild.add_text_channel("inside", category=category)
    job = town.job()
    await town.status(job, channel=channel)
    category.delete()
    job.complete()
    await town.outcome(channel)
    assert stage.bot.said("Traceback") == []


async def test_an_archived_and_locked_thread(stage: Stage, town: Town, alerts: Channel) -> None:
    thread = town.channel.add_thread("closed")
    town.channel.deny_bot(manage_threads=True)
    job = town.job()
    await town.status(job, channel=thread)
    await town.settled(thread)
    thread.archive(locked=True)
    job.complete()
    await town.notice("**I can't post in ", alerts)
    assert town.outcomes(thread) == []
    await _goes_on(town)
    thread.unarchive()
    assert len((await town.outcome(thread)).attachments) == 1


async def test_a_locked_thread_that_is_opened_again(stage: Stage, town: Town, alerts: Channel) -> None:
    thread = town.channel.add_thread("locked")
    town.channel.deny_bot(manage_threads=True)
    job = town.job()
    await town.status(job, channel=thread)
    await town.settled(thread)
    thread.lock()
    job.complete()
    await town.notice("**I can't post in ", alerts)
    thread.unarchive()
    await town.outcome(thread)


async def test_a_message_deleted_under_a_card(stage: Stage, town: Town) -> None:
    """The outcome replies to nothing then, and the card is not edited for ever."""
    job = await town.watched()
    await town.settled()
    (card,) = town.cards()
    town.channel.delete_message(card)
    job.complete()
    outcome = await town.outcome()
    assert town.posts() == [outcome]
    await stage.pixverse.until(lambda: bool(_forgotten(stage, town.channel)))
    await _goes_on(await stage.town())


def _forgotten(stage: Stage, channel: Channel) -> list[dict[str, object]]:
    return stage.ledger.rows(
        "SELECT id FROM deliveries WHERE channel_id = ? AND kind = 'card'"
        " AND message_id IS NULL AND reason = 'deleted'",
        channel.id,
    )


_BLOCKED = "SELECT id FROM deliveries WHERE channel_id = ? AND kind = 'outcome' AND blocked_since IS NOT NULL"


async def test_a_hidden_channel_is_told_by_its_last_name_when_it_is_deleted(
    stage: Stage, town: Town, alerts: Channel
) -> None:
    doomed = town.guild.add_text_channel("doomed")
    await town.status(town.job(), channel=doomed)
    doomed.deny_bot(view_channel=True)
    await _hidden(town)
    doomed.delete()
    await _nothing_waits(stage, doomed)
    await town.notice("**#doomed is gone.**", alerts)
    assert not any("hidden" in message.text for message in alerts.messages())
    await _goes_on(town)


async def test_a_hidden_channel_whose_name_was_never_seen(stage: Stage, town: Town, alerts: Channel) -> None:
    """It was hidden while the bot was off: still there, so its job is watched; once deleted, it has no name."""
    doomed = town.guild.add_text_channel("doomed")
    await town.status(town.job(), channel=doomed)
    await stage.stop()
    doomed.deny_bot(view_channel=True)
    await stage.start()
    await _hidden(town)
    assert _waiting(stage, doomed)
    doomed.delete()
    await _nothing_waits(stage, doomed)
    await town.notice("**A channel is gone.**", alerts)
    assert not any("hidden" in message.text for message in alerts.messages())


@pytest.mark.parametrize("told", ["by the channel", "by a role alone"])
async def test_a_hidden_channel_that_is_shown_again(stage: Stage, town: Town, alerts: Channel, told: str) -> None:
    """What is missing is View Channel and nothing else; the made-up overwrite keeps nothing back and costs no file."""
    channel = town.guild.add_text_channel("back-room")
    job = town.job()
    await town.status(job, channel=channel)
    await town.settled(channel)
    channel.deny_bot(view_channel=True)
    job.complete()
    notice = await town.notice("**I can't post in", alerts)
    assert "I need: *View Channel*." in notice.text
    check = (await town.admin.slash(town.channel, "pixverse-admin check")).text
    assert "*View Channel*" in check
    assert "*Send Messages*" not in check
    if told == "by the channel":
        channel.allow_bot(view_channel=True)
    else:
        backend = stage.discord.world.backend
        backend.get_channel(channel.id).overwrites.clear()
        held = stage.discord.Permissions.all()
        held.administrator = False  # it would outweigh every overwrite, the made-up one too
        town.guild.set_bot_permissions(held)
    outcome = await town.outcome(channel)
    assert len(outcome.attachments) == 1
    await stage.pixverse.until(lambda: not stage.ledger.rows(_BLOCKED, channel.id))


async def _hidden(town: Town) -> None:
    """Whatever the gateway told before a command has been heard once that is answered."""
    await town.use("pixverse list")
