"""Handles presses of buttons. Each press is checked against the server and channel in which it was made.

`OrphanedButtons` replies to presses without a handler: of temporary buttons from before a restart, and of buttons that
their message no longer has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import discord
from discord.ext import commands

from cogs.follow_service import LARGEST_ID
from cogs.pixverse import watch_one_reply
from cogs.pixverse_admin import AdminServices
from discord_adapter.channel_check import obstacles_here, require_own_channel
from discord_adapter.interaction_limits import InteractionLimiter
from discord_adapter.interactions import (
    Interaction,
    Responder,
    may_manage_messages,
    require_manage_server,
    require_posting,
)
from relay.commands.ask import Ask
from relay.commands.member_commands import MemberCommands
from relay.commands.refusals import NothingToDo
from relay.commands.watch import ImmediatePost
from relay.ports import Sleep
from ui.admin_replies import nothing_changed_reply
from ui.buttons import Action, ButtonHandlers, FollowRequest, is_generated, is_gone
from ui.details_reply import details_replies
from ui.member_replies import (
    checked_reply,
    forgotten_reply,
    kept_reply,
    mention_reply,
    posted_again_reply,
    stop_reply,
    stopped_all_reply,
)
from ui.message import Reply
from ui.refusal_replies import left_button_reply

T = TypeVar("T")
Handler = Callable[[Interaction, T], Awaitable[None]]
Act = Callable[[Interaction, Ask, T], Awaitable[Reply | Sequence[Reply]]]


def button_handlers(
    commands: MemberCommands, services: AdminServices, responder: Responder, limiter: InteractionLimiter
) -> ButtonHandlers:
    """The handlers of all buttons that keep working after a restart."""
    members, admins = MemberButtons(commands, responder), AdminButtons(services, responder)
    return ButtonHandlers(
        lets_in=limiter.lets_in,
        numbered={**members.numbered(), **admins.numbered()},
        details=members.in_new_reply(members.details),
        follow=admins.for_admins(admins.follow),
        send_again=admins.for_admins(lambda _, ask, request: services.outcomes.send_again(ask, request)),
    )


class MemberButtons:
    """Handles the buttons on cards, summaries and outcomes, and on replies to members."""

    def __init__(self, commands: MemberCommands, responder: Responder) -> None:
        self._commands = commands
        self._responder = responder

    def numbered(self) -> Mapping[Action, Handler[int]]:
        """The handlers by their actions."""
        return {
            Action.CHECK_NOW: self.in_new_reply(self._check_now),
            Action.STOP_WATCHING: self.in_new_reply(self._stop_watching),
            Action.WATCH_AGAIN: self.in_new_reply(self._watch_again),
            Action.STOP_BATCH: self.in_new_reply(self._stop_batch),
            Action.PING_ME: self._in_place(lambda _, ask, number: self._set_mention(ask, number, mention=True)),
            Action.DO_NOT_PING_ME: self._in_place(lambda _, ask, number: self._set_mention(ask, number, mention=False)),
            Action.POST_AGAIN: self._in_place(self._post_again),
            Action.DELETE_MY_DATA: self._in_place(self._delete_my_data),
            Action.KEEP_MY_DATA: self._in_place(self._keep_my_data),
        }

    def in_new_reply(self, act: Act[T]) -> Handler[T]:
        """Returns a handler that replies in a new message, which only the presser sees."""

        async def pressed(interaction: Interaction, value: T) -> None:
            await self._responder.reply(interaction, lambda ask: act(interaction, ask, value))

        return pressed

    def _in_place(self, act: Act[T]) -> Handler[T]:
        """Returns a handler that replaces the button's message."""

        async def pressed(interaction: Interaction, value: T) -> None:
            await self._responder.reply_in_place(interaction, lambda ask: act(interaction, ask, value))

        return pressed

    async def _check_now(self, interaction: Interaction, ask: Ask, subscription_id: int) -> Reply:
        result = await self._commands.job_checks.check_now(ask, subscription_id)
        refused = await self._commands.watch.immediate_posts.is_refused(ask, ImmediatePost())
        return checked_reply(result, ask.where, await obstacles_here(interaction, refused=refused))

    async def _stop_watching(self, interaction: Interaction, ask: Ask, subscription_id: int) -> Reply:
        may_stop_others = may_manage_messages(interaction)
        return stop_reply(await self._commands.stop.stop(ask, subscription_id, may_stop_others))

    async def _watch_again(self, interaction: Interaction, ask: Ask, subscription_id: int) -> Reply:
        require_posting(interaction)
        result = await self._commands.watch.watch_again(ask, subscription_id)
        return await watch_one_reply(self._commands.watch, interaction, ask, result)

    async def _stop_batch(self, interaction: Interaction, ask: Ask, batch_id: int) -> Reply:
        may_stop_others = may_manage_messages(interaction)
        return stopped_all_reply(await self._commands.stop.stop_all(ask, batch_id, may_stop_others))

    async def details(self, _: Interaction, ask: Ask, nonce: str) -> Sequence[Reply]:
        """Shows everything that is known about the job whose outcome in this channel carries the nonce."""
        return details_replies(await self._commands.queries.details(ask, nonce))

    async def _set_mention(self, ask: Ask, subscription_id: int, *, mention: bool) -> Reply:
        await self._commands.watch.set_mention(ask, subscription_id, mention)
        return mention_reply(subscription_id, mention=mention)

    async def _post_again(self, interaction: Interaction, ask: Ask, subscription_id: int) -> Reply:
        require_posting(interaction)
        if interaction.message is None:
            raise NothingToDo
        number = await self._commands.resending.post_again(ask, subscription_id, interaction.message.id)
        return posted_again_reply(number)

    async def _delete_my_data(self, _: Interaction, ask: Ask, _number: int) -> Reply:
        await self._commands.forgetting.forget(ask.user_id)
        return forgotten_reply()

    async def _keep_my_data(self, _: Interaction, _ask: Ask, _number: int) -> Reply:
        return kept_reply()


