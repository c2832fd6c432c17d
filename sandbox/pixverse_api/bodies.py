"""The API's refusals, verbatim if useapi.net documents them.

Documented: PixVerse v1, get-pixverse-jobid (400, 401, 402, 404, 410). The bodies of a refused POST are those of the
vendor's Midjourney API (409, 422, 429, 596), since the PixVerse pages could not be read to their ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and what is sent with it as JSON."""

    status: int
    body: object


def refusal(status: int, error: str, /, **more: object) -> Answer:
    """The body that every refusal has: `error`, `code`, and `more` between them."""
    return Answer(status, {"error": error, **more, "code": status})


NO_JOBID = refusal(400, "Query param jobid not provided")
UNAUTHORIZED = refusal(401, "Unauthorized")
UNPAID = refusal(402, "Account has no subscription or subscription expired")
EXPIRED = refusal(410, "Job has expired")
NO_CONFIGURATION = refusal(404, "PixVerse account is not configured")

_DOCUMENTED = {
    400: NO_JOBID,
    401: UNAUTHORIZED,
    402: UNPAID,
    410: EXPIRED,
    596: refusal(596, "Discord account has a pending moderation message"),
}


def usual(status: int) -> Answer:
    """The body that comes with `status` unless another one is asked for."""
    if status in _DOCUMENTED:
        return _DOCUMENTED[status]
    phrases = {known.value: known.phrase for known in HTTPStatus}
    return refusal(status, phrases.get(status, "Unknown"))


def unknown_job(jobid: str) -> Answer:
    """404 for an id that this account has no job for."""
    return refusal(404, f"Unable to locate job {jobid}")


def too_many_jobs(limit: int, executing: Sequence[str]) -> Answer:
    """429 of a POST beyond `maxJobs` (shape and wording: vendor's Midjourney client)."""
    text = f"Maximum of {limit} jobs executing in parallel supported"
    return refusal(429, text, executingJobs=list(executing))


def button_used(button: str, jobid: str) -> Answer:
    """409 of an upscale button that was pressed before; `jobid` is the earlier job (vendor's Midjourney client)."""
    return refusal(409, f"Button {button} already executed by job {jobid}", button=button, jobid=jobid)
