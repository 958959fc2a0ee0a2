"""Numbers modulo a prime, against tables written out by hand."""

import pytest

from freehold.errors import ConfigError
from freehold.training.tasks.residues import combine, inverse, prime


def test_the_inverses_modulo_11_are_those_of_the_table() -> None:
    assert [inverse(value, 11) for value in range(1, 11)] == [1, 6, 4, 3, 9, 2, 8, 7, 5, 10]


@pytest.mark.parametrize(
    ("sign", "a", "b", "value"), [("+", 7, 8, 4), ("-", 3, 8, 6), ("*", 7, 8, 1), ("/", 3, 4, 9), ("/", 5, 0, None)]
)
def test_the_four_operations(sign: str, a: int, b: int, value: int | None) -> None:
    assert combine(sign, a, b, 11) == value


def test_a_modulus_that_is_no_small_prime_is_refused() -> None:
    assert prime(97) == 97
    for p in (1, 9, 101):
        with pytest.raises(ConfigError):
            prime(p)
