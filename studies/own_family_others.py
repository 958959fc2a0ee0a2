"""Asks open models the questions of the own family's test items, through the engine that serves them: llama.cpp behind `freehold.serving.engine`.

They were never trained on these tasks, so each is shown solved problems of the training split, once with steps and once without, in one message before the
question. Answers are graded by the task's own grader. The pretrained one follows examples and no instructions; its replies are cut at the first blank line.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from own_family_running import machine

from freehold.config.paths import cache_dir, environment
from freehold.processes import PARENT_FD
from freehold.serving.machine import cores, free_ports
from freehold.serving.weights import fetch
from freehold.training import tasks
from freehold.training.tasks.drawing import draw, held_out
from freehold.training.tasks.task import Problem, Task, judge, read_reply, write_reply

OTHERS: Mapping[str, str] = {
    "smollm2-135m": "SmolLM2-135M-Instruct, Q4_1",
    "gemma3-270m": "Gemma-3-270M, pretrained, Q4_K_M",
}

QUESTIONS: tuple[tuple[Mapping[str, Any], tuple[int, ...], int], ...] = (
    ({"task": "arithmetic-chains", "steps": "whole"}, (2, 3, 4, 5), 96),
    ({"task": "refund-policy"}, (0, 1, 2, 3, 4, 5), 400),
)
"""Tasks, levels, and the most tokens of a reply with steps. Sums are shown in coarse steps, which are closer to what these models have read."""

SHOWN = 2
"""Solved problems before each question."""

ANSWER_TOKENS = 16
CONTEXT = 4096
PATIENCE = 300.0
"""Seconds that an engine may take to read its weights, and to answer."""

log = logging.getLogger("study")


class Asked(Struct, frozen=True, kw_only=True):
    """One level: `right` of `items`, of these `proven` step by step."""

    task: str
    level: int
    thinking: bool
    items: int
    right: int
    proven: int


class Other(Struct, frozen=True, kw_only=True):
    """What an open model was right on."""

    model: str
    made: str
    machine: str
    threads: int
    wall: float
    scores: tuple[Asked, ...]


def run_other(name: str, folder: Path, items: int, threads: int) -> None:
    """Asks a model that has no record yet, and writes one."""
    path = folder / f"{name}.json"
    if path.exists():
        return
    log.info("%s, %d items a level", name, items)
    began = time.monotonic()
    cache = cache_dir(environment())
    with served(name, fetch(name, cache), threads or cores()) as connection:
        scores = [
            asked(connection, task, level, items, thinking=thinking, tokens=tokens)
            for table, levels, tokens in QUESTIONS
            for task in [tasks.make(table)]
            for thinking in (False, True)
            for level in levels
        ]
    other = Other(
        model=name,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine(),
        threads=threads or cores(),
        wall=(time.monotonic() - began) / 60,
        scores=tuple(scores),
    )
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(other), indent=1))
    part.replace(path)


def read_others(folder: Path) -> dict[str, Other]:
    """The records that there are, by model."""
    found = {name: folder / f"{name}.json" for name in OTHERS}
    return {name: msgspec.json.decode(path.read_bytes(), type=Other) for name, path in found.items() if path.exists()}


@contextlib.contextmanager
def served(name: str, weights: Path, threads: int) -> Generator[HTTPConnection, None, None]:
    """The engine as `freehold up` starts it, on a free port; a connection to it. It ends with this process, however that ends."""
    (port,) = free_ports(1)
    reading, writing = os.pipe()
    environ = {**environment(), PARENT_FD: str(reading)}
    said = ("--port", port, "--context", CONTEXT, "--parallel", 1, "--threads", threads)
    command = [sys.executable, "-m", "freehold.serving.engine", "--weights", weights, "--model", name, *said]
    with subprocess.Popen(list(map(str, command)), env=environ, pass_fds=(reading,)) as process:  # noqa: S603 - our own engine
        connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            _ready(connection, process)
            yield connection
        finally:
            connection.close()
            process.terminate()
            os.close(writing)
            os.close(reading)


def asked(connection: HTTPConnection, task: Task, level: int, items: int, *, thinking: bool, tokens: int) -> Asked:
    """One level of a task: the first test items, the same that our own models are tried on."""
    rights = provens = 0
    problems = held_out(task, "test", level, items)
    connection.close()  # drawing hard ones may take longer than the engine keeps an idle connection; the next request opens another
    for problem in problems:
        text = _reply(connection, task, problem, thinking=thinking, tokens=tokens if thinking else ANSWER_TOKENS)
        judged = judge(task, problem, text)
        rights += judged.grade.score == 1.0
        provens += judged.proven
    return Asked(task=task.name, level=level, thinking=thinking, items=len(problems), right=rights, proven=provens)


def _reply(connection: HTTPConnection, task: Task, problem: Problem, *, thinking: bool, tokens: int) -> str:
    body = {
        "messages": [{"role": "user", "content": _shown(task, problem, thinking=thinking)}],
        "temperature": 0,
        "max_tokens": tokens,
        "stop": ["Question:", "\n\n"],
    }
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"The engine answers {answer.status}: {content[:300].decode(errors='replace')}")
    message = json.loads(content)["choices"][0]["message"]
    # The engine takes what stands between the markers out of the text.
    thought, text = message.get("reasoning_content") or "", (message.get("content") or "").strip()
    whole = f"<think>\n{thought}\n</think>\n{text}" if thought else text.removeprefix("Answer:").strip()
    return whole if thinking else read_reply(whole).answer.partition("\n")[0].strip()


def _shown(task: Task, problem: Problem, *, thinking: bool) -> str:
    """Solved problems of the same level and of the training split, and the question."""
    how = "Write the steps between <think> and </think>, then the answer." if thinking else "Write the answer alone."
    shown = islice(draw(task, "train", {problem.level: 1.0}, 0), SHOWN)
    parts = [
        f"Question: {task.render(one)}\nAnswer: {write_reply(task.solve(one), thinking=thinking)}" for one in shown
    ]
    return "\n\n".join((f"{how} Do as in the examples.", *parts, f"Question: {task.render(problem)}\nAnswer:"))


def _ready(connection: HTTPConnection, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                return
        except OSError:
            connection.close()
        time.sleep(0.5)
    raise RuntimeError("The engine does not get ready.")
