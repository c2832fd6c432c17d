from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from model.job import JobState
from pixverse.api_errors import RateLimited, TokenRefused, Unavailable
from relay.polling.job_list import ListRefreshed
from tests.idle import until_idle
from tests.relay.relay_fixture import ACCOUNT, CHANNEL, HOUR, RelayFixture


@pytest.fixture(params=["v1", "v2"])
def ten(request: pytest.FixtureRequest) -> list[str]:
    """Jobs of one generation of the API."""
    return [f"{request.param}-{number}" for number in range(10)]


async def _watched(world: RelayFixture, jobids: list[str]) -> None:
    for jobid in jobids:
        await world.watch(jobid)
    world.run()
    await world.advance(45)
    world.api.asked.clear()
    world.api.list_requests.clear()


def _requests(world: RelayFixture) -> int:
    return len(world.api.asked) + len(world.api.list_requests)


async def test_one_request_an_interval_serves_ten_jobs(world: RelayFixture, ten: list[str]) -> None:
    await _watched(world, ten)
    await world.advance(240)
    assert len(world.api.list_requests) <= 13
    assert {len(world.api.times(jobid)) for jobid in ten} <= {1, 2, 3}


async def _relayed(world: RelayFixture, jobids: list[str], seconds: float) -> list[float]:
    """Watches jobs of these durations to their ends; returns how late each outcome entered the outbox."""
    for jobid in jobids:
        await world.watch(jobid)
        await world.advance(2)
    await world.advance(seconds - 20)
    ends: dict[str, int] = {}
    for jobid in jobids:
        await world.advance(2)
        ends[jobid] = world.clock.now()
        world.api.put(jobid, JobState.FAILED)
    await world.advance(30)
    rows = await world.rows(
        "SELECT j.jobid, d.created_at FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id"
        " JOIN jobs j ON j.id = s.job_id WHERE d.kind = 'outcome'"
    )
    late = [(int(str(at)) - ends[str(jobid)]) / 1000 for jobid, at in rows if jobid in ends]
    assert len(late) == len(jobids)
    return late


async def test_a_relayed_job_costs_two_fifths_of_the_requests_and_its_outcome_is_no_later(
    world: RelayFixture, ten: list[str]
) -> None:
    world.run()
    assert max(await _relayed(world, ten, 300)) <= 22.1
    with_list = _requests(world)
    assert max(await _relayed(world, [f"plain-{number}" for number in range(10)], 300)) <= 22.1
    without = _requests(world) - with_list
    assert with_list <= 0.4 * without


@pytest.mark.parametrize("old", [9, 13, 17])
async def test_a_list_is_trusted_no_longer_than_a_record(world: RelayFixture, ten: list[str], old: int) -> None:
    """Also if the job that caused the list request no longer causes the next one."""
    early, late = ten[:6], ten[6:]
    world.run()
    for jobid in early:
        await world.watch(jobid)
    await world.advance(old)
    for jobid in late:
        await world.watch(jobid)
    world.api.asked.clear()
    while not world.api.list_requests:
        await world.advance(0.5)
    for jobid in late:
        world.api.put(jobid, JobState.FAILED)
    await world.advance(old + 0.5)
    assert world.api.asked == [], "the list was relied on"
    for jobid in early:
        await world.commands.stop.unwatch(world.ask(), jobid, False)
    await world.advance(22.1 - old)
    assert len(await world.outcomes()) == len(late)


async def test_a_job_that_leaves_the_list_is_requested_at_once(world: RelayFixture, ten: list[str]) -> None:
    await _watched(world, ten)
    for jobid in ten:
        world.api.asked.clear()
        ended = world.clock.monotonic()
        world.api.put(jobid, JobState.FAILED)
        outcomes = len(await world.outcomes())
        await world.advance(23)
        assert len(await world.outcomes()) == outcomes + 1
        assert world.api.times(jobid)[0] - ended <= 22.1


async def test_a_few_jobs_are_requested_one_by_one(world: RelayFixture, ten: list[str]) -> None:
    await _watched(world, ten[:2])
    await world.advance(100)
    assert world.api.list_requests == []
    assert min(len(world.api.times(jobid)) for jobid in ten[:2]) >= 4


@pytest.mark.parametrize("trouble", [Unavailable("503"), RateLimited("429", None), TokenRefused("401")])
async def test_a_failing_list_delays_and_ends_nothing(world: RelayFixture, ten: list[str], trouble: Exception) -> None:
    assert isinstance(trouble, Unavailable | RateLimited | TokenRefused)
    await _watched(world, ten)
    world.api.list_trouble = trouble
    await world.advance(25)
    world.api.put(ten[0], JobState.FAILED)
    await world.advance(22.1)
    assert await world.outcomes() == [("outcome", CHANNEL)]
    world.api.asked.clear()
    await world.advance(100)
    assert min(len(world.api.times(jobid)) for jobid in ten[1:]) >= 4
    assert world.accounts.state_of(ACCOUNT) == "ok"
    assert world.fetcher.down_since is None


