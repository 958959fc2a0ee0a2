"""Where the ledger lies in a data folder, under which name and with which keys it signs.

    ledger/log/         the public files of C2SP tlog-tiles, and the checkpoint
    ledger/log.keys     the keys that sign it, one a line, the newest last; secret, mode 0600. A key that stays elsewhere has a line
                        too: which entry point of the group `freehold.signers` signs with it, and its verifier key
    ledger/log.retired  verifier keys of those that signed before, one a line; what they signed still verifies
    ledger/origin       the log's name
    ledger/contents/    sealed salts and contents            ledger/subjects/    the keys of data subjects
    ledger/master.key   what wraps those keys; keep a copy elsewhere, and never with the backups of the rest
    ledger/master       who wraps them instead: the name of an entry point of the group `freehold.key_wrappers`

All keys of the file sign, so rotation is: add one, give its verifier key out, and retire the old one when everybody has it.
The ledger's writer reads the keys when it starts.
"""

import secrets
from importlib import metadata
from pathlib import Path
from typing import TypeVar

from freehold.errors import MalformedKey, NotConfigured, NotFound, StoreError
from freehold.ledger.folder import alone, flush_folder, make_private, write_private
from freehold.ledger.keyfile import KeyFile, Keys
from freehold.ledger.notes import (
    ED25519,
    Signer,
    SignerKey,
    VerifierKey,
    generate_signer_key,
    parse_signer_key,
    parse_verifier_key,
)
from freehold.ledger.signers import OutsideKey, Signing, verifier_of

LEDGER = "ledger"
FILE = "file"
"""The guard of the master key where no other is named: a private file."""

WRAPPERS = "freehold.key_wrappers"
"""Entry points that guard the master key: each gives, called with the ledger's folder, something that is a `Keys`."""

SIGNERS = "freehold.signers"
"""Entry points that sign the log: each gives, called with the ledger's folder and the name of a key, something that is a
`Signing`."""

KEY_ADDED = "ledger-key.added"
"""The event that says that a key signs the log from now on."""

_OUTSIDE = "OUTSIDE"
_Plug = TypeVar("_Plug")


class LedgerFolder:
    """The ledger's folder below the data folder `data`."""

    def __init__(self, data: Path) -> None:
        self._folder = self.path = data / LEDGER
        self.log = self._folder / "log"
        self.contents = self._folder / "contents"
        self.subjects = self._folder / "subjects"

    @property
    def master_key(self) -> Keys:
        """What wraps the keys of data subjects: the private file, or what was named at the first start. Raises NotConfigured
        when that is not installed, StoreError when it cannot be opened."""
        guard = self._guard()
        if guard == FILE:
            return KeyFile(self._folder / "master.key")
        return _load(WRAPPERS, guard, (self._folder,), Keys, "the master key is guarded by")

    def note_master_key(self, guard: str) -> None:
        """Notes at a start who guards the master key. Raises StoreError when that is another than at the first start: nobody
        but the first can open what it wrapped."""
        begun = (self.subjects / "subjects.db").exists()
        if not begun and guard != self._guard():
            make_private(self._folder)
            replace_private(self._folder / "master", [guard])
        if guard != self._guard():
            raise StoreError(
                f"The master key of this ledger is guarded by {self._guard()!r}, and the configuration names {guard!r}.",
                f'Set ledger.master_key = "{self._guard()}", or start with another data folder.',
            )

    def origin(self, configured: str | None = None) -> str:
        """The log's name: the configured one, else the one made at the first start.

        Raises StoreError when the log already has another: a log that changes its name is another log. Raises MalformedKey for
        a name that none can have, before it is written down."""
        path = self._folder / "origin"
        if configured is not None:
            _check_name(configured)
        make_private(self._folder)
        with alone(self._folder / ".origin.lock"):
            if _is_empty(path):
                replace_private(path, [configured or f"freehold.invalid/{secrets.token_hex(6)}"])
        known = path.read_text().strip()
        if configured not in (None, known):
            raise StoreError(
                f"The ledger in {self._folder} is called {known!r}, and the configuration calls it {configured!r}.",
                f'Set ledger.origin = "{known}", or start with another data folder.',
            )
        return known

    def signers(self, origin: str | None = None, signer: str = FILE) -> list[Signer]:
        """The keys that sign, the newest last. `signer` is among them: it begins a log, and joins the others where it is new.

        Raises StoreError, also for one that was retired; NotConfigured for one that is not installed."""
        origin = self.origin(origin)
        with alone(self._folder / ".origin.lock"):
            lines = self._lines()
            if signer not in map(_where, lines):
                replace_private(self._keys, [*lines, self._begun(signer, origin, lines)])
        return [self._signer(line) for line in self._lines()]

    def verifiers(self) -> list[VerifierKey]:
        """The public halves, the newest last; none where there is no ledger yet."""
        return [_verifier(line) for line in self._lines()]

    def retired(self) -> list[VerifierKey]:
        """The verifier keys of those that signed before and sign no more, the newest last."""
        if not self._retired.exists():
            return []
        signing = set(self.verifiers())
        keys = dict.fromkeys(parse_verifier_key(line) for line in self._retired.read_text().split())
        return [key for key in keys if key not in signing]  # a death inside `retire_signer` leaves a key in both files

    def add_signer(self, algorithm: int = ED25519) -> SignerKey:
        """A new key that signs beside the others, from the next start of the ledger's writer on, the checkpoint in force too.

        Raises StoreError where there is no ledger yet, UnknownAlgorithm."""
        if _is_empty(self._keys):
            raise StoreError(f"There is no ledger in {self._folder}.", "Start Freehold once; it makes the first key.")
        added = generate_signer_key(self.origin(), algorithm)
        with alone(self._folder / ".origin.lock"):
            replace_private(self._keys, [*self._lines(), added.encoded()])
        return added

    def retire_signer(self, key_id: str) -> VerifierKey:
        """Drops the key with this id (8 hexadecimal digits); its private half is gone for good, its public half is kept.

        A writer that runs signs with it until it ends. Raises NotFound, and StoreError for the last key."""
        if key_id not in {key.id.hex() for key in self.verifiers()}:
            raise NotFound(f"No key of the ledger has the id {key_id[:80]!r}.", "`freehold audit key list` shows them.")
        with alone(self._folder / ".origin.lock"):
            lines = self._lines()
            kept = [line for line in lines if _verifier(line).id.hex() != key_id]
            if not kept:
                raise StoreError(
                    f"{key_id} is the only key that signs, and a ledger needs one.",
                    "Add another with `freehold audit key add` first.",
                )
            (gone,) = (_verifier(line) for line in lines if line not in kept)
            before = self._retired.read_text().split() if self._retired.exists() else []
            replace_private(self._retired, [*before, str(gone)])
            replace_private(self._keys, kept)
        return gone

    def _lines(self) -> list[str]:
        """The lines of the keys that sign. Raises StoreError when others may read them."""
        if _is_empty(self._keys):
            return []
        if self._keys.stat().st_mode & 0o077:
            raise StoreError(f"Others may read {self._keys}.", f"chmod 600 {self._keys}, and rotate the key.")
        return self._keys.read_text().split()

    def _begun(self, where: str, origin: str, lines: list[str]) -> str:
        """The line of a key that signs for the first time."""
        if where == FILE and lines:
            raise StoreError(
                f"The log in {self._folder} is signed by {', '.join(map(_where, lines))}, and the configuration names {FILE!r}.",
                f'Set ledger.signer = "{_where(lines[-1])}"; or make a key of the file with `freehold audit key add` first.',
            )
        if where == FILE:
            return generate_signer_key(origin).encoded()
        key = verifier_of(origin, self._load_signing(where), where)
        if key in self.retired() or key in map(_verifier, lines):
            raise StoreError(
                f"The key that {where!r} signs with has signed this log under another name, or was retired: {key}.",
                "Name a key in ledger.signer that is new, or one that signs.",
            )
        return f"{_OUTSIDE}+{where}+{key}"

    def _signer(self, line: str) -> Signer:
        where = _where(line)
        if where == FILE:
            return parse_signer_key(line)
        return OutsideKey(_verifier(line), self._load_signing(where), where)

    def _load_signing(self, where: str) -> Signing:
        name, _, key = where.partition(":")
        if "+" in where or where.split() != [where]:
            raise StoreError(f"{where!r} names nobody that signs.", 'Write ledger.signer as "NAME" or "NAME:KEY".')
        return _load(SIGNERS, name, (self._folder, key), Signing, "the log is signed by")

    def _guard(self) -> str:
        try:
            return (self._folder / "master").read_text().strip() or FILE
        except FileNotFoundError:
            return FILE

    @property
    def _keys(self) -> Path:
        return self._folder / "log.keys"

    @property
    def _retired(self) -> Path:
        return self._folder / "log.retired"


