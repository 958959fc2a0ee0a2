"""Errors as OpenAI writes them: what is read from vendors, and which exception the official SDK raises on ours."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialects.chat_sdk import client
from freehold.dialects.openai_errors import LONGEST_SENTENCE, read_error, retry_after, write_error
from freehold.errors import (
    BudgetExhausted,
    DoorFull,
    FreeholdError,
    InvalidField,
    OutOfScope,
    RateLimited,
    UnknownKey,
    UnknownModel,
    VendorRefused,
    VendorTimeout,
)


def read(status: int, body: Any, **headers: str) -> VendorRefused:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_error(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


# --- reading -------------------------------------------------------------------------------------------------------------


def test_openais_own_error_is_read_whole() -> None:
    error = read(
        429,
        {"error": {"message": "You exceeded.", "type": "insufficient_quota", "param": None, "code": "quota_code"}},
    )
    assert (error.status, error.sentence) == (429, "You exceeded.")
    assert (error.kind, error.native, error.param) == ("insufficient_quota", "quota_code", None)


@pytest.mark.parametrize(
    ("body", "sentence", "native"),
    [
        ({"error": "model not found"}, "model not found", None),  # Ollama
        ({"object": "error", "message": "too long", "code": 400}, "too long", "400"),  # vLLM, older
        ({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}, "Loading model", "503"),
        (
            {"error": "Bad Request", "message": "top_k is too large", "statusCode": 400},
            "top_k is too large",
            None,
        ),  # NestJS
        ({"message": "no Route matched with those values"}, "no Route matched with those values", None),  # Kong
        ({"detail": "Not Found"}, "Not Found", None),  # FastAPI
        ({"detail": [{"loc": ["body", "top_k"], "msg": "extra field"}]}, "extra field", None),  # Mistral
        (
            [{"error": {"code": 429, "message": "Exhausted", "status": "RESOURCE_EXHAUSTED"}}],
            "Exhausted",
            "429",
        ),  # Google
        ({"message": "bad key"}, "bad key", None),
    ],
)
def test_other_shapes_still_say_what_happened(body: Any, sentence: str, native: str | None) -> None:
    error = read(400, body)
    assert (error.sentence, error.native) == (sentence, native)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html><body>502 Bad Gateway</body></html>", b"\xff\xfe", b"[]", b"3", b"null", b"{", b"[" * 100_000],
)
def test_an_unreadable_body_gives_a_sentence_and_is_not_shown(body: bytes) -> None:
    error = read(502, body)
    assert error.sentence == "The vendor answered with status 502 and no readable message."
    assert error.status == 502


def test_markup_in_a_message_is_not_shown() -> None:
    assert "html" not in read(500, {"error": {"message": "<!DOCTYPE html><html>…"}}).sentence


def test_a_long_message_is_cut() -> None:
    sentence = read(400, {"error": {"message": "x" * 5000}}).sentence
    assert len(sentence) == LONGEST_SENTENCE == 300


@given(st.integers(400, 599), st.binary(max_size=60) | st.from_regex(rb'\{"error":.{0,30}', fullmatch=True))
def test_any_bytes_give_an_error_with_its_status(status: int, body: bytes) -> None:
    error = read_error(status, {}, body)
    assert error.status == status
    assert 0 < len(error.sentence) <= LONGEST_SENTENCE


# --- when to try again ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"x-ms-retry-after-ms": "250"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 +99999999999999999999"}, None),
        ({"retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
    ],
)
def test_the_wait_is_read_from_any_of_the_headers(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_date_is_a_wait_until_then() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    assert 3000 < (retry_after({"retry-after": later}) or 0) <= 3600


@pytest.mark.parametrize(("said", "wanted"), [("true", True), ("false", False), ("maybe", None)])
def test_the_vendor_may_say_whether_to_retry(said: str, wanted: bool | None) -> None:
    assert read(500, {}, x_should_retry=said).should_retry is wanted


# --- writing -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "raised", "kind", "code"),
    [
        (InvalidField("`n` is 0.", param="n"), openai.BadRequestError, "invalid_request_error", "invalid-field"),
        (UnknownKey("No such key."), openai.AuthenticationError, "authentication_error", "unknown-key"),
        (OutOfScope("Not yours."), openai.PermissionDeniedError, "permission_error", "out-of-scope"),
        (UnknownModel("No such model."), openai.NotFoundError, "not_found_error", "unknown-model"),
        (RateLimited("Too fast."), openai.RateLimitError, "rate_limit_error", "rate-limited"),
        (BudgetExhausted("Spent."), openai.RateLimitError, "insufficient_quota", "insufficient_quota"),
        (DoorFull("Full."), openai.InternalServerError, "server_error", "door-full"),
        (VendorTimeout("Too slow."), openai.InternalServerError, "server_error", "vendor-timeout"),
        (
            VendorRefused("Bad.", status=400, kind="invalid_request_error", native="string_above_max_length"),
            openai.BadRequestError,
            "invalid_request_error",
            "string_above_max_length",
        ),
        (VendorRefused("Slow down.", status=429), openai.RateLimitError, "rate_limit_error", "vendor-refused"),
    ],
)
def test_the_sdk_raises_its_own_exception(
    error: FreeholdError, raised: type[openai.APIStatusError], kind: str, code: str
) -> None:
    sdk = client(write_error(error, "req-1"), status=error.status)
    with pytest.raises(raised) as caught:
        sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}])
    assert (caught.value.type, caught.value.code, caught.value.param) == (kind, code, error.param)
    assert error.sentence in str(caught.value)


def test_advice_stands_in_the_message_and_beside_it() -> None:
    fields = json.loads(write_error(InvalidField("`n` is 0.", "Use 1.", param="n"), "req-1"))["error"]
    assert fields == {
        "message": "`n` is 0. Use 1.",
        "type": "invalid_request_error",
        "param": "n",
        "code": "invalid-field",
        "advice": "Use 1.",
        "request_id": "req-1",
    }


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 429, 500, 502, 503, 504])
def test_every_status_of_a_vendor_has_a_type(status: int) -> None:
    kind = json.loads(write_error(VendorRefused("No.", status=status), ""))["error"]["type"]
    assert kind == {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}.get(
        status, "rate_limit_error" if status == 429 else "server_error" if status >= 500 else "invalid_request_error"
    )
