"""The report on independence as one page: self-contained HTML, readable on a telephone, in the dark and on paper.

Names come from outside and are escaped; there is no script and nothing is loaded from anywhere. Pure: a report goes in, text
comes out.
"""

from collections.abc import Sequence
from html import escape

from freehold.cli.audit import counted, when
from freehold.cli.audit_page import STYLE
from freehold.trials import independence_plots as plots
from freehold.trials.independence import (
    Concentration,
    Ending,
    Independence,
    Move,
    Part,
    Standing,
    Way,
    next_move,
)

OWN_STYLE = """
.rows { display: grid; grid-template-columns: minmax(8rem, 15rem) 1fr minmax(11rem, max-content); gap: .5rem 1rem;
  align-items: center } .rows > div { min-width: 0; overflow-wrap: anywhere } .num { font-variant-numeric: tabular-nums }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin: 0 .3rem 0 .8rem; background: var(--soft) }
.key i.spend { background: var(--link); margin-left: 0 } .two { display: grid; gap: 0 1rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 32rem), 1fr)) } .lead { font-size: 1.05rem }
.badge { white-space: nowrap }
.two .rows { grid-template-columns: minmax(6rem, 9rem) 1fr; gap: .1rem 1rem } .two .num { grid-column: 2; margin-bottom: .4rem }
@media (max-width: 36rem) { main { padding: 1rem .7rem 2rem } section { padding: .9rem .9rem }
  .rows { grid-template-columns: 1fr; gap: .1rem } .rows .num { margin-bottom: .7rem }
  .two .rows { grid-template-columns: 1fr } .two .num { grid-column: 1 } }
"""


def page(report: Independence) -> str:
    """The whole page."""
    body = "".join(
        (
            _head(report),
            _section("How concentrated", _concentration(report)),
            '<div class="two">',
            _section("Vendors", _shares(report.vendors)),
            _section("Workloads", _shares(report.workloads)),
            "</div>",
            _section("Models in use, and when they end", _endings(report.endings)),
            _section("Workloads, and their tested ways out", "".join(map(_standing, report.standings)) or NOTHING),
            _section("The next move", _moves(report)),
        )
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Independence</title><style>{STYLE}{OWN_STYLE}{plots.STYLE}</style>"
        f"<main class=wide>{body}</main></html>\n"
    )


NOTHING = "<p>Nothing was answered in this time.</p>"

OUT = {
    "own": ("good", "own model"),
    "tested": ("good", "tested way out"),
    "none": ("bad", "no tested way out"),
}


def saved(move: Move) -> str:
    """What a move saves, with its interval: `$41.20 ($38.90 to $43.50 at 95 %)`; or why that is unknown."""
    if move.saving is None:
        return f"unknown: {move.unknown}"
    one = move.saving
    return f"{usd(one.nano)} ({usd(one.low)} to {usd(one.high)} at {100 * one.level:g} %)"


def usd(nano: float) -> str:
    """Dollars to the cent, or to the first two digits that are not zero."""
    amount = abs(nano) / 1e9
    shown = f"{amount:,.2f}" if amount >= 0.1 or not amount else f"{amount:.2g}" if amount >= 1e-4 else f"{amount:.1e}"
    return f"{'-' if nano < 0 else ''}${shown}"


def index(one: Concentration) -> str:
    """`5,312, highly concentrated, as 1.9 equal vendors`."""
    if one.hhi is None or one.like is None:
        return "unknown"
    return f"{one.hhi:,.0f}, {one.reading}, as {one.like:.1f} equal vendors"


def end(ending: Ending) -> str:
    """When a model ends, in words."""
    if ending.retires is None or ending.days is None:
        return "unknown: no date is announced" if ending.known else "unknown: the catalog does not have it"
    if ending.days <= 0:
        return f"retired since {ending.retires}"
    return f"{ending.retires}, in {counted(ending.days, 'day')}"


def _head(report: Independence) -> str:
    period = f"{when(round(report.since * 1000))[:16]} to {when(round(report.until * 1000))[:16]} UTC"
    tested = sum(one.out != "none" for one in report.standings)
    soon = sum(one.days is not None and one.days <= plots.SOON_DAYS for one in report.endings)
    apart = f" {usd(report.measuring_nano)} more went into shadows and trials." if report.measuring_nano else ""
    return (
        f"<p class=soft>Freehold, {_h(period)}</p><h1>Independence</h1>"
        f"<p class=lead>{_h(counted(report.requests, 'answer'))} for {usd(report.cost_nano)}. {tested} of "
        f"{_h(counted(len(report.standings), 'workload'))} can leave or have left; {_h(counted(soon, 'model'))} in use "
        f"{'ends' if soon == 1 else 'end'} within {plots.SOON_DAYS} days.{apart}</p>"
    )


