"""How jobs end, or seem to: not found, expired, given up, contradictory, late."""

from __future__ import annotations

from typing import Any

from tests.simulation import sample_texts, serving
from tests.simulation.discord_world import buttons_of, text_of
from tests.simulation.pixverse_world import Job
from tests.simulation.scene import Scene, SceneServer, Story
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


def never_seen(scene: Scene) -> Story:
    """The API doesn't know an id. The bot says so at once and watches nothing; the id can be tried again."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    ids = (
        f"job:1764547200000{scene.random.randrange(10**5):05d}-user:{account.number}-channel:99{account.number}-bot:pixverse",
        f"user:{account.number}-pixverse:{account.email}-video:{10**13 + scene.random.randrange(10**6)}",
    )
    for jobid in ids:
        answer = server.command("pixverse status", jobid=jobid)
        yield 5.0
        scene.says(answer, "can't find this job")
        for wait in (1.0, 1.0, 1.0, 6.0):
            server.look(jobid)
            yield wait
        answer = server.command("pixverse list")
        yield 5.0
        scene.says(answer, "Nothing is being watched")
    asked = sum(1 for _, _, what in scene.parts.pixverse.requests if what in ids)
    scene.expect(asked <= 9, f"two ids that are not there were asked about {asked} times")
    yield 300.0
    after = sum(1 for _, _, what in scene.parts.pixverse.requests if what in ids)
    scene.expect(after == asked, "an id that is not there is asked about on and on")


def not_found_once(scene: Scene) -> Story:
    """The API loses a job for one response, or for two that are close together."""
    server = yield from scene.settle()
    job = scene.job(server, 400, v2=False)
    server.status(job)
    yield 60.0
    end, begun = scene.about(job, _not_found(job.jobid), 1), scene.now
    yield scene.parts.interval * 2.2
    end()
    yield scene.parts.interval * 1.5 + 5
    scene.missing(job, server.channel)
    times = scene.requests_for(job, begun)
    scene.expect(times >= 2, f"{job.prompt} is left alone after one answer that it is not there")
    end = scene.about(job, _not_found(job.jobid))
    yield 21.0 if scene.parts.interval == 20 else 15.0
    card = scene.card(job, server.channel)
    server.press(card, "Check now")
    yield 8.0
    end()
    yield 60.0
    scene.missing(job, server.channel)
    yield 400.0
    scene.came(job, server.channel)


def not_found_before(scene: Scene) -> Story:
    """The API once didn't find a job, long before it stopped being watched. Requested again, it is not found once more.
    This doesn't count as twice."""
    server = yield from scene.settle()
    job = scene.job(server, 1500, v2=False)
    server.status(job)
    yield 40.0
    yield from _not_found_for_once(scene, job)
    server.command("pixverse unwatch", jobid=job.jobid)
    yield 400.0
    end = scene.about(job, Reply(503, {"error": "no", "code": 503}), 1)
    answer = server.status(job)
    yield 8.0
    end()
    scene.says(answer, "watching")
    yield from _not_found_for_once(scene, job)
    yield 1200.0
    scene.came(job, server.channel, "completed")


def _not_found_for_once(scene: Scene, job: Job) -> Story:
    gone = Trip(refused=_not_found(job.jobid))
    times, end = scene.counted(lambda request: gone if scene.subject(request) == job.jobid and not times else None)
    yield from scene.until(lambda: bool(times))
    yield 1.0
    end()


def taken_up_again(scene: Scene) -> Story:
    """Discord accepts nothing in a channel when its jobs are given up. Before that is posted, somebody asks for one of
    them again. Whoever waits again gets only the new end; the others are still told that theirs was given up."""
    server = yield from scene.settle()
    here, there = server.guild.channels
    ended, runs, others = (scene.job(server, 60 * 3600.0, v2=False) for _ in range(3))
    for person, job in enumerate((ended, runs, others), 1):
        server.status(job, person, here)
    server.status(others, 4, there)
    yield 60.0
    busy = Trip(refused=Reply(429, {"message": "slow", "retry_after": 300.0, "global": False}, {"Retry-After": "300"}))
    path = f"/channels/{here.id}/messages"
    closed = scene.on_discord(
        lambda request: busy if request.method == "POST" and request.path.endswith(path) else None
    )
    yield from scene.sleep(47.5 * 3600.0)
    yield 1690.0
    scene.came(others, there, r"given up · #\d+", files=0)
    scene.finish(ended)
    yield 60.0
    server.status(ended, 1, here)
    server.status(runs, 2, here)
    scene.expect_another_result(others, there)
    server.status(others, 4, there)
    yield 20.0
    closed()
    yield 400.0
    scene.came(ended, here, r"completed · #\d+")
    scene.missing(runs, here)
    scene.came(others, here, r"given up · #\d+", files=0)
    scene.card_says(others, there, "Taking longer")
    for job in (runs, others):
        scene.finish(job)
    yield 400.0
    scene.came(runs, here, r"completed · #\d+")
    scene.came(others, there, r"completed · #\d+", times=2)


