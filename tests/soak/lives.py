"""One life of the bot after another, each ended by kill -9."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random

from tests.e2e.harness import Harness
from tests.e2e.ledger import MINUTE
from tests.soak.counting import unsettled
from tests.soak.discord_faults import inject_faults
from tests.soak.feeding import Feeding
from tests.soak.instants import Instant, WhileStopping, draw

_OPEN_JOBS = 60
_PAST_MEMORY = 0.3
"""The share of kills after which Discord has forgotten the nonces."""
_AGED_BY = 10 * MINUTE
_SETTLE_SECONDS = 60.0


class Lives:
    """Starts, feeds and kills the bot."""

    def __init__(self, harness: Harness, feeding: Feeding, seed: int) -> None:
        self._harness = harness
        self._feeding = feeding
        self._seed = seed
        self.kills: Counter[str] = Counter()
        """The kills, by instant."""
        self.forgotten = 0
        """How many kills there were after which Discord had forgotten the nonces."""
        self._aged = 0

    async def live_and_die(self, number: int) -> None:
        """Runs one life. All randomness follows from the seed and the life's number."""
        chance = Random(f"{self._seed}:{number}")
        instant = draw(chance, will_look=self._aged > 0)
        inject_faults(self._harness, chance)
        await self._harness.bot.start()
        going_on = [asyncio.create_task(self._end_jobs(chance)), asyncio.create_task(self._ask_for_jobs(chance))]
        came = await instant.come(self._harness)
        for task in going_on:
            task.cancel()
        await self._kill(instant)
        self._harness.discord.faults.clear()
        await asyncio.gather(*going_on, return_exceptions=True)
        await instant.over(self._harness)
        self.kills[instant.name if came else f"{instant.name} (did not come)"] += 1
        self._aged = self._let_time_pass() if chance.random() < _PAST_MEMORY else 0
        self._harness.discord.requests.clear()

    async def _kill(self, instant: Instant) -> None:
        if self._harness.bot.running:
            await self._harness.kill()
            return
        if not isinstance(instant, WhileStopping) or await self._harness.bot.ended() != 0:
            raise AssertionError("the bot ended by itself; it said:\n" + "\n".join(self._harness.bot.lines[-30:]))
        await self._harness.gone()

    async def settle(self) -> None:
        """Lets the running bot post everything that is due, including deferred deliveries."""
        self._harness.ledger.change("UPDATE deliveries SET next_at = created_at WHERE state = 'waiting'")
        await self._harness.start()
        await self._feeding.answered()
        try:
            await self._harness.pixverse.until(
                lambda: not unsettled(self._harness, self._feeding), timeout=_SETTLE_SECONDS
            )
        except TimeoutError:
            print(f"still to come: {unsettled(self._harness, self._feeding)}")

    async def _end_jobs(self, chance: Random) -> None:
        longest = chance.choice((0.02, 0.3, 0.6))  # sometimes all at once
        for _ in range(chance.randint(3, 12)):
            self._feeding.end_one(chance)
            await asyncio.sleep(chance.uniform(0, longest))

    async def _ask_for_jobs(self, chance: Random) -> None:
        await self._harness.ready()
        while True:
            if len(self._feeding.open) < _OPEN_JOBS:
                self._feeding.ask(chance)
            await asyncio.sleep(chance.uniform(0, 0.1))

    def _let_time_pass(self) -> int:
        """Simulates ten minutes offline. Returns the number of messages whose fate the bot doesn't know."""
        self._harness.discord.forget_nonces()
        self.forgotten += 1
        return self._harness.ledger.change(
            "UPDATE deliveries SET unanswered_at = unanswered_at - ? WHERE unanswered_at IS NOT NULL", _AGED_BY
        )
