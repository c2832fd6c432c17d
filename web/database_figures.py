"""Metrics from the database. They are read at most every half minute, and less often if reading takes long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from model.states import DeliveryState
from relay.ports import Clock
from storage import figures
from storage.database import Queries
from storage.errors import StorageError
from storage.figures import Figures

log = logging.getLogger(__name__)

_KEPT_SECONDS = 30.0
_KEPT_TIMES_COST = 100.0
"""Figures are kept for this many times as long as reading them took, so that at most a hundredth of the time is spent
on it."""


class DatabaseFigures(Collector):
    """Metrics for Prometheus. It needs a separate `reader`, so that counting blocks nobody else."""

    def __init__(self, reader: Queries, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._lock = asyncio.Lock()
        self._good_until = float("-inf")
        self._figures: Figures | None = None

    async def refresh(self) -> None:
        """Reads the figures again if they are too old. If that fails, there are none."""
        async with self._lock:
            begun = self._clock.monotonic()
            if begun < self._good_until:
                return
            try:
                self._figures = await figures.read(self._reader)
            except StorageError as error:
                log.error("figures for metrics cannot be read: %s", error)
                self._figures = None
            now = self._clock.monotonic()
            self._good_until = now + max(_KEPT_SECONDS, _KEPT_TIMES_COST * (now - begun))

    def collect(self) -> Iterator[Metric]:
        """The figures that were read last, as metrics of prometheus_client."""
        known = self._figures
        if known is None:
            return
        yield gauges(
            "relay_jobs_open",
            "Jobs that have not ended, by the state in the API's last response.",
            "state",
            known.open_jobs,
        )
        yield gauges("relay_accounts", "Accounts with a token, by the state of the token.", "state", known.accounts)
        yield GaugeMetricFamily(
            "relay_subscriptions_open",
            "Open subscriptions: pairs of a job and a channel that waits for it.",
            value=known.open_subscriptions,
        )
        yield GaugeMetricFamily("relay_servers", "Servers that the bot is in and knows.", value=known.servers)
        yield from self._deliveries(known)

    def _deliveries(self, known: Figures) -> Iterator[Metric]:
        counts = {DeliveryState.WAITING.value: 0, DeliveryState.SENDING.value: 0, figures.BLOCKED: 0}
        ages = dict.fromkeys(counts, 0.0)
        for waiting in known.deliveries:
            counts[waiting.state] = waiting.count
            ages[waiting.state] = max(0, self._clock.now() - waiting.oldest) / 1000
        yield gauges("relay_deliveries_open", "Deliveries that are not posted yet.", "state", counts)
        yield gauges(
            "relay_delivery_oldest_seconds", "Age of the oldest delivery that is not posted yet.", "state", ages
        )


def gauges(name: str, text: str, label: str, values: Mapping[str, float]) -> Metric:
    """A gauge for each value of a label."""
    family = GaugeMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
