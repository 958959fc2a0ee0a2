"""Word problems: grade-school stories with numbers, over the templates of GSM-Symbolic in `reasoning-gym` (extra `tasks`).

The library writes a solution with each problem. It is used as the trace, the lines that compute something, one sum or chain of
sums a line; and it is not believed: a problem is taken only when every sum of its solution is right, every number in it stands in
the story or in a line before, and the last sum is the answer. (Of 300 drawn, 7 have a sum that is wrong, such as `0.63*60 = 37`.)
A level is the number of lines.

The verifier is the one that traces of answers are checked by (`reasoning/arithmetic.py` and `numbers.py`), so a model that learns
this task is held to what its answers will be held to.
"""

import importlib
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar

import msgspec

from freehold.errors import NotConfigured
from freehold.reasoning.arithmetic import Arithmetic, relations
from freehold.reasoning.numbers import Numbers
from freehold.reasoning.numerals import shown
from freehold.reasoning.trace import Finding, Step
from freehold.reasoning.verifier import Context
from freehold.training.tasks.task import Check, Problem, Solution, StepCheck, Task, lines_of, pieces, seeded

LIBRARY, DATASET = "reasoning_gym", "gsm_symbolic"


class WordProblems(Task):
    """Stories whose solution has `level` lines."""

    name: ClassVar[str] = "word-problems"
    version: ClassVar[str] = "1"
    levels: ClassVar[tuple[int, ...]] = (2, 3, 4)
    beyond: ClassVar[tuple[int, ...]] = (5,)
    grader: ClassVar[Mapping[str, Any]] = {"kind": "numeric"}
    producer: ClassVar[str] = f"reasoning-gym/{DATASET}"
    opposites: ClassVar[Mapping[str, str]] = {}
    closed: ClassVar[bool] = False
    ordered: ClassVar[bool] = False

    def __init__(self) -> None:
        """Raises NotConfigured without the library."""
        try:
            self._gym: Any = importlib.import_module(LIBRARY)
        except ImportError as error:
            raise NotConfigured(
                f"The task {self.name} needs `{LIBRARY}`, which cannot be imported: {error}.",
                "Install it: `pip install freehold[tasks]`.",
            ) from error
        self._arithmetic, self._numbers = Arithmetic(), Numbers()

    def generate(self, level: int, seed: int) -> Problem:
        """The first story of this seed whose own solution holds and has `level` lines."""
        rng = seeded(self.name, self.admits(level), seed)
        while True:
            drawn = self._gym.create_dataset(DATASET, seed=rng.randrange(2**31), size=1)[0]
            problem = self._taken(drawn, level)
            if problem is not None:
                return problem

    def solve(self, problem: Problem) -> Solution:
        """The library's own solution, as it was taken."""
        return Solution(tuple(msgspec.convert(problem.data["lines"], list[str])), str(problem.data["answer"]))

    def verify(self, problem: Problem, trace: str) -> Check:
        """Each line must compute something, and rightly, from numbers of the story and of lines before it. A number from
        nowhere is unsupported."""
        checks: list[StepCheck] = []
        derived: dict[str, None] = {}
        last: str | None = None
        for place, line in enumerate(lines_of(trace)):
            step = Step(place, line, 0, len(line), "numbered")
            context = Context(question=str(problem.data["question"]), derived=tuple(derived))
            sums = self._arithmetic.check(step, context)
            derived |= dict.fromkeys(value for one in sums for value in one.derived)
            origins = self._numbers.check(step, msgspec.structs.replace(context, derived=tuple(derived)))
            checks.append(_judged(line, [*sums, *origins]))
            ends = [relation.right.value for relation in relations(line)]
            last = _plainly(ends[-1]) if ends else last
        return Check(tuple(checks), last)

    def claims(self, line: str) -> list[tuple[int, int]]:
        """Its sums."""
        return [(relation.left.start, relation.right.end) for relation in relations(line)]

    def canonical(self, problem: Problem) -> bytes:
        """The template, by the names of its variables, and its numbers; not the names of people and things."""
        return msgspec.json.encode(
            [problem.data["numbers"], problem.data["names"], problem.data["answer"]], order="sorted"
        )

    def render(self, problem: Problem) -> str:
        """The story and its question."""
        return str(problem.data["question"])

    def vocabulary(self) -> frozenset[str]:
        """Single characters: the words are open."""
        return frozenset(pieces("".join(map(chr, range(32, 127))))) | {*map(chr, range(32, 127)), "\n"}

    def _taken(self, drawn: Any, level: int) -> Problem | None:
        about: dict[str, Any] = drawn["metadata"]
        said = str(about["answer_cot"]).partition("####")[0]
        lines = [line for line in lines_of(said) if any(relations(line))]
        if len(lines) != level:
            return None
        variables: dict[str, Any] = about["variables"]
        numbers = {name: value for name, value in variables.items() if isinstance(value, int | float)}
        data = {
            "question": str(drawn["question"]),
            "lines": lines,
            "answer": str(drawn["answer"]),
            "numbers": numbers,
            "names": sorted(variables),
        }
        problem = Problem(self.name, level, data)
        check = self.verify(problem, "\n".join(lines))
        return problem if check.sound and check.answer == data["answer"] else None


TASK = WordProblems


def _judged(line: str, findings: list[Finding]) -> StepCheck:
    for verdict in ("refuted", "unsupported"):
        bad = next((one for one in findings if one.verdict == verdict), None)
        if bad is not None:
            return StepCheck(line, verdict, bad.found, bad.reason)
    good = next((one for one in findings if one.verdict == "verified"), None)
    if good is None:
        return StepCheck(line, "not_checkable", "", "It computes nothing.")
    return StepCheck(line, "verified", good.found, good.reason)


def _plainly(value: Fraction) -> str:
    return shown(value).split(" ")[0]
