from __future__ import annotations

import asyncio

import pytest

from pixverse import api_errors
from pixverse.api_client import LazyJob
from pixverse.recent_lists import LookupTerms
from relay.commands.refusals import TooFast
from relay.polling.job_fetcher import NoTokenLeft
from storage.database import Database
from storage.errors import StorageUnavailable
from tests.idle import until_idle
from tests.relay.relay_fixture import ACCOUNT, OTHER_ACCOUNT, RelayFixture


async def test_a_response_is_shared_and_reused_for_five_seconds(world: RelayFixture) -> None:
    world.api.put("job-1")
    first, second = await asyncio.gather(world.fetcher.fetch(ACCOUNT, "job-1"), world.fetcher.fetch(ACCOUNT, "job-1"))
    assert first is second
    world.clock.move_to(world.clock.monotonic() + 4.99)
    assert await world.fetcher.fetch(ACCOUNT, "job-1") is first
    world.clock.move_to(world.clock.monotonic() + 0.02)
    assert await world.fetcher.fetch(ACCOUNT, "job-1") is not first
    assert len(world.api.asked) == 2


async def test_one_account_s_response_is_not_another_s(world: RelayFixture) -> None:
    world.api.put("job-1")
    await world.fetcher.fetch(ACCOUNT, "job-1")
    await world.fetcher.fetch(OTHER_ACCOUNT, "job-1")
    assert [token for _, token, _ in world.api.asked] == ["token-1", "token-2"]


async def test_errors_are_not_kept(world: RelayFixture) -> None:
    world.api.trouble["job-1"] = api_errors.Unavailable("503")
    with pytest.raises(api_errors.Unavailable):
        await world.fetcher.fetch(ACCOUNT, "job-1")
    del world.api.trouble["job-1"]
    world.api.put("job-1")
    assert (await world.fetcher.fetch(ACCOUNT, "job-1")).content == world.api.jobs["job-1"]


async def test_leaving_early_takes_the_response_from_nobody(world: RelayFixture) -> None:
    world.api.put("job-1")
    world.api.gate = asyncio.Event()
    impatient = asyncio.create_task(world.fetcher.fetch(ACCOUNT, "job-1"))
    patient = asyncio.create_task(world.fetcher.fetch(ACCOUNT, "job-1"))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)
    world.api.gate.set()
    assert (await patient).content == world.api.jobs["job-1"]
    assert impatient.cancelled()


async def test_accounts_are_told_of_each_response_but_not_of_silence(world: RelayFixture) -> None:
    world.api.put("job-1")
    await world.fetcher.fetch(ACCOUNT, "job-1")
    gone = await world.fetcher.fetch(ACCOUNT, "nowhere")
    assert isinstance(gone.content, api_errors.JobNotFound)
    refused = api_errors.TokenRefused("401")
    world.api.everywhere = refused
    with pytest.raises(api_errors.TokenRefused):
        await world.fetcher.fetch(OTHER_ACCOUNT, "job-2")
    world.api.everywhere = api_errors.Unavailable("503")
    with pytest.raises(api_errors.Unavailable):
        await world.fetcher.fetch(ACCOUNT, "job-3")
    assert world.accounts.results == [(ACCOUNT, None), (ACCOUNT, gone.content), (OTHER_ACCOUNT, refused)]


async def test_nothing_is_requested_without_a_token(world: RelayFixture) -> None:
    with pytest.raises(NoTokenLeft):
        await world.fetcher.fetch(99, "job-1")
    assert world.api.asked == []


async def test_backoffs_grow_without_retry_after_and_end_with_a_response(world: RelayFixture) -> None:
    world.api.put("job-1")
    world.api.everywhere = api_errors.RateLimited("429", None)
    pauses = []
    for _ in range(6):
        with pytest.raises(api_errors.RateLimited):
            await world.fetcher.fetch(ACCOUNT, "job-1")
        until = world.fetcher.backoff_until(ACCOUNT)
        assert until is not None
        pauses.append(until - world.clock.monotonic())
        world.clock.move_to(until)
    assert 20 <= pauses[0] <= 30
    assert 200 <= pauses[-1] <= 300
    assert world.fetcher.backoff_until(OTHER_ACCOUNT) is None
    world.api.everywhere = None
    await world.fetcher.fetch(ACCOUNT, "job-1")
    assert world.fetcher.backoff_until(ACCOUNT) is None


