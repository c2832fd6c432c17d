from __future__ import annotations

import gc
import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer

from settings import DatabasePlace, PostgresUrl
from tests.postgres_server import NewPlace, PostgresServer
from tests.scheduling import Scheduling

# Imports create a million objects that stay; collecting them again and again takes a third of the time that pytest
# needs to collect the tests.
gc.disable()
# No test uses TLS, and loading the machine's certificates for aiohttp takes half a second.
os.environ.setdefault("SSL_CERT_FILE", os.devnull)

settings.register_profile("suite", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("suite")

_status = pytest.StashKey[int]()
_MEMORY = Path("/dev/shm")
_ROOM = 2 * 2**30
"""Bytes; a run needs a tenth of it."""


_NOBODY = 65534


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Puts temporary folders in memory if there is space, because every commit of a database waits for a disk."""
    if os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_status] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """A failed test may leave a database open, whose thread would keep the process alive for ever."""
    status = config.stash.get(_status, 0)
    waited_for = [
        thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon
    ]
    if status and waited_for:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server for this worker only."""
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewPlace]:
    """Returns a function that gives each caller a new place for a database. A test that uses it runs on both
    engines."""
    if request.param == "sqlite":
        numbers = count(1)
        yield lambda: tmp_path / f"{next(numbers)}.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    made: list[PostgresUrl] = []

    def new() -> DatabasePlace:
        made.append(server.lend())
        return made[-1]

    yield new
    for url in made:
        server.give_back(url)


@pytest.fixture
def ordinary_user() -> Iterator[Path]:
    """A folder, in a process whose user isn't root: root may write anywhere."""
    folder = Path(tempfile.mkdtemp())
    root = os.geteuid() == 0
    if root:
        os.chown(folder, _NOBODY, _NOBODY)
        os.seteuid(_NOBODY)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def restored() -> Iterator[None]:
    """Restores the process's logging, because `logs.set_up` changes it and other tests check log lines."""
    loggers = [logging.getLogger(name) for name in (None, "discord", "aiohttp", "asyncio", "aiosqlite", "psycopg")]
    root, levels = loggers[0], [logger.level for logger in loggers]
    handlers = root.handlers[:]
    yield
    root.handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
