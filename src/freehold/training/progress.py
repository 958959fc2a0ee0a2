"""What a run tells while it runs: lines of JSON in `progress.jsonl`, written by the process that trains, read by whoever watches.

It knows no run and no model. It exists so that the process that trains needs nobody to listen, and so that a run can be watched, drawn and judged
from its file alone, by us or by others.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct


class Step(Struct, frozen=True, kw_only=True, tag="step", tag_field="kind"):
    """Training went on to `step`: the mean loss since the last line (nats a token), the rate, the tokens that were trained on in all, tokens a
    second, seconds of training so far over all lives of the run, and about how many are left."""

    step: int
    loss: float
    rate: float
    tokens: int
    per_second: float
    elapsed: float
    left: float


class Scored(Struct, frozen=True, kw_only=True, tag="score", tag_field="kind"):
    """One level of one task was tried at `step`, on items of a split that is not trained on: how many were right, how many of these proven step by
    step, how many replies did not end; `low` and `high` bound the share of right answers (95 %)."""

    step: int
    task: str
    level: int
    thinking: bool
    items: int
    right: int
    proven: int
    unfinished: int
    low: float
    high: float


class Rewarded(Struct, frozen=True, kw_only=True, tag="reward", tag_field="kind"):
    """A step of reinforcement: the mean reward, the share of groups whose rewards are all alike and teach nothing, the mean length of a reply in
    tokens, the share that did not end, and by how much sampler and trainer disagree (mean absolute difference of log-probabilities)."""

    step: int
    reward: float
    dead: float
    length: float
    unfinished: float
    mismatch: float


class Alarm(Struct, frozen=True, kw_only=True, tag="alarm", tag_field="kind"):
    """Something that spoils a run was seen: which, and a sentence."""

    step: int
    what: str
    sentence: str


class Note(Struct, frozen=True, kw_only=True, tag="note", tag_field="kind"):
    """Something that whoever reads the run's results must know, and that spoils nothing: a sentence, such as how many rows were left out."""

    step: int
    sentence: str


class Ended(Struct, frozen=True, kw_only=True, tag="end", tag_field="kind"):
    """A life of the run ended. `done` is False when it was stopped and can go on."""

    step: int
    done: bool
    why: str
    elapsed: float
    tokens: int


Line = Step | Scored | Rewarded | Alarm | Note | Ended

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


class Progress:
    """The file, opened to append. Each line is handed to the kernel at once, so a killed run has told all that it knew."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)

    def tell(self, line: Line) -> None:
        """Writes a line."""
        self._file.write(_encode(line) + b"\n")

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def read_progress(path: Path) -> list[Line]:
    """The lines of a run, without one that is being written. A file that is not there has none."""
    return list(_lines(path)) if path.exists() else []


def rewind(path: Path, step: int) -> None:
    """Takes back what was told after `step`: a run that was killed goes on from its checkpoint, and what it did since did not happen."""
    kept = [line for line in read_progress(path) if line.step <= step and not isinstance(line, Ended)]
    part = path.with_suffix(".part")
    part.write_bytes(b"".join(_encode(line) + b"\n" for line in kept))
    part.replace(path)


def _lines(path: Path) -> Iterator[Line]:
    content = path.read_bytes()
    for line in content[: content.rfind(b"\n") + 1].splitlines():
        try:
            yield _decode(line)
        except msgspec.MsgspecError:
            continue  # torn by a crash of the machine; nothing later depends on it
