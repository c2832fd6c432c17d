"""Everything that can go wrong between a request and its answer, before, after or instead of carrying it out.

An action gets the request and `carry_out`, a function that does what was asked and returns the real answer. The action
may call it, and may return any answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from sandbox.pixverse_api.bodies import refusal, usual

HTML = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"

CarryOut = Callable[[], Awaitable[web.Response]]


class Action(Protocol):
    """One way to answer."""

    async def play(self, request: web.Request, carry_out: CarryOut, /) -> web.StreamResponse:
        """Answer the request."""
        ...


@dataclass(frozen=True, slots=True)
class Status:
    """Another status, and the request is not carried out. Without a body: the documented one, or `{error, code}`."""

    status: int
    body: str | bytes | dict[str, object] | None = None
    retry_after: str | float | None = None
    content_type: str | None = None

    async def play(self, _request: web.Request, _carry_out: CarryOut) -> web.StreamResponse:
        body = usual(self.status).body if self.body is None else self.body
        content, own_type = _encoded(body)
        headers = {"Content-Type": self.content_type or own_type}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return web.Response(status=self.status, body=content, headers=headers)


@dataclass(frozen=True, slots=True)
class Code200:
    """HTTP 200 around a body whose `code` says otherwise."""

    code: int
    error: str = "Internal error"

    async def play(self, _request: web.Request, _carry_out: CarryOut) -> web.StreamResponse:
        return web.json_response(refusal(self.code, self.error).body)


@dataclass(frozen=True, slots=True)
class Empty:
    """The request is carried out, but its answer has no body."""

    async def play(self, _request: web.Request, carry_out: CarryOut) -> web.StreamResponse:
        true = await carry_out()
        return web.Response(status=true.status, content_type=true.content_type)


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks and nothing is answered."""

    async def play(self, request: web.Request, _carry_out: CarryOut) -> web.StreamResponse:
        return _cut(request, web.Response())


@dataclass(frozen=True, slots=True)
class Truncated:
    """Announces the whole length, sends a part, then breaks the connection."""

    part: float = 0.5

    async def play(self, request: web.Request, carry_out: CarryOut) -> web.StreamResponse:
        true = await carry_out()
        content = _content(true)
        answer = await _opened(request, true.status, true.headers["Content-Type"], len(content))
        await answer.write(content[: int(len(content) * self.part)])
        return _cut(request, answer)


@dataclass(frozen=True, slots=True)
class HalfBody:
    """Sends a part of the body with a matching Content-Length, as if it were complete."""

    part: float = 0.5

    async def play(self, _request: web.Request, carry_out: CarryOut) -> web.StreamResponse:
        true = await carry_out()
        content = _content(true)
        half = content[: int(len(content) * self.part)]
        return web.Response(status=true.status, body=half, headers={"Content-Type": true.headers["Content-Type"]})


@dataclass(frozen=True, slots=True)
class HangsUpHalfway:
    """Sends a part of the body without a length and hangs up, which looks complete, as in HTTP/1.0."""

    part: float = 0.5

    async def play(self, request: web.Request, carry_out: CarryOut) -> web.StreamResponse:
        true = await carry_out()
        content = _content(true)
        answer = await _opened(request, true.status, true.headers["Content-Type"], None, framed=False)
        await answer.write(content[: int(len(content) * self.part)])
        await answer.write_eof()
        return answer


@dataclass(frozen=True, slots=True)
class Slow:
    """The request is carried out and answered `seconds` late."""

    seconds: float

    async def play(self, _request: web.Request, carry_out: CarryOut) -> web.StreamResponse:
        await asyncio.sleep(self.seconds)
        return await carry_out()


@dataclass(frozen=True, slots=True)
class Hold:
    """The request is carried out and answered after an event."""

    event: asyncio.Event

    async def play(self, _request: web.Request, carry_out: CarryOut) -> web.StreamResponse:
        await self.event.wait()
        return await carry_out()


@dataclass(frozen=True, slots=True)
class AfterHandling:
    """The request is carried out, then another action replaces its answer."""

    action: Action

    async def play(self, request: web.Request, carry_out: CarryOut) -> web.StreamResponse:
        true = await carry_out()

        async def done() -> web.Response:
            return true

        return await self.action.play(request, done)


@dataclass(frozen=True, slots=True)
class OtherType:
    """The true bytes under another content type."""

    content_type: str = "text/html"

    async def play(self, _request: web.Request, carry_out: CarryOut) -> web.StreamResponse:
        true = await carry_out()
        return web.Response(status=true.status, body=_content(true), headers={"Content-Type": self.content_type})


@dataclass(frozen=True, slots=True)
class Dripping:
    """The true bytes in pieces of `piece` bytes, `seconds` apart."""

    seconds: float
    piece: int = 1024

    async def play(self, request: web.Request, carry_out: CarryOut) -> web.StreamResponse:
        true = await carry_out()
        content = _content(true)
        answer = await _opened(request, true.status, true.headers["Content-Type"], len(content))
        async for piece in self._pieces(content):
            await answer.write(piece)
        return answer

    async def _pieces(self, content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), self.piece):
            yield content[start : start + self.piece]
            await asyncio.sleep(self.seconds)


@dataclass(frozen=True, slots=True)
class Endless:
    """The true bytes over and over, without a length, until the other side hangs up."""

    async def play(self, request: web.Request, carry_out: CarryOut) -> web.StreamResponse:
        true = await carry_out()
        answer = await _opened(request, true.status, true.headers["Content-Type"], None)
        while request.transport is not None and not request.transport.is_closing():
            await answer.write(_content(true))
            await asyncio.sleep(0)
        return answer


@dataclass(frozen=True, slots=True)
class Redirect:
    """To any address at all."""

    url: str
    status: int = 302

    async def play(self, _request: web.Request, _carry_out: CarryOut) -> web.StreamResponse:
        return web.Response(status=self.status, headers={"Location": self.url})


@dataclass(frozen=True, slots=True)
class RedirectChain:
    """Several redirects from the address to itself, counted by `hop` in the query, and then the answer."""

    hops: int

    async def play(self, request: web.Request, carry_out: CarryOut) -> web.StreamResponse:
        hop = int(request.query.get("hop", "0"))
        if hop >= self.hops:
            return await carry_out()
        return web.Response(status=302, headers={"Location": str(request.url.update_query(hop=hop + 1))})


def _encoded(body: object) -> tuple[bytes, str]:
    if isinstance(body, bytes):
        return body, "application/octet-stream"
    if isinstance(body, str):
        return body.encode(), "text/html; charset=utf-8"
    return json.dumps(body).encode(), "application/json; charset=utf-8"


def _content(answer: web.Response) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b""


async def _opened(
    request: web.Request, status: int, content_type: str, length: int | None, *, framed: bool = True
) -> web.StreamResponse:
    answer = web.StreamResponse(status=status, headers={"Content-Type": content_type})
    answer.content_length = length
    if not framed:
        answer.headers["Connection"] = "close"
        answer.force_close()
    await answer.prepare(request)
    return answer


def _cut(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return answer
