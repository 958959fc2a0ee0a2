"""What a journey has put in place while it goes on."""

import os
import re
import sys
from pathlib import Path

from freehold.cli.journey_extras import Background, Strangers, installer, training_requirements
from freehold.config.paths import environment

PYTHON = [sys.executable, "-S", "-c"]


def test_commands_run_one_after_the_other(tmp_path: Path) -> None:
    said = tmp_path / "said"
    write = "import sys; open(sys.argv[1], 'a').write(sys.argv[2])"
    running = Background([[*PYTHON, write, str(said), word] for word in ("a", "b")], environment())
    assert running.wait(20) == ""
    assert (said.read_text(), running.running()) == ("ab", False)


def test_one_that_fails_is_told_in_its_last_words_and_the_next_does_not_run(tmp_path: Path) -> None:
    never = tmp_path / "never"
    fails = [*PYTHON, "import sys; sys.exit('no index answers')"]
    running = Background([fails, [*PYTHON, "import sys; open(sys.argv[1], 'w')", str(never)]], environment())
    assert running.wait(20) == "no index answers"
    assert not never.exists()


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "no-such-program" in Background([[str(tmp_path / "no-such-program")]], environment()).wait(20)


def test_what_runs_can_be_stopped() -> None:
    running = Background([[*PYTHON, "import time; time.sleep(60)"], [*PYTHON, ""]], environment())
    assert running.wait(0.01) == "it was not done within 0 s"
    running.stop()
    assert not running.running()


def test_torch_is_not_among_what_comes_after_it() -> None:
    names = [re.split(r"[<>=]", one)[0] for one in training_requirements()]
    assert {"trl", "transformers", "gguf"} <= set(names)
    assert "torch" not in names


def test_the_installer_belongs_to_this_interpreter() -> None:
    assert sys.executable in installer()


def test_strangers_that_are_there_already_are_not_installed_again(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("proofbundle", "tlog-tiles", "says"):
        path = tmp_path / "bin" / name
        path.write_text('#!/bin/sh\necho "$1 ${PYTHONPATH:-none} $(pwd)"\n')
        path.chmod(0o755)
    found = Strangers(tmp_path / "new", {**environment(), "FREEHOLD_STRANGERS": str(tmp_path), "PYTHONPATH": "/ours"})
    assert (found.here(), found.wait(1), (tmp_path / "new").exists()) == (True, "", False)
    done = found.run("says", "hello", folder=tmp_path)
    assert done.stdout.split() == ["hello", "none", os.path.realpath(tmp_path)]
    found.stop()