async def test_a_response_to_an_earlier_request_ends_no_backoff(world: RelayFixture) -> None:
    world.api.put("job-1")
    gate = world.api.gate = asyncio.Event()
    earlier = asyncio.create_task(world.fetcher.fetch(ACCOUNT, "job-1"))
    await until_idle()
    world.api.gate, world.api.trouble["job-2"] = None, api_errors.RateLimited("429", None)
    with pytest.raises(api_errors.RateLimited):
        await world.fetcher.fetch(ACCOUNT, "job-2")
    gate.set()
    await earlier
    assert world.fetcher.backoff_until(ACCOUNT) is not None


async def test_a_broken_account_at_pixverse_makes_no_token_back_off(world: RelayFixture) -> None:
    """A token may have several accounts at PixVerse."""
    world.api.everywhere = api_errors.AccountBroken("596")
    with pytest.raises(api_errors.AccountBroken):
        await world.fetcher.fetch(ACCOUNT, "job-1")
    assert world.fetcher.backoff_until(ACCOUNT) is None


async def test_an_account_backs_off_while_the_refusal_of_its_token_cannot_be_stored(world: RelayFixture) -> None:
    world.accounts.unstorable = StorageUnavailable("database is locked")
    world.api.everywhere = api_errors.TokenRefused("401")
    with pytest.raises(StorageUnavailable):
        await world.fetcher.fetch(ACCOUNT, "job-1")
    until = world.fetcher.backoff_until(ACCOUNT)
    assert until is not None
    assert until >= world.clock.monotonic() + world.timing.interval
    assert world.fetcher.backoff_until(OTHER_ACCOUNT) is None


async def test_simultaneous_refusals_count_once(world: RelayFixture) -> None:
    world.api.everywhere = api_errors.RateLimited("429", None)
    await asyncio.gather(*(world.fetcher.fetch(ACCOUNT, f"job-{n}") for n in range(8)), return_exceptions=True)
    until = world.fetcher.backoff_until(ACCOUNT)
    assert until is not None
    assert until - world.clock.monotonic() <= 30


async def test_old_responses_are_forgotten(world: RelayFixture) -> None:
    for number in range(50):
        world.api.put(f"job-{number}")
        await world.fetcher.fetch(ACCOUNT, f"job-{number}")
        world.clock.move_to(world.clock.monotonic() + 1)
    assert len(world.fetcher._responses) <= 6


async def test_with_a_short_interval_every_poll_makes_a_request(database: Database) -> None:
    world = RelayFixture(database, interval=2)
    await world.watch("job-1")
    world.run()
    await world.advance(30)
    assert len(world.api.asked) >= 12
    await world.close()


async def test_a_request_during_a_poll_shares_its_response(world: RelayFixture) -> None:
    world.api.put("job-1")
    world.api.gate = asyncio.Event()
    polling = asyncio.create_task(world.fetcher.poll(ACCOUNT, "job-1", 5.0, None))
    await asyncio.sleep(0)
    asking = asyncio.create_task(world.fetcher.fetch(ACCOUNT, "job-1"))
    also_polling = asyncio.create_task(world.fetcher.poll(ACCOUNT, "job-1", 5.0, None))
    await asyncio.sleep(0)
    world.api.gate.set()
    assert await asking is await polling is await also_polling
    assert len(world.api.asked) == 1
    assert await world.fetcher.poll(ACCOUNT, "job-1", 5.0, None) is await asking


