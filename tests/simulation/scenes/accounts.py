"""Tokens: who owns them, and what happens to waiting jobs when they change."""

from __future__ import annotations

import re
from collections.abc import Generator
from copy import deepcopy

from tests.simulation import sample_texts
from tests.simulation.discord_world import Interaction, text_of
from tests.simulation.pixverse_world import Account
from tests.simulation.stage import Stage, Story
from tests.simulation.wire import Reply, Request, Trip

_HOLD = r"\*\*PixVerse results are on hold"
_BACK = r"\*\*PixVerse results are back"
_LIST = "/v1/pixverse/jobs"
_REFUSES = "refuses this server's API token"


def thief(stage: Stage) -> Story:
    """Somebody has an old copy of the token. The owner gets a new one and enters it."""
    owner = yield from stage.settle()
    account = owner.account
    assert account is not None
    robber = yield from stage.settle(account)
    both = stage.job(account, 900)
    mine = stage.job(account, 900)
    owner.status(both)
    robber.status(both)
    owner.status(mine)
    yield 60.0
    number = sample_texts.number_in(text_of(stage.card(both, owner.channel)))
    stage.parts.pixverse.renew(account)
    yield 400.0
    stage.one_notice(owner.channel, _HOLD, {owner.guild.admin})
    answers = owner.enter_token(account.token)
    yield 20.0
    stage.says(answers[-1], "Token works", "watching 2 jobs")
    listed = robber.command("pixverse list")
    yield 8.0
    stage.says(listed, "useapi.net refuses", never="different account")
    stage.card_says(both, robber.channel, "On hold: useapi.net refuses")
    # The number that was shown before still names the job here, after the token has changed.
    answer = owner.look(f"#{number}", 2)
    yield 6.0
    stage.says(answer, "boat")
    private = stage.job(account, 200)
    owner.status(private)
    answer = robber.status(private)
    yield 20.0
    stage.says(answer, "On hold", never="boat")
    yield 900.0
    stage.came(both, owner.channel)
    stage.came(mine, owner.channel)
    stage.came(private, owner.channel)
    stage.missing(both, robber.channel)
    answer = robber.admin("check")
    yield 10.0
    stage.says(answer, _REFUSES)
    answers = robber.enter_token(account.token)
    yield 60.0
    stage.came(both, robber.channel)


def _of_a_shorter_number(stage: Stage, account: Account) -> Generator[float, None, Interaction]:
    """Somebody enters a token that claims a user number with which another user's number begins, and reads the lists of
    that user.

    Returns the reply.
    """
    home, token = stage.home(), f"user:{account.number // 10}-{stage.random.getrandbits(96):024x}"
    listed = Reply(200, [stage.job(account, 5, v2=False).jobid])
    end = stage.on_api(
        lambda request: Trip(refused=listed) if stage.token(request) == token and request.path == _LIST
        else stage.empty_lists_for(request, token)
    )  # fmt: skip
    yield 3.0
    answers = home.enter_token(token)
    yield 15.0
    end()
    return answers[-1]


def forger(stage: Stage) -> Story:
    """A made-up token that claims a number. The API has only empty lists for it."""
    owner = yield from stage.settle()
    account = owner.account
    assert account is not None
    job = stage.job(account, 300)
    owner.status(job)
    other = stage.home()
    forged = f"user:{account.number}-{stage.random.getrandbits(96):024x}"
    stage.on_api(lambda request: stage.empty_lists_for(request, forged))
    shorter = yield from _of_a_shorter_number(stage, account)
    stage.says(shorter, "Token works", "not confirmed by useapi.net")
    yield 20.0
    answers = other.enter_token(forged)
    yield 20.0
    stage.says(answers[-1], "Token works", "not confirmed by useapi.net")
    answer, checked = other.status(job), other.admin("check")
    yield 20.0
    stage.says(answer, "can't find this job", never="boat")
    stage.says(checked, "not confirmed")
    answer = owner.admin("check")
    yield 15.0
    stage.says(answer, str(account.number), never="not confirmed|refuses")
    yield 300.0
    stage.came(job, owner.channel)
    stage.missing(job, other.channel)
    stage.expect(stage.requests_for(job, token=forged) <= 4, "a forged token asks about others' jobs on and on")


