"""What members and admins may do, and how much of it."""

from __future__ import annotations

import json
import re

from tests.simulation.discord_world import Interaction, buttons_of, text_of
from tests.simulation.fault_injector import LOOP_CRASHED
from tests.simulation.pasting import NONSENSE
from tests.simulation.pixverse_world import Account
from tests.simulation.stage import Home, Stage, Story
from tests.simulation.wire import Reply, Request, Trip

_SLOW_DOWN = "One moment"
_ADMINS_ONLY = "Manage Server"
_NOTHING = "no longer does anything"


def _watch_unknown(home: Home, account: Account, person: int, ids: range, *, apart: bool = False) -> Interaction:
    """Watches a list of ids of which nothing is known. `apart`: each id has its own e-mail address, and so its own
    list."""
    emails = {number: f"{number}{account.email}" if apart else account.email for number in ids}
    named = [f"user:{account.number}-pixverse:{emails[number]}-video:{10**13 + number}" for number in ids]
    return home.command("pixverse watch", person, jobids=" ".join(named))


def nonsense(stage: Stage) -> Story:
    """Words that aren't ids are refused by name, in every option, and never passed on."""
    home = yield from stage.settle()
    since = stage.now
    for number, (word, expected) in enumerate(NONSENSE):
        person = 1 + number % 5
        answers = [
            home.command("pixverse status", person, jobid=word),
            home.command("pixverse unwatch", person, jobid=word),
        ]
        yield 6.0
        for answer in answers:
            stage.says(answer, expected)
            stage.expect("abcdefabcdef" not in answer.text, f"a secret is shown: {answer.text!r}")
    account = home.account
    assert account is not None
    asked = [what for at, used, what in stage.parts.pixverse.requests if at > since and used == account.token]
    stage.expect(not any("abcdef" in what or "%" in what for what in asked), f"sent to the API: {asked}")
    yield 60.0
    good = [stage.job(home, 60), stage.job(home, 60)]
    ids = f"{good[0].jobid} user:5-abcdefabcdef, {good[1].jobid}"
    answer = home.command("pixverse watch", jobids=ids, jobs=good)
    yield 8.0
    stage.says(answer, "Watching 2 jobs", "secret|token", never="abcdefabcdef")
    yield 120.0
    for job in good:
        stage.came(job, home.channel)


def pasted(stage: Stage) -> Story:
    """Ids as people paste them: each is recognised."""
    home = yield from stage.settle()
    forms = stage.forms()
    stage.random.shuffle(forms)
    for number, form in enumerate(forms):
        job = stage.job(home, 30, v2=True)
        answer = home.command("pixverse status", 1 + number % 5, jobid=form(job.jobid), jobs=[job])
        yield 12.0
        stage.says(answer, "Watching|I'll post")
        if number % 3 == 2:
            yield 80.0
    yield 120.0
    job = stage.job(home, 30, v2=True)
    many = home.command("pixverse watch", jobids=f"look at {job.jobid} and tell me please", jobs=[job])
    yield 90.0 + stage.parts.interval
    stage.says(many, "Watching 1 job|Watching", never="left out|isn't a job id")
    stage.came(job, home.channel)


