"""What was drawn is known by digests, for as long as a run lives and after it."""

from pathlib import Path

from freehold.training.tasks.apart import digests_of
from freehold.training.tasks.arithmetic_chains import ArithmeticChains
from freehold.training.tasks.drawn import BYTES, Draws, Record, given_away, merged

TASK = ArithmeticChains()
PROBLEMS = [TASK.generate(3, seed) for seed in range(50)]


def written(path: Path, *, anew: bool = False) -> Record:
    record = Record(path, anew=anew)
    for problem in PROBLEMS:
        record.add(TASK, problem)
    return record


def test_what_was_drawn_is_in_the_file_once_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "drawn.bin"
    record = written(path)
    assert not path.exists()
    record.keep()
    record.keep()
    expected = b"".join(bytes.fromhex(one)[:BYTES] for problem in PROBLEMS for one in sorted(digests_of(TASK, problem)))
    assert path.read_bytes() == expected
    written(path).keep()
    assert path.read_bytes() == 2 * expected  # a life that draws again
    written(path, anew=True).keep()
    assert path.read_bytes() == expected


def test_half_a_digest_that_a_killed_process_left_shifts_nothing(tmp_path: Path) -> None:
    path = tmp_path / "drawn.bin"
    written(path).keep()
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    written(path).keep()
    assert path.read_bytes() == whole[:-BYTES] + whole


def test_without_a_file_nothing_is_kept() -> None:
    record = Record()
    record.add(TASK, PROBLEMS[0])
    record.keep()


def test_items_that_ask_what_was_drawn_are_found_by_each_of_their_texts_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "drawn.bin"
    written(path).keep()
    draws = Draws((b"", path.read_bytes()), "checked")
    fresh = [TASK.generate(3, seed) for seed in range(100, 150)]
    sealed = [(f"fresh-{number}", [TASK.render(one)]) for number, one in enumerate(fresh)]
    assert list(given_away(draws, sealed)) == []
    last, first = TASK.render(PROBLEMS[-1]), TASK.render(PROBLEMS[0])
    assert list(given_away(draws, [*sealed, ("b", ["Add.", last]), ("a", [first, ""])])) == ["a", "b"]


def test_of_several_versions_it_is_whole_where_each_is() -> None:
    whole, some, gone, none = Draws((b"a",), "checked"), Draws((b"b",), "partly"), Draws((), "absent"), Draws()
    assert merged([whole, none]) == whole
    assert merged([none, none]) == none
    assert merged([gone, none]) == gone
    assert merged([whole, gone]) == Draws((b"a",), "partly")
    assert merged([whole, some]) == Draws((b"a", b"b"), "partly")
