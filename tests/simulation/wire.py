"""The network of a simulated life: the part of `aiohttp.ClientSession` that the bot and discord.py use, without
sockets.

Every request takes a moment, may meet a fault on its way there or back, and is a step at which the process may die.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp
import orjson
from multidict import CIMultiDict

_JSON = "application/json"
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrives at a peer."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    """The JSON value, or None."""
    files: tuple[bytes, ...] = ()
    filenames: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """A peer's reply; bytes are sent as they are, anything else as JSON."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = _JSON
    cut_at: int | None = None
    """The number of bytes after which the connection breaks."""
    chunk: int = _CHUNK
    """How many bytes of the body arrive at once."""
    framed: bool = True
    """Whether the headers give the body's length."""
    sent: Callable[[int], None] = lambda _size: None
    """Called with the size of each chunk that is read."""

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.status == 204 else orjson.dumps(self.body)


class LostOnTheWay(Exception):
    """The connection breaks; `arrived` says whether the peer has carried out the request."""

    def __init__(self, *, arrived: bool) -> None:
        super().__init__("the connection broke")
        self.arrived = arrived


@dataclass(frozen=True, slots=True)
class Trip:
    """What happens to one request: seconds there and back, and what goes wrong."""

    there: float = 0.05
    back: float = 0.05
    refused: Reply | None = None
    """The reply of something in between; the peer doesn't get the request."""
    after: Reply | None = None
    """Replaces the peer's reply after the peer has carried out the request."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers that are added to the peer's reply."""
    lost_there: bool = False
    lost_back: bool = False
    unreachable: bool = False


Handler = Callable[[Request], Reply]
Step = Callable[[], Awaitable[None] | None]
"""A step at which the process may die: what it returns is awaited, for ever if the process is dead."""


class Peer:
    """A remote end, and what currently happens to requests on their way to it."""

    def __init__(self, name: str, answer: Handler, trip: Callable[[Request], Trip]) -> None:
        self.name = name
        self.answer = answer
        self.trip = trip


class Session:
    """Stands in for `aiohttp.ClientSession`: one for each client in each life of the process."""

    def __init__(
        self,
        peer: Peer,
        step: Step,
        connect: Callable[[], Awaitable[Any]] | None = None,
        trace: aiohttp.TraceConfig | None = None,
    ) -> None:
        self._peer = peer
        self._step = step
        self._connect = connect
        self._trace = trace
        if trace is not None:
            trace.freeze()
        self.closed = False

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed = True

    async def close(self) -> None:
        self.closed = True

    def get(self, url: object, **options: Any) -> _Asking:
        return self.request("GET", url, **options)

    def request(self, method: str, url: object, **options: Any) -> _Asking:
        return _Asking(self, method, str(url), options)

    async def ws_connect(self, _url: str, **_options: Any) -> Any:
        assert self._connect is not None
        if (wait := self._step()) is not None:
            await wait
        return await self._connect()

    async def ask(self, method: str, url: str, options: dict[str, Any]) -> Response:
        request = _request(method, url, options)
        trip = self._peer.trip(request)
        timeout = options.get("timeout")
        total = timeout.total if isinstance(timeout, aiohttp.ClientTimeout) else None
        if total is None or trip.there + trip.back < total:
            return await self._ask(request, trip)
        try:
            async with asyncio.timeout(total):
                return await self._ask(request, trip)
        except TimeoutError as error:
            raise aiohttp.ServerTimeoutError from error

    async def _ask(self, request: Request, trip: Trip) -> Response:
        try:
            response = await self._travel(request, trip)
        except Exception as error:
            await self._tell_trace("on_request_exception", exception=error)
            raise
        if self._trace is not None:
            await self._tell_trace("on_request_end", response=response, url=SimpleNamespace(path=request.path))
        return response

    async def _travel(self, request: Request, trip: Trip) -> Response:
        if trip.unreachable:
            await asyncio.sleep(trip.there)
            raise aiohttp.ClientConnectorError(SimpleNamespace(host="", port=0, ssl=None), OSError("no route"))  # type: ignore[arg-type]
        if (wait := self._step()) is not None:
            await wait
        await asyncio.sleep(trip.there)
        if trip.lost_there:
            raise aiohttp.ServerDisconnectedError
        reply = trip.refused or self._peer.answer(request)
        if trip.headers:
            reply = replace(reply, headers={**reply.headers, **trip.headers})
        if (wait := self._step()) is not None:
            await wait
        if trip.back:
            await asyncio.sleep(trip.back)
        if trip.lost_back:
            raise aiohttp.ServerDisconnectedError
        return Response(trip.after or reply)

    async def _tell_trace(self, signal: str, **parameters: Any) -> None:
        if self._trace is not None:
            await getattr(self._trace, signal).send(None, None, SimpleNamespace(**parameters))


