"""A journey as it is told when it is done, for the tests of what shows it. The numbers are made up; no test reads them as results."""

from typing import Any

NAMES = ("door", "traffic", "terms", "train", "trial", "move", "sabotage", "proof")


def arm(right: int, low: float, high: float, p95: float, usd: float) -> dict[str, Any]:
    return {
        "right": right,
        "items": 80,
        "low": low,
        "high": high,
        "p50": 0.5,
        "p95": p95,
        "tokens": 71.0,
        "usd_per_1000": usd,
    }


FACTS: dict[str, dict[str, Any]] = {
    "door": {"url": "http://127.0.0.1:8080", "said": "http://127.0.0.1:8080; own/smollm2-135m serves refund-policy"},
    "traffic": {"asked": 24, "answered": 24, "right": 1, "captured": 24, "said": "24 answers"},
    "terms": {
        "stands_for": "openai/gpt-5-mini",
        "contract": "openai-services-agreement",
        "date": "2026-01-01",
        "rows": 24,
        "refused": 24,
        "reasons": ["OpenAI Services Agreement 3.3, says no to `distil`."],
        "teacher": "The terms forbid it <b>wholly</b>.",
        "permitted": True,
        "said": "24 of 24 may not",
    },
    "train": {
        "trained": True,
        "version": "own/refund@1",
        "weights": "ab" * 32,
        "parameters": 700_000,
        "size": 1_600_000,
        "tokens": 1_900_000,
        "steps": 900,
        "elapsed": 240.0,
        "per_second": 8_000.0,
        "right": 38,
        "before": 3,
        "items": 40,
        "proven": 37,
        "parity": {"strings": 10_000, "splits": 0, "items": 200, "same": 200, "right_before": 180, "right_after": 180},
        "said": "own/refund@1: 0.7 M weights",
    },
    "trial": {
        "trial": "trial_20261126_refund_policy_abc123",
        "plan": "cd" * 32,
        "verdict": "pass",
        "sentence": "pass: it is no worse than the incumbent by 5 points.",
        "arms": {"candidate": arm(74, 0.845, 0.965, 0.31, 0.0), "incumbent": arm(2, 0.007, 0.087, 1.62, 0.385)},
        "gates": [],
        "said": "pass: 74 of 80 right against 2 of 80",
    },
    "move": {
        "shadow": {"pairs": 16, "candidate_mean_ppm": 937_500, "incumbent_mean_ppm": 0},
        "canary": "can_1",
        "candidate": "own/refund",
        "phase": "promoted",
        "reason": "every step is passed",
        "conversations": 61,
        "answered": {"own/refund": 40, "own/smollm2-135m": 21},
        "said": "served by own/refund",
    },
    "sabotage": {
        "version": "own/refund-next@1",
        "shuffled": 21,
        "refused": "It is the lineage of other weights.",
        "canary": "can_2",
        "phase": "rolled_back",
        "reason": "shown to be worse than the incumbent by more than 0.05",
        "conversations": 37,
        "answered": {"own/refund": 20, "own/refund-next": 17},
        "said": "taken back",
    },
    "proof": {
        "answer": {
            "question": "1. Items can be returned within 30 days.\nCase: <script>alert(1)</script>",
            "reply": "<think>\n1: limit 30\n</think>\nrefund $12.00",
            "reasoning": "",
            "right": "refund $12.00",
            "is_right": True,
            "proven": True,
            "steps": [{"text": "1: limit 30", "verdict": "verified", "reason": "Rule 1 is applied as it says."}],
            "receipt": "rec_1",
            "model": "own/refund",
            "seconds": 0.21,
            "place": 288,
            "of": {"asked": 4, "right": 3, "proven": 2, "models": {"own/refund": 3, "openai/gpt-5-mini": 1}},
        },
        "size": 310,
        "log": "log.example/x",
        "entries": 310,
        "export": "/data/journey/evidence",
        "own": {"ok": True},
        "decisions": [
            {
                "place": 61,
                "kind": "trial.planned",
                "id": "trial_1",
                "at": 1_795_000_000_000,
                "body": {"candidate": "own/refund-trial"},
            },
            {
                "place": 300,
                "kind": "canary.rolled_back",
                "id": "can_2",
                "at": 1_795_000_100_000,
                "body": {"reason": "worse"},
            },
            {
                "place": 310,
                "kind": "model.promoted",
                "id": "own/refund-next@1",
                "at": 1_795_000_200_000,
                "body": {"override": "A drill.", "by": "journey", "note": "freehold/word/v1\nmodel.promoted\n..."},
            },
        ],
        "strangers": {
            "receipts": 310,
            "checked": [288, 61, 300],
            "key": "log.example/x+1+A",
            "said": "310 receipts hold",
        },
        "said": "310 receipts hold",
    },
}


def told(*, upto: str = "proof", failure: dict[str, str] | None = None) -> dict[str, Any]:
    """The journey, done up to and with this stage."""
    reached = NAMES[: NAMES.index(upto) + 1]
    return {
        "incumbent": "own/smollm2-135m",
        "workload": "refund-policy",
        "own": "own/refund",
        "began": 1_795_000_000.0,
        "done": reached == NAMES,
        "page": "/data/journey.html",
        "stages": [
            {
                "name": name,
                "title": f"Stage {name}",
                "done": name in reached,
                "seconds": 30.0 if name in reached else 0.0,
                "facts": FACTS[name] if name in reached else {},
            }
            for name in NAMES
        ],
        "failure": failure,
    }
