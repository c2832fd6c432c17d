"""Whether a PostgreSQL database is the bot's, and the migration to its newest tables: each step in one transaction.

The number of the last step is written in that step's own transaction; another process waits for its end. Older bots go
on meanwhile if the step allows that (`oldest_code`).
"""

from __future__ import annotations

import asyncio
import time
from typing import LiteralString

from psycopg import errors

from settings import PostgresUrl
from storage.engines import migrations
from storage.engines.migrations import Migration
from storage.engines.postgres.connecting import Connection, NamedRow
from storage.engines.postgres.errors import forbidden
from storage.errors import DatabaseForeign, DatabaseUnreachable

_NAMES = """
SELECT c.relname FROM pg_class c WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema()))
AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""
"""The tables and views of the schema, without those of an extension."""
MARK = "pixverse_relay"
"""The table by which a database is recognised as the bot's: one row with the number of the last step."""
_LOCK = 0x50785279 + 2
"""The number of the advisory lock for changing the tables."""
_TABLE_SECONDS = 2
"""How long a statement waits for a table."""
_BETWEEN_TRIES_SECONDS = 0.5
_UNKNOWN = """
SELECT quote_ident(c.relname) AS name FROM pg_class c
WHERE c.relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relkind = 'r'
AND pg_relation_size(c.oid) > 1000000 AND pg_get_userbyid(c.relowner) = current_user
AND NOT EXISTS (SELECT 1 FROM pg_stats s WHERE s.schemaname = current_schema() AND s.tablename = c.relname)
"""
_SET_VERSION = f"UPDATE {MARK} SET tables = %s, oldest_code = %s"


async def version(url: PostgresUrl, connection: Connection) -> int:
    """The number of the last step; 0 for a database without tables.

    Raises DatabaseForeign if another program has made the tables, and DatabaseTooNew if a newer bot has changed them.
    """
    schema = await _row(
        connection,
        """
        SELECT current_schema() AS name, current_user AS by_whom,
          has_schema_privilege(current_schema(), 'CREATE') AS may_make_tables
        """,
    )
    if schema["name"] is None:
        raise DatabaseUnreachable(f"The database {url} has no schema for this user. Create one, or set search_path.")
    names = {row["relname"] for row in await (await connection.execute(_NAMES)).fetchall()}
    if not names:
        if not schema["may_make_tables"]:
            raise forbidden(url, f"{schema['by_whom']} has no right to create in the schema {schema['name']}")
        return 0
    if MARK not in names:
        raise DatabaseForeign(
            f"The database {url} is another program's: the tables in its schema {schema['name']} are not this bot's. "
            "Name an empty database in DATABASE_URL."
        )
    mark = await _row(
        connection, f"SELECT tables, oldest_code, has_table_privilege('{MARK}', 'UPDATE') AS may_write FROM {MARK}"
    )
    if not mark["may_write"]:
        raise forbidden(url, f"{schema['by_whom']} may only read")
    tables: int = mark["tables"]
    known = migrations.newest(migrations.load("postgres"))
    migrations.refuse_newer(url, tables=tables, oldest_code=mark["oldest_code"], known=known)
    return tables


async def migrate(url: PostgresUrl, connection: Connection, steps: list[Migration], lock_wait: float = 0.0) -> None:
    """Applies the steps that are missing. Raises psycopg.Error if one fails; that step is then undone as a whole.

    Waits at most `lock_wait` seconds for a table that another session uses, such as a backup. It waits in short steps,
    because all running bots queue behind it.
    """
    deadline = time.monotonic() + lock_wait
    for step in steps:
        while True:
            try:
                await _take_step(url, connection, step)
                break
            except errors.LockNotAvailable:
                if time.monotonic() >= deadline:
                    raise
            await asyncio.sleep(_BETWEEN_TRIES_SECONDS)


async def _take_step(url: PostgresUrl, connection: Connection, step: Migration) -> None:
    async with connection.transaction():
        await connection.execute("SET LOCAL lock_timeout = 0")  # Another bot's step may take any time.
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        await connection.execute(f"SET LOCAL lock_timeout = '{_TABLE_SECONDS}s'")
        if migrations.missing([step], await version(url, connection)):
            for statement in step.statements:
                await connection.execute(statement.encode())
            await connection.execute(_SET_VERSION, (step.number, step.oldest_code))


async def analyze_unknown(connection: Connection) -> None:
    """Has the server analyze large tables without statistics, as after `pg_restore`. Without statistics it reads a
    whole table for each row of another one. Later it keeps them up to date by itself."""
    rows = await (await connection.execute(_UNKNOWN)).fetchall()
    for row in rows:
        await connection.execute(f"ANALYZE (SKIP_LOCKED) {row['name']}".encode())


async def _row(connection: Connection, sql: LiteralString) -> NamedRow:
    row = await (await connection.execute(sql)).fetchone()
    if row is None:
        raise DatabaseForeign("the database does not say of which version its tables are")
    return row
