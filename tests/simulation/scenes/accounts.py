"""Tokens: who owns them, and what happens to waiting jobs when they change."""

from __future__ import annotations

import re
from collections.abc import Generator
from copy import deepcopy
from typing import Any

from tests.simulation import sample_texts
from tests.simulation.discord_world import Interaction, text_of
from tests.simulation.pixverse_world import Account
from tests.simulation.scene import Scene, Story
from tests.simulation.wire import Reply, Request, Trip

_HOLD = r"\*\*PixVerse results are on hold"
_BACK = r"\*\*PixVerse results are back"
_LIST = "/v1/pixverse/jobs"
_REFUSES = "refuses this server's API token"
_EXPIRED = "plan has expired|subscription has expired"
_OUTDATED = "token has changed since"


def thief(scene: Scene) -> Story:
    """Somebody has an old copy of the token. The owner gets a new one and enters it."""
    owner = yield from scene.settle()
    account = owner.account
    assert account is not None
    robber = yield from scene.settle(account)
    both = scene.job(account, 900)
    mine = scene.job(account, 900)
    owner.status(both)
    robber.status(both)
    owner.status(mine)
    yield 60.0
    number = sample_texts.number_in(text_of(scene.card(both, owner.channel)))
    scene.parts.pixverse.renew(account)
    yield 400.0
    scene.one_notice(owner.channel, _HOLD, {owner.guild.admin})
    answers = owner.enter_token(account.token)
    yield 20.0
    scene.says(answers[-1], "Token works", "watching 2 jobs")
    listed = robber.command("pixverse list")
    yield 8.0
    scene.says(listed, "useapi.net refuses", never="different account")
    scene.card_says(both, robber.channel, "On hold: useapi.net refuses")
    # The number that was shown before still names the job here, after the token has changed.
    answer = owner.look(f"#{number}", 2)
    yield 6.0
    scene.says(answer, "boat")
    private = scene.job(account, 200)
    owner.status(private)
    answer = robber.status(private)
    yield 20.0
    scene.says(answer, "On hold", never="boat")
    yield 900.0
    scene.came(both, owner.channel)
    scene.came(mine, owner.channel)
    scene.came(private, owner.channel)
    scene.missing(both, robber.channel)
    answer = robber.admin("check")
    yield 10.0
    scene.says(answer, _REFUSES)
    answers = robber.enter_token(account.token)
    yield 60.0
    scene.came(both, robber.channel)


def _of_a_shorter_number(scene: Scene, account: Account) -> Generator[float, None, Interaction]:
    """Somebody enters a token that claims a user number with which another user's number begins, and reads the lists of
    that user.

    Returns the reply.
    """
    server, token = scene.server(), f"user:{account.number // 10}-{scene.random.getrandbits(96):024x}"
    listed = Reply(200, [scene.job(account, 5, v2=False).jobid])
    end = scene.on_api(
        lambda request: Trip(refused=listed) if scene.token(request) == token and request.path == _LIST
        else scene.empty_lists_for(request, token)
    )  # fmt: skip
    yield 3.0
    answers = server.enter_token(token)
    yield 15.0
    end()
    return answers[-1]


def forger(scene: Scene) -> Story:
    """A made-up token that claims a number. The API has only empty lists for it."""
    owner = yield from scene.settle()
    account = owner.account
    assert account is not None
    job = scene.job(account, 300)
    owner.status(job)
    other = scene.server()
    forged = f"user:{account.number}-{scene.random.getrandbits(96):024x}"
    scene.on_api(lambda request: scene.empty_lists_for(request, forged))
    shorter = yield from _of_a_shorter_number(scene, account)
    scene.says(shorter, "Token works", "not confirmed by useapi.net")
    yield 20.0
    answers = other.enter_token(forged)
    yield 20.0
    scene.says(answers[-1], "Token works", "not confirmed by useapi.net")
    answer, checked = other.status(job), other.admin("check")
    yield 20.0
    scene.says(answer, "can't find this job", never="boat")
    scene.says(checked, "not confirmed")
    answer = owner.admin("check")
    yield 15.0
    scene.says(answer, str(account.number), never="not confirmed|refuses")
    yield 300.0
    scene.came(job, owner.channel)
    scene.missing(job, other.channel)
    scene.expect(scene.requests_for(job, token=forged) <= 4, "a forged token asks about others' jobs on and on")


