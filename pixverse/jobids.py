"""Tells PixVerse job ids from ids of other services and from secrets."""

from __future__ import annotations

import re
from functools import lru_cache

from pixverse.patterns import ANY_ID, BOT_ID, EMAIL, PIXVERSE_V2_ID, PIXVERSE_V2_START, USER_ID
from pixverse.token_text import looks_like_secret, unwrapped

_SHORT_NUMBER = re.compile(r"#([0-9]{1,18})")

_OTHER_KINDS = frozenset({"music", "audio", "speech"})

_SERVICE_NAMES = {
    "faceswap": "FaceSwap",
    "insightfaceswap": "FaceSwap",
    "kling": "Kling",
    "midjourney": "Midjourney",
    "minimax": "MiniMax",
    "mureka": "Mureka",
    "muse": "Muse",
    "pika": "Pika",
    "runway": "Runway",
    "runwayml": "Runway",
}


class NotAJobId(ValueError):
    """The text cannot be a job id of any kind."""


class LooksLikeSecret(ValueError):
    """The text holds a token. It must not be sent, kept, logged or shown."""


class SeveralIds(ValueError):
    """The text holds more than one job id, but only one is expected."""


class OtherService(ValueError):
    """The id is one of another useapi.net service, not one of PixVerse."""

    def __init__(self, service_name: str) -> None:
        super().__init__(f"a job of {service_name}")
        self.service_name = service_name
        """How to call the service in a sentence."""


class OtherKind(OtherService):
    """The id is one of PixVerse v2, but of neither a video nor an image."""


def parse_jobid(text: str) -> str:
    """The PixVerse job id in what somebody typed; surrounding blanks, quotes and brackets are ignored.

    useapi.net promises no form for v1's ids, so any text of 4 to 300 plain characters is accepted unless it is clearly
    something else. A text that begins like a v2 id is accepted only in the strict form, because it goes unencoded into
    a path. Raises LooksLikeSecret (checked first), OtherService, or NotAJobId; no message contains the text.
    """
    if looks_like_secret(text):
        raise LooksLikeSecret("that looks like a token")
    jobid = unwrapped(text)
    service = _other_service(jobid)
    if service is not None:
        raise OtherService(service)
    if PIXVERSE_V2_START.match(jobid) and not is_v2(jobid):
        account = USER_ID.fullmatch(jobid)
        if account is not None and account.group("kind") in _OTHER_KINDS:
            raise OtherKind(f"PixVerse {account.group('kind')}")
        raise NotAJobId("that begins like an id of PixVerse v2, but is none of a video or an image")
    if not ANY_ID.fullmatch(jobid):
        raise NotAJobId("a job id is one word of 4 to 300 plain characters")
    return jobid


def is_jobid(text: str) -> bool:
    """Whether this is a PixVerse job id as it stands, with nothing around it."""
    try:
        return parse_jobid(text) == text
    except ValueError:
        return False


def is_v2(jobid: str) -> bool:
    """Whether the id belongs to v2 of the API; every other id belongs to v1."""
    return PIXVERSE_V2_ID.fullmatch(jobid) is not None


@lru_cache(maxsize=256)  # cards and lists show the same few texts again and again
def mask_email(text: str) -> str:
    """`text`, such as a job id or a reason, with every e-mail address hidden except for its first letter, because
    people other than the asker may see it."""
    return EMAIL.sub(r"\g<first>…@…", text)


def short_number(text: str) -> int | None:
    """The number in `#123`, the bot's own name for a job; None if `text` is something else."""
    match = _SHORT_NUMBER.fullmatch(text.strip())
    return int(match.group(1)) if match else None


def _other_service(jobid: str) -> str | None:
    if PIXVERSE_V2_START.match(jobid):
        return None
    bot = BOT_ID.fullmatch(jobid)
    if bot:
        name = bot.group("service").lower()
        return None if name.startswith("pixverse") else _name_of(name)
    account = USER_ID.fullmatch(jobid)
    if account is None:
        return None
    if account.group("service") is None:
        return "Google Vids" if account.group("kind") == "job" else "web account"
    return _name_of(account.group("service").lower())


def _name_of(service: str) -> str:
    return _SERVICE_NAMES.get(service, service.capitalize())
