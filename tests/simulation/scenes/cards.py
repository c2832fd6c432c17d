"""Cards and summaries: how often they are edited, in which language, and that each shows the end of its job."""

from __future__ import annotations

import re

from tests.simulation.discord_world import Channel, text_of
from tests.simulation.stage import Home, Stage, Story
from tests.simulation.wire import Reply, Request, Trip

_NONCE_FORGOTTEN = 160.0
"""Seconds after which Discord accepts another message with the nonce of a deleted one."""
_ENGLISH = "In progress|Done|Started|Waiting to start|Stop watching|running|Numbers?|Watching"


def _edits(request: Request, channel: Channel) -> bool:
    return request.method == "PATCH" and f"/channels/{channel.id}/messages" in request.path


def looked_at(stage: Stage) -> Story:
    """Members look at a job every second, and every other edit of its card arrives late. The edits stay within their
    limits."""
    home = yield from stage.settle()
    job = stage.job(home, 100, v2=False, steps=80)
    home.status(job)
    yield 6.0
    slow, edits = stage.one_of((2.4, 3.4, 1.4)), [0]

    def rule(request: Request) -> Trip | None:
        if not _edits(request, home.channel):
            return None
        edits[0] += 1
        return Trip(there=slow if edits[0] % 2 else 0.05)

    stage.on_discord(rule)
    for number in range(80):
        home.look(job.jobid, 1 + number % 5)
        yield 1.1
    yield 60.0 + stage.parts.interval
    stage.came(job, home.channel)
    yield 15.0
    stage.card_says(job, home.channel, "Done")


def old_by_another_clock(stage: Stage) -> Story:
    """A card is over an hour old, but a clock that was set back makes it look new. Members look at its job."""
    home = yield from stage.settle()
    job = stage.job(home, 4100, v2=False, steps=90)
    home.status(job)
    yield 3700.0
    stage.turn_clock(-2 * 3_600_000)
    for number in range(16):
        home.look(job.jobid, 1 + number % 5)
        yield 20.0
    stage.turn_clock(0)
    yield 800.0
    stage.came(job, home.channel)
    stage.card_says(job, home.channel, "Done")


def _edited(stage: Stage, channel: Channel) -> Story:
    """Waits until a card is edited here."""
    edits: list[float] = []

    def noted(request: Request) -> None:
        if _edits(request, channel):
            edits.append(stage.now)

    end = stage.on_discord(noted)
    yield from stage.until(lambda: bool(edits))
    end()


def deleted_and_asked_again(stage: Stage) -> Story:
    """A card is deleted while Discord still knows its nonce. Whoever asks again gets another one at once, whether the
    bot knows of the deletion or learns of it at its next edit."""
    home = yield from stage.settle()
    job = stage.job(home, 400, v2=False, steps=80)
    home.status(job)
    yield 10.0
    for person in (2, 3):
        del home.channel.messages[int(stage.card(job, home.channel)["id"])]
        is_known = stage.coin()
        yield 35.0 + stage.parts.interval if is_known else 0.0
        home.status(job, person)
        if not is_known:
            yield from _edited(stage, home.channel)
        yield 1.0
        stage.card_says(job, home.channel, "Waiting|Started|In progress")
    yield 400.0 + stage.parts.interval
    stage.came(job, home.channel)
    stage.card_says(job, home.channel, "Done")


def deleted_in_the_midst_of_changes(stage: Stage) -> Story:
    """A card is deleted while edits get no response, and somebody asks again. Before the bot notices the deletion,
    another person has their data deleted, or the server gets another account's token. The new card comes all the
    same."""
    home = yield from stage.settle()
    job = stage.job(home, 900, v2=False, steps=40)
    home.status(job)
    yield _NONCE_FORGOTTEN
    cards = len(stage.cards(job, home.channel))
    del home.channel.messages[int(stage.card(job, home.channel)["id"])]
    silent = Trip(unreachable=True)
    end = stage.on_discord(lambda request: silent if _edits(request, home.channel) else None)
    home.status(job, 2)
    yield 5.0
    is_forgotten = stage.coin()
    if is_forgotten:
        question = home.command("pixverse forget-me", 1, home.guild.channels[1])
        yield 3.0
        home.press_in_reply(question, "Delete my data")
    else:
        home.account = stage.parts.people.uses[home.guild.id] = stage.account()
        home.enter_token(home.account.token)
        stage.parts.ledger.void("on hold", channel=home.channel, job=job)
    yield 5.0
    end()
    yield 90.0 + stage.parts.interval
    now = len(stage.cards(job, home.channel))
    stage.expect(now == cards + 1, f"{now} cards of a job that was asked for again, not {cards + 1}")
    yield 900.0
    if is_forgotten:
        stage.came(job, home.channel)