def refused_and_renewed(scene: Scene) -> Story:
    """The token is refused while jobs run and are asked about in every way. Then a new one is entered."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    before = scene.job(server, 1200)
    server.status(before)
    yield 40.0
    scene.parts.pixverse.renew(account)
    token, since = account.tokens[-2], scene.now
    yield 200.0
    scene.one_notice(server.channel, _HOLD, {server.guild.admin})
    scene.card_says(before, server.channel, "On hold")
    asked, listed = scene.job(server, 60), [scene.job(server, 60), scene.job(server, 70)]
    answer, other = server.status(asked), server.watch(listed)
    yield 20.0
    scene.says(answer, "On hold|watching")
    scene.says(other, "Watching 2 jobs", "(?i)on hold|refuses")
    answer = server.command("pixverse list")
    yield 10.0
    scene.says(answer, "refuses the API token")
    scene.expect(answer.text.count("refuses") == 1, f"said of each job: {answer.text!r}")
    alert = scene.messages(server.channel, _HOLD)[0]
    deleted = scene.coin()
    if deleted:
        del server.channel.messages[int(alert["id"])]
    yield 3600.0
    used = sum(1 for at, used, _ in scene.parts.pixverse.requests if used == token and at > since)
    scene.expect(used < 60, f"a refused token was used {used} times in an hour")
    answers = server.enter_token(account.token)
    yield 80.0 + scene.parts.interval
    scene.says(answers[-1], "Token works")
    scene.one_notice(server.channel, _BACK, set())
    if not deleted:
        scene.one_notice(server.channel, r"\*\*Fixed: the API token works")
    for job in (before, asked, *listed):
        scene.came(job, server.channel)
    answer = server.command("pixverse list")
    # The next problem has its own alert, and ends only that one.
    last = scene.job(server, 400)
    server.status(last)
    yield 30.0
    account.paid = False
    yield 300.0
    scene.card_says(last, server.channel, "subscription has expired")
    fixed = len(scene.posted(server.channel, r"\*\*Fixed"))
    account.paid = True
    yield 1000.0
    scene.came(last, server.channel)
    scene.expect(
        len(scene.posted(server.channel, r"\*\*Fixed|results are back")) > fixed, "nobody hears that it is over"
    )


def alert_unanswered(scene: Scene) -> Story:
    """The alert about a refused token gets no response, and by then the problem is over. No message may go on reporting
    it."""
    server = yield from scene.settle()
    alerts = server.guild.channels[1]
    server.choose("alerts", alerts)
    assert server.account is not None
    job = scene.job(server, 600)
    server.status(job)
    yield 30.0
    end = scene.lose(alerts, back=False)
    scene.parts.pixverse.renew(server.account)
    yield 100.0 + scene.parts.interval
    server.enter_token(server.account.token)
    yield 20.0
    end()
    yield 600.0
    scene.expect(not scene.messages(alerts, _HOLD), "a problem that is over is told of")
    scene.came(job, server.channel)


def removed(scene: Scene) -> Story:
    """A token is removed, perhaps after it was refused: what waits is dropped, the alert is updated, and another server
    continues."""
    account = scene.account()
    server = yield from scene.settle(account)
    other = yield from scene.settle(account)
    shared, own = scene.job(account, 500), scene.job(account, 500)
    server.status(shared)
    other.status(shared)
    server.status(own)
    yield 30.0
    refused = scene.coin()
    if refused:
        scene.parts.pixverse.renew(account)
        yield 300.0
    question = server.admin("token remove")
    yield 5.0
    scene.says(question, "stop watching 2 jobs")
    scene.void(server)
    answer = server.press_in_reply(question, "Remove the token")
    yield 20.0
    scene.says(answer, "Removed", "2 jobs")
    scene.parts.ledger.servers[server.guild.id].current = None
    if refused:
        scene.one_notice(server.channel, "Settled: this server's API token was removed")
        other.enter_token(account.token)
    yield 30.0
    since = scene.now
    yield 600.0
    scene.expect(scene.requests_for(own, since) == 0, f"{own.prompt} is asked about, though its token was removed")
    scene.came(shared, other.channel)
    scene.missing(shared, server.channel)
    answer = server.status(own)
    yield 8.0
    if scene.parts.operators is None:
        scene.says(answer, "isn't set up yet|no API token")


def removed_in_the_next_trouble(scene: Scene) -> Story:
    """A refused token is replaced, and its alert is edited to say so. The next token is refused, too, and then removed:
    only its own alert changes."""
    server = yield from scene.settle()
    assert server.account is not None
    job = scene.job(server, 3000)
    server.status(job)
    yield 30.0
    scene.parts.pixverse.renew(server.account)
    yield 60.0 + 2 * scene.parts.interval
    alert = scene.messages(server.channel, _HOLD)[0]
    server.enter_token(server.account.token)
    yield 30.0
    fixed = text_of(alert)
    scene.expect(fixed.startswith("**Fixed"), f"nothing takes the place of the alert: {fixed!r}")
    scene.parts.pixverse.renew(server.account)
    yield 60.0 + 2 * scene.parts.interval
    scene.one_notice(server.channel, _HOLD)
    scene.void(server)
    question = server.admin("token remove")
    yield 5.0
    server.press_in_reply(question, "Remove the token")
    yield 60.0
    scene.expect(text_of(alert) == fixed, f"what was over is told of anew: {text_of(alert)!r}")
    scene.expect(not scene.messages(server.channel, _HOLD), "a problem that is over is told of")


def another_account(scene: Scene) -> Story:
    """The admin enters a token of another account: what waits stays until an admin decides. A deleted card isn't posted
    again."""
    server = yield from scene.settle()
    first = server.account
    assert first is not None
    second = scene.account()
    jobs = [scene.job(first, 2500), scene.job(first, 2500)]
    for job in jobs:
        server.status(job)
    yield 200.0
    del server.channel.messages[int(scene.card(jobs[1], server.channel)["id"])]
    server.account = scene.parts.people.uses[server.guild.id] = second
    answers = server.enter_token(second.token)
    yield 30.0
    scene.says(answers[-1], "different account")
    question = answers[-1]
    scene.card_says(jobs[0], server.channel, "different account")
    kept = scene.coin()
    if kept:
        answer = server.press_in_reply(question, "Keep")
        yield 10.0
        scene.says(answer, "Kept|stay")
    since = scene.now
    yield 300.0
    scene.expect(scene.requests_for(jobs[0], since) == 0, "a job of another account is asked about")
    server.account = scene.parts.people.uses[server.guild.id] = first
    for job in jobs:
        scene.due_again(job, server.channel)
    answers = server.enter_token(first.token)
    yield 30.0
    scene.says(answers[-1], "Token works", "watching 2 jobs")
    scene.one_notice(server.channel, _BACK, set())
    if not kept:
        answer = server.press_in_reply(question, "Drop")
        yield 10.0
        scene.says(answer, "token has changed since")
    yield 2600.0
    for job in jobs:
        scene.came(job, server.channel)


def late_trial(scene: Scene) -> Story:
    """The trial of a token takes long. Meanwhile another token is entered, or the server's token is removed."""
    server = yield from scene.settle()
    good, slow = server.account, scene.account()
    assert good is not None
    end = scene.slow(slow, 6.0)
    earlier = server.enter_token(slow.token)
    yield 4.0
    removing = scene.coin()
    later: list[Interaction] = []
    if removing:
        question = server.admin("token remove")
        yield 3.0
        server.press_in_reply(question, "Remove the token")
    else:
        later = server.enter_token(good.token)
    yield 10.0
    if not removing:
        scene.says(later[-1], "Token works")
    yield 200.0
    end()
    scene.says(earlier[-1], "Not stored")
    answer = server.admin("check")
    yield 10.0
    scene.says(answer, never=str(slow.number))
    if not removing:
        scene.says(answer, str(good.number))
    server.enter_token(good.token)
    yield 10.0


