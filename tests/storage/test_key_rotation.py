from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import cast

import pytest

from storage import accounts, servers
from storage.database import Database, Transaction
from storage.engines.interface import SqlValue
from storage.engines.sqlite.lock import InstanceLock
from storage.errors import AlreadyRunning, DatabaseUnreachable, DatabaseUnusable, KeyMissing, WrongKey
from storage.key_rotation import NoNewKey, rotate_key, to_configured_key, to_fresh_key
from storage.secret_store import SecretStore, key_file, new_key, read_key_file
from tests.storage.test_takeover import TABLES_3

ADDRESS = "the-secret-in-an-address-for-callbacks"
TOKENS = {"user:1": "user:1-one", "user:2": "user:2-two", "hash:x": "three three"}


_USED = TABLES_3.read_text(encoding="utf-8") + "INSERT INTO meta VALUES ('key_check', x'00');"


async def _filled(path: Path, configured: Sequence[str] = ()) -> str:
    """Stores the tokens and returns a hash that has to stay the same."""
    database = await Database.open(path)
    secret_store = await SecretStore.open(database, configured)
    async with database.transaction() as tx:
        for key, token in TOKENS.items():
            await accounts.put_token(tx, key, secret_store.encrypt(token), key, 0)
        await servers.put_callback_secret(tx, 5, secret_store.encrypt(ADDRESS), b"hash")
    await database.close()
    return secret_store.keyed_hash("a")


async def _check_whole(path: Path, hashed: str, configured: Sequence[str] = ()) -> None:
    database = await Database.open(path)
    try:
        secret_store = await SecretStore.open(database, configured)
        rows = await accounts.every(database.reader)
        address = await servers.callback_secret(database.reader, 5)
    finally:
        await database.close()
    assert secret_store.decrypt(address or b"") == ADDRESS
    assert {row.account_key: secret_store.decrypt(row.token or b"") for row in rows} == TOKENS
    assert secret_store.keyed_hash("a") == hashed


async def test_the_key_file_gets_a_new_key_and_nothing_is_lost(path: Path) -> None:
    hashed = await _filled(path)
    before = read_key_file(key_file(path))
    done = await rotate_key(path)
    after = read_key_file(key_file(path))
    assert done.secrets == len(TOKENS) + 3
    assert done.file == key_file(path)
    assert before is not None
    assert after is not None
    assert len(after) == 1
    assert not set(before) & set(after)
    await _check_whole(path, hashed)
    with pytest.raises(WrongKey):
        await _check_whole(path, hashed, before)


async def test_afterwards_the_first_of_the_configured_keys_suffices(path: Path) -> None:
    old, new = new_key(), new_key()
    hashed = await _filled(path, [old])
    done = await rotate_key(path, [new, old])
    assert done.file is None
    await _check_whole(path, hashed, [new])
    with pytest.raises(WrongKey):
        await _check_whole(path, hashed, [old])


async def test_the_old_ciphertext_is_gone_from_the_files(path: Path) -> None:
    await _filled(path)
    database = await Database.open(path)
    stored = [row.token[30:60] for row in await accounts.every(database.reader) if row.token]
    stored.append((await servers.callback_secret(database.reader, 5) or b"")[30:60])
    await database.close()
    await rotate_key(path)
    content = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert len(stored) == len(TOKENS) + 1
    assert not [part for part in stored if part in content]


async def test_a_single_configured_key_changes_nothing(path: Path) -> None:
    key = new_key()
    await _filled(path, [key])
    with pytest.raises(NoNewKey):
        await rotate_key(path, [key])


async def test_without_the_old_key_nothing_is_changed(path: Path) -> None:
    old = new_key()
    hashed = await _filled(path, [old])
    with pytest.raises(WrongKey):
        await rotate_key(path, [new_key(), new_key()])
    with pytest.raises(KeyMissing):
        await rotate_key(path)
    await _check_whole(path, hashed, [old])


