"""Carries out the plan's faults, several at a time."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import psycopg

from tests.postgres_server import name_of
from tests.soak.cluster.fleet import Fleet
from tests.soak.cluster.plan import Fault

_CLOCK_OFF = """
import time
_now, _now_ns = time.time, time.time_ns
time.time = lambda: _now() + 600
time.time_ns = lambda: _now_ns() + 600_000_000_000
"""
"""Sets Python's clock ten minutes ahead for a bot that imports this as `sitecustomize`."""


class Nemesis:
    """Causes at most one fault at a time for each bot and for PostgreSQL."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self._fleet = fleet
        self.faults: Counter[str] = Counter()
        """The faults that took place, by kind."""
        self.skipped = 0
        """The faults whose victim didn't run, had no connection, or would have been the last bot."""
        self._busy: set[str] = set()
        self._off = folder / "clock-off"
        self._off.mkdir()
        (self._off / "sitecustomize.py").write_text(_CLOCK_OFF)

    async def disturb(self, faults: list[Fault]) -> None:
        """Carries out a plan, until the last fault is over."""
        async with asyncio.TaskGroup() as tasks:
            for fault in faults:
                await asyncio.sleep(fault.after_s)
                tasks.create_task(self._carry_out(fault))

    async def _carry_out(self, fault: Fault) -> None:
        of_all = {
            "restart postgres": self._restart_postgres,
            "postgres away": self._postgres_away,
            "cut gateway": self._gateway,
            "reconnect gateway": self._gateway,
            "lose answers of posts": self._lose_answers,
            "api away": self._api_away,
        }
        target = "postgres" if "postgres" in fault.kind else fault.kind if fault.kind in of_all else self._victim(fault)
        if target is None or target in self._busy:
            self.skipped += 1
            return
        self._busy.add(target)
        try:
            if fault.kind in of_all:
                await of_all[fault.kind](fault)
            else:
                await self._of_bot(fault.kind)(target, fault)
            self.faults[fault.kind] += 1
        except psycopg.OperationalError:  # PostgreSQL is down: there is no connection to end.
            self.skipped += 1
        finally:
            self._busy.discard(target)

    def _victim(self, fault: Fault) -> str | None:
        free = [name for name in self._fleet.running if name not in self._busy]
        return free[int(fault.victim * len(free))] if len(free) > 1 else None

    def _of_bot(self, kind: str) -> Callable[[str, Fault], Awaitable[None]]:
        return {
            "kill": self._kill,
            "stop": self._stop,
            "replace": self._replace,
            "pause": self._halt,
            "halt": self._halt,
            "end connections": self._end_connections,
            "cut connections": self._cut_connections,
            "hang connections": self._hang_connections,
            "clock off": self._clock_off,
        }[kind]

    # ---- a bot ------------------------------------------------------------------------------------------------------

    async def _kill(self, name: str, fault: Fault) -> None:
        await self._fleet.crowd.bots[name].kill()
        await asyncio.sleep(fault.seconds)
        await self._fleet.start(name)

    async def _stop(self, name: str, fault: Fault) -> None:
        await self._end(name)
        await asyncio.sleep(fault.seconds)
        await self._fleet.start(name)

    async def _replace(self, name: str, fault: Fault) -> None:
        await self._fleet.add()
        self._fleet.retired.add(name)
        await self._end(name)

    async def _end(self, name: str) -> None:
        bot = self._fleet.crowd.bots[name]
        bot.terminate()
        await bot.ended(timeout=60)

    async def _halt(self, name: str, fault: Fault) -> None:
        pid = self._fleet.crowd.bots[name].pid
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        os.kill(pid, signal.SIGCONT)

    async def _clock_off(self, name: str, fault: Fault) -> None:
        bot = self._fleet.crowd.bots[name]
        await bot.kill()
        bot.settings["PYTHONPATH"] = str(self._off)
        await asyncio.sleep(fault.seconds)
        await self._fleet.start(name)

    async def _end_connections(self, name: str, fault: Fault) -> None:
        ports = self._fleet.lines[name].ports
        await asyncio.to_thread(self._terminate, ports)

    def _terminate(self, ports: list[int]) -> None:
        with closing(self._fleet.server.admin()) as connection:
            query = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND client_port = ANY(%s)"
            )
            connection.execute(query, (name_of(self._fleet.database), ports))

    async def _cut_connections(self, name: str, fault: Fault) -> None:
        self._fleet.lines[name].cut()

    async def _hang_connections(self, name: str, fault: Fault) -> None:
        line = self._fleet.lines[name]
        line.passes.clear()
        await asyncio.sleep(fault.seconds)
        line.passes.set()

    # ---- all of them ------------------------------------------------------------------------------------------------

    async def _restart_postgres(self, fault: Fault) -> None:
        await asyncio.to_thread(self._fleet.server.kill)
        await asyncio.to_thread(self._fleet.server.start)

    async def _postgres_away(self, fault: Fault) -> None:
        await asyncio.to_thread(self._fleet.server.kill)
        await asyncio.sleep(fault.seconds)
        await asyncio.to_thread(self._fleet.server.start)

    async def _gateway(self, fault: Fault) -> None:
        await self._fleet.crowd.discord.order("gateway", fault=fault.kind.partition(" ")[0])

    async def _lose_answers(self, fault: Fault) -> None:
        await self._fleet.crowd.discord.order("fault", method="POST", path=r"/channels/\d+/messages", after=True)

    async def _api_away(self, fault: Fault) -> None:
        await self._fleet.crowd.pixverse.order("away")
        await asyncio.sleep(fault.seconds)
        await self._fleet.crowd.pixverse.order("back")
