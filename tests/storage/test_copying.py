"""`copy-database`: copies everything to the other kind of database, or nothing."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from settings import DatabasePlace, PostgresUrl
from storage import accounts, batches, copying, deliveries, follows, jobs, servers, subscriptions
from storage.copying import KEYS, copy_database
from storage.database import Database, put_meta
from storage.engines.copy_source_and_target import CopyRefused
from storage.engines.postgres import writer
from storage.errors import DatabaseForeign, DatabaseUnreachable, StorageUnavailable, WrongKey
from storage.secret_store import SecretStore, key_file, new_key
from tests.postgres_server import PostgresServer, name_of
from tests.storage.tables import columns_of

TABLES_3 = Path(__file__).with_name("databases") / "tables_3.sql"
PAGE = copying._ROWS_AT_ONCE
JOBS = 120
"""More than two of the pages that tests copy at once; one test takes pages of the real size."""


class Stopped(Exception):
    pass


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_LOCK_SECONDS", 0.2)
    monkeypatch.setattr(copying, "_ROWS_AT_ONCE", 50)


@pytest.fixture
def empty(postgres_server: PostgresServer) -> Iterator[PostgresUrl]:
    made = postgres_server.new_database(tables=False)
    yield made
    postgres_server.drop(made)


async def _fill(place: DatabasePlace, key: str, count: int = JOBS) -> None:
    """Something in every table, with all kinds of values."""
    database = await Database.open(place)
    secret_store = await SecretStore.open(database, [key])
    async with database.transaction() as tx:
        await put_meta(tx, "bytes", bytes(range(256)))
        account = await accounts.put_token(tx, "user:1", secret_store.encrypt("user:1-secret"), "hash", 5)
        gone = await tx.insert("accounts", account_key="gone", state_since=0)
        await tx.run("DELETE FROM accounts WHERE id = ?", (gone,))
        await servers.set_account(tx, 2**62, account.id, 2**61)
        await servers.set_language(tx, 2**62, "ja")
        await servers.set_locale(tx, 2**62, "pt-BR")
        await servers.put_callback_secret(tx, 2**62, secret_store.encrypt("address"), b"\x00\xff")
        batch = await batches.add(tx, guild_id=2**62, channel_id=7, user_id=9, mention=False, now=3)
        for number in range(count):
            await jobs.add(tx, account.id, f"job {number} ☃", '{"state":"progress","prompt":"é"}', number)
        subscription = await subscriptions.add(
            tx, job_id=1, guild_id=2**62, channel_id=7, batch_id=batch, spoiler=True, now=3
        )
        await subscriptions.put_subscriber(tx, subscription, 9, mention=True, in_batch=False, now=3)
        await follows.put(tx, follows.FollowRow(2**62, 8, account.id, True, None, 3))
        await deliveries.add_outcome(
            tx, subscription_id=subscription, guild_id=2**62, channel_id=7, base_nonce="n", closes_batch=True, now=3
        )
        last = await deliveries.add_notice(
            tx, guild_id=2**62, channel_id=7, base_nonce="m", notice_json='{"kind":"unpaid"}', now=3
        )
        await tx.run("DELETE FROM deliveries WHERE id = ?", (last,))
    await database.close()


async def _content(place: DatabasePlace) -> dict[str, list[dict[str, object]]]:
    database = await Database.open(place)
    found = {}
    for table, key in KEYS.items():
        rows = [dict(row) for row in await database.reader.all(f"SELECT * FROM {table} ORDER BY {', '.join(key)}")]
        found[table] = [{name: int(v) if isinstance(v, bool) else v for name, v in row.items()} for row in rows]
    await database.close()
    return found


def _quiet(_table: str, _copied: int, _count: int) -> None:
    return


def _tables(server: PostgresServer, url: PostgresUrl) -> int:
    with closing(server.admin(name_of(url))) as connection:
        row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        return int(row[0]) if row else 0


async def test_a_source_of_an_older_version_must_be_started_once(path: Path, empty: PostgresUrl) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES_3.read_text(encoding="utf-8"))
    with pytest.raises(CopyRefused, match=r"tables of version 3, .* Start the bot once"):
        await copy_database(path, empty, [new_key()], _quiet)


async def test_everything_is_copied_and_comes_back(
    path: Path, empty: PostgresUrl, postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_ROWS_AT_ONCE", PAGE)
    count = 2 * PAGE + 200
    key, told = new_key(), list[tuple[str, int, int]]()
    await _fill(path, key, count)
    before = path.read_bytes()
    copied = await copy_database(path, empty, [key], lambda *step: told.append(step))
    assert path.read_bytes() == before
    with closing(postgres_server.admin(name_of(empty))) as connection:
        noted = connection.execute("SELECT count(*) FROM changes").fetchone()
    assert noted == (0,)
    content = await _content(path)
    assert await _content(empty) == content
    assert copied.rows == sum(map(len, content.values())) > count
    assert ("jobs", PAGE, count) in told
    assert ("jobs", count, count) in told
    assert all(content.values())

    back = tmp_path / "back" / "relay.db"
    with closing(postgres_server.admin(name_of(empty))) as connection:
        connection.execute("INSERT INTO processes (id, version, lease_until) VALUES ('gone', '1', now())")
        connection.execute("UPDATE deliveries SET owner = 'gone'")
    await copy_database(empty, back, [key], _quiet)
    assert await _content(back) == content
    assert sorted(file.name for file in back.parent.iterdir()) == ["relay.db", "relay.db.lock"]
    assert back.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("to_postgres", [True, False])
async def test_the_copy_continues_where_the_source_was(path: Path, empty: PostgresUrl, to_postgres: bool) -> None:
    """No number is used twice, not even of deleted rows, because buttons contain them."""
    key = new_key()
    source, target = (path, empty) if to_postgres else (empty, path)
    await _fill(source, key)
    await copy_database(source, target, [key], _quiet)
    database = await Database.open(target)
    try:
        secret_store = await SecretStore.open(database, [key])
        (account,) = await accounts.every(database.reader)
        assert secret_store.decrypt(account.token or b"") == "user:1-secret"
        async with database.transaction() as tx:
            assert (await jobs.add(tx, account.id, "new", None, 0)).id == JOBS + 1
            assert await tx.insert("accounts", account_key="b", state_since=0) > account.id
            add = deliveries.add_notice(tx, guild_id=1, channel_id=7, base_nonce="o", notice_json="{}", now=3)
            assert await add == 3
    finally:
        await database.close()


@pytest.mark.parametrize("to_postgres", [True, False])
async def test_after_an_interruption_at_any_step_the_target_is_empty(
    path: Path, empty: PostgresUrl, postgres_server: PostgresServer, to_postgres: bool
) -> None:
    key = new_key()
    source, target = (path, empty) if to_postgres else (empty, path)
    await _fill(source, key)
    before = await _content(source)
    steps = list[tuple[str, int, int]]()
    await copy_database(source, target, [key], lambda *step: steps.append(step))
    await _clear(postgres_server, target)

    for left in range(len(steps)):
        places = list(range(left))

        def stop(_table: str, _copied: int, _count: int, places: list[int] = places) -> None:
            if not places:
                raise Stopped
            places.pop()

        with pytest.raises(Stopped):
            await copy_database(source, target, [key], stop)
        if isinstance(target, Path):
            assert not target.exists()
            assert [file.name for file in target.parent.iterdir()] == ["relay.db.lock"]
        else:
            assert _tables(postgres_server, target) == 0
    assert await _content(source) == before
    await copy_database(source, target, [key], _quiet)
    assert await _content(target) == before


async def _clear(server: PostgresServer, target: DatabasePlace) -> None:
    if isinstance(target, Path):
        target.unlink()
    else:
        with closing(server.admin(name_of(target))) as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


@pytest.mark.parametrize("to_postgres", [True, False])
async def test_after_a_cancellation_the_target_is_empty(
    path: Path, empty: PostgresUrl, postgres_server: PostgresServer, to_postgres: bool
) -> None:
    key, reached = new_key(), asyncio.Event()
    source, target = (path, empty) if to_postgres else (empty, path)
    await _fill(source, key)

    def reach(table: str, _copied: int, _count: int) -> None:
        if table == "jobs":
            reached.set()

    task = asyncio.create_task(copy_database(source, target, [key], reach))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not path.exists() if isinstance(target, Path) else _tables(postgres_server, empty) == 0


async def test_a_server_killed_during_the_copy_keeps_nothing(
    path: Path, empty: PostgresUrl, postgres_server: PostgresServer
) -> None:
    key = new_key()
    await _fill(path, key)

    def kill(table: str, _copied: int, _count: int) -> None:
        if table == "jobs":
            postgres_server.end_connections(empty)

    with pytest.raises(StorageUnavailable):
        await copy_database(path, empty, [key], kill)
    assert _tables(postgres_server, empty) == 0


async def test_a_source_that_is_slow_to_read_interrupts_nothing(
    path: Path, empty: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The target's transaction is idle meanwhile; PostgreSQL would end a bot's idle transaction."""
    monkeypatch.setattr(writer, "_BEGIN", writer._BEGIN.replace("timeout = '5s'", "timeout = '50ms'"))
    key = new_key()
    await _fill(path, key)
    await copy_database(path, empty, [key], lambda *_: time.sleep(0.1))
    assert len((await _content(empty))["jobs"]) == JOBS


