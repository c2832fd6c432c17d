"""The memory for channels stays small, however many there are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast
from unittest.mock import MagicMock

import discord
import pytest

from discord_adapter.channels import _MAX_NAMES, _MAX_OWNERS, ChannelOwners, LastNames


class Discord:
    """Knows channels of one server, none of them from the gateway."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.http = SimpleNamespace(get_channel=self._get)

    def get_channel(self, _channel_id: int) -> None:
        return None

    async def _get(self, channel_id: int) -> dict[str, str]:
        self.asked.append(channel_id)
        return {"id": str(channel_id), "guild_id": "1"}


async def test_a_channel_is_requested_once_until_too_many_others_were() -> None:
    world = Discord()
    owners = ChannelOwners(cast("discord.Client", world))
    assert [await owners.guild_of(7) for _ in range(2)] == [1, 1]
    assert world.asked == [7]
    for channel_id in range(100, 100 + _MAX_OWNERS):
        await owners.guild_of(channel_id)
    await owners.guild_of(100 + _MAX_OWNERS - 1)
    assert len(world.asked) == 1 + _MAX_OWNERS
    await owners.guild_of(7)
    assert world.asked[-1] == 7
    assert len(world.asked) == 2 + _MAX_OWNERS


def test_with_too_many_hidden_channels_the_oldest_name_is_dropped() -> None:
    names = LastNames()
    for channel_id in range(_MAX_NAMES + 1):
        names.keep(channel_id, f"c{channel_id}")
    assert len(names) == _MAX_NAMES
    assert names.take(0) is None
    assert names.take(1) == "c1"
    assert names.take(1) is None


@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_hidden_channel_is_corrected_once_discord_shows_it(in_thread: bool) -> None:
    """Without the gateway's word: a role may have let the bot in."""
    world = Discord()
    hidden = MagicMock(spec=discord.TextChannel, id=7, guild=MagicMock(id=1))
    hidden.name, hidden.overwrites = "___hidden___", {hidden.guild.default_role: SimpleNamespace(view_channel=False)}
    thread = MagicMock(spec=discord.Thread, id=8, guild=hidden.guild)
    thread.parent = hidden
    known = thread if in_thread else hidden
    world.get_channel = lambda _: known  # type: ignore[method-assign,assignment]
    assert await ChannelOwners(cast("discord.Client", world)).guild_of(known.id) == 1
    hidden._update.assert_called_once_with(hidden.guild, {"id": "7", "guild_id": "1"})
