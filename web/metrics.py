"""`GET /metrics`: the bot in figures, for Prometheus."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from web.database_figures import DatabaseFigures
from web.live_figures import LiveFigures


class MetricsReport:
    """The handler. What was counted before stands in `registry` already."""

    def __init__(self, registry: CollectorRegistry, live: LiveFigures, database: DatabaseFigures) -> None:
        self._registry = registry
        self._database = database
        registry.register(live)
        registry.register(database)
        ProcessCollector(registry=registry)

    async def answer(self, _request: web.Request) -> web.Response:
        """All metrics, in Prometheus' text format."""
        await self._database.refresh()
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