def tried_often(scene: Scene) -> Story:
    """An admin tries many tokens, among them a Discord token."""
    server = scene.server()
    yield 3.0
    discords = "MTAwMDAwMDAwMDAwMDAwMDAw.GaBcDe.abcdefghijklmnopqrstuvwxyz0123456789AB"
    answers = server.enter_token(discords)
    yield 6.0
    scene.says(answers[-1], "that's a Discord token")
    tokens = [f"user:{scene.random.randint(1, 99)}-{scene.random.getrandbits(96):024x}" for _ in range(36)]
    results = []
    for token in tokens:
        results.append(server.enter_token(token))
        yield 2.2
    asked = {used for _, used, _ in scene.parts.pixverse.requests}
    scene.expect(discords not in asked, "a Discord token was sent to the API")
    tried = sum(token in asked for token in tokens)
    scene.expect(10 <= tried < 34, f"{tried} made-up tokens were tried in 80 s")
    scene.says(results[0][-1], "refuses this token")
    yield 700.0


def paid_again(scene: Scene) -> Story:
    """The account's subscription lapses for an hour."""
    server = yield from scene.settle()
    assert server.account is not None
    alerts = server.guild.channels[1]
    server.choose("alerts", alerts)
    job = scene.job(server, 300)
    server.status(job)
    yield 20.0
    server.account.paid = False
    yield 300.0
    scene.one_notice(alerts, _HOLD + r"|subscription has expired", {server.guild.admin})
    scene.expect(not scene.posted(server.channel, _HOLD), "told outside the alerts channel")
    scene.card_says(job, server.channel, "expired")
    yield 3600.0
    server.account.paid = True
    yield 1800.0
    scene.came(job, server.channel, "Late:" if not job.is_v2 else "")
    scene.one_notice(alerts, r"\*\*Fixed: the API token works", None)
    scene.one_notice(alerts, _BACK, set())


def refused_and_told_to_wait(scene: Scene) -> Story:
    """A token is refused, and the response to its next trial names a time: it is tried again no earlier."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    job = scene.job(account, 300, v2=False)
    server.status(job)
    yield 20.0
    end = scene.with_token(account, Reply(401, {"error": "Unauthorized", "code": 401}))
    yield 60.0 + scene.parts.interval
    end()
    slow = {"Retry-After": "2400"}
    busy = Trip(refused=Reply(429, {"error": "too many requests", "code": 429}, slow))
    times, end = scene.counted(lambda request: busy if scene.token(request) in account.tokens else None)
    yield 2400.0
    late = [at for at in times if at > times[0] + 2.0]
    scene.expect(not late, f"a refused token was used {len(late)} times though the API had asked to wait")
    end()
    yield 1200.0
    scene.came(job, server.channel)


def refused_for_days(scene: Scene) -> Story:
    """The token is refused for more than two days, and what waits is given up. With a good token, a job can be
    requested again."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    job = scene.job(account, 600, v2=False)
    server.status(job)
    yield 30.0
    scene.parts.pixverse.renew(account)
    yield 400.0
    yield from scene.sleep(46 * 3600.0)
    scene.missing(job, server.channel)
    yield 3 * 3600.0
    scene.came(job, server.channel, r"given up · #\d+", files=0)
    server.enter_token(account.token)
    yield 20.0
    scene.expect_another_result(job, server.channel)
    server.status(job)
    yield 60.0
    scene.came(job, server.channel, r"completed · #\d+", times=2)


def of_no_known_form(scene: Scene) -> Story:
    """The tokens don't show which account they belong to. A job is given up under one token. Its end is posted under
    the next one, even if others, or the same channel, watched it again under the first one before."""
    account = scene.account()
    account.tokens = [f"opaque-{scene.random.getrandbits(96):024x}"]
    server, other = yield from scene.settle_many(account, 2)
    job = scene.job(account, 52 * 3600.0, v2=False)
    server.status(job)
    yield 60.0
    yield from scene.sleep(47.9 * 3600.0)
    while not scene.outcomes(job, server.channel) and scene.parts.pixverse.is_active(job):
        yield 5.0
    scene.came(job, server.channel, r"given up · #\d+", files=0)
    scene.expect_another_result(job, server.channel)
    asker = scene.one_of(("nobody", "others", "itself"))
    yield 300.0
    if asker != "nobody":
        (other if asker == "others" else server).status(job)
        yield 10.0
    account.tokens.append(f"opaque-{scene.random.getrandbits(96):024x}")
    if asker == "itself":
        other.enter_token(account.token)
        yield 10.0
        other.status(job)
        yield 10.0
    elif asker == "others":
        scene.void(other)
    server.enter_token(account.token)
    yield 10.0
    del server.channel.messages[int(scene.card(job, server.channel)["id"])]
    server.status(job)
    yield 8.0
    scene.finish(job)
    yield 20.0 + 1.1 * scene.parts.interval
    scene.came(job, server.channel, r"completed · #\d+", times=2)


