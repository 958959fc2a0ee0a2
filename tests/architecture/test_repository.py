"""What may stand in the repository, and what the pages say of it."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name]


def test_no_file_names_a_package_registry() -> None:
    hosts = re.compile(r"(pypi|pythonhosted|npmjs)\.(org|com)".replace("pypi", "py" + "pi"))
    texts = [path for path in tracked() if path.is_file() and path.suffix not in (".gguf", ".png")]
    assert [str(path) for path in texts if hosts.search(path.read_text(errors="replace"))] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_file_pins_every_package_with_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    pins = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(pins) > 5
    assert all(re.match(r"[a-z0-9._-]+(\[[a-z0-9,]+\])?==\S+", pin) for pin in pins)
    assert all(f"{pin.split(' ')[0]}" for pin in pins)
    assert text.count("--hash=sha256:") >= len(pins)


def test_what_checks_need_holds_what_tests_need() -> None:
    """The Makefile installs for `make check` alone where both are run."""
    check, test = (
        set(re.findall(r"^[a-z0-9]\S+==\S+", (ROOT / "requirements" / name).read_text(), flags=re.MULTILINE))
        for name in ("check.txt", "test.txt")
    )
    assert len(test) > 100
    assert test - check == set()


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    names = {re.split(r"[\[<>=!~ ]", requirement)[0] for requirement in wanted}
    shown = set(re.findall(r"^\| `([\w-]+)`", (ROOT / "docs" / "dependencies.md").read_text(), flags=re.MULTILINE))
    assert shown == names


def test_the_readme_shows_every_room() -> None:
    tree = (ROOT / "README.md").read_text().split("src/freehold/\n", 1)[1].split("```", 1)[0]
    shown = {line.split()[0].rstrip("/") for line in tree.splitlines() if line.strip()}
    source = ROOT / "src" / "freehold"
    rooms = {path.name for path in source.iterdir() if not path.name.startswith("_") and path.name != "py.typed"}
    assert shown == rooms


LONG = {"src/freehold/errors.py": "the one tree of errors: leaves and words, no logic"}
"""Files that may be longer, with the reason."""


def test_no_file_of_the_source_outgrows_its_reader() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "src").rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 430
    }
    assert long.keys() == LONG.keys()
