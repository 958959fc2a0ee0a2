"""What the page of the study of the own family is made of: the records by cell, shares with their intervals, tables."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from own_family_running import Record, Tried

from freehold.training.heavy.evaluate import wilson

NOT_RUN = "not run"
Wanted = Callable[[Tried], bool]


class Book:
    """The records of one budget, by cell; `faults` say why a cell could not be run."""

    def __init__(self, records: Sequence[Record], seeds: int, faults: Mapping[str, Sequence[str]]) -> None:
        self.records = [one for one in records if one.seed <= seeds]
        self.faults = faults

    def of(self, cell: str) -> list[Record]:
        """Its records, a seed each."""
        return [one for one in self.records if one.cell == cell]

    def tried(self, cell: str, wanted: Wanted, *, before: bool = False) -> list[Tried]:
        """Its scores over all seeds."""
        return [one for record in self.of(cell) for one in (record.before if before else record.scores) if wanted(one)]

    def share(self, cell: str, wanted: Wanted, *, before: bool = False) -> str:
        """Right of how many, with its interval."""
        return share(self.tried(cell, wanted, before=before))


def share(scores: Sequence[Tried], *, of_right: bool = False) -> str:
    """`82 % (77 to 86), 246 of 300`: right answers, or of these the proven."""
    whole = sum(one.right if of_right else one.items for one in scores)
    part = sum(one.proven if of_right else one.right for one in scores)
    if not scores:
        return NOT_RUN
    if not whole:
        return "none was right" if of_right else NOT_RUN
    low, high = wilson(part, whole)
    return f"{part / whole:.1%} ({100 * low:.1f} to {100 * high:.1f}), {part:,} of {whole:,}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of Markdown."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


COSTS = ("weights", "steps", "examples", "tokens", "operations", "minutes")
"""What `costs` gives, as the head of a table."""


def costs(records: Sequence[Record]) -> list[str]:
    """Weights, steps, examples, tokens, operations and minutes: a seed's, the mean of several."""
    if not records:
        return [NOT_RUN] * 6

    def mean(values: Iterable[float | None]) -> float | None:
        known = [one for one in values if one is not None]
        return sum(known) / len(known) if known else None

    examples = mean(one.examples for one in records)
    flops = mean(one.flops for one in records)
    return [
        f"{records[0].parameters:,}",
        f"{mean(float(one.steps) for one in records):,.0f}",
        "–" if examples is None else f"{examples:,.0f}",
        f"{mean(float(one.tokens) for one in records):,.0f}",
        "–" if flops is None else f"{flops:.2g}",
        f"{mean(one.wall for one in records):.1f}",
    ]


def inside(one: Tried) -> bool:
    return not one.beyond


def level_of(level: int) -> Wanted:
    return lambda one: one.level == level and not one.beyond
