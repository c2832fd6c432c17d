"""A command is carried out once and answered, even if the response to its deferral was lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sandbox.discord_wire import Cut, Status
from sandbox.discord_wire.faults import When
from tests.e2e.guild_fixture import GuildFixture

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
def met_by_the_first_answer(server: GuildFixture, trouble: Trouble) -> Iterator[None]:
    when, action = trouble
    faults = server.harness.discord.faults
    fault = faults.add(method="POST", path=_CALLBACK, when=when, action=action)
    try:
        yield
    finally:
        faults.remove(fault)
    assert fault.hits == 1


async def test_a_command(server: GuildFixture, trouble: Trouble) -> None:
    job = server.job()
    with met_by_the_first_answer(server, trouble):
        answer = await server.status(job)
    assert answer.text.startswith("**Watching.**")
    await server.settled()
    assert len(server.cards()) == 1


async def test_buttons_under_a_card_and_a_reply(server: GuildFixture, trouble: Trouble) -> None:
    await server.watched()
    with met_by_the_first_answer(server, trouble):
        checked = await server.member.click(server.cards()[0], "Check now")
    assert "Checked" in checked.text or "Nothing new" in checked.text
    asked = await server.use("pixverse forget-me")
    with met_by_the_first_answer(server, trouble):
        kept = await server.member.click(asked, "Keep my data")
    assert kept.updated is not None
    assert kept.updated.text.startswith("**Kept.**")


async def test_a_form(server: GuildFixture, trouble: Trouble) -> None:
    with met_by_the_first_answer(server, trouble):
        opened = await server.admin.slash(server.channel, "pixverse-admin token set")
    with met_by_the_first_answer(server, trouble):
        answer = await server.admin.submit(opened, server.account.token)
    assert answer.text.startswith("**Token works.**")
