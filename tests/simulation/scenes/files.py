"""What a result contains: files in every state, prompts of every kind, and who may see them."""

from __future__ import annotations

import re
from typing import Any

from tests.simulation import sample_texts, serving
from tests.simulation.discord_world import Refusal, text_of
from tests.simulation.pixverse_world import Job
from tests.simulation.scene import Scene, Story
from tests.simulation.wire import Reply, Request, Trip

_PATIENCE = 110.0
"""Seconds after a job's end by which even a slow file is complete."""
_ENDS = ("completed", "failed", "moderated")


def every_serving(scene: Scene) -> Story:
    """One job for each way of serving records and files, all at once, each in its own channel and server."""
    server = yield from scene.settle(channels=3)
    served = list(serving.ALL)
    scene.random.shuffle(served)
    for start in range(0, len(served), 5):
        jobs = [scene.job(server, 40, serving=one, v2=scene.coin() or one.record_late)
                for one in served[start : start + 5]]  # fmt: skip
        for number, job in enumerate(jobs):
            server.status(job, 1 + number % 5, server.guild.channels[number % 3])
        yield 40.0 + _PATIENCE + scene.parts.interval * 2
        for number, job in enumerate(jobs):
            channel = server.guild.channels[number % 3]
            scene.came(job, channel, r"completed · #\d+", job.serving.why)
            last = scene.outcomes(job, channel)[-1]
            if not job.videos and not job.serving.host:
                scene.expect("https://" in text_of(last.message), f"no link to the file: {text_of(last.message)!r}")


def broken_for_ever(scene: Scene) -> Story:
    """A file that never arrives complete, one without an end, one that doesn't exist: a link, and the true reason."""
    server = yield from scene.settle()
    kinds = {"half": "fetch|failed|Downloading|broke", "large": "limit is", "gone": "gone|expired|run out|link",
             "down": "fetch|failed|Downloading"}  # fmt: skip
    kind = scene.one_of(list(kinds))
    job = scene.job(server, 40)
    video = job.video(0)
    taken: list[int] = []
    reply = {
        "half": Reply(200, video, content_type="video/mp4", cut_at=30),
        "large": Reply(200, video + b"\0" * (12 << 20), content_type="video/mp4", framed=False, sent=taken.append),
        "gone": Reply(404, b"no", content_type="text/plain"),
        "down": Reply(503, b""),
    }[kind]
    scene.on_media(lambda request: Trip(refused=reply) if request.path in job.paths else None)
    server.status(job)
    yield 400.0
    scene.came(job, server.channel, kinds[kind], "https://", files=0)
    scene.expect(sum(taken) <= 9 << 20, f"{sum(taken)} bytes were taken, and 8 MB are the most")


def without_a_file(scene: Scene) -> Story:
    """A v2 job is complete but never shows a file."""
    server = yield from scene.settle()
    job = scene.job(server, 40, v2=True, serving=serving.NEVER)
    server.status(job)
    yield 3600.0
    scene.came(job, server.channel, "(?i)without a video", files=0)


def without_a_prompt(scene: Scene) -> Story:
    """A record has no prompt. Card and result say what is made, once."""
    server = yield from scene.settle()
    job = scene.job(server, 60, v2=False, files=2, serving=serving.WITHOUT_PROMPT)
    server.status(job)
    yield 15.0
    cards = scene.posted(server.channel, "4 videos")
    scene.expect(len(cards) == 1, f"{len(cards)} cards tell how many videos are made")
    yield 80.0 + scene.parts.interval
    scene.came(job, server.channel, "Your 2 videos are ready")


def blanked(scene: Scene) -> Story:
    """While a result waits, a later record has the placeholder's address in place of the file's."""
    server = yield from scene.settle()
    job = scene.job(server, 40, v2=True)
    server.status(job)
    yield 20.0
    scene.parts.discord.permit(server.channel, {"send_messages"})
    yield 40.0 + 2 * scene.parts.interval
    record = {**scene.parts.pixverse.record(job), "url": "https://media.pixverse.ai/pixverse/mp4/media/default.mp4"}
    end = scene.about(job, Reply(200, record))
    scene.parts.discord.permit(server.channel, set())
    yield 60.0
    end()
    scene.came(job, server.channel)


