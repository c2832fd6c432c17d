"""The sandbox's CDN: serves files by signed links that expire."""

from __future__ import annotations

from aiohttp import web

from sandbox.pixverse_api.cdn_links import CdnFiles
from sandbox.pixverse_api.fault_list import Faults
from sandbox.pixverse_api.requests_log import LoggedRequest
from sandbox.pixverse_api.server import Server
from sandbox.pixverse_api.stamps import Clock
from sandbox.pixverse_api.wire import Wire

GONE = "This content is no longer available."


class Cdn:
    """Like Discord's: no authorization, 404 for a link that is altered, unknown or dead."""

    def __init__(self, cdn_files: CdnFiles, clock: Clock) -> None:
        self._wire = Wire(clock, lambda _request: None)  # the CDN has no accounts
        self._cdn_files = cdn_files
        self._clock = clock
        self._server = Server(self._application)

    @property
    def base(self) -> str:
        """`http://127.0.0.1:<port>`, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.port}"

    @property
    def faults(self) -> Faults:
        """What goes wrong with files; fitting by `path`."""
        return self._wire.faults

    @property
    def requests(self) -> list[LoggedRequest]:
        """What was asked, oldest first."""
        return self._wire.requests

    def off(self) -> None:
        """Answer 503 to everything."""
        self._wire.down = True

    def on(self) -> None:
        """Undo `off`."""
        self._wire.down = False

    async def start(self) -> None:
        """Listen; links given out from now on lead here, those of `proxy_url` by the name `localhost`."""
        await self._server.start()
        self._cdn_files.base = self.base
        self._cdn_files.proxy_base = f"http://localhost:{self._server.port}"

    async def stop(self) -> None:
        """Refuse connections."""
        await self._server.stop()

    def asked(self, path: str) -> int:
        """How often the file with this path was asked for."""
        return sum(entry.path.partition("?")[0] == path for entry in self.requests)

    def _application(self) -> web.Application:
        return self._wire.application(web.get("/{path:.*}", self._file))

    async def _file(self, request: web.Request) -> web.Response:
        file = self._cdn_files.find(request.rel_url.raw_path, request.query, self._clock())
        if file is None:
            return web.Response(status=404, text=GONE)
        return web.Response(body=file.content, headers={"Content-Type": file.content_type})
