"""The rules of a refund policy: each a sentence, and the one line of reasoning that applies it to a case.

It knows no policy and makes none; `refund_policy.py` draws which rules there are, in which order, and with which numbers. Rules
are applied in their order to a state of four facts: the days that a return may take, what happens (`refund`, `credit`,
`refused`), the amount in cents, and the days that it took. A later rule overrides an earlier one.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

Outcome = Literal["refund", "credit", "refused"]
Field = Literal["limit", "took", "outcome", "cents", "none"]

FLAGS = ("member", "gift", "sale", "opened", "used", "faulty", "receipt")


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


def share(cents: int, percent: int) -> tuple[str, int]:
    """The sums that take 10, 20, 30, 50, ... per cent of an amount, and their result: by the tenth where that is easier."""
    result = cents * percent // 100
    if percent in (10, 50):
        return f"{cents}*{percent}%={result}", result
    return f"{cents}*10%={cents // 10}, {cents // 10}*{percent // 10}={result}", result


# --- how long ---


def _limit(rule: Rule, case: Case, state: State) -> Applied:
    return Applied(f"limit {rule.number}", replace(state, limit=rule.number), effect=False, gives="limit")


def _category_limit(rule: Rule, case: Case, state: State) -> Applied:
    if case.category != rule.category:
        return Applied(f"{case.category} no", state, effect=False)
    line = f"{case.category} yes, limit {rule.number}"
    return Applied(line, replace(state, limit=rule.number), effect=True, gives="limit")


def _more_days(flag: str) -> Apply:
    def apply(rule: Rule, case: Case, state: State) -> Applied:
        if flag not in case.flags:
            return Applied(f"{flag} no", state, effect=False)
        limit = state.limit + rule.number
        line = f"{flag} yes, limit {state.limit}+{rule.number}={limit}"
        return Applied(line, replace(state, limit=limit), effect=True, gives="limit")

    return apply


# --- whether ---


def _late(rule: Rule, case: Case, state: State) -> Applied:
    took = case.returned - case.bought
    late = took > state.limit
    line = f"{case.returned}-{case.bought}={took}, {took}>{state.limit} {_said(late)}"
    after = replace(state, took=took, outcome="refused" if late else state.outcome)
    return Applied(f"{line}, refused" if late else line, after, effect=False, gives="outcome" if late else "none")


def _grace(rule: Rule, case: Case, state: State) -> Applied:
    if state.took <= state.limit:
        return Applied(f"{state.took}>{state.limit} no", state, effect=False)
    over = state.took - state.limit
    line = f"{state.took}-{state.limit}={over}, {over}>{rule.number} {_said(over > rule.number)}"
    if over > rule.number:
        return Applied(line, state, effect=False)
    return Applied(f"{line}, credit", replace(state, outcome="credit"), effect=True, gives="outcome")


def _flag_outcome(flag: str, outcome: Outcome) -> Apply:
    def apply(rule: Rule, case: Case, state: State) -> Applied:
        if flag not in case.flags:
            return Applied(f"{flag} no", state, effect=False)
        return Applied(f"{flag} yes, {outcome}", replace(state, outcome=outcome), effect=True, gives="outcome")

    return apply


def _opened_category(rule: Rule, case: Case, state: State) -> Applied:
    if case.category != rule.category:
        return Applied(f"{case.category} no", state, effect=False)
    opened = "opened" in case.flags
    line = f"{case.category} yes, opened {_said(opened)}"
    if not opened:
        return Applied(line, state, effect=False)
    return Applied(f"{line}, refused", replace(state, outcome="refused"), effect=True, gives="outcome")


def _no_receipt(rule: Rule, case: Case, state: State) -> Applied:
    if "receipt" in case.flags:
        return Applied("receipt yes", state, effect=False)
    if state.outcome != "refund":
        return Applied(f"receipt no, {state.outcome}", state, effect=False)
    return Applied("receipt no, credit", replace(state, outcome="credit"), effect=True, gives="outcome")


# --- how much ---


def _unless_refused(apply: Apply) -> Apply:
    """Rules about the amount have nothing to say of what is refused."""

    def checked(rule: Rule, case: Case, state: State) -> Applied:
        return Applied("refused", state, effect=False) if state.outcome == "refused" else apply(rule, case, state)

    return checked


def _used(rule: Rule, case: Case, state: State) -> Applied:
    if "used" not in case.flags:
        return Applied("used no", state, effect=False)
    sums, cents = share(state.cents, rule.number)
    return Applied(f"used yes, {sums}", replace(state, cents=cents), effect=True, gives="cents")


def _opened_fee(rule: Rule, case: Case, state: State) -> Applied:
    if "opened" not in case.flags:
        return Applied("opened no", state, effect=False)
    if rule.spares in case.flags:
        return Applied(f"opened yes, {rule.spares} yes", state, effect=False)
    sums, fee = share(state.cents, rule.number)
    line = f"opened yes, {rule.spares} no, {sums}, {state.cents}-{fee}={state.cents - fee}"
    return Applied(line, replace(state, cents=state.cents - fee), effect=True, gives="cents")


def _postage(rule: Rule, case: Case, state: State) -> Applied:
    if rule.spares in case.flags:
        return Applied(f"{rule.spares} yes", state, effect=False)
    cents = state.cents - rule.number
    line = f"{rule.spares} no, {state.cents}-{rule.number}={cents}"
    return Applied(line, replace(state, cents=cents), effect=True, gives="cents")


def _credit_cap(rule: Rule, case: Case, state: State) -> Applied:
    if state.outcome != "credit":
        return Applied("credit no", state, effect=False)
    over = state.cents > rule.number
    line = f"credit yes, {state.cents}>{rule.number} {_said(over)}"
    if not over:
        return Applied(line, state, effect=False)
    return Applied(f"{line}, {rule.number}", replace(state, cents=rule.number), effect=True, gives="cents")


def _minimum(rule: Rule, case: Case, state: State) -> Applied:
    under = state.cents < rule.number
    line = f"{state.cents}<{rule.number} {_said(under)}"
    if not under:
        return Applied(line, state, effect=False)
    return Applied(f"{line}, refused", replace(state, outcome="refused"), effect=True, gives="outcome")


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
    "no-receipt": Kind(lambda rule: "Without a receipt there is store credit instead of a refund.", _no_receipt),
    "used": Kind(lambda rule: f"For used items {rule.number} percent of the price is paid.", _unless_refused(_used)),
    "opened-fee": Kind(
        lambda rule: f"For opened items a fee of {rule.number} percent is kept, except {_SPARED[rule.spares]}.",
        _unless_refused(_opened_fee),
    ),
    "postage": Kind(
        lambda rule: f"Postage of {money(rule.number)} is kept, except {_SPARED[rule.spares]}.",
        _unless_refused(_postage),
    ),
    "credit-cap": Kind(lambda rule: f"Store credit is at most {money(rule.number)}.", _unless_refused(_credit_cap)),
    "minimum": Kind(lambda rule: f"Less than {money(rule.number)} is refused.", _unless_refused(_minimum)),
}
"""Every kind of rule, in the order that a policy has them in, but for those in `refund_policy.SHUFFLED`."""

_SPARED: Mapping[str, str] = {"member": "for members", "faulty": "for faulty items", "gift": "for gifts"}
