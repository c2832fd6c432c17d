"""The outcome: the one new message at a job's end. Its text is plain content, which every client shows.

This module has what every outcome may contain: the prompt, PixVerse's reason, links, a group's tally, "Late", the small
print and files. `outcome_states` has how it begins.
"""

from __future__ import annotations

from dataclasses import dataclass

from model.job import Outcome
from model.messages import BatchTally, LateReason, OutcomePost
from ui import formatting, job_facts
from ui.buttons import details_custom_id, details_view
from ui.command_texts import CommandMentions
from ui.discord_limits import ALT_PROMPT, ALT_TEXT, MESSAGE, PROMPT, REASON, units
from ui.escape import escaped, job_id, plain
from ui.language import N_, _, plural
from ui.message import AttachedFile, Message
from ui.outcome_states import OutcomeState, outcome_state

_LATE = {
    LateReason.OFFLINE: N_("This bot was offline."),
    LateReason.NO_ACCESS: N_("I had no access to this channel."),
    LateReason.TOKEN: N_("I was waiting for a new API token."),
    LateReason.API_DOWN: N_("PixVerse's API was down."),
    # Translators: posting the result took the whole time by which it is late.
    LateReason.POSTING: N_("Posting it took that long."),
}


@dataclass(frozen=True, slots=True)
class _Space:
    """How much of each part is shown. The fields are in the order in which the parts are shortened."""

    prompt: int = PROMPT
    reason: int = REASON
    facts: bool = True
    mentions: int = 80
    """How many people are mentioned; Discord allows 100 in `allowed_mentions`."""
    links: bool = True


_SPACES = (
    _Space(),
    _Space(prompt=60),
    _Space(prompt=60, reason=100),
    _Space(prompt=60, reason=100, facts=False),
    _Space(prompt=60, reason=100, facts=False, mentions=60),
    _Space(prompt=60, reason=100, facts=False, mentions=12),
    _Space(prompt=60, reason=100, facts=False, mentions=12, links=False),
)


def outcome_message(post: OutcomePost, mentions: CommandMentions) -> Message:
    """The message for `post`. Its content always fits into a message.

    If it is too long, parts are shortened or left out in this order: the prompt, the reasons, the facts, mentions
    beyond the first dozen, the links. The state and the small print always stay.
    """
    state = outcome_state(post, mentions)
    content, pinged = _fitting(post, state)
    return Message(
        content=content,
        view=details_view(post.button_nonce),
        files=_files(post),
        mention=pinged,
        silent=post.silent,
        # Discord may embed only the bare link of a video.
        suppress_embeds=post.without_api_text or not state.unfold,
        reply_to=post.reply_to,
        known_by=details_custom_id(post.button_nonce),
    )


def _fitting(post: OutcomePost, state: OutcomeState) -> tuple[str, tuple[int, ...]]:
    """The longest content that fits, and the people mentioned in it."""
    for space in _SPACES:
        content, pinged = _content(post, state, space)
        if units(content) <= MESSAGE:
            return content, pinged
    raise AssertionError("the smallest content is always short enough")


def _content(post: OutcomePost, text: OutcomeState, space: _Space) -> tuple[str, tuple[int, ...]]:
    """The content, and the people mentioned in it."""
    first, last = _pinged(post, space.mentions)
    pinged = (*first, *last)
    if post.without_api_text:
        body = formatting.paragraph(f"**{text.state_alone or text.state}**", formatting.users(first))
        small = _small_without_api_text(post, text)
    else:
        head = formatting.paragraph(f"**{text.state}**", formatting.users(first), text.advice)
        body = formatting.lines(head, _reason(post, text, space), _prompt(post, space), _links(post, text, space))
        small = _small(post, text, space)
    tally = batch_tally(post.batch, last) if post.batch is not None and post.batch.total > 1 else ""
    return formatting.lines(body, tally, _not_pinged(post, pinged), _late(post), small), pinged


