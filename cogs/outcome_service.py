"""`/pixverse-admin deliveries`: shows a server's outcomes. The caller has checked that the asker is an admin."""

from __future__ import annotations

from dataclasses import replace

from discord_adapter.command_registry import CommandRegistry
from relay.commands.ask import Ask
from relay.commands.resending import HOPELESS, Resending
from storage import delivery_queries
from storage.database import Database
from ui.buttons import ResendRequest
from ui.deliveries_reply import PAGE, posted_after_all, results_reply, sent_again
from ui.message import Reply


class OutcomeService:
    """Shows the outcomes of the asker's server, and resends them. Raises StorageError if the database fails."""

    def __init__(self, database: Database, resending: Resending, registry: CommandRegistry) -> None:
        self._database = database
        self._resending = resending
        self._registry = registry

    async def outcomes(self, ask: Ask, skip: int = 0, *, only_failed: bool = False, news: str = "") -> Reply:
        """Shows a page of the server's outcomes after the first `skip`, failed ones first, or only failed ones.

        `news` is a line above the list about what was just done.
        """
        reader = self._database.reader
        page = await delivery_queries.outcome_page(
            reader, ask.guild_id, skip=skip, size=PAGE, hopeless=HOPELESS, only_failed=only_failed
        )
        counts = await delivery_queries.outcome_counts(reader, ask.guild_id)
        return results_reply(page, counts, self._registry.mentions(ask.guild_id), news)

    async def send_again(self, ask: Ask, request: ResendRequest) -> Reply:
        """Resends an outcome that was not posted, and shows its page again, both now and when the outcome is posted.

        Raises NothingToDo.
        """
        result = await self._resending.send_again(ask, request.delivery_id)

        async def shown(news: str) -> Reply:
            return await self.outcomes(ask, request.skip, only_failed=request.only_failed, news=news)

        async def later() -> Reply:
            return await shown(posted_after_all(result) if await self._resending.posted(request.delivery_id) else "")

        answer = await shown(sent_again(result))
        return answer if result.posted else replace(answer, later=later)