class _Asking:
    """The context manager in `async with session.get(…) as response`."""

    def __init__(self, session: Session, method: str, url: str, options: dict[str, Any]) -> None:
        self._session = session
        self._arguments = (method, url, options)

    async def __aenter__(self) -> Response:
        return await self._session.ask(*self._arguments)

    async def __aexit__(self, *_: object) -> None:
        return None


class Response:
    """The part of `aiohttp.ClientResponse` that is used."""

    def __init__(self, reply: Reply) -> None:
        self._bytes = reply.content
        self._cut_at = reply.cut_at
        self._chunk = reply.chunk
        self._sent = reply.sent
        self._position = 0
        self.status = reply.status
        self.reason = ""
        self.content_type = reply.content_type
        length = {"Content-Length": str(len(self._bytes))} if reply.framed else {}
        self.headers: CIMultiDict[str] = CIMultiDict(
            {"Content-Type": reply.content_type, "Via": "1.1", **length, **reply.headers}
        )
        self.content_length: int | None = len(self._bytes) if reply.framed else None
        self.content = self

    def at_eof(self) -> bool:
        return self._position >= len(self._bytes)

    async def readany(self) -> bytes:
        start = self._position
        self._position = len(self._bytes)
        return self._bytes[start:]

    async def iter_chunked(self, _size: int) -> AsyncIterator[bytes]:
        end = len(self._bytes) if self._cut_at is None else min(self._cut_at, len(self._bytes))
        for start in range(0, end, self._chunk):
            chunk = self._bytes[start : min(start + self._chunk, end)]
            self._sent(len(chunk))
            yield chunk
        if end < len(self._bytes):
            raise aiohttp.ClientPayloadError

    async def read(self) -> bytes:
        return self._bytes

    async def text(self, encoding: str = "utf-8") -> str:
        return self._bytes.decode(encoding)

    async def json(self) -> Any:
        return orjson.loads(self._bytes)


class FormData:
    """Replaces `aiohttp.FormData`, whose fields can't be read."""

    def __init__(self, *_: object, **__: object) -> None:
        self.fields: list[tuple[str, Any, str]] = []

    def add_field(self, name: str, value: Any, *, filename: str = "", **_: object) -> None:
        self.fields.append((name, value, filename))


def _request(method: str, url: str, options: dict[str, Any]) -> Request:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query)) | {k: str(v) for k, v in (options.get("params") or {}).items()}
    data = options.get("data")
    files: tuple[bytes, ...] = ()
    filenames: tuple[str, ...] = ()
    if isinstance(data, FormData):
        files = tuple(value.read() for name, value, _ in data.fields if name.startswith("files["))
        filenames = tuple(filename for name, _, filename in data.fields if name.startswith("files["))
        data = next((value for name, value, _ in data.fields if name == "payload_json"), None)
    body = orjson.loads(data) if data else None
    headers = dict(options.get("headers") or {})
    return Request(method, parts.netloc, parts.path, query, headers, body, files, filenames)
