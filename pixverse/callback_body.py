"""What useapi.net posts to a `replyUrl`, read for the little that is taken from it: a hint, never a fact."""

from __future__ import annotations

from dataclasses import dataclass

from pixverse import fields
from pixverse.errors import Unavailable
from pixverse.fields import parsed_json
from pixverse.jobids import LooksLikeSecret, NotAJobId, OtherService, is_v2, parse_jobid
from pixverse.jobs_v1 import state_of_word
from pixverse.videos_v2 import tells_an_end

_LONGEST_STATUS = 40


@dataclass(frozen=True, slots=True)
class CallbackBody:
    """What a callback says: of which job, and whether it claims that the job has ended."""

    jobid: str
    claims_end: bool


def read_callback(body: bytes) -> CallbackBody:
    """The hint in a callback's body: the job's record, v1's or v2's (useapi.net, PixVerse v1 get-pixverse-jobid, v2
    get-pixverse-videos-video_id; that a callback has the same shape, the vendor's own examples show).

    A body may hold an id and no status: then it claims nothing. Raises Unavailable where it is no JSON object, is
    nested too deeply, or has no id of a PixVerse job; no message holds anything of the body.
    """
    record = parsed_json(body)
    if not isinstance(record, dict):
        raise Unavailable("the callback's body is no object")
    jobid = _jobid(record)
    if is_v2(jobid):
        return CallbackBody(jobid, tells_an_end(record))
    status = fields.text(record.get("status"), _LONGEST_STATUS)
    return CallbackBody(jobid, status is not None and state_of_word(status).ends)


def _jobid(record: dict[str, object]) -> str:
    for name in ("jobid", "video_id", "image_id"):
        value = record.get(name)
        if not isinstance(value, str):
            continue
        try:
            return parse_jobid(value)
        except (LooksLikeSecret, NotAJobId, OtherService):
            raise Unavailable(f"the callback's {name} is no id of a PixVerse job") from None
    raise Unavailable("the callback names no job")
