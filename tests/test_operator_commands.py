"""What `check` reports about the processes that share a database."""

from __future__ import annotations

import pytest

from operator_commands import _process_lines
from storage.inspection import ProcessHoldings, Sharing

_FIRST = ProcessHoldings("aa11", "1.0.0", True, 90_061.9, [0, 3], 12)
_SECOND = ProcessHoldings("bb22", "1.1.0", False, 5.0, [], 0)


@pytest.mark.parametrize(
    ("sharing", "lines"),
    [
        (Sharing([], 0, []), ["Processes: none runs."]),
        (Sharing([], 2, [0, 1]), ["Processes: none runs."]),
        (
            Sharing([_FIRST, _SECOND], 4, [1, 2]),
            [
                "Processes: 2.",
                "Process aa11: version 1.0.0, stopping, for 1 day, 1:01:01; shards: 0, 3; accounts: 12.",
                "Process bb22: version 1.1.0, running, for 0:00:05; shards: none; accounts: 0.",
                "Shards without a process, of 4: 1, 2. Commands of their servers fail now.",
            ],
        ),
    ],
)
def test_the_processes_are_listed_with_what_they_hold(sharing: Sharing, lines: list[str]) -> None:
    assert _process_lines(sharing) == lines
