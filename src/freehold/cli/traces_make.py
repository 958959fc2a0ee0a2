"""`freehold traces make`: the inputs of a workload's items, answered step by step by a teacher that may teach."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from freehold.items import Item
    from freehold.training.traces import Made


def make(
    workload: Annotated[str, typer.Argument(help="The workload whose items are answered.")],
    teacher: Annotated[str, typer.Option("--teacher", help="Who answers: vendor/model.")],
    out: Annotated[Path, typer.Option(help="The dataset to write, as lines of JSON.")],
    samples: Annotated[int, typer.Option(min=1, max=256, help="How often each item is asked at most.")] = 8,
    enough: Annotated[int, typer.Option(min=1, help="How many good traces of an item are enough.")] = 1,
    student: Annotated[str | None, typer.Option(help="The model to teach; default: own/WORKLOAD.")] = None,
    in_house: Annotated[
        bool, typer.Option("--in-house", help="The student is never offered to others; some terms permit more then.")
    ] = False,
    declares: Annotated[
        list[str] | None,
        typer.Option(help="A condition of the teacher's terms that you answer for: under-threshold, non-commercial."),
    ] = None,
    weights: Annotated[
        bool,
        typer.Option(
            "--weights", help="The teacher is open weights that you host: their licence holds, no API's terms."
        ),
    ] = False,
    items: Annotated[
        Path | None,
        typer.Option(
            help="A file of items; default: the training split of the store, but for the tenth that runs look at."
        ),
    ] = None,
    terms: Annotated[
        Path | None, typer.Option(help="A file of further terms, such as an order form of your own.")
    ] = None,
    most_usd: Annotated[
        str | None,
        typer.Option(
            help="Hard limit on what this run may spend, in dollars; not with --key or --url, whose key has its own."
        ),
    ] = None,
    temperature: Annotated[float, typer.Option(min=0, max=2, help="How much samples differ.")] = 0.8,
    max_tokens: Annotated[int, typer.Option(min=1, help="Cap of each answer, in tokens.")] = 4096,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Questions under way at once.")] = 8,
    url: Annotated[str | None, typer.Option(help="Where the door is; default: the one of this data folder.")] = None,
    key: Annotated[
        str | None, typer.Option(help="The key; default: one made for this run, for the teacher only.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="freehold.toml; default: the one in this folder, if any.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Asks the teacher through the running door, and keeps what the workload's first grader gives the full score and no verifier of steps
    refutes. A teacher whose terms forbid it is refused before anything is asked; an own model teaches what all that it was made from permits.

    Every attempt is kept beside the dataset as it comes, so the same command goes on after an interruption and pays nothing twice. The
    dataset holds what callers wrote, in the clear: an erasure does not reach it, so keep it no longer than you may."""
    import contextlib
    import sys
    from datetime import UTC, datetime

    import uvloop

    from freehold.catalog.terms import Terms, further
    from freehold.cli.audit import Counting, print_json
    from freehold.cli.overrides import overrides_in
    from freehold.cli.running import find_door
    from freehold.cli.settings import read_settings
    from freehold.cli.traces_key import teacher_key
    from freehold.cli.traces_lineage import lineage_of
    from freehold.cli.train_workload import grader_of
    from freehold.config.paths import cache_dir, config_file, data_dir, environment
    from freehold.errors import InvalidField, UnknownWorkload
    from freehold.reasoning import available
    from freehold.training.ancestry import behind_teacher
    from freehold.training.dataset import write_dataset
    from freehold.training.provenance import Student
    from freehold.training.tasks.workload import WorkloadTask, require_telling
    from freehold.training.teacher import Teacher
    from freehold.training.traces import Asked, AttemptLog, Wanted, make_traces, require_teacher

    if most_usd is not None and (key is not None or url is not None):
        raise InvalidField(
            "--most-usd limits the key that this command makes, and with --key or --url it makes none.",
            "Give the key a budget of its own: `freehold keys create --budget-usd`.",
            param="most-usd",
        )
    settings = read_settings(config_file(config, Path()), data_dir(data, environment()))
    if workload not in settings.workloads:
        raise UnknownWorkload(f"There is no workload {workload}.", f"There are {', '.join(settings.workloads)}.")
    folder = data_dir(data, environment())
    known, today = Terms.load(*further(terms)), datetime.now(UTC).date().isoformat()
    papers = lineage_of(teacher, settings, folder, cache_dir(environment()))
    wanted = Wanted(
        student=Student(name=student or f"own/{workload}", offered=not in_house, declares=frozenset(declares or ())),
        teacher=teacher,
        route="weights" if weights else "api",
        on=today,
        samples=samples,
        enough=enough,
        body={"temperature": temperature, "max_tokens": max_tokens},
        lineage={} if papers is None else behind_teacher(papers, known, today),
    )
    overrides = overrides_in(folder, config)
    require_teacher(wanted, known, overrides)
    chosen = _items(workload, items, folder)
    verifiers = available()[0]
    with contextlib.ExitStack() as stack:
        for verifier in verifiers:
            stack.callback(verifier.close)
        grader = grader_of(settings.workloads[workload].graders, workload)
        task = WorkloadTask(chosen, grader, verifiers)
        warning = require_telling(task, rewards=False)
        if warning:
            print(warning, file=sys.stderr)
        asked = Asked(teacher, wanted.route, _hash(grader))
        log = stack.enter_context(contextlib.closing(AttemptLog(out.with_suffix(".attempts.jsonl"), asked)))
        door = find_door(url, key or "unused", folder)
        if key is None:
            key = (
                stack.enter_context(teacher_key(folder, log, workload, teacher, most_usd))
                if url is None
                else find_door(url, None, folder).key
            )
        counting = stack.enter_context(contextlib.closing(Counting("Answering")))

        async def run() -> "Made":
            asked = Teacher(door.url, key, teacher)
            try:
                return await make_traces(
                    wanted, chosen, task, asked.ask, log, known,
                    overrides=overrides, concurrency=concurrency, progress=counting,
                )  # fmt: skip
            finally:
                asked.close()

        made = uvloop.run(run())
        write_dataset(made.dataset, out)
    if json:
        print_json(_told(made, out))
    else:
        _print(made, out)


def _hash(grader: dict[str, Any]) -> str:
    import hashlib

    import msgspec

    return hashlib.sha256(msgspec.json.encode(grader, order="deterministic")).hexdigest()


def _items(workload: str, path: Path | None, folder: Path) -> "Sequence[Item]":
    from freehold.cli.train_workload import training_items
    from freehold.cli.trial_items import read_file

    return read_file(path, workload)[0] if path is not None else training_items(folder, workload).learned


def _told(made: "Made", out: Path) -> dict[str, Any]:
    return {
        "dataset": str(out),
        "digest": made.dataset.digest,
        "traces": len(made.dataset.examples),
        "outcomes": made.outcomes,
        "without": list(made.without),
        "left_out": made.left_out,
    }


def _print(made: "Made", out: Path) -> None:
    from collections import Counter

    print(f"{len(made.dataset.examples):,} traces in {out}, dataset sha256:{made.dataset.digest}.")
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(made.outcomes.items()))
    print(f"Attempts: {told or 'none'}. Items without a trace: {len(made.without):,}.")
    for reason, count in Counter(made.left_out.values()).most_common():
        print(f"{count:,} items left out: {reason}")
