"""How many items a trial needs, and what it can show with those it has: for each test of `statistics.py`, its power.

It knows no data, only what is supposed of them. A margin m says how much worse still passes and may be negative (the
candidate must then be better by -m); a `difference` Δ is what is supposed to be true, candidate minus incumbent; `alpha` is
one-sided. What a supposition cannot show with any number of items (Δ <= -m) raises ValueError.
"""

import math
from statistics import NormalDist
from typing import Final

_NORMAL: Final = NormalDist()


def items_needed_binary(
    margin: float, discordance: float, difference: float = 0.0, alpha: float = 0.025, power: float = 0.8,
    design_effect: float = 1.0,
) -> int:  # fmt: skip
    """Pairs for `tango_test`: n = (z₁₋α + z_power)² (ψ - Δ²)/(m + Δ)², times the design effect, where ψ is the share of
    items that exactly one of the two models gets right (Tango 1998, Stat. Med. 17:891; Liu et al. 2002, Stat. Med. 21:231).

    The variance is that under the alternative; Tango's test has the slightly larger one under the null, which costs some
    two points of power at ψ = 0.1 and m = 0.03."""
    return items_needed_graded(margin, _sd_binary(discordance, difference), difference, alpha, power, design_effect)


def power_binary(
    n: int, margin: float, discordance: float, difference: float = 0.0, alpha: float = 0.025, design_effect: float = 1.0
) -> float:
    """The chance that n pairs pass: Φ((m + Δ) √(n/(ψ - Δ²)) - z₁₋α), n divided by the design effect."""
    return power_graded(n, margin, _sd_binary(discordance, difference), difference, alpha, design_effect)


def items_needed_graded(
    margin: float,
    sd: float,
    difference: float = 0.0,
    alpha: float = 0.025,
    power: float = 0.8,
    design_effect: float = 1.0,
) -> int:
    """Items for `paired_test`: n = ((z₁₋α + z_power) sd/(m + Δ))², times the design effect; sd is that of an item's
    difference, √(ω² + σ_A²/K_A + σ_B²/K_B) with `repeats` (Miller 2024, arXiv:2411.00640, section 5)."""
    _expect(margin + difference > 1e-12, f"no number of items shows that {difference:+g} is better than {-margin:+g}")
    return max(1, math.ceil(design_effect * (_reach(alpha, power) * sd / (margin + difference)) ** 2 - 1e-9))


def power_graded(
    n: int, margin: float, sd: float, difference: float = 0.0, alpha: float = 0.025, design_effect: float = 1.0
) -> float:
    """The chance that n items pass: Φ((m + Δ) √n/sd - z₁₋α), n divided by the design effect."""
    _expect(n > 0 and design_effect >= 1, f"{n} items with a design effect of {design_effect} show nothing")
    if sd == 0:
        return 1.0 if margin + difference > 0 else 0.0
    return _NORMAL.cdf((margin + difference) * math.sqrt(n / design_effect) / sd - _upper(alpha))


def detectable(n: int, sd: float, alpha: float = 0.025, power: float = 0.8, design_effect: float = 1.0) -> float:
    """The smallest m + Δ that n items show: (z₁₋α + z_power) sd √(design effect/n), Miller's minimum detectable effect."""
    _expect(n > 0, "no items detect nothing")
    return _reach(alpha, power) * sd * math.sqrt(design_effect / n)


def sd_of_repeats(
    between: float, noise_candidate: float, noise_incumbent: float, repeats_candidate: float, repeats_incumbent: float
) -> float:
    """√(ω² + σ_A²/K_A + σ_B²/K_B): the standard deviation of an item's difference when K samples are averaged first."""
    return math.sqrt(between + noise_candidate / repeats_candidate + noise_incumbent / repeats_incumbent)


def items_needed_quantile_ratio(
    limit: float,
    sd_log: float,
    ratio: float = 1.0,
    alpha: float = 0.025,
    power: float = 0.8,
    design_effect: float = 1.0,
    q: float = 0.95,
) -> int:
    """Items for `quantile_ratio_test`: those of `items_needed_graded` for the margin ln(limit/ratio) and `sd_of_quantile_ratio`,
    where `ratio` is what is supposed to be true. Raises ValueError for a ratio that is at the limit or above it."""
    _expect(0 < ratio < limit, f"no number of items shows that a ratio of {ratio:g} is below {limit:g}")
    return items_needed_graded(
        math.log(limit / ratio), sd_of_quantile_ratio(sd_log, q), 0.0, alpha, power, design_effect
    )


def power_quantile_ratio(
    n: int,
    limit: float,
    sd_log: float,
    ratio: float = 1.0,
    alpha: float = 0.025,
    design_effect: float = 1.0,
    q: float = 0.95,
) -> float:
    """The chance that n items show the ratio of two q-quantiles to be below `limit`."""
    return power_graded(n, math.log(limit / ratio), sd_of_quantile_ratio(sd_log, q), 0.0, alpha, design_effect)


