"""The API requests that members can cause with a server's token, and polling meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from itertools import count, pairwise

import pytest

from relay.allowances import PER_ACCOUNT, PER_PERSON, TOKEN_TRIALS, Refill
from sandbox.discord_wire import Answer, Member
from sandbox.pixverse_api.jobs import Job
from tests.e2e.conftest import Build
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_INTERVAL = 1.0
_SETTINGS = {"COMMANDS_PER_MINUTE": "1000", "POLL_INTERVAL": str(_INTERVAL)}
_MOMENT = "**One moment.** You can ask again <t:"


class Caused:
    """The requests with a server's token, except those for jobs that are polled anyway, and the time they took."""

    def __init__(self, server: GuildFixture, *polled: Job) -> None:
        self._town = server
        self._polled = {job.jobid for job in polled}
        self._seen = len(server.harness.pixverse.requests)
        self._began = time.monotonic()

    @property
    def count(self) -> int:
        requests = self._town.harness.pixverse.requests[self._seen :]
        return sum(one.account == self._town.account.number and one.jobid not in self._polled for one in requests)

    def bound(self, refill: Refill) -> float:
        return refill.burst + refill.per_second * (time.monotonic() - self._began) + 1


def _strangers(server: GuildFixture, count: int, first: int = 0, email: str | None = None) -> list[str]:
    """v2 ids of no known job."""
    address = email or server.account.email
    return [f"user:{server.account.number}-pixverse:{address}-video:{10**9 + first + n}" for n in range(count)]


async def _crowded_server(harness: Harness) -> GuildFixture:
    """A server with so many videos that a full search in the account's list takes five pages."""
    server = await harness.server("v2")
    for _ in range(240):
        server.job().complete()
    return server


async def _polled(server: GuildFixture) -> Job:
    job = server.harness.pixverse.add_job(server.account)
    assert (await server.status(job)).text.startswith("**Watching.**")
    return job


def _longest_gap(harness: Harness, job: Job, since: int) -> float:
    """The longest time between two polls of a job, in seconds."""
    times = [one.at for one in harness.pixverse.requests[since:] if one.jobid == job.jobid]
    assert len(times) > 2
    return max(later - earlier for earlier, later in pairwise(times)) / 1000


async def test_an_ordinary_watch_of_25(build: Build) -> None:
    harness = await build(**_SETTINGS)
    await harness.start()
    for generation in ("v1", "v2"):
        server = await harness.server(generation)
        jobs = [server.job() for _ in range(25)]
        answer = await server.watch(*jobs)
        first = sum(one.jobid in {job.jobid for job in jobs} for one in harness.pixverse.requests)
        assert answer.text.startswith("**Watching 25 jobs.**")
        assert first == 25


async def test_a_watch_of_25_unknown_ids_requests_the_lists_once(build: Build) -> None:
    harness = await build(**_SETTINGS)
    await harness.start()
    server = await _crowded_server(harness)
    caused = Caused(server)
    answer = await server.watch(*_strangers(server, 25))
    assert answer.text.count("not found") == 25
    assert caused.count == 25 + 1 + 5

    again = Caused(server)
    other = server.guild.add_member("bob")
    assert (await server.watch(*_strangers(server, 25), by=other)).text == answer.text
    assert again.count == 0, "what was not found is remembered for five seconds, and the lists are"


async def _in_turns(*commands: Coroutine[object, object, Answer]) -> list[Answer]:
    """Ten at a time; with all at once, a busy machine would miss Discord's three seconds."""
    answers: list[Answer] = []
    for start in range(0, len(commands), 10):
        answers += await asyncio.gather(*commands[start : start + 10])
    return answers


