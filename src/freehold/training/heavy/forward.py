"""The forward pass of a Llama over examples that lie end to end: what training computes, and nothing beside it.

It is the arithmetic of `transformers` on the same weights (a test holds that), cut to what a step needs: matrices see no padding, only attention sees a
little of it; there is no mask; in the last layer, what no label asks for is left out behind attention. A step of 2,450 tokens of refunds (0.9 M weights)
took 0.94 seconds of one core so, and 1.39 with rows of 640 tokens and a mask.
"""

from collections.abc import Sequence
from typing import Any

from freehold.training.heavy.libraries import functional, torch

ALIKE = 0.7
"""How long an example is, at least, beside the longest with which attention is computed at once."""


def hidden_states(model: Any, ids: Any, positions: Any, lengths: Sequence[int], wanted: Any) -> Any:
    """(wanted, width): the last hidden state of the tokens whose places are `wanted`. `ids` and `positions` are (tokens,), `lengths` how long each example is.
    Raises ValueError for a model that is no Llama of as many heads for keys as for queries."""
    config = model.config
    heads = config.num_attention_heads
    if config.model_type != "llama" or config.num_key_value_heads != heads:
        raise ValueError("only a Llama with as many heads for keys as for queries is computed here")
    inner = model.model
    x = inner.embed_tokens(ids)
    cosines, sines = inner.rotary_emb(x[None], positions[None])
    half = cosines.shape[-1] // 2
    turn = cosines[0, :, None, :half], sines[0, :, None, :half]
    groups, back = places(lengths, ids.device)
    for number, layer in enumerate(inner.layers):
        attention = layer.self_attn
        q, k, v = _projected(layer.input_layernorm(x), attention, heads)
        seen = attend(_turned(q, *turn), _turned(k, *turn), v, groups, back)
        if number == len(inner.layers) - 1:
            seen, x = seen[wanted], x[wanted]
        x = x + attention.o_proj(seen)
        x = x + layer.mlp(layer.post_attention_layernorm(x))
    return inner.norm(x)


def places(lengths: Sequence[int], device: Any) -> tuple[list[Any], Any]:
    """Groups of examples that are attended to at once, and the way back. A group is (examples, longest): the place among all tokens of each token of an example,
    what lies behind its end anything. The way back is (tokens,): where each token stands among those of all groups. `lengths` fall, as `lay_out` orders them;
    what is less than `ALIKE` of its group's longest begins the next, since attention to padding costs the square of a length."""
    sizes = torch.tensor(lengths)
    starts = sizes.cumsum(0) - sizes
    groups, backs, before, first = list[Any](), list[Any](), 0, 0
    while first < len(lengths):
        longest = lengths[first]
        last = next((at for at in range(first, len(lengths)) if lengths[at] < ALIKE * longest), len(lengths))
        steps = torch.arange(longest)
        inside = steps[None] < sizes[first:last, None]
        groups.append(torch.where(inside, starts[first:last, None] + steps[None], 0).to(device))
        backs.append(before + inside.flatten().nonzero()[:, 0])
        before, first = before + inside.numel(), last
    return groups, torch.cat(backs).to(device)


def attend(q: Any, k: Any, v: Any, groups: Sequence[Any], back: Any) -> Any:
    """(tokens, width): causal attention within each example of (tokens, heads, size) queries, keys and values. What pads an example stands behind it, where
    no token of it looks."""
    found = list[Any]()
    for into in groups:
        apart = (part[into].transpose(1, 2) for part in (q, k, v))
        seen = functional.scaled_dot_product_attention(*apart, is_causal=True)
        found.append(seen.transpose(1, 2).flatten(0, 1).flatten(1))
    return torch.cat(found)[back]


def _projected(x: Any, attention: Any, heads: int) -> Any:
    """Queries, keys and values, (tokens, heads, size) each, by one product of matrices."""
    weights = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
    return functional.linear(x, weights).unflatten(-1, (3, heads, -1)).unbind(-3)


def _turned(x: Any, cosines: Any, sines: Any) -> Any:
    """Rotary positions (Su et al. 2021) as `transformers` turns them: the two halves of a head against each other."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cosines - second * sines, second * cosines + first * sines), dim=-1)
