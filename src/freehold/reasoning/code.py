"""Code: whether a Python snippet prints what the step says that it prints, by running it shut in.

It knows how a step shows code with its output and nothing of why. It exists because "this prints 42" is a claim like
any other. Where the machine offers no sandbox that shuts off network and files, nothing is run, and the claim is not
checkable.

The claims: a fenced Python block followed by an output block or by "Output: ..." / "prints ..."; a session with `>>>`.
Outputs are compared line by line, without the white space at line ends. What reads a clock or a random number is run
twice and is not checkable when the two differ.
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
    "RuntimeError: can't start new thread", "socket.", "ConnectionError", "urllib.",
)  # fmt: skip
"""How a program ends that needs files, processes, the network or memory that it does not get here."""


class Code:
    """Checks the output of Python snippets. Whether this machine has a sandbox is asked once, when first needed."""

    name: ClassVar[str] = "code"
    version: ClassVar[str] = "1"
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
        return self._judged(step, span, runs, stated)

    def _judged(self, step: Step, span: tuple[int, int], runs: list[Ran], stated: str) -> Finding:
        first, last = runs[0], runs[-1]
        shown = first.stdout.strip()[:200]
        if _lines(first.stdout) == _lines(stated):
            return finding(self, step, span, "verified", shown, "It prints so.")
        if first.stdout != last.stdout:
            return finding(self, step, span, "not_checkable", shown, "Two runs print different things.")
        if first.code != 0:
            error = first.stderr.strip().splitlines()[-1:] or ["no message"]
            if error[0].startswith(_NEEDS):
                return finding(
                    self, step, span, "not_checkable", error[0][:200], "It needs what the sandbox does not have."
                )
            return finding(self, step, span, "refuted", error[0][:200], "It fails instead of printing that.")
        return finding(self, step, span, "refuted", shown, "It prints something else.")


VERIFIER = Code


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
                output.strip("\n") if stated["line"] is None else output.strip(" .*"),
            )
    for match in _SESSION.finditer(text):
        session = _session(match[0])
        if session is not None:
            yield (match.start(), match.end()), *session


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
