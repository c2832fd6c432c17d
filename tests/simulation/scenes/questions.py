"""What the bot requests from the API, and when: callbacks, follows, lists, limits, and their pace."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.pixverse_world import Job
from tests.simulation.scene import Scene, SceneServer, Story
from tests.simulation.wire import Reply, Request, Trip

_LIST_V2, _LIST_V1 = "/v2/pixverse/scheduler/", "/v1/pixverse/jobs"
_YOUNG = 300.0
_MANY = 10
"""As many as a server may wait for here, and more than can each be requested at every interval."""


def _follow(scene: Scene, server: SceneServer, *, progress: bool) -> Story:
    """The admin follows the account in the server's first channel."""
    scene.parts.ledger.servers[server.guild.id].follows.add(server.channel.id)
    question = server.choose("follow", server.channel, progress=progress)
    yield 6.0
    scene.says(question, "Post every job of account")
    answer = server.press_in_reply(question, "Follow the account")
    yield 6.0
    scene.says(answer, "Following")


def paced(scene: Scene) -> Story:
    """A young job is requested once per interval, and then less and less often, for hours."""
    server = yield from scene.settle()
    interval = scene.parts.interval
    job = scene.job(server, 9000, v2=False)
    server.status(job)
    yield 290.0
    young = scene.gaps(job, scene.now - 280.0)
    scene.expect(min(young) >= interval * 0.95, f"asked again after {min(young):.1f} s")
    scene.expect(max(young) <= interval * 1.2 + 2, f"left alone for {max(young):.1f} s while it is young")
    yield 4000.0
    since = scene.now
    yield 4000.0
    old = scene.gaps(job, since)
    scene.expect(max(old) <= 330.0, f"left alone for {max(old):.0f} s")
    scene.expect(min(old) >= 200.0, f"an old job is asked about after {min(old):.0f} s")
    yield 1200.0
    scene.came(job, server.channel)


def kept_up(scene: Scene) -> Story:
    """Cards of young jobs keep up with the API, no matter what else names the jobs."""
    server = yield from scene.settle()
    assert server.account is not None
    followed = scene.coin()
    if followed:
        yield from _follow(scene, server, progress=False)
    if scene.coin():
        for _ in range(12):
            scene.job(server, 3000)
    grouped = scene.coin()
    jobs = [scene.job(server, 240, v2=False, steps=6) for _ in range(3)]
    if grouped:
        server.watch(jobs)
    else:
        for job in jobs:
            server.status(job)
    yield 225.0
    for job in jobs:
        gap = max(scene.gaps(job, job.created + 30.0), default=999.0)
        scene.expect(gap < 2.3 * scene.parts.interval + 4, f"asked about after {gap:.0f} s")
    yield 100.0 + 2 * scene.parts.interval
    for job in jobs:
        scene.came(job, server.channel)
    if followed:
        answer = server.choose("unfollow", server.channel)
        yield 5.0
        scene.says(answer, "No longer following")
        scene.void(server)
        yield 3000.0


def called_back(scene: Scene) -> Story:
    """A callback reports the end a moment before the record does. The job is requested at once, and once more."""
    server = yield from scene.settle()
    yield from server.learn_callback()
    job = scene.job(server, 130, v2=False)
    server.status(job)
    yield 130.0 - 5.0
    early = scene.one_of((0.4, 0.4, 2.5))
    yield 4.0 - early
    if scene.coin():
        # Somebody has just looked: that response is older than what the callback reports.
        server.look(job.jobid, 3)
    yield 1.0
    server.call_back({**scene.parts.pixverse.record(job), "status": "completed"})
    yield early + 9.0
    if scene.parts.interval >= 20 and early < 1:
        scene.came(job, server.channel)
    yield 60.0 + scene.parts.interval
    scene.came(job, server.channel)


def called_often(scene: Scene) -> Story:
    """Callbacks report an end again and again, or progress. They cause at most three requests per interval."""
    server = yield from scene.settle()
    yield from server.learn_callback()
    job = scene.job(server, 400, v2=False)
    server.status(job)
    yield 20.0
    since, claims = scene.now, scene.coin()
    record = scene.parts.pixverse.record(job)
    for _ in range(60):
        server.call_back({**record, "status": "completed" if claims else "progress"})
        yield 2.0
    intervals = 120.0 / scene.parts.interval + 1
    asked = scene.requests_for(job, since)
    most = intervals * (4.2 if claims else 1.2) + 3
    scene.expect(asked <= most, f"{asked} requests in two minutes of callbacks, at most {most:.0f} are right")
    yield 400.0
    scene.came(job, server.channel)


def called_back_in_vain(scene: Scene) -> Story:
    """A callback reports an end, and the API fails each request that follows it. These failures count as one."""
    server = yield from scene.settle()
    yield from server.learn_callback()
    job = scene.job(server, 900, v2=False)
    server.status(job)
    yield 20.0
    yield from scene.just_requested(job)
    yield 1.0
    failed = Trip(refused=Reply(503, {"error": "no", "code": 503}))
    vain, end = scene.counted(lambda request: failed if scene.subject(request) == job.jobid and len(vain) < 3 else None)
    server.call_back({**scene.parts.pixverse.record(job), "status": "completed"})
    yield from scene.until(lambda: len(vain) == 3)
    since = scene.now
    yield from scene.just_requested(job)
    waited = scene.now - since
    scene.expect(waited <= 1.5 * scene.parts.interval + 1.0, f"{waited:.0f} s without a request after three in vain")
    end()
    yield 900.0
    scene.came(job, server.channel)


