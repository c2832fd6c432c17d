"""Reads `.env`. A line that cannot be read is an error: without it, a setting would silently have its default. So is
`${NAME}` if that variable is not set: it would stand for nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream
from dotenv.variables import Variable, parse_variables

from settings.model import VARIABLES

_NAME = re.compile(r"\s*(?:export\s+)?'?(\w+)", re.ASCII)
_ANY_SECRET = frozenset({"DISCORD_TOKEN"})
"""What may be in a place that cannot be read, and is reported as missing without it."""


@dataclass(frozen=True, slots=True)
class EnvFile:
    """What `.env` holds."""

    values: Mapping[str, str]
    """By variable, in upper case."""
    problems: list[str]
    """A line for each; none contains a value."""
    unreadable: Collection[str]
    """The variables that may be set in a place that cannot be read."""


def read_env_file(path: Path | None) -> EnvFile:
    """Reads the file, which need not exist."""
    if path is None:
        return EnvFile({}, [], ())
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return EnvFile({}, [], ())
    except UnicodeError:
        return EnvFile({}, [f"{path.name} is not UTF-8 text; save it again as UTF-8"], _ANY_SECRET)
    except OSError as error:
        problem = f"{path.name} cannot be read ({error.strerror}); make it a file that the bot's user may read"
        return EnvFile({}, [problem], _ANY_SECRET)
    bindings = list(parse_stream(StringIO(text)))
    # The library would only log a line that it cannot read, before any logging is set up.
    whole = "".join(binding.original.string for binding in bindings if not binding.error)
    values = {name.upper(): value for name, value in dotenv_values(stream=StringIO(whole)).items() if value is not None}
    faulty = [(binding, _variable(binding)) for binding in bindings if binding.error]
    unset = _naming_unset(bindings)
    return EnvFile(
        values,
        [_problem(path.name, binding, variable) for binding, variable in faulty]
        + [_unset(path.name, binding, variable) for binding, variable in unset],
        {variable for _, variable in (*faulty, *unset) if variable is not None} | (_ANY_SECRET if faulty else set()),
    )


def _naming_unset(bindings: Sequence[Binding]) -> list[tuple[Binding, str]]:
    """The lines of settings that contain `${NAME}` without a default, for a name that is set neither in the environment
    nor in an earlier line; each with its setting."""
    known = set(os.environ)
    found = []
    for binding in bindings:
        if binding.key is None or binding.value is None:
            continue
        variable = binding.key.upper()
        if variable in VARIABLES and any(
            isinstance(part, Variable) and part.default is None and part.name not in known
            for part in parse_variables(binding.value)
        ):
            found.append((binding, variable))
        known.add(binding.key)
    return found


def _variable(binding: Binding) -> str | None:
    """The variable that the line seems to set. Any other word may be a part of a secret."""
    match = _NAME.match(binding.original.string)
    name = match[1].upper() if match else ""
    return name if name in VARIABLES else None


def _unset(file: str, binding: Binding, variable: str) -> str:
    remedy = "${…} in it stands for a variable that is not set; set that one, or write the value without it"
    return f"{variable} cannot be read from {file}, line {_line(binding)}; {remedy}"


def _line(binding: Binding) -> int:
    """The number of the line in which it begins."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _problem(file: str, binding: Binding, variable: str | None) -> str:
    line = _line(binding)
    remedy = "write NAME=value alone on a line, with a quote at both ends of the value or at none"
    if variable is None:
        return f"{file} cannot be read in line {line}; {remedy}"
    return f"{variable} cannot be read from {file}, line {line}; {remedy}"
