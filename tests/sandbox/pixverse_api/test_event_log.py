"""Requests of several bots stand in one log, each under its bot's name."""

import random
from pathlib import Path

import aiohttp

from sandbox.event_log import read_events
from sandbox.pixverse_api import PixverseApi


async def test_whose_request_was_for_which_job(tmp_path: Path) -> None:
    log = tmp_path / "events.jsonl"
    api = PixverseApi(rng=random.Random(4), sweep_seconds=0, log_path=log)
    await api.start()
    account = api.add_account()
    job = api.add_job(account)
    own = await api.base_of("bot-b")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {account.token}"}) as http:
        for base in (api.base, own):
            await api.refuse_connections()
            await api.accept_connections()
            async with http.get(f"{base}/v1/pixverse/jobs/", params={"jobid": job.jobid}) as answer:
                assert answer.status == 200
    await api.stop()
    told = [(event["event"], event.get("caller"), event["jobid"], event["status"]) for event in read_events(log)]
    assert told == [("api", None, job.jobid, 200), ("api", "bot-b", job.jobid, 200)]
    assert account.token.partition("-")[2] not in log.read_text()
