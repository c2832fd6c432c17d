"""The environment itself, one bot with several shards, and several bots with one shard."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e.cluster import laws
from tests.e2e.cluster.crowd import Crowd
from tests.e2e.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_one_bot_with_several_shards(crowd: Crowd) -> None:
    """As many shards identify at once as there are buckets; the others follow five seconds later."""
    await crowd.discord.order("settings", shards=4, max_concurrency=3, enforce_session_starts=True)
    await crowd.add_bot("bot")
    await crowd.connected(*(("bot", shard) for shard in range(4)))
    assert laws.identifies_are_spaced(crowd.all_events(), max_concurrency=3) == []
    servers = [await crowd.server(shard=shard, shard_count=4) for shard in range(4)]
    jobs = [await crowd.watched(server) for server in servers]
    for jobid in jobs:
        await crowd.pixverse.order("complete", jobid=jobid)
        await crowd.outcome(jobid)
    expected = [(jobid, server.channel) for jobid, server in zip(jobs, servers, strict=True)]
    assert laws.one_outcome_each(crowd.all_events(), expected) == []
    assert laws.one_session_a_shard(crowd.all_events(), handover_s=0) == []
    await crowd.discord.order("gateway", fault="cut")
    await until(lambda: len(list(crowd.events("resume"))) == 4)
    assert len(list(crowd.events("identify"))) == 4


async def test_two_bots_get_each_command_and_one_of_them_responds(crowd: Crowd) -> None:
    """As during a handover. Each bot has its own database here, so the bot that answers also watches."""
    bots = [await crowd.add_bot(name) for name in ("one", "two")]
    await crowd.connected(("one", 0), ("two", 0))
    server = await crowd.server()
    for _ in range(5):
        said = await crowd.discord.order(
            "command", member=server.member, channel=server.channel, name="pixverse list", options={}
        )
        assert said["ephemeral"]
    told = list(crowd.events("interaction"))
    await until(lambda: len(list(crowd.events("acknowledge"))) == 2 * len(told))
    assert laws.every_command_is_answered(crowd.all_events()) == []
    assert laws.fifty_requests_a_second(crowd.all_events()) == []
    refused = [event for event in crowd.events("acknowledge") if event["status"] >= 300]
    assert {event["code"] for event in refused} == {40060}
    assert [line for bot in bots for line in bot.said(r" (WARNING|ERROR) |Traceback")] == []


async def test_discord_and_pixverse_outlive_the_bots(crowd: Crowd) -> None:
    bot = await crowd.add_bot("bot")
    await crowd.connected(("bot", 0))
    server = await crowd.server()
    jobid = await crowd.watched(server)
    await bot.kill()
    await crowd.pixverse.order("complete", jobid=jobid)
    await asyncio.gather(crowd.discord.order("sessions"), crowd.pixverse.order("asked", jobid=jobid))
    await bot.start()
    told = await crowd.outcome(jobid)
    assert (told["caller"], told["channel"]) == ("bot", str(server.channel))
    (message,) = [
        message
        for message in await crowd.discord.order("messages", channel=server.channel)
        if message["id"] == int(told["message"])
    ]
    assert message["nonce"] == told["nonce"]
    asked = [event for event in crowd.events("api") if event.get("jobid") == jobid]
    assert {event["caller"] for event in asked} == {"bot"}
