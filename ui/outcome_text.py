"""The text of an outcome: its state, what to do about it, and its links."""

from __future__ import annotations

from dataclasses import dataclass

from model.job import Outcome
from model.messages import LinkReason, OutcomePost, VideoLink
from ui import formatting, job_text
from ui.command_texts import CommandMentions
from ui.escape import bare_link, escaped
from ui.language import N_, NP_, _, plural
from ui.link_reasons import NOT_PLAYED, why_one, why_several

_MAX_NUMBERED = 3
"""So many videos are named by their numbers at most."""


@dataclass(frozen=True, slots=True)
class OutcomeText:
    """The parts of an outcome that depend on how the job ended."""

    state: str
    advice: str = ""
    state_alone: str = ""
    """The state for a message without advice, links and the API's words, if it is another one."""
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
        case Outcome.NOT_FOUND if post.job is None:  # asked for while the API was down, which then did not know it
            return OutcomeText(
                _("I couldn't find this job."), _("Check the id, and whether this server's useapi.net account made it.")
            )
        case _:
            state, advice = _CONSTANT[post.outcome]
            return OutcomeText(_(state), _(advice), with_reason=post.outcome is Outcome.MODERATED)


_CONSTANT = {
    Outcome.MODERATED: (
        N_("Refused by PixVerse's content rules."),
        N_("Change the prompt or the image, then start a new job."),
    ),
    Outcome.CANCELLED: (N_("The job was cancelled."), N_("Someone stopped it at PixVerse or useapi.net.")),
    Outcome.EXPIRED: (N_("The job has expired."), N_("useapi.net keeps jobs for 31 days.")),
    Outcome.NOT_FOUND: (
        N_("useapi.net no longer has this job."),
        N_("If the API token was changed, it may belong to the old account."),
    ),
}


def _failed(post: OutcomePost) -> OutcomeText:
    gave_reason = post.job is not None and (post.job.error or post.job.error_details)
    return OutcomeText(
        _("The job failed."),
        _("You can start it again.") if gave_reason else _("PixVerse gave no reason; you can start it again."),
        with_reason=True,
    )


def _given_up(post: OutcomePost, mentions: CommandMentions) -> OutcomeText:
    if post.watched_for is None:
        state = _("I stopped watching.")
    else:
        state = _("I stopped watching after {time}.", time=formatting.duration(post.watched_for))
    status = escaped(post.job.status, 40) if post.job else ""
    last = _('PixVerse still says "{status}".', status=status) if status else ""
    return OutcomeText(state, formatting.paragraph(last, _("{status} takes it up again.", **mentions)))


def _completed(post: OutcomePost, mentions: CommandMentions) -> OutcomeText:
    total = len(post.files) + len(post.links)
    if not total:
        return OutcomeText(
            _("Finished, but without a video."), _("PixVerse sent no file. You can start the job again.")
        )
    if not post.links:
        return OutcomeText(_ready(post, total), in_order=total > 1, with_facts=True)
    links = tuple(url for url in (bare_link(link.url) for link in post.links) if url)
    if total == 1:
        return _single(post, post.links[0], links, mentions)
    state, named = _some_as_links(post, total)
    return OutcomeText(
        state,
        formatting.paragraph(*(why_several(reason, post.links, named=named) for reason in LinkReason)),
        state_alone=_ready(post, total),
        small=_how_long(post.links, mentions),
        links=links,
        unfold=_unfold(post.links),
    )


@dataclass(frozen=True, slots=True)
class _StateOfOne:
    """The state of an outcome with one video or one image: of those that somebody asked for, and of others."""

    video: str
    image: str
    new_video: str
    new_image: str

    def text(self, post: OutcomePost) -> str:
        if job_text.is_image(post.job):
            return _(self.new_image if post.unasked else self.image)
        return _(self.new_video if post.unasked else self.video)


_READY = _StateOfOne(
    N_("Your video is ready."),
    N_("Your image is ready."),
    N_("New video."),
    N_("New image."),
)
_AS_LINK = _StateOfOne(
    N_("Your video is ready, as a link."),
    N_("Your image is ready, as a link."),
    N_("New video, as a link."),
    N_("New image, as a link."),
)
_EXPIRED = _StateOfOne(
    N_("Your video's link has expired."),
    N_("Your image's link has expired."),
    N_("New video, but its link has expired."),
    N_("New image, but its link has expired."),
)
_NOT_FETCHED = _StateOfOne(
    N_("Your video is ready, but I may not fetch it."),
    N_("Your image is ready, but I may not fetch it."),
    N_("New video, but I may not fetch it."),
    N_("New image, but I may not fetch it."),
)


@dataclass(frozen=True, slots=True)
class _StateOfSeveral:
    """The state of an outcome with several videos: of those that somebody asked for, and of others."""

    asked: tuple[str, str]
    new: tuple[str, str]

    def text(self, post: OutcomePost, total: int) -> str:
        return plural(*(self.new if post.unasked else self.asked), total)


