"""What Discord refuses in the definition of an application command.

Discord API docs, interactions/application-commands.
"""

from __future__ import annotations

import re
from typing import Any

from simcord.backend.errors import BackendError

from . import errors

_NAME = re.compile(r"[-'\w]{1,32}")
_SUBCOMMANDS = (1, 2)
_MAX_OPTIONS = 25
_MAX_CHOICES = 25
_MAX_CHARACTERS = 8000
_MAX_COMMANDS = {1: 100, 2: 15, 3: 15}


def check_commands(commands: list[dict[str, Any]]) -> None:
    """All commands of one scope.

    Raises:
        BackendError: 50035 or 30032 with the first fault.
    """
    for kind, most in _MAX_COMMANDS.items():
        if sum(1 for command in commands if command.get("type", 1) == kind) > most:
            raise BackendError(400, 30032, f"Maximum number of application commands reached ({most}).")
    names = [(command.get("name"), command.get("type", 1)) for command in commands]
    if len(set(names)) != len(names):
        raise errors.invalid_form("name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Names must be unique.")
    for index, command in enumerate(commands):
        _check_command(command, str(index))


def _check_command(command: dict[str, Any], at: str) -> None:
    if command.get("type", 1) != 1:
        _check_menu(command, at)
        return
    _check_named(command, at)
    _check_permissions(command, at)
    _check_options(command.get("options") or [], f"{at}.options", depth=0)
    if _characters(command) > _MAX_CHARACTERS:
        raise errors.invalid_form(at, "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)")


def _check_menu(command: dict[str, Any], at: str) -> None:
    if not 1 <= len(command.get("name") or "") <= 32:
        raise errors.too_long(f"{at}.name", 32)
    if command.get("description"):
        raise errors.invalid_form(
            f"{at}.description", "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION", "Context menus have no description"
        )
    _check_permissions(command, at)


def _check_permissions(command: dict[str, Any], at: str) -> None:
    wanted = command.get("default_member_permissions")
    if wanted is not None and not str(wanted).isdecimal():
        raise errors.invalid_form(f"{at}.default_member_permissions", "NUMBER_TYPE_COERCE", "Not a permission set")


def _check_named(item: dict[str, Any], at: str) -> None:
    name = item.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name != name.lower():
        raise errors.invalid_form(f"{at}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    description = item.get("description")
    if not isinstance(description, str) or not 1 <= len(description) <= 100:
        raise errors.too_long(f"{at}.description", 100)


def _check_options(options: list[dict[str, Any]], at: str, *, depth: int) -> None:
    if len(options) > _MAX_OPTIONS:
        raise errors.invalid_form(at, "BASE_TYPE_MAX_LENGTH", f"Must be {_MAX_OPTIONS} or fewer in length.")
    names = [option.get("name") for option in options]
    if len(set(names)) != len(names):
        raise errors.invalid_form(at, "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option names must be unique")
    optional_before = False
    for index, option in enumerate(options):
        where = f"{at}.{index}"
        _check_named(option, where)
        if option.get("type") in _SUBCOMMANDS:
            _check_nesting(option, where, depth)
            _check_options(option.get("options") or [], f"{where}.options", depth=depth + 1)
            continue
        if option.get("required") and optional_before:
            raise errors.invalid_form(
                where, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", "Required options must be placed first"
            )
        optional_before = optional_before or not option.get("required")
        _check_value_option(option, where)


def _check_nesting(option: dict[str, Any], at: str, depth: int) -> None:
    if depth > 1 or (depth == 1 and option["type"] == 2):
        raise errors.invalid_form(at, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-command nested too deeply")


def _check_value_option(option: dict[str, Any], at: str) -> None:
    if option.get("type") not in range(3, 12):
        raise errors.invalid_form(f"{at}.type", "BASE_TYPE_CHOICES", "Unknown option type")
    choices = option.get("choices") or []
    if len(choices) > _MAX_CHOICES:
        raise errors.invalid_form(f"{at}.choices", "BASE_TYPE_MAX_LENGTH", f"Must be {_MAX_CHOICES} or fewer.")
    if choices and option.get("autocomplete"):
        raise errors.invalid_form(at, "APPLICATION_COMMAND_AUTOCOMPLETE", "Choices and autocomplete exclude each other")
    for field, most in (("min_length", 6000), ("max_length", 6000)):
        if option.get(field) is not None and not 0 <= option[field] <= most:
            raise errors.invalid_form(f"{at}.{field}", "NUMBER_TYPE_MAX", f"Must be at most {most}")
    check_choices(choices, f"{at}.choices")


def check_choices(choices: list[dict[str, Any]], at: str) -> None:
    """Choices of an option, and those that an autocomplete answers with.

    Raises:
        BackendError: 50035.
    """
    if len(choices) > _MAX_CHOICES:
        raise errors.invalid_form(at, "BASE_TYPE_MAX_LENGTH", f"Must be {_MAX_CHOICES} or fewer in length.")
    for index, choice in enumerate(choices):
        if not 1 <= len(str(choice.get("name") or "")) <= 100:
            raise errors.too_long(f"{at}.{index}.name", 100)
        if isinstance(choice.get("value"), str) and not 1 <= len(choice["value"]) <= 100:
            raise errors.too_long(f"{at}.{index}.value", 100)


def _characters(item: dict[str, Any]) -> int:
    """Names, descriptions and string values; the longest translation counts."""
    total = 0
    for field in ("name", "description"):
        texts = [item.get(field) or "", *(item.get(f"{field}_localizations") or {}).values()]
        total += max(len(text) for text in texts)
    total += sum(len(str(choice.get("value"))) for choice in item.get("choices") or [])
    return total + sum(_characters(option) for option in item.get("options") or [])
