"""Outages of the API, the disk and the gateway, and crashes of the bot's own loops."""

from __future__ import annotations

from tests.simulation.discord_world import buttons_of, text_of
from tests.simulation.stage import Home, Stage, Story
from tests.simulation.wire import Reply, Request, Trip


def api_down(stage: Stage) -> Story:
    """The API is down for half an hour while many jobs run. Few requests probe whether it is back, and when it is, not
    all jobs are polled at once."""
    homes: list[Home] = []
    jobs = []
    for _ in range(3):
        home = yield from stage.settle()
        homes.append(home)
        made = [stage.job(home, 600 + 30 * k, v2=False) for k in range(6)]
        home.watch(made)
        jobs += [(job, home) for job in made]
        yield 5.0
    yield 100.0
    known = {job.jobid: Reply(503, stage.parts.pixverse.record(job)) for job, _ in jobs}
    trips = (Trip(unreachable=True), Trip(refused=Reply(503, {"error": "no"})), Trip(there=50.0, lost_back=True), None)
    trip = stage.one_of(trips)
    tried = [0]

    def rule(request: Request) -> Trip:
        # A proxy may respond from its cache, and say that the response is old.
        tried[0] += 1
        return trip or Trip(refused=known.get(stage.subject(request), Reply(503, {"error": "no"})))

    end = stage.on_api(rule)
    yield 240.0
    before, tried[0] = tried[0], 0
    single = stage.job(homes[0], 60)
    answer = homes[0].status(single, 2)
    yield 60.0
    stage.says(answer, "isn't answering|watching")
    stage.expect(any(stage.messages(home.channel, "isn't answering") for home in homes), "no card tells of the outage")
    yield 1200.0
    stage.expect(tried[0] <= 30, f"{tried[0]} requests in 20 minutes to an API that is down")
    stage.expect(before <= 200, f"{before} requests in the first four minutes")
    end()
    since = stage.now
    yield 8.0
    asked = sum(1 for at, _, _ in stage.parts.pixverse.requests if at > since)
    stage.expect(asked < 16, f"{asked} questions in the first seconds after an outage")
    yield 600.0
    for job, home in jobs:
        stage.came(job, home.channel)
    stage.came(single, homes[0].channel)
    stage.expect(not any(stage.messages(home.channel, "isn't answering") for home in homes), "told though it is over")


def unknown_in_an_outage(stage: Stage) -> Story:
    """An unknown id is requested while the API is down: it is watched, and later reported as unknown, not as lost."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    job = stage.job(home, 60, v2=False)
    # The API has never known the id, as if it had a typo.
    job.vanishes_after = 0.0
    end = stage.with_token(account, None)
    stage.about(job, Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404}))
    answer = home.status(job)
    yield 30.0
    stage.says(answer, "watching|Watching")
    end()
    yield 400.0
    reports = stage.posted(home.channel, r"not found · #\d+")
    stage.expect(len(reports) == 1, f"{len(reports)} messages say that nobody knows the id")
    for one in reports:
        text = text_of(one.message)
        stage.expect("couldn't find this job" in text and "no longer" not in text, f"called lost: {text!r}")


def api_flickers(stage: Stage) -> Story:
    """Three of four requests to the API fail. The bot doesn't report it as down many times a minute."""
    home = yield from stage.settle()
    jobs = [stage.job(home, 500, v2=False) for _ in range(9)]
    for number, job in enumerate(jobs):
        home.status(job, 1 + number % 2)
    yield 30.0
    asked = [0]

    def rule(_request: Request) -> Trip | None:
        asked[0] += 1
        return Trip(refused=Reply(502, {"error": "no"})) if asked[0] % 4 else None

    end = stage.on_api(rule)
    logged = len(stage.parts.story)
    yield 400.0
    lines = [line for line in stage.parts.story[logged:] if "isn't answering" in line or "not answering" in line]
    stage.expect(len(lines) < 14, f"an API that fails now and then is called down {len(lines)} times")
    end()
    yield 500.0
    for job in jobs:
        stage.came(job, home.channel)


