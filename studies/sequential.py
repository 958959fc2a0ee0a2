"""Measures the sequential tests of a trial: how often each errs at its boundary, and how soon it tells. Writes
docs/studies/sequential-tests.md and docs/studies/sequential-tests.svg.

    pip install "freehold[trials]"
    python studies/sequential.py

The bets are computed for all runs at once, with numpy, by formulas written here anew from the docstrings of
`freehold.trials.sequential`; a few runs of every case go through that module itself as well, and the study stops where the
two differ. The same seed gives the same page. One to three minutes on one core.
"""

import argparse
import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from statistics import NormalDist
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from freehold.trials import sequential as ours
from freehold.trials.power import items_needed_binary

PAGE = Path(__file__).resolve().parents[1] / "docs" / "studies" / "sequential-tests.md"
ALPHA, HARM_ALPHA, MARGIN, CAP = 0.05, 0.01, 0.03, 0.05
STEPS = (0.01, 0.05, 0.25, 0.5)
CHECKED = 4
"""Runs of every case that go through the module itself."""

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]


class Case(msgspec.Struct, frozen=True):
    """What is observed, one column a run, and the bet on it."""

    name: str
    start: ours.Betting
    draw: Draw
    fixed: int | None = None


class Seen(msgspec.Struct, frozen=True):
    """When each run crossed (0: never), of how many looks."""

    crossed: NDArray[np.int64]
    looks: int

    @property
    def share(self) -> float:
        return float((self.crossed > 0).mean())

    def quantile(self, q: float) -> str:
        """The look by which a share q of the runs has crossed, as it is printed."""
        at = float(np.quantile(np.where(self.crossed > 0, self.crossed, np.inf), q, method="inverted_cdf"))
        return f"{at:,.0f}" if math.isfinite(at) else f"> {self.looks:,}"


# --- bets, for all runs at once ---


class Bets:
    """The wealth of many runs of one bet."""

    def __init__(self, start: ours.Betting, runs: int, caution: float = ours.CAUTION) -> None:
        self.start, self.caution, self.n = start, caution, 0
        self.e, self.crossed = np.zeros(runs), np.zeros(runs, dtype=np.int64)
        self.weights, self.gains, self.squares = (
            np.full(runs, value) for value in (start.weights, start.gains, start.squares)
        )

    def advance(self, x: Floats, worst: Any = None, weight: Any = 1.0) -> None:
        """One more observation of each run."""
        start = self.start
        gain = start.sign * (x - start.null)
        most = self.caution / (start.worst if worst is None else worst)
        mean, square = self.gains / self.weights, self.squares / (self.n + start.supposed) / weight
        self.e += np.log1p(np.clip(mean / square, 0.0, most) * gain)
        self.weights += weight
        self.gains += weight * gain
        self.squares += weight * gain * gain
        self.n += 1
        self.crossed[(self.crossed == 0) & (self.e >= start.threshold)] = self.n


def play(case: Case, runs: int, looks: int, seed: int) -> Seen:
    """All runs of a case, and the first few through the module itself."""
    random = np.random.default_rng(seed)
    bets, states = Bets(case.start, runs), [case.start] * CHECKED
    for _ in range(looks):
        x = case.draw(random, runs)
        bets.advance(x)
        states = [ours.advance(state, float(value)) for state, value in zip(states, x[:CHECKED], strict=True)]
        if (bets.crossed > 0).all():
            break
    same(case.name, states, bets)
    return Seen(bets.crossed, looks)


def play_plain(case: Case, runs: int, looks: int, seed: int) -> Seen:
    """The case with aGRAPA as it was published: a prior of one observation, a stake of up to 0.75."""
    start = case.start
    weighs = {name: getattr(start, name) / start.supposed for name in ("weights", "gains", "squares", "supposed")}
    random, bets = np.random.default_rng(seed), Bets(msgspec.structs.replace(start, **weighs), runs, 0.75)
    for _ in range(looks):
        bets.advance(case.draw(random, runs))
        if (bets.crossed > 0).all():
            break
    return Seen(bets.crossed, looks)


