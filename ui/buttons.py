"""The buttons that keep working after a restart, and the views that contain them.

A custom id contains a local number or an outcome's nonce, never a job id. A press is passed to the client's
`button_handlers`. Every message gets a new view with only these buttons, because discord.py forgets the templates of
dynamic items when a view ends that was used twice or that has other items too.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Self

import discord
from discord import ButtonStyle

from ui.language import N_, _


class Effect(Enum):
    """What a press of a button does."""

    NONE = auto()
    """It only shows something, or declines a question."""
    CHANGES = auto()
    DELETES = auto()
    """Its change can't be undone; the button is red."""


class Action(Enum):
    """A button with a number: the start of its custom id, its label, and what it does."""

    CHECK_NOW = ("card:check", N_("Check now"))
    STOP_WATCHING = ("card:stop", N_("Stop watching"))
    WATCH_AGAIN = ("card:again", N_("Watch again"))
    STOP_BATCH = ("batch:stop", N_("Stop watching all"))
    PING_ME = ("answer:ping", N_("Ping me"))
    DO_NOT_PING_ME = ("answer:quiet", N_("Don't ping me"))
    POST_AGAIN = ("answer:again", N_("Post it again"))
    KEEP_OLD_JOBS = ("token:keep-jobs", N_("Keep the old jobs waiting"), Effect.NONE)
    DROP_OLD_JOBS = ("token:drop-jobs", N_("Drop the old jobs"), Effect.DELETES)
    REMOVE_TOKEN = ("token:remove", N_("Remove the token"), Effect.DELETES)
    KEEP_TOKEN = ("token:keep", N_("Keep the token"), Effect.NONE)
    DELETE_MY_DATA = ("me:delete", N_("Delete my data"), Effect.DELETES)
    KEEP_MY_DATA = ("me:keep", N_("Keep my data"), Effect.NONE)
    ASK_TO_REPLACE = ("callback:replace", N_("Replace the address"), Effect.NONE)
    REPLACE_ADDRESS = ("callback:new", N_("Replace the address"), Effect.DELETES)
    KEEP_ADDRESS = ("callback:keep", N_("Keep the address"), Effect.NONE)
    DO_NOT_FOLLOW = ("follow:no", N_("Don't follow"), Effect.NONE)
    PREVIOUS_RESULTS = ("results:previous", N_("Previous results"), Effect.NONE)
    MORE_RESULTS = ("results:more", N_("More results"), Effect.NONE)
    ALL_RESULTS = ("results:all", N_("Show all results"), Effect.NONE)
    FAILED_RESULTS = ("results:failed", N_("Show failed results"), Effect.NONE)
    PREVIOUS_FAILED = ("results:failed-previous", N_("Previous failed results"), Effect.NONE)
    MORE_FAILED = ("results:failed-more", N_("More failed results"), Effect.NONE)

    def __init__(self, prefix: str, label: str, effect: Effect = Effect.CHANGES) -> None:
        self.prefix = prefix
        self.label = label
        self.effect = effect


Press = discord.Interaction[Any]


@dataclass(frozen=True, slots=True)
class FollowRequest:
    """Which account an admin wants to follow (its local number), and in which channel (Discord's id)."""

    channel_id: int
    account_id: int
    progress: bool


@dataclass(frozen=True, slots=True)
class ResendRequest:
    """Which outcome an admin wants to resend, and on which page of outcomes the button was pressed."""

    delivery_id: int
    place: int
    """The outcome's place on the page, counted from 1."""
    skip: int = 0
    """The number of outcomes on the pages before."""
    only_failed: bool = False


@dataclass(frozen=True, slots=True)
class ButtonHandlers:
    """The handlers of all buttons. Numbers are local. Each handler checks whether the person may do this here."""

    lets_in: Callable[[Press], Awaitable[bool]]
    """Counts the press. Returns False if there were too many, after replying so."""
    numbered: Mapping[Action, Callable[[Press, int], Awaitable[None]]]
    """A handler for each action."""
    details: Callable[[Press, str], Awaitable[None]]
    """Shows the job whose outcome carries the nonce."""
    follow: Callable[[Press, FollowRequest], Awaitable[None]]
    send_again: Callable[[Press, ResendRequest], Awaitable[None]]


