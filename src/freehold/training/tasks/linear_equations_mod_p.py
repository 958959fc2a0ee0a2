"""Linear equations modulo a prime: as many equations as unknowns, solved by Gauss and Jordan's elimination.

    3a+4b=5,2a+0b=7 mod 11=?

Four ways to write the steps, from coarse to fine:

    whole     a+5b=9,1b=0               the whole system after each column, as Feng et al. 2023 write it
    rows      r1*4:a+5b=9               one row a line: divided by its pivot, or less a multiple of the pivot's row; the
              r2-2r1:1b=0               multiple stands in front, so that a term needs no other row than the two that are named
    terms     r1*4:3*4=1,4*4=5,5*4=9    the same, each term with the sum that gives it
              r2-2r1:2-2*1=0,...
    products  r1*4:3*4=1,4*4=5,5*4=9    the same, product and difference apart: no result depends on more than two numbers, of
              r2-2r1:2*1=2;2-2=0,...    which there are 121 pairs and not 1,331 triples

The problems are drawn as Feng et al. 2023 (arXiv 2305.15408) draw theirs: coefficients and right sides uniform, singular systems
drawn again; their published table (p = 11, 3, 4 and 5 unknowns) is a yardstick. As there, unknowns that are solved for are written
without the coefficient 1 and left out with the coefficient 0, and the pivot is the first row with a coefficient that is not 0.

The verifier knows one procedure, not every way to a solution: a row that is true but is not the next one is refuted. Each line is
held against the system as the trace itself has written it so far.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

from freehold.training.tasks.gauss import Step, System
from freehold.training.tasks.residues import prime
from freehold.training.tasks.task import Check, Problem, Solution, StepCheck, Task, lines_of, pieces, seeded, way_of

Steps = Literal["whole", "rows", "terms", "products"]

NAMES = "abcdefgh"


class LinearEquationsModP(Task):
    """Systems of `level` equations over the field of `p` elements."""

    name: ClassVar[str] = "linear-equations-mod-p"
    version: ClassVar[str] = "1"
    levels: ClassVar[tuple[int, ...]] = (1, 2, 3, 4, 5)
    beyond: ClassVar[tuple[int, ...]] = (6, 7)
    opposites: ClassVar[Mapping[str, str]] = {"a": "b", "b": "a", "+": "-", "-": "+"}

    def __init__(self, *, p: int = 11, steps: Steps = "whole") -> None:
        """Raises ConfigError when `p` is no prime below 100, or for steps that it does not write."""
        self.p = prime(p)
        self.steps: Steps = way_of(self.name, steps, get_args(Steps))

    def generate(self, level: int, seed: int) -> Problem:
        """A system with exactly one solution."""
        rng = seeded(self.name, self.admits(level), self.p, seed)
        while True:
            rows = [[rng.randrange(self.p) for _ in range(level + 1)] for _ in range(level)]
            if System([*map(list, rows)], self.p).solved():
                return Problem(self.name, level, {"rows": rows, "p": self.p})

    def solve(self, problem: Problem) -> Solution:
        """The lines of the elimination; the answer is `a=3,b=4`."""
        system = _read(problem)
        lines: list[str] = []
        while (found := _next(system, self.steps)) is not None:
            lines.append(found)
        return Solution(tuple(lines), _answer(system))

    def verify(self, problem: Problem, trace: str) -> Check:
        """Each line must be the next of the elimination of the system as written so far."""
        system = _read(problem)
        checks: list[StepCheck] = []
        lines = lines_of(trace)
        steps = _steps_of(lines)
        for line in lines:
            found = _next(system, steps)
            if found is None:
                over = "It is solved already." if system.column == system.size else "No row can be the pivot."
                checks.append(StepCheck(line, "refuted", "", over))
            elif line == found:
                checks.append(StepCheck(line, "verified", found, "It is the next step, and rightly computed."))
            elif _take(system, line, steps):
                checks.append(StepCheck(line, "refuted", found, "The next step is another, or its result is."))
            else:
                checks.append(StepCheck(line, "not_checkable", found, "It is not a step of the elimination."))
        return Check(tuple(checks), _answer(system) if checks and system.column == system.size else None)

    def canonical(self, problem: Problem) -> bytes:
        """The equations, sorted, each as its numbers, and the modulus: their order makes no other problem."""
        system = _read(problem)
        return f"{sorted(system.rows)} mod {system.p}".encode()

    def render(self, problem: Problem) -> str:
        """`3a+4b=5,2a+0b=7 mod 11=?`"""
        system = _read(problem)
        return f"{_system(system, 0)} mod {system.p}=?"

    def vocabulary(self) -> frozenset[str]:
        """Digits, the unknowns, signs, and the words of the steps."""
        return frozenset(pieces("0123456789+-*=?,;:<>r1 mod \n" + "1".join(NAMES)))


TASK = LinearEquationsModP

_TERM = re.compile(r"([0-9]{0,4})([a-h])")
_EQUATION = re.compile(r"(?:[0-9]{0,4}[a-h]\+)*[0-9]{0,4}[a-h]=[0-9]{1,4}")
_TERM_SAID = r"(?:[*0-9]{1,20}=[0-9]{1,4};)?[-*0-9]{1,20}=[0-9]{1,4}"
_TERMS = re.compile(rf"(?:{_TERM_SAID},)*{_TERM_SAID}")
_STEP = re.compile(r"r[0-9]<>r[0-9]|(?:r[0-9]\*[0-9]{1,3}|r[0-9]-[0-9]{1,3}r[0-9]):(?P<said>.+)")


def _read(problem: Problem) -> System:
    data: dict[str, Any] = problem.data
    return System([[int(number) for number in row] for row in data["rows"]], int(data["p"]))


def _answer(system: System) -> str:
    return ",".join(f"{NAMES[place]}={row[-1]}" for place, row in enumerate(system.rows))


def _steps_of(lines: list[str]) -> Steps:
    """How the trace is written, by its first line that tells. A row that is divided is the same in terms and in products."""
    steps: Steps = "rows"
    for line in lines:
        if not line.startswith("r"):
            return "whole"
        head, _, said = line.partition(":")
        if not said:
            continue
        if _EQUATION.fullmatch(said):
            return "rows"
        if "-" in head:
            return "products" if ";" in said else "terms"
        steps = "terms"
    return steps


def _next(system: System, steps: Steps) -> str | None:
    """The next line, carried out in the system; None when it is solved or stuck."""
    if steps == "whole":
        return _system(system, system.column) if system.solve_column() else None
    step = system.step()
    if step is None:
        return None
    row, column = step.row, step.column
    if step.kind == "swap":
        return f"r{column + 1}<>r{row + 1}"
    head = f"r{row + 1}*{step.factor}" if step.kind == "scale" else f"r{row + 1}-{step.factor}r{column + 1}"
    if steps == "rows":
        return f"{head}:{_row(system.rows[row], column + 1)}"
    pairs = zip(step.before, system.rows[column], strict=True)
    if step.kind == "scale":
        sums = [f"{before}*{step.factor}" for before, _ in pairs]
    elif steps == "terms":
        sums = [f"{before}-{step.factor}*{pivot}" for before, pivot in pairs]
    else:
        products = [(before, pivot, step.factor * pivot % system.p) for before, pivot in pairs]
        sums = [f"{step.factor}*{pivot}={product};{before}-{product}" for before, pivot, product in products]
    terms = [f"{written}={result}" for written, result in zip(sums, system.rows[row], strict=True)]
    return f"{head}:{','.join(terms[column:])}"


def _take(system: System, line: str, steps: Steps) -> bool:
    """Puts what the line says in place of what the last step gave. False when it is not written as a step is."""
    if steps == "whole":
        written = [_numbers(part, system.size, system.p) for part in line.split(",")]
        if len(written) != system.size or not all(written):
            return False
        system.rows = [row for row in written if row]
        return True
    read = _STEP.fullmatch(line)
    last = system.last
    if read is None or last is None:
        return False
    if read["said"] is None or last.kind == "swap":
        return True
    numbers = _numbers(read["said"], system.size, system.p) if steps == "rows" else _results(read["said"], system, last)
    if numbers is not None:
        system.rows[last.row] = numbers
    return numbers is not None


def _system(system: System, done: int) -> str:
    return ",".join(_row(row, done) for row in system.rows)


def _row(row: list[int], done: int) -> str:
    """One equation; `done` columns are solved for."""
    *left, right = row
    terms = [
        f"{'' if number == 1 and place < done else number}{NAMES[place]}"
        for place, number in enumerate(left)
        if number or place >= done
    ]
    return f"{'+'.join(terms)}={right}"


def _numbers(equation: str, size: int, p: int) -> list[int] | None:
    """The numbers of an equation as it is written; None when it is none, or names an unknown that is not there."""
    if not _EQUATION.fullmatch(equation):
        return None
    left, _, right = equation.partition("=")
    row = [0] * size + [int(right) % p]
    for number, name in _TERM.findall(left):
        if NAMES.index(name) >= size:
            return None
        row[NAMES.index(name)] = int(number or 1) % p
    return row


def _results(terms: str, system: System, step: Step) -> list[int] | None:
    """The row that a line of terms gives: what each comes to, behind the columns that are solved for already."""
    if not _TERMS.fullmatch(terms):
        return None
    results = [int(term.rpartition("=")[2]) % system.p for term in terms.split(",")]
    row = system.rows[step.row][: step.column] + results
    return row if len(row) == system.size + 1 else None