def called_back_while_slow(scene: Scene) -> Story:
    """A callback reports an end that the record doesn't show for minutes, and each response is slow. Three requests
    follow, and then the usual pace."""
    server = yield from scene.settle()
    yield from server.learn_callback()
    job = scene.job(server, 900, v2=False)
    server.status(job)
    yield 20.0
    interval, since = scene.parts.interval, scene.now
    slow = min(0.4 * interval, 12.0)
    end = scene.on_api(lambda request: Trip(back=slow) if scene.subject(request) == job.jobid else None)
    server.call_back({**scene.parts.pixverse.record(job), "status": "completed"})
    yield 8.0 * interval
    asked = scene.requests_for(job, since)
    scene.expect(asked <= 12, f"{asked} requests in eight intervals after a callback, at most twelve are right")
    end()
    yield 900.0
    scene.came(job, server.channel)


def strange_calls(scene: Scene) -> Story:
    """Callbacks to a replaced address, for another server's job or for unwatched jobs, and many of them at once."""
    server = yield from scene.settle()
    other = yield from scene.settle()
    yield from server.learn_callback()
    yield from other.learn_callback()
    old = server.callback
    answer = server.admin("callback")
    yield 5.0
    question = server.press_in_reply(answer, "address")
    yield 5.0
    answer = server.press_in_reply(question, "address") if "Make a new address" in question.text else question
    yield 5.0
    scene.says(answer, "Replaced")
    job, theirs = scene.job(server, 200, v2=False), scene.job(other, 500, v2=False)
    server.status(job)
    other.status(theirs)
    yield 65.0
    interval = float(scene.parts.interval)
    for path, record in (
        (old, scene.parts.pixverse.record(job)),
        (server.callback, scene.parts.pixverse.record(theirs)),
    ):
        about = job if path == old else theirs
        yield from scene.just_requested(about)
        since = scene.now
        scene.parts.machine.post_callback(path, scene.json({**record, "status": "completed"}))
        yield interval * 0.5
        scene.expect(scene.requests_for(about, since) == 0, "a callback that is not theirs makes the bot ask")
    account = server.account
    assert account is not None
    own = scene.job(server, 600, v2=False)
    since = scene.now
    for number in range(200):
        jobid = f"job:1764547200000{number:05d}-user:{account.number}-channel:99{account.number}-bot:pixverse"
        server.call_back({**scene.parts.pixverse.record(own), "jobid": jobid, "status": "completed"})
        yield 0.05
    server.call_back({**scene.parts.pixverse.record(own), "status": "completed"})
    yield 30.0
    made_up = sum(
        1 for at, used, what in scene.parts.pixverse.requests if at > since and what.startswith("job:1764547200000")
    )
    scene.expect(made_up <= 20, f"made-up ids make {made_up} requests")
    yield 600.0
    scene.came(job, server.channel)
    scene.came(theirs, other.channel)
    for channel in server.guild.channels:
        scene.missing(own, channel)


def called_for_strangers(scene: Scene) -> Story:
    """Callbacks of a followed account about unknown jobs: real jobs are watched, and made-up ones cost little."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    yield from server.learn_callback()
    yield from _follow(scene, server, progress=False)
    yield 60.0
    since = scene.now
    own = scene.job(account, 200, v2=False)
    server.call_back(scene.parts.pixverse.record(own))
    for number in range(150):
        jobid = f"job:1764547200000{number:05d}-user:{account.number}-channel:99{account.number}-bot:pixverse"
        server.call_back({**scene.parts.pixverse.record(own), "jobid": jobid, "status": "completed"})
        yield 0.1
    made_up = sum(
        1 for at, _, what in scene.parts.pixverse.requests if at > since and what.startswith("job:1764547200000")
    )
    scene.expect(made_up <= 20, f"made-up ids make {made_up} requests")
    yield 250.0 + scene.parts.interval
    scene.came(own, server.channel)
    server.choose("unfollow", server.channel)
    yield 30.0


def flooded(scene: Scene) -> Story:
    """One server's callbacks don't delay another's."""
    server = yield from scene.settle()
    other = yield from scene.settle()
    yield from server.learn_callback()
    yield from other.learn_callback()
    noise = [scene.job(server, 3000, v2=False) for _ in range(5)]
    for job in noise:
        server.status(job)
    mine = scene.job(other, 100, v2=False)
    other.status(mine)
    yield 99.0
    record = scene.parts.pixverse.record(noise[0])
    for number in range(600):
        server.call_back({**record, "jobid": noise[number % 5].jobid, "status": "completed", "content": str(number)})
        yield 0.002
    other.call_back(scene.parts.pixverse.record(mine))
    yield 6.0
    scene.came(mine, other.channel)
    scene.void(server)
    for job in noise:
        server.command("pixverse unwatch", jobid=job.jobid)
        yield 3.0


