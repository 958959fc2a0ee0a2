"""What a run is made from: its rows, and all that stands behind the weights that it starts from or is taught by."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.catalog.terms import Terms
from freehold.errors import ConfigError, RowForbidden
from freehold.items import Item
from freehold.training import tasks
from freehold.training.ancestry import Ancestry, admit_recipe, merged
from freehold.training.dataset import Dataset
from freehold.training.lineage import Source
from freehold.training.progress import Ended, Progress
from freehold.training.provenance import Override, Pedigree
from freehold.training.recipe import Portion, Recipe, parse_recipe
from freehold.training.runs import new_run
from freehold.training.tasks.arithmetic_chains import ArithmeticChains
from freehold.training.tasks.kept_workload import Kept, write_kept
from training.rows import OPENAI, TASKS, row
from training.versions import LINEAGE
from training.words import override, unsigned

TERMS = Terms.load()
ON = "2026-11-26"
CHAINS = Source("freehold/arithmetic-chains", "program", "freehold-tasks", "2026-01-01", "Apache-2.0", 0)
RENTED = Source("openai/gpt-5-mini", "api", "openai-services-agreement", "2026-01-01", "", 9)
WRITTEN = Source("customer/claims", "customer", "customer-data", "2026-01-01", "", 4)
FREED = override(terms="openai-services-agreement", terms_date="2026-01-01", use="distil", student="own/t")


def recipe(stage: str = "sft", **more: Any) -> Recipe:
    lines = [f'model = "own/t"\nstage = "{stage}"\n']
    lines += [f'{name} = "{value}"\n' for name, value in more.items() if name in ("start", "base", "data")]
    if stage in ("pretrain", "distil"):
        lines.append("shape = { layers = 2, width = 32, heads = 2, inner = 64 }\n")
    if "teacher" in more:
        lines.append(f'teacher = {{ run = "{more["teacher"]}", base = "{more.get("teacher_base", "")}" }}\n')
    if not more.get("data"):
        lines.append('mix = [{ task = "arithmetic-chains" }]\n')
    return parse_recipe("".join([*lines, "learning = { steps = 5 }\n"]).encode())


def exported(folder: Path, *sources: Source, **lineage: Any) -> Path:
    """A folder of weights with its lineage beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    made = replace(LINEAGE, **{"dataset": "", "sources": sources, "run": "older-1", **lineage})
    (folder / "lineage.json").write_bytes(msgspec.json.encode(made))
    return folder


def admitted(made: Recipe, *overrides: Override, rows: Dataset | None = None) -> Ancestry:
    return admit_recipe(made, TERMS, ON, rows=rows, overrides=overrides)


def test_a_run_from_nothing_is_made_from_what_its_tasks_draw() -> None:
    assert admitted(recipe("pretrain")) == Ancestry(sources=(CHAINS,))


class Stranger(ArithmeticChains):
    """A task that another package brings."""

    name: ClassVar[str] = "strange-chains"


def test_what_a_task_of_another_package_draws_is_that_packages_and_nobodys_terms_are_known_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Stranger, "__module__", "acme_tasks.chains")
    brought = {"strange-chains": Stranger}
    monkeypatch.setattr(tasks, "load", lambda: brought)
    made = replace(recipe("pretrain"), mix=(Portion(task="strange-chains"),))
    with pytest.raises(RowForbidden, match="Rows by acme_tasks/strange-chains may not train own/t: no terms are known"):
        admitted(made)
    known = Terms.load(
        b"""
        [[contract]]
        id = "acme"
        vendor = "acme_tasks"
        route = "program"
        title = "Acme's tasks"
        date = "2026-01-01"
        sureness = "read"
        source = "its licence"
        permits = { distil = "yes", train-competing = "yes" }
        """
    )
    found = admit_recipe(made, known, ON)
    assert [(one.producer, one.terms) for one in found.sources] == [("acme_tasks/strange-chains", "acme")]


