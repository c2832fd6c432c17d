"""Injected faults of Discord's REST API, before or after a request is carried out."""

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
    """Answers with this status and, if `code` is set, with Discord's JSON error of that code."""

    status: int
    code: int = 0
    message: str = "injected"


@dataclass(frozen=True, slots=True)
class Body:
    """Answers with this body, like a proxy's error page or a captive portal."""

    text: str = "<html>Please log in</html>"
    content_type: str = "text/html"
    status: int = 200


@dataclass(frozen=True, slots=True)
class Cut:
    """Breaks the connection without an answer."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Answers 429. The scope `cloudflare` answers as Cloudflare does, in HTML and without a Via header."""

    retry_after: float = 1.0
    scope: Scope = "user"


@dataclass(slots=True, eq=False)
class Hold:
    """Holds the answer until `release` is set; `reached` is set when a request waits here.

    `gone` is set if the client hangs up meanwhile. A request that was held before it was carried out is then dropped.
    """

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)


Action = Status | Body | Cut | RateLimit | Hold


@dataclass(slots=True, eq=False)
class Fault:
    """An active fault; `hits` counts the requests it was applied to."""

    method: str
    path: re.Pattern[str]
    when: When
    action: Action
    left: int | None
    match: Callable[[RecordedRequest], bool]
    hits: int = 0

    def fits(self, request: RecordedRequest, when: When) -> bool:
        """Whether the fault applies to this request at this moment."""
        return (
            self.when == when
            and self.left != 0
            and self.method in ("*", request.method)
            and self.path.fullmatch(request.path) is not None
            and self.match(request)
        )


class Faults:
    """The active faults; the first one that fits a request is applied."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    @property
    def waiting(self) -> int:
        """How many more requests will be affected; a fault without a limit counts once."""
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
        """Apply the action to the next `times` requests that fit (None: to all).

        Args:
            method: HTTP method, or `*`.
            path: Regular expression for the whole path below the API's base, e.g. `/channels/[0-9]+/messages`.
            when: `before` the request is carried out, which then doesn't happen; or `after` it, when only the answer is
                    lost.
            action: What happens instead.
            times: How many requests are affected.
            match: A further condition on the request.
        """
        fault = Fault(method, re.compile(path), when, action, times, match)
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Remove a fault, if it is still active."""
        if fault in self._faults:
            self._faults.remove(fault)

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def meet(self, request: RecordedRequest, when: When) -> Action | None:
        """The action for this request, counted as applied; None if no fault fits."""
        for fault in self._faults:
            if fault.fits(request, when):
                fault.hits += 1
                if fault.left is not None:
                    fault.left -= 1
                return fault.action
        return None
