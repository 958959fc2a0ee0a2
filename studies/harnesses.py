"""Has two evaluation harnesses of others score a model through the door, beside our own graders, and writes docs/studies/harnesses.md.

    python studies/harnesses.py

`inspect-ai` and `lm-eval` run as they come, from their own command lines in an environment of their own, which is made below
studies/.work unless --venv names one that has both; all that they are told of Freehold is a base URL and a key. Behind the door is the vendor of the tests (`tests/trials/skilled.py`), whose models are right
on a known share of the sums that they are asked, the same sums every time. So each harness must find the same accuracy, right
to the last item, as a trial of ours does.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from cli.house_running import House, house  # noqa: E402
from freehold.cli.trial_opening import shelf  # noqa: E402
from freehold.trials.results import Row  # noqa: E402
from trials.pipeline import HOUSE, arm, planned, ran  # noqa: E402
from trials.skilled import is_right, questions, skilled, write_questions  # noqa: E402

PAGE = ROOT / "docs" / "studies" / "harnesses.md"
WORK = ROOT / "studies" / ".work" / "harnesses"
PACKAGES = ("inspect-ai", "lm-eval[api]", "openai")
"""Both harnesses, and the client that one of them asks with."""

MODELS = ("skilled/right-80", "skilled/right-74")
PARALLEL = 16

INSPECT_TASK = """from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import exact
from inspect_ai.solver import generate


@task
def sums():
    return Task(dataset=json_dataset("inspect.jsonl"), solver=generate(), scorer=exact())
"""

LM_EVAL_TASK = """task: sums
dataset_path: json
dataset_kwargs:
  data_files:
    test: {data}
test_split: test
output_type: generate_until
doc_to_text: "{{{{input}}}}"
doc_to_target: "{{{{reference}}}}"
generation_kwargs:
  max_gen_toks: 16
  do_sample: false
  until: []
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
"""

HEAD = """# Other harnesses, through the door

`inspect-ai` {inspect} and `lm-eval` {lm_eval}, unchanged, as clients of a running Freehold: {count:,} sums, two models that are
right on a known share of them, asked through `freehold up` with its own processes. Made by `studies/harnesses.py`; its docstring
says how.

| model | truly right | `exact` of Freehold, in a trial | `exact` of inspect-ai | `exact_match` of lm-eval | items on which any two differ |
|---|--:|--:|--:|--:|--:|
"""

TAIL = """
*Truly right* is counted from the vendor's own rule, without any harness. The last column compares item by item: what each harness
wrote down of each sum, held against what the trial wrote down.

What each was told of Freehold:

```console
$ FREEHOLD_BASE_URL=http://127.0.0.1:8800/v1 FREEHOLD_API_KEY=fh-... inspect eval sums.py --model openai-api/freehold/skilled/right-80
$ OPENAI_API_KEY=fh-... lm-eval run --model local-chat-completions --tasks sums --include_path . --apply_chat_template \\
    --model_args model=skilled/right-80,base_url=http://127.0.0.1:8800/v1/chat/completions
```

What this does not show: a task in which formats matter. Sums have one right answer, written in one way; a grader that normalises
and a harness that does so otherwise would differ, and rightly.
"""

Scores = dict[str, bool]
"""Whether each item, by its question, was scored right."""


async def trial(door: House, source: Path) -> list[Scores]:
    """Both models in one trial of ours."""
    with shelf(door.data) as opened:
        plan = planned(opened, source, arm(MODELS[1]), arm(MODELS[0]))
        results = await ran(opened, plan, door)
    asked = {str(line["id"]): str(line["input"]) for line in questions(len(plan.items))}

    def of(rows: tuple[Row, ...], side: str) -> Scores:
        return {asked[row.item]: getattr(row, side).scores["exact"] == 1.0 for row in rows}

    return [of(results.rows, "incumbent"), of(results.rows, "candidate")]


def inspect(venv: Path, door: House, folder: Path, model: str) -> Scores:
    """inspect-ai's own verdict on each item."""
    logs = folder / f"inspect-{model.rpartition('/')[2]}"
    said = ("--model", f"openai-api/freehold/{model}", "--log-dir", logs, "--log-format", "json", "--display", "none")
    command = [venv / "bin" / "inspect", "eval", "sums.py", *said, "--max-connections", PARALLEL]
    call(command, folder, FREEHOLD_BASE_URL=f"{door.url}/v1", FREEHOLD_API_KEY=door.key)
    (path,) = logs.glob("*.json")
    log = json.loads(path.read_text())
    return {sample["input"]: sample["scores"]["exact"]["value"] == "C" for sample in log["samples"]}


