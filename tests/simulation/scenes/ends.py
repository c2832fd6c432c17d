"""How jobs end, or seem to: not found, expired, given up, contradictory, late."""

from __future__ import annotations

from typing import Any

from tests.simulation import serving
from tests.simulation.pixverse_world import Job
from tests.simulation.stage import Home, Stage, Story
from tests.simulation.wire import Reply, Trip

_GONE = r"not found · #\d+|expired · #\d+"
_PAGES = (
    Reply(404, b"<html><h1>404 Not Found</h1></html>", content_type="text/html"),
    Reply(404, {"error": "Not Found"}),
    Reply(404, {"error": "404 page not found", "code": 404}),
    Reply(404, {"message": "Not Found", "statusCode": 404}),
    Reply(404, b""),
)


def _not_found(jobid: str) -> Reply:
    return Reply(404, {"error": f"Unable to locate job {jobid}", "code": 404})


def never_seen(stage: Stage) -> Story:
    """The API doesn't know an id. The bot says so at once and watches nothing; the id can be tried again."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    ids = (
        f"job:1764547200000{stage.random.randrange(10**5):05d}-user:{account.number}-channel:99{account.number}-bot:pixverse",
        f"user:{account.number}-pixverse:{account.email}-video:{10**13 + stage.random.randrange(10**6)}",
    )
    for jobid in ids:
        answer = home.command("pixverse status", jobid=jobid)
        yield 5.0
        stage.says(answer, "can't find this job")
        for wait in (1.0, 1.0, 1.0, 6.0):
            home.look(jobid)
            yield wait
        answer = home.command("pixverse list")
        yield 5.0
        stage.says(answer, "Nothing is being watched")
    asked = sum(1 for _, _, what in stage.parts.pixverse.requests if what in ids)
    stage.expect(asked <= 9, f"two ids that are not there were asked about {asked} times")
    yield 300.0
    after = sum(1 for _, _, what in stage.parts.pixverse.requests if what in ids)
    stage.expect(after == asked, "an id that is not there is asked about on and on")


def not_found_once(stage: Stage) -> Story:
    """The API loses a job for one response, or for two that are close together."""
    home = yield from stage.settle()
    job = stage.job(home, 400, v2=False)
    home.status(job)
    yield 60.0
    end, begun = stage.about(job, _not_found(job.jobid), 1), stage.now
    yield stage.parts.interval * 2.2
    end()
    yield stage.parts.interval * 1.5 + 5
    stage.missing(job, home.channel)
    times = stage.requests_for(job, begun)
    stage.expect(times >= 2, f"{job.prompt} is left alone after one answer that it is not there")
    end = stage.about(job, _not_found(job.jobid))
    yield 21.0 if stage.parts.interval == 20 else 15.0
    card = stage.card(job, home.channel)
    home.press(card, "Check now")
    yield 8.0
    end()
    yield 60.0
    stage.missing(job, home.channel)
    yield 400.0
    stage.came(job, home.channel)


def not_found_before(stage: Stage) -> Story:
    """The API once didn't find a job, long before it stopped being watched. Requested again, it is not found once more.
    This doesn't count as twice."""
    home = yield from stage.settle()
    job = stage.job(home, 1500, v2=False)
    home.status(job)
    yield 40.0
    yield from _not_found_for_once(stage, job)
    home.command("pixverse unwatch", jobid=job.jobid)
    yield 400.0
    end = stage.about(job, Reply(503, {"error": "no", "code": 503}), 1)
    answer = home.status(job)
    yield 8.0
    end()
    stage.says(answer, "watching")
    yield from _not_found_for_once(stage, job)
    yield 1200.0
    stage.came(job, home.channel, "completed")


def _not_found_for_once(stage: Stage, job: Job) -> Story:
    gone = Trip(refused=_not_found(job.jobid))
    times, end = stage.counted(lambda request: gone if stage.subject(request) == job.jobid and not times else None)
    yield from stage.until(lambda: bool(times))
    yield 1.0
    end()


