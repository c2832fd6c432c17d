"""An active job is requested again, whatever fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from model.states import AccountState
from pixverse.api_errors import TokenRefused, Unavailable
from storage import jobs
from storage.database import Queries
from storage.errors import StorageUnavailable
from storage.jobs import OpenJob
from tests.relay.relay_fixture import ACCOUNT, GUILD, RelayFixture


async def _with_requests_in_flight(world: RelayFixture, jobs: int) -> list[int]:
    """This many jobs are due at once, and no request is answered yet."""
    numbers = [await world.watch(f"job-{number}") for number in range(jobs)]
    world.clock.move_to(world.clock.monotonic() + 100)
    world.api.gate = asyncio.Event()
    world.api.asked.clear()
    world.run()
    await world.quiet_but_for_answers()
    world.clock.move_to(world.clock.monotonic() + 20)
    await world.quiet_but_for_answers()
    return numbers


async def test_a_token_refused_while_jobs_wait_for_a_slot_loses_none_of_them(world: RelayFixture) -> None:
    numbers = await _with_requests_in_flight(world, 30)
    assert len(world.api.asked) == 8
    dues = {number: job.due for number in numbers if (job := world.queue.get(number)) is not None}
    first = sorted(numbers, key=dues.__getitem__)[:16]
    world.accounts.states[ACCOUNT] = AccountState.REFUSED
    world.loader.account_changed(ACCOUNT)
    world.api.everywhere = TokenRefused("401")
    assert world.api.gate is not None
    world.api.gate.set()
    await world.advance(5)
    world.api.gate, world.api.everywhere = None, None
    async with world.database.transaction() as tx:
        for number in first:
            await tx.run("UPDATE subscriptions SET ended_at = 1 WHERE job_id = ?", (number,))
    for number in first:
        world.loader.job_changed(number)
    await world.advance(5)

    world.accounts.states[ACCOUNT] = AccountState.OK
    world.loader.account_changed(ACCOUNT)
    world.api.asked.clear()
    await world.advance(60)
    assert {jobid for _, _, jobid in world.api.asked} == {
        f"job-{place}" for place, number in enumerate(numbers) if number not in first
    }


async def test_a_restarted_loop_requests_what_was_in_flight(world: RelayFixture) -> None:
    await _with_requests_in_flight(world, 3)
    assert len(world.api.asked) == 3
    await world.stop()
    world.api.gate = None
    world.api.asked.clear()
    world.run()
    await world.advance(25)
    assert {jobid for _, _, jobid in world.api.asked} == {"job-0", "job-1", "job-2"}


async def test_a_loop_that_ended_before_a_request_began_makes_it_later(world: RelayFixture) -> None:
    await world.watch("job-0")
    world.clock.move_to(world.clock.monotonic() + 100)
    world.api.asked.clear()
    run = world.poller.run()
    task = asyncio.create_task(run)
    while not world.queue.polls().due and not task.done():
        await asyncio.sleep(0)
        world.clock.move_to(world.clock.monotonic() + 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    world.api.asked.clear()
    world.run()
    await world.advance(25)
    assert world.api.times("job-0")


async def test_waiting_for_a_request_of_an_ending_loop_gets_no_response(world: RelayFixture) -> None:
    await _with_requests_in_flight(world, 1)
    listening = asyncio.create_task(world.fetcher.fetch(ACCOUNT, "job-0", 0.0))
    await asyncio.sleep(0)
    await world.stop()
    [error] = await asyncio.gather(listening, return_exceptions=True)
    assert type(error).__name__ == "Unavailable"


async def test_a_job_that_changes_while_it_is_being_read_is_read_again(
    world: RelayFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await world.watch("job-0")
    world.run()
    await world.advance(1)
    read = jobs.open_among

    async def watched_again_meanwhile(reader: Queries, numbers: Sequence[int]) -> list[OpenJob]:
        rows = await read(reader, numbers)
        monkeypatch.setattr(jobs, "open_among", read)
        async with world.database.transaction() as tx:
            await tx.run("UPDATE subscriptions SET ended_at = NULL")
        world.loader.job_changed(number)
        return rows

    async with world.database.transaction() as tx:
        await tx.run("UPDATE subscriptions SET ended_at = 1")
    monkeypatch.setattr(jobs, "open_among", watched_again_meanwhile)
    world.loader.job_changed(number)
    world.api.asked.clear()
    await world.advance(45)
    assert world.api.times("job-0")


async def test_a_job_that_cannot_be_read_when_it_is_watched_is_read_later(
    world: RelayFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run()
    await world.advance(1)
    read = jobs.open_among

    async def unreadable(_reader: Queries, _numbers: Sequence[int]) -> list[OpenJob]:
        raise StorageUnavailable("disk I/O error")

    monkeypatch.setattr(jobs, "open_among", unreadable)
    await world.watch("job-0")
    await world.advance(5)
    assert world.poller.failures
    monkeypatch.setattr(jobs, "open_among", read)
    world.api.asked.clear()
    await world.advance(60)
    assert world.api.times("job-0")


async def test_a_job_watched_again_is_requested_no_sooner_than_its_interval_allows(world: RelayFixture) -> None:
    for place in range(10):
        await world.watch(f"job-{place}")
    world.run()
    await world.advance(41)
    last = {jobid: at for at, _, jobid in world.api.asked}
    world.api.asked.clear()
    for guild_uses in (None, ACCOUNT):
        world.accounts.used = {GUILD: guild_uses}
        world.loader.account_changed(ACCOUNT)
        await world.advance(0)
    await world.advance(40)
    assert all(world.api.times(jobid)[0] - at >= 20 for jobid, at in last.items())


async def test_the_loop_can_be_interrupted_while_it_reads_an_account(world: RelayFixture) -> None:
    await world.watch("job-0")
    world.run()
    world.accounts.states[ACCOUNT] = AccountState.REFUSED
    await world.advance(60)
    world.accounts.states[ACCOUNT] = AccountState.OK
    world.loader.account_changed(ACCOUNT)
    await asyncio.sleep(0)
    await world.stop()
    reading = asyncio.create_task(world.loader.load())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    world.api.asked.clear()
    world.run()
    await world.advance(45)
    assert world.api.times("job-0")


async def test_a_loop_that_crashed_before_its_probe_still_probes_the_api(
    world: RelayFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        await world.watch(f"job-{number}")
    world.run()
    await world.advance(21)
    world.api.everywhere = Unavailable("503")
    await world.advance(120)
    assert world.fetcher.down_since is not None
    await world.stop()

    def begun_and_then_a_fault(account_id: int) -> AccountState:
        if world.queue.in_flight:
            raise RuntimeError
        return AccountState.OK

    world.clock.move_to(world.clock.monotonic() + 600)
    with monkeypatch.context() as faulty:
        faulty.setattr(world.accounts, "state_of", begun_and_then_a_fault)
        with pytest.raises(RuntimeError):
            await world.poller.run()

    world.api.everywhere = None
    world.api.asked.clear()
    world.run()
    await world.advance(600)
    assert world.api.asked
    assert world.fetcher.down_since is None
