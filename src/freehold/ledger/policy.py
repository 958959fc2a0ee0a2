"""Whom to trust: the logs, the witnesses, and how many of them must vouch (C2SP tlog-policy). Pure.

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> <k, any or all> <name>...
    quorum <name, or none>

It knows keys and counts, and opens nothing. It exists because whoever checks a receipt decides whom to believe, and must be
able to write that down once, in a file that other tools of this format read as well.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from freehold.errors import LedgerError, MalformedPolicy, TooFewWitnesses
from freehold.ledger.lines import decimal
from freehold.ledger.notes import VerifierKey, parse_verifier_key

NONE: Final = "none"
"""The quorum that asks for no witness."""


class Trusted(msgspec.Struct, frozen=True):
    """A log or a witness, with the address at which it is asked, if the file gives one."""

    key: VerifierKey
    url: str | None = None


class Group(msgspec.Struct, frozen=True):
    """Vouches when `needed` of its members do; a member is a witness or a group that was defined before."""

    needed: int
    members: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True):
    """A trust policy. Names of witnesses and groups mean nothing outside of it."""

    logs: tuple[Trusted, ...] = ()
    witnesses: dict[str, Trusted] = {}
    groups: dict[str, Group] = {}
    quorum: str = NONE

    @property
    def log_keys(self) -> tuple[VerifierKey, ...]:
        return tuple(log.key for log in self.logs)

    @property
    def witness_keys(self) -> tuple[VerifierKey, ...]:
        return tuple(witness.key for witness in self.witnesses.values())

    def check_quorum(self, cosigners: Iterable[VerifierKey]) -> None:
        """Returns when these keys, whose cosignatures hold, make the quorum. Raises TooFewWitnesses."""
        keys = set(cosigners)
        vouching = {name for name, witness in self.witnesses.items() if witness.key in keys}
        cosigned = sorted(vouching)
        for name, group in self.groups.items():
            if sum(member in vouching for member in group.members) >= group.needed:
                vouching.add(name)
        if self.quorum != NONE and self.quorum not in vouching:
            seen = f"only {', '.join(cosigned)} vouched" if cosigned else "none of its witnesses vouched"
            raise TooFewWitnesses(f"The policy asks for {self._described()}, and {seen} for the checkpoint.")

    def _described(self) -> str:
        group = self.groups.get(self.quorum)
        return self.quorum if group is None else f"{group.needed} of {', '.join(group.members)}"


def parse_policy(text: bytes | str) -> Policy:
    """Reads a policy file. Raises MalformedPolicy, which names the line and says what to write."""
    reading = _Reading()
    for number, line in enumerate(_lines(text), start=1):
        words = [word for word in line.replace("\t", " ").split(" ") if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            reading.take(words)
        except (LedgerError, ValueError) as error:
            said = error.sentence if isinstance(error, LedgerError) else str(error)
            raise MalformedPolicy(f"Line {number} of the policy: {said}") from None
    return reading.policy()


def _lines(text: bytes | str) -> list[str]:
    # Bytes that are not UTF-8 may stand in names and comments, and are compared as bytes.
    decoded = text.decode(errors="surrogateescape") if isinstance(text, bytes) else text
    for number, line in enumerate(decoded.split("\n"), start=1):
        if any((character < " " and character != "\t") or character == "\x7f" for character in line):
            raise MalformedPolicy(
                f"Line {number} of the policy has a control character; only tabs and newlines may be there."
            )
    return decoded.split("\n")


class _Reading:
    """What has been read so far."""

    def __init__(self) -> None:
        self.logs: list[Trusted] = []
        self.witnesses: dict[str, Trusted] = {}
        self.groups: dict[str, Group] = {}
        self.grouped: set[str] = set()
        self.quorum: str | None = None

    def take(self, words: list[str]) -> None:
        match words:
            case ["log", vkey] | ["log", vkey, _]:
                self.take_log(parse_verifier_key(vkey), words[2] if len(words) > 2 else None)
            case ["witness", name, vkey] | ["witness", name, vkey, _]:
                self.take_witness(name, parse_verifier_key(vkey), words[3] if len(words) > 3 else None)
            case ["group", name, needed, *members] if members:
                self.take_group(name, needed, members)
            case ["quorum", name]:
                self.take_quorum(name)
            case _:
                raise ValueError(
                    "write `log VKEY`, `witness NAME VKEY`, `group NAME any|all|NUMBER MEMBER...` or `quorum NAME`.",
                )

    def take_log(self, key: VerifierKey, url: str | None) -> None:
        self.check_new_key(key)
        self.logs.append(Trusted(key, url))

    def take_witness(self, name: str, key: VerifierKey, url: str | None) -> None:
        self.check_new_name(name)
        self.check_new_key(key)
        if not key.cosigns:
            raise ValueError("a witness has a cosignature key, of type 0x04 or 0x06; this one signs plain notes.")
        self.witnesses[name] = Trusted(key, url)

    def take_group(self, name: str, needed: str, members: list[str]) -> None:
        self.check_new_name(name)
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise ValueError(f"{member!r} is no witness or group on a line before this one.")
            if member in self.grouped:
                raise ValueError(f"{member!r} is a member already; each witness can count in one way only.")
            self.grouped.add(member)
        count = {"any": 1, "all": len(members)}.get(needed) or decimal(needed)
        if not 1 <= count <= len(members):
            raise ValueError(f"{count} of {len(members)} members can never vouch; write 1 to {len(members)}.")
        self.groups[name] = Group(count, tuple(members))

    def take_quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise ValueError("the quorum is set already; there is exactly one.")
        if name != NONE and name not in self.witnesses and name not in self.groups:
            raise ValueError(
                f"{name!r} is no witness or group on a line before this one; write `quorum none` for none."
            )
        self.quorum = name

    def check_new_name(self, name: str) -> None:
        if name == NONE or name in self.witnesses or name in self.groups:
            raise ValueError(f"the name {name!r} is taken.")

    def check_new_key(self, key: VerifierKey) -> None:
        # Two names for one key are one party: a log that is its own witness, or a witness that counts twice, proves nothing.
        if any(trusted.key.public == key.public for trusted in (*self.logs, *self.witnesses.values())):
            raise ValueError(f"the public key of {key.name} stands in the policy already.")

    def policy(self) -> Policy:
        if self.quorum is None:
            raise MalformedPolicy(
                "The policy has no quorum.", "Write `quorum NAME`, or `quorum none` to ask for no witness."
            )
        return Policy(tuple(self.logs), self.witnesses, self.groups, self.quorum)
