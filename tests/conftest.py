from __future__ import annotations

import os
import sys
import threading

import pytest
from hypothesis import settings

settings.register_profile("suite", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=2_000, deadline=None)
settings.load_profile("suite")

_WAITING = ("tests/sandbox/", "tests/e2e/")
"""Rooms whose tests mostly wait for a process or a socket."""

_status = pytest.StashKey[int]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that wait come first; those that compute then keep every processor busy to the end."""
    items.sort(key=lambda item: not item.nodeid.startswith(_WAITING))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_status] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """A test that fails may leave a database open, whose thread would keep the process from ever ending."""
    status = config.stash.get(_status, 0)
    waited_for = [
        thread for thread in threading.enumerate() if thread is not threading.main_thread() and not thread.daemon
    ]
    if status and waited_for:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
