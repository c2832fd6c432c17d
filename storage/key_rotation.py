"""Changes the key of the secret store: encrypts everything again with another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import InvalidToken, MultiFernet

from settings import DatabasePlace
from storage.database import Database, Transaction, put_meta
from storage.engines.interface import Use
from storage.engines.opening import instance_lock, is_in_use, require
from storage.errors import DatabaseUnreachable, DatabaseUnusable, KeyMissing
from storage.inspection import inspect
from storage.secret_store import (
    CHECK,
    HASH_KEY,
    find_keys,
    key_file,
    make_cipher,
    new_key,
    verified_hash_key,
    write_key_file,
)


class NoNewKey(DatabaseUnusable):
    """ENCRYPTION_KEY holds only the key that is in use."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a rotation did."""

    secrets: int
    """How many secrets were encrypted again, with the check value and the key for hashing."""
    file: Path | None
    """The key file that holds the new key; None if ENCRYPTION_KEY does."""


async def rotate_key(place: DatabasePlace, configured: Sequence[str] = ()) -> Rotated:
    """Encrypts everything again with the first of the configured keys, or else with a new one in the key file.

    Wherever it is interrupted, the keys that are then configured or in the file open the database. Raises
    AlreadyRunning while a bot runs, NoNewKey if only one key is configured, and what `SecretStore.open` raises; the
    database is unchanged then.
    """
    await require(place)
    with instance_lock(place):
        if isinstance(place, Path) or not await is_in_use(place):
            await _require_keys(place, configured)  # before a database of an earlier version is migrated
        database = await Database.open(place, use=Use.ALONE)
        try:
            if configured:
                return await to_configured_key(database, configured)
            return await to_fresh_key(database)
        finally:
            await database.close()


async def _require_keys(place: DatabasePlace, configured: Sequence[str]) -> None:
    """Raises an error if the database's key can't be changed. Changes nothing."""
    if len(configured) == 1:
        raise NoNewKey(
            "ENCRYPTION_KEY has only one key. Put a new one in front of it, separated by a comma, "
            "run rotate-key, then take the old one away."
        )
    found = await inspect(place, configured)
    if not found.tables:
        raise DatabaseUnreachable(f"The database {place} is empty. The first start creates its tables.")
    if found.key_file is not None and not found.key_file.exists():
        raise KeyMissing(f"There is no key file {found.key_file}, so there is nothing to rotate.")


async def to_configured_key(database: Database, configured: Sequence[str]) -> Rotated:
    """Encrypts everything again with the first of the configured keys, of which one must be the present key. To be
    called under the instance lock."""
    return Rotated(await _reencrypt(database, configured, "ENCRYPTION_KEY"), None)


async def to_fresh_key(database: Database) -> Rotated:
    """Encrypts everything again with a new key in the key file, which must hold the present key. To be called under the
    instance lock."""
    old, source = find_keys(database.path, ())
    file = key_file(database.path)
    fresh = new_key()
    # The file holds all keys until the database is written, so that either state of it can be opened.
    write_key_file(file, (fresh, *old))
    count = await _reencrypt(database, (fresh, *old), source)
    write_key_file(file, (fresh,))
    return Rotated(count, file)


async def _reencrypt(database: Database, found: Sequence[str], source: str) -> int:
    cipher = make_cipher(found, source)
    await verified_hash_key(database.reader, cipher, source)
    async with database.transaction() as tx:
        return await reencrypt(tx, cipher)


async def reencrypt(tx: Transaction, cipher: MultiFernet) -> int:
    """Encrypts everything again with the cipher's first key; returns how many secrets there were.

    A server's secret that none of the keys decrypts stays as it is. Raises cryptography's InvalidToken if none decrypts
    the check value or the key for hashing.
    """
    named = await tx.all("SELECT name, value FROM meta WHERE name IN (?, ?)", (CHECK, HASH_KEY))
    for row in named:
        await put_meta(tx, row["name"], cipher.rotate(row["value"]))
    count = len(named)
    for table, key, column in (("accounts", "id", "token"), ("servers", "guild_id", "callback_secret")):
        for row in await tx.all(f"SELECT {key}, {column} FROM {table} WHERE {column} IS NOT NULL"):
            rotated = _rotated(cipher, row[column])
            if rotated is not None:
                count += await tx.run(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (rotated, row[key]))
    return count


def _rotated(cipher: MultiFernet, stored: bytes) -> bytes | None:
    try:
        return cipher.rotate(stored)
    except InvalidToken:
        return None
