"""Finds the broken laws in the event log of a run."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tests.e2e.cluster import laws
from tests.e2e.cluster.laws import Event

Spans = Collection[tuple[float, float]]
HANDOVER_S = 30.0
"""A halted bot keeps its session for as long as it is halted; other bots get its shards after 15 s."""


def violations(
    events: Sequence[Event], expected: Collection[tuple[str, int]], disturbed: Spans, max_concurrency: int
) -> list[str]:
    """The broken laws, one line for each.

    Args:
        events: The event log.
        expected: Jobs and the channels in which their outcomes are owed.
        disturbed: The times of faults other than rolling updates, including the recovery.
        max_concurrency: Discord's limit.
    """
    return [
        *laws.one_outcome_each(events, expected),
        *laws.every_command_is_answered([event for event in events if not _asked_in(event, disturbed)]),
        *laws.identifies_are_spaced(events, max_concurrency),
        *laws.fifty_requests_a_second(events),
        *laws.one_session_a_shard(events, HANDOVER_S),
    ]


def _asked_in(event: Event, spans: Spans) -> bool:
    return event["event"] == "interaction" and any(begin <= event["at"] <= end for begin, end in spans)