def same(name: str, states: Sequence[ours.Betting], bets: Bets) -> None:
    """Stops the study when the module and the formulas here do not agree."""
    for run, state in enumerate(states):
        if not math.isclose(state.e, bets.e[run], rel_tol=1e-6, abs_tol=1e-6) or state.crossed_at != bets.crossed[run]:
            raise SystemExit(
                f"{name}, run {run}: {state.e} at {state.crossed_at}, here {bets.e[run]} {bets.crossed[run]}"
            )


# --- what is observed ---


def pairs(discordance: float, difference: float) -> Draw:
    """Paired differences of right and wrong: -1, 0, 1."""
    better = (discordance + difference) / 2

    def draw(random: np.random.Generator, runs: int) -> Floats:
        u = random.random(runs)
        return np.where(u < better, 1.0, np.where(u < discordance, -1.0, 0.0))

    return draw


def graded(mean: float) -> Draw:
    """Paired differences of graded scores, with a long tail of losses: 0.8 Beta(8, 2), moved to the mean."""
    return lambda random, runs: 0.8 * (random.beta(8, 2, runs) - 0.8) + mean


def flags(rate: float) -> Draw:
    """1 where it happened."""
    return lambda random, runs: (random.random(runs) < rate).astype(float)


# --- the canary, whose share depends on its own past ---


class Arms(msgspec.Struct, frozen=True):
    """How often each model is right, and whether the share follows the wealth through the steps, or is fixed."""

    name: str
    candidate: float
    incumbent: float
    share: float | None = None
    centred: bool = True


def play_canary(arms: Arms, runs: int, looks: int, seed: int) -> tuple[Seen, Seen]:
    """When "no worse" and when "harm" crossed. The share goes a step up every 250 units where the wealth has grown above
    1, and one down where it has not: as dependent on the past as a rollout can be."""
    random = np.random.default_rng(seed)
    first = (ours.start_ipw(MARGIN, ALPHA, STEPS[0]), ours.start_ipw_harm(MARGIN, HARM_ALPHA, STEPS[0]))
    passing, harm = Bets(first[0], runs), Bets(first[1], runs)
    steps, total, states = np.zeros(runs, dtype=np.int64), np.zeros(runs), [first] * CHECKED
    for look in range(looks):
        if look and look % 250 == 0:
            steps = np.clip(steps + np.where(passing.e > 0, 1, -1), 0, len(STEPS) - 1)
        share = np.take(STEPS, steps) if arms.share is None else np.full(runs, arms.share)
        chosen = random.random(runs) < share
        outcome = (random.random(runs) < np.where(chosen, arms.candidate, arms.incumbent)).astype(float)
        centre = (0.5 + total) / (1 + look) if arms.centred else np.zeros(runs)
        x = np.where(chosen, (outcome - centre) / share, (centre - outcome) / (1 - share))
        low = -np.maximum(centre / share, (1 - centre) / (1 - share))
        high = np.maximum((1 - centre) / share, centre / (1 - share))
        weight = 4 * share * (1 - share)
        passing.advance(x, worst=-MARGIN - low, weight=weight)
        harm.advance(x, worst=high + MARGIN, weight=weight)
        total += outcome
        seen = zip(*(column[:CHECKED].tolist() for column in (outcome, share, chosen, centre)), strict=True)
        states = [scored(*state, one) for state, one in zip(states, seen, strict=True)]
    same(arms.name, [state[0] for state in states], passing)
    same(arms.name, [state[1] for state in states], harm)
    return Seen(passing.crossed, looks), Seen(harm.crossed, looks)


def scored(
    passing: ours.Betting, harm: ours.Betting, unit: tuple[float, float, bool, float]
) -> tuple[ours.Betting, ours.Betting]:
    """Both bets after one more unit (outcome, share, assigned to the candidate, centre), by the module itself."""
    outcome, share, chosen, centre = unit
    x, (low, high) = ours.ipw(outcome, share, candidate=chosen, centre=centre), ours.ipw_range(share, centre)
    weight = 4 * share * (1 - share)
    return (
        ours.advance(passing, x, worst=passing.null - low, weight=weight),
        ours.advance(harm, x, worst=high - harm.null, weight=weight),
    )


