"""What is set apart for evaluation, known by digests alone: whoever draws problems must not draw it, and must not be able to read it either.

It knows texts, tasks and a file, and no store. It exists since a problem of a training split may be in an evaluation set all the same, as somebody
imported it there: its hash says that it may be learned from, and only its words say that it may not.

What is alike says nothing here, as all problems of a task are alike: a problem is set apart when it asks the same, case, white space and the control word
aside, as a whole item does, with or without the operator's words.
"""

import hashlib
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from freehold.errors import ConfigError
from freehold.training.tasks.task import NO_THINK, Problem, Task


def digest_of(text: str) -> str:
    """SHA-256 of a text in one case and one form of Unicode, without white space and without the control word at its end, in hexadecimal."""
    plain = "".join(unicodedata.normalize("NFKC", text).casefold().split()).removesuffix(NO_THINK)
    return hashlib.sha256(plain.encode(errors="replace")).hexdigest()


def write_apart(texts: Iterable[str]) -> bytes:
    """The file: the digests of these texts, blank ones left out, a line each, in order."""
    return "".join(f"{one}\n" for one in sorted(texts_apart(texts))).encode()


def texts_apart(texts: Iterable[str]) -> set[str]:
    """The digests of these texts, blank ones left out."""
    return {digest_of(text) for text in texts if text.strip()}


def read_apart(path: Path, sha256: str) -> frozenset[str]:
    """The digests in a file. Raises ConfigError for a file that is gone, or does not have this SHA-256."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"What must not be drawn cannot be read: {path}: {error.strerror}.", _ANEW) from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ConfigError(f"{path} does not hold what the run was begun with.", _ANEW)
    return frozenset(content.decode().split())


def is_apart(task: Task, problem: Problem) -> bool:
    """Whether a problem asks what an item that is set apart asks. A task that nothing is set apart of is not asked."""
    return bool(task.apart) and not task.apart.isdisjoint(digests_of(task, problem))


def digests_of(task: Task, problem: Problem) -> set[str]:
    """The digests of what a problem asks, with the operator's words and without."""
    said = [(role, text) for role, text in task.turns(problem) if role != "assistant"]
    return texts_apart(("\n".join(text for _, text in said), "\n".join(text for role, text in said if role == "user")))


_ANEW = "Begin a new run with `freehold train run RECIPE`, which looks up what is set apart."
