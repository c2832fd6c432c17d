"""Signals by which the parts of the relay learn of each other's changes.

The part that changes something calls the matching signal after its commit; `Relay._listen` registers the listeners.
Except for `message_shown`, a signal carries only the id of what changed, not its new state, so
`relay/cluster/change_feed.py` can call it for changes made by other processes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Generic, ParamSpec

from model.messages import CardPost, SummaryPost

P = ParamSpec("P")


class Signal(Generic[P]):
    """One kind of change. Calling the signal calls every listener with the same arguments.

    A listener returns at once and raises nothing: it only notes what to look at, and wakes its loop.
    """

    def __init__(self) -> None:
        self._listeners: list[Callable[P, None]] = []

    def listen(self, listener: Callable[P, None]) -> None:
        """Registers a listener for all further changes."""
        self._listeners.append(listener)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        for listener in self._listeners:
            listener(*args, **kwargs)


class Changes:
    """All kinds of changes that concern more than one part of the relay."""

    def __init__(self) -> None:
        self.deliveries_added = Signal[[]]()
        """A delivery was added to the outbox, or has become due."""
        self.message_shown = Signal[[CardPost | SummaryPost]]()
        """This card or summary was just posted with this content."""

        self.job_watched = Signal[[int]]()
        """This job got a watcher, its first one or another."""
        self.jobs_found = Signal[[Collection[int]]]()
        """These jobs are watched from now on, and have not been requested from the API yet."""
        self.job_unwatched = Signal[[int]]()
        """This job lost a watcher."""
        self.job_asked = Signal[[int]]()
        """A person looked this job up, and the API's response has been recorded."""
        self.job_news = Signal[[int]]()
        """A response about this job brought something new, or the job has ended."""
        self.end_reported = Signal[[int]]()
        """A callback reports that this job has ended; the API has yet to confirm it."""
        self.subscription_changed = Signal[[int]]()
        """The card of this subscription may need an edit (stopped, posted, on hold)."""

        self.account_changed = Signal[[int]]()
        """This account's token, its state or the servers that use it have changed, or it was deleted."""
        self.account_doubted = Signal[[int]]()
        """This account's token should be tried at once."""
        self.follows_changed = Signal[[]]()
        """A follow has begun or ended."""
        self.server_forgotten = Signal[[int]]()
        """All data of this server was deleted."""

        self.account_moved = Signal[[int]]()
        """This account's jobs have moved to this process, or from it to another one."""
        self.servers_moved = Signal[[]]()
        """The set of servers in which this process posts has changed."""

        self.api_changed = Signal[[]]()
        """The API went away, or came back."""
        self.api_changed_elsewhere = Signal[[]]()
        """The API went away, or came back, for another process."""
        self.writes_changed = Signal[[]]()
        """The database stopped taking writes, or takes them again."""
        self.commit_doubted = Signal[[]]()
        """A commit may have succeeded without its signals, or a failover may have undone commits."""