# --- drift, and the band that is only shown ---


def play_drift(rate: float, level: float, alpha: float, runs: int, looks: int, seed: int, quiet: int = 0) -> Seen:
    """When a fall below `level` was called, counted from the end of `quiet` observations with the mean at the level; runs
    with a false alarm before are left out."""
    random, first = np.random.default_rng(seed), ours.start_drift(level, alpha)
    stakes = ours.CAUTION / first.worst * np.array(ours.FRACTIONS)[:, None]
    sums, crossed, states = np.zeros((len(stakes), runs)), np.zeros(runs, dtype=np.int64), [first] * CHECKED
    for look in range(1, quiet + looks + 1):
        x = (random.random(runs) < (level if look <= quiet else rate)).astype(float)
        standing = crossed == 0
        sums = np.where(standing, (sums + 1) * (1 + stakes * (level - x)), sums)
        crossed[standing & (np.log(sums.mean(axis=0)) >= first.threshold)] = look
        states = [ours.advance_drift(state, float(value)) for state, value in zip(states, x[:CHECKED], strict=True)]
        if (crossed > 0).all():
            break
    if [state.crossed_at for state in states] != crossed[:CHECKED].tolist():
        raise SystemExit(f"drift: {[state.crossed_at for state in states]}, here {crossed[:CHECKED]}")
    late = crossed[(crossed == 0) | (crossed > quiet)]
    return Seen(np.where(late > 0, late - quiet, 0), looks)


def play_band(runs: int, looks: int, seed: int) -> Seen:
    """When the asymptotic confidence sequence of a discordance of 0.1 first missed the mean."""
    random, draw = np.random.default_rng(seed), pairs(0.1, 0.0)
    total, squares, crossed = np.zeros(runs), np.zeros(runs), np.zeros(runs, dtype=np.int64)
    for n in range(1, looks + 1):
        x = draw(random, runs)
        total += x
        squares += x * x
        mean, variance = total / n, (squares - total * total / n) / max(1, n - 1)
        if n >= ours.LEAST_SHOWN:
            inner = n * variance * 0.28**2 + 1
            half = np.sqrt(inner / (n * 0.28) ** 2 * np.log(inner / ALPHA**2))
            shown = ours.asymptotic_cs(n, float(mean[0]), float(variance[0]), ALPHA)
            if shown is None or not math.isclose(shown[1], float(mean[0] + half[0]), rel_tol=1e-9):
                raise SystemExit(f"the band: {shown}, here {mean[0] + half[0]}")
            crossed[(crossed == 0) & (abs(mean) > half)] = n
    return Seen(crossed, looks)


# --- the page ---


def errors(runs: int, looks: int, seed: int) -> list[tuple[str, float, Seen]]:
    """Each test with the truth on its boundary: name, α, when it erred."""
    paired, harm = ours.start_paired(MARGIN, ALPHA), ours.start_harm(MARGIN, HARM_ALPHA)
    cases = [
        Case("no worse, pairs, discordance 0.05", paired, pairs(0.05, -MARGIN)),
        Case("no worse, pairs, discordance 0.1", paired, pairs(0.1, -MARGIN)),
        Case("no worse, pairs, discordance 0.3", paired, pairs(0.3, -MARGIN)),
        Case("no worse, pairs, graded", paired, graded(-MARGIN)),
        Case("harm, pairs, discordance 0.1", harm, pairs(0.1, -MARGIN)),
        Case("harm, pairs, graded", harm, graded(-MARGIN)),
        Case("cap of 5 %", ours.start_cap(CAP, HARM_ALPHA), flags(CAP)),
        Case("cap of 1 %", ours.start_cap(0.01, HARM_ALPHA), flags(0.01)),
    ]
    found = [
        (case.name, math.exp(-case.start.threshold), progress(case.name, play, case, runs, looks, seed + number))
        for number, case in enumerate(cases)
    ]
    for share, label in ((None, "steps that follow the wealth"), (0.5, "half and half")):
        arms = Arms(f"canary, {label}", 0.77, 0.8, share)
        passing, harmed = progress(arms.name, play_canary, arms, runs, looks, seed + 100)
        found += [(f"no worse, {arms.name}", ALPHA, passing), (f"harm, {arms.name}", HARM_ALPHA, harmed)]
    return found