def refused_and_renewed(stage: Stage) -> Story:
    """The token is refused while jobs run and are asked about in every way. Then a new one is entered."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    before = stage.job(home, 1200)
    home.status(before)
    yield 40.0
    stage.parts.pixverse.renew(account)
    token, since = account.tokens[-2], stage.now
    yield 200.0
    stage.one_notice(home.channel, _HOLD, {home.guild.admin})
    stage.card_says(before, home.channel, "On hold")
    asked, listed = stage.job(home, 60), [stage.job(home, 60), stage.job(home, 70)]
    answer, other = home.status(asked), home.watch(listed)
    yield 20.0
    stage.says(answer, "On hold|watching")
    stage.says(other, "Watching 2 jobs", "(?i)on hold|refuses")
    answer = home.command("pixverse list")
    yield 10.0
    stage.says(answer, "refuses the API token")
    stage.expect(answer.text.count("refuses") == 1, f"said of each job: {answer.text!r}")
    alert = stage.messages(home.channel, _HOLD)[0]
    deleted = stage.coin()
    if deleted:
        del home.channel.messages[int(alert["id"])]
    yield 3600.0
    used = sum(1 for at, used, _ in stage.parts.pixverse.requests if used == token and at > since)
    stage.expect(used < 60, f"a refused token was used {used} times in an hour")
    answers = home.enter_token(account.token)
    yield 80.0 + stage.parts.interval
    stage.says(answers[-1], "Token works")
    stage.one_notice(home.channel, _BACK, set())
    if not deleted:
        stage.one_notice(home.channel, r"\*\*Fixed: the API token works")
    for job in (before, asked, *listed):
        stage.came(job, home.channel)
    answer = home.command("pixverse list")
    # The next problem has its own alert, and ends only that one.
    last = stage.job(home, 400)
    home.status(last)
    yield 30.0
    account.paid = False
    yield 300.0
    stage.card_says(last, home.channel, "subscription has expired")
    fixed = len(stage.posted(home.channel, r"\*\*Fixed"))
    account.paid = True
    yield 1000.0
    stage.came(last, home.channel)
    stage.expect(len(stage.posted(home.channel, r"\*\*Fixed|results are back")) > fixed, "nobody hears that it is over")


def alert_unanswered(stage: Stage) -> Story:
    """The alert about a refused token gets no response, and by then the problem is over. No message may go on reporting
    it."""
    home = yield from stage.settle()
    alerts = home.guild.channels[1]
    home.choose("alerts", alerts)
    assert home.account is not None
    job = stage.job(home, 600)
    home.status(job)
    yield 30.0
    end = stage.lose(alerts, back=False)
    stage.parts.pixverse.renew(home.account)
    yield 100.0 + stage.parts.interval
    home.enter_token(home.account.token)
    yield 20.0
    end()
    yield 600.0
    stage.expect(not stage.messages(alerts, _HOLD), "a problem that is over is told of")
    stage.came(job, home.channel)


def removed(stage: Stage) -> Story:
    """A token is removed, perhaps after it was refused: what waits is dropped, the alert is updated, and another server
    continues."""
    account = stage.account()
    home = yield from stage.settle(account)
    other = yield from stage.settle(account)
    shared, own = stage.job(account, 500), stage.job(account, 500)
    home.status(shared)
    other.status(shared)
    home.status(own)
    yield 30.0
    refused = stage.coin()
    if refused:
        stage.parts.pixverse.renew(account)
        yield 300.0
    question = home.admin("token remove")
    yield 5.0
    stage.says(question, "stop watching 2 jobs")
    stage.void(home)
    answer = home.press_in_reply(question, "Remove the token")
    yield 20.0
    stage.says(answer, "Removed", "2 jobs")
    stage.parts.ledger.servers[home.guild.id].current = None
    if refused:
        stage.one_notice(home.channel, "Settled: this server's API token was removed")
        other.enter_token(account.token)
    yield 30.0
    since = stage.now
    yield 600.0
    stage.expect(stage.requests_for(own, since) == 0, f"{own.prompt} is asked about, though its token was removed")
    stage.came(shared, other.channel)
    stage.missing(shared, home.channel)
    answer = home.status(own)
    yield 8.0
    if stage.parts.operators is None:
        stage.says(answer, "isn't set up yet|no API token")


def removed_in_the_next_trouble(stage: Stage) -> Story:
    """A refused token is replaced, and its alert is edited to say so. The next token is refused, too, and then removed:
    only its own alert changes."""
    home = yield from stage.settle()
    assert home.account is not None
    job = stage.job(home, 3000)
    home.status(job)
    yield 30.0
    stage.parts.pixverse.renew(home.account)
    yield 60.0 + 2 * stage.parts.interval
    alert = stage.messages(home.channel, _HOLD)[0]
    home.enter_token(home.account.token)
    yield 30.0
    fixed = text_of(alert)
    stage.expect(fixed.startswith("**Fixed"), f"nothing takes the place of the alert: {fixed!r}")
    stage.parts.pixverse.renew(home.account)
    yield 60.0 + 2 * stage.parts.interval
    stage.one_notice(home.channel, _HOLD)
    stage.void(home)
    question = home.admin("token remove")
    yield 5.0
    home.press_in_reply(question, "Remove the token")
    yield 60.0
    stage.expect(text_of(alert) == fixed, f"what was over is told of anew: {text_of(alert)!r}")
    stage.expect(not stage.messages(home.channel, _HOLD), "a problem that is over is told of")


def another_account(stage: Stage) -> Story:
    """The admin enters a token of another account: what waits stays until an admin decides. A deleted card isn't posted
    again."""
    home = yield from stage.settle()
    first = home.account
    assert first is not None
    second = stage.account()
    jobs = [stage.job(first, 2500), stage.job(first, 2500)]
    for job in jobs:
        home.status(job)
    yield 200.0
    del home.channel.messages[int(stage.card(jobs[1], home.channel)["id"])]
    home.account = stage.parts.people.uses[home.guild.id] = second
    answers = home.enter_token(second.token)
    yield 30.0
    stage.says(answers[-1], "different account")
    question = answers[-1]
    stage.card_says(jobs[0], home.channel, "different account")
    kept = stage.coin()
    if kept:
        answer = home.press_in_reply(question, "Keep")
        yield 10.0
        stage.says(answer, "Kept|stay")
    since = stage.now
    yield 300.0
    stage.expect(stage.requests_for(jobs[0], since) == 0, "a job of another account is asked about")
    home.account = stage.parts.people.uses[home.guild.id] = first
    for job in jobs:
        stage.due_again(job, home.channel)
    answers = home.enter_token(first.token)
    yield 30.0
    stage.says(answers[-1], "Token works", "watching 2 jobs")
    stage.one_notice(home.channel, _BACK, set())
    if not kept:
        answer = home.press_in_reply(question, "Drop")
        yield 10.0
        stage.says(answer, "token has changed since")
    yield 2600.0
    for job in jobs:
        stage.came(job, home.channel)


def late_trial(stage: Stage) -> Story:
    """The trial of a token takes long. Meanwhile another token is entered, or the server's token is removed."""
    home = yield from stage.settle()
    good, slow = home.account, stage.account()
    assert good is not None
    end = stage.slow(slow, 6.0)
    earlier = home.enter_token(slow.token)
    yield 4.0
    removing = stage.coin()
    later: list[Interaction] = []
    if removing:
        question = home.admin("token remove")
        yield 3.0
        home.press_in_reply(question, "Remove the token")
    else:
        later = home.enter_token(good.token)
    yield 10.0
    if not removing:
        stage.says(later[-1], "Token works")
    yield 200.0
    end()
    stage.says(earlier[-1], "Not stored")
    answer = home.admin("check")
    yield 10.0
    stage.says(answer, never=str(slow.number))
    if not removing:
        stage.says(answer, str(good.number))
    home.enter_token(good.token)
    yield 10.0


