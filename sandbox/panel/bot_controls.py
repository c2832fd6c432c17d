"""The switches of the bot's process."""

from __future__ import annotations

from sandbox.panel.form import Control, Form, NotDone
from sandbox.panel.panel_state import PanelState


class BotControls:
    """Starts the process, stops it, and kills it."""

    def __init__(self, state: PanelState) -> None:
        self._bot = state.setup.bot

    def controls(self) -> dict[str, Control]:
        """Every switch by its name on the page."""
        return {"bot-start": self.start, "bot-restart": self.restart, "bot-kill": self.kill}

    async def start(self, _form: Form) -> str:
        """Starts it if it does not run."""
        if self._bot.running:
            raise NotDone("The bot is already running.")
        await self._bot.start()
        return "Started. The top of the page says when it is online."

    async def restart(self, _form: Form) -> str:
        """SIGTERM, then a new process."""
        await self._bot.stop()
        await self._bot.start()
        return "Stopped and started again."

    async def kill(self, _form: Form) -> str:
        """SIGKILL; it stays dead until it is started."""
        if not self._bot.running:
            raise NotDone("The bot isn't running.")
        await self._bot.kill()
        return "Killed. Start it again: nothing is lost, and nothing is posted twice."
