"""`freehold canary start`: what begins, with which rules, and what is refused before any caller is asked to bear it."""

import asyncio
import contextlib
import json
from pathlib import Path
from typing import cast

import msgspec
import pytest

from cli.canaries import events, newest
from cli.commands import Said, run, run_beside
from cli.model_shelf import promoted
from cli.trial_desk import desk
from freehold.cli.settings import known_vendors
from freehold.config.digest import route_digest
from freehold.config.reading import read
from freehold.errors import FreeholdError, InvalidField, UnknownContents, UnknownWorkload
from freehold.ledger.sealing import RecordContents
from freehold.store.database import open_database
from freehold.trials.canary import standing
from freehold.trials.grading import Grading
from freehold.trials.judges import Judges
from trials.labelled import hits, labelled_trial

TOML = """
[vendors.echo]

[vendors.rack]
speaks = "openai-chat"
base_url = "http://127.0.0.1:9/v1"

[workloads.default]
route = ["requested"]

[workloads.triage]
route = ["rack/good"]
canary = { margin = 0.02, min_items = 7 }

[workloads.graded]
route = ["rack/good"]
capture = {}
graders = [{ kind = "regex", pattern = "yes" }]

[workloads.bare]
route = ["rack/good"]
capture = {}

[workloads.opined]
route = ["rack/good"]
capture = {}
graders = [{ kind = "judge", label = "polite", models = ["rack/judge"], rubric = "It is polite." }]

[workloads.mixed]
route = ["rack/good"]
capture = {}
graders = [
    { kind = "regex", pattern = "yes" },
    { kind = "judge", label = "polite", models = ["rack/judge"], rubric = "It is polite." },
]

[workloads.judged]
route = ["rack/good"]
capture = {}
graders = [
    { kind = "regex", pattern = "yes" },
    { kind = "judge", label = "polite", models = ["rack/judge"], rubric = "It is polite." },
    { kind = "pairwise", models = ["rack/judge"], rubric = "The better one." },
]
judging = { budget = { usd = 5, per = "day" } }

[workloads.polled]
route = ["rack/good"]
capture = {}
graders = [{ kind = "judge", label = "polite", models = ["rack/judge"], rubric = "It is polite." }]
judging = { budget = { usd = 5, per = "day" } }
"""


def start(folder: Path, *words: str) -> Said:
    path = folder / "freehold.toml"
    path.write_text(TOML)
    return run("canary", "start", *words, "--config", str(path), "--data", str(folder / "data"))


def test_a_canary_begins_with_the_rules_of_its_workload_and_what_the_command_changes(tmp_path: Path) -> None:
    done = start(
        tmp_path, "triage", "--candidate", "rack/new", "--errors-only", "--alpha", "0.01", "--steps", "1,50,100"
    )
    canary = newest(tmp_path / "data")
    assert done.stdout == f"{canary.id}: rack/new now gets 0.01 of triage's conversations.\n"
    assert (canary.steps, canary.candidate, canary.graded) == ((10_000, 500_000, 1_000_000), "rack/new", False)
    assert {name: canary.rules[name] for name in ("margin", "alpha", "min_items", "harm")} == {
        "margin": 0.02,
        "alpha": 0.01,
        "min_items": 7,
        "harm": 0.03,
    }
    settings = read(tmp_path / "freehold.toml", {}, known_vendors())
    assert canary.route == route_digest(settings.workloads["triage"])
    (event,) = events(tmp_path / "data")
    assert event.body["by"]
    assert "trial" not in event.body


def test_a_promoted_model_of_the_registry_is_a_candidate_without_a_table(tmp_path: Path) -> None:
    promoted(tmp_path / "data", 1)
    start(tmp_path, "triage", "--candidate", "own/nano", "--errors-only")
    assert newest(tmp_path / "data").candidate == "own/nano"