def handlers_of(interaction: Press) -> ButtonHandlers:
    """The button handlers of this interaction's client."""
    handlers: ButtonHandlers = interaction.client.button_handlers
    return handlers


_BY_PREFIX = {action.prefix: action for action in Action}
_DETAILS = "outcome:details"
_GENERATED = re.compile("[0-9a-f]{32}")
_PREFIXES = "|".join(re.escape(prefix) for prefix in _BY_PREFIX)


class _Button(discord.ui.DynamicItem[discord.ui.Button[Any]], template="(?!)"):
    """A button that still works after a restart. Its presses are counted against a limit.

    discord.py needs a custom id pattern for every class; the pattern of this base class matches nothing.
    """

    def __init__(self, label: str, custom_id: str, style: ButtonStyle = ButtonStyle.secondary) -> None:
        super().__init__(discord.ui.Button(label=label, style=style, custom_id=custom_id))

    async def interaction_check(self, interaction: Press, /) -> bool:
        return await handlers_of(interaction).lets_in(interaction)


class NumberButton(_Button, template=rf"(?P<prefix>{_PREFIXES}):(?P<number>[0-9]{{1,18}})"):
    """A button of `action` for the local `number` of a subscription, a batch or an account."""

    def __init__(self, action: Action, number: int) -> None:
        style = ButtonStyle.danger if action.effect is Effect.DELETES else ButtonStyle.secondary
        super().__init__(_(action.label), number_custom_id(action, number), style)
        self.action = action
        self.number = number

    @classmethod
    async def from_custom_id(cls, _press: Press, _item: discord.ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(_BY_PREFIX[match["prefix"]], int(match["number"]))

    async def callback(self, interaction: Press) -> None:
        await handlers_of(interaction).numbered[self.action](interaction, self.number)


class DetailsButton(_Button, template=rf"{_DETAILS}:(?P<nonce>[0-9a-f]{{25}})"):
    """`Details` under an outcome. By its nonce, the outcome is also found in the channel's history."""

    def __init__(self, nonce: str) -> None:
        # Translators: a button: shows all that is known about a job.
        super().__init__(_("Details"), details_custom_id(nonce))
        self.nonce = nonce

    @classmethod
    async def from_custom_id(cls, _press: Press, _item: discord.ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(match["nonce"])

    async def callback(self, interaction: Press) -> None:
        await handlers_of(interaction).details(interaction, self.nonce)


class SendAgainButton(
    _Button,
    template=(
        r"results:send:(?P<place>[0-9]{1,2}):(?P<number>[0-9]{1,18})(?::(?P<page>all|failed):(?P<skip>[0-9]{1,18}))?"
    ),
):
    """`Resend 3`, for the third outcome of a page."""

    def __init__(self, request: ResendRequest) -> None:
        custom_id = f"results:send:{request.place}:{request.delivery_id}"
        if request.skip or request.only_failed:
            custom_id += f":{'failed' if request.only_failed else 'all'}:{request.skip}"
        super().__init__(_("Resend {place}", place=request.place), custom_id)
        self.request = request

    @classmethod
    async def from_custom_id(cls, _press: Press, _item: discord.ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(
            ResendRequest(int(match["number"]), int(match["place"]), int(match["skip"] or 0), match["page"] == "failed")
        )

    async def callback(self, interaction: Press) -> None:
        await handlers_of(interaction).send_again(interaction, self.request)


class FollowButton(_Button, template=r"follow:(?P<how>quiet|cards):(?P<channel>[0-9]{1,20}):(?P<account>[0-9]{1,18})"):
    """`Follow the account`. The custom id contains the whole request, so that a press does what the question said."""

    def __init__(self, request: FollowRequest) -> None:
        how = "cards" if request.progress else "quiet"
        super().__init__(_("Follow the account"), f"follow:{how}:{request.channel_id}:{request.account_id}")
        self.request = request

    @classmethod
    async def from_custom_id(cls, _press: Press, _item: discord.ui.Item[Any], match: re.Match[str], /) -> Self:
        return cls(FollowRequest(int(match["channel"]), int(match["account"]), match["how"] == "cards"))

    async def callback(self, interaction: Press) -> None:
        await handlers_of(interaction).follow(interaction, self.request)


DYNAMIC_ITEMS = (NumberButton, DetailsButton, SendAgainButton, FollowButton)
"""The items that the client registers with `add_dynamic_items`."""


def is_generated(custom_id: object) -> bool:
    """Whether discord.py generated this custom id, so that the button works only as long as its view."""
    return isinstance(custom_id, str) and _GENERATED.fullmatch(custom_id) is not None


def is_gone(press: Press) -> bool:
    """Whether the pressed button is one of `DYNAMIC_ITEMS` that its message no longer has, as after a second click.
    discord.py drops such a press."""
    data: Mapping[str, Any] = press.data or {}
    custom_id = data.get("custom_id")
    if press.message is None or not isinstance(custom_id, str):
        return False
    if not any(item.__discord_ui_compiled_template__.fullmatch(custom_id) for item in DYNAMIC_ITEMS):
        return False
    view = discord.ui.LayoutView if press.message.flags.components_v2 else discord.ui.View
    items = view.from_message(press.message, timeout=None).walk_children()
    return all(getattr(item, "custom_id", None) != custom_id for item in items)


def changes_nothing(custom_id: object) -> bool:
    """Whether a button with this custom id has no effect."""
    if not isinstance(custom_id, str):
        return False
    prefix, _colon, rest = custom_id.rpartition(":")
    return prefix == _DETAILS or (
        prefix in _BY_PREFIX and _BY_PREFIX[prefix].effect is Effect.NONE and rest.isdecimal()
    )


def details_custom_id(nonce: str) -> str:
    """The custom id of the `Details` button of the outcome with this nonce (25 hexadecimal digits)."""
    return f"{_DETAILS}:{nonce}"


def number_custom_id(action: Action, number: int) -> str:
    """The custom id of a numbered button."""
    return f"{action.prefix}:{number}"


def number_view(*buttons: tuple[Action, int]) -> discord.ui.View | None:
    """The buttons under a plain message, two to a row; None without any."""
    return _view(*_pairs([NumberButton(action, number) for action, number in buttons]))


def results_view(to_send: Sequence[ResendRequest], turning: Sequence[tuple[Action, int]]) -> discord.ui.View | None:
    """The buttons under a page of outcomes: one for each outcome that can be resent, then those for other pages. None
    without any."""
    sending = _pairs([SendAgainButton(request) for request in to_send])
    return _view(*sending, [NumberButton(action, number) for action, number in turning])


def follow_view(request: FollowRequest) -> discord.ui.View | None:
    """The buttons under the question whether to follow an account in a channel."""
    return _view((FollowButton(request), NumberButton(Action.DO_NOT_FOLLOW, request.account_id)))


def details_view(nonce: str) -> discord.ui.View | None:
    """The one button under an outcome."""
    return _view((DetailsButton(nonce),))


def _pairs(buttons: Sequence[_Button]) -> list[Sequence[_Button]]:
    return [buttons[start : start + 2] for start in range(0, len(buttons), 2)]


def _view(*rows: Sequence[_Button]) -> discord.ui.View | None:
    """Rows of buttons; None without any."""
    view = discord.ui.View(timeout=None)
    for place, row in enumerate(rows):
        for button in row:
            button.row = place
            view.add_item(button)
    return view if view.children else None


def layout_view(text: str, *buttons: tuple[Action, int], colour: discord.Colour) -> discord.ui.LayoutView:
    """A Components V2 message: a container with a coloured edge, the text and one row of buttons."""
    view = discord.ui.LayoutView(timeout=None)
    box: discord.ui.Container[Any] = discord.ui.Container(discord.ui.TextDisplay(text), accent_colour=colour)
    view.add_item(box)
    if buttons:
        row: discord.ui.ActionRow[Any] = discord.ui.ActionRow()
        for action, number in buttons:
            row.add_item(NumberButton(action, number))
        box.add_item(row)
    return view
