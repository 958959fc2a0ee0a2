"""What is said about a file, and in which words and order."""

from pathlib import Path

import pytest

from freehold.config.file import File, Problem, listed, nearest, place, suggest
from freehold.config.positions import KeyPath, locate


def opened(text: str, **environ: str) -> File:
    return File(source="freehold.toml", folder=Path("/etc/f"), positions=locate(text), environ=environ, known={})


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("door", "port"), "[door] port"),
        (("timeouts",), "[timeouts]"),
        (("workloads", "default", "budget", "usd"), "[workloads.default] budget.usd"),
        (("workloads", "a", "route", 1), "[workloads.a] route, entry 2"),
        (("workloads", "a", "route", 0, "when", "vision"), "[workloads.a] route, entry 1, when.vision"),
        (("prices", "openai/gpt-5-mini", "input"), '[prices."openai/gpt-5-mini"] input'),
        (("vendors", "x", "headers", "a b"), '[vendors.x] headers."a b"'),
        (("vendors",), "[vendors]"),
    ],
)
def test_a_place_is_named_as_people_find_it(path: KeyPath, words: str) -> None:
    assert place(path) == words


def test_problems_come_in_the_order_of_their_lines() -> None:
    file = opened("[door]\nport = 1\nworkers = 2\n")
    file.wrong(("door", "workers"), "is wrong.", "Mend it.")
    file.wrong(("door", "port"), "is wrong too.")
    file.doubt(("door",), "This is odd.")

    assert [problem.text() for problem in file.problems()] == [
        "freehold.toml, line 2: [door] port is wrong too.",
        "freehold.toml, line 3: [door] workers is wrong. Mend it.",
    ]
    assert [warning.text() for warning in file.warnings()] == ["freehold.toml, line 1: This is odd."]


def test_a_problem_can_blame_another_line_than_its_place() -> None:
    file = opened("[door]\nport = 1\nprot = 2\n")
    file.wrong(("door",), 'has no setting "prot".', at=("door", "prot"))

    assert file.problems() == (
        Problem(source="freehold.toml", line=3, sentence='[door] has no setting "prot".', advice=""),
    )


def test_what_stands_in_no_file_names_none() -> None:
    file = opened("")
    file.wrong(("vendors", "openai", "api_key"), "is wrong.")

    assert file.problems()[0].text() == "[vendors.openai] api_key is wrong."


def test_paths_start_at_the_folder_of_the_file_or_at_home() -> None:
    file = opened("", HOME="/home/u")

    assert file.beside("keys/a") == Path("/etc/f/keys/a")
    assert file.beside("/run/key") == Path("/run/key")
    assert file.beside("~/key") == Path("/home/u/key")
    assert opened("").beside("~/key") == Path("/etc/f/~/key")


def test_a_near_name_is_suggested_and_a_far_one_is_not() -> None:
    assert nearest("rout", ["route", "retries"]) == "route"
    assert suggest("Rout", ["route", "retries"]) == 'Did you mean "route"?'
    assert suggest("xyz", ["route", "retries"]) == ""


def test_names_are_listed_as_a_sentence_would() -> None:
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b"], last="or") == "a or b"
    assert listed(["a"]) == "a"
    assert listed([]) == "none"
