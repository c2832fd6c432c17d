from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from storage import accounts, inspection, servers
from storage.database import Database
from storage.engines import migrations
from storage.engines.sqlite import migrate
from storage.errors import KeyMalformed, KeyMissing, WrongKey
from storage.secret_store import CHECK, HASH_KEY, SecretStore, key_file, make_cipher, new_key, write_key_file

TOKEN = "user:1234-a-secret-that-must-not-be-seen"


async def test_a_secret_is_returned_and_not_shown(database: Database) -> None:
    secret_store = await SecretStore.open(database, [new_key()])
    stored = secret_store.encrypt(TOKEN)
    assert secret_store.decrypt(stored) == TOKEN
    assert TOKEN.encode() not in stored
    assert stored != secret_store.encrypt(TOKEN)


async def test_a_key_file_that_others_can_read_is_made_private(sqlite_database: Database) -> None:
    file = key_file(sqlite_database.path)
    write_key_file(file, [new_key()])
    file.chmod(0o644)
    await SecretStore.open(sqlite_database)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_the_key_file_is_created_once_and_private(sqlite_database: Database) -> None:
    first = await SecretStore.open(sqlite_database)
    file = key_file(sqlite_database.path)
    content = file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    second = await SecretStore.open(sqlite_database)
    assert second.decrypt(first.encrypt(TOKEN)) == TOKEN
    assert file.read_bytes() == content


async def test_a_database_without_its_key_for_hashing_is_refused(sqlite_database: Database) -> None:
    await SecretStore.open(sqlite_database)
    async with sqlite_database.transaction() as tx:
        await tx.run("DELETE FROM meta WHERE name = ?", (HASH_KEY,))
    with pytest.raises(WrongKey, match="put a backup in its place"):
        await SecretStore.open(sqlite_database)


async def test_with_a_configured_key_no_file_is_created(sqlite_database: Database) -> None:
    await SecretStore.open(sqlite_database, [new_key()])
    assert not key_file(sqlite_database.path).exists()


async def test_a_wrong_key_is_reported_even_if_no_token_is_stored(database: Database) -> None:
    right, wrong = new_key(), new_key()
    await SecretStore.open(database, [right])
    with pytest.raises(WrongKey, match="ENCRYPTION_KEY") as caught:
        await SecretStore.open(database, [wrong])
    assert wrong not in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(WrongKey):
        await inspection.inspect(database.place, [wrong])
    await SecretStore.open(database, [wrong, right])


async def test_a_wrong_key_file_is_reported(sqlite_database: Database) -> None:
    await SecretStore.open(sqlite_database)
    write_key_file(key_file(sqlite_database.path), [new_key()])
    with pytest.raises(WrongKey, match="key file"):
        await SecretStore.open(sqlite_database)


async def test_a_missing_key_file_is_never_replaced(sqlite_database: Database) -> None:
    await SecretStore.open(sqlite_database)
    file = key_file(sqlite_database.path)
    file.unlink()
    for _ in range(2):
        with pytest.raises(KeyMissing, match="Put it back"):
            await SecretStore.open(sqlite_database)
    with pytest.raises(KeyMissing):
        await inspection.inspect(sqlite_database.path)
    assert not file.exists()


@pytest.mark.parametrize("content", ["", "\n", "no key", "A" * 44, f"{'A' * 43}=,short"])
async def test_a_malformed_key_file_is_reported_without_its_content(sqlite_database: Database, content: str) -> None:
    key_file(sqlite_database.path).write_text(content)
    with pytest.raises(KeyMalformed) as caught:
        await SecretStore.open(sqlite_database)
    assert not content.strip() or content.strip() not in str(caught.value)
    assert key_file(sqlite_database.path).read_text() == content


async def test_a_malformed_configured_key_is_reported_without_its_content(database: Database) -> None:
    with pytest.raises(KeyMalformed) as caught:
        await SecretStore.open(database, ["not-a-key"])
    assert "not-a-key" not in str(caught.value)


