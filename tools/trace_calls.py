"""Counts the functions and files of the bot that run in four cases, in a simulated world with one job.

    .venv/bin/python -m tools.trace_calls [--names]

For a poll with news and for a job's end, these are what the poller runs at that poll; for a delivery, what the outbox
runs from the claim to the record; for a click, what the interaction runs until its response.
"""

# ruff: noqa: ANN401, S606, SLF001, T201
from __future__ import annotations

import asyncio
import os
import sys
from collections import defaultdict
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_NOT_PRODUCT = ("tests", "sandbox", "benchmarks", "tools", ".venv")
_NAMELESS = {"<module>", "<lambda>", "<genexpr>", "<listcomp>", "<dictcomp>", "<setcomp>"}
_INTERACTION = ("discord.py", "discord_adapter/interactions", "cogs/button_handlers")
"""Where the tasks of an interaction begin: in discord.py, in the reply, and in the button's handler."""
_JOB_SECONDS = 600.0
_NEWS, _END, _PRESS = 31.0, 101.0, 301.0
"""Seconds after the first job's (or, for a press, the second job's) start."""


class Trace:
    """Which functions of the bot ran when, and in which file the task of each began."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._origins: dict[asyncio.Task[Any], str] = {}
        self._product: dict[CodeType, str] = {}
        self.runs: dict[tuple[str, float], set[CodeType]] = defaultdict(set)

    def __call__(self, frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and self._file(frame.f_code):
            self.runs[self._origin(), self._clock.passed].add(frame.f_code)

    def ran(self, origins: str | tuple[str, ...], begin: float, end: float) -> set[CodeType]:
        """The functions that tasks of these files ran between two times of the simulated clock."""
        kept = [codes for (origin, at), codes in self.runs.items() if origin.startswith(origins) and begin <= at < end]
        return set().union(*kept)

    def _file(self, code: CodeType) -> str:
        if code not in self._product:
            path = Path(code.co_filename)
            inside = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] not in _NOT_PRODUCT
            self._product[code] = str(path) if inside and code.co_name not in _NAMELESS else ""
        return self._product[code]

    def _origin(self) -> str:
        try:
            task = asyncio.current_task()
        except RuntimeError:
            return ""
        if task is None:
            return ""
        if task not in self._origins:
            code = getattr(task.get_coro(), "cr_code", None)
            self._origins[task] = "discord.py"
            if code is not None and self._file(code):
                self._origins[task] = str(Path(code.co_filename).relative_to(ROOT))
        return self._origins[task]


def main() -> None:
    """Prints the table; with `--names`, each function too."""
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(sys.executable, [sys.executable, "-m", "tools.trace_calls", *sys.argv[1:]], _child_environment())
    for name, codes in _cases().items():
        files = {code.co_filename for code in codes}
        print(f"{name:18} {len(codes):4} functions in {len(files):3} files")
        if "--names" in sys.argv:
            for file, line, function in sorted((c.co_filename, c.co_firstlineno, c.co_qualname) for c in codes):
                print(f"    {Path(file).relative_to(ROOT)}:{line} {function}")


def _child_environment() -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "0"}


def _cases() -> dict[str, set[CodeType]]:
    from tests.simulation.discord_world import buttons_of
    from tests.simulation.plan import Plan
    from tests.simulation.simulated_world import SimulatedWorld

    world = SimulatedWorld(Plan(1, 1.0, 1, 1, 20, operator_token=False, acts=(), faults=()))
    discord, scheduler, interactions, pixverse = world._discord, world._scheduler, world._interactions, world.pixverse
    trace = Trace(world._clock)
    guild = discord.guilds[0]
    channel, person = guild.channels[0], guild.members[0]
    moments: dict[str, float] = {}

    def watch(line: tuple[tuple[float, str, int | None], ...]) -> None:
        job = pixverse.new_job(pixverse.accounts[0], line, v2=False, files=1, prompt=f"boat {len(pixverse.jobs)}")
        interactions.command(channel, person, "pixverse status", {"jobid": job.jobid, "mention": True}, jobs=[job])

    def press() -> None:
        message = list(channel.messages.values())[-1]
        [custom_id] = [custom_id for label, custom_id in buttons_of(message) if "Stop" in label]
        moments["pressed"] = world._clock.passed
        interactions.press(message, channel, person, custom_id, "Stop watching", [])

    def mark(posted: Any) -> None:
        if posted.files:
            moments["posted"] = world._clock.passed
        on_post(posted)

    on_post = discord.on_post
    discord.on_post = mark
    running = ((0.0, "progress", 10), (_NEWS, "progress", 50))
    scheduler.at(1000, lambda: watch((*running, (_END, "completed", None))))
    scheduler.at(1000 + _PRESS, lambda: watch(((0.0, "progress", 10), (_JOB_SECONDS, "completed", None))))
    scheduler.at(1020 + _PRESS, press)
    scheduler.at(1060 + _PRESS, world.machine.kill)
    world.machine.downtime = 10**9
    sys.setprofile(trace)
    discord.life = 1
    world.machine.run()
    sys.setprofile(None)
    polls = [at for at, _, jobid in pixverse.requests if jobid == next(iter(pixverse.jobs))]
    news = next(at for at in polls if at >= 1000 + _NEWS)
    end = next(at for at in polls if at >= 1000 + _END)
    return {
        "a poll with news": trace.ran("relay/polling", news - 1, news + 2),
        "the end of a job": trace.ran("relay/polling", end - 1, end + 2),
        "a delivery": trace.ran("relay/delivery", end - 1, moments["posted"] + 1),
        "Stop watching": trace.ran(_INTERACTION, moments["pressed"], moments["pressed"] + 1),
    }


if __name__ == "__main__":
    main()