def broken_off_at_once(stage: Stage) -> Story:
    """Requests for many jobs hang, and all fail at the same moment. They aren't repeated at the same moment."""
    homes: list[Home] = []
    for _ in range(3):
        home = yield from stage.settle()
        homes.append(home)
    last = stage.job(homes[0], 280, v2=False)
    for home in homes:
        for person in (1, 2):
            home.watch([stage.job(home, 280, v2=False) for _ in range(4)], person)
        yield 0.5
    homes[0].status(last, 3)
    yield 50.0
    yield from stage.just_requested(last)
    yield stage.parts.interval - 8.0
    back_at = stage.now + 14.0
    end = stage.on_api(lambda _: Trip(there=max(0.0, back_at - stage.now), refused=Reply(502, {"error": "no"})))
    yield 14.0
    end()
    since = stage.now
    yield 2.0 * stage.parts.interval + 20.0
    times = sorted(at for at, _, _ in stage.parts.pixverse.requests if at > since)
    at_once = max((sum(at <= one < at + 1.0 for one in times) for at in times), default=0)
    stage.expect(at_once <= 13, f"{at_once} questions within a second after an outage")
    yield 300.0
    for home in homes:
        assert home.account is not None
        for job in home.account.jobs:
            stage.came(job, home.channel)


def slow_failures(stage: Stage) -> Story:
    """One request fails after 42 s, and others a moment later. The API has just responded to other requests, so it
    isn't down."""
    home = yield from stage.settle()
    other = yield from stage.settle()
    good = stage.job(other, 500, v2=False)
    other.status(good)
    bad = [stage.job(home, 900, v2=number == 0) for number in range(3)]
    stage.parts.pixverse.lagging = lambda job: job is bad[0]
    fail = Reply(502, {"error": "no"})

    def rule(request: Request) -> Trip | None:
        subject = stage.subject(request)
        if subject in (bad[1].jobid, bad[2].jobid):
            return Trip(refused=fail)
        if stage.token(request) != bad[0].account.token:
            return None
        return Trip(there=14.0, refused=fail if "/videos/" in request.path and subject != bad[0].jobid else None)

    for job in bad:
        home.status(job)
    yield 100.0
    end = stage.on_api(rule)
    logged = len(stage.parts.story)
    home.look(bad[0].jobid, 2)
    yield 41.9
    other.look(good.jobid, 3)
    yield 0.3
    home.look(bad[1].jobid, 3)
    home.look(bad[2].jobid, 4)
    yield 20.0
    lines = [line for line in stage.parts.story[logged:] if "does not answer" in line]
    stage.expect(not lines, "an API that has just answered is called down")
    end()
    yield 900.0
    for job in bad:
        stage.came(job, home.channel)
    stage.parts.pixverse.lagging = lambda _job: False


def disk_away(stage: Stage) -> Story:
    """The disk is full or locked while jobs end. The cards say so, and everything is done later."""
    home = yield from stage.settle()
    jobs = [stage.job(home, 200), stage.job(home, 1500, v2=False)]
    for job in jobs:
        home.status(job)
    yield 60.0
    full = stage.coin()
    stage.disk(full=full, locked=not full)
    yield 400.0
    stage.missing(jobs[0], home.channel)
    for job in jobs:
        stage.card_says(job, home.channel, "this bot is paused")
    asked = home.command("pixverse list", 2)
    yield 20.0
    stage.disk()
    yield 60.0
    stage.expect(not stage.messages(home.channel, "this bot is paused"), "a card tells of a pause that is over")
    # Within one interval after the bot noticed that the disk is back.
    yield max(0.0, stage.parts.interval - 30.0)
    stage.came(jobs[0], home.channel)
    yield 1340.0
    stage.came(jobs[1], home.channel)
    stage.expect(asked is not None, "nobody could ask")


def disk_in_the_middle(stage: Stage) -> Story:
    """The disk fails in the middle of transactions. They are rolled back, and their work is done later."""
    home = yield from stage.settle()
    jobs = [stage.job(home, 90, v2=False), stage.job(home, 90)]
    for job in jobs:
        home.status(job)
    yield 60.0
    taken, written = stage.one_of((1, 2, 3, 1)), [0]

    def fails(sql: str) -> bool:
        verb = sql.lstrip()[:6].upper()
        written[0] = 0 if verb.startswith("BEGIN") else written[0] + (verb in ("INSERT", "UPDATE", "DELETE"))
        return written[0] > taken and verb not in ("ROLLBA", "COMMIT")

    stage.disk(fails=fails)
    yield 60.0 + 1.5 * stage.parts.interval
    stage.disk()
    yield 700.0
    for job in jobs:
        stage.came(job, home.channel)


