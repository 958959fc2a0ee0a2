"""Parity: whether an exported model says the same as the weights that it was made from. An export that does not is refused and taken away.

It knows two ways of running one model: `transformers`, and llama.cpp's server in this process, asked over the loopback address. Texts are cut into the
same tokens (10,000 of them, prompts and replies of the tasks as well as noise), greedy replies to held-out items are the same token by token (half
precision), or as often right within the interval (quantised).
"""

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from typing import Any

from msgspec import Struct

from freehold.errors import ExportRefused
from freehold.training.heavy.evaluate import wilson
from freehold.training.heavy.export import Quantisation, export_gguf
from freehold.training.heavy.generate import generate
from freehold.training.heavy.libraries import library
from freehold.training.heavy.model import load_model
from freehold.training.heavy.rows import Mix, Row, prompt
from freehold.training.tasks.drawing import held_out
from freehold.training.tasks.task import seeded, write_reply

STRINGS, ITEMS = 10_000, 200
THREADS = 1


class Parity(Struct, frozen=True, kw_only=True):
    """What was compared: strings, and how many were cut otherwise (`splits`); items, how many replies were the same token by token, and how many
    were right before and after."""

    strings: int
    splits: int
    items: int
    same: int
    right_before: int
    right_after: int


def checked_export(
    folder: Path,
    to: Path,
    quantisation: Quantisation,
    name: str,
    mix: Mix,
    tokens: int,
    strings: int = STRINGS,
    items: int = ITEMS,
) -> Parity:
    """Exports and compares. Raises ExportRefused, and leaves nothing, where the two differ."""
    part = to.with_name(f"{to.name}.unchecked")
    export_gguf(folder, part, quantisation, name)
    try:
        found = compare(folder, part, mix, tokens, strings, items)
        fault = fault_of(found, quantisation)
        if fault:
            raise ExportRefused(f"{to.name} does not say what the weights say: {fault}.")
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)
    return found


def fault_of(found: Parity, quantisation: Quantisation) -> str:
    """Why an export is refused; empty when it is not."""
    if found.splits:
        return f"{found.splits} of {found.strings} strings are cut into other tokens"
    if quantisation == "F16" and found.same < found.items:
        return f"{found.items - found.same} of {found.items} greedy replies are others"
    low, _ = wilson(found.right_before, found.items)
    if found.items and found.right_after / found.items < low:
        return f"{found.right_after} of {found.items} answers are right, where {found.right_before} were"
    return ""


def compare(folder: Path, exported: Path, mix: Mix, tokens: int, strings: int, items: int) -> Parity:
    """Runs both."""
    model, tokenizer = load_model(folder)
    rows = [row for row, _ in zip(_rows(mix, items), range(items), strict=False)]
    asked = tokenizer([prompt(row, tokenizer) for row in rows], add_special_tokens=False)["input_ids"]
    stop = int(tokenizer.eos_token_id)
    mine = [one.ids for one in generate(model, asked, stop=stop, pad=tokenizer.pad_token_id, tokens=tokens)]
    texts = list(_texts(mix, strings))
    cut = tokenizer(texts, add_special_tokens=False)["input_ids"]
    context = max(map(len, asked), default=0) + tokens + 8
    with served(exported, context) as ask:
        splits = sum(
            ask("/tokenize", {"content": text, "add_special": False, "parse_special": True})["tokens"] != ids
            for text, ids in zip(texts, cut, strict=True)
        )
        theirs = [_reply(ask, ids, tokens, stop) for ids in asked]
    return Parity(
        strings=strings,
        splits=splits,
        items=len(rows),
        same=sum(tuple(a) == tuple(b) for a, b in zip(mine, theirs, strict=True)),
        right_before=_right(rows, mine, tokenizer),
        right_after=_right(rows, theirs, tokenizer),
    )


@contextmanager
def served(weights: Path, context: int) -> Generator[Any, None, None]:
    """llama.cpp's server on these weights, on a free port of the loopback address; gives a function that asks a path with JSON."""
    xllamacpp = library("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.n_ctx = context
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    params.ui = False
    params.warmup = False
    params.verbosity = 1
    server = xllamacpp.Server(params)
    port = int(str(server.listening_address).rpartition(":")[2])
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:

        def ask(path: str, body: dict[str, Any]) -> Any:
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise ExportRefused(f"llama.cpp answers {answer.status}: {content[:200].decode(errors='replace')}.")
            return json.loads(content)

        yield ask
    del server


def _reply(ask: Any, ids: Sequence[int], tokens: int, stop: int) -> tuple[int, ...]:
    body = {"prompt": list(ids), "n_predict": tokens, "temperature": 0.0, "cache_prompt": False, "return_tokens": True}
    return tuple(token for token in ask("/completion", body)["tokens"] if token != stop)


def _rows(mix: Mix, items: int) -> Iterator[Row]:
    each = -(-items // sum(len(levels) for _, _, levels in mix))
    for task, _, levels in mix:
        for level in levels:
            for one in held_out(task, "val", level, each):
                yield Row(task, one, True)


def _right(rows: Sequence[Row], replies: Sequence[Sequence[int]], tokenizer: Any) -> int:
    texts = [str(tokenizer.decode(list(ids), skip_special_tokens=True)) for ids in replies]
    return sum(row.task.grade(row.problem, text).score == 1.0 for row, text in zip(rows, texts, strict=True))


def _texts(mix: Mix, count: int) -> Iterator[str]:
    """Half of them what the tasks say, half noise: signs of many scripts, blanks, line ends, markers, torn words."""
    rng = seeded("parity", count)
    for place in range(count):
        if place % 2:
            yield _noise(rng)
            continue
        task, _, levels = mix[place // 2 % len(mix)]
        problem = task.generate(rng.choice(levels), place)
        text = f"{task.render(problem)}\n{write_reply(task.solve(problem))}"
        start = rng.randrange(len(text))
        yield text[start : start + rng.randrange(1, 120)]


_SIGNS = "abcdefgXYZ 0123456789   \n\n\t.,;:!?'\"()[]{}<>/\\|+-*=_%$#@&~^`äéßñøžλπдяشعह日本語한€–…😀\u00a0\u200b"
_WHOLE = ("<think>", "</think>", "/no_think", "<user>", "<end>", "'s", " the", "\r\n", "  ", " I'll")


def _noise(rng: Random) -> str:
    parts = [rng.choice(_SIGNS) if rng.random() < 0.9 else rng.choice(_WHOLE) for _ in range(rng.randrange(1, 60))]
    return "".join(parts)
