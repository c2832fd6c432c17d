"""Faults of Discord's REST API, before or after a request is carried out, for tests and the demo."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from .recording import RecordedRequest

When = Literal["before", "after"]
Scope = Literal["user", "shared", "global", "cloudflare"]


@dataclass(frozen=True, slots=True)
class Status:
    """Answers with this status; with `code`, Discord's JSON error of that code."""

    status: int
    code: int = 0
    message: str = "injected"


@dataclass(frozen=True, slots=True)
class Body:
    """Answers with this body, as a proxy's page or a network that wants a log-in first does."""

    text: str = "<html>Please log in</html>"
    content_type: str = "text/html"
    status: int = 200


@dataclass(frozen=True, slots=True)
class Cut:
    """Breaks the connection without an answer."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Answers 429. `cloudflare`: as the web server before Discord does, in HTML and without a Via header."""

    retry_after: float = 1.0
    scope: Scope = "user"


@dataclass(slots=True, eq=False)
class Hold:
    """Holds the answer: `reached` tells that a request waits here, `release` lets it go on as if nothing had been.

    `gone` tells that the client hung up meanwhile; a request that was held before it was carried out never is then.
    """

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)


Action = Status | Body | Cut | RateLimit | Hold


@dataclass(slots=True, eq=False)
class Fault:
    """A fault that waits for its requests; `hits` counts those it met."""

    method: str
    path: re.Pattern[str]
    when: When
    action: Action
    left: int | None
    match: Callable[[RecordedRequest], bool]
    hits: int = 0

    def fits(self, request: RecordedRequest, when: When) -> bool:
        """Whether this request at this moment is one of its own."""
        return (
            self.when == when
            and self.left != 0
            and self.method in ("*", request.method)
            and self.path.fullmatch(request.path) is not None
            and self.match(request)
        )


class Faults:
    """The active faults; the first that fits a request meets it."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    @property
    def waiting(self) -> int:
        """How many requests will still meet a fault; those without a limit count once."""
        return sum(1 if fault.left is None else fault.left for fault in self._faults)

    def add(
        self,
        *,
        method: str = "*",
        path: str = ".*",
        when: When = "before",
        action: Action,
        times: int | None = 1,
        match: Callable[[RecordedRequest], bool] = lambda _: True,
    ) -> Fault:
        """Let the next `times` requests that fit (None: all) meet the action.

        Args:
            method: HTTP method, or `*`.
            path: Regular expression for the whole path below the API's base, e.g. `/channels/[0-9]+/messages`.
            when: `before`: nothing is done. `after`: it is done (a message is stored), only the answer suffers.
            action: What happens.
            times: How often.
            match: Looks at the request itself.
        """
        fault = Fault(method, re.compile(path), when, action, times, match)
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """End a fault; one that has ended already is fine."""
        if fault in self._faults:
            self._faults.remove(fault)

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()

    def meet(self, request: RecordedRequest, when: When) -> Action | None:
        """The action that this request meets now, counted as met."""
        for fault in self._faults:
            if fault.fits(request, when):
                fault.hits += 1
                if fault.left is not None:
                    fault.left -= 1
                return fault.action
        return None
