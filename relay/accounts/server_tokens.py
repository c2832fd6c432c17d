"""The admins' actions on their server's API token: set it, remove it, and drop the jobs of a former account."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from typing import NamedTuple

from model.messages import ClaimedUser
from model.states import AccountState, NoticeKind
from pixverse.api import PixVerseApi
from pixverse.api_errors import PixVerseError, SubscriptionUnpaid, TokenRefused
from pixverse.token_text import clean_token
from relay.accounts import account_states
from relay.accounts.account_registry import AccountRegistry, confirms
from relay.changes import Changes
from relay.commands.refusals import TokenChanged
from relay.delivery.batch_end import end_without_outcome
from relay.ports import Clock
from storage import accounts, card_rows, follows, moves, servers, subscriptions
from storage.database import Database, Queries, Transaction
from storage.run_to_completion import run_to_completion
from storage.secret_store import SecretStore


class TokenUntried(Exception):
    """The API did not respond, so it is unknown whether the token works; it was not stored."""


class TokenOvertaken(Exception):
    """Another command set or removed the server's token while this one was being tried: a later one, which wins, or
    one of another process, of which it is unknown whether it is later."""


class TokenSetKind(StrEnum):
    """What the admin is told about a token that works and was stored."""

    WORKS = "works"
    SAME_ACCOUNT = "same account"
    """The server waits for jobs of this account; they continue with the token."""
    OTHER_ACCOUNT = "other account"
    """Jobs or follows of a former account are on hold; the admin has to decide about them."""


@dataclass(frozen=True, slots=True)
class TokenSet:
    """A token that was tried and stored."""

    kind: TokenSetKind
    account_id: int
    user: ClaimedUser | None
    """The useapi.net user that the token's text claims, if it claims one."""
    in_work: int
    """How many active jobs the account has, wherever they were started."""
    waiting: int
    """How many jobs of this account the server waits for."""
    old_account_id: int | None
    """The other account that the server used before, or that still has something on hold; None if there is none."""
    old_user: ClaimedUser | None
    held: int
    """How many jobs of the old account the server waits for."""
    held_channels: int
    """How many channels follow the old account; those follows are paused."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing the server's token would do."""

    account_id: int
    waiting: int
    """How many jobs would no longer be watched."""
    channels: int
    """How many follows would end."""
    operators_token: bool
    """Whether the server would then use the operator's account."""


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was dropped when an account was removed from a server."""

    jobs: int
    channels: tuple[int, ...]
    """The channels that followed the account."""


class _Seen(NamedTuple):
    """What a command saw before it tried its token."""

    command: int
    """Its number."""
    changed_by: int | None
    """The number of the command of this process that last changed the server's token."""
    stored: tuple[int | None, int | None]
    """The server's own account, and who set its token."""


