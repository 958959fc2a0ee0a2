"""Replies from a model, many at once, with a cache of keys and values: what evaluation, distillation and reinforcement sample by.

It knows tokens and no task. `transformers.generate` would do; for a model of a million weights its bookkeeping takes longer than the model, so this
is the plain loop: prompts padded on the left, one step for all, those that have ended taken out of the batch.
"""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from freehold.training.heavy.cache import roomy_cache
from freehold.training.heavy.libraries import torch


class Reply(Struct, frozen=True):
    """One reply: its tokens without the stop token, whether it ended by itself, and the log-probability of each token that was drawn, the stop
    token among them, by the distribution that it was drawn from."""

    ids: tuple[int, ...]
    ended: bool
    logprobs: tuple[float, ...]


def generate(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    stop: int,
    pad: int,
    tokens: int,
    temperature: float = 0.0,
    generator: Any = None,
    at_once: int = 256,
) -> list[Reply]:
    """A reply to each prompt, of up to `tokens` tokens: the likeliest token each time, or drawn at a `temperature` above 0 from `generator`.

    Prompts of like length go together, so that little is padding; the answers come in the order of the prompts."""
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    found: dict[int, Reply] = {}
    training = model.training
    model.eval()
    with torch.no_grad():
        for start in range(0, len(order), at_once):
            places = order[start : start + at_once]
            replies = _batch(model, [prompts[place] for place in places], stop, pad, tokens, temperature, generator)
            found.update(zip(places, replies, strict=True))
    model.train(training)
    return [found[place] for place in range(len(prompts))]


def _batch(
    model: Any, prompts: Sequence[Sequence[int]], stop: int, pad: int, tokens: int, temperature: float, generator: Any
) -> list[Reply]:
    device = model.device
    longest = max(map(len, prompts))
    ids = torch.full((len(prompts), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(prompts), longest), dtype=torch.long)
    for place, prompt in enumerate(prompts):
        ids[place, longest - len(prompt) :] = torch.tensor(list(prompt))
        mask[place, longest - len(prompt) :] = 1
    ids, mask = ids.to(device), mask.to(device)
    drawn: list[list[int]] = [[] for _ in prompts]
    logprobs: list[list[float]] = [[] for _ in prompts]
    ended = [False] * len(prompts)
    alive = list(range(len(prompts)))
    cache = roomy_cache()
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    for _ in range(tokens):
        seen = model(input_ids=ids, attention_mask=mask, position_ids=positions, cache=cache, use_cache=True)
        chosen, chances = _choose(seen.logits[:, -1].float(), temperature, generator)
        going: list[int] = []
        for row, (token, chance) in enumerate(zip(chosen.tolist(), chances.tolist(), strict=True)):
            place = alive[row]
            logprobs[place].append(chance)
            if token == stop:
                ended[place] = True
            else:
                drawn[place].append(token)
                going.append(row)
        if not going:
            break
        if len(going) < len(alive):
            kept = torch.tensor(going, device=device)
            cache.batch_select_indices(kept)
            chosen, mask, positions = chosen[kept], mask[kept], positions[kept]
            alive = [alive[row] for row in going]
        ids = chosen[:, None]
        mask = torch.cat([mask, mask.new_ones((len(alive), 1))], dim=1)
        positions = positions[:, -1:] + 1
    return [Reply(tuple(drawn[place]), ended[place], tuple(logprobs[place])) for place in range(len(prompts))]


def _choose(logits: Any, temperature: float, generator: Any) -> tuple[Any, Any]:
    """(tokens, their log-probabilities) for each row of logits."""
    logprobs = torch.log_softmax(logits / temperature if temperature > 0 else logits, dim=-1)
    drawing = temperature > 0
    chosen = torch.multinomial(logprobs.exp(), 1, generator=generator)[:, 0] if drawing else logprobs.argmax(-1)
    return chosen, logprobs.gather(1, chosen[:, None])[:, 0]


def rescored(model: Any, prompt: Sequence[int], reply: Sequence[int], temperature: float) -> list[float]:
    """The log-probability of each token of a reply, computed in one pass as a trainer does, at the sampler's temperature."""
    ids = torch.tensor([[*prompt, *reply]], device=model.device)
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits[0, len(prompt) - 1 : -1].float()
    logprobs = torch.log_softmax(logits / temperature if temperature > 0 else logits, dim=-1)
    return logprobs.gather(1, torch.tensor(list(reply), device=model.device)[:, None])[:, 0].tolist()


def mismatch(
    model: Any, prompts: Sequence[Sequence[int]], replies: Sequence[Reply], stop: int, temperature: float
) -> float:
    """The mean absolute difference, in nats a token, between the log-probabilities that replies were drawn with and those that the trainer sees.
    Where it is not near 0, the gradient is of a policy that drew nothing."""
    gaps: list[float] = []
    for prompt, reply in zip(prompts, replies, strict=True):
        ids = (*reply.ids, stop) if reply.ended else reply.ids
        again = rescored(model, prompt, ids, temperature)
        gaps += [abs(a - b) for a, b in zip(reply.logprobs, again, strict=True)]
    return sum(gaps) / len(gaps) if gaps else 0.0
