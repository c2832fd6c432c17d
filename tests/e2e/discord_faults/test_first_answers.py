"""What was asked is done once and answered, though nobody heard whether Discord had taken the deferral."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox.discord_wire import Cut, Status
from sandbox.discord_wire.faults import When
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

_CALLBACK = r"/interactions/\d+/[^/]+/callback"

Trouble = tuple[When, Cut | Status]


@pytest.fixture(
    params=[
        pytest.param(("before", Cut()), id="cut before"),
        pytest.param(("after", Cut()), id="cut after"),
        pytest.param(("after", Status(500)), id="500 after"),
        pytest.param(("after", Status(502)), id="502 after"),
    ]
)
def trouble(request: pytest.FixtureRequest) -> Trouble:
    found: Trouble = request.param
    return found


@contextmanager
def met_by_the_first_answer(town: Town, trouble: Trouble) -> Iterator[None]:
    when, action = trouble
    faults = town.stage.discord.faults
    fault = faults.add(method="POST", path=_CALLBACK, when=when, action=action)
    try:
        yield
    finally:
        faults.remove(fault)
    assert fault.hits == 1


async def test_a_command(town: Town, trouble: Trouble) -> None:
    job = town.job()
    with met_by_the_first_answer(town, trouble):
        answer = await town.status(job)
    assert answer.text.startswith("**Watching.**")
    await town.settled()
    assert len(town.cards()) == 1


async def test_buttons_under_a_card_and_in_an_answer(town: Town, trouble: Trouble) -> None:
    await town.watched()
    with met_by_the_first_answer(town, trouble):
        checked = await town.member.click(town.cards()[0], "Check now")
    assert "Checked" in checked.text or "Nothing new" in checked.text
    asked = await town.use("pixverse forget-me")
    with met_by_the_first_answer(town, trouble):
        kept = await town.member.click(asked, "Keep my data")
    assert kept.updated is not None
    assert kept.updated.text.startswith("**Kept.**")


async def test_a_form(town: Town, trouble: Trouble) -> None:
    with met_by_the_first_answer(town, trouble):
        opened = await town.admin.slash(town.channel, "pixverse-admin token set")
    with met_by_the_first_answer(town, trouble):
        answer = await town.admin.submit(opened, town.account.token)
    assert answer.text.startswith("**Token works.**")
