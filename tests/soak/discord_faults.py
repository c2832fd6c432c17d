"""Discord's own faults during the run, so that kills coincide with lost, refused and reworked messages."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from random import Random

from sandbox.discord_wire import Cut, Status
from sandbox.discord_wire.faults import Action, When
from sandbox.discord_wire.recording import RecordedRequest
from tests.e2e.harness import Harness

_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class _FaultKind:
    when: When
    action: Action
    files: int = 0
    """The fault affects only messages with at least this many files."""


_FAULT_KINDS = (
    _FaultKind("after", Status(502)),
    _FaultKind("before", Status(502)),
    _FaultKind("after", Cut()),
    _FaultKind("before", Cut()),
    _FaultKind("before", Status(400, code=200000)),
    # For a message without files this means that the channel is closed; the bot would wait a minute.
    _FaultKind("before", Status(403, code=50013), files=1),
    # For a single file this reveals the server's limit; no video would be attached there from then on.
    _FaultKind("before", Status(413, code=40005), files=2),
)


def inject_faults(harness: Harness, chance: Random) -> None:
    """Lets one or two of the next outcomes meet a fault, or none."""
    if chance.random() > _SHARE:
        return
    for one in chance.choices(_FAULT_KINDS, k=chance.randint(1, 2)):
        harness.discord.faults.add(
            method="POST",
            path=r"/channels/\d+/messages",
            when=one.when,
            action=one.action,
            match=partial(_concerns, one),
        )


def _concerns(one: _FaultKind, request: RecordedRequest) -> bool:
    return "outcome:details" in str(request.json) and len(request.files) >= one.files