def every_word(scene: Scene) -> Story:
    """Prompts and reasons with text that nobody may see, or text that must be kept."""
    server = yield from scene.settle(channels=3)
    samples = list(sample_texts.ALL)
    scene.random.shuffle(samples)
    for start in range(0, len(samples), 5):
        jobs = [scene.job(server, 40, _ENDS[0] if one is sample_texts.LONG else scene.one_of(_ENDS), sample=one,
                          v2=False) for one in samples[start : start + 5]]  # fmt: skip
        for number, job in enumerate(jobs):
            server.status(job, 1 + number % 5, server.guild.channels[number % 3])
        yield 15.0
        for number, job in enumerate(jobs):
            text = text_of(scene.card(job, server.guild.channels[number % 3]))
            scene.expect(job.sample.kept in text, f"{job.sample.kept!r} does not stand in {text!r}")
        answer = server.command("pixverse list", 1)
        yield 65.0 + scene.parts.interval
        scene.expect(answer.text != "", "no list")
        for number, job in enumerate(jobs):
            channel = server.guild.channels[number % 3]
            scene.came(job, channel, job.prompt)
            there = scene.outcomes(job, channel)
            answer = server.press(there[-1].message, "Details", 2, channel)
            yield 5.0
            scene.says(answer, job.prompt)
            scene.expect(job.sample.kept in answer.text, f"{job.sample.kept!r} does not stand in the details")
            yield 1.0


def secrets_in_errors(scene: Scene) -> Story:
    """The API's words contain the token, perhaps in an unknown form, another account's token, and an address."""
    account, other = scene.account(), scene.account()
    if scene.coin():
        account.tokens = [f"opaque-{scene.random.getrandbits(96):024x}"]
    server = yield from scene.settle(account)
    error = {"error": f"no such tokens {account.token} {other.token} of {account.email}", "code": 400}
    job = scene.job(server, 200)
    end = scene.about(job, Reply(500, error))
    server.status(job)
    answer = server.look(job.jobid, 2)
    yield 15.0 + 1.5 * scene.parts.interval
    scene.expect(account.token not in answer.text, "an answer repeats the token")
    end()
    yield 500.0
    scene.came(job, server.channel)
    secrets = sample_texts.SampleText(f"of {account.email} with {account.token}")
    failed = scene.job(server, 30, "failed", sample=secrets, v2=False)
    server.status(failed)
    yield 60.0 + scene.parts.interval
    scene.came(failed, server.channel)


def places_of_details(scene: Scene) -> Story:
    """What is requested in one channel isn't revealed in another, by number, button or autocomplete."""
    server = yield from scene.settle()
    staff, public = server.channel, server.guild.channels[1]
    job = scene.job(server, 2000)
    server.status(job, 1, staff)
    yield 10.0
    found = sample_texts.number_in(text_of(scene.card(job, staff)))
    answers = [
        server.look(f"#{found}", 2, public),
        server.command("pixverse unwatch", 2, public, jobid=f"#{found}"),
        server.command("pixverse watch", 2, public, jobids=f"#{found}"),
    ]
    yield 6.0
    for answer in answers:
        scene.says(answer, "know that number here|isn't watched here|could not be watched", never="boat")
    answer = server.look(f"#{found}", 1, public)
    other = server.look(f"#{found}", 2, staff)
    yield 6.0
    scene.says(answer, "boat")
    scene.says(other, "boat")
    stranger = yield from scene.settle(server.account if scene.coin() else None)
    stranger.guild.members[2] = server.guild.members[1]  # The person who asked for the job is a member there, too.
    answers = [stranger.look(f"#{found}", 1), stranger.look(f"#{found}", 2)]
    yield 6.0
    for answer in answers:
        scene.says(answer, "know that number here", never="boat")
    card = scene.card(job, staff)
    for label in ("Check now", "Stop watching"):
        answer = server.press(card, label, 2, public)
        yield 5.0
        scene.says(answer, "no longer does anything", never="boat")
    offered = [server.typing("boat", 2, public), server.typing("boat", 3, staff), server.typing("boat", 1, public),
               stranger.typing("boat", 1)]  # fmt: skip
    yield 5.0
    scene.expect(not scene.choices(offered[0]), f"offered in another channel: {scene.choices(offered[0])}")
    scene.expect(len(scene.choices(offered[1])) == 1, f"offered here: {scene.choices(offered[1])}")
    scene.expect(len(scene.choices(offered[2])) == 1, f"offered to who asked: {scene.choices(offered[2])}")
    scene.expect(not scene.choices(offered[3]), "offered in another server")
    for answer in offered:
        for choice in scene.choices(answer):
            scene.expect(job.jobid not in str(choice), f"an id is offered: {choice}")
    yield 2400.0
    outcome = scene.outcomes(job, staff)[-1].message
    answer = server.press(outcome, "Details", 2, public)
    foreign = stranger.press(outcome, "Details", 1)
    yield 5.0
    scene.says(answer, "no longer does anything", never="boat")
    scene.says(foreign, "no longer does anything", never="boat")


