from collections import Counter
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import ConfigError
from freehold.training.heavy import packed, tuning
from freehold.training.heavy.libraries import functional, torch, transformers
from freehold.training.heavy.model import load_model
from freehold.training.heavy.packed import COUNTED, collate, columns, filling, keeps_apart, rows_of
from freehold.training.heavy.packing import Tokens
from freehold.training.heavy.tuning import supervised
from freehold.training.progress import Note, Step, read_progress
from training.heavy.tiny import recipe, trained

pytestmark = pytest.mark.filterwarnings("ignore")

EXAMPLES = [
    Tokens((9, 20, 30, 11, 40, 41), 3),
    Tokens((9, 21, 22, 31, 12), 4),
    Tokens((9, 33, 34, 35, 36, 37, 38, 39), 2),
    Tokens((9, 44, 45, 46), 2),
    Tokens((9, 20, 50, 51, 52, 53, 54), 3),
]
"""30 tokens, of which 16 count."""


@pytest.fixture(scope="module", name="base")
def _base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("base") / "run", learning__steps=4)


@pytest.fixture(scope="module", name="model")
def _model(base: Path) -> Any:
    return load_model(base / "model")[0].eval()


def batch_of(rows: Sequence[Sequence[Tokens]]) -> dict[str, Any]:
    found = columns(rows)
    return collate([dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)])


def test_a_batch_is_its_rows_with_positions_that_begin_anew_at_each_example() -> None:
    batch = batch_of([EXAMPLES[:2], EXAMPLES[3:4]])
    assert batch["input_ids"].tolist() == [
        [9, 20, 30, 11, 40, 41, 9, 21, 22, 31, 12],
        [9, 44, 45, 46, 0, 0, 0, 0, 0, 0, 0],
    ]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4], [0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6]]
    assert batch["labels"].tolist() == [
        [-100, -100, -100, 11, 40, 41, -100, -100, -100, -100, 12],
        [-100, -100, 45, 46, -100, -100, -100, -100, -100, -100, -100],
    ]
    assert batch[COUNTED].tolist() == [15]


def test_the_first_token_of_an_example_without_a_prompt_is_told_by_nothing_and_does_not_count() -> None:
    assert columns([[EXAMPLES[1], Tokens((7, 8), 0)]])["labels"] == [[-100, -100, -100, -100, 12, -100, 8]]


@given(lengths=st.lists(st.integers(1, 32), max_size=80), seed=st.integers(0, 9))
def test_each_example_stands_whole_in_one_row_and_no_row_is_longer_than_it_may_be(
    lengths: list[int], seed: int
) -> None:
    examples = [Tokens((number,) * size, 1) for number, size in enumerate(lengths)]
    rows = rows_of(examples, 32, seed)
    assert Counter(one for row in rows for one in row) == Counter(examples)
    assert all(0 < sum(len(one.ids) for one in row) <= 32 for row in rows)
    assert rows == rows_of(examples, 32, seed)
    assert sum(sum(len(one.ids) for one in row) <= 16 for row in rows) <= 1, "two half-empty rows would be one"


def test_rows_of_uneven_examples_are_nearly_full() -> None:
    sizes = islice(cycle((5, 9, 14, 3, 30, 7, 21, 11)), 800)
    rows = rows_of([Tokens((1,) * size, 1) for size in sizes], 64, 1)
    assert len(rows) <= 1.03 * 100 * (5 + 9 + 14 + 3 + 30 + 7 + 21 + 11) / 64


def test_a_stream_is_taken_from_until_what_fits_is_enough() -> None:
    stream = cycle([Tokens((1,) * 7, 3), Tokens((1,) * 99, 3)])
    taken = filling(stream, 20, 32)
    assert [len(one.ids) for one in taken] == [7, 99, 7, 99, 7]
    with pytest.raises(ConfigError, match="longer than 5"):
        filling(stream, 20, 5)
    assert filling([], 20, 32) == []


def nats(model: Any, batch: dict[str, Any]) -> Any:
    """The sum of the losses of a batch, by the library's own forward pass."""
    logits = model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits
    return functional.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), reduction="sum")


def test_what_stands_in_another_example_of_a_row_changes_nothing(model: Any) -> None:
    """Under a mask that is causal and nothing else it would, and this test would see it."""
    last = len(EXAMPLES[2].ids)
    others = [Tokens((9, 60, 61, 62, 63, 64), 3), Tokens((9, 65, 66, 67, 68), 4)]

    def said(rest: Sequence[Tokens], **more: Any) -> Any:
        batch = batch_of([[*rest, EXAMPLES[2]], EXAMPLES[3:]])
        asked = {"input_ids": batch["input_ids"], "position_ids": batch["position_ids"], **more}
        with torch.no_grad():
            return model(**asked, use_cache=False).logits[0, -last:]

    assert torch.equal(said(EXAMPLES[:2]), said(others))
    causal = {"attention_mask": torch.ones(2, 19, dtype=torch.long)}
    assert (said(EXAMPLES[:2], **causal) - said(others, **causal)).abs().max() > 1e-2


def always(_: Any) -> bool:
    return True


def never(_: Any) -> bool:
    return False


