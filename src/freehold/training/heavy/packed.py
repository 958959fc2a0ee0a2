"""Rows of several examples for TRL's trainer of supervised tuning: laid end to end, none seen from another, nothing cut.

Of a batch without a mask `transformers` reads the positions: where they do not go on by one, another example begins, and no token looks back over
that. So a step has the loss and the gradients of its examples each alone (a test holds that), for each model that does so. Whether one does is tried before
it is tuned, for not all do: what carries a state from token to token hands it on to the next example. It exists because TRL's own packing makes one row of
all rows of a batch, and what attention costs grows with the square of a row.

On a CPU each row goes through the model by itself, unpadded, and only the tokens that count are scored: TRL scores them all there, twice and in float32,
which takes longer than the rest of a step where a model of 135 M weights knows 49,152 tokens.
"""

import inspect
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from freehold.errors import ConfigError
from freehold.training.heavy.libraries import library, torch
from freehold.training.heavy.packing import IGNORED, Tokens
from freehold.training.heavy.processes import shared
from freehold.training.tasks.task import seeded

COUNTED = "row_tokens"
"""What the trainer of rows logs its tokens under."""

KEPT = "logits_to_keep"
"""The argument by which models of `transformers` take the places whose logits are wanted."""

HOPELESS = 1_000
"""Examples in a row that are too long, after which none is waited for."""

NEAR = 1e-3
"""How far apart, as a share of the largest logit, the logits of an example in a row and alone may be: what float32 rounds
is thousands of times less, and what another example lets in is more."""


def filling(examples: Iterable[Tokens], tokens: int, length: int) -> list[Tokens]:
    """Examples of a stream, as many as hold so many tokens, those not counted that are longer than `length`. Raises ConfigError where a thousand of these
    come in a row."""
    taken: list[Tokens] = []
    room, long = tokens, 0
    for example in examples:
        taken.append(example)
        fits = len(example.ids) <= length
        room, long = (room - len(example.ids), 0) if fits else (room, long + 1)
        if long == HOPELESS:
            raise ConfigError(f"A thousand examples in a row are longer than {length} tokens.", "Raise `length`.")
        if room <= 0:
            break
    return taken


def rows_of(examples: Sequence[Tokens], length: int, seed: int) -> list[list[Tokens]]:
    """All examples, each of up to `length` tokens, in rows of up to as many: one after the other, in an order that follows from the seed, into the fullest row
    that has room for it (best fit)."""
    order = list(examples)
    seeded("packed", seed).shuffle(order)
    rows: list[list[Tokens]] = []
    room: dict[int, list[int]] = {}  # rows by how many tokens they have room for
    rooms: list[int] = []
    for example in order:
        at = bisect_left(rooms, len(example.ids))
        if at == len(rooms):
            place, left = len(rows), length
            rows.append([])
        else:
            left = rooms[at]
            place = room[left].pop()
            if not room[left]:
                del room[left], rooms[at]
        rows[place].append(example)
        left -= len(example.ids)
        if left not in room:
            room[left] = []
            insort(rooms, left)
        room[left].append(place)
    return rows


def columns(rows: Iterable[Sequence[Tokens]]) -> dict[str, list[list[int]]]:
    """The rows as a dataset's columns: `input_ids`, `labels`, and how long each example of a row is. The first token of an example never counts: what would
    tell it is another example."""
    found: dict[str, list[list[int]]] = {"input_ids": [], "labels": [], "seq_lengths": []}
    for row in rows:
        found["input_ids"].append([number for one in row for number in one.ids])
        found["labels"].append([label for one in row for label in _labels(one)])
        found["seq_lengths"].append([len(one.ids) for one in row])
    return found


def collate(rows: Sequence[Mapping[str, Sequence[int]]]) -> dict[str, Any]:
    """(rows, longest) `input_ids`, `labels` and `position_ids`, int64, and how many tokens the rows have. What pads a row is an example of its own, of which
    nothing counts."""
    longest = max(len(row["input_ids"]) for row in rows)
    gaps = [longest - len(row["input_ids"]) for row in rows]
    return {
        "input_ids": torch.tensor([[*row["input_ids"], *[0] * gap] for row, gap in zip(rows, gaps, strict=True)]),
        "labels": torch.tensor([[*row["labels"], *[IGNORED] * gap] for row, gap in zip(rows, gaps, strict=True)]),
        "position_ids": torch.tensor(
            [
                [place for size in (*row["seq_lengths"], gap) for place in range(size)]
                for row, gap in zip(rows, gaps, strict=True)
            ]
        ),
        COUNTED: torch.tensor([sum(len(row["input_ids"]) for row in rows)]),
    }


