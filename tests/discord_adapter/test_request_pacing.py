"""Requests keep within a rate, except those that Discord does not count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
import yarl
from discord.http import Route

from discord_adapter.client import RelayClient
from discord_adapter.rate_limits import RequestPacer, counts_globally
from relay.ports import NoMeters
from sandbox.discord_wire import DiscordSandbox
from tests.clock import ManualClock

RATE = 20.0


@pytest.mark.parametrize(
    ("url", "counts"),
    [
        ("https://discord.com/api/v10/channels/1/messages", True),
        ("http://127.0.0.1:8080/api/v10/gateway/bot", True),
        ("https://discord.com/api/v10/interactions/1/token/callback", False),
        ("https://discord.com/api/v10/webhooks/1/token/messages/@original", False),
        ("wss://gateway.discord.gg/?v=10", False),
        ("ws://127.0.0.1:8080/?v=10", False),
    ],
)
def test_which_requests_discord_counts(url: str, counts: bool) -> None:
    assert counts_globally(yarl.URL(url)) is counts


async def test_requests_go_in_order_and_a_cancelled_one_uses_no_slot() -> None:
    clock, went = ManualClock(), list[int]()
    pacer = RequestPacer(lambda: 2.0, clock.monotonic, clock.sleep)

    async def ask(number: int) -> None:
        await pacer.wait()
        went.append(number)

    asking = [asyncio.create_task(ask(number)) for number in range(4)]
    await asyncio.sleep(0)
    assert went == [0]
    asking[1].cancel()
    await asyncio.gather(asking[1], return_exceptions=True)
    for seconds in (0.4, 0.2):
        clock.forward(seconds)
        for _ in range(5):
            await asyncio.sleep(0)
    assert went == [0, 2]
    clock.forward(0.6)
    await asyncio.gather(asking[2], asking[3])
    assert went == [0, 2, 3]


async def test_a_falling_rate_applies_to_those_who_wait() -> None:
    clock, rate = ManualClock(), 2.0
    pacer = RequestPacer(lambda: rate, clock.monotonic, clock.sleep)
    await pacer.wait()
    second = asyncio.create_task(pacer.wait())
    await asyncio.sleep(0)
    rate = 1.0
    clock.forward(0.5)
    for _ in range(5):
        await asyncio.sleep(0)
    assert not second.done()
    clock.forward(0.5)
    await second


@pytest.fixture
async def sandbox() -> AsyncIterator[DiscordSandbox]:
    running = await DiscordSandbox.start()
    yield running
    await running.stop(strict=False)


async def test_every_request_of_the_client_waits_for_its_slot(
    sandbox: DiscordSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Route, "BASE", sandbox.api_url)
    client = RelayClient(NoMeters())
    await client.login(sandbox.bot_token)
    client.pacer = RequestPacer(lambda: RATE, time.monotonic, asyncio.sleep)
    began = list[float]()
    wait = client.pacer.wait

    async def noted() -> None:
        await wait()
        began.append(time.monotonic())

    monkeypatch.setattr(client.pacer, "wait", noted)
    await asyncio.gather(*(client.http.get_user(sandbox.bot_id) for _ in range(10)))
    await client.http.close()
    assert len(began) == 10
    assert all(later - earlier >= 1 / RATE for earlier, later in pairwise(began))