def a_page_instead(scene: Scene) -> Story:
    """A proxy's pages have status 404 for some minutes. No job is taken for gone."""
    server = yield from scene.settle()
    jobs = [scene.job(server, 600), scene.job(server, 600)]
    for job in jobs:
        server.status(job)
    yield 30.0
    assert server.account is not None
    for page in _PAGES:
        end = scene.with_token(server.account, page)
        yield 70.0
        end()
    for job in jobs:
        scene.missing(job, server.channel)
    yield 500.0
    for job in jobs:
        scene.came(job, server.channel)


def gone(scene: Scene) -> Story:
    """A job that existed isn't found for a long time. That is posted once, with what is known. The end is final."""
    server = yield from scene.settle()
    job = scene.job(server, 2500, v2=False)
    server.status(job)
    yield 60.0
    expired = scene.one_of((None, {"error": "Job has expired", "code": 410}, {"error": "expired"}))
    end = scene.about(job, _not_found(job.jobid) if expired is None else Reply(410, expired))
    job.vanishes_after = 0.0
    word = "not found" if expired is None else "expired"
    yield 100.0 + 2.2 * scene.parts.interval
    scene.came(job, server.channel, rf"{word} · #\d+", files=0)
    end()
    job.vanishes_after = 31 * 86400.0
    yield 2500.0
    scene.came(job, server.channel, files=0)


def one_server_only(scene: Scene) -> Story:
    """Two servers wait for a job with the same token. One of them changes to an account that doesn't have the job, and
    asks for it again."""
    account = scene.account()
    server = yield from scene.settle(account)
    job = scene.job(account, 1500)
    server.status(job)
    yield 60.0
    other = yield from scene.settle(account)
    other.status(job)
    yield 30.0
    second = scene.account()
    other.account = scene.parts.people.uses[other.guild.id] = second
    other.enter_token(second.token)
    yield 20.0
    other.status(job, 2)
    yield 1700.0
    scene.came(job, server.channel)
    scene.missing(job, other.channel)


def never_ends(scene: Scene) -> Story:
    """A job that runs for more than two days is given up. The message says how to go on."""
    server = yield from scene.settle()
    job = scene.job(server, 60 * 3600.0)
    server.status(job)
    yield 1000.0
    scene.card_says(job, server.channel, "Taking longer|[Ii]n progress|Watching")
    since = scene.now
    yield 6 * 3600.0
    times = scene.requests_for(job, since)
    # Lists may still name a v2 job as active.
    scene.expect(times <= 6 * 12 + 50, f"asked {times} times in six hours")
    scene.expect(times >= 6 * 10 or job.is_v2, f"asked {times} times in six hours")
    yield from scene.sleep(38 * 3600.0)
    yield 2 * 3600.0
    scene.missing(job, server.channel)
    yield 3 * 3600.0
    scene.came(job, server.channel, r"given up · #\d+", "stopped watching", files=0)
    since = scene.now
    yield 2 * 3600.0
    scene.expect(scene.requests_for(job, since) == 0, f"{job.prompt} was given up, and is asked about")
    yield from scene.sleep(12 * 3600.0)


def contrary(scene: Scene) -> Story:
    """After a job's end, the API says that it runs, that it failed, or that its files are gone."""
    server = yield from scene.settle()
    job = scene.job(server, 60, v2=False, files=2)
    server.status(job)
    yield 80.0 + scene.parts.interval
    scene.came(job, server.channel)
    yield from _failed_in_between(scene, server)
    record: dict[str, Any] = {
        **scene.parts.pixverse.record(job),
        "status": scene.one_of(("completed", "progress", "failed")),
    }
    if record["status"] == "completed":
        record["attachments"] = record["attachments"][:1]
    else:
        record.pop("attachments")
    end = scene.about(job, Reply(200, record))
    server.look(job.jobid)
    yield 10.0
    other = server.guild.channels[1]
    server.command("pixverse status", 2, other, jobid=job.jobid, jobs=[job])
    yield 120.0
    times = 1
    if record["status"] == "completed":
        scene.came(job, other)
        answer = server.status(job, 2)
        yield 8.0
        scene.parts.ledger.promises[(job.jobid, server.channel.id)].extra += 1
        server.press_in_reply(answer, "ost it again")
        times += 1
        yield 30.0
    end()
    yield 400.0
    scene.came(job, server.channel, times=times)


