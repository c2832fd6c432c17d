"""Gateway sessions: their socket, and the sent events that a RESUME can replay."""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

import discord
import zstandard
from aiohttp import ClientConnectionError, WSCloseCode, web

from .wire_json import Wire

_REPLAYED = 2000
_numbers = itertools.count(1)


class Compressor(Protocol):
    """One compression stream for the life of a socket."""

    def frame(self, text: bytes) -> bytes:
        """One message, flushed, so that it can be read at once."""
        ...


class _Zlib:
    def __init__(self) -> None:
        self._stream = zlib.compressobj()

    def frame(self, text: bytes) -> bytes:
        return self._stream.compress(text) + self._stream.flush(zlib.Z_SYNC_FLUSH)


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdCompressor().compressobj()

    def frame(self, text: bytes) -> bytes:
        return self._stream.compress(text) + self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)


def compressor(asked: str | None) -> Compressor | None:
    """The stream that the client asked for in the gateway's address; None: plain text."""
    if asked == "zlib-stream":
        return _Zlib()
    if asked == "zstd-stream":
        return _Zstd()
    return None


class Socket:
    """One WebSocket of the bot; frames are sent in order."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request, wire: Wire) -> None:
        self._socket = socket
        self._request = request
        self._wire = wire
        self._compressor = compressor(request.query.get("compress"))
        self.caller = request.match_info.get("caller", "")
        self._closed_here = False
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._writer = asyncio.get_running_loop().create_task(self._write())

    @property
    def open(self) -> bool:
        """Whether frames can still be sent."""
        return not self._socket.closed and self._request.transport is not None

    def send(self, frame: dict[str, Any]) -> None:
        """Queue a frame."""
        self._waiting.put_nowait(frame)

    async def _write(self) -> None:
        while True:
            text = self._wire.dumps(await self._waiting.get())
            try:
                if self._compressor is None:
                    await self._socket.send_str(text)
                else:
                    await self._socket.send_bytes(self._compressor.frame(text.encode()))
            except ClientConnectionError:
                return  # the client is gone; a RESUME brings what it missed

    def cut(self) -> None:
        """Break the connection, without a closing handshake."""
        if self._request.transport is not None:
            self._request.transport.abort()

    @property
    def bots_close_code(self) -> int | None:
        """The bot's close code; None if the connection broke or the sandbox closed it."""
        code = None if self._closed_here else self._socket.close_code
        return None if code == WSCloseCode.ABNORMAL_CLOSURE else code

    async def close(self, code: int, reason: str) -> None:
        """Close with one of the gateway's codes."""
        self._closed_here = True
        self.stop()
        await self._socket.close(code=code, message=reason.encode())

    def stop(self) -> None:
        """Send nothing more."""
        self._writer.cancel()


@dataclass(slots=True, eq=False)
class Session:
    """One identified session of the bot, with or without a socket at this moment."""

    intents: discord.Intents
    shard: tuple[int, int]
    socket: Socket | None
    caller: str = ""
    detached_at: float | None = None
    """Since when it has no socket, in seconds since 1970."""
    id: str = field(default_factory=lambda: f"sandbox-session-{next(_numbers)}")
    sequence: int = 0
    sent: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_REPLAYED))

    @property
    def connected(self) -> bool:
        """Whether the bot listens right now."""
        return self.socket is not None and self.socket.open

    def serves(self, guild_id: int | None) -> bool:
        """Whether events of this guild go to this session's shard; events without a guild go to shard 0."""
        number, count = self.shard
        return number == ((guild_id >> 22) % count if guild_id is not None else 0)

    def dispatch(self, event: str, payload: dict[str, Any]) -> None:
        """Number an event, keep it for a replay, and send it if there is a socket."""
        self.sequence += 1
        frame = {"op": 0, "s": self.sequence, "t": event, "d": payload}
        self.sent.append(frame)
        if self.socket is not None:
            self.socket.send(frame)

    def missed_since(self, sequence: int) -> list[dict[str, Any]] | None:
        """The events after this sequence number; None if they are no longer stored."""
        if sequence > self.sequence:
            return None
        if self.sent and self.sent[0]["s"] > sequence + 1:
            return None
        return [frame for frame in self.sent if frame["s"] > sequence]
