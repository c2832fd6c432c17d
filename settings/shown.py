"""The settings in use, as the operator may see them."""

from __future__ import annotations

from pydantic import SecretStr

from settings.model import VARIABLES, Settings
from settings.secret_files import SECRET_FILES

_UNITS = {
    "POLL_INTERVAL": (1_000, "seconds"),
    "JOB_MAX_AGE": (3_600_000, "hours"),
    "MEDIA_MAX_MB": (1024 * 1024, "MiB"),
}


def shown_settings(settings: Settings) -> list[tuple[str, str]]:
    """Each variable with the value in use, as the operator would write it; a secret only says whether it is set."""
    shown = {variable: _shown(variable, getattr(settings, field)) for variable, field in VARIABLES.items()}
    for variable, plain in SECRET_FILES.items():
        if (path := getattr(settings, VARIABLES[variable])) is not None:
            shown[plain] = f"read from {path}, not shown"
    return list(shown.items())


def _shown(variable: str, value: object) -> str:
    if value is None or value == ():
        return "not set"
    if isinstance(value, SecretStr):
        return "set, not shown"
    if isinstance(value, tuple):
        return _shown_list(value)
    if isinstance(value, int) and variable in _UNITS:
        size, unit = _UNITS[variable]
        return f"{value / size:g} {unit}"
    return str(value)


def _shown_list(values: tuple[object, ...]) -> str:
    if isinstance(values[0], SecretStr):
        return f"{len(values)} set, not shown"
    return ", ".join(str(value) for value in values)