def replace_private(path: Path, lines: list[str]) -> None:
    """Puts a private file in the place of another or of none, whole or not at all, whenever a death comes."""
    draft = path.with_name(f".{path.name}")
    draft.unlink(missing_ok=True)
    write_private(draft, "".join(f"{line}\n" for line in lines).encode())
    draft.replace(path)
    flush_folder(path.parent)


def _check_name(origin: str) -> None:
    try:
        generate_signer_key(origin)
    except MalformedKey as error:
        raise MalformedKey(
            f"No log can be called {origin[:80]!r}: {error.sentence}",
            "Write ledger.origin as a URL without its scheme, such as log.example.com/support.",
        ) from None


def _is_empty(path: Path) -> bool:
    """Whether there is nothing yet; a file without a byte is what a power cut can leave of one."""
    return not path.exists() or path.stat().st_size == 0


def _where(line: str) -> str:
    """Who holds the private half of a key that signs."""
    return line.split("+")[1] if line.startswith(f"{_OUTSIDE}+") else FILE


def _verifier(line: str) -> VerifierKey:
    if line.startswith(f"{_OUTSIDE}+"):
        return parse_verifier_key(line.split("+", 2)[2])
    return parse_signer_key(line).verifier


def _load(group: str, name: str, given: tuple[object, ...], protocol: type[_Plug], what: str) -> _Plug:
    """What a third party brings under this name. Raises NotConfigured where it is not installed, StoreError where it fails."""
    found = [entry for entry in metadata.entry_points(group=group) if entry.name == name]
    if not found:
        raise NotConfigured(
            f"{what[0].upper()}{what[1:]} {name!r}, and no package that is installed brings it.",
            f"Install the package that has the entry point {name!r} of the group {group}.",
        )
    try:
        brought = found[0].load()(*given)
    except Exception as error:  # a third party's code
        raise StoreError(
            f"{name!r} ({found[0].value}), by which {what.removesuffix(' by')}, cannot be opened: {error}.",
            "Mend its configuration, or the package that brings it.",
        ) from error
    if not isinstance(brought, protocol):
        raise StoreError(
            f"The entry point {name!r} ({found[0].value}) gives no `{protocol.__name__}`.", "Mend the package."
        )
    return brought
