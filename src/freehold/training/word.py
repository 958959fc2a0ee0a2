"""Somebody's word in an entry: which of its fields they answer for, and whether a key of theirs signed them.

It knows kinds of entries and keys, and neither terms nor models. It exists so that the gates that a word opens, of training and of promotion, judge it
as whoever checks the ledger does: what nobody signed opens none.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

from msgspec import Struct

from freehold.errors import FreeholdError, NotSigned
from freehold.ledger.notes import VerifierKey, parse_note
from freehold.ledger.word import check_word, statement

OVERRIDE: Final = "training.override"
PROMOTED: Final = "model.promoted"

FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    OVERRIDE: {name: name for name in ("terms", "terms_date", "use", "student", "reason", "by", "signed_at")},
    PROMOTED: {
        "model": "model",
        "digest": "digest",
        "weights": "weights",
        "reason": "override",
        "by": "by",
        "signed_at": "signed_at",
    },
}
"""What is signed, by the kind of its entry: the field of the statement, and where the entry holds it."""

_CHANGED: Final = "What was signed is not what is written."


class Judged(Struct, frozen=True):
    """Whose a word is: `signed` with a key that is known for who answers, signed with a `stranger`'s, by `nobody`, or `wrong`. `says` is the key's name
    and id, or what is wrong."""

    outcome: Literal["signed", "stranger", "nobody", "wrong"]
    says: str = ""


def judge(kind: str, body: Mapping[str, Any], keys: Collection[VerifierKey]) -> Judged:
    """Whose the word in the body of an entry is, by the keys that are known. Where one is known in the name of who answers, no other speaks for them."""
    note, by = str(body.get("note") or ""), str(body.get("by", ""))
    if not note:
        return Judged("nobody", "It carries no signature.")
    fields = {name: str(body.get(place, "")) for name, place in FIELDS[kind].items()}
    own = [key for key in keys if key.name == by]
    try:
        if own:
            key = check_word(kind, fields, note, own)
            return Judged("signed", f"{key.name}+{key.id.hex()}")
        said = parse_note(note)
    except FreeholdError as error:
        return Judged("wrong", error.sentence)
    if said.text != statement(kind, fields):
        return Judged("wrong", _CHANGED)
    theirs = [f"{one.name}+{one.key_id.hex()}" for one in said.unverified if one.name == by]
    return Judged("stranger", theirs[0]) if theirs else Judged("wrong", f"{by} did not sign it.")


def is_worded(kind: str, body: Mapping[str, Any]) -> bool:
    """Whether the note in the body says what the body says, signed in the name of who answers. Where no keys are at hand, such as in a run's own process:
    that the signature fits was checked when the word was read from the ledger."""
    return judge(kind, body, ()).outcome == "stranger"


def require_signed(kind: str, body: Mapping[str, Any], keys: Collection[VerifierKey]) -> None:
    """Lets a word pass that one of these keys signed as it is written. Raises NotSigned."""
    judged = judge(kind, body, keys)
    if judged.outcome == "nobody":
        raise NotSigned("An override is signed by who answers for it, and this one is not.")
    if judged.outcome == "stranger":
        raise NotSigned(f"The override is signed with {judged.says}, which [people] does not name.")
    if judged.outcome == "wrong":
        raise NotSigned(f"The override is not the word of {body.get('by')}: {judged.says}")
