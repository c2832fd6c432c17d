"""The gateway, version 10: HELLO, IDENTIFY, heartbeats, RESUME with replay, invalid sessions, close codes.

Discord API docs, events/gateway and topics/opcodes-and-status-codes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import discord
from aiohttp import WSMsgType, web
from simcord import intents as simcord_intents
from simcord.backend import serializers

from .sessions import Session, Socket
from .shaping import complete_guild, shape
from .wire_json import Wire
from .world import World

_HEARTBEAT_MS = 41250
_ROUND_TRIP_S = 0.05
_LARGEST_FRAME = 4096
_KEPT_DETACHED = 5
_GUILD_EVENTS_BY_ID = ("GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE")


class CloseSocket(Exception):
    """The client broke a rule of the gateway; the socket closes with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Gateway:
    """All sessions of the bot."""

    def __init__(self, world: World, wire: Wire, url: str) -> None:
        self._world = world
        self._wire = wire
        self.sessions: dict[str, Session] = {}
        self.resume_url = url
        """What READY names as the address for resuming."""
        self.refuses_with: int | None = None
        """The close code with which every IDENTIFY is refused; None: by the rules alone."""
        self.closed = False
        """Whether no connection is taken at all."""
        self.identified = 0
        self.resumed = 0
        self._sockets: set[Socket] = set()
        world.backend.subscribers.append(self._hear)

    @property
    def connected(self) -> list[Session]:
        """Sessions with a socket right now."""
        return [session for session in self.sessions.values() if session.connected]

    def _hear(self, event: str, payload: Mapping[str, Any]) -> None:
        guild_id = payload.get("id") if event in _GUILD_EVENTS_BY_ID else payload.get("guild_id")
        for session in self.sessions.values():
            if not session.serves(int(guild_id) if guild_id else None):
                continue
            shaped = shape(self._world, session.intents, event, payload)
            if shaped is None:
                continue
            if event == "GUILD_CREATE" and int(shaped["id"]) not in self._world.outages:
                shaped.pop("unavailable", None)  # how discord.py tells a new server from one that is back
            session.dispatch(event, shaped)
        self._world.changes.tell()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One WebSocket, from HELLO to its end."""
        if self.closed:
            raise web.HTTPServiceUnavailable
        response = web.WebSocketResponse(max_msg_size=_LARGEST_FRAME)
        await response.prepare(request)
        socket = Socket(response, request, self._wire)
        self._sockets.add(socket)
        hello = {"heartbeat_interval": _HEARTBEAT_MS, "_trace": ["sandbox"]}
        socket.send({"op": 10, "d": hello, "s": None, "t": None})
        try:
            await self._listen(response, socket)
        finally:
            socket.stop()
            self._sockets.discard(socket)
            for session in self.sessions.values():
                if session.socket is socket:
                    session.socket = None
            self._world.changes.tell()
        return response

    async def _listen(self, response: web.WebSocketResponse, socket: Socket) -> None:
        session: Session | None = None
        async for message in response:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            try:
                session = self._obey(_decode(message.data), socket, session)
            except CloseSocket as closing:
                await socket.close(closing.code, closing.reason)
                return
            self._world.changes.tell()

    def _obey(self, frame: dict[str, Any], socket: Socket, session: Session | None) -> Session | None:
        op, data = frame.get("op"), frame.get("d")
        if op == 1:
            # Not before discord.py has noted that it sent: it would take the time since the beat before for the lag.
            beat = {"op": 11, "d": None, "s": None, "t": None}
            asyncio.get_running_loop().call_later(_ROUND_TRIP_S, socket.send, beat)
            return session
        if op == 2:
            if session is not None:
                raise CloseSocket(4005, "Already authenticated.")
            return self._identify(data or {}, socket)
        if op == 6:
            return self._resume(data or {}, socket)
        if session is None:
            raise CloseSocket(4003, "Not authenticated.")
        if op == 8:
            self._world.unsupported.append(f"gateway opcode 8 (request guild members): {data}")
        elif op not in (3, 4):
            raise CloseSocket(4001, "Unknown opcode.")
        return session

    def _identify(self, data: dict[str, Any], socket: Socket) -> Session:
        if not self._world.token_fits(str(data.get("token"))):
            raise CloseSocket(4004, "Authentication failed.")
        intents = _intents(data, content_approved=self._world.message_content_approved)
        if self.refuses_with is not None:
            raise CloseSocket(self.refuses_with, "Refused.")
        number, count = data.get("shard") or (0, 1)
        if not 0 <= number < count:
            raise CloseSocket(4010, "Invalid shard.")
        self._drop_old_sessions()
        session = Session(intents=intents, shard=(number, count), socket=socket)
        self.sessions[session.id] = session
        self.identified += 1
        guilds = [guild for guild in self._world.backend.guilds.values() if session.serves(guild.id)]
        ready = {
            "v": 10,
            "user": dict(serializers.user_payload(self._world.backend.bot_user)),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.resume_url,
            "shard": [number, count],
            "application": {"id": str(self._world.backend.application_id), "flags": 0},
        }
        session.dispatch("READY", ready)
        for guild in guilds:
            if guild.id in self._world.outages:
                continue
            payload = dict(serializers.guild_create_payload(self._world.backend, guild))
            complete_guild(self._world, payload)
            shaped = shape(self._world, intents, "GUILD_CREATE", payload)
            if shaped is not None:
                session.dispatch("GUILD_CREATE", shaped)
        return session

    def _drop_old_sessions(self) -> None:
        detached = [session.id for session in self.sessions.values() if not session.connected]
        for session_id in detached[:-_KEPT_DETACHED]:
            del self.sessions[session_id]

    def _resume(self, data: dict[str, Any], socket: Socket) -> Session | None:
        if not self._world.token_fits(str(data.get("token"))):
            raise CloseSocket(4004, "Authentication failed.")
        session = self.sessions.get(str(data.get("session_id")))
        missed = session.missed_since(int(data.get("seq") or 0)) if session is not None else None
        if session is None or missed is None:
            socket.send({"op": 9, "d": False, "s": None, "t": None})
            return None
        session.socket = None
        for frame in missed:
            socket.send(frame)
        session.socket = socket
        session.dispatch("RESUMED", {"_trace": ["sandbox"]})
        self.resumed += 1
        return session

    def cut(self) -> None:
        """Break every socket, as a failing network does; sessions can be resumed."""
        for socket in list(self._sockets):
            socket.cut()

    async def close(self, code: int, reason: str = "") -> None:
        """Close every socket with a code."""
        for socket in list(self._sockets):
            await socket.close(code, reason)

    def ask_to_reconnect(self) -> None:
        """Opcode 7: the client shall reconnect and resume."""
        for socket in list(self._sockets):
            socket.send({"op": 7, "d": None, "s": None, "t": None})

    def invalidate(self) -> None:
        """Opcode 9: all sessions are forgotten; the client has to identify anew."""
        self.sessions.clear()
        for socket in list(self._sockets):
            socket.send({"op": 9, "d": False, "s": None, "t": None})


def _decode(raw: str | bytes) -> dict[str, Any]:
    try:
        frame = json.loads(raw)
    except ValueError:
        raise CloseSocket(4002, "Error while decoding payload.") from None
    if not isinstance(frame, dict):
        raise CloseSocket(4002, "Error while decoding payload.")
    return frame


def _intents(data: dict[str, Any], *, content_approved: bool) -> discord.Intents:
    value = data.get("intents")
    if not isinstance(value, int):
        raise CloseSocket(4013, "Invalid intent(s).")
    intents = discord.Intents._from_value(value)
    approved = discord.Intents.default()
    approved.message_content = content_approved
    if simcord_intents.missing_privileged_intents(intents, approved):
        raise CloseSocket(4014, "Disallowed intent(s).")
    return intents
