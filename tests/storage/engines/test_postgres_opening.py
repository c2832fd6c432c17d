"""A start with an unusable PostgreSQL database prints one line, without the password."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from sandbox.ports import free_port
from settings import PostgresUrl
from storage import inspection, key_rotation
from storage.database import Database, get_meta, put_meta
from storage.engines import opening
from storage.engines.interface import Use
from storage.engines.postgres import connecting, engine, tables, writer
from storage.engines.sqlite import preparation
from storage.errors import (
    AlreadyRunning,
    DatabaseForeign,
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseRefused,
    DatabaseTooNew,
    DatabaseTooOld,
    DatabaseUnreachable,
    DatabaseUnusable,
    WrongKey,
)
from storage.secret_store import SecretStore, make_cipher, new_key
from tests.postgres_server import PostgresServer, name_of
from tests.tcp_proxy import TcpProxy

ROOT = Path(__file__).resolve().parents[3]
PASSWORD = "a secret/pass@word"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_LOCK_SECONDS", 0.2)


async def _refused(url: PostgresUrl, kind: type[DatabaseUnusable]) -> str:
    """Returns what a start and `check` say, which must be the same."""
    with pytest.raises(kind) as caught:
        await Database.open(url, lock_wait=0.1)
    text = str(caught.value)
    with pytest.raises(kind) as found:
        await inspection.inspect(url, [new_key()])
    assert str(found.value) == text
    assert "\n" not in text
    assert str(url) in text
    for word in (PASSWORD, "pass", "word"):
        assert word not in text.replace("the password", "").replace("or password", "")
    return text


def _tables(server: PostgresServer, url: PostgresUrl) -> set[str]:
    with closing(server.admin(name_of(url))) as connection:
        rows = connection.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        return {row[0] for row in rows}


async def test_the_first_start_creates_the_tables_and_the_next_finds_them(empty: PostgresUrl) -> None:
    found = await inspection.inspect(empty, [new_key()])
    assert (found.exists, found.tables, found.key_file) == (True, 0, None)
    first = await Database.open(empty)
    async with first.transaction() as tx:
        await put_meta(tx, "a", b"1")
    await first.close()
    second = await Database.open(empty)
    assert await get_meta(second.reader, "a") == b"1"
    await second.close()
    found = await inspection.inspect(empty, [new_key()])
    assert found.tables == found.newest


async def test_two_simultaneous_first_starts(empty: PostgresUrl) -> None:
    first, second = await asyncio.gather(Database.open(empty), Database.open(empty))
    async with first.transaction() as tx:
        await put_meta(tx, "a", b"1")
    assert await get_meta(second.reader, "a") == b"1"
    await first.close()
    await second.close()


async def test_two_simultaneous_first_starts_with_repeatable_read(
    postgres_server: PostgresServer, empty: PostgresUrl
) -> None:
    with closing(postgres_server.admin()) as connection:
        connection.execute(
            f"ALTER DATABASE {name_of(empty)} SET default_transaction_isolation = 'repeatable read'".encode()
        )
    for opened in await asyncio.gather(*(Database.open(empty) for _ in range(4))):
        await opened.close()


async def test_a_command_that_must_not_run_beside_a_bot_is_refused(url: PostgresUrl) -> None:
    first, second = await Database.open(url), await Database.open(url)
    await first.close()
    with pytest.raises(AlreadyRunning, match="A relay bot is running"):
        await Database.open(url, use=Use.ALONE)
    assert await opening.is_in_use(url)
    await inspection.inspect(url, [new_key()])
    await second.close()
    async with asyncio.timeout(10):
        while await opening.is_in_use(url):
            pass  # The server notices the end of a session a moment later.
    command = await Database.open(url, use=Use.ALONE)
    with pytest.raises(AlreadyRunning, match="rotate-key or copy-database"):
        await Database.open(url)
    await command.close()


async def test_another_program_s_database(postgres_server: PostgresServer, empty: PostgresUrl) -> None:
    with closing(postgres_server.admin(name_of(empty))) as connection:
        connection.execute("CREATE TABLE meta (name TEXT)")
    assert "another program's" in await _refused(empty, DatabaseForeign)
    assert _tables(postgres_server, empty) == {"meta"}


async def test_tables_of_an_extension_do_not_count_as_another_program_s(
    postgres_server: PostgresServer, empty: PostgresUrl
) -> None:
    with closing(postgres_server.admin(name_of(empty))) as connection:
        connection.execute("CREATE VIEW statistics AS SELECT 1")
        connection.execute("ALTER EXTENSION plpgsql ADD VIEW statistics")
    await (await Database.open(empty)).close()


async def test_a_user_without_a_schema(postgres_server: PostgresServer, empty: PostgresUrl) -> None:
    with closing(postgres_server.admin(name_of(empty))) as connection:
        connection.execute(f"ALTER DATABASE {name_of(empty)} SET search_path = nowhere".encode())
    assert "has no schema" in await _refused(empty, DatabaseUnreachable)


async def test_a_database_of_a_newer_bot(postgres_server: PostgresServer, url: PostgresUrl) -> None:
    with closing(postgres_server.admin(name_of(url))) as connection:
        connection.execute("UPDATE pixverse_relay SET tables = 99, oldest_code = 98")
        assert "newer version" in await _refused(url, DatabaseTooNew)
        connection.execute("UPDATE pixverse_relay SET oldest_code = 4")
    await (await Database.open(url)).close()


async def test_a_running_bot_checks_again_what_may_have_changed(url: PostgresUrl) -> None:
    database = await Database.open(url)
    known = opening.newest_tables(url)
    old, new = new_key(), new_key()
    secret_store = await SecretStore.open(database, [old])
    async with database.transaction() as tx:
        await tx.run("UPDATE pixverse_relay SET tables = 99, oldest_code = ?", (known,))
    await inspection.check_again(database.reader, url, secret_store, known)
    async with database.transaction() as tx:
        await tx.run("UPDATE pixverse_relay SET oldest_code = 99")
    with pytest.raises(DatabaseTooNew):
        await inspection.check_again(database.reader, url, secret_store, known)
    async with database.transaction() as tx:
        await key_rotation.reencrypt(tx, make_cipher([new, old], ""))
    with pytest.raises(WrongKey):
        await inspection.check_again(database.reader, url, secret_store, known)
    await database.close()


@pytest.fixture
def _waits_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "LOCK_WAIT_SECONDS", 0.1)
    monkeypatch.setattr(engine, "_SHORTEST_LOCK_WAIT", 0.1)
    monkeypatch.setattr(tables, "_TABLE_SECONDS", 0.1)


@pytest.mark.usefixtures("_waits_briefly")
async def test_a_table_locked_by_another_session(postgres_server: PostgresServer, url: PostgresUrl) -> None:
    with closing(postgres_server.admin(name_of(url))) as connection:
        connection.execute("BEGIN; LOCK TABLE pixverse_relay IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(20):
            assert "locked by another session" in await _refused(url, DatabaseLocked)


def _take_back_a_step(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    connection.execute(
        "ALTER TABLE processes DROP COLUMN api_down_since, DROP COLUMN bot_since;"
        "UPDATE pixverse_relay SET tables = 8, oldest_code = 5"
    )


@pytest.mark.usefixtures("_waits_briefly")
async def test_new_tables_wait_for_a_backup_only_for_a_while(postgres_server: PostgresServer, url: PostgresUrl) -> None:
    """While a process waits for a table's lock, all running bots wait behind it."""
    with (
        closing(postgres_server.admin(name_of(url))) as backup,
        closing(postgres_server.admin(name_of(url))) as connection,
    ):
        _take_back_a_step(connection)
        backup.execute("BEGIN; LOCK TABLE processes IN ACCESS SHARE MODE")
        async with asyncio.timeout(20):
            with pytest.raises(DatabaseLocked, match="like a backup"):
                await Database.open(url, lock_wait=0.3)
        assert connection.execute("SELECT tables FROM pixverse_relay").fetchone() == (8,)
        opening_it = asyncio.create_task(Database.open(url))
        await asyncio.sleep(0.3)
        assert not opening_it.done()
        backup.execute("ROLLBACK")
        await (await opening_it).close()
        assert connection.execute("SELECT tables FROM pixverse_relay").fetchone() == (9,)