def _failed_in_between(scene: Scene, server: SceneServer) -> Story:
    """A member asks for two jobs. The API says that one has failed, and takes long for the other. Before the reply
    comes, the first one turns out to be complete."""
    yield from server.learn_callback()
    first, slow = scene.job(server, 600, v2=False), scene.job(server, 900, v2=False)
    server.status(first)
    yield 20.0
    yield from scene.just_requested(first)
    yield 6.0
    wrong = {**scene.parts.pixverse.record(first), "status": "failed"}
    end = scene.about(first, Reply(200, wrong), times=1)
    slowly = scene.on_api(lambda request: Trip(there=3.5) if scene.subject(request) == slow.jobid else None)
    other = server.guild.channels[1]
    server.watch([first, slow], 2, other)
    yield 0.8
    first.line = (*first.line[:-1], (scene.now - first.created, "completed", None))
    server.call_back(scene.parts.pixverse.record(first))
    yield 30.0
    end()
    slowly()
    scene.came(first, server.channel, "completed")
    scene.came(first, other, "completed")
    scene.parts.ledger.void("enough", channel=other, job=slow)
    server.command("pixverse unwatch", 2, other, jobid=slow.jobid)
    yield 6.0


def offline(scene: Scene) -> Story:
    """The bot is offline for a quarter of an hour when a job ends. The result is called late, and says that the bot was
    offline."""
    server = yield from scene.settle()
    job = scene.job(server, 200 if scene.coin() else 5000)
    server.status(job)
    yield 150.0 if job.ends_at - job.created < 300 else 4900.0
    scene.stop(1500.0)
    yield 2400.0
    scene.came(job, server.channel, "Late:", "offline")
    # The API doesn't say when a v2 job ended; the new process knows when it was last active.
    short = scene.job(server, 1000, v2=True)
    server.status(short)
    yield 880.0
    scene.stop(200.0)
    yield 420.0
    scene.came(short, server.channel, never="Late:")
    own = scene.job(server, 5400)
    server.status(own)
    yield 5400.0 + 2 * 320.0
    scene.came(own, server.channel, never="Late:")


def asked_after(scene: Scene) -> Story:
    """A result isn't called late for somebody who asks long after the job's end. Somebody who asks while it runs is not
    taken for one of them."""
    server = yield from scene.settle()
    # The host refuses the file once. That proves nothing yet: the next request gets it.
    job = scene.job(server, 60, serving=serving.REFUSED_ONCE)
    yield 3000.0
    server.status(job)
    yield 4.0
    scene.came(job, server.channel, never="Late:")
    running = scene.job(server, 1500)
    server.status(running)
    yield 500.0
    server.command("pixverse status", 2, server.guild.channels[1], jobid=running.jobid, jobs=[running])
    yield 60.0
    scene.stop(2000.0)
    yield 2100.0
    scene.came(running, server.channel, "Late:")
    scene.came(running, server.guild.channels[1], "Late:")


def old_links(scene: Scene) -> Story:
    """A result waits for longer than its links are valid, and somebody asks for an old job."""
    server = yield from scene.settle()
    job = scene.job(server, 60, v2=False, files=2)
    server.status(job)
    yield 30.0
    scene.parts.discord.permit(server.channel, {"send_messages"})
    yield 600.0
    yield from scene.sleep(30 * 3600.0)
    scene.parts.discord.permit(server.channel, set())
    yield 60.0
    scene.came(job, server.channel, "Late:")
    yield from scene.sleep(40 * 3600.0)
    other = server.guild.channels[1]
    server.command("pixverse status", 2, other, jobid=job.jobid, jobs=[job])
    yield 60.0
    scene.came(job, other)


