"""What the demo of several processes consists of, each part by itself; tests/browser/test_cluster.py has the whole."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import psutil
import psycopg
import pytest
from aiohttp import web

from sandbox.cluster import Balancer
from sandbox.ports import free_port
from sandbox.postgres import NoPostgres, open_postgres

ROOT = Path(__file__).resolve().parents[2]


def _of_processes(command: str) -> list[psutil.Process]:
    return [one for one in psutil.process_iter(["cmdline"]) if command in " ".join(one.info["cmdline"] or ())]


async def test_postgres_starts_empty_and_is_gone_at_the_end(tmp_path: Path) -> None:
    async with open_postgres(tmp_path, free_port()) as url:
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        assert _of_processes(str(tmp_path))
    assert not _of_processes(str(tmp_path))


async def test_postgres_that_does_not_start_says_why(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(NoPostgres, match=r"PostgreSQL did not start: .+"):
            async with open_postgres(tmp_path, other.getsockname()[1]):
                pass
    assert not _of_processes(str(tmp_path))


def test_postgres_ends_with_its_parent(tmp_path: Path) -> None:
    starts = (
        "import asyncio, pathlib, sys\n"
        "from sandbox.postgres import NoPostgres, open_postgres\n"
        "async def main():\n"
        "    async with open_postgres(pathlib.Path(sys.argv[1]), int(sys.argv[2])):\n"
        "        print('up', flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", starts, str(tmp_path), str(free_port())]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "up\n"
        servers = [one for one in _of_processes(str(tmp_path)) if one.pid != starter.pid]
        starter.kill()
    _, alive = psutil.wait_procs(servers, timeout=30)
    assert servers
    assert alive == []


async def test_callbacks_rotate_over_processes_and_skip_one_that_is_gone() -> None:
    heard: list[str] = []
    runners = []
    targets = []
    for name in ("1", "2"):

        async def hear(request: web.Request, name: str = name) -> web.Response:
            heard.append(f"{name} {request.path} {await request.text()}")
            return web.Response(status=202)

        application = web.Application()
        application.router.add_post("/{path:.*}", hear)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        targets.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
    balancer = Balancer(lambda: targets)
    await balancer.start()
    address = f"http://127.0.0.1:{balancer.port}/callback/x"
    async with aiohttp.ClientSession() as session:

        async def post() -> int:
            async with session.post(address, data=b"{}") as answer:
                return answer.status

        assert [await post(), await post()] == [202, 202]
        assert heard == ["1 /callback/x {}", "2 /callback/x {}"]
        await runners[0].cleanup()
        assert [await post(), await post()] == [202, 202]
        assert heard[2:] == ["2 /callback/x {}"] * 2
        await runners[1].cleanup()
        assert await post() == 502
    await balancer.stop()


def test_ctrl_c_ends_every_process_and_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sandbox", "--cluster"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        told = ""
        for line in demo.stdout:
            told += line
            if "Press Ctrl-C" in line:
                break
        assert re.search(r"The page:  http://127\.0\.0\.1:\d+/", told), told
        assert "Under Bot are the processes" in told, told
        assert len(_of_processes(str(tmp_path))) >= 3 + 2  # the bots, PostgreSQL and its parent
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    assert list(tmp_path.iterdir()) == []
    assert _of_processes(str(tmp_path)) == []
