"""What the API is asked, and when: callbacks, follows, lists, limits, and the pace of it all."""

from __future__ import annotations

from tests.simulation.stage import Home, Stage, Story
from tests.simulation.wire import Reply, Request, Trip

_LIST_V2, _LIST_V1 = "/v2/pixverse/scheduler/", "/v1/pixverse/jobs"


def _follow(stage: Stage, home: Home, *, progress: bool) -> Story:
    """The admin follows the account in the server's first channel."""
    stage.parts.ledger.servers[home.guild.id].follows.add(home.channel.id)
    question = home.choose("follow", home.channel, progress=progress)
    yield 6.0
    stage.says(question, "Post every job of account")
    answer = home.press_answer(question, "Follow the account")
    yield 6.0
    stage.says(answer, "Following")


def paced(stage: Stage) -> Story:
    """A job is asked about once in an interval while it is young, and more and more seldom, for hours."""
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
    """Cards of young jobs show what the API tells, whoever else names the jobs."""
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
        gaps = stage.gaps(job, job.created + 30.0)
        stage.expect(max(gaps, default=999.0) < 2.3 * stage.parts.interval + 4, f"asked about after {max(gaps):.0f} s")
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
    """A callback tells of the end, a moment before the record does: looked at at once, and again."""
    home = yield from stage.settle()
    yield from home.learn_callback()
    job = stage.job(home, 130, v2=False)
    home.status(job)
    yield 130.0 - 5.0
    early = stage.one_of((0.4, 0.4, 2.5))
    yield 4.0 - early
    if stage.coin():
        # Somebody has just looked: what the API said then is older than what is told now.
        home.look(job.jobid, 3)
    yield 1.0
    home.call_back({**stage.parts.pixverse.record(job), "status": "completed"})
    yield early + 9.0
    if stage.parts.interval >= 20 and early < 1:
        stage.came(job, home.channel)
    yield 60.0 + stage.parts.interval
    stage.came(job, home.channel)


def called_often(stage: Stage) -> Story:
    """Callbacks that claim an end again and again, and of progress: three questions an interval at most."""
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
    asked = stage.asked(job, since)
    most = intervals * (4.2 if claims else 1.2) + 3
    stage.expect(asked <= most, f"{asked} questions in two minutes of callbacks, at most {most:.0f} are right")
    yield 400.0
    stage.came(job, home.channel)


def strange_calls(stage: Stage) -> Story:
    """Callbacks at a replaced address, for another server's job, for jobs that nobody watches, and floods of them."""
    home = yield from stage.settle()
    other = yield from stage.settle()
    yield from home.learn_callback()
    yield from other.learn_callback()
    old = home.callback
    answer = home.admin("callback")
    yield 5.0
    question = home.press_answer(answer, "address")
    yield 5.0
    answer = home.press_answer(question, "address") if "Make a new address" in question.text else question
    yield 5.0
    stage.says(answer, "Replaced")
    job, theirs = stage.job(home, 200, v2=False), stage.job(other, 500, v2=False)
    home.status(job)
    other.status(theirs)
    yield 65.0
    interval = float(stage.parts.interval)
    for path, record in ((old, stage.parts.pixverse.record(job)), (home.callback, stage.parts.pixverse.record(theirs))):
        about = job if path == old else theirs
        yield from stage.just_asked(about)
        since = stage.now
        stage.parts.machine.post_callback(path, stage.json({**record, "status": "completed"}))
        yield interval * 0.5
        stage.expect(stage.asked(about, since) == 0, "a callback that is not theirs makes the bot ask")
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
        1 for at, used, what in stage.parts.pixverse.asked if at > since and what.startswith("job:1764547200000")
    )
    stage.expect(made_up <= 20, f"made-up ids make {made_up} requests")
    yield 600.0
    stage.came(job, home.channel)
    stage.came(theirs, other.channel)
    for channel in home.guild.channels:
        stage.missing(own, channel)


def called_for_strangers(stage: Stage) -> Story:
    """Callbacks of a followed account about unknown jobs: real ones are taken up, made-up ones cost little."""
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
        1 for at, _, what in stage.parts.pixverse.asked if at > since and what.startswith("job:1764547200000")
    )
    stage.expect(made_up <= 20, f"made-up ids make {made_up} requests")
    yield 250.0 + stage.parts.interval
    stage.came(own, home.channel)
    home.choose("unfollow", home.channel)
    yield 30.0


