"""Loads the settings and reports every problem at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from settings import readers
from settings.env_file import read_env_file
from settings.model import VARIABLES, Settings, StorageSettings, without_blanks
from settings.readers import DatabasePlace, PostgresUrl
from settings.secret_files import SECRET_FILES, read_secret_files

_HOW_TO_START = (
    "DISCORD_TOKEN is not set; put DISCORD_TOKEN=<your bot's token> into .env, or try the bot without one: make demo"
)

_NO_API_TOKEN = "is not an API token of useapi.net; put the whole token there, or leave it empty"

ReadApiToken = Callable[[str], str]
"""Returns USEAPI_TOKEN as it is sent. Raises ValueError if it is not a useapi.net token."""
_Model = TypeVar("_Model", bound=StorageSettings)


class SettingsError(Exception):
    """Settings that cannot be used. `problems` has one line for each, with the variable's name and what to change."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load_settings(
    environ: Mapping[str, str], env_file: Path | None, root: Path, read_api_token: ReadApiToken = str
) -> Settings:
    """The settings from `environ`, else from `env_file` (which need not exist), else the defaults.

    A relative database path counts from `root`. A symbolic link is resolved, because lock, key and videos are beside
    the database and must be the same for everyone who uses it. Secrets are also read from the files that `…_FILE`
    variables name. Raises SettingsError with all problems; none of their texts contains a secret.
    """
    return _load(Settings, environ, env_file, root, read_api_token)


def load_storage_settings(environ: Mapping[str, str], env_file: Path | None, root: Path) -> StorageSettings:
    """The few settings that the database needs, read as in `load_settings`. Problems with other settings are not
    reported."""
    return _load(StorageSettings, environ, env_file, root, str)


def read_database(text: str, root: Path) -> DatabasePlace:
    """A database named on the command line, in the form of DATABASE_URL. Raises SettingsError."""
    try:
        return _from_root(readers.database(text.strip()), root.absolute())
    except ValueError as error:
        raise SettingsError([f"URL {error}"]) from None


def _load(
    model: type[_Model],
    environ: Mapping[str, str],
    env_file: Path | None,
    root: Path,
    read_api_token: ReadApiToken,
) -> _Model:
    root = root.absolute()
    fields = model.model_fields
    written = read_env_file(env_file)
    problems = written.problems
    reported = set(written.unreadable)
    given = _of(fields, {**without_blanks(written.values), **without_blanks(environ)})
    secrets, unusable = read_secret_files(given, root)
    # A secret whose file can't be used is reported already; it need not be reported as missing too.
    problems += unusable.values()
    reported |= unusable.keys()
    values: dict[str, Any] = {**given, **secrets}
    if "USEAPI_TOKEN" in values:
        try:
            values["USEAPI_TOKEN"] = read_api_token(values["USEAPI_TOKEN"])
        except ValueError:
            problems.append(f"{_shown('USEAPI_TOKEN', secrets)} {_NO_API_TOKEN}")
            reported.add("USEAPI_TOKEN")
    try:
        settings = model(**values)
    except ValidationError as error:
        raise SettingsError(problems + _problems(error, reported, secrets)) from None
    if problems:
        raise SettingsError(problems) from None
    files = [VARIABLES[name] for name in SECRET_FILES if VARIABLES[name] in fields]
    places = {field: root / path for field in files if (path := getattr(settings, field)) is not None}
    return settings.model_copy(update={**places, "database": _from_root(settings.database, root)})


def _from_root(place: DatabasePlace, root: Path) -> DatabasePlace:
    if isinstance(place, PostgresUrl):
        return replace(place, folder=root / place.folder)
    return Path(os.path.realpath(root / place))


def _of(fields: Collection[str], values: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in values.items() if VARIABLES.get(name) in fields}


def _problems(error: ValidationError, reported: set[str], of_files: Collection[str]) -> list[str]:
    """A line for each problem, except with the variables in `reported`. The values of `of_files` come from files."""
    order = list(VARIABLES)
    faults = sorted(
        error.errors(include_url=False, include_input=False), key=lambda fault: order.index(_variable(fault["loc"][0]))
    )
    return [
        _HOW_TO_START if fault["type"] == "missing" else f"{_shown(variable, of_files)} {fault['ctx']['error']}"
        for fault in faults
        if (variable := _variable(fault["loc"][0])) not in reported
    ]


def _shown(variable: str, of_files: Collection[str]) -> str:
    """The variable as a problem names it: with the one that names its file, if its value comes from a file."""
    return f"{variable} (from the file that {variable}_FILE names)" if variable in of_files else variable


def _variable(place: str | int) -> str:
    """The variable's name. Pydantic gives the field's name if the variable is not set."""
    return next((variable for variable, field in VARIABLES.items() if field == place), str(place))
