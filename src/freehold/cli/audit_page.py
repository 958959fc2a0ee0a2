"""The pages of an export: one for each entry, and an index. Self-contained HTML, readable in any browser and on paper.

Everything that comes from an entry or from contents is escaped; there is no script and nothing is loaded from anywhere.
Pure: facts go in, text comes out.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, cast

from msgspec import Struct

from freehold.cli.audit import counted, dollars, when
from freehold.cli.audit_contents import Opened
from freehold.cli.audit_policy import POLICY, InForce
from freehold.cli.audit_reading import read_turns
from freehold.cli.audit_reasoning import Step, counts
from freehold.ledger.entry import Entry

STYLE = """
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5c6675; --line: #d9dee6; --page: #f5f6f8; --card: #fff;
  --good: #146c43; --good-back: #e3f4ea; --bad: #a3261c; --bad-back: #fce8e6; --plain-back: #eceff3; --link: #1d4fb8 }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #98a3b3; --line: #323a47; --page: #14181e;
  --card: #1c222b; --good: #6fd39b; --good-back: #17352a; --bad: #ff9b91; --bad-back: #43211f; --plain-back: #2a323e;
  --link: #8fb4ff } }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 3rem }
main.wide { max-width: 84rem }
h1 { font-size: 1.45rem; line-height: 1.25; margin: .2rem 0 .4rem; overflow-wrap: anywhere }
h2 { font-size: .8rem; letter-spacing: .07em; text-transform: uppercase; color: var(--soft); margin: 0 0 .7rem }
p { margin: .4rem 0 } a { color: var(--link) } .soft { color: var(--soft) }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1.1rem 1.3rem;
  margin: 1rem 0 }
.badge { display: inline-block; padding: .1rem .6rem; border-radius: 99px; font-size: .85rem; font-weight: 600;
  background: var(--plain-back) }
.good { color: var(--good); background: var(--good-back) } .bad { color: var(--bad); background: var(--bad-back) }
dl { display: grid; grid-template-columns: minmax(8rem, 13rem) 1fr; gap: .3rem 1.2rem; margin: 0 }
dt { color: var(--soft) } dd { margin: 0; overflow-wrap: anywhere }
code, pre, .mono { font: .86em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere }
pre { white-space: pre-wrap; background: var(--page); border: 1px solid var(--line); border-radius: 6px;
  padding: .7rem .9rem; margin: .5rem 0 }
