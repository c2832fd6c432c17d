"""What a result contains: files in every state, prompts of every kind, and who may see them."""

from __future__ import annotations

import re
from typing import Any

from tests.simulation import sample_texts, serving
from tests.simulation.discord_world import Refusal, text_of
from tests.simulation.stage import Stage, Story
from tests.simulation.wire import Reply, Request, Trip

_PATIENCE = 110.0
"""Seconds after a job's end by which even a slow file is complete."""
_ENDS = ("completed", "failed", "moderated")


def every_serving(stage: Stage) -> Story:
    """One job for each way of serving records and files, all at once, each in its own channel and server."""
    home = yield from stage.settle(channels=3)
    served = list(serving.ALL)
    stage.random.shuffle(served)
    for start in range(0, len(served), 5):
        jobs = [stage.job(home, 40, serving=one, v2=stage.coin() or one.record_late)
                for one in served[start : start + 5]]  # fmt: skip
        for number, job in enumerate(jobs):
            home.status(job, 1 + number % 5, home.guild.channels[number % 3])
        yield 40.0 + _PATIENCE + stage.parts.interval * 2
        for number, job in enumerate(jobs):
            channel = home.guild.channels[number % 3]
            stage.came(job, channel, r"completed · #\d+", job.serving.why)
            last = stage.outcomes(job, channel)[-1]
            if not job.videos and not job.serving.host:
                stage.expect("https://" in text_of(last.message), f"no link to the file: {text_of(last.message)!r}")


def broken_for_ever(stage: Stage) -> Story:
    """A file that never arrives complete, one without an end, one that doesn't exist: a link, and the true reason."""
    home = yield from stage.settle()
    kinds = {"half": "fetch|failed|Downloading|broke", "large": "limit is", "gone": "gone|expired|run out|link",
             "down": "fetch|failed|Downloading"}  # fmt: skip
    kind = stage.one_of(list(kinds))
    job = stage.job(home, 40)
    video = job.video(0)
    taken: list[int] = []
    reply = {
        "half": Reply(200, video, content_type="video/mp4", cut_at=30),
        "large": Reply(200, video + b"\0" * (12 << 20), content_type="video/mp4", framed=False, sent=taken.append),
        "gone": Reply(404, b"no", content_type="text/plain"),
        "down": Reply(503, b""),
    }[kind]
    stage.on_media(lambda request: Trip(refused=reply) if request.path in job.paths else None)
    home.status(job)
    yield 400.0
    stage.came(job, home.channel, kinds[kind], "https://", files=0)
    stage.expect(sum(taken) <= 9 << 20, f"{sum(taken)} bytes were taken, and 8 MB are the most")


def without_a_file(stage: Stage) -> Story:
    """A v2 job is complete but never shows a file."""
    home = yield from stage.settle()
    job = stage.job(home, 40, v2=True, serving=serving.NEVER)
    home.status(job)
    yield 3600.0
    stage.came(job, home.channel, "(?i)without a video", files=0)


def without_a_prompt(stage: Stage) -> Story:
    """A record has no prompt. Card and result say what is made, once."""
    home = yield from stage.settle()
    job = stage.job(home, 60, v2=False, files=2, serving=serving.WITHOUT_PROMPT)
    home.status(job)
    yield 15.0
    cards = stage.posted(home.channel, "4 videos")
    stage.expect(len(cards) == 1, f"{len(cards)} cards tell how many videos are made")
    yield 80.0 + stage.parts.interval
    stage.came(job, home.channel, "Your 2 videos are ready")


def blanked(stage: Stage) -> Story:
    """While a result waits, a later record has the placeholder's address in place of the file's."""
    home = yield from stage.settle()
    job = stage.job(home, 40, v2=True)
    home.status(job)
    yield 20.0
    stage.parts.discord.permit(home.channel, {"send_messages"})
    yield 40.0 + 2 * stage.parts.interval
    record = {**stage.parts.pixverse.record(job), "url": "https://media.pixverse.ai/pixverse/mp4/media/default.mp4"}
    end = stage.about(job, Reply(200, record))
    stage.parts.discord.permit(home.channel, set())
    yield 60.0
    end()
    stage.came(job, home.channel)


