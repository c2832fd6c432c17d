"""Outages of the API, the disk and the gateway, and crashes of the bot's own loops."""

from __future__ import annotations

from tests.simulation.discord_world import buttons_of, text_of
from tests.simulation.scene import Scene, SceneServer, Story
from tests.simulation.wire import Reply, Request, Trip

_GIVEN_UP_AFTER = 47 * 3600.0


def api_down(scene: Scene) -> Story:
    """The API is down for half an hour while many jobs run. Few requests probe whether it is back, and when it is, not
    all jobs are polled at once."""
    servers: list[SceneServer] = []
    jobs = []
    for _ in range(3):
        server = yield from scene.settle()
        servers.append(server)
        made = [scene.job(server, 600 + 30 * k, v2=False) for k in range(6)]
        server.watch(made)
        jobs += [(job, server) for job in made]
        yield 5.0
    yield 100.0
    known = {job.jobid: Reply(503, scene.parts.pixverse.record(job)) for job, _ in jobs}
    trips = (Trip(unreachable=True), Trip(refused=Reply(503, {"error": "no"})), Trip(there=50.0, lost_back=True), None)
    trip = scene.one_of(trips)
    tried = [0]

    def rule(request: Request) -> Trip:
        # A proxy may respond from its cache, and say that the response is old.
        tried[0] += 1
        return trip or Trip(refused=known.get(scene.subject(request), Reply(503, {"error": "no"})))

    end = scene.on_api(rule)
    yield 240.0
    before, tried[0] = tried[0], 0
    single = scene.job(servers[0], 60)
    answer = servers[0].status(single, 2)
    yield 60.0
    scene.says(answer, "isn't answering|watching")
    scene.expect(
        any(scene.messages(server.channel, "isn't answering") for server in servers), "no card tells of the outage"
    )
    yield 1200.0
    scene.expect(tried[0] <= 30, f"{tried[0]} requests in 20 minutes to an API that is down")
    scene.expect(before <= 200, f"{before} requests in the first four minutes")
    end()
    since = scene.now
    yield 8.0
    asked = sum(1 for at, _, _ in scene.parts.pixverse.requests if at > since)
    scene.expect(asked < 16, f"{asked} requests in the first seconds after an outage")
    yield 600.0
    for job, server in jobs:
        scene.came(job, server.channel)
    scene.came(single, servers[0].channel)
    scene.expect(
        not any(scene.messages(server.channel, "isn't answering") for server in servers), "told though it is over"
    )


def unknown_in_an_outage(scene: Scene) -> Story:
    """An unknown id is requested while the API is down: it is watched, and later reported as unknown, not as lost."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    job = scene.job(server, 60, v2=False)
    # The API has never known the id, as if it had a typo.
    job.vanishes_after = 0.0
    end = scene.with_token(account, None)
    scene.about(job, Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404}))
    answer = server.status(job)
    yield 30.0
    scene.says(answer, "watching|Watching")
    end()
    yield 400.0
    reports = scene.posted(server.channel, r"not found · #\d+")
    scene.expect(len(reports) == 1, f"{len(reports)} messages say that nobody knows the id")
    for one in reports:
        text = text_of(one.message)
        scene.expect("couldn't find this job" in text and "no longer" not in text, f"called lost: {text!r}")


def api_flickers(scene: Scene) -> Story:
    """Three of four requests to the API fail. The bot doesn't report it as down many times a minute."""
    server = yield from scene.settle()
    jobs = [scene.job(server, 500, v2=False) for _ in range(9)]
    for number, job in enumerate(jobs):
        server.status(job, 1 + number % 2)
    yield 30.0
    asked = [0]

    def rule(_request: Request) -> Trip | None:
        asked[0] += 1
        return Trip(refused=Reply(502, {"error": "no"})) if asked[0] % 4 else None

    end = scene.on_api(rule)
    logged = len(scene.parts.story)
    yield 400.0
    times = sum("PixVerse API does not answer" in line for line in scene.parts.story[logged:])
    scene.expect(times <= 3, f"an API that fails now and then is called down {times} times in seven minutes")
    end()
    yield 500.0
    for job in jobs:
        scene.came(job, server.channel)