table { border-collapse: collapse; width: 100% } th { text-align: left; color: var(--soft); font-weight: 500 }
th, td { padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
tr:last-child td { border-bottom: 0 } .right { text-align: right; font-variant-numeric: tabular-nums }
.scroll { overflow-x: auto }
.turn { border-left: 3px solid var(--line); padding: .1rem 0 .1rem .9rem; margin: .7rem 0; white-space: pre-wrap;
  overflow-wrap: anywhere }
.turn b { display: block; font-size: .8rem; color: var(--soft); font-weight: 600 }
details { margin: .7rem 0 } summary { cursor: pointer; color: var(--soft) }
@media print { :root { --page: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #bbb } body { font-size: 10.5pt }
  main, main.wide { max-width: none; padding: 0 } section { border-radius: 0; border-width: 1px 0 0; padding: .7rem 0;
  break-inside: avoid } section:has(pre) { break-inside: auto } a { color: inherit; text-decoration: none } }
@media (max-width: 36rem) { dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .5rem } }
"""

OUTCOMES = {
    "answered": ("good", "with a whole answer"),
    "failed": ("bad", "by a failure of the vendors or of the door"),
    "refused": ("bad", "turned away by the door"),
    "cancelled": ("", "left by its caller"),
    "swept": ("bad", "with the death of its process"),
}

_MEMBERS = {
    "input": "input tokens",
    "output": "output tokens",
    "cache_read": "of the input, read from a cache",
    "cache_write_5m": "of the input, written to a cache (5 min)",
    "cache_write_1h": "of the input, written to a cache (1 h)",
    "reasoning": "of the output, reasoning",
    "audio_input": "of the input, audio",
    "audio_output": "of the output, audio",
    "searches": "web searches",
}


VERDICTS = {"verified": "good", "refuted": "bad", "unsupported": "bad"}


class Linked(Struct, frozen=True):
    """The answer that a trace is of, or the trace of an answer. `name` is how its page is called, None where the export has none;
    `steps` are there when they could be opened."""

    entry: Entry
    name: str | None = None
    steps: tuple[Step, ...] = ()


class Decision(Struct, frozen=True):
    """One entry of an export, with what its page needs to know."""

    place: int
    entry: Entry
    leaf: bytes
    name: str
    """How its files are called, without what follows the dot."""
    proof: str | None
    """Why its receipt does not hold, None when it does."""
    contents: tuple[Opened, ...] | None
    policy: InForce | None = None
    linked: Linked | None = None
    """Of an answer its trace, of a trace its answer."""
    steps: tuple[Step, ...] = ()
    """Of a trace that could be opened."""


class Proved(Struct, frozen=True):
    """What all receipts of an export rest on."""

    origin: str
    size: int
    note: str
    signers: tuple[str, ...]
    witnesses: tuple[str, ...]
    made_at: int


def decision_page(decision: Decision, proved: Proved) -> str:
    """The page of one entry."""
    entry = decision.entry
    parts = [_head(decision)]
    if entry.kind == "answer":
        body = entry.body
        parts += [_asked(entry), _answered(body), _policy(decision), _money(body), _attempts(body.get("attempts", ()))]
        if decision.linked is not None:
            parts.append(_reasoning(decision.linked.entry, decision.linked.steps, _link(decision.linked, "The trace")))
        parts.append(_contents(body.get("commitments", {}), decision.contents))
    elif entry.kind == "trace":
        parts.append(_reasoning(entry, decision.steps, _link(decision.linked, "The answer that it is of")))
        parts.append(_contents(entry.body.get("commitments", {}), decision.contents))
    elif entry.kind == POLICY:
        parts += [_section("What it says", _pairs(_flat(entry.body))), _policy(decision)]
    else:
        parts.append(_section("What it says", _pairs(_flat(entry.body))))
    parts += [
        _proof(decision, proved),
        _section("The entry, byte for byte", f"<pre>{_h(decision.leaf.decode())}</pre>"),
    ]
    return _document(f"{entry.kind} {entry.id}", "".join(parts))


def index_page(decisions: Sequence[Decision], proved: Proved, asked: Sequence[tuple[str, str]]) -> str:
    """The page that lists all entries of an export; `asked` are the filters they were chosen by."""
    holds = sum(decision.proof is None for decision in decisions)
    verdict = (
        _badge("good", f"all {holds:,} receipts hold")
        if holds == len(decisions)
        else _badge("bad", f"{len(decisions) - holds:,} of {len(decisions):,} receipts do not hold")
    )
    head = (
        f"<p class=soft>Freehold, the ledger</p><h1>{counted(len(decisions), 'entry')} of {_h(proved.origin)}</h1><p>{verdict} "
        f"<span class=soft>exported {_h(when(proved.made_at)[:19])} UTC; the log had {counted(proved.size, 'entry')}</span></p>"
    )
    chosen = _pairs(asked) if asked else "<p>All entries of the log.</p>"
    how = (
        "<p>This folder can be checked without Freehold and without a network: <code>README.txt</code> says how, with two "
        "programs that others wrote. Check against a verifier key that you got by another way than this folder.</p>"
    )
    parts = [head, _section("Chosen by", chosen), _section("How to check it", how), _listing(decisions)]
    return _document(f"Ledger of {proved.origin}", "".join(parts), wide=True)


# --- the parts of a page ---


def _head(decision: Decision) -> str:
    entry = decision.entry
    outcome = str(entry.body.get("outcome", ""))
    kind, _ = OUTCOMES.get(outcome, ("", ""))
    badge = _badge(kind, outcome) if outcome else ""
    proof = _badge("good", "receipt holds") if decision.proof is None else _badge("bad", "receipt does not hold")
    title = "Answer" if entry.kind == "answer" else entry.kind
    return (
        f"<p class=soft><a href=../index.html>All entries</a> / {decision.place}</p><h1>{_h(title)} "
        f"<span class=mono>{_h(entry.id)}</span></h1><p>{badge} {proof} <span class=soft>{_h(when(entry.at))} UTC</span></p>"
    )


def _asked(entry: Entry) -> str:
    body = entry.body
    caller: dict[str, Any] = body.get("caller", {})
    who = " / ".join(str(caller[name]) for name in ("organisation", "project") if caller.get(name))
    rows = [
        ("Caller", who),
        ("Caller's key", caller.get("key")),
        ("About the data subject", body.get("subject")),
        ("Workload", body.get("workload")),
        ("Asked for", body.get("asked")),
        ("Operation", " over ".join(str(body[name]) for name in ("operation", "dialect") if name in body)),
        ("Began", f"{when(body['began'])} UTC" if "began" in body else None),
        ("Ended", f"{when(entry.at)} UTC"),
        ("Duration", _seconds(body.get("total_us"))),
        ("First token after", _seconds(body.get("first_token_us"))),
    ]
    return _section("What was asked, and by whom", _pairs(rows))


def _answered(body: dict[str, Any]) -> str:
    outcome = str(body.get("outcome", ""))
    ended = f"{outcome}: {OUTCOMES[outcome][1]}" if outcome in OUTCOMES else outcome
    dropped: list[str] = body.get("dropped", [])
    finish = " / ".join(str(body[name]) for name in ("finish", "native_finish") if name in body)
    rows = [
        ("Model", body.get("deployment")),
        ("Weights (SHA-256)", body.get("weights")),
        ("Policy in force", body.get("policy")),
        ("Ended", ended),
        ("HTTP status", body.get("status")),
        ("Error", body.get("code")),
        ("Finish reason", finish),
        ("Streamed", "yes" if body.get("streamed") else None),
        ("Parameters not taken", ", ".join(dropped)),
        ("Recorded before the answer left, to survive", _survives(str(body.get("durability", "")))),
    ]
    return _section("Which model answered, under which policy", _pairs(rows))


def _policy(decision: Decision) -> str:
    """What the policy says of the workload, or on its own page of everything, and what it changed."""
    policy = decision.policy
    if policy is None:
        return ""
    shown = f"<p>{_h(policy.sentence[:1].upper() + policy.sentence[1:])}.</p>"
    if policy.text is not None:
        file = f"policies/{policy.digest}.json"
        shown += f"<p>The whole: <a href=../{_h(file)}>{_h(file)}</a></p>"
        if decision.entry.kind != POLICY:
            shown += _pairs(policy.settings(str(decision.entry.body.get("workload", ""))).items(), mono=True)
    if policy.changes is not None:
        rows = [
            (change.setting, change.before or "(not set)", change.after or "(not set)") for change in policy.changes
        ]
        table = _table(("setting", "before", "since then"), rows)
        shown += f"<details open><summary>What it changed of the policy {_h(policy.before)}</summary>{table}</details>"
    return _section("What the policy says", shown)


def _reasoning(trace: Entry, steps: Iterable[Step], link: str) -> str:
    """The counts of a trace, and its steps with their verdicts where they are there."""
    shown = f"{link}{_pairs(counts(trace.body))}"
    for step in steps:
        badge = _badge(VERDICTS.get(step.verdict, ""), step.verdict.replace("_", " "))
        who = "The answer" if step.kind == "answer" else f"Step {step.index + 1}"
        found = "".join(f"<div class=soft>{_h(finding.sentence)}</div>" for finding in step.findings)
        shown += f"<div class=turn><b>{who} {badge}</b>{_h(step.text)}{found}</div>"
    return _section("How it reasoned, and what was verified", shown)


def _link(linked: Linked | None, title: str) -> str:
    if linked is None:
        return ""
    name = _h(linked.entry.id)
    page = name if linked.name is None else f'<a class=mono href="{_h(linked.name)}.html">{name}</a>'
    return f"<p>{_h(title)}: {page}{'' if linked.name else ' (not in this export)'}</p>"


def _money(body: dict[str, Any]) -> str:
    used: dict[str, Any] = body.get("usage", {})
    price: dict[str, Any] = body.get("price", {})
    rates: dict[str, int] = price.get("rates", {})
    rows = [(_MEMBERS.get(name, name), f"{used[name]:,}") for name in _MEMBERS if name in used]
    if used.get("estimated"):
        rows.append(("Counted by", "Freehold: the vendor did not report it"))
    rows += [(f"Price of {name.replace('_', ' ')}", f"${dollars(rate)} per million") for name, rate in rates.items()]
    if price:
        rows.append(("Price as of", f"{price.get('as_of', '')}, from {price.get('source', '')}"))
    rows.append(("Cost", f"${dollars(body['cost'])}" if "cost" in body else ""))
    return _section("What it used, and what it cost", _pairs(rows))


def _attempts(attempts: Iterable[dict[str, Any]]) -> str:
    rows = [
        (
            attempt.get("deployment", ""),
            attempt.get("outcome", "") + (" (hedge)" if attempt.get("hedge") else ""),
            attempt.get("status", ""),
            attempt.get("code", ""),
            _seconds(attempt.get("us")) or "",
            f"${dollars(attempt['cost'])}" if attempt.get("cost") else "",
        )
        for attempt in attempts
    ]
    return _section("Attempts", _table(("model", "outcome", "status", "error", "took", "cost"), rows)) if rows else ""


def _contents(commitments: dict[str, str], opened: tuple[Opened, ...] | None) -> str:
    rows = [(name, value) for name, value in sorted(commitments.items())]
    if not rows:
        return ""
    told = (
        "<p class=soft>SHA-256(00 || salt || content) of each field, as it stands in the log. The log never holds contents."
        f"</p>{_pairs(rows, mono=True)}"
    )
    if opened is None:
        return _section("Commitments", told)
    return _section("Commitments", told) + "".join(map(_field, opened))


def _field(opened: Opened) -> str:
    kind = {"opens": "good", "does-not-open": "bad", "damaged": "bad"}.get(opened.state, "")
    shown = f"<p>{_badge(kind, opened.sentence)}</p>"
    if opened.content is not None:
        turns = read_turns(opened.content)
        shown += "".join(f"<div class=turn><b>{_h(who)}</b>{_h(text)}</div>" for who, text in turns)
        raw = f"<pre>{_h(opened.content.decode('utf-8', 'replace'))}</pre>"
        shown += (
            f"<details><summary>{len(opened.content):,} bytes as they were</summary>{raw}</details>" if turns else raw
        )
    return _section(
        {"request": "The request", "response": "The answer", "trace": "The trace"}.get(opened.field, opened.field),
        shown,
    )


def _proof(decision: Decision, proved: Proved) -> str:
    if decision.proof is None:
        verdict = f"<p>{_badge('good', 'This entry is in the signed log')}</p>"
    else:
        verdict = f"<p>{_badge('bad', decision.proof)}</p>"
    witnesses = ", ".join(proved.witnesses)
    rows = [
        ("Place", f"{decision.place:,} of {proved.size:,}, counted from 0"),
        ("Log", proved.origin),
        ("Signed by", ", ".join(proved.signers)),
        ("Also on the checkpoint, not checked here", witnesses or "nothing: no witness cosigned it"),
        ("Receipt", f"receipts/{decision.name}.tlog-proof"),
    ]
    note = f"<details><summary>The signed checkpoint</summary><pre>{_h(proved.note)}</pre></details>"
    return _section("Proof", verdict + _pairs(rows) + note)


def _listing(decisions: Sequence[Decision]) -> str:
    rows = "".join(map(_listed, decisions))
    heads = "".join(f"<th>{name}</th>" for name in ("place", "time (UTC)", "entry", "outcome", "workload", "model"))
    heads += "<th class=right>cost</th><th>receipt</th>"
    return _section("Entries", f"<div class=scroll><table><tr>{heads}</tr>{rows}</table></div>")


def _listed(decision: Decision) -> str:
    entry, body = decision.entry, decision.entry.body
    outcome = str(body.get("outcome", ""))
    badge = _badge(OUTCOMES.get(outcome, ("", ""))[0], outcome) if outcome else _badge("", entry.kind)
    proof = _badge("good", "holds") if decision.proof is None else _badge("bad", "does not hold")
    cost = f"${dollars(body['cost'])}" if "cost" in body else ""
    return (
        f"<tr><td class=right>{decision.place}</td><td>{_h(when(entry.at)[:19])}</td>"
        f'<td class=mono><a href="decisions/{_h(decision.name)}.html">{_h(entry.id)}</a></td><td>{badge}</td>'
        f"<td>{_h(body.get('workload', ''))}</td><td>{_h(body.get('deployment', ''))}</td>"
        f"<td class=right>{_h(cost)}</td><td>{proof}</td></tr>"
    )


# --- small pieces, each of which escapes ---


def _document(title: str, body: str, *, wide: bool = False) -> str:
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{_h(title)}</title><style>{STYLE}</style><main{' class=wide' if wide else ''}>{body}</main></html>\n"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_h(title)}</h2>{body}</section>"


def _pairs(rows: Iterable[tuple[str, object]], *, mono: bool = False) -> str:
    """A list of names with their values; those without one are left out."""
    shown = ((name, value) for name, value in rows if value not in (None, ""))
    kind = " class=mono" if mono else ""
    return "<dl>" + "".join(f"<dt>{_h(name)}</dt><dd{kind}>{_h(value)}</dd>" for name, value in shown) + "</dl>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    head = "".join(f"<th>{_h(name)}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{_h(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class=scroll><table><tr>{head}</tr>{body}</table></div>"


def _badge(kind: str, text: str) -> str:
    return f'<span class="badge {kind}">{_h(text)}</span>'


def _h(value: object) -> str:
    return escape(str(value))


def _seconds(microseconds: int | None) -> str | None:
    return None if microseconds is None else f"{microseconds / 1_000_000:,.3f} s"


def _survives(durability: str) -> str:
    told = {"disk": "a power cut", "process": "the kill of any process", "relaxed": "nothing: within a second after it"}
    return f"{told[durability]} ({durability})" if durability in told else durability


def _flat(fields: dict[str, Any], above: str = "") -> list[tuple[str, object]]:
    rows: list[tuple[str, object]] = []
    for name, value in fields.items():
        if isinstance(value, dict):
            rows += _flat(cast("dict[str, Any]", value), f"{above}{name}.")
        else:
            listed = ", ".join(map(str, cast("list[object]", value))) if isinstance(value, list) else value
            rows.append((f"{above}{name}", listed))
    return rows
