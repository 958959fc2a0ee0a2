"""The process that makes items: started by a worker's `capture.py`, not by people.

    python -m freehold.gateway.item_maker

It redacts by rule, replaces media, and takes the digest by which a repeated input is known. It exists because patterns run on
other people's words, the users' own patterns for as long as these make them. It steps back behind the workers and ends when the
worker's end of the pipe closes. Nothing unredacted leaves it, and it writes nothing anywhere else.
"""

import base64
import binascii
import hashlib
import os
import signal
import sys
from typing import Any, BinaryIO, Final, cast

import msgspec
from msgspec import Raw, Struct

from freehold.gateway.frames import frame, read_frame
from freehold.items import Given, Item, ToolUse
from freehold.redaction.redactor import Redaction, Redactor
from freehold.store.inputs import input_digest

NICE: Final = 10
MAX_ITEM: Final = 1 << 20
"""Bytes of an item. A longer one is not kept: cut short it would be another question."""

KEPT: Final = frozenset(
    (
        *("messages", "tools", "tool_choice", "parallel_tool_calls", "response_format", "max_tokens", "temperature"),
        *("top_p", "seed", "stop", "frequency_penalty", "presence_penalty", "logprobs", "top_logprobs"),
        "reasoning_effort",
    )
)
"""What of a request is the question, and how it was to be sampled. Who asked, on which terms and for how much is not."""


class Material(Struct, frozen=True, kw_only=True):
    """One answer, as it was given: what an item is made of. `body` is a request body of Chat Completions, `at` in Unix
    milliseconds, `keep_until` in Unix seconds; `rules` and `patterns` are what is redacted."""

    id: str
    workload: str
    at: int
    keep_until: int
    model: str
    body: Raw
    text: str
    tool_uses: tuple[ToolUse, ...]
    finish: str
    metadata: dict[str, str]
    conversation: str
    cost_nano: int
    total_ms: float
    first_token_ms: float | None
    input_tokens: int
    output_tokens: int
    rules: tuple[str, ...]
    patterns: dict[str, str]


class Made(Struct, frozen=True, kw_only=True):
    """An item as JSON, and the digest of its input in hexadecimal digits; both empty where `reason` says why there is none."""

    item: str = ""
    digest: str = ""
    reason: str = ""


class Maker:
    """Makes items; keeps the redactors that it was asked for."""

    def __init__(self) -> None:
        self._redactors: dict[tuple[tuple[str, ...], tuple[tuple[str, str], ...]], Redactor] = {}

    def make(self, material: Material) -> Made:
        """One item. Raises InvalidField for a rule that cannot be used."""
        redaction = self._redactor(material).begin()
        body = msgspec.json.decode(material.body, type=dict[str, Any])
        asked = {name: redaction.value(_without_media(value)) for name, value in body.items() if name in KEPT}
        item = Item(
            id=material.id,
            workload=material.workload,
            input=asked,
            at=material.at,
            given=_given(material, redaction),
            model=material.model,
            metadata={redaction.text(name): redaction.under(name, value) for name, value in material.metadata.items()},
            conversation=material.conversation,
            cost_nano=material.cost_nano,
            total_ms=material.total_ms,
            first_token_ms=material.first_token_ms,
            input_tokens=material.input_tokens,
            output_tokens=material.output_tokens,
            record=material.id,
        )
        written = msgspec.json.encode(item)
        if len(written) > MAX_ITEM:
            return Made(reason="too-large")
        return Made(item=written.decode(), digest=input_digest(asked).hex())

    def _redactor(self, material: Material) -> Redactor:
        wanted = material.rules, tuple(material.patterns.items())
        found = self._redactors.get(wanted)
        if found is None:
            found = self._redactors[wanted] = Redactor(material.rules, material.patterns)
        return found


def serve(pieces: BinaryIO, out: BinaryIO) -> None:
    """Answers until the pipe closes."""
    maker = Maker()
    out.write(frame("ready"))
    out.flush()
    while (message := read_frame(pieces)) is not None:
        out.write(frame(maker.make(msgspec.json.decode(message, type=Material))))
        out.flush()


def main() -> None:
    """Runs until the pipe closes."""
    os.nice(NICE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, out)


def _given(material: Material, redaction: Redaction) -> Given:
    uses = tuple(ToolUse(name=use.name, arguments=redaction.text(use.arguments)) for use in material.tool_uses)
    return Given(text=redaction.text(material.text), tool_uses=uses, finish=material.finish)


def _without_media(value: Any) -> Any:
    """The value with a line of text in the place of every picture, sound and file that it carries: no rule looks into one."""
    if isinstance(value, list):
        return [_without_media(one) for one in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    pairs = cast("dict[str, Any]", value)
    match pairs:
        case {"type": "image_url", "image_url": {"url": str() as url}} if url.startswith("data:"):
            return _marker("image", url)
        case {"type": "input_audio", "input_audio": {"data": str() as data}}:
            return _marker("audio", f"data:audio/{pairs['input_audio'].get('format', '')};base64,{data}")
        case {"type": "file", "file": {"file_data": str() as data}}:
            return _marker("file", data)
        case _:
            return {name: _without_media(one) for name, one in pairs.items()}


def _marker(kind: str, url: str) -> dict[str, str]:
    head, _, data = url.partition(",")
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        content = data.encode("utf-8", "surrogatepass")
    media_type = head.removeprefix("data:").partition(";")[0]
    digest = hashlib.sha256(content).hexdigest()
    return {"type": "text", "text": f"[{kind} {media_type} sha256:{digest} {len(content)} bytes]"}


if __name__ == "__main__":
    main()
