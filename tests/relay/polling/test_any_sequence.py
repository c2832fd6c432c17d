"""Random events in any order: each active job is in one state, and is requested again but never too often."""

from __future__ import annotations

import asyncio
import math
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Callable, Coroutine
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from model.job import Job, JobState
from model.states import AccountState
from pixverse.api_client import LazyJob
from pixverse.api_errors import (
    AccountBroken,
    JobNotFound,
    NoList,
    RateLimited,
    SubscriptionUnpaid,
    TokenRefused,
    Unavailable,
)
from pixverse.recent_lists import LookupTerms
from storage.errors import StorageUnavailable
from tests.clock import START, ManualClock
from tests.idle import until_idle
from tests.relay.relay_fixture import ACCOUNT, GUILD, OTHER_ACCOUNT, FakeApi, RelayFixture, open_database

_INTERVAL = 20.0
_JOBS = 12
_ERRORS: dict[str, Callable[[], Exception]] = {
    "refused": lambda: TokenRefused("401"),
    "unpaid": lambda: SubscriptionUnpaid("402"),
    "slow down": lambda: RateLimited("429", retry_after=70),
    "account broken": lambda: AccountBroken("596"),
    "away": lambda: Unavailable("503"),
    "not found": lambda: JobNotFound("404"),
    "fault of ours": lambda: ValueError("a fault"),
    "disk full": lambda: StorageUnavailable("disk is full"),
}
_MOSTLY = st.sampled_from([True, True, False])
_STATE_AFTER = {"refused": AccountState.REFUSED, "unpaid": AccountState.UNPAID}


