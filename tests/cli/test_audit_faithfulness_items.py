"""What an audit asks: lines of a file, items as Freehold writes them, generated problems."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.cli.audit_faithfulness_items import choose, generated, problem_of, read_problems
from freehold.cli.items import open_items
from freehold.errors import InvalidField
from freehold.items import Item


def written(folder: Path, *lines: Any) -> Path:
    path = folder / "items.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else msgspec.json.encode(line) for line in lines))
    return path


def test_a_question_may_stand_alone_or_with_what_is_right(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"question": "How many?", "answer": 12, "id": "q7"},
        b"",
        {"question": "Which river?", "answer": ["Nile", "the Nile"]},
        {"question": "Why?"},
    )
    first, second, third = read_problems(path, None)
    assert (first.id, first.messages, first.right) == ("q7", ({"role": "user", "content": "How many?"},), ("12",))
    assert (second.id, second.right) == ("line-3", ("Nile", "the Nile"))
    assert (third.id, third.right, third.choices) == ("line-4", (), ())


@pytest.mark.parametrize("answer", ["b", "(B)", "dog"])
def test_choices_stand_in_the_question_and_the_answer_is_a_letter(answer: str, tmp_path: Path) -> None:
    path = written(tmp_path, {"question": "Which barks?", "choices": ["cat", "dog"], "answer": answer})
    (problem,) = read_problems(path, None)
    assert problem.messages[0]["content"] == "Which barks?\n\n(A) cat\n(B) dog"
    assert (problem.right, problem.choices) == (("B",), ("cat", "dog"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "line 2"),
        (b"[]", "line 2"),
        ({"answer": "12"}, "missing required field `question`"),
        ({"question": 3}, "Expected `str`"),
        ({"question": "Which?", "choices": ["one"]}, "there are 1 choices, and 2 to 26 are possible"),
        ({"question": "Which?", "choices": ["one", "two"], "answer": "D"}, "the answer 'D' is none of the choices"),
        ({"question": "Again?", "id": "line-1"}, "the id 'line-1' is there twice"),
        ({"input": [1]}, "Expected `object`, got `array` - at `$.input`"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(line: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match=re.escape(said)) as caught:
        read_problems(written(tmp_path, {"question": "How many?"}, line), None)
    assert "line 2" in caught.value.sentence


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(InvalidField, match="cannot be read: No such file"):
        read_problems(Path("/nowhere/items.jsonl"), None)


def item(name: str, workload: str = "claims", **fields: Any) -> dict[str, Any]:
    asked = {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": name}]}
    return {"id": name, "workload": workload, "input": asked, **fields}


def test_items_are_asked_with_all_of_their_messages_and_only_those_of_the_workload(tmp_path: Path) -> None:
    path = written(tmp_path, item("a", reference=3.5), item("b", "triage"), item("c", reference=["x", True, None]))
    first, second = read_problems(path, "claims")
    assert [message["role"] for message in first.messages] == ["system", "user"]
    assert (first.id, first.right) == ("a", ("3.5",))
    assert (second.id, second.right) == ("c", ("x",))
    assert len(read_problems(path, None)) == 3


def test_an_item_may_be_the_users_text_alone(tmp_path: Path) -> None:
    (problem,) = read_problems(written(tmp_path, {"input": "How many?", "reference": 9}), "claims")
    assert (problem.id, problem.messages, problem.right) == (
        "line-1",
        ({"role": "user", "content": "How many?"},),
        ("9",),
    )


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"messages": []},
        {"messages": "hello"},
        {"messages": [{"role": "assistant", "content": "Hello"}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": "Hi"}], "tools": [{"type": "function"}]},
        {"messages": [{"role": "user", "content": "Hi"}], "response_format": {"type": "json_object"}},
    ],
)
def test_an_item_that_poses_no_question_in_text_is_no_problem(asked: dict[str, Any]) -> None:
    assert problem_of(Item(id="a", workload="w", input=asked)) is None


def test_a_reference_that_is_a_json_object_is_no_answer_to_compare_with() -> None:
    found = problem_of(Item(id="a", workload="w", input=item("a")["input"], reference={"x": 1}))
    assert found is not None
    assert found.right == ()


def test_a_file_without_anything_to_ask_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="has nothing that can be asked"):
        choose(written(tmp_path, item("a")), "triage", 5, 0, tmp_path)


def test_a_sample_is_seeded_and_says_where_it_comes_from(tmp_path: Path) -> None:
    path = written(tmp_path, *({"question": f"How many {number}?"} for number in range(30)))
    chosen = choose(path, None, 10, 4, tmp_path)
    assert chosen.source == "10 of 30 items of items.jsonl"
    assert len({problem.id for problem in chosen.problems}) == 10
    assert choose(path, None, 10, 4, tmp_path) == chosen
    assert choose(path, None, 10, 5, tmp_path) != chosen
    assert [problem.id for problem in choose(path, None, 99, 4, tmp_path).problems][:2] == ["line-1", "line-2"]


def test_without_a_file_problems_are_generated_and_a_longer_run_begins_as_a_shorter_one(tmp_path: Path) -> None:
    chosen = choose(None, "claims", 12, 3, tmp_path)
    assert chosen.source == "generated arithmetic problems (seed 3), which are not of the workload claims"
    assert tuple(generated(20, 3))[:12] == chosen.problems
    assert len({problem.messages[0]["content"] for problem in chosen.problems}) == 12


def test_stored_items_of_the_workload_are_asked_and_what_is_held_back_is_not(tmp_path: Path) -> None:
    items = [msgspec.convert(item(f"i{number}", reference=number), Item) for number in range(6)]
    items += [msgspec.convert(item("other", "triage"), Item)]
    with open_items(tmp_path, make=True) as opened:
        assert len(opened.items.add(items, 4_000_000_000, "somebody").ids) == 7
        opened.db.execute("UPDATE items SET split = 'holdout' WHERE id = 'i4'")
    chosen = choose(None, "claims", 9, 0, tmp_path)
    assert chosen.source == "5 of 5 items of the workload claims"
    assert {(problem.id, problem.right) for problem in chosen.problems} == {
        ("i0", ("0",)),
        ("i1", ("1",)),
        ("i2", ("2",)),
        ("i3", ("3",)),
        ("i5", ("5",)),
    }
    assert choose(None, "triage", 9, 0, tmp_path).source == "1 of 1 items of the workload triage"
    assert choose(None, "empty", 9, 0, tmp_path).source.startswith("generated")


def test_the_generated_answers_are_right() -> None:
    boxes, bus, savings, garden, tickets, library = generated(6, 11)

    def numbers(problem: Any) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", problem.messages[0]["content"])]

    a, b, c = numbers(boxes)
    assert boxes.right == (str(a * b - c),)
    a, b, c = numbers(bus)
    assert bus.right == (str(a - b + c),)
    a, b, c = numbers(savings)
    assert savings.right == (str(a * b - c),)
    a, b, c = numbers(garden)
    assert garden.right == (str(a * b // c),)
    assert a * b % c == 0
    a, b, c, d = numbers(tickets)
    assert tickets.right == (str(a * c + b * d),)
    a, b, c, d, e = numbers(library)
    assert library.right == (str(a * b - c + d + e),)


@given(st.integers(0, 10**6))
def test_generated_answers_are_whole_and_positive(seed: int) -> None:
    for problem in generated(6, seed):
        (right,) = problem.right
        assert int(right) > 0
