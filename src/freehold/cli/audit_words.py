"""What people answer for in a ledger: whether each signed word was signed, as it is written, by whom it names.

The ledger's own keys prove that an entry was noted, and not who answers for it. So overrides are told apart: signed by a person whose key the
configuration names, with a key that it does not name, and, by earlier versions, vouched for by nobody but the ledger.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping

from freehold.cli.audit import OpenLedger, counted
from freehold.cli.audit_report import Failure, Report, Step
from freehold.ledger.entry import read_entry
from freehold.ledger.notes import VerifierKey
from freehold.training.word import FIELDS, judge


def check_words(
    ledger: OpenLedger, db: sqlite3.Connection, report: Report, people: Callable[[], Mapping[str, VerifierKey]]
) -> None:
    """Step 10, added to the report of a log that verified and whose books agree. Nothing is added, and `people` not asked for,
    where nobody answered for anything."""
    marks = ", ".join("?" * len(FIELDS))
    rows = db.execute(
        f"SELECT place FROM entries WHERE kind IN ({marks}) AND place < ? ORDER BY place",  # noqa: S608 (only marks)
        (*FIELDS, ledger.size),
    ).fetchall()
    entries = [(place, read_entry(ledger.leaf(place))) for (place,) in rows]
    keys = people().values() if any(entry.body.get("note") for _, entry in entries) else ()
    signed = unsigned = 0
    strangers: Counter[str] = Counter()
    for place, entry in entries:
        judged = judge(entry.kind, entry.body, keys)
        if judged.outcome == "wrong":
            report.failure = Failure(
                "bad-word",
                f"Entry {place}, {entry.kind} {entry.id}, is not the word of {entry.body.get('by')}: {judged.says}",
                "The log is as it was signed. Ask them; their key stands in freehold.toml below [people].",
                10,
            )
            return
        signed += judged.outcome == "signed"
        strangers.update([judged.says] if judged.outcome == "stranger" else [])
        unsigned += judged.outcome == "nobody" and bool(entry.body.get("reason") or entry.body.get("override"))
    if signed:
        report.steps.append(Step(10, "what people answer for against their keys", f"{counted(signed, 'word')} signed"))
        carry = "carries" if signed == 1 else "carry"
        report.proven.append(f"{counted(signed, 'override')} {carry} the signature of the person who answers.")
    report.unproven += [
        f"Who answers for {counted(count, 'override')}: signed with {key}, and [people] has no key of that name to check it with."
        for key, count in strangers.items()
    ]
    if unsigned:
        report.unproven.append(
            f"Who answers for {counted(unsigned, 'override')}: no person signed, the ledger alone says so."
        )