def keeps_apart(model: Any) -> bool:
    """Whether the model says of an example in a row what it says of it alone: tried on two rows of three examples. Draws on no generator of numbers that a run
    shares."""
    if "position_ids" not in inspect.signature(model.forward).parameters:
        return False
    draws = torch.Generator().manual_seed(0)
    known = model.get_input_embeddings().weight.shape[0]
    rows = [
        [Tokens(tuple(torch.randint(known, (size,), generator=draws).tolist()), 1) for size in sizes]
        for sizes in ((5, 7), (9,))
    ]
    found = columns(rows)
    batch = collate([dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)])
    training = model.training
    model.eval()
    with torch.no_grad():
        asked = {name: batch[name].to(model.device) for name in ("input_ids", "position_ids")}
        together = model(**asked, use_cache=False).logits
        apart = all(
            _near(together[number, start:end], _alone(model, one))
            for number, row in enumerate(rows)
            for one, (start, end) in zip(row, pairwise(_ends(row)), strict=True)
        )
    model.train(training)
    return apart


def trainer_of_rows(**given: Any) -> Any:
    """TRL's trainer of supervised tuning, made with these arguments, on batches of `collate`. It logs how many tokens it learned from, padding not counted."""
    plain: Any = library("trl").SFTTrainer
    takes = KEPT in inspect.signature(given["model"].forward).parameters

    class OfRows(plain):
        """TRL itself counts one row of a batch that has no mask."""

        learned = 0

        def compute_loss(self, model: Any, inputs: Any, *rest: Any, **more: Any) -> Any:
            """The loss, and the count."""
            self.learned += int(self.accelerator.gather(inputs.pop(COUNTED)).sum())
            counting = more.get("num_items_in_batch")
            if takes and counting is not None and not shared() and inputs["labels"].device.type == "cpu":
                return loss_of_rows(model, inputs) / counting
            return plain.compute_loss(self, model, inputs, *rest, **more)

        def log(self, logs: dict[str, float], *rest: Any, **more: Any) -> None:
            """Logs the count too."""
            plain.log(self, {**logs, COUNTED: self.learned}, *rest, **more)

    trainer: Any = OfRows(**given, data_collator=collate)
    trainer.model_accepts_loss_kwargs = (
        True  # TRL divides by what counts in the whole step, whatever the model's own loss would do
    )
    return trainer


def loss_of_rows(model: Any, inputs: Mapping[str, Any]) -> Any:
    """The sum of the losses, in nats, of what counts in the rows of a batch of `collate`: each row is computed without what pads it, and no logits but those of
    what counts."""
    total = torch.zeros((), device=inputs["labels"].device)
    for ids, labels, places in zip(*(inputs[name] for name in ("input_ids", "labels", "position_ids")), strict=True):
        counting = (labels != IGNORED).nonzero()[:, 0]
        if len(counting):
            end = int(counting[-1]) + 1
            several = bool((places[1:end] == 0).any())  # one example needs no mask, which is quicker
            asked = {"position_ids": places[None, :end]} if several else {}
            kept = {KEPT: counting - 1}
            logits = model(input_ids=ids[None, :end], use_cache=False, **asked, **kept).logits[0].float()
            total = total + torch.nn.functional.cross_entropy(logits, labels[counting], reduction="sum")
    return total


def _labels(one: Tokens) -> list[int]:
    from_here = max(1, one.reply)
    return [IGNORED] * from_here + list(one.ids[from_here:])


def _ends(row: Sequence[Tokens]) -> list[int]:
    """Where the examples of a row begin, and where the last one ends."""
    ends = [0]
    for one in row:
        ends.append(ends[-1] + len(one.ids))
    return ends


def _alone(model: Any, one: Tokens) -> Any:
    return model(input_ids=torch.tensor([one.ids], device=model.device), use_cache=False).logits[0]


def _near(one: Any, other: Any) -> bool:
    return bool((one - other).abs().max() <= NEAR * other.abs().max())
