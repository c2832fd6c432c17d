"""When the bot is killed: at a random time, or at a chosen instant while a response that it waits for is held."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from sandbox.discord_wire import Hold
from sandbox.discord_wire.faults import When
from sandbox.discord_wire.recording import RecordedRequest
from sandbox.pixverse_api import faults
from tests.e2e.harness import Harness

_MESSAGES = r"/channels/\d+/messages"


class Instant(Protocol):
    """Something to wait for before the kill."""

    name: str

    async def come(self, harness: Harness) -> bool:
        """Waits for the instant. Returns whether it came in time."""
        ...

    async def over(self, harness: Harness) -> None:
        """Ends the instant after the kill: nothing is held any more."""
        ...


@dataclass
class AnyTime:
    """A number of seconds after the process was started."""

    seconds: float
    name: str = "at random"

    async def come(self, harness: Harness) -> bool:
        await asyncio.sleep(self.seconds)
        return True

    async def over(self, harness: Harness) -> None:
        return


@dataclass
class WhileStopping:
    """While the bot stops: it gets less time than it needs, or just enough."""

    seconds: float
    grace: float
    name: str = "while it was stopping"

    async def come(self, harness: Harness) -> bool:
        await asyncio.sleep(self.seconds)
        harness.bot.terminate()
        await asyncio.sleep(self.grace)
        return True

    async def over(self, harness: Harness) -> None:
        return


@dataclass
class HeldByDiscord:
    """While Discord holds the response to a request, which was carried out or not."""

    name: str
    method: str
    path: str
    when: When
    word: str = ""
    """Part of the request."""
    skip: int = 0
    """How many such requests are let through first."""
    patience: float = 5.0
    _hold: Hold = field(default_factory=Hold)

    async def come(self, harness: Harness) -> bool:
        harness.discord.faults.add(
            method=self.method, path=self.path, when=self.when, action=self._hold, match=self._is_meant
        )
        with suppress(TimeoutError):
            async with asyncio.timeout(self.patience):
                await self._hold.reached.wait()
        return self._hold.reached.is_set()

    async def over(self, harness: Harness) -> None:
        if self._hold.reached.is_set():
            # Released too early, the held requests would be carried out after the kill.
            async with asyncio.timeout(10):
                await self._hold.gone.wait()
        self._hold.release.set()

    def _is_meant(self, request: RecordedRequest) -> bool:
        if self.word not in str(request.json):
            return False
        self.skip -= 1
        return self.skip < 0


@dataclass
class HeldByPixVerse:
    """While the API or its CDN holds the response to a request."""

    name: str
    cdn: bool
    patience: float = 5.0
    _event: asyncio.Event = field(default_factory=asyncio.Event)

    async def come(self, harness: Harness) -> bool:
        where = harness.pixverse.cdn if self.cdn else harness.pixverse
        fault = where.faults.add(faults.Hold(self._event))
        with suppress(TimeoutError):
            await harness.pixverse.until(lambda: fault.played > 0, timeout=self.patience)
        return fault.played > 0

    async def over(self, harness: Harness) -> None:
        harness.pixverse.faults.clear()
        harness.pixverse.cdn.faults.clear()
        self._event.set()


def draw(chance: Random, *, will_look: bool) -> Instant:
    """Draws an instant. `will_look`: the bot will read a history."""
    if will_look and chance.random() < 0.4:
        return HeldByDiscord("looking into the history", "GET", _MESSAGES, "after", patience=3.0)
    if chance.random() < 0.45:
        return AnyTime(chance.uniform(0.2, 3.5))
    skip = chance.randint(0, 2)
    choices: list[Instant] = [
        HeldByDiscord("outcome not stored yet", "POST", _MESSAGES, "before", "outcome:details", skip),
        HeldByDiscord("outcome stored", "POST", _MESSAGES, "after", "outcome:details", skip),
        HeldByDiscord("outcome stored", "POST", _MESSAGES, "after", "outcome:details", skip),
        HeldByDiscord("any message stored", "POST", _MESSAGES, "after", "", skip),
        HeldByDiscord("any message not stored yet", "POST", _MESSAGES, "before", "", skip),
        HeldByDiscord("card edited", "PATCH", _MESSAGES + r"/\d+", "after", "", skip),
        HeldByDiscord("command heard", "POST", r"/interactions/.*", "after", "", skip),
        HeldByDiscord("command answered", "PATCH", r"/webhooks/.*", "after", "", skip),
        HeldByPixVerse("asking the API", cdn=False),
        HeldByPixVerse("fetching a video", cdn=True),
        WhileStopping(chance.uniform(1.2, 3.0), chance.uniform(0, 0.4)),
    ]
    return chance.choice(choices)
