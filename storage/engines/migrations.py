"""The numbered steps that bring a database's tables up to date.

`0005_name.sql` is for both engines; `0005_name.sqlite.sql` and `0005_name.postgres.sql` are for one each. The first
lines of each name the oldest code that may run beside it. With `-- Oldest code: 4`, a bot that knows tables 4 may go on
with a database of tables 5. A rolling update of processes on PostgreSQL needs that.
"""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from storage.errors import DatabaseTooNew

MIGRATIONS = Path(__file__).parent.parent / "migrations"
EngineName = Literal["sqlite", "postgres"]
_FILE_NAME = re.compile(r"(\d{4})_\w+(?:\.(sqlite|postgres))?\.sql")
_OLDEST_CODE = re.compile(r"^-- Oldest code: (\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from the version before to `number`."""

    number: int
    statements: tuple[str, ...]
    oldest_code: int
    """Code that knows tables of this number, or newer, may use the database after this step."""


def load(engine: EngineName, folder: Path = MIGRATIONS) -> list[Migration]:
    """An engine's steps in order. PostgreSQL's first step stands for all that came before it.

    Raises ValueError if a number is missing or occurs twice, or a step does not name the oldest code.
    """
    steps = []
    for file in sorted(folder.glob("*.sql")):
        name = _FILE_NAME.fullmatch(file.name)
        if name is None:
            raise ValueError(f"{file.name} is not named like 0001_what_it_does.sql")
        if name[2] not in (None, engine):
            continue
        script = file.read_text(encoding="utf-8")
        oldest = _OLDEST_CODE.search(script)
        if oldest is None or int(oldest[1]) > int(name[1]):
            raise ValueError(f"{file.name} does not name the oldest code that may run beside it")
        steps.append(Migration(int(name[1]), split(script), int(oldest[1])))
    first = steps[0].number if steps and engine == "postgres" else 1
    if [step.number for step in steps] != list(range(first, first + len(steps))):
        raise ValueError(f"the numbers in {folder} are not 1, 2, 3 and so on")
    return steps


def split(script: str) -> tuple[str, ...]:
    """The statements of a script. A statement ends with a semicolon at a line's end (comments may follow it)."""
    statements = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending.strip())
            pending = ""
    if re.sub(r"--[^\n]*", "", pending).strip():
        raise ValueError("the last statement lacks its semicolon")
    return tuple(statements)


def newest(steps: list[Migration]) -> int:
    """The number of the last step."""
    return steps[-1].number if steps else 0


def missing(steps: list[Migration], tables: int) -> list[Migration]:
    """The steps that a database with tables of this version lacks."""
    return [step for step in steps if step.number > tables]


def refuse_newer(place: object, *, tables: int, oldest_code: int, known: int) -> None:
    """Raises DatabaseTooNew if a newer bot has migrated the database so far that this one may not use it."""
    if tables > known and oldest_code > known:
        raise DatabaseTooNew(
            f"The database {place} was written by a newer version of this bot (tables {tables}, known up to {known}). "
            "Install that version, or put an older backup in its place."
        )
