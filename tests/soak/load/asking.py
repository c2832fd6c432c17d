"""People who use `/pixverse status` all the time, and how long they wait for a reply."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from sandbox.discord_wire import NotAnswered
from tests.e2e.harness import Harness
from tests.soak.load.crowd import Server
from tests.soak.load.spread import spread

ALLOWED_SECONDS = 3.0
"""Discord waits no longer for the acknowledgement of a command."""
_FINAL_SECONDS = 15.0
_A_SECOND = 8.0
"""Commands of all people together; each person stays below the bot's limit."""
_RIGHT = (
    "**Already watched here.**",
    "**Already posted here.**",
    "** Posting the ",
    "** I'll post the ",
    "Only you see this.",
)


@dataclass
class Waits:
    """Seconds from the command to the acknowledgement ("thinking"), and to the reply's text."""

    first: list[float] = field(default_factory=list)
    text: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def figures(self) -> list[str]:
        """The figures as text."""
        return [
            f"{len(self.text)} commands, first answer: {spread(self.first)}",
            f"{len(self.text)} commands, text to read: {spread(self.text)}",
        ]


class Asking:
    """Asks about running and ended jobs until it is cancelled, publicly and privately."""

    def __init__(self, harness: Harness, servers: Sequence[Server], chance: Random) -> None:
        self._harness = harness
        self._servers = servers
        self._chance = chance
        self.waits = Waits()
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Begins a command at a fixed rate, whether or not earlier ones have their replies."""
        number = 0
        while True:
            task = asyncio.create_task(self._ask(self._servers[number % len(self._servers)]))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
            number += 1
            await asyncio.sleep(1 / _A_SECOND)

    async def answered(self) -> None:
        """Waits until every command has its reply, or can't get one any more."""
        await asyncio.gather(*self._under_way)

    async def _ask(self, server: Server) -> None:
        watched = self._chance.choice(server.watched)
        loop = asyncio.get_running_loop()
        began = loop.time()
        record = server.visitor.begin_slash(
            watched.channel, "pixverse status", jobid=watched.job.jobid, private=self._chance.random() < 0.3
        )
        try:
            await self._harness.discord.until(lambda: record.responded, ALLOWED_SECONDS)
            self.waits.first.append(loop.time() - began)
            answer = await server.visitor.finish(record, _FINAL_SECONDS)
            self.waits.text.append(loop.time() - began)
        except (TimeoutError, NotAnswered) as error:
            self.waits.faults.append(f"not answered: {error}")
            return
        if not any(words in answer.text for words in _RIGHT):
            self.waits.faults.append(f"a wrong answer: {answer.text}")