def only_admins(stage: Stage) -> Story:
    """Only admins can use admins' commands, forms and buttons; not even somebody who was an admin a minute ago can."""
    home = yield from stage.settle()
    other = yield from stage.settle()
    job = stage.job(home, 30)
    home.status(job)
    yield 60.0 + stage.parts.interval
    answers: list[Interaction] = []
    for number, path in enumerate(("token set", "token remove", "check", "deliveries", "callback")):
        answers.append(home.command(f"pixverse-admin {path}", 1 + number % 5))
        yield 4.0
    for path in ("follow", "alerts"):
        chosen = stage.parts.people.chosen(home.channel)
        answers.append(home.command(f"pixverse-admin {path}", 2, channel=str(home.channel.id), resolved=chosen))
        yield 4.0
    answers.append(home.command("pixverse-admin unfollow", 3, channel=str(home.channel.id)))
    yield 4.0
    for answer in answers:
        stage.says(answer, _ADMINS_ONLY)
        stage.expect(answer.first_type != 9, f"a form opens for a member: {answer.what}")
    question = home.admin("token remove")
    follow = home.choose("follow", home.channel)
    stage.parts.ledger.servers[home.guild.id].follows.add(home.channel.id)
    callback = home.admin("callback")
    yield 6.0
    # Somebody forges an interaction.
    made_up = json.loads(json.dumps(next(iter(follow.shown.values()))).replace(str(home.channel.id), str(1 << 63)))
    forged = home.press(made_up, "Follow", 0)
    yield 5.0
    stage.says(forged, _NOTHING)
    for shown, label in ((question, "Remove the token"), (follow, "Follow"), (callback, "address")):
        denied = home.press_in_reply(shown, label, demoted=True)
        yield 6.0
        stage.says(denied, _ADMINS_ONLY + "|no longer does anything")
    unknown = stage.parts.discord.new_channel(other.guild, parent=other.channel)
    stage.parts.discord.set_thread(unknown, locked=False, archived=True)
    yield 2.0
    foreign = [home.choose(path, place) for path in ("alerts", "follow") for place in (other.channel, unknown)]
    yield 6.0
    for answer in foreign:
        stage.says(answer, "isn't in this server|can't see that channel")
    running = stage.job(home, 30)
    home.status(running)
    yield 60.0 + stage.parts.interval
    stage.came(running, home.channel)


def not_theirs(stage: Stage) -> Story:
    """Whoever asked for a job may stop it, and so may moderators. Other members may not, and not from another
    channel."""
    home = yield from stage.settle()
    job = stage.job(home, 900)
    home.status(job, 1)
    home.status(job, 2)
    yield 10.0
    card = stage.card(job, home.channel)
    denied = home.press(card, "Stop watching", 3)
    yield 6.0
    stage.says(denied, "isn't yours to stop")
    elsewhere = [home.press(card, label, 1, home.guild.channels[1]) for label in ("Stop watching", "Check now")]
    yield 6.0
    for answer in elsewhere:
        stage.says(answer, _NOTHING)
    one = home.press(card, "Stop watching", 1)
    yield 6.0
    stage.says(one, "won't be pinged|Stopped")
    since = stage.now
    yield 120.0
    stage.expect(stage.requests_for(job, since) > 0 or job.is_v2, "the other one waits in vain")
    stage.parts.ledger.askers[(job.jobid, home.channel.id)].discard(home.guild.members[1])
    stopped = home.press(card, "Stop watching", 0)
    yield 6.0
    stage.says(stopped, "Stopped watching")
    stage.parts.ledger.void("stopped", channel=home.channel, job=job)
    yield 10.0
    since = stage.now
    yield 1000.0
    stage.expect(stage.requests_for(job, since) == 0, f"{job.prompt} is asked about, though nobody waits for it")
    stage.missing(job, home.channel)


def commands_a_minute(stage: Stage) -> Story:
    """Thirty commands a minute are accepted, and the next one isn't. The same goes for buttons and autocomplete."""
    home = yield from stage.settle()
    answers = []
    for _ in range(32):
        answers.append(home.command("pixverse list", 2))
        yield 0.5
    yield 5.0
    let_in = sum(_SLOW_DOWN not in answer.text for answer in answers)
    stage.expect(let_in == 30, f"{let_in} commands were let in within a minute")
    yield 65.0
    job = stage.job(home, 2000)
    home.status(job, 1)
    yield 10.0
    card = stage.card(job, home.channel)
    pressed = []
    for _ in range(36):
        pressed.append(home.press(card, "Stop watching", 3))
        yield 0.4
    yield 6.0
    let_in = sum(_SLOW_DOWN not in answer.text for answer in pressed)
    stage.expect(let_in == 30, f"{let_in} buttons that do something were let in within a minute")
    yield 65.0
    listed = home.command("pixverse forget-me", 4)
    yield 5.0
    passing = []
    message = next(iter(listed.shown.values()))
    for _ in range(40):
        passing.append(home.press(dict(message), "Keep", 4))
        yield 0.2
    yield 5.0
    let_in = sum(_SLOW_DOWN not in answer.text for answer in passing)
    stage.expect(let_in < 40, "buttons of answers are let in without a bound")
    looked = home.look(job.jobid, 5)
    yield 65.0
    watching = [home.press_in_reply(looked, "Watch it here", jobs=[job]) for _ in range(36)]
    yield 8.0
    let_in = sum(_SLOW_DOWN not in answer.text for answer in watching)
    stage.expect(let_in == 30, f"{let_in} presses of a button that passes were let in within a minute")
    typed = []
    for _ in range(120):
        typed.append(home.typing("boat", 1))
        yield 0.02
    yield 5.0
    offered = sum(bool(stage.choices(answer)) for answer in typed)
    stage.expect(30 <= offered < 110, f"{offered} of 120 letters typed within two seconds were answered")
    home.command("pixverse unwatch", 0, jobid=job.jobid)
    stage.parts.ledger.void("stopped", channel=home.channel, job=job)
    yield 70.0


