"""What a database must offer to the rest of `storage/`, and the SQL in which the engines differ.

All other SQL is written in what SQLite and PostgreSQL have in common, with `?` or `?1` for parameters, never both in
one statement. Flags are `TRUE` and `FALSE`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, Protocol

SqlValue = str | int | float | bytes | list[int] | list[str] | None
Column = Any
"""What a row holds under one name; whoever asks knows which type that is."""


class Use(Enum):
    """Beside whom a database is worked with, where more than one process can."""

    BOT = "bot"
    LEASES = "leases"
    """Beside a bot's other connection: it locks rows, and waits for no other transaction."""
    ALONE = "alone"
    """While no bot runs."""


class Row(Protocol):
    """A row: its values by name or place, and one after the other."""

    def keys(self) -> Iterable[str]: ...

    def __getitem__(self, key: int | str, /) -> Column: ...

    def __iter__(self) -> Iterator[Column]: ...


class Dialect(ABC):
    """Expressions that each engine writes in its own way. `column` may be any expression."""

    @abstractmethod
    def among(self, column: str, parameter: str = "?") -> str:
        """A condition: the column is one of the values of a parameter made by `list_of`. It is one parameter, however
        many values there are: the engines bound the number of parameters."""

    @abstractmethod
    def list_of(self, values: Iterable[int] | Iterable[str]) -> SqlValue:
        """The parameter of `among`."""

    @abstractmethod
    def json_text(self, column: str, key: str) -> str:
        """The text under a key of a JSON object; NULL where there is none."""

    @abstractmethod
    def json_number(self, column: str, key: str) -> str:
        """The whole number under a key of a JSON object that the bot wrote; NULL where there is none."""

    @abstractmethod
    def json_length(self, column: str, key: str) -> str:
        """How long the list under a key of a JSON object is; 0 where there is none, or the column is no JSON."""

    @abstractmethod
    def greatest(self, first: str, second: str) -> str:
        """The greater of two numbers, neither of them NULL."""

    @abstractmethod
    def joined(self, column: str) -> str:
        """An aggregate: the numbers of all rows as one text, with commas between."""

    @abstractmethod
    def for_update(self) -> str:
        """Ends a SELECT whose rows nobody else is to change before the transaction ends."""

    @abstractmethod
    def using_index(self, name: str) -> str:
        """Follows a table's name: reads it by this index, where the engine does not find that out by itself."""


class Connection(ABC):
    """Executes statements. Every error of the engine leaves as a StorageError."""

    dialect: Dialect

    @abstractmethod
    async def rows(self, sql: str, parameters: Sequence[SqlValue] = ()) -> Sequence[Row]:
        """Every row."""

    @abstractmethod
    async def run(self, sql: str, parameters: Sequence[SqlValue] = ()) -> int:
        """How many rows the statement changed."""


class Engine(ABC):
    """An open database: a connection that writes, in one transaction at a time, and what reads beside it.

    Each method that changes something may be cancelled only where its caller waits for its end (`to_the_end`).
    """

    writer: Connection
    reader: Connection
    """Cannot write, and sees only what is committed."""
    writer_id: str
    """Names the writer where several processes write; empty where it is the only one."""

    @property
    def server(self) -> str:
        """Names the run of the server that the last transaction reached; empty where there is no server."""
        return ""

    @abstractmethod
    async def begin(self, *, locks_rows: bool = False) -> None:
        """Begins a transaction of the writer that can write at once. With `locks_rows` it reads only rows that it has
        locked (`Dialect.for_update`), and so may run beside others of its kind."""

    @abstractmethod
    async def commit(self) -> None:
        """Commits it. Raises StorageError where nothing of it is written."""

    @abstractmethod
    async def roll_back(self) -> None:
        """Undoes it, if there is one."""

    @abstractmethod
    async def flush(self) -> bool:
        """Sees to it that nothing that was overwritten stands in a log yet; whether that is done."""

    @abstractmethod
    async def delete_old_copies(self, before: int) -> None:
        """Deletes the copies that were made before this time (milliseconds UTC) for a migration. Raises OSError."""

    @abstractmethod
    async def close(self) -> None:
        """Closes every connection."""