async def test_a_request_during_a_poll_shares_its_error(world: RelayFixture) -> None:
    world.api.everywhere = api_errors.Unavailable("503")
    world.api.gate = asyncio.Event()
    polling = asyncio.create_task(world.fetcher.poll(ACCOUNT, "job-1", 5.0, None))
    await asyncio.sleep(0)
    asking = asyncio.create_task(world.fetcher.fetch(ACCOUNT, "job-1"))
    await asyncio.sleep(0)
    world.api.gate.set()
    for task in (polling, asking):
        with pytest.raises(api_errors.Unavailable):
            await task
    world.api.everywhere = None
    world.api.put("job-1")
    assert (await world.fetcher.fetch(ACCOUNT, "job-1")).content == world.api.jobs["job-1"]


async def test_after_an_interrupted_poll_the_next_one_makes_a_new_request(world: RelayFixture) -> None:
    world.api.put("job-1")
    world.api.gate = asyncio.Event()
    polling = asyncio.create_task(world.fetcher.poll(ACCOUNT, "job-1", 5.0, None))
    await asyncio.sleep(0)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    world.api.gate.set()
    assert (await world.fetcher.poll(ACCOUNT, "job-1", 5.0, None)).content == world.api.jobs["job-1"]


def _terms(spent: list[int], most: int = 100, fresh: float = 5.0) -> LookupTerms:
    def spend() -> None:
        if len(spent) >= most:
            raise TooFast(0)
        spent.append(1)

    return LookupTerms(spend, fresh)


async def test_not_found_is_remembered_for_people_but_not_for_the_schedule(world: RelayFixture) -> None:
    spent: list[int] = []
    for _ in range(3):
        answer = await world.fetcher.look_up(ACCOUNT, "job-1", _terms(spent))
        assert isinstance(answer.content, api_errors.JobNotFound)
    assert len(spent) == 1
    world.api.put("job-1")
    assert isinstance((await world.fetcher.look_up(ACCOUNT, "job-1", _terms(spent))).content, api_errors.JobNotFound)
    assert (await world.fetcher.poll(ACCOUNT, "job-1", 5.0, None)).content == world.api.jobs["job-1"]
    assert (await world.fetcher.look_up(ACCOUNT, "job-1", _terms(spent))).content == world.api.jobs["job-1"]
    assert len(spent) == 1

    await world.fetcher.look_up(ACCOUNT, "job-2", _terms(spent))
    world.api.put("job-2")
    found = await world.fetcher.look_up(ACCOUNT, "job-2", _terms(spent, fresh=0.0))
    assert found.content == world.api.jobs["job-2"], "who looks again looks anew"
    await world.fetcher.look_up(ACCOUNT, "job-3", _terms(spent))
    world.api.put("job-3")
    world.clock.move_to(world.clock.monotonic() + 5)
    assert (await world.fetcher.look_up(ACCOUNT, "job-3", _terms(spent))).content == world.api.jobs["job-3"]
    assert len(world.fetcher._missing) <= 1


async def test_a_person_without_allowance_is_told_and_others_get_their_response(world: RelayFixture) -> None:
    """If one caller's allowance is used up, the next caller, which may be the poller, sends the request."""
    world.api.put("job-1")
    world.api.gate = asyncio.Event()
    with pytest.raises(TooFast):
        await world.fetcher.look_up(ACCOUNT, "job-1", _terms([], most=0))
    assert world.api.asked == []

    async def runs_out(token: str, jobid: str, known: int | None, terms: LookupTerms | None) -> LazyJob:
        if terms is None:
            return LazyJob.of(world.api.jobs[jobid])
        await asyncio.sleep(0)
        terms.spend()
        return LazyJob.of(world.api.jobs[jobid])

    world.api.fetch = runs_out  # type: ignore[method-assign, assignment]
    first = asyncio.create_task(world.fetcher.look_up(ACCOUNT, "job-1", _terms([], most=1)))
    await asyncio.sleep(0)
    second = asyncio.create_task(world.fetcher.look_up(ACCOUNT, "job-1", _terms([])))
    polling = asyncio.create_task(world.fetcher.poll(ACCOUNT, "job-1", 0.0, None))
    asking = asyncio.create_task(world.fetcher.fetch(ACCOUNT, "job-1"))
    with pytest.raises(TooFast):
        await first
    for task in (second, polling, asking):
        assert (await task).content == world.api.jobs["job-1"]
    assert world.fetcher._in_flight == {}