def open_jobs(stage: Stage) -> Story:
    """A person may wait for a limited number of jobs, and so may a server; not for one more."""
    home = yield from stage.settle()
    jobs = [stage.job(home, 1500, v2=False) for _ in range(12)]
    replies = []
    for job in jobs[:7]:
        replies.append(home.status(job, 1))
        yield 4.0
    yield 4.0
    for answer in replies[:6]:
        stage.says(answer, "Watching")
    stage.says(replies[6], "at your limit of 6")
    replies = []
    for job in jobs[6:12]:
        replies.append(home.status(job, 2, home.guild.channels[1]))
        yield 4.0
    yield 4.0
    for answer in replies[:4]:
        stage.says(answer, "Watching")
    for answer in replies[4:]:
        stage.says(answer, "server is at its limit of 10")
    listed = home.watch(jobs[10:12], 3)
    yield 6.0
    stage.says(listed, "limit")
    yield 1600.0
    for job in jobs[:6]:
        stage.came(job, home.channel)
    for job in jobs[6:10]:
        stage.came(job, home.guild.channels[1])
    for job in jobs[10:]:
        stage.missing(job, home.guild.channels[1])


def all_posted_before(stage: Stage) -> Story:
    """Many jobs whose results are here are requested at once. The reply links to each, as far as there is space."""
    home = yield from stage.settle()
    jobs = [stage.job(home, 1, "failed", v2=False) for _ in range(18)]
    yield 5.0
    for start in range(0, len(jobs), 6):
        home.watch(jobs[start : start + 6])
        yield 40.0
    for job in jobs:
        stage.came(job, home.channel)
    answer = home.watch(jobs, 2)
    yield 15.0
    stage.says(answer, "Nothing new to watch", jobs[-1].jobid[13:21])


def requests_of_people(stage: Stage) -> Story:
    """Members make the bot send as many requests as possible. They are limited per person and in total, nobody's polls
    are late meanwhile, and whoever needs few requests is served."""
    account = stage.account()
    home = yield from stage.settle(account)
    mine = stage.job(account, 400, v2=False)
    home.status(mine, 5)
    yield 10.0
    since = stage.now
    first = _watch_unknown(home, account, 1, range(25))
    yield 20.0
    asked = stage.requests_of(account, since) - stage.requests_for(mine, since)
    stage.expect(asked <= 34, f"25 unknown ids make {asked} requests")
    stage.says(first, "could be watched|could not")
    since = stage.now
    for k in range(3):
        _watch_unknown(home, account, 1, range(25 * k, 25 * k + 25))
        yield 0.5
    yield 15.0
    asked = stage.requests_of(account, since) - stage.requests_for(mine, since)
    stage.expect(asked <= 60, f"one member makes {asked} requests in 15 s")
    since, replies = stage.now, []
    for k in range(40):
        replies.append(_watch_unknown(home, account, k % 5, range(25 * k, 25 * k + 25), apart=True))
        yield 2.0
    asked = stage.requests_of(account, since) - stage.requests_for(mine, since)
    stage.expect(asked <= 290, f"five members make {asked} requests in 80 s")
    honest = home.look(stage.job(account, 300).jobid, 5)
    yield 6.0
    stage.says(honest, "boat")
    gaps = stage.gaps(mine, since)
    stage.expect(max(gaps, default=0.0) < 2.2 * stage.parts.interval, f"a job was left alone for {max(gaps):.0f} s")
    stage.expect(any(_SLOW_DOWN in answer.text for answer in replies), "nobody is told to wait")
    yield 700.0
    # Whoever has waited is served again.
    answer = home.look(stage.job(account, 300).jobid, 1)
    home.look(f"user:{account.number}-pixverse:{account.email}-video:{10**13}", 2)
    yield 6.0
    stage.says(answer, "boat")
    stage.came(mine, home.channel)


