"""Everything that members ask of the relay, with commands and with buttons."""

from __future__ import annotations

from relay.changes import Changes
from relay.commands.answer_buttons import AnswerButtons
from relay.commands.forgetting import Forgetting
from relay.commands.job_queries import JobQueries
from relay.commands.lookups import Lookups
from relay.commands.stop import Stop
from relay.commands.subscribe import Limits
from relay.commands.watch import PromptPosts, Watch
from relay.commands.watch_many import WatchMany
from relay.polling.job_recorder import JobRecorder
from storage.database import Database


class MemberCommands:
    """What the commands and buttons of members call."""

    def __init__(
        self,
        database: Database,
        lookups: Lookups,
        recorder: JobRecorder,
        prompt_posts: PromptPosts,
        changes: Changes,
        limits: Limits,
    ) -> None:
        self.watch = Watch(database, lookups, recorder, prompt_posts, changes, limits)
        self.many = WatchMany(database, lookups, recorder, prompt_posts, changes, limits)
        self.stop = Stop(database, changes)
        self.queries = JobQueries(database.reader, lookups.accounts)
        self.buttons = AnswerButtons(database, lookups, recorder, changes)
        self.forgetting = Forgetting(database, changes)
