"""The rules, one at a time, by hand."""

import pytest

from freehold.training.tasks.refund_rules import KINDS, Case, Rule, State, money, share

CASE = Case("books", 13700, 12, 47, frozenset({"member", "opened"}))

BY_HAND: list[tuple[Rule, Case, State, str, State, bool]] = [
    (Rule("limit", 30), CASE, State(13700), "limit 30", State(13700, 30), False),
    (Rule("category-limit", 10, "books"), CASE, State(13700, 30), "books yes, limit 10", State(13700, 10), True),
    (Rule("category-limit", 10, "toys"), CASE, State(13700, 30), "books no", State(13700, 30), False),
    (Rule("member-days", 14), CASE, State(13700, 30), "member yes, limit 30+14=44", State(13700, 44), True),
    (Rule("gift-days", 20), CASE, State(13700, 30), "gift no", State(13700, 30), False),
    (Rule("late"), CASE, State(13700, 44), "47-12=35, 35>44 no", State(13700, 44, "refund", 35), False),
    (Rule("late"), CASE, State(13700, 30), "47-12=35, 35>30 yes, refused", State(13700, 30, "refused", 35), False),
    (
        Rule("grace", 5),
        CASE,
        State(13700, 30, "refused", 35),
        "35-30=5, 5>5 no, credit",
        State(13700, 30, "credit", 35),
        True,
    ),
    (
        Rule("grace", 3),
        CASE,
        State(13700, 30, "refused", 35),
        "35-30=5, 5>3 yes",
        State(13700, 30, "refused", 35),
        False,
    ),
    (Rule("grace", 3), CASE, State(13700, 44, "refund", 35), "35>44 no", State(13700, 44, "refund", 35), False),
    (Rule("sale"), CASE, State(13700), "sale no", State(13700), False),
    (
        Rule("opened-category", 0, "books"),
        CASE,
        State(13700),
        "books yes, opened yes, refused",
        State(13700, 0, "refused"),
        True,
    ),
    (Rule("faulty"), CASE, State(13700, 0, "refused"), "faulty no", State(13700, 0, "refused"), False),
    (Rule("no-receipt"), CASE, State(13700), "receipt no, credit", State(13700, 0, "credit"), True),
    (Rule("no-receipt"), CASE, State(1, 0, "refused"), "receipt no, refused", State(1, 0, "refused"), False),
    (
        Rule("opened-fee", 20, "", "gift"),
        CASE,
        State(13700),
        "opened yes, gift no, 13700*10%=1370, 1370*2=2740, 13700-2740=10960",
        State(10960),
        True,
    ),
    (Rule("opened-fee", 20, "", "member"), CASE, State(13700), "opened yes, member yes", State(13700), False),
    (Rule("opened-fee", 20, "", "gift"), CASE, State(1, 0, "refused"), "refused", State(1, 0, "refused"), False),
    (Rule("postage", 450, "", "faulty"), CASE, State(10960), "faulty no, 10960-450=10510", State(10510), True),
    (Rule("used", 50), CASE, State(10960), "used no", State(10960), False),
    (
        Rule("credit-cap", 8000),
        CASE,
        State(10510, 0, "credit"),
        "credit yes, 10510>8000 yes, 8000",
        State(8000, 0, "credit"),
        True,
    ),
    (Rule("credit-cap", 8000), CASE, State(10510), "credit no", State(10510), False),
    (Rule("minimum", 500), CASE, State(450), "450<500 yes, refused", State(450, 0, "refused"), True),
]


@pytest.mark.parametrize(
    ("rule", "case", "before", "line", "after", "effect"), BY_HAND, ids=[row[3] for row in BY_HAND]
)
def test_a_rule_is_applied_to_a_case(
    rule: Rule, case: Case, before: State, line: str, after: State, effect: bool
) -> None:
    applied = KINDS[rule.kind].apply(rule, case, before)
    assert (applied.line, applied.state, applied.effect) == (line, after, effect)


def test_a_used_item_gets_a_share_by_its_tenth() -> None:
    case = Case("shoes", 13700, 1, 2, frozenset({"used"}))
    assert KINDS["used"].apply(Rule("used", 70), case, State(13700)).line == "used yes, 13700*10%=1370, 1370*7=9590"
    assert KINDS["used"].apply(Rule("used", 50), case, State(13700)).line == "used yes, 13700*50%=6850"


def test_shares_are_exact() -> None:
    assert share(13700, 10) == ("13700*10%=1370", 1370)
    assert share(2100, 30) == ("2100*10%=210, 210*3=630", 630)


def test_money_is_written_as_people_read_it() -> None:
    assert [money(cents) for cents in (5, 450, 10810)] == ["$0.05", "$4.50", "$108.10"]


def test_every_kind_has_a_sentence() -> None:
    for kind, about in KINDS.items():
        assert about.sentence(Rule(kind, 10, "books", "gift")).endswith(".")
