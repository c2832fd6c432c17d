"""The reply to `/pixverse list`, and the autocomplete choices for job ids."""

from __future__ import annotations

from collections.abc import Sequence

from discord import app_commands

from model import snapshots
from model.messages import Address
from model.states import CardStatus
from pixverse.pasted import read_one
from relay.commands.job_queries import Listed
from storage.overviews import KnownJob
from ui import formatting, job_facts, job_states, on_hold
from ui.command_texts import CommandMentions
from ui.discord_limits import CHOICE, SHORT_PROMPT, units
from ui.escape import plain
from ui.language import _, number, plural
from ui.message import Reply

_LINES = 9
"""Lines on a page, not counting its heading. Twelve lines with long prompts exceed Discord's 2,000 characters."""
_PAGES = 5
_SHORTEST_PASTED = 16
"""Minimum length of a pasted id. A shorter text is probably part of a prompt, typed to find a job."""


def listing_replies(listed: Sequence[Listed], where: Address, mentions: CommandMentions) -> list[Reply]:
    """The reply to `/pixverse list`: one message for each page, the asker's own jobs first."""
    if not listed:
        return [Reply(_("**Nothing is being watched here.** Start with {status}.", **mentions))]
    entries = sorted(listed, key=lambda entry: not entry.mine)
    shown = entries[: _LINES * _PAGES]
    pages = [shown[start : start + _LINES] for start in range(0, len(shown), _LINES)]
    texts = [formatting.lines(*(_listed(entry, where) for entry in page)) for page in pages]
    texts[0] = formatting.lines(_head(listed), texts[0])
    texts[-1] = formatting.lines(texts[-1], formatting.small(formatting.more(len(entries) - len(shown))))
    return [Reply(text) for text in texts]


def _head(listed: Sequence[Listed]) -> str:
    state = plural(
        "**Watching {n} job here, {mine} for you.**",
        "**Watching {n} jobs here, {mine} for you.**",
        len(listed),
        mine=number(sum(entry.mine for entry in listed)),
    )
    return formatting.paragraph(state, on_hold.why_on_hold(map(on_hold.hold_of, listed)))


def _listed(entry: Listed, where: Address) -> str:
    state = job_states.short_state(on_hold.hold_of(entry) or CardStatus.PROGRESS, entry.job)
    name = job_facts.prompt_name(entry.job, entry.number)
    return formatting.joined((f"**{state}**", name, formatting.card_link(where, entry.message_id, in_list=True)))


def autocomplete_choice(row: KnownJob, now: int) -> app_commands.Choice[str]:
    """A job as a choice. Its name has the prompt, the state and the age since the job was made (or else first watched);
    its value is `#number`. `now` is in milliseconds UTC."""
    job = snapshots.load(row.snapshot)
    since = row.watched_since if job is None or job.created is None else job.created
    state = job_states.ended_or_running(job, row.outcome).replace("\\", "")  # Only messages need the escapes.
    rest = f" · {state} · {formatting.age(now - since)}"
    value = f"#{row.job_id}"
    named = job_facts.plain_name(job, row.job_id, SHORT_PROMPT) != value
    rest = f"{rest} · {value}" if named else rest
    name = job_facts.plain_name(job, row.job_id, min(SHORT_PROMPT, CHOICE - units(rest)))
    return app_commands.Choice(name=plain(f"{name}{rest}", CHOICE), value=value)


def pasted_choice(typed: str) -> app_commands.Choice[str] | None:
    """A pasted job id as a choice. Its name hides the e-mail address; its value is the id.

    None if the text is not an id, or too long for a value. Discord then sends what was typed.
    """
    try:
        jobid = read_one(typed)
    except ValueError:
        return None
    if isinstance(jobid, int) or not _SHORTEST_PASTED <= len(jobid) <= CHOICE:
        return None
    return app_commands.Choice(name=plain(jobid, CHOICE), value=jobid)
