"""Parses HTTP/1.1 requests strictly, and refuses everything that is not clearly a request of the kind served here.

Anybody may send anything to a port, so only this module reads what is received. It never interprets URLs, cookies,
upgrades or compression. The grammar is that of RFC 9112, without what no honest client sends here: absolute targets,
folded headers, lone line feeds, and several values for a header that is used.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from web.http_messages import RequestHead, RequestRefused

MAX_LINE_BYTES = 8 * 1024
MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024
"""A job's record has a few KiB; prompts are limited to 2,048 or 5,000 characters (useapi.net, PixVerse)."""

_LINE_END, _HEAD_END = b"\r\n", b"\r\n\r\n"
_NO_HEAD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n|\Z)")
"""Control characters, and line ends other than CR LF. A TLS handshake begins with a control character."""
_REQUEST_LINE = re.compile(rb"([A-Z]{1,16}) (/[\x21-\x7e]*) HTTP/1\.([01])")
_HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADERS_READ = frozenset({"content-length", "transfer-encoding", "content-encoding", "expect"})
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_HEAD = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r\n")
_MAX_CHUNK_HEAD_BYTES = 256


class HeadReader:
    """Collects a request's head."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._request_line: tuple[str, str, bool] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether anything was received."""
        return bool(self._received)

    def feed(self, data: bytes) -> tuple[RequestHead, bytes] | None:
        """Adds received bytes. Once the head is complete, returns it and the bytes that follow it.

        Raises RequestRefused as soon as the received bytes cannot become a request.
        """
        searched = max(0, len(self._received) - len(_HEAD_END) + 1)
        self._received += data
        end = self._received.find(_HEAD_END, searched)
        head = bytes(self._received if end < 0 else self._received[: end + len(_LINE_END)])
        if _NO_HEAD.search(head, searched):
            raise RequestRefused(HTTPStatus.BAD_REQUEST)
        self._read_first_line(head)
        if len(head) > MAX_HEAD_BYTES:
            raise RequestRefused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if end < 0 or self._request_line is None:
            return None
        method, path, is_http_1_0 = self._request_line
        headers = _headers(head.split(_LINE_END)[1:-1])
        if is_http_1_0 and "transfer-encoding" in headers:
            raise RequestRefused(HTTPStatus.BAD_REQUEST)
        return RequestHead(method, path, headers), bytes(self._received[end + len(_HEAD_END) :])

    def _read_first_line(self, head: bytes) -> None:
        if self._request_line is not None:
            return
        line, line_end, _ = head.partition(_LINE_END)
        if len(line) > MAX_LINE_BYTES:
            raise RequestRefused(HTTPStatus.REQUEST_URI_TOO_LONG)
        if not line_end:
            return
        match = _REQUEST_LINE.fullmatch(line)
        if match is None:
            raise RequestRefused(HTTPStatus.BAD_REQUEST)
        path = match[2].partition(b"?")[0].decode("ascii")
        self._request_line = (match[1].decode("ascii"), path, match[3] == b"0")


def _headers(lines: list[bytes]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _HEADER_NAME.fullmatch(name):
            raise RequestRefused(HTTPStatus.BAD_REQUEST)
        key = name.decode("ascii").lower()
        if key not in _HEADERS_READ:
            continue
        if key in found:
            raise RequestRefused(HTTPStatus.BAD_REQUEST)
        found[key] = value.strip(b" \t").decode("latin-1")
    return found


def body_reader(head: RequestHead) -> SizedBody | ChunkedBody:
    """The reader for the body that this head announces. Raises RequestRefused if there is none for it."""
    length, encoding = head.headers.get("content-length"), head.headers.get("transfer-encoding")
    if encoding is not None:
        if length is not None:
            raise RequestRefused(HTTPStatus.BAD_REQUEST)
        if encoding.lower() != "chunked":
            raise RequestRefused(HTTPStatus.NOT_IMPLEMENTED)
        return ChunkedBody()
    if length is None:
        return SizedBody(0)
    if not _LENGTH.fullmatch(length):
        raise RequestRefused(HTTPStatus.BAD_REQUEST)
    return SizedBody(int(length))


class SizedBody:
    """A body of a known length."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._received = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        """Adds received bytes; returns the body once it is complete. Raises RequestRefused."""
        if self._length > MAX_BODY_BYTES:
            raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self._received += data
        return bytes(self._received[: self._length]) if len(self._received) >= self._length else None


class ChunkedBody:
    """A body in chunks (RFC 9112, section 7.1). The trailers after the last chunk are not read."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._body = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        """Adds received bytes; returns the body once it is complete. Raises RequestRefused."""
        self._received += data
        while (head := self._next_head()) is not None:
            size, start = head
            if size == 0:
                return bytes(self._body)
            if len(self._body) + size > MAX_BODY_BYTES:
                raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            end = start + size
            line_end = bytes(self._received[end : end + len(_LINE_END)])
            if not _LINE_END.startswith(line_end):
                raise RequestRefused(HTTPStatus.BAD_REQUEST)
            if line_end != _LINE_END:
                return None
            self._body += self._received[start:end]
            del self._received[: end + len(_LINE_END)]
        return None

    def _next_head(self) -> tuple[int, int] | None:
        """The next chunk's size, and where it starts in the received bytes; None if its first line is incomplete."""
        line = bytes(self._received[:_MAX_CHUNK_HEAD_BYTES])
        match = _CHUNK_HEAD.match(line)
        if match is not None:
            return int(match[1], 16), match.end()
        if b"\n" in line or len(line) == _MAX_CHUNK_HEAD_BYTES:
            raise RequestRefused(HTTPStatus.BAD_REQUEST)
        return None
