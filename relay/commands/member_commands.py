"""Bundles what members can do with commands and buttons."""

from __future__ import annotations

from relay.changes import Changes
from relay.commands.forgetting import Forgetting
from relay.commands.job_checks import JobChecks
from relay.commands.job_queries import JobQueries
from relay.commands.lookups import Lookups
from relay.commands.resending import Resending
from relay.commands.stop import Stop
from relay.commands.subscribe import Limits
from relay.commands.watch import ImmediatePosts, Watch
from relay.commands.watch_many import WatchMany
from storage.database import Database


class MemberCommands:
    """The objects that members' commands and buttons call."""

    def __init__(
        self, database: Database, lookups: Lookups, immediate_posts: ImmediatePosts, changes: Changes, limits: Limits
    ) -> None:
        self.watch = Watch(database, lookups, immediate_posts, changes, limits)
        self.many = WatchMany(database, lookups, immediate_posts, changes, limits)
        self.job_checks = JobChecks(database.reader, lookups)
        self.stop = Stop(database, changes)
        self.queries = JobQueries(database.reader, lookups.accounts)
        self.resending = Resending(database, lookups, immediate_posts, changes)
        self.forgetting = Forgetting(database, changes)