def disk_after_a_change(stage: Stage) -> Story:
    """The disk fails for a moment just after a change is committed. What follows from the change happens all the
    same."""
    account = stage.account()
    home, other = yield from stage.settle_many(account, 2)
    first = stage.job(account, 100, v2=False)
    home.status(first)
    other.status(first)
    yield 6.0
    second = stage.account()
    other.account = stage.parts.people.uses[other.guild.id] = second
    other.enter_token(second.token)
    yield 200.0
    stage.came(first, home.channel)
    stage.missing(first, other.channel)
    other.account = stage.parts.people.uses[other.guild.id] = account
    stage.due_again(first, other.channel)
    stage.fail_after_commit(2.0)
    other.enter_token(account.token)
    yield 10.0
    stage.disk()
    yield 200.0
    stage.came(first, other.channel)


def disk_at_the_record(stage: Stage) -> Story:
    """A result is posted, but the disk can't record that. It isn't posted again."""
    home = yield from stage.settle()
    job = stage.job(home, 60)
    home.status(job)
    yield 40.0
    posted = [False]

    def rule(request: Request) -> Trip | None:
        if request.method == "POST" and "outcome:details" in str(request.body) and not posted[0]:
            posted[0] = True
            stage.disk(full=True)
        return None

    stage.on_discord(rule)
    if stage.coin():
        # The process knows this without reading the history.
        stage.parts.discord.permit(home.channel, {"read_message_history"})
    yield 60.0 + stage.parts.interval
    stage.expect(posted[0], "nothing was posted")
    if stage.coin():
        yield 300.0
    stage.disk()
    yield 600.0
    stage.came(job, home.channel)
    answer = home.admin("deliveries")
    yield 6.0
    stage.says(answer, "Every result is posted")


def loops_crash(stage: Stage) -> Story:
    """Each of the bot's loops crashes where it waits, the poll loop with requests in flight."""
    home = yield from stage.settle()
    jobs = [stage.job(home, 700, v2=False, steps=6) for _ in range(5)]
    for number, job in enumerate(jobs):
        home.status(job, 1 + number % 3)
    yield 30.0
    edits = [0]

    def break_in_edit() -> None:
        stage.parts.fault_injector.crash_loop("cards")

    def rule(request: Request) -> None:
        if request.method == "PATCH" and "/channels/" in request.path:
            edits[0] += 1
            if edits[0] == 5:
                stage.parts.scheduler.after(0.01, break_in_edit)

    stage.on_discord(rule)
    for name in ("poll", "cards", "delivery", "accounts", "callbacks", "poll"):
        if not stage.parts.fault_injector.crash_loop(name):
            yield 3.0  # The loop had just crashed during an edit.
            stage.crash_loop(name)
        yield 70.0
    yield 500.0 + 2 * stage.parts.interval
    for job in jobs:
        stage.came(job, home.channel)
    yield 60.0
    for job in jobs:
        stage.card_says(job, home.channel, "Done|Finished")


def crashes_again(stage: Stage) -> Story:
    """A loop that crashes at each turn is restarted less and less often, and other loops go on."""
    home = yield from stage.settle()
    job = stage.job(home, 900, v2=False)
    home.status(job)
    yield 20.0
    crashed = 0
    for _ in range(240):
        crashed += stage.parts.fault_injector.crash_loop("accounts")
        yield 1.0
    stage.expect(crashed <= 10, f"a loop that crashes was started {crashed} times in four minutes")
    yield 900.0
    stage.came(job, home.channel)


