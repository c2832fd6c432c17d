"""Replies about several jobs, to `/pixverse watch` and `list`, and the choices offered while a job id is typed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from discord import app_commands

from model import snapshots
from model.messages import Address
from model.states import CardStatus
from pixverse.jobids import mask_email
from pixverse.pasted import read_one
from relay.cards.card_status import HOLDS
from relay.commands.job_queries import Listed
from relay.commands.watch_many import EntryStatus, WatchEntry, WatchResult
from storage.overviews import KnownJob
from ui import formatting, job_text
from ui.command_texts import CommandMentions
from ui.discord_limits import CHOICE, MESSAGE, SHORT_PROMPT, units
from ui.escape import code, escaped, plain, tail
from ui.job_replies import already_posted, already_watched, cannot_post_yet, on_hold
from ui.language import N_, _, number, plural
from ui.message import Reply, saying

_LINES = 9
"""Lines on a page, without its heading."""
_PAGES = 5
_TAIL = 8
"""Characters shown of an id, enough to recognise it."""
_SHORTEST_PASTED = 16
"""Characters; a shorter text is rather part of a prompt, typed to find a job."""
_MADE = re.compile(r"job:(\d{14,17})-user:")
"""The time in an id of v1, the only difference between two ids of the same account and channel."""

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
_WHAT_THEN = {
    EntryStatus.EXPIRED: N_("useapi.net keeps jobs for 31 days."),
    EntryStatus.SECRET: N_("I haven't sent or kept the secret token. Replace it."),
    EntryStatus.NOT_LOOKED_UP: N_("Try again in a minute."),
}
"""Advice that stands once below the lines, however many of them it concerns."""


def watch_reply(result: WatchResult, where: Address, obstacles: tuple[str, ...] | None = None) -> Reply:
    """The reply to `/pixverse watch`: how many jobs are watched, and why each other one is not. `obstacles` are those
    of `job_replies.status_reply`."""
    watching = _watch_reply(result, where)
    if obstacles is None:
        return watching
    return Reply(formatting.lines(cannot_post_yet(obstacles), watching.content))


def _watch_reply(result: WatchResult, where: Address) -> Reply:
    left_out = [entry for entry in result.entries if not entry.status.in_batch]
    watched = len(result.entries) - len(left_out)
    jump = formatting.jump(where, result.summary_message_id, _("Jump to the summary"))
    if len(result.entries) == 1 and left_out:
        return Reply(_one_left_out(left_out[0], where))
    said = (_watched(watched, left_out), _ping(result, watched), _down(result), jump if watched else "")
    head = formatting.paragraph(*said)
    kinds = {entry.status for entry in left_out}
    then = formatting.paragraph(*(_(text) for kind, text in _WHAT_THEN.items() if kind in kinds))
    secrets = [entry for entry in left_out if entry.status is EntryStatus.SECRET]
    shown = [*(entry for entry in left_out if entry.status is not EntryStatus.SECRET), *secrets[:1]]
    text = formatting.lines(head, *(_left_out(entry, where) for entry in shown), formatting.small(then))
    if units(text) > MESSAGE:
        text = formatting.lines(head, *map(_reason, shown), formatting.small(then))
    return Reply(text)


def watch_menu_reply(
    result: WatchResult, where: Address, found: int, obstacles: tuple[str, ...] | None = None
) -> Reply:
    """The reply to *Watch PixVerse jobs* for a message that holds `found` ids."""
    watching = watch_reply(result, where, obstacles)
    looked_at = len(result.entries)
    if found <= looked_at:
        return watching
    more = _(
        "That message names {found} jobs; these are the first {taken}.", found=number(found), taken=number(looked_at)
    )
    return Reply(formatting.lines(watching.content, formatting.small(more)))


no_ids_reply = saying(N_("**There is no PixVerse job id in that message.**"))
"""The reply to *Watch PixVerse jobs* for a message without an id."""


def _watched(watched: int, left_out: list[WatchEntry]) -> str:
    if not watched:
        known = all(entry.status in _KNOWN_HERE for entry in left_out)
        if known:
            return _("**Nothing new to watch.**")
        return plural("**The job could not be watched.**", "**None of the {n} jobs could be watched.**", len(left_out))
    if not left_out:
        return plural("**Watching {n} job.**", "**Watching {n} jobs.**", watched)
    return plural(
        "**Watching {n} job, {others} left out.**",
        "**Watching {n} jobs, {others} left out.**",
        watched,
        others=number(len(left_out)),
    )


def _one_left_out(entry: WatchEntry, where: Address) -> str:
    """Why the only job that was named is not watched from now on."""
    if entry.status in _KNOWN_HERE:
        if entry.status is EntryStatus.ALREADY_POSTED:
            return already_posted(entry.message_id, where)
        return already_watched(entry.message_id, where)
    then = formatting.small(_(_WHAT_THEN[entry.status]) if entry.status in _WHAT_THEN else "")
    return formatting.lines(_("**This job could not be watched.**"), _reason(entry), then)


def _ping(result: WatchResult, watched: int) -> str:
    if not watched:
        return ""
    return _("I'll ping you once, when the last one ends.") if result.mention else _("I won't ping you.")


def _down(result: WatchResult) -> str:
    if result.hold is not None and any(entry.status is EntryStatus.WATCHED for entry in result.entries):
        return on_hold(result.hold)
    if not any(entry.api_down for entry in result.entries):
        return ""
    return _("PixVerse's API isn't answering, but I keep trying.")


def _left_out(entry: WatchEntry, where: Address) -> str:
    words = _("Result") if entry.status is EntryStatus.ALREADY_POSTED else _("Card")
    return formatting.joined((_reason(entry), formatting.jump(where, entry.message_id, words)))


def _reason(entry: WatchEntry) -> str:
    if entry.status is EntryStatus.SECRET:
        return _("A secret token, not a job id")
    return f"{code(_tail(entry.text), _TAIL + 1)}: {_why_not(entry)}"


def _why_not(entry: WatchEntry) -> str:
    service = escaped(entry.service or "", 30)
    if entry.status is EntryStatus.OTHER_KIND:
        return _("{service}, not a video", service=service)
    if entry.status in _NOT_TAKEN:
        return _(_NOT_TAKEN[entry.status])
    return _("a job of {service}", service=service) if service else _("a job of another service")


def _tail(text: str) -> str:
    """The part of an id that is shown: its end; of an id of v1, which all end alike, the end of its time."""
    if len(text) <= _TAIL:
        return text
    made = _MADE.match(text)
    return f"…{tail(made[1] if made else text, _TAIL)}"


def listing_replies(listed: Sequence[Listed], where: Address, mentions: CommandMentions) -> list[Reply]:
    """The reply to `/pixverse list`: one message for each page, the asker's own jobs first."""
    if not listed:
        return [Reply(_("**Nothing is being watched here.** Start with {status}.", **mentions))]
    entries = sorted(listed, key=lambda entry: not entry.mine)
    shown = entries[: _LINES * _PAGES]
    pages = [shown[start : start + _LINES] for start in range(0, len(shown), _LINES)]
    more = len(entries) - len(shown)
    texts = [formatting.lines(*(_listed(entry, where) for entry in page)) for page in pages]
    texts[0] = f"{_listing_head(listed)}\n{texts[0]}"
    if more:
        texts[-1] = formatting.lines(texts[-1], formatting.small(plural("{n} more", "{n} more", more)))
    return [Reply(text) for text in texts]


