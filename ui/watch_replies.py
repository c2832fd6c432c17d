"""Replies to `/pixverse watch` and *Watch PixVerse jobs*: how many jobs are watched, and why others are not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from model.messages import Address
from model.states import CardStatus, DeliveryState
from relay.cards.card_status import HOLDS
from relay.commands.watch_many import EntryStatus, WatchEntry, WatchResult
from ui import formatting, job_facts, job_states, on_hold
from ui.cannot_post import cannot_post_yet
from ui.cards import watching
from ui.discord_limits import MESSAGE, units
from ui.escape import code, escaped, tail
from ui.language import N_, _, number, plural
from ui.member_replies import already_posted_reply, already_watched, api_down_but_trying
from ui.message import Reply, saying

_TAIL = 8
"""How many characters of an id are shown; enough to recognise it."""
_MADE = re.compile(r"job:(\d{14,17})-user:")
"""The time in a v1 job id; the only difference between two ids of the same account and channel."""

_NOT_TAKEN = {
    EntryStatus.ALREADY_WATCHED: N_("already watched"),
    EntryStatus.ALREADY_POSTED: N_("already posted"),
    EntryStatus.NOT_FOUND: N_("not found"),
    EntryStatus.EXPIRED: N_("expired"),
    EntryStatus.NOT_A_JOB_ID: N_("not a job id"),
    EntryStatus.PERSON_LIMIT: N_("over your limit"),
    EntryStatus.SERVER_LIMIT: N_("over the server's limit"),
    EntryStatus.NOT_LOOKED_UP: N_("not looked up yet"),
}
_KNOWN_HERE = (EntryStatus.ALREADY_WATCHED, EntryStatus.ALREADY_POSTED)
_NUMBER_NOT_FOUND = N_("I know a #number only for this channel's jobs and your own; otherwise paste the full id.")
_WHAT_THEN = {
    EntryStatus.NOT_FOUND: N_("Is the id complete, under 31 days old, and from this server's useapi.net account?"),
    EntryStatus.NOT_A_JOB_ID: N_("Paste the full `jobid` (v1) or `video_id` (v2) from useapi.net's response."),
    EntryStatus.EXPIRED: job_facts.WHY_EXPIRED,
    EntryStatus.SECRET: N_("I haven't sent or kept the secret token. Replace it."),
    EntryStatus.NOT_LOOKED_UP: N_("Try again in a minute."),
    EntryStatus.PERSON_LIMIT: N_("Add more when one ends."),
    EntryStatus.SERVER_LIMIT: N_("Try again when some have ended."),
}
"""Advice that is given once below the lines, however many of them it applies to."""


def watch_reply(
    result: WatchResult, where: Address, obstacles: tuple[str, ...] | None = None, *, more: str = ""
) -> Reply:
    """The reply to `/pixverse watch`: how many jobs are watched, and why each other job is not. `obstacles` are as in
    `member_replies.status_reply`; `more` is added at the end."""
    blocked = cannot_post_yet(obstacles) if obstacles is not None else ""
    left_out = [entry for entry in result.entries if not entry.status.in_batch]
    if len(result.entries) == 1 and left_out:
        one = _one_left_out(left_out[0], result, where)
        return Reply(formatting.lines(blocked, one.content, more), one.view)
    head = _head(result, left_out, where)
    then = _what_then(left_out)
    secrets = [entry for entry in left_out if entry.status is EntryStatus.SECRET]
    shown = [*(entry for entry in left_out if entry.status is not EntryStatus.SECRET), *secrets[:1]]
    for lines in _ever_shorter(shown, where):
        text = formatting.lines(blocked, head, *lines, then, more)
        if units(text) <= MESSAGE:
            return Reply(text)
    raise AssertionError("there is always room for one job")


def _ever_shorter(left_out: list[WatchEntry], where: Address) -> Iterator[list[str]]:
    """Shorter and shorter versions of the lines about jobs: with links, without links, then for fewer and fewer
    jobs."""
    yield [_left_out(entry, where) for entry in left_out]
    reasons = [_reason(entry) for entry in left_out]
    yield reasons
    for more in range(1, len(reasons)):
        yield [*reasons[:-more], formatting.small(formatting.more(more))]


def watch_menu_reply(
    result: WatchResult, where: Address, found: int, obstacles: tuple[str, ...] | None = None
) -> Reply:
    """The reply to *Watch PixVerse jobs* for a message with `found` ids."""
    taken = len(result.entries)
    if found <= taken:
        return watch_reply(result, where, obstacles)
    more = _("That message names {found} jobs; these are the first {taken}.", found=number(found), taken=number(taken))
    return watch_reply(result, where, obstacles, more=formatting.small(more))


def _what_then(left_out: Iterable[WatchEntry]) -> str:
    """What to do about jobs that are not watched, in small print."""
    advice = {_advice(entry) for entry in left_out}
    texts = (_NUMBER_NOT_FOUND, *_WHAT_THEN.values())
    return formatting.small(formatting.paragraph(*(_(text) for text in texts if text in advice)))


def _advice(entry: WatchEntry) -> str | None:
    if entry.status is EntryStatus.NOT_FOUND and entry.text.startswith("#"):
        return _NUMBER_NOT_FOUND
    return _WHAT_THEN.get(entry.status)


no_ids_reply = saying(N_("**There is no PixVerse job id in that message.**"))


def _head(result: WatchResult, left_out: list[WatchEntry], where: Address) -> str:
    watched = len(result.entries) - len(left_out)
    if not watched:
        if all(entry.status in _KNOWN_HERE for entry in left_out):
            state = _("**Nothing new to watch.**")
        else:
            state = plural(
                "**The job could not be watched.**", "**None of the {n} jobs could be watched.**", len(left_out)
            )
        ping = ""
        if any(entry.status is EntryStatus.ALREADY_WATCHED for entry in left_out):
            ping = _("I'll ping you.") if result.mention else _("I won't ping you.")
        return formatting.paragraph(state, ping, _trouble(result))
    state = watching(watched)
    if left_out:
        state = plural(
            "**Watching {n} job, {others} left out.**",
            "**Watching {n} jobs, {others} left out.**",
            watched,
            others=number(len(left_out)),
        )
    ping = _("I'll ping you once, when the last one ends.") if result.mention else _("I won't ping you.")
    jump = formatting.jump(where, result.summary.message_id, _("Jump to the summary"))
    return formatting.paragraph(state, ping, _trouble(result), jump)


def _trouble(result: WatchResult) -> str:
    """Why jobs of the list are on hold, or why nothing is known about them."""
    holds = dict.fromkeys(_hold_of(entry, result) for entry in result.entries)
    holds.pop(None, None)
    if CardStatus.OTHER_ACCOUNT in holds:  # Not for all jobs of the list; their lines say for which.
        return on_hold.why_on_hold(holds)
    for hold in holds:
        if hold is not None:
            return on_hold.watched(hold)
    return api_down_but_trying() if any(entry.api_down for entry in result.entries) else ""


def _hold_of(entry: WatchEntry, result: WatchResult) -> CardStatus | None:
    """Why a watched job is on hold; None if it isn't."""
    if entry.on_hold:
        return CardStatus.OTHER_ACCOUNT
    is_watched = entry.status in (EntryStatus.WATCHED, EntryStatus.ALREADY_WATCHED)
    return HOLDS[result.hold] if is_watched and result.hold is not None else None


