"""What is set apart is known by digests: no wording of white space hides it, and nothing can be read."""

import hashlib
from pathlib import Path

import pytest

from freehold.errors import ConfigError
from freehold.items import Item
from freehold.training.tasks.apart import digest_of, is_apart, read_apart, write_apart
from freehold.training.tasks.arithmetic_chains import ArithmeticChains
from freehold.training.tasks.workload import WorkloadTask


def test_case_white_space_forms_of_unicode_and_the_control_word_change_nothing() -> None:
    plain = hashlib.sha256(b"12-7=?cafe1").hexdigest()
    assert {digest_of(text) for text in ("12-7=? Cafe 1", "12 -7\n=?\tCAFE \uff11", "12-7=? cafe 1 /no_think")} == {
        plain
    }
    assert digest_of("12-7=? cafe 2") != plain


def test_the_file_holds_digests_alone_each_once_and_is_read_as_it_was_written(tmp_path: Path) -> None:
    content = write_apart(["1+2=?", " 1+2=? ", "", "\n", "3+4=?"])
    assert content.decode().splitlines() == sorted(hashlib.sha256(text).hexdigest() for text in (b"1+2=?", b"3+4=?"))
    path = tmp_path / "sealed.txt"
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    assert read_apart(path, sha256) == {digest_of("1+2=?"), digest_of("3+4=?")}
    assert write_apart([""]) == b""
    path.write_bytes(content[65:])
    with pytest.raises(ConfigError, match="does not hold what the run was begun with"):
        read_apart(path, sha256)
    path.unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        read_apart(path, sha256)


def test_a_problem_is_set_apart_by_what_it_asks_with_or_without_the_operators_words() -> None:
    task = ArithmeticChains()
    leaked, other = task.generate(2, 1), task.generate(2, 2)
    assert not is_apart(task, leaked)
    task.apart = frozenset({digest_of(task.render(leaked))})
    assert (is_apart(task, leaked), is_apart(task, other)) == (True, False)
    talk = [{"role": "system", "content": "Add."}, {"role": "user", "content": "1+2=?"}]
    more = [*talk, {"role": "assistant", "content": "3"}, {"role": "user", "content": "And 4?"}]
    items = [Item(id=name, workload="w", input={"messages": said}) for name, said in (("a", talk), ("b", more))]
    asked = WorkloadTask(items, {"kind": "exact"})
    one, two = (asked.problem(item) for item in items)
    for text, found in (
        ("1+2=?", (True, False)),
        ("Add.\n1+2=?", (True, False)),
        ("1+2=?\nAnd 4?", (False, True)),
        ("Add.", (False, False)),
        ("3", (False, False)),
    ):
        asked.apart = frozenset({digest_of(text)})
        assert (is_apart(asked, one), is_apart(asked, two)) == found
