"""Sentences that say why a video or an image is posted as a link."""

from __future__ import annotations

from model.messages import Cause, LinkReason, VideoLink
from ui import formatting
from ui.cannot_post import because
from ui.discord_limits import FILES
from ui.escape import code, escaped
from ui.language import N_, _, number, plural

NOT_PLAYED = frozenset({LinkReason.EXPIRED, LinkReason.HOST_NOT_ALLOWED})
"""Reasons for which the link does not show the video."""

_ONE = {
    # Translators: "it" is a video or an image here and below.
    LinkReason.TOO_LARGE: N_("It's too large."),
    LinkReason.EXPIRED: N_("Its link has expired; the PixVerse account's owner can still download it there."),
    LinkReason.NOT_THERE: N_("Its link doesn't work yet."),
    LinkReason.NOT_A_VIDEO: N_("It isn't a video."),
    LinkReason.FETCH_FAILED: N_("Downloading it failed."),
}
_SEVERAL = {
    LinkReason.TOO_LARGE: N_("They're too large."),
    LinkReason.EXPIRED: N_("Their links have expired; the PixVerse account's owner can still download them there."),
    LinkReason.NOT_THERE: N_("Their links don't work yet."),
    LinkReason.NOT_A_VIDEO: N_("They aren't videos."),
    LinkReason.FETCH_FAILED: N_("Downloading them failed."),
}


def why_several(reason: LinkReason, links: tuple[VideoLink, ...], *, named: bool) -> str:
    """One sentence about all videos with this reason; empty if there are none.

    It omits their numbers if these are already `named` and every video has this reason.
    """
    concerned = [link for link in links if link.reason is reason]
    if not concerned:
        return ""
    why = why_one(concerned[0]) if len(concerned) == 1 else _why_these(reason, concerned)
    if (named and len(concerned) == len(links)) or _about_all(reason):
        return why
    numbers = formatting.enumeration(str(link.index) for link in concerned)
    return plural("Number {numbers}: {why}", "Numbers {numbers}: {why}", len(concerned), numbers=numbers, why=why)


def why_one(link: VideoLink) -> str:
    """The sentence about one video."""
    match link.reason:
        case LinkReason.TOO_LARGE:
            return _too_large(link)
        case LinkReason.HOST_NOT_ALLOWED:
            return _("It's on {host}, which this bot's operator hasn't allowed.", host=_host(link))
        case LinkReason.NOT_A_VIDEO if link.content_type:
            return _("It isn't a video ({type}).", type=escaped(link.content_type, 40))
        case LinkReason.FETCH_FAILED if link.tries:
            return plural("Downloading it failed once.", "Downloading it failed {n} times.", link.tries)
        case _:
            return _about_all(link.reason) or _(_ONE[link.reason])


def _why_these(reason: LinkReason, concerned: list[VideoLink]) -> str:
    limit = concerned[0].limit
    if reason is LinkReason.TOO_LARGE and limit is not None:
        return _("They're too large; this server's limit is {limit}.", limit=formatting.size(limit))
    if reason is LinkReason.HOST_NOT_ALLOWED:
        hosts = formatting.enumeration(dict.fromkeys(map(_host, concerned)))
        return _("They're on {hosts}, which this bot's operator hasn't allowed.", hosts=hosts)
    return _about_all(reason) or _(_SEVERAL[reason])


def _about_all(reason: LinkReason) -> str:
    """A sentence that applies to all videos; empty if the reason is specific to one video."""
    match reason:
        case LinkReason.MAY_NOT_ATTACH:
            return _("Someone with *Manage Server* can allow *Attach Files* here.")
        case LinkReason.UPLOADS_LIMITED:
            return because(Cause.UPLOADS_LIMITED)
        case LinkReason.FILE_REFUSED:
            return because(Cause.FILE)
        case LinkReason.TOO_MANY:
            return _("One message takes {number} files.", number=number(FILES))
        case _:
            return ""


def _too_large(link: VideoLink) -> str:
    limit = formatting.size(link.limit) if link.limit is not None else ""
    size = formatting.size(link.size) if link.size is not None else ""
    if size and size == limit:
        return _("It's {size}, just over this server's limit.", size=size)
    if size and limit:
        return _("It's {size}; this server's limit is {limit}.", size=size, limit=limit)
    if limit:
        return _("It's too large; this server's limit is {limit}.", limit=limit)
    return _("It's {size}.", size=size) if size else _(_ONE[LinkReason.TOO_LARGE])


def _host(link: VideoLink) -> str:
    return code(link.host or "", 60) or _("a host")
