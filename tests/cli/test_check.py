"""`freehold check`: everything that is wrong, and an exit code for scripts."""

import json
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from cli.model_shelf import promoted
from freehold.cli import application
from freehold.errors import ConfigError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and an environment without anybody's keys."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DEEPSEEK_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


class Said(NamedTuple):
    """How a command ended and what it said."""

    exit_code: int
    stdout: str
    stderr: str


def run(*arguments: str) -> Said:
    words = ["check"]
    result = CliRunner().invoke(application(words), [*words, *arguments], catch_exceptions=False)
    return Said(result.exit_code, result.stdout, result.stderr)


def test_a_good_file_is_told_to_be_good(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text('[vendors.echo]\n[workloads.a]\nroute = ["echo/echo"]\n')
    result = run()

    assert result.exit_code == 0
    assert result.stdout == "freehold.toml can be used: 1 vendor (echo), 2 workloads (a and default).\n"
    assert result.stderr == ""


def test_a_bad_file_is_told_line_by_line_and_ends_with_one(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text('[door]\nport = "8080"\n[workloads.a]\nrout = []\n')
    result = run()

    assert result.exit_code == 1
    assert result.stdout == (
        'freehold.toml, line 2: [door] port must be a whole number from 0 to 65535, not "8080". '
        "Write port = 8080, without quotes.\n"
        'freehold.toml, line 4: [workloads.a] has no setting "rout". Did you mean "route"?\n'
    )


def test_a_key_in_the_query_of_an_address_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text('[vendors.echo]\nbase_url = "http://10.0.0.7/v1?api-key=sk-7"\n')

    assert run().stdout == (
        "freehold.toml, line 2: [vendors.echo] base_url must not hold a user name, a query or a fragment, not "
        '"http://10.0.0.7/v1?...".\n'
    )
    assert "sk-7" not in run("--json").stdout


def test_weights_that_nobody_knows_are_told(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    (tmp_path / "freehold.toml").write_text('[own.a]\nweights = "m.gguf"\n[own.b]\nweights = "nanno"\n')
    result = run()

    assert result.exit_code == 1
    assert result.stdout == (
        'freehold.toml, line 4: [own.b] weights names "nanno", and there are no such weights. '
        "Give the path of a GGUF file, or one of the names nano, nano-refund, smollm2-135m, gemma3-270m.\n"
    )


def test_warnings_go_to_stderr_and_are_no_failure(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('[workloads.a]\nroute = [{ model = "echo/echo", weight = 2 }]\n')
    result = run("--config", "other.toml")

    assert result.exit_code == 0
    assert result.stderr.startswith("warning: other.toml, line 2: The weights in [workloads.a] do nothing")


def test_machines_get_problems_and_warnings_with_their_lines(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text("[door]\nport = -1\n")
    result = run("--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "ok": False,
        "file": "freehold.toml",
        "problems": [
            {
                "source": "freehold.toml",
                "line": 2,
                "sentence": "[door] port must be a whole number from 0 to 65535, not -1.",
                "advice": "",
            }
        ],
        "warnings": [],
    }


def test_without_a_file_the_environment_is_checked() -> None:
    result = run()

    assert result.exit_code == 0
    assert result.stdout == "The environment, without a file, can be used: 1 vendor (own), 1 workload (default).\n"
    assert json.loads(run("--json").stdout)["file"] is None


def test_a_file_that_is_named_must_be_there() -> None:
    with pytest.raises(ConfigError, match=r"There is no file missing\.toml\."):
        run("--config", "missing.toml")


def test_a_grader_that_cannot_be_made_is_told_at_its_line(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text(
        '[workloads.a]\nroute = ["echo/echo"]\ngraders = [\n  { kind = "exact" },\n  { kind = "numeric", tolerence = 1 },\n'
        '  { kind = "exakt" },\n]\n'
    )
    result = run()

    assert result.exit_code == 1
    assert result.stdout == (
        "freehold.toml, line 5: [workloads.a] graders, entry 2: The grader 'numeric' has no option `tolerence`. "
        "Did you mean `tolerance`?\n"
        "freehold.toml, line 6: [workloads.a] graders, entry 3: There is no grader 'exakt'. Did you mean `exact`?\n"
    )
    assert json.loads(run("--json").stdout)["ok"] is False


def test_good_graders_are_no_problem(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text(
        '[workloads.a]\nroute = ["echo/echo"]\ngraders = [{ kind = "length", most = 50 }, { kind = "refusal" }]\n'
    )
    assert run().exit_code == 0


def test_a_grader_that_takes_no_part_in_the_shadow_is_told(tmp_path: Path) -> None:
    text = (
        '[workloads.a]\nroute = ["echo/echo"]\ncapture = {}\nshadow = { model = "echo/echo" }\n'
        'graders = [\n  { kind = "refusal" },\n  { kind = "judge", models = ["echo/echo"], rubric = "Polite." },\n]\n'
    )
    (tmp_path / "freehold.toml").write_text(text)
    assert run().stderr == (
        "warning: freehold.toml, line 7: [workloads.a] graders, entry 2: judge takes no part in a shadow or a canary: it asks a "
        "model, and the workload has no `judging` with a budget for that.\n"
    )
    (tmp_path / "freehold.toml").write_text(text + "judging = { budget = { usd = 1 } }\n")
    assert run().stderr == ""


def test_a_route_may_name_a_model_that_is_promoted_in_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text('[vendors.echo]\n[workloads.a]\nroute = ["own/nano"]\n')
    assert run("--data", str(tmp_path / "data")).exit_code == 1
    promoted(tmp_path / "data", 1)
    assert run("--data", str(tmp_path / "data")).exit_code == 0


ANN = "ann+5b4616a6+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"
WRONG = ANN.replace("5b4616a6", "00000000")


def test_a_key_that_is_not_theirs_is_told_at_its_line_and_a_secret_one_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "freehold.toml").write_text(
        f'[people.ann]\nkey = "{ANN}"\n[people.bob]\nkey = "{ANN}"\n[people."c@example.com"]\nkey = "{WRONG}"\n'
        f'[people.dora]\nkey = "nonsense"\n[people.eve]\nkey = "PRIVATE+KEY+eve+5b4616a6+AQID"\n'
    )
    result = run()

    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "freehold.toml, line 4: [people.bob] key is the key of ann. Write it below [people.ann], or give bob's key.",
        f"freehold.toml, line 6: [people.\"c@example.com\"] key: The verifier key '{WRONG}' says its id is 00000000, and it is "
        "5b4616a6. Write what `freehold people create` printed.",
        "freehold.toml, line 8: [people.dora] key: 'nonsense' is not a key: name, plus, 8 hexadecimal digits, plus, base64. "
        "Write what `freehold people create` printed.",
        "freehold.toml, line 10: [people.eve] key is the secret key, with which whoever reads it signs as eve. "
        "Write what `freehold people create` printed.",
    ]
