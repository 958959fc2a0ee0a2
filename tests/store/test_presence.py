"""Presence: a worker's number has one holder, and none once its process is dead."""

import stat
import threading
from pathlib import Path

from freehold.store.presence import Presence
from store.processes import be_present, first_line, start


def claimed(folder: Path, worker: int, wait: float = 0.0) -> Presence:
    presence = Presence.claim(folder, worker, wait)
    assert presence is not None
    return presence


def test_a_number_has_one_holder_until_it_lets_go(tmp_path: Path) -> None:
    first = claimed(tmp_path, 1)
    assert Presence.claim(tmp_path, 1) is None
    first.release()
    with claimed(tmp_path, 1):
        first.release()  # a second time, which does nothing to the new holder
        assert Presence.claim(tmp_path, 1) is None
    claimed(tmp_path, 1).release()


def test_numbers_and_folders_do_not_disturb_each_other(tmp_path: Path) -> None:
    held = [claimed(tmp_path / name, worker) for name in ("a", "b") for worker in (0, 1, 63)]
    for presence in held:
        presence.release()


def test_a_failed_claim_does_not_take_the_number_from_its_holder(tmp_path: Path) -> None:
    with start(be_present, tmp_path, 7) as holder:
        assert first_line(holder) == "present"
        assert Presence.claim(tmp_path, 7) is None
        assert Presence.claim(tmp_path, 7) is None
        with start(be_present, tmp_path, 7) as other:
            assert first_line(other) == "taken"
            other.kill()
        assert Presence.claim(tmp_path, 7) is None
        holder.kill()
        holder.wait()
        claimed(tmp_path, 7).release()


def test_a_claim_waits_for_its_predecessor_to_go(tmp_path: Path) -> None:
    first = claimed(tmp_path, 1)
    going = threading.Timer(0.05, first.release)
    going.start()
    second = claimed(tmp_path, 1, wait=10)
    going.join()
    second.release()


def test_the_lock_files_are_private(tmp_path: Path) -> None:
    held = claimed(tmp_path / "workers", 5)
    [path] = (tmp_path / "workers").iterdir()
    assert path.name == "w05.lock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    held.release()