def of_two_tokens_in_turn(scene: Scene) -> Story:
    """The tokens don't show which account they belong to, and both work. A job is given up under one and posted under
    the other. Then the channel waits for it under the first one again, through a button of an old card, and returns to
    the other token: nothing is posted a third time."""
    account = scene.account()
    account.tokens = [f"opaque-{scene.random.getrandbits(96):024x}"]
    server = yield from scene.settle(account)
    job = scene.job(account, 52 * 3600.0, v2=False)
    server.status(job)
    yield 20.0
    server.command("pixverse unwatch", jobid=job.jobid)
    yield 20.0
    stopped = deepcopy(scene.card(job, server.channel))
    server.press(stopped, "Watch again", jobs=[job])
    yield 20.0
    yield from scene.sleep(48.0 * 3600.0)
    yield 300.0
    scene.came(job, server.channel, r"given up · #\d+", files=0)
    account.tokens.append(f"opaque-{scene.random.getrandbits(96):024x}")
    server.enter_token(account.token)
    yield 10.0
    scene.finish(job)
    scene.expect_another_result(job, server.channel)
    server.status(job)
    yield 60.0
    scene.came(job, server.channel, r"completed · #\d+", times=2)
    silent = scene.about(job, Reply(503, {"error": "no", "code": 503}))
    account.tokens.reverse()
    server.enter_token(account.token)
    yield 10.0
    answer = server.press(stopped, "Watch again", jobs=[job])
    yield 10.0
    scene.says(answer, "[Ww]atching")
    silent()
    account.tokens.reverse()
    server.enter_token(account.token)
    yield 10.0
    answer = server.status(job, 2)
    yield 10.0
    posted = scene.outcomes(job, server.channel)[-1].message["id"]
    scene.says(answer, rf"\*\*Already posted here\.\*\* \[[^]]+\]\(\S+/{posted}\)")
    yield 400.0
    scene.came(job, server.channel, times=2)


