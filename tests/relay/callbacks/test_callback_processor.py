from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from unittest.mock import AsyncMock

import pytest

from model.job import JobState
from model.states import AccountState
from pixverse.api_errors import (
    AccountBroken,
    PixVerseError,
    RateLimited,
    SubscriptionUnpaid,
    TokenRefused,
    Unavailable,
)
from pixverse.callback_body import CallbackBody
from relay.callbacks.callback_processor import CallbackProcessor, CallbackUse
from relay.callbacks.unknown_jobs import MOST_WAITING, UnknownJobs
from relay.commands.subscribe import Limits
from relay.follow.job_importer import ImportResult, JobImporter
from relay.polling.job_recorder import OLD_END_MS
from storage import follows, servers
from storage.errors import StorageError, StorageUnavailable
from storage.follows import FollowRow
from tests.clock import START
from tests.idle import until_idle
from tests.relay.relay_fixture import ACCOUNT, CHANNEL, GUILD, OTHER_ACCOUNT, BrokenReader, FakeAccounts, RelayFixture

TAKEN = 77
"""The number of every job that is taken."""
JOB = "job:20261124101500123-user:1-channel:1300000000000000001-bot:pixverse"


class Imports(JobImporter):
    """Records the jobs that it is to import, and imports none."""

    def __init__(self, world: RelayFixture, accounts: FakeOwnAccounts) -> None:
        super().__init__(world.database, accounts, world.changes, world.timing, Limits(500, 500))
        self.taken: list[tuple[int, str]] = []
        self.full = False

    async def import_jobs(self, account_id: int, jobids: Collection[str]) -> ImportResult:
        if self.full:
            return ImportResult(left_out=set(jobids))
        self.taken.extend((account_id, jobid) for jobid in jobids)
        return ImportResult(found=[TAKEN] * len(jobids))


class FakeOwnAccounts(FakeAccounts):
    """Two servers with accounts of their own; any other uses the operator's, which is the first one too."""

    def __init__(self) -> None:
        super().__init__()
        self.owned: dict[int, int] = {GUILD: ACCOUNT, GUILD + 1: OTHER_ACCOUNT}
        self.resting: set[int] = set()

    def own(self, guild_id: int) -> int | None:
        return self.owned.get(guild_id)

    def in_force(self, guild_id: int) -> int | None:
        return None if guild_id in self.resting else self.owned.get(guild_id, ACCOUNT)


class Post:
    """The parts that process callbacks, with fakes around them."""

    def __init__(self, world: RelayFixture) -> None:
        self.world = world
        self.accounts = FakeOwnAccounts()
        self.imports = Imports(world, self.accounts)
        self.unknown = UnknownJobs(
            world.database.reader,
            world.fetcher,
            self.imports,
            self.accounts,
            world.changes,
            world.timing,
            world.discord_now,
        )
        self.processor = CallbackProcessor(world.database, self.accounts, self.unknown, world.changes, world.clock)
        self.running = asyncio.create_task(self.processor.run())

    async def says(self, guild: int = GUILD, **record: object) -> CallbackUse:
        """Sends a callback and returns its result."""
        before = self.processor.counts.copy()
        self.processor.received(guild, json.dumps(record).encode())
        await self.settled()
        (use,) = (self.processor.counts - before).elements()
        return use

    async def settled(self) -> None:
        await until_idle()
        busy = len(self.processor._queue) or self.processor._woken.is_set()
        waits_for_database = self.processor._reading._in_a_row > 0
        assert waits_for_database or not busy, "the callbacks are never dealt with"
        assert self.world.clock.earliest() is not None


@pytest.fixture
async def post(world: RelayFixture) -> AsyncIterator[Post]:
    made = Post(world)
    yield made
    made.running.cancel()
    await asyncio.gather(made.running, return_exceptions=True)


async def _follow(world: RelayFixture, guild: int = GUILD, account: int = ACCOUNT) -> None:
    async with world.database.transaction() as tx:
        await follows.put(tx, FollowRow(guild, CHANNEL, account, False, None, START))


async def test_a_reported_end_makes_the_bot_request_an_open_job(world: RelayFixture, post: Post) -> None:
    number = await world.watch(JOB)
    assert await post.says(jobid=JOB, status="completed") is CallbackUse.ASKED
    assert post.world.recorded.reported == [number]


