"""What web/ counts about itself, for Prometheus: requests, callbacks, groups of the inbox. Never a name or a token.

One `Metrics` belongs to one application; `create_app` makes it and hands it on. Every label is one of a fixed few: a
route's pattern, a method, a status, a provider, a `CallbackResult`.
"""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second figure beside each counter, which nothing reads

CONTENT_TYPE = (
    "text/plain; version=0.0.4; charset=utf-8"  # https://prometheus.io/docs/instrumenting/exposition_formats/
)

# Seconds. A page is two reads and a write; a callback waits for a disk; past ten seconds a provider has given up.
_LATENCIES = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class CallbackResult(StrEnum):
    """How one callback of a provider ended."""

    STORED = "stored"  # durable, and only then answered 200; so is one that came before
    FORGED = "forged"  # 403: its signature is not the provider's, or too old
    MALFORMED = "malformed"  # 400 or 406: signed, and cannot be read
    TOKEN_USED = "token_used"  # noqa: S105  (no secret) 406: its token came before with another body
    TOO_LARGE = "too_large"  # 413
    NO_ROOM = "no_room"  # 503: too many wait for the disk
    WRITER_GONE = "writer_gone"  # 503: the process that stores them died with it; another has been started
    FAILED = "failed"  # 500: the ledger did not take it; the provider tries again


class Refusal(StrEnum):
    """Why a connection was closed before a request of it reached the application (web/wire.py)."""

    UNREADABLE = "unreadable"  # 400
    SLOW = "slow"  # 408
    TOO_MUCH = "too_much"  # 431
    FULL = "full"  # 503
    CROWDED = "crowded"  # its address held too many: one on which nothing was under way was closed, else 503


class Answers(Collector):
    """Requests and callbacks by how they ended, and how long they took; written and read by the event loop's thread.

    The library's own counters take a lock and look up a label each time: 20 us a callback, a tenth of all its time.
    """

    def __init__(self) -> None:
        self.requests: Tally[tuple[str, str, str]] = Tally()  # method, route, status
        self.callbacks: Tally[tuple[str, str]] = Tally()  # provider, result
        self.refusals: Tally[tuple[str]] = Tally()
        self._durations: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}

    def time(self, route: str, seconds: float) -> None:
        """One more took so long."""
        if route not in self._durations:
            self._durations[route], self._sums[route] = [0] * (len(_LATENCIES) + 1), 0.0
        self._durations[route][bisect_left(_LATENCIES, seconds)] += 1
        self._sums[route] += seconds

    def collect(self) -> Iterator[Metric]:
        """As the library wants them."""
        requests = CounterMetricFamily(
            "afterword_web_requests", "Requests answered.", labels=["method", "route", "status"]
        )
        callbacks = CounterMetricFamily(
            "afterword_web_callbacks", "Providers' callbacks.", labels=["provider", "result"]
        )
        refusals = CounterMetricFamily(
            "afterword_web_refused_connections", "Connections closed before a request was whole.", labels=["why"]
        )
        seconds = HistogramMetricFamily(
            "afterword_web_request_seconds", "From a request's head to the end of its answer.", labels=["route"]
        )
        for request, count in self.requests.items():
            requests.add_metric(request, count)
        for callback, count in self.callbacks.items():
            callbacks.add_metric(callback, count)
        for refusal, count in self.refusals.items():
            refusals.add_metric(refusal, count)
        for route, counts in self._durations.items():
            bounds = [*map(str, _LATENCIES), "+Inf"]
            seconds.add_metric([route], list(zip(bounds, accumulate(counts), strict=True)), self._sums[route])
        yield from (requests, callbacks, refusals, seconds)


class Metrics:
    """Counters, by name, for the event loop's thread unless they say otherwise."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._answers = Answers()
        self.registry.register(self._answers)
        self._group_size = Histogram(
            "afterword_web_inbox_group_size",
            "Callbacks that one transaction stored.",
            buckets=_SIZES,
            registry=self.registry,
        )
        self._group_seconds = Histogram(
            "afterword_web_inbox_group_seconds",
            "How long such a transaction took.",
            buckets=_LATENCIES,
            registry=self.registry,
        )
        self._depth = Gauge(
            "afterword_web_inbox_depth", "Callbacks that wait for a transaction.", registry=self.registry
        )
        self._lost_writers = Counter(
            "afterword_web_inbox_lost_writers",
            "Processes that stored callbacks and died; each was followed by another.",
            registry=self.registry,
        )
        self._inbox: tuple[Callable[[], int], int] | None = None
        self._has_writer: Callable[[], bool] = lambda: True

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered. `route` is its pattern, never its path."""
        self._answers.requests[method, route, str(status)] += 1
        self._answers.time(route, seconds)

    def count_callback(self, provider: str, result: CallbackResult) -> None:
        """A provider's callback was answered so."""
        self._answers.callbacks[provider, result.value] += 1

    def count_refusal(self, why: Refusal) -> None:
        """A connection was closed so."""
        self._answers.refusals[(why.value,)] += 1

    def observe_group(self, posts: int, seconds: float) -> None:
        """One transaction of the inbox stored so many callbacks and took so long. From any thread."""
        self._group_size.observe(posts)
        self._group_seconds.observe(seconds)

    def count_lost_writer(self) -> None:
        """The process that stores callbacks has died."""
        self._lost_writers.inc()

    def watch_inbox(
        self, depth: Callable[[], int], *, capacity: int, has_writer: Callable[[], bool] = lambda: True
    ) -> None:
        """`depth` tells how many callbacks wait now, without waiting itself; `capacity` is where 503 begins.

        `has_writer`: whether anybody is there who stores them.
        """
        self._inbox, self._has_writer = (depth, capacity), has_writer
        self._depth.set_function(depth)

    @property
    def is_inbox_choked(self) -> bool:
        """Whether the inbox has no room left: the next callback would be told to come again."""
        if self._inbox is None:
            return False
        depth, capacity = self._inbox
        return depth() >= capacity

    @property
    def has_writer(self) -> bool:
        """Whether callbacks can be stored now: not while a writer that died has no successor yet."""
        return self._has_writer()

    def add(self, collector: Collector) -> None:
        """Let figures that come from elsewhere, the ledger's, stand in the same text."""
        self.registry.register(collector)

    def as_text(self) -> bytes:
        """Everything in Prometheus' text format (CONTENT_TYPE)."""
        return generate_latest(self.registry)
