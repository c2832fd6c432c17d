"""Discord in a simulated life, as `discord.md` describes it: servers, channels, messages, interactions and the gateway.

The bot's own discord.py client is at the other end: this module gets what the client would send over the network.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import count
from types import SimpleNamespace
from typing import Any

import aiohttp
import orjson

from model.discord_ids import shard_of
from tests.pseudo_language import understood
from tests.simulation.virtual_time import VirtualClock
from tests.simulation.wire import Reply, Request

EPOCH_MS = 1_420_070_400_000
APPLICATION = 700_000_000_000_000_001
BOT = {
    "id": str(APPLICATION),
    "username": "Relay",
    "discriminator": "0",
    "global_name": None,
    "avatar": None,
    "bot": True,
}
BITS = {
    "view_channel": 1 << 10,
    "send_messages": 1 << 11,
    "embed_links": 1 << 14,
    "attach_files": 1 << 15,
    "read_message_history": 1 << 16,
    "send_messages_in_threads": 1 << 38,
}
_ALL = sum(BITS.values())
ENGLISH = "en-US"
_MANAGE_SERVER, _MANAGE_MESSAGES = 1 << 5, 1 << 13
_NONCE_SECONDS = 150.0
"""For how long Discord recognises a nonce; measured, it is between two and five minutes."""
_ANSWER_SECONDS = 3.0
_TOKEN_SECONDS = 900.0
_EPHEMERAL = 64
_HIDDEN = "___hidden___"
_LOG_INS_A_DAY = 1000
_DAY = 86_400.0
_BETWEEN_LOG_INS = 5.0
"""Discord accepts one IDENTIFY in this many seconds; another one within it ends every session."""
_LOG_INS_KEPT = 5
_EVERYBODY = frozenset({0})
"""Stands for everybody whom a text mentions."""
_LONGEST, _LONGEST_TEXTS, _LONGEST_LABEL, _LONGEST_ALT_TEXT, _LONGEST_CHOICE = 2000, 4000, 80, 1024, 100
"""The greatest lengths of a message's content, of all texts in its components, of a button's label, of a file's
description, and of an autocomplete choice."""
_MOST_CHOICES = 25
_VOICE, _ANNOUNCEMENTS, _STAGE, _FORUM, _MEDIA = 2, 5, 13, 15, 16
"""Types of channels."""
_OF_KINDS: dict[int, dict[str, Any]] = {
    _VOICE: {"bitrate": 64_000, "user_limit": 0, "rtc_region": None},
    _STAGE: {"bitrate": 64_000, "user_limit": 0, "rtc_region": None},
    _FORUM: {"available_tags": [], "default_reaction_emoji": None, "default_forum_layout": 0},
    _MEDIA: {"available_tags": [], "default_reaction_emoji": None, "default_forum_layout": 0},
}
"""What only channels of a type have."""


class Refusal(Exception):
    """An error response of Discord's: HTTP status and JSON error code."""

    def __init__(self, status: int, code: int, text: str, errors: Any = None) -> None:
        super().__init__(text)
        self.status = status
        self.code = code
        self.errors = errors
        """The errors by field."""