@pytest.mark.parametrize("trouble", [RateLimited("429", 70.0), Unavailable("503", 70.0)])
async def test_after_a_list_with_a_retry_time_nothing_is_requested_before_it(
    world: RelayFixture, ten: list[str], trouble: Exception
) -> None:
    assert isinstance(trouble, Unavailable | RateLimited)
    await _watched(world, ten)
    world.api.list_trouble = trouble
    while not world.api.list_requests:
        await world.advance(0.5)
    await world.advance(92)
    assert len(world.api.list_requests) == 1
    refused_at, _ = world.api.list_requests[0]
    asked = sorted((at, jobid) for at, _, jobid in world.api.asked if at >= refused_at)
    assert sorted(jobid for _, jobid in asked) == ten
    assert asked[0][0] >= refused_at + 70


async def test_after_a_record_with_a_retry_time_no_list_is_requested_before_it(
    world: RelayFixture, ten: list[str]
) -> None:
    await _watched(world, ten)
    world.api.trouble[ten[0]] = RateLimited("429", 300.0)
    with pytest.raises(RateLimited):
        await world.fetcher.fetch(ACCOUNT, ten[0])
    world.api.list_requests.clear()
    until = world.clock.monotonic() + 300
    await world.advance(200)
    due = await world.job_lists.refresh(ACCOUNT, world.api.kind_of(ten[0]))
    assert (due, len(world.api.asked), world.api.list_requests) == (until, 1, [])


async def test_a_hanging_list_makes_no_outcome_late(world: RelayFixture, ten: list[str]) -> None:
    await _watched(world, ten)
    world.api.list_gate = asyncio.Event()
    await _pass(world, 25)
    assert len(world.api.list_requests) == 1
    for jobid in ten:
        world.api.put(jobid, JobState.FAILED)
    await _pass(world, 24)
    assert len(await world.outcomes()) == 10


async def _pass(world: RelayFixture, seconds: int) -> None:
    """Advances the clock, even if a response is still outstanding."""
    for _ in range(seconds):
        world.clock.move_to(world.clock.monotonic() + 1)
        await until_idle()


async def test_an_empty_list_ends_nothing_and_its_jobs_are_requested_one_by_one(
    world: RelayFixture, ten: list[str]
) -> None:
    await _watched(world, ten)
    world.api.unlisted = set(ten)
    await world.advance(25)
    world.api.asked.clear()
    world.api.put(ten[0], JobState.FAILED)
    await world.advance(22.1)
    assert await world.outcomes() == [("outcome", CHANNEL)]
    await world.advance(80)
    assert min(len(world.api.times(jobid)) for jobid in ten[1:]) >= 4


async def test_a_lagging_list_is_detected_and_not_used(world: RelayFixture, ten: list[str]) -> None:
    await _watched(world, ten)
    world.api.lagging = set(ten)
    world.api.put(ten[0], JobState.FAILED)
    await world.advance(145)
    assert await world.outcomes() == [("outcome", CHANNEL)]
    await world.advance(25)
    world.api.list_requests.clear()
    world.api.put(ten[1], JobState.FAILED)
    await world.advance(22.1)
    assert len(await world.outcomes()) == 2
    assert world.api.list_requests == []


async def test_a_lagging_list_s_jobs_are_not_trusted(world: RelayFixture, ten: list[str]) -> None:
    await _watched(world, ten)
    lists: list[ListRefreshed] = []
    world.job_lists.refreshed.listen(lists.append)
    world.api.lagging = set(ten)
    world.api.put(ten[0], JobState.FAILED)
    await world.advance(145)
    assert any(one.named for one in lists[:-1])
    assert not lists[-1].named


def _relying(world: RelayFixture) -> int:
    return sum(len(listed.relying) for listed in world.job_lists._lists.values())


async def test_nothing_is_kept_of_jobs_that_are_no_longer_watched(world: RelayFixture, ten: list[str]) -> None:
    """Without watched jobs, no other list is requested."""
    await _watched(world, ten)
    await world.advance(25)
    assert _relying(world) == 10
    for jobid in ten:
        await world.commands.stop.unwatch(world.ask(), jobid, False)
    await world.advance(25)
    assert _relying(world) == 0


async def test_nothing_is_kept_of_jobs_unwatched_once_their_list_arrives(world: RelayFixture, ten: list[str]) -> None:
    await _watched(world, ten)
    world.api.list_gate = asyncio.Event()
    await _pass(world, 10)
    while not world.api.list_requests:
        await _pass(world, 1)
    for jobid in ten:
        await world.commands.stop.unwatch(world.ask(), jobid, False)
    await until_idle()
    world.api.list_gate.set()
    await world.advance(25)
    assert _relying(world) == 0


