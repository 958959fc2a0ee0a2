"""Code: whether a Python snippet prints what the step says that it prints, by running it shut in.

It knows how a step shows code with its output and nothing of why. It exists because "this prints 42" is a claim like
any other. Where the machine offers no sandbox that shuts off network and files, nothing is run, and the claim is not
checkable.

The claims: a fenced Python block followed by an output block or by "Output: ..." / "prints ..."; a session with `>>>`.
Outputs are compared line by line, without the white space at line ends. What reads a clock or a random number is run
twice and is not checkable when the two differ, nor is what may print something else on another machine or day, where it
does. An output in prose may go on behind a comma ("5, as expected"), and one that is only about right is not decided. A
traceback is an output too: its last line is compared.
"""

import ast
import re
from collections.abc import Iterator
from typing import ClassVar

from freehold.reasoning.sandbox import Ran, run_python, usable
from freehold.reasoning.trace import Finding, Step
from freehold.reasoning.verifier import Context, Sample, finding

SECONDS: float = 5.0
"""For one run."""

MAX_SOURCE: int = 20_000
MOST_SNIPPETS: int = 5

_BLOCK = re.compile(r"```(?:python|py|python3)[ \t]*\n(?P<source>.*?)\n?```", re.DOTALL | re.IGNORECASE)
_OUTPUT = re.compile(
    r"\s*(?:(?:\*\*)?(?:the\s+|its\s+|expected\s+)?(?:output|prints|printed|this prints|it prints|which prints|this outputs|"
    r"the output is|result)(?:\*\*)?\s*(?:is|:)*(?:\*\*)?\s*)"
    r"(?:```[a-z]*[ \t]*\n(?P<block>.*?)\n?```|`(?P<ticked>[^`\n]+)`|(?P<line>[^\n`]+))"
    r"|\s*```(?:output|text|console|stdout)[ \t]*\n(?P<bare>.*?)\n?```",
    re.DOTALL | re.IGNORECASE,
)
_SESSION = re.compile(r"(?:^[ \t]*>>> ?[^\n]*(?:\n|$)(?:^(?![ \t]*(?:>>>|```)|[ \t]*$)[^\n]*(?:\n|$))*)+", re.MULTILINE)

_NEEDS = (
    "ModuleNotFoundError", "ImportError", "OSError", "PermissionError", "FileNotFoundError", "BlockingIOError", "MemoryError",
    "EOFError", "RuntimeError: can't start new thread", "socket.", "ConnectionError", "urllib.",
)  # fmt: skip
"""How a program ends that needs files, processes, the network, memory or an input that it does not get here."""

_ELSEWHERE = re.compile(
    r"\.(?:today|now|utcnow|getcwd|cwd|home|environ|getenv|listdir|argv|version\w*|platform|machine|uname|cpu_count|getpid|getsizeof"
    r"|executable|hexversion|gmtime|localtime|ctime)\b|\b(?:id|hash|__file__)\b"
)
"""What another machine or another day answers otherwise."""

_ABOUT = re.compile(r"\b(?:about|approximately|approx|roughly|around|something like|similar to)\b|≈|~\d|\.{3}|…", re.I)
_NOTHING = re.compile(r"(?:nothing|no output|none)\b", re.I)
_TRACEBACK = "Traceback (most recent call last):"


