"""The worker: answers, is killed when it is late, and comes back."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytest.importorskip("sympy", reason="the extra `reasoning` is not installed")

from freehold.reasoning.worker import Worker

TWO_X = ["*", ["num", "2"], ["sym", "x"]]
EASY = {"task": "equal", "left": TWO_X, "right": TWO_X}
S = ["sym", "x"]
TOWER = ["^", S, ["^", S, ["fn", "tan", S]]]
# This product has no closed integral, and the search for one does not end in 20 seconds.
HARD = {
    "task": "integral",
    "of": ["*", ["fn", "sin", TOWER], ["fn", "cos", ["^", S, ["fn", "sin", S]]]],
    "right": ["num", "1"],
    "variable": "x",
    "bounds": [["num", "1"], ["num", "2"]],
}

STEPPING_BACK = f"""
import contextlib, os
from freehold.reasoning.worker import Worker
with contextlib.closing(Worker("freehold.reasoning.mathematics")) as worker:
    for step in 0, 3:
        os.nice(step)
        assert worker.ask({EASY}, 30)
        print(os.getpriority(os.PRIO_PROCESS, worker.pid))
"""


def test_a_late_answer_costs_the_child_and_not_the_parent() -> None:
    worker = Worker("freehold.reasoning.mathematics")
    answer = worker.ask(EASY, 30)
    assert answer is not None
    assert answer["holds"] is True
    first = worker.pid
    began = time.monotonic()
    assert worker.ask(HARD, 0.5) is None
    assert time.monotonic() - began < 10
    assert worker.pid is None
    assert worker.ask(EASY, 30) == answer
    assert worker.pid not in (None, first)
    worker.close()


def test_a_child_that_dies_is_replaced() -> None:
    worker = Worker("freehold.reasoning.mathematics")
    worker.ask(EASY, 30)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    time.sleep(0.2)
    answer = worker.ask(EASY, 30)
    assert answer is not None
    assert answer["holds"] is True
    worker.close()
    assert worker.pid is None


def test_the_child_steps_back_as_far_as_its_parent_has() -> None:
    said = subprocess.run([sys.executable, "-c", STEPPING_BACK], capture_output=True, check=True, text=True, timeout=60)
    before, after = map(int, said.stdout.split())
    assert after == min(before + 3, 19)


def test_a_wrong_question_is_answered_with_the_error() -> None:
    worker = Worker("freehold.reasoning.mathematics")
    answer = worker.ask({"task": "equal", "left": ["/", ["num", "1"], ["num", "0"]], "right": ["num", "1"]}, 30)
    assert answer is not None
    assert answer["error"].startswith("ZeroDivisionError")
    worker.close()


def test_a_module_that_does_not_exist_gives_no_answer() -> None:
    assert Worker("freehold.reasoning.no_such_module").ask(EASY, 5) is None