def test_it_warns_when_no_trial_was_passed(tmp_path: Path) -> None:
    done = start(tmp_path, "triage", "--candidate", "rack/new", "--errors-only", "--json")
    assert done.stderr.startswith("warning: no trial of rack/new on triage is in the ledger as passed;")
    assert json.loads(done.stdout)["phase"] == "running"


def test_grades_need_graders_that_grade_by_themselves(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="The workload triage captures nothing, so no answer could be graded"):
        start(tmp_path, "triage", "--candidate", "rack/new")
    with pytest.raises(InvalidField, match="The workload bare has no grader; a fall"):
        start(tmp_path, "bare", "--candidate", "rack/new")
    with pytest.raises(
        InvalidField, match="The workload opined has no grader that can take part: polite, since it asks"
    ) as no:
        start(tmp_path, "opined", "--candidate", "rack/new")
    assert no.value.advice is not None
    assert no.value.advice.startswith("Add judging = {")
    start(tmp_path, "graded", "--candidate", "rack/new")


def test_which_graders_take_part_is_told_and_entered(tmp_path: Path) -> None:
    done = start(tmp_path, "mixed", "--candidate", "rack/new")
    assert "note: the grader polite takes no part: it asks a model, and the workload has no `judging`" in done.stderr
    done = start(tmp_path, "judged", "--candidate", "rack/new")
    assert "note: quality is judged by polite, and how they err is not known." in done.stderr
    assert "note: the grader pairwise takes no part: it compares two replies" in done.stderr
    mixed, judged = events(tmp_path / "data")
    assert (mixed.body["graders"], "judges" in mixed.body) == (["regex"], False)
    assert (judged.body["graders"], judged.body["judges"]) == (["regex", "polite"], ["polite"])
    assert newest(tmp_path / "data").graded


def test_by_judges_whom_people_did_not_check_it_begins_and_says_that_it_will_go_nowhere(tmp_path: Path) -> None:
    done = start(tmp_path, "polled", "--candidate", "rack/new")
    assert (
        "warning: it stays at 1 %, or is taken back: no trial of rack/new against rack/good on polled has"
        in done.stderr
    )
    (event,) = events(tmp_path / "data")
    assert (event.body["judged"]["method"], event.body["judged"]["judges"]) == ("none", ["polite"])
    assert newest(tmp_path / "data").judged["method"] == "none"


def test_what_people_said_of_a_judge_in_a_trial_goes_into_the_canary_and_its_entry(tmp_path: Path) -> None:
    known = (hits("rack/new", 136, 160, 36, 40), hits("rack/good", 136, 160, 36, 40))
    labelled_trial(tmp_path / "data", [(1.0, 1.0)], [(1.0, 1.0)], calibrations=known, workload="polled")
    done = start(tmp_path, "polled", "--candidate", "rack/new")
    assert (
        "polite, which took 85 % of 320 good replies for good and 90 % of 80 bad ones for bad (trial_x), so"
        in done.stderr
    )
    assert "it stays at" not in done.stderr
    (event,) = events(tmp_path / "data")
    judged = event.body["judged"]
    assert (judged["labels"], judged["trial"], judged["q1_ppm"], judged["q0_ppm"]) == (400, "trial_x", 850_000, 900_000)
    canary = newest(tmp_path / "data")
    # Clopper and Pearson's limits at 0.005: 0.79183 of 272/320 and 0.78282 of 72/80, so 0.57465 of a J of 0.75
    assert canary.judged["factor"] == pytest.approx(0.57465, abs=1e-5)
    with contextlib.closing(open_database(tmp_path / "data")) as db:
        assert standing(db, canary)["tested_ppm"] == round(canary.judged["factor"] * 600_000)
        tables = [{"kind": "judge", "label": "polite", "models": ["rack/judge"], "rubric": "It is polite."}]
        grading = Grading(
            db, unreadable, lambda workload: tables, lambda workload, conversation: True, cast("Judges", Polled())
        )
        assert grading.digest("polled") == canary.graders  # what the process that decides compares