def learned(
    base: Path, folder: Path, packs: bool, monkeypatch: pytest.MonkeyPatch, **changes: Any
) -> tuple[Step, list[Any]]:
    """What a step on all examples tells, and its gradients, by the trainer itself: several to a row, or each in a row of its own."""
    gradients: list[Any] = []

    class Watching(tuning.Callback):
        def on_pre_optimizer_step(self, *_: Any, model: Any = None, **__: Any) -> None:
            gradients[:] = [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]

    folder.mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(tuning, "Callback", Watching)
        patched.setattr(tuning, "keeps_apart", always if packs else never)
        shared = {"learning__steps": 1, "learning__clip": 1e9, "watch__items": 1, "watch__tokens": 2, **changes}
        made = recipe(stage="sft", start=str(base), shape=None, learning__length=16, **shared)
        supervised(made, folder, lambda: False, tuning.opened(made), EXAMPLES)
    (told,) = [line for line in read_progress(folder / "progress.jsonl") if isinstance(line, Step)]
    return told, gradients


LORA = {"rank": 2, "alpha": 4}


@pytest.mark.parametrize("lora", [None, LORA])
@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("by_row", [True, False], ids=["each-row-by-itself", "by-the-library"])
def test_a_step_of_packed_rows_has_the_loss_and_the_gradients_of_the_same_examples_apart(
    base: Path, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accumulate: int, lora: Any, by_row: bool
) -> None:
    if not by_row:  # as where there is a GPU, or several processes
        monkeypatch.setattr(packed, "KEPT", "unknown to the model")
    changes = {"learning__accumulate": accumulate, "lora": lora}
    together, ones = learned(base, tmp_path / "packed", True, monkeypatch, learning__rows=4, **changes)
    apart, others = learned(base, tmp_path / "apart", False, monkeypatch, learning__rows=6, **changes)
    with torch.no_grad():
        plain = sum(float(nats(model, batch_of([[one]]))) for one in EXAMPLES) / 16
    assert together.loss == pytest.approx(plain, abs=1e-5)
    assert together.loss == pytest.approx(apart.loss, abs=1e-5)
    assert together.tokens == apart.tokens == 30
    assert len(ones) == len(others) > 0
    for one, other in zip(ones, others, strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


def test_positions_that_do_not_begin_anew_would_be_seen(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, _ = learned(base, tmp_path / "right", True, monkeypatch)
    real = packed.collate

    def running_on(rows: Sequence[Any]) -> dict[str, Any]:
        batch = real(rows)
        places = torch.arange(batch["input_ids"].shape[1])
        return {**batch, "position_ids": places.expand_as(batch["input_ids"])}

    monkeypatch.setattr(packed, "collate", running_on)
    assert not keeps_apart(load_model(base / "model")[0])
    wrong, _ = learned(base, tmp_path / "wrong", True, monkeypatch)
    assert abs(right.loss - wrong.loss) > 1e-4


def tiny(kind: str, **more: Any) -> Any:
    """A model of a family, with random weights."""
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    shape = {**sizes, "num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    torch.manual_seed(1)
    return transformers.AutoModelForCausalLM.from_config(
        transformers.AutoConfig.for_model(kind, vocab_size=100, **{**shape, **more})
    )


FAMILIES: dict[str, Callable[[], Any]] = {
    "llama": lambda: tiny("llama"),
    "eager": lambda: tiny("llama", attn_implementation="eager"),
    "qwen2": lambda: tiny("qwen2"),
    "qwen3": lambda: tiny("qwen3"),
    "mistral": lambda: tiny("mistral", sliding_window=4),
    "gemma": lambda: tiny("gemma"),
    "gemma2": lambda: tiny("gemma2", sliding_window=4),
    "gemma3": lambda: tiny("gemma3_text", sliding_window=4),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_families_that_keep_the_examples_of_a_row_apart_are_known(family: str) -> None:
    before = torch.get_rng_state()
    model = FAMILIES[family]().train()
    torch.set_rng_state(before)
    assert keeps_apart(model)
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)


def test_models_that_do_not_are_known(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not keeps_apart(tiny("mamba"))

    real = model.forward

    def causal(input_ids: Any, position_ids: Any = None, use_cache: bool = False) -> Any:
        """Looks back over all of a row, whatever the positions are."""
        seen = torch.ones_like(input_ids)
        return real(input_ids=input_ids, attention_mask=seen, position_ids=position_ids, use_cache=use_cache)

    assert keeps_apart(model)
    monkeypatch.setattr(model, "forward", causal)
    assert not keeps_apart(model)


def test_such_a_model_learns_one_example_a_row_and_the_run_tells_it(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, _ = learned(base, tmp_path / "run", False, monkeypatch, learning__rows=5)
    assert told.tokens == 30
    (note,) = [line for line in read_progress(tmp_path / "run" / "progress.jsonl") if isinstance(line, Note)]
    assert note.sentence == (
        "llama does not keep the examples of a row apart, so a row is one example, and a step learns from 5."
    )


def test_every_example_is_seen_once_a_time_through_the_dataset(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three rows, one a step: six steps go through them twice."""
    seen: list[list[int]] = []
    real = packed.collate

    def noted(rows: Sequence[Any]) -> dict[str, Any]:
        seen.extend(list(row["input_ids"]) for row in rows)
        return real(rows)

    monkeypatch.setattr(packed, "collate", noted)
    made = recipe(
        stage="sft", start=str(base), shape=None, learning__length=16, learning__steps=6, learning__rows=1,
        watch__items=1, watch__tokens=2,
    )  # fmt: skip
    supervised(made, tmp_path, lambda: False, tuning.opened(made), EXAMPLES)
    tried = 2  # rows by which it is tried whether the model keeps them apart
    for epoch in (seen[tried : tried + 3], seen[tried + 3 : tried + 6]):
        found = sorted(number for row in epoch for number in row)
        assert found == sorted(number for one in EXAMPLES for number in one.ids)
    steps = [line for line in read_progress(tmp_path / "progress.jsonl") if isinstance(line, Step)]
    assert [steps[2].tokens, steps[5].tokens] == [30, 60]
