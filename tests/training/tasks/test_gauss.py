"""The elimination: by hand, and every solution put into every equation."""

from hypothesis import given
from hypothesis import strategies as st

from freehold.training.tasks.gauss import System


def test_a_system_of_two_is_solved_in_the_steps_done_by_hand() -> None:
    system = System([[3, 4, 5], [2, 0, 7]], 11)
    steps = [system.step() for _ in range(5)]
    assert [(step.kind, step.row, step.factor) for step in steps if step] == [
        ("scale", 0, 4),  # 1/3 = 4
        ("take", 1, 2),
        ("scale", 1, 1),  # 0 - 2*5 = -10 = 1 and 7 - 2*9 = -11 = 0
        ("take", 0, 5),
    ]
    assert system.rows == [[1, 0, 9], [0, 1, 0]]  # a = 9: 3*9 = 27 = 5, 2*9 = 18 = 7; b = 0
    assert steps[4] is None


def test_rows_are_exchanged_when_the_pivot_would_be_0() -> None:
    system = System([[0, 2, 4], [1, 1, 3]], 11)
    step = system.step()
    assert step is not None
    assert (step.kind, step.row) == ("swap", 1)
    assert system.solved()
    assert [row[-1] for row in system.rows] == [1, 2]


def test_a_singular_system_is_not_solved() -> None:
    assert not System([[1, 2, 3], [2, 4, 6]], 11).solved()
    assert not System([[0, 0, 1], [0, 0, 2]], 11).solved()


@given(
    st.integers(1, 5).flatmap(
        lambda size: st.lists(
            st.lists(st.integers(0, 10), min_size=size + 1, max_size=size + 1), min_size=size, max_size=size
        )
    )
)
def test_a_solution_satisfies_every_equation(rows: list[list[int]]) -> None:
    system = System([list(row) for row in rows], 11)
    if system.solved():
        solution = [row[-1] for row in system.rows]
        for *left, right in rows:
            assert sum(a * x for a, x in zip(left, solution, strict=True)) % 11 == right
