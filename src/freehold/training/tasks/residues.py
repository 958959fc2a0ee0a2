"""Numbers modulo a prime: what both tasks over a finite field compute with. Pure; it knows no text."""

from freehold.errors import ConfigError

PRIMES = frozenset({2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97})


def prime(p: int) -> int:
    """The modulus. Raises ConfigError when it is no prime below 100."""
    if p not in PRIMES:
        raise ConfigError(f"The modulus {p} is no prime below 100.", "Use 11, as the published table does.")
    return p


def inverse(value: int, p: int) -> int:
    """1 / value. Raises ValueError for 0."""
    return pow(value, -1, p)


def combine(sign: str, a: int, b: int, p: int) -> int | None:
    """`a sign b` for one of `+ - * /`; None for a division by 0."""
    if sign == "/":
        return a * inverse(b, p) % p if b % p else None
    return {"+": a + b, "-": a - b, "*": a * b}[sign] % p
