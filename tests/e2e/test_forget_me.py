"""`/pixverse forget-me`: a person's data is deleted, and the results they watched for are still posted."""

from __future__ import annotations

import pytest

from tests.e2e.guild_fixture import GuildFixture

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _rows_with(server: GuildFixture, user_id: int) -> list[str]:
    ledger = server.harness.ledger
    return [
        f"{table}.{name}"
        for table in ledger.tables()
        for row in ledger.rows(f"SELECT * FROM {table}")
        for name, value in row.items()
        if str(user_id) in str(value)
    ]


async def test_nothing_is_kept_and_the_result_comes_without_a_ping(server: GuildFixture) -> None:
    job = await server.watched(prompt="a paper boat")
    await server.watch(server.job(), server.job())
    await server.status(server.job(), by=server.admin)
    question = await server.use("pixverse forget-me")
    assert question.text.startswith("**Delete what I keep about you?**")
    kept = await server.member.click(question, "Keep my data")
    assert kept.updated is not None
    assert kept.updated.text == "**Kept.** Nothing has changed."
    assert _rows_with(server, server.member.id)

    question = await server.use("pixverse forget-me")
    done = await server.member.click(question, "Delete my data")
    assert done.updated is not None
    assert done.updated.text == "**Deleted.** I keep nothing about you now."
    assert _rows_with(server, server.member.id) == []
    assert _rows_with(server, server.admin.id)

    job.complete()
    outcome = await server.outcome()
    assert outcome.text.startswith("**Your video is ready.**\n")
    assert server.member.mention not in outcome.text


async def test_a_second_click_on_a_removed_button_gets_a_reply(server: GuildFixture) -> None:
    question = await server.use("pixverse forget-me")
    (button,) = [button.custom_id for button in question.buttons if button.label == "Delete my data"]
    assert button is not None
    first = await server.member.click(question, "Delete my data")
    assert first.updated is not None
    assert first.updated.text == "**Deleted.** I keep nothing about you now."
    second = await server.member.forge_click(server.channel, button, message=first.updated)
    assert second.text == "**This button no longer does anything.** Run the command again."
    assert second.updated is None
    assert first.updated.text == "**Deleted.** I keep nothing about you now."
