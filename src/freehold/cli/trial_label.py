"""`freehold trial label`: what a person says of the two replies to one item, without knowing whose they are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from freehold.trials.labels import Better
    from freehold.trials.plan import Plan, TrialFolder
    from freehold.trials.report import Disagreement
    from freehold.trials.results import Row


def label(
    trial: Annotated[str | None, typer.Argument(help="The trial's id; default: the newest one.")] = None,
    item: Annotated[
        str | None, typer.Option(help="The item that is labelled; without it, the next one is shown.")
    ] = None,
    a: Annotated[
        float | None, typer.Option("--a", min=0, max=1, help="How good reply A is, from 0 (wrong) to 1 (right).")
    ] = None,
    b: Annotated[float | None, typer.Option("--b", min=0, max=1, help="How good reply B is.")] = None,
    better: Annotated[str | None, typer.Option(help="Which one is better: a, b or neither.")] = None,
    skip: Annotated[bool, typer.Option("--skip", help="It cannot be told; go on to the next one.")] = False,
    by: Annotated[str | None, typer.Option(help="Who says so; default: who runs this.")] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Holds a judge against people on a trial's own replies. Items come in an order that is drawn from the plan's seed, and count
    up to the first without a label; A and B are drawn for each. `freehold trial run` then counts the labels in, and asks the
    models nothing anew. A newer label of an item takes the place of the older one."""
    import time

    from freehold.cli.audit import print_json
    from freehold.cli.trial_opening import find_trial
    from freehold.config.paths import data_dir, environment, user_name
    from freehold.errors import InvalidField, NotFound
    from freehold.trials.labels import Said, a_is, drawn, keep_label, read_labels
    from freehold.trials.results import read_results

    folder = data_dir(data, environment())
    place = find_trial(folder, trial)
    plan, _ = place.read_plan()
    results, _ = read_results(place.results)
    rows = {row.item: row for row in results.rows}
    order = drawn(plan, results.rows)
    said, _ = read_labels(place.path)
    next_one = next((one for one in order if one not in said), None)
    if item is None:
        if skip or (a, b, better) != (None, None, None):
            raise InvalidField(
                "It is not said of which item.",
                f"Look at it first: `freehold trial label {plan.id}` names it for --item.",
                param="item",
            )
        if next_one is None:
            raise NotFound(
                f"All {len(order):,} items of {plan.id} are labelled.", f"Run it: `freehold trial run {plan.id}`."
            )
        shown = _shown(folder, place, plan, rows[next_one])
        a_first = a_is(plan, next_one) == "candidate"
        replies = (shown.candidate, shown.incumbent) if a_first else (shown.incumbent, shown.candidate)
        _print(plan, shown, replies, sum(one in said for one in order), len(order), as_json=json)
        return
    if item != next_one and item not in said:
        raise InvalidField(
            f"{item[:80]} is not the item whose turn it is.",
            f"`freehold trial label {plan.id}` shows the next one; they come in a drawn order.",
            param="item",
        )
    if (a is None and b is None and better is None) != skip:
        raise InvalidField(
            "Nothing is said of the replies." if not skip else "Something is said of replies that cannot be told.",
            "Give --a and --b, --better, or --skip.",
            param="skip",
        )
    mine, theirs = (a, b) if a_is(plan, item) == "candidate" else (b, a)
    one = Said(item=item, at=int(time.time() * 1000), by=user_name(environment()) if by is None else by,
               candidate=mine, incumbent=theirs, better=_better(plan, item, better))  # fmt: skip
    keep_label(place.path, one)
    left = sum(other not in said and other != item for other in order)
    if json:
        print_json({"trial": plan.id, "item": item, "by": one.by, "left": left})
    else:
        print(f"{item} is labelled; {left:,} are left.")


def _better(plan: "Plan", item: str, said: str | None) -> "Better | None":
    from freehold.errors import InvalidField
    from freehold.trials.labels import a_is

    if said not in (None, "a", "b", "neither"):
        raise InvalidField(f"--better is {said[:40]!r}.", "Write a, b or neither.", param="better")
    if said is None or said == "neither":
        return said
    first = a_is(plan, item)
    return first if said == "a" else ("incumbent" if first == "candidate" else "candidate")


def _shown(folder: Path, place: "TrialFolder", plan: "Plan", row: "Row") -> "Disagreement":
    """An item with both replies, opened; that they are looked at is noted before."""
    from freehold.cli.audit_contents import READ
    from freehold.cli.trial_items import load
    from freehold.cli.trial_opening import shelf
    from freehold.cli.trial_texts import disagreement
    from freehold.config.paths import environment, user_name
    from freehold.errors import TrialError
    from freehold.store.events import keep_event

    with shelf(folder) as opened:
        told = {"by": user_name(environment()), "command": "trial label", "of": "item", "trial": plan.id}
        keep_event(opened.db, READ, row.item, told)
        shown = disagreement(plan, row, load(plan, opened)[row.item], opened.replies)
    if shown.candidate is None or shown.incumbent is None:
        raise TrialError(
            f"A reply to {row.item} cannot be opened any more: it was erased, or its time is over.",
            f"Run the trial again, which takes it out: `freehold trial run {plan.id}`.",
        )
    return shown


def _print(
    plan: "Plan", shown: "Disagreement", replies: tuple[str | None, str | None], done: int, whole: int, *, as_json: bool
) -> None:
    from freehold.cli.audit import plain, print_json

    if as_json:
        told: dict[str, Any] = {
            "trial": plan.id,
            "item": shown.item,
            "asked": shown.asked,
            "reference": shown.reference,
        }
        print_json({**told, "a": replies[0], "b": replies[1], "labelled": done, "items": whole})
        return
    item = plain(shown.item)
    print(f"{item} ({done:,} of {whole:,} are labelled)\n\n{_indented(shown.asked or '')}")
    parts = [("A", replies[0]), ("B", replies[1])]
    if shown.reference is not None:
        parts.insert(0, ("right would be", shown.reference))
    for head, text in parts:
        print(f"\n--- {head} ---\n{_indented(text or '')}")
    print(f"\nfreehold trial label {plan.id} --item {item} --a 1 --b 0 --better a")


def _indented(text: str) -> str:
    """What a caller or a model wrote, such that it can neither move the cursor nor pass for one of our lines."""
    from freehold.cli.audit import plain

    return "\n".join(f"  {plain(line)}" for line in text.split("\n"))
