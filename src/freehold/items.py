"""The vocabulary of trials: an item, what is known to be right for it, what a model said, and the grade of that.

Pure data, below every room: the door captures items, graders grade them, trials compare models on them, training learns
from them. It knows no wire format but one: `input` is a request body of Chat Completions, whatever dialect it came in.
"""

from typing import Any, Literal

from msgspec import Struct

LabelSource = Literal["human", "feedback", "import"]
"""Who says so: somebody who was asked to, the end user, or the file that the item came from."""


class ToolUse(Struct, frozen=True):
    """One call of a tool: its name, and its arguments as the model wrote them, which may not be JSON."""

    name: str
    arguments: str


class Given(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a model said, as a grader sees it: the text without any reasoning, and the tools it called. `finish` says why
    it ended (`stop`, `length`, `tool_calls`, `content_filter`, `error`)."""

    text: str = ""
    tool_uses: tuple[ToolUse, ...] = ()
    finish: str = "stop"


class Label(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What somebody said of a reply: `score` from 0 to 1, of the reply by `model`. `by` names who, where that is known."""

    source: LabelSource
    score: float
    model: str
    at: int
    by: str = ""
    note: str = ""


class Item(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One example of a workload.

    `input` is a Chat Completions body without `model` and `stream`. `given` is what `model` said at the time, None when the
    item was supplied without a reply. `reference` is the right answer where one is known: text, a number, a list of texts
    that are all right, or a JSON value. `conversation` ties items that came from one conversation together. `at` is in Unix
    milliseconds, money in nano-dollars, durations in milliseconds. `record` is the door's record of the answer, `subject`
    the data subject whom the contents are about.
    """

    id: str
    workload: str
    input: dict[str, Any]
    at: int = 0
    given: Given | None = None
    reference: Any = None
    model: str = ""
    metadata: dict[str, Any] = {}
    conversation: str = ""
    cost_nano: int = 0
    total_ms: float = 0.0
    first_token_ms: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    record: str = ""
    subject: str = ""
    labels: tuple[Label, ...] = ()


class Grade(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a grader says: a `score` from 0 to 1, or None when it cannot say, which never counts as wrong. `reason` says
    why, for a person; `details` what lies behind it (such as the score of each path), in text, numbers and truth values."""

    score: float | None
    reason: str = ""
    details: dict[str, Any] = {}
