"""What the bot requests from the API, and when: callbacks, follows, lists, limits, and their pace."""

from __future__ import annotations

from tests.simulation.pixverse_world import Job
from tests.simulation.stage import Home, Stage, Story
from tests.simulation.wire import Reply, Request, Trip

_LIST_V2, _LIST_V1 = "/v2/pixverse/scheduler/", "/v1/pixverse/jobs"
_YOUNG = 300.0
_MANY = 10
"""As many as a server may wait for here, and more than can each be requested at every interval."""


def _follow(stage: Stage, home: Home, *, progress: bool) -> Story:
    """The admin follows the account in the server's first channel."""
    stage.parts.ledger.servers[home.guild.id].follows.add(home.channel.id)
    question = home.choose("follow", home.channel, progress=progress)
    yield 6.0
    stage.says(question, "Post every job of account")
    answer = home.press_in_reply(question, "Follow the account")
    yield 6.0
    stage.says(answer, "Following")


def paced(stage: Stage) -> Story:
    """A young job is requested once per interval, and then less and less often, for hours."""
    home = yield from stage.settle()
    interval = stage.parts.interval
    job = stage.job(home, 9000, v2=False)
    home.status(job)
    yield 290.0
    young = stage.gaps(job, stage.now - 280.0)
    stage.expect(min(young) >= interval * 0.95, f"asked again after {min(young):.1f} s")
    stage.expect(max(young) <= interval * 1.2 + 2, f"left alone for {max(young):.1f} s while it is young")
    yield 4000.0
    since = stage.now
    yield 4000.0
    old = stage.gaps(job, since)
    stage.expect(max(old) <= 330.0, f"left alone for {max(old):.0f} s")
    stage.expect(min(old) >= 200.0, f"an old job is asked about after {min(old):.0f} s")
    yield 1200.0
    stage.came(job, home.channel)


def kept_up(stage: Stage) -> Story:
    """Cards of young jobs keep up with the API, no matter what else names the jobs."""
    home = yield from stage.settle()
    assert home.account is not None
    followed = stage.coin()
    if followed:
        yield from _follow(stage, home, progress=False)
    if stage.coin():
        for _ in range(12):
            stage.job(home, 3000)
    grouped = stage.coin()
    jobs = [stage.job(home, 240, v2=False, steps=6) for _ in range(3)]
    if grouped:
        home.watch(jobs)
    else:
        for job in jobs:
            home.status(job)
    yield 225.0
    for job in jobs:
        gap = max(stage.gaps(job, job.created + 30.0), default=999.0)
        stage.expect(gap < 2.3 * stage.parts.interval + 4, f"asked about after {gap:.0f} s")
    yield 100.0 + 2 * stage.parts.interval
    for job in jobs:
        stage.came(job, home.channel)
    if followed:
        answer = home.choose("unfollow", home.channel)
        yield 5.0
        stage.says(answer, "No longer following")
        stage.void(home)
        yield 3000.0


def called_back(stage: Stage) -> Story:
    """A callback reports the end a moment before the record does. The job is requested at once, and once more."""
    home = yield from stage.settle()
    yield from home.learn_callback()
    job = stage.job(home, 130, v2=False)
    home.status(job)
    yield 130.0 - 5.0
    early = stage.one_of((0.4, 0.4, 2.5))
    yield 4.0 - early
    if stage.coin():
        # Somebody has just looked: that response is older than what the callback reports.
        home.look(job.jobid, 3)
    yield 1.0
    home.call_back({**stage.parts.pixverse.record(job), "status": "completed"})
    yield early + 9.0
    if stage.parts.interval >= 20 and early < 1:
        stage.came(job, home.channel)
    yield 60.0 + stage.parts.interval
    stage.came(job, home.channel)


def called_often(stage: Stage) -> Story:
    """Callbacks report an end again and again, or progress. They cause at most three requests per interval."""
    home = yield from stage.settle()
    yield from home.learn_callback()
    job = stage.job(home, 400, v2=False)
    home.status(job)
    yield 20.0
    since, claims = stage.now, stage.coin()
    record = stage.parts.pixverse.record(job)
    for _ in range(60):
        home.call_back({**record, "status": "completed" if claims else "progress"})
        yield 2.0
    intervals = 120.0 / stage.parts.interval + 1
    asked = stage.requests_for(job, since)
    most = intervals * (4.2 if claims else 1.2) + 3
    stage.expect(asked <= most, f"{asked} questions in two minutes of callbacks, at most {most:.0f} are right")
    yield 400.0
    stage.came(job, home.channel)


