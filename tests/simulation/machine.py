"""The machine on which the bot runs: its disk, its clock, and the process that is started, stopped and killed."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from app import Dependencies, serve
from settings import load_settings
from tests.inline_database import InlineConnection
from tests.simulation.library_seams import put_discord_py_into
from tests.simulation.virtual_time import Scheduler, VirtualClock, VirtualLoop
from tests.simulation.wire import Peer, Session
from web.watchdog import ServiceManager

CALLBACK_PORT = 8081
_NOT_KEPT = shutil.ignore_patterns("*.lock", "*-shm")
_killed_processes: list[object] = []
"""Keeps killed processes referenced, so that none of their clean-up code runs."""


class Disk:
    """The state of the disk, which decides whether a statement fails."""

    def __init__(self) -> None:
        self.full = False
        self.locked = False
        self.fails: Callable[[str], bool] | None = None
        """Whether this statement fails."""
        self.loses: Callable[[str], bool] | None = None
        """Whether this statement is carried out but reports an error."""

    @property
    def sound(self) -> bool:
        return not (self.full or self.locked or self.fails)

    def carried_out(self, sql: str) -> None:
        if self.loses is not None and self.loses(sql):
            raise sqlite3.OperationalError("disk I/O error")

    def check(self, sql: str) -> None:
        verb = sql.lstrip()[:6].upper()
        if self.locked and verb == "BEGIN ":
            raise sqlite3.OperationalError("database is locked")
        if self.full and verb in ("INSERT", "UPDATE", "DELETE", "COMMIT"):
            raise sqlite3.OperationalError("database or disk is full")
        if self.fails is not None and self.fails(sql):
            raise sqlite3.OperationalError("disk I/O error")


class Machine:
    """Runs one life of the process after another. Only the database's folder passes from one to the next."""

    def __init__(
        self,
        clock: VirtualClock,
        scheduler: Scheduler,
        folder: Path,
        settings: Mapping[str, str],
        *,
        seed: int,
        discord: Peer,
        pixverse: Peer,
        media: Peer,
        connect_gateway: Callable[[], Awaitable[Any]],
        process_gone: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._folder = folder
        self.settings = dict(settings)
        """The settings with which the next process is started."""
        self._seed = seed
        self._peers = {"discord": discord, "pixverse": pixverse, "media": media}
        self._connect_gateway = connect_gateway
        self._process_gone = process_gone
        self.disk = Disk()
        self._backup: Path | None = None
        self._is_restored = False
        """Whether the next process starts with the backup."""
        self.life = 0
        self.steps = 0
        self.dies_after: int | None = None
        """The number of steps after which the process is killed."""
        self.loop: VirtualLoop | None = None
        self.downtime = 30.0
        """Seconds until it is started again."""
        self._serving: asyncio.Task[None] | None = None
        self._dead = False
        self.ended_by_itself: BaseException | None = None

    @property
    def runs(self) -> bool:
        return self.loop is not None and not self._dead

    @property
    def database(self) -> Path:
        return self._folder / f"life-{self.life}" / "relay.db"

    def rows(self) -> dict[str, int]:
        """The number of rows in each table, read through another connection."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            return {name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}
        finally:
            connection.close()

    def rows_with(self, text: str) -> list[str]:
        """The tables that have a row with this text."""
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            return [
                name for name in tables
                if any(text in map(str, row) for row in connection.execute(f"SELECT * FROM {name}"))
            ]  # fmt: skip
        finally:
            connection.close()

    def on_disk(self) -> dict[str, tuple[bytes, int]]:
        """The bot's files: the contents and mode of each, by name."""
        place = self._folder / f"life-{self.life}"
        files = [one for one in place.rglob("*") if one.is_file()]
        return {one.name: (one.read_bytes(), one.stat().st_mode & 0o777) for one in sorted(files)}

    def files_left(self) -> list[str]:
        """Files in the folder that belong neither to the database nor to its key."""
        place = self._folder / f"life-{self.life}"
        ours = ("relay.db", "relay.key")
        return sorted(one.name for one in place.rglob("*") if one.is_file() and not one.name.startswith(ours))

    def run(self) -> None:
        """Starts the process, and returns when it has ended or was killed."""
        self._copy_folder()
        loop = VirtualLoop(self._clock, self._scheduler)
        asyncio.set_event_loop(loop)
        loop.set_exception_handler(
            lambda _loop, context: logging.getLogger("asyncio").error("%s", context, exc_info=context.get("exception"))
        )
        self.loop, self._dead = loop, False
        self.ended_by_itself = None
        put_discord_py_into(self._clock, lambda trace: self._session("discord", trace))
        settings = load_settings(self._environment(), Path("/nowhere/.env"), self._folder)
        dependencies = Dependencies(
            clock=self._clock,
            random=Random(f"{self._seed}/{self.life}"),
            connect=self._connect,
            api_session=lambda: self._session("pixverse"),
            media_session=lambda _hosts: self._session("media"),
        )
        self._serving = loop.create_task(serve(settings, ServiceManager(None, None), dependencies))
        self._serving.add_done_callback(self._ended)
        loop.run_forever()
        if not self._dead and self._serving.done():
            loop.run_until_complete(asyncio.sleep(0))
        _killed_processes.append((loop, self._serving, asyncio.all_tasks(loop)))
        self.loop = None
        self._process_gone()

    def back_up(self) -> None:
        """Copies the folder of the running process, between two of its transactions."""
        self._backup = self._folder / "backup"
        shutil.copytree(self._folder / f"life-{self.life}", self._backup, ignore=_NOT_KEPT)

    def restore(self) -> None:
        """The next process starts with the backup in place of what this one leaves."""
        assert self._backup is not None
        self._is_restored = True

    def stop_gently(self) -> None:
        """Ends the process as SIGTERM does."""
        if self._serving is not None:
            self._serving.cancel()

    def kill(self) -> None:
        """Ends the process as SIGKILL does, at once."""
        self._dead = True
        if self.loop is not None:
            self.loop.stop()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self.ended_by_itself = task.exception()
        if self.loop is not None:
            self.loop.stop()

    def _copy_folder(self) -> None:
        """Copies the folder that the last process left to a new place, so that the last process can't write to it any
        more."""
        before = self._folder / f"life-{self.life}"
        if self._is_restored and self._backup is not None:
            shutil.rmtree(before)
            self._backup.rename(before)
            self._backup, self._is_restored = None, False
        self.life += 1
        place = self._folder / f"life-{self.life}"
        if before.exists():
            shutil.copytree(before, place, ignore=_NOT_KEPT)
            shutil.rmtree(before)
            for one in place.glob("relay.*"):
                one.chmod(0o644)  # The mode of a backup that somebody restored.
        else:
            place.mkdir(parents=True)

    def _environment(self) -> dict[str, str]:
        return {"DATABASE_URL": f"sqlite:///{self.database}", **self.settings}

    def _step(self, life: int | None = None) -> asyncio.Future[None] | None:
        """Counts a step, at which the process may be killed. Returns a future that never completes if it is dead or no
        longer the process of that `life`, else None."""
        if life is not None and life != self.life:
            return asyncio.get_running_loop().create_future()
        self.steps += 1
        if self.dies_after is not None:
            self.dies_after -= 1
            if self.dies_after <= 0:
                self.dies_after = None
                self.kill()
        return asyncio.get_running_loop().create_future() if self._dead else None

    async def _connect(self, address: str, busy_seconds: float) -> Any:
        life, disk = self.life, self.disk

        def before(sql: str) -> Awaitable[None] | None:
            wait = self._step(life)
            if wait is not None or disk.sound:
                return wait
            return self._on_bad_disk(sql, busy_seconds)

        def after(sql: str) -> asyncio.Future[None] | None:
            wait = self._step(life)
            if wait is None:
                disk.carried_out(sql)
            return wait

        return InlineConnection(address, busy_seconds, before, after)

    async def _on_bad_disk(self, sql: str, busy_seconds: float) -> None:
        if self.disk.locked and sql.startswith("BEGIN"):
            await asyncio.sleep(busy_seconds)
        self.disk.check(sql)

    def _session(self, peer: str, trace: aiohttp.TraceConfig | None = None) -> Any:
        return Session(self._peers[peer], self._step, self._connect_gateway, trace)

    def post_callback(self, path: str, body: bytes) -> None:
        """Somebody on the internet posts to the callback port, if it is open."""
        factory = None if self.loop is None else self.loop.servers.get(CALLBACK_PORT)
        if factory is None:
            return
        protocol = factory()
        protocol.connection_made(_Caller(protocol))
        head = f"POST {path} HTTP/1.1\r\nHost: relay.example\r\nContent-Length: {len(body)}\r\n\r\n"
        protocol.data_received(head.encode() + body)


class _Caller(asyncio.Transport):
    """A connection whose other end accepts everything and sends nothing more."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        super().__init__({"peername": ("203.0.113.7", 1)})
        self._protocol = protocol
        self._closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """The response isn't checked."""

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def abort(self) -> None:
        self.close()

    def write_eof(self) -> None:
        """Does nothing."""

    def can_write_eof(self) -> bool:
        return True

    def pause_reading(self) -> None:
        """Does nothing: no more data arrives."""

    def resume_reading(self) -> None:
        """Does nothing: no more data arrives."""
