"""Refund policy: a shop's rules in words, a return, and the decision with the rules applied one by one.

    Apply the rules in order; a later rule overrides an earlier one.
    A. Items can be returned within 30 days.
    B. Members have 14 more days.
    C. What is returned after the limit is refused.
    D. For opened items a fee of 10 percent is kept, except for gifts.
    The case: shoes, $37.00, bought on day 12, returned on day 47, member yes, gift no, ...

    A. Items can be returned within 30 days. limit 0030
    B. Members have 14 more days. member yes, 0030+0014:04,04,00,00,=0044
    C. What is returned after the limit is refused. 0047-0012:05,03,00,00,=0035, 0035>0044:0=0,0=0,3<4 no, refund
    D. For opened items a fee of 10 percent is kept, except for gifts. refund, opened yes, gift no, 3700*10%=0370, 3700-0370:...=3330
    refund $33.30

Each line of reasoning says the rule that it applies, word for word, and then what it comes to: whoever reads it need not look back, and a small model, which is
good at copying, has the rule beside it where it applies it. Without that a model of 0.5 M weights still mistook rules for one another after 1,000 steps.

It is the kind of work that a company rents a model for: the rules are the company's own, they change, they have exceptions and an
order, and the answer is money. Every policy is drawn anew (8 to 12 rules, their numbers, categories and exceptions, and the order
of those that decide whether), so the rules must be read; they cannot be learned by heart. A level is how many rules have an effect
on the case beside the two that every policy has: how many interact.
"""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any, ClassVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from freehold.training.tasks.refund_rules import FLAGS, KINDS, Applied, Case, Outcome, Rule, State, money
from freehold.training.tasks.task import (
    MARKS,
    Check,
    NoProblem,
    Problem,
    Solution,
    StepCheck,
    Task,
    lines_of,
    pieces,
    seeded,
)

CATEGORIES = ("books", "shoes", "toys", "phones", "lamps", "coats")

ALWAYS = ("limit", "late")

SHUFFLED = ("late", "sale", "opened-category", "faulty", "no-receipt")
"""Rules that decide whether: they stand in any order, so the order must be heeded."""

LEAST, MOST = 8, 12
"""Rules of a policy."""

ODDS: Mapping[str, float] = {"receipt": 0.7, "faulty": 0.25, "sale": 0.2}
"""How often a flag holds on the easiest level; the others in a quarter of the cases. Each level adds to it or takes from it, so
that cases in which many rules have an effect can be found among a few dozen."""

REFUSED = 0.25
"""About the share of cases that are refused, so that nobody is right by always refusing; where rules that interact leave few such
cases, what comes after this many `TRIES` is taken."""

MEANT = 0.45
"""How often a rule about a category is drawn for that of the case, and else for any: whoever always says that it is another one must not be right much more
often than not."""

TRIES = 20

DRAWS = 5_000
"""Policies that are looked at for one of a level; of any kinds, hundreds suffice."""

_NUMBERS: Mapping[str, tuple[int, ...]] = {
    "limit": (14, 21, 28, 30, 45, 60),
    "category-limit": (5, 7, 10, 20, 40, 90),
    "member-days": (5, 7, 10, 14, 15),
    "gift-days": (5, 10, 20, 30),
    "grace": (2, 3, 5, 7, 10),
    "used": (70, 80, 90),
    "opened-fee": (10, 20, 30),
    "postage": tuple(range(200, 1000, 5)),
    "credit-cap": (3000, 4000, 5000, 6000, 8000),
    "minimum": (300, 500, 800, 1000),
}


class Policy(Struct, frozen=True):
    """A policy and a case of it."""

    rules: tuple[Rule, ...]
    case: Case


