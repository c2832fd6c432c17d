"""What the log says where Discord refuses to register the commands."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import aiohttp
import discord
import pytest

from discord_adapter.command_registry import CommandRegistry
from discord_adapter.command_sync import Payload, RegisteredCommands, Scope
from storage.database import Database


class Registry(RegisteredCommands):
    """Refuses the first look, and has what is wanted at the second."""

    def __init__(self) -> None:
        self.looks = 0

    async def read(self, scope: Scope) -> Sequence[Payload]:
        del scope
        self.looks += 1
        if self.looks == 1:
            response = cast("aiohttp.ClientResponse", SimpleNamespace(status=403, reason="Forbidden"))
            raise discord.Forbidden(response, {"code": 50001, "message": "Missing Access"})
        return [{"id": "1", "name": "pixverse"}]

    async def write(self, scope: Scope, commands: Sequence[Payload]) -> Sequence[Payload]:
        raise AssertionError((scope, commands))


@pytest.mark.parametrize(
    ("guilds", "words"),
    [
        ((), "the global commands can't be registered: Discord refuses it (403 Forbidden"),
        ((7,), "the commands of server 7 can't be registered: the bot isn't in that server (yet)"),
    ],
)
async def test_a_refusal_is_told_in_words_of_its_scope_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, guilds: tuple[int, ...], words: str
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    database = await Database.open(tmp_path / "relay.db")
    try:
        registry = Registry()
        await CommandRegistry(database, guilds).sync(registry, [{"name": "pixverse"}], sleep)
    finally:
        await database.close()
    assert words in caplog.text
    assert waits == [2.0]