def flooded(stage: Stage) -> Story:
    """One server's callbacks do not keep another's waiting."""
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
    """An account is followed: its jobs come with no id given, those from before do not; a moderator may stop one."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    before = stage.job(account, 30)
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
        # A new process looks through all lists, in which it still stands.
        stage.stop(2.0)
    yield 1100.0
    for job in jobs[:2] if stage.parts.ledger.promises[(jobs[2].jobid, home.channel.id)].void else jobs:
        stage.came(job, home.channel)
    stage.missing(before, home.channel)
    if stage.parts.ledger.promises[(jobs[2].jobid, home.channel.id)].void:
        stage.missing(jobs[2], home.channel)
    stage.expect(not any(one.pings for job in jobs[:2] for one in stage.outcomes(job, home.channel)), "a follow pings")
    home.choose("unfollow", home.channel)
    yield 30.0
    last, since = stage.job(account, 60), stage.now
    yield 600.0
    stage.missing(last, home.channel)
    stage.expect(stage.requests(account, since) == 0, "the account is asked about, though nobody follows it")


def followed_too_much(stage: Stage) -> Story:
    """A follow takes no more than the server may wait for, and no words that are no ids."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    yield from _follow(stage, home, progress=False)

    others = [f"job:1764547200000{k:05d}-user:{account.number}-channel:99-bot:midjourney" for k in range(3)]

    def rule(request: Request) -> Trip | None:
        if stage.token(request) != account.token or request.path != _LIST_V1:
            return None
        jobs = [job.jobid for job in account.jobs if not job.is_v2 and stage.parts.pixverse.in_work(job)]
        return Trip(refused=Reply(200, ["../../x", "@everyone", 5, None, "x" * 400, *others, *jobs]))

    stage.on_api(rule)
    jobs = [stage.job(account, 1500, v2=False) for _ in range(13)]
    yield 1500.0 + 400.0
    asked = {what for _, _, what in stage.parts.pixverse.asked}
    stage.expect(not asked & set(others), "jobs that are none of PixVerse's are asked about")
    left_out = [job for job in jobs if not stage.outcomes(job, home.channel)]
    there = len(jobs) - len(left_out)
    stage.expect(not any(map(stage.asked, left_out)), "jobs for which there is no room are asked about")
    stage.expect(there == 10, f"{there} jobs of a follow, and 10 may be waited for")
    stage.void(home)
    home.choose("unfollow", home.channel)
    yield 30.0


def lagging_lists(stage: Stage) -> Story:
    """Lists name jobs that have ended, and miss others that run."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    jobs = [stage.job(account, 700 + 20 * k) for k in range(9)]
    wrong = {job.jobid for job in jobs}
    stage.parts.pixverse.lagging = lambda job: job.jobid in wrong and not stage.parts.pixverse.in_work(job)
    for number, job in enumerate(jobs):
        home.status(job, 1 + number % 2)
        yield 4.0
    yield 900.0 + 700.0
    for job in jobs:
        stage.came(job, home.channel)
    stage.parts.pixverse.lagging = lambda _job: False


def troubled_lists(stage: Stage) -> Story:
    """Lists hang, or are refused: jobs are asked about one by one, and the lists left alone."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    hangs = stage.coin()
    jobs = [stage.job(account, 1300 + 20 * k) for k in range(9)]
    for number, job in enumerate(jobs):
        home.status(job, 1 + number % 2)
        yield 4.0

    def rule(request: Request) -> Trip | None:
        if stage.token(request) != account.token or request.path not in (_LIST_V1, _LIST_V2):
            return None
        return Trip(there=500.0) if hangs else Trip(refused=Reply(403, {"error": "no lists", "code": 403}))

    stage.on_api(rule)
    since = stage.now
    yield 1200.0
    lists = sum(1 for at, _, what in stage.parts.pixverse.asked if at > since and what in (_LIST_V1, _LIST_V2))
    stage.expect(lists < 40, f"lists that are refused were asked for {lists} times in 20 minutes")
    for job in jobs:
        gaps = stage.gaps(job, since)
        stage.expect(
            max(gaps, default=999.0) < 330.0, f"{job.prompt} was left alone for {max(gaps, default=999.0):.0f} s"
        )
    yield 1300.0
    for job in jobs:
        stage.came(job, home.channel)


