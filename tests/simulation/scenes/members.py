"""What members and admins may do, and how much of it."""

from __future__ import annotations

import json
import re
from copy import deepcopy

from tests.simulation.discord_world import Interaction, buttons_of, text_of
from tests.simulation.fault_injector import LOOP_CRASHED
from tests.simulation.pasting import NONSENSE
from tests.simulation.pixverse_world import Account
from tests.simulation.scene import Scene, SceneServer, Story
from tests.simulation.wire import Reply, Request, Trip

_SLOW_DOWN = "One moment"
_ADMINS_ONLY = "Manage Server"
_NOTHING = "no longer does anything"


def _watch_unknown(
    server: SceneServer, account: Account, person: int, ids: range, *, apart: bool = False
) -> Interaction:
    """Watches a list of ids of which nothing is known. `apart`: each id has its own e-mail address, and so its own
    list."""
    emails = {number: f"{number}{account.email}" if apart else account.email for number in ids}
    named = [f"user:{account.number}-pixverse:{emails[number]}-video:{10**13 + number}" for number in ids]
    return server.command("pixverse watch", person, jobids=" ".join(named))


def nonsense(scene: Scene) -> Story:
    """Words that aren't ids are refused by name, in every option, and never passed on."""
    server = yield from scene.settle()
    since = scene.now
    for number, (word, expected) in enumerate(NONSENSE):
        person = 1 + number % 5
        answers = [
            server.command("pixverse status", person, jobid=word),
            server.command("pixverse unwatch", person, jobid=word),
        ]
        yield 6.0
        for answer in answers:
            scene.says(answer, expected)
            scene.expect("abcdefabcdef" not in answer.text, f"a secret is shown: {answer.text!r}")
    account = server.account
    assert account is not None
    asked = [what for at, used, what in scene.parts.pixverse.requests if at > since and used == account.token]
    scene.expect(not any("abcdef" in what or "%" in what for what in asked), f"sent to the API: {asked}")
    yield 60.0
    good = [scene.job(server, 60), scene.job(server, 60)]
    ids = f"{good[0].jobid} user:5-abcdefabcdef, {good[1].jobid}"
    answer = server.command("pixverse watch", jobids=ids, jobs=good)
    yield 8.0
    scene.says(answer, "Watching 2 jobs", "secret|token", never="abcdefabcdef")
    yield 120.0
    for job in good:
        scene.came(job, server.channel)


def pasted(scene: Scene) -> Story:
    """Ids as people paste them: each is recognised."""
    server = yield from scene.settle()
    forms = scene.forms()
    scene.random.shuffle(forms)
    for number, form in enumerate(forms):
        job = scene.job(server, 30, v2=True)
        answer = server.command("pixverse status", 1 + number % 5, jobid=form(job.jobid), jobs=[job])
        yield 12.0
        scene.says(answer, "Watching|I'll post")
        if number % 3 == 2:
            yield 80.0
    yield 120.0
    job = scene.job(server, 30, v2=True)
    many = server.command("pixverse watch", jobids=f"look at {job.jobid} and tell me please", jobs=[job])
    yield 90.0 + scene.parts.interval
    scene.says(many, "Watching 1 job|Watching", never="left out|isn't a job id")
    scene.came(job, server.channel)


def only_admins(scene: Scene) -> Story:
    """Only admins can use admins' commands, forms and buttons; not even somebody who was an admin a minute ago can."""
    server = yield from scene.settle()
    other = yield from scene.settle()
    job = scene.job(server, 30)
    server.status(job)
    yield 60.0 + scene.parts.interval
    answers: list[Interaction] = []
    for number, path in enumerate(("token set", "token remove", "check", "deliveries", "callback")):
        answers.append(server.command(f"pixverse-admin {path}", 1 + number % 5))
        yield 4.0
    for path in ("follow", "alerts"):
        chosen = scene.parts.people.chosen(server.channel)
        answers.append(server.command(f"pixverse-admin {path}", 2, channel=str(server.channel.id), resolved=chosen))
        yield 4.0
    answers.append(server.command("pixverse-admin unfollow", 3, channel=str(server.channel.id)))
    yield 4.0
    for answer in answers:
        scene.says(answer, _ADMINS_ONLY)
        scene.expect(answer.first_type != 9, f"a form opens for a member: {answer.what}")
    question = server.admin("token remove")
    follow = server.choose("follow", server.channel)
    scene.parts.ledger.servers[server.guild.id].follows.add(server.channel.id)
    callback = server.admin("callback")
    yield 6.0
    # Somebody forges an interaction.
    made_up = json.loads(json.dumps(next(iter(follow.shown.values()))).replace(str(server.channel.id), str(1 << 63)))
    forged = server.press(made_up, "Follow", 0)
    yield 5.0
    scene.says(forged, _NOTHING)
    for shown, label in ((question, "Remove the token"), (follow, "Follow"), (callback, "address")):
        denied = server.press_in_reply(shown, label, demoted=True)
        yield 6.0
        scene.says(denied, _ADMINS_ONLY + "|no longer does anything")
    unknown = scene.parts.discord.new_channel(other.guild, parent=other.channel)
    scene.parts.discord.set_thread(unknown, locked=False, archived=True)
    yield 2.0
    foreign = [server.choose(path, place) for path in ("alerts", "follow") for place in (other.channel, unknown)]
    yield 6.0
    for answer in foreign:
        scene.says(answer, "isn't in this server|can't see that channel")
    running = scene.job(server, 30)
    server.status(running)
    yield 60.0 + scene.parts.interval
    scene.came(running, server.channel)


