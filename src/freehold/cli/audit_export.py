"""`freehold audit export`: entries with their proofs as a folder that a regulator opens without Freehold."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.cli.audit_filters import AsJson, Data, Key, Kind, Model, Outcome, Since, Subject, Until, Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from freehold.cli.audit import OpenLedger
    from freehold.cli.audit_bundle import Bundle
    from freehold.cli.audit_contents import Opened
    from freehold.cli.audit_filters import Filters
    from freehold.cli.audit_page import Decision, Linked, Proved
    from freehold.cli.audit_policy import InForce, Policies
    from freehold.cli.audit_reasoning import Step
    from freehold.ledger.entry import Entry


def export(
    out: Annotated[Path, typer.Argument(help="The folder to make; a .zip when it ends so.")],
    since: Since = None,
    until: Until = None,
    workload: Workload = None,
    model: Model = None,
    subject: Subject = None,
    key_id: Key = None,
    outcome: Outcome = None,
    kind: Kind = None,
    contents: Annotated[bool, typer.Option("--contents", help="With what was asked and answered, where kept.")] = False,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Writes the entries that fit all that is given, oldest first: the bytes, a receipt for each, the verifier keys, one page
    for each decision, the policies that they name, and how to check it all with programs that others wrote. Every receipt is
    checked while it is written. With --contents, the steps of the reasoning are on the pages too, and that they were looked at
    becomes an entry for each."""
    from freehold.cli.audit import counted, open_ledger, print_json
    from freehold.cli.audit_bundle import begin_bundle
    from freehold.cli.audit_filters import read_filters
    from freehold.errors import NotFound

    ledger = open_ledger(data)
    words = {"since": since, "until": until, "workload": workload, "model": model, "subject": subject}
    words |= {"key_id": key_id, "outcome": outcome, "kind": kind}
    filters = read_filters(
        ledger,
        since=since,
        until=until,
        workload=workload,
        model=model,
        subject=subject,
        key_id=key_id,
        outcome=outcome,
        kind=kind,
    )
    asked = [(name.replace("_", " "), word) for name, word in words.items() if word is not None]
    if filters.subject is not None and filters.subject != subject:
        asked = [
            (name, filters.subject if name == "subject" else word) for name, word in asked
        ]  # never the name itself
    with begin_bundle(out) as bundle:
        decisions = _write(bundle, ledger, filters, asked, contents)
        if not decisions:
            raise NotFound("No entry fits all that is given.", "`freehold audit search` takes the same filters.")
    bad = [decision for decision in decisions if decision.proof is not None]
    if json:
        said: dict[str, Any] = {"out": str(out), "entries": len(decisions), "log": ledger.head.origin}
        print_json({**said, "size": ledger.size, "refused": [decision.place for decision in bad]})
    else:
        print(
            f"{counted(len(decisions), 'entry')}, each with its receipt: {out}. Begin with index.html and README.txt."
        )
        for decision in bad:
            print(f"The receipt of entry {decision.place} does not hold: {decision.proof}")
    if bad:
        raise typer.Exit(1)


def _write(
    bundle: "Bundle", ledger: "OpenLedger", filters: "Filters", asked: "Sequence[tuple[str, str]]", contents: bool
) -> "list[Decision]":
    import msgspec

    from freehold.cli.audit_bundle import SCRIPT
    from freehold.cli.audit_page import decision_page, index_page

    proved = _proved(ledger)
    decisions: list[Decision] = []
    lines: list[bytes] = []
    named: dict[str, bytes] = {}
    for decision, receipt in _decisions(ledger, filters, contents, named):
        bundle.write(f"entries/{decision.name}.json", decision.leaf)
        bundle.write(f"receipts/{decision.name}.tlog-proof", receipt)
        bundle.write(f"decisions/{decision.name}.html", decision_page(decision, proved).encode())
        if opening := _disclosures(decision):
            bundle.write(f"contents/{decision.name}.json", msgspec.json.encode(opening))
        lines.append(decision.leaf + b"\n")
        # What the index needs; contents may be large, and are written.
        bare = msgspec.structs.replace(decision, contents=None, policy=None, linked=None, steps=())
        decisions.append(bare)
    for digest, text in named.items():
        bundle.write(f"policies/{digest}.json", text)
    bundle.write("entries.jsonl", b"".join(lines))
    bundle.write("index.html", index_page(decisions, proved, asked).encode())
    bundle.write("checkpoint", ledger.note)
    keys = _key_lines(ledger)
    bundle.write("keys.txt", keys.encode())
    bundle.write("check_with_tlog_scales.py", SCRIPT.encode())
    bundle.write("README.txt", _readme(ledger, decisions, proved, keys).encode())
    return decisions


