"""The relay's requests to Discord, and when none may be sent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from discord_adapter.channels import ChannelOwners
from discord_adapter.poster import DiscordPoster
from model.messages import Address, HistoryUnreadable, NoResponse, NoticePost, TooManyRequests
from model.states import NoticeKind
from ui.command_texts import CommandMentions


async def test_nothing_is_asked_in_a_pause() -> None:
    """After too many refused requests; any request would fail the test."""
    nobody = cast("discord.Client", None)
    poster = DiscordPoster(nobody, lambda _: CommandMentions(), lambda: 7.0, cast("ChannelOwners", None))
    address, notice = Address(1, 2), NoticePost(NoticeKind.REFUSED, "n")
    assert [
        await poster.post(address, notice),
        await poster.edit(address, 3, notice),
        await poster.find(address, notice, 0),
        await poster.copies(address, notice, 0),
        await poster.delete(address, 3),
    ] == [TooManyRequests(7.0)] * 5


class _Server:
    """A server without a channel in the gateway's cache, whose history is always empty. `guild` is what the gateway has
    reported of it."""

    def __init__(self, guild: object) -> None:
        self.http = self
        self._guild = guild

    def get_guild(self, _: int) -> object:
        return self._guild

    async def logs_from(self, *_: Any, **__: Any) -> list[Any]:
        return []


@pytest.mark.parametrize(
    ("guild", "result"),
    [
        (None, NoResponse),
        (SimpleNamespace(me=None), NoResponse),
        (SimpleNamespace(me=object(), get_channel_or_thread=lambda _: None), HistoryUnreadable),
    ],
    ids=["not in the cache", "listed and not yet reported", "reported without the channel"],
)
async def test_an_empty_history_is_searched_again_until_the_server_is_known(guild: object, result: type) -> None:
    client = cast("discord.Client", _Server(guild))
    poster = DiscordPoster(client, lambda _: CommandMentions(), lambda: 0.0, cast("ChannelOwners", None))
    address, notice = Address(1, 2), NoticePost(NoticeKind.REFUSED, "n")
    assert isinstance(await poster.find(address, notice, 0), result)
    assert isinstance(await poster.copies(address, notice, 0), result)
