"""The statistics of a trial online: tests that may be looked at after every observation, and stopped at any.

It knows numbers only, needs no library, and keeps no history: a state is a small frozen record that goes through JSON
unchanged, and `advance` gives the next one, so a process that is killed goes on where its store says. Whoever holds the
state must count each observation once.

Each test is a bet against its null hypothesis. The wealth is multiplied by 1 + λ gain, where under the null a gain has a
mean of at most 0 given the past and λ is chosen from the past. So the wealth is an e-process: whenever one looks, the chance
that it ever reaches 1/α is at most α (Ville 1939; Waudby-Smith & Ramdas 2024, JRSS B 86:1). It is not lost again: the first
crossing is remembered, whatever the wealth does later. Several alarms share one α by each taking a part of it.

"Given the past" asks something of who observes: one observation for each independent unit (a conversation, never each of
its turns), in the order in which they end or another that does not depend on their outcomes.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

CAUTION: Final = 0.5
"""The share of the wealth that one observation may cost at most."""

PRIOR_OF_PASSING: Final = 20.0
PRIOR_OF_ALARMS: Final = 5.0
"""Observations that the supposition at the start weighs as much as. Neither these nor `CAUTION` touch validity, only time.

Chosen among 1, 5, 20, 50, 100 and 0.5, 0.75, in 800 runs of each case of studies/sequential.py: 20 passes soonest or nearly
so at every discordance (a median of 776 pairs at a discordance of 0.1, where 1 and 0.75 take 974), and 5 loses little of that and sees gross harm sooner."""

LEAST_SHOWN: Final = 100
"""Observations before an asymptotic confidence sequence is shown."""

FRACTIONS: Final = tuple(2.0**-power for power in range(1, 9))
"""Stakes of the drift detector, as shares of the largest."""

ROUNDING: Final = 1e-9
_NORMAL: Final = NormalDist()


class Betting(Struct, frozen=True):
    """A bet that E[gain] > 0, with gain = sign (x - null), which can be no less than -worst.

    `e` is the wealth as a natural logarithm, `peak` the highest it has been, `threshold` what it must reach; `n` counts
    observations, `crossed_at` is the one that reached it (0: none has). `weights`, `gains` and `squares` are what the stake
    is chosen from: Σ w, Σ w gain and Σ w gain², with what was supposed at the start.
    """

    null: float
    sign: float
    worst: float
    threshold: float
    weights: float
    gains: float
    squares: float
    supposed: float
    e: float = 0.0
    peak: float = 0.0
    n: int = 0
    crossed_at: int = 0

    @property
    def crossed(self) -> bool:
        """Whether the null hypothesis has been rejected, now or at any time before."""
        return self.crossed_at > 0

    @property
    def p(self) -> float:
        """A p-value that holds at any time: 1 over the highest wealth."""
        return math.exp(-self.peak)


def start_paired(margin: float, alpha: float) -> Betting:
    """Against "worse by m or more" from paired differences in [-1, 1]: E_t = Π(1 + λ(d + m)), λ < 1/(1-m). Crossing says
    that the candidate is no worse than the margin. It begins by supposing equality and a quarter of variance."""
    return _start(-margin, 1.0, 1.0 - margin, alpha, PRIOR_OF_PASSING, margin, 0.25)


def start_harm(margin: float, alpha: float) -> Betting:
    """The reverse, for rollback: against "worse by m at most", E_t = Π(1 - λ(d + m)). Crossing says that harm is shown."""
    return _start(-margin, -1.0, 1.0 + margin, alpha, PRIOR_OF_ALARMS, 0.0, 0.25)


def start_cap(rate: float, alpha: float) -> Betting:
    """Against "this happens at a rate of at most `rate`", from 1 (it did) and 0: E_t = Π(1 + λ(x - rate)), λ < 1/rate.

    Crossing says that a hard cap is passed: of errors, of safeguard hits, or, at a rate of 0.05, of answers slower than a
    limit to the 95th percentile."""
    _expect(0 < rate < 1, f"a cap of {rate} is no rate between 0 and 1")
    return _start(rate, 1.0, rate, alpha, PRIOR_OF_ALARMS, 0.0, rate * (1 - rate))


def start_ipw(margin: float, alpha: float, least_share: float) -> Betting:
    """`start_paired` from the scores of `ipw`, where both models have at least `least_share` of the traffic."""
    _expect(0 < least_share <= 0.5, f"both models cannot have a share of at least {least_share}")
    return _start(-margin, 1.0, 1 / least_share - margin, alpha, PRIOR_OF_PASSING, margin, 1.0)


def start_ipw_harm(margin: float, alpha: float, least_share: float) -> Betting:
    """`start_harm` from the scores of `ipw`."""
    _expect(0 < least_share <= 0.5, f"both models cannot have a share of at least {least_share}")
    return _start(-margin, -1.0, 1 / least_share + margin, alpha, PRIOR_OF_ALARMS, 0.0, 1.0)


def _start(
    null: float, sign: float, worst: float, alpha: float, prior: float, mean: float, variance: float
) -> Betting:  # fmt: skip
    """A bet that begins as if `prior` gains of this mean and variance had been seen."""
    _expect(0 < alpha < 1, f"alpha is {alpha}, not between 0 and 1")
    _expect(worst > 0, f"a null of {null} leaves nothing to test")
    squares = prior * (variance + mean * mean)
    return Betting(null, sign, worst, -math.log(alpha), prior, prior * mean, squares, prior)


def advance(state: Betting, x: float, *, worst: float | None = None, weight: float = 1.0) -> Betting:
    """The state after one more observation. `worst` is the most that this one can lose, where that is known beforehand and
    less than in general; `weight` is proportional to the precision that it is known to have. Raises ValueError for an
    observation out of range, which would void the test."""
    worst = state.worst if worst is None else worst
    gain = state.sign * (x - state.null)
    _expect(-worst - ROUNDING <= gain < math.inf, f"an observation of {x} can lose more than {worst}")
    e = state.e + math.log1p(_stake(state, worst, weight) * gain)
    n = state.n + 1
    return replace(
        state,
        weights=state.weights + weight,
        gains=state.gains + weight * gain,
        squares=state.squares + weight * gain * gain,
        e=e,
        peak=max(state.peak, e),
        n=n,
        crossed_at=state.crossed_at or (n if e >= state.threshold else 0),
    )


def _stake(state: Betting, worst: float, weight: float) -> float:
    """λ = mean/(variance + mean²) of the gains so far (aGRAPA; Waudby-Smith & Ramdas 2024), in [0, CAUTION/worst].

    An observation of weight w is taken to have a mean square of Σ w gain²/n/w, as the scores of `ipw` have at their share."""
    mean = state.gains / state.weights
    square = state.squares / (state.n + state.supposed) / weight
    return min(max(0.0, mean / square), CAUTION / worst)


# --- the randomised canary ---------------------------------------------------------------------------------------------


def ipw(outcome: float, share: float, *, candidate: bool, centre: float = 0.0) -> float:
    """A(Y-c)/π - (1-A)(Y-c)/(1-π): its mean is the difference of both models, for whatever share π and centre c were fixed
    before the outcome (Howard et al. 2021, Ann. Stat. 49:1055, corollary 2). The mean outcome so far, as c, divides the
    variance by five where four in five are right; π(1-π) is then the weight of the score, up to a factor."""
    _expect(0 < share < 1 and 0 <= outcome <= 1, f"an outcome of {outcome} at a share of {share} is out of range")
    return (outcome - centre) / share if candidate else (centre - outcome) / (1 - share)


def ipw_range(share: float, centre: float = 0.0) -> tuple[float, float]:
    """The least and the greatest that `ipw` can be at this share."""
    own, other = 1 / share, 1 / (1 - share)
    return -max(centre * own, (1 - centre) * other), max((1 - centre) * own, centre * other)


# --- drift after promotion ---------------------------------------------------------------------------------------------


class Drift(Struct, frozen=True):
    """An e-detector of "the mean has fallen below `level`": one Shiryaev-Roberts sum for each stake. `threshold` is what the
    logarithm of their mean must reach, `crossed_at` the observation that did (0: none); the sums stand still after it."""

    level: float
    worst: float
    threshold: float
    sums: tuple[float, ...]
    n: int = 0
    crossed_at: int = 0

    @property
    def crossed(self) -> bool:
        """Whether there has been an alarm."""
        return self.crossed_at > 0

    @property
    def e(self) -> float:
        """The logarithm of the mean of the sums; before the first observation there is none."""
        return math.log(sum(self.sums) / len(self.sums)) if self.n else -math.inf


def start_drift(level: float, alpha: float, low: float = 0.0, high: float = 1.0) -> Drift:
    """Watches observations in [low, high] whose mean should be at least `level`. While it is, the mean time to a false alarm
    is at least 1/α observations."""
    _expect(low < level < high and 0 < alpha < 1, f"a level of {level} cannot be watched in [{low}, {high}] at {alpha}")
    return Drift(level, high - level, -math.log(alpha), (0.0,) * len(FRACTIONS))


def advance_drift(state: Drift, x: float) -> Drift:
    """The state after one more observation: M_t = (M_{t-1} + 1)(1 + λ(level - x)), each term a bet that the fall began then;
    a mean of such sums over fixed λ is an e-detector again (Shin, Ramdas & Rinaldo 2024, New Engl. J. Stat. Data Sci. 2:229).
    Raises ValueError for an observation out of range."""
    gain, n = state.level - x, state.n + 1
    _expect(-state.worst - ROUNDING <= gain < math.inf, f"an observation of {x} can lose more than {state.worst}")
    if state.crossed_at:
        return replace(state, n=n)
    factors = (1 + CAUTION * fraction / state.worst * gain for fraction in FRACTIONS)
    sums = tuple((total + 1) * factor for total, factor in zip(state.sums, factors, strict=True))
    state = replace(state, sums=sums, n=n)
    return replace(state, crossed_at=n) if state.e >= state.threshold else state


# --- confidence sequences ----------------------------------------------------------------------------------------------


class Running(Struct, frozen=True):
    """Count, mean and sum of squared deviations of what was seen (Welford 1962)."""

    n: int = 0
    mean: float = 0.0
    deviations: float = 0.0

    @property
    def variance(self) -> float:
        """Of one observation; 0 before there are two."""
        return self.deviations / (self.n - 1) if self.n > 1 else 0.0


def advance_running(state: Running, x: float) -> Running:
    """The state after one more observation."""
    step = x - state.mean
    mean = state.mean + step / (state.n + 1)
    return Running(state.n + 1, mean, state.deviations + step * (x - mean))


def asymptotic_cs(
    n: float, mean: float, variance: float, alpha: float = 0.05, rho: float = 0.28
) -> tuple[float, float] | None:
    """mean ± √((nvρ²+1)/(n²ρ²) ln((nvρ²+1)/α²)), for display only: its level holds as n grows, so before n = 100 it is None
    (Waudby-Smith et al. 2024, Ann. Stat. 52(6)). ρ is fixed beforehand: 1/√`mixture_rho` of the variance Σ at which the
    band should be tightest; 0.28 stands for 1,000 items with a discordance of 0.1. Of weighted observations n is Σw, `mean` Σwx/Σw
    and `variance` Σw²(x - mean)²/Σw, where each weight was fixed before its observation."""
    if n < LEAST_SHOWN:
        return None
    half = mixture_bound(n * variance, 1 / rho**2, alpha) / n
    return mean - half, mean + half


def mixture_rho(v: float, alpha: float, *, exact: bool = False) -> float:
    """ρ for which the two-sided normal mixture is tightest at the intrinsic time v: v/(2 ln(1/α) + ln(1 + 2 ln(1/α))), or the
    exact v/(-W₋₁(-α²/e) - 1) (Howard et al. 2021, Ann. Stat. 49:1055, section 3.5). Give 2α for the one-sided."""
    log = -2 * math.log(alpha)
    if not exact:
        return v / (log + math.log1p(log))
    w = 1 + log
    for _ in range(100):  # w = -W₋₁ solves w - ln w = 1 + 2 ln(1/α); the map contracts by 1/w a step
        w = 1 + log + math.log(w)
    return v / (w - 1)


def mixture_bound(v: float, rho: float, alpha: float, sides: Literal[1, 2] = 2) -> float:
    """What a sum of variance v stays below at all times with a chance of 1 - α; at both sides √((v+ρ) ln((v+ρ)/(ρα²))), on one
    side by halving (Howard et al. 2021, Ann. Stat. 49:1055, section 3.2)."""
    if sides == 2:
        return math.sqrt((v + rho) * math.log((v + rho) / (rho * alpha * alpha)))
    return _reached(lambda s: log_mixture(s, v, rho, 1), -math.log(alpha), mixture_bound(v, rho, alpha / 2))


def log_mixture(s: float, v: float, rho: float, sides: Literal[1, 2] = 2) -> float:
    """The logarithm of the normal mixture of exp(λs - λ²v/2) at a sum s: ln(ρ/(v+ρ))/2 + s²/(2(v+ρ)), and on one side
    ln(4ρ/(v+ρ))/2 + s²/(2(v+ρ)) + ln Φ(s/√(v+ρ))."""
    both = math.log(rho / (v + rho)) / 2 + s * s / (2 * (v + rho))
    return both if sides == 2 else both + math.log(2 * max(_NORMAL.cdf(s / math.sqrt(v + rho)), math.ulp(0.0)))


def _reached(rising: Callable[[float], float], at: float, high: float) -> float:
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < at else (low, middle)
    return high


def _expect(holds: bool, sentence: str) -> None:  # noqa: FBT001 (a claim and its sentence)
    if not holds:
        raise ValueError(sentence)
