"""Languages: members read their own, a channel reads its server's, whatever changes in between.

The bot is a copy whose Japanese, Portuguese and German are English with a mark, so that a test tells them apart.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from sandbox.discord_wire import Hold, Status
from tests import languages
from tests.e2e.forking import ForkServer
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness
from tests.e2e.process import NO_CERTIFICATES, copy_program

pytestmark = pytest.mark.asyncio(loop_scope="module")

JAPANESE, PORTUGUESE, GERMAN = "**ja: ", "**pt: ", "**de: "
_MARKS = {"ja": "ja", "pt-BR": "pt", "de": "de"}
_ENGLISH = "en-US"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def harness(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Harness]:
    program = copy_program(tmp_path_factory.mktemp("program") / "bot")
    for code, mark in _MARKS.items():
        _put_catalogue(program, code, mark)
    with ExitStack() as stack:
        fork_server = (
            stack.enter_context(closing(ForkServer(program, NO_CERTIFICATES))) if sys.platform == "linux" else None
        )
        shared = await Harness.build(program, tmp_path_factory.mktemp("harness"), {}, fork_server)
        try:
            await shared.start()
            yield shared
        finally:
            await shared.close()


def _put_catalogue(program: Path, code: str, mark: str) -> None:
    languages.write(program / "ui/locales", code, languages.translated(code, languages.marked(mark)))


async def _server_speaks(server: GuildFixture, code: str) -> None:
    """Changes the server's language, and waits until the bot has received the event."""
    server.guild.preferred_locale = code
    sql = "SELECT locale FROM servers WHERE guild_id = ?"
    await server.harness.pixverse.until(lambda: server.harness.ledger.rows(sql, server.guild.id) == [{"locale": code}])


async def test_a_japanese_member_in_a_portuguese_server(harness: Harness) -> None:
    server = await harness.server(locale="pt-BR", member="ja")
    job = server.job(prompt="paper boat")
    answer = await server.status(job)
    assert answer.text.startswith(JAPANESE + "Watching")
    card = await server.card_says(PORTUGUESE)
    pressed = await server.member.click(card, "pt: Check now")
    assert pressed.text.startswith(JAPANESE)

    await harness.restart()
    job.set("progress", percent=46)
    assert "46" in (await server.card_says(PORTUGUESE + "In progress")).text
    job.complete()
    outcome = await server.outcome()
    assert outcome.text.startswith(PORTUGUESE)
    assert outcome.labels == ["pt: Details"]
    assert (await server.member.click(outcome, "pt: Details")).text.startswith(JAPANESE)
    assert (await server.card_says(PORTUGUESE + "Done")).id == card.id


async def test_posted_messages_keep_their_language_when_the_server_changes_its_own(harness: Harness) -> None:
    server = await harness.server(locale="pt-BR", member="ja")
    job = await server.watched()
    old = await server.card_says(PORTUGUESE)
    await _server_speaks(server, "de")
    await harness.restart()
    job.set("progress", percent=46)
    assert (await server.card_says(PORTUGUESE + "In progress")).id == old.id

    newer = await server.watched()
    await server.card_says(GERMAN)
    for ended in (job, newer):
        ended.complete()
    await harness.discord.until(lambda: len(server.outcomes()) == 2, what="both outcomes")
    assert all(outcome.text.startswith(GERMAN) for outcome in server.outcomes())
    await server.card_says(PORTUGUESE + "Done")
    await server.card_says(GERMAN + "Done")


async def test_a_waiting_outcome_keeps_the_language_in_which_it_was_created(harness: Harness) -> None:
    """The outcome is refused at first, and sent after the server changed its language and the bot restarted."""
    server = await harness.server(locale="pt-BR")
    job = await server.watched()
    server.channel.deny_bot(send_messages=True)
    job.complete()
    await harness.pixverse.until(lambda: harness.ledger.outcome_states(server.channel.id) == ["waiting"])
    await _server_speaks(server, "de")
    await harness.restart()
    server.channel.allow_bot(send_messages=True)
    assert (await server.outcome()).text.startswith(PORTUGUESE)


async def test_a_server_that_returns_with_another_language_sees_it_at_once(harness: Harness) -> None:
    """No command was used in the server since."""
    server = await harness.server(locale="pt-BR")
    job = await server.watched()
    await server.settled()
    server.guild.remove_bot()
    gone = "SELECT 1 FROM servers WHERE guild_id = ? AND gone_since IS NOT NULL"
    await harness.pixverse.until(lambda: bool(harness.ledger.rows(gone, server.guild.id)))
    server.guild.preferred_locale = "de"
    server.guild.add_bot()
    job.complete()
    assert (await server.outcome()).text.startswith(GERMAN)