def spoiler(scene: Scene) -> Story:
    """A result behind a spoiler, a moderated prompt, a private look."""
    server = yield from scene.settle()
    job, moderated = scene.job(server, 40), scene.job(server, 40, "moderated")
    server.status(job, spoiler=True)
    server.status(moderated)
    looked = scene.job(server, 40)
    server.look(looked.jobid, 3)
    yield 70.0 + scene.parts.interval
    scene.came(job, server.channel)
    scene.came(moderated, server.channel, r"\|\|boat-\d+-sails")
    scene.missing(looked, server.channel)
    names: list[Any] = [one["filename"] for one in scene.outcomes(job, server.channel)[-1].message["attachments"]]
    scene.expect(all(str(name).startswith("SPOILER_") for name in names), f"no spoiler: {names}")


def spoiler_while_fetched(scene: Scene) -> Story:
    """Somebody asks for a spoiler while the result's file is downloaded, and is promised the result soon."""
    server = yield from scene.settle()
    job = scene.job(server, 40)
    server.status(job)
    fetched = False

    def rule(request: Request) -> Trip | None:
        nonlocal fetched
        fetched = fetched or request.path in job.paths
        return Trip(there=20.0) if request.path in job.paths else None

    scene.on_media(rule)
    while not fetched:
        yield 1.0
    server.status(job, 2, spoiler=True)
    yield 3.0
    scene.missing(job, server.channel)
    yield 60.0
    scene.came(job, server.channel)
    names = [str(one["filename"]) for one in scene.outcomes(job, server.channel)[-1].message["attachments"]]
    scene.expect(all(name.startswith("SPOILER_") for name in names), f"no spoiler: {names}")


def every_file(scene: Scene) -> Story:
    """Several files, in order, each with its own name; one of them is too large."""
    server = yield from scene.settle()
    job = scene.job(server, 40, files=4, v2=False)
    large = scene.one_of((None, 1))

    def rule(request: Request) -> Trip | None:
        if large is None or request.path != job.paths[large]:
            return None
        return Trip(refused=Reply(200, job.video(1) + b"\0" * (9 << 20), content_type="video/mp4"))

    scene.on_media(rule)
    server.status(job)
    yield 90.0 + scene.parts.interval
    scene.came(job, server.channel, "" if large is None else "https://", files=4 if large is None else 3)
    last = scene.outcomes(job, server.channel)[-1]
    expected = [job.video(index) for index in range(4) if index != large]
    scene.expect(list(last.files) == expected, "other files, or in another order")
    number = sample_texts.number_in(text_of(last.message))
    names = [str(one["filename"]) for one in last.message["attachments"]]
    right = [f"pixverse-{number}-{index + 1}.mp4" for index in range(4) if index != large]
    scene.expect(names == right or large is not None, f"the files are called {names}, not {right}")


def images(scene: Scene) -> Story:
    """Images of each format, served in every way. Each is posted byte for byte, with the right ending, and called an
    image everywhere."""
    server = yield from scene.settle(channels=4)
    served = [serving.PLAIN, *serving.ALL]
    scene.random.shuffle(served)
    for start in range(0, len(served), 4):
        jobs = [scene.job(server, 40, image=True, serving=one) for one in served[start : start + 4]]
        for job, channel in zip(jobs, server.guild.channels, strict=False):
            server.status(job, 1, channel)
        yield 40.0 + _PATIENCE + scene.parts.interval * 2
        for job, channel in zip(jobs, server.guild.channels, strict=False):
            scene.came(job, channel, r"completed · #\d+", job.serving.why, never="(?i)video (?:is|was)|the video")
            if job.image is not None and scene.outcomes(job, channel):
                _check_image(scene, job, scene.outcomes(job, channel)[-1].message, job.image.ending)
    scene.parts.ledger.servers[server.guild.id].follows.add(server.channel.id)
    question = server.choose("follow", server.channel, progress=True)
    yield 6.0
    server.press_in_reply(question, "Follow the account")
    yield 6.0
    assert server.account is not None
    followed = scene.job(server.account, 60.0 + 2.0 * scene.parts.interval, image=True, steps=1)
    yield 90.0 + 4.0 * scene.parts.interval
    scene.came(followed, server.channel, "(?i)new image", never="(?i)video")
    server.choose("unfollow", server.channel)
    yield 30.0


def _check_image(scene: Scene, job: Job, message: dict[str, Any], ending: str) -> None:
    text, names = text_of(message), [str(one["filename"]) for one in message["attachments"]]
    number = sample_texts.number_in(text)
    right = [f"pixverse-{number}-1{ending}"] if job.videos else []
    scene.expect(names == right, f"the files of {job.prompt} are called {names}, not {right}")
    scene.expect("(?i)image" in text or "image" in text, f"an image isn't called one: {text!r}")


