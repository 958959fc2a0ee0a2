"""What a judge's word is worth online: which margin of what it says stands for a true margin, from what people said. Pure.

It knows counts, rows and labels, no file and no canary. It exists because a judge errs, and no number of conversations shows by how
much. `labelled_trials.py` finds the labels, `rollouts.py` and `shadow.py` test the margin that comes of them. Two ways:

  hits      One judge, of right or wrong, that errs alike on both models' replies: it calls good ones good with the probability
            q1 and bad ones bad with q0. It then shows a true difference D as J D, J = q0 + q1 - 1 (Youden 1950, Cancer 3:32), so
            D <= -m implies that the judged difference is at most -J m. In the place of J stands a lower limit of it: the sum of
            exact ones (Clopper & Pearson 1934, Biometrika 26:404), less 1. That both are treated alike is assumed; where labels show
            that they are not (`calibrating.alike`), this way is closed.
  people    Any judges, of grades too, alone or among other graders, and nothing is assumed of their errors: on items on which
            people and the judges scored both models' replies, the mean of "people's difference less the judged one", r, has a
            lower limit, cluster by cluster. D <= -m implies a judged difference of at most -m - r.

Either limit is wrong with a probability of `SHARE` of alpha at most, and the test has the rest: together alpha (the union bound).
"""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Final, Literal

from msgspec import Struct

from freehold.trials.calibrating import LEAST_LABELS, UNLIKE, alike
from freehold.trials.results import Calibration, Row
from freehold.trials.statistics import Interval, miettinen_nurminen, paired
from freehold.trials.verdict import LEAST_COMPARED

SHARE: Final = 0.2
"""The share of alpha that goes to the limit of a judge's error. At 0.05 the test then asks for 7 % more in the logarithm of its wealth;
at a half of alpha it would be 23 %, for a limit that lies an eighth nearer."""

MILLION: Final = 1_000_000

Method = Literal["hits", "people", "none"]


class Correction(Struct, frozen=True, kw_only=True):
    """How far these judges are believed: a true margin m is tested as `factor` m - `allowance` of what they say, at alpha -
    `spent`. `unanswered` is at least what they would have given the incumbent for an answer that it did not give, beyond what it
    is worth. With the method `none` nothing good follows from what they say, and `missing` says what there is to do.

    `trial` is where people labelled `labels` replies, `results` the digest of what came of it; `good` and `bad` count what people said
    of the replies, `q1` and `q0` are the shares of those that the judge took for such. `favour` is how many points the judge may like the candidate
    better than the incumbent without these labels showing it, at 95 %: what "treats both alike" assumes away."""

    judges: tuple[str, ...]
    method: Method
    spent: float = 0.0
    factor: float = 1.0
    allowance: float = 0.0
    unanswered: float = 0.0
    trial: str = ""
    results: str = ""
    labels: int = 0
    good: int = 0
    bad: int = 0
    q1: float = 0.0
    q0: float = 0.0
    favour: float = 0.0
    missing: str = ""


def judged_margin(correction: Correction | None, margin: float) -> float | None:
    """The margin of the scores that stands for a true one; None where nothing these scores show would prove it."""
    if correction is None:
        return margin
    tested = correction.factor * margin - correction.allowance
    return tested if correction.method != "none" and tested > 0 else None


def left_of(correction: Correction | None, alpha: float) -> float:
    """The level of the tests of quality: alpha less what the judges' errors take of it."""
    return alpha if correction is None else alpha - correction.spent


def why_not(correction: Correction | None, margin: float) -> str:
    """Why a true margin cannot be shown, as a sentence without its full stop; empty where it can."""
    if correction is None or judged_margin(correction, margin) is not None:
        return ""
    if correction.method == "none":
        return correction.missing
    return (
        f"by what people said, {_names(correction.judges)} may favour the candidate by up to {100 * correction.allowance:.1f} points, "
        f"and {100 * margin:g} are to be shown: label more replies (`freehold trial label {correction.trial}`)"
    )


def correct_by_hits(
    judge: str, candidate: Calibration | None, incumbent: Calibration | None, alpha: float
) -> Correction | str:
    """The correction for one judge of right or wrong, from how it did on each model's labelled replies; why there is none."""
    arms = [one for one in (candidate, incumbent) if one is not None]
    good, bad = sum(one.m1 for one in arms), sum(one.m0 for one in arms)
    if min(good, bad) < LEAST_LABELS or len(arms) < 2 or min(one.m0 + one.m1 for one in arms) < LEAST_LABELS:
        return (
            f"the judge `{judge}` is not calibrated: people have called {good} replies good and {bad} bad, and it takes "
            f"{LEAST_LABELS} of each, and {LEAST_LABELS} of each model's, of different conversations"
        )
    mine, theirs = arms
    p = alike(mine, theirs)
    if p is not None and p < UNLIKE:
        return f"the judge `{judge}` does not treat both models alike (p = {p:.2g})"
    right, wrong = (round(mine.q1 * mine.m1 + theirs.q1 * theirs.m1), round(mine.q0 * mine.m0 + theirs.q0 * theirs.m0))
    spent = SHARE * alpha
    q1, q0 = lowest_share(right, good, spent / 2), lowest_share(wrong, bad, spent / 2)
    if q1 + q0 <= 1:
        return f"the judge `{judge}` is not shown to be better than chance by {good + bad} labels"
    return Correction(
        judges=(judge,), method="hits", spent=spent, factor=q1 + q0 - 1, unanswered=1 - q0, labels=good + bad,
        good=good, bad=bad, q1=right / good, q0=wrong / bad, favour=_favour(mine, theirs),
    )  # fmt: skip


