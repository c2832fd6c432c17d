from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime, formatdate
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from pixverse.api_client import ApiClient, RetryTimes
from pixverse.api_errors import (
    JobExpired,
    JobNotFound,
    PixVerseError,
    RateLimited,
    SubscriptionUnpaid,
    TokenRefused,
    Unavailable,
)
from tests.hostile import unseen
from tests.pixverse.conftest import NOW

TOKEN = "user:4321-s3cretS3cretS3cret"
PATH = "/v1/pixverse/jobs/?jobid=job:1"


async def refusal(client: ApiClient, token: str = TOKEN, **settings: Any) -> PixVerseError:
    with pytest.raises(PixVerseError) as caught:
        await client.get_json(PATH, token, **settings)
    return caught.value


async def outcome(client: ApiClient) -> str:
    """The error's text, or nothing where the answer could be read."""
    try:
        await client.get_json(PATH, TOKEN)
    except PixVerseError as error:
        return str(error)
    return ""


async def test_the_token_goes_into_the_header_and_the_path_stays_unchanged(wire: Any) -> None:
    wire.says(200, '{"jobid": "job:1"}')
    assert await wire.client().get_json("/v1/pixverse/jobs/?jobid=job%3A1%2B%252F%40", TOKEN) == {"jobid": "job:1"}
    (request,) = wire.asked
    assert request.method == "GET"
    assert request.raw_path == "/v1/pixverse/jobs/?jobid=job%3A1%2B%252F%40"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in request.raw_path


async def test_the_token_is_in_no_log_record(wire: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wire.says(200, "[]")
    await wire.client().get_json(PATH, TOKEN)
    wire.says(401, "{}")
    await refusal(wire.client())
    logging.getLogger("pixverse").debug("listened to")
    assert "listened to" in caplog.text
    assert TOKEN not in caplog.text


async def test_the_longest_retry_time_of_any_request_with_a_token_is_kept(wire: Any) -> None:
    now = [100.0]
    client = wire.client(monotonic=lambda: now[0])
    times = client.retry_times
    for status, seconds in ((429, "17"), (503, "40"), (429, "5")):
        wire.says(status, '{"error": "slow down"}', Retry_After=seconds)
        await refusal(client)
    assert (times.until(TOKEN), times.until("user:1-other")) == (140.0, None)
    now[0] = 139.9
    assert times.until(TOKEN) == 140.0
    now[0] = 140.0
    assert times.until(TOKEN) is None


@pytest.mark.parametrize(("status", "seconds"), [(401, "40"), (404, "40"), (200, "40"), (429, "0"), (429, "")])
async def test_responses_without_a_retry_time_keep_nothing(wire: Any, status: int, seconds: str) -> None:
    wire.says(status, json.dumps({"error": "Unauthorized", "code": status}), Retry_After=seconds)
    client = wire.client()
    await outcome(client)
    assert client.retry_times.until(TOKEN) is None


async def test_the_base_url_can_have_a_path_and_a_slash(wire: Any) -> None:
    wire.says(200, "[]")
    client = ApiClient(wire.session, f"{wire.base_url}/proxy/")
    assert await client.get_json("/v1/pixverse/jobs", TOKEN) == []
    assert wire.asked[0].raw_path == "/proxy/v1/pixverse/jobs"


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (401, "Unauthorized", TokenRefused),
        (402, "Account has no subscription or subscription expired", SubscriptionUnpaid),
        (404, "Unable to locate job job:1", JobNotFound),
        (410, "Job has expired", JobExpired),
    ],
)
async def test_documented_refusals(wire: Any, status: int, error: str, expected: type[PixVerseError]) -> None:
    wire.says(status, json.dumps({"error": error, "code": status}))
    caught = await refusal(wire.client())
    assert type(caught) is expected
    assert str(caught) == f"{status}: {error}"


async def test_a_retry_after_header_reaches_the_caller(wire: Any) -> None:
    wire.says(429, '{"error": "slow down", "code": 429}', Retry_After="17")
    caught = await refusal(wire.client())
    assert isinstance(caught, RateLimited)
    assert caught.retry_after == 17


