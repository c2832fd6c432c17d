"""What the bot reports to systemd, over the socket that systemd names."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from web.watchdog import ServiceManager


class _Manager:
    """systemd's end of the socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        words = []
        while True:
            try:
                words.append(self._socket.recv(1000).decode())
            except BlockingIOError:
                return words

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[_Manager]:
    made = _Manager(tmp_path / "notify")
    yield made
    made.close()


class _Enough(Exception):
    pass


async def test_it_is_told_of_start_and_end(manager: _Manager) -> None:
    service = ServiceManager.of_environment({"NOTIFY_SOCKET": str(manager.path)})
    service.ready()
    service.stopping()
    assert manager.heard() == ["READY=1", "STOPPING=1"]


async def test_it_is_called_in_time_unless_a_loop_has_stalled(manager: _Manager) -> None:
    pauses: list[float] = []
    stands: list[list[str]] = [[], ["poll"], []]
    heard: list[list[str]] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        heard.append(manager.heard())
        if not stands:
            raise _Enough

    service = ServiceManager.of_environment(
        {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}
    )
    with pytest.raises(_Enough):
        await service.watch(lambda: stands.pop(0), sleep)
    assert heard == [["WATCHDOG=1"], [], ["WATCHDOG=1"]]
    assert max(pauses) <= 30


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "60000000"},
        {"NOTIFY_SOCKET": "relative", "WATCHDOG_USEC": "60000000"},
        {"NOTIFY_SOCKET": "/run/nobody", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/run/nobody", "WATCHDOG_USEC": "0"},
        {"NOTIFY_SOCKET": "/run/nobody", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"},
    ],
)
async def test_without_a_watchdog_nothing_is_sent(environ: dict[str, str]) -> None:
    async def sleep(seconds: float) -> None:
        raise AssertionError(f"it waits {seconds} s to say something")

    await ServiceManager.of_environment(environ).watch(list, sleep)


async def test_a_missing_socket_does_not_end_the_bot(tmp_path: Path) -> None:
    ServiceManager.of_environment({"NOTIFY_SOCKET": str(tmp_path / "nobody")}).ready()
