"""Commands as Discord's client shows them: in the viewer's language if there is a translation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def localized(command: Mapping[str, Any], locale: str | None) -> dict[str, Any]:
    """Return a copy with descriptions and names of choices in this language.

    Names of commands and options stay untranslated, because the page sends them back.
    """
    shown = {key: value for key, value in command.items() if not key.endswith("_localizations")}
    field = "description" if "description" in command else "name"  # choices have no description
    shown[field] = (command.get(f"{field}_localizations") or {}).get(locale, command[field])
    for key in ("options", "choices"):
        if key in command:
            shown[key] = [localized(part, locale) for part in command[key] or []]
    return shown
