"""The environment of several bots: Discord and PixVerse as processes that outlive them, and one log of all events."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from sandbox.event_log import read_events
from sandbox.standalone.remote import Remote
from tests.e2e.forking import ForkServer
from tests.e2e.process import BotProcess
from tests.e2e.waiting import PATIENCE, until

POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Server:
    """A server with a channel, an admin and a member, by their ids, and its account's number."""

    guild: int
    channel: int
    admin: int
    member: int
    account: int


class Crowd:
    """Any number of bots, each with its own addresses, so that the log tells them apart."""

    def __init__(
        self, program: Path, folder: Path, discord: Remote, pixverse: Remote, fork_server: ForkServer | None
    ) -> None:
        self.discord = discord
        self.pixverse = pixverse
        self.folder = folder
        self.log = folder / "events.jsonl"
        self.bots: dict[str, BotProcess] = {}
        self._program = program
        self._nursery = fork_server
        self._accounts = count(4321)

    @classmethod
    async def build(cls, program: Path, folder: Path, fork_server: ForkServer | None = None) -> Crowd:
        """Starts both sandboxes, and no bot."""
        log = folder / "events.jsonl"
        discord, pixverse = await asyncio.gather(Remote.start("discord", log), Remote.start("pixverse", log))
        return cls(program, folder, discord, pixverse, fork_server)

    async def close(self) -> None:
        """Kills the bots and ends the sandboxes. Fails if a bot made a call that the sandbox doesn't know."""
        await asyncio.gather(*(bot.kill() for bot in self.bots.values() if bot.running))
        unsupported = await self.discord.order("unsupported")
        await asyncio.gather(self.discord.stop(), self.pixverse.stop())
        assert unsupported == []

    # ------------------------------------------------------------------ bots

    async def add_bot(self, name: str, **settings: str) -> BotProcess:
        """Creates and starts a bot. It has its own database unless `DATABASE_URL` is set."""
        elsewhere = self.folder / name
        elsewhere.mkdir()
        base = {
            "DISCORD_TOKEN": self.discord.told["bot_token"],
            "DISCORD_API_URL": await self.discord.order("address", caller=name),
            "USEAPI_URL": await self.pixverse.order("address", caller=name),
            "MEDIA_HOSTS": self.pixverse.told["files"],
            "DATABASE_URL": f"sqlite:///{elsewhere / 'relay.db'}",
            "POLL_INTERVAL": str(POLL_SECONDS),
        }
        bot = self.bots[name] = BotProcess(self._program, base | settings, elsewhere, self._nursery)
        await bot.start()
        return bot

    async def connected(self, *sessions: tuple[str, int]) -> None:
        """Waits until exactly these sessions, as (bot's name, shard), are connected and the commands are registered."""
        await self.discord.order("ready", sessions=len(sessions), timeout_s=PATIENCE)
        connected = [(session["caller"], session["shard"]) for session in await self.discord.order("sessions")]
        assert sorted(connected) == sorted(sessions)

    # ---------------------------------------------------------------- people

    async def server(self, **of_shard: int) -> Server:
        """Creates a server whose admin has set its account's token."""
        number = next(self._accounts)
        token = await self.pixverse.order("account", number=number)
        server = Server(**await self.discord.order("server", **of_shard), account=number)
        said = await self.discord.order(
            "form", member=server.admin, channel=server.channel, name="pixverse-admin token set", text=token
        )
        assert said["text"].startswith("**Token works.**"), said
        return server

    async def watched(self, server: Server, seconds: float | None = None, **fields: Any) -> str:
        """Creates a job that the server's member watches, and returns its id."""
        jobid: str = await self.pixverse.order("job", account=server.account, seconds=seconds, **fields)
        said = await self.status(server, jobid)
        assert said["text"].startswith("**Watching.**"), said
        return jobid

    async def status(self, server: Server, jobid: str) -> dict[str, Any]:
        """`/pixverse status` by the member."""
        answer: dict[str, Any] = await self.discord.order(
            "command",
            member=server.member,
            channel=server.channel,
            name="pixverse status",
            options={"jobid": jobid},
        )
        return answer

    # ------------------------------------------------------------------- log

    def events(self, *kinds: str) -> Iterator[dict[str, Any]]:
        """The events of these kinds so far."""
        return (event for event in read_events(self.log) if event["event"] in kinds)

    def all_events(self) -> list[dict[str, Any]]:
        """All events so far."""
        return list(read_events(self.log))

    def outcomes(self, jobid: str) -> list[dict[str, Any]]:
        """The accepted posts that report a job's end, each message once."""
        posts = (event for event in self.events("post") if event["status"] == 200)
        told = {event["message"]: event for event in posts if jobid in event.get("content", "").replace("\\", "")}
        return list(told.values())

    async def outcome(self, jobid: str) -> dict[str, Any]:
        """Waits for a job's outcome."""
        (told,) = await until(lambda: self.outcomes(jobid), what=f"the outcome of {jobid}")
        return told
