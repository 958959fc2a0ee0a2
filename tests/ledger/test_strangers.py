"""Verifiers that we did not write accept what the ledger writes, and refuse it once it was tampered with.

`proofbundle` and `tlog-scales` run in a virtual environment without Freehold. This is the only file of these tests that
needs a package registry: the environment is set up with pip from requirements/strangers.txt, in a temporary folder, or once
and for all in the folder that FREEHOLD_STRANGERS names. Where no registry answers the tests are skipped, unless that
variable is set: then a missing registry is a failure.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.commands import run
from cli.ledgers import ledger
from freehold.ledger.notes import COSIGNATURE_ML_DSA_44, SignerKey
from freehold.ledger.policy import Group, Policy, Trusted
from freehold.ledger.proof import parse_receipt
from freehold.ledger.verify import verify_log, verify_receipt
from ledger.writer import LOG, ORIGIN, STRANGER, WITNESSES, Log, entries_of

pytestmark = pytest.mark.registry

REQUIREMENTS = Path(__file__).parents[2] / "requirements" / "strangers.txt"
CACHE = "FREEHOLD_STRANGERS"
INDICES = (0, 1, 255, 256, 511, 767, 768, 998, 999)
LOG_VKEY = str(LOG.verifier)
WITNESS_VKEYS = [str(witness.verifier) for witness in WITNESSES]


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of a virtual environment with the strangers in it."""
    cached = os.environ.get(CACHE)
    folder = Path(cached) if cached else tmp_path_factory.mktemp("strangers")
    programs = folder / "bin"
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    done = folder / "requirements.sha256"
    if not done.exists() or done.read_text() != digest:
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)], check=True, env=bare())
        install(programs / "python", required=bool(cached))
        done.write_text(digest)
    return programs


def install(python: Path, *, required: bool) -> None:
    """Installs the strangers, or skips the test when there is no registry to install them from."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "--disable-pip-version-check",
        "--no-input",
        "-q",
        "install",
        "--require-hashes",
    ]
    done = subprocess.run([*command, "-r", str(REQUIREMENTS)], capture_output=True, text=True, env=bare(), check=False)
    if done.returncode and ("THESE PACKAGES DO NOT MATCH THE HASHES" in done.stderr or required):
        pytest.fail(done.stderr)
    if done.returncode:
        pytest.skip(f"no package registry to install the strangers from: {done.stderr.strip().splitlines()[-1]}")


def bare() -> dict[str, str]:
    """The environment without what would let the strangers find Freehold."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


@pytest.fixture(scope="module")
def log() -> Log:
    """A genuine log of 1,000 entries, signed by the log and three witnesses."""
    return Log(entries_of(1000), (LOG, *WITNESSES))


@pytest.fixture
def folder(log: Log, tmp_path: Path) -> Path:
    """Its files, one set for each test."""
    log.save(tmp_path)
    return tmp_path


def python(strangers: Path, script: str, given: object) -> Any:
    """What a script prints as JSON, run by the strangers' Python with `given` to read."""
    done = subprocess.run(
        [str(strangers / "python"), "-I", "-c", f"import json, sys\ngiven = json.load(sys.stdin)\n{script}"],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
        env=bare(),
    )
    return json.loads(done.stdout)


