"""The last stage of a journey: what the ledger holds of it is verified by programs that others wrote, on an export and without Freehold.

One more answer is asked for first, so that there is one whose question, steps, entry and receipt can be shown together. It knows exports and verdicts of
other programs, and how nothing of that was made.
"""

import contextlib
import shutil
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any, Final

from freehold.cli.audit import OpenLedger
from freehold.cli.journey_door import Asked, wait_until
from freehold.cli.journey_extras import Strangers
from freehold.cli.journey_stages import Road, ask, is_right, job, problems
from freehold.errors import JourneyError
from freehold.ledger.entry import Entry, read_entry
from freehold.training.tasks.task import judge

STRANGERS_SECONDS: Final = 180.0
SETTLED_SECONDS: Final = 60.0
ANSWER: Final = "answer"
DECIDING: Final = ("policy", "trial.", "model.", "shadow.", "canary.", "training.")
"""How the kinds of entries that are decisions begin; the others are answers, their traces, keys and looks at contents."""

CHECKED: Final = ("trial.planned", "trial.ended", "model.promoted", "canary.promoted", "canary.rolled_back")
"""The decisions whose receipts the slower of the two verifiers checks one by one."""


def proof(road: Road) -> str:
    """The ledger is exported and verified by others; by ourselves too. Raises JourneyError when anything does not hold."""
    answer = _answer(road)
    own = road.commands("audit", "verify", codes=(0, 1))
    if not own["ok"]:
        raise JourneyError(f"The ledger does not hold: {own['failure']}")
    out = road.state.folder / "evidence"
    shutil.rmtree(out, ignore_errors=True)
    decisions = decisions_of(road.data)
    told = road.commands("audit", "export", str(out))
    road.state.note(
        "proof",
        answer=answer,
        size=told["size"],
        log=told["log"],
        entries=told["entries"],
        export=str(out),
        own=own,
        decisions=decisions,
    )
    road.view.doing("The verifiers that others wrote are being installed, in an environment of their own")
    why = "nobody asked for them" if road.strangers is None else road.strangers.wait(STRANGERS_SECONDS)
    if road.strangers is None or why or not road.strangers.here():
        road.state.note("proof", strangers={"why": why or "they are not there"})
        return f"{told['entries']} entries hold by `freehold audit verify` alone: no verifier of others could be installed here ({why})"
    found = verified_by(
        road, road.strangers, out, [answer["place"], *(one["place"] for one in decisions if one["kind"] in CHECKED)]
    )
    road.state.note("proof", strangers=found)
    return f"{found['receipts']} receipts hold with tlog-scales, {len(found['checked'])} of them with proofbundle too; neither is ours"


def _answer(road: Road) -> dict[str, Any]:
    """A few more answers of the own model: how they did, and one of them, proven if any is, with its steps as the task's verifier judges them and where
    its entry stands."""
    task, _ = job(road)
    found = [(asked, judge(task, problem, _whole(asked))) for asked, problem in ask_one(road)]
    if not found:
        raise JourneyError("The own model does not answer any more.")
    asked, judged = max(found, key=lambda one: (one[1].proven, is_right(one[0])))

    def place() -> int | None:
        with contextlib.suppress(StopIteration):
            return next(one.place for one in OpenLedger(road.data).places(asked.receipt) if one.kind == ANSWER)
        return None

    def signed() -> bool:
        at = place()
        return at is not None and at < OpenLedger(road.data).size

    wait_until(signed, f"the entry of {asked.receipt} is in the ledger", SETTLED_SECONDS, road.house.ended)
    return {
        "question": asked.question.text,
        "reply": asked.text,
        "reasoning": asked.reasoning,
        "right": asked.question.right,
        "is_right": is_right(asked),
        "proven": judged.proven,
        "steps": [{"text": step.text, "verdict": step.verdict, "reason": step.reason} for step in judged.check.steps],
        "receipt": asked.receipt,
        "model": asked.model,
        "seconds": asked.seconds,
        "place": place(),
        "of": {
            "asked": len(found),
            "right": sum(is_right(one) for one, _ in found),
            "proven": sum(one.proven for _, one in found),
            "models": dict(Counter(one.model for one, _ in found)),
        },
    }


def ask_one(road: Road) -> list[tuple[Asked, Any]]:
    """A few questions to what serves now, with their problems."""
    answers = ask(road, "last", "test", lambda: False, 4)
    start = int(road.state.facts("last")["offset"]) - len(answers)
    drawn = list(islice(problems(road, "test", "last"), start + len(answers)))[start:]
    task, _ = job(road)
    by_text = {task.render(problem): problem for problem in drawn}
    return [(one, by_text[one.question.text]) for one in answers if not one.wrong]


def _whole(asked: Asked) -> str:
    """The reply as the model wrote it, wherever the dialect has put its reasoning."""
    return f"<think>\n{asked.reasoning.strip()}\n</think>\n{asked.text.strip()}" if asked.reasoning else asked.text


def decisions_of(data: Path) -> list[dict[str, Any]]:
    """Every entry of the ledger that is a decision: configurations, plans and verdicts, versions, shadows, canaries, overrides."""
    ledger = OpenLedger(data)
    found: list[dict[str, Any]] = []
    for place, leaf in ledger.leaves(range(ledger.size)):
        entry: Entry = read_entry(leaf)
        if entry.kind.startswith(DECIDING):
            found.append({"place": place, "kind": entry.kind, "id": entry.id, "at": entry.at, "body": entry.body})
    return found


def verified_by(road: Road, strangers: Strangers, out: Path, places: list[int]) -> dict[str, Any]:
    """What the strangers say of an export: tlog-scales of every receipt, proofbundle of those at these places. Raises JourneyError when one refuses."""
    key = (out / "keys.txt").read_text().strip().splitlines()[0]
    road.view.doing("tlog-scales checks every receipt")
    done = strangers.run("python", "check_with_tlog_scales.py", key, folder=out)
    if done.returncode:
        raise JourneyError(f"tlog-scales refuses the export: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
    checked: list[int] = []
    for number, place in enumerate(places):
        (receipt,) = (out / "receipts").glob(f"{place:08}-*.tlog-proof")
        payload = out / "entries" / f"{receipt.name.removesuffix('.tlog-proof')}.json"
        road.view.doing(f"proofbundle checks {receipt.name}", number, len(places))
        words = ("verify-proof", "--log-vkey", key, "--payload-file", str(payload), str(receipt))
        verdict = strangers.run("proofbundle", *words, folder=out)
        if verdict.returncode:
            raise JourneyError(
                f"proofbundle refuses the receipt of entry {place}: {verdict.stdout.strip() or verdict.stderr.strip()}"
            )
        checked.append(place)
    return {
        "receipts": len(list((out / "receipts").iterdir())),
        "checked": checked,
        "key": key,
        "said": done.stdout.strip(),
    }
