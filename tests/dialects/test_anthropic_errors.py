"""Errors as Anthropic writes them: what is read from vendors, and which exception the official SDK raises on ours."""

import json
from typing import Any

import anthropic
import pytest
from anthropic.types import ErrorResponse
from hypothesis import given
from hypothesis import strategies as st

from dialects.messages_sdk import client
from freehold.dialects.anthropic_errors import (
    LONGEST_SENTENCE,
    ErrorShape,
    error_body,
    error_inside,
    error_type,
    read_error,
    status_of,
    write_error,
)
from freehold.errors import (
    BodyTooLarge,
    BudgetExhausted,
    DoorFull,
    FreeholdError,
    InternalError,
    InvalidField,
    OutOfScope,
    RateLimited,
    UnknownKey,
    UnknownModel,
    VendorRefused,
    VendorTimeout,
    VendorUnreachable,
)

# --- reading -------------------------------------------------------------------------------------------------------------


def read(status: int, body: Any, **headers: str) -> VendorRefused:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_error(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def shaped(**error: Any) -> dict[str, Any]:
    return {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}


def test_anthropics_own_error_is_read_whole() -> None:
    details = {"error_code": "enforced_spend_limit_reached", "resets_at": "2026-12-01"}
    error = read(
        429,
        shaped(type="rate_limit_error", message="You reached your\nlimit.", details=details),
        retry_after="12",
        x_should_retry="false",
    )
    assert (error.status, error.sentence) == (429, "You reached your limit.")
    assert (error.kind, error.native) == ("rate_limit_error", "enforced_spend_limit_reached")
    assert (error.retry_after, error.should_retry) == (12.0, False)


@pytest.mark.parametrize("details", [None, [], "x", 5, {}, {"error_code": 7}, {"error_code": None}])
def test_details_of_another_shape_cost_nothing_of_the_rest(details: Any) -> None:
    error = read(529, shaped(type="overloaded_error", message="Overloaded", details=details))
    assert (error.sentence, error.kind, error.native) == ("Overloaded", "overloaded_error", None)


def test_a_vendor_that_copies_the_dialect_may_say_less() -> None:
    error = read(401, {"error": {"message": "bad key", "param": None, "code": "invalid_api_key"}})
    assert (error.sentence, error.kind, error.should_retry, error.retry_after) == ("bad key", None, None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>502 Bad Gateway</body></html>",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{",
        b"[" * 100000,
        b'{"error":""}',
        b'{"error":null}',
        b'{"error":"<html>Bad Gateway</html>"}',
        b'{"message":"<!DOCTYPE html>"}',
        b'{"error":{"message":5}}',
        b'{"error":{"message":" \\n"}}',
    ],
)
def test_an_unreadable_body_gives_a_sentence_and_is_not_shown(body: bytes) -> None:
    error = read(502, body)
    assert (error.sentence, error.status) == ("The vendor answered with status 502 and no readable message.", 502)


@pytest.mark.parametrize(
    ("body", "sentence", "kind"),
    [
        ({"error": "model not found"}, "model not found", None),  # Ollama
        (
            {"error": "Bad Request", "message": "top_k is too\nlarge", "statusCode": 400},
            "top_k is too large",
            None,
        ),  # NestJS
        ({"message": "no Route matched with those values"}, "no Route matched with those values", None),  # Kong
        ({"type": "error", "error": {"type": "api_error", "detail": "It is down."}}, "It is down.", "api_error"),
        ({"detail": "Not Found"}, "Not Found", None),  # FastAPI
        ({"detail": [{"loc": ["body", "max_tokens"], "msg": "Field required"}]}, "Field required", None),
        ({"error": {"type": 7, "message": "A number as type."}}, "A number as type.", "7"),
        ([{"error": {"message": "Exhausted", "status": "RESOURCE_EXHAUSTED"}}], "Exhausted", "RESOURCE_EXHAUSTED"),
    ],
)
def test_a_message_in_another_place_than_anthropics_is_found(body: Any, sentence: str, kind: str | None) -> None:
    error = read(404, body, retry_after="3", x_should_retry="true")
    assert (error.sentence, error.kind, error.status) == (sentence, kind, 404)
    assert (error.retry_after, error.should_retry) == (3.0, True)


def test_anthropics_own_code_survives_an_empty_message() -> None:
    error = read(402, shaped(type="billing_error", message=" ", details={"error_code": "ramp_limit_exceeded"}))
    assert (error.kind, error.native) == ("billing_error", "ramp_limit_exceeded")
    assert error.sentence == "The vendor answered with status 402 and no readable message."


def test_a_long_message_is_cut() -> None:
    sentence = read(400, shaped(message="x" * 5000)).sentence
    assert len(sentence) == LONGEST_SENTENCE == 300
    assert sentence.endswith("x…")


