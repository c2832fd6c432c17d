"""Servers and channels, and what their admins can do to them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import discord
from simcord.backend import serializers
from simcord.backend.models import Channel as StoredChannel
from simcord.backend.models import Message as StoredMessage
from simcord.backend.models import Overwrite
from simcord.builders import ChannelHandle, GuildHandle, UserHandle
from simcord.enums import ChannelType, OverwriteType

from .answers import NotPossible
from .members import Member
from .messages import Message, view
from .virtual_discord import VirtualDiscord


class Channel:
    """A channel or thread."""

    def __init__(self, world: VirtualDiscord, guild: Guild, stored: StoredChannel) -> None:
        self._world = world
        self.guild = guild
        self.stored = stored
        self.handle = ChannelHandle(world.env, guild.handle, stored)
        self.id = stored.id

    @property
    def name(self) -> str:
        """Its name."""
        return self.stored.name or str(self.id)

    @property
    def mention(self) -> str:
        """As it is written in a message."""
        return f"<#{self.id}>"

    def messages(self, *, of_bot: bool = False, seen_by: Member | None = None) -> list[Message]:
        """Messages, oldest first. Ephemeral messages are included only for the person who sees them.

        Args:
            of_bot: Only the bot's.
            seen_by: The person who looks; None: only what everybody sees.
        """
        viewer = seen_by.id if seen_by is not None else None
        stored = sorted(self._world.backend.messages.get(self.id, {}).values(), key=lambda message: message.id)
        bot_id = self._world.backend.bot_user.id
        return [
            view(self._world, message)
            for message in stored
            if message.visible_to(viewer) and (not of_bot or message.author_id == bot_id)
        ]

    def message(self, message_id: int) -> Message | None:
        """One message as it stands now; None if it is deleted."""
        stored: StoredMessage | None = self._world.backend.messages.get(self.id, {}).get(message_id)
        return None if stored is None else view(self._world, stored)

    def delete_message(self, message: Message) -> None:
        """Delete a message, as a moderator does."""
        self._world.backend.delete_message(self.id, message.id)

    # ------------------------------------------------------------- permissions

    def deny_bot(self, **names: bool) -> None:
        """Take permissions from the bot here, e.g. `deny_bot(attach_files=True)`; sends CHANNEL_UPDATE."""
        self._override(_flags(names), deny=True)

    def deny_role(self, role_id: int, **names: bool) -> None:
        """Take permissions from everybody with this role; sends CHANNEL_UPDATE."""
        self._world.backend.set_overwrite(self.id, Overwrite(role_id, OverwriteType.ROLE, 0, _flags(names)))

    def allow_bot(self, **names: bool) -> None:
        """Give them back."""
        self._override(_flags(names), deny=False)

    @property
    def denied_to_bot(self) -> set[str]:
        """The permissions that were taken from the bot here, by discord.py's names."""
        channel = self._world.backend.get_channel(self.stored.permission_channel_id())
        denied = (item.deny for item in channel.overwrites if item.target_id == self._world.backend.bot_user.id)
        return {name for value in denied for name, taken in discord.Permissions(value) if taken}

    def _override(self, value: int, *, deny: bool) -> None:
        bot_id = self._world.backend.bot_user.id
        channel = self._world.backend.get_channel(self.stored.permission_channel_id())
        old = next((item for item in channel.overwrites if item.target_id == bot_id), None)
        allowed, denied = (old.allow, old.deny) if old is not None else (0, 0)
        changed = (
            Overwrite(bot_id, OverwriteType.MEMBER, allowed & ~value, denied | value)
            if deny
            else Overwrite(bot_id, OverwriteType.MEMBER, allowed | value, denied & ~value)
        )
        self._world.backend.set_overwrite(channel.id, changed)

    # ------------------------------------------------------------------- being

    def delete(self) -> None:
        """Delete the channel; sends CHANNEL_DELETE or THREAD_DELETE.

        Its threads are deleted too, without an event. A category's channels stay.
        """
        backend = self._world.backend
        children = [child for child in backend.channels.values() if child.parent_id == self.id]
        for thread in (child for child in children if child.is_thread):
            del backend.channels[thread.id]
            backend.messages.pop(thread.id, None)
            backend.get_guild(self.guild.id).thread_ids.remove(thread.id)
        for channel in (child for child in children if not child.is_thread):
            backend.edit_channel(channel.id, {"parent_id": None})
        backend.delete_channel(self.id)

    def add_thread(self, name: str, *, owner: Member | None = None, private: bool = False) -> Channel:
        """Open a thread in this channel (in a forum: a post)."""
        kind = ChannelType.PRIVATE_THREAD if private else ChannelType.PUBLIC_THREAD
        owner_id = owner.id if owner is not None else self.guild.handle.owner.id
        thread = self._world.backend.create_thread(self.id, name, owner_id, type=kind)
        return Channel(self._world, self.guild, thread)

    def add_bot(self) -> None:
        """Add the bot to this private thread, as a mention in it does; sends THREAD_CREATE."""
        thread = self._world.backend.add_thread_member(self.id, self._world.backend.bot_user.id)
        self._world.emit("THREAD_CREATE", dict(serializers.thread_payload(self._world.backend, thread)))

    def archive(self, *, locked: bool = False) -> None:
        """Archive this thread, and lock it if asked."""
        self._set_thread(archived=True, locked=locked)

    def unarchive(self) -> None:
        """Open and unlock this thread again."""
        self._set_thread(archived=False, locked=False)

    def lock(self) -> None:
        """Lock this thread; it stays open."""
        self._set_thread(locked=True)

    @property
    def archived(self) -> bool:
        """Whether this is a thread that is archived."""
        return self.stored.thread_metadata is not None and self.stored.thread_metadata.archived

    def _set_thread(self, **changes: bool) -> None:
        if self.stored.thread_metadata is None:
            raise NotPossible(f"{self.name} is no thread")
        self._world.backend.edit_channel(self.id, {}, thread_metadata=changes)