def broken_off_at_once(scene: Scene) -> Story:
    """Requests for many jobs hang, and all fail at the same moment. They aren't repeated at the same moment."""
    servers: list[SceneServer] = []
    for _ in range(3):
        server = yield from scene.settle()
        servers.append(server)
    last = scene.job(servers[0], 280, v2=False)
    for server in servers:
        for person in (1, 2):
            server.watch([scene.job(server, 280, v2=False) for _ in range(4)], person)
        yield 0.5
    servers[0].status(last, 3)
    yield 50.0
    yield from scene.just_requested(last)
    yield scene.parts.interval - 8.0
    back_at = scene.now + 14.0
    end = scene.on_api(lambda _: Trip(there=max(0.0, back_at - scene.now), refused=Reply(502, {"error": "no"})))
    yield 14.0
    end()
    since = scene.now
    yield 2.0 * scene.parts.interval + 20.0
    times = sorted(at for at, _, _ in scene.parts.pixverse.requests if at > since)
    at_once = max((sum(at <= one < at + 1.0 for one in times) for at in times), default=0)
    scene.expect(at_once <= 13, f"{at_once} requests within a second after an outage")
    yield 300.0
    for server in servers:
        assert server.account is not None
        for job in server.account.jobs:
            scene.came(job, server.channel)


def slow_failures(scene: Scene) -> Story:
    """One request fails after 42 s, and others a moment later. The API has just responded to other requests, so it
    isn't down."""
    server = yield from scene.settle()
    other = yield from scene.settle()
    good = scene.job(other, 500, v2=False)
    other.status(good)
    bad = [scene.job(server, 900, v2=number == 0) for number in range(3)]
    scene.parts.pixverse.lagging = lambda job: job is bad[0]
    fail = Reply(502, {"error": "no"})

    def rule(request: Request) -> Trip | None:
        subject = scene.subject(request)
        if subject in (bad[1].jobid, bad[2].jobid):
            return Trip(refused=fail)
        if scene.token(request) != bad[0].account.token:
            return None
        return Trip(there=14.0, refused=fail if "/videos/" in request.path and subject != bad[0].jobid else None)

    for job in bad:
        server.status(job)
    yield 100.0
    end = scene.on_api(rule)
    logged = len(scene.parts.story)
    server.look(bad[0].jobid, 2)
    yield 41.9
    other.look(good.jobid, 3)
    yield 0.3
    server.look(bad[1].jobid, 3)
    server.look(bad[2].jobid, 4)
    yield 20.0
    lines = [line for line in scene.parts.story[logged:] if "does not answer" in line]
    scene.expect(not lines, "an API that has just answered is called down")
    end()
    yield 900.0
    for job in bad:
        scene.came(job, server.channel)
    scene.parts.pixverse.lagging = lambda _job: False


def disk_away(scene: Scene) -> Story:
    """The disk is full or locked while jobs end. The cards say so, and everything is done later."""
    server = yield from scene.settle()
    jobs = [scene.job(server, 200), scene.job(server, 1500, v2=False)]
    for job in jobs:
        server.status(job)
    yield 60.0
    full = scene.coin()
    scene.disk(full=full, locked=not full)
    yield 400.0
    scene.missing(jobs[0], server.channel)
    for job in jobs:
        scene.card_says(job, server.channel, "this bot is paused")
    asked = server.command("pixverse list", 2)
    yield 20.0
    scene.disk()
    yield 60.0
    scene.expect(not scene.messages(server.channel, "this bot is paused"), "a card tells of a pause that is over")
    # Within one interval after the bot noticed that the disk is back.
    yield max(0.0, scene.parts.interval - 30.0)
    scene.came(jobs[0], server.channel)
    yield 1340.0
    scene.came(jobs[1], server.channel)
    scene.expect(asked is not None, "nobody could ask")


