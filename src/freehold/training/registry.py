"""The registry of own models: which versions there are, which one of each model serves, and who said so.

    DATA/models/blobs/SHA256        the bytes of a file; never written twice, never changed
                manifests/SHA256    what a version is (`manifest.py`)
                log.jsonl           registrations, promotions, rollbacks: a line each, chained by hash, only ever added to

It knows files and lines, and neither trials nor engines. What is there is found by its content, so a version cannot change under its name.
Blobs are made whole or not at all (a draft, flushed, then renamed), a version is there once its line is, and the deed counts once the line is
on the disk; a line that a death tore is cut off by the next writer. Each line becomes an entry of the ledger: its event is written after it,
and what a death kept from being noted is noted by the next `note`.
"""

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from freehold.errors import PromotionRefused, RegistryError
from freehold.ledger.folder import alone, flush_folder
from freehold.ledger.notes import VerifierKey
from freehold.store.database import transaction
from freehold.store.events import keep_event, not_taken
from freehold.store.folder import make_private, write_once
from freehold.training.manifest import File, Manifest, Named, check_paths, decode, digest_of, encode, named
from freehold.training.word import PROMOTED, require_signed

MODELS: Final = "models"
LOG: Final = "log.jsonl"

REGISTERED: Final = "model.registered"
ROLLED_BACK: Final = "model.rolled-back"

CHUNK: Final = 1 << 20

Deed = Literal["registered", "promoted", "rolled-back"]
KINDS: Final[Mapping[Deed, str]] = {"registered": REGISTERED, "promoted": PROMOTED, "rolled-back": ROLLED_BACK}

_encode = msgspec.json.Encoder(order="sorted").encode

Progress = Callable[[int, int], None]  # bytes that are through, of how many
Taken = Callable[[str], Iterable[Mapping[str, Any]]]  # the bodies of the ledger's entries about an id


class Line(Struct, frozen=True, kw_only=True):
    """One line of the log: `model@version` was registered, promoted, or rolled back to, `at` Unix milliseconds. `evidence` says why: text,
    whole numbers, truth values and tables of them. `before` is the SHA-256 of the line before it, empty in the first."""

    deed: Deed
    model: str
    version: int
    digest: str
    at: int
    before: str
    evidence: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """What its entry in the ledger is about."""
        return f"own/{self.model}@{self.version}"


class Version(Struct, frozen=True):
    """One version as it is known: `promoted` says that it serves now."""

    model: str
    number: int
    digest: str
    at: int
    manifest: Manifest
    promoted: bool

    @property
    def id(self) -> str:
        """`own/NAME@NUMBER`."""
        return f"own/{self.model}@{self.number}"


class Damage(Struct, frozen=True):
    """What is not as it was registered: of which version (empty for the log itself), which file, and what is wrong."""

    version: str
    path: str
    wrong: str


