"""The report of a journey as one page: self-contained HTML, readable on a telephone, in the dark and on paper.

Everything that comes from a model, a question or a name is escaped; there is no script and nothing is loaded from anywhere. Pure: what the stages noted
goes in, text comes out, and a stage that was not reached is said to be so. Every number on it but the prices of a list was measured in that run.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

from freehold.cli.audit import counted, when
from freehold.cli.audit_page import STYLE
from freehold.cli.journey_state import RENTED, STAND_IN, before_it
from freehold.ledger.word import HEAD

OWN_STYLE: Final = """
.big { display: grid; grid-template-columns: repeat(auto-fit, minmax(12.5rem, 1fr)); gap: 1rem; margin: 1.2rem 0 }
.big > div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1.1rem }
.big b { display: block; font-size: 1.75rem; line-height: 1.2; letter-spacing: -.01em } .big b small { font-size: 1rem; font-weight: 500 }
.way { list-style: none; margin: 0; padding: 0 } .way li { display: grid; grid-template-columns: 2rem minmax(10rem, 15rem) 1fr max-content;
  gap: .2rem 1rem; padding: .45rem 0; border-bottom: 1px solid var(--line) } .way li:last-child { border-bottom: 0 }
.way i { font-style: normal; font-weight: 600 } .way .done i { color: var(--good) } .way .failed i { color: var(--bad) }
.beside { display: grid; grid-template-columns: minmax(9rem, 14rem) 1fr max-content; gap: .5rem 1rem; align-items: center }
.bar { width: 100%; height: 1.4rem; display: block } .bar .back { fill: var(--plain-back) } .bar .before { fill: var(--soft) }
.bar .after { fill: var(--link) } .bar .iv { stroke: var(--ink); stroke-width: 2; vector-effect: non-scaling-stroke }
.steps td:first-child { white-space: nowrap } .pair { display: grid; grid-template-columns: 1fr 1fr; gap: 1.2rem }
.pair > div { min-width: 0 } .curves svg { max-width: 100%; height: auto } .num { font-variant-numeric: tabular-nums }
@media (max-width: 40rem) { .way li { grid-template-columns: 1.6rem 1fr max-content } .way li span:nth-child(3) { grid-column: 2 / 4; grid-row: 2 }
  .beside, .pair { grid-template-columns: 1fr } }
"""

SAID: Final[Mapping[str, str]] = {
    "training.started": "A training began",
    "training.ended": "A training ended",
    "training.override": "Somebody answered for a training that terms forbid",
    "trial.planned": "A trial was planned",
    "trial.ended": "The trial ended",
    "model.registered": "A version was registered",
    "model.promoted": "A version was let serve",
    "policy": "The configuration was changed",
    "canary.started": "A canary began",
    "canary.advanced": "A canary got a larger share",
    "canary.promoted": "A canary was promoted",
    "canary.rolled_back": "A canary was taken back",
    "canary.drifted": "A promotion was taken back",
    "canary.aborted": "A canary was ended",
    "shadow.restarted": "The shadow began anew, since what it is held against changed",
    "shadow.passed": "The shadow was shown to be no worse",
    "shadow.harmed": "The shadow was shown to be worse",
}
"""What the decisions mean; a kind that does not stand here is named as it is."""

WHY: Final = ("candidate", "verdict", "override", "reason", "trial", "version", "weights")
"""The fields of a decision that say what it was about, in this order."""


def page(told: Mapping[str, Any], curves: str = "") -> str:
    """The whole page. `told` is what `journey_run.told` gives, `curves` the training's curves as SVG."""
    facts: dict[str, dict[str, Any]] = {stage["name"]: stage["facts"] for stage in told["stages"]}
    body = "".join(
        (
            _head(told),
            _big(facts),
            _section("The way", _way(told)),
            _section("Before and after", _beside(told, facts["trial"])),
            _section("What may be learned from whom", _terms(facts["terms"])),
            _section("The training", _training(facts["train"], curves)),
            _section("The trial, and the move", _moved(facts)),
            _section("A sabotaged version, taken back by itself", _sabotage(facts["sabotage"])),
            _section("One answer, with its steps and its receipt", _answer(facts["proof"].get("answer"))),
            _section("Every decision, and where the ledger has it", _decisions(facts["proof"].get("decisions", []))),
            _section("Verified by others", _proof(facts["proof"])),
            _section("Independence", _independence(told, facts)),
        )
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>The journey</title><style>{STYLE}{OWN_STYLE}</style><main class=wide>{body}</main></html>\n"
    )


