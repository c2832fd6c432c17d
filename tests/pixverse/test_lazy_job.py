from __future__ import annotations

from typing import Any

import pytest

from model.job import Job, JobState
from pixverse.api import PixVerseApi
from pixverse.api_client import LazyJob
from pixverse.api_errors import JobNotFound, Unavailable

TOKEN = "user:4321-s3cretS3cretS3cret"
JOBID = "job:1"


async def test_equal_bytes_are_parsed_when_somebody_reads_them(wire: Any) -> None:
    api = PixVerseApi(wire.client())
    wire.says(200, '{"jobid": "job:1", "status": "progress"}')
    first = await api.lazy_job(TOKEN, JOBID, None)
    again = await api.lazy_job(TOKEN, JOBID, first.fingerprint)
    assert again.fingerprint == first.fingerprint
    assert again.read() == first.read() == Job(JOBID, JobState.PROGRESS, "progress")


async def test_other_bytes_have_another_fingerprint(wire: Any) -> None:
    api = PixVerseApi(wire.client())
    wire.says(200, '{"jobid": "job:1", "status": "progress"}')
    first = await api.lazy_job(TOKEN, JOBID, None)
    wire.says(200, '{"jobid": "job:1", "status": "failed"}')
    second = await api.lazy_job(TOKEN, JOBID, first.fingerprint)
    assert second.fingerprint != first.fingerprint
    assert second.read().state is JobState.FAILED


@pytest.mark.parametrize(("status", "refusal"), [(404, JobNotFound), (503, Unavailable)])
async def test_equal_bytes_with_another_status_are_an_error(wire: Any, status: int, refusal: type) -> None:
    api = PixVerseApi(wire.client())
    body = '{"jobid": "job:1", "status": "progress", "error": "gone", "code": 404}'
    wire.says(200, body)
    first = await api.lazy_job(TOKEN, JOBID, None)
    wire.says(status, body)
    with pytest.raises(refusal):
        await api.lazy_job(TOKEN, JOBID, first.fingerprint)


async def test_an_unreadable_response_raises_at_once(wire: Any) -> None:
    wire.says(200, '{"jobid": "job:2", "status": "progress"}')
    with pytest.raises(Unavailable):
        await PixVerseApi(wire.client()).lazy_job(TOKEN, JOBID, None)


def test_a_job_is_parsed_once() -> None:
    reads = []

    def read() -> Job:
        reads.append(1)
        return Job(JOBID, JobState.PROGRESS, "progress")

    told = LazyJob(1, read)
    assert told.read() is told.read()
    assert reads == [1]
