"""A command as Discord's client shows it to somebody: in that person's language, where it has a translation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def localized(command: Mapping[str, Any], locale: str | None) -> dict[str, Any]:
    """A copy with descriptions and choices' names in this language.

    Names of commands and options stay: the page sends them back, and Discord takes only the untranslated ones.
    """
    shown = {key: value for key, value in command.items() if not key.endswith("_localizations")}
    field = "description" if "description" in command else "name"  # a choice has no description
    shown[field] = (command.get(f"{field}_localizations") or {}).get(locale, command[field])
    for key in ("options", "choices"):
        if key in command:
            shown[key] = [localized(part, locale) for part in command[key] or []]
    return shown