def followed(scene: Scene) -> Story:
    """An account is followed. Its new jobs are watched without anybody naming them, and older ones aren't. A moderator
    may stop one."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    before = scene.job(account, 30, v2=False)
    scene.parts.pixverse.lagging = lambda job: job is before and not scene.parts.pixverse.is_active(job)
    yield 600.0
    progress = scene.coin()
    yield from _follow(scene, server, progress=progress)
    jobs = [scene.job(account, total, end) for total, end in ((200, "completed"), (260, "failed"), (900, "completed"))]
    yield 120.0 + scene.parts.interval
    if progress:
        scene.expect(len(scene.card(jobs[0], server.channel)) > 0, "no card")
    answer = server.status(jobs[2], 2)
    yield 6.0
    scene.says(answer, "Already watched here|Watching")
    if scene.coin():
        stopped = server.command("pixverse unwatch", 2, jobid=jobs[2].jobid)
        yield 6.0
        scene.says(stopped, "won't be pinged")
        scene.parts.ledger.askers[(jobs[2].jobid, server.channel.id)].clear()
    else:
        stopped = server.command("pixverse unwatch", 0, jobid=jobs[2].jobid)
        yield 6.0
        scene.says(stopped, "Stopped watching")
        scene.parts.ledger.void("a moderator stopped it", channel=server.channel, job=jobs[2])
        # A new process reads all lists, which still contain it.
        scene.stop(2.0)
    yield 1100.0
    for job in jobs[:2] if scene.parts.ledger.promises[(jobs[2].jobid, server.channel.id)].void else jobs:
        scene.came(job, server.channel)
    scene.missing(before, server.channel)
    if scene.parts.ledger.promises[(jobs[2].jobid, server.channel.id)].void:
        scene.missing(jobs[2], server.channel)
    scene.expect(
        not any(one.pings for job in jobs[:2] for one in scene.outcomes(job, server.channel)), "a follow pings"
    )
    scene.parts.pixverse.lagging = lambda _job: False
    server.choose("unfollow", server.channel)
    yield 30.0
    last, since = scene.job(account, 60), scene.now
    yield 600.0
    scene.missing(last, server.channel)
    scene.expect(scene.requests_of(account, since) == 0, "the account is asked about, though nobody follows it")


def followed_and_asked_elsewhere(scene: Scene) -> Story:
    """A followed account's job ends before any list names it. Somebody asks for it in another channel while it runs, or
    right after its end. It is relayed to the following channel too, though its callback comes only then."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    yield from server.learn_callback()
    yield from _follow(scene, server, progress=False)
    other = server.guild.channels[1]
    yield 60.0
    asks_after = scene.coin()
    listed = [0.0]

    def rule(request: Request) -> None:
        if scene.token(request) == account.token and request.path == _LIST_V1:
            listed[0] = scene.now

    scene.on_api(rule)
    yield from scene.until(lambda: scene.now - listed[0] < 1.0)
    job = scene.job(server, 8.0, "moderated", v2=False)
    yield 9.0 if asks_after else 2.0
    server.status(job, channel=other)
    yield 5.0 if asks_after else 12.0
    server.call_back(scene.parts.pixverse.record(job))
    yield 120.0
    scene.came(job, other)
    scene.came(job, server.channel)
    scene.expect(not any(one.pings for one in scene.outcomes(job, server.channel)), "a follow pings")
    server.choose("unfollow", server.channel)
    yield 30.0


def followed_too_much(scene: Scene) -> Story:
    """A follow watches no more jobs than the server may wait for, and no words that aren't ids."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    yield from _follow(scene, server, progress=False)
    secret = f"user:5-{scene.random.getrandbits(96):024x}"

    others = [f"job:1764547200000{k:05d}-user:{account.number}-channel:99-bot:midjourney" for k in range(3)]

    def rule(request: Request) -> Trip | None:
        if scene.token(request) != account.token or request.path != _LIST_V1:
            return None
        jobs = [job.jobid for job in account.jobs if not job.is_v2 and scene.parts.pixverse.is_active(job)]
        return Trip(refused=Reply(200, ["../../x", "@everyone", 5, None, "x" * 400, *others, secret, *jobs]))

    scene.on_api(rule)
    jobs = [scene.job(account, 1500, v2=False) for _ in range(13)]
    yield 1500.0 + 400.0
    asked = {what for _, _, what in scene.parts.pixverse.requests}
    scene.expect(not asked & set(others), "jobs that are none of PixVerse's are asked about")
    left_out = [job for job in jobs if not scene.outcomes(job, server.channel)]
    there = len(jobs) - len(left_out)
    scene.expect(not any(map(scene.requests_for, left_out)), "jobs for which there is no room are asked about")
    scene.expect(there == 10, f"{there} jobs of a follow, and 10 may be waited for")
    scene.expect(
        secret not in {what for _, _, what in scene.parts.pixverse.requests}, "a token is asked about as a job"
    )
    scene.void(server)
    server.choose("unfollow", server.channel)
    yield 30.0


def lagging_lists(scene: Scene) -> Story:
    """Lists name jobs that have ended, and lack others that run."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    v2 = scene.coin()
    jobs = [scene.job(account, 700 + 18 * k, v2=v2) for k in range(9)]
    wrong = {job.jobid for job in jobs}
    scene.parts.pixverse.lagging = lambda job: job.jobid in wrong and not scene.parts.pixverse.is_active(job)
    for number, job in enumerate(jobs):
        server.status(job, 1 + number % 2)
        yield 4.0
    yield 900.0 + 700.0
    for job in jobs:
        scene.came(job, server.channel)
    # Once the list is known to lag, its entries aren't relied on.
    found_out = min(scene.outcomes(job, server.channel)[0].at for job in jobs)
    for job in jobs:
        waited = scene.outcomes(job, server.channel)[0].at - job.ends_at
        if job.ends_at > found_out:
            scene.expect(waited < 1.55 * scene.parts.interval + 8, f"{job.prompt} came {waited:.0f} s after its end")
    scene.parts.pixverse.lagging = lambda _job: False


