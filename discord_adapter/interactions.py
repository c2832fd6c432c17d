"""The way of every answer to the asker alone: deferred at once, then what was found, or why nothing could be done."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, TypeVar

import discord

from discord_adapter.acknowledging import Respond, answer_first
from discord_adapter.channels import is_locked, is_thread, missing_to_post
from discord_adapter.command_registry import CommandRegistry
from discord_adapter.replies import reply
from discord_adapter.temporary_views import PassingViews
from model.messages import Obstacle
from relay.commands.results import Ask
from relay.ports import Clock
from storage.errors import StorageError, StorageUnavailable
from ui.admin_replies import not_allowed_answer
from ui.passing import OnPress
from ui.refusal_replies import (
    locked_thread_answer,
    missing_permission_answer,
    not_served_answer,
    only_in_servers_answer,
    own_fault_answer,
    refusal_answer,
    restarting_answer,
)
from ui.reply import Answer

log = logging.getLogger(__name__)

T = TypeVar("T")
Interaction = discord.Interaction[Any]
Deed = Callable[[], Awaitable[Answer | Sequence[Answer]]]


_REPLACED = 500
"""Answers: far more than are replaced within the minute in which that matters."""
_LAST_DEEDS_SECONDS = 1.5
_LAST_ANSWERS_SECONDS = 1.5


class NotAllowed(Exception):
    """The one who asks lacks Manage Server."""


class CannotPostHere(Exception):
    """The bot can't post in the channel where it was asked, or which was chosen; `answer` says so."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("the bot can't post in this channel")
        self.answer = answer


def may_manage_server(interaction: Interaction) -> bool:
    """Whether the asker has Manage Server, whatever Discord let through."""
    return interaction.permissions.manage_guild


def may_manage_messages(interaction: Interaction) -> bool:
    """Whether the asker may stop what others asked for."""
    return interaction.permissions.manage_messages


def require_manage_server(interaction: Interaction) -> None:
    """Raises NotAllowed."""
    if not may_manage_server(interaction):
        raise NotAllowed


def obstacle_of(interaction: Interaction) -> Obstacle | None:
    """What no permission of the channel mends: the bot's own timeout, in which its answers to commands still work."""
    me: discord.Member | None = None if interaction.guild is None else interaction.guild.me
    return Obstacle.TIMED_OUT if me is not None and me.is_timed_out() else None


def require_posting(interaction: Interaction) -> None:
    """Raises CannotPostHere where a result could not be posted in this channel."""
    channel, permissions = interaction.channel, interaction.app_permissions
    if is_locked(channel, permissions):
        raise CannotPostHere(locked_thread_answer())
    obstacle = obstacle_of(interaction)
    missing = (obstacle,) if obstacle else missing_to_post(permissions, in_thread=is_thread(channel))
    if missing:
        raise CannotPostHere(missing_permission_answer(missing))


def _own_fault(error: Exception) -> Answer:
    reference = secrets.token_hex(3)
    log.error("an interaction failed; its asker was given the number %s", reference, exc_info=error)
    return own_fault_answer(reference)


