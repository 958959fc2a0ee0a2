"""From a chain to its steps: markers first, nothing lost, nothing cut that belongs together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.reasoning.split import answer_step, sentences, split

PARTS = st.sampled_from(
    ["<step>", "</step>", "Step 1: ", "Step 2: ", "1. ", "2. ", "\n", "\n\n", "Dr. Who has 3.5 m. ", "$x = 1. y$", "$$", "a", " ",
     "```py\n", "```\n", "`", "| a | b |\n", "- item. More\n", "\\[", "\\]", "https://a.b/c. ", "e.g. this. ", "So it is! ", "…", "。"]
)  # fmt: skip
CHAINS = st.lists(PARTS | st.text(max_size=6), max_size=25).map("".join)


@given(CHAINS)
def test_steps_and_gaps_give_the_chain_back(chain: str) -> None:
    for splitter in (split, sentences):
        position, rebuilt = 0, ""
        for number, step in enumerate(splitter(chain)):
            assert step.index == number
            assert step.text
            assert position <= step.start < step.end
            rebuilt += chain[position : step.start] + step.text
            position = step.end
        assert rebuilt + chain[position:] == chain


@given(
    st.lists(st.sampled_from(["One is here.", "Dr. Who saw 3.5 of it.", "Is $a. B$ so?", "Yes!"]), max_size=8),
    st.booleans(),
)
def test_only_white_space_and_markers_lie_between_steps(texts: list[str], tagged: bool) -> None:
    chain = "\n".join(f"<step>{text}</step>" if tagged else text for text in texts)
    assert [step.text for step in split(chain)] == texts


def texts(chain: str) -> list[str]:
    return [step.text for step in split(chain)]


def test_our_own_models_tags_are_steps_and_what_lies_outside_is_not_lost() -> None:
    steps = split("First. <step>one. two</step> between <step>three")
    assert [(step.kind, step.text) for step in steps] == [
        ("paragraph", "First."),
        ("tag", "one. two"),
        ("paragraph", "between"),
        ("tag", "three"),
    ]


def test_tags_in_code_are_no_steps() -> None:
    assert texts("```\n<step>x</step>\n```") == ["```\n<step>x</step>\n```"]


def test_numbered_lines_are_steps_without_their_markers() -> None:
    assert texts("Plan.\nStep 1: a. b\nStep 2: c\n\nmore") == ["Plan.", "a. b", "c\n\nmore"]
    assert texts("**Step 1:** a\n### Step 2 - b") == ["a", "b"]
    assert [step.kind for step in split("1. a\n2) b\n\nSo it is. Yes.")] == [
        "numbered",
        "numbered",
        "sentence",
        "sentence",
    ]


def test_numbers_that_do_not_count_up_are_no_markers() -> None:
    assert [step.kind for step in split("7. a\n9. b")] == ["list_item", "list_item"]


@pytest.mark.parametrize(
    "whole",
    [
        "Dr. Smith paid 3.5 dollars, e.g. for lunch.",
        "See Fig. 3 and Eq. (2) vs. No. 5.",
        "J. K. Rowling wrote it, i.e. all of it.",
        "It costs approx. 5 oz. of gold, etc. and more.",
        "Let $f(x) = 1. G$ and `a. B` be so.",
        "Look at https://example.com/a.B?c=D and there.",
        "Wait... what is it?",
    ],
)
def test_a_sentence_with_points_inside_stays_whole(whole: str) -> None:
    assert texts(f"{whole} Then it ends.") == [whole, "Then it ends."]


def test_sentences_end_where_they_end() -> None:
    assert texts("He said no. Then plan B. So we go.") == ["He said no.", "Then plan B.", "So we go."]
    assert texts("It costs $5. He paid $10. Done!") == ["It costs $5.", "He paid $10.", "Done!"]
    assert texts('He said "Stop." Then he left.') == ['He said "Stop."', "Then he left."]


def test_lines_are_sentences_unless_wrapped() -> None:
    assert texts("5 + 3 = 8\nSo 8 it is") == ["5 + 3 = 8", "So 8 it is"]
    wrapped = "This line was wrapped at a margin since it is longer than sixty\nCharacters go on here."
    assert texts(wrapped) == [wrapped]


def test_code_formulas_tables_and_items_are_whole() -> None:
    code, formula, table = (
        "```py\nx = 1. \n\ny = 2\n```",
        "\\begin{align}\na &= b. \\\\\nc\n\\end{align}",
        "| a. B | c |\n|---|---|",
    )
    steps = split(f"{code}\n{formula}\n{table}\n- one. Two\n  goes on\n- three")
    assert [(step.kind, step.text) for step in steps] == [
        ("code", code),
        ("formula", formula),
        ("table", table),
        ("list_item", "- one. Two\n  goes on"),
        ("list_item", "- three"),
    ]


def test_the_sentence_mode_takes_no_notice_of_markers() -> None:
    assert [step.text for step in sentences("Step 1: One. Two.\nStep 2: Three.")] == [
        "Step 1: One.",
        "Two.",
        "Step 2: Three.",
    ]


def test_the_answer_is_a_step_with_offsets_of_its_own() -> None:
    step = answer_step("  42 eggs \n", 3)
    assert (step.index, step.text, step.start, step.end, step.kind) == (3, "42 eggs", 2, 9, "answer")


def test_what_is_opened_and_never_closed_costs_linear_time() -> None:
    assert len(split("\\[ $$ ` \\( \\begin{a} " * 20_000)) == 1
