"""The demo's environment: both sandboxes, the real bot, and a server with people in it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple, TypeVar

from cryptography.fernet import Fernet

from sandbox.bot_process import SECONDS_TO_HAND_OVER, BotFailure, BotProcess, copy_program
from sandbox.cluster import PROCESSES, SHARDS, Balancer, Cluster
from sandbox.discord_wire import Answer, Channel, DiscordSandbox, Guild, Member, NotAnswered
from sandbox.pixverse_api import PixverseApi
from sandbox.pixverse_api.accounts import Account
from sandbox.ports import free_port
from sandbox.postgres import open_postgres

T = TypeVar("T")

_SECONDS_TO_COME_UP = 30.0


class NoPort(Exception):
    """No port of this machine could be opened."""


@dataclass(frozen=True, slots=True)
class DemoSetup:
    """A server called Paper Boat Studio. `ada` may manage it, `alice` and `ben` are members."""

    folder: Path
    """Where the bot's program and database lie."""
    discord: DiscordSandbox
    pixverse: PixverseApi
    bot: BotProcess
    """The only process, or the first one of a cluster."""
    account: Account
    guild: Guild
    channel: Channel
    channels: tuple[Channel, ...]
    """All of the server; `channel` is the first."""
    ada: Member
    alice: Member
    ben: Member
    cluster: Cluster | None = None
    """All processes, where there are several."""

    @property
    def processes(self) -> dict[str, BotProcess]:
        """The bot's processes by their names."""
        return {"1": self.bot} if self.cluster is None else self.cluster.processes

    def shards_of(self, name: str) -> list[int]:
        """The gateway shards that a process has a connection for, as Discord sees it."""
        sessions = self.discord.gateway.connected
        return sorted({one.shard[0] for one in sessions if self.cluster is None or one.caller == name})

    @property
    def shards_away(self) -> int:
        """How many gateway shards have no connection."""
        return self.discord.gateway.shards - len({one.shard[0] for one in self.discord.gateway.connected})

    def serving(self, guild: Guild) -> str | None:
        """The process that Discord sends a server's events to; of two, the one that takes the shard over."""
        sessions = [one for one in self.discord.gateway.connected if one.serves(guild.id)]
        return (sessions[-1].caller or "1") if sessions else None

    @property
    def people(self) -> dict[int, str]:
        """Names by user id."""
        return {member.id: member.name for member in (self.ada, self.alice, self.ben)}

    async def wait_for_bot(self) -> None:
        """Waits until the bot listens to Discord.

        Raises:
            BotFailure: it doesn't within half a minute.
        """
        try:
            await self.discord.wait_for_bot(_SECONDS_TO_COME_UP)
            await self.discord.until(lambda: self.shards_away == 0, _SECONDS_TO_COME_UP, "every shard")
        except TimeoutError:
            raise BotFailure(
                f"The bot did not come up within {_SECONDS_TO_COME_UP:.0f} s.", self.bot.last_log_lines
            ) from None

    def expect(self, answer: Answer, beginning: str) -> None:
        """Checks how an answer begins.

        Raises:
            BotFailure: it begins differently.
        """
        if not answer.text.startswith(beginning):
            raise BotFailure(f"The bot was to answer {beginning!r} and said: {answer.text}", self.bot.last_log_lines)

    async def while_bot_lives(self, work: Coroutine[object, object, T]) -> T:
        """Does the work and returns its result.

        Raises:
            BotFailure: the bot's process ended first, or left a command unanswered.
        """
        doing = asyncio.ensure_future(work)
        watching = asyncio.ensure_future(_first_end(self.processes.values()))
        try:
            await asyncio.wait({doing, watching}, return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                raise BotFailure(
                    f"The bot ended by itself, with exit code {watching.result()}.", self.bot.last_log_lines
                )
            return doing.result()
        except NotAnswered as error:
            raise BotFailure(f"The bot did not answer: {error}.", self.bot.last_log_lines) from error
        finally:
            doing.cancel()
            watching.cancel()
            await asyncio.gather(doing, watching, return_exceptions=True)


async def _first_end(processes: Iterable[BotProcess]) -> int:
    ends = [asyncio.ensure_future(process.ended()) for process in processes]
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


@asynccontextmanager
async def open_setup(
    poll_interval: float, *, keep_files: bool = False, cluster: bool = False
) -> AsyncIterator[DemoSetup]:
    """Opens the demo and starts its processes. Arguments and errors are those of `empty_setup`."""
    async with empty_setup(poll_interval, keep_files=keep_files, cluster=cluster) as setup:
        try:
            for process in list(setup.processes.values()):
                await process.start()
            yield setup
        finally:
            await asyncio.gather(*(process.stop() for process in setup.processes.values()))


@asynccontextmanager
async def empty_setup(
    poll_interval: float, *, keep_files: bool = False, cluster: bool = False
) -> AsyncIterator[DemoSetup]:
    """Starts both sandboxes on free ports of 127.0.0.1, but not the bot. At the end, ports are closed and files
    deleted.

    Args:
        poll_interval: The bot's polling interval, in seconds.
        keep_files: Keeps the bot's database and the copy of its program.
        cluster: Several processes share a PostgreSQL, which is started too, and Discord's shards.

    Raises:
        NoPort: nothing can be listened on.
        NoPostgres: PostgreSQL can't be started.
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
        program = copy_program(folder / "bot")
        several = None
        if cluster:
            several = await _open_cluster(stack, folder, program, discord, pixverse, poll_interval)
            bot = several.processes["1"]
        else:
            database = f"sqlite:///{folder / 'relay.db'}"
            addresses = Addresses(discord.api_url, pixverse.base, pixverse.cdn.base)
            bot = BotProcess(program, _settings(discord.bot_token, addresses, database, poll_interval))
        discord.world.backend.bot_user.name = "PixVerse Relay"
        guild = discord.add_guild("Paper Boat Studio", shard=(0, SHARDS) if cluster else None)
        channel = guild.add_text_channel("videos")
        talk = guild.add_text_channel("talk")
        every = guild.add_text_channel("every-video")
        yield DemoSetup(
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
            cluster=several,
        )


class Addresses(NamedTuple):
    """Where a process finds both sandboxes."""

    discord: str
    pixverse: str
    files: str


async def _open_cluster(
    stack: AsyncExitStack,
    folder: Path,
    program: Path,
    discord: DiscordSandbox,
    pixverse: PixverseApi,
    poll_interval: float,
) -> Cluster:
    discord.gateway.shards = SHARDS
    discord.starts.max_concurrency, discord.starts.enforced = SHARDS, True
    database = await stack.enter_async_context(open_postgres(folder, free_port()))
    key = Fernet.generate_key().decode()

    async def settings_of(name: str) -> Mapping[str, str]:
        """Returns a process's settings. Each process calls the sandboxes at its own addresses, so they can be told
        apart.
        """
        addresses = Addresses(discord.api_url_of(name), await pixverse.base_of(name), pixverse.cdn.base)
        shared = {"ENCRYPTION_KEY": key, "PUBLIC_URL": f"http://127.0.0.1:{balancer.port}"}
        return _settings(discord.bot_token, addresses, database, poll_interval) | shared

    cluster = Cluster(lambda settings: BotProcess(program, settings, SECONDS_TO_HAND_OVER), settings_of)
    balancer = Balancer(cluster.callback_ports)
    await balancer.start()
    stack.push_async_callback(balancer.stop)
    for _ in range(PROCESSES):
        await cluster.add()
    return cluster


def _settings(token: str, at: Addresses, database: str, poll_interval: float) -> dict[str, str]:
    callbacks = free_port()
    return {
        "DISCORD_TOKEN": token,
        "DISCORD_API_URL": at.discord,
        "USEAPI_URL": at.pixverse,
        "MEDIA_HOSTS": at.files,
        "DATABASE_URL": database,
        "POLL_INTERVAL": str(poll_interval),
        "CALLBACK_PORT": str(callbacks),
        "PUBLIC_URL": f"http://127.0.0.1:{callbacks}",
    }