@pytest.mark.parametrize("behind", [-2 * 86_400.0, 0.0, 2 * 86_400.0])
async def test_until_when_to_wait_is_read_by_the_api_s_own_clock(wire: Any, behind: float) -> None:
    here = formatdate(NOW + behind, usegmt=True)
    then = datetime.fromtimestamp(NOW + behind + 45, UTC)
    for body, header in (
        ("{}", format_datetime(then, usegmt=True)),
        (json.dumps({"retryAfter": then.isoformat()}), ""),
    ):
        wire.says(429, body, Date=here, Retry_After=header)
        caught = await refusal(wire.client())
        assert isinstance(caught, RateLimited)
        assert caught.retry_after == 45


async def test_without_the_api_s_own_time_this_machine_s_counts(wire: Any) -> None:
    wire.says(429, "{}", Date="soon", Retry_After=formatdate(NOW + 45, usegmt=True))
    caught = await refusal(wire.client())
    assert isinstance(caught, RateLimited)
    assert caught.retry_after == 45


async def test_no_redirect_is_followed(wire: Any) -> None:
    wire.says(302, "", Location=f"{wire.base_url}/elsewhere")
    assert type(await refusal(wire.client())) is Unavailable
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    "body", [b"", b"<html>hello</html>", b'{"jobid": "jo', b"\xff\xfe\x00", b"null", b"[" * 200_000]
)
async def test_a_200_that_is_not_json_is_unavailable(wire: Any, body: bytes) -> None:
    wire.says(200, body)
    assert type(await refusal(wire.client())) is Unavailable


async def test_json_that_only_javascript_writes_is_read_too(wire: Any) -> None:
    wire.says(200, '\ufeff{"a": NaN, "b": "cut \\ud83d", "seed_value": ' + "9" * 6000 + "}")
    answer = await wire.client().get_json(PATH, TOKEN)
    assert answer["b"] == "cut \ud83d"
    assert answer["seed_value"] == float("inf")


async def test_a_damaged_text_makes_no_response_unreadable(wire: Any) -> None:
    wire.says(200, b'{"status": "progress", "prompt": "a line\nand half a character \xe3\x81"}')
    assert await wire.client().get_json(PATH, TOKEN) == {
        "status": "progress",
        "prompt": "a line\nand half a character \ufffd",
    }


async def test_five_megabytes_are_not_read_to_the_end(wire: Any) -> None:
    wire.says(200, b'"' + b"x" * 5_000_000 + b'"')
    assert "more than 1048576 bytes" in str(await refusal(wire.client()))


async def test_bytes_count_after_decompression(wire: Any) -> None:
    wire.says(200, gzip.compress(b'"' + b"x" * 5_000_000 + b'"'), Content_Encoding="gzip")
    assert "more than 1048576 bytes" in str(await refusal(wire.client()))


async def test_a_response_at_the_limit_is_read(wire: Any) -> None:
    wire.says(200, b'"' + b"x" * 98 + b'"')
    assert await wire.client(max_bytes=100).get_json(PATH, TOKEN) == "x" * 98
    assert type(await refusal(wire.client(max_bytes=99))) is Unavailable


async def test_silence_times_out(wire: Any) -> None:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    wire.answer = answer
    assert type(await refusal(wire.client(timeout=60), timeout=0.05)) is Unavailable
    assert type(await refusal(wire.client(timeout=0.05))) is Unavailable


async def test_an_endless_body_counts_in_the_same_time(wire: Any) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"jobid":')
        await asyncio.Event().wait()
        return response

    wire.answer = answer
    assert type(await refusal(wire.client(timeout=0.1))) is Unavailable


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200",
        b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n" + b'{"jobid": "job:1"}',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n12\r\n{"jobid": "job:1"}',
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 20_000 + b"\r\n\r\n{}",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 99\r\n\r\n" + b'{"error": "Unauthorized", "code": 401',
    ],
)
async def test_an_interrupted_or_broken_response_is_unavailable(
    raw_client: Callable[[bytes], Any], sent: bytes
) -> None:
    async with raw_client(sent) as client:
        assert type(await refusal(client)) is Unavailable


async def test_a_port_where_nobody_listens_is_unavailable(wire: Any) -> None:
    # A port that was just free: bound and closed again by the operating system's choice.
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    assert type(await refusal(ApiClient(wire.session, f"http://127.0.0.1:{port}"))) is Unavailable


async def test_the_token_is_in_no_error_even_if_the_server_repeats_it(wire: Any) -> None:
    wire.says(400, json.dumps({"error": f"bad\ntoken {TOKEN} of me@example.com\u202e", "code": 400}))
    text = str(await refusal(wire.client()))
    assert text == "400: bad token *** of ***"