def taken_up_again(stage: Stage) -> Story:
    """Discord accepts nothing in a channel when its jobs are given up. Before that is posted, somebody asks for one of
    them again. Whoever waits again gets only the new end; the others are still told that theirs was given up."""
    home = yield from stage.settle()
    here, there = home.guild.channels
    ended, runs, others = (stage.job(home, 60 * 3600.0, v2=False) for _ in range(3))
    for person, job in enumerate((ended, runs, others), 1):
        home.status(job, person, here)
    home.status(others, 4, there)
    yield 60.0
    busy = Trip(refused=Reply(429, {"message": "slow", "retry_after": 300.0, "global": False}, {"Retry-After": "300"}))
    path = f"/channels/{here.id}/messages"
    closed = stage.on_discord(
        lambda request: busy if request.method == "POST" and request.path.endswith(path) else None
    )
    yield from stage.sleep(47.5 * 3600.0)
    yield 1690.0
    stage.came(others, there, r"given up · #\d+", files=0)
    stage.finish(ended)
    yield 60.0
    home.status(ended, 1, here)
    home.status(runs, 2, here)
    stage.expect_another_result(others, there)
    home.status(others, 4, there)
    yield 20.0
    closed()
    yield 400.0
    stage.came(ended, here, r"completed · #\d+")
    stage.missing(runs, here)
    stage.came(others, here, r"given up · #\d+", files=0)
    stage.card_says(others, there, "Taking longer")
    for job in (runs, others):
        stage.finish(job)
    yield 400.0
    stage.came(runs, here, r"completed · #\d+")
    stage.came(others, there, r"completed · #\d+", times=2)


def a_page_instead(stage: Stage) -> Story:
    """A proxy's pages have status 404 for some minutes. No job is taken for gone."""
    home = yield from stage.settle()
    jobs = [stage.job(home, 600), stage.job(home, 600)]
    for job in jobs:
        home.status(job)
    yield 30.0
    assert home.account is not None
    for page in _PAGES:
        end = stage.with_token(home.account, page)
        yield 70.0
        end()
    for job in jobs:
        stage.missing(job, home.channel)
    yield 500.0
    for job in jobs:
        stage.came(job, home.channel)


def gone(stage: Stage) -> Story:
    """A job that existed isn't found for a long time. That is posted once, with what is known. The end is final."""
    home = yield from stage.settle()
    job = stage.job(home, 2500, v2=False)
    home.status(job)
    yield 60.0
    expired = stage.one_of((None, {"error": "Job has expired", "code": 410}, {"error": "expired"}))
    end = stage.about(job, _not_found(job.jobid) if expired is None else Reply(410, expired))
    job.vanishes_after = 0.0
    word = "not found" if expired is None else "expired"
    yield 100.0 + 2.2 * stage.parts.interval
    stage.came(job, home.channel, rf"{word} · #\d+", files=0)
    end()
    job.vanishes_after = 31 * 86400.0
    yield 2500.0
    stage.came(job, home.channel, files=0)


def one_server_only(stage: Stage) -> Story:
    """Two servers wait for a job with the same token. One of them changes to an account that doesn't have the job, and
    asks for it again."""
    account = stage.account()
    home = yield from stage.settle(account)
    job = stage.job(account, 1500)
    home.status(job)
    yield 60.0
    other = yield from stage.settle(account)
    other.status(job)
    yield 30.0
    second = stage.account()
    other.account = stage.parts.people.uses[other.guild.id] = second
    other.enter_token(second.token)
    yield 20.0
    other.status(job, 2)
    yield 1700.0
    stage.came(job, home.channel)
    stage.missing(job, other.channel)


def never_ends(stage: Stage) -> Story:
    """A job that runs for more than two days is given up. The message says how to go on."""
    home = yield from stage.settle()
    job = stage.job(home, 60 * 3600.0)
    home.status(job)
    yield 1000.0
    stage.card_says(job, home.channel, "Taking longer|[Ii]n progress|Watching")
    since = stage.now
    yield 6 * 3600.0
    times = stage.requests_for(job, since)
    # Lists may still name a v2 job as active.
    stage.expect(times <= 6 * 12 + 50, f"asked {times} times in six hours")
    stage.expect(times >= 6 * 10 or job.is_v2, f"asked {times} times in six hours")
    yield from stage.sleep(38 * 3600.0)
    yield 2 * 3600.0
    stage.missing(job, home.channel)
    yield 3 * 3600.0
    stage.came(job, home.channel, r"given up · #\d+", "stopped watching", files=0)
    since = stage.now
    yield 2 * 3600.0
    stage.expect(stage.requests_for(job, since) == 0, f"{job.prompt} was given up, and is asked about")
    yield from stage.sleep(12 * 3600.0)


