"""A table as a whole: unknown names, missing ones, and what is no table."""

from collections.abc import Callable

import pytest

from freehold.config.reading import Reading

Parse = Callable[..., Reading]
Complaints = Callable[..., list[str]]


def test_an_unknown_setting_is_named_with_its_line_and_the_one_that_was_meant(complaints: Complaints) -> None:
    text = '[door]\nport = 1\n\n[workloads.ticket-triage]\n# a comment\nrout = ["openai/gpt-5-mini"]\n'

    # That `route` is missing then is not said as well: it is the same mistake.
    assert complaints(text) == [
        'freehold.toml, line 6: [workloads.ticket-triage] has no setting "rout". Did you mean "route"?'
    ]


def test_an_unknown_setting_like_no_other_is_told_which_there_are(complaints: Complaints) -> None:
    assert complaints("[timeouts]\nxyz = 1\n") == [
        'freehold.toml, line 2: [timeouts] has no setting "xyz". It has connect, first_token, whole, idle and total.'
    ]


def test_a_missing_setting_is_shown_as_one_would_write_it(complaints: Complaints) -> None:
    text = '[workloads.a]\nretries = 1\n[own.b]\ncontext = 4096\n[prices."openai/x"]\ninput = 1\n'

    assert complaints(text) == [
        'freehold.toml, line 1: [workloads.a] needs the setting "route". Write route = ["requested"].',
        'freehold.toml, line 3: [own.b] needs the setting "weights". Write weights = "smollm2-135m".',
        'freehold.toml, line 5: [prices."openai/x"] needs the setting "output". Write output = 2.',
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("door = 1\n", 'line 1: [door] must be a table, not 1. Write door = { host = "127.0.0.1" }.'),
        ("workloads = []\n", "line 1: [workloads] must be a table, not a list."),
        ("[workloads]\na = 1\n", 'line 2: [workloads.a] must be a table, not 1. Write a = { strategy = "ordered" }.'),
        ("[vendors]\nopenai = true\n", "line 2: [vendors.openai] must be a table, not true."),
        ("vendors = 1\n", "line 1: [vendors] must be a table, not 1."),
        ("[projects]\na = 1\n", "line 2: [projects.a] must be a table, not 1."),
    ],
)
def test_what_should_be_a_table_is_told_so(text: str, said: str, complaints: Complaints) -> None:
    assert complaints(text) == [f"freehold.toml, {said}"]


def test_a_table_inside_a_table_is_read_the_same_way(complaints: Complaints) -> None:
    text = '[workloads.a]\nroute = ["requested"]\n[workloads.a.limits]\nrequests_per_minut = 3\n'

    assert complaints(text) == [
        'freehold.toml, line 4: [workloads.a] limits has no setting "requests_per_minut". '
        'Did you mean "requests_per_minute"?'
    ]


@pytest.mark.parametrize("name", ["a b", "a/b", "é", "", 'say \\"hi\\"', "tab\\t"])
@pytest.mark.parametrize("section", ["workloads", "vendors", "projects", "own"])
def test_a_name_that_cannot_be_called_is_refused(name: str, section: str, complaints: Complaints) -> None:
    body = {
        "workloads": 'route = ["requested"]',
        "vendors": 'like = "openai"\napi_key = { env = "K" }',
        "projects": "",
        "own": 'weights = "x"',
    }
    said = complaints(f'[{section}."{name}"]\n{body[section]}\n', K="k")

    assert len(said) == 1
    assert said[0].endswith("is not a usable name. Use letters, digits, dots, dashes and underscores.")


def test_all_problems_of_a_file_are_told_at_once(complaints: Complaints) -> None:
    text = '[door]\nport = "a"\nworkers = 0\n[timeouts]\nidle = -1\n[workloads.a]\nroute = []\nretries = 99\n'

    assert [said.partition(":")[0] for said in complaints(text)] == [
        "freehold.toml, line 2",
        "freehold.toml, line 3",
        "freehold.toml, line 5",
        "freehold.toml, line 7",
        "freehold.toml, line 8",
    ]
