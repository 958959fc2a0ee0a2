"""Where numbers come from."""

from freehold.reasoning.numbers import Numbers
from reasoning.reading import found, verdicts

N = Numbers()
ASKED = "Ann has three boxes of 12 eggs, 5% of them bad, and $1,250.50."


def test_a_number_of_the_answer_has_an_origin_or_is_unsupported() -> None:
    assert [one.found for one in found(N, "3 boxes and 36 eggs", kind="answer", question=ASKED, derived=("36",))] == [
        "the question",
        "a verified step",
    ]
    assert verdicts(N, "37 eggs", kind="answer", question=ASKED, derived=("36",)) == ["unsupported"]


def test_a_document_may_be_the_origin() -> None:
    (one,) = found(N, "420", kind="answer", documents={"r": "Staff grew to 420."})
    assert one.found == "the document r"


def test_a_coarser_number_has_its_origin_and_a_small_whole_one_does_not() -> None:
    assert verdicts(N, "3.33", kind="answer", derived=("10/3",)) == ["verified"]
    assert verdicts(N, "1,251", kind="answer", question=ASKED) == ["verified"]
    assert verdicts(N, "33", kind="answer", derived=("333/10",)) == ["unsupported"]


def test_a_percentage_and_its_share_are_one() -> None:
    assert verdicts(N, "0.05", kind="answer", question=ASKED) == ["verified"]


def test_a_step_is_told_only_what_has_no_origin() -> None:
    assert verdicts(N, "She has 3 boxes of 12, that is 60 minutes", question=ASKED) == []
    assert [one.claim.text for one in found(N, "She has 4 boxes of 13", question=ASKED)] == ["13"]
    assert verdicts(N, "She has 13") == []