def plain_failure(scene: Scene) -> Story:
    """Each kind of end in its own words."""
    server = yield from scene.settle()
    ends = {
        "failed": "The job failed",
        "moderated": "Refused by PixVerse",
        "cancelled": "cancelled",
        "completed": "ready",
    }
    jobs = [scene.job(server, 40, end, v2=False) for end in ends]
    for job in jobs:
        server.status(job)
    yield 70.0 + scene.parts.interval
    for job in jobs:
        scene.came(job, server.channel, ends[job.end], rf"{job.end} · #\d+")
        if job.end in ("failed", "moderated"):
            scene.came(job, server.channel, "It " + job.end)
    numbered = scene.job(server, 40, "failed", v2=False)
    server.status(numbered)
    yield 20.0
    record = {
        **scene.parts.pixverse.record(numbered),
        "status": "failed",
        "error": "500044",
        "style": "x" * 99 + "e\u0301",
    }
    numbered.line = ((0.0, "failed", None),)
    scene.about(numbered, Reply(200, record))
    yield 40.0 + scene.parts.interval
    scene.came(numbered, server.channel, "PixVerse says: error code 500044")
    answer = server.press(scene.outcomes(numbered, server.channel)[-1].message, "Details", 2)
    yield 5.0
    # A letter and its accent stay together or go together.
    scene.says(answer, "style: x{90}", never="xe(?!\u0301)")


def stale_links(scene: Scene) -> Story:
    """The record with the end has expired links, and this machine's clock may hide that. The next record's links are
    used."""
    server = yield from scene.settle()
    job = scene.job(server, 40, v2=False)
    behind = scene.coin()
    server.status(job)
    yield 20.0
    if behind:
        scene.turn_clock(-30 * 3_600_000)
    expired: list[bytes] = []
    run_out = b"ex=%x&" % (scene.parts.clock.true_ms() // 1000 - 3600)

    def rule(request: Request) -> Trip | None:
        if scene.subject(request) != job.jobid or expired or scene.parts.pixverse.is_active(job):
            return None
        expired.append(re.sub(b"ex=[0-9a-f]+&", run_out, scene.json(scene.parts.pixverse.record(job))))
        return Trip(refused=Reply(200, expired[0]))

    scene.on_api(rule)
    yield 60.0 + scene.parts.interval
    scene.came(job, server.channel)
    scene.turn_clock(0)


def larger_again(scene: Scene) -> Story:
    """Discord calls a file too large for a server. Some hours later it accepts such a file, without the bot having been
    told."""
    server = yield from scene.settle()
    scene.refuse(
        server.channel, Refusal(413, 40005, "Request entity too large"), when=lambda _, files: files > 0, times=1
    )
    job, later = scene.job(server, 40), scene.job(server, 7 * 3600.0)
    server.status(job)
    server.status(later)
    yield 60.0 + scene.parts.interval
    scene.came(job, server.channel, "https://", files=0)
    yield from scene.sleep(6.5 * 3600.0)
    yield 3600.0
    scene.came(later, server.channel)


def links_of_another_token(scene: Scene) -> Story:
    """Two servers have the same token, and one of them changes its account while a result waits there for a permission.
    By then its links have expired, and they aren't refreshed with the token that is now only the other server's."""
    account = scene.account()
    server = yield from scene.settle(account)
    other = yield from scene.settle(account)
    job, theirs = scene.job(account, 40, v2=False), scene.job(account, 40, v2=False)
    server.status(job)
    other.status(theirs)
    yield 20.0
    scene.parts.discord.permit(server.channel, {"send_messages"})
    yield 60.0 + scene.parts.interval
    server.account = scene.parts.people.uses[server.guild.id] = scene.account()
    server.enter_token(server.account.token)
    yield 20.0
    yield from scene.sleep(30 * 3600.0)
    since = scene.now
    scene.parts.discord.permit(server.channel, set())
    yield 90.0
    scene.came(job, server.channel, files=0)
    scene.expect(scene.requests_for(job, since) == 0, "a job is asked about with a token that is another server's")


def more_than_ten(scene: Scene) -> Story:
    """A job has twelve videos. Ten are files, in order, the others links with the reason."""
    server = yield from scene.settle()
    job = scene.job(server, 40, files=12, v2=False)
    spoiler = scene.coin()
    server.status(job, spoiler=spoiler)
    yield 120.0 + scene.parts.interval
    scene.came(job, server.channel, r"completed · #\d+", "https://", "(?i)10|ten", files=10)
    if scene.outcomes(job, server.channel):
        last = scene.outcomes(job, server.channel)[-1]
        scene.expect(list(last.files) == [job.video(index) for index in range(10)], "other files, or in another order")
        scene.expect(text_of(last.message).count("https://") == 2, f"not two links: {text_of(last.message)!r}")
        names = [str(one["filename"]) for one in last.message["attachments"]]
        scene.expect(all(name.startswith("SPOILER_") is spoiler for name in names), f"the files are called {names}")
