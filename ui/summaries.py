"""The summary of a batch: one Components V2 message in the place of its jobs' cards, edited in place."""

from __future__ import annotations

import discord

from model.messages import Address, SummaryEntry, SummaryPost
from ui import colours, wording
from ui.buttons import Action, layout_view
from ui.discord_limits import SHORT_PROMPT, TEXT_DISPLAYS, units


def summary_view(post: SummaryPost, address: Address) -> discord.ui.LayoutView:
    """A batch's message. Nobody is to be pinged by it: it is sent without allowed mentions, silently."""
    buttons = ((Action.STOP_BATCH, post.batch_id),) if post.open else ()
    colour = colours.RUNNING if post.open else colours.DONE
    if not post.open and post.done < len(post.entries):
        colour = colours.STOPPED
    return layout_view(summary_text(post, address), *buttons, colour=colour)


def summary_text(post: SummaryPost, address: Address) -> str:
    """The summary's text; names get shorter where there are too many jobs for one message."""
    for limit in range(SHORT_PROMPT, 0, -10):
        text = _summary_text(post, address, limit)
        if units(text) <= TEXT_DISPLAYS:
            return text
    return _summary_head(post)


def _summary_text(post: SummaryPost, address: Address, name_limit: int) -> str:
    ping = "One ping at the end." if post.mention and post.open else ""
    why = wording.why_on_hold(entry.status for entry in post.entries)
    return wording.lines(
        wording.joined((_summary_head(post), why), " "),
        *(_summary_line(entry, address, name_limit) for entry in post.entries),
        wording.small(wording.joined((f"Asked by {wording.user(post.asker)}." if post.asker else "", ping), " ")),
    )


def _summary_head(post: SummaryPost) -> str:
    total = len(post.entries)
    jobs = wording.count(total, "job", "jobs")
    if post.open and not post.done:
        return f"**Watching {jobs}.**"
    if post.open:
        ended = "1 has" if post.done == 1 else f"{post.done} have"
        return f"**Watching {total - post.done} of {jobs}.** {ended} ended."
    if post.done >= total:
        return "**The job has ended.**" if total == 1 else f"**All {jobs} have ended.**"
    left = total - post.done
    return f"**Stopped watching.** {wording.count(left, 'job keeps', 'jobs keep')} running at PixVerse."


def _summary_line(entry: SummaryEntry, address: Address, name_limit: int) -> str:
    state = wording.short_state(entry.status, entry.job, entry.outcome)
    jump = wording.jump(address.guild_id, address.channel_id, entry.outcome_message, "Result")
    name = wording.prompt_name(entry.job, entry.number, name_limit)
    return wording.joined((f"**{wording.sentence(state)}**", name, jump))
