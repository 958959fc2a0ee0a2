"""Measures own/nano, the weights that come with the package, as llama.cpp serves them, on problems of the test split, and writes docs/studies/nano.md.

    python studies/nano.py                        four minutes on an idle core; needs the extras `own` and `training`
    python studies/nano.py --direct runs/RUN/model    beside it a run of recipes/nano-direct.toml, which learned answers alone

No problem of the test split is drawn by a training run, nor looked at while one goes on (`src/freehold/training/tasks/drawing.py`).
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from own_family_others import served
from own_family_running import machine

from freehold.catalog.weights import NAMED
from freehold.serving import weights
from freehold.training import tasks
from freehold.training.heavy.evaluate import evaluate, wilson
from freehold.training.heavy.model import load_model
from freehold.training.tasks.drawing import held_out
from freehold.training.tasks.task import judge

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "studies" / "nano.md"
FINE = {"task": "arithmetic-chains", "steps": "fine"}


@dataclass(frozen=True)
class Part:
    """A row of the page: a task as its recipe names it, levels, items a level, whether steps are asked for."""

    about: str
    table: Mapping[str, Any]
    levels: Sequence[int]
    items: int
    thinking: bool = True


@dataclass
class Found:
    """What came of a part."""

    items: int = 0
    right: int = 0
    proven: int = 0
    unfinished: int = 0


CHAINS = tuple(Part(f"arithmetic-chains, {level} numbers", FINE, (level,), 150) for level in (2, 3, 4, 5))
ALONE = tuple(
    Part(f"arithmetic-chains, {level} numbers", FINE, (level,), 150, thinking=False) for level in (2, 3, 4, 5)
)
RECALL = Part("recall, 4 and 8 lines", {"task": "recall"}, (4, 8), 75)
BEYOND = (
    Part("arithmetic-chains, 6 and 7 numbers", FINE, (6, 7), 100),
    Part("arithmetic-chains, numbers of one digit", {**FINE, "digits": 1}, (3, 5), 50),
    Part("arithmetic-chains, numbers of up to two digits", {**FINE, "digits": 2}, (3, 5), 50),
    Part("arithmetic-chains, numbers of up to four digits", {**FINE, "digits": 4}, (2, 3), 50),
    Part("recall, 12 lines", {"task": "recall"}, (12,), 50),
)
REFUNDS = tuple(
    Part(f"refund-policy, {level} rules with an effect", {"task": "refund-policy"}, (level,), 100) for level in range(6)
)
REFUNDS_BEYOND = (
    Part("refund-policy, 6 and 7 rules with an effect", {"task": "refund-policy"}, (6, 7), 50),
    Part("refund-desk, another shop's kind of policy", {"task": "refund-desk"}, (1,), 100),
)
MOST_TOKENS = 700
NUMBERS = ("items", "right", "proven", "unfinished")


def main() -> None:
    """Reads the arguments, measures, writes the page."""
    parser = argparse.ArgumentParser(description="Measures own/nano.")
    parser.add_argument("--weights", type=Path, default=weights.kept_at(NAMED["nano"], Path()), help="a GGUF file")
    parser.add_argument(
        "--refund", type=Path, default=weights.kept_at(NAMED["nano-refund"], Path()), help="a GGUF file of nano-refund"
    )
    parser.add_argument("--direct", type=Path, help="the weights of a run of recipes/nano-direct.toml")
    parser.add_argument("--share", type=float, default=1.0, help="of the items")
    parser.add_argument("--page", type=Path, default=PAGE)
    chosen = parser.parse_args()
    parts = [HEAD.format(day=f"{datetime.now(UTC):%Y-%m-%d}", machine=machine(), tokens=MOST_TOKENS)]
    with served("nano", chosen.weights, 1) as connection:
        parts.append(nano(connection, chosen.weights, chosen.share))
    if chosen.direct is not None:
        parts.append(direct(chosen.direct, chosen.share))
    with served("nano-refund", chosen.refund, 1) as connection:
        parts.append(refund(connection, chosen.refund, chosen.share))
    chosen.page.write_text("\n\n".join(parts) + "\n")


def nano(connection: HTTPConnection, path: Path, share: float) -> str:
    """What the shipped weights do."""
    trained, recall, beyond, alone = (
        measured(connection, parts, share) for parts in (CHAINS, (RECALL,), BEYOND, ALONE)
    )
    whole, without = total(trained), total(alone)
    return "\n\n".join(
        (
            "## own/nano",
            f"`recipes/nano.toml`; {about(path)}. It comes with the package. **{said(whole)} of sums and differences of two to five numbers of up to three digits are "
            f"right**, {of(whole.proven, whole.right)} of these proven. Asked for the answer alone (`/no_think`), the same weights are right on {said(without)}.",
            table((*trained, *recall)),
            "Beyond what it was trained on (numbers of other lengths are padded otherwise by the solver):",
            table(beyond),
            "Without steps:",
            table(alone),
        )
    )


def direct(folder: Path, share: float) -> str:
    """What a model does that learned answers alone, computed by `transformers`."""
    model, words = load_model(folder)
    rows: list[tuple[Part, Found]] = []
    for part in ALONE:
        scores = evaluate(
            model,
            words,
            tasks.make(part.table),
            part.levels,
            items=max(1, round(share * part.items)),
            tokens=16,
            thinking=False,
            split="test",
        )
        rows.append((part, Found(*(sum(getattr(one, name) for one in scores) for name in NUMBERS))))
    return "\n\n".join(
        (
            "## own/nano-direct",
            f"`recipes/nano-direct.toml`: the same shape, 6,000 steps on answers alone. {said(total(rows))} of the same sums are right.",
            table(rows),
        )
    )


def refund(connection: HTTPConnection, path: Path, share: float) -> str:
    """What a model does that went on from nano and learned to decide on returns."""
    trained, beyond, chains = (measured(connection, parts, share) for parts in (REFUNDS, REFUNDS_BEYOND, CHAINS))
    whole = total(trained)
    return "\n\n".join(
        (
            "## own/nano-refund",
            "`recipes/nano-refund.toml`, from own/nano, and three passes after it, the last by `recipes/nano-refund-4.toml`; "
            f"{about(path)}. It comes with the package. **{said(whole)} of decisions on returns are right**, by policies that it has never seen; "
            f"{of(whole.proven, whole.right)} of these proven.",
            table(trained),
            "Beyond what it was trained on:",
            table(beyond),
            "The sums of own/nano, which were a part of its rows:",
            table(chains),
        )
    )


def measured(connection: HTTPConnection, parts: Iterable[Part], share: float) -> list[tuple[Part, Found]]:
    """Each part with what came of it."""
    rows = [(part, _asked(connection, part, share)) for part in parts]
    for part, found in rows:
        sys.stderr.write(f"{part.about}: {found.right} of {found.items}, proven {found.proven}\n")
    return rows


def _asked(connection: HTTPConnection, part: Part, share: float) -> Found:
    task = tasks.make(part.table)
    found = Found()
    for level in part.levels:
        problems = held_out(task, "test", level, max(1, round(share * part.items)))
        connection.close()  # drawing hard ones may take longer than the engine keeps an idle connection; the next request opens another
        for problem in problems:
            text, finished = _reply(connection, task.render(problem), thinking=part.thinking)
            judged = judge(task, problem, text)
            found.items += 1
            found.right += judged.grade.score == 1.0
            found.proven += judged.proven
            found.unfinished += not finished
    return found


def _reply(connection: HTTPConnection, question: str, *, thinking: bool) -> tuple[str, bool]:
    """The reply as the model wrote it, and whether it came to an end."""
    body = {
        "messages": [{"role": "user", "content": question}],
        "temperature": 0,
        "max_tokens": MOST_TOKENS,
        "chat_template_kwargs": {"enable_thinking": thinking},
    }
    connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"The engine answers {answer.status}: {content[:300].decode(errors='replace')}")
    choice = json.loads(content)["choices"][0]
    thought, text = choice["message"].get("reasoning_content"), choice["message"].get("content") or ""
    whole = text if thought is None else f"<think>\n{thought}\n</think>\n{text}"
    return whole, choice["finish_reason"] == "stop"


def total(rows: Iterable[tuple[Part, Found]]) -> Found:
    """All rows together."""
    some = [found for _, found in rows]
    return Found(*(sum(getattr(one, name) for one in some) for name in NUMBERS))


def said(found: Found) -> str:
    """How many are right, with the interval."""
    return of(found.right, found.items)


def of(right: int, items: int) -> str:
    """A share with Wilson's interval."""
    if not items:
        return "none"
    low, high = wilson(right, items)
    return f"{right} of {items}, {right / items:.1%} ({low:.1%} to {high:.1%})"


def about(path: Path) -> str:
    """A file of weights."""
    return f"`{path.name}`, {path.stat().st_size / 1e6:.2f} MB, sha256 `{weights.digest(path)[:16]}`"


def table(rows: Iterable[tuple[Part, Found]]) -> str:
    """The rows as a table."""
    lines = [f"| {part.about} | {said(found)} | {found.proven} | {found.unfinished} |" for part, found in rows]
    return "\n".join(("| problems | right | proven | unfinished |", "|---|---|---|---|", *lines))


HEAD = """# What nano can do

Own models of 0.2 M weights on problems of the test split, greedily, one thread, in llama.cpp. Written by `python studies/nano.py` on {day};
{machine}. Shares with their 95 % intervals (Wilson). *Proven*: right, every step verified, and the answer follows from them. *Unfinished*: still
writing after {tokens} tokens. No problem of the test split was drawn by training or looked at while it went on."""


if __name__ == "__main__":
    main()
