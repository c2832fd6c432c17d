"""Replaces "thinking" with a reply, and retries if Discord does not accept it at first."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

import aiohttp
import discord

from discord_adapter.request_trace import may_pass
from model.messages import Refused
from relay.delivery.verdicts import cause_of
from relay.ports import Sleep
from ui.message import Reply, TemporaryView
from ui.refusal_replies import refused_reply

T = TypeVar("T")

log = logging.getLogger(__name__)


_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds between tries. Including discord.py's own retries, they stay well within the 15 minutes for which Discord
accepts a reply (Discord developer docs, Receiving and Responding)."""


MAX_VIEWS_OF_A_PERSON = 3
MAX_VIEWS = 500


class TemporaryViews:
    """The replies with a temporary button, each kept in memory as long as its button works.

    Their number is bounded, for each person and overall. The buttons of the oldest ones are removed early.
    """

    def __init__(self) -> None:
        self._owners: dict[TemporaryView, int] = {}
        """By view; the oldest view comes first."""

    def __len__(self) -> int:
        return len(self._owners)

    async def keep(self, view: TemporaryView, message: discord.InteractionMessage, user_id: int) -> None:
        """Keeps a reply's view until its button is removed."""
        self._owners[view] = user_id
        view.attach_to(message, lambda: self._owners.pop(view, None))
        own = [one for one, owner in self._owners.items() if owner == user_id]
        for old in {*own[:-MAX_VIEWS_OF_A_PERSON], *list(self._owners)[:-MAX_VIEWS]}:
            await old.take_off()


async def send_replies(
    interaction: discord.Interaction[Any], replies: Sequence[Reply], sleep: Sleep, views: TemporaryViews
) -> discord.InteractionMessage | None:
    """Sends the replies, visible only to the asker. The first replaces what is shown now.

    Returns the first message, or None after a failure, which is logged.
    """
    first, *rest = replies
    try:
        message = await _unless_refused(partial(_put_in_place, interaction, sleep), first)
        for further in rest:
            # Tried only once: these messages have no nonce, so a second try could post them twice.
            await _unless_refused(partial(_follow_up, interaction), further)
        if isinstance(first.view, TemporaryView):
            await views.keep(first.view, message, interaction.user.id)
        return message
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        log.warning("a reply could not be sent: %s", error)
        return None


async def _unless_refused(send: Callable[[Reply], Awaitable[T]], reply: Reply) -> T:
    """Sends the reply. If Discord refuses its content, as AutoMod does, sends one that says so."""
    try:
        return await send(reply)
    except discord.HTTPException as refusal:
        if refusal.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN):
            raise
        log.warning("Discord refuses a reply: %s", refusal)
        return await send(refused_reply(cause_of(Refused(refusal.status, refusal.code, refusal.text))))


async def _follow_up(interaction: discord.Interaction[Any], reply: Reply) -> None:
    await interaction.followup.send(reply.content, ephemeral=True, allowed_mentions=discord.AllowedMentions.none())


async def _put_in_place(
    interaction: discord.Interaction[Any], sleep: Sleep, reply: Reply
) -> discord.InteractionMessage:
    """Edits the reply, which can be repeated safely. Raises what the last try raised."""
    for wait in _WAITS:
        try:
            return await _edit(interaction, reply)
        except discord.HTTPException as error:
            if not may_pass(error):
                raise
        except (aiohttp.ClientError, OSError):
            log.info("the connection broke while a reply was sent; trying again in %.0f s", wait)
        await sleep(wait)
    return await _edit(interaction, reply)


async def _edit(interaction: discord.Interaction[Any], reply: Reply) -> discord.InteractionMessage:
    return await interaction.edit_original_response(
        content=reply.content, view=reply.view, allowed_mentions=discord.AllowedMentions.none()
    )
