"""Messages bodies that pass through: a caller's request to a vendor of this dialect, a vendor's answer to a caller.

Values pass byte for byte. What changes is the model, fields that the vendor refuses or calls otherwise, how much to think
where the model does not take it as it was said, and the seals on reasoning artefacts: put on here on the way out, taken off
on the way back to their maker, and the artefact left out on the way to anybody else. An artefact without a seal was made
before Freehold stood in front, and passes.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from freehold.dialects import abilities, origin
from freehold.dialects.anthropic_body import require_prefill
from freehold.dialects.anthropic_models import require_one_model
from freehold.dialects.anthropic_thinking import BUDGET_FIELD, plan, require_least_budget
from freehold.dialects.anthropic_turns import drop
from freehold.dialects.dialect import Fields, Target
from freehold.messages import Reasoning, Request

_encode: Final = msgspec.json.Encoder().encode
_NULL: Final = Raw(b"null")
_SPACE: Final = b" \t\r\n"
_ARTEFACTS: Final = ("thinking", "redacted_thinking")


class _Turn(Struct):
    content: str | list[Raw]


class _Artefact(Struct):
    """The fields of a block that tell whose artefact it is."""

    type: str = ""
    signature: str = ""
    data: str = ""


class _Mark(Struct):
    type: str = ""
    signature: Raw = Raw()
    data: Raw = Raw()


class _Answer(Struct):
    """A whole reply or one event: artefacts stand in one of these three places."""

    content: list[_Mark] | None = None
    content_block: _Mark | None = None
    delta: _Mark | None = None


_turns = msgspec.json.Decoder(list[Raw])
_turn = msgspec.json.Decoder(_Turn)
_artefact = msgspec.json.Decoder(_Artefact)
_fields = msgspec.json.Decoder(Fields)
_answer = msgspec.json.Decoder(_Answer)


def pass_request(request: Request, body: bytes, target: Target) -> bytes:
    """The caller's body for a vendor of this dialect. `body` is what `request.fields` was read from.

    Raises `Unsupported` for an ability that the model lacks and for what asks another model, `InvalidField` for a thinking budget that it refuses; names in `target.dropped` what is left out.
    """
    traits = target.traits
    if traits.no_abilities:
        abilities.require(request, traits)
        require_prefill(request, target)
    require_one_model(request, target)
    require_least_budget(request, target)
    fields = dict(request.fields)
    fields["model"] = Raw(_encode(target.model))
    if request.reasoning is not None:
        _ask_in_its_words(request, fields, target)
    for name in traits.refuses:
        if fields.pop(name, None) is not None:
            drop(target, name)
    for name, other in traits.renames.items():
        if name in fields:
            fields[other] = fields.pop(name)
    _pass_artefacts(request, fields, target)
    return _encode(fields)


def seal(raw: bytes, tag: str) -> bytes:
    """The bytes of a whole reply or of one event with `tag`'s seal on each artefact, all else untouched."""
    if b'"signature"' not in raw and b'"redacted_thinking"' not in raw:
        return raw
    try:
        answer = _answer.decode(memoryview(raw)[raw.find(b"{") : raw.rfind(b"}") + 1])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return raw  # the reader of the same bytes says what is wrong with them
    marks = [mark for mark in (*(answer.content or ()), answer.content_block, answer.delta) if mark is not None]
    prefix = f"{origin.PREFIX}{tag}.".encode()
    pieces: list[bytes] = []
    done = 0
    for mark in marks:
        key, value = _opaque(mark)
        at = _find_value(raw, key, value, done) if len(value) > 2 else -1  # two bytes are the marks of an empty string
        if at >= 0:
            pieces += (raw[done : at + 1], prefix)
            done = at + 1
    return b"".join((*pieces, raw[done:])) if pieces else raw


# --- requests --------------------------------------------------------------------------------------------------------------


def _ask_in_its_words(request: Request, fields: Fields, target: Target) -> None:
    """Says how much to think as the model takes it, as where a request is written: an effort for a budget that it refuses, and the
    nearest effort for one that it lacks."""
    ask, traits = request.reasoning, target.traits
    assert ask is not None
    effort = traits.efforts.get(ask.effort) if ask.effort not in (None, "none") else None
    if ask.budget_tokens is not None and BUDGET_FIELD in traits.refuses:
        asked = plan(request, target, loop_lacks_thinking=False)
        effort = asked.effort
        del fields["thinking"]
        if asked.thinking is not None:
            fields["thinking"] = Raw(_encode(asked.thinking))
    if effort is not None and effort != ask.effort:
        given = fields.get("output_config", _NULL)
        config = {} if given == _NULL else _fields.decode(given)
        config["effort"] = Raw(_encode(effort))
        fields["output_config"] = Raw(_encode(config))


