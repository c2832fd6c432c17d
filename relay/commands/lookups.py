"""Looks jobs up in the API for people who wait for a reply."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from model.job import Job, Outcome
from model.states import AccountState
from pixverse.api_errors import (
    BadRequest,
    JobExpired,
    JobNotFound,
    PixVerseError,
    SubscriptionUnpaid,
    TokenRefused,
    Unavailable,
)
from pixverse.recent_lists import LookupTerms
from relay.allowances import Allowances
from relay.changes import Changes
from relay.commands.ask import Ask, require_ok
from relay.commands.refusals import AccountInTrouble, Expired, IdRefused, NotFound, NoToken, TooFast
from relay.polling.job_fetcher import FRESH_SECONDS, Accounts, JobFetcher, NoTokenLeft
from relay.polling.job_recorder import JobRecorder, Recorded
from relay.tasks import end_tasks
from storage.jobs import JobRow

PATIENCE_SECONDS = 4.0
_AT_ONCE = 8

LookupResult = Job | PixVerseError | TooFast
"""The job; the error of the API or of the connection to it; or TooFast, if the lookup would have needed more requests
than people may cause at present."""


class Lookups:
    """Looks jobs up within people's allowances. Requests each id at most once, and waits at most `patience` seconds for
    all ids together."""

    def __init__(
        self,
        fetcher: JobFetcher,
        recorder: JobRecorder,
        accounts: Accounts,
        allowances: Allowances,
        changes: Changes,
        ran_until: Callable[[int], int | None],
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """`ran_until` returns when this process last saw the job with a number active (milliseconds UTC), or None."""
        self._fetcher = fetcher
        self._recorder = recorder
        self.accounts = accounts
        self._allowances = allowances
        self._changes = changes
        self._ran_until = ran_until
        self._patience = patience

    def ran_until(self, row: JobRow | None) -> int | None:
        """When this process last saw the job active, in milliseconds UTC; None if it did not."""
        return None if row is None else self._ran_until(row.id)

    def must_wait(self, account_id: int) -> bool:
        """Whether the API has told the account to send fewer requests."""
        return self._fetcher.backoff_until(account_id) is not None

    # ---- what is counted --------------------------------------------------------------------------------------------

    def prepay(self, ask: Ask, account_id: int, requests: int = 1) -> None:
        """Counts requests that will follow later, such as one for fresh links before an outcome is posted. Raises
        TooFast."""
        self._allowances.take(account_id, ask.user_id, requests)

    def prepay_for_server(self, ask: Ask) -> None:
        """Counts one later request with the account that the server uses, if there is one. Raises TooFast."""
        account_id = self.accounts.in_force(ask.guild_id)
        if account_id is not None:
            self.prepay(ask, account_id)

    # ---- looking up -------------------------------------------------------------------------------------------------

    def is_fresh(self, account_id: int, jobid: str) -> bool:
        """Whether the API has responded about the job within the last five seconds."""
        return self._fetcher.recent(account_id, jobid) is not None

    async def one(self, ask: Ask, account_id: int, jobid: str, *, look_again: bool = False) -> Job | PixVerseError:
        """Looks one job up. With `look_again`, the API is asked even if it responded a moment ago.

        Raises NoToken, AccountInTrouble and TooFast.
        """
        found = (await self.many(ask, account_id, [jobid], look_again=look_again))[jobid]
        if isinstance(found, TooFast):
            raise found
        return found

    async def many(
        self, ask: Ask, account_id: int, jobids: Collection[str], *, look_again: bool = False
    ) -> dict[str, LookupResult]:
        """Looks one or more jobs up. Raises what `one` raises, but TooFast only if no job could be looked up."""
        require_ok(self.accounts, account_id)
        fresh = 0.0 if look_again else FRESH_SECONDS
        needed = [jobid for jobid in jobids if not self._fetcher.is_at_hand(account_id, jobid, fresh)]
        if self.must_wait(account_id):
            needed = []
        allowance = self._allowances.reserve(account_id, ask.user_id, len(needed))
        try:
            return await self._fetch_all(account_id, jobids, LookupTerms(allowance.spend, fresh))
        finally:
            allowance.close()

    async def _fetch_all(self, account_id: int, jobids: Collection[str], terms: LookupTerms) -> dict[str, LookupResult]:
        slots = asyncio.Semaphore(_AT_ONCE)
        tasks = {jobid: asyncio.create_task(self._fetch(slots, account_id, jobid, terms)) for jobid in jobids}
        try:
            await asyncio.wait(tasks.values(), timeout=self._patience)
        finally:
            await end_tasks(tasks.values())
        results = {
            jobid: Unavailable("no response in time") if task.cancelled() else task.result()
            for jobid, task in tasks.items()
        }
        held_back = [one for one in results.values() if isinstance(one, TooFast)]
        if len(held_back) == len(results):
            raise max(held_back, key=lambda one: one.until)
        return results

    async def _fetch(self, slots: asyncio.Semaphore, account_id: int, jobid: str, terms: LookupTerms) -> LookupResult:
        async with slots:
            if self.must_wait(account_id):
                return Unavailable("the account has to wait")
            try:
                return (await self._fetcher.look_up(account_id, jobid, terms)).content
            except NoTokenLeft:
                raise NoToken from None
            except TokenRefused:
                raise AccountInTrouble(AccountState.REFUSED) from None
            except SubscriptionUnpaid:
                raise AccountInTrouble(AccountState.UNPAID) from None
            except (PixVerseError, TooFast) as error:
                return error

    # ---- what follows -----------------------------------------------------------------------------------------------

    async def record(self, row: JobRow, found: LookupResult) -> Recorded:
        """Records the result of a lookup for a stored job. Raises StorageError if the database fails."""
        recorded = Recorded.NOTHING
        match found:
            case Job():
                recorded = await self._recorder.record_response(row.id, found, row.account_id, self.ran_until(row))
            case JobNotFound():
                recorded = await self._recorder.record_missing(row.id, row.account_id, self.ran_until(row))
            case JobExpired():
                recorded = await self._recorder.record_expired(row.id, row.account_id)
        self._changes.job_asked(row.id)
        return recorded

    async def refresh_ended(self, ask: Ask, row: JobRow) -> None:
        """Requests and stores fresh links of an ended job. Raises what `one` raises, and StorageError."""
        found = await self.one(ask, row.account_id, row.jobid)
        if isinstance(found, Job):
            await self._recorder.refresh_ended(row.id, found)


def needs_lookup(row: JobRow | None) -> bool:
    """Whether only the API can tell the job's state. It is not needed for an ended job, unless the job was given up."""
    return row is None or row.ended_at is None or was_given_up(row)


def was_given_up(row: JobRow) -> bool:
    """Whether the bot gave the job up, so that it may be watched again."""
    return row.outcome is Outcome.GIVEN_UP


def is_unanswered(found: LookupResult | None) -> bool:
    """Whether the API gave no information about the job: no response in time, a 429, or an unusable response."""
    return isinstance(found, PixVerseError) and not isinstance(found, JobNotFound | JobExpired | BadRequest)


def require_known(found: LookupResult) -> None:
    """Raises NotFound, Expired or IdRefused if that was the API's response. For jobs that are not stored here."""
    match found:
        case JobNotFound():
            raise NotFound
        case JobExpired():
            raise Expired
        case BadRequest():
            raise IdRefused