def not_found_late(scene: Scene) -> Story:
    """The API says "not found" to a token that is being replaced, and again to the new one. This doesn't count as
    twice."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    job, old = scene.job(account, 600, v2=False), account.token
    server.status(job)
    yield 40.0
    gone = Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404})
    rest = iter((gone,))
    troubled_until = [0.0]

    def rule(request: Request) -> Trip | None:
        if scene.subject(request) != job.jobid:
            return None
        if scene.token(request) == old:
            troubled_until[0] = scene.now + 8.0 + 61.0
            return Trip(there=8.0, refused=gone)
        reply = Reply(502, {"error": "no"}) if scene.now < troubled_until[0] else next(rest, None)
        return None if reply is None else Trip(refused=reply)

    scene.on_api(rule)
    while not troubled_until[0]:
        yield 0.5
    scene.parts.pixverse.renew(account)
    server.enter_token(account.token)
    yield 240.0
    scene.missing(job, server.channel)
    scene.expect(next(rest, None) is None, "the job is not asked about any more")
    yield 600.0
    scene.came(job, server.channel, r"completed · #\d+")


def undecided(scene: Scene) -> Story:
    """A server changes to another account and decides nothing about what waits. A month later that is given up here,
    and nowhere else."""
    account = scene.account()
    here, there = yield from scene.settle_many(account, 2)
    shared, alone = scene.job(account, 900, v2=False), scene.job(account, 900, v2=False)
    for server, job in ((here, shared), (there, shared), (here, alone)):
        server.status(job)
    yield 20.0
    second = scene.account()
    here.account = scene.parts.people.uses[here.guild.id] = second
    here.enter_token(second.token)
    yield 20.0
    shared.vanishes_after = 33 * 86400.0
    yield from scene.sleep(31 * 86400.0)
    yield 2 * 3600.0
    scene.came(alone, here.channel, r"given up · #\d+", files=0)
    scene.came(shared, there.channel, r"completed · #\d+", "Late:")


def other_server_moves(scene: Scene) -> Story:
    """Two servers wait for the same job with the same token. One of them changes its account."""
    account, second = scene.account(), scene.account()
    here = yield from scene.settle(account)
    there = yield from scene.settle(account)
    job = scene.job(account, 1500)
    here.status(job)
    there.status(job)
    yield 30.0
    here.account = scene.parts.people.uses[here.guild.id] = second
    answers = here.enter_token(second.token)
    yield 10.0
    answer = here.press_in_reply(answers[-1], "Drop")
    yield 10.0
    scene.says(answer, "Dropped", "1 job ")
    scene.void(here)
    yield 1600.0
    scene.came(job, there.channel)
    scene.missing(job, here.channel)


def ended_for_others(scene: Scene) -> Story:
    """Two servers wait for the same job with the same token. One of them changes its account, and the job ends for the
    other. The first one hears nothing of that end in any way: it no longer has the token with which it was seen."""
    account = scene.account()
    server = yield from scene.settle(account)
    other = yield from scene.settle(account)
    job = scene.job(account, 200, "failed", v2=False)
    server.status(job)
    other.status(job)
    yield 10.0
    number = re.search(r"#(\d+)", text_of(scene.card(job, server.channel)))
    assert number is not None
    server.account = scene.parts.people.uses[server.guild.id] = scene.account()
    server.enter_token(server.account.token)
    yield 200.0 + scene.parts.interval
    scene.came(job, other.channel)
    scene.missing(job, server.channel)
    elsewhere = server.guild.channels[1]
    for answer in (
        server.command("pixverse status", 1, elsewhere, jobid=number[0], private=True),
        server.command("pixverse status", 1, elsewhere, jobid=number[0]),
        server.command("pixverse watch", 1, elsewhere, jobids=number[0]),
    ):
        yield 8.0
        scene.says(answer, "can't find|not found", never="(?i)failed")
    answer = server.command("pixverse status", jobid=number[0], private=True)
    yield 8.0
    scene.says(answer, "On hold", never="(?i)failed|can't find")
    listed = server.command("pixverse watch", 2, jobids=number[0], jobs=[job])
    yield 8.0
    scene.says(listed, "(?i)already watched", never="(?i)failed|not found")
    offered = server.typing(job.prompt)
    yield 5.0
    scene.expect("Failed" not in str(scene.choices(offered)), "autocomplete tells how the job ended")
    scene.card_says(job, server.channel, "On hold")
    scene.expect("took" not in text_of(scene.card(job, server.channel)), "the card on hold tells when the job ended")
    if scene.coin():
        yield from scene.sleep(32 * 86400.0)
        scene.card_says(job, server.channel, "Ended")
        scene.void(server)
        return
    for channel in server.guild.channels:
        scene.missing(job, channel)
    server.command("pixverse unwatch", jobid=number[0])
    yield 8.0
    scene.void(server)


def operators_bytes(scene: Scene) -> Story:
    """A server enters the operator's own token."""
    operators = scene.parts.operators
    if operators is None:
        return
    plain = scene.server()
    server = yield from scene.settle(operators)
    yield from server.learn_callback()
    job, other = scene.job(operators, 400, v2=False), scene.job(operators, 400)
    plain.status(job)
    server.status(other)
    yield 20.0
    answer = plain.choose("follow", plain.guild.channels[1])
    yield 8.0
    scene.says(answer, "own token first")
    # A server that knows a callback address has no influence on the operator's jobs, with that token or without.
    for removing in (False, True):
        if removing:
            question = server.admin("token remove")
            yield 5.0
            scene.void(server)
            server.press_in_reply(question, "Remove the token")
            yield 10.0
            scene.parts.ledger.servers[server.guild.id].current = None
        yield from scene.just_requested(job)
        since = scene.now
        server.call_back({**scene.parts.pixverse.record(job), "status": "completed"})
        yield scene.parts.interval * 0.5
        scene.expect(scene.requests_for(job, since) == 0, "a callback about the operator's job makes the bot ask")
    yield 500.0
    scene.came(job, plain.channel)
    scene.missing(other, server.channel)
    answer = server.choose("follow", server.channel)
    yield 8.0
    scene.says(answer, "own token first")


def followers_own(scene: Scene) -> Story:
    """A job on hold is requested again under another account, which cannot see it. Its card is in the channel."""
    operators = scene.parts.operators
    server = yield from scene.settle()
    first = server.account
    assert first is not None
    job = scene.job(first, 900)
    server.status(job)
    yield 30.0
    second = operators or scene.account()
    server.account = scene.parts.people.uses[server.guild.id] = second
    server.enter_token(second.token)
    yield 20.0
    # The API may fail at that moment, so that nobody knows whether this account sees the job.
    silent = scene.coin()
    end = scene.about(job, Reply(503, {"error": "no", "code": 503}), times=int(silent))
    answer = server.status(job, 2)
    yield 10.0
    end()
    scene.says(answer, "Already watched here")
    answer = server.command("pixverse list", 2)
    yield 10.0
    scene.says(answer, r"Watching 1 job here")
    yield 150.0
    scene.missing(job, server.channel)
    server.account = scene.parts.people.uses[server.guild.id] = first
    scene.due_again(job, server.channel)
    server.enter_token(first.token)
    yield 1000.0
    scene.came(job, server.channel)


def posted_before(scene: Scene) -> Story:
    """The bot links to a result that is already in the channel, even if the server has another account now."""
    server = yield from scene.settle()
    jobs = [scene.job(server, 30), scene.job(server, 40)]
    for job in jobs:
        server.status(job)
    yield 60.0 + scene.parts.interval
    second = scene.account()
    server.account = scene.parts.people.uses[server.guild.id] = second
    server.enter_token(second.token)
    yield 10.0
    other = scene.job(second, 30)
    answer, listed = server.status(jobs[0], 2), server.watch([jobs[1], other], 2)
    yield 8.0
    scene.says(answer, "Already posted here")
    scene.says(listed, "Watching 1 job", "already posted")
    yield 60.0 + scene.parts.interval
    for job in (*jobs, other):
        scene.came(job, server.channel)


