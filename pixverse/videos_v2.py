"""PixVerse v2 of useapi.net: requests one video or image or the list of active ones, and reads their records."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from model.job import Job, JobState, Media
from pixverse import fields
from pixverse.api_client import ApiClient
from pixverse.api_errors import (
    BadRequest,
    JobExpired,
    JobNotFound,
    NoList,
    NotFoundUnproven,
    RateLimited,
    Unavailable,
)
from pixverse.patterns import ANY_ID, PIXVERSE_V2_ID
from pixverse.recent_lists import LookupTerms, RecentLists

_ROOT = "/v2/pixverse"
_SCHEDULER = f"{_ROOT}/scheduler/"
_PAGE = 40
_MAX_PAGES = 5
"""Pages read of an account's list of videos, newest first; older records are found by their id."""
_ELAPSED = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,4}):([0-9]{2})")
_ELAPSED_STEP = 30

_BY_NUMBER = {
    -1: JobState.FAILED,
    0: JobState.PROGRESS,
    1: JobState.COMPLETED,
    2: JobState.PROGRESS,
    3: JobState.MODERATED,
    4: JobState.FAILED,
    5: JobState.CREATED,
    7: JobState.MODERATED,
    8: JobState.FAILED,
    9: JobState.PROGRESS,
    10: JobState.PROGRESS,
}
"""Meanings of the status number, if there is no status name; -1 to 4, except 1, are those of PixVerse's web API
(pixsim7)."""
_BY_NAME = {
    "COMPLETED": JobState.COMPLETED,
    "QUEUED": JobState.CREATED,
    "MODERATED": JobState.MODERATED,
    "FAILED": JobState.FAILED,
    "CANCELLED": JobState.CANCELLED,
    "CANCELED": JobState.CANCELLED,
    "GENERATING": JobState.PROGRESS,
    "PROCESSING": JobState.PROGRESS,
}
"""Meanings of the status name. v2 documents no cancelled jobs; both spellings are those of v1."""
_TYPES = {
    ".mp4": "video/mp4",
    ".webm": "video/webm",
    ".mov": "video/quicktime",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
_SOUND = ("sound_effect_switch", "generate_audio_switch", "audio")
"""Fields that say whether there is sound. useapi.net documents none; these are PixVerse's own."""


class VideosV2:
    """v2's requests about videos and images. Each may raise any class of `api_errors.py`."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._recent_lists = RecentLists(client, client.monotonic)

    async def job(self, token: str, jobid: str, *, terms: LookupTerms | None = None) -> Job:
        """Requests one video or image (useapi.net PixVerse v2, get-pixverse-videos-video_id,
        get-pixverse-images-image_id).

        404 is normal while a video is being made. Then the scheduler and after it the account's list decide;
        JobNotFound means that none of the three knows the job. With `terms`, lists are shared and every request but
        the first is paid for.
        """
        form = PIXVERSE_V2_ID.fullmatch(jobid)
        if form is None:
            raise BadRequest("the id does not have the form of PixVerse v2")
        kind = f"{form['kind']}s"
        try:
            # The id goes in unencoded: the API responds with 400 if `:` or `@` is encoded.
            record = await self._client.get_json(f"{_ROOT}/{kind}/{jobid}", token)
        except (JobNotFound, NotFoundUnproven):
            return await self._without_record(token, jobid, kind, form["email"], terms)
        return read_record(record, jobid)

    async def active_jobs(
        self, token: str, *, timeout: float | None = None, terms: LookupTerms | None = None
    ) -> Mapping[str, int | None]:
        """Requests the ids of at most 1000 active jobs of the token's user, each with the seconds since its start if
        they are known (useapi.net PixVerse v2, get-pixverse-scheduler). `timeout` is in seconds."""
        try:
            scheduler = await self._list(_SCHEDULER, token, terms=terms, timeout=timeout)
        except (JobNotFound, JobExpired, NotFoundUnproven) as refusal:
            raise NoList(f"no list of jobs in work: {refusal}") from refusal
        return read_scheduler(scheduler)

    async def _list(self, path: str, token: str, *, terms: LookupTerms | None, timeout: float | None = None) -> object:
        if terms is not None:
            return await self._recent_lists.get_json(path, token, terms)
        return await self._client.get_json(path, token, timeout=timeout)

    def _require_no_wait(self, token: str) -> None:
        """Raises RateLimited if a response to another request has asked to wait since the lookup began."""
        until = self._client.retry_times.until(token)
        if until is not None:
            raise RateLimited("the API asked to wait during the lookup", until - self._client.monotonic())

    async def _without_record(self, token: str, jobid: str, kind: str, email: str, terms: LookupTerms | None) -> Job:
        self._require_no_wait(token)
        for active, elapsed in (await self.active_jobs(token, terms=terms)).items():
            if active.lower() == jobid.lower():
                return running(jobid, elapsed)
        record = await self._listed(token, jobid, kind, email, terms)
        if record is None:
            raise JobNotFound("neither a record nor the scheduler nor the account's list knows it")
        return read_record(record, jobid)

    async def _listed(self, token: str, jobid: str, kind: str, email: str, terms: LookupTerms | None) -> object | None:
        """The job's record among the newest of its account (useapi.net PixVerse v2, get-pixverse-videos)."""
        offset = 0
        for _ in range(_MAX_PAGES):
            self._require_no_wait(token)
            query = f"email={quote(email, safe='@')}&limit={_PAGE}&offset={offset}"
            try:
                page = fields.mapping(await self._list(f"{_ROOT}/{kind}/?{query}", token, terms=terms))
            except BadRequest:
                return None  # No account of this token has this e-mail address.
            except (JobNotFound, JobExpired) as refusal:
                raise Unavailable(f"no list of {kind}: {refusal}") from refusal
            data = page.get("data")
            if not isinstance(data, list):
                raise Unavailable(f"the list of {kind} is no list")
            found = next((entry for entry in _entries(data) if _id(entry) and _is_about(entry, jobid)), None)
            following, total = fields.count(page.get("next_offset")), fields.count(page.get("total")) or 0
            if following is None and (fields.truth(page.get("has_more")) or total > offset + len(data)):
                following = offset + len(data)
            if found is not None or following is None or following <= offset:
                return found
            offset = following
        return None


def read_record(record: object, asked: str) -> Job:
    """The job in a record of v2 that came in response to a request for the id `asked`.

    The record names the state in a word and a number. `…_final` alone proves nothing: QUEUED is documented as final,
    and a job with an unknown status is polled further. COMPLETED is believed only with an address and a width, because
    records of running videos have an address too (useapi.net PixVerse v2, get-pixverse-videos). Raises Unavailable if
    the record is not an object, has no status, or is about another job.
    """
    if not isinstance(record, dict):
        raise Unavailable("the record is no object")
    if not _is_about(record, asked):
        raise Unavailable("the record is another job's")
    state, status = _state(record)
    lacks_file = state is JobState.PROGRESS and _state_of(*_status(record)) is JobState.COMPLETED
    return Job(
        jobid=asked,
        state=state,
        status=status,
        created=fields.milliseconds(record.get("created_at")) or _started(record),
        updated=fields.milliseconds(record.get("updated_at")),
        prompt=fields.text(record.get("prompt")),
        negative_prompt=fields.text(record.get("negative_prompt")),
        style=fields.text(record.get("style"), fields.SHORT),
        aspect_ratio=fields.text(record.get("aspect_ratio"), fields.SHORT),
        seed=fields.whole_number(record.get("seed")),
        # An address that is named before the end may be missing from later records.
        media=_media(record, asked) if state is JobState.COMPLETED or not state.ends else (),
        lacks_file=lacks_file and fields.truth(_of(record, "status_final")) is not False,
        error=fields.text(record.get("error")) or fields.text(record.get("errMsg")),
        error_details=_error_code(record.get("errCode")),
        model=fields.text(record.get("model"), fields.SHORT),
        quality=fields.text(record.get("quality"), fields.SHORT),
        duration=fields.count(record.get("video_duration")) or fields.count(record.get("duration")) or None,
        sound=next((sound for name in _SOUND if (sound := fields.truth(record.get(name))) is not None), None),
        queue_place=_queue_place(record) if state is JobState.CREATED else None,
    )


def has_final_status(record: dict[str, object]) -> bool:
    """Whether a record's status ends the job, even if the record lacks the file that would prove it."""
    number, name = _status(record)
    state = _state_of(number, name)
    return state is not None and state.ends


def read_scheduler(answer: object) -> dict[str, int | None]:
    """The ids in the scheduler's list, each with the seconds since its start. Raises Unavailable if it is not a list.

    The id was called `video_id` and `videoId` before it was `id` (useapi.net PixVerse v2, get-pixverse-scheduler).
    """
    if not isinstance(answer, list):
        raise Unavailable("the list of jobs in work is no list")
    found: dict[str, int | None] = {}
    for entry in _entries(answer):
        named = (entry.get(name) for name in ("id", "video_id", "videoId"))
        jobid = next((name for name in named if isinstance(name, str) and name), "")
        if ANY_ID.fullmatch(jobid):
            found[jobid] = _seconds(entry.get("elapsed"))
    return found


def running(jobid: str, elapsed: int | None) -> Job:
    """A job known only to have been active for `elapsed` seconds."""
    steps = (elapsed or 0) // _ELAPSED_STEP
    return Job(jobid=jobid, state=JobState.PROGRESS, status="in work", elapsed=steps * _ELAPSED_STEP or None)


def _entries(value: list[object]) -> list[dict[str, object]]:
    return [entry for entry in value[: fields.MAX_JOBS] if isinstance(entry, dict)]


def _id(record: dict[str, object]) -> str | None:
    value = fields.first(record, "video_id", "image_id")
    if isinstance(value, int):
        return str(value)
    return value.strip() if isinstance(value, str) else None


def _is_about(record: dict[str, object], jobid: str) -> bool:
    """Whether the record is this job's, or names no job. It may write the e-mail address in another letter case, or
    name only the job's number."""
    named = _id(record)
    return named is None or named.lower() == jobid.lower() or (named.isdecimal() and jobid.endswith(f":{named}"))


def _of(record: dict[str, object], name: str) -> object:
    """The field `video_<name>` of a video's record, or `image_<name>` of an image's."""
    return fields.first(record, f"video_{name}", f"image_{name}")


def _state(record: dict[str, object]) -> tuple[JobState, str]:
    number, name = _status(record)
    if not name and number is None:
        raise Unavailable("the record has no status")
    state = _state_of(number, name) or JobState.UNKNOWN
    if number == 1 and _has_file(record):
        state = JobState.COMPLETED
    if state is JobState.COMPLETED and not _has_file(record):
        state = JobState.PROGRESS
    if state.ends and state is not JobState.COMPLETED and fields.truth(_of(record, "status_final")) is False:
        state = JobState.PROGRESS
    return state, name or str(number)


def _status(record: dict[str, object]) -> tuple[int | None, str]:
    number, said = fields.whole_number(_of(record, "status")), _of(record, "status_name")
    if number is None and not said:
        said = _of(record, "status")
    name = fields.one_line(said, fields.STATUS) if isinstance(said, str) else ""
    return number, name


def _state_of(number: int | None, name: str) -> JobState | None:
    if name:
        return _BY_NAME.get(name.upper())
    return None if number is None else _BY_NUMBER.get(number)


def _has_file(record: dict[str, object]) -> bool:
    """Whether the record shows a file: an address and a width."""
    return _url(record) is not None and (_extent(record, "width") or 0) > 0


def _extent(record: dict[str, object], name: str) -> int | None:
    """The width or height of the file."""
    return fields.count(fields.first(record, f"output_{name}", f"image_{name}"))


def _url(record: dict[str, object]) -> str | None:
    return fields.file_address(record.get("url")) or fields.file_address(record.get("image_url"))


def _media(record: dict[str, object], jobid: str) -> tuple[Media, ...]:
    url = _url(record)
    if url is None:
        return ()
    path = urlsplit(url).path
    ending = path[path.rfind(".") :].lower() if "." in path else ""
    image = "-image:" in jobid
    usual = "image/png" if image else "video/mp4"
    return (
        Media(
            url=url,
            content_type=_TYPES.get(ending, usual),
            width=_extent(record, "width"),
            height=_extent(record, "height"),
            image=image,
        ),
    )


def _queue_place(record: dict[str, object]) -> int | None:
    return fields.count(fields.mapping(record.get("queue_data")).get("queue_count")) or None


def _started(record: dict[str, object]) -> int | None:
    return fields.milliseconds(fields.mapping(record.get("queue_data")).get("processing_start_time"))


def _error_code(value: object) -> str | None:
    number = fields.whole_number(value)
    if number is not None:
        return str(number) if number else None
    return fields.text(value)


def _seconds(value: object) -> int | None:
    """The seconds in `mm:ss` or `hh:mm:ss`."""
    found = _ELAPSED.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 20 else None
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return (hours * 60 + minutes) * 60 + seconds
