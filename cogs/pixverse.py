"""`/pixverse …`: the commands for everybody."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from discord import app_commands
from discord.ext import commands

from discord_adapter.channel_check import obstacles_here
from discord_adapter.command_registry import CommandRegistry
from discord_adapter.interactions import Interaction, Responder, may_manage_messages, require_posting
from relay.commands.ask import Ask
from relay.commands.job_queries import CHOICES
from relay.commands.member_commands import MemberCommands
from relay.commands.watch import AlreadyWatched, ImmediatePost, NowWatching, StatusResult, Watch
from relay.commands.watch_many import WatchMany, WatchResult
from relay.ports import Clock
from storage.errors import StorageError
from storage.overviews import KnownJob
from ui import command_texts
from ui.list_replies import autocomplete_choice, listing_replies, pasted_choice
from ui.member_replies import forget_question, peek_reply, status_reply, stop_reply
from ui.message import Reply
from ui.watch_replies import watch_menu_reply, watch_reply

log = logging.getLogger(__name__)

FindChoices = Callable[[Ask, str], Awaitable[tuple[KnownJob, ...]]]


class PixVerse(commands.GroupCog, group_name="pixverse", group_description=command_texts.PIXVERSE):
    """The commands under `/pixverse`."""

    def __init__(
        self, member_commands: MemberCommands, responder: Responder, registry: CommandRegistry, clock: Clock
    ) -> None:
        super().__init__()
        self._commands = member_commands
        self._responder = responder
        self._registry = registry
        self._clock = clock

    @app_commands.command(name="status", description=command_texts.STATUS)
    @app_commands.describe(
        jobid=command_texts.STATUS_JOBID,
        mention=command_texts.STATUS_MENTION,
        private=command_texts.STATUS_PRIVATE,
        spoiler=command_texts.STATUS_SPOILER,
    )
    async def status(
        self,
        interaction: Interaction,
        jobid: str,
        mention: bool = True,
        private: bool = False,
        spoiler: bool = False,
    ) -> None:
        """Shows the state of a job, and watches it in this channel unless `private`."""
        if private:
            await self._peek(interaction, jobid, mention=mention, spoiler=spoiler)
        else:
            await self._watch_one(interaction, jobid, mention=mention, spoiler=spoiler)

    async def _watch_one(
        self, interaction: Interaction, text: str, *, mention: bool, spoiler: bool, look_again: bool = False
    ) -> None:
        async def act(ask: Ask) -> Reply:
            require_posting(interaction)
            result = await self._commands.watch.status(ask, text, mention, spoiler, look_again=look_again)
            return await watch_one_reply(self._commands.watch, interaction, ask, result)

        async def again(press: Interaction) -> None:
            await self._watch_one(press, text, mention=mention, spoiler=spoiler, look_again=True)

        await self._responder.reply(interaction, act, look_again=again)

    async def _peek(
        self, interaction: Interaction, text: str, *, mention: bool, spoiler: bool, look_again: bool = False
    ) -> None:
        async def watch_here(press: Interaction) -> None:
            await self._watch_one(press, text, mention=mention, spoiler=spoiler)

        async def again(press: Interaction) -> None:
            await self._peek(press, text, mention=mention, spoiler=spoiler, look_again=True)

        async def act(ask: Ask) -> Reply:
            return peek_reply(await self._commands.job_checks.peek(ask, text, look_again=look_again), watch_here)

        await self._responder.reply(interaction, act, look_again=again)

    @app_commands.command(name="watch", description=command_texts.WATCH)
    @app_commands.describe(jobids=command_texts.WATCH_JOBIDS, mention=command_texts.WATCH_MENTION)
    async def watch(self, interaction: Interaction, jobids: str, mention: bool = True) -> None:
        """Watches many jobs with one summary and one ping."""

        async def act(ask: Ask) -> Reply:
            require_posting(interaction)
            result = await self._commands.many.watch(ask, jobids, mention)
            return await watch_many_reply(self._commands.many, interaction, ask, result)

        await self._responder.reply(interaction, act)

    @app_commands.command(name="unwatch", description=command_texts.UNWATCH)
    @app_commands.describe(jobid=command_texts.UNWATCH_JOBID)
    async def unwatch(self, interaction: Interaction, jobid: str) -> None:
        """Stops watching a job in this channel for the asker."""

        async def act(ask: Ask) -> Reply:
            may_stop_others = may_manage_messages(interaction)
            return stop_reply(await self._commands.stop.unwatch(ask, jobid, may_stop_others))

        await self._responder.reply(interaction, act)

    @app_commands.command(name="list", description=command_texts.LIST)
    async def list_watched(self, interaction: Interaction) -> None:
        """Shows what this channel waits for."""

        async def act(ask: Ask) -> Sequence[Reply]:
            return listing_replies(
                await self._commands.queries.list(ask), ask.where, self._registry.mentions(ask.guild_id)
            )

        await self._responder.reply(interaction, act)

    @app_commands.command(name="forget-me", description=command_texts.FORGET_ME)
    async def forget_me(self, interaction: Interaction) -> None:
        """Asks whether to delete what is stored about the asker."""

        async def act(_: Ask) -> Reply:
            return forget_question()

        await self._responder.reply(interaction, act)

    @status.autocomplete("jobid")
    async def _choose(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """Offers the asker's own jobs and this channel's."""
        return await self._choices(interaction, typed, self._commands.queries.choices)

    @unwatch.autocomplete("jobid")
    async def _choose_watched(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """Offers the jobs that this channel waits for."""
        return await self._choices(interaction, typed, self._commands.queries.watched_choices)

    async def _choices(self, interaction: Interaction, typed: str, find: FindChoices) -> list[app_commands.Choice[str]]:
        """The choices for autocomplete. Only the database is read, because Discord waits three seconds, and choices
        can't be deferred."""
        if not self._registry.serves(interaction.guild_id):
            return []
        try:
            choices = await find(self._responder.ask_of(interaction), typed)
        except StorageError as error:
            log.warning("autocomplete found nothing: %s", error)
            return []
        known = [autocomplete_choice(choice, self._clock.now()) for choice in choices]
        pasted = pasted_choice(typed)
        return known if pasted is None else [pasted, *known][:CHOICES]


