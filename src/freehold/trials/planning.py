"""Makes a plan: chooses the items, finds their segments, and says what the trial needs, what it can show and what it will cost.

Pure: settings, prices, items and the clock come in, a plan goes out. Nothing of what the models said about these very items
is looked at, but for the share on which earlier trials of the same two models differed.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from freehold.errors import TrialError
from freehold.graders import build
from freehold.graders.grader import AnyGrader, Ask, AskingGrader, PairwiseGrader
from freehold.graders.selftest import proven
from freehold.items import Given, Item
from freehold.trials.expecting import Asked, expect
from freehold.trials.plan import (
    Arm,
    Expectation,
    Gates,
    Plan,
    PlannedGrader,
    PlannedItem,
    Sampling,
    Segments,
    item_hash,
)
from freehold.trials.results import Results

BYTES_PER_TOKEN: Final = 4
ASSUMED_OUTPUT: Final = 256
"""Tokens of an answer to an item that was never answered, and of a judge's."""

PROBED: Final = 200
"""Items whose questions to judges are made to see what they cost; the others cost as much on average."""


class Wish(Struct, frozen=True, kw_only=True):
    """What somebody wants tried. `tables` are the workload's graders; `count` how many of the items to take, None for all."""

    id: str
    workload: str
    made_at: int
    code: str
    candidate: Arm
    incumbent: Arm
    tables: Sequence[Mapping[str, Any]]
    judges: tuple[Arm, ...] = ()
    margin: float = 0.03
    alpha: float = 0.025
    power: float = 0.8
    gates: Gates = Gates()
    segments: Segments = Segments()
    sampling: Sampling = Sampling()
    seed: int = 0
    most_unscored: float = 0.02
    count: int | None = None
    source: str = "store"
    source_sha256: str | None = None


def make_plan(
    wish: Wish, items: Sequence[Item], clusters: Mapping[str, str], secret: bytes, pilot: Results | None = None
) -> Plan:
    """The plan. `clusters` maps the id of each item to its cluster; `secret` keys the hashes; `pilot` is an earlier trial of
    the same two models on the same workload. Raises TrialError or InvalidGrader for what cannot be tried."""
    _check(wish, items)
    graders = plan_graders(wish.tables, items)
    missing = [name for name in wish.gates.graders if name not in {grader.name for grader in graders}]
    if missing:
        raise TrialError(
            f"The gate `{missing[0]}` is no grader of the workload {wish.workload}.",
            f"There are {', '.join(grader.name for grader in graders)}, p95 and cost.",
        )
    chosen = _choose(items, wish.count, wish.seed)
    planned = tuple(
        PlannedItem(item.id, item_hash(item, secret), clusters[item.id], _segments(item, wish.segments.paths))
        for item in chosen
    )
    return Plan(
        id=wish.id,
        workload=wish.workload,
        made_at=wish.made_at,
        code=wish.code,
        question=_question(wish, graders[0]),
        margin=wish.margin,
        alpha=wish.alpha,
        power=wish.power,
        candidate=wish.candidate,
        incumbent=wish.incumbent,
        graders=graders,
        judges=wish.judges,
        gates=wish.gates,
        segments=wish.segments,
        sampling=wish.sampling,
        seed=wish.seed,
        most_unscored=wish.most_unscored,
        source=wish.source,
        source_sha256=wish.source_sha256,
        expectation=_expect(wish, graders, chosen, planned, pilot),
        items=planned,
    )


def plan_graders(tables: Sequence[Mapping[str, Any]], items: Sequence[Item]) -> tuple[PlannedGrader, ...]:
    """The graders of these tables, pinned; a name that comes twice gets a number. Raises InvalidGrader, also for one that does
    not stand its own test, and NotConfigured."""
    planned: list[PlannedGrader] = []
    for table in tables:
        grader = proven(table)
        try:
            same = sum(one.name.partition("#")[0] == grader.label for one in planned)
            planned.append(
                PlannedGrader(
                    name=f"{grader.label}#{same + 1}" if same else grader.label,
                    version=grader.version,
                    table=dict(table),
                    binary=grader.binary,
                    judge=_is_judge(grader, items),
                    pairwise=isinstance(grader, PairwiseGrader),
                )
            )
        finally:
            grader.close()
    return tuple(planned)


