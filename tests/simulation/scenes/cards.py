"""Cards and summaries: how often they are edited, in which language, and that each shows the end of its job."""

from __future__ import annotations

import re

from tests.simulation.discord_world import Channel, text_of
from tests.simulation.scene import Scene, SceneServer, Story
from tests.simulation.wire import Reply, Request, Trip

_NONCE_FORGOTTEN = 160.0
"""Seconds after which Discord accepts another message with the nonce of a deleted one."""
_ENGLISH = "In progress|Done|Started|Waiting to start|Stop watching|running|Numbers?|Watching"


def _edits(request: Request, channel: Channel) -> bool:
    return request.method == "PATCH" and f"/channels/{channel.id}/messages" in request.path


def looked_at(scene: Scene) -> Story:
    """Members look at a job every second, and every other edit of its card arrives late. The edits stay within their
    limits."""
    server = yield from scene.settle()
    job = scene.job(server, 100, v2=False, steps=80)
    server.status(job)
    yield 6.0
    slow, edits = scene.one_of((2.4, 3.4, 1.4)), [0]

    def rule(request: Request) -> Trip | None:
        if not _edits(request, server.channel):
            return None
        edits[0] += 1
        return Trip(there=slow if edits[0] % 2 else 0.05)

    scene.on_discord(rule)
    for number in range(80):
        server.look(job.jobid, 1 + number % 5)
        yield 1.1
    yield 60.0 + scene.parts.interval
    scene.came(job, server.channel)
    yield 15.0
    scene.card_says(job, server.channel, "Done")


def old_by_another_clock(scene: Scene) -> Story:
    """A card is over an hour old, but a clock that was set back makes it look new. Members look at its job."""
    server = yield from scene.settle()
    job = scene.job(server, 4100, v2=False, steps=90)
    server.status(job)
    yield 3700.0
    scene.turn_clock(-2 * 3_600_000)
    for number in range(16):
        server.look(job.jobid, 1 + number % 5)
        yield 20.0
    scene.turn_clock(0)
    yield 800.0
    scene.came(job, server.channel)
    scene.card_says(job, server.channel, "Done")


def _edited(scene: Scene, channel: Channel) -> Story:
    """Waits until a card is edited here."""
    edits: list[float] = []

    def noted(request: Request) -> None:
        if _edits(request, channel):
            edits.append(scene.now)

    end = scene.on_discord(noted)
    yield from scene.until(lambda: bool(edits))
    end()


def deleted_and_asked_again(scene: Scene) -> Story:
    """A card is deleted while Discord still knows its nonce. Whoever asks again gets another one at once, whether the
    bot knows of the deletion or learns of it at its next edit."""
    server = yield from scene.settle()
    job = scene.job(server, 400, v2=False, steps=80)
    server.status(job)
    yield 10.0
    for person in (2, 3):
        del server.channel.messages[int(scene.card(job, server.channel)["id"])]
        is_known = scene.coin()
        yield 35.0 + scene.parts.interval if is_known else 0.0
        server.status(job, person)
        if not is_known:
            yield from _edited(scene, server.channel)
        yield 1.0
        scene.card_says(job, server.channel, "Waiting|Started|In progress")
    yield 400.0 + scene.parts.interval
    scene.came(job, server.channel)
    scene.card_says(job, server.channel, "Done")


def deleted_in_the_midst_of_changes(scene: Scene) -> Story:
    """A card is deleted while edits get no response, and somebody asks again. Before the bot notices the deletion,
    another person has their data deleted, or the server gets another account's token. The new card comes all the
    same."""
    server = yield from scene.settle()
    job = scene.job(server, 900, v2=False, steps=40)
    server.status(job)
    yield _NONCE_FORGOTTEN
    cards = len(scene.cards(job, server.channel))
    del server.channel.messages[int(scene.card(job, server.channel)["id"])]
    silent = Trip(unreachable=True)
    end = scene.on_discord(lambda request: silent if _edits(request, server.channel) else None)
    server.status(job, 2)
    yield 5.0
    is_forgotten = scene.coin()
    if is_forgotten:
        question = server.command("pixverse forget-me", 1, server.guild.channels[1])
        yield 3.0
        server.press_in_reply(question, "Delete my data")
    else:
        server.account = scene.parts.people.uses[server.guild.id] = scene.account()
        server.enter_token(server.account.token)
        scene.parts.ledger.void("on hold", channel=server.channel, job=job)
    yield 5.0
    end()
    yield 90.0 + scene.parts.interval
    now = len(scene.cards(job, server.channel))
    scene.expect(now == cards + 1, f"{now} cards of a job that was asked for again, not {cards + 1}")
    yield 900.0
    if is_forgotten:
        scene.came(job, server.channel)


