"""`freehold audit faithfulness`: does a model's answer depend on its chain of thought?"""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.cli.audit_filters import AsJson, Data

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from freehold.cli.audit_faithfulness_asking import Asker
    from freehold.cli.audit_faithfulness_items import Chosen
    from freehold.cli.audit_faithfulness_journal import Journal
    from freehold.cli.audit_faithfulness_page import About
    from freehold.reasoning.faithfulness import Report
    from freehold.reasoning.probes import Plan

INTERRUPTED = 130


def faithfulness(
    model: Annotated[str, typer.Argument(help="vendor/model, as the door knows it.")],
    workload: Annotated[
        str | None,
        typer.Option("--workload", "-w", help="Whose items are asked: those that are stored, or those in the file."),
    ] = None,
    items: Annotated[
        Path | None,
        typer.Option(
            help="Items, one JSON object a line; default: the workload's stored ones, else generated problems."
        ),
    ] = None,
    sample: Annotated[int, typer.Option(min=1, help="At most so many items.")] = 200,
    probes: Annotated[
        list[str] | None,
        typer.Option("--probe", help="early, mistakes, filler, paraphrase or hints; may be repeated. Default: all."),
    ] = None,
    hints: Annotated[
        list[str] | None,
        typer.Option("--hint", help="opinion, expert, metadata, grader or access. Default: expert and metadata."),
    ] = None,
    chain: Annotated[
        str, typer.Option(help="Where the chain is: visible (the text before the answer), shown (by the vendor), auto.")
    ] = "auto",
    prefill: Annotated[str, typer.Option(help="Whether a turn can be begun for the model: auto, yes, no.")] = "auto",
    paraphraser: Annotated[str | None, typer.Option(help="The model that says chains in other words.")] = None,
    effort: Annotated[str | None, typer.Option(help="How much the model should think: low, medium, high, ...")] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Ask each item as it is; for models that reason unasked, as own ones do.")
    ] = False,
    steps: Annotated[str, typer.Option(help="What is a step of a chain: sentences, or lines.")] = "sentences",
    points: Annotated[int, typer.Option(min=1, help="Places in a chain to answer early at.")] = 6,
    mistakes: Annotated[int, typer.Option(min=1, help="Places in a chain to put a mistake at.")] = 4,
    fillers: Annotated[int, typer.Option(min=1, help="Lengths of dots to put in the chain's place, beside none.")] = 4,
    rewordings: Annotated[int, typer.Option(min=1, help="Places in a chain up to which other words are put.")] = 3,
    max_tokens: Annotated[int, typer.Option(min=16, help="Cap of a chain with its answer, in tokens.")] = 512,
    most_usd: Annotated[str | None, typer.Option(help="Stop before this many dollars could be passed.")] = None,
    most_per_item: Annotated[
        int | None, typer.Option(min=1, help="Try fewer places, so that no item takes more requests.")
    ] = None,
    most_requests: Annotated[int | None, typer.Option(min=1, help="Stop after so many requests.")] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Items probed at once.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the sample, the mistakes, the hints and the intervals.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="The folder for report.json, report.html, curves.svg and the list of replies.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="Where the door is; default: the one of this data folder.")] = None,
    key: Annotated[
        str | None, typer.Option(help="The key; default: FREEHOLD_API_KEY, else the first admin key.")
    ] = None,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Asks the model each item in several ways: with its chain cut short, with a mistake at one place or another, with dots or
    other words in its place, with a wrong answer hinted at. Says how often the answer moved, with intervals and areas over the
    curves, and what was not possible and why. What it will ask at most is said before the first request.

    Every reply is sealed in the data folder as it comes, under the data subject of its item, and noted in the folder of the
    report. After an interrupt or a cap the same command goes on where it stopped."""
    from freehold.cli.audit_faithfulness_asking import Asker, Caps, way_of
    from freehold.cli.audit_faithfulness_items import choose
    from freehold.cli.audit_faithfulness_page import About
    from freehold.cli.running import find_door
    from freehold.config.paths import data_dir, environment
    from freehold.reasoning.probes import PROBES, Plan

    way, known_by = way_of(model, prefill)
    plan = Plan(
        probes=_known("probe", probes, PROBES),
        way=way,
        chain=_sought(chain),
        plain=plain,
        steps=_cut(steps),
        points=points,
        mistakes=mistakes,
        fillers=fillers,
        rewordings=rewordings,
        hints=_hints(hints),
        tokens=max_tokens,
        paraphraser=paraphraser is not None,
        seed=seed,
    )
    plan = _fitted(plan, most_per_item)
    caps = Caps(nano=_nano(most_usd), requests=most_requests)
    door = find_door(url, key, data)
    chosen = choose(items, workload, sample, seed, data)
    _announced(plan, len(chosen.problems))
    folder = out or Path(f"faithfulness-{model.replace('/', '-')}")
    with _journal(folder, chosen, data_dir(data, environment())) as journal:
        names = {"model": model} | ({} if paraphraser is None else {"paraphraser": paraphraser})
        asker = Asker(door, names, journal, caps, effort)
        about = About(
            model=model,
            workload=workload or "",
            source=chosen.source,
            way=way,
            known_by=known_by,
            paraphraser=paraphraser or "",
        )
        report, about = _probed(chosen, plan, asker, concurrency, about)
    _told(folder, report, about, plan, json)
    if asker.interrupted:
        raise typer.Exit(INTERRUPTED)


def _fitted(plan: "Plan", most: int | None) -> "Plan":
    """The plan, with fewer places where an item would take more requests. Raises InvalidField."""
    from freehold.errors import InvalidField
    from freehold.reasoning.budget import within

    if most is None:
        return plan
    try:
        return within(plan, most)
    except ValueError as error:
        raise InvalidField(
            f"--most-per-item {most}: {error}.", "Allow more, or name fewer probes.", param="most-per-item"
        ) from error


def _announced(plan: "Plan", items: int) -> None:
    """Says what the run will ask at most, before it asks anything."""
    import sys

    from freehold.cli.audit import counted
    from freehold.reasoning.budget import requests

    asked = requests(plan)
    each = sum(asked.values())
    parts = ", ".join(f"{name} {count}" for name, count in asked.items())
    print(
        f"At most {counted(each, 'request')} an item ({parts}): {each * items:,} for {counted(items, 'item')}.",
        file=sys.stderr,
    )


def _probed(chosen: "Chosen", plan: "Plan", asker: "Asker", concurrency: int, about: "About") -> "tuple[Report, About]":
    import time

    import msgspec

    from freehold.cli.audit import Counting
    from freehold.cli.audit_faithfulness_asking import run
    from freehold.reasoning.faithfulness import summarise

    with contextlib.closing(Counting("Probing")) as progress:
        seen, why = run(chosen.problems, plan, asker, concurrency, progress)
    about = msgspec.structs.replace(
        about,
        wanted=len(chosen.problems),
        stopped=why,
        requests=asker.requests,
        reused=asker.reused,
        input_tokens=asker.input_tokens,
        output_tokens=asker.output_tokens,
        nano=asker.spent,
        made_at=int(time.time() * 1000),
    )
    return summarise(seen, plan), about


def _told(folder: Path, report: "Report", about: "About", plan: "Plan", as_json: bool) -> None:
    """Writes the report into the folder and says it."""
    import sys

    import msgspec

    from freehold.cli.audit import plain, print_json
    from freehold.cli.audit_faithfulness_page import lines, page
    from freehold.cli.audit_faithfulness_plots import picture

    told: dict[str, Any] = {"about": about, "plan": plan, "report": report}
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
    (folder / "report.html").write_text(page(report, about, plan))
    (folder / "curves.svg").write_text(picture(report, about.model))
    if as_json:
        print_json(told)
    else:
        print("\n".join(plain(line) for line in lines(report, about)))
    print(f"The report, with plots: {folder / 'report.html'}", file=sys.stderr)


@contextlib.contextmanager
def _journal(folder: Path, chosen: "Chosen", data: Path) -> "Generator[Journal]":
    """The journal in this folder, whose replies are sealed in the data folder."""
    from freehold.cli.audit_faithfulness_items import owners_of
    from freehold.cli.audit_faithfulness_journal import Journal
    from freehold.cli.trial_opening import shelf
    from freehold.errors import StoreError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder} cannot be made: {error.strerror}.", "Name another folder with --out.") from error
    with _alone(folder), shelf(data) as opened:
        owners = owners_of(chosen, opened.subjects)
        with contextlib.closing(
            Journal(folder / "replies.jsonl", opened.contents, owners, opened.secret)
        ) as journal:  # fmt: skip
            yield journal


@contextlib.contextmanager
def _alone(folder: Path) -> "Generator[None]":
    """Keeps a second audit out of this folder: each would write over the other's lines. Raises StoreError."""
    from freehold.errors import StoreError
    from freehold.ledger.folder import alone_or

    said = f"Another audit writes into {folder} now."
    with contextlib.ExitStack() as stack:
        try:
            taken = StoreError(said, "Wait for its end, or name another folder with --out.")
            stack.enter_context(alone_or(folder / ".lock", taken))
        except OSError as error:
            raise StoreError(
                f"{folder} cannot be used: {error.strerror}.", "Name another folder with --out."
            ) from error
        yield


def _sought(chain: str) -> Any:
    return _known("chain", [chain], ("auto", "visible", "shown"))[0]


def _cut(steps: str) -> Any:
    return _known("kind of steps", [steps], ("sentences", "lines"))[0]


def _hints(named: list[str] | None) -> tuple[str, ...]:
    from freehold.reasoning.hints import BY_NAME
    from freehold.reasoning.probes import Plan

    return _known("hint", named, tuple(BY_NAME)) if named else Plan().hints


def _known(option: str, named: list[str] | None, known: "Sequence[str]") -> tuple[str, ...]:
    """The names in the order that is usual, each once; all when none is named. Raises InvalidField."""
    from freehold.errors import InvalidField

    for name in named or ():
        if name not in known:
            raise InvalidField(f"There is no {option} {name!r}.", f"Write one of {', '.join(known)}.", param=option)
    return tuple(name for name in known if not named or name in named)


def _nano(dollars: str | None) -> int | None:
    from freehold.config.money import nano
    from freehold.errors import InvalidField

    if dollars is None:
        return None
    try:
        return nano(dollars)
    except ValueError as error:
        raise InvalidField(f"--most-usd {error}.", "Write it as 5 or 0.25.") from error
