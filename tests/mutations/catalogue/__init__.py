"""The safeguards, each taken away once, with the test that must notice."""

from __future__ import annotations

from tests.mutations.catalogue import (
    callbacks,
    cluster,
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
    postgres,
    sandbox,
    secrecy,
    storage,
    strangers,
    texts,
    tokens,
    troubles,
)

MUTATIONS = (
    *delivery.MUTATIONS,
    *ends.MUTATIONS,
    *storage.MUTATIONS,
    *postgres.MUTATIONS,
    *machine.MUTATIONS,
    *secrecy.MUTATIONS,
    *strangers.MUTATIONS,
    *texts.MUTATIONS,
    *troubles.MUTATIONS,
    *discord.MUTATIONS,
    *callbacks.MUTATIONS,
    *cluster.MUTATIONS,
    *health.MUTATIONS,
    *http_ports.MUTATIONS,
    *follows.MUTATIONS,
    *sandbox.MUTATIONS,
    *imports.MUTATIONS,
    *limits.MUTATIONS,
    *loops.MUTATIONS,
    *tokens.MUTATIONS,
)