def _head(told: Mapping[str, Any]) -> str:
    failure = told["failure"]
    seconds = sum(stage["seconds"] for stage in told["stages"])
    badge = _badge("good", "done") if told["done"] else _badge("bad", "failed") if failure else _badge("", "on the way")
    said = f"<p>{_h(failure['sentence'])} <span class=soft>{_h(failure['advice'])}</span></p>" if failure else ""
    return (
        f"<p class=soft>Freehold, journey begun {_h(when(round(told['began'] * 1000))[:16])} UTC</p>"
        f"<h1>From renting {_h(told['incumbent'])} to owning {_h(told['own'])}</h1>"
        f"<p>{badge} The workload <b>{_h(told['workload'])}</b>, in {seconds / 60:.1f} minutes on this machine. "
        f"What is counted here was counted in this run; prices are those of the list.</p>{said}"
    )


def _big(facts: Mapping[str, Mapping[str, Any]]) -> str:
    arms = facts["trial"].get("arms")
    cells: list[tuple[str, str]] = []
    if arms:
        before, after = arms["incumbent"], arms["candidate"]
        cells.append(
            (f"{_percent(before)} <small>to</small> {_percent(after)}", "right on held-out questions, before and after")
        )
        if before["p95"] and after["p95"]:
            cells.append(
                (
                    f"{before['p95']:.2f} s <small>to</small> {after['p95']:.2f} s",
                    "95th percentile of the time of an answer",
                )
            )
        if before["usd_per_1000"] is not None and after["usd_per_1000"] is not None:
            cells.append(
                (
                    f"${before['usd_per_1000']:.3f} <small>to</small> ${after['usd_per_1000']:.3f}",
                    "billed for 1,000 answers",
                )
            )
    if "strangers" in facts["proof"] and "receipts" in facts["proof"]["strangers"]:
        cells.append(
            (f"{facts['proof']['strangers']['receipts']:,}", "receipts verified by a program that is not ours")
        )
    return f"<div class=big>{''.join(f'<div><b>{number}</b><span class=soft>{_h(text)}</span></div>' for number, text in cells)}</div>"


def _way(told: Mapping[str, Any]) -> str:
    failed = told["failure"]["stage"] if told["failure"] else ""
    lines: list[str] = []
    for number, stage in enumerate(told["stages"], 1):
        kind, sign = ("done", "✓") if stage["done"] else ("failed", "✗") if stage["name"] == failed else ("", "·")
        said = stage["facts"].get("said", "") or (told["failure"]["sentence"] if kind == "failed" else "not reached")
        time = f"{stage['seconds']:.0f} s" if stage["seconds"] else ""
        lines.append(
            f"<li class='{kind}'><i>{sign} {number}</i><b>{_h(stage['title'])}</b><span>{_h(said)}</span><span class='soft num'>{time}</span></li>"
        )
    return f"<ol class=way>{''.join(lines)}</ol>"


