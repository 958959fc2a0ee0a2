"""The entry of an answer: all of the record but what was never in it, canonical, and never too large for the ledger."""

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import MalformedEntry
from freehold.gateway.entries import answer_entry, event_entry
from freehold.ledger.entry import read_entry
from freehold.store.events import Event
from freehold.store.records import AppliedPrice, Attempt, Record
from store.samples import record

SUBJECT = "5b" * 32
LEAST = (
    b'{"asked":"small","at":1795521600000,"began":1795521599000,'
    b'"caller":{"key":"key_1","organisation":"acme","project":"support"},"cost":7,"deployment":"openai/gpt-5-mini",'
    b'"dialect":"openai-chat","id":"rec_000001","kind":"answer","operation":"generate","outcome":"answered","status":200,'
    b'"usage":{"input":10,"output":3},"v":1,"workload":"triage"}'
)

texts = st.text(max_size=400)
counts = st.integers(0, 2**63 - 1)
codes = st.none() | st.sampled_from(["record-not-kept", "vendor-refused"])
attempts = st.builds(
    Attempt,
    deployment=texts,
    outcome=st.sampled_from(["answered", "failed", "refused", "cancelled"]),
    ms=st.floats(0, 1e9),
    status=st.none() | st.integers(100, 599),
    code=codes,
    cost_nano=counts,
    hedge=st.booleans(),
)
records = st.builds(
    Record,
    id=st.just("rec_1"),
    started_at=st.floats(0, 4e9),
    ended_at=st.floats(0, 4e9),
    dialect=st.just("openai-chat"),
    operation=st.just("generate"),
    status=st.sampled_from(["answered", "failed", "refused", "cancelled"]),
    http_status=st.integers(100, 599),
    organisation=texts,
    project=texts,
    workload=texts,
    model=texts,
    deployment=texts,
    code=codes,
    native_finish_reason=st.none() | texts,
    input_tokens=counts,
    output_tokens=counts,
    cache_read_tokens=counts,
    reasoning_tokens=counts,
    searches=counts,
    service_tier=st.none() | texts,
    estimated=st.booleans(),
    cost_nano=counts,
    first_token_ms=st.none() | st.floats(0, 1e9),
    total_ms=st.floats(0, 1e9),
    attempts=st.lists(attempts, max_size=40).map(tuple),
    dropped=st.lists(texts, max_size=80).map(tuple),
)


def body(of: Record, subject: str | None = None) -> dict[str, Any]:
    return read_entry(answer_entry(of, subject)).body


def test_an_entry_is_canonical_and_leaves_out_what_says_nothing() -> None:
    assert answer_entry(record(1), None) == LEAST