def tried_often(stage: Stage) -> Story:
    """An admin tries many tokens, among them a Discord token."""
    home = stage.home()
    yield 3.0
    discords = "MTAwMDAwMDAwMDAwMDAwMDAw.GaBcDe.abcdefghijklmnopqrstuvwxyz0123456789AB"
    answers = home.enter_token(discords)
    yield 6.0
    stage.says(answers[-1], "that's a Discord token")
    tokens = [f"user:{stage.random.randint(1, 99)}-{stage.random.getrandbits(96):024x}" for _ in range(36)]
    results = []
    for token in tokens:
        results.append(home.enter_token(token))
        yield 2.2
    asked = {used for _, used, _ in stage.parts.pixverse.requests}
    stage.expect(discords not in asked, "a Discord token was sent to the API")
    tried = sum(token in asked for token in tokens)
    stage.expect(10 <= tried < 34, f"{tried} made-up tokens were tried in 80 s")
    stage.says(results[0][-1], "refuses this token")
    yield 700.0


def paid_again(stage: Stage) -> Story:
    """The account's subscription lapses for an hour."""
    home = yield from stage.settle()
    assert home.account is not None
    alerts = home.guild.channels[1]
    home.choose("alerts", alerts)
    job = stage.job(home, 300)
    home.status(job)
    yield 20.0
    home.account.paid = False
    yield 300.0
    stage.one_notice(alerts, _HOLD + r"|subscription has expired", {home.guild.admin})
    stage.expect(not stage.posted(home.channel, _HOLD), "told outside the alerts channel")
    stage.card_says(job, home.channel, "expired")
    yield 3600.0
    home.account.paid = True
    yield 1800.0
    stage.came(job, home.channel, "Late:" if not job.is_v2 else "")
    stage.one_notice(alerts, r"\*\*Fixed: the API token works", None)
    stage.one_notice(alerts, _BACK, set())


