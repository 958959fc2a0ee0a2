"""OpenAI Chat: bytes that pass through, from a caller to a vendor and back, with only what must change changed.

The values of top-level fields stay as the caller wrote them, byte for byte. What changes: the model; fields that the
vendor refuses, or knows by another name; the second of two caps on the output; `stream_options.include_usage`, which we always need; how much to think, where
the vendor says it in another way; and inside messages the operator's role and artefacts of reasoning.
It applies `Traits` and the seals of `origin.py`, and knows no vendor by name.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from freehold.dialects.abilities import require
from freehold.dialects.dialect import Fields, Target
from freehold.dialects.openai_chat_asking import FIELDS as ASKING_FIELDS
from freehold.dialects.openai_chat_asking import KWARGS, asking_fields, drop
from freehold.dialects.openai_chat_writing import check_temperature, greedy_fields
from freehold.dialects.origin import seal as sealed
from freehold.dialects.origin import unseal
from freehold.errors import InvalidField
from freehold.messages import Request

_encode: Final = msgspec.json.Encoder().encode
_NULL: Final = Raw(b"null")

CAP: Final = "max_completion_tokens"
OLD_CAP: Final = "max_tokens"
"""Two names of the cap on the output; where both are given, the first counts."""


def pass_request(request: Request, body: bytes, target: Target) -> bytes:
    """The caller's own body for a vendor of this dialect. Raises `Unsupported`, `InvalidField` as writing does."""
    traits = target.traits
    if traits.no_abilities:
        require(request, traits)
    if request.temperature is not None:
        check_temperature(request, target)
    fields = request.fields.copy()
    fields["model"] = Raw(_encode(target.model))
    if CAP in fields and OLD_CAP in fields:
        _keep_one_cap(fields, target)
    if request.reasoning is not None:
        _ask_in_its_words(request, fields, target)
    if not traits.refuses.isdisjoint(fields):
        for name in [name for name in fields if name in traits.refuses]:
            del fields[name]
            drop(target, name)
    if traits.adds:
        fields.update(traits.adds)
    if request.stream and "stream_options" not in traits.refuses:
        fields["stream_options"] = _with_usage(fields.get("stream_options"))
    if traits.renames:
        _rename(fields, target)
    if traits.greedy:
        fields.update(greedy_fields(fields, request.temperature, traits))
    if _touches_messages(body, request, target):
        fields["messages"] = _messages(fields["messages"], target)
    return _encode(fields)


def _keep_one_cap(fields: Fields, target: Target) -> None:
    """Leaves of two caps on the output the one that `Request.max_tokens` was read from, for which money is reserved."""
    spare = CAP if fields[CAP] == _NULL else OLD_CAP
    if fields.pop(spare) != _NULL:
        drop(target, spare)


def _ask_in_its_words(request: Request, fields: Fields, target: Target) -> None:
    """Says how much to think in the vendor's own way, where it would not understand the caller's."""
    traits = target.traits
    ask = request.reasoning
    given = [name for name in ASKING_FIELDS if name in fields]
    understood = (
        traits.reasoning_style not in ("none", "template")
        and not traits.refuses.intersection(given)
        and (ask is None or ask.effort is None or ask.effort not in traits.efforts)
        and not (traits.reasoning_style == "thinking" and ask is not None and ask.effort == "none")
    )
    if ask is None or understood:
        return
    for name in given:
        del fields[name]
    if traits.reasoning_style == "none":
        target.dropped += given if ask.enabled is not False and ask.effort != "none" else ()
        return
    for name, value in asking_fields(ask, target).items():
        said = fields.get(name)
        if said is None or name in given:
            fields[name] = Raw(_encode(value))
        elif name == KWARGS:  # the caller may say more to the template than how to think, and says it last
            fields[name] = Raw(_encode({**value, **_kwargs(said)}))


def _kwargs(said: Raw) -> Fields:
    try:
        return _KWARGS.decode(said)
    except msgspec.ValidationError:
        raise InvalidField(f"`{KWARGS}` is no object.", param=KWARGS) from None


def _with_usage(options: Raw | None) -> Raw:
    if options is None or options == _NULL:
        return Raw(b'{"include_usage":true}')
    kept = msgspec.json.decode(options, type=dict[str, Raw])
    kept["include_usage"] = Raw(b"true")
    return Raw(_encode(kept))


def _rename(fields: Fields, target: Target) -> None:
    for name, new in target.traits.renames.items():
        value = fields.pop(name, None)
        if value is None:
            continue
        if new in fields:
            drop(target, name)  # the caller gave both; the vendor's own name counts
        else:
            fields[new] = value


# --- inside messages -----------------------------------------------------------------------------------------------------


class _Detail(Struct):
    signature: str | None = None
    data: str | None = None


_LIST: Final = msgspec.json.Decoder(list[Raw])
_MESSAGE: Final = msgspec.json.Decoder(dict[str, Raw])
_KWARGS: Final = msgspec.json.Decoder(dict[str, Raw])
_DETAIL: Final = msgspec.json.Decoder(_Detail)

_REASONING_KEYS: Final = ("reasoning_content", "reasoning", "reasoning_details")
_REASONING_MARKS: Final = (b'"reasoning_content"', b'"reasoning_details"', b'"reasoning"')
_ASSISTANT: Final = Raw(b'"assistant"')
_OTHER_ROLE: Final = {"system": Raw(b'"developer"'), "developer": Raw(b'"system"')}