@given(st.integers(400, 599), st.binary(max_size=60) | st.from_regex(rb'\{"error":.{0,30}', fullmatch=True))
def test_any_bytes_give_an_error_with_its_status(status: int, body: bytes) -> None:
    error = read_error(status, {}, body)
    assert error.status == status
    assert 0 < len(error.sentence) <= LONGEST_SENTENCE


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("invalid_request_error", 400),
        ("authentication_error", 401),
        ("billing_error", 402),
        ("permission_error", 403),
        ("not_found_error", 404),
        ("conflict_error", 409),
        ("request_too_large", 413),
        ("rate_limit_error", 429),
        ("api_error", 500),
        ("timeout_error", 504),
        ("overloaded_error", 529),
        ("newer_error", 500),
        (None, 500),
    ],
)
def test_an_error_in_a_stream_has_the_status_that_the_documents_give_its_type(kind: str | None, status: int) -> None:
    assert status_of(ErrorShape(type=kind)) == status


# --- writing -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "raised", "kind", "code"),
    [
        (InvalidField("Bad.", param="top_k"), anthropic.BadRequestError, "invalid_request_error", "invalid-field"),
        (UnknownKey("No such key."), anthropic.AuthenticationError, "authentication_error", "unknown-key"),
        (OutOfScope("Not yours."), anthropic.PermissionDeniedError, "permission_error", "out-of-scope"),
        (UnknownModel("No such model."), anthropic.NotFoundError, "not_found_error", "unknown-model"),
        (RateLimited("Too fast."), anthropic.RateLimitError, "rate_limit_error", "rate-limited"),
        (BudgetExhausted("Spent."), anthropic.RateLimitError, "rate_limit_error", "budget-exhausted"),
        (DoorFull("Full."), anthropic.InternalServerError, "overloaded_error", "door-full"),
        (VendorTimeout("Too slow."), anthropic.InternalServerError, "timeout_error", "vendor-timeout"),
        (VendorUnreachable("Gone."), anthropic.InternalServerError, "api_error", "vendor-unreachable"),
        (InternalError("A bug."), anthropic.InternalServerError, "api_error", "internal-error"),
        (
            VendorRefused("Spent.", status=429, kind="rate_limit_error", native="ramp_limit_exceeded"),
            anthropic.RateLimitError,
            "rate_limit_error",
            "ramp_limit_exceeded",
        ),
    ],
)
def test_the_sdk_raises_its_own_exception(
    error: FreeholdError, raised: type[anthropic.APIStatusError], kind: str, code: str
) -> None:
    data = write_error(error, "req-1")
    ErrorResponse.model_validate_json(data)
    with pytest.raises(raised) as caught:
        client(data, status=error.status).messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
        )
    assert caught.value.type == kind
    assert caught.value.error_code == code
    assert error.sentence in str(caught.value)


def test_the_body_names_the_field_the_request_and_the_advice() -> None:
    assert json.loads(write_error(InvalidField("`top_k` is 0.", "Use 1.", param="top_k"), "req-1")) == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "message": "`top_k` is 0. Use 1.",
            "details": {"error_code": "invalid-field", "param": "top_k"},
        },
        "request_id": "req-1",
    }


def test_without_a_field_at_fault_none_is_named() -> None:
    assert error_body(RateLimited("Too fast."), "r")["error"]["details"] == {"error_code": "rate-limited"}


def test_too_large_a_body_has_the_type_that_anthropic_gives_it() -> None:
    assert error_type(BodyTooLarge("Too large.")) == "request_too_large"


@pytest.mark.parametrize(
    ("status", "kind", "wanted"),
    [
        (429, "rate_limit_error", "rate_limit_error"),
        (429, "insufficient_quota", "rate_limit_error"),
        (400, "rate_limit_error", "invalid_request_error"),
        (402, None, "billing_error"),
        (408, None, "timeout_error"),
        (422, None, "invalid_request_error"),
        (501, None, "api_error"),
        (503, "server_error", "overloaded_error"),
        (529, None, "overloaded_error"),
    ],
)
def test_a_vendors_error_has_a_type_that_fits_its_status(status: int, kind: str | None, wanted: str) -> None:
    assert error_type(VendorRefused("No.", status=status, kind=kind)) == wanted


@given(
    st.integers(400, 599),
    st.text(max_size=20),
    st.none() | st.sampled_from(["api_error", "overloaded_error", "x"]),
    st.none() | st.text(min_size=1, max_size=9),
)
def test_what_is_written_is_read_again(status: int, sentence: str, kind: str | None, native: str | None) -> None:
    error = VendorRefused(sentence, "", status=status, kind=kind, native=native)
    back = read_error(status, {}, write_error(error, "req-1"))
    assert (back.status, back.kind, back.native) == (status, error_type(error), native or "vendor-refused")
    assert back.sentence == (" ".join(sentence.split()) or back.sentence)


def test_only_a_body_that_says_so_is_an_error_in_the_place_of_an_answer() -> None:
    refused = error_inside(b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down."}}')
    assert refused is not None
    assert (refused.status, refused.kind, refused.sentence) == (429, "rate_limit_error", "Slow down.")
    for other in (
        b'{"type":"message","error":{"type":"api_error"}}',
        b'{"error":{"type":"api_error"}}',
        b"[]",
        b"\xff",
    ):
        assert error_inside(other) is None
