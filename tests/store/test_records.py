"""Records and their ids: sortable, unique, and read strictly."""

import uuid

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.store.records import AppliedPrice, Attempt, Record, new_id
from store.samples import NOON, record


def test_an_id_is_a_uuid_of_version_7_with_the_time_of_its_request() -> None:
    name = new_id(1_645_557_742.0)  # the time of the example in RFC 9562, appendix A.6: 017F22E2-79B0-7...
    assert name.startswith("rec_017f22e279b07")
    parsed = uuid.UUID(name.removeprefix("rec_"))
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert name == f"rec_{parsed.hex}"


@given(st.integers(0, 2**41))
def test_ids_sort_by_time_to_the_millisecond(milliseconds: int) -> None:
    earlier, later = new_id(milliseconds / 1000), new_id((milliseconds + 2) / 1000)
    assert len(earlier) == len(later) == 36
    assert earlier < later


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id(NOON) for _ in range(1000)}) == 1000


def test_a_record_comes_back_as_it_was_written() -> None:
    full = record(
        1,
        status="failed",
        code="vendor-timeout",
        price=AppliedPrice(rates={"input": 250_000_000}, as_of="2026-11-24", source="genai-prices"),
        attempts=(
            Attempt(deployment="openai/a", outcome="failed", ms=12.5, status=503, code="vendor-refused"),
            Attempt(deployment="openai/b", outcome="answered", ms=40.0, cost_nano=3, hedge=True),
        ),
        dropped=("seed",),
        conversation="ab" * 8,
        canary="can_1",
        arm="incumbent",
        propensity_ppm=750_000,
        extra={"trace": [1, None, "ü"]},
        first_token_ms=0.5,
        streamed=True,
    )
    assert msgspec.json.decode(msgspec.json.encode(full), type=Record) == full


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "what was said"},
        {"status": "lost"},
        {"cost_nano": 1.5},
        {"cost_nano": 2**63},
        {"input_tokens": "many"},
        {"attempts": [{"deployment": "openai/a", "outcome": "answered", "ms": 1.0, "reply": "what was said"}]},
    ],
)
def test_a_record_that_holds_what_no_record_holds_is_refused(change: dict[str, object]) -> None:
    """A field that we do not know could hold what was said."""
    raw: dict[str, object] = msgspec.to_builtins(record(1))
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**raw, **change}, Record)
    assert msgspec.convert({**raw, "cost_nano": 2**63 - 1}, Record).cost_nano == 9223372036854775807