def called_back_in_vain(stage: Stage) -> Story:
    """A callback reports an end, and the API fails each request that follows it. These failures count as one."""
    home = yield from stage.settle()
    yield from home.learn_callback()
    job = stage.job(home, 900, v2=False)
    home.status(job)
    yield 20.0
    yield from stage.just_requested(job)
    yield 1.0
    failed = Trip(refused=Reply(503, {"error": "no", "code": 503}))
    vain, end = stage.counted(lambda request: failed if stage.subject(request) == job.jobid and len(vain) < 3 else None)
    home.call_back({**stage.parts.pixverse.record(job), "status": "completed"})
    yield from stage.until(lambda: len(vain) == 3)
    since = stage.now
    yield from stage.just_requested(job)
    waited = stage.now - since
    stage.expect(waited <= 1.5 * stage.parts.interval + 1.0, f"{waited:.0f} s without a question after three in vain")
    end()
    yield 900.0
    stage.came(job, home.channel)


def called_back_while_slow(stage: Stage) -> Story:
    """A callback reports an end that the record doesn't show for minutes, and each response is slow. Three requests
    follow, and then the usual pace."""
    home = yield from stage.settle()
    yield from home.learn_callback()
    job = stage.job(home, 900, v2=False)
    home.status(job)
    yield 20.0
    interval, since = stage.parts.interval, stage.now
    slow = min(0.4 * interval, 12.0)
    end = stage.on_api(lambda request: Trip(back=slow) if stage.subject(request) == job.jobid else None)
    home.call_back({**stage.parts.pixverse.record(job), "status": "completed"})
    yield 8.0 * interval
    asked = stage.requests_for(job, since)
    stage.expect(asked <= 12, f"{asked} questions in eight intervals after a callback, at most twelve are right")
    end()
    yield 900.0
    stage.came(job, home.channel)


def strange_calls(stage: Stage) -> Story:
    """Callbacks to a replaced address, for another server's job or for unwatched jobs, and many of them at once."""
    home = yield from stage.settle()
    other = yield from stage.settle()
    yield from home.learn_callback()
    yield from other.learn_callback()
    old = home.callback
    answer = home.admin("callback")
    yield 5.0
    question = home.press_in_reply(answer, "address")
    yield 5.0
    answer = home.press_in_reply(question, "address") if "Make a new address" in question.text else question
    yield 5.0
    stage.says(answer, "Replaced")
    job, theirs = stage.job(home, 200, v2=False), stage.job(other, 500, v2=False)
    home.status(job)
    other.status(theirs)
    yield 65.0
    interval = float(stage.parts.interval)
    for path, record in ((old, stage.parts.pixverse.record(job)), (home.callback, stage.parts.pixverse.record(theirs))):
        about = job if path == old else theirs
        yield from stage.just_requested(about)
        since = stage.now
        stage.parts.machine.post_callback(path, stage.json({**record, "status": "completed"}))
        yield interval * 0.5
        stage.expect(stage.requests_for(about, since) == 0, "a callback that is not theirs makes the bot ask")
    account = home.account
    assert account is not None
    own = stage.job(home, 600, v2=False)
    since = stage.now
    for number in range(200):
        jobid = f"job:1764547200000{number:05d}-user:{account.number}-channel:99{account.number}-bot:pixverse"
        home.call_back({**stage.parts.pixverse.record(own), "jobid": jobid, "status": "completed"})
        yield 0.05
    home.call_back({**stage.parts.pixverse.record(own), "status": "completed"})
    yield 30.0
    made_up = sum(
        1 for at, used, what in stage.parts.pixverse.requests if at > since and what.startswith("job:1764547200000")
    )
    stage.expect(made_up <= 20, f"made-up ids make {made_up} requests")
    yield 600.0
    stage.came(job, home.channel)
    stage.came(theirs, other.channel)
    for channel in home.guild.channels:
        stage.missing(own, channel)