def clock_ahead(scene: Scene) -> Story:
    """The machine's clock is 30 hours ahead, or behind, while jobs run and end."""
    server = yield from scene.settle()
    job = scene.job(server, 100, v2=False)
    server.status(job)
    yield 30.0
    skew = scene.one_of((30, 30, -30)) * 3_600_000
    scene.turn_clock(skew)
    # To a clock that is ahead the job looks old, so every five minutes is often enough.
    yield 450.0
    scene.came(job, server.channel)
    scene.turn_clock(0)
    yield 500.0
    scene.turn_clock(skew)
    asked = scene.job(server, 40)
    server.status(asked)
    yield 400.0
    scene.came(asked, server.channel)
    scene.turn_clock(0)
    yield 100.0


def set_back(scene: Scene) -> Story:
    """A clock that was an hour ahead is corrected while results wait for another attempt."""
    server = yield from scene.settle()
    scene.turn_clock(3_600_000)
    job = scene.job(server, 40)
    server.status(job)
    yield 30.0
    end = scene.lose(server.channel, back=False)
    yield 60.0 + scene.parts.interval
    scene.turn_clock(0)
    yield 30.0
    end()
    yield 900.0
    scene.came(job, server.channel)


def put_off_by_a_clock(scene: Scene) -> Story:
    """The machine's clock is two days ahead during a rate limit, and perhaps a missing permission, and right again at
    the next start. Nothing waits two days longer."""
    server = yield from scene.settle()
    limited, closed = server.guild.channels
    jobs = (scene.job(server, 40, v2=False), scene.job(server, 300, "failed", v2=False))
    for job, channel in zip(jobs, (limited, closed), strict=True):
        server.status(job, 1, channel)
    yield 20.0
    slow = Trip(refused=Reply(429, {"message": "slow", "retry_after": 40.0, "global": False}, {"Retry-After": "40"}))
    path = f"/channels/{limited.id}/messages"
    end = scene.on_discord(lambda request: slow if request.method == "POST" and request.path.endswith(path) else None)
    is_closed = scene.coin()
    if is_closed:
        scene.parts.discord.permit(closed, {"send_messages"})
    yield 30.0 + scene.parts.interval
    scene.turn_clock(48 * 3_600_000)
    since = scene.now
    yield 3600.0
    # To this clock each new link is dead at once.
    scene.expect(
        scene.requests_for(jobs[0], since) <= 13, f"asked {scene.requests_for(jobs[0], since)} times for fresh links"
    )
    scene.stop(10.0)
    yield 5.0
    scene.turn_clock(0)
    end()
    yield 200.0
    scene.came(jobs[0], limited)
    if not is_closed:
        yield 300.0
        scene.came(jobs[1], closed)
        return
    yield from scene.sleep(70 * 3600.0)
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, never="Not posted")
    yield 3 * 3600.0
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, "Not posted")
    scene.void(server)


def expired(scene: Scene) -> Story:
    """The API has deleted the records of two jobs, one of which is watched. Whoever asks is told so, nothing is
    watched, and the watched one ends at the first such response."""
    server = yield from scene.settle()
    here, there = server.guild.channels
    watched, other = (scene.job(server, 3000, v2=False) for _ in range(2))
    server.status(watched, 1, here)
    yield from scene.just_requested(watched)
    yield 6.0
    for job in (watched, other):
        job.vanishes_after = 0.0
    first = scene.one_of(("poll", "look", "press", "watch"))
    noticed = None
    if first == "look":
        noticed = server.look(watched.jobid, 1)
    elif first == "press":
        noticed = server.press(scene.card(watched, here), "Check now", 3)
    elif first == "watch":
        noticed = server.watch([watched], 3, there)
    answer = server.status(other, 2, here)
    yield 8.0
    scene.says(answer, "(?i)expired|deleted")
    if noticed is not None and first != "watch":
        scene.says(noticed, "(?i)expired|deleted")
    answer = server.look(other.jobid, 2)
    yield 6.0
    scene.says(answer, "(?i)expired|deleted")
    answer = server.watch([other], 2, here)
    yield 8.0
    scene.says(answer, "(?i)expired|deleted", never=r"\*\*Watching")
    yield 2.0 * scene.parts.interval + 10.0
    scene.came(watched, here, r"expired · #\d+", files=0)
    if first == "watch":
        scene.came(watched, there, r"expired · #\d+", files=0)
    else:
        scene.missing(watched, there)
    since = scene.now
    yield 300.0
    asked = [scene.requests_for(job, since) for job in (watched, other)]
    scene.expect(asked == [0, 0], f"jobs whose records are deleted are requested {asked} times")


