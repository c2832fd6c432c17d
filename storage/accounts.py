"""Accounts of useapi.net: one row for each account whose token was ever set."""

from __future__ import annotations

from dataclasses import dataclass, field

from storage import meta
from storage.database import Queries, Transaction

_COLUMNS = "id, account_key, token, state, state_since, tried_at"
_OPERATOR = "operator_account"


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as it is kept; times in milliseconds UTC."""

    id: int
    account_key: str
    token: bytes | None = field(repr=False)
    """Encrypted; None once nobody uses it."""
    state: str
    """ok, refused or unpaid."""
    state_since: int
    tried_at: int | None
    """When the API last answered its token, as far as that was written down."""


async def by_id(queries: Queries, account_id: int) -> AccountRow | None:
    """The account with this id."""
    row = await queries.one(f"SELECT {_COLUMNS} FROM accounts WHERE id = ?", (account_id,))
    return None if row is None else AccountRow(*row)


async def by_key(queries: Queries, account_key: str) -> AccountRow | None:
    """The account with this key."""
    row = await queries.one(f"SELECT {_COLUMNS} FROM accounts WHERE account_key = ?", (account_key,))
    return None if row is None else AccountRow(*row)


async def every(queries: Queries) -> list[AccountRow]:
    """All accounts, oldest first, those without a token too."""
    return [AccountRow(*row) for row in await queries.all(f"SELECT {_COLUMNS} FROM accounts ORDER BY id")]


async def put_token(tx: Transaction, account_key: str, token: bytes, now: int) -> AccountRow:
    """Keeps the account's token (encrypted) in place of the earlier one; a new account is ok."""
    await tx.run(
        "INSERT INTO accounts (account_key, token, state_since) VALUES (?, ?, ?) ON CONFLICT (account_key)"
        " DO UPDATE SET token = excluded.token",
        (account_key, token, now),
    )
    row = await by_key(tx, account_key)
    if row is None:
        raise LookupError("an account that was just put is not there")
    return row


async def set_state(tx: Transaction, account_id: int, state: str, now: int) -> bool:
    """Keeps how the API takes the account's token; whether that is a change."""
    changed = await tx.run(
        "UPDATE accounts SET state = ?, state_since = ?, tried_at = ? WHERE id = ? AND state <> ?",
        (state, now, now, account_id, state),
    )
    return changed > 0


async def set_tried(tx: Transaction, account_id: int, now: int) -> None:
    """Keeps when the API last answered the account's token."""
    await tx.run("UPDATE accounts SET tried_at = ? WHERE id = ?", (now, account_id))


async def forget_unused_token(tx: Transaction, account_id: int) -> bool:
    """Deletes the token of an account that neither a server nor the operator uses; whether it did."""
    if await operator(tx) == account_id:
        return False
    changed = await tx.run(
        "UPDATE accounts SET token = NULL WHERE id = ? AND token IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM servers WHERE servers.account_id = accounts.id)",
        (account_id,),
    )
    return changed > 0


async def operator(queries: Queries) -> int | None:
    """The operator's account, if there is one."""
    value = await meta.get(queries, _OPERATOR)
    return None if value is None else int(value)


async def set_operator(tx: Transaction, account_id: int | None) -> None:
    """Keeps which account is the operator's."""
    if account_id is None:
        await tx.run("DELETE FROM meta WHERE name = ?", (_OPERATOR,))
        return
    await meta.put(tx, _OPERATOR, str(account_id).encode("ascii"))
