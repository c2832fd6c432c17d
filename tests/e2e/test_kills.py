"""kill -9 at the worst moments: each outcome is there exactly once, or, where nobody can know, at most once."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.discord_wire import Hold
from sandbox.discord_wire.faults import When
from sandbox.discord_wire.recording import RecordedRequest
from sandbox.pixverse_api import faults
from sandbox.pixverse_api.jobs import Job
from tests.e2e.ledger import HOUR, MINUTE
from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


async def _killed_at_the_outcome(stage: Stage, places: dict[When, list[Town]]) -> None:
    """Kills the bot while the answers to its outcomes are outstanding: before Discord stored them, or after."""
    holds = [_hold(stage, town, when) for when, towns in places.items() for town in towns]
    jobs = [await town.watched() for towns in places.values() for town in towns]
    for job in jobs:
        job.complete()
    async with asyncio.timeout(10):
        await asyncio.gather(*(hold.reached.wait() for hold in holds))
    assert {len(town.outcomes()) for town in places.get("after", [])} <= {1}
    assert {len(town.outcomes()) for town in places.get("before", [])} <= {0}
    await stage.kill()
    stage.discord.faults.clear()
    for hold in holds:
        hold.release.set()


def _hold(stage: Stage, town: Town, when: When) -> Hold:
    hold = Hold()
    stage.discord.faults.add(
        method="POST",
        path=f"/channels/{town.channel.id}/messages",
        when=when,
        action=hold,
        match=lambda call: "outcome:details" in str(call.json),
    )
    return hold


async def _there_once(town: Town) -> None:
    states = town.stage.ledger.outcome_states
    await town.stage.pixverse.until(lambda: states(town.channel.id) == ["posted"])
    outcome = await town.outcome()
    assert len(outcome.attachments) == 1
    assert outcome.pinged == {town.member.id}
    assert f"/{outcome.id}" in (await town.card_says("**Done.**")).text
    assert states(town.channel.id) == ["posted"]
    assert town.outcomes() == [outcome]


async def test_killed_with_discord_remembering(stage: Stage, towns: list[Town]) -> None:
    """Looked for where the bot may look, whatever the attempt's age; elsewhere made again under the same nonce."""
    before = await _more(stage)
    unreadable = await _more(stage)
    await _killed_at_the_outcome(stage, {"before": before, "after": towns + unreadable})
    for town in unreadable:
        town.channel.deny_bot(read_message_history=True)
    await stage.start()
    for town in [*before, *towns, *unreadable]:
        await _there_once(town)
    for town in towns:
        assert len(_posts_of(stage, town)) == 1
    for town in [*before, *unreadable]:
        posts = _posts_of(stage, town)
        assert len(posts) > 1
        assert len({post.body["nonce"] for post in posts}) == 1
        assert all(post.body["enforce_nonce"] is True for post in posts)


async def test_killed_with_discord_having_forgotten(stage: Stage, towns: list[Town]) -> None:
    """The attempt is two minutes or an hour old; where the bot may not look, nothing is sent again."""
    before, later, unreadable = [await _more(stage) for _ in range(3)]
    await _killed_at_the_outcome(stage, {"before": before, "after": towns + later + unreadable})
    stage.discord.forget_nonces()
    for town in towns:
        assert stage.ledger.age_unanswered(town.channel.id, 2 * MINUTE) == 1
    for town in [*before, *later, *unreadable]:
        assert stage.ledger.age_unanswered(town.channel.id, HOUR) == 1
    for town in unreadable:
        town.channel.deny_bot(read_message_history=True)
    await stage.start()

    for town in [*towns, *before, *later]:
        await _there_once(town)
    for town in [*towns, *later]:
        assert len(_posts_of(stage, town)) == 1
        assert len(_looks_of(stage, town)) >= 1
    for town in unreadable:
        await _is_unsure(town)
        assert len(town.outcomes()) == 1
        assert len(_posts_of(stage, town)) == 1


async def _more(stage: Stage) -> list[Town]:
    return [await stage.town(generation) for generation in ("v1", "v2")]


async def _is_unsure(town: Town) -> None:
    states = town.stage.ledger.outcome_states
    await town.stage.pixverse.until(lambda: states(town.channel.id) == ["unsure"])


async def test_killed_twice(stage: Stage, towns: list[Town]) -> None:
    await _killed_at_the_outcome(stage, {"after": towns})
    for town in towns:
        town.channel.deny_bot(read_message_history=True)
    holds = [_hold(stage, town, "after") for town in towns]
    await stage.start()
    async with asyncio.timeout(10):
        await asyncio.gather(*(hold.reached.wait() for hold in holds))
    await stage.kill()
    stage.discord.faults.clear()
    for hold in holds:
        hold.release.set()
    await stage.start()
    for town in towns:
        await _there_once(town)


async def test_killed_while_the_video_is_fetched(stage: Stage, towns: list[Town]) -> None:
    jobs = [await town.watched() for town in towns]
    event = asyncio.Event()
    fault = stage.pixverse.cdn.faults.add(faults.Hold(event), times=len(jobs))
    for job in jobs:
        job.complete()
    await stage.pixverse.until(lambda: fault.played == len(jobs))
    await stage.kill()
    event.set()
    await stage.start()
    for town in towns:
        await _there_once(town)


async def test_killed_in_the_middle_of_a_command(stage: Stage, towns: list[Town]) -> None:
    jobs = [town.job() for town in towns]
    holds = [_at_the_card(stage, town, job) for town, job in zip(towns, jobs, strict=True)]
    async with asyncio.timeout(10):
        await asyncio.gather(*(hold.reached.wait() for hold in holds))
    await stage.kill()
    stage.discord.faults.clear()
    for hold in holds:
        hold.release.set()
    await stage.start()
    for town, job in zip(towns, jobs, strict=True):
        job.complete()
        await _there_once(town)
        assert len(town.cards()) == 1


def _at_the_card(stage: Stage, town: Town, job: Job) -> Hold:
    """Holds the answer to the card of a command that is under way."""
    hold = Hold()
    stage.discord.faults.add(method="POST", path=f"/channels/{town.channel.id}/messages", when="after", action=hold)
    town.member.begin_slash(town.channel, "pixverse status", jobid=job.jobid)
    return hold


async def test_a_database_restored_from_before_the_outcome(stage: Stage, towns: list[Town]) -> None:
    """The nonce holds nothing local, so that a restored copy doubles nothing while Discord remembers."""
    jobs = [await town.watched() for town in towns]
    copy = stage.folder / "copy.db"
    assert (await stage.bot.run("backup", str(copy))).code == 0
    for town, job in zip(towns, jobs, strict=True):
        job.complete()
        await _there_once(town)
    await stage.stop()
    for name in ("relay.db", "relay.db-wal", "relay.db-shm"):
        (stage.ledger.path.parent / name).unlink(missing_ok=True)
    copy.rename(stage.ledger.path)
    await stage.start()
    for town in towns:
        await _there_once(town)
