"""A sandbox in a separate process follows orders, and ends with the process that started it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from sandbox.standalone.remote import OrderFailed, Remote
from tests.e2e.waiting import until

ROOT = Path(__file__).resolve().parents[3]


async def test_a_failed_order_is_reported(tmp_path: Path) -> None:
    discord = await Remote.start("discord", tmp_path / "events.jsonl")
    try:
        server = await discord.order("server")
        with pytest.raises(OrderFailed, match="NotPossible"):
            await discord.order("command", member=server["member"], channel=server["channel"], name="pixverse list")
        with pytest.raises(OrderFailed, match="LookupError"):
            await discord.order("press", member=server["member"], channel=server["channel"], message=1, label="x")
        with pytest.raises(OrderFailed, match="LookupError: no order /dance"):
            await discord.order("dance")
        with pytest.raises(OrderFailed, match="TypeError"):
            await discord.order("server", colour="blue")
        with pytest.raises(OrderFailed, match="TimeoutError"):
            await discord.order("ready", timeout_s=0.05)
    finally:
        await discord.stop()
    assert not psutil.pid_exists(discord.pid)


async def test_a_server_of_a_shard(tmp_path: Path) -> None:
    discord = await Remote.start("discord", tmp_path / "events.jsonl")
    try:
        guilds = [(await discord.order("server", shard=shard, shard_count=5))["guild"] for shard in range(5)]
    finally:
        await discord.stop()
    assert [(guild >> 22) % 5 for guild in guilds] == [0, 1, 2, 3, 4]


async def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    starts = (
        "import asyncio, pathlib, sys, sandbox.standalone.remote as remote\n"
        "async def main():\n"
        "    pixverse = await remote.Remote.start('pixverse', pathlib.Path(sys.argv[1]))\n"
        "    print(pixverse.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", starts, str(tmp_path / "events.jsonl"), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    pid = int(await starter.stdout.readline())
    assert psutil.pid_exists(pid)
    starter.kill()
    await starter.wait()
    await until(lambda: not psutil.pid_exists(pid))