def _listing_head(listed: Sequence[Listed]) -> str:
    state = plural(
        "**Watching {n} job here, {mine} for you.**",
        "**Watching {n} jobs here, {mine} for you.**",
        len(listed),
        mine=number(sum(entry.mine for entry in listed)),
    )
    return formatting.paragraph(state, job_text.why_on_hold(_status_of(entry) for entry in listed))


def _status_of(entry: Listed) -> CardStatus:
    if entry.on_hold:
        return CardStatus.OTHER_ACCOUNT
    return HOLDS[entry.hold] if entry.hold is not None else CardStatus.PROGRESS


def _listed(entry: Listed, where: Address) -> str:
    state = job_text.short_state(_status_of(entry), entry.job)
    return formatting.joined(
        (
            f"**{state}**",
            job_text.prompt_name(entry.job, entry.number),
            # Translators: a link to the message that shows a job's progress.
            formatting.jump(where, entry.message_id, _("Card")),
        )
    )


def autocomplete_choice(row: KnownJob, now: int) -> app_commands.Choice[str]:
    """A job to choose: its prompt, state and age in words, the age since the job was made or else first watched; the
    value is `#number`. `now` in milliseconds UTC."""
    job = snapshots.load(row.snapshot)
    since = row.watched_since if job is None or job.created is None else job.created
    status = CardStatus.ENDED if row.outcome else CardStatus.PROGRESS
    state = _unescaped(job_text.state_of(status, job, row.outcome))
    rest = f" · {state} · {formatting.age(now - since)}"
    value = f"#{row.job_id}"
    named = job_text.plain_name(job, row.job_id, SHORT_PROMPT) != value
    rest = f"{rest} · {value}" if named else rest
    name = job_text.plain_name(job, row.job_id, min(SHORT_PROMPT, CHOICE - units(rest)))
    return app_commands.Choice(name=plain(f"{name}{rest}", CHOICE), value=value)


def pasted_choice(typed: str) -> app_commands.Choice[str] | None:
    """A pasted job id as a choice: its name hides the e-mail address, its value is the id.

    None if the text is no id or too long for a value. Discord then sends what was typed.
    """
    try:
        jobid = read_one(typed)
    except ValueError:
        return None
    if isinstance(jobid, int) or not _SHORTEST_PASTED <= len(jobid) <= CHOICE:
        return None
    return app_commands.Choice(name=plain(mask_email(jobid), CHOICE), value=jobid)


def _unescaped(state: str) -> str:
    """A state's words without the backslashes that only messages need."""
    return state.replace("\\", "")
