"""What PostgreSQL's errors mean: for the bot while it runs, and for the operator at a start."""

from __future__ import annotations

import re
from types import TracebackType

import psycopg
from psycopg import errors

from settings import PostgresUrl
from storage.errors import (
    DatabaseLocked,
    DatabaseReadOnly,
    DatabaseRefused,
    DatabaseUnreachable,
    DatabaseUnusable,
    StorageError,
    StorageUnavailable,
)

_LATER = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.SerializationFailure,
    errors.IdleInTransactionSessionTimeout,
    errors.ReadOnlySqlTransaction,
    errors.InsufficientPrivilege,
)
"""Errors after which a later try may succeed: nothing is wrong with the statement."""
_REPEATABLE = (psycopg.OperationalError, psycopg.InterfaceError, errors.SerializationFailure)


class OwnErrors:
    """Turns errors of the driver into StorageErrors, so that no driver error leaves `storage`."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, _LATER):
            raise StorageUnavailable(reason_of(error)) from error
        if isinstance(error, psycopg.Error):
            raise StorageError(reason_of(error)) from error


OWN_ERRORS = OwnErrors()


def is_repeatable(error: psycopg.Error) -> bool:
    """Whether a query that changes nothing may simply be repeated: the connection was lost, or the server cancelled it
    in favour of another one."""
    return isinstance(error, _REPEATABLE)


def reason_of(error: psycopg.Error) -> str:
    """The error in one line. It contains no password, because the server never repeats one."""
    return " ".join(str(error).split()) or type(error).__name__


_STARTING = "starting up|shutting down|in recovery|not yet accepting"


_FULL = "too many clients|too many connections|connection slots"


def may_pass(error: psycopg.Error) -> bool:
    """Whether the server is just starting or stopping, or has no connection left, so that a later try may succeed."""
    return re.search(f"{_STARTING}|{_FULL}", str(error)) is not None


_NO_CONNECTION = (
    (
        "authentication failed|no password supplied",
        DatabaseRefused,
        "The database {url} refuses the user or the password. Correct them in DATABASE_URL.",
    ),
    (
        _FULL,
        DatabaseRefused,
        "The database {url} takes no more connections ({why}). Raise its limit, or end other clients.",
    ),
    (
        "role .* does not exist",
        DatabaseRefused,
        "The database {url} knows no such user. Create it, or correct DATABASE_URL.",
    ),
    (
        "database .* does not exist",
        DatabaseUnreachable,
        "There is no database {url}. Create it (createdb), or correct DATABASE_URL.",
    ),
    (
        "SSL|TLS|certificate|no encryption",
        DatabaseRefused,
        (
            "The database {url} and this bot cannot agree on TLS ({why}). "
            "Set sslmode, and sslrootcert where it needs one, in DATABASE_URL as the server demands."
        ),
    ),
)
"""What certain words of the driver or the server mean for the operator."""


def unreachable(url: PostgresUrl, error: psycopg.Error) -> DatabaseUnusable:
    """The error to raise if no connection can be made.

    The driver gives only a text, in the server's language; a text that is not known here is repeated as it is.
    """
    text = str(error)
    if "session is read-only" in text or "hot standby" in text:
        return read_only(url)
    for words, kind, line in _NO_CONNECTION:
        if re.search(words, text):
            return kind(line.format(url=url, why=_last_line(error)))
    return DatabaseUnreachable(f"The database {url} cannot be reached ({_last_line(error)}). Check DATABASE_URL.")


def unusable(url: PostgresUrl, error: psycopg.Error) -> DatabaseUnusable:
    """The error to raise if a statement fails at a start."""
    if isinstance(error, errors.InsufficientPrivilege):
        return forbidden(url, reason_of(error))
    if isinstance(error, errors.ReadOnlySqlTransaction):
        return read_only(url)
    if isinstance(error, errors.LockNotAvailable):
        return DatabaseLocked(
            f"A table of the database {url} is locked by another session, like a backup. Wait for its end, or end it, "
            "then start again."
        )
    if error.sqlstate is None:  # The error does not come from a server.
        return unreachable(url, error)
    return DatabaseUnreachable(f"The database {url} cannot be used ({reason_of(error)}). Check DATABASE_URL.")


def forbidden(url: PostgresUrl, reason: str) -> DatabaseReadOnly:
    """The error to raise if the user lacks a privilege."""
    return DatabaseReadOnly(
        f"The database {url} does not let this user make or use tables ({reason}). Make the user the database's owner, "
        "or grant it USAGE and CREATE on the schema."
    )


def read_only(url: PostgresUrl) -> DatabaseReadOnly:
    """The error to raise if the server accepts no writes."""
    return DatabaseReadOnly(f"The database {url} is read-only, like a replica. Name the primary in DATABASE_URL.")


def _last_line(error: psycopg.Error) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else type(error).__name__
