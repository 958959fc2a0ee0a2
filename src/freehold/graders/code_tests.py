"""Code tests: the program in the reply passes the item's tests, run where it can reach nothing.

It knows how code stands in a reply and how tests are run; the shutting in is `reasoning/sandbox.py`: no network, no files,
bounded time, memory and output. It exists because code is right when it runs, not when it reads well.

The tests are Python: one text, or a list of texts, each a test of its own (statements with `assert`; a function named
`check` in a test is called with what `metadata.entry_point` names, as HumanEval has it). They see what the reply defines.
A test that raises, or a program that ends early, fails, and so does a `check` whose entry point the reply does not define; an
item whose `check` nobody would call is unscored. What the program prints goes nowhere, and the verdict is a line
that only the runner knows how to write; the reply's code shares a process with it, so a program written to find that line
in memory could, and an object that equals everything passes `==`: where replies are trained on these tests, read what scores
high.
"""

import ast
import hashlib
import json
import re
import symtable
from typing import Annotated, Any, ClassVar, Final, Literal, cast

from msgspec import Meta

from freehold.graders.grader import Case, Grader, Options, is_empty, unscored, wrong
from freehold.graders.reference import at, texts_of
from freehold.items import Given, Grade, Item
from freehold.reasoning.sandbox import Ran, run_python, usable

MAX_SOURCE: Final = 200_000

_BLOCK = re.compile(
    r"^[ \t]*```[ \t]*(?P<language>[\w+-]*)[^\n]*\n(?P<source>.*?)(?:\n[ \t]*```|\Z)", re.DOTALL | re.MULTILINE
)
_PYTHON = frozenset({"", "python", "py", "python3"})


class CodeTestsOptions(Options, frozen=True, kw_only=True):
    """Where the tests are, and how much may be spent on them."""

    tests: Annotated[str, Meta(description="Where the tests stand in the item: `reference`, or `metadata.NAME`.")] = (
        "metadata.tests"
    )
    seconds: Annotated[float, Meta(gt=0, le=120, description="Time for all tests of one item.")] = 10.0
    need: Annotated[
        Literal["all", "share"], Meta(description="All tests must pass; or the share that passes is the score.")
    ] = "all"
    missing_modules: Annotated[
        Literal["unscored", "wrong"],
        Meta(description="What a program is that imports a module outside Python's library."),
    ] = "unscored"


