"""What operators watch, in Prometheus' format, added up over all workers of this machine.

Counting is a few additions in memory. Once a second each worker writes its counts to a file of its own, and whichever
worker is asked for the page adds the files of the others to what it has itself: so it is whole, and at most a second old.
`prometheus_client` formats the page; its own multiprocess mode is not used, since it asks the kernel for the process id at
every count (nine times a request).
"""

import contextlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from freehold.store.folder import make_private
from freehold.store.records import Record

SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Upper bounds of the buckets of every histogram; one more holds what took longer."""


class Spread(Struct):
    """A histogram: how many fell into each bucket, and their sum in seconds."""

    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(SECONDS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        self.buckets[bisect_left(SECONDS, seconds)] += 1
        self.total += seconds

    def add(self, other: "Spread") -> None:
        self.buckets = [ours + theirs for ours, theirs in zip(self.buckets, other.buckets, strict=True)]
        self.total += other.total


class Series(Struct):
    """The requests of one workload, deployment, dialect and outcome."""

    where: tuple[str, str, str, str]
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cost_nano: int = 0
    seconds: Spread = msgspec.field(default_factory=Spread)
    first_token: Spread = msgspec.field(default_factory=Spread)

    def take(self, record: Record) -> None:
        self.requests += 1
        self.cost_nano += record.cost_nano
        self.seconds.observe(record.total_ms / 1000)
        if record.status != "answered":
            return
        self.input_tokens += record.input_tokens
        self.output_tokens += record.output_tokens
        self.cache_read_tokens += record.cache_read_tokens
        if record.first_token_ms is not None:
            self.first_token.observe(record.first_token_ms / 1000)


class Counts(Struct):
    """Everything that one worker has counted since Freehold started. `lost` counts attempts that gave no answer by
    (deployment, outcome, error), `turned_away` requests without a record by reason, `traces`, `items` and `shadows` outcomes by (workload, status)."""

    series: list[Series] = []
    lost: list[tuple[tuple[str, str, str], int]] = []
    turned_away: dict[str, int] = {}
    in_flight: int = 0
    traces: list[tuple[tuple[str, str], int]] = []
    items: list[tuple[tuple[str, str], int]] = []
    shadows: list[tuple[tuple[str, str], int]] = []


class Metrics:
    """The metrics of worker number `worker`. `folder` is where all workers leave their counts; None for a single one.

    A worker that takes a dead one's number goes on from its counts, so that a counter never goes back; what the dead one
    had counted in its last second is lost (the records have it).
    """

    def __init__(self, folder: Path | None = None, worker: int = 0) -> None:
        self._path = None if folder is None else make_private(folder) / f"w{worker:02}.json"
        before = Counts() if self._path is None else _read(self._path)
        self._series = {series.where: series for series in before.series}
        self._lost = Counter(dict(before.lost))
        self._turned_away = Counter(before.turned_away)
        self._traces = Counter(dict(before.traces))
        self._items = Counter(dict(before.items))
        self._shadows = Counter(dict(before.shadows))
        self._in_flight = 0

    def took(self, record: Record) -> None:
        """Counts one finished request."""
        where = (record.workload, record.deployment, record.dialect, record.status)
        series = self._series.get(where)
        if series is None:
            series = self._series[where] = Series(where)
        series.take(record)
        for attempt in record.attempts:
            if attempt.outcome != "answered":
                self._lost[attempt.deployment, attempt.outcome, attempt.code or ""] += 1

    def turned_away(self, reason: str) -> None:
        """Counts a request that was refused before it had a record. `reason` is an error's code."""
        self._turned_away[reason] += 1

    def traced(self, workload: str, status: str) -> None:
        """Counts what came of one trace: `checked`, `skipped` or `failed`."""
        self._traces[workload, status] += 1

    def captured(self, workload: str, status: str) -> None:
        """Counts what came of one answer that was to be captured: `kept`, `skipped` or `failed`."""
        self._items[workload, status] += 1

    def shadowed(self, workload: str, status: str, number: int = 1) -> None:
        """Counts what came of copies that were to go to a candidate: `answered`, `failed` or `cancelled`; `dropped` when there
        was no room, `budget` when it was spent, `skipped` when the candidate could not be asked."""
        self._shadows[workload, status] += number

    def in_flight(self, number: int) -> None:
        self._in_flight = number

    def save(self) -> None:
        """Leaves the counts where the other workers find them. Called once a second."""
        if self._path is None:
            return
        draft = self._path.with_suffix(".new")
        with contextlib.suppress(OSError):  # a full disk must not stop the door; the page is a second older
            draft.write_bytes(msgspec.json.encode(self._counts()))
            draft.replace(self._path)

    def page(self) -> bytes:
        """The page that Prometheus reads."""
        registry = CollectorRegistry()
        registry.register(_Page(_summed([self._counts(), *self._others()])))
        return generate_latest(registry)

    def _counts(self) -> Counts:
        return Counts(
            list(self._series.values()),
            list(self._lost.items()),
            dict(self._turned_away),
            in_flight=self._in_flight,
            traces=list(self._traces.items()),
            items=list(self._items.items()),
            shadows=list(self._shadows.items()),
        )

    def _others(self) -> Iterator[Counts]:
        if self._path is not None:
            yield from (_read(path) for path in sorted(self._path.parent.glob("w*.json")) if path != self._path)


