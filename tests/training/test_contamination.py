"""The contamination gate: planted leaks of each kind are found and named, and clean rows pass."""

from typing import ClassVar

import pytest
from msgspec.structs import replace

from freehold.errors import Contaminated
from freehold.items import Item
from freehold.training.contamination import Gate, Sealed, check_splits, sealed_of
from freehold.training.dataset import Example, Turn
from freehold.training.tasks.arithmetic_chains import ArithmeticChains
from freehold.training.tasks.drawing import held_out
from freehold.training.tasks.refund_policy import RefundPolicy
from freehold.training.tasks.task import Problem, Task, write_reply
from freehold.training.tasks.workload import WorkloadTask
from training.rows import TASKS, row

STORY = (
    "A farmer in the north has seventeen brown goats and sells four of them at the market in spring, "
    "then buys nine white sheep from a neighbour who moves to the coast. How many animals does the farmer have now?"
)
OTHER = (
    "A teacher prints thirty copies of a test for two classes and finds after the lesson that eleven of the copies "
    "were never used by anybody in the room. How many pupils wrote the test that day?"
)
SEALED = [Sealed("goats", STORY), Sealed("copies", OTHER), Sealed("short", "What is the capital of Burkina Faso?")]


def example_of(task: Task, problem: Problem, *, named: bool = True) -> Example:
    made = row(task.render(problem), write_reply(task.solve(problem)), TASKS, task.name, task.digest(problem))
    return made if named else row(made.turns[0].text, made.reply)


def test_clean_rows_pass() -> None:
    Gate(SEALED).check([row("How many goats are there in the north?"), row("What is the capital of France?")])


@pytest.mark.parametrize(
    ("asked", "reply", "item", "how"),
    [
        (STORY, "22", "goats", {"n-gram", "near-duplicate"}),
        (STORY.replace("north", "south"), "22", "goats", {"n-gram"}),
        (STORY.upper().replace(" ", "\n "), "22", "goats", {"n-gram", "near-duplicate"}),
        ("Think of this: " + " ".join(STORY.split()[4:18]) + " and so on.", "22", "goats", {"n-gram"}),
        ("Tell me a story.", "Once upon a time: " + STORY, "goats", {"n-gram"}),
        ("Quiz. what is the capital of  Burkina Faso ? Answer:", "Ouagadougou", "short", {"n-gram"}),
        (OTHER.replace("thirty", "forty"), "19", "copies", {"n-gram"}),
    ],
)
def test_a_planted_leak_is_found_and_named(asked: str, reply: str, item: str, how: set[str]) -> None:
    planted = row(asked, reply)
    gate = Gate(SEALED)
    found = list(gate.leaks([row("Is it late?"), planted, row("Is it early?")]))
    assert {leak.how for leak in found} >= how
    assert {(leak.row, leak.item) for leak in found} == {(planted.hash, item)}
    with pytest.raises(Contaminated) as caught:
        gate.check([planted])
    assert planted.hash[:12] in caught.value.sentence
    assert item in caught.value.sentence


@pytest.mark.parametrize(("given_away", "item"), [(STORY, "goats"), (SEALED[2].asked, "short")])
def test_what_stands_at_the_end_of_the_longest_row_is_found_too(given_away: str, item: str) -> None:
    table = "1, 2; " * 20_000
    found = list(Gate(SEALED).leaks([row("Copy this.", table + given_away), row("Copy this.", table)]))
    assert [(leak.item, leak.how) for leak in found] == [(item, "n-gram")]


def test_a_near_duplicate_without_13_words_in_a_row_is_found() -> None:
    words = [f"w{n}" for n in range(120)]
    asked = " ".join("changed" if n % 40 == 20 else word for n, word in enumerate(words))
    found = list(Gate([Sealed("long", " ".join(words))], alike=0.6).leaks([row(asked)]))
    assert "near-duplicate" in {leak.how for leak in found}


