"""The end of a batch: its last outcome tells what became of all its jobs, or else a separate message does."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from model import snapshots
from model.job import Job, Outcome
from model.messages import BatchTally, NoticePost
from model.states import NoticeKind
from relay.delivery import notice_json
from relay.delivery.attachments import Attachments
from relay.delivery.fallbacks import Variant
from storage import batches, card_rows, delivery_queries
from storage.card_rows import CardRow
from storage.database import Queries, Transaction


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
    key, at = str(batch.id), batch.created_at
    await notice_json.add(tx, batch.guild_id, batch.channel_id, notice, now, key=key, at=at)


async def tally_of(q: Queries, batch_id: int, *, ping: bool) -> BatchTally | None:
    """Counts the batch's jobs and their files; None if there is no such batch."""
    batch = await batches.by_id(q, batch_id)
    if batch is None:
        return None
    rows = await card_rows.of_batch(q, batch_id)
    forms = await delivery_queries.variants_in_batch(q, batch_id)
    # Jobs that ended without an outcome for this server, such as those of an account that it no longer uses, don't
    # count.
    ended = [row for row in rows if row.subscription_id in forms and row.outcome is not None and row.stopped_by is None]
    outcomes = [_outcome_of(row) for row in ended]
    posted: Counter[str] = Counter()
    for row, outcome in zip(ended, outcomes, strict=True):
        if outcome is Outcome.COMPLETED:
            posted += _posted(snapshots.load(row.snapshot), Variant.parse(forms.get(row.subscription_id, "")))
    failed, refused = outcomes.count(Outcome.FAILED), outcomes.count(Outcome.MODERATED)
    return BatchTally(
        total=len(outcomes),
        videos=posted["video"],
        images=posted["image"],
        links=posted["link"],
        failed=failed,
        refused=refused,
        other=len(outcomes) - outcomes.count(Outcome.COMPLETED) - failed - refused,
        mention=(batch.user_id,) if batch.user_id is not None and batch.mention and ping else (),
    )


def with_own_files(tally: BatchTally, job: Job, variant: Variant, attachments: Attachments) -> BatchTally:
    """Corrects the tally by the files of the message that carries it, as they are about to be posted.

    `job` and `variant` are what `tally_of` counted for this message.
    """
    links = frozenset(link.index for link in attachments.links)
    before, now = _posted(job, variant), _posted(attachments.job, Variant(links=links))
    return replace(
        tally,
        videos=tally.videos - before["video"] + now["video"],
        images=tally.images - before["image"] + now["image"],
        links=tally.links - before["link"] + now["link"],
    )


def _posted(job: Job | None, variant: Variant) -> Counter[str]:
    """How many of a job's files this variant posts as `video`, `image` and `link`."""
    media = () if job is None else job.media
    return Counter(
        "link" if variant.no_files or index in variant.links else "image" if item.image else "video"
        for index, item in enumerate(media, start=1)
    )


def _outcome_of(row: CardRow) -> Outcome | None:
    """The job's outcome; None if it completed without a file, since such a job does not count as completed."""
    job = snapshots.load(row.snapshot)
    return None if row.outcome is Outcome.COMPLETED and (job is None or not job.media) else row.outcome