async def test_a_server_that_falls_silent_after_the_login(
    postgres_server: PostgresServer, url: PostgresUrl, proxy: TcpProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connecting, "STATEMENT_SECONDS", 0.3)

    def silent(data: bytes) -> bool:
        if b"pg_is_in_recovery" in data:
            proxy.passes.clear()
        return True

    proxy.before = silent
    async with asyncio.timeout(10):
        with pytest.raises(DatabaseUnreachable):
            await Database.open(postgres_server.url(name_of(url), port=proxy.port))


async def test_a_server_with_too_few_free_connections(
    postgres_server: PostgresServer, empty: PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_PATIENCE_SECONDS", 0.5)
    few = postgres_server.with_password(empty, "p")
    with closing(postgres_server.admin()) as connection, psycopg.connect(few.secret.get_secret_value()):
        connection.execute(f"ALTER ROLE {name_of(empty)} CONNECTION LIMIT 1".encode())
        assert "takes no more connections" in await _refused(few, DatabaseRefused)
        connection.execute(f"ALTER ROLE {name_of(empty)} CONNECTION LIMIT 2".encode())
        with pytest.raises(DatabaseRefused, match="takes no more connections"):
            await Database.open(few)


@pytest.mark.parametrize("by", ["database", "environment", "address"])
async def test_the_operator_s_client_encoding_changes_no_text(
    postgres_server: PostgresServer, url: PostgresUrl, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "database":
        with closing(postgres_server.admin()) as connection:
            connection.execute(f"ALTER DATABASE {name_of(url)} SET client_encoding = 'LATIN1'".encode())
    elif by == "environment":
        monkeypatch.setenv("PGCLIENTENCODING", "LATIN1")
    else:
        url = postgres_server.url(name_of(url), more="?client_encoding=LATIN1")
    database = await Database.open(url)
    async with database.transaction() as tx:
        await tx.insert("accounts", account_key="é☃", state_since=0)
    assert await database.reader.values("SELECT account_key FROM accounts") == ["é☃"]
    await database.close()


async def test_an_old_server(url: PostgresUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "OLDEST_SERVER", 99)
    assert "needs 99 or newer" in await _refused(url, DatabaseTooOld)


async def test_a_user_without_permission_to_create_tables(postgres_server: PostgresServer, empty: PostgresUrl) -> None:
    with closing(postgres_server.admin(name_of(empty))) as connection:
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.execute("CREATE ROLE guest LOGIN")
    try:
        text = await _refused(postgres_server.url(name_of(empty), user="guest"), DatabaseReadOnly)
    finally:
        with closing(postgres_server.admin()) as connection:
            connection.execute("DROP ROLE guest")
    assert "grant it USAGE and CREATE" in text
    assert _tables(postgres_server, empty) == set()


async def test_a_user_with_permission_only_to_read(postgres_server: PostgresServer, url: PostgresUrl) -> None:
    with closing(postgres_server.admin(name_of(url))) as connection:
        connection.execute("CREATE ROLE guest LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
        try:
            await _refused(postgres_server.url(name_of(url), user="guest"), DatabaseReadOnly)
        finally:
            connection.execute("DROP OWNED BY guest; DROP ROLE guest")


async def test_a_server_that_interprets_backslashes_in_strings(
    postgres_server: PostgresServer, empty: PostgresUrl
) -> None:
    with closing(postgres_server.admin()) as connection:
        connection.execute(f"ALTER DATABASE {name_of(empty)} SET standard_conforming_strings = off".encode())
    await (await Database.open(empty)).close()


@contextmanager
def _password_needed(server: PostgresServer) -> Iterator[None]:
    rules = server.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"host all locked 127.0.0.1/32 scram-sha-256\nhostssl all over_tls 127.0.0.1/32 trust\n{before}")
    with closing(server.admin()) as connection:
        connection.execute("CREATE ROLE locked LOGIN PASSWORD 'another'")
        connection.execute("SELECT pg_reload_conf()")
        yield
        connection.execute("DROP ROLE locked")
        rules.write_text(before)
        connection.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("password", [PASSWORD, ""])
async def test_a_wrong_password(postgres_server: PostgresServer, url: PostgresUrl, password: str) -> None:
    with _password_needed(postgres_server):
        wrong = postgres_server.url(name_of(url), user="locked", password=password)
        assert "refuses the user or the password" in await _refused(wrong, DatabaseRefused)


async def test_an_unknown_user_and_an_unknown_database(postgres_server: PostgresServer, url: PostgresUrl) -> None:
    assert "no such user" in await _refused(postgres_server.url(name_of(url), user="nobody"), DatabaseRefused)
    assert "createdb" in await _refused(postgres_server.url("nowhere"), DatabaseUnreachable)


async def test_a_server_without_tls(postgres_server: PostgresServer, url: PostgresUrl) -> None:
    strict = postgres_server.url(name_of(url), password=PASSWORD, more="?sslmode=require")
    assert "sslmode" in await _refused(strict, DatabaseRefused)


async def test_a_port_where_nobody_listens(postgres_server: PostgresServer) -> None:
    nobody = postgres_server.url("relay", password=PASSWORD, port=free_port())
    assert "cannot be reached" in await _refused(nobody, DatabaseUnreachable)


async def test_an_address_that_the_driver_cannot_parse(tmp_path: Path) -> None:
    url = PostgresUrl(SecretStr(f"postgresql://a:{PASSWORD}@host/b?nonsense=1"), tmp_path)
    with pytest.raises(DatabaseUnreachable, match="%40") as caught:
        await Database.open(url)
    assert "pass" not in str(caught.value).replace(":password@", "").replace("the password", "")


async def test_another_encoding(postgres_server: PostgresServer) -> None:
    with closing(postgres_server.admin()) as connection:
        connection.execute("CREATE DATABASE plain ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    plain = postgres_server.url("plain")
    try:
        assert "ENCODING 'UTF8'" in await _refused(plain, DatabaseRefused)
    finally:
        postgres_server.drop(plain)


async def test_a_replica(postgres_server: PostgresServer, url: PostgresUrl) -> None:
    copy, port = postgres_server.folder / "replica", free_port()
    place = f"host=127.0.0.1 port={postgres_server.port} user=postgres"
    postgres_server.folder.chmod(0o777)
    postgres_server.call("pg_basebackup", "-D", str(copy), "-R", "-c", "fast", "-d", place)
    arguments = ("-D", str(copy), "-w", "-o", f"-h 127.0.0.1 -p {port} -k {copy}", "-l", str(copy / "log"))
    postgres_server.call("pg_ctl", *arguments, "start")
    try:
        for more in ("", "?target_session_attrs=any"):
            assert "read-only" in await _refused(
                postgres_server.url(name_of(url), port=port, more=more), DatabaseReadOnly
            )
    finally:
        postgres_server.call("pg_ctl", "-D", str(copy), "-m", "immediate", "stop")
        shutil.rmtree(copy)


_BACKEND_KEY = b"K\0\0\0\x0c"
"""What the message begins with by which a server, or a pooler, tells its client how to cancel a query."""


def _as_a_pooler(answer: bytes) -> bytes:
    """Names a backend process that doesn't exist, because a pooler doesn't know yet which connection it will use."""
    before, found, after = answer.partition(_BACKEND_KEY)
    return before + found + (bytes(4) + after[4:] if found else after)


async def test_a_pooler(postgres_server: PostgresServer, empty: PostgresUrl, proxy: TcpProxy) -> None:
    direct = postgres_server.url(name_of(empty), port=proxy.port)
    proxy.changed = _as_a_pooler
    text = await _refused(direct, DatabaseRefused)
    assert "pooler" in text
    assert "Name the server itself in DATABASE_URL." in text
    assert _tables(postgres_server, empty) == set()
    proxy.changed = lambda data: data
    await (await Database.open(direct)).close()


async def test_a_missing_driver(url: PostgresUrl, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "find_spec", lambda _name: None)
    assert "make postgres" in await _refused(url, opening.DriverMissing)


def test_sqlite_users_import_no_driver() -> None:
    code = "import bot, app, cli, sys; sys.exit(any(name.startswith('psycopg') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