def not_theirs(scene: Scene) -> Story:
    """Whoever asked for a job may stop it, and so may moderators. Other members may not, and not from another
    channel."""
    server = yield from scene.settle()
    job = scene.job(server, 900)
    server.status(job, 1)
    server.status(job, 2)
    yield 10.0
    card = scene.card(job, server.channel)
    denied = server.press(card, "Stop watching", 3)
    yield 6.0
    scene.says(denied, "isn't yours to stop")
    elsewhere = [server.press(card, label, 1, server.guild.channels[1]) for label in ("Stop watching", "Check now")]
    yield 6.0
    for answer in elsewhere:
        scene.says(answer, _NOTHING)
    one = server.press(card, "Stop watching", 1)
    yield 6.0
    scene.says(one, "won't be pinged|Stopped")
    since = scene.now
    yield 120.0
    scene.expect(scene.requests_for(job, since) > 0 or job.is_v2, "the other one waits in vain")
    scene.parts.ledger.askers[(job.jobid, server.channel.id)].discard(server.guild.members[1])
    stopped = server.press(card, "Stop watching", 0)
    yield 6.0
    scene.says(stopped, "Stopped watching")
    scene.parts.ledger.void("stopped", channel=server.channel, job=job)
    yield 10.0
    since = scene.now
    yield 1000.0
    scene.expect(scene.requests_for(job, since) == 0, f"{job.prompt} is asked about, though nobody waits for it")
    scene.missing(job, server.channel)


def commands_a_minute(scene: Scene) -> Story:
    """Thirty commands a minute are accepted, and the next one isn't. The same goes for buttons and autocomplete."""
    server = yield from scene.settle()
    answers = []
    for _ in range(32):
        answers.append(server.command("pixverse list", 2))
        yield 0.5
    yield 5.0
    let_in = sum(_SLOW_DOWN not in answer.text for answer in answers)
    scene.expect(let_in == 30, f"{let_in} commands were let in within a minute")
    yield 65.0
    job = scene.job(server, 2000)
    server.status(job, 1)
    yield 10.0
    card = scene.card(job, server.channel)
    pressed = []
    for _ in range(36):
        pressed.append(server.press(card, "Stop watching", 3))
        yield 0.4
    yield 6.0
    let_in = sum(_SLOW_DOWN not in answer.text for answer in pressed)
    scene.expect(let_in == 30, f"{let_in} buttons that do something were let in within a minute")
    yield 65.0
    listed = server.command("pixverse forget-me", 4)
    yield 5.0
    passing = []
    message = next(iter(listed.shown.values()))
    for _ in range(40):
        passing.append(server.press(dict(message), "Keep", 4))
        yield 0.2
    yield 5.0
    let_in = sum(_SLOW_DOWN not in answer.text for answer in passing)
    scene.expect(let_in < 40, "buttons of answers are let in without a bound")
    looked = server.look(job.jobid, 5)
    yield 65.0
    watching = [server.press_in_reply(looked, "Watch it here", jobs=[job]) for _ in range(36)]
    yield 8.0
    let_in = sum(_SLOW_DOWN not in answer.text for answer in watching)
    scene.expect(let_in == 30, f"{let_in} presses of a button that passes were let in within a minute")
    typed = []
    for _ in range(120):
        typed.append(server.typing("boat", 1))
        yield 0.02
    yield 5.0
    offered = sum(bool(scene.choices(answer)) for answer in typed)
    scene.expect(30 <= offered < 110, f"{offered} of 120 letters typed within two seconds were answered")
    server.command("pixverse unwatch", 0, jobid=job.jobid)
    scene.parts.ledger.void("stopped", channel=server.channel, job=job)
    yield 70.0


def open_jobs(scene: Scene) -> Story:
    """A person may wait for a limited number of jobs, and so may a server; not for one more."""
    server = yield from scene.settle()
    jobs = [scene.job(server, 1500, v2=False) for _ in range(12)]
    replies = []
    for job in jobs[:7]:
        replies.append(server.status(job, 1))
        yield 4.0
    yield 4.0
    for answer in replies[:6]:
        scene.says(answer, "Watching")
    scene.says(replies[6], "at your limit of 6")
    replies = []
    for job in jobs[6:12]:
        replies.append(server.status(job, 2, server.guild.channels[1]))
        yield 4.0
    yield 4.0
    for answer in replies[:4]:
        scene.says(answer, "Watching")
    for answer in replies[4:]:
        scene.says(answer, "server is at its limit of 10")
    listed = server.watch(jobs[10:12], 3)
    yield 6.0
    scene.says(listed, "limit")
    yield 1600.0
    for job in jobs[:6]:
        scene.came(job, server.channel)
    for job in jobs[6:10]:
        scene.came(job, server.guild.channels[1])
    for job in jobs[10:]:
        scene.missing(job, server.guild.channels[1])


