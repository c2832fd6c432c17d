"""What pressing a button does. Each press is checked against the server and channel that it was made in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from cogs.admin_services import AdminServices
from cogs.follow_service import LARGEST_ID
from cogs.watching_answers import one_watched
from discord_adapter.channel_check import require_own_channel
from discord_adapter.interaction_limits import Door
from discord_adapter.interactions import (
    Answering,
    Interaction,
    may_manage_messages,
    require_manage_server,
    require_posting,
)
from relay.commands.member_commands import MemberCommands
from relay.commands.refusals import NothingToDo
from relay.commands.results import Ask
from ui.button_handlers import Action, ButtonHandlers, FollowRequest
from ui.details import details_answers
from ui.job_replies import (
    checked_answer,
    forgotten_answer,
    kept_answer,
    mention_answer,
    posted_again_answer,
    stop_answer,
    stopped_all_answer,
)
from ui.reply import Answer

T = TypeVar("T")
Handler = Callable[[Interaction, T], Awaitable[None]]
Act = Callable[[Interaction, Ask, T], Awaitable[Answer | Sequence[Answer]]]


def button_handlers(
    commands: MemberCommands, services: AdminServices, answering: Answering, door: Door
) -> ButtonHandlers:
    """The handlers of every button that lives on after a restart."""
    members, admins = MemberButtons(commands, answering), AdminButtons(services, answering)
    return ButtonHandlers(
        lets_in=door.lets_in,
        numbered={**members.numbered(), **admins.numbered()},
        details=members.in_new_answer(members.details),
        follow=admins.for_admins(admins.follow),
        send_again=admins.for_admins(lambda _, ask, request: services.outcomes.send_again(ask, request)),
    )


class MemberButtons:
    """Buttons under cards, summaries and outcomes, and in answers to members."""

    def __init__(self, commands: MemberCommands, answering: Answering) -> None:
        self._commands = commands
        self._answering = answering

    def numbered(self) -> Mapping[Action, Handler[int]]:
        """The handlers by their actions."""
        return {
            Action.CHECK_NOW: self.in_new_answer(self._check_now),
            Action.STOP_WATCHING: self.in_new_answer(self._stop_watching),
            Action.WATCH_AGAIN: self.in_new_answer(self._watch_again),
            Action.STOP_BATCH: self.in_new_answer(self._stop_batch),
            Action.PING_ME: self._in_place(self._ping_me),
            Action.DO_NOT_PING_ME: self._in_place(self._do_not_ping_me),
            Action.POST_AGAIN: self._in_place(self._post_again),
            Action.DELETE_MY_DATA: self._in_place(self._delete_my_data),
            Action.KEEP_MY_DATA: self._in_place(self._keep_my_data),
        }

    def in_new_answer(self, act: Act[T]) -> Handler[T]:
        """Answers with a new message for the presser alone."""

        async def pressed(interaction: Interaction, value: T) -> None:
            async def action() -> Answer | Sequence[Answer]:
                return await act(interaction, self._answering.ask_of(interaction), value)

            await self._answering.answer(interaction, action)

        return pressed

    def _in_place(self, act: Act[T]) -> Handler[T]:
        """Answers in the place of the message that the button stands in."""

        async def pressed(interaction: Interaction, value: T) -> None:
            async def action() -> Answer | Sequence[Answer]:
                return await act(interaction, self._answering.ask_of(interaction), value)

            await self._answering.answer_in_place(interaction, action)

        return pressed

    async def _check_now(self, _: Interaction, ask: Ask, subscription_id: int) -> Answer:
        return checked_answer(await self._commands.watch.check_now(ask, subscription_id), ask.where)

    async def _stop_watching(self, interaction: Interaction, ask: Ask, subscription_id: int) -> Answer:
        return stop_answer(await self._commands.stop.stop(ask, subscription_id, may_manage_messages(interaction)))

    async def _watch_again(self, interaction: Interaction, ask: Ask, subscription_id: int) -> Answer:
        require_posting(interaction)
        result = await self._commands.watch.watch_again(ask, subscription_id)
        return await one_watched(self._commands.watch, interaction, ask, result)

    async def _stop_batch(self, interaction: Interaction, ask: Ask, batch_id: int) -> Answer:
        may_manage = may_manage_messages(interaction)
        return stopped_all_answer(await self._commands.stop.stop_all(ask, batch_id, may_manage))

    async def details(self, _: Interaction, ask: Ask, nonce: str) -> Sequence[Answer]:
        """Tells all of the job whose outcome in this channel carries the nonce."""
        return details_answers(await self._commands.queries.details(ask, nonce))

    async def _ping_me(self, _: Interaction, ask: Ask, subscription_id: int) -> Answer:
        return mention_answer(await self._commands.buttons.set_mention(ask, subscription_id, True))

    async def _do_not_ping_me(self, _: Interaction, ask: Ask, subscription_id: int) -> Answer:
        return mention_answer(await self._commands.buttons.set_mention(ask, subscription_id, False))

    async def _post_again(self, interaction: Interaction, ask: Ask, subscription_id: int) -> Answer:
        require_posting(interaction)
        if interaction.message is None:
            raise NothingToDo
        return posted_again_answer(
            await self._commands.buttons.post_again(ask, subscription_id, interaction.message.id)
        )

    async def _delete_my_data(self, _: Interaction, ask: Ask, _number: int) -> Answer:
        await self._commands.forgetting.forget(ask)
        return forgotten_answer()

    async def _keep_my_data(self, _: Interaction, _ask: Ask, _number: int) -> Answer:
        return kept_answer()


class AdminButtons:
    """Buttons in answers to admins. Each press checks Manage Server again."""

    def __init__(self, services: AdminServices, answering: Answering) -> None:
        self._services = services
        self._answering = answering

    def numbered(self) -> Mapping[Action, Handler[int]]:
        """The handlers by their actions."""
        tokens, callbacks = self._services.tokens, self._services.callbacks
        show_results = self.for_admins(self._show_results)
        show_failed = self.for_admins(self._show_failed_results)
        return {
            Action.KEEP_OLD_JOBS: self.for_admins(lambda _, ask, account_id: tokens.keep_old_jobs(ask, account_id)),
            Action.DROP_OLD_JOBS: self.for_admins(lambda _, ask, account_id: tokens.drop_old_jobs(ask, account_id)),
            Action.REMOVE_TOKEN: self.for_admins(lambda _, ask, account_id: tokens.remove_token(ask, account_id)),
            Action.KEEP_TOKEN: self.for_admins(lambda _, ask, account_id: tokens.keep_token(ask, account_id)),
            Action.ASK_TO_REPLACE: self.for_admins(lambda _, ask, number: callbacks.ask_to_replace(ask, number)),
            Action.REPLACE_ADDRESS: self.for_admins(lambda _, ask, number: callbacks.replace(ask, number)),
            Action.KEEP_ADDRESS: self.for_admins(lambda _, ask, _number: callbacks.show(ask)),
            Action.DO_NOT_FOLLOW: self.for_admins(lambda _, __, ___: self._services.follows.do_not_follow()),
            Action.PREVIOUS_RESULTS: show_results,
            Action.MORE_RESULTS: show_results,
            Action.ALL_RESULTS: show_results,
            Action.PREVIOUS_FAILED: show_failed,
            Action.MORE_FAILED: show_failed,
            Action.FAILED_RESULTS: show_failed,
        }

    def for_admins(self, act: Act[T]) -> Handler[T]:
        """Answers in the place of the message that the button stands in, where the presser may manage the server."""

        async def pressed(interaction: Interaction, value: T) -> None:
            async def action() -> Answer | Sequence[Answer]:
                require_manage_server(interaction)
                return await act(interaction, self._answering.ask_of(interaction), value)

            await self._answering.answer_in_place(interaction, action)

        return pressed

    async def follow(self, interaction: Interaction, ask: Ask, request: FollowRequest) -> Answer:
        """Follows the account in a channel of this very server."""
        if not 0 < request.channel_id <= LARGEST_ID:
            raise NothingToDo
        await require_own_channel(interaction, request.channel_id)
        return await self._services.follows.follow(ask, request)

    async def _show_results(self, _: Interaction, ask: Ask, skip: int) -> Answer:
        return await self._services.outcomes.outcomes(ask, skip)

    async def _show_failed_results(self, _: Interaction, ask: Ask, skip: int) -> Answer:
        return await self._services.outcomes.outcomes(ask, skip, only_failed=True)
