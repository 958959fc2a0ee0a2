"""`freehold audit show`: one entry, where it stands, whether its receipt holds, what it is linked to, and what was said."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from freehold.cli.audit_filters import AsJson, Data

if TYPE_CHECKING:
    from freehold.cli.audit import OpenLedger
    from freehold.cli.audit_contents import Opened
    from freehold.cli.audit_policy import InForce
    from freehold.cli.audit_report import Report
    from freehold.ledger.entry import Entry
    from freehold.store.places import Place

LINKS = {"key": "the caller's key", "policy": "the configuration in force", "subject": "the data subject"}


def show(
    about: Annotated[
        str, typer.Argument(help="A receipt's id, another id that entries are about, or a place in the log.")
    ],
    contents: Annotated[bool, typer.Option("--contents", help="Open what was asked and answered, too.")] = False,
    data: Data = None,
    json: AsJson = False,
) -> None:
    """Shows every entry about an id: its fields, its place, whether its receipt proves it, the entries it is linked to, and under
    which policy: what that says of its workload, and what it changed of the one before. With --json the whole configuration.

    With --contents the kept request and response are opened and held against the entry's commitments; once their data
    subject is erased, nobody can. That somebody looked, who, and at which entry, becomes an entry itself."""
    import contextlib

    from freehold.cli.audit import open_ledger, print_json
    from freehold.cli.audit_contents import note_reading, open_fields, shelf
    from freehold.cli.audit_policy import policies
    from freehold.ledger.entry import read_entry

    ledger = open_ledger(data)
    places = _places(ledger, about)
    if contents:
        seen = [read_entry(ledger.leaf(place.place)) for place in places if place.place < ledger.size]
        note_reading(ledger, seen, "audit show")
    shown: list[dict[str, Any]] = []
    words: dict[int, list[str]] = {}
    with policies(ledger) as known, shelf(ledger) if contents else contextlib.nullcontext() as kept:
        for place in places:
            if place.place >= ledger.size:
                shown.append(_pending(place))
                continue
            entry = read_entry(ledger.leaf(place.place))
            opened = open_fields(kept, entry) if contents else None
            policy = known.of(entry, place.place)
            shown.append(_told(ledger, place.place, entry, policy, opened))
            words[place.place] = [] if policy is None else _words(policy, entry)
    if json:
        print_json(shown)
    else:
        print("\n\n".join("\n".join(_lines(one, words.get(one["place"], []))) for one in shown))


def _places(ledger: "OpenLedger", about: str) -> "list[Place]":
    """The places of the entries that are meant. Raises NotFound."""
    from freehold.cli.audit import is_text
    from freehold.errors import NotFound
    from freehold.ledger.entry import read_entry
    from freehold.store.places import Place

    if about.isascii() and about.isdigit() and len(about) < 16 and int(about) < ledger.size:
        entry = read_entry(ledger.leaf(int(about)))
        return [Place(int(about), entry.id, entry.kind, entry.at)]
    text = is_text(about)
    places = ledger.places(about) if text else []
    if places:
        return places
    if text and _in_journal(ledger, about):
        raise NotFound(
            f"{about} is in a worker's journal, and not in the ledger yet.",
            "Try again in a second; where Freehold does not run, start it: it takes the journal over.",
        )
    raise NotFound(
        f"The ledger has no entry about {about[:80]!r}.",
        "An answer's id stands in its x-freehold-receipt header; `freehold audit search` lists entries.",
    )


def _in_journal(ledger: "OpenLedger", about: str) -> bool:
    import contextlib

    from freehold.store.folder import JOURNAL

    line = f'{{"id":"{about}"'.encode()
    for path in (ledger.data / JOURNAL).glob("w*.log"):
        with contextlib.suppress(FileNotFoundError):  # taken over meanwhile
            if line in path.read_bytes():
                return True
    return False


def _pending(place: "Place") -> dict[str, Any]:
    """An entry that the store has committed and the published checkpoint does not sign yet."""
    return {"place": place.place, "kind": place.kind, "id": place.id, "at": place.at, "receipt": {"state": "pending"}}


def _told(
    ledger: "OpenLedger", place: int, entry: "Entry", policy: "InForce | None", opened: "list[Opened] | None"
) -> dict[str, Any]:
    import msgspec

    from freehold.cli.audit_policy import told as told_of
    from freehold.cli.audit_report import check_receipt

    report = check_receipt(ledger.receipt(place).encode(), "", ledger.verifiers(), None, own_keys=True)
    told: dict[str, Any] = {"place": place, "kind": entry.kind, "id": entry.id, "at": entry.at}
    told |= {
        "entry": msgspec.Raw(ledger.leaf(place)),
        "receipt": _receipt(report),
        "links": _links(ledger, place, entry),
    }
    if policy is not None:
        told["policy"] = told_of(policy)
    if opened is not None:
        told["contents"] = [_field(one) for one in opened]
    return told


def _words(policy: "InForce", entry: "Entry") -> list[str]:
    """A policy as people read it: what it says of the entry's workload, and what it changed."""
    from freehold.cli.audit_policy import POLICY, flat

    lines = [f"the policy {policy.digest}: {policy.sentence}"]
    if policy.text is None:
        return lines
    if entry.kind != POLICY:
        lines += ["it says of the workload", *_set(policy.settings(str(entry.body.get("workload", ""))))]
    if policy.changes is not None:
        lines.append(f"it changed, of the policy {policy.before}")
        lines += [f"  {change.sentence}" for change in policy.changes]
    elif entry.kind == POLICY:
        lines += ["it says", *_set(flat(policy.text))]
    return lines


