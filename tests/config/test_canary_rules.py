"""The rules of canaries: their defaults, which the documents name, and that what is out of bounds is none."""

import msgspec
import pytest

from freehold.config.canary_rules import CanaryRules


def test_the_defaults_are_those_that_the_documents_name() -> None:
    rules = CanaryRules()
    assert (rules.margin, rules.harm, rules.alpha, rules.alpha_rollback) == (0.03, 0.03, 0.05, 0.05)
    assert (rules.min_items, rules.drift_false_alarm) == (100, 10_000)


@pytest.mark.parametrize(("name", "value"), [("margin", 0), ("alpha", 0.5), ("max_p95_ratio", -1), ("min_items", 0)])
def test_what_is_out_of_bounds_is_refused(name: str, value: float) -> None:
    with pytest.raises(msgspec.ValidationError, match=name):
        msgspec.convert({name: value}, CanaryRules)
