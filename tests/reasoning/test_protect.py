"""Passages that are not cut."""

from freehold.reasoning.protect import protected


def passages(text: str) -> list[tuple[str, str]]:
    return [(text[start:end], what) for start, end, what in protected(text)]


def test_code_formulas_and_addresses_are_found() -> None:
    assert passages("a `b. C` $x. y$ \\(p\\) see https://e.com/x. $$q$$") == [
        ("`b. C`", "inline"),
        ("$x. y$", "inline"),
        ("\\(p\\)", "inline"),
        ("https://e.com/x", "inline"),
        ("$$q$$", "formula"),
    ]


def test_money_is_no_formula() -> None:
    assert passages("It costs $5 and then $6 and $7.") == []


def test_an_open_fence_reaches_to_the_end_and_other_openings_protect_nothing() -> None:
    assert passages("x\n```py\na") == [("```py\na", "code")]
    assert passages("\\[ a $$ b `") == []


def test_an_environment_ends_with_its_own_name() -> None:
    assert passages("\\begin{a}x\\end{b}\\end{a}") == [("\\begin{a}x\\end{b}\\end{a}", "formula")]