def disk_in_the_middle(scene: Scene) -> Story:
    """The disk fails in the middle of transactions. They are rolled back, and their work is done later."""
    server = yield from scene.settle()
    jobs = [scene.job(server, 90, v2=False), scene.job(server, 90)]
    for job in jobs:
        server.status(job)
    yield 60.0
    taken, written = scene.one_of((1, 2, 3, 1)), [0]

    def fails(sql: str) -> bool:
        verb = sql.lstrip()[:6].upper()
        written[0] = 0 if verb.startswith("BEGIN") else written[0] + (verb in ("INSERT", "UPDATE", "DELETE"))
        return written[0] > taken and verb not in ("ROLLBA", "COMMIT")

    scene.disk(fails=fails)
    yield 60.0 + 1.5 * scene.parts.interval
    scene.disk()
    yield 700.0
    for job in jobs:
        scene.came(job, server.channel)


def disk_after_a_change(scene: Scene) -> Story:
    """The disk fails for a moment just after a change is committed. What follows from the change happens all the
    same."""
    account = scene.account()
    server, other = yield from scene.settle_many(account, 2)
    first = scene.job(account, 100, v2=False)
    server.status(first)
    other.status(first)
    yield 6.0
    second = scene.account()
    other.account = scene.parts.people.uses[other.guild.id] = second
    other.enter_token(second.token)
    yield 200.0
    scene.came(first, server.channel)
    scene.missing(first, other.channel)
    other.account = scene.parts.people.uses[other.guild.id] = account
    scene.due_again(first, other.channel)
    scene.fail_after_commit(2.0)
    other.enter_token(account.token)
    yield 10.0
    scene.disk()
    yield 200.0
    scene.came(first, other.channel)


def disk_at_the_record(scene: Scene) -> Story:
    """A result is posted, but the disk can't record that. It isn't posted again."""
    server = yield from scene.settle()
    job = scene.job(server, 60)
    server.status(job)
    yield 40.0
    posted = [False]

    def rule(request: Request) -> Trip | None:
        if request.method == "POST" and "outcome:details" in str(request.body) and not posted[0]:
            posted[0] = True
            scene.disk(full=True)
        return None

    scene.on_discord(rule)
    if scene.coin():
        # The process knows this without reading the history.
        scene.parts.discord.permit(server.channel, {"read_message_history"})
    yield 60.0 + scene.parts.interval
    scene.expect(posted[0], "nothing was posted")
    if scene.coin():
        yield 300.0
    scene.disk()
    yield 600.0
    scene.came(job, server.channel)
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, "Every result is posted")


def loops_crash(scene: Scene) -> Story:
    """Each of the bot's loops crashes where it waits, the poll loop with requests in flight."""
    server = yield from scene.settle()
    jobs = [scene.job(server, 700, v2=False, steps=6) for _ in range(5)]
    for number, job in enumerate(jobs):
        server.status(job, 1 + number % 3)
    yield 30.0
    edits = [0]

    def break_in_edit() -> None:
        scene.parts.fault_injector.crash_loop("cards")

    def rule(request: Request) -> None:
        if request.method == "PATCH" and "/channels/" in request.path:
            edits[0] += 1
            if edits[0] == 5:
                scene.parts.scheduler.after(0.01, break_in_edit)

    scene.on_discord(rule)
    for name in ("poll", "cards", "delivery", "accounts", "callbacks", "poll"):
        if not scene.parts.fault_injector.crash_loop(name):
            yield 3.0  # The loop had just crashed during an edit.
            scene.crash_loop(name)
        yield 70.0
    yield 500.0 + 2 * scene.parts.interval
    for job in jobs:
        scene.came(job, server.channel)
    yield 60.0
    for job in jobs:
        scene.card_says(job, server.channel, "Done|Finished")


def crashes_again(scene: Scene) -> Story:
    """A loop that crashes at each turn is restarted less and less often, and other loops go on."""
    server = yield from scene.settle()
    job = scene.job(server, 900, v2=False)
    server.status(job)
    yield 20.0
    crashed = 0
    for _ in range(240):
        crashed += scene.parts.fault_injector.crash_loop("accounts")
        yield 1.0
    scene.expect(crashed <= 10, f"a loop that crashes was started {crashed} times in four minutes")
    yield 900.0
    scene.came(job, server.channel)