def every_word(stage: Stage) -> Story:
    """Prompts and reasons with text that nobody may see, or text that must be kept."""
    home = yield from stage.settle(channels=3)
    samples = list(sample_texts.ALL)
    stage.random.shuffle(samples)
    for start in range(0, len(samples), 5):
        jobs = [stage.job(home, 40, _ENDS[0] if one is sample_texts.LONG else stage.one_of(_ENDS), sample=one, v2=False)
                for one in samples[start : start + 5]]  # fmt: skip
        for number, job in enumerate(jobs):
            home.status(job, 1 + number % 5, home.guild.channels[number % 3])
        yield 15.0
        for number, job in enumerate(jobs):
            text = text_of(stage.card(job, home.guild.channels[number % 3]))
            stage.expect(job.sample.kept in text, f"{job.sample.kept!r} does not stand in {text!r}")
        answer = home.command("pixverse list", 1)
        yield 65.0 + stage.parts.interval
        stage.expect(answer.text != "", "no list")
        for number, job in enumerate(jobs):
            channel = home.guild.channels[number % 3]
            stage.came(job, channel, job.prompt)
            there = stage.outcomes(job, channel)
            answer = home.press(there[-1].message, "Details", 2, channel)
            yield 5.0
            stage.says(answer, job.prompt)
            stage.expect(job.sample.kept in answer.text, f"{job.sample.kept!r} does not stand in the details")
            yield 1.0


def secrets_in_errors(stage: Stage) -> Story:
    """The API's words contain the token, perhaps in an unknown form, another account's token, and an address."""
    account, other = stage.account(), stage.account()
    if stage.coin():
        account.tokens = [f"opaque-{stage.random.getrandbits(96):024x}"]
    home = yield from stage.settle(account)
    error = {"error": f"no such tokens {account.token} {other.token} of {account.email}", "code": 400}
    job = stage.job(home, 200)
    end = stage.about(job, Reply(500, error))
    home.status(job)
    answer = home.look(job.jobid, 2)
    yield 15.0 + 1.5 * stage.parts.interval
    stage.expect(account.token not in answer.text, "an answer repeats the token")
    end()
    yield 500.0
    stage.came(job, home.channel)
    secrets = sample_texts.SampleText(f"of {account.email} with {account.token}")
    failed = stage.job(home, 30, "failed", sample=secrets, v2=False)
    home.status(failed)
    yield 60.0 + stage.parts.interval
    stage.came(failed, home.channel)


def places_of_details(stage: Stage) -> Story:
    """What is requested in one channel isn't revealed in another, by number, button or autocomplete."""
    home = yield from stage.settle()
    staff, public = home.channel, home.guild.channels[1]
    job = stage.job(home, 2000)
    home.status(job, 1, staff)
    yield 10.0
    found = sample_texts.number_in(text_of(stage.card(job, staff)))
    answers = [
        home.look(f"#{found}", 2, public),
        home.command("pixverse unwatch", 2, public, jobid=f"#{found}"),
        home.command("pixverse watch", 2, public, jobids=f"#{found}"),
    ]
    yield 6.0
    for answer in answers:
        stage.says(answer, "know that number here|isn't watched here|could not be watched", never="boat")
    answer = home.look(f"#{found}", 1, public)
    other = home.look(f"#{found}", 2, staff)
    yield 6.0
    stage.says(answer, "boat")
    stage.says(other, "boat")
    stranger = yield from stage.settle(home.account if stage.coin() else None)
    stranger.guild.members[2] = home.guild.members[1]  # The person who asked for the job is a member there, too.
    answers = [stranger.look(f"#{found}", 1), stranger.look(f"#{found}", 2)]
    yield 6.0
    for answer in answers:
        stage.says(answer, "know that number here", never="boat")
    card = stage.card(job, staff)
    for label in ("Check now", "Stop watching"):
        answer = home.press(card, label, 2, public)
        yield 5.0
        stage.says(answer, "no longer does anything", never="boat")
    offered = [home.typing("boat", 2, public), home.typing("boat", 3, staff), home.typing("boat", 1, public),
               stranger.typing("boat", 1)]  # fmt: skip
    yield 5.0
    stage.expect(not stage.choices(offered[0]), f"offered in another channel: {stage.choices(offered[0])}")
    stage.expect(len(stage.choices(offered[1])) == 1, f"offered here: {stage.choices(offered[1])}")
    stage.expect(len(stage.choices(offered[2])) == 1, f"offered to who asked: {stage.choices(offered[2])}")
    stage.expect(not stage.choices(offered[3]), "offered in another server")
    for answer in offered:
        for choice in stage.choices(answer):
            stage.expect(job.jobid not in str(choice), f"an id is offered: {choice}")
    yield 2400.0
    outcome = stage.outcomes(job, staff)[-1].message
    answer = home.press(outcome, "Details", 2, public)
    foreign = stranger.press(outcome, "Details", 1)
    yield 5.0
    stage.says(answer, "no longer does anything", never="boat")
    stage.says(foreign, "no longer does anything", never="boat")


