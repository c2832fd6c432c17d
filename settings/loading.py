"""Reads the settings and tells every fault at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from settings.model import VARIABLES, Settings, without_blanks
from settings.secret_files import SECRET_FILES, read_secret_files

_HOW_TO_START = (
    "DISCORD_TOKEN is not set; put DISCORD_TOKEN=<your bot's token> into .env, or try the bot without one: make demo"
)

_FILE_FIELDS = tuple(VARIABLES[name] for name in SECRET_FILES)


class SettingsError(Exception):
    """Settings that cannot be used. `problems` has one line for each, with the variable's name and what to change."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(environ: Mapping[str, str], env_file: Path | None, root: Path) -> Settings:
    """The settings of `environ`, then of `env_file` (none, or a file that need not exist), then the defaults.

    A relative database path counts from `root`. A link is the file that it leads to: lock, key and videos lie beside
    the database, and must be the same for all who use it. Secrets are also read from the files that
    `…_FILE` variables name. Raises SettingsError with every fault there is; no problem's text holds a secret's value.
    """
    given = {name: text for name, text in without_blanks(environ).items() if name in VARIABLES}
    found = _unreadable(env_file)
    if found:
        env_file = None
    root = root.absolute()
    secrets, problems = read_secret_files({**_written(env_file), **given}, root)
    # A secret whose file is at fault has its line already, and is not missing besides.
    told = {"DISCORD_TOKEN"} if found or any(line.startswith("DISCORD_TOKEN_FILE ") for line in problems) else set()
    found += problems
    try:
        settings = _read({**given, **secrets}, env_file)
    except ValidationError as error:
        raise SettingsError(found + _problems(error, told)) from None
    if found:
        raise SettingsError(found) from None
    places = {field: root / path for field in _FILE_FIELDS if (path := getattr(settings, field)) is not None}
    database = Path(os.path.realpath(root / settings.database_path))
    return settings.model_copy(update={**places, "database_path": database})


def _written(env_file: Path | None) -> dict[str, str]:
    """The variables that `env_file` sets, in upper case as they are read."""
    if env_file is None:
        return {}
    values = dotenv_values(env_file, encoding="utf-8-sig")
    return without_blanks({name.upper(): text for name, text in values.items() if text is not None})


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


def _problems(error: ValidationError, told: set[str]) -> list[str]:
    """A line for each fault, but for a missing setting that other lines have told of."""
    faults = error.errors(include_url=False, include_input=False)
    return [
        _HOW_TO_START if fault["type"] == "missing" else f"{_variable(fault['loc'][0])} {fault['ctx']['error']}"
        for fault in faults
        if fault["type"] != "missing" or _variable(fault["loc"][0]) not in told
    ]


def _variable(place: str | int) -> str:
    """The variable's name; pydantic names the field where the variable is not set."""
    return next((variable for variable, field in VARIABLES.items() if field == place), str(place))