_ALL_READY = _StateOfSeveral(
    NP_("Your {n} video is ready.", "Your {n} videos are ready."),
    NP_("{n} new video.", "{n} new videos."),
)
_ALL_AS_LINKS = _StateOfSeveral(
    NP_("Your {n} video is ready, as a link.", "Your {n} videos are ready, as links."),
    NP_("{n} new video, as a link.", "{n} new videos, as links."),
)
_SOME_AS_LINKS = _StateOfSeveral(
    NP_("Your {n} video is ready, not as a file.", "Your {n} videos are ready, not all of them as files."),
    NP_("{n} new video, not as a file.", "{n} new videos, not all of them as files."),
)
_NONE_SHOWN = _StateOfSeveral(
    NP_("Your {n} video is ready, but I can't show it.", "Your {n} videos are ready, but I can't show them."),
    NP_("{n} new video, but I can't show it.", "{n} new videos, but I can't show them."),
)

_ONE_AS_LINK = NP_(
    "Your {n} video is ready, number {which} as a link.", "Your {n} videos are ready, number {which} as a link."
)
_THESE_AS_LINKS = NP_(
    "Your {n} video is ready, numbers {which} as links.", "Your {n} videos are ready, numbers {which} as links."
)
_ONE_MISSING = NP_(
    "Your {n} video is ready, number {which} is missing.", "Your {n} videos are ready, number {which} is missing."
)
_THESE_MISSING = NP_(
    "Your {n} video is ready, numbers {which} are missing.", "Your {n} videos are ready, numbers {which} are missing."
)


def _ready(post: OutcomePost, total: int) -> str:
    return _READY.text(post) if total == 1 else _ALL_READY.text(post, total)


def _single(post: OutcomePost, link: VideoLink, links: tuple[str, ...], mentions: CommandMentions) -> OutcomeText:
    match link.reason:
        case LinkReason.EXPIRED:
            made = ""
            if post.ended_at is not None and post.late is None:
                made = _("It was made {when}.", when=formatting.relative(post.ended_at))
            advice = _("The PixVerse account's owner can still download it there.")
            return OutcomeText(_EXPIRED.text(post), formatting.paragraph(made, advice), links=links)
        case LinkReason.HOST_NOT_ALLOWED:
            return OutcomeText(_NOT_FETCHED.text(post), why_one(link), links=links)
        case LinkReason.NOT_A_VIDEO:
            state = _("Finished, but the file isn't a video.")
            if job_text.is_image(post.job):
                state = _("Finished, but the file isn't an image.")
            kind = _("Its host calls it {type}.", type=escaped(link.content_type, 40)) if link.content_type else ""
            return OutcomeText(state, kind, links=links, unfold=True)
        case _:
            return OutcomeText(
                _AS_LINK.text(post),
                formatting.paragraph(why_one(link), "" if links else _("Press Details to see it.")),
                state_alone=_READY.text(post),
                small=_how_long((link,), mentions),
                links=links,
                unfold=True,
            )


def _unfold(links: tuple[VideoLink, ...]) -> bool:
    """Whether Discord may show what the links lead to. One link to a host that is not allowed rules it out for all."""
    return all(link.reason is not LinkReason.HOST_NOT_ALLOWED for link in links)


def _some_as_links(post: OutcomePost, total: int) -> tuple[str, bool]:
    """The state of several videos of which some are not attached, and whether it tells which."""
    shown = [link.index for link in post.links if link.reason not in NOT_PLAYED]
    missing = [link.index for link in post.links if link.reason in NOT_PLAYED]
    if shown and missing:
        return _SOME_AS_LINKS.text(post, total), not post.files
    if not post.files:
        return (_ALL_AS_LINKS if shown else _NONE_SHOWN).text(post, total), True
    numbers = shown or missing
    if len(numbers) > _MAX_NUMBERED or post.unasked:
        return _SOME_AS_LINKS.text(post, total), False
    if len(numbers) == 1:
        forms = _ONE_AS_LINK if shown else _ONE_MISSING
    else:
        forms = _THESE_AS_LINKS if shown else _THESE_MISSING
    return plural(*forms, total, which=formatting.enumeration(map(str, numbers))), True


def _how_long(links: tuple[VideoLink, ...], mentions: CommandMentions) -> str:
    """Until when the links to videos work, and how they are renewed."""
    played = [link for link in links if link.reason not in NOT_PLAYED and bare_link(link.url)]
    if not played:
        return ""
    ends = [link.expires_at for link in played if link.expires_at is not None]
    renews = any(link.reason is LinkReason.TOO_LARGE for link in links)
    if renews and not ends:
        return plural("{status} renews it", "{status} renews them", len(played), **mentions)
    end = formatting.moment(min(ends)) if ends else ""
    if renews:
        return plural(
            "Link works until {end}; {status} renews it",
            "Links work until {end}; {status} renews them",
            len(played),
            end=end,
            **mentions,
        )
    return plural("Link works until {end}", "Links work until {end}", len(played), end=end) if ends else ""