def troubled_lists(scene: Scene) -> Story:
    """Lists hang or are refused. Jobs are requested one by one, and lists aren't requested for a while."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    hangs = scene.coin()
    code = scene.one_of((404, 404, 403, 403))
    jobs = [scene.job(account, 1300 + 20 * k, v2=False) for k in range(9)]
    for number, job in enumerate(jobs):
        server.status(job, 1 + number % 2)
        yield 4.0

    begun: list[tuple[float, bool]] = []

    def rule(request: Request) -> Trip | None:
        if scene.token(request) != account.token:
            return None
        is_list = request.path in (_LIST_V1, _LIST_V2)
        begun.append((scene.now, is_list))
        reply = Reply(code, {"error": "There are no lists here", "code": code})
        return None if not is_list else Trip(there=500.0) if hangs else Trip(refused=reply)

    scene.on_api(rule)
    since = scene.now
    yield 1200.0
    lists = [at for at, is_list in begun if is_list]
    scene.expect(0 < len(lists) < 16, f"lists that are refused were asked for {len(lists)} times in 20 minutes")
    for listed_at in lists:
        record = any(listed_at < at < listed_at + 2.5 for at, is_list in begun if not is_list)
        scene.expect(record, "the record of the job for which a list was asked for waits for it")
    for job in jobs:
        gaps = scene.gaps(job, since)
        scene.expect(
            max(gaps, default=999.0) < 330.0, f"{job.prompt} was left alone for {max(gaps, default=999.0):.0f} s"
        )
    yield 1300.0
    for job in jobs:
        scene.came(job, server.channel)


def _lists_asked(scene: Scene, server: SceneServer, since: float) -> list[float]:
    """When a list of the server's account was requested."""
    assert server.account is not None
    return [
        at for at, used, what in scene.parts.pixverse.requests
        if at >= since and what in (_LIST_V1, _LIST_V2) and used in server.account.tokens
    ]  # fmt: skip


def _watched(scene: Scene, server: SceneServer, totals: list[float]) -> Story:
    """Two members ask for v1 jobs that take this long."""
    for number, total in enumerate(totals):
        server.status(scene.job(server, total, v2=False), 1 + number % 2)
        yield 0.4


def _jobs(server: SceneServer) -> list[Job]:
    assert server.account is not None
    return server.account.jobs


def crowded(scene: Scene) -> Story:
    """Ten young jobs are polled through the list. Once few are left, each is requested at every interval, and so are
    the next ones after all have ended."""
    server = yield from scene.settle()
    interval, followed = scene.parts.interval, scene.coin()
    if followed:
        yield from _follow(scene, server, progress=False)
    yield from _watched(scene, server, [20.0 + 1.5 * interval] * 5 + [400.0] * 5)
    yield 6.0
    jobs, since = _jobs(server), scene.now
    yield 1.2 * interval
    asked = sum(scene.requests_for(job, since) for job in jobs)
    scene.expect(asked < 8, f"{asked} requests in an interval about {_MANY} young jobs that a list names")
    yield 20.0 + 1.6 * interval
    yield from _each_at_its_interval(scene, jobs[5:])
    for job in jobs[:5]:
        scene.came(job, server.channel)
    yield 400.0
    yield from _watched(scene, server, [400.0] * 4)
    yield 8.0
    yield from _each_at_its_interval(scene, jobs[_MANY:])
    yield 400.0
    for job in jobs:
        scene.came(job, server.channel)
    if followed:
        server.choose("unfollow", server.channel)
        yield 8.0


def _each_at_its_interval(scene: Scene, jobs: list[Job]) -> Story:
    """Checks for a while that each job is requested at its interval."""
    since, seconds = scene.now, min(4.2 * scene.parts.interval, 110.0)
    yield seconds
    for job in jobs:
        asked = scene.requests_for(job, since)
        right = seconds / scene.parts.interval - 1.2
        scene.expect(asked >= right, f"{job.prompt} was asked about {asked} times in {seconds:.0f} s")
        longest = max(scene.gaps(job, since - 0.6 * scene.parts.interval), default=0.0)
        scene.expect(longest < 1.6 * scene.parts.interval, f"{job.prompt} was left alone for {longest:.0f} s")