def old_and_unanswered(stage: Stage) -> Story:
    """A card over an hour old, posted while the clock was ahead, says that the API is down, and its edits get no
    response."""
    home = yield from stage.settle()
    job = stage.job(home, 5700, v2=False)
    stage.turn_clock(20 * 3_600_000)
    home.status(job)
    yield 30.0
    stage.turn_clock(0)
    yield 3700.0
    lost = stage.on_discord(lambda request: Trip(lost_back=True) if _edits(request, home.channel) else None)
    away = stage.on_api(lambda _: Trip(unreachable=True))
    yield 1200.0
    stage.card_says(job, home.channel, "isn.t answering")
    away()
    lost()
    yield 1500.0
    stage.came(job, home.channel)
    stage.card_says(job, home.channel, "Done")


def refused_once(stage: Stage) -> Story:
    """Discord refuses one edit of a card for its contents. The last edit is made in time all the same."""
    home = yield from stage.settle()
    job = stage.job(home, 130, v2=False)
    home.status(job)
    yield 10.0
    status, code = stage.one_of(((400, 50035), (403, 50001), (403, 50013)))
    refused = [False]

    def rule(request: Request) -> Trip | None:
        if refused[0] or not _edits(request, home.channel):
            return None
        refused[0] = True
        return Trip(refused=Reply(status, {"message": "no", "code": code}))

    stage.on_discord(rule)
    yield 120.0
    stage.expect(refused[0], "no card was edited while its job ran")
    yield 40.0 + stage.parts.interval
    stage.came(job, home.channel)
    stage.card_says(job, home.channel, "Done")


def beside_a_slow_result(stage: Stage) -> Story:
    """One result takes long to download. The card of another job, whose result is posted, shows the end at once."""
    home = yield from stage.settle()
    quick, slow = stage.job(home, 70, v2=False), stage.job(home, 60, v2=False)
    stage.on_media(lambda request: Trip(there=25.0) if request.path in slow.paths else None)
    yield from home.learn_callback()
    home.status(quick)
    home.status(slow, 2)
    yield from stage.until(lambda: not stage.parts.pixverse.is_active(slow))
    home.call_back(stage.parts.pixverse.record(slow))
    yield from stage.until(lambda: not stage.parts.pixverse.is_active(quick))
    home.call_back(stage.parts.pixverse.record(quick))
    yield from stage.until(lambda: bool(stage.outcomes(quick, home.channel)))
    stage.missing(slow, home.channel)
    yield 9.0
    stage.missing(slow, home.channel)
    stage.card_says(quick, home.channel, "Done")
    yield 300.0
    stage.came(slow, home.channel)


def last_edit(stage: Stage) -> Story:
    """The loop crashes during a card's last edit, or the edit can't be recorded. It is made all the same, and not again
    after a restart."""
    home = yield from stage.settle()
    job = stage.job(home, 60, v2=False)
    home.status(job)
    yield 20.0
    crashes = stage.coin()
    met = [False]

    def rule(request: Request) -> None:
        if _edits(request, home.channel) and "Done" in str(request.body) and not met[0]:
            met[0] = True
            if crashes:
                stage.parts.scheduler.after(0.005, lambda: stage.crash_loop("cards"))
            else:
                stage.disk(full=True)

    stage.on_discord(rule)
    yield from stage.until(lambda: met[0])
    yield 5.0
    stage.disk()
    yield 90.0
    stage.came(job, home.channel)
    card = stage.card(job, home.channel)
    stage.card_says(job, home.channel, "Done")
    edited = card["edited_timestamp"]
    stage.stop(10.0)
    yield 90.0
    stage.expect(card["edited_timestamp"] == edited, "a card that shows the end is edited again after a start")


def ended_together(stage: Stage) -> Story:
    """Six jobs of one channel end at once. Their cards show it one after another, two seconds apart and no more."""
    home = yield from stage.settle()
    yield from home.learn_callback()
    jobs = [stage.job(home, 60, v2=False) for _ in range(6)]
    for job in jobs:
        home.status(job, 1 + job.number % 2)
    yield from stage.until(lambda: not any(map(stage.parts.pixverse.is_active, jobs)))
    for job in jobs:
        home.call_back(stage.parts.pixverse.record(job))
    yield from stage.until(lambda: all(stage.outcomes(job, home.channel) for job in jobs))
    yield 2.0 * len(jobs) + 3.0
    for job in jobs:
        stage.came(job, home.channel)
        stage.card_says(job, home.channel, "Done")


