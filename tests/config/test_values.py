"""One value at a time: what fits, and what is said about what does not."""

from collections.abc import Callable

import pytest

from freehold.config.reading import Reading, settled
from freehold.config.settings import Hedge

Parse = Callable[..., Reading]
Complaints = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('port = "8080"', 'must be a whole number from 0 to 65535, not "8080". Write port = 8080, without quotes.'),
        ('port = "http"', 'must be a whole number from 0 to 65535, not "http".'),
        ("port = 8080.0", "must be a whole number from 0 to 65535, not 8080.0. Write port = 8080."),
        ("port = 8080.5", "must be a whole number from 0 to 65535, not 8080.5."),
        ("port = 65536", "must be a whole number from 0 to 65535, not 65536."),
        ("port = -1", "must be a whole number from 0 to 65535, not -1."),
        ("port = true", "must be a whole number from 0 to 65535, not true."),
        (
            "port = [8080]",
            "must be a whole number from 0 to 65535, not a list. Write port = followed by the value itself.",
        ),
        ("port = 1979-05-27", "must be a whole number from 0 to 65535, not a date or time."),
        ("max_in_flight = 9223372036854775808", "must be a whole number, at least 1, not 9223372036854775808."),
        ("max_body_mb = 0", "must be a number greater than 0, not 0."),
        ("max_body_mb = inf", "must be a number greater than 0, not inf."),
        ("max_body_mb = nan", "must be a number greater than 0, not nan."),
        ("max_body_mb = 1e999", "must be a number greater than 0, not " + "1" + "0" * 56 + "...."),
        ("max_body_mb = false", "must be a number greater than 0, not false."),
        (
            'drain_seconds = "30s"',
            'must be a number, at least 0, not "30s". Write drain_seconds = 30: times are in seconds.',
        ),
        (
            'drain_seconds = "1.5 min"',
            'must be a number, at least 0, not "1.5 min". Write drain_seconds = 90: times are in seconds.',
        ),
        (
            'drain_seconds = "500ms"',
            'must be a number, at least 0, not "500ms". Write drain_seconds = 0.5: times are in seconds.',
        ),
        ('metrics = "lokal"', 'must be "admin", "local" or "open", not "lokal". Did you mean "local"?'),
        ('metrics = "nobody"', 'must be "admin", "local" or "open", not "nobody".'),
        ("metrics = 1", 'must be "admin", "local" or "open", not 1.'),
        ("host = 127", 'must be text in quotes, not 127. Write host = "127".'),
        ("host = {}", "must be text in quotes, not a table. Write host = followed by the value itself."),
    ],
)
def test_a_value_that_does_not_fit_is_told_what_would(line: str, said: str, complaints: Complaints) -> None:
    name = line.partition(" ")[0]

    assert complaints(f"[door]\n{line}\n") == [f"freehold.toml, line 2: [door] {name} {said}"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('sticky = "yes"', 'must be true or false, not "yes". Write sticky = true, without quotes.'),
        ('sticky = "OFF"', 'must be true or false, not "OFF". Write sticky = false, without quotes.'),
        ("sticky = 1", "must be true or false, not 1. Write sticky = true."),
        ("sticky = 2", "must be true or false, not 2."),
    ],
)
def test_truth_is_not_guessed(line: str, said: str, complaints: Complaints) -> None:
    text = f'[workloads.a]\nroute = ["requested"]\n{line}\n'

    assert complaints(text) == [f"freehold.toml, line 3: [workloads.a] sticky {said}"]


def test_a_number_may_be_whole_where_it_need_not(read_text: Parse) -> None:
    settings = read_text("[door]\nmax_body_mb = 64\ndrain_seconds = 0.5\nport = 0\n").settings

    assert settings is not None
    assert (settings.door.max_body_mb, settings.door.drain_seconds, settings.door.port) == (64.0, 0.5, 0)
    assert isinstance(settings.door.max_body_mb, float)


def test_a_choice_may_stand_beside_a_number(read_text: Parse, complaints: Complaints) -> None:
    text = '[workloads.a]\nroute = ["requested"]\nhedge = {{ after = {} }}\n'

    assert settled(read_text(text.format("2"))).workloads["a"].hedge == Hedge(after=2.0)
    assert settled(read_text(text.format('"p95"'))).workloads["a"].hedge == Hedge(after="p95")
    assert complaints(text.format('"p99"')) == [
        'freehold.toml, line 3: [workloads.a] hedge.after must be "p95" or a number greater than 0, not "p99".'
    ]
    assert complaints(text.format("0")) == [
        'freehold.toml, line 3: [workloads.a] hedge.after must be "p95" or a number greater than 0, not 0.'
    ]


def test_money_says_what_it_was_given(complaints: Complaints) -> None:
    text = '[prices."openai/x"]\ninput = "cheap"\noutput = -1\ncache_read = 0.1234567891\n'

    assert complaints(text) == [
        'freehold.toml, line 2: [prices."openai/x"] input must be a number of dollars, such as 200 or 0.25; it is "cheap".',
        'freehold.toml, line 3: [prices."openai/x"] output must not be negative; it is -1.',
        'freehold.toml, line 4: [prices."openai/x"] cache_read has more than 9 decimals, which is finer than a '
        "nano-dollar; it is 0.1234567891.",
    ]


def test_a_choice_may_stand_beside_true_or_false(read_text: Parse, complaints: Complaints) -> None:
    text = '[workloads.a]\nroute = ["requested"]\n{}\n'

    for line, meant in (("", False), ("trace = false", False), ("trace = true", True), ('trace = "inline"', "inline")):
        assert settled(read_text(text.format(line))).workloads["a"].trace == meant
    for wrong in ('"after"', '"true"', "1"):
        assert complaints(text.format(f"trace = {wrong}")) == [
            f'freehold.toml, line 3: [workloads.a] trace must be true or false or "inline", not {wrong}.'
        ]


def test_names_with_values_are_a_table(read_text: Parse, complaints: Complaints) -> None:
    key = "witness.example/a+4e8b7cf2+BAECAw=="
    for text in (
        f'[ledger.witnesses]\n"{key}" = "https://a.example"\n',
        f'[ledger]\nwitnesses = {{ "{key}" = "https://a.example" }}\n',
    ):
        assert settled(read_text(text)).ledger.witnesses == {key: "https://a.example"}
    for wrong in ("7", '["https://a.example"]', '{ "a" = 7 }'):
        assert complaints(f"[ledger]\nwitnesses = {wrong}\n")[0].startswith(
            "freehold.toml, line 2: [ledger] witnesses must be a table of names and values, not "
        )
