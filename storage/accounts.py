"""Accounts of useapi.net: one row for each token, to the byte. `account_key` tells which rows claim the same account.

Servers share a row only if they entered the same bytes. The operator's row is shared with no server.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from model.states import AccountState
from storage.database import Queries, Transaction, columns, found, get_meta, put_meta

_OPERATOR = "operator_account"
_USED_BY_SERVER = "EXISTS (SELECT 1 FROM servers WHERE servers.account_id = accounts.id)"


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as it is stored; times in milliseconds UTC."""

    id: int
    account_key: str
    token: bytes | None = field(repr=False)
    """The token, encrypted; None once nobody uses it, or if it has to be entered again."""
    token_hash: str | None = field(repr=False)
    confirmed: bool
    """Whether the API has named the user that the token's text claims."""
    state: AccountState
    state_since: int
    tried_at: int | None
    """When the API last responded to a request with the token, as far as that was stored."""


_SELECT = f"SELECT {columns(AccountRow)} FROM accounts"


async def by_id(queries: Queries, account_id: int) -> AccountRow | None:
    """The account with this id."""
    return await queries.one_as(AccountRow, f"{_SELECT} WHERE id = ?", (account_id,))


async def among(queries: Queries, account_ids: Collection[int]) -> list[AccountRow]:
    """The accounts with these ids, without those that do not exist."""
    sql = f"{_SELECT} WHERE {queries.dialect.among('id')}"
    return await queries.all_as(AccountRow, sql, (queries.dialect.list_of(account_ids),))


async def every(queries: Queries) -> list[AccountRow]:
    """All accounts, oldest first, including those without a token."""
    return await queries.all_as(AccountRow, f"{_SELECT} ORDER BY id")


async def put_token(tx: Transaction, account_key: str, token: bytes, token_hash: str, now: int) -> AccountRow:
    """Stores a server's token; returns its row: an existing one with the same bytes, or a new one."""
    row = await tx.one_as(
        AccountRow,
        f"""
        INSERT INTO accounts (account_key, token, token_hash, state_since) VALUES (?, ?, ?, ?)
        ON CONFLICT (token_hash, of_operator) WHERE token_hash IS NOT NULL DO UPDATE SET token = excluded.token
        RETURNING {columns(AccountRow)}
        """,
        (account_key, token, token_hash, now),
    )
    return found(row)


async def put_operator_token(tx: Transaction, account_key: str, token: bytes, token_hash: str, now: int) -> AccountRow:
    """Stores the operator's token in place of an earlier one for the same account; returns its row."""
    await tx.run(
        """
        INSERT INTO accounts (account_key, of_operator, state_since) SELECT ?1, TRUE, ?2
        WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE account_key = ?1 AND of_operator)
        """,
        (account_key, now),
    )
    row = await tx.one_as(
        AccountRow,
        f"""
        UPDATE accounts SET token = ?1, token_hash = ?2, confirmed = confirmed AND coalesce(token_hash = ?2, FALSE)
        WHERE account_key = ?3 AND of_operator RETURNING {columns(AccountRow)}
        """,
        (token, token_hash, account_key),
    )
    return found(row)


async def set_hash(tx: Transaction, account_id: int, token_hash: str) -> None:
    """Stores the hash of a token that was stored without one."""
    await tx.run("UPDATE accounts SET token_hash = ? WHERE id = ?", (token_hash, account_id))


async def set_state(tx: Transaction, account_id: int, state: AccountState, now: int) -> bool:
    """Stores how the API responds to the account's token; returns whether that is a change."""
    return (
        await tx.run(
            "UPDATE accounts SET state = ?1, state_since = ?2, tried_at = ?2 WHERE id = ?3 AND state <> ?1",
            (state, now, account_id),
        )
        > 0
    )


async def set_tried(tx: Transaction, account_id: int, now: int) -> None:
    """Stores when the API last responded to a request with the account's token."""
    await tx.run("UPDATE accounts SET tried_at = ? WHERE id = ?", (now, account_id))


async def set_confirmed(tx: Transaction, account_id: int) -> None:
    """Records that the API named the user that the token's text claims."""
    await tx.run("UPDATE accounts SET confirmed = TRUE WHERE id = ?", (account_id,))


async def forget_unused_token(tx: Transaction, account_id: int) -> None:
    """Deletes the account's token if neither a server nor the operator uses it."""
    if await operator(tx) != account_id:
        await tx.run(
            f"UPDATE accounts SET token = NULL, token_hash = NULL WHERE id = ? AND NOT {_USED_BY_SERVER}", (account_id,)
        )


async def forget_unused_tokens(tx: Transaction) -> None:
    """Deletes every token that neither a server nor the operator uses."""
    await tx.run(
        f"""
        UPDATE accounts SET token = NULL, token_hash = NULL
        WHERE token IS NOT NULL AND id <> ? AND NOT {_USED_BY_SERVER}
        """,
        (await operator(tx) or 0,),
    )


async def used_by_servers(queries: Queries) -> list[AccountRow]:
    """The accounts that a server has set for itself."""
    return await queries.all_as(AccountRow, f"{_SELECT} WHERE {_USED_BY_SERVER} ORDER BY id")


async def operator(queries: Queries) -> int | None:
    """The operator's account, if there is one."""
    value = await get_meta(queries, _OPERATOR)
    return None if value is None else int(value)


async def set_operator(tx: Transaction, account_id: int | None) -> None:
    """Stores which account is the operator's; None: the operator has none."""
    if account_id is None:
        await tx.run("DELETE FROM meta WHERE name = ?", (_OPERATOR,))
    else:
        await put_meta(tx, _OPERATOR, str(account_id).encode("ascii"))
