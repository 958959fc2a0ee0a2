from typing import Any

import pytest

from freehold.training.heavy.generate import generate, mismatch
from freehold.training.heavy.libraries import torch
from freehold.training.heavy.model import build_model
from freehold.training.heavy.tokenizer import build_tokenizer
from freehold.training.recipe import Shape

PROMPTS = [[9, 20, 21], [9, 30], [9, 40, 41, 42, 43, 44], [9, 50, 51]]
STOP, PAD = 4, 0

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", name="model")
def _model() -> Any:
    built = build_model(Shape(layers=2, width=64, heads=2, inner=64, context=64), build_tokenizer([]), seed=5)
    with torch.no_grad():
        for weight in built.parameters():
            weight.mul_(4 if weight.ndim == 2 else 1)  # so that replies depend on what was read
    return built.eval()


def test_replies_of_a_batch_are_those_of_each_prompt_alone(model: Any) -> None:
    together = generate(model, PROMPTS, stop=STOP, pad=PAD, tokens=12)
    alone = [generate(model, [prompt], stop=STOP, pad=PAD, tokens=12)[0] for prompt in PROMPTS]
    assert [one.ids for one in together] == [one.ids for one in alone]
    assert len({one.ids for one in together}) > 1


def test_greedy_replies_are_those_of_the_library(model: Any) -> None:
    for prompt, reply in zip(PROMPTS, generate(model, PROMPTS, stop=STOP, pad=PAD, tokens=12), strict=True):
        ids = torch.tensor([prompt])
        theirs = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=12,
            do_sample=False,
            eos_token_id=STOP,
            pad_token_id=PAD,
        )
        assert [one for one in theirs[0, len(prompt) :].tolist() if one != STOP] == list(reply.ids)


def test_a_reply_ends_at_the_stop_token_and_the_others_go_on(model: Any) -> None:
    first = generate(model, PROMPTS, stop=STOP, pad=PAD, tokens=12)
    stop = first[0].ids[3]
    stopped = generate(model, PROMPTS, stop=stop, pad=PAD, tokens=12)
    assert stopped[0].ended
    assert stopped[0].ids == first[0].ids[: first[0].ids.index(stop)]
    for before, after in zip(first, stopped, strict=True):
        assert after.ids == before.ids[: len(after.ids)]
        assert after.ended == (stop in before.ids)
        assert len(after.logprobs) == len(after.ids) + after.ended


def test_the_same_generator_draws_the_same(model: Any) -> None:
    def drawn(seed: int) -> list[tuple[int, ...]]:
        generator = torch.Generator().manual_seed(seed)
        replies = generate(model, PROMPTS, stop=STOP, pad=PAD, tokens=8, temperature=1.5, generator=generator)
        return [one.ids for one in replies]

    assert drawn(1) == drawn(1) != drawn(2)


def test_a_sampler_and_a_trainer_of_the_same_weights_agree(model: Any) -> None:
    generator = torch.Generator().manual_seed(1)
    replies = generate(model, PROMPTS, stop=STOP, pad=PAD, tokens=8, temperature=0.7, generator=generator)
    assert mismatch(model, PROMPTS, replies, STOP, 0.7) < 1e-4
    other = build_model(Shape(layers=2, width=64, heads=2, inner=64, context=64), build_tokenizer([]), seed=6)
    assert mismatch(other, PROMPTS, replies, STOP, 0.7) > 0.5
