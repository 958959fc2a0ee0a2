"""A whole file, and a whole environment, as settings or as everything that is wrong."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from freehold.config.discovery import KnownVendor
from freehold.config.reading import Reading, examine, read, settled
from freehold.config.settings import Budget, Engine, Limits, PriceSettings, Project, Secret, VendorSettings
from freehold.errors import ConfigError

Parse = Callable[..., Reading]
Complaints = Callable[..., list[str]]


def test_a_file_on_disk_is_read_and_remembered(tmp_path: Path, known: Mapping[str, KnownVendor]) -> None:
    path = tmp_path / "freehold.toml"
    path.write_bytes(b"\xef\xbb\xbf[door]\r\nport = 9000\r\n")
    settings = read(path, {}, known)

    assert settings.door.port == 9000
    assert settings.source == str(path)


def test_everything_that_is_wrong_is_one_error(tmp_path: Path, known: Mapping[str, KnownVendor]) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text('[door]\nport = "8080"\n[workloads.a]\nrout = []\n')

    with pytest.raises(ConfigError) as caught:
        read(path, {}, known)

    assert caught.value.sentence == (
        f'{path}, line 2: [door] port must be a whole number from 0 to 65535, not "8080". '
        "Write port = 8080, without quotes.\n"
        f'{path}, line 4: [workloads.a] has no setting "rout". Did you mean "route"?'
    )


def test_without_a_file_the_environment_decides(known: Mapping[str, KnownVendor]) -> None:
    settings = read(None, {"OPENAI_API_KEY": "k"}, known)

    assert settings.source is None
    assert list(settings.vendors) == ["openai"]
    assert settings.vendors["openai"].api_key == Secret("k", "env OPENAI_API_KEY")
    assert settings.own == {}


def test_with_nothing_configured_the_embedded_model_answers(known: Mapping[str, KnownVendor]) -> None:
    settings = read(None, {}, known)

    assert settings.own == {"smollm2-135m": Engine(name="smollm2-135m", weights="smollm2-135m")}
    assert settings.vendors == {"own": VendorSettings(name="own", like="own")}


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("", ["smollm2-135m"]),
        ("[vendors.openai]\n", ["smollm2-135m"]),
        ("[vendors.own]\n", ["smollm2-135m"]),
        ("[vendors.echo]\n", []),
        ('[vendors.a]\nspeaks = "openai-chat"\nbase_url = "http://a"\n', []),
        ('[workloads.a]\nroute = ["echo/echo"]\n', []),
        ('[own.nano]\nweights = "nano"\n', ["nano"]),
        ('[vendors.echo]\n[workloads.a]\nroute = ["own/smollm2-135m"]\n', ["smollm2-135m"]),
        ('[own.nano]\nweights = "nano"\n[workloads.a]\nroute = ["own/smollm2-135m"]\n', ["nano", "smollm2-135m"]),
    ],
)
def test_the_embedded_model_is_on_when_named_or_when_nothing_else_could_answer(
    text: str, own: list[str], read_text: Parse
) -> None:
    settings = settled(read_text(text))

    assert sorted(settings.own) == own
    assert ("own" in settings.vendors) == bool(own)


def test_each_vendor_that_a_route_names_is_among_the_vendors(read_text: Parse) -> None:
    reading = read_text('[workloads.a]\nroute = ["echo/echo",\n"anthropic/claude-haiku-4-5", "echo/down"]\n')

    assert list(settled(reading).vendors) == ["echo", "anthropic"]
    assert [warning.text() for warning in reading.warnings] == [
        'freehold.toml, line 3: The vendor "anthropic" has no key, so it cannot be asked. Set ANTHROPIC_API_KEY.'
    ]


def test_a_vendor_that_is_wrong_is_told_once_and_not_by_its_routes_too(complaints: Complaints) -> None:
    text = '[vendors.eu]\nlike = "opnai"\n[workloads.a]\nroute = ["eu/x"]\n[prices."eu/x"]\ninput = 1\noutput = 1\n'

    assert complaints(text) == [
        'freehold.toml, line 2: [vendors.eu] like names "opnai", which is not a built-in vendor. Did you mean "openai"?'
    ]


def test_own_models_projects_and_prices_are_read(read_text: Parse, folder: Path) -> None:
    (folder / "m.gguf").write_bytes(b"GGUF")
    text = """
