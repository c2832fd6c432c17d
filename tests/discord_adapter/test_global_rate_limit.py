"""A global rate limit ends for all requests, whichever of them was cancelled meanwhile."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import discord
import pytest
from discord.http import Route

import discord_adapter.guild_reconciler
import discord_adapter.history
from discord_adapter.channels import ChannelOwners
from discord_adapter.client import RelayClient
from discord_adapter.guild_reconciler import GuildReconciler
from discord_adapter.history import find_message
from discord_adapter.poster import DiscordPoster
from discord_adapter.rate_limits import _seconds_of
from model.messages import Address, NoResponse, NoticePost
from model.states import NoticeKind
from relay.ports import NoMeters
from sandbox.discord_wire import DiscordSandbox, RateLimit
from ui.command_texts import CommandMentions
from ui.message import Message

LASTS = 0.6
GIVEN_UP_AFTER = 0.2


@pytest.fixture
async def sandbox() -> AsyncIterator[DiscordSandbox]:
    running = await DiscordSandbox.start()
    yield running
    await running.stop(strict=False)


@pytest.fixture
async def client(sandbox: DiscordSandbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RelayClient]:
    monkeypatch.setattr(Route, "BASE", sandbox.api_url)
    made = RelayClient(NoMeters())
    await made.login(sandbox.bot_token)
    yield made
    await made.http.close()


async def _look(client: RelayClient, channel_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord_adapter.history, "_SECONDS", GIVEN_UP_AFTER)
    found = await find_message(client, channel_id, Message(content="x"), 0, readable=True)
    assert isinstance(found, NoResponse)


async def _list(client: RelayClient, _channel_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord_adapter.guild_reconciler, "_SECONDS", GIVEN_UP_AFTER)
    assert not await GuildReconciler(client, None, asyncio.sleep)._is_gone(1)  # type: ignore[arg-type]


class OwnersKnown(ChannelOwners):
    """Makes no request."""

    async def guild_of(self, channel_id: int) -> int | None:
        return 1


async def _post(client: RelayClient, channel_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discord_adapter.poster._BASE_SECONDS", GIVEN_UP_AFTER)
    poster = DiscordPoster(client, lambda _: CommandMentions(), lambda: 0.0, OwnersKnown(client), lambda: None)
    notice = NoticePost(NoticeKind.REFUSED, nonce="n", jobs=1, channel_id=channel_id)
    assert isinstance(await poster.post(Address(1, channel_id), notice), NoResponse)


async def _cancelled(client: RelayClient, channel_id: int, _monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is given up by whomever."""
    task = asyncio.create_task(client.http.get_channel(channel_id))
    await asyncio.sleep(GIVEN_UP_AFTER)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("give_up", [_look, _list, _post, _cancelled])
async def test_a_request_cancelled_during_a_global_limit_blocks_no_other(
    sandbox: DiscordSandbox,
    client: RelayClient,
    give_up: Callable[[RelayClient, int, pytest.MonkeyPatch], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel = sandbox.add_guild("Studio").add_text_channel("videos")
    fault = sandbox.faults.add(action=RateLimit(LASTS, "global"))
    loop = asyncio.get_running_loop()
    began = loop.time()
    await give_up(client, channel.id, monkeypatch)
    assert fault.hits == 1
    async with asyncio.timeout(LASTS + 2):
        await client.http.get_channel(channel.id)
    # No request is sent before the limit ends, because Discord counts refused requests.
    assert loop.time() - began >= LASTS
    assert fault.hits == 1


async def test_the_longest_of_several_limits_counts(sandbox: DiscordSandbox, client: RelayClient) -> None:
    channel = sandbox.add_guild("Studio").add_text_channel("videos")
    loop = asyncio.get_running_loop()
    began = loop.time()
    tasks = []
    # Different routes, so that both are in flight before one of them meets the limit.
    for seconds, ask in ((0.3, client.http.get_channel(channel.id)), (1.0, client.http.application_info())):
        sandbox.faults.add(action=RateLimit(seconds, "global"))
        tasks.append(asyncio.create_task(ask))
    await asyncio.sleep(0.2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    async with asyncio.timeout(4):
        await client.http.get_channel(channel.id)
    assert loop.time() - began >= 1.0


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b'{"global": true, "retry_after": 0.5}', 0.5),
        (b'{"global": true, "retry_after": 90000}', 3600.0),
        (b'{"global": true, "retry_after": -1}', 0.0),
        (b'{"global": true, "retry_after": 1e999}', None),
        (b'{"global": false, "retry_after": 0.5}', None),
        (b'{"retry_after": 0.5}', None),
        (b"[]", None),
        (b"<html>", None),
    ],
)
def test_how_long_a_limit_lasts(body: bytes, seconds: float | None) -> None:
    assert _seconds_of(body) == seconds


def test_every_discord_client_has_the_fix() -> None:
    """Any other HTTP client for Discord would need its own fix."""
    root = Path(__file__).parents[2]
    made = []
    for file in [*root.glob("cogs/*.py"), *root.glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                made += [ast.unparse(node.func)]
    ways = {name for name in made if name.split(".")[-1] in {"Client", "Bot", "AutoShardedBot", "HTTPClient"}}
    assert ways == set()
    assert "RelayClient" in made
    assert discord.__version__ == "2.7.1", "look whether http.py still holds back all requests in the same way"