def test_word_problems_are_the_librarys_and_a_task_that_is_gone_is_nobodys() -> None:
    made = replace(recipe("pretrain"), mix=(Portion(task="word-problems"),))
    assert [one.producer for one in admitted(made).sources] == ["reasoning-gym/gsm_symbolic"]
    with pytest.raises(RowForbidden, match="unknown/gone"):
        admitted(replace(made, mix=(Portion(task="gone"),)))


def test_rows_are_asked_for_what_training_does_with_them() -> None:
    good, bad = row("a"), row("b", pedigree=OPENAI)
    made = recipe(start="w", base="qwen/qwen3-0.6b", data="rows.jsonl")
    found = admitted(made, rows=Dataset((good,)))
    assert (found.dataset, found.base) == (Dataset((good,)).digest, "qwen/qwen3-0.6b")
    with pytest.raises(RowForbidden, match=r"1 of 2 rows may not train own/t\..*openai/gpt-5-mini"):
        admitted(made, rows=Dataset((good, bad)))
    assert admitted(made, FREED, rows=Dataset((good, bad))).overrides == (FREED,)
    with pytest.raises(RowForbidden, match="The override by ops frees nothing"):  # as a run of before may hold it
        admitted(made, unsigned(FREED), rows=Dataset((good, bad)))


def test_weights_of_which_nothing_tells_what_they_were_made_from_start_no_run_and_teach_none(tmp_path: Path) -> None:
    for made in (recipe(start=tmp_path), recipe("distil", teacher=tmp_path), recipe(start=tmp_path, base="own/nano")):
        with pytest.raises(RowForbidden, match=r"Nothing tells what the weights in .* were made from"):
            admitted(made)
    with pytest.raises(ConfigError, match="There is no folder"):
        admitted(recipe(start=tmp_path / "none"))


@pytest.mark.parametrize(
    ("base", "refused"), [("meta/llama-3.2-1b", "begins with Llama"), ("x/y", "no terms are known")]
)
def test_weights_of_others_start_a_run_only_where_they_may_be_changed(base: str, refused: str) -> None:
    with pytest.raises(RowForbidden, match=refused):
        admitted(recipe(start="w", base=base))


def test_weights_of_others_teach_only_where_they_may(tmp_path: Path) -> None:
    found = admitted(recipe("distil", teacher=tmp_path, teacher_base="qwen/qwen3-0.6b"))
    assert [source.producer for source in found.sources] == ["freehold/arithmetic-chains", "qwen/qwen3-0.6b"]
    with pytest.raises(RowForbidden, match="x/y may not teach own/t: no terms are known"):
        admitted(recipe("distil", teacher=tmp_path, teacher_base="x/y"))


def test_a_student_stands_on_all_that_its_start_was_made_from(tmp_path: Path) -> None:
    start = exported(tmp_path / "f16", WRITTEN, dataset="c" * 64, inherited=("d" * 64,), base="qwen/qwen3-0.6b")
    found = admitted(recipe(start=start))
    assert found == Ancestry(
        base="qwen/qwen3-0.6b",
        start="older-1",
        inherited=("d" * 64, "c" * 64),
        sources=(WRITTEN, CHAINS),
    )
    exported(start, WRITTEN, RENTED)
    with pytest.raises(RowForbidden, match="Rows by openai/gpt-5-mini may not train own/t: OpenAI"):
        admitted(recipe(start=start))
    assert admitted(recipe(start=start), FREED).overrides == (FREED,)


def test_papers_beside_a_file_are_its_own_where_they_name_its_digest(tmp_path: Path) -> None:
    file = tmp_path / "t.gguf"
    file.write_bytes(b"GGUF t")
    mine = {"base": "qwen/qwen3-0.6b", "weights": hashlib.sha256(b"GGUF t").hexdigest()}
    exported(tmp_path, RENTED, **mine)
    with pytest.raises(RowForbidden, match="Rows by openai/gpt-5-mini may not train own/t: OpenAI"):
        admitted(recipe(start=file, base="qwen/qwen3-0.6b"))
    exported(tmp_path, WRITTEN, **mine)
    assert admitted(recipe(start=file)).sources == (WRITTEN, CHAINS)
    exported(tmp_path, RENTED, base="qwen/qwen3-0.6b")
    assert admitted(recipe(start=file, base="qwen/qwen3-0.6b")).sources == (CHAINS,)


