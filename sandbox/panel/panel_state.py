"""The panel's state: the demo, the chat, and the chosen server, channel and person."""

from __future__ import annotations

import asyncio
import json
import math
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.demo_setup import DemoSetup
from sandbox.discord_wire import Channel, Guild, Member
from sandbox.panel.chat import Chat
from sandbox.panel.form import NotDone
from sandbox.pixverse_api.accounts import Account
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.timelines import Timeline

_KEPT_COMMANDS = 200


@dataclass(slots=True)
class PanelServer:
    """A server with the channels and people that the page offers. `bot_is_in` tells whether the bot is a member."""

    guild: Guild
    people: list[Member]
    channels: list[Channel]
    bot_is_in: bool = True


@dataclass(frozen=True, slots=True)
class Scene:
    """The text under the four buttons. With `needs_token` it asks to copy the server's token."""

    text: str
    needs_token: bool = False


FIRST_SCENE = Scene("Press one of the four. What happens is explained here.")


@dataclass(slots=True)
class PanelState:
    """The state that the switches read and change."""

    setup: DemoSetup
    chat: Chat
    servers: list[PanelServer]
    server: PanelServer
    channel: Channel | None
    person: Member
    other_account: Account
    """A second customer of the API, whose token is another account's."""
    speed: float = 1.0
    api: str = "on"
    scene: Scene = FIRST_SCENE
    log_of: str = "1"
    """The process whose log is shown."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _said: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_COMMANDS))
    """What people entered into their latest commands."""

    def __post_init__(self) -> None:
        self.setup.discord.world.backend.subscribers.append(self._hear)

    def _hear(self, event: str, payload: Mapping[str, Any]) -> None:
        if event == "INTERACTION_CREATE":
            self._said.append(json.dumps(payload["data"], default=str))

    async def show(self) -> None:
        """Brings the chosen channel, as the chosen person sees it, into the chat."""
        if self.channel is None or not self.server.bot_is_in:
            await self.chat.close()
            return
        await self.chat.show(self.channel, self.person)

    def here(self) -> Channel:
        """The chosen channel.

        Raises:
            NotDone: none is chosen.
        """
        if self.channel is None or not self.server.bot_is_in:
            raise NotDone("Choose a channel first.")
        return self.channel

    def job(self, jobid: str) -> Job:
        """A job by its id.

        Raises:
            NotDone: there is none.
        """
        for job in self.setup.pixverse.jobs:
            if job.jobid == jobid:
                return job
        raise NotDone("There is no such job.")

    def play(self, job: Job, timeline: Timeline) -> None:
        """Starts a job's time line at the chosen speed."""
        job.play(timeline)
        job.hurry(self.speed)

    def play_once_asked(self, job: Job, timeline: Timeline) -> None:
        """Starts a job's time line once somebody asks for the job in a command. The bot's own requests don't count."""

        async def wait() -> None:
            await self.setup.discord.until(lambda: any(job.jobid in said for said in self._said), timeout=math.inf)
            self.play(job, timeline)

        self.in_background(wait())

    def in_background(self, work: Coroutine[object, object, None]) -> None:
        """Runs a task, which is cancelled when the panel closes."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancels the tasks that still run."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def new_panel_state(setup: DemoSetup, chat: Chat) -> PanelState:
    """The state of a fresh demo, with a second server in which nothing is set up."""
    first = PanelServer(setup.guild, [setup.alice, setup.ben, setup.ada], list(setup.channels))
    first.channels.append(setup.channel.add_thread("Storyboard"))
    club = setup.discord.add_guild("Kite Club")
    manage = setup.discord.Permissions(manage_guild=True, manage_messages=True)
    second = PanelServer(
        club,
        [
            club.add_member(setup.alice.name, user_id=setup.alice.id),
            club.add_member(setup.ada.name, user_id=setup.ada.id, permissions=manage),
        ],
        [club.add_text_channel("kites")],
    )
    return PanelState(
        setup=setup,
        chat=chat,
        servers=[first, second],
        server=first,
        channel=setup.channel,
        person=setup.alice,
        other_account=setup.pixverse.add_account(8765),
    )
