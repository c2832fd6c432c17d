"""The switches of several processes: each is killed, stopped and started by its name, and more are added."""

from __future__ import annotations

from sandbox.bot_process import BotProcess
from sandbox.panel.form import Control, Form, NotDone
from sandbox.panel.panel_state import PanelState

_MOST = 8
"""PostgreSQL's connections and the machine's memory limit the number of processes."""


class ProcessControls:
    """Several processes on one PostgreSQL; one alone has the switches of `BotControls`."""

    def __init__(self, state: PanelState) -> None:
        self._state = state

    def controls(self) -> dict[str, Control]:
        """Every switch by its name on the page."""
        return {
            "process-kill": self.kill,
            "process-stop": self.stop,
            "process-start": self.start,
            "process-add": self.add,
            "log-of": self.choose_log,
        }

    async def kill(self, form: Form) -> str:
        """Sends SIGKILL. After its lease has expired, others take over."""
        name, process = self._running(form)
        await process.kill()
        return f"Killed process {name}. Within 20 seconds the others take over what it held."

    async def stop(self, form: Form) -> str:
        """Sends SIGTERM; the process hands everything over and ends."""
        name, process = self._running(form)
        if process.stopping:
            raise NotDone(f"Process {name} is stopping already.")
        self._state.in_background(process.stop())
        return f"Process {name} was told to stop. It hands its shards over, one after the other, then it ends."

    async def start(self, form: Form) -> str:
        """Starts a process that has ended."""
        name, process = self._named(form)
        if process.running:
            raise NotDone(f"Process {name} is already running.")
        await process.start()
        return f"Started process {name}. It takes its share of the shards."

    async def add(self, _form: Form) -> str:
        """Adds a process on the same database."""
        cluster = self._state.setup.cluster
        if cluster is None:
            raise NotDone("This demo has one process. Start it with: make demo ARGS=--cluster")
        if len(cluster.processes) >= _MOST:
            raise NotDone(f"{_MOST} processes are enough for this machine. Start one that has ended.")
        name = await cluster.add()
        await cluster.processes[name].start()
        return f"Added process {name}. It takes its share of the shards."

    async def choose_log(self, form: Form) -> str:
        """Shows the log of another process."""
        self._state.log_of = self._named(form)[0]
        return f"Showing the log of process {self._state.log_of}."

    def _named(self, form: Form) -> tuple[str, BotProcess]:
        return form.one_of("name", {name: (name, process) for name, process in self._state.setup.processes.items()})

    def _running(self, form: Form) -> tuple[str, BotProcess]:
        name, process = self._named(form)
        if not process.running:
            raise NotDone(f"Process {name} isn't running.")
        return name, process