def _pass_artefacts(request: Request, fields: Fields, target: Target) -> None:
    mine = foreign = 0
    for message in request.messages:
        if message.role == "assistant":
            for part in message.parts:
                if isinstance(part, Reasoning):
                    mine += part.origin == target.origin
                    foreign += _is_foreign(part, target)
    if not mine and not foreign:
        return
    raw = bytes(fields["messages"])
    sealed = f'"{origin.PREFIX}{target.origin}.'.encode()
    # A quotation mark inside a string has a backslash before it, so each of these begins a value. When there are as
    # many as artefacts, they are the artefacts, and one replacement does what taking the messages apart would do.
    if not foreign and raw.count(sealed) == mine:
        fields["messages"] = Raw(raw.replace(sealed, b'"'))
        return
    fields["messages"] = Raw(_encode(_rewritten(raw, target)))
    if foreign:
        drop(target, "reasoning")
        if _loop_begins_foreign(request, target) and fields.pop("thinking", None) is not None:
            # Thinking with a budget demands that the turn which called the tools begins with a thinking block.
            drop(target, "thinking")


def _is_foreign(part: Reasoning, target: Target) -> bool:
    """Whether the artefact must stay behind: made elsewhere, or signed by nobody where a signature is checked."""
    if part.origin is not None:
        return part.origin != target.origin
    return part.opaque is None and not target.traits.returns_reasoning


def _loop_begins_foreign(request: Request, target: Target) -> bool:
    if request.reasoning is None or request.reasoning.budget_tokens is None or BUDGET_FIELD in target.traits.refuses:
        return False
    in_loop = False
    for message in reversed(request.messages):
        if message.role == "assistant":
            first = message.parts[0] if message.parts else None
            return in_loop and isinstance(first, Reasoning) and _is_foreign(first, target)
        in_loop = in_loop or message.role == "tool"
    return False


def _rewritten(raw: bytes, target: Target) -> list[Raw]:
    """The turns with this deployment's artefacts unsealed and the others left out, and turns that held nothing else."""
    turns: list[Raw] = []
    for turn in _turns.decode(raw):
        content = _turn.decode(turn).content if b"thinking" in bytes(turn) else ""
        if isinstance(content, str):
            turns.append(turn)
            continue
        kept = [block for block in (_block(block, target) for block in content) if block is not None]
        if kept:
            fields = _fields.decode(turn)
            fields["content"] = Raw(_encode(kept))
            turns.append(Raw(_encode(fields)))
    return turns


def _block(raw: Raw, target: Target) -> Raw | None:
    """The block as it may go to the target; None when it may not."""
    if b"thinking" not in bytes(raw):
        return raw
    try:
        artefact = _artefact.decode(raw)
    except msgspec.ValidationError:
        return raw
    if artefact.type not in _ARTEFACTS:
        return raw
    key = "signature" if artefact.type == "thinking" else "data"
    maker, payload = origin.unseal(artefact.signature if artefact.type == "thinking" else artefact.data)
    if _is_foreign(Reasoning(opaque=payload or None, origin=maker), target):
        return None
    if maker is None:
        return raw
    fields = _fields.decode(raw)
    fields[key] = Raw(_encode(payload))
    return Raw(_encode(fields))


# --- answers ---------------------------------------------------------------------------------------------------------------


def _opaque(mark: _Mark) -> tuple[bytes, bytes]:
    """(the key, the value with its quotation marks) of what only the vendor can read in this block; empty if nothing."""
    if mark.type in ("thinking", "signature_delta"):
        return b'"signature"', bytes(mark.signature)
    if mark.type == "redacted_thinking":
        return b'"data"', bytes(mark.data)
    return b"", b""


def _find_value(raw: bytes, key: bytes, value: bytes, begin: int) -> int:
    """Where `value` stands under `key`, its quotation mark; -1 if it is no string or nowhere."""
    if not value.startswith(b'"'):
        return -1
    at = raw.find(key, begin)
    while at >= 0:
        start = _past_space(raw, at + len(key))
        if raw[start : start + 1] == b":":
            start = _past_space(raw, start + 1)
            if raw.startswith(value, start):
                return start
        at = raw.find(key, at + 1)
    return -1


def _past_space(raw: bytes, at: int) -> int:
    while raw[at : at + 1] and raw[at] in _SPACE:
        at += 1
    return at