def _touches_messages(body: bytes, request: Request, target: Target) -> bool:
    """Whether anything inside the messages may have to change. A cheap test: most requests pass untouched."""
    traits = target.traits
    if traits.returns_reasoning or (b'"reasoning' in body and any(mark in body for mark in _REASONING_MARKS)):
        return True
    if traits.system_role is None:
        return False
    other = "developer" if traits.system_role == "system" else "system"
    return other in [message.role for message in request.messages]


def _messages(raw: Raw, target: Target) -> Raw:
    """The messages, each as it was unless something in it had to change."""
    messages = _LIST.decode(raw)
    touched = False
    for place, before in enumerate(messages):
        message = _MESSAGE.decode(before)
        given = message.copy()
        _set_role(message, target)
        if message.get("role") == _ASSISTANT:
            _set_reasoning(message, target)
        if message != given:
            messages[place] = Raw(_encode(message))
            touched = True
    return Raw(_encode(messages)) if touched else raw


def _set_role(message: Fields, target: Target) -> None:
    role = target.traits.system_role
    if role is not None and message.get("role") == _OTHER_ROLE[role]:
        message["role"] = Raw(_encode(role))


def _set_reasoning(message: Fields, target: Target) -> None:
    """Leaves what this vendor can read: all but foreign artefacts, or nothing where it has no field for any."""
    field = target.traits.reasoning_field
    details = message.get("reasoning_details")
    if details is not None and details != _NULL:
        kept = _own_details(details, target)
        if kept is None:
            del message["reasoning_details"]
        else:
            message["reasoning_details"] = kept
    if field is None:
        for key in _REASONING_KEYS:
            if message.pop(key, None) not in (None, _NULL):
                drop(target, "reasoning")
    elif target.traits.returns_reasoning and field not in message:
        # The vendors that want the chain back refuse a turn without one; an empty one is taken.
        chain = message.pop("reasoning" if field == "reasoning_content" else "reasoning_content", None)
        message[field] = Raw(b'""') if chain is None or chain == _NULL else chain


def _own_details(raw: Raw, target: Target) -> Raw | None:
    """`reasoning_details` without those of other origins, ours unsealed; None when nothing is left."""
    before = _LIST.decode(raw)
    kept: list[Raw] = []
    for detail in before:
        artefact = _DETAIL.decode(detail)
        opaque = artefact.signature or artefact.data
        origin, _ = unseal(opaque) if opaque else (None, "")
        if origin is None:
            kept.append(detail)
        elif origin == target.origin:
            kept.append(Raw(bytes(detail).replace(b'"' + sealed("", origin).encode(), b'"')))
    if len(kept) < len(before):
        drop(target, "reasoning")
    if not kept:
        return None
    return raw if kept == before else Raw(_encode(kept))


# --- what comes back -----------------------------------------------------------------------------------------------------


class _SealedDetail(Struct):
    signature: Raw = Raw(b"null")
    data: Raw = Raw(b"null")


class _SealedMessage(Struct):
    reasoning_details: list[_SealedDetail] | None = None


class _SealedChoice(Struct):
    message: _SealedMessage | None = None
    delta: _SealedMessage | None = None


class _SealedAnswer(Struct):
    choices: list[_SealedChoice] | None = None


_ANSWER: Final = msgspec.json.Decoder(_SealedAnswer)


def seal(raw: bytes, origin: str) -> bytes:
    """Bytes of a whole reply or of one event, with the origin's seal on every artefact and nothing else changed."""
    if b'"reasoning_details"' not in raw:
        return raw
    try:
        answer = _ANSWER.decode(_json_of(raw))
    except (msgspec.DecodeError, RecursionError):
        return raw  # not this dialect's JSON: the reader says so
    prefix = sealed("", origin).encode()
    for token in _artefacts(answer):
        raw = _replaced(raw, token, b'"' + prefix + token[1:])
    return raw


def _json_of(raw: bytes) -> bytes:
    """The JSON inside an event (in this dialect one `data:` line holds all of it), or the reply itself."""
    if not raw.lstrip().startswith(b"data:") and b"\ndata:" not in raw[:64]:
        return raw
    return raw[raw.find(b"data:") + 5 :].split(b"\n", 1)[0]


def _artefacts(answer: _SealedAnswer) -> list[bytes]:
    """The JSON strings of all artefacts, each once."""
    found: dict[bytes, None] = {}
    for choice in answer.choices or ():
        for message in (choice.message, choice.delta):
            for detail in (message.reasoning_details if message else None) or ():
                for value in (detail.signature, detail.data):
                    token = bytes(value)
                    if len(token) > 2 and token.startswith(b'"'):
                        found[token] = None
    return list(found)


def _replaced(raw: bytes, token: bytes, new: bytes) -> bytes:
    """`token` replaced where it is the value of a key `signature` or `data`. A quotation mark inside a JSON string is
    escaped, so these keys are never found inside one."""
    for key in (b'"signature"', b'"data"'):
        start = raw.find(key)
        while start >= 0:
            value = start + len(key)
            while raw[value] in b" \t\r\n:":
                value += 1
            if raw.startswith(token, value):
                raw = raw[:value] + new + raw[value + len(token) :]
                value += len(new)
            start = raw.find(key, value)
    return raw
