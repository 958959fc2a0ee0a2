"""What a dialect is: pure functions between bytes and our words, in both directions.

A dialect is a module that fills one `Dialect`. It knows its wire format and nothing else: no vendor, no network, no
money. The gateway holds two for each request, the caller's (front) and the deployment's (vendor), and when they are the
same the bytes pass through with only what must change changed.

Reading errors raise `MalformedBody` or `InvalidField` (from a caller) and `VendorGarbled` (from a vendor). Writing to a
vendor raises `Unsupported` where dropping would change the answer, and appends to `Target.dropped` where it would not.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Raw, Struct

from freehold.errors import FreeholdError, VendorRefused
from freehold.messages import Chunk, Reply, Request


class Traits(Struct, frozen=True, kw_only=True):
    """How one vendor or model departs from its dialect, as data. Every field's default is "it does not".

    `refuses` are top-level wire fields that the vendor answers with an error; they are dropped and named. Of Messages
    `thinking.budget_tokens` too: an effort goes in its place.
    `renames` maps a top-level wire field to the name this vendor knows it by.
    `no_abilities` are what it cannot do: `tools`, `vision`, `audio`, `files`, `json_schema`, `json_object`,
    `forced_tool_choice`, `named_tool_choice`, `prefill`, `streaming`, `n`. Asking for one is an error, not a drop.
    `system_role` is the role for the operator's words (`system` or `developer`; None leaves them as they are).
    `reasoning_field` is where a Chat vendor puts its chain of thought (`reasoning_content`, `reasoning`).
    `returns_reasoning` says that the chain must be sent back on assistant turns of a tool loop.
    `reasoning_style` is how thinking is asked for: `effort` (OpenAI), `thinking` (Anthropic, DeepSeek), `template` (by the
    template of its chat), `none`.
    `thinking_switch` is the template's variable that turns thinking on and off; None where it cannot be turned off.
    `thinking_budget` is the field of a cap on thinking, in tokens; None where there is none.
    `adds` are top-level wire fields that go along with every request.
    `greedy` are those by which a Chat server takes the likeliest token at less cost, for requests at temperature 0 that say nothing else of sampling.
    `efforts` maps our effort words to the vendor's, where it knows fewer.
    `temperature_max` caps `temperature` (1.0 or 2.0).
    `default_max_tokens` is sent where the dialect requires a cap and the caller gave none.
    """

    refuses: frozenset[str] = frozenset()
    renames: dict[str, str] = {}
    no_abilities: frozenset[str] = frozenset()
    system_role: str | None = None
    reasoning_field: str | None = None
    returns_reasoning: bool = False
    reasoning_style: str = "effort"
    thinking_switch: str | None = None
    thinking_budget: str | None = None
    adds: dict[str, Raw] = {}
    greedy: dict[str, Raw] = {}
    efforts: dict[str, str] = {}
    temperature_max: float = 2.0
    default_max_tokens: int = 4096


class Target(Struct, kw_only=True):
    """Whom a request is written for. `model` is the vendor's own name of it; `origin` the tag of this deployment
    (see `origin.py`); `dropped` collects the names of what could not be carried, in the caller's words."""

    model: str
    traits: Traits
    origin: str
    dropped: list[str]


class Event(Struct, frozen=True):
    """One server-sent event: its bytes as they came (with the blank line that ends it), its name, its data."""

    raw: bytes
    name: str
    data: bytes


class StreamReader(Protocol):
    """Turns a vendor's events into chunks. One for each answer; keeps what it needs between events."""

    def read(self, event: Event) -> list[Chunk]:
        """Chunks in this event, in order. An event without meaning gives `[Ignored()]`. Raises `VendorGarbled`."""
        ...

    def ends(self, event: Event) -> bool:
        """Whether this is the event that closes the stream, to be held back until the record is kept."""
        ...

    def finished(self) -> bool:
        """Whether the vendor has said that the answer is complete. A stream that ends before is broken."""
        ...


class StreamWriter(Protocol):
    """Turns chunks into events of the caller's dialect. One for each answer."""

    def write(self, chunk: Chunk) -> bytes:
        """The events for this chunk (may be empty: `Finished` and `UsageReport` may wait for `close`)."""
        ...

    def close(self) -> bytes:
        """The events that end a stream that went well, the terminator included."""
        ...

    def fail(self, error: FreeholdError, request_id: str) -> bytes:
        """The events that tell of a failure after the commit point, in this dialect, and end the stream."""
        ...


class Dialect(Struct, frozen=True, kw_only=True):
    """One wire format.

    `path` is what follows a vendor's base URL. `read_request` takes a caller's body; `write_request` gives the body for
    a vendor from our words; `pass_request` gives it from the caller's own bytes, for a vendor of the same dialect:
    values pass byte for byte, and only the model, refused or renamed fields, usage reporting and the seals on reasoning
    artefacts change. `read_reply` reads a vendor's whole answer and `write_reply` writes one for a caller; the `Request`
    given to `write_reply` and `stream_writer` is the caller's, for what the dialect echoes. `seal` marks every opaque
    artefact in bytes that pass through (a whole reply, or one event's raw bytes) with the origin that made it.
    `seal_ids` does the same to the ids of what the vendor keeps, with the function given; None where the dialect has none.
    `hides` is whether an event must be kept from this caller (a usage report that only we asked for). `forwards` names the
    caller's headers (lower case) that go along to a vendor of the same dialect.
    """

    name: str
    path: str
    read_request: Callable[[bytes], Request]
    write_request: Callable[[Request, Target], bytes]
    pass_request: Callable[[Request, bytes, Target], bytes]
    read_reply: Callable[[bytes], Reply]
    write_reply: Callable[[Reply, Request], bytes]
    stream_reader: Callable[[], StreamReader]
    stream_writer: Callable[[Request], StreamWriter]
    seal: Callable[[bytes, str], bytes]
    hides: Callable[[Event, Request], bool]
    read_error: Callable[[int, Mapping[str, str], bytes], VendorRefused]
    write_error: Callable[[FreeholdError, str], bytes]
    forwards: tuple[str, ...] = ()
    seal_ids: Callable[[bytes, Callable[[str], str]], bytes] | None = None


Fields = dict[str, Raw]
"""The top-level fields of a JSON object, each value as its raw bytes."""
