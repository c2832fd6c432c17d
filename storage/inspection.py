"""What `check` reports about the database and the key: what a start would find. Nothing is changed or left behind."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from settings import DatabasePlace, PostgresUrl
from storage import files, processes, secret_store
from storage.database import Queries, found, open_reader
from storage.engines.migrations import refuse_newer
from storage.engines.opening import examine, newest_tables
from storage.engines.sqlite.lock import InstanceLock
from storage.errors import DatabaseUnreachable, read_only, unmakeable
from storage.secret_store import SecretStore, key_file


@dataclass(frozen=True, slots=True)
class ProcessHoldings:
    """A process that is alive, and what it holds."""

    id: str
    version: str
    draining: bool
    seconds: float
    """For how long it has been running."""
    shards: list[int]
    accounts: int


@dataclass(frozen=True, slots=True)
class Sharing:
    """How several processes share the work."""

    processes: list[ProcessHoldings]
    shards: int
    """The number of the bot's gateway shards; 0 if no process has asked Discord for it yet."""
    free_shards: list[int]
    """The numbers of the shards that no process holds."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found."""

    exists: bool
    """False: the first start makes the database."""
    tables: int
    """The version of its tables; 0 if there are none yet."""
    newest: int
    """The version to which the next start brings them."""
    key_file: Path | None
    """Where the key is, or will be made; None if ENCRYPTION_KEY holds it."""
    sharing: Sharing | None
    """The processes that work with the database; None if only one can, or if its tables are not up to date yet."""


async def inspect(place: DatabasePlace, configured: Sequence[str] = ()) -> Inspection:
    """Checks a database that a bot may be using. Raises the classes of DatabaseUnusable that a start would raise."""
    newest = newest_tables(place)
    file = key_file(place) if isinstance(place, Path) and not configured else None
    if isinstance(place, Path):
        exists = files.exists(place)
        if not exists:
            _check_could_be_made(place)
        InstanceLock(place).try_file()
    else:
        exists = True
    tables = await examine(place) if exists else 0
    sharing = None
    if tables:
        async with open_reader(place) as reader:
            await secret_store.check_keys(reader, place, configured)
            if isinstance(place, PostgresUrl) and tables >= newest:
                sharing = await _sharing(reader)
    else:
        secret_store.find_keys(place, configured)
    return Inspection(exists, tables, newest, file, sharing)


async def check_again(reader: Queries, place: DatabasePlace, secret_store: SecretStore, known: int) -> None:
    """Checks what may have changed on PostgreSQL since a start: the key, and whether code that knows tables of the
    version `known` may still use the tables. Raises WrongKey, DatabaseTooNew and StorageError."""
    await secret_store.check(reader)
    mark = found(await reader.one("SELECT tables, oldest_code FROM pixverse_relay"))
    refuse_newer(place, tables=mark["tables"], oldest_code=mark["oldest_code"], known=known)


async def _sharing(reader: Queries) -> Sharing:
    alive = await processes.alive(reader)
    leases = await processes.shard_leases(reader)
    rows = await reader.all("SELECT owner, count(*) AS accounts FROM account_leases GROUP BY owner")
    accounts = {row["owner"]: row["accounts"] for row in rows}
    owners = {process.id for process in alive}
    return Sharing(
        processes=[
            ProcessHoldings(
                process.id,
                process.version,
                process.draining,
                process.seconds,
                [lease.shard_id for lease in leases if lease.owner == process.id],
                accounts.get(process.id, 0),
            )
            for process in sorted(alive, key=lambda process: -process.seconds)
        ],
        shards=len(leases),
        free_shards=[lease.shard_id for lease in leases if lease.owner not in owners],
    )


def _check_could_be_made(path: Path) -> None:
    folder = path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise DatabaseUnreachable(
            f"The database {path} cannot be created: {folder} is not a folder. Check DATABASE_URL."
        )
    if not files.writable(folder):
        raise read_only(path)
    try:
        # Only creating a file shows it: some system folders refuse that although their modes allow it.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise unmakeable(path, error) from error
