"""The panel's web server."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from sandbox.demo_setup import DemoSetup
from sandbox.panel import choices, views
from sandbox.panel.bot_controls import BotControls
from sandbox.panel.callback_controls import CallbackControls
from sandbox.panel.chat import Chat
from sandbox.panel.discord_controls import DiscordControls
from sandbox.panel.form import Control, Form, NotDone
from sandbox.panel.guard import only_own_page, with_headers
from sandbox.panel.live import Live
from sandbox.panel.panel_state import PanelState, new_panel_state
from sandbox.panel.pixverse_controls import PixverseControls
from sandbox.panel.process_controls import ProcessControls
from sandbox.panel.tryouts import Tryouts

_log = logging.getLogger(__name__)
_PAGE = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_LARGEST_BODY = 64 * 1024


class PortTaken(Exception):
    """Something else listens on that port."""


class Panel:
    """A page on 127.0.0.1 with a switch for whatever can happen in this demo."""

    def __init__(self, setup: DemoSetup) -> None:
        self.chat = Chat(setup.discord, lambda: self.port)
        self.state: PanelState = new_panel_state(setup, self.chat)
        tryouts = Tryouts(self.state)
        self.controls: dict[str, Control] = {
            **tryouts.controls(),
            **PixverseControls(self.state, tryouts).controls(),
            **DiscordControls(self.state).controls(),
            **CallbackControls(self.state).controls(),
            **BotControls(self.state).controls(),
            **ProcessControls(self.state).controls(),
        }
        self.port = 0
        self._live = Live(lambda: views.sections(self.state))
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    @classmethod
    @asynccontextmanager
    async def open(cls, setup: DemoSetup, port: int = 0) -> AsyncIterator[Panel]:
        """Serves the page while the context lasts.

        Args:
            setup: What it works on.
            port: Where to listen; 0: any free port.

        Raises:
            PortTaken: something else listens there.
        """
        panel = cls(setup)
        try:
            await panel._start(port)
            yield panel
        finally:
            await panel._stop()

    async def _start(self, port: int) -> None:
        application = web.Application(
            middlewares=[with_headers(self._headers), only_own_page(lambda: self.port)], client_max_size=_LARGEST_BODY
        )
        application.router.add_get("/", self._index)
        application.router.add_get("/page/{name}", self._file)
        application.router.add_get("/choices", self._choices)
        application.router.add_get("/events", self._live.listen)
        application.router.add_post("/do/{control}", self._do)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", port).start()
        except OSError as error:
            raise PortTaken(f"Port {port} of 127.0.0.1 is taken. Choose another one with --port.") from error
        self.port = int(self._runner.addresses[0][1])
        await self.chat.start()

    async def _stop(self) -> None:
        self._live.end()
        await self.state.close()
        if self._runner is not None:
            await self._runner.cleanup()
        await self.chat.stop()

    def _headers(self) -> Mapping[str, str]:
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            f"frame-src http://127.0.0.1:{self.chat.port}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        return {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Cross-Origin-Opener-Policy": "same-origin",
        }

    async def _index(self, _request: web.Request) -> web.FileResponse:
        return _send(_PAGE / "index.html")

    async def _file(self, request: web.Request) -> web.FileResponse:
        name = request.match_info["name"]
        if name not in {file.name for file in _PAGE.iterdir()}:
            raise web.HTTPNotFound
        return _send(_PAGE / name)

    async def _choices(self, _request: web.Request) -> web.Response:
        return web.json_response(choices.offered())

    async def _do(self, request: web.Request) -> web.Response:
        control = self.controls.get(request.match_info["control"])
        if control is None:
            raise web.HTTPNotFound
        try:
            said = await control(await _form(request))
        except NotDone as reason:
            return web.json_response({"done": False, "said": str(reason)})
        except Exception:
            _log.exception("the panel's switch %s failed", request.match_info["control"])
            said = "The sandbox could not do that; its terminal says why."
            return web.json_response({"done": False, "said": said}, status=500)
        return web.json_response({"done": True, "said": said})


async def _form(request: web.Request) -> Form:
    if request.content_type != "application/json":
        raise NotDone("The page sends JSON.")
    try:
        fields = json.loads(await request.text())
    except ValueError:
        raise NotDone("That is no JSON.") from None
    if not isinstance(fields, dict):
        raise NotDone("That is no form.")
    return Form(fields)


def _send(file: Path) -> web.FileResponse:
    return web.FileResponse(file, headers={"Content-Type": f"{_TYPES[file.suffix]}; charset=utf-8"})