def not_seen_before(scene: Scene) -> Story:
    """A job is reported as not found under an account that can't see it. Another account sees it."""
    server = yield from scene.settle()
    second = scene.account()
    job = scene.job(second, 900)
    away = scene.about(job, Reply(503, {"error": "no", "code": 503}))
    answer = server.status(job)
    yield 8.0
    scene.says(answer, "I'm watching")
    away()
    yield 300.0
    scene.came(job, server.channel, "not found", files=0)
    server.account = scene.parts.people.uses[server.guild.id] = second
    server.enter_token(second.token)
    yield 10.0
    scene.parts.ledger.promises[(job.jobid, server.channel.id)].extra += 1
    scene.due_again(job, server.channel)
    scene.parts.ledger.message_laws.restart(str(scene.card(job, server.channel)["id"]))
    answer = server.status(job)
    yield 8.0
    scene.says(answer, "Watching")
    yield 700.0
    scene.came(job, server.channel, times=2)


def on_hold_and_seen(scene: Scene) -> Story:
    """A job on hold under a server's own account continues once the operator's account shows it, and is posted once."""
    if scene.parts.operators is None:
        return
    for is_unknown in (False, True):
        yield from _on_hold_and_seen(scene, scene.parts.operators, is_unknown=is_unknown)


def _on_hold_and_seen(scene: Scene, operators: Account, *, is_unknown: bool) -> Story:
    """`is_unknown`: another server asked for the job while the API failed, so nothing is known about it."""
    server = yield from scene.settle(operators)
    job = scene.job(operators, 200)
    server.status(job)
    yield 10.0
    second = scene.account()
    server.account = scene.parts.people.uses[server.guild.id] = second
    server.enter_token(second.token)
    yield 10.0
    question = server.admin("token remove")
    yield 5.0
    server.press_in_reply(question, "Remove the token")
    yield 5.0
    scene.parts.ledger.servers[server.guild.id].current = None
    server.account = None
    scene.parts.people.uses.pop(server.guild.id, None)
    if is_unknown:
        plain = scene.server()
        away = scene.about(job, Reply(503, {"error": "no", "code": 503}))
        plain.status(job)
        yield 6.0
        away()
    scene.due_again(job, server.channel)
    answer = server.status(job)
    yield 6.0
    scene.says(answer, "Already watched here")
    listed = server.command("pixverse list")
    yield 5.0
    scene.says(listed, "Watching 1 job here", never="(?i)on hold")
    yield 200.0 + scene.parts.interval
    scene.came(job, server.channel)


def full_and_on_hold(scene: Scene) -> Story:
    """A job on hold has ended unseen. Somebody who is at their limit isn't added to it."""
    account = scene.account()
    server = yield from scene.settle(account)
    there = yield from scene.settle(account)
    job = scene.job(account, 120)
    server.status(job, 1)
    there.status(job)
    yield 10.0
    second = scene.account()
    server.account = scene.parts.people.uses[server.guild.id] = second
    server.enter_token(second.token)
    yield 120.0 + scene.parts.interval
    scene.came(job, there.channel)
    others = [scene.job(second, 200) for _ in range(6)]
    for other in others:
        server.status(other, 2, server.guild.channels[1])
        yield 2.0
    typed = server.typing(job.prompt, 2)
    yield 3.0
    choices = scene.choices(typed)
    scene.expect(len(choices) == 1, f"{choices} are offered")
    answer = server.command("pixverse status", 2, jobid=choices[0]["value"])
    yield 6.0
    scene.says(answer, "at your limit of 6")
    yield 300.0
    for other in others:
        scene.came(other, server.guild.channels[1])