def refused_and_told_to_wait(stage: Stage) -> Story:
    """A token is refused, and the response to its next trial names a time: it is tried again no earlier."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    job = stage.job(account, 300, v2=False)
    home.status(job)
    yield 20.0
    end = stage.with_token(account, Reply(401, {"error": "Unauthorized", "code": 401}))
    yield 60.0 + stage.parts.interval
    end()
    slow = {"Retry-After": "2400"}
    busy = Trip(refused=Reply(429, {"error": "too many requests", "code": 429}, slow))
    times, end = stage.counted(lambda request: busy if stage.token(request) in account.tokens else None)
    yield 2400.0
    late = [at for at in times if at > times[0] + 2.0]
    stage.expect(not late, f"a refused token was used {len(late)} times though the API had asked to wait")
    end()
    yield 1200.0
    stage.came(job, home.channel)


def refused_for_days(stage: Stage) -> Story:
    """The token is refused for more than two days, and what waits is given up. With a good token, a job can be
    requested again."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    job = stage.job(account, 600, v2=False)
    home.status(job)
    yield 30.0
    stage.parts.pixverse.renew(account)
    yield 400.0
    yield from stage.sleep(46 * 3600.0)
    stage.missing(job, home.channel)
    yield 3 * 3600.0
    stage.came(job, home.channel, r"given up · #\d+", files=0)
    home.enter_token(account.token)
    yield 20.0
    stage.expect_another_result(job, home.channel)
    home.status(job)
    yield 60.0
    stage.came(job, home.channel, r"completed · #\d+", times=2)


def of_no_known_form(stage: Stage) -> Story:
    """The tokens don't show which account they belong to. A job is given up under one token. Its end is posted under
    the next one, even if others, or the same channel, watched it again under the first one before."""
    account = stage.account()
    account.tokens = [f"opaque-{stage.random.getrandbits(96):024x}"]
    home, other = yield from stage.settle_many(account, 2)
    job = stage.job(account, 52 * 3600.0, v2=False)
    home.status(job)
    yield 60.0
    yield from stage.sleep(47.9 * 3600.0)
    while not stage.outcomes(job, home.channel) and stage.parts.pixverse.is_active(job):
        yield 5.0
    stage.came(job, home.channel, r"given up · #\d+", files=0)
    stage.expect_another_result(job, home.channel)
    asker = stage.one_of(("nobody", "others", "itself"))
    yield 300.0
    if asker != "nobody":
        (other if asker == "others" else home).status(job)
        yield 10.0
    account.tokens.append(f"opaque-{stage.random.getrandbits(96):024x}")
    if asker == "itself":
        other.enter_token(account.token)
        yield 10.0
        other.status(job)
        yield 10.0
    elif asker == "others":
        stage.void(other)
    home.enter_token(account.token)
    yield 10.0
    del home.channel.messages[int(stage.card(job, home.channel)["id"])]
    home.status(job)
    yield 8.0
    stage.finish(job)
    yield 20.0 + 1.1 * stage.parts.interval
    stage.came(job, home.channel, r"completed · #\d+", times=2)


def of_two_tokens_in_turn(stage: Stage) -> Story:
    """The tokens don't show which account they belong to, and both work. A job is given up under one and posted under
    the other. Then the channel waits for it under the first one again, through a button of an old card, and returns to
    the other token: nothing is posted a third time."""
    account = stage.account()
    account.tokens = [f"opaque-{stage.random.getrandbits(96):024x}"]
    home = yield from stage.settle(account)
    job = stage.job(account, 52 * 3600.0, v2=False)
    home.status(job)
    yield 20.0
    home.command("pixverse unwatch", jobid=job.jobid)
    yield 20.0
    stopped = deepcopy(stage.card(job, home.channel))
    home.press(stopped, "Watch again", jobs=[job])
    yield 20.0
    yield from stage.sleep(48.0 * 3600.0)
    yield 300.0
    stage.came(job, home.channel, r"given up · #\d+", files=0)
    account.tokens.append(f"opaque-{stage.random.getrandbits(96):024x}")
    home.enter_token(account.token)
    yield 10.0
    stage.finish(job)
    stage.expect_another_result(job, home.channel)
    home.status(job)
    yield 60.0
    stage.came(job, home.channel, r"completed · #\d+", times=2)
    silent = stage.about(job, Reply(503, {"error": "no", "code": 503}))
    account.tokens.reverse()
    home.enter_token(account.token)
    yield 10.0
    answer = home.press(stopped, "Watch again", jobs=[job])
    yield 10.0
    stage.says(answer, "[Ww]atching")
    silent()
    account.tokens.reverse()
    home.enter_token(account.token)
    yield 10.0
    answer = home.status(job, 2)
    yield 10.0
    posted = stage.outcomes(job, home.channel)[-1].message["id"]
    stage.says(answer, rf"\*\*Already posted here\.\*\* \[[^]]+\]\(\S+/{posted}\)")
    yield 400.0
    stage.came(job, home.channel, times=2)


