"""The buttons that live on after a restart, and the views they stand in.

A custom id holds a local number or an outcome's nonce, never a job id. What pressing does is up to the client: it
carries `button_handlers`. Views are made anew for every message and hold no other items, because discord.py forgets
the template of a dynamic item together with a mixed or re-used view.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, Self, cast

import discord
from discord import ButtonStyle

Press = discord.Interaction[Any]


@dataclass(frozen=True, slots=True)
class FollowWish:
    """What an admin wants to follow, and where; Discord's id of the channel, the local number of the account."""

    channel_id: int
    account_id: int
    progress: bool


class ButtonHandlers(Protocol):
    """What the buttons do. Numbers are local ones; whether the presser may, and in this server, is checked there."""

    async def check_now(self, interaction: Press, subscription_id: int) -> None:
        """Looks at once and says what it saw."""

    async def stop_watching(self, interaction: Press, subscription_id: int) -> None:
        """Takes the presser off, or stops."""

    async def watch_again(self, interaction: Press, subscription_id: int) -> None:
        """Takes a stopped subscription up again."""

    async def ping_me(self, interaction: Press, subscription_id: int) -> None:
        """The presser is pinged at the end."""

    async def do_not_ping_me(self, interaction: Press, subscription_id: int) -> None:
        """The presser is not pinged at the end."""

    async def post_again(self, interaction: Press, subscription_id: int) -> None:
        """Posts the outcome once more."""

    async def stop_batch(self, interaction: Press, batch_id: int) -> None:
        """Stops what of a batch has not ended."""

    async def keep_old_jobs(self, interaction: Press, account_id: int) -> None:
        """Jobs of the former account stay on hold."""

    async def drop_old_jobs(self, interaction: Press, account_id: int) -> None:
        """Jobs of the former account are dropped."""

    async def remove_token(self, interaction: Press, account_id: int) -> None:
        """Removes the server's token."""

    async def keep_token(self, interaction: Press, account_id: int) -> None:
        """Leaves everything as it is."""

    async def show_details(self, interaction: Press, nonce: str) -> None:
        """Tells the presser all of the job."""

    async def delete_my_data(self, interaction: Press, number: int) -> None:
        """Deletes what is kept about the presser."""

    async def keep_my_data(self, interaction: Press, number: int) -> None:
        """Leaves everything as it is."""

    async def replace_address(self, interaction: Press, number: int) -> None:
        """Puts a new address for callbacks in the place of the one with this number."""

    async def follow(self, interaction: Press, wish: FollowWish) -> None:
        """Posts every job of the server's account in a channel from now on."""

    async def do_not_follow(self, interaction: Press, account_id: int) -> None:
        """Leaves everything as it is."""

    async def newer_results(self, interaction: Press, delivery_id: int) -> None:
        """Shows an admin the outcomes after this one."""

    async def older_results(self, interaction: Press, delivery_id: int) -> None:
        """Shows an admin the outcomes before this one."""

    async def send_again(self, interaction: Press, delivery_id: int) -> None:
        """Sends an outcome that was not posted."""


class HasButtonHandlers(Protocol):
    """What a client with our buttons has."""

    button_handlers: ButtonHandlers


class Action(Enum):
    """A button with a number: the start of its custom id, its label, and the handler's name."""

    CHECK_NOW = ("card:check", "Check now", "check_now")
    STOP_WATCHING = ("card:stop", "Stop watching", "stop_watching")
    WATCH_AGAIN = ("card:again", "Watch again", "watch_again")
    STOP_BATCH = ("batch:stop", "Stop watching all", "stop_batch")
    PING_ME = ("answer:ping", "Ping me", "ping_me")
    DO_NOT_PING_ME = ("answer:quiet", "Don't ping me", "do_not_ping_me")
    POST_AGAIN = ("answer:again", "Post it again", "post_again")
    KEEP_OLD_JOBS = ("token:keep-jobs", "Keep the old jobs waiting", "keep_old_jobs")
    DROP_OLD_JOBS = ("token:drop-jobs", "Drop the old jobs", "drop_old_jobs")
    REMOVE_TOKEN = ("token:remove", "Remove the token", "remove_token")
    KEEP_TOKEN = ("token:keep", "Keep the token", "keep_token")
    DELETE_MY_DATA = ("me:delete", "Delete my data", "delete_my_data")
    KEEP_MY_DATA = ("me:keep", "Keep my data", "keep_my_data")
    REPLACE_ADDRESS = ("callback:replace", "Replace the address", "replace_address")
    DO_NOT_FOLLOW = ("follow:no", "Don't follow", "do_not_follow")
    NEWER_RESULTS = ("results:newer", "Newer results", "newer_results")
    OLDER_RESULTS = ("results:older", "Older results", "older_results")

    def __init__(self, prefix: str, label: str, handler: str) -> None:
        self.prefix = prefix
        self.label = label
        self.handler = handler


_BY_PREFIX = {action.prefix: action for action in Action}
_DANGEROUS = frozenset({Action.DROP_OLD_JOBS, Action.REMOVE_TOKEN, Action.REPLACE_ADDRESS, Action.DELETE_MY_DATA})
_PREFIXES = "|".join(re.escape(prefix) for prefix in _BY_PREFIX)


class NumberButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=rf"(?P<prefix>{_PREFIXES}):(?P<number>[0-9]{{1,18}})",
):
    """A button of `action` for the local `number` of a subscription, a batch or an account."""

    def __init__(self, action: Action, number: int) -> None:
        style = ButtonStyle.danger if action in _DANGEROUS else ButtonStyle.secondary
        super().__init__(
            discord.ui.Button(label=action.label, style=style, custom_id=f"{action.prefix}:{number}"),
        )
        self.action = action
        self.number = number

    @classmethod
    async def from_custom_id(cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /) -> Self:  # noqa: ARG003
        """The button that was pressed."""
        return cls(_BY_PREFIX[match["prefix"]], int(match["number"]))

    async def callback(self, interaction: Press) -> None:
        """Hands the press to the client's handlers."""
        await getattr(_handlers(interaction), self.action.handler)(interaction, self.number)


class DetailsButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"outcome:details:(?P<nonce>[0-9a-f]{25})",
):
    """`Details` under an outcome; its nonce is also what the outcome is found by in the channel's history."""

    def __init__(self, nonce: str) -> None:
        super().__init__(
            discord.ui.Button(label="Details", style=ButtonStyle.secondary, custom_id=details_custom_id(nonce))
        )
        self.nonce = nonce

    @classmethod
    async def from_custom_id(cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /) -> Self:  # noqa: ARG003
        """The button that was pressed."""
        return cls(match["nonce"])

    async def callback(self, interaction: Press) -> None:
        """Hands the press to the client's handlers."""
        await _handlers(interaction).show_details(interaction, self.nonce)


class SendAgainButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"results:send:(?P<place>[0-9]{1,2}):(?P<number>[0-9]{1,18})",
):
    """`Send number 3 again` for the outcome that stands at this place of a page."""

    def __init__(self, place: int, delivery_id: int) -> None:
        super().__init__(
            discord.ui.Button(
                label=f"Send number {place} again",
                style=ButtonStyle.secondary,
                custom_id=f"results:send:{place}:{delivery_id}",
            )
        )
        self.delivery_id = delivery_id

    @classmethod
    async def from_custom_id(cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /) -> Self:  # noqa: ARG003
        """The button that was pressed."""
        return cls(int(match["place"]), int(match["number"]))

    async def callback(self, interaction: Press) -> None:
        """Hands the press to the client's handlers."""
        await _handlers(interaction).send_again(interaction, self.delivery_id)


class FollowButton(
    discord.ui.DynamicItem[discord.ui.Button[Any]],
    template=r"follow:(?P<how>quiet|cards):(?P<channel>[0-9]{1,20}):(?P<account>[0-9]{1,18})",
):
    """`Follow the account`: what was asked stands in it, so that it is done as it was asked."""

    def __init__(self, wish: FollowWish) -> None:
        how = "cards" if wish.progress else "quiet"
        super().__init__(
            discord.ui.Button(
                label="Follow the account",
                style=ButtonStyle.secondary,
                custom_id=f"follow:{how}:{wish.channel_id}:{wish.account_id}",
            )
        )
        self.wish = wish

    @classmethod
    async def from_custom_id(cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /) -> Self:  # noqa: ARG003
        """The button that was pressed."""
        return cls(FollowWish(int(match["channel"]), int(match["account"]), match["how"] == "cards"))

    async def callback(self, interaction: Press) -> None:
        """Hands the press to the client's handlers."""
        await _handlers(interaction).follow(interaction, self.wish)


DYNAMIC_ITEMS = (NumberButton, DetailsButton, SendAgainButton, FollowButton)
"""What the client registers with `add_dynamic_items`."""


def details_custom_id(nonce: str) -> str:
    """The custom id of the `Details` button of the outcome with this nonce (25 hexadecimal digits)."""
    return f"outcome:details:{nonce}"


def number_custom_id(action: Action, number: int) -> str:
    """The custom id of a numbered button."""
    return f"{action.prefix}:{number}"


def number_view(*buttons: tuple[Action, int]) -> discord.ui.View | None:
    """The buttons under a plain message, two to a row; None without any."""
    if not buttons:
        return None
    view = discord.ui.View(timeout=None)
    for place, (action, number) in enumerate(buttons):
        item = NumberButton(action, number)
        item.row = place // 2
        view.add_item(item)
    return view


def results_view(to_send: Sequence[tuple[int, int]], turning: Sequence[tuple[Action, int]]) -> discord.ui.View | None:
    """The buttons under a page of outcomes, two to a row: `to_send` holds places with their deliveries, `turning` the
    buttons for other pages; None without any."""
    if not to_send and not turning:
        return None
    view = discord.ui.View(timeout=None)
    for place, (line, delivery_id) in enumerate(to_send):
        again = SendAgainButton(line, delivery_id)
        again.row = place // 2
        view.add_item(again)
    for action, number in turning:
        turn = NumberButton(action, number)
        turn.row = (len(to_send) + 1) // 2
        view.add_item(turn)
    return view


def follow_view(wish: FollowWish) -> discord.ui.View:
    """The buttons under the question whether to follow an account in a channel."""
    view = discord.ui.View(timeout=None)
    view.add_item(FollowButton(wish))
    view.add_item(NumberButton(Action.DO_NOT_FOLLOW, wish.account_id))
    return view


def details_view(nonce: str) -> discord.ui.View:
    """The one button under an outcome."""
    view = discord.ui.View(timeout=None)
    view.add_item(DetailsButton(nonce))
    return view


def layout_view(text: str, *buttons: tuple[Action, int]) -> discord.ui.LayoutView:
    """A Components V2 message: the text and, in one row, at most two buttons."""
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.TextDisplay(text))
    if buttons:
        row: discord.ui.ActionRow[Any] = discord.ui.ActionRow()
        for action, number in buttons:
            row.add_item(NumberButton(action, number))
        view.add_item(row)
    return view


def _handlers(interaction: Press) -> ButtonHandlers:
    return cast("HasButtonHandlers", interaction.client).button_handlers
