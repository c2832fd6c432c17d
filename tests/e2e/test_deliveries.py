"""Admins see the state of outcomes, and send one again."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Answer, Status
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

_NAME = "pixverse-admin deliveries"


async def _ended(server: GuildFixture, times: int) -> None:
    for _ in range(times):
        job = server.job()
        job.complete()
        await server.status(job)
    await server.settled()


async def _shown(server: GuildFixture) -> Answer:
    return await server.admin.slash(server.channel, _NAME)


def _age_the_oldest_job(server: GuildFixture) -> None:
    """Makes the oldest job's end so old that the next start deletes the job."""
    server.harness.ledger.change(
        "UPDATE jobs SET ended_at = 1 WHERE id = (SELECT min(job_id) FROM subscriptions WHERE guild_id = ?)",
        server.guild.id,
    )


async def test_pages_are_turned_in_place_even_after_a_restart(server: GuildFixture) -> None:
    await _ended(server, 12)
    answer = await _shown(server)
    assert answer.ephemeral
    assert answer.text.startswith("**Every result is posted.**\n1. **Posted** ·")
    assert [button.label for button in answer.buttons] == ["More results"]
    await server.harness.stop()
    _age_the_oldest_job(server)
    await server.harness.start()
    await until(lambda: _outcomes(server) == 11, what="the old job is deleted")
    turned = await server.admin.click(answer, "More results")
    assert turned.updated is not None
    assert turned.updated.text.count("**Posted**") == 1
    back = await server.admin.click(turned, "Previous results")
    assert back.updated is not None
    assert back.updated.text.count("**Posted**") == 10
    assert f"[Jump to it](https://discord.com/channels/{server.guild.id}/{server.channel.id}/" in back.updated.text


async def test_a_result_that_was_not_posted_is_resent_once(server: GuildFixture) -> None:
    job = await server.watched()
    harness = server.harness
    server.channel.deny_bot(send_messages=True)
    job.complete()
    await harness.pixverse.until(lambda: _blocked(server))
    await harness.stop()
    harness.ledger.change(
        "UPDATE deliveries SET state = 'given_up', settled_at = next_at WHERE kind = 'outcome' AND channel_id = ?",
        server.channel.id,
    )
    server.channel.allow_bot(send_messages=True)
    await harness.start()
    answer = await _shown(server)
    assert answer.text.startswith("**1 result not posted.**\n1. **Not posted** · ")

    first = server.admin.begin_click(answer, "Resend 1")
    second = server.admin.begin_click(answer, "Resend 1")
    said = [(await server.admin.finish(press)).updated for press in (first, second)]
    texts = [answer.text for answer in said if answer is not None]
    assert len(texts) == 2
    assert all(text.startswith(("**Resending #", "**Already ", "**Posted #")) for text in texts)
    assert all("\n1. **" in text and "**Not posted**" not in text for text in texts)
    outcome = await server.outcome()
    assert server.member.mention in outcome.text
    await server.card_says("**Done.** ")


async def test_the_reply_shows_when_the_resent_result_is_posted(server: GuildFixture) -> None:
    harness = server.harness
    await _ended(server, 1)
    await harness.stop()
    harness.ledger.change(
        "UPDATE deliveries SET state = 'given_up', reason = 'refused', message_id = NULL WHERE id ="
        " (SELECT min(id) FROM deliveries WHERE kind = 'outcome' AND channel_id = ?)",
        server.channel.id,
    )
    await harness.start()
    answer = await _shown(server)
    away = harness.discord.faults.add(
        method="POST", path=f"/channels/{server.channel.id}/messages", action=Status(503), times=None
    )
    pressed = (await server.admin.click(answer, "Resend 1")).updated
    assert pressed is not None
    assert pressed.text.startswith("**Resending #")
    harness.discord.faults.remove(away)
    await harness.discord.until(lambda: answer.text.startswith("**Posted #"))
    assert "Not posted" not in answer.text


def _outcomes(server: GuildFixture) -> int:
    return len(server.harness.ledger.outcome_states(server.channel.id))


def _blocked(server: GuildFixture) -> bool:
    rows = server.harness.ledger.rows(
        "SELECT id FROM deliveries WHERE kind = 'outcome' AND channel_id = ? AND blocked_since IS NOT NULL",
        server.channel.id,
    )
    return bool(rows)


async def test_its_buttons_work_only_for_admins_of_the_server(harness: Harness, server: GuildFixture) -> None:
    await _ended(server, 1)
    (row,) = harness.ledger.rows("SELECT id FROM deliveries WHERE kind = 'outcome' AND guild_id = ?", server.guild.id)
    other = await harness.server()
    for custom_id in (f"results:send:1:{row['id']}", "results:more:0"):
        refused = await server.member.forge_click(server.channel, custom_id)
        assert refused.text == "**Only someone with *Manage Server* can do this.**"
        elsewhere = await other.admin.forge_click(other.channel, custom_id)
        assert elsewhere.text.startswith(("**This button no longer", "**No results on this server yet"))
