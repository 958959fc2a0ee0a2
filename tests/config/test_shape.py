"""What the declarations say a setting may hold."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from freehold.config.settings import Budget, Door, Limits, PriceSettings, VendorSettings
from freehold.config.shape import settings_of, summary, words


class Sample(Struct, kw_only=True):
    """A table
    of many kinds."""

    name: str
    flag: Annotated[bool, Meta(description="d")] = True
    whole: Annotated[int, Meta(ge=1, le=9, description="d")] = 1
    above: Annotated[float, Meta(gt=0, le=2, description="d")] = 1.0
    below: Annotated[int, Meta(le=5, description="d")] = 1
    free: Annotated[int, Meta(description="d")] = 1
    choice: Annotated[Literal["a", "b", "c"] | None, Meta(description="d")] = None
    either: Annotated[Literal["p95"] | float, Meta(description="d")] = "p95"
    text: Annotated[str, Meta(description="d", examples=["x"])]
    pairs: Annotated[dict[str, str], Meta(description="d")] = {}
    inner: Annotated[Limits | None, Meta(description="d")] = None
    many: Annotated[tuple[Limits, ...], Meta(description="d")] = ()


def test_a_type_is_told_in_words() -> None:
    assert {setting.name: words(setting.kind) for setting in settings_of(Sample)} == {
        "flag": "true or false",
        "whole": "a whole number from 1 to 9",
        "above": "a number greater than 0, at most 2",
        "below": "a whole number, at most 5",
        "free": "a whole number",
        "choice": '"a", "b" or "c"',
        "either": '"p95" or a number',
        "text": "text in quotes",
        "pairs": "a table of names and values",
        "inner": "a table",
        "many": "a list",
    }


def test_a_field_without_a_description_is_no_setting() -> None:
    assert "name" not in [setting.name for setting in settings_of(Sample)]
    assert [setting.name for setting in settings_of(Limits)] == ["requests_per_minute", "tokens_per_minute"]


def test_defaults_and_examples_come_with_the_setting() -> None:
    settings = {setting.name: setting for setting in settings_of(Sample)}

    assert settings["whole"].default == 1
    assert settings["pairs"].default == {}
    assert settings["text"].required
    assert settings["text"].example == "x"
    assert not settings["flag"].required
    assert settings["flag"].example is None


def test_what_the_file_writes_differently_is_declared() -> None:
    usd = settings_of(Budget)[0]
    assert (usd.name, usd.field, usd.unit) == ("usd", "nano", "usd")
    assert {setting.unit for setting in settings_of(PriceSettings)} == {"usd"}
    assert [setting.name for setting in settings_of(VendorSettings) if setting.path] == ["ca_file"]
    assert [setting.name for setting in settings_of(Door) if setting.unit] == []


def test_a_summary_is_one_line() -> None:
    assert summary(Sample) == "A table of many kinds."
