"""Whether a promoted candidate is still as good as the canary showed it to be. Pure: watch + score -> watch.

There is no second arm any more, so what it is held against is its own mean score over the canary, less the margin. The test is
the e-detector of `sequential.py`: while the true mean is at that level or above, the conversations up to a false alarm are
`drift_false_alarm` at least on average, however long the promotion lasts. That is a mean time and no probability: whoever
watches for ever is sure to have a false alarm at last.
"""

from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from freehold.config.canary_rules import CanaryRules
from freehold.store.canaries import MILLION
from freehold.trials.rollouts import State
from freehold.trials.sequential import Drift, advance_drift, start_drift

LEAST_LEVEL: Final = 0.01
"""Mean scores below this cannot be seen to fall in any time that matters."""


class Watch(Struct, frozen=True):
    """What was seen since the promotion. `shown` is the mean score during the canary; `seen` counts conversations, with those
    that have no grade."""

    drift: Drift
    shown: float
    seen: int = 0


def begin_watch(state: State, rules: CanaryRules) -> Watch | None:
    """The watch over a candidate that was promoted with this state; None where it is switched off, or there is nothing that could
    fall."""
    arm = state.candidate
    shown = arm.total / arm.scored if arm.scored else 0.0
    level = shown - rules.margin
    if rules.drift_false_alarm == 0 or level < LEAST_LEVEL:
        return None
    return Watch(start_drift(level, 1 / max(2, rules.drift_false_alarm)), shown)


def watch_one(watch: Watch, score: float | None) -> Watch:
    """The watch after one more conversation of the candidate's, with its score from 0 to 1, None where no grader could tell."""
    drift = watch.drift if score is None else advance_drift(watch.drift, score)
    return replace(watch, drift=drift, seen=watch.seen + 1)


def drift_reason(watch: Watch) -> str:
    """What an alarm says."""
    return (
        f"its mean score is shown to have fallen below {watch.drift.level:.3g}, which is what it showed as a canary, "
        f"{watch.shown:.3g}, less the margin"
    )


def drift_evidence(watch: Watch) -> dict[str, Any]:
    """What an event tells of it, in whole numbers: means in millionths."""
    return {
        "conversations": watch.seen,
        "shown_mean_ppm": round(watch.shown * MILLION),
        "level_ppm": round(watch.drift.level * MILLION),
        "drift": drift_test(watch),
    }


def drift_test(watch: Watch) -> dict[str, int]:
    """The test as the others are told: its evidence as a logarithm in thousandths (0 before there is any), and the threshold."""
    drift = watch.drift
    told = {
        "n": drift.n,
        "log_e_milli": round(max(0.0, drift.e) * 1000),
        "threshold_milli": round(drift.threshold * 1000),
    }
    return told | ({"crossed_at": drift.crossed_at} if drift.crossed else {})