def all_posted_before(scene: Scene) -> Story:
    """Many jobs whose results are here are requested at once. The reply links to each, as far as there is space."""
    server = yield from scene.settle()
    jobs = [scene.job(server, 1, "failed", v2=False) for _ in range(18)]
    yield 5.0
    for start in range(0, len(jobs), 6):
        server.watch(jobs[start : start + 6])
        yield 40.0
    for job in jobs:
        scene.came(job, server.channel)
    answer = server.watch(jobs, 2)
    yield 15.0
    scene.says(answer, "Nothing new to watch", jobs[-1].jobid[13:21])


def requests_of_people(scene: Scene) -> Story:
    """Members make the bot send as many requests as possible. They are limited per person and in total, nobody's polls
    are late meanwhile, and whoever needs few requests is served."""
    account = scene.account()
    server = yield from scene.settle(account)
    mine = scene.job(account, 400, v2=False)
    server.status(mine, 5)
    yield 10.0
    since = scene.now
    first = _watch_unknown(server, account, 1, range(25))
    yield 20.0
    asked = scene.requests_of(account, since) - scene.requests_for(mine, since)
    scene.expect(asked <= 34, f"25 unknown ids make {asked} requests")
    scene.says(first, "could be watched|could not")
    since = scene.now
    for k in range(3):
        _watch_unknown(server, account, 1, range(25 * k, 25 * k + 25))
        yield 0.5
    yield 15.0
    asked = scene.requests_of(account, since) - scene.requests_for(mine, since)
    scene.expect(asked <= 60, f"one member makes {asked} requests in 15 s")
    since, replies = scene.now, []
    for k in range(40):
        replies.append(_watch_unknown(server, account, k % 5, range(25 * k, 25 * k + 25), apart=True))
        yield 2.0
    asked = scene.requests_of(account, since) - scene.requests_for(mine, since)
    scene.expect(asked <= 290, f"five members make {asked} requests in 80 s")
    honest = server.look(scene.job(account, 300).jobid, 5)
    yield 6.0
    scene.says(honest, "boat")
    gaps = scene.gaps(mine, since)
    scene.expect(max(gaps, default=0.0) < 2.2 * scene.parts.interval, f"a job was left alone for {max(gaps):.0f} s")
    scene.expect(any(_SLOW_DOWN in answer.text for answer in replies), "nobody is told to wait")
    yield 700.0
    # Whoever has waited is served again.
    answer = server.look(scene.job(account, 300).jobid, 1)
    server.look(f"user:{account.number}-pixverse:{account.email}-video:{10**13}", 2)
    yield 6.0
    scene.says(answer, "boat")
    scene.came(mine, server.channel)


def little_and_much(scene: Scene) -> Story:
    """Five members use up all their requests in small steps. Whoever needed few requests is served."""
    account = scene.account()
    server = yield from scene.settle(account)
    ended = scene.job(account, 5)
    jobs = [scene.job(account, 150, "failed", v2=True) for _ in range(50)]
    server.status(ended, 2)
    yield 30.0 + scene.parts.interval
    # The API is so slow that most jobs of a list are never requested. That counts as little, although the list is long.
    end = scene.slow(account, 5.0)
    server.watch(jobs[:25], 5)
    yield 8.0
    listed = server.watch(jobs[25:], 5)
    yield 8.0
    scene.says(listed, "over your limit", never=_SLOW_DOWN)
    end()
    since = scene.now
    for k in range(20):
        _watch_unknown(server, account, k % 5, range(10 * k, 10 * k + 10))
        yield 0.02
    for k in range(40):
        _watch_unknown(server, account, k % 5, range(500 + k, 501 + k))
        yield 0.02
    honest = server.look(scene.job(account, 100).jobid, 5)
    # Posting a result again may need a request for fresh links.
    denied = server.status(ended, 1, server.guild.channels[1])
    yield 6.0
    scene.says(honest, "boat")
    scene.says(denied, _SLOW_DOWN)
    asked = scene.requests_of(account, since)
    scene.expect(asked <= 140, f"five members make {asked} requests in 8 s")
    yield 200.0
    for job in jobs[:6]:
        scene.came(job, server.channel)


