"""Batches whose last job gets no result: who is told of the end, and what."""

from __future__ import annotations

from copy import deepcopy

from tests.simulation.pixverse_world import Job
from tests.simulation.scene import Scene, SceneServer, Story
from tests.simulation.wire import Request

_ENDED = r"\*\*(?:The job has|All \d+ jobs have) ended:"
"""A summary ends this with a full stop."""


def stopped(scene: Scene) -> Story:
    """The last job of a batch is stopped. Whoever asked for the batch is pinged once, in a message of its own, unless
    they stopped the job themselves."""
    server = yield from scene.settle()
    by_another, by_oneself = ([scene.job(server, 30, v2=False), scene.job(server, 900)] for _ in range(2))
    themselves = scene.one_of((2, 0))  # A member, or an admin, who may stop the jobs of everybody.
    server.watch(by_another, 1)
    server.watch(by_oneself, themselves)
    yield 60.0 + scene.parts.interval
    for (_, last), stops in ((by_another, 0), (by_oneself, themselves)):
        server.command("pixverse unwatch", stops, jobid=last.jobid)
        scene.parts.ledger.void("stopped", channel=server.channel, job=last)
    yield 30.0
    for done, _ in (by_another, by_oneself):
        scene.came(done, server.channel)
    scene.one_notice(server.channel, _ENDED, {server.guild.members[1]})


def one_stopped(scene: Scene) -> Story:
    """One of three jobs is stopped. The summary doesn't count it as watched, before and after another one has ended."""
    server = yield from scene.settle()
    short, long, left_out = (scene.job(server, seconds, v2=False) for seconds in (120, 900, 900))
    server.watch([short, long, left_out])
    yield 20.0
    server.command("pixverse unwatch", jobid=left_out.jobid)
    scene.parts.ledger.void("stopped", channel=server.channel, job=left_out)
    yield 20.0
    scene.expect(bool(scene.messages(server.channel, r"Watching 2 of 3 jobs")), "the stopped job counts as watched")
    yield 140.0 + scene.parts.interval
    scene.came(short, server.channel)
    scene.expect(
        bool(scene.messages(server.channel, r"Watching 1 of 3 jobs")), "the stopped job counts as watched later"
    )
    yield 900.0
    scene.came(long, server.channel)


def stopped_here_alone(scene: Scene) -> Story:
    """The last job of a group is stopped, and another channel goes on waiting for it: the summary is left alone."""
    server = yield from scene.settle()
    here, there = server.guild.channels
    job = scene.job(server, 900, v2=False, steps=30)
    server.watch([job], 1, here)
    server.status(job, 2, there)
    yield 60.0
    server.command("pixverse unwatch", 1, here, jobid=job.jobid)
    scene.parts.ledger.void("stopped", channel=here, job=job)
    yield 30.0
    edits: list[float] = []

    def noted(request: Request) -> None:
        if request.method == "PATCH" and f"/channels/{here.id}/messages" in request.path:
            edits.append(scene.now)

    end = scene.on_discord(noted)
    yield 400.0
    end()
    scene.expect(not edits, f"the summary of a group that has ended is edited {len(edits)} times")
    yield 600.0
    scene.came(job, there)


def on_hold_to_the_end(scene: Scene) -> Story:
    """The last job of a batch ends while the server uses another account, and nobody decides about it. A month later
    the batch ends with its one ping, and without a word of what the server may not see."""
    account = scene.account()
    here, there = yield from scene.settle_many(account, 2)
    seen, unseen = scene.job(account, 60, "failed", v2=False), scene.job(account, 400, "moderated", v2=False)
    here.watch([seen, unseen])
    there.status(unseen)
    yield 120.0 + scene.parts.interval
    here.account = scene.parts.people.uses[here.guild.id] = scene.account()
    here.enter_token(here.account.token)
    yield 400.0 + scene.parts.interval
    scene.came(seen, here.channel)
    scene.came(unseen, there.channel)
    scene.parts.ledger.void("of another account", channel=here.channel, job=unseen)
    yield from scene.sleep(31 * 86400.0)
    yield 2 * 3600.0
    scene.missing(unseen, here.channel)
    scene.one_notice(here.channel, _ENDED, {here.guild.members[1]})
    [told] = scene.messages(here.channel, _ENDED) or [{}]
    scene.expect("1 failed" in str(told) and "refused" not in str(told), f"another account's end is told: {told}")


def left(scene: Scene) -> Story:
    """Whoever asked for a batch stops watching one of its jobs, or all, while others wait for them, too. They are
    pinged at the end only if they still wait for any of the jobs."""
    server = yield from scene.settle()
    everything = scene.coin()
    jobs = [scene.job(server, seconds, v2=False) for seconds in (400, 500)]
    server.watch(jobs)
    yield 10.0
    for job in jobs:
        server.status(job, 2)
    yield 10.0
    for job in jobs if everything else jobs[:1]:
        answer = server.command("pixverse unwatch", jobid=job.jobid)
        yield 6.0
        scene.says(answer, "won't be pinged")
    yield 700.0
    for job in jobs:
        scene.came(job, server.channel)
    pings = [set(scene.outcomes(job, server.channel)[-1].pings) for job in jobs]
    of_all = {server.guild.members[2]} | (set() if everything else {server.guild.members[1]})
    scene.expect(
        pings == [{server.guild.members[2]}, of_all], f"the results of a group ping {pings}, not {of_all} last"
    )


