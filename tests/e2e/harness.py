"""Everything a test needs: the sandbox's Discord and PixVerse, the bot, and servers."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import NoReturn

from sandbox.discord_wire import DiscordSandbox
from sandbox.discord_wire.recording import RecordedRequest
from sandbox.pixverse_api import PixverseApi
from sandbox.pixverse_api.accounts import Account
from tests.e2e.forking import ForkServer
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.ledger import Ledger
from tests.e2e.process import BotProcess
from tests.e2e.waiting import until
from tests.web.port import ask

POLL_SECONDS = 0.1
_READS = re.compile(
    r"GET /v1/pixverse/jobs(/\?jobid=[^&/]+)?"  # GET /v1/pixverse/jobs/cancel/ ends a job
    r"|GET /v2/pixverse/(scheduler/|(videos|images)/([^?/]+|\?[^/]*))"
)


class Harness:
    """Both sandboxes and one bot. At the end it searches for leaks of every secret that it handed out."""

    def __init__(
        self,
        discord: DiscordSandbox,
        pixverse: PixverseApi,
        program: Path,
        folder: Path,
        settings: Mapping[str, str],
        fork_server: ForkServer | None,
        ledger: Ledger | None = None,
    ) -> None:
        self.discord = discord
        self.pixverse = pixverse
        self.folder = folder
        self.ledger = ledger or Ledger(folder / "kept" / "relay.db")
        self.secrets: list[str] = [discord.bot_token]
        self.addresses: list[str] = []
        """E-mail addresses, which may stand in the database and in what PixVerse is asked, but nowhere else."""
        self.for_one_alone: list[str] = []
        """Secrets that may stand in answers to whoever asked, which nobody else sees, but nowhere else."""
        self.port_said: list[str] = []
        """What the bot's own HTTP ports were heard to answer."""
        self.generation = "v1"
        """Of the PixVerse API, for the jobs that servers make."""
        self._numbers = count(4321)
        elsewhere = folder / "elsewhere"
        elsewhere.mkdir()
        self.bot = BotProcess(
            program,
            {
                "DISCORD_TOKEN": discord.bot_token,
                "DISCORD_API_URL": discord.api_url,
                "USEAPI_URL": pixverse.base,
                "MEDIA_HOSTS": pixverse.cdn.base,
                "DATABASE_URL": f"sqlite:///{self.ledger.place}",
                "POLL_INTERVAL": str(POLL_SECONDS),
                **settings,
            },
            elsewhere,
            fork_server,
        )

    @classmethod
    async def build(
        cls,
        program: Path,
        folder: Path,
        settings: Mapping[str, str],
        fork_server: ForkServer | None = None,
        ledger: Ledger | None = None,
    ) -> Harness:
        """Starts both sandboxes, but not the bot. A fork server, if given, forks the bot later."""
        pixverse = PixverseApi(rng=random.Random(7), sweep_seconds=0)
        await pixverse.start()
        return cls(await DiscordSandbox.start(), pixverse, program, folder, settings, fork_server, ledger)

    async def close(self) -> None:
        """Ends everything.

        Fails if the bot made a call that the sandbox doesn't know, leaked a secret, or sent the PixVerse API a request
        other than a read.
        """
        if self.bot.running:
            await self.listen_to_port()
            await self.bot.kill()
        await self.discord.stop()
        await self.pixverse.stop()
        assert self.leaks() == []
        asked = (f"{entry.method} {entry.path}" for entry in self.pixverse.requests)
        assert [request for request in asked if not _READS.fullmatch(request)] == []

    # ---------------------------------------------------------------- the bot

    async def start(self, *, forked: bool = True) -> None:
        """Starts the bot and waits until Discord sees it connected, with its commands registered."""
        await self.bot.start(forked=forked)
        await self.ready()

    async def ready(self) -> None:
        """Waits until Discord sees the bot connected, with its commands registered."""
        commands = self.discord.world.backend.commands
        try:
            await until(lambda: not self.bot.running or (self.discord.bot_connected and any(commands.values())))
        except TimeoutError:
            self._did_not_come_up()
        if not self.bot.running:
            self._did_not_come_up()

    def _did_not_come_up(self) -> NoReturn:
        raise AssertionError("the bot did not come up; it said:\n" + "\n".join(self.bot.lines[-30:]))

    async def stop(self) -> None:
        """Sends SIGTERM and checks the exit code."""
        assert await self.bot.stop() == 0, self.bot.lines[-30:]
        await self.gone()

    async def kill(self) -> None:
        """kill -9."""
        await self.bot.kill()
        await self.gone()

    async def gone(self) -> None:
        """Waits until Discord has seen the connection end."""
        await self.discord.until(lambda: not self.discord.bot_connected)

    async def restart(self) -> None:
        """Stops and starts the bot."""
        await self.stop()
        await self.start()

    # ----------------------------------------------------------------- places

    def account(self) -> Account:
        """A new useapi.net account."""
        account = self.pixverse.add_account(next(self._numbers))
        self._hide(account.token)
        self.addresses.append(account.email)
        return account

    def renew_token(self, account: Account) -> str:
        """The account's new token; the old one is refused from now on."""
        self._hide(account.renew_token())
        return account.token

    def _hide(self, token: str) -> None:
        """Registers a token's secret half, so that a split token is found too."""
        self.secrets.append(token.partition("-")[2])

    def empty_server(self, generation: str | None = None, **languages: str | None) -> GuildFixture:
        """A server in which no token is set yet, with an account that is its admin's to use.

        `server` and `member` are the languages of both, as `GuildFixture` says.
        """
        return GuildFixture(self, self.account(), generation, **languages)

    async def server(self, generation: str | None = None, **languages: str | None) -> GuildFixture:
        """A server that is set up: its admin has set the token of its account."""
        server = self.empty_server(generation, **languages)
        answer = await server.set_token()
        assert answer.text.startswith("**Token works.**"), answer
        return server

    # ---------------------------------------------------------------- secrets

    async def listen_to_port(self) -> None:
        """Records everything that the bot's HTTP ports, if any, respond with."""
        for name in ("HTTP_PORT", "CALLBACK_PORT"):
            port = self.bot.settings.get(name)
            for path in ("/healthz", "/metrics") if port else ():
                _, body = await ask(int(port or 0), f"GET {path} HTTP/1.1\nHost: 127.0.0.1")
                self.port_said.append(body.decode())

    def leaks(self) -> list[str]:
        """The places that contain a secret but must not."""
        public = self._told_to_all()
        shown = public | {
            "messages": "\n".join(self._bots_messages()),
            "calls of Discord": "\n".join(map(_words, self.discord.requests)),
        }
        asked = {"addresses of PixVerse": "\n".join(call.path for call in self.pixverse.requests)}
        files = self.ledger.files()
        names = {name: name for name in files}
        # Autocomplete offers a pasted v2 id back to the person who types it.
        offered = {"calls of Discord": "\n".join(_words(call) for call in self.discord.requests if not _offers(call))}
        found = [
            *_places(shown | asked, self.secrets),
            *(f"{place} (e-mail)" for place in _places(shown | names | offered, self.addresses)),
            *(f"{place} (for one alone)" for place in _places(public | asked | names, self.for_one_alone)),
        ]
        kept = [*self.secrets, *self.for_one_alone]
        return found + [name for name, content in files.items() if any(secret.encode() in content for secret in kept)]

    def _told_to_all(self) -> dict[str, str]:
        """Everything that the bot sent or logged, except replies to the person who asked."""
        return {
            "log": "\n".join(self.bot.lines),
            "public messages": "\n".join(self._bots_messages(for_all=True)),
            "public calls of Discord": "\n".join(_words(call) for call in self.discord.requests if _is_public(call)),
            "commands": repr(self.discord.world.backend.commands),
            "addresses of files": "\n".join(call.path for call in self.pixverse.cdn.requests),
            "the HTTP ports": "\n".join(self.port_said),
        }

    def _bots_messages(self, *, for_all: bool = False) -> list[str]:
        backend = self.discord.world.backend
        return [
            f"{message.content} {json.dumps(message.components, default=str)} {json.dumps(message.embeds, default=str)}"
            for channel in backend.messages.values()
            for message in channel.values()
            if message.author_id == self.discord.bot_id and not (for_all and message.is_ephemeral)
        ]


def _places(texts: Mapping[str, str], secrets: Sequence[str]) -> list[str]:
    """The places that contain one of the secrets, escaped or not."""
    plain = {place: text.replace("\\", "") for place, text in texts.items()}
    return [place for place, text in plain.items() if any(secret in text for secret in secrets)]


def _words(call: RecordedRequest) -> str:
    return f"{call.path} {call.query} {json.dumps(call.json, default=str)} {call.reason}"


def _offers(call: RecordedRequest) -> bool:
    """Whether the call is an autocomplete response (interaction callback type 8)."""
    return isinstance(call.json, dict) and call.json.get("type") == 8 and call.segments[0] == "interactions"


def _is_public(call: RecordedRequest) -> bool:
    """Whether the call is not a response to an interaction."""
    return call.segments[0] not in ("interactions", "webhooks")
