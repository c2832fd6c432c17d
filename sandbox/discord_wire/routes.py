"""Routes that SimCord lacks or answers differently from Discord: gateway, application, commands."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from simcord.backend import serializers
from simcord.backend.errors import BackendError, invalid_form_body, missing_access

from . import errors
from .command_rules import check_commands
from .recording import RecordedRequest
from .virtual_discord import VirtualDiscord

Answer = tuple[int, Any]
Handler = Callable[[VirtualDiscord, RecordedRequest, "re.Match[str]"], Answer]

_COMMANDS = r"/applications/(?P<app>\d+)(?:/guilds/(?P<guild>\d+))?/commands"
_COMMAND_DEFAULTS: dict[str, Any] = {"nsfw": False, "contexts": None, "integration_types": [0]}


def find_route(method: str, path: str) -> tuple[Handler, re.Match[str]] | None:
    """Our own handler for this call, if there is one."""
    for wanted, pattern, handler in _ROUTES:
        if wanted == method and (match := re.fullmatch(pattern, path)):
            return handler, match
    return None


def _me(world: VirtualDiscord, _: RecordedRequest, __: re.Match[str]) -> Answer:
    return 200, serializers.user_payload(world.backend.bot_user)


_GUILDS_LISTED = 200


def _my_guilds(world: VirtualDiscord, request: RecordedRequest, _: re.Match[str]) -> Answer:
    """Partial guilds only (Discord developer docs, Get Current User Guilds); SimCord answers whole ones."""
    after, before = (int(request.query.get(name, edge)) for name, edge in (("after", 0), ("before", 2**63)))
    limit = min(int(request.query.get("limit", _GUILDS_LISTED)), _GUILDS_LISTED)
    within = sorted(guild_id for guild_id in world.backend.guilds if after < guild_id < before)
    page = within[-limit:] if "before" in request.query else within[:limit]
    return 200, [_partial_guild(world, guild_id) for guild_id in page]


def _partial_guild(world: VirtualDiscord, guild_id: int) -> dict[str, Any]:
    guild = world.backend.guilds[guild_id]
    permissions = world.backend.compute_permissions(guild_id, world.backend.bot_user.id)
    return {
        "id": str(guild_id),
        "name": guild.name,
        "icon": None,
        "banner": None,
        "owner": False,
        "permissions": str(permissions),
        "features": [],
    }


def _application(world: VirtualDiscord, _: RecordedRequest, __: re.Match[str]) -> Answer:
    return 200, application_payload(world)


def application_payload(world: VirtualDiscord) -> dict[str, Any]:
    """The bot's application, with the bot's own changes."""
    backend = world.backend
    bot = dict(serializers.user_payload(backend.bot_user))
    return {
        "id": str(backend.application_id),
        "name": backend.bot_user.name,
        "icon": None,
        "description": "",
        "summary": "",
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "owner": bot,
        "flags": 0,
        "team": None,
        "bot": bot,
        "tags": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "approximate_guild_count": len(backend.guilds),
        **world.application,
    }


_EDITABLE = {"description", "tags", "custom_install_url", "install_params", "integration_types_config", "flags"}


def _edit_application(world: VirtualDiscord, request: RecordedRequest, _: re.Match[str]) -> Answer:
    unknown = set(request.body) - _EDITABLE
    if unknown:
        raise BackendError(501, 0, f"the sandbox does not know the application's field(s) {sorted(unknown)}")
    world.application.update(request.body)
    return 200, application_payload(world)


def _scope(world: VirtualDiscord, match: re.Match[str]) -> int | None:
    if int(match["app"]) != world.backend.application_id:
        raise missing_access()
    guild_id = int(match["guild"]) if match["guild"] else None
    if guild_id is not None and guild_id not in world.backend.guilds:
        raise missing_access()
    return guild_id


def _shown_option(option: dict[str, Any]) -> dict[str, Any]:
    """Return an option without false or empty fields, as Discord does."""
    shown = {key: value for key, value in option.items() if value not in (False, None, [], {})}
    if "options" in shown:
        shown["options"] = [_shown_option(child) for child in shown["options"]]
    return shown


def _shown(command: dict[str, Any], *, localized: bool = False) -> dict[str, Any]:
    shown = {**_COMMAND_DEFAULTS, **command, "version": command["id"]}
    shown["options"] = [_shown_option(option) for option in command.get("options") or []]
    if not shown["options"]:
        del shown["options"]
    return shown if localized else _without_translations(shown)


def _without_translations(item: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in item.items() if not key.endswith("_localizations")}
    for key in ("options", "choices"):
        if key in kept:
            kept[key] = [_without_translations(part) for part in kept[key]]
    return kept


def _list_commands(world: VirtualDiscord, request: RecordedRequest, match: re.Match[str]) -> Answer:
    scope = _scope(world, match)
    localized = request.query.get("with_localizations", "").lower() in ("1", "true")
    return 200, [_shown(command, localized=localized) for command in world.backend.commands.get(scope, {}).values()]


def _put_commands(world: VirtualDiscord, request: RecordedRequest, match: re.Match[str]) -> Answer:
    scope = _scope(world, match)
    if not isinstance(request.json, list):
        raise invalid_form_body("a list of commands is expected")
    check_commands(request.json)
    return 200, [_shown(command, localized=True) for command in _register(world, scope, request.json)]


def _register(world: VirtualDiscord, scope: int | None, commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = [{key: value for key, value in command.items() if key not in ("nsfw", "id")} for command in commands]
    return world.backend.register_commands(scope, known)


_STORED_ONLY = ("id", "application_id", "guild_id")


def _add_command(world: VirtualDiscord, request: RecordedRequest, match: re.Match[str]) -> Answer:
    scope = _scope(world, match)
    kept = world.backend.commands.get(scope, {})
    key = (request.body.get("name", ""), request.body.get("type", 1))
    others = [_as_sent(command) for name, command in kept.items() if name != key]
    check_commands([*others, request.body])
    _register(world, scope, [*others, request.body])
    return (200 if key in kept else 201), _shown(world.backend.commands[scope][key], localized=True)


def _as_sent(command: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in command.items() if key not in _STORED_ONLY}


def _one(world: VirtualDiscord, match: re.Match[str]) -> dict[str, Any]:
    for command in world.backend.commands.get(_scope(world, match), {}).values():
        if command["id"] == match["id"]:
            return command
    raise errors.unknown_command()


def _get_command(world: VirtualDiscord, _: RecordedRequest, match: re.Match[str]) -> Answer:
    return 200, _shown(_one(world, match), localized=True)


def _edit_command(world: VirtualDiscord, request: RecordedRequest, match: re.Match[str]) -> Answer:
    command = _one(world, match)
    changed = {**_as_sent(command), **request.body}
    kept = world.backend.commands[_scope(world, match)]
    check_commands([*(_as_sent(other) for other in kept.values() if other is not command), changed])
    del kept[command["name"], command["type"]]
    command.update(request.body)
    kept[command["name"], command["type"]] = command
    return 200, _shown(command, localized=True)


def _delete_command(world: VirtualDiscord, _: RecordedRequest, match: re.Match[str]) -> Answer:
    command = _one(world, match)
    del world.backend.commands[_scope(world, match)][command["name"], command["type"]]
    return 204, None


def _command_permissions(world: VirtualDiscord, _: RecordedRequest, match: re.Match[str]) -> Answer:
    _scope(world, match)
    return 200, []


_ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/users/@me", _me),
    ("GET", "/users/@me/guilds", _my_guilds),
    ("GET", "/oauth2/applications/@me", _application),
    ("GET", "/applications/@me", _application),
    ("PATCH", "/applications/@me", _edit_application),
    ("GET", _COMMANDS, _list_commands),
    ("PUT", _COMMANDS, _put_commands),
    ("POST", _COMMANDS, _add_command),
    ("GET", _COMMANDS + r"/(?P<id>\d+)", _get_command),
    ("PATCH", _COMMANDS + r"/(?P<id>\d+)", _edit_command),
    ("DELETE", _COMMANDS + r"/(?P<id>\d+)", _delete_command),
    ("GET", _COMMANDS + "/permissions", _command_permissions),
]