def _set(settings: dict[str, str]) -> list[str]:
    return [f"  {name:<26} {value}" for name, value in settings.items()]


def _receipt(report: "Report") -> dict[str, Any]:
    failure = report.failure
    if failure is not None:
        return {"state": "refused", "code": failure.code, "message": failure.message}
    return {"state": "proven", "log": report.origin, "size": report.size}


def _links(ledger: "OpenLedger", place: int, entry: "Entry") -> list[dict[str, Any]]:
    """Other entries about the same id, and those about what this one names."""
    body = entry.body
    named = {"the same id": entry.id, LINKS["key"]: body.get("caller", {}).get("key")}
    named |= {LINKS[name]: body.get(name) for name in ("policy", "subject")}
    return [
        {"link": link, "place": found.place, "kind": found.kind, "id": found.id, "at": found.at}
        for link, about in named.items()
        if about
        for found in ledger.places(about)
        if found.place != place
    ]


def _field(opened: "Opened") -> dict[str, Any]:
    told: dict[str, Any] = {"field": opened.field, "state": opened.state, "commitment": opened.commitment}
    if opened.salt is not None:
        told["salt"] = opened.salt.hex()
    if opened.content is not None:
        try:
            told["text"] = opened.content.decode()
        except UnicodeDecodeError:
            told["base64"] = opened.content  # msgspec writes bytes as base64
    return told


def _lines(shown: dict[str, Any], policy: list[str]) -> list[str]:
    """One entry as people read it; `policy` says under which policy."""
    from freehold.cli.audit import fields_of, plain, when
    from freehold.cli.audit_contents import SAID

    lines = [plain(f"{shown['kind']} {shown['id']}"), f"  at       {when(shown['at'])} UTC"]
    if "entry" not in shown:
        return [
            *lines,
            f"  place    {shown['place']}",
            "  receipt  pending: the next checkpoint signs it, within a second",
        ]
    receipt = shown["receipt"]
    if receipt["state"] == "proven":
        state = "holds: the checkpoint in force leads to it (checked with the folder's own keys)"
        place = f"{shown['place']} of {receipt['size']} in {receipt['log']}"
    else:
        state, place = f"DOES NOT HOLD, {receipt['code']}: {receipt['message']}", str(shown["place"])
    lines += [f"  place    {place}", f"  receipt  {state}", ""]
    hidden = ("at", "id", "kind", "v")
    fields = {name: value for name, value in fields_of(shown["entry"]).items() if name not in hidden}
    lines += [f"  {plain(line)}" for line in _flat(fields)]
    if shown["links"]:
        lines += ["", "  linked entries"]
        lines += [f"    {one['place']:>8}  {one['kind']} {one['id']} ({one['link']})" for one in shown["links"]]
    if policy:
        lines += ["", *(f"  {plain(line)}" for line in policy)]
    for field in shown.get("contents", ()):
        lines += ["", f"  The {field['field']} {SAID[field['state']]}."]
        lines += [f"    {plain(line)}" for line in field.get("text", "").splitlines()]
        if "base64" in field:
            lines.append(f"    ({len(field['base64'])} bytes that are no text; --json shows them)")
    return lines


def _flat(fields: dict[str, Any], above: str = "") -> list[str]:
    """`name  value` for each leaf of a tree of fields."""
    lines: list[str] = []
    for name, value in fields.items():
        if isinstance(value, dict):
            lines += _flat(value, f"{above}{name}.")  # pyright: ignore[reportUnknownArgumentType] (JSON)
        elif isinstance(value, list) and any(isinstance(one, dict) for one in value):  # pyright: ignore[reportUnknownVariableType] (JSON)
            for number, one in enumerate(value):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] (JSON)
                lines += _flat(one, f"{above}{name}.{number}.")  # pyright: ignore[reportUnknownArgumentType] (JSON)
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] (JSON)
            lines.append(f"{above + name:<28} {shown}")
    return lines
