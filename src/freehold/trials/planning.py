"""Makes a plan: chooses the items, finds their segments, and says what the trial needs, what it can show and what it will cost.

Pure: settings, prices, items and the clock come in, a plan goes out. Nothing of what the models said about these very items
is looked at, but for the share on which earlier trials of the same two models differed.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Final

import msgspec
from msgspec import Struct

from freehold.errors import TrialError
from freehold.graders import build
from freehold.graders.grader import AnyGrader, Ask, AskingGrader, PairwiseGrader
from freehold.items import Given, Item
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
from freehold.trials.power import design_effect, items_needed_graded, power_graded
from freehold.trials.results import Results

ASSUMED_DISCORDANCE: Final = 0.2
"""How often two models differ in being right, until a trial has shown it."""

ASSUMED_ICC: Final = 0.1
"""How alike the items of one cluster are, until a trial has shown it."""

LEAST_DISCORDANCE: Final = 0.02
BYTES_PER_TOKEN: Final = 4
ASSUMED_OUTPUT: Final = 256
"""Tokens of an answer to an item that was never answered."""


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
        expectation=_expect(wish, chosen, planned, pilot),
        items=planned,
    )


def plan_graders(tables: Sequence[Mapping[str, Any]], items: Sequence[Item]) -> tuple[PlannedGrader, ...]:
    """The graders of these tables, pinned; a name that comes twice gets a number. Raises InvalidGrader, NotConfigured."""
    planned: list[PlannedGrader] = []
    for table in tables:
        grader = build(table)
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


def _probe(grader: AnyGrader, items: Sequence[Item]) -> tuple[Ask, ...]:
    """What the grader would ask about some answer to the first item."""
    said = Given(text="An answer.")
    if items and isinstance(grader, PairwiseGrader):
        return grader.asks(items[0], said, Given(text="Another answer."))
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


def _expect(wish: Wish, items: Sequence[Item], planned: Sequence[PlannedItem], pilot: Results | None) -> Expectation:
    spread, source = _spread(pilot)
    sizes = Counter(item.cluster for item in planned).values()
    effect = design_effect(sum(size * size for size in sizes) / sum(sizes), ASSUMED_ICC)
    sd = spread**0.5
    return Expectation(
        discordance=round(spread, 4),
        source=source + (f", a design effect of {effect:.2f} for clusters" if effect > 1 else ""),
        needed=items_needed_graded(wish.margin, sd, 0.0, wish.alpha, wish.power, effect),
        power=round(power_graded(len(items), wish.margin, sd, 0.0, wish.alpha, effect), 4),
        cost_nano=_cost(wish, items),
    )


def _spread(pilot: Results | None) -> tuple[float, str]:
    """The mean squared difference of an item, which for right and wrong is the share on which the two differ."""
    gate = pilot.verdict.gates[0] if pilot is not None else None
    if pilot is None or gate is None or gate.n < 2:
        return ASSUMED_DISCORDANCE, "assumed: no trial of these two models on this workload has ended yet"
    squares = [
        (mine - theirs) ** 2
        for row in pilot.rows
        for mine, theirs in zip(
            list(row.candidate.scores.values())[:1], list(row.incumbent.scores.values())[:1], strict=True
        )
        if mine is not None and theirs is not None
    ]
    return max(LEAST_DISCORDANCE, fmean(squares) if squares else ASSUMED_DISCORDANCE), f"as in {pilot.trial}"


def _cost(wish: Wish, items: Sequence[Item]) -> int | None:
    """About what asking both models costs, judges not included; None where a price is unknown."""
    total = 0
    for arm in (wish.candidate, wish.incumbent):
        if arm.input_rate is None or arm.output_rate is None:
            return None
        for item in items:
            read = item.input_tokens or len(msgspec.json.encode(item.input)) // BYTES_PER_TOKEN
            written = item.output_tokens or min(wish.sampling.max_tokens or ASSUMED_OUTPUT, ASSUMED_OUTPUT)
            total += wish.sampling.samples * (read * arm.input_rate + written * arm.output_rate)
    return -(-total // 1_000_000)