def out_of_requests(scene: Scene) -> Story:
    """A member runs out of requests in the middle of a lookup. Somebody else who looks at the same job then gets a
    reply."""
    account = scene.account()
    server = yield from scene.settle(account)
    job = scene.job(account, 900, v2=True)
    unknown = [f"job:1764547200000{k:05d}-user:{account.number}-channel:1-bot:pixverse" for k in range(52)]
    yield 120.0
    for some in (unknown[:25], unknown[25:38]):
        server.command("pixverse watch", 1, jobids=" ".join(some))
        yield 3.0
    for jobid in unknown[38:]:
        answer = server.look(jobid, 1)
        yield 0.8
        if _SLOW_DOWN in answer.text:
            break
    slow = Trip(there=0.9)
    begun, end = scene.counted(lambda request: slow if scene.token(request) == account.token else None)
    scene.parts.ledger.api_request_laws.on_lookup(job.jobid)
    mine: Interaction | None = None
    while not begun:
        mine = server.look(job.jobid, 1)
        yield 0.6
    theirs = server.look(job.jobid, 5)
    yield 6.0
    scene.says(mine, _SLOW_DOWN)
    scene.says(theirs, "In progress", never=_SLOW_DOWN)
    end()
    yield 60.0


def checks_of_admins(scene: Scene) -> Story:
    """The admins' check sends requests to the API, within the limit on an admin's other lookups."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    since = scene.now
    _watch_unknown(server, account, 0, range(25))
    yield 5.0
    answers = []
    for _ in range(16):
        answers.append(server.admin("check"))
        yield 1.0
    yield 5.0
    asked = scene.requests_of(account, since)
    scene.expect(asked <= 60, f"{asked} requests of a list and of a check")
    scene.says(answers[0], "Everything works here")
    scene.expect(any(_SLOW_DOWN in answer.text for answer in answers), "an admin checks as often as they like")
    yield 100.0


def forgotten(scene: Scene) -> Story:
    """Somebody who had their data deleted isn't pinged any more, not even by what is in flight. The result still
    comes."""
    server = yield from scene.settle()
    job = scene.job(server, 100)
    server.status(job, 1)
    yield 20.0
    end = scene.lose(server.channel, back=False)
    early = scene.coin()
    # The result may be in flight then.
    yield 5.0 if early else 85.0 + scene.parts.interval
    question = server.command("pixverse forget-me", 1, server.guild.channels[1])
    yield 5.0
    message = next(iter(question.shown.values()))
    [(label, custom_id)] = [button for button in buttons_of(message) if "Delete" in button[0]]
    answer = server.press_in_reply(question, "Delete my data")
    yield 5.0
    scene.says(answer, "Deleted")
    again = scene.parts.interactions.press(message, answer.channel, answer.person, custom_id, label, [])
    yield 5.0
    scene.says(again, _NOTHING)
    scene.parts.ledger.askers[(job.jobid, server.channel.id)].clear()
    if scene.parts.pixverse.is_active(job):
        # Only moderators may stop it now.
        denied = server.press(scene.card(job, server.channel), "Stop watching", 3)
        yield 5.0
        scene.says(denied, "isn't yours to stop", never="asked for it")
    if early:
        # Somebody else joins and leaves, which ends nothing for the forgotten person.
        server.status(job, 3)
        yield 5.0
        server.command("pixverse unwatch", 3, jobid=job.jobid)
        yield 5.0
    end()
    yield 400.0
    scene.came(job, server.channel, never=f"<@{server.guild.members[1]}>")
    offered = server.typing("boat", 1, server.guild.channels[1])
    yield 4.0
    scene.expect(not scene.choices(offered), "what was forgotten is offered")


def no_ping(scene: Scene) -> Story:
    """Whoever doesn't want a ping gets none. Whoever wants one gets one."""
    server = yield from scene.settle()
    quiet, loud = scene.job(server, 60), scene.job(server, 60)
    server.status(quiet, 1, mention=False)
    server.status(loud, 2)
    server.status(loud, 3, mention=False)
    # One person's wish for a spoiler hides the result for all.
    server.status(quiet, 4, mention=False, spoiler=True)
    yield 100.0 + scene.parts.interval
    scene.came(quiet, server.channel)
    shown = [file["filename"] for file in scene.outcomes(quiet, server.channel)[-1].message["attachments"]]
    scene.expect(all(name.startswith("SPOILER_") for name in shown), f"no spoiler: {shown}")
    scene.came(loud, server.channel)
    pings = [set(scene.outcomes(job, server.channel)[-1].pings) for job in (quiet, loud)]
    scene.expect(not pings[0], f"pings {pings[0]}, who did not want it")
    scene.expect(pings[1] == {server.guild.members[2]}, f"pings {pings[1]} and not who asked")


def answers_lost(scene: Scene) -> Story:
    """The bot's acknowledgement or last reply meets an error of Discord's. The command is carried out all the same."""
    server = yield from scene.settle()
    job = scene.job(server, 60)
    kind = scene.one_of(("first", "last", "last"))
    times = [1 if kind == "first" else scene.one_of((1, 2, 3))]

    def rule(request: object) -> Trip | None:
        path, method = str(getattr(request, "path", "")), getattr(request, "method", "")
        mine = path.endswith("/callback") if kind == "first" else "/webhooks/" in path and method in ("PATCH", "POST")
        if not mine or not times[0]:
            return None
        times[0] -= 1
        return Trip(lost_back=True) if kind == "first" else Trip(refused=Reply(503, {"message": "no"}))

    scene.on_discord(rule)
    answer = server.status(job)
    yield 40.0
    scene.says(answer, "Watching" if kind != "first" else "")
    yield 60.0 + scene.parts.interval
    scene.came(job, server.channel)


