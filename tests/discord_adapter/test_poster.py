"""The relay's requests to Discord, and when none may be sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest

from discord_adapter.channels import ChannelOwners
from discord_adapter.discord_time import DiscordTime
from discord_adapter.poster import DiscordPoster
from model.messages import (
    Absent,
    Address,
    HistoryUnreadable,
    NoticePost,
    Obstacle,
    ServerNotReported,
    TooManyRequests,
)
from model.states import NoticeKind
from ui.command_texts import CommandMentions


async def test_nothing_is_requested_during_a_pause() -> None:
    """After too many refused requests; any request would fail the test."""
    nobody = cast("discord.Client", None)
    poster = DiscordPoster(nobody, lambda _: CommandMentions(), lambda: 7.0, cast("ChannelOwners", None), lambda: None)
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
        (None, ServerNotReported),
        (SimpleNamespace(me=None, unavailable=True), ServerNotReported),
        (SimpleNamespace(me=object(), unavailable=True), ServerNotReported),
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
    assert [type(found) for found in await _searches(server)] == [ServerNotReported, tuple]
    server.guild = before
    assert [type(found) for found in await _searches(server, in_turn="copies find")] == [ServerNotReported, Absent]


def test_the_upload_limit_of_a_server_is_unknown_until_the_gateway_has_reported_the_server() -> None:
    """discord.py takes a server that is only listed for one without boosts."""
    server = _Server(SimpleNamespace(me=None, unavailable=True, filesize_limit=10))
    client = cast("discord.Client", server)
    poster = DiscordPoster(client, lambda _: CommandMentions(), lambda: 0.0, cast("ChannelOwners", None), lambda: None)
    assert poster.nominal_upload_limit(1) is None
    server.guild = SimpleNamespace(me=object(), unavailable=False, filesize_limit=100)
    assert poster.nominal_upload_limit(1) == 100


@pytest.mark.parametrize(
    ("ends_in", "by_this_clock", "missing"),
    [(60, True, (Obstacle.TIMED_OUT,)), (60, False, (Obstacle.TIMED_OUT,)), (-60, True, None), (-60, False, ())],
)
def test_a_timeout_ends_by_discord_s_clock(ends_in: int, by_this_clock: bool, missing: tuple[str, ...] | None) -> None:
    """By this machine's clock discord.py names no permission of a member that is timed out, so nothing is known."""
    monotonic = [0.0]
    discord_time = DiscordTime(lambda: monotonic[0])
    until = datetime(2020, 1, 1, 12, tzinfo=UTC) + timedelta(seconds=100 + ends_in)
    me = SimpleNamespace(timed_out_until=until, is_timed_out=lambda: by_this_clock)
    guild = SimpleNamespace(unavailable=False, me=me)
    channel = SimpleNamespace(guild=guild, name="general", permissions_for=lambda _: discord.Permissions.all())
    guild.get_channel_or_thread = lambda _: channel
    client, owners = cast("discord.Client", _Server(guild)), cast("ChannelOwners", None)
    poster = DiscordPoster(client, lambda _: CommandMentions(), lambda: 0.0, owners, discord_time.now)
    assert poster.missing_permissions(Address(1, 2)) == (None if by_this_clock else ())
    for date in ("Wed, 01 Jan 2020 12:00:00 GMT", None):
        _note(discord_time, date)
        monotonic[0] += 50
    assert poster.missing_permissions(Address(1, 2)) == missing
    _note(discord_time, "noon")
    assert discord_time.now() is None


def test_discord_s_time_is_not_behind() -> None:
    """The time of a response may be a second behind, because it has no fractions. A message must not look too young."""
    times: list[datetime | None] = [None, datetime(2020, 1, 1, 12, tzinfo=UTC)]
    client, owners = cast("discord.Client", _Server(None)), cast("ChannelOwners", None)
    poster = DiscordPoster(client, lambda _: CommandMentions(), lambda: 0.0, owners, lambda: times.pop(0))
    assert poster.time() is None
    assert poster.time() == datetime(2020, 1, 1, 12, 0, 1, tzinfo=UTC).timestamp() * 1000


def test_discord_s_time_goes_on_while_this_machine_is_suspended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise, this machine's clock would look as if it were ahead until Discord responds again."""
    monkeypatch.setattr(time, "CLOCK_BOOTTIME", 7, raising=False)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    since_boot = [100.0]
    monkeypatch.setattr(time, "clock_gettime", lambda clock: since_boot[0] if clock == 7 else 0.0, raising=False)
    discord_time = DiscordTime(lambda: 5.0)
    _note(discord_time, "Wed, 01 Jan 2020 12:00:00 GMT")
    since_boot[0] += 3600
    assert discord_time.now() == datetime(2020, 1, 1, 13, tzinfo=UTC)


def test_discord_s_time_is_told_where_no_clock_counts_suspensions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    discord_time = DiscordTime(lambda: 5.0)
    _note(discord_time, "Wed, 01 Jan 2020 12:00:00 GMT")
    assert discord_time.now() == datetime(2020, 1, 1, 12, tzinfo=UTC)


def _note(discord_time: DiscordTime, date: str | None) -> None:
    response = SimpleNamespace(headers={} if date is None else {"Date": date})
    discord_time.note(cast("Any", SimpleNamespace(response=response)))


def test_a_timeout_says_nothing_about_attach_files() -> None:
    """discord.py names no permission of a member that is timed out by this machine's clock."""
    none = SimpleNamespace(attach_files=False)
    guild = SimpleNamespace(unavailable=False, me=SimpleNamespace(is_timed_out=lambda: True))
    channel = SimpleNamespace(guild=guild, name="general", permissions_for=lambda _: none)
    guild.get_channel_or_thread = lambda _: channel
    client = cast("discord.Client", _Server(guild))
    poster = DiscordPoster(client, lambda _: CommandMentions(), lambda: 0.0, cast("ChannelOwners", None), lambda: None)
    assert poster.may_attach(Address(1, 2))
    guild.me.is_timed_out = lambda: False
    assert not poster.may_attach(Address(1, 2))


def test_the_made_up_permissions_of_a_hidden_channel_say_nothing_about_attach_files() -> None:
    """A role may let the bot in, which the gateway doesn't report."""
    guild = SimpleNamespace(unavailable=False, default_role=object(), me=SimpleNamespace(is_timed_out=lambda: False))
    hidden = SimpleNamespace(
        guild=guild,
        name="___hidden___",
        overwrites={guild.default_role: SimpleNamespace(view_channel=False)},
        permissions_for=lambda _: SimpleNamespace(attach_files=False),
    )
    guild.get_channel_or_thread = lambda _: hidden
    client, owners = cast("discord.Client", _Server(guild)), cast("ChannelOwners", None)
    poster = DiscordPoster(client, lambda _: CommandMentions(), lambda: 0.0, owners, lambda: None)
    assert poster.may_attach(Address(1, 2))
    hidden.name = "general"
    assert not poster.may_attach(Address(1, 2))


async def _searches(server: _Server, in_turn: str = "find copies") -> list[Any]:
    client = cast("discord.Client", server)
    poster = DiscordPoster(client, lambda _: CommandMentions(), lambda: 0.0, cast("ChannelOwners", None), lambda: None)
    notice = NoticePost(NoticeKind.REFUSED, "n")
    return [await getattr(poster, name)(Address(1, 2), notice, 0) for name in in_turn.split()]