def tlog_tiles(strangers: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Runs the command of tlog-scales."""
    return subprocess.run([str(strangers / "tlog-tiles"), *words], capture_output=True, check=False, env=bare())


# --- who they are ---


def test_the_strangers_do_not_know_freehold(strangers: Path) -> None:
    script = """
import importlib.metadata, importlib.util
names = ("proofbundle", "tlog-scales")
print(json.dumps([importlib.util.find_spec("freehold") is None, *map(importlib.metadata.version, names)]))
"""
    assert python(strangers, script, None) == [True, "6.3.1", "0.0.3"]


# --- proofbundle ---

PROOFBUNDLE = """
from proofbundle.tlogproof import verify_tlog_proof
def ask(receipt, leaf, key, witnesses, threshold, origin):
    told = verify_tlog_proof(receipt, bytes.fromhex(leaf), key, witnesses, threshold=threshold, expected_origin=origin)
    return [told[name] for name in ("ok", "log_ok", "witnesses_ok", "inclusion_ok")]
print(json.dumps([ask(*case) for case in given]))
"""


def case(receipt: str, leaf: bytes, key: str = LOG_VKEY, threshold: int = 3, origin: str = ORIGIN) -> list[object]:
    return [receipt, leaf.hex(), key, WITNESS_VKEYS, threshold, origin]


def test_proofbundle_accepts_genuine_receipts_with_three_witnesses(strangers: Path, log: Log) -> None:
    cases = [case(log.receipt(index), log.entries[index]) for index in INDICES]
    assert python(strangers, PROOFBUNDLE, cases) == [[True, True, True, True]] * len(INDICES)


def test_proofbundle_refuses_tampered_receipts(strangers: Path, log: Log) -> None:
    receipt, leaf = log.receipt(500), log.entries[500]
    proof = receipt.split("\n")
    unwitnessed = "\n".join([*proof[:-2], ""])
    swapped = "\n".join([*proof[:3], proof[4], proof[3], *proof[5:]])
    moved = receipt.replace("\nindex 500\n", "\nindex 501\n")
    resized = receipt.replace("\n1000\n", "\n1001\n")
    assert len({receipt, unwitnessed, swapped, moved, resized}) == 5
    told = python(
        strangers,
        PROOFBUNDLE,
        [
            case(receipt, leaf + b" "),
            case(receipt, log.entries[501]),
            case(swapped, leaf),
            case(moved, leaf),
            case(resized, leaf),
            case(unwitnessed, leaf),
            case(receipt, leaf, key=str(STRANGER.verifier)),
            case(receipt, leaf, origin="log.example/elsewhere"),
        ],
    )
    assert [ok for ok, *_ in told] == [False] * 8
    assert told[:4] == [[False, True, True, False]] * 4, "the entry, its place and its proof"
    assert told[5] == [False, True, False, True], "a witness too few"
    assert told[6][1] is told[7][1] is False, "another key, another origin"


# --- an export, as its README.txt says to check it ---


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `freehold audit export` writes of a ledger of 40 answers, with their contents."""
    folder = tmp_path_factory.mktemp("export")
    ledger(folder / "data", 40)
    said = run(
        "audit",
        "export",
        str(folder / "out"),
        "--since",
        "2026-11-24T12:00:30",
        "--contents",
        "--data",
        str(folder / "data"),
    )
    assert said.exit_code == 0, said.stderr
    return folder / "out"


def checks(strangers: Path, exported: Path, receipt: Path) -> subprocess.CompletedProcess[str]:
    """The first check of README.txt, for one receipt."""
    payload = exported / "entries" / f"{receipt.name.removesuffix('.tlog-proof')}.json"
    key = (exported / "keys.txt").read_text().strip()
    words = ["verify-proof", "--log-vkey", key, "--payload-file", str(payload), str(receipt)]
    return subprocess.run(
        [str(strangers / "proofbundle"), *words], capture_output=True, text=True, check=False, env=bare()
    )


def scales(strangers: Path, exported: Path) -> subprocess.CompletedProcess[str]:
    """The second check of README.txt, for all of them."""
    key = (exported / "keys.txt").read_text().strip()
    words = [str(strangers / "python"), "check_with_tlog_scales.py", key]
    return subprocess.run(words, cwd=exported, capture_output=True, text=True, check=False, env=bare())


def test_an_export_holds_with_both_strangers_as_its_readme_says(strangers: Path, exported: Path) -> None:
    receipts = sorted((exported / "receipts").iterdir())
    assert len(receipts) == 11
    for receipt in (receipts[0], receipts[5], receipts[-1]):
        done = checks(strangers, exported, receipt)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "[PASS] merkle-inclusion" in done.stdout
    done = scales(strangers, exported)
    assert (done.returncode, done.stdout) == (0, "11 receipts hold\n"), done.stderr
    readme = (exported / "README.txt").read_text()
    assert "proofbundle verify-proof --log-vkey KEY" in readme
    assert "check_with_tlog_scales.py KEY" in readme


def test_the_contents_of_an_export_open_with_nothing_but_python(exported: Path) -> None:
    readme = (exported / "README.txt").read_text()
    command = readme.partition("  python3 - contents/")[2]
    names, _, script = command.partition(" <<'END'\n")
    script = "".join(line.removeprefix("  ") for line in script.partition("  END\n")[0].splitlines(keepends=True))
    words = [sys.executable, "-I", "-", *f"contents/{names}".split()]
    done = subprocess.run(words, input=script, cwd=exported, capture_output=True, text=True, check=True, env=bare())
    assert done.stdout == "request opens\nresponse opens\n"


def test_an_export_in_which_an_entry_was_changed_is_refused_by_both(
    strangers: Path, exported: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(exported, tmp_path / "copy")
    receipt = sorted((copy / "receipts").iterdir())[5]
    entry = copy / "entries" / f"{receipt.name.removesuffix('.tlog-proof')}.json"
    entry.write_bytes(entry.read_bytes().replace(b'"cost":7', b'"cost":8'))
    assert entry.read_bytes() != (exported / "entries" / entry.name).read_bytes()
    assert checks(strangers, copy, receipt).returncode != 0
    done = scales(strangers, copy)
    assert done.returncode != 0
    assert "the receipt is of another entry" in done.stderr


# --- tlog-scales ---


@pytest.mark.parametrize("index", [0, 256, 999])
def test_tlog_scales_reads_an_entry_and_finds_it_included(strangers: Path, folder: Path, log: Log, index: int) -> None:
    done = tlog_tiles(strangers, "get-leaf", "-c", str(folder), str(index))
    assert (done.returncode, done.stdout) == (0, log.entries[index])


@pytest.mark.parametrize("index", [1, 511, 999])
def test_tlog_scales_makes_the_receipt_that_we_make(strangers: Path, folder: Path, log: Log, index: int) -> None:
    done = tlog_tiles(strangers, "gen-proof", str(folder), str(index))
    assert done.stdout == log.receipt(index, carried=False).encode()
    assert verify_receipt(done.stdout, [LOG.verifier], entry=log.entries[index]).index == index


@pytest.mark.parametrize(
    ("path", "at"), [("tile/entries/001", 40), ("tile/0/001", 0), ("tile/1/000.p/3", 0), ("checkpoint", 35)]
)
def test_tlog_scales_refuses_a_log_with_a_byte_changed(
    strangers: Path, folder: Path, log: Log, path: str, at: int
) -> None:
    data = bytearray((folder / path).read_bytes())
    data[at] ^= 1
    (folder / path).write_bytes(data)
    done = tlog_tiles(strangers, "get-leaf", "-c", str(folder), "257")
    assert done.returncode != 0
    assert b"root_hash" in done.stderr, "it is the inclusion that fails"
    assert done.stdout != log.entries[257]


SCALES_CHECKPOINT = """
from tlog_scales.signing import Vkey
from tlog_scales.tlog import Checkpoint
def ask(note, key):
    try:
        Checkpoint.from_text(note).verify(Vkey.from_string(key))
    except Exception as error:
        return type(error).__name__
    return "verified"
print(json.dumps([ask(*case) for case in given]))
"""


def test_tlog_scales_accepts_our_signatures_of_each_type_and_no_other(strangers: Path, log: Log) -> None:
    note = log.checkpoint
    changed = note.replace("\n1000\n", "\n1001\n")
    keys = [LOG_VKEY, *WITNESS_VKEYS]
    assert python(strangers, SCALES_CHECKPOINT, [[note, key] for key in keys]) == ["verified"] * 4
    assert python(strangers, SCALES_CHECKPOINT, [[changed, key] for key in keys]) == ["InvalidSignature"] * 4


SCALES_CONSISTENCY = """
from tlog_scales.backend import make_backend
from tlog_scales.reader import TilesReader
reader = TilesReader(make_backend(given["folder"]))
size = reader.get_checkpoint().size
proofs = [reader.get_consistency_proof(old, size).node_hashes for old in given["olds"]]
print(json.dumps([[node.hex() for node in proof] for proof in proofs]))
"""


def test_tlog_scales_makes_the_consistency_proofs_that_we_make(strangers: Path, folder: Path, log: Log) -> None:
    olds = [1, 2, 3, 255, 256, 257, 512, 700, 999, 1000]
    told = python(strangers, SCALES_CONSISTENCY, {"folder": str(folder), "olds": olds})
    assert told == [[node.hex() for node in log.consistency(old)] for old in olds]


SCALES_WRITER = """
from pathlib import Path
from tlog_scales.signing import MLDSA44CosignatureSigner, PlainEd25519Signer
from tlog_scales.writer import TilesWriter
name, seed = given["origin"], bytes.fromhex(given["seed"])
writer = TilesWriter.create(Path(given["folder"]), name)
for entry in given["entries"]:
    writer.add_leaf(bytes.fromhex(entry))
from cryptography.hazmat.primitives.asymmetric import ed25519, mldsa
plain = PlainEd25519Signer(name, ed25519.Ed25519PrivateKey.from_private_bytes(seed))
lattice = MLDSA44CosignatureSigner("witness.example/l", mldsa.MLDSA44PrivateKey.from_seed_bytes(seed))
writer.commit([plain, lattice])
print(json.dumps([plain.vkey.serialize(), lattice.vkey.serialize()]))
"""


def test_we_accept_a_log_that_a_stranger_wrote(strangers: Path, tmp_path: Path) -> None:
    entries = entries_of(700)
    given = {
        "origin": ORIGIN,
        "seed": LOG.seed.hex(),
        "folder": str(tmp_path / "log"),
        "entries": [entry.hex() for entry in entries],
    }
    lattice = SignerKey("witness.example/l", COSIGNATURE_ML_DSA_44, LOG.seed).verifier
    assert python(strangers, SCALES_WRITER, given) == [LOG_VKEY, str(lattice)]
    policy = Policy(witnesses={"l": Trusted(lattice)}, groups={"g": Group(1, ("l",))}, quorum="g")
    proof = verify_log(lambda path: (tmp_path / "log" / path).read_bytes(), [LOG.verifier], policy)
    assert proof.opened.checkpoint.size == 700
    assert [witness.name for witness in proof.opened.witnesses] == ["witness.example/l"]
    receipt = tlog_tiles(strangers, "gen-proof", str(tmp_path / "log"), "650").stdout
    assert parse_receipt(receipt).index == 650
    assert verify_receipt(receipt, [LOG.verifier], policy, entry=entries[650]).unproven
