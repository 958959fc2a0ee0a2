"""How much a house depends on whom, and what leaving would cost: shares, concentration, ends, tested ways out, the next move. Pure.

It knows no file and no page: usage, dates, trials and canaries go in as rows, one `Independence` comes out. Money is in
nano-dollars. What nobody has tested is unknown here, never an estimate.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from statistics import fmean
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.trials.plan import Plan
from freehold.trials.results import Results
from freehold.trials.statistics import Interval, paired

OWN: Final = "own"
MODERATE: Final = 1_000
HIGH: Final = 1_800
"""Where a market counts as moderately and as highly concentrated (US Department of Justice and FTC, Merger Guidelines 2023, 2.1)."""

UNLIKE: Final = 0.25
"""How much what an answer costs in a trial and in the period may differ before a reader is told."""

Reading = Literal["unconcentrated", "moderately concentrated", "highly concentrated", "unknown"]
Proof = Literal["in the ledger", "on its way", "no ledger", "not proved"]
Ends = Callable[[str], tuple[bool, str | None]]
"""Says of a model whether the catalog has it, and the first day without it."""


class Used(Struct, frozen=True, kw_only=True):
    """What one model did for one workload: requests that it answered, and what all that it was asked cost."""

    workload: str
    model: str
    requests: int
    cost_nano: int


class Tried(Struct, frozen=True, kw_only=True):
    """A trial that has ended, and whether the ledger holds these very results."""

    plan: Plan
    results: Results
    proof: Proof = "no ledger"


class Moved(Struct, frozen=True, kw_only=True):
    """A canary that was promoted: the whole workload went to the candidate by evidence. `at` is in Unix seconds."""

    id: str
    workload: str
    candidate: str
    at: float


class Part(Struct, frozen=True, kw_only=True):
    """One vendor or workload. The shares are of everything that is counted; None where that is nothing."""

    name: str
    requests: int
    cost_nano: int
    traffic: float | None
    spend: float | None


class Concentration(Struct, frozen=True, kw_only=True):
    """The Herfindahl-Hirschman index of vendors, from 0 to 10,000; `like` is the number of equal vendors that would have it."""

    hhi: float | None
    reading: Reading
    like: float | None


class Ending(Struct, frozen=True, kw_only=True):
    """A model in use and its last day: `retires` is the first day without it (ISO 8601), `days` from the report to then."""

    model: str
    requests: int
    cost_nano: int
    retires: str | None = None
    days: int | None = None
    known: bool = True
    """Whether the catalog has the model at all."""


class Way(Struct, frozen=True, kw_only=True):
    """Evidence that a workload can be served by another model. `blocked` says why it does not count now, empty where it does."""

    kind: Literal["trial", "canary"]
    id: str
    model: str
    at: float
    proof: str
    blocked: str = ""


class Standing(Struct, frozen=True, kw_only=True):
    """One workload: the model that answers most of it, and what has been tested. `out` is `own` where own models answer most,
    `tested` where a way leads to another vendor or an own model, else `none`."""

    workload: str
    model: str
    share: float
    requests: int
    cost_nano: int
    out: Literal["own", "tested", "none"]
    ways: tuple[Way, ...]


class Saving(Struct, frozen=True, kw_only=True):
    """What the period would have cost less with the candidate: estimate and interval at `level`. Negative is dearer."""

    nano: float
    low: float
    high: float
    level: float


class Move(Struct, frozen=True, kw_only=True):
    """What moving a workload's incumbent to a candidate that passed a trial would save, or `unknown`: why nobody can say.
    `requests` are those that the incumbent answered; `tried_nano` and `paid_nano` what one of its answers cost in the trial and
    in the period."""

    workload: str
    unknown: str = ""
    trial: str = ""
    incumbent: str = ""
    candidate: str = ""
    requests: int = 0
    saving: Saving | None = None
    sentence: str = ""
    tried_nano: float | None = None
    paid_nano: float | None = None

    @property
    def unlike(self) -> bool:
        """Whether the trial's items and the period's requests cost so differently that the saving is doubtful."""
        if not self.tried_nano or not self.paid_nano:
            return False
        return abs(self.tried_nano / self.paid_nano - 1) > UNLIKE


class Independence(Struct, frozen=True, kw_only=True):
    """Everything. Times are Unix seconds. `measuring_nano` was spent on shadows and trials, and is in no share."""

    since: float
    until: float
    requests: int
    cost_nano: int
    measuring_nano: int
    vendors: tuple[Part, ...]
    workloads: tuple[Part, ...]
    spend: Concentration
    traffic: Concentration
    endings: tuple[Ending, ...]
    standings: tuple[Standing, ...]
    moves: tuple[Move, ...]


def examine(
    used: Sequence[Used],
    *,
    since: float,
    until: float,
    today: date,
    ends: Ends,
    tried: Sequence[Tried] = (),
    moved: Sequence[Moved] = (),
    measuring_nano: int = 0,
) -> Independence:
    """The whole report. Of several trials of the same two models the newest that decided anything counts."""
    tried = _counting(tried)
    vendors = parts(used, lambda one: vendor_of(one.model))
    standings = tuple(_standing(name, rows, tried, moved, ends, today) for name, rows in _by_workload(used))
    moves = [move for name, rows in _by_workload(used) for move in _moves(name, rows, tried, ends, today)]
    return Independence(
        since=since,
        until=until,
        requests=sum(one.requests for one in used),
        cost_nano=sum(one.cost_nano for one in used),
        measuring_nano=measuring_nano,
        vendors=vendors,
        workloads=parts(used, lambda one: one.workload),
        spend=concentration([part.cost_nano for part in vendors]),
        traffic=concentration([part.requests for part in vendors]),
        endings=_endings(used, ends, today),
        standings=standings,
        moves=tuple(sorted(moves, key=_rank)),
    )


def vendor_of(model: str) -> str:
    """`openai` of `openai/gpt-5-mini`."""
    return model.partition("/")[0]


def parts(used: Iterable[Used], name_of: Callable[[Used], str]) -> tuple[Part, ...]:
    """What each name has of requests and cost, the dearest first."""
    requests: dict[str, int] = defaultdict(int)
    cost: dict[str, int] = defaultdict(int)
    for one in used:
        requests[name_of(one)] += one.requests
        cost[name_of(one)] += one.cost_nano
    asked, paid = sum(requests.values()), sum(cost.values())
    found = [
        Part(
            name=name, requests=count, cost_nano=cost[name],
            traffic=count / asked if asked else None, spend=cost[name] / paid if paid else None,
        )
        for name, count in requests.items()
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda part: (-part.cost_nano, -part.requests, part.name)))


def concentration(amounts: Sequence[int]) -> Concentration:
    """The sum of the squared shares in per cent (Hirschman 1945, Herfindahl 1950), read as the Merger Guidelines 2023 do."""
    total = sum(amounts)
    if not total:
        return Concentration(hhi=None, reading="unknown", like=None)
    hhi = sum((100 * amount / total) ** 2 for amount in amounts)
    reading: Reading = (
        "highly concentrated" if hhi > HIGH else "moderately concentrated" if hhi >= MODERATE else "unconcentrated"
    )
    return Concentration(hhi=hhi, reading=reading, like=10_000 / hhi)


def saving_of(one: Tried, requests: int) -> tuple[Saving, float] | None:
    """What so many answers of the incumbent would cost less as the candidate's, and what one of the incumbent's cost in the
    trial. None where a price is unknown.

    The paired difference of the costs of each item, with the cluster-robust interval of `statistics.paired` at 1 - 2 alpha,
    times the requests. Raises NotConfigured without the extra `trials`."""
    known = [
        (row.incumbent.cost_nano, row.candidate.cost_nano, row.cluster)
        for row in one.results.rows
        if row.incumbent.cost_nano is not None and row.candidate.cost_nano is not None
    ]
    if len(known) < 2:
        return None
    scale = max(max(theirs, mine) for theirs, mine, _ in known) or 1.0  # brings the differences into [-1, 1]
    level = 1 - 2 * one.plan.alpha
    differences = [(theirs - mine) / scale for theirs, mine, _ in known]
    if any(differences):
        shown = paired(differences, [cluster for _, _, cluster in known], level, one.plan.seed).interval
    else:
        shown = Interval(0.0, 0.0, 0.0)
    times = scale * requests
    saving = Saving(nano=shown.estimate * times, low=shown.low * times, high=shown.high * times, level=level)
    return saving, fmean(theirs for theirs, _, _ in known)


def next_move(report: Independence) -> Move | None:
    """The move that is shown to save the most: by the lower end of its interval, and only where that is above nothing."""
    shown = [move for move in report.moves if move.saving is not None and move.saving.low > 0 and not move.unlike]
    return shown[0] if shown else None


def as_data(report: Independence) -> dict[str, Any]:
    """The report for machines, with the next move by its workload and trial."""
    best = next_move(report)
    told: dict[str, Any] = msgspec.to_builtins(report)
    told["moves"] = [{**msgspec.to_builtins(move), "unlike": move.unlike} for move in report.moves]
    told["next_move"] = None if best is None else {"workload": best.workload, "trial": best.trial}
    return told


# --- the workloads and their ways ---


def _counting(tried: Iterable[Tried]) -> list[Tried]:
    """Of each workload, candidate and incumbent one trial: who asks again until it passes has not tested anything."""
    found: dict[tuple[str, str, str], Tried] = {}
    for one in sorted(tried, key=lambda one: (_decided(one), one.results.ended_at)):
        found[one.plan.workload, one.plan.candidate.model, one.plan.incumbent.model] = one
    return list(found.values())


def _decided(one: Tried) -> bool:
    return one.results.verdict.outcome != "inconclusive"


def _by_workload(used: Iterable[Used]) -> list[tuple[str, list[Used]]]:
    """Each workload that was answered at all, the dearest first, its models by the requests that they answered."""
    rows: dict[str, list[Used]] = defaultdict(list)
    for one in used:
        if one.requests:
            rows[one.workload].append(one)
    for found in rows.values():
        found.sort(key=lambda one: (-one.requests, -one.cost_nano, one.model))
    return sorted(rows.items(), key=lambda pair: (-sum(one.cost_nano for one in pair[1]), pair[0]))


def _standing(
    workload: str,
    rows: Sequence[Used],
    tried: Iterable[Tried],
    moved: Iterable[Moved],
    ends: Ends,
    today: date,
) -> Standing:
    by_vendor = parts(rows, lambda one: vendor_of(one.model))
    main = max(by_vendor, key=lambda part: (part.requests, part.cost_nano))
    total = sum(one.requests for one in rows)
    ways = [
        _trial_way(one, rows, ends, today)
        for one in tried
        if one.plan.workload == workload and vendor_of(one.plan.candidate.model) != main.name and _passed(one)
    ]
    ways += [
        Way(
            kind="canary",
            id=one.id,
            model=one.candidate,
            at=one.at,
            proof="",
            blocked=_gone(one.candidate, ends, today),
        )
        for one in moved
        if one.workload == workload and vendor_of(one.candidate) != main.name
    ]
    ways.sort(key=lambda way: (bool(way.blocked), -way.at))
    tested = any(not way.blocked for way in ways)
    return Standing(
        workload=workload,
        model=next(one.model for one in rows if vendor_of(one.model) == main.name),
        share=main.requests / total,
        requests=total,
        cost_nano=sum(one.cost_nano for one in rows),
        out="own" if main.name == OWN else "tested" if tested else "none",
        ways=tuple(ways),
    )


def _passed(one: Tried) -> bool:
    return one.results.verdict.outcome == "pass" and not one.results.verdict.void


def _trial_way(one: Tried, rows: Iterable[Used], ends: Ends, today: date) -> Way:
    plan = one.plan
    blocked = _gone(plan.candidate.model, ends, today)
    if one.proof == "not proved":
        blocked = "its results are not those that the ledger holds"
    elif plan.incumbent.model not in {row.model for row in rows}:
        blocked = f"it was no worse than {plan.incumbent.model}, which answers nothing here any more"
    return Way(
        kind="trial", id=plan.id, model=plan.candidate.model, at=one.results.ended_at / 1000, proof=one.proof,
        blocked=blocked,
    )  # fmt: skip


def _gone(model: str, ends: Ends, today: date) -> str:
    _, retires = ends(model)
    return f"{model} is retired since {retires}" if retires is not None and retires <= today.isoformat() else ""


# --- the models and their ends ---


def _endings(used: Iterable[Used], ends: Ends, today: date) -> tuple[Ending, ...]:
    """The rented models in use: those with a date first, the soonest before the others; own models have no end but ours."""
    found: list[Ending] = []
    for part in parts(used, lambda one: one.model):
        if vendor_of(part.name) == OWN:
            continue
        known, retires = ends(part.name)
        days = None if retires is None else (date.fromisoformat(retires) - today).days
        found.append(
            Ending(
                model=part.name,
                requests=part.requests,
                cost_nano=part.cost_nano,
                retires=retires,
                days=days,
                known=known,
            )
        )
    return tuple(sorted(found, key=lambda one: (one.retires is None, one.retires or "")))


# --- the next move ---


def _moves(
    workload: str,
    rows: Sequence[Used],
    tried: Iterable[Tried],
    ends: Ends,
    today: date,
) -> list[Move]:
    """One move for each trial against a model that serves the workload; where there is none, one that says so."""
    serving = {row.model: row for row in rows}
    found = [
        _move(one, serving[one.plan.incumbent.model], ends, today)
        for one in tried
        if one.plan.workload == workload and one.plan.incumbent.model in serving
    ]
    return found or [Move(workload=workload, unknown="no trial")]


def _move(one: Tried, row: Used, ends: Ends, today: date) -> Move:
    plan, verdict = one.plan, one.results.verdict
    move = Move(
        workload=plan.workload, trial=plan.id, incumbent=plan.incumbent.model, candidate=plan.candidate.model,
        requests=row.requests, sentence=verdict.sentence, paid_nano=row.cost_nano / row.requests,
    )  # fmt: skip
    gone = _gone(plan.candidate.model, ends, today)
    if not _passed(one):
        ended = "is void" if verdict.void else "failed" if verdict.outcome == "fail" else "was inconclusive"
        return replace(move, unknown=f"the trial {ended}")
    if one.proof == "not proved" or gone:
        return replace(move, unknown=gone or "the trial's results are not those that the ledger holds")
    found = saving_of(one, row.requests)
    if found is None:
        return replace(move, unknown="a price is not known: set it under [prices]")
    saving, cost = found
    return replace(move, saving=saving, tried_nano=cost)


def _rank(move: Move) -> tuple[bool, bool, float, str]:
    """The surest saving first, doubtful ones behind, then what is unknown."""
    low = 0.0 if move.saving is None else move.saving.low
    return (move.saving is None, move.unlike, -low, move.workload)
