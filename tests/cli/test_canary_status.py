"""`freehold canary status`."""

import contextlib
import json
from pathlib import Path

from msgspec.structs import asdict, replace

from cli.canaries import begin
from cli.commands import run
from freehold.config.canary_rules import CanaryRules
from freehold.store.canaries import change_canary, keep_state, read_state
from freehold.store.database import open_database, transaction
from freehold.store.shadows import keep_test
from freehold.trials.canary import encode_state
from freehold.trials.correcting import Correction, uncorrected
from freehold.trials.rollouts import Seen, arrived, observe
from freehold.trials.rollouts import begin as begin_state
from freehold.trials.shadow import Terms, counted, encode_standing
from freehold.trials.shadow import begin as begin_shadow

RULES = CanaryRules(margin=0.5, harm=0.3, min_items=5, max_p95_ratio=0)


HITS = Correction(
    judges=("polite",), method="hits", spent=0.01, factor=0.6, trial="trial_x", labels=400, good=320, bad=80, q1=0.85, q0=0.9,
    favour=0.051,
)  # fmt: skip


def with_outcomes(data: Path, judged: Correction | None = None) -> str:
    """A canary that has seen four conversations, one of them failed; gives its id."""
    canary = begin(data, rules=asdict(RULES))
    state = begin_state(RULES, canary.steps, judged)
    for number in range(4):
        state = observe(
            state,
            RULES,
            Seen(
                arm="candidate" if number % 2 else "incumbent",
                propensity_ppm=500_000,
                score=0.0 if number == 1 else 1.0,
                first=True,
                failed=number == 1,
            ),
        )
    with contextlib.closing(open_database(data)) as db, transaction(db):
        keep_state(db, canary.id, encode_state(arrived(state, [True])))
    return canary.id


def test_nothing_is_said_of_nothing_but_how_to_begin(tmp_path: Path) -> None:
    done = run("canary", "status", "--data", str(tmp_path))
    assert done.stdout == "There is no canary. `freehold canary start WORKLOAD --candidate M` begins one.\n"
    assert run("canary", "status", "triag", "--data", str(tmp_path)).stdout.startswith("There is no canary of triag. ")
    assert json.loads(run("canary", "status", "--data", str(tmp_path), "--json").stdout) == {
        "canaries": [],
        "shadows": [],
    }


def test_a_canary_is_shown_with_what_it_has_to_show(tmp_path: Path) -> None:
    name = with_outcomes(tmp_path)
    lines = run("canary", "status", "triage", "--data", str(tmp_path)).stdout.splitlines()
    assert lines[:5] == [
        "triage: own/nano, running",
        "  share        50 %, step 1 of 2 (50 %, 100 %)",
        "  at this step 2 of 5 conversations",
        "  candidate    2 requests, 1 failed, 2 conversations, mean score 0.5000",
        "  incumbent    2 requests, 0 failed, 2 conversations, mean score 1.0000",
    ]
    assert lines[5].startswith("  no_worse     not too much worse to go on: ")
    assert lines[5].endswith(" % of the evidence (n = 4)")
    assert [line.split()[0] for line in lines[6:-1]] == ["harm", "errors", "blocked"]
    assert lines[-1] == f"  {name}"


def test_what_an_emergency_looked_at_is_shown_although_its_turn_had_not_come(tmp_path: Path) -> None:
    canary = begin(tmp_path, rules=asdict(RULES))
    state = arrived(begin_state(RULES, canary.steps), [False] * 2 + [True] * 18)
    with contextlib.closing(open_database(tmp_path)) as db, transaction(db):
        keep_state(db, canary.id, encode_state(state))
        why = "18 of its last 20 requests failed"
        change_canary(db, canary, "rolled_back", {}, phase="rolled_back", reason=why)
    lines = run("canary", "status", "triage", "--data", str(tmp_path)).stdout.splitlines()
    assert lines[:4] == [
        "triage: own/nano, rolled back (18 of its last 20 requests failed)",
        "  candidate    0 requests, 0 failed, 0 conversations, no scores",
        "  incumbent    0 requests, 0 failed, 0 conversations, no scores",
        "  lately       20 requests of the candidate arrived, 18 failed; not all had their turn above yet",
    ]


