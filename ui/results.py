"""The answer to `/pixverse-admin deliveries`: what became of a server's outcomes, a page at a time."""

from __future__ import annotations

from relay import snapshots
from relay.commands.resending import HOPELESS, SentAgain
from relay.outcomes import Reason
from relay.posting.variants import Variant
from relay.posting.verdicts import PATIENCE
from storage.outcome_records import OutcomeCounts, OutcomePage, OutcomeRecord
from ui import wording
from ui.answer import Answer
from ui.buttons import Action, results_view
from ui.links import because
from ui.mentions import CommandMentions

PAGE = 4
"""Outcomes of a page: with its heading and two lines each no more than ten lines."""
_NAME = 40

_WAITING = {
    Reason.NOT_THERE: "PixVerse's link doesn't work yet.",
    Reason.NO_ANSWER: "Discord didn't answer.",
    Reason.RATE_LIMITED: "Discord asked me to wait.",
    Reason.SLOW_MODE: "The channel's slow mode makes me wait.",
    Reason.SWITCHED_OFF: "Discord takes no messages there right now.",
    Reason.NO_PERMISSION: "Discord says I may not post there, though no permission is missing.",
    Reason.BOT_REFUSED: "Discord refuses this bot's own token; only its operator can fix that.",
}
_UNSURE = (
    "The connection broke while I was sending it, and I may not read the channel's history, so I can't tell whether "
    "it arrived. If it's missing, resend it. *Read Message History* prevents this."
)


def results_answer(page: OutcomePage, counts: OutcomeCounts, mentions: CommandMentions) -> Answer:
    """A page of outcomes, with a button for each that can be sent again."""
    if not page.records and not page.skipped:
        return Answer(f"**No results on this server yet.** Start with {mentions.status}.")
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
        return Answer(f"**Resending #{result.number}** in <#{result.channel_id}>.")
    if result.posted:
        return Answer(f"**Already posted.** The result of #{result.number} is in <#{result.channel_id}>.")
    return Answer(f"**Already on its way.** The result of #{result.number} will be posted in <#{result.channel_id}>.")


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
        return _posted(record)
    if record.state == "unsure":
        return _UNSURE
    return _given_up(record, mentions) if _is_given_up(record) else _waiting(record)


def _posted(record: OutcomeRecord) -> str:
    if record.reason == Reason.DELETED:
        return "The message has since been deleted in Discord."
    form = Variant.parse(record.variant)
    if not form.is_reduced or form.why is None:
        return ""
    return f"{'As a link' if form.no_files else 'Without its prompt'}: {because(form.why)}"


def _given_up(record: OutcomeRecord, mentions: CommandMentions) -> str:
    match record.reason:
        case Reason.NO_PERMISSION:
            return "I had no permission there for 3 days. Allow it in the channel's settings, then resend it."
        case Reason.UNKNOWN_CHANNEL:
            return "I couldn't see that channel for 3 days. Let me see it, then resend it."
        case Reason.CHANNEL_GONE:
            return f"The channel is gone. {mentions.status} with `#{record.job_id}` posts it in another one."
        case Reason.NOT_WANTED:
            return "The job is being watched again; its next result counts."
        case Reason.FAULT:
            return "Something broke on my side; details are in the bot's log. You can resend it."
        case _:
            return f"{because(Variant.parse(record.variant).why)} Check your AutoMod rules, then resend it."


def _waiting(record: OutcomeRecord) -> str:
    if record.blocked_since is not None:
        until = wording.moment(record.blocked_since + PATIENCE)
        return f"I'm not allowed to post there. It will be posted once that is fixed, until {until}."
    known = next((text for reason, text in _WAITING.items() if reason == record.reason), "")
    return wording.joined((known, f"Next try {wording.relative(record.next_at)}."), " ") if known else ""
