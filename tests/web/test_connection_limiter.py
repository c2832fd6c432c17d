"""Which connection goes when another comes."""

from __future__ import annotations

import subprocess
import sys

import pytest

from web.connection_limiter import ConnectionLimiter, network_of


class _Connection:
    def __init__(self, *, is_busy: bool = False) -> None:
        self.is_busy = is_busy
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True

    async def end(self, seconds: float) -> None:
        self.aborted = True


def test_one_address_never_displaces_another() -> None:
    limit = ConnectionLimiter(10)
    others = [_Connection() for _ in range(3)]
    for number, connection in enumerate(others):
        assert limit.admit(connection, f"192.0.2.{number}")
    flood = [_Connection() for _ in range(100)]
    assert all(limit.admit(connection, "203.0.113.7") for connection in flood)
    assert not any(connection.aborted for connection in others)
    assert [connection.aborted for connection in flood] == [True] * 93 + [False] * 7
    newcomer = _Connection()
    assert limit.admit(newcomer, "198.51.100.1")
    assert flood[93].aborted
    assert set(limit.open_connections()) == {*others, *flood[94:], newcomer}


def test_the_oldest_waiting_connection_of_an_address_is_closed_first() -> None:
    limit = ConnectionLimiter(3)
    busy, old, new = _Connection(is_busy=True), _Connection(), _Connection()
    for connection in (busy, old, new, _Connection()):
        assert limit.admit(connection, "127.0.0.1")
    assert (busy.aborted, old.aborted, new.aborted) == (False, True, False)


def test_if_all_are_being_served_a_new_connection_is_refused_until_one_ends() -> None:
    limit = ConnectionLimiter(2)
    first, second = _Connection(is_busy=True), _Connection(is_busy=True)
    assert limit.admit(first, "192.0.2.1")
    assert limit.admit(second, "192.0.2.2")
    newcomer = _Connection()
    assert not limit.admit(newcomer, "192.0.2.3")
    limit.release(first)
    assert limit.admit(newcomer, "192.0.2.3")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", True),
    ],
)
def test_what_counts_as_one_address(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same


_FORBIDDEN = """
def forbidden(*_):
    raise PermissionError

resource.setrlimit = forbidden
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
@pytest.mark.parametrize(
    ("soft", "hard", "sandbox", "room", "raised"),
    [
        (256, 512, "", 256, 512),
        (512, 9000, "", 2000, 4096),
        (9000, 9000, "", 2000, 9000),
        (512, 9000, _FORBIDDEN, 256, 512),
    ],
)
def test_half_of_the_open_files_are_left_to_others(soft: int, hard: int, sandbox: str, room: int, raised: int) -> None:
    program = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))
{sandbox}
from web.connection_limiter import room_for
print(room_for(2000), room_for(10), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout
    assert said.split() == [str(room), "10", str(raised)]