def of_no_use(scene: Scene) -> Story:
    """No list is requested if it would save nothing: for two old jobs beside young ones."""
    server = yield from scene.settle()
    yield from _watched(scene, server, [900.0] * 2)
    yield _YOUNG
    yield from _watched(scene, server, [280.0] * 3)
    since = scene.now
    yield 200.0
    lists = _lists_asked(scene, server, since)
    scene.expect(not lists, f"{len(lists)} lists were asked for though they save nothing")
    yield 600.0
    for job in _jobs(server):
        scene.came(job, server.channel)


def told_to_wait(scene: Scene) -> Story:
    """Lists or records are refused with a time to wait. Nothing is requested until then; afterwards records come
    first."""
    server = yield from scene.settle()
    account, records = server.account, scene.coin()
    assert account is not None
    if records:
        # With a follow, the list is requested at each interval.
        yield from _follow(scene, server, progress=False)
    yield from _watched(scene, server, [900.0] * 5)
    yield _YOUNG
    begun: list[tuple[float, bool]] = []
    """When each request was sent, and whether it was refused."""
    slow_down = Trip(refused=Reply(429, {"error": "slow down", "code": 429}, {"Retry-After": "60"}))

    def rule(request: Request) -> Trip | None:
        if scene.token(request) != account.token:
            return None
        is_list = scene.subject(request) in (_LIST_V1, _LIST_V2)
        # A record is refused once, lists always.
        refused = not is_list and not any(no for _, no in begun) if records else is_list
        begun.append((scene.now, refused))
        return slow_down if refused else None

    scene.on_api(rule)
    yield 300.0
    in_flight = slow_down.there + slow_down.back + 0.001
    refusals = [at for at, refused in begun if refused]
    scene.expect(bool(refusals), "nothing was refused")
    for refused_at in refusals:
        early = [at - refused_at for at, _ in begun if in_flight < at - refused_at < 58.0]
        scene.expect(not early, f"asked {early} s after the API had asked to wait for a minute")
    yield 900.0
    for job in _jobs(server):
        scene.came(job, server.channel)
        longest = max(scene.gaps(job, refusals[0]), default=999.0)
        right = records or longest < 60.0 + 2.6 * scene.parts.interval
        scene.expect(right, f"{job.prompt} was left alone for {longest:.0f} s")
    if records:
        server.choose("unfollow", server.channel)
        yield 8.0


def asked_to_wait(scene: Scene) -> Story:
    """The API asks one account to wait, and another goes on. People are told so."""
    server = yield from scene.settle()
    other = yield from scene.settle()
    assert server.account is not None
    jobs = [scene.job(server, 500, v2=False) for _ in range(4)]
    theirs = scene.job(other, 500, v2=False)
    for job in jobs:
        server.status(job)
    other.status(theirs)
    yield 60.0
    reply = Reply(429, {"error": "slow down", "code": 429}, {"Retry-After": "150"})
    account = server.account
    asked_at = [0.0]

    def rule(request: Request) -> Trip | None:
        if scene.token(request) != account.token or asked_at[0]:
            return None
        asked_at[0] = scene.now
        return Trip(refused=reply)

    scene.on_api(rule)
    yield scene.parts.interval * 1.5
    begun = asked_at[0]
    scene.expect(begun > 0, "nobody asks")
    checked = server.press(scene.card(jobs[0], server.channel), "Check now", 2)
    yield 6.0
    scene.says(checked, "asked me to wait", never="isn't answering")
    yield 100.0 - scene.parts.interval * 1.5
    asked = sum(scene.requests_for(job, begun + 3.0) for job in jobs)
    scene.expect(asked == 0, f"{asked} requests though the API had asked to wait")
    gaps = scene.gaps(theirs, begun - 60.0)
    scene.expect(max(gaps) < 2.3 * scene.parts.interval, "another account has to wait too")
    yield 900.0
    for job in jobs:
        scene.came(job, server.channel)