def burst_refused(stage: Stage) -> Story:
    """Thirty jobs are queued, the token is refused, every other job is unwatched, and the token is renewed. All others
    are polled."""
    account = stage.account()
    homes: list[Home] = []
    jobs = []
    for _ in range(3):
        home = yield from stage.settle(account)
        homes.append(home)
        for person in (1, 2):
            made = [stage.job(account, 1500) for _ in range(5)]
            home.watch(made, person)
            jobs += [(job, home, person) for job in made]
            yield 4.0
    stage.parts.pixverse.renew(account)
    yield stage.one_of((5.0, 15.0, 30.0))
    for job, home, person in jobs[::2]:
        stage.parts.ledger.void("unwatched", channel=home.channel, job=job)
        home.command("pixverse unwatch", person, jobid=job.jobid)
        yield 2.5
    for home in homes:
        home.enter_token(account.token)
    yield 2300.0
    for job, home, _ in jobs[1::2]:
        stage.came(job, home.channel)


def gateway_away(stage: Stage) -> Story:
    """The gateway is down or forgets the session. Results come all the same, and commands work again afterwards."""
    home = yield from stage.settle()
    job = stage.job(home, 60)
    home.status(job)
    yield 20.0
    kind = stage.one_of(("cut", "forgotten", "away", "closed"))
    discord = stage.parts.discord
    log_ins = len(discord.log_ins)
    if kind == "forgotten":
        discord.invalidate()
    elif kind == "closed":
        discord.cut_gateway(stage.one_of((4000, 4009, 1001)))
    else:
        discord.gateway_open = kind == "cut"
        discord.cut_gateway()
    yield 90.0 + stage.parts.interval
    stage.came(job, home.channel)
    stage.expect(kind != "cut" or len(discord.log_ins) == log_ins, "a connection that broke costs a log-in")
    discord.gateway_open = True
    yield 400.0
    later = stage.job(home, 30)
    answer = home.status(later)
    yield 60.0 + stage.parts.interval
    stage.says(answer, "Watching")
    stage.came(later, home.channel)


def card_refused(stage: Stage) -> Story:
    """Discord refuses or loses an edit of a card. The card shows the job's end all the same."""
    home = yield from stage.settle()
    job = stage.job(home, 100, v2=False)
    home.status(job)
    yield 20.0
    status, code = stage.one_of(((403, 50001), (400, 50035), (500, 0)))
    reply = Reply(status, {"message": "no", "code": code})
    times = [stage.one_of((1, 2))]

    def rule(request: Request) -> Trip | None:
        if request.method != "PATCH" or f"/channels/{home.channel.id}/messages" not in request.path or not times[0]:
            return None
        times[0] -= 1
        return Trip(refused=reply)

    end = stage.on_discord(rule)
    yield 170.0 + stage.parts.interval
    end()
    yield 2400.0
    stage.came(job, home.channel)
    stage.card_says(job, home.channel, "Done")
    labels = [label for label, _ in buttons_of(stage.card(job, home.channel))]
    stage.expect("Stop watching" not in labels, "a card of a job that has ended offers to stop it")


def edits_in_bounds(stage: Stage) -> Story:
    """Many cards in many channels have news all the time. The edits stay within the contract's limits."""
    home = yield from stage.settle(channels=4)
    jobs = [stage.job(home, 150, v2=False, steps=20) for _ in range(6)]
    for number, job in enumerate(jobs):
        home.status(job, 1 + number % 2, home.guild.channels[number % 2])
    yield 5.0
    before = stage.parts.discord.edits
    yield 100.0
    edits = stage.parts.discord.edits - before
    stage.expect(edits <= 2 * 100 / 2 + 4, f"{edits} edits in 100 s in two channels")
    yield 150.0 + stage.parts.interval
    for number, job in enumerate(jobs):
        stage.came(job, home.guild.channels[number % 2])
    yield 30.0
    for number, job in enumerate(jobs):
        stage.card_says(job, home.guild.channels[number % 2], "Done")


