"""Gauss and Jordan's elimination over a finite field, a step at a time. It knows numbers and no text.

For each column in order: the first row from there on whose coefficient is not 0 is moved into place, divided by its
coefficient, and taken from every other row as often as its column needs.
"""

from typing import Literal

from msgspec import Struct

from freehold.training.tasks.residues import inverse

Row = list[int]


class Step(Struct, frozen=True):
    """What was done. `row` was exchanged with, multiplied, or had `factor` times the row `column` taken from it; it was
    `before`."""

    kind: Literal["swap", "scale", "take"]
    column: int
    row: int
    factor: int
    before: Row


class System:
    """Rows of coefficients and a right side modulo `p`, and how far its elimination has come: `column` columns are solved
    for. `last` is the step before."""

    def __init__(self, rows: list[Row], p: int) -> None:
        self.rows = rows
        self.p = p
        self.size = len(rows)
        self.column = 0
        self.last: Step | None = None
        self._scaled = False
        self._row = 0

    def step(self) -> Step | None:
        """The next step, carried out. None when nothing is left, or no row can be the pivot."""
        column = self.column
        if column == self.size:
            return None
        if not self._scaled:
            return self._pivot(column)
        row = self._row
        factor, pivot = self.rows[row][column], self.rows[column]
        before = self.rows[row]
        self.rows[row] = [(a - factor * b) % self.p for a, b in zip(before, pivot, strict=True)]
        self.last = Step("take", column, row, factor, before)
        self._advance()
        return self.last

    def solve_column(self) -> bool:
        """All steps of a column. False when nothing is left, or no row can be the pivot."""
        column = self.column
        while self.column == column:
            if self.step() is None:
                return False
        return True

    def solved(self) -> bool:
        """All steps there are: True when the system has exactly one solution, which then stands in its right sides."""
        while self.step() is not None:
            pass
        return self.column == self.size

    def _pivot(self, column: int) -> Step | None:
        found = next((row for row in range(column, self.size) if self.rows[row][column]), None)
        if found is None:
            return None
        before = self.rows[found]
        if found != column:
            self.rows[found], self.rows[column] = self.rows[column], before
            self.last = Step("swap", column, found, 0, before)
            return self.last
        factor = inverse(before[column], self.p)
        self.rows[column] = [number * factor % self.p for number in before]
        self.last = Step("scale", column, column, factor, before)
        self._scaled, self._row = True, -1
        self._advance()
        return self.last

    def _advance(self) -> None:
        """On to the next row that is not the pivot's, or to the next column."""
        self._row += 1 + (self._row + 1 == self.column)
        if self._row >= self.size:
            self.column, self._scaled = self.column + 1, False
