"""Several processes share the gateway's shards by reading and writing the same rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Never, cast
from unittest.mock import AsyncMock, Mock

import discord
import pytest

from discord_adapter.acknowledging import acknowledge
from discord_adapter.client import RelayClient, log_in, use_discord_at
from discord_adapter.gateway import stay_connected
from discord_adapter.shard_connection import ask_gateway
from discord_adapter.shard_coordinator import AWAY_S, ShardCoordinator, share_shards
from discord_adapter.shard_manager import ShardManager
from relay.cluster.identify_pacing import SessionStartLimit
from relay.cluster.membership import Membership
from relay.cluster.shard_plan import ANYBODY_AFTER_S, DRAIN_S
from relay.ports import NoMeters
from sandbox.discord_wire import Channel, DiscordSandbox, Member
from sandbox.event_log import read_events
from storage.errors import StorageUnavailable
from storage.processes import Process, ShardLease
from tests.clock import ManualClock

_SHARDS = 4


@dataclass
class Table:
    """The rows that all processes read, as the database keeps them."""

    leases: dict[int, ShardLease] = field(
        default_factory=lambda: {shard: ShardLease(shard, None) for shard in range(_SHARDS)}
    )
    processes: dict[str, Process] = field(default_factory=dict)
    down: bool = False
    while_reading: Callable[[], Awaitable[None]] | None = None
    """What happens between a look and its answer."""
    taken_unconnected: list[int] = field(default_factory=list)
    """Shards that a process took from a live one before it was connected itself."""

    def holders(self) -> dict[str, list[int]]:
        held: dict[str, list[int]] = {name: [] for name in self.processes}
        for lease in self.leases.values():
            if lease.owner is not None:
                held.setdefault(lease.owner, []).append(lease.shard_id)
        return held

    def dead(self, name: str) -> None:
        """A process's lease has run out."""
        del self.processes[name]
        for shard, lease in self.leases.items():
            owner = None if lease.owner == name else lease.owner
            successor = None if lease.successor == name else lease.successor
            self.leases[shard] = ShardLease(shard, owner, successor)


class Leases:
    """A process's Membership on these rows."""

    def __init__(self, table: Table, process_id: str) -> None:
        self._table = table
        self.process_id = process_id
        self.has_lease = True
        self.connected: Callable[[], frozenset[int]] = frozenset

    async def read_shards(self) -> tuple[list[ShardLease], list[Process]]:
        self._require_up()
        rows = list(self._table.leases.values()), list(self._table.processes.values())
        if self._table.while_reading is not None:
            await self._table.while_reading()
        return rows

    async def agree_on_shards(self, wanted: int) -> int:
        if all(lease.owner is None for lease in self._table.leases.values()):
            self._table.leases = {shard: ShardLease(shard, None) for shard in range(wanted)}
        return len(self._table.leases)

    async def begin_draining(self) -> None:
        self._table.processes[self.process_id] = Process(self.process_id, draining=True)

    async def take_shard(self, shard: int) -> bool:
        lease = self._lease(shard)
        if lease.owner is not None and lease.successor != self.process_id:
            return False
        if lease.owner is not None and shard not in self.connected():
            self._table.taken_unconnected.append(shard)
        self._table.leases[shard] = replace(lease, owner=self.process_id, successor=None)
        return True

    async def ask_for_shard(self, shard: int) -> bool:
        lease = self._lease(shard)
        if lease.owner is None or lease.successor is not None:
            return False
        self._table.leases[shard] = replace(lease, successor=self.process_id)
        return True

    async def release_shard(self, shard: int) -> None:
        lease = self._lease(shard)
        owner = None if lease.owner == self.process_id else lease.owner
        successor = None if lease.successor == self.process_id else lease.successor
        self._table.leases[shard] = replace(lease, owner=owner, successor=successor)

    def _lease(self, shard: int) -> ShardLease:
        self._require_up()
        return self._table.leases[shard]

    def _require_up(self) -> None:
        if self._table.down:
            raise StorageUnavailable("down")