def _beside(told: Mapping[str, Any], trial: Mapping[str, Any]) -> str:
    arms = trial.get("arms")
    if not arms:
        return NOT_REACHED
    rows = "".join(
        f"<div>{_h(name)} <span class=soft>{_h(role)}</span></div><div>{_bar(arm, kind)}</div>"
        f"<div class=num>{_percent(arm)} <span class=soft>({100 * arm['low']:.0f} to {100 * arm['high']:.0f} %)</span></div>"
        for name, role, kind, arm in (
            (told["incumbent"], "before", "before", arms["incumbent"]),
            (told["own"], "after", "after", arms["candidate"]),
        )
    )
    head = "".join(
        f"<th>{name}</th>" for name in ("", "right", "median", "95th percentile", "tokens an answer", "$ for 1,000")
    )
    table = "".join(
        _row(name, arm) for name, arm in ((told["incumbent"], arms["incumbent"]), (told["own"], arms["candidate"]))
    )
    price = (
        f"The incumbent stands in for a rented model and is billed at the list price of {RENTED}; nobody was paid. "
        if told["incumbent"] == STAND_IN
        else ""
    )
    return (
        f"<div class=beside>{rows}</div><p class=soft>Share of right answers on the same {arms['incumbent']['items']} held-out questions, with Wilson's 95 % "
        f"intervals.</p><div class=scroll><table><tr>{head}</tr>{table}</table></div>"
        f"<p class=soft>{price}What this machine's electricity costs is not counted.</p>"
    )


def _row(name: str, arm: Mapping[str, Any]) -> str:
    cells = (
        f"{arm['right']} of {arm['items']}",
        *(f"{arm[key]:.2f} s" if arm[key] is not None else "unknown" for key in ("p50", "p95")),
        f"{arm['tokens']:.0f}",
        "unknown" if arm["usd_per_1000"] is None else f"{arm['usd_per_1000']:.4f}",
    )
    return f"<tr><td>{_h(name)}</td>{''.join(f'<td class=num>{_h(cell)}</td>' for cell in cells)}</tr>"


def _bar(arm: Mapping[str, Any], kind: str) -> str:
    share = 1000 * arm["right"] / max(1, arm["items"])
    low, high = 1000 * arm["low"], 1000 * arm["high"]
    return (
        f'<svg class="bar" viewBox="0 0 1000 22" preserveAspectRatio="none" role="img" aria-label="{_percent(arm)}">'
        f'<rect class="back" width="1000" height="22" rx="3"/><rect class="{kind}" width="{share:.1f}" height="22" rx="3"/>'
        f'<path class="iv" d="M{low:.1f} 11H{high:.1f}M{low:.1f} 6V16M{high:.1f} 6V16"/></svg>'
    )


def _terms(terms: Mapping[str, Any]) -> str:
    if not terms:
        return NOT_REACHED
    reasons = "".join(f"<li>{_h(reason)}</li>" for reason in terms["reasons"][:3])
    refused = (
        f"{terms['refused']} of {terms['rows']} captured answers of {terms['stands_for']} may not train an own model"
    )
    asked = f"<p>Nor may it teach: <span class=soft>{_h(terms['teacher'])}</span></p>" if terms["teacher"] else ""
    permitted = (
        "The rows that were used are made and solved by the task itself: nobody's terms hold for them."
        if terms["permitted"]
        else ""
    )
    return (
        f"<p>{_badge('bad' if terms['refused'] else 'good', 'refused' if terms['refused'] else 'permitted')} {_h(refused)} "
        f"<span class=soft>({_h(terms['contract'])}, {_h(terms['date'])})</span></p><ul>{reasons}</ul>{asked}<p>{permitted}</p>"
    )


def _training(train: Mapping[str, Any], curves: str) -> str:
    if "version" not in train:
        return NOT_REACHED
    if not train["trained"]:
        return f"<p>{_badge('', 'not in this run')} {_h(train['said'])}</p>"
    parity = train["parity"]
    rows = [
        ("Version", train["version"]),
        ("Weights (SHA-256)", train["weights"]),
        ("Size", f"{train['parameters']:,} weights, {train['size'] / 1e6:.1f} MB"),
        (
            "Learned from",
            f"{train['tokens']:,} tokens in {train['steps']:,} steps, {train['elapsed'] / 60:.1f} minutes, {train['per_second']:,.0f} tokens/s",
        ),
        (
            "Validation",
            f"{train['right']} of {train['items']} right{before_it(train)}; {train['proven']} with every step proven",
        ),
        (
            "Export",
            f"{parity['strings']:,} texts cut into the same tokens, {parity['same']} of {parity['items']} greedy replies the same in llama.cpp",
        ),
    ]
    return f"{_list(rows)}<div class=curves>{curves}</div>"