def told_no_time(scene: Scene) -> Story:
    """The API asks an account to wait without a time, or says that its session at PixVerse is broken. The bot waits
    longer each time: with the whole account, or with each of the jobs."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    jobs = [scene.job(server, 700, v2=False) for _ in range(6)]
    for job in jobs:
        server.status(job)
        yield 0.4
    yield 30.0
    status = scene.one_of((429, 596))
    refused = Trip(refused=Reply(status, {"error": "slow down"}))
    times, end = scene.counted(lambda request: refused if scene.token(request) == account.token else None)
    yield 300.0
    scene.expect(
        len(times) <= (3 + 150 / scene.parts.interval) * (len(jobs) if status == 596 else 1),
        f"{len(times)} requests in five minutes about {len(jobs)} jobs of an account that is refused",
    )
    end()
    yield 900.0
    for job in jobs:
        scene.came(job, server.channel)


def longest_wait(scene: Scene) -> Story:
    """Two requests are refused, and the later response has a shorter time to wait. The longer one counts."""
    server = yield from scene.settle()
    jobs = [scene.job(server, 600, v2=False) for _ in range(2)]
    for job in jobs:
        server.status(job)
    yield 25.0
    waits = iter(((3.0, 5), (0.05, 200)))

    def rule(request: Request) -> Trip | None:
        if scene.subject(request) not in (jobs[0].jobid, jobs[1].jobid) or (wait := next(waits, None)) is None:
            return None
        return Trip(there=wait[0], refused=Reply(429, {"error": "wait"}, {"Retry-After": str(wait[1])}))

    yield from scene.just_requested(jobs[1])
    yield 6.0
    scene.on_api(rule)
    server.look(jobs[0].jobid, 2)
    yield 1.0
    server.look(jobs[1].jobid, 3)
    yield 1.0
    since = scene.now
    yield 180.0
    asked = sum(scene.requests_for(job, since) for job in jobs)
    scene.expect(asked == 0, f"{asked} requests though the API had asked to wait for longer")
    yield 600.0
    for job in jobs:
        scene.came(job, server.channel)


def moved_on(scene: Scene) -> Story:
    """A token is renewed, or another account's token is entered for a moment. No job is requested sooner for that."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    yield from _watched(scene, server, [600.0] * 8)
    yield 60.0
    since = scene.now
    yield scene.parts.interval + 2.0
    if scene.coin():
        scene.parts.pixverse.renew(account)
    else:
        second = scene.account()
        scene.parts.people.uses[server.guild.id] = second
        server.enter_token(second.token)
        yield 4.0
        scene.parts.people.uses[server.guild.id] = account
    server.enter_token(account.token)
    yield 4.0 + scene.parts.interval
    for job in _jobs(server):
        for gap in scene.gaps(job, since):
            scene.expect(gap > scene.parts.interval * 0.95, f"{job.prompt} is asked about again after {gap:.1f} s")
        scene.due_again(job, server.channel)
    yield 700.0
    for job in _jobs(server):
        scene.came(job, server.channel)


def stopped_in_flight(scene: Scene) -> Story:
    """Jobs are stopped while requests for them are in flight. They aren't requested again, and others have their
    turn."""
    account = scene.account()
    servers = yield from scene.settle_many(account, 2)
    for server in servers:
        yield from _watched(scene, server, [900.0] * 10)
    yield 20.0
    begun: list[str] = []

    def rule(request: Request) -> Trip | None:
        subject = scene.subject(request)
        if scene.token(request) != account.token or subject in begun:
            return None
        begun.append(subject)
        return Trip(there=14.0)

    scene.on_api(rule)
    scene.stop(5.0)
    yield 5.0
    while len(begun) < 8 and scene.now < account.jobs[0].ends_at:
        yield 0.25
    stopped = [job for job in account.jobs if job.jobid in begun]
    for job in stopped:
        server = next(one for one in servers if (job.jobid, one.channel.id) in scene.parts.ledger.promises)
        scene.parts.ledger.void("stopped", channel=server.channel, job=job)
        server.command("pixverse unwatch", 0, jobid=job.jobid)
        yield 0.3
    yield 15.0
    since = scene.now
    yield 2.0 * scene.parts.interval + 60.0
    for job in account.jobs:
        asked = scene.requests_for(job, since)
        right = asked == 0 if job in stopped else asked > 0
        scene.expect(right, f"{job.prompt} was asked about {asked} times, {'stopped' if job in stopped else 'watched'}")
    yield 1100.0
    for job in account.jobs:
        server = next(one for one in servers if (job.jobid, one.channel.id) in scene.parts.ledger.promises)
        scene.came(job, server.channel, times=0 if job in stopped else 1)


def follow_on_a_locked_disk(scene: Scene) -> Story:
    """A followed account's job begins and ends while the database is locked. Its result is posted all the same."""
    server = yield from scene.settle()
    account, interval = server.account, scene.parts.interval
    assert account is not None
    yield from _follow(scene, server, progress=False)
    yield interval
    scene.disk(locked=True)
    job = scene.job(account, 2.5 * interval, v2=False)
    yield 5.0 * interval
    scene.disk()
    yield 150.0 + 3.0 * interval
    scene.came(job, server.channel)
    server.choose("unfollow", server.channel)
    yield 30.0


def follow_ahead(scene: Scene) -> Story:
    """An account is followed while the machine's clock is an hour ahead. Its jobs are watched all the same, even one
    whose record the API doesn't show before the clock is right."""
    server = yield from scene.settle()
    account, is_unseen = server.account, scene.coin()
    assert account is not None
    scene.turn_clock(3_600_000)
    yield 10.0
    yield from _follow(scene, server, progress=False)
    job = scene.job(account, 150, v2=False)
    end = scene.about(job, Reply(502, {"error": "no"})) if is_unseen else lambda: None
    yield 300.0
    scene.turn_clock(0)
    end()
    # After failures, a job is requested again within five minutes.
    yield 60.0 + 4.0 * scene.parts.interval + (300.0 if is_unseen else 0.0)
    scene.came(job, server.channel)
    server.choose("unfollow", server.channel)
    yield 30.0


