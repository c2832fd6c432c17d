"""How an outcome begins: its state, what to do about it, and until when its links work."""

from __future__ import annotations

from dataclasses import dataclass

from model.job import Outcome
from model.messages import LinkReason, OutcomePost, VideoLink
from ui import formatting, job_facts
from ui.command_texts import CommandMentions
from ui.escape import bare_link, escaped
from ui.language import N_, NP_, _, plural
from ui.why_links import NOT_PLAYED, why_one, why_several

_MAX_NUMBERED = 3
"""Maximum number of videos that are named by their numbers."""
_WITHOUT_RESULT = {
    Outcome.MODERATED: (
        N_("Refused by PixVerse's content rules."),
        N_("Change the prompt or the image, then start a new job."),
    ),
    Outcome.CANCELLED: (N_("The job was cancelled."), N_("Someone stopped it at PixVerse or useapi.net.")),
    Outcome.EXPIRED: (N_("The job has expired."), job_facts.WHY_EXPIRED),
    Outcome.NOT_FOUND: (
        N_("useapi.net no longer has this job."),
        N_("If the API token was changed, it may belong to the old account."),
    ),
}


@dataclass(frozen=True, slots=True)
class OutcomeState:
    """The parts of an outcome that depend on how the job ended."""

    state: str
    advice: str = ""
    state_alone: str = ""
    """The state for a message without advice, links and the API's texts, if it differs."""
    small: str = ""
    """The beginning of the small print."""
    links: tuple[str, ...] = ()
    unfold: bool = False
    """Whether Discord may embed what the links lead to."""
    in_order: bool = False
    """Whether the small print explains the order of the files."""
    with_facts: bool = False
    with_reason: bool = False


def outcome_state(post: OutcomePost, mentions: CommandMentions) -> OutcomeState:
    """The parts of the outcome `post` that depend on how the job ended."""
    match post.outcome:
        case Outcome.COMPLETED:
            return _completed(post, mentions)
        case Outcome.GIVEN_UP:
            return _given_up(post, mentions)
        case Outcome.FAILED:
            return _failed(post)
        case Outcome.NOT_FOUND if post.job is None:  # Watched while the API was down; later the API did not know it.
            return OutcomeState(
                _("I couldn't find this job."), _("Check the id, and whether this server's useapi.net account made it.")
            )
        case _:
            state, advice = _WITHOUT_RESULT[post.outcome]
            return OutcomeState(_(state), _(advice), with_reason=post.outcome is Outcome.MODERATED)


def _failed(post: OutcomePost) -> OutcomeState:
    gave_reason = post.job is not None and (post.job.error or post.job.error_details)
    return OutcomeState(
        _("The job failed."),
        _("You can start it again.") if gave_reason else _("PixVerse gave no reason; you can start it again."),
        with_reason=True,
    )


def _given_up(post: OutcomePost, mentions: CommandMentions) -> OutcomeState:
    if post.watched_for is None:
        state = _("I stopped watching.")
    else:
        state = _("I stopped watching after {time}.", time=formatting.duration(post.watched_for))
    status = escaped(post.job.status, 40) if post.job else ""
    last = _('PixVerse still says "{status}".', status=status) if status else ""
    return OutcomeState(state, formatting.paragraph(last, _("{status} takes it up again.", **mentions)))


def _completed(post: OutcomePost, mentions: CommandMentions) -> OutcomeState:
    total = len(post.files) + len(post.links)
    if not total:
        return OutcomeState(
            _("Finished, but without a video."), _("PixVerse sent no file. You can start the job again.")
        )
    if not post.links:
        return OutcomeState(_ready(post, total), in_order=total > 1, with_facts=True)
    links = tuple(url for url in (bare_link(link.url) for link in post.links) if url)
    if total == 1:
        return _single(post, post.links[0], links, mentions)
    state, named = _some_as_links(post, total)
    return OutcomeState(
        state,
        formatting.paragraph(*(why_several(reason, post.links, named=named) for reason in LinkReason)),
        state_alone=_ready(post, total),
        small=_how_long(post.links, mentions),
        links=links,
        # One link to a host that is not allowed rules out embeds for all.
        unfold=all(link.reason is not LinkReason.HOST_NOT_ALLOWED for link in post.links),
    )


def _of_one(post: OutcomePost, video: str, image: str, new_video: str, new_image: str) -> str:
    """The text for a single video or image. The `new` texts are for jobs that nobody asked for."""
    if job_facts.is_image(post.job):
        return _(new_image if post.unasked else image)
    return _(new_video if post.unasked else video)


def _ready(post: OutcomePost, total: int) -> str:
    if total == 1:
        return _of_one(post, N_("Your video is ready."), N_("Your image is ready."), N_("New video."), N_("New image."))
    if post.unasked:
        return plural("{n} new video.", "{n} new videos.", total)
    return plural("Your {n} video is ready.", "Your {n} videos are ready.", total)


