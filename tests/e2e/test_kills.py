"""kill -9 at the worst moments: each outcome is there exactly once, or, where nobody can know, at most once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from sandbox.discord_wire import Hold
from sandbox.discord_wire.faults import When
from sandbox.discord_wire.recording import RecordedRequest
from sandbox.pixverse_api import faults
from tests.e2e.ledger import HOUR, MINUTE
from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("generation")]


def _posts_of(stage: Stage, town: Town) -> list[RecordedRequest]:
    """Every try to post an outcome in the channel."""
    path = f"/channels/{town.channel.id}/messages"
    return [
        call
        for call in stage.discord.requests
        if call.method == "POST" and call.path == path and "outcome:details" in str(call.json)
    ]


def _looks_of(stage: Stage, town: Town) -> list[RecordedRequest]:
    """Every look into the channel's history."""
    path = f"/channels/{town.channel.id}/messages"
    return [call for call in stage.discord.requests if call.method == "GET" and call.path == path]


async def _killed_at_the_outcome(stage: Stage, town: Town, when: When) -> None:
    """Kills the bot while the answer to its outcome is outstanding: before Discord stored it, or after."""
    job = await town.watched()
    hold = Hold()
    stage.discord.faults.add(
        method="POST",
        path=f"/channels/{town.channel.id}/messages",
        when=when,
        action=hold,
        match=lambda call: "outcome:details" in str(call.json),
    )
    job.complete()
    async with asyncio.timeout(10):
        await hold.reached.wait()
    assert len(town.outcomes()) == (1 if when == "after" else 0)
    await stage.kill()
    stage.discord.faults.clear()
    hold.release.set()


async def _there_once(town: Town) -> None:
    states = town.stage.ledger.outcome_states
    await town.stage.pixverse.until(lambda: states(town.channel.id) == ["posted"])
    outcome = await town.outcome()
    assert len(outcome.attachments) == 1
    assert outcome.pinged == {town.member.id}
    assert f"/{outcome.id}" in (await town.card_says("**Done.**")).text
    assert states(town.channel.id) == ["posted"]
    assert town.outcomes() == [outcome]


async def test_killed_after_the_send_with_discord_remembering(stage: Stage, town: Town) -> None:
    await _killed_at_the_outcome(stage, town, "after")
    await stage.start()
    await _there_once(town)
    first, second = _posts_of(stage, town)
    assert first.body["nonce"] == second.body["nonce"]
    assert second.body["enforce_nonce"] is True


async def test_killed_before_the_send(stage: Stage, town: Town) -> None:
    await _killed_at_the_outcome(stage, town, "before")
    await stage.start()
    await _there_once(town)


@dataclass(frozen=True)
class Later:
    """How much older the unanswered attempt is when the bot comes back."""

    milliseconds: int


@pytest.mark.parametrize("later", [Later(2 * MINUTE), Later(HOUR)], ids=["2 min", "1 h"])
async def test_killed_after_the_send_with_discord_having_forgotten(stage: Stage, town: Town, later: Later) -> None:
    await _killed_at_the_outcome(stage, town, "after")
    stage.discord.forget_nonces()
    assert stage.ledger.age_unanswered(town.channel.id, later.milliseconds) == 1
    await stage.start()
    await _there_once(town)
    assert len(_posts_of(stage, town)) == 1
    assert len(_looks_of(stage, town)) >= 1


async def test_killed_before_the_send_with_discord_having_forgotten(stage: Stage, town: Town) -> None:
    await _killed_at_the_outcome(stage, town, "before")
    stage.discord.forget_nonces()
    assert stage.ledger.age_unanswered(town.channel.id, HOUR) == 1
    await stage.start()
    await _there_once(town)


async def test_forgotten_and_no_right_to_look_sends_nothing_again(stage: Stage, town: Town) -> None:
    await _killed_at_the_outcome(stage, town, "after")
    stage.discord.forget_nonces()
    town.channel.deny_bot(read_message_history=True)
    assert stage.ledger.age_unanswered(town.channel.id, HOUR) == 1
    await stage.start()
    await stage.pixverse.until(lambda: stage.ledger.outcome_states(town.channel.id) == ["unsure"])
    other = await stage.town()
    (await other.watched()).complete()
    await other.outcome()
    assert len(town.outcomes()) == 1
    assert len(_posts_of(stage, town)) == 1


async def test_no_right_to_look_but_discord_remembers(stage: Stage, town: Town) -> None:
    await _killed_at_the_outcome(stage, town, "after")
    town.channel.deny_bot(read_message_history=True)
    await stage.start()
    await _there_once(town)


async def test_killed_twice(stage: Stage, town: Town) -> None:
    await _killed_at_the_outcome(stage, town, "after")
    hold = Hold()
    stage.discord.faults.add(method="POST", path=f"/channels/{town.channel.id}/messages", when="after", action=hold)
    await stage.start()
    async with asyncio.timeout(10):
        await hold.reached.wait()
    await stage.kill()
    stage.discord.faults.clear()
    hold.release.set()
    await stage.start()
    await _there_once(town)


async def test_killed_while_the_video_is_fetched(stage: Stage, town: Town) -> None:
    job = await town.watched()
    event = asyncio.Event()
    fault = stage.pixverse.cdn.faults.add(faults.Hold(event))
    job.complete()
    await stage.pixverse.until(lambda: fault.played == 1)
    await stage.kill()
    event.set()
    await stage.start()
    await _there_once(town)


async def test_killed_in_the_middle_of_a_command(stage: Stage, town: Town) -> None:
    job = town.job()
    hold = Hold()
    stage.discord.faults.add(method="POST", path=f"/channels/{town.channel.id}/messages", when="after", action=hold)
    town.member.begin_slash(town.channel, "pixverse status", jobid=job.jobid)
    async with asyncio.timeout(10):
        await hold.reached.wait()
    await stage.kill()
    stage.discord.faults.clear()
    hold.release.set()
    await stage.start()
    job.complete()
    await _there_once(town)
    assert len(town.cards()) == 1


async def test_a_database_restored_from_before_the_outcome(stage: Stage, town: Town) -> None:
    """The nonce holds nothing local, so that a restored copy doubles nothing while Discord remembers."""
    job = await town.watched()
    copy = stage.folder / f"copy-{town.channel.id}.db"
    assert (await stage.bot.run("backup", str(copy))).code == 0
    job.complete()
    await _there_once(town)
    await stage.stop()
    for name in ("relay.db", "relay.db-wal", "relay.db-shm"):
        (stage.ledger.path.parent / name).unlink(missing_ok=True)
    copy.rename(stage.ledger.path)
    await stage.start()
    await _there_once(town)
