"""Checking a whole trace."""

import time
from typing import ClassVar

from hypothesis import given
from hypothesis import strategies as st

from freehold.reasoning import make
from freehold.reasoning.check import check_trace
from freehold.reasoning.split import sentences
from freehold.reasoning.trace import Finding, Step
from freehold.reasoning.verifier import Context, Sample

PURE = make(["arithmetic", "citations", "dates", "numbers", "quotations"])
QUESTION = "Ann has three boxes of 12 eggs and breaks 5. How many are left?"


class Broken:
    """Fails at every step."""

    name: ClassVar[str] = "broken"
    version: ClassVar[str] = "7"
    late: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = ()

    def check(self, step: Step, context: Context) -> list[Finding]:
        raise RuntimeError("it broke")

    def close(self) -> None:
        pass


class Slow(Broken):
    """Sleeps, and finds nothing."""

    name: ClassVar[str] = "slow"

    def check(self, step: Step, context: Context) -> list[Finding]:
        time.sleep(0.05)
        return []


def test_a_right_chain_is_verified_and_its_answer_has_an_origin() -> None:
    trace = check_trace(
        "Step 1: 3 * 12 = 36 eggs.\nStep 2: 36 - 5 = 31.", Context(question=QUESTION, answer="31 eggs"), PURE
    )
    assert [(one.step, one.verifier, one.verdict) for one in trace.findings] == [
        (0, "arithmetic", "verified"),
        (1, "arithmetic", "verified"),
        (2, "numbers", "verified"),
    ]
    assert (trace.headline.coverage, trace.headline.precision) == (1.0, 1.0)
    assert trace.steps[2].kind == "answer"


def test_the_first_wrong_step_is_found_and_its_number_is_not_passed_on() -> None:
    trace = check_trace("Step 1: 3 * 12 = 35.\nStep 2: 35 - 5 = 30.", Context(question=QUESTION, answer="30"), PURE)
    assert trace.first_refuted == 0
    assert [trace.verdict(step) for step in range(3)] == ["refuted", "unsupported", "verified"]


def test_a_miscopied_number_is_unsupported_though_the_sum_is_right() -> None:
    trace = check_trace("Step 1: 3 * 13 = 39.", Context(question=QUESTION), PURE)
    assert [(one.verifier, one.verdict, one.claim.text) for one in trace.findings] == [
        ("arithmetic", "verified", "3 * 13 = 39"),
        ("numbers", "unsupported", "13"),
    ]


def test_claims_stand_where_the_chain_has_them() -> None:
    chain = "Intro.\n\nStep 1: so 2 + 2 = 4.\nStep 2: 4 + 1 = 6."
    for one in check_trace(chain, Context(), PURE).findings:
        assert chain[one.claim.start : one.claim.end] == one.claim.text


def test_a_crash_is_a_finding_with_the_verifiers_name() -> None:
    trace = check_trace("1 + 1 = 2.", Context(), [Broken(), *PURE])
    assert [(one.verifier, one.version, one.verdict) for one in trace.findings] == [
        ("arithmetic", "2", "verified"),
        ("broken", "7", "not_checkable"),
    ]
    assert "RuntimeError: it broke" in trace.findings[1].reason


def test_when_the_time_is_over_the_rest_says_so() -> None:
    trace = check_trace("One. Two. Three. Four.", Context(), [Slow()], seconds=0.08)
    assert len(trace.steps) == 4
    assert [one.step for one in trace.findings] == [2, 3]
    assert all("were over" in one.reason for one in trace.findings)


def test_the_order_of_verifiers_does_not_matter() -> None:
    context = Context(question=QUESTION, answer="31")
    chain = "3 * 12 = 36. Then 36 - 5 = 31."
    assert check_trace(chain, context, PURE) == check_trace(chain, context, PURE[::-1])


def test_the_splitter_may_be_another() -> None:
    chain = "Step 1: One. Two."
    assert len(check_trace(chain, Context(), [], splitter=sentences).steps) == 2
    assert len(check_trace(chain, Context(), []).steps) == 1


def test_nothing_gives_an_empty_trace() -> None:
    trace = check_trace(" \n", Context(answer=" "), PURE)
    assert (trace.steps, trace.findings, trace.headline.coverage) == ((), (), None)


@given(st.text(max_size=200), st.text(max_size=40))
def test_no_chain_makes_it_raise(chain: str, answer: str) -> None:
    trace = check_trace(chain, Context(question=chain, documents={"d1": answer}, answer=answer), PURE)
    assert trace == check_trace(chain, Context(question=chain, documents={"d1": answer}, answer=answer), PURE)