class Polled:
    """Judges that take part."""

    def seconds(self, workload: str) -> float:
        return 60.0


def unreadable(sealed_id: str) -> RecordContents:
    raise UnknownContents(sealed_id)


def test_by_few_labels_for_a_judge_beside_other_graders_it_is_told_how_far_it_gets(tmp_path: Path) -> None:
    labelled_trial(tmp_path / "data", [(1.0, 1.0)] * 60, [(1.0, 1.0)] * 60, workload="judged")
    done = start(tmp_path, "judged", "--candidate", "rack/new")
    assert (
        "on 120 replies that people scored too (trial_x) the candidate is favoured by 6.1 points at most" in done.stderr
    )
    assert (
        "warning: it stays at 25 %, or is taken back: by what people said, the judge `polite` may favour" in done.stderr
    )


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("default", "--candidate", "rack/new"), "The workload default asks whatever model its callers name"),
        (("triage", "--candidate", "nowhere/new"), "There is no model 'nowhere/new' here."),
        (("triage", "--candidate", "own/nano"), "There is no model 'own/nano' here."),
        (("triage", "--candidate", "new"), "There is no model 'new' here."),
        (("triage", "--candidate", "echo/new"), "There is no model 'echo/new' here."),
        (("triage", "--candidate", "rack/good"), "rack/good serves triage already."),
        (("triage", "--candidate", "rack/new", "--steps", "some"), "'some' are no steps."),
        (("triage", "--candidate", "rack/new", "--steps", "5,1"), "The steps must rise and end with 100."),
        (("triage", "--candidate", "rack/new", "--steps", "5,50"), "The steps must rise and end with 100."),
        (("triage", "--candidate", "rack/new", "--margin", "1.5"), "--margin: Expected `float` < 1.0."),
        (("triage", "--candidate", "rack/new", "--min-items", "0"), "--min-items: Expected `int` >= 1."),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_begins(
    tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(FreeholdError) as refused:
        start(tmp_path, *words, "--errors-only")
    assert refused.value.sentence.startswith(sentence)
    assert not (tmp_path / "data" / "freehold.db").exists() or events(tmp_path / "data") == []


def test_a_workload_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UnknownWorkload):
        start(tmp_path, "nothing", "--candidate", "rack/new", "--errors-only")


def test_a_second_one_is_refused_while_the_first_decides(tmp_path: Path) -> None:
    start(tmp_path, "triage", "--candidate", "rack/new", "--errors-only")
    with pytest.raises(InvalidField, match=r"\(rack/new\) of triage is running"):
        start(tmp_path, "triage", "--candidate", "rack/other", "--errors-only")


def test_whole_percentages_and_parts_of_them_are_steps(tmp_path: Path) -> None:
    start(tmp_path, "triage", "--candidate", "rack/new", "--errors-only", "--steps", "0.5%, 12.25, 100")
    assert newest(tmp_path / "data").steps == (5_000, 122_500, 1_000_000)
    assert msgspec.json.encode(newest(tmp_path / "data"))


async def test_a_passed_trial_of_this_candidate_is_named_in_the_event(tmp_path: Path) -> None:
    async with desk(tmp_path) as here:
        trial = await here.plan(60, "--margin", "0.3", candidate="skilled/right-99")
        ran = await here.trial("run", trial)
        assert "pass" in ran.stdout.lower()
        await asyncio.to_thread(here.door.write_ledger)
        words = ("canary", "start", "sums", "--errors-only", "--config", str(here.config), "--data", str(here.data))
        done = await run_beside(*words, "--candidate", "skilled/right-99")
        assert done.stderr == ""
        (started,) = [event for event in events(here.data) if event.kind == "canary.started"]
        assert started.body["trial"] == trial
        await run_beside("canary", "abort", "sums", "--data", str(here.data))
        other = await run_beside(*words, "--candidate", "skilled/right-74")
        assert other.stderr.startswith("warning: no trial of skilled/right-74 on sums")
