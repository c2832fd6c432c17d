from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pixverse.api_errors import (
    AccountBroken,
    BadRequest,
    JobExpired,
    JobNotFound,
    NotFoundUnproven,
    PixVerseError,
    RateLimited,
    SubscriptionUnpaid,
    TokenRefused,
    Unavailable,
    error_of,
    retry_after_of,
    safe_line,
)
from tests.hostile import unseen

NOW = 1_800_000_000.0
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["error", "code", "jobid", "status", "retryAfter", "x"]), inner, max_size=5)
    ),
    max_leaves=10,
)


def kind(status: int, answer: object) -> type[PixVerseError] | None:
    refusal = error_of(status, answer, None)
    return None if refusal is None else type(refusal)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, BadRequest),
        (401, TokenRefused),
        (402, SubscriptionUnpaid),
        (403, Unavailable),
        (404, JobNotFound),
        (405, Unavailable),
        (408, Unavailable),
        (409, Unavailable),
        (410, JobExpired),
        (412, BadRequest),
        (413, BadRequest),
        (422, BadRequest),
        (429, RateLimited),
        (500, Unavailable),
        (502, Unavailable),
        (504, Unavailable),
        (596, AccountBroken),
    ],
)
def test_a_status_and_a_code_that_agree(status: int, expected: type[PixVerseError]) -> None:
    assert kind(status, {"error": "words", "code": status}) is expected
    assert kind(200, {"error": "words", "code": status}) is expected


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 410])
@pytest.mark.parametrize(
    "answer", [None, {}, [], "gone", {"message": "no"}, {"error": {}}, {"error": "x", "code": 418}]
)
def test_a_proxy_s_4xx_proves_nothing(status: int, answer: object) -> None:
    assert kind(status, answer) is Unavailable


@pytest.mark.parametrize("answer", [None, {}, {"error": "x", "code": 200}])
def test_429_and_596_need_no_proof(answer: object) -> None:
    assert kind(429, answer) is RateLimited
    assert kind(596, answer) is AccountBroken


def test_without_a_code_a_job_is_not_gone_but_a_token_is_refused() -> None:
    assert kind(404, {"error": "Not Found"}) is NotFoundUnproven
    assert issubclass(NotFoundUnproven, Unavailable)
    assert kind(404, {"error": "404 page not found"}) is NotFoundUnproven
    assert kind(401, {"error": "Unauthorized"}) is TokenRefused
    assert kind(404, {"error": "Unable to locate job x", "code": "404"}) is JobNotFound


def test_the_status_decides_if_there_is_no_code() -> None:
    assert kind(410, {"error": "Job has expired"}) is JobExpired
    assert kind(404, {"error": "Unable to locate job x"}) is JobNotFound
    assert kind(404, {"error": "Image not found"}) is JobNotFound
    assert kind(410, "<html>") is Unavailable
    assert kind(410, {"error": "Job has expired", "code": 500}) is Unavailable


@pytest.mark.parametrize("status", [301, 302, 304, 307])
def test_redirects_are_unavailable(status: int) -> None:
    assert kind(status, {"error": "x", "code": status}) is Unavailable


def test_a_job_s_own_error_is_not_a_refusal() -> None:
    record = {"jobid": "job:1", "status": "moderated", "error": "Not this prompt", "code": 422}
    assert kind(200, record) is None
    assert kind(200, {"status": "completed", "code": 200}) is None
    assert kind(200, []) is None
    assert kind(200, None) is Unavailable


def test_retry_after_goes_with_429_and_5xx() -> None:
    for status in (429, 503):
        refusal = error_of(status, None, 12.0)
        assert isinstance(refusal, (RateLimited, Unavailable))
        assert refusal.retry_after == 12.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        ("1.5", 1.5),
        ("-5", 0.0),
        ("999999999", 3600.0),
        ("inf", 3600.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Fri, 15 Jan 2027 08:01:30 GMT", 90.0),
        ("Fri, 15 Jan 2027 08:01:30 -0000", 90.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("Fri, 15 Jan 9999 07:00:00 GMT", 3600.0),
        (None, None),
    ],
)
def test_retry_after_in_the_header(header: str | None, seconds: float | None) -> None:
    assert retry_after_of(header, None, NOW) == seconds


def test_retry_after_in_the_body() -> None:
    body = {"retryAfter": "2027-01-15T08:00:45.000Z"}
    assert retry_after_of(None, body, NOW) == 45.0
    assert retry_after_of("soon", body, NOW) == 45.0
    assert retry_after_of("10", body, NOW) == 10.0
    assert retry_after_of(None, {"retryAfter": "2020-01-15T08:00:45.000Z"}, NOW) == 0.0
    assert retry_after_of(None, {"retryAfter": 5}, NOW) is None


@given(st.text(max_size=60))
@example("Mon, 1 Jan 0000 00:00:00 GMT")
@example("1, 1, 1, 1")
def test_retry_after_is_always_within_limits(header: str) -> None:
    seconds = retry_after_of(header, None, NOW)
    assert seconds is None or 0 <= seconds <= 3600


@given(st.integers(100, 999), JSON)
@example(500, {"error": "a letter newer than this Python: \U00018d09"})
def test_any_json_with_any_status_is_classified(status: int, answer: object) -> None:
    refusal = error_of(status, answer, None)
    if refusal is None:
        assert 200 <= status < 300
        return
    assert len(str(refusal).splitlines()) == 1
    assert not unseen(str(refusal))
    assert len(str(refusal)) <= 250


def test_an_error_text_is_one_bounded_line_without_secrets() -> None:
    line = safe_line("first\r\n\x1b[31msecond\u2028user:1-abcdefgh me@example.com " + "x" * 9000)
    assert line.startswith("first [31msecond *** ***")
    assert len(safe_line("word " * 9000)) == 200


def test_a_truncated_secret_is_not_shown() -> None:
    addresses = ("b" * 150 + "@c.dd ") * 25
    half_a_secret = "MTIzNDU2Nzg5MDEyMzQ1Njc4." + "x" * 200
    assert safe_line(addresses + "y" * 80 + " " + half_a_secret) == "*** " * 25 + "y" * 80
