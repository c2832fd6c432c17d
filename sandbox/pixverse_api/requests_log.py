"""The API's request log, without tokens and bodies."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from aiohttp import web


@dataclass(slots=True)
class LoggedRequest:
    """One request. `status` is None until it is answered, and for a connection that was cut instead."""

    method: str
    path: str
    """With the query."""
    jobid: str | None
    at: int
    """Milliseconds UTC."""
    account: int | None
    """The number of the account whose present token was sent."""
    host: str
    status: int | None = None
    credential: str | None = None
    """Tells tokens apart, whether they are valid or not; see `credential`."""
    caller: str = ""
    """The bot that sent the request, if each bot was given its own address."""


def logged_request(request: web.Request, at: int, account: int | None = None, caller: str = "") -> LoggedRequest:
    """The entry for a request that has just come in."""
    header = request.headers.get("Authorization", "")
    sent = credential(header.removeprefix("Bearer ")) if header.startswith("Bearer ") else None
    return LoggedRequest(
        request.method, request.path_qs, asked_for(request), at, account, request.host, None, sent, caller
    )


def credential(token: str) -> str:
    """What the log holds instead of a token: its SHA-256, which only tells one token from another."""
    return hashlib.sha256(token.encode()).hexdigest()


def asked_for(request: web.Request) -> str | None:
    """The job that a request is about: in v1 it stands in the query, in v2 in the path."""
    return request.query.get("jobid") or request.match_info.get("jobid")