class AdminButtons:
    """Handles the buttons on replies to admins. Each press checks Manage Server again."""

    def __init__(self, services: AdminServices, responder: Responder) -> None:
        self._services = services
        self._responder = responder

    def numbered(self) -> Mapping[Action, Handler[int]]:
        """The handlers by their actions."""
        tokens, callbacks, outcomes = self._services.tokens, self._services.callbacks, self._services.outcomes
        show_results: Handler[int] = self.for_admins(lambda _, ask, skip: outcomes.outcomes(ask, skip))
        show_failed: Handler[int] = self.for_admins(lambda _, ask, skip: outcomes.outcomes(ask, skip, only_failed=True))
        return {
            Action.KEEP_OLD_JOBS: self.for_admins(lambda _, ask, account_id: tokens.keep_old_jobs(ask, account_id)),
            Action.DROP_OLD_JOBS: self.for_admins(lambda _, ask, account_id: tokens.drop_old_jobs(ask, account_id)),
            Action.REMOVE_TOKEN: self.for_admins(lambda _, ask, account_id: tokens.remove_token(ask, account_id)),
            Action.KEEP_TOKEN: self.for_admins(lambda _, ask, account_id: tokens.keep_token(ask, account_id)),
            Action.ASK_TO_REPLACE: self.for_admins(lambda _, ask, number: callbacks.ask_to_replace(ask, number)),
            Action.REPLACE_ADDRESS: self.for_admins(lambda _, ask, number: callbacks.replace(ask, number)),
            Action.KEEP_ADDRESS: self.for_admins(lambda _, ask, _number: callbacks.show(ask)),
            Action.DO_NOT_FOLLOW: self.for_admins(self._do_not_follow),
            Action.PREVIOUS_RESULTS: show_results,
            Action.MORE_RESULTS: show_results,
            Action.ALL_RESULTS: show_results,
            Action.PREVIOUS_FAILED: show_failed,
            Action.MORE_FAILED: show_failed,
            Action.FAILED_RESULTS: show_failed,
        }

    def for_admins(self, act: Act[T]) -> Handler[T]:
        """Returns a handler that replaces the button's message, if the presser has Manage Server."""

        async def pressed(interaction: Interaction, value: T) -> None:
            async def allowed(ask: Ask) -> Reply | Sequence[Reply]:
                require_manage_server(interaction)
                return await act(interaction, ask, value)

            await self._responder.reply_in_place(interaction, allowed)

        return pressed

    async def follow(self, interaction: Interaction, ask: Ask, request: FollowRequest) -> Reply:
        """Follows the account in a channel of this server."""
        if not 0 < request.channel_id <= LARGEST_ID:
            raise NothingToDo
        await require_own_channel(interaction, request.channel_id)
        return await self._services.follows.follow(ask, request)

    async def _do_not_follow(self, _: Interaction, _ask: Ask, _account_id: int) -> Reply:
        return nothing_changed_reply()


_HANDLED_WITHIN = 1.5
"""Seconds within which a handler acknowledges a press; Discord accepts acknowledgements for three seconds."""


class OrphanedButtons(commands.Cog):
    """Replies to presses of buttons that no longer have a handler, and says what to do instead."""

    def __init__(self, responder: Responder, limiter: InteractionLimiter, sleep: Sleep) -> None:
        self._responder = responder
        self._limiter = limiter
        self._sleep = sleep

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """Replies to a press of a button that its message no longer has, and of a temporary button that no handler
        acknowledges in time."""
        if interaction.type is not discord.InteractionType.component:
            return
        data: Mapping[str, Any] = interaction.data or {}
        if is_generated(data.get("custom_id")):
            await self._sleep(_HANDLED_WITHIN)
        elif not is_gone(interaction):
            return
        if not interaction.response.is_done() and await self._limiter.lets_in(interaction):
            await self._responder.say_at_once(interaction, left_button_reply())
