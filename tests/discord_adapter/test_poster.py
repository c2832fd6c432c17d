"""The relay's requests to Discord, and when none may be sent."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from discord_adapter.channels import ChannelOwners
from discord_adapter.poster import DiscordPoster
from model.messages import Absent, Address, HistoryUnreadable, NoResponse, NoticePost, TooManyRequests
from model.states import NoticeKind
from ui.command_texts import CommandMentions


async def test_nothing_is_requested_during_a_pause() -> None:
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
    reported of it; `meanwhile` is called during each request."""

    def __init__(self, guild: object, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.http = self
        self.guild = guild
        self.meanwhile = meanwhile

    def get_guild(self, _: int) -> object:
        return self.guild

    async def logs_from(self, *_: Any, **__: Any) -> list[Any]:
        self.meanwhile()
        return []


@pytest.mark.parametrize(
    ("guild", "result"),
    [
        (None, NoResponse),
        (SimpleNamespace(me=None, unavailable=True), NoResponse),
        (SimpleNamespace(me=object(), unavailable=True), NoResponse),
        (SimpleNamespace(me=object(), unavailable=False, get_channel_or_thread=lambda _: None), HistoryUnreadable),
    ],
    ids=["not in the cache", "listed and not yet reported", "in an outage", "reported without the channel"],
)
async def test_an_empty_history_is_searched_again_until_the_server_is_known(guild: object, result: type) -> None:
    assert [type(found) for found in await _searches(_Server(guild))] == [result] * 2


@pytest.mark.parametrize(
    "before", [None, SimpleNamespace(me=object(), unavailable=False, get_channel_or_thread=lambda _: None)]
)
async def test_a_history_is_searched_again_if_the_gateway_reports_the_channel_meanwhile(before: object) -> None:
    server = _Server(before)
    guild = SimpleNamespace(me=object(), unavailable=False)
    readable = SimpleNamespace(read_message_history=True)
    channel = SimpleNamespace(guild=guild, name="general", permissions_for=lambda _: readable)
    guild.get_channel_or_thread = lambda _: channel

    def report() -> None:
        server.guild = guild

    server.meanwhile = report
    assert [type(found) for found in await _searches(server)] == [NoResponse, tuple]
    server.guild = before
    assert [type(found) for found in await _searches(server, in_turn="copies find")] == [NoResponse, Absent]


def test_the_upload_limit_of_a_server_is_unknown_until_the_gateway_has_reported_the_server() -> None:
    """discord.py takes a server that is only listed for one without boosts."""
    server = _Server(SimpleNamespace(me=None, unavailable=True, filesize_limit=10))
    client = cast("discord.Client", server)
    poster = DiscordPoster(client, lambda _: CommandMentions(), lambda: 0.0, cast("ChannelOwners", None))
    assert poster.nominal_upload_limit(1) is None
    server.guild = SimpleNamespace(me=object(), unavailable=False, filesize_limit=100)
    assert poster.nominal_upload_limit(1) == 100


def test_a_timeout_says_nothing_about_attach_files() -> None:
    """discord.py names no permission of a member that is timed out by this machine's clock."""
    none = SimpleNamespace(attach_files=False)
    guild = SimpleNamespace(unavailable=False, me=SimpleNamespace(is_timed_out=lambda: True))
    channel = SimpleNamespace(guild=guild, name="general", permissions_for=lambda _: none)
    guild.get_channel_or_thread = lambda _: channel
    client = cast("discord.Client", _Server(guild))
    poster = DiscordPoster(client, lambda _: CommandMentions(), lambda: 0.0, cast("ChannelOwners", None))
    assert poster.may_attach(Address(1, 2))
    guild.me.is_timed_out = lambda: False
    assert not poster.may_attach(Address(1, 2))


async def _searches(server: _Server, in_turn: str = "find copies") -> list[Any]:
    client = cast("discord.Client", server)
    poster = DiscordPoster(client, lambda _: CommandMentions(), lambda: 0.0, cast("ChannelOwners", None))
    notice = NoticePost(NoticeKind.REFUSED, "n")
    return [await getattr(poster, name)(Address(1, 2), notice, 0) for name in in_turn.split()]
