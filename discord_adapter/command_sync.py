"""Registers the slash commands with Discord: one look at each scope, and a write only where something differs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import discord

log = logging.getLogger(__name__)

Payload = Mapping[str, Any]
Scope = int | None
"""A guild's id, or None for the global scope."""


_DERIVED = frozenset({"dm_permission"})
"""Deprecated: Discord's answer follows `contexts`, whatever was sent (developer docs, Application Command Object)."""
_GLOBAL_ONLY = frozenset({"contexts", "integration_types"})
"""Only for globally-scoped commands (same place); of a guild's commands Discord need not tell them."""


class RegisteredCommands(Protocol):
    """Discord's side: the commands of one application."""

    async def read(self, scope: Scope) -> Sequence[Payload]:
        """The commands that Discord has now. Raises discord.HTTPException."""

    async def write(self, scope: Scope, commands: Sequence[Payload]) -> Sequence[Payload]:
        """Replaces them all; returns them with their ids. Raises discord.HTTPException."""


class HttpRegistry:
    """The real registry, over discord.py's HTTP client."""

    def __init__(self, client: discord.Client, application_id: int) -> None:
        self._http = client.http
        self._application_id = application_id

    async def read(self, scope: Scope) -> Sequence[Payload]:
        if scope is None:
            return await self._http.get_global_commands(self._application_id)
        return await self._http.get_guild_commands(self._application_id, scope)

    async def write(self, scope: Scope, commands: Sequence[Payload]) -> Sequence[Payload]:
        payload = [dict(command) for command in commands]
        if scope is None:
            return await self._http.bulk_upsert_global_commands(self._application_id, payload)
        return await self._http.bulk_upsert_guild_commands(self._application_id, scope, payload)


async def sync_scope(registry: RegisteredCommands, scope: Scope, wanted: Sequence[Payload]) -> dict[str, int]:
    """Makes the scope's commands the wanted ones and returns their ids by name. Raises discord.HTTPException."""
    existing = await registry.read(scope)
    if differs(existing, wanted, scope):
        log.info("registering %d commands %s", len(wanted), "globally" if scope is None else f"in server {scope}")
        existing = await registry.write(scope, wanted)
    return {str(command["name"]): int(command["id"]) for command in existing}


def differs(existing: Iterable[Payload], wanted: Iterable[Payload], scope: Scope) -> bool:
    """Whether Discord's commands are other than the wanted ones, whatever defaults Discord adds to them."""
    ignored = _DERIVED if scope is None else _DERIVED | _GLOBAL_ONLY
    have = _by_key(existing, ignored)
    want = _by_key(wanted, ignored)
    return have.keys() != want.keys() or any(not _covers(have[key], want[key]) for key in want)


def _by_key(commands: Iterable[Payload], ignored: frozenset[str]) -> dict[tuple[int, str], Payload]:
    return {
        (int(command.get("type", 1)), str(command["name"])): {
            field: value for field, value in command.items() if field not in ignored
        }
        for command in commands
    }


def _covers(have: object, want: object) -> bool:
    """Whether `have` says all that `want` says; what is empty or false counts as not said."""
    if isinstance(want, Mapping):
        if not isinstance(have, Mapping):
            return False
        told = {key for key in have if key in want and not _is_default(have[key])}
        said = {key for key in want if not _is_default(want[key])}
        return told == said and all(_covers(have[key], want[key]) for key in said)
    if isinstance(want, (list, tuple)):
        if not isinstance(have, (list, tuple)) or len(have) != len(want):
            return False
        if all(isinstance(entry, int) for entry in want):
            return sorted(have) == sorted(want)
        return all(_covers(one, other) for one, other in zip(have, want, strict=True))
    return str(have) == str(want)


def _is_default(value: object) -> bool:
    return value is None or value is False or value in ([], (), {}, "")
