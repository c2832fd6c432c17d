from __future__ import annotations

import asyncio
import tracemalloc
from itertools import pairwise

import pytest

from model import snapshots
from model.job import JobState, Media
from model.states import AccountState
from pixverse.api_errors import AccountBroken, JobExpired, PixVerseError, RateLimited, TokenRefused, Unavailable
from relay.polling.job_list import ListRefreshed
from relay.polling.job_recorder import Recorded
from storage.database import Database
from storage.errors import StorageUnavailable
from tests.clock import START
from tests.idle import until_idle
from tests.relay.relay_fixture import ACCOUNT, CHANNEL, GUILD, HOUR, OTHER_ACCOUNT, BrokenReader, RelayFixture


def _gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


async def test_a_job_is_requested_each_interval_and_its_end_is_posted_once_per_channel(world: RelayFixture) -> None:
    await world.watch("job-1")
    await world.watch("job-1", channel=CHANNEL + 1)
    await world.watch("job-1", guild=GUILD + 1, channel=CHANNEL + 2)
    world.run()
    await world.advance(100)
    times = world.api.times("job-1")
    assert 4 <= len(times) <= 7
    assert min(_gaps(times[1:])) >= 20
    assert await world.outcomes() == []

    world.api.put("job-1", JobState.COMPLETED, media=(Media("https://x/1.mp4"),))
    await world.advance(25)
    expected = [("outcome", CHANNEL), ("outcome", CHANNEL + 1), ("outcome", CHANNEL + 2)]
    assert await world.outcomes() == expected
    asked = len(world.api.asked)
    await world.advance(1000)
    assert len(world.api.asked) == asked
    assert await world.outcomes() == expected
    assert world.queue.polls().jobs == 0


