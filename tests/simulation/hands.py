"""A person's hands in Discord: commands, forms and buttons, and whether the bot answers them in time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from tests.simulation.discord_world import Asked, Channel, DiscordWorld, Guild, buttons_of
from tests.simulation.ledger import Ledger
from tests.simulation.machine import Machine
from tests.simulation.pixverse_world import Job
from tests.simulation.virtual_time import Agenda
from tests.simulation.weather import Weather

Then = Callable[[Asked], None]

_ANSWER_LIMIT = 3.2
_FINAL_LIMIT = 150.0
_OPTION_TYPES = {str: 3, bool: 5}
_REMEMBERED = 200


class Hands:
    """Does it, and looks whether it is answered: once within three seconds, and not left "thinking"."""

    def __init__(
        self,
        agenda: Agenda,
        discord: DiscordWorld,
        weather: Weather,
        ledger: Ledger,
        machine: Machine,
        tell: Callable[[str], None],
    ) -> None:
        self._agenda = agenda
        self._discord = discord
        self._weather = weather
        self._ledger = ledger
        self._machine = machine
        self._tell = tell
        self._answers: deque[Asked] = deque(maxlen=_REMEMBERED)

    def answers_in(self, guild: Guild) -> list[Asked]:
        """The latest answers that people of a server see."""
        return [record for record in self._answers if record.guild is guild and record.shown]

    def command(
        self, channel: Channel, person: int, path: str, options: dict[str, Any], *, jobs: list[Job] | None = None,
        then: Then | None = None, resolved: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        root, *rest = path.split()
        said = [
            {"name": name, "type": _OPTION_TYPES.get(type(value), 7), "value": value} for name, value in options.items()
        ]
        said = [{**one, "type": 7} if one["name"] == "channel" and "unfollow" not in path else one for one in said]
        inner: list[dict[str, Any]] = said
        for depth, name in enumerate(reversed(rest)):
            inner = [{"type": 1 if depth == 0 else 2, "name": name, "options": inner}]
        data: dict[str, Any] = {"id": "1", "name": root, "type": 1, "options": inner}
        if resolved:
            data["resolved"] = resolved
        self.ask(2, channel, person, f"/{path} {options}", data, jobs or [], then)

    def send_form(self, channel: Channel, person: int, what: str, data: dict[str, Any], then: Then) -> None:
        """A form is sent."""
        self.ask(5, channel, person, what, data, [], then)

    def ask(
        self, kind: int, channel: Channel, person: int, what: str, data: dict[str, Any], jobs: list[Job],
        then: Then | None = None, source: dict[str, Any] | None = None,
    ) -> Asked | None:  # fmt: skip
        if not channel.exists or not channel.guild.bot_in or channel.lacks("view_channel"):
            return None
        for job in jobs:
            self._ledger.asked(job, channel, person)
        disturbed = (
            self._weather.disturbs("discord") or self._weather.disturbs("gateway") or self._weather.disturbs("disk")
        )

        def told(record: Asked) -> None:
            self._tell(f"    p{person} reads: {record.text[:110]!r}")
            self._ledger.answered(record, jobs)
            if then is not None:
                then(record)

        record = self._discord.ask(kind, channel, person, what, data, then=told, source=source)
        self._tell(f"p{person} in {channel.name}: {what}" + ("" if record.life else " (nobody is connected)"))
        self._answers.append(record)
        if record.life and not disturbed:
            life = self._machine.life
            self._agenda.after(_ANSWER_LIMIT, lambda: self._check_answered(record, life, final=False))
            self._agenda.after(_FINAL_LIMIT, lambda: self._check_answered(record, life, final=True))
        return record

    def _check_answered(self, record: Asked, life: int, *, final: bool) -> None:
        if self._machine.life != life or not self._machine.runs or self._weather.last_change > record.at:
            return
        if self._weather.disturbs("discord") or self._weather.disturbs("gateway") or self._weather.disturbs("disk"):
            return
        if record.answered_at is None:
            self._ledger.fail(f"no answer within three seconds: {record.what}")
        elif final and any(message.get("thinking") for message in record.shown.values()):
            self._ledger.fail(f"no final answer: {record.what}")

    def press(self, source: dict[str, Any], channel: Channel, person: int, custom_id: str, label: str, jobs: list[Job],
               then: Then | None = None) -> None:  # fmt: skip
        data = {"custom_id": custom_id, "component_type": 2}
        self._ledger.looked_up(self._ledger.jobs_in(source))
        self.ask(3, channel, person, f"presses {label!r}", data, jobs, then, source=source)

    def press_in(self, record: Asked, wanted: str, then: Then | None = None) -> None:
        """Presses the first button with such a label in an answer, a few seconds later."""
        for message in record.shown.values():
            for label, custom_id in buttons_of(message):
                if wanted in label:
                    self._agenda.after(
                        4.0,
                        lambda m=message, c=custom_id, x=label: self.press(
                            m, record.channel, record.person, c, x, [], then
                        ),  # type: ignore[misc]
                    )
                    return