class ServerTokens:
    """Sets and removes servers' tokens, and drops the jobs of former ones.

    When a call returns, its changes are committed, the registry is up to date, and the changes have been signalled. A
    call that raises has changed nothing. Every call raises StorageError if the database fails.
    """

    def __init__(
        self,
        database: Database,
        secret_store: SecretStore,
        clock: Clock,
        registry: AccountRegistry,
        api: PixVerseApi,
        changes: Changes,
    ) -> None:
        self._database = database
        self._secret_store = secret_store
        self._clock = clock
        self._accounts = registry
        self._api = api
        self._changes = changes
        self._commands = count(1)
        self._changed_by: dict[int, int] = {}
        """By server: the number of the command that last set or removed its token. Kept while any token is being
        tried."""
        self._being_set = 0
        """How many commands are trying or storing a token."""

    async def set_token(self, guild_id: int, user_id: int, raw: str) -> TokenSet:
        """Cleans, tries and stores a token for this server only. The server's jobs and follows of an earlier token that
        claims the same account move to this one.

        Raises DiscordTokenGiven and NotAToken (pixverse.token_text), TokenRefused and SubscriptionUnpaid
        (pixverse.api_errors), TokenUntried and TokenOvertaken.
        """
        command = next(self._commands)
        token = clean_token(raw)
        self._being_set += 1
        try:
            changed_by = self._changed_by.get(guild_id)
            before = await self._stored(self._database.reader, guild_id)
            listed = await self._try(token)
            seen = _Seen(command, changed_by, before)
            return await run_to_completion(self._store(seen, guild_id, user_id, token, listed))
        finally:
            self._being_set -= 1
            if not self._being_set:
                self._changed_by.clear()

    async def preview_removal(self, guild_id: int) -> Removal | None:
        """Returns what `remove_token` would do; None if the server has no token of its own."""
        own = self._accounts.own(guild_id)
        if own is None:
            return None
        jobs, channels = await _count_waiting(self._database.reader, guild_id, own)
        return Removal(own, jobs, channels, self._accounts.operator_id is not None)

    async def remove_token(self, guild_id: int, account_id: int, user_id: int) -> Dropped:
        """Removes the server's token, ends its follows and drops its waiting jobs. No copy of the token remains unless
        another server uses the same one. Raises TokenChanged if the server's account is not this one."""
        return await run_to_completion(self._remove(guild_id, account_id, user_id))

    async def held(self, guild_id: int, account_id: int) -> tuple[int, int]:
        """Returns how many jobs of an account that it does not use the server waits for, and how many of its channels
        follow that account. Raises TokenChanged if the server uses the account, or if it is gone."""
        await self._check_not_in_force(self._database.reader, guild_id, account_id)
        return await _count_waiting(self._database.reader, guild_id, account_id)

    async def drop_old_jobs(self, guild_id: int, account_id: int, user_id: int) -> Dropped:
        """Drops the server's waiting jobs of an account that it no longer uses, and ends its follows. Raises
        TokenChanged if the server uses the account, or if it is gone."""
        return await run_to_completion(self._drop_old(guild_id, account_id, user_id))

    # ---- inside -----------------------------------------------------------------------------------------------------

    async def _try(self, token: str) -> tuple[str, ...]:
        try:
            return await self._api.all_active_jobs(token)
        except (TokenRefused, SubscriptionUnpaid):
            raise
        except PixVerseError as error:
            raise TokenUntried(str(error)) from error

    async def _stored(self, queries: Queries, guild_id: int) -> tuple[int | None, int | None]:
        """The server's own account as it is stored, and who set its token."""
        server = await servers.get(queries, guild_id)
        return (None, None) if server is None else (server.account_id, server.token_set_by)

    async def _is_overtaken(self, tx: Transaction, guild_id: int, seen: _Seen) -> bool:
        latest = self._changed_by.get(guild_id)
        if latest != seen.changed_by:
            return latest is not None and latest > seen.command
        # No command of this process has changed it meanwhile, but one of another process may have.
        return await self._stored(tx, guild_id) != seen.stored

    async def _store(self, seen: _Seen, guild_id: int, user_id: int, token: str, listed: tuple[str, ...]) -> TokenSet:
        now, key = self._clock.now(), self._accounts.key_of(token)
        async with self._database.transaction() as tx:
            if await self._is_overtaken(tx, guild_id, seen):
                raise TokenOvertaken
            # As stored: another process, or a commit with an unknown result, may have set another one.
            own, before = await self._own_and_in_force(tx, guild_id)
            digest = self._secret_store.keyed_hash(token)
            row = await accounts.put_token(tx, key, self._secret_store.encrypt(token), digest, now)
            await servers.set_account(tx, guild_id, row.id, user_id)
            former = await moves.to_account(tx, guild_id, row.id, now)
            is_news = await self._mark_working(tx, row, listed, now)
            jobs = await subscriptions.count_waiting_in_server(tx, guild_id, row.id)
            if not is_news and before != row.id and self._were_on_hold(before, key):
                await self._notify_resumed(tx, row, guild_id, now)
            old = None if before is None or self._accounts.claims(before, key) else before
            if old is None:
                old = await subscriptions.other_account(tx, guild_id, row.id)
            held, channels = (0, 0) if old is None else await _count_waiting(tx, guild_id, old)
            if before != row.id:
                await servers.note_account_changed(tx, guild_id, now)
                await card_rows.account_changed(tx, row.id, guild_id=guild_id)
            if own is not None and own != row.id:
                await accounts.forget_unused_token(tx, own)
            rows = await _rows(tx, row.id, before, own)
        self._changed_by[guild_id] = seen.command
        for changed in rows:
            self._accounts.remember(changed)
        self._accounts.remember_own(guild_id, row.id)
        self._accounts.report_changed(*dict.fromkeys((row.id, *former, *(changed.id for changed in rows))))
        await self._database.flush()
        kind = TokenSetKind.SAME_ACCOUNT if jobs else TokenSetKind.WORKS
        if held or channels:
            kind = TokenSetKind.OTHER_ACCOUNT
        return TokenSet(kind, row.id, self._user(row.id), len(listed), jobs, old, self._user(old), held, channels)

    def _were_on_hold(self, before: int | None, key: str) -> bool:
        """Whether jobs of the account with this key were on hold in a server that until now used the account
        `before`."""
        if before is None or not self._accounts.claims(before, key):
            return True
        return self._accounts.state_of(before) is not AccountState.OK

    async def _mark_working(self, tx: Transaction, row: accounts.AccountRow, listed: tuple[str, ...], now: int) -> bool:
        """Writes that the token works; returns whether that is new. If so, every server that waits is notified."""
        account = self._accounts.decrypt_row(row)
        if confirms(account, listed):
            await accounts.set_confirmed(tx, row.id)
        if await self._accounts.change_state(tx, account, AccountState.OK, now):
            return True
        await accounts.set_tried(tx, row.id, now)
        return False

    async def _notify_resumed(self, tx: Transaction, row: accounts.AccountRow, guild_id: int, now: int) -> None:
        account = self._accounts.decrypt_row(row)
        await account_states.notify_resumed(tx, account, guild_id, operator_id=self._accounts.operator_id, now=now)

    async def _remove(self, guild_id: int, account_id: int, user_id: int) -> Dropped:
        command = next(self._commands)
        async with self._database.transaction() as tx:
            own, _ = await self._own_and_in_force(tx, guild_id)
            if own != account_id:
                raise TokenChanged
            dropped, stopped = await self._drop(tx, guild_id, account_id, user_id)
            await account_states.end_alerts(tx, {guild_id: dropped.jobs}, NoticeKind.TOKEN_REMOVED, self._clock.now())
            await servers.clear_account(tx, guild_id)
            await servers.note_account_changed(tx, guild_id, self._clock.now())
            await card_rows.account_changed(tx, self._accounts.operator_id, guild_id=guild_id)
            await self._accounts.tell_trouble(tx, guild_id, self._clock.now())
            await accounts.forget_unused_token(tx, account_id)
            rows = await _rows(tx, account_id, self._accounts.operator_id)
        self._changed_by[guild_id] = command
        for changed in rows:
            self._accounts.remember(changed)
        self._accounts.remember_own(guild_id, None)
        self._report_stopped(stopped)
        self._accounts.report_changed(*(changed.id for changed in rows))
        await self._database.flush()
        return dropped

    async def _drop_old(self, guild_id: int, account_id: int, user_id: int) -> Dropped:
        async with self._database.transaction() as tx:
            await self._check_not_in_force(tx, guild_id, account_id)
            dropped, stopped = await self._drop(tx, guild_id, account_id, user_id)
        self._report_stopped(stopped)
        return dropped

    async def _drop(
        self, tx: Transaction, guild_id: int, account_id: int, user_id: int
    ) -> tuple[Dropped, Collection[int]]:
        """Drops the server's waiting jobs of an account and ends its follows. Also returns the subscriptions that this
        has ended."""
        jobs = await subscriptions.count_waiting_in_server(tx, guild_id, account_id)
        now = self._clock.now()
        stopped = await subscriptions.stop_of_account(tx, guild_id, account_id, user_id, now)
        for batch_id in sorted({batch_id for batch_id in stopped.values() if batch_id is not None}):
            await end_without_outcome(tx, batch_id, now, stopped_by=user_id)
        channels = await follows.remove_of_account(tx, guild_id, account_id)
        return Dropped(jobs, channels), stopped

    async def _check_not_in_force(self, queries: Queries, guild_id: int, account_id: int) -> None:
        own, in_force = await self._own_and_in_force(queries, guild_id)
        row = None if own is None else await accounts.by_id(queries, own)
        entered_again = row is not None and self._accounts.claims(account_id, row.account_key)
        is_gone = await accounts.by_id(queries, account_id) is None
        if is_gone or entered_again or in_force == account_id:
            raise TokenChanged

    async def _own_and_in_force(self, queries: Queries, guild_id: int) -> tuple[int | None, int | None]:
        """The server's own account, and the one that it uses: none if it has removed the bot."""
        server = await servers.get(queries, guild_id)
        if server is None:
            return None, self._accounts.operator_id
        own = server.account_id
        if server.gone_since is not None:
            return own, None
        return own, self._accounts.operator_id if own is None else own

    def _report_stopped(self, subscription_ids: Collection[int]) -> None:
        self._changes.deliveries_added()
        for subscription_id in subscription_ids:
            self._changes.subscription_changed(subscription_id)

    def _user(self, account_id: int | None) -> ClaimedUser | None:
        account = None if account_id is None else self._accounts.account(account_id)
        return None if account is None else account.user


async def _count_waiting(queries: Queries, guild_id: int, account_id: int) -> tuple[int, int]:
    """How many jobs of the account the server waits for, and how many of its channels follow the account."""
    jobs = await subscriptions.count_waiting_in_server(queries, guild_id, account_id)
    return jobs, await follows.count(queries, guild_id, account_id)


async def _rows(tx: Transaction, *account_ids: int | None) -> list[accounts.AccountRow]:
    wanted = [account_id for account_id in dict.fromkeys(account_ids) if account_id is not None]
    found = [await accounts.by_id(tx, account_id) for account_id in wanted]
    return [row for row in found if row is not None]
