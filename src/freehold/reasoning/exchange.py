"""A question that is put to a model, and its reply with the chain of thought and the answer taken apart. Pure.

It knows how chains are marked and answers are written, and nothing of what is asked for which probe (`probes.py`). It exists
so that a question, what was heard and the reading of an answer mean the same to whoever asks.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

from msgspec import Struct

from freehold.reasoning.answers import final_answers, plain, same_answer
from freehold.reasoning.hints import letters
from freehold.reasoning.numerals import numerals, shown
from freehold.reasoning.split import sentences
from freehold.reasoning.trace import Step

ChainIs = Literal["visible", "marked", "shown", "summary", "hidden", "none"]
"""What there was to read of the chain: text before the answer, text between the marks of a chain, a field of its own; a
summary by the vendor, nothing although there is one, or nothing at all."""

Sought = Literal["auto", "visible", "shown"]

Cut = Literal["sentences", "lines"]
"""What a step of a chain is."""

READABLE: frozenset[ChainIs] = frozenset({"visible", "marked", "shown"})
"""The chains that are the model's own words, to be cut, spoilt and given back."""

_MARKER = re.compile(
    r"^[\s>#*_`]*(?:the\s+)?(?:final\s+)?answer[*_`]*\s*(?:[:=]|is\b\s*:?)[*_`]*", re.IGNORECASE | re.MULTILINE
)
_THOUGHT = re.compile(r"\s*<think>(.*?)(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
"""A chain that the cap cut has no end."""

_CLOSED = re.compile(r"\s*</think>", re.IGNORECASE)
_LINE = re.compile(r"\S(?:[^\n]*\S)?")
_STEPS = re.compile(r"\s*<step[\s>].*</step>", re.DOTALL | re.IGNORECASE)
_MARKED: tuple[tuple[re.Pattern[str], ChainIs, int], ...] = ((_THOUGHT, "shown", 1), (_STEPS, "marked", 0))
_LETTER = re.compile(r"[\W_]*([A-Za-z])(?![A-Za-z0-9])")
_ARTICLE = re.compile(r"^(?:the|an?)\s+", re.IGNORECASE)


class Problem(Struct, frozen=True, kw_only=True):
    """What is asked: Chat `messages`, of which the user's is the last. `right` are the answers that are right, where known;
    `choices` the texts of the options A, B, ..., which stand in the question already. `subject` is whom it is about, where that
    has a name."""

    id: str
    messages: tuple[dict[str, Any], ...]
    right: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    subject: str = ""


class Heard(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of it: the text, what was told of the reasoning apart from it, whether it was cut by the cap; `trouble`
    is a sentence where no answer came."""

    text: str = ""
    reasoning: str = ""
    reasoning_is: Literal["shown", "summary", "hidden", "none"] = "none"
    cut: bool = False
    trouble: str = ""


class Frame(Struct, frozen=True):
    """How a model's thinking stands in its turn: in a `field` of its own (`reasoning_content`, which a server puts where the
    model's template has it) or between marks in the text; and the white space before and behind it and before the answer, so
    that a chain which is given back is read by the model as it was written."""

    field: bool = False
    lead: str = "\n"
    trail: str = "\n"
    gap: str = "\n\n"


def with_text(messages: Sequence[dict[str, Any]], change: Callable[[str], str]) -> tuple[dict[str, Any], ...]:
    """The messages with the text of the last one changed; pictures and files beside it stay."""
    *before, last = messages
    content = last["content"]
    if isinstance(content, str):
        return (*before, {**last, "content": change(content)})
    places = [place for place, part in enumerate(content) if part.get("type") == "text"]
    parts = list(content)
    if places:
        parts[places[-1]] = {**parts[places[-1]], "text": change(parts[places[-1]]["text"])}
    else:
        parts.append({"type": "text", "text": change("")})
    return (*before, {**last, "content": parts})


def steps_of(chain: str, cut: Cut) -> list[Step]:
    """The steps of a chain: its sentences, or its lines where each is a step; blank ones are none."""
    if cut == "sentences":
        return sentences(chain)
    found = enumerate(_LINE.finditer(chain))
    return [Step(index, line[0], line.start(), line.end(), "paragraph") for index, line in found]


def frame_of(heard: Heard, sought: Sought) -> Frame:
    """How thinking stood in this reply. Where none did, or what is sought is in the text, that of marks in the text."""
    if heard.reasoning_is != "none" and sought != "visible":
        return Frame(True, *_around(heard.reasoning), _gap(heard.text))
    marked = _THOUGHT.match(heard.text)
    return Frame() if marked is None else Frame(False, *_around(marked[1]), _gap(heard.text[marked.end() :]))


def begun(chain: str, chain_is: ChainIs, frame: Frame) -> dict[str, Any]:
    """The model's turn as far as this much of its chain, for it to go on thinking."""
    if chain_is != "shown":
        return _turn(chain)
    thought = frame.lead + chain
    return _turn("", thought) if frame.field else _turn(f"<think>{thought}")


def ended(chain: str, chain_is: ChainIs, frame: Frame, start: str) -> dict[str, Any]:
    """The model's turn with this chain, after which it can only answer; the answer begins with `start`."""
    if chain_is != "shown":
        return _turn(f"{chain}\n\n{start}".lstrip())
    thought = f"{frame.lead}{chain}{frame.trail}"
    answer = frame.gap + start
    return _turn(answer, thought) if frame.field else _turn(f"<think>{thought}</think>{answer}")


def more_than(turn: dict[str, Any], heard: Heard) -> str:
    """What was said beyond a turn that was begun; some servers repeat the beginning."""
    thought = str(turn.get("reasoning_content", ""))
    if thought and not turn["content"]:
        return (heard.reasoning or heard.text).removeprefix(thought)
    return (heard.text or heard.reasoning).removeprefix(str(turn["content"]))


def _turn(content: str, thought: str | None = None) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": "assistant", "content": content}
    return turn if thought is None else {**turn, "reasoning_content": thought}


def _around(thought: str) -> tuple[str, str]:
    """The white space before and behind what was thought; a line each where there was none at all."""
    bare = thought.strip()
    if bare == thought:
        return "\n", "\n"
    return thought[: len(thought) - len(thought.lstrip())], thought[len(thought.rstrip()) :]


def _gap(answer: str) -> str:
    """The white space before an answer; an empty line where there was none."""
    return answer[: len(answer) - len(answer.lstrip())] or "\n\n"


def until_answer(text: str) -> str:
    """The text up to where an answer is stated, or thinking ends."""
    for end in (_MARKER, _CLOSED):
        found = end.search(text)
        text = text[: found.start()] if found else text
    return text


def take_apart(heard: Heard, problem: Problem, sought: Sought) -> tuple[str, ChainIs, str | None]:
    """The chain, what it is, and the answer that was stated after it (None where none can be read)."""
    if heard.reasoning_is != "none" and sought != "visible":
        return heard.reasoning.strip(), heard.reasoning_is, _stated(heard.text, problem)
    for marks, chain_is, group in _MARKED:
        marked = marks.match(heard.text)
        if marked is not None:
            return marked[group].strip(), chain_is, _stated(heard.text[marked.end() :], problem)
    marker = _MARKER.search(heard.text)
    chain = heard.text[: marker.start() if marker else None].strip()
    stated = read_answer(heard.text[marker.end() :], problem) if marker else _stated(chain, problem)
    if sought == "shown" or not chain:
        return "", "none", stated
    return chain, "visible", stated


def _stated(text: str, problem: Problem) -> str | None:
    claims = final_answers(text, whole=True)
    return read_answer(claims[0][2], problem) if claims else None


def read_answer(text: str, problem: Problem) -> str | None:
    """The answer in what follows `Answer:`. A choice is its letter; where the right answer is a number, and no words come before
    it, the number, written plainly; of other answers the first line counts, without typography."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    line = _MARKER.sub("", lines[0], count=1).strip()
    if problem.choices:
        return _letter(line, problem.choices)
    if problem.right and all(_begins_with_number(right) for right in problem.right):
        return _number(line)
    claims = final_answers(line, whole=True)
    return (plain(claims[0][2]) or None) if claims else None


def same(one: str, other: str) -> bool:
    """Whether two answers are the same: by value where both can be read, else by their words."""
    decided = same_answer(one, other, lambda left, right: True if left == right else None)
    return _bare(one) == _bare(other) if decided is None else decided


def _bare(text: str) -> str:
    words = re.sub(r"[^\w\s.%/+-]", " ", _ARTICLE.sub("", plain(text).casefold()))
    return " ".join(words.split())


def _letter(line: str, choices: Sequence[str]) -> str | None:
    found = _LETTER.match(line)
    if found and found[1].upper() in letters(len(choices)):
        return found[1].upper()
    named = [letter for letter, text in zip(letters(len(choices)), choices, strict=True) if _bare(text) == _bare(line)]
    return named[0] if named else None


def _begins_with_number(right: str) -> bool:
    """`12 pens` and `$12`, but not `refund $12`, which says more than its number."""
    found = numerals(right)
    return bool(found) and not any(character.isalpha() for character in right[: found[0].start])


def _number(line: str) -> str | None:
    """The number that a line answers: what stands behind its last equals sign, else the first."""
    found = numerals(line.rpartition("=")[2]) or numerals(line)
    return shown(found[0].worth) if found else None
