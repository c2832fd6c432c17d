from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from tests.ui.samples import components_of
from ui.buttons import (
    DYNAMIC_ITEMS,
    Action,
    ButtonHandlers,
    DetailsButton,
    FollowButton,
    FollowRequest,
    NumberButton,
    ResendRequest,
    SendAgainButton,
    details_view,
    layout_view,
    number_view,
)
from ui.cards import RUNNING


async def pressed(custom_id: str) -> list[tuple[object, object]]:
    """What the handlers are asked when a button with this custom id, of an earlier run, is pressed."""
    calls: list[tuple[object, object]] = []

    def record(name: object) -> Callable[[Any, object], Awaitable[None]]:
        async def call(_: object, what: object) -> None:
            calls.append((name, what))

        return call

    async def lets_in(_: object) -> bool:
        return True

    handlers = ButtonHandlers(
        lets_in,
        numbered={action: record(action) for action in Action},
        details=record("details"),
        follow=record("follow"),
        send_again=record("send_again"),
    )
    interaction: Any = SimpleNamespace(client=SimpleNamespace(button_handlers=handlers))
    for kind in DYNAMIC_ITEMS:
        match = kind.__discord_ui_compiled_template__.fullmatch(custom_id)
        if match:
            item: Any = await kind.from_custom_id(interaction, discord.ui.Button(), match)
            assert item.custom_id == custom_id
            await item.callback(interaction)
    return calls


@pytest.mark.parametrize("action", Action)
async def test_each_numbered_button_reaches_its_handler_after_a_restart(action: Action) -> None:
    assert await pressed(NumberButton(action, 12).custom_id) == [(action, 12)]


def test_every_action_has_its_own_prefix() -> None:
    assert len({action.prefix for action in Action}) == len(Action)


@pytest.mark.parametrize("progress", [False, True])
async def test_following_carries_what_was_asked(progress: bool) -> None:
    request = FollowRequest(18_446_744_073_709_551_615, 12, progress)
    assert await pressed(FollowButton(request).custom_id) == [("follow", request)]


async def test_details_carries_the_nonce() -> None:
    nonce = "0123456789abcdef012345678"
    assert await pressed(DetailsButton(nonce).custom_id) == [("details", nonce)]


@pytest.mark.parametrize(
    "wanted", [ResendRequest(12, 3), ResendRequest(12, 3, skip=8), ResendRequest(12, 3, only_failed=True)]
)
async def test_resend_carries_its_page_place_and_number(wanted: ResendRequest) -> None:
    assert await pressed(SendAgainButton(wanted).custom_id) == [("send_again", wanted)]


@pytest.mark.parametrize(
    "custom_id",
    [
        "card:check:",
        "card:check:1x",
        "card:check:-1",
        "card:steal:1",
        "outcome:details:xyz",
        "card:check:" + "9" * 20,
        "results:send:1",
    ],
)
async def test_foreign_custom_ids_reach_no_handler(custom_id: str) -> None:
    assert await pressed(custom_id) == []


async def test_views_work_after_a_restart() -> None:
    view = number_view((Action.PING_ME, 1), (Action.STOP_WATCHING, 1), (Action.POST_AGAIN, 1))
    assert view is not None
    assert view.is_persistent()
    assert [len(row["components"]) for row in components_of(view)] == [2, 1]
    details = details_view("a" * 25)
    assert details is not None
    assert details.is_persistent()
    assert layout_view("text", (Action.CHECK_NOW, 1), colour=RUNNING).is_persistent()
    assert number_view() is None


async def test_a_text_without_buttons_has_no_row() -> None:
    (box,) = components_of(layout_view("text", colour=RUNNING))
    assert box["accent_color"] == RUNNING.value
    assert [component["type"] for component in box["components"]] == [10]