def _moved(facts: Mapping[str, Mapping[str, Any]]) -> str:
    trial, move = facts["trial"], facts["move"]
    if "sentence" not in trial:
        return NOT_REACHED
    kind = {"pass": "good", "fail": "bad"}.get(trial["verdict"], "")
    shown = f"<p>{_badge(kind, trial['verdict'])} {_h(trial['sentence'].partition(': ')[2] or trial['sentence'])}</p>"
    rows: list[tuple[str, str]] = [
        ("Trial", f"{trial['trial']}; freehold trial report writes its page"),
        ("Plan (SHA-256), noted before the first question", trial["plan"]),
    ]
    if "shadow" in move:
        shadow = move["shadow"]
        means = " against ".join(
            f"{100 * shadow[f'{name}_mean_ppm'] / 1e6:.0f} %" for name in ("candidate", "incumbent")
        )
        rows.append(("Shadow", f"{shadow['pairs']} pairs, no caller heard it; right {means}"))
    if "phase" in move:
        rows.append(
            (
                "Canary",
                f"{move['canary']}: {move['phase'].replace('_', ' ')} after {counted(move['conversations'], 'conversation')}, {move['reason']}",
            )
        )
        rows.append(("Who answered meanwhile", _answered(move)))
    return shown + _list(rows)


def _sabotage(facts: Mapping[str, Any]) -> str:
    if "version" not in facts:
        return NOT_REACHED
    rows = [
        (
            "Version",
            f"{facts['version']}: the rows of {facts['shuffled']} matrices changed places; it loads and answers",
        ),
        ("With the good one's papers", f"refused: {facts['refused']}"),
    ]
    if "phase" in facts:
        rows.append(
            (
                "Its canary",
                f"{facts['canary']}: {facts['phase'].replace('_', ' ')} after {counted(facts['conversations'], 'conversation')}: {facts['reason']}",
            )
        )
        rows.append(("Who answered meanwhile", _answered(facts)))
    return _list(rows)


def _answered(facts: Mapping[str, Any]) -> str:
    return _counted(facts.get("answered", {}))


def _counted(answers: Mapping[str, int]) -> str:
    return ", ".join(f"{model} {count}" for model, count in sorted(answers.items()))


def _answer(answer: Mapping[str, Any] | None) -> str:
    if not answer:
        return NOT_REACHED
    badges = _badge("good" if answer["is_right"] else "bad", "right" if answer["is_right"] else "wrong")
    badges += _badge("good", "every step proven") if answer["proven"] else ""
    steps = "".join(
        f"<tr><td>{_badge('good' if step['verdict'] == 'verified' else 'bad', step['verdict'])}</td><td><code>{_h(step['text'])}</code></td>"
        f"<td class=soft>{_h(step['reason'])}</td></tr>"
        for step in answer["steps"]
    )
    rows = [
        ("Receipt", answer["receipt"]),
        ("Entry of the ledger", f"{answer['place']:,}"),
        ("Answered by", answer["model"]),
        (
            "One of",
            f"the last {answer['of']['asked']}, of which {answer['of']['right']} are right and {answer['of']['proven']} proven",
        ),
    ]
    rows.append(("Check it", f"freehold audit show {answer['receipt']} --contents"))
    final = (answer["reply"].rpartition("</think>")[2] or answer["reply"]).strip()
    return (
        f"<div class=pair><div><pre>{_h(answer['question'])}</pre></div><div><p>{badges} <b>{_h(final)}</b> "
        f"<span class=soft>in {answer['seconds']:.2f} s; right is {_h(answer['right'])}</span></p>"
        f"<div class='scroll steps'><table>{steps}</table></div>{_list(rows)}</div></div>"
    )


