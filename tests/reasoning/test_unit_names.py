"""The names of units."""

from freehold.reasoning.unit_names import READINGS, readings


def test_a_name_has_all_its_meanings() -> None:
    assert readings("ounces") == ("ounce", "fluid_ounce")
    assert readings("fluid  ounces")[0] == "fluid_ounce"


def test_letters_count_in_short_names_only() -> None:
    assert readings("mg") == ("milligram",)
    assert readings("MG") == ()
    assert readings("Kilograms") == ("kilogram",)


def test_what_is_not_in_the_table_is_no_unit() -> None:
    assert readings("apples") == readings("") == ()


def test_no_spelling_stands_on_two_lines() -> None:
    from freehold.reasoning import unit_names

    table: str = unit_names._TABLE  # pyright: ignore[reportPrivateUsage]
    spellings = [word for line in table.strip().splitlines() for word in line.split(":")[1].split()]
    assert sorted(spellings) == sorted(READINGS)
