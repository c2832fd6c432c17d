"""What the demo plays on: both sandboxes, the real bot between them, and a server with people in it."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeVar

from sandbox.bot_process import BotProcess, BotTrouble, copy_program
from sandbox.discord_wire import Answer, Channel, DiscordSandbox, Guild, Member, NotAnswered
from sandbox.pixverse_api import PixverseApi
from sandbox.pixverse_api.accounts import Account

T = TypeVar("T")

_SECONDS_TO_COME_UP = 30.0


class NoPort(Exception):
    """This machine has no free port to listen on."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A server called Paper Boat Studio. `ada` may manage it, `alice` and `ben` are members."""

    folder: Path
    """Where the bot's program and database lie."""
    discord: DiscordSandbox
    pixverse: PixverseApi
    bot: BotProcess
    account: Account
    guild: Guild
    channel: Channel
    channels: tuple[Channel, ...]
    """All of the server; `channel` is the first."""
    ada: Member
    alice: Member
    ben: Member

    @property
    def people(self) -> dict[int, str]:
        """Names by user id."""
        return {member.id: member.name for member in (self.ada, self.alice, self.ben)}

    async def wait_for_bot(self) -> None:
        """Waits until the bot listens to Discord.

        Raises:
            BotTrouble: it does not in half a minute.
        """
        try:
            await self.discord.wait_for_bot(_SECONDS_TO_COME_UP)
        except TimeoutError:
            raise BotTrouble(
                f"The bot did not come up within {_SECONDS_TO_COME_UP:.0f} s.", self.bot.last_words
            ) from None

    def expect(self, answer: Answer, beginning: str) -> None:
        """Looks whether an answer begins as it should.

        Raises:
            BotTrouble: it does not.
        """
        if not answer.text.startswith(beginning):
            raise BotTrouble(f"The bot was to answer {beginning!r} and said: {answer.text}", self.bot.last_words)

    async def while_bot_lives(self, work: Coroutine[object, object, T]) -> T:
        """Does the work and returns its result.

        Raises:
            BotTrouble: the bot's process ended before, or left somebody without an answer.
        """
        doing = asyncio.ensure_future(work)
        watching = asyncio.ensure_future(self.bot.ended())
        try:
            await asyncio.wait({doing, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise BotTrouble(f"The bot ended by itself, with exit code {watching.result()}.", self.bot.last_words)
            return doing.result()
        except NotAnswered as error:
            raise BotTrouble(f"The bot did not answer: {error}.", self.bot.last_words) from error
        finally:
            doing.cancel()
            watching.cancel()
            await asyncio.gather(doing, watching, return_exceptions=True)


@asynccontextmanager
async def open_stage(poll_interval: float, *, keep_files: bool = False) -> AsyncIterator[Stage]:
    """A stage with its bot started; arguments and errors are those of `empty_stage`."""
    async with empty_stage(poll_interval, keep_files=keep_files) as stage:
        await stage.bot.start()
        try:
            yield stage
        finally:
            await stage.bot.stop()


@asynccontextmanager
async def empty_stage(poll_interval: float, *, keep_files: bool = False) -> AsyncIterator[Stage]:
    """Starts both sandboxes on free ports of 127.0.0.1, and not the bot; at the end no port and no file is left.

    Args:
        poll_interval: Seconds between two looks of the bot at one job.
        keep_files: Leaves the bot's database and copy of its program where they are, after all.

    Raises:
        NoPort: nothing can be listened on.
    """
    async with AsyncExitStack() as stack:
        folder = Path(mkdtemp(prefix="pixverse-relay-demo-"))
        if not keep_files:
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        pixverse = PixverseApi(sweep_seconds=0)
        try:
            await pixverse.start()
            stack.push_async_callback(pixverse.stop)
            discord = await DiscordSandbox.start()
            stack.push_async_callback(discord.stop, strict=False)
        except OSError as error:
            raise NoPort(f"No free port on 127.0.0.1 ({error.strerror}).") from error
        bot = BotProcess(copy_program(folder / "bot"), _settings(discord, pixverse, folder, poll_interval))
        discord.world.backend.bot_user.name = "PixVerse Relay"
        guild = discord.add_guild("Paper Boat Studio")
        channel = guild.add_text_channel("videos")
        talk = guild.add_text_channel("talk")
        every = guild.add_text_channel("every-video")
        yield Stage(
            folder=folder,
            discord=discord,
            pixverse=pixverse,
            bot=bot,
            account=pixverse.add_account(),
            guild=guild,
            channel=channel,
            channels=(channel, talk, every),
            ada=guild.add_member("Ada", permissions=discord.Permissions(manage_guild=True, manage_messages=True)),
            alice=guild.add_member("Alice"),
            ben=guild.add_member("Ben"),
        )


def _settings(discord: DiscordSandbox, pixverse: PixverseApi, folder: Path, poll_interval: float) -> dict[str, str]:
    callbacks = _free_port()
    return {
        "DISCORD_TOKEN": discord.bot_token,
        "DISCORD_API_URL": discord.api_url,
        "USEAPI_URL": pixverse.base,
        "MEDIA_HOSTS": pixverse.cdn.base,
        "DATABASE_URL": f"sqlite:///{folder / 'relay.db'}",
        "POLL_INTERVAL": str(poll_interval),
        "CALLBACK_PORT": str(callbacks),
        "PUBLIC_URL": f"http://127.0.0.1:{callbacks}",
    }


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
