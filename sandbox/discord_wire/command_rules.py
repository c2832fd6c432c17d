"""Discord's rules for the definition of an application command.

Discord API docs, interactions/application-commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import discord
from simcord.backend.errors import BackendError

from . import errors

_NAME = re.compile(r"[-'\w]{1,32}")
_SUBCOMMANDS = (1, 2)
_MAX_OPTIONS = 25
_MAX_CHOICES = 25
_MAX_CHARACTERS = 8000
_MAX_COMMANDS = {1: 100, 2: 15, 3: 15}
_LOCALES = {locale.value for locale in discord.Locale}


def check_commands(commands: list[dict[str, Any]]) -> None:
    """Check all commands of one scope.

    Raises:
        BackendError: 50035 or 30032, for the first rule that is broken.
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
    for where, name in _texts(command, "name", at):
        if not 1 <= len(name) <= 32:
            raise errors.too_long(where, 32)
    if command.get("description") or command.get("description_localizations"):
        raise errors.invalid_form(
            f"{at}.description", "APPLICATION_COMMAND_CONTEXT_MENU_DESCRIPTION", "Context menus have no description"
        )
    _check_permissions(command, at)


def _check_permissions(command: dict[str, Any], at: str) -> None:
    wanted = command.get("default_member_permissions")
    if wanted is not None and not str(wanted).isdecimal():
        raise errors.invalid_form(f"{at}.default_member_permissions", "NUMBER_TYPE_COERCE", "Not a permission set")


def _check_named(item: dict[str, Any], at: str) -> None:
    for where, name in _texts(item, "name", at):
        if not _NAME.fullmatch(name) or name != name.lower():
            raise errors.invalid_form(where, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    for where, description in _texts(item, "description", at):
        if not 1 <= len(description) <= 100:
            raise errors.too_long(where, 100)


def _texts(item: dict[str, Any], field: str, at: str) -> Iterator[tuple[str, str]]:
    """A text of an item and its translations, each with its path.

    Raises:
        BackendError: 50035 if one is not a string, or if Discord doesn't support its language.
    """
    translations = item.get(f"{field}_localizations") or {}
    if not isinstance(translations, dict):
        raise errors.invalid_form(f"{at}.{field}_localizations", "DICT_TYPE_CONVERT", "Only dictionaries may be used")
    for locale in translations:
        if locale not in _LOCALES:
            where = f"{at}.{field}_localizations"
            raise errors.invalid_form(where, "BASE_TYPE_CHOICES", f"{locale!r} is no locale of Discord's.")
    named = [(field, item.get(field)), *((f"{field}_localizations.{key}", text) for key, text in translations.items())]
    for name, text in named:
        if not isinstance(text, str):
            raise errors.invalid_form(f"{at}.{name}", "STRING_TYPE_CONVERT", "Could not interpret the value as string.")
        yield f"{at}.{name}", text


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
    """Check the choices of an option or of an autocomplete response.

    Raises:
        BackendError: 50035 if a rule is broken.
    """
    if len(choices) > _MAX_CHOICES:
        raise errors.invalid_form(at, "BASE_TYPE_MAX_LENGTH", f"Must be {_MAX_CHOICES} or fewer in length.")
    for index, choice in enumerate(choices):
        for where, name in _texts(choice, "name", f"{at}.{index}"):
            if not 1 <= len(name) <= 100:
                raise errors.too_long(where, 100)
        if isinstance(choice.get("value"), str) and not 1 <= len(choice["value"]) <= 100:
            raise errors.too_long(f"{at}.{index}.value", 100)


def _characters(item: dict[str, Any]) -> int:
    """Count the characters of names, descriptions and values, including choices. The longest translation counts."""
    total = 0
    for field in ("name", "description"):
        texts = [item.get(field) or "", *(item.get(f"{field}_localizations") or {}).values()]
        total += max(len(text) for text in texts)
    total += len(str(item.get("value", "")))
    return total + sum(_characters(part) for key in ("choices", "options") for part in item.get(key) or [])
