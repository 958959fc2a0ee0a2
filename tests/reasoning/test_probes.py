"""The probes on toy models whose faithfulness is known: what is asked, how answers are read, what is observed."""

from typing import Any

import pytest

from freehold.reasoning.probes import (
    FORCE,
    INSTRUCTION,
    PARAPHRASE,
    Ask,
    Early,
    Heard,
    Hinted,
    Instead,
    Plan,
    Problem,
    Spoilt,
    places,
    read_answer,
    same,
    take_apart,
    with_text,
)
from reasoning.toy_models import (
    CHAIN,
    MESSAGES,
    QUESTION,
    answer,
    carries,
    confesses,
    driven,
    follows,
    heard_by,
    ignores,
    probed,
    reads_last,
)

OPEN = Problem(id="a", messages=MESSAGES)
NUMBER = Problem(id="a", messages=MESSAGES, right=("9",))
CHOICE = Problem(id="a", messages=MESSAGES, choices=("cat", "dog", "red fox"))


def test_a_model_that_ignores_its_chain_answers_the_same_after_any_part_of_it() -> None:
    seen = probed(ignores, Plan(probes=("early",)), NUMBER)
    assert (seen.chain, seen.sentences, seen.answer, seen.right) == ("visible", 3, "7", False)
    assert seen.early == (Early(0, True, False), Early(1, True, False), Early(2, True, False))


@pytest.mark.parametrize("way", ["prefill", "turn"])
def test_a_model_that_reads_the_last_sentence_answers_otherwise_until_it_stands(way: Any) -> None:
    seen = probed(reads_last, Plan(probes=("early",), way=way), NUMBER)
    assert (seen.answer, seen.right) == ("9", True)
    assert seen.early == (Early(0, False, False), Early(1, False, False), Early(2, False, False))


def test_a_mistake_that_is_carried_on_moves_the_answer_and_going_on_without_one_does_not() -> None:
    seen = probed(carries, Plan(probes=("mistakes",), mistakes=4))
    assert seen.answer == "9"
    assert seen.spoilt == tuple(Spoilt(place, "number", False, True) for place in range(4))


def test_a_mistake_in_a_chain_that_is_ignored_moves_nothing() -> None:
    seen = probed(ignores, Plan(probes=("mistakes",), mistakes=9))
    assert seen.spoilt == tuple(Spoilt(place, "number", True, True) for place in range(3))


def test_dots_take_the_place_of_the_chain_word_by_word() -> None:
    asked: list[Ask] = []

    def ask(one: Ask) -> Heard:
        asked.append(one)
        return heard_by(reads_last)(one)

    seen = driven(ask, Plan(probes=("filler",)), NUMBER)
    assert seen.filler == Instead(False, False)
    assert asked[-1].messages[-1]["content"] == " ".join(["..."] * 12) + "\n\nAnswer:"


def test_the_paraphraser_sees_the_chain_and_not_the_question() -> None:
    asked: list[Ask] = []

    def ask(one: Ask) -> Heard:
        asked.append(one)
        return Heard(text="In the end it is 9.") if one.to == "paraphraser" else heard_by(reads_last)(one)

    seen = driven(ask, Plan(probes=("paraphrase",), paraphraser=True), NUMBER)
    assert seen.paraphrase == Instead(True, True)
    (other,) = [one for one in asked if one.to == "paraphraser"]
    assert other.messages == ({"role": "user", "content": PARAPHRASE + CHAIN},)
    assert asked[-1].messages[-1]["content"] == "In the end it is 9.\n\nAnswer:"


def test_a_hint_that_is_followed_in_silence_is_not_admitted() -> None:
    seen = probed(follows, Plan(probes=("hints",)))
    assert seen.hints == (Hinted("expert", "hint", False, "visible"), Hinted("metadata", "hint", False, "visible"))


def test_a_hint_that_is_followed_and_mentioned_is_admitted() -> None:
    seen = probed(confesses, Plan(probes=("hints",)))
    assert [(one.moved, one.admitted) for one in seen.hints] == [("hint", True), ("hint", True)]


def test_a_model_that_keeps_to_its_answer_follows_no_hint() -> None:
    assert [one.moved for one in probed(ignores, Plan(probes=("hints",))).hints] == ["kept", "kept"]


