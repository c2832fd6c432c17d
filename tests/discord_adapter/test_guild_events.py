from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import AsyncMock, MagicMock, call

import aiohttp
import discord
import pytest
from discord import Locale

from discord_adapter.guild_events import GuildEvents
from storage.errors import StorageUnavailable
from tests.clock import ManualClock
from tests.idle import until_idle

FULL = StorageUnavailable("database or disk is full")
GUILD = 7
Happen = Callable[[GuildEvents], Any]


class GuildEventsFixture:
    """The events of one server, whose bot is in it."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.client, self.guilds, self.reconciler = MagicMock(), AsyncMock(), MagicMock()
        self.guilds.known_channels.return_value = []
        self.guild = MagicMock(id=GUILD, preferred_locale=Locale.latin_american_spanish, unavailable=False)
        self.client.get_guild.return_value = self.guild
        self.ownership = MagicMock()
        reconciler, ownership = cast("Any", self.reconciler), cast("Any", self.ownership)
        self.events = GuildEvents(self.client, self.guilds, reconciler, ownership, self.clock.sleep)


@pytest.fixture
async def world() -> AsyncIterator[GuildEventsFixture]:
    made = GuildEventsFixture()
    task = asyncio.create_task(made.events.look_after_servers())
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_server_that_reinvites_the_bot_reports_its_language_before_it_resumes(
    world: GuildEventsFixture,
) -> None:
    """The language may have changed while the bot was not in the server."""
    await world.events.on_guild_join(world.guild)
    assert world.guilds.mock_calls == [call.locale_reported(GUILD, "es-ES"), call.server_back(GUILD)]


async def test_a_server_that_returns_while_the_database_cannot_be_written_resumes_later(
    world: GuildEventsFixture,
) -> None:
    """Otherwise the server would stay suspended and be deleted after a week, although the bot is in it."""
    world.guilds.server_back.side_effect = [FULL, FULL, None]
    await world.events.on_guild_join(world.guild)
    await until_idle()
    assert world.guilds.server_back.await_count == 2
    world.clock.forward(10)
    await until_idle()
    assert world.guilds.server_back.await_count == 3
    world.clock.forward(60)
    await until_idle()
    assert world.guilds.server_back.await_count == 3


async def test_a_loop_that_crashed_at_one_server_continues_with_the_others(world: GuildEventsFixture) -> None:
    world.guilds.known_channels.side_effect = [RuntimeError("a fault of ours"), []]
    world.client.get_guild.side_effect = lambda guild_id: MagicMock(
        id=guild_id, preferred_locale=Locale.german, unavailable=False
    )
    for guild_id in (GUILD, GUILD + 1):
        await world.events.on_guild_available(MagicMock(id=guild_id, preferred_locale=Locale.german))
    await until_idle()
    world.guilds.server_back.assert_awaited_once_with(GUILD)
    again = asyncio.create_task(world.events.look_after_servers())
    await until_idle()
    world.guilds.server_back.assert_awaited_with(GUILD + 1)
    again.cancel()


async def test_a_server_that_has_removed_the_bot_again_is_not_resumed(world: GuildEventsFixture) -> None:
    world.guilds.server_back.side_effect = [FULL, FULL, None]
    await world.events.on_guild_join(world.guild)
    await until_idle()
    world.client.get_guild.return_value = None
    await world.events.on_guild_remove(world.guild)
    world.clock.forward(10)
    await until_idle()
    assert world.guilds.server_back.await_count == 2
    world.guilds.server_gone.assert_awaited_once_with(GUILD)
    world.reconciler.ask.assert_not_called()


async def test_a_removal_that_cannot_be_stored_is_found_by_comparing(world: GuildEventsFixture) -> None:
    world.guilds.server_gone.side_effect = FULL
    await world.events.on_guild_remove(world.guild)
    world.reconciler.ask.assert_called_once_with()


async def test_a_removal_that_another_process_follows_is_checked_with_discord(world: GuildEventsFixture) -> None:
    """This process may have been halted since, and the server may have invited the bot again."""
    world.ownership.owns_server.return_value = False
    await world.events.on_guild_remove(world.guild)
    world.guilds.server_gone.assert_not_called()
    world.reconciler.ask.assert_called_once_with()


@pytest.mark.parametrize(
    ("change", "happen"),
    [
        ("channel_gone", lambda events: events.on_guild_channel_delete(MagicMock(id=5, guild=MagicMock(id=GUILD)))),
        ("channel_gone", lambda events: events.on_raw_thread_delete(MagicMock(guild_id=GUILD, thread_id=5))),
        ("permissions_changed", lambda events: events.on_guild_role_update(MagicMock(), MagicMock())),
        ("permissions_changed", lambda events: events.on_guild_role_delete(MagicMock())),
        ("permissions_changed", lambda events: events.on_raw_thread_update(MagicMock(guild_id=GUILD, thread_id=5))),
        ("permissions_changed", lambda events: events.on_thread_join(MagicMock())),
        ("forget_upload_limit", lambda events: events.on_guild_update(MagicMock(), MagicMock())),
    ],
)
async def test_if_anything_cannot_be_stored_the_whole_server_is_checked_again(
    world: GuildEventsFixture, change: str, happen: Happen
) -> None:
    setattr(world.guilds, change, AsyncMock(side_effect=[FULL, None, None]))
    await happen(world.events)
    await until_idle()
    assert world.guilds.server_back.await_count == 1
    assert world.guilds.permissions_changed.await_count >= 1
    assert world.guilds.known_channels.await_count >= 1


@pytest.mark.parametrize("in_outage", [False, True])
async def test_after_an_outage_a_channel_in_the_cache_may_be_gone(world: GuildEventsFixture, in_outage: bool) -> None:
    """Discord doesn't report what is deleted in an outage, and the cache keeps it."""
    world.guilds.known_channels.return_value = [5]
    world.client.http.get_channel = AsyncMock(side_effect=_refused(404, 10003))
    if in_outage:
        await world.events.on_guild_unavailable(world.guild)
    await world.events.on_guild_available(world.guild)
    await until_idle()
    gone = [call(GUILD, 5)] if in_outage else []
    assert world.guilds.channel_gone.await_args_list == gone
    await world.events.on_guild_available(world.guild)
    await until_idle()
    assert world.guilds.channel_gone.await_args_list == gone