async def test_a_token_of_any_form_is_in_no_transport_error(raw_client: Callable[[bytes], Any]) -> None:
    async with raw_client(b"opaque-secret-of-no-known-form\r\n\r\n") as client:
        assert "opaque-secret" not in str(await refusal(client, "opaque-secret-of-no-known-form"))


@pytest.mark.parametrize("token", [TOKEN, "opaque-secret-of-no-known-form"])
async def test_a_token_that_the_server_repeats_is_removed(wire: Any, token: str) -> None:
    wire.says(200, json.dumps({"status": "failed", "error": f"no {token} here", "prompt": [token], token: 1}))
    assert token not in json.dumps(await wire.client().get_json(PATH, token))
    wire.says(400, json.dumps({"error": f"no {token} here", "code": 400}))
    assert str(await refusal(wire.client(), token)) == "400: no *** here"


_ODD_TOKEN = "s3cret/<odd>&'quoted'\"+\\%=="


@pytest.mark.parametrize(
    "written",
    [
        _ODD_TOKEN.replace("\\", "\\\\").replace('"', '\\"'),
        _ODD_TOKEN.replace("\\", "\\\\").replace('"', '\\"').replace("/", "\\/"),
        "".join(f"\\u{ord(character):04x}" for character in _ODD_TOKEN),
        "".join(f"\\u{ord(character):04X}" if character in "<>&'\"\\" else character for character in _ODD_TOKEN),
        quote(_ODD_TOKEN, safe=""),
        quote(_ODD_TOKEN).lower(),
    ],
    ids=["as JSON", "as PHP's JSON", "in escapes", "as HTML-safe JSON", "percent-encoded", "percent-encoded in part"],
)
async def test_a_token_is_removed_however_the_server_writes_it(wire: Any, written: str) -> None:
    wire.says(200, f'{{"status": "failed", "error": "no {written} here", "a": [{{"{written}": "{written}"}}]}}')
    record = await wire.client().get_json(PATH, _ODD_TOKEN)
    assert record == {"status": "failed", "error": "no *** here", "a": [{"***": "***"}]}


@pytest.mark.parametrize("token", ["user:1-a\r\nX: y", "user:1-ä", "user:1-\x00"])
async def test_a_token_that_no_header_can_carry_is_refused_without_a_request(wire: Any, token: str) -> None:
    assert type(await refusal(wire.client(), token)) is TokenRefused
    assert wire.asked == []


@settings(max_examples=60)
@given(
    body=st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=60).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail),
        st.binary(max_size=60).map(lambda tail: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + tail),
        st.binary(max_size=60).map(lambda tail: b"HTTP/1.1 404 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n" + tail),
    )
)
async def test_any_bytes_raise_only_our_errors(raw_client: Callable[[bytes], Any], body: bytes) -> None:
    async with raw_client(body) as client:
        text = await outcome(client)
    assert len(text.splitlines()) <= 1
    assert not unseen(text)
    assert len(text) <= 250


async def test_one_session_serves_many_simultaneous_requests(wire: Any) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response(request.headers["Authorization"][::-1])

    wire.answer = answer
    client = wire.client()
    answers = await asyncio.gather(*(client.get_json(PATH, f"token-{n}") for n in range(20)))
    assert answers == [f"Bearer token-{n}"[::-1] for n in range(20)]


async def test_a_closed_session_is_not_a_problem_of_the_api() -> None:
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(RuntimeError):
        await ApiClient(session, "http://127.0.0.1:9").get_json(PATH, TOKEN)


async def test_each_request_is_counted_once_with_its_result(wire: Any) -> None:
    seen: list[type[PixVerseError] | None] = []
    times: list[float] = []

    def observe(error: PixVerseError | None, seconds: float) -> None:
        seen.append(None if error is None else type(error))
        times.append(seconds)

    client = wire.client(observe=observe)
    wire.says(200, "{}")
    await client.get_json(PATH, TOKEN)
    wire.says(401, '{"error": "no", "code": 401}')
    await refusal(client)
    wire.says(200, "no JSON")
    await refusal(client)
    assert seen == [None, TokenRefused, Unavailable]
    assert all(0 < seconds < 10 for seconds in times)


@given(now=st.floats(0, 1e6), wait=st.floats(1, 1e5))
def test_retry_after_is_respected_to_the_second(now: float, wait: float) -> None:
    times = RetryTimes(lambda: now)
    times.note("token", wait)
    assert times.until("token") == now + wait
    assert times.until("another") is None
