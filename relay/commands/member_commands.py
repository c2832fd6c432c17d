"""Everything that members ask of the relay, with commands and with buttons."""

from __future__ import annotations

from dataclasses import dataclass

from relay.commands.answer_buttons import AnswerButtons
from relay.commands.forgetting import Forgetting
from relay.commands.job_queries import JobQueries
from relay.commands.stop import Stop
from relay.commands.watch import Watch
from relay.commands.watch_many import WatchMany


@dataclass(frozen=True, slots=True)
class MemberCommands:
    """What the commands and buttons of members call."""

    watch: Watch
    many: WatchMany
    stop: Stop
    queries: JobQueries
    buttons: AnswerButtons
    forgetting: Forgetting
