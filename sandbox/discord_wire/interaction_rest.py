"""Answers to interactions over REST: callback, the original answer, follow-ups."""

from __future__ import annotations

import re
from typing import Any

from simcord.backend.errors import BackendError

from . import errors, message_rules
from .command_rules import check_choices
from .posting import simcord_dispatch, without_nonce
from .recording import RecordedRequest
from .virtual_discord import VirtualDiscord

CALLBACK = re.compile(r"/interactions/(?P<id>\d+)/(?P<token>[^/]+)/callback")
WEBHOOK = re.compile(r"/webhooks/(?P<app>\d+)/(?P<token>[^/]+)(?:/.*)?")
_MESSAGE_CALLBACKS = (4, 7)
_AUTOCOMPLETE = 8

Answer = tuple[int, Any]


def is_interaction_call(request: RecordedRequest) -> bool:
    """Whether the call is authorized by an interaction's token instead of the bot's."""
    return CALLBACK.fullmatch(request.path) is not None or WEBHOOK.fullmatch(request.path) is not None


def callback(world: VirtualDiscord, request: RecordedRequest, interaction_id: int) -> Answer:
    """Take the first response to an interaction.

    Raises:
        BackendError: 10062 after 3 s, 40060 for a second response, or any refusal of its message.
    """
    record = world.backend.interactions.get(interaction_id)
    data = request.body.get("data")
    if record is not None and isinstance(data, dict):
        if request.body.get("type") in _MESSAGE_CALLBACKS:
            channel = world.backend.get_channel(record.channel_id)
            message_rules.check_uploads(world, channel, request, data)
            message_rules.mention_only_users(data)
        if request.body.get("type") == _AUTOCOMPLETE:
            check_choices(data.get("choices") or [], "data.choices")
    answer = simcord_dispatch(world, request)
    if request.query.get("with_response", "").lower() in ("1", "true"):
        return 200, answer
    return 204, None


def webhook(world: VirtualDiscord, request: RecordedRequest, token: str) -> Answer:
    """Take an edit of the original response, or a follow-up.

    Raises:
        BackendError: 50027 after 15 min, or any refusal of the message.
    """
    interaction_id = world.backend.interaction_tokens.get(token)
    if interaction_id is not None:
        record = world.backend.interactions[interaction_id]
        if record.expires_at is not None and world.backend.now_iso() >= record.expires_at:
            raise errors.token_expired()
        if request.method in ("POST", "PATCH"):
            channel = world.backend.channels.get(record.channel_id)
            if channel is None:
                raise BackendError(404, 10003, "Unknown Channel")
            message_rules.check_uploads(world, channel, request, request.body)
            message_rules.mention_only_users(request.body)
    answer = simcord_dispatch(world, request)
    return (204, None) if answer is None else (200, without_nonce(answer))