class Bot:
    """A bot process with its shards; it answers every command with its name."""

    def __init__(
        self, name: str, table: Table, sandbox: DiscordSandbox, shard_ids: frozenset[int] | None = None
    ) -> None:
        self.name = name
        self.clock = ManualClock()
        self.waits: list[float] = []
        self.heard: list[str] = []
        self.leases = Leases(table, name)
        self._table = table
        self._sandbox = sandbox
        self.client = RelayClient(NoMeters())
        self.client.started = self._nothing_to_start
        self.client.button_handlers = Mock(lets_in=AsyncMock(return_value=False))  # `on_interaction` answers
        self.client.add_listener(self.on_interaction)
        self.client.add_listener(self.on_guild_channel_update)
        self.shards = ShardManager(self.client, self._slot, monotonic=self.clock.monotonic, sleep=self._sleep)
        self.leases.connected = lambda: self.shards.connected
        self.coordinator = ShardCoordinator(
            self.shards,
            cast("Membership", self.leases),
            _SHARDS,
            monotonic=self.clock.monotonic,
            sleep=self._sleep,
            shard_ids=shard_ids,
        )

    async def start(self) -> None:
        use_discord_at(self._sandbox.api_url)
        await log_in(self.client, self._sandbox.bot_token, self._sleep)
        self.shards.begin((await ask_gateway(self.client)).shards)
        self._table.processes[self.name] = Process(self.name)

    async def stay(self) -> Never:
        """As long as it is not cancelled."""
        clock: Any = SimpleNamespace(monotonic=self.clock.monotonic, sleep=self._sleep)
        connect_shards = partial(share_shards, cast("Membership", self.leases), clock, None, lambda: None)
        await stay_connected(self.shards, self._sleep, connect_shards)

    async def kill(self) -> None:
        """Kills the process; its rows stay until another process notices that they have expired."""
        await self.end()
        self._table.dead(self.name)

    async def end(self) -> None:
        await self.shards.end()
        await self.client.close()

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        if await acknowledge(lambda: interaction.response.defer(ephemeral=True), self._sleep):
            await interaction.followup.send(self.name, ephemeral=True)

    async def on_guild_channel_update(self, _: discord.abc.GuildChannel, _after: discord.abc.GuildChannel) -> None:
        self.heard.append("changed")

    async def _slot(self, _shard_id: int, _limit: SessionStartLimit) -> bool:
        return True

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.forward(seconds)
        await asyncio.sleep(0.01)

    async def _nothing_to_start(self) -> None:
        pass


@dataclass
class Cluster:
    sandbox: DiscordSandbox
    table: Table
    log: Path
    places: list[tuple[Channel, Member]]
    stack: AsyncExitStack

    async def start(self, name: str, *shard_ids: int) -> Bot:
        bot = Bot(name, self.table, self.sandbox, frozenset(shard_ids) or None)
        self.stack.push_async_callback(bot.end)
        await bot.start()
        return bot

    async def settle(self, *bots: Bot) -> None:
        """Lets all processes run until nothing changes."""
        before = None
        while before != (before := self._state(bots)) or any(bot.coordinator._handovers for bot in bots):
            for bot in bots:
                await bot.coordinator.turn()
            await self.sandbox.until(lambda: all(bot.shards.connected == bot.shards.held for bot in bots))
            await asyncio.sleep(0.02)

    def _state(self, bots: tuple[Bot, ...]) -> object:
        return [sorted(self.table.leases.values(), key=repr), [bot.shards.held for bot in bots]]

    async def ask(self) -> list[str]:
        """Returns who answers a command in a server of each shard, in the shards' order."""
        answers = (member.slash(channel, "status") for channel, member in self.places)
        return [answer.text for answer in await asyncio.gather(*answers)]

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in read_events(self.log) if event["event"] in kinds]


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    log = tmp_path / "events.jsonl"
    async with await DiscordSandbox.start(log_path=log) as sandbox, AsyncExitStack() as stack:
        sandbox.gateway.shards = _SHARDS
        command = {"name": "status", "description": "Where a job stands", "type": 1}
        sandbox.world.backend.register_commands(None, [command])
        places = []
        for shard in range(_SHARDS):
            guild = sandbox.add_guild("Studio", shard=(shard, _SHARDS))
            places.append((guild.add_text_channel("videos"), guild.add_member("alice")))
        yield Cluster(sandbox, Table(), log, places, stack)


