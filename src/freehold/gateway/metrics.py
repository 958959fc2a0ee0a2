"""What operators watch, in Prometheus' format, added up over all workers of this machine.

With several workers `prometheus_client` keeps each one's values in memory-mapped files (its multiprocess mode), which
the supervisor switches on by naming a folder in PROMETHEUS_MULTIPROC_DIR before a worker imports the library.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from freehold.store.records import Record

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)


class Metrics:
    """The metrics of one worker. `multiprocess` is the folder that all workers share, None for a single one."""

    def __init__(self, multiprocess: str | None = None) -> None:
        self._registry = CollectorRegistry()
        self._multiprocess = multiprocess
        registry = None if multiprocess is not None else self._registry
        self._requests = Counter(
            "freehold_requests_total",
            "Requests, by what became of them.",
            ("workload", "deployment", "dialect", "status"),
            registry=registry,
        )
        self._tokens = Counter(
            "freehold_tokens_total", "Tokens.", ("workload", "deployment", "kind"), registry=registry
        )
        self._cost = Counter(
            "freehold_cost_dollars_total",
            "What vendors charge, in US dollars.",
            ("workload", "deployment"),
            registry=registry,
        )
        self._attempts = Counter(
            "freehold_attempts_total",
            "Attempts on a deployment.",
            ("deployment", "outcome", "error"),
            registry=registry,
        )
        self._seconds = Histogram(
            "freehold_request_seconds", "Whole requests.", ("workload",), buckets=SECONDS, registry=registry
        )
        self._first = Histogram(
            "freehold_first_token_seconds",
            "Until the first token.",
            ("deployment",),
            buckets=SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge(
            "freehold_in_flight", "Requests being answered.", registry=registry, multiprocess_mode="livesum"
        )
        self._turned_away = Counter(
            "freehold_turned_away_total", "Requests refused before they had a record.", ("reason",), registry=registry
        )
        self._ready: dict[tuple[str, str, str, str], _Series] = {}

    def took(self, record: Record) -> None:
        """Counts one finished request."""
        where = (record.workload, record.deployment, record.dialect, record.status)
        series = self._ready.get(where)
        if series is None:
            series = self._ready[where] = _Series(self, *where)
        series.take(record)
        for attempt in record.attempts:
            if attempt.outcome != "answered":
                self._attempts.labels(attempt.deployment, attempt.outcome, attempt.code or "").inc()

    def turned_away(self, reason: str) -> None:
        """Counts a request that was refused before it had a record. `reason` is an error's code."""
        self._turned_away.labels(reason).inc()

    def in_flight(self, number: int) -> None:
        self._in_flight.set(number)

    def page(self) -> bytes:
        """The page that Prometheus reads."""
        if self._multiprocess is None:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, self._multiprocess)
        return generate_latest(registry)

    def series(self, workload: str, deployment: str, dialect: str, status: str) -> "tuple[Counter, ...]":
        """The labelled counters of one kind of request: requests, input, output, cached tokens, cost, attempts."""
        return (
            self._requests.labels(workload, deployment, dialect, status),
            self._tokens.labels(workload, deployment, "input"),
            self._tokens.labels(workload, deployment, "output"),
            self._tokens.labels(workload, deployment, "cache_read"),
            self._cost.labels(workload, deployment),
            self._attempts.labels(deployment, "answered", ""),
        )

    def histograms(self, workload: str, deployment: str) -> "tuple[Histogram, Histogram]":
        return self._seconds.labels(workload), self._first.labels(deployment)


class _Series:
    """The counters of one kind of request, looked up once."""

    def __init__(self, metrics: Metrics, workload: str, deployment: str, dialect: str, status: str) -> None:
        self._counters = metrics.series(workload, deployment, dialect, status)
        self._seconds, self._first = metrics.histograms(workload, deployment)

    def take(self, record: Record) -> None:
        requests, read, written, cached, cost, attempts = self._counters
        requests.inc()
        self._seconds.observe(record.total_ms / 1000)
        if record.status != "answered":
            return
        attempts.inc()
        read.inc(record.input_tokens)
        written.inc(record.output_tokens)
        if record.cache_read_tokens:
            cached.inc(record.cache_read_tokens)
        if record.cost_nano:
            cost.inc(record.cost_nano / 1e9)
        if record.first_token_ms is not None:
            self._first.observe(record.first_token_ms / 1000)