def old_and_unanswered(scene: Scene) -> Story:
    """A card over an hour old, posted while the clock was ahead, says that the API is down, and its edits get no
    response."""
    server = yield from scene.settle()
    job = scene.job(server, 5700, v2=False)
    scene.turn_clock(20 * 3_600_000)
    server.status(job)
    yield 30.0
    scene.turn_clock(0)
    yield 3700.0
    lost = scene.on_discord(lambda request: Trip(lost_back=True) if _edits(request, server.channel) else None)
    away = scene.on_api(lambda _: Trip(unreachable=True))
    yield 1800.0
    scene.card_says(job, server.channel, "isn.t answering")
    away()
    lost()
    yield 1500.0
    scene.came(job, server.channel)
    scene.card_says(job, server.channel, "Done")


def refused_once(scene: Scene) -> Story:
    """Discord refuses one edit of a card for its contents. The last edit is made in time all the same."""
    server = yield from scene.settle()
    job = scene.job(server, 130, v2=False)
    server.status(job)
    yield 10.0
    status, code = scene.one_of(((400, 50035), (403, 50001), (403, 50013)))
    refused = [False]

    def rule(request: Request) -> Trip | None:
        if refused[0] or not _edits(request, server.channel):
            return None
        refused[0] = True
        return Trip(refused=Reply(status, {"message": "no", "code": code}))

    scene.on_discord(rule)
    yield 120.0
    scene.expect(refused[0], "no card was edited while its job ran")
    yield 40.0 + scene.parts.interval
    scene.came(job, server.channel)
    scene.card_says(job, server.channel, "Done")


def beside_a_slow_result(scene: Scene) -> Story:
    """One result takes long to download. The card of another job, whose result is posted, shows the end at once."""
    server = yield from scene.settle()
    quick, slow = scene.job(server, 70, v2=False), scene.job(server, 60, v2=False)
    scene.on_media(lambda request: Trip(there=25.0) if request.path in slow.paths else None)
    yield from server.learn_callback()
    server.status(quick)
    server.status(slow, 2)
    yield from scene.until(lambda: not scene.parts.pixverse.is_active(slow))
    server.call_back(scene.parts.pixverse.record(slow))
    yield from scene.until(lambda: not scene.parts.pixverse.is_active(quick))
    server.call_back(scene.parts.pixverse.record(quick))
    yield from scene.until(lambda: bool(scene.outcomes(quick, server.channel)))
    scene.missing(slow, server.channel)
    yield 9.0
    scene.missing(slow, server.channel)
    scene.card_says(quick, server.channel, "Done")
    yield 300.0
    scene.came(slow, server.channel)


def last_edit(scene: Scene) -> Story:
    """The loop crashes during a card's last edit, or the edit can't be recorded. It is made all the same, and not again
    after a restart."""
    server = yield from scene.settle()
    job = scene.job(server, 60, v2=False)
    server.status(job)
    yield 20.0
    crashes = scene.coin()
    met = [False]

    def rule(request: Request) -> None:
        if _edits(request, server.channel) and "Done" in str(request.body) and not met[0]:
            met[0] = True
            if crashes:
                scene.parts.scheduler.after(0.005, lambda: scene.crash_loop("cards"))
            else:
                scene.disk(full=True)

    scene.on_discord(rule)
    yield from scene.until(lambda: met[0])
    yield 5.0
    scene.disk()
    yield 90.0
    scene.came(job, server.channel)
    card = scene.card(job, server.channel)
    scene.card_says(job, server.channel, "Done")
    edited = card["edited_timestamp"]
    scene.stop(10.0)
    yield 90.0
    scene.expect(card["edited_timestamp"] == edited, "a card that shows the end is edited again after a start")


def ended_together(scene: Scene) -> Story:
    """Six jobs of one channel end at once. Their cards show it one after another, two seconds apart and no more."""
    server = yield from scene.settle()
    yield from server.learn_callback()
    jobs = [scene.job(server, 60, v2=False) for _ in range(6)]
    for job in jobs:
        server.status(job, 1 + job.number % 2)
    yield from scene.until(lambda: not any(map(scene.parts.pixverse.is_active, jobs)))
    for job in jobs:
        server.call_back(scene.parts.pixverse.record(job))
    yield from scene.until(lambda: all(scene.outcomes(job, server.channel) for job in jobs))
    yield 2.0 * len(jobs) + 3.0
    for job in jobs:
        scene.came(job, server.channel)
        scene.card_says(job, server.channel, "Done")


def everywhere(scene: Scene) -> Story:
    """One job is watched in thirty channels of three servers. Its cards are edited together, but not all at once."""
    account = scene.account()
    servers: list[SceneServer] = []
    for _ in range(3):
        server = yield from scene.settle(account, channels=10)
        servers.append(server)
    job = scene.job(account, 150, v2=False)
    for number in range(10):
        for server in servers:
            server.status(job, 1 + number % 2, server.guild.channels[number])
        yield 1.0
    yield 220.0 + scene.parts.interval
    for server in servers:
        for channel in server.guild.channels:
            scene.came(job, channel)
            scene.card_says(job, channel, "Done")


