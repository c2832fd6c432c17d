"""A new key for everything that is stored encrypted, while the bot is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storage import keys, vault
from storage.database import Database
from storage.errors import DatabaseUnusable, KeyMissing
from storage.files import require_file
from storage.lock import InstanceLock


class NoNewKey(DatabaseUnusable):
    """ENCRYPTION_KEY holds the present key only."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What was done."""

    secrets: int
    """How many were encrypted anew; the check value and the key for hashing are among them."""
    file: Path | None
    """The key file that holds the new key; None where ENCRYPTION_KEY does."""


async def rotate_key(path: Path, configured: Sequence[str] = ()) -> Rotated:
    """Encrypts everything anew: with the first of the configured keys, else with a fresh one in the key file.

    Wherever it is interrupted, the keys that are then configured or in the file open the database. Raises
    AlreadyRunning while a bot runs, NoNewKey where only one key is configured, else as `Vault.open` does.
    """
    require_file(path)
    with InstanceLock(path):
        database = await Database.open(path)
        try:
            if configured:
                return await to_configured_key(database, configured)
            return await to_fresh_key(database)
        finally:
            await database.close()


async def to_configured_key(database: Database, configured: Sequence[str]) -> Rotated:
    """Encrypts everything anew with the first of the configured keys. To be called under the instance lock."""
    if len(configured) < 2:
        raise NoNewKey(
            "ENCRYPTION_KEY holds one key only. Put a new one in front of it, with a comma between, "
            "run rotate-key, then take the old one away."
        )
    return Rotated(await _reencrypt(database, configured, "ENCRYPTION_KEY"), None)


async def to_fresh_key(database: Database) -> Rotated:
    """Encrypts everything anew with a fresh key in the key file. To be called under the instance lock."""
    old, source = vault.find_keys(database.path, ())
    if not old:
        raise KeyMissing(f"There is no key file {keys.key_file(database.path)}, so there is nothing to rotate.")
    file = keys.key_file(database.path)
    fresh = keys.new_key()
    await vault.check_keys(database.reader, database.path)
    # First both keys, so that either state of the database can be opened; the old ones go last.
    keys.write_key_file(file, (fresh, *old))
    count = await _reencrypt(database, (fresh, *old), source)
    keys.write_key_file(file, (fresh,))
    return Rotated(count, file)


async def _reencrypt(database: Database, found: Sequence[str], source: str) -> int:
    cipher = keys.cipher(found, source)
    await vault.verified_hash_key(database.reader, cipher, source)
    async with database.transaction() as tx:
        count = await vault.reencrypt(tx, cipher)
    await database.flush()
    return count
