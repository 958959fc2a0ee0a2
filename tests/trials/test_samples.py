"""The log of samples survives what may happen to it; keys are the same for the same question and no other."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.errors import TrialError
from freehold.items import Given
from freehold.ledger.contents import Contents
from freehold.ledger.keyfile import KeyFile
from freehold.ledger.subjects import Subjects
from freehold.trials.plan import Arm
from freehold.trials.samples import Kept, Replies, Sample, SampleLog, read_samples, sample_key

SECRET = b"k" * 32
NANO = Arm(model="own/nano")


def sample(key: str, **fields: object) -> Sample:
    return Sample(key=key, item="i", role="candidate", number=0, status="answered", **fields)  # pyright: ignore[reportArgumentType]


def test_what_is_appended_is_read_back_and_the_last_line_of_a_key_counts(tmp_path: Path) -> None:
    log = SampleLog(tmp_path / "samples.log")
    log.append([sample("a"), sample("b", ms=2.5)])
    log.append([sample("a", cost_nano=7)])
    log.sync()
    log.close()
    again = SampleLog(tmp_path / "samples.log")
    assert again.samples == {"a": sample("a", cost_nano=7), "b": sample("b", ms=2.5)}
    again.close()
    assert (tmp_path / "samples.log").stat().st_mode & 0o777 == 0o600


def test_what_failed_tries_may_have_cost_stays_in_the_lines_after_them(tmp_path: Path) -> None:
    log = SampleLog(tmp_path / "samples.log")
    failed = replace(sample("a", cost_nano=7), status="failed")
    log.append([failed])
    log.append([replace(failed, lost_nano=2)])
    log.append([sample("a", cost_nano=5)])
    log.append([replace(log.samples["a"], cost_nano=4)])  # a correction of the price
    log.close()
    assert log.samples == {"a": sample("a", cost_nano=4, lost_nano=16)}


@given(st.integers(1, 200))
def test_a_line_that_a_death_tore_is_cut_off_and_nothing_else(cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.log"
        log = SampleLog(path)
        log.append([sample("a"), sample("b"), sample("c")])
        log.close()
        whole = path.read_bytes()
        path.write_bytes(whole[: max(0, len(whole) - cut)])
        left = path.read_bytes().count(b"\n")
        again = SampleLog(path)
        assert list(again.samples) == ["a", "b", "c"][:left]
        again.append([sample("d")])
        again.close()
        assert list(read_samples(path.read_bytes(), "x")) == [*["a", "b", "c"][:left], "d"]


def test_a_line_that_is_damaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "samples.log").write_bytes(b'{"key":1}\n')
    with pytest.raises(TrialError, match=r"samples\.log"):
        SampleLog(tmp_path / "samples.log")


def test_the_same_question_has_the_same_key_and_any_other_another() -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], "temperature": 0}
    key = sample_key(NANO, body, 0, SECRET)
    assert key == sample_key(Arm(model="own/nano", input_rate=5), dict(reversed(body.items())), 0, SECRET)
    others = [
        sample_key(Arm(model="own/micro"), body, 0, SECRET),
        sample_key(Arm(model="own/nano", weights="ab"), body, 0, SECRET),
        sample_key(NANO, {**body, "temperature": 1}, 0, SECRET),
        sample_key(NANO, body, 1, SECRET),
        sample_key(NANO, body, 0, b"q" * 32),
        sample_key(NANO, body, 0, SECRET, "trial_x"),
    ]
    assert len({key, *others}) == 7


def test_replies_are_sealed_under_their_subject_and_go_with_it(tmp_path: Path) -> None:
    subjects = Subjects(tmp_path / "subjects", KeyFile(tmp_path / "master.key"))
    contents = Contents(tmp_path / "contents", subjects)
    replies = Replies(contents)
    kept = Kept(given=Given(text="a secret word"), model="own/nano", at=1, ms=2.0, vector=(0.5,))
    ann = subjects.pseudonyms(("ann",))["ann"]
    bob = subjects.pseudonyms(("bob",))["bob"]
    assert replies.keep([("k1", ann, 2_000_000_000, kept), ("k2", bob, 2_000_000_000, kept)]) == set()
    assert replies.find("k1") == kept
    assert replies.find("k3") is None
    assert not any(b"secret word" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    subjects.erase("ann", "GDPR Art. 17", 1_700_000_000, contents)
    assert replies.find("k1") is None
    assert replies.find("k2") == kept
    assert replies.keep([("k4", ann, 2_000_000_000, kept)]) == {"k4"}
    contents.close()
    subjects.close()
