"""By which rules a canary advances and ends: `canary` of a workload, in the configuration and in the store.

The declarations alone; `trials/rollouts.py` says what follows from each.
"""

from typing import Annotated

from msgspec import Meta, Struct


class CanaryRules(Struct, frozen=True, kw_only=True):
    """`canary` of a workload: what one must show to advance, and what ends it; options of `freehold canary start` go first."""

    margin: Annotated[
        float, Meta(gt=0, lt=1, description="How much lower the candidate's mean score may be, of 1.")
    ] = 0.03
    alpha: Annotated[
        float, Meta(gt=0, lt=0.5, description="Probability, at most, that a candidate worse by the margin is promoted.")
    ] = 0.05
    harm: Annotated[
        float, Meta(ge=0, lt=1, description="It is taken back when shown to be worse by more than this, of 1.")
    ] = 0.03
    alpha_rollback: Annotated[
        float,
        Meta(gt=0, lt=0.5, description="Probability, at most, that all alarms together take back a good candidate."),
    ] = 0.05
    max_error_rate: Annotated[
        float, Meta(gt=0, lt=1, description="It is taken back when shown to fail more often than this.")
    ] = 0.05
    emergency_error_rate: Annotated[
        float,
        Meta(gt=0, le=1, description="It is taken back at once when it fails this often in its last 20 requests."),
    ] = 0.5
    max_blocked_rate: Annotated[
        float,
        Meta(gt=0, lt=1, description="It is taken back when shown to be stopped by safeguards more often than this."),
    ] = 0.05
    max_p95_ratio: Annotated[
        float,
        Meta(
            ge=0,
            description="It is taken back when its 95th percentile of time is shown to be longer by this factor; 0 for no such "
            "cap.",
        ),
    ] = 2.0
    min_items: Annotated[
        int, Meta(ge=1, description="Conversations that the candidate answers at a step before it advances.")
    ] = 100
    patience: Annotated[
        float, Meta(ge=0, description="Seconds that outcomes wait for requests that began before theirs and still run.")
    ] = 120.0
    drift_false_alarm: Annotated[
        int,
        Meta(
            ge=0,
            description="After the promotion: conversations to a false alarm of drift, on average and at least, while the "
            "candidate is no worse than it showed less the margin; 0 for no such watch.",
        ),
    ] = 10_000
