"""The main path without a browser: who asks what, what the channel shows, and whether it is right."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from sandbox.demo_setup import DemoSetup, open_setup
from sandbox.discord_wire import Answer, Member, Message
from sandbox.panel.choices import FAILURE, REFUSAL
from sandbox.pixverse_api import timelines
from sandbox.pixverse_api.jobs import Job
from sandbox.token_form import fill_in_token
from sandbox.transcript import Transcript

_POLL_SECONDS = 0.5
_LONGEST = 30.0
"""Seconds until every outcome must be there."""


@dataclass(frozen=True, slots=True)
class ScriptedJob:
    """A job and who is to be pinged when it ends."""

    job: Job
    pinged: frozenset[int]
    ends_as: str
    """The API's own word."""


async def play_script() -> int:
    """Plays the script; returns 0 if everything was right, or 1 after printing a line for each fault."""
    async with open_setup(_POLL_SECONDS) as setup:
        print(f"#{setup.channel.name} of {setup.guild.name}, on this machine alone. Starting the bot ...")
        await setup.while_bot_lives(setup.wait_for_bot())
        faults = await setup.while_bot_lives(Script(setup).play())
        faults += [f"the sandbox does not know {call}" for call in setup.discord.unsupported]
    print()
    for fault in faults:
        print(f"NOT AS IT SHOULD BE: {fault}")
    if not faults:
        print("Everything is right: one result for each job, every file byte for byte, pings only for those who asked.")
    return 1 if faults else 0


class Script:
    """Plays the main path. Faults are collected, not raised, so that the rest is checked too."""

    def __init__(self, setup: DemoSetup) -> None:
        self._setup = setup
        self._paper = Transcript(setup.channel, setup.people)
        self._faults: list[str] = []

    async def play(self) -> list[str]:
        """Plays everything and returns the faults."""
        following = asyncio.create_task(self._paper.follow(self._setup.discord))
        try:
            await self._set_token()
            asked = await self._ask()
            await self._outcomes_of(asked)
        finally:
            following.cancel()
        for one in asked:
            self._judge(one)
        self._judge_the_rest(asked)
        return self._faults

    # ------------------------------------------------------------------ acts

    async def _set_token(self) -> None:
        ada = self._setup.ada
        self._paper.does(ada, f"/pixverse-admin token set, and fills in user:{self._setup.account.number}-…")
        self._hear(ada, await fill_in_token(self._setup), "**Token works.**")

    async def _ask(self) -> list[ScriptedJob]:
        setup = self._setup
        alice, ben = setup.alice, setup.ben
        boat = setup.pixverse.add_job(setup.account, timelines.completed(11), prompt="A paper boat sails down a gutter")
        await self._status(alice, boat, "**Watching.**")
        await self._status(ben, boat, "**Already watched here.**", mention=False)
        storm = setup.pixverse.add_video(  # v2 ids contain an e-mail address
            setup.account, timelines.failed(4, *FAILURE), prompt="The same boat in a storm", model="v5", quality="720p"
        )
        await self._status(ben, storm, "**Watching.**")
        pirates = setup.pixverse.add_job(
            setup.account, timelines.moderated(6, *REFUSAL), prompt="Pirates board the paper boat"
        )
        await self._status(alice, pirates, "**Watching.**", mention=False)
        self._paper.does(ben, "/pixverse list")
        self._hear(ben, await ben.slash(setup.channel, "pixverse list"), "**")
        return [
            ScriptedJob(boat, frozenset({alice.id}), "completed"),
            ScriptedJob(storm, frozenset({ben.id}), "failed"),
            ScriptedJob(pirates, frozenset(), "moderated"),
        ]

    async def _status(self, member: Member, job: Job, expected: str, *, mention: bool = True) -> None:
        quietly = "" if mention else " mention:False"
        self._paper.does(member, f"/pixverse status jobid:{job.jobid[:21]}…{quietly}")
        answer = await member.slash(self._setup.channel, "pixverse status", jobid=job.jobid, mention=mention)
        self._hear(member, answer, expected)

    def _hear(self, member: Member, answer: Answer, expected: str) -> None:
        self._paper.sees(member, answer)
        self._check(answer.text.startswith(expected), f"{member.name} was to be told {expected!r}")
        self._check(answer.ephemeral, f"others see what was for {member.name} alone")

    async def _outcomes_of(self, asked: list[ScriptedJob]) -> None:
        def finished() -> bool:
            cards = [message for message in self._posts() if message.components_v2]
            return all(self._outcomes(one.job) for one in asked) and all("Stop watching" not in c.labels for c in cards)

        try:
            await self._setup.discord.until(finished, _LONGEST)
            await asyncio.sleep(2 * _POLL_SECONDS)  # a second outcome would arrive in this time
        except TimeoutError:
            self._faults.append(f"not every outcome came within {_LONGEST:.0f} s")

    # --------------------------------------------------------------- verdicts

    def _judge(self, asked: ScriptedJob) -> None:
        name = str(asked.job.shown["prompt"])
        outcomes = self._outcomes(asked.job)
        self._check(len(outcomes) == 1, f"{name!r} has {len(outcomes)} outcomes")
        for outcome in outcomes:
            self._check(outcome.pinged == asked.pinged, f"the outcome of {name!r} pings {set(outcome.pinged)}")
            self._check(asked.ends_as in outcome.text, f"the outcome of {name!r} does not say {asked.ends_as!r}")
            came = [attachment.content for attachment in outcome.attachments]
            sent = [video.content for video in asked.job.videos]
            self._check(came == sent, f"the files of {name!r} are not PixVerse's, byte for byte")

    def _judge_the_rest(self, asked: list[ScriptedJob]) -> None:
        outcomes = {outcome.id for one in asked for outcome in self._outcomes(one.job)}
        for message in self._posts():
            everybody = message.pinged_everyone or message.pinged_roles
            self._check(not everybody, f"everybody or a role is pinged by {message.text!r}")
            self._check(message.id in outcomes or not message.pinged, f"somebody is pinged by {message.text!r}")

    def _outcomes(self, job: Job) -> list[Message]:
        email = self._setup.account.email
        shown = job.jobid.replace(email, f"{email[0]}…@…")
        return [m for m in self._posts() if not m.components_v2 and shown in m.text.replace("\\", "")]

    def _posts(self) -> list[Message]:
        return self._setup.channel.messages(of_bot=True)

    def _check(self, right: bool, fault: str) -> None:
        if not right:
            self._faults.append(fault)
