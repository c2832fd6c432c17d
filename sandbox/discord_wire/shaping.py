"""Shapes an event for a gateway session: filtered by its intents, and with fields that SimCord lacks."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import discord
from simcord import intents as simcord_intents
from simcord.backend.access import channel_accessible
from simcord.backend.permissions import flag

from .virtual_discord import VirtualDiscord

Payload = dict[str, Any]
_OBFUSCATED = 1 << 17


def shape(world: VirtualDiscord, intents: discord.Intents, event: str, payload: Mapping[str, Any]) -> Payload | None:
    """Return the payload that this session gets, or None if its intents don't cover the event."""
    gate = simcord_intents.required_intent(event, payload)
    # Updates of the bot itself don't need the members intent.
    own = event == "GUILD_MEMBER_UPDATE" and int(payload["user"]["id"]) == world.backend.bot_user.id
    if gate is not None and not own and not getattr(intents, gate):
        return None
    shaped: Payload = copy.deepcopy(dict(payload))
    bot_id = world.backend.bot_user.id
    if event in ("THREAD_CREATE", "THREAD_UPDATE", "THREAD_MEMBERS_UPDATE") and not _reaches(world, shaped):
        return None
    if event in ("CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE"):
        shaped = _as_seen(world, shaped)
    if event in ("MESSAGE_CREATE", "MESSAGE_UPDATE"):
        _complete_message(world, event, shaped)
        if not intents.message_content:
            simcord_intents.censor_message(shaped, bot_id, backend=world.backend)
    elif event == "INTERACTION_CREATE":
        _complete_interaction(world, shaped)
        if not intents.message_content:
            _censor_interaction(world, shaped)
    elif event in ("GUILD_CREATE", "GUILD_UPDATE") and "roles" in shaped:
        complete_guild(world, shaped)
        simcord_intents.prune_guild_create(shaped, intents, bot_id)
    return shaped


def complete_guild(world: VirtualDiscord, guild: Payload) -> None:
    """Add a guild's boost tier, which SimCord doesn't store; hide channels and threads that the bot doesn't see."""
    guild["premium_tier"] = world.extras(int(guild["id"])).premium_tier
    _put(guild, "preferred_locale", guild.get("preferred_locale"))
    guild["channels"] = [_as_seen(world, channel) for channel in guild.get("channels") or []]
    guild["threads"] = [thread for thread in guild.get("threads") or [] if _reaches(world, thread)]


def _reaches(world: VirtualDiscord, thread: Payload) -> bool:
    """Whether the bot gets events of a thread; for a private one it must be a member or may manage threads."""
    return channel_accessible(world.backend, int(thread["id"]), world.backend.bot_user.id)


def _as_seen(world: VirtualDiscord, channel: Payload) -> Payload:
    """A channel as Discord reports it since 2026-11-16: without name and permissions if the bot may not view it."""
    channel_id = int(channel["id"])
    if channel_id in world.backend.channels:
        if channel_accessible(world.backend, channel_id, world.backend.bot_user.id):
            world.hidden.discard(channel_id)
        else:
            world.hidden.add(channel_id)
    if channel_id not in world.hidden or not world.hides_channels:
        return channel
    kept: Payload = {key: channel[key] for key in ("id", "type", "guild_id", "position", "parent_id") if key in channel}
    nobody = {"id": str(channel["guild_id"]), "type": 0, "allow": "0", "deny": str(flag("view_channel"))}
    return {**kept, "name": "___hidden___", "flags": _OBFUSCATED, "permission_overwrites": [nobody]}


def _complete_message(world: VirtualDiscord, event: str, message: Payload) -> None:
    nonce = world.nonces.in_flight if event == "MESSAGE_CREATE" else None
    if nonce is None:
        message.pop("nonce", None)
    else:
        message["nonce"] = nonce


def _put(payload: Payload, key: str, value: str | None) -> None:
    """Set a field, or remove it if there is no value."""
    payload.pop(key, None)
    if value:
        payload[key] = value


def _complete_interaction(world: VirtualDiscord, interaction: Payload) -> None:
    guild_id = interaction.get("guild_id")
    if person := (interaction.get("member") or interaction).get("user"):  # a ping is nobody's
        _put(interaction, "locale", world.locale(int(person["id"])))
    interaction["attachment_size_limit"] = world.extras(int(guild_id) if guild_id else None).upload_limit
    if guild_id:
        interaction["authorizing_integration_owners"] = {"0": guild_id}
        interaction["guild"] = {"id": guild_id, "features": []}
        for place, key in ((interaction, "guild_locale"), (interaction["guild"], "locale")):
            _put(place, key, world.preferred_locale(int(guild_id)))


def _censor_interaction(world: VirtualDiscord, interaction: Payload) -> None:
    bot_id = world.backend.bot_user.id
    if isinstance(interaction.get("message"), dict):
        simcord_intents.censor_message(interaction["message"], bot_id, backend=world.backend, exempt_root=True)
    data = interaction.get("data") or {}
    for message_id, message in ((data.get("resolved") or {}).get("messages") or {}).items():
        chosen = str(data.get("target_id")) == str(message_id)
        simcord_intents.censor_message(message, bot_id, backend=world.backend, exempt_root=chosen)
