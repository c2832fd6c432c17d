"""Reading a channel's messages, page by page.

Discord API docs, resources/message, Get Channel Messages. For `after`, SimCord returns the newest messages. Discord
returns those right after it, so that clients can page
forwards.
"""

from __future__ import annotations

from typing import Any

from simcord import intents as simcord_intents
from simcord.backend import serializers
from simcord.backend.models import Channel, Message
from simcord.backend.permissions import flag

from . import errors
from .message_rules import permissions_in
from .recording import RecordedRequest
from .virtual_discord import VirtualDiscord

_MOST = 100


def read(world: VirtualDiscord, request: RecordedRequest, channel: Channel) -> list[dict[str, Any]]:
    """Return one page, newest first and without nonces; empty if the bot may not read the history.

    Raises:
        BackendError: 50001 without access, or 50035 for a limit out of bounds.
    """
    world.backend.require_permissions(channel.guild_id, world.backend.bot_user.id, channel.id)
    limit = int(request.query.get("limit", 50))
    if not 1 <= limit <= _MOST:
        raise errors.invalid_form("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
    if not permissions_in(world, channel) & flag("read_message_history"):
        return []
    stored = sorted(world.backend.messages[channel.id].values(), key=lambda message: message.id)
    seen = [message for message in stored if not message.is_ephemeral]
    return [_payload(world, message) for message in reversed(_page(seen, request.query, limit))]


def _page(oldest_first: list[Message], query: dict[str, str], limit: int) -> list[Message]:
    if "around" in query:
        middle = int(query["around"])
        older = [message for message in oldest_first if message.id < middle]
        rest = [message for message in oldest_first if message.id >= middle]
        return older[-(limit // 2) :] + rest[: limit - limit // 2] if limit > 1 else rest[:1]
    if "after" in query:
        return [message for message in oldest_first if message.id > int(query["after"])][:limit]
    if "before" in query:
        return [message for message in oldest_first if message.id < int(query["before"])][-limit:]
    return oldest_first[-limit:]


def _payload(world: VirtualDiscord, message: Message) -> dict[str, Any]:
    payload: dict[str, Any] = dict(serializers.message_payload(world.backend, message))
    del payload["nonce"]
    if not world.message_content_approved:
        simcord_intents.censor_message(payload, world.backend.bot_user.id, backend=world.backend)
    return payload
