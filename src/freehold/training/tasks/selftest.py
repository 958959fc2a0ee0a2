"""The proof that a task must give before it may reward anything: gold scores 1, every corruption of it 0, garbage 0.

It knows the contract of `task.py` and no task. It exists because a verifier that lets a wrong step pass teaches wrong steps, and
one that refuses a right one teaches nothing, both in silence.
"""

from collections.abc import Iterator, Sequence

from freehold.training.tasks.task import END, THINK, Problem, Solution, Task, judge, seeded, write_reply

GARBAGE = (
    "",
    " \n",
    THINK,
    f"{THINK}\n{END}",
    f"{THINK}\n{END}\n",
    "the the the",
    "9" * 500,
    f"{END}{THINK}",
    "\0\ud83d=+=/",
)


MOST = 40
"""Corrupted traces of one problem that are tried; a long trace has thousands, of few kinds."""


def self_test(task: Task, seeds: range = range(2), most: int = MOST, levels: Sequence[int] | None = None) -> list[str]:
    """What the task gets wrong of its own problems, a sentence each, over these levels, or all, or by a test of its own. Empty means that it may reward.
    Raises ValueError for a level that its options leave without problems."""
    own = task.own_test()
    if own is not None:
        return own
    wrong: list[str] = []
    for level in task.levels + task.beyond if levels is None else levels:
        for seed in seeds:
            problem = task.generate(level, seed)
            wrong += [f"{task.name}, level {level}, seed {seed}: {said}" for said in _wrong(task, problem, most)]
    return wrong


def _wrong(task: Task, problem: Problem, most: int) -> Iterator[str]:
    gold = task.solve(problem)
    if not judge(task, problem, write_reply(gold)).proven:
        yield "the gold reply is not proven"
    if task.grade(problem, write_reply(gold, thinking=False)).score != 1.0:
        yield "the gold answer without steps does not score 1"
    for answer in wrong_answers(gold.answer):
        for thinking in (True, False):
            reply = write_reply(Solution(gold.lines, answer), thinking=thinking)
            if task.grade(problem, reply).score != 0.0:
                yield f"the wrong answer {answer!r} does not score 0"
    corrupted = list(wrong_traces(task, gold))
    for kind, lines in seeded(task.digest(problem)).sample(corrupted, min(most, len(corrupted))):
        if judge(task, problem, write_reply(Solution(lines, gold.answer))).proven:
            yield f"a trace with {kind} is proven: {lines}"
    for reply in (*GARBAGE, write_reply(gold).partition(END)[0]):
        if task.grade(problem, reply).score == 1.0 or judge(task, problem, reply).proven:
            yield f"{reply[:80]!r} passes"


def wrong_answers(answer: str) -> Iterator[str]:
    """The answer with each of its digits changed, one at a time, with one more, and without its last character."""
    for start, digit in enumerate(answer):
        if digit.isdecimal():
            yield f"{answer[:start]}{(int(digit) + 1) % 10}{answer[start + 1 :]}"
    yield f"{answer}1"
    if len(answer) > 1 and answer[-2].isalnum():
        yield answer[:-1]


def wrong_traces(task: Task, gold: Solution) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(what is wrong, the lines) for each corruption of a trace: each digit and each sign of each claim changed, and each step
    left out where the steps are one procedure."""
    for place, line in enumerate(gold.lines):
        for kind, changed in wrong_lines(task, line):
            yield f"{kind} in line {place + 1}", (*gold.lines[:place], changed, *gold.lines[place + 1 :])
        if task.ordered:
            yield f"line {place + 1} left out", (*gold.lines[:place], *gold.lines[place + 1 :])


def wrong_lines(task: Task, line: str) -> Iterator[tuple[str, str]]:
    """(what is wrong, the line) for each digit and each of the task's opposites in the claims of a line."""
    for start, end in task.claims(line):
        for place in range(start, end):
            if line[place].isdecimal() and line[place].isascii():
                yield "another digit", f"{line[:place]}{(int(line[place]) + 1) % 10}{line[place + 1 :]}"
        for piece, other in task.opposites.items():
            place = line.find(piece, start, end)
            while place >= 0:
                yield f"{other!r} for {piece!r}", f"{line[:place]}{other}{line[place + len(piece) :]}"
                place = line.find(piece, place + 1, end)