def sd_of_quantile_ratio(sd_log: float, q: float = 0.95) -> float:
    """√2 sd √(q(1-q))/φ(z_q): what, divided by √n, is the standard error of the logarithm of a ratio of two sample quantiles, of
    times whose logarithm is normal with this standard deviation (David & Nagaraja 2003, section 10.2). As if the two models'
    times on one item had nothing in common, which is the careful side."""
    _expect(sd_log >= 0 and 0 < q < 1, f"a deviation of {sd_log} or a quantile of {q} is out of range")
    return math.sqrt(2 * q * (1 - q)) * sd_log / _NORMAL.pdf(_NORMAL.inv_cdf(q))


def items_needed_mcnemar(difference: float, discordance: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Pairs for `mcnemar`, two-sided: n = ((z₁₋α/₂ √ψ + z_power √(ψ - Δ²))/Δ)² (Connor 1987, Biometrics 43:207)."""
    _expect(difference != 0, "no number of items shows a difference of nothing")
    null, true = math.sqrt(discordance), _sd_binary(discordance, difference)
    reach = _upper(alpha / 2) * null + _NORMAL.inv_cdf(power) * true
    return max(1, math.ceil((reach / difference) ** 2 - 1e-9))


def power_mcnemar(n: int, difference: float, discordance: float, alpha: float = 0.05) -> float:
    """The chance that n pairs show a difference by `mcnemar`: Φ((|Δ| √n - z₁₋α/₂ √ψ)/√(ψ - Δ²))."""
    true = _sd_binary(discordance, difference)
    gap = abs(difference) * math.sqrt(n) - _upper(alpha / 2) * math.sqrt(discordance)
    return _NORMAL.cdf(gap / true) if true else float(gap > 0)


def design_effect(size: float, icc: float) -> float:
    """What clusters of `size` items cost: 1 + (k - 1) ICC, at least 1 (Kish 1965). With unequal sizes k is Σk²/Σk."""
    return max(1.0, 1 + (size - 1) * icc)


def items_needed_unpaired(
    candidate: float, incumbent: float, margin: float, alpha: float = 0.025, power: float = 0.8, ratio: float = 1.0
) -> tuple[float, float]:
    """Items of the candidate and, `ratio` times as many, of the incumbent for `farrington_manning`, not rounded.

    n = ((z₁₋α σ₀ + z_power σ₁)/(p₁ - p₂ + m))², σ² = p₁(1-p₁) + p₂(1-p₂)/ratio, σ₀ at the shares that are likeliest under a
    difference of -m (Farrington & Manning 1990, Stat. Med. 9:1447)."""
    _expect(abs(candidate - incumbent + margin) > 1e-12, "no number of items shows a difference that is on the margin")
    first, second = restricted_shares(candidate, incumbent, ratio, -margin)
    null = math.sqrt(first * (1 - first) + second * (1 - second) / ratio)
    true = math.sqrt(candidate * (1 - candidate) + incumbent * (1 - incumbent) / ratio)
    n = ((_upper(alpha) * null + _NORMAL.inv_cdf(power) * true) / (candidate - incumbent + margin)) ** 2
    return n, n * ratio


def restricted_shares(first: float, second: float, ratio: float, difference: float) -> tuple[float, float]:
    """The likeliest shares p₁, p₂ with p₁ - p₂ = `difference`, given observed ones of n and `ratio` n trials.

    The root of a cubic in closed form (Farrington & Manning 1990, appendix)."""
    a = 1 + ratio
    b = -(1 + ratio + first + ratio * second + difference * (ratio + 2))
    c = difference * difference + difference * (2 * first + ratio + 1) + first + ratio * second
    d = -first * difference * (1 + difference)
    v = (b / (3 * a)) ** 3 - b * c / (6 * a * a) + d / (2 * a)
    u = math.copysign(math.sqrt(max(0.0, (b / (3 * a)) ** 2 - c / (3 * a))), v)
    angle = (math.pi + math.acos(min(1.0, max(-1.0, v / u**3)))) / 3 if u else 0.0
    share = min(1.0, 1 + difference, max(0.0, difference, 2 * u * math.cos(angle) - b / (3 * a)))
    return share, share - difference


def _sd_binary(discordance: float, difference: float) -> float:
    _expect(
        abs(difference) <= discordance <= 1, f"a difference of {difference} needs more discordance than {discordance}"
    )
    return math.sqrt(discordance - difference * difference)


def _reach(alpha: float, power: float) -> float:
    return _upper(alpha) + _NORMAL.inv_cdf(power)


def _upper(alpha: float) -> float:
    _expect(0 < alpha < 1, f"alpha is {alpha}, not between 0 and 1")
    return -_NORMAL.inv_cdf(alpha)


def _expect(holds: bool, sentence: str) -> None:  # noqa: FBT001 (a claim and its sentence)
    if not holds:
        raise ValueError(sentence)
