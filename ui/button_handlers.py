"""What pressing the buttons does, as the buttons see it: the client carries it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, cast

import discord


class Action(Enum):
    """A button with a number: the start of its custom id, and its label."""

    CHECK_NOW = ("card:check", "Check now")
    STOP_WATCHING = ("card:stop", "Stop watching")
    WATCH_AGAIN = ("card:again", "Watch again")
    STOP_BATCH = ("batch:stop", "Stop watching all")
    PING_ME = ("answer:ping", "Ping me")
    DO_NOT_PING_ME = ("answer:quiet", "Don't ping me")
    POST_AGAIN = ("answer:again", "Post it again")
    KEEP_OLD_JOBS = ("token:keep-jobs", "Keep the old jobs waiting")
    DROP_OLD_JOBS = ("token:drop-jobs", "Drop the old jobs")
    REMOVE_TOKEN = ("token:remove", "Remove the token")
    KEEP_TOKEN = ("token:keep", "Keep the token")
    DELETE_MY_DATA = ("me:delete", "Delete my data")
    KEEP_MY_DATA = ("me:keep", "Keep my data")
    ASK_TO_REPLACE = ("callback:replace", "Replace the address")
    REPLACE_ADDRESS = ("callback:new", "Replace the address")
    KEEP_ADDRESS = ("callback:keep", "Keep the address")
    DO_NOT_FOLLOW = ("follow:no", "Don't follow")
    PREVIOUS_RESULTS = ("results:previous", "Previous results")
    MORE_RESULTS = ("results:more", "More results")
    ALL_RESULTS = ("results:all", "Show all results")
    FAILED_RESULTS = ("results:failed", "Show failed results")
    PREVIOUS_FAILED = ("results:failed-previous", "Previous failed results")
    MORE_FAILED = ("results:failed-more", "More failed results")

    def __init__(self, prefix: str, label: str) -> None:
        self.prefix = prefix
        self.label = label


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
