"""kill -9 at the worst moments: each outcome is posted exactly once or, where that can't be known, at most once."""

from __future__ import annotations

import asyncio

import pytest

from sandbox.discord_wire import Hold
from sandbox.discord_wire.faults import When
from sandbox.discord_wire.recording import RecordedRequest
from sandbox.pixverse_api import faults
from sandbox.pixverse_api.jobs import Job
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.ledger import HOUR, MINUTE

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _posts_of(harness: Harness, server: GuildFixture) -> list[RecordedRequest]:
    """All attempts to post an outcome to the channel."""
    path = f"/channels/{server.channel.id}/messages"
    return [
        call
        for call in harness.discord.requests
        if call.method == "POST" and call.path == path and "outcome:details" in str(call.json)
    ]


def _looks_of(harness: Harness, server: GuildFixture) -> list[RecordedRequest]:
    """All requests for the channel's history."""
    path = f"/channels/{server.channel.id}/messages"
    return [call for call in harness.discord.requests if call.method == "GET" and call.path == path]


async def _killed_at_the_outcome(harness: Harness, places: dict[When, list[GuildFixture]]) -> None:
    """Kills the bot while it waits for the responses to its outcomes, before or after Discord stored them."""
    holds = [_hold(harness, server, when) for when, servers in places.items() for server in servers]
    jobs = [await server.watched() for servers in places.values() for server in servers]
    for job in jobs:
        job.complete()
    async with asyncio.timeout(10):
        await asyncio.gather(*(hold.reached.wait() for hold in holds))
    assert {len(server.outcomes()) for server in places.get("after", [])} <= {1}
    assert {len(server.outcomes()) for server in places.get("before", [])} <= {0}
    await harness.kill()
    harness.discord.faults.clear()
    for hold in holds:
        hold.release.set()


def _hold(harness: Harness, server: GuildFixture, when: When) -> Hold:
    hold = Hold()
    harness.discord.faults.add(
        method="POST",
        path=f"/channels/{server.channel.id}/messages",
        when=when,
        action=hold,
        match=lambda call: "outcome:details" in str(call.json),
    )
    return hold


async def _there_once(server: GuildFixture) -> None:
    states = server.harness.ledger.outcome_states
    await server.harness.pixverse.until(lambda: states(server.channel.id) == ["posted"])
    outcome = await server.outcome()
    assert len(outcome.attachments) == 1
    assert outcome.pinged == {server.member.id}
    assert f"/{outcome.id}" in (await server.card_says("**Done.**")).text
    assert states(server.channel.id) == ["posted"]
    assert server.outcomes() == [outcome]


async def test_killed_while_discord_remembers_the_nonce(harness: Harness, servers: list[GuildFixture]) -> None:
    """The bot searches the history if it may read it, whatever the attempt's age, and otherwise posts with the same
    nonce again.
    """
    before = await _more(harness)
    unreadable = await _more(harness)
    await _killed_at_the_outcome(harness, {"before": before, "after": servers + unreadable})
    for server in unreadable:
        server.channel.deny_bot(read_message_history=True)
    await harness.start()
    for server in [*before, *servers, *unreadable]:
        await _there_once(server)
    for server in servers:
        assert len(_posts_of(harness, server)) == 1
    for server in [*before, *unreadable]:
        posts = _posts_of(harness, server)
        assert len(posts) > 1
        assert len({post.body["nonce"] for post in posts}) == 1
        assert all(post.body["enforce_nonce"] is True for post in posts)


async def test_killed_after_discord_forgot_the_nonce(harness: Harness, servers: list[GuildFixture]) -> None:
    """The attempt is two minutes or an hour old. Where the bot may not read the history, it sends nothing again."""
    before, later, unreadable = [await _more(harness) for _ in range(3)]
    await _killed_at_the_outcome(harness, {"before": before, "after": servers + later + unreadable})
    harness.discord.forget_nonces()
    for server in servers:
        assert harness.ledger.age_unanswered(server.channel.id, 2 * MINUTE) == 1
    for server in [*before, *later, *unreadable]:
        assert harness.ledger.age_unanswered(server.channel.id, HOUR) == 1
    for server in unreadable:
        server.channel.deny_bot(read_message_history=True)
    await harness.start()

    for server in [*servers, *before, *later]:
        await _there_once(server)
    for server in [*servers, *later]:
        assert len(_posts_of(harness, server)) == 1
        assert len(_looks_of(harness, server)) >= 1
    for server in unreadable:
        await _is_unsure(server)
        assert len(server.outcomes()) == 1
        assert len(_posts_of(harness, server)) == 1


