"""What pressing the buttons does, as the buttons see it: the client carries it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import discord

from ui.actions import Action

Press = discord.Interaction[Any]


@dataclass(frozen=True, slots=True)
class FollowRequest:
    """What an admin wants to follow, and where; Discord's id of the channel, the local number of the account."""

    channel_id: int
    account_id: int
    progress: bool


@dataclass(frozen=True, slots=True)
class ResendRequest:
    """Which outcome an admin wants to be sent again, and the page of outcomes that it was pressed on."""

    delivery_id: int
    place: int
    skip: int = 0
    only_failed: bool = False


@dataclass(frozen=True, slots=True)
class ButtonHandlers:
    """What the buttons do. Numbers are local ones; whether the presser may, and in this server, each handler checks."""

    lets_in: Callable[[Press], Awaitable[bool]]
    """Counts the press; False where there were too many, and then the presser has been told."""
    numbered: Mapping[Action, Callable[[Press, int], Awaitable[None]]]
    """One for each action."""
    details: Callable[[Press, str], Awaitable[None]]
    """Tells the presser all of the job whose outcome carries the nonce."""
    follow: Callable[[Press, FollowRequest], Awaitable[None]]
    send_again: Callable[[Press, ResendRequest], Awaitable[None]]


class HasButtonHandlers(Protocol):
    """What a client with our buttons has."""

    button_handlers: ButtonHandlers


def handlers_of(interaction: Press) -> ButtonHandlers:
    """What the client does that a button of ours was pressed at."""
    return cast("HasButtonHandlers", interaction.client).button_handlers
