"""What people said of the judges that grade a workload now: found in the trials of the same two models, and what follows from it.

It reads plans, results and labels below the data folder, and knows no canary. It exists because people label a trial's replies,
blinded and in a drawn order (`labels.py`), and a canary or a shadow by the same judges has to count with what they said.

A trial tells of a judge when its plan has the same table and version of that grader. Labels count once `freehold trial run` has
counted them into its results. Of several trials the one with the most labels that are of use counts,
the newest of equals: who chooses by numbers of labels does not choose by what they say.
"""

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.errors import FreeholdError, InvalidGrader, NotConfigured
from freehold.items import Item
from freehold.trials.correcting import Correction, correct_by_hits, correct_by_people, uncorrected
from freehold.trials.labels import LABELS, Said, counting, drawn
from freehold.trials.plan import Plan, PlannedGrader, TrialFolder, digest, list_trials
from freehold.trials.planning import plan_graders
from freehold.trials.results import Results, read_results

LOOK_SECONDS: Final = 15.0
"""How old what was found may be before it is looked for again."""

PROBE: Final = Item(
    id="probe", workload="", input={"messages": [{"role": "user", "content": "A question."}]}, reference="An answer."
)
"""What graders are asked about to learn whom they would ask, and whether they ask at all."""


log = logging.getLogger("freehold.judges")


class Sought(Struct, frozen=True, kw_only=True):
    """Whose labels are looked for. `tables` are the graders of the workload as the configuration has them, of which those that
    ask models take part where it is `judged`; `incumbents` are the models of its route."""

    workload: str
    candidate: str
    incumbents: tuple[str, ...]
    tables: tuple[Mapping[str, Any], ...]
    judged: bool
    alpha: float


class LabelledTrials:
    """The trials of one data folder."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._found: dict[bytes, tuple[float, Correction | None]] = {}
        self._others: dict[bytes, set[str]] = {}

    def correction(self, sought: Sought) -> Correction | None:
        """How far the judges of a workload are believed about these two models; None where none takes part. While the trials
        cannot be read, what was found before holds, and at the beginning nothing is believed."""
        if not sought.judged:
            return None
        key, now = msgspec.json.encode(sought, order="sorted"), time.monotonic()
        known = self._found.get(key)
        if known is None or now - known[0] > LOOK_SECONDS:
            try:
                found = find_correction(self._data, sought, self._others.setdefault(key, set()))
            except FreeholdError as error:
                log.warning("what people said of the judges of %s cannot be read: %s", sought.workload, error.sentence)
                found = uncorrected((), f"trials cannot be read: {error.sentence}") if known is None else known[1]
            known = self._found[key] = now, found
        return known[1]


def find_correction(data: Path, sought: Sought, others: set[str] | None = None) -> Correction | None:
    """What `LabelledTrials.correction` gives, looked for now. Raises TrialError for what is damaged, NotConfigured without the
    libraries of a trial's statistics. `others` are trials that are known to be about something else; those that turn out to be
    are added. A plan never changes, and it is long."""
    others = set() if others is None else others
    graders = pinned(sought.tables) if sought.judged else []
    judges = [grader for grader in graders if grader.judge]
    if not judges:
        return None
    names = [judge.name for judge in judges]
    command = f"`freehold trial plan {sought.workload} --candidate {sought.candidate}`, `freehold trial run`"
    best = uncorrected(
        names,
        f"no trial of {sought.candidate} against {' or '.join(sought.incumbents)} on {sought.workload} has asked "
        f"{' and '.join(f'`{name}`' for name in names)}, so nobody knows how it errs: {command}, then "
        f"`freehold trial label` and `freehold trial run` again",
    )
    for trial_id in list_trials(data):
        if trial_id in others:
            continue
        folder = TrialFolder(data, trial_id)
        plan, _ = folder.read_plan()
        names_there = _names_there(plan, sought, judges)
        if names_there is None:
            others.add(trial_id)
            continue
        found = _of_trial(folder, plan, sought, graders, names_there)
        if found is not None and _use(found) >= _use(best):
            best = found
    return best


def pinned(tables: Sequence[Mapping[str, Any]]) -> list[PlannedGrader]:
    """The graders that can take part in a canary or a shadow with judges, as a plan has them; one that cannot be made is left out,
    as it is where answers are graded."""
    made: list[PlannedGrader] = []
    for table in tables:
        try:
            (grader,) = plan_graders([table], [PROBE])
        except (InvalidGrader, NotConfigured):
            continue
        if not grader.pairwise:
            made.append(grader)
    return made


def _names_there(plan: Plan, sought: Sought, judges: Sequence[PlannedGrader]) -> list[tuple[str, str]] | None:
    """The names of these judges, here and in the plan; None where it is about other models, or does not ask them all."""
    about = plan.workload == sought.workload and plan.candidate.model == sought.candidate
    there = {_identity(grader): grader.name for grader in plan.graders}
    if not about or plan.incumbent.model not in sought.incumbents or any(_identity(one) not in there for one in judges):
        return None
    return [(judge.name, there[_identity(judge)]) for judge in judges]


def _of_trial(
    folder: TrialFolder, plan: Plan, sought: Sought, graders: Sequence[PlannedGrader], names: Sequence[tuple[str, str]]
) -> Correction | None:
    """What a trial of these judges tells; None where it has not ended."""
    if not folder.results.exists():
        return None
    results, content = read_results(folder.results)
    said = said_by(folder.path, results.labels)
    found = _correction(plan, results, said, graders, names, sought.alpha)
    return replace(found, trial=plan.id, results=digest(content))


def _correction(
    plan: Plan, results: Results, said: Mapping[str, Said], graders: Sequence[PlannedGrader],
    judges: Sequence[tuple[str, str]], alpha: float,
) -> Correction:  # fmt: skip
    """By the judge's hits where it is the only grader and says right or wrong; else, and where that way is closed, by what people
    said of the same items."""
    reasons: list[str] = []
    if len(graders) == 1 and graders[0].binary:
        label, name = judges[0]
        of = {one.model: one for one in results.calibrations if one.grader == name}
        found = correct_by_hits(label, of.get(plan.candidate.model), of.get(plan.incumbent.model), alpha)
        if not isinstance(found, str):
            return found
        reasons.append(found)
    scores = {one.item: (one.candidate, one.incumbent) for one in counting(drawn(plan, results.rows), said)}
    both = {item: (a, b) for item, (a, b) in scores.items() if a is not None and b is not None}
    found = correct_by_people(judges, results.rows, both, alpha)
    if not isinstance(found, str):
        return found
    missing = f"{'; '.join([*reasons, found])}: `freehold trial label {plan.id}`, then `freehold trial run {plan.id}`"
    return replace(uncorrected([label for label, _ in judges], missing), labels=2 * len(both))


def said_by(folder: Path, sha256: str) -> dict[str, Said]:
    """The newest label of each item as the file of labels was when it had this digest: what people have said since counts with
    the next results. Empty where it never had that digest."""
    path = folder / LABELS
    if not sha256 or not path.exists():
        return {}
    seen, lines = hashlib.sha256(), list[bytes]()
    for line in path.read_bytes().splitlines(keepends=True):
        seen.update(line)
        lines.append(line)
        if seen.hexdigest() == sha256:
            return {one.item: one for one in map(msgspec.json.Decoder(Said).decode, lines)}
    return {}


def _identity(grader: PlannedGrader) -> bytes:
    return msgspec.json.encode([grader.table, grader.version], order="sorted")


def _use(correction: Correction) -> tuple[bool, int]:
    return correction.method != "none", correction.labels