def slow_card(scene: Scene) -> Story:
    """A channel is slow to post. The reply doesn't wait for the card, and links to it later."""
    server = yield from scene.settle()
    end = scene.on_discord(
        lambda request: Trip(there=20.0)
        if request.method == "POST" and request.path.endswith(f"/{server.channel.id}/messages") else None
    )  # fmt: skip
    job = scene.job(server, 100)
    answer = server.status(job)
    yield 2.0
    scene.says(answer, "Watching", never="Jump to the card")
    yield 30.0
    scene.says(answer, "Jump to the card")
    end()
    yield 100.0 + scene.parts.interval
    scene.came(job, server.channel)


def crowd(scene: Scene) -> Story:
    """Many people look at a job once each. Nothing about them stays in memory."""
    server = yield from scene.settle()
    job = scene.job(server, 600)
    server.guild.members += range(server.guild.members[-1] + 1, server.guild.members[-1] + 90)
    for person in range(6, 95):
        scene.parts.ledger.looked_up([job])
        server.look(job.jobid, person)
        yield 4.0
    yield 30.0


def own_kinds(scene: Scene) -> Story:
    """Lists, the message menu and the buttons "Check now" and "Details" say what is true."""
    server = yield from scene.settle()
    job = scene.job(server, 300, v2=False)
    server.status(job)
    yield 150.0
    asked = scene.requests_for(job)
    answer = server.press(scene.card(job, server.channel), "Check now", 2)
    yield 6.0
    scene.says(answer, "(?i)progress|up to date|started|checked|watching")
    scene.expect(scene.requests_for(job) > asked or job.is_v2, "Check now does not look")
    account = server.account
    assert account is not None
    end = scene.with_token(account, Reply(429, {"error": "slow down", "code": 429}, {"Retry-After": "60"}))
    yield scene.parts.interval + 2.0
    end()
    answer = server.press(scene.card(job, server.channel), "Check now", 2)
    yield 5.0
    scene.says(answer, "asked me to wait")
    empty = server.menu("hello there")
    yield 5.0
    scene.says(empty, "no PixVerse job id")
    other = scene.job(server, 100)
    found = server.menu(f"see {other.jobid} now", jobs=[other])
    yield 8.0
    scene.says(found, "Watching")
    yield 200.0 + 2 * scene.parts.interval
    scene.came(job, server.channel)
    scene.came(other, server.channel)
    outcome = scene.outcomes(job, server.channel)[-1].message
    answer = server.press(outcome, "Details", 3)
    yield 5.0
    scene.says(answer, "Done", job.prompt)
    scene.expect(text_of(outcome) != "", "an empty result")
    elsewhere = server.press(outcome, "Details", 3, server.guild.channels[1])
    yield 5.0
    scene.says(elsewhere, _NOTHING, never="boat")
    listed = server.command("pixverse list", 3)
    yield 5.0
    scene.says(listed, "Nothing is being watched")


def forgotten_and_killed(scene: Scene) -> Story:
    """An admin has all their data deleted, and the process is killed before anything is edited. Nothing names or pings
    them any more, and the result comes."""
    server = yield from scene.settle()
    alerts = server.guild.channels[1]
    admin = server.guild.members[0]
    server.choose("alerts", alerts)
    job, listed = scene.job(server, 900, v2=False), [scene.job(server, 900, v2=False) for _ in range(2)]
    server.status(job, 0)
    server.watch(listed, 0)
    yield 20.0
    assert server.account is not None
    scene.parts.discord.permit(alerts, {"send_messages"})
    scene.parts.pixverse.renew(server.account)
    yield 100.0
    question = server.command("pixverse forget-me", 0)
    yield 5.0
    killed = [False]

    def rule(request: Request) -> None:
        if request.method == "PATCH" and "/channels/" in request.path and not killed[0]:
            killed[0] = True
            scene.kill(30.0)

    scene.on_discord(rule)
    server.press_in_reply(question, "Delete my data")
    for one in (job, *listed):
        scene.parts.ledger.askers[(one.jobid, server.channel.id)].discard(admin)
    yield 30.0
    scene.expect(killed[0], "no card is edited")
    yield 200.0
    for message in server.channel.messages.values():
        scene.expect(str(admin) not in text_of(message), f"named, though forgotten: {text_of(message)!r}")
    rows = scene.parts.machine.rows_with(str(admin))
    scene.expect(not rows, f"who is forgotten is still in {rows}")
    scene.parts.discord.permit(alerts, set())
    yield 60.0
    scene.one_notice(alerts, r"\*\*PixVerse results are on hold", pings=set())
    server.enter_token(server.account.token)
    yield 1200.0
    for one in (job, *listed):
        scene.came(one, server.channel, never=str(admin))