def _concentration(report: Independence) -> str:
    return (
        f'{plots.scale(report.spend, report.traffic)}<p class=key><i class="spend"></i>Spend: {_h(index(report.spend))}'
        f"<i></i>Traffic: {_h(index(report.traffic))}</p><p class=soft>Herfindahl-Hirschman index of vendors, on a line from "
        "0 to 10,000 (one vendor for everything), drawn by its root. Below 1,000 is unconcentrated, above 1,800 highly "
        "concentrated.</p>"
    )


def _shares(parts: Sequence[Part]) -> str:
    if not parts:
        return NOTHING
    rows = "".join(
        f'<div>{_h(part.name or "none named")}</div><div>{plots.shares(part)}</div><div class="num">{_share(part.spend)} '
        f"<span class=soft>{usd(part.cost_nano)}</span> · {_share(part.traffic)} <span class=soft>{part.requests:,}</span></div>"
        for part in parts
    )
    return (
        f'<div class="rows">{rows}</div><p class="soft key"><i class="spend"></i>of the spend<i></i>of the answers</p>'
    )


def _endings(endings: Sequence[Ending]) -> str:
    if not endings:
        return "<p>No rented model is in use.</p>"
    most = plots.longest(endings)
    rows = "".join(
        f"<div>{_h(one.model)}</div><div>{plots.remaining(one, most)}</div>"
        f'<div class="num">{_h(end(one))} <span class=soft>{one.requests:,}</span></div>'
        for one in endings
    )
    drawn = f"The line is {most} days long. " if any(one.days is not None for one in endings) else ""
    return (
        f'<div class="rows">{rows}</div><p class=soft>{drawn}The last number is that of the answers in this time.</p>'
    )


def _standing(one: Standing) -> str:
    kind, text = OUT[one.out]
    ways = "".join(f"<li>{_way(way)}</li>" for way in one.ways)
    return (
        f"<p>{_badge(kind, text)} <b>{_h(one.workload or 'none named')}</b>: {_h(one.model)} "
        f"<span class=soft>(its vendor answers {one.share:.0%} of {one.requests:,}, {usd(one.cost_nano)} in all)</span></p>"
        + (f"<ul>{ways}</ul>" if ways else "")
    )


def _way(way: Way) -> str:
    day = when(round(way.at * 1000))[:10]
    if way.kind == "canary":
        told = f"to {way.model}: promoted by the canary {way.id}, {day}"
    else:
        told = f"to {way.model}: passed {way.id}, {day}, {way.proof}"
    return _h(told) + (f" <span class=soft>(does not count: {_h(way.blocked)})</span>" if way.blocked else "")


def _moves(report: Independence) -> str:
    if not report.moves:
        return NOTHING
    best = next_move(report)
    lead = (
        "<p class=lead>No move is shown to save anything.</p>"
        if best is None
        else f"<p class=lead>Move <b>{_h(best.workload)}</b> from {_h(best.incumbent)} to {_h(best.candidate)}: it would have "
        f"saved {_h(saved(best))} on the {_h(counted(best.requests, 'answer'))} of this time.</p><p>{_h(best.sentence)}</p>"
    )
    axis = plots.axis_of([move.saving for move in report.moves if move.saving is not None])
    rows = "".join(_move(move, axis) for move in report.moves)
    return (
        f'{lead}<div class="rows">{rows}</div><p class=soft>Right of the line is saved. The interval is that of the cost of an '
        "answer in the trial; it holds for requests that are like the trial's items.</p>"
    )


def _move(move: Move, axis: tuple[float, float]) -> str:
    drawn = "" if move.saving is None else plots.interval(move.saving, axis)
    where = f" <span class=soft>to {_h(move.candidate)}</span>" if move.candidate else ""
    doubt = ""
    if move.unlike and move.tried_nano is not None and move.paid_nano is not None:
        doubt = (
            f"; doubtful: an answer of {_h(move.incumbent)} cost {usd(move.tried_nano)} in the trial and {usd(move.paid_nano)} "
            "in this time"
        )
    return f'<div>{_h(move.workload or "none named")}{where}</div><div>{drawn}</div><div class="num">{_h(saved(move))}{doubt}</div>'


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %"


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_h(title)}</h2>{body}</section>"


def _badge(kind: str, text: str) -> str:
    return f'<span class="badge {kind}">{_h(text)}</span>'


def _h(value: object) -> str:
    return escape(str(value))
