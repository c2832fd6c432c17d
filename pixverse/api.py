"""The PixVerse API as the relay uses it, whichever generation answers."""

from __future__ import annotations

from collections.abc import Collection

from model.job import Job
from pixverse.api_client import ApiClient
from pixverse.errors import BadRequest, PixVerseError, SubscriptionUnpaid, TokenRefused
from pixverse.jobids import is_v2
from pixverse.jobs_v1 import JobsV1
from pixverse.recent_lists import LookupTerms
from pixverse.told import Told
from pixverse.videos_v2 import VideosV2

_V1 = "v1"
_V2 = "v2"

KINDS = (_V1, _V2)
"""The lists of jobs in work that the API keeps for each token."""

_LIST_SECONDS = 5.0


class PixVerseApi:
    """Asks about jobs. Each question changes nothing, and raises any class of `errors.py`."""

    def __init__(self, client: ApiClient) -> None:
        self._v1 = JobsV1(client)
        self._v2 = VideosV2(client)

    async def job(self, token: str, jobid: str, *, timeout: float | None = None) -> Job:
        """The job as it stands now; its id decides the generation. `timeout` in seconds, None for the client's own."""
        generation = self._v2 if is_v2(jobid) else self._v1
        return await generation.job(token, jobid, timeout=timeout)

    async def told(self, token: str, jobid: str, known: int | None, terms: LookupTerms | None = None) -> Told:
        """The same for somebody who has read an answer before, with the fingerprint `known`, and wants no more than
        news. Whatever is no answer about the job is raised at once. With `terms`, the first request has been spent and
        each further one is spent before it is made."""
        if is_v2(jobid):
            return Told.of(await self._v2.job(token, jobid, terms=terms))
        return await self._v1.told(token, jobid, known=known)

    def kind_of(self, jobid: str) -> str:
        """The list of jobs in work in which this job would stand."""
        return _V2 if is_v2(jobid) else _V1

    async def list_active_jobs(self, token: str, kind: str) -> Collection[str]:
        """The list of a kind (of `kind_of`): the ids of the jobs in work of the token's user.

        It spares other questions, and is not waited for as long as they are.
        """
        match kind:
            case "v1":
                return await self._v1.in_work(token, timeout=_LIST_SECONDS)
            case "v2":
                return (await self._v2.in_work(token, timeout=_LIST_SECONDS)).keys()
        raise BadRequest(f"there is no list {kind}")

    async def jobs_in_work(self, token: str, *, timeout: float | None = None) -> tuple[str, ...]:
        """The ids of the account's jobs that have not ended: also the cheapest trial of a token.

        v1 may be switched off, so that v2 is asked where v1 neither lists nor refuses; a list of either is enough.
        """
        try:
            return await self._v1.in_work(token, timeout=timeout)
        except (TokenRefused, SubscriptionUnpaid):
            raise
        except PixVerseError as no_list:
            return await self._in_work_by_v2(token, no_list, timeout)

    async def _in_work_by_v2(self, token: str, no_list: PixVerseError, timeout: float | None) -> tuple[str, ...]:
        try:
            return tuple(await self._v2.in_work(token, timeout=timeout))
        except (TokenRefused, SubscriptionUnpaid):
            raise
        except PixVerseError:
            raise no_list from None