def called_for_strangers(stage: Stage) -> Story:
    """Callbacks of a followed account about unknown jobs: real jobs are watched, and made-up ones cost little."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    yield from home.learn_callback()
    yield from _follow(stage, home, progress=False)
    yield 60.0
    since = stage.now
    own = stage.job(account, 200, v2=False)
    home.call_back(stage.parts.pixverse.record(own))
    for number in range(150):
        jobid = f"job:1764547200000{number:05d}-user:{account.number}-channel:99{account.number}-bot:pixverse"
        home.call_back({**stage.parts.pixverse.record(own), "jobid": jobid, "status": "completed"})
        yield 0.1
    made_up = sum(
        1 for at, _, what in stage.parts.pixverse.requests if at > since and what.startswith("job:1764547200000")
    )
    stage.expect(made_up <= 20, f"made-up ids make {made_up} requests")
    yield 250.0 + stage.parts.interval
    stage.came(own, home.channel)
    home.choose("unfollow", home.channel)
    yield 30.0


def flooded(stage: Stage) -> Story:
    """One server's callbacks don't delay another's."""
    home = yield from stage.settle()
    other = yield from stage.settle()
    yield from home.learn_callback()
    yield from other.learn_callback()
    noise = [stage.job(home, 3000, v2=False) for _ in range(5)]
    for job in noise:
        home.status(job)
    mine = stage.job(other, 100, v2=False)
    other.status(mine)
    yield 99.0
    record = stage.parts.pixverse.record(noise[0])
    for number in range(600):
        home.call_back({**record, "jobid": noise[number % 5].jobid, "status": "completed", "content": str(number)})
        yield 0.002
    other.call_back(stage.parts.pixverse.record(mine))
    yield 6.0
    stage.came(mine, other.channel)
    stage.void(home)
    for job in noise:
        home.command("pixverse unwatch", jobid=job.jobid)
        yield 3.0


def followed(stage: Stage) -> Story:
    """An account is followed. Its new jobs are watched without anybody naming them, and older ones aren't. A moderator
    may stop one."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    before = stage.job(account, 30, v2=False)
    stage.parts.pixverse.lagging = lambda job: job is before and not stage.parts.pixverse.is_active(job)
    yield 600.0
    progress = stage.coin()
    yield from _follow(stage, home, progress=progress)
    jobs = [stage.job(account, total, end) for total, end in ((200, "completed"), (260, "failed"), (900, "completed"))]
    yield 120.0 + stage.parts.interval
    if progress:
        stage.expect(len(stage.card(jobs[0], home.channel)) > 0, "no card")
    answer = home.status(jobs[2], 2)
    yield 6.0
    stage.says(answer, "Already watched here|Watching")
    if stage.coin():
        stopped = home.command("pixverse unwatch", 2, jobid=jobs[2].jobid)
        yield 6.0
        stage.says(stopped, "won't be pinged")
        stage.parts.ledger.askers[(jobs[2].jobid, home.channel.id)].clear()
    else:
        stopped = home.command("pixverse unwatch", 0, jobid=jobs[2].jobid)
        yield 6.0
        stage.says(stopped, "Stopped watching")
        stage.parts.ledger.void("a moderator stopped it", channel=home.channel, job=jobs[2])
        # A new process reads all lists, which still contain it.
        stage.stop(2.0)
    yield 1100.0
    for job in jobs[:2] if stage.parts.ledger.promises[(jobs[2].jobid, home.channel.id)].void else jobs:
        stage.came(job, home.channel)
    stage.missing(before, home.channel)
    if stage.parts.ledger.promises[(jobs[2].jobid, home.channel.id)].void:
        stage.missing(jobs[2], home.channel)
    stage.expect(not any(one.pings for job in jobs[:2] for one in stage.outcomes(job, home.channel)), "a follow pings")
    stage.parts.pixverse.lagging = lambda _job: False
    home.choose("unfollow", home.channel)
    yield 30.0
    last, since = stage.job(account, 60), stage.now
    yield 600.0
    stage.missing(last, home.channel)
    stage.expect(stage.requests_of(account, since) == 0, "the account is asked about, though nobody follows it")


def followed_and_asked_elsewhere(stage: Stage) -> Story:
    """A followed account's job ends before any list names it. Somebody asks for it in another channel while it runs, or
    right after its end. It is relayed to the following channel too, though its callback comes only then."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    yield from home.learn_callback()
    yield from _follow(stage, home, progress=False)
    other = home.guild.channels[1]
    yield 60.0
    asks_after = stage.coin()
    listed = [0.0]

    def rule(request: Request) -> None:
        if stage.token(request) == account.token and request.path == _LIST_V1:
            listed[0] = stage.now

    stage.on_api(rule)
    yield from stage.until(lambda: stage.now - listed[0] < 1.0)
    job = stage.job(home, 8.0, "moderated", v2=False)
    yield 9.0 if asks_after else 2.0
    home.status(job, channel=other)
    yield 5.0 if asks_after else 12.0
    home.call_back(stage.parts.pixverse.record(job))
    yield 120.0
    stage.came(job, other)
    stage.came(job, home.channel)
    stage.expect(not any(one.pings for one in stage.outcomes(job, home.channel)), "a follow pings")
    home.choose("unfollow", home.channel)
    yield 30.0


