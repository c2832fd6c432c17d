"""Why a video is not attached, in sentences."""

from __future__ import annotations

from relay.messages import VideoLink
from relay.outcomes import Cause, LinkReason
from ui import wording
from ui.escape import code, escaped
from ui.limits import FILES

NOT_PLAYED = frozenset({LinkReason.EXPIRED, LinkReason.HOST_NOT_ALLOWED})
"""Reasons for which nobody sees the video behind the link: it leads nowhere, or where nobody allowed it."""

_MAY_NOT_ATTACH = "I may not attach files in this channel; someone with *Manage Server* can allow *Attach Files*."
_NOT_TAKEN = {
    LinkReason.UPLOADS_LIMITED: "Discord is limiting file uploads on this server right now.",
    LinkReason.FILE_REFUSED: "Discord didn't accept the file.",
}


def because(cause: Cause | None) -> str:
    """Why Discord refused a message, in a sentence."""
    match cause:
        case Cause.UPLOADS_LIMITED:
            return _NOT_TAKEN[LinkReason.UPLOADS_LIMITED]
        case Cause.FILE:
            return _NOT_TAKEN[LinkReason.FILE_REFUSED]
        case Cause.EXPLICIT:
            return "Discord's filter for explicit content blocked it."
        case Cause.WORDS:
            return "AutoMod blocked its text."
        case Cause.LINKS:
            return "Discord's filter for harmful links blocked it."
        case _:
            return "Discord rejected it without a reason I know."


def why_several(reason: LinkReason, links: tuple[VideoLink, ...]) -> str:
    """One sentence for those of several videos that have this reason; empty where none has."""
    concerned = [link for link in links if link.reason is reason]
    if not concerned:
        return ""
    if len(concerned) == 1:
        return why_one(concerned[0], f"Number {concerned[0].index}")
    return _sentence_for_several(reason, concerned)


def _sentence_for_several(reason: LinkReason, concerned: list[VideoLink]) -> str:
    numbers = wording.enumeration(str(link.index) for link in concerned)
    hosts = wording.enumeration(dict.fromkeys(map(_host, concerned)))
    sentences = {
        LinkReason.TOO_LARGE: f"Numbers {numbers} are too large{_limit(concerned[0])}.",
        LinkReason.MAY_NOT_ATTACH: _MAY_NOT_ATTACH,
        LinkReason.EXPIRED: (
            f"Numbers {numbers} were made, but their links have expired. You can still download them from PixVerse."
        ),
        LinkReason.NOT_THERE: f"PixVerse's links for numbers {numbers} don't work yet, so they couldn't be fetched.",
        LinkReason.HOST_NOT_ALLOWED: (f"Numbers {numbers} are on {hosts}, which this bot's operator hasn't allowed."),
        LinkReason.NOT_A_VIDEO: f"Numbers {numbers} aren't videos.",
        LinkReason.FETCH_FAILED: f"Downloading numbers {numbers} failed.",
        LinkReason.TOO_MANY: f"One message takes {FILES} files, so numbers {numbers} are links.",
        **_NOT_TAKEN,
    }
    return sentences[reason]


def why_one(link: VideoLink, name: str) -> str:
    """The sentence for one video, which is called `name` ("It", "Number 3")."""
    inside = name[:1].lower() + name[1:]
    size = f"has {wording.size(link.size)}" if link.size is not None else "is too large"
    kind = f" ({escaped(link.content_type, 40)})" if link.content_type else ""
    times = f" {wording.times(link.tries)}" if link.tries else ""
    sentences = {
        LinkReason.TOO_LARGE: f"{name} {size}{_limit(link)}.",
        LinkReason.MAY_NOT_ATTACH: _MAY_NOT_ATTACH,
        LinkReason.EXPIRED: f"{name} was made, but its link has expired. You can still download it from PixVerse.",
        LinkReason.NOT_THERE: f"{name} couldn't be fetched: PixVerse's link doesn't work yet.",
        LinkReason.HOST_NOT_ALLOWED: f"{name} is on {_host(link)}, which this bot's operator hasn't allowed.",
        LinkReason.NOT_A_VIDEO: f"{name} isn't a video{kind}.",
        LinkReason.FETCH_FAILED: f"Downloading {inside} failed{times}.",
        LinkReason.TOO_MANY: f"One message takes {FILES} files, so {inside} is a link.",
        **_NOT_TAKEN,
    }
    return sentences[link.reason]


def _limit(link: VideoLink) -> str:
    if link.limit is None:
        return ""
    limit = wording.size(link.limit)
    if link.size is not None and wording.size(link.size) == limit:
        return "; this server takes smaller files only"
    return f"; this server takes files up to {limit}"


def _host(link: VideoLink) -> str:
    return code(link.host or "", 60) or "a host"
