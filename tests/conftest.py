from __future__ import annotations

import os
import sys
import threading

import pytest

_status = pytest.StashKey[int]()


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
