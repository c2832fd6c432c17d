"""Lost connections to PostgreSQL, and what is then known about a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from typing import cast

import pytest

from settings import PostgresUrl
from storage import figures, jobs
from storage.database import Database, get_meta, put_meta
from storage.engines.interface import Row, SqlValue, Use
from storage.engines.postgres import connecting, engine, writer
from storage.engines.postgres.dialect import bound
from storage.engines.postgres.engine import PostgresEngine, PostgresReader
from storage.errors import StorageError, StorageUnavailable
from tests.postgres_server import PostgresServer, name_of
from tests.tcp_proxy import TcpProxy


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_LOCK_SECONDS", 0.2)


@pytest.fixture
async def database(url: PostgresUrl) -> AsyncIterator[Database]:
    opened = await Database.open(url)
    yield opened
    await opened.close()


@pytest.fixture
async def far(postgres_server: PostgresServer, url: PostgresUrl, proxy: TcpProxy) -> AsyncIterator[Database]:
    """The database at the other end of the proxy."""
    opened = await Database.open(postgres_server.url(name_of(url), port=proxy.port))
    yield opened
    await opened.close()


async def _put(database: Database, name: str) -> None:
    async with database.transaction() as tx:
        await put_meta(tx, name, b"")


async def _names(database: Database) -> set[str]:
    return set(await database.reader.values("SELECT name FROM meta"))


@pytest.mark.parametrize(
    ("sql", "parameters", "text", "values"),
    [
        ("SELECT 1 WHERE a LIKE 'x%'", (), "SELECT 1 WHERE a LIKE 'x%'", None),
        ("a = ? AND b LIKE 'x%' AND c = ?", (1, 2), "a = %s AND b LIKE 'x%%' AND c = %s", (1, 2)),
        ("a = ?2 OR b = ?1 OR c = ?2", (1, 2), "a = %(2)s OR b = %(1)s OR c = %(2)s", {"1": 1, "2": 2}),
    ],
)
def test_parameters_are_written_in_the_driver_s_form(
    sql: str, parameters: tuple[int, ...], text: str, values: object
) -> None:
    assert bound(sql, parameters) == (text, values)


async def test_connections_that_the_server_ended_are_replaced(
    database: Database, postgres_server: PostgresServer, url: PostgresUrl
) -> None:
    await _put(database, "before")
    await asyncio.gather(*(database.reader.all("SELECT 1 FROM pg_sleep(0.2)") for _ in range(4)))
    postgres_server.end_connections(url)
    assert await _names(database) == {"before"}
    await _put(database, "after")
    assert await _names(database) == {"before", "after"}


async def test_a_connection_lost_in_a_transaction_rolls_it_back(
    database: Database, postgres_server: PostgresServer, url: PostgresUrl
) -> None:
    async def half() -> None:
        async with database.transaction() as tx:
            await put_meta(tx, "half", b"")
            postgres_server.end_connections(url)
            await put_meta(tx, "whole", b"")

    with pytest.raises(StorageUnavailable):
        await half()
    assert database.refused.is_set()
    await _put(database, "after")
    assert await _names(database) == {"after"}


async def test_a_commit_whose_response_was_lost_is_known_to_be_done(far: Database, proxy: TcpProxy) -> None:
    proxy.after = lambda data: b"COMMIT\0" not in data
    await _put(far, "done")
    proxy.after = lambda _data: True
    assert await _names(far) == {"done"}


async def test_a_commit_that_never_arrived_is_known_to_have_failed(far: Database, proxy: TcpProxy) -> None:
    proxy.before = lambda data: b"COMMIT\0" not in data
    with pytest.raises(StorageUnavailable):
        await _put(far, "lost")
    proxy.before = lambda _data: True
    assert await _names(far) == set()
    await _put(far, "after")
    assert await _names(far) == {"after"}


async def test_after_a_server_restart_a_commit_s_fate_is_unknown(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = cast("PostgresEngine", database._engine).writer
    async with database.transaction() as tx:
        await put_meta(tx, "a", b"")
        session = opened._session
    assert session is not None
    assert await opened._was_committed()
    another = writer._Session(session.pid, session.began, "another time", session.database)
    opened._session = another
    connection = await opened._connected()
    await connection.close()
    with pytest.raises(StorageUnavailable, match="nobody knows"):
        await opened._was_committed()


async def test_a_backup_restored_on_the_same_server_counts_as_another_server(empty: PostgresUrl) -> None:
    """`pg_restore` makes the tables anew, and the server may not have been restarted since the backup."""

    async def servers(*databases: Database) -> set[str]:
        for database in databases:
            async with database.transaction():
                pass
        return {database.server for database in databases}

    async with _opened(empty) as both, _opened(empty) as more:
        before = await servers(*both)
        assert len(before) == 1
        assert await servers(*more) == before
        connection = await connecting.connect(connecting.parameters_of(empty))
        try:
            schema = (await (await connection.execute("SELECT current_schema()")).fetchall())[0][0]
            await connection.execute(f"DROP SCHEMA {schema} CASCADE".encode())
            await connection.execute(f"CREATE SCHEMA {schema}".encode())
        finally:
            await connection.close()
        async with _opened(empty) as started:
            after = await servers(*started)
            assert len(after) == 1
            assert after.isdisjoint(before)
            assert await servers(*both) == after


@asynccontextmanager
async def _opened(url: PostgresUrl) -> AsyncIterator[tuple[Database, Database]]:
    """What a process opens."""
    first, second = await Database.open(url), await Database.open(url, use=Use.LEASES)
    try:
        yield first, second
    finally:
        await first.close()
        await second.close()


async def test_a_server_that_stops_and_returns_is_used_again(
    database: Database, postgres_server: PostgresServer
) -> None:
    await _put(database, "before")
    await asyncio.to_thread(postgres_server.kill)
    with pytest.raises(StorageUnavailable):
        await _put(database, "lost")
    await asyncio.to_thread(postgres_server.start)
    await _put(database, "after")
    assert await _names(database) == {"before", "after"}


async def test_after_a_long_outage_nobody_waits_for_the_pool_s_next_try(
    postgres_server: PostgresServer, url: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = 0
    read = PostgresReader._read

    async def counted(reader: PostgresReader, sql: str, parameters: Sequence[SqlValue]) -> Sequence[Row]:
        nonlocal waits
        waits += 1
        return await read(reader, sql, parameters)

    monkeypatch.setattr(engine, "_PATIENCE_SECONDS", 0.5)
    monkeypatch.setattr(PostgresReader, "_read", counted)
    database = await Database.open(url)
    await asyncio.to_thread(postgres_server.kill)
    for _ in range(8):
        with pytest.raises(StorageUnavailable):
            await _names(database)
    assert waits == 1 + 8  # Only the connection that was lost is worth a second one.
    await asyncio.to_thread(postgres_server.start)
    async with asyncio.timeout(2):
        while True:
            with suppress(StorageUnavailable):
                assert await _names(database) == set()
                break
    await database.close()


@pytest.mark.parametrize(
    "statement",
    ["BEGIN", "INSERT INTO meta", pytest.param("COMMIT\0", id="COMMIT"), "ROLLBACK", "SELECT name FROM meta"],
)
async def test_an_unresponsive_server_is_not_waited_for(
    far: Database, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    async def write_nothing() -> None:
        async with far.transaction() as tx:
            await put_meta(tx, "lost", b"")
            raise ZeroDivisionError

    monkeypatch.setattr(connecting, "STATEMENT_SECONDS", 0.2)
    monkeypatch.setattr(writer, "_BEGIN", writer._BEGIN.replace("timeout = '5s'", "timeout = '60s'"))
    proxy.keeps = lambda data: statement.encode() in data
    waited_for = asyncio.Event()

    def give_up() -> None:
        waited_for.set()
        proxy.keeps = lambda _data: False
        proxy.cut()

    late = asyncio.get_running_loop().call_later(20, give_up)
    if statement == "ROLLBACK":
        with pytest.raises(ZeroDivisionError):
            await write_nothing()
    else:
        with pytest.raises(StorageUnavailable):
            await (_names(far) if statement.startswith("SELECT") else _put(far, "lost"))
    late.cancel()
    assert not waited_for.is_set()
    proxy.keeps = lambda _data: False
    await _put(far, "after")
    assert await _names(far) == {"after"}


async def test_a_command_waits_for_a_bot_that_is_about_to_end(
    database: Database, url: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_LOCK_SECONDS", 30)
    command = asyncio.create_task(Database.open(url, use=Use.ALONE))
    await asyncio.sleep(0.3)
    assert not command.done()
    await database.close()
    await (await command).close()


async def test_a_silent_server_costs_the_pool_no_connection(
    far: Database, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use_all() -> None:
        await asyncio.gather(*(far.reader.all("SELECT 1 FROM pg_sleep(0.1)") for _ in range(engine._MAX_READERS)))

    await use_all()
    with monkeypatch.context() as impatient:
        impatient.setattr(connecting, "STATEMENT_SECONDS", 0.2)
        impatient.setattr(engine, "_PATIENCE_SECONDS", 0.1)
        proxy.passes.clear()
        async with asyncio.timeout(4):
            with pytest.raises(StorageUnavailable):
                await _names(far)
    proxy.passes.set()
    await use_all()


async def test_a_bot_that_lost_its_connection_to_a_command_writes_nothing(
    database: Database, postgres_server: PostgresServer, url: PostgresUrl
) -> None:
    postgres_server.end_connections(url)
    command = await Database.open(url, use=Use.ALONE)
    with pytest.raises(StorageUnavailable, match="no bot may meet"):
        await _put(database, "mine")
    await _put(command, "theirs")
    await command.close()
    await _put(database, "mine again")
    assert await _names(database) == {"theirs", "mine again"}


async def test_transactions_of_two_processes_wait_for_each_other(database: Database, url: PostgresUrl) -> None:
    other = await Database.open(url)
    order: list[str] = []

    async def write(one: Database, name: str, began: asyncio.Event, go_on: asyncio.Event, *, locks_rows: bool) -> None:
        async with one.transaction(locks_rows=locks_rows):
            began.set()
            await go_on.wait()
            order.append(name)

    for locks_rows, beside in ((False, False), (True, False), (True, True)):
        first, second, go_on, at_once = (asyncio.Event() for _ in range(4))
        at_once.set()
        task = asyncio.create_task(write(database, "first", first, go_on, locks_rows=locks_rows))
        await first.wait()
        follower = asyncio.create_task(write(other, "second", second, at_once, locks_rows=beside))
        try:
            if beside:
                await asyncio.wait_for(asyncio.shield(follower), 20)
            else:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await second.wait()
        finally:
            go_on.set()
            await asyncio.gather(task, follower)
    assert order == ["first", "second", "first", "second", "second", "first"]
    await other.close()


async def test_an_idle_transaction_is_ended(
    database: Database, url: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a process is halted in the middle of a transaction: when it continues, it can repeat the transaction."""
    monkeypatch.setattr(writer, "_BEGIN", writer._BEGIN.replace("timeout = '5s'", "timeout = '100ms'"))
    told, woken = asyncio.Event(), asyncio.Event()

    async def halted() -> None:
        async with database.transaction() as tx:
            await put_meta(tx, "halted", b"")
            told.set()
            await woken.wait()
            await put_meta(tx, "later", b"")

    task = asyncio.create_task(halted())
    await told.wait()
    other = await Database.open(url)
    try:
        async with asyncio.timeout(20):
            await _put(other, "other")
    finally:
        woken.set()
        with pytest.raises(StorageUnavailable):
            await task
    assert await _names(other) == {"other"}
    await _put(database, "again")
    assert await _names(other) == {"other", "again"}
    await other.close()


