"""The sandbox's PixVerse: the API and its CDN on two local ports."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection
from pathlib import Path

from aiohttp import web

from sandbox.event_log import EventLog
from sandbox.pixverse_api import useapi_account, v1
from sandbox.pixverse_api.accounts import Account
from sandbox.pixverse_api.callbacks import Callbacks
from sandbox.pixverse_api.cdn import Cdn
from sandbox.pixverse_api.fault_list import Faults
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.lists import Lists
from sandbox.pixverse_api.requests_log import LoggedRequest
from sandbox.pixverse_api.server import Server
from sandbox.pixverse_api.service import Service
from sandbox.pixverse_api.stamps import Clock, system_clock
from sandbox.pixverse_api.sweeps import Seconds
from sandbox.pixverse_api.timelines import Timeline
from sandbox.pixverse_api.v2 import V2
from sandbox.pixverse_api.wire import Wire

_LOOK_AGAIN_SECONDS = 0.01
_REAL_SWEEPS = (15.0, 60.0)


class PixverseApi:
    """useapi.net's PixVerse API with scripted jobs. Lives in the running event loop.

    Args:
        clock: now, in milliseconds UTC.
        rng: the source of every random choice, ids and tokens included.
        sweep_seconds: between two looks into Discord; 0: everything is seen at once; `math.inf`: only by `sweep`.
        callback_hosts: names of hosts that callbacks may go to besides this machine.
        log_path: the file to which every request is added, one JSON object a line.
    """

    def __init__(
        self,
        *,
        clock: Clock = system_clock,
        rng: random.Random | None = None,
        sweep_seconds: Seconds = _REAL_SWEEPS,
        callback_hosts: Collection[str] = (),
        log_path: Path | None = None,
    ) -> None:
        self._log = EventLog(log_path, lambda: clock() / 1000)
        self.callbacks = Callbacks(clock, callback_hosts)
        self._service = Service(clock, rng or random.Random(), sweep_seconds, self.callbacks)
        self.v2 = V2(self._service)
        self._server = Server(self._application)
        self._wire = Wire(clock, self._account_of, self._server.caller_of, self._log_request)
        self.cdn = Cdn(self._service.cdn_files, clock)

    async def start(self) -> None:
        """Listen on two free ports of 127.0.0.1."""
        await self.cdn.start()
        await self._server.start()
        self.callbacks.start(self._service.catch_up)

    async def stop(self) -> None:
        """Close both ports and every connection."""
        await self.callbacks.stop()
        await self._server.stop()
        await self.cdn.stop()
        self._log.close()

    @property
    def base(self) -> str:
        """`http://127.0.0.1:<port>`: what `USEAPI_URL` is set to."""
        return f"http://127.0.0.1:{self._server.port}"

    async def base_of(self, caller: str) -> str:
        """An address for one of several bots, so that its requests can be told apart from the others'."""
        return f"http://127.0.0.1:{await self._server.open_port_of(caller)}"

    @property
    def faults(self) -> Faults:
        """What goes wrong with calls of the API; files have `cdn.faults`."""
        return self._wire.faults

    @property
    def requests(self) -> list[LoggedRequest]:
        """What the API was asked, oldest first; files have `cdn.requests`."""
        return self._wire.requests

    @property
    def lists(self) -> Lists:
        """What is wrong in the lists of active jobs, of both generations."""
        return self._service.lists

    @property
    def jobs(self) -> list[Job]:
        """Every job, oldest first."""
        self._service.catch_up()
        return self._service.jobs

    @property
    def sweep_seconds(self) -> Seconds:
        """The distance between two sweeps; setting it counts the next one from now."""
        return self._service.sweeper.seconds

    @sweep_seconds.setter
    def sweep_seconds(self, seconds: Seconds) -> None:
        self._service.catch_up()
        self._service.sweeper.seconds = seconds

    def sweep(self) -> None:
        """Run a sweep now, which makes everything that happened so far visible."""
        self._service.sweep()

    def add_account(self, number: int = 4321, *, max_jobs: int = 3) -> Account:
        """An account in good standing with one stored channel; its `token` is what a client sends."""
        return self._service.accounts.add(number, max_jobs)

    def add_job(
        self,
        account: Account,
        timeline: Timeline = (),
        *,
        verb: str = "pixverse-create_single",
        jobid: str | None = None,
        prompt: str = "paper boat in rain",
        style: str = "Realistic",
        aspect_ratio: str = "16:9",
        **fields: object,
    ) -> Job:
        """Add a job created now. Without a time line it stays `created` until it is set by hand."""
        shown = {"prompt": prompt, "style": style, "aspect_ratio": aspect_ratio, **fields}
        return self._service.add_job(account, timeline, shown, verb=verb, jobid=jobid)

    def add_video(
        self,
        account: Account,
        timeline: Timeline = (),
        *,
        kind: str = "video",
        jobid: str | None = None,
        prompt: str = "paper boat in rain",
        aspect_ratio: str = "16:9",
        **fields: object,
    ) -> Job:
        """Add a v2 job, a video or an image, queued now. It is controlled like a v1 job."""
        shown = {"prompt": prompt, "aspect_ratio": aspect_ratio, **fields}
        jobid = jobid or self._service.new_v2_id(account, kind)
        return self._service.add_job(account, timeline, shown, verb=f"pixverse-v2-{kind}", jobid=jobid)

    def script(self, *lines: Timeline) -> None:
        """The time lines of the next jobs that are made by POST."""
        self._service.scripts.extend(lines)

    def off(self) -> None:
        """Answer 503 to everything."""
        self._wire.down = True

    def on(self) -> None:
        """Undo `off`."""
        self._wire.down = False

    async def refuse_connections(self) -> None:
        """Close the API's port and its connections."""
        await self._server.stop()

    async def accept_connections(self) -> None:
        """Listen again, on the same port."""
        await self._server.start()

    def asked(self, job: Job) -> int:
        """How often the job was asked for by GET."""
        return sum(
            entry.jobid == job.jobid and entry.method == "GET" and "/cancel/" not in entry.path
            for entry in self.requests
        )

    async def until(self, done: Callable[[], bool], timeout: float = 30) -> None:
        """Wait until `done()`.

        Raises:
            TimeoutError: it was not within `timeout` seconds; the text names the latest requests.
        """
        try:
            async with asyncio.timeout(timeout):
                while not done():  # noqa: ASYNC110  # the condition can be about anything, so no event reports it
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        except TimeoutError:
            latest = [f"{entry.method} {entry.path} {entry.status}" for entry in self.requests[-5:]]
            raise TimeoutError(f"not within {timeout} s; latest requests: {latest}") from None

    def _application(self) -> web.Application:
        return self._wire.application(
            *v1.routes(self._service), *self.v2.routes(), *useapi_account.routes(self._service)
        )

    def _log_request(self, entry: LoggedRequest) -> None:
        self._log.write(
            "api",
            caller=entry.caller,
            method=entry.method,
            path=entry.path,
            jobid=entry.jobid,
            account=entry.account,
            status=entry.status,
        )

    def _account_of(self, request: web.Request) -> Account | None:
        return self._service.accounts.of_header(request.headers.get("Authorization"))
