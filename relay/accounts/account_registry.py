"""Knows which server uses which API account, and whether the API accepts the accounts' tokens."""

from __future__ import annotations

import logging
from collections.abc import Collection, Set
from dataclasses import replace

from model.states import AccountState, NoticeKind
from pixverse.api_errors import PixVerseError
from pixverse.token_text import names_user, useapi_user
from relay.accounts import account_states
from relay.accounts.account_states import Account, state_shown_by
from relay.changes import Changes
from relay.cluster.change_feed import KeptInMemory
from relay.ports import Clock
from storage import accounts, card_rows, moves, servers
from storage.accounts import AccountRow
from storage.database import Database, Transaction, found
from storage.errors import WrongKey
from storage.run_to_completion import run_to_completion
from storage.secret_store import SecretStore
from storage.servers import ServerRow

log = logging.getLogger(__name__)


class AccountRegistry(KeptInMemory):
    """Keeps every account in memory, in step with the database's commits, so that look-ups cost nothing.

    `recheck_seconds` is the time between two trials of a token that does not work; a notice names it.
    """

    def __init__(
        self,
        database: Database,
        secret_store: SecretStore,
        clock: Clock,
        changes: Changes,
        *,
        recheck_seconds: float,
        operator_token: str | None,
    ) -> None:
        self._database = database
        self._secret_store = secret_store
        self._clock = clock
        self._changes = changes
        self._recheck_ms = round(recheck_seconds * 1000)
        self._operator_token = operator_token
        self._known: dict[int, Account] = {}
        self._own: dict[int, int] = {}
        self._suspended: set[int] = set()
        self._operator_id: int | None = None

    async def start(self) -> None:
        """Reads all accounts, and stores the operator's token from the settings. Servers whose token is missing or
        cannot be decrypted are asked to enter it again. Raises StorageError if the database fails."""
        async with self._database.transaction() as tx:
            self._operator_id = await self._settle_operator(tx, await accounts.operator(tx))
            await accounts.forget_unused_tokens(tx)
            await self._check_servers_tokens(tx)
            rows = await accounts.every(tx)
            self._own = await servers.with_own_account(tx)
            self._suspended = await servers.gone(tx)
        self._known = {row.id: self.decrypt_row(row) for row in rows}
        # Tokens may have been overwritten: just now, by a migration, or by an earlier start that was killed.
        await self._database.flush()

    async def read_all(self) -> None:
        """Reads everything that other processes may have changed. Raises StorageError if the database fails."""
        reader = self._database.reader

        async def read() -> tuple[list[AccountRow], dict[int, int], set[int], int | None]:
            rows, own = await accounts.every(reader), await servers.with_own_account(reader)
            return rows, own, await servers.gone(reader), await accounts.operator(reader)

        rows, self._own, self._suspended, self._operator_id = await self._undisturbed(read)
        self._known = {row.id: self.decrypt_row(row) for row in rows}

    async def read_again(self, account_ids: Collection[int], guild_ids: Collection[int]) -> None:
        """Reads these accounts and servers again after other processes have changed them, and signals the accounts that
        the servers used before and use now. Raises StorageError if the database fails."""
        reader = self._database.reader

        async def read() -> tuple[list[AccountRow], dict[int, ServerRow | None], int | None]:
            rows = await accounts.among(reader, account_ids)
            found = {guild_id: await servers.get(reader, guild_id) for guild_id in guild_ids}
            return rows, found, await accounts.operator(reader)

        rows, found, operator_id = await self._undisturbed(read)
        self._operator_id = operator_id
        kept = {known: account for known, account in self._known.items() if known not in account_ids}
        self._known = kept | {row.id: self.decrypt_row(row) for row in rows}
        for guild_id, server in found.items():
            before = self.in_force(guild_id)
            self.remember_own(guild_id, None if server is None else server.account_id)
            is_suspended = server is not None and server.gone_since is not None
            self._suspended = (self._suspended - {guild_id}) | ({guild_id} if is_suspended else set())
            self.report_changed(*{one for one in (before, self.in_force(guild_id)) if one is not None})

    # ---- looking up -------------------------------------------------------------------------------------------------

    def in_force(self, guild_id: int) -> int | None:
        """The account that a server uses: its own, or else the operator's. None if there is none, or if the server
        removed the bot."""
        return None if guild_id in self._suspended else self._own.get(guild_id, self._operator_id)

    def is_in_force(self, account_id: int) -> bool:
        """Whether any server uses the account. The operator's account always counts as used; a server that removed the
        bot uses no account."""
        if account_id == self._operator_id:
            return True
        return any(own == account_id and guild_id not in self._suspended for guild_id, own in self._own.items())

    def own(self, guild_id: int) -> int | None:
        """The account of the token that a server has set, or None."""
        return self._own.get(guild_id)

    def account(self, account_id: int) -> Account | None:
        """The account with this id."""
        return self._known.get(account_id)

    def every(self) -> list[Account]:
        """All accounts."""
        return list(self._known.values())

    @property
    def operator_id(self) -> int | None:
        """The operator's account, which servers without an account of their own use; None if there is none."""
        return self._operator_id

    def token_of(self, account_id: int) -> str | None:
        """The account's token; None if it is not stored or cannot be decrypted."""
        account = self._known.get(account_id)
        return None if account is None else account.token

    def state_of(self, account_id: int) -> AccountState:
        """The state of the account's token with the API; OK for an unknown account."""
        account = self._known.get(account_id)
        return AccountState.OK if account is None else account.state

    def key_of(self, token: str) -> str:
        """The key of a token's account: the user that the token's text claims, or else the token's keyed hash."""
        number = useapi_user(token)
        return f"hash:{self._secret_store.keyed_hash(token)}" if number is None else f"user:{number}"

    def claims(self, account_id: int, key: str) -> bool:
        """Whether the account has this key, that is, whether its token claims the same user."""
        account = self._known.get(account_id)
        return account is not None and account.key == key

    # ---- what the API says ------------------------------------------------------------------------------------------

    async def note_response(self, account_id: int, error: PixVerseError | None, jobid: str = "") -> None:
        """Notes what a response about a job shows about the account's token.

        A refusal of the token is believed at once. A sign that it works again is not, because responses may arrive out
        of order; the token is tried instead. Raises StorageError if the database fails; nothing is changed then.
        """
        if error is None:
            await self.confirm_user(account_id, (jobid,))
        account, state = self._known.get(account_id), state_shown_by(error)
        if account is None or account.token is None or state is None:
            return
        if state is account.state:
            self._known[account_id] = replace(account, tried_at=self._clock.now())
        elif state is AccountState.OK:
            self.doubt(account_id)
        else:
            await run_to_completion(self._change_state(account_id, account.token, state))

    def doubt(self, account_id: int) -> None:
        """Requests an immediate trial of the account's token."""
        self._changes.account_doubted(account_id)

    async def note_trial(self, account_id: int, token: str, error: PixVerseError | None) -> None:
        """Notes the result of a trial of this token, unless the token has been replaced meanwhile.

        Raises StorageError if the database fails; nothing is changed then.
        """
        state = state_shown_by(error)
        if state is not None:
            await run_to_completion(self._change_state(account_id, token, state))

    async def confirm_user(self, account_id: int, jobids: Collection[str]) -> None:
        """Confirms the user that the token's text claims, if the API knows a job with this token whose id contains the
        user's number. Raises StorageError if the database fails."""
        account = self._known.get(account_id)
        if account is None or not confirms(account, jobids):
            return
        async with self._database.transaction() as tx:
            await accounts.set_confirmed(tx, account_id)
        known = self._known.get(account_id)
        if known is not None:
            self._known[account_id] = replace(known, confirmed=True)
            self._writes += 1

    async def _change_state(self, account_id: int, token: str, state: AccountState) -> None:
        async with self._database.transaction() as tx:
            row = await accounts.by_id(tx, account_id)
            account = None if row is None else self.decrypt_row(row)
            if account is None or account.token != token:  # Perhaps another process has just replaced it.
                return
            now = self._clock.now()
            await self.change_state(tx, account, state, now)
            row = found(await accounts.by_id(tx, account_id))
        before = self.state_of(account_id)
        self.remember(row)
        self._known[account_id] = replace(self._known[account_id], tried_at=now)
        if row.state is not before:  # Perhaps another process had written it already.
            log.warning("account %d is now: %s", account_id, state.value)
            self.report_changed(account_id)

    # ---- for those who change tokens and servers --------------------------------------------------------------------

    async def change_state(self, tx: Transaction, account: Account, state: AccountState, now: int) -> bool:
        """Writes a state and adds the notices about it; returns whether it is new. The caller has to call `remember`
        after the commit."""
        return await account_states.change(
            tx, account, state, operator_id=self._operator_id, recheck=self._recheck_ms, now=now
        )

    async def tell_trouble(self, tx: Transaction, guild_id: int, now: int) -> None:
        """Adds a notice about trouble with the account that the server uses, unless the server was told of it before.

        The caller subscribes a channel of the server to a job of the account in the same transaction.
        """
        server = await servers.get(tx, guild_id)  # Its token may have been removed in this transaction.
        own = None if server is None else server.account_id
        account_id = self._operator_id if own is None else own
        # Another process may have written that the trouble is over.
        row = None if account_id is None else await accounts.by_id(tx, account_id)
        if row is not None:
            account = self.decrypt_row(row)
            await account_states.tell_trouble(
                tx, account, guild_id, operator_id=self._operator_id, recheck=self._recheck_ms, now=now
            )

    def decrypt_row(self, row: AccountRow) -> Account:
        """The row as an account, with its token decrypted, or without a token if that fails."""
        try:
            token = None if row.token is None else self._secret_store.decrypt(row.token)
        except WrongKey:
            token = None
        return Account(row.id, row.account_key, row.state, token, row.tried_at, row.confirmed)

    def remember(self, row: AccountRow) -> None:
        """Updates the account in memory from a committed row."""
        self._known[row.id] = self.decrypt_row(row)
        self._writes += 1

    def forget(self, account_ids: Collection[int]) -> None:
        """Forgets deleted accounts. To be called after the deletion is committed."""
        self._writes += 1
        for account_id in account_ids:
            self._known.pop(account_id, None)
        self.report_changed(*account_ids)

    def remember_own(self, guild_id: int, account_id: int | None) -> None:
        """Updates in memory which account a server has set for itself. To be called after the commit."""
        self._writes += 1
        if account_id is None:
            self._own.pop(guild_id, None)
        else:
            self._own[guild_id] = account_id

    @property
    def suspended(self) -> Set[int]:
        """The servers that are suspended."""
        return self._suspended

    def suspend_server(self, guild_id: int) -> None:
        """Notes that the server removed the bot: it uses no account until it is back. To be called after the commit."""
        self._suspended.add(guild_id)
        self._report_server_changed(guild_id)

    def resume_server(self, guild_id: int) -> None:
        """Notes that the server has the bot back or was deleted. To be called after the commit."""
        self._suspended.discard(guild_id)
        self._report_server_changed(guild_id)

    def _report_server_changed(self, guild_id: int) -> None:
        self._writes += 1
        account_id = self._own.get(guild_id, self._operator_id)
        if account_id is not None:
            self.report_changed(account_id)

    def report_changed(self, *account_ids: int) -> None:
        """Signals that these accounts, or the servers that use them, changed."""
        for account_id in account_ids:
            self._changes.account_changed(account_id)

    # ---- inside -----------------------------------------------------------------------------------------------------

    async def _settle_operator(self, tx: Transaction, before: int | None) -> int | None:
        """Stores the token of the settings as the operator's, and returns its account. Jobs of a former token of the
        same account continue. If it is another account, or none any more, alerts about the former one are over."""
        now_id = None if self._operator_token is None else await self._put_operator_token(tx, self._operator_token)
        if before == now_id:
            return now_id
        await accounts.set_operator(tx, now_id)
        await card_rows.account_changed(tx, now_id)
        told = dict.fromkeys(await servers.notified_without_own_account(tx), 0)
        kind, replaced = NoticeKind.TOKEN_REMOVED, now_id is not None
        await account_states.end_alerts(tx, told, kind, self._clock.now(), replaced=replaced)
        return now_id

    async def _put_operator_token(self, tx: Transaction, token: str) -> int:
        key, digest = self.key_of(token), self._secret_store.keyed_hash(token)
        row = await accounts.put_operator_token(tx, key, self._secret_store.encrypt(token), digest, self._clock.now())
        return row.id

    async def _check_servers_tokens(self, tx: Transaction) -> None:
        """Asks the admins of each server whose token is missing or cannot be decrypted to enter it again. They are
        asked only once; until they do, the server's jobs stay on hold.

        A token that cannot be decrypted stays in the database, because its key may come back.
        """
        for row in await accounts.used_by_servers(tx):
            account = self.decrypt_row(row)
            if account.token is None:
                await self._mark_missing(tx, row, account)
                continue
            if row.token_hash is None:
                await accounts.set_hash(tx, row.id, self._secret_store.keyed_hash(account.token))
            if account.state is AccountState.MISSING:
                await self.change_state(tx, account, AccountState.OK, self._clock.now())

    async def _mark_missing(self, tx: Transaction, row: AccountRow, account: Account) -> None:
        now = self._clock.now()
        guild_ids = await servers.using(tx, row.id)
        for guild_id in guild_ids:
            await moves.to_account(tx, guild_id, row.id, now)
        await self.change_state(tx, account, AccountState.MISSING, now)
        log.error(
            "the token of account %d %s: servers that are asked to set it again: %s",
            row.id,
            "is not stored" if row.token is None else "cannot be decrypted with the present key",
            ", ".join(map(str, guild_ids)),
        )


def confirms(account: Account, jobids: Collection[str]) -> bool:
    """Whether these ids, of jobs that the API knows with the account's token, confirm the user that the token's text
    claims. False if the user was confirmed before."""
    user = account.user
    return user is not None and not user.confirmed and any(names_user(jobid, user.number) for jobid in jobids)
