"""The files of an export: entries, receipts, keys, the checkpoint, pages, and how to check it all without Freehold.

README.txt               how to verify, with two programs that others wrote
index.html, decisions/   what people read
entries.jsonl            all entries, one a line; entries/ holds the same bytes, one file each
receipts/                a receipt for each entry (C2SP tlog-proof)
contents/                with --contents: what opens each commitment
policies/                the configurations that the entries name, by their digests
checkpoint, keys.txt     what the receipts rest on
check_with_tlog_scales.py
"""

import contextlib
import os
import shutil
import zipfile
from collections.abc import Generator
from pathlib import Path
from typing import Protocol

from freehold.errors import InvalidField, StoreError
from freehold.ledger.folder import make_private

README = """What this is
============

{count} of the ledger {origin}, exported {made_at} UTC, when the log had {size}.
Open index.html in a browser to read them. Nothing in here needs Freehold or a network.

  entries.jsonl   the entries, one a line, exactly the bytes that were logged
  entries/        the same, one file each
  receipts/       for each entry the proof that it is in the log (C2SP tlog-proof)
  contents/       where they were asked for: salts and contents that open the entries' commitments
  policies/       the configurations that the entries name, without their secrets
  checkpoint      what the log signed: its name, its number of entries, its root
  keys.txt        the log's verifier keys, as the operator's own folder had them

The key comes first
===================

Whoever made this folder could have written keys.txt too. Get the log's verifier key by another way (a contract, a letter,
the operator's web site, years ago) and compare. It looks like this:

{keys}
In what follows, KEY is that line, in single quotes.

Check 1: proofbundle (PyPI, MIT; not by the makers of Freehold)
===============================================================

  python3 -m venv checks
  checks/bin/pip install 'proofbundle==6.3.1'
  checks/bin/proofbundle verify-proof --log-vkey KEY \\
      --payload-file entries/{example}.json receipts/{example}.tlog-proof

and for all of them:

  for r in receipts/*.tlog-proof; do
    checks/bin/proofbundle verify-proof --log-vkey KEY --payload-file "entries/$(basename "$r" .tlog-proof).json" "$r" \\
      || echo "DOES NOT HOLD: $r"
  done

Witnesses, where the log has them: add --witness-vkey WITNESS --threshold 1.

Check 2: tlog-scales (PyPI, Apache-2.0; by others again)
========================================================

  checks/bin/pip install 'tlog-scales==0.0.3'
  checks/bin/python check_with_tlog_scales.py KEY

It also compares entries.jsonl with entries/, and says when one of them has no receipt.

Against the running log, where you can reach it (its address, or a copy of its files, as LOG):

  checks/bin/tlog-tiles get-leaf -c LOG {place} | cmp - entries/{example}.json

Contents
========

A commitment is SHA-256 of a zero byte, 32 bytes of salt and the content, as one. For each file in contents/:

  python3 - contents/{example}.json entries/{example}.json <<'END'
  import base64, hashlib, json, sys
  opened, entry = (json.load(open(name)) for name in sys.argv[1:])
  for one in opened:
      data = b"\\0" + base64.b64decode(one["salt"]) + base64.b64decode(one["content"])
      ok = hashlib.sha256(data).hexdigest() == entry["commitments"][one["field"]]
      ok = ok and len(base64.b64decode(one["salt"])) == 32  # or the content's beginning passes for a part of its salt
      print(one["field"], "opens" if ok else "DOES NOT OPEN")
  END

Policies
========

An answer's entry has the digest of the configuration that was in force as its `policy`, and the entry of the kind `policy` with
that id says since when. The configuration itself is the file of that name in policies/, where it was kept. This must print
each file's own name (without .json):

  cd policies && sha256sum *.json

What this does not prove
========================

What is proven are the bytes in entries/. The pages are made from them for people to read; nothing proves the pages themselves.

A receipt proves its own entry. That nothing was left out of this export is proven by the log as a whole, not by this
folder. Unless an independent witness cosigned the checkpoint, the operator could have shown another history to somebody
else. And an entry says what the door recorded; it does not say that what the model answered is true.
"""

SCRIPT = '''"""Checks every receipt in this folder with tlog-scales. Usage: python check_with_tlog_scales.py KEY"""

import base64
import pathlib
import sys

from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import Checkpoint, InclusionProof

here = pathlib.Path(__file__).parent
key = Vkey.from_string(sys.argv[1])
receipts = sorted((here / "receipts").glob("*.tlog-proof"))
entries = {path.name.removesuffix(".json"): path.read_bytes() for path in (here / "entries").iterdir()}
for name in entries.keys() ^ {path.name.removesuffix(".tlog-proof") for path in receipts}:
    sys.exit(f"{name}: an entry without a receipt, or a receipt without its entry")
for path in receipts:
    head, _, note = path.read_text(encoding="utf-8").partition("\\n\\n")
    lines = head.split("\\n")
    leaf = entries[path.name.removesuffix(".tlog-proof")]
    if lines[1] != f"extra {base64.b64encode(leaf).decode()}":
        sys.exit(f"{path.name}: the receipt is of another entry")
    checkpoint = Checkpoint.from_text(note)
    checkpoint.verify(key)
    hashes = [base64.b64decode(line) for line in lines[3:]]
    index = int(lines[2].removeprefix("index "))
    InclusionProof(index, checkpoint.size, hashes).check(leaf_hash(leaf), checkpoint.root_hash)
if sorted((here / "entries.jsonl").read_bytes().splitlines()) != sorted(entries.values()):
    sys.exit("entries.jsonl holds other entries than entries/")
print(f"{len(receipts)} receipts hold")
'''


class Bundle(Protocol):
    """Where an export is written."""

    def write(self, name: str, data: bytes) -> None:
        """Adds one file."""
        ...


@contextlib.contextmanager
def begin_bundle(out: Path) -> Generator[Bundle]:
    """A new folder, or a new .zip where `out` ends so; it appears whole, when the block ends well, or not at all. Only its
    owner can read it.

    Raises InvalidField when there is something of that name, StoreError when it cannot be written."""
    if out.exists():
        raise InvalidField(f"{out} is there already.", "Name a folder or a .zip that is not there yet.")
    draft = out.with_name(f".{out.name}.part")
    try:
        _remove(draft)  # what an export left that was killed: its entries and contents are not those of this one
        if out.suffix == ".zip":
            fd = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(fd, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                yield _Zip(archive, out.stem)
        else:
            yield _Folder(make_private(draft))
        draft.rename(out)
    except OSError as error:
        raise StoreError(
            f"{out} cannot be written: {error.strerror}.", "Free some space, or name another place."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            _remove(draft)


def _remove(draft: Path) -> None:
    if draft.is_dir() and not draft.is_symlink():
        shutil.rmtree(draft)
    else:
        draft.unlink(missing_ok=True)


class _Folder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, data: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)


class _Zip:
    def __init__(self, archive: zipfile.ZipFile, stem: str) -> None:
        self._archive = archive
        self._stem = stem

    def write(self, name: str, data: bytes) -> None:
        self._archive.writestr(f"{self._stem}/{name}", data)
