"""Clusters and splits: what belongs together stays together, what was dealt stays where it is, and no split knows another."""

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.trials.clusters import (
    ALIKE,
    BRIDGE,
    SHARES,
    Dealt,
    Fresh,
    asked_text,
    deal,
    is_looked_at,
    likeness,
    signature,
    split_of,
)

SALT = b"s" * 16
WORDS = [f"word{number}" for number in range(4000)]


def text(seed: int, length: int = 60) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def nearly(words: str, place: int) -> str:
    """The text with one word changed: three of its shingles differ, 55 of 61 are the same."""
    parts = words.split()
    parts[place] = "changed"
    return " ".join(parts)


def fresh(name: str, words: str, conversation: str = "") -> Fresh:
    return Fresh(name, signature(words, SALT), conversation)


def by_id(dealt: list[Dealt]) -> dict[str, Dealt]:
    return {one.id: one for one in dealt}


def cluster_in(split: str, start: int = 0) -> int:
    """A number whose item, called `aNUMBER`, is dealt into this split."""
    return next(number for number in range(start, start + 10_000) if split_of(f"a{number}", SALT) == split)


# --- likeness ---


def test_the_likeness_of_texts_is_the_jaccard_likeness_of_their_shingles() -> None:
    whole = text(1)
    assert likeness(signature(whole, SALT), signature(whole.upper() + " !", SALT)) == 1.0
    assert likeness(signature(whole, SALT), signature(text(2), SALT)) < 0.05
    # One of 60 words changed: 55 shingles in common of 61, 0.902, by 256 hashes with a standard error of 0.019.
    assert abs(likeness(signature(whole, SALT), signature(nearly(whole, 30), SALT)) - 55 / 61) < 0.08


def test_short_questions_that_differ_in_a_number_are_not_the_same() -> None:
    assert likeness(signature("What is 2 + 3?", SALT), signature("What is 2 + 4?", SALT)) < ALIKE
    assert likeness(signature("Hi", SALT), signature(" hi! ", SALT)) == 1.0
    assert likeness(signature("", SALT), signature("Hi", SALT)) == 0.0


def test_scripts_without_spaces_have_words_too() -> None:
    said = "今日は天気がとても良いので公園へ散歩に行きましょうと彼女は言いました"
    assert likeness(signature(said, SALT), signature(said + "。", SALT)) == 1.0
    assert 0.6 < likeness(signature(said, SALT), signature(said.replace("公園", "学校"), SALT)) < 1.0


def test_a_signature_is_keyed() -> None:
    assert likeness(signature(text(1), SALT), signature(text(1), b"t" * 16)) < 0.05
    assert len(signature("x", SALT)) == 1024


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]}, "Hello"),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}]}, "a\n"),
        ({"messages": [{"role": "assistant", "content": None}, {"role": "tool", "content": "b"}]}, "\nb"),
        ({}, ""),
    ],
)
def test_the_operators_words_make_no_difference(body: dict[str, Any], expected: str) -> None:
    assert asked_text(body) == expected


# --- splits ---


def test_a_split_gets_its_share_of_clusters_and_always_the_same_ones() -> None:
    names = [f"rec_{number}" for number in range(10_000)]
    counts = Counter(split_of(name, SALT) for name in names)
    assert {split: round(count / 10_000, 1) for split, count in counts.items()} == SHARES
    assert Counter(split_of(name, b"t" * 16) for name in names) != counts
    assert {split_of(name, SALT, {"trial": 1.0}) for name in names} == {"trial"}


def test_near_duplicates_and_conversations_share_a_cluster() -> None:
    items = [
        fresh("a", text(1)),
        fresh("b", nearly(text(1), 5)),
        fresh("c", text(2), "talk"),
        fresh("d", text(3), "talk"),
        fresh("e", nearly(text(3), 40)),
        fresh("f", text(4)),
    ]
    dealt = by_id(deal(items, [], SALT))
    assert [dealt[name].cluster for name in "abcdef"] == ["a", "a", "c", "c", "c", "f"]
    assert all(one.split == split_of(one.cluster, SALT) for one in dealt.values())


