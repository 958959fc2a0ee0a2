"""What Prometheus reads: every request counted once, in the units that the names promise, over all workers."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from freehold.gateway.metrics import Metrics
from freehold.store.records import Attempt, Record

ANSWERED = Record(
    id="rec_1",
    started_at=0.0,
    ended_at=1.0,
    dialect="openai-chat",
    operation="generate",
    status="answered",
    http_status=200,
    workload="triage",
    deployment="openai/a",
    input_tokens=100,
    output_tokens=20,
    cache_read_tokens=60,
    cost_nano=1_500_000_000,
    first_token_ms=300.0,
    total_ms=1200.0,
    attempts=(
        Attempt(deployment="openai/b", outcome="failed", ms=10.0, code="vendor-refused"),
        Attempt(deployment="openai/a", outcome="answered", ms=1190.0),
    ),
)
REFUSED = Record(
    id="rec_2",
    started_at=0.0,
    ended_at=1.0,
    dialect="anthropic-messages",
    operation="generate",
    status="refused",
    http_status=429,
    code="budget-exhausted",
    workload="triage",
    total_ms=2.0,
)
FAILED = replace(
    ANSWERED,
    status="failed",
    attempts=(Attempt(deployment="openai/a", outcome="failed", ms=10.0, code="vendor-timeout"),),
    first_token_ms=None,
    cost_nano=250_000_000,
    total_ms=700_000.0,
)

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(metrics: Metrics) -> Samples:
    """Every sample of the page, read by Prometheus' own reader, by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.page().decode())
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def test_an_answered_request_is_counted_in_every_measure() -> None:
    metrics = Metrics()
    metrics.took(ANSWERED)
    metrics.took(ANSWERED)
    found = samples(metrics)
    place = {"workload": "triage", "deployment": "openai/a"}
    assert value(found, "freehold_requests_total", **place, dialect="openai-chat", status="answered") == 2
    assert value(found, "freehold_tokens_total", **place, kind="input") == 200
    assert value(found, "freehold_tokens_total", **place, kind="output") == 40
    assert value(found, "freehold_tokens_total", **place, kind="cache_read") == 120
    assert value(found, "freehold_cost_dollars_total", **place) == 3.0
    assert value(found, "freehold_attempts_total", deployment="openai/a", outcome="answered", error="") == 2
    failed = {"deployment": "openai/b", "outcome": "failed", "error": "vendor-refused"}
    assert value(found, "freehold_attempts_total", **failed) == 2


def test_times_are_in_seconds_and_each_bucket_holds_those_before_it() -> None:
    metrics = Metrics()
    metrics.took(ANSWERED)
    metrics.took(replace(ANSWERED, total_ms=1000.0, first_token_ms=100.0))
    metrics.took(FAILED)
    found = samples(metrics)
    counts = {le: value(found, "freehold_request_seconds_bucket", workload="triage", le=le) for le in
              ("0.5", "1.0", "2.5", "600.0", "+Inf")}  # fmt: skip
    # 1.2 s, 1 s (a bound belongs to its bucket) and 700 s.
    assert counts == {"0.5": 0, "1.0": 1, "2.5": 2, "600.0": 2, "+Inf": 3}
    assert value(found, "freehold_request_seconds_count", workload="triage") == 3
    assert value(found, "freehold_request_seconds_sum", workload="triage") == pytest.approx(702.2)
    first = {"deployment": "openai/a"}
    assert value(found, "freehold_first_token_seconds_count", **first) == 2
    assert value(found, "freehold_first_token_seconds_sum", **first) == pytest.approx(0.4)
    assert value(found, "freehold_first_token_seconds_bucket", **first, le="0.1") == 1


def test_a_request_that_was_not_answered_counts_no_tokens_and_no_first_token() -> None:
    metrics = Metrics()
    metrics.took(REFUSED)
    metrics.took(FAILED)
    found = samples(metrics)
    nobody = {"workload": "triage", "deployment": ""}
    assert value(found, "freehold_requests_total", **nobody, dialect="anthropic-messages", status="refused") == 1
    assert not value(found, "freehold_tokens_total", workload="triage", deployment="openai/a", kind="input")
    assert not value(found, "freehold_first_token_seconds_count", deployment="openai/a")
    timed_out = {"deployment": "openai/a", "outcome": "failed", "error": "vendor-timeout"}
    assert value(found, "freehold_attempts_total", **timed_out) == 1
    assert not value(found, "freehold_attempts_total", deployment="openai/a", outcome="answered", error="")


def test_what_a_failed_request_cost_is_a_cost() -> None:
    metrics = Metrics()
    metrics.took(FAILED)
    assert value(samples(metrics), "freehold_cost_dollars_total", workload="triage", deployment="openai/a") == 0.25


def test_requests_without_a_record_are_counted_by_their_reason() -> None:
    metrics = Metrics()
    metrics.turned_away("unknown-key")
    metrics.turned_away("unknown-key")
    metrics.turned_away("door-full")
    found = samples(metrics)
    assert value(found, "freehold_turned_away_total", reason="unknown-key") == 2
    assert value(found, "freehold_turned_away_total", reason="door-full") == 1


def test_in_flight_goes_up_and_down() -> None:
    metrics = Metrics()
    assert value(samples(metrics), "freehold_in_flight") == 0
    metrics.in_flight(7)
    assert value(samples(metrics), "freehold_in_flight") == 7
    metrics.in_flight(2)
    assert value(samples(metrics), "freehold_in_flight") == 2