def answers_late(scene: Scene) -> Story:
    """Discord accepts the last edit of a reply half a minute late, or never. It is tried for as long as it can
    succeed."""
    server = yield from scene.settle()
    for_good = scene.coin()
    tried: list[float] = []
    since = scene.now

    def rule(request: Request) -> Trip | None:
        if request.method != "PATCH" or "/webhooks/" not in request.path:
            return None
        tried.append(scene.now - since)
        return Trip(lost_there=True) if for_good or tried[-1] < 20.0 else None

    end = scene.on_discord(rule)
    answer = server.command("pixverse list")
    yield 60.0
    if not for_good:
        scene.says(answer, "Nothing is being watched")
        return
    yield 3600.0
    end()
    scene.expect(tried[-1] < 900.0, f"an answer is tried after {tried[-1]:.0f} s, when Discord takes none any more")


def late_card(scene: Scene) -> Story:
    """A card takes long. The reply doesn't wait for it, and links to it once it is posted, unless the reply says
    something else by then."""
    server = yield from scene.settle()
    path = f"/channels/{server.channel.id}/messages"
    end = scene.on_discord(
        lambda request: Trip(there=12.0) if request.method == "POST" and request.path.endswith(path) else None
    )
    job = scene.job(server, 100)
    answer = server.status(job)
    yield 6.0
    scene.says(answer, "Watching", never="Jump to the card")
    quiet = scene.coin()
    if quiet:
        server.press_in_reply(answer, "Don't ping me")
    yield 20.0
    scene.says(answer, "won't be pinged" if quiet else "Jump to the card")
    end()
    yield 100.0 + scene.parts.interval
    scene.came(job, server.channel)


def passing_buttons(scene: Scene) -> Story:
    """Somebody gets many replies with a temporary button. Only the latest replies keep it."""
    server = yield from scene.settle()
    jobs = [scene.job(server, 3000) for _ in range(5)]
    answers = []
    for job in jobs:
        answers.append(server.look(job.jobid, 2))
        yield 6.0
    labels = [[label for message in answer.shown.values() for label, _ in buttons_of(message)] for answer in answers]
    scene.expect(labels == [[]] * 2 + [["Watch it here"]] * 3, f"buttons of five answers: {labels}")
    yield 900.0
    labels = [[label for message in answer.shown.values() for label, _ in buttons_of(message)] for answer in answers]
    scene.expect(not any(labels), f"buttons that no longer do anything: {labels}")


def own_fault(scene: Scene) -> Story:
    """Something fails in the bot itself while it carries out a command. The reply has an error number, and others are
    served."""
    server = yield from scene.settle()
    job = scene.job(server, 60)

    def break_down(request: Request) -> None:
        if scene.subject(request) == job.jobid:
            raise RuntimeError(LOOP_CRASHED)

    end = scene.on_api(break_down)
    answer = server.look(job.jobid)
    yield 6.0
    scene.says(answer, "went wrong on my side")
    end()
    answer = server.look(job.jobid, 2)
    yield 6.0
    scene.says(answer, r"Started|In progress")


