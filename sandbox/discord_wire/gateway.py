"""The gateway, version 10: HELLO, IDENTIFY, shards, heartbeats, RESUME with replay, invalid sessions, close codes.

Discord API docs, events/gateway and topics/opcodes-and-status-codes. Several sessions may have the same shard; each
gets all of its events.
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
from simcord.backend.models import Guild

from .session_starts import Start
from .sessions import Session, Socket
from .shaping import complete_guild, shape
from .virtual_discord import VirtualDiscord
from .wire_json import Wire

_HEARTBEAT_MS = 41250
_ROUND_TRIP_S = 0.05
_LARGEST_FRAME = 4096
_ENDS_A_SESSION = (1000, 1001)
"""A session that the bot closes with one of these codes is over. After any other close it can be resumed."""
_GUILD_EVENTS_BY_ID = ("GUILD_CREATE", "GUILD_UPDATE", "GUILD_DELETE")


class CloseSocket(Exception):
    """The client broke a rule of the gateway; the socket closes with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Gateway:
    """All sessions of the bot."""

    def __init__(self, world: VirtualDiscord, wire: Wire, base: str) -> None:
        self._world = world
        self._wire = wire
        self._base = base
        self.sessions: dict[str, Session] = {}
        self.resume_url: str | None = None
        """The `resume_gateway_url` in READY; None: the address that the bot connected to."""
        self.shards = 1
        """How many shards `GET /gateway/bot` recommends."""
        self.most_guilds = 2500
        """The maximum number of guilds in a session."""
        self.session_timeout_s = 180.0
        """How long a session can be resumed, in seconds; Discord says "a few minutes"."""
        self.refuses_with: int | None = None
        """The close code that refuses every IDENTIFY; None: only the rules decide."""
        self.closed = False
        """Whether all connections are refused."""
        self.identified = 0
        self.resumed = 0
        self._sockets: set[Socket] = set()
        self._closing: list[asyncio.Future[None]] = []
        world.backend.subscribers.append(self._hear)

    @property
    def connected(self) -> list[Session]:
        """The sessions that have a socket now."""
        return [session for session in self.sessions.values() if session.connected]

    def address(self, caller: str) -> str:
        """The gateway's address for this bot."""
        return f"ws://{self._base}/as/{caller}/gateway" if caller else f"ws://{self._base}/gateway"

    def _hear(self, event: str, payload: Mapping[str, Any]) -> None:
        self._drop_old_sessions()
        guild_id = payload.get("id") if event in _GUILD_EVENTS_BY_ID else payload.get("guild_id")
        reached = [s for s in self.sessions.values() if s.serves(int(guild_id) if guild_id else None)]
        shaped = {intents: self._shape(intents, event, payload) for intents in {s.intents.value for s in reached}}
        for session in reached:
            if (told := shaped[session.intents.value]) is not None:
                session.dispatch(event, told)
        if event == "INTERACTION_CREATE":
            self._log_interaction(payload, [session for session in reached if session.connected])
        self._world.changes.tell()

    def _shape(self, intents: int, event: str, payload: Mapping[str, Any]) -> dict[str, Any] | None:
        shaped = shape(self._world, discord.Intents._from_value(intents), event, payload)
        if shaped is not None and event == "GUILD_CREATE" and int(shaped["id"]) not in self._world.outages:
            shaped.pop("unavailable", None)  # discord.py tells new servers from returning ones by this field
        return shaped

    def _log_interaction(self, payload: Mapping[str, Any], reached: list[Session]) -> None:
        self._world.log.write(
            "interaction",
            interaction=int(payload.get("id", 0)),
            kind=payload.get("type"),
            guild=payload.get("guild_id"),
            channel=payload.get("channel_id"),
            sessions=[session.id for session in reached],
            callers=[session.caller for session in reached],
        )

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one WebSocket, from HELLO until it closes."""
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
            self._let_go(socket)
            self._world.changes.tell()
        return response

    def _let_go(self, socket: Socket) -> None:
        session = next((session for session in self.sessions.values() if session.socket is socket), None)
        if session is None:
            return
        code = socket.bots_close_code
        session.socket, session.detached_at = None, self._world.now()
        if code in _ENDS_A_SESSION:
            del self.sessions[session.id]
        self._log("close", session, code=code, ended=code in _ENDS_A_SESSION)

    def _log(self, event: str, session: Session, **facts: object) -> None:
        shard, count = session.shard
        self._world.log.write(event, caller=session.caller, session=session.id, shard=shard, shard_count=count, **facts)

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
            # If the answer came before discord.py has noted that it sent the heartbeat, it would measure the latency
            # from
            # the previous heartbeat.
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

    def _identify(self, data: dict[str, Any], socket: Socket) -> Session | None:
        """Start a session; return None if the IDENTIFY came too soon.

        Raises:
            CloseSocket: the IDENTIFY is refused.
        """
        if not self._world.token_fits(str(data.get("token"))):
            raise CloseSocket(4004, "Authentication failed.")
        intents = _intents(data, content_approved=self._world.message_content_approved)
        if self.refuses_with is not None:
            raise CloseSocket(self.refuses_with, "Refused.")
        number, count = data.get("shard") or (0, 1)
        session = Session(intents=intents, shard=(number, count), socket=socket, caller=socket.caller)
        start = self._world.starts.take(number)
        try:
            guilds = self._guilds_of(session)
        except CloseSocket as refusal:
            self._log("identify", session, outcome=refusal.code)
            raise
        self._log("identify", session, outcome=start.value)
        if start is Start.USED_UP:
            self._void_token()
            raise CloseSocket(4004, "Authentication failed.")
        if start is Start.TOO_SOON:
            socket.send({"op": 9, "d": False, "s": None, "t": None})
            return None
        self._drop_old_sessions()
        self.sessions[session.id] = session
        self.identified += 1
        ready = {
            "v": 10,
            "user": dict(serializers.user_payload(self._world.backend.bot_user)),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.resume_url or self.address(socket.caller),
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

    def _guilds_of(self, session: Session) -> list[Guild]:
        number, count = session.shard
        if not 0 <= number < count:
            raise CloseSocket(4010, "Invalid shard.")
        guilds = [guild for guild in self._world.backend.guilds.values() if session.serves(guild.id)]
        if len(guilds) > self.most_guilds:
            raise CloseSocket(4011, "Sharding required.")
        return guilds

    def _void_token(self) -> None:
        """Void the token, as Discord does after too many IDENTIFYs."""
        self._world.token_refused = True
        for socket in list(self._sockets):
            self._closing.append(asyncio.ensure_future(socket.close(4004, "Authentication failed.")))
        self._closing = [closing for closing in self._closing if not closing.done()]

    def _drop_old_sessions(self) -> None:
        before = self._world.now() - self.session_timeout_s
        self.sessions = {
            session.id: session
            for session in self.sessions.values()
            if session.detached_at is None or session.detached_at > before
        }

    def _resume(self, data: dict[str, Any], socket: Socket) -> Session | None:
        if not self._world.token_fits(str(data.get("token"))):
            raise CloseSocket(4004, "Authentication failed.")
        self._drop_old_sessions()
        session = self.sessions.get(str(data.get("session_id")))
        missed = session.missed_since(int(data.get("seq") or 0)) if session is not None else None
        if session is None or missed is None:
            self._world.log.write("resume", caller=socket.caller, session=data.get("session_id"), outcome="invalid")
            socket.send({"op": 9, "d": False, "s": None, "t": None})
            return None
        for frame in missed:
            socket.send(frame)
        session.socket, session.detached_at, session.caller = socket, None, socket.caller
        session.dispatch("RESUMED", {"_trace": ["sandbox"]})
        self._log("resume", session, outcome="resumed", replayed=len(missed))
        self.resumed += 1
        return session

    def cut(self) -> None:
        """Break every socket, as a network failure does; sessions can be resumed."""
        for socket in list(self._sockets):
            socket.cut()

    async def close(self, code: int, reason: str = "") -> None:
        """Close every socket with a code."""
        for socket in list(self._sockets):
            await socket.close(code, reason)

    def ask_to_reconnect(self) -> None:
        """Send opcode 7: the client must reconnect and resume."""
        for socket in list(self._sockets):
            socket.send({"op": 7, "d": None, "s": None, "t": None})

    def invalidate(self) -> None:
        """Send opcode 9: all sessions are forgotten, and the client must identify again."""
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
