"""What an engine must offer to the rest of `storage/`, and the SQL in which the engines differ.

All other SQL is what SQLite and PostgreSQL have in common. Parameters are `?` or `?1`, never both in one statement;
flags are `TRUE` and `FALSE`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, Protocol

SqlValue = str | int | float | bytes | list[int] | list[str] | None
Column = Any
"""The value of a column. Its type depends on the statement, which the caller knows."""


class Use(Enum):
    """What a connection to PostgreSQL is for, and so which others may be open at the same time."""

    BOT = "bot"
    """For a bot, beside other bots."""
    LEASES = "leases"
    """For a bot's leases, beside its other connection: transactions lock only rows, and wait for no other
    transaction."""
    ALONE = "alone"
    """For an operator's command that must not run beside a bot."""


class Row(Protocol):
    """A row, whose values are found by the names or places of their columns, and iterated over."""

    def keys(self) -> Iterable[str]: ...

    def __getitem__(self, key: int | str, /) -> Column: ...

    def __iter__(self) -> Iterator[Column]: ...


class Dialect(ABC):
    """SQL expressions that each engine writes in its own way. `column` may be any expression."""

    @abstractmethod
    def among(self, column: str, parameter: str = "?") -> str:
        """A condition: the column is one of the values of a list. The list is one parameter, made by `list_of`, because
        the engines limit the number of parameters."""

    @abstractmethod
    def list_of(self, values: Iterable[int] | Iterable[str]) -> SqlValue:
        """The parameter of `among`."""

    @abstractmethod
    def json_text(self, column: str, key: str) -> str:
        """The text under a key of a JSON object; NULL if there is none."""

    @abstractmethod
    def json_number(self, column: str, key: str) -> str:
        """The whole number under a key of a JSON object that the bot wrote; NULL if there is none."""

    @abstractmethod
    def json_length(self, column: str, key: str) -> str:
        """The length of the list under a key of a JSON object; 0 if there is no list, or the column is not JSON."""

    @abstractmethod
    def greatest(self, first: str, second: str) -> str:
        """The greater of two numbers that are not NULL."""

    @abstractmethod
    def joined(self, column: str) -> str:
        """An aggregate: the numbers of all rows in one text, separated by commas."""

    @abstractmethod
    def for_update(self) -> str:
        """The end of a SELECT that locks its rows until the transaction ends."""

    @abstractmethod
    def using_index(self, name: str) -> str:
        """Stands after a table's name: reads the table by this index if the engine would not choose it by itself."""


class Connection(ABC):
    """Executes statements. Every error of the engine is raised as a StorageError."""

    dialect: Dialect

    @abstractmethod
    async def rows(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]:
        """Executes a statement; returns its rows."""

    @abstractmethod
    async def run(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:
        """Executes a statement; returns how many rows it changed."""


class Engine(ABC):
    """An open database: a connection that writes, in one transaction at a time, and one that reads beside it.

    A method that changes something must not be cancelled: its caller waits for its end (`run_to_completion`).
    """

    writer: Connection
    reader: Connection
    """Cannot write, and sees only what is committed."""
    writer_id: str
    """Identifies the writer if several processes write; empty if it is the only one."""

    @property
    def server(self) -> str:
        """Identifies the run of the database server that the last transaction reached, and the tables there: those of a
        restored backup are others. Empty if there is no server."""
        return ""

    @abstractmethod
    async def begin(self, *, locks_rows: bool = False) -> None:
        """Begins a transaction that holds the right to write. With `locks_rows` it reads only rows that it has locked
        (`Dialect.for_update`), and so may run beside others of its kind."""

    @abstractmethod
    async def commit(self) -> None:
        """Commits the transaction. Raises StorageError if nothing of it is written."""

    @abstractmethod
    async def roll_back(self) -> None:
        """Undoes the transaction, if there is one."""

    @abstractmethod
    async def flush(self) -> bool:
        """Removes from the engine's log what was overwritten in the database; returns whether that is done."""

    @abstractmethod
    async def delete_old_copies(self, before: int) -> None:
        """Deletes the copies that were made before this time (milliseconds UTC) for a migration. Raises OSError."""

    @abstractmethod
    async def close(self) -> None:
        """Closes every connection."""