def spoiler(stage: Stage) -> Story:
    """A result behind a spoiler, a moderated prompt, a private look."""
    home = yield from stage.settle()
    job, moderated = stage.job(home, 40), stage.job(home, 40, "moderated")
    home.status(job, spoiler=True)
    home.status(moderated)
    looked = stage.job(home, 40)
    home.look(looked.jobid, 3)
    yield 70.0 + stage.parts.interval
    stage.came(job, home.channel)
    stage.came(moderated, home.channel, r"\|\|boat-\d+-sails")
    stage.missing(looked, home.channel)
    names: list[Any] = [one["filename"] for one in stage.outcomes(job, home.channel)[-1].message["attachments"]]
    stage.expect(all(str(name).startswith("SPOILER_") for name in names), f"no spoiler: {names}")


def spoiler_while_fetched(stage: Stage) -> Story:
    """Somebody asks for a spoiler while the result's file is downloaded, and is promised the result soon."""
    home = yield from stage.settle()
    job = stage.job(home, 40)
    home.status(job)
    fetched = False

    def rule(request: Request) -> Trip | None:
        nonlocal fetched
        fetched = fetched or request.path in job.paths
        return Trip(there=20.0) if request.path in job.paths else None

    stage.on_media(rule)
    while not fetched:
        yield 1.0
    home.status(job, 2, spoiler=True)
    yield 3.0
    stage.missing(job, home.channel)
    yield 60.0
    stage.came(job, home.channel)
    names = [str(one["filename"]) for one in stage.outcomes(job, home.channel)[-1].message["attachments"]]
    stage.expect(all(name.startswith("SPOILER_") for name in names), f"no spoiler: {names}")


def every_file(stage: Stage) -> Story:
    """Several files, in order, each with its own name; one of them is too large."""
    home = yield from stage.settle()
    job = stage.job(home, 40, files=4, v2=False)
    large = stage.one_of((None, 1))

    def rule(request: Request) -> Trip | None:
        if large is None or request.path != job.paths[large]:
            return None
        return Trip(refused=Reply(200, job.video(1) + b"\0" * (9 << 20), content_type="video/mp4"))

    stage.on_media(rule)
    home.status(job)
    yield 90.0 + stage.parts.interval
    stage.came(job, home.channel, "" if large is None else "https://", files=4 if large is None else 3)
    last = stage.outcomes(job, home.channel)[-1]
    expected = [job.video(index) for index in range(4) if index != large]
    stage.expect(list(last.files) == expected, "other files, or in another order")
    number = sample_texts.number_in(text_of(last.message))
    names = [str(one["filename"]) for one in last.message["attachments"]]
    right = [f"pixverse-{number}-{index + 1}.mp4" for index in range(4) if index != large]
    stage.expect(names == right or large is not None, f"the files are called {names}, not {right}")


