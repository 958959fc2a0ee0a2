"""A request or an answer as a person reads it: who said what, out of the body of any front dialect, streamed or whole.

For reading only. What was committed to are the bytes, and they are shown beside it; a body that is not understood is shown
as it is.
"""

from typing import Any, cast

import msgspec

Turn = tuple[str, str]
"""Who speaks, and the text."""


def read_turns(content: bytes) -> list[Turn]:
    """The turns of a conversation, or of its answer; empty when the body is of no form that is known here."""
    try:
        return [turn for turn in _turns(content) if turn[1].strip()]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError, IndexError):
        return []


def _turns(content: bytes) -> list[Turn]:
    text = content.decode()
    if text.lstrip().startswith("{"):
        return _whole(msgspec.json.decode(text))
    events = [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]
    said = "".join(_delta(msgspec.json.decode(event)) for event in events if event.startswith("{"))
    return [("assistant", said)]


def _whole(body: dict[str, Any]) -> list[Turn]:
    if body.get("error"):
        return [("error", str(body["error"]["message"]))]
    if "choices" in body:  # Chat Completions, the answer
        return [("assistant", _text(choice["message"].get("content"))) for choice in body["choices"]]
    if body.get("type") == "message":  # Messages, the answer
        return [("assistant", _text(body["content"]))]
    if "output" in body:  # Responses, the answer
        return [("assistant", _text(item.get("content"))) for item in body["output"]]
    turns = [("system", _text(body.get("system") or body.get("instructions")))]
    asked = cast("str | list[dict[str, Any]]", body.get("messages") or body.get("input") or [])
    if isinstance(asked, str):
        return [*turns, ("user", asked)]
    return [*turns, *((turn.get("role", "user"), _text(turn.get("content"))) for turn in asked)]


def _delta(event: dict[str, Any]) -> str:
    """The text that one event of a stream adds."""
    if "choices" in event:
        return "".join(choice["delta"].get("content") or "" for choice in event["choices"] if "delta" in choice)
    if event.get("type") == "content_block_delta":
        return str(event["delta"].get("text", ""))
    return str(event["delta"]) if event.get("type") == "response.output_text.delta" else ""


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    parts = cast("list[Any]", content)
    return "\n".join(part if isinstance(part, str) else str(part.get("text") or f"[{part['type']}]") for part in parts)