def followed_too_much(stage: Stage) -> Story:
    """A follow watches no more jobs than the server may wait for, and no words that aren't ids."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    yield from _follow(stage, home, progress=False)
    secret = f"user:5-{stage.random.getrandbits(96):024x}"

    others = [f"job:1764547200000{k:05d}-user:{account.number}-channel:99-bot:midjourney" for k in range(3)]

    def rule(request: Request) -> Trip | None:
        if stage.token(request) != account.token or request.path != _LIST_V1:
            return None
        jobs = [job.jobid for job in account.jobs if not job.is_v2 and stage.parts.pixverse.is_active(job)]
        return Trip(refused=Reply(200, ["../../x", "@everyone", 5, None, "x" * 400, *others, secret, *jobs]))

    stage.on_api(rule)
    jobs = [stage.job(account, 1500, v2=False) for _ in range(13)]
    yield 1500.0 + 400.0
    asked = {what for _, _, what in stage.parts.pixverse.requests}
    stage.expect(not asked & set(others), "jobs that are none of PixVerse's are asked about")
    left_out = [job for job in jobs if not stage.outcomes(job, home.channel)]
    there = len(jobs) - len(left_out)
    stage.expect(not any(map(stage.requests_for, left_out)), "jobs for which there is no room are asked about")
    stage.expect(there == 10, f"{there} jobs of a follow, and 10 may be waited for")
    stage.expect(
        secret not in {what for _, _, what in stage.parts.pixverse.requests}, "a token is asked about as a job"
    )
    stage.void(home)
    home.choose("unfollow", home.channel)
    yield 30.0


def lagging_lists(stage: Stage) -> Story:
    """Lists name jobs that have ended, and lack others that run."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    v2 = stage.coin()
    jobs = [stage.job(account, 700 + 18 * k, v2=v2) for k in range(9)]
    wrong = {job.jobid for job in jobs}
    stage.parts.pixverse.lagging = lambda job: job.jobid in wrong and not stage.parts.pixverse.is_active(job)
    for number, job in enumerate(jobs):
        home.status(job, 1 + number % 2)
        yield 4.0
    yield 900.0 + 700.0
    for job in jobs:
        stage.came(job, home.channel)
    # Once the list is known to lag, its entries aren't relied on.
    found_out = min(stage.outcomes(job, home.channel)[0].at for job in jobs)
    for job in jobs:
        waited = stage.outcomes(job, home.channel)[0].at - job.ends_at
        if job.ends_at > found_out:
            stage.expect(waited < 1.55 * stage.parts.interval + 8, f"{job.prompt} came {waited:.0f} s after its end")
    stage.parts.pixverse.lagging = lambda _job: False


def troubled_lists(stage: Stage) -> Story:
    """Lists hang or are refused. Jobs are requested one by one, and lists aren't requested for a while."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    hangs = stage.coin()
    code = stage.one_of((404, 404, 403, 403))
    jobs = [stage.job(account, 1300 + 20 * k, v2=False) for k in range(9)]
    for number, job in enumerate(jobs):
        home.status(job, 1 + number % 2)
        yield 4.0

    begun: list[tuple[float, bool]] = []

    def rule(request: Request) -> Trip | None:
        if stage.token(request) != account.token:
            return None
        is_list = request.path in (_LIST_V1, _LIST_V2)
        begun.append((stage.now, is_list))
        reply = Reply(code, {"error": "There are no lists here", "code": code})
        return None if not is_list else Trip(there=500.0) if hangs else Trip(refused=reply)

    stage.on_api(rule)
    since = stage.now
    yield 1200.0
    lists = [at for at, is_list in begun if is_list]
    stage.expect(0 < len(lists) < 16, f"lists that are refused were asked for {len(lists)} times in 20 minutes")
    for listed_at in lists:
        record = any(listed_at < at < listed_at + 2.5 for at, is_list in begun if not is_list)
        stage.expect(record, "the record of the job for which a list was asked for waits for it")
    for job in jobs:
        gaps = stage.gaps(job, since)
        stage.expect(
            max(gaps, default=999.0) < 330.0, f"{job.prompt} was left alone for {max(gaps, default=999.0):.0f} s"
        )
    yield 1300.0
    for job in jobs:
        stage.came(job, home.channel)


def _lists_asked(stage: Stage, home: Home, since: float) -> list[float]:
    """When a list of the server's account was requested."""
    assert home.account is not None
    return [
        at for at, used, what in stage.parts.pixverse.requests
        if at >= since and what in (_LIST_V1, _LIST_V2) and used in home.account.tokens
    ]  # fmt: skip


def _watched(stage: Stage, home: Home, totals: list[float]) -> Story:
    """Two members ask for v1 jobs that take this long."""
    for number, total in enumerate(totals):
        home.status(stage.job(home, total, v2=False), 1 + number % 2)
        yield 0.4


