"""The reasoning of an answer as an auditor reads it: its trace's entry, the steps where they can be opened, and the answer that
it belongs to.

For reading only: what is proven is the entry, and what opens its commitment is shown beside it.
"""

import contextlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from freehold.cli.audit import OpenLedger
from freehold.cli.audit_contents import Opened
from freehold.gateway.entries import ANSWER
from freehold.gateway.traces import TRACE
from freehold.ledger.entry import Entry, read_entry
from freehold.reasoning.trace import VERDICTS

BELONGING: Final = (TRACE, "answer.withheld", "feedback")
"""Kinds of entries that are about an answer and carry its id, and nothing of who asked whom."""


class Finding(Struct, frozen=True):
    """What a verifier says of a claim in a step, in a sentence."""

    verdict: str = ""
    verifier: str = ""
    version: str = ""
    reason: str = ""
    found: str = ""

    @property
    def sentence(self) -> str:
        found = f" (found: {self.found})" if self.found else ""
        return f"{self.verdict.replace('_', ' ')}, by {self.verifier}/{self.version}: {self.reason}{found}"


class Step(Struct, frozen=True):
    """One step of the chain; the answer itself is the last one, of the kind `answer`."""

    index: int
    text: str
    kind: str = ""
    verdict: str = "not_checkable"
    findings: tuple[Finding, ...] = ()


class _Document(Struct):
    trace: tuple[Step, ...] = ()


_decode = msgspec.json.Decoder(_Document).decode


def counts(body: dict[str, Any]) -> list[tuple[str, object]]:
    """What a trace's entry says, as names and values."""
    said: list[tuple[str, object]] = [
        ("Status", ": ".join(str(body[name]) for name in ("status", "reason") if name in body)),
        ("Chain of thought", body.get("chain")),
        ("Steps", body.get("steps")),
        ("Steps in which something could be checked", body.get("steps_checked")),
    ]
    said += [(f"Claims {verdict.replace('_', ' ')}", body[verdict]) for verdict in VERDICTS if verdict in body]
    said.append(("Verifiers", ", ".join(body.get("verifiers", {}))))
    said.append(("Could not be asked", ", ".join(f"{name}: {why}" for name, why in body.get("missing", {}).items())))
    said.append(("Too long to be read whole", ", ".join(body.get("cut", ()))))
    return said


def steps_of(opened: Sequence[Opened]) -> tuple[Step, ...]:
    """The steps of an opened trace; none where it cannot be opened, or is not what was committed to."""
    for one in opened:
        if one.field == TRACE and one.state == "opens" and one.content is not None:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                return _decode(one.content).trace
    return ()


def trace_of(ledger: OpenLedger, answer: Entry) -> tuple[int, Entry] | None:
    """The trace of an answer and its place; None where the checkpoint signs none."""
    return _about(ledger, answer.id, TRACE)


def answer_of(ledger: OpenLedger, entry: Entry) -> tuple[int, Entry] | None:
    """The answer that an entry belongs to, and its place; None for what belongs to none."""
    return _about(ledger, entry.id, ANSWER) if entry.kind in BELONGING else None


def with_answer(ledger: OpenLedger, entry: Entry) -> Entry:
    """The entry, with what its answer says beside it where it belongs to one: who asked whom, and how it ended."""
    found = answer_of(ledger, entry)
    return entry if found is None else msgspec.structs.replace(entry, body={**found[1].body, **entry.body})


def _about(ledger: OpenLedger, about: str, kind: str) -> tuple[int, Entry] | None:
    places = [one.place for one in ledger.places(about) if one.kind == kind and one.place < ledger.size]
    return (places[-1], read_entry(ledger.leaf(places[-1]))) if places else None
