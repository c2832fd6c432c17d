from __future__ import annotations

from typing import Any, cast

from discord_adapter.replies import MAX_VIEWS, MAX_VIEWS_OF_A_PERSON, TemporaryViews
from ui.message import TemporaryView


class Shown:
    """An answer with a button."""

    def __init__(self) -> None:
        self.button = True

    async def edit(self, *, view: None) -> None:
        assert view is None
        self.button = False


async def _press(_interaction: object) -> None:
    raise AssertionError("nobody presses")


async def _shown(views: TemporaryViews, person: int) -> tuple[TemporaryView, Shown]:
    view, shown = TemporaryView("Look again", _press), Shown()
    await views.keep(view, cast("Any", shown), person)
    return view, shown


async def test_a_person_s_older_views_are_removed() -> None:
    views = TemporaryViews()
    _, other = await _shown(views, 2)
    own = [await _shown(views, 1) for _ in range(10)]
    assert [shown.button for _, shown in own] == [False] * (10 - MAX_VIEWS_OF_A_PERSON) + [True] * MAX_VIEWS_OF_A_PERSON
    assert all(view.is_finished() != shown.button for view, shown in own)
    assert other.button
    assert len(views) == MAX_VIEWS_OF_A_PERSON + 1


async def test_the_total_number_of_views_is_bounded() -> None:
    views = TemporaryViews()
    first = [await _shown(views, person) for person in range(5)]
    for person in range(5, MAX_VIEWS + 3):
        await _shown(views, person)
    assert len(views) == MAX_VIEWS
    assert [shown.button for _, shown in first] == [False, False, False, True, True]


async def test_an_expired_view_is_forgotten() -> None:
    views = TemporaryViews()
    view, shown = await _shown(views, 1)
    await view.on_timeout()
    assert not shown.button
    assert len(views) == 0