def _jobs(home: Home) -> list[Job]:
    assert home.account is not None
    return home.account.jobs


def crowded(stage: Stage) -> Story:
    """Ten young jobs are polled through the list. Once few are left, each is requested at every interval, and so are
    the next ones after all have ended."""
    home = yield from stage.settle()
    interval, followed = stage.parts.interval, stage.coin()
    if followed:
        yield from _follow(stage, home, progress=False)
    yield from _watched(stage, home, [20.0 + 1.5 * interval] * 5 + [400.0] * 5)
    yield 6.0
    jobs, since = _jobs(home), stage.now
    yield 1.2 * interval
    asked = sum(stage.requests_for(job, since) for job in jobs)
    stage.expect(asked < 8, f"{asked} questions in an interval about {_MANY} young jobs that a list names")
    yield 20.0 + 1.6 * interval
    yield from _each_at_its_interval(stage, jobs[5:])
    for job in jobs[:5]:
        stage.came(job, home.channel)
    yield 400.0
    yield from _watched(stage, home, [400.0] * 4)
    yield 8.0
    yield from _each_at_its_interval(stage, jobs[_MANY:])
    yield 400.0
    for job in jobs:
        stage.came(job, home.channel)
    if followed:
        home.choose("unfollow", home.channel)
        yield 8.0


def _each_at_its_interval(stage: Stage, jobs: list[Job]) -> Story:
    """Checks for a while that each job is requested at its interval."""
    since, seconds = stage.now, min(4.2 * stage.parts.interval, 110.0)
    yield seconds
    for job in jobs:
        asked = stage.requests_for(job, since)
        right = seconds / stage.parts.interval - 1.2
        stage.expect(asked >= right, f"{job.prompt} was asked about {asked} times in {seconds:.0f} s")
        longest = max(stage.gaps(job, since - 0.6 * stage.parts.interval), default=0.0)
        stage.expect(longest < 1.6 * stage.parts.interval, f"{job.prompt} was left alone for {longest:.0f} s")


def of_no_use(stage: Stage) -> Story:
    """No list is requested if it would save nothing: for two old jobs beside young ones."""
    home = yield from stage.settle()
    yield from _watched(stage, home, [900.0] * 2)
    yield _YOUNG
    yield from _watched(stage, home, [280.0] * 3)
    since = stage.now
    yield 200.0
    lists = _lists_asked(stage, home, since)
    stage.expect(not lists, f"{len(lists)} lists were asked for though they save nothing")
    yield 600.0
    for job in _jobs(home):
        stage.came(job, home.channel)


def told_to_wait(stage: Stage) -> Story:
    """Lists or records are refused with a time to wait. Nothing is requested until then; afterwards records come
    first."""
    home = yield from stage.settle()
    account, records = home.account, stage.coin()
    assert account is not None
    if records:
        # With a follow, the list is requested at each interval.
        yield from _follow(stage, home, progress=False)
    yield from _watched(stage, home, [900.0] * 5)
    yield _YOUNG
    begun: list[tuple[float, bool]] = []
    """When each request was sent, and whether it was refused."""

    def rule(request: Request) -> Trip | None:
        if stage.token(request) != account.token:
            return None
        is_list = stage.subject(request) in (_LIST_V1, _LIST_V2)
        # A record is refused once, lists always.
        refused = not is_list and not any(no for _, no in begun) if records else is_list
        begun.append((stage.now, refused))
        reply = Reply(429, {"error": "slow down", "code": 429}, {"Retry-After": "60"})
        return Trip(refused=reply) if refused else None

    stage.on_api(rule)
    yield 300.0
    refusals = [at for at, refused in begun if refused]
    stage.expect(bool(refusals), "nothing was refused")
    for refused_at in refusals:
        early = [at - refused_at for at, _ in begun if 0.09 < at - refused_at < 58.0]
        stage.expect(not early, f"asked {early} s after the API had asked to wait for a minute")
    yield 900.0
    for job in _jobs(home):
        stage.came(job, home.channel)
        longest = max(stage.gaps(job, refusals[0]), default=999.0)
        right = records or longest < 60.0 + 2.6 * stage.parts.interval
        stage.expect(right, f"{job.prompt} was left alone for {longest:.0f} s")
    if records:
        home.choose("unfollow", home.channel)
        yield 8.0


