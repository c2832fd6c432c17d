from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from model.job import JobState
from pixverse.api_client import LazyJob
from pixverse.recent_lists import LookupTerms
from relay.allowances import Allowances, Refill
from relay.commands import refusals
from relay.commands.job_checks import CheckedBefore
from relay.commands.watch_many import EntryStatus
from storage.database import Database
from tests.clock import ManualClock
from tests.relay.relay_fixture import ACCOUNT, CHANNEL, FakeApi, RelayFixture


class CostlyApi(FakeApi):
    """Each lookup takes three requests."""

    async def fetch(
        self, token: str, jobid: str, known: int | None = None, terms: LookupTerms | None = None
    ) -> LazyJob:
        for _ in range(2 if terms is not None else 0):
            assert terms is not None
            terms.spend()
        return await super().fetch(token, jobid, known, terms)


def _allowances(clock: ManualClock) -> Allowances:
    refill = Refill(burst=10, per_second=1.0)
    return Allowances(clock, per_person=refill, per_account=refill, kept_back=0)


@pytest.fixture
async def world(database: Database) -> AsyncIterator[RelayFixture]:
    made = RelayFixture(database, allowances=_allowances)
    yield made
    await made.close()


def _jobs(count: int, first: int = 0) -> list[str]:
    return [f"job-{first + n}" for n in range(count)]


async def test_a_watch_requests_all_of_its_ids_or_none(world: RelayFixture) -> None:
    for jobid in _jobs(20):
        world.api.put(jobid)
    await world.commands.many.watch(world.ask(), " ".join(_jobs(6)), True)
    with pytest.raises(refusals.TooFast) as refusal:
        await world.commands.many.watch(world.ask(), " ".join(_jobs(6, 6)), True)
    assert len(world.api.asked) == 6
    assert refusal.value.until == world.clock.now() + 2000
    world.clock.move_to(world.clock.monotonic() + 2)
    result = await world.commands.many.watch(world.ask(), " ".join(_jobs(6, 6)), True)
    assert [entry.status for entry in result.entries] == [EntryStatus.WATCHED] * 6


async def test_a_recent_response_costs_nothing(world: RelayFixture) -> None:
    for _ in range(3):
        result = await world.commands.many.watch(world.ask(), " ".join(_jobs(10)), True)
        assert [entry.status for entry in result.entries] == [EntryStatus.NOT_FOUND] * 10
    assert len(world.api.asked) == 10
    with pytest.raises(refusals.TooFast):
        await world.commands.watch.status(world.ask(), "job-99", True, False)
    with pytest.raises(refusals.TooFast):
        await world.commands.job_checks.peek(world.ask(person=2), "job-99")


async def test_a_job_that_could_not_be_looked_up_is_reported_and_not_watched(database: Database) -> None:
    world = RelayFixture(database, allowances=_allowances, api=CostlyApi)
    for jobid in _jobs(6):
        world.api.put(jobid)
    result = await world.commands.many.watch(world.ask(), " ".join(_jobs(6)), True)
    taken = [entry.status for entry in result.entries]
    assert taken.count(EntryStatus.WATCHED) == 2
    assert taken.count(EntryStatus.NOT_LOOKED_UP) == 4
    assert await world.rows("SELECT count(*) FROM jobs") == [(2,)]
    with pytest.raises(refusals.TooFast):
        await world.commands.watch.status(world.ask(), "job-5", True, False)
    assert await world.rows("SELECT count(*) FROM jobs") == [(2,)]
    await world.close()


async def test_polls_continue_when_people_have_used_up_their_requests(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.run()
    await world.commands.many.watch(world.ask(), " ".join(_jobs(9, 100)), True)
    await world.advance(1)
    for number in range(60):
        await world.advance(1)
        for person in range(5):
            with pytest.raises(refusals.Refusal):
                await world.commands.job_checks.peek(world.ask(person=person), f"job-{1000 + 5 * number + person}")
    times = world.api.times("job-1")
    assert len(times) >= 3
    assert max(later - earlier for earlier, later in pairwise(times)) <= 24
    assert len(world.api.asked) - len(times) <= 10 + 62


async def test_posting_an_ended_job_counts_the_request_for_fresh_links(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    world.api.put("job-1", JobState.COMPLETED)
    await world.recorder.record_response(number, world.api.jobs["job-1"], ACCOUNT)
    for channel in range(1, 10):
        await world.commands.watch.status(world.ask(channel=CHANNEL + channel), f"#{number}", True, False)
    with pytest.raises(refusals.TooFast):
        await world.commands.watch.status(world.ask(channel=CHANNEL + 20), f"#{number}", True, False)
    with pytest.raises(refusals.TooFast):
        await world.commands.many.watch(world.ask(channel=CHANNEL + 20), f"#{number}", True)
    with pytest.raises(refusals.TooFast):
        await world.commands.resending.post_again(world.ask(), 1, 5000)
    with pytest.raises(refusals.TooFast):
        world.lookups.prepay_for_server(world.ask())


async def test_check_now_counts(world: RelayFixture) -> None:
    await world.watch("job-1")
    await world.commands.many.watch(world.ask(), " ".join(_jobs(9, 100)), True)
    assert isinstance(await world.commands.job_checks.check_now(world.ask(), 1), CheckedBefore)
    world.clock.move_to(world.clock.monotonic() + 5)
    await world.commands.many.watch(world.ask(), " ".join(_jobs(5, 200)), True)
    with pytest.raises(refusals.TooFast):
        await world.commands.job_checks.check_now(world.ask(), 1)
