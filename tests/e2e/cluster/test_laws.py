"""Each law reports its violations and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.cluster import laws
from tests.e2e.cluster.laws import Event

JOB = "job:1"
DETAILS = [{"type": 1, "components": [{"type": 2, "custom_id": "outcome:details:1:abc"}]}]


def post(message: str, channel: int = 7, **changes: Any) -> Event:
    return {
        "at": 1.0,
        "event": "post",
        "status": 200,
        "message": message,
        "channel": str(channel),
        "content": f"done {JOB}",
        "components": DETAILS,
        **changes,
    }


@pytest.mark.parametrize(
    ("events", "broken"),
    [
        ([], 1),
        ([post("1")], 0),
        ([post("1"), post("1")], 0),  # the nonce's second answer names the same message
        ([post("1"), post("2")], 1),
        ([post("1"), post("2"), {"at": 2, "event": "delete", "status": 204, "message": "2"}], 0),
        ([post("1"), post("2"), {"at": 2, "event": "delete", "status": 404, "message": "2"}], 1),
        ([post("1", channel=8)], 1),
        ([post("1", status=500)], 1),
        ([post("1", status=None)], 1),
        ([post("1"), post("2", components=None)], 0),  # a card or a notice
    ],
)
def test_outcomes(events: list[Event], broken: int) -> None:
    assert len(laws.one_outcome_each(events, [(JOB, 7)])) == broken


def interaction(at: float = 0.0, kind: int = laws.COMMAND) -> Event:
    return {"at": at, "event": "interaction", "interaction": 5, "kind": kind, "callers": ["a", "b"]}


def acknowledge(at: float = 0.1, status: int = 204, of: int = 4) -> Event:
    return {"at": at, "event": "acknowledge", "interaction": 5, "status": status, "type": of}


REPLY: Event = {"at": 0.2, "event": "reply", "interaction": 5, "status": 200}


@pytest.mark.parametrize(
    ("events", "broken"),
    [
        ([interaction()], 1),
        ([interaction(), acknowledge()], 0),
        ([interaction(), acknowledge(), acknowledge(status=400)], 0),
        ([interaction(), acknowledge(), acknowledge()], 1),
        ([interaction(), acknowledge(status=404)], 1),
        ([interaction(), acknowledge(at=3.1)], 1),
        ([interaction(), acknowledge(of=5)], 1),
        ([interaction(), acknowledge(of=5), REPLY], 0),
        ([interaction(kind=laws.BUTTON), acknowledge(of=6)], 1),
        ([interaction(kind=laws.BUTTON), acknowledge(of=6), REPLY], 0),
        ([interaction(kind=4)], 0),  # what is offered while somebody types
    ],
)
def test_responses(events: list[Event], broken: int) -> None:
    assert len(laws.every_command_is_answered(events)) == broken


def identify(at: float, shard: int = 0, outcome: object = "accepted", caller: str = "a", session: str = "s") -> Event:
    return {"at": at, "event": "identify", "shard": shard, "outcome": outcome, "caller": caller, "session": session}


@pytest.mark.parametrize(
    ("events", "broken"),
    [
        ([identify(0), identify(5.5, caller="b")], 0),
        ([identify(0), identify(4.9, caller="b")], 1),
        ([identify(0, shard=0), identify(1, shard=1)], 0),
        ([identify(0, shard=0), identify(1, shard=2)], 1),
        ([identify(0, outcome=4011)], 1),
    ],
)
def test_identifies(events: list[Event], broken: int) -> None:
    assert len(laws.identifies_are_spaced(events, max_concurrency=2)) == broken


@pytest.mark.parametrize(
    ("seconds", "path", "broken"), [(1.0, "/users", 1), (1.1, "/users", 0), (0.5, "/webhooks/1", 0)]
)
def test_requests_of_all_processes_together(seconds: float, path: str, broken: int) -> None:
    events = [
        {"at": number * seconds / 51, "event": "request", "method": "GET", "path": path, "caller": f"bot-{number % 3}"}
        for number in range(51)
    ]
    assert len(laws.fifty_requests_a_second(events)) == broken


def close(at: float, session: str) -> Event:
    return {"at": at, "event": "close", "shard": 0, "session": session}


def resume(at: float, session: str, caller: str) -> Event:
    return {"at": at, "event": "resume", "shard": 0, "session": session, "outcome": "resumed", "caller": caller}


@pytest.mark.parametrize(
    ("events", "broken"),
    [
        ([identify(0, session="1"), identify(50, session="2", caller="b"), close(55, "1")], 0),
        ([identify(0, session="1"), identify(50, session="2", caller="b"), close(65, "1")], 1),
        ([identify(0, session="1"), identify(50, session="2", caller="b"), close(65, "gone")], 1),
        ([identify(0, session="1"), close(49, "1"), identify(50, session="2", caller="b"), close(99, "2")], 0),
        ([identify(0, session="1"), identify(50, session="2"), close(99, "1")], 0),  # of one bot
        (
            [
                identify(0, session="1"),
                close(1, "1"),
                identify(2, session="2", caller="b"),
                resume(3, "1", "a"),
                close(30, "2"),
            ],
            1,
        ),
    ],
)
def test_sessions(events: list[Event], broken: int) -> None:
    assert len(laws.one_session_a_shard(events, handover_s=10)) == broken


def test_requests_for_a_job() -> None:
    events: list[Event] = [
        {"at": at, "event": "api", "jobid": JOB, "caller": caller} for at, caller in ((0, "a"), (20, "b"), (25, "a"))
    ]
    assert laws.one_request_an_interval(events, 20) == [f"{JOB} was asked for twice in 5.00 s by b and a"]
    assert laws.one_request_an_interval(events, 20, [(22, 30)]) == []
