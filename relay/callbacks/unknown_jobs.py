"""Handles callbacks about unknown jobs, which are relayed if their account is followed and the API knows them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from model.job import Job
from model.states import AccountState
from pixverse.api_errors import BadRequest, JobNotFound, PixVerseError
from pixverse.callback_body import CallbackBody
from relay.changes import Changes
from relay.failures import log_failure
from relay.follow.job_importer import JobImporter
from relay.polling import schedule
from relay.polling.job_fetcher import Accounts, JobFetcher
from relay.polling.job_recorder import is_old_end
from relay.polling.schedule import Timing
from relay.tasks import end_tasks
from storage import follows
from storage.database import Queries
from storage.errors import StorageUnavailable

log = logging.getLogger(__name__)

MOST_WAITING = 50
"""Unknown jobs of one account about which the API is being asked or is to be asked."""
_WAITS_FOR_SECONDS = 48 * 3600.0
"""How long an unknown job waits for an answer of the API, or for a token that the API accepts."""
REQUESTS_PER_INTERVAL = 10
"""Requests about one account's unknown jobs in an interval, as many as the account can run jobs in one of its channels
(useapi.net PixVerse v1, maxJobs)."""

_LONGEST_MAKING_MS = 24 * 3600 * 1000
"""A job whose end the API does not date is taken for an old one if it was made longer ago than this."""


class _Answer(Enum):
    """What the API said about an unknown job."""

    SETTLED = auto()
    """The job is relayed, or never will be."""
    MISSING = auto()
    NONE = auto()
    """No response, or one that says nothing about the job, or it could not be stored, or a server has no room for it
    now."""


@dataclass(slots=True)
class _UnknownJob:
    """What callbacks say about an unknown job about which the API is being asked."""

    guild_id: int
    account_id: int
    """The server's own account. It is another one once the server has a new token."""
    jobid: str
    reports_end: bool
    came_at: int
    """When the first callback came, by Discord's clock, in milliseconds UTC."""


