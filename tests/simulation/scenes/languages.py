"""Who reads which language, and broken translation files."""

from __future__ import annotations

from typing import Any

from tests.pseudo_language import PSEUDO, pseudo
from tests.simulation.discord_world import ENGLISH, Refusal
from tests.simulation.scene import Scene, SceneServer, Story

_UPLOADS_LIMITED = Refusal(403, 400001, "Uploads are limited")


def _is_outcome(body: dict[str, Any], _files: int) -> bool:
    return "outcome:details" in str(body.get("components"))


def chosen(scene: Scene) -> Story:
    """An admin chooses a language. Everything that is posted or resent from then on is in it. The end of a problem is
    in the language of the message that reported it. Replies are in the asker's own language."""
    server = yield from scene.settle()
    assert server.account is not None
    away, given_up = scene.job(server, 600, v2=False), scene.job(server, 40, v2=False)
    server.status(away)
    server.status(given_up, 2)
    end = scene.refuse(server.channel, Refusal(400, 987654, "Something new"), when=_is_outcome)
    yield 120.0
    del server.channel.messages[int(scene.card(away, server.channel)["id"])]
    scene.parts.pixverse.renew(server.account)
    yield 60.0 + scene.parts.interval
    scene.one_notice(server.channel, r"\*\*PixVerse results are on hold")
    end()
    server.admin("language", language="de")
    yield 4.0
    server.enter_token(server.account.token)
    yield 30.0
    scene.expect(bool(scene.messages(server.channel, r"^\*\*Fixed:")), "the end of an English alert is not in English")
    server.command("pixverse unwatch", jobid=away.jobid)
    scene.parts.ledger.void("unwatched", channel=server.channel, job=away)
    yield 6.0
    server.status(away)
    answer = server.admin("deliveries")
    yield 6.0
    server.press_in_reply(answer, "Resend")
    yield 30.0
    scene.card_says(away, server.channel, "In Arbeit|Gestartet")
    scene.came(given_up, server.channel, "Dein Video ist fertig")
    scene.parts.discord.locales[server.guild.members[3]] = "de"
    answer = server.look(away.jobid, 3)
    yield 600.0
    scene.says(answer, "In Arbeit|Gestartet")
    scene.came(away, server.channel, "Dein Video ist fertig")


def told_at_once(scene: Scene) -> Story:
    """A server's language changes and changes back while another program locks the database. Results are in the latest
    one. Nothing is stored about a server in which nobody uses the bot."""
    server = yield from scene.settle()
    unused = scene.server()
    scene.parts.discord.set_locale(server.guild, "de")
    yield 5.0
    job = scene.job(server, 30)
    server.status(job)
    yield 8.0
    scene.disk(locked=True)
    scene.parts.discord.set_locale(server.guild, "fr")
    yield 1.0
    scene.parts.discord.set_locale(server.guild, "de")
    yield 2.0
    scene.disk()
    scene.parts.discord.set_locale(unused.guild, "fr")
    yield 30.0 + scene.parts.interval
    scene.came(job, server.channel, "Dein Video ist fertig")
    rows = scene.parts.machine.rows_with(str(unused.guild.id))
    scene.expect(not rows, f"a server that does not use the bot is in {rows}")


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


def _asked(scene: Scene, server: SceneServer) -> Story:
    """Members and the admin use everything that tells them something."""
    other = server.guild.channels[1]
    for path in ("check", "deliveries", "callback", "token remove"):
        server.command(f"pixverse-admin {path}", 0, other)
        yield 5.0
    for path in ("list", "forget-me"):
        server.command(f"pixverse {path}", 2, other)
        yield 5.0
    for said in ("tomorrow", "user:5-abcdefabcdef", "#99999"):
        server.command("pixverse status", 3, other, jobid=said)
        server.command("pixverse watch", 4, other, jobids=said)
        yield 5.0


def no_english(scene: Scene) -> Story:
    """A server and its members use another language. They read nothing in English, whatever happens."""
    scene.translate(_pseudo())
    server = yield from scene.settle(locale=PSEUDO)
    scene.set_locale(server, PSEUDO)
    account = server.account
    assert account is not None
    server.choose("alerts", server.guild.channels[1])
    yield 3.0
    jobs = [scene.job(server, 200 + 30 * k, end) for k, end in enumerate(("completed", "failed", "moderated"))]
    server.status(jobs[0])
    server.watch(jobs[1:], 2)
    yield 20.0
    server.press(scene.card(jobs[0], server.channel), "Check now", 3)
    scene.parts.pixverse.renew(account)
    yield 200.0
    yield from _asked(scene, server)
    end = scene.refuse(server.channel, _UPLOADS_LIMITED, when=lambda _body, files: files > 0)
    answers = server.enter_token(account.token)
    yield 140.0 + scene.parts.interval
    end()
    scene.says(answers[-1], "Token works")
    for job in jobs:
        scene.came(job, server.channel, files=0)
        server.press(scene.outcomes(job, server.channel)[-1].message, "Details", 2)
        server.status(job, 3)
        yield 5.0
    held = scene.job(server, 40)
    server.status(held)
    yield 20.0
    scene.parts.discord.permit(server.channel, {"send_messages"})
    yield 120.0 + scene.parts.interval
    yield from _asked(scene, server)
    scene.parts.discord.permit(server.channel, set())
    yield 60.0
    scene.came(held, server.channel)


def each_their_own(scene: Scene) -> Story:
    """Messages in a channel are in the server's language, replies in the asker's own, whichever of the two is
    English."""
    scene.translate(_pseudo())
    of_server = scene.coin()
    server = yield from scene.settle(locale=PSEUDO if of_server else ENGLISH)
    scene.set_locale(server, ENGLISH if of_server else PSEUDO)
    jobs = [scene.job(server, 60), scene.job(server, 60, "failed"), scene.job(server, 500)]
    server.status(jobs[0])
    server.watch(jobs[1:], 2)
    yield 100.0 + scene.parts.interval
    ended = scene.job(server, 0.5)
    yield 2.0
    # The command itself posts the result of a job that has ended.
    server.status(ended, 3)
    server.press(scene.outcomes(jobs[0], server.channel)[-1].message, "Details", 4)
    yield 20.0
    server.command("pixverse unwatch", 2, jobid=jobs[2].jobid)
    scene.parts.ledger.void("unwatched", channel=server.channel, job=jobs[2])
    yield 20.0
    for job in (*jobs[:2], ended):
        scene.came(job, server.channel)


def damaged(scene: Scene) -> Story:
    """A translation file is truncated, empty, or has broken placeholders or plural rules. Everything is said in
    English."""
    scene.translate({"ru": _damaged(scene.one_of(("torn", "blank", "filled wrongly", "counts wrongly")))})
    server = yield from scene.settle(locale="ru")
    scene.set_locale(server, "ru")
    jobs = [scene.job(server, 100), scene.job(server, 100, "failed")]
    answers = [server.watch(jobs), server.admin("check")]
    yield 8.0
    answers += [server.command("pixverse list"), server.status(jobs[0], 2)]
    yield 8.0
    for answer, said in zip(answers, ("Watching 2 jobs", "works here", "Watching 2 jobs here", "Already"), strict=True):
        scene.says(answer, said)
    yield 120.0 + scene.parts.interval
    scene.came(jobs[0], server.channel, "Your videos? (?:is|are) ready")
    scene.came(jobs[1], server.channel, "The job failed")
    answer = server.press(scene.outcomes(jobs[0], server.channel)[-1].message, "Details", 4)
    yield 5.0
    scene.says(answer, "Done")
