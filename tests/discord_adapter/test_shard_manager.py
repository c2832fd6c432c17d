"""Shards that are opened and closed at run time, and handovers between clients without unanswered commands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Never
from unittest.mock import AsyncMock, Mock

import discord
import pytest

from discord_adapter.acknowledging import acknowledge
from discord_adapter.client import DiscordTokenRefused, RelayClient, log_in, use_discord_at
from discord_adapter.gateway import stay_connected
from discord_adapter.shard_connection import GatewayInfo, ask_gateway
from discord_adapter.shard_manager import ShardManager
from relay.cluster.identify_pacing import SessionStartLimit
from relay.ports import NoMeters
from sandbox.discord_wire import Channel, DiscordSandbox, Guild, Member, Status
from sandbox.event_log import read_events
from tests.clock import ManualClock

_SHARDS = 2


class Process:
    """A client with shards, like one bot process; it answers every command with its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.clock = ManualClock()
        self.client = RelayClient(NoMeters())
        self.client.started = self._nothing_to_start
        self.client.button_handlers = Mock(lets_in=AsyncMock(return_value=False))  # `on_interaction` answers
        self.slots: list[int] = []
        self.remaining: list[int] = []
        self.may_identify = asyncio.Event()
        self.may_identify.set()
        self.waits: list[float] = []
        self.heard: list[str] = []
        self.shards = ShardManager(
            self.client, self._take_slot, monotonic=self.clock.monotonic, sleep=self._sleep, patience=5.0
        )
        self.client.add_listener(self.on_interaction)
        self.client.add_listener(self.on_guild_channel_create)

    async def start(self, sandbox: DiscordSandbox) -> None:
        use_discord_at(sandbox.api_url)
        await log_in(self.client, sandbox.bot_token, self._sleep)
        self.shards.begin((await ask_gateway(self.client)).shards)

    async def end(self) -> None:
        await self.shards.end()
        await self.client.close()

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        self.heard.append("interaction")
        if await acknowledge(lambda: interaction.response.defer(ephemeral=True), self._sleep):
            await interaction.followup.send(self.name, ephemeral=True)

    async def on_guild_channel_create(self, channel: discord.abc.GuildChannel) -> None:
        self.heard.append(channel.name)

    async def _take_slot(self, shard_id: int, limit: SessionStartLimit) -> bool:
        await self.may_identify.wait()
        self.slots.append(shard_id)
        self.remaining.append(limit.remaining)
        return True

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        await asyncio.sleep(0)

    async def _nothing_to_start(self) -> None:
        pass


class Place:
    """A server of one shard, with a member."""

    def __init__(self, guild: Guild) -> None:
        self.guild = guild
        self.channel: Channel = guild.add_text_channel("videos")
        self.alice: Member = guild.add_member("alice")

    async def ask(self) -> str:
        answer = await self.alice.slash(self.channel, "status")
        return answer.text


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


@pytest.fixture
async def sandbox(log: Path) -> AsyncIterator[DiscordSandbox]:
    running = await DiscordSandbox.start(log_path=log)
    running.gateway.shards = _SHARDS
    command = {"name": "status", "description": "Where a job stands", "type": 1}
    running.world.backend.register_commands(None, [command])
    yield running
    await running.stop()


@pytest.fixture
def places(sandbox: DiscordSandbox) -> list[Place]:
    """One for each shard, in their order."""
    return [Place(sandbox.add_guild("Studio", shard=(shard, _SHARDS))) for shard in range(_SHARDS)]


Start = Callable[[str], Awaitable[Process]]


@pytest.fixture
async def start(sandbox: DiscordSandbox, places: list[Place]) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def started(name: str) -> Process:
            process = Process(name)
            stack.push_async_callback(process.end)
            await process.start(sandbox)
            return process

        yield started


def events(log: Path, *kinds: str) -> list[dict[str, Any]]:
    return [event for event in read_events(log) if event["event"] in kinds]


async def test_each_client_gets_the_events_of_its_shards_servers(
    start: Start, sandbox: DiscordSandbox, places: list[Place]
) -> None:
    one, two = await start("one"), await start("two")
    await asyncio.gather(one.shards.add(0), two.shards.add(1))
    assert (sorted(one.shards.held), sorted(two.shards.held)) == ([0], [1])
    assert [await place.ask() for place in places] == ["one", "two"]
    assert (one.heard, two.heard) == (["interaction"], ["interaction"])


