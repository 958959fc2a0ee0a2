"""Where things are on this machine."""

import pwd
from pathlib import Path

import pytest

from freehold.config.paths import cache_dir, config_file, data_dir, environment, used_data_dir, user_name
from freehold.errors import ConfigError

HOME = {"HOME": "/home/u"}


@pytest.mark.parametrize(
    ("chosen", "environ", "expected"),
    [
        (Path("/data"), {**HOME, "FREEHOLD_DATA": "/other"}, "/data"),
        (None, {**HOME, "FREEHOLD_DATA": "/srv/freehold", "XDG_DATA_HOME": "/xdg"}, "/srv/freehold"),
        (None, {**HOME, "XDG_DATA_HOME": "/xdg"}, "/xdg/freehold"),
        (None, {**HOME, "XDG_DATA_HOME": "relative"}, "/home/u/.local/share/freehold"),
        (None, {**HOME, "FREEHOLD_DATA": ""}, "/home/u/.local/share/freehold"),
        (None, HOME, "/home/u/.local/share/freehold"),
    ],
)
def test_the_data_folder_is_the_chosen_one_then_the_variables_then_the_users(
    chosen: Path | None, environ: dict[str, str], expected: str
) -> None:
    assert data_dir(chosen, environ) == Path(expected)


def test_a_relative_data_folder_starts_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert data_dir(Path("data"), {}) == tmp_path / "data"
    assert data_dir(None, {"FREEHOLD_DATA": "data"}) == tmp_path / "data"


def test_who_runs_it_is_the_user_and_behind_sudo_who_called_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getuid", lambda: 0)
    root = pwd.getpwuid(0).pw_name
    assert [user_name({}), user_name({"SUDO_USER": "jane"})] == [root, f"jane as {root}"]
    monkeypatch.setattr("os.getuid", lambda: 4_000_000)
    assert user_name({"SUDO_USER": "jane"}) == "4000000"


def test_the_cache_folder_is_the_users() -> None:
    assert cache_dir(HOME) == Path("/home/u/.cache/freehold")
    assert cache_dir({**HOME, "XDG_CACHE_HOME": "/xdg"}) == Path("/xdg/freehold")


def test_a_home_that_is_no_folder_is_told_so() -> None:
    with pytest.raises(ConfigError, match="no home folder") as caught:
        data_dir(None, {"HOME": "nowhere"})

    assert caught.value.advice == "Say where to keep things. Give --data DIR."


def test_without_the_variable_the_home_is_that_of_the_user() -> None:
    assert cache_dir({}).is_absolute()


def test_the_file_is_the_chosen_one_then_the_one_here_then_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tmp_path / "other.toml"
    assert config_file(None, tmp_path) is None
    with pytest.raises(ConfigError, match="There is no file"):
        config_file(chosen, tmp_path)

    (tmp_path / "freehold.toml").touch()
    chosen.touch()
    monkeypatch.chdir(tmp_path)
    assert config_file(None, tmp_path) == tmp_path / "freehold.toml"
    assert config_file(None, Path()) == Path("freehold.toml")
    assert config_file(chosen, tmp_path) == chosen


def test_the_environment_is_that_of_the_process_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FREEHOLD_TEST_VARIABLE", "1")
    before = environment()
    monkeypatch.setenv("FREEHOLD_TEST_VARIABLE", "2")

    assert before["FREEHOLD_TEST_VARIABLE"] == "1"
    assert environment()["FREEHOLD_TEST_VARIABLE"] == "2"


def test_a_command_that_only_reads_makes_no_folder_of_a_name_that_was_misspelt(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"There is no data folder {tmp_path}/dta"):
        used_data_dir(tmp_path / "dta", {})
    with pytest.raises(ConfigError, match="There is no data folder /nowhere/at/all"):
        used_data_dir(None, {"FREEHOLD_DATA": "/nowhere/at/all"})
    assert used_data_dir(tmp_path, {}) == tmp_path
    assert used_data_dir(None, {"HOME": str(tmp_path)}) == tmp_path / ".local/share/freehold", (
        "the usual one may be new"
    )
