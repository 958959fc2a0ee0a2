"""Likeness: by hand, and the prefix filter against comparing each with each."""

from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.training.likeness import Neighbours, likeness, shingles, words


def test_words_are_compared_in_one_case_and_form() -> None:
    assert words("Ｔhe CAT, 3 times!") == ["the", "cat", ",", "3", "times", "!"]


def test_likeness_is_that_of_jaccard() -> None:
    assert likeness(frozenset({1, 2, 3}), frozenset({2, 3, 4})) == 0.5
    assert likeness(frozenset(), frozenset()) == 0.0


def test_a_text_of_few_words_is_cut_by_signs() -> None:
    assert len(shingles("abcdefghijklm")) == 2
    assert len(shingles("abc")) == 1
    assert shingles(" \n") == frozenset()
    assert len(shingles(" ".join(map(str, range(20))))) == 16


def test_a_copy_with_one_word_changed_is_found_and_another_text_is_not() -> None:
    text = " ".join(f"word{n}" for n in range(60))
    neighbours = Neighbours()
    neighbours.add("a", text)
    found = neighbours.nearest(text.replace("word30", "other"))
    assert found is not None
    assert found[0] == "a"
    assert 0.8 <= found[1] < 1.0  # 56 shingles each, 5 differ: 51 / 61
    assert round(found[1], 4) == round(51 / 61, 4)
    assert neighbours.nearest(text.replace("word3", "other")) is None


@given(
    texts=st.lists(
        st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30).map(" ".join), min_size=1, max_size=12
    ),
    asked=st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=30).map(" ".join),
    alike=st.sampled_from([0.3, 0.5, 0.8, 1.0]),
)
@settings(max_examples=100, deadline=None)
def test_nothing_that_is_near_is_missed(texts: list[str], asked: str, alike: float) -> None:
    neighbours = Neighbours(alike)
    for place, text in enumerate(texts):
        neighbours.add(str(place), text)
    best = max(likeness(shingles(asked), shingles(text)) for text in texts)
    found = neighbours.nearest(asked)
    assert (found is not None) == (best >= alike)
    assert found is None or found[1] == best
