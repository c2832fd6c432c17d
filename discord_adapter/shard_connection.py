"""One shard's connection to the gateway, resumed or made again whatever ends it.

discord.py's own loop does this for all shards in turn, so that one that waits holds up the others; it waits for an
IDENTIFY's turn with the socket open and unread; and it waits for ever for a resume address that does not answer
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
from relay.cluster.identify_pacing import SessionStartLimit
from relay.failures import backoff
from relay.ports import Sleep

log = logging.getLogger(__name__)

TakeSlot = Callable[[int, SessionStartLimit], Awaitable[bool]]
"""Waits until this shard may send one IDENTIFY. False: it waited so long that the limit has to be asked for again."""

PATIENCE = 60.0
"""Seconds in which a connection has to come up, and for which resuming the lost one is tried."""

RESUMABLE = 4000
"""Closed with this code, a session can still be resumed."""
ENDED = 1000
"""Closed with this code, a session is over, and the bot is shown as offline (Discord docs, Disconnecting)."""

_LONGEST_WAIT = 60.0
_LIMIT_IS_FRESH_SECONDS = 5.0
_ASK_SECONDS = 30.0
_DAY_SECONDS = 86_400.0
_CLOSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class GatewayInfo:
    """What `GET /gateway/bot` says."""

    shards: int
    limit: SessionStartLimit


async def ask_gateway(client: discord.Client) -> GatewayInfo:
    """Asks for the gateway's address, which new connections then use, and for what Discord allows.

    Raises NotDiscord, and what discord.py does.
    """
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            data = await client.http.request(Route("GET", "/gateway/bot"))
    except ValueError as error:
        raise NotDiscord from error  # JSON that breaks off
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
    """Lets the shards of this process identify in turn. `monotonic` returns seconds.

    Discord is asked for its limit once for all of them within a few seconds: it bounds that request too, and a start
    with many shards would use that up.
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
        """Waits until this shard may send one IDENTIFY. Raises what `ask_gateway` does."""
        while not await self._take_slot(shard_id, await self._next()):
            self.forget()

    def forget(self) -> None:
        """Asks Discord again before the next IDENTIFY: the address that it named may be no good."""
        self._limit = None

    def known(self) -> SessionStartLimit | None:
        """The limit as far as this process knows it: what others have used since it was asked for is missing.

        Returns None until it has been asked for.
        """
        limit = self._last_known
        if limit is None:
            return None
        # The day begins with its first IDENTIFY: before that one Discord may say 0.
        reset_after_s = (limit.reset_after_s or _DAY_SECONDS) - (self._monotonic() - self._asked_at)
        if reset_after_s > 0:
            return replace(limit, reset_after_s=reset_after_s)
        return replace(limit, remaining=limit.total, reset_after_s=0.0)

    async def _next(self) -> SessionStartLimit:
        """The limit, less the turns that were given since it was asked for."""
        async with self._asking:
            if self._limit is None or self._monotonic() - self._asked_at >= _LIMIT_IS_FRESH_SECONDS:
                self._limit = (await ask_gateway(self._client)).limit
                self._asked_at = self._monotonic()
            limit = self._limit
            self._limit = self._last_known = replace(limit, remaining=limit.remaining - 1)
            return limit


@dataclass(frozen=True, slots=True)
class LostSession:
    """A session whose connection is gone, and which can be resumed until `until` (monotonic seconds)."""

    session_id: str
    sequence: int | None
    gateway: yarl.URL
    until: float


class ShardConnection:
    """A shard that is connected for as long as `run` runs. `monotonic` returns seconds."""

    def __init__(
        self,
        client: RelayClient,
        shard_id: int,
        turns: IdentifyTurns,
        *,
        monotonic: Callable[[], float],
        sleep: Sleep,
        patience: float,
        lost: LostSession | None = None,
    ) -> None:
        """`lost` is a session of this shard that is resumed if it still can be."""
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
        """Since when it has not been connected, failed attempts included; None: it is connected."""
        self.failing_since: float | None = None
        """Since when attempts to connect have failed; None: the last one did not."""
        self.first_ready = asyncio.Event()
        """Set once the shard has been connected."""
        self.close_code = RESUMABLE
        """The code with which the socket is closed."""

    @property
    def latency(self) -> float:
        """Seconds between a heartbeat and its response; infinite where none has come."""
        return float("inf") if self._socket is None else self._socket.latency

    async def run(self) -> Never:
        """Keeps the shard connected.

        Raises discord.ConnectionClosed after a code with which Discord forbids to go on, discord.HTTPException where
        it refuses the token, and whatever shows a fault of discord.py.
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
            log.warning("Shard %d can't connect (%s); trying again in %.0f s", self.shard_id, problem, wait)
            await self._sleep(wait)

    async def _connection(self) -> str | None:
        """One connection from its opening to its end.

        Returns why it did not come up; None if it did, or if a new session is asked for in the place of a lost one.
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
                return None  # Discord has forgotten the session
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
            # Before the socket is opened: Discord waits only so long for an IDENTIFY.
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
        except ReconnectWebSocket as again:
            if again.resume and came_up and socket is not None:
                self.lost = self._resumable(socket)
            raise
        except (OSError, aiohttp.ClientError, TimeoutError, asyncio.CancelledError):
            if came_up and socket is not None:
                self.lost = self._resumable(socket)
            raise
        finally:
            self._socket = None
            if socket is not None:
                await self._close(socket)

    async def _open(self, lost: LostSession | None) -> DiscordWebSocket:
        if lost is None:
            # `initial` spares discord.py's own wait.
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
        """Closes what is left of a connection, without waiting for a peer that does not respond."""
        with suppress(*UNREACHABLE):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await socket.close(self.close_code)
