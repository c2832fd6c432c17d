"""Every error of the PixVerse API, and how one is recognised from a response's status, headers and body."""

from __future__ import annotations

import math
import re

from pixverse import fields, plain_text
from pixverse.token_text import redact


class PixVerseError(Exception):
    """The API gave no usable response. `str()` returns one line without any token, fit for a log."""


class BadRequest(PixVerseError):
    """400 and the like: the request itself is wrong, and repeating it is useless."""


class TokenRefused(PixVerseError):
    """401: the token is not (or no longer) valid."""


class SubscriptionUnpaid(PixVerseError):
    """402: the account has no subscription or it has expired."""


class JobNotFound(PixVerseError):
    """404: this account knows no such job."""


class JobExpired(PixVerseError):
    """410: the job's record has been dropped (after 31 days)."""


class RateLimited(PixVerseError):
    """429: too many requests."""

    def __init__(self, message: str, retry_after: float | None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait, bounded and not negative; None if the server named none."""


class AccountBroken(PixVerseError):
    """596: the session of one account at PixVerse is broken; its owner has to fix it at useapi.net. Other accounts of
    the same token still work."""


class Unavailable(PixVerseError):
    """5xx, a time-out, a broken connection, or a response that makes no sense: worth trying again later."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotFoundUnproven(Unavailable):
    """404 without a `code`, in the words of a generic web server. It proves nothing, because a proxy may have sent
    it."""


class NoList(Unavailable):
    """404 or 410 for a list: this generation of the API is switched off, or the account is not set up for it."""


_LONGEST_LINE = 200
_LONGEST_RAW = 4000
_LONGEST_WAIT = 3600.0

_PLAIN: dict[int, type[BadRequest | TokenRefused | SubscriptionUnpaid | JobNotFound | JobExpired]] = {
    401: TokenRefused,
    402: SubscriptionUnpaid,
    404: JobNotFound,
    410: JobExpired,
}
_WRONG_QUESTION = frozenset({400, 412, 413, 422})
"""Statuses of useapi.net for parameters that it does not accept (PixVerse, Midjourney v1 and v2)."""
_FRAMEWORK_404 = re.compile(r"(?:404:? )?(?:(?:page|route|path|resource|endpoint) )?not found[.!]?", re.IGNORECASE)
"""Sent, for example, when a generation of the API is switched off."""


def error_of(status: int, answer: object, retry_after: float | None) -> PixVerseError | None:
    """Returns the error in a response with this HTTP status and JSON body (None without JSON); None for a good
    response.

    A proxy or a captive portal must not put an account on hold or make a job disappear. So a 4xx counts only if it is
    plainly the API's own: an object with an `error` text whose `code`, if present, is the status (useapi.net PixVerse
    v1, get-pixverse-jobid, documents `{error, code}` for each). Newer pages of useapi.net show 404 and 410 without a
    `code`; then the status decides, but a 404 in the standard words of a web server is NotFoundUnproven. Any other 4xx,
    such as an HTML 404, is Unavailable. So are redirects and undocumented statuses such as 403: they say nothing about
    the job or its id. 429 and 596 need no proof. A 200 with an `error` and another `code` is judged by that code,
    unless it is a job's record, in which an error is the job's own.
    """
    record = fields.mapping(answer)
    error = fields.text(record.get("error"))
    code = _code(record.get("code"))
    if 200 <= status < 300:
        if answer is None:
            return Unavailable(f"{status} with a body that is not JSON")
        if error is None or code is None or code == 200 or _is_job_record(record):
            return None
        return _by_status(code, f"{status} with code {code}: {safe_line(error)}", retry_after)
    message = f"{status}: {safe_line(error)}" if error else f"{status} without an error text"
    if 400 <= status < 500 and status != 429 and not _is_own(status, error, code):
        unproven = NotFoundUnproven if status == 404 and error is not None and code is None else Unavailable
        return unproven(message, retry_after)
    return _by_status(status, message, retry_after)


def retry_after_of(header: str | None, answer: object, now: float) -> float | None:
    """Seconds to wait, 0 to 3600: from a Retry-After header (seconds or HTTP date), else from the body's `retryAfter`.

    `now` is the API's time in seconds since 1970 UTC. The ISO time in `retryAfter` is written in useapi.net's Google
    Flow pages.
    """
    seconds = _seconds_in(header, now) if header else None
    if seconds is None:
        until = fields.milliseconds(fields.mapping(answer).get("retryAfter"))
        seconds = until / 1000 - now if until is not None else None
    if seconds is None or math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT)


def safe_line(text: str) -> str:
    """Returns somebody else's `text` on one bounded line, without control characters, tokens and e-mail addresses."""
    if len(text) > _LONGEST_RAW:
        text = text[:_LONGEST_RAW].rpartition(" ")[0]
    # Cleaned before it is redacted: an invisible character may split a token.
    return fields.one_line(redact(plain_text.one_line(text)), _LONGEST_LINE)


def _by_status(status: int, message: str, retry_after: float | None) -> PixVerseError:
    if status == 429:
        return RateLimited(message, retry_after)
    if status == 596:
        return AccountBroken(message)
    if status in _PLAIN:
        return _PLAIN[status](message)
    if status in _WRONG_QUESTION:
        return BadRequest(message)
    return Unavailable(message, retry_after)


def _is_own(status: int, error: str | None, code: int | None) -> bool:
    if error is None:
        return False
    return code == status or (code is None and not (status == 404 and _FRAMEWORK_404.fullmatch(error.strip())))


def _is_job_record(record: dict[str, object]) -> bool:
    """Whether it is a record of v1 or v2 (useapi.net PixVerse, get-pixverse-jobid, get-pixverse-videos-video_id)."""
    if isinstance(record.get("jobid"), str):
        return isinstance(record.get("status"), str)
    return any(isinstance(record.get(name), str) for name in ("video_id", "image_id"))


def _code(value: object) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) <= 4:
        return int(value)
    return fields.whole_number(value)


def _seconds_in(header: str, now: float) -> float | None:
    try:
        return float(header)
    except ValueError:
        pass
    until = fields.http_date(header)
    return None if until is None else until - now