def _decisions(
    ledger: "OpenLedger", filters: "Filters", contents: bool, named: dict[str, bytes]
) -> "Iterator[tuple[Decision, bytes]]":
    """Each entry that is meant, with its receipt, which is checked. The texts of the policies that they name go into `named`."""
    import contextlib

    from freehold.cli.audit import Counting
    from freehold.cli.audit_contents import note_reading, open_fields, shelf
    from freehold.cli.audit_filters import find
    from freehold.cli.audit_page import Decision
    from freehold.cli.audit_policy import policies
    from freehold.cli.audit_reasoning import steps_of
    from freehold.cli.audit_report import check_receipt

    keys = ledger.verifiers()
    seen: set[tuple[str, str]] = set()

    def opened(entry: "Entry") -> "tuple[Opened, ...] | None":
        if not contents:
            return None
        if (entry.kind, entry.id) not in seen:  # a trace is on the page of its answer, and on its own
            note_reading(ledger, [entry], "audit export")
            seen.add((entry.kind, entry.id))
        return tuple(open_fields(kept, entry))

    with (
        contextlib.closing(Counting("Exporting")) as progress,
        policies(ledger) as known,
        shelf(ledger) if contents else contextlib.nullcontext() as kept,
    ):
        for found in find(ledger, filters, progress=progress):
            receipt = ledger.receipt(found.place).encode()
            failure = check_receipt(receipt, "", keys, None).failure
            policy = known.of(found.entry, found.place)
            _name_policies(named, known, policy)
            fields = opened(found.entry)
            yield (
                Decision(
                    place=found.place,
                    entry=found.entry,
                    leaf=found.leaf,
                    name=_name(found.place, found.entry.id),
                    proof=None if failure is None else failure.message,
                    contents=fields,
                    policy=policy,
                    linked=_linked(ledger, filters, found.entry, lambda entry: steps_of(opened(entry) or ())),
                    steps=steps_of(fields or ()),
                ),
                receipt,
            )


def _linked(
    ledger: "OpenLedger", filters: "Filters", entry: "Entry", steps: "Callable[[Entry], tuple[Step, ...]]"
) -> "Linked | None":
    """The trace of an answer, with its steps, or the answer of a trace; its page is named where the export has one."""
    from freehold.cli.audit_page import Linked
    from freehold.cli.audit_reasoning import answer_of, trace_of
    from freehold.gateway.entries import ANSWER
    from freehold.store.places import Place

    found = trace_of(ledger, entry) if entry.kind == ANSWER else answer_of(ledger, entry)
    if found is None:
        return None
    place, other = found
    # What fits the filters of an answer fits those of its trace, time and kind aside.
    paged = filters.timely(Place(place, other.id, other.kind, other.at))
    return Linked(other, _name(place, other.id) if paged else None, steps(other) if entry.kind == ANSWER else ())


def _name_policies(named: dict[str, bytes], known: "Policies", policy: "InForce | None") -> None:
    """Adds the texts of a policy and of the one before it, where they were kept."""
    if policy is not None:
        for digest in (policy.digest, policy.before):
            if digest is not None and digest not in named and (text := known.text(digest)) is not None:
                named[digest] = text


def _name(place: int, entry_id: str) -> str:
    """A file's name that sorts by place and is safe everywhere: ids may hold anything."""
    safe = "".join(character if character.isascii() and character.isalnum() else "_" for character in entry_id)
    return f"{place:08}-{safe[:80]}"


def _disclosures(decision: "Decision") -> list[dict[str, Any]]:
    """What opens the commitments of an entry, and is given away with the export."""
    opened: Sequence[Opened] = decision.contents or ()
    return [
        {"record": decision.entry.id, "field": one.field, "salt": one.salt, "content": one.content}
        for one in opened
        if one.salt is not None and one.content is not None
    ]


def _proved(ledger: "OpenLedger") -> "Proved":
    import time

    from freehold.cli.audit_page import Proved
    from freehold.ledger.notes import parse_note

    own = {(key.name, key.id) for key in ledger.verifiers()}
    signatures = [(one, (one.name, one.key_id) in own) for one in parse_note(ledger.note).unverified]
    return Proved(
        origin=ledger.head.origin,
        size=ledger.size,
        note=ledger.note.decode(),
        signers=tuple(f"{one.name}+{one.key_id.hex()}" for one, ours in signatures if ours),
        witnesses=tuple(f"{one.name}+{one.key_id.hex()}" for one, ours in signatures if not ours),
        made_at=int(time.time() * 1000),
    )


def _key_lines(ledger: "OpenLedger") -> str:
    return "".join(f"{key}\n" for key in ledger.verifiers())


def _readme(ledger: "OpenLedger", decisions: "Sequence[Decision]", proved: "Proved", keys: str) -> str:
    from freehold.cli.audit import counted, when
    from freehold.cli.audit_bundle import README

    first = decisions[0] if decisions else None  # without any, the export is thrown away
    return README.format(
        count=counted(len(decisions), "entry"),
        origin=ledger.head.origin,
        made_at=when(proved.made_at)[:19],
        size=counted(ledger.size, "entry"),
        keys="".join(f"  {line}\n" for line in keys.splitlines()),
        example="NAME" if first is None else first.name,
        place="PLACE" if first is None else first.place,
    )
