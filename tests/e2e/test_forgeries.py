"""Forged interactions reveal, stop or send again nothing of another server or channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sandbox.discord_wire import Answer, Channel, Member, NotAnswered
from tests.e2e.forking import ForkServer
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from ui.buttons import Action

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PROMPT = "a secret lighthouse"
_ABSURD = [0, 999_999, 10**18 - 1]
_OF_NOBODY = ["card:stop:-1", "card:stop:1e3", "card:stop:٣", "card:stop:1:2", "card:stop:", f"card:stop:{2**63}", "x"]
_ITS_ACCOUNT = "SELECT * FROM accounts WHERE id IN (SELECT account_id FROM servers WHERE guild_id = ?)"
_ITS_SUBSCRIPTIONS_AND_BATCHES = (
    "SELECT id FROM subscriptions WHERE guild_id = ?1 UNION SELECT id FROM batches WHERE guild_id = ?1"
)
_OF_ADMINS = {Action.KEEP_OLD_JOBS, Action.DROP_OLD_JOBS, Action.REMOVE_TOKEN, Action.KEEP_TOKEN}
_OF_ONESELF = {Action.DELETE_MY_DATA, Action.KEEP_MY_DATA}
"""Work wherever they are pressed, on the presser's own data."""


class Victim:
    """A server with an ended job, an active job and a batch, which a stranger must not see."""

    def __init__(self, server: GuildFixture) -> None:
        self.server = server
        self.jobids: list[str] = []
        self.posts: set[int] = set()

    @classmethod
    async def of(cls, server: GuildFixture) -> Victim:
        victim = cls(server)
        ended = await server.watched(prompt=_PROMPT)
        ended.complete()
        await server.outcome()
        going = await server.watched(prompt=_PROMPT)
        batch = [server.job(prompt=_PROMPT) for _ in range(2)]
        await server.watch(*batch)
        await server.settled()
        victim.jobids = [job.jobid for job in (ended, going, *batch)]
        victim.posts = {post.id for post in server.posts()}
        return victim

    def state(self) -> dict[str, Any]:
        """Everything that a stranger could have changed."""
        rows, guild = self.server.harness.ledger.rows, self.server.guild.id
        of_guild = "FROM {} WHERE guild_id = ?"
        kept = {table: rows("SELECT * " + of_guild.format(table), guild) for table in ("subscriptions", "batches")}
        return {
            **kept,
            "posts": [(post.id, post.text) for post in self.server.posts() if post.id in self.posts],
            "subscribers": rows("SELECT * FROM subscribers"),
            "deliveries": rows("SELECT id, state " + of_guild.format("deliveries"), guild),
            "servers": rows("SELECT * " + of_guild.format("servers"), guild),
            "accounts": rows(_ITS_ACCOUNT, guild),
        }

    def job_numbers(self) -> list[int]:
        rows = self.server.harness.ledger.rows(
            "SELECT job_id FROM subscriptions WHERE guild_id = ?", self.server.guild.id
        )
        return [row["job_id"] for row in rows]

    def custom_ids(self, actions: Iterable[Action]) -> list[str]:
        """All ids of buttons in its channels, all that could be there, and some invalid ones."""
        rows, guild = self.server.harness.ledger.rows, self.server.guild.id
        accounts = {row["id"] for row in rows(_ITS_ACCOUNT, guild)}
        others = {row["id"] for row in rows(_ITS_SUBSCRIPTIONS_AND_BATCHES, guild)}
        details = [
            button.custom_id for outcome in self.server.outcomes() for button in outcome.buttons if button.custom_id
        ]
        assert details
        numbered = [
            f"{action.prefix}:{number}"
            for action in actions
            for number in (*(accounts if action in _OF_ADMINS else others), *_ABSURD)
        ]
        return numbered + details

    def learned_by(self, answer: Answer) -> bool:
        """Whether an answer reveals anything of this server."""
        return any(told in answer.text for told in (_PROMPT, *self.jobids, str(self.server.channel.id)))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(
    program: Path, fork_server: ForkServer | None, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Harness]:
    """One bot without limits on how often a forger can try."""
    patient = await Harness.build(
        program, tmp_path_factory.mktemp("harness"), {"COMMANDS_PER_MINUTE": "100000"}, fork_server
    )
    try:
        await patient.start()
        yield patient
        assert patient.bot.said("Traceback|failed; its asker") == []
    finally:
        await patient.close()


async def _press_everything(victim: Victim, who: Member, where: Channel, actions: Iterable[Action] = Action) -> None:
    before = victim.state()
    for custom_id in victim.custom_ids(actions):
        answer = await who.forge_click(where, custom_id)
        assert not victim.learned_by(answer), (custom_id, answer.text)
        assert "Something went wrong" not in answer.text, custom_id
    await victim.server.settled()
    assert victim.state() == before