def little_and_much(stage: Stage) -> Story:
    """Five members use up all their requests in small steps. Whoever needed few requests is served."""
    account = stage.account()
    home = yield from stage.settle(account)
    ended = stage.job(account, 5)
    jobs = [stage.job(account, 150, "failed", v2=True) for _ in range(50)]
    home.status(ended, 2)
    yield 30.0 + stage.parts.interval
    # The API is so slow that most jobs of a list are never requested. That counts as little, although the list is long.
    end = stage.slow(account, 5.0)
    home.watch(jobs[:25], 5)
    yield 8.0
    listed = home.watch(jobs[25:], 5)
    yield 8.0
    stage.says(listed, "over your limit", never=_SLOW_DOWN)
    end()
    since = stage.now
    for k in range(20):
        _watch_unknown(home, account, k % 5, range(10 * k, 10 * k + 10))
        yield 0.02
    for k in range(40):
        _watch_unknown(home, account, k % 5, range(500 + k, 501 + k))
        yield 0.02
    honest = home.look(stage.job(account, 100).jobid, 5)
    # Posting a result again may need a request for fresh links.
    denied = home.status(ended, 1, home.guild.channels[1])
    yield 6.0
    stage.says(honest, "boat")
    stage.says(denied, _SLOW_DOWN)
    asked = stage.requests_of(account, since)
    stage.expect(asked <= 140, f"five members make {asked} requests in 8 s")
    yield 200.0
    for job in jobs[:6]:
        stage.came(job, home.channel)


def out_of_requests(stage: Stage) -> Story:
    """A member runs out of requests in the middle of a lookup. Somebody else who looks at the same job then gets a
    reply."""
    account = stage.account()
    home = yield from stage.settle(account)
    job = stage.job(account, 900, v2=True)
    unknown = [f"job:1764547200000{k:05d}-user:{account.number}-channel:1-bot:pixverse" for k in range(52)]
    yield 120.0
    for some in (unknown[:25], unknown[25:38]):
        home.command("pixverse watch", 1, jobids=" ".join(some))
        yield 3.0
    for jobid in unknown[38:]:
        answer = home.look(jobid, 1)
        yield 0.8
        if _SLOW_DOWN in answer.text:
            break
    slow = Trip(there=0.9)
    begun, end = stage.counted(lambda request: slow if stage.token(request) == account.token else None)
    stage.parts.ledger.api_request_laws.on_lookup(job.jobid)
    mine: Interaction | None = None
    while not begun:
        mine = home.look(job.jobid, 1)
        yield 0.6
    theirs = home.look(job.jobid, 5)
    yield 6.0
    stage.says(mine, _SLOW_DOWN)
    stage.says(theirs, "In progress", never=_SLOW_DOWN)
    end()
    yield 60.0


