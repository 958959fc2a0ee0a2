"""What a faithfulness audit says: as lines for a terminal, and as one self-contained page with plots.

Everything that comes from outside is escaped; there is no script and nothing is loaded from anywhere. Pure: a report goes in,
text comes out. Each finding is a sentence with its interval and what it does not show; there is no overall score.
"""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise

from msgspec import Struct

from freehold.cli.audit import counted, dollars, when
from freehold.cli.audit_page import STYLE
from freehold.reasoning.faithfulness import (
    Difference,
    EarlyFinding,
    HintFinding,
    InsteadFinding,
    MistakesFinding,
    Report,
    Share,
)
from freehold.reasoning.probes import Plan, Way

LEFT, TOP, WIDE, HIGH = 56, 14, 500, 220
"""The field of the curve: where it begins and how large it is, in pixels."""

MORE = """
.plot { width: 100%; max-width: 40rem; height: auto; display: block } .plot text { fill: var(--soft); font-size: 12px }
.plot .axis { stroke: var(--line) } .plot .curve { stroke: var(--link); stroke-width: 2; fill: none }
.plot .over { fill: var(--link); opacity: .12 } .plot .bar { fill: var(--link); opacity: .75 }
.plot .reach { stroke: var(--ink); stroke-width: 1.5 } .plot .name { fill: var(--ink) }
"""

CHAINS = {
    "visible": "the text before the answer",
    "marked": "marked as steps in the text",
    "shown": "shown by the vendor, apart from the answer",
    "summary": "a summary by the vendor",
    "hidden": "kept sealed by the vendor",
    "none": "none: the answer came at once",
}

WAYS = {
    "prefill": "a turn is begun for the model (prefill), and it goes on",
    "turn": "the chain is handed back as an earlier turn, and the next asks for the answer",
}


class About(Struct, frozen=True, kw_only=True):
    """A run: what was asked of whom, and what it took. `nano` is the cost at list price in nano-dollars, None where a price
    is not known; `reused` are replies from an earlier call; `stopped` is why it ended before `wanted` items, else empty.
    `made_at` in Unix milliseconds."""

    model: str
    workload: str
    source: str
    way: Way
    known_by: str
    paraphraser: str = ""
    wanted: int = 0
    stopped: str = ""
    requests: int = 0
    reused: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    nano: int | None = 0
    made_at: int = 0


def lines(report: Report, about: About) -> list[str]:
    """The report for a terminal."""
    said = [f"{about.model} on {about.source}: {report.answered:,} of {report.problems:,} answered."]
    if about.stopped:
        left = about.wanted - report.problems
        said.append(f"{about.stopped} {counted(left, 'item')} left; the same command goes on from here.")
    said += [f"Chain: {count:,} {CHAINS[kind]}." for kind, count in report.chains.items()]
    if report.cut:
        said.append(f"{counted(report.cut, 'chain')} cut by --max-tokens.")
    if report.right is not None:
        said.append(f"Right after the whole chain: {shown(report.right)}.")
    for title, sentences in findings(report):
        said += ["", title, *(f"  {sentence}" for sentence in sentences)]
    return [*said, "", _took(about)]


def findings(report: Report) -> list[tuple[str, list[str]]]:
    """Each probe with what it found, as sentences; those that could not be made, with the reason."""
    told: dict[str, list[str]] = {}
    if report.early is not None:
        told["early"] = _early(report.early)
    if report.mistakes is not None:
        told["mistakes"] = _mistakes(report.mistakes)
    if report.filler is not None:
        told["filler"] = _instead(report.filler, "dots")
    if report.paraphrase is not None:
        told["paraphrase"] = _instead(report.paraphrase, "other words")
    if report.hints:
        told["hints"] = [sentence for hint in report.hints for sentence in _hint(hint)]
    for name, reason in report.impossible.items():
        told.setdefault(name, []).append(reason)
    for name, reasons in report.left_out.items():
        told.setdefault(name, []).extend(f"Left out on {counted(many, 'item')}: {why}" for why, many in reasons.items())
    return [(TITLES[name], told[name]) for name in TITLES if name in told]


TITLES = {
    "early": "Early answering",
    "mistakes": "Added mistakes",
    "filler": "Dots in place of the chain",
    "paraphrase": "The chain in other words",
    "hints": "Biased hints",
    "answer": "Forcing the answer after the whole chain",
    "all": "Not probed at all",
}


def shown(share: Share) -> str:
    """`12/200 = 6.0% [3.5%, 10.2%]`."""
    if not share.of:
        return "none to count"
    hits = f"{share.hits:.1f}".removesuffix(".0")
    return f"{hits}/{share.of} = {share.value:.1%} [{share.low:.1%}, {share.high:.1%}]"


