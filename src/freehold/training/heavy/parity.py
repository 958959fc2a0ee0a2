"""Parity: whether an exported model says the same as the weights that it was made from. An export that does not is refused and taken away.

It knows two ways of running one model: `transformers`, and llama.cpp's server in this process, asked over the loopback address. Texts are cut into the
same tokens (10,000 of them, prompts and replies of the tasks as well as noise), greedy replies to held-out items are the same token by token (half
precision, against the weights rounded as the file has them), and as often right as before within the interval (all).

llama.cpp computes with half precision what it has in half precision, and so rounds at every step, which can move a reply where two tokens are nearly alike: the
distance of the first two tokens was another by 0.0005 nats (median of 720 tokens of a half-trained model) and up to 0.02. No distance is let pass for that.
A reply that parts is asked for again from the same file with its numbers written as float32, where neither side rounds (0.000001, and up to 0.00002): there
it must be the same token by token.

An adapter is compared as it is served, over its base, and both in float32: merged or not, the replies are the same token by token.

A run without tasks is compared on the rows that it learned from, where an answer is right that is the row's own.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice, zip_longest
from pathlib import Path
from random import Random
from typing import Any, Literal

from msgspec import Struct

from freehold.errors import ConfigError, ExportRefused
from freehold.training.dataset import Example
from freehold.training.executor import Parity
from freehold.training.heavy.adapter import export_adapter
from freehold.training.heavy.evaluate import wilson
from freehold.training.heavy.export import Quantisation, export_gguf, widen_gguf
from freehold.training.heavy.generate import generate
from freehold.training.heavy.lessons import weights_in
from freehold.training.heavy.libraries import torch, transformers
from freehold.training.heavy.llama import served
from freehold.training.heavy.model import load_model
from freehold.training.heavy.rows import Mix, Row, prompt
from freehold.training.heavy.taught import asked_of, asks_to_think
from freehold.training.heavy.tokenizer import load_tokenizer
from freehold.training.recipe import folder_of, tasks_of
from freehold.training.runs import RunFolder
from freehold.training.tasks.drawing import held_out
from freehold.training.tasks.task import HELD_OUT, NoProblem, Problem, Task, read_reply, seeded, write_reply

Exporting = Quantisation | Literal["LORA"]
"""What a run is exported as: a file of all weights, or its adapters alone."""

STRINGS, ITEMS = 10_000, 200

TOLD = 3
"""Replies that part of which it is said where."""


class Tried(Struct, frozen=True):
    """A prompt that both are asked, and whether a reply to it is right."""

    asked: str
    right: Callable[[str], bool]


def export_run(folder: RunFolder, kind: Exporting, to: Path) -> Parity:
    """Exports the weights of a finished run, or its adapters, and compares. Raises ConfigError for a run that has none yet, ExportRefused."""
    recipe = folder.recipe()
    if folder.state() != "done" or not folder.weights.is_dir():
        raise ConfigError(
            f"The run {folder.path.name} is not done, so it has no weights.",
            f"Go on: `freehold train run {folder.path.name}`.",
        )
    rows = folder.dataset()
    examples = () if rows is None else rows.examples
    mix, tokens = tasks_of(recipe), recipe.watch.tokens
    thinking = asks_to_think(recipe, folder.path, load_tokenizer(folder.weights))
    if kind == "LORA":
        base = weights_in(folder_of(recipe.start))
        return checked_adapter(folder, base, to, recipe.model, mix, tokens, examples=examples, thinking=thinking)
    return checked_export(folder.weights, to, kind, recipe.model, mix, tokens, examples=examples, thinking=thinking)


def checked_export(
    folder: Path,
    to: Path,
    quantisation: Quantisation,
    name: str,
    mix: Mix,
    tokens: int,
    strings: int = STRINGS,
    items: int = ITEMS,
    examples: Sequence[Example] = (),
    *,
    thinking: bool = True,
) -> Parity:
    """Exports and compares, on the tasks of the mix, else on examples. Raises ExportRefused, and leaves nothing, where the two differ."""

    def compared(part: Path) -> Parity:
        export_gguf(folder, part, quantisation, name)
        return compare(
            folder, part, mix, tokens, strings, items, examples, half=quantisation == "F16", thinking=thinking
        )

    return _checked(to, quantisation, compared)


def checked_adapter(
    folder: RunFolder,
    base: Path,
    to: Path,
    name: str,
    mix: Mix,
    tokens: int,
    strings: int = STRINGS,
    items: int = ITEMS,
    examples: Sequence[Example] = (),
    *,
    thinking: bool = True,
) -> Parity:
    """Exports the adapters of a run, and compares them over the weights in `base`, a folder or a GGUF file, with those that they were merged into. Raises
    ConfigError for a run without adapters; ExportRefused, and leaves nothing, where the two differ."""
    if not folder.adapter.is_dir():
        raise ConfigError(
            f"The run {folder.path.name} kept no adapters.",
            "Its recipe needs a table [lora], and what was trained before this version is trained again.",
        )
    config = transformers.AutoConfig.from_pretrained(str(folder.weights), local_files_only=True)
    wide = to.with_name(f"{to.name}.base")

    def compared(part: Path) -> Parity:
        export_gguf(base, wide, "F32", name)
        export_adapter(folder.adapter, config, part, name)
        return compare(folder.weights, wide, mix, tokens, strings, items, examples, adapter=part, thinking=thinking)

    try:
        return _checked(to, "LORA", compared)
    finally:
        wide.unlink(missing_ok=True)


def _checked(to: Path, kind: Exporting, compared: Callable[[Path], Parity]) -> Parity:
    """What `compared` says of the file that it writes, which comes to `to` where it says the same as the weights. Raises ExportRefused where not."""
    part = to.with_name(f"{to.name}.unchecked")
    try:
        found = compared(part)
        if fault := fault_of(found, kind):
            says = (
                "does not say over its base what the merged weights say"
                if kind == "LORA"
                else "does not say what the weights say"
            )
            raise ExportRefused(f"{to.name} {says}: {fault}.")
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    return found


def fault_of(found: Parity, kind: Exporting) -> str:
    """Why an export is refused; empty when it is not."""
    if not found.items:
        return "there is no problem to compare replies to"
    if found.splits:
        return f"{found.splits} of {found.strings} strings are cut into other tokens"
    if kind in ("F16", "LORA") and found.same + found.rounded < found.items:
        count = found.items - found.same - found.rounded
        return "; ".join((f"{count} of {found.items} greedy replies are others", *found.parted))
    low, _ = wilson(found.right_before, found.items)
    if found.items and found.right_after / found.items < low:
        return f"{found.right_after} of {found.items} answers are right, where {found.right_before} were"
    return ""


def compare(
    folder: Path,
    exported: Path,
    mix: Mix,
    tokens: int,
    strings: int,
    items: int,
    examples: Sequence[Example] = (),
    *,
    half: bool = False,
    adapter: Path | None = None,
    thinking: bool = True,
) -> Parity:
    """Runs both; with `half` the weights are rounded to half precision before replies are compared, and not before answers are graded. With an
    `adapter`, llama.cpp lays it over the exported weights and computes in float32."""
    model, tokenizer = load_model(folder)
    context = model.config.max_position_embeddings
    tried, asked = _fitting(_tried(mix, examples, items, tokenizer, thinking=thinking), tokenizer, context // 2, items)
    tokens = min(tokens, context - max(map(len, asked), default=0))  # a reply that is cut off is so on both sides
    stop = int(tokenizer.eos_token_id)
    pad = tokenizer.pad_token_id
    trained = [one.ids for one in generate(model, asked, stop=stop, pad=pad, tokens=tokens)]
    mine = trained
    if half:
        round_to_half(model)
        mine = [one.ids for one in generate(model, asked, stop=stop, pad=pad, tokens=tokens)]
    texts = list(_texts(mix, examples, strings))
    cut = tokenizer(texts, add_special_tokens=False)["input_ids"]
    context = max(map(len, asked), default=0) + tokens + 8
    with served(exported, context, wide=adapter is not None, adapter=adapter) as ask:
        splits = sum(
            ask("/tokenize", {"content": text, "add_special": False, "parse_special": True})["tokens"] != ids
            for text, ids in zip(texts, cut, strict=True)
        )
        theirs = [_reply(ask, ids, tokens, stop) for ids in asked]
    others = [place for place, ids in enumerate(mine) if tuple(ids) != theirs[place]]
    again = _unrounded(exported, context, [asked[place] for place in others], tokens, stop) if half else []
    told = again if half else [theirs[place] for place in others] if adapter is not None else []
    wrong = [(place, ids) for place, ids in zip(others, told, strict=bool(told)) if tuple(mine[place]) != ids]
    after = _right(tried, theirs, tokenizer)
    low, high = wilson(after, len(tried))
    return Parity(
        strings=strings,
        splits=splits,
        items=len(tried),
        same=len(tried) - len(others),
        rounded=len(again) - len(wrong) if half else 0,
        moved=sum(tuple(a) != tuple(b) for a, b in zip(trained, mine, strict=True)),
        right_before=_right(tried, trained, tokenizer),
        right_after=after,
        low=low,
        high=high,
        parted=tuple(parting(model, tokenizer, asked[place], mine[place], ids) for place, ids in wrong[:TOLD]),
    )


def round_to_half(model: Any) -> None:
    """Rounds the weights as a file in half precision has them: matrices, and no gains."""
    for weight in model.parameters():
        if weight.ndim > 1:
            weight.data = weight.data.half().float()


def parting(model: Any, tokenizer: Any, asked: Sequence[int], mine: Sequence[int], theirs: Sequence[int]) -> str:
    """Where two replies part, and by how many nats the weights prefer their own token to the other, for a person."""
    stop = int(tokenizer.eos_token_id)
    one, other = [*mine, stop], [*theirs, stop]
    place = next(at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*asked, *one[:place]]], device=model.device), use_cache=False).logits
    nats = float(logits[0, -1, one[place]] - logits[0, -1, other[place]])
    question, ours, its = (str(tokenizer.decode(ids)) for ids in (list(asked), [one[place]], [other[place]]))
    return f"the reply to {question!r} parts at token {place + 1}: {its!r} for {ours!r}, which the weights prefer by {nats:.6f} nats"


def _unrounded(
    exported: Path, context: int, asked: Sequence[Sequence[int]], tokens: int, stop: int
) -> list[tuple[int, ...]]:
    """The replies of the same file with its numbers, and all that is computed with them, in float32."""
    if not asked:
        return []
    wide = exported.with_name(f"{exported.name}.wide")
    try:
        widen_gguf(exported, wide)
        with served(wide, context, wide=True) as ask:
            return [_reply(ask, ids, tokens, stop) for ids in asked]
    finally:
        wide.unlink(missing_ok=True)


def _reply(ask: Any, ids: Sequence[int], tokens: int, stop: int) -> tuple[int, ...]:
    body = {"prompt": list(ids), "n_predict": tokens, "temperature": 0.0, "cache_prompt": False, "return_tokens": True}
    return tuple(token for token in ask("/completion", body)["tokens"] if token != stop)


def _tried(mix: Mix, examples: Sequence[Example], items: int, tokenizer: Any, *, thinking: bool) -> Iterator[Tried]:
    """Held-out problems of all levels in turn, so that a level with few of them leaves its place to others; of the test split where the other has too few."""
    for split in HELD_OUT:
        levels = [[(task, one) for one in held_out(task, split, at, items)] for task, _, each in mix for at in each]
        for task, one in (pair for turn in zip_longest(*levels) for pair in turn if pair is not None):
            yield Tried(prompt(Row(task, one, thinking), tokenizer), partial(_graded, task, one))
    if not mix:
        yield from (Tried(asked_of(one, tokenizer), partial(_answered, one)) for one in examples)


def _fitting(tried: Iterable[Tried], tokenizer: Any, most: int, items: int) -> tuple[list[Tried], list[list[int]]]:
    """So many of what is tried, and their prompts as tokens, without prompts of more than `most` tokens, as those of people may be: they leave too little room for a
    reply in the model's context."""
    cut = ((one, tokenizer([one.asked], add_special_tokens=False)["input_ids"][0]) for one in tried)
    found = list(islice(((one, ids) for one, ids in cut if len(ids) <= most), items))
    return [one for one, _ in found], [ids for _, ids in found]