def test_a_pupil_stands_on_all_that_its_teacher_was_made_from(tmp_path: Path) -> None:
    teacher = exported(tmp_path, CHAINS)
    found = admitted(recipe("distil", teacher=teacher))
    own = Source("own/older-1", "api", "own-models", "2026-01-01", "", 0)
    assert found.sources == (CHAINS, own)
    exported(teacher, RENTED)
    with pytest.raises(RowForbidden, match="openai/gpt-5-mini may not train own/t"):
        admitted(recipe("distil", teacher=teacher))


def test_a_run_is_followed_to_the_rows_behind_it(tmp_path: Path) -> None:
    rows = Dataset((row("a"),))
    made = recipe(start="w", base="qwen/qwen3-0.6b", data="rows.jsonl")
    first = new_run(tmp_path, made, datetime(2026, 1, 1, tzinfo=UTC), rows=rows)
    for start in (first.path, first.weights):
        found = admitted(recipe(start=start))
        assert (found.start, found.base) == (first.path.name, "qwen/qwen3-0.6b")
        assert (found.dataset, found.inherited) == ("", (rows.digest,))
        assert [source.producer for source in found.sources] == ["freehold/arithmetic-chains", "freehold/x"]


@pytest.mark.parametrize("changed", ["model/model.safetensors", "model/more.safetensors", "ancestry.json"])
def test_weights_and_papers_that_a_run_did_not_end_with_start_no_run_and_teach_none(
    tmp_path: Path, changed: str
) -> None:
    first = new_run(tmp_path, recipe("pretrain"), datetime(2026, 1, 1, tzinfo=UTC))
    with first.held():
        first.weights.mkdir()
        (first.weights / "model.safetensors").write_bytes(b"weights")
        (first.path / "ancestry.json").write_bytes(msgspec.json.encode(Ancestry(sources=(CHAINS,))))
        Progress(first.progress).tell(Ended(step=5, done=True, why="", elapsed=1.0, tokens=9))
    assert admitted(recipe(start=first.path)).start == first.path.name
    (first.path / changed).write_bytes(msgspec.json.encode(Ancestry(sources=(WRITTEN,))))
    for made in (recipe(start=first.path), recipe(start=first.weights), recipe("distil", teacher=first.path)):
        with pytest.raises(ConfigError, match=rf"{changed} is not what the run {first.path.name} ended with"):
            admitted(made)


def test_papers_of_other_weights_tell_nothing_of_those_in_a_folder(tmp_path: Path) -> None:
    folder = exported(tmp_path / "f16", CHAINS, weights=hashlib.sha256(b"GGUF t").hexdigest())
    (folder / "t.gguf").write_bytes(b"GGUF t")
    (folder / "model.safetensors").write_bytes(b"the same")
    assert admitted(recipe(start=folder)).sources == (CHAINS,)
    (folder / "t.gguf").write_bytes(b"GGUF of others")
    with pytest.raises(RowForbidden, match=r"lineage\.json in .*f16 is that of other weights"):
        admitted(recipe(start=folder))


def test_a_recipe_does_not_contradict_what_weights_tell_of_themselves(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"was made from qwen/qwen3-0\.6b, and its own papers say from nothing"):
        admitted(recipe(start=exported(tmp_path, CHAINS), base="qwen/qwen3-0.6b"))


def test_a_run_does_not_start_from_itself(tmp_path: Path) -> None:
    first = new_run(tmp_path, recipe(start="w"), datetime(2026, 1, 1, tzinfo=UTC))
    (first.path / "recipe.json").write_bytes(msgspec.json.encode(recipe(start=first.path)))
    with pytest.raises(ConfigError, match="starts from itself"):
        admitted(recipe(start=first.path))