async def test_a_crash_between_key_file_and_check_value_loses_nothing(sqlite_database: Database) -> None:
    key = new_key()
    write_key_file(key_file(sqlite_database.path), [key])
    secret_store = await SecretStore.open(sqlite_database)
    assert Fernet(key).decrypt(secret_store.encrypt(TOKEN)) == TOKEN.encode()


async def test_a_token_with_a_lost_key_does_not_prevent_a_start(database: Database) -> None:
    old, new = new_key(), new_key()
    await SecretStore.open(database, [old])
    secret_store = await SecretStore.open(database, [new, old])
    async with database.transaction() as tx:
        row = await accounts.put_token(tx, "user:1", secret_store.encrypt(TOKEN), "user:1", 0)
    reopened = await SecretStore.open(database, [old])
    with pytest.raises(WrongKey):
        reopened.decrypt(row.token or b"")


async def test_a_database_that_has_to_be_migrated_can_be_inspected(tmp_path: Path) -> None:
    path, cipher = tmp_path / "old.db", make_cipher([key := new_key()], "")
    with closing(sqlite3.connect(path)) as connection:
        migrate.migrate(path, connection, migrations.load("sqlite")[:1])
        for name in (CHECK, HASH_KEY):
            connection.execute("INSERT INTO meta VALUES (?, ?)", (name, cipher.encrypt(b"x" * 32)))
        connection.execute(
            "INSERT INTO accounts (account_key, token, state_since) VALUES ('user:1', ?, 0)", (cipher.encrypt(b"t"),)
        )
        connection.commit()
    found = await inspection.inspect(path, [key])
    assert (found.tables, found.newest) == (1, len(migrations.load("sqlite")))
    with pytest.raises(WrongKey):
        await inspection.inspect(path, [new_key()])


async def test_hashes_recognise_equal_texts_and_never_change(database: Database) -> None:
    key = new_key()
    first = await SecretStore.open(database, [key])
    second = await SecretStore.open(database, [key])
    assert first.keyed_hash("a") == second.keyed_hash("a") != first.keyed_hash("b")


async def test_two_databases_hash_differently(database: Database, tmp_path: Path) -> None:
    key = new_key()
    other = await Database.open(tmp_path / "other.db")
    hashes = {(await SecretStore.open(opened, [key])).keyed_hash("a") for opened in (database, other)}
    await other.close()
    assert len(hashes) == 2


async def test_no_token_is_in_any_file_in_plain_text(sqlite_database: Database) -> None:
    secret_store = await SecretStore.open(sqlite_database)
    async with sqlite_database.transaction() as tx:
        await accounts.put_token(tx, "user:1234", secret_store.encrypt(TOKEN), "user:1234", 0)
    secret = TOKEN.partition("-")[2].encode()
    files = {file.name: file.read_bytes() for file in sqlite_database.path.parent.iterdir()}
    assert "relay.db-wal" in files
    assert not [name for name, content in files.items() if secret in content]


async def test_no_byte_of_a_deleted_token_is_left_even_encrypted(sqlite_database: Database) -> None:
    secret_store = await SecretStore.open(sqlite_database)
    stored = secret_store.encrypt(TOKEN)
    async with sqlite_database.transaction() as tx:
        row = await accounts.put_token(tx, "user:1234", stored, "user:1234", 0)
        await servers.set_account(tx, 5, row.id, 6)
    async with sqlite_database.transaction() as tx:
        await accounts.forget_unused_token(tx, row.id)
        used = await accounts.by_id(tx, row.id)
        await servers.clear_account(tx, 5)
        await accounts.forget_unused_token(tx, row.id)
    assert used is not None
    assert used.token == stored
    await sqlite_database.flush()
    middle = stored[30:60]
    assert not [file for file in sqlite_database.path.parent.iterdir() if middle in file.read_bytes()]
