"""Where people wait for results: servers with channels, threads, and channels whose history the bot can't read."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.discord_wire import Channel
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

_SERVERS = 4


@dataclass(frozen=True, slots=True)
class SoakChannel:
    """A channel or thread."""

    server: GuildFixture
    channel: Channel
    readable: bool
    """Whether the bot can read its history. If it can't, nobody may know whether an outcome was posted."""


async def build_channels(harness: Harness) -> list[SoakChannel]:
    """Sets up the servers, each with its own account. The bot must be running."""
    targets: list[SoakChannel] = []
    for _ in range(_SERVERS):
        server = await harness.server()
        other = server.guild.add_text_channel("other")
        blind = server.guild.add_text_channel("blind")
        blind.deny_bot(read_message_history=True)
        targets += [
            SoakChannel(server, channel, readable=True)
            for channel in (server.channel, other, other.add_thread("thread"))
        ]
        targets.append(SoakChannel(server, blind, readable=False))
    return targets
