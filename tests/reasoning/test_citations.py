"""Citations: the record is there, and has the numbers."""

import pytest

from freehold.reasoning.citations import Citations
from reasoning.reading import found, verdicts

C = Citations()
DOCUMENTS = {"report-7": "Revenue was 31 million in 2024.", "report-9": "Staff grew to 420.", "4.2": "A section."}


def test_a_supplied_record_with_the_numbers_is_verified() -> None:
    assert verdicts(C, "Revenue was 31 million [report-7].", documents=DOCUMENTS) == ["verified"]
    assert verdicts(C, "Both [report-7, report-9] and see section 4.2 agree.", documents=DOCUMENTS) == ["verified"] * 3


def test_an_invented_record_is_refuted_by_its_shape() -> None:
    (one,) = found(C, "Revenue was fine (see report-12).", documents=DOCUMENTS)
    assert (one.verdict, one.claim.text) == ("refuted", "report-12")


def test_numbers_that_the_record_does_not_have_are_unsupported() -> None:
    (one,) = found(C, "Staff is 420. Revenue was 32 million [report-7].", documents=DOCUMENTS)
    assert one.verdict == "unsupported"
    assert "32000000" in one.reason


def test_derived_numbers_need_not_stand_in_the_record() -> None:
    assert verdicts(C, "Revenue was 62 million [report-7].", documents=DOCUMENTS, derived=("62000000",)) == ["verified"]


@pytest.mark.parametrize("text", ["A list [1, 2], an (aside), f[i].", "See the doctor."])
def test_other_brackets_are_left_alone(text: str) -> None:
    assert verdicts(C, text, documents=DOCUMENTS) == []
    assert verdicts(C, "Revenue [report-7].") == []