def _pinged(post: OutcomePost, limit: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The people mentioned beside the state, and those beside the batch's tally: each person once, at most `limit` in
    total."""
    job, batch = post.mention, post.batch.mention if post.batch else ()
    if post.batch is not None and post.batch.total == 1:  # A batch of one shows no tally.
        job, batch = (*job, *batch), ()
    first = tuple(dict.fromkeys(job))[:limit]
    last = tuple(person for person in dict.fromkeys(batch) if person not in first)
    return first, last[: limit - len(first)]


def _small(post: OutcomePost, text: OutcomeState, space: _Space) -> str:
    """The line of small print, which ends with the id."""
    return formatting.small(
        text.small,
        # Translators: the files of a message.
        _("in PixVerse's order") if text.in_order else "",
        _facts(post) if text.with_facts and space.facts else "",
        post.outcome.value,
        f"#{post.number}",
        job_id(post.jobid),
    )


def _facts(post: OutcomePost) -> str:
    with_what = bool(job_facts.prompt_text(post.job)) and not job_facts.counts_only(post.job)
    return job_facts.facts(post.job, with_what=with_what, clock_ahead=post.clock_ahead)


def _small_without_api_text(post: OutcomePost, text: OutcomeState) -> str:
    if post.outcome is Outcome.COMPLETED:
        why = _("Something in the prompt couldn't be shown here")
    else:
        why = _("Something in the details couldn't be shown here")
    links = plural("the link is under Details", "the links are under Details", len(text.links), zero="")
    return formatting.small(why, links, post.outcome.value, f"#{post.number}")


def _not_pinged(post: OutcomePost, pinged: tuple[int, ...]) -> str:
    """Says how many people asked for a ping but are not mentioned, for lack of space."""
    wanted = {*post.mention, *(post.batch.mention if post.batch else ())}
    left_out = plural(
        "{n} other person asked too, but I can't ping that many at once.",
        "{n} other people asked too, but I can't ping that many at once.",
        len(wanted.difference(pinged)),
        zero="",
    )
    return formatting.small(left_out)


def _reason(post: OutcomePost, text: OutcomeState, space: _Space) -> str:
    """PixVerse's `error` and `errorDetails`, if the outcome shows them; only one if they are the same."""
    if not text.with_reason or post.job is None:
        return ""
    both = dict.fromkeys((post.job.error or "", post.job.error_details or ""))
    # Translators: a number behind "PixVerse says: ", possibly with words of PixVerse's in between.
    named = (_("error code {number}", number=words) if words.isdecimal() else words for words in both)
    shown = dict.fromkeys(escaped(words, space.reason) for words in named)
    said = " ".join(words for words in shown if words)
    return _("PixVerse says: {words}", words=said) if said else ""


def _prompt(post: OutcomePost, space: _Space) -> str:
    prompt = escaped(job_facts.prompt_text(post.job), space.prompt)
    if post.outcome is Outcome.MODERATED:
        return _("Prompt: {prompt}", prompt=formatting.spoiler(prompt)) if prompt else ""
    if post.outcome is Outcome.COMPLETED and job_facts.counts_only(post.job):  # The state says how many.
        return formatting.quoted(prompt)
    return formatting.quoted(job_facts.prompt(post.job, space.prompt))


def _links(post: OutcomePost, text: OutcomeState, space: _Space) -> str:
    if not space.links:
        return plural(
            "The link is too long to show here; press Details.",
            "The links are too long to show here; press Details.",
            len(text.links),
            zero="",
        )
    return formatting.lines(*(f"|| {link} ||" if post.spoiler else link for link in text.links))


def _late(post: OutcomePost) -> str:
    if post.late is None:
        return ""
    why = _(_LATE[post.late])
    late = _("Late: {why}", why=why)
    if post.ended_at is not None:
        late = _("Late: it ended {when}. {why}", when=formatting.relative(post.ended_at), why=why)
    return formatting.small(late)


def batch_tally(batch: BatchTally, pinged: tuple[int, ...]) -> str:
    """Says that all jobs of the batch have ended, and how, with pings for these people."""
    results = formatting.listing(
        (
            job_facts.videos(batch.videos),
            # Translators: what became of a group of jobs; so are the next ones, up to "without a result".
            plural("{n} image", "{n} images", batch.images, zero=""),
            plural("{n} as a link", "{n} as links", batch.links, zero=""),
            plural("{n} failed", "{n} failed", batch.failed, zero=""),
            plural("{n} refused", "{n} refused", batch.refused, zero=""),
            plural("{n} without a result", "{n} without a result", batch.other, zero=""),
        )
    )
    state = plural(
        "**The job has ended:** {results}.", "**All {n} jobs have ended:** {results}.", batch.total, results=results
    )
    return formatting.paragraph(state, formatting.users(pinged))


def _files(post: OutcomePost) -> tuple[AttachedFile, ...]:
    """The files, named `pixverse-<number>-<k>.mp4`."""
    start = f"{'SPOILER_' if post.spoiler else ''}pixverse-{post.number}"
    return tuple(
        AttachedFile(file.path, f"{start}-{file.index}{file.extension}", _alt_text(post, file.index))
        for file in post.files
    )


def _alt_text(post: OutcomePost, index: int) -> str:
    total = max(len(post.files) + len(post.links), index)
    if job_facts.is_image(post.job):
        what = _("Image {index} of {n}, made by PixVerse.", index=index, n=total)
    else:
        what = _("Video {index} of {n}, made by PixVerse.", index=index, n=total)
    prompt = "" if post.without_api_text else plain(job_facts.prompt_text(post.job), ALT_PROMPT)
    return plain(formatting.paragraph(what, _("Prompt: {prompt}", prompt=prompt) if prompt else ""), ALT_TEXT)