def test_a_later_item_joins_the_cluster_that_is_there() -> None:
    first = deal([fresh("a", text(1)), fresh("c", text(2), "talk")], [], SALT)
    later = by_id(deal([fresh("b", nearly(text(1), 5)), fresh("d", text(9), "talk")], first, SALT))
    assert (later["b"].cluster, later["b"].split) == ("a", first[0].split)
    assert (later["d"].cluster, later["d"].split) == ("c", first[1].split)


def test_an_item_that_joins_two_splits_moves_nobody_and_is_in_neither() -> None:
    train, trial = cluster_in("train"), cluster_in("trial")
    known = deal([fresh(f"a{train}", text(1)), fresh(f"a{trial}", text(2), "talk")], [], SALT)
    assert [one.split for one in known] == ["train", "trial"]
    [bridge] = deal([fresh("x", nearly(text(1), 7), "talk")], known, SALT)
    assert (bridge.cluster, bridge.split) == ("x", BRIDGE)
    # What is like the bridge alone is free again: the bridge takes part in nothing.
    later = by_id(
        deal([fresh("y", nearly(nearly(text(1), 7), 30)), fresh("z", text(5), "talk")], [*known, bridge], SALT)
    )
    assert (later["y"].split, later["z"].split) == ("train", "trial")


def test_of_a_group_only_what_ties_splits_together_is_lost() -> None:
    train, trial = cluster_in("train"), cluster_in("trial")
    known = deal([fresh(f"a{train}", text(1), "left"), fresh(f"a{trial}", text(2), "right")], [], SALT)
    group = [fresh("l", text(3), "left"), fresh("m", nearly(text(3), 9), "right"), fresh("r", text(4), "right")]
    dealt = by_id(deal(group, known, SALT))
    assert {name: one.split for name, one in dealt.items()} == {"l": "train", "m": BRIDGE, "r": "trial"}


def test_clusters_of_one_split_may_be_joined() -> None:
    first = cluster_in("train")
    second = cluster_in("train", first + 1)
    known = deal([fresh(f"a{first}", text(1)), fresh(f"a{second}", text(2), "talk")], [], SALT)
    [joined] = deal([fresh("x", nearly(text(1), 7), "talk")], known, SALT)
    assert (joined.cluster, joined.split) == (min(f"a{first}", f"a{second}"), "train")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from([None, 3, 17, 41]), st.sampled_from(["", "p", "q", "r"])),
        min_size=1,
        max_size=14,
    ),
    st.integers(0, 13),
)
def test_however_items_come_no_two_splits_ever_know_each_other(
    made: list[tuple[int, int | None, str]], cut: int
) -> None:
    items = [
        fresh(f"i{number}", text(seed) if place is None else nearly(text(seed), place), conversation)
        for number, (seed, place, conversation) in enumerate(made)
    ]
    first = deal(items[:cut], [], SALT)
    then = deal(items[cut:], first, SALT)
    assert [one.id for one in (*first, *then)] == [one.id for one in items]
    used = [one for one in (*first, *then) if one.split != BRIDGE]
    for one in used:
        for other in used:
            if one.split != other.split:
                assert likeness(one.signature, other.signature) < ALIKE
                assert not one.conversation or one.conversation != other.conversation


def test_a_tenth_of_the_training_split_is_looked_at_always_the_same_one_and_by_another_draw_than_the_splits() -> None:
    salt = b"s" * 16
    names = [f"rec_{number}" for number in range(4000)]
    train = [name for name in names if split_of(name, salt) == "train"]
    apart = [name for name in train if is_looked_at(name, salt)]
    assert 0.08 < len(apart) / len(train) < 0.12
    assert apart == [name for name in train if is_looked_at(name, salt)]
    assert apart != [name for name in train if is_looked_at(name, b"t" * 16)]
