"""`/pixverse-admin follow` and `unfollow`. The caller has checked that the asker is an admin."""

from __future__ import annotations

import re

from discord_adapter.command_registry import CommandRegistry
from model.messages import Address
from pixverse.jobids import LooksLikeSecret
from pixverse.token_text import looks_like_secret
from relay.commands.ask import Ask
from relay.commands.refusals import NotFollowed
from relay.follow.follow_commands import FollowCommands
from relay.ports import Poster
from ui import admin_replies
from ui.buttons import FollowRequest
from ui.message import Reply

_CHANNEL = re.compile(r"(?:<#)?([0-9]{15,20})>?")
LARGEST_ID = 2**63 - 1
"""The largest number that SQLite stores. Discord's ids begin with the time; they won't exceed this before 2084."""


class FollowService:
    """Begins and ends follows. Raises the exceptions of `relay.commands.refusals`, and StorageError if the database
    fails."""

    def __init__(self, following: FollowCommands, poster: Poster, registry: CommandRegistry) -> None:
        self._following = following
        self._poster = poster
        self._registry = registry

    async def ask_before_following(self, ask: Ask, channel_id: int, *, progress: bool) -> Reply:
        """Asks whether to follow the account in a channel, and says what that would do."""
        followable = self._following.followable(ask.guild_id)
        refused = self._cannot_post(ask.guild_id, channel_id)
        if refused is not None:
            return refused
        return admin_replies.follow_question(followable.user, channel_id, followable.account_id, progress=progress)

    async def follow(self, ask: Ask, request: FollowRequest) -> Reply:
        """Follows the account in a channel, if nothing has changed since the question."""
        refused = self._cannot_post(ask.guild_id, request.channel_id)
        if refused is not None:
            return refused
        followed = await self._following.follow(ask, request.channel_id, request.account_id, progress=request.progress)
        return admin_replies.following_reply(followed.user, request.channel_id, self._registry.mentions(ask.guild_id))

    async def unfollow(self, ask: Ask, text: str) -> Reply:
        """Ends the follow of the channel that the text names: a choice, an id or a mention. Raises LooksLikeSecret."""
        if looks_like_secret(text):
            raise LooksLikeSecret("that looks like a token")
        named = _CHANNEL.fullmatch(text.strip())
        if named is None or int(named[1]) > LARGEST_ID:
            raise NotFollowed
        channel_id = int(named[1])
        return admin_replies.unfollowed_reply(channel_id, await self._following.unfollow(ask, channel_id))

    async def followed_channels(self, guild_id: int) -> list[int]:
        """The ids of the channels in which the server follows an account."""
        return await self._following.channels(guild_id)

    def _cannot_post(self, guild_id: int, channel_id: int) -> Reply | None:
        missing = self._poster.missing_permissions(Address(guild_id, channel_id))
        return admin_replies.chosen_cannot_post_reply(channel_id, missing) if missing else None