def plain_failure(stage: Stage) -> Story:
    """Each kind of end in its own words."""
    home = yield from stage.settle()
    ends = {
        "failed": "The job failed",
        "moderated": "Refused by PixVerse",
        "cancelled": "cancelled",
        "completed": "ready",
    }
    jobs = [stage.job(home, 40, end, v2=False) for end in ends]
    for job in jobs:
        home.status(job)
    yield 70.0 + stage.parts.interval
    for job in jobs:
        stage.came(job, home.channel, ends[job.end], rf"{job.end} · #\d+")
        if job.end in ("failed", "moderated"):
            stage.came(job, home.channel, "It " + job.end)
    numbered = stage.job(home, 40, "failed", v2=False)
    home.status(numbered)
    yield 20.0
    record = {
        **stage.parts.pixverse.record(numbered),
        "status": "failed",
        "error": "500044",
        "style": "x" * 99 + "e\u0301",
    }
    numbered.line = ((0.0, "failed", None),)
    stage.about(numbered, Reply(200, record))
    yield 40.0 + stage.parts.interval
    stage.came(numbered, home.channel, "PixVerse says: error code 500044")
    answer = home.press(stage.outcomes(numbered, home.channel)[-1].message, "Details", 2)
    yield 5.0
    # A letter and its accent stay together or go together.
    stage.says(answer, "style: x{90}", never="xe(?!\u0301)")


def stale_links(stage: Stage) -> Story:
    """The record with the end has expired links, and this machine's clock may hide that. The next record's links are
    used."""
    home = yield from stage.settle()
    job = stage.job(home, 40, v2=False)
    behind = stage.coin()
    home.status(job)
    yield 20.0
    if behind:
        stage.turn_clock(-30 * 3_600_000)
    expired: list[bytes] = []
    run_out = b"ex=%x&" % (stage.parts.clock.true_ms() // 1000 - 3600)

    def rule(request: Request) -> Trip | None:
        if stage.subject(request) != job.jobid or expired or stage.parts.pixverse.is_active(job):
            return None
        expired.append(re.sub(b"ex=[0-9a-f]+&", run_out, stage.json(stage.parts.pixverse.record(job))))
        return Trip(refused=Reply(200, expired[0]))

    stage.on_api(rule)
    yield 60.0 + stage.parts.interval
    stage.came(job, home.channel)
    stage.turn_clock(0)


def larger_again(stage: Stage) -> Story:
    """Discord calls a file too large for a server. Some hours later it accepts such a file, without the bot having been
    told."""
    home = yield from stage.settle()
    stage.refuse(
        home.channel, Refusal(413, 40005, "Request entity too large"), when=lambda _, files: files > 0, times=1
    )
    job, later = stage.job(home, 40), stage.job(home, 7 * 3600.0)
    home.status(job)
    home.status(later)
    yield 60.0 + stage.parts.interval
    stage.came(job, home.channel, "https://", files=0)
    yield from stage.sleep(6.5 * 3600.0)
    yield 3600.0
    stage.came(later, home.channel)


def links_of_another_token(stage: Stage) -> Story:
    """Two servers have the same token, and one of them changes its account while a result waits there for a permission.
    By then its links have expired, and they aren't refreshed with the token that is now only the other server's."""
    account = stage.account()
    home = yield from stage.settle(account)
    other = yield from stage.settle(account)
    job, theirs = stage.job(account, 40, v2=False), stage.job(account, 40, v2=False)
    home.status(job)
    other.status(theirs)
    yield 20.0
    stage.parts.discord.permit(home.channel, {"send_messages"})
    yield 60.0 + stage.parts.interval
    home.account = stage.parts.people.uses[home.guild.id] = stage.account()
    home.enter_token(home.account.token)
    yield 20.0
    yield from stage.sleep(30 * 3600.0)
    since = stage.now
    stage.parts.discord.permit(home.channel, set())
    yield 90.0
    stage.came(job, home.channel, files=0)
    stage.expect(stage.requests_for(job, since) == 0, "a job is asked about with a token that is another server's")