[own.nano]
weights = "m.gguf"
context = 2048
parallel = 4
threads = 2
[projects.support]
budget = { usd = 5 }
limits = { tokens_per_minute = 10 }
[prices."own/nano"]
input = 0.25
output = "2.00"
cache_read = 0.025
"""
    settings = settled(read_text(text))

    assert settings.own == {
        "nano": Engine(name="nano", weights=str(folder / "m.gguf"), context=2048, parallel=4, threads=2)
    }
    assert settings.projects == {
        "support": Project(name="support", budget=(Budget(nano=5_000_000_000),), limits=Limits(tokens_per_minute=10))
    }
    assert settings.prices == {
        "own/nano": PriceSettings(model="own/nano", input=250_000_000, output=2_000_000_000, cache_read=25_000_000)
    }


@pytest.mark.parametrize("trace", ["true", '"inline"'])
def test_a_trace_needs_the_ledger(trace: str, complaints: Complaints) -> None:
    text = '[ledger]\nenabled = {}\n[workloads.a]\nroute = ["requested"]\ntrace = {}\n'

    assert complaints(text.format("true", trace)) == []
    assert complaints(text.format("false", "false")) == []
    assert complaints(text.format("false", trace)) == [
        "freehold.toml, line 5: [workloads.a] trace keeps what it finds in the ledger, which is off. Take out enabled = "
        "false below [ledger], or take out trace."
    ]


def test_weights_in_a_file_must_be_there(complaints: Complaints, folder: Path) -> None:
    for weights in ("m.gguf", "models/m"):
        assert complaints(f'[own.nano]\nweights = "{weights}"\n') == [
            f"freehold.toml, line 2: [own.nano] weights names the file {folder / weights}, which does not exist."
        ]


def test_a_price_for_a_vendor_that_is_not_there_is_told(complaints: Complaints) -> None:
    assert complaints('[prices."opnai/x"]\ninput = 1\noutput = 1\n') == [
        'freehold.toml, line 1: [prices."opnai/x"] names the vendor "opnai", which is neither configured nor built in. '
        'Did you mean "openai"?'
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[dor]\nport = 1\n", 'line 1: There is no section [dor]. Did you mean "door"?'),
        (
            "\n[zzz]\n",
            "line 2: There is no section [zzz]. There are [door], [timeouts], [ledger], [vendors], [workloads], "
            "[plans], [projects], [prices], [own] and [people].",
        ),
        ("port = 1\n", 'line 1: "port" stands outside any section. Put it below [door].'),
        ("first_token = 1\n", 'line 1: "first_token" stands outside any section. Put it below [timeouts].'),
        ("own_ = 1\n", 'line 1: "own_" stands outside any section. Did you mean "own"?'),
    ],
)
def test_a_section_that_there_is_not_is_told(text: str, said: str, complaints: Complaints) -> None:
    assert complaints(text) == [f"freehold.toml, {said}"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[door]\nport = \n", "line 2: This is not TOML: "),
        ("[door]\nport: 8080\n", "line 2: This is not TOML: "),
        ("[door]\n[timeouts]\n[door]\n", "line 3: This is not TOML: Cannot declare ('door',) twice"),
        ("[door]\nport = 1\nport = 2\n", "line 3: This is not TOML: Cannot overwrite a value"),
        ("[door]\nhost = 'a\n", "line 2: This is not TOML: "),
        ("\n\na = [1,\n", "line 3: This is not TOML: "),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(text: str, said: str, complaints: Complaints) -> None:
    [found] = complaints(text)

    assert found.startswith(f"freehold.toml, {said}")


def test_a_line_that_is_no_toml_is_not_repeated_for_it_may_hold_a_key(complaints: Complaints) -> None:
    [said] = complaints("[vendors.openai]\napi_key = sk-very-secret\n")

    assert said.startswith("freehold.toml, line 2: This is not TOML: Invalid value")
    assert said.endswith("Text stands in quotes, and lists in [ ].")
    assert "sk-very" not in said


def test_a_text_that_is_nested_without_end_is_refused(complaints: Complaints) -> None:
    assert complaints("a = " + "[" * 100_000) == ["freehold.toml, line 1: It is nested too deeply."]


def test_files_that_cannot_be_read_are_told_so(tmp_path: Path, known: Mapping[str, KnownVendor]) -> None:
    path = tmp_path / "freehold.toml"

    def said() -> list[str]:
        return [problem.text() for problem in examine(path, {}, known).problems]

    assert said() == [f"{path}: There is no such file. Write one with `freehold init`."]
    path.write_bytes(b"[door]\nhost = '\xff'\n")
    assert said() == [f"{path}, line 2: This is not UTF-8. Save the file as UTF-8."]
    path.write_bytes(b"#" * 10_000_001)
    assert said() == [f"{path}: It is larger than 10,000,000 bytes, which no configuration is."]
    path.unlink()
    path.mkdir()
    assert said() == [f"{path}: It cannot be read (Is a directory)."]


def test_reading_twice_gives_the_same_and_a_bad_reading_changes_nothing(read_text: Parse) -> None:
    good = '[workloads.a]\nroute = ["echo/echo"]\n'
    before = settled(read_text(good))
    bad = read_text("[door]\nport = -1\n")

    assert bad.settings is None
    with pytest.raises(ConfigError):
        settled(bad)
    assert settled(read_text(good)) == before


lines = st.sampled_from(
    [
        "[door]",
        "[timeouts]",
        "[vendors.openai]",
        "[vendors.x]",
        "[workloads.a]",
        "[workloads.a.limits]",
        "[[workloads.a.budget]]",
        "[own.m]",
        "[prices.'openai/x']",
        "[projects.p]",
        "port = 8080",
        "connect = 'x'",
        "like = 'openai'",
        "speaks = 'openai-chat'",
        "base_url = 'http://a'",
        "api_key = { env = 'OPENAI_API_KEY' }",
        "api_key = 'k'",
        "headers = { a = 'b' }",
        "proxy = ''",
        "route = ['requested']",
        "route = ['openai/x', 7, {}]",
        "budget = { usd = 1.5 }",
        "budget = [1, {}, { usd = -1 }]",
        "hedge = {}",
        "timeouts = { total = 1 }",
        "usd = 'x'",
        "weights = 'w'",
        "input = 1",
        "output = inf",
        "a.b = [[], {}]",
        "door = 3",
        "workloads = []",
        "vendors.openai = 2020-01-01",
    ]
)


@given(st.lists(lines, max_size=12).map("\n".join))
@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=300
)
def test_whatever_stands_in_a_file_it_is_settings_or_problems_with_lines(read_text: Parse, text: str) -> None:
    reading = read_text(text, OPENAI_API_KEY="k")

    assert (reading.settings is None) == bool(reading.problems)
    for problem in reading.problems:
        assert problem.line is not None
        assert 1 <= problem.line <= text.count("\n") + 1


# --- the pages and the examples ---

ROOT = Path(__file__).parents[2]


def guide() -> list[str]:
    """The TOML of the guide, one text for each piece."""
    page = (ROOT / "docs" / "guides" / "configuration.md").read_text(encoding="utf-8")
    return [piece.partition("```")[0] for piece in page.split("```toml\n")[1:]]


def test_the_guide_can_be_used_as_it_stands(read_text: Parse) -> None:
    pieces = guide()
    keys = {
        "OPENAI_API_KEY": "k",
        "ANTHROPIC_API_KEY": "k",
        "OPENAI_EU_API_KEY": "k",
        "RACK_8_URL": "http://10.0.0.8/v1",
    }

    assert len(pieces) == 4
    for piece in pieces:
        reading = read_text(piece, **keys)
        assert settled(reading)
        assert reading.warnings == ()
    assert settled(read_text("\n".join(pieces), **keys))


def test_the_guides_first_file_means_what_it_says(read_text: Parse) -> None:
    settings = settled(read_text(guide()[0], OPENAI_API_KEY="k"))
    job = settings.workloads["ticket-triage"]

    assert [target.model for target in job.route] == [
        "openai/gpt-5-mini",
        "anthropic/claude-haiku-4-5",
        "rack-7/qwen3-8b",
    ]
    assert job.budget == (Budget(nano=200_000_000_000, per="month", hard=True),)
    assert job.capture is not None
    assert (job.capture.share, job.capture.keep_days) == (1.0, 90)
    assert list(settings.vendors) == ["openai", "rack-7", "anthropic"]


def test_the_guides_errors_are_those_that_are_shown(complaints: Complaints) -> None:
    page = (ROOT / "docs" / "guides" / "configuration.md").read_text(encoding="utf-8")
    wrong = guide()[0].replace("route   = [", "rout    = [", 1).replace('"month"', '"week"')

    assert "\n".join(complaints(wrong)) in page


def test_the_example_works_without_a_key(known: Mapping[str, KnownVendor]) -> None:
    reading = examine(ROOT / "examples" / "freehold.toml", {}, known)

    assert settled(reading)
    assert reading.warnings == ()
    assert list(settled(reading).vendors) == ["echo"]
    assert settled(reading).own == {}