def powers(runs: int, looks: int, seed: int) -> list[tuple[Case, Seen, Seen]]:
    """How soon each test tells what is so, and how soon it would with the plain stakes."""
    paired, harm, cap = (
        ours.start_paired(MARGIN, ALPHA), ours.start_harm(MARGIN, HARM_ALPHA), ours.start_cap(CAP, HARM_ALPHA)
    )  # fmt: skip
    fixed = [items_needed_binary(MARGIN, *truth, alpha=ALPHA) for truth in ((0.1, 0.0), (0.2, 0.0), (0.1, 0.01))]
    cases = [
        Case("no worse: equal, discordance 0.1", paired, pairs(0.1, 0.0), fixed[0]),
        Case("no worse: equal, discordance 0.2", paired, pairs(0.2, 0.0), fixed[1]),
        Case("no worse: one point better, discordance 0.1", paired, pairs(0.1, 0.01), fixed[2]),
        Case("harm: 6 points worse, discordance 0.15", harm, pairs(0.15, -0.06), against(0.15, -0.06)),
        Case("harm: 10 points worse, discordance 0.2", harm, pairs(0.2, -0.1), against(0.2, -0.1)),
        Case("harm: 30 points worse, discordance 0.4", harm, pairs(0.4, -0.3), against(0.4, -0.3)),
        Case("cap of 5 %: 10 % err", cap, flags(0.1)),
        Case("cap of 5 %: 20 % err", cap, flags(0.2)),
        Case("cap of 5 %: all err", cap, flags(1.0)),
    ]
    return [
        (case, *(progress(case.name, work, case, runs, looks, seed + number) for work in (play, play_plain)))
        for number, case in enumerate(cases)
    ]


def against(discordance: float, difference: float) -> int:
    """Pairs with which a test of fixed size shows, at 80 % power, that the difference lies below -margin."""
    z = NormalDist().inv_cdf(1 - HARM_ALPHA) + NormalDist().inv_cdf(0.8)
    return math.ceil((z / (difference + MARGIN)) ** 2 * (discordance - difference * difference))


def progress(name: str, work: Callable[..., Any], *arguments: Any) -> Any:
    """What the work gives, having told how long it took."""
    started = time.monotonic()
    done = work(*arguments)
    print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)  # noqa: T201
    return done


def page(arguments: argparse.Namespace) -> tuple[str, str]:
    """The page and its picture."""
    runs, looks, seed = arguments.runs, arguments.looks, arguments.seed
    wrong, right = errors(runs, looks, seed), powers(runs, looks, seed + 1000)
    band = progress("band", play_band, runs, looks, seed + 2000)
    canaries = [(arms, *progress(arms.name, play_canary, arms, runs, looks, seed + 3000 + number))
                for number, arms in enumerate(CANARIES)]  # fmt: skip
    false = [(alpha, progress("drift", play_drift, 0.8, 0.8, alpha, runs, 20 * round(1 / alpha), seed + 4000))
             for alpha in (0.01, 0.001)]  # fmt: skip
    drifts = [(rate, quiet, progress("drift", play_drift, rate, 0.8, 0.001, runs, looks, seed + 5000, quiet))
              for rate in (0.75, 0.7, 0.5) for quiet in (0, 500)]  # fmt: skip
    late = [name for name, alpha, seen in wrong if seen.share > allowed(alpha, runs)]
    verdict = "None does." if not late else f"These do: {', '.join(late)}."
    text = TEMPLATE.format(
        runs=f"{runs:,}", looks=f"{looks:,}", seed=seed, python=platform.python_version(), cores=os.cpu_count(),
        margin=round(100 * MARGIN), caution=ours.CAUTION, prior=ours.PRIOR_OF_PASSING, alarm=ours.PRIOR_OF_ALARMS, checked=CHECKED, verdict=verdict, quarter=250,
        errors=table("test | α | erred | allowed (α + 2 standard errors)", (
            (name, f"{alpha:g}", f"{seen.share:.2%}", f"{allowed(alpha, runs):.2%}") for name, alpha, seen in wrong)),
        powers=table("case | α | fixed n | median | 80th percentile | 95th | plain aGRAPA", (
            (case.name, f"{math.exp(-case.start.threshold):g}", f"{case.fixed:,}" if case.fixed else "",
             seen.quantile(0.5), seen.quantile(0.8), seen.quantile(0.95), f"{plain.quantile(0.5)} / {plain.quantile(0.8)}")
            for case, seen, plain in right)),
        canaries=table("canary | candidate | incumbent | no worse: median | 80th percentile | harm: median | 80th percentile", (
            (arms.name, f"{arms.candidate:.0%}", f"{arms.incumbent:.0%}", passing.quantile(0.5), passing.quantile(0.8),
             harm.quantile(0.5), harm.quantile(0.8)) for arms, passing, harm in canaries)),
        false=table("α | promised: at least | mean | median | runs without an alarm", (
            (f"{alpha:g}", f"{1 / alpha:,.0f}", f"{mean_time(seen):,.0f}", seen.quantile(0.5), f"{1 - seen.share:.1%}")
            for alpha, seen in false)),
        drifts=table("falls to | after | median delay | 80th percentile", (
            (f"{rate:.0%}", f"{quiet:,}", seen.quantile(0.5), seen.quantile(0.8)) for rate, quiet, seen in drifts)),
        band=f"{band.share:.2%}",
    )  # fmt: skip
    return text, picture(wrong, [(case, seen) for case, seen, _ in right])


