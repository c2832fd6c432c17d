"""What the API says right now, for somebody who is waiting for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from model.job import Job, Outcome
from model.states import AccountState
from pixverse import api_errors
from pixverse.api_errors import PixVerseError
from pixverse.recent_lists import LookupTerms
from relay.allowances import Allowances
from relay.commands import refusals
from relay.commands.refusals import TooFast
from relay.commands.results import Ask
from relay.polling.job_fetcher import FRESH_SECONDS, Accounts, JobFetcher, NoTokenLeft
from storage.jobs import JobRow

PATIENCE_SECONDS = 4.0
_AT_ONCE = 8


class Silence(Enum):
    """Why there is no job in an answer."""

    NOT_FOUND = "not found"
    EXPIRED = "expired"
    NO_ANSWER = "no answer"
    """None in time, or 429: worth trying again later."""
    BAD_QUESTION = "bad question"
    """400."""


@dataclass(frozen=True, slots=True)
class HeldBack:
    """The question needed more requests than people may cause at present."""

    until: int
    """When it may be asked again, milliseconds UTC."""


Said = Job | Silence | HeldBack


class Lookups:
    """Asks each id at most once, within what people may make the bot ask, and waits at most `patience` seconds for all
    of them together."""

    def __init__(
        self,
        fetcher: JobFetcher,
        accounts: Accounts,
        allowances: Allowances,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._fetcher = fetcher
        self.accounts = accounts
        self._allowances = allowances
        self._patience = patience

    def account_of(self, guild_id: int) -> int:
        """The server's account, whether the API takes its token or not. Raises NoToken."""
        account_id = self.accounts.in_force(guild_id)
        if account_id is None:
            raise refusals.NoToken
        if (
            self.accounts.token_of(account_id) is None
            and self.accounts.state_of(account_id) is not AccountState.MISSING
        ):
            raise refusals.NoToken
        return account_id

    def account_in_force(self, guild_id: int) -> int:
        """The server's account. Raises NoToken, or AccountInTrouble where it can't be used."""
        account_id = self.account_of(guild_id)
        self.require_ok(account_id)
        return account_id

    def was_asked(self, account_id: int, jobid: str) -> bool:
        """Whether the API has answered about the job within the last five seconds."""
        return self._fetcher.recent(account_id, jobid) is not None

    def must_wait(self, account_id: int) -> bool:
        """Whether the API has told the account to ask less often."""
        return self._fetcher.backoff_until(account_id) is not None

    def require_ok(self, account_id: int) -> None:
        """Raises AccountInTrouble where the API does not take the account's token."""
        state = self.accounts.state_of(account_id)
        if state is not AccountState.OK:
            raise refusals.AccountInTrouble(state)

    def prepay(self, ask: Ask, account_id: int, requests: int = 1) -> None:
        """Counts requests that will follow from what is asked, though not at once: a look for fresh links before an
        outcome is posted. Raises TooFast."""
        self._allowances.take(account_id, ask.user_id, requests)

    def prepay_for_server(self, ask: Ask) -> None:
        """Does so for one request about the account that the server uses, if there is one. Raises TooFast."""
        account_id = self.accounts.in_force(ask.guild_id)
        if account_id is not None:
            self.prepay(ask, account_id)

    async def one(self, ask: Ask, account_id: int, jobid: str, *, look_again: bool = False) -> Job | Silence:
        """What the API says of one job; with `look_again`, even if it answered a moment ago.

        Raises NoToken, AccountInTrouble and TooFast.
        """
        said = (await self.many(ask, account_id, [jobid], look_again=look_again))[jobid]
        if isinstance(said, HeldBack):
            raise TooFast(said.until)
        return said

    async def many(
        self, ask: Ask, account_id: int, jobids: Collection[str], *, look_again: bool = False
    ) -> dict[str, Said]:
        """What the API says of each job. Raises what `one` does, TooFast where nothing could be asked."""
        if not jobids:
            return {}
        fresh = 0.0 if look_again else FRESH_SECONDS
        needed = [jobid for jobid in jobids if not self._fetcher.is_at_hand(account_id, jobid, fresh)]
        if self._fetcher.backoff_until(account_id) is not None:
            needed = []
        allowance = self._allowances.reserve(account_id, ask.user_id, len(needed))
        try:
            return await self._ask_all(account_id, jobids, LookupTerms(allowance.spend, fresh))
        finally:
            allowance.close()

    async def _ask_all(self, account_id: int, jobids: Collection[str], terms: LookupTerms) -> dict[str, Said]:
        gate = asyncio.Semaphore(_AT_ONCE)
        tasks = {jobid: asyncio.create_task(self._ask(gate, account_id, jobid, terms)) for jobid in jobids}
        try:
            await asyncio.wait(tasks.values(), timeout=self._patience)
        finally:
            late = [task for task in tasks.values() if not task.done()]
            for task in late:
                task.cancel()
            answered = await asyncio.gather(*tasks.values(), return_exceptions=True)
        refusal = next((one for one in answered if isinstance(one, Exception)), None)
        if refusal is not None:
            raise refusal
        said = {
            jobid: Silence.NO_ANSWER if isinstance(one, BaseException) else one
            for jobid, one in zip(tasks, answered, strict=True)
        }
        held_back = [one.until for one in said.values() if isinstance(one, HeldBack)]
        if len(held_back) == len(said):
            raise TooFast(max(held_back))
        return said

    async def _ask(self, gate: asyncio.Semaphore, account_id: int, jobid: str, terms: LookupTerms) -> Said:
        async with gate:
            if self._fetcher.backoff_until(account_id) is not None:
                return Silence.NO_ANSWER
            try:
                said = (await self._fetcher.look_up(account_id, jobid, terms)).said
            except TooFast as held_back:
                return HeldBack(held_back.until)
            except NoTokenLeft:
                raise refusals.NoToken from None
            except api_errors.TokenRefused:
                raise refusals.AccountInTrouble(AccountState.REFUSED) from None
            except api_errors.SubscriptionUnpaid:
                raise refusals.AccountInTrouble(AccountState.UNPAID) from None
            except api_errors.BadRequest:
                return Silence.BAD_QUESTION
            except PixVerseError:
                return Silence.NO_ANSWER
        if isinstance(said, Job):
            return said
        return Silence.NOT_FOUND if isinstance(said, api_errors.JobNotFound) else Silence.EXPIRED


def needs_asking(row: JobRow | None) -> bool:
    """Whether only the API can tell how the job stands; a job that has ended is asked about only if it was given up."""
    return row is None or row.ended_at is None or was_given_up(row)


def was_given_up(row: JobRow) -> bool:
    """Whether it may be taken up again."""
    return row.outcome is Outcome.GIVEN_UP


def refuse_unknown(said: Said) -> None:
    """Raises what is to be said of a job that is not known here and that the API does not tell either."""
    if said is Silence.NOT_FOUND:
        raise refusals.NotFound
    if said is Silence.EXPIRED:
        raise refusals.Expired
    if said is Silence.BAD_QUESTION:
        raise refusals.QuestionRefused
