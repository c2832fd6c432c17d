"""Why a video is posted as a link, and why Discord refused a message, in sentences."""

from __future__ import annotations

from collections.abc import Mapping

from model.messages import Cause, LinkReason, VideoLink
from ui import formatting
from ui.discord_limits import FILES
from ui.escape import code, escaped
from ui.language import N_, _, number, plural

NOT_PLAYED = frozenset({LinkReason.EXPIRED, LinkReason.HOST_NOT_ALLOWED})
"""Reasons for which the link does not show the video."""

_ABOUT_ALL = {
    LinkReason.MAY_NOT_ATTACH: N_("Someone with *Manage Server* can allow *Attach Files* here."),
    LinkReason.UPLOADS_LIMITED: N_("Discord is limiting uploads on this server right now."),
    LinkReason.FILE_REFUSED: N_("Discord didn't accept the file."),
    LinkReason.TOO_MANY: N_("One message takes {number} files."),
}
"""Sentences that name no video."""
_ONE = {
    **_ABOUT_ALL,
    # Translators: "it" is a video or an image here and below.
    LinkReason.TOO_LARGE: N_("It's too large."),
    LinkReason.EXPIRED: N_("Its link has expired; the PixVerse account's owner can still download it there."),
    LinkReason.NOT_THERE: N_("Its link doesn't work yet."),
    LinkReason.NOT_A_VIDEO: N_("It isn't a video."),
    LinkReason.FETCH_FAILED: N_("Downloading it failed."),
}
_SEVERAL = {
    **_ABOUT_ALL,
    LinkReason.TOO_LARGE: N_("They're too large."),
    LinkReason.EXPIRED: N_("Their links have expired; the PixVerse account's owner can still download them there."),
    LinkReason.NOT_THERE: N_("Their links don't work yet."),
    LinkReason.NOT_A_VIDEO: N_("They aren't videos."),
    LinkReason.FETCH_FAILED: N_("Downloading them failed."),
}


def because(cause: Cause | None) -> str:
    """Why Discord refused a message, in a sentence."""
    match cause:
        case Cause.UPLOADS_LIMITED:
            return _(_ABOUT_ALL[LinkReason.UPLOADS_LIMITED])
        case Cause.FILE:
            return _(_ABOUT_ALL[LinkReason.FILE_REFUSED])
        case Cause.EXPLICIT:
            return _("Discord's explicit-content filter blocked it.")
        case Cause.WORDS:
            return _("AutoMod blocked its text.")
        case Cause.LINKS:
            return _("Discord's harmful-link filter blocked it.")
        case _:
            return _("Discord rejected it for no known reason.")


def why_several(reason: LinkReason, links: tuple[VideoLink, ...], *, named: bool) -> str:
    """One sentence about those of several videos that have this reason; empty if none has.

    It leaves out their numbers if those are `named` already and every video has this reason.
    """
    concerned = [link for link in links if link.reason is reason]
    if not concerned:
        return ""
    why = why_one(concerned[0]) if len(concerned) == 1 else _why_these(reason, concerned)
    if (named and len(concerned) == len(links)) or reason in _ABOUT_ALL:
        return why
    numbers = formatting.enumeration(str(link.index) for link in concerned)
    return plural("Number {numbers}: {why}", "Numbers {numbers}: {why}", len(concerned), numbers=numbers, why=why)


def why_one(link: VideoLink) -> str:
    """The sentence about one video."""
    match link.reason:
        case LinkReason.TOO_LARGE:
            return _too_large(link)
        case LinkReason.HOST_NOT_ALLOWED:
            host = _host(link) or _("a host")
            return _("It's on {host}, which this bot's operator hasn't allowed.", host=host)
        case LinkReason.NOT_A_VIDEO if link.content_type:
            return _("It isn't a video ({type}).", type=escaped(link.content_type, 40))
        case LinkReason.FETCH_FAILED if link.tries:
            return plural("Downloading it failed once.", "Downloading it failed {n} times.", link.tries)
        case _:
            return _constant(_ONE, link.reason)


def _why_these(reason: LinkReason, concerned: list[VideoLink]) -> str:
    limit = concerned[0].limit
    if reason is LinkReason.TOO_LARGE and limit is not None:
        return _("They're too large; this server's limit is {limit}.", limit=formatting.size(limit))
    if reason is LinkReason.HOST_NOT_ALLOWED:
        hosts = formatting.enumeration(dict.fromkeys(_host(link) or _("a host") for link in concerned))
        return _("They're on {hosts}, which this bot's operator hasn't allowed.", hosts=hosts)
    return _constant(_SEVERAL, reason)


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


def _constant(sentences: Mapping[LinkReason, str], reason: LinkReason) -> str:
    return _(sentences[reason], number=number(FILES))


def _host(link: VideoLink) -> str:
    return code(link.host or "", 60)