def correct_by_people(
    judges: Sequence[tuple[str, str]], rows: Sequence[Row], said: Mapping[str, tuple[float, float]], alpha: float
) -> Correction | str:  # fmt: skip
    """The correction for a mean of scores of which `judges` gave some, as if they gave all, for how many of the other graders can
    tell differs from answer to answer; why there is none. Each judge by name, with its name in the rows of a trial, in which `said` has
    people's (candidate's, incumbent's) score by item.

    Two items are added on which people and the judges differ by a whole point, one to each side, as `compare_with_people` does."""
    known = [(row, *said[row.item], *means) for row in rows
             if row.item in said and (means := _judged(row, [name for _, name in judges])) is not None]  # fmt: skip
    clusters = [row.cluster for row, *_ in known]
    names = tuple(name for name, _ in judges)
    if len(set(clusters)) < LEAST_COMPARED:
        return (
            f"people have said of {len(set(clusters))} conversations how good both replies are, and {_names(names)} "
            f"{'is' if len(names) == 1 else 'are'} believed from {LEAST_COMPARED} on"
        )
    spent = SHARE * alpha
    differences = [(y - z) - (f - g) for _, y, z, f, g in known]
    excess = [g - z for _, _, z, _, g in known]
    lower = 2 * _limits([one / 2 for one in differences], clusters, 0.5, spent).low
    above = _limits(excess, clusters, 1.0, spent).high
    return Correction(
        judges=names, method="people", spent=spent, allowance=max(0.0, -lower),
        unanswered=min(1.0, max(0.0, above)), labels=2 * len(known),
    )  # fmt: skip


def uncorrected(judges: Sequence[str], missing: str) -> Correction:
    """Judges of whom too little is known."""
    return Correction(judges=tuple(judges), method="none", missing=missing)


def told(correction: Correction) -> dict[str, Any]:
    """A correction as an entry of the ledger has it: shares and points in millionths, levels as text, nothing that says nothing."""
    shares = {
        f"{name}_ppm": round(getattr(correction, name) * MILLION)
        for name in ("factor", "allowance", "unanswered", "q1", "q0", "favour")
        if name in _SHOWN[correction.method]
    }
    plain = {"trial": correction.trial, "results": correction.results, "missing": correction.missing}
    counts = {
        name: getattr(correction, name) for name in ("labels", "good", "bad") if name in _SHOWN[correction.method]
    }
    spent = {"alpha_spent": f"{correction.spent:.12g}"} if correction.spent else {}
    texts = {name: text for name, text in plain.items() if text}
    return {"judges": list(correction.judges), "method": correction.method, **spent, **shares, **counts, **texts}


def lowest_share(hits: int, of: int, alpha: float) -> float:
    """The exact lower limit of a share of which `hits` of `of` were seen, one-sided: the p at which as many or more have a chance of
    alpha (Clopper & Pearson 1934)."""
    if not 0 <= hits <= of or of < 1 or not 0 < alpha < 1:
        raise ValueError(f"{hits} of {of} at {alpha} are no share and level")
    if hits == 0:
        return 0.0
    chosen = [math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1) for k in range(hits, of + 1)]
    low, high = 0.0, 1.0
    for _ in range(50):
        p = (low + high) / 2
        odds, none = math.log(p) - math.log1p(-p), of * math.log1p(-p)
        chance = math.fsum(math.exp(one + none + k * odds) for k, one in enumerate(chosen, hits))
        low, high = (p, high) if chance < alpha else (low, p)
    return low


# --- what they share ---


_SHOWN: Final[dict[Method, tuple[str, ...]]] = {
    "hits": ("factor", "unanswered", "labels", "good", "bad", "q1", "q0", "favour"),
    "people": ("allowance", "unanswered", "labels"),
    "none": ("labels",),
}


def _names(judges: Sequence[str]) -> str:
    word = "the judge " if len(judges) == 1 else "the judges "
    return word + ", ".join(f"`{judge}`" for judge in judges)


def _favour(mine: Calibration, theirs: Calibration) -> float:
    """How many points, at most, the judge may give the candidate beyond what it gives the incumbent for equal replies: the upper
    limits of both differences of shares (Miettinen & Nurminen), at the share of good replies, by MOVER."""
    good = (mine.m1 + theirs.m1) / (mine.m0 + mine.m1 + theirs.m0 + theirs.m1)
    likes = _apart(mine.q1, mine.m1, theirs.q1, theirs.m1)
    spares = _apart(1 - mine.q0, mine.m0, 1 - theirs.q0, theirs.m0)
    middle = good * likes.estimate + (1 - good) * spares.estimate
    return middle + math.hypot(good * (likes.high - likes.estimate), (1 - good) * (spares.high - spares.estimate))


def _apart(share: float, of: int, other: float, other_of: int) -> Interval:
    if not of or not other_of:
        return Interval(-1.0, 0.0, 1.0)
    return miettinen_nurminen(round(share * of), of, round(other * other_of), other_of)


def _judged(row: Row, judges: Sequence[str]) -> tuple[float, float] | None:
    """The means of what the judges gave to both replies; None where one of them could not say."""
    both = [(row.candidate.scores.get(name), row.incumbent.scores.get(name)) for name in judges]
    known = [(mine, theirs) for mine, theirs in both if mine is not None and theirs is not None]
    return (fmean(a for a, _ in known), fmean(b for _, b in known)) if len(known) == len(judges) else None


def _limits(values: Sequence[float], clusters: Sequence[str], point: float, alpha: float) -> Interval:
    """The limits of a mean, each wrong with half of alpha, with an item added a `point` to either side of it."""
    middle = fmean(values)
    return paired([*values, middle + point, middle - point], [*clusters, 0, 1], 1 - alpha).interval
