"""Every vendor against its fixture: what it is sent, and how what it says is read. A new vendor adds a file, not a test."""

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from dialects.gathered import gather
from freehold.dialects import get
from freehold.dialects.dialect import Target
from freehold.dialects.sse import EventSplitter
from freehold.errors import Unsupported
from freehold.messages import Part, Reasoning, Text, Usage
from freehold.vendors import load, traits_for
from vendors.conformance import Answer, Ask, Fixture, Refused, file_of, stream_of

VENDORS = load()
FIXTURES = {
    name: msgspec.json.decode(file_of(name).read_bytes(), type=Fixture) for name in VENDORS if file_of(name).is_file()
}


def cases(kind: Callable[[Fixture], list[Any]]) -> Any:
    return pytest.mark.parametrize(
        ("vendor", "case"),
        [
            pytest.param(name, case, id=f"{name}: {case.says}")
            for name, fixture in FIXTURES.items()
            for case in kind(fixture)
        ],
    )


@pytest.mark.parametrize("name", [name for name, vendor in VENDORS.items() if vendor.transport != "inside"])
def test_a_vendor_has_a_fixture_that_says_where_it_is_from(name: str) -> None:
    fixture = FIXTURES[name]
    assert fixture.source.endswith(".")
    assert fixture.asks
    assert fixture.answers
    assert fixture.streams
    assert fixture.errors
    spoken = {speaks.dialect for speaks in VENDORS[name].speaks}
    assert {case.dialect for case in [*fixture.asks, *fixture.answers, *fixture.errors]} <= spoken


@cases(lambda fixture: fixture.asks)
def test_the_vendor_is_sent_what_it_takes(vendor: str, case: Ask) -> None:
    where = Target(
        model=case.model,
        traits=traits_for(VENDORS[vendor], case.dialect, case.model),
        origin="00112233aabbccdd",
        dropped=[],
    )
    body = json.dumps(case.caller).encode()
    request = get(case.front).read_request(body)
    dialect = get(case.dialect)

    def sent() -> bytes:
        if case.front == case.dialect:
            return dialect.pass_request(request, body, where)
        return dialect.write_request(request, where)

    if case.unsupported is not None:
        with pytest.raises(Unsupported, match=case.unsupported):
            sent()
        return
    assert json.loads(sent()) == case.sent
    assert where.dropped == case.dropped


@cases(lambda fixture: fixture.answers)
def test_its_answer_is_read(vendor: str, case: Answer) -> None:
    reply = get(case.dialect).read_reply(json.dumps(case.body).encode())
    assert said(reply.parts) == (case.text, case.reasoning)
    assert reply.finish == case.finish
    assert reply.usage == Usage(**case.usage)


@cases(lambda fixture: fixture.streams)
def test_its_stream_is_read(vendor: str, case: Answer) -> None:
    reader = get(case.dialect).stream_reader()
    events = EventSplitter().feed(stream_of(case))
    gathered = gather([chunk for event in events for chunk in reader.read(event)])
    assert said(gathered.parts) == (case.text, case.reasoning)
    assert gathered.finish == case.finish
    assert gathered.usage == Usage(**case.usage)
    assert reader.finished()
    assert reader.ends(events[-1])


@cases(lambda fixture: fixture.errors)
def test_its_error_is_read(vendor: str, case: Refused) -> None:
    error = get(case.dialect).read_error(case.status, case.headers, json.dumps(case.body).encode())
    assert (error.status, error.sentence) == (case.status, case.sentence)
    assert (error.kind, error.native) == (case.kind, case.native)
    assert (error.retry_after, error.should_retry) == (case.retry_after, case.should_retry)


def said(parts: tuple[Part, ...]) -> tuple[str, str]:
    """The words and the chain of thought."""
    text = "".join(part.text for part in parts if isinstance(part, Text))
    return text, "".join(part.text for part in parts if isinstance(part, Reasoning))