class HeldApi(FakeApi):
    """Each request waits until the test answers it, unless `at_once` is set."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.held: list[tuple[str, asyncio.Future[str]]] = []
        self.at_once = False
        self.is_early_look: Callable[[str], bool] = lambda _: False
        self.requests: dict[str, list[tuple[float, bool]]] = defaultdict(list)

    async def fetch(
        self, token: str, jobid: str, known: int | None = None, terms: LookupTerms | None = None
    ) -> LazyJob:
        self.requests[jobid].append((self.clock.monotonic(), self.is_early_look(jobid)))
        answer = "in work"
        if not self.at_once:
            question = (jobid, asyncio.get_running_loop().create_future())
            self.held.append(question)
            try:
                answer = await question[1]
            finally:
                self.held.remove(question)
        if answer in _ERRORS:
            raise _ERRORS[answer]()
        return LazyJob.of(Job(jobid, JobState.PROGRESS, "progress", percent=len(self.requests[jobid]) % 100))


class AnySequence(RuleBasedStateMachine):
    """The poller with all that belongs to it, and a clock that is moved by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.before_claim: dict[int, int] = {}
        """How many requests there were about a job when a callback last claimed its end."""

    def do(self, work: Coroutine[object, object, None]) -> None:
        self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        self.do(self._begin())

    async def _begin(self) -> None:
        database = await open_database(Path(self.folder.name))
        self.open = set(range(1, _JOBS + 1))
        async with database.transaction() as tx:
            for number in self.open:
                await tx.run(
                    "INSERT INTO jobs (id, account_id, jobid, watched_since, changed_at) VALUES (?, ?, ?, ?, ?)",
                    (number, _account(number), f"v1-{number}", START, START),
                )
                await tx.run(
                    "INSERT INTO subscriptions (id, job_id, guild_id, channel_id, created_at) VALUES (?, ?, ?, 1, 0)",
                    (number, number, GUILD + _account(number)),
                )
        self.world = RelayFixture(database, interval=_INTERVAL, api=HeldApi, at_once=5, per_account=3)
        assert isinstance(self.world.api, HeldApi)
        self.api = self.world.api
        self.api.is_early_look = self._is_early_look
        self.world.accounts.used = {GUILD + account: account for account in (ACCOUNT, OTHER_ACCOUNT)}
        self.poller = self.world.poller
        self.world.run()
        await self._pass(_INTERVAL)
        assert self.api.held

    def _is_early_look(self, jobid: str) -> bool:
        job = self.world.queue.get(int(jobid[3:]))
        return job is not None and job.end_reported

    async def _settle(self) -> None:
        """Waits until nothing happens before the clock moves or a request is answered."""
        runs = self.world.running
        await until_idle()
        busy = len(self.poller._tasks) != len(self.api.held) or self.poller._woken.is_set()
        assert runs is None or (not busy and self.world.clock.earliest() is not None), (
            "the poller does not come to rest"
        )

    # ---- what may happen --------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.5, 3.0, 20.0, 21.0, 21.0, 60.0]))
    def time_passes(self, seconds: float) -> None:
        self.do(self._pass(seconds))

    async def _pass(self, seconds: float) -> None:
        end = self.world.clock.monotonic() + seconds
        await self._settle()
        while (at := self.world.clock.earliest()) is not None and at <= end:
            self.world.clock.move_to(at)
            await self._settle()
        self.world.clock.move_to(end)
        await self._settle()

    @rule(answers=st.lists(st.sampled_from(["in work"] * 8 + list(_ERRORS)), min_size=1, max_size=5))
    def the_api_answers(self, answers: list[str]) -> None:
        self.do(self._answer(answers))

    async def _answer(self, answers: list[str]) -> None:
        for answer in answers:
            if not self.api.held:
                break
            jobid, question = self.api.held[0]
            if answer in _STATE_AFTER:
                self._set_state(_account(int(jobid[3:])), _STATE_AFTER[answer])
            question.set_result(answer)
            await self._settle()

    @rule(account=st.sampled_from([ACCOUNT, OTHER_ACCOUNT]), state=st.sampled_from(["ok", "ok", "refused", "unpaid"]))
    def an_account_changes(self, account: int, state: AccountState) -> None:
        self._set_state(account, state)
        self.do(self._settle())

    @rule(account=st.sampled_from([ACCOUNT, OTHER_ACCOUNT]), token=_MOSTLY, used=_MOSTLY)
    def a_token_changes(self, account: int, *, token: bool, used: bool) -> None:
        self.world.accounts.tokens.pop(account, None)
        if token:
            self.world.accounts.tokens[account] = f"token-{account}"
        self.world.accounts.used[GUILD + account] = account if used else None
        self.world.loader.account_changed(account)
        self.do(self._settle())

    @rule(pause=st.sampled_from([0.0, 0.0, 7.0, 90.0]))
    def the_loop_breaks_off_and_is_begun_again(self, pause: float) -> None:
        self.do(self._restart(pause))

    async def _restart(self, pause: float) -> None:
        await self.world.stop()
        self.world.clock.move_to(self.world.clock.monotonic() + pause)
        self.world.run()
        await self._settle()

    @rule(which=st.integers(0, 4))
    def one_task_is_cancelled(self, which: int) -> None:
        for task in sorted(self.poller._tasks, key=id)[which : which + 1]:
            task.cancel()
        self.do(self._settle())

    @rule(number=st.integers(1, _JOBS), at_once=st.booleans())
    def a_job_is_watched_or_unwatched(self, number: int, *, at_once: bool) -> None:
        self.do(self._toggle(number))
        if at_once:
            self.do(self._toggle(number))
        self.do(self._settle())

    async def _toggle(self, number: int) -> None:
        self.open ^= {number}
        async with self.world.database.transaction() as tx:
            await tx.run(
                "UPDATE subscriptions SET ended_at = ? WHERE id = ?", (None if number in self.open else 1, number)
            )
            await tx.run("UPDATE jobs SET ended_at = NULL, outcome = NULL WHERE id = ?", (number,))
        self.world.loader.job_changed(number)

    @rule(number=st.integers(1, _JOBS))
    def a_callback_claims_an_end(self, number: int) -> None:
        self.before_claim[number] = len(self.api.requests[f"v1-{number}"])
        self.world.loader.end_reported(number)
        self.do(self._settle())

    @rule(
        number=st.integers(1, _JOBS), seconds=st.sampled_from([0.5, 7.0, 25.0]), answer=st.sampled_from(list(_ERRORS))
    )
    def a_claim_comes_while_the_api_is_slow_and_nothing_comes_of_it(
        self, number: int, seconds: float, answer: str
    ) -> None:
        self.a_callback_claims_an_end(number)
        for _ in range(8):
            self.time_passes(seconds)
            self.the_api_answers([answer] * len(self.api.held))

    # ---- what holds -------------------------------------------------------------------------------------------------

    @invariant()
    def each_open_job_of_an_account_in_force_is_due_or_in_flight(self) -> None:
        if self.world.running is None or self.world.loader.loading:
            return
        queue = self.world.queue
        jobs_in_flight = [
            job for account in (ACCOUNT, OTHER_ACCOUNT) for job in queue.jobs_of_account(account) if job.in_flight
        ]
        assert set(jobs_in_flight) <= set(queue.in_flight)
        assert len(queue.in_flight) == len(self.api.held)
        for number in self._awaited():
            job = queue.get(number)
            assert job is not None, f"job {number} is in no state"
            assert job.in_flight or job.due < math.inf

    @invariant()
    def no_job_is_asked_about_too_often(self) -> None:
        for jobid, requests in self.api.requests.items():
            for place, (at, early) in enumerate(requests):
                if early:
                    looks = [then for then, early_too in requests[: place + 1] if early_too and at - then < _INTERVAL]
                    assert len(looks) <= 3, jobid
                elif place:
                    assert at - requests[place - 1][0] >= _INTERVAL - 1e-6, (jobid, requests)

    @invariant()
    def a_claim_has_its_job_looked_at_early_a_few_times_whatever_comes_of_it(self) -> None:
        for number, before in self.before_claim.items():
            assert sum(early for _, early in self.api.requests[f"v1-{number}"][before:]) <= 3, number

    def teardown(self) -> None:
        """Checks that all active jobs are requested once all is well again."""
        self.do(self._all_is_well())
        self.runner.close()
        self.folder.cleanup()

    async def _all_is_well(self) -> None:
        self.api.at_once = True
        self.api.list_trouble = NoList("404")
        while self.api.held:
            await self._answer(["in work"])
        for account in (ACCOUNT, OTHER_ACCOUNT):
            self.world.accounts.tokens[account] = f"token-{account}"
            self.world.accounts.used[GUILD + account] = account
            self._set_state(account, AccountState.OK)
        await self._settle()
        awaited = self._awaited()
        self.api.requests.clear()
        await self._pass(700)
        asked = {int(jobid[3:]) for jobid in self.api.requests}
        await self.world.close()
        await self.world.database.close()
        assert asked >= awaited, f"never asked about again: {awaited - asked}"

    def _awaited(self) -> set[int]:
        ended = {number for (number,) in self._rows("SELECT id FROM jobs WHERE ended_at IS NOT NULL")}
        return {one for one in self.open - ended if self.world.accounts.in_force(GUILD + _account(one)) is not None}

    def _rows(self, sql: str) -> list[tuple[int, ...]]:
        with sqlite3.connect(Path(self.folder.name) / "relay.db") as database:
            return database.execute(sql).fetchall()

    def _set_state(self, account: int, state: AccountState) -> None:
        self.world.accounts.states[account] = state
        self.world.loader.account_changed(account)


def _account(number: int) -> int:
    return ACCOUNT if number <= _JOBS - 4 else OTHER_ACCOUNT


TestAnySequence = AnySequence.TestCase
TestAnySequence.settings = settings(
    max_examples=5,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