class RefundPolicy(Task):
    """Decisions on returns, in cents."""

    name: ClassVar[str] = "refund-policy"
    version: ClassVar[str] = "5"
    levels: ClassVar[tuple[int, ...]] = (0, 1, 2, 3, 4, 5)
    beyond: ClassVar[tuple[int, ...]] = (6, 7)
    opposites: ClassVar[Mapping[str, str]] = {" yes": " no", " no": " yes", " refused": " refund", " credit": " refund"}

    def __init__(self, *, kinds: Sequence[str] = (), rules: Sequence[int] = ()) -> None:
        """With `kinds` every rule beside the two of `ALWAYS` is of one of these, several of a kind in one policy: so what is asked once or twice
        elsewhere is asked ten times. `rules` are the fewest and the most that a policy has instead of `LEAST` and `MOST`, where as many can have the
        effects of the level: whoever has never seen a short policy makes up rules behind its last one. Raises ValueError for a kind that is not drawn
        and for numbers that no policy has."""
        optional = [kind for kind in KINDS if kind not in ALWAYS]
        if unknown := sorted(set(kinds) - set(optional)):
            raise ValueError(f"refund-policy has no rules {', '.join(unknown)} to draw; it has {', '.join(optional)}")
        if rules and not (len(rules) == 2 and len(ALWAYS) <= rules[0] <= rules[1] <= MOST):
            raise ValueError(f"refund-policy has from {len(ALWAYS)} to {MOST} rules, and takes the fewest and the most")
        self.kinds = tuple(kind for kind in optional if kind in kinds)
        self.rules = tuple(rules)

    def generate(self, level: int, seed: int) -> Problem:
        """A policy and a case on which exactly `level` optional rules have an effect. Raises NoProblem where `DRAWS` give none, as of kinds that hold for all
        or none."""
        rng = seeded(self.name, self.admits(level), *self.kinds, *self.rules, seed)
        least, most = self.rules or (max(LEAST, level + 5), MOST)
        needed = min(MOST, max(least, level + len(ALWAYS)))
        refused = rng.random() < REFUSED
        for draw in range(DRAWS):
            policy = _draw(rng, level, self.kinds, (needed, max(needed, most)))
            applied = _apply(policy)
            as_wanted = draw > TRIES or (applied[-1].state.outcome == "refused") == refused
            if as_wanted and sum(one.effect for one in applied) == level:
                return Problem(self.name, level, msgspec.to_builtins(policy, order="sorted"))
        raise NoProblem(
            f"no policy of rules {', '.join(self.kinds or KINDS)} was found of which {level} have an effect"
        )

    def solve(self, problem: Problem) -> Solution:
        """One line a rule, which it repeats; the answer is `refused`, or `refund` or `credit` with the amount."""
        policy = _read(problem)
        applied = _apply(policy)
        lines = tuple(f"{head} {one.line}" for head, one in zip(_heads(policy), applied, strict=True))
        return Solution(lines, _answer(applied[-1].state))

    def verify(self, problem: Problem, trace: str) -> Check:
        """Each line must apply the next rule to what the lines before it, as written, have come to."""
        policy = _read(problem)
        state = State(policy.case.cents)
        checks: list[StepCheck] = []
        heads = _heads(policy)
        for place, line in enumerate(lines_of(trace)):
            if place >= len(policy.rules):
                checks.append(StepCheck(line, "refuted", "", "No rule is left."))
                continue
            rule, mark = policy.rules[place], MARKS[place]
            applied = KINDS[rule.kind].apply(rule, policy.case, state)
            found = f"{heads[place]} {applied.line}"
            state = applied.state
            if line == found:
                checks.append(StepCheck(line, "verified", found, f"Rule {mark} is applied as it says."))
            elif line.startswith(f"{mark}. "):
                checks.append(StepCheck(line, "refuted", found, f"Rule {mark} says otherwise, or a sum is wrong."))
                state = _as_written(applied, line)
            else:
                checks.append(StepCheck(line, "not_checkable", found, f"It does not say that it applies rule {mark}."))
        return Check(tuple(checks), _answer(state) if len(checks) >= len(policy.rules) else None)

    def canonical(self, problem: Problem) -> bytes:
        """The rules and the case as data, with sorted keys."""
        return msgspec.json.encode(_read(problem), order="sorted")

    def render(self, problem: Problem) -> str:
        """The policy and the case, in words."""
        policy = _read(problem)
        case = policy.case
        flags = ", ".join(f"{flag} {'yes' if flag in case.flags else 'no'}" for flag in FLAGS)
        bought = f"bought on day {case.bought}, returned on day {case.returned}"
        what = f"The case: {case.category}, {money(case.cents)}, {bought}, {flags}."
        return "\n".join((_OPENING, *_heads(policy), what, _QUESTION))

    def vocabulary(self) -> frozenset[str]:
        """The words of all rules, cases and lines, digits and signs."""
        words = (*FLAGS, *CATEGORIES, "limit", "yes", "no", "cap", "case", "rule", "refund", "credit", "refused")
        case = "The case: bought on day 0, returned on day 0."
        found = set(pieces("\n".join(("0123456789+-*=%<>,:;.$", *MARKS, _OPENING, _QUESTION, case, *words))))
        found |= {f" {word}" for word in words}
        for kind, about in KINDS.items():
            rules = (Rule(kind, 1, category, spares) for category in CATEGORIES for spares in _SPARES)
            found |= {piece for rule in rules for piece in pieces(f". {about.sentence(rule)}")}
        return frozenset(found)