def follow_on_a_bad_disk(scene: Scene) -> Story:
    """The disk fails for a moment when a followed account's job was just stored. The job is polled all the same."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    yield from _follow(scene, server, progress=False)
    yield 30.0
    scene.fail_after_commit(2.0)
    job = scene.job(account, 150, v2=False)
    yield 100.0
    scene.disk()
    yield 120.0
    scene.came(job, server.channel)
    server.choose("unfollow", server.channel)
    yield 30.0


def forgotten_by_a_follower(scene: Scene) -> Story:
    """A job came from a follow, and a member asked for it, too. The member has their data deleted. The job's end is
    posted all the same."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    yield from _follow(scene, server, progress=False)
    job = scene.job(account, 600, v2=False)
    end = scene.about(job, Reply(502, {"error": "no"}))
    yield 1.5 * scene.parts.interval
    answer = server.status(job, 1)
    yield 8.0
    scene.says(answer, "atching")
    question = server.command("pixverse forget-me", 1)
    yield 6.0
    server.press_in_reply(question, "Delete my data")
    yield 6.0
    scene.parts.ledger.askers[(job.jobid, server.channel.id)].clear()
    end()
    end = scene.about(job, Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404}))
    job.vanishes_after = 0.0
    yield 400.0
    scene.came(job, server.channel, r"not found · #\d+", files=0)
    end()
    server.choose("unfollow", server.channel)
    yield 30.0


def listed_but_not_found(scene: Scene) -> Story:
    """The API names a followed account's new job in its list, but doesn't find it for some minutes."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    yield from _follow(scene, server, progress=scene.coin())
    job = scene.job(account, 400, v2=False)
    end = scene.about(job, Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404}))
    yield 240.0
    end()
    yield 300.0
    scene.came(job, server.channel)
    server.choose("unfollow", server.channel)
    yield 30.0


def one_in_trouble(scene: Scene) -> Story:
    """Requests for one job keep failing. Other jobs of its account are polled in time."""
    server = yield from scene.settle()
    bad, good = scene.job(server, 400, v2=False), scene.job(server, 400, v2=False)
    server.status(bad)
    server.status(good)
    yield 30.0
    fails = Trip(refused=Reply(scene.one_of((500, 502, 403)), {"error": "no", "code": 500}))
    times, end = scene.counted(lambda request: fails if scene.subject(request) == bad.jobid else None)
    since = scene.now
    yield 240.0
    gaps = scene.gaps(good, since)
    scene.expect(max(gaps) < 2.3 * scene.parts.interval + 2, f"left alone for {max(gaps):.0f} s for another's problem")
    scene.expect(len(times) <= 80 / scene.parts.interval + 3, f"asked {len(times)} times about what fails")
    yield 200.0
    end()
    yield 700.0
    scene.came(bad, server.channel)
    scene.came(good, server.channel)


def shared(scene: Scene) -> Story:
    """Servers with the same token, and people who ask at the same time, share each request."""
    account = scene.account()
    servers = yield from scene.settle_many(account, 3)
    job = scene.job(account, 200, v2=False)
    for server in servers:
        server.status(job, 1)
        server.status(job, 2)
    yield 4.0
    asked = scene.requests_for(job)
    scene.expect(asked <= 3, f"{asked} requests for six people who ask at once")
    begun: list[float] = []

    def rule(request: Request) -> Trip | None:
        if scene.subject(request) != job.jobid:
            return None
        begun.append(scene.now)
        return Trip(there=3.0)

    end = scene.on_api(rule)
    while not begun and scene.now < job.ends_at:
        yield 0.25
    for server in servers:
        server.look(job.jobid, 3)
    yield 2.0
    scene.expect(len(begun) == 1, f"{len(begun)} requests at once about one job")
    end()
    yield 190.0 - (scene.now - job.created)
    asked = scene.requests_for(job)
    most = 200 / scene.parts.interval + 6
    scene.expect(asked <= most, f"{asked} requests for three servers with the same token, at most {most:.0f}")
    yield 60.0 + scene.parts.interval
    for server in servers:
        scene.came(job, server.channel)


def many_at_a_start(scene: Scene) -> Story:
    """A process starts with many jobs, and doesn't request all of them at once."""
    jobs = []
    account = scene.account()
    servers = yield from scene.settle_many(account, 4)
    for server in servers:
        for person in (1, 2):
            made = [scene.job(account, 2500) for _ in range(5)]
            server.watch(made, person)
            jobs += [(job, server) for job in made]
            yield 30.0
    scene.stop(20.0)
    yield 20.0
    since = scene.now
    yield 6.0
    asked = scene.requests_of(account, since)
    scene.expect(asked < 36, f"{asked} requests in the first seconds of a process")
    yield 3100.0
    for job, server in jobs:
        scene.came(job, server.channel)


