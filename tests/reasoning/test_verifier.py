"""Every verifier proves itself, and the self-test catches one that cannot."""

import time
from typing import ClassVar

import pytest

from freehold.reasoning import available
from freehold.reasoning.trace import Finding, Step
from freehold.reasoning.verifier import Context, Sample, Verifier, finding, self_test
from reasoning.reading import step

MADE, MISSING = available()


@pytest.mark.parametrize("verifier", MADE, ids=lambda verifier: verifier.name)
def test_a_verifier_passes_its_self_test(verifier: Verifier) -> None:
    if verifier.name == "code":
        sandbox = pytest.importorskip("freehold.reasoning.sandbox")
        if not sandbox.usable():
            pytest.skip("this machine offers no user, mount and network namespaces")
    assert self_test(verifier) == []


@pytest.mark.parametrize("verifier", MADE, ids=lambda verifier: verifier.name)
def test_a_verifier_has_gold_corrupted_and_garbage(verifier: Verifier) -> None:
    assert {sample.role for sample in verifier.samples} == {"gold", "corrupted", "garbage"}
    assert isinstance(verifier, Verifier)


@pytest.mark.parametrize("verifier", MADE, ids=lambda verifier: verifier.name)
@pytest.mark.parametrize("text", ["", "\x00\ud800", "((((" * 500, "= 5 = = 3 %", "“" * 99, "```", "1/0 = 0 km = 0 h"])
def test_no_text_makes_a_verifier_raise(verifier: Verifier, text: str) -> None:
    context = Context(question=text, documents={"d": text, "": ""}, answer=text, expected=text, schema={})
    for kind in ("sentence", "answer"):
        for one in verifier.check(step(text, kind=kind), context):
            assert text[one.claim.start : one.claim.end] == one.claim.text


@pytest.mark.parametrize("name", sorted(MISSING))
def test_a_verifier_without_its_extra_says_so(name: str) -> None:
    assert "pip install freehold[reasoning]" in MISSING[name]


class Agreeable:
    """Verifies everything."""

    name: ClassVar[str] = "agreeable"
    version: ClassVar[str] = "1"
    late: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = (Sample("gold", "1 = 1"), Sample("corrupted", "1 = 2"))

    def check(self, step: Step, context: Context) -> list[Finding]:
        return [finding(self, step, (0, len(step.text)), "verified", "", "Sure.")]

    def close(self) -> None:
        pass


def test_the_self_test_tells_what_is_wrong() -> None:
    assert self_test(Agreeable()) == [
        "agreeable has no garbage sample.",
        "agreeable says of the corrupted sample '1 = 2': verified (Sure.).",
    ]


def test_only_verified_findings_derive_numbers() -> None:
    one = finding(Agreeable(), step("1 = 2"), (0, 5), "refuted", "", "", ("1",))
    assert one.derived == ()


def test_the_deadline_shortens_what_is_left() -> None:
    assert Context().seconds(5) == 5
    assert Context(deadline=time.monotonic() - 1).seconds(5) == 0
    assert 0 < Context(deadline=time.monotonic() + 1).seconds(5) <= 1
