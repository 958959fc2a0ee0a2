"""Gates on a terminal: scores in points, time and cost in multiples."""

import pytest

from freehold.cli.trial_gates import limit_of, print_gates, row
from freehold.trials.results import Gate

SCORE = Gate(name="quality", kind="quality", outcome="pass", n=1745, estimate=0.004, low=-0.012, high=0.02, limit=-0.03,
             p=0.0004, method="a test")  # fmt: skip
TIME = Gate(
    name="p95 latency", kind="latency", outcome="fail", n=20, estimate=2.0, low=1.5, high=2.5, limit=1.2, p=0.25
)


def test_a_score_is_in_points_and_a_ratio_in_multiples() -> None:
    assert row(SCORE) == ("quality", "pass", "+0.4", "-1.2 to +2.0", "-3", "<0.001", "1,745", "a test")
    assert row(TIME) == ("p95 latency", "fail", "2.00x", "1.50 to 2.50", "1.2x", "0.250", "20", "")
    assert limit_of(Gate(name="x", kind="cost", outcome="pass")) == ""


def test_a_gate_without_numbers_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    print_gates([Gate(name="cost", kind="cost", outcome="inconclusive", judged=False, reason="no price")])
    shown = capsys.readouterr().out
    assert "shown" in shown
    assert "no price" in shown