def judges_in(tables: Sequence[Mapping[str, Any]], items: Sequence[Item]) -> list[str]:
    """The models that these graders ask, judges and embedding models alike, each once. Raises InvalidGrader."""
    asked: dict[str, None] = {}
    for table in tables:
        grader = build(table)
        try:
            asked.update(dict.fromkeys(str(ask.body["model"]) for ask in _probe(grader, items)))
        finally:
            grader.close()
    return list(asked)


def _is_judge(grader: AnyGrader, items: Sequence[Item]) -> bool:
    """Whether a grader asks models for their opinion; embeddings are a measure, not an opinion."""
    return any(ask.operation == "chat" for ask in _probe(grader, items))


def _probe(grader: AnyGrader, items: Sequence[Item], text: str = "An answer.") -> tuple[Ask, ...]:
    """What the grader would ask about some answer to the first item."""
    said = Given(text=text)
    if items and isinstance(grader, PairwiseGrader):
        return grader.asks(items[0], said, Given(text=f"{text} Or another."))
    return grader.asks(items[0], said) if items and isinstance(grader, AskingGrader) else ()


def _check(wish: Wish, items: Sequence[Item]) -> None:
    problems = (
        (
            not items,
            f"There are no items to try {wish.workload} on.",
            "Capture some, import some, or give --items FILE.",
        ),
        (
            not wish.tables,
            f"The workload {wish.workload} has no graders.",
            'Give it some: graders = [{ kind = "exact" }].',
        ),
        (wish.candidate.model == wish.incumbent.model, f"{wish.candidate.model} would be tried against itself.", None),
        (not 0 < wish.margin < 1, f"The margin is {wish.margin:g}.", "It is a share of the score: 0.03 is 3 points."),
        (not 0 < wish.alpha < 0.5, f"Alpha is {wish.alpha:g}.", "It lies between 0 and 0.5; 0.025 is usual."),
        (not 0.5 <= wish.power < 1, f"The power is {wish.power:g}.", "It lies from 0.5 to below 1; 0.8 is usual."),
        (not 1 <= wish.sampling.samples <= 100, f"{wish.sampling.samples} samples of each item.", "Take 1 to 100."),
        (not 0 < wish.segments.margin < 1, f"The segments' margin is {wish.segments.margin:g}.", "It is a share."),
        *(
            (
                not 0 < margin < 1,
                f"The margin of the gate `{name}` is {margin:g}.",
                "It is a share of the score: 0.01 is a point.",
            )
            for name, margin in wish.gates.graders.items()
        ),
        (wish.count is not None and wish.count < 1, f"{wish.count} items are to be taken.", "Take at least one."),
    )
    for wrong, sentence, advice in problems:
        if wrong:
            raise TrialError(sentence, advice)
    twice = [found for found, count in Counter(item.id for item in items).items() if count > 1]
    if twice:
        raise TrialError(
            f"The item {twice[0]} comes {Counter(item.id for item in items)[twice[0]]} times.", "Once is enough."
        )


def _choose(items: Sequence[Item], count: int | None, seed: int) -> list[Item]:
    """All items, or so many drawn by the seed; in the order of their ids."""
    ordered = sorted(items, key=lambda item: item.id)
    if count is None or count >= len(ordered):
        return ordered
    return sorted(random.Random(seed).sample(ordered, count), key=lambda item: item.id)  # noqa: S311 (a draw, fixed in the plan)


def _segments(item: Item, paths: Sequence[str]) -> tuple[str, ...]:
    found: list[str] = []
    for path in paths:
        value: Any = {"metadata": item.metadata, "workload": item.workload, "model": item.model}
        for step in path.split("."):
            value = value.get(step) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        if isinstance(value, str | int | float | bool):
            found.append(f"{path}={value}")
    return tuple(found)