def let_in_again(scene: Scene) -> Story:
    """A member has used up their requests, and is told when they may ask again. At that time they are served."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    ids = [f"job:1764547200000{k:05d}-user:{account.number}-channel:1-bot:pixverse" for k in range(80)]
    server.command("pixverse watch", 1, jobids=" ".join(ids[:25]))
    yield 4.0
    server.command("pixverse watch", 1, jobids=" ".join(ids[25:36]))
    yield 4.0
    wait_until = None
    for jobid in ids[36:]:
        answer = server.look(jobid, 1)
        yield 1.0
        wait_until = re.search(r"One moment.*<t:(\d+):R>", answer.text)
        if wait_until is not None:
            break
    assert wait_until is not None, "nobody is told to wait"
    yield max(0.0, int(wait_until[1]) - scene.parts.clock.true_ms() / 1000) + 1.0
    answer = server.look(scene.job(account, 300).jobid, 1)
    yield 6.0
    scene.says(answer, "boat", never=_SLOW_DOWN)


def pressed_late(scene: Scene) -> Story:
    """Somebody looks at an old state of a card and presses its buttons, or presses one twice. Each reply is true."""
    server = yield from scene.settle()
    here = server.channel
    ended, stopped, held = (scene.job(server, seconds, v2=False) for seconds in (90, 900, 900))
    for job in (ended, stopped, held):
        server.status(job)
        yield 4.0
    cards = {job.prompt: deepcopy(scene.card(job, here)) for job in (ended, stopped, held)}
    asked = scene.requests_for(held)
    answers = [server.press(cards[held.prompt], "Check now", person) for person in (2, 3)]
    yield 6.0
    scene.says(answers[0], "Waiting to start|Started|In progress")
    scene.expect(scene.requests_for(held) <= asked + 2, "two looks at once cause more than one request")
    server.command("pixverse unwatch", jobid=stopped.jobid)
    scene.parts.ledger.void("stopped", channel=here, job=stopped)
    yield 6.0
    for label in ("Check now", "Stop watching"):
        answer = server.press(cards[stopped.prompt], label, 1)
        yield 5.0
        scene.says(answer, _NOTHING, never="boat")
    slow = scene.on_media(lambda request: Trip(there=12.0) if "/99" in request.path or request.path else None)
    yield from scene.until(lambda: not scene.parts.pixverse.is_active(ended))
    yield 1.2 * scene.parts.interval + 2.0
    posted = bool(scene.outcomes(ended, here))
    answer = server.press(cards[ended.prompt], "Check now", 2)
    yield 5.0
    scene.says(answer, "Already posted here" if posted else r"I'll post the result here|Already posted here")
    slow()
    yield 40.0
    scene.came(ended, here)
    link = rf"\]\(\S+/{scene.outcomes(ended, here)[-1].message['id']}\)"
    answer = server.press(cards[ended.prompt], "Check now", 2)
    yield 5.0
    scene.says(answer, "Already posted here", link)
    answer = server.press(cards[ended.prompt], "Stop watching", 1)
    yield 5.0
    scene.says(answer, _NOTHING)
    server.account = scene.parts.people.uses[server.guild.id] = scene.account()
    server.enter_token(server.account.token)
    yield 8.0
    since = scene.now
    answer = server.press(cards[held.prompt], "Check now", 2)
    yield 5.0
    scene.says(answer, "different account")
    scene.expect(scene.requests_for(held, since) == 0, "a job on hold is requested")
    answer = server.press(cards[held.prompt], "Stop watching", 1)
    yield 5.0
    scene.says(answer, "Stopped watching")
    scene.parts.ledger.void("stopped", channel=here, job=held)
    yield 900.0
    scene.missing(held, here)
    scene.missing(stopped, here)


def found_later(scene: Scene) -> Story:
    """The API doesn't know an id at first. Whoever asked presses the button to look again, in public or in private."""
    server = yield from scene.settle()
    job = scene.job(server, 300, v2=False)
    private, requests = scene.coin(), scene.tries_for(job)
    end = scene.about(job, Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404}))
    answer = server.look(job.jobid, 1) if private else server.status(job, 1)
    yield 8.0
    scene.says(answer, "can't find this job")
    requests.clear()
    answer = server.press_in_reply(answer, "again", jobs=[] if private else [job])
    yield 2.0
    scene.says(answer, "can't find this job")
    scene.expect(bool(requests), "the button doesn't look")
    end()
    answer = server.press_in_reply(answer, "again", jobs=[] if private else [job])
    yield 8.0
    scene.says(answer, "(?:Waiting to start|Started|In progress)" if private else "Watching")
    if private:
        scene.expect(not scene.posted(server.channel, "boat"), "a private look is posted")
        answer = server.press_in_reply(answer, "Watch it here", jobs=[job])
        yield 8.0
        scene.says(answer, "Watching")
    yield 320.0 + scene.parts.interval
    scene.came(job, server.channel)


def moderator(scene: Scene) -> Story:
    """A moderator may manage messages, but not the server: they stop what others asked for, and use no command, button
    or form of admins."""
    server = yield from scene.settle()
    server.guild.moderators.add(server.guild.members[4])
    first, second, third = jobs = [scene.job(server, 900, v2=False) for _ in range(3)]
    for job in jobs:
        server.status(job, 1)
        yield 4.0
    server.status(first, 2)
    yield 4.0
    by_member = server.command("pixverse unwatch", 3, jobid=first.jobid)
    yield 5.0
    scene.says(by_member, "isn't yours to stop")
    stopped = server.command("pixverse unwatch", 4, jobid=first.jobid)
    yield 5.0
    scene.says(stopped, "Stopped watching")
    pressed = server.press(scene.card(second, server.channel), "Stop watching", 4)
    yield 5.0
    scene.says(pressed, "Stopped watching")
    for job in (first, second):
        scene.parts.ledger.void("stopped", channel=server.channel, job=job)
    removal = server.admin("token remove")
    yield 5.0
    answers = [server.command(f"pixverse-admin {name}", 4) for name in ("check", "deliveries", "token remove")]
    [question] = removal.shown.values()
    answers.append(server.press(question, "Remove the token", 4))
    yield 6.0
    for answer in answers:
        scene.says(answer, _ADMINS_ONLY)
    form = server.command("pixverse-admin token set", 4)
    yield 5.0
    scene.expect(form.modal is None, "a moderator gets the form for the token")
    chosen = server.typing("", 4, path="pixverse-admin unfollow")
    yield 4.0
    scene.expect(not scene.choices(chosen), "a moderator is offered followed channels")
    server.command("pixverse forget-me", 1)
    yield 900.0 + scene.parts.interval
    scene.came(third, server.channel)
    scene.missing(first, server.channel)
    scene.missing(second, server.channel)


