"""Writes the body of a Responses request for a vendor: from our words, or from a caller's own bytes.

It decides, with the vendor's traits, what is sent, what is named as dropped, and what is an error. It knows no vendor
by name. A body from our words is always stateless (`store` false, reasoning returned encrypted), so that a
conversation can move to another vendor at any turn.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Raw

from freehold.dialects import origin
from freehold.dialects.abilities import require
from freehold.dialects.dialect import Fields, Target
from freehold.dialects.openai_chat_asking import drop, effort_of_budget
from freehold.dialects.openai_chat_writing import TIERS, check_temperature
from freehold.dialects.responses_items import write_items
from freehold.dialects.responses_seal import KEY, unseal
from freehold.dialects.responses_wire import MINTED, NAME, WireFormat, WireTool
from freehold.errors import Unsupported
from freehold.messages import OutputFormat, ReasoningAsk, Request, Tool, ToolChoice

_encode: Final = msgspec.json.Encoder().encode

_NO_PLACE: Final = ("stop", "seed", "top_k", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs")
"""What Responses has no field for; `logprobs` it has, but our words have no place for what would come back."""

_SAID: Final = {
    "max_output_tokens": ("max_output_tokens", "max_completion_tokens", "max_tokens"),
    "reasoning": ("reasoning", "reasoning_effort", "thinking", "output_config"),
    "text": ("text", "response_format", "output_format", "output_config"),
    "safety_identifier": ("safety_identifier", "user", "metadata"),
    "stop": ("stop", "stop_sequences"),
}
"""What callers of the several dialects call a field of this one."""

_TIERS: Final = TIERS | {"ultrafast"}

_OURS: Final = frozenset({"store", "include"})
"""Fields that we add ourselves: where a vendor refuses them, no caller has lost anything."""

_EMPTY_SCHEMA: Final = Raw(b'{"type":"object","properties":{}}')


def write_request(request: Request, target: Target) -> bytes:
    """The body for a vendor. Raises `Unsupported`, and `InvalidField` for a temperature that the vendor does not take;
    names what is not carried in `target.dropped`."""
    _require(request, target)
    if request.n is not None and request.n > 1:
        raise Unsupported(
            f"The Responses format of {target.model} gives one answer at a time, and `n` is {request.n}.",
            "Send the request several times, or use a model that is reached through Chat Completions.",
            param="n",
        )
    if request.dialect == NAME and request.fields:
        return _encode(_fitted(_with_new_input(request, target), request, target))
    body: dict[str, Any] = {"model": target.model, "input": write_items(request.messages, request, target)}
    _write_tools(request, target, body)
    if request.output is not None:
        body["text"] = {"format": _format(request.output)}
    _write_reasoning(request.reasoning, request, target, body)
    _write_sampling(request, target, body)
    body["store"] = False
    if request.stream:
        body["stream"] = True
    for name in _NO_PLACE:
        value = getattr(request, name)
        if value or (name == "seed" and value is not None):
            drop(target, said(request, name))
    for name in request.unknown:
        drop(target, name)
    return _encode(_fitted(body, request, target))


def _require(request: Request, target: Target) -> None:
    if request.operation != "generate":
        raise Unsupported(
            f"{target.model} is reached through Responses, which only generates, and this is to {request.operation}.",
            "Use a model whose vendor offers that operation.",
        )
    require(request, target.traits)
    check_temperature(request, target)


def _with_new_input(request: Request, target: Target) -> dict[str, Any]:
    """The body of a caller of this dialect whose messages were changed on the way: all but the input as it came."""
    instructed = "instructions" in request.fields and bytes(request.fields["instructions"]) != b"null"
    messages = request.messages[1:] if instructed else request.messages
    fields = dict(request.fields)
    _ask_in_its_words(request, fields, target)
    return {**fields, "model": target.model, "input": write_items(messages, request, target)}


def said(request: Request, name: str) -> str:
    """What this request's caller calls our field `name`."""
    for word in _SAID.get(name, ()):
        if word in request.fields:
            return word
    return name


def _write_tools(request: Request, target: Target, body: dict[str, Any]) -> None:
    if request.tools:
        body["tools"] = [_tool(tool, request, target) for tool in request.tools]
    choice = request.tool_choice
    if choice is not None:
        body["tool_choice"] = _choice(choice)
    if request.parallel_tool_calls is not None:
        body["parallel_tool_calls"] = request.parallel_tool_calls


def _tool(tool: Tool, request: Request, target: Target) -> WireTool:
    if tool.kind != "function":
        raise Unsupported(
            f"The tool {tool.name!r} is of the kind `{tool.kind}`, which only {request.dialect} knows.",
            f"Leave it out, write it as a function, or use a model that is reached through {request.dialect}.",
            param="tools",
        )
    if tool.cache is not None:
        drop(target, "cache_control")
    # Responses takes a missing `strict` for true; everybody else takes it for false.
    strict = False if tool.strict is None and request.dialect != NAME else tool.strict
    return WireTool("function", tool.name, tool.description, tool.parameters or _EMPTY_SCHEMA, strict)


def _choice(choice: ToolChoice) -> str | dict[str, str | None]:
    return {"type": "function", "name": choice.name} if choice.mode == "function" else choice.mode


def _format(output: OutputFormat) -> WireFormat:
    if output.kind == "json_object":
        return WireFormat("json_object")
    name, schema = output.name or "answer", output.schema or Raw(b"{}")
    return WireFormat("json_schema", name, output.description, schema, output.strict)


