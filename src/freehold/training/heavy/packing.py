"""Packing: many short examples in one row of fixed length, with nothing of one seen from another.

Each example keeps positions that begin at 0, and a token sees only earlier tokens of its own example: a mask that is causal and block-diagonal.
So the loss of a packed row is the loss of its examples (a test holds that), and no padding is paid for. Every label stands beside the token that must
predict it. Loss is counted on replies only: prompts are drawn at random, and to learn them is to learn noise.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import Struct

from freehold.training.heavy.libraries import functional, torch

IGNORED = -100


class Tokens(Struct, frozen=True):
    """One example as numbers: prompt and reply, and where the reply begins."""

    ids: tuple[int, ...]
    reply: int


class Batch(Struct, frozen=True):
    """Rows that are packed: `ids`, `positions` and `labels` of shape (rows, length), int64; `mask` (rows, 1, length, length), True where a token
    may look. `trained` labels count."""

    ids: Any
    positions: Any
    labels: Any
    mask: Any
    trained: int

    def to(self, device: Any) -> "Batch":
        """The batch on a device."""
        ids, positions, labels = (part.to(device) for part in (self.ids, self.positions, self.labels))
        return Batch(ids, positions, labels, self.mask.to(device), self.trained)


def pack(examples: Iterable[Tokens], rows: int, length: int, pad: int) -> Batch:
    """A batch from an endless stream: as many examples as `rows` rows of `length` could hold without a gap, dealt to rows longest first, each where
    the least room is left. That takes few rows more than `rows`, and no example is passed over because of its length, which would skew the levels; only
    what is longer than a row is left out. Raises ValueError when the stream ends early, or gives a thousand in a row that are too long."""
    stream = iter(examples)
    taken: list[Tokens] = []
    room, long = rows * length, 0
    while room > 0:
        example = next(stream, None)
        if example is None:
            raise ValueError("the stream of examples ended before the batch was full")
        if len(example.ids) > length:
            long += 1
            if long == 1_000:
                raise ValueError(f"a thousand examples in a row are longer than {length} tokens")
            continue
        long = 0
        room -= len(example.ids)
        if room >= 0:
            taken.append(example)
    return lay_out(deal(taken, length), length, pad)


def deal(examples: Sequence[Tokens], length: int) -> list[list[Tokens]]:
    """The examples in rows of up to `length` tokens: best fit, longest first."""
    rows: list[list[Tokens]] = []
    left: list[int] = []
    for example in sorted(examples, key=lambda one: -len(one.ids)):
        size = len(example.ids)
        fitting = [place for place, room in enumerate(left) if room >= size]
        if not fitting:
            rows.append([example])
            left.append(length - size)
            continue
        place = min(fitting, key=left.__getitem__)
        rows[place].append(example)
        left[place] -= size
    return rows


def lay_out(rows: Sequence[Sequence[Tokens]], length: int, pad: int) -> Batch:
    """The batch of examples that are dealt to rows already. Each row's examples fit into `length`."""
    ids = torch.full((len(rows), length), pad, dtype=torch.long)
    positions = torch.zeros((len(rows), length), dtype=torch.long)
    labels = torch.full((len(rows), length), IGNORED, dtype=torch.long)
    owners = torch.full((len(rows), length), -1, dtype=torch.long)
    for number, row in enumerate(rows):
        at = 0
        for owner, example in enumerate(row):
            end = at + len(example.ids)
            ids[number, at:end] = torch.tensor(example.ids)
            positions[number, at:end] = torch.arange(len(example.ids))
            labels[number, at + example.reply - 1 : end - 1] = torch.tensor(example.ids[example.reply :])
            owners[number, at:end] = owner
            at = end
    same = owners[:, :, None] == owners[:, None, :]
    causal = torch.ones((length, length), dtype=torch.bool).tril()
    trained = int((labels != IGNORED).sum())
    return Batch(ids, positions, labels, (same & causal)[:, None], trained)


def parts(batch: Batch, count: int) -> list[Batch]:
    """The batch in up to `count` parts of nearly as many rows each."""
    size = -(-len(batch.ids) // count)
    found: list[Batch] = []
    for start in range(0, len(batch.ids), size):
        rows = slice(start, start + size)
        labels = batch.labels[rows]
        trained = int((labels != IGNORED).sum())
        found.append(Batch(batch.ids[rows], batch.positions[rows], labels, batch.mask[rows], trained))
    return found


def logits_of(model: Any, batch: Batch) -> Any:
    """(labels that count, vocabulary) logits, in the order of the labels. Only what counts goes through the head."""
    hidden = model.model(
        input_ids=batch.ids, attention_mask=batch.mask, position_ids=batch.positions, use_cache=False
    ).last_hidden_state
    return model.lm_head(hidden[batch.labels != IGNORED]).float()


def loss_of(model: Any, batch: Batch) -> Any:
    """The sum of the negative log-likelihoods of all labels that count, in nats. Divided by how many count in the whole step it is the loss, however
    the step is cut into parts."""
    labels = batch.labels[batch.labels != IGNORED]
    return functional.cross_entropy(logits_of(model, batch), labels, reduction="sum")
