"""`/pixverse-admin …`: the commands for a server's admins. Each command itself checks Manage Server, because Discord's
settings can show it to others."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from cogs.callback_service import CallbackService
from cogs.check_service import CheckService
from cogs.follow_service import FollowService
from cogs.outcome_service import OutcomeService
from cogs.token_service import TokenService
from discord_adapter.channel_check import check_channel, require_own_channel
from discord_adapter.channels import real_name
from discord_adapter.command_registry import CommandRegistry
from discord_adapter.interaction_limits import InteractionLimiter
from discord_adapter.interactions import Interaction, Responder, may_manage_server, require_manage_server
from relay.commands.ask import Ask
from storage.errors import StorageError
from ui import command_texts
from ui.admin_replies import followed_choice, not_allowed_reply
from ui.discord_limits import CHOICES
from ui.language import LANGUAGES, language_of
from ui.message import Reply
from ui.token_modal import TOKEN_FORM, TokenModal, entered_text

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AdminServices:
    """The services that admins' commands and buttons call."""

    tokens: TokenService
    checks: CheckService
    follows: FollowService
    outcomes: OutcomeService
    callbacks: CallbackService


AS_SERVER = "server"
LANGUAGE_CHOICES = [
    app_commands.Choice(name=command_texts.AS_SERVER, value=AS_SERVER),
    *(app_commands.Choice(name=name, value=code) for code, name in LANGUAGES.items()),
]
ChosenChannel = app_commands.AppCommandChannel | app_commands.AppCommandThread


class PostableChannel(app_commands.Transformer):
    """A channel in which messages can be posted. It comes from Discord, and need not be in the gateway's cache."""

    @property
    def type(self) -> discord.AppCommandOptionType:
        return discord.AppCommandOptionType.channel

    @property
    def channel_types(self) -> list[discord.ChannelType]:
        return [
            discord.ChannelType.text,
            discord.ChannelType.news,
            discord.ChannelType.voice,
            discord.ChannelType.stage_voice,
            discord.ChannelType.public_thread,
            discord.ChannelType.private_thread,
            discord.ChannelType.news_thread,
        ]

    async def transform(self, _interaction: Interaction, value: ChosenChannel) -> ChosenChannel:
        return value


