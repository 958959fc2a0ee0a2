"""Where the ledger lies in a data folder, under which name and with which keys it signs.

    ledger/log/         the public files of C2SP tlog-tiles, and the checkpoint
    ledger/log.keys     the keys that sign it, one a line, the newest last; secret, mode 0600
    ledger/log.retired  verifier keys of those that signed before, one a line; what they signed still verifies
    ledger/origin       the log's name
    ledger/contents/    sealed salts and contents            ledger/subjects/    the keys of data subjects
    ledger/master.key   what wraps those keys; keep a copy elsewhere, and never with the backups of the rest
    ledger/master       who wraps them instead: the name of an entry point of the group `freehold.signers`

All keys of the file sign, so rotation is: add one, give its verifier key out, and retire the old one when everybody has it.
The ledger's writer reads the keys when it starts.
"""

import secrets
from importlib import metadata
from pathlib import Path

from freehold.errors import NotConfigured, NotFound, StoreError
from freehold.ledger.folder import alone, flush_folder, make_private, write_private
from freehold.ledger.keyfile import KeyFile, Keys
from freehold.ledger.notes import (
    ED25519,
    SignerKey,
    VerifierKey,
    generate_signer_key,
    parse_signer_key,
    parse_verifier_key,
)

LEDGER = "ledger"
FILE = "file"
"""The guard of the master key where no other is named: a private file."""

GROUP = "freehold.signers"
"""Entry points that guard the master key: each gives, called with the ledger's folder, something that is a `Keys`."""


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
        return KeyFile(self._folder / "master.key") if guard == FILE else _load(guard, self._folder)

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

        Raises StoreError when the log already has another: a log that changes its name is another log."""
        path = self._folder / "origin"
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

    def signers(self, configured: str | None = None) -> list[SignerKey]:
        """The keys that sign, the newest last; one is made where there is none. Raises StoreError."""
        origin = self.origin(configured)
        with alone(self._folder / ".origin.lock"):
            if _is_empty(self._keys):
                replace_private(self._keys, [generate_signer_key(origin).encoded()])
        if self._keys.stat().st_mode & 0o077:
            raise StoreError(f"Others may read {self._keys}.", f"chmod 600 {self._keys}, and rotate the key.")
        return [parse_signer_key(line) for line in self._keys.read_text().split()]

    def verifiers(self) -> list[VerifierKey]:
        """The public halves, the newest last; none where there is no ledger yet."""
        return [] if _is_empty(self._keys) else [key.verifier for key in self.signers()]

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
        self.signers()  # refuses a file that others may read
        with alone(self._folder / ".origin.lock"):
            lines = [*self._keys.read_text().split(), added.encoded()]
            replace_private(self._keys, lines)
        return added

    def retire_signer(self, key_id: str) -> VerifierKey:
        """Drops the key with this id (8 hexadecimal digits); its private half is gone for good, its public half is kept.

        A writer that runs signs with it until it ends. Raises NotFound, and StoreError for the last key."""
        signers = [] if _is_empty(self._keys) else self.signers()
        if key_id not in {signer.verifier.id.hex() for signer in signers}:
            raise NotFound(f"No key of the ledger has the id {key_id[:80]!r}.", "`freehold audit key list` shows them.")
        with alone(self._folder / ".origin.lock"):
            lines = self._keys.read_text().split()
            kept = [line for line in lines if parse_signer_key(line).verifier.id.hex() != key_id]
            if not kept:
                raise StoreError(
                    f"{key_id} is the only key that signs, and a ledger needs one.",
                    "Add another with `freehold audit key add` first.",
                )
            (gone,) = (parse_signer_key(line).verifier for line in lines if line not in kept)
            before = self._retired.read_text().split() if self._retired.exists() else []
            replace_private(self._retired, [*before, str(gone)])
            replace_private(self._keys, kept)
        return gone

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


def _is_empty(path: Path) -> bool:
    """Whether there is nothing yet; a file without a byte is what a power cut can leave of one."""
    return not path.exists() or path.stat().st_size == 0


def _load(name: str, folder: Path) -> Keys:
    found = [entry for entry in metadata.entry_points(group=GROUP) if entry.name == name]
    if not found:
        raise NotConfigured(
            f"The master key is guarded by {name!r}, and no package that is installed brings it.",
            f"Install the package that has the entry point {name!r} of the group {GROUP}.",
        )
    try:
        keys = found[0].load()(folder)
    except Exception as error:  # a third party's code
        raise StoreError(
            f"What guards the master key, {name!r} ({found[0].value}), cannot be opened: {error}.",
            "Mend its configuration, or the package that brings it.",
        ) from error
    if not isinstance(keys, Keys):
        raise StoreError(f"The entry point {name!r} ({found[0].value}) gives no `Keys`.", "Mend the package.")
    return keys