CANARIES = (
    Arms("half and half", 0.8, 0.8, 0.5),
    Arms("half and half, not centred", 0.8, 0.8, 0.5, centred=False),
    Arms("25 %", 0.8, 0.8, 0.25),
    Arms("half and half", 0.6, 0.8, 0.5),
    Arms("5 %", 0.4, 0.8, 0.05),
)


def allowed(alpha: float, runs: int) -> float:
    return alpha + 2 * math.sqrt(alpha * (1 - alpha) / runs)


def mean_time(seen: Seen) -> float:
    """The mean time to an alarm, where runs without one count as long as they were watched: a lower bound."""
    return float(np.where(seen.crossed > 0, seen.crossed, seen.looks).mean())


def table(head: str, rows: Any) -> str:
    """A table as Markdown has it."""
    columns = head.count("|") + 1
    return "\n".join([f"| {head} |", "|---" * columns + "|", *(f"| {' | '.join(row)} |" for row in rows)])


TEMPLATE = """# How often the sequential tests err, and how soon they tell

The tests of `src/freehold/trials/sequential.py`, {runs} runs a case, looked at after each of {looks} observations and stopped at
the first crossing. Made by `python studies/sequential.py`, seed {seed}, Python {python}. The formulas are written a second
time in the study; {checked} runs of every case went through the module itself, and agreed.

![Two pictures: errors over looks, all below their level, and the share of runs that have told, over observations](sequential-tests.svg)

## Errors

The truth lies exactly on the boundary of what is to be rejected (pairs: the candidate is {margin} points worse), where a test
errs most. Does any err more often than α, by more than two standard errors of the simulation? {verdict}

{errors}

The canary's steps are 1, 5, 25 and 50 %: every {quarter} units the share rises where the wealth stands above 1 and falls where it
does not, so that the shares depend on the past as much as they can.

## How soon

Observations until the test tells, for margins of 3 points. *Fixed n* is what a test of fixed size needs for 80 % power at
the same α, looked at once, at the end. *Plain aGRAPA* has the median and 80th percentile with a prior of
one observation and stakes of up to 0.75 of the wealth; ours are {prior:g} ({alarm:g} for alarms) and
{caution:g}.

{powers}

## Canary

The incumbent and the candidate answer different units, so that it takes many more of them than pairs do: shadow first.
"Half and half, not centred" is the score without the running mean outcome taken off: what that is worth.

{canaries}

## Drift

The time to a false alarm while the mean stays at the level, 80 %:

{false}

And the delay, at α = 0.001, when it falls after 0 or 500 observations at the level:

{drifts}

## The band that is only shown

An asymptotic confidence sequence of level 95 %, of pairs with a discordance of 0.1, from its 100th observation on: {band} of the
runs have a band that missed the mean at some look. No decision uses it.
"""