@app_commands.default_permissions(manage_guild=True)
class PixVerseAdmin(commands.GroupCog, group_name="pixverse-admin", group_description=command_texts.PIXVERSE_ADMIN):
    """The commands under `/pixverse-admin`."""

    token = app_commands.Group(name="token", description=command_texts.TOKEN)

    def __init__(
        self, services: AdminServices, responder: Responder, limiter: InteractionLimiter, registry: CommandRegistry
    ) -> None:
        super().__init__()
        self._services = services
        self._responder = responder
        self._limiter = limiter
        self._registry = registry

    @token.command(name="set", description=command_texts.TOKEN_SET)
    async def token_set(self, interaction: Interaction) -> None:
        """Opens the form in which a token is entered."""
        if await self._responder.refused_place(interaction):
            return
        if not may_manage_server(interaction):
            await self._responder.say_at_once(interaction, not_allowed_reply())
            return
        await self._responder.open_form(interaction, TokenModal())

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """Reads the token from a submitted form, whichever process opened the form."""
        data: Mapping[str, Any] = interaction.data or {}
        if interaction.type is not discord.InteractionType.modal_submit or data.get("custom_id") != TOKEN_FORM:
            return
        if not await self._limiter.lets_in(interaction):
            return
        text = entered_text(data.get("components") or ())
        await self._answer(interaction, lambda ask: self._services.tokens.set_token(ask, text))

    @token.command(name="remove", description=command_texts.TOKEN_REMOVE)
    async def token_remove(self, interaction: Interaction) -> None:
        """Asks whether to remove the server's token."""
        await self._answer(interaction, self._services.tokens.ask_removal)

    @app_commands.command(name="check", description=command_texts.CHECK)
    async def check(self, interaction: Interaction) -> None:
        """Shows what works in this channel and server, and what does not."""

        async def act(ask: Ask) -> Reply:
            return await self._services.checks.check(ask, await check_channel(interaction))

        await self._answer(interaction, act)

    @app_commands.command(name="deliveries", description=command_texts.DELIVERIES)
    async def deliveries(self, interaction: Interaction) -> None:
        """Shows the server's latest outcomes, and whether each was posted."""
        await self._answer(interaction, self._services.outcomes.outcomes)

    @app_commands.command(name="callback", description=command_texts.CALLBACK)
    async def callback(self, interaction: Interaction) -> None:
        """Shows the server's own address for useapi.net's callbacks."""
        await self._answer(interaction, self._services.callbacks.show)

    @app_commands.command(name="alerts", description=command_texts.ALERTS)
    @app_commands.describe(channel=command_texts.ALERTS_CHANNEL)
    async def alerts(
        self, interaction: Interaction, channel: app_commands.Transform[ChosenChannel, PostableChannel]
    ) -> None:
        """Sets the channel in which admins get alerts."""

        async def act(ask: Ask) -> Reply:
            await require_own_channel(interaction, channel.id)
            return await self._services.checks.set_alerts(ask, channel.id)

        await self._answer(interaction, act)

    @app_commands.command(name="language", description=command_texts.LANGUAGE)
    @app_commands.describe(language=command_texts.LANGUAGE_LANGUAGE)
    @app_commands.choices(language=LANGUAGE_CHOICES)
    async def language(self, interaction: Interaction, language: str) -> None:
        """Sets the language of what everybody sees."""
        chosen = None if language == AS_SERVER else language_of(language)
        await self._answer(interaction, lambda ask: self._services.checks.set_language(ask, chosen))

    @app_commands.command(name="follow", description=command_texts.FOLLOW)
    @app_commands.describe(channel=command_texts.FOLLOW_CHANNEL, progress=command_texts.FOLLOW_PROGRESS)
    async def follow(
        self,
        interaction: Interaction,
        channel: app_commands.Transform[ChosenChannel, PostableChannel],
        progress: bool = False,
    ) -> None:
        """Asks whether to post every job of the server's account in a channel."""

        async def act(ask: Ask) -> Reply:
            await require_own_channel(interaction, channel.id)
            return await self._services.follows.ask_before_following(ask, channel.id, progress=progress)

        await self._answer(interaction, act)

    @app_commands.command(name="unfollow", description=command_texts.UNFOLLOW)
    @app_commands.describe(channel=command_texts.UNFOLLOW_CHANNEL)
    async def unfollow(self, interaction: Interaction, channel: str) -> None:
        """Stops posting the account's jobs in a channel. The channel is given as text, so that a deleted one can be
        named."""
        await self._answer(interaction, lambda ask: self._services.follows.unfollow(ask, channel))

    @unfollow.autocomplete("channel")
    async def _choose_followed(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        """Offers the server's followed channels, using only the database."""
        guild_id = interaction.guild_id
        if guild_id is None or not self._registry.serves(guild_id) or not may_manage_server(interaction):
            return []
        try:
            followed = await self._services.follows.followed_channels(guild_id)
        except StorageError as error:
            log.warning("autocomplete found nothing: %s", error)
            return []
        choices = [followed_choice(channel_id, _name_of(interaction, channel_id)) for channel_id in followed]
        return [choice for choice in choices if typed.strip().casefold() in choice.name.casefold()][:CHOICES]

    async def _answer(self, interaction: Interaction, act: Callable[[Ask], Awaitable[Reply]]) -> None:
        async def for_admins(ask: Ask) -> Reply:
            require_manage_server(interaction)
            return await act(ask)

        await self._responder.reply(interaction, for_admins)


def _name_of(interaction: Interaction, channel_id: int) -> str | None:
    channel = interaction.guild.get_channel_or_thread(channel_id) if interaction.guild is not None else None
    return real_name(channel)
