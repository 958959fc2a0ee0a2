"""What the pages say is what the code does: reference pages are the code's own words, examples can be used, links lead."""

import importlib.util
import json
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from architecture.source import FILES, ROOT, room_of
from freehold.cli import COMMANDS
from freehold.cli.settings import known_vendors
from freehold.config.reading import read
from freehold.errors import FreeholdError, NotConfigured
from freehold.graders import build, load
from freehold.graders.selftest import self_test
from freehold.training.recipe import parse_recipe
from freehold.trials.plan import decode, digest

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(DOCS.rglob("*.md"))]
SHOWN = [*PAGES, *sorted((ROOT / "examples").rglob("README.md"))]


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render_docs", ROOT / "tools" / "render_docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RENDER = load_tool()


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", sorted(RENDER.PAGES))
def test_a_reference_page_says_what_the_code_says(page: str) -> None:
    assert (DOCS / "reference" / page).read_text() == RENDER.PAGES[page](), "run `make docs`"


def test_every_error_is_in_the_reference_once_and_tells_what_to_do() -> None:
    text = (DOCS / "reference" / "errors.md").read_text()
    shown = re.findall(r"^\| `([a-z-]+)` ", text, flags=re.MULTILINE)
    leaves = [kind for kind in RENDER.tree(FreeholdError) if not kind.__subclasses__()]
    assert shown == [kind.code for kind in leaves]
    assert len(set(shown)) == len(shown) > 30


def test_every_command_is_in_the_reference() -> None:
    text = (DOCS / "reference" / "commands.md").read_text()
    files = {path.stem for path in FILES if room_of(path) == "cli" and not path.name.startswith("_")}
    helpers = {"house", "ledger_writer", "running", "settings", "worker"}
    helpers |= {"audit", *(f"audit_{name}" for name in ("books", "bundle", "contents", "filters", "page", "reading"))}
    helpers |= {
        "audit_copies",
        "audit_policy",
        "audit_reasoning",
        "audit_report",
        "audit_tiles",
        "audit_words",
        "items",
    }
    helpers |= {
        f"journey_{name}"
        for name in ("door", "extras", "moving", "page", "proof", "run", "sabotage", "stages", "state", "view")
    }
    helpers |= {f"audit_faithfulness_{name}" for name in ("asking", "items", "journal", "page", "plots")}
    helpers |= {f"trial_{name}" for name in ("bars", "gates", "items", "opening", "page", "texts")}
    helpers |= {
        "canary_store",
        "models_evidence",
        "models_adapter",
        "models_registry",
        "promoted",
        "registered",
        "report_page",
        "rollouts",
        "rollouts_judges",
        "traces_key",
        "traces_lineage",
        "train_workload",
        "usage_invoice",
        "usage_left",
        "usage_project",
        "overrides",
        "run_key",
        "written",
    }
    assert len(COMMANDS) == len(files - helpers) + 5, "keys.py holds three commands, audit_key.py four; others hold one"
    for command in COMMANDS:
        assert f"\n## `freehold {' '.join(command.words)}`\n" in text


@pytest.mark.parametrize("page", SHOWN, ids=named)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{named(page)} links to {target}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_paths_that_pages_name_exist(page: Path) -> None:
    for path in re.findall(r"`((?:src|docs|tests|bench|tools|requirements|examples)/[\w./-]+)`", page.read_text()):
        assert (ROOT / path).exists(), f"{named(page)} names {path}"


def blocks(*, recipes: bool) -> list[tuple[str, str]]:
    """The blocks of TOML that pages show: recipes, which have a `stage`, or configurations."""
    found: list[tuple[str, str]] = []
    for page in PAGES:
        for number, block in enumerate(re.findall(r"^```toml\n(.*?)^```", page.read_text(), flags=re.M | re.S)):
            if bool(re.search(r"^stage = ", block, flags=re.M)) == recipes:
                found.append((f"{named(page)}#{number}", block))
    return found


def configurations() -> list[tuple[str, str]]:
    """Every whole configuration that a page or an example shows."""
    found = blocks(recipes=False)
    found += [(named(path), path.read_text()) for path in sorted((ROOT / "examples").glob("*.toml"))]
    return found


@pytest.mark.parametrize(("where", "block"), blocks(recipes=True), ids=lambda value: value if len(value) < 60 else "")
def test_a_recipe_that_is_shown_can_be_read(where: str, block: str) -> None:
    assert parse_recipe(block.encode()).model.startswith("own/")


@pytest.mark.parametrize(("where", "block"), configurations(), ids=lambda value: value if len(value) < 60 else "")
def test_a_configuration_that_is_shown_can_be_used(where: str, block: str, tmp_path: Path) -> None:
    path = tmp_path / "freehold.toml"
    path.write_text(block)
    for name in re.findall(r'file = "([^"]+)"|(?:weights|adapter) = "([^"]+\.gguf)"', block):
        name = "".join(name)
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("secret")
    names = re.findall(r'env = "(\w+)"', block)
    environ = {name: "https://models.example.com/v1" if name.endswith("_URL") else "secret" for name in names}
    assert read(path, environ, known_vendors()).workloads


@pytest.mark.parametrize(("where", "block"), configurations(), ids=lambda value: value if len(value) < 60 else "")
def test_graders_that_are_shown_can_be_made(where: str, block: str) -> None:
    for workload in tomllib.loads(block).get("workloads", {}).values():
        for table in workload.get("graders", ()):
            try:
                build(table).close()
            except NotConfigured as error:
                pytest.skip(error.message)


@pytest.mark.parametrize("folder", sorted((ROOT / "examples" / "trials").iterdir()), ids=named)
def test_an_example_of_a_trial_is_one_trial_with_the_plan_that_it_reports(folder: Path) -> None:
    content = (folder / "plan.json").read_bytes()
    plan, report = decode(content, "plan.json"), json.loads((folder / "report.json").read_text())
    assert report["noted"]["plan"] == report["results"]["plan"] == digest(content)
    assert report["plan"]["id"] == plan.id
    assert report["disagreements"] == []  # no words of anybody's
    for page in ("report.md", "report.html"):
        text = (folder / page).read_text()
        assert digest(content) in text
        assert report["noted"]["results"] in text


def test_the_grader_that_the_guide_writes_proves_itself() -> None:
    text = (DOCS / "guides" / "graders.md").read_text()
    (source,) = re.findall(r"^```python\n(.*?)^```", text, flags=re.M | re.S)
    space: dict[str, Any] = {}
    exec(compile(source, "graders.md", "exec"), space)
    assert self_test(space["Cites"]) == []


def test_every_grader_and_each_of_its_options_is_in_the_reference() -> None:
    text = (DOCS / "reference" / "graders.md").read_text()
    for name, kind in load().items():
        section = text.split(f"\n## `{name}`\n", 1)[1].split("\n## ", 1)[0]
        options = set(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE))
        assert options == set(kind.takes.__struct_fields__) - {"label", "negate"}
