"""Discord on this machine: the server, and methods to drive it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import discord
from aiohttp import web

from .changes import Changes
from .faults import Faults
from .gateway import Gateway
from .guilds_and_channels import Channel, Guild
from .limits import RateLimits
from .members import Member
from .preview import PreviewPage, Proxy
from .recording import RecordedRequest
from .rest import Rest
from .session_starts import SessionStarts
from .virtual_discord import DEFAULT_LOCALE, VirtualDiscord
from .wire_json import Wire

T = TypeVar("T")

_LOW_BITS_OF_SHARDS = 1 << 21
_LARGEST_REQUEST = 512 * 1024 * 1024


class UnsupportedCalls(AssertionError):
    """The bot made a call that the sandbox doesn't know."""


class DiscordSandbox:
    """A local Discord on 127.0.0.1 that an unmodified discord.py can't tell from the real one.

    Give a bot `api_url` and `bot_token`; the gateway's address is answered by `GET /gateway/bot`.
    """

    Permissions = discord.Permissions

    def __init__(
        self, world: VirtualDiscord, runner: web.AppRunner, gateway: Gateway, page: PreviewPage, base: str
    ) -> None:
        self._runner = runner
        self._page = page
        self.world = world
        self.gateway = gateway
        self._base = base
        self.api_url = f"http://{base}/api/v10"
        self.gateway_url = gateway.address("")
        self.bot_token = world.bot_token

    @classmethod
    async def start(
        cls,
        *,
        port: int = 0,
        bot_token: str | None = None,
        bot_name: str = "PixVerse Relay",
        log_path: Path | None = None,
    ) -> DiscordSandbox:
        """Serve on 127.0.0.1 (port 0: any free one) within the running event loop, and log events to a file."""
        changes = Changes()
        proxy = Proxy(changes)
        world = VirtualDiscord(proxy=proxy, bot_token=bot_token or _token(), changes=changes, log_path=log_path)
        proxy.world = world
        world.backend.bot_user.name = bot_name
        app = web.Application(client_max_size=_LARGEST_REQUEST)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        handlers = _Handlers()
        app.router.add_get("/cdn/{path:.*}", handlers.file)
        for way in ("", "/as/{caller}"):
            app.router.add_get(f"{way}/gateway", handlers.gateway_socket)
            app.router.add_get(f"{way}/gateway/", handlers.gateway_socket)
            app.router.add_route("*", f"{way}/api/v10/{{path:.*}}", handlers.rest_call)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        base = f"127.0.0.1:{runner.addresses[0][1]}"
        wire = Wire(f"http://{base}/cdn")
        gateway = Gateway(world, wire, base)
        handlers.world, handlers.gateway = world, gateway
        handlers.rest = Rest(world, wire, gateway)
        page = PreviewPage(world)
        handlers.page = page
        return cls(world, runner, gateway, page, base)

    def api_url_of(self, caller: str) -> str:
        """An address for one of several bots, so that its requests and sessions can be told apart from the others'."""
        return f"http://{self._base}/as/{caller}/api/v10"

    async def stop(self, *, strict: bool = True) -> None:
        """Stop serving.

        Raises:
            UnsupportedCalls: with `strict`, if the bot made a call that the sandbox doesn't know.
        """
        self.gateway.cut()
        await self._page.shut_down()
        await self._runner.cleanup()
        self.world.log.close()
        if strict and self.unsupported:
            raise UnsupportedCalls("; ".join(self.unsupported))

    async def __aenter__(self) -> DiscordSandbox:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        await self.stop(strict=kind is None)

    # ----------------------------------------------------------------- looking

    @property
    def requests(self) -> list[RecordedRequest]:
        """All REST calls so far, oldest first."""
        return self.world.requests

    @property
    def unsupported(self) -> list[str]:
        """Calls that the sandbox does not know; each was answered with 501."""
        return self.world.unsupported

    @property
    def faults(self) -> Faults:
        """Faults to inject."""
        return self.world.faults

    @property
    def limits(self) -> RateLimits:
        """Rate limits, off at first."""
        return self.world.limits

    @property
    def starts(self) -> SessionStarts:
        """Limits on IDENTIFY, not enforced at first."""
        return self.world.starts

    @property
    def bot_id(self) -> int:
        """The bot's user id."""
        return self.world.backend.bot_user.id

    @property
    def bot_connected(self) -> bool:
        """Whether the bot has an identified session with a live socket."""
        return bool(self.gateway.connected)

    async def until(self, condition: Callable[[], T], timeout: float = 30.0, what: str = "") -> T:
        """Wait until the condition (tried at every event) returns something true, and return that.

        Raises:
            TimeoutError: not within `timeout` seconds.
        """

        def told() -> str:
            calls = [f"{call.method} {call.path} → {call.status}" for call in self.requests[-10:]]
            return f"not within {timeout} s: {what or condition}; last calls: {calls}"

        return await self.world.changes.until(condition, timeout_s=timeout, what=told)

    async def wait_for_bot(self, timeout: float = 30.0) -> None:
        """Wait until the bot listens and has commands registered."""
        commands = self.world.backend.commands
        await self.until(
            lambda: self.bot_connected and any(commands.values()), timeout, "bot connected, commands registered"
        )

    # ------------------------------------------------------------------ making

    def add_guild(
        self,
        name: str,
        *,
        bot_permissions: discord.Permissions | None = None,
        shard: tuple[int, int] | None = None,
        preferred_locale: str | None = DEFAULT_LOCALE,
    ) -> Guild:
        """A server with the bot in it.

        Args:
            name: Its name.
            bot_permissions: The bot's permissions in it.
            shard: The shard that it must belong to, and the number of shards.
            preferred_locale: Its language; None: Discord reports none.
        """
        guild_id = None if shard is None else self._id_of_shard(*shard)
        handle = self.world.env.create_guild(name, id=guild_id, preferred_locale=preferred_locale or "")
        guild = Guild(self.world, handle)
        if bot_permissions is not None:
            guild.set_bot_permissions(bot_permissions)
        return guild

    def _id_of_shard(self, shard_id: int, shard_count: int) -> int:
        """The latest millisecond of that shard, with low bits that no other id has."""
        milliseconds = int(self.world.now() * 1000) - discord.utils.DISCORD_EPOCH
        milliseconds -= (milliseconds - shard_id) % shard_count
        return (milliseconds << 22) | (_LOW_BITS_OF_SHARDS + len(self.world.backend.guilds))

    # ---------------------------------------------------------------- faults

    def advance(self, seconds: float) -> None:
        """Put Discord's clock forward: nonces are forgotten, interaction tokens expire and messages grow old."""
        self.world.clock.advance(seconds)

    def forget_nonces(self) -> None:
        """Forget all nonces, as Discord does after a while."""
        self.world.nonces.forget()

    @property
    def nonce_window_s(self) -> float:
        """How long Discord remembers a nonce, in seconds."""
        return self.world.nonces.window_s

    @nonce_window_s.setter
    def nonce_window_s(self, seconds: float) -> None:
        self.world.nonces.window_s = seconds

    async def refuse_token(self) -> None:
        """From now on the bot's token is invalid: 401, and 4004 at the gateway."""
        self.world.token_refused = True
        await self.gateway.close(4004, "Authentication failed.")

    def accept_token(self) -> None:
        """The token is good again."""
        self.world.token_refused = False

    # ----------------------------------------------------------------- looking on

    async def open_preview(self, channel: Channel, viewers: Sequence[Member], *, port: int | None = None) -> str:
        """SimCord's page of a channel, as these people see it; returns its address. One page at a time."""
        return await self._page.open(channel, viewers, port=port)

    async def preview_ended(self) -> None:
        """Wait until the preview page is closed, by `close_preview` or by its own button."""
        await self._page.ended()

    async def close_preview(self) -> None:
        """Close that page."""
        await self._page.close()


class _Handlers:
    """What the web server calls; filled in once the port is known."""

    world: VirtualDiscord
    rest: Rest
    gateway: Gateway
    page: PreviewPage

    async def rest_call(self, request: web.Request) -> web.Response:
        response = await self.rest.handle(request)
        self.page.tell()
        return response

    async def gateway_socket(self, request: web.Request) -> web.WebSocketResponse:
        return await self.gateway.handle(request)

    async def file(self, request: web.Request) -> web.Response:
        content = self.world.backend.cdn.get(f"https://cdn.simcord.invalid/{request.match_info['path']}")
        return web.Response(status=404) if content is None else web.Response(body=content)


def _token() -> str:
    return f"sandbox.{secrets.token_urlsafe(6)}.{secrets.token_urlsafe(20)}"