async def watch_one_reply(watch: Watch, interaction: Interaction, ask: Ask, result: StatusResult) -> Reply:
    """The reply after watching one job. The link to the card is added once the card is posted."""
    post = result.card if isinstance(result, NowWatching) else ImmediatePost()
    refused = await watch.immediate_posts.is_refused(ask, post)
    reply = status_reply(result, ask.where, await obstacles_here(interaction, refused=refused))
    if not isinstance(result, NowWatching | AlreadyWatched) or result.card.on_its_way is None:
        return reply

    async def later() -> Reply:
        return await watch_one_reply(watch, interaction, ask, await watch.with_card(result))

    return replace(reply, later=later)


async def watch_many_reply(
    watch_many: WatchMany, interaction: Interaction, ask: Ask, result: WatchResult, *, found: int | None = None
) -> Reply:
    """The reply after watching several jobs. The link to the summary is added once the summary is posted.

    `found` is how many ids were in the message that they were taken from; None for ids that were typed.
    """
    refused = await watch_many.immediate_posts.is_refused(ask, result.summary)
    obstacles = await obstacles_here(interaction, refused=refused)
    if found is None:
        reply = watch_reply(result, ask.where, obstacles)
    else:
        reply = watch_menu_reply(result, ask.where, found, obstacles)
    if result.summary.on_its_way is None:
        return reply

    async def later() -> Reply:
        return await watch_many_reply(watch_many, interaction, ask, await watch_many.with_summary(result), found=found)

    return replace(reply, later=later)