# --- the picture ---

WIDTH, PANEL, LEFT, RIGHT, TOP = 1000, 330, 64, 360, 46
COLOURS = ("#2563a8", "#c2410c", "#15803d", "#7c3aed", "#b45309", "#0e7490", "#be185d", "#4d7c0f", "#475569", "#9f1239",
           "#1d4ed8", "#a16207")  # fmt: skip


def picture(wrong: Sequence[tuple[str, float, Seen]], right: Sequence[tuple[Case, Seen]]) -> str:
    """Errors as shares of their α over looks, and the share of runs that have told over observations, as SVG."""
    errs = [(name, seen, alpha) for name, alpha, seen in wrong]
    tells = [(case.name, seen, 1.0) for case, seen in right]
    height = 2 * (PANEL + TOP + 50)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="13">',
        "<title>Errors of the sequential tests over looks, and how soon they tell</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        *panel(0, "Runs that erred so far, as a share of α (dashed: what is allowed)", errs),
        *panel(height // 2, "Runs that have told so far (dots: a test of fixed size, at 80 %)", tells),
        *(
            dot(height // 2, case.fixed, seen.looks, COLOURS[number])
            for number, (case, seen) in enumerate(right)
            if case.fixed
        ),
        "</svg>\n",
    ]
    return "\n".join(parts)


def panel(top: int, title: str, curves: Sequence[tuple[str, Seen, float]]) -> list[str]:
    """One panel: a curve for each, over looks on a logarithmic scale, and what the colours mean."""
    looks, base = curves[0][1].looks, top + TOP + PANEL
    parts = [f'<text x="16" y="{top + 28}" font-size="15" font-weight="600">{escape(title)}</text>']
    for power in range(1, round(math.log10(looks)) + 1):
        x = across(10**power, looks)
        parts.append(f'<path d="M{x:.1f} {top + TOP}V{base}" stroke="#d8dee4"/>')
        parts.append(f'<text x="{x:.1f}" y="{base + 18}" text-anchor="middle" fill="#6e7781">{10**power:,}</text>')
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = base - share * PANEL / 1.1
        dash = ' stroke-dasharray="6 4" stroke-width="1.5"' if share == 1 else ""
        parts.append(
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{"#24292f" if share == 1 else "#d8dee4"}"{dash}/>'
        )
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#6e7781">{share:g}</text>')
    for number, (name, seen, whole) in enumerate(curves):
        colour, y = COLOURS[number], top + TOP + 14 + 22 * number
        parts.append(f'<path d="{steps(seen, whole, base)}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
        parts.append(f'<path d="M{WIDTH - RIGHT + 14} {y - 4}h18" stroke="{colour}" stroke-width="3"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 38}" y="{y}">{escape(name)}</text>')
    return parts


def across(look: float, looks: int) -> float:
    """Where a look stands: from 10 on, on a logarithmic scale."""
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log10(max(look, 10) / 10) / math.log10(looks / 10)


def steps(seen: Seen, whole: float, base: int) -> str:
    """The share of runs that have crossed, over looks, at 120 places."""
    places = np.unique(np.geomspace(10, seen.looks, 120).astype(int))
    shares = [float(((seen.crossed > 0) & (seen.crossed <= place)).mean()) / whole for place in places]
    points = (f"{across(place, seen.looks):.1f} {base - share * PANEL / 1.1:.1f}"
              for place, share in zip(places.tolist(), shares, strict=True))  # fmt: skip
    return "M" + "L".join(points)


def dot(top: int, look: int, looks: int, colour: str) -> str:
    y = top + TOP + PANEL - 0.8 * PANEL / 1.1
    return f'<circle cx="{across(look, looks):.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--looks", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20270115)
    text, svg = page(parser.parse_args())
    PAGE.write_text(text)
    PAGE.with_suffix(".svg").write_text(svg)


if __name__ == "__main__":
    main()