def test_the_same_problem_in_other_words_is_found_by_its_digest() -> None:
    task = ArithmeticChains()
    problem = Problem(task.name, 3, {"terms": ["+12", "-5", "+3"]})
    sealed = Sealed("chain", task.render(problem), task.name, task.digest(problem))
    in_words = row("Take five from twelve and add three.", "10", TASKS, task.name, task.digest(problem))
    assert [(leak.item, leak.how) for leak in Gate([sealed]).leaks([in_words])] == [("chain", "canonical")]


@pytest.mark.parametrize("task", [ArithmeticChains(), RefundPolicy()], ids=["chains", "refund"])
def test_training_rows_of_a_task_pass_and_one_planted_among_them_does_not(task: Task) -> None:
    level = task.levels[2]
    sealed = [
        Sealed(task.digest(problem)[:8], task.render(problem), task.name, task.digest(problem))
        for problem in held_out(task, "test", level, 25)
    ]
    clean = [example_of(task, problem) for problem in held_out(task, "train", level, 40)]
    gate = Gate(sealed)
    gate.check(clean)
    leaked = example_of(task, held_out(task, "test", level, 25)[17])
    found = list(gate.leaks([*clean[:20], leaked, *clean[20:]]))
    assert [(leak.row, leak.item, leak.how) for leak in found] == [(leaked.hash, sealed[17].id, "canonical")]


def test_a_row_that_hides_which_task_made_it_is_found_by_its_words() -> None:
    task = RefundPolicy()
    problem = task.generate(3, 5)
    sealed = Sealed("refund", task.render(problem), task.name, task.digest(problem))
    hidden = example_of(task, problem, named=False)
    assert {leak.how for leak in Gate([sealed]).leaks([hidden])} == {"n-gram", "near-duplicate"}


def test_words_that_stand_in_many_items_give_nothing_away() -> None:
    rules = "Answer in one word and do not explain yourself, as the house rules of this company ask."
    items = [Sealed(str(n), f"{rules} Is number {n * 7919} prime?") for n in range(40)]
    assert (
        list(Gate(items).leaks([row(f"{rules} Is the sky blue, or what colour does it have at night in winter?")]))
        == []
    )


def test_an_empty_set_lets_everything_pass() -> None:
    Gate([]).check([row(STORY)])


def test_words_of_a_captured_item_tell_even_where_the_row_names_the_same_workload() -> None:
    item = Sealed("item_1", STORY, "claims", "d" * 64, captured=True)
    others = [Sealed(str(n), f"{OTHER} {n}", "claims", f"{n:064}", captured=True) for n in range(5)]
    same = row("Something else entirely.", "22", task="claims", problem="d" * 64)
    alike = row(STORY.replace("north", "south"), "22", task="claims", problem="e" * 64)
    near = row(STORY.replace("brown", "old"), "22", task="claims", problem="f" * 64)
    clean = row("How many goats are there in the north?", "7", task="claims", problem="a" * 64)
    found = list(Gate([*others, item]).leaks([same, alike, near, clean]))
    assert {(leak.row, leak.how) for leak in found} >= {
        (same.hash, "canonical"),
        (alike.hash, "n-gram"),
        (near.hash, "n-gram"),
    }
    assert {leak.item for leak in found} == {"item_1"}


def test_a_captured_item_with_the_words_of_a_made_one_is_the_one_that_is_found() -> None:
    made = Sealed("made", STORY, "claims", "b" * 64)
    captured = Sealed("captured", STORY, "claims", "c" * 64, captured=True)
    leaked = row(STORY, "22", task="claims", problem="a" * 64)
    assert {leak.item for leak in Gate([made, captured]).leaks([leaked])} == {"captured"}


KNOWN = {ArithmeticChains.name: ArithmeticChains}


def made_by(task: Task, problem: Problem) -> Example:
    return replace(example_of(task, problem), pedigree=replace(TASKS, producer=f"freehold/{task.name}"))


def test_every_problem_of_a_held_out_split_is_found_by_its_digest_alone() -> None:
    task = ArithmeticChains()
    splits = {split: [made_by(task, one) for one in held_out(task, split, 3, 30)] for split in ("train", "val", "test")}
    check_splits(splits["train"], KNOWN)
    for split in ("val", "test"):
        for leaked in splits[split][::10]:
            with pytest.raises(
                Contaminated, match=rf"1 rows are problems .*{leaked.hash[:12]} \(arithmetic-chains, {split}\)"
            ):
                check_splits([*splits["train"], leaked], KNOWN)


