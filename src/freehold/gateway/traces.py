"""What of an answer is checked, and what is told of the outcome: from a request and a reply to a task for the verifiers,
and from a checked trace to the ledger's entry, the sealed trace and the header. Pure.

It runs nothing (`tracer.py` does) and knows no verifier. The chain of thought is the reasoning that the vendor shows; where
it shows a summary of its own, that; where it shows nothing, the trace says `hidden` and the answer alone is checked.

    entry     counts, names of verifiers, times, and a salted commitment; never contents
    document  the entry's words, the two shares, and every step with what was found about it; sealed, never in the log
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from freehold.gateway.seams import OutputWatch
from freehold.messages import (
    Chunk,
    File,
    Message,
    Reasoning,
    ReasoningDelta,
    ReasoningSeal,
    Refusal,
    RefusalDelta,
    Reply,
    Request,
    Text,
    TextDelta,
    ToolResult,
)
from freehold.reasoning.check import MAX_CHAIN
from freehold.reasoning.trace import VERDICTS, Headline, Trace

TRACE: Final = "trace"
"""The kind of entry, the field that is sealed, and the beginning of the sealed record's id."""

TRACES: Final = "/v1/traces/"
"""Where the door gives traces, by the ids of their answers."""

Chain = Literal["shown", "summary", "hidden", "none"]
"""What there was to read of the chain of thought: itself, the vendor's summary of it, nothing although there is one, or
nothing at all."""

Mode = Literal["inline", "after"]

MAX_DOCUMENTS: Final = 2_000_000
"""Characters of all documents together; more are left out, and the trace says so."""

MAX_SEALED: Final = 8 << 20
"""Bytes of a sealed trace. A longer one keeps what was refuted or unsupported, and says so."""

LONGEST_NAME: Final = 80

_THOUGHT: Final = re.compile(r"\s*<think>(.*?)</think>", re.DOTALL | re.IGNORECASE)
_STEPS: Final = re.compile(r"\s*<step[\s>].*</step>", re.DOTALL | re.IGNORECASE)


class Task(Struct, frozen=True, kw_only=True):
    """What is to be checked of one answer. `cut` names what was too long to be read whole; `schema` is JSON; the sealed
    trace is kept until `keep_until`, in Unix seconds."""

    id: str
    mode: Mode
    workload: str
    keep_until: int
    chain: str
    chain_is: Chain
    answer: str
    question: str
    documents: dict[str, str]
    schema: str | None = None
    cut: tuple[str, ...] = ()


class Checked(Struct, frozen=True, kw_only=True):
    """What came of a task: the body of its entry, and the document with the salt that opens its commitment."""

    body: dict[str, Any]
    document: bytes = b""
    salt: bytes = b""


class Heard:
    """One answer as it passes, whole or in chunks: an `OutputWatch` in front of the one that there may be."""

    __slots__ = ("_answer", "_chain", "_hidden", "_inner", "_part", "_summary")

    def __init__(self, inner: OutputWatch | None) -> None:
        self._inner = inner
        self._answer: list[str] = []
        self._chain: list[str] = []
        self._summary: list[str] = []
        self._hidden = False
        self._part = -1

    def chunk(self, chunk: Chunk) -> None:
        """Takes one chunk. Raises what the watch behind it raises."""
        if self._inner is not None:
            self._inner.chunk(chunk)
        if isinstance(chunk, TextDelta | RefusalDelta):
            self._answer.append(chunk.text)
        elif isinstance(chunk, ReasoningDelta):
            said = self._summary if chunk.summary else self._chain
            if said and chunk.index != self._part:
                said.append("\n\n")
            self._part = chunk.index
            said.append(chunk.text)
        elif isinstance(chunk, ReasoningSeal):
            self._hidden = True

    def reply(self, reply: Reply) -> None:
        """Takes a whole answer. Raises what the watch behind it raises."""
        if self._inner is not None:
            self._inner.reply(reply)
        thoughts = [part for part in reply.parts if isinstance(part, Reasoning)]
        self._answer = [part.text for part in reply.parts if isinstance(part, Text | Refusal)]
        self._chain = ["\n\n".join(part.text for part in thoughts if part.text)]
        self._summary = ["\n\n".join(text for part in thoughts for text in part.summary if text)]
        self._hidden = bool(thoughts)

    def task(self, record_id: str, request: Request, mode: Mode, workload: str, keep_until: int) -> Task:
        """What is to be checked of the answer that was heard, held against what `request` supplied."""
        chain, chain_is, answer = self._said()
        documents, left_out = documents_of(request)
        too_long = {"chain": len(chain) > MAX_CHAIN, "answer": len(answer) > MAX_CHAIN, "documents": left_out}
        return Task(
            id=record_id,
            mode=mode,
            workload=workload,
            keep_until=keep_until,
            chain=_sayable(chain[:MAX_CHAIN]),
            chain_is=chain_is,
            answer=_sayable(answer[:MAX_CHAIN]),
            question=_sayable(question_of(request)[:MAX_CHAIN]),
            documents=documents,
            schema=schema_of(request),
            cut=tuple(name for name, cut in too_long.items() if cut),
        )

    def _said(self) -> tuple[str, Chain, str]:
        chain, summary, answer = ("".join(said) for said in (self._chain, self._summary, self._answer))
        if chain.strip():
            return chain, "shown", answer
        if summary.strip():
            return summary, "summary", answer
        if self._hidden:
            return "", "hidden", answer
        # A model that no server takes apart writes its chain into its answer, marked as ours are trained to mark it.
        marked = _THOUGHT.match(answer) or _STEPS.match(answer)
        if marked is None:
            return "", "none", answer
        return marked[1] if marked.re is _THOUGHT else marked[0], "shown", answer[marked.end() :]


# --- what the verifiers may hold it against ---