def not_found_late(stage: Stage) -> Story:
    """The API says "not found" to a token that is being replaced, and again to the new one. This doesn't count as
    twice."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    job, old = stage.job(account, 600, v2=False), account.token
    home.status(job)
    yield 40.0
    gone = Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404})
    rest = iter((gone,))
    troubled_until = [0.0]

    def rule(request: Request) -> Trip | None:
        if stage.subject(request) != job.jobid:
            return None
        if stage.token(request) == old:
            troubled_until[0] = stage.now + 8.0 + 61.0
            return Trip(there=8.0, refused=gone)
        reply = Reply(502, {"error": "no"}) if stage.now < troubled_until[0] else next(rest, None)
        return None if reply is None else Trip(refused=reply)

    stage.on_api(rule)
    while not troubled_until[0]:
        yield 0.5
    stage.parts.pixverse.renew(account)
    home.enter_token(account.token)
    yield 240.0
    stage.missing(job, home.channel)
    stage.expect(next(rest, None) is None, "the job is not asked about any more")
    yield 600.0
    stage.came(job, home.channel, r"completed · #\d+")


def undecided(stage: Stage) -> Story:
    """A server changes to another account and decides nothing about what waits. A month later that is given up here,
    and nowhere else."""
    account = stage.account()
    here, there = yield from stage.settle_many(account, 2)
    shared, alone = stage.job(account, 900, v2=False), stage.job(account, 900, v2=False)
    for home, job in ((here, shared), (there, shared), (here, alone)):
        home.status(job)
    yield 20.0
    second = stage.account()
    here.account = stage.parts.people.uses[here.guild.id] = second
    here.enter_token(second.token)
    yield 20.0
    shared.vanishes_after = 33 * 86400.0
    yield from stage.sleep(31 * 86400.0)
    yield 2 * 3600.0
    stage.came(alone, here.channel, r"given up · #\d+", files=0)
    stage.came(shared, there.channel, r"completed · #\d+", "Late:")


def other_server_moves(stage: Stage) -> Story:
    """Two servers wait for the same job with the same token. One of them changes its account."""
    account, second = stage.account(), stage.account()
    here = yield from stage.settle(account)
    there = yield from stage.settle(account)
    job = stage.job(account, 1500)
    here.status(job)
    there.status(job)
    yield 30.0
    here.account = stage.parts.people.uses[here.guild.id] = second
    answers = here.enter_token(second.token)
    yield 10.0
    answer = here.press_in_reply(answers[-1], "Drop")
    yield 10.0
    stage.says(answer, "Dropped", "1 job ")
    stage.void(here)
    yield 1600.0
    stage.came(job, there.channel)
    stage.missing(job, here.channel)


def ended_for_others(stage: Stage) -> Story:
    """Two servers wait for the same job with the same token. One of them changes its account, and the job ends for the
    other. The first one hears nothing of that end in any way: it no longer has the token with which it was seen."""
    account = stage.account()
    home = yield from stage.settle(account)
    other = yield from stage.settle(account)
    job = stage.job(account, 200, "failed", v2=False)
    home.status(job)
    other.status(job)
    yield 10.0
    number = re.search(r"#(\d+)", text_of(stage.card(job, home.channel)))
    assert number is not None
    home.account = stage.parts.people.uses[home.guild.id] = stage.account()
    home.enter_token(home.account.token)
    yield 200.0 + stage.parts.interval
    stage.came(job, other.channel)
    stage.missing(job, home.channel)
    elsewhere = home.guild.channels[1]
    for answer in (
        home.command("pixverse status", 1, elsewhere, jobid=number[0], private=True),
        home.command("pixverse status", 1, elsewhere, jobid=number[0]),
        home.command("pixverse watch", 1, elsewhere, jobids=number[0]),
    ):
        yield 8.0
        stage.says(answer, "can't find|not found", never="(?i)failed")
    answer = home.command("pixverse status", jobid=number[0], private=True)
    yield 8.0
    stage.says(answer, "On hold", never="(?i)failed|can't find")
    listed = home.command("pixverse watch", 2, jobids=number[0], jobs=[job])
    yield 8.0
    stage.says(listed, "(?i)already watched", never="(?i)failed|not found")
    offered = home.typing(job.prompt)
    yield 5.0
    stage.expect("Failed" not in str(stage.choices(offered)), "autocomplete tells how the job ended")
    stage.card_says(job, home.channel, "On hold")
    stage.expect("took" not in text_of(stage.card(job, home.channel)), "the card on hold tells when the job ended")
    if stage.coin():
        yield from stage.sleep(32 * 86400.0)
        stage.card_says(job, home.channel, "Ended")
        stage.void(home)
        return
    for channel in home.guild.channels:
        stage.missing(job, channel)
    home.command("pixverse unwatch", jobid=number[0])
    yield 8.0
    stage.void(home)


def operators_bytes(stage: Stage) -> Story:
    """A server enters the operator's own token."""
    operators = stage.parts.operators
    if operators is None:
        return
    plain = stage.home()
    home = yield from stage.settle(operators)
    yield from home.learn_callback()
    job, other = stage.job(operators, 400, v2=False), stage.job(operators, 400)
    plain.status(job)
    home.status(other)
    yield 20.0
    answer = plain.choose("follow", plain.guild.channels[1])
    yield 8.0
    stage.says(answer, "own token first")
    # A server that knows a callback address has no influence on the operator's jobs, with that token or without.
    for removing in (False, True):
        if removing:
            question = home.admin("token remove")
            yield 5.0
            stage.void(home)
            home.press_in_reply(question, "Remove the token")
            yield 10.0
            stage.parts.ledger.servers[home.guild.id].current = None
        yield from stage.just_requested(job)
        since = stage.now
        home.call_back({**stage.parts.pixverse.record(job), "status": "completed"})
        yield stage.parts.interval * 0.5
        stage.expect(stage.requests_for(job, since) == 0, "a callback about the operator's job makes the bot ask")
    yield 500.0
    stage.came(job, plain.channel)
    stage.missing(other, home.channel)
    answer = home.choose("follow", home.channel)
    yield 8.0
    stage.says(answer, "own token first")


