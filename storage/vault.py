"""Secrets at rest: encrypted with the operator's key, from the settings or from a file beside the database. A wrong key
is recognised even when nothing is stored."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from settings import DatabasePlace, PostgresUrl
from storage.database import Database, Queries, Transaction, get_meta, put_meta
from storage.engines.interface import Use
from storage.engines.opening import instance_lock, require
from storage.errors import DatabaseUnusable, KeyMalformed, KeyMissing, WrongKey
from storage.files import narrow_mode, write_whole

CHECK = "key_check"
HASH_KEY = "account_hash_key"
_CHECK_TEXT = b"PixVerse Relay"
_HASH_KEY_BYTES = 32


class Vault:
    """Encrypts and decrypts, and names accounts whose token shows no user."""

    def __init__(self, cipher: MultiFernet, hash_key: bytes) -> None:
        self._cipher = cipher
        self._hash_key = hash_key

    @classmethod
    async def open(cls, database: Database, configured: Sequence[str] = ()) -> Vault:
        """The vault with the configured keys (newest first), else with those of the key file; at the very first start
        that file is made. To be called by the one bot that holds the database's lock.

        Raises KeyMalformed, WrongKey, and KeyMissing where the database was used with a key file that is gone.
        """
        found, source = find_keys(database.place, configured)
        if not found:
            if await get_meta(database.reader, CHECK) is not None:
                raise _file_gone(database.path)
            found = (new_key(),)
            write_key_file(key_file(database.path), found)
        cipher = make_cipher(found, source)
        async with database.transaction() as tx:
            await _set_up(tx, cipher)
        return cls(cipher, await verified_hash_key(database.reader, cipher, source))

    def encrypt(self, secret: str) -> bytes:
        """The secret, as it may be stored."""
        return self._cipher.encrypt(secret.encode("utf-8"))

    def decrypt(self, stored: bytes) -> str:
        """The secret again. Raises WrongKey."""
        try:
            return self._cipher.decrypt(stored).decode("utf-8")
        except InvalidToken:
            raise WrongKey("A stored secret is not encrypted with the key that is in use.") from None

    def keyed_hash(self, text: str) -> str:
        """64 hexadecimal digits that tell equal texts, and nothing else about them. Outlives every rotation."""
        return hmac.new(self._hash_key, text.encode("utf-8"), hashlib.sha256).hexdigest()


async def check_keys(queries: Queries, database: DatabasePlace, configured: Sequence[str] = ()) -> None:
    """Looks the keys over as a start does, but makes and changes nothing. Raises as `Vault.open` does."""
    found, source = find_keys(database, configured)
    used = await get_meta(queries, CHECK) is not None
    if not found:
        if used and isinstance(database, Path):
            raise _file_gone(database)
        return
    cipher = make_cipher(found, source)
    if used:
        await verified_hash_key(queries, cipher, source)


def find_keys(database: DatabasePlace, configured: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The keys to use, newest first, and where they come from; none where there is no key file yet.

    Raises KeyMalformed, and KeyMissing where none is configured for PostgreSQL, which has no file beside it.
    """
    if configured:
        return tuple(configured), "ENCRYPTION_KEY"
    if isinstance(database, PostgresUrl):
        raise KeyMissing("ENCRYPTION_KEY is not set, and with PostgreSQL it must be.")
    file = key_file(database)
    found = read_key_file(file)
    source = f"The key file {file}"
    if found is not None:
        make_cipher(found, source)
    return found or (), source


async def verified_hash_key(queries: Queries, cipher: MultiFernet, source: str) -> bytes:
    """Decrypts the check value and the key for hashing, and returns the latter. Raises WrongKey.

    Whether each secret of a server can be read is another question: one that cannot is entered again by its admins.
    """
    hash_key: bytes | None = None
    for row in await queries.all("SELECT name, value FROM meta WHERE name IN (?, ?)", (CHECK, HASH_KEY)):
        try:
            plain = cipher.decrypt(row["value"])
        except InvalidToken:
            raise WrongKey(
                f"{source} is not the key of this database. Put the key back with which it was last used; "
                "to change keys, give the new and the old one and run rotate-key."
            ) from None
        if row["name"] == HASH_KEY:
            hash_key = plain
    if hash_key is None:
        raise WrongKey("The database holds no key for hashing; put a backup in its place.")
    return hash_key


