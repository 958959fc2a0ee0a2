"""Where sentences end."""

from freehold.reasoning.protect import protected
from freehold.reasoning.sentences import sentence_spans


def cut(text: str) -> list[str]:
    return [text[start:end].strip() for start, end in sentence_spans(text, 0, len(text), protected(text))]


def test_spans_touch_and_cover_the_region() -> None:
    text = "One. Two! Three"
    assert sentence_spans(text, 0, len(text), []) == [(0, 4), (4, 9), (9, 15)]


def test_a_region_is_cut_on_its_own() -> None:
    assert sentence_spans("Skip. One. Two.", 6, 15, []) == [(6, 10), (10, 15)]


def test_units_and_no_end_a_sentence_only_before_a_new_one() -> None:
    assert cut("It is 5 in. wide. The No. 5 bus. He said no. We left.") == [
        "It is 5 in. wide.",
        "The No. 5 bus.",
        "He said no.",
        "We left.",
    ]


def test_other_scripts_end_without_a_space() -> None:
    assert cut("一です。二です。") == ["一です。", "二です。"]
