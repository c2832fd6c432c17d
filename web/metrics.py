"""`GET /metrics`: the bot in figures, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, Info, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from settings import VERSION
from web.database_figures import DatabaseFigures
from web.health import WriteProbe
from web.live_figures import LiveFigures
from web.messages import Request, Response


class MetricsReport:
    """The handler. What was counted before stands in `registry` already."""

    def __init__(
        self, registry: CollectorRegistry, live: LiveFigures, database: DatabaseFigures, writes: WriteProbe
    ) -> None:
        self._registry = registry
        self._database = database
        self._writes = writes
        self._takes_writes = Gauge(
            "relay_database_takes_writes", "1: the database takes writes; 0: it takes none.", registry=registry
        )
        Info("relay_build", "The version that runs.", registry=registry).info({"version": VERSION})
        registry.register(live)
        registry.register(database)
        ProcessCollector(registry=registry)

    async def answer(self, _request: Request) -> Response:
        """All metrics, in Prometheus' text format."""
        self._takes_writes.set(await self._writes.takes_writes())
        await self._database.refresh()
        return Response(generate_latest(self._registry), content_type=CONTENT_TYPE_LATEST)
