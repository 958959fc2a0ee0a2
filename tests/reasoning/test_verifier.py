"""Every verifier proves itself, and the self-test catches one that cannot."""

import time
from collections.abc import Iterator
from typing import ClassVar

import pytest

from freehold.reasoning import available, load
from freehold.reasoning.trace import Finding, Step
from freehold.reasoning.verifier import Context, Sample, Verifier, finding, self_test
from reasoning.reading import step

Found = tuple[dict[str, Verifier], dict[str, str]]
"""All verifiers that can be made, and why each of the others cannot, by name."""


@pytest.fixture(scope="module")
def found() -> Iterator[Found]:
    """Made when the first test wants them: it takes a second, and every worker of pytest collects this file."""
    made, missing = available()
    yield {verifier.name: verifier for verifier in made}, missing
    for verifier in made:
        verifier.close()


@pytest.fixture(scope="module", params=list(load()))
def verifier(request: pytest.FixtureRequest, found: Found) -> Verifier:
    """Each that can be made."""
    made, missing = found
    if request.param in missing:
        pytest.skip(missing[request.param])
    return made[request.param]


def test_a_verifier_passes_its_self_test(verifier: Verifier) -> None:
    if verifier.name == "code":
        sandbox = pytest.importorskip("freehold.reasoning.sandbox")
        if not sandbox.usable():
            pytest.skip("this machine offers no user, mount and network namespaces")
    assert self_test(verifier) == []


def test_a_verifier_has_gold_corrupted_and_garbage(verifier: Verifier) -> None:
    assert {sample.role for sample in verifier.samples} == {"gold", "corrupted", "garbage"}
    assert isinstance(verifier, Verifier)


@pytest.mark.parametrize("text", ["", "\x00\ud800", "((((" * 500, "= 5 = = 3 %", "“" * 99, "```", "1/0 = 0 km = 0 h"])
def test_no_text_makes_a_verifier_raise(verifier: Verifier, text: str) -> None:
    context = Context(question=text, documents={"d": text, "": ""}, answer=text, expected=text, schema={})
    for kind in ("sentence", "answer"):
        for one in verifier.check(step(text, kind=kind), context):
            assert text[one.claim.start : one.claim.end] == one.claim.text


def test_a_verifier_without_its_extra_says_so(found: Found) -> None:
    _, missing = found
    if not missing:
        pytest.skip("the extra `reasoning` is installed: no verifier lacks anything")
    assert [name for name, why in missing.items() if "pip install freehold[reasoning]" not in why] == []


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
