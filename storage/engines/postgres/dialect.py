"""PostgreSQL's own SQL, and how the common SQL is passed to psycopg."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from storage.engines.interface import Dialect, SqlValue

_PARAMETER = re.compile(r"\?(\d*)")


class PostgresDialect(Dialect):
    """Lists are arrays. `relay_json` is a function of the first migration that returns NULL in place of an error."""

    def among(self, column: str, parameter: str = "?") -> str:
        return f"({column} = ANY({parameter}))"

    def list_of(self, values: Iterable[int] | Iterable[str]) -> SqlValue:
        return [*values]

    def json_text(self, column: str, key: str) -> str:
        return f"(relay_json({column}) ->> '{key}')"

    def json_number(self, column: str, key: str) -> str:
        return f"CAST(relay_json({column}) ->> '{key}' AS bigint)"

    def json_length(self, column: str, key: str) -> str:
        value = f"relay_json({column}) -> '{key}'"
        return f"CASE WHEN jsonb_typeof({value}) = 'array' THEN jsonb_array_length({value}) ELSE 0 END"

    def greatest(self, first: str, second: str) -> str:
        return f"greatest({first}, {second})"

    def joined(self, column: str) -> str:
        return f"string_agg(CAST({column} AS text), ',')"

    def for_update(self) -> str:
        return "FOR UPDATE"

    def using_index(self, name: str) -> str:  # noqa: ARG002  # its planner has statistics
        return ""


def bound(sql: str, parameters: Sequence[SqlValue]) -> tuple[str, Sequence[SqlValue] | dict[str, SqlValue] | None]:
    """A statement and its parameters, as psycopg takes them."""
    if not parameters:
        return sql, None
    text, numbered = _in_psycopgs_form(sql)
    if numbered:
        return text, {str(place): value for place, value in enumerate(parameters, start=1)}
    return text, parameters


@lru_cache(maxsize=1024)
def _in_psycopgs_form(sql: str) -> tuple[str, bool]:
    """`%s` for `?` and `%(1)s` for `?1`; whether they are numbered."""
    numbered = False

    def written(match: re.Match[str]) -> str:
        nonlocal numbered
        numbered = numbered or bool(match[1])
        return f"%({match[1]})s" if match[1] else "%s"

    return _PARAMETER.sub(written, sql.replace("%", "%%")), numbered
