"""The answer to `/pixverse-admin deliveries`: what became of a server's outcomes, a page at a time."""

from __future__ import annotations

from relay import snapshots
from relay.commands.resending import HOPELESS, SentAgain
from relay.outcomes import Reason
from relay.posting.verdicts import PATIENCE
from storage.outcome_records import OutcomeCounts, OutcomePage, OutcomeRecord
from ui import wording
from ui.answer import Answer
from ui.buttons import Action, results_view
from ui.mentions import CommandMentions

PAGE = 4
"""Outcomes of a page: with its heading and two lines each no more than ten lines."""
_NAME = 40

_WAITING = {
    Reason.NO_ANSWER: "Discord didn't answer.",
    Reason.RATE_LIMITED: "Discord wants me to wait.",
    Reason.BOT_REFUSED: "Discord refuses this bot's own token; only its operator can mend that.",
}
_UNSURE = (
    "The connection broke while I sent it, and I may not read the channel's history, so I can't tell whether it is "
    "there. If it is missing, send it again. *Read Message History* prevents this."
)


def results_answer(page: OutcomePage, counts: OutcomeCounts, mentions: CommandMentions) -> Answer:
    """A page of outcomes, with a button for each that can be sent again."""
    if not page.records and not page.skipped:
        return Answer(f"**There are no results yet on this server.** {mentions.status} starts.")
    lines = [_line(place, record, mentions) for place, record in enumerate(page.records, start=1)]
    to_send = [
        (place, record.delivery_id) for place, record in enumerate(page.records, start=1) if _can_be_sent(record)
    ]
    turning = []
    if page.skipped:
        turning.append((Action.PREVIOUS_RESULTS, max(0, page.skipped - PAGE)))
    if page.more:
        turning.append((Action.MORE_RESULTS, page.skipped + PAGE))
    return Answer(wording.lines(_head(counts), *(lines or ("That is all.",))), results_view(to_send, turning))


def sent_again_answer(result: SentAgain) -> Answer:
    """What `Send number 3 again` answers."""
    if result.fresh:
        return Answer(f"**Sending it again.** The result of #{result.number} comes in <#{result.channel_id}> now.")
    if result.posted:
        return Answer(f"**It is posted already.** The result of #{result.number} stands in <#{result.channel_id}>.")
    return Answer(f"**It is on its way already.** The result of #{result.number} comes in <#{result.channel_id}>.")


def _head(counts: OutcomeCounts) -> str:
    waiting = wording.count(counts.waiting, "result waits", "results wait")
    if counts.not_posted:
        state = wording.count(counts.not_posted, "result was", "results were")
        return wording.joined((f"**{state} not posted.**", f"{waiting}." if counts.waiting else ""), " ")
    return f"**{waiting} to be posted.**" if counts.waiting else "**Every result is posted.**"


def _line(place: int, record: OutcomeRecord, mentions: CommandMentions) -> str:
    job = snapshots.load(record.snapshot)
    first = wording.joined(
        (
            f"{place}. **{_state(record)}**",
            f"<#{record.channel_id}>",
            wording.relative(record.settled_at or record.created_at),
            wording.prompt_name(job, record.job_id, _NAME),
        )
    )
    return wording.lines(first, wording.small(_reason(record, mentions)))


def _state(record: OutcomeRecord) -> str:
    if record.state == "posted":
        return "Posted"
    return "Not posted" if _is_given_up(record) else "Waiting"


def _is_given_up(record: OutcomeRecord) -> bool:
    return record.state in ("given_up", "unsure")


def _can_be_sent(record: OutcomeRecord) -> bool:
    return _is_given_up(record) and record.reason not in HOPELESS


def _reason(record: OutcomeRecord, mentions: CommandMentions) -> str:
    """Why, and what to do about it; empty where there is nothing to say."""
    if record.state == "posted":
        return "The message was deleted in Discord since." if record.reason == Reason.DELETED else ""
    if record.state == "unsure":
        return _UNSURE
    return _given_up(record, mentions) if _is_given_up(record) else _waiting(record)


def _given_up(record: OutcomeRecord, mentions: CommandMentions) -> str:
    match record.reason:
        case Reason.NO_PERMISSION:
            return "I had no permission there for 3 days. Allow it in the channel's settings, then send it again."
        case Reason.UNKNOWN_CHANNEL:
            return "I couldn't see that channel for 3 days. Let me see it, then send it again."
        case Reason.CHANNEL_GONE:
            return f"The channel is gone. {mentions.status} with `#{record.job_id}` posts it in another one."
        case Reason.NOT_WANTED:
            return "The job was taken up again; its result comes at its next end."
        case Reason.FAULT:
            return "I failed on it by a fault of my own, which my operator finds in the log. Then send it again."
        case _:
            return "Discord took it in no form. See whether a rule of AutoMod forbids it, then send it again."


def _waiting(record: OutcomeRecord) -> str:
    if record.blocked_since is not None:
        until = wording.moment(record.blocked_since + PATIENCE)
        return f"I'm not allowed to post there. It comes by itself once that is mended, until {until}."
    known = next((text for reason, text in _WAITING.items() if reason == record.reason), "")
    return wording.joined((known, f"Next try {wording.relative(record.next_at)}."), " ") if known else ""
