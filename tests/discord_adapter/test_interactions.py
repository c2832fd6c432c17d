"""The person gets a reply, whatever fails while their interaction is handled."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from unittest.mock import AsyncMock, MagicMock

import pytest
from discord import Locale

from discord_adapter.command_registry import CommandRegistry
from discord_adapter.interactions import Responder, obstacle_of
from model.messages import Obstacle
from relay.commands.ask import Ask
from storage.errors import StorageUnavailable
from tests.clock import START, ManualClock
from tests.idle import until_idle
from ui.command_texts import CommandMentions
from ui.message import Reply


class Registry:
    """Serves every server."""

    def serves(self, _guild_id: int | None) -> bool:
        return True

    def mentions(self, _guild_id: int) -> CommandMentions:
        return CommandMentions()


@pytest.fixture
def responder() -> Responder:
    return Responder(cast("CommandRegistry", Registry()), ManualClock(), AsyncMock())


async def _reply(responder: Responder, error: Exception) -> str:
    async def fails(_: Ask) -> Reply:
        raise error

    interaction = cast("Any", MagicMock(guild_id=1))
    interaction.response.defer = AsyncMock()
    interaction.edit_original_response = AsyncMock()
    await responder.reply(interaction, fails)
    return str(interaction.edit_original_response.await_args.kwargs["content"])


async def test_an_internal_error_is_logged_and_counted_with_a_number(
    responder: Responder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        reply = await _reply(responder, KeyError("unexpected"))
    (record,) = caplog.records
    assert record.exc_info is not None
    number = record.getMessage().split()[-1]
    assert f"`{number}`" in reply
    assert responder.failures == 1


async def test_a_database_that_accepts_nothing_is_not_an_internal_error(responder: Responder) -> None:
    assert "restart" in await _reply(responder, StorageUnavailable("disk full"))
    assert responder.failures == 0


@pytest.mark.parametrize(
    ("known", "language"),
    [
        (MagicMock(preferred_locale=Locale.german, unavailable=False), "de"),
        (MagicMock(preferred_locale=Locale.german, unavailable=True), "ja"),
        (None, "ja"),
    ],
)
async def test_the_gateway_s_language_of_a_server_counts_if_known(known: MagicMock | None, language: str) -> None:
    """discord.py creates a placeholder for an unknown server, with English as its language."""
    locale_seen = AsyncMock()
    responder = Responder(cast("CommandRegistry", Registry()), ManualClock(), locale_seen)
    interaction = cast("Any", MagicMock(guild_id=1, guild_locale=Locale.japanese))
    interaction.guild = known or MagicMock(preferred_locale=Locale.american_english, unavailable=False)
    interaction.client.get_guild.return_value = known
    interaction.response.defer = AsyncMock()
    interaction.edit_original_response = AsyncMock()
    await responder.reply(interaction, AsyncMock(return_value=Reply("done")))
    locale_seen.assert_awaited_once_with(1, language)


@pytest.mark.parametrize("turned", [False, True])
async def test_the_result_of_a_click_replaces_its_page_unless_the_page_was_turned(
    responder: Responder, turned: bool
) -> None:
    edit = AsyncMock(return_value=MagicMock(id=7))

    async def press(reply: Reply) -> None:
        interaction = cast("Any", MagicMock(guild_id=1, message=MagicMock(id=7), edit_original_response=edit))
        interaction.response.defer = AsyncMock()
        await responder.reply_in_place(interaction, AsyncMock(return_value=reply))

    posted = asyncio.Event()

    async def later() -> Reply:
        await posted.wait()
        return Reply("posted")

    resending = asyncio.create_task(press(Reply("resending", later=later)))
    await until_idle()
    if turned:
        await press(Reply("another page"))
    posted.set()
    await resending
    shown = [call.kwargs["content"] for call in edit.await_args_list]
    assert shown == ["resending", "another page" if turned else "posted"]


def test_when_somebody_asked_is_known_by_both_clocks(responder: Responder) -> None:
    """The first 42 bits of an interaction's id are Discord's time, in milliseconds since 2015."""
    interaction = cast("Any", MagicMock(guild_id=1, channel_id=2, id=60_000 << 22))
    ask = responder.ask_of(interaction)
    assert (ask.at, ask.sent_at) == (START, 1_420_070_400_000 + 60_000)


@pytest.mark.parametrize("minutes", [-1, 1])
def test_whether_the_bot_is_timed_out_is_decided_by_the_interaction_s_time(minutes: int) -> None:
    asked_at = datetime(2020, 1, 1, tzinfo=UTC)
    interaction = MagicMock(created_at=asked_at)
    interaction.guild.me.timed_out_until = asked_at + timedelta(minutes=minutes)
    assert obstacle_of(interaction) == (Obstacle.TIMED_OUT if minutes > 0 else None)
