"""The tables of a database."""

from __future__ import annotations

from settings import PostgresUrl
from storage.database import Database

_OF_SQLITE = """
SELECT t.name AS table_name, c.name AS column_name FROM sqlite_schema t JOIN pragma_table_info(t.name) c
WHERE t.type = 'table' ORDER BY 1, 2
"""
_OF_POSTGRES = """
SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2
"""


async def columns_of(database: Database) -> list[tuple[str, str]]:
    """Every table with every column."""
    sql = _OF_POSTGRES if isinstance(database.place, PostgresUrl) else _OF_SQLITE
    return [(row["table_name"], row["column_name"]) for row in await database.reader.all(sql)]
