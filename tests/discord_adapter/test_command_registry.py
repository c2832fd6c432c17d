"""Commands are registered despite initial errors, and by one process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import aiohttp
import discord
import pytest

from discord_adapter.command_registry import CommandRegistry
from discord_adapter.command_sync import Payload, RegisteredCommands, Scope
from relay.cluster.ownership import ALONE, Alone
from storage.database import Database

COMMANDS = [{"name": "pixverse"}]


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
async def test_a_refusal_is_logged_with_its_scope_and_retried(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, guilds: tuple[int, ...], words: str
) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    database = await Database.open(tmp_path / "relay.db")
    try:
        registry = Registry()
        await CommandRegistry(database, guilds).sync(registry, COMMANDS, ALONE, sleep)
    finally:
        await database.close()
    assert words in caplog.text
    assert waits == [2.0]


class Away(Registry):
    """Discord is away from this process until it is back."""

    def __init__(self) -> None:
        super().__init__()
        self.back = False
        self.scopes: list[Scope] = []

    async def read(self, scope: Scope) -> Sequence[Payload]:
        self.scopes.append(scope)
        if not self.back:
            raise aiohttp.ClientConnectionError
        return [{"id": "1", "name": "pixverse"}]


class OneOfTwo(Alone):
    """Shares the name with the other one."""

    def __init__(self, holder: list[OneOfTwo]) -> None:
        self._holder = holder

    async def take_named_lease(self, name: str) -> bool:
        del name
        if not self._holder:
            self._holder.append(self)
        return self._holder[0] is self

    async def release_named_lease(self, name: str) -> None:
        del name
        self._holder.remove(self)


async def test_a_process_cut_off_from_discord_delays_no_other(tmp_path: Path) -> None:
    holder: list[OneOfTwo] = []
    away, other = Away(), Registry()
    other.looks = 1
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        """Lets the other process do all of its work while this one waits."""
        waits.append(seconds)
        if not away.back:
            await CommandRegistry(database, (7, 8, 9)).sync(other, COMMANDS, OneOfTwo(holder), never)
            away.back = True

    async def never(seconds: float) -> None:
        raise AssertionError(seconds)

    database = await Database.open(tmp_path / "relay.db")
    try:
        await CommandRegistry(database, (7, 8, 9)).sync(away, COMMANDS, OneOfTwo(holder), sleep)
    finally:
        await database.close()
    assert other.looks == 4
    assert (waits, holder) == ([2.0], [])
    assert away.scopes == [7, 7, 8, 9]  # Not every server is tried while Discord is unreachable.


async def test_an_error_in_one_process_delays_no_other(tmp_path: Path) -> None:
    class Faulty(Registry):
        async def read(self, scope: Scope) -> Sequence[Payload]:
            raise RuntimeError(scope)

    holder: list[OneOfTwo] = []
    database = await Database.open(tmp_path / "relay.db")
    try:
        with pytest.raises(RuntimeError):
            await CommandRegistry(database, ()).sync(Faulty(), COMMANDS, OneOfTwo(holder), asyncio.sleep)
    finally:
        await database.close()
    assert holder == []


class Kept(RegisteredCommands):
    """Keeps each scope's commands, and refuses the servers that the bot isn't in."""

    def __init__(self, *without_bot: int) -> None:
        self.without_bot = without_bot
        self.commands: dict[Scope, Sequence[Payload]] = {}

    async def read(self, scope: Scope) -> Sequence[Payload]:
        if scope in self.without_bot:
            response = cast("aiohttp.ClientResponse", SimpleNamespace(status=403, reason="Forbidden"))
            raise discord.Forbidden(response, {"code": 50001, "message": "Missing Access"})
        return self.commands.get(scope, ())

    async def write(self, scope: Scope, commands: Sequence[Payload]) -> Sequence[Payload]:
        self.commands[scope] = [{"id": "1", **command} for command in commands]
        return self.commands[scope]


async def test_a_scope_registered_while_another_was_refused_is_cleared_once_it_is_no_longer_wanted(
    tmp_path: Path,
) -> None:
    class Stopped(Exception):
        pass

    async def stop(seconds: float) -> None:
        raise Stopped(seconds)

    registered = Kept(8)
    database = await Database.open(tmp_path / "relay.db")
    try:
        with pytest.raises(Stopped):
            await CommandRegistry(database, (7, 8)).sync(registered, COMMANDS, ALONE, stop)
        assert registered.commands[7]
        await CommandRegistry(database, ()).sync(registered, COMMANDS, ALONE, stop)
    finally:
        await database.close()
    assert registered.commands[7] == []  # Or server 7 would show every command twice.
    assert registered.commands[None]
