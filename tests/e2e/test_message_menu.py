"""`Watch PixVerse jobs` in a message's menu."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Answer, Message
from tests.e2e.town import Town

pytestmark = pytest.mark.asyncio(loop_scope="module")

_NAME = "Watch PixVerse jobs"


async def _use(town: Town, message: Message) -> Answer:
    return await town.member.message_menu(message, _NAME)


async def test_every_job_in_a_message_is_watched(town: Town) -> None:
    one, two = town.job(prompt="a paper boat"), town.job(prompt="a paper plane")
    text = f"mine are `{one.jobid}` and {two.jobid}. My token is {town.account.token}, keep it"
    answer = await _use(town, town.admin.send(town.channel, text))
    assert answer.ephemeral
    assert answer.text.startswith("**Watching 2 jobs.**")
    for job in (one, two):
        job.complete()
    await town.stage.discord.until(lambda: len(town.outcomes()) == 2, what="both outcomes")
    assert town.member.mention in town.outcomes()[-1].text


async def test_more_than_a_command_takes(town: Town) -> None:
    ids = [f"job:{number}-bot:pixverse" for number in range(28)]
    answer = await _use(town, town.admin.send(town.channel, "\n".join(ids)))
    assert answer.text.startswith("**None of the 25 jobs could be watched.**")
    assert answer.text.endswith("-# That message names 28 jobs; these are the first 25.")


async def test_a_message_without_any(town: Town) -> None:
    answer = await _use(town, town.admin.send(town.channel, f"nothing here but {town.account.token}"))
    assert answer.text == "**There is no PixVerse job id in that message.**"


async def test_where_the_bot_cannot_post_it_says_so(town: Town) -> None:
    message = town.admin.send(town.channel, town.job().jobid)
    town.channel.deny_bot(send_messages=True)
    assert (await _use(town, message)).text.startswith("**I can't post in this channel.**")
