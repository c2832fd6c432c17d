"""Limits under concurrent requests: exactly the allowed number succeeds."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sandbox.discord_wire import Answer, DiscordSandbox, Member
from tests.e2e.conftest import Build

pytestmark = pytest.mark.asyncio(loop_scope="module")

_MOMENT = "**One moment.** You can ask again <t:"


def _began(answers: Sequence[Answer], start: str) -> int:
    return sum(answer.text.startswith(start) for answer in answers)


async def test_one_person_makes_many_requests_at_once(build: Build) -> None:
    harness = await build(MAX_OPEN_PER_USER="4", COMMANDS_PER_MINUTE="1000")
    await harness.start()
    server, other = await harness.server(), await harness.server()
    twin = other.guild.add_member("alice", user_id=server.member.id)
    jobs = [server.job() for _ in range(10)]
    answers = await asyncio.gather(
        *(server.status(job) for job in jobs),
        *(other.status(other.job(), by=twin) for _ in range(5)),
        server.watch(*jobs),
    )
    rows = harness.ledger.rows("SELECT * FROM subscribers WHERE user_id = ?", server.member.id)
    assert len(rows) == 4
    taken = _began(answers[:-1], "**Watching.**")
    assert taken <= 4
    assert (
        taken + _began(answers[:-1], "**You're at your limit of 4 jobs.**") + _began(answers[:-1], "**Already watched")
        == 15
    )

    for job in [*jobs, *harness.pixverse.jobs]:
        job.fail("Generation failed")
    await harness.pixverse.until(lambda: not harness.ledger.rows("SELECT * FROM subscriptions WHERE ended_at IS NULL"))
    again = await asyncio.gather(*(server.status(server.job()) for _ in range(6)))
    assert _began(again, "**Watching.**") == 4, "what has ended makes room, for exactly as many"


async def test_many_people_ask_at_once(build: Build) -> None:
    harness = await build(MAX_OPEN_PER_SERVER="5", COMMANDS_PER_MINUTE="1000")
    await harness.start()
    server, other = await harness.server(), await harness.server()
    people = [server.guild.add_member(f"person {number}") for number in range(12)]
    answers = await asyncio.gather(
        *(server.status(server.job(), by=person) for person in people), *(other.status(other.job()) for _ in range(5))
    )
    assert _began(answers[:12], "**Watching.**") == 5
    assert _began(answers[12:], "**Watching.**") == 5
    assert len(harness.ledger.rows("SELECT * FROM subscriptions WHERE ended_at IS NULL")) == 10


async def test_autocomplete_has_its_own_generous_limit(build: Build) -> None:
    harness = await build(COMMANDS_PER_MINUTE="2")
    await harness.start()
    server = await harness.server()
    await server.watched()
    bob = server.guild.add_member("bob")

    async def offered(by: Member) -> bool:
        return bool(await by.autocomplete(server.channel, "pixverse status", option="jobid", typed=""))

    assert all([await offered(server.member) for _ in range(30)]), "a person who types gets what they ask for"
    flood = [one for _ in range(5) for one in await asyncio.gather(*(offered(server.member) for _ in range(20)))]
    assert 20 <= sum(flood) <= 60
    assert await offered(bob)
    assert (await server.use("pixverse list")).text.startswith("**Watching 1 job here"), "it is no command"


async def test_buttons_that_only_show_something_have_a_generous_limit(build: Build) -> None:
    harness = await build(COMMANDS_PER_MINUTE="2")
    await harness.start()
    server = await harness.server()
    job = await server.watched()
    job.complete()
    outcome = await server.outcome()
    pressed = await asyncio.gather(*(server.member.click(outcome, "Details") for _ in range(50)))
    assert 5 <= _began(pressed, _MOMENT) <= 20
    assert all(answer.ephemeral for answer in pressed)
    assert not (await server.use("pixverse list")).text.startswith(_MOMENT), "they are no commands"


async def test_every_command_counts_whatever_its_result(build: Build) -> None:
    harness = await build(COMMANDS_PER_MINUTE="4")
    await harness.start()
    server = await harness.server()
    alice, bob, dave = (server.guild.add_member(name) for name in ("Alice", "bob", "dave"))
    ill_formed = await asyncio.gather(*(server.status("two words", by=alice) for _ in range(6)))
    assert _began(ill_formed, _MOMENT) == 2
    not_allowed = await asyncio.gather(*(bob.slash(server.channel, "pixverse forget-me") for _ in range(6)))
    assert _began(not_allowed, _MOMENT) == 2

    admin = server.guild.add_member("ada the second", permissions=DiscordSandbox.Permissions(manage_guild=True))
    forms = await asyncio.gather(*(admin.slash(server.channel, "pixverse-admin token set") for _ in range(6)))
    assert _began(forms, _MOMENT) == 2

    unknown = await server.status(server.an_id(), by=dave)
    for _ in range(3):
        unknown = await dave.click(unknown, "Look again")
    assert (await dave.click(unknown, "Look again")).text.startswith(_MOMENT)


async def test_only_a_person_s_latest_replies_keep_a_temporary_button(build: Build) -> None:
    harness = await build(COMMANDS_PER_MINUTE="1000")
    await harness.start()
    server = await harness.server()
    bob = server.guild.add_member("bob")
    his = await server.status(server.an_id(), by=bob)
    answers = [await server.status(server.an_id()) for _ in range(7)]
    await harness.discord.until(
        lambda: all(answer.labels == [] for answer in answers[:4]), what="four without a button"
    )
    assert [answer.labels for answer in (*answers[4:], his)] == [["Look again"]] * 4
    assert (await server.member.click(answers[4], "Look again")).text.startswith("**I can't find this job.**")


async def test_commands_per_minute(build: Build) -> None:
    harness = await build(COMMANDS_PER_MINUTE="6")
    await harness.start()
    server = await harness.server()
    bob = server.guild.add_member("bob")
    own, others = await asyncio.gather(
        asyncio.gather(*(server.use("pixverse list") for _ in range(10))),
        asyncio.gather(*(bob.slash(server.channel, "pixverse list") for _ in range(6))),
    )
    assert _began(own, "**Nothing is being watched here.**") == 6
    assert _began(others, "**Nothing is being watched here.**") == 6
    assert await server.member.autocomplete(server.channel, "pixverse status", option="jobid", typed="") == []
