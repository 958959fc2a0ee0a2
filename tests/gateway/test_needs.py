"""What a request needs, and how long it is at most."""

from typing import Any

import msgspec
import pytest

from freehold.dialects import get
from freehold.gateway.needs import HIDDEN_TOKENS, IMAGE_TOKENS, Needs, measure
from freehold.messages import File, Image, Message, Opaque, OutputFormat, ReasoningAsk, Request, Text, Tool, ToolResult


def asking(*parts: Text | Image | File, **fields: object) -> Request:
    request = Request(dialect="openai-chat", model="m", messages=(Message("user", parts),))
    return msgspec.structs.replace(request, **fields)


def test_a_plain_request_needs_nothing_and_is_bounded_by_its_bytes() -> None:
    needs = measure(asking(Text("hello")), 400)
    assert needs.abilities() == ()
    assert needs.bound == 400
    assert needs.likely == 100


def test_an_inline_picture_counts_as_a_picture_and_not_by_its_bytes() -> None:
    needs = measure(asking(Text("see"), Image(data="A" * 1000)), 1100)
    assert needs.vision
    assert needs.bound == 100 + IMAGE_TOKENS


def test_a_picture_inside_a_tool_result_is_seen() -> None:
    message = Message("tool", (ToolResult("c1", (Image(url="https://example.com/a.png"),)),))
    assert measure(Request(dialect="openai-chat", model="m", messages=(message,)), 50).vision


def test_a_document_by_reference_has_no_bound() -> None:
    needs = measure(asking(File(file_id="file_1")), 50)
    assert needs.files
    assert needs.bound is None


def test_tools_leave_room_for_the_vendors_own_instructions() -> None:
    needs = measure(asking(Text("hi"), tools=(Tool("f"),)), 100)
    assert needs.abilities() == ("tools",)
    assert needs.bound == 100 + HIDDEN_TOKENS


def test_a_schema_and_thinking_are_needs() -> None:
    needs = measure(asking(Text("hi"), output=OutputFormat("json_schema"), reasoning=ReasoningAsk(effort="high")), 100)
    assert needs.json_schema
    assert needs.reasoning


def test_effort_none_is_no_thinking() -> None:
    assert not measure(asking(Text("hi"), reasoning=ReasoningAsk(effort="none")), 100).reasoning


def test_a_batch_of_embeddings_is_told_from_one_input() -> None:
    raw = msgspec.json.encode({"model": "m", "input": ["word " * 1000] * 20})
    needs = measure(get("openai-embeddings").read_request(raw), len(raw))
    assert (needs.embeds, needs.bound) == (True, len(raw))
    assert not measure(asking(Text("hello")), 400).embeds


# --- what bytes do not bound ---


def read(dialect: str, **body: Any) -> Needs:
    asked = {"model": "m", "max_tokens": 10} if dialect != "openai-responses" else {"model": "m"}
    if dialect == "openai-responses":
        body.setdefault("input", "hi")
    else:
        body.setdefault("messages", [{"role": "user", "content": "hi"}])
    raw = msgspec.json.encode(asked | body)
    return measure(get(dialect).read_request(raw), len(raw))


def web(**fields: Any) -> dict[str, Any]:
    return {"type": "web_search_20250305", "name": "web_search", **fields}


@pytest.mark.parametrize("field", ["previous_response_id", "conversation", "prompt"])
def test_what_the_vendor_adds_from_its_store_has_no_bound(field: str) -> None:
    assert read("openai-responses", **{field: "id_1"}).bound is None


def test_an_item_by_reference_and_a_container_have_no_bound_either() -> None:
    assert read("openai-responses", input=[{"type": "item_reference", "id": "msg_1"}]).bound is None
    assert read("anthropic-messages", container="container_1").bound is None


def test_a_part_that_only_one_dialect_knows_has_no_bound() -> None:
    request = Request(dialect="openai-chat", model="m", messages=(Message("user", (Opaque("openai-chat", "x"),)),))
    assert measure(request, 50).bound is None
    assert measure(request, 50).opaque


def test_a_file_that_the_vendor_keeps_is_told_from_one_that_was_sent() -> None:
    assert measure(asking(File(file_id="file_1")), 50).files_kept
    assert measure(asking(Image(file_id="file_1")), 50).files_kept
    assert not measure(asking(File(data="AAAA")), 50).files_kept


