"""The text of an outcome: its state, what to do about it, and its links."""

from __future__ import annotations

from dataclasses import dataclass

from model.job import Outcome
from model.messages import LinkReason, OutcomePost, VideoLink
from ui import formatting, job_text
from ui.command_texts import CommandMentions
from ui.escape import bare_link, escaped
from ui.link_reasons import NOT_PLAYED, why_one, why_several


@dataclass(frozen=True, slots=True)
class OutcomeText:
    """The parts of an outcome that depend on how the job ended."""

    state: str
    advice: str = ""
    state_alone: str = ""
    """The state for a message without advice, links and the API's words, if it is another one."""
    aside: str = ""
    """What follows the state directly, with its space."""
    small: str = ""
    """What the small print begins with."""
    links: tuple[str, ...] = ()
    unfold: bool = False
    """Whether Discord may show what the links lead to."""
    in_order: bool = False
    """Whether the order of the files is explained."""
    with_facts: bool = False
    with_reason: bool = False


def outcome_text(post: OutcomePost, mentions: CommandMentions) -> OutcomeText:
    """What the outcome `post` says."""
    match post.outcome:
        case Outcome.COMPLETED:
            return _completed(post, mentions)
        case Outcome.GIVEN_UP:
            return _given_up(post, mentions)
        case Outcome.FAILED:
            return _failed(post)
        case Outcome.NOT_FOUND if post.job is None:
            return _NEVER_FOUND
        case _:
            return _CONSTANT[post.outcome]


_CONSTANT = {
    Outcome.MODERATED: OutcomeText(
        "Refused by PixVerse's content rules.",
        "Change the prompt or the image, then start a new job.",
        with_reason=True,
    ),
    Outcome.CANCELLED: OutcomeText("The job was cancelled.", "Someone stopped it at PixVerse or useapi.net."),
    Outcome.EXPIRED: OutcomeText("The job has expired.", "useapi.net keeps jobs for 31 days."),
    Outcome.NOT_FOUND: OutcomeText(
        "useapi.net no longer has this job.", "If the API token was changed, it may belong to the old account."
    ),
}


_NEVER_FOUND = OutcomeText(
    "I couldn't find this job.", "Check the id, and whether this server's useapi.net account made it."
)
"""The job was asked for while the API was down; when it was up again, it did not know the job."""


def _failed(post: OutcomePost) -> OutcomeText:
    gave_reason = post.job is not None and (post.job.error or post.job.error_details)
    return OutcomeText(
        "The job failed.",
        "You can start it again." if gave_reason else "PixVerse gave no reason; you can start it again.",
        with_reason=True,
    )


def _given_up(post: OutcomePost, mentions: CommandMentions) -> OutcomeText:
    age = f" after {formatting.duration(post.watched_for)}" if post.watched_for is not None else ""
    state = f"I stopped watching{age}."
    last = f'PixVerse still says "{escaped(post.job.status, 40)}".' if post.job and post.job.status else ""
    return OutcomeText(state, formatting.paragraph(last, f"{mentions.status} takes it up again."))


def _completed(post: OutcomePost, mentions: CommandMentions) -> OutcomeText:
    total = len(post.files) + len(post.links)
    ready = _ready(post, total)
    if not total:
        return OutcomeText("Finished, but without a video.", "PixVerse sent no file. You can start the job again.")
    if not post.links:
        return OutcomeText(f"{ready}.", in_order=total > 1, with_facts=True)
    links = tuple(url for url in (bare_link(link.url) for link in post.links) if url)
    if total == 1:
        return _single(post, post.links[0], links, mentions)
    state = f"{ready}, {_which(post)}."
    named = not post.files or ", number" in state
    advice = formatting.paragraph(*(why_several(reason, post.links, named=named) for reason in LinkReason))
    return OutcomeText(
        state,
        advice,
        state_alone=f"{ready}.",
        small=_how_long(post.links, _renewed(post.links, "them", mentions)),
        links=links,
        unfold=_unfold(post.links),
    )


def _ready(post: OutcomePost, total: int) -> str:
    if total == 1 and job_text.is_image(post.job):
        return "New image" if post.unasked else "Your image is ready"
    if post.unasked:
        return formatting.plural(total, "New video", "{number} new videos")
    return formatting.plural(total, "Your video is ready", "Your {number} videos are ready")


def _single(post: OutcomePost, link: VideoLink, links: tuple[str, ...], mentions: CommandMentions) -> OutcomeText:
    is_image = job_text.is_image(post.job)
    ready = _ready(post, 1)
    match link.reason:
        case LinkReason.EXPIRED:
            if post.unasked:
                state = f"{ready}, but its link has expired."
            else:
                state = "Your image's link has expired." if is_image else "Your video's link has expired."
            made = ""
            if post.ended_at is not None and post.late is None:
                made = f"It was made {formatting.relative(post.ended_at)}. "
            return OutcomeText(state, f"{made}The PixVerse account's owner can still download it there.", links=links)
        case LinkReason.HOST_NOT_ALLOWED:
            state = f"{ready}, but I may not fetch it."
            return OutcomeText(state, why_one(link, "It"), links=links)
        case LinkReason.NOT_A_VIDEO:
            state = "Finished, but the file isn't an image" if is_image else "Finished, but the file isn't a video"
            kind = f" ({escaped(link.content_type, 40)})." if link.content_type else "."
            return OutcomeText(state, state_alone=f"{state}.", aside=kind, links=links, unfold=True)
        case _:
            again = _renewed((link,), "it", mentions)
            state = f"{ready}, as a link."
            why = why_one(link, "It")
            if not links:
                why = f"{why} Press Details to see it."
            return OutcomeText(
                state, why, state_alone=f"{ready}.", small=_how_long((link,), again), links=links, unfold=True
            )


def _unfold(links: tuple[VideoLink, ...]) -> bool:
    """Whether Discord may show what the links lead to. One link to a host that is not allowed rules it out for all."""
    return all(link.reason is not LinkReason.HOST_NOT_ALLOWED for link in links)


def _which(post: OutcomePost) -> str:
    """Which of several videos are not attached, as the end of the state."""
    shown = [link.index for link in post.links if link.reason not in NOT_PLAYED]
    missing = [link.index for link in post.links if link.reason in NOT_PLAYED]
    if shown and missing:
        return "not all of them as files"
    numbers = shown or missing
    if not post.files:
        return "as links" if shown else "but I can't show them"
    if len(numbers) > 3:
        return "some as links" if shown else "but some are missing"
    which = formatting.enumeration(map(str, numbers))
    if missing:
        return formatting.plural(len(numbers), "number {which} is missing", "numbers {which} are missing", which=which)
    return formatting.plural(len(numbers), "number {which} as a link", "numbers {which} as links", which=which)


def _renewed(links: tuple[VideoLink, ...], them: str, mentions: CommandMentions) -> str:
    """Which command renews the links, if any are renewed by one."""
    return f"{mentions.status} renews {them}" if any(link.reason is LinkReason.TOO_LARGE for link in links) else ""


def _how_long(links: tuple[VideoLink, ...], again: str) -> str:
    """Until when the links to videos work, and how they are renewed."""
    played = [link for link in links if link.reason not in NOT_PLAYED and bare_link(link.url)]
    if not played:
        return ""
    ends = [link.expires_at for link in played if link.expires_at is not None]
    until = ""
    if ends:
        works = "Link works until {end}", "Links work until {end}"
        until = formatting.plural(len(played), *works, end=formatting.moment(min(ends)))
    return formatting.joined((until, again), "; ")
