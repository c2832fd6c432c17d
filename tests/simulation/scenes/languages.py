"""Who reads what in which language."""

from __future__ import annotations

from typing import Any

from tests.simulation.discord_world import Refusal
from tests.simulation.stage import Stage, Story


def _is_outcome(body: dict[str, Any], _files: int) -> bool:
    return "outcome:details" in str(body.get("components"))


def chosen(stage: Stage) -> Story:
    """An admin chooses a language. Whatever is posted from then on is in it, also what is posted anew or sent once
    more; the end of a trouble is in the language of the message in which it stands. Whoever asks is answered in their
    own."""
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
    home.press_answer(answer, "Resend")
    yield 30.0
    stage.card_says(away, home.channel, "In Arbeit|Gestartet")
    stage.came(given_up, home.channel, "Dein Video ist fertig")
    stage.parts.discord.locales[home.guild.members[3]] = "de"
    answer = home.look(away.jobid, 3)
    yield 600.0
    stage.says(answer, "In Arbeit|Gestartet")
    stage.came(away, home.channel, "Dein Video ist fertig")


def told_at_once(stage: Stage) -> Story:
    """A server's language is changed and changed back while another program has the database: results are in the last
    one. Of a server in which nobody uses the bot nothing is stored."""
    home = yield from stage.settle()
    unused = stage.home()
    stage.parts.discord.speak(home.guild, "de")
    yield 5.0
    job = stage.job(home, 30)
    home.status(job)
    yield 8.0
    stage.disk(locked=True)
    stage.parts.discord.speak(home.guild, "fr")
    yield 1.0
    stage.parts.discord.speak(home.guild, "de")
    yield 2.0
    stage.disk()
    stage.parts.discord.speak(unused.guild, "fr")
    yield 30.0 + stage.parts.interval
    stage.came(job, home.channel, "Dein Video ist fertig")
    rows = stage.parts.machine.rows_with(str(unused.guild.id))
    stage.expect(not rows, f"a server that does not use the bot is in {rows}")
