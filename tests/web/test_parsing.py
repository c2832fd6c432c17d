"""Requests as bytes: what is read from them, and that nothing else is."""

from __future__ import annotations

from random import Random

import pytest

from tests.web.strange_requests import in_pieces, random_bytes
from web.http_messages import RequestHead, RequestRefused
from web.parsing import MAX_BODY_BYTES, MAX_HEAD_BYTES, ChunkedBody, HeadReader, SizedBody, body_reader


def _read(pieces: list[bytes]) -> tuple[RequestHead | None, bytes | None] | int:
    """The head and the body, each None where it is not whole; or the status of a refusal."""
    reader, head, body, rest = HeadReader(), None, None, b""
    bodies: SizedBody | ChunkedBody | None = None
    try:
        for piece in pieces:
            if bodies is None:
                whole = reader.feed(piece)
                if whole is None:
                    continue
                head, rest = whole
                bodies = body_reader(head)
                body = bodies.feed(rest)
            elif body is None:
                body = bodies.feed(piece)
    except RequestRefused as refused:
        return refused.response.status
    return head, body


_CHUNKED = {"transfer-encoding": "chunked"}


@pytest.mark.parametrize(
    ("sent", "head", "body"),
    [
        (b"GET /healthz HTTP/1.0\r\n\r\n", RequestHead("GET", "/healthz", {}), b""),
        (b"GET /metrics?a=%zz&b#c HTTP/1.1\r\nHost: x\r\n\r\n", RequestHead("GET", "/metrics", {}), b""),
        (
            b"POST /a HTTP/1.1\r\nX-Name: caf\xc3\xa9\r\nCONTENT-LENGTH:\t2 \r\n\r\n{}more",
            RequestHead("POST", "/a", {"content-length": "2"}),
            b"{}",
        ),
        (
            b"POST /a HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\n{\r\n1;name=x\r\n}\r\n0\r\nTrailer: x\r\n\r\n",
            RequestHead("POST", "/a", {"transfer-encoding": "Chunked"}),
            b"{}",
        ),
        (
            b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n000A \r\n0123456789\r\n0\r\n\r\n",
            RequestHead("POST", "/a", _CHUNKED),
            b"0123456789",
        ),
        (
            b"POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf",
            RequestHead("POST", "/a", {"content-length": "9"}),
            None,
        ),
        (b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal", RequestHead("POST", "/a", _CHUNKED), None),
    ],
)
def test_valid_requests(sent: bytes, head: RequestHead, body: bytes | None) -> None:
    assert _read([sent]) == (head, body)
    assert _read([bytes([byte]) for byte in sent]) == (head, body)


def test_the_limits_are_exact() -> None:
    start = b"POST /a HTTP/1.1\r\nX: "
    assert _read([start + b"x" * (MAX_HEAD_BYTES - len(start) - 2) + b"\r\n\r\n"]) != 431
    assert _read([start + b"x" * (MAX_HEAD_BYTES - len(start) - 1) + b"\r\n\r\n"]) == 431
    chunked = b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
    half = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    assert MAX_BODY_BYTES == 2 * 0x8000
    whole = _read([chunked, half, half, b"0\r\n\r\n"])
    assert isinstance(whole, tuple)
    assert whole[1] == b"x" * MAX_BODY_BYTES
    assert _read([chunked, half, half, b"1\r\n"]) == 413


def test_random_bytes_are_refused_or_read_alike_however_they_arrive() -> None:
    random = Random(12)
    seen = set()
    for _ in range(5000):
        sent = random_bytes(random)
        at_once, later = _read([sent]), _read(in_pieces(random, sent))
        refused = [isinstance(one, int) for one in (at_once, later)]  # which of several faults is seen first may differ
        assert refused == [True, True] or at_once == later, sent
        seen.add(at_once if isinstance(at_once, int) else at_once[0] is not None)
    assert seen >= {True, False, 400, 413, 414}
