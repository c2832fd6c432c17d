"""The reply to `/pixverse-admin deliveries`: the state of a server's outcomes, in pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from model import snapshots
from model.job import Job
from model.messages import Address, Cause
from model.states import CardStatus, DeliveryState, Reason
from relay.commands.resending import HOPELESS, SentAgain
from relay.delivery.fallbacks import Variant
from relay.delivery.verdicts import BLOCKED_FOR_AT_MOST
from storage.delivery_queries import OutcomeCounts, OutcomePage, OutcomeRecord
from ui import formatting, job_facts, job_states
from ui.buttons import Action, ResendRequest, results_view
from ui.cannot_post import because
from ui.command_texts import CommandMentions
from ui.discord_limits import MESSAGE, units
from ui.language import N_, _, plural
from ui.message import Reply

PAGE = 10
"""Maximum number of outcomes on a page, one line each."""
_MAX_BUTTONS = 8
"""Maximum number of *Resend* buttons on a page: two in each of four rows. Discord's fifth row is for other pages."""
_NAMES = (40, 30, 20, 10)
"""How many characters of each prompt are shown. The first number with which the page fits into a message is used."""

_WAITING: dict[str, str] = {
    Reason.NOT_THERE: N_("PixVerse's link doesn't work yet."),
    Reason.NO_ANSWER: N_("Discord didn't answer."),
    Reason.RATE_LIMITED: N_("Discord asked me to wait."),
    Reason.SLOW_MODE: N_("The channel's slow mode makes me wait."),
    Reason.SWITCHED_OFF: N_("Discord takes no messages there right now."),
    Reason.NO_PERMISSION: N_("Discord won't let me post, though no permission is missing."),
    Reason.BOT_REFUSED: N_("Discord refuses this bot's own token; only its operator can fix that."),
}
_GIVEN_UP: dict[str, str] = {
    Reason.NO_PERMISSION: N_("I couldn't post there for 3 days. Allow it or unlock the thread, then resend it."),
    Reason.UNKNOWN_CHANNEL: N_("I couldn't see it for 3 days. Give me access, then resend it."),
    Reason.CHANNEL_GONE: N_("The channel is gone; {status} can post it elsewhere."),
    Reason.NOT_WANTED: N_("Being watched again; the next result counts."),
    Reason.FAULT: N_("Something broke on my side; see the bot's log. You can resend it."),
}
_UNSURE = N_("May have arrived. If it's missing, resend it; *Read Message History* prevents this.")


def results_reply(page: OutcomePage, counts: OutcomeCounts, mentions: CommandMentions, news: str = "") -> Reply:
    """A page of outcomes, with a button for each one that can be resent. `news` replaces its heading."""
    if not page.records and not page.skipped and not page.only_failed:
        return Reply(_("**No results on this server yet.** Start with {status}.", **mentions))
    text, records = _fitting(news or _head(counts), _with_buttons_for_all(page.records), mentions)
    to_send = [
        ResendRequest(record.delivery_id, place, page.skipped, page.only_failed)
        for place, record in enumerate(records, start=1)
        if _can_be_sent(record)
    ]
    return Reply(text, results_view(to_send, _turning(page, len(records), counts)))


def sent_again(result: SentAgain) -> str:
    """The heading of a page after *Resend* was pressed."""
    text = N_("**Already on its way.** The result of #{number} will be posted in {channel}.")
    if result.fresh:
        text = N_("**Resending #{number}** in {channel}.")
    elif result.posted:
        text = N_("**Already posted.** The result of #{number} is in {channel}.")
    return _(text, number=result.number, channel=formatting.channel(result.channel_id))


def posted_after_all(result: SentAgain) -> str:
    """The heading of a page after a resent outcome was posted."""
    return _("**Posted #{number}** in {channel}.", number=result.number, channel=formatting.channel(result.channel_id))


def _with_buttons_for_all(records: tuple[OutcomeRecord, ...]) -> tuple[OutcomeRecord, ...]:
    """The records that fit on a page, so that all that can be resent have a button. These come first."""
    if all(_can_be_sent(record) for record in records[: _MAX_BUTTONS + 1]):
        return records[:_MAX_BUTTONS]
    return records


def _turning(page: OutcomePage, shown: int, counts: OutcomeCounts) -> list[tuple[Action, int]]:
    """The buttons for other pages, at most two. Each has the number of outcomes before its page."""
    failed = page.only_failed
    ways = []
    if page.skipped:
        length = _MAX_BUTTONS if page.skipped % PAGE else PAGE
        ways.append((Action.PREVIOUS_FAILED if failed else Action.PREVIOUS_RESULTS, max(0, page.skipped - length)))
    if page.more or shown < len(page.records):
        ways.append((Action.MORE_FAILED if failed else Action.MORE_RESULTS, page.skipped + shown))
    if failed:
        ways.append((Action.ALL_RESULTS, 0))
    elif counts.not_posted and (page.more or len(page.records) > counts.not_posted):
        ways.append((Action.FAILED_RESULTS, 0))
    return ways[:2]


def _fitting(
    head: str, records: Sequence[OutcomeRecord], mentions: CommandMentions
) -> tuple[str, Sequence[OutcomeRecord]]:
    """The page's text and the outcomes in it: as many as fit into a message, with names as long as possible."""
    if not records:
        return formatting.lines(head, _("That's all.")), records
    jobs = [snapshots.load(record.snapshot) for record in records]
    for number in range(len(records), 0, -1):
        for limit in _NAMES:
            text = formatting.lines(head, *_lines(records[:number], jobs, mentions, limit))
            if units(text) <= MESSAGE:
                return text, records[:number]
    raise AssertionError("there is always room for one")