def test_how_far_a_judge_is_believed_is_shown_and_what_is_missing(tmp_path: Path) -> None:
    with_outcomes(tmp_path, HITS)
    lines = run("canary", "status", "triage", "--data", str(tmp_path)).stdout.splitlines()
    assert lines[5] == (
        "  judged       by polite, which took 85 % of 320 good replies for good and 90 % of 80 bad ones for bad (trial_x), so 60 % of "
        "the margin are tested. It is taken to err alike on both models' replies; a favour of up to 5.1 points these labels would "
        "not show"
    )
    with_outcomes(tmp_path / "other", uncorrected(["polite"], "label replies"))
    lines = run("canary", "status", "triage", "--data", str(tmp_path / "other")).stdout.splitlines()
    assert lines[5:7] == [
        "  judged       by polite, and how they err is not known",
        "  no_worse     cannot be shown: label replies",
    ]
    assert [line.split()[0] for line in lines[7:-1]] == ["harm", "errors", "blocked"]


def test_machines_get_every_number(tmp_path: Path) -> None:
    name = with_outcomes(tmp_path)
    found = json.loads(run("canary", "status", "--data", str(tmp_path), "--json").stdout)
    (canary,) = found["canaries"]
    assert (canary["id"], canary["share_ppm"]) == (name, 500_000)
    assert canary["shown"]["candidate_arm"] == {
        "requests": 2,
        "failed": 1,
        "blocked": 0,
        "scored": 2,
        "unscored": 0,
        "mean_ppm": 500_000,
    }
    assert canary["shown"]["recent_failures"] == 1


def test_the_newest_of_each_workload_is_shown_and_all_where_asked_for(tmp_path: Path) -> None:
    first = begin(tmp_path)
    with contextlib.closing(open_database(tmp_path)) as db, transaction(db):
        change_canary(db, first, "rolled_back", {}, phase="rolled_back", reason="shown to fail")
    second = begin(tmp_path)
    other = begin(tmp_path, workload="claims")

    def shown(*words: str) -> list[str]:
        told = json.loads(run("canary", "status", *words, "--data", str(tmp_path), "--json").stdout)
        return [one["id"] for one in told["canaries"]]

    assert set(shown()) == {second.id, other.id}
    assert shown("triage") == [second.id]
    assert shown("triage", "--all") == [second.id, first.id]
    text = run("canary", "status", "triage", "--all", "--data", str(tmp_path)).stdout
    assert "triage: own/nano, rolled back (shown to fail)" in text


def test_a_shadow_is_shown_beside_them(tmp_path: Path) -> None:
    terms = Terms(
        incumbent=("rack/good",), route="r", graders="g", margin=0.5, alpha=0.05, harm=0.3, alpha_rollback=0.05
    )
    standing = counted(begin_shadow(terms), 1.0, 0.5)
    with contextlib.closing(open_database(tmp_path)) as db, transaction(db):
        keep_test(db, "triage", "own/nano", encode_standing(standing))
        assert read_state(db, "x") == b""
    lines = run("canary", "status", "--data", str(tmp_path)).stdout.splitlines()
    assert lines[:2] == [
        "triage: own/nano, in shadow",
        "  pairs        1 conversations, 0 failed, mean score 1.0000 against 0.5000",
    ]
    judged = counted(begin_shadow(replace(terms, judged=uncorrected(["polite"], "label replies"))), 1.0, 0.5)
    with contextlib.closing(open_database(tmp_path)) as db, transaction(db):
        keep_test(db, "triage", "own/nano", encode_standing(judged))
    lines = run("canary", "status", "--data", str(tmp_path)).stdout.splitlines()
    assert lines[2:] == [
        "  judged       by polite, and how they err is not known",
        "  no_worse     cannot be shown: label replies",
        "  harm         worse: 0 % of the evidence",
    ]
