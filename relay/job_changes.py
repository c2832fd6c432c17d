"""Tells the poller and the cards what commands have changed about a job."""

from __future__ import annotations

from relay.ports import Cards, JobWatch


class JobChanges:
    """To be called after the transaction that changed something; returns at once."""

    def __init__(self, poller: JobWatch, cards: Cards) -> None:
        self._poller = poller
        self._cards = cards

    def job_asked(self, job_id: int) -> None:
        """The API was asked about the job; what it told is recorded."""
        self._poller.job_changed(job_id)

    def job_watched(self, job_id: int) -> None:
        """Somebody watches the job, perhaps one more than before."""
        self._poller.job_changed(job_id)
        self._cards.job_changed(job_id)

    def subscription_stopped(self, job_id: int, subscription_id: int) -> None:
        """Somebody watches the job no longer."""
        self._poller.job_changed(job_id)
        self._cards.subscription_changed(subscription_id)
