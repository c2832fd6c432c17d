"""What is sent again: because an admin wants it, or because it was never posted."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.simulation.discord_world import Refusal
from tests.simulation.stage import Stage, Story
from tests.simulation.wire import Trip

_NONCE_FORGOTTEN = 200.0


def _is_outcome(body: dict[str, Any], _files: int) -> bool:
    return "outcome:details" in str(body.get("components"))


def refused(stage: Stage) -> Story:
    """Discord refuses the result in every form, so it is given up. A quarter of an hour later an admin resends it. It
    isn't late, its card links to it, and it is sent once, however often the button is pressed."""
    home = yield from stage.settle()
    job = stage.job(home, 40, v2=False)
    home.status(job)
    end = stage.refuse(home.channel, Refusal(400, 987654, "Something new"), when=_is_outcome)
    yield 1000.0
    stage.missing(job, home.channel)
    stage.card_says(job, home.channel, "Finished, but not posted here")
    end()
    answer = home.admin("deliveries")
    yield 6.0
    stage.says(answer, "Not posted")
    before = deepcopy(answer)
    edits_again = stage.on_discord(lambda request: Trip(unreachable=True) if request.method == "PATCH" else None)
    home.press_in_reply(answer, "Resend")
    yield 10.0
    # The process is killed before the card shows it.
    stage.kill(10.0)
    yield 5.0
    edits_again()
    yield 60.0
    stage.came(job, home.channel, never="Late:")
    yield _NONCE_FORGOTTEN
    home.press_in_reply(before, "Resend")
    yield 30.0
    stage.came(job, home.channel)
    stage.card_says(job, home.channel, r"\*\*Done\.\*\* \[Jump to the result")


def unsure(stage: Stage) -> Story:
    """Nobody knows whether the result was posted. An admin resends it. Whoever asked may have been pinged already, so
    it pings nobody, and it isn't late."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    yield 20.0
    stage.parts.discord.permit(home.channel, {"read_message_history"})
    end = stage.lose(home.channel)
    yield 400.0
    end()
    stage.parts.discord.permit(home.channel, set())
    yield 600.0
    answer = home.admin("deliveries")
    yield 6.0
    stage.says(answer, "May have arrived")
    home.press_in_reply(answer, "Resend")
    yield 40.0
    stage.came(job, home.channel, never="Late:")
    last = stage.outcomes(job, home.channel)[-1]
    stage.expect(not last.pings, f"pings {set(last.pings)}, perhaps again")


def asked_for_again(stage: Stage) -> Story:
    """Discord refuses two results in every form, each the last of its batch. Requested again in new batches, they come
    complete, and whoever asked is pinged at the end of the new batch: at once, or when its other job has ended."""
    home = yield from stage.settle()
    alone, first, running = (stage.job(home, seconds, v2=False) for seconds in (40, 40, 500))
    end = stage.refuse(home.channel, Refusal(400, 987654, "Something new"), when=_is_outcome)
    for job in (alone, first):
        home.watch([job])
    yield 300.0
    for job in (alone, first):
        stage.missing(job, home.channel)
    end()
    home.watch([alone], 2)
    home.watch([first, running], 3)
    yield 60.0
    for job, pings in ((alone, {home.guild.members[2]}), (first, set())):
        stage.came(job, home.channel, job.prompt)
        there = set(stage.outcomes(job, home.channel)[-1].pings)
        stage.expect(there == pings, f"{job.prompt} pings {there}, not {pings}")
    yield 200.0 + stage.parts.interval
    stage.came(running, home.channel, "All 2 jobs have ended")