async def _more(harness: Harness) -> list[GuildFixture]:
    return [await harness.server(generation) for generation in ("v1", "v2")]


async def _is_unsure(server: GuildFixture) -> None:
    states = server.harness.ledger.outcome_states
    await server.harness.pixverse.until(lambda: states(server.channel.id) == ["unsure"])


async def test_killed_twice(harness: Harness, servers: list[GuildFixture]) -> None:
    await _killed_at_the_outcome(harness, {"after": servers})
    for server in servers:
        server.channel.deny_bot(read_message_history=True)
    holds = [_hold(harness, server, "after") for server in servers]
    await harness.start()
    async with asyncio.timeout(10):
        await asyncio.gather(*(hold.reached.wait() for hold in holds))
    await harness.kill()
    harness.discord.faults.clear()
    for hold in holds:
        hold.release.set()
    await harness.start()
    for server in servers:
        await _there_once(server)


async def test_killed_during_the_download(harness: Harness, servers: list[GuildFixture]) -> None:
    jobs = [await server.watched() for server in servers]
    event = asyncio.Event()
    fault = harness.pixverse.cdn.faults.add(faults.Hold(event), times=len(jobs))
    for job in jobs:
        job.complete()
    await harness.pixverse.until(lambda: fault.played == len(jobs))
    await harness.kill()
    event.set()
    await harness.start()
    for server in servers:
        await _there_once(server)


async def test_killed_during_a_command(harness: Harness, servers: list[GuildFixture]) -> None:
    jobs = [server.job() for server in servers]
    holds = [_at_the_card(harness, server, job) for server, job in zip(servers, jobs, strict=True)]
    async with asyncio.timeout(10):
        await asyncio.gather(*(hold.reached.wait() for hold in holds))
    await harness.kill()
    harness.discord.faults.clear()
    for hold in holds:
        hold.release.set()
    await harness.start()
    for server, job in zip(servers, jobs, strict=True):
        job.complete()
        await _there_once(server)
        assert len(server.cards()) == 1


def _at_the_card(harness: Harness, server: GuildFixture, job: Job) -> Hold:
    """Holds the response to the card of a command that is running."""
    hold = Hold()
    harness.discord.faults.add(method="POST", path=f"/channels/{server.channel.id}/messages", when="after", action=hold)
    server.member.begin_slash(server.channel, "pixverse status", jobid=job.jobid)
    return hold


async def test_a_database_restored_from_before_the_outcome(harness: Harness, servers: list[GuildFixture]) -> None:
    """The nonce contains nothing local, so a restored copy posts nothing twice while Discord remembers it."""
    jobs = [await server.watched() for server in servers]
    copy = harness.folder / "copy.db"
    assert (await harness.bot.run("backup", str(copy))).code == 0
    for server, job in zip(servers, jobs, strict=True):
        job.complete()
        await _there_once(server)
    await harness.stop()
    for name in ("relay.db", "relay.db-wal", "relay.db-shm"):
        (harness.ledger.path.parent / name).unlink(missing_ok=True)
    copy.rename(harness.ledger.path)
    await harness.start()
    for server in servers:
        await _there_once(server)


async def test_the_summary_of_a_batch_that_had_ended_is_posted_once(harness: Harness, server: GuildFixture) -> None:
    """By its button it is found in the history; the button is removed once the message is edited."""
    hold = Hold()
    path = f"/channels/{server.channel.id}/messages"
    harness.discord.faults.add(method="POST", path=path, when="after", action=hold, match=_is_summary)
    jobs = [server.job(), server.job()]
    for job in jobs:
        job.complete()
    await server.watch(*jobs)
    async with asyncio.timeout(10):
        await hold.reached.wait()
    await harness.kill()
    harness.discord.faults.clear()
    hold.release.set()
    harness.discord.forget_nonces()
    assert harness.ledger.age_unanswered(server.channel.id, HOUR) == 1
    await harness.start()
    await server.settled()
    await harness.discord.until(lambda: not any(summary.buttons for summary in server.cards()))
    assert len(server.cards()) == 1


def _is_summary(call: RecordedRequest) -> bool:
    return "outcome:details" not in str(call.json)
