"""`/pixverse forget-me`: nothing is kept of somebody, and what they waited for comes all the same."""

from __future__ import annotations

import pytest

from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _rows_with(town: Town, user_id: int) -> list[str]:
    ledger = town.stage.ledger
    return [
        f"{table}.{name}"
        for table in ledger.tables()
        for row in ledger.rows(f"SELECT * FROM {table}")
        for name, value in row.items()
        if str(user_id) in str(value)
    ]


async def test_nothing_is_kept_and_the_result_comes_without_a_ping(town: Town) -> None:
    job = await town.watched(prompt="a paper boat")
    await town.watch(town.job(), town.job())
    await town.status(town.job(), by=town.admin)
    question = await town.use("pixverse forget-me")
    assert question.text.startswith("**Delete what I keep about you?**")
    kept = await town.member.click(question, "Keep my data")
    assert kept.updated is not None
    assert kept.updated.text == "**Kept.** Nothing has changed."
    assert _rows_with(town, town.member.id)

    question = await town.use("pixverse forget-me")
    done = await town.member.click(question, "Delete my data")
    assert done.updated is not None
    assert done.updated.text == "**Deleted.** I keep nothing about you now."
    assert _rows_with(town, town.member.id) == []
    assert _rows_with(town, town.admin.id)

    job.complete()
    outcome = await town.outcome()
    assert outcome.text.startswith("**Your video is ready.**\n")
    assert town.member.mention not in outcome.text


async def test_a_second_click_on_a_button_that_is_gone_by_then_is_answered(town: Town) -> None:
    question = await town.use("pixverse forget-me")
    (button,) = [button.custom_id for button in question.buttons if button.label == "Delete my data"]
    assert button is not None
    first = await town.member.click(question, "Delete my data")
    assert first.updated is not None
    assert first.updated.text == "**Deleted.** I keep nothing about you now."
    second = await town.member.forge_click(town.channel, button, message=first.updated)
    assert second.text == "**This button no longer does anything.** Run the command again."
    assert second.updated is None
    assert first.updated.text == "**Deleted.** I keep nothing about you now."
