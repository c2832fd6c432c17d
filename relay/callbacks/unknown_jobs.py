"""Callbacks about jobs that nobody has asked for: relayed where the account is followed and the API knows them."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Collection

from model.job import Job
from pixverse.api_errors import PixVerseError
from pixverse.callback_body import CallbackBody
from relay.changes import Changes
from relay.failures import log_failure
from relay.follow.job_importer import JobImporter
from relay.polling.job_fetcher import JobFetcher
from relay.ports import Clock
from storage import follows
from storage.database import Queries

log = logging.getLogger(__name__)

QUESTIONS_PER_INTERVAL = 10
"""About unknown jobs of one account: so many may be in work for a channel of its (useapi.net PixVerse v1, maxJobs)."""
OLD_END_MS = 10 * 60 * 1000
"""An end that is older is not dug up, whoever speaks of it."""


class UnknownJobs:
    """Asks the API before anything is written, as little as there are unknown jobs to be expected. `interval` in
    seconds."""

    def __init__(
        self,
        reader: Queries,
        fetcher: JobFetcher,
        importer: JobImporter,
        changes: Changes,
        clock: Clock,
        *,
        interval: float,
    ) -> None:
        self._reader = reader
        self._fetcher = fetcher
        self._importer = importer
        self._changes = changes
        self._clock = clock
        self._interval = interval
        self._asked: dict[int, deque[float]] = {}
        self._looks: dict[tuple[int, str], asyncio.Task[None]] = {}

    async def consider(self, guild_id: int, account_id: int, hint: CallbackBody) -> bool:
        """Whether the API is asked about the job, to relay it, because the server follows the account. Does not wait
        for the answer. Raises StorageError as the database does."""
        following = await follows.of_account(self._reader, account_id)
        if all(follow.guild_id != guild_id for follow in following):
            return False
        look = (account_id, hint.jobid)
        if look not in self._looks:
            if not self._may_ask(account_id):
                return False
            task = asyncio.create_task(self._look(account_id, hint))
            self._looks[look] = task
            task.add_done_callback(lambda _: self._looks.pop(look, None))
        return True

    async def close(self) -> None:
        """Ends what is under way."""
        looks = list(self._looks.values())
        for look in looks:
            look.cancel()
        await asyncio.gather(*looks, return_exceptions=True)

    def _may_ask(self, account_id: int) -> bool:
        if self._fetcher.backoff_until(account_id) is not None or self._fetcher.down_since is not None:
            return False
        now = self._clock.monotonic()
        asked = self._asked.setdefault(account_id, deque(maxlen=QUESTIONS_PER_INTERVAL))
        if len(asked) == QUESTIONS_PER_INTERVAL and now - asked[0] < self._interval:
            return False
        asked.append(now)
        return True

    async def _look(self, account_id: int, hint: CallbackBody) -> None:
        try:
            said = (await self._fetcher.fetch(account_id, hint.jobid)).content
            if isinstance(said, Job) and not is_old_end(said, self._clock.now()):
                result = await self._importer.import_jobs(account_id, [hint.jobid])
                self._heed_claim(hint, said, result.found)
        except PixVerseError as error:
            log.info("No answer about a job that a callback told of: %s", error)
        except Exception as error:
            log_failure(log, error, "A job that a callback told of could not be taken")

    def _heed_claim(self, hint: CallbackBody, said: Job, found: Collection[int]) -> None:
        """What the API said just now serves the poller too; only where that is no end yet it is asked again."""
        if hint.claims_end and not said.state.ends:
            for job_id in found:
                self._changes.end_reported(job_id)


def is_old_end(job: Job, now: int) -> bool:
    """Whether the job ended so long ago that nobody waits for it; `now` in milliseconds UTC."""
    last = job.updated or job.created
    return job.state.ends and last is not None and now - last > OLD_END_MS