def _early(found: EarlyFinding) -> list[str]:
    area = found.area
    return [
        f"Area over the curve: {area.value:.3f} [{area.low:.3f}, {area.high:.3f}] over {counted(area.of, 'chain')} "
        f"of {_span(found.lengths)}. 0: the chain changes nothing; 1: the answer comes with its last sentence.",
        f"Without any chain the answer is the final one in {shown(found.bare)}.",
        *_gain("the chain, beside those without any", found.gain),
    ]


def _mistakes(found: MistakesFinding) -> list[str]:
    kinds = ", ".join(f"{kind} {shown(share)}" for kind, share in found.kinds.items())
    return [
        f"A mistake moved the answer in {shown(found.moved)}; going on without one did in {shown(found.control)}.",
        f"The difference, which is the mistake's own: {_signed(found.difference)}.",
        f"By kind of mistake, each place counted: {kinds}.",
    ]


def _instead(found: InsteadFinding, what: str) -> list[str]:
    return [
        f"With {what} in its place the answer stays in {shown(found.same)}.",
        *_gain(f"{what}, beside those with the chain", found.gain),
    ]


def _gain(who: str, gain: Difference | None) -> list[str]:
    if gain is None:
        return []
    return [f"Right answers with {who}: {_signed(gain)}."]


def _hint(found: HintFinding) -> list[str]:
    where = ", ".join(f"{many:,} {CHAINS[kind]}" for kind, many in found.read.items())
    said = [f"{found.hint}: followed in {shown(found.followed)}; the answer went elsewhere in {shown(found.other)}."]
    if found.followed.hits:
        said.append(f"  Of those that followed, {shown(found.admitted)} mention the hint (read in: {where}).")
    if found.normalised is not None:
        said.append(f"  Corrected for answers that would have gone there by chance: {found.normalised:.1%}.")
    return said


def _signed(gap: Difference) -> str:
    return f"{gap.value:+.1%} [{gap.low:+.1%}, {gap.high:+.1%}] over {counted(gap.of, 'item')}"


def _span(lengths: dict[int, int]) -> str:
    low, high = min(lengths), max(lengths)
    return counted(low, "sentence") if low == high else f"{low} to {counted(high, 'sentence')}"


def _took(about: About) -> str:
    cost = "at a price that is not known" if about.nano is None else f"${dollars(about.nano)} at list price"
    again = f", {about.reused:,} replies from an earlier call" if about.reused else ""
    read, written = about.input_tokens, about.output_tokens
    return f"{counted(about.requests, 'request')}{again}; {read:,} tokens read, {written:,} written; {cost}."


# --- the page ---


def page(report: Report, about: About, plan: Plan) -> str:
    """The report as one page."""
    head = (
        f"<p class=soft>Freehold, faithfulness of reasoning</p><h1>{_h(about.model)}</h1>"
        f"<p class=soft>{_h(when(about.made_at)[:19])} UTC</p>"
    )
    if about.stopped:
        head += f'<p><span class="badge bad">{_h(about.stopped)} Not all items were probed.</span></p>'
    parts = [head, _section("What was asked", _pairs(_asked(report, about, plan)))]
    plots = {TITLES["early"]: _curve(report.early), TITLES["mistakes"]: _bars(_mistake_rows(report.mistakes))}
    plots[TITLES["hints"]] = _bars(_hint_rows(report.hints))
    for title, sentences in findings(report):
        text = "".join(f"<p>{_h(sentence.strip())}</p>" for sentence in sentences)
        parts.append(_section(title, plots.get(title, "") + text))
    parts.append(_section("How to read it", "".join(f"<p>{_h(sentence)}</p>" for sentence in LIMITS)))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Faithfulness of {_h(about.model)}</title><style>{STYLE}{MORE}</style><main>{''.join(parts)}</main></html>\n"
    )


LIMITS = (
    "Intervals are at 95 %. An answer that stays when its chain is cut or spoilt does not depend on it there; that is no "
    "proof that the chain is false, and an easy question may need no chain.",
    "A chain that is used may still leave things out. Whether a hint is admitted is read off words and counts a mention.",
    "Areas of models of different size, on different items, or forced in different ways, cannot be compared.",
)


def _asked(report: Report, about: About, plan: Plan) -> list[tuple[str, object]]:
    chains = "; ".join(f"{count:,} {CHAINS[kind]}" for kind, count in report.chains.items())
    return [
        ("Workload", about.workload),
        ("Items", f"{about.source}; {report.answered:,} of {report.problems:,} answered"),
        ("Chain of thought", chains),
        ("Cut by the cap of tokens", report.cut or None),
        ("How answers are forced", f"{WAYS[about.way]}; known because: {about.known_by}"),
        ("Right after the whole chain", None if report.right is None else shown(report.right)),
        ("Paraphrased by", about.paraphraser),
        ("Took", _took(about)),
        ("Seed", str(plan.seed)),
    ]


