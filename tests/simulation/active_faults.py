"""Faults while they last: what they do to each request, each message and each file."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any
from urllib.parse import unquote

from tests.simulation.discord_world import Channel, Refusal
from tests.simulation.plan import Fault
from tests.simulation.virtual_time import VirtualClock
from tests.simulation.wire import Reply, Request, Trip

_REFUSALS = (
    (400, 20009, "Explicit content"),
    (400, 200000, "Blocked by AutoMod"),
    (400, 240000, "Blocked link"),
    (400, 50035, "Invalid Form Body"),
    (403, 400001, "Uploads are limited"),
    (413, 40005, "Request entity too large"),
    (400, 987654, "Something new"),
    (403, 50013, "Missing Permissions"),
)
_FOR_GOOD = (*_REFUSALS[:-1], *(_REFUSALS[-2],) * 3)
"""Refusals that no permission would change. An unknown code is the most frequent."""
_TWICE = 2
"""How often a temporary refusal refuses the same message with files."""
_API = {"api_away": 1.0, "api_slow": 0.5, "api_5xx": 0.6, "api_nonsense": 0.6, "api_429": 0.6, "api_lost": 0.5}
_DISCORD = {
    "discord_5xx": 0.4,
    "discord_5xx_after": 0.4,
    "discord_lost": 0.4,
    "discord_lost_after": 0.4,
    "discord_429": 0.4,
    "discord_slow": 0.3,
    "discord_unsure": 1.0,
}
_MEDIA = {"media_broken": 0.7}
POSTS = re.compile(r".*/channels/(\d+)/messages")
_EDITS = re.compile(r".*/channels/(\d+)/messages/(\d+)")
_ON_ITS_WAY = 0.2
_REPEATED_SECONDS = 30.0
_UNANSWERED_SECONDS = 60.0
"""discord.py makes five attempts, with 1, 3, 5, 7 and 9 s between them."""
_HTML = Reply(200, b"<html>please log in</html>", content_type="text/html")
_API_SAYS = {
    "api_5xx": tuple(Reply(status, {"error": "no", "code": status}) for status in (500, 502, 503, 596)),
    "api_nonsense": (_HTML, Reply(200, []), Reply(404, b"not found")),
    "api_429": (Reply(429, {"error": "slow down", "code": 429}, {"Retry-After": "40"}),),
}
_SERVER_ERRORS = tuple(Reply(status, {"message": "no"}) for status in (500, 502, 503))
_MEDIA_SAYS = (
    Reply(404, b"not there", content_type="text/plain"),
    Reply(503, b""),
    Reply(200, b"\0\0\0\x18ftypisom", content_type="video/mp4"),
    None,
)
"""None: the connection breaks."""


class ActiveFaults:
    """The faults that are in force, by kind."""

    def __init__(self, clock: VirtualClock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self.by_kind: dict[str, Fault] = {}
        self.last_change = 0.0
        self._answers_lost: dict[str, list[float]] = defaultdict(list)
        """By channel: when edits were carried out without a response, or with a response that says otherwise."""
        self._in_doubt: dict[tuple[str, str], float] = {}
        """By channel and message id or nonce: when the latest edit or post was sent of which the bot doesn't learn
        whether it was carried out."""
        self._last_in_force: dict[str, float] = {}
        self._refused: Counter[str] = Counter()
        self.api_rules: list[Callable[[Request], Trip | None]] = []
        self.discord_rules: list[Callable[[Request], Trip | None]] = []
        self.media_rules: list[Callable[[Request], Trip | None]] = []
        self.refusal_rules: list[Callable[[Channel, dict[str, Any], int], Refusal | None]] = []
        """The faults of scenes, for their own requests and messages."""
        self._effects: dict[str, list[tuple[float, str]]] = defaultdict(list)
        """By channel, server or file: when a fault affected it, and of which kind."""

    def was_active(self, prefix: str, since: float) -> bool:
        """Whether any fault of this group was in force at or after `since`."""
        return self.is_active(prefix) or any(
            ended >= since for kind, ended in self._last_in_force.items() if kind.startswith(prefix)
        )

    def affected(self, subject: object, since: float, *, but: str = "none") -> bool:
        """Whether a fault of another kind than `but` has affected this channel or server (by its id) or file (by its
        path) since then."""
        return any(at >= since and kind != but for at, kind in self._effects[str(subject)])

    def begin(self, fault: Fault) -> None:
        self.by_kind[fault.kind] = fault
        self.last_change = self._clock.passed

    def end(self, fault: Fault) -> None:
        if self.by_kind.get(fault.kind) is fault:
            del self.by_kind[fault.kind]
            self._last_in_force[fault.kind] = self._clock.passed
        self.last_change = self._clock.passed

    def is_active(self, prefix: str) -> bool:
        """Whether any fault of this group is in force."""
        return any(kind.startswith(prefix) for kind in self.by_kind)

    def _latencies(self) -> tuple[float, float]:
        """Seconds to the peer and back. Most responses come at once; enough are delayed to test what happens in
        between."""
        return self._random.uniform(0.01, 0.15), self._random.choice((0.0, 0.0, 0.0, 0.1))

    def trip_to_api(self, request: Request) -> Trip:
        return _by_rule(self.api_rules, request) or self._random_trip_to_api()

    def _random_trip_to_api(self) -> Trip:
        there, back = self._latencies()
        kind = self._random_fault(_API)
        if kind is None:
            return Trip(there, back)
        if kind == "api_away":
            return Trip(there, back, unreachable=True)
        if kind == "api_slow":
            return Trip(self._random.uniform(1, 25), back)
        if kind == "api_lost":
            return Trip(there, back, lost_there=self._random.random() < 0.5, lost_back=True)
        return Trip(there, back, refused=self._random.choice(_API_SAYS[kind]))

    def trip_to_discord(self, request: Request) -> Trip:
        trip = _by_rule(self.discord_rules, request)
        if trip is None:
            trip = self._random_trip_to_discord(request)
        else:
            self.last_change = self._clock.passed
            posts = POSTS.fullmatch(request.path)
            if posts is not None and request.files and trip.lost_there:
                self.record_effect(posts[1], "scene")
        edited = _EDITS.fullmatch(request.path)
        is_done_without_an_answer = trip.after is not None or (trip.lost_back and not trip.lost_there)
        if request.method == "PATCH" and edited is not None and is_done_without_an_answer:
            self._answers_lost[edited[1]].append(self._clock.passed)
        if _leaves_in_doubt(trip):
            posted = POSTS.fullmatch(request.path)
            if request.method == "PATCH" and edited is not None:
                self._in_doubt[(edited[1], edited[2])] = self._clock.passed
            elif request.method == "POST" and posted is not None:
                self._in_doubt[(posted[1], str(request.body.get("nonce")))] = self._clock.passed
        return trip

    def in_doubt_since(self, channel_id: int, message: str, since: float) -> bool:
        """Whether only Discord knows if a post with this nonce, or an edit of the message with this id, was carried out
        then or later."""
        return self._in_doubt.get((str(channel_id), message), -math.inf) > since - _ON_ITS_WAY

    def channel_in_doubt_since(self, channel_id: int, since: float) -> bool:
        """Whether any post or edit in this channel got no response then, later, or so shortly before that the bot may
        have stopped waiting for others too. discord.py sends the edits of a channel one after another, so one behind a
        slow edit may never be sent, or may be carried out just as the bot stops waiting for it."""
        since -= _UNANSWERED_SECONDS + _ON_ITS_WAY
        return any(at > since for (channel, _), at in self._in_doubt.items() if channel == str(channel_id))

    def edits_are_repeated(self, channel_id: int) -> bool:
        """Whether an edit in this channel was recently carried out without a response saying so. discord.py then sends
        it again."""
        now = self._clock.passed
        return any(_ON_ITS_WAY < now - at < _REPEATED_SECONDS for at in self._answers_lost[str(channel_id)][-2:])

    def _random_trip_to_discord(self, request: Request) -> Trip:
        there, back = self._latencies()
        kind = self._random_fault(_DISCORD)
        posts = POSTS.fullmatch(request.path)
        if kind is not None and posts is not None and request.method == "POST":
            self.record_effect(posts[1], kind)
        match kind:
            case "discord_5xx" | "discord_5xx_after" as kind:
                response = self._random.choice(_SERVER_ERRORS)
                return (
                    Trip(there, back, refused=response) if kind == "discord_5xx" else Trip(there, back, after=response)
                )
            case "discord_lost" | "discord_lost_after" as kind:
                return Trip(there, back, lost_there=kind == "discord_lost", lost_back=True)
            case "discord_429":
                return Trip(there, back, refused=self._too_many())
            case "discord_unsure" if request.method == "POST" and request.path.endswith("/messages"):
                return Trip(there, back, lost_back=True)
            case "discord_slow" if request.method != "GET":
                return Trip(there, self._random.choice((2.0, 30.0, 90.0, 200.0)))
        return Trip(there, back)

    def _too_many(self) -> Reply:
        wait = self._random.choice((0.5, 3.0, 45.0))
        body = {"message": "slow down", "retry_after": wait, "global": self._random.random() < 0.3}
        return Reply(429, body, {"Retry-After": str(wait)})

    def trip_to_media(self, request: Request) -> Trip:
        trip = _by_rule(self.media_rules, request)
        if trip is None:
            return self._random_trip_to_media(request)
        self.record_effect(unquote(request.path), "scene")
        return trip

    def _random_trip_to_media(self, request: Request) -> Trip:
        there, back = self._latencies()
        if self._random_fault(_MEDIA) is None:
            return Trip(there, back)
        self.record_effect(unquote(request.path), "media_broken")
        response = self._random.choice(_MEDIA_SAYS)
        return Trip(there, back, lost_back=True) if response is None else Trip(there, back, refused=response)

    def record_effect(self, subject: object, kind: str) -> None:
        """Records that a fault of this kind affected a channel, server or file."""
        self._effects[str(subject)].append((self._clock.passed, kind))

    def _random_fault(self, odds: Mapping[str, float]) -> str | None:
        """The first fault of this list that is in force and affects this request."""
        return next((kind for kind, odd in odds.items() if kind in self.by_kind and self._random.random() < odd), None)

    def refusal_of(self, channel: Channel, body: dict[str, Any], files: int) -> Refusal | None:
        """Why Discord refuses a message, or None."""
        kind, refusal = self._refusal(body, files)
        for rule in self.refusal_rules:
            if refusal is None and (refusal := rule(channel, body, files)) is not None:
                kind = "scene"
        if refusal is not None:
            self.record_effect(channel.id, kind)
            self.record_effect(channel.guild.id, kind)
        return refusal

    def _refusal(self, body: dict[str, Any], files: int) -> tuple[str, Refusal | None]:
        if "discord_refuses_twice" in self.by_kind and files and self._refused[body["nonce"]] < _TWICE:
            self._refused[body["nonce"]] += 1
            return "discord_refuses_twice", Refusal(403, 50013, "Missing Permissions")
        fault = self.by_kind.get("discord_refuses_always")
        if fault is None:
            fault = self.by_kind.get("discord_refuses")
            if fault is None or self._random.random() < 0.3:
                return "", None
        refusals = _REFUSALS if fault.kind == "discord_refuses" else _FOR_GOOD
        status, code, text = refusals[fault.seed % len(refusals)]
        wordy = "boat" in str(body)
        if code in (400001, 40005, 20009) and not files:
            return "", None
        if code in (200000, 240000, 50035) and not wordy:
            return "", None
        if code == 987654 and not files and not wordy:
            return "", None
        return fault.kind, Refusal(status, code, text)


def _by_rule(rules: Iterable[Callable[[Request], Trip | None]], request: Request) -> Trip | None:
    """The result of the first rule that applies to this request, or None."""
    return next((trip for rule in rules if (trip := rule(request)) is not None), None)


def _leaves_in_doubt(trip: Trip) -> bool:
    response = trip.refused or trip.after
    lost = trip.lost_there or trip.lost_back or trip.unreachable or trip.there + trip.back > _UNANSWERED_SECONDS
    return lost or trip.after is not None or (response is not None and response.status >= 500)