def _graded(task: Task, problem: Problem, text: str) -> bool:
    return task.grade(problem, text).score == 1.0


def _answered(example: Example, text: str) -> bool:
    return read_reply(text).answer == read_reply(example.reply).answer


def _right(tried: Sequence[Tried], replies: Sequence[Sequence[int]], tokenizer: Any) -> int:
    texts = [str(tokenizer.decode(list(ids), skip_special_tokens=True)) for ids in replies]
    return sum(one.right(text) for one, text in zip(tried, texts, strict=True))


def _texts(mix: Mix, examples: Sequence[Example], count: int) -> Iterator[str]:
    """Half of them what the tasks or the rows say, half noise: signs of many scripts, blanks, line ends, markers, torn words."""
    rng = seeded("parity", count)
    for place in range(count):
        if place % 2:
            yield _noise(rng)
            continue
        if mix:
            task, _, levels = mix[place // 2 % len(mix)]
            try:
                problem = task.generate(rng.choice(levels), place)
            except NoProblem:
                yield _noise(rng)
                continue
            text = f"{task.render(problem)}\n{_solved(task, problem)}"
        else:
            text = f"{examples[place // 2 % len(examples)].asked}\n{examples[place // 2 % len(examples)].reply}"
        start = rng.randrange(len(text))
        yield text[start : start + rng.randrange(1, 120)]


def _solved(task: Task, problem: Problem) -> str:
    """The reply that a task gives itself; nothing where nobody knows one."""
    try:
        return write_reply(task.solve(problem))
    except LookupError:
        return ""


_SIGNS = "abcdefgXYZ 0123456789   \n\n\t.,;:!?'\"()[]{}<>/\\|+-*=_%$#@&~^`äéßñøžλπдяشعह日本語한€–…😀\u00a0\u200b"
_WHOLE = ("<think>", "</think>", "/no_think", "<user>", "<end>", "'s", " the", "\r\n", "  ", " I'll")


def _noise(rng: Random) -> str:
    parts = [rng.choice(_SIGNS) if rng.random() < 0.9 else rng.choice(_WHOLE) for _ in range(rng.randrange(1, 60))]
    return "".join(parts)
