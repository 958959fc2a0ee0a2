"""The graders of a workload, as the file has them: their shape, and nothing of what they mean."""

from collections.abc import Callable

import pytest

from freehold.config.reading import Reading, settled

Parse = Callable[..., Reading]
Complaints = Callable[..., list[str]]


def test_graders_are_plain_data_in_their_order(read_text: Parse) -> None:
    text = """
[workloads.a]
route = ["echo/echo"]
[[workloads.a.graders]]
kind = "json_fields"
fields = { "total" = { match = "numeric", tolerance = 0.01, weight = 3 } }
[[workloads.a.graders]]
kind = "includes"
values = ["yes", "no"]
"""
    assert settled(read_text(text)).workloads["a"].graders == (
        {"kind": "json_fields", "fields": {"total": {"match": "numeric", "tolerance": 0.01, "weight": 3}}},
        {"kind": "includes", "values": ["yes", "no"]},
    )


def test_numbers_are_ordinary_ones(read_text: Parse) -> None:
    text = '[workloads.a]\nroute = ["echo/echo"]\ngraders = [{ kind = "numeric", tolerance = 0.5 }]\n'
    value = settled(read_text(text)).workloads["a"].graders[0]["tolerance"]
    assert (type(value), value) == (float, 0.5)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('{ kind = "exact" }', 'graders must be a list, not a table. Write graders = [{ kind = "exact" }].'),
        ('["exact"]', 'graders, entry 1 must be a table, not "exact". Write { kind = "exact" }.'),
        (
            '[{ kind = "exact" }, { kind = 1 }]',
            'graders, entry 2 needs its kind, as text. Write kind = "exact", or another of docs/reference/graders.md.',
        ),
        (
            '[{ kind = "exact", label = 2024-01-01 }]',
            "graders, entry 1 holds a date or time, which no grader takes. Write it in quotes.",
        ),
    ],
)
def test_what_is_no_list_of_tables_is_told(written: str, said: str, complaints: Complaints) -> None:
    text = f'[workloads.a]\nroute = ["echo/echo"]\ngraders = {written}\n'
    assert complaints(text) == [f"freehold.toml, line 3: [workloads.a] {said}"]


def test_a_kind_that_nobody_knows_is_no_problem_of_the_file(read_text: Parse) -> None:
    text = '[workloads.a]\nroute = ["echo/echo"]\ngraders = [{ kind = "of-another-package", depth = 3 }]\n'
    assert read_text(text).problems == ()
