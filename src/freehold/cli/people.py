"""People who answer for something: the keys that they sign with, and those that the configuration names.

It is here since settings and keys meet nowhere else; what is signed is `training/word.py`'s.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct

from freehold.cli.audit import print_json
from freehold.cli.settings import read_settings
from freehold.config import toml
from freehold.config.file import place
from freehold.config.paths import config_file
from freehold.config.settings import Person, Settings
from freehold.errors import ConfigError, LedgerError, NotSigned
from freehold.ledger.notes import VerifierKey, parse_verifier_key
from freehold.ledger.word import make_key, read_key, sign_word

Config = Annotated[Path | None, typer.Option(help="freehold.toml with [people]; default: the one in this folder.")]
Sign = Annotated[
    Path | None, typer.Option(help="The key file of who answers (`freehold people create`): it signs the override.")
]


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
        print(f"\n[people.{msgspec.json.encode(name).decode()}]\nkey = {msgspec.json.encode(str(key)).decode()}")


def sign(kind: str, fields: Mapping[str, str], path: Path | None, config: Path | None) -> Word:
    """The word of who owns the key. Raises NotSigned without a key, and ConfigError when the configuration does not name it: then nobody could check the
    word."""
    if path is None:
        raise NotSigned("An override is signed by who answers for it.")
    key = read_key(path)
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
