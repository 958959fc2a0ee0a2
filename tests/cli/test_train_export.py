"""`freehold train export`, and the chain from a run to the registry."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from cli.commands import run
from cli.model_shelf import models
from cli.test_train_run import recipe
from cli.train_runs import RECIPE, finished
from freehold.errors import ConfigError, InvalidField, NotConfigured

WITH_TORCH = all(map(find_spec, ("torch", "transformers", "trl", "gguf", "xllamacpp")))


def test_a_kind_that_there_is_not_and_a_run_that_there_is_not_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match="There is no 'q5' to export to"):
        run("train", "export", "small", "--quant", "f16,q5", "--data", str(tmp_path))
    with pytest.raises(ConfigError, match="There is no run small"):
        run("train", "export", "small", "--data", str(tmp_path))


@pytest.mark.skipif(WITH_TORCH, reason="the extra is there")
def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    finished(tmp_path)
    with pytest.raises(NotConfigured, match="Training needs torch"):
        run("train", "export", "small", "--data", str(tmp_path))


@pytest.mark.skipif(not WITH_TORCH, reason="needs the extra `training`")
def test_a_run_is_trained_exported_and_registered_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    small = RECIPE.replace("steps = 100", "steps = 60\nthreads = 1\nrate = 1e-2") + "[watch]\nitems = 2\ntokens = 8\n"
    text = small.replace("inner = 64", "inner = 64\ncontext = 128")
    assert run("train", "run", recipe(tmp_path, text), "--data", str(tmp_path), "--json").exit_code == 0
    said = run("train", "export", "small", "--quant", "f16,q8_0", "--licence", "MIT", "--data", str(tmp_path), "--json")
    exports = json.loads(said.stdout)["exported"]
    assert [one["kind"] for one in exports] == ["f16", "q8_0"]
    assert [one["parity"]["splits"] for one in exports] == [0, 0]
    assert (exports[0]["parity"]["strings"], exports[0]["parity"]["same"]) == (10_000, 200)
    found = json.loads(models(tmp_path, "add", "small", "--quant", "q8_0", "--json").stdout)
    assert (found["id"], found["weights"], found["context"]) == ("own/small@1", exports[1]["weights"], 128)
    assert found["lineage"]["sources"][0]["producer"] == "freehold/arithmetic-chains"
    assert found["lineage"]["measured"][-1]["name"] == "all levels, as exported (q8_0)"
    assert {"model.safetensors", "small.gguf", "parity.json", "recipe.json"} <= {one["path"] for one in found["files"]}
    base = json.loads(models(tmp_path, "show", "small@1", "--json").stdout)
    run_id = base["lineage"]["run"]
    tuned = text.replace('"own/small"', '"own/claims"').replace(
        '"pretrain"', f'"sft"\nstart = "{tmp_path}/runs/{run_id}"'
    )
    head, _, rest = tuned.partition("[shape]")
    table = (
        head + "lora = { rank = 4, alpha = 8 }\n" + rest[rest.index("[[mix]]") :].replace("steps = 60", "steps = 10")
    )
    assert run("train", "run", recipe(tmp_path, table), "--data", str(tmp_path), "--json").exit_code == 0
    said = run("train", "export", "claims", "--quant", "lora", "--data", str(tmp_path), "--json")
    parity = json.loads(said.stdout)["exported"][0]["parity"]
    assert (parity["strings"], parity["splits"], parity["same"]) == (10_000, 0, 200)
    adapter = json.loads(models(tmp_path, "add", "claims", "--json").stdout)
    assert adapter["lineage"]["base"] == f"own/small@{base['digest']}"