async def test_two_processes_share_the_shards(cluster: Cluster) -> None:
    one, two = await cluster.start("one"), await cluster.start("two")
    await cluster.settle(one, two)
    assert cluster.table.holders() == {"one": [0, 2], "two": [1, 3]}
    assert await cluster.ask() == ["one", "two", "one", "two"]
    assert len(cluster.events("identify")) == _SHARDS


async def test_shards_assigned_by_hand(cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    one, two = await cluster.start("one", 0, 1, 2), await cluster.start("two", 2, 3)
    await cluster.settle(one, two)
    assert cluster.table.holders() == {"one": [0, 1, 2], "two": [3]}
    assert await cluster.ask() == ["one", "one", "one", "two"]
    told = [record.getMessage() for record in caplog.records if record.name == "discord_adapter.shard_coordinator"]
    assert told == ["SHARD_IDS names 2, which another process holds; take it out of one of the two"]


async def test_a_dead_process_s_shards_are_taken_over(cluster: Cluster) -> None:
    one, two = await cluster.start("one"), await cluster.start("two")
    await cluster.settle(one, two)
    await two.kill()
    await cluster.settle(one)
    assert cluster.table.holders() == {"one": [0, 1, 2, 3]}
    assert await cluster.ask() == ["one"] * 4


async def test_a_new_process_is_handed_its_share_and_every_shard_keeps_a_session(cluster: Cluster) -> None:
    one = await cluster.start("one")
    await cluster.settle(one)
    two = await cluster.start("two")
    asking = asyncio.create_task(_ask_all_the_time(cluster))
    await cluster.settle(one, two)
    asking.cancel()
    held = cluster.table.holders()
    assert [len(held["one"]), len(held["two"])] == [2, 2]
    assert await cluster.ask() == ["two" if shard in held["two"] else "one" for shard in range(_SHARDS)]
    _never_without_a_session(cluster)
    assert len(cluster.events("identify")) == _SHARDS + 2
    await cluster.settle(one, two)
    assert cluster.table.holders() == held


async def _ask_all_the_time(cluster: Cluster) -> None:
    while True:
        await cluster.ask()  # raises NotAnswered


def _never_without_a_session(cluster: Cluster) -> None:
    """From its first READY on, each shard has a session at every moment."""
    assert cluster.table.taken_unconnected == []
    sessions = dict.fromkeys(range(_SHARDS), 0)
    for event in cluster.events("identify", "close"):
        sessions[event["shard"]] += 1 if event["event"] == "identify" else -1
        assert event["event"] == "identify" or sessions[event["shard"]] > 0, event
    assert {event["code"] for event in cluster.events("close")} == {4000}


async def test_a_draining_process_leaves_no_command_without_a_response(cluster: Cluster) -> None:
    one, two = await cluster.start("one"), await cluster.start("two")
    await cluster.settle(one, two)
    asking = asyncio.create_task(_ask_all_the_time(cluster))
    cluster.table.processes["one"] = Process("one", draining=True)
    draining = asyncio.create_task(one.coordinator.drain(lambda: None))
    while not draining.done():
        await two.coordinator.turn()
        await asyncio.sleep(0.01)
    assert asking.cancel()
    assert cluster.table.holders() == {"one": [], "two": [0, 1, 2, 3]}
    assert one.shards.held == frozenset()
    _never_without_a_session(cluster)
    assert await cluster.ask() == ["two"] * 4


async def test_the_last_process_releases_its_shards_at_once(cluster: Cluster) -> None:
    one = await cluster.start("one")
    await cluster.settle(one)
    cluster.table.processes["one"] = Process("one", draining=True)
    one.waits.clear()
    handing_over: list[bool] = []
    await one.coordinator.drain(lambda: handing_over.append(True))
    assert (one.waits, handing_over) == ([], [])
    assert cluster.table.holders() == {"one": []}
    await cluster.sandbox.until(lambda: len(cluster.events("close")) == _SHARDS)
    assert {event["code"] for event in cluster.events("close")} == {1000}


async def test_a_shard_that_nobody_takes_in_time_is_released(cluster: Cluster) -> None:
    one = await cluster.start("one")
    await cluster.settle(one)
    cluster.table.processes |= {"one": Process("one", draining=True), "lazy": Process("lazy")}
    one.waits.clear()
    handing_over: list[bool] = []
    await one.coordinator.drain(lambda: handing_over.append(True))
    assert handing_over == [True]
    assert sum(one.waits) == pytest.approx(DRAIN_S)
    assert cluster.table.holders()["one"] == []


@pytest.mark.parametrize("is_noticed", [True, False])
async def test_a_process_that_loses_its_lease_closes_its_shards_and_resumes_them(
    cluster: Cluster, is_noticed: bool
) -> None:
    """As in an outage of the database. It may have a new lease before the next look at the rows."""
    one = await cluster.start("one")
    await cluster.settle(one)
    one.leases.has_lease = False
    if is_noticed:
        await one.coordinator.turn()
        assert one.shards.held == frozenset()
        await cluster.sandbox.until(lambda: len(cluster.events("close")) == _SHARDS)
    cluster.places[0][0].deny_bot(attach_files=True)
    cluster.table.dead("one")
    cluster.table.processes["one"] = Process("one")
    one.leases.has_lease = True
    await cluster.settle(one)
    assert [event["code"] for event in cluster.events("close")] == [4000] * _SHARDS
    assert await cluster.ask() == ["one"] * 4
    assert (cluster.sandbox.gateway.identified, cluster.sandbox.gateway.resumed) == (_SHARDS, _SHARDS)
    await cluster.sandbox.until(lambda: one.heard == ["changed"])  # what was missed meanwhile


async def test_a_shard_that_another_process_took_is_forgotten(cluster: Cluster) -> None:
    one = await cluster.start("one")
    await cluster.settle(one)
    guilds = [channel.guild.id for channel, _ in cluster.places]
    await cluster.sandbox.until(lambda: all(one.client.get_guild(guild_id) for guild_id in guilds))
    one.leases.has_lease = False
    await one.coordinator.turn()
    cluster.table.leases[1] = ShardLease(1, "another")
    one.leases.has_lease = True
    await cluster.settle(one)
    assert sorted(one.shards.held) == [0, 2, 3]
    assert [one.client.get_guild(guild_id) is not None for guild_id in guilds] == [True, False, True, True]
    assert cluster.sandbox.gateway.resumed == 3


async def test_a_refusal_by_discord_ends_it(cluster: Cluster) -> None:
    one = await cluster.start("one")
    running = asyncio.create_task(one.coordinator.run())
    await cluster.sandbox.until(lambda: len(cluster.sandbox.gateway.connected) == _SHARDS)
    await cluster.sandbox.gateway.close(4013)
    with pytest.raises(discord.ConnectionClosed):
        await asyncio.wait_for(running, 10)


async def test_a_short_database_outage_changes_nothing(cluster: Cluster) -> None:
    one = await cluster.start("one")
    await cluster.settle(one)
    cluster.table.down = True
    await one.coordinator.turn()
    assert await cluster.ask() == ["one"] * 4


async def test_a_shard_that_cannot_connect_goes_to_another_process(cluster: Cluster) -> None:
    one = await cluster.start("one")
    await cluster.settle(one)
    cluster.sandbox.gateway.closed = True
    cluster.sandbox.gateway.cut()
    await cluster.sandbox.until(lambda: all(one.shards.failing_for(shard) > AWAY_S for shard in range(_SHARDS)))
    await one.coordinator.turn()
    assert cluster.table.holders()["one"] == []
    cluster.sandbox.gateway.closed = False
    for shard in range(_SHARDS):
        cluster.table.leases[shard] = ShardLease(shard, None, free_s=ANYBODY_AFTER_S)
    await one.coordinator.turn()
    assert cluster.table.holders()["one"] == []
    two = await cluster.start("two")
    await cluster.settle(two)
    assert await cluster.ask() == ["two"] * 4


async def test_an_outage_of_discord_lasts_on_while_its_shards_are_released_and_taken_again(cluster: Cluster) -> None:
    one = await cluster.start("one")
    await cluster.settle(one)
    cluster.sandbox.gateway.closed = True
    cluster.sandbox.gateway.cut()
    await cluster.sandbox.until(lambda: all(one.shards.failing_for(shard) > AWAY_S for shard in range(_SHARDS)))
    away = one.shards.away_for()
    assert away > AWAY_S
    await one.coordinator.turn()
    assert one.shards.held == frozenset()
    assert one.shards.away_for() >= away
    one.clock.forward(AWAY_S)
    await one.coordinator.turn()
    assert len(one.shards.held) == _SHARDS
    assert one.shards.away_for() >= away + AWAY_S
    await cluster.sandbox.until(lambda: all(one.shards.failing_for(shard) > AWAY_S for shard in range(_SHARDS)))
    await one.coordinator.turn()
    assert one.shards.held == frozenset()
    for shard in range(_SHARDS):
        cluster.table.leases[shard] = ShardLease(shard, "two")
    await one.coordinator.turn()
    assert one.shards.away_for() == 0


async def test_a_successor_that_is_too_late_closes_its_session(cluster: Cluster) -> None:
    one = await cluster.start("one")
    await cluster.settle(one)
    two = await cluster.start("two")
    await two.coordinator.turn()
    (asked,) = [lease for lease in cluster.table.leases.values() if lease.successor == "two"]
    cluster.table.leases[asked.shard_id] = ShardLease(asked.shard_id, "one")
    await cluster.sandbox.until(lambda: not two.coordinator._handovers)
    assert two.shards.held == frozenset()
    assert cluster.table.holders()["one"] == [0, 1, 2, 3]
    assert await cluster.ask() == ["one"] * 4


async def test_a_shard_taken_over_during_a_check_stays_connected(cluster: Cluster) -> None:
    one = await cluster.start("one")
    await cluster.settle(one)
    two = await cluster.start("two")
    await two.coordinator.turn()

    async def taken_over() -> None:
        await cluster.sandbox.until(lambda: not two.coordinator._handovers)

    cluster.table.while_reading = taken_over
    await two.coordinator.turn()
    cluster.table.while_reading = None
    (shard,) = cluster.table.holders()["two"]
    assert shard in two.shards.held
    await cluster.settle(one, two)
    _never_without_a_session(cluster)
    assert len(cluster.events("identify")) == _SHARDS + 2


async def test_a_successor_that_could_not_report_giving_up_reports_it_later(cluster: Cluster) -> None:
    one = await cluster.start("one")
    await cluster.settle(one)
    two = await cluster.start("two")
    await two.coordinator.turn()
    cluster.table.down = True
    await cluster.sandbox.until(lambda: not two.coordinator._handovers)
    cluster.table.down = False
    await one.kill()
    await cluster.settle(two)
    assert cluster.table.holders() == {"two": [0, 1, 2, 3]}
    assert await cluster.ask() == ["two"] * 4


async def test_if_discord_demands_more_shards_every_process_releases_the_old_ones(cluster: Cluster) -> None:
    """Processes learn of each other's refusal only from the rows."""
    for shard in range(2, _SHARDS):
        del cluster.table.leases[shard]
    bots = [await cluster.start("one"), await cluster.start("two")]
    for shard, bot in enumerate(bots):
        cluster.table.leases[shard] = ShardLease(shard, bot.name)
    cluster.sandbox.gateway.most_guilds = 1
    staying = [asyncio.create_task(bot.stay()) for bot in bots]
    await cluster.sandbox.until(lambda: len(cluster.sandbox.gateway.connected) == _SHARDS)
    assert len(cluster.table.leases) == _SHARDS
    assert sorted(await cluster.ask()) == ["one", "one", "two", "two"]
    for task in staying:
        task.cancel()
    await asyncio.gather(*staying, return_exceptions=True)


async def test_a_process_that_missed_another_number_of_shards_connects_its_shards_again(cluster: Cluster) -> None:
    """After an outage of the database nobody holds a shard, and a process that starts just then may set another
    number."""
    one = await cluster.start("one")
    for shard in range(2, _SHARDS):
        del cluster.table.leases[shard]
    cluster.sandbox.gateway.shards = 2
    staying = asyncio.create_task(one.stay())
    await cluster.sandbox.until(lambda: one.shards.connected == {0, 1})
    cluster.sandbox.gateway.shards = _SHARDS
    cluster.table.processes["two"] = Process("two")
    cluster.table.leases = {shard: ShardLease(shard, "two" if shard else None) for shard in range(_SHARDS)}
    await cluster.sandbox.until(lambda: [one.shard for one in cluster.sandbox.gateway.connected] == [(0, _SHARDS)])
    staying.cancel()
    await asyncio.gather(staying, return_exceptions=True)