def burst_refused(scene: Scene) -> Story:
    """Thirty jobs are queued, the token is refused, every other job is unwatched, and the token is renewed. All others
    are polled."""
    account = scene.account()
    servers: list[SceneServer] = []
    jobs = []
    for _ in range(3):
        server = yield from scene.settle(account)
        servers.append(server)
        for person in (1, 2):
            made = [scene.job(account, 1500) for _ in range(5)]
            server.watch(made, person)
            jobs += [(job, server, person) for job in made]
            yield 4.0
    scene.parts.pixverse.renew(account)
    yield scene.one_of((5.0, 15.0, 30.0))
    for job, server, person in jobs[::2]:
        scene.parts.ledger.void("unwatched", channel=server.channel, job=job)
        server.command("pixverse unwatch", person, jobid=job.jobid)
        yield 2.5
    for server in servers:
        server.enter_token(account.token)
    yield 2300.0
    for job, server, _ in jobs[1::2]:
        scene.came(job, server.channel)


def gateway_away(scene: Scene) -> Story:
    """The gateway is down or forgets the session. Results come all the same, and commands work again afterwards."""
    server = yield from scene.settle()
    job = scene.job(server, 60)
    server.status(job)
    yield 20.0
    kind = scene.one_of(("cut", "forgotten", "away", "closed"))
    discord = scene.parts.discord
    log_ins = len(discord.log_ins)
    if kind == "forgotten":
        discord.invalidate()
    elif kind == "closed":
        discord.cut_gateway(scene.one_of((4000, 4009, 1001)))
    else:
        discord.gateway_open = kind == "cut"
        discord.cut_gateway()
    yield 90.0 + scene.parts.interval
    scene.came(job, server.channel)
    scene.expect(kind != "cut" or len(discord.log_ins) == log_ins, "a connection that broke costs a log-in")
    discord.gateway_open = True
    yield 400.0
    later = scene.job(server, 30)
    answer = server.status(later)
    yield 60.0 + scene.parts.interval
    scene.says(answer, "Watching")
    scene.came(later, server.channel)


def card_refused(scene: Scene) -> Story:
    """Discord refuses or loses an edit of a card. The card shows the job's end all the same."""
    server = yield from scene.settle()
    job = scene.job(server, 100, v2=False)
    server.status(job)
    yield 20.0
    status, code = scene.one_of(((403, 50001), (400, 50035), (500, 0)))
    reply = Reply(status, {"message": "no", "code": code})
    times = [scene.one_of((1, 2))]

    def rule(request: Request) -> Trip | None:
        if request.method != "PATCH" or f"/channels/{server.channel.id}/messages" not in request.path or not times[0]:
            return None
        times[0] -= 1
        return Trip(refused=reply)

    end = scene.on_discord(rule)
    yield 170.0 + scene.parts.interval
    end()
    yield 2400.0
    scene.came(job, server.channel)
    scene.card_says(job, server.channel, "Done")
    labels = [label for label, _ in buttons_of(scene.card(job, server.channel))]
    scene.expect("Stop watching" not in labels, "a card of a job that has ended offers to stop it")


def edits_in_bounds(scene: Scene) -> Story:
    """Many cards in many channels have news all the time. The edits stay within the limits."""
    server = yield from scene.settle(channels=4)
    jobs = [scene.job(server, 150, v2=False, steps=20) for _ in range(6)]
    for number, job in enumerate(jobs):
        server.status(job, 1 + number % 2, server.guild.channels[number % 2])
    yield 5.0
    before = scene.parts.discord.edits
    yield 100.0
    edits = scene.parts.discord.edits - before
    scene.expect(edits <= 2 * 100 / 2 + 4, f"{edits} edits in 100 s in two channels")
    yield 150.0 + scene.parts.interval
    for number, job in enumerate(jobs):
        scene.came(job, server.guild.channels[number % 2])
    yield 30.0
    for number, job in enumerate(jobs):
        scene.card_says(job, server.guild.channels[number % 2], "Done")