def _one_left_out(entry: WatchEntry, result: WatchResult, where: Address) -> Reply:
    """Says why the only job that was named is not newly watched."""
    if entry.posted is not None:
        return already_posted_reply(entry.posted, where)
    if entry.status is EntryStatus.ALREADY_WATCHED:
        hold = _hold_of(entry, result)
        trouble = api_down_but_trying() if entry.api_down else ""
        trouble = trouble if hold is None else on_hold.watched(hold)
        return Reply(already_watched(entry.message_id, where, mention=result.mention, trouble=trouble))
    return Reply(formatting.lines(_("**This job could not be watched.**"), _reason(entry), _what_then([entry])))


def _left_out(entry: WatchEntry, where: Address) -> str:
    link = formatting.result_link if entry.status is EntryStatus.ALREADY_POSTED else formatting.card_link
    return formatting.joined((_reason(entry), link(where, entry.message_id, in_list=True)))


def _reason(entry: WatchEntry) -> str:
    if entry.status is EntryStatus.SECRET:
        return _("A secret token, not a job id")
    state = job_states.short_state(CardStatus.OTHER_ACCOUNT, None) if entry.on_hold else ""
    return formatting.joined((f"{code(_tail(entry.text), _TAIL + 1)}: {_why_not(entry)}", state))


def _why_not(entry: WatchEntry) -> str:
    service = escaped(entry.service or "", 30)
    if entry.status is EntryStatus.OTHER_KIND:
        return _("{service}, not a video", service=service)
    if entry.posted is not None and entry.posted.state is DeliveryState.UNSURE:
        return _("maybe posted")
    if entry.posted is not None and entry.posted.state.is_open:
        # Translators: a job that has ended, whose result waits to be posted.
        return _("still to be posted")
    if entry.status in _NOT_TAKEN:
        return _(_NOT_TAKEN[entry.status])
    return _("a job of {service}", service=service) if service else _("a job of another service")


def _tail(text: str) -> str:
    """The part of an id that is shown: its end. v1 ids all end alike, so for them it is the end of the time."""
    if len(text) <= _TAIL:
        return text
    made = _MADE.match(text)
    return f"…{tail(made[1] if made else text, _TAIL)}"
