"""Lists of the API that many ask for at the same time: fetched once, and shared for some seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from pixverse.api_client import ApiClient

SHARED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class LookupTerms:
    """On which terms a question is asked that a person has caused."""

    spend: Callable[[], None]
    """Called before each request; where it raises, the request is not made and the question raises the same."""
    fresh: float = SHARED_SECONDS
    """How old, in seconds, an answer or a list may be that is used again."""


@dataclass(frozen=True, slots=True)
class _Fetched:
    at: float
    """When it was asked for, monotonic seconds."""
    fetching: asyncio.Task[object]


class RecentLists:
    """Keeps each list, or its refusal, for five seconds; who asks while it is being fetched waits for the same one."""

    def __init__(self, client: ApiClient, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic
        self._fetched: dict[tuple[str, str], _Fetched] = {}
        """The oldest stands first."""

    async def get_json(
        self, path_and_query: str, token: str, terms: LookupTerms, *, timeout: float | None = None
    ) -> object:
        """Does what `ApiClient.get_json` does, but makes no request where there is a list that is fresh enough.

        Raises what that does, and what `terms.spend` does. One that gives up waiting takes the list from nobody.
        """
        now = self._monotonic()
        self._forget_old(now)
        key = (token, path_and_query)
        known = self._fetched.get(key)
        if known is None or (known.fetching.done() and now - known.at >= terms.fresh):
            terms.spend()
            fetching = asyncio.create_task(self._client.get_json(path_and_query, token, timeout=timeout))
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
    """Nobody may be left to hear of a failure."""
    if not fetching.cancelled():
        fetching.exception()