async def test_a_transaction_with_a_failed_statement_does_not_count_as_committed(database: Database) -> None:
    async def careless() -> None:
        async with database.transaction() as tx:
            await put_meta(tx, "a", b"")
            with pytest.raises(StorageError):
                await tx.run("INSERT INTO servers (guild_id, account_id) VALUES (1, 99)")

    with pytest.raises(StorageError, match="nothing of it is written"):
        await careless()
    assert await _names(database) == set()
    await _put(database, "b")


async def test_a_cancelled_statement_releases_the_connection(database: Database) -> None:
    async def sleeping() -> None:
        async with database.transaction() as tx:
            await put_meta(tx, "a", b"")
            await tx.all("SELECT 1 FROM pg_sleep(60)")

    task = asyncio.create_task(sleeping())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _put(database, "b")
    assert await _names(database) == {"b"}


async def test_the_bot_decides_what_a_commit_survives(postgres_server: PostgresServer, url: PostgresUrl) -> None:
    with closing(postgres_server.admin()) as connection:
        connection.execute(f"ALTER DATABASE {name_of(url)} SET synchronous_commit = off".encode())
    database = await Database.open(url)
    async with database.transaction() as tx:
        assert await tx.value("SELECT current_setting('synchronous_commit')") == "on"
    await database.close()


