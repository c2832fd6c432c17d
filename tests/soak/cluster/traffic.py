"""Jobs of both generations that begin and end all the time, in servers on every shard."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from pixverse.jobids import mask_email
from sandbox.standalone.remote import OrderFailed
from tests.e2e.cluster.crowd import Server
from tests.soak.cluster.fleet import Fleet

_PROMISED = re.compile(r"^\*\*(Watching|Already)|Posting .* here|I'll post ", re.DOTALL)
_COMMAND_S = 6.0
_AGAIN_S = 1.0
_PROMISED_WITHIN_S = 120.0


class NoPromise(Exception):
    """Members ask again and again, but the bots promise nothing."""


class Traffic:
    """Members who ask until the bot has promised to post; from then on an outcome is owed.

    At most `at_once` ask at the same time, so that a slow machine has fewer of them instead of a growing crowd. A job
    takes at most `longest_s` seconds.
    """

    def __init__(
        self, fleet: Fleet, servers: list[Server], seed: int, *, at_once: int = 12, longest_s: float = 12.0
    ) -> None:
        self._at_once = at_once
        self._longest_s = longest_s
        self._fleet = fleet
        self._servers = servers
        self._chance = Random(f"{seed}:traffic")
        self.expected: list[tuple[str, int]] = []
        """The jobs, by their public ids, and the channels in which their outcomes are owed."""
        self.refusals: Counter[str] = Counter()
        """The first lines of replies that promised nothing."""
        self._asking: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def flowing(self, every_s: float) -> AsyncIterator[None]:
        """Begins a job every `every_s` seconds until the block ends, and then waits until each outcome is promised.

        This way no command is in progress when the next phase begins and kills a bot.
        """
        flow = asyncio.create_task(self._flow(every_s))
        try:
            yield
        finally:
            flow.cancel()
            await asyncio.gather(flow, return_exceptions=True)
        await self._all_promised()

    async def _all_promised(self) -> None:
        """Waits until every member has a promise.

        Raises NoPromise if a member asks in vain for too long.
        """
        if self._asking:
            _, in_vain = await asyncio.wait(self._asking, timeout=_PROMISED_WITHIN_S)
            for task in in_vain:
                task.cancel()
            if in_vain:
                raise NoPromise(f"{len(in_vain)} members ask in vain; what was said: {self.refusals.most_common(5)}")

    async def _flow(self, every_s: float) -> None:
        while True:
            if len(self._asking) < self._at_once:
                self.begin(self._chance.choice(self._servers))
            await asyncio.sleep(self._chance.uniform(0, 2 * every_s))

    def begin(self, server: Server) -> None:
        """Begins a job in a server, for which somebody asks."""
        generation, seconds = self._chance.choice(("v1", "v2")), self._chance.uniform(0.5, self._longest_s)
        task = asyncio.create_task(self._live(server, generation, seconds))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def all_told(self, timeout: float) -> None:
        """Waits until the log shows an outcome for every job."""
        async with asyncio.timeout(timeout):
            while True:
                told = self._told()
                if all(jobid in told for jobid, _ in self.expected):
                    return
                await asyncio.sleep(0.5)

    def _told(self) -> str:
        posts = (event for event in self._fleet.crowd.events("post") if event["status"] == 200)
        shown = (event.get("content", "") for event in posts if "outcome:details" in str(event.get("components")))
        return "\n".join(shown).replace("\\", "")

    async def _live(self, server: Server, generation: str, seconds: float) -> None:
        crowd = self._fleet.crowd
        jobid = await crowd.pixverse.order("job", account=server.account, seconds=seconds, generation=generation)
        while True:
            if await self._promised(server, jobid):
                break
            await asyncio.sleep(_AGAIN_S)
        self.expected.append((mask_email(jobid), server.channel))

    async def _promised(self, server: Server, jobid: str) -> bool:
        try:
            said = await self._fleet.crowd.discord.order(
                "command",
                member=server.member,
                channel=server.channel,
                name="pixverse status",
                options={"jobid": jobid},
                timeout_s=_COMMAND_S,
            )
        except OrderFailed as failure:
            self.refusals[str(failure)[:80]] += 1
            return False
        if _PROMISED.search(said["text"]) is None:
            self.refusals[said["text"].partition("\n")[0][:80]] += 1
            return False
        return True
