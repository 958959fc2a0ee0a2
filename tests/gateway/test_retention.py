"""What has been kept for its time is removed, and nothing else."""

import contextlib
from pathlib import Path

import pytest

from freehold.errors import UnknownContents
from freehold.gateway.retention import expire
from freehold.ledger.contents import Contents, Expired
from ledger.test_contents import Known, on_disk, record


def test_what_ran_out_leaves_the_disk_and_the_rest_stays(tmp_path: Path) -> None:
    with contextlib.closing(Contents(tmp_path, Known())) as contents:
        contents.write_many([record("past", keep_until=99), record("later", keep_until=100)])
    assert expire(tmp_path, None, 100) == Expired(records=1, deleted=0, rewritten=1)
    assert expire(tmp_path, None, 100) == Expired(records=0, deleted=0, rewritten=0)
    with contextlib.closing(Contents(tmp_path, Known())) as contents:
        assert contents.read("later") == record("later", keep_until=100)
        with pytest.raises(UnknownContents):
            contents.read("past")
    assert b"past" not in on_disk(tmp_path)


def test_it_works_beside_a_writer_whose_segment_it_leaves_alone(tmp_path: Path) -> None:
    with contextlib.closing(Contents(tmp_path, Known())) as contents:
        contents.write_many([record("past", keep_until=99), record("later", keep_until=100)])
        assert expire(tmp_path, None, 100).records == 1
        contents.write_many([record("new", keep_until=100)])
        assert contents.read("new") == record("new", keep_until=100)
        with pytest.raises(UnknownContents):
            contents.read("past")
