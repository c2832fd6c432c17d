"""Registers the slash commands with Discord: reads each scope once, and writes only if something differs."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import discord
from discord.http import Route

log = logging.getLogger(__name__)

Payload = Mapping[str, Any]
Scope = int | None
"""A guild's id, or None for the global scope."""


_DERIVED = frozenset({"dm_permission"})
"""Deprecated fields that Discord derives from `contexts`, whatever was sent (developer docs, Application Command
Object)."""
_BY_LOCALE = frozenset({"name_localizations", "description_localizations"})
"""Discord adds no locales to these fields, so a locale that isn't wanted is a translation that was removed."""
_GLOBAL_ONLY = frozenset({"contexts", "integration_types"})
"""Fields of globally scoped commands (same page); Discord may omit them from a guild's commands."""


class RegisteredCommands:
    """The commands that Discord has for an application. Both methods raise discord.HTTPException."""

    def __init__(self, client: discord.Client, application_id: int) -> None:
        self._http = client.http
        self._application_id = application_id

    async def read(self, scope: Scope) -> Sequence[Payload]:
        """Returns the commands of a scope with all translations, which discord.py does not request."""
        path = "/applications/{application_id}/commands"
        if scope is not None:
            path = "/applications/{application_id}/guilds/{guild_id}/commands"
        route = Route("GET", path, application_id=self._application_id, guild_id=scope)
        commands: Sequence[Payload] = await self._http.request(route, params={"with_localizations": "true"})
        return commands

    async def write(self, scope: Scope, commands: Sequence[Payload]) -> Sequence[Payload]:
        """Replaces all commands of a scope and returns them with their ids."""
        payload = [dict(command) for command in commands]
        if scope is None:
            return await self._http.bulk_upsert_global_commands(self._application_id, payload)
        return await self._http.bulk_upsert_guild_commands(self._application_id, scope, payload)


async def sync_scope(registered: RegisteredCommands, scope: Scope, wanted: Sequence[Payload]) -> dict[str, int]:
    """Makes the scope's commands the wanted ones, and returns their ids by name. Raises discord.HTTPException."""
    existing = await registered.read(scope)
    if differs(existing, wanted, scope):
        log.info("registering %d commands %s", len(wanted), "globally" if scope is None else f"in server {scope}")
        existing = await registered.write(scope, wanted)
    return {str(command["name"]): int(command["id"]) for command in existing}


def differs(existing: Iterable[Payload], wanted: Iterable[Payload], scope: Scope) -> bool:
    """Whether Discord's commands differ from the wanted ones. Defaults that Discord adds don't count."""
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


def _covers(have: object, want: object, *, wholly: bool = False) -> bool:
    """Whether `have` has all values of `want`, and if `wholly`, no others. Empty and false values count as missing."""
    if isinstance(want, Mapping):
        if not isinstance(have, Mapping):
            return False
        present = {key for key in have if (wholly or key in want) and not _is_default(have[key])}
        wanted = {key for key in want if not _is_default(want[key])}
        return present == wanted and all(_covers(have[key], want[key], wholly=key in _BY_LOCALE) for key in wanted)
    if isinstance(want, (list, tuple)):
        if not isinstance(have, (list, tuple)) or len(have) != len(want):
            return False
        if all(isinstance(entry, int) for entry in want):
            return sorted(have) == sorted(want)
        return all(_covers(one, other) for one, other in zip(have, want, strict=True))
    return str(have) == str(want)


def _is_default(value: object) -> bool:
    return value is None or value is False or value in ([], (), {}, "")