class Answering:
    """Carries out what was asked and tells the asker what came of it."""

    def __init__(self, book: CommandRegistry, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._views = PassingViews()
        self._deeds: set[asyncio.Future[Answer | Sequence[Answer]]] = set()
        self._answers: set[asyncio.Future[None]] = set()
        self._edits: set[asyncio.Future[None]] = set()
        self._replaced: deque[int] = deque(maxlen=_REPLACED)
        """The latest answers in whose place that of one of their buttons has come."""
        self._ending = asyncio.Event()

    async def end(self) -> None:
        """Before the bot stops: lets what is in hand come to its end for a moment, gives up the rest, and sees to it
        that every asker has an answer, but for those whose answers Discord does not take in time."""
        self._ending.set()
        for edit in self._edits:
            edit.cancel()
        await _at_most(_LAST_DEEDS_SECONDS, self._deeds)
        for deed in self._deeds:
            deed.cancel()
        await _at_most(_LAST_ANSWERS_SECONDS, self._answers)
        for answer in self._answers:
            answer.cancel()
        # Before the connections that they use are closed.
        await _at_most(_LAST_ANSWERS_SECONDS, self._answers)

    def ask_of(self, interaction: Interaction) -> Ask:
        """Who asks, where, and when by this machine's clock: Discord's may be another."""
        if interaction.guild_id is None or interaction.channel_id is None:
            raise ValueError("an interaction outside of a server")
        return Ask(
            guild_id=interaction.guild_id,
            channel_id=interaction.channel_id,
            user_id=interaction.user.id,
            at=self._clock.now(),
        )

    async def refused_place(self, interaction: Interaction) -> bool:
        """Whether the bot does not work where this was asked; then it has said so."""
        if interaction.guild_id is None:
            answer = only_in_servers_answer()
        elif not self._book.serves(interaction.guild_id):
            answer = not_served_answer()
        else:
            return False
        await self.say_at_once(interaction, answer)
        return True

    async def say_at_once(self, interaction: Interaction, answer: Answer) -> None:
        """Answers the asker alone without deferring, for what is known already."""
        await answer_first(lambda: interaction.response.send_message(answer.content, ephemeral=True), self._clock.sleep)

    async def offer_nothing(self, interaction: Interaction) -> None:
        """Answers autocomplete with an empty list."""
        await answer_first(lambda: interaction.response.autocomplete([]), self._clock.sleep)

    async def open_form(self, interaction: Interaction, form: discord.ui.Modal) -> None:
        """Opens a form for the asker."""
        await answer_first(lambda: interaction.response.send_modal(form), self._clock.sleep)

    async def answer(self, interaction: Interaction, deed: Deed, *, look_again: OnPress | None = None) -> None:
        """Defers, does the deed and answers in a new message for the asker alone."""
        if await self.refused_place(interaction):
            return

        def defer() -> Awaitable[object]:
            return interaction.response.defer(ephemeral=True, thinking=True)

        await self._reply(interaction, defer, deed, look_again, presses=0)

    async def answer_in_place(self, interaction: Interaction, deed: Deed) -> None:
        """For a button in an answer to the asker alone: what came of it takes that answer's place."""
        if await self.refused_place(interaction):
            return
        presses = 0
        if interaction.message is not None:
            self._replaced.append(interaction.message.id)
            presses = self._replaced.count(interaction.message.id)
        await self._reply(interaction, interaction.response.defer, deed, None, presses=presses)

    async def _reply(
        self, interaction: Interaction, defer: Respond, deed: Deed, look_again: OnPress | None, *, presses: int
    ) -> None:
        edits: list[Awaitable[None]] = []

        async def answered() -> None:
            if not await answer_first(defer, self._clock.sleep):
                return
            answers = await self._outcome(interaction, deed, look_again)
            message = await reply(interaction, answers, self._clock.sleep, self._views)
            if message is not None and answers[0].later is not None:
                edits.append(self._edit_later(interaction, answers[0], answers[0].later, message.id, presses))

        await self._kept(self._answers, answered())
        for edit in edits:
            await self._kept(self._edits, edit)

    async def _edit_later(
        self,
        interaction: Interaction,
        first: Answer,
        later: Callable[[], Awaitable[Answer]],
        message_id: int,
        presses: int,
    ) -> None:
        """Not where a button of the answer was pressed after the `presses` that led to it."""
        try:
            told = await later()
        except StorageError as error:
            log.warning("an answer stays as it is: %s", error)
            return
        if self._replaced.count(message_id) == presses and told.content != first.content:
            await reply(interaction, [told], self._clock.sleep, self._views)

    async def _done(self, deed: Deed) -> Answer | Sequence[Answer]:
        if self._ending.is_set():
            return restarting_answer()
        try:
            return await self._kept(self._deeds, deed())
        except asyncio.CancelledError:
            if not self._ending.is_set():
                raise
            return restarting_answer()

    @staticmethod
    async def _kept(among: set[asyncio.Future[T]], work: Awaitable[T]) -> T:
        doing = asyncio.ensure_future(work)
        among.add(doing)
        doing.add_done_callback(among.discard)
        return await doing

    async def _outcome(self, interaction: Interaction, deed: Deed, look_again: OnPress | None) -> Sequence[Answer]:
        try:
            found = await self._done(deed)
        except NotAllowed:
            return [not_allowed_answer()]
        except CannotPostHere as refusal:
            return [refusal.answer]
        except StorageUnavailable as error:
            log.error("the database takes nothing right now: %s", error)
            return [restarting_answer()]
        except Exception as error:
            return [self._refused(interaction, error, look_again) or _own_fault(error)]
        return [found] if isinstance(found, Answer) else found

    def _refused(self, interaction: Interaction, error: Exception, look_again: OnPress | None) -> Answer | None:
        """What is said of a refusal; None for an error that is none."""
        mentions = self._book.mentions(interaction.guild_id or 0)
        return refusal_answer(error, mentions, manager=may_manage_server(interaction), look_again=look_again)


async def _at_most(seconds: float, work: Collection[asyncio.Future[Any]]) -> None:
    if work:
        await asyncio.wait(list(work), timeout=seconds)
