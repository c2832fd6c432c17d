"""SimCord's page of one channel, embedded in the panel through a small proxy.

SimCord's page refuses to be framed, and every channel gets a new page with its own port and secret. The proxy has a
fixed port and forwards to the open page. It lets only the panel frame that page, adds a style sheet that hides
SimCord's authoring tools, and adds a script that keeps the chat scrolled to its end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from sandbox.discord_wire import Channel, DiscordSandbox, Member
from sandbox.panel.guard import only_own_page, own_hosts

_OF_ONE_CONNECTION = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding", "host", "origin", "date",
     "server", "te", "trailer", "upgrade", "accept-encoding"}
)  # fmt: skip
_LARGEST_BODY = 32 * 1024 * 1024
_FIXED = frozenset({"text/css", "text/javascript", "application/javascript", "font/ttf", "font/woff2"})
"""Content types that are the same on every page. Without caching, a browser would load 30 MB of fonts per channel."""
_NO_PAGE = "The chat is closed."
_PAGE = Path(__file__).parent / "page"
_ADDED = {
    "/panel/chat.css": ("chat.css", "text/css"),
    "/panel/chat.js": ("chat.js", "text/javascript"),
    "/panel/icon.svg": ("icon.svg", "image/svg+xml"),
}
_HEAD_ENDS = b"</head>"
_LINKS = b'<link rel="stylesheet" href="/panel/chat.css"><script type="module" src="/panel/chat.js"></script>'


class Chat:
    """Shows one channel at a time, as one person sees it.

    Args:
        discord: Where the channels are.
        panel_port: The port of the page that may show the chat.
    """

    def __init__(self, discord: DiscordSandbox, panel_port: Callable[[], int]) -> None:
        self._discord = discord
        self._panel_port = panel_port
        self._turn = asyncio.Lock()
        self._secret = ""
        self._inner = ""
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._watching: asyncio.Task[None] | None = None
        self._shown = 0
        self.port = 0
        self.open = False

    @property
    def url(self) -> str:
        """The page's address with its secret. It differs for each channel, so that the frame reloads."""
        return f"http://127.0.0.1:{self.port}/?page={self._shown}#{self._secret}" if self.open else ""

    async def start(self) -> None:
        """Listens on a free port of 127.0.0.1."""
        application = web.Application(middlewares=[only_own_page(lambda: self.port)], client_max_size=_LARGEST_BODY)
        for path in _ADDED:
            application.router.add_get(path, self._added)
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Closes the page and the port."""
        await self.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def show(self, channel: Channel, viewer: Member) -> None:
        """Shows this channel to this person; the page before is closed."""
        async with self._turn:
            await self._close()
            address = urlsplit(await self._discord.open_preview(channel, [viewer]))
            self._inner, self._secret = address.netloc, address.fragment
            self._session = aiohttp.ClientSession()
            self._shown += 1
            self.open = True
            self._watching = asyncio.create_task(self._until_ended())

    async def close(self) -> None:
        """Stops showing anything."""
        async with self._turn:
            await self._close()

    async def _close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching
            self._watching = None
        self.open = False
        if self._session is not None:  # first, because a closing page waits for open connections
            await self._session.close()
            self._session = None
        await self._discord.close_preview()

    async def _until_ended(self) -> None:
        """Notices when somebody closes the page with its own button."""
        await self._discord.preview_ended()
        self.open = False

    async def _added(self, request: web.Request) -> web.FileResponse:
        name, kind = _ADDED[request.path]
        return web.FileResponse(_PAGE / name, headers={"Content-Type": f"{kind}; charset=utf-8"})

    async def _pass_on(self, request: web.Request) -> web.Response:
        async with self._turn:  # not while one channel takes another's place
            session = self._session
        asker = request.headers.get("X-Simcord-Capability")
        if asker is not None and not (self.open and asker == self._secret):
            # A page that is being replaced keeps polling, and a browser would log every refusal in its console.
            return web.Response(status=204)
        if not self.open or session is None:
            return web.Response(status=503, text=_NO_PAGE)
        try:
            return await self._fetch(session, request)
        except (aiohttp.ClientError, RuntimeError):  # aiohttp raises RuntimeError if the session is closed meanwhile
            if not session.closed:
                raise
            return await self._pass_on(request)

    async def _fetch(self, session: aiohttp.ClientSession, request: web.Request) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
        if "Origin" in request.headers:
            headers["Origin"] = f"http://{self._inner}"
        async with session.request(
            request.method,
            f"http://{self._inner}{request.path_qs}",
            headers=headers,
            data=await request.read() if request.can_read_body else None,
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
            if answer.content_type == "text/html":
                body = body.replace(_HEAD_ENDS, _LINKS + _HEAD_ENDS)
            if answer.content_type == "text/css":
                body = body.replace(b"font-display: block", b"font-display: swap")  # don't wait for 30 MB of fonts
            if answer.content_type in _FIXED:
                kept.pop("Pragma", None)
                kept["Cache-Control"] = "max-age=600"
            return web.Response(status=answer.status, body=body, headers=self._for_the_panel(kept))

    def _for_the_panel(self, headers: dict[str, str]) -> dict[str, str]:
        headers.pop("X-Frame-Options", None)
        panel = " ".join(f"http://{host}" for host in own_hosts(self._panel_port()))
        policy = headers.get("Content-Security-Policy", "frame-ancestors 'none'")
        headers["Content-Security-Policy"] = policy.replace("frame-ancestors 'none'", f"frame-ancestors {panel}")
        return headers