def question_of(request: Request) -> str:
    """The text of the last user turns: those that no answer has followed yet but calls of tools."""
    said: list[str] = []
    for message in reversed(request.messages):
        if message.role == "user":
            said.append(_text(message))
        elif message.role == "assistant" and any(said):
            break
    return "\n\n".join(text for text in reversed(said) if text)


def documents_of(request: Request) -> tuple[dict[str, str], bool]:
    """What the caller supplied, by id, and whether some was left out: `system` is what the system said, a tool's result
    has the id of its call, a text file its name."""
    found: dict[str, list[str]] = {}
    for message in request.messages:
        for name, text in _supplied(message):
            if text:
                found.setdefault(name, []).append(text)
    left = MAX_DOCUMENTS
    documents: dict[str, str] = {}
    for name, texts in found.items():
        whole = "\n\n".join(texts)
        if left > 0:
            documents[_sayable(name)] = _sayable(whole[:left])
        left -= len(whole)
    return documents, left < 0


def schema_of(request: Request) -> str | None:
    """The JSON schema that the answer must follow, as JSON; that of any object where only JSON was asked for."""
    if request.output is None:
        return None
    return '{"type":"object"}' if request.output.schema is None else bytes(request.output.schema).decode()


def _supplied(message: Message) -> Iterable[tuple[str, str]]:
    if message.role in ("system", "developer"):
        yield "system", _text(message)
    for part in message.parts:
        if isinstance(part, File) and part.text is not None:
            yield part.filename or "file", part.text
        elif isinstance(part, ToolResult):
            inner = [one.text for one in part.parts if isinstance(one, Text | File) and one.text is not None]
            yield part.call_id, "\n\n".join(inner)


def _sayable(text: str) -> str:
    """The text with a question mark for each half of a pair that UTF-8 cannot hold; offsets stay."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _text(message: Message) -> str:
    return "\n\n".join(part.text for part in message.parts if isinstance(part, Text))


# --- what is told of the outcome ---


def body_of(task: Task, trace: Trace, asked: Iterable[str], missing: Mapping[str, str], us: int) -> dict[str, Any]:
    """The body of a trace's entry but for its commitment. `asked` are the verifiers as `name/version`, `missing` those that
    could not be asked, with the reason's code; `us` is the time that checking took, in microseconds."""
    headline = trace.headline
    found = headline.by_verifier
    return {
        **unchecked(task, "checked"),
        "steps": headline.steps,
        "steps_checked": headline.steps_checked,
        **{verdict: int(getattr(headline, verdict)) for verdict in VERDICTS},
        "verifiers": {
            _plain(name): {verdict: count for verdict, count in found.get(name, {}).items() if count}
            for name in sorted({*asked, *found})
        },
        **({"missing": {_plain(name): reason for name, reason in missing.items()}} if missing else {}),
        **({"cut": list(task.cut)} if task.cut else {}),
        "took_us": us,
    }


def unchecked(task: Task, status: str, reason: str = "") -> dict[str, Any]:
    """The body of the entry of a trace without findings. `status` is `skipped` or `failed`, `reason` a code."""
    body = {"status": status, "mode": task.mode, "chain": task.chain_is}
    return {**body, "reason": reason} if reason else body


def document_of(record_id: str, body: Mapping[str, Any], trace: Trace) -> bytes:
    """The whole trace as JSON: what is sealed, and given to whoever may read it."""
    written = _document(record_id, body, trace, every=True)
    if len(written) <= MAX_SEALED:
        return written
    body = {**body, "cut": [*body.get("cut", ()), "trace"]}
    return _document(record_id, body, trace, every=False)


def shown(record_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """What may be told of a trace by its entry alone, with the two shares where something was checked."""
    told = {name: value for name, value in body.items() if name not in ("commitments", "subject")}
    if body["status"] != "checked":
        return {"id": record_id, **told}
    return {"id": record_id, **_shares(body), **told}


def header_line(record_id: str, body: Mapping[str, Any] | None) -> bytes:
    """The header line that carries a trace's summary, as JSON in ASCII, and says where the whole is; None is one that is not
    finished yet."""
    if body is None:
        summary: dict[str, Any] = {"status": "pending"}
    elif body["status"] != "checked":
        summary = {"status": body["status"]}
    else:
        names = ("status", "chain", "steps")
        summary = {name: body[name] for name in names} | _shares(body) | {name: body[name] for name in VERDICTS}
    return b"x-freehold-trace: " + msgspec.json.encode({**summary, "at": f"{TRACES}{record_id}"}) + b"\r\n"


def _shares(body: Mapping[str, Any]) -> dict[str, float | None]:
    counts = {name: body[name] for name in ("steps", "steps_checked", *VERDICTS)}
    headline = Headline(**counts, by_verifier={})
    shares = {"coverage": headline.coverage, "precision": headline.precision}
    return {name: None if share is None else round(share, 4) for name, share in shares.items()}


def _document(record_id: str, body: Mapping[str, Any], trace: Trace, *, every: bool) -> bytes:
    kept: dict[int, list[dict[str, Any]]] = {}
    for finding in trace.findings:
        if every or finding.verdict in ("refuted", "unsupported"):
            one = {name: value for name, value in msgspec.to_builtins(finding).items() if name != "step"}
            kept.setdefault(finding.step, []).append(one)
    steps = [
        {**msgspec.to_builtins(step), "verdict": trace.verdict(step.index), "findings": kept.get(step.index, [])}
        for step in trace.steps
        if every or step.index in kept
    ]
    return msgspec.json.encode({**shown(record_id, body), "trace": steps})


def _plain(name: str) -> str:
    """A name as a key of an entry can hold it."""
    return name[:LONGEST_NAME].encode("ascii", "backslashreplace").decode()