async def test_old_jobs_share_a_list_too(world: RelayFixture, ten: list[str]) -> None:
    await _watched(world, ten)
    await world.advance(3600)
    world.api.asked.clear()
    world.api.list_requests.clear()
    await world.advance(3600)
    assert len(world.api.list_requests) <= 14
    assert _requests(world) <= 0.4 * 10 * 3600 / 315


async def test_a_job_that_is_too_old_is_given_up_even_if_a_list_names_it(world: RelayFixture, ten: list[str]) -> None:
    await _watched(world, ten[:3])
    async with world.database.transaction() as tx:
        await tx.run("UPDATE jobs SET watched_since = watched_since - ?", (47 * HOUR,))
    for number in (1, 2, 3):
        world.changes.job_watched(number)
    await world.advance(3000)
    assert await world.outcomes() == []
    await world.advance(1000)
    assert len(await world.outcomes()) == 3


async def test_without_cards_records_are_requested_half_as_often(world: RelayFixture, ten: list[str]) -> None:
    for jobid in ten:
        world.api.put(jobid)
    await world.commands.many.watch(world.ask(), " ".join(ten), False)
    world.run()
    await world.advance(45)
    world.api.asked.clear()
    await world.advance(240)
    assert {len(world.api.times(jobid)) for jobid in ten} <= {1}


# ---- young jobs that somebody can see --------------------------------------------------------------------------------


async def _watched_in_one_batch(world: RelayFixture, jobids: list[str]) -> None:
    for jobid in jobids:
        world.api.put(jobid)
    world.run()
    await world.advance(1)
    await world.commands.many.watch(world.ask(), " ".join(jobids), False)
    world.api.asked.clear()
    world.api.list_requests.clear()


def _gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.parametrize("batch", [False, True], ids=["cards", "summary"])
@pytest.mark.parametrize("jobs", [1, 3, 8])
async def test_a_few_young_jobs_are_requested_at_every_interval_without_a_list(
    world: RelayFixture, jobs: int, batch: bool
) -> None:
    jobids = [f"v1-{number}" for number in range(jobs)]
    await (_watched_in_one_batch if batch else _watched)(world, jobids)
    began = world.clock.monotonic()
    await world.advance(120)
    for jobid in jobids:
        times = world.api.times(jobid)
        assert times[0] - began <= 20.4
        assert len(times) in (5, 6)
        assert all(20 <= gap <= 20.4 for gap in _gaps(times))
    assert world.api.list_requests == []


async def test_every_state_of_a_young_job_is_known_within_an_interval(world: RelayFixture, ten: list[str]) -> None:
    """From the first moment on."""
    world.run()
    for jobid in ten[:3]:
        await world.watch(jobid)
    for percent in range(0, 100, 10):
        for jobid in ten[:3]:
            world.api.put(jobid, percent=percent)
        await world.advance(20.5)
        snapshots = await world.rows("SELECT snapshot FROM jobs")
        assert all(f'"percent":{percent},' in f"{snapshot},".replace("}", ",") for (snapshot,) in snapshots)


async def test_many_young_jobs_use_the_list_until_they_are_few(world: RelayFixture) -> None:
    jobids = [f"v1-{number}" for number in range(9)]
    await _watched(world, jobids)
    await world.advance(60)
    assert len(world.api.asked) <= 9
    assert len(world.api.list_requests) in (2, 3)
    world.api.put(jobids[0], JobState.FAILED)
    await world.advance(41)
    world.api.asked.clear()
    world.api.list_requests.clear()
    await world.advance(60)
    assert all(len(world.api.times(jobid)) in (2, 3) for jobid in jobids[1:])
    assert world.api.list_requests == []


async def test_jobs_that_are_no_longer_young_use_the_list(world: RelayFixture, ten: list[str]) -> None:
    await _watched(world, ten[:5])
    await world.advance(300)
    world.api.asked.clear()
    world.api.list_requests.clear()
    await world.advance(120)
    assert len(world.api.list_requests) in (4, 5, 6)
    assert all(len(world.api.times(jobid)) in (1, 2) for jobid in ten[:5])


async def test_no_list_is_requested_for_two_old_jobs_beside_young_ones(world: RelayFixture, ten: list[str]) -> None:
    """Each young job is requested anyway, so a list would save nothing."""
    await _watched(world, ten[:2])
    await world.advance(300)
    for jobid in ten[2:8]:
        await world.watch(jobid)
    world.api.list_requests.clear()
    await world.advance(120)
    assert world.api.list_requests == []