async def test_nothing_is_written_without_news(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.run()
    await world.advance(1)
    before = await world.rows("PRAGMA data_version")
    changes = await world.rows("SELECT changed_at, snapshot FROM jobs")
    await world.advance(300)
    assert len(world.api.asked) > 10
    assert await world.rows("PRAGMA data_version") == before
    world.api.put("job-1", percent=40)
    await world.advance(25)
    assert await world.rows("SELECT changed_at, snapshot FROM jobs") != changes
    assert await world.rows("PRAGMA data_version") != before


_V2 = "user:4321-pixverse:me@example.com-video:1"


async def _seen_to_end(world: RelayFixture, within: float = 130) -> tuple[int, int]:
    """Returns when the job was last seen active, and when its end was seen."""
    world.api.put(_V2, JobState.COMPLETED, media=(Media("https://x/1.mp4"),))
    await world.advance(within)
    [(snapshot,)] = await world.rows("SELECT snapshot FROM jobs")
    job = snapshots.load(str(snapshot))
    assert job is not None
    assert job.ran_until is not None
    assert job.ended_by is not None
    return job.ran_until, job.ended_by


async def test_a_job_without_times_is_known_to_have_run_until_the_last_request(world: RelayFixture) -> None:
    await world.watch(_V2)
    world.run()
    await world.advance(1800)
    asked = world.api.times(_V2)
    ran_until, _ = await _seen_to_end(world)
    assert ran_until == pytest.approx(START + (asked[-1] - asked[0]) * 1000, abs=1000)


async def test_a_list_shows_that_a_job_is_running_even_if_its_record_was_skipped(world: RelayFixture) -> None:
    await world.watch(_V2)
    world.run()
    await world.advance(60)
    world.api.trouble[_V2] = Unavailable("503")
    await world.advance(1800)
    listed_at, now = world.clock.monotonic(), world.clock.now()
    world.job_lists.refreshed(ListRefreshed(ACCOUNT, "v2", listed_at, frozenset({_V2}), (), ()))
    del world.api.trouble[_V2]
    ran_until, _ = await _seen_to_end(world, within=900)
    assert ran_until >= now


async def test_how_long_a_job_ran_is_known_to_a_new_process_and_to_lookups(world: RelayFixture) -> None:
    await world.watch(_V2)
    world.run()
    await world.advance(1800)
    await world.stop()
    world.poller = world.new_poller()
    world.run()
    ran_until, ended_by = await _seen_to_end(world)
    assert ended_by - ran_until < 6 * 60_000


async def test_a_complete_job_without_a_file_ends_even_if_each_response_is_the_same(world: RelayFixture) -> None:
    await world.watch(_V2)
    world.run()
    await world.advance(60)
    world.api.put(_V2, JobState.PROGRESS, status="COMPLETED", lacks_file=True)
    await world.advance(200)
    assert await world.outcomes() == []
    await world.advance(300)
    assert await world.outcomes() == [("outcome", CHANNEL)]


@pytest.mark.parametrize("ask", ["check", "status", "watch"])
async def test_a_command_that_sees_the_end_of_an_old_job_without_times_knows_how_long_it_ran(
    world: RelayFixture, ask: str
) -> None:
    """Otherwise the result would count as late, although it was seen at once."""
    await world.watch(_V2)
    world.run()
    await world.advance(2 * 3600)
    world.api.put(_V2, JobState.COMPLETED, media=(Media("https://x/1.mp4"),))
    if ask == "check":
        [(subscription_id,)] = await world.rows("SELECT id FROM subscriptions")
        await world.commands.job_checks.check_now(world.ask(), int(str(subscription_id)))
    elif ask == "status":
        await world.commands.watch.status(world.ask(channel=CHANNEL + 1), _V2, True, False)
    else:
        await world.commands.many.watch(world.ask(channel=CHANNEL + 1), _V2, True)
    [(snapshot,)] = await world.rows("SELECT snapshot FROM jobs")
    job = snapshots.load(str(snapshot))
    assert job is not None
    assert job.ended_by == world.clock.now()
    assert job.ran_until is not None
    assert job.ended_by - job.ran_until <= 6 * 60_000


async def test_a_broken_account_at_pixverse_delays_no_job_of_another_one_with_the_same_token(
    world: RelayFixture,
) -> None:
    broken, other = ([f"user:4321-pixverse:{name}@example.com-video:{n}" for n in range(3)] for name in ("a", "b"))
    for jobid in broken + other:
        await world.watch(jobid)
    world.api.trouble = {jobid: AccountBroken("596") for jobid in broken}
    world.run()
    await world.advance(600)
    for jobid in broken:
        assert len(world.api.times(jobid)) <= 9
        assert min(_gaps(world.api.times(jobid)[1:])) >= 20
    for jobid in broken + other:
        world.api.put(jobid, JobState.COMPLETED, media=(Media("https://x/1.mp4"),))
    await world.advance(60)
    assert len(await world.outcomes()) == len(other)
    world.api.trouble = {}
    await world.advance(320)
    assert len(await world.outcomes()) == len(broken + other)


async def test_polls_without_news_write_nothing_about_an_old_job_without_times(world: RelayFixture) -> None:
    await world.watch(_V2)
    world.run()
    await world.advance(4000)
    asked = len(world.api.times(_V2))
    before = await world.rows("PRAGMA data_version")
    await world.advance(3600)
    assert len(world.api.times(_V2)) > asked
    assert await world.rows("PRAGMA data_version") == before


async def test_a_start_writes_nothing_about_unchanged_jobs(world: RelayFixture) -> None:
    await world.watch(_V2)
    world.poller = world.new_poller()
    before = await world.rows("PRAGMA data_version")
    world.run()
    await world.advance(60)
    assert len(world.api.times(_V2)) > 1
    assert await world.rows("PRAGMA data_version") == before


async def test_a_person_who_asks_for_a_running_job_later_watched_it_before_its_end(world: RelayFixture) -> None:
    await world.watch(_V2)
    world.clock.move_to(world.clock.monotonic() + 1800)
    await world.watch(_V2, channel=CHANNEL + 1)
    [(since,)] = await world.rows("SELECT created_at FROM subscriptions WHERE channel_id = ?", CHANNEL + 1)
    world.clock.move_to(world.clock.monotonic() + 1800)
    world.run()
    assert (await _seen_to_end(world))[0] == since


async def test_state_and_percentage_never_go_backwards(world: RelayFixture) -> None:
    world.api.put("job-1", percent=60)
    await world.watch("job-1")
    world.run()
    world.api.put("job-1", JobState.CREATED)
    await world.advance(30)
    [(snapshot,)] = await world.rows("SELECT snapshot FROM jobs")
    assert '"progress"' in str(snapshot)
    assert '"percent":60' in str(snapshot)


async def test_jobs_are_spread_at_the_start_and_all_are_requested(world: RelayFixture) -> None:
    for number in range(60):
        await world.watch(f"job-{number}")
    world.clock.move_to(world.clock.monotonic() + 100)
    world.api.asked.clear()
    world.run()
    start = world.clock.monotonic()
    await world.advance(20)
    first = [world.api.times(f"job-{number}")[0] - start for number in range(60)]
    for quarter in range(4):
        assert 4 <= sum(quarter * 5 <= at < quarter * 5 + 5 for at in first) <= 28
    assert all(len(world.api.times(f"job-{number}")) == 1 for number in range(60))


async def test_concurrent_requests_are_limited_overall_and_per_account(database: Database) -> None:
    world = RelayFixture(database, at_once=12)
    world.accounts.used = {GUILD + 1: OTHER_ACCOUNT}
    for number in range(30):
        await world.watch(f"job-{number}")
        await world.watch(f"other-{number}", guild=GUILD + 1, channel=CHANNEL + 1)
    world.clock.move_to(world.clock.monotonic() + 100)
    world.api.gate = asyncio.Event()
    world.api.asked.clear()
    world.run()
    await world.quiet()
    world.clock.move_to(world.clock.monotonic() + 20)
    await until_idle()
    assert world.api.most_under_way["all"] == 12
    assert world.api.most_under_way["token-1"] <= 8
    world.api.gate.set()
    await world.advance(19)
    assert {jobid for _, _, jobid in world.api.asked} >= {f"job-{number}" for number in range(30)}
    assert {jobid for _, _, jobid in world.api.asked} >= {f"other-{number}" for number in range(30)}
    assert world.api.most_under_way["all"] == 12
    assert world.api.most_under_way["token-2"] <= 8
    await world.close()


async def test_a_broken_job_backs_off_and_delays_no_other(world: RelayFixture) -> None:
    await world.watch("good-1")
    await world.watch("broken-1")
    world.api.trouble["broken-1"] = Unavailable("503")
    world.run()
    await world.advance(290)
    assert world.fetcher.down_since is None
    assert len(world.api.times("good-1")) >= 12
    assert len(world.api.times("broken-1")) <= 7
    del world.api.trouble["broken-1"]
    await world.advance(400)
    world.api.put("broken-1", JobState.FAILED)
    await world.advance(100)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_an_api_that_fails_most_requests_is_not_down_and_starves_nobody(world: RelayFixture) -> None:
    for number in range(30):
        await world.watch(f"broken-{number}")
        world.api.trouble[f"broken-{number}"] = Unavailable("502")
    for number in range(3):
        await world.watch(f"good-{number}")
    world.run()
    await world.advance(290)
    assert world.recorded.api == 0
    assert all(len(world.api.times(f"good-{number}")) >= 12 for number in range(3))
    assert all(len(world.api.times(f"broken-{number}")) <= 7 for number in range(30))


async def test_an_outage_is_probed_by_one_job_at_a_time_and_ends_without_a_rush(world: RelayFixture) -> None:
    for number in range(40):
        await world.watch(f"job-{number}")
    world.run()
    await world.advance(21)
    world.api.everywhere = Unavailable("503")
    down_from = world.clock.now()
    await world.advance(60)
    assert world.fetcher.down_since is not None
    assert down_from <= world.fetcher.down_since <= down_from + 10_000
    assert world.recorded.api == 1

    world.api.asked.clear()
    began = world.clock.monotonic()
    await world.advance(3600)
    times = [at - began for at, _, _ in world.api.asked]
    assert 12 <= len(times) <= 40
    assert max(_gaps(times)) <= 330

    world.api.everywhere = None
    world.api.asked.clear()
    for _ in range(100):
        await world.advance(5 if not world.api.asked else 0)
    back = world.api.asked[0][0]
    assert not world.api_is_down()
    assert world.recorded.api == 2
    await world.advance(30)
    for number in range(40):
        assert any(back <= at <= back + 21 for at in world.api.times(f"job-{number}"))
    in_a_second = max(sum(at <= other < at + 1 for other, _, _ in world.api.asked) for at, _, _ in world.api.asked)
    assert in_a_second <= 12


async def test_retry_after_pauses_the_account_and_no_other(world: RelayFixture) -> None:
    world.accounts.used = {GUILD + 1: OTHER_ACCOUNT}
    for number in range(5):
        await world.watch(f"mine-{number}")
    await world.watch("theirs-1", guild=GUILD + 1, channel=CHANNEL + 1)
    world.run()
    await world.advance(15)
    for number in range(5):
        world.api.trouble[f"mine-{number}"] = RateLimited("429", 120.0)
    while not any(jobid.startswith("mine") for at, _, jobid in world.api.asked if at > 65):
        await world.advance(0.5)
    rested_from = world.clock.monotonic()
    world.api.trouble.clear()
    world.api.asked.clear()
    await world.advance(118)
    mine = [at for at, _, jobid in world.api.asked if jobid.startswith("mine")]
    assert mine == []
    assert len(world.api.times("theirs-1")) >= 5
    await world.advance(30)
    mine = [at for at, _, jobid in world.api.asked if jobid.startswith("mine")]
    assert len(mine) >= 5
    assert min(mine) >= rested_from + 119
    assert len({round(at, 3) for at in mine}) > 1


async def test_jobs_on_hold_do_not_hide_that_the_api_is_down(world: RelayFixture) -> None:
    world.accounts.used[GUILD + 1] = OTHER_ACCOUNT
    await world.watch("job-1")
    await world.watch("job-2", guild=GUILD + 1, channel=CHANNEL + 1)
    world.accounts.states[OTHER_ACCOUNT] = AccountState.REFUSED
    world.api.everywhere = Unavailable("503")
    world.run()
    await world.advance(300)
    assert world.fetcher.down_since is not None


async def test_without_a_polled_job_nobody_knows_whether_the_api_is_still_down(world: RelayFixture) -> None:
    """No request would show that it is back."""
    await world.watch("job-1")
    world.api.everywhere = Unavailable("503")
    world.run()
    await world.advance(300)
    assert world.fetcher.down_since is not None
    world.accounts.states[ACCOUNT] = AccountState.REFUSED
    assert world.fetcher.down_since is None


async def test_a_refused_token_puts_its_jobs_on_hold_until_it_works(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.run()
    await world.advance(5)
    world.api.everywhere = TokenRefused("401")

    async def refused(account_id: int, error: PixVerseError | None, _jobid: str = "") -> None:
        world.accounts.states[account_id] = AccountState.REFUSED if isinstance(error, TokenRefused) else AccountState.OK

    world.accounts.note_response = refused  # type: ignore[method-assign]
    await world.advance(30)
    asked = len(world.api.asked)
    await world.advance(5000)
    assert len(world.api.asked) == asked
    assert world.fetcher.down_since is None

    world.api.everywhere = None
    world.api.put("job-1", JobState.MODERATED)
    world.accounts.states.clear()
    world.loader.account_changed(ACCOUNT)
    await world.advance(21)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_a_token_of_another_account_holds_the_job_until_the_first_is_back(world: RelayFixture) -> None:
    await world.watch("job-1")
    await world.watch("job-1", guild=GUILD + 1, channel=CHANNEL + 1)
    await world.watch("job-2")
    world.run()
    await world.advance(21)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    world.loader.account_changed(ACCOUNT)
    world.loader.account_changed(OTHER_ACCOUNT)
    await world.advance(1)
    world.api.asked.clear()
    world.api.put("job-1", JobState.COMPLETED)
    world.api.put("job-2", JobState.COMPLETED)
    await world.advance(600)
    assert world.api.times("job-2") == []
    assert await world.outcomes() == [("outcome", CHANNEL + 1)]
    assert {token for _, token, _ in world.api.asked} == {"token-1"}

    del world.accounts.used[GUILD]
    world.loader.account_changed(ACCOUNT)
    await world.advance(21)
    assert sorted(await world.outcomes()) == [("outcome", CHANNEL), ("outcome", CHANNEL), ("outcome", CHANNEL + 1)]


async def test_a_job_on_hold_is_posted_after_a_restart_too(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    failed = world.api.put("job-1", JobState.FAILED)
    assert await world.recorder.record_response(number, failed, ACCOUNT) is Recorded.ENDED
    assert await world.outcomes() == []
    del world.accounts.used[GUILD]
    world.run()
    await world.advance(1)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_not_found_is_believed_the_second_time_after_a_minute(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.run()
    del world.api.jobs["job-1"]
    while not await world.rows("SELECT 1 FROM jobs WHERE missing_since IS NOT NULL"):
        await world.advance(1)
    first = world.api.times("job-1")[-1]
    assert world.clock.monotonic() - first <= 1
    await world.advance(58)
    assert await world.outcomes() == []
    await world.advance(9)
    assert await world.outcomes() == [("outcome", CHANNEL)]
    assert await world.rows("SELECT outcome FROM jobs") == [("not found",)]
    assert world.api.times("job-1")[-1] >= first + 60


async def test_a_single_not_found_delays_the_job_no_longer_than_an_interval(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.run()
    job = world.api.jobs.pop("job-1")
    while not await world.rows("SELECT 1 FROM jobs WHERE missing_since IS NOT NULL"):
        await world.advance(1)
    first = world.api.times("job-1")[-1]
    world.api.jobs["job-1"] = job
    await world.advance(23)
    assert 20 <= world.api.times("job-1")[-1] - first <= 22
    assert await world.rows("SELECT 1 FROM jobs WHERE missing_since IS NOT NULL") == []


async def test_another_response_between_two_not_founds_restarts_the_count(world: RelayFixture) -> None:
    job = world.api.put("job-1")
    await world.watch("job-1")
    world.run()
    del world.api.jobs["job-1"]
    await world.advance(22)
    assert await world.rows("SELECT missing_since IS NULL FROM jobs") == [(0,)]
    world.api.jobs["job-1"] = job
    await world.advance(70)
    assert await world.rows("SELECT missing_since FROM jobs") == [(None,)]
    del world.api.jobs["job-1"]
    await world.advance(22)
    assert await world.outcomes() == []


async def test_expired_is_believed_at_once(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.api.trouble["job-1"] = JobExpired("410")
    world.run()
    await world.advance(25)
    assert await world.rows("SELECT outcome FROM jobs") == [("expired",)]
    assert await world.outcomes() == [("outcome", CHANNEL)]


@pytest.mark.parametrize("trouble", ["none", "down", "refused"])
async def test_a_job_is_given_up_at_its_age_whatever_the_problem(database: Database, trouble: str) -> None:
    world = RelayFixture(database, hours=2)
    await world.watch("job-1")
    world.run()
    await world.advance(10)
    if trouble == "down":
        world.api.everywhere = Unavailable("503")
    if trouble == "refused":
        world.accounts.states[ACCOUNT] = AccountState.REFUSED
    await world.advance(2 * 3600 - 60)
    assert await world.outcomes() == []
    await world.advance(400)
    assert await world.rows("SELECT outcome FROM jobs") == [("given up",)]
    assert await world.outcomes() == [("outcome", CHANNEL)]
    await world.close()


async def test_after_a_long_absence_a_job_is_requested_before_it_is_given_up(world: RelayFixture) -> None:
    await world.watch("ended-1")
    await world.watch("running-1")
    world.clock.move_to(world.clock.monotonic() + 72 * 3600)
    world.api.put("ended-1", JobState.COMPLETED)
    world.api.everywhere = Unavailable("no network yet")
    world.run()
    await world.advance(100)
    assert await world.outcomes() == []
    world.api.everywhere = None
    await world.advance(200)
    assert sorted(await world.rows("SELECT jobid, outcome FROM jobs")) == [
        ("ended-1", "completed"),
        ("running-1", "given up"),
    ]


async def test_setting_the_clock_gives_up_no_job_and_makes_none_young(
    database: Database,
) -> None:
    world = RelayFixture(database, hours=2)
    await world.watch("job-1")
    world.run()
    await world.advance(3600)
    world.clock.jump(72 * HOUR)
    await world.watch("job-2")
    await world.advance(600)
    world.clock.jump(-72 * HOUR)
    await world.advance(3000 - 30)
    assert await world.outcomes() == []
    asked = world.api.times("job-2")
    assert max(_gaps(asked)) > 60
    await world.advance(400)
    assert await world.rows("SELECT jobid, outcome FROM jobs WHERE ended_at IS NOT NULL") == [("job-1", "given up")]
    await world.close()


async def test_a_job_on_hold_for_long_is_requested_before_it_is_given_up(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.run()
    await world.advance(30)
    world.accounts.used[GUILD] = OTHER_ACCOUNT
    world.loader.account_changed(ACCOUNT)
    await world.advance(72 * 3600)
    world.api.put("job-1", JobState.COMPLETED)
    world.api.everywhere = RateLimited("429", 60.0)
    await world.watch("other-1")
    world.accounts.used.pop(GUILD)
    world.loader.account_changed(ACCOUNT)
    await world.advance(50)
    assert await world.outcomes() == []
    world.api.everywhere = None
    await world.advance(200)
    assert await world.rows("SELECT outcome FROM jobs WHERE jobid = 'job-1'") == [("completed",)]


async def test_a_failing_database_loses_nothing(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.run()
    await world.advance(5)
    world.api.put("job-1", JobState.COMPLETED)
    record = world.recorder.record_response

    async def full(*_: object) -> Recorded:
        raise StorageUnavailable("database or disk is full")

    world.recorder.record_response = full  # type: ignore[method-assign,assignment]
    await world.advance(120)
    assert world.poller.failures >= 2
    assert await world.outcomes() == []
    world.recorder.record_response = record  # type: ignore[method-assign]
    await world.advance(300)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_the_loop_survives_an_unreadable_database(world: RelayFixture) -> None:
    await world.watch("job-1")
    reader = world.database.reader

    world.database.reader = BrokenReader()
    world.run()
    await world.advance(50)
    assert world.poller.failures >= 2
    assert world.poller.heartbeat >= 90
    world.database.reader = reader
    world.api.put("job-1", JobState.COMPLETED)
    await world.advance(45)
    assert await world.outcomes() == [("outcome", CHANNEL)]


async def test_a_job_that_nobody_watches_any_more_is_not_requested(world: RelayFixture) -> None:
    number = await world.watch("job-1")
    world.run()
    await world.advance(21)
    await world.commands.stop.unwatch(world.ask(), f"#{number}", False)
    await world.advance(1)
    asked = len(world.api.asked)
    await world.advance(500)
    assert len(world.api.asked) == asked


async def test_an_earlier_job_wakes_the_loop(world: RelayFixture) -> None:
    world.run()
    await world.advance(7)
    await world.watch("job-1")
    watched_at = world.clock.monotonic()
    await world.advance(23)
    assert [at for at in world.api.times("job-1") if at > watched_at]
    assert all(at - watched_at >= 20 for at in world.api.times("job-1")[1:])


async def test_a_hundred_thousand_jobs_fit(database: Database) -> None:
    world = RelayFixture(database)
    async with database.transaction() as tx:
        await tx.run(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO jobs (account_id, jobid, snapshot, watched_since, changed_at)"
            " SELECT 1, 'user:1234-pixverse-job-' || printf('%040d', i), printf('%0500d', i), ?, ? FROM n",
            (START, START),
        )
        await tx.run(
            "INSERT INTO subscriptions (job_id, guild_id, channel_id, created_at) SELECT id, 10, id % 50, 0 FROM jobs"
        )
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    while world.loader.loading:
        await world.loader.load()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert world.queue.polls().jobs == 20_000
    assert (after - before) / 20_000 < 1000
    await world.close()


async def test_a_second_start_requests_nothing_twice(world: RelayFixture) -> None:
    await world.watch("job-1")
    world.run()
    await world.advance(21)
    await world.stop()
    world.poller = world.new_poller()
    world.run()
    before = len(world.api.asked)
    await world.advance(20)
    assert len(world.api.asked) - before == 1
