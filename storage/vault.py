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
_ENCRYPTED = (("accounts", "token"), ("servers", "callback_secret"))
"""Tables and columns."""


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
    """Decrypts everything that is stored, and returns the key for hashing. Raises WrongKey."""
    hash_key: bytes | None = None
    for name, stored in await stored_secrets(queries):
        try:
            plain = cipher.decrypt(stored)
        except InvalidToken:
            raise WrongKey(
                f"{source} is not the key of this database. Put the key back with which it was last used; "
                "to change keys, give the new and the old one and run rotate-key."
            ) from None
        if name == HASH_KEY:
            hash_key = plain
    if hash_key is None:
        raise WrongKey("The database holds no key for hashing; put a backup in its place.")
    return hash_key


async def stored_secrets(queries: Queries) -> list[tuple[str, bytes]]:
    """Everything encrypted, each with its name: of `meta`, else empty."""
    found = await queries.all("SELECT name, value FROM meta WHERE name IN (?, ?)", (CHECK, HASH_KEY))
    for table, column in _ENCRYPTED:
        # Tables that the next start is to migrate have fewer columns, and are looked at all the same.
        if await queries.one("SELECT 1 FROM pragma_table_info(?) WHERE name = ?", (table, column)):
            found += await queries.all(f"SELECT '' AS name, {column} AS value FROM {table} WHERE {column} IS NOT NULL")
    return [(row["name"], bytes(row["value"])) for row in found]


async def reencrypt(tx: Transaction, cipher: MultiFernet) -> int:
    """Encrypts everything anew with the cipher's first key; returns how many secrets those were.

    Raises cryptography's InvalidToken where one of them is encrypted with none of the keys.
    """
    named = await tx.all("SELECT name, value FROM meta WHERE name IN (?, ?)", (CHECK, HASH_KEY))
    for row in named:
        await meta.put(tx, row["name"], cipher.rotate(bytes(row["value"])))
    tokens = await tx.all("SELECT id, token FROM accounts WHERE token IS NOT NULL")
    for row in tokens:
        await tx.run("UPDATE accounts SET token = ? WHERE id = ?", (cipher.rotate(bytes(row["token"])), row["id"]))
    addresses = await tx.all("SELECT guild_id, callback_secret FROM servers WHERE callback_secret IS NOT NULL")
    for row in addresses:
        await tx.run(
            "UPDATE servers SET callback_secret = ? WHERE guild_id = ?",
            (cipher.rotate(bytes(row["callback_secret"])), row["guild_id"]),
        )
    return len(named) + len(tokens) + len(addresses)


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