def _read(path: Path) -> Counts:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Counts)
    except (OSError, msgspec.DecodeError):
        return Counts()


def _summed(all_counts: Iterable[Counts]) -> Counts:
    series: dict[tuple[str, str, str, str], Series] = {}
    lost: Counter[tuple[str, str, str]] = Counter()
    turned_away: Counter[str] = Counter()
    traces: Counter[tuple[str, str]] = Counter()
    items: Counter[tuple[str, str]] = Counter()
    shadows: Counter[tuple[str, str]] = Counter()
    in_flight = 0
    for counts in all_counts:
        for one in counts.series:
            total = series.setdefault(one.where, Series(one.where))
            total.requests += one.requests
            total.input_tokens += one.input_tokens
            total.output_tokens += one.output_tokens
            total.cache_read_tokens += one.cache_read_tokens
            total.cost_nano += one.cost_nano
            total.seconds.add(one.seconds)
            total.first_token.add(one.first_token)
        lost.update(dict(counts.lost))
        turned_away.update(counts.turned_away)
        traces.update(dict(counts.traces))
        items.update(dict(counts.items))
        shadows.update(dict(counts.shadows))
        in_flight += counts.in_flight
    return Counts(
        list(series.values()),
        list(lost.items()),
        dict(turned_away),
        in_flight,
        list(traces.items()),
        list(items.items()),
        list(shadows.items()),
    )


class _Page(Collector):
    """The counts as Prometheus' families of metrics."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        yield from self._requests()
        yield from self._attempts()
        yield _histogram(
            "freehold_request_seconds",
            "Whole requests.",
            "workload",
            ((one.where[0], one.seconds) for one in self._counts.series),
        )
        yield _histogram(
            "freehold_first_token_seconds",
            "Until the first token.",
            "deployment",
            ((one.where[1], one.first_token) for one in self._counts.series if one.where[3] == "answered"),
        )
        yield GaugeMetricFamily("freehold_in_flight", "Requests being answered.", self._counts.in_flight)
        away = CounterMetricFamily(
            "freehold_turned_away", "Requests refused before they had a record.", labels=("reason",)
        )
        for reason, count in self._counts.turned_away.items():
            away.add_metric((reason,), count)
        yield away
        yield _counter("freehold_traces", "Traces, by what came of them.", ("workload", "status"), self._counts.traces)
        yield _counter(
            "freehold_items", "Captured answers, by what came of them.", ("workload", "status"), self._counts.items
        )
        yield _counter(
            "freehold_shadows",
            "Copies for candidates, by what came of them.",
            ("workload", "status"),
            self._counts.shadows,
        )

    def _requests(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "freehold_requests",
            "Requests, by what became of them.",
            labels=("workload", "deployment", "dialect", "status"),
        )
        tokens: Counter[tuple[str, str, str]] = Counter()
        dollars: Counter[tuple[str, str]] = Counter()
        for one in self._counts.series:
            requests.add_metric(one.where, one.requests)
            place = one.where[:2]
            tokens[(*place, "input")] += one.input_tokens
            tokens[(*place, "output")] += one.output_tokens
            tokens[(*place, "cache_read")] += one.cache_read_tokens
            dollars[place] += one.cost_nano
        yield requests
        yield _counter("freehold_tokens", "Tokens.", ("workload", "deployment", "kind"), tokens.items())
        yield _counter(
            "freehold_cost_dollars",
            "What vendors charge, in US dollars.",
            ("workload", "deployment"),
            ((place, nano / 1e9) for place, nano in dollars.items()),
        )

    def _attempts(self) -> Iterator[Metric]:
        attempts = Counter(dict(self._counts.lost))
        for one in self._counts.series:
            if one.where[3] == "answered":
                attempts[one.where[1], "answered", ""] += one.requests
        yield _counter(
            "freehold_attempts",
            "Attempts on a deployment.",
            ("deployment", "outcome", "error"),
            attempts.items(),
        )


def _counter(
    name: str, help_text: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, help_text, labels=labels)
    for where, value in values:
        family.add_metric(where, value)
    return family


def _histogram(name: str, help_text: str, label: str, spreads: Iterable[tuple[str, Spread]]) -> HistogramMetricFamily:
    summed: dict[str, Spread] = {}
    for where, spread in spreads:
        summed.setdefault(where, Spread()).add(spread)
    family = HistogramMetricFamily(name, help_text, labels=(label,))
    for where, spread in summed.items():
        below = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip((*map(str, map(float, SECONDS)), "+Inf"), spread.buckets, strict=True):
            below += count
            buckets.append((bound, below))
        family.add_metric((where,), buckets, sum_value=spread.total)
    return family
