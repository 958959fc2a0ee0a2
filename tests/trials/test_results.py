"""Results are read back as they were written, and hold no word of any content."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from freehold.errors import NotFound, TrialError
from freehold.trials.results import Gate, Results, Row, Told, Verdict, encode, find_same, read_results


def results_of(*rows: Row) -> Results:
    gate = Gate(name="quality", kind="quality", outcome="pass", n=2, estimate=0.0, low=-0.01, high=0.01, limit=-0.03)
    return Results(
        trial="trial_x", plan="ab", ended_at=1, spent_nano=2, asked=3, cached=4, captured=5,
        verdict=Verdict(outcome="pass", sentence="Pass: fine.", gates=(gate,)), calibrations=(), rows=rows,
    )  # fmt: skip


ROWS = (
    Row(
        item="a", cluster="a", candidate=Told(scores={"exact": 1.0}, ms=(2.5,)), incumbent=Told(scores={"exact": None})
    ),
    Row(item="b", cluster="a", missing="erased"),
)


def test_results_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(encode(results_of(*ROWS)))
    read, content = read_results(path)
    assert read == results_of(*ROWS)
    assert content == path.read_bytes()
    assert content.count(b"\n    {") == 2
    assert msgspec.json.decode(content)["rows"][1]["missing"] == "erased"


def test_a_trial_that_has_not_ended_has_none_and_damage_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no results yet"):
        read_results(tmp_path / "results.json")
    (tmp_path / "results.json").write_bytes(b"{}")
    with pytest.raises(TrialError, match="cannot be read"):
        read_results(tmp_path / "results.json")


def test_results_that_ended_at_another_time_only_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results = results_of(*ROWS)
    assert find_same(path, results) is None
    path.write_bytes(encode(results))
    assert find_same(path, replace(results, ended_at=9)) == results
    for other in (replace(results, labels="ab"), replace(results, spent_nano=3), results_of(ROWS[0])):
        assert find_same(path, other) is None
    path.write_bytes(b"{}")
    assert find_same(path, results) is None
