"""Who reads which language, and broken translation files."""

from __future__ import annotations

from typing import Any

from tests.pseudo_language import PSEUDO, pseudo
from tests.simulation.discord_world import ENGLISH, Refusal
from tests.simulation.stage import Home, Stage, Story

_UPLOADS_LIMITED = Refusal(403, 400001, "Uploads are limited")


def _is_outcome(body: dict[str, Any], _files: int) -> bool:
    return "outcome:details" in str(body.get("components"))


def chosen(stage: Stage) -> Story:
    """An admin chooses a language. Everything that is posted or resent from then on is in it. The end of a problem is
    in the language of the message that reported it. Replies are in the asker's own language."""
    home = yield from stage.settle()
    assert home.account is not None
    away, given_up = stage.job(home, 600, v2=False), stage.job(home, 40, v2=False)
    home.status(away)
    home.status(given_up, 2)
    end = stage.refuse(home.channel, Refusal(400, 987654, "Something new"), when=_is_outcome)
    yield 120.0
    del home.channel.messages[int(stage.card(away, home.channel)["id"])]
    stage.parts.pixverse.renew(home.account)
    yield 60.0 + stage.parts.interval
    stage.one_notice(home.channel, r"\*\*PixVerse results are on hold")
    end()
    home.admin("language", language="de")
    yield 4.0
    home.enter_token(home.account.token)
    yield 30.0
    stage.expect(bool(stage.messages(home.channel, r"^\*\*Fixed:")), "the end of an English alert is not in English")
    home.command("pixverse unwatch", jobid=away.jobid)
    stage.parts.ledger.void("unwatched", channel=home.channel, job=away)
    yield 6.0
    home.status(away)
    answer = home.admin("deliveries")
    yield 6.0
    home.press_in_reply(answer, "Resend")
    yield 30.0
    stage.card_says(away, home.channel, "In Arbeit|Gestartet")
    stage.came(given_up, home.channel, "Dein Video ist fertig")
    stage.parts.discord.locales[home.guild.members[3]] = "de"
    answer = home.look(away.jobid, 3)
    yield 600.0
    stage.says(answer, "In Arbeit|Gestartet")
    stage.came(away, home.channel, "Dein Video ist fertig")


def told_at_once(stage: Stage) -> Story:
    """A server's language changes and changes back while another program locks the database. Results are in the latest
    one. Nothing is stored about a server in which nobody uses the bot."""
    home = yield from stage.settle()
    unused = stage.home()
    stage.parts.discord.set_locale(home.guild, "de")
    yield 5.0
    job = stage.job(home, 30)
    home.status(job)
    yield 8.0
    stage.disk(locked=True)
    stage.parts.discord.set_locale(home.guild, "fr")
    yield 1.0
    stage.parts.discord.set_locale(home.guild, "de")
    yield 2.0
    stage.disk()
    stage.parts.discord.set_locale(unused.guild, "fr")
    yield 30.0 + stage.parts.interval
    stage.came(job, home.channel, "Dein Video ist fertig")
    rows = stage.parts.machine.rows_with(str(unused.guild.id))
    stage.expect(not rows, f"a server that does not use the bot is in {rows}")


def _pseudo() -> dict[str, bytes]:
    """The tests' own language, with every text translated."""
    from tests.languages import translated  # Babel takes its time.

    return {PSEUDO: translated(PSEUDO, pseudo)}


def _damaged(kind: str) -> bytes:
    """A translation file with this kind of damage."""
    from tests.languages import translated

    if kind == "torn":
        return b"no catalogue"
    faults = {"blank": lambda _text: " ", "filled wrongly": lambda text: text.replace("{", "{x")}
    made = translated("ru", faults.get(kind, str))
    return made.replace(b"plural=n % 10 == 1", b"plural=9 % (n - 2)") if kind == "counts wrongly" else made