def in_another_language(scene: Scene) -> Story:
    """A server's language is German or French. Cards and summaries are posted in it, and stay in it."""
    server = yield from scene.settle()
    language = scene.one_of(("de", "fr"))
    server.admin("language", language=language)
    yield 5.0
    single, group = scene.job(server, 100, v2=False), [scene.job(server, 100, v2=False) for _ in range(2)]
    server.status(single)
    server.watch(group, 2)
    for _ in range(2):
        yield 85.0 + scene.parts.interval / 2
        for message in server.channel.messages.values():
            text = text_of(message)
            scene.expect(re.search(_ENGLISH, text) is None, f"English in a server that reads {language}: {text!r}")
    for job in (single, *group):
        scene.came(job, server.channel)


def ahead_and_killed(scene: Scene) -> Story:
    """The machine's clock was nine minutes ahead while a card and a summary were edited. When there is news it is right
    again, and the process is killed before the news is shown. The next process shows it."""
    server = yield from scene.settle()
    alone, first, last = (scene.job(server, seconds, v2=False) for seconds in (800, 60, 330))
    server.status(alone)
    server.watch([first, last])
    yield 30.0
    scene.turn_clock(540_000)
    yield 270.0
    scene.came(first, server.channel)
    scene.card_says(alone, server.channel, "22%")
    limited = Reply(429, {"message": "slow", "retry_after": 60.0, "global": False}, {"Retry-After": "60"})
    end = scene.on_discord(lambda request: Trip(refused=limited) if _edits(request, server.channel) else None)
    scene.turn_clock(0)
    yield from scene.until(lambda: bool(scene.outcomes(last, server.channel)))
    yield from scene.until(lambda: scene.parts.pixverse.status(alone)[1] == 45)
    server.press(scene.card(alone, server.channel), "Check now", 2)
    yield 8.0
    scene.card_says(alone, server.channel, "22%")
    scene.kill(5.0)
    yield 6.0
    end()
    yield 40.0 + scene.parts.interval
    scene.card_says(alone, server.channel, "45%")
    scene.expect(
        bool(scene.messages(server.channel, r"2 jobs have ended\.")), "a summary does not show that all have ended"
    )
    yield 500.0 + scene.parts.interval
    scene.came(alone, server.channel)
    scene.came(last, server.channel)


def unanswered(scene: Scene) -> Story:
    """A card is edited because the server has another account. The edits get no response, and before one does, the
    server returns to the first account. The card shows that its job runs."""
    server = yield from scene.settle()
    first = server.account
    assert first is not None
    job = scene.job(server, 2000, v2=False)
    server.status(job)
    yield 100.0
    end = scene.on_discord(lambda request: Trip(lost_back=True) if _edits(request, server.channel) else None)
    server.account = scene.parts.people.uses[server.guild.id] = scene.account()
    server.enter_token(server.account.token)
    yield 25.0
    scene.card_says(job, server.channel, "On hold")
    end()
    server.account = scene.parts.people.uses[server.guild.id] = first
    server.enter_token(first.token)
    scene.due_again(job, server.channel)
    yield 60.0
    scene.card_says(job, server.channel, "Waiting to start")
    yield 1950.0
    scene.came(job, server.channel)


def deleted(scene: Scene) -> Story:
    """A deleted card stays away until somebody asks for its job again, whether or not the bot knows of the deletion by
    then. It learns of it at the next edit."""
    server = yield from scene.settle()
    job = scene.job(server, 800, v2=False, steps=16)
    server.status(job)
    for asks, known in ((2, True), (3, False)):
        yield _NONCE_FORGOTTEN
        cards = len(scene.cards(job, server.channel))
        del server.channel.messages[int(scene.card(job, server.channel)["id"])]
        if known:
            yield 100.0 + scene.parts.interval
        now = len(scene.cards(job, server.channel))
        scene.expect(now == cards, f"{now} cards of a job that nobody has asked for again, not {cards}")
        answer = server.status(job, asks)
        yield 15.0 if known else 75.0 + scene.parts.interval
        scene.says(answer, "Already watched here")
        now = len(scene.cards(job, server.channel))
        scene.expect(now == cards + 1, f"{now} cards of a job that was asked for again, not {cards + 1}")
    yield 400.0
    scene.came(job, server.channel)


def slow_by_another_clock(scene: Scene) -> Story:
    """The machine's clock is an hour ahead, or behind. A card says that its job takes long after a quarter of an hour,
    and not before."""
    server = yield from scene.settle()
    scene.turn_clock(scene.one_of((3_600_000, -3_600_000)))
    yield 60.0
    job = scene.job(server, 1400, v2=False)
    server.status(job)
    yield 300.0
    if scene.coin():
        scene.stop(5.0)
        yield 60.0
    yield from scene.until(lambda: scene.now - job.created > 890.0)
    scene.card_says(job, server.channel, r"\*\*(?:Waiting to start|Started|In progress)")
    yield 60.0
    scene.card_says(job, server.channel, r"\*\*Taking longer than usual")
    scene.turn_clock(0)
    yield 500.0 + 4.0 * scene.parts.interval
    scene.came(job, server.channel)
