"""The outcome: the one new message at a job's end. Its text is plain content, which every client shows."""

from __future__ import annotations

from dataclasses import dataclass

from model.job import Outcome
from model.messages import BatchTally, LateReason, OutcomePost
from pixverse.jobids import mask_email
from ui import formatting, job_text
from ui.buttons import details_custom_id, details_view
from ui.command_texts import CommandMentions
from ui.discord_limits import ALT_PROMPT, ALT_TEXT, MESSAGE, PROMPT, REASON, units
from ui.escape import escaped, job_id, plain
from ui.language import N_, _, plural
from ui.message import AttachedFile, Message
from ui.outcome_text import OutcomeText, outcome_text

_LATE = {
    LateReason.OFFLINE: N_("This bot was offline."),
    LateReason.NO_ACCESS: N_("I had no access to this channel."),
    LateReason.TOKEN: N_("I was waiting for a new API token."),
    LateReason.API_DOWN: N_("PixVerse's API was down."),
}


@dataclass(frozen=True, slots=True)
class _Space:
    """How much of each part is shown; the parts stand in the order in which they are shortened."""

    prompt: int = PROMPT
    reason: int = REASON
    facts: bool = True
    mentions: int = 80
    """Of people; Discord allows 100 in `allowed_mentions`."""
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
    """The message for `post`; its content always fits into a message.

    If it is too long, it loses in this order: parts of the prompt, parts of the reasons, facts, mentions beyond the
    first dozen, links. State and small print are always there.
    """
    content, pinged = _fitting(post, mentions)
    return Message(
        content=content,
        view=details_view(post.button_nonce),
        files=_files(post),
        mention=pinged,
        silent=post.silent,
        # Discord may unfold nothing but the bare link of a video.
        suppress_embeds=post.without_api_text or not outcome_text(post, mentions).unfold,
        reply_to=post.reply_to,
        known_by=details_custom_id(post.button_nonce),
    )


def _fitting(post: OutcomePost, mentions: CommandMentions) -> tuple[str, tuple[int, ...]]:
    """The longest content that fits, and who is mentioned in it."""
    text = outcome_text(post, mentions)
    for space in _SPACES:
        content, pinged = _content(post, text, space)
        if units(content) <= MESSAGE:
            return content, pinged
    raise AssertionError("the smallest content is always short enough")


def _content(post: OutcomePost, text: OutcomeText, space: _Space) -> tuple[str, tuple[int, ...]]:
    """The content and who is mentioned in it."""
    alone = post.batch is not None and post.batch.total == 1
    wanted = tuple(dict.fromkeys((*post.mention, *(post.batch.mention if post.batch and alone else ()))))
    first = wanted[: space.mentions]
    rest = tuple(dict.fromkeys(post.batch.mention)) if post.batch and not alone else ()
    last = tuple(person for person in rest if person not in first)[: space.mentions - len(first)]
    pinged = (*first, *last)
    body = _without_api_text(text, first) if post.without_api_text else _worded(post, text, first, space)
    small = _small_without_api_text(post, text) if post.without_api_text else _small(post, text, space)
    tally = _tally(post.batch, last) if post.batch and not alone else ""
    return formatting.lines(*body, tally, _not_pinged(post, pinged), _late(post), small), pinged


def _worded(post: OutcomePost, text: OutcomeText, pinged: tuple[int, ...], space: _Space) -> tuple[str, ...]:
    head = formatting.paragraph(f"**{text.state}**", _who(pinged), text.advice)
    return (head, *_reason(post, text, space), _prompt(post, space), *_links(post, text, space))


def _small(post: OutcomePost, text: OutcomeText, space: _Space) -> str:
    """The line of small print; it ends with the id."""
    with_what = bool(job_text.prompt_text(post.job)) and not job_text.counts_only(post.job)
    return formatting.small(
        text.small,
        # Translators: the files of a message.
        _("in PixVerse's order") if text.in_order else "",
        job_text.facts(post.job, with_what=with_what) if text.with_facts and space.facts else "",
        post.outcome.value,
        f"#{post.number}",
        job_id(post.jobid),
    )


def _without_api_text(text: OutcomeText, pinged: tuple[int, ...]) -> tuple[str, ...]:
    return (formatting.paragraph(f"**{text.state_alone or text.state}**", _who(pinged)),)


