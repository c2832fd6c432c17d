"""What is sent again: because an admin wants it, or because it was never posted."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tests.simulation.discord_world import Refusal
from tests.simulation.scene import Scene, Story
from tests.simulation.wire import Trip

_NONCE_FORGOTTEN = 200.0


def _is_outcome(body: dict[str, Any], _files: int) -> bool:
    return "outcome:details" in str(body.get("components"))


def refused(scene: Scene) -> Story:
    """Discord refuses the result in every form, so it is given up. A quarter of an hour later an admin resends it. It
    isn't late, its card links to it, and it is sent once, however often the button is pressed."""
    server = yield from scene.settle()
    job = scene.job(server, 40, v2=False)
    server.status(job)
    end = scene.refuse(server.channel, Refusal(400, 987654, "Something new"), when=_is_outcome)
    yield 1000.0
    scene.missing(job, server.channel)
    scene.card_says(job, server.channel, "Finished, but not posted here")
    end()
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, "Not posted")
    before = deepcopy(answer)
    edits_again = scene.on_discord(lambda request: Trip(unreachable=True) if request.method == "PATCH" else None)
    server.press_in_reply(answer, "Resend")
    yield 10.0
    # The process is killed before the card shows it.
    scene.kill(10.0)
    yield 5.0
    edits_again()
    yield 60.0
    scene.came(job, server.channel, never="Late:")
    yield _NONCE_FORGOTTEN
    server.press_in_reply(before, "Resend")
    yield 30.0
    scene.came(job, server.channel)
    scene.card_says(job, server.channel, r"\*\*Done\.\*\* \[Jump to the result")


def unsure(scene: Scene) -> Story:
    """Nobody knows whether the result was posted. An admin resends it. Whoever asked may have been pinged already, so
    it pings nobody, and it isn't late."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    yield 20.0
    scene.parts.discord.permit(server.channel, {"read_message_history"})
    end = scene.lose(server.channel)
    yield 400.0
    end()
    scene.parts.discord.permit(server.channel, set())
    yield 600.0
    answer = server.admin("deliveries")
    yield 6.0
    scene.says(answer, "May have arrived")
    server.press_in_reply(answer, "Resend")
    yield 40.0
    scene.came(job, server.channel, never="Late:")
    last = scene.outcomes(job, server.channel)[-1]
    scene.expect(not last.pings, f"pings {set(last.pings)}, perhaps again")


def asked_for_again(scene: Scene) -> Story:
    """Discord refuses two results in every form, each the last of its batch. Requested again in new batches, they come
    complete. They ping whoever asked first and got nothing; whoever asked again is pinged at the end of the new batch:
    at once, or when its other job has ended."""
    server = yield from scene.settle()
    alone, first, running = (scene.job(server, seconds, v2=False) for seconds in (40, 40, 500))
    end = scene.refuse(server.channel, Refusal(400, 987654, "Something new"), when=_is_outcome)
    for job in (alone, first):
        server.watch([job], 1)
    yield 300.0
    for job in (alone, first):
        scene.missing(job, server.channel)
    end()
    server.watch([alone], 2)
    server.watch([first, running], 3)
    yield 60.0
    for job, pings in ((alone, {server.guild.members[1], server.guild.members[2]}), (first, {server.guild.members[1]})):
        scene.came(job, server.channel, job.prompt)
        there = set(scene.outcomes(job, server.channel)[-1].pings)
        scene.expect(there == pings, f"{job.prompt} pings {there}, not {pings}")
    yield 200.0 + scene.parts.interval
    scene.came(running, server.channel, "All 2 jobs have ended")