async def test_a_bot_that_starts_during_a_copy_is_noticed(
    path: Path, empty: PostgresUrl, postgres_server: PostgresServer
) -> None:
    """The connection that keeps bots away from the source was lost."""
    key = new_key()
    await _fill(empty, key)

    def lose(table: str, _copied: int, _count: int) -> None:
        if table == "jobs":
            postgres_server.end_connections(empty)

    with pytest.raises(CopyRefused, match="keeps bots away"):
        await copy_database(empty, path, [key], lose)
    assert not path.exists()


async def test_a_copy_that_differs_is_given_up(
    path: Path, empty: PostgresUrl, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key()
    await _fill(path, key)
    copy_table = copying._copy_table

    async def damage(reader: object, tx: object, table: object, key: object, progress: object) -> int:
        copied = await copy_table(reader, tx, table, key, progress)  # type: ignore[arg-type]
        await tx.run("UPDATE jobs SET changed_at = changed_at + 1 WHERE jobid = 'job 7 ☃'")  # type: ignore[attr-defined]
        return copied

    monkeypatch.setattr(copying, "_copy_table", damage)
    with pytest.raises(CopyRefused, match="jobs differs"):
        await copy_database(path, empty, [key], _quiet)
    assert _tables(postgres_server, empty) == 0


@pytest.mark.parametrize("to_postgres", [True, False])
async def test_a_target_that_is_not_empty(path: Path, empty: PostgresUrl, to_postgres: bool) -> None:
    key = new_key()
    source, target = (path, empty) if to_postgres else (empty, path)
    await _fill(source, key)
    other = await Database.open(target)
    await other.close()
    await copy_database(source, target, [key], _quiet)  # It had tables, and nothing in them.
    content = await _content(target)
    with pytest.raises(CopyRefused, match="is not empty"):
        await copy_database(source, target, [key], _quiet)
    assert await _content(target) == content


async def test_another_program_s_target(path: Path, empty: PostgresUrl, postgres_server: PostgresServer) -> None:
    key = new_key()
    await _fill(path, key)
    with closing(postgres_server.admin(name_of(empty))) as connection:
        connection.execute("CREATE TABLE orders (id BIGINT)")
    with pytest.raises(DatabaseForeign):
        await copy_database(path, empty, [key], _quiet)
    assert _tables(postgres_server, empty) == 1


@pytest.mark.parametrize("to_postgres", [True, False])
async def test_nothing_is_copied_while_a_bot_runs(path: Path, empty: PostgresUrl, to_postgres: bool) -> None:
    from storage.engines.opening import instance_lock

    key = new_key()
    source, target = (path, empty) if to_postgres else (empty, path)
    await _fill(source, key)
    for place in (source, target):
        with instance_lock(place):
            running = await Database.open(place)
            with pytest.raises(CopyRefused, match="relay bot is running"):
                await copy_database(source, target, [key], _quiet)
            await running.close()
    await copy_database(source, target, [key], _quiet)


async def test_without_a_source_or_with_another_key_nothing_is_created(
    path: Path, empty: PostgresUrl, postgres_server: PostgresServer
) -> None:
    with pytest.raises(DatabaseUnreachable):
        await copy_database(path, empty, [new_key()], _quiet)
    assert not path.parent.exists()
    with pytest.raises(DatabaseUnreachable, match="empty"):
        await copy_database(empty, path, [new_key()], _quiet)
    await _fill(path, new_key())
    with pytest.raises(WrongKey):
        await copy_database(path, empty, [new_key()], _quiet)
    assert not key_file(path).exists()
    assert _tables(postgres_server, empty) == 0


async def test_no_table_and_no_column_is_left_out(database: Database) -> None:
    ours = {table for table, _ in await columns_of(database)} - {"sqlite_sequence", "pixverse_relay"}
    of_processes = {"processes", "account_leases", "shard_leases", "named_leases", "pacing", "changes"}
    assert ours - of_processes == set(KEYS)
