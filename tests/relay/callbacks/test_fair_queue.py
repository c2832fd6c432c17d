from __future__ import annotations

from pixverse.callback_body import CallbackBody
from relay.callbacks.callback_processor import FairQueue


def _taken(line: FairQueue) -> list[tuple[int, str]]:
    found = []
    while (waiting := line.take()) is not None:
        found.append((waiting[0], waiting[1].jobid))
    return found


def test_servers_take_turns() -> None:
    line = FairQueue()
    for number in range(3):
        assert line.add(1, CallbackBody(f"job-{number}", True))
    assert line.add(2, CallbackBody("other", True))
    assert _taken(line) == [(1, "job-0"), (2, "other"), (1, "job-1"), (1, "job-2")]
    assert len(line) == 0


def test_a_repeated_hint_waits_once_and_an_end_is_not_withdrawn() -> None:
    line = FairQueue()
    for reports_end in (False, True, False):
        assert line.add(1, CallbackBody("job", reports_end))
    assert len(line) == 1
    assert line.take() == (1, CallbackBody("job", True))
    assert line.take() is None


def test_one_server_cannot_take_another_s_space() -> None:
    line = FairQueue(max_waiting=10, max_of_one_server=3)
    assert [line.add(1, CallbackBody(f"job-{number}", True)) for number in range(5)] == [True] * 3 + [False] * 2
    assert line.add(1, CallbackBody("job-0", True))
    assert line.add(2, CallbackBody("other", True))


def test_the_queue_is_bounded() -> None:
    line = FairQueue(max_waiting=4, max_of_one_server=3)
    assert sum(line.add(guild, CallbackBody(f"job-{guild}", True)) for guild in range(9)) == 4
    assert len(_taken(line)) == 4
    assert line.add(8, CallbackBody("job", True))
