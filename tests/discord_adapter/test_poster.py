"""The relay's requests to Discord, and when none may be sent."""

from __future__ import annotations

from typing import cast

import discord

from discord_adapter.channels import ChannelOwners
from discord_adapter.poster import DiscordPoster
from model.messages import Address, NoticePost, TooManyRequests
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
