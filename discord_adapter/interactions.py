"""Replies to interactions, visible only to the asker: defers at once, then sends the result or why there is none."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, TypeVar

import discord

from discord_adapter.acknowledging import Respond, acknowledge
from discord_adapter.channels import is_locked, is_thread, missing_to_post
from discord_adapter.command_registry import CommandRegistry
from discord_adapter.replies import TemporaryViews, send_replies
from model.discord_ids import made_at
from model.messages import Obstacle
from relay.commands.ask import Ask
from relay.ports import Clock
from storage.errors import StorageError, StorageUnavailable
from ui.admin_replies import not_allowed_reply
from ui.language import language_of
from ui.message import OnPress, Reply
from ui.refusal_replies import (
    locked_thread_reply,
    missing_permission_reply,
    not_served_reply,
    only_in_servers_reply,
    own_fault_reply,
    refusal_reply,
    restarting_reply,
)

log = logging.getLogger(__name__)

T = TypeVar("T")
Interaction = discord.Interaction[Any]
Act = Callable[[Ask], Awaitable[Reply | Sequence[Reply]]]
"""Does what the asker wants, and returns the replies."""
LocaleSeen = Callable[[int, str], Awaitable[None]]
"""Called with a server's id and the language of its locale."""

_REPLACED = 500
"""How many replaced replies are remembered; far more than are replaced within the minute in which it matters."""
_LAST_WORK_SECONDS = 1.5
_LAST_REPLIES_SECONDS = 1.5


class Declined(Exception):
    """The request is declined; `reply` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.content)
        self.reply = reply


def may_manage_server(interaction: Interaction) -> bool:
    """Whether the asker really has Manage Server; Discord's own check is not relied on."""
    return interaction.permissions.manage_guild


def may_manage_messages(interaction: Interaction) -> bool:
    """Whether the asker really has Manage Messages, and so may stop what others asked for."""
    return interaction.permissions.manage_messages


def require_manage_server(interaction: Interaction) -> None:
    """Raises Declined if the asker lacks Manage Server."""
    if not may_manage_server(interaction):
        raise Declined(not_allowed_reply())


def obstacle_of(interaction: Interaction) -> Obstacle | None:
    """TIMED_OUT if the bot is timed out. No permission helps against that, but replies to commands still work. By
    Discord's clock, which made the interaction's id: this machine's may be wrong."""
    me: discord.Member | None = None if interaction.guild is None else interaction.guild.me
    until = None if me is None else me.timed_out_until
    return Obstacle.TIMED_OUT if until is not None and interaction.created_at < until else None


def missing_here(interaction: Interaction) -> tuple[str, ...]:
    """What keeps the bot from posting in the interaction's channel: an `Obstacle`, or permissions, named as in
    Discord's settings."""
    channel, permissions = interaction.channel, interaction.app_permissions
    if is_locked(channel, permissions):
        return (Obstacle.LOCKED,)
    obstacle = obstacle_of(interaction)
    return (obstacle,) if obstacle else missing_to_post(permissions, in_thread=is_thread(channel))


def require_posting(interaction: Interaction) -> None:
    """Raises Declined if a result could not be posted in this channel."""
    missing = missing_here(interaction)
    if missing == (Obstacle.LOCKED,):
        raise Declined(locked_thread_reply())
    if missing:
        raise Declined(missing_permission_reply(missing))