class Registry:
    """The registry in one folder. Reading takes no lock; what changes it is alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blobs = folder / "blobs"
        self._manifests = folder / "manifests"
        self._log = folder / LOG

    # --- reading ---

    def lines(self) -> list[Line]:
        """The whole log, the oldest first. Raises RegistryError for a line that was changed; a torn end is not there yet."""
        found: list[Line] = []
        before = ""
        for raw in self._raw():
            try:
                line = msgspec.json.decode(raw, type=Line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise RegistryError(
                    f"Line {len(found) + 1} of {self._log} cannot be read: {error}.", _RESTORE
                ) from None
            if line.before != before:
                raise RegistryError(
                    f"Line {len(found) + 1} of {self._log} does not follow the one before it.", _RESTORE
                )
            found.append(line)
            before = hashlib.sha256(raw).hexdigest()
        return found

    def versions(self, model: str | None = None) -> list[Version]:
        """Every version, or those of one model: by name, then by number."""
        lines = self.lines()
        serving = _serving(lines)
        return [
            self._version(line, serving)
            for line in sorted(lines, key=lambda line: (line.model, line.version))
            if line.deed == "registered" and model in (None, line.model)
        ]

    def find(self, text: str) -> Version:
        """The version that NAME@VERSION names; for NAME alone the one that serves, else the newest. Raises RegistryError."""
        wanted = named(text)
        known = self.versions(wanted.model)
        fitting = [one for one in known if _fits(one, wanted)]
        if not fitting:
            there = ", ".join(one.id for one in known) or "none"
            raise RegistryError(
                f"There is no {text} in the registry.",
                f"Of own/{wanted.model} there is {there}. Add one with `freehold models add`.",
            )
        if wanted.digest and len(fitting) > 1:
            raise RegistryError(f"{text} names {len(fitting)} versions.", "Write more digits of the digest.")
        return next((one for one in fitting if one.promoted), fitting[-1])

    def serving(self) -> dict[str, Version]:
        """The version that serves, by model."""
        return {one.model: one for one in self.versions() if one.promoted}

    def blob(self, file: File) -> Path:
        """Where the bytes of a file stand."""
        return self.blobs / file.sha256

    def weights_file(self, version: Version) -> Path:
        """The GGUF file that an engine serves. Raises RegistryError for a version that has none."""
        for file in version.manifest.files:
            if file.path == version.manifest.serves:
                return self.blob(file)
        raise RegistryError(
            f"{version.id} has no GGUF file, which llama.cpp needs.", "Export it to GGUF and add it anew."
        )

    # --- changing ---

    def add(
        self,
        manifest: Manifest,
        sources: Mapping[str, Path],
        evidence: Mapping[str, Any] = {},
        progress: Progress | None = None,
    ) -> Version:
        """Registers a version whose files are copied from `sources`, by their path inside it. What is there already is not there twice.

        Raises RegistryError when a source does not have the SHA-256 that the manifest says."""
        check_paths(manifest.files)
        total, done = sum(file.size for file in manifest.files), 0
        make_private(self.blobs)
        make_private(self._manifests)
        for file in manifest.files:
            self._keep(file, sources[file.path])
            done += file.size
            if progress is not None:
                progress(done, total)
        with self._alone():
            digest = digest_of(manifest)
            for line in self.lines():
                if line.deed == "registered" and (line.model, line.digest) == (manifest.model, digest):
                    return self._version(line, _serving(self.lines()))
            write_once(self._manifests / digest, encode(manifest))
            number = 1 + sum(one.deed == "registered" and one.model == manifest.model for one in self.lines())
            line = self._append("registered", manifest.model, number, digest, {**_told(manifest), **evidence})
            return self._version(line, _serving(self.lines()))

    def promote(self, version: Version, evidence: Mapping[str, Any], keys: Collection[VerifierKey] = ()) -> Line:
        """Lets a version serve, by a trial or by a word that one of these keys signed for this once; `promotion.py` decides before whether it may. Raises
        RegistryError when it does already, NotSigned, PromotionRefused."""
        with self._alone():
            lines = self.lines()
            if _serving(lines).get(version.model) == version.number:
                raise RegistryError(f"{version.id} serves already.", "Nothing was changed.")
            told = {"weights": version.manifest.weights, **evidence}
            if "trial" not in evidence:
                about = {**told, "model": f"own/{version.model}", "digest": version.digest}
                require_signed(PROMOTED, about, keys)
                if any(line.evidence.get("note") == evidence["note"] for line in lines):
                    raise PromotionRefused("The override was signed for an earlier promotion.")
            return self._append("promoted", version.model, version.number, version.digest, told)

    def roll_back(self, model: str, evidence: Mapping[str, Any]) -> Line:
        """Lets the version serve again that served before the one that does now. Raises RegistryError when there was none."""
        with self._alone():
            stack = _stacks(self.lines()).get(model, [])
            if len(stack) < 2:
                raise RegistryError(
                    f"There is no version of own/{model} to go back to: {'none' if not stack else 'only one'} was promoted.",
                    "`freehold models show` tells its history.",
                )
            back = next(
                one for one in self.lines() if (one.deed, one.model, one.version) == ("registered", model, stack[-2])
            )
            return self._append("rolled-back", model, stack[-2], back.digest, {"from": stack[-1], **evidence})

    def hashes(self) -> set[str]:
        """The SHA-256 of each line, as its entry in the ledger holds it."""
        return {hashlib.sha256(raw).hexdigest() for raw in self._raw()}

    def note(self, db: sqlite3.Connection, taken: Taken, about: Mapping[str, Any] = {}) -> int:
        """Gives the store an event for each line that has none yet, so that the ledger gets them all, once each, with what else is to be said `about`
        them; says how many. An event is a line's that has its hash, and names the same registry: a copy has the same lines. `taken` tells what the
        ledger has."""
        noted = 0
        with self._alone(), transaction(db):
            told: dict[str, set[tuple[Any, Any]]] = {}
            for line, raw in zip(self.lines(), self._raw(), strict=True):
                if line.id not in told:
                    bodies = (*not_taken(db, line.id), *taken(line.id))
                    told[line.id] = {(body.get("registry"), body.get("line")) for body in bodies}
                key, sha256 = (KINDS[line.deed], line.id), hashlib.sha256(raw).hexdigest()
                if (about.get("registry"), sha256) not in told[line.id]:
                    body = {**about, "model": f"own/{line.model}", "version": line.version, "digest": line.digest}
                    body |= {**line.evidence, "line": sha256}
                    keep_event(db, *key, body, line.at / 1000)
                    noted += 1
        return noted

    # --- checking ---

    def verify(self, model: str | None = None, progress: Progress | None = None) -> Iterator[Damage]:
        """Hashes every file of every version again, or of one model's, and names what was changed or is gone."""
        try:
            lines = self.lines()
        except RegistryError as error:
            yield Damage("", LOG, error.sentence)
            return
        wanted = [line for line in lines if line.deed == "registered" and model in (None, line.model)]
        hashed: dict[str, str] = {}
        for place, line in enumerate(wanted):
            if progress is not None:
                progress(place, len(wanted))
            try:
                manifest = decode((self._manifests / line.digest).read_bytes(), line.digest)
            except (OSError, RegistryError):
                yield Damage(line.id, "manifest", "it is gone or was changed")
                continue
            for file in manifest.files:
                if file.sha256 not in hashed:
                    hashed[file.sha256] = _hash(self.blob(file))
                if hashed[file.sha256] != file.sha256:
                    wrong = (
                        f"sha256 {hashed[file.sha256]} instead of {file.sha256}"
                        if hashed[file.sha256]
                        else "it is gone"
                    )
                    yield Damage(line.id, file.path, wrong)

    def export(self, version: Version, out: Path, extra: Mapping[str, bytes] = {}) -> None:
        """Writes the files of a version, and `extra` ones, into a new folder. Raises RegistryError when a file is not what was registered,
        or the folder is there; then nothing is left behind."""
        if out.exists():
            raise RegistryError(f"{out} is there already.", "Name a folder that is not.")
        draft = out.with_name(f".{out.name}.{os.getpid()}")
        try:
            for file in version.manifest.files:
                _copy(self.blob(file), draft / file.path, file)
            for path, content in extra.items():
                (draft / path).parent.mkdir(parents=True, exist_ok=True)
                (draft / path).write_bytes(content)
            draft.rename(out)
        finally:
            _remove(draft)

    # --- inside ---

    def _alone(self) -> contextlib.AbstractContextManager[None]:
        return alone(make_private(self.folder) / "lock")

    def _cut_torn_line(self) -> None:
        """Takes away what a death left behind the last whole line."""
        if self._log.exists():
            whole = sum(len(raw) + 1 for raw in self._raw())
            os.truncate(self._log, whole)

    def _raw(self) -> list[bytes]:
        """The whole lines of the log."""
        try:
            content = self._log.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise RegistryError(f"{self._log} cannot be read: {error.strerror}.", _RESTORE) from None
        return content.split(b"\n")[:-1]

    def _version(self, line: Line, serving: Mapping[str, int]) -> Version:
        try:
            content = (self._manifests / line.digest).read_bytes()
        except OSError as error:
            raise RegistryError(f"The manifest of {line.id} cannot be read: {error.strerror}.", _RESTORE) from None
        promoted = serving.get(line.model) == line.version
        return Version(line.model, line.version, line.digest, line.at, decode(content, line.digest), promoted)

    def _keep(self, file: File, source: Path) -> None:
        kept = self.blob(file)
        if kept.is_file() and kept.stat().st_size == file.size and _hash(kept) == file.sha256:
            return
        draft = kept.with_name(f".{file.sha256}.{os.getpid()}")
        try:
            _copy(source, draft, file)
            draft.chmod(0o400)
            draft.replace(kept)
            flush_folder(self.blobs)
        finally:
            draft.unlink(missing_ok=True)

    def _append(self, deed: Deed, model: str, number: int, digest: str, evidence: Mapping[str, Any]) -> Line:
        """Adds a line and flushes it. The caller holds the lock."""
        self._cut_torn_line()
        raw = self._raw()
        before = hashlib.sha256(raw[-1]).hexdigest() if raw else ""
        line = Line(
            deed=deed,
            model=model,
            version=number,
            digest=digest,
            at=int(time.time() * 1000),
            before=before,
            evidence=dict(evidence),
        )
        handle = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(_encode(line) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        flush_folder(self.folder)
        return line


_RESTORE = "Restore the registry from a copy; the ledger holds the hash of each line (`freehold audit search --kind model.registered`)."


def _fits(version: Version, wanted: Named) -> bool:
    if wanted.number is not None:
        return version.number == wanted.number
    return version.digest.startswith(wanted.digest)


def _stacks(lines: list[Line]) -> dict[str, list[int]]:
    """The promotions that stand, by model, the newest last."""
    stacks: dict[str, list[int]] = {}
    for line in lines:
        if line.deed == "promoted":
            stacks.setdefault(line.model, []).append(line.version)
        elif line.deed == "rolled-back":
            stacks[line.model].pop()
    return stacks


def _serving(lines: list[Line]) -> dict[str, int]:
    return {model: stack[-1] for model, stack in _stacks(lines).items() if stack}


def _told(manifest: Manifest) -> dict[str, Any]:
    """What the ledger holds of a version beside its digest."""
    lineage = manifest.lineage
    return {
        "weights": manifest.weights,
        "base": lineage.base,
        "run": lineage.run,
        "code": lineage.code,
        "dataset": lineage.dataset,
        "licence": lineage.licence,
    }


def _copy(source: Path, target: Path, file: File) -> None:
    """Copies what has this SHA-256, flushed; raises RegistryError for anything else."""
    target.parent.mkdir(parents=True, exist_ok=True)
    hashing = hashlib.sha256()
    try:
        with source.open("rb") as reading, target.open("wb") as writing:
            while chunk := reading.read(CHUNK):
                hashing.update(chunk)
                writing.write(chunk)
            writing.flush()
            os.fsync(writing.fileno())
    except OSError as error:
        raise RegistryError(
            f"{file.path} cannot be copied from {source}: {error.strerror}.", "Nothing was registered."
        ) from None
    if hashing.hexdigest() != file.sha256:
        raise RegistryError(
            f"{file.path} is not the file that was named: it has another SHA-256.", "Nothing was registered."
        )


def _hash(path: Path) -> str:
    """The SHA-256 of a file; empty where there is none to read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if folder.exists():
        folder.rmdir()
