"""The notices that admins get, and how they end."""

from __future__ import annotations

from typing import Any

from tests.simulation.discord_world import Refusal
from tests.simulation.scene import Scene, Story
from tests.simulation.wire import Reply, Request, Trip

_REFUSED = r"\*\*(?:PixVerse results are on hold|useapi\.net refuses this server's API token)\.\*\*"
_NOT_POSTED = r"\*\*A result was not posted in"


def _is_outcome(body: dict[str, Any], _files: int) -> bool:
    return "outcome:details" in str(body.get("components"))


def same_words(scene: Scene) -> Story:
    """Three results are refused for good, and admins are told each time in the same words. The second notice gets no
    response. It is posted only once, even though the others are in the channel, and even though its words name commands
    whose ids the next process doesn't know yet. An incomplete look into the history proves nothing."""
    server = yield from scene.settle()
    alerts = server.guild.channels[1]
    server.choose("alerts", alerts)
    scene.refuse(server.channel, Refusal(400, 200000, "Blocked by AutoMod"), when=_is_outcome)
    for seconds in (40, 160, 230):
        server.status(scene.job(server, seconds, v2=False))
    yield 70.0 + scene.parts.interval
    scene.one_notice(alerts, _NOT_POSTED)
    stored, killed = scene.one_of(((True, False), (True, True), (False, False), (False, True)))
    lost: list[str] = []
    looks = 0
    machine = scene.parts.machine

    def rule(request: Request) -> Trip | None:
        nonlocal looks
        if request.method == "GET" and request.path.endswith(f"/{alerts.id}/messages"):
            looks += 1
            return Trip(refused=Reply(200, {})) if looks in (2, 4) else None
        if lost and killed and request.method == "GET" and request.path.endswith("/commands"):
            return Trip(refused=Reply(400, {"message": "no", "code": 0}))
        if request.method != "POST" or not request.path.endswith(f"/{alerts.id}/messages"):
            return None
        lost.append(str(request.body["nonce"]))
        if killed and len(lost) == 1:
            machine.downtime = 150.0
            machine.dies_after = 3 if stored else 1
        if killed or str(request.body["nonce"]) != lost[0]:
            return None
        return Trip(lost_there=not stored, lost_back=True)

    end = scene.on_discord(rule)
    while not lost:
        yield 1.0
    yield 70.0 + scene.parts.interval
    scene.void(server)
    yield 300.0
    end()
    yield 300.0
    there = len(scene.posted(alerts, _NOT_POSTED))
    scene.expect(there == 3, f"{there} messages tell of three results that were not posted")


def unrecorded(scene: Scene) -> Story:
    """A notice says that a token is refused, but the full disk can't record that. A new token is entered as soon as
    there is space again. The notice is withdrawn, and the bot doesn't loop meanwhile."""
    server = yield from scene.settle()
    assert server.account is not None
    alerts = server.guild.channels[1]
    server.choose("alerts", alerts)
    job = scene.job(server, 900, v2=False)
    server.status(job)
    yield 20.0
    full = False

    def rule(request: Request) -> None:
        nonlocal full
        if request.method == "POST" and request.path.endswith(f"/{alerts.id}/messages") and not full:
            full = True
            scene.disk(full=True)

    scene.on_discord(rule)
    scene.parts.pixverse.renew(server.account)
    while not full:
        yield 1.0
    yield 100.0
    scene.disk()
    server.enter_token(server.account.token)
    yield 400.0
    scene.one_notice(alerts, r"\*\*(?:PixVerse results are on hold|Fixed)")
    scene.expect(bool(scene.messages(alerts, r"\*\*Fixed")), "nobody hears that the token works")
    yield 600.0
    scene.came(job, server.channel)


def open_in_another_form(scene: Scene) -> Story:
    """A channel is open again, but Discord accepts the waiting result only without its file. The admins are told that
    the channel is open all the same."""
    server = yield from scene.settle()
    alerts = server.guild.channels[1]
    server.choose("alerts", alerts)
    job = scene.job(server, 40)
    server.status(job)
    yield 10.0
    scene.parts.discord.permit(server.channel, {"send_messages"})
    yield 120.0 + scene.parts.interval
    scene.one_notice(alerts, r"\*\*I can't post in")
    refusal = Refusal(413, 40005, "Request entity too large")
    scene.refuse(server.channel, refusal, when=lambda body, files: _is_outcome(body, files) and files > 0)
    scene.parts.discord.permit(server.channel, set())
    yield 90.0
    scene.came(job, server.channel, "https://", files=0)
    scene.one_notice(alerts, r"\*\*I can post in")


def of_who_is_forgotten(scene: Scene) -> Story:
    """A notice to an admin about a refused token gets no response for longer than Discord knows its nonce. Meanwhile
    the admin has their data deleted. The notice is found although it names them."""
    server = yield from scene.settle()
    assert server.account is not None
    alerts = server.guild.channels[1]
    server.choose("alerts", alerts)
    job = scene.job(server, 900, v2=False)
    server.status(job)
    yield 20.0
    end = scene.lose(alerts)
    scene.parts.pixverse.renew(server.account)
    yield from scene.until(lambda: bool(scene.posted(alerts, r"\*\*PixVerse results are on hold")))
    question = server.command("pixverse forget-me", 0)
    yield 6.0
    server.press_in_reply(question, "Delete my data")
    yield 200.0
    end()
    yield 300.0
    scene.one_notice(alerts, r"\*\*PixVerse results are on hold")
    server.enter_token(server.account.token)
    yield 1000.0
    scene.came(job, server.channel)


