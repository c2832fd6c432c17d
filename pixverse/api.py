"""The PixVerse API as the relay uses it, for both of its generations."""

from __future__ import annotations

from collections.abc import Collection

from pixverse.api_client import ApiClient, LazyJob
from pixverse.api_errors import PixVerseError, SubscriptionUnpaid, TokenRefused
from pixverse.jobids import is_v2
from pixverse.jobs_v1 import JobsV1
from pixverse.recent_lists import LookupTerms
from pixverse.videos_v2 import VideosV2

_V1 = "v1"
_V2 = "v2"

KINDS = (_V1, _V2)
"""The two lists of active jobs that the API keeps for each token."""

_LIST_SECONDS = 5.0


class PixVerseApi:
    """Requests jobs and lists of jobs. No request changes anything; each may raise any class of `api_errors.py`."""

    def __init__(self, client: ApiClient) -> None:
        self.retry_at = client.retry_times.until
        """Returns until when the API wants no request with a token (monotonic seconds); None if one may be made now."""
        self._v1 = JobsV1(client)
        self._v2 = VideosV2(client)

    async def lazy_job(self, token: str, jobid: str, known: int | None, terms: LookupTerms | None = None) -> LazyJob:
        """Requests the job from the generation that its id belongs to.

        A response of v1 is parsed at once unless it has the fingerprint `known` of an earlier one; a response of v2
        always is. With `terms`, the caller has paid for the first request, and each further one is paid for before it
        is made.
        """
        if is_v2(jobid):
            return LazyJob.of(await self._v2.job(token, jobid, terms=terms))
        return await self._v1.lazy_job(token, jobid, known)

    def kind_of(self, jobid: str) -> str:
        """The kind of list that contains this job while it is active."""
        return _V2 if is_v2(jobid) else _V1

    async def list_active_jobs(self, token: str, kind: str) -> Collection[str]:
        """Returns the ids of the active jobs of the token's user that are in the list of this `kind` (see `kind_of`).

        The list saves other requests, so its timeout is shorter than theirs.
        """
        if kind == _V1:
            return await self._v1.active_jobs(token, timeout=_LIST_SECONDS)
        return (await self._v2.active_jobs(token, timeout=_LIST_SECONDS)).keys()

    async def all_active_jobs(self, token: str) -> tuple[str, ...]:
        """Returns the ids of the account's active jobs. This is also the cheapest request that tries a token.

        v2 is asked if v1, which may be switched off, neither lists jobs nor refuses the token nor asks to wait. If
        neither of them lists jobs, the error of v1 is raised.
        """
        try:
            return await self._v1.active_jobs(token)
        except (TokenRefused, SubscriptionUnpaid):
            raise
        except PixVerseError as no_list:
            if self.retry_at(token) is not None:
                raise
            try:
                return tuple(await self._v2.active_jobs(token))
            except (TokenRefused, SubscriptionUnpaid):
                raise
            except PixVerseError:
                raise no_list from None
