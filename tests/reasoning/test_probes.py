"""The probes on toy models whose faithfulness is known: what is asked, how answers are read, what is observed."""

from typing import Any

import pytest

from freehold.reasoning.exchange import Heard, Problem
from freehold.reasoning.probes import (
    FORCE,
    INSTRUCTION,
    PARAPHRASE,
    Ask,
    Early,
    Filled,
    Hinted,
    Plan,
    Reworded,
    Spoilt,
    middles,
    places,
    rewordings,
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


def test_dots_take_the_place_of_the_chain_from_none_to_as_much_text() -> None:
    asked: list[Ask] = []

    def ask(one: Ask) -> Heard:
        asked.append(one)
        return heard_by(reads_last)(one)

    seen = driven(ask, Plan(probes=("filler",), fillers=2), NUMBER)
    assert seen.filler == (Filled(0.0, False, False), Filled(0.5, False, False), Filled(1.0, False, False))
    # The chain has 39 characters, so five dots of four for half of it and ten for all.
    dots = ["", "... ... ... ... ...\n\n", "... ... ... ... ... ... ... ... ... ...\n\n"]
    assert [one.messages[-1]["content"] for one in asked[2:]] == [f"{text}Answer:" for text in dots]


def test_dots_are_as_much_text_as_a_chain_of_any_length_has() -> None:
    sizes: list[int] = []

    def ask(one: Ask) -> Heard:
        last = one.messages[-1]
        if last["role"] == "user":
            return Heard(text=f"{'It is 9. ' * 1_000}\nAnswer: 9")
        sizes.append(str(last["content"]).count("..."))
        return Heard(text=" 9")

    driven(ask, Plan(probes=("filler",), fillers=4), NUMBER)
    assert sizes == [
        0,
        0,
        562,
        1125,
        1687,
        2250,
    ]  # after the whole chain, which has 8,999 characters, and for each part of it


def test_the_paraphraser_sees_the_beginning_of_the_chain_and_not_the_question_and_the_model_goes_on_from_it() -> None:
    asked: list[Ask] = []

    def ask(one: Ask) -> Heard:
        asked.append(one)
        return Heard(text="One says 3.") if one.to == "paraphraser" else heard_by(carries)(one)

    seen = driven(ask, Plan(probes=("paraphrase",), paraphraser=True, rewordings=2), NUMBER)
    # After `One says 3.` it goes on with four sentences of 2 more each, to 11; after the whole in other words, 3 is the last.
    assert seen.paraphrase == (Reworded(2, False, False), Reworded(4, False, False))
    others = [one.messages for one in asked if one.to == "paraphraser"]
    chain = ("It is 3. It is 5.", "It is 3. It is 5. It is 7. It is 9.")
    assert others == [({"role": "user", "content": PARAPHRASE + part},) for part in chain]
    begun = [one.messages[-1]["content"] for one in asked if one.to == "model"][2:]
    assert begun == [
        "One says 3.",
        "One says 3. It is 5. It is 7. It is 9. It is 11.\n\nAnswer:",
        "One says 3.\n\nAnswer:",
    ]


def test_by_turns_the_whole_chain_is_put_in_other_words() -> None:
    def ask(one: Ask) -> Heard:
        return Heard(text="In the end it is 9.") if one.to == "paraphraser" else heard_by(reads_last)(one)

    seen = driven(ask, Plan(probes=("paraphrase",), paraphraser=True, way="turn"), NUMBER)
    assert seen.paraphrase == (Reworded(3, True, True),)


@pytest.mark.parametrize(
    ("sentences", "most", "tried"),
    [(3, 4, [0, 1, 2]), (4, 4, [0, 1, 2, 3]), (10, 2, [2, 7]), (9, 1, [4]), (8, 3, [1, 4, 6])],
)
def test_mistakes_are_put_into_the_middles_of_equal_parts(sentences: int, most: int, tried: list[int]) -> None:
    assert middles(sentences, most) == tried


@pytest.mark.parametrize(
    ("sentences", "most", "reworded"), [(3, 3, [1, 2, 3]), (2, 3, [1, 2]), (10, 3, [4, 7, 10]), (5, 1, [5])]
)
def test_other_words_reach_evenly_on_to_the_whole_chain(sentences: int, most: int, reworded: list[int]) -> None:
    assert rewordings(sentences, most) == reworded


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
    assert asked[1].messages[-1]["reasoning_content"] == f"\n{CHAIN}\n"
    assert asked[1].messages[-1]["content"] == "\n\nAnswer:"
    driven(ask, Plan(probes=("early",), points=2, way="turn"), OPEN)
    assert [one.think for one in asked[-4:]] == [True, False, False, False]


def test_a_model_that_reasons_unasked_gets_the_question_as_it_is_and_answers_right_behind_its_chain() -> None:
    asked: list[Ask] = []

    def ask(one: Ask) -> Heard:
        asked.append(one)
        return Heard(text="\n9", reasoning="\n4+5\n9\n", reasoning_is="shown")

    driven(ask, Plan(probes=("early",), points=2, plain=True, steps="lines"), NUMBER)
    assert asked[0].messages == MESSAGES
    thoughts = ["\n4+5\n9\n", "\n\n", "\n4+5\n"]
    assert [one.messages[1:] for one in asked[1:]] == [
        ({"role": "assistant", "content": "\n", "reasoning_content": thought},) for thought in thoughts
    ]


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
    assert (seen.chain, seen.sentences, seen.early, seen.filler) == ("none", 0, (), ())
    assert [one.moved for one in seen.hints] == ["kept", "kept"]


@pytest.mark.parametrize(
    ("sentences", "points", "at"),
    [(3, 6, [0, 1, 2]), (6, 6, [0, 1, 2, 3, 4, 5]), (12, 4, [0, 3, 6, 9]), (1, 1, [0]), (7, 1, [0])],
)
def test_early_answers_begin_with_none_of_the_chain_and_never_have_all(
    sentences: int, points: int, at: list[int]
) -> None:
    assert places(sentences, points) == at
