"""Reads the hint in what useapi.net posts to a `replyUrl`: which job it is about, and whether it reports an end."""

from __future__ import annotations

from dataclasses import dataclass

from pixverse import fields
from pixverse.api_errors import Unavailable
from pixverse.fields import parsed_json
from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherService, is_v2, parse_jobid
from pixverse.jobs_v1 import state_of_word
from pixverse.videos_v2 import has_final_status


@dataclass(frozen=True, slots=True)
class CallbackBody:
    """The job that a callback is about, and whether it reports that the job has ended."""

    jobid: str
    reports_end: bool


def read_callback(body: bytes) -> CallbackBody:
    """Returns the hint in a callback's body, which is the job's record of v1 or v2 (useapi.net, PixVerse v1
    get-pixverse-jobid, v2 get-pixverse-videos-video_id; the vendor's examples show that callbacks have this shape).

    A body with an id and no status reports no end. Raises Unavailable if the body is not a JSON object, is nested too
    deeply, or has no PixVerse job id. The error's message contains nothing of the body.
    """
    record = parsed_json(body)
    if not isinstance(record, dict):
        raise Unavailable("the callback's body is no object")
    jobid = _jobid(record)
    if is_v2(jobid):
        return CallbackBody(jobid, has_final_status(record))
    status = fields.text(record.get("status"), fields.STATUS)
    return CallbackBody(jobid, status is not None and state_of_word(status).ends)


def _jobid(record: dict[str, object]) -> str:
    for name in ("jobid", "video_id", "image_id"):
        value = fields.first(record, name)
        if not isinstance(value, str):
            continue
        try:
            return parse_jobid(value)
        except (LooksLikeSecret, NotAJobId, OtherService):
            raise Unavailable(f"the callback's {name} is no id of a PixVerse job") from None
    raise Unavailable("the callback names no job")
