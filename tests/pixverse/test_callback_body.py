from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pixverse.api_errors import Unavailable
from pixverse.callback_body import CallbackBody, read_callback

V1 = "job:20261124101500123-user:4321-channel:1300000000000000001-bot:pixverse"
V2 = "user:4321-pixverse:me@example.com-video:112233445566"
IMAGE = "user:4321-pixverse:me@example.com-image:112233445566"


def _read(**record: object) -> CallbackBody:
    return read_callback(json.dumps(record).encode())


@pytest.mark.parametrize("status", ["completed", "failed", "moderated", "cancelled", "Canceled", " completed "])
def test_an_end_in_v1(status: str) -> None:
    assert _read(jobid=V1, status=status, code=200) == CallbackBody(V1, True)


@pytest.mark.parametrize("status", ["created", "started", "progress", "new one", "", None, 5, ["completed"]])
def test_v1_callbacks_that_report_no_end(status: object) -> None:
    assert _read(jobid=V1, status=status) == CallbackBody(V1, False)
    assert _read(jobid=V1, error="button used", code=409) == CallbackBody(V1, False)


@pytest.mark.parametrize(
    ("fields", "reports_end"),
    [
        ({"video_status": 1, "video_status_name": "COMPLETED", "url": "https://media.pixverse.ai/a.mp4"}, True),
        ({"video_status": 1}, True),
        ({"video_status_name": "FAILED", "errCode": 500044}, True),
        ({"video_status": 7}, True),
        ({"video_status": 5, "video_status_name": "QUEUED", "video_status_final": True}, False),
        ({"video_status": 10, "url": "https://media.pixverse.ai/a.mp4"}, False),
        ({"video_status": 99, "video_status_final": True}, False),
        ({"video_status": "1"}, True),
        ({"video_status": "one"}, False),
        ({}, False),
    ],
)
def test_v2(fields: dict[str, object], reports_end: bool) -> None:
    assert _read(video_id=V2, **fields) == CallbackBody(V2, reports_end)
    of_image = {name.replace("video_", "image_"): value for name, value in fields.items()}
    assert _read(image_id=IMAGE, **of_image) == CallbackBody(IMAGE, reports_end)


@pytest.mark.parametrize("nothing", [None, "", 5])
def test_an_id_may_stand_in_any_of_the_fields(nothing: object) -> None:
    assert _read(jobid=nothing, video_id=V2, video_status=8) == CallbackBody(V2, True)
    of_image = {"image_id": IMAGE, "video_status": None, "image_status": 8}
    assert _read(jobid=nothing, video_id=nothing, **of_image) == CallbackBody(IMAGE, True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"completed"',
        b"\xff\xfe",
        b'{"jobid":',
        b'{"status":"completed"}',
        b'{"jobid":5,"status":"completed"}',
        b'{"jobid":"","status":"completed"}',
        b'{"jobid":"../../v2/account","status":"completed"}',
        b'{"jobid":"job:20261124101500123-user:1-channel:1300000000000000001-bot:midjourney"}',
        b'{"jobid":"user:4321-Zq8RkP2mVtX6wYb3NcHd","status":"completed"}',
        b'{"video_id":"user:1-pixverse:a@b.c/../../x-video:1"}',
        b'{"jobid":"\\ud800aaaa"}',
        b'{"jobid":"' + b"a" * 400 + b'"}',
        b"[" * 60_000,
        b'{"a":' * 12_000,
    ],
)
def test_bodies_that_are_not_hints(body: bytes) -> None:
    with pytest.raises(Unavailable) as caught:
        read_callback(body)
    assert "user:" not in str(caught.value)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_NAMES = st.sampled_from(["jobid", "video_id", "image_id", "status", "video_status", "video_status_name", "url"])


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(_NAMES, _VALUES | st.sampled_from([V1, V2, IMAGE, "completed"])))
def test_any_record_is_a_hint_or_our_error(record: dict[str, object]) -> None:
    try:
        found = read_callback(json.dumps(record).encode())
    except Unavailable:
        return
    assert found.jobid.isascii()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_hint_or_our_error(body: bytes) -> None:
    with pytest.raises(Unavailable):
        read_callback(body)
