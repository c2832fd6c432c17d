"""Messages that Discord refuses for their content: AutoMod, and files above the server's limit."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Status
from sandbox.discord_wire.recording import RecordedRequest
from sandbox.pixverse_api import faults
from tests.e2e.discord_faults.test_server_errors import is_outcome
from tests.e2e.guild_fixture import GuildFixture
from tests.e2e.harness import Harness

pytestmark = pytest.mark.asyncio(loop_scope="module")

_BLOCKED_BY_AUTOMOD = Status(400, code=200000, message="Message was blocked by automatic moderation")
_BAD_WORD = "forbiddenword"


def _says_it(call: RecordedRequest) -> bool:
    return _BAD_WORD in str(call.json)


def _block_words(server: GuildFixture) -> None:
    path = f"/channels/{server.channel.id}/messages(/[0-9]+)?"
    server.harness.discord.faults.add(path=path, action=_BLOCKED_BY_AUTOMOD, times=None, match=_says_it)


async def _goes_on(harness: Harness) -> None:
    other = await harness.server()
    (await other.watched(prompt=f"Another server may say {_BAD_WORD}")).complete()
    assert _BAD_WORD in (await other.outcome()).text
    assert harness.bot.said("Traceback") == []


@pytest.mark.usefixtures("generation")
async def test_automod_blocks_the_card_and_the_outcome(harness: Harness, server: GuildFixture) -> None:
    _block_words(server)
    job = server.job(prompt=f"A {_BAD_WORD} fox")
    answer = await server.status(job)
    assert answer.text.startswith("**Watching.**")
    card = await server.card_says("**Watching.**", "**Waiting", "**Started", "**In")
    assert server.number(job) in card.text
    job.complete()
    outcome = await server.outcome()
    assert outcome.text.startswith("**Your video is ready.**")
    assert "couldn't be shown here" in outcome.text
    assert f"completed · {server.number(job)}" in outcome.text
    assert outcome.pinged == {server.member.id}
    assert [file.content for file in outcome.attachments] == [job.videos[0].content]
    await _goes_on(harness)


@pytest.mark.usefixtures("generation")
async def test_automod_blocks_the_text_of_an_ended_job(harness: Harness, server: GuildFixture) -> None:
    job = await server.watched(prompt="A fox")
    await server.settled()
    _block_words(server)
    job.fail(error=f"{_BAD_WORD} happened")
    outcome = await server.outcome()
    assert outcome.text.startswith("**The job failed.**")
    assert _BAD_WORD not in outcome.text
    await _goes_on(harness)


async def test_automod_blocks_the_words_of_a_card_that_had_none(harness: Harness, server: GuildFixture) -> None:
    """The card was posted before the API had described the job."""
    _block_words(server)
    job = server.job(prompt=f"A {_BAD_WORD} fox")
    outage = harness.pixverse.faults.add(faults.Status(500), job=job, times=None)
    await server.status(job)
    await server.card_says("**Watching.**", "**On hold: PixVerse's API isn't answering**")
    outage.left = 0
    job.complete()
    outcome = await server.outcome()
    card = await server.card_says("**Done.**")
    assert str(outcome.id) in card.text
    await _goes_on(harness)


async def test_automod_blocks_one_prompt_of_a_list(harness: Harness, server: GuildFixture) -> None:
    _block_words(server)
    first, second = server.job(prompt=f"A {_BAD_WORD} fox"), server.job(prompt="A hare")
    await server.watch(first, second)
    summary = await server.card_says("**Watching 2 jobs.**")
    assert server.number(first) in summary.text
    first.complete()
    second.complete()
    summary = await server.card_says("**All 2 jobs have ended.**")
    await _goes_on(harness)


async def test_a_learned_file_size_is_forgotten_with_the_boost(harness: Harness, server: GuildFixture) -> None:
    job = await server.watched()
    server.guild.upload_limit = 1000
    job.complete()
    assert (await server.outcome()).attachments == []
    learned = len(job.videos[0].content) - 1
    assert harness.ledger.rows(_LIMIT, server.guild.id) == [{"upload_limit": learned}]

    second = await server.watched()
    tried = _tries(server)
    second.complete()
    await harness.discord.until(lambda: len(server.outcomes()) == 2)
    assert _tries(server) == tried + 1  # no needless attempt
    assert server.outcomes()[1].attachments == []

    server.guild.boost(2, upload_limit=50 * 2**20)
    await harness.pixverse.until(lambda: harness.ledger.rows(_LIMIT, server.guild.id) == [{"upload_limit": None}])
    third = await server.watched()
    third.complete()
    await harness.discord.until(lambda: len(server.outcomes()) == 3)
    assert len(server.outcomes()[2].attachments) == 1
    await _goes_on(harness)


async def test_a_command_shows_that_the_server_accepts_more(harness: Harness, server: GuildFixture) -> None:
    server.guild.upload_limit = 1000
    job = await server.watched()
    job.complete()
    assert (await server.outcome()).attachments == []
    learned = len(job.videos[0].content) - 1
    server.guild.upload_limit = learned
    second = await server.watched()
    second.complete()
    await harness.discord.until(lambda: len(server.outcomes()) == 2)
    assert server.outcomes()[1].attachments == []
    assert harness.ledger.rows(_LIMIT, server.guild.id) == [{"upload_limit": learned}]

    server.guild.upload_limit = learned + 1
    await server.use("pixverse list")
    await harness.pixverse.until(lambda: harness.ledger.rows(_LIMIT, server.guild.id) == [{"upload_limit": None}])
    third = await server.watched()
    third.complete()
    await harness.discord.until(lambda: len(server.outcomes()) == 3)
    assert len(server.outcomes()[2].attachments) == 1


_LIMIT = "SELECT upload_limit FROM servers WHERE guild_id = ?"


def _tries(server: GuildFixture) -> int:
    path = f"/channels/{server.channel.id}/messages"
    return sum(call.path == path and is_outcome(call) for call in server.harness.discord.requests)


async def test_one_large_file_of_several(harness: Harness, server: GuildFixture) -> None:
    """The bot learns a limit only from a single file, because several files are also refused for their total size."""
    job = await server.watched()
    path = f"/channels/{server.channel.id}/messages"
    harness.discord.faults.add(method="POST", path=path, action=Status(413, code=40005), match=is_outcome)
    job.complete(videos=3)
    outcome = await server.outcome()
    assert len(outcome.attachments) == 2
    assert harness.ledger.rows(_LIMIT, server.guild.id)[0]["upload_limit"] is None