async def test_buttons_clicked_in_another_server(harness: Harness, server: GuildFixture) -> None:
    victim, stranger = await Victim.of(server), await harness.server()
    asked = len(harness.pixverse.requests)
    for who in (stranger.member, stranger.admin):
        await _press_everything(victim, who, stranger.channel)
    assert stranger.outcomes() == []
    assert {
        entry.jobid for entry in harness.pixverse.requests[asked:] if entry.account == stranger.account.number
    } == set()


async def test_buttons_clicked_in_another_channel(server: GuildFixture) -> None:
    victim = await Victim.of(server)
    elsewhere = server.guild.add_text_channel("elsewhere")
    moderator = server.guild.add_member("mod", permissions=server.harness.discord.Permissions(manage_messages=True))
    for who in (server.member, moderator):
        await _press_everything(victim, who, elsewhere, [action for action in Action if action not in _OF_ONESELF])


async def test_admin_buttons_clicked_by_a_member(server: GuildFixture) -> None:
    victim = await Victim.of(server)
    before = victim.state()
    for custom_id in victim.custom_ids(_OF_ADMINS)[: -len(server.outcomes())]:
        answer = await server.member.forge_click(server.channel, custom_id)
        assert answer.text.startswith("**Only someone with *Manage Server* can do this.**"), answer.text
    assert victim.state() == before


async def test_forged_custom_ids_are_ignored(server: GuildFixture) -> None:
    victim = await Victim.of(server)
    before = victim.state()
    pressed = (server.admin.forge_click(server.channel, custom_id) for custom_id in _OF_NOBODY)
    answers = await asyncio.gather(*pressed, return_exceptions=True)
    assert [answer for answer in answers if not isinstance(answer, NotAnswered)] == []
    assert victim.state() == before


async def test_numbers_of_another_server(harness: Harness, server: GuildFixture) -> None:
    victim, stranger = await Victim.of(server), await harness.server()
    before, asked = victim.state(), len(harness.pixverse.requests)
    for number in victim.job_numbers():
        for command, options in (
            ("status", {"jobid": f"#{number}"}),
            ("status", {"jobid": f"#{number}", "private": True}),
            ("unwatch", {"jobid": f"#{number}"}),
            ("watch", {"jobids": f"#{number}"}),
        ):
            answer = await stranger.admin.forge_slash(stranger.channel, f"pixverse {command}", **options)
            assert not victim.learned_by(answer), (command, answer.text)
            assert answer.text.startswith(
                ("**I don't know that number here", "**This job isn't watched here.**", "**This job could not be")
            ), answer.text
    assert victim.state() == before
    assert stranger.posts() == []
    assert not [entry for entry in harness.pixverse.requests[asked:] if entry.account == stranger.account.number]


async def test_numbers_of_another_channel(harness: Harness, server: GuildFixture) -> None:
    """Somebody who sees only this channel learns nothing about the other one by trying consecutive numbers."""
    victim = await Victim.of(server)
    thread = server.channel.add_thread("inside")
    elsewhere = server.guild.add_text_channel("elsewhere")
    mallory = server.guild.add_member("mallory", permissions=harness.discord.Permissions(manage_messages=True))
    before = victim.state()
    said: dict[str, set[str]] = {}
    for number in (*victim.job_numbers(), 999_999):
        for where in (elsewhere, thread):
            for command, options in (
                ("status", {"jobid": f"#{number}"}),
                ("private", {"jobid": f"#{number}", "private": True}),
                ("unwatch", {"jobid": f"#{number}"}),
                ("watch", {"jobids": f"#{number}"}),
            ):
                name = "status" if command == "private" else command
                answer = await mallory.forge_slash(where, f"pixverse {name}", **options)
                assert not victim.learned_by(answer), (command, answer.text)
                said.setdefault(command, set()).add(answer.text.replace(f"#{number}", "n"))
    assert {command: len(texts) for command, texts in said.items()} == dict.fromkeys(said, 1)
    many = await mallory.slash(elsewhere, "pixverse watch", jobids=" ".join(map("#{}".format, victim.job_numbers())))
    assert not victim.learned_by(many)
    assert victim.state() == before
    assert (server.posts(elsewhere), server.posts(thread)) == ([], [])


async def test_a_number_works_in_another_channel_for_the_person_who_requested_it(server: GuildFixture) -> None:
    job = await server.watched()
    elsewhere = server.guild.add_text_channel("elsewhere")
    assert (await server.status(server.number(job), channel=elsewhere)).text.startswith("**Watching.**")


