"""Messages that Discord does not take as they are: AutoMod, and files larger than the server takes."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Status
from sandbox.discord_wire.recording import RecordedRequest
from tests.e2e.discord_faults.test_server_errors import is_outcome
from tests.e2e.stage import Stage
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

_BLOCKED_BY_AUTOMOD = Status(400, code=200000, message="Message was blocked by automatic moderation")
_BAD_WORD = "forbiddenword"


def _says_it(call: RecordedRequest) -> bool:
    return _BAD_WORD in str(call.json)


def _block_words(town: Town) -> None:
    path = f"/channels/{town.channel.id}/messages(/[0-9]+)?"
    town.stage.discord.faults.add(path=path, action=_BLOCKED_BY_AUTOMOD, times=None, match=_says_it)


async def _goes_on(stage: Stage) -> None:
    other = await stage.town()
    (await other.watched(prompt=f"Another server may say {_BAD_WORD}")).complete()
    assert _BAD_WORD in (await other.outcome()).text
    assert stage.bot.said("Traceback") == []


@pytest.mark.usefixtures("generation")
async def test_automod_blocks_the_card_and_the_outcome(stage: Stage, town: Town) -> None:
    _block_words(town)
    job = town.job(prompt=f"A {_BAD_WORD} fox")
    answer = await town.status(job)
    assert answer.text.startswith("**Watching.**")
    await town.settled()
    assert town.posts() == []
    job.complete()
    outcome = await town.outcome()
    assert outcome.text.startswith("**Your video is ready.**")
    assert "couldn't be shown here" in outcome.text
    assert f"completed · {town.number(job)}" in outcome.text
    assert outcome.pinged == {town.member.id}
    assert [file.content for file in outcome.attachments] == [job.videos[0].content]
    await _goes_on(stage)


@pytest.mark.usefixtures("generation")
async def test_automod_blocks_what_a_job_says_at_its_end(stage: Stage, town: Town) -> None:
    job = await town.watched(prompt="A fox")
    await town.settled()
    _block_words(town)
    job.fail(error=f"{_BAD_WORD} happened")
    outcome = await town.outcome()
    assert outcome.text.startswith("**The job failed.**")
    assert _BAD_WORD not in outcome.text
    await _goes_on(stage)


async def test_a_file_size_is_learned_and_forgotten_with_the_boost(stage: Stage, town: Town) -> None:
    job = await town.watched()
    town.guild.upload_limit = 1000
    job.complete()
    assert (await town.outcome()).attachments == []
    learned = len(job.videos[0].content) - 1
    assert stage.ledger.rows(_LIMIT, town.guild.id) == [{"upload_limit": learned}]

    second = await town.watched()
    tried = _tries(town)
    second.complete()
    await stage.discord.until(lambda: len(town.outcomes()) == 2)
    assert _tries(town) == tried + 1  # not once too often
    assert town.outcomes()[1].attachments == []

    town.guild.boost(2, upload_limit=50 * 2**20)
    await stage.pixverse.until(lambda: stage.ledger.rows(_LIMIT, town.guild.id) == [{"upload_limit": None}])
    third = await town.watched()
    third.complete()
    await stage.discord.until(lambda: len(town.outcomes()) == 3)
    assert len(town.outcomes()[2].attachments) == 1
    await _goes_on(stage)


async def test_a_command_tells_that_the_server_takes_more(stage: Stage, town: Town) -> None:
    town.guild.upload_limit = 1000
    job = await town.watched()
    job.complete()
    assert (await town.outcome()).attachments == []
    learned = len(job.videos[0].content) - 1
    town.guild.upload_limit = learned
    second = await town.watched()
    second.complete()
    await stage.discord.until(lambda: len(town.outcomes()) == 2)
    assert town.outcomes()[1].attachments == []
    assert stage.ledger.rows(_LIMIT, town.guild.id) == [{"upload_limit": learned}]

    town.guild.upload_limit = learned + 1
    await town.use("pixverse list")
    await stage.pixverse.until(lambda: stage.ledger.rows(_LIMIT, town.guild.id) == [{"upload_limit": None}])
    third = await town.watched()
    third.complete()
    await stage.discord.until(lambda: len(town.outcomes()) == 3)
    assert len(town.outcomes()[2].attachments) == 1


_LIMIT = "SELECT upload_limit FROM servers WHERE guild_id = ?"


def _tries(town: Town) -> int:
    path = f"/channels/{town.channel.id}/messages"
    return sum(call.path == path and is_outcome(call) for call in town.stage.discord.requests)


async def test_one_large_file_of_several(stage: Stage, town: Town) -> None:
    """A limit is learned from a single file only, since several are refused for their sum as well."""
    job = await town.watched()
    path = f"/channels/{town.channel.id}/messages"
    stage.discord.faults.add(method="POST", path=path, action=Status(413, code=40005), match=is_outcome)
    job.complete(videos=3)
    outcome = await town.outcome()
    assert len(outcome.attachments) == 2
    assert stage.ledger.rows(_LIMIT, town.guild.id)[0]["upload_limit"] is None