def followers_own(stage: Stage) -> Story:
    """A job on hold is requested again under another account, which may not be able to see it."""
    operators = stage.parts.operators
    home = yield from stage.settle()
    first = home.account
    assert first is not None
    job = stage.job(first, 900)
    home.status(job)
    yield 30.0
    second = operators or stage.account()
    home.account = stage.parts.people.uses[home.guild.id] = second
    home.enter_token(second.token)
    yield 20.0
    # The API may fail at that moment, so that nobody knows whether this account sees the job.
    silent = stage.coin()
    end = stage.about(job, Reply(503, {"error": "no", "code": 503}), times=int(silent))
    answer = home.status(job, 2)
    yield 10.0
    end()
    stage.says(answer, "Already watched here" if silent else "can't find this job")
    answer = home.command("pixverse list", 2)
    yield 10.0
    stage.says(answer, r"Watching 1 job here")
    yield 150.0
    stage.missing(job, home.channel)
    home.account = stage.parts.people.uses[home.guild.id] = first
    stage.due_again(job, home.channel)
    home.enter_token(first.token)
    yield 1000.0
    stage.came(job, home.channel)


def posted_before(stage: Stage) -> Story:
    """The bot links to a result that is already in the channel, even if the server has another account now."""
    home = yield from stage.settle()
    jobs = [stage.job(home, 30), stage.job(home, 40)]
    for job in jobs:
        home.status(job)
    yield 60.0 + stage.parts.interval
    second = stage.account()
    home.account = stage.parts.people.uses[home.guild.id] = second
    home.enter_token(second.token)
    yield 10.0
    other = stage.job(second, 30)
    answer, listed = home.status(jobs[0], 2), home.watch([jobs[1], other], 2)
    yield 8.0
    stage.says(answer, "Already posted here")
    stage.says(listed, "Watching 1 job", "already posted")
    yield 60.0 + stage.parts.interval
    for job in (*jobs, other):
        stage.came(job, home.channel)


def not_seen_before(stage: Stage) -> Story:
    """A job is reported as not found under an account that can't see it. Another account sees it."""
    home = yield from stage.settle()
    second = stage.account()
    job = stage.job(second, 900)
    away = stage.about(job, Reply(503, {"error": "no", "code": 503}))
    answer = home.status(job)
    yield 8.0
    stage.says(answer, "I'm watching")
    away()
    yield 300.0
    stage.came(job, home.channel, "not found", files=0)
    home.account = stage.parts.people.uses[home.guild.id] = second
    home.enter_token(second.token)
    yield 10.0
    stage.parts.ledger.promises[(job.jobid, home.channel.id)].extra += 1
    stage.due_again(job, home.channel)
    stage.parts.ledger.message_laws.restart(str(stage.card(job, home.channel)["id"]))
    answer = home.status(job)
    yield 8.0
    stage.says(answer, "Watching")
    yield 700.0
    stage.came(job, home.channel, times=2)


def on_hold_and_seen(stage: Stage) -> Story:
    """A job on hold under a server's own account continues once the operator's account shows it, and is posted once."""
    if stage.parts.operators is None:
        return
    for is_unknown in (False, True):
        yield from _on_hold_and_seen(stage, stage.parts.operators, is_unknown=is_unknown)


def _on_hold_and_seen(stage: Stage, operators: Account, *, is_unknown: bool) -> Story:
    """`is_unknown`: another server asked for the job while the API failed, so nothing is known about it."""
    home = yield from stage.settle(operators)
    job = stage.job(operators, 200)
    home.status(job)
    yield 10.0
    second = stage.account()
    home.account = stage.parts.people.uses[home.guild.id] = second
    home.enter_token(second.token)
    yield 10.0
    question = home.admin("token remove")
    yield 5.0
    home.press_in_reply(question, "Remove the token")
    yield 5.0
    stage.parts.ledger.servers[home.guild.id].current = None
    home.account = None
    stage.parts.people.uses.pop(home.guild.id, None)
    if is_unknown:
        plain = stage.home()
        away = stage.about(job, Reply(503, {"error": "no", "code": 503}))
        plain.status(job)
        yield 6.0
        away()
    stage.due_again(job, home.channel)
    answer = home.status(job)
    yield 6.0
    stage.says(answer, "Already watched here")
    listed = home.command("pixverse list")
    yield 5.0
    stage.says(listed, "Watching 1 job here", never="(?i)on hold")
    yield 200.0 + stage.parts.interval
    stage.came(job, home.channel)


