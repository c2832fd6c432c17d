"""The demo in a browser: a server with running jobs, its chat and the control panel."""

from __future__ import annotations

import asyncio
import webbrowser
from dataclasses import dataclass

from sandbox.bot_process import BotFailure
from sandbox.demo_setup import DemoSetup, open_setup
from sandbox.panel import Panel
from sandbox.panel.choices import FAILURE, REFUSAL
from sandbox.pixverse_api import timelines
from sandbox.pixverse_api.jobs import Job
from sandbox.token_form import fill_in_token

_POLL_SECONDS = 2.0
_TO_ASK_FOR = "A paper boat reaches the open sea"


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """The demo's command-line options. Port 0 means any free port."""

    opens_browser: bool = False
    cluster: bool = False
    keeps_files: bool = False
    port: int = 0


async def show_page(options: DemoOptions) -> int:
    """Serves the page until the task is cancelled."""
    async with (
        open_setup(_POLL_SECONDS, keep_files=options.keeps_files, cluster=options.cluster) as setup,
        Panel.open(setup, options.port) as panel,
    ):
        if options.keeps_files:
            print(f"The bot's files stay in {setup.folder}")
        bots = f"{len(setup.processes)} processes of the bot, with PostgreSQL," if options.cluster else "the bot"
        print(f"Starting {bots} against a simulated Discord and PixVerse on your machine ...")
        try:
            await setup.while_bot_lives(set_scene(panel))
        except BotFailure as problem:
            print(f"{problem} Its log is in the panel, under Bot: {panel.url}")
        else:
            print(_welcome_to_cluster(panel.url) if options.cluster else _welcome(panel.url))
        if options.opens_browser:
            await _open_browser(panel.url)
        await asyncio.Event().wait()
    return 0


async def set_scene(panel: Panel) -> None:
    """Sets the server's token, follows its account, starts jobs and opens the chat.

    Raises:
        BotFailure: the bot doesn't behave as expected.
    """
    setup = panel.state.setup
    await setup.wait_for_bot()
    setup.expect(await fill_in_token(setup), "**Token works.**")
    await asyncio.gather(_follow_account(setup), _put_jobs_on_their_way(setup))
    await panel.state.show()
    job = setup.pixverse.add_job(setup.account, prompt=_TO_ASK_FOR)
    panel.state.play_once_asked(job, timelines.completed(30))


async def _follow_account(setup: DemoSetup) -> None:
    """Makes the last channel follow the account."""
    asked = await setup.ada.slash(setup.channel, "pixverse-admin follow", channel=setup.channels[-1])
    setup.expect(await setup.ada.click(asked, "Follow the account"), "**Following.**")


async def _put_jobs_on_their_way(setup: DemoSetup) -> None:
    """Shows one result at once. The other jobs end later, in a channel other than the one where people try things."""
    done = setup.pixverse.add_job(setup.account, prompt="A paper boat sails down a gutter in the rain")
    done.complete()
    on_their_way = [
        (timelines.completed(40), "A paper boat on a moonlit lake"),
        (timelines.failed(55, *FAILURE), "The same boat in a storm"),
        (timelines.moderated(70, *REFUSAL), "Pirates board the paper boat"),
    ]
    jobs = [setup.pixverse.add_job(setup.account, timeline, prompt=prompt) for timeline, prompt in on_their_way]
    jobs.append(_add_video(setup, "Fireflies around the paper boat"))
    talk = setup.channels[1]
    asked = (setup.ben.slash(talk, "pixverse status", jobid=job.jobid) for job in jobs)
    for answer in await asyncio.gather(*asked):
        setup.expect(answer, "**Watching.**")
    setup.expect(await setup.ben.slash(setup.channel, "pixverse status", jobid=done.jobid), "**Done.**")


def _add_video(setup: DemoSetup, prompt: str) -> Job:
    """Adds a v2 job that starts third in the queue."""
    return setup.pixverse.add_video(
        setup.account,
        timelines.completed(90),
        prompt=prompt,
        model="v5",
        quality="720p",
        seed=271828,
        queue_data={"queue_count": 3},
    )


async def _open_browser(url: str) -> None:
    if not await asyncio.to_thread(webbrowser.open, url):
        print("No browser was found. Open the address yourself.")


def _welcome(url: str) -> str:
    return f"""
The page:  {url}

  1. Press one of the four buttons above the chat: watch a job, kill the bot midway,
     deny file uploads, ask without a token.
  2. Do it yourself: copy the id of "{_TO_ASK_FOR}" under Jobs, type
     /pixverse status in the chat and paste it.
  3. Be Ada, who manages the server, and type /pixverse-admin check.
  4. Choose the channel #every-video: it gets every job of the account.

Press Ctrl-C to stop.
"""


def _welcome_to_cluster(url: str) -> str:
    return f"""
The page:  {url}

  1. Under Bot are the processes, with the gateway shards that each of them holds.
  2. Press "Kill a process midway" above the chat: the process that serves the channel is killed
     while a job is on its way, and another one takes over.
  3. Kill, stop and add processes under Bot, and go on using /pixverse in the chat meanwhile.

Press Ctrl-C to stop.
"""
