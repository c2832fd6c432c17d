"""Callbacks that report a job's end, and the poller's reaction."""

from __future__ import annotations

import asyncio

import pytest

from model.job import JobState
from pixverse.api_errors import RateLimited, Unavailable
from tests.idle import until_idle
from tests.relay.relay_fixture import CHANNEL, RelayFixture


async def _running(world: RelayFixture, jobid: str = "job-1") -> int:
    """The number of a job that the poller has just requested."""
    number = await world.watch(jobid)
    world.run()
    await world.advance(21)
    asked = len(world.api.times(jobid))
    while len(world.api.times(jobid)) == asked:
        await world.advance(0.5)
    world.api.asked.clear()
    return number


async def test_a_reported_end_is_seen_at_once_even_after_a_recent_response(world: RelayFixture) -> None:
    number = await _running(world)
    world.api.put("job-1", JobState.COMPLETED)
    world.loader.end_reported(number)
    await world.advance(0.1)
    assert await world.outcomes() == [("outcome", CHANNEL)]
    world.loader.end_reported(number)
    await world.advance(100)
    assert len(world.api.asked) == 1


async def test_a_record_that_is_not_final_yet_is_requested_again(world: RelayFixture) -> None:
    number = await _running(world)
    began = world.clock.monotonic()
    world.loader.end_reported(number)
    await world.advance(4)
    assert [round(at - began, 1) for at in world.api.times("job-1")] == [0, 1]
    world.api.put("job-1", JobState.COMPLETED)
    await world.advance(1.1)
    assert [round(at - began, 1) for at in world.api.times("job-1")] == [0, 1, 5]
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_a_flood_of_reports_causes_at_most_three_requests_an_interval(world: RelayFixture) -> None:
    number = await _running(world)
    for _ in range(400):
        world.loader.end_reported(number)
        await world.advance(0.25)
    times = world.api.times("job-1")
    early = [at for at in times if at < times[0] + 100]
    for first, fourth in zip(early, early[3:], strict=False):
        assert fourth - first >= 19.99
    assert 12 <= len(times) <= 16
    world.api.put("job-1", JobState.COMPLETED)
    await world.advance(22.1)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_after_false_reports_the_job_is_polled_as_before(world: RelayFixture) -> None:
    number = await _running(world)
    world.loader.end_reported(number)
    await world.advance(6)
    world.api.asked.clear()
    await world.advance(94)
    assert 4 <= len(world.api.asked) <= 5


async def test_a_report_during_a_request_is_followed_by_another_request(world: RelayFixture) -> None:
    number = await _running(world)
    world.api.gate = asyncio.Event()
    while not world.api.asked:
        world.clock.move_to(world.clock.monotonic() + 1)
        await until_idle()
    world.loader.end_reported(number)
    await until_idle()
    assert len(world.api.asked) == 1
    world.api.gate.set()
    await world.quiet()
    assert len(world.api.asked) == 2


async def test_a_report_requests_the_record_even_if_a_list_names_the_job(world: RelayFixture) -> None:
    jobids = [f"listed-{number}" for number in range(5)]
    numbers = [await world.watch(jobid) for jobid in jobids]
    world.run()
    await world.advance(45)
    world.api.asked.clear()
    list_requests = len(world.api.list_requests)
    world.api.lagging = {jobids[0]}
    world.api.put(jobids[0], JobState.COMPLETED)
    world.loader.end_reported(numbers[0])
    await world.advance(0.1)
    assert len(world.api.times(jobids[0])) == 1
    assert len(world.api.list_requests) == list_requests
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_retry_after_is_respected_whatever_is_reported(world: RelayFixture) -> None:
    number = await _running(world)
    world.api.trouble["job-1"] = RateLimited("429", 60.0)
    world.loader.end_reported(number)
    await world.advance(1)
    assert len(world.api.asked) == 1
    for _ in range(50):
        world.loader.end_reported(number)
        await world.advance(1)
    assert len(world.api.asked) == 1
    world.api.trouble.clear()
    world.api.put("job-1", JobState.COMPLETED)
    await world.advance(35)
    assert await world.outcomes() == [("outcome", CHANNEL)]


@pytest.mark.parametrize("down", [True, False])
async def test_reports_while_the_api_is_down_cause_no_flood(world: RelayFixture, down: bool) -> None:
    number = await _running(world)
    world.api.everywhere = Unavailable("503")
    if down:
        await world.advance(400)
        assert world.api_is_down()
    world.api.asked.clear()
    for _ in range(100):
        world.loader.end_reported(number)
        await world.advance(1)
    assert len(world.api.asked) <= 25
    world.api.everywhere = None
    world.api.put("job-1", JobState.COMPLETED)
    await world.advance(330)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_a_report_about_a_job_that_was_just_added_waits_for_it(world: RelayFixture) -> None:
    await world.loader.load()
    number = await world.watch("job-1")
    world.loader.end_reported(number)
    await world.loader.load()
    world.api.asked.clear()
    world.run()
    await world.advance(0.1)
    assert len(world.api.asked) == 1


async def test_a_report_counts_once_even_if_more_has_to_be_read(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    world.loader.end_reported(number)
    await world.loader.load()
    assert world.loader.loading
    job = world.queue.get(number)
    assert job is not None
    reported_at = job.reported_at
    assert reported_at is not None
    world.clock.move_to(reported_at + 1)
    await world.loader.load()
    assert job.reported_at == reported_at


async def test_a_report_about_a_job_that_is_not_polled_does_nothing(world: RelayFixture) -> None:
    await _running(world)
    world.loader.end_reported(999)
    await world.advance(1)
    assert world.api.asked == []


async def test_polls_are_as_frequent_even_if_callbacks_reported_every_end(world: RelayFixture) -> None:
    await _running(world)
    for place in range(3):
        jobid = f"announced-{place}"
        number = await world.watch(jobid)
        world.api.put(jobid, JobState.COMPLETED)
        world.loader.end_reported(number)
        await world.advance(0.5)
    assert len(await world.outcomes()) == 3
    world.api.asked.clear()
    await world.advance(240)
    assert len(world.api.times("job-1")) >= 11

    await world.watch("silent-1")
    world.api.put("silent-1", JobState.COMPLETED)
    await world.advance(21)
    assert len(await world.outcomes()) == 4