def started_in_trouble(stage: Stage) -> Story:
    """When the bot starts, a proxy's page or an error is in Discord's place for some minutes. The bot starts all the
    same."""
    home = yield from stage.settle()
    job = stage.job(home, 300)
    home.status(job)
    yield 20.0
    page = stage.one_of(
        (Reply(200, b"<html>hi</html>", content_type="text/html"), Reply(200, {}), Reply(200, []), Reply(200, b"null"),
         Reply(502, b"<html>bad</html>", content_type="text/html"))
    )  # fmt: skip
    where = stage.one_of(("/users/@me", "/gateway/bot", "/oauth2/applications/@me"))
    end = stage.on_discord(lambda request: Trip(refused=page) if request.path.endswith(where) else None)
    stage.stop(10.0)
    yield 300.0
    end()
    yield 900.0
    stage.came(job, home.channel)
    later = stage.job(home, 30)
    answer = home.status(later)
    yield 60.0 + stage.parts.interval
    stage.says(answer, "Watching")


def stopped_gently(stage: Stage) -> Story:
    """SIGTERM during posts and downloads: work in progress is finished, or left to the next process."""
    home = yield from stage.settle()
    jobs = [stage.job(home, 30, files=2, v2=False) for _ in range(3)]
    for job in jobs:
        home.status(job)
    slow = stage.one_of(("media", "discord", "neither"))
    stage.on_media(lambda request: Trip(there=8.0) if slow == "media" and request.path.startswith("/attach") else None)
    stage.on_discord(
        lambda request: (
            Trip(there=4.0) if slow == "discord" and request.method == "POST" and "/channels/" in request.path else None
        )
    )
    yield 29.0 + stage.random.uniform(0.0, 1.2 * stage.parts.interval)
    stage.stop(20.0)
    yield 400.0
    for job in jobs:
        stage.came(job, home.channel)
    leftovers = stage.parts.machine.files_left()
    stage.expect(not leftovers, f"downloads are left on the disk: {leftovers}")


def killed_downloading(stage: Stage) -> Story:
    """kill -9 during a download or upload. No partial file is left, and the result comes."""
    home = yield from stage.settle()
    job = stage.job(home, 30, files=2)
    home.status(job)
    seen = [0]

    posting = stage.coin()

    def rule(request: Request) -> Trip | None:
        if request.files if posting else request.path in job.paths:
            seen[0] += 1
            if seen[0] == 1:
                stage.kill(20.0)
        return None

    if posting:
        stage.on_discord(rule)
    else:
        stage.on_media(rule)
    yield 400.0
    stage.came(job, home.channel)
    leftovers = stage.parts.machine.files_left()
    stage.expect(not leftovers, f"downloads are left on the disk: {leftovers}")


def gateway_hangs(stage: Stage) -> Story:
    """The gateway's connection breaks, and the address to resume it doesn't respond for a while."""
    home = yield from stage.settle()
    discord = stage.parts.discord
    discord.gateway_hangs = True
    discord.cut_gateway()
    yield 10.0
    discord.gateway_hangs = False
    yield 180.0
    answer = home.command("pixverse list")
    yield 6.0
    stage.says(answer, "Nothing is being watched")


def gateway_refuses(stage: Stage) -> Story:
    """Discord closes the gateway permanently, for an hour. The bot tries again now and then, and results come all the
    same."""
    home = yield from stage.settle()
    job = stage.job(home, 100)
    home.status(job)
    yield 20.0
    discord = stage.parts.discord
    discord.closes_with = stage.one_of((4014, 4013, 4010))
    discord.cut_gateway(discord.closes_with)
    yield 120.0 + stage.parts.interval
    stage.came(job, home.channel)
    before = len(discord.log_ins)
    yield 3600.0
    tried = len(discord.log_ins) - before
    stage.expect(0 < tried <= 16, f"{tried} log-ins in an hour in which each is refused")
    discord.closes_with = None
    yield 420.0
    answer = home.command("pixverse list")
    yield 6.0
    stage.says(answer, "Nothing is being watched")