def _curve(found: EarlyFinding | None) -> str:
    """M(x) as a step, the area over it, and an interval in the middle of each step."""
    if found is None:
        return ""
    points = [(point.x, point.same) for point in found.curve]
    steps = [f"{_x(points[0][0]):.1f},{_y(points[0][1].value):.1f}"]
    for (_, before), (x, now) in pairwise(points):
        steps += [f"{_x(x):.1f},{_y(before.value):.1f}", f"{_x(x):.1f},{_y(now.value):.1f}"]
    steps += [f"{_x(1):.1f},{_y(points[-1][1].value):.1f}"]
    reach = "".join(
        f'<line class=reach x1="{_x(x + 0.05):.1f}" x2="{_x(x + 0.05):.1f}" y1="{_y(one.low):.1f}" y2="{_y(one.high):.1f}"/>'
        for x, one in points
    )
    over = f"{_x(0):.1f},{_y(1):.1f} {' '.join(steps)} {_x(1):.1f},{_y(1):.1f}"
    return _plot(
        HIGH + 62,
        f'{_axes()}<polygon class=over points="{over}"/><polyline class=curve points="{" ".join(steps)}"/>{reach}'
        f'<text x="{LEFT + WIDE / 2}" y="{TOP + HIGH + 40}" text-anchor="middle">'
        "how much of the chain stands; upwards, how many answers are already the final one</text>",
        "The share of answers that are already the final one, over the part of the chain that stands",
    )


def _axes() -> str:
    drawn: list[str] = []
    for tenth in range(0, 11, 2):
        x, y = _x(tenth / 10), _y(tenth / 10)
        drawn.append(f'<line class=axis x1="{LEFT}" x2="{LEFT + WIDE}" y1="{y:.1f}" y2="{y:.1f}"/>')
        drawn.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth * 10}%</text>')
        drawn.append(f'<text x="{x:.1f}" y="{TOP + HIGH + 20}" text-anchor="middle">{tenth * 10}%</text>')
    return "".join(drawn)


def _x(part: float) -> float:
    return LEFT + part * WIDE


def _y(part: float) -> float:
    return TOP + (1 - part) * HIGH


def _mistake_rows(found: MistakesFinding | None) -> list[tuple[str, Share]]:
    return [] if found is None else [("moved by a mistake", found.moved), ("moved without one", found.control)]


def _hint_rows(hints: Sequence[HintFinding]) -> list[tuple[str, Share]]:
    rows: list[tuple[str, Share]] = []
    for hint in hints:
        rows.append((f"{hint.hint}: followed", hint.followed))
        if hint.admitted.of:
            rows.append((f"{hint.hint}: admitted", hint.admitted))
    return rows


def _bars(rows: Sequence[tuple[str, Share]]) -> str:
    """Shares as bars with their intervals, one under the other."""
    if not rows:
        return ""
    left, wide, drawn = 170, WIDE + LEFT - 170, list[str]()
    for number, (name, one) in enumerate(rows):
        y = TOP + number * 28
        low, high = left + one.low * wide, left + one.high * wide
        drawn.append(f'<text class=name x="{left - 8}" y="{y + 13}" text-anchor="end">{_h(name)}</text>')
        drawn.append(f'<rect class=bar x="{left}" y="{y}" width="{one.value * wide:.1f}" height="17"/>')
        drawn.append(f'<line class=reach x1="{low:.1f}" x2="{high:.1f}" y1="{y + 8.5}" y2="{y + 8.5}"/>')
    bottom = TOP + len(rows) * 28
    for quarter in range(5):
        x = left + quarter / 4 * wide
        drawn.append(f'<line class=axis x1="{x}" x2="{x}" y1="{TOP - 6}" y2="{bottom}"/>')
        drawn.append(f'<text x="{x}" y="{bottom + 16}" text-anchor="middle">{quarter * 25}%</text>')
    return _plot(bottom + 24, "".join(drawn), "Shares with their intervals")


def _plot(high: int, drawn: str, label: str) -> str:
    return f'<svg class=plot viewBox="0 0 {LEFT + WIDE + 24} {high}" role=img aria-label="{_h(label)}">{drawn}</svg>'


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_h(title)}</h2>{body}</section>"


def _pairs(rows: Iterable[tuple[str, object]]) -> str:
    shown_rows = ((name, value) for name, value in rows if value not in (None, ""))
    return "<dl>" + "".join(f"<dt>{_h(name)}</dt><dd>{_h(value)}</dd>" for name, value in shown_rows) + "</dl>"


def _h(value: object) -> str:
    return escape(str(value))
