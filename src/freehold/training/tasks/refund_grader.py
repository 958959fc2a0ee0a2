"""The grader of refunds: what a reply decides is what the policy in the question decides. It needs no reference.

    Apply the rules in order; ...            read back into a problem of `refund_policy.py`, solved by its solver, and held
    A. Items can be returned within 30 days. against what the reply says: `refused`, `refund $12.00` or `credit $12.00`
    Case: shoes, $137.00, ...

It knows the sentences of `refund_rules.py` and no model. It exists because live traffic has no right answers beside it: whoever watches a
shadow or a canary of this job must be able to grade what was never seen before. It comes to the graders by the plug of a third party, the
entry point group `freehold.graders`, as a grader of your own would.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, cast

from msgspec import to_builtins

from freehold.graders.grader import Case as Line
from freehold.graders.grader import Grader, Options, decided, gist, is_empty, unscored
from freehold.items import Given, Grade, Item
from freehold.training.tasks.refund_policy import Policy, RefundPolicy
from freehold.training.tasks.refund_rules import FLAGS, KINDS, Case, Rule
from freehold.training.tasks.task import Problem

_RULE = re.compile(r"(?:\d+|[A-Z])\. (.+)")
_CASE = re.compile(
    r"[Cc]ase: (?P<category>\w+), \$(?P<dollars>\d{1,9})\.(?P<cents>\d\d), bought on day (?P<bought>\d{1,9}), returned on day (?P<returned>\d{1,9}), "
    r"(?P<flags>(?:\w+ (?:yes|no)(?:, )?)+)\."
)
_DECISION = re.compile(r"\b(refus|credit|refund)\w*", re.IGNORECASE)
_NUMBERED = re.compile(r"\s*(?:\d+|[A-Z])[.)]\s")
"""A line of a reply that begins so repeats a rule and decides nothing."""

_AMOUNT = re.compile(r"\$\s?(\d[\d,]{0,11})(?:\.(\d\d))?(?![\d.]*\d)")

_NUMBER, _CATEGORY = 98765, "Category"
"""Stand where a sentence has its own; no sentence has them by nature."""


class RefundGrader(Grader):
    """The decision and the amount are those that the rules of the question lead to, applied one by one. Of a reply of several lines the last one
    that decides counts, and those that are numbered or lettered repeat rules; words around the decision do not matter."""

    name = "refund-policy"
    version = "2"
    takes = Options
    options: Options

    def grade(self, item: Item, given: Given) -> Grade:
        """1 when decision and amount are right; unscored for a question that is no policy with a case."""
        problem = self._read(_asked(item))
        if problem is None:
            return unscored("The question is no refund policy with a case.")
        right = self._task.solve(problem).answer
        said = None if is_empty(given) else said_in(given.text)
        holds = said == right
        return decided(
            holds, "It is what the rules lead to." if holds else f"It says {said or gist(given.text)!r}, not {right!r}."
        )

    def _read(self, text: str) -> Problem | None:
        policy = read_policy(text, self._sentences)
        return None if policy is None else Problem(self._task.name, 0, to_builtins(policy, order="sorted"))

    @cached_property
    def _task(self) -> RefundPolicy:
        return RefundPolicy()

    @cached_property
    def _sentences(self) -> "list[tuple[re.Pattern[str], str, str]]":
        return sentences()

    @classmethod
    def selftest(cls) -> list[Line]:
        """Right by the rules, wrong in the amount, in the decision, in nothing at all."""
        asked = (
            "Apply the rules in order; a later rule overrides an earlier one.\nA. Items can be returned within 30 days.\n"
            "B. What is returned after the limit is refused.\nC. For opened items a fee of 10 percent is kept, except for gifts.\n"
            "The case: shoes, $137.00, bought on day 12, returned on day 20, member no, gift no, sale no, opened yes, used no, faulty no, "
            "receipt yes.\nWhat is decided?"
        )
        item = Item(id="1", workload="w", input={"messages": [{"role": "user", "content": asked}]})
        other = Item(id="2", workload="w", input={"messages": [{"role": "user", "content": "How are you?"}]})
        return [
            Line(role="gold", item=item, given=Given(text="refund $123.30")),
            Line(role="gold", item=item, given=Given(text="Rule C keeps $13.70.\n**Decision: a refund of $123.30.**")),
            Line(role="corrupted", item=item, given=Given(text="refund $137.00")),
            Line(role="corrupted", item=item, given=Given(text="credit $123.30")),
            Line(role="corrupted", item=item, given=Given(text="refused")),
            Line(role="garbage", item=item, given=Given(text="$123.30 or so")),
            Line(role="empty", item=item, given=Given()),
            Line(role="unscorable", item=other, given=Given(text="refused")),
        ]


GRADER = RefundGrader


def said_in(text: str) -> str | None:
    """What a reply decides, in the form of the task's own answers; None where it decides nothing, or names no amount for it."""
    deciding = [line for line in text.splitlines() if _DECISION.search(line) and not _NUMBERED.match(line)]
    if not deciding:
        return None
    words = [match[1].lower() for match in _DECISION.finditer(deciding[-1])]
    if "refus" in words:
        return "refused"
    amounts = _AMOUNT.findall(deciding[-1])
    if not amounts:
        return None
    whole, cents = amounts[-1]
    return f"{words[0]} ${int(whole.replace(',', ''))}.{cents or '00'}"


