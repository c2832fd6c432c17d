"""`python -m tests.soak.cluster`: SEED repeats a plan, MINUTES limits the run."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from tests.e2e.process import copy_program
from tests.soak.cluster.fleet import Fleet
from tests.soak.cluster.nemesis import Nemesis
from tests.soak.cluster.plan import plan
from tests.soak.cluster.traffic import Traffic
from tests.soak.cluster.verdict import violations

_BOTS = 3
_SHARDS = 6
_MAX_CONCURRENCY = 3
_PHASE_S = 45.0
_JOB_EVERY_S = 0.7
"""Each job is two messages, a card and an outcome, in one of six channels. Discord accepts one message a second in
each, and faults leave the bots about half of the time. With more jobs than that, some would still wait when the run
ends."""
_LEFT_TO_SETTLE_S = 60.0
_TOLD_WITHIN_S = 120.0
_LOGS = Path("build/soak-cluster")
"""The logs of every bot and the event log, of the last run."""


async def soak(folder: Path, seed: int, seconds: float) -> int:
    """Alternates phases of faults with rolling updates. Returns the exit code."""
    started = time.monotonic()
    async with AsyncExitStack() as stack:
        building = Fleet.build(copy_program(folder / "bot"), folder, _SHARDS, _MAX_CONCURRENCY)
        fleet = await stack.enter_async_context(building)
        stack.callback(_keep_logs, fleet)
        for _ in range(_BOTS):
            await fleet.add()
        await fleet.healed()
        servers = [await fleet.crowd.server(shard=shard, shard_count=_SHARDS) for shard in range(_SHARDS)]
        traffic, nemesis = Traffic(fleet, servers, seed), Nemesis(fleet, folder)
        disturbed: list[tuple[float, float]] = []
        updates = phase = 0
        while phase == 0 or time.monotonic() - started < seconds - _LEFT_TO_SETTLE_S:
            began = time.time()
            async with traffic.flowing(_JOB_EVERY_S):
                await nemesis.disturb(plan(seed, phase, _PHASE_S))
                await fleet.healed()
            disturbed.append((began, time.time()))
            async with traffic.flowing(_JOB_EVERY_S):
                for name in fleet.running:
                    await fleet.replace(name)
                    updates += 1
                await fleet.healed()
            phase += 1
            print(
                f"{time.monotonic() - started:4.0f} s: {len(traffic.expected)} jobs, load {os.getloadavg()[0]:.1f}, "
                f"in the place of a promise: {traffic.refusals.most_common(3)}",
                flush=True,
            )
        try:
            await traffic.all_told(_TOLD_WITHIN_S)
        except TimeoutError:
            print("some outcomes did not come in time")
        await asyncio.sleep(5)
        broken = violations(fleet.crowd.all_events(), traffic.expected, disturbed, _MAX_CONCURRENCY)
        for name, number in sorted(nemesis.faults.items()):
            print(f"  {number:4} faults: {name}")
        for name, bot in fleet.crowd.bots.items():
            for line in bot.said(r" ERROR |^Traceback")[:5]:
                print(f"{name}: {line}")
        print(*broken[:50], sep="\n")
        print(
            f"seed {seed}, {time.monotonic() - started:.0f} s: {fleet.lives} lives, {nemesis.faults.total()} faults of "
            f"{len(nemesis.faults)} kinds ({nemesis.skipped} had no victim), {updates} rolling updates, "
            f"{len(traffic.expected)} jobs and outcomes owed, {len(broken)} violations"
        )
    return 1 if broken else 0


def _keep_logs(fleet: Fleet) -> None:
    shutil.rmtree(_LOGS, ignore_errors=True)
    _LOGS.mkdir(parents=True)
    for name, bot in fleet.crowd.bots.items():
        (_LOGS / f"{name}.log").write_text("\n".join(bot.lines))
    shutil.copy(fleet.crowd.log, _LOGS)


def main() -> int:
    """Returns the exit code: 1 if a law was broken."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(1_000_000))
    minutes = float(os.environ.get("MINUTES") or 5)
    print(f"SEED={seed} MINUTES={minutes:g}", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        return asyncio.run(soak(Path(folder), seed, minutes * 60))


if __name__ == "__main__":
    raise SystemExit(main())
