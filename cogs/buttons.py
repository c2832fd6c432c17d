"""What pressing a button does. Each one is checked against the server and channel that it was pressed in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from cogs.admin_desk import AdminDesk
from cogs.callback_desk import CallbackDesk
from cogs.follow_desk import LARGEST_ID, FollowDesk
from cogs.outcome_desk import OutcomeDesk
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
from ui.answer import Answer
from ui.answers import (
    checked_answer,
    mention_answer,
    posted_again_answer,
    stop_answer,
    stopped_all_answer,
)
from ui.button_handlers import FollowWish, ResendWish
from ui.details import details_answers
from ui.forgetting import forgotten_answer, kept_answer


class Buttons:
    """The handlers that `ui.buttons` finds at the client."""

    def __init__(
        self,
        member_commands: MemberCommands,
        desk: AdminDesk,
        follow_desk: FollowDesk,
        outcomes: OutcomeDesk,
        callbacks: CallbackDesk,
        answering: Answering,
        door: Door,
    ) -> None:
        self._commands = member_commands
        self._desk = desk
        self._follow_desk = follow_desk
        self._outcomes = outcomes
        self._callbacks = callbacks
        self._answering = answering
        self._door = door

    async def lets_in(self, interaction: Interaction) -> bool:
        return await self._door.lets_in(interaction)

    # ---- under a card or a summary ----------------------------------------------------------------------------------

    async def check_now(self, interaction: Interaction, subscription_id: int) -> None:
        async def action(ask: Ask) -> Answer:
            return checked_answer(await self._commands.watch.check_now(ask, subscription_id), ask.where)

        await self._answer(interaction, action)

    async def stop_watching(self, interaction: Interaction, subscription_id: int) -> None:
        async def action(ask: Ask) -> Answer:
            return stop_answer(await self._commands.stop.stop(ask, subscription_id, may_manage_messages(interaction)))

        await self._answer(interaction, action)

    async def watch_again(self, interaction: Interaction, subscription_id: int) -> None:
        async def action(ask: Ask) -> Answer:
            require_posting(interaction)
            result = await self._commands.watch.watch_again(ask, subscription_id)
            return await one_watched(self._commands.watch, interaction, ask, result)

        await self._answer(interaction, action)

    async def stop_batch(self, interaction: Interaction, batch_id: int) -> None:
        async def action(ask: Ask) -> Answer:
            return stopped_all_answer(
                await self._commands.stop.stop_all(ask, batch_id, may_manage_messages(interaction))
            )

        await self._answer(interaction, action)

    # ---- under an outcome -------------------------------------------------------------------------------------------

    async def show_details(self, interaction: Interaction, nonce: str) -> None:
        async def action(ask: Ask) -> Sequence[Answer]:
            return details_answers(await self._commands.queries.details(ask, nonce))

        await self._answer(interaction, action)

    # ---- in an answer to the asker alone ----------------------------------------------------------------------------

    async def ping_me(self, interaction: Interaction, subscription_id: int) -> None:
        await self._set_mention(interaction, subscription_id, mention=True)

    async def do_not_ping_me(self, interaction: Interaction, subscription_id: int) -> None:
        await self._set_mention(interaction, subscription_id, mention=False)

    async def _set_mention(self, interaction: Interaction, subscription_id: int, *, mention: bool) -> None:
        async def action() -> Answer:
            return mention_answer(
                await self._commands.buttons.set_mention(self._answering.ask_of(interaction), subscription_id, mention)
            )

        await self._answering.answer_in_place(interaction, action)

    async def post_again(self, interaction: Interaction, subscription_id: int) -> None:
        async def action() -> Answer:
            ask = self._answering.ask_of(interaction)
            require_posting(interaction)
            pressed_in = interaction.message
            if pressed_in is None:
                raise NothingToDo
            return posted_again_answer(await self._commands.buttons.post_again(ask, subscription_id, pressed_in.id))

        await self._answering.answer_in_place(interaction, action)

    async def delete_my_data(self, interaction: Interaction, number: int) -> None:  # noqa: ARG002 - says nothing here
        async def action() -> Answer:
            await self._commands.forgetting.forget(self._answering.ask_of(interaction))
            return forgotten_answer()

        await self._answering.answer_in_place(interaction, action)

    async def keep_my_data(self, interaction: Interaction, number: int) -> None:  # noqa: ARG002 - says nothing here
        async def action() -> Answer:
            return kept_answer()

        await self._answering.answer_in_place(interaction, action)

    # ---- of admins --------------------------------------------------------------------------------------------------

    async def keep_old_jobs(self, interaction: Interaction, account_id: int) -> None:
        await self._admin(interaction, lambda ask: self._desk.keep_old_jobs(ask, account_id))

    async def drop_old_jobs(self, interaction: Interaction, account_id: int) -> None:
        await self._admin(interaction, lambda ask: self._desk.drop_old_jobs(ask, account_id))

    async def remove_token(self, interaction: Interaction, account_id: int) -> None:
        await self._admin(interaction, lambda ask: self._desk.remove_token(ask, account_id))

    async def keep_token(self, interaction: Interaction, account_id: int) -> None:
        await self._admin(interaction, lambda ask: self._desk.keep_token(ask, account_id))

    async def ask_to_replace_address(self, interaction: Interaction, number: int) -> None:
        await self._admin(interaction, lambda ask: self._callbacks.ask_to_replace(ask, number))

    async def keep_address(self, interaction: Interaction, _number: int) -> None:
        await self._admin(interaction, self._callbacks.show)

    async def replace_address(self, interaction: Interaction, number: int) -> None:
        await self._admin(interaction, lambda ask: self._callbacks.replace(ask, number))

    async def follow(self, interaction: Interaction, wish: FollowWish) -> None:
        async def act(ask: Ask) -> Answer:
            if not 0 < wish.channel_id <= LARGEST_ID:
                raise NothingToDo
            await require_own_channel(interaction, wish.channel_id)
            return await self._follow_desk.follow(ask, wish)

        await self._admin(interaction, act)

    async def do_not_follow(self, interaction: Interaction, _account_id: int) -> None:
        await self._admin(interaction, lambda _: self._follow_desk.do_not_follow())

    async def show_results(self, interaction: Interaction, skip: int) -> None:
        await self._admin(interaction, lambda ask: self._outcomes.outcomes(ask, skip))

    async def show_failed_results(self, interaction: Interaction, skip: int) -> None:
        await self._admin(interaction, lambda ask: self._outcomes.outcomes(ask, skip, only_failed=True))

    async def send_again(self, interaction: Interaction, wish: ResendWish) -> None:
        await self._admin(interaction, lambda ask: self._outcomes.send_again(ask, wish))

    async def _admin(self, interaction: Interaction, act: Callable[[Ask], Awaitable[Answer]]) -> None:
        async def action() -> Answer:
            require_manage_server(interaction)
            return await act(self._answering.ask_of(interaction))

        await self._answering.answer_in_place(interaction, action)

    async def _answer(
        self, interaction: Interaction, act: Callable[[Ask], Awaitable[Answer | Sequence[Answer]]]
    ) -> None:
        async def action() -> Answer | Sequence[Answer]:
            return await act(self._answering.ask_of(interaction))

        await self._answering.answer(interaction, action)