def checks_of_admins(stage: Stage) -> Story:
    """The admins' check sends requests to the API, within the limit on an admin's other lookups."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    since = stage.now
    _watch_unknown(home, account, 0, range(25))
    yield 5.0
    answers = []
    for _ in range(16):
        answers.append(home.admin("check"))
        yield 1.0
    yield 5.0
    asked = stage.requests_of(account, since)
    stage.expect(asked <= 60, f"{asked} requests of a list and of a check")
    stage.says(answers[0], "Everything works here")
    stage.expect(any(_SLOW_DOWN in answer.text for answer in answers), "an admin checks as often as they like")
    yield 100.0


def forgotten(stage: Stage) -> Story:
    """Somebody who had their data deleted isn't pinged any more, not even by what is in flight. The result still
    comes."""
    home = yield from stage.settle()
    job = stage.job(home, 100)
    home.status(job, 1)
    yield 20.0
    end = stage.lose(home.channel, back=False)
    early = stage.coin()
    # The result may be in flight then.
    yield 5.0 if early else 85.0 + stage.parts.interval
    question = home.command("pixverse forget-me", 1, home.guild.channels[1])
    yield 5.0
    message = next(iter(question.shown.values()))
    [(label, custom_id)] = [button for button in buttons_of(message) if "Delete" in button[0]]
    answer = home.press_in_reply(question, "Delete my data")
    yield 5.0
    stage.says(answer, "Deleted")
    again = stage.parts.interactions.press(message, answer.channel, answer.person, custom_id, label, [])
    yield 5.0
    stage.says(again, _NOTHING)
    stage.parts.ledger.askers[(job.jobid, home.channel.id)].clear()
    if stage.parts.pixverse.is_active(job):
        # Only moderators may stop it now.
        denied = home.press(stage.card(job, home.channel), "Stop watching", 3)
        yield 5.0
        stage.says(denied, "isn't yours to stop", never="asked for it")
    if early:
        # Somebody else joins and leaves, which ends nothing for the forgotten person.
        home.status(job, 3)
        yield 5.0
        home.command("pixverse unwatch", 3, jobid=job.jobid)
        yield 5.0
    end()
    yield 400.0
    stage.came(job, home.channel, never=f"<@{home.guild.members[1]}>")
    offered = home.typing("boat", 1, home.guild.channels[1])
    yield 4.0
    stage.expect(not stage.choices(offered), "what was forgotten is offered")


def no_ping(stage: Stage) -> Story:
    """Whoever doesn't want a ping gets none. Whoever wants one gets one."""
    home = yield from stage.settle()
    quiet, loud = stage.job(home, 60), stage.job(home, 60)
    home.status(quiet, 1, mention=False)
    home.status(loud, 2)
    home.status(loud, 3, mention=False)
    # One person's wish for a spoiler hides the result for all.
    home.status(quiet, 4, mention=False, spoiler=True)
    yield 100.0 + stage.parts.interval
    stage.came(quiet, home.channel)
    shown = [file["filename"] for file in stage.outcomes(quiet, home.channel)[-1].message["attachments"]]
    stage.expect(all(name.startswith("SPOILER_") for name in shown), f"no spoiler: {shown}")
    stage.came(loud, home.channel)
    pings = [set(stage.outcomes(job, home.channel)[-1].pings) for job in (quiet, loud)]
    stage.expect(not pings[0], f"pings {pings[0]}, who did not want it")
    stage.expect(pings[1] == {home.guild.members[2]}, f"pings {pings[1]} and not who asked")


def answers_lost(stage: Stage) -> Story:
    """The bot's acknowledgement or last reply meets an error of Discord's. The command is carried out all the same."""
    home = yield from stage.settle()
    job = stage.job(home, 60)
    kind = stage.one_of(("first", "last", "last"))
    times = [1 if kind == "first" else stage.one_of((1, 2, 3))]

    def rule(request: object) -> Trip | None:
        path, method = str(getattr(request, "path", "")), getattr(request, "method", "")
        mine = path.endswith("/callback") if kind == "first" else "/webhooks/" in path and method in ("PATCH", "POST")
        if not mine or not times[0]:
            return None
        times[0] -= 1
        return Trip(lost_back=True) if kind == "first" else Trip(refused=Reply(503, {"message": "no"}))

    stage.on_discord(rule)
    answer = home.status(job)
    yield 40.0
    stage.says(answer, "Watching" if kind != "first" else "")
    yield 60.0 + stage.parts.interval
    stage.came(job, home.channel)


def slow_card(stage: Stage) -> Story:
    """A channel is slow to post. The reply doesn't wait for the card, and links to it later."""
    home = yield from stage.settle()
    end = stage.on_discord(
        lambda request: Trip(there=20.0)
        if request.method == "POST" and request.path.endswith(f"/{home.channel.id}/messages") else None
    )  # fmt: skip
    job = stage.job(home, 100)
    answer = home.status(job)
    yield 2.0
    stage.says(answer, "Watching", never="Jump to the card")
    yield 30.0
    stage.says(answer, "Jump to the card")
    end()
    yield 100.0 + stage.parts.interval
    stage.came(job, home.channel)


