"""Code tests: the program runs, and cannot pretend."""

import pytest

from freehold.graders import code_tests
from freehold.graders.code_tests import CodeTests, CodeTestsOptions, program_of
from freehold.items import Given
from freehold.reasoning.sandbox import usable
from graders.samples import grade, item, score

inside = pytest.mark.skipif(not usable(), reason="this machine offers no user, mount and network namespaces")

TESTS = ["assert double(2) == 4", "assert double(0) == 0", "assert double('a') == 'aa'"]


def fenced(source: str) -> str:
    return f"Here:\n```python\n{source}\n```\n"


@inside
def test_the_share_of_tests_that_pass_is_told() -> None:
    told = grade(CodeTests, item(tests=TESTS), fenced("def double(x): return int(x) + int(x)"), need="share")
    assert told.score == pytest.approx(2 / 3)
    assert told.details["passed"] == 2
    assert told.details["failed"]["test 3"].startswith("ValueError: invalid literal")


@inside
@pytest.mark.parametrize(
    "source",
    [
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "import builtins\nbuiltins.exec = lambda *a: None\nbuiltins.compile = lambda *a: None",
        "import json, os\njson.dumps = lambda *a: '{\"failed\": {}}'\nos.write = lambda *a: 0",
        "print('{\"failed\": {}}')",
        "def double(x): return x\nclass AssertionError(Exception): pass",
        "def double(x): raise SystemExit(0)",
        "def double(x):\n    import os; os._exit(0)",
        "def double(x): return open('/etc/passwd').read()",
        "def double(x):\n    import socket; socket.socket(); return 2 * x",
        "def double(x): return [0] * 10**10",
        "def double(x): return double(x)",
    ],
)
def test_a_program_that_only_pretends_is_wrong(source: str) -> None:
    assert score(CodeTests, item(tests=TESTS), fenced(source)) == 0.0


HUMANEVAL = "def check(candidate):\n    assert candidate(2) == 4\n"


@inside
@pytest.mark.parametrize(
    "source", ["def twice(x): return 2 * x", "x = 1", "class Solution:\n    def double(self, x): return 2 * x"]
)
@pytest.mark.parametrize("tests", [HUMANEVAL, f"def double(x): return 2 * x\n{HUMANEVAL}"])
def test_a_reply_without_the_function_that_was_asked_for_fails(source: str, tests: str) -> None:
    told = grade(CodeTests, item(tests=tests, entry_point="double"), fenced(source))
    assert told.score == 0.0
    assert told.details["failed"] == {"test 1": "NameError: name 'double' is not defined"}


@inside
def test_only_a_check_of_the_test_is_called() -> None:
    source = fenced("def check(x): raise ValueError\ndef double(x): return 2 * x")
    assert score(CodeTests, item(tests=TESTS[:2], entry_point="double"), source) == 1.0
    assert score(CodeTests, item(tests=HUMANEVAL, entry_point="double"), source) == 1.0
    assert score(CodeTests, item(tests=f"{HUMANEVAL}check(double)"), source) == 1.0, "it calls its check itself"


@pytest.mark.parametrize(
    "tests",
    [
        HUMANEVAL,
        ["assert True", HUMANEVAL],
        f"if True:\n    {HUMANEVAL.replace('    ', '        ')}",
        "check = lambda f: f(2)",
    ],
)
def test_a_check_that_nobody_would_call_is_unscored_before_anything_runs(
    tests: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(source: str, seconds: float) -> None:
        raise AssertionError("it was run")

    monkeypatch.setattr(code_tests, "run_python", never)
    told = grade(CodeTests, item(tests=tests), fenced("def double(x): return 2 * x"))
    assert told.score is None
    assert "entry_point" in told.reason


@inside
def test_what_the_program_prints_is_nobodys_verdict() -> None:
    assert score(CodeTests, item(tests=TESTS), fenced("print('x' * 10**6)\ndef double(x): return 2 * x")) == 1.0


@inside
def test_a_module_that_is_not_there_is_unscored_or_wrong_as_asked() -> None:
    text = fenced("import no_such_library\ndef double(x): return 2 * x")
    assert score(CodeTests, item(tests=TESTS), text) is None
    assert score(CodeTests, item(tests=TESTS), text, missing_modules="wrong") == 0.0


def test_without_a_sandbox_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(source: str, seconds: float) -> None:
        raise AssertionError("it was run")

    monkeypatch.setattr(code_tests, "usable", lambda: False)
    monkeypatch.setattr(code_tests, "run_python", never)
    told = CodeTests(CodeTestsOptions()).grade(item(tests=TESTS), Given(text=fenced("double = 2 .__mul__")))
    assert told.score is None
    assert "no sandbox" in told.reason


@pytest.mark.parametrize(
    ("text", "program"),
    [
        (fenced("a = 1") + fenced("b = 2"), "a = 1\n\nb = 2"),
        ("```\na = 1\n```\n```js\nlet b\n```", "a = 1"),
        ("```\nnot this\n```\n```py\na = 1\n```", "a = 1"),
        ("```python\na = 1", "a = 1"),
        ("def f(): pass", "def f(): pass"),
        ("It is easy.", None),
        ("```js\nlet b\n```", None),
        ("yes", None),
    ],
)
def test_a_program_stands_in_fences_or_alone(text: str, program: str | None) -> None:
    assert program_of(text) == program


def test_tests_that_are_no_python_leave_it_unscored() -> None:
    assert score(CodeTests, item(tests=["assert ("]), fenced("a = 1")) is None
    assert score(CodeTests, item(), fenced("a = 1")) is None
