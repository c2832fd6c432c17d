"""The state that all parts of the sandbox share: SimCord's world, and data that SimCord lacks."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Any

import discord
from simcord.backend import Backend
from simcord.env import Env

from sandbox.event_log import EventLog

from .changes import Changes
from .clock import RunningClock
from .faults import Faults
from .limits import RateLimits
from .nonces import NonceMemory
from .recording import RecordedRequest
from .session_starts import SessionStarts

MIB = 1024 * 1024
DEFAULT_UPLOAD_LIMIT = 10 * MIB
DEFAULT_LOCALE = "en-US"
_KEPT_EVENTS = 500


@dataclass(frozen=True, slots=True)
class Pings:
    """Whom a message notified when it was sent."""

    users: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    everyone: bool = False


@dataclass(slots=True)
class GuildExtras:
    """A guild's data that SimCord doesn't store. The upload limit is in bytes per file."""

    upload_limit: int = DEFAULT_UPLOAD_LIMIT
    premium_tier: int = 0


@dataclass(slots=True)
class PostFacts:
    """A message's data that SimCord doesn't store: its nonce, and whom it pinged when it was sent."""

    nonce: str | int | None
    pings: Pings


@dataclass(slots=True)
class VirtualDiscord:
    """One virtual Discord. `proxy` stands in for the bot inside SimCord, for the preview page only."""

    proxy: discord.Client
    bot_token: str
    log_path: InitVar[Path | None] = None
    env: Env = field(init=False)
    backend: Backend = field(init=False)
    clock: RunningClock = field(default_factory=RunningClock)
    hides_channels: bool = True
    """Whether channels that the bot may not view are reported without their names (since 2026-11-16)."""
    hidden: set[int] = field(default_factory=set)
    """Channels that the bot could not view when they were last reported."""
    changes: Changes = field(default_factory=Changes)
    faults: Faults = field(default_factory=Faults)
    limits: RateLimits = field(init=False)
    starts: SessionStarts = field(init=False)
    log: EventLog = field(init=False)
    nonces: NonceMemory = field(init=False)
    requests: list[RecordedRequest] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    guild_extras: dict[int, GuildExtras] = field(default_factory=dict)
    locales: dict[int, str | None] = field(default_factory=dict)
    """The language of the people who have another one than `DEFAULT_LOCALE`, by user id; None: Discord tells none."""
    posts: dict[int, PostFacts] = field(default_factory=dict)
    old_edits: dict[int, list[float]] = field(default_factory=dict)
    application: dict[str, Any] = field(default_factory=dict)
    outages: set[int] = field(default_factory=set)  # guilds that Discord itself cannot reach
    token_refused: bool = False
    message_content_approved: bool = False

    def __post_init__(self, log_path: Path | None) -> None:
        self.env = Env(self.proxy, check_errors=False)
        self.backend = self.env.backend
        self.backend.clock = self.clock
        # SimCord keeps every call and event for good; a sandbox may run for hours
        self.backend.transcript = deque(maxlen=_KEPT_EVENTS)  # type: ignore[assignment]
        self.backend.http_requests = deque(maxlen=_KEPT_EVENTS)  # type: ignore[assignment]
        self.limits = RateLimits(self.now)
        self.starts = SessionStarts(self.now)
        self.log = EventLog(log_path, self.now)
        self.nonces = NonceMemory(self.clock)

    def now(self) -> float:
        """Seconds since 1970 by the sandbox's clock."""
        return self.clock.now().timestamp()

    def extras(self, guild_id: int | None) -> GuildExtras:
        """A guild's settings beyond SimCord's; those of a direct message are the defaults."""
        if guild_id is None:
            return GuildExtras()
        return self.guild_extras.setdefault(guild_id, GuildExtras())

    def locale(self, user_id: int) -> str | None:
        """The language in which somebody uses Discord."""
        return self.locales.get(user_id, DEFAULT_LOCALE)

    def preferred_locale(self, guild_id: int) -> str | None:
        """A server's language; SimCord keeps "" where none is told."""
        return self.backend.get_guild(guild_id).preferred_locale or None

    def token_fits(self, token: str) -> bool:
        """Whether this is the bot's token, and not refused just now."""
        return not self.token_refused and token.removeprefix("Bot ").strip() == self.bot_token

    def emit(self, event: str, payload: Mapping[str, Any]) -> None:
        """Send an event to all listeners, including the bot."""
        self.backend.emit(event, payload)
