"""The report of a trial as one page: self-contained HTML, readable on a telephone, in the dark and on paper.

Everything that comes from a model, an item or a name is escaped; there is no script and nothing is loaded from anywhere. Pure:
a report goes in, text comes out.
"""

from collections.abc import Iterable
from html import escape

from freehold.cli.audit import when
from freehold.cli.audit_page import STYLE
from freehold.cli.trial_gates import COLUMNS, p_of, row
from freehold.trials import plots
from freehold.trials.plan import ARMS
from freehold.trials.report import Disagreement, Report, disagreeing, graders_of, notes, paired, shown_segments
from freehold.trials.results import Gate

OWN_STYLE = """
.forest { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr minmax(9rem, max-content); gap: .2rem 1rem;
  align-items: center } .forest .num { font-variant-numeric: tabular-nums; white-space: nowrap }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem } .pair > div, .plots > div { min-width: 0 }
.apart { margin-top: 1.1rem } .plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem }
article { border-top: 1px solid var(--line); padding: .8rem 0 } article:first-of-type { border-top: 0 }
.gates table { min-width: 52rem } .gates td:not(:last-child) { white-space: nowrap } .gates td:last-child { min-width: 18rem }
.plots + .scroll td { white-space: nowrap } .verdict { font-size: 1.05rem } article pre { max-height: 22rem; overflow: auto }
@media (max-width: 36rem) { main { padding: 1rem .7rem 2rem } section { padding: .9rem .9rem } .pair { grid-template-columns: 1fr }
  .forest { grid-template-columns: 1fr } .forest .num { margin-bottom: .6rem } }
@media print { article pre { max-height: none } }
"""

BADGES = {"pass": "good", "fail": "bad", "inconclusive": "", "shown": ""}


def page(report: Report) -> str:
    """The whole page."""
    plan = report.plan
    title = f"{plan.candidate.model} against {plan.incumbent.model} on {plan.workload}"
    body = "".join(
        (
            _head(report, title),
            _section("How much worse, at most", _forest(report) + _paired(report)),
            _section("Gates", _gates(report.results.verdict.gates)),
            _section("Quality, cost and time", _frontiers(report)),
            _section("To read: where the two differ", _disagreements(report)),
            _section("What was planned, and where that is proved", _plan(report)),
            _section("What it rests on", _basis(report)),
        )
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{_h(title)}</title><style>{STYLE}{OWN_STYLE}{plots.STYLE}</style><main class=wide>{body}</main></html>\n"
    )


def _head(report: Report, title: str) -> str:
    verdict = report.results.verdict
    word = "void" if verdict.void else verdict.outcome
    return (
        f"<p class=soft>Freehold, trial <span class=mono>{_h(report.plan.id)}</span>, ended "
        f"{_h(when(report.results.ended_at)[:16])} UTC</p><h1>{_h(title)}</h1>"
        f"<p class=verdict>{_badge(BADGES[verdict.outcome], word)} {_h(verdict.sentence.partition(': ')[2])}</p>"
    )


def _forest(report: Report) -> str:
    gates = shown_segments(report.results.verdict.gates)
    if not gates:
        return "<p>Nothing could be compared.</p>"
    axis = plots.axis_of(gates)
    rows = "".join(
        f"<div>{_h(gate.name)} <span class=soft>{gate.n:,}</span></div><div>{plots.interval(gate, axis)}</div>"
        f"<div class=num>{_h(row(gate)[2])} <span class=soft>({_h(row(gate)[3])})</span></div>"
        for gate in gates
    )
    level = 100 * (1 - 2 * report.plan.alpha)
    return (
        f"<div class=forest>{rows}</div><p class=soft>Candidate minus incumbent in points of the score, with {level:g} % intervals "
        "and the number of items. Solid line: no difference. Dashed: the margin; an interval must lie right of it to pass.</p>"
    )


def _paired(report: Report) -> str:
    found = paired(report.plan, report.results)
    if not found:
        return ""
    names = (
        "item by item",
        "items",
        "candidate",
        "incumbent",
        "candidate ahead",
        "incumbent ahead",
        "the same",
        "mid-P",
    )
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        f"<tr><td>{_h(one.where)}</td><td>{one.n:,}</td><td>{100 * one.candidate:.1f} %</td><td>{100 * one.incumbent:.1f} %</td>"
        f"<td>{one.ahead:,}</td><td>{one.behind:,}</td><td>{one.n - one.ahead - one.behind:,}</td>"
        f"<td>{_h(p_of(one.mid_p))}</td></tr>"
        for one in found
    )
    how = "mid-P: the chance of so uneven a split if both were ahead equally often (McNemar, two-sided). It decides nothing."
    told = f"<p class=soft>{how}</p>" if any(one.mid_p is not None for one in found) else ""
    return f'<div class="scroll apart"><table><tr>{head}</tr>{rows}</table></div>{told}'


def _gates(gates: Iterable[Gate]) -> str:
    head = "".join(f"<th>{_h(name)}</th>" for name in COLUMNS)
    rows: list[str] = []
    for gate in gates:
        name, outcome, *cells = row(gate)
        shown = "".join(f"<td>{_h(cell)}</td>" for cell in cells)
        rows.append(f"<tr><td>{_h(name)}</td><td>{_badge(BADGES[outcome], outcome)}</td>{shown}</tr>")
    return (
        f'<div class="scroll gates"><table><tr>{head}</tr>{"".join(rows)}</table></div><p class=soft>All that are judged must pass, each at '
        "its own alpha. BH: adjusted for the number of segments (Benjamini and Hochberg), for reading. Failing is claimed at alpha divided by their number. What is only shown decides nothing.</p>"
    )


