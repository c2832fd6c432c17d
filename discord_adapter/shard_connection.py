"""Keeps one shard connected to the gateway: resumes or renews the connection, whatever ends it.

discord.py's own loop handles all shards in turn, so a waiting shard delays the others. It waits for its turn to
IDENTIFY with the socket open and unread, and it waits for ever for a resume address that does not respond
(Rapptz/discord.py#10511). So only its `DiscordWebSocket` is used, which reads and parses.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Never

import aiohttp
import discord
import yarl
from discord.gateway import DiscordWebSocket, ReconnectWebSocket
from discord.http import Route

from discord_adapter.client import RelayClient
from discord_adapter.request_trace import UNREACHABLE, NotDiscord, reason_of
from relay.cluster.identify_pacing import RESERVE, SCARCE, SessionStartLimit
from relay.failures import backoff
from relay.ports import Sleep

log = logging.getLogger(__name__)

TakeSlot = Callable[[int, SessionStartLimit], Awaitable[bool]]
"""Waits until this shard may send one IDENTIFY. Returns False if it waited so long that the limit is outdated."""

PATIENCE = 60.0
"""Seconds within which a connection has to come up, and for which resuming a lost session is tried."""

RESUMABLE = 4000
"""A close code after which the session can still be resumed."""
ENDED = 1000
"""A close code that ends the session and shows the bot as offline (Discord docs, Disconnecting)."""

_LONGEST_WAIT = 60.0
_LIMIT_IS_FRESH_SECONDS = 5.0
_ASK_SECONDS = 30.0
_DAY_SECONDS = 86_400.0
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class GatewayInfo:
    """The response to `GET /gateway/bot`."""

    shards: int
    limit: SessionStartLimit


async def ask_gateway(client: discord.Client) -> GatewayInfo:
    """Requests the gateway's address, which new connections then use, and the session start limit.

    Raises NotDiscord, and what discord.py raises.
    """
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            data = await client.http.request(Route("GET", "/gateway/bot"))
    except ValueError as error:
        raise NotDiscord from error  # Truncated JSON.
    match data:
        case {
            "url": str(url),
            "shards": int(shards),
            "session_start_limit": {
                "total": int(total),
                "remaining": int(remaining),
                "reset_after": int() | float() as reset_after,
                "max_concurrency": int(max_concurrency),
            },
        }:
            DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(url)
            limit = SessionStartLimit(total, remaining, reset_after / 1000, max(max_concurrency, 1))
            return GatewayInfo(max(shards, 1), limit)
    raise NotDiscord


class IdentifyTurns:
    """Has each shard of this process wait for an IDENTIFY slot. `monotonic` returns seconds.

    Discord's limit is requested once every few seconds for all shards together. Discord limits that request too, so a
    start with many shards could otherwise exceed it.
    """

    def __init__(self, client: discord.Client, take_slot: TakeSlot, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._take_slot = take_slot
        self._monotonic = monotonic
        self._asking = asyncio.Lock()
        self._limit: SessionStartLimit | None = None
        self._asked_at = 0.0
        self._last_known: SessionStartLimit | None = None

    async def wait(self, shard_id: int) -> None:
        """Waits until this shard may send one IDENTIFY. Raises what `ask_gateway` raises."""
        while True:
            limit = await self._next()
            if await self._take_slot(shard_id, limit):
                if limit.remaining >= limit.total * SCARCE:
                    return
                # Others may have used the rest while this shard waited for its slot. Those that still wait don't count.
                if (await ask_gateway(self._client)).limit.remaining > RESERVE:
                    return
            self.forget()

    def forget(self) -> None:
        """Makes the next IDENTIFY ask Discord again, because the gateway address may not work."""
        self._limit = None

    def known(self) -> SessionStartLimit | None:
        """The limit as far as this process knows it, without what other processes have used since it was requested.

        None until it has been requested.
        """
        limit = self._last_known
        if limit is None:
            return None
        # Discord's day begins with the first IDENTIFY; before that, `reset_after` may be 0.
        reset_after_s = (limit.reset_after_s or _DAY_SECONDS) - (self._monotonic() - self._asked_at)
        if reset_after_s > 0:
            return replace(limit, reset_after_s=reset_after_s)
        return replace(limit, remaining=limit.total, reset_after_s=0.0)

    async def _next(self) -> SessionStartLimit:
        """The limit, minus the slots taken since it was requested."""
        async with self._asking:
            if self._limit is None or self._monotonic() - self._asked_at >= _LIMIT_IS_FRESH_SECONDS:
                self._limit = (await ask_gateway(self._client)).limit
                self._asked_at = self._monotonic()
            limit = self._limit
            self._limit = self._last_known = replace(limit, remaining=limit.remaining - 1)
            return limit


@dataclass(frozen=True, slots=True)
class LostSession:
    """A session that has lost its connection and can be resumed until `until` (monotonic seconds)."""

    session_id: str
    sequence: int | None
    gateway: yarl.URL
    until: float


class ShardConnection:
    """A shard that stays connected while `run` runs. `monotonic` returns seconds."""

    def __init__(
        self,
        client: RelayClient,
        shard_id: int,
        turns: IdentifyTurns,
        *,
        monotonic: Callable[[], float],
        sleep: Sleep,
        patience: float,
        lost: LostSession | None,
    ) -> None:
        """`lost` is a session of this shard to resume, if that is still possible."""
        self._client = client
        self._turns = turns
        self._monotonic = monotonic
        self._sleep = sleep
        self._patience = patience
        self._socket: DiscordWebSocket | None = None
        self.lost = lost
        """The session to resume next."""
        self.shard_id = shard_id
        self.away_since: float | None = monotonic()
        """Since when the shard has not been connected, including failed attempts; None while it is connected."""
        self.failing_since: float | None = None
        """Since when attempts to connect have failed; None if the last one succeeded."""
        self.first_ready = asyncio.Event()
        """Set once the shard has been connected for the first time."""
        self.close_code = RESUMABLE
        """The code to close the socket with."""

    @property
    def latency(self) -> float:
        """Seconds between a heartbeat and its response; infinite if there was none yet."""
        return float("inf") if self._socket is None else self._socket.latency

    async def run(self) -> Never:
        """Keeps the shard connected.

        Raises discord.ConnectionClosed for a close code after which the shard must not reconnect,
        discord.HTTPException if Discord refuses the token, and any error that shows a fault of discord.py.
        """
        failures = 0
        while True:
            problem = await self._connection()
            if problem is None:
                failures, self.failing_since = 0, None
                continue
            if self.failing_since is None:
                self.failing_since = self._monotonic()
            self._turns.forget()
            failures += 1
            wait = backoff(1.0, failures, _LONGEST_WAIT)
            log.warning("shard %d can't connect (%s); trying again in %.0f s", self.shard_id, problem, wait)
            await self._sleep(wait)

    async def _connection(self) -> str | None:
        """Opens a connection and reads it to its end.

        Returns why it did not come up; None if it did, or if Discord wants a new session instead of the lost one.
        """
        lost, self.lost = self.lost, None
        if lost is not None and self._monotonic() >= lost.until:
            lost = None
        try:
            await self._open_and_read(lost)
        except asyncio.CancelledError:
            if self.lost is None:
                self.lost = lost
            raise
        except ReconnectWebSocket as again:
            if not again.resume and lost is not None and self.away_since is not None:
                return None  # Discord has forgotten the session.
            problem = "closed at once" if again.resume else "the session is invalid"
        except UNREACHABLE as error:
            if isinstance(error, discord.HTTPException) and error.status == HTTPStatus.UNAUTHORIZED:
                raise
            problem = reason_of(error)
        if self.away_since is None:
            self.away_since = self._monotonic()
            return None
        if self.lost is None:
            self.lost = lost
        return problem

    async def _open_and_read(self, lost: LostSession | None) -> Never:
        if lost is None:
            # Done before the socket is opened, because Discord does not wait long for an IDENTIFY.
            await self._turns.wait(self.shard_id)
        socket: DiscordWebSocket | None = None
        came_up = False
        try:
            async with asyncio.timeout(self._patience):
                socket = await self._open(lost)
                up = socket.wait_for("READY" if lost is None else "RESUMED", lambda _: True)
                while not up.done():
                    await socket.poll_event()
            came_up, self._socket, self.away_since, self.failing_since = True, socket, None, None
            self.first_ready.set()
            while True:
                await socket.poll_event()
        except (ReconnectWebSocket, OSError, aiohttp.ClientError, asyncio.CancelledError) as error:
            may_resume = error.resume if isinstance(error, ReconnectWebSocket) else True
            if may_resume and came_up and socket is not None:
                self.lost = self._resumable(socket)
            raise
        finally:
            self._socket = None
            if socket is not None:
                await self._close(socket)

    async def _open(self, lost: LostSession | None) -> DiscordWebSocket:
        if lost is None:
            # `initial` skips discord.py's own wait.
            return await DiscordWebSocket.from_client(self._client, initial=True, shard_id=self.shard_id)
        return await DiscordWebSocket.from_client(
            self._client,
            gateway=lost.gateway,
            shard_id=self.shard_id,
            session=lost.session_id,
            sequence=lost.sequence,
            resume=True,
        )

    def _resumable(self, socket: DiscordWebSocket) -> LostSession | None:
        if socket.session_id is None:
            return None
        until = self._monotonic() + self._patience
        return LostSession(socket.session_id, socket.sequence, socket.gateway, until)

    async def _close(self, socket: DiscordWebSocket) -> None:
        """Closes a connection, without waiting long for a peer that does not respond."""
        with suppress(*UNREACHABLE):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await socket.close(self.close_code)
