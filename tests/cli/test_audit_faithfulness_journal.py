"""The replies of a faithfulness audit: sealed under whom they are about, noted without words, gone with an erasure."""

import contextlib
import stat
from collections.abc import Generator
from pathlib import Path

import pytest

from freehold.cli.audit_faithfulness_journal import ERASED, Journal, Kept, Owner
from freehold.errors import StoreError
from freehold.gateway.erasures import erase
from freehold.reasoning.exchange import Heard
from trials.shelves import KEEP_UNTIL, SECRET, Shelf, shelf

BODY = {"model": "own/nano", "messages": [{"role": "user", "content": "Is Ann Smith ill?"}]}
KEPT = Kept(heard=Heard(text="Ann Smith is well."), input_tokens=7, output_tokens=5, receipt="rec_1")


@pytest.fixture
def opened(tmp_path: Path) -> Generator[Shelf]:
    with shelf(tmp_path) as found:
        yield found


def journal(opened: Shelf, path: Path, until: int = KEEP_UNTIL) -> Journal:
    owners = {
        name: Owner(pseudonym=opened.subjects.pseudonyms({name})[name], until=until, name=name)
        for name in ("ann", "bo")
    }
    return Journal(path, opened.contents, owners, SECRET)


def test_a_reply_is_kept_without_a_word_in_its_file(opened: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    with contextlib.closing(journal(opened, path)) as first:
        assert first.add(first.key_of(BODY, "ann"), KEPT, "ann") == KEPT.heard
    assert b"Ann" not in path.read_bytes()
    assert b'"receipt":"rec_1"' in path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert all(b"Ann Smith" not in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    with contextlib.closing(journal(opened, path)) as again:
        assert again.get(again.key_of(BODY, "ann")) == KEPT
        assert again.get(again.key_of({**BODY, "max_tokens": 5}, "ann")) is None


def test_an_erasure_takes_the_replies_about_its_subject_and_no_others(opened: Shelf, tmp_path: Path) -> None:
    with contextlib.closing(journal(opened, tmp_path / "replies.jsonl")) as kept:
        mine, other = kept.key_of(BODY, "ann"), kept.key_of(BODY, "bo")
        kept.add(mine, KEPT, "ann")
        kept.add(other, KEPT, "bo")
        erasure = erase(tmp_path, "ann", "GDPR Art. 17(1)(b)")
        assert erasure is not None
        assert erasure.records == 1
        assert kept.get(other) == KEPT
        gone = kept.get(mine)
        assert gone is None or gone.heard == ERASED
        late = kept.key_of({**BODY, "seed": 2}, "ann")
        assert kept.add(late, KEPT, "ann") == ERASED  # asked before the erasure, answered after it
        assert opened.contents.list_by(erasure.pseudonym) == []


def test_another_folder_takes_no_reply_of_this_one_for_its_own(opened: Shelf, tmp_path: Path) -> None:
    with (
        contextlib.closing(journal(opened, tmp_path / "a")) as one,
        contextlib.closing(journal(opened, tmp_path / "b")) as other,
    ):
        one.add(one.key_of(BODY, "ann"), KEPT, "ann")
        assert one.key_of(BODY, "ann") != other.key_of(BODY, "ann")
        assert other.get(other.key_of(BODY, "ann")) is None


def test_a_line_that_a_kill_tore_is_cut_off(opened: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    with contextlib.closing(journal(opened, path)) as first:
        first.add(first.key_of(BODY, "ann"), KEPT, "ann")
    good = path.read_bytes()
    path.write_bytes(good + b'{"key":"half')
    with contextlib.closing(journal(opened, path)) as again:
        assert again.get(again.key_of(BODY, "ann")) == KEPT
    assert path.read_bytes() == good
    path.write_bytes(good[:9])  # torn in its head: nothing was kept yet
    journal(opened, path).close()
    assert path.read_bytes().startswith(b'{"run":"')


@pytest.mark.parametrize(
    "content", [b"hello\n", b'{"key":"a","heard":{"text":"Ann is well."}}\n', b'{"run":"a"}\n{"key":"b","heard":{}}\n']
)
def test_a_file_that_is_none_or_holds_plain_text_is_told(content: bytes, opened: Shelf, tmp_path: Path) -> None:
    path = tmp_path / "replies.jsonl"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="is damaged, or of a Freehold that wrote replies in plain text"):
        journal(opened, path)
    with pytest.raises(StoreError, match="cannot be used"):
        journal(opened, tmp_path / "none" / "replies.jsonl")
