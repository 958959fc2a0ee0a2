"""How much of a reply is in a script that its question does not use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.training.scripts import foreign_share


@pytest.mark.parametrize(
    ("text", "asked", "share"),
    [
        ("<think>\nSo we add.\n</think>\n12", "How many?", 0.0),
        ("我们先加", "How many?", 1.0),
        ("we add 一二三四五", "How many?", 0.5),
        ("Ответ: 12", "Сколько?", 0.0),
        ("カタと漢", "何人？", 0.0),
        ("the angle is π or λ", "Which angle?", 0.0),
        ("λόγος", "Which word?", 1.0),
        ("ＴＨＥ answer", "Which word?", 0.0),
        ("12", "How many?", 0.0),
        ("一", "1+2=?", 0.0),
        ("", "", 0.0),
    ],
)
def test_letters_of_another_script_than_the_questions_are_foreign(text: str, asked: str, share: float) -> None:
    assert foreign_share(text, asked) == share


@given(text=st.text(), asked=st.text())
def test_it_is_a_share_and_nothing_is_foreign_to_itself(text: str, asked: str) -> None:
    assert 0 <= foreign_share(text, asked) <= 1
    assert foreign_share(text, text) == 0
