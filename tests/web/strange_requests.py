"""What strangers send: requests that must be refused, and pieces from which random ones are made."""

from __future__ import annotations

from random import Random

_HEAD = b"POST /callback/abc HTTP/1.1\r\nHost: a\r\n"

REFUSED: dict[str, tuple[bytes, int]] = {
    "an address that is no host": (b"GET http://xn--a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an address that is no host, without Host": (b"GET http://xn--a/ HTTP/1.1\r\n\r\n", 400),
    "a whole address": (b"POST http://relay.example.org/callback/abc HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a bracket that is not closed": (b"GET http://[::1/ HTTP/1.1\r\n\r\n", 400),
    "a port that is no number": (b"GET http://a:b/ HTTP/1.1\r\n\r\n", 400),
    "an authority": (b"CONNECT relay.example.org:443 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a path without a slash": (b"GET healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "bytes beyond ASCII in the path": (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a blank in the path": (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "no version": (b"GET /healthz\r\n\r\n", 400),
    "HTTP/0.9": (b"GET /healthz HTTP/0.9\r\n\r\n", 400),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/1.2": (b"GET /healthz HTTP/1.2\r\nHost: a\r\n\r\n", 400),
    "a version of many digits": (b"GET /healthz HTTP/1." + b"1" * 5000 + b"\r\n\r\n", 400),
    "a method in lower case": (b"get /healthz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a method that is long": (b"G" * 5000 + b" /healthz HTTP/1.1\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(32), 400),
    "an empty line first": (b"\r\nGET /healthz HTTP/1.1\r\n\r\n", 400),
    "lines that end in LF alone": (b"GET /healthz HTTP/1.1\nHost: a\n\n", 400),
    "lines that end in CR alone": (b"GET /healthz HTTP/1.1\rHost: a\r\r", 400),
    "a zero byte": (_HEAD + b"X: \x00\r\n\r\n", 400),
    "a line feed in a header": (_HEAD + b"X: a\nY: b\r\n\r\n", 400),
    "a header without a colon": (_HEAD + b"nothing\r\n\r\n", 400),
    "a header without a name": (_HEAD + b": nothing\r\n\r\n", 400),
    "a blank before the colon": (_HEAD + b"Content-Length : 2\r\n\r\n{}", 400),
    "a header over two lines": (_HEAD + b"X: a\r\n b\r\n\r\n", 400),
    "a first line that is long": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
    "a first line without an end": (b"A" * 9000, 414),
    "a header that is long": (_HEAD + b"X: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    "many headers": (_HEAD + b"X: y\r\n" * 5000 + b"\r\n", 431),
    "two lengths": (_HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400),
    "the same length twice": (_HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    "a list of lengths": (_HEAD + b"Content-Length: 2, 2\r\n\r\n{}", 400),
    "a negative length": (_HEAD + b"Content-Length: -1\r\n\r\n", 400),
    "a length with a sign": (_HEAD + b"Content-Length: +2\r\n\r\n{}", 400),
    "a length in other digits": (_HEAD + b"Content-Length: \xb2\r\n\r\n{}", 400),
    "a length of many digits": (_HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
    "a length beyond the bound": (_HEAD + b"Content-Length: 999999999999\r\n\r\n", 413),
    "chunks and a length": (_HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks twice": (_HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunks in HTTP/1.0": (b"POST /callback/abc HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "another coding": (_HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "a chunk without a size": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n\r\n", 400),
    "a chunk whose size is no number": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    "a negative chunk": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n", 400),
    "a chunk in LF alone": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n", 400),
    "a chunk that is longer than it says": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n", 400),
    "a chunk whose first line has no end": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 300, 400),
    "a chunk beyond the bound": (_HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffff\r\n", 413),
}
"""By what is wrong with it: what is sent to a port for callbacks, and the status that comes back."""

_PIECES = [
    b"GET ",
    b"POST ",
    b"/healthz",
    b"/callback/",
    b"abc",
    b"http://xn--a/",
    b"http://[",
    b"%00",
    b"%zz",
    b" HTTP/1.1\r\n",
    b" HTTP/1.0\r\n",
    b" HTTP/9.9\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"Host: a\r\n",
    b"Host: xn--a\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 99999\r\n",
    b"Content-Type: application/json\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Upgrade: websocket\r\nConnection: upgrade\r\n",
    b"Cookie: a=\xff; b\r\n",
    b"5\r\nhello\r\n",
    b"0\r\n\r\n",
    b";",
    b":",
    b" ",
    b"\x00",
    b"\x16\x03\x01",
    b"\xff\xfe",
    b"x" * 9000,
    b"{}",
]
_BEGINNINGS = [b"", b"POST /callback/abc HTTP/1.1\r\n", b"GET /healthz HTTP/1.1\r\nHost: a\r\n"]


def random_bytes(random: Random) -> bytes:
    """Something between noise and a request."""
    if random.random() < 0.2:
        return random.randbytes(random.randrange(300))
    return random.choice(_BEGINNINGS) + b"".join(random.choices(_PIECES, k=random.randrange(12)))


def in_pieces(random: Random, sent: bytes) -> list[bytes]:
    """The same bytes as they may arrive."""
    cuts = sorted(random.randrange(len(sent) + 1) for _ in range(random.randrange(6)))
    return [sent[start:end] for start, end in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
