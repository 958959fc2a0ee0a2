"""The file being read: what it says, where, and what is found wrong with it. Problems are collected, never raised one by
one, so that a person sees all of them at once.

It knows no setting. `source` is the name that messages call it by; None when there is no file, only the environment.
"""

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec import Struct

from freehold.config import toml
from freehold.config.discovery import KnownVendor
from freehold.config.positions import KeyPath, Positions


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong (or, as a warning, doubtful). `line` counts from 1; None where no line is to blame."""

    source: str | None
    line: int | None
    sentence: str
    advice: str = ""

    def text(self) -> str:
        """`freehold.toml, line 14: ...`, the sentence and the advice."""
        place = self.source or ""
        if self.line is not None:
            place += f", line {self.line}"
        said = f"{self.sentence} {self.advice}".strip()
        return f"{place}: {said}" if place else said


class File:
    """The context that every reader gets. `sources` notes which values came from elsewhere than the file's own text:
    `env NAME` or `file PATH`, by the path of the setting."""

    def __init__(
        self,
        *,
        source: str | None,
        folder: Path,
        positions: Positions,
        environ: Mapping[str, str],
        known: Mapping[str, KnownVendor],
    ) -> None:
        self.source = source
        self.folder = folder
        self.positions = positions
        self.environ = environ
        self.known = known
        self.sources: dict[KeyPath, str] = {}
        self._problems: list[Problem] = []
        self._warnings: list[Problem] = []

    def wrong(self, path: KeyPath, sentence: str, advice: str = "", *, at: KeyPath | None = None) -> None:
        """Notes what makes the file unusable. `sentence` follows the name of the place: "must be a number". `at` is the
        path whose line is to blame, where that is another."""
        self._problems.append(self._problem(at or path, f"{place(path)} {sentence}", advice))

    def wrong_outside(self, name: str, sentence: str, advice: str) -> None:
        """Notes what is wrong with a name at the top of the file, outside any section that there is."""
        self._problems.append(self._problem((name,), sentence, advice))

    def doubt(self, path: KeyPath, sentence: str, advice: str = "") -> None:
        """Notes what works but is probably not meant. `sentence` is a whole one."""
        self._warnings.append(self._problem(path, sentence, advice))

    def problems(self) -> tuple[Problem, ...]:
        """What was noted, in the order of the lines."""
        return tuple(sorted(self._problems, key=lambda problem: problem.line or 0))

    def warnings(self) -> tuple[Problem, ...]:
        """What was doubted, in the order of the lines."""
        return tuple(sorted(self._warnings, key=lambda problem: problem.line or 0))

    def beside(self, path: str) -> Path:
        """A path that the file names, seen from the folder in which the file is; `~/` is the user's home."""
        if path.startswith("~/") and self.environ.get("HOME"):
            return Path(self.environ["HOME"]) / path[2:]
        return self.folder / path

    def _problem(self, path: KeyPath, sentence: str, advice: str) -> Problem:
        line = self.positions.line(path)
        return Problem(source=self.source if line is not None else None, line=line, sentence=sentence, advice=advice)


def place(path: KeyPath) -> str:
    """How a person finds a setting: `[workloads.default] budget.usd`, `[door] port`, `[workloads.x] route, entry 2`."""
    depth = 1 if path[:1] in (("door",), ("timeouts",), ("ledger",)) else 2
    header = ".".join(toml.key(str(part)) for part in path[:depth])
    words = ""
    before: str | int = 0
    for part in path[depth:]:
        name = f"entry {part + 1}" if isinstance(part, int) else toml.key(part)
        if words:
            words += ", " if isinstance(part, int) or isinstance(before, int) else "."
        words, before = words + name, part
    return f"[{header}] {words}".rstrip()


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant, if one is near."""
    close = difflib.get_close_matches(name.lower(), list(names), n=1, cutoff=0.6)
    return close[0] if close else None


def suggest(name: str, names: Iterable[str]) -> str:
    """`Did you mean "route"?`, or nothing when no name is near."""
    near = nearest(name, names)
    return f'Did you mean "{near}"?' if near else ""


def listed(names: Iterable[str], *, last: str = "and") -> str:
    """`a, b and c`; `none` when there are none."""
    *heads, tail = list(names) or ["none"]
    return f"{', '.join(heads)} {last} {tail}" if heads else tail