def full_and_on_hold(stage: Stage) -> Story:
    """A job on hold has ended unseen. Somebody who is at their limit isn't added to it."""
    account = stage.account()
    home = yield from stage.settle(account)
    there = yield from stage.settle(account)
    job = stage.job(account, 120)
    home.status(job, 1)
    there.status(job)
    yield 10.0
    second = stage.account()
    home.account = stage.parts.people.uses[home.guild.id] = second
    home.enter_token(second.token)
    yield 120.0 + stage.parts.interval
    stage.came(job, there.channel)
    others = [stage.job(second, 200) for _ in range(6)]
    for other in others:
        home.status(other, 2, home.guild.channels[1])
        yield 2.0
    typed = home.typing(job.prompt, 2)
    yield 3.0
    choices = stage.choices(typed)
    stage.expect(len(choices) == 1, f"{choices} are offered")
    answer = home.command("pixverse status", 2, jobid=choices[0]["value"])
    yield 6.0
    stage.says(answer, "at your limit of 6")
    yield 300.0
    for other in others:
        stage.came(other, home.guild.channels[1])


def dead_at_the_end(stage: Stage) -> Story:
    """The API reports a job as not found once. Then the server uses another account for a while: the job isn't given
    up."""
    home = yield from stage.settle()
    account = home.account
    assert account is not None
    job = stage.job(home, 600)
    home.status(job)
    yield 40.0
    end = stage.about(job, Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404}), times=1)
    yield 30.0
    end()
    second = stage.account()
    home.account = stage.parts.people.uses[home.guild.id] = second
    home.enter_token(second.token)
    yield 400.0
    stage.missing(job, home.channel)
    home.account = stage.parts.people.uses[home.guild.id] = account
    stage.due_again(job, home.channel)
    home.enter_token(account.token)
    yield 400.0
    stage.came(job, home.channel)


def moved_to_an_old_watch(stage: Stage) -> Story:
    """A server that asked with a refused token gets the new one. With that token, another server began to watch the
    same job long ago. If that server still waits, the job is polled like an old one, else like one that was just
    requested."""
    account = stage.account()
    late = yield from stage.settle(account)
    stage.parts.pixverse.renew(account)
    early = yield from stage.settle(account)
    job = stage.job(account, 9000, v2=False)
    early.status(job)
    yield 20.0
    waits = stage.coin()
    if not waits:
        early.command("pixverse unwatch", jobid=job.jobid)
        stage.void(early)
    yield 4500.0
    answer = late.status(job)
    yield 10.0
    stage.says(answer, "On hold|[Ww]atching")
    late.enter_token(account.token)
    yield 60.0
    since = stage.now
    yield 900.0
    gaps = stage.gaps(job, since)
    if waits:
        stage.expect(min(gaps) >= 200.0, f"asked again after {min(gaps):.0f} s, though it is old")
    else:
        stage.expect(
            len(gaps) > 2 and max(gaps) < 2.3 * stage.parts.interval + 4, f"a young watch is left alone: {gaps}"
        )
    yield 4000.0
    stage.came(job, late.channel)
    if waits:
        stage.came(job, early.channel)


def not_found_by_one(stage: Stage) -> Story:
    """The API told one server that a job doesn't exist. Another server, which waits for it under an old token, gets the
    same token: it goes on waiting, and gets the result."""
    account = stage.account()
    late = yield from stage.settle(account)
    job = stage.job(account, 1500, v2=False)
    late.status(job)
    yield 20.0
    stage.parts.pixverse.renew(account)
    early = yield from stage.settle(account)
    early.status(job)
    yield 20.0
    yield from stage.until(lambda: bool(stage.posted(late.channel, _HOLD)))
    end = stage.about(job, Reply(404, {"error": f"Unable to locate job {job.jobid}", "code": 404}))
    job.vanishes_after = 0.0
    yield 100.0 + 2.2 * stage.parts.interval
    stage.came(job, early.channel, r"not found · #\d+", files=0)
    end()
    job.vanishes_after = 31 * 86400.0
    late.enter_token(account.token)
    yield 1700.0
    stage.came(job, late.channel, "completed")
    stage.came(job, early.channel, files=0)


