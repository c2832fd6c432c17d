"""`GET /metrics`: the bot's metrics for Prometheus. Those of the running process are read at each scrape."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Gauge, Info, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from relay.callbacks.callback_processor import CallbackUse
from relay.cluster.identify_pacing import SessionStartLimit
from relay.polling.job_queue import Polls
from relay.write_availability import WriteAvailability
from settings import VERSION
from web.database_figures import DatabaseFigures, gauges
from web.http_messages import Request, Response


@dataclass(frozen=True, slots=True)
class Sources:
    """Functions that return each figure. Times are in seconds."""

    polls: Callable[[], Polls]
    posts: Callable[[], Mapping[str, int]]
    """How many attempts to post ended in each verdict, by the verdict's name."""
    hints: Callable[[], Mapping[CallbackUse, int]]
    failures: Callable[[], Mapping[str, int]]
    """How often each loop failed with an error on this machine."""
    crashes: Callable[[], Mapping[str, int]]
    """How often each loop has crashed and was restarted."""
    loop_ages: Callable[[], Mapping[str, float]]
    gateway_away: Callable[[], float]
    gateway_latency: Callable[[], float]
    api_away: Callable[[], float]
    shards: Callable[[], int]
    """The number of the bot's gateway shards in all processes; 0 until the bot knows it."""
    shards_held: Callable[[], Collection[int]]
    """The gateway shards that this process holds."""
    accounts_held: Callable[[], Collection[int]]
    """The API accounts whose jobs this process polls."""
    lease_moves: Callable[[], Mapping[str, int]]
    """How many shards and accounts this process has taken or lost."""
    identifies: Callable[[], SessionStartLimit | None]
    """Discord's session start limit, as far as this process knows it; None until it has been requested."""


class LiveFigures(Collector):
    """Reads the sources at each scrape, without keeping anything."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """All figures, as metrics of prometheus_client."""
        sources = self._sources
        polls = sources.polls()
        yield _gauge("relay_polls", "Jobs that are polled.", polls.jobs)
        yield _gauge("relay_polls_due", "Jobs that are due, including those in flight.", polls.due)
        yield _gauge("relay_polls_late", "Jobs that have been due for longer than an interval.", polls.late)
        yield _gauge("relay_poll_longest_wait_seconds", "How long the first job has been due.", polls.longest)
        yield _counters("relay_posts", "Attempts to post, by their verdict.", "result", sources.posts())
        hints = sources.hints()
        uses = {use.value: hints.get(use, 0) for use in CallbackUse}
        yield _counters("relay_callback_hints", "Callbacks, by how they were used.", "use", uses)
        yield _counters(
            "relay_loop_failures",
            "Items that failed because of this machine or a bug, by loop.",
            "loop",
            sources.failures(),
        )
        yield _counters("relay_loop_crashes", "How often each loop crashed.", "loop", sources.crashes())
        yield gauges("relay_loop_seconds_since_turn", "How long ago each loop turned.", "loop", sources.loop_ages())
        yield _gauge("relay_gateway_away_seconds", "How long Discord's gateway has been away.", sources.gateway_away())
        yield _gauge(
            "relay_gateway_latency_seconds",
            "Latency of the slowest shard; NaN if none is connected.",
            sources.gateway_latency(),
        )
        yield _gauge("relay_shards", "Gateway shards of the bot, over all processes.", sources.shards())
        shards = sorted(sources.shards_held())
        yield _gauge("relay_shards_held", "Gateway shards of this process.", len(shards))
        yield gauges(
            "relay_shard_held",
            "1 for each gateway shard of this process.",
            "shard",
            {str(shard): 1 for shard in shards},
        )
        yield _gauge("relay_accounts_held", "Accounts whose jobs this process polls.", len(sources.accounts_held()))
        moves = sources.lease_moves()
        yield _counters("relay_lease_moves", "Shards and accounts that this process has taken or lost.", "of", moves)
        identifies = sources.identifies()
        if identifies is not None:
            yield _gauge("relay_identifies_left", "IDENTIFYs that Discord still allows.", identifies.remaining)
            yield _gauge("relay_identifies_allowed", "IDENTIFYs that Discord allows a day.", identifies.total)
        yield _gauge("relay_api_away_seconds", "How long the PixVerse API has been down.", sources.api_away())


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _counters(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


class MetricsReport:
    """Handles `GET /metrics`. The counters must already be in `registry`."""

    def __init__(
        self, registry: CollectorRegistry, live: LiveFigures, database: DatabaseFigures, writes: WriteAvailability
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