async def test_text_that_postgres_cannot_store(database: Database) -> None:
    async with database.transaction() as tx:
        account = await tx.insert("accounts", account_key="a", state_since=0)
        for jobid, snapshot in (("a\0b", r'{"state":"a\u0000b"}'), ("broken", "{"), ("c", r'{"state":"\ud800"}')):
            await jobs.add(tx, account, jobid, snapshot, 0)
    read = await figures.read(database.reader)
    assert read.open_jobs == {"a\N{REPLACEMENT CHARACTER}b": 1, figures.NO_RESPONSE_YET: 2}
    assert await jobs.by_jobid(database.reader, account, "a\0b") is not None


async def test_large_tables_without_statistics_are_analysed_at_the_next_start(
    postgres_server: PostgresServer, url: PostgresUrl
) -> None:
    with closing(postgres_server.admin(name_of(url))) as connection:
        connection.execute("INSERT INTO accounts (account_key, state_since) VALUES ('a', 0)")
        connection.execute(
            "INSERT INTO jobs (account_id, jobid, watched_since, changed_at) "
            "SELECT 1, 'job ' || n, 0, 0 FROM generate_series(1, 20000) n"
        )
        for known in (False, True):
            found = connection.execute("SELECT 1 FROM pg_stats WHERE tablename = 'jobs'").fetchone()
            assert (found is not None) is known
            await (await Database.open(url)).close()


async def test_many_queries_at_once(database: Database) -> None:
    await _put(database, "a")
    found = await asyncio.gather(*(get_meta(database.reader, "a") for _ in range(50)))
    assert found == [b""] * 50
