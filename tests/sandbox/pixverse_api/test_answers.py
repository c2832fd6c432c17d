from __future__ import annotations

import re

import aiohttp

from sandbox.pixverse_api import PixverseApi, timelines
from tests.sandbox.pixverse_api.conftest import ApiFixture

UNAUTHORIZED = (401, {"error": "Unauthorized", "code": 401})
UNPAID = (402, {"error": "Account has no subscription or subscription expired", "code": 402})
NO_JOBID = (400, {"error": "Query param jobid not provided", "code": 400})
JOB_ID = re.compile(r"job:\d{17}-user:4321-channel:\d{15,20}-bot:pixverse")


def unknown(jobid: str) -> tuple[int, object]:
    return 404, {"error": f"Unable to locate job {jobid}", "code": 404}


async def test_without_a_jobid(world: ApiFixture) -> None:
    assert await world.get("/v1/pixverse/jobs/") == NO_JOBID
    assert await world.get("/v1/pixverse/jobs/", jobid="") == NO_JOBID
    assert await world.get("/v1/pixverse/jobs/cancel/") == NO_JOBID


async def test_ids_have_the_expected_form_and_differ(world: ApiFixture) -> None:
    ids = [world.api.add_job(world.account).jobid for _ in range(3)]
    assert len(set(ids)) == 3
    assert all(JOB_ID.fullmatch(jobid) for jobid in ids)
    assert await world.get("/v1/pixverse/jobs") == (200, ids)


async def test_authorization_goes_before_parameters(world: ApiFixture) -> None:
    assert await world.get("/v1/pixverse/jobs/", token="user:4321-wrong") == UNAUTHORIZED
    assert await world.ask("POST", "/v1/pixverse/create", token="user:1-x", data=b"?") == UNAUTHORIZED
    async with world.http.get(f"{world.api.base}/v1/pixverse/jobs") as answer:
        assert (answer.status, await answer.json()) == UNAUTHORIZED
    world.account.unpaid()
    assert await world.get("/v1/pixverse/jobs/") == UNPAID
    assert (await world.get("/v1/pixverse/account"))[0] == 200
    world.account.refuse()
    assert await world.get("/v1/pixverse/jobs") == UNAUTHORIZED
    world.account.ok()
    assert await world.get("/v1/pixverse/jobs") == (200, [])


async def test_a_renewed_token_replaces_the_old_one(world: ApiFixture) -> None:
    job = world.api.add_job(world.account)
    old = world.account.token
    new = world.account.renew_token()
    assert re.fullmatch(r"user:4321-\w{24}", new)
    assert await world.get("/v1/pixverse/jobs", token=old) == UNAUTHORIZED
    assert await world.get("/v1/pixverse/jobs", token=new) == (200, [job.jobid])


async def test_accounts_do_not_see_each_other(world: ApiFixture) -> None:
    other = world.api.add_account(77)
    job = world.api.add_job(other, timelines.never_ends())
    assert await world.get("/v1/pixverse/jobs/", jobid=job.jobid) == unknown(job.jobid)
    assert await world.get("/v1/pixverse/jobs/cancel/", jobid=job.jobid) == unknown(job.jobid)
    assert await world.get("/v1/pixverse/jobs") == (200, [])
    assert job.status == "created"


async def test_deleted_and_expired_records(world: ApiFixture) -> None:
    assert await world.get("/v1/pixverse/jobs/", jobid="job:1") == unknown("job:1")
    job = world.api.add_job(world.account)
    job.expire()
    gone = (410, {"error": "Job has expired", "code": 410})
    assert await world.get("/v1/pixverse/jobs/", jobid=job.jobid) == gone
    assert await world.get("/v1/pixverse/jobs") == (200, [])
    job.vanish()
    assert await world.get("/v1/pixverse/jobs/", jobid=job.jobid) == unknown(job.jobid)
    job.come_back()
    assert (await world.job(job.jobid))["status"] == "created"


async def test_cancelling(world: ApiFixture) -> None:
    job = world.api.add_job(world.account, timelines.completed(seconds=60))
    world.clock.forward(30)
    cancelled = (200, {"jobid": job.jobid, "status": "cancelled", "code": 200})
    assert await world.get("/v1/pixverse/jobs/cancel/", jobid=job.jobid) == cancelled
    world.clock.forward(600)
    assert (await world.job(job.jobid))["status"] == "cancelled"


async def test_cancelling_an_ended_job_reports_how_it_ended(world: ApiFixture) -> None:
    job = world.api.add_job(world.account, timelines.failed(seconds=60))
    world.clock.forward(600)
    answer = await world.get("/v1/pixverse/jobs/cancel/", jobid=job.jobid)
    assert answer == (200, {"jobid": job.jobid, "status": "failed", "code": 200})


async def test_the_account(world: ApiFixture) -> None:
    status, body = await world.get("/v1/pixverse/account")
    place = world.account.channels[0]
    discord = {"server": place.server, "channel": place.channel, "discord": place.discord, "maxJobs": 3}
    assert (status, body) == (200, {place.channel: discord})
    world.account.channels.clear()
    assert (await world.get("/v1/pixverse/account"))[0] == 404


async def test_other_paths_are_unknown(world: ApiFixture) -> None:
    assert await world.get("/v1/pixverse/nothing") == (404, {"error": "Not Found", "code": 404})


async def test_the_log_holds_everything_but_the_token(world: ApiFixture) -> None:
    job = world.api.add_job(world.account)
    await world.job(job.jobid)
    world.clock.forward(9)
    await world.get("/v1/pixverse/jobs", token="user:4321-wrong")
    first, second = world.api.requests
    assert (first.method, first.status, first.account) == ("GET", 200, 4321)
    assert first.path.startswith("/v1/pixverse/jobs/?jobid=job")
    assert (second.path, second.status, second.account) == ("/v1/pixverse/jobs", 401, None)
    assert second.at - first.at == 9000
    assert world.api.asked(job) == 1
    assert world.account.token not in repr(world.api.requests)
    assert world.account.token not in repr(world.account)


async def test_two_worlds_side_by_side(world: ApiFixture) -> None:
    other = PixverseApi(clock=world.clock)
    await other.start()
    try:
        async with aiohttp.ClientSession() as http, http.get(f"{other.base}/v1/pixverse/jobs") as answer:
            assert answer.status == 401
    finally:
        await other.stop()
    assert world.api.requests == []