async def test_a_resent_result_is_in_the_language_chosen_since(harness: Harness) -> None:
    server = await harness.server(locale="pt-BR")
    job = await server.watched()
    harness.discord.faults.add(
        method="POST", path=f"/channels/{server.channel.id}/messages", action=Status(400, code=50035), times=None
    )
    job.complete()
    await harness.pixverse.until(lambda: harness.ledger.outcome_states(server.channel.id) == ["given_up"])
    harness.discord.faults.clear()
    await server.admin.slash(server.channel, "pixverse-admin language", language="de")
    shown = await server.admin.slash(server.channel, "pixverse-admin deliveries")
    (resend,) = (label for label in shown.labels if label.startswith("Resend"))
    await server.admin.click(shown, resend)
    assert (await server.outcome()).text.startswith(GERMAN)


async def test_an_admin_chooses_the_language_of_a_server(harness: Harness) -> None:
    server = await harness.server(locale="pt-BR")
    answer = await server.admin.slash(server.channel, "pixverse-admin language", language="ja")
    assert answer.ephemeral
    assert answer.text.startswith("**I'll post in 日本語.**")
    await server.watched()
    await server.card_says(JAPANESE)
    await _server_speaks(server, "de")
    await server.watched()
    await harness.discord.until(lambda: len(server.cards()) == 2, what="both cards")
    assert all(card.text.startswith(JAPANESE) for card in server.cards())

    answer = await server.admin.slash(server.channel, "pixverse-admin language", language="server")
    assert answer.text.startswith("**I'll post in Deutsch, the server's language.**")
    await server.watched()
    await server.card_says(GERMAN)


@pytest.mark.parametrize("told", ["xx", None, "en-GB"])
async def test_an_unknown_or_missing_locale_means_english(harness: Harness, told: str | None) -> None:
    server = await harness.server(locale=told, member=told)
    answer = await server.status(server.job())
    assert answer.text.startswith("**Watching")
    assert (await server.card_says("**")).labels == ["Check now", "Stop watching"]


async def test_admins_are_told_once_in_the_server_s_language(harness: Harness) -> None:
    """Also if the bot dies before it knows that the message was posted, and the language changes meanwhile."""
    server = await harness.server(locale="pt-BR")
    alerts = server.guild.add_text_channel("alerts")
    await server.admin.slash(server.channel, "pixverse-admin alerts", channel=alerts)
    await server.watched()
    hold = Hold()
    path = f"/channels/{alerts.id}/messages"
    harness.discord.faults.add(method="POST", path=path, when="after", action=hold)
    harness.renew_token(server.account)
    await hold.reached.wait()
    await harness.kill()
    harness.discord.faults.clear()
    hold.release.set()
    server.guild.preferred_locale = "de"
    harness.discord.forget_nonces()
    await harness.start()
    await server.settled(alerts)
    (notice,) = server.posts(alerts)
    assert notice.text.startswith(PORTUGUESE)


async def test_every_reply_is_in_the_asker_s_language(harness: Harness) -> None:
    """Commands, refusals, forms, choices and buttons."""
    server = await harness.server(locale="pt-BR", member="ja")
    job = await server.watched(prompt="paper boat")
    bob = server.guild.add_member("bob")
    bob.locale = "de"
    assert (await bob.slash(server.channel, "pixverse list")).text.startswith(GERMAN)
    assert (await server.use("pixverse status", jobid="nonsense")).text.startswith(JAPANESE)
    card = await server.card_says(PORTUGUESE)
    assert (await bob.click(card, "pt: Stop watching")).text.startswith(GERMAN)
    choices = await server.member.autocomplete(server.channel, "pixverse unwatch", option="jobid", typed="")
    assert [name for name, _ in choices if "ja: " in name]
    assert not [name for name, _ in choices if "pt: " in name]
    server.admin.locale = "de"
    opened = await server.admin.slash(server.channel, "pixverse-admin token set")
    assert opened.modal.title.startswith("de: ")
    assert (await server.admin.submit(opened, "nonsense")).text.startswith(GERMAN)
    assert (await server.use("pixverse unwatch", jobid=job.jobid)).text.startswith(JAPANESE)


def _described(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield part
    for inner in (*part.get("options", ()), *part.get("choices", ())):
        yield from _described(inner)


async def test_commands_are_registered_with_translations_and_again_only_after_a_change(harness: Harness) -> None:
    def registrations() -> int:
        return sum(call.method == "PUT" and call.path.endswith("/commands") for call in harness.discord.requests)

    before = registrations()
    await harness.restart()
    (root,) = (one for one in harness.discord.world.backend.commands[None].values() if one["name"] == "pixverse")
    for part in _described(root):
        english = part.get("description")
        if english:
            assert part["description_localizations"]["ja"] == f"ja: {english}"
        assert not part.get("name_localizations")
    _put_catalogue(harness.bot.program, "de", "changed")
    await harness.stop()
    await harness.start()
    await harness.discord.until(lambda: registrations() > before, what="the changed commands")
    assert registrations() == before + 1
    await harness.restart()
    assert registrations() == before + 1
    _put_catalogue(harness.bot.program, "de", "de")
    await harness.restart()
