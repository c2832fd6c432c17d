"""The notices that admins get, and how they end."""

from __future__ import annotations

from typing import Any

from tests.simulation.discord_world import Refusal
from tests.simulation.stage import Stage, Story
from tests.simulation.wire import Reply, Request, Trip

_REFUSED = r"\*\*(?:PixVerse results are on hold|useapi\.net refuses this server's API token)\.\*\*"
_NOT_POSTED = r"\*\*A result was not posted in"


def _is_outcome(body: dict[str, Any], _files: int) -> bool:
    return "outcome:details" in str(body.get("components"))


def same_words(stage: Stage) -> Story:
    """Three results are refused for good, and admins are told each time in the same words. The second notice gets no
    response. It is posted only once, even though the others are in the channel, and even though its words name commands
    whose ids the next process doesn't know yet. An incomplete look into the history proves nothing."""
    home = yield from stage.settle()
    alerts = home.guild.channels[1]
    home.choose("alerts", alerts)
    stage.refuse(home.channel, Refusal(400, 200000, "Blocked by AutoMod"), when=_is_outcome)
    for seconds in (40, 160, 230):
        home.status(stage.job(home, seconds, v2=False))
    yield 70.0 + stage.parts.interval
    stage.one_notice(alerts, _NOT_POSTED)
    stored, killed = stage.one_of(((True, False), (True, True), (False, False), (False, True)))
    lost: list[str] = []
    looks = 0
    machine = stage.parts.machine

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

    end = stage.on_discord(rule)
    while not lost:
        yield 1.0
    yield 70.0 + stage.parts.interval
    stage.void(home)
    yield 300.0
    end()
    yield 300.0
    there = len(stage.posted(alerts, _NOT_POSTED))
    stage.expect(there == 3, f"{there} messages tell of three results that were not posted")


def unrecorded(stage: Stage) -> Story:
    """A notice says that a token is refused, but the full disk can't record that. A new token is entered as soon as
    there is space again. The notice is withdrawn, and the bot doesn't loop meanwhile."""
    home = yield from stage.settle()
    assert home.account is not None
    alerts = home.guild.channels[1]
    home.choose("alerts", alerts)
    job = stage.job(home, 900, v2=False)
    home.status(job)
    yield 20.0
    full = False

    def rule(request: Request) -> None:
        nonlocal full
        if request.method == "POST" and request.path.endswith(f"/{alerts.id}/messages") and not full:
            full = True
            stage.disk(full=True)

    stage.on_discord(rule)
    stage.parts.pixverse.renew(home.account)
    while not full:
        yield 1.0
    yield 100.0
    stage.disk()
    home.enter_token(home.account.token)
    yield 400.0
    stage.one_notice(alerts, r"\*\*(?:PixVerse results are on hold|Fixed)")
    stage.expect(bool(stage.messages(alerts, r"\*\*Fixed")), "nobody hears that the token works")
    yield 600.0
    stage.came(job, home.channel)


def open_in_another_form(stage: Stage) -> Story:
    """A channel is open again, but Discord accepts the waiting result only without its file. The admins are told that
    the channel is open all the same."""
    home = yield from stage.settle()
    alerts = home.guild.channels[1]
    home.choose("alerts", alerts)
    job = stage.job(home, 40)
    home.status(job)
    yield 10.0
    stage.parts.discord.permit(home.channel, {"send_messages"})
    yield 120.0 + stage.parts.interval
    stage.one_notice(alerts, r"\*\*I can't post in")
    refusal = Refusal(413, 40005, "Request entity too large")
    stage.refuse(home.channel, refusal, when=lambda body, files: _is_outcome(body, files) and files > 0)
    stage.parts.discord.permit(home.channel, set())
    yield 90.0
    stage.came(job, home.channel, "https://", files=0)
    stage.one_notice(alerts, r"\*\*I can post in")


