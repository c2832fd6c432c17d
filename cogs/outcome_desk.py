"""What a server's admins ask about its outcomes, as answers. Whether the asker is one has been checked before."""

from __future__ import annotations

from cogs.command_book import CommandBook
from relay.resending import Resending
from relay.results import Ask
from storage import outcome_records
from storage.database import Database
from storage.outcome_records import OutcomePage
from ui.answer import Answer
from ui.results import PAGE, results_answer, sent_again_answer


class OutcomeDesk:
    """Knows of the asker's own server alone. Raises sqlite3.Error as the database does."""

    def __init__(self, database: Database, resending: Resending, book: CommandBook) -> None:
        self._database = database
        self._resending = resending
        self._book = book

    async def latest(self, ask: Ask) -> Answer:
        """The newest outcomes."""
        return await self._shown(ask, await outcome_records.latest(self._database.reader, ask.guild_id, PAGE))

    async def newer(self, ask: Ask, than: int) -> Answer:
        """Those after a delivery."""
        return await self._shown(ask, await outcome_records.newer(self._database.reader, ask.guild_id, than, PAGE))

    async def older(self, ask: Ask, than: int) -> Answer:
        """Those before a delivery."""
        return await self._shown(ask, await outcome_records.older(self._database.reader, ask.guild_id, than, PAGE))

    async def send_again(self, ask: Ask, delivery_id: int) -> Answer:
        """Sends one that was not posted. Raises NothingToDo."""
        return sent_again_answer(await self._resending.send_again(ask, delivery_id))

    async def _shown(self, ask: Ask, page: OutcomePage) -> Answer:
        counts = await outcome_records.counts(self._database.reader, ask.guild_id)
        return results_answer(page, counts, self._book.mentions(ask.guild_id))
