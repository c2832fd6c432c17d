"""The command in a message's menu, which watches every job whose id is in that message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import discord
from discord import app_commands

from cogs.pixverse import watch_many_reply
from discord_adapter.interactions import Interaction, Responder, require_posting
from pixverse.pasted import find_jobids
from relay.commands.ask import Ask
from relay.commands.watch_many import AT_MOST, WatchMany
from ui import command_texts
from ui.message import Reply
from ui.watch_replies import no_ids_reply

_PARTS = ("content", "embeds", "components")
_MAX_DEPTH = 12
_MAX_CHARACTERS = 20_000
"""How many characters are searched; Discord's limits for a message add up to less."""


def watch_menu(watch_many: WatchMany, responder: Responder) -> app_commands.ContextMenu:
    """The menu command, to be added to the tree."""

    async def watch_jobs(interaction: Interaction, message: discord.Message) -> None:
        async def act(ask: Ask) -> Reply:
            jobids = find_jobids(words_of(_as_sent(interaction, message.id)))
            if not jobids:
                return no_ids_reply()
            require_posting(interaction)
            result = await watch_many.watch(ask, " ".join(jobids[:AT_MOST]), True)
            return await watch_many_reply(watch_many, interaction, ask, result, found=len(jobids))

        await responder.reply(interaction, act)

    return app_commands.ContextMenu(name=command_texts.WATCH_MENU, callback=watch_jobs)


def words_of(message: Mapping[str, Any]) -> str:
    """All readable text in a message as Discord sends it: its content, embeds and components, and those of forwarded
    messages. Unknown kinds of components are read too."""
    forwarded = [snapshot.get("message") or {} for snapshot in message.get("message_snapshots") or ()]
    texts = [text for one in (message, *forwarded) for part in _PARTS for text in _texts(one.get(part), 0)]
    return "\n".join(texts)[:_MAX_CHARACTERS]


def _texts(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif depth >= _MAX_DEPTH:
        return
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name != "custom_id":
                yield from _texts(inner, depth + 1)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner, depth + 1)


def _as_sent(interaction: Interaction, message_id: int) -> Mapping[str, Any]:
    """The message as it was sent with the interaction. So the message content intent is not needed (Discord developer
    docs, Message Content Intent)."""
    data: Mapping[str, Any] = interaction.data or {}
    sent: Mapping[str, Any] = data["resolved"]["messages"][str(message_id)]
    return sent