async def reencrypt(tx: Transaction, cipher: MultiFernet) -> int:
    """Encrypts everything again with the cipher's first key; returns how many secrets those were.

    A server's secret that is encrypted with none of the keys stays as it is. Raises cryptography's InvalidToken where
    that is true of the check value or of the key for hashing.
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


async def _set_up(tx: Transaction, cipher: MultiFernet) -> None:
    if await get_meta(tx, CHECK) is not None:
        return
    await put_meta(tx, CHECK, cipher.encrypt(_CHECK_TEXT))
    await put_meta(tx, HASH_KEY, cipher.encrypt(secrets.token_bytes(_HASH_KEY_BYTES)))


def _file_gone(database: Path) -> KeyMissing:
    return KeyMissing(
        f"The key file {key_file(database)} is gone, and the stored tokens cannot be read without it. "
        "Put it back, or set ENCRYPTION_KEY to its content."
    )


def key_file(database: Path) -> Path:
    """Where the key lies when none is set: beside the database, which is useless without it."""
    return database.with_name(database.name + ".key")


def make_cipher(keys: Sequence[str], source: str) -> MultiFernet:
    """Encrypts with the first key, decrypts with any. `source` names where they come from.

    Raises KeyMalformed; the message holds none of the key.
    """
    if not keys:
        raise KeyMalformed(f"{source} holds no key.")
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise KeyMalformed(f"{source} is malformed: it must hold Fernet keys (44 characters), newest first.") from None


def read_key_file(file: Path) -> tuple[str, ...] | None:
    """The keys in the file, newest first, or None where there is no file. Raises KeyMissing where it is unreadable."""
    try:
        text = file.read_bytes().decode("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyMissing(f"The key file {file} cannot be read ({error.strerror}). Let this user read it.") from error
    narrow_mode(file)
    return tuple(word for word in re.split(r"[,\s]+", text) if word)


def write_key_file(file: Path, keys: Sequence[str]) -> None:
    """Writes the keys, newest first, on the disk when this returns. Raises KeyMissing where that cannot be done."""
    try:
        write_whole(file, "".join(f"{key}\n" for key in keys).encode("ascii"))
    except OSError as error:
        raise KeyMissing(
            f"The key file {file} cannot be written ({error.strerror}). Let this user write to its folder."
        ) from error


def new_key() -> str:
    """A fresh random key."""
    return Fernet.generate_key().decode("ascii")


class NoNewKey(DatabaseUnusable):
    """ENCRYPTION_KEY holds the present key only."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """What was done."""

    secrets: int
    """How many were encrypted again; the check value and the key for hashing are among them."""
    file: Path | None
    """The key file that holds the new key; None where ENCRYPTION_KEY does."""


async def rotate_key(place: DatabasePlace, configured: Sequence[str] = ()) -> Rotated:
    """Encrypts everything again: with the first of the configured keys, else with a fresh one in the key file.

    Wherever it is interrupted, the keys that are then configured or in the file open the database. Raises
    AlreadyRunning while a bot runs, NoNewKey where only one key is configured, else as `Vault.open` does.
    """
    await require(place)
    with instance_lock(place):
        database = await Database.open(place, use=Use.ALONE)
        try:
            if configured:
                return await to_configured_key(database, configured)
            return await to_fresh_key(database)
        finally:
            await database.close()


async def to_configured_key(database: Database, configured: Sequence[str]) -> Rotated:
    """Encrypts everything again with the first of the configured keys. To be called under the instance lock."""
    if len(configured) < 2:
        raise NoNewKey(
            "ENCRYPTION_KEY holds one key only. Put a new one in front of it, with a comma between, "
            "run rotate-key, then take the old one away."
        )
    return Rotated(await _reencrypt(database, configured, "ENCRYPTION_KEY"), None)


async def to_fresh_key(database: Database) -> Rotated:
    """Encrypts everything again with a fresh key in the key file. To be called under the instance lock."""
    old, source = find_keys(database.path, ())
    if not old:
        raise KeyMissing(f"There is no key file {key_file(database.path)}, so there is nothing to rotate.")
    file = key_file(database.path)
    fresh = new_key()
    await check_keys(database.reader, database.path)
    # First both keys, so that either state of the database can be opened; the old ones go last.
    write_key_file(file, (fresh, *old))
    count = await _reencrypt(database, (fresh, *old), source)
    write_key_file(file, (fresh,))
    return Rotated(count, file)


async def _reencrypt(database: Database, found: Sequence[str], source: str) -> int:
    cipher = make_cipher(found, source)
    await verified_hash_key(database.reader, cipher, source)
    async with database.transaction() as tx:
        count = await reencrypt(tx, cipher)
    await database.flush()
    return count