def test_a_made_row_that_hides_its_problem_is_in_no_split_and_what_others_made_is_not_asked() -> None:
    task = ArithmeticChains()
    (problem,) = held_out(task, "train", 3, 1)
    with pytest.raises(Contaminated, match="none"):
        check_splits([replace(made_by(task, problem), problem="")], KNOWN)
    (leaked,) = held_out(task, "val", 3, 1)
    check_splits([example_of(task, leaked)], KNOWN)


class Gym(ArithmeticChains):
    """Problems that a library draws."""

    producer: ClassVar[str] = "gym/chains"


def test_a_row_that_a_task_drew_from_a_library_is_asked_for_its_split_too() -> None:
    (leaked,) = held_out(Gym(), "val", 3, 1)
    drawn = replace(example_of(Gym(), leaked), pedigree=replace(TASKS, producer="gym/chains"))
    with pytest.raises(Contaminated, match=r"\(arithmetic-chains, val\)"):
        check_splits([drawn], {Gym.name: Gym})


OPERATOR = " ".join(
    f"Rule {number}: answer kindly, briefly and in the language of the customer." for number in range(40)
)


def captured(name: str, question: str) -> Sealed:
    return Sealed(name, f"{OPERATOR}\n{question}", "claims", captured=True, own=question)


def test_the_operators_words_make_no_two_questions_near_duplicates() -> None:
    gate = Gate([captured(one.id, one.asked) for one in SEALED])
    words = Turn("system", OPERATOR)
    clean = replace(row("How many goats?"), turns=(words, Turn("user", "How many goats are there in the north?")))
    gate.check([clean])
    near = replace(clean, turns=(words, Turn("user", f"{STORY} Tell me.")))
    assert {leak.how for leak in gate.leaks([near])} == {"n-gram", "near-duplicate"}


def test_a_short_question_behind_the_operators_words_is_found_as_a_whole() -> None:
    asked = "What voids the warranty on cordless drills?"
    sealed = replace(captured("s", f"{OPERATOR} {asked}"), own=asked)
    mail = f"Good morning! A customer has written to us again: {asked} Please answer in French, and name the page too."
    for turns in ((Turn("user", mail),), (Turn("system", OPERATOR), Turn("user", mail))):
        found = list(Gate([sealed]).leaks([replace(row("x"), turns=turns)]))
        assert [(leak.how, leak.item) for leak in found] == [("n-gram", "s")]


def test_boilerplate_of_few_items_is_known_by_further_questions() -> None:
    first, second = (" ".join(f"{name}{place}" for place in range(20)) for name in ("one", "other"))
    rows = [row(f"{OTHER} {number}") for number in range(3)]
    items = [Sealed("a", f"{OTHER} {first}", "claims", captured=True)]
    with pytest.raises(Contaminated, match="n-gram"):
        Gate(items).check(rows)
    gate = Gate(items, common={one.asked for one in rows})
    gate.check(rows)
    assert [leak.how for leak in gate.leaks([row(f"{second} {first}")])] == ["n-gram"]


def test_a_captured_problem_is_sealed_with_its_workload_and_its_own_words() -> None:
    messages = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Where is it?"}]
    item = Item(id="rec_1", workload="claims", input={"messages": messages})
    task = WorkloadTask([item], {"kind": "exact"})
    digest = task.digest(task.generate(1, 0))
    assert sealed_of(task, task.generate(1, 0)) == Sealed(
        "rec_1", "Be kind.\nWhere is it?", "claims", digest, captured=True, own="Where is it?"
    )
    chains = ArithmeticChains()
    problem = chains.generate(2, 1)
    sealed = sealed_of(chains, problem)
    assert (sealed.task, sealed.asked, sealed.captured) == ("arithmetic-chains", chains.render(problem), False)