def test_labels_may_hold_any_signs() -> None:
    metrics = Metrics()
    metrics.took(replace(ANSWERED, workload='a "quoted" \\ name\nand a line', deployment="openai/ü"))
    found = samples(metrics)
    place = {"workload": 'a "quoted" \\ name\nand a line', "deployment": "openai/ü"}
    assert value(found, "freehold_tokens_total", **place, kind="input") == 100


def test_the_series_of_one_workload_make_one_histogram() -> None:
    metrics = Metrics()
    metrics.took(ANSWERED)
    metrics.took(REFUSED)
    metrics.took(replace(ANSWERED, deployment="openai/c", dialect="openai-responses"))
    assert value(samples(metrics), "freehold_request_seconds_count", workload="triage") == 3


# --- several workers ---


def test_the_page_of_one_worker_holds_what_all_have_counted(tmp_path: Path) -> None:
    first, second, third = (Metrics(tmp_path, number) for number in range(3))
    first.took(ANSWERED)
    second.took(ANSWERED)
    second.took(REFUSED)
    second.turned_away("unknown-key")
    third.turned_away("unknown-key")
    first.in_flight(1)
    second.in_flight(10)
    for metrics in (second, third):
        metrics.save()
    found = samples(first)  # what it has itself need not be saved
    place = {"workload": "triage", "deployment": "openai/a"}
    assert value(found, "freehold_requests_total", **place, dialect="openai-chat", status="answered") == 2
    assert value(found, "freehold_tokens_total", **place, kind="input") == 200
    assert value(found, "freehold_cost_dollars_total", **place) == 3.0
    assert value(found, "freehold_request_seconds_count", workload="triage") == 3
    failed = {"deployment": "openai/b", "outcome": "failed", "error": "vendor-refused"}
    assert value(found, "freehold_attempts_total", **failed) == 2
    assert value(found, "freehold_turned_away_total", reason="unknown-key") == 2
    assert value(found, "freehold_in_flight") == 11


def test_a_page_counts_its_own_worker_once_and_changes_nothing(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path, 0)
    metrics.took(ANSWERED)
    metrics.save()
    assert samples(metrics) == samples(metrics)
    labels = {"workload": "triage", "deployment": "openai/a", "dialect": "openai-chat", "status": "answered"}
    assert value(samples(metrics), "freehold_requests_total", **labels) == 1


def test_a_worker_that_takes_the_number_of_a_dead_one_goes_on_from_its_counts(tmp_path: Path) -> None:
    dead = Metrics(tmp_path, 1)
    dead.took(ANSWERED)
    dead.turned_away("door-full")
    dead.in_flight(5)
    dead.save()
    heir = Metrics(tmp_path, 1)
    heir.took(ANSWERED)
    found = samples(heir)
    labels = {"workload": "triage", "deployment": "openai/a", "dialect": "openai-chat", "status": "answered"}
    assert value(found, "freehold_requests_total", **labels) == 2
    assert value(found, "freehold_turned_away_total", reason="door-full") == 1
    assert value(found, "freehold_in_flight") == 0


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"series": 7}', b"\xff"])
def test_a_damaged_file_of_another_worker_spoils_no_page(tmp_path: Path, damage: bytes) -> None:
    other, metrics = Metrics(tmp_path, 1), Metrics(tmp_path, 0)
    other.took(ANSWERED)
    other.save()
    for path in tmp_path.iterdir():
        path.write_bytes(damage)
    metrics.took(REFUSED)
    labels = {"workload": "triage", "deployment": "", "dialect": "anthropic-messages", "status": "refused"}
    assert value(samples(metrics), "freehold_requests_total", **labels) == 1


def test_what_came_of_traces_is_counted_over_all_workers_and_lives(tmp_path: Path) -> None:
    first, second = Metrics(tmp_path, 0), Metrics(tmp_path, 1)
    first.traced("triage", "checked")
    first.traced("triage", "skipped")
    second.traced("triage", "checked")
    first.save()
    second.save()
    again = samples(Metrics(tmp_path, 1))
    assert value(again, "freehold_traces_total", workload="triage", status="checked") == 2
    assert value(again, "freehold_traces_total", workload="triage", status="skipped") == 1


def test_what_came_of_captured_answers_is_counted_likewise(tmp_path: Path) -> None:
    first, second = Metrics(tmp_path, 0), Metrics(tmp_path, 1)
    for metrics, status in ((first, "kept"), (first, "skipped"), (second, "kept")):
        metrics.captured("triage", status)
    first.save()
    second.save()
    again = samples(Metrics(tmp_path, 1))
    assert value(again, "freehold_items_total", workload="triage", status="kept") == 2
    assert value(again, "freehold_items_total", workload="triage", status="skipped") == 1


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    metrics = Metrics(folder, 0)
    metrics.took(ANSWERED)
    folder.rmdir()
    metrics.save()
    assert value(samples(metrics), "freehold_request_seconds_count", workload="triage") == 1


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.sampled_from([ANSWERED, REFUSED, FAILED]), st.integers(0, 10**15)), max_size=20
    )
)
def test_whichever_worker_takes_a_request_the_page_is_the_same(taken: list[tuple[int, Record, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        alone, many = Metrics(), [Metrics(Path(folder), number) for number in range(3)]
        for number, record, nano in taken:
            alone.took(replace(record, cost_nano=nano))
            many[number].took(replace(record, cost_nano=nano))
        for metrics in many:
            metrics.save()
        assert samples(many[0]) == pytest.approx(samples(alone))