class CodeTests(Grader):
    """The Python program in the reply passes the item's tests, in a sandbox without network and files. The program is the
    fenced Python blocks of the reply, joined, or the whole reply when it has none and is Python. Where the machine has no
    sandbox (Linux only), nothing is run and everything is unscored."""

    name: ClassVar[str] = "code_tests"
    version: ClassVar[str] = "2"
    takes = CodeTestsOptions
    options: CodeTestsOptions

    def __init__(self, options: CodeTestsOptions) -> None:
        super().__init__(options)
        self._usable: bool | None = None

    @property
    def binary(self) -> bool:
        """With `need = "share"` the score is a share."""
        return self.options.need == "all"

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when every test passes (or the share of those that do)."""
        tests = texts_of(at(item, self.options.tests)) or texts_of(item.reference)
        if not tests:
            return unscored(f"The item has no tests at `{self.options.tests}`.")
        broken = next((test for test in tests if not _is_python(test)), None)
        if broken is not None:
            return unscored("A test of the item is not Python.")
        entry = at(item, "metadata.entry_point")
        entry = entry if isinstance(entry, str) else ""
        if not entry and any(_defines_check(test) and not _calls_check(test) for test in tests):
            return unscored("A test defines `check`, and the item has no `metadata.entry_point` to call it with.")
        if is_empty(given):
            return wrong("The reply is empty.")
        program = program_of(given.text)
        if program is None or len(program) > MAX_SOURCE:
            return wrong("The reply holds no Python program." if program is None else "The program is too long.")
        if self._usable is None:
            self._usable = usable()
        if not self._usable:
            return unscored("This machine offers no sandbox without network and files, so nothing was run.")
        token = hashlib.sha256(f"{item.id}\n{tests}\n{program}".encode(errors="replace")).hexdigest()
        ran = run_python(_harness(program, tests, entry, token), self.options.seconds)
        return self._graded(ran, token, len(tests))

    def _graded(self, ran: Ran | None, token: str, count: int) -> Grade:
        if ran is None:
            return unscored("The sandbox could not be started.")
        if ran.late:
            return wrong(f"It was not done within {self.options.seconds:g} s.")
        told = _verdict(ran.stdout, token)
        if told is None:
            error = ran.stderr.strip().splitlines()[-1:] or ["it ended early"]
            return wrong(f"It did not reach the end of the tests: {error[0][:200]}.")
        failures = cast("dict[str, str]", told["failed"])
        module = next((text for text in failures.values() if text.startswith("ModuleNotFoundError")), None)
        if module and self.options.missing_modules == "unscored":
            return unscored(f"The program needs what the sandbox does not have: {module[:200]}.")
        passed = 0 if "program" in failures else count - len(failures)
        score = passed / count if self.options.need == "share" else float(passed == count)
        first = next(iter(failures.values()), "")
        reason = "All tests pass." if passed == count else f"{passed} of {count} tests pass: {first[:200]}."
        return Grade(score=score, reason=reason, details={"passed": passed, "tests": count, "failed": failures})

    @classmethod
    def selftest(cls) -> list[Case]:
        """Right, wrong, endless, and a program that only pretends."""
        tests = ["assert add(2, 3) == 5", "assert add(-1, 1) == 0"]
        item = Item(id="1", workload="w", input={}, metadata={"tests": tests})
        humaneval = "def check(candidate):\n    assert candidate(2, 3) == 5\n"
        entry = Item(id="2", workload="w", input={}, metadata={"tests": humaneval, "entry_point": "add"})
        uncalled = Item(id="4", workload="w", input={}, metadata={"tests": humaneval})
        good = "Here:\n```python\ndef add(a, b):\n    return a + b\n```\nIt adds."
        pretends = "```python\nimport os\nprint('passed')\nos._exit(0)\n```"
        return [
            Case(role="gold", item=item, given=Given(text=good)),
            Case(role="gold", item=entry, given=Given(text="def add(a, b): return a + b")),
            Case(role="corrupted", item=item, given=Given(text=good.replace("a + b", "a - b"))),
            Case(role="corrupted", item=entry, given=Given(text="def add(a, b): return a - b")),
            Case(role="corrupted", item=entry, given=Given(text="def sum_two(a, b): return a + b")),
            Case(
                role="corrupted",
                item=item,
                given=Given(text="```python\nwhile True: pass\n```"),
                table={"seconds": 1.0},
            ),
            Case(role="garbage", item=item, given=Given(text=pretends)),
            Case(role="garbage", item=item, given=Given(text="I would add them, one by one.")),
            Case(role="empty", item=item, given=Given()),
            Case(role="unscorable", item=Item(id="3", workload="w", input={}), given=Given(text=good)),
            Case(role="unscorable", item=uncalled, given=Given(text=good)),
            Case(role="unscorable", item=item, given=Given(text="import no_such_module_here")),
        ]


GRADER = CodeTests


def program_of(text: str) -> str | None:
    """The program in a reply: its fenced Python blocks, joined; else the whole text, when it is Python and not only words."""
    blocks = [match for match in _BLOCK.finditer(text) if match["language"].lower() in _PYTHON]
    named = [match for match in blocks if match["language"]]
    if blocks:
        return "\n\n".join(match["source"] for match in named or blocks)
    return text if _is_python(text) and re.search(r"[=(:]|\bimport\b", text) else None


def _is_python(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _defines_check(test: str) -> bool:
    """Whether the test gives `check` a meaning outside its functions and classes."""
    try:
        symbol = symtable.symtable(test, "test", "exec").lookup("check")
    except (KeyError, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return symbol.is_assigned() or symbol.is_imported()


def _calls_check(test: str) -> bool:
    """Whether the test calls `check` itself."""
    calls = (node.func for node in ast.walk(ast.parse(test)) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Name) and called.id == "check" for called in calls)


def _verdict(stdout: str, token: str) -> dict[str, Any] | None:
    """What the runner wrote, when it wrote it: the last line that begins with the token."""
    lines = [line for line in stdout.splitlines() if line.startswith(token)]
    if not lines:
        return None
    told: Any = json.loads(lines[-1][len(token) :])
    return cast("dict[str, Any]", told)


def _harness(program: str, tests: tuple[str, ...], entry: str, token: str) -> str:
    """The source that runs the program and then each test, and tells which failed. It removes itself from the folder
    before anything else runs, and keeps its way to write for itself."""
    pairs = [(test, entry if entry and _defines_check(test) else "") for test in tests]
    return _HARNESS.format(job=json.dumps({"program": program, "tests": pairs, "entry": entry, "token": token}))


_HARNESS: Final = """
def run(job, exec=exec, compile=compile, type=type, str=str, enumerate=enumerate, Base=BaseException, Missing=NameError):
    import io, json, os, sys
    os.remove(sys.argv[0])
    out = os.dup(1)
    null = os.memfd_create("null")
    os.dup2(null, 1); os.dup2(null, 2)
    class Nowhere(io.RawIOBase):
        def writable(self): return True
        def write(self, data): return len(data)
    sys.stdout = sys.stderr = io.TextIOWrapper(io.BufferedWriter(Nowhere()), "utf-8", write_through=True)
    write, dumps = os.write, json.dumps
    failed = {{}}
    space = {{"__name__": "program"}}
    def attempt(name, source, call, defined):
        try:
            if call and not defined: raise Missing("name '" + call + "' is not defined")
            exec(compile(source, name, "exec"), space)
            if call: space.pop("check")(space[call])
        except Base as error:
            failed[name] = type(error).__name__ + ": " + str(error)[:300]
    attempt("program", job["program"], "", False)
    if "program" not in failed:
        defined = job["entry"] in space
        for number, (test, call) in enumerate(job["tests"]):
            attempt("test " + str(number + 1), test, call, defined)
    write(out, ("\\n" + job["token"] + dumps({{"failed": failed}}) + "\\n").encode())
import json
run(json.loads({job!r}))
"""
