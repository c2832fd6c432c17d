"""SQLite without threads: the real engine, called directly, so that a test or a seed runs the same way each time,
however busy the machine is."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

Gate = Callable[[str], Awaitable[None] | None]
"""Called before each statement. It raises the disk's error; an awaitable that it returns is awaited, for ever if the
process dies there."""


async def connect_inline(address: str, busy_seconds: float) -> Any:
    """Replaces SQLite's `connect_in_thread`; nothing fails between two statements."""
    return InlineConnection(address, busy_seconds, _pass, _pass)


def _pass(_sql: str) -> None:
    return None


class _Turn:
    """`asyncio.sleep(0)` without its cost: other tasks run."""

    def __await__(self) -> Generator[None]:
        yield


_TURN = _Turn()


class InlineConnection:
    """The part of `aiosqlite.Connection` that the bot uses."""

    def __init__(self, address: str, busy_seconds: float, before: Gate, after: Gate) -> None:
        self._connection = sqlite3.connect(
            address, uri=True, isolation_level=None, timeout=busy_seconds, check_same_thread=False
        )
        self._before = before
        self._after = after

    @property
    def row_factory(self) -> Any:
        return self._connection.row_factory

    @row_factory.setter
    def row_factory(self, factory: Any) -> None:
        self._connection.row_factory = factory

    async def execute_fetchall(self, sql: str, parameters: Sequence[Any] = ()) -> Iterable[sqlite3.Row]:
        await _TURN
        if (wait := self._before(sql)) is not None:
            await wait
        rows = self._connection.execute(sql, parameters).fetchall()
        if (wait := self._after(sql)) is not None:
            await wait
        return rows

    @asynccontextmanager
    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> AsyncIterator[sqlite3.Cursor]:
        await _TURN
        if (wait := self._before(sql)) is not None:
            await wait
        cursor = self._connection.execute(sql, parameters)
        if (wait := self._after(sql)) is not None:
            await wait
        yield cursor
        cursor.close()

    async def close(self) -> None:
        await _TURN
        self._connection.close()
