"""One class for each way in which the PixVerse API can refuse a request or fail to respond."""

from __future__ import annotations


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
    """596: the account's session at PixVerse is broken; its owner has to fix it at useapi.net."""


class Unavailable(PixVerseError):
    """5xx, a time-out, a broken connection, or a response that makes no sense: worth trying again later."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class NotFoundUnproven(Unavailable):
    """404 without a `code`, in the words of any web server. It proves nothing, since a proxy may have sent it."""


class NoList(Unavailable):
    """404 or 410 for a list: this generation of the API is switched off, or the account is not set up for it."""
