"""People who answer for something: their keys in the configuration, and what they signed.

It is here since settings, keys, terms and promotions meet nowhere else.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from msgspec import Struct

from freehold.cli.audit import print_json
from freehold.cli.settings import read_settings
from freehold.config import toml
from freehold.config.file import place
from freehold.config.paths import config_file
from freehold.config.settings import Person, Settings
from freehold.errors import ConfigError, FreeholdError, LedgerError
from freehold.ledger.notes import VerifierKey, parse_verifier_key
from freehold.ledger.word import check_word, make_key, read_key, sign_word
from freehold.training.provenance import OVERRIDE
from freehold.training.registry import PROMOTED

Config = Annotated[Path | None, typer.Option(help="freehold.toml with [people]; default: the one in this folder.")]
Sign = Annotated[Path | None, typer.Option(help="The file with the key of who answers: it signs the override.")]

FIELDS: Mapping[str, Mapping[str, str]] = {
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

UNSIGNED = "Nobody signed it: the ledger's keys alone vouch for who answers. `--sign KEYFILE` does more."


class Word(Struct, frozen=True):
    """What somebody signed: when (ISO 8601, UTC), and the note."""

    by: str
    signed_at: str
    note: str


def create(
    name: Annotated[str, typer.Argument(help="Who it is, without blanks: ann, ann@example.com.")],
    out: Annotated[Path, typer.Option(help="The file to write the key into. It is secret; the person keeps it.")],
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Makes a key with which one person signs what they answer for, and prints what to write into freehold.toml."""
    key = make_key(name, out).verifier
    if json:
        print_json({"name": name, "key": str(key), "file": str(out)})
    else:
        print(f"[people.{msgspec.json.encode(name).decode()}]\nkey = {msgspec.json.encode(str(key)).decode()}")


def sign(kind: str, fields: Mapping[str, str], path: Path, by: str | None, config: Path | None) -> Word:
    """The word of who owns the key. Raises ConfigError when the configuration does not name that key for them: then nobody could check it."""
    key = read_key(path)
    if by is not None and by != key.name:
        raise ConfigError(
            f"The key in {path} is {key.name}'s, and --by says {by}.", "Leave --by out, or give their key."
        )
    if key.verifier not in people_in(config).values():
        raise ConfigError(
            f"The configuration does not name this key as {key.name}'s.",
            f'Write [people."{key.name}"] key = "{key.verifier}", so that others can check it.',
        )
    at = datetime.now(UTC).isoformat(timespec="seconds")
    note = sign_word(kind, {**fields, "by": key.name, "signed_at": at}, key)
    return Word(key.name, at, note)


def people_in(config: Path | None) -> dict[str, VerifierKey]:
    """The keys of people by name, as the configuration has them. Raises ConfigError for what is no key of theirs."""
    return keys_of(read_settings(config_file(config, Path())))


def keys_of(settings: Settings) -> dict[str, VerifierKey]:
    """The keys of people by name. Raises ConfigError for what is no key of theirs."""
    return {name: key_of(person) for name, person in settings.people.items()}


def key_of(person: Person) -> VerifierKey:
    """The key of a person. Raises ConfigError for what is none of theirs."""
    here = place(("people", person.name, "key"))
    advice = "Write what `freehold people create` printed."
    if person.key.startswith("PRIVATE+KEY"):
        raise ConfigError(f"{here} is the secret key, with which whoever reads it signs as {person.name}.", advice)
    try:
        key = parse_verifier_key(person.key)
    except LedgerError as error:
        raise ConfigError(f"{here}: {error.sentence}", advice) from None
    if key.name != person.name:
        raise ConfigError(
            f"{here} is the key of {key.name}.",
            f"Write it below [people.{toml.key(key.name)}], or give {person.name}'s key.",
        )
    return key


def fault_of(kind: str, body: Mapping[str, Any], keys: Iterable[VerifierKey]) -> str | None:
    """What is wrong with the signed word of an entry; empty when it is signed as it is written, None when nobody signed it."""
    note = body.get("note")
    if kind not in FIELDS or not note:
        return None
    fields = {name: str(body.get(place, "")) for name, place in FIELDS[kind].items()}
    try:
        key = check_word(kind, fields, str(note), keys)
    except FreeholdError as error:
        return error.sentence
    return "" if key.name == fields["by"] else f"It was signed by {key.name}, and says {fields['by']}."
