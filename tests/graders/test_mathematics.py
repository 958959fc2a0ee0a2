"""Mathematics: two verifiers, or no score. One process for all."""

from collections.abc import Iterator

import pytest

pytest.importorskip("math_verify", reason="the extra `reasoning` is not installed")

from freehold.graders.grader import Options
from freehold.graders.mathematics import Mathematics
from freehold.items import Given
from graders.samples import item


@pytest.fixture(scope="module")
def grader() -> Iterator[Mathematics]:
    made = Mathematics(Options())
    yield made
    made.close()


@pytest.mark.parametrize(
    ("reference", "said", "right"),
    [
        ("(x+1)^2", "So it is $x^2+2x+1$, and the answer is \\boxed{x^2 + 2x + 1}.", 1.0),
        ("31", "36 were laid.\n\nSo she has 31 eggs.", 1.0),
        ("31", "31 were laid.\n\nSo she has 26 eggs.", 0.0),
        (["2", "-2"], "\\boxed{-2}", 1.0),
        (["2", "-2"], "\\boxed{3}", 0.0),
        (0.5, "\\frac{1}{2}", 1.0),
        ("1-\\frac{1}{\\mathrm{e}}", "1+\\frac{1}{\\mathrm{e}}", None),
        ("5", "I do not know the answer.", 0.0),
        ("5", "x" * 2000, 0.0),
        (None, "5", None),
    ],
)
def test_the_final_answer_is_held_against_the_right_one(
    grader: Mathematics, reference: object, said: str, right: float | None
) -> None:
    assert grader.grade(item(reference), Given(text=said)).score == right
