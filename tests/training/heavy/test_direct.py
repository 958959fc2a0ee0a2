from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from freehold.errors import ConfigError
from freehold.training.heavy import direct
from freehold.training.heavy.direct import dpo, pairs, preferred
from freehold.training.heavy.generate import Reply
from freehold.training.heavy.libraries import library
from freehold.training.heavy.model import load_model
from freehold.training.heavy.rows import chat_prompt
from freehold.training.heavy.tuning import opened
from freehold.training.progress import Note, Step, read_progress
from freehold.training.recipe import Reinforcing, tasks_of
from freehold.training.tasks.task import Problem, Task, write_reply
from training.heavy.test_foreign import base as foreign_base
from training.heavy.test_foreign import digits_first, tokenizer_with, twice_begun
from training.heavy.tiny import assert_exact, begun_on, executed, finished, kept_sevens, mix_of, recipe, trained

pytestmark = pytest.mark.filterwarnings("ignore")

TASK = tasks_of(recipe())[0][0]


@pytest.fixture(scope="module", name="base")
def _base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("base") / "run", learning__steps=4)


def says(monkeypatch: pytest.MonkeyPatch, words: Any, *texts: str) -> None:
    """The model's replies are these, over and over."""

    def replies(_model: Any, prompts: list[Any], **_: Any) -> list[Reply]:
        cut = [tuple(words(text, add_special_tokens=False)["input_ids"]) for text in texts]
        return [Reply(cut[place % len(cut)], True, ()) for place in range(len(prompts))]

    monkeypatch.setattr(direct, "generate", replies)