class Code:
    """Checks the output of Python snippets. Whether this machine has a sandbox is asked once, when first needed."""

    name: ClassVar[str] = "code"
    version: ClassVar[str] = "2"
    late: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample("gold", "```python\nprint(sum(range(5)))\n```\nOutput: 10"),
        Sample("gold", ">>> [x * x for x in range(3)]\n[0, 1, 4]\n"),
        Sample("corrupted", "```python\nprint(sum(range(5)))\n```\nOutput: 15"),
        Sample("corrupted", ">>> 2 ** 10\n1000\n"),
        Sample("garbage", "```python\nimport random\nprint(random.random())\n```\nOutput: 0.5"),
        Sample("garbage", "```python\nwhile True: pass\n```\nand nothing is said of what it prints."),
    )

    def __init__(self) -> None:
        self._usable: bool | None = None

    def check(self, step: Step, context: Context) -> list[Finding]:
        """A finding for each snippet whose output is stated."""
        found: list[Finding] = []
        for span, source, stated in list(_claims(step.text))[:MOST_SNIPPETS]:
            found.append(self._finding(step, span, source, stated, context))
        return found

    def close(self) -> None:
        """Nothing is open; each run ends with its sandbox."""

    def _finding(self, step: Step, span: tuple[int, int], source: str, stated: str, context: Context) -> Finding:
        if self._usable is None:
            self._usable = usable()
        if not self._usable:
            reason = "This machine offers no sandbox without network and files, so nothing was run."
            return finding(self, step, span, "not_checkable", "", reason)
        if len(source) > MAX_SOURCE:
            return finding(self, step, span, "not_checkable", "", "The snippet is too long to be run.")
        runs: list[Ran] = []
        for _ in range(2):
            seconds = context.seconds(SECONDS)
            ran = run_python(source, seconds) if seconds > 0 else None
            if ran is None or ran.late or ran.cut:
                return finding(self, step, span, "not_checkable", "", "The run was ended: too long or too much output.")
            runs.append(ran)
            if _lines(ran.stdout) == _lines(stated):
                break
        return self._judged(step, span, runs, source, stated)

    def _judged(self, step: Step, span: tuple[int, int], runs: list[Ran], source: str, stated: str) -> Finding:
        first, last = runs[0], runs[-1]
        shown = first.stdout.strip()[:200]
        if _prints(first, stated):
            return finding(self, step, span, "verified", shown, "It prints so.")
        if first.stdout != last.stdout:
            return finding(self, step, span, "not_checkable", shown, "Two runs print different things.")
        if first.code != 0:
            error = first.stderr.strip().splitlines()[-1:] or ["no message"]
            if error[0].startswith(_NEEDS):
                return finding(
                    self, step, span, "not_checkable", error[0][:200], "It needs what the sandbox does not have."
                )
            if _TRACEBACK not in stated:
                return finding(self, step, span, "refuted", error[0][:200], "It fails instead of printing that.")
        if _ELSEWHERE.search(source):
            return finding(self, step, span, "not_checkable", shown, "It may print something else elsewhere.")
        if sorted(first.stdout.strip()) == sorted(stated.strip()) and _unordered(source):
            return finding(
                self, step, span, "not_checkable", shown, "It prints the same in another order, and sets have none."
            )
        if "\n" not in stated and _ABOUT.search(stated):
            return finding(
                self, step, span, "not_checkable", shown, "What is stated is not the output letter by letter."
            )
        return finding(self, step, span, "refuted", shown, "It prints something else.")


VERIFIER = Code


def _prints(ran: Ran, stated: str) -> bool:
    """Whether the run printed what is stated, a traceback by its last line."""
    printed, wanted = _lines(ran.stdout), _lines(stated)
    if _TRACEBACK in wanted:
        place = wanted.index(_TRACEBACK)
        return ran.code != 0 and printed == wanted[:place] and _lines(ran.stderr)[-1:] == wanted[-1:]
    if printed == wanted:
        return True
    if not printed:
        return ran.code == 0 and _NOTHING.match(stated) is not None
    return (
        len(wanted) == len(printed) == 1
        and re.match(rf"{re.escape(printed[0])}(?:[,;]\s|\s[(–—])", wanted[0]) is not None
    )


def _claims(text: str) -> Iterator[tuple[tuple[int, int], str, str]]:
    """(span, source, stated output) of each."""
    for match in _BLOCK.finditer(text):
        source = match["source"]
        if ">>>" in source:
            continue
        stated = _OUTPUT.match(text, match.end())
        if stated:
            output = next(
                part for part in (stated["block"], stated["ticked"], stated["bare"], stated["line"]) if part is not None
            )
            yield (
                (match.start(), stated.end()),
                source,
                output.strip("\n") if stated["line"] is None else _from_prose(output),
            )
    for match in _SESSION.finditer(text):
        session = _session(match[0])
        if session is not None:
            yield (match.start(), match.end()), *session


def _from_prose(line: str) -> str:
    """An output without the full stop and the bold type of its sentence; dots that leave digits out stay."""
    return line.strip(" *") if line.rstrip(" *").endswith(("...", "…")) else line.strip(" .*")


def _unordered(source: str) -> bool:
    """Whether the program makes sets, whose order is another one in every run."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    named = (node.id for node in nodes if isinstance(node, ast.Name))
    return any(isinstance(node, ast.Set | ast.SetComp) for node in nodes) or not {"set", "frozenset"}.isdisjoint(named)


def _session(text: str) -> tuple[str, str] | None:
    """A session as a program that prints what the interpreter would, and what is stated; None when it states
    nothing."""
    program: list[str] = []
    stated: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith(">>>"):
            program.append(stripped[4:])
        elif stripped.startswith("... ") or stripped == "...":
            program.append(line.lstrip()[4:])
        else:
            stated.append(stripped)
    try:
        tree = ast.parse("\n".join(program))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not stated:
        return None
    # `sys.displayhook` is what the interpreter itself calls with the value of each expression.
    lines = ["import sys as _sys"]
    for node in tree.body:
        written = ast.unparse(node)
        lines.append(f"_sys.displayhook({written})" if isinstance(node, ast.Expr) else written)
    return "\n".join(lines), "\n".join(stated)


def _lines(output: str) -> list[str]:
    return [line.rstrip() for line in output.strip().splitlines()]
