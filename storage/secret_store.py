"""The secret store: secrets are stored encrypted with the operator's key, from the settings or from a file beside the
database. A wrong key is recognised even when no secret is stored."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from settings import DatabasePlace, PostgresUrl
from storage.database import Database, Queries, Transaction, get_meta, put_meta
from storage.errors import KeyMalformed, KeyMissing, WrongKey
from storage.files import make_private, write_whole

CHECK = "key_check"
HASH_KEY = "account_hash_key"
_CHECK_TEXT = b"PixVerse Relay"
_HASH_KEY_BYTES = 32


class SecretStore:
    """Encrypts and decrypts secrets, and hashes what must be recognised without being readable."""

    def __init__(self, cipher: MultiFernet, hash_key: bytes) -> None:
        self._cipher = cipher
        self._hash_key = hash_key

    @classmethod
    async def open(cls, database: Database, configured: Sequence[str] = ()) -> SecretStore:
        """Opens the secret store with the configured keys (newest first), or else with those of the key file, which
        the very first start makes. Only the bot that holds the database's lock may call this.

        Raises KeyMalformed and WrongKey, and KeyMissing if the database was used with a key file that is gone.
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

    async def check(self, queries: Queries) -> None:
        """Checks that its configured keys are still those of the database. Raises WrongKey."""
        await verified_hash_key(queries, self._cipher, "ENCRYPTION_KEY")

    def encrypt(self, secret: str) -> bytes:
        """Encrypts a secret, so that it may be stored."""
        return self._cipher.encrypt(secret.encode("utf-8"))

    def decrypt(self, stored: bytes) -> str:
        """Decrypts a stored secret. Raises WrongKey."""
        try:
            return self._cipher.decrypt(stored).decode("utf-8")
        except InvalidToken:
            raise WrongKey("A stored secret is not encrypted with the key that is in use.") from None

    def keyed_hash(self, text: str) -> str:
        """64 hexadecimal digits, equal for equal texts, from which nothing else can be learned. They stay the same when
        the key is rotated."""
        return hmac.new(self._hash_key, text.encode("utf-8"), hashlib.sha256).hexdigest()


async def check_keys(queries: Queries, database: DatabasePlace, configured: Sequence[str] = ()) -> None:
    """Checks the keys as a start does, but makes and changes nothing. Raises as `SecretStore.open` does."""
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
    """The keys to use, newest first, and where they come from; no keys if there is no key file yet.

    Raises KeyMalformed, and KeyMissing if none is configured for PostgreSQL, which has no key file.
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

    It does not try the secrets of servers: one that cannot be decrypted has to be entered again by the server's admins.
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
        raise WrongKey("The database contains no key for hashing; put a backup in its place.")
    return hash_key


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
    """The file that holds the key if none is set. It is beside the database."""
    return database.with_name(database.name + ".key")


def make_cipher(keys: Sequence[str], source: str) -> MultiFernet:
    """A cipher that encrypts with the first key and decrypts with any. `source` says where the keys come from.

    Raises KeyMalformed; its message contains nothing of the keys.
    """
    if not keys:
        raise KeyMalformed(f"{source} contains no key.")
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError:
        raise KeyMalformed(f"{source} is malformed: it must hold Fernet keys (44 characters), newest first.") from None


def read_key_file(file: Path) -> tuple[str, ...] | None:
    """The keys in the file, newest first; None if there is no file. Raises KeyMissing if it cannot be read."""
    try:
        text = file.read_bytes().decode("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyMissing(f"The key file {file} cannot be read ({error.strerror}). Let this user read it.") from error
    make_private(file)
    return tuple(word for word in re.split(r"[,\s]+", text) if word)


def write_key_file(file: Path, keys: Sequence[str]) -> None:
    """Writes the keys, newest first; they are on the disk when this returns. Raises KeyMissing if that fails."""
    try:
        write_whole(file, "".join(f"{key}\n" for key in keys).encode("ascii"))
    except OSError as error:
        raise KeyMissing(
            f"The key file {file} cannot be written ({error.strerror}). Let this user write to its folder."
        ) from error


def new_key() -> str:
    """A fresh random key."""
    return Fernet.generate_key().decode("ascii")
