"""Rules of Discord's for messages that SimCord doesn't check; they are checked first."""

from __future__ import annotations

from typing import Any

from simcord.backend import errors as simcord_errors
from simcord.backend.errors import BackendError
from simcord.backend.models import Channel
from simcord.backend.permissions import flag
from simcord.components import walk_components

from . import errors
from .recording import RecordedRequest
from .virtual_discord import VirtualDiscord

MAX_FILES = 10
MAX_NONCE = 25
MAX_FILE_DESCRIPTION = 1024
_FILE = 13


def permissions_in(world: VirtualDiscord, channel: Channel) -> int:
    """The bot's permissions in a channel, as a bit set; all of them in a direct message."""
    if channel.guild_id is None:
        return -1
    return world.backend.compute_permissions(channel.guild_id, world.backend.bot_user.id, channel.id)


def check_uploads(world: VirtualDiscord, channel: Channel, request: RecordedRequest, message: dict[str, Any]) -> None:
    """Check the number, size and descriptions of files, and the permission to attach them.

    Raises:
        BackendError: 30015, 40005, 50035 or 50013.
    """
    if len(request.files) > MAX_FILES:
        raise errors.too_many_files()
    for index, item in enumerate(message.get("attachments") or []):
        if len(item.get("description") or "") > MAX_FILE_DESCRIPTION:
            raise errors.too_long(f"attachments.{index}.description", MAX_FILE_DESCRIPTION)
    limit = world.extras(channel.guild_id).upload_limit
    if any(len(upload.content) > limit for upload in request.files):
        raise errors.too_large()


def check_new_message(world: VirtualDiscord, channel: Channel, request: RecordedRequest) -> None:
    """Check a message that the bot posts to a channel.

    Raises:
        BackendError: 50001, 50013, 50083, 30015, 40005, 50035 or 160002.
    """
    body = request.body
    _check_thread(world, channel)
    required = "send_messages_in_threads" if channel.is_thread else "send_messages"
    world.backend.require_permissions(channel.guild_id, world.backend.bot_user.id, channel.id, required)
    check_parts(world, channel, request)
    _check_nonce(body.get("nonce"))
    _check_file_components(body)
    check_uploads(world, channel, request, body)
    _check_reply(world, channel, body)


def check_parts(world: VirtualDiscord, channel: Channel, request: RecordedRequest) -> None:
    """Files and embeds need a permission each.

    Raises:
        BackendError: 50013.
    """
    held = permissions_in(world, channel)
    embeds = request.body.get("embeds") or request.body.get("embed")
    if request.files and not held & flag("attach_files"):
        raise simcord_errors.missing_permissions()
    if embeds and not held & flag("embed_links"):
        raise simcord_errors.missing_permissions()


def _check_nonce(nonce: object) -> None:
    if nonce is not None and len(str(nonce)) > MAX_NONCE:
        raise errors.too_long("nonce", MAX_NONCE)


def _check_file_components(body: dict[str, Any]) -> None:
    """Check that file components only show files uploaded with the message (resources/components, File)."""
    for part in walk_components(body.get("components") or []):
        if part.get("type") == _FILE and not str((part.get("file") or {}).get("url")).startswith("attachment://"):
            raise errors.invalid_form("components", "UNFURLED_MEDIA_ITEM_INVALID", "Only attachment:// is allowed.")


def _check_thread(world: VirtualDiscord, channel: Channel) -> None:
    thread = channel.thread_metadata
    if thread is None or not thread.locked or permissions_in(world, channel) & flag("manage_threads"):
        return
    raise errors.thread_archived() if thread.archived else simcord_errors.missing_permissions()


def _check_reply(world: VirtualDiscord, channel: Channel, body: dict[str, Any]) -> None:
    reference = body.get("message_reference")
    if not isinstance(reference, dict) or reference.get("type", 0) != 0:
        return
    if not permissions_in(world, channel) & flag("read_message_history"):
        raise errors.no_history_for_reply()
    target = reference.get("message_id")
    if str(target).isdecimal() and int(str(target)) in world.backend.messages.get(channel.id, {}):
        return
    if reference.get("fail_if_not_exists", True):
        raise errors.unknown_reply_target()
    del body["message_reference"]  # Discord then sends it as a plain message


def unarchive(world: VirtualDiscord, channel: Channel) -> None:
    """A new message opens an archived thread again."""
    if channel.thread_metadata is not None and channel.thread_metadata.archived:
        world.backend.edit_channel(channel.id, {}, thread_metadata={"archived": False})


def check_edit(world: VirtualDiscord, channel: Channel, request: RecordedRequest) -> None:
    """Check an edit of a channel's message.

    Raises:
        BackendError: 50001, 50013, 50083, 30015, 40005 or 50035.
    """
    world.backend.require_permissions(channel.guild_id, world.backend.bot_user.id, channel.id)
    if channel.thread_metadata is not None and channel.thread_metadata.archived:
        raise errors.thread_archived()
    check_parts(world, channel, request)
    _check_file_components(request.body)
    check_uploads(world, channel, request, request.body)


def mention_only_users(message: dict[str, Any]) -> None:
    """Answers to interactions ping only users unless they say otherwise (discord.py's facts: others parse all)."""
    message.setdefault("allowed_mentions", {"parse": ["users"], "replied_user": True})


def as_discord_words_it(error: BackendError) -> BackendError:
    """Return SimCord's refusal with Discord's code for it."""
    if error.code == 50035 and "Cannot send an empty message" in error.message:
        return errors.empty_message()
    return error