def in_unknown_words(scene: Scene) -> Story:
    """The API uses statuses that nobody knows, as its next version may. The card shows them, nothing ends, and the end
    is noticed by its number or its word alone."""
    server = yield from scene.settle()
    here, there = server.guild.channels
    first, second = scene.job(server, 3000, v2=False), scene.job(server, 3000, v2=True)
    server.status(first, 1, here)
    server.status(second, 1, there)
    yield 20.0
    strange_v1 = {**scene.parts.pixverse.record(first), "status": "warming_up"}
    strange_v2 = {**scene.parts.pixverse.record(second), "video_status": 77, "video_status_name": "REFINING",
                  "video_status_final": True}  # fmt: skip
    ends = [scene.about(first, Reply(200, strange_v1)), scene.about(second, Reply(200, strange_v2))]
    yield 60.0 + 2.0 * scene.parts.interval
    scene.card_says(first, here, r'PixVerse says "warming\\?_up"')
    scene.card_says(second, there, 'PixVerse says "REFINING"')
    looks = [server.press(scene.card(first, here), "Check now", 2), server.look(second.jobid, 3)]
    yield 8.0
    scene.says(looks[0], r"warming\\?_up")
    yield 1000.0
    for job, channel in ((first, here), (second, there)):
        scene.missing(job, channel)
        scene.card_says(job, channel, "PixVerse says|Taking longer")
    for end in ends:
        end()
    for job in (first, second):
        scene.finish(job)
    done_v1 = {**scene.parts.pixverse.record(first), "status": " Completed "}
    done_v2 = {**scene.parts.pixverse.record(second), "video_status": "1"}
    del done_v2["video_status_name"], done_v2["video_status_final"]
    scene.about(first, Reply(200, done_v1))
    scene.about(second, Reply(200, done_v2))
    yield 400.0 + 4.0 * scene.parts.interval
    scene.came(first, here, r"completed · #\d+")
    scene.came(second, there, r"completed · #\d+")


def a_month_later(scene: Scene) -> Story:
    """A month after a job's end the bot has deleted what it knew. The buttons under the old messages say so, its number
    names nothing, and asking again brings only the API's word that the record is gone."""
    server = yield from scene.settle()
    job = scene.job(server, 60, v2=False)
    server.status(job)
    yield 90.0 + scene.parts.interval
    scene.came(job, server.channel)
    card, outcome = scene.card(job, server.channel), scene.outcomes(job, server.channel)[-1].message
    number = sample_texts.number_in(text_of(outcome))
    yield from scene.sleep(32 * 86400.0)
    yield 2 * 3600.0
    answers = [server.press(outcome, "Details", 2), server.look(f"#{number}", 1)]
    yield 6.0
    scene.says(answers[0], "no longer does anything", never="boat")
    scene.says(answers[1], "know that number here", never="boat")
    scene.expect(not buttons_of(card), f"a card that has ended has buttons: {buttons_of(card)}")
    listed = server.admin("deliveries")
    offered = server.typing("boat", 1)
    yield 6.0
    scene.says(listed, never="boat")
    scene.expect(not scene.choices(offered), f"a deleted job is offered: {scene.choices(offered)}")
    answer = server.status(job, 1)
    yield 8.0
    scene.says(answer, "(?i)expired|deleted", never="I'll post")
    yield 100.0
    scene.came(job, server.channel)


def in_time_by_a_wrong_clock(scene: Scene) -> Story:
    """The machine's clock is set an hour ahead or back while a job runs, or was so before. Its result comes at once,
    and isn't called late."""
    server = yield from scene.settle()
    skew, when = scene.one_of((3_600_000, -3_600_000)), scene.one_of(("before", "meanwhile"))
    if when == "before":
        scene.turn_clock(skew)
        yield 60.0
    job = scene.job(server, 120, v2=False)
    server.status(job)
    yield 60.0
    if when == "meanwhile":
        scene.turn_clock(skew)
    yield 90.0 + 2.0 * scene.parts.interval
    scene.came(job, server.channel, never="Late:")
    late = scene.job(server, 60, v2=False)
    server.status(late)
    yield 20.0
    end = scene.about(late, Reply(502, {"error": "no"}))
    yield 1000.0
    end()
    yield 300.0 + 4.0 * scene.parts.interval
    # A clock that was set back makes the process look younger than it is.
    scene.came(late, server.channel, "Late: .*PixVerse's API was down" if skew > 0 else "Late:")
