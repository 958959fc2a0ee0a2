from pathlib import Path

from freehold.training.progress import Alarm, Ended, Line, Note, Progress, Scored, Step, read_progress, rewind


def step(number: int) -> Step:
    return Step(step=number, loss=1.5, rate=0.1, tokens=10 * number, per_second=5.0, elapsed=2.0, left=3.0)


def written(path: Path, *lines: Line) -> None:
    progress = Progress(path)
    for line in lines:
        progress.tell(line)
    progress.close()


def test_what_is_told_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    lines: list[Line] = [
        step(1),
        Scored(step=1, task="t", level=2, thinking=True, items=4, right=3, proven=2, unfinished=1, low=0.3, high=0.9),
        Alarm(step=1, what="mismatch", sentence="It differs."),
        Note(step=0, sentence="A row is left out."),
        Ended(step=1, done=True, why="all steps are done", elapsed=2.0, tokens=10),
    ]
    written(path, *lines)
    assert read_progress(path) == lines
    assert path.read_text().splitlines()[0].startswith('{"kind":"step","step":1,"loss":1.5')


def test_a_line_that_is_being_written_or_was_torn_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    written(path, step(1))
    with path.open("ab") as file:
        file.write(b'{"kind":"st\n{"kind":"step","step":2')
    assert read_progress(path) == [step(1)]
    assert read_progress(tmp_path / "none.jsonl") == []


def test_what_was_told_after_the_checkpoint_did_not_happen(tmp_path: Path) -> None:
    path = tmp_path / "progress.jsonl"
    stopped = Ended(step=2, done=False, why="it was told to stop", elapsed=1.0, tokens=20)
    written(path, step(1), step(2), stopped, step(3))
    rewind(path, 2)
    assert read_progress(path) == [step(1), step(2)]
