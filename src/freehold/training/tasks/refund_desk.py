"""Refund desk: one shop's policy, season after season. The same rules in the same order, with numbers and cases drawn anew.

    A. Items can be returned within 45 days.
    B. Members have 10 more days.
    C. What is returned after the limit is refused.
    D. Without proof of purchase there is store credit instead of a refund.
    E. For opened items a fee of 10 percent is kept, except for gifts.
    F. Less than $5.00 is refused.

It is `refund-policy` as a company has it: its own rules, which hardly change, where that one draws any policy there can be. Texts, steps, verifier and
answers are the same. It exists because what is narrow is learned in minutes on a small machine, and because most workloads are narrow.
"""

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from freehold.training.tasks.refund_policy import CATEGORIES, Policy, RefundPolicy
from freehold.training.tasks.refund_rules import FLAGS, Case, Rule
from freehold.training.tasks.task import Problem, seeded

RULES: Mapping[str, tuple[int, ...]] = {
    "limit": (14, 21, 28, 30, 45, 60),
    "member-days": (10, 12, 14, 15, 20),
    "late": (0,),
    "no-receipt": (0,),
    "opened-fee": (10, 20, 30),
    "minimum": (300, 500, 800, 900),
}
"""The shop's rules in their order, with the numbers that a season may have: days, per cent, cents."""

SPARED = ("member", "gift")
"""Whom the fee may spare."""

ODDS: Mapping[str, float] = {"receipt": 0.7, "member": 0.4, "opened": 0.4}
"""How often a flag holds; the others in a quarter of the cases."""


class RefundDesk(RefundPolicy):
    """Decisions on returns by one shop's rules."""

    name: ClassVar[str] = "refund-desk"
    version: ClassVar[str] = "4"
    levels: ClassVar[tuple[int, ...]] = (1,)
    beyond: ClassVar[tuple[int, ...]] = ()

    def __init__(self) -> None:
        """There are no kinds to choose: the shop has its rules."""
        super().__init__()

    def generate(self, level: int, seed: int) -> Problem:
        """A season's numbers and a case: prices in whole dollars, returned within sixty days. Each number has as many digits
        in every case: a small model finds by its place what it would else have to look for."""
        rng = seeded(self.name, self.admits(level), seed)
        rules = tuple(
            Rule(kind, rng.choice(numbers), "", rng.choice(SPARED) if kind == "opened-fee" else "")
            for kind, numbers in RULES.items()
        )
        bought = rng.randint(10, 30)
        flags = frozenset(flag for flag in FLAGS if rng.random() < ODDS.get(flag, 0.25))
        case = Case(rng.choice(CATEGORIES), rng.randint(20, 99) * 100, bought, bought + rng.randint(1, 60), flags)
        return Problem(self.name, level, msgspec.to_builtins(Policy(rules, case), order="sorted"))


TASK = RefundDesk
