"""The command line as a whole: every command is where it is said to be, and errors are sentences with exit code 1."""

import importlib
import sys
from pathlib import Path

import pytest

from cli.commands import run
from cli.house_running import freehold
from freehold.cli import COMMANDS, GROUPS, main
from freehold.errors import StoreError
from freehold.store.database import open_database


def say(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    """Runs `freehold` as its entry point does; gives the exit code."""
    monkeypatch.setattr(sys, "argv", ["freehold", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize("words", [command.words for command in COMMANDS], ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    said = run(*words, "--help")
    assert said.exit_code == 0
    assert f"Usage: freehold {' '.join(words)} " in said.stdout
    assert said.stderr == ""


def test_a_command_explains_what_its_page_of_the_reference_does() -> None:
    said = " ".join(run("train", "run", "--help").stdout.split())
    assert " Train by a recipe, or go on with a run. Trains to the end. Ctrl-C ends the watching, not the run: " in said


def test_every_group_of_commands_has_its_line_of_help() -> None:
    for group, line in GROUPS.items():
        *above, name = group.split()
        said = run(*above, "--help").stdout
        assert name in said
        assert line in said
    above_commands = {" ".join(command.words[:end]) for command in COMMANDS for end in range(1, len(command.words))}
    assert above_commands == set(GROUPS)


def test_an_error_is_a_sentence_and_a_hint_on_stderr_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert say(monkeypatch, "usage", "--since", "yesterday") == 1
    out, err = capsys.readouterr()
    assert (out, err) == ("", "'yesterday' is not a day.\nhint: Write it as 2026-11-01.\n")


def test_an_error_without_advice_has_no_hint(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def version() -> None:
        raise StoreError("The disk is gone.")

    monkeypatch.setattr(importlib.import_module("freehold.cli.version"), "version", version)
    assert say(monkeypatch, "version") == 1
    assert capsys.readouterr().err == "The disk is gone.\n"


@pytest.mark.parametrize(
    "words", [("keys", "revoke"), ("items", "show"), ("items", "list", "--workload"), ("items", "split")]
)
def test_a_name_that_is_not_utf_8_is_told(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    open_database(tmp_path).close()
    assert say(monkeypatch, *words, "caf\udce9", "--data", str(tmp_path)) == 1
    assert capsys.readouterr().err == "'caf\\udce9' is not UTF-8.\nhint: Write it in UTF-8.\n"


def test_a_text_of_ours_that_cannot_be_encoded_is_no_fault_of_the_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    def version() -> None:
        "\udce9".encode()

    monkeypatch.setattr(importlib.import_module("freehold.cli.version"), "version", version)
    monkeypatch.setattr(sys, "argv", ["freehold", "version"])
    with pytest.raises(UnicodeEncodeError):
        main()


def test_an_interrupt_ends_without_a_trace(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def version() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importlib.import_module("freehold.cli.version"), "version", version)
    assert say(monkeypatch, "version") == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("words", [("fly",), ("keys", "eat"), ("usage", "--colour"), ("keys", "revoke")])
def test_a_wrong_command_line_is_exit_code_2_with_nothing_on_stdout(words: tuple[str, ...]) -> None:
    done = freehold(*words)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Error" in done.stderr