TASK = RefundPolicy

_OPENING = "Apply the rules in order; a later rule overrides an earlier one."
_QUESTION = "What is decided?"
_SPARES = ("member", "faulty", "gift")


def _heads(policy: Policy) -> list[str]:
    """The rules as the policy words them: `B. Members have 14 more days.`"""
    return [f"{mark}. {KINDS[rule.kind].sentence(rule)}" for mark, rule in zip(MARKS, policy.rules, strict=False)]


def _read(problem: Problem) -> Policy:
    data: dict[str, Any] = problem.data
    return msgspec.convert(data, Policy)


def _draw(rng: Random, level: int, kinds: Sequence[str], rules: tuple[int, int]) -> Policy:
    case = _case(rng, level)
    optional = [kind for kind in KINDS if kind not in ALWAYS]
    size = rng.randint(*rules)
    drawn = rng.choices(kinds, k=size - len(ALWAYS)) if kinds else rng.sample(optional, size - len(ALWAYS))
    order = sorted([*ALWAYS, *drawn], key=list(KINDS).index)
    places = [place for place, kind in enumerate(order) if kind in SHUFFLED]
    mixed = [order[place] for place in places]
    rng.shuffle(mixed)
    for place, kind in zip(places, mixed, strict=True):
        order[place] = kind
    graces = order.count("grace")
    order = [kind for kind in order if kind != "grace"]
    late = order.index("late") + 1
    order[late:late] = ["grace"] * graces  # it has something to forgive only behind `late`
    return Policy(tuple(_rule(kind, case, rng) for kind in order), case)


def _case(rng: Random, level: int) -> Case:
    bought = rng.randint(1, 200)
    odds = {flag: ODDS.get(flag, 0.25) + 0.1 * level for flag in FLAGS}
    odds |= {"receipt": ODDS["receipt"] - 0.08 * level, "sale": ODDS["sale"]}
    flags = frozenset(flag for flag in FLAGS if rng.random() < odds[flag])
    price = rng.randint(20, 99) * 100
    return Case(rng.choice(CATEGORIES), price, bought, bought + rng.randint(1, 90), flags)


def _rule(kind: str, case: Case, rng: Random) -> Rule:
    meant = case.category if rng.random() < MEANT else rng.choice(CATEGORIES)
    category = meant if kind in ("category-limit", "opened-category") else ""
    spares = rng.choice(_SPARES) if kind in ("opened-fee", "postage") else ""
    return Rule(kind, rng.choice(_NUMBERS.get(kind, (0,))), category, spares)


def _apply(policy: Policy) -> list[Applied]:
    state = State(policy.case.cents)
    found: list[Applied] = []
    for rule in policy.rules:
        found.append(KINDS[rule.kind].apply(rule, policy.case, state))
        state = found[-1].state
    return found


def _answer(state: State) -> str:
    return "refused" if state.outcome == "refused" else f"{state.outcome} {money(state.cents)}"


def _as_written(applied: Applied, line: str) -> State:
    """The state that a wrong line leads to: what it ends with, where the rule gives a number or an outcome there."""
    end = line.rsplit(maxsplit=1)[-1].rpartition("=")[2]
    if applied.gives in ("limit", "cents") and end.isdecimal() and len(end) < 12:
        return replace(applied.state, **{applied.gives: int(end)})
    if applied.gives == "outcome" and end in ("refund", "credit", "refused"):
        outcome: Outcome = end
        return replace(applied.state, outcome=outcome)
    return applied.state