async def test_a_shard_is_handed_over_before_it_is_released(
    start: Start, sandbox: DiscordSandbox, places: list[Place], log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """During the handover both get each interaction, and one answers."""
    one, two = await start("one"), await start("two")
    await one.shards.add(0)
    await one.shards.add(1)
    caplog.clear()
    await two.shards.add(1)
    answers = [await places[1].ask() for _ in range(5)]
    assert set(answers) <= {"one", "two"}
    await sandbox.until(lambda: (len(one.heard), len(two.heard)) == (5, 5))
    await sandbox.until(lambda: len(events(log, "acknowledge")) == 10)
    await one.shards.drop(1)
    assert one.shards.held == {0}
    assert await places[1].ask() == "two"
    assert await places[0].ask() == "one"

    acknowledged = events(log, "acknowledge")
    assert sorted(event["status"] for event in acknowledged) == [200] * 7 + [400] * 5
    assert {event["code"] for event in acknowledged if event["status"] == 400} == {40060}
    replies = [event["interaction"] for event in events(log, "reply")]
    assert len(replies) == len(set(replies)) == 7
    *_, before, after, closed = events(log, "identify", "close")
    assert [event["shard"] for event in (before, after, closed)] == [1, 1, 1]
    assert (closed["event"], closed["session"], closed["code"]) == ("close", before["session"], 4000)
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_dropped_shard_is_forgotten_and_can_be_taken_again(
    start: Start, sandbox: DiscordSandbox, places: list[Place]
) -> None:
    one = await start("one")
    await asyncio.gather(one.shards.add(0), one.shards.add(1))
    await sandbox.until(lambda: all(one.client.get_guild(place.guild.id) for place in places))
    await one.shards.drop(1)
    assert [one.client.get_guild(place.guild.id) is not None for place in places] == [True, False]
    places[1].guild.add_text_channel("unheard")
    await one.shards.add(1)
    await sandbox.until(lambda: one.client.get_guild(places[1].guild.id) is not None)
    assert await places[1].ask() == "one"
    assert one.heard == ["interaction"]
    await one.shards.drop(7)


async def test_a_slot_is_taken_before_the_gateway_is_opened(start: Start, sandbox: DiscordSandbox) -> None:
    one = await start("one")
    one.may_identify.clear()
    adding = asyncio.create_task(one.shards.add(0))
    await sandbox.until(lambda: [call.path for call in sandbox.requests].count("/gateway/bot") == 2)
    assert sandbox.gateway.identified == 0
    assert not adding.done()
    one.may_identify.set()
    await adding
    assert one.slots == [0]


async def test_discord_is_asked_for_its_limit_once_for_many_shards(start: Start, sandbox: DiscordSandbox) -> None:
    sandbox.gateway.shards = 20
    one = await start("one")
    assert one.shards.identifies() is None
    await asyncio.gather(*(one.shards.add(shard_id) for shard_id in range(20)))
    asked = [call.path for call in sandbox.requests].count("/gateway/bot")
    assert asked == 2  # how many shards there are, and what is left
    assert one.remaining == list(range(1000, 980, -1))
    one.clock.forward(5)
    await one.shards.drop(0)
    await one.shards.add(0)
    assert [call.path for call in sandbox.requests].count("/gateway/bot") == asked + 1
    assert one.remaining[-1] == 980
    known = one.shards.identifies()
    assert known is not None
    assert (known.remaining, known.total) == (979, 1000)
    one.clock.forward(known.reset_after_s + 1)
    known = one.shards.identifies()
    assert known is not None
    assert known.remaining == 1000


async def test_a_shard_that_waits_for_its_slot_delays_no_other(
    start: Start, sandbox: DiscordSandbox, places: list[Place]
) -> None:
    one = await start("one")
    await one.shards.add(0)
    one.may_identify.clear()
    one.shards.connect(1)
    sandbox.gateway.cut()
    await sandbox.until(lambda: sandbox.gateway.resumed == 1)
    assert await places[0].ask() == "one"
    assert one.slots == [0]


async def test_an_invalid_session_waits_for_a_slot_again(
    start: Start, sandbox: DiscordSandbox, places: list[Place]
) -> None:
    sandbox.starts.enforced = True
    one = await start("one")
    await one.shards.add(0)
    one.shards.connect(1)
    await sandbox.until(lambda: one.slots.count(1) > 2)
    assert one.waits[:2] == [1, 2]
    sandbox.advance(6)
    await one.shards.add(1)
    assert await places[1].ask() == "one"


async def test_sessions_that_end_for_good_are_over(start: Start, sandbox: DiscordSandbox, log: Path) -> None:
    one = await start("one")
    await asyncio.gather(one.shards.add(0), one.shards.add(1))
    await one.shards.end()
    await sandbox.until(lambda: not sandbox.gateway.sessions)
    assert [event["code"] for event in events(log, "close")] == [1000, 1000]
    assert one.shards.held == frozenset()


async def test_a_refused_shard_is_reported(start: Start, sandbox: DiscordSandbox) -> None:
    one = await start("one")
    await one.shards.add(0)
    sandbox.gateway.refuses_with = 4013
    with pytest.raises(discord.ConnectionClosed) as refused:
        await asyncio.wait_for(one.shards.add(1), 10)
    assert refused.value.code == 4013
    with pytest.raises(discord.ConnectionClosed):
        await asyncio.wait_for(one.shards.failure(), 10)


async def test_a_process_that_may_not_continue_ends(start: Start, sandbox: DiscordSandbox) -> None:
    """Discord voids the token after too many IDENTIFYs, whoever sent them."""
    one = await start("one")
    staying = asyncio.create_task(stay_connected(one.shards, one._sleep))
    await sandbox.until(lambda: len(sandbox.gateway.connected) == _SHARDS)
    two = await start("two")
    two.may_identify.clear()
    asked = [call.path for call in sandbox.requests].count("/gateway/bot")
    adding = asyncio.create_task(two.shards.add(0))
    await sandbox.until(lambda: [call.path for call in sandbox.requests].count("/gateway/bot") > asked)
    sandbox.starts.enforced, sandbox.starts.total = True, 2  # after it was told that it may
    two.may_identify.set()
    with pytest.raises(discord.ConnectionClosed):
        await adding
    with pytest.raises(DiscordTokenRefused):
        await asyncio.wait_for(staying, 10)


async def test_an_unexplained_error_is_counted_and_the_gateway_is_retried(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    one = await start("one")
    errors = [
        KeyError("session_id"),
        OSError("no route"),
        discord.ConnectionClosed(Mock(), shard_id=0, code=4004),  # the token is refused
    ]

    async def connect_shards(_shards: ShardManager, _info: GatewayInfo) -> Never:
        raise errors.pop(0)

    with caplog.at_level(logging.ERROR), pytest.raises(DiscordTokenRefused):
        await stay_connected(one.shards, one._sleep, connect_shards)
    assert one.shards.failures == 1
    assert [record.getMessage() for record in caplog.records] == ["discord.py failed at the gateway"]


async def test_how_long_some_shard_has_been_away(start: Start, sandbox: DiscordSandbox) -> None:
    one = await start("one")
    assert one.shards.away_for() == 0  # it is to hold none yet
    one.may_identify.clear()
    one.shards.connect(0)
    one.clock.forward(5)
    assert one.shards.away_for() == 5
    one.may_identify.set()
    await one.shards.add(0)
    assert one.shards.away_for() == 0
    await sandbox.until(lambda: one.shards.slowest_latency() >= 0)
    sandbox.gateway.closed = True
    sandbox.gateway.cut()
    await sandbox.until(lambda: bool(one.waits))
    one.clock.forward(7)
    assert one.shards.away_for() == 7


async def test_failed_attempts_do_not_restart_the_away_time(start: Start, sandbox: DiscordSandbox) -> None:
    one = await start("one")
    await one.shards.add(0)
    sandbox.gateway.closed = True
    sandbox.gateway.cut()
    await sandbox.until(lambda: bool(one.waits))
    for _ in range(3):
        one.clock.forward(5)
        await one.shards.end()
        one.clock.forward(5)
        assert one.shards.away_for() % 10 == 0
        one.shards.begin(_SHARDS)
        one.shards.connect(0)
        await asyncio.sleep(0)
    assert one.shards.away_for() == 30


def test_before_the_first_connection_it_counts_as_away_from_the_start() -> None:
    clock = ManualClock()
    client = RelayClient(NoMeters())
    shards = ShardManager(client, lambda *_: _never(), monotonic=clock.monotonic, sleep=clock.sleep)
    clock.forward(5)
    assert shards.away_for() == 5


async def _never() -> bool:
    raise AssertionError


async def test_an_outage_of_discord_costs_no_slot(start: Start, sandbox: DiscordSandbox) -> None:
    """An IDENTIFY is asked for only once Discord answers."""
    one = await start("one")
    fault = sandbox.faults.add(path="/gateway/bot", action=Status(503), times=3)
    await one.shards.add(0)
    assert fault.hits == 3
    assert one.slots == [0]
    assert one.waits == [1, 2, 4]