def _decisions(decisions: Sequence[Mapping[str, Any]]) -> str:
    if not decisions:
        return NOT_REACHED
    rows = "".join(
        f"<tr><td class=num>{one['place']:,}</td><td class=soft>{_h(when(one['at'])[11:19])}</td><td>{_h(SAID.get(one['kind'], one['kind']))}</td>"
        f"<td class=mono>{_h(one['id'][:40])}</td><td class=soft>{_h(_why(one['body']))}</td></tr>"
        for one in decisions
    )
    head = "".join(f"<th>{name}</th>" for name in ("entry", "UTC", "", "about", "why"))
    return f"<div class=scroll><table><tr>{head}</tr>{rows}</table></div>"


def _why(body: Mapping[str, Any]) -> str:
    found = [(name, body[name]) for name in WHY if body.get(name) not in (None, "")]
    said = [f"{name} {str(value)[:90]}" for name, value in found]
    signed = [f"signed by {body['by']}"] if str(body.get("note", "")).startswith(HEAD) else []
    return ", ".join([*said, *signed])


def _proof(proof: Mapping[str, Any]) -> str:
    if not proof.get("own"):
        return NOT_REACHED
    strangers = proof.get("strangers", {})
    rows = [
        ("Log", f"{proof['log']}, {counted(proof['size'], 'entry')}"),
        ("freehold audit verify", "holds"),
    ]
    if "receipts" in strangers:
        rows += [
            ("tlog-scales", f"{strangers['said']}: each against the signed checkpoint, without Freehold"),
            (
                "proofbundle",
                f"entries {', '.join(map(str, strangers['checked']))} hold: this page's answer, plan, verdict, promotions, rollback",
            ),
            ("Verifier key", strangers["key"]),
        ]
    else:
        rows.append(("Verifiers of others", f"not run here: {strangers.get('why', '')}"))
    return f"{_list(rows)}<p class=soft>The export is {_h(proof['export'])}; its README.txt says how anybody repeats this.</p>"


def _independence(told: Mapping[str, Any], facts: Mapping[str, Mapping[str, Any]]) -> str:
    answer = facts.get("proof", {}).get("answer")
    if not answer:
        return NOT_REACHED
    last: Mapping[str, int] = answer["of"]["models"]
    rented = sorted({model.partition("/")[0] for model in last} - {"own"})
    rows = [
        ("Before", f"{told['workload']} could be answered by {told['incumbent']} alone"),
        (
            "Now",
            f"{told['own']} serves it, from weights in this folder; the passed trial stands in the ledger, so there is a tested way either way",
        ),
        ("Who answered at the end", _counted(last)),
        ("Vendors that had to be up for that", ", ".join(rented) or "none"),
        ("Taken back within", f"{facts['sabotage'].get('conversations', 'no')} conversations, when a version went bad"),
    ]
    return f"{_list(rows)}<p class=soft><code>freehold report</code> says this for all workloads.</p>"


NOT_REACHED: Final = "<p class=soft>Not reached in this run.</p>"


def _percent(arm: Mapping[str, Any]) -> str:
    return f"{100 * arm['right'] / max(1, arm['items']):.0f} %"


def _list(rows: Sequence[tuple[str, object]]) -> str:
    return f"<dl>{''.join(f'<dt>{_h(name)}</dt><dd>{_h(value)}</dd>' for name, value in rows)}</dl>"


def _section(title: str, body: str) -> str:
    return f"<section><h2>{_h(title)}</h2>{body}</section>"


def _badge(kind: str, text: str) -> str:
    return f'<span class="badge {kind}">{_h(text)}</span> '


def _h(value: object) -> str:
    return escape(str(value))
