"""Claims about what code prints."""

import pytest

from freehold.reasoning import code
from freehold.reasoning.code import Code
from freehold.reasoning.sandbox import usable
from reasoning.reading import found, verdicts

inside = pytest.mark.skipif(not usable(), reason="this machine offers no user, mount and network namespaces")
C = Code()


def fenced(source: str, stated: str) -> str:
    return f"```python\n{source}\n```\n{stated}"


@inside
@pytest.mark.parametrize(
    "text",
    [
        fenced("print(2 ** 10)", "Output: 1024"),
        fenced("print(2 ** 10)", "The output is `1024`."),
        fenced("print('a')\nprint('b')", "```output\na\nb\n```"),
        ">>> x = [1, 2]\n>>> x\n[1, 2]\n>>> for i in x:\n...     print(i)\n1\n2\n",
    ],
)
def test_what_it_prints_is_verified(text: str) -> None:
    assert verdicts(C, text) == ["verified"]


@inside
def test_what_it_does_not_print_is_refuted_and_told() -> None:
    (one,) = found(C, fenced("print(2 ** 10)", "Output: 1000"))
    assert (one.verdict, one.found) == ("refuted", "1024")
    (one,) = found(C, fenced("print(1 / 0)", "Output: 0"))
    assert (one.verdict, one.found) == ("refuted", "ZeroDivisionError: division by zero")


@inside
@pytest.mark.parametrize(
    "source", ["import random\nprint(random.random())", "import numpy\nprint(1)", "print(open('/etc/hosts').read())"]
)
def test_what_depends_on_the_world_is_not_decided(source: str) -> None:
    assert verdicts(C, fenced(source, "Output: 1")) == ["not_checkable"]


def test_code_without_a_stated_output_is_not_run() -> None:
    assert verdicts(C, fenced("while True: pass", "It never ends.")) == []
    assert verdicts(C, ">>> x = 1\n") == []


def test_without_a_sandbox_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(source: str, seconds: float) -> None:
        raise AssertionError("it was run")

    monkeypatch.setattr(code, "usable", lambda: False)
    monkeypatch.setattr(code, "run_python", never)
    (one,) = found(Code(), fenced("print(1)", "Output: 1"))
    assert one.verdict == "not_checkable"
    assert "no sandbox" in one.reason


@inside
@pytest.mark.parametrize(
    ("source", "stated", "verdict"),
    [
        ("print(5)", "Output: 5, as expected.", "verified"),
        ("print(5)", "Output: 6, as expected.", "refuted"),
        ("x = 1", "This prints nothing", "verified"),
        ("print(1)", "This prints nothing", "refuted"),
        ("print(1/3)", "The output is approximately 0.3333", "not_checkable"),
        ("print(1/3)", "Output: 0.333...", "not_checkable"),
        ("print(input())", "Output: 5", "not_checkable"),
        ("import os\nprint(os.getcwd())", "Output: /home", "not_checkable"),
        ("import datetime\nprint(datetime.date.today())", "Output: 2024-05-01", "not_checkable"),
        ("print([1, 3, 2])", "Output: [1, 2, 3]", "refuted"),
    ],
)
def test_an_output_is_held_against_what_is_said_of_it(source: str, stated: str, verdict: str) -> None:
    assert verdicts(C, fenced(source, stated)) == [verdict]


@inside
def test_the_order_of_a_set_refutes_nothing() -> None:
    names = "abcdefgh"
    stated = "{" + ", ".join(f"'{name}'" for name in names) + "}"
    assert verdicts(C, fenced(f"print(set('{names}'))", f"Output: {stated}")) == ["not_checkable"]
    assert verdicts(C, fenced("print(set('ab'))", "Output: {'a', 'c'}"))[0] != "verified"


@inside
def test_a_traceback_is_an_output() -> None:
    session = '>>> 1/0\nTraceback (most recent call last):\n  File "<stdin>", line 1, in <module>\n{}\n'
    assert verdicts(C, session.format("ZeroDivisionError: division by zero")) == ["verified"]
    assert verdicts(C, session.format("ValueError: no such thing")) == ["refuted"]
