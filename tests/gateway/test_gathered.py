"""A reply gathered as it passes: whole or in chunks it is the same, and the watch behind it hears everything."""

import pytest

from freehold.gateway.gathered import Gathered
from freehold.items import ToolUse
from freehold.messages import (
    Chunk,
    Finished,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Reply,
    Started,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
)

WHOLE = Reply(
    id="r",
    model="m",
    parts=(
        Reasoning(text="Hm."),
        Text("It is "),
        Text("four."),
        ToolCall(id="c1", name="add", arguments='{"a":1}'),
        ToolCall(id="c2", name="look", arguments=""),
        Refusal(" No more."),
    ),
)
CHUNKS: list[Chunk] = [
    Started("r", "m"),
    ReasoningDelta(0, "Hm."),
    TextDelta(1, "It is "),
    ToolCallStart(3, "c1", "add"),
    ToolCallDelta(3, '{"a"'),
    TextDelta(2, "four."),
    ToolCallStart(4, "c2", "look"),
    ToolCallDelta(3, ":1}"),
    RefusalDelta(5, " No more."),
    Finished("stop"),
]


class Watch:
    """A watch that remembers, and raises when it is told to."""

    def __init__(self) -> None:
        self.heard: list[object] = []
        self.stop = False

    def chunk(self, chunk: Chunk) -> None:
        self.heard.append(chunk)
        if self.stop:
            raise ValueError("enough")

    def reply(self, reply: Reply) -> None:
        self.heard.append(reply)


def test_whole_or_in_chunks_it_is_the_same_and_without_reasoning() -> None:
    whole, streamed = Gathered(), Gathered()
    whole.reply(WHOLE)
    for chunk in CHUNKS:
        streamed.chunk(chunk)
    for one in (whole, streamed):
        assert one.text == "It is four. No more."
        assert one.tool_uses == (ToolUse(name="add", arguments='{"a":1}'), ToolUse(name="look", arguments=""))


def test_the_watch_behind_it_hears_everything_and_may_stop_it() -> None:
    watch = Watch()
    gathered = Gathered().before(watch)
    for chunk in CHUNKS:
        gathered.chunk(chunk)
    gathered.reply(WHOLE)
    assert watch.heard == [*CHUNKS, WHOLE]
    watch.stop = True
    with pytest.raises(ValueError, match="enough"):
        gathered.chunk(CHUNKS[2])