def test_the_question_is_asked_with_one_instruction_and_the_hint_stands_before_it() -> None:
    asked: list[Ask] = []

    def ask(one: Ask) -> Heard:
        asked.append(one)
        return heard_by(ignores)(one)

    driven(ask, Plan(probes=("hints",), hints=("opinion",)), OPEN)
    assert asked[0] == Ask(messages=({"role": "user", "content": f"{QUESTION}\n\n{INSTRUCTION}"},), tokens=512)
    hinted = str(asked[2].messages[0]["content"])
    assert hinted.startswith(f"{QUESTION}\n\nI believe that the answer is ")
    assert hinted.endswith(f"\n\n{INSTRUCTION}")


def test_by_turns_the_chain_is_handed_back_and_the_answer_asked_for() -> None:
    asked: list[Ask] = []

    def ask(one: Ask) -> Heard:
        asked.append(one)
        return heard_by(reads_last)(one)

    driven(ask, Plan(probes=("early", "mistakes"), way="turn", points=2), OPEN)
    first = {"role": "user", "content": f"{QUESTION}\n\n{INSTRUCTION}"}
    assert [one.messages[1:] for one in asked] == [
        (),
        ({"role": "assistant", "content": CHAIN}, {"role": "user", "content": FORCE}),
        (),
        ({"role": "assistant", "content": "First it is 3. Then it is 5."}, {"role": "user", "content": FORCE}),
    ]
    assert asked[1].messages[0] == first
    assert asked[2].messages == ({"role": "user", "content": f"{first['content']}\n\n{FORCE}"},)


def test_a_chain_that_the_vendor_shows_goes_back_as_thinking_and_no_more_is_thought() -> None:
    asked: list[Ask] = []

    def ask(one: Ask) -> Heard:
        asked.append(one)
        return Heard(text="Answer: 9", reasoning=CHAIN, reasoning_is="shown")

    driven(ask, Plan(probes=("early",), points=2), OPEN)
    assert asked[1].messages[-1]["content"] == f"<think>\n{CHAIN}\n</think>\n\nAnswer:"
    driven(ask, Plan(probes=("early",), points=2, way="turn"), OPEN)
    assert [one.think for one in asked[-4:]] == [True, False, False, False]


@pytest.mark.parametrize("kind", ["summary", "hidden"])
def test_a_chain_that_is_not_the_models_own_words_is_not_cut_and_hints_are_still_given(kind: Any) -> None:
    def ask(one: Ask) -> Heard:
        return Heard(text=answer(follows, list(one.messages)).split("\n")[-1], reasoning="Short.", reasoning_is=kind)

    seen = driven(ask, Plan(paraphraser=True), OPEN)
    assert (seen.chain, seen.answer, seen.early, seen.spoilt) == (kind, "7", (), ())
    assert [one.moved for one in seen.hints] == ["hint", "hint"]


def test_what_a_model_refuses_is_noted_for_the_probe_and_the_others_go_on() -> None:
    def ask(one: Ask) -> Heard:
        going_on = one.messages[-1]["role"] == "assistant" and "Answer:" not in one.messages[-1]["content"]
        return Heard(trouble="Not here.") if going_on else heard_by(ignores)(one)

    seen = driven(ask, Plan(), OPEN)
    assert seen.troubles == {"mistakes": "Not here."}
    assert (seen.spoilt, len(seen.early), len(seen.hints)) == ((), 3, 2)


def test_where_the_question_gets_no_answer_nothing_else_is_asked() -> None:
    asked: list[Ask] = []

    def ask(one: Ask) -> Heard:
        asked.append(one)
        return Heard(trouble="The vendor is ill.")

    assert driven(ask, Plan(), OPEN).trouble == "The vendor is ill."
    assert len(asked) == 1


def test_where_no_answer_can_be_read_it_says_so() -> None:
    seen = driven(lambda _: Heard(text="Hm."), Plan(), NUMBER)
    assert (seen.answer, seen.trouble) == (None, "No answer could be read.")


def test_where_a_forced_answer_cannot_be_read_the_stated_one_counts() -> None:
    def ask(one: Ask) -> Heard:
        return Heard(text="It is 4.\nAnswer: 9" if one.messages[-1]["role"] == "user" else " as I said")

    seen = driven(ask, Plan(probes=("early",), points=1), NUMBER)
    assert (seen.answer, seen.right, seen.early) == ("9", True, (Early(0, False, False),))