def dead_at_the_end(scene: Scene) -> Story:
    """The API reports a job as not found once. Then the server uses another account for a while: the job isn't given
    up."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    job = scene.job(server, 600)
    server.status(job)
    yield 40.0
    end = scene.about(job, Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404}), times=1)
    yield 30.0
    end()
    second = scene.account()
    server.account = scene.parts.people.uses[server.guild.id] = second
    server.enter_token(second.token)
    yield 400.0
    scene.missing(job, server.channel)
    server.account = scene.parts.people.uses[server.guild.id] = account
    scene.due_again(job, server.channel)
    server.enter_token(account.token)
    yield 400.0
    scene.came(job, server.channel)


def moved_to_an_old_watch(scene: Scene) -> Story:
    """A server that asked with a refused token gets the new one. With that token, another server began to watch the
    same job long ago. If that server still waits, the job is polled like an old one, else like one that was just
    requested."""
    account = scene.account()
    late = yield from scene.settle(account)
    scene.parts.pixverse.renew(account)
    early = yield from scene.settle(account)
    job = scene.job(account, 9000, v2=False)
    early.status(job)
    yield 20.0
    waits = scene.coin()
    if not waits:
        early.command("pixverse unwatch", jobid=job.jobid)
        scene.void(early)
    yield 4500.0
    answer = late.status(job)
    yield 10.0
    scene.says(answer, "On hold|[Ww]atching")
    late.enter_token(account.token)
    yield 60.0
    since = scene.now
    yield 900.0
    gaps = scene.gaps(job, since)
    if waits:
        scene.expect(min(gaps) >= 200.0, f"asked again after {min(gaps):.0f} s, though it is old")
    else:
        scene.expect(
            len(gaps) > 2 and max(gaps) < 2.3 * scene.parts.interval + 4, f"a young watch is left alone: {gaps}"
        )
    yield 4000.0
    scene.came(job, late.channel)
    if waits:
        scene.came(job, early.channel)


def not_found_by_one(scene: Scene) -> Story:
    """The API told one server that a job doesn't exist. Another server, which waits for it under an old token, gets the
    same token: it goes on waiting, and gets the result."""
    account = scene.account()
    late = yield from scene.settle(account)
    job = scene.job(account, 1500, v2=False)
    late.status(job)
    yield 20.0
    scene.parts.pixverse.renew(account)
    early = yield from scene.settle(account)
    early.status(job)
    yield 20.0
    yield from scene.until(lambda: bool(scene.posted(late.channel, _HOLD)))
    end = scene.about(job, Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404}))
    job.vanishes_after = 0.0
    yield 100.0 + 2.2 * scene.parts.interval
    scene.came(job, early.channel, r"not found · #\d+", files=0)
    end()
    job.vanishes_after = 31 * 86400.0
    late.enter_token(account.token)
    yield 1700.0
    scene.came(job, late.channel, "completed")
    scene.came(job, early.channel, files=0)


def back_to_the_operators(scene: Scene) -> Story:
    """Two servers wait for a job with the same token. One of them tries another account and then uses the operator's,
    which has the job, too. The job continues where somebody asks for it again, and in the other server as before."""
    operators = scene.parts.operators
    if operators is None:
        return
    other = yield from scene.settle(operators)
    server = yield from scene.settle(operators)
    job = scene.job(operators, 300, v2=False)
    other.status(job)
    server.status(job, 1, server.guild.channels[1])
    server.status(job)
    yield 20.0
    second = scene.account()
    server.account = scene.parts.people.uses[server.guild.id] = second
    server.enter_token(second.token)
    yield 20.0
    question = server.admin("token remove")
    yield 5.0
    server.press_in_reply(question, "Remove the token")
    yield 10.0
    scene.parts.ledger.servers[server.guild.id].current = None
    scene.parts.people.uses.pop(server.guild.id)
    scene.due_again(job, server.channel)
    server.status(job, 2)
    yield 20.0
    scene.card_says(job, server.channel, r"\*\*(?:Waiting to start|Started|In progress)")
    scene.card_says(job, server.guild.channels[1], "On hold")
    scene.card_says(job, other.channel, r"\*\*(?:Waiting to start|Started|In progress)")
    yield 320.0
    scene.came(job, server.channel)
    scene.came(job, other.channel)


def operators_new_token(scene: Scene) -> Story:
    """A server watched a job under the operator's account twice: with the token as its own, and without. The operator
    gets a new token, with which the API hasn't been used yet, and the server enters it, too."""
    operators = scene.parts.operators
    if operators is None:
        return
    other = yield from scene.settle(operators)
    server = yield from scene.settle(operators)
    plain = scene.server()
    job = scene.job(operators, 200, v2=False)
    for one in (other, server, plain):
        one.status(job)
    yield 10.0
    question = server.admin("token remove")
    yield 5.0
    server.press_in_reply(question, "Remove the token")
    yield 10.0
    scene.parts.ledger.servers[server.guild.id].current = None
    server.status(job, 2)
    yield 260.0 + scene.parts.interval
    for one in (other, server, plain):
        scene.came(job, one.channel)
    checked = plain.admin("check")
    yield 10.0
    scene.says(checked, str(operators.number), never="not confirmed")
    yield from scene.renew_operators()
    checked = plain.admin("check")
    yield 10.0
    scene.says(checked, f"{operators.number}.*not confirmed")
    answers = server.enter_token(operators.token)
    yield 10.0
    scene.says(answers[-1], "Token works")
    scene.void(other)
    later = scene.job(operators, 60)
    server.status(later)
    plain.status(later)
    yield 80.0 + scene.parts.interval
    scene.came(later, server.channel)
    scene.came(later, plain.channel)
    for one in (other, server, plain):
        scene.came(job, one.channel)


def operators_token_away(scene: Scene) -> Story:
    """The operator's token is missing at one start and back at the next. The cards of jobs that wait for it say so."""
    operators = scene.parts.operators
    if operators is None:
        return
    server = scene.server()
    job = scene.job(operators, 2500, v2=False)
    server.status(job)
    yield 300.0
    settings = scene.parts.machine.settings
    token = settings.pop("USEAPI_TOKEN")
    scene.stop(2.0)
    yield 60.0
    scene.card_says(job, server.channel, "On hold")
    settings["USEAPI_TOKEN"] = token
    scene.stop(2.0)
    yield 60.0 + scene.parts.interval
    scene.card_says(job, server.channel, "Started")
    yield 2200.0 + scene.parts.interval
    scene.came(job, server.channel)


def killed_at_another_token(scene: Scene) -> Story:
    """An admin enters another account's token, and may remove it again. Each time the process is killed before a card
    is edited. The next process edits it."""
    operators = scene.parts.operators
    server = scene.server() if operators is not None else (yield from scene.settle())
    account = operators or server.account
    assert account is not None
    yield 2.0
    job = scene.job(account, 4000, v2=False)
    server.status(job)
    yield 500.0

    def killed_at_an_edit() -> Story:
        met = [False]

        def rule(request: Request) -> None:
            if request.method == "PATCH" and f"/channels/{server.channel.id}/" in request.path and not met[0]:
                met[0] = True
                scene.kill(5.0)

        end = scene.on_discord(rule)
        yield from scene.until(lambda: met[0])
        yield 5.0
        end()
        yield 60.0

    second = scene.account()
    server.account = scene.parts.people.uses[server.guild.id] = second
    server.enter_token(second.token)
    yield from killed_at_an_edit()
    scene.card_says(job, server.channel, "On hold")
    scene.due_again(job, server.channel)
    if operators is None:
        server.account = scene.parts.people.uses[server.guild.id] = account
        server.enter_token(account.token)
    else:
        question = server.admin("token remove")
        yield 5.0
        server.press_in_reply(question, "Remove the token")
        yield from killed_at_an_edit()
        scene.parts.ledger.servers[server.guild.id].current = None
        scene.parts.people.uses.pop(server.guild.id)
        scene.card_says(job, server.channel, "Started")
    yield 4000.0
    scene.came(job, server.channel)


