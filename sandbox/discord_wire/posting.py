"""Channel messages over REST: posts with nonces, edits, and reading."""

from __future__ import annotations

import re
from typing import Any

from simcord.backend import errors as simcord_errors
from simcord.backend import serializers
from simcord.backend.models import Channel, Message
from simcord.http.router import dispatch

from . import message_rules
from .recording import RecordedRequest
from .virtual_discord import Pings, PostFacts, VirtualDiscord

SUPPRESS_NOTIFICATIONS = 1 << 12
_HOUR_S = 3600
MESSAGES = re.compile(r"/channels/(?P<channel>\d+)/messages")
MESSAGE = re.compile(r"/channels/(?P<channel>\d+)/messages/(?P<message>\d+)")


class TooManyOldEdits(Exception):
    """429 with code 30046: too many edits of messages older than an hour."""


def pings_of(message: Message) -> Pings:
    """Whom a message would notify if it were sent as it is."""
    if message.flags & SUPPRESS_NOTIFICATIONS:
        return Pings()
    return Pings(frozenset(message.ping_user_ids), frozenset(message.ping_role_ids), bool(message.mention_everyone))


def simcord_dispatch(world: VirtualDiscord, request: RecordedRequest) -> Any:  # noqa: ANN401 # JSON
    """Let SimCord answer."""
    return dispatch(
        world.backend,
        request.method,
        request.path,
        json=request.json,
        params=request.query,
        files=request.files,
        reason=request.reason,
        message_content_access=world.message_content_approved,
    )


def post_message(world: VirtualDiscord, request: RecordedRequest, channel: Channel) -> dict[str, Any]:
    """Create a message, or return the one that was sent with the same nonce.

    Raises:
        BackendError: 10008 if that one was deleted, or any refusal of a message.
    """
    message_rules.check_new_message(world, channel, request)
    nonce = request.body.get("nonce")
    enforced = nonce is not None and bool(request.body.get("enforce_nonce"))
    earlier = world.nonces.earlier(channel.id, nonce) if enforced and nonce is not None else None
    if earlier is not None:
        message = world.backend.get_message(channel.id, earlier)
        return {**serializers.message_payload(world.backend, message), "nonce": nonce}
    message_rules.unarchive(world, channel)
    world.nonces.in_flight = nonce
    try:
        answer: dict[str, Any] = simcord_dispatch(world, request)
    finally:
        world.nonces.in_flight = None
    message_id = int(answer["id"])
    world.posts[message_id] = PostFacts(nonce, pings_of(world.backend.get_message(channel.id, message_id)))
    if nonce is not None:
        world.nonces.remember(channel.id, nonce, message_id)
    return {**answer, "nonce": nonce}


def edit_message(world: VirtualDiscord, request: RecordedRequest, channel: Channel, message_id: int) -> dict[str, Any]:
    """Edit a message of the bot's own.

    Raises:
        BackendError: any refusal of an edit.
        TooManyOldEdits: the limit for messages older than an hour, if switched on, is reached.
    """
    message_rules.check_edit(world, channel, request)
    message = world.backend.get_message(channel.id, message_id)
    _count_old_edit(world, message)
    world.posts.setdefault(message_id, PostFacts(None, pings_of(message)))  # an edit pings nobody
    answer: dict[str, Any] = without_nonce(simcord_dispatch(world, request))
    return answer


def _count_old_edit(world: VirtualDiscord, message: Message) -> None:
    most = world.limits.edits_of_old_messages
    now = world.now()
    if most is None or now - sent_at(message) < _HOUR_S:
        return
    edits = world.old_edits.setdefault(message.channel_id, [])
    edits[:] = [at for at in edits if now - at < _HOUR_S]
    if len(edits) >= most:
        raise TooManyOldEdits
    edits.append(now)


def sent_at(message: Message) -> float:
    """When a message was sent, in seconds since 1970, by its id."""
    return ((message.id >> 22) + 1420070400000) / 1000


def without_nonce(answer: Any) -> Any:  # noqa: ANN401 # JSON
    """Remove the nonce, which only the response to the post itself contains."""
    if isinstance(answer, list):
        return [without_nonce(item) for item in answer]
    if isinstance(answer, dict) and "nonce" in answer:
        return {key: value for key, value in answer.items() if key != "nonce"}
    return answer


def channel_of(world: VirtualDiscord, channel_id: str) -> Channel:
    """A channel by its id.

    Raises:
        BackendError: 10003, unknown; 50001, of a guild that the bot is not in.
    """
    channel = world.backend.get_channel(int(channel_id))
    if channel.guild_id is not None and channel.guild_id not in world.backend.guilds:
        raise simcord_errors.missing_access()
    return channel
