"""Searches a channel's history for a message that Discord may have stored without the bot's knowledge."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar

import aiohttp
import discord

from discord_adapter.request_trace import UNREADABLE, is_of_discord
from model.messages import (
    Absent,
    Found,
    HistorySearchFailure,
    HistorySearchResult,
    HistoryUnreadable,
    NoResponse,
    Refused,
    TooManyRequests,
)
from model.states import Reason
from relay.delivery import verdicts
from ui.message import Message

PAGE = 100
MAX_PAGES = 30
"""Up to 3,000 messages are read. If there are more, the result is `HistoryUnreadable`."""
_SECONDS = 30.0
_COMMAND = re.compile(r"</([^:>]+):\d+>")
"""A command mention, as `CommandMentions` writes it."""
_PING = re.compile(r"<@\d+> ?")
_T = TypeVar("_T")


async def find_message(
    client: discord.Client, channel_id: int, message: Message, after: int, *, readable: bool | None
) -> HistorySearchResult:
    """Reads the history forward from `after` (milliseconds UTC) until the message is found or the end is reached.

    `readable` tells whether the bot may read the history; None if that is unknown. Without the permission, Discord
    responds with an empty list instead of a refusal (Discord developer docs, Get Channel Messages), so an empty list
    proves nothing.

    Messages in the history carry no nonce, so the message is recognised by a custom id of its buttons, or by its text
    if it has no buttons.
    """
    if readable is False:
        return HistoryUnreadable()
    return await _unless_refused(_search(client, channel_id, message, after, certain=readable is True))


async def find_copies(
    client: discord.Client, channel_id: int, message: Message, after: int, *, readable: bool | None
) -> tuple[int, ...] | HistorySearchFailure:
    """The ids of all messages from `after` on that `find_message` would accept as this one."""
    if readable is False:
        return HistoryUnreadable()
    return await _unless_refused(_search_all(client, channel_id, message, after, certain=readable is True))


async def _unless_refused(search: Awaitable[_T]) -> _T | HistorySearchFailure:
    try:
        return await search
    except discord.RateLimited as limited:
        return TooManyRequests(limited.retry_after)
    except discord.HTTPException as refusal:
        return _read(refusal)
    except (aiohttp.ClientError, OSError, *UNREADABLE):
        return NoResponse()


async def _search(
    client: discord.Client, channel_id: int, message: Message, after: int, *, certain: bool
) -> HistorySearchResult:
    position = max(after - discord.utils.DISCORD_EPOCH, 0) << 22
    for number in range(MAX_PAGES):
        page = await _page(client, channel_id, after=position)
        if ids := _ids_in(page, client, message):
            return Found(ids[0])
        if not page and number == 0:
            return await _search_newest(client, channel_id, message, certain=certain)
        if len(page) < PAGE:
            return Absent()
        position = max(int(stored["id"]) for stored in page)
    return HistoryUnreadable()


async def _search_newest(
    client: discord.Client, channel_id: int, message: Message, *, certain: bool
) -> HistorySearchResult:
    """Searches the newest messages. Used if none is newer than `after`, since this machine's clock may be ahead."""
    page = await _page(client, channel_id)
    if ids := _ids_in(page, client, message):
        return Found(ids[0])
    return Absent() if certain or page else HistoryUnreadable()


async def _search_all(
    client: discord.Client, channel_id: int, message: Message, after: int, *, certain: bool
) -> tuple[int, ...] | HistoryUnreadable:
    found: list[int] = []
    position = max(after - discord.utils.DISCORD_EPOCH, 0) << 22
    for number in range(MAX_PAGES):
        page = await _page(client, channel_id, after=position)
        if not page and number == 0 and not certain:
            return HistoryUnreadable()
        found += _ids_in(page, client, message)
        if len(page) < PAGE:
            return tuple(found)
        position = max(int(stored["id"]) for stored in page)
    return tuple(found) if len(found) > 1 else HistoryUnreadable()


def _ids_in(page: list[Any], client: discord.Client, message: Message) -> list[int]:
    """The ids of the page's messages that are the bot's own and match this message, in the page's order."""
    return [int(stored["id"]) for stored in page if _is_ours(stored, client) and _is_it(stored, message)]


async def _page(client: discord.Client, channel_id: int, after: int | None = None) -> list[Any]:
    """The messages that follow `after`, or the newest ones. Raises TypeError if the response is not a list, because a
    proxy's empty page would look like an empty channel."""
    async with asyncio.timeout(_SECONDS):
        page: object = await client.http.logs_from(channel_id, PAGE, after=after)
    if not isinstance(page, list):
        raise TypeError(page)
    return page


def _read(refusal: discord.HTTPException) -> HistoryUnreadable | NoResponse:
    """What a refusal means. A proxy's refusal says nothing about the channel, and may be temporary."""
    if is_of_discord(refusal):
        meaning = verdicts.meaning_of(Refused(refusal.status, refusal.code))
        if meaning is verdicts.Meaning.CHANNEL_GONE:
            return HistoryUnreadable(Reason.UNKNOWN_CHANNEL)
        if meaning is verdicts.Meaning.PLACE:
            return HistoryUnreadable(Reason.NO_PERMISSION)
    return NoResponse()


def _is_ours(stored: dict[str, Any], client: discord.Client) -> bool:
    return client.user is not None and int(stored["author"]["id"]) == client.user.id


def _is_it(stored: dict[str, Any], message: Message) -> bool:
    if message.known_by is not None:
        return message.known_by in set(_custom_ids(stored.get("components") or []))
    return _without_ids(str(stored.get("content"))) == _without_ids(message.content or "")


def _without_ids(content: str) -> str:
    """The content with command mentions as plain text, and without pings. Right after a start the ids of commands may
    be unknown, and people may have asked to be forgotten since."""
    content = _PING.sub("", content).rstrip()
    return _COMMAND.sub(r"/\1", content)


def _custom_ids(components: list[dict[str, Any]]) -> Iterator[str]:
    for component in components:
        if "custom_id" in component:
            yield str(component["custom_id"])
        yield from _custom_ids(component.get("components") or [])
