"""Posts, edits, finds and deletes the relay's messages by id, and returns Discord's response as a plain value."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
import discord

from discord_adapter.channels import VIEW_CHANNEL, ChannelOwners, is_hidden, is_locked, missing_to_post
from discord_adapter.early_ack import EarlyAcks
from discord_adapter.history import find_copies, find_message
from discord_adapter.request_trace import UNKNOWN_CHANNEL, UNREADABLE, is_ambiguous, read_refusal, remembered_statuses
from model.messages import (
    Address,
    CardPost,
    HistorySearchFailure,
    HistorySearchResult,
    HistoryUnreadable,
    NoResponse,
    NoticePost,
    Obstacle,
    Post,
    Posted,
    Refused,
    SendResult,
    ServerNotReported,
    SummaryPost,
    TooManyRequests,
)
from ui.command_texts import CommandMentions
from ui.message import Message
from ui.posts import message_of

log = logging.getLogger(__name__)

_ASK_AGAIN_SECONDS = 10.0
_BASE_SECONDS = 60.0
_SLOWEST_UPLOAD = 256 * 1024
"""Bytes per second; a slower upload counts as unanswered."""

_T = TypeVar("_T")


class DiscordPoster:
    """The relay's Poster, on a discord.py client. `paused_for` returns for how many seconds no request may be made, and
    `discord_now` Discord's time, or None if it is unknown."""

    def __init__(
        self,
        client: discord.Client,
        mentions: Callable[[int], CommandMentions],
        paused_for: Callable[[], float],
        owners: ChannelOwners,
        discord_now: Callable[[], datetime | None],
    ) -> None:
        self._client = client
        self._mentions = mentions
        self._paused_for = paused_for
        self._owners = owners
        self._discord_now = discord_now
        self._stored = EarlyAcks()

    async def post(self, address: Address, post: Post) -> SendResult:
        refused = await self._wrong_place(address)
        if refused is not None:
            return refused
        message = self._message_of(post, address)
        size = sum(file.path.stat().st_size for file in message.files)

        arguments = _send_arguments(message, address, post.nonce)

        async def send() -> int:
            sent = await self._channel(address).send(**arguments)
            return sent.id

        async def send_once() -> Posted:
            return Posted(await self._stored.first(send()))

        try:
            return await self._attempt(send_once, _BASE_SECONDS + size / _SLOWEST_UPLOAD)
        finally:
            # discord.py may still be sleeping, but the files are about to be deleted.
            for file in arguments.get("files", ()):
                file.close()

    async def _wrong_place(self, address: Address) -> SendResult | None:
        """Why no message may be sent to the channel: it is not in its server, or that is unknown. None if it may be."""
        if seconds := self._paused_for():
            return TooManyRequests(seconds)
        try:
            async with asyncio.timeout(_BASE_SECONDS):
                guild_id = await self._owners.guild_of(address.channel_id)
        except discord.RateLimited as limited:
            return TooManyRequests(limited.retry_after)
        except discord.HTTPException as refusal:
            refused = read_refusal(refusal)
            return TooManyRequests(_ASK_AGAIN_SECONDS) if isinstance(refused, NoResponse) else refused
        except (aiohttp.ClientError, OSError, *UNREADABLE):
            # Only the lookup of the channel failed; NoResponse would say that a message may have been stored.
            return TooManyRequests(_ASK_AGAIN_SECONDS)
        if guild_id == address.guild_id:
            return None
        log.error("channel %d is not in server %d: nothing is sent there", address.channel_id, address.guild_id)
        return Refused(HTTPStatus.NOT_FOUND, UNKNOWN_CHANNEL)

    async def edit(self, address: Address, message_id: int, post: CardPost | SummaryPost | NoticePost) -> SendResult:
        message = self._message_of(post, address)

        async def edit() -> Posted:
            partial = self._channel(address).get_partial_message(message_id)
            if message.content is None:
                await partial.edit(view=message.view, allowed_mentions=discord.AllowedMentions.none())
            else:
                await partial.edit(content=message.content, allowed_mentions=discord.AllowedMentions.none())
            return Posted(message_id)

        return await self._attempt(edit, _BASE_SECONDS)

    def looks_alike(self, address: Address, one: Post, other: Post) -> bool:
        return self._message_of(one, address).looks_like(self._message_of(other, address))

    def time(self) -> int | None:
        now = self._discord_now()
        # Responses tell the time in whole seconds, rounded down.
        return None if now is None else round(now.timestamp() * 1000) + 1000

    async def find(self, address: Address, post: Post, after: int) -> HistorySearchResult:
        return await self._search(find_message, address, post, after)

    async def copies(self, address: Address, post: Post, after: int) -> tuple[int, ...] | HistorySearchFailure:
        return await self._search(find_copies, address, post, after)

    async def delete(self, address: Address, message_id: int) -> SendResult:
        async def delete() -> Posted:
            await self._channel(address).get_partial_message(message_id).delete()
            return Posted(message_id)

        return await self._attempt(delete, _BASE_SECONDS)

    def missing_permissions(self, address: Address) -> tuple[str, ...] | None:
        if is_hidden(self._seen_channel(address)):
            return (VIEW_CHANNEL,)
        channel = self._known_channel(address)
        if channel is None:
            return None
        me = channel.guild.me
        if me.timed_out_until is not None:
            now = self._discord_now()
            if now is not None and now < me.timed_out_until:
                return (Obstacle.TIMED_OUT,)
            if me.is_timed_out():
                return None  # By this machine's clock only: discord.py then names no permission.
        permissions = channel.permissions_for(me)
        if is_locked(channel, permissions):
            return (Obstacle.LOCKED,)
        return missing_to_post(permissions, in_thread=isinstance(channel, discord.Thread))

    async def refusal_if_hidden(self, address: Address) -> SendResult | None:
        return await self._wrong_place(address) if is_hidden(self._seen_channel(address)) else None

    def may_attach(self, address: Address) -> bool:
        channel = self._known_channel(address)
        if channel is None or channel.guild.me.is_timed_out():
            # While the bot is timed out, it can't post at all, and discord.py names none of its permissions.
            return True
        return channel.permissions_for(channel.guild.me).attach_files

    def nominal_upload_limit(self, guild_id: int) -> int | None:
        guild = self._known_guild(guild_id)
        return None if guild is None else guild.filesize_limit

    def _message_of(self, post: Post, address: Address) -> Message:
        return message_of(post, address, self._mentions(address.guild_id))

    def _channel(self, address: Address) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(address.channel_id, guild_id=address.guild_id)

    def _known_channel(self, address: Address) -> discord.abc.GuildChannel | discord.Thread | None:
        """The channel as the gateway knows it; None if it is unknown or hidden."""
        channel = self._seen_channel(address)
        return None if is_hidden(channel) else channel

    def _readable(self, address: Address) -> bool | None:
        """Whether the bot may read the channel's history; None if that is unknown."""
        channel = self._known_channel(address)
        return None if channel is None else channel.permissions_for(channel.guild.me).read_message_history

    async def _search(
        self, search: Callable[..., Awaitable[_T]], address: Address, post: Post, after: int
    ) -> _T | ServerNotReported | TooManyRequests:
        """The result of a search of the history, which is told whether the bot may read it.

        That the history is unreadable proves nothing if the gateway hadn't reported the server when the search began,
        or has reported since that the bot may read the history.
        """
        if seconds := self._paused_for():
            return TooManyRequests(seconds)
        is_known, readable = self._known_guild(address.guild_id) is not None, self._readable(address)
        message = self._message_of(post, address)
        found = await search(self._client, address.channel_id, message, after, readable=readable)
        if not isinstance(found, HistoryUnreadable):
            return found
        may_read_now = readable is None and self._readable(address) is True
        return found if is_known and not may_read_now else ServerNotReported()

    def _known_guild(self, guild_id: int) -> discord.Guild | None:
        """The server as the gateway reports it; None before it has done so, and during an outage of the server, in
        which it reports no change."""
        guild = self._client.get_guild(guild_id)
        return None if guild is None or guild.unavailable or guild.me is None else guild

    def _seen_channel(self, address: Address) -> discord.abc.GuildChannel | discord.Thread | None:
        guild = self._known_guild(address.guild_id)
        if guild is None:
            return None
        channel = guild.get_channel_or_thread(address.channel_id)
        if isinstance(channel, discord.Thread) and channel.parent is None:
            return None
        return channel

    async def _attempt(self, action: Callable[[], Awaitable[Posted]], seconds: float) -> SendResult:
        if pause := self._paused_for():
            return TooManyRequests(pause)
        with remembered_statuses() as statuses:
            try:
                async with asyncio.timeout(seconds):
                    return await action()
            except discord.RateLimited as limited:
                answer: SendResult = TooManyRequests(limited.retry_after)
            except discord.HTTPException as refusal:
                answer = read_refusal(refusal)
            except (aiohttp.ClientError, OSError):
                answer = NoResponse()
            except UNREADABLE:
                if not statuses:
                    # No request was made yet, so this is a bug.
                    raise
                answer = NoResponse()
        return NoResponse() if is_ambiguous(statuses) else answer


def _send_arguments(message: Message, address: Address, nonce: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "nonce": nonce,
        "silent": message.silent,
        "allowed_mentions": discord.AllowedMentions(
            everyone=False, roles=False, users=[discord.Object(user) for user in message.mention], replied_user=False
        ),
    }
    if message.content is not None:
        arguments["content"] = message.content
        arguments["suppress_embeds"] = message.suppress_embeds
    if message.view is not None:
        arguments["view"] = message.view
    if message.files:
        arguments["files"] = [
            discord.File(file.path, filename=file.name, description=file.description) for file in message.files
        ]
    if message.reply_to is not None:
        arguments["reference"] = discord.MessageReference(
            message_id=message.reply_to,
            channel_id=address.channel_id,
            guild_id=address.guild_id,
            fail_if_not_exists=False,
        )
    return arguments