def _question(wish: Wish, primary: PlannedGrader) -> str:
    return (
        f"H0: on {wish.workload}, by {primary.name} {primary.version}, {wish.candidate.model} is worse than "
        f"{wish.incumbent.model} by {100 * wish.margin:g} points or more. H1: it is not. One-sided, alpha {wish.alpha:g}. "
        "Passes when every gate rejects its own H0 at alpha; fails when any gate is shown not to hold at alpha divided by "
        "their number; else inconclusive."
    )


def _expect(
    wish: Wish,
    graders: tuple[PlannedGrader, ...],
    items: Sequence[Item],
    planned: Sequence[PlannedItem],
    pilot: Results | None,
) -> Expectation:
    costs = [_cost(wish, arm, items) for arm in (wish.candidate, wish.incumbent)]
    known = [cost for cost in costs if cost is not None]
    judges = _judges_cost(wish, items)
    asked = Asked(
        margin=wish.margin,
        alpha=wish.alpha,
        power=wish.power,
        gates=wish.gates,
        segments=wish.segments,
        graders=graders,
        samples=wish.sampling.samples,
        candidate=wish.candidate.model,
        incumbent=wish.incumbent.model,
        costs=(known[0] / len(items), known[1] / len(items)) if len(known) == len(costs) else None,
        seed=wish.seed,
    )
    found = expect(asked, items, planned, pilot)
    total = None if judges is None or len(known) < len(costs) else sum(known) + judges
    return Expectation(
        discordance=found.discordance,
        source=found.source,
        needed=found.needed,
        power=found.power,
        cost_nano=total,
        chances=found.chances,
        judges_nano=judges,
        needed_nano=None if total is None or found.needed is None else -(-total * found.needed // len(items)),
    )


def _cost(wish: Wish, arm: Arm, items: Sequence[Item]) -> int | None:
    """About what asking one model costs, in nano-dollars; None where its price is unknown."""
    if arm.input_rate is None or arm.output_rate is None:
        return None
    total = 0
    for item in items:
        read = item.input_tokens or len(msgspec.json.encode(item.input)) // BYTES_PER_TOKEN
        total += wish.sampling.samples * (read * arm.input_rate + _written(wish, item) * arm.output_rate)
    return -(-total // 1_000_000)


def _written(wish: Wish, item: Item) -> int:
    """About how many tokens an answer to an item has."""
    return item.output_tokens or min(wish.sampling.max_tokens or ASSUMED_OUTPUT, ASSUMED_OUTPUT)


def _judges_cost(wish: Wish, items: Sequence[Item]) -> int | None:
    """About what the graders that ask models cost: every sample of both models, each pair of samples where replies are compared, and
    the labelled replies that calibrate. None where a price is unknown."""
    rates = {arm.model: (arm.input_rate, arm.output_rate) for arm in wish.judges}
    probed = [items[len(items) * place // min(len(items), PROBED)] for place in range(min(len(items), PROBED))]
    total = 0
    for table in wish.tables:
        grader = build(table)
        try:
            for item in probed:
                for ask in _probe(grader, [item], "word" * _written(wish, item)):
                    read, written = rates.get(str(ask.body["model"]), (None, None))
                    if read is None or (written is None and ask.operation == "chat"):
                        return None
                    said = min(int(ask.body.get("max_tokens") or ASSUMED_OUTPUT), ASSUMED_OUTPUT)
                    cost = len(msgspec.json.encode(ask.body)) // BYTES_PER_TOKEN * read
                    cost += said * written if written is not None and ask.operation == "chat" else 0
                    total += cost * _times(grader, wish, item)
        finally:
            grader.close()
    return -(-total * len(items) // (1_000_000 * len(probed)))


def _times(grader: AnyGrader, wish: Wish, item: Item) -> int:
    """How often a grader asks about one item."""
    if isinstance(grader, PairwiseGrader):
        return wish.sampling.samples
    labelled = item.given is not None and any(label.source == "human" for label in item.labels)
    return 2 * wish.sampling.samples + labelled
