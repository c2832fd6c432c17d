"""`Watch PixVerse jobs` in a message's menu."""

from __future__ import annotations

import pytest

from sandbox.discord_wire import Answer, Message
from tests.e2e.guild_fixture import GuildFixture

pytestmark = pytest.mark.asyncio(loop_scope="module")

_NAME = "Watch PixVerse jobs"


async def _use(server: GuildFixture, message: Message) -> Answer:
    return await server.member.message_menu(message, _NAME)


async def test_every_job_in_a_message_is_watched(server: GuildFixture) -> None:
    one, two = server.job(prompt="a paper boat"), server.job(prompt="a paper plane")
    text = f"mine are `{one.jobid}` and {two.jobid}. My token is {server.account.token}, keep it"
    answer = await _use(server, server.admin.send(server.channel, text))
    assert answer.ephemeral
    assert answer.text.startswith("**Watching 2 jobs.**")
    for job in (one, two):
        job.complete()
    await server.harness.discord.until(lambda: len(server.outcomes()) == 2, what="both outcomes")
    assert server.member.mention in server.outcomes()[-1].text


async def test_more_ids_than_a_command_takes(server: GuildFixture) -> None:
    ids = [f"job:{number}-bot:pixverse" for number in range(28)]
    answer = await _use(server, server.admin.send(server.channel, "\n".join(ids)))
    assert answer.text.startswith("**None of the 25 jobs could be watched.**")
    assert answer.text.endswith("-# That message names 28 jobs; these are the first 25.")


async def test_a_message_without_ids(server: GuildFixture) -> None:
    answer = await _use(server, server.admin.send(server.channel, f"nothing here but {server.account.token}"))
    assert answer.text == "**There is no PixVerse job id in that message.**"


async def test_if_the_bot_cannot_post_it_says_so(server: GuildFixture) -> None:
    message = server.admin.send(server.channel, server.job().jobid)
    server.channel.deny_bot(send_messages=True)
    assert (await _use(server, message)).text.startswith("**I can't post in this channel.**")
