"""Why a video is posted as a link, and why Discord refused a message, in sentences."""

from __future__ import annotations

from model.messages import Cause, LinkReason, VideoLink
from ui import formatting
from ui.discord_limits import FILES
from ui.escape import code, escaped

NOT_PLAYED = frozenset({LinkReason.EXPIRED, LinkReason.HOST_NOT_ALLOWED})
"""Reasons for which the link does not show the video."""

_MAY_NOT_ATTACH = "Someone with *Manage Server* can allow *Attach Files* here."
_NOT_TAKEN = {
    LinkReason.UPLOADS_LIMITED: "Discord is limiting uploads on this server right now.",
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
            return "Discord's explicit-content filter blocked it."
        case Cause.WORDS:
            return "AutoMod blocked its text."
        case Cause.LINKS:
            return "Discord's harmful-link filter blocked it."
        case _:
            return "Discord rejected it for no known reason."


def why_several(reason: LinkReason, links: tuple[VideoLink, ...], *, named: bool) -> str:
    """One sentence about those of several videos that have this reason; empty if none has.

    It leaves out their numbers if those are `named` already and every video has this reason.
    """
    concerned = [link for link in links if link.reason is reason]
    if not concerned:
        return ""
    alone = named and len(concerned) == len(links)
    if len(concerned) == 1:
        return why_one(concerned[0], "It" if alone else f"Number {concerned[0].index}")
    numbers = formatting.enumeration(str(link.index) for link in concerned)
    return _why_these(reason, concerned, "They" if alone else f"Numbers {numbers}")


def _why_these(reason: LinkReason, concerned: list[VideoLink], name: str) -> str:
    them = _inside(name)
    their = "Their links" if them == "them" else f"The links of {them}"
    hosts = formatting.enumeration(dict.fromkeys(map(_host, concerned)))
    sentences = {
        LinkReason.TOO_LARGE: f"{name} are too large{_limit(concerned[0])}.",
        LinkReason.MAY_NOT_ATTACH: _MAY_NOT_ATTACH,
        LinkReason.EXPIRED: f"{their} have expired; the PixVerse account's owner can still download them there.",
        LinkReason.NOT_THERE: f"{their} don't work yet.",
        LinkReason.HOST_NOT_ALLOWED: f"{name} are on {hosts}, which this bot's operator hasn't allowed.",
        LinkReason.NOT_A_VIDEO: f"{name} aren't videos.",
        LinkReason.FETCH_FAILED: f"Downloading {them} failed.",
        LinkReason.TOO_MANY: f"One message takes {FILES} files.",
        **_NOT_TAKEN,
    }
    return sentences[reason]


def why_one(link: VideoLink, name: str) -> str:
    """The sentence about one video; `name` is its subject ("It", "Number 3")."""
    it = _inside(name)
    its = "Its link" if it == "it" else f"The link of {it}"
    it_is = "It's" if it == "it" else f"{name} is"
    size = formatting.size(link.size) if link.size is not None else "too large"
    kind = f" ({escaped(link.content_type, 40)})" if link.content_type else ""
    times = f" {formatting.times(link.tries)}" if link.tries else ""
    sentences = {
        LinkReason.TOO_LARGE: f"{it_is} {size}{_limit(link)}.",
        LinkReason.MAY_NOT_ATTACH: _MAY_NOT_ATTACH,
        LinkReason.EXPIRED: f"{its} has expired; the PixVerse account's owner can still download it there.",
        LinkReason.NOT_THERE: f"{its} doesn't work yet.",
        LinkReason.HOST_NOT_ALLOWED: f"{name} is on {_host(link)}, which this bot's operator hasn't allowed.",
        LinkReason.NOT_A_VIDEO: f"{name} isn't a video{kind}.",
        LinkReason.FETCH_FAILED: f"Downloading {it} failed{times}.",
        LinkReason.TOO_MANY: f"One message takes {FILES} files.",
        **_NOT_TAKEN,
    }
    return sentences[link.reason]


def _inside(name: str) -> str:
    """`name` as an object within a sentence."""
    return {"It": "it", "They": "them"}.get(name) or name[:1].lower() + name[1:]


def _limit(link: VideoLink) -> str:
    if link.limit is None:
        return ""
    limit = formatting.size(link.limit)
    if link.size is not None and formatting.size(link.size) == limit:
        return ", just over this server's limit"
    return f"; this server's limit is {limit}"


def _host(link: VideoLink) -> str:
    return code(link.host or "", 60) or "a host"