def choosing(scene: Scene) -> Story:
    """People type into the options that offer choices. `unwatch` offers what the channel waits for, `unfollow` what is
    followed, even in a channel that is hidden from the bot; a token that somebody types is neither offered nor kept."""
    server = yield from scene.settle(channels=3)
    account = server.account
    assert account is not None
    here, there, hidden = server.guild.channels
    ended, waits = scene.job(server, 30, v2=False), scene.job(server, 900, v2=False)
    server.status(ended, 1, here)
    yield 60.0 + scene.parts.interval
    server.status(waits, 2, here)
    yield 5.0
    offered = [
        server.typing("", person, where, path=f"pixverse {command}")
        for command, person, where in (("unwatch", 3, here), ("unwatch", 1, there), ("status", 1, there))
    ]
    yield 5.0
    names = [[str(one["name"]) for one in scene.choices(answer)] for answer in offered]
    scene.expect(len(names[0]) == 1 and waits.prompt in names[0][0], f"unwatch offers {names[0]}")
    scene.expect(names[1] == [], f"unwatch offers {names[1]} in another channel")
    scene.expect(len(names[2]) == 1 and ended.prompt in names[2][0], f"status offers {names[2]} to who asked")
    secret = f"user:{account.number}-{scene.random.getrandbits(96):024x}"
    typed = [server.typing(secret, 1, here, path=f"pixverse {command}") for command in ("status", "unwatch")]
    yield 5.0
    for answer in typed:
        scene.expect(not scene.choices(answer), f"a token is offered: {scene.choices(answer)}")
    scene.expect(not scene.parts.machine.rows_with(secret), "a token that was only typed is kept")
    for channel in (there, hidden):
        scene.parts.ledger.servers[server.guild.id].follows.add(channel.id)
        question = server.choose("follow", channel, progress=False)
        yield 6.0
        server.press_in_reply(question, "Follow the account")
        yield 6.0
    scene.parts.discord.permit(hidden, {"view_channel"})
    yield 5.0
    to_member = server.typing("", 1, path="pixverse-admin unfollow")
    to_admin = server.typing("", 0, path="pixverse-admin unfollow")
    yield 5.0
    scene.expect(not scene.choices(to_member), "a member is offered followed channels")
    values = {str(one["value"]) for one in scene.choices(to_admin)}
    scene.expect(values == {str(there.id), str(hidden.id)}, f"unfollow offers {scene.choices(to_admin)}")
    scene.expect("___hidden___" not in str(scene.choices(to_admin)), "a hidden channel's placeholder is offered")
    for value in sorted(values):
        answer = server.admin("unfollow", channel=value)
        yield 5.0
        scene.says(answer, "No longer following")
    scene.parts.discord.permit(hidden, set())
    refused = server.admin("unfollow", channel=secret)
    yield 5.0
    scene.says(refused, "(?i)token", never=secret.partition("-")[2])
    yield 900.0
    scene.came(waits, here)


def from_a_message(scene: Scene) -> Story:
    """A message of another bot has ids in its embed, in its components and in what it forwards, more than a person may
    wait for, and a token. The menu watches as many as allowed, says how many it left out, and passes no token on."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    jobs = [scene.job(server, 300.0, v2=bool(number % 2)) for number in range(8)]
    secret = f"user:{account.number}-{scene.random.getrandbits(96):024x}"
    discord, author, here = scene.parts.discord, server.guild.members[3], server.channel
    named = [{"name": "id", "value": jobs[0].jobid}, {"name": "key", "value": secret}]
    embed = {"type": "rich", "title": "made", "fields": named, "footer": {"text": f"see {jobs[1].jobid}"}}
    button = {"type": 2, "id": 4, "style": 2, "label": "x", "custom_id": jobs[7].jobid}
    inner = [{"type": 10, "id": 2, "content": f"**{jobs[2].jobid}**"}, {"type": 1, "id": 3, "components": [button]}]
    shown = {"type": 17, "id": 1, "components": inner}
    forwarded = {"message": discord.message_of(author, here, " ".join(job.jobid for job in jobs[3:7]))}
    answer = server.menu("done!", 1, jobs[:7], embeds=[embed], components=[shown], message_snapshots=[forwarded])
    yield 12.0
    scene.says(answer, "Watching 6 jobs", "1 left out", never=secret.partition("-")[2])
    scene.parts.ledger.void("over the limit", channel=server.channel, job=jobs[6])
    listed = server.command("pixverse list", 2)
    yield 6.0
    scene.says(listed, "Watching 6 jobs", never=jobs[7].prompt)
    yield 400.0 + 3.0 * scene.parts.interval
    for job in jobs[:6]:
        scene.came(job, server.channel)
    many = " ".join(
        f"job:1764547200000{number:05d}-user:{account.number}-channel:99{account.number}-bot:pixverse"
        for number in range(30)
    )
    answer = server.menu(many, 2)
    yield 15.0
    scene.says(answer, "names 30 jobs; these are the first 25", never="Watching")