def everywhere(stage: Stage) -> Story:
    """One job is watched in thirty channels of three servers. Its cards are edited together, but not all at once."""
    account = stage.account()
    homes: list[Home] = []
    for _ in range(3):
        home = yield from stage.settle(account, channels=10)
        homes.append(home)
    job = stage.job(account, 150, v2=False)
    for number in range(10):
        for home in homes:
            home.status(job, 1 + number % 2, home.guild.channels[number])
        yield 1.0
    yield 220.0 + stage.parts.interval
    for home in homes:
        for channel in home.guild.channels:
            stage.came(job, channel)
            stage.card_says(job, channel, "Done")


def in_another_language(stage: Stage) -> Story:
    """A server's language is German or French. Cards and summaries are posted in it, and stay in it."""
    home = yield from stage.settle()
    language = stage.one_of(("de", "fr"))
    home.admin("language", language=language)
    yield 5.0
    single, group = stage.job(home, 100, v2=False), [stage.job(home, 100, v2=False) for _ in range(2)]
    home.status(single)
    home.watch(group, 2)
    for _ in range(2):
        yield 85.0 + stage.parts.interval / 2
        for message in home.channel.messages.values():
            text = text_of(message)
            stage.expect(re.search(_ENGLISH, text) is None, f"English in a server that reads {language}: {text!r}")
    for job in (single, *group):
        stage.came(job, home.channel)


def ahead_and_killed(stage: Stage) -> Story:
    """The machine's clock was ten minutes ahead while a card and a summary were edited. When there is news it is right
    again, and the process is killed before the news is shown. The next process shows it."""
    home = yield from stage.settle()
    alone, first, last = (stage.job(home, seconds, v2=False) for seconds in (800, 60, 330))
    home.status(alone)
    home.watch([first, last])
    yield 30.0
    stage.turn_clock(600_000)
    yield 270.0
    stage.came(first, home.channel)
    stage.card_says(alone, home.channel, "22%")
    limited = Reply(429, {"message": "slow", "retry_after": 60.0, "global": False}, {"Retry-After": "60"})
    end = stage.on_discord(lambda request: Trip(refused=limited) if _edits(request, home.channel) else None)
    stage.turn_clock(0)
    yield from stage.until(lambda: bool(stage.outcomes(last, home.channel)))
    yield from stage.until(lambda: stage.parts.pixverse.status(alone)[1] == 45)
    home.press(stage.card(alone, home.channel), "Check now", 2)
    yield 8.0
    stage.card_says(alone, home.channel, "22%")
    stage.kill(5.0)
    yield 6.0
    end()
    yield 40.0
    stage.card_says(alone, home.channel, "45%")
    stage.expect(
        bool(stage.messages(home.channel, r"2 jobs have ended\.")), "a summary does not show that all have ended"
    )
    yield 500.0 + stage.parts.interval
    stage.came(alone, home.channel)
    stage.came(last, home.channel)


def unanswered(stage: Stage) -> Story:
    """A card is edited because the server has another account. The edits get no response, and before one does, the
    server returns to the first account. The card shows that its job runs."""
    home = yield from stage.settle()
    first = home.account
    assert first is not None
    job = stage.job(home, 2000, v2=False)
    home.status(job)
    yield 100.0
    end = stage.on_discord(lambda request: Trip(lost_back=True) if _edits(request, home.channel) else None)
    home.account = stage.parts.people.uses[home.guild.id] = stage.account()
    home.enter_token(home.account.token)
    yield 25.0
    stage.card_says(job, home.channel, "On hold")
    end()
    home.account = stage.parts.people.uses[home.guild.id] = first
    home.enter_token(first.token)
    stage.due_again(job, home.channel)
    yield 60.0
    stage.card_says(job, home.channel, "Waiting to start")
    yield 1950.0
    stage.came(job, home.channel)


def deleted(stage: Stage) -> Story:
    """A deleted card stays away until somebody asks for its job again, whether or not the bot knows of the deletion by
    then. It learns of it at the next edit."""
    home = yield from stage.settle()
    job = stage.job(home, 800, v2=False, steps=16)
    home.status(job)
    for asks, known in ((2, True), (3, False)):
        yield _NONCE_FORGOTTEN
        cards = len(stage.cards(job, home.channel))
        del home.channel.messages[int(stage.card(job, home.channel)["id"])]
        if known:
            yield 100.0 + stage.parts.interval
        now = len(stage.cards(job, home.channel))
        stage.expect(now == cards, f"{now} cards of a job that nobody has asked for again, not {cards}")
        answer = home.status(job, asks)
        yield 15.0 if known else 75.0 + stage.parts.interval
        stage.says(answer, "Already watched here")
        now = len(stage.cards(job, home.channel))
        stage.expect(now == cards + 1, f"{now} cards of a job that was asked for again, not {cards + 1}")
    yield 400.0
    stage.came(job, home.channel)
