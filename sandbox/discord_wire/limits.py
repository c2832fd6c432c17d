"""Discord's rate limits: a bucket for each route and channel, headers, and a global limit.

Discord API docs, topics/rate-limits. Off by default to keep tests fast. Discord documents no numbers for buckets; these
are commonly observed.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from .faults import RateLimit
from .recording import RecordedRequest
from .wire_json import Wire

VIA = {"Via": "1.1 google"}  # in every response of Discord's, but not of Cloudflare's

_OF_INTERACTIONS = ("interactions", "webhooks")
"""Responses to interactions, including follow-ups, don't count towards the global limit (Discord API docs,
Receiving and Responding).
"""

_IDS = re.compile(r"\d{15,}")
_MESSAGES = re.compile(r"/channels/\d+/messages(/\d+)?")


@dataclass(slots=True)
class _Bucket:
    name: str
    most: int
    window_s: float
    began: float = 0.0
    used: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """The limiter's decision on one request: headers for its response, or a refusal."""

    headers: Mapping[str, str] = field(default_factory=dict)
    refusal: RateLimit | None = None


class RateLimits:
    """The rate limiter, active while `enabled`. `messages` calls are allowed per channel and method in `window_s`."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._buckets: dict[str, _Bucket] = {}
        self._all: deque[float] = deque()
        self.enabled = False
        self.messages = 5
        self.window_s = 5.0
        self.per_second = 50
        self.edits_of_old_messages: int | None = None  # per channel and hour; None: no limit
        self.old_edit_retry_after_s = 1.0

    def take(self, request: RecordedRequest) -> Verdict:
        """Count a request and decide on it."""
        if not self.enabled:
            return Verdict()
        if request.segments[0] not in _OF_INTERACTIONS and (wait_s := self._over_global()):
            return Verdict(refusal=RateLimit(wait_s, "global"))
        bucket = self._bucket(request)
        now = self._now()
        if now - bucket.began >= bucket.window_s:
            bucket.began, bucket.used = now, 0
        left_s = round(bucket.began + bucket.window_s - now, 3)
        if bucket.used >= bucket.most:
            return Verdict(self._headers(bucket, left_s), RateLimit(left_s, "user"))
        bucket.used += 1
        return Verdict(self._headers(bucket, left_s))

    def _over_global(self) -> float:
        """Count a request against the global limit and return 0, or the seconds until one more is allowed."""
        now = self._now()
        while self._all and now - self._all[0] >= 1.0:
            self._all.popleft()
        if len(self._all) >= self.per_second:
            return max(round(self._all[0] + 1.0 - now, 3), 0.001)
        self._all.append(now)
        return 0.0

    def _bucket(self, request: RecordedRequest) -> _Bucket:
        parts = request.segments
        owner = "/".join(parts[:2]) if parts[0] in ("channels", "guilds", "webhooks") else parts[0]
        route = f"{request.method} {_IDS.sub(':id', request.path)}"
        key = f"{route} {owner}"
        if key not in self._buckets:
            name = hashlib.sha256(route.encode()).hexdigest()[:32]
            of_messages = request.method != "GET" and _MESSAGES.fullmatch(request.path)
            most, window_s = (self.messages, self.window_s) if of_messages else (self.per_second, 1.0)
            self._buckets[key] = _Bucket(name, most, window_s)
        return self._buckets[key]

    def _headers(self, bucket: _Bucket, left_s: float) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(bucket.most),
            "X-RateLimit-Remaining": str(max(bucket.most - bucket.used, 0)),
            "X-RateLimit-Reset": str(round(self._now() + left_s, 3)),
            "X-RateLimit-Reset-After": str(left_s),
            "X-RateLimit-Bucket": bucket.name,
        }


def refuse(wire: Wire, limit: RateLimit, headers: Mapping[str, str], *, code: int = 0) -> web.Response:
    """Return a 429 response in Discord's or Cloudflare's form."""
    wait = {"Retry-After": str(max(int(limit.retry_after + 0.999), 1))}
    if limit.scope == "cloudflare":
        return web.Response(status=429, text="<html>error code: 1015</html>", content_type="text/html", headers=wait)
    body = {
        "message": "You are being rate limited.",
        "retry_after": limit.retry_after,
        "global": limit.scope == "global",
        "code": code,
    }
    told = {**wait, "X-RateLimit-Scope": limit.scope}
    if limit.scope == "global":
        told["X-RateLimit-Global"] = "true"
    return wire.answer(body, status=429, headers={**VIA, **headers, **told})