def _write_reasoning(ask: ReasoningAsk | None, request: Request, target: Target, body: dict[str, Any]) -> None:
    if target.traits.reasoning_style == "none":
        if ask is not None and ask.enabled is not False:
            drop(target, said(request, "reasoning"))
        return
    body["include"] = [_ENCRYPTED]
    if ask is None:
        return
    wanted: dict[str, str] = {}
    effort = "none" if ask.enabled is False else ask.effort
    if effort is None and ask.budget_tokens is not None:
        effort = effort_of_budget(ask.budget_tokens)
        drop(target, "thinking.budget_tokens" if "thinking" in request.fields else "reasoning.max_tokens")
    if effort is not None:
        wanted["effort"] = target.traits.efforts.get(effort, effort)
    if ask.summary is not None and ask.summary != "omitted":
        wanted["summary"] = ask.summary
    if wanted:
        body["reasoning"] = wanted


def _write_sampling(request: Request, target: Target, body: dict[str, Any]) -> None:
    given = (
        ("max_output_tokens", request.max_tokens),
        ("temperature", request.temperature),
        ("top_p", request.top_p),
        ("metadata", request.metadata),
        ("service_tier", request.service_tier if request.service_tier in _TIERS else None),
        ("prompt_cache_key", request.prompt_cache_key),
        ("safety_identifier", request.user),
    )
    for name, value in given:
        if value is not None:
            body[name] = value
    if request.service_tier is not None and request.service_tier not in _TIERS:
        drop(target, "service_tier")


def _fitted(body: dict[str, Any], request: Request, target: Target) -> dict[str, Any]:
    """The body without what the vendor refuses, under the names that it knows."""
    traits = target.traits
    for name in traits.refuses:
        if body.pop(name, None) is not None and name not in _OURS:
            drop(target, said(request, name))
    for name, other in traits.renames.items():
        if name in body:
            body[other] = body.pop(name)
    return body


# --- from the caller's own bytes -------------------------------------------------------------------------------------


class _Item(msgspec.Struct):
    """What decides whether an item can go to this deployment as it is."""

    type: str = ""
    id: str | None = None
    role: str | None = None
    encrypted_content: str | None = None


_ENCRYPTED: Final = "reasoning.encrypted_content"

_items: Final = msgspec.json.Decoder(list[Raw])
_names: Final = msgspec.json.Decoder(list[str])
_item: Final = msgspec.json.Decoder(_Item)
_item_fields: Final = msgspec.json.Decoder(Fields)
_ID: Final = MINTED.encode()


def pass_request(request: Request, body: bytes, target: Target) -> bytes:
    """The caller's body for a vendor of this dialect; each value that may stay is the caller's own bytes.
    Raises `Unsupported`; names what is not carried in `target.dropped`."""
    _require(request, target)
    fields = dict(request.fields)
    fields["model"] = Raw(_encode(target.model))
    _ask_in_its_words(request, fields, target)
    for name in target.traits.refuses:
        if fields.pop(name, None) is not None:
            drop(target, name)
    for name, other in target.traits.renames.items():
        if name in fields:
            fields[other] = fields.pop(name)
    if KEY in body or _ID in body:
        given = bytes(fields.get("input", b""))
        if given.startswith(b"["):
            fields["input"] = Raw(_encode(list(_passed(_items.decode(given), target))))
    return _encode(fields)


def _ask_in_its_words(request: Request, fields: Fields, target: Target) -> None:
    """Says how much to think in a level that the model has, as where a request is written. A model that does not reason is asked
    neither to think nor for what it would have thought: its vendor answers both with an error."""
    ask, traits = request.reasoning, target.traits
    if traits.reasoning_style == "none":
        fields.pop("reasoning", None)
        if ask is not None and (ask.summary is not None or ask.effort not in (None, "none")):
            drop(target, "reasoning")
        included = bytes(fields.get("include", b"null"))
        if included != b"null":
            fields["include"] = Raw(_encode([name for name in _names.decode(included) if name != _ENCRYPTED]))
    elif ask is not None and ask.effort in traits.efforts:
        wanted = _item_fields.decode(fields["reasoning"])
        wanted["effort"] = Raw(_encode(traits.efforts[ask.effort]))
        fields["reasoning"] = Raw(_encode(wanted))


def _passed(items: list[Raw], target: Target) -> Iterator[Raw]:
    """The items with this deployment's own artefacts unsealed and all others left out.

    An item of the same turn that follows an artefact left out loses its `id`: the vendor would look it up and miss the
    reasoning that it was made with. So does every item whose id this door made up.
    """
    orphans = False
    for raw in items:
        item = _item.decode(raw)
        minted = item.id is not None and MINTED in item.id
        if item.type in ("reasoning", "compaction"):
            kept = _artefact(raw, item, target, minted=minted)
            orphans = kept is None
            if kept is not None:
                yield kept
            continue
        if item.type == "function_call_output" or (item.role is not None and item.role != "assistant"):
            orphans = False
        yield _without_id(raw) if item.id is not None and item.type and (minted or orphans) else raw


def _artefact(raw: Raw, item: _Item, target: Target, *, minted: bool) -> Raw | None:
    """The item as its maker made it; None when this deployment did not make it."""
    maker, _ = origin.unseal(item.encrypted_content or "")
    if maker == target.origin:
        return Raw(unseal(bytes(_without_id(raw) if minted else raw), target.origin))
    if maker is None and not minted:
        return raw
    if item.type == "compaction":
        raise Unsupported(
            "A part of this conversation was compacted by another deployment, and only that one can read it.",
            "Send the conversation as it was before it was compacted, or use the model that compacted it.",
            param="input",
        )
    drop(target, "reasoning")
    return None


def _without_id(raw: Raw) -> Raw:
    fields = _item_fields.decode(raw)
    fields.pop("id", None)
    return Raw(_encode(fields))