def test_a_pair_is_a_proven_reply_before_one_that_is_not(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, words = load_model(base / "model")
    problem = TASK.generate(2, 1)
    right = write_reply(TASK.solve(problem))
    reward = Reinforcing(group=3)
    says(monkeypatch, words, "5", right, "6")
    (pair,) = pairs(model, words, [(TASK, problem)], reward, 24, 1)
    assert (pair["chosen"], pair["rejected"]) == (right, "5")
    assert pair["prompt"] == f"<user>{TASK.render(problem)}<assistant>"
    says(monkeypatch, words, right)
    assert pairs(model, words, [(TASK, problem)], reward, 24, 1) == []


def run(base: Path, folder: Path) -> None:
    folder.mkdir()
    table = {"group": 2, "prompts": 2}
    dpo(recipe(stage="dpo", start=str(base), shape=None, reward=table, learning__steps=2), folder)


def test_pairs_are_learned_from(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"prompt": "<user>1+2=?<assistant>", "chosen": "<think>\n1+2=3\n</think>\n3", "rejected": "4"}

    def eight(*_: Any) -> list[dict[str, str]]:
        return [made] * 8

    monkeypatch.setattr(direct, "pairs", eight)
    run(base, tmp_path / "run")
    steps = [line for line in read_progress(tmp_path / "run" / "progress.jsonl") if isinstance(line, Step)]
    assert steps[0].loss == pytest.approx(0.6931, abs=1e-3), "before the first step both are alike: log 2"
    assert (tmp_path / "run" / "model" / "model.safetensors").exists()


def test_a_pair_of_which_a_text_is_too_long_is_left_out_and_told(base: Path, tmp_path: Path) -> None:
    """Seven tokens of the prompt, one of each digit, and the one that ends a reply."""
    fits = {"prompt": "<user>1+2=?<assistant>", "chosen": "3", "rejected": "4" * 56}
    long = {**fits, "rejected": "4" * 57}
    made = recipe(stage="dpo", start=str(base), shape=None, reward={}, learning__steps=1, watch__items=1)
    begun = opened(made)
    preferred(made, tmp_path, lambda: False, begun, [fits, long, fits, fits])
    notes = [line.sentence for line in read_progress(tmp_path / "progress.jsonl") if isinstance(line, Note)]
    assert notes == ["1 of 4 pairs is longer than 64 tokens and not learned."]
    with pytest.raises(ConfigError, match="No pair fits into 64 tokens"):
        preferred(made, tmp_path, lambda: False, begun, [long])


def test_a_prompt_is_learned_as_the_model_was_asked_with_one_start_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tokenizer that would put another one before the template's; nor does it count in what is too long."""
    words = twice_begun(tokenizer_with(digits_first))
    start = foreign_base(tmp_path / "base", words)
    asked = chat_prompt(TASK.turns(TASK.generate(2, 1)), words)
    pair = {"prompt": asked, "chosen": "3", "rejected": "12345"}
    wanted = words(asked, add_special_tokens=False)["input_ids"]
    assert wanted[:2] == [0, 1]
    learned: list[dict[str, list[int]]] = []
    plain: Any = library("trl").DPOTrainer

    class Noted(plain):
        def __init__(self, **given: Any) -> None:
            plain.__init__(self, **given)
            learned.extend(self.train_dataset)

    monkeypatch.setattr(library("trl"), "DPOTrainer", Noted)
    long = len(wanted) + 6
    made = recipe(
        stage="dpo", start=str(start), shape=None, reward={}, learning__steps=1, learning__length=long, watch__items=1
    )
    folder = tmp_path / "run"
    folder.mkdir()
    preferred(made, folder, lambda: False, opened(made), [pair] * 4)
    assert [one["prompt_ids"] for one in learned] == [wanted] * 4
    three, five = (words(text, add_special_tokens=False)["input_ids"] for text in ("3<|im_end|>", "12345<|im_end|>"))
    assert (learned[0]["chosen_ids"], learned[0]["rejected_ids"]) == (three, five)
    short = msgspec.structs.replace(made, learning=msgspec.structs.replace(made.learning, length=long - 1))
    with pytest.raises(ConfigError, match="No pair fits"):
        preferred(short, folder, lambda: False, opened(made), [pair] * 4)


def proven_by_letters(_task: Task, _problem: Problem, text: str) -> SimpleNamespace:
    """A verdict by which about half of all replies are proven."""
    return SimpleNamespace(proven=sum(text.encode()) % 2 == 0)


@pytest.mark.parametrize("lora", [None, {"rank": 2, "alpha": 4, "dropout": 0.2}])
def test_learning_from_pairs_that_was_stopped_half_way_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora: Any
) -> None:
    """The pairs are drawn again in the second life, from the weights that the first began with."""
    monkeypatch.setattr(direct, "judge", proven_by_letters)
    base = trained(tmp_path / "base", learning__steps=150, watch__every=1000, direct=0.0)
    changes = {"learning__steps": 6, "watch__every": 2, "watch__items": 2, "lora": lora}
    made = recipe(stage="dpo", start=str(base), shape=None, reward={"group": 4, "prompts": 4}, **changes)
    assert_exact(tmp_path, 3, lambda folder, stopping: dpo(made, folder, stopping))


def test_a_model_that_is_never_right_gives_no_pairs_and_that_is_an_error(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none has both a proven reply and another"):
        run(base, tmp_path / "run")


def test_two_processes_draw_the_same_pairs_and_learn_from_them(tmp_path: Path) -> None:
    base = finished(tmp_path / "base", learning__steps=600, watch__every=1000, direct=0.0)
    place = begun_on(base, tmp_path, "dpo", {"group": 4, "prompts": 32}, learning__rows=4)
    steps = [line for line in executed(place) if isinstance(line, Step)]
    assert [line.step for line in steps] == [1, 2, 3]
    assert steps[0].loss == pytest.approx(0.6931, abs=1e-3), "before the first step both are alike: log 2"
    assert (place.weights / "model.safetensors").exists()


def test_of_a_workload_a_right_answer_goes_before_one_that_is_not(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "items.json").write_bytes(kept_sevens(range(3), ()))
    ((task, _, _),) = tasks_of(recipe(mix=mix_of(str(tmp_path / "items.json"))))
    model, words = load_model(base / "model")
    says(monkeypatch, words, "8", "7", "6")
    (pair,) = pairs(model, words, [(task, task.generate(1, 0))], Reinforcing(group=3), 24, 1)
    assert pair == {"prompt": "<system>+<user>0+1=?<assistant>", "chosen": "7", "rejected": "8"}
