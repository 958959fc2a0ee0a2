"""What a model said, without what it thought: the `Given` that every grader sees.

It knows how replies carry reasoning and grades nothing. It exists because an answer that stands only in the thinking was
not given, and a pattern that finds it there scores a reply that nobody would accept.

Reasoning comes apart from the text (parts of a reply), or inside it, between marks that models are trained to write. In a
text, in its order from the start:

- a mark inside a code fence or right behind a backtick is the model's words, not a mark;
- a block between marks goes, wherever it begins;
- a block that is never closed goes to the end, when it begins the text or a line (cut off in the middle of thinking);
- a closing mark without its opening takes along all before it (templates write the opening mark into the prompt).
"""

import re

from freehold.items import Given, ToolUse
from freehold.messages import Refusal, Reply, Text, ToolCall

MOST_MARKS = 1_000
"""Marks that are looked at; what follows stays as it is. A text that is nothing but marks must not cost an afternoon."""

_TAGS = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|seed:think|analysis_thinking"
_PAIRS: tuple[tuple[str, str], ...] = (
    (r"<(?P<tag>" + _TAGS + r")(?:\s[^<>\n]{0,200})?>", r"</(?:" + _TAGS + r")\s*>"),
    (r"◁think▷", r"◁/think▷"),
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<unused94>", r"<unused95>"),
    (
        r"<\|channel\|>(?:analysis|commentary)(?:\s[^<>\n]{0,100})?<\|message\|>",
        r"<\|end\|>|(?=<\|start\|>|<\|channel\|>final)",
    ),
)
"""Opening and closing marks: DeepSeek, Qwen and most others; Kimi; Magistral; Command; open reproductions of o1; Gemma;
gpt-oss."""

_STEPS = re.compile(r"\s*<step[\s>].*</step>", re.DOTALL | re.IGNORECASE)
"""What our own models write: their steps stand at the start, the answer follows the last."""

_FINAL = re.compile(
    r"<\|start\|>assistant|<\|channel\|>final(?:\s[^<>\n]{0,100})?<\|message\|>|<\|(?:return|end)\|>\s*\Z"
    r"|</?\|?(?:begin|end)_of_solution\|>|<\|(?:START|END)_RESPONSE\|>"
)
"""Marks around the answer itself, which are no words of it."""

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[^\n]*$", re.MULTILINE)
_MARK = re.compile(
    "|".join(f"(?P<open{n}>{first})|(?P<close{n}>{last})" for n, (first, last) in enumerate(_PAIRS) if n != 6)
    + f"|(?P<open6>{_PAIRS[6][0]})",
    re.IGNORECASE,
)
_CLOSING = [re.compile(last, re.IGNORECASE) for _, last in _PAIRS]


def given(reply: Reply) -> Given:
    """What the model said in this reply: its text and its refusals, the tools that it called, why it ended."""
    text = "".join(part.text for part in reply.parts if isinstance(part, Text | Refusal))
    calls = tuple(ToolUse(part.name, part.arguments) for part in reply.parts if isinstance(part, ToolCall))
    return Given(text=without_reasoning(text), tool_uses=calls, finish=reply.finish)


def without_reasoning(text: str) -> str:
    """The text without reasoning. Without marks it is the text itself; with them, no white space at its ends."""
    kept: list[str] = []
    place = start = 0
    changed = False
    steps = _STEPS.match(text)
    if steps:
        place = start = steps.end()
        changed = True
    for _ in range(MOST_MARKS):
        match = _MARK.search(text, place)
        if match is None:
            break
        fence = _fence_before(text, place, match.start())
        if fence is not None:
            place = fence
            continue
        if _quoted(text, match.start()):
            place = match.end()
            continue
        if (match.lastgroup or "").startswith("close"):
            kept, start, place, changed = [], match.end(), match.end(), True
            continue
        closing = _closing(match).search(text, match.end())
        if closing is None and not _begins_line(text, match.start(), start):
            place = match.end()
            continue
        kept.append(text[start : match.start()])
        changed = True
        start = place = len(text) if closing is None else closing.end()
    kept.append(text[start:])
    said = "".join(kept)
    said, marks = _FINAL.subn("", said)
    return said.strip() if changed or marks else text


def _closing(match: re.Match[str]) -> re.Pattern[str]:
    """The closing mark of the opening one that was found."""
    if match["tag"]:
        return re.compile(rf"</{re.escape(match['tag'])}\s*>", re.IGNORECASE)
    number = next(n for n in range(len(_PAIRS)) if match[f"open{n}"] is not None)
    return _CLOSING[number]


def _fence_before(text: str, place: int, mark: int) -> int | None:
    """The end of the code fence that the mark stands in, None when it stands in none. A fence that is never closed is
    none."""
    opened = _FENCE.search(text, place, mark)
    while opened is not None:
        fence = opened[1]
        closed = re.compile(rf"^[ \t]*{re.escape(fence)}[`~]*[ \t]*$", re.MULTILINE).search(text, opened.end())
        if closed is None:
            return None
        if closed.end() > mark:
            return closed.end()
        opened = _FENCE.search(text, closed.end(), mark)
    return None


def _quoted(text: str, place: int) -> bool:
    return place > 0 and text[place - 1] in "`\"'“‘"


def _begins_line(text: str, place: int, start: int) -> bool:
    before = text[start:place]
    return not before.strip() or not before.rpartition("\n")[2].strip()
