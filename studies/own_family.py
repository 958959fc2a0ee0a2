"""Trains and measures the own family, and writes docs/own-family.md from the records that it finds.

    python studies/own_family.py --plan                     the cells, and about how long each takes
    python studies/own_family.py                            all of them: `--minutes 20 --seeds 3`
    python studies/own_family.py --only refunds             some of them
    python studies/own_family.py --only none                the page alone

It runs where torch is (the extra `training`; for the models beside it the extra `own`). Each cell leaves a record, one JSON file below studies/records/own-family,
and its run below studies/.work/own-family; a second call goes on with those that have no record, and what is killed goes on from its checkpoint. Records of
different budgets never mix.
What a cell is stands in own_family_cells.py, how it is run in own_family_running.py, the models beside it in own_family_others.py.
"""

import argparse
import logging
import sys
from functools import partial
from pathlib import Path

from own_family_cells import ROOT, Cell, Setting
from own_family_members import ALL
from own_family_others import OTHERS, run_other
from own_family_page import write_page
from own_family_running import Place, run_cell

from freehold.errors import FreeholdError
from freehold.training.heavy.libraries import torch

WORK = ROOT / "studies" / ".work" / "own-family"
RECORDS = ROOT / "studies" / "records" / "own-family"
TRYING = 2.0
"""Minutes that a cell is tried for, with 100 items a level on two idle cores."""

log = logging.getLogger("study")


def main() -> None:
    """Reads the arguments, runs what has no record, writes the page."""
    parser = argparse.ArgumentParser(description="Trains and measures the own family.")
    parser.add_argument("--minutes", type=float, default=20.0, help="budget of a cell, in minutes of two idle cores")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--items", type=int, default=100, help="held-out items a level")
    parser.add_argument("--few", type=int, default=10, help="held-out items a level for the models beside it")
    parser.add_argument("--threads", type=int, default=0, help="threads; 0 is one for each core")
    parser.add_argument("--only", default="", help="names of cells or parts, with commas")
    parser.add_argument("--plan", action="store_true", help="print the cells and end")
    parser.add_argument("--work", type=Path, default=WORK, help="where runs lie")
    parser.add_argument("--records", type=Path, default=RECORDS)
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "own-family.md")
    chosen = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    budget = f"minutes-{chosen.minutes:g}"
    place = Place(chosen.work.absolute() / budget, chosen.records.absolute() / budget)
    wanted = {one for one in chosen.only.split(",") if one}
    cells = [cell for cell in ALL if not wanted or wanted & {cell.name, cell.part}]
    others = [name for name in OTHERS if not wanted or wanted & {name, "others"}]
    if chosen.plan:
        print_plan(cells, others, place, chosen.minutes, chosen.seeds)
        return
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    base = place.base(ROOT / "recipes" / "nano.toml")
    for seed in range(1, chosen.seeds + 1):
        for cell in (one for one in cells if seed <= (one.seeds or seed)):
            setting = Setting(seed, chosen.minutes, chosen.threads, base, partial(place.run_of, seed=seed))
            step(cell, setting, place, chosen.items)
    for name in others:
        run_other(name, place.kept.parent / "others", chosen.few, chosen.threads)
    write_page(place, chosen.page, chosen.minutes, chosen.seeds, chosen.few)


def step(cell: Cell, setting: Setting, place: Place, items: int) -> None:
    """Runs a cell that has no record, once those that it needs have one. One that cannot be run says why on the page, and is tried again by the next call."""
    if place.record(cell.name, setting.seed).exists():
        return
    missing = [name for name in cell.needs if not place.weights_of(name, setting.seed)]
    if missing:
        said = "%s, seed %d: not run, the weights of %s are not here; they come with its run, so take its record away if it has one"
        log.info(said, cell.name, setting.seed, ", ".join(missing))
        return
    log.info("%s, seed %d", cell.name, setting.seed)
    fault = place.fault(cell.name, setting.seed)
    fault.unlink(missing_ok=True)
    try:
        record = run_cell(cell, setting, place, items)
    except FreeholdError as error:
        log.error("%s, seed %d: %s", cell.name, setting.seed, error.sentence)
        fault.parent.mkdir(parents=True, exist_ok=True)
        fault.write_text(error.sentence.replace(f"{place.path / 'runs'}/", ""))
        return
    right, all_items = sum(one.right for one in record.scores), sum(one.items for one in record.scores)
    log.info(
        "%s, seed %d: %d steps, %.1f minutes, %d of %d",
        cell.name,
        setting.seed,
        record.steps,
        record.wall,
        right,
        all_items,
    )


def print_plan(cells: list[Cell], others: list[str], place: Place, minutes: float, seeds: int) -> None:
    """The cells with about how many minutes each takes on two idle cores, and whether it has been run."""
    total = 0.0
    for cell in cells:
        each, many = cell.share * minutes + TRYING, cell.seeds or seeds
        done = sum(place.record(cell.name, seed).exists() for seed in range(1, many + 1))
        total += each * (many - done)
        sys.stdout.write(
            f"{cell.name:<20} {cell.part:<11} {many} x {each:5.1f} min   {done} of {many} run   {cell.about}\n"
        )
    for name in others:
        done = (place.kept.parent / "others" / f"{name}.json").exists()
        total += 0 if done else 5
        sys.stdout.write(f"{name:<20} {'others':<11} 1 x {5:5.1f} min   {int(done)} of 1 run\n")
    sys.stdout.write(f"about {total / 60:.1f} hours are left, on two idle cores\n")


if __name__ == "__main__":
    main()