class Responder:
    """Carries out what an interaction asks for, and replies with the result."""

    def __init__(self, registry: CommandRegistry, clock: Clock, locale_seen: LocaleSeen) -> None:
        self._registry = registry
        self._clock = clock
        self._locale_seen = locale_seen
        self._views = TemporaryViews()
        # In order, so that a stop breaks them off in the order in which they came.
        self._working: dict[asyncio.Future[Reply | Sequence[Reply]], None] = {}
        self._replying: dict[asyncio.Future[Awaitable[None] | None], None] = {}
        self._edits: dict[asyncio.Future[None], None] = {}
        self._replaced: deque[int] = deque(maxlen=_REPLACED)
        """The ids of the replies that were last replaced by a press of their own buttons."""
        self._ending = asyncio.Event()
        self.failures = 0
        """How many interactions failed because of a fault of the bot itself."""

    async def end(self) -> None:
        """Stops: gives running work a moment to finish, cancels the rest, then gives replies a moment to be sent.

        Every asker gets a reply, unless Discord does not accept it in time.
        """
        self._ending.set()
        for edit in self._edits:
            edit.cancel()
        await _at_most(_LAST_WORK_SECONDS, self._working)
        for work in self._working:
            work.cancel()
        await _at_most(_LAST_REPLIES_SECONDS, self._replying)
        for replying in self._replying:
            replying.cancel()
        # They have to end before the connections that they use are closed.
        await _at_most(_LAST_REPLIES_SECONDS, self._replying)

    def ask_of(self, interaction: Interaction) -> Ask:
        """Who asks, where, and when."""
        if interaction.guild_id is None or interaction.channel_id is None:
            raise ValueError("an interaction outside of a server")
        return Ask(
            guild_id=interaction.guild_id,
            channel_id=interaction.channel_id,
            user_id=interaction.user.id,
            at=self._clock.now(),
            sent_at=made_at(interaction.id),
        )

    async def refused_place(self, interaction: Interaction) -> bool:
        """Replies with a refusal if the bot does not serve the place of this interaction; returns whether it did."""
        if interaction.guild_id is None:
            reply = only_in_servers_reply()
        elif not self._registry.serves(interaction.guild_id):
            reply = not_served_reply()
        else:
            return False
        await self.say_at_once(interaction, reply)
        return True

    async def say_at_once(self, interaction: Interaction, reply: Reply) -> None:
        """Replies to the asker without deferring first, for a reply that is already known."""
        await acknowledge(lambda: interaction.response.send_message(reply.content, ephemeral=True), self._clock.sleep)

    async def offer_nothing(self, interaction: Interaction) -> None:
        """Responds to autocomplete with an empty list."""
        await acknowledge(lambda: interaction.response.autocomplete([]), self._clock.sleep)

    async def open_form(self, interaction: Interaction, form: discord.ui.Modal) -> None:
        """Opens a form for the asker."""
        await acknowledge(lambda: interaction.response.send_modal(form), self._clock.sleep)

    async def reply(self, interaction: Interaction, act: Act, *, look_again: OnPress | None = None) -> None:
        """Defers, then replies with what `act` returns, in new messages that only the asker sees."""
        defer = partial(interaction.response.defer, ephemeral=True, thinking=True)
        await self._respond(interaction, defer, act, look_again, presses=0)

    async def reply_in_place(self, interaction: Interaction, act: Act) -> None:
        """Defers, then replaces the reply in which the button was pressed with what `act` returns."""
        presses = 0
        if interaction.message is not None:
            self._replaced.append(interaction.message.id)
            presses = self._replaced.count(interaction.message.id)
        await self._respond(interaction, interaction.response.defer, act, None, presses=presses)

    async def _respond(
        self, interaction: Interaction, defer: Respond, act: Act, look_again: OnPress | None, *, presses: int
    ) -> None:
        if await self.refused_place(interaction):
            return

        async def respond() -> Awaitable[None] | None:
            """Replies; returns the edit that is yet to be made, if there is one."""
            if not await acknowledge(defer, self._clock.sleep):
                return None
            await self._note_locale(interaction)
            replies = await self._replies_to(interaction, act, look_again)
            message = await send_replies(interaction, replies, self._clock.sleep, self._views)
            if message is None or replies[0].later is None:
                return None
            return self._edit_later(interaction, replies[0], replies[0].later, message.id, presses)

        edit = await self._kept(self._replying, respond())
        if edit is not None:
            await self._kept(self._edits, edit)

    async def _note_locale(self, interaction: Interaction) -> None:
        """Notes the server's current language, so that what this interaction causes is posted in it.

        The gateway's locale is preferred, because it may have changed since the interaction was sent.
        """
        if interaction.guild_id is None:
            return
        guild: discord.Guild | None = interaction.client.get_guild(interaction.guild_id)
        locale = interaction.guild_locale if guild is None or guild.unavailable else guild.preferred_locale
        if locale is None:
            return
        try:
            await self._locale_seen(interaction.guild_id, language_of(locale.value))
        except StorageError as error:
            log.warning("a server's language could not be noted: %s", error)

    async def _edit_later(
        self,
        interaction: Interaction,
        first: Reply,
        later: Callable[[], Awaitable[Reply]],
        message_id: int,
        presses: int,
    ) -> None:
        """Replaces a reply with its later form, unless one of its buttons was pressed since. `presses` is how many
        presses had led to the reply."""
        try:
            reply = await later()
        except StorageError as error:
            log.warning("a reply stays as it is: %s", error)
            return
        if self._replaced.count(message_id) == presses and reply.content != first.content:
            await send_replies(interaction, [reply], self._clock.sleep, self._views)

    @staticmethod
    async def _kept(among: dict[asyncio.Future[T], None], work: Awaitable[T]) -> T:
        doing = asyncio.ensure_future(work)
        among[doing] = None
        doing.add_done_callback(among.pop)
        return await doing

    async def _replies_to(self, interaction: Interaction, act: Act, look_again: OnPress | None) -> Sequence[Reply]:
        """Carries out the request. The asker gets a reply whatever fails."""
        if self._ending.is_set():
            return [restarting_reply()]
        try:
            done = await self._kept(self._working, act(self.ask_of(interaction)))
        except asyncio.CancelledError:
            if not self._ending.is_set():
                raise
            return [restarting_reply()]
        except Declined as declined:
            return [declined.reply]
        except StorageUnavailable as error:
            log.error("the database takes no writes right now: %s", error)
            return [restarting_reply()]
        except Exception as error:
            return [self._refused(interaction, error, look_again) or self._own_fault(error)]
        return [done] if isinstance(done, Reply) else done

    def _refused(self, interaction: Interaction, error: Exception, look_again: OnPress | None) -> Reply | None:
        """The reply for a refusal; None for any other error."""
        mentions = self._registry.mentions(interaction.guild_id or 0)
        return refusal_reply(error, mentions, manager=may_manage_server(interaction), look_again=look_again)

    def _own_fault(self, error: Exception) -> Reply:
        self.failures += 1
        reference = secrets.token_hex(3)
        log.error("an interaction failed; its asker was given the number %s", reference, exc_info=error)
        return own_fault_reply(reference)


async def _at_most(seconds: float, work: Collection[asyncio.Future[Any]]) -> None:
    if work:
        await asyncio.wait(list(work), timeout=seconds)