def test_a_search_with_a_cap_is_read_once_more_for_each_use() -> None:
    needs = read("anthropic-messages", tools=[web(max_uses=3)])
    assert (needs.bound, needs.rounds, needs.searches) == (None, 4, 3)


def test_a_cap_on_all_tools_holds_where_each_has_none() -> None:
    tools = [{"type": "web_search"}, {"type": "file_search", "vector_store_ids": ["vs_1"]}]
    needs = read("openai-responses", tools=tools, max_tool_calls=5)
    assert (needs.bound, needs.rounds, needs.searches) == (None, 6, 5)


def test_uses_of_several_tools_add_up_and_only_searches_are_searches() -> None:
    fetch = {"type": "web_fetch_20250910", "name": "web_fetch", "max_uses": 7}
    needs = read("anthropic-messages", tools=[web(max_uses=2), fetch])
    assert (needs.rounds, needs.searches) == (10, 2)


def brought(tool: dict[str, Any]) -> dict[str, Any]:
    """A block of Messages that brings a tool in the middle of a conversation."""
    return {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": tool}}


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("anthropic-messages", {"tools": [web()]}),
        ("anthropic-messages", {"tools": [web(max_uses=1), {"type": "code_execution_20250825", "name": "c"}]}),
        ("anthropic-messages", {"mcp_servers": [{"type": "url", "url": "https://example.com", "name": "n"}]}),
        ("openai-responses", {"tools": [{"type": "web_search"}]}),
        (
            "openai-responses",
            {"input": [{"type": "additional_tools", "role": "developer", "tools": [{"type": "web_search"}]}]},
        ),
        (
            "openai-responses",
            {"input": [{"type": "tool_search_output", "tools": [{"type": "mcp", "server_label": "n"}]}]},
        ),
        ("anthropic-messages", {"messages": [{"role": "user", "content": [brought(web())]}]}),
        ("openai-chat", {"web_search_options": {}}),
    ],
)
def test_tools_that_run_at_the_vendor_without_a_cap_have_no_bound_at_all(dialect: str, body: dict[str, Any]) -> None:
    needs = read(dialect, **body)
    assert (needs.bound, needs.rounds) == (None, None)


def test_a_tool_that_the_caller_runs_is_used_once_and_its_words_are_the_vendors() -> None:
    needs = read("anthropic-messages", tools=[{"type": "bash_20250124", "name": "bash"}])
    assert (needs.bound, needs.rounds, needs.searches) == (None, 1, 0)


COMPACTING = {"edits": [{"type": "clear_tool_uses_20250919"}, {"type": "compact_20260112"}]}


@pytest.mark.parametrize(
    "body",
    [
        {"context_management": COMPACTING},
        {"context_management": {"edits": [{"type": "newer_than_this_code"}]}},
        {"context_management": {"edits": "all"}},
        {"compaction": {"type": "summarize"}},
    ],
)
def test_a_vendor_that_may_summarise_the_conversation_reads_it_once_more(body: dict[str, Any]) -> None:
    needs = read("anthropic-messages", **body)
    assert (needs.bound, needs.rounds, needs.compactions) == (None, 1, 1)


def test_each_round_may_begin_with_a_summary() -> None:
    needs = read("anthropic-messages", tools=[web(max_uses=3)], context_management=COMPACTING)
    assert (needs.rounds, needs.compactions) == (4, 4)
    assert read("anthropic-messages", tools=[web()], context_management=COMPACTING).rounds is None


def test_responses_says_so_in_a_list() -> None:
    listed = [{"type": "compaction", "compact_threshold": 1000}]
    assert read("openai-responses", context_management=listed).compactions == 1


@pytest.mark.parametrize(
    "body",
    [
        {"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}},
        {"context_management": {}},
        {"context_management": None, "compaction": None},
    ],
)
def test_edits_that_only_leave_something_out_cost_nothing_more(body: dict[str, Any]) -> None:
    needs = read("anthropic-messages", **body)
    assert needs.bound is not None
    assert (needs.rounds, needs.compactions) == (1, 0)


def test_a_schema_leaves_room_for_the_vendors_own_instructions() -> None:
    assert measure(asking(Text("hi"), output=OutputFormat("json_schema")), 100).bound == 100 + HIDDEN_TOKENS
