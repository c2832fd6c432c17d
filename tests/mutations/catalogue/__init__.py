"""The safeguards, each taken away once, with the test that must notice."""

from __future__ import annotations

from tests.mutations.catalogue import (
    callbacks,
    delivery,
    discord,
    ends,
    follows,
    health,
    http_ports,
    imports,
    limits,
    loops,
    machine,
    sandbox,
    secrecy,
    storage,
    strangers,
    texts,
    tokens,
    troubles,
)

FAULTS = (
    *delivery.FAULTS,
    *ends.FAULTS,
    *storage.FAULTS,
    *machine.FAULTS,
    *secrecy.FAULTS,
    *strangers.FAULTS,
    *texts.FAULTS,
    *troubles.FAULTS,
    *discord.FAULTS,
    *callbacks.FAULTS,
    *health.FAULTS,
    *http_ports.FAULTS,
    *follows.FAULTS,
    *sandbox.FAULTS,
    *imports.FAULTS,
    *limits.FAULTS,
    *loops.FAULTS,
    *tokens.FAULTS,
)
