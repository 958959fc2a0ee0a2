"""The trace: counted, kept and summed up without one score."""

import msgspec
import pytest

from freehold.reasoning.trace import Claim, Finding, Step, Trace, Verdict, digest, summary

STEPS = tuple(Step(index=n, text="ab", start=3 * n, end=3 * n + 2, kind="sentence") for n in range(4))


def one(step: int, verdict: Verdict, verifier: str = "arithmetic") -> Finding:
    return Finding(step, verdict, verifier, "1", Claim("ab", 0, 2), "", "")


TRACE = Trace(
    STEPS,
    (
        one(0, "verified"),
        one(0, "refuted"),
        one(1, "unsupported", "numbers"),
        one(2, "not_checkable"),
        one(1, "verified"),
    ),
)


def test_coverage_is_the_share_of_steps_with_a_claim_that_could_be_checked() -> None:
    assert TRACE.headline.coverage == 0.5
    assert Trace((), ()).headline.coverage is None


def test_precision_is_verified_among_verified_and_refuted() -> None:
    assert TRACE.headline.precision == pytest.approx(2 / 3)
    assert Trace(STEPS, (one(0, "unsupported"),)).headline.precision is None


def test_counts_stand_by_verdict_and_by_verifier() -> None:
    headline = TRACE.headline
    assert (headline.verified, headline.refuted, headline.unsupported, headline.not_checkable) == (2, 1, 1, 1)
    assert headline.by_verifier["numbers/1"] == {"verified": 0, "refuted": 0, "unsupported": 1, "not_checkable": 0}


def test_a_step_has_the_worst_verdict_of_its_claims() -> None:
    assert [TRACE.verdict(step) for step in range(4)] == ["refuted", "unsupported", "not_checkable", "not_checkable"]
    assert TRACE.first_refuted == 0
    assert Trace(STEPS, ()).first_refuted is None


def test_the_summary_has_integers_and_texts_only_and_no_contents() -> None:
    flat = summary(TRACE)
    assert {type(value) for value in flat.values()} == {int, str}
    assert list(flat) == sorted(flat)
    assert flat["arithmetic/1 verified"] == 2
    assert flat["steps_checked"] == 2
    assert str(flat["digest"]).startswith("sha256:")
    assert "ab" not in {str(value) for value in flat.values()}


def test_the_digest_is_that_of_the_json() -> None:
    empty = Trace((), ())
    # printf '{"steps":[],"findings":[]}' | sha256sum
    assert msgspec.json.encode(empty) == b'{"steps":[],"findings":[]}'
    assert digest(empty) == "1ba03c6e460f58003e547444c02a5558c80ca2d450c107c7e4239c71e4f09f98"
    assert digest(empty) != digest(TRACE)


def test_a_trace_survives_the_wire() -> None:
    assert msgspec.json.decode(msgspec.json.encode(TRACE), type=Trace) == TRACE
