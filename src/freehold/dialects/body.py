"""A caller's JSON body: decoded into the shape a dialect declares, with errors that name the field at fault.

It knows JSON and no dialect. Exists so that every front dialect refuses bad input in the same words: broken JSON or
text that is not UTF-8 is `MalformedBody`, a wrong type is `InvalidField` with the path as the caller wrote it.
"""

from typing import TypeVar

import msgspec
from msgspec import Raw

from freehold.errors import BadInput, InvalidField, MalformedBody

T = TypeVar("T")

_fields_decoder = msgspec.json.Decoder(dict[str, Raw])


def read(decoder: msgspec.json.Decoder[T], body: bytes) -> tuple[T, dict[str, Raw]]:
    """(the body as `decoder` types it, its top-level fields as raw JSON). Raises `MalformedBody`, `InvalidField`."""
    if not body.isascii():
        _require_utf8(body)  # raw fields pass undecoded, so nothing later would notice
    try:
        return decoder.decode(body), _fields_decoder.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise refusal(error, body) from None


def refusal(error: Exception, body: bytes) -> BadInput:
    """What to tell the caller whose body made `msgspec` raise `error`."""
    if isinstance(error, msgspec.ValidationError):
        problem, param = located(str(error))
        if not param:
            return MalformedBody("The body is not a JSON object.")
        return InvalidField(f"The field `{param}` is not valid: {problem}.", param=param)
    if isinstance(error, RecursionError):
        return MalformedBody("The body is nested too deeply.")
    if isinstance(error, UnicodeDecodeError):
        return MalformedBody("The body is not valid UTF-8.")
    if not body.strip():
        return MalformedBody("The body is empty.")
    reason = str(error).removeprefix("JSON is malformed: ")
    return MalformedBody(f"The body is not valid JSON: {reason[:1].lower()}{reason[1:]}.")


def located(message: str) -> tuple[str, str]:
    """(what is wrong, the path of the field) from the text of a `msgspec.ValidationError`.

    `"Expected `str`, got `int` - at `$.messages[0].content`"` gives
    `("expected `str`, got `int`", "messages[0].content")`. The path is empty when the whole body is at fault.
    """
    problem, _, place = message.partition(" - at `$")
    path = place.rstrip("`").removeprefix(".")
    missing = problem.removeprefix("Object missing required field `")
    if missing != problem:
        name = missing.rstrip("`")
        return "it is required", f"{path}.{name}" if path else name
    return problem[:1].lower() + problem[1:], path


def _require_utf8(body: bytes) -> None:
    try:
        str(body, "utf-8")
    except UnicodeDecodeError:
        raise MalformedBody("The body is not valid UTF-8.") from None