@dataclass(slots=True, eq=False)
class Channel:
    """A channel, or a thread if it has a parent."""

    id: int
    guild: Guild
    parent: Channel | None = None
    kind: int = 0
    """Discord's number for the type of a channel that is no thread; 0 is a text channel."""
    denied: set[str] = field(default_factory=set)
    """Permissions that the bot lacks here."""
    given_back_at: float = -math.inf
    denied_before: set[str] = field(default_factory=set)
    """Permissions that the bot lacked before the last change."""
    exists: bool = True
    locked: bool = False
    archived: bool = False
    private: bool = False
    """A thread of which the bot is no member."""
    messages: dict[int, dict[str, Any]] = field(default_factory=dict)
    nonces: dict[str, tuple[float, int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The channel's name in the story."""
        return f"c{self.id % 10**6}"

    def lacks(self, permission: str) -> bool:
        place = self.parent or self
        return permission in place.denied or permission in self.guild.denied

    def cannot_be_posted_in(self) -> bool:
        return self.locked or self.lacks("send_messages" if self.parent is None else "send_messages_in_threads")

    def denied_until(self) -> float:
        """When the bot's permissions here last changed."""
        return (self.parent or self).given_back_at

    def could_do_less_at(self, then: float) -> bool:
        """Whether a message that the bot began to send at that time may lack its files, because it could post but not
        attach."""
        place = self.parent or self
        sending = "send_messages" if self.parent is None else "send_messages_in_threads"
        less = "attach_files" in place.denied_before and not place.denied_before & {sending, "view_channel"}
        return less and then < place.given_back_at

    @property
    def allowed(self) -> int:
        place = self.parent or self
        return _ALL & ~sum(BITS[name] for name in place.denied | self.guild.denied)


@dataclass(slots=True, eq=False)
class Guild:
    """A server; `bot_in` says whether the bot is a member."""

    id: int
    channels: list[Channel] = field(default_factory=list)
    admin: int = 0
    members: list[int] = field(default_factory=list)
    moderators: set[int] = field(default_factory=set)
    """Members who may manage messages, but not the server."""
    bot_in: bool = True
    joined_at: float = -math.inf
    """When the bot was invited again."""
    in_outage: bool = False
    """Whether Discord's gateway can't reach the server. It reports nothing about it then."""
    premium_tier: int = 0
    denied: set[str] = field(default_factory=set)
    """Permissions that the bot's roles lack everywhere."""
    locale: str = ENGLISH
    timed_out_until: str | None = None
    """When the bot's timeout ends; until then it can't write."""
    locale_on_its_way: str | None = None
    """The old language, which commands still name if they were sent before it changed."""

    @property
    def named_locale(self) -> str:
        """The server's language as a command names it."""
        return self.locale_on_its_way or self.locale

    def is_manager(self, person: int) -> bool:
        return person == self.admin

    def permissions_of(self, person: int) -> int:
        """What a member may do besides what everybody may."""
        if self.is_manager(person):
            return _MANAGE_SERVER | _MANAGE_MESSAGES
        return _MANAGE_MESSAGES if person in self.moderators else 0


@dataclass(slots=True, eq=False)
class Interaction:
    """An interaction and the replies to it."""

    id: int
    token: str
    guild: Guild
    channel: Channel
    person: int
    kind: int
    what: str
    at: float
    life: int
    """The life of the process that got it; 0 if none was connected."""
    answered_at: float | None = None
    first_type: int | None = None
    source: dict[str, Any] | None = None
    """The message whose button was pressed."""
    shown: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What the asker sees, by message id."""
    modal: dict[str, Any] | None = None
    """A form, or what autocomplete offers."""
    then: Callable[[Interaction], None] | None = None
    """Called with each message that the asker gets."""
    locale: str = ENGLISH
    """The asker's language."""

    @property
    def text(self) -> str:
        return "\n".join(text_of(message) for message in self.shown.values())


@dataclass(frozen=True, slots=True)
class PostedMessage:
    """A message that the bot has posted."""

    at: float
    life: int
    channel: Channel
    message: dict[str, Any]
    nonce: str
    files: tuple[bytes, ...]
    pings: frozenset[int]
    reply_to: str | None = None
    described: tuple[str, ...] = ()
    """The files' descriptions (alt texts)."""


class DiscordWorld:
    """Discord's whole state; responds to REST requests, and sends events to the connected client."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._ids = count(1)
        self.guilds: list[Guild] = []
        self.channels: dict[int, Channel] = {}
        self.commands: list[dict[str, Any]] = []
        self.commands_of: dict[int, list[dict[str, Any]]] = {}
        """The commands that are registered in single servers."""
        self.interactions: dict[int, Interaction] = {}
        self.locales: dict[int, str] = {}
        """The languages of people who don't use Discord in English."""
        self._by_token: dict[str, Interaction] = {}
        self.posted: list[PostedMessage] = []
        self.edits = 0
        self.shards = 1
        """The number of shards that Discord recommends."""
        self.sessions: dict[int, GatewaySession] = {}
        """By shard."""
        self.life = 0
        self.gateway_open = True
        self.gateway_hangs = False
        """Whether a new connection hangs for ever."""
        self.closes_with: int | None = None
        """The close code for every IDENTIFY, if Discord refuses them."""
        self.log_ins: list[float] = []
        """When this process sent an IDENTIFY."""
        self.log_ins_left = _LOG_INS_A_DAY
        self.log_ins_back_at = 0.0
        """When the next day's IDENTIFY limit begins."""
        self.asked_for_limit = 0
        self.on_log_in: Callable[[str | None], None] = lambda _wrong: None
        """Called at each IDENTIFY with what is wrong with it, or None."""
        self.on_post: Callable[[PostedMessage], None] = lambda _posted: None
        self.on_sending: Callable[[Channel, dict[str, Any], int], None] = lambda *_: None
        self.on_answer: Callable[[], None] = lambda: None
        """Called when the bot has acknowledged an interaction."""
        self.on_edit: Callable[[Channel, dict[str, Any]], None] = lambda _channel, _message: None
        self.refuse: Callable[[Channel, dict[str, Any], int], Refusal | None] = lambda *_: None
        """Why Discord refuses a message, or None: takes the channel, the message and the number of files."""
        self.on_unfit: Callable[[str], None] = lambda _why: None
        """Called when the bot sends a message that Discord never accepts."""

    def snowflake(self) -> int:
        return ((self._clock.true_ms() - EPOCH_MS) << 22) + next(self._ids) % (1 << 22)

    def iso(self) -> str:
        return datetime.fromtimestamp(self._clock.true_ms() / 1000, UTC).isoformat()

    # ------------------------------------------------------------- places

    def new_guild(self, members: list[int], channels: int, locale: str = ENGLISH) -> Guild:
        guild = Guild(self.snowflake(), admin=members[0], members=members, locale=locale)
        self.guilds.append(guild)
        for _ in range(channels):
            self.new_channel(guild)
        return guild

    def new_channel(
        self, guild: Guild, parent: Channel | None = None, *, private: bool = False, kind: int = 0
    ) -> Channel:
        """Creates a channel or a thread. The bot isn't a member of a private thread, so it gets no event."""
        channel = Channel(self.snowflake(), guild, parent, kind, private=private)
        guild.channels.append(channel)
        self.channels[channel.id] = channel
        if private:
            return channel
        self.emit("THREAD_CREATE" if parent else "CHANNEL_CREATE", guild, self.channel_payload(channel))
        return channel

    def delete_channel(self, channel: Channel) -> None:
        threads = [other for other in channel.guild.channels if other.parent is channel]
        for gone in (channel, *threads):
            gone.exists = False
            gone.guild.channels.remove(gone)
        event = "THREAD_DELETE" if channel.parent else "CHANNEL_DELETE"
        self.emit(event, channel.guild, self.channel_payload(channel))

    def permit(self, channel: Channel, denied: set[str]) -> None:
        place = channel.parent or channel
        place.denied, place.denied_before = denied, place.denied
        place.given_back_at = self._clock.passed
        self.emit("CHANNEL_UPDATE", place.guild, self.channel_payload(place))

    def boost(self, guild: Guild, tier: int) -> None:
        guild.premium_tier = tier
        self.emit("GUILD_UPDATE", guild, self.guild_payload(guild))

    def set_locale(self, guild: Guild, locale: str) -> None:
        """Changes a server's language."""
        guild.locale = locale
        self.emit("GUILD_UPDATE", guild, self.guild_payload(guild))

    def change_role(self, guild: Guild, denied: set[str]) -> None:
        """Changes the permissions of the bot's only role."""
        guild.denied = denied
        self.emit(
            "GUILD_ROLE_UPDATE", guild, {"guild_id": str(guild.id), "role": self.guild_payload(guild)["roles"][0]}
        )

    def let_in_by_role(self, channel: Channel) -> None:
        """A role of the bot's overrides what hid the channel. The gateway reports only the role."""
        channel.denied, channel.denied_before = set(), channel.denied
        channel.given_back_at = self._clock.passed
        self.change_role(channel.guild, channel.guild.denied)

    def time_out(self, guild: Guild, until: str | None) -> None:
        """A moderator times the bot out, or ends the timeout (None)."""
        guild.timed_out_until = until
        self.emit("GUILD_MEMBER_UPDATE", guild, {"guild_id": str(guild.id), **self.guild_payload(guild)["members"][0]})

    def open_everything(self, guild: Guild) -> None:
        """Restores every permission in the channels, and opens every thread."""
        for channel in list(guild.channels):
            if channel.parent is None and channel.denied:
                self.permit(channel, set())
            if channel.locked or channel.archived:
                self.set_thread(channel, locked=False, archived=False)

    def set_thread(self, thread: Channel, *, locked: bool, archived: bool) -> None:
        thread.locked, thread.archived = locked, archived
        self.emit("THREAD_UPDATE", thread.guild, self.channel_payload(thread))

    def join(self, thread: Channel) -> None:
        """Adds the bot to a private thread."""
        thread.private = False
        payload = {**self.channel_payload(thread), "type": 12, "newly_created": False}
        self.emit("THREAD_CREATE", thread.guild, payload)
        member = {"id": str(thread.id), "user_id": BOT["id"], "join_timestamp": self.iso(), "flags": 0}
        payload = {"id": str(thread.id), "guild_id": str(thread.guild.id), "member_count": 1, "added_members": [member]}
        self.emit("THREAD_MEMBERS_UPDATE", thread.guild, payload)

    def leave(self, thread: Channel) -> None:
        """Takes the bot out of a thread, which is private from then on."""
        thread.private = True
        payload = {"id": str(thread.id), "guild_id": str(thread.guild.id), "member_count": 0,
                   "removed_member_ids": [BOT["id"]]}  # fmt: skip
        self.emit("THREAD_MEMBERS_UPDATE", thread.guild, payload)

    def remove_bot(self, guild: Guild) -> None:
        guild.bot_in = False
        self._tell("GUILD_DELETE", guild, {"id": str(guild.id)})

    def begin_outage(self, guild: Guild) -> None:
        """The gateway can't reach the server any more; requests about it work."""
        self._tell("GUILD_DELETE", guild, {"id": str(guild.id), "unavailable": True})
        guild.in_outage = True

    def end_outage(self, guild: Guild) -> None:
        guild.in_outage = False
        self._tell("GUILD_CREATE", guild, self.guild_payload(guild) | {"unavailable": False})

    def invite_bot(self, guild: Guild) -> None:
        guild.bot_in, guild.joined_at = True, self._clock.passed
        self._tell("GUILD_CREATE", guild, self.guild_payload(guild))

    def channel_name(self, channel: Channel) -> str:
        """The channel's name as people see it."""
        return f"c{channel.id % 1000}"

    def channel_payload(self, channel: Channel) -> dict[str, Any]:
        payload: dict[str, Any] = {
            "id": str(channel.id),
            "guild_id": str(channel.guild.id),
            "name": self.channel_name(channel),
            "position": 0,
            "nsfw": False,
            "topic": None,
        }
        if channel.parent is None and channel.lacks("view_channel"):
            nobody = {"id": str(channel.guild.id), "type": 0, "allow": "0", "deny": str(BITS["view_channel"])}
            return payload | {
                "type": channel.kind,
                "name": _HIDDEN,
                "permission_overwrites": [nobody],
                "parent_id": None,
                **_OF_KINDS.get(channel.kind, {}),
            }
        if channel.parent is None:
            deny = sum(BITS[name] for name in channel.denied)
            overwrite = {"id": str(channel.guild.id), "type": 0, "allow": "0", "deny": str(deny)}
            overwrites = {"type": channel.kind, "permission_overwrites": [overwrite], "parent_id": None}
            return payload | overwrites | _OF_KINDS.get(channel.kind, {})
        meta = {"archived": channel.archived, "locked": channel.locked, "auto_archive_duration": 1440,
                "archive_timestamp": self.iso()}  # fmt: skip
        return payload | {
            "type": 12 if channel.private else 10 if channel.parent.kind == _ANNOUNCEMENTS else 11,
            "parent_id": str(channel.parent.id),
            "owner_id": str(channel.guild.admin),
            "thread_metadata": meta,
            "message_count": 0,
            "member_count": 1,
        }

    def guild_payload(self, guild: Guild) -> dict[str, Any]:
        granted = str(_ALL & ~sum(BITS[name] for name in guild.denied))
        everyone = {"id": str(guild.id), "name": "@everyone", "permissions": granted, "position": 0, "color": 0,
                    "colors": {"primary_color": 0}, "hoist": False, "managed": False, "mentionable": False,
                    "flags": 0}  # fmt: skip
        me = {
            "user": BOT,
            "roles": [],
            "joined_at": "2025-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
            "flags": 0,
            "communication_disabled_until": guild.timed_out_until,
        }
        plain = [channel for channel in guild.channels if channel.parent is None]
        threads = [
            channel
            for channel in guild.channels
            if channel.parent is not None and not (channel.archived or channel.private or channel.lacks("view_channel"))
        ]
        return {
            "id": str(guild.id),
            "name": f"server {guild.id % 1000}",
            "owner_id": str(guild.admin),
            "roles": [everyone],
            "channels": [self.channel_payload(channel) for channel in plain],
            "threads": [self.channel_payload(channel) for channel in threads],
            "members": [me],
            "member_count": len(guild.members) + 1,
            "large": False,
            "premium_tier": guild.premium_tier,
            "features": [],
            "emojis": [],
            "stickers": [],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "preferred_locale": guild.locale,
            "system_channel_flags": 0,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "mfa_level": 0,
            "nsfw_level": 0,
            "afk_timeout": 60,
            "joined_at": "2025-01-01T00:00:00+00:00",
        }

    def message_of(self, author: dict[str, Any] | int, channel: Channel, content: str) -> dict[str, Any]:
        """A message as Discord represents it; it isn't in the channel yet."""
        if isinstance(author, int):
            author = {"id": str(author), "username": "member", "discriminator": "0", "avatar": None}
        return {
            "id": str(self.snowflake()),
            "channel_id": str(channel.id),
            "author": author,
            "content": content,
            "timestamp": self.iso(),
            "edited_timestamp": None,
            "tts": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "pinned": False,
            "type": 0,
            "flags": 0,
            "components": [],
        }

    # -------------------------------------------------------- interactions

    def interact(
        self,
        kind: int,
        channel: Channel,
        person: int,
        what: str,
        data: dict[str, Any],
        *,
        source: dict[str, Any] | None = None,
        then: Callable[[Interaction], None] | None = None,
        demoted: bool = False,
    ) -> Interaction:
        """A person sends an interaction; the connected client gets it."""
        number = self.snowflake()
        connected = self._is_connected(channel.guild)
        interaction = Interaction(
            number,
            f"interaction-{number}",
            channel.guild,
            channel,
            person,
            kind,
            what,
            self._clock.passed,
            self.life if connected else 0,
            source=source,
            then=then,
            locale=self.locales.get(person, ENGLISH),
        )
        self.interactions[number] = interaction
        self._by_token[interaction.token] = interaction
        permissions = _ALL | (0 if demoted else channel.guild.permissions_of(person))
        user = {"id": str(person), "username": f"p{person}", "discriminator": "0", "global_name": None, "avatar": None}
        payload = {
            "id": str(number),
            "application_id": str(APPLICATION),
            "type": kind,
            "token": interaction.token,
            "version": 1,
            "guild_id": str(channel.guild.id),
            "guild": {"id": str(channel.guild.id), "locale": channel.guild.named_locale, "features": []},
            "channel_id": str(channel.id),
            "channel": {**self.channel_payload(channel), "permissions": str(permissions)},
            "member": {"user": user, "roles": [], "joined_at": "2025-01-01T00:00:00+00:00", "deaf": False,
                       "mute": False, "permissions": str(permissions), "flags": 0},
            "data": data,
            "locale": interaction.locale,
            "guild_locale": channel.guild.named_locale,
            "app_permissions": str(channel.allowed),
            "entitlements": [],
            "authorizing_integration_owners": {"0": str(channel.guild.id)},
            "context": 0,
            "attachment_size_limit": 10 * 1024 * 1024,
        }  # fmt: skip
        if source is not None:
            payload["message"] = source
        if connected:
            self._tell("INTERACTION_CREATE", channel.guild, payload)
        return interaction

    # ----------------------------------------------------------------- REST

    def answer(self, request: Request) -> Reply:
        """Responds to one request to Discord's REST API."""
        date = {"Date": format_datetime(datetime.fromtimestamp(self._clock.true_ms() / 1000, UTC), usegmt=True)}
        path = re.sub(r"^/api/v10", "", request.path)
        for method, pattern, handler in _ROUTES:
            if method == request.method and (found := pattern.fullmatch(path)) is not None:
                try:
                    body = handler(self, request, *found.groups())
                except Refusal as refusal:
                    body = {"code": refusal.code, "message": str(refusal)}
                    return Reply(refusal.status, body | ({"errors": refusal.errors} if refusal.errors else {}), date)
                return Reply(204 if body is None else 200, body, date)
        raise AssertionError(f"a route that Discord is not played with here: {request.method} {path}")

    def _me(self, _request: Request) -> Any:
        return BOT

    def _application(self, _request: Request) -> Any:
        return {"id": str(APPLICATION), "name": "Relay", "flags": 0, "bot_public": True, "verify_key": "", "owner": BOT,
                "bot_require_code_grant": False, "description": "", "icon": None, "team": None}  # fmt: skip

    def _gateway(self, _request: Request) -> Any:
        self.asked_for_limit += 1
        self._begin_day()
        used = self.log_ins_left < _LOG_INS_A_DAY
        reset_after = round((self.log_ins_back_at - self._clock.passed) * 1000) if used else 0
        limit = {"total": _LOG_INS_A_DAY, "remaining": self.log_ins_left, "reset_after": reset_after,
                 "max_concurrency": 1}  # fmt: skip
        return {"url": "wss://gateway.discord.example", "shards": self.shards, "session_start_limit": limit}

    def _guilds(self, request: Request) -> Any:
        after = int(request.query.get("after", 0))
        mine = sorted((guild for guild in self.guilds if guild.bot_in and guild.id > after), key=lambda guild: guild.id)
        return [{"id": str(guild.id), "name": "s", "icon": None, "owner": False, "permissions": "0", "features": []}
                for guild in mine[: int(request.query.get("limit", 200))]]  # fmt: skip

    def _guild(self, _request: Request, guild_id: str) -> Any:
        guild = next((guild for guild in self.guilds if guild.id == int(guild_id)), None)
        if guild is None or not guild.bot_in:
            raise Refusal(404, 10004, "Unknown Guild")
        return self.guild_payload(guild)

    def _commands(self, _request: Request, _application: str) -> Any:
        return self.commands

    def _register(self, request: Request, _application: str) -> Any:
        self.commands = _registered(request.body)
        return self.commands

    def _commands_of(self, _request: Request, _application: str, guild_id: str) -> Any:
        return self.commands_of.get(int(guild_id), [])

    def _register_in(self, request: Request, _application: str, guild_id: str) -> Any:
        self.commands_of[int(guild_id)] = _registered(request.body)
        return self.commands_of[int(guild_id)]

    def _seen(self, channel_id: str) -> Channel:
        channel = self.channels.get(int(channel_id))
        if channel is None or not channel.exists:
            raise Refusal(404, 10003, "Unknown Channel")
        if not channel.guild.bot_in or channel.lacks("view_channel") or channel.private:
            raise Refusal(403, 50001, "Missing Access")
        return channel

    def _channel(self, _request: Request, channel_id: str) -> Any:
        return self.channel_payload(self._seen(channel_id))

    def _history(self, request: Request, channel_id: str) -> Any:
        channel = self._seen(channel_id)
        if channel.lacks("read_message_history"):
            return []
        ids = sorted(channel.messages)
        if "after" in request.query:
            ids = [one for one in ids if one > int(request.query["after"])][: int(request.query.get("limit", 50))]
        else:
            ids = ids[-int(request.query.get("limit", 50)) :]
        return [channel.messages[one] for one in reversed(ids)]

    def _check_bounds(self, body: dict[str, Any]) -> None:
        """Raises Refusal if a message is empty or longer than Discord accepts."""
        why = _unfit(body)
        if why:
            self.on_unfit(why)
            raise Refusal(400, 50035, "Invalid Form Body")

    def _post(self, request: Request, channel_id: str) -> Any:
        channel = self._seen(channel_id)
        body = request.body
        self._check_bounds(body)
        self.on_sending(channel, body, len(request.files))
        self._check_posting(channel, body, len(request.files))
        nonce = str(body.get("nonce"))
        now = self._clock.passed
        if nonce in channel.nonces and now - channel.nonces[nonce][0] < _NONCE_SECONDS:
            known = channel.messages.get(channel.nonces[nonce][1])
            if known is None:
                raise Refusal(404, 10008, "Unknown Message")
            return known
        refusal = self.refuse(channel, body, len(request.files))
        if refusal is not None:
            raise refusal
        message = self._stored(channel, body, request)
        channel.nonces[nonce] = (now, int(message["id"]))
        if channel.archived:
            self.set_thread(channel, locked=channel.locked, archived=False)
        allowed = body.get("allowed_mentions") or {"parse": ["everyone"]}
        pings = frozenset(map(int, allowed.get("users", ()))) | (_EVERYBODY if allowed.get("parse") else frozenset())
        reply_to = (body.get("message_reference") or {}).get("message_id")
        reply_to = None if reply_to is None or int(reply_to) not in channel.messages else str(reply_to)
        described = tuple(str(one.get("description") or "") for one in body.get("attachments") or ())
        posted = PostedMessage(now, self.life, channel, message, nonce, request.files, pings, reply_to, described)
        self.posted.append(posted)
        self.on_post(posted)
        return message

    def _check_posting(self, channel: Channel, body: dict[str, Any], files: int) -> None:
        if channel.locked:
            raise Refusal(403, 160005, "Thread is locked")
        sending = "send_messages_in_threads" if channel.parent is not None else "send_messages"
        if channel.lacks(sending) or channel.guild.timed_out_until is not None:
            raise Refusal(403, 50013, "Missing Permissions")
        if files and channel.lacks("attach_files"):
            raise Refusal(403, 50013, "Missing Permissions")
        if body.get("message_reference") and channel.lacks("read_message_history"):
            raise Refusal(403, 160002, "Cannot reply without permission to read message history")
        reference = (body.get("message_reference") or {}).get("fail_if_not_exists", True)
        if (
            body.get("message_reference")
            and reference
            and body["message_reference"]["message_id"] not in channel.messages
        ):
            raise Refusal(400, 50035, "Invalid Form Body")

    def _stored(self, channel: Channel, body: dict[str, Any], request: Request) -> dict[str, Any]:
        message = self.message_of(BOT, channel, body.get("content") or "")
        number = int(message["id"])
        message["attachments"] = [
            {
                "id": str(number + k),
                "filename": name,
                "size": len(file),
                "url": "https://x.example",
                "proxy_url": "",
            }
            for k, (file, name) in enumerate(zip(request.files, request.filenames, strict=True))
        ]
        message["flags"] = body.get("flags") or 0
        message["components"] = body.get("components") or []
        channel.messages[number] = message
        return message

    def _edit(self, request: Request, channel_id: str, message_id: str) -> Any:
        channel = self._seen(channel_id)
        message = channel.messages.get(int(message_id))
        if message is None:
            raise Refusal(404, 10008, "Unknown Message")
        if channel.archived:
            raise Refusal(400, 50083, "Thread is archived")
        self._check_bounds(request.body)
        self.edits += 1
        message |= {
            name: request.body[name] or ([] if name == "components" else "")
            for name in ("content", "components")
            if name in request.body
        } | {"edited_timestamp": self.iso()}
        self.on_edit(channel, message)
        return message

    def _callback(self, request: Request, number: str, _token: str) -> Any:
        interaction = self.interactions[int(number)]
        now = self._clock.passed
        if interaction.answered_at is not None:
            raise Refusal(400, 40060, "Interaction has already been acknowledged.")
        if now - interaction.at > _ANSWER_SECONDS:
            raise Refusal(404, 10062, "Unknown interaction")
        self._check_bounds(request.body.get("data") or {})
        interaction.answered_at = now
        self.on_answer()
        interaction.first_type = request.body["type"]
        data = request.body.get("data") or {}
        message = None
        if interaction.first_type in (4, 5):
            message = self._shown(interaction, None, data, thinking=interaction.first_type == 5)
        elif interaction.first_type == 7 and interaction.source is not None:
            message = self._shown(interaction, int(interaction.source["id"]), data)
        elif interaction.first_type in (8, 9):
            interaction.modal = data
        if interaction.first_type != 5:
            self._notify(interaction)
        answer: dict[str, Any] = {"interaction": {"id": number, "type": interaction.kind}}
        if message is not None:
            answer["interaction"]["response_message_id"] = message["id"]
            answer["resource"] = {"type": interaction.first_type, "message": message}
        return answer if request.query.get("with_response") else None

    def _shown(
        self, interaction: Interaction, number: int | None, data: dict[str, Any], *, thinking: bool = False
    ) -> dict[str, Any]:
        number = number or self.snowflake()
        message = interaction.shown.get(number) or (
            interaction.source if interaction.source and int(interaction.source["id"]) == number else None
        )
        if message is None:
            message = {
                **self.message_of(BOT, interaction.channel, ""),
                "id": str(number),
                "type": 20,
                "flags": _EPHEMERAL,
            }
        for name in ("content", "components"):
            if name in data:
                message[name] = data[name] or ([] if name == "components" else "")
        if thinking:
            message["thinking"] = True
        else:
            message.pop("thinking", None)
        interaction.shown[number] = message
        return message

    def _notify(self, interaction: Interaction) -> None:
        if interaction.then is not None:
            interaction.then(interaction)

    def _by_valid_token(self, token: str) -> Interaction:
        interaction = self._by_token.get(token)
        if (
            interaction is None
            or interaction.answered_at is None
            or self._clock.passed - interaction.at > _TOKEN_SECONDS
        ):
            raise Refusal(
                404 if interaction is None else 401, 10015 if interaction is None else 50027, "Invalid Webhook Token"
            )
        return interaction

    def _edit_answer(self, request: Request, _application: str, token: str) -> Any:
        interaction = self._by_valid_token(token)
        self._check_bounds(request.body)
        if interaction.first_type in (6, 7) and interaction.source is not None:
            message = self._shown(interaction, int(interaction.source["id"]), request.body)
        else:
            number = min(interaction.shown) if interaction.shown else None
            message = self._shown(interaction, number, request.body)
        self._notify(interaction)
        return message

    def _follow_up(self, request: Request, _application: str, token: str) -> Any:
        interaction = self._by_valid_token(token)
        self._check_bounds(request.body)
        message = self._shown(interaction, None, request.body)
        self._notify(interaction)
        return message

    # -------------------------------------------------------------- gateway

    def emit(self, event: str, guild: Guild, payload: dict[str, Any]) -> None:
        if guild.bot_in and not guild.in_outage:
            self._tell(event, guild, payload)

    def _tell(self, event: str, guild: Guild, payload: dict[str, Any]) -> None:
        session = self.sessions.get(shard_of(guild.id, self.shards))
        if session is not None:
            session.dispatch(event, payload)

    def _is_connected(self, guild: Guild) -> bool:
        session = self.sessions.get(shard_of(guild.id, self.shards))
        return session is not None and session.socket.ready

    async def connect(self) -> GatewaySocket:
        """A client connects. Raises aiohttp's error if the gateway is closed."""
        if not self.gateway_open:
            raise aiohttp.ClientConnectorError(SimpleNamespace(host="", port=0, ssl=None), OSError("away"))  # type: ignore[arg-type]
        if self.gateway_hangs:
            await asyncio.get_running_loop().create_future()
        socket = GatewaySocket(self)
        socket.push({"op": 10, "d": {"heartbeat_interval": 10**9}, "s": None, "t": None})
        return socket

    def cut_gateway(self, code: int = 1006) -> None:
        """Breaks every connection. The sessions can be resumed if the close code allows it."""
        for session in self.sessions.values():
            session.socket.hang_up(code)

    def invalidate(self) -> None:
        """Discord forgets the sessions."""
        sessions, self.sessions = self.sessions, {}
        for session in sessions.values():
            session.socket.hang_up(1006)

    def process_gone(self) -> None:
        """The process is gone, and its sessions with it."""
        self.sessions.clear()
        self.log_ins.clear()

    def identify(self, socket: GatewaySocket, data: dict[str, Any]) -> None:
        shard, of = data.get("shard") or (0, 1)
        self.on_log_in(self._wrong_log_in())
        self.log_ins.append(self._clock.passed)
        self.log_ins_left -= 1
        if self.closes_with is not None or of != self.shards:
            socket.hang_up(self.closes_with or 4011)
            return
        session = self.sessions[shard] = GatewaySession(f"s{next(self._ids)}", socket)
        mine = [guild for guild in self.guilds if guild.bot_in and shard_of(guild.id, of) == shard]
        session.dispatch(
            "READY",
            {
                "v": 10,
                "user": BOT,
                "guilds": [{"id": str(guild.id), "unavailable": True} for guild in mine],
                "session_id": session.id,
                "resume_gateway_url": "wss://gateway.discord.example",
                "shard": [shard, of],
                "application": {"id": str(APPLICATION), "flags": 0},
            },
        )
        for guild in mine:
            if not guild.in_outage:
                session.dispatch("GUILD_CREATE", self.guild_payload(guild) | {"unavailable": False})
        socket.ready = True

    def _begin_day(self) -> None:
        if self._clock.passed >= self.log_ins_back_at:
            self.log_ins_left, self.log_ins_back_at = _LOG_INS_A_DAY, self._clock.passed + _DAY

    def _wrong_log_in(self) -> str | None:
        """What is wrong with an IDENTIFY that comes now, or None."""
        self._begin_day()
        gap = self._clock.passed - self.log_ins[-1] if self.log_ins else math.inf
        if gap < _BETWEEN_LOG_INS:
            return f"an IDENTIFY {gap:.1f} s after the one before"
        if self.log_ins_left <= _LOG_INS_KEPT:
            return f"an IDENTIFY, though only {self.log_ins_left} are left today"
        return None

    def resume(self, socket: GatewaySocket, data: dict[str, Any]) -> None:
        session = next((one for one in self.sessions.values() if one.id == data.get("session_id")), None)
        if session is None:
            socket.push({"op": 9, "d": False, "s": None, "t": None})
            return
        session.socket = socket
        for frame in [frame for frame in session.frames if frame["s"] > int(data.get("seq") or 0)]:
            socket.push(frame)
        socket.ready = True
        session.dispatch("RESUMED", {})


class GatewaySession:
    """What Discord remembers of a session: the latest of its frames."""

    def __init__(self, number: str, socket: GatewaySocket) -> None:
        self.id = number
        self.socket = socket
        self.frames: deque[dict[str, Any]] = deque(maxlen=500)
        self._sequence = 0

    def dispatch(self, event: str, payload: dict[str, Any]) -> None:
        self._sequence += 1
        frame = {"op": 0, "d": payload, "s": self._sequence, "t": event}
        self.frames.append(frame)
        if not self.socket.closed:
            self.socket.push(frame)


class GatewaySocket:
    """The gateway's end of a WebSocket, with the methods that discord.py calls."""

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world
        self._inbox: deque[SimpleNamespace] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self.closed = False
        self.ready = False
        self.close_code: int | None = None

    def push(self, frame: dict[str, Any]) -> None:
        self._put(SimpleNamespace(type=aiohttp.WSMsgType.TEXT, data=orjson.dumps(frame).decode()))

    def hang_up(self, code: int) -> None:
        self.close_code = code
        self.closed = True
        self.ready = False
        self._put(SimpleNamespace(type=aiohttp.WSMsgType.CLOSED, data=None))

    def _put(self, message: SimpleNamespace) -> None:
        self._inbox.append(message)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def receive(self, timeout: float | None = None) -> SimpleNamespace:
        while not self._inbox:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._inbox.popleft()

    async def send_str(self, text: str) -> None:
        frame = orjson.loads(text)
        match frame["op"]:
            case 1:
                self.push({"op": 11, "d": None, "s": None, "t": None})
            case 2:
                self._world.identify(self, frame["d"])
            case 6:
                self._world.resume(self, frame["d"])

    async def close(self, *, code: int = 1000) -> bool:
        if not self.closed:
            self.hang_up(code)
        return True


def _registered(commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**command, "id": str(800_000_000_000_000_000 + number), "application_id": str(APPLICATION), "version": "1"}
        for number, command in enumerate(commands, start=1)
    ]


def texts_in(value: object) -> list[str]:
    """All texts in a message's components."""
    if isinstance(value, list):
        return [text for entry in value for text in texts_in(entry)]
    if not isinstance(value, dict):
        return []
    own = [str(value["content"])] if value.get("type") == 10 else []
    return own + texts_in(value.get("components")) + texts_in(value.get("accessory"))


def text_of(message: dict[str, Any]) -> str:
    """All texts of a message; what is in the tests' own language is translated back to English."""
    return understood(written_in(message))


def written_in(message: dict[str, Any]) -> str:
    """All texts of a message as they are written."""
    return "\n".join([str(message.get("content") or ""), *texts_in(message.get("components"))]).strip()


def _unfit(body: dict[str, Any]) -> str | None:
    """Why Discord would refuse a message's contents, or None."""
    bounds = [(str(body.get("content") or ""), _LONGEST), ("".join(texts_in(body.get("components"))), _LONGEST_TEXTS)]
    bounds += [(str(one.get("description") or ""), _LONGEST_ALT_TEXT) for one in body.get("attachments") or ()]
    choices = body.get("choices") or []
    bounds += [(str(choice[part]), _LONGEST_CHOICE) for choice in choices for part in ("name", "value")]
    if len(choices) > _MOST_CHOICES:
        return f"{len(choices)} choices"
    for text, most in bounds:
        if len(text.encode("utf-16-le", "surrogatepass")) > 2 * most:
            return f"a text of more than {most} characters: {text!r}"
    for label, _ in labelled_in(body):
        if not label.strip() or len(label) > _LONGEST_LABEL:
            return f"a button is called {label!r}"
    return None


def buttons_of(message: dict[str, Any]) -> list[tuple[str, str]]:
    """The label and custom id of each button, with labels in English as in `text_of`."""
    return [(understood(label), custom_id) for label, custom_id in labelled_in(message)]


def labelled_in(message: dict[str, Any]) -> list[tuple[str, str]]:
    """The label and custom id of each button, with labels as they are written."""
    found: list[tuple[str, str]] = []

    def walk(value: object) -> None:
        if isinstance(value, list):
            for entry in value:
                walk(entry)
        elif isinstance(value, dict):
            if value.get("type") == 2 and "custom_id" in value and not value.get("disabled"):
                found.append((str(value.get("label")), str(value["custom_id"])))
            walk(value.get("components"))
            walk(value.get("accessory"))

    walk(message.get("components"))
    return found


_ROUTES: list[tuple[str, re.Pattern[str], Callable[..., Any]]] = [
    (method, re.compile(pattern), handler)
    for method, pattern, handler in (
        ("GET", "/users/@me", DiscordWorld._me),
        ("GET", "/oauth2/applications/@me", DiscordWorld._application),
        ("GET", "/gateway/bot", DiscordWorld._gateway),
        ("GET", "/users/@me/guilds", DiscordWorld._guilds),
        ("GET", r"/guilds/(\d+)", DiscordWorld._guild),
        ("GET", r"/applications/(\d+)/commands", DiscordWorld._commands),
        ("PUT", r"/applications/(\d+)/commands", DiscordWorld._register),
        ("GET", r"/applications/(\d+)/guilds/(\d+)/commands", DiscordWorld._commands_of),
        ("PUT", r"/applications/(\d+)/guilds/(\d+)/commands", DiscordWorld._register_in),
        ("GET", r"/channels/(\d+)", DiscordWorld._channel),
        ("GET", r"/channels/(\d+)/messages", DiscordWorld._history),
        ("POST", r"/channels/(\d+)/messages", DiscordWorld._post),
        ("PATCH", r"/channels/(\d+)/messages/(\d+)", DiscordWorld._edit),
        ("POST", r"/interactions/(\d+)/([^/]+)/callback", DiscordWorld._callback),
        ("PATCH", r"/webhooks/(\d+)/([^/]+)/messages/@original", DiscordWorld._edit_answer),
        ("POST", r"/webhooks/(\d+)/([^/]+)", DiscordWorld._follow_up),
    )
]