class Guild:
    """A server. The bot is in it from the start, with a role that holds everything but Administrator."""

    def __init__(self, world: VirtualDiscord, handle: GuildHandle) -> None:
        self._world = world
        self.handle = handle
        self.id = handle.id
        self.name = handle.name
        self._aside: dict[int, tuple[StoredChannel, dict[int, StoredMessage]]] = {}

    # ------------------------------------------------------------------ making

    def add_category(self, name: str) -> Channel:
        """A category, into which text channels can be put."""
        return self._add_channel(name, ChannelType.CATEGORY)

    def add_text_channel(self, name: str, *, category: Channel | None = None) -> Channel:
        """A text channel."""
        parent_id = None if category is None else category.id
        stored = self._world.backend.create_channel(self.id, name, type=ChannelType.TEXT, parent_id=parent_id)
        return Channel(self._world, self, stored)

    def add_announcement_channel(self, name: str) -> Channel:
        """An announcement channel."""
        return self._add_channel(name, ChannelType.NEWS)

    def add_voice_channel(self, name: str) -> Channel:
        """A voice channel, which has a text of its own."""
        return self._add_channel(name, ChannelType.VOICE)

    def add_stage_channel(self, name: str) -> Channel:
        """A stage channel, which has a text of its own."""
        return self._add_channel(name, ChannelType.STAGE_VOICE)

    def add_forum(self, name: str) -> Channel:
        """A forum; posts are opened with `add_thread`."""
        return self._add_channel(name, ChannelType.FORUM)

    def _add_channel(self, name: str, kind: int) -> Channel:
        return Channel(self._world, self, self._world.backend.create_channel(self.id, name, type=kind))

    def add_member(
        self,
        name: str,
        *,
        permissions: discord.Permissions | None = None,
        roles: Iterable[int] = (),
        user_id: int | None = None,
    ) -> Member:
        """A new person, or with `user_id` one who is in another server too.

        Args:
            name: User name.
            permissions: The person's permissions beyond @everyone's; they get a role for them.
            roles: Ids of further roles.
            user_id: A person who exists already.
        """
        backend = self._world.backend
        user = backend.get_user(user_id) if user_id is not None else backend.make_user(name)
        held = list(roles)
        if permissions is not None:
            held.append(backend.create_role(self.id, f"role of {name}", permissions=permissions.value).id)
        backend.add_member(self.id, user.id, roles=held, announce=True)
        return Member(self._world, self, UserHandle(self._world.env, user))

    def add_role(
        self,
        name: str,
        *,
        permissions: discord.Permissions | None = None,
        mentionable: bool = False,
        held_by_bot: bool = False,
    ) -> int:
        """A role; returns its id."""
        backend = self._world.backend
        value = permissions.value if permissions is not None else 0
        role = backend.create_role(self.id, name, permissions=value, mentionable=mentionable)
        if held_by_bot:
            backend.add_member_role(self.id, backend.bot_user.id, role.id)
        return role.id

    def delete_role(self, role_id: int) -> None:
        """Delete a role; sends GUILD_ROLE_DELETE and nothing about channels that have an overwrite for it."""
        self._world.backend.delete_role(self.id, role_id)

    def channel(self, channel_id: int) -> Channel:
        """A channel by its id."""
        return Channel(self._world, self, self._world.backend.get_channel(channel_id))

    # ---------------------------------------------------------------- changing

    def set_bot_permissions(self, permissions: discord.Permissions) -> None:
        """What the bot's own role holds in this server (and @everyone with it); sends GUILD_ROLE_UPDATE."""
        backend = self._world.backend
        guild = backend.get_guild(self.id)
        for role_id in guild.members[backend.bot_user.id].role_ids:
            backend.edit_role(self.id, role_id, {"permissions": permissions.value})

    def set_everyone_permissions(self, permissions: discord.Permissions) -> None:
        """What everybody holds in this server."""
        self._world.backend.edit_role(self.id, self.id, {"permissions": permissions.value})

    @property
    def upload_limit(self) -> int:
        """Bytes that one file may have."""
        return self._world.extras(self.id).upload_limit

    @upload_limit.setter
    def upload_limit(self, limit: int) -> None:
        self._world.extras(self.id).upload_limit = limit

    @property
    def preferred_locale(self) -> str | None:
        """The server's language; None: Discord tells none. Setting it sends GUILD_UPDATE."""
        return self.handle._guild.preferred_locale or None

    @preferred_locale.setter
    def preferred_locale(self, locale: str | None) -> None:
        if self.id in self._world.backend.guilds:
            self._world.backend.edit_guild(self.id, {"preferred_locale": locale or ""})
        else:  # the bot is not in it
            self.handle._guild.preferred_locale = locale or ""

    def boost(self, tier: int, upload_limit: int | None = None) -> None:
        """Set the boost tier (0 to 3) and, if given, the limit it brings; sends GUILD_UPDATE."""
        extras = self._world.extras(self.id)
        extras.premium_tier = tier
        if upload_limit is not None:
            extras.upload_limit = upload_limit
        self._world.backend.edit_guild(self.id, {})

    def time_bot_out(self, until: datetime | None) -> None:
        """Time the bot out, or end that; sends GUILD_MEMBER_UPDATE."""
        backend = self._world.backend
        ends = None if until is None else until.isoformat()
        backend.edit_member(self.id, backend.bot_user.id, {"timed_out_until": ends})

    def remove_bot(self) -> None:
        """Remove the bot from the server; sends GUILD_DELETE. Channels and messages stay for `add_bot`."""
        backend = self._world.backend
        guild = backend.get_guild(self.id)
        for channel_id in [*guild.channel_ids, *guild.thread_ids]:
            self._aside[channel_id] = (backend.channels[channel_id], backend.messages.get(channel_id, {}))
        backend.remove_guild(self.id)

    def add_bot(self) -> None:
        """Invite the bot again; sends GUILD_CREATE."""
        backend = self._world.backend
        backend.guilds[self.id] = self.handle._guild
        for channel_id, (channel, messages) in self._aside.items():
            backend.channels[channel_id] = channel
            backend.messages[channel_id] = messages
        self._aside.clear()
        backend.emit("GUILD_CREATE", serializers.guild_create_payload(backend, self.handle._guild))

    def outage(self) -> None:
        """An outage of Discord for this server: GUILD_DELETE with `unavailable`, which is no removal."""
        self._world.outages.add(self.id)
        self._world.emit("GUILD_DELETE", {"id": str(self.id), "unavailable": True})

    def end_outage(self) -> None:
        """The server is back: GUILD_CREATE."""
        backend = self._world.backend
        backend.emit("GUILD_CREATE", serializers.guild_create_payload(backend, backend.get_guild(self.id)))
        self._world.outages.discard(self.id)


def _flags(names: dict[str, bool]) -> int:
    return discord.Permissions(**{name: True for name, wanted in names.items() if wanted}).value
