"""The demo in a browser: a server with jobs on their way, SimCord's page of it, and what to try there."""

from __future__ import annotations

import asyncio
import math
from itertools import cycle

from sandbox.pixverse_api import timelines
from sandbox.pixverse_api.jobs import Job
from sandbox.stage import FAILURE, REFUSAL, Stage, open_stage
from sandbox.token_form import fill_in_token

_POLL_SECONDS = 2.0
_PROMPTS = ("A paper boat passes under a bridge", "Fireflies above a pond, slow zoom", "A lighthouse at dusk, rain")


async def show_page() -> int:
    """Shows the page until it is ended there, or the task is cancelled."""
    async with open_stage(_POLL_SECONDS) as stage:
        print("Starting the bot between a Discord and a PixVerse of this machine's own ...")
        await stage.while_bot_lives(stage.wait_for_bot())
        await stage.while_bot_lives(_perform(stage))
    return 0


async def _perform(stage: Stage) -> None:
    stage.expect(await fill_in_token(stage), "**Token works.**")
    await _put_jobs_on_their_way(stage)
    url = await stage.discord.open_preview(stage.channel, [stage.alice, stage.ben, stage.ada])
    job = _add_job(stage, _PROMPTS[0])
    print(_welcome(url, job.jobid))
    async with asyncio.TaskGroup() as group:
        asking = group.create_task(_keep_one_to_ask_for(stage, job))
        await stage.discord.preview_ended()
        asking.cancel()
    print("The page was ended with its own button.")


async def _put_jobs_on_their_way(stage: Stage) -> None:
    on_their_way = [
        (timelines.completed(40), "A paper boat sails down a gutter in the rain"),
        (timelines.failed(55, *FAILURE), "The same boat in a storm"),
        (timelines.moderated(20, *REFUSAL), "Pirates board the paper boat"),
    ]
    jobs = [stage.pixverse.add_job(stage.account, timeline, prompt=prompt) for timeline, prompt in on_their_way]
    jobs.append(_add_video(stage, "Fireflies around the paper boat"))
    for job in jobs:
        answer = await stage.ben.slash(stage.channel, "pixverse status", jobid=job.jobid)
        stage.expect(answer, "**Watching.**")


def _add_video(stage: Stage, prompt: str) -> Job:
    """A job of the API's second generation, third in the queue at first."""
    return stage.pixverse.add_video(
        stage.account,
        timelines.completed(90),
        prompt=prompt,
        model="v5",
        quality="720p",
        seed=271828,
        queue_data={"queue_count": 3},
    )


def _add_job(stage: Stage, prompt: str) -> Job:
    return stage.pixverse.add_job(stage.account, prompt=prompt)


def _welcome(url: str, jobid: str) -> str:
    return f"""
The channel, as Alice sees it:  {url}

  1. Type /pixverse status and paste this job id, then watch the card and, half a minute later, the video:
       {jobid}
  2. Type /pixverse status and, in place of an id, boat: jobs are offered by their prompts. Press Details below a video.
  3. View the page as Ada, who manages the server: /pixverse-admin check, /pixverse-admin token set.

Ctrl-C ends it and leaves nothing behind.
"""


async def _keep_one_to_ask_for(stage: Stage, job: Job) -> None:
    """A job begins once it is asked for, so that there is something to watch however late that is."""
    for prompt in cycle((*_PROMPTS[1:], _PROMPTS[0])):
        await _asked_for(stage, job)
        job.play(timelines.completed(30))
        job = _add_job(stage, prompt)
        print(f"The next job to ask for:  {job.jobid}")


async def _asked_for(stage: Stage, job: Job) -> None:
    await stage.discord.until(lambda: stage.pixverse.asked(job), timeout=math.inf)
