"""Lists of the API that several lookups need at once: fetched once and shared for some seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pixverse.api_client import ApiClient

SHARED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LookupTerms:
    """The terms of a lookup: how its requests are paid for, and how old a shared response may be."""

    spend: Callable[[], None]
    """Called before each request. If it raises, the request is not made and the lookup raises the same."""
    fresh: float = SHARED_SECONDS
    """The age in seconds up to which a response or list is used again."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    at: float
    """When it was requested, in monotonic seconds."""
    fetching: asyncio.Task[object]


class RecentLists:
    """Keeps each list, or its error, for five seconds; callers during a fetch share its result."""

    def __init__(self, client: ApiClient, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic
        self._fetched: dict[tuple[str, str], _Fetched] = {}
        """The oldest comes first."""

    async def get_json(self, path_and_query: str, token: str, terms: LookupTerms) -> object:
        """Does what `ApiClient.get_json` does, but makes no request if there is a list that is fresh enough.

        Raises what that raises, and what `terms.spend` raises. Cancelling one caller does not cancel the fetch for
        others.
        """
        now = self._monotonic()
        self._forget_old(now)
        key = (token, path_and_query)
        known = self._fetched.get(key)
        if known is None or (known.fetching.done() and now - known.at >= terms.fresh):
            terms.spend()
            fetching = asyncio.create_task(self._client.get_json(path_and_query, token))
            fetching.add_done_callback(_retrieved)
            known = _Fetched(now, fetching)
            self._fetched.pop(key, None)
            self._fetched[key] = known
        return await asyncio.shield(known.fetching)

    def _forget_old(self, now: float) -> None:
        for key, fetched in list(self._fetched.items()):
            if now - fetched.at < SHARED_SECONDS:
                return
            if fetched.fetching.done():
                del self._fetched[key]


def _retrieved(fetching: asyncio.Task[object]) -> None:
    """Retrieves the error, in case no caller is left to do so; asyncio would log it."""
    if not fetching.cancelled():
        fetching.exception()