async def test_reported_progress_causes_no_request(world: RelayFixture, post: Post) -> None:
    await world.watch(JOB)
    for status in ("created", "started", "progress", "news", None):
        assert await post.says(jobid=JOB, status=status) is CallbackUse.PROGRESS
    assert post.world.recorded.reported == []


async def test_an_ended_job_is_not_requested_again(world: RelayFixture, post: Post) -> None:
    number = await world.watch(JOB)
    await world.recorder.record_response(number, world.api.put(JOB, JobState.COMPLETED), ACCOUNT)
    assert await post.says(jobid=JOB, status="failed") is CallbackUse.ENDED
    assert post.world.recorded.reported == []


async def test_a_server_reaches_only_the_jobs_of_its_own_account(world: RelayFixture, post: Post) -> None:
    await world.watch(JOB)
    asked = len(world.api.asked)
    for guild in (GUILD + 1, GUILD + 2):
        assert await post.says(guild, jobid=JOB, status="completed") is CallbackUse.UNKNOWN
    post.accounts.resting.add(GUILD)
    assert await post.says(jobid=JOB, status="completed") is CallbackUse.UNKNOWN
    assert post.world.recorded.reported == []
    assert len(world.api.asked) == asked


async def test_an_unknown_job_is_dropped_if_the_server_does_not_follow(world: RelayFixture, post: Post) -> None:
    world.api.put(JOB)
    post.accounts.owned[GUILD + 3] = ACCOUNT
    await _follow(world, GUILD + 3)
    asked = len(world.api.asked)
    assert await post.says(jobid=JOB, status="completed") is CallbackUse.UNKNOWN
    assert len(world.api.asked) == asked
    assert await world.rows("SELECT * FROM jobs") == []


@pytest.mark.parametrize(
    ("claim", "state", "claimed"),
    [
        ("progress", JobState.PROGRESS, []),
        ("completed", JobState.PROGRESS, [TAKEN]),
        ("completed", JobState.COMPLETED, []),
    ],
)
async def test_an_unknown_job_is_relayed_if_the_server_follows_and_the_api_knows_it(
    world: RelayFixture, post: Post, claim: str, state: JobState, claimed: list[int]
) -> None:
    await _follow(world)
    world.api.put(JOB, state, updated=START - 1000)
    assert await post.says(jobid=JOB, status=claim) is CallbackUse.FOLLOWED
    assert post.imports.taken == [(ACCOUNT, JOB)]
    assert post.world.recorded.reported == claimed


