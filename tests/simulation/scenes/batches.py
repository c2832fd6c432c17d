"""Batches whose last job gets no result: who is told of the end, and what."""

from __future__ import annotations

from tests.simulation.stage import Stage, Story
from tests.simulation.wire import Request

_ENDED = r"\*\*(?:The job has|All \d+ jobs have) ended:"
"""A summary ends this with a full stop."""


def stopped(stage: Stage) -> Story:
    """The last job of a batch is stopped. Whoever asked for the batch is pinged once, in a message of its own, unless
    they stopped the job themselves."""
    home = yield from stage.settle()
    by_another, by_oneself = ([stage.job(home, 30, v2=False), stage.job(home, 900)] for _ in range(2))
    themselves = stage.one_of((2, 0))  # A member, or an admin, who may stop the jobs of everybody.
    home.watch(by_another, 1)
    home.watch(by_oneself, themselves)
    yield 60.0 + stage.parts.interval
    for (_, last), stops in ((by_another, 0), (by_oneself, themselves)):
        home.command("pixverse unwatch", stops, jobid=last.jobid)
        stage.parts.ledger.void("stopped", channel=home.channel, job=last)
    yield 30.0
    for done, _ in (by_another, by_oneself):
        stage.came(done, home.channel)
    stage.one_notice(home.channel, _ENDED, {home.guild.members[1]})


def one_stopped(stage: Stage) -> Story:
    """One of three jobs is stopped. The summary doesn't count it as watched, before and after another one has ended."""
    home = yield from stage.settle()
    short, long, left_out = (stage.job(home, seconds, v2=False) for seconds in (120, 900, 900))
    home.watch([short, long, left_out])
    yield 20.0
    home.command("pixverse unwatch", jobid=left_out.jobid)
    stage.parts.ledger.void("stopped", channel=home.channel, job=left_out)
    yield 20.0
    stage.expect(bool(stage.messages(home.channel, r"Watching 2 of 3 jobs")), "the stopped job counts as watched")
    yield 140.0 + stage.parts.interval
    stage.came(short, home.channel)
    stage.expect(bool(stage.messages(home.channel, r"Watching 1 of 3 jobs")), "the stopped job counts as watched later")
    yield 900.0
    stage.came(long, home.channel)


def stopped_here_alone(stage: Stage) -> Story:
    """The last job of a group is stopped, and another channel goes on waiting for it: the summary is left alone."""
    home = yield from stage.settle()
    here, there = home.guild.channels
    job = stage.job(home, 900, v2=False, steps=30)
    home.watch([job], 1, here)
    home.status(job, 2, there)
    yield 60.0
    home.command("pixverse unwatch", 1, here, jobid=job.jobid)
    stage.parts.ledger.void("stopped", channel=here, job=job)
    yield 30.0
    edits: list[float] = []

    def noted(request: Request) -> None:
        if request.method == "PATCH" and f"/channels/{here.id}/messages" in request.path:
            edits.append(stage.now)

    end = stage.on_discord(noted)
    yield 400.0
    end()
    stage.expect(not edits, f"the summary of a group that has ended is edited {len(edits)} times")
    yield 600.0
    stage.came(job, there)


def on_hold_to_the_end(stage: Stage) -> Story:
    """The last job of a batch ends while the server uses another account, and nobody decides about it. A month later
    the batch ends with its one ping, and without a word of what the server may not see."""
    account = stage.account()
    here, there = yield from stage.settle_many(account, 2)
    seen, unseen = stage.job(account, 60, "failed", v2=False), stage.job(account, 400, "moderated", v2=False)
    here.watch([seen, unseen])
    there.status(unseen)
    yield 120.0 + stage.parts.interval
    here.account = stage.parts.people.uses[here.guild.id] = stage.account()
    here.enter_token(here.account.token)
    yield 400.0 + stage.parts.interval
    stage.came(seen, here.channel)
    stage.came(unseen, there.channel)
    stage.parts.ledger.void("of another account", channel=here.channel, job=unseen)
    yield from stage.sleep(31 * 86400.0)
    yield 2 * 3600.0
    stage.missing(unseen, here.channel)
    stage.one_notice(here.channel, _ENDED, {here.guild.members[1]})
    [told] = stage.messages(here.channel, _ENDED) or [{}]
    stage.expect("1 failed" in str(told) and "refused" not in str(told), f"another account's end is told: {told}")


def left(stage: Stage) -> Story:
    """Whoever asked for a batch stops watching one of its jobs, or all, while others wait for them, too. They are
    pinged at the end only if they still wait for any of the jobs."""
    home = yield from stage.settle()
    everything = stage.coin()
    jobs = [stage.job(home, seconds, v2=False) for seconds in (400, 500)]
    home.watch(jobs)
    yield 10.0
    for job in jobs:
        home.status(job, 2)
    yield 10.0
    for job in jobs if everything else jobs[:1]:
        answer = home.command("pixverse unwatch", jobid=job.jobid)
        yield 6.0
        stage.says(answer, "won't be pinged")
    yield 700.0
    for job in jobs:
        stage.came(job, home.channel)
    pings = [set(stage.outcomes(job, home.channel)[-1].pings) for job in jobs]
    of_all = {home.guild.members[2]} | (set() if everything else {home.guild.members[1]})
    stage.expect(pings == [{home.guild.members[2]}, of_all], f"the results of a group ping {pings}, not {of_all} last")


def without_a_ping(stage: Stage) -> Story:
    """Whoever asked for a batch wants no ping after all, and says so with the same list, with the command for one job,
    or with a button. Nobody is pinged at the end."""
    home = yield from stage.settle()
    jobs = [stage.job(home, seconds, v2=False) for seconds in (100, 160)]
    how = stage.one_of(("list", "status", "button"))
    home.watch(jobs)
    yield 8.0
    if how == "list":
        answer = home.watch(jobs, mention=False)
        yield 5.0
        stage.says(answer, "already watched", never="ping you")
    else:
        for job in jobs:
            answer = home.status(job, mention=how == "button")
            yield 5.0
            stage.says(answer, "Already watched here")
            if how == "button":
                answer = home.press_in_reply(answer, "Don't ping me")
                yield 5.0
            stage.says(answer, never="I'll ping you")
    for job in jobs:
        stage.parts.ledger.askers[(job.jobid, home.channel.id)].clear()
    yield 10.0
    stage.expect(not stage.messages(home.channel, "One ping at the end"), "the summary goes on promising a ping")
    yield 200.0 + stage.parts.interval
    for job in jobs:
        stage.came(job, home.channel)
    stage.expect(not any(stage.outcomes(job, home.channel)[-1].pings for job in jobs), "somebody is pinged")