def started_in_trouble(scene: Scene) -> Story:
    """When the bot starts, a proxy's page or an error is in Discord's place for some minutes. The bot starts all the
    same."""
    server = yield from scene.settle()
    job = scene.job(server, 300)
    server.status(job)
    yield 20.0
    page = scene.one_of(
        (Reply(200, b"<html>hi</html>", content_type="text/html"), Reply(200, {}), Reply(200, []), Reply(200, b"null"),
         Reply(502, b"<html>bad</html>", content_type="text/html"))
    )  # fmt: skip
    where = scene.one_of(("/users/@me", "/gateway/bot", "/oauth2/applications/@me"))
    end = scene.on_discord(lambda request: Trip(refused=page) if request.path.endswith(where) else None)
    scene.stop(10.0)
    yield 300.0
    end()
    yield 900.0
    scene.came(job, server.channel)
    later = scene.job(server, 30)
    answer = server.status(later)
    yield 60.0 + scene.parts.interval
    scene.says(answer, "Watching")


def stopped_gently(scene: Scene) -> Story:
    """SIGTERM during posts and downloads: work in progress is finished, or left to the next process."""
    server = yield from scene.settle()
    jobs = [scene.job(server, 30, files=2, v2=False) for _ in range(3)]
    for job in jobs:
        server.status(job)
    slow = scene.one_of(("media", "discord", "neither"))
    scene.on_media(lambda request: Trip(there=8.0) if slow == "media" and request.path.startswith("/attach") else None)
    scene.on_discord(
        lambda request: (
            Trip(there=4.0) if slow == "discord" and request.method == "POST" and "/channels/" in request.path else None
        )
    )
    yield 29.0 + scene.random.uniform(0.0, 1.2 * scene.parts.interval)
    scene.stop(20.0)
    yield 400.0
    for job in jobs:
        scene.came(job, server.channel)
    leftovers = scene.parts.machine.files_left()
    scene.expect(not leftovers, f"downloads are left on the disk: {leftovers}")


def killed_downloading(scene: Scene) -> Story:
    """kill -9 during a download or upload. No partial file is left, and the result comes."""
    server = yield from scene.settle()
    job = scene.job(server, 30, files=2)
    server.status(job)
    seen = [0]

    posting = scene.coin()

    def rule(request: Request) -> Trip | None:
        if request.files if posting else request.path in job.paths:
            seen[0] += 1
            if seen[0] == 1:
                scene.kill(20.0)
        return None

    if posting:
        scene.on_discord(rule)
    else:
        scene.on_media(rule)
    yield 400.0
    scene.came(job, server.channel)
    leftovers = scene.parts.machine.files_left()
    scene.expect(not leftovers, f"downloads are left on the disk: {leftovers}")


def gateway_hangs(scene: Scene) -> Story:
    """The gateway's connection breaks, and the address to resume it doesn't respond for a while."""
    server = yield from scene.settle()
    discord = scene.parts.discord
    discord.gateway_hangs = True
    discord.cut_gateway()
    yield 10.0
    discord.gateway_hangs = False
    yield 180.0
    answer = server.command("pixverse list")
    yield 6.0
    scene.says(answer, "Nothing is being watched")


def gateway_refuses(scene: Scene) -> Story:
    """Discord closes the gateway permanently, for an hour. The bot tries again now and then, and results come all the
    same."""
    server = yield from scene.settle()
    job = scene.job(server, 100)
    server.status(job)
    yield 20.0
    discord = scene.parts.discord
    discord.closes_with = scene.one_of((4014, 4013, 4010))
    discord.cut_gateway(discord.closes_with)
    yield 120.0 + scene.parts.interval
    scene.came(job, server.channel)
    before = len(discord.log_ins)
    yield 3600.0
    tried = len(discord.log_ins) - before
    scene.expect(0 < tried <= 16, f"{tried} log-ins in an hour in which each is refused")
    discord.closes_with = None
    yield 420.0
    answer = server.command("pixverse list")
    yield 6.0
    scene.says(answer, "Nothing is being watched")


