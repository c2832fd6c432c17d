"""The four things to try on the page: each plays a small scene with one press."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from sandbox.discord_wire import Channel, Message, NotAnswered, NotPossible
from sandbox.panel.form import Control, Form, NotDone
from sandbox.panel.panel_state import PanelState, Scene
from sandbox.pixverse_api import timelines
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.timelines import Timeline

_SHORT_JOB_SECONDS = 16.0
_LINK_JOB_SECONDS = 8.0
_KILLED_JOB_SECONDS = 9.0
_SECONDS_BEFORE_KILL = 5.0
_SECONDS_DEAD = 6.0
_SECONDS_FOR_A_SECOND_ONE = 2.0
_REMEDY = "pixverse-admin token set"
"""What the bot's reply names where a server has no token."""


class Tryouts:
    """Scenes that show what the bot does. Each says what to watch and, at its end, what happened."""

    def __init__(self, state: PanelState) -> None:
        self._state = state
        self._setup = state.setup
        self._without_files: Channel | None = None
        self._is_dying = False
        self._begun = 0

    def controls(self) -> dict[str, Control]:
        """Every scene by its name on the page."""
        return {
            "try-watch": self.watch_job,
            "try-kill": self.kill_bot,
            "try-permission": self.take_permission,
            "try-no-token": self.visit_server_without_token,
        }

    async def watch_job(self, _form: Form) -> str:
        """Starts a job and asks for it with `/pixverse status`."""
        self._wait_for_the_bot()
        await self._go_to(self._setup.channel)
        job = self._add("A lighthouse in the evening rain")
        await self.start_and_watch(job, timelines.completed(_SHORT_JOB_SECONDS))
        tell = self._begin(f"Watch the card: it counts up. The video follows in {_SHORT_JOB_SECONDS:.0f} seconds.")
        self._state.in_background(self._tell_the_end(tell, job, self._setup.channel))
        return ""

    async def kill_bot(self, _form: Form) -> str:
        """Kills the bot before a job's end, which it misses, and starts it again."""
        self._wait_for_the_bot()
        if self._setup.serving(self._setup.guild) is None:
            raise NotDone("The bot isn't running right now. Start it under Bot, then try again.")
        self._is_dying = True
        job = self._add("Fireflies over a midnight pond")
        try:
            await self._go_to(self._setup.channel)
            await self.start_and_watch(job, timelines.completed(_KILLED_JOB_SECONDS))
        except NotDone:
            self._is_dying = False
            raise
        seconds = max(1, round(self._seconds_before_kill))
        if self._setup.cluster is None:
            tell = self._begin(f"In {seconds} seconds the bot is killed (kill -9), before the job is done.")
            self._state.in_background(self._die_and_come_back(tell, job))
        else:
            tell = self._begin(
                f"In {seconds} seconds the process that serves this channel is killed, before the job is done."
            )
            self._state.in_background(self._die_and_be_replaced(tell, job))
        return ""

    async def take_permission(self, _form: Form) -> str:
        """Asks for a job in a channel where the bot may not attach files."""
        self._wait_for_the_bot()
        server = self._state.servers[0]
        if self._without_files is None or self._without_files not in server.channels:
            self._without_files = self._setup.guild.add_text_channel("no-files")
            self._without_files.deny_bot(attach_files=True)
            server.channels.append(self._without_files)
        await self._go_to(self._without_files)
        job = self._add("A paper boat leaves the harbour")
        await self.start_and_watch(job, timelines.completed(_LINK_JOB_SECONDS))
        tell = self._begin("In #no-files the bot may not attach files. The video comes as a link, with the reason.")
        where = self._without_files
        self._state.in_background(self._tell_the_end(tell, job, where, "In Discord the link plays as a video."))
        return ""

    async def visit_server_without_token(self, _form: Form) -> str:
        """Asks for a job in a server whose admins have not set the bot up."""
        self._wait_for_the_bot()
        server = self._state.servers[1]
        if not server.bot_is_in or not server.channels:
            raise NotDone(f"The bot has no channel in {server.guild.name} any more.")
        await self._go_to(server.channels[0])
        job = self._add("Fireflies above the dunes")
        answer = await self.start_and_watch(job, timelines.completed(_SHORT_JOB_SECONDS))
        if _REMEDY in answer:
            person = self._state.person
            first = "" if person.id == self._setup.ada.id else "be Ada, "
            self._begin(
                f"{person.name} is told what is missing. Next: {first}copy the token, run /{_REMEDY} and paste it.",
                needs_token=True,
            )
        else:
            tell = self._begin(f"{server.guild.name} has its token now, so this job is watched.")
            self._state.in_background(self._tell_the_end(tell, job, server.channels[0]))
        return ""

    async def start_and_watch(self, job: Job, timeline: Timeline) -> str:
        """Starts the job and asks for it as the chosen person in the chosen channel; returns the bot's reply.

        Raises:
            NotDone: the bot did not answer, or the person is not offered the command there.
        """
        self._state.play(job, timeline)
        return await self.ask(job)

    async def ask(self, job: Job) -> str:
        """`/pixverse status` as the chosen person in the chosen channel; returns the bot's reply.

        Raises:
            NotDone: the bot did not answer, or the person is not offered the command there.
        """
        person, channel = self._state.person, self._state.here()
        try:
            answer = await person.slash(channel, "pixverse status", jobid=job.jobid)
        except (NotAnswered, NotPossible) as problem:
            raise NotDone(f"{person.name} could not ask: {str(problem).partition(';')[0]}.") from None
        return answer.text

    def _wait_for_the_bot(self) -> None:
        """Refuses to start a scene while another scene is killing the bot.

        Raises:
            NotDone: a scene that kills the bot is running.
        """
        if self._is_dying:
            raise NotDone("Kill the bot midway isn't over yet. Try again when it is.")

    @property
    def _seconds_before_kill(self) -> float:
        return _SECONDS_BEFORE_KILL / self._state.speed

    def _add(self, prompt: str) -> Job:
        return self._setup.pixverse.add_job(self._setup.account, prompt=prompt)

    # ------------------------------------------------------- what is said of it

    def _begin(self, text: str, *, needs_token: bool = False) -> Callable[[str], None]:
        """Shows a text; returns a function that replaces it until another scene starts."""
        self._begun += 1
        number = self._begun

        def tell(more: str) -> None:
            if number == self._begun:
                self._state.scene = Scene(more)

        self._state.scene = Scene(text, needs_token)
        return tell

    async def _tell_the_end(self, tell: Callable[[str], None], job: Job, channel: Channel, more: str = "") -> None:
        """Waits for the job's result in the channel, and says how late it came."""
        await self._setup.discord.until(lambda: _results(channel, job) != [], timeout=math.inf)
        late = max(0.0, _results(channel, job)[0].time - job.history[-1].at / 1000)
        tell(f"Done: the result was posted {late:.1f} seconds after the job had ended. {more}".rstrip())

    async def _go_to(self, channel: Channel) -> None:
        """Looks at the channel, as the same person if that person is in its server."""
        state = self._state
        server = next((one for one in state.servers if channel in one.channels), None)
        if server is None or not server.bot_is_in:
            raise NotDone("That channel is gone. Restart the demo to have it back.")
        if state.channel is channel:
            return
        if state.server is not server:
            state.person = next((one for one in server.people if one.id == state.person.id), server.people[0])
        state.server, state.channel = server, channel
        await state.show()

    async def _die_and_come_back(self, tell: Callable[[str], None], job: Job) -> None:
        bot = self._setup.bot
        try:
            await asyncio.sleep(self._seconds_before_kill)
            if bot.running:
                await bot.kill()
            tell(f"Killed. The job ends while the bot is dead; it is started again in {_SECONDS_DEAD:.0f} seconds.")
            await asyncio.sleep(_SECONDS_DEAD)
            tell("Starting the bot again …")
            if not bot.running:
                await bot.start()
        finally:
            self._is_dying = False
        tell(f"Done: the job ended while the bot was dead, and its result was posted {await self._times_told(job)}.")

    async def _die_and_be_replaced(self, tell: Callable[[str], None], job: Job) -> None:
        """Kills the process that serves the channel; another one takes over."""
        setup = self._setup
        try:
            await asyncio.sleep(self._seconds_before_kill)
            dead = setup.serving(setup.guild) or "1"
            await setup.processes[dead].kill()
            tell(f"Killed process {dead}. Within 20 seconds the others notice, and one takes this channel over.")
            await setup.discord.until(lambda: setup.serving(setup.guild) not in (None, dead), timeout=math.inf)
            heir = setup.serving(setup.guild)
            tell(f"Process {heir} serves this channel now, in place of process {dead}.")
        finally:
            self._is_dying = False
        times = await self._times_told(job)
        late = max(0.0, _results(setup.channel, job)[0].time - job.history[-1].at / 1000)
        tell(
            f"Done: process {heir} serves this channel in place of process {dead}. The result was posted {times}, "
            f"{late:.0f} seconds after the job had ended. Start process {dead} again under Bot, if you like."
        )

    async def _times_told(self, job: Job) -> str:
        """Waits for the job's result, and says how often it was posted."""
        channel = self._setup.channel
        await self._setup.discord.until(lambda: _results(channel, job) != [], timeout=math.inf)
        await asyncio.sleep(_SECONDS_FOR_A_SECOND_ONE)
        count = len(_results(channel, job))
        return "once" if count == 1 else f"{count} times"


def _results(channel: Channel, job: Job) -> list[Message]:
    """What the bot has posted about the job's end: only these messages contain its id."""
    return [message for message in channel.messages(of_bot=True) if job.jobid in message.text]