def asked_to_wait(stage: Stage) -> Story:
    """The API asks one account to wait, and another goes on. People are told so."""
    home = yield from stage.settle()
    other = yield from stage.settle()
    assert home.account is not None
    jobs = [stage.job(home, 500, v2=False) for _ in range(4)]
    theirs = stage.job(other, 500, v2=False)
    for job in jobs:
        home.status(job)
    other.status(theirs)
    yield 60.0
    reply = Reply(429, {"error": "slow down", "code": 429}, {"Retry-After": "150"})
    account = home.account
    asked_at = [0.0]

    def rule(request: Request) -> Trip | None:
        if stage.token(request) != account.token or asked_at[0]:
            return None
        asked_at[0] = stage.now
        return Trip(refused=reply)

    stage.on_api(rule)
    yield stage.parts.interval * 1.5
    begun = asked_at[0]
    stage.expect(begun > 0, "nobody asks")
    checked = home.press(stage.card(jobs[0], home.channel), "Check now", 2)
    yield 6.0
    stage.says(checked, "asked me to wait", never="isn't answering")
    yield 100.0 - stage.parts.interval * 1.5
    asked = sum(stage.requests_for(job, begun + 3.0) for job in jobs)
    stage.expect(asked == 0, f"{asked} questions though the API had asked to wait")
    gaps = stage.gaps(theirs, begun - 60.0)
    stage.expect(max(gaps) < 2.3 * stage.parts.interval, "another account has to wait too")
    yield 900.0
    for job in jobs:
        stage.came(job, home.channel)


def told_no_time(stage: Stage) -> Story:
    """The API asks an account to wait, or fails for it, without a time. The bot waits longer each time."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    jobs = [stage.job(home, 700, v2=False) for _ in range(6)]
    for job in jobs:
        home.status(job)
        yield 0.4
    yield 30.0
    refused = Trip(refused=Reply(stage.one_of((429, 596)), {"error": "slow down"}))
    times, end = stage.counted(lambda request: refused if stage.token(request) == account.token else None)
    yield 300.0
    stage.expect(
        len(times) <= 3 + 150 / stage.parts.interval,
        f"{len(times)} questions in five minutes about {len(jobs)} jobs of an account that is refused",
    )
    end()
    yield 900.0
    for job in jobs:
        stage.came(job, home.channel)


def longest_wait(stage: Stage) -> Story:
    """Two requests are refused, and the later response has a shorter time to wait. The longer one counts."""
    home = yield from stage.settle()
    jobs = [stage.job(home, 600, v2=False) for _ in range(2)]
    for job in jobs:
        home.status(job)
    yield 25.0
    waits = iter(((3.0, 5), (0.05, 200)))

    def rule(request: Request) -> Trip | None:
        if stage.subject(request) not in (jobs[0].jobid, jobs[1].jobid) or (wait := next(waits, None)) is None:
            return None
        return Trip(there=wait[0], refused=Reply(429, {"error": "wait"}, {"Retry-After": str(wait[1])}))

    yield from stage.just_requested(jobs[1])
    yield 6.0
    stage.on_api(rule)
    home.look(jobs[0].jobid, 2)
    yield 1.0
    home.look(jobs[1].jobid, 3)
    yield 1.0
    since = stage.now
    yield 180.0
    asked = sum(stage.requests_for(job, since) for job in jobs)
    stage.expect(asked == 0, f"{asked} questions though the API had asked to wait for longer")
    yield 600.0
    for job in jobs:
        stage.came(job, home.channel)


def moved_on(stage: Stage) -> Story:
    """A token is renewed, or another account's token is entered for a moment. No job is requested sooner for that."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    yield from _watched(stage, home, [600.0] * 8)
    yield 60.0
    since = stage.now
    yield stage.parts.interval + 2.0
    if stage.coin():
        stage.parts.pixverse.renew(account)
    else:
        second = stage.account()
        stage.parts.people.uses[home.guild.id] = second
        home.enter_token(second.token)
        yield 4.0
        stage.parts.people.uses[home.guild.id] = account
    home.enter_token(account.token)
    yield 4.0 + stage.parts.interval
    for job in _jobs(home):
        for gap in stage.gaps(job, since):
            stage.expect(gap > stage.parts.interval * 0.95, f"{job.prompt} is asked about again after {gap:.1f} s")
        stage.due_again(job, home.channel)
    yield 700.0
    for job in _jobs(home):
        stage.came(job, home.channel)