def followed_meanwhile(scene: Scene) -> Story:
    """A server begins to follow an account while the account's long list is being imported for another server. It gets
    the whole list."""
    account = scene.account()
    first, second = yield from scene.settle_many(account, 2)
    before = [scene.job(account, 1300, v2=False) for _ in range(7)]
    for server in (first, second):
        server.watch(before[:5], 1)
        server.watch(before[5:], 2)
    yield 20.0
    yield from _follow(scene, first, progress=False)
    scene.parts.ledger.servers[second.guild.id].follows.add(second.channel.id)
    question = second.choose("follow", second.channel, progress=False)
    yield 2.0 * scene.parts.interval
    jobs = [scene.job(account, 400, v2=False) for _ in range(3)]
    # So many that they are imported in two steps. The servers have no room for them.
    others = [
        f"job:9999999999999{k:05d}-user:{account.number}-channel:99{account.number}-bot:pixverse" for k in range(120)
    ]
    listed = [False]

    def rule(request: Request) -> Trip | None:
        if scene.token(request) != account.token or request.path != _LIST_V1:
            return None
        if not listed[0]:
            listed[0] = True
            scene.disk(locked=True)
        mine = [job.jobid for job in account.jobs if scene.parts.pixverse.is_active(job)]
        return Trip(refused=Reply(200, [*mine, *others]))

    end = scene.on_api(rule)
    yield from scene.until(lambda: listed[0])
    yield 0.75
    answer = second.press_in_reply(question, "Follow the account")
    yield 1.0
    scene.disk()
    yield 20.0
    scene.says(answer, "Following")
    end()
    answer = second.command("pixverse list")
    yield 20.0
    scene.says(answer, f"Watching {len(before) + len(jobs)} jobs here")
    yield 480.0
    for server in (first, second):
        for job in jobs:
            scene.came(job, server.channel)
        server.choose("unfollow", server.channel)
    yield 900.0
    for server in (first, second):
        for job in before:
            scene.came(job, server.channel)


def on_a_further_page(scene: Scene) -> Story:
    """A v2 job is requested while only the second page of its account's list contains it."""
    # Each of these two accounts has another way of saying that there is another page.
    account = scene.one_of([scene.account(), scene.account()])
    server = yield from scene.settle(account)
    job = scene.job(server, 400, v2=True)
    scene.parts.pixverse.lagging = lambda one: one is job
    for _ in range(130):
        scene.job(server, 30, v2=True)
    yield 60.0
    answer = server.status(job)
    yield 10.0
    scene.parts.pixverse.lagging = lambda _job: False
    scene.says(answer, "Watching", never="can't find")
    yield 400.0 + scene.parts.interval
    scene.came(job, server.channel)


def called_for_while_refused(scene: Scene) -> Story:
    """A callback reports the end of a followed account's job that no list ever names, while the API refuses the token.
    Hours later an admin enters the account's new token, and the job is relayed."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    yield from server.learn_callback()
    yield from _follow(scene, server, progress=scene.coin())
    job = scene.job(account, 100)
    account.listed.remove(job)
    yield 60.0
    scene.parts.pixverse.renew(account)
    yield 50.0
    server.call_back(scene.parts.pixverse.record(job))
    yield 3 * 3600.0
    scene.missing(job, server.channel)
    server.enter_token(account.token)
    yield 60.0 + 3.0 * scene.parts.interval
    scene.came(job, server.channel)
    server.choose("unfollow", server.channel)
    yield 30.0


def called_for_in_trouble(scene: Scene) -> Story:
    """A callback reports the end of a followed account's job that no list ever names, as of one made off-peak, while
    the API fails, asks to wait or doesn't know the job yet, other callbacks use up the account's requests, or the
    database can't be written or read. The job is relayed, and requests for it stay few."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    yield from server.learn_callback()
    yield from _follow(scene, server, progress=scene.coin())
    yield 30.0
    interval = float(scene.parts.interval)
    trouble = scene.one_of(("down", "waits", "unknown", "locked", "silent", "crowded", "unreadable"))
    lasts = {"unknown": 40.0, "locked": 120.0, "unreadable": 60.0, "crowded": 10.0}.get(trouble, 600.0)
    job = scene.job(account, 100)
    account.listed.remove(job)
    requests = scene.tries_for(job)
    yield 98.0 - 1.5 * interval
    ends: dict[str, Callable[[], None]] = {}
    if trouble == "down":
        ends[trouble] = scene.with_token(account, Reply(503, {"error": "no", "code": 503}))
    elif trouble == "silent":
        ends[trouble] = scene.with_token(account, None)
    elif trouble == "waits":
        reply = Reply(429, {"error": "slow down", "code": 429}, {"Retry-After": "90"})
        ends[trouble] = scene.with_token(account, reply)
    yield 1.5 * interval + 2.0
    if trouble == "unknown":
        ends[trouble] = scene.about(job, Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404}), 1)
    elif trouble == "locked":
        scene.disk(locked=True)
    elif trouble == "unreadable":
        scene.disk(fails=lambda sql: "FROM jobs" in sql)
    elif trouble == "crowded":
        for number in range(20):
            jobid = f"job:1764547200000{number:05d}-user:{account.number}-channel:99{account.number}-bot:pixverse"
            server.call_back({"jobid": jobid, "status": "completed"})
    yield 0.5
    server.call_back(scene.parts.pixverse.record(job))
    yield lasts
    most = 3 + lasts / interval
    scene.expect(len(requests) <= most, f"{len(requests)} requests for one callback in {lasts:.0f} s of trouble")
    for end in ends.values():
        end()
    scene.disk()
    yield max(700.0, 12.0 * interval)
    scene.came(job, server.channel)
    requests.clear()
    yield 600.0
    scene.expect(not requests, "a job that was relayed is requested on and on")
    server.choose("unfollow", server.channel)
    yield 30.0
