"""Fifty servers with four channels each, and in every channel ten watched v1 and v2 jobs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from sandbox.discord_wire import Channel, Member
from sandbox.pixverse_api.jobs import Job
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

T = TypeVar("T")

SERVERS = 50
CHANNELS = 4
JOBS = 10
"""Jobs in each channel. Half of them are requested by one person, half by another, so that nobody reaches a limit."""

_AT_ONCE = 8
_GENERATIONS = ("v1", "v2")
"""The API's generation for the jobs of successive channels."""
_FILLING_IN_SECONDS = 0.5
"""discord.py knows a form only some time after Discord does; a person takes longer to fill it in."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A job, and the one channel that waits for it."""

    job: Job
    channel: Channel
    asker: Member


@dataclass(frozen=True, slots=True)
class Server:
    """A server, and a member who waits for nothing but looks at the others' jobs."""

    visitor: Member
    watched: tuple[Watched, ...]


async def gather_crowd(harness: Harness) -> list[Server]:
    """Sets everything up through commands alone, as people do. The bot must be running."""
    servers = await _some_at_once(_set_up(harness.empty_server()) for _ in range(SERVERS))
    return await _some_at_once(_settle_in(server) for server in servers)


async def _set_up(server: GuildFixture) -> GuildFixture:
    opened = await server.admin.slash(server.channel, "pixverse-admin token set")
    await asyncio.sleep(_FILLING_IN_SECONDS)
    answer = await server.admin.submit(opened, server.account.token)
    assert answer.text.startswith("**Token works.**"), answer
    return server


async def _settle_in(server: GuildFixture) -> Server:
    other = server.guild.add_member("bob")
    channels = [server.channel, *(server.guild.add_text_channel(f"videos {k}") for k in range(2, CHANNELS + 1))]
    watched = [
        await _watch(server, channel, server.member if k % 2 else other, _GENERATIONS[n % 2])
        for n, channel in enumerate(channels)
        for k in range(JOBS)
    ]
    return Server(server.guild.add_member("carol"), tuple(watched))


async def _watch(server: GuildFixture, channel: Channel, asker: Member, generation: str) -> Watched:
    server.harness.generation = generation
    job = server.job()
    answer = await server.status(job, by=asker, channel=channel)
    assert answer.text.startswith("**Watching.**"), answer
    return Watched(job, channel, asker)


async def _some_at_once(work: Iterable[Awaitable[T]]) -> list[T]:
    places = asyncio.Semaphore(_AT_ONCE)

    async def one(deed: Awaitable[T]) -> T:
        async with places:
            return await deed

    return await asyncio.gather(*(one(deed) for deed in work))
