from pathlib import Path
from typing import Any

import pytest

from freehold.errors import ConfigError
from freehold.training.dataset import Dataset, Example, Turn, write_dataset
from freehold.training.heavy import calibrate as calibrating
from freehold.training.heavy import pretrain
from freehold.training.heavy.calibrate import calibrate
from freehold.training.provenance import Pedigree
from training.heavy.tiny import recipe, trained

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", name="base")
def _base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("base") / "run", learning__steps=4)


def test_a_step_is_measured() -> None:
    found = calibrate(recipe())
    assert (found.parameters, found.precision) == (29_120, "float32")
    assert 150 < found.tokens <= 4 * 64
    assert 0 < found.seconds < 30
    assert found.memory > 100 * 2**20


@pytest.mark.parametrize("faster", ["float32", "bfloat16"])
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_step_is_measured_in_the_precision_that_the_run_would_choose(
    optimizer: str, faster: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[str] = []
    real = pretrain.computing

    def noted(precision: str, device: str) -> Any:
        computed.append(precision)
        return real(precision, device)

    def chosen(*_: Any) -> str:
        return faster

    monkeypatch.setattr(pretrain, "faster_precision", chosen)
    monkeypatch.setattr(pretrain, "computing", noted)
    found = calibrate(recipe(learning__precision="auto", learning__optimizer=optimizer))
    assert found.precision == faster
    assert set(computed) == {faster}


@pytest.mark.parametrize("lora", [None, {"rank": 2, "alpha": 4}])
@pytest.mark.parametrize("stage", ["sft", "grpo", "dpo"])
def test_a_step_of_a_run_that_starts_from_weights_is_measured_by_its_own_trainer(
    base: Path, stage: str, lora: Any
) -> None:
    """Many steps, of which all but two are left out; with the looks, checkpoints and alarms that a run would have after its first."""
    changes = {"learning__steps": 10_000, "watch__every": 1, "watch__save": 1, "watch__target": 0.01, "lora": lora}
    reward = {"group": 4, "prompts": 2, "patience": 1, "dead": 0.0, "unfinished": 0.0}
    found = calibrate(recipe(stage=stage, start=str(base), shape=None, reward=reward, **changes))
    assert (found.parameters, found.precision, found.device) == (29_120, "float32", "cpu")
    assert 0 < found.seconds < 30
    assert found.memory > 100 * 2**20
    texts = {"sft": 4, "grpo": 2 * 4, "dpo": 2 * 4}[stage]
    assert (0.8 * 64 if stage == "sft" else 5) * texts < found.tokens <= 64 * texts
    assert (found.before > 0) == (stage == "dpo")


def test_the_drawing_of_all_pairs_is_reckoned_from_that_of_some(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def noted(_model: Any, _tokenizer: Any, problems: list[Any], *_: Any) -> None:
        drawn.append(len(problems))

    monkeypatch.setattr(calibrating, "pairs", noted)
    reward = {"group": 8, "prompts": 5}
    calibrate(recipe(stage="dpo", start=str(base), shape=None, reward=reward, learning__steps=100))
    calibrate(recipe(stage="dpo", start=str(base), shape=None, reward=reward, learning__steps=2))
    assert drawn == [32, 10], "256 replies, or all where there are fewer"


def test_of_a_dataset_the_lengths_alone_are_used(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = Pedigree(producer="stranger/model", route="api")
    row = Example(turns=(Turn("user", "1+2=?"),), reply="<think>\n1+2=3\n</think>\n3", pedigree=unknown)
    write_dataset(Dataset((row,) * 40), tmp_path / "rows.jsonl")
    seen: list[Any] = []
    real = calibrating.supervised

    def noted(short: Any, folder: Any, watch: Any, begun: Any, examples: Any) -> Any:
        seen.extend(examples)
        return real(short, folder, watch, begun, examples)

    monkeypatch.setattr(calibrating, "supervised", noted)
    data = str(tmp_path / "rows.jsonl")
    mix = [{"task": "workload", "options": {"workload": "claims"}}]  # whose items are chosen when the run begins
    assert calibrate(recipe(stage="sft", start=str(base), shape=None, data=data, mix=mix)).seconds > 0
    assert sum(len(one.ids) for one in seen) >= 3 * 4 * 64 > sum(len(one.ids) for one in seen[1:])
    assert {number for one in seen for number in one.ids} == {0}
    assert all(0 < one.reply < len(one.ids) for one in seen)


def test_weights_that_are_not_here_are_not_measured() -> None:
    with pytest.raises(ConfigError, match="holds no weights"):
        calibrate(recipe(stage="sft", start="w", shape=None))


def test_half_a_group_is_not_measured(base: Path) -> None:
    reward = {"group": 4, "prompts": 3}
    made = recipe(stage="grpo", start=str(base), shape=None, reward=reward, learning__processes=2, learning__rows=4)
    with pytest.raises(ConfigError, match="cannot be measured"):
        calibrate(made)
