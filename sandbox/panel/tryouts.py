"""The four things to try on the page: each plays a small scene with one press."""

from __future__ import annotations

import asyncio

from sandbox.discord_wire import Channel, NotAnswered, NotPossible
from sandbox.panel.choices import FAILURE
from sandbox.panel.desk import Desk
from sandbox.panel.form import Control, Form, NotDone
from sandbox.pixverse_api import timelines
from sandbox.pixverse_api.jobs import Job
from sandbox.pixverse_api.timelines import Timeline

_SHORT_JOB_SECONDS = 16.0
_SECONDS_BEFORE_KILL = 5.0
_SECONDS_DEAD = 4.0


class Tryouts:
    """Scenes that show what the bot is for. Each says what to look at next."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stage = desk.stage
        self._without_files: Channel | None = None
        self._is_dying = False

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
        await self._go_to(self._stage.channel)
        await self.start_and_watch(
            self._add("A lighthouse in the evening rain"), timelines.completed(_SHORT_JOB_SECONDS)
        )
        return f"Watch the card count up. The video follows in about {_SHORT_JOB_SECONDS:.0f} seconds."

    async def kill_bot(self, _form: Form) -> str:
        """Kills the bot in the middle of a job and starts it again."""
        if self._is_dying or not self._stage.bot.running:
            raise NotDone("The bot isn't running right now. Start it under Bot, then try again.")
        self._is_dying = True
        try:
            await self._go_to(self._stage.channel)
            await self.start_and_watch(
                self._add("Fireflies over a midnight pond"), timelines.completed(_SHORT_JOB_SECONDS)
            )
        except NotDone:
            self._is_dying = False
            raise
        self._desk.in_background(self._die_and_come_back())
        return (
            f"The bot is killed in {_SECONDS_BEFORE_KILL:.0f} seconds and started again {_SECONDS_DEAD:.0f} seconds "
            "later. The result is still posted, exactly once."
        )

    async def take_permission(self, _form: Form) -> str:
        """Asks for a job in a channel where the bot may not attach files."""
        town = self._desk.towns[0]
        if self._without_files is None or self._without_files not in town.channels:
            self._without_files = self._stage.guild.add_text_channel("no-files")
            self._without_files.deny_bot(attach_files=True)
            town.channels.append(self._without_files)
        await self._go_to(self._without_files)
        await self.start_and_watch(self._add("A paper boat leaves the harbour"), timelines.completed(8))
        return "The bot may not attach files in #no-files: the video comes as a link, with the reason."

    async def visit_server_without_token(self, _form: Form) -> str:
        """Asks for a job in a server whose admins have not set the bot up."""
        town = self._desk.towns[1]
        if not town.bot_is_in or not town.channels:
            raise NotDone(f"The bot has no channel in {town.guild.name} any more.")
        await self._go_to(town.channels[0])
        await self.start_and_watch(self._add("A kite above the dunes"), timelines.failed(_SHORT_JOB_SECONDS, *FAILURE))
        return (
            "Members are told what is missing. Be Ada, copy a token under PixVerse and run /pixverse-admin token set."
        )

    async def start_and_watch(self, job: Job, timeline: Timeline) -> str:
        """Starts the job and asks for it as the chosen person in the chosen channel; returns the reply's first line.

        Raises:
            NotDone: the bot did not answer, or the person is not offered the command there.
        """
        self._desk.play(job, timeline)
        return await self.ask(job)

    async def ask(self, job: Job) -> str:
        """`/pixverse status` as the chosen person in the chosen channel; returns who asked and the reply's title.

        Raises:
            NotDone: the bot did not answer, or the person is not offered the command there.
        """
        person, channel = self._desk.person, self._desk.here()
        try:
            answer = await person.slash(channel, "pixverse status", jobid=job.jobid)
        except (NotAnswered, NotPossible) as problem:
            raise NotDone(f"{person.name} could not ask: {str(problem).partition(';')[0]}.") from None
        return f"{person.name} is told: {answer.text.partition('.**')[0].replace('**', '')}."

    def _add(self, prompt: str) -> Job:
        return self._stage.pixverse.add_job(self._stage.account, prompt=prompt)

    async def _go_to(self, channel: Channel) -> None:
        """Looks at the channel, as the same person where that person is in its server."""
        desk = self._desk
        town = next((one for one in desk.towns if channel in one.channels), None)
        if town is None or not town.bot_is_in:
            raise NotDone("That channel is gone. Restart the demo to have it back.")
        if desk.channel is channel:
            return
        if desk.town is not town:
            desk.person = next((one for one in town.people if one.id == desk.person.id), town.people[0])
        desk.town, desk.channel = town, channel
        await desk.show()

    async def _die_and_come_back(self) -> None:
        try:
            await asyncio.sleep(_SECONDS_BEFORE_KILL)
            if self._stage.bot.running:
                await self._stage.bot.kill()
            await asyncio.sleep(_SECONDS_DEAD)
            if not self._stage.bot.running:
                await self._stage.bot.start()
        finally:
            self._is_dying = False
