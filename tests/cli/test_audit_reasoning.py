"""The reasoning of an answer: which trace is whose, and the steps that an opened one has."""

from pathlib import Path

import pytest

from cli.ledgers import STEPS, id_of, ledger, settle, trace
from freehold.cli.audit import open_ledger
from freehold.cli.audit_contents import Opened, State
from freehold.cli.audit_reasoning import answer_of, counts, steps_of, trace_of, with_answer
from freehold.ledger.entry import read_entry


def test_an_answer_and_its_trace_lead_to_each_other(tmp_path: Path) -> None:
    ledger(tmp_path, 2)
    trace(tmp_path, 2)
    settle(tmp_path)
    opened = open_ledger(tmp_path)
    first, second, traced = (read_entry(opened.leaf(place)) for place in range(3))
    assert trace_of(opened, first) is None
    assert trace_of(opened, second) == (2, traced)
    assert answer_of(opened, traced) == (1, second)
    assert answer_of(opened, second) is None
    both = with_answer(opened, traced)
    assert (both.id, both.kind) == (id_of(2), "trace")
    assert (both.body["workload"], both.body["refuted"]) == ("triage", 1)
    assert with_answer(opened, first) == first


@pytest.mark.parametrize("state", ["erased", "does-not-open", "damaged"])
def test_only_a_trace_that_is_what_was_committed_to_has_steps(state: State) -> None:
    opened = Opened("trace", "aa", "opens", b"salt", STEPS)
    right, wrong = steps_of([opened])
    assert (right.text, right.verdict, right.findings[0].sentence) == (
        "17 x 3 = 51",
        "verified",
        "verified, by arithmetic/2: It is 51.",
    )
    assert (wrong.kind, wrong.findings[0].sentence) == ("answer", "refuted, by numbers/1: It is not 52. (found: 51)")
    assert steps_of([Opened("trace", "aa", state, b"salt", STEPS)]) == ()
    assert steps_of([Opened("trace", "aa", "opens", b"salt", b"no JSON")]) == ()


def test_a_trace_that_was_skipped_says_why_and_counts_nothing() -> None:
    said = dict(counts({"status": "skipped", "reason": "queue-full", "chain": "shown"}))
    assert said["Status"] == "skipped: queue-full"
    assert said["Steps"] is None
    assert "Claims verified" not in said
