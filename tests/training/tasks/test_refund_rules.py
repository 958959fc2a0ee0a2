"""The rules, one at a time, by hand."""

import pytest

from freehold.training.tasks.refund_rules import KINDS, Case, Rule, State, money, tenths

CASE = Case("books", 8700, 12, 47, frozenset({"member", "opened"}))
LATE = State(8700, 30, "refused", 35)
TOOK = "bought on day 12, returned on day 47, 0047-0012:05,03,00,00,=0035"

BY_HAND: list[tuple[Rule, Case, State, str, State, bool]] = [
    (Rule("limit", 30), CASE, State(8700), "limit 0030", State(8700, 30), False),
    (
        Rule("category-limit", 10, "books"),
        CASE,
        State(8700, 30),
        "case: books, rule: books, books=books yes, 0010",
        State(8700, 10),
        True,
    ),
    (
        Rule("category-limit", 10, "toys"),
        CASE,
        State(8700, 30),
        "case: books, rule: toys, books<toys no, 0030",
        State(8700, 30),
        False,
    ),
    (Rule("member-days", 14), CASE, State(8700, 30), "member yes, 0030+0014:04,04,00,00,=0044", State(8700, 44), True),
    (Rule("gift-days", 20), CASE, State(8700, 30), "gift no, 0030", State(8700, 30), False),
    (
        Rule("late"),
        CASE,
        State(8700, 44),
        f"{TOOK}, 0035>0044:0=0,0=0,3<4 no, refund",
        State(8700, 44, "refund", 35),
        False,
    ),
    (Rule("late"), CASE, State(8700, 30), f"{TOOK}, 0035>0030:0=0,0=0,3=3,5>0 yes, refused", LATE, False),
    (
        Rule("grace", 5),
        CASE,
        LATE,
        "0035>0030:0=0,0=0,3=3,5>0 yes, 0035-0030:05,00,00,00,=0005, 0005>0005:0=0,0=0,0=0,5=5 no, credit",
        State(8700, 30, "credit", 35),
        True,
    ),
    (
        Rule("grace", 3),
        CASE,
        LATE,
        "0035>0030:0=0,0=0,3=3,5>0 yes, 0035-0030:05,00,00,00,=0005, 0005>0003:0=0,0=0,0=0,5>3 yes, refused",
        LATE,
        False,
    ),
    (
        Rule("grace", 3),
        CASE,
        State(8700, 44, "refund", 35),
        "0035>0044:0=0,0=0,3<4 no, refund",
        State(8700, 44, "refund", 35),
        False,
    ),
    (Rule("sale"), CASE, State(8700), "sale no, refund", State(8700), False),
    (
        Rule("opened-category", 0, "books"),
        CASE,
        State(8700),
        "case: books, rule: books, books=books yes, opened yes, refused",
        State(8700, 0, "refused"),
        True,
    ),
    (Rule("opened-category", 0, "toys"), CASE, LATE, "case: books, rule: toys, books<toys no, refused", LATE, False),
    (Rule("faulty"), CASE, State(8700, 0, "refused"), "faulty no, refused", State(8700, 0, "refused"), False),
    (Rule("no-receipt"), CASE, State(8700), "receipt no, credit", State(8700, 0, "credit"), True),
    (Rule("no-receipt"), CASE, State(1, 0, "refused"), "receipt no, refused", State(1, 0, "refused"), False),
    (
        Rule("opened-fee", 20, "", "gift"),
        CASE,
        State(8700),
        "refund, opened yes, gift no, 10% 0870, 20% 0870+0870:00,14,17,01,=1740, 8700-1740:00,-6,-9,06,=6960",
        State(6960),
        True,
    ),
    (
        Rule("opened-fee", 20, "", "member"),
        CASE,
        State(8700),
        "refund, opened yes, member yes, 8700",
        State(8700),
        False,
    ),
    (Rule("opened-fee", 20, "", "gift"), CASE, State(1, 0, "refused"), "refused", State(1, 0, "refused"), False),
    (
        Rule("postage", 450, "", "faulty"),
        CASE,
        State(6960),
        "refund, faulty no, 6960-0450:00,01,05,06,=6510",
        State(6510),
        True,
    ),
    (Rule("used", 70), CASE, State(6960), "refund, used no, 6960", State(6960), False),
    (
        Rule("credit-cap", 6000),
        CASE,
        State(6510, 0, "credit"),
        "credit, 6510>6000:6=6,5>0 yes, 6000",
        State(6000, 0, "credit"),
        True,
    ),
    (Rule("credit-cap", 6000), CASE, State(6510), "refund, no cap, 6510", State(6510), False),
    (Rule("minimum", 500), CASE, State(450), "refund, 0450<0500:0=0,4<5 yes, refused", State(450, 0, "refused"), True),
    (Rule("minimum", 300), CASE, State(450), "refund, 0450<0300:0=0,4>3 no, 0450", State(450), False),
]


@pytest.mark.parametrize(
    ("rule", "case", "before", "line", "after", "effect"),
    BY_HAND,
    ids=[f"{row[0].kind} {row[3][:40]}" for row in BY_HAND],
)
def test_a_rule_is_applied_to_a_case(
    rule: Rule, case: Case, before: State, line: str, after: State, effect: bool
) -> None:
    applied = KINDS[rule.kind].apply(rule, case, before)
    assert (applied.line, applied.state, applied.effect) == (line, after, effect)


def test_a_used_item_gets_what_is_left_when_tenths_are_taken() -> None:
    case = Case("shoes", 8700, 1, 2, frozenset({"used"}))
    assert KINDS["used"].apply(Rule("used", 90), case, State(8700)).line == (
        "refund, used yes, 100-90=10, 10% 0870, 8700-0870:00,-3,-8,07,=7830"
    )


def test_tenths_are_added_up() -> None:
    assert tenths(8700, 1) == ("10% 0870", 870)
    assert tenths(2100, 3) == ("10% 0210, 20% 0210+0210:00,02,04,00,=0420, 30% 0420+0210:00,03,06,00,=0630", 630)


def test_money_is_written_as_people_read_it() -> None:
    assert [money(cents) for cents in (5, 450, 10810)] == ["$0.05", "$4.50", "$108.10"]


def test_every_kind_has_a_sentence() -> None:
    for kind, about in KINDS.items():
        assert about.sentence(Rule(kind, 10, "books", "gift")).endswith(".")
