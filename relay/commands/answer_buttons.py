"""What may still be done once a command was answered: ping or not, post once more."""

from __future__ import annotations

from model.states import DeliveryKind
from relay.changes import Changes
from relay.commands.lookups import Lookups
from relay.commands.refusals import NothingToDo, Refusal, TooFast
from relay.commands.results import Ask, MentionSet, PostedAgain
from relay.commands.stop import require_here
from relay.delivery import nonces
from relay.polling.job_recorder import JobRecorder
from storage import deliveries, jobs, subscriptions
from storage.database import Database
from storage.jobs import JobRow


class AnswerButtons:
    """The buttons of an answer. Raises NothingToDo, and StorageError as the database does."""

    def __init__(self, database: Database, lookups: Lookups, recorder: JobRecorder, changes: Changes) -> None:
        self._database = database
        self._lookups = lookups
        self._recorder = recorder
        self._changes = changes

    async def set_mention(self, ask: Ask, subscription_id: int, mention: bool) -> MentionSet:
        """Whether the asker, who waits for the job, is pinged at its end."""
        async with self._database.transaction() as tx:
            here = require_here(ask, await subscriptions.by_id(tx, subscription_id))
            waits = await subscriptions.set_mention(tx, subscription_id, ask.user_id, mention)
            if here.ended_at is not None or not waits:
                raise NothingToDo
        return MentionSet(subscription_id, mention)

    async def post_again(self, ask: Ask, subscription_id: int, answer_id: int) -> PostedAgain:
        """Posts a job's outcome once more, with fresh links where the API still gives them; once for the answer (a
        message of Discord's) whose button was pressed, however often. Raises TooFast too."""
        here = require_here(ask, await subscriptions.by_id(self._database.reader, subscription_id))
        row = await jobs.by_id(self._database.reader, here.job_id)
        if row is None or row.outcome is None or here.ended_at is None:
            raise NothingToDo
        self._lookups.prepay(ask, row.account_id)
        await self._refresh(ask, row)
        async with self._database.transaction() as tx:
            await deliveries.add_outcome(
                tx,
                subscription_id=here.id,
                kind=DeliveryKind.AGAIN,
                job_round=answer_id,
                guild_id=here.guild_id,
                channel_id=here.channel_id,
                base_nonce=nonces.for_job(row.jobid, here.channel_id, DeliveryKind.AGAIN, answer_id),
                now=ask.at,
            )
        self._changes.deliveries_added()
        return PostedAgain(row.id)

    async def _refresh(self, ask: Ask, row: JobRow) -> None:
        try:
            if self._lookups.account_in_force(ask.guild_id) == row.account_id:
                await self._recorder.refresh_ended(row.id, await self._lookups.one(ask, row.account_id, row.jobid))
        except TooFast:
            raise
        except Refusal:
            return  # What is known is posted then.