def without_a_ping(scene: Scene) -> Story:
    """Whoever asked for a batch wants no ping after all, and says so with the same list, with the command for one job,
    or with a button. Nobody is pinged at the end."""
    server = yield from scene.settle()
    jobs = [scene.job(server, seconds, v2=False) for seconds in (100, 160)]
    how = scene.one_of(("list", "status", "button"))
    server.watch(jobs)
    yield 8.0
    if how == "list":
        answer = server.watch(jobs, mention=False)
        yield 5.0
        scene.says(answer, "already watched", never="I'll ping you")
    else:
        for job in jobs:
            answer = server.status(job, mention=how == "button")
            yield 5.0
            scene.says(answer, "Already watched here")
            if how == "button":
                answer = server.press_in_reply(answer, "Don't ping me")
                yield 5.0
            scene.says(answer, never="I'll ping you")
    for job in jobs:
        scene.parts.ledger.askers[(job.jobid, server.channel.id)].clear()
    yield 10.0
    scene.expect(not scene.messages(server.channel, "One ping at the end"), "the summary goes on promising a ping")
    yield 200.0 + scene.parts.interval
    for job in jobs:
        scene.came(job, server.channel)
    scene.expect(not any(scene.outcomes(job, server.channel)[-1].pings for job in jobs), "somebody is pinged")


def _follow_here(scene: Scene, server: SceneServer) -> Story:
    """The admin follows the account in the server's first channel."""
    scene.parts.ledger.servers[server.guild.id].follows.add(server.channel.id)
    question = server.choose("follow", server.channel, progress=False)
    yield 6.0
    server.press_in_reply(question, "Follow the account")
    yield 6.0


def all_stopped(scene: Scene) -> Story:
    """A button stops all jobs of a batch at once. A stranger may not press it; whoever asked for the batch leaves what
    others wait for, or what the channel gets anyway; a moderator stops everything. Other channels go on waiting."""
    server = yield from scene.settle()
    here, there = server.guild.channels
    stops, follows = scene.one_of(((1, False), (0, False), (1, True), (0, True)))
    if follows:
        yield from _follow_here(scene, server)
    mine, shared, elsewhere = jobs = [scene.job(server, 400.0, v2=False) for _ in range(3)]
    kept = [] if stops == 0 else jobs if follows else [shared]
    dropped = [job for job in jobs if job not in kept]
    server.watch(jobs, 1, here)
    yield 1.5 * scene.parts.interval
    server.status(shared, 2, here)
    server.status(elsewhere, 1, there)
    yield 8.0
    [summary] = scene.messages(here, "Watching 3 jobs") or [{}]
    answer = server.press(summary, "Stop watching all", 3, here)
    yield 6.0
    scene.says(answer, "isn't yours to stop")
    answer = server.press(deepcopy(summary), "Stop watching all", stops, here)
    for job in jobs:
        scene.parts.ledger.askers[(job.jobid, here.id)].discard(server.guild.members[1])
    for job in dropped:
        scene.parts.ledger.void("stopped", channel=here, job=job)
    yield 10.0
    scene.says(
        answer,
        rf"\*\*Stopped watching {len(dropped)} jobs\.\*\*" if dropped else "won't be pinged",
        rf"{len(kept)} (?:is|are) still watched" if kept else "",
        never=None if kept else "others",
    )
    listed = server.command("pixverse list", 2, here)
    yield 6.0
    scene.says(listed, "boat" if kept else "Nothing is being watched")
    since = scene.now
    yield 100.0
    scene.expect(mine in kept or scene.requests_for(mine, since) <= 1, "a job that nobody waits for is requested")
    yield 400.0 + scene.parts.interval
    _check_stopped(scene, server, dropped, kept, shared)
    scene.came(elsewhere, there)
    server.choose("unfollow", here)
    yield 8.0


def _check_stopped(scene: Scene, server: SceneServer, dropped: list[Job], kept: list[Job], shared: Job) -> None:
    """Checks that only the jobs `kept` have a result, and that only the one who waits for `shared` is pinged."""
    here = server.channel
    for job in dropped:
        scene.missing(job, here)
    for job in kept:
        scene.came(job, here)
        right = {server.guild.members[2]} if job is shared else set()
        pings = set(scene.outcomes(job, here)[-1].pings)
        scene.expect(pings == right, f"the result of {job.prompt} pings {pings}, not {right}")
    # Whoever asked left the batch, or nothing came of it.
    ended = bool(dropped) and bool(scene.posted(here, _ENDED))
    scene.expect(not ended, "the end of a batch is posted that nobody waits for")
    summarised = bool(kept) or bool(scene.messages(here, r"[Ss]topped watching"))
    scene.expect(summarised, "the summary says nothing of the end")
