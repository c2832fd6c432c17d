"""Periodically tries tokens that don't work, and any token on request."""

from __future__ import annotations

import asyncio
import logging
from enum import StrEnum

from model.states import AccountState
from pixverse.api import PixVerseApi
from pixverse.api_errors import PixVerseError
from relay.accounts.account_registry import AccountRegistry
from relay.accounts.account_states import Account, state_shown_by
from relay.clock import sleep_unless_woken
from relay.cluster.ownership import ALONE, Ownership
from relay.failures import log_failure
from relay.ports import Clock

log = logging.getLogger(__name__)

RECHECK_INTERVALS = 15
"""Poll intervals between two trials of a token that does not work."""
_AT_ONCE = 4
"""Maximum number of concurrent trials."""
_LONGEST_SLEEP_SECONDS = 3600.0


class Recheck(StrEnum):
    """The result of a trial of an account's token."""

    WORKS = "works"
    REFUSED = "refused"
    UNPAID = "unpaid"
    NO_RESPONSE = "no response"
    NO_TOKEN = "no token"
    TOKEN_MISSING = "token missing"
    """The token has to be entered again."""


_RESULTS = {
    AccountState.OK: Recheck.WORKS,
    AccountState.REFUSED: Recheck.REFUSED,
    AccountState.UNPAID: Recheck.UNPAID,
    None: Recheck.NO_RESPONSE,
}


class Rechecks:
    """Tries each account whose token does not work: after a start, and then every `recheck_seconds`. If a response to
    the token has named a time to wait, the token is not tried before that time is over."""

    def __init__(
        self,
        accounts: AccountRegistry,
        api: PixVerseApi,
        clock: Clock,
        *,
        recheck_seconds: float,
        ownership: Ownership = ALONE,
    ) -> None:
        self._ownership = ownership
        self.accounts = accounts
        self._api = api
        self._clock = clock
        self._recheck_seconds = recheck_seconds
        self._due: dict[int, float] = {}
        self._woken = asyncio.Event()
        self.failures = 0
        """How many trials failed with an error on this machine."""

    async def run(self) -> None:
        """Tries the tokens that are due until it is cancelled. Errors on this machine are logged and counted.

        The token of a server that has removed the bot is not tried until the bot is back.
        """
        for account in self.accounts.every():
            if account.state is not AccountState.OK and self._is_to_be_tried(account):
                self._due.setdefault(account.id, self._clock.monotonic())
        while True:
            await self._try_due()
            await sleep_unless_woken(self._clock, self._seconds_to_next(), self._woken)

    async def recheck_now(self, account_id: int) -> Recheck:
        """Tries the account's token at once, and applies what the response shows. Raises StorageError if the database
        fails."""
        token = self.accounts.token_of(account_id)
        if token is None:
            self._due.pop(account_id, None)
            missing = self.accounts.state_of(account_id) is AccountState.MISSING
            return Recheck.TOKEN_MISSING if missing else Recheck.NO_TOKEN
        if self._ownership.owns_account(account_id):
            self._due[account_id] = self._clock.monotonic() + self._recheck_seconds
        else:
            self._due.pop(account_id, None)
        listed, error = await self._trial(token)
        await self.accounts.confirm_user(account_id, listed)
        await self.accounts.note_trial(account_id, token, error)
        if self.accounts.state_of(account_id) is AccountState.OK:
            self._due.pop(account_id, None)
        return _RESULTS[state_shown_by(error)]

    async def _trial(self, token: str) -> tuple[tuple[str, ...], PixVerseError | None]:
        try:
            return await self._api.all_active_jobs(token), None
        except PixVerseError as error:
            return (), error

    async def _try_due(self) -> None:
        now = self._clock.monotonic()
        due = [account_id for account_id, at in self._due.items() if at <= now]
        slots = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for account_id in due:
                group.create_task(self._try_in_turn(account_id, slots))

    async def _try_in_turn(self, account_id: int, slots: asyncio.Semaphore) -> None:
        if not self.accounts.is_in_force(account_id):
            self._due.pop(account_id, None)
            return
        token = self.accounts.token_of(account_id)
        retry_at = None if token is None else self._api.retry_at(token)
        if retry_at is not None:
            self._due[account_id] = retry_at
            return
        async with slots:
            try:
                await self.recheck_now(account_id)
            except Exception as error:
                # Broad, so that the other accounts go on: after a locked database, say, the next trial comes in time.
                self.failures += 1
                log_failure(log, error, "trying the token of account %d failed", account_id)

    def _is_to_be_tried(self, account: Account) -> bool:
        return account.token is not None and self._ownership.owns_account(account.id)

    def _seconds_to_next(self) -> float:
        earliest = min(self._due.values(), default=float("inf"))
        return min(max(earliest - self._clock.monotonic(), 0.0), _LONGEST_SLEEP_SECONDS)

    def try_soon(self, account_id: int) -> None:
        """Makes the account's token due for a trial at once."""
        self._due[account_id] = self._clock.monotonic()
        self._woken.set()

    def account_changed(self, account_id: int) -> None:
        """Plans the account's next trial after its token or state has changed."""
        account = self.accounts.account(account_id)
        if account is None or account.state is AccountState.OK or not self._is_to_be_tried(account):
            self._due.pop(account_id, None)
        else:
            self._due.setdefault(account_id, self._clock.monotonic() + self._recheck_seconds)
        self._woken.set()
