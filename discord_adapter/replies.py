"""Puts an answer in the place of "thinking", also where Discord does not take it at first."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any

import aiohttp
import discord

from discord_adapter.temporary_views import PassingViews
from ui.passing import PassingView
from ui.reply import Reply

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]

_WAITS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Seconds between two tries. With discord.py's own they stay well within the 15 minutes for which Discord takes an
answer (Discord developer docs, Receiving and Responding)."""


async def send_replies(
    interaction: discord.Interaction[Any], answers: Sequence[Reply], sleep: Sleep, views: PassingViews
) -> discord.InteractionMessage | None:
    """Gives the answers to the asker alone, the first in the place of what stands there; returns the first. Logs where
    that fails, and returns None."""
    first, *rest = answers
    try:
        message = await _put_in_place(interaction, first, sleep)
        for answer in rest:
            # Tried once: a further message has no nonce, and would stand there twice.
            await interaction.followup.send(
                answer.content, ephemeral=True, allowed_mentions=discord.AllowedMentions.none()
            )
        if isinstance(first.view, PassingView):
            await views.keep(first.view, message, interaction.user.id)
        return message
    except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
        log.warning("an answer could not be given: %s", error)
        return None


async def _put_in_place(
    interaction: discord.Interaction[Any], answer: Reply, sleep: Sleep
) -> discord.InteractionMessage:
    """Edits the answer; done again it says the same, so it may be repeated. Raises what the last try raised."""
    for wait in _WAITS:
        try:
            return await _edit(interaction, answer)
        except discord.HTTPException as error:
            if error.status != HTTPStatus.TOO_MANY_REQUESTS and error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
        except (aiohttp.ClientError, OSError):
            log.info("the connection broke while an answer was given; trying again in %.0f s", wait)
        await sleep(wait)
    return await _edit(interaction, answer)


async def _edit(interaction: discord.Interaction[Any], answer: Reply) -> discord.InteractionMessage:
    return await interaction.edit_original_response(
        content=answer.content, view=answer.view, allowed_mentions=discord.AllowedMentions.none()
    )