def contrary(stage: Stage) -> Story:
    """After a job's end, the API says that it runs, that it failed, or that its files are gone."""
    home = yield from stage.settle()
    job = stage.job(home, 60, v2=False, files=2)
    home.status(job)
    yield 80.0 + stage.parts.interval
    stage.came(job, home.channel)
    yield from _failed_in_between(stage, home)
    record: dict[str, Any] = {
        **stage.parts.pixverse.record(job),
        "status": stage.one_of(("completed", "progress", "failed")),
    }
    if record["status"] == "completed":
        record["attachments"] = record["attachments"][:1]
    else:
        record.pop("attachments")
    end = stage.about(job, Reply(200, record))
    home.look(job.jobid)
    yield 10.0
    other = home.guild.channels[1]
    home.command("pixverse status", 2, other, jobid=job.jobid, jobs=[job])
    yield 120.0
    times = 1
    if record["status"] == "completed":
        stage.came(job, other)
        answer = home.status(job, 2)
        yield 8.0
        stage.parts.ledger.promises[(job.jobid, home.channel.id)].extra += 1
        home.press_in_reply(answer, "ost it again")
        times += 1
        yield 30.0
    end()
    yield 400.0
    stage.came(job, home.channel, times=times)


def _failed_in_between(stage: Stage, home: Home) -> Story:
    """A member asks for two jobs. The API says that one has failed, and takes long for the other. Before the reply
    comes, the first one turns out to be complete."""
    yield from home.learn_callback()
    first, slow = stage.job(home, 600, v2=False), stage.job(home, 900, v2=False)
    home.status(first)
    yield 20.0
    yield from stage.just_requested(first)
    yield 6.0
    wrong = {**stage.parts.pixverse.record(first), "status": "failed"}
    end = stage.about(first, Reply(200, wrong), times=1)
    slowly = stage.on_api(lambda request: Trip(there=3.5) if stage.subject(request) == slow.jobid else None)
    other = home.guild.channels[1]
    home.watch([first, slow], 2, other)
    yield 0.8
    first.line = (*first.line[:-1], (stage.now - first.created, "completed", None))
    home.call_back(stage.parts.pixverse.record(first))
    yield 30.0
    end()
    slowly()
    stage.came(first, home.channel, "completed")
    stage.came(first, other, "completed")
    stage.parts.ledger.void("enough", channel=other, job=slow)
    home.command("pixverse unwatch", 2, other, jobid=slow.jobid)
    yield 6.0


def offline(stage: Stage) -> Story:
    """The bot is offline for a quarter of an hour when a job ends. The result is called late, and says that the bot was
    offline."""
    home = yield from stage.settle()
    job = stage.job(home, 200 if stage.coin() else 5000)
    home.status(job)
    yield 150.0 if job.ends_at - job.created < 300 else 4900.0
    stage.stop(1500.0)
    yield 2400.0
    stage.came(job, home.channel, "Late:", "offline")
    # The API doesn't say when a v2 job ended; the new process knows when it was last active.
    short = stage.job(home, 1000, v2=True)
    home.status(short)
    yield 880.0
    stage.stop(200.0)
    yield 420.0
    stage.came(short, home.channel, never="Late:")
    own = stage.job(home, 5400)
    home.status(own)
    yield 5400.0 + 2 * 320.0
    stage.came(own, home.channel, never="Late:")


def asked_after(stage: Stage) -> Story:
    """A result isn't called late for somebody who asks long after the job's end. Somebody who asks while it runs is not
    taken for one of them."""
    home = yield from stage.settle()
    # The host refuses the file once. That proves nothing yet: the next request gets it.
    job = stage.job(home, 60, serving=serving.REFUSED_ONCE)
    yield 3000.0
    home.status(job)
    yield 4.0
    stage.came(job, home.channel, never="Late:")
    running = stage.job(home, 1500)
    home.status(running)
    yield 500.0
    home.command("pixverse status", 2, home.guild.channels[1], jobid=running.jobid, jobs=[running])
    yield 60.0
    stage.stop(2000.0)
    yield 2100.0
    stage.came(running, home.channel, "Late:")
    stage.came(running, home.guild.channels[1], "Late:")