async def test_a_job_unknown_to_the_api_or_long_ended_is_not_relayed(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    await post.says(jobid=JOB, status="completed")
    old = world.api.put("job-old", JobState.COMPLETED, updated=START - OLD_END_MS - 1)
    await post.says(jobid="job-old", status="completed")
    world.api.jobs["job-old-too"] = replace(old, jobid="job-old-too", updated=None, created=START - OLD_END_MS - 1)
    await post.says(jobid="job-old-too", status="completed")
    assert len(world.api.asked) == 3
    assert post.imports.taken == []


@pytest.mark.parametrize("hours", [-1, 1])
async def test_whether_an_end_is_old_is_not_decided_by_a_wrong_clock(
    world: RelayFixture, post: Post, hours: int
) -> None:
    await _follow(world)
    world.clock.jump(hours * 3_600_000)
    world.api.put(JOB, JobState.COMPLETED, updated=START - 60_000)
    world.api.put("job-old", JobState.COMPLETED, updated=START - OLD_END_MS - 60_000)
    await post.says(jobid=JOB, status="completed")
    await post.says(jobid="job-old", status="completed")
    assert post.imports.taken == [(ACCOUNT, JOB)]


_V2 = "user:1-pixverse:me@example.com-video:1"
_HOUR = 3_600_000


@pytest.mark.parametrize(
    ("made", "updated", "relayed"),
    [
        (START + 60_000, None, True),
        (START - 60_000, None, False),
        (START + 60_000, START + 120_000, False),
        (None, None, True),
    ],
    ids=["after the follow began", "before it", "with the time of its end", "without any time"],
)
async def test_a_job_that_no_list_names_is_relayed_hours_after_it_was_made(
    world: RelayFixture, post: Post, made: int | None, updated: int | None, relayed: bool
) -> None:
    """v2's list leaves out what is made off-peak, which takes hours, and its records don't tell when a job ended."""
    await _follow(world)
    world.clock.move_to(world.clock.monotonic() + 3 * 3600)
    world.api.put(_V2, JobState.COMPLETED, created=made, updated=updated)
    await post.says(video_id=_V2, video_status=1)
    assert post.imports.taken == ([(ACCOUNT, _V2)] if relayed else [])


async def test_a_job_made_days_ago_is_not_relayed(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    world.clock.move_to(world.clock.monotonic() + 25 * 3600)
    world.api.put(_V2, JobState.COMPLETED, created=START + 60_000)
    await post.says(video_id=_V2, video_status=1)
    assert post.imports.taken == []


async def test_a_flood_of_unknown_ids_causes_few_requests(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    for number in range(100):
        post.processor.received(GUILD, json.dumps({"jobid": f"made-up-{number}"}).encode())
    await post.settled()
    assert len(world.api.asked) == 10
    world.clock.move_to(world.clock.monotonic() + world.interval + 1)
    post.processor.received(GUILD, b'{"jobid":"made-up-again"}')
    await post.settled()
    assert len(world.api.asked) == 11


async def test_nothing_is_kept_of_an_account_requested_an_interval_ago(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    await _follow(world, GUILD + 1, OTHER_ACCOUNT)
    await post.says(jobid="made-up")
    world.clock.move_to(world.clock.monotonic() + world.interval + 1)
    await post.says(GUILD + 1, jobid="made-up")
    assert list(post.unknown._asked) == [OTHER_ACCOUNT]


async def test_an_unknown_job_is_requested_once_however_often_it_is_reported(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    world.api.gate = asyncio.Event()
    for _ in range(5):
        post.processor.received(GUILD, json.dumps({"jobid": JOB}).encode())
        await until_idle()
    assert len(world.api.asked) == 1
    world.api.gate.set()
    await post.settled()
    assert len(world.api.asked) == 1


async def test_an_account_in_backoff_is_left_alone(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    world.api.trouble[JOB] = RateLimited("429", 60.0)
    await post.says(jobid=JOB, status="completed")
    assert await post.says(jobid="job-two", status="completed") is CallbackUse.FOLLOWED
    assert await post.says(jobid="job-three", status="progress") is CallbackUse.UNKNOWN
    assert len(world.api.asked) == 1


async def _pass(world: RelayFixture, post: Post, seconds: float) -> None:
    end = world.clock.monotonic() + seconds
    while (at := world.clock.earliest()) is not None and at <= end:
        world.clock.move_to(at)
        await post.settled()
    world.clock.move_to(end)
    await post.settled()


@pytest.mark.parametrize("trouble", [RateLimited("429", 60.0), Unavailable("503"), AccountBroken("596")])
async def test_an_unknown_job_is_requested_again_if_the_api_gave_no_answer(
    world: RelayFixture, post: Post, trouble: PixVerseError
) -> None:
    """No list may ever name it, and the API reports its end only once."""
    await _follow(world)
    for jobid in (JOB, "job-two"):
        world.api.put(jobid, JobState.COMPLETED, updated=START)
        world.api.trouble[jobid] = trouble
        await post.says(jobid=jobid, status="completed")
    await _pass(world, post, 900)
    assert post.imports.taken == []
    assert len(world.api.asked) <= 2 * 900 / world.interval
    await _pass(world, post, 3 * 3600)
    world.api.trouble.clear()
    await _pass(world, post, 400)
    assert sorted(post.imports.taken) == sorted([(ACCOUNT, JOB), (ACCOUNT, "job-two")])
    asked = len(world.api.asked)
    await _pass(world, post, 300)
    assert (len(world.api.asked), post.unknown._under_way) == (asked, {})


@pytest.mark.parametrize("reports_end", [True, False])
async def test_a_job_whose_record_appears_after_its_callback_is_relayed(
    world: RelayFixture, post: Post, reports_end: bool
) -> None:
    """v2 responds with 404 until a video is done, and its lists may lag behind. Later callbacks follow any but the
    last."""
    await _follow(world)
    await post.says(video_id=_V2, video_status=1 if reports_end else 10)
    await _pass(world, post, 30)
    world.api.put(_V2, JobState.COMPLETED)
    await _pass(world, post, 60)
    assert post.imports.taken == ([(ACCOUNT, _V2)] if reports_end else [])


@pytest.mark.parametrize("status", ["completed", "progress"])
async def test_a_job_that_nobody_watches_any_more_counts_as_unknown(
    world: RelayFixture, post: Post, status: str
) -> None:
    await _follow(world)
    number = await world.watch(JOB, channel=CHANNEL + 1)
    assert await post.says(jobid=JOB, status="progress") is CallbackUse.PROGRESS
    await world.commands.stop.unwatch(world.ask(channel=CHANNEL + 1), f"#{number}", True)
    world.clock.move_to(world.clock.monotonic() + 3600)
    world.api.put(JOB, JobState.COMPLETED, updated=world.clock.now())
    assert await post.says(jobid=JOB, status=status) is CallbackUse.FOLLOWED
    assert post.imports.taken == [(ACCOUNT, JOB)]


async def test_a_reported_end_counts_while_an_earlier_callback_is_acted_on(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    world.api.gate = asyncio.Event()
    await post.says(video_id=_V2, video_status=10)
    assert await post.says(video_id=_V2, video_status=1) is CallbackUse.FOLLOWED
    world.api.gate.set()
    await post.settled()
    world.api.put(_V2, JobState.COMPLETED)
    await _pass(world, post, 80)
    assert post.imports.taken == [(ACCOUNT, _V2)]


async def test_more_unknown_jobs_than_may_be_requested_at_once_wait(world: RelayFixture, post: Post) -> None:
    """The channels of an account may run more jobs than that, and those made off-peak may end together."""
    await _follow(world)
    jobids = [f"job-{number:02}" for number in range(25)]
    for jobid in jobids:
        world.api.put(jobid, JobState.COMPLETED, updated=START)
        assert await post.says(jobid=jobid, status="completed") is CallbackUse.FOLLOWED
    await _pass(world, post, 90)
    assert sorted(post.imports.taken) == [(ACCOUNT, jobid) for jobid in jobids]
    times = [at for at, _, _ in world.api.asked]
    assert len(times) == len(jobids)
    assert all(later - at >= world.interval for at, later in zip(times, times[10:], strict=False))


async def test_a_broken_account_is_asked_less_and_less_often(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    world.api.everywhere = AccountBroken("596")
    await post.says(jobid=JOB, status="completed")
    await _pass(world, post, 3700)
    assert len(world.api.asked) <= 22


@pytest.mark.parametrize("status", ["completed", "progress"])
async def test_a_job_that_the_following_channel_has_stopped_watching_is_not_requested(
    world: RelayFixture, post: Post, status: str
) -> None:
    await _follow(world)
    number = await world.watch(JOB)
    await world.commands.stop.unwatch(world.ask(), f"#{number}", True)
    asked = len(world.api.asked)
    assert await post.says(jobid=JOB, status=status) is CallbackUse.UNKNOWN
    assert len(world.api.asked) == asked


async def test_a_waiting_job_is_not_requested_once_nobody_follows(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    world.api.everywhere = Unavailable("503")
    await post.says(jobid=JOB, status="completed")
    async with world.database.transaction() as tx:
        await follows.remove(tx, GUILD, CHANNEL)
    await _pass(world, post, 600)
    assert (len(world.api.asked), post.unknown._under_way) == (1, {})


async def test_an_unknown_job_is_missing_the_second_time(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    await post.says(video_id=_V2, video_status=1)
    await _pass(world, post, 600)
    assert (len(world.api.asked), post.unknown._under_way) == (2, {})


async def test_an_unknown_job_is_not_requested_for_ever(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    world.api.everywhere = Unavailable("503")
    await post.says(jobid=JOB, status="completed")
    await _pass(world, post, 50 * 3600)
    assert post.unknown._under_way == {}
    assert len(world.api.asked) <= 50 * 3600 / 250


@pytest.mark.parametrize("noticed", ["by a poll", "by the request"])
@pytest.mark.parametrize("mended", ["by a new token", "by itself"])
@pytest.mark.parametrize("refusal", [TokenRefused("401"), SubscriptionUnpaid("402")])
async def test_an_unknown_job_waits_until_the_token_is_accepted(
    world: RelayFixture, post: Post, noticed: str, mended: str, refusal: PixVerseError
) -> None:
    await _follow(world)
    world.api.put(JOB, JobState.COMPLETED, updated=START)
    world.api.everywhere = refusal
    if noticed == "by a poll":
        post.accounts.states[ACCOUNT] = AccountState.REFUSED
    assert await post.says(jobid=JOB, status="completed") is CallbackUse.FOLLOWED
    post.accounts.states[ACCOUNT] = AccountState.REFUSED
    await _pass(world, post, 20 * 3600)
    assert len(world.api.asked) == (1 if noticed == "by the request" else 0)
    if mended == "by a new token":
        post.accounts.owned[GUILD] = OTHER_ACCOUNT
        async with world.database.transaction() as tx:
            await tx.run("UPDATE follows SET account_id = ?", (OTHER_ACCOUNT,))
    else:
        post.accounts.states.clear()
    world.api.everywhere = Unavailable("503")
    await _pass(world, post, 60)
    world.api.everywhere = None
    await _pass(world, post, 120)
    assert post.imports.taken == [(OTHER_ACCOUNT if mended == "by a new token" else ACCOUNT, JOB)]


async def test_an_unknown_job_does_not_wait_for_a_token_for_ever(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    post.accounts.states[ACCOUNT] = AccountState.REFUSED
    await post.says(jobid=JOB, status="completed")
    await _pass(world, post, 50 * 3600)
    assert (world.api.asked, post.unknown._under_way) == ([], {})


async def test_only_so_many_unknown_jobs_of_an_account_wait(world: RelayFixture, post: Post) -> None:
    await _follow(world)
    world.api.trouble[JOB] = RateLimited("429", 60.0)
    await post.says(jobid=JOB, status="completed")
    for number in range(99):
        post.processor.received(GUILD, json.dumps({"jobid": f"made-up-{number}", "status": "completed"}).encode())
    await post.settled()
    assert len(post.unknown._under_way) == MOST_WAITING
    await _pass(world, post, 65)
    assert len(world.api.asked) <= 11


async def test_a_useless_body_is_counted(post: Post) -> None:
    for body in (b"", b"[" * 60_000, b'{"jobid": 5}', b"\xff"):
        post.processor.received(GUILD, body)
    await post.settled()
    assert post.processor.counts == {CallbackUse.UNREADABLE: 4}


async def test_a_flood_about_many_jobs_is_bounded(post: Post) -> None:
    for number in range(1000):
        post.processor.received(GUILD, json.dumps({"jobid": f"made-up-{number}"}).encode())
    post.processor.received(GUILD + 1, b'{"jobid":"made-up"}')
    await post.settled()
    assert post.processor.counts == {CallbackUse.TOO_MANY: 900, CallbackUse.UNKNOWN: 101}


async def test_when_a_server_was_last_heard_is_written_once_a_minute(world: RelayFixture, post: Post) -> None:
    async with world.database.transaction() as tx:
        await servers.put_callback_secret(tx, GUILD, b"sealed", b"hash")
    await post.says(jobid=JOB)
    first = await servers.callback_heard_at(world.database.reader, GUILD)
    assert first == world.clock.now()
    world.clock.move_to(world.clock.monotonic() + 59)
    before = await world.rows("PRAGMA data_version")
    await post.says(jobid=JOB)
    assert await world.rows("PRAGMA data_version") == before
    world.clock.move_to(world.clock.monotonic() + 2)
    await post.says(jobid=JOB)
    assert await servers.callback_heard_at(world.database.reader, GUILD) == first + 61_000


async def test_nothing_is_kept_of_a_server_heard_a_minute_ago(world: RelayFixture, post: Post) -> None:
    await post.says(jobid=JOB)
    world.clock.move_to(world.clock.monotonic() + 61)
    await post.says(GUILD + 1, jobid=JOB)
    assert list(post.processor._came_at) == [GUILD + 1]


async def test_a_failing_database_does_not_end_the_loop(world: RelayFixture, post: Post) -> None:
    number = await world.watch(JOB)
    reader = world.database.reader

    world.database.reader = BrokenReader()
    post.processor.received(GUILD, json.dumps({"jobid": JOB, "status": "completed"}).encode())
    await post.settled()
    assert post.processor.failures == 1
    world.database.reader = reader
    await _pass(world, post, 1)
    assert post.world.recorded.reported == [number]


async def test_a_callback_is_acted_on_once_the_database_works_again(world: RelayFixture, post: Post) -> None:
    """The API sends it only once, and no list may name its job."""
    await _follow(world)
    world.api.put(JOB, JobState.COMPLETED, updated=START)
    reader = world.database.reader
    world.database.reader = BrokenReader()
    post.processor.received(GUILD, json.dumps({"jobid": JOB, "status": "completed"}).encode())
    post.processor.received(GUILD, json.dumps({"jobid": "job-two", "status": "completed"}).encode())
    await post.settled()
    await _pass(world, post, 60)
    assert post.processor.failures <= 20
    world.database.reader = reader
    await _pass(world, post, 30)
    assert post.imports.taken == [(ACCOUNT, JOB)]
    assert post.processor.counts == {CallbackUse.FOLLOWED: 2}


async def test_a_callback_that_the_database_refuses_delays_no_other(
    world: RelayFixture, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post.unknown, "consider", AsyncMock(side_effect=StorageError("value out of range")))
    post.processor.received(GUILD, json.dumps({"jobid": JOB, "status": "completed"}).encode())
    await post.settled()
    assert (post.processor.failures, len(post.processor._queue)) == (1, 0)


async def test_a_callback_that_cannot_be_kept_is_counted_as_dropped(
    world: RelayFixture, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> bool:
        for number in range(100):
            post.processor._queue.add(GUILD, CallbackBody(f"made-up-{number}", False))
        raise StorageUnavailable("disk I/O error")

    monkeypatch.setattr(post.unknown, "consider", fail)
    post.processor.received(GUILD, json.dumps({"jobid": JOB, "status": "completed"}).encode())
    await until_idle()
    assert post.processor.counts[CallbackUse.TOO_MANY] == 1


async def test_a_job_that_cannot_be_stored_now_is_relayed_later(
    world: RelayFixture, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _follow(world)
    world.api.put(JOB, JobState.COMPLETED, updated=START)
    full = AsyncMock(side_effect=StorageUnavailable("database or disk is full"))
    with monkeypatch.context() as broken:
        broken.setattr(post.imports, "import_jobs", full)
        await post.says(jobid=JOB, status="completed")
        await _pass(world, post, 60)
    await _pass(world, post, 60)
    assert post.imports.taken == [(ACCOUNT, JOB)]


async def test_an_unknown_job_for_which_its_server_has_no_room_is_relayed_later(
    world: RelayFixture, post: Post
) -> None:
    await _follow(world)
    world.api.put(JOB, JobState.COMPLETED, updated=START)
    post.imports.full = True
    await post.says(jobid=JOB, status="completed")
    await _pass(world, post, 60)
    post.imports.full = False
    await _pass(world, post, 300)
    assert post.imports.taken == [(ACCOUNT, JOB)]


async def test_an_unknown_job_that_cannot_be_stored_is_counted(
    world: RelayFixture, post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _follow(world)
    world.api.put(JOB)
    with monkeypatch.context() as broken:
        broken.setattr(post.imports, "import_jobs", None)
        assert await post.says(jobid=JOB, status="progress") is CallbackUse.FOLLOWED
    assert post.processor.failures == 1
    assert await post.says(jobid=JOB, status="progress") is CallbackUse.FOLLOWED
    assert post.imports.taken == [(ACCOUNT, JOB)]
    assert post.processor.failures == 1


async def test_the_loop_turns_even_if_nothing_comes(world: RelayFixture, post: Post) -> None:
    await post.settled()
    await until_idle()
    before = post.processor.heartbeat
    world.clock.move_to(world.clock.monotonic() + 31)
    await until_idle()
    assert post.processor.heartbeat >= before + 31