def gateway_of_shards(stage: Stage) -> Story:
    """Discord recommends three shards. Only few IDENTIFYs may be left for the day."""
    homes = yield from stage.settle_many(stage.account(), 3)
    discord = stage.parts.discord
    scarce = stage.coin()
    if scarce:
        discord.log_ins_left, discord.log_ins_back_at = 7, stage.now + 900.0
    asked, log_ins = discord.asked_for_limit, len(discord.log_ins)
    discord.shards = 3
    discord.cut_gateway(4011)
    yield 4.0
    stage.expect(discord.asked_for_limit - asked <= 2, f"{discord.asked_for_limit - asked} requests for one limit")
    yield 90.0
    new = len(discord.log_ins) - log_ins
    stage.expect(new == 3 - scarce, f"{new} log-ins of three shards")
    yield 1000.0 * scarce
    for home in homes:
        job = stage.job(home, 30)
        answer = home.status(job)
        yield 40.0 + 2 * stage.parts.interval
        stage.says(answer, "Watching")
        stage.came(job, home.channel)
    discord.shards = 1
    discord.cut_gateway(4010)
    yield 60.0
    answer = homes[0].command("pixverse list")
    yield 6.0
    stage.says(answer, "Nothing is being watched")


def of_a_server(stage: Stage) -> Story:
    """Discord's gateway can't reach a server for a while, and so doesn't report that one of its channels is deleted and
    that the bot may post in another one again. The result is posted there during the outage. After it, nothing is
    requested for the deleted channel any more."""
    home = yield from stage.settle()
    discord = stage.parts.discord
    gone = home.guild.channels[1]
    job, running = stage.job(home, 60), stage.job(home, 8000, v2=False)
    home.status(job)
    home.status(running, 2, gone)
    yield 20.0
    discord.permit(home.channel, {"send_messages"})
    yield 100.0 + stage.parts.interval
    stage.missing(job, home.channel)
    discord.begin_outage(home.guild)
    yield 5.0
    discord.permit(home.channel, set())
    discord.delete_channel(gone)
    if stage.coin():
        # Then the gateway has never reported the server.
        stage.stop(20.0)
    yield 600.0
    stage.came(job, home.channel)
    stage.parts.ledger.void("the channel is gone", channel=gone)
    discord.end_outage(home.guild)
    yield 60.0
    since = stage.now
    yield 900.0
    stage.expect(not stage.requests_for(running, since), f"{running.prompt} is requested, though its channel is gone")


def commands_changed(stage: Stage) -> Story:
    """Discord has commands of an older version. After a start it has the current ones, in every language."""
    home = yield from stage.settle()
    discord = stage.parts.discord
    kind = stage.one_of(("a translation more", "a command more", "one less"))
    if kind == "a translation more":
        discord.commands[0]["description_localizations"] = {
            **(discord.commands[0].get("description_localizations") or {}), "sv-SE": "Gammal"
        }  # fmt: skip
    elif kind == "a command more":
        discord.commands = [*discord.commands, {"id": "9", "type": 1, "name": "old", "description": "Old"}]
    else:
        discord.commands = discord.commands[1:]
    stage.stop(10.0)
    yield 120.0
    names = {command["name"] for command in discord.commands}
    stage.expect({"pixverse", "pixverse-admin"} <= names and "old" not in names, f"the commands are {names}")
    stage.expect("sv-SE" not in str(discord.commands), "a translation of before stays")
    for option in discord.commands[0]["options"]:
        languages = option.get("description_localizations") or {}
        stage.expect({"de", "ja"} <= languages.keys(), f"{option['name']} is described in {sorted(languages)} alone")
    answer = home.command("pixverse list")
    yield 6.0
    stage.says(answer, "Nothing is being watched")


def commit_lost(stage: Stage) -> Story:
    """A job is watched, and the last person who waits for another one stops that. Both transactions are committed but
    report errors. The bot soon knows what is true."""
    home = yield from stage.settle()
    job, stopped = stage.job(home, 300, v2=False), stage.job(home, 3000, v2=False)
    home.status(stopped)
    yield 20.0
    stage.lose_commit("INSERT INTO subscriptions")
    answer = home.status(job)
    yield 30.0
    stage.says(answer, "restarting")
    yield 60.0
    stage.lose_commit("UPDATE subscriptions SET ended_at")
    answer = home.command("pixverse unwatch", jobid=stopped.jobid)
    yield 90.0
    stage.says(answer, "restarting")
    stage.disk()
    stage.parts.ledger.void("stopped", channel=home.channel, job=stopped)
    since = stage.now
    yield 400.0
    stage.came(job, home.channel)
    stage.expect(stage.requests_for(stopped, since) == 0, f"{stopped.prompt} is asked about for nobody")