def _single(post: OutcomePost, link: VideoLink, links: tuple[str, ...], mentions: CommandMentions) -> OutcomeState:
    match link.reason:
        case LinkReason.EXPIRED:
            made = ""
            if post.ended_at is not None and post.late is None:
                made = _("It was made {when}.", when=formatting.relative(post.ended_at))
            advice = _("The PixVerse account's owner can still download it there.")
            state = _of_one(
                post,
                N_("Your video's link has expired."),
                N_("Your image's link has expired."),
                N_("New video, but its link has expired."),
                N_("New image, but its link has expired."),
            )
            return OutcomeState(state, formatting.paragraph(made, advice), links=links)
        case LinkReason.HOST_NOT_ALLOWED:
            state = _of_one(
                post,
                N_("Your video is ready, but I may not fetch it."),
                N_("Your image is ready, but I may not fetch it."),
                N_("New video, but I may not fetch it."),
                N_("New image, but I may not fetch it."),
            )
            return OutcomeState(state, why_one(link), links=links)
        case LinkReason.NOT_A_VIDEO:
            state = _("Finished, but the file isn't a video.")
            if job_facts.is_image(post.job):
                state = _("Finished, but the file isn't an image.")
            kind = _("Its host calls it {type}.", type=escaped(link.content_type, 40)) if link.content_type else ""
            return OutcomeState(state, kind, links=links, unfold=True)
        case _:
            state = _of_one(
                post,
                N_("Your video is ready, as a link."),
                N_("Your image is ready, as a link."),
                N_("New video, as a link."),
                N_("New image, as a link."),
            )
            return OutcomeState(
                state,
                formatting.paragraph(why_one(link), "" if links else _("Press Details to see it.")),
                state_alone=_ready(post, 1),
                small=_how_long((link,), mentions),
                links=links,
                unfold=True,
            )


def _some_as_links(post: OutcomePost, total: int) -> tuple[str, bool]:
    """The state for several videos of which some are not attached, and whether it names these."""
    shown = [link.index for link in post.links if link.reason not in NOT_PLAYED]
    missing = [link.index for link in post.links if link.reason in NOT_PLAYED]
    numbers = shown or missing
    if post.files and not (shown and missing) and len(numbers) <= _MAX_NUMBERED and not post.unasked:
        return _numbered(numbers, total, missing=bool(missing)), True
    if post.files or (shown and missing):
        forms = NP_("Your {n} video is ready, not as a file.", "Your {n} videos are ready, not all of them as files.")
        new = NP_("{n} new video, not as a file.", "{n} new videos, not all of them as files.")
    elif shown:
        forms = NP_("Your {n} video is ready, as a link.", "Your {n} videos are ready, as links.")
        new = NP_("{n} new video, as a link.", "{n} new videos, as links.")
    else:
        forms = NP_(
            "Your {n} video is ready, but I can't show it.", "Your {n} videos are ready, but I can't show them."
        )
        new = NP_("{n} new video, but I can't show it.", "{n} new videos, but I can't show them.")
    return plural(*(new if post.unasked else forms), total), not post.files


def _numbered(numbers: list[int], total: int, *, missing: bool) -> str:
    """The state for several videos of which all but those with these `numbers` are attached."""
    if len(numbers) == 1 and not missing:
        forms = NP_(
            "Your {n} video is ready, number {which} as a link.", "Your {n} videos are ready, number {which} as a link."
        )
    elif not missing:
        forms = NP_(
            "Your {n} video is ready, numbers {which} as links.", "Your {n} videos are ready, numbers {which} as links."
        )
    elif len(numbers) == 1:
        forms = NP_(
            "Your {n} video is ready, number {which} is missing.",
            "Your {n} videos are ready, number {which} is missing.",
        )
    else:
        forms = NP_(
            "Your {n} video is ready, numbers {which} are missing.",
            "Your {n} videos are ready, numbers {which} are missing.",
        )
    return plural(*forms, total, which=formatting.enumeration(map(str, numbers)))


def _how_long(links: tuple[VideoLink, ...], mentions: CommandMentions) -> str:
    """Says until when the links to videos work, and how to renew them."""
    played = [link for link in links if link.reason not in NOT_PLAYED and bare_link(link.url)]
    if not played:
        return ""
    ends = [link.expires_at for link in played if link.expires_at is not None]
    end = formatting.moment(min(ends)) if ends else ""
    renews = any(link.reason is LinkReason.TOO_LARGE for link in links)
    if renews and end:
        forms = NP_("Link works until {end}; {status} renews it", "Links work until {end}; {status} renews them")
    elif renews:
        forms = NP_("{status} renews it", "{status} renews them")
    elif end:
        forms = NP_("Link works until {end}", "Links work until {end}")
    else:
        return ""
    return plural(*forms, len(played), end=end, **mentions)