def gateway_of_shards(scene: Scene) -> Story:
    """Discord recommends three shards. Only few IDENTIFYs may be left for the day."""
    servers = yield from scene.settle_many(scene.account(), 3)
    discord = scene.parts.discord
    scarce = scene.coin()
    if scarce:
        discord.log_ins_left, discord.log_ins_back_at = 7, scene.now + 900.0
    asked, log_ins = discord.asked_for_limit, len(discord.log_ins)
    discord.shards = 3
    discord.cut_gateway(4011)
    yield 4.0
    # If few are left, the limit is requested once more before an IDENTIFY.
    requests = discord.asked_for_limit - asked
    scene.expect(requests <= 2 + scarce, f"{requests} requests for one limit")
    yield 90.0
    new = len(discord.log_ins) - log_ins
    scene.expect(new == 3 - scarce, f"{new} log-ins of three shards")
    yield 1000.0 * scarce
    for server in servers:
        job = scene.job(server, 30)
        answer = server.status(job)
        yield 40.0 + 2 * scene.parts.interval
        scene.says(answer, "Watching")
        scene.came(job, server.channel)
    discord.shards = 1
    discord.cut_gateway(4010)
    yield 60.0
    answer = servers[0].command("pixverse list")
    yield 6.0
    scene.says(answer, "Nothing is being watched")


def of_a_server(scene: Scene) -> Story:
    """Discord's gateway can't reach a server for a while, and so doesn't report that one of its channels is deleted and
    that the bot may post in another one again. The result is posted there during the outage. After it, nothing is
    requested for the deleted channel any more."""
    server = yield from scene.settle()
    discord = scene.parts.discord
    gone = server.guild.channels[1]
    job, running = scene.job(server, 60), scene.job(server, 8000, v2=False)
    server.status(job)
    server.status(running, 2, gone)
    yield 20.0
    discord.permit(server.channel, {"send_messages"})
    yield 100.0 + scene.parts.interval
    scene.missing(job, server.channel)
    discord.begin_outage(server.guild)
    yield 5.0
    discord.permit(server.channel, set())
    discord.delete_channel(gone)
    if scene.coin():
        # Then the gateway has never reported the server.
        scene.stop(20.0)
    yield 600.0
    scene.came(job, server.channel)
    scene.parts.ledger.void("the channel is gone", channel=gone)
    discord.end_outage(server.guild)
    yield 60.0
    since = scene.now
    yield 900.0
    scene.expect(not scene.requests_for(running, since), f"{running.prompt} is requested, though its channel is gone")


def commands_changed(scene: Scene) -> Story:
    """Discord has commands of an older version. After a start it has the current ones, in every language."""
    server = yield from scene.settle()
    discord = scene.parts.discord
    kind = scene.one_of(("a translation more", "a command more", "one less"))
    if kind == "a translation more":
        discord.commands[0]["description_localizations"] = {
            **(discord.commands[0].get("description_localizations") or {}), "sv-SE": "Gammal"
        }  # fmt: skip
    elif kind == "a command more":
        discord.commands = [*discord.commands, {"id": "9", "type": 1, "name": "old", "description": "Old"}]
    else:
        discord.commands = discord.commands[1:]
    scene.stop(10.0)
    yield 120.0
    names = {command["name"] for command in discord.commands}
    scene.expect({"pixverse", "pixverse-admin"} <= names and "old" not in names, f"the commands are {names}")
    scene.expect("sv-SE" not in str(discord.commands), "a translation of before stays")
    for option in discord.commands[0]["options"]:
        languages = option.get("description_localizations") or {}
        scene.expect({"de", "ja"} <= languages.keys(), f"{option['name']} is described in {sorted(languages)} alone")
    answer = server.command("pixverse list")
    yield 6.0
    scene.says(answer, "Nothing is being watched")