def lm_eval(venv: Path, door: House, folder: Path, model: str) -> Scores:
    """lm-eval's own verdict on each item."""
    out = folder / f"lm-eval-{model.rpartition('/')[2]}"
    told = f"model={model},base_url={door.url}/v1/chat/completions,num_concurrent={PARALLEL},max_retries=3"
    said = ("--model", "local-chat-completions", "--model_args", told, "--tasks", "sums", "--include_path", folder)
    command = [venv / "bin" / "lm-eval", "run", *said, "--apply_chat_template", "--output_path", out, "--log_samples"]
    call(command, folder, OPENAI_API_KEY=door.key, HF_HUB_OFFLINE="1", HF_HOME=str(folder / "home"))
    (path,) = out.rglob("samples_sums_*.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {line["doc"]["input"]: line["exact_match"] == 1.0 for line in lines}


def call(command: list[Any], folder: Path, **environ: str) -> None:
    """Runs a harness to its end; what it says is shown when it fails."""
    done = subprocess.run(  # noqa: S603
        list(map(str, command)), cwd=folder, env={**os.environ, **environ}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def version(venv: Path, package: str) -> str:
    """The version of a package in an environment."""
    asked = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run([venv / "bin" / "python", "-c", asked], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.strip()


def row(model: str, count: int, found: dict[str, Scores]) -> str:
    """One line of the table. Raises AssertionError where a harness left an item out."""
    asked = [str(line["input"]) for line in questions(count)]
    for name, scores in found.items():
        assert sorted(scores) == sorted(asked), f"{name} scored {len(scores)} of {count} items of {model}"
    truly = sum(is_right(model.rpartition("/")[2], question) for question in asked)
    differing = sum(len({scores[question] for scores in found.values()}) > 1 for question in asked)
    shares = "".join(f" {sum(scores.values()):,} ({sum(scores.values()) / count:.1%}) |" for scores in found.values())
    return f"| `{model}` | {truly:,} ({truly / count:.1%}) |{shares} {differing} |\n"


async def study(venv: Path, count: int) -> str:
    """The whole table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = write_questions(folder / "items.jsonl", count)
        lines = [json.loads(line) for line in source.read_text().splitlines()]
        pairs = [json.dumps({"input": line["input"], "target": line["reference"]}) for line in lines]
        (folder / "inspect.jsonl").write_text("\n".join(pairs) + "\n")
        (folder / "sums.py").write_text(INSPECT_TASK)
        (folder / "sums.yaml").write_text(LM_EVAL_TASK.format(data=source))
        async with skilled() as vendor, house(folder, HOUSE.format(base_url=vendor.base_url)) as door:
            ours = await trial(door, source)
            rows: list[str] = []
            for model, scores in zip(MODELS, ours, strict=True):
                found = {"Freehold": scores}
                for harness, run in (("inspect-ai", inspect), ("lm-eval", lm_eval)):
                    found[harness] = await asyncio.to_thread(run, venv, door, folder, model)
                    sys.stderr.write(f"{model}: {harness} {sum(found[harness].values())} of {count}\n")
                rows.append(row(model, count, found))
    return "".join(rows)


def installed(folder: Path) -> Path:
    """An environment with both harnesses; one that was made before is taken as it is."""
    done = folder / "made"
    if not done.exists():
        sys.stderr.write(f"Installing {', '.join(PACKAGES)} in {folder}.\n")
        call([sys.executable, "-m", "venv", "--clear", folder], ROOT)
        call([folder / "bin" / "python", "-m", "pip", "install", "-qq", *PACKAGES], ROOT)
        done.touch()
    return folder


def main() -> None:
    """Runs the study and writes the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv", type=Path, help="an environment that has both harnesses; default: one is made")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=PAGE)
    options = parser.parse_args()
    venv = options.venv or installed(WORK)
    rows = asyncio.run(study(venv, options.count))
    versions = {"inspect": version(venv, "inspect-ai"), "lm_eval": version(venv, "lm-eval")}
    options.out.write_text(HEAD.format(count=options.count, **versions) + rows + TAIL)


if __name__ == "__main__":
    main()