def _small_without_api_text(post: OutcomePost, text: OutcomeText) -> str:
    if post.outcome is Outcome.COMPLETED:
        why = _("Something in the prompt couldn't be shown here")
    else:
        why = _("Something in the details couldn't be shown here")
    links = plural("the link is under Details", "the links are under Details", len(text.links), zero="")
    return formatting.small(why, links, post.outcome.value, f"#{post.number}")


def _who(people: tuple[int, ...]) -> str:
    return " ".join(formatting.user(person) for person in people)


def _not_pinged(post: OutcomePost, pinged: tuple[int, ...]) -> str:
    """How many people asked for a ping and are not mentioned, for lack of space."""
    wanted = {*post.mention, *(post.batch.mention if post.batch else ())}
    left = len(wanted.difference(pinged))
    if not left:
        return ""
    return formatting.small(
        plural(
            "{n} other person asked too, but I can't ping that many at once.",
            "{n} other people asked too, but I can't ping that many at once.",
            left,
        )
    )


def _reason(post: OutcomePost, text: OutcomeText, space: _Space) -> tuple[str, ...]:
    """What PixVerse says, if the outcome shows it."""
    if not text.with_reason:
        return ()
    words = " ".join(reasons(post, space.reason))
    return (_("PixVerse says: {words}", words=words),) if words else ()


def reasons(post: OutcomePost, limit: int = REASON) -> list[str]:
    """`error` and `errorDetails` of the job, escaped; only one if they are the same."""
    if post.job is None:
        return []
    both = dict.fromkeys((post.job.error or "", post.job.error_details or ""))
    # Translators: a number behind "PixVerse says: ", possibly with words of PixVerse's in between.
    named = (_("error code {number}", number=words) if words.isdecimal() else words for words in both)
    return [words for words in dict.fromkeys(escaped(mask_email(words), limit) for words in named) if words]


def _prompt(post: OutcomePost, space: _Space) -> str:
    if post.outcome is not Outcome.MODERATED:
        if post.outcome is Outcome.COMPLETED and job_text.counts_only(post.job):  # the state says how many
            return formatting.quoted(escaped(job_text.prompt_text(post.job), space.prompt))
        return formatting.quoted(job_text.prompt(post.job, space.prompt))
    prompt = escaped(job_text.prompt_text(post.job), space.prompt)
    return _("Prompt: {prompt}", prompt=formatting.spoiler(prompt)) if prompt else ""


def _links(post: OutcomePost, text: OutcomeText, space: _Space) -> tuple[str, ...]:
    if not text.links:
        return ()
    if not space.links:
        return (
            plural(
                "The link is too long to show here; press Details.",
                "The links are too long to show here; press Details.",
                len(text.links),
            ),
        )
    return tuple(f"|| {link} ||" if post.spoiler else link for link in text.links)


def _late(post: OutcomePost) -> str:
    if post.late is None:
        return ""
    why = _(_LATE[post.late])
    if post.ended_at is None:
        return formatting.small(_("Late: {why}", why=why))
    return formatting.small(_("Late: it ended {when}. {why}", when=formatting.relative(post.ended_at), why=why))


def _tally(batch: BatchTally, pinged: tuple[int, ...]) -> str:
    results = formatting.listing(
        (
            # Translators: what became of a group of jobs; so are the next ones, up to "without a result".
            plural("{n} video", "{n} videos", batch.videos, zero=""),
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
    return formatting.paragraph(state, _who(pinged))


def _files(post: OutcomePost) -> tuple[AttachedFile, ...]:
    return tuple(
        AttachedFile(
            file.path,
            file_name(post.number, file.index, file.extension, spoiler=post.spoiler),
            alt_text(post, file.index),
        )
        for file in post.files
    )


def file_name(number: int, index: int, extension: str, *, spoiler: bool) -> str:
    """`pixverse-<number>-<k>.mp4`; `extension` comes with its dot."""
    return f"{'SPOILER_' if spoiler else ''}pixverse-{number}-{index}{extension}"


def alt_text(post: OutcomePost, index: int) -> str:
    """The alt text of file `index`."""
    total = len(post.files) + len(post.links)
    is_image = job_text.is_image(post.job)
    kind = N_("Image {index} of {n}, made by PixVerse.") if is_image else N_("Video {index} of {n}, made by PixVerse.")
    prompt = "" if post.without_api_text else plain(job_text.prompt_text(post.job), ALT_PROMPT)
    shown = _("Prompt: {prompt}", prompt=prompt) if prompt else ""
    return plain(formatting.paragraph(_(kind, index=index, n=max(total, index)), shown), ALT_TEXT)