def crowd(stage: Stage) -> Story:
    """Many people look at a job once each. Nothing about them stays in memory."""
    home = yield from stage.settle()
    job = stage.job(home, 600)
    home.guild.members += range(home.guild.members[-1] + 1, home.guild.members[-1] + 90)
    for person in range(6, 95):
        stage.parts.ledger.looked_up([job])
        home.look(job.jobid, person)
        yield 4.0
    yield 30.0


def own_kinds(stage: Stage) -> Story:
    """Lists, the message menu and the buttons "Check now" and "Details" say what is true."""
    home = yield from stage.settle()
    job = stage.job(home, 300, v2=False)
    home.status(job)
    yield 150.0
    asked = stage.requests_for(job)
    answer = home.press(stage.card(job, home.channel), "Check now", 2)
    yield 6.0
    stage.says(answer, "(?i)progress|up to date|started|checked|watching")
    stage.expect(stage.requests_for(job) > asked or job.is_v2, "Check now does not look")
    account = home.account
    assert account is not None
    end = stage.with_token(account, Reply(429, {"error": "slow down", "code": 429}, {"Retry-After": "60"}))
    yield stage.parts.interval + 2.0
    end()
    answer = home.press(stage.card(job, home.channel), "Check now", 2)
    yield 5.0
    stage.says(answer, "asked me to wait")
    empty = home.menu("hello there")
    yield 5.0
    stage.says(empty, "no PixVerse job id")
    other = stage.job(home, 100)
    found = home.menu(f"see {other.jobid} now", jobs=[other])
    yield 8.0
    stage.says(found, "Watching")
    yield 200.0 + 2 * stage.parts.interval
    stage.came(job, home.channel)
    stage.came(other, home.channel)
    outcome = stage.outcomes(job, home.channel)[-1].message
    answer = home.press(outcome, "Details", 3)
    yield 5.0
    stage.says(answer, "Done", job.prompt)
    stage.expect(text_of(outcome) != "", "an empty result")
    elsewhere = home.press(outcome, "Details", 3, home.guild.channels[1])
    yield 5.0
    stage.says(elsewhere, _NOTHING, never="boat")
    listed = home.command("pixverse list", 3)
    yield 5.0
    stage.says(listed, "Nothing is being watched")


def forgotten_and_killed(stage: Stage) -> Story:
    """An admin has all their data deleted, and the process is killed before anything is edited. Nothing names or pings
    them any more, and the result comes."""
    home = yield from stage.settle()
    alerts = home.guild.channels[1]
    admin = home.guild.members[0]
    home.choose("alerts", alerts)
    job, listed = stage.job(home, 900, v2=False), [stage.job(home, 900, v2=False) for _ in range(2)]
    home.status(job, 0)
    home.watch(listed, 0)
    yield 20.0
    assert home.account is not None
    stage.parts.discord.permit(alerts, {"send_messages"})
    stage.parts.pixverse.renew(home.account)
    yield 100.0
    question = home.command("pixverse forget-me", 0)
    yield 5.0
    killed = [False]

    def rule(request: Request) -> None:
        if request.method == "PATCH" and "/channels/" in request.path and not killed[0]:
            killed[0] = True
            stage.kill(30.0)

    stage.on_discord(rule)
    home.press_in_reply(question, "Delete my data")
    for one in (job, *listed):
        stage.parts.ledger.askers[(one.jobid, home.channel.id)].discard(admin)
    yield 30.0
    stage.expect(killed[0], "no card is edited")
    yield 200.0
    for message in home.channel.messages.values():
        stage.expect(str(admin) not in text_of(message), f"named, though forgotten: {text_of(message)!r}")
    rows = stage.parts.machine.rows_with(str(admin))
    stage.expect(not rows, f"who is forgotten is still in {rows}")
    stage.parts.discord.permit(alerts, set())
    yield 60.0
    stage.one_notice(alerts, r"\*\*PixVerse results are on hold", pings=set())
    home.enter_token(home.account.token)
    yield 1200.0
    for one in (job, *listed):
        stage.came(one, home.channel, never=str(admin))


