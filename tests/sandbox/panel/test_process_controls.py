"""Processes that only sleep, and the switches that start, stop, kill and add them."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.bot_process import BotProcess
from sandbox.cluster import Cluster
from sandbox.demo_setup import DemoSetup
from sandbox.panel import Panel, views
from sandbox.panel.form import Form, NotDone

_SLEEPS = "import time\ntime.sleep(60)\n"


@pytest.fixture
async def cluster(tmp_path: Path) -> Cluster:
    """Two processes that only sleep."""
    (tmp_path / "bot.py").write_text(_SLEEPS)

    async def settings_of(_name: str) -> Mapping[str, str]:
        return {"CALLBACK_PORT": "1"}

    made = Cluster(lambda settings: BotProcess(tmp_path, settings), settings_of)
    for _ in range(2):
        await made.add()
    return made


async def test_processes_are_started_stopped_killed_and_added_by_name(setup: DemoSetup, cluster: Cluster) -> None:
    several = replace(setup, bot=cluster.processes["1"], cluster=cluster)
    async with Panel.open(several) as panel:

        def states() -> dict[object, object]:
            shown = views.processes(panel.state)
            return {one["name"]: one["state"] for one in shown if isinstance(one, dict)}

        async def press(control: str, name: str = "") -> str:
            return await panel.controls[control](Form({"name": name}))

        assert states() == {"1": "not started", "2": "not started"}
        assert cluster.callback_ports() == []
        assert "Started process 1." in await press("process-start", "1")
        assert "Added process 3." in await press("process-add")
        assert states() == {"1": "running", "2": "not started", "3": "running"}
        assert len(cluster.callback_ports()) == 2
        with pytest.raises(NotDone, match="already running"):
            await press("process-start", "1")
        assert "Killed process 1." in await press("process-kill", "1")
        with pytest.raises(NotDone, match="isn't running"):
            await press("process-stop", "1")
        assert "hands its shards over" in await press("process-stop", "3")
        await cluster.processes["3"].ended()
        assert states() == {"1": "killed", "2": "not started", "3": f"ended, exit code {-signal.SIGTERM}"}
        await press("log-of", "3")
        assert panel.state.log_of == "3"
        with pytest.raises(NotDone, match="no choice"):
            await press("process-kill", "9")


async def test_a_single_process_says_how_to_have_several(setup: DemoSetup) -> None:
    async with Panel.open(setup) as panel:
        assert views.processes(panel.state) == []
        with pytest.raises(NotDone, match="--cluster"):
            await panel.controls["process-add"](Form({}))
