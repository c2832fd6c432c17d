"""What the API says right now, for somebody who is waiting for an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from enum import Enum

from pixverse import errors
from pixverse.errors import PixVerseError
from pixverse.job import Job
from relay.commands import refusals
from relay.polling.questions import Accounts, NoTokenLeft, Questions
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


Said = Job | Silence


class Lookups:
    """Asks each id at most once, and waits at most `patience` seconds for all of them together."""

    def __init__(self, questions: Questions, accounts: Accounts, patience: float = PATIENCE_SECONDS) -> None:
        self._questions = questions
        self._accounts = accounts
        self._patience = patience

    def account_of(self, guild_id: int) -> int:
        """The server's account, whether the API takes its token or not. Raises NoToken."""
        account_id = self._accounts.in_force(guild_id)
        if account_id is None or self._accounts.token_of(account_id) is None:
            raise refusals.NoToken
        return account_id

    def account_in_force(self, guild_id: int) -> int:
        """The server's account. Raises NoToken, TokenRefused or SubscriptionUnpaid where it cannot be used."""
        account_id = self.account_of(guild_id)
        self.require_ok(account_id)
        return account_id

    def require_ok(self, account_id: int) -> None:
        """Raises TokenRefused or SubscriptionUnpaid where the account is in that state."""
        state = self._accounts.state_of(account_id)
        if state == "refused":
            raise refusals.TokenRefused
        if state == "unpaid":
            raise refusals.SubscriptionUnpaid

    async def one(self, account_id: int, jobid: str) -> Said:
        """What the API says of one job. Raises NoToken, TokenRefused or SubscriptionUnpaid."""
        return (await self.many(account_id, [jobid]))[jobid]

    async def many(self, account_id: int, jobids: Collection[str]) -> dict[str, Said]:
        """What the API says of each job. Raises NoToken, TokenRefused or SubscriptionUnpaid."""
        if not jobids:
            return {}
        gate = asyncio.Semaphore(_AT_ONCE)
        tasks = {jobid: asyncio.create_task(self._ask(gate, account_id, jobid)) for jobid in jobids}
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
        return {
            jobid: Silence.NO_ANSWER if isinstance(one, BaseException) else one
            for jobid, one in zip(tasks, answered, strict=True)
        }

    async def _ask(self, gate: asyncio.Semaphore, account_id: int, jobid: str) -> Said:
        async with gate:
            if self._questions.rests_until(account_id) is not None:
                return Silence.NO_ANSWER
            try:
                said = (await self._questions.ask(account_id, jobid)).said
            except NoTokenLeft:
                raise refusals.NoToken from None
            except errors.TokenRefused:
                raise refusals.TokenRefused from None
            except errors.SubscriptionUnpaid:
                raise refusals.SubscriptionUnpaid from None
            except errors.BadRequest:
                return Silence.BAD_QUESTION
            except PixVerseError:
                return Silence.NO_ANSWER
        if isinstance(said, Job):
            return said
        return Silence.NOT_FOUND if isinstance(said, errors.JobNotFound) else Silence.EXPIRED


def needs_asking(row: JobRow | None) -> bool:
    """Whether only the API can tell how the job stands; a job that has ended is asked about only if it was given up."""
    return row is None or row.ended_at is None or was_given_up(row)


def was_given_up(row: JobRow) -> bool:
    """Whether it may be taken up again."""
    return row.outcome == "given up"


def refuse_unknown(said: Said) -> None:
    """Raises what is to be said of a job that is not known here and that the API does not tell either."""
    if said is Silence.NOT_FOUND:
        raise refusals.NotFound
    if said is Silence.EXPIRED:
        raise refusals.Expired
    if said is Silence.BAD_QUESTION:
        raise refusals.QuestionRefused
