"""The HTTP ports of the running bot: what health and metrics are told, and by whom."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from cogs.relay_parts import RelayParts
from discord_adapter.client import RelayClient
from relay.failures import LoopCrashes
from relay.meters import Meters, NoMeters
from relay.ports import Clock
from settings import Settings
from storage.database import Database, open_reader
from web.database_figures import DatabaseFigures
from web.health import HealthReport, Heartbeats, WriteProbe
from web.metrics import LiveFigures, MetricsReport, Sources
from web.prometheus_meters import PrometheusMeters
from web.server import callback_port, callback_routes, monitoring_port, monitoring_routes, serving


@dataclass(frozen=True, slots=True)
class Instruments:
    """What counts, and where it is read; where HTTP_PORT is off, nothing counts."""

    registry: CollectorRegistry
    meters: Meters

    @classmethod
    def of(cls, settings: Settings) -> Instruments:
        """Those that these settings ask for."""
        registry = CollectorRegistry()
        return cls(registry, NoMeters() if settings.http_port is None else PrometheusMeters(registry))


def make_heartbeats(relay: RelayParts, crashes: LoopCrashes, clock: Clock) -> Heartbeats:
    """The loops without which nothing is relayed."""
    return Heartbeats(
        {
            "delivery": lambda: relay.outbox.beat,
            "poll": lambda: relay.poller.beat,
            "follows": lambda: relay.follows.beat,
            "callbacks": lambda: relay.callbacks.processor.beat,
            "cards": lambda: relay.cards.beat,
        },
        crashes,
        clock.monotonic,
    )


async def open_http_ports(
    settings: Settings,
    stack: AsyncExitStack,
    *,
    client: RelayClient,
    relay: RelayParts,
    database: Database,
    heartbeats: Heartbeats,
    instruments: Instruments,
    clock: Clock,
) -> None:
    """Answers at the ports that are set, until the stack is closed. Raises SettingsError where nobody can listen."""
    callbacks = callback_port(settings)
    if callbacks is not None:
        routes = callback_routes(relay.callbacks.endpoint.answer, settings.public_url)
        await stack.enter_async_context(serving(routes, callbacks))
    monitoring = monitoring_port(settings)
    if monitoring is None:
        return
    reader = await stack.enter_async_context(open_reader(settings.database_path))
    writes = WriteProbe(database, clock)
    stack.push_async_callback(writes.close)
    live = LiveFigures(_sources(client, relay, heartbeats, clock))
    metrics = MetricsReport(instruments.registry, live, DatabaseFigures(reader, clock), writes)
    health = HealthReport(heartbeats, writes, client.gateway_away)
    await stack.enter_async_context(serving(monitoring_routes(health.answer, metrics.answer), monitoring))


def _sources(client: RelayClient, relay: RelayParts, heartbeats: Heartbeats, clock: Clock) -> Sources:
    return Sources(
        polls=relay.poller.polls,
        posts=lambda: relay.outbox.counts,
        hints=lambda: relay.callbacks.counts.by_use,
        failures=lambda: {
            "delivery": relay.outbox.failures,
            "poll": relay.poller.failures,
            "follows": relay.follows.failures,
            "callbacks": relay.callbacks.processor.failures,
            "cards": relay.cards.failures,
            "retention": relay.retention.failures,
        },
        crashes=heartbeats.crashes,
        loop_ages=heartbeats.ages,
        gateway_away=client.gateway_away,
        gateway_latency=client.slowest_latency,
        api_away=lambda: _api_away(relay, clock),
    )


def _api_away(relay: RelayParts, clock: Clock) -> float:
    since = relay.health.api.down_since
    return 0.0 if since is None else max(0, clock.now() - since) / 1000