async def test_with_another_key_in_the_key_file_nothing_is_changed(path: Path) -> None:
    await _filled(path)
    key_file(path).write_text(new_key())
    before = key_file(path).read_bytes()
    with pytest.raises(WrongKey):
        await rotate_key(path)
    assert key_file(path).read_bytes() == before


async def test_a_running_bot_is_left_alone(path: Path) -> None:
    hashed = await _filled(path)
    before = key_file(path).read_bytes()
    with InstanceLock(path), pytest.raises(AlreadyRunning):
        await rotate_key(path)
    assert key_file(path).read_bytes() == before
    await _check_whole(path, hashed)


async def test_without_a_database_nothing_is_created(path: Path) -> None:
    with pytest.raises(DatabaseUnreachable):
        await rotate_key(path)
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("script", "configured", "refusal"),
    [
        ("", 0, DatabaseUnreachable),
        ("", 2, DatabaseUnreachable),
        (TABLES_3.read_text(encoding="utf-8"), 0, KeyMissing),
        (TABLES_3.read_text(encoding="utf-8"), 1, NoNewKey),
        (_USED, 0, KeyMissing),
        (_USED, 2, WrongKey),
    ],
)
async def test_a_refused_rotation_does_not_migrate_the_database(
    path: Path, script: str, configured: int, refusal: type[DatabaseUnusable]
) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    path.touch()
    before = path.read_bytes()
    with pytest.raises(refusal):
        await rotate_key(path, [new_key() for _ in range(configured)])
    assert path.read_bytes() == before
    assert {file.name for file in path.parent.iterdir()} == {"relay.db", "relay.db.lock"}


# ---- crashes --------------------------------------------------------------------------------------------------------


class PowerCut(Exception):
    pass


class _Mortal:
    """A transaction that dies before its n-th statement."""

    def __init__(self, tx: Transaction, left: int) -> None:
        self._tx = tx
        self.left = left

    async def all(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[object]:
        self.count()
        return list(await self._tx.all(sql, parameters))

    async def run(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:
        self.count()
        return await self._tx.run(sql, parameters)

    def count(self) -> None:
        if self.left == 0:
            raise PowerCut
        self.left -= 1


class MortalDatabase(Database):
    """Dies before the n-th statement of the rotation; the commit counts as one, and so does the flush after it."""

    left = 0

    @asynccontextmanager
    async def transaction(self, *, locks_rows: bool = False) -> AsyncIterator[Transaction]:
        async with super().transaction(locks_rows=locks_rows) as tx:
            mortal = _Mortal(tx, self.left)
            yield cast("Transaction", mortal)
            mortal.count()
            self.left = mortal.left

    async def flush(self) -> bool:
        if self.left == 0:
            raise PowerCut
        return await super().flush()


async def _rotate_mortally(path: Path, left: int, configured: Sequence[str]) -> bool:
    database = await MortalDatabase.open(path)
    assert isinstance(database, MortalDatabase)
    database.left = left
    try:
        if configured:
            await to_configured_key(database, configured)
        else:
            await to_fresh_key(database)
    except PowerCut:
        return False
    finally:
        await database.close()
    return True


@pytest.mark.parametrize("in_file", [True, False])
async def test_a_crash_at_any_statement_leaves_a_database_that_opens_with_the_keys_at_hand(
    tmp_path: Path, in_file: bool
) -> None:
    survived = []
    for left in range(14):
        path = tmp_path / str(left) / "relay.db"
        old, new = new_key(), new_key()
        hashed = await _filled(path, () if in_file else (old,))
        configured = () if in_file else (new, old)
        survived.append(await _rotate_mortally(path, left, configured))
        await _check_whole(path, hashed, configured)
        await rotate_key(path, configured)
        await _check_whole(path, hashed, configured[:1])
    assert survived.count(False) >= len(TOKENS) + 5
    assert survived[-1]