def back_to_the_operators(stage: Stage) -> Story:
    """Two servers wait for a job with the same token. One of them tries another account and then uses the operator's,
    which has the job, too. The job continues where somebody asks for it again, and in the other server as before."""
    operators = stage.parts.operators
    if operators is None:
        return
    other = yield from stage.settle(operators)
    home = yield from stage.settle(operators)
    job = stage.job(operators, 300, v2=False)
    other.status(job)
    home.status(job, 1, home.guild.channels[1])
    home.status(job)
    yield 20.0
    second = stage.account()
    home.account = stage.parts.people.uses[home.guild.id] = second
    home.enter_token(second.token)
    yield 20.0
    question = home.admin("token remove")
    yield 5.0
    home.press_in_reply(question, "Remove the token")
    yield 10.0
    stage.parts.ledger.servers[home.guild.id].current = None
    stage.parts.people.uses.pop(home.guild.id)
    stage.due_again(job, home.channel)
    home.status(job, 2)
    yield 20.0
    stage.card_says(job, home.channel, r"\*\*(?:Waiting to start|Started|In progress)")
    stage.card_says(job, home.guild.channels[1], "On hold")
    stage.card_says(job, other.channel, r"\*\*(?:Waiting to start|Started|In progress)")
    yield 320.0
    stage.came(job, home.channel)
    stage.came(job, other.channel)


def operators_new_token(stage: Stage) -> Story:
    """A server watched a job under the operator's account twice: with the token as its own, and without. The operator
    gets a new token, with which the API hasn't been used yet, and the server enters it, too."""
    operators = stage.parts.operators
    if operators is None:
        return
    other = yield from stage.settle(operators)
    home = yield from stage.settle(operators)
    plain = stage.home()
    job = stage.job(operators, 200, v2=False)
    for one in (other, home, plain):
        one.status(job)
    yield 10.0
    question = home.admin("token remove")
    yield 5.0
    home.press_in_reply(question, "Remove the token")
    yield 10.0
    stage.parts.ledger.servers[home.guild.id].current = None
    home.status(job, 2)
    yield 260.0 + stage.parts.interval
    for one in (other, home, plain):
        stage.came(job, one.channel)
    checked = plain.admin("check")
    yield 10.0
    stage.says(checked, str(operators.number), never="not confirmed")
    yield from stage.renew_operators()
    checked = plain.admin("check")
    yield 10.0
    stage.says(checked, f"{operators.number}.*not confirmed")
    answers = home.enter_token(operators.token)
    yield 10.0
    stage.says(answers[-1], "Token works")
    stage.void(other)
    later = stage.job(operators, 60)
    home.status(later)
    plain.status(later)
    yield 80.0 + stage.parts.interval
    stage.came(later, home.channel)
    stage.came(later, plain.channel)
    for one in (other, home, plain):
        stage.came(job, one.channel)


def operators_token_away(stage: Stage) -> Story:
    """The operator's token is missing at one start and back at the next. The cards of jobs that wait for it say so."""
    operators = stage.parts.operators
    if operators is None:
        return
    home = stage.home()
    job = stage.job(operators, 2500, v2=False)
    home.status(job)
    yield 300.0
    settings = stage.parts.machine.settings
    token = settings.pop("USEAPI_TOKEN")
    stage.stop(2.0)
    yield 60.0
    stage.card_says(job, home.channel, "On hold")
    settings["USEAPI_TOKEN"] = token
    stage.stop(2.0)
    yield 60.0
    stage.card_says(job, home.channel, "Started")
    yield 2200.0
    stage.came(job, home.channel)


def killed_at_another_token(stage: Stage) -> Story:
    """An admin enters another account's token, and may remove it again. Each time the process is killed before a card
    is edited. The next process edits it."""
    operators = stage.parts.operators
    home = stage.home() if operators is not None else (yield from stage.settle())
    account = operators or home.account
    assert account is not None
    yield 2.0
    job = stage.job(account, 4000, v2=False)
    home.status(job)
    yield 500.0

    def killed_at_an_edit() -> Story:
        met = [False]

        def rule(request: Request) -> None:
            if request.method == "PATCH" and f"/channels/{home.channel.id}/" in request.path and not met[0]:
                met[0] = True
                stage.kill(5.0)

        end = stage.on_discord(rule)
        yield from stage.until(lambda: met[0])
        yield 5.0
        end()
        yield 60.0

    second = stage.account()
    home.account = stage.parts.people.uses[home.guild.id] = second
    home.enter_token(second.token)
    yield from killed_at_an_edit()
    stage.card_says(job, home.channel, "On hold")
    stage.due_again(job, home.channel)
    if operators is None:
        home.account = stage.parts.people.uses[home.guild.id] = account
        home.enter_token(account.token)
    else:
        question = home.admin("token remove")
        yield 5.0
        home.press_in_reply(question, "Remove the token")
        yield from killed_at_an_edit()
        stage.parts.ledger.servers[home.guild.id].current = None
        stage.parts.people.uses.pop(home.guild.id)
        stage.card_says(job, home.channel, "Started")
    yield 4000.0
    stage.came(job, home.channel)
