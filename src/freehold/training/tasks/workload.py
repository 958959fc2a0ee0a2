"""A workload as a task: its captured items are the problems, its graders judge the answers.

It knows items and graders, whatever they are of. It exists so that what a company does every day can be trained for like any other
task: the answers are graded by what its trials grade by, and the steps are checked by the verifiers of traces. There is one level,
and nothing solves a captured item but a reference that somebody gave it; steps come from a teacher (`training/traces.py`). Recipes name it by
`kept_workload.py`, which reads the items that a run keeps.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import msgspec

from freehold import graders
from freehold.errors import ConfigError
from freehold.graders.grader import Grader
from freehold.graders.visible import without_reasoning
from freehold.items import Given, Grade, Item
from freehold.reasoning.check import check_trace
from freehold.reasoning.verifier import Context, Verifier
from freehold.training.tasks.selftest import GARBAGE
from freehold.training.tasks.task import WORKLOAD, Check, Problem, Solution, Split, StepCheck, Task, pieces

SECONDS = 10.0
"""For the check of one trace."""

OPERATOR = ("system", "developer")
"""Roles whose words every item of a workload shares."""

UNPROVEN = "no item has a reference, so nothing shows that the grader tells right from wrong"


class WorkloadTask(Task):
    """The items of one workload, with the table of its first grader."""

    name: ClassVar[str] = WORKLOAD
    version: ClassVar[str] = "1"
    levels: ClassVar[tuple[int, ...]] = (1,)
    opposites: ClassVar[Mapping[str, str]] = {}
    closed: ClassVar[bool] = False
    ordered: ClassVar[bool] = False
    stepwise: ClassVar[bool] = False
    captured: ClassVar[bool] = True

    def __init__(
        self,
        items: Sequence[Item],
        grader: Mapping[str, Any],
        verifiers: Sequence[Verifier] = (),
        splits: Mapping[str, Split] | None = None,
    ) -> None:
        """`splits` are those of the items, by id; without them the hash says it, as of any problem. Raises InvalidGrader for a table that makes no
        grader, ConfigError for one that asks models, and for no items."""
        if not items:
            raise ConfigError("The workload has no items.", "Capture some, or import them: `freehold items import`.")
        self._items = {item.id: item for item in items}
        self._ids = sorted(self._items)
        self._splits = splits
        self._verifiers = verifiers
        built = graders.build(grader)
        if not isinstance(built, Grader):
            raise ConfigError(
                f"The grader {built.name} asks models, and cannot reward.", "Put one first that grades by itself."
            )
        self._grades = built

    @property
    def called(self) -> str:
        """The workload's own name."""
        return self._items[self._ids[0]].workload

    @property
    def items(self) -> Sequence[Item]:
        """All items, in the order of their ids."""
        return [self._items[name] for name in self._ids]

    def problem(self, item: Item) -> Problem:
        """The item as a problem."""
        return Problem(self.name, 1, {"item": item.id})

    def generate(self, level: int, seed: int) -> Problem:
        """The item of this seed: all come once, in the order of their ids, before one comes again."""
        self.admits(level)
        return Problem(self.name, level, {"item": self._ids[seed % len(self._ids)]})

    def split(self, problem: Problem) -> Split:
        """The split that the item is in, whatever its words."""
        return super().split(problem) if self._splits is None else self._splits[str(problem.data["item"])]

    def listed(self, split: Split) -> Sequence[Problem] | None:
        """The items of a split, where it is known which those are."""
        splits = self._splits
        return None if splits is None else [self.problem(item) for item in self.items if splits[item.id] == split]

    def solve(self, problem: Problem) -> Solution:
        """The item's reference, without steps. Raises LookupError where it has none."""
        reference: Any = self.item(problem).reference
        if reference is None or reference == []:
            raise LookupError(f"nobody has said what is right for the item {problem.data['item']}")
        right: Any = cast("list[Any]", reference)[0] if isinstance(reference, list) else reference
        return Solution((), right if isinstance(right, str) else msgspec.json.encode(right).decode())

    def verify(self, problem: Problem, trace: str) -> Check:
        """What the verifiers of traces say of each step. Where it leads to is open: `answer` is None."""
        context = Context(question=self.render(problem))
        checked = check_trace(trace, context, self.verifiers(), seconds=SECONDS)
        found: list[StepCheck] = []
        for step in checked.steps:
            verdict = checked.verdict(step.index)
            about = [one for one in checked.findings if one.step == step.index and one.verdict == verdict]
            said, reason = (about[0].found, about[0].reason) if about else ("", "No verifier found a claim in it.")
            found.append(StepCheck(step.text, verdict, said, reason))
        return Check(tuple(found), None)

    def verifiers(self) -> Sequence[Verifier]:
        """Who checks the steps."""
        return self._verifiers

    def grade(self, problem: Problem, text: str) -> Grade:
        """The grade by the workload's grader, of the answer without its reasoning."""
        return self._grades.grade(self.item(problem), Given(text=without_reasoning(text)))

    def canonical(self, problem: Problem) -> bytes:
        """The messages, in lower case, white space apart."""
        return " ".join(self.render(problem).casefold().split()).encode()

    def render(self, problem: Problem) -> str:
        """The messages, each with its role."""
        return "\n".join(f"{role}: {text}" for role, text in turns(self.item(problem)))

    def turns(self, problem: Problem) -> Sequence[tuple[str, str]]:
        """The messages as the door sends them to an own model, to whom the developer's words are the system's."""
        return [("system" if role in OPERATOR else role, text) for role, text in turns(self.item(problem))]

    def own_test(self) -> list[str]:
        """What its grader gets wrong."""
        return self_test_workload(self)

    def item(self, problem: Problem) -> Item:
        """The captured item."""
        return self._items[str(problem.data["item"])]

    def vocabulary(self) -> frozenset[str]:
        """Single characters: the words are open."""
        return frozenset({*map(chr, range(32, 127)), "\n", *pieces("0123456789")})


