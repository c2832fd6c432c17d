"""A bounded fuzz of the way from bytes to a job: good answers with pieces torn out, doubled and overwritten."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model import snapshots
from model.job import Job
from pixverse.api_errors import PixVerseError, Unavailable, error_of, retry_after_of
from pixverse.fields import parsed_json
from pixverse.jobs_v1 import read_job
from tests.hostile import JOBID, records, unseen, wild_records

_STATUSES = st.sampled_from((200, 200, 200, 201, 204, 302, 400, 401, 402, 404, 410, 422, 429, 500, 502, 503, 596, 999))
_HEADERS = (
    st.none()
    | st.text(max_size=30)
    | st.sampled_from(("0", "-1", "1e999", "nan", "17", "Wed, 21 Oct 2015 07:28:00 GMT"))
)
_DEEP = (
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"1" * 100_000,
    b"-" * 100,
    b'"\\u' * 1000,
    b"\xff" * 50,
    b"\xef\xbb\xbf",
    b"NaN",
)


@st.composite
def torn(draw: st.DrawFn) -> bytes:
    """An answer's bytes after a few accidents."""
    record = draw(records() | wild_records)
    body = json.dumps({"jobid": JOBID, "code": 200, **record}).encode()
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body)))
        end = min(len(body), at + draw(st.integers(0, 20)))
        body = body[:at] + draw(st.binary(max_size=8) | st.just(body[at:end] * 2) | st.sampled_from(_DEEP)) + body[end:]
    return body


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(torn() | st.binary(max_size=100), _STATUSES, _HEADERS)
def test_any_bytes_are_a_job_or_our_own_error(body: bytes, status: int, header: str | None) -> None:
    answer = parsed_json(body)
    wait = retry_after_of(header, answer, 1_800_000_000.0)
    assert wait is None or 0 <= wait <= 3600
    refusal = error_of(status, answer, wait)
    if refusal is not None:
        assert isinstance(refusal, PixVerseError)
        assert unseen(str(refusal)) == []
        assert len(str(refusal)) <= 250
        return
    try:
        job = read_job(answer, JOBID)
    except Unavailable as error:
        assert unseen(str(error)) == []
        return
    _can_be_kept(job)


def _can_be_kept(job: Job) -> None:
    snapshot = snapshots.dump(job)
    assert snapshots.load(snapshot) == job
    with closing(sqlite3.connect(":memory:")) as database:
        kept: tuple[Any, ...] = database.execute(
            "SELECT ?, ?, ?, ?, ?", (snapshot, job.seed, job.motion, job.created, job.updated)
        ).fetchone()
    assert kept == (snapshot, job.seed, job.motion, job.created, job.updated)