def test_sources_are_added_up() -> None:
    assert merged([WRITTEN, CHAINS, replace(WRITTEN, rows=3)]) == (replace(WRITTEN, rows=7), CHAINS)


PERMITTED: tuple[Pedigree, ...] = (
    TASKS,
    Pedigree(producer="customer/claims", route="customer", terms="customer-data", terms_date="2026-01-01"),
    Pedigree(
        producer="deepseek/deepseek-chat", route="api", terms="deepseek-open-platform-terms", terms_date="2026-04-29"
    ),
)
FORBIDDEN: tuple[Pedigree, ...] = (
    OPENAI,
    Pedigree(producer="anthropic/x", route="api", terms="anthropic-commercial-terms", terms_date="2025-06-17"),
    Pedigree(producer="somebody/x", route="api"),
    replace(TASKS, terms_date="1999-01-01"),
)
pedigrees = st.lists(st.sampled_from((*PERMITTED, *FORBIDDEN)), max_size=3)


def counted(made: list[Pedigree]) -> tuple[Source, ...]:
    return tuple(Source(one.producer, one.route, one.terms, one.terms_date, one.licence, 1) for one in made)


@given(own=pedigrees, start=pedigrees, teacher=pedigrees)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_a_run_begins_exactly_when_everything_behind_it_may_be_used(
    own: list[Pedigree], start: list[Pedigree], teacher: list[Pedigree], tmp_path: Path
) -> None:
    rows = Dataset(tuple(row(str(place), pedigree=one) for place, one in enumerate(own)))
    made = recipe("distil", teacher=exported(tmp_path / "teacher", CHAINS, *counted(teacher)))
    made = replace(made, start=str(exported(tmp_path / "start", *counted(start))))
    if set(FORBIDDEN).isdisjoint([*own, *start, *teacher]):
        assert admitted(made, rows=rows).dataset == rows.digest
    else:
        with pytest.raises(RowForbidden):
            admitted(made, rows=rows)


def refunds(stage: str, items: Path | None, **more: Any) -> Recipe:
    """A recipe with a workload in its mix, its items chosen where there is a file."""
    options = {"workload": "refunds", **({"items": str(items)} if items is not None else {})}
    table = {"model": "own/t", "stage": stage, "start": "w", "base": "qwen/qwen3-0.6b", "learning": {"steps": 5}}
    mix = [{"task": "workload", "options": options}]
    return msgspec.convert({**table, "mix": mix, "reward": {}, **more}, Recipe)


def said(*roles: str, model: str = "") -> Item:
    messages = [{"role": role, "content": f"{role} says {model}"} for role in roles]
    return Item(id=f"{'-'.join(roles)}{model}", workload="refunds", input={"messages": messages}, model=model)


def test_a_run_that_is_rewarded_on_a_workload_is_made_from_its_callers_words_and_those_of_models_in_them(
    tmp_path: Path,
) -> None:
    written = replace(WRITTEN, producer="customer/refunds")
    assert admitted(refunds("grpo", None)).sources == (replace(written, rows=0),)
    talks = (said("user"), said("user", "assistant", "user", model="deepseek/deepseek-chat"))
    file = tmp_path / "workload-1.json"
    file.write_bytes(write_kept(Kept(workload="refunds", grader={"kind": "exact"}, train=talks, val=(said("user"),))))
    found = admitted(refunds("dpo", file)).sources
    assert [(one.producer, one.rows) for one in found] == [("customer/refunds", 2), ("deepseek/deepseek-chat", 1)]
    assert admitted(refunds("sft", file, data="d")).sources == ()
    talks = (*talks, said("user", "assistant", "user", model="openai/gpt-5-mini"))
    file.write_bytes(write_kept(Kept(workload="refunds", grader={"kind": "exact"}, train=talks)))
    with pytest.raises(RowForbidden, match="Rows by openai/gpt-5-mini may not train own/t"):
        admitted(refunds("grpo", file))
