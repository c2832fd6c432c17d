"""Records announced changes in lists."""

from __future__ import annotations

from collections.abc import Collection

from model.messages import CardPost, SummaryPost
from relay.changes import Changes


class RecordedChanges:
    """Records every announced change."""

    def __init__(self) -> None:
        self.deliveries = 0
        """How often something was put into the outbox."""
        self.posts: list[CardPost | SummaryPost] = []
        self.watched: list[int] = []
        self.found: list[int] = []
        self.unwatched: list[int] = []
        self.asked: list[int] = []
        self.reported: list[int] = []
        self.news: list[int] = []
        self.subscriptions: list[int] = []
        self.accounts: list[int] = []
        self.doubted: list[int] = []
        self.follows = 0
        self.forgotten: list[int] = []
        self.api = 0
        self.writes = 0

    def listen(self, changes: Changes) -> None:
        changes.deliveries_added.listen(self._delivery)
        changes.message_shown.listen(self.posts.append)
        changes.job_watched.listen(self.watched.append)
        changes.jobs_found.listen(self._found)
        changes.job_unwatched.listen(self.unwatched.append)
        changes.job_asked.listen(self.asked.append)
        changes.end_reported.listen(self.reported.append)
        changes.job_news.listen(self.news.append)
        changes.subscription_changed.listen(self.subscriptions.append)
        changes.account_changed.listen(self.accounts.append)
        changes.account_doubted.listen(self.doubted.append)
        changes.follows_changed.listen(self._follow)
        changes.server_forgotten.listen(self.forgotten.append)
        changes.api_changed.listen(self._api)
        changes.writes_changed.listen(self._writes)

    def _delivery(self) -> None:
        self.deliveries += 1

    def _found(self, job_ids: Collection[int]) -> None:
        self.found += job_ids

    def _follow(self) -> None:
        self.follows += 1

    def _api(self) -> None:
        self.api += 1

    def _writes(self) -> None:
        self.writes += 1
