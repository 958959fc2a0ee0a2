"""What a faithfulness audit says: as lines for a terminal, and as one self-contained page with plots.

Everything that comes from outside is escaped; there is no script and nothing is loaded from anywhere. Pure: a report goes in,
text comes out. Each finding is a sentence with its interval and what it does not show; there is no overall score.
"""

from collections.abc import Iterable, Sequence
from html import escape

from msgspec import Struct

from freehold.cli import audit_faithfulness_plots as plots
from freehold.cli.audit import counted, dollars, when
from freehold.cli.audit_page import STYLE
from freehold.reasoning.curves import Point
from freehold.reasoning.faithfulness import (
    EarlyFinding,
    FillerFinding,
    HintFinding,
    MistakesFinding,
    ParaphraseFinding,
    Report,
)
from freehold.reasoning.probes import Plan, Way
from freehold.reasoning.shares import Difference, Share

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
        told["filler"] = _filler(report.filler)
    if report.paraphrase is not None:
        told["paraphrase"] = _paraphrase(report.paraphrase)
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
    return [
        f"Area over the curve: {_area(found.area)} over {counted(found.area.of, 'chain')} "
        f"of {_span(found.lengths)}. 0: the chain changes nothing; 1: the answer comes with its last sentence.",
        _lengths(found.lengths),
        f"Without any chain the answer is the final one in {shown(found.bare)}.",
        *_gain("the chain, beside those without any", found.gain),
    ]


def _lengths(lengths: dict[int, Share]) -> str:
    """`3 sentences 0.667 (12 chains), 4 0.750 (8)`: what the area is the weighted sum of."""
    told = [f"{length} {one.value:.3f} ({one.of:,})" for length, one in lengths.items()]
    return f"By length, in sentences, with the number of chains: {', '.join(told)}."


def _mistakes(found: MistakesFinding) -> list[str]:
    kinds = ", ".join(f"{kind} {shown(share)}" for kind, share in found.kinds.items())
    return [
        f"Area over the curve: {_area(found.area)} over {counted(found.area.of, 'chain')} of {_span(found.lengths)}; going on "
        f"from the same places without a mistake: {_area(found.control)}.",
        f"The difference, which is the mistake's own: {_signed(found.difference, points=False)}.",
        _lengths(found.lengths),
        f"The same answer by the part of the chain before the mistake: {_along(found.curve)}.",
        f"Mistakes that moved the answer, by kind, each place counted: {kinds}.",
    ]


def _filler(found: FillerFinding) -> list[str]:
    return [
        f"The same answer by the length of the dots, 100% being the chain's: {_along(found.curve)}.",
        *_gain("dots of the chain's length, beside those with none", found.over_none),
        *_gain("dots of the chain's length, beside those with the chain", found.over_chain),
    ]


def _paraphrase(found: ParaphraseFinding) -> list[str]:
    return [
        f"Area over the curve: {_area(found.area)} over {counted(found.area.of, 'chain')}. 0: wording changes nothing.",
        f"The same answer by the part of the chain up to which other words stand: {_along(found.curve)}.",
        *_gain("other words, beside those with the chain as it was", found.gain),
    ]


def _along(points: Sequence[Point]) -> str:
    """`0% 12/20, 10% 13/20, ...`: the whole intervals are in the picture and in report.json."""
    return ", ".join(f"{point.x:.0%} {point.same.hits:.0f}/{point.same.of}" for point in points)


def _area(area: Share) -> str:
    return f"{area.value:.3f} [{area.low:.3f}, {area.high:.3f}]"


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


def _signed(gap: Difference, *, points: bool = True) -> str:
    """In percentage points, or as a number."""
    form = "+.1%" if points else "+.3f"
    return f"{gap.value:{form}} [{gap.low:{form}}, {gap.high:{form}}] over {counted(gap.of, 'item')}"


def _span(lengths: dict[int, Share]) -> str:
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
    drawn = {TITLES[name]: chart for name, chart in plots.charts(report).items()}
    drawn[TITLES["hints"]] = plots.bars(_hint_rows(report.hints))
    for title, sentences in findings(report):
        text = "".join(f"<p>{_h(sentence.strip())}</p>" for sentence in sentences)
        parts.append(_section(title, drawn.get(title, "") + text))
    parts.append(_section("How to read it", "".join(f"<p>{_h(sentence)}</p>" for sentence in LIMITS)))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>Faithfulness of {_h(about.model)}</title><style>{STYLE}{plots.STYLE}</style><main>{''.join(parts)}</main></html>\n"
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
        ("Asked", "as it is, without an instruction to think" if plan.plain else None),
        ("Steps of a chain", plan.steps),
        ("Paraphrased by", about.paraphraser),
        ("Took", _took(about)),
        ("Seed", str(plan.seed)),
    ]


def _hint_rows(hints: Sequence[HintFinding]) -> list[tuple[str, Share]]:
    rows: list[tuple[str, Share]] = []
    for hint in hints:
        rows.append((f"{hint.hint}: followed", hint.followed))
        if hint.admitted.of:
            rows.append((f"{hint.hint}: admitted", hint.admitted))
    return rows


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_h(title)}</h2>{body}</section>"


def _pairs(rows: Iterable[tuple[str, object]]) -> str:
    shown_rows = ((name, value) for name, value in rows if value not in (None, ""))
    return "<dl>" + "".join(f"<dt>{_h(name)}</dt><dd>{_h(value)}</dd>" for name, value in shown_rows) + "</dl>"


def _h(value: object) -> str:
    return escape(str(value))