def _frontiers(report: Report) -> str:
    charts = (("usd_per_1000", "dollars for 1,000 answers"), ("p95_seconds", "95th percentile of the time, in seconds"))
    drawn = [plots.scatter(report.points, cost, label) for cost, label in charts]
    shown = "".join(f"<div>{one}</div>" for one in drawn if one)
    head = "".join(f"<th>{name}</th>" for name in ("model", "", "mean score", "$ for 1,000", "p95"))
    rows = "".join(
        f"<tr><td>{_h(point.model)}</td><td class=soft>{_h(point.role)}</td><td>{100 * point.quality:.1f} %</td>"
        f"<td>{'unknown' if point.usd_per_1000 is None else f'{point.usd_per_1000:.4f}'}</td>"
        f"<td>{'unknown' if point.p95_seconds is None else f'{point.p95_seconds:.3f} s'}</td></tr>"
        for point in report.points
    )
    free = "" if drawn[0] or not any(point.usd_per_1000 == 0 for point in report.points) else (
        "<p class=soft>No answer had a price, so cost has no picture.</p>"
    )  # fmt: skip
    others = ""
    if len(report.points) > len(ARMS):
        others = "Other models are those of earlier trials on this workload, on their own items. "
    return (
        f"<div class=plots>{shown}</div><div class=scroll><table><tr>{head}</tr>{rows}</table></div>{free}"
        f"<p class=soft>{others}Above and left is better; nothing lies beyond the dashed edge.</p>"
    )


def _disagreements(report: Report) -> str:
    if not report.disagreements:
        differ = len(disagreeing(report.plan, report.results))
        return (
            f"<p>They differ on {differ:,} items. What was asked and said stands in no part of this page.</p>"
            if differ
            else "<p>They differ on no item.</p>"
        )
    shown = "".join(map(_disagreement, report.disagreements))
    more = f"<p class=soft>{report.hidden:,} more differ.</p>" if report.hidden else ""
    return f"<p class=soft>Those that the candidate loses come first.</p>{shown}{more}"


def _disagreement(one: Disagreement) -> str:
    plan = (("candidate", one.candidate, one.candidate_score, one.candidate_reason),
            ("incumbent", one.incumbent, one.incumbent_score, one.incumbent_reason))  # fmt: skip
    sides = "".join(
        f"<div><p>{_badge('', name)} <span class=soft>score {'none' if score is None else f'{score:.2f}'}"
        f"{f', {_h(reason)}' if reason else ''}</span></p><pre>{_text(text)}</pre></div>"
        for name, text, score, reason in plan
    )
    wanted = "" if one.reference is None else f"<p class=soft>Right would be:</p><pre>{_h(one.reference)}</pre>"
    tags = " ".join(_badge("", segment) for segment in one.segments)
    return (
        f"<article><p><span class=mono>{_h(one.item)}</span> {tags}</p><pre>{_text(one.asked)}</pre>{wanted}"
        f"<div class=pair>{sides}</div></article>"
    )


def _plan(report: Report) -> str:
    plan, noted = report.plan, report.noted
    parameters = ", ".join(f"{name} {value:g}" for name, value in plan.sampling.parameters().items())
    rows = [
        ("Question", plan.question),
        ("Planned", f"{when(plan.made_at)[:19]} UTC, by Freehold {plan.code}"),
        ("Items", f"{len(plan.items):,}, of {'the store' if plan.source == 'store' else plan.source}"),
        ("Answers", f"{plan.sampling.samples} of each model to each item; {parameters or 'parameters as each item has them'}"),
        ("Graders", graders_of(plan)),
        ("Segments", f"{', '.join(plan.segments.paths)}: margin {100 * plan.segments.margin:g} points, judged from "
                     f"{plan.segments.least} items" if plan.segments.paths else None),
        ("Expected", f"{plan.expectation.told}; differing on {plan.expectation.discordance:.1%} ({plan.expectation.source})"),
        ("Candidate's weights", plan.candidate.weights or "known to its vendor only"),
        ("Incumbent's weights", plan.incumbent.weights or "known to its vendor only"),
        ("Plan (SHA-256)", noted.plan),
        ("In the ledger", _place(noted.planned_entry, noted.log, "before the first question")),
        ("Results (SHA-256)", noted.results),
        ("In the ledger", _place(noted.ended_entry, noted.log, "with the verdict")),
    ]  # fmt: skip
    shown = "".join(f"<dt>{_h(name)}</dt><dd>{_h(value)}</dd>" for name, value in rows if value is not None)
    how = f"<p class=soft>Check an entry with <code>freehold audit show {_h(plan.id)}</code>.</p>"
    return f"<dl>{shown}</dl>{how}"


def _basis(report: Report) -> str:
    results = report.results
    told = [
        f"{results.asked:,} answers were asked for, {results.cached:,} came from earlier trials, {results.captured:,} were captured; "
        f"${results.spent_nano / 1e9:.4f} was spent.",
        *notes(report),
    ]
    return "".join(f"<p>{_h(one)}</p>" for one in told)


def _place(place: int | None, log: str, what: str) -> str:
    return "no entry is published yet" if place is None else f"entry {place:,} of {log or 'this log'}, {what}"


def _text(text: str | None) -> str:
    return (
        "<span class=soft>cannot be opened any more</span>"
        if text is None
        else _h(text) or "<span class=soft>nothing</span>"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_h(title)}</h2>{body}</section>"


def _badge(kind: str, text: str) -> str:
    return f'<span class="badge {kind}">{_h(text)}</span>'


def _h(value: object) -> str:
    return escape(str(value))
