"""Secrets at rest: encrypted with the operator's key, which is told from a wrong one even when nothing is stored."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import InvalidToken, MultiFernet

from storage import keys, meta
from storage.database import Database, Queries, Transaction
from storage.errors import KeyMissing, WrongKey

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
        found, source = find_keys(database.path, configured)
        if not found:
            if await meta.get(database.reader, CHECK) is not None:
                raise _file_gone(database.path)
            found = (keys.new_key(),)
            keys.write_key_file(keys.key_file(database.path), found)
        cipher = keys.cipher(found, source)
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


async def check_keys(queries: Queries, database: Path, configured: Sequence[str] = ()) -> None:
    """Looks the keys over as a start does, but makes and changes nothing. Raises as `Vault.open` does."""
    found, source = find_keys(database, configured)
    used = await meta.get(queries, CHECK) is not None
    if not found:
        if used:
            raise _file_gone(database)
        return
    cipher = keys.cipher(found, source)
    if used:
        await verified_hash_key(queries, cipher, source)


def find_keys(database: Path, configured: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The keys to use, newest first, and where they come from; none where there is no key file yet."""
    if configured:
        return tuple(configured), "ENCRYPTION_KEY"
    file = keys.key_file(database)
    found = keys.read_key_file(file)
    source = f"The key file {file}"
    if found is not None:
        keys.cipher(found, source)
    return found or (), source


async def verified_hash_key(queries: Queries, cipher: MultiFernet, source: str) -> bytes:
    """Decrypts the check value and the key for hashing, and returns the latter. Raises WrongKey.

    Whether each secret of a server can be read is another question: one that cannot is entered again by its admins.
    """
    hash_key: bytes | None = None
    for row in await queries.all("SELECT name, value FROM meta WHERE name IN (?, ?)", (CHECK, HASH_KEY)):
        try:
            plain = cipher.decrypt(bytes(row["value"]))
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
    """Encrypts everything anew with the cipher's first key; returns how many secrets those were.

    A server's secret that is encrypted with none of the keys stays as it is. Raises cryptography's InvalidToken where
    that is true of the check value or of the key for hashing.
    """
    named = await tx.all("SELECT name, value FROM meta WHERE name IN (?, ?)", (CHECK, HASH_KEY))
    for row in named:
        await meta.put(tx, row["name"], cipher.rotate(bytes(row["value"])))
    tokens = await tx.all("SELECT id, token FROM accounts WHERE token IS NOT NULL")
    tokens_done = [
        await tx.run("UPDATE accounts SET token = ? WHERE id = ?", (rotated, row["id"]))
        for row in tokens
        if (rotated := _rotated(cipher, bytes(row["token"]))) is not None
    ]
    addresses = await tx.all("SELECT guild_id, callback_secret FROM servers WHERE callback_secret IS NOT NULL")
    addresses_done = [
        await tx.run("UPDATE servers SET callback_secret = ? WHERE guild_id = ?", (rotated, row["guild_id"]))
        for row in addresses
        if (rotated := _rotated(cipher, bytes(row["callback_secret"]))) is not None
    ]
    return len(named) + len(tokens_done) + len(addresses_done)


def _rotated(cipher: MultiFernet, stored: bytes) -> bytes | None:
    try:
        return cipher.rotate(stored)
    except InvalidToken:
        return None


async def _set_up(tx: Transaction, cipher: MultiFernet) -> None:
    if await meta.get(tx, CHECK) is not None:
        return
    await meta.put(tx, CHECK, cipher.encrypt(_CHECK_TEXT))
    await meta.put(tx, HASH_KEY, cipher.encrypt(secrets.token_bytes(_HASH_KEY_BYTES)))


def _file_gone(database: Path) -> KeyMissing:
    return KeyMissing(
        f"The key file {keys.key_file(database)} is gone, and the stored tokens cannot be read without it. "
        "Put it back, or set ENCRYPTION_KEY to its content."
    )