async def test_ids_of_another_server_s_account(harness: Harness, server: GuildFixture) -> None:
    victim, stranger = await Victim.of(server), await harness.server()
    before = victim.state()
    for jobid in victim.jobids:
        for command in ("status", "unwatch"):
            answer = await stranger.admin.slash(stranger.channel, f"pixverse {command}", jobid=jobid)
            assert _PROMPT not in answer.text
            assert answer.text.startswith(("**I can't find this job.**", "**This job isn't watched here.**")), (
                answer.text
            )
    assert victim.state() == before
    assert stranger.posts() == []


@pytest.mark.parametrize(
    "typed", ["", "#", "#1", "lighthouse", "%", "_", "a secret lighthouse", "'; DROP TABLE jobs; --"]
)
async def test_autocomplete_in_another_server_offers_nothing(
    harness: Harness, server: GuildFixture, typed: str
) -> None:
    await Victim.of(server)
    stranger = await harness.server()
    twin = stranger.guild.add_member("alice again", user_id=server.member.id)
    for who in (stranger.member, stranger.admin, twin):
        for command in ("status", "unwatch"):
            assert await who.autocomplete(stranger.channel, f"pixverse {command}", option="jobid", typed=typed) == []


async def test_a_form_submitted_by_somebody_else(harness: Harness, server: GuildFixture) -> None:
    victim, stranger = await Victim.of(server), await harness.server()
    opened = await server.admin.slash(server.channel, "pixverse-admin token set")
    assert opened.modal is not None
    before = victim.state()
    refused = await server.member.forge_submit(server.channel, opened.modal, stranger.account.token)
    assert refused.text.startswith("**Only someone with *Manage Server* can do this.**")
    assert victim.state() == before
    opened = await server.admin.slash(server.channel, "pixverse-admin token set")
    assert opened.modal is not None
    own = await stranger.admin.forge_submit(stranger.channel, opened.modal, stranger.account.token)
    assert not victim.learned_by(own)
    assert victim.state()["servers"] == before["servers"]


@pytest.mark.parametrize("name", ["alerts", "follow"])
@pytest.mark.parametrize("where", ["channel", "archived thread"])
async def test_a_channel_of_another_server_is_refused(
    server: GuildFixture, harness: Harness, name: str, where: str
) -> None:
    other = await harness.server()
    chosen = other.channel if where == "channel" else _archived_thread(other)
    answer = await server.admin.forge_choice(server.channel, f"pixverse-admin {name}", option="channel", chosen=chosen)
    assert answer.text.startswith("**That channel isn't in this server.**")
    assert answer.buttons == []
    assert harness.ledger.rows("SELECT alerts_channel FROM servers WHERE guild_id = ?", server.guild.id) == [
        {"alerts_channel": None}
    ]


async def test_an_archived_thread_of_the_own_server_is_accepted(server: GuildFixture) -> None:
    thread = _archived_thread(server)
    answer = await server.admin.forge_choice(server.channel, "pixverse-admin alerts", option="channel", chosen=thread)
    assert answer.text.startswith("**Alerts go to <#")


async def test_a_stored_channel_of_another_server_is_never_posted_in(server: GuildFixture, harness: Harness) -> None:
    """A database of an earlier version may contain such a channel."""
    other = await harness.server()
    thread = _archived_thread(other)
    await server.admin.slash(server.channel, "pixverse-admin alerts", channel=server.channel)
    harness.ledger.change("UPDATE servers SET alerts_channel = ? WHERE guild_id = ?", thread.id, server.guild.id)
    await server.watched()
    server.account.refuse()
    tried = "SELECT 1 FROM deliveries WHERE kind = 'notice' AND channel_id = ? AND blocked_since IS NOT NULL"
    await harness.pixverse.until(lambda: harness.ledger.rows(tried, thread.id) != [])
    assert server.posts(thread) == []


def _archived_thread(server: GuildFixture) -> Channel:
    """The gateway tells nothing of it: the bot does not have it in its cache."""
    thread = server.channel.add_thread("old plans")
    thread.archive()
    return thread


async def test_a_button_that_names_a_channel_of_another_server(server: GuildFixture, harness: Harness) -> None:
    other = await harness.server()
    question = await server.admin.slash(server.channel, "pixverse-admin follow", channel=server.channel)
    (asked,) = [button.custom_id for button in question.buttons if button.label == "Follow the account"]
    assert asked is not None
    for number in ("0", "9" * 19, "9" * 20, "0" * 20):
        absurd = asked.replace(str(server.channel.id), number)
        said = (await server.admin.forge_click(server.channel, absurd)).text
        assert said.startswith("**This button no longer does anything.**"), (number, said)
    forged = asked.replace(str(server.channel.id), str(other.channel.id))
    assert (await server.admin.forge_click(server.channel, forged)).text.startswith(
        "**That channel isn't in this server.**"
    )
    assert harness.ledger.rows("SELECT * FROM follows WHERE guild_id = ?", server.guild.id) == []