def turns(item: Item) -> list[tuple[str, str]]:
    """(role, text) of each message of an item. Parts that are not text are left out."""
    messages: Any = item.input.get("messages") or []
    return [(str(message.get("role", "user")), _text(message.get("content"))) for message in messages]


def asked(item: Item, *, operator: bool = True) -> str:
    """What people wrote in an item, without what a model said in it, and without the `operator`'s words where these are not wanted."""
    silent = ("assistant", *(() if operator else OPERATOR))
    return "\n".join(text for role, text in turns(item) if role not in silent)


def unaskable(item: Item) -> str | None:
    """Why a model cannot be asked an item as text, None when it can. What a model said to a tool is words of that model, and stands in no text."""
    for message in cast("list[dict[str, Any]]", item.input.get("messages") or []):
        if message.get("role") in ("tool", "function") or message.get("tool_calls") or message.get("function_call"):
            return "a tool is called in it"
        content = message.get("content")
        parts = cast("list[dict[str, Any]]", content) if isinstance(content, list) else []
        if any(part.get("type") not in ("text", "input_text") for part in parts):
            return "it holds more than text"
    return None if any(role == "user" for role, _ in turns(item)) else "nobody asks anything in it"


def self_test_workload(task: WorkloadTask, count: int = 50) -> list[str]:
    """What the workload's grader gets wrong, a sentence each: an item's own reference scores 1, the reference of another item that
    says something else does not always, garbage never. `count` items are tried, those with a reference first; where none has one, that is the last
    sentence (`UNPROVEN`)."""
    known = [item for item in task.items if item.reference is not None and item.reference != []][:count]
    problems = [task.problem(item) for item in known or task.items[:count]]
    answers = [task.solve(problem).answer for problem in problems] if known else []
    wrong = [
        f"{problem.data['item']}: its reference does not score 1"
        for problem, answer in zip(problems, answers, strict=False)
        if task.grade(problem, answer).score != 1.0
    ]
    for problem in problems:
        wrong += [
            f"{problem.data['item']}: {text[:40]!r} scores 1"
            for text in GARBAGE
            if task.grade(problem, text).score == 1.0
        ]
    pairs = zip(problems, answers, strict=False)
    foreign = [
        task.grade(problem, other).score for problem, answer in pairs for other in set(answers) if other != answer
    ]
    if foreign and all(score == 1.0 for score in foreign):
        wrong.append("every answer scores 1")
    return wrong if known else [*wrong, UNPROVEN]


def require_telling(task: WorkloadTask, *, rewards: bool) -> str:
    """Raises ConfigError, with the first sentences of `self_test_workload`, for a grader that does not tell right from wrong. One of which nothing shows
    it may not reward either, and is a sentence of warning where it only looks; else the warning is empty."""
    wrong = task.own_test()
    warning = f"{task.called}: {UNPROVEN}." if UNPROVEN in wrong and not rewards else ""
    serious = [one for one in wrong if rewards or one != UNPROVEN]
    if serious:
        more = [f"and {len(serious) - MOST_TOLD} more"] if len(serious) > MOST_TOLD else []
        told = "; ".join([*serious[:MOST_TOLD], *more])
        raise ConfigError(
            f"The grader of {task.called} does not tell right from wrong: {told}.",
            "Mend the grader or the references; `freehold items label` says what is right for an item.",
        )
    return warning


MOST_TOLD = 5


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    parts = cast("list[dict[str, Any]]", content) if isinstance(content, list) else []
    return "\n".join(str(part.get("text", "")) for part in parts if part.get("type") in ("text", "input_text"))