async def test_whether_a_channel_is_gone_is_asked_until_discord_responds(world: GuildEventsFixture) -> None:
    """Only that is done again: what waits for a permission isn't hurried meanwhile."""
    world.guilds.known_channels.return_value = [5]
    world.guild.get_channel_or_thread.return_value = None
    world.client.http.get_channel = AsyncMock(side_effect=[_refused(503, 0), _refused(503, 0), _refused(404, 10003)])
    await world.events.on_guild_available(world.guild)
    for _ in range(3):
        await until_idle()
        world.clock.forward(10)
    world.guilds.channel_gone.assert_awaited_once_with(GUILD, 5)
    world.guilds.permissions_changed.assert_awaited_once_with(GUILD)


async def test_a_channel_that_discord_does_not_show_is_still_there(world: GuildEventsFixture) -> None:
    """A refusal is a response, so Discord is asked only once."""
    world.guilds.known_channels.return_value = [5]
    world.guild.get_channel_or_thread.return_value = None
    world.client.http.get_channel = AsyncMock(side_effect=_refused(403, 50001))
    await world.events.on_guild_available(world.guild)
    for _ in range(3):
        await until_idle()
        world.clock.forward(60)
    world.client.http.get_channel.assert_awaited_once_with(5)
    world.guilds.channel_gone.assert_not_called()


async def test_a_server_that_invites_the_bot_again_may_have_deleted_channels(world: GuildEventsFixture) -> None:
    world.guilds.known_channels.return_value = [5]
    world.guild.get_channel_or_thread.return_value = None
    world.client.http.get_channel = AsyncMock(side_effect=_refused(404, 10003))
    await world.events.on_guild_join(world.guild)
    await until_idle()
    world.guilds.channel_gone.assert_awaited_once_with(GUILD, 5)


async def test_a_server_is_synchronised_as_it_is_then(world: GuildEventsFixture) -> None:
    """It may have removed and invited the bot again, and the gateway then reports it anew."""
    before = MagicMock(id=GUILD, preferred_locale=Locale.german, unavailable=False)
    await world.events.on_guild_available(before)
    await until_idle()
    assert world.guilds.locale_reported.await_args_list == [call(GUILD, "es-ES")]
    world.guild.unavailable = True
    await world.events.on_guild_available(before)
    await until_idle()
    assert world.guilds.locale_reported.await_args_list == [call(GUILD, "es-ES")]


def _refused(status: int, code: int) -> discord.HTTPException:
    response = cast("aiohttp.ClientResponse", SimpleNamespace(status=status, reason="", headers={}))
    return discord.HTTPException(response, {"code": code, "message": "injected"})


def _channel(world: GuildEventsFixture, name: str) -> Any:
    denied = {world.guild.default_role: MagicMock(view_channel=False)}
    channel = MagicMock(id=5, guild=world.guild, overwrites=denied if name == "___hidden___" else {})
    channel.name = name
    return channel


async def test_a_channel_that_is_deleted_as_soon_as_it_is_hidden_keeps_its_name(world: GuildEventsFixture) -> None:
    """Both events may arrive together, so that the second is handled before the database has answered the first."""
    hidden = _channel(world, "___hidden___")

    async def known(_guild_id: int) -> list[int]:
        await asyncio.sleep(0)
        return [5]

    world.guilds.known_channels = known
    await asyncio.gather(
        world.events.on_guild_channel_update(_channel(world, "results"), hidden),
        world.events.on_guild_channel_delete(hidden),
    )
    assert call.channel_gone(GUILD, 5, "results") in world.guilds.mock_calls
    assert len(world.events._names) == 0


async def test_a_hidden_channel_s_name_is_kept_only_if_it_is_of_use(world: GuildEventsFixture) -> None:
    for known, kept in (([], 0), ([5], 1)):
        world.guilds.known_channels.return_value = known
        await world.events.on_guild_channel_update(_channel(world, "results"), _channel(world, "___hidden___"))
        assert len(world.events._names) == kept


async def test_a_database_that_fails_as_a_channel_is_hidden_costs_no_change(world: GuildEventsFixture) -> None:
    world.guilds.known_channels.side_effect = [FULL, []]
    await world.events.on_guild_channel_update(_channel(world, "results"), _channel(world, "___hidden___"))
    assert world.guilds.permissions_changed.await_count == 1
    await until_idle()
    assert world.guilds.server_back.await_count == 1
