"""The rules of a refund policy: each a sentence, and the one line of reasoning that applies it to a case.

It knows no policy and makes none; `refund_policy.py` draws which rules there are, in which order, and with which numbers. Rules
are applied in their order to a state of four facts: the days that a return may take, what happens (`refund`, `credit`,
`refused`), the amount in cents, and the days that it took. A later rule overrides an earlier one.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from freehold.training.tasks.columns import compared, padded, summed

WIDTH = 4
"""Digits that days and cents are written with in a line, as `columns.py` wants it; amounts from $100 on have more."""

Outcome = Literal["refund", "credit", "refused"]
Field = Literal["limit", "took", "outcome", "cents", "none"]

FLAGS = ("member", "gift", "receipt", "sale", "opened", "used", "faulty")


class Case(Struct, frozen=True):
    """What is returned, for how many cents, on which days it was bought and brought back, and what holds of it (`FLAGS`)."""

    category: str
    cents: int
    bought: int
    returned: int
    flags: frozenset[str]


class Rule(Struct, frozen=True):
    """One rule with its numbers: `kind` is a key of `KINDS`; `number` in days, per cent or cents; `category` and `spares` (a
    flag that frees from it) where the kind has them."""

    kind: str
    number: int = 0
    category: str = ""
    spares: str = ""


class State(Struct, frozen=True):
    """How far a case has come."""

    cents: int
    limit: int = 0
    outcome: Outcome = "refund"
    took: int = 0


class Applied(Struct, frozen=True):
    """The line without its number, the state after it, whether the rule had an effect, and the field that the line's end
    gives."""

    line: str
    state: State
    effect: bool
    gives: Field = "none"


Apply = Callable[[Rule, Case, State], Applied]


class Kind(Struct, frozen=True):
    """One kind of rule: its sentence and its line."""

    sentence: Callable[[Rule], str]
    apply: Apply


def money(cents: int) -> str:
    """`$108.10`"""
    return f"${cents // 100}.{cents % 100:02d}"


def tenths(cents: int, count: int) -> tuple[str, int]:
    """The sums that give so many tenths of an amount, one tenth added to itself, each with the per cent it comes to, and their result."""
    tenth = cents // 10
    sums, result = f"10% {_shown(tenth)}", tenth
    for place in range(2, count + 1):
        line, result = _sum(result, "+", tenth)
        sums = f"{sums}, {place}0% {line}"
    return sums, result


def _sum(first: int, sign: str, second: int) -> tuple[str, int]:
    return summed(first, sign, second, max(WIDTH, len(str(first)), len(str(second))))


def _compared(first: int, sign: str, second: int) -> tuple[str, bool]:
    return compared(first, sign, second, max(WIDTH, len(str(first)), len(str(second))))


def _shown(number: int) -> str:
    return padded(number, WIDTH)


# --- how long ---


def _limit(rule: Rule, case: Case, state: State) -> Applied:
    return _until("limit", rule.number, state, effect=False)


def _category_limit(rule: Rule, case: Case, state: State) -> Applied:
    if case.category != rule.category:
        return _until(f"{_both(rule, case)},", state.limit, state, effect=False)
    return _until(f"{_both(rule, case)},", rule.number, state, effect=True)


def _more_days(flag: str) -> Apply:
    def apply(rule: Rule, case: Case, state: State) -> Applied:
        if flag not in case.flags:
            return _until(f"{flag} no,", state.limit, state, effect=False)
        sums, limit = _sum(state.limit, "+", rule.number)
        return Applied(f"{flag} yes, {sums}", replace(state, limit=limit), effect=True, gives="limit")

    return apply


def _until(said: str, limit: int, state: State, *, effect: bool) -> Applied:
    return Applied(f"{said} {_shown(limit)}", replace(state, limit=limit), effect=effect, gives="limit")


# --- whether ---


def _late(rule: Rule, case: Case, state: State) -> Applied:
    sums, took = _sum(case.returned, "-", case.bought)
    told, late = _compared(took, ">", state.limit)
    said = f"bought on day {case.bought}, returned on day {case.returned}, {sums}, {told}"
    return _decided(said, "refused" if late else state.outcome, replace(state, took=took), effect=False)


def _grace(rule: Rule, case: Case, state: State) -> Applied:
    told, late = _compared(state.took, ">", state.limit)
    if not late:
        return _decided(told, state.outcome, state, effect=False)
    sums, over = _sum(state.took, "-", state.limit)
    held, too_late = _compared(over, ">", rule.number)
    said = f"{told}, {sums}, {held}"
    return _decided(said, state.outcome if too_late else "credit", state, effect=not too_late)


def _flag_outcome(flag: str, outcome: Outcome) -> Apply:
    def apply(rule: Rule, case: Case, state: State) -> Applied:
        holds = flag in case.flags
        return _decided(f"{flag} {_said(holds)}", outcome if holds else state.outcome, state, effect=holds)

    return apply


def _opened_category(rule: Rule, case: Case, state: State) -> Applied:
    if case.category != rule.category:
        return _decided(_both(rule, case), state.outcome, state, effect=False)
    opened = "opened" in case.flags
    said = f"{_both(rule, case)}, opened {_said(opened)}"
    return _decided(said, "refused" if opened else state.outcome, state, effect=opened)


def _no_receipt(rule: Rule, case: Case, state: State) -> Applied:
    there = "receipt" in case.flags
    credited = not there and state.outcome == "refund"
    said = f"receipt {_said(there)}"
    return _decided(said, "credit" if credited else state.outcome, state, effect=credited)


def _both(rule: Rule, case: Case) -> str:
    """The category of the case and that of the rule, side by side, and which comes first in the alphabet. Two words far apart are hard to compare; and for
    "the same or not" the one word says nothing without the other, so 0.2 M weights did not learn it in 12,000 steps. How words are ordered each says a bit of
    by itself, as of digits, and that took 600."""
    one, other = case.category, rule.category
    sign = "=" if one == other else ">" if one > other else "<"
    return f"case: {one}, rule: {other}, {one}{sign}{other} {_said(one == other)}"


def _decided(said: str, outcome: Outcome, state: State, *, effect: bool) -> Applied:
    return Applied(f"{said}, {outcome}", replace(state, outcome=outcome), effect=effect, gives="outcome")


# --- how much ---


def _unless_refused(apply: Apply) -> Apply:
    """Rules about the amount have nothing to say of what is refused, and say first what is paid in."""

    def checked(rule: Rule, case: Case, state: State) -> Applied:
        if state.outcome == "refused":
            return Applied("refused", state, effect=False)
        applied = apply(rule, case, state)
        return replace(applied, line=f"{state.outcome}, {applied.line}")

    return checked


def _used(rule: Rule, case: Case, state: State) -> Applied:
    if "used" not in case.flags:
        return _paid("used no", state.cents, state, effect=False)
    return _less_tenths(f"used yes, 100-{rule.number}={100 - rule.number}", 10 - rule.number // 10, state)


def _opened_fee(rule: Rule, case: Case, state: State) -> Applied:
    if "opened" not in case.flags:
        return _paid("opened no", state.cents, state, effect=False)
    if rule.spares in case.flags:
        return _paid(f"opened yes, {rule.spares} yes", state.cents, state, effect=False)
    return _less_tenths(f"opened yes, {rule.spares} no", rule.number // 10, state)


def _less_tenths(said: str, count: int, state: State) -> Applied:
    sums, kept = tenths(state.cents, count)
    rest, cents = _sum(state.cents, "-", kept)
    return Applied(f"{said}, {sums}, {rest}", replace(state, cents=cents), effect=True, gives="cents")


def _postage(rule: Rule, case: Case, state: State) -> Applied:
    if rule.spares in case.flags:
        return _paid(f"{rule.spares} yes", state.cents, state, effect=False)
    sums, cents = _sum(state.cents, "-", rule.number)
    return Applied(f"{rule.spares} no, {sums}", replace(state, cents=cents), effect=True, gives="cents")


def _credit_cap(rule: Rule, case: Case, state: State) -> Applied:
    if state.outcome != "credit":
        return _paid("no cap", state.cents, state, effect=False)
    told, over = _compared(state.cents, ">", rule.number)
    return _paid(told, rule.number if over else state.cents, state, effect=over)


def _minimum(rule: Rule, case: Case, state: State) -> Applied:
    told, under = _compared(state.cents, "<", rule.number)
    if not under:
        return _paid(told, state.cents, state, effect=False)
    return Applied(f"{told}, refused", replace(state, outcome="refused"), effect=True, gives="outcome")


def _paid(said: str, cents: int, state: State, *, effect: bool) -> Applied:
    return Applied(f"{said}, {_shown(cents)}", replace(state, cents=cents), effect=effect, gives="cents")


def _said(holds: bool) -> str:  # noqa: FBT001
    return "yes" if holds else "no"


KINDS: Mapping[str, Kind] = {
    "limit": Kind(lambda rule: f"Items can be returned within {rule.number} days.", _limit),
    "category-limit": Kind(
        lambda rule: f"For {rule.category} the limit is {rule.number} days instead.", _category_limit
    ),
    "member-days": Kind(lambda rule: f"Members have {rule.number} more days.", _more_days("member")),
    "gift-days": Kind(lambda rule: f"For gifts there are {rule.number} more days.", _more_days("gift")),
    "late": Kind(lambda rule: "What is returned after the limit is refused.", _late),
    "grace": Kind(lambda rule: f"What is late by at most {rule.number} days gets store credit.", _grace),
    "sale": Kind(lambda rule: "What was bought on sale is refused.", _flag_outcome("sale", "refused")),
    "opened-category": Kind(lambda rule: f"Opened {rule.category} are refused.", _opened_category),
    "faulty": Kind(lambda rule: "Faulty items are refunded.", _flag_outcome("faulty", "refund")),
    "no-receipt": Kind(
        lambda rule: "Without proof of purchase there is store credit instead of a refund.", _no_receipt
    ),
    "used": Kind(lambda rule: f"For used items {rule.number} percent of the price is paid.", _unless_refused(_used)),
    "opened-fee": Kind(
        lambda rule: f"For opened items a fee of {rule.number} percent is kept, except {_SPARED[rule.spares]}.",
        _unless_refused(_opened_fee),
    ),
    "postage": Kind(
        lambda rule: f"All but {_FREED[rule.spares]} pay postage of {money(rule.number)}.",
        _unless_refused(_postage),
    ),
    "credit-cap": Kind(lambda rule: f"Store credit is at most {money(rule.number)}.", _unless_refused(_credit_cap)),
    "minimum": Kind(lambda rule: f"Less than {money(rule.number)} is refused.", _unless_refused(_minimum)),
}
"""Every kind of rule, in the order that a policy has them in, but for those in `refund_policy.SHUFFLED`."""

_SPARED: Mapping[str, str] = {"member": "for members", "faulty": "for faulty items", "gift": "for gifts"}
_FREED: Mapping[str, str] = {"member": "members", "faulty": "faulty items", "gift": "gifts"}