class UnknownJobs:
    """Asks the API about unknown jobs before anything is written, at most as often as an account can have new jobs.

    `discord_now` returns the time by Discord's clock in milliseconds UTC: this machine's may be wrong.
    """

    def __init__(
        self,
        reader: Queries,
        fetcher: JobFetcher,
        importer: JobImporter,
        accounts: Accounts,
        changes: Changes,
        timing: Timing,
        discord_now: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._fetcher = fetcher
        self._importer = importer
        self._accounts = accounts
        self._changes = changes
        self._clock = timing.clock
        self._interval = timing.interval
        self._random = timing.random
        self._discord_now = discord_now
        self._asked: dict[int, deque[float]] = {}
        """By account: the times of its latest requests; the account requested longest ago comes first."""
        self._under_way: dict[tuple[int, str], _UnknownJob] = {}
        """By account and id."""
        self._tasks: set[asyncio.Task[None]] = set()
        self.failures = 0
        """How many jobs could not be relayed because of an error on this machine."""

    async def consider(self, guild_id: int, account_id: int, callback: CallbackBody) -> bool:
        """Asks the API about the job, in order to relay it, if the server follows the account and a channel still wants
        the job; returns whether it does. Does not wait for the response. If the API may not be asked now, as while it
        refuses the token, a callback that reports an end waits; after any other, more will come. Raises StorageError if
        the database fails."""
        following = await follows.of_account(self._reader, account_id)
        if all(follow.guild_id != guild_id for follow in following):
            return False
        if not await self._importer.wants(account_id, callback.jobid):
            return False
        key = (account_id, callback.jobid)
        if key in self._under_way:
            self._under_way[key].reports_end |= callback.reports_end
            return True
        may_ask = self._may_ask(account_id)
        if not may_ask and not (callback.reports_end and self._may_wait(account_id)):
            return False
        unknown = self._under_way[key] = _UnknownJob(
            guild_id, account_id, callback.jobid, callback.reports_end, self._discord_now()
        )
        task = asyncio.create_task(self._settle(key, unknown, may_ask=may_ask))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def close(self) -> None:
        """Cancels every request that is in flight."""
        await end_tasks(self._tasks)

    def _may_wait(self, account_id: int) -> bool:
        return sum(looked_for == account_id for looked_for, _ in self._under_way) < MOST_WAITING

    def _is_on_hold(self, account_id: int) -> bool:
        """Whether the account has no token that the API accepts."""
        return self._accounts.state_of(account_id) is not AccountState.OK or self._accounts.token_of(account_id) is None

    def _has_to_wait(self, account_id: int) -> bool:
        """Whether the account is on hold or backs off, or the API is down and polled jobs show when it is back."""
        if self._is_on_hold(account_id) or self._fetcher.down_since is not None:
            return True
        return self._fetcher.backoff_until(account_id) is not None

    def _may_ask(self, account_id: int) -> bool:
        """Counts a request of the account if it may be made now; returns whether it may."""
        if self._has_to_wait(account_id):
            return False
        now = self._clock.monotonic()
        self._forget_asked(now)
        asked = self._asked.get(account_id, deque(maxlen=REQUESTS_PER_INTERVAL))
        if len(asked) == REQUESTS_PER_INTERVAL and now - asked[0] < self._interval:
            return False
        asked.append(now)
        self._asked.pop(account_id, None)
        self._asked[account_id] = asked
        return True

    def _forget_asked(self, now: float) -> None:
        while self._asked:
            account_id, asked = next(iter(self._asked.items()))
            if now - asked[-1] < self._interval:
                return
            del self._asked[account_id]

    async def _settle(self, key: tuple[int, str], unknown: _UnknownJob, *, may_ask: bool) -> None:
        try:
            await self._ask_until_answered(unknown, may_ask=may_ask)
        finally:
            # At once, so that a callback that comes now is not added to a request that is over.
            del self._under_way[key]

    async def _ask_until_answered(self, unknown: _UnknownJob, *, may_ask: bool) -> None:
        """Asks until there is an answer if an end is reported: the API reports it only once, and no list may ever name
        the job. `may_ask` tells whether the first request has been counted and may be made now."""
        until = self._clock.monotonic() + _WAITS_FOR_SECONDS
        failures, was_missing = 0, False
        while True:
            wait, jitter = self._interval, self._random.uniform(1, 1.25)
            if may_ask:
                answer = await self._ask(unknown)
                if answer is _Answer.SETTLED or not unknown.reports_end or (answer is _Answer.MISSING and was_missing):
                    return
                if answer is _Answer.MISSING:
                    was_missing, wait = True, schedule.second_404_after(self._interval)
                else:
                    failures += 1
                    wait = schedule.after_failure(0.0, self._interval, failures, self._random)
            now = self._clock.monotonic()
            backoff = (self._fetcher.backoff_until(unknown.account_id) or now) - now
            wait = max(wait, backoff) * jitter
            if now + wait > until:
                return
            await self._clock.sleep(wait)
            unknown.account_id = self._accounts.own(unknown.guild_id) or unknown.account_id
            may_ask = self._may_ask(unknown.account_id)

    async def _ask(self, unknown: _UnknownJob) -> _Answer:
        """Asks the API about the job, and relays it if the API knows it. Failures are logged."""
        try:
            return await self._relay(unknown)
        except BadRequest as refusal:
            log.info("a job that a callback named is not relayed: %s", refusal)
        except PixVerseError as error:
            log.info("no response about a job that a callback named: %s", error)
            return _Answer.NONE
        except StorageUnavailable as error:
            self.failures += 1
            log_failure(log, error, "a job that a callback named is relayed later")
            return _Answer.NONE
        except Exception as error:
            # Broad, so that one job's failure, such as a bug, ends nothing else.
            self.failures += 1
            log_failure(log, error, "a job that a callback named could not be relayed")
        return _Answer.SETTLED

    async def _relay(self, unknown: _UnknownJob) -> _Answer:
        """What `_ask` does. Raises PixVerseError and StorageError."""
        account_id, jobid = unknown.account_id, unknown.jobid
        if not await self._importer.wants(account_id, jobid):
            return _Answer.SETTLED
        content = (await self._fetcher.fetch(account_id, jobid)).content
        if isinstance(content, JobNotFound):
            return _Answer.MISSING
        if not isinstance(content, Job) or await self._ended_long_ago(account_id, content, unknown.came_at):
            return _Answer.SETTLED
        imported = await self._importer.import_jobs(account_id, [jobid])
        # The poller reuses this response. Only if it shows no end yet, the API is asked again.
        if unknown.reports_end and not content.state.ends:
            for job_id in imported.found:
                self._changes.end_reported(job_id)
        return _Answer.NONE if imported.left_out else _Answer.SETTLED

    async def _ended_long_ago(self, account_id: int, job: Job, came_at: int) -> bool:
        """Whether the job had ended too long ago to be relayed when its callback came (milliseconds UTC).

        A video's record of v2 does not tell when it ended. What is made off-peak takes hours, and no list names it
        (useapi.net PixVerse v2, get-pixverse-scheduler-available). So such a job is relayed if it was made within the
        last day while the account was followed: then it is owed.
        """
        if not is_old_end(job, came_at):
            return False
        if job.updated is not None or job.created is None or came_at - job.created > _LONGEST_MAKING_MS:
            return True
        following = await follows.of_account(self._reader, account_id)
        return all(follow.created_at > job.created for follow in following)