def stopped_in_flight(stage: Stage) -> Story:
    """Jobs are stopped while requests for them are in flight. They aren't requested again, and others have their
    turn."""
    account = stage.account()
    homes = yield from stage.settle_many(account, 2)
    for home in homes:
        yield from _watched(stage, home, [900.0] * 10)
    yield 20.0
    begun: list[str] = []

    def rule(request: Request) -> Trip | None:
        subject = stage.subject(request)
        if stage.token(request) != account.token or subject in begun:
            return None
        begun.append(subject)
        return Trip(there=14.0)

    stage.on_api(rule)
    stage.stop(5.0)
    yield 5.0
    while len(begun) < 8 and stage.now < account.jobs[0].ends_at:
        yield 0.25
    stopped = [job for job in account.jobs if job.jobid in begun]
    for job in stopped:
        home = next(one for one in homes if (job.jobid, one.channel.id) in stage.parts.ledger.promises)
        stage.parts.ledger.void("stopped", channel=home.channel, job=job)
        home.command("pixverse unwatch", 0, jobid=job.jobid)
        yield 0.3
    yield 15.0
    since = stage.now
    yield 2.0 * stage.parts.interval + 60.0
    for job in account.jobs:
        asked = stage.requests_for(job, since)
        right = asked == 0 if job in stopped else asked > 0
        stage.expect(right, f"{job.prompt} was asked about {asked} times, {'stopped' if job in stopped else 'watched'}")
    yield 1100.0
    for job in account.jobs:
        home = next(one for one in homes if (job.jobid, one.channel.id) in stage.parts.ledger.promises)
        stage.came(job, home.channel, times=0 if job in stopped else 1)


def follow_on_a_locked_disk(stage: Stage) -> Story:
    """A followed account's job begins and ends while the database is locked. Its result is posted all the same."""
    home = yield from stage.settle()
    account, interval = home.account, stage.parts.interval
    assert account is not None
    yield from _follow(stage, home, progress=False)
    yield interval
    stage.disk(locked=True)
    job = stage.job(account, 2.5 * interval, v2=False)
    yield 5.0 * interval
    stage.disk()
    yield 150.0 + 3.0 * interval
    stage.came(job, home.channel)
    home.choose("unfollow", home.channel)
    yield 30.0


def follow_ahead(stage: Stage) -> Story:
    """An account is followed while the machine's clock is an hour ahead. Its jobs are watched all the same."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    stage.turn_clock(3_600_000)
    yield 10.0
    yield from _follow(stage, home, progress=False)
    job = stage.job(account, 150, v2=False)
    yield 300.0
    stage.turn_clock(0)
    yield 60.0
    stage.came(job, home.channel)
    home.choose("unfollow", home.channel)
    yield 30.0


def follow_on_a_bad_disk(stage: Stage) -> Story:
    """The disk fails for a moment when a followed account's job was just stored. The job is polled all the same."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    yield from _follow(stage, home, progress=False)
    yield 30.0
    stage.fail_after_commit(2.0)
    job = stage.job(account, 150, v2=False)
    yield 100.0
    stage.disk()
    yield 120.0
    stage.came(job, home.channel)
    home.choose("unfollow", home.channel)
    yield 30.0


def forgotten_by_a_follower(stage: Stage) -> Story:
    """A job came from a follow, and a member asked for it, too. The member has their data deleted. The job's end is
    posted all the same."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    yield from _follow(stage, home, progress=False)
    job = stage.job(account, 600, v2=False)
    end = stage.about(job, Reply(502, {"error": "no"}))
    yield 1.5 * stage.parts.interval
    answer = home.status(job, 1)
    yield 8.0
    stage.says(answer, "atching")
    question = home.command("pixverse forget-me", 1)
    yield 6.0
    home.press_in_reply(question, "Delete my data")
    yield 6.0
    stage.parts.ledger.askers[(job.jobid, home.channel.id)].clear()
    end()
    end = stage.about(job, Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404}))
    job.vanishes_after = 0.0
    yield 400.0
    stage.came(job, home.channel, r"not found · #\d+", files=0)
    end()
    home.choose("unfollow", home.channel)
    yield 30.0


def one_in_trouble(stage: Stage) -> Story:
    """Requests for one job keep failing. Other jobs of its account are polled in time."""
    home = yield from stage.settle()
    bad, good = stage.job(home, 400, v2=False), stage.job(home, 400, v2=False)
    home.status(bad)
    home.status(good)
    yield 30.0
    fails = Trip(refused=Reply(stage.one_of((500, 502, 403)), {"error": "no", "code": 500}))
    times, end = stage.counted(lambda request: fails if stage.subject(request) == bad.jobid else None)
    since = stage.now
    yield 240.0
    gaps = stage.gaps(good, since)
    stage.expect(max(gaps) < 2.3 * stage.parts.interval + 2, f"left alone for {max(gaps):.0f} s for another's problem")
    stage.expect(len(times) <= 80 / stage.parts.interval + 3, f"asked {len(times)} times about what fails")
    yield 200.0
    end()
    yield 700.0
    stage.came(bad, home.channel)
    stage.came(good, home.channel)


def shared(stage: Stage) -> Story:
    """Servers with the same token, and people who ask at the same time, share each request."""
    account = stage.account()
    homes = yield from stage.settle_many(account, 3)
    job = stage.job(account, 200, v2=False)
    for home in homes:
        home.status(job, 1)
        home.status(job, 2)
    yield 4.0
    asked = stage.requests_for(job)
    stage.expect(asked <= 3, f"{asked} questions for six people who ask at once")
    begun: list[float] = []

    def rule(request: Request) -> Trip | None:
        if stage.subject(request) != job.jobid:
            return None
        begun.append(stage.now)
        return Trip(there=3.0)

    end = stage.on_api(rule)
    while not begun and stage.now < job.ends_at:
        yield 0.25
    for home in homes:
        home.look(job.jobid, 3)
    yield 2.0
    stage.expect(len(begun) == 1, f"{len(begun)} questions at once about one job")
    end()
    yield 190.0 - (stage.now - job.created)
    asked = stage.requests_for(job)
    most = 200 / stage.parts.interval + 6
    stage.expect(asked <= most, f"{asked} questions for three servers with the same token, at most {most:.0f}")
    yield 60.0 + stage.parts.interval
    for home in homes:
        stage.came(job, home.channel)


def many_at_a_start(stage: Stage) -> Story:
    """A process starts with many jobs, and doesn't request all of them at once."""
    jobs = []
    account = stage.account()
    homes = yield from stage.settle_many(account, 4)
    for home in homes:
        for person in (1, 2):
            made = [stage.job(account, 2500) for _ in range(5)]
            home.watch(made, person)
            jobs += [(job, home) for job in made]
            yield 30.0
    stage.stop(20.0)
    yield 20.0
    since = stage.now
    yield 6.0
    asked = stage.requests_of(account, since)
    stage.expect(asked < 36, f"{asked} questions in the first seconds of a process")
    yield 3100.0
    for job, home in jobs:
        stage.came(job, home.channel)


