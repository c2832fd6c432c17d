"""How the parts of the relay hear of what others have changed.

Whoever changes something calls the signal of that kind after the commit; `Relay._listen` registers who listens to
which. All signals but `message_shown` name what has changed by its id and do not say how it is now, so that
`relay/cluster/change_feed.py` can call them for what other processes have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Generic, ParamSpec

from model.messages import CardPost, SummaryPost

P = ParamSpec("P")


class Signal(Generic[P]):
    """One kind of change. A call with what has changed calls every listener with the same.

    A listener returns at once and raises nothing: it notes what to look at, and wakes its loop.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[P, None]] = []

    def listen(self, listener: Callable[P, None]) -> None:
        """Calls `listener` with each change from now on."""
        self._listeners.append(listener)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        for listener in self._listeners:
            listener(*args, **kwargs)


class Changes:
    """All kinds of changes that more than one room of the relay is concerned with."""

    def __init__(self) -> None:
        self.deliveries_added = Signal[[]]()
        """Something was put into the outbox, or may go out now."""
        self.message_shown = Signal[[CardPost | SummaryPost]]()
        """This card or summary was just posted, looking like this."""

        self.job_watched = Signal[[int]]()
        """Somebody watches this job, perhaps one more than before."""
        self.jobs_found = Signal[[Collection[int]]]()
        """These jobs are watched from now on, and nobody has asked the API about them yet."""
        self.job_unwatched = Signal[[int]]()
        """Somebody watches this job no longer."""
        self.job_asked = Signal[[int]]()
        """A person had the API asked about this job; what it said is recorded."""
        self.job_news = Signal[[int]]()
        """A response about this job brought something new, or the job has ended."""
        self.end_reported = Signal[[int]]()
        """A callback reports that this job has ended; only the API itself can tell."""
        self.subscription_changed = Signal[[int]]()
        """The card of this subscription may have to look different (stopped, posted, on hold)."""

        self.account_changed = Signal[[int]]()
        """This account's token or state has changed, or the servers that use it, or it is deleted."""
        self.account_doubted = Signal[[int]]()
        """This account's token should be tried at once."""
        self.follows_changed = Signal[[]]()
        """A follow was begun or has ended."""
        self.server_forgotten = Signal[[int]]()
        """Nothing is kept of this server any more."""

        self.account_moved = Signal[[int]]()
        """From now on this process polls the account's jobs, or another process does."""
        self.servers_moved = Signal[[]]()
        """From now on this process posts in other servers than before."""

        self.api_changed = Signal[[]]()
        """The API went away, or came back."""
        self.writes_changed = Signal[[]]()
        """The database takes no writes, or takes them again."""
        self.commit_doubted = Signal[[]]()
        """Something may have been committed without any signal; the database takes writes again."""
