"""The forms in which others write down what was asked and what is right: each object of a file as an item. Pure.

| form | known by |
|---|---|
| `freehold` | `input` with `messages`, and `workload` |
| `freehold-table` | the columns of an export as CSV or Parquet: `input`, `reply`, `tool_uses`, `cost_nano` |
| `openai-completion` | a stored completion: `choices`, and the `messages` (or `input`) that it answers |
| `openai-eval-run` | a result of an eval: `sample` with `input` and `output`, and the `datasource_item` |
| `openai-evals` | `input` as a list of messages, and `ideal` |
| `openai-chat` | fine-tuning: `messages`, the last of which is the answer that is right |
| `langfuse-dataset` | `expectedOutput` or `expected_output` |
| `langfuse-trace` | `input` and `output`, and a trace's or an observation's own fields |
| `plain` | named fields: a question, an answer |
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

import msgspec
from msgspec import Struct

from freehold.errors import InvalidField
from freehold.items import Given, Item, ToolUse

Fields = Mapping[str, Any]

SAMPLED: Final = (
    *("tools", "tool_choice", "response_format", "temperature", "top_p", "max_tokens", "seed", "stop"),
    *("frequency_penalty", "presence_penalty", "parallel_tool_calls", "reasoning_effort"),
)
QUESTIONS: Final = ("input", "question", "prompt", "text", "query")
ANSWERS: Final = ("reference", "ideal", "answer", "expected", "expected_output", "target", "label")
REPLIES: Final = ("reply", "output", "completion", "response")


class Columns(Struct, frozen=True, kw_only=True):
    """Which fields of a plain object mean what; None leaves it to their usual names."""

    question: str | None = None
    reference: str | None = None
    reply: str | None = None
    subject: str | None = None
    conversation: str | None = None


def recognise(fields: Fields) -> str:
    """The name of the form of an object."""
    return next((name for name, fits, _ in _FORMS if fits(fields)), "plain")


def read(fields: Fields, form: str, columns: Columns, workload: str) -> Item:
    """The object as an item of this workload. Its `id` is empty where the object has none of its own.

    Raises InvalidField, which says what is missing."""
    reader = next((reader for name, _, reader in _FORMS if name == form), None)
    item = _plain(fields, columns, workload) if reader is None else reader(fields, workload)
    if not item.input.get("messages"):
        raise InvalidField("It asks nothing.", "An item needs the text of the user, or messages.", param="input")
    subject, conversation = (
        _text(fields.get(name)) if name else "" for name in (columns.subject, columns.conversation)
    )
    return msgspec.structs.replace(
        item, subject=subject or item.subject, conversation=conversation or item.conversation
    )


def messages_of(value: Any) -> list[dict[str, Any]]:
    """What was asked as messages: a text, a list of messages, an object that has them, or any other value as JSON."""
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        if isinstance(inner.get("messages"), list):
            return messages_of(inner["messages"])
        return [inner] if "role" in inner and "content" in inner else [_user(msgspec.json.encode(inner).decode())]
    if isinstance(value, list):
        every = cast("list[Any]", value)
        if every and all(isinstance(one, dict) and "role" in one for one in every):
            return [_message(one) for one in cast("list[dict[str, Any]]", every)]
        return [_user(msgspec.json.encode(every).decode())] if every else []
    return [_user(_text(value))] if value not in (None, "") else []


def given_of(value: Any) -> Given | None:
    """What was said as a reply: a text, a message, a list that ends with one, an object with `choices`; None for nothing."""
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        if inner.get("choices"):
            choice = inner["choices"][0]
            said = given_of(choice.get("message"))
            return None if said is None else msgspec.structs.replace(said, finish=choice.get("finish_reason") or "stop")
        if "role" not in inner and "content" not in inner:
            return Given(text=msgspec.json.encode(inner).decode())
        calls = tuple(
            ToolUse(name=call["function"]["name"], arguments=call["function"].get("arguments", ""))
            for call in inner.get("tool_calls") or ()
            if "function" in call
        )
        text = _content(inner.get("content")) or _text(inner.get("refusal"))
        return Given(text=text, tool_uses=calls, finish="tool_calls" if calls else "stop")
    if isinstance(value, list):
        every = cast("list[Any]", value)
        return given_of(every[-1]) if every and isinstance(every[-1], dict) else None
    return Given(text=_text(value)) if value not in (None, "") else None


# --- the forms ---


def _freehold(fields: Fields, workload: str) -> Item:
    try:
        return msgspec.convert({**fields, "id": _text(fields.get("id")), "workload": workload}, Item)
    except msgspec.ValidationError as error:
        raise InvalidField(f"It is no item: {error}.", param="item") from None


def _row(fields: Fields, workload: str) -> Item:
    found = {name: _opened(value) for name, value in fields.items() if value not in (None, "")}
    if found.get("finish"):
        uses = found.get("tool_uses", [])
        found["given"] = {"text": fields.get("reply") or "", "finish": found["finish"], "tool_uses": uses}
    named = {"id": _text(fields.get("id")), "workload": workload}
    try:
        return msgspec.convert({**found, **named}, Item, strict=False)
    except msgspec.ValidationError as error:
        raise InvalidField(f"It is no row of an export: {error}.", param="item") from None


def _completion(fields: Fields, workload: str) -> Item:
    asked = fields.get("messages") or fields.get("input")
    used = cast("dict[str, Any]", fields.get("usage") or {})
    return Item(
        id=_text(fields.get("id")),
        workload=workload,
        input=_body(messages_of(asked), fields),
        at=_when(fields.get("created")),
        given=given_of(fields),
        model=_text(fields.get("model")),
        metadata=_table(fields.get("metadata")),
        input_tokens=int(used.get("prompt_tokens") or 0),
        output_tokens=int(used.get("completion_tokens") or 0),
    )


def _eval_run(fields: Fields, workload: str) -> Item:
    sample = cast("dict[str, Any]", fields["sample"])
    source = _table(fields.get("datasource_item") or fields.get("item"))
    used = cast("dict[str, Any]", sample.get("usage") or {})
    return Item(
        id=_text(fields.get("id")),
        workload=workload,
        input=_body(messages_of(sample.get("input")), sample),
        at=_when(fields.get("created_at")),
        given=given_of(sample.get("output")),
        reference=_first(source, ANSWERS),
        model=_text(sample.get("model")),
        metadata={name: value for name, value in source.items() if name not in ANSWERS},
        input_tokens=int(used.get("prompt_tokens") or 0),
        output_tokens=int(used.get("completion_tokens") or 0),
    )


def _evals(fields: Fields, workload: str) -> Item:
    return Item(
        id=_text(fields.get("id")),
        workload=workload,
        input={"messages": messages_of(fields["input"])},
        reference=fields["ideal"],
        metadata=_table(fields.get("metadata")),
    )


def _chat(fields: Fields, workload: str) -> Item:
    messages = messages_of(fields["messages"])
    reference: Any = None
    if messages and messages[-1]["role"] == "assistant":
        said = given_of(messages.pop())
        assert said is not None
        reference = said.text
        if said.tool_uses:
            reference = {"tool_calls": [{"name": use.name, "arguments": use.arguments} for use in said.tool_uses]}
    body = _body(messages, fields)
    return Item(
        id=_text(fields.get("id")),
        workload=workload,
        input=body,
        reference=reference,
        metadata=_table(fields.get("metadata")),
    )


def _dataset(fields: Fields, workload: str) -> Item:
    right = fields.get("expectedOutput", fields.get("expected_output"))
    return Item(
        id=_text(fields.get("id")),
        workload=workload,
        input={"messages": messages_of(_opened(fields.get("input")))},
        at=_when(fields.get("createdAt", fields.get("created_at"))),
        reference=_right(_opened(right)),
        metadata=_table(_opened(fields.get("metadata"))),
    )


def _trace(fields: Fields, workload: str) -> Item:
    used = _table(_opened(fields.get("usageDetails") or fields.get("usage_details") or fields.get("usage")))
    seconds = fields.get("latency")
    return Item(
        id=_text(fields.get("id")),
        workload=workload,
        input={"messages": messages_of(_opened(fields.get("input")))},
        at=_when(_first(fields, ("timestamp", "startTime", "start_time", "createdAt"))),
        given=given_of(_opened(fields.get("output"))),
        model=_text(_first(fields, ("model", "providedModelName"))),
        metadata=_table(_opened(fields.get("metadata"))),
        conversation=_text(_first(fields, ("sessionId", "session_id"))),
        subject=_text(_first(fields, ("userId", "user_id"))),
        cost_nano=round(float(_first(fields, ("totalCost", "calculatedTotalCost", "total_cost")) or 0) * 1e9),
        total_ms=float(seconds or 0) * 1000,
        input_tokens=int(used.get("input") or used.get("promptTokens") or 0),
        output_tokens=int(used.get("output") or used.get("completionTokens") or 0),
    )


_TRACED: Final = frozenset(
    ("traceId", "trace_id", "sessionId", "session_id", "userId", "observations", "totalCost", "startTime", "start_time")
)

_FORMS: Final[tuple[tuple[str, Callable[[Fields], bool], Callable[[Fields, str], Item]], ...]] = (
    ("freehold-table", lambda one: {"input", "reply", "tool_uses", "cost_nano"} <= set(one), _row),
    (
        "freehold",
        lambda one: isinstance(one.get("input"), dict) and "messages" in one["input"] and "workload" in one,
        _freehold,
    ),
    ("openai-completion", lambda one: bool(one.get("choices")) and ("messages" in one or "input" in one), _completion),
    ("openai-eval-run", lambda one: isinstance(one.get("sample"), dict) and "input" in one["sample"], _eval_run),
    ("openai-evals", lambda one: "ideal" in one and isinstance(one.get("input"), list), _evals),
    ("openai-chat", lambda one: isinstance(one.get("messages"), list), _chat),
    (
        "langfuse-dataset",
        lambda one: "input" in one and ("expectedOutput" in one or "expected_output" in one),
        _dataset,
    ),
    ("langfuse-trace", lambda one: "input" in one and "output" in one and not _TRACED.isdisjoint(one), _trace),
)

FORMS: Final = (*(name for name, _, _ in _FORMS), "plain")


def _plain(fields: Fields, columns: Columns, workload: str) -> Item:
    names = [_chosen(fields, columns.question, QUESTIONS), _chosen(fields, columns.reference, ANSWERS)]
    names.append(_chosen(fields, columns.reply, REPLIES))
    question, right, said = (None if name is None else _opened(fields[name]) for name in names)
    left_out = {*names, "id", "metadata", columns.subject, columns.conversation}
    rest = {name: value for name, value in fields.items() if name not in left_out and value not in (None, "")}
    return Item(
        id=_text(fields.get("id")),
        workload=workload,
        input={"messages": messages_of(question)},
        given=given_of(said),
        reference=right if right != "" else None,
        metadata={**rest, **_table(_opened(fields.get("metadata")))},
    )


# --- pieces ---


def _chosen(fields: Fields, named: str | None, usual: tuple[str, ...]) -> str | None:
    if named is None:
        return next((name for name in usual if name in fields), None)
    if named not in fields:
        raise InvalidField(f"It has no field {named!r}.", f"It has {', '.join(fields)}.", param=named)
    return named


def _body(messages: list[dict[str, Any]], fields: Fields) -> dict[str, Any]:
    sampled = {name: fields[name] for name in SAMPLED if fields.get(name) not in (None, [], "")}
    return {"messages": messages, **sampled}


def _message(message: dict[str, Any]) -> dict[str, Any]:
    """A message without what a store adds to it."""
    kept = ("role", "content", "name", "tool_calls", "tool_call_id", "refusal")
    found = {name: message[name] for name in kept if message.get(name) is not None}
    return found if "content" in found or "tool_calls" in found else {**found, "content": ""}


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _content(content: Any) -> str:
    if isinstance(content, list):
        parts = [cast("dict[str, Any]", one) for one in cast("list[Any]", content) if isinstance(one, dict)]
        return "".join(_text(part.get("text")) for part in parts)
    return _text(content)


def _right(value: Any) -> Any:
    """A right answer that was written down as a message is its text."""
    pairs = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    return _content(pairs["content"]) if {"role", "content"} <= set(pairs) else cast("Any", value)


def _opened(value: Any) -> Any:
    """A cell of a table that holds JSON, opened; numbers and words stay as they are written."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return value


def _table(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value)
    return {} if value in (None, "", []) else {"metadata": value}


def _first(fields: Fields, names: tuple[str, ...]) -> Any:
    return next((fields[name] for name in names if fields.get(name) not in (None, "")), None)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _when(value: Any) -> int:
    """Unix milliseconds of Unix seconds, or of a time as ISO 8601 has it; 0 for none that can be read."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return int(value * 1000) if value < 1e11 else int(value)
    if isinstance(value, datetime):
        return int(value.timestamp() * 1000)
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return 0
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
