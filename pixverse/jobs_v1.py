"""PixVerse v1 of useapi.net: requests one job or the list of active jobs, and reads the job's record."""

from __future__ import annotations

import re
from urllib.parse import quote

from model.job import Embed, Job, JobState, Media, Upload
from pixverse import fields
from pixverse.api_client import ApiClient, LazyJob
from pixverse.api_errors import JobExpired, JobNotFound, NoList, NotFoundUnproven, Unavailable
from pixverse.patterns import ANY_ID, LONGEST_ID

_JOBS = "/v1/pixverse/jobs"
_PERCENT = re.compile(r"\(([0-9]{1,3})\s?%\)")
_KNOWN = {state.value: state for state in JobState} | {"canceled": JobState.CANCELLED}


class JobsV1:
    """v1's requests about jobs. Each may raise any class of `api_errors.py`."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def lazy_job(self, token: str, jobid: str, known: int | None) -> LazyJob:
        """Requests one job (useapi.net PixVerse v1, get-pixverse-jobid), which is not parsed yet if the response has
        the fingerprint `known`."""
        # The documentation writes the colons of an id unencoded into the query.
        path = f"{_JOBS}/?jobid={quote(jobid, safe=':')}"
        body = await self._client.get(path, token, known=known)
        lazy = LazyJob(body.fingerprint, lambda: read_job(body.value, jobid))
        if body.fingerprint != known:
            lazy.read()
        return lazy

    async def active_jobs(self, token: str, *, timeout: float | None = None) -> tuple[str, ...]:
        """Requests the ids of at most 1000 active jobs of the token's account (useapi.net PixVerse v1,
        get-pixverse-jobs). `timeout` is in seconds."""
        try:
            jobs = await self._client.get_json(_JOBS, token, timeout=timeout)
        except (JobNotFound, JobExpired, NotFoundUnproven) as refusal:
            raise NoList(f"no list of jobs: {refusal}") from refusal
        if not isinstance(jobs, list):
            raise Unavailable("the list of jobs is no list")
        ids = (entry for entry in jobs if isinstance(entry, str) and ANY_ID.fullmatch(entry))
        return tuple(dict.fromkeys(ids))[: fields.MAX_JOBS]


def read_job(record: object, asked: str) -> Job:
    """The job in the record that came in response to a request for the id `asked`.

    Every field is optional (useapi.net PixVerse v1, get-pixverse-jobid, Model). One that is missing or of a wrong type
    is left out, long texts and lists are cut, tokens in texts are hidden. People paste ids without the `-bot:…` at the
    end; the record may have it. Raises Unavailable if the record is not an object, has no status, or is about another
    job.
    """
    if not isinstance(record, dict):
        raise Unavailable("the job's record is no object")
    named = fields.first(record, "jobid")
    if isinstance(named, str) and not f"{named.strip()}-bot:".startswith(f"{asked}-bot:"):
        raise Unavailable("the record is another job's")
    status, state = _status(record.get("status"))
    content, prompt = record.get("content"), record.get("prompt")
    return Job(
        jobid=asked,
        state=state,
        status=status,
        verb=fields.text(record.get("verb"), fields.SHORT),
        created=fields.milliseconds(record.get("created")),
        updated=fields.milliseconds(record.get("updated")),
        percent=None if state.ends else _progress(content, prompt),
        prompt=fields.text(prompt),
        negative_prompt=fields.text(record.get("negative_prompt")),
        style=fields.text(record.get("style"), fields.SHORT),
        aspect_ratio=fields.text(record.get("aspect_ratio"), fields.SHORT),
        seed=fields.whole_number(record.get("seed_value")),
        motion=fields.whole_number(record.get("motion")),
        character=fields.text(record.get("character"), fields.SHORT),
        image=_upload(record.get("image")),
        face=_upload(record.get("face")),
        parent_jobid=fields.text(record.get("parentJobId"), LONGEST_ID),
        button=fields.text(record.get("button"), fields.SHORT),
        buttons=_labels(record.get("buttons")),
        content=fields.text(content),
        embeds=_embeds(record.get("embeds")),
        media=_media(record.get("attachments")) if state is JobState.COMPLETED else (),
        error=fields.text(record.get("error")),
        error_details=fields.text(record.get("errorDetails")),
    )


def percent_of(content: str, prompt: str = "") -> int | None:
    """The last percentage in parentheses, such as `(46%)`, at most 100; None if PixVerse's message has none.

    The message repeats the prompt before the progress, perhaps cut or with other blanks. So percentages with which both
    begin are no progress.
    """
    found = _PERCENT.findall(content)
    repeated = 0
    for percent in _PERCENT.findall(prompt):
        if repeated < len(found) and found[repeated] == percent:
            repeated += 1
    return min(int(found[-1]), 100) if repeated < len(found) else None


def state_of_word(word: str) -> JobState:
    """What a record's `status` means (useapi.net PixVerse v1, get-pixverse-jobid)."""
    return _KNOWN.get(word.strip().lower(), JobState.UNKNOWN)


def _progress(content: object, prompt: object) -> int | None:
    return percent_of(content, prompt if isinstance(prompt, str) else "") if isinstance(content, str) else None


def _status(value: object) -> tuple[str, JobState]:
    word = fields.one_line(fields.text(value) or "", fields.STATUS)
    if not word:
        raise Unavailable("the job's record has no status")
    state = state_of_word(word)
    return (word if state is JobState.UNKNOWN else state.value), state


def _labels(value: object) -> tuple[str, ...]:
    labels = (fields.text(entry, fields.SHORT) for entry in fields.entries(value))
    return tuple(label for label in labels if label is not None)


def _upload(value: object) -> Upload | None:
    record = fields.mapping(value)
    upload = Upload(fields.count(record.get("size")), fields.text(record.get("type"), fields.SHORT))
    return upload if upload != Upload() else None


def _embeds(value: object) -> tuple[Embed, ...]:
    embeds = (_embed(fields.mapping(entry)) for entry in fields.entries(value))
    return tuple(embed for embed in embeds if embed != Embed())


def _embed(record: dict[str, object]) -> Embed:
    return Embed(
        type=fields.text(record.get("type"), fields.SHORT),
        description=fields.text(record.get("description")),
        image_url=fields.web_address(fields.mapping(record.get("image")).get("url")),
    )


def _media(value: object) -> tuple[Media, ...]:
    media = (_attachment(fields.mapping(entry)) for entry in fields.entries(value))
    return tuple(entry for entry in media if entry is not None)


def _attachment(record: dict[str, object]) -> Media | None:
    # Both addresses are signed, and lead to the same file (Discord developer docs, Attachment Object).
    url = fields.file_address(record.get("url")) or fields.file_address(record.get("proxy_url"))
    if url is None:
        return None
    return Media(
        url=url,
        content_type=fields.text(record.get("content_type"), fields.SHORT),
        filename=fields.text(record.get("filename"), fields.SHORT),
        size=fields.count(record.get("size")),
        width=fields.count(record.get("width")),
        height=fields.count(record.get("height")),
    )