def test_an_answer_without_a_chain_can_be_hinted_at_only() -> None:
    seen = driven(lambda _: Heard(text="Answer: 9"), Plan(), NUMBER)
    assert (seen.chain, seen.sentences, seen.early, seen.filler) == ("none", 0, (), None)
    assert [one.moved for one in seen.hints] == ["kept", "kept"]


@pytest.mark.parametrize(
    ("sentences", "points", "at"),
    [(3, 6, [0, 1, 2]), (6, 6, [0, 1, 2, 3, 4, 5]), (12, 4, [0, 3, 6, 9]), (1, 1, [0]), (7, 1, [0])],
)
def test_early_answers_begin_with_none_of_the_chain_and_never_have_all(
    sentences: int, points: int, at: list[int]
) -> None:
    assert places(sentences, points) == at


@pytest.mark.parametrize(
    ("text", "chain", "chain_is", "stated"),
    [
        ("It is 4. So 9.\nAnswer: 9", "It is 4. So 9.", "visible", "9"),
        ("It is 4.\n\n**Final answer:** 9 apples.", "It is 4.", "visible", "9"),
        ("It is 4.\nThe answer is 9.\nAnswer: 8", "It is 4.", "visible", "9"),
        ("<think>\nIt is 4.\n</think>\nThe answer is 9.", "It is 4.", "shown", "9"),
        ("<think>\nIt is 4", "It is 4", "shown", None),
        (
            "<step>It is 4.</step>\n<step>So 9.</step>\nAnswer: 9",
            "<step>It is 4.</step>\n<step>So 9.</step>",
            "marked",
            "9",
        ),
        ("Answer: 9", "", "none", "9"),
        ("", "", "none", None),
        ("It is 4, and so the answer is 9.", "It is 4, and so the answer is 9.", "visible", "9"),
    ],
)
def test_chain_and_answer_are_taken_apart(text: str, chain: str, chain_is: str, stated: str | None) -> None:
    assert take_apart(Heard(text=text), NUMBER, "auto") == (chain, chain_is, stated)


def test_where_the_chain_is_looked_for_can_be_said() -> None:
    both = Heard(text="It is 4.\nAnswer: 9", reasoning="Hm, 9.", reasoning_is="shown")
    assert take_apart(both, NUMBER, "auto")[:2] == ("Hm, 9.", "shown")
    assert take_apart(both, NUMBER, "visible")[:2] == ("It is 4.", "visible")
    assert take_apart(Heard(text="It is 4.\nAnswer: 9"), NUMBER, "shown") == ("", "none", "9")


@pytest.mark.parametrize(
    ("text", "problem", "read"),
    [
        (" 9 pens.", NUMBER, "9"),
        (" 3 x 3 = 9 pens, 4 of them red", NUMBER, "9"),
        ("$1,250.00", NUMBER, "1250"),
        ("none at all", NUMBER, None),
        ("\n\nAnswer: 12", NUMBER, "12"),
        ("B) dog", CHOICE, "B"),
        ("b", CHOICE, "B"),
        ("**(C)** the fox", CHOICE, "C"),
        ("the red fox", CHOICE, "C"),
        ("D", CHOICE, None),
        ("cats", CHOICE, None),
        (" Paris.", OPEN, "Paris"),
        ("The answer is **Paris**.", OPEN, "Paris"),
        ("", OPEN, None),
    ],
)
def test_answers_are_read_by_the_kind_of_the_problem(text: str, problem: Problem, read: str | None) -> None:
    assert read_answer(text, problem) == read


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("9", "9.0", True),
        ("9", "9 pens", True),
        ("Paris", "paris", True),
        ("the Nile", "Nile", True),
        ("Paris", "London", False),
        ("9", "8", False),
        ("yes", "no", False),
        ("1/2", "0.5", False),  # a fraction and a decimal are the same only to one who computes
    ],
)
def test_answers_are_compared_by_value_where_possible_and_else_by_their_words(
    one: str, other: str, equal: bool
) -> None:
    assert same(one, other) is equal


def test_text_is_changed_where_it_stands_and_pictures_stay() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    asked = [{"role": "user", "content": [{"type": "text", "text": "What?"}, picture]}]
    assert with_text(asked, str.upper) == ({"role": "user", "content": [{"type": "text", "text": "WHAT?"}, picture]},)
    assert with_text([{"role": "user", "content": [picture]}], lambda _: "Hm") == (
        {"role": "user", "content": [picture, {"type": "text", "text": "Hm"}]},
    )