async def test_one_member_tries_to_use_up_the_token(build: Build) -> None:
    harness = await build(**_SETTINGS)
    await harness.start()
    server, neighbour = await _crowded_server(harness), await harness.server("v1")
    job, next_door = await _polled(server), await _polled(neighbour)
    since = len(harness.pixverse.requests)
    caused = Caused(server, job)
    answers = await _in_turns(
        *(server.watch(*_strangers(server, 25, 100 * n)) for n in range(27)),
        *(server.watch(*_strangers(server, 25, 100 * n, f"n{n}@example.com")) for n in range(3)),
        *(server.status(stranger) for stranger in _strangers(server, 20, 9000)),
        *(server.status(stranger, private=True) for stranger in _strangers(server, 20, 9500)),
        *(server.use("pixverse list") for _ in range(5)),
    )
    assert caused.count <= caused.bound(PER_PERSON)
    # On a slower machine, more of the allowance has been refilled meanwhile.
    assert sum(answer.text.startswith(_MOMENT) for answer in answers) > len(answers) // 2

    await asyncio.sleep(3 * _INTERVAL)
    for one in (job, next_door):
        assert _longest_gap(harness, one, since) < 4 * _INTERVAL

    other = server.guild.add_member("bob")
    honest = await server.watch(*(harness.pixverse.add_job(server.account) for _ in range(25)), by=other)
    assert honest.text.startswith("**Watching 25 jobs.**"), "nobody else has to wait for that member"


async def test_twenty_members_at_once(build: Build) -> None:
    harness = await build(**_SETTINGS)
    await harness.start()
    server, neighbour = await _crowded_server(harness), await harness.server("v1")
    job, next_door = await _polled(server), await _polled(neighbour)
    people = [server.guild.add_member(f"person {n}") for n in range(20)]
    since = len(harness.pixverse.requests)
    caused = Caused(server, job)
    await _in_turns(*(server.watch(*_strangers(server, 25, 100 * n), by=people[n % 20]) for n in range(40)))
    assert caused.count <= caused.bound(PER_ACCOUNT)
    assert (await neighbour.status(neighbour.job())).text.startswith("**Watching.**")
    await asyncio.sleep(3 * _INTERVAL)
    for one in (job, next_door):
        assert _longest_gap(harness, one, since) < 4 * _INTERVAL


async def test_members_of_one_server_delay_nobody_in_another_with_the_same_token(build: Build) -> None:
    harness = await build(**_SETTINGS)
    await harness.start()
    server = await harness.server("v1")
    greedy = GuildFixture(harness, server.account, "v1")
    await greedy.set_token()
    people = [greedy.guild.add_member(f"person {n}") for n in range(4)]
    fresh = count()

    def unknown() -> str:
        return greedy.an_id().replace("20261124101500123", f"20261124101{next(fresh):06}")

    async def take_all(person: Member) -> None:
        answer = await greedy.watch(*(unknown() for _ in range(25)), by=person)
        while not answer.text.startswith(_MOMENT):
            answer = await greedy.status(unknown(), by=person, private=True)

    for _ in range(5):
        await asyncio.gather(*map(take_all, people))
        assert (await server.status(server.job())).text.startswith("**Watching.**")


async def test_the_admins_check_uses_the_same_allowance(build: Build) -> None:
    harness = await build(**_SETTINGS)
    await harness.start()
    server = await harness.server()
    job = await _polled(server)
    caused = Caused(server, job)
    checks = await _in_turns(
        *(server.admin.slash(server.channel, "pixverse-admin check") for _ in range(PER_PERSON.burst))
    )
    assert any(answer.text.startswith(_MOMENT) for answer in checks)
    assert caused.count <= caused.bound(PER_PERSON)


async def test_token_trials_are_limited(build: Build) -> None:
    harness = await build(**_SETTINGS)
    await harness.start()
    server = await harness.server()
    before = len(harness.pixverse.requests)
    answers = [await server.set_token(f"user:99-{n:08d}abcdefghijklmnop") for n in range(TOKEN_TRIALS.burst + 5)]
    tried = [one for one in harness.pixverse.requests[before:] if one.account is None]
    assert answers[-1].text.startswith(_MOMENT)
    assert len(tried) <= TOKEN_TRIALS.burst + 2
