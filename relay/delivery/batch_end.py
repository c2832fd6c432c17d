"""Ends a batch whose last open job gets no outcome, for example because it was stopped."""

from __future__ import annotations

from model.messages import NoticePost
from model.states import NoticeKind
from relay.delivery import nonces, notice_json
from relay.delivery.batch_tally import tally_of
from storage import batches, deliveries
from storage.database import Transaction


async def end_without_outcome(tx: Transaction, batch_id: int, now: int, *, stopped_by: int | None = None) -> None:
    """Ends the batch if none of its jobs is open any more. The asker, who was promised a ping at the end, gets it in a
    separate message, unless they stopped the last job themselves or no job got an outcome."""
    if not await batches.end_if_done(tx, batch_id, now):
        return
    batch, tally = await batches.by_id(tx, batch_id), await tally_of(tx, batch_id, ping=False)
    if batch is None or tally is None or not tally.total:
        return
    if batch.user_id in (None, stopped_by) or not batch.mention:
        return
    notice = NoticePost(NoticeKind.BATCH_ENDED, "", mention=(batch.user_id,), tally=tally)
    await deliveries.add_notice(
        tx,
        guild_id=batch.guild_id,
        channel_id=batch.channel_id,
        base_nonce=nonces.for_notice(str(batch.id), batch.guild_id, batch.channel_id, notice.kind, batch.created_at),
        notice_json=notice_json.dump(notice),
        now=now,
    )