def read_policy(text: str, known: Iterable[tuple[re.Pattern[str], str, str]]) -> Policy | None:
    """The policy and the case that a question holds, None where a rule or the case cannot be read."""
    case = _case(text)
    patterns = tuple(known)
    rules = [_rule(match[1], patterns) for line in text.splitlines() if (match := _RULE.fullmatch(line.strip()))]
    read = [rule for rule in rules if rule is not None]
    return Policy(tuple(read), case) if case is not None and read and len(read) == len(rules) else None


def sentences() -> list[tuple[re.Pattern[str], str, str]]:
    """(pattern, kind, spared flag) of every sentence that a rule can be, made from the sentences themselves."""
    found: list[tuple[re.Pattern[str], str, str]] = []
    for name, kind in KINDS.items():
        for spares in ("", *FLAGS):
            try:
                sentence = kind.sentence(Rule(name, _NUMBER, _CATEGORY, spares))
            except KeyError:  # of the kinds that spare somebody: not this one
                continue
            found.append((re.compile(_pattern(sentence)), name, spares))
            if not spares:  # a kind that spares nobody
                break
    return found


def _pattern(sentence: str) -> str:
    return (
        re.escape(sentence)
        .replace(re.escape(f"${_NUMBER // 100}.{_NUMBER % 100}"), r"\$(?P<dollars>\d{1,9})\.(?P<cents>\d\d)")
        .replace(str(_NUMBER), r"(?P<number>\d{1,9})")
        .replace(_CATEGORY, r"(?P<category>\w+)")
    )


def _rule(sentence: str, known: Iterable[tuple[re.Pattern[str], str, str]]) -> Rule | None:
    for pattern, kind, spares in known:
        if match := pattern.fullmatch(sentence):
            parts = match.groupdict()
            return Rule(kind, _number(parts), parts.get("category", ""), spares)
    return None


def _number(parts: Mapping[str, Any]) -> int:
    if "dollars" in parts:
        return 100 * int(parts["dollars"]) + int(parts["cents"])
    return int(parts.get("number", 0))


def _case(text: str) -> Case | None:
    match = _CASE.search(text)
    if match is None:
        return None
    flags = frozenset(flag for flag, said in (one.split() for one in match["flags"].split(", ")) if said == "yes")
    cents = 100 * int(match["dollars"]) + int(match["cents"])
    return Case(match["category"], cents, int(match["bought"]), int(match["returned"]), flags)


def _asked(item: Item) -> str:
    """The text of the last message; empty where it is none."""
    messages: Any = item.input.get("messages")
    last: Any = cast("list[Any]", messages)[-1] if isinstance(messages, list) and messages else None
    content: Any = cast("dict[str, Any]", last).get("content") if isinstance(last, dict) else None
    return content if isinstance(content, str) else ""