def test_everything_that_a_record_says_stands_in_its_entry() -> None:
    said = body(
        record(
            1,
            code="vendor-refused",
            finish="stop",
            native_finish_reason="end_turn",
            cache_read_tokens=1,
            cache_write_5m_tokens=2,
            cache_write_1h_tokens=3,
            reasoning_tokens=4,
            audio_input_tokens=5,
            audio_output_tokens=6,
            searches=7,
            service_tier="flex",
            estimated=True,
            price=AppliedPrice(rates={"input": 250_000_000}, as_of="2026-11-01", source="catalog"),
            streamed=True,
            first_token_ms=12.5,
            total_ms=1500.25,
            attempts=(
                Attempt(deployment="a/b", outcome="failed", ms=0.5, status=503, code="vendor-refused", cost_nano=9),
                Attempt(deployment="c/d", outcome="answered", ms=2.0, hedge=True),
            ),
            dropped=("seed", "logit_bias"),
            weights="ab" * 32,
            policy="cd" * 32,
            durability="disk",
            commitments={"request": "01", "response": "02"},
            conversation="ab" * 8,
            canary="can_1",
            arm="candidate",
            propensity_ppm=250_000,
            reserved_nano=100,
        ),
        SUBJECT,
    )
    assert said == {
        "began": 1795521599000,
        "caller": {"organisation": "acme", "project": "support", "key": "key_1"},
        "workload": "triage",
        "dialect": "openai-chat",
        "operation": "generate",
        "asked": "small",
        "deployment": "openai/gpt-5-mini",
        "weights": "ab" * 32,
        "policy": "cd" * 32,
        "outcome": "answered",
        "status": 200,
        "code": "vendor-refused",
        "finish": "stop",
        "native_finish": "end_turn",
        "streamed": True,
        "first_token_us": 12_500,
        "total_us": 1_500_250,
        "usage": {
            "input": 10,
            "output": 3,
            "cache_read": 1,
            "cache_write_5m": 2,
            "cache_write_1h": 3,
            "reasoning": 4,
            "audio_input": 5,
            "audio_output": 6,
            "searches": 7,
            "estimated": True,
            "tier": "flex",
        },
        "price": {"rates": {"input": 250_000_000}, "as_of": "2026-11-01", "source": "catalog"},
        "cost": 7,
        "attempts": [
            {"deployment": "a/b", "outcome": "failed", "us": 500, "status": 503, "code": "vendor-refused", "cost": 9},
            {"deployment": "c/d", "outcome": "answered", "us": 2000, "hedge": True},
        ],
        "dropped": ["seed", "logit_bias"],
        "durability": "disk",
        "conversation": "ab" * 8,
        "canary": "can_1",
        "arm": "candidate",
        "propensity_ppm": 250_000,
        "subject": SUBJECT,
        "commitments": {"request": "01", "response": "02"},
    }


def test_a_count_that_json_cannot_hold_exactly_is_the_largest_that_it_can() -> None:
    said = body(record(1, input_tokens=2**63 - 1, cost_nano=2**60))
    assert (said["usage"]["input"], said["cost"]) == (9_007_199_254_740_991, 9_007_199_254_740_991)


def test_text_from_outside_is_cut_and_what_utf_8_cannot_hold_is_replaced() -> None:
    said = body(record(1, model="é" * 300, deployment="x\ud800y"))
    assert (said["asked"], said["deployment"]) == ("é" * 256, "x?y")


def test_however_long_the_callers_words_are_the_ledger_takes_the_entry_and_it_says_what_was_cut() -> None:
    worst = "\x01" * 300
    attempt = Attempt(deployment=worst, outcome="failed", ms=1.0, status=503, code="vendor-refused")
    names = ("organisation", "project", "workload", "model", "deployment", "service_tier", "native_finish_reason")
    leaf = answer_entry(
        record(1, **dict.fromkeys(names, worst), dropped=(worst,) * 100, attempts=(attempt,) * 100), SUBJECT
    )
    said = read_entry(leaf).body
    assert len(leaf) <= 60_000
    assert said["cut"] == ["attempts", "dropped"]
    assert (len(said["attempts"]), len(said["dropped"])) == (7, 7)
    assert said["dropped"][0] == "\x01" * 256


def test_long_lists_that_fit_are_not_cut() -> None:
    said = body(record(1, dropped=tuple(f"name_{number}" for number in range(64))))
    assert len(said["dropped"]) == 64
    assert "cut" not in said


@given(records)
def test_every_record_has_an_entry_that_another_implementation_finds_canonical(of: Record) -> None:
    leaf = answer_entry(of, SUBJECT)
    assert len(leaf) <= 65_535
    assert rfc8785.dumps(json.loads(leaf)) == leaf
    assert read_entry(leaf).id == "rec_1"


def test_an_event_keeps_its_kind_its_time_and_its_body() -> None:
    leaf = event_entry(Event("key.revoked", "key_1", 1_763_985_600_000, {"role": "member", "models": ["openai/*"]}))
    assert leaf == (
        b'{"at":1763985600000,"id":"key_1","kind":"key.revoked","models":["openai/*"],"role":"member","v":1}'
    )


def test_an_event_that_json_cannot_hold_exactly_is_refused() -> None:
    with pytest.raises(MalformedEntry, match=r"`policy\.share` is 0\.5|has no canonical form"):
        event_entry(Event("policy", "ab", 1, {"share": 0.5}))
