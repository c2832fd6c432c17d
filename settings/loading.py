"""Reads the settings and tells every fault at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from settings.model import VARIABLES, Settings, without_blanks

_HOW_TO_START = (
    "DISCORD_TOKEN is not set; put DISCORD_TOKEN=<your bot's token> into .env, or try the bot without one: make demo"
)


class SettingsError(Exception):
    """Settings that cannot be used. `problems` has one line for each, with the variable's name and what to change."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(environ: Mapping[str, str], env_file: Path | None, root: Path) -> Settings:
    """The settings of `environ`, then of `env_file` (none, or a file that need not exist), then the defaults.

    A relative database path counts from `root`. A link is the file that it leads to: lock, key and videos lie beside
    the database, and must be the same for all who use it. Raises SettingsError with every fault there is; no problem's
    text holds a secret's value.
    """
    given = {name: text for name, text in without_blanks(environ).items() if name in VARIABLES}
    unreadable = _unreadable(env_file)
    try:
        settings = _read(given, None if unreadable else env_file)
    except ValidationError as error:
        raise SettingsError(unreadable + _problems(error, env_file_was_read=not unreadable)) from None
    if unreadable:
        raise SettingsError(unreadable)
    path = os.path.realpath(root.absolute() / settings.database_path)
    return settings.model_copy(update={"database_path": Path(path)})


def _read(given: Mapping[str, Any], env_file: Path | None) -> Settings:
    return Settings(_env_file=env_file, _env_file_encoding="utf-8-sig", **given)


def _unreadable(env_file: Path | None) -> list[str]:
    """Nothing, or the one line that says why `env_file` cannot be read."""
    if env_file is None:
        return []
    try:
        env_file.read_text("utf-8-sig")
    except FileNotFoundError:
        return []
    except UnicodeError:
        return [f"{env_file.name} is no UTF-8 text; save it again as UTF-8"]
    except OSError as error:
        return [f"{env_file.name} cannot be read ({error.strerror}); make it a file that the bot's user may read"]
    return []


def _problems(error: ValidationError, *, env_file_was_read: bool) -> list[str]:
    faults = error.errors(include_url=False, include_input=False)
    return [
        _HOW_TO_START if fault["type"] == "missing" else f"{_variable(fault['loc'][0])} {fault['ctx']['error']}"
        for fault in faults
        if env_file_was_read or fault["type"] != "missing"
    ]


def _variable(place: str | int) -> str:
    """The variable's name; pydantic names the field where the variable is not set."""
    return next((variable for variable, field in VARIABLES.items() if field == place), str(place))
