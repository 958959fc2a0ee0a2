"""Data folders with a real ledger in them, written by the ledger's own writer from a journal, for the commands to read."""

import contextlib
from pathlib import Path
from typing import Any

from freehold.config.settings import Ledger
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.ledger.commitments import commit_fields
from freehold.store.events import Event
from freehold.store.folder import JOURNAL
from freehold.store.journal import Journal
from freehold.store.records import AppliedPrice, Attempt, Private
from store.samples import NOON, record

ORIGIN = "log.example/test"
ON = Ledger(origin=ORIGIN)
KEEP_UNTIL = 4_000_000_000
ASKED = b'{"model":"small","messages":[{"role":"user","content":"Is <b>claim 7</b> covered?"}]}'
ANSWERED = b'{"choices":[{"message":{"role":"assistant","content":"Yes, by clause 4."}}]}'

PRICE = AppliedPrice(rates={"input": 250_000_000, "output": 2_000_000_000}, as_of="2026-11-01", source="litellm")
TRIED = (
    Attempt(deployment="anthropic/claude-haiku-4-5", outcome="failed", ms=12.5, status=529, code="vendor-refused"),
    Attempt(deployment="openai/gpt-5-mini", outcome="answered", ms=340.0, status=200),
)


def id_of(number: int) -> str:
    """The id of the answer with this number."""
    return f"rec_{number:06}"


def answer(
    data: Path,
    number: int,
    *,
    subject: str = "patient-7",
    keep: bool = True,
    asked: bytes = ASKED,
    answered: bytes = ANSWERED,
    **fields: Any,
) -> None:
    """Journals one answer, as a worker does: with commitments, salts, and its contents where they are kept."""
    said = {"request": asked, "response": answered}
    committed = commit_fields(said)
    given = {"ended_at": NOON + number, "price": PRICE, "attempts": TRIED, "policy": "d" * 64, "durability": "disk"}
    commitments = {name: value.hex() for name, value in committed.commitments.items()}
    kept = record(number, **{**given, "commitments": commitments, **fields})
    private = Private(subject=subject, keep_until=KEEP_UNTIL, salts=committed.salts, contents=said if keep else {})
    with contextlib.closing(Journal(data / JOURNAL, 0)) as journal:
        journal.append(kept, private)


STEPS = (
    b'{"id":"rec_000001","status":"checked","trace":['
    b'{"index":0,"text":"17 x 3 = 51","start":0,"end":11,"kind":"sentence","verdict":"verified","findings":[{"verdict":"verified",'
    b'"verifier":"arithmetic","version":"2","claim":{"text":"17 x 3 = 51","start":0,"end":11},"found":"","reason":"It is 51."}]},'
    b'{"index":1,"text":"So <i>52</i> are due.","start":0,"end":9,"kind":"answer","verdict":"refuted","findings":[{"verdict":'
    b'"refuted","verifier":"numbers","version":"1","claim":{"text":"52","start":3,"end":5},"found":"51","reason":"It is not 52."}]}]}'
)
"""A trace as it is sealed: a step that is right, and an answer that is wrong."""


def trace(data: Path, number: int) -> None:
    """Journals the trace of an answer, as a worker does: counts in the entry, the steps sealed."""
    committed = commit_fields({"trace": STEPS})
    body: dict[str, Any] = {"status": "checked", "mode": "after", "chain": "shown", "steps": 2, "steps_checked": 2}
    body |= {
        "verified": 1,
        "refuted": 1,
        "unsupported": 0,
        "not_checkable": 0,
        "verifiers": {"arithmetic/2": {"verified": 1}},
    }
    body |= {"took_us": 900, "commitments": {"trace": committed.commitments["trace"].hex()}}
    private = Private(subject="", keep_until=KEEP_UNTIL, salts=committed.salts, contents={"trace": STEPS})
    with contextlib.closing(Journal(data / JOURNAL, 0)) as journal:
        journal.append(Event("trace", id_of(number), int((NOON + number) * 1000) + 5, body), private)


def settle(data: Path, settings: Ledger = ON) -> None:
    """Everything that was journaled, or done by an administrator, is in the ledger."""
    with contextlib.closing(LedgerWriter(data, settings)) as writer:
        writer.round()


def ledger(data: Path, count: int = 3, **fields: Any) -> Path:
    """A ledger of so many answers, one second apart; gives the data folder."""
    for number in range(1, count + 1):
        answer(data, number, **fields)
    settle(data)
    return data