def replaced_while_asked(scene: Scene) -> Story:
    """While a job is looked up for somebody, an admin enters another account's token, or removes the token. Nothing is
    promised with an account that is no longer used."""
    server = yield from scene.settle()
    first = server.account
    assert first is not None
    second = scene.account()
    job, listed = scene.job(first, 400, v2=False), [scene.job(first, 400, v2=False) for _ in range(2)]
    end = scene.on_api(lambda request: Trip(back=4.0) if scene.token(request) == first.token else None)
    removes = scene.coin()
    question = server.admin("token remove") if removes else None
    yield 5.0
    answers = [server.status(job, 1), server.watch(listed, 2, server.guild.channels[1])]
    private = server.look(job.jobid, 3)
    yield 0.5
    if question is not None:
        server.press_in_reply(question, "Remove the token")
    else:
        scene.parts.people.uses[server.guild.id] = second
        server.enter_token(second.token)
    yield 20.0
    end()
    for answer in answers:
        scene.says(answer, "token just changed|isn't set up yet|can't find this job|no API token", never="I'll post")
    scene.says(private, never="(?i)traceback|went wrong")
    since = scene.now
    yield 500.0
    for one, where in ((job, 0), *((one, 1) for one in listed)):
        scene.missing(one, server.guild.channels[where])
        operators = scene.parts.operators
        asked = scene.requests_for(one, since, first.token)
        scene.expect(asked == 0 or operators is first, f"{one.prompt} is requested with a token that isn't used")
    server.account = scene.parts.people.uses[server.guild.id] = first
    server.enter_token(first.token)
    yield 8.0


def _shown(answer: Interaction) -> dict[str, Any]:
    """A copy of a reply's only message, as somebody may still see it later."""
    [message] = answer.shown.values()
    return deepcopy(message)


def questions_outdated(scene: Scene) -> Story:
    """Admins answer questions about a token or an account that was replaced meanwhile. Nothing happens, and they are
    told why."""
    server = yield from scene.settle()
    first = server.account
    assert first is not None
    second = scene.account()
    job = scene.job(first, 1500, v2=False)
    server.status(job)
    yield 8.0
    removal = server.admin("token remove")
    following = server.choose("follow", server.channel)
    yield 6.0
    scene.says(removal, "(?i)remove")
    scene.says(following, "Post every job")
    server.account = scene.parts.people.uses[server.guild.id] = second
    answers = server.enter_token(second.token)
    yield 8.0
    scene.says(answers[-1], "different account")
    [choice] = answers[-1].shown.values()
    old = {label: deepcopy(choice) for label in ("Keep", "Drop")}
    old |= {
        "Remove the token": _shown(removal),
        "Follow the account": _shown(following),
        "Keep the token": _shown(removal),
    }
    mine = scene.job(second, 300, v2=False)
    server.status(mine, 2)
    yield 6.0
    for label in ("Remove the token", "Follow the account"):
        answer = server.press(old[label], label, 0)
        yield 6.0
        scene.says(answer, _OUTDATED)
    answer = server.press(deepcopy(choice), "Keep", 0)
    yield 6.0
    scene.says(answer, "1 job stays on hold")
    server.account = scene.parts.people.uses[server.guild.id] = first
    scene.due_again(job, server.channel)
    server.enter_token(first.token)
    yield 8.0
    for label in ("Keep", "Drop"):
        answer = server.press(old[label], label, 0)
        yield 6.0
        scene.says(answer, _OUTDATED)
    scene.parts.ledger.void("of another account", channel=server.channel, job=mine)
    listed = server.command("pixverse list")
    yield 6.0
    scene.says(listed, job.prompt)
    answer = server.press(old["Keep the token"], "Keep the token", 0)
    yield 6.0
    scene.says(answer, _OUTDATED)
    yield 1600.0
    scene.came(job, server.channel)
    scene.missing(mine, server.channel)


def troubles_in_turn(scene: Scene) -> Story:
    """An account isn't paid for, then its token is refused, too, then there is a new token, and at last it is paid for.
    Each change is told once, and what waits comes at the end."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    alerts = server.guild.channels[1]
    server.choose("alerts", alerts)
    job = scene.job(server, 600, v2=False)
    server.status(job)
    yield 20.0
    account.paid = False
    yield 100.0 + 2.0 * scene.parts.interval
    scene.one_notice(alerts, _EXPIRED, {server.guild.admin})
    scene.parts.pixverse.renew(account)
    yield 4000.0
    scene.one_notice(alerts, "useapi.net refuses the API token", {server.guild.admin})
    scene.card_says(job, server.channel, "refuses")
    answers = server.enter_token(account.token)
    yield 10.0
    scene.says(answers[-1], "(?i)expired|renew")
    scene.card_says(job, server.channel, "On hold")
    yield 600.0
    account.paid = True
    server.enter_token(account.token)
    yield 60.0 + 6.0 * scene.parts.interval
    scene.came(job, server.channel, "Late:")
    scene.expect(not scene.messages(alerts, f"{_HOLD}|{_EXPIRED}"), "a problem that is over is still reported")
    told = len(scene.posted(alerts, r"\\*\\*"))
    yield 3600.0
    scene.expect(len(scene.posted(alerts, r"\\*\\*")) == told, "admins are told of nothing new")