def old_links(stage: Stage) -> Story:
    """A result waits for longer than its links are valid, and somebody asks for an old job."""
    home = yield from stage.settle()
    job = stage.job(home, 60, v2=False, files=2)
    home.status(job)
    yield 30.0
    stage.parts.discord.permit(home.channel, {"send_messages"})
    yield 600.0
    yield from stage.sleep(30 * 3600.0)
    stage.parts.discord.permit(home.channel, set())
    yield 60.0
    stage.came(job, home.channel, "Late:")
    yield from stage.sleep(40 * 3600.0)
    other = home.guild.channels[1]
    home.command("pixverse status", 2, other, jobid=job.jobid, jobs=[job])
    yield 60.0
    stage.came(job, other)


def clock_ahead(stage: Stage) -> Story:
    """The machine's clock is 30 hours ahead, or behind, while jobs run and end."""
    home = yield from stage.settle()
    job = stage.job(home, 100, v2=False)
    home.status(job)
    yield 30.0
    skew = stage.one_of((30, 30, -30)) * 3_600_000
    stage.turn_clock(skew)
    # To a clock that is ahead the job looks old, so every five minutes is often enough.
    yield 450.0
    stage.came(job, home.channel)
    stage.turn_clock(0)
    yield 500.0
    stage.turn_clock(skew)
    asked = stage.job(home, 40)
    home.status(asked)
    yield 400.0
    stage.came(asked, home.channel)
    stage.turn_clock(0)
    yield 100.0


def set_back(stage: Stage) -> Story:
    """A clock that was an hour ahead is corrected while results wait for another attempt."""
    home = yield from stage.settle()
    stage.turn_clock(3_600_000)
    job = stage.job(home, 40)
    home.status(job)
    yield 30.0
    end = stage.lose(home.channel, back=False)
    yield 60.0 + stage.parts.interval
    stage.turn_clock(0)
    yield 30.0
    end()
    yield 900.0
    stage.came(job, home.channel)


def put_off_by_a_clock(stage: Stage) -> Story:
    """The machine's clock is two days ahead during a rate limit, and perhaps a missing permission, and right again at
    the next start. Nothing waits two days longer."""
    home = yield from stage.settle()
    limited, closed = home.guild.channels
    jobs = (stage.job(home, 40, v2=False), stage.job(home, 300, "failed", v2=False))
    for job, channel in zip(jobs, (limited, closed), strict=True):
        home.status(job, 1, channel)
    yield 20.0
    slow = Trip(refused=Reply(429, {"message": "slow", "retry_after": 40.0, "global": False}, {"Retry-After": "40"}))
    path = f"/channels/{limited.id}/messages"
    end = stage.on_discord(lambda request: slow if request.method == "POST" and request.path.endswith(path) else None)
    is_closed = stage.coin()
    if is_closed:
        stage.parts.discord.permit(closed, {"send_messages"})
    yield 30.0 + stage.parts.interval
    stage.turn_clock(48 * 3_600_000)
    since = stage.now
    yield 3600.0
    # To this clock each new link is dead at once.
    stage.expect(
        stage.requests_for(jobs[0], since) <= 13, f"asked {stage.requests_for(jobs[0], since)} times for fresh links"
    )
    stage.stop(10.0)
    yield 5.0
    stage.turn_clock(0)
    end()
    yield 200.0
    stage.came(jobs[0], limited)
    if not is_closed:
        yield 300.0
        stage.came(jobs[1], closed)
        return
    yield from stage.sleep(70 * 3600.0)
    answer = home.admin("deliveries")
    yield 6.0
    stage.says(answer, never="Not posted")
    yield 3 * 3600.0
    answer = home.admin("deliveries")
    yield 6.0
    stage.says(answer, "Not posted")
    stage.void(home)