def _asked(stage: Stage, home: Home) -> Story:
    """Members and the admin use everything that tells them something."""
    other = home.guild.channels[1]
    for path in ("check", "deliveries", "callback", "token remove"):
        home.command(f"pixverse-admin {path}", 0, other)
        yield 5.0
    for path in ("list", "forget-me"):
        home.command(f"pixverse {path}", 2, other)
        yield 5.0
    for said in ("tomorrow", "user:5-abcdefabcdef", "#99999"):
        home.command("pixverse status", 3, other, jobid=said)
        home.command("pixverse watch", 4, other, jobids=said)
        yield 5.0


def no_english(stage: Stage) -> Story:
    """A server and its members use another language. They read nothing in English, whatever happens."""
    stage.translate(_pseudo())
    home = yield from stage.settle(locale=PSEUDO)
    stage.set_locale(home, PSEUDO)
    account = home.account
    assert account is not None
    home.choose("alerts", home.guild.channels[1])
    yield 3.0
    jobs = [stage.job(home, 200 + 30 * k, end) for k, end in enumerate(("completed", "failed", "moderated"))]
    home.status(jobs[0])
    home.watch(jobs[1:], 2)
    yield 20.0
    home.press(stage.card(jobs[0], home.channel), "Check now", 3)
    stage.parts.pixverse.renew(account)
    yield 200.0
    yield from _asked(stage, home)
    end = stage.refuse(home.channel, _UPLOADS_LIMITED, when=lambda _body, files: files > 0)
    answers = home.enter_token(account.token)
    yield 140.0 + stage.parts.interval
    end()
    stage.says(answers[-1], "Token works")
    for job in jobs:
        stage.came(job, home.channel, files=0)
        home.press(stage.outcomes(job, home.channel)[-1].message, "Details", 2)
        home.status(job, 3)
        yield 5.0
    held = stage.job(home, 40)
    home.status(held)
    yield 20.0
    stage.parts.discord.permit(home.channel, {"send_messages"})
    yield 120.0 + stage.parts.interval
    yield from _asked(stage, home)
    stage.parts.discord.permit(home.channel, set())
    yield 60.0
    stage.came(held, home.channel)


def each_their_own(stage: Stage) -> Story:
    """Messages in a channel are in the server's language, replies in the asker's own, whichever of the two is
    English."""
    stage.translate(_pseudo())
    servers = stage.coin()
    home = yield from stage.settle(locale=PSEUDO if servers else ENGLISH)
    stage.set_locale(home, ENGLISH if servers else PSEUDO)
    jobs = [stage.job(home, 60), stage.job(home, 60, "failed"), stage.job(home, 500)]
    home.status(jobs[0])
    home.watch(jobs[1:], 2)
    yield 100.0 + stage.parts.interval
    ended = stage.job(home, 0.5)
    yield 2.0
    # The command itself posts the result of a job that has ended.
    home.status(ended, 3)
    home.press(stage.outcomes(jobs[0], home.channel)[-1].message, "Details", 4)
    yield 20.0
    home.command("pixverse unwatch", 2, jobid=jobs[2].jobid)
    stage.parts.ledger.void("unwatched", channel=home.channel, job=jobs[2])
    yield 20.0
    for job in (*jobs[:2], ended):
        stage.came(job, home.channel)


def damaged(stage: Stage) -> Story:
    """A translation file is truncated, empty, or has broken placeholders or plural rules. Everything is said in
    English."""
    stage.translate({"ru": _damaged(stage.one_of(("torn", "blank", "filled wrongly", "counts wrongly")))})
    home = yield from stage.settle(locale="ru")
    stage.set_locale(home, "ru")
    jobs = [stage.job(home, 100), stage.job(home, 100, "failed")]
    answers = [home.watch(jobs), home.admin("check")]
    yield 8.0
    answers += [home.command("pixverse list"), home.status(jobs[0], 2)]
    yield 8.0
    for answer, said in zip(answers, ("Watching 2 jobs", "works here", "Watching 2 jobs here", "Already"), strict=True):
        stage.says(answer, said)
    yield 120.0 + stage.parts.interval
    stage.came(jobs[0], home.channel, "Your videos? (?:is|are) ready")
    stage.came(jobs[1], home.channel, "The job failed")
    answer = home.press(stage.outcomes(jobs[0], home.channel)[-1].message, "Details", 4)
    yield 5.0
    stage.says(answer, "Done")