def _head(counts: OutcomeCounts) -> str:
    if counts.not_posted:
        state = plural("**{n} result not posted.**", "**{n} results not posted.**", counts.not_posted)
        # Translators: results that wait to be posted.
        return formatting.paragraph(state, plural("{n} waiting.", "{n} waiting.", counts.waiting, zero=""))
    return plural(
        "**{n} result waits to be posted.**",
        "**{n} results wait to be posted.**",
        counts.waiting,
        zero=_("**Every result is posted.**"),
    )


def _lines(
    records: Sequence[OutcomeRecord], jobs: Sequence[Job | None], mentions: CommandMentions, limit: int
) -> Iterator[str]:
    """A line for each outcome. A sentence that several outcomes share is given once, below all lines."""
    reasons = [_reasons(record, mentions) for record in records]
    places: dict[str, list[int]] = {}
    for place, sentences in enumerate(reasons, start=1):
        for sentence in sentences:
            places.setdefault(sentence, []).append(place)
    for place, (record, job, sentences) in enumerate(zip(records, jobs, reasons, strict=False), start=1):
        name = job_facts.prompt_name(job, record.job_id, limit)
        yield _line(place, record, name, [sentence for sentence in sentences if len(places[sentence]) == 1])
    shared: dict[tuple[int, ...], list[str]] = {}
    for sentence, found in places.items():
        if len(found) > 1:
            shared.setdefault(tuple(found), []).append(sentence)
    for found_at, sentences_there in shared.items():
        why = formatting.paragraph(*sentences_there)
        yield formatting.small(_("{numbers}: {why}", numbers=_numbers(found_at), why=why))


def _numbers(places: Sequence[int]) -> str:
    """The places as text, such as `1 to 4` or `1, 2 and 4`."""
    if len(places) > 2 and places[-1] - places[0] == len(places) - 1:
        return _("{first} to {last}", first=places[0], last=places[-1])
    return formatting.enumeration(map(str, places))


def _line(place: int, record: OutcomeRecord, name: str, reasons: Sequence[str]) -> str:
    return formatting.joined(
        (
            f"{place}. **{_state(record)}**",
            formatting.channel(record.channel_id),
            formatting.relative(record.settled_at or record.created_at),
            *dict.fromkeys((name, _own_words(record))),
            formatting.paragraph(*reasons),
        )
    )


def _own_words(record: OutcomeRecord) -> str:
    """What is specific to this outcome: a link, a time, or its number if it has to be typed."""
    if record.state is DeliveryState.POSTED and record.reason != Reason.DELETED:
        return formatting.jump(Address(record.guild_id, record.channel_id), record.message_id, _("Jump to it"))
    if record.state is DeliveryState.GIVEN_UP and record.reason == Reason.CHANNEL_GONE:
        return f"#{record.job_id}"
    if not record.state.is_open:
        return ""
    if record.blocked_since is not None:
        # Translators: a result that can't be posted; it is dropped then.
        return _("held until {when}", when=formatting.moment(record.blocked_since + BLOCKED_FOR_AT_MOST))
    return _("next try {when}", when=formatting.relative(record.next_at)) if _waiting(record) else ""


def _state(record: OutcomeRecord) -> str:
    if record.state is DeliveryState.POSTED:
        return _("Posted")
    return job_states.state_of(CardStatus.NOT_POSTED, None) if _is_given_up(record) else _("Waiting")


def _is_given_up(record: OutcomeRecord) -> bool:
    return record.state in (DeliveryState.GIVEN_UP, DeliveryState.UNSURE)


def _can_be_sent(record: OutcomeRecord) -> bool:
    return _is_given_up(record) and record.reason not in HOPELESS


def _reasons(record: OutcomeRecord, mentions: CommandMentions) -> tuple[str, ...]:
    """Why the outcome is not posted, or not in full, and what to do about it."""
    match record.state:
        case DeliveryState.POSTED:
            return _posted(record)
        case DeliveryState.UNSURE:
            return (_(_UNSURE),)
        case DeliveryState.GIVEN_UP if record.reason in _GIVEN_UP:
            return (_(_GIVEN_UP[record.reason], **mentions),)
        case DeliveryState.GIVEN_UP:
            why = Variant.parse(record.variant).why
            check = _("Check AutoMod, then resend it.")
            if why is Cause.WORDS:
                check = _("Check its rules, then resend it.")
            return because(why), check
        case _ if record.blocked_since is not None:
            text = _("I may not post there; {check} shows what's missing. Once that's fixed, I'll post it.", **mentions)
            return (text,)
        case _:
            return _waiting(record)


def _posted(record: OutcomeRecord) -> tuple[str, ...]:
    if record.reason == Reason.DELETED:
        return (_("The message has since been deleted."),)
    form = Variant.parse(record.variant)
    if not form.is_reduced or form.why is None:
        return ()
    # Translators: how a result was posted. A sentence about the reason follows.
    return _("As a link.") if form.no_files else _("Without its prompt."), because(form.why)


def _waiting(record: OutcomeRecord) -> tuple[str, ...]:
    return (_(_WAITING[record.reason]),) if record.reason in _WAITING else ()