def refused_unnoticed(scene: Scene) -> Story:
    """A token is refused while its server waits for nothing, so the bot finds out when somebody asks. Or it is refused
    to another server while this one has removed the bot. The admin who set it is pinged once, and told of the end."""
    account = scene.account()
    server = yield from scene.settle(account)
    admin = server.guild.members[0]
    noticed = scene.one_of(("by status", "by watch", "by check", "without it"))
    where = server.channel
    if noticed == "by check":
        where = server.guild.channels[1]
        server.choose("alerts", where)
        yield 8.0
    job = scene.job(account, 1500, v2=False)
    if noticed == "without it":
        other = yield from scene.settle(account)
        server.status(job)
        other.status(job)
        yield 30.0
        scene.parts.discord.remove_bot(server.guild)
        yield 10.0
        scene.parts.pixverse.renew(account)
        yield 60.0 + scene.parts.interval
        scene.parts.discord.invite_bot(server.guild)
        yield 30.0
        other.enter_token(account.token)
    else:
        scene.parts.pixverse.renew(account)
        match noticed:
            case "by status":
                server.status(job)
            case "by watch":
                server.watch([job])
            case _:
                server.admin("check")
    yield 30.0
    scene.one_notice(where, _REFUSED, {admin})
    server.status(job, 2)
    yield 400.0
    scene.one_notice(where, _REFUSED, {admin})
    server.enter_token(account.token)
    yield 30.0
    scene.expect(not scene.messages(where, _REFUSED), "an alert goes on though the token works")
    yield 1400.0
    scene.came(job, server.channel)


def of_the_operators_token(scene: Scene) -> Story:
    """The operator's token is refused, and a server is told. By the time the operator enters a new one, or takes the
    old one away, the server waits for nothing. The alert is over all the same."""
    operators = scene.parts.operators
    if operators is None:
        return
    server = scene.server()
    alerts = server.guild.channels[1]
    settings = scene.parts.machine.settings
    yield 2.0
    server.choose("alerts", alerts)
    yield 8.0
    for end in ("Fixed", "Settled"):
        job = scene.job(operators, 900, v2=False)
        server.status(job)
        yield 20.0
        scene.parts.pixverse.renew(operators)
        yield from scene.until(lambda: bool(scene.messages(alerts, _REFUSED)))
        server.command("pixverse unwatch", jobid=job.jobid)
        yield 8.0
        if end == "Fixed":
            scene.parts.ledger.operator_tokens.append(operators.token)
            settings["USEAPI_TOKEN"] = operators.token
        else:
            del settings["USEAPI_TOKEN"]
        scene.stop(2.0)
        yield 60.0
        scene.expect(not scene.messages(alerts, _REFUSED), "an alert about the operator's token goes on")
        scene.one_notice(alerts, rf"\*\*{end}")
    scene.void(server)
    scene.parts.ledger.operator_tokens.append(operators.token)
    settings["USEAPI_TOKEN"] = operators.token
    scene.stop(2.0)
    yield 60.0


def channel_shut(scene: Scene) -> Story:
    """The bot may not post in a channel that an admin chooses, which is refused. Later it loses that permission in the
    alerts channel, and the token is refused: the alert comes once the channel is open again, if it is still true."""
    server = yield from scene.settle()
    account = server.account
    assert account is not None
    here, alerts = server.guild.channels
    scene.parts.discord.permit(alerts, {"send_messages"})
    yield 3.0
    answers = [server.choose("alerts", alerts), server.choose("follow", alerts, progress=False)]
    yield 6.0
    scene.says(answers[0], r"\*\*I can't post in", "Send Messages")
    scene.says(answers[1], r"\*\*I can't post in", "Send Messages")
    scene.parts.discord.permit(alerts, set())
    yield 3.0
    answer = server.choose("alerts", alerts)
    yield 6.0
    scene.says(answer, f"<#{alerts.id}>", never="can't post")
    job = scene.job(server, 2500, v2=False)
    server.status(job, 1, here)
    yield 10.0
    scene.parts.discord.permit(alerts, {"send_messages"})
    scene.parts.pixverse.renew(account)
    yield 200.0
    scene.card_says(job, here, "On hold: useapi.net refuses")
    answer = server.admin("check")
    yield 10.0
    scene.says(answer, "I need \\*?Send Messages\\*? in the alerts channel")
    scene.expect(not scene.posted(here, _REFUSED), "the alert goes to a channel that wasn't chosen")
    is_over = scene.coin()
    if is_over:
        server.enter_token(account.token)
        yield 60.0
    scene.parts.discord.permit(alerts, set())
    yield 120.0
    if is_over:
        scene.expect(not scene.messages(alerts, _REFUSED), "a problem that is over is reported")
    else:
        scene.one_notice(alerts, _REFUSED, {server.guild.admin})
        server.enter_token(account.token)
        yield 60.0
        scene.expect(not scene.messages(alerts, _REFUSED), "an alert goes on after its problem")
    yield 2500.0
    scene.came(job, here)