def followed_meanwhile(stage: Stage) -> Story:
    """A server begins to follow an account while the account's long list is being imported for another server. It gets
    the whole list."""
    account = stage.account()
    first, second = yield from stage.settle_many(account, 2)
    before = [stage.job(account, 1300, v2=False) for _ in range(7)]
    for home in (first, second):
        home.watch(before[:5], 1)
        home.watch(before[5:], 2)
    yield 20.0
    yield from _follow(stage, first, progress=False)
    stage.parts.ledger.servers[second.guild.id].follows.add(second.channel.id)
    question = second.choose("follow", second.channel, progress=False)
    yield 2.0 * stage.parts.interval
    jobs = [stage.job(account, 400, v2=False) for _ in range(3)]
    # So many that they are imported in two steps. The servers have no room for them.
    others = [
        f"job:9999999999999{k:05d}-user:{account.number}-channel:99{account.number}-bot:pixverse" for k in range(120)
    ]
    listed = [False]

    def rule(request: Request) -> Trip | None:
        if stage.token(request) != account.token or request.path != _LIST_V1:
            return None
        if not listed[0]:
            listed[0] = True
            stage.disk(locked=True)
        mine = [job.jobid for job in account.jobs if stage.parts.pixverse.is_active(job)]
        return Trip(refused=Reply(200, [*mine, *others]))

    end = stage.on_api(rule)
    yield from stage.until(lambda: listed[0])
    yield 0.75
    answer = second.press_in_reply(question, "Follow the account")
    yield 1.0
    stage.disk()
    yield 20.0
    stage.says(answer, "Following")
    end()
    answer = second.command("pixverse list")
    yield 20.0
    stage.says(answer, f"Watching {len(before) + len(jobs)} jobs here")
    yield 480.0
    for home in (first, second):
        for job in jobs:
            stage.came(job, home.channel)
        home.choose("unfollow", home.channel)
    yield 900.0
    for home in (first, second):
        for job in before:
            stage.came(job, home.channel)


def on_a_further_page(stage: Stage) -> Story:
    """A v2 job is requested while only the second page of its account's list contains it."""
    # Each of these two accounts has another way of saying that there is another page.
    account = stage.one_of([stage.account(), stage.account()])
    home = yield from stage.settle(account)
    job = stage.job(home, 400, v2=True)
    stage.parts.pixverse.lagging = lambda one: one is job
    for _ in range(130):
        stage.job(home, 30, v2=True)
    yield 60.0
    answer = home.status(job)
    yield 10.0
    stage.parts.pixverse.lagging = lambda _job: False
    stage.says(answer, "Watching", never="can't find")
    yield 400.0 + stage.parts.interval
    stage.came(job, home.channel)