def of_who_is_forgotten(stage: Stage) -> Story:
    """A notice to an admin about a refused token gets no response for longer than Discord knows its nonce. Meanwhile
    the admin has their data deleted. The notice is found although it names them."""
    home = yield from stage.settle()
    assert home.account is not None
    alerts = home.guild.channels[1]
    home.choose("alerts", alerts)
    job = stage.job(home, 900, v2=False)
    home.status(job)
    yield 20.0
    end = stage.lose(alerts)
    stage.parts.pixverse.renew(home.account)
    yield from stage.until(lambda: bool(stage.posted(alerts, r"\*\*PixVerse results are on hold")))
    question = home.command("pixverse forget-me", 0)
    yield 6.0
    home.press_in_reply(question, "Delete my data")
    yield 200.0
    end()
    yield 300.0
    stage.one_notice(alerts, r"\*\*PixVerse results are on hold")
    home.enter_token(home.account.token)
    yield 1000.0
    stage.came(job, home.channel)


def refused_unnoticed(stage: Stage) -> Story:
    """A token is refused while its server waits for nothing, so the bot finds out when somebody asks. Or it is refused
    to another server while this one has removed the bot. The admin who set it is pinged once, and told of the end."""
    account = stage.account()
    home = yield from stage.settle(account)
    admin = home.guild.members[0]
    noticed = stage.one_of(("by status", "by watch", "by check", "without it"))
    where = home.channel
    if noticed == "by check":
        where = home.guild.channels[1]
        home.choose("alerts", where)
        yield 8.0
    job = stage.job(account, 1500, v2=False)
    if noticed == "without it":
        other = yield from stage.settle(account)
        home.status(job)
        other.status(job)
        yield 30.0
        stage.parts.discord.remove_bot(home.guild)
        yield 10.0
        stage.parts.pixverse.renew(account)
        yield 60.0 + stage.parts.interval
        stage.parts.discord.invite_bot(home.guild)
        yield 30.0
        other.enter_token(account.token)
    else:
        stage.parts.pixverse.renew(account)
        match noticed:
            case "by status":
                home.status(job)
            case "by watch":
                home.watch([job])
            case _:
                home.admin("check")
    yield 30.0
    stage.one_notice(where, _REFUSED, {admin})
    home.status(job, 2)
    yield 400.0
    stage.one_notice(where, _REFUSED, {admin})
    home.enter_token(account.token)
    yield 30.0
    stage.expect(not stage.messages(where, _REFUSED), "an alert goes on though the token works")
    yield 1400.0
    stage.came(job, home.channel)


def of_the_operators_token(stage: Stage) -> Story:
    """The operator's token is refused, and a server is told. By the time the operator enters a new one, or takes the
    old one away, the server waits for nothing. The alert is over all the same."""
    operators = stage.parts.operators
    if operators is None:
        return
    home = stage.home()
    alerts = home.guild.channels[1]
    settings = stage.parts.machine.settings
    yield 2.0
    home.choose("alerts", alerts)
    yield 8.0
    for end in ("Fixed", "Settled"):
        job = stage.job(operators, 900, v2=False)
        home.status(job)
        yield 20.0
        stage.parts.pixverse.renew(operators)
        yield from stage.until(lambda: bool(stage.messages(alerts, _REFUSED)))
        home.command("pixverse unwatch", jobid=job.jobid)
        yield 8.0
        if end == "Fixed":
            stage.parts.ledger.operator_tokens.append(operators.token)
            settings["USEAPI_TOKEN"] = operators.token
        else:
            del settings["USEAPI_TOKEN"]
        stage.stop(2.0)
        yield 60.0
        stage.expect(not stage.messages(alerts, _REFUSED), "an alert about the operator's token goes on")
        stage.one_notice(alerts, rf"\*\*{end}")
    stage.void(home)
    stage.parts.ledger.operator_tokens.append(operators.token)
    settings["USEAPI_TOKEN"] = operators.token
    stage.stop(2.0)
    yield 60.0