def asked_to_wait(stage: Stage) -> Story:
    """The API asks one account to wait; another goes on. People are told so."""
    home = yield from stage.settle()
    other = yield from stage.settle()
    assert home.account is not None
    jobs = [stage.job(home, 500, v2=False) for _ in range(3)]
    theirs = stage.job(other, 500, v2=False)
    for job in jobs:
        home.status(job)
    other.status(theirs)
    yield 60.0
    said = Reply(429, {"error": "slow down", "code": 429}, {"Retry-After": "150"})
    account = home.account
    asked_at = [0.0]

    def rule(request: Request) -> Trip | None:
        if stage.token(request) != account.token or asked_at[0]:
            return None
        asked_at[0] = stage.now
        return Trip(refused=said)

    stage.on_api(rule)
    yield stage.parts.interval * 1.5
    begun = asked_at[0]
    stage.expect(begun > 0, "nobody asks")
    checked = home.press(stage.card(jobs[0], home.channel), "Check now", 2)
    yield 6.0
    stage.says(checked, "asked me to wait", never="isn't answering")
    yield 100.0 - stage.parts.interval * 1.5
    asked = sum(stage.asked(job, begun + 3.0) for job in jobs)
    stage.expect(asked == 0, f"{asked} questions though the API had asked to wait")
    gaps = stage.gaps(theirs, begun - 60.0)
    stage.expect(max(gaps) < 2.3 * stage.parts.interval, "another account has to wait too")
    yield 900.0
    for job in jobs:
        stage.came(job, home.channel)


def one_in_trouble(stage: Stage) -> Story:
    """The API fails about one job, for long: others of its account are asked about in time."""
    home = yield from stage.settle()
    bad, good = stage.job(home, 400, v2=False), stage.job(home, 400, v2=False)
    home.status(bad)
    home.status(good)
    yield 30.0
    end = stage.about(bad, Reply(stage.one_of((500, 502, 403)), {"error": "no", "code": 500}))
    since = stage.now
    yield 240.0
    gaps = stage.gaps(good, since)
    stage.expect(max(gaps) < 2.3 * stage.parts.interval + 2, f"left alone for {max(gaps):.0f} s for another's trouble")
    asked = stage.asked(bad, since)
    stage.expect(asked <= 240 / stage.parts.interval + 2, f"asked {asked} times about what fails")
    yield 200.0
    end()
    yield 700.0
    stage.came(bad, home.channel)
    stage.came(good, home.channel)


def shared(stage: Stage) -> Story:
    """Servers with the same token, and people who ask at once, share each question."""
    account = stage.account()
    homes = yield from stage.settle_many(account, 3)
    job = stage.job(account, 200, v2=False)
    for home in homes:
        home.status(job, 1)
        home.status(job, 2)
    yield 4.0
    asked = stage.asked(job)
    stage.expect(asked <= 3, f"{asked} questions for six people who ask at once")
    yield 190.0
    asked = stage.asked(job)
    most = 200 / stage.parts.interval + 6
    stage.expect(asked <= most, f"{asked} questions for three servers with the same token, at most {most:.0f}")
    yield 60.0 + stage.parts.interval
    for home in homes:
        stage.came(job, home.channel)


def many_at_a_start(stage: Stage) -> Story:
    """A process starts with many jobs: not all of them at once."""
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
    asked = stage.requests(account, since)
    stage.expect(asked < 36, f"{asked} questions in the first seconds of a process")
    yield 3100.0
    for job, home in jobs:
        stage.came(job, home.channel)


def followed_meanwhile(stage: Stage) -> Story:
    """A server begins to follow an account whose long list is just being taken up for another: it gets all of it."""
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
    # So many that they are taken in two steps; for these there is no room.
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
        mine = [job.jobid for job in account.jobs if stage.parts.pixverse.in_work(job)]
        return Trip(refused=Reply(200, [*mine, *others]))

    end = stage.on_api(rule)
    yield from stage.until(lambda: listed[0])
    yield 0.75
    answer = second.press_answer(question, "Follow the account")
    yield 1.0
    stage.disk()
    yield 20.0
    stage.says(answer, "Following")
    end()
    yield 500.0
    for home in (first, second):
        for job in jobs:
            stage.came(job, home.channel)
        home.choose("unfollow", home.channel)
    yield 900.0
    for home in (first, second):
        for job in before:
            stage.came(job, home.channel)
