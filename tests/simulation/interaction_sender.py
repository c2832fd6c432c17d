"""What people do in Discord: commands, forms and buttons; checks that the bot replies in time."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

from tests.simulation.active_faults import ActiveFaults
from tests.simulation.discord_world import Channel, DiscordWorld, Guild, Interaction, buttons_of
from tests.simulation.ledger import Ledger
from tests.simulation.machine import Machine
from tests.simulation.pixverse_world import Job
from tests.simulation.virtual_time import Scheduler

OnReply = Callable[[Interaction], None]

_ANSWER_LIMIT = 3.2
_FINAL_LIMIT = 150.0
_ALWAYS = re.compile(r"One moment|restarting|went wrong on my side|didn't answer just now")
"""Replies that may be given to any request."""
_CANNOT_POST = re.compile(r"I can't post in this channel|This thread is locked")
_OPTION_TYPES = {str: 3, bool: 5}
_REMEMBERED = 200


class InteractionSender:
    """Sends interactions, and checks that each gets a first response within three seconds and isn't left "thinking"."""

    def __init__(
        self,
        scheduler: Scheduler,
        discord: DiscordWorld,
        faults: ActiveFaults,
        ledger: Ledger,
        machine: Machine,
        tell: Callable[[str], None],
    ) -> None:
        self._scheduler = scheduler
        self._discord = discord
        self._faults = faults
        self._ledger = ledger
        self._machine = machine
        self._tell = tell
        self._latest: deque[Interaction] = deque(maxlen=_REMEMBERED)

    def replies_in(self, guild: Guild) -> list[Interaction]:
        """The latest replies that people of a server see."""
        return [interaction for interaction in self._latest if interaction.guild is guild and interaction.shown]

    def command(
        self, channel: Channel, person: int, path: str, options: dict[str, Any], *, jobs: list[Job] | None = None,
        then: OnReply | None = None, resolved: dict[str, Any] | None = None, expected: str = "",
    ) -> Interaction | None:  # fmt: skip
        root, *rest = path.split()
        if rest == ["check"]:
            self._ledger.tries_token(channel.guild)
        if rest == ["language"]:
            self._ledger.servers[channel.guild.id].language = options.get("language")
        fields = [
            {"name": name, "type": _OPTION_TYPES.get(type(value), 7), "value": value} for name, value in options.items()
        ]
        fields = [{**one, "type": 7} if one["name"] == "channel" and "unfollow" not in path else one for one in fields]
        inner: list[dict[str, Any]] = fields
        for depth, name in enumerate(reversed(rest)):
            inner = [{"type": 1 if depth == 0 else 2, "name": name, "options": inner}]
        data: dict[str, Any] = {"id": "1", "name": root, "type": 1, "options": inner}
        if resolved:
            data["resolved"] = resolved
        return self.send(2, channel, person, f"/{path} {options}", data, jobs or [], then, expected=expected)

    def send_form(self, channel: Channel, person: int, what: str, data: dict[str, Any], then: OnReply) -> None:
        """Submits a form with a token, which the bot then tries."""
        self._ledger.tries_token(channel.guild)
        self.send(5, channel, person, what, data, [], then)

    def send(
        self, kind: int, channel: Channel, person: int, what: str, data: dict[str, Any], jobs: list[Job],
        then: OnReply | None = None, source: dict[str, Any] | None = None, expected: str = "", demoted: bool = False,
    ) -> Interaction | None:  # fmt: skip
        """Sends an interaction. `expected` is a pattern for the final reply; `demoted`: the person no longer has any
        permissions."""
        if not channel.exists or not channel.guild.bot_in or channel.lacks("view_channel"):
            return None
        for job in jobs:
            self._ledger.asked(job, channel, person)
        disturbed = (
            self._faults.is_active("discord") or self._faults.is_active("gateway") or self._faults.is_active("disk")
        )

        def on_reply(interaction: Interaction) -> None:
            self._tell(f"    p{person} reads: {interaction.text[:110]!r}")
            self._ledger.answered(interaction, jobs)
            if then is not None:
                then(interaction)

        interaction = self._discord.interact(
            kind, channel, person, what, data, then=on_reply, source=source, demoted=demoted
        )
        self._tell(f"p{person} in {channel.name}: {what}" + ("" if interaction.life else " (nobody is connected)"))
        self._latest.append(interaction)
        if interaction.life and not disturbed:
            life = self._machine.life
            self._scheduler.after(_ANSWER_LIMIT, lambda: self._check_answered(interaction, life, None))
            self._scheduler.after(_FINAL_LIMIT, lambda: self._check_answered(interaction, life, re.compile(expected)))
        return interaction

    def _check_answered(self, interaction: Interaction, life: int, expected: re.Pattern[str] | None) -> None:
        """Checks the reply. `expected`: the final reply is due, and must match this pattern."""
        if self._machine.life != life or not self._machine.runs or self._faults.last_change > interaction.at:
            return
        if self._faults.is_active("discord") or self._faults.is_active("gateway") or self._faults.is_active("disk"):
            return
        if interaction.answered_at is None:
            self._ledger.fail(f"no answer within three seconds: {interaction.what}")
        elif expected is not None and any(message.get("thinking") for message in interaction.shown.values()):
            self._ledger.fail(f"no final answer: {interaction.what}")
        elif (
            expected is not None
            and not self._is_always_allowed(interaction)
            and expected.search(interaction.text) is None
        ):
            self._ledger.fail(f"{interaction.what} was answered by {interaction.text!r}")

    def _is_always_allowed(self, interaction: Interaction) -> bool:
        """Whether the reply is one that may take precedence over any other, for example because the channel is
        closed."""
        channel = interaction.channel
        closed = channel.cannot_be_posted_in() or channel.denied_until() > interaction.at
        return (closed and _CANNOT_POST.search(interaction.text) is not None) or _ALWAYS.search(
            interaction.text
        ) is not None

    def press(
        self, source: dict[str, Any], channel: Channel, person: int, custom_id: str, label: str, jobs: list[Job],
        then: OnReply | None = None, *, expected: str = "", demoted: bool = False,
    ) -> Interaction | None:  # fmt: skip
        data = {"custom_id": custom_id, "component_type": 2}
        self._ledger.looked_up(self._ledger.jobs_in(source))
        return self.send(3, channel, person, f"presses {label!r}", data, jobs, then, source, expected, demoted)

    def press_in_reply(self, interaction: Interaction, part_of_label: str, then: OnReply | None = None) -> None:
        """Presses the first button with this text in its label in a reply, a few seconds later."""
        found = [
            (message, label, custom_id)
            for message in interaction.shown.values()
            for label, custom_id in buttons_of(message)
            if part_of_label in label
        ]

        def press() -> None:
            message, label, custom_id = found[0]
            self.press(message, interaction.channel, interaction.person, custom_id, label, [], then)

        if found:
            self._scheduler.after(4.0, press)
