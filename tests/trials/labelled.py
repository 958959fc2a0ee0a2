"""A trial that has ended and that people have labelled, as it stands in a data folder: so many replies of each kind."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from freehold.trials.labelled_trials import pinned
from freehold.trials.labels import Said, drawn, keep_label, read_labels
from freehold.trials.plan import Arm, PlannedItem, TrialFolder
from freehold.trials.results import Calibration, Results, Row, Told, Verdict, encode
from trials.test_plan import plan_of

JUDGE: dict[str, Any] = {"kind": "judge", "label": "polite", "models": ["rack/judge"], "rubric": "It is polite."}


def labelled_trial(
    data: Path,
    people: Sequence[tuple[float, float]],
    judged: Sequence[tuple[float, float]],
    *,
    seen: int | None = None,
    calibrations: Sequence[Calibration] = (),
    tables: Sequence[Mapping[str, Any]] = (JUDGE,),
    trial_id: str = "trial_x",
    workload: str = "triage",
    candidate: str = "rack/new",
) -> TrialFolder:
    """One item for each pair of scores (candidate's, incumbent's) that people gave, with those of the judge, each in a conversation
    of its own; they labelled the first `seen` of them in the order that is drawn, all unless said."""
    names = [f"i{number:04}" for number in range(len(judged))]
    plan = replace(
        plan_of(*(PlannedItem(name, "00", name) for name in names), trial_id=trial_id),
        workload=workload, candidate=Arm(model=candidate), incumbent=Arm(model="rack/good"), graders=tuple(pinned(tables)),
    )  # fmt: skip
    grader = next(one.name for one in plan.graders if one.judge)
    rows = tuple(
        Row(item=name, cluster=name, candidate=Told(scores={grader: mine}, keys=("k",)),
            incumbent=Told(scores={grader: theirs}, keys=("k",)))
        for name, (mine, theirs) in zip(names, judged, strict=True)
    )  # fmt: skip
    folder = TrialFolder(data, trial_id)
    digest = folder.write_plan(plan)
    said = dict(zip(names, people, strict=True))
    for name in drawn(plan, rows)[:seen]:
        mine, theirs = said[name]
        keep_label(folder.path, Said(item=name, at=1, candidate=mine, incumbent=theirs))
    verdict = Verdict(outcome="inconclusive", sentence="Inconclusive.", gates=())
    results = Results(
        trial=trial_id, plan=digest, ended_at=1_795_000_000_000, spent_nano=0, asked=0, cached=0, captured=0, verdict=verdict,
        calibrations=tuple(calibrations), rows=rows, labels=read_labels(folder.path)[1],
    )  # fmt: skip
    folder.write_results(encode(results))
    return folder


def hits(model: str, right: int, good: int, wrong: int, bad: int) -> Calibration:
    """How the judge did on a model's replies: it took `right` of the `good` ones for good, and `wrong` of the `bad` ones for bad."""
    return Calibration(grader="polite", model=model, q1=right / good, m1=good, q0=wrong / bad, m0=bad)