def commit_lost(scene: Scene) -> Story:
    """A job is watched, and the last person who waits for another one stops that. Both transactions are committed but
    report errors. The bot soon knows what is true."""
    server = yield from scene.settle()
    job, stopped = scene.job(server, 300, v2=False), scene.job(server, 3000, v2=False)
    server.status(stopped)
    yield 20.0
    scene.lose_commit("INSERT INTO subscriptions")
    answer = server.status(job)
    yield 30.0
    scene.says(answer, "restarting")
    yield 60.0
    scene.lose_commit("UPDATE subscriptions SET ended_at")
    answer = server.command("pixverse unwatch", jobid=stopped.jobid)
    yield 90.0
    scene.says(answer, "restarting")
    scene.disk()
    scene.parts.ledger.void("stopped", channel=server.channel, job=stopped)
    since = scene.now
    yield 400.0
    scene.came(job, server.channel)
    scene.expect(scene.requests_for(stopped, since) == 0, f"{stopped.prompt} is asked about for nobody")


def other_settings(scene: Scene) -> Story:
    """The operator shortens `JOB_MAX_AGE` and lowers the limits at a restart. What is too old is given up, once; what
    is open goes on; nothing more is accepted than the new limits allow."""
    server = yield from scene.settle()
    here, there = server.guild.channels
    old, young = scene.job(server, 9000, v2=False), scene.job(server, 9000, v2=False)
    server.status(old, 1, here)
    yield 2400.0
    server.status(young, 2, there)
    yield 60.0
    machine, ledger = scene.parts.machine, scene.parts.ledger
    before = dict(machine.settings)
    machine.settings |= {"JOB_MAX_AGE": "0.5", "MAX_OPEN_PER_SERVER": "1", "MAX_OPEN_PER_USER": "1"}
    ledger.given_up_after = 1700.0
    scene.stop(2.0)
    yield 90.0
    scene.came(old, here, r"given up · #\d+", files=0)
    scene.missing(young, there)
    refused = server.status(scene.job(server, 300), 3, here)
    yield 8.0
    scene.says(refused, "at its limit of 1 job")
    since = scene.now
    yield 1900.0
    scene.came(young, there, r"given up · #\d+", files=0)
    scene.expect(scene.requests_for(old, since) == 0, "a job that was given up is requested")
    machine.settings.clear()
    machine.settings |= before
    scene.stop(2.0)
    yield 60.0
    scene.expect_another_result(old, here)
    answer = server.status(old, 1, here)
    yield 8.0
    scene.says(answer, "[Ww]atching")
    ledger.given_up_after = _GIVEN_UP_AFTER
    scene.finish(old)
    yield 60.0 + 6.0 * scene.parts.interval
    scene.came(old, here, r"completed · #\d+", times=2)
    scene.came(young, there, r"given up · #\d+", files=0)


def stopped_with_questions(scene: Scene) -> Story:
    """SIGTERM comes while members wait for replies that take long, and others ask after it. Nobody is left without a
    reply, and what was promised comes."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    jobs = [scene.job(server, 200) for _ in range(5)]
    end = scene.slow(account, scene.one_of((2.0, 5.0, 30.0)))
    asked = [
        server.status(jobs[0], 1),
        server.watch(jobs[1:3], 2),
        server.look(jobs[3].jobid, 3),
        server.admin("check"),
        server.command("pixverse list", 4),
    ]
    yield scene.one_of((0.3, 1.5))
    scene.stop(5.0)
    for wait in (0.0, 0.2, 1.0):
        yield wait
        if scene.parts.machine.runs:
            asked.append(server.status(jobs[4], 5))
            asked.append(server.command("pixverse list", 4))
    yield 20.0
    for answer in asked:
        thinks = any(message.get("thinking") for message in answer.shown.values())
        if answer.life:
            scene.expect(answer.answered_at is not None and not thinks, f"no reply to {answer.what}: {answer.text!r}")
    end()
    yield 60.0
    for job in jobs:
        server.status(job, 1)
        yield 3.0
    yield 260.0 + 3.0 * scene.parts.interval
    for job in jobs:
        scene.came(job, server.channel)