def answers_late(stage: Stage) -> Story:
    """Discord accepts the last edit of a reply half a minute late, or never. It is tried for as long as it can
    succeed."""
    home = yield from stage.settle()
    for_good = stage.coin()
    tried: list[float] = []
    since = stage.now

    def rule(request: Request) -> Trip | None:
        if request.method != "PATCH" or "/webhooks/" not in request.path:
            return None
        tried.append(stage.now - since)
        return Trip(lost_there=True) if for_good or tried[-1] < 20.0 else None

    end = stage.on_discord(rule)
    answer = home.command("pixverse list")
    yield 60.0
    if not for_good:
        stage.says(answer, "Nothing is being watched")
        return
    yield 3600.0
    end()
    stage.expect(tried[-1] < 900.0, f"an answer is tried after {tried[-1]:.0f} s, when Discord takes none any more")


def late_card(stage: Stage) -> Story:
    """A card takes long. The reply doesn't wait for it, and links to it once it is posted, unless the reply says
    something else by then."""
    home = yield from stage.settle()
    path = f"/channels/{home.channel.id}/messages"
    end = stage.on_discord(
        lambda request: Trip(there=12.0) if request.method == "POST" and request.path.endswith(path) else None
    )
    job = stage.job(home, 100)
    answer = home.status(job)
    yield 6.0
    stage.says(answer, "Watching", never="Jump to the card")
    quiet = stage.coin()
    if quiet:
        home.press_in_reply(answer, "Don't ping me")
    yield 20.0
    stage.says(answer, "won't be pinged" if quiet else "Jump to the card")
    end()
    yield 100.0 + stage.parts.interval
    stage.came(job, home.channel)


def passing_buttons(stage: Stage) -> Story:
    """Somebody gets many replies with a temporary button. Only the latest replies keep it."""
    home = yield from stage.settle()
    jobs = [stage.job(home, 3000) for _ in range(5)]
    answers = []
    for job in jobs:
        answers.append(home.look(job.jobid, 2))
        yield 6.0
    labels = [[label for message in answer.shown.values() for label, _ in buttons_of(message)] for answer in answers]
    stage.expect(labels == [[]] * 2 + [["Watch it here"]] * 3, f"buttons of five answers: {labels}")
    yield 900.0
    labels = [[label for message in answer.shown.values() for label, _ in buttons_of(message)] for answer in answers]
    stage.expect(not any(labels), f"buttons that no longer do anything: {labels}")


def own_fault(stage: Stage) -> Story:
    """Something fails in the bot itself while it carries out a command. The reply has an error number, and others are
    served."""
    home = yield from stage.settle()
    job = stage.job(home, 60)

    def break_down(request: Request) -> None:
        if stage.subject(request) == job.jobid:
            raise RuntimeError(LOOP_CRASHED)

    end = stage.on_api(break_down)
    answer = home.look(job.jobid)
    yield 6.0
    stage.says(answer, "went wrong on my side")
    end()
    answer = home.look(job.jobid, 2)
    yield 6.0
    stage.says(answer, r"Started|In progress")


def let_in_again(stage: Stage) -> Story:
    """A member has used up their requests, and is told when they may ask again. At that time they are served."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    ids = [f"job:1764547200000{k:05d}-user:{account.number}-channel:1-bot:pixverse" for k in range(80)]
    home.command("pixverse watch", 1, jobids=" ".join(ids[:25]))
    yield 4.0
    home.command("pixverse watch", 1, jobids=" ".join(ids[25:36]))
    yield 4.0
    wait_until = None
    for jobid in ids[36:]:
        answer = home.look(jobid, 1)
        yield 1.0
        wait_until = re.search(r"One moment.*<t:(\d+):R>", answer.text)
        if wait_until is not None:
            break
    assert wait_until is not None, "nobody is told to wait"
    yield max(0.0, int(wait_until[1]) - stage.parts.clock.true_ms() / 1000) + 1.0
    answer = home.look(stage.job(account, 300).jobid, 1)
    yield 6.0
    stage.says(answer, "boat", never=_SLOW_DOWN)
