"""Traces discord.py's requests: which responses a call really got, and whether a refusal comes from Discord itself.

discord.py makes up to five tries of a request by itself, after a 500, 502, 504 or 524 or a reset connection. A refusal
at the end of such a series says nothing about the earlier tries: Discord may have stored one of them. So every status
of a call is recorded. A refusal that does not come from Discord itself, such as a proxy's page, proves nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from http import HTTPStatus
from types import SimpleNamespace
from typing import TypeVar

import aiohttp
import discord
import yarl

from discord_adapter.early_ack import note_stored
from discord_adapter.rate_limits import GlobalLimit
from model.messages import NoResponse, Refused, SendResult, TooManyRequests

T = TypeVar("T")

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
"""What discord.py raises for a successful status with a body that is not Discord's, mostly a proxy's page."""


class NotDiscord(Exception):
    """Something else responded in Discord's place, such as a proxy or a network's login page."""


UNREACHABLE = (discord.HTTPException, discord.RateLimited, aiohttp.ClientError, OSError, NotDiscord)
"""The errors that mean that Discord can't be reached. TimeoutError is an OSError."""

UNKNOWN_CHANNEL = 10003
UNKNOWN_SERVER = 10004
MISSING_ACCESS = 50001
"""Discord developer docs, JSON error codes. Any other 404 says nothing about a channel or a server."""

_WAIT_UNNAMED = 30.0
_SHORTEST_CODE = 5
_BEFORE_ANY_ACTION = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})
"""A refused token, and a body that was not even read. These statuses count whoever sent them, because Discord's edge
servers refuse large bodies."""


def is_of_discord(refusal: discord.HTTPException) -> bool:
    """Whether Discord itself refused: with one of its codes, or in the form `{"message": "404: Not Found", "code": 0}`
    that it uses where it has no code. Anything else may come from a proxy, whatever happened to the request.
    """
    code = str(refusal.code)  # A proxy's JSON may contain anything here.
    if code.isdecimal() and len(code) >= _SHORTEST_CODE:
        return True
    is_json = refusal.response.headers.get("Content-Type", "").startswith("application/json")
    return is_json and refusal.text.startswith(f"{refusal.status}: ")


def may_pass(refusal: discord.HTTPException) -> bool:
    """Whether the same request may succeed later: Discord asks to wait, or has an error of its own."""
    return refusal.status == HTTPStatus.TOO_MANY_REQUESTS or refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def read_refusal(refusal: discord.HTTPException) -> SendResult:
    """The refusal of an action, as a plain value. A 429 that discord.py raises at once comes from Cloudflare or another
    proxy."""
    if refusal.status == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = named_wait(refusal.response.headers)
        return TooManyRequests(_WAIT_UNNAMED if seconds is None else max(seconds, 1.0))
    by_discord = refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR and is_of_discord(refusal)
    if by_discord or refusal.status in _BEFORE_ANY_ACTION:
        return Refused(refusal.status, refusal.code, refusal.text)
    return NoResponse()


_BROKEN = 599
"""The status recorded for a try that got no response."""
_LONGEST_WAIT = 3600.0
"""The longest Retry-After that is believed, in seconds."""

_statuses: ContextVar[list[int] | None] = ContextVar("statuses", default=None)


@contextmanager
def remembered_statuses() -> Iterator[list[int]]:
    """Collects the statuses of all responses to the block's requests, in order."""
    statuses: list[int] = []
    token = _statuses.set(statuses)
    try:
        yield statuses
    finally:
        _statuses.reset(token)


def is_ambiguous(statuses: list[int]) -> bool:
    """Whether Discord may have stored a try before the last one."""
    return any(status >= HTTPStatus.INTERNAL_SERVER_ERROR for status in statuses[:-1])


def may_be_stored(statuses: list[int]) -> bool:
    """Whether Discord may have stored any of the tries, because it was not refused."""
    return any(not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR for status in statuses)


def wire_trace(
    global_limit: GlobalLimit,
    *also: Callable[[aiohttp.TraceRequestEndParams], None],
    before: Callable[[yarl.URL], Awaitable[None]] | None = None,
) -> aiohttp.TraceConfig:
    """The trace for `discord.Client(http_trace=…)`. `also` are called with every response. `before` is awaited before
    every request, including discord.py's own retries."""

    async def wait(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, start: aiohttp.TraceRequestStartParams
    ) -> None:
        if before is not None:
            await before(start.url)

    async def note(
        _session: aiohttp.ClientSession, _context: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        statuses = _statuses.get()
        if statuses is not None:
            statuses.append(end.response.status)
        for observe in also:
            observe(end)
        await global_limit.note(end.response)
        await note_stored(end.response)

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(wait)
    trace.on_request_end.append(note)
    trace.on_request_exception.append(_note_broken)
    return trace


def named_wait(headers: Mapping[str, str]) -> float | None:
    """The wait in the Retry-After header in seconds, bounded; None if it is missing or unreadable."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), _LONGEST_WAIT)


async def _note_broken(
    _session: aiohttp.ClientSession, _context: SimpleNamespace, end: aiohttp.TraceRequestExceptionParams
) -> None:
    statuses = _statuses.get()
    never_sent = isinstance(end.exception, aiohttp.ClientConnectorError)
    if statuses is not None and not never_sent:
        statuses.append(_BROKEN)


def reason_of(error: BaseException) -> str:
    """Why Discord could not be reached, in a few words."""
    match error:
        case discord.HTTPException():
            return f"HTTP {error.status}"
        case NotDiscord():
            return "the answer is not Discord's"
        case TimeoutError():
            return "no answer in time"
        case aiohttp.ClientConnectorError():
            return "no connection"
    return type(error).__name__


class DiscordAway(Exception):
    """Discord could not be reached or did not respond itself; `str()` says why in a few words."""


async def ask_discord(request: Awaitable[T], seconds: float = 30.0) -> T:
    """Awaits the response to a request that may be repeated at any time.

    Args:
        request: A call of discord.py.
        seconds: How long to wait, including discord.py's own retries.

    Raises:
        discord.HTTPException: Discord refused the request.
        DiscordAway: There was no connection, no response in time, an error on Discord's side, a rate limit, or a
            proxy's page.
    """
    with remembered_statuses() as statuses:
        try:
            async with asyncio.timeout(seconds):
                return await request
        except discord.HTTPException as refusal:
            if isinstance(read_refusal(refusal), Refused):
                raise
            raise DiscordAway(reason_of(refusal)) from refusal
        except UNREACHABLE as error:
            raise DiscordAway(reason_of(error)) from error
        except UNREADABLE as error:
            if not statuses:
                raise  # No request was made yet, so this is a bug.
            raise DiscordAway(reason_of(NotDiscord())) from error


async def is_refused_with(codes: Collection[int], request: Awaitable[object], seconds: float) -> bool:
    """Whether Discord refuses a request with one of these codes. False if Discord can't be reached."""
    try:
        await ask_discord(request, seconds)
    except discord.HTTPException as refusal:
        return refusal.code in codes
    except DiscordAway:
        return False
    return False
