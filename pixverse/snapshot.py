"""A job as text for the database, back again, and as a number that tells whether anything shown has changed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pixverse import fields
from pixverse.job import Embed, Job, JobState, Media, Upload

_SIGNATURE = frozenset({"ex", "is", "hm"})


def to_snapshot(job: Job) -> str:
    """`job` as compact ASCII JSON; what is not known is left out."""
    known = {name: value for name, value in asdict(job).items() if value not in (None, ())}
    return json.dumps(known, separators=(",", ":"))


def from_snapshot(text: str) -> Job:
    """The job in a text of `to_snapshot`, also in one of an older or newer bot: strange keys and values are left out.

    Raises ValueError where `text` is no JSON object with a `jobid` and a `status`.
    """
    kept = fields.mapping(json.loads(text))
    jobid, status = fields.text(kept.get("jobid")), fields.text(kept.get("status"))
    if jobid is None or status is None:
        raise ValueError("a job's snapshot needs a jobid and a status")
    return Job(
        jobid=jobid,
        state=_state(kept.get("state")),
        status=status,
        verb=fields.text(kept.get("verb")),
        created=fields.whole_number(kept.get("created")),
        updated=fields.whole_number(kept.get("updated")),
        percent=fields.count(kept.get("percent")),
        prompt=fields.text(kept.get("prompt")),
        negative_prompt=fields.text(kept.get("negative_prompt")),
        style=fields.text(kept.get("style")),
        aspect_ratio=fields.text(kept.get("aspect_ratio")),
        seed=fields.whole_number(kept.get("seed")),
        motion=fields.whole_number(kept.get("motion")),
        character=fields.text(kept.get("character")),
        image=_upload(kept.get("image")),
        face=_upload(kept.get("face")),
        parent_jobid=fields.text(kept.get("parent_jobid")),
        button=fields.text(kept.get("button")),
        buttons=tuple(label for label in map(fields.text, fields.entries(kept.get("buttons"))) if label is not None),
        content=fields.text(kept.get("content")),
        embeds=tuple(_embed(fields.mapping(entry)) for entry in fields.entries(kept.get("embeds"))),
        media=_media(kept.get("media")),
        error=fields.text(kept.get("error")),
        error_details=fields.text(kept.get("error_details")),
        model=fields.text(kept.get("model")),
        quality=fields.text(kept.get("quality")),
        duration=fields.count(kept.get("duration")),
        sound=fields.truth(kept.get("sound")),
        queue_place=fields.count(kept.get("queue_place")),
        elapsed=fields.count(kept.get("elapsed")),
    )


def fingerprint(job: Job) -> int:
    """A signed 64-bit number, the same for two answers in which nothing that is shown differs, in every process.

    Left aside are `updated`, which moves when nothing else does, and the signature in a link (`ex`, `is`, `hm`,
    Discord's documentation of signed attachment URLs), which is renewed for the same file.
    """
    media = tuple(replace(entry, url=_unsigned(entry.url)) for entry in job.media)
    shown = to_snapshot(replace(job, updated=None, media=media))
    return int.from_bytes(hashlib.blake2b(shown.encode(), digest_size=8).digest(), signed=True)


def _unsigned(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    query = [(name, value) for name, value in parse_qsl(parts.query, True) if name not in _SIGNATURE]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _state(value: object) -> JobState:
    try:
        return JobState(str(value))
    except ValueError:
        return JobState.UNKNOWN


def _upload(value: object) -> Upload | None:
    if not isinstance(value, dict):
        return None
    return Upload(fields.count(value.get("size")), fields.text(value.get("type")))


def _embed(kept: dict[str, object]) -> Embed:
    return Embed(
        type=fields.text(kept.get("type")),
        description=fields.text(kept.get("description")),
        image_url=fields.text(kept.get("image_url")),
    )


def _media(value: object) -> tuple[Media, ...]:
    media = (_medium(fields.mapping(entry)) for entry in fields.entries(value))
    return tuple(entry for entry in media if entry is not None)


def _medium(kept: dict[str, object]) -> Media | None:
    url = fields.web_address(kept.get("url"))
    if url is None:
        return None
    return Media(
        url=url,
        content_type=fields.text(kept.get("content_type")),
        filename=fields.text(kept.get("filename")),
        size=fields.count(kept.get("size")),
        width=fields.count(kept.get("width")),
        height=fields.count(kept.get("height")),
        image=kept.get("image") is True,
    )
