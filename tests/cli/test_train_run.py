"""`freehold train run`: trains in a process that outlives the terminal."""

import contextlib
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import msgspec
import pytest

from architecture.source import ROOT
from cli.commands import run
from cli.test_models_promote import QUESTIONS, sealed
from cli.train_runs import RECIPE
from freehold.cli.models_evidence import sealed_items
from freehold.errors import ConfigError, Contaminated, InvalidField, NotConfigured, RowForbidden, TrainingError
from freehold.store.database import open_database
from freehold.training.dataset import Dataset, Example, Turn, write_dataset
from freehold.training.provenance import Pedigree
from freehold.training.recipe import tasks_of
from freehold.training.runs import list_runs
from freehold.training.tasks.arithmetic_chains import ArithmeticChains
from freehold.training.tasks.drawing import draw

WITH_TORCH = all(map(find_spec, ("torch", "transformers", "trl")))


def recipe(folder: Path, text: str = RECIPE) -> str:
    path = folder / "r.toml"
    path.write_text(text)
    return str(path)


@pytest.fixture(name="no_trainer")
def _no_trainer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing trains: what begins a run is seen without torch."""

    class Job:
        def running(self) -> bool:
            return False

        def wait(self) -> int:
            return 0

    monkeypatch.setattr("freehold.training.executor.require_libraries", lambda: None)

    def started(*_: object) -> Job:
        return Job()

    monkeypatch.setattr("freehold.training.executor.LocalExecutor.start", started)


def told(data: Path) -> list[tuple[str, str | None]]:
    """What waits for the ledger: kinds, and how a run ended."""
    with contextlib.closing(open_database(data)) as db:
        rows = db.execute("SELECT kind, body FROM events ORDER BY number").fetchall()
    return [(kind, msgspec.json.decode(body).get("how")) for kind, body in rows]


def test_forbidden_rows_stop_a_run_before_it_is_made(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    row = Example(turns=(Turn("user", "a?"),), reply="b", pedigree=Pedigree(producer="stranger/m", route="api"))
    write_dataset(Dataset((row,)), rows)
    text = f'model = "own/t"\nstage = "sft"\nstart = "w"\ndata = "{rows}"\n[learning]\nsteps = 5\n'
    with pytest.raises(RowForbidden, match="stranger/m"):
        run("train", "run", recipe(tmp_path, text), "--data", str(tmp_path))
    assert not (tmp_path / "runs").exists()


def test_rows_that_give_an_item_of_a_workload_away_stop_a_run_before_it_is_made(tmp_path: Path) -> None:
    sealed(tmp_path)
    own = Pedigree(producer="customer/claims", route="customer", terms="customer-data", terms_date="2026-01-01")
    rows = [Example(turns=(Turn("user", f"Say: {asked}"),), reply="b", pedigree=own) for asked in QUESTIONS]
    write_dataset(Dataset(tuple(rows)), tmp_path / "rows.jsonl")
    text = f'model = "own/t"\nstage = "sft"\nstart = "w"\nbase = "qwen/qwen3-0.6b"\ndata = "{tmp_path}/rows.jsonl"\n'
    with pytest.raises(Contaminated, match="rows give away items of a sealed set"):
        run("train", "run", recipe(tmp_path, f"{text}[learning]\nsteps = 5\n"), "--data", str(tmp_path))
    assert not (tmp_path / "runs").exists()


@pytest.mark.usefixtures("no_trainer")
def test_rows_are_cleaned_before_the_run_keeps_them_and_it_is_told(tmp_path: Path) -> None:
    own = Pedigree(producer="customer/claims", route="customer", terms="customer-data", terms_date="2026-01-01")
    asked = ("Where is my parcel?", "where is  my PARCEL?", "Call +41 79 123 45 67 or write to ann@example.com")
    rows = tuple(Example(turns=(Turn("user", one),), reply="On its way.", pedigree=own) for one in asked)
    write_dataset(Dataset(rows), tmp_path / "rows.jsonl")
    base = 'start = "w"\nbase = "qwen/qwen3-0.6b"\n'
    text = f'model = "own/t"\nstage = "sft"\n{base}data = "{tmp_path}/rows.jsonl"\n[learning]\nsteps = 5\n'
    said = run("train", "run", recipe(tmp_path, text), "--data", str(tmp_path), "--detach")
    told = "Of 3 rows 1 left out: the same as another; in 1 what identifies people is replaced."
    assert told in said.stderr
    (place,) = list_runs(tmp_path)
    kept = place.dataset()
    assert kept is not None
    assert [one.asked for one in kept.examples] == [asked[0], "Call [PHONE_1] or write to [EMAIL_1]"]
    assert (place.run().cleaned, place.run().rows) == (told, kept.digest)
    assert b"ann@" not in (place.path / "rows.jsonl").read_bytes()
    as_it_is = text.replace("[learning]", "[clean]\nredact = []\nshortest = 100\n[learning]")
    with pytest.raises(ConfigError, match=r"Nothing is left of .* Of 3 rows 3 left out: it is too short or too long"):
        run("train", "run", recipe(tmp_path, as_it_is), "--data", str(tmp_path), "--detach")


@pytest.mark.usefixtures("no_trainer")
def test_a_row_gives_an_item_away_by_the_words_that_it_had_before_they_were_replaced(tmp_path: Path) -> None:
    asked = [f"{' '.join(words.split()[:6])} +41 79 123 45 {at:02}" for at, words in enumerate(QUESTIONS)]
    lines = [{"id": f"i{at}", "input": text} for at, text in enumerate(asked)]
    (tmp_path / "items.jsonl").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    imported = ("items", "import", str(tmp_path / "items.jsonl"), "--workload", "claims", "--no-redact")
    assert run(*imported, "--data", str(tmp_path)).exit_code == 0
    assert run("items", "split", "claims", "--data", str(tmp_path)).exit_code == 0
    own = Pedigree(producer="customer/claims", route="customer", terms="customer-data", terms_date="2026-01-01")
    rows = [Example(turns=(Turn("user", text),), reply="b", pedigree=own) for text in asked]
    write_dataset(Dataset(tuple(rows)), tmp_path / "rows.jsonl")
    text = f'model = "own/t"\nstage = "sft"\nstart = "w"\nbase = "qwen/qwen3-0.6b"\ndata = "{tmp_path}/rows.jsonl"\n'
    with pytest.raises(Contaminated, match="rows give away items of a sealed set"):
        run("train", "run", recipe(tmp_path, f"{text}[learning]\nsteps = 5\n"), "--data", str(tmp_path), "--detach")
    assert list_runs(tmp_path) == []


@pytest.mark.usefixtures("no_trainer")
@pytest.mark.parametrize("words", [("run",), ("plan",)])
def test_a_level_that_no_problem_reaches_is_told_before_anything_is_made(
    words: tuple[str, ...], tmp_path: Path
) -> None:
    text = RECIPE.replace('"arithmetic-chains"', '"refund-policy"\noptions = { kinds = ["sale"] }\nlevels = [0, 2, 3]')
    with pytest.raises(ConfigError) as caught:
        run("train", *words, recipe(tmp_path, text), "--data", str(tmp_path))
    assert caught.value.message == (
        "The recipe for own/small: with these options refund-policy has no problem of level 2, 3. "
        "Mend `levels` or `options`; of the levels that are asked for there are problems of 0."
    )
    assert not (tmp_path / "runs").exists()


def test_what_is_neither_a_recipe_nor_a_run_is_told_whatever_else_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freehold.training.executor.NEEDED", ("nothing_of_this_name",))
    with pytest.raises(ConfigError, match="There is no file nano with a recipe, and no run of that id") as caught:
        run("train", "run", "nano", "--data", str(tmp_path))
    assert caught.value.advice.startswith("A recipe is a file of TOML: see recipes/.")


SINGLE = RECIPE.replace('"arithmetic-chains"', '"arithmetic-chains"\noptions = { digits = 1 }\nlevels = [2]')


@pytest.mark.usefixtures("no_trainer")
def test_a_problem_of_the_mix_that_somebody_imported_to_try_models_with_is_never_drawn(tmp_path: Path) -> None:
    task = ArithmeticChains(digits=1)
    every = sorted({task.render(one) for one in islice(draw(task, "train", {2: 1.0}, 1), 4_000)})
    lines = [{"id": f"i{number}", "input": f"{text} /no_think"} for number, text in enumerate(every[::3])]
    (tmp_path / "items.jsonl").write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    imported = ("items", "import", str(tmp_path / "items.jsonl"), "--workload", "sums", "--data", str(tmp_path))
    assert run(*imported).exit_code == 0
    run("train", "run", recipe(tmp_path, SINGLE), "--data", str(tmp_path), "--detach")
    assert run("items", "split", "sums", "--data", str(tmp_path)).exit_code == 0
    leaks = {one.asked.removesuffix(" /no_think") for one in sealed_items(tmp_path)}
    said = run("train", "run", recipe(tmp_path, SINGLE), "--data", str(tmp_path), "--detach")
    assert f"What {len(leaks)} sealed items ask is not drawn." in said.stderr
    before, after = sorted(list_runs(tmp_path), key=lambda one: one.run().sealed)
    assert ((before.run().sealed, before.run().apart), after.run().sealed) == ((0, ""), len(leaks))
    assert before.run().recipe == after.run().recipe
    drawn: list[set[str]] = []
    for place in (before, after):
        ((kept, _, _),) = tasks_of(place.recipe())
        drawn.append({kept.render(one) for one in islice(draw(kept, "train", {2: 1.0}, 5), 4_000)})
    assert len(leaks) >= 5
    assert drawn[0] - drawn[1] == leaks
    assert not any(leak.encode() in path.read_bytes() for path in after.path.iterdir() for leak in leaks)


@pytest.mark.usefixtures("no_trainer")
def test_weights_that_a_recipe_names_are_fetched_before_the_run_is_made_and_again_where_they_have_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Path, int]] = []

    def fetch(name: str, cache: Path, _progress: object) -> Path:
        asked.append((name, cache, len(list_runs(tmp_path))))
        return cache / "weights" / "model.gguf"

    monkeypatch.setattr("freehold.serving.weights.fetch", fetch)
    environ: dict[str, str | None] = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    path = str(ROOT / "recipes" / "smollm2-sft.toml")
    run("train", "run", path, "--data", str(tmp_path), "--detach", environ=environ)
    (place,) = list_runs(tmp_path)
    assert place.recipe().start == "smollm2-135m"
    run("train", "run", place.path.name, "--data", str(tmp_path), "--detach", environ=environ)
    assert asked == [("smollm2-135m", tmp_path / "cache" / "freehold", runs) for runs in (0, 1)]


def test_ctrl_c_ends_the_watching_at_once_and_what_stands_on_the_run_is_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless:
        def running(self) -> bool:
            raise KeyboardInterrupt

        def wait(self) -> int:
            raise AssertionError("nobody waits for it")

    def endless(*_: object) -> Endless:
        return Endless()

    monkeypatch.setattr("freehold.training.executor.require_libraries", lambda: None)
    monkeypatch.setattr("freehold.training.executor.LocalExecutor.start", endless)
    first = recipe(tmp_path)
    second = tmp_path / "second.toml"
    second.write_text(f'start = "{Path(first).name}"\n{RECIPE}')
    said = run("train", "run", str(second), "--data", str(tmp_path))
    assert said.exit_code == 130
    (place,) = list_runs(tmp_path)
    assert f"The run goes on: freehold train show {place.path.name} --follow" in said.stderr


@pytest.mark.skipif(WITH_TORCH, reason="the extra is there")
def test_without_the_extra_nothing_is_made_and_it_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(NotConfigured, match="Training needs torch") as caught:
        run("train", "run", recipe(tmp_path), "--data", str(tmp_path))
    assert "freehold[training]" in caught.value.advice
    assert not (tmp_path / "runs").exists()


@pytest.mark.skipif(not WITH_TORCH, reason="needs the extra `training`")
def test_a_run_that_fails_says_why_and_where_its_log_is(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="A thousand examples in a row are longer than 4 tokens") as caught:
        run("train", "run", recipe(tmp_path, RECIPE.replace("length = 64", "length = 4")), "--data", str(tmp_path))
    assert "log.txt" in caught.value.advice
    assert told(tmp_path) == [("training.started", None), ("training.ended", "failed")]


@pytest.mark.skipif(not WITH_TORCH, reason="needs the extra `training`")
def test_a_recipe_is_trained_to_its_end_and_leaves_weights_and_curves(tmp_path: Path) -> None:
    small = RECIPE.replace("steps = 100", "steps = 4\nthreads = 1") + "[watch]\nitems = 2\ntokens = 8\n"
    said = run("train", "run", recipe(tmp_path, small), "--data", str(tmp_path), "--json")
    shown = msgspec.json.decode(said.stdout)
    assert (shown["state"], shown["ended"]["step"]) == ("done", 4)
    (folder,) = tmp_path.glob("runs/*")
    assert (folder / "model" / "model.safetensors").exists()
    assert (folder / "curves.svg").exists()
    assert told(tmp_path) == [("training.started", None), ("training.ended", "done")]


@pytest.mark.skipif(not WITH_TORCH, reason="needs the extra `training`")
def test_what_a_recipe_stands_on_is_run_first_and_only_once(tmp_path: Path) -> None:
    small = RECIPE.replace("steps = 100", "steps = 4\nthreads = 1") + "[watch]\nitems = 2\ntokens = 8\n"
    (tmp_path / "first.toml").write_text(small)
    second = recipe(tmp_path, small.replace("[shape]", 'start = "first.toml"\n[shape]', 1))
    with pytest.raises(InvalidField, match=r"r\.toml stands on first\.toml, which has no finished run"):
        run("train", "run", second, "--data", str(tmp_path), "--detach")
    assert not (tmp_path / "runs").exists()
    said = run("train", "run", second, "--data", str(tmp_path), "--json")
    assert "First first.toml, which r.toml stands on." in said.stderr
    assert msgspec.json.decode(said.stdout)["state"] == "done"
    first, made = sorted(
        tmp_path.glob("runs/*/recipe.json"),
        key=lambda path: b"first" in path.read_bytes() or b"/runs/" in path.read_bytes(),
    )
    assert msgspec.json.decode(made.read_bytes())["start"] == str(first.parent)
    again = run("train", "run", second, "--data", str(tmp_path), "--json")
    assert "First" not in again.stderr
    assert len(list(tmp_path.glob("runs/*"))) == 3
