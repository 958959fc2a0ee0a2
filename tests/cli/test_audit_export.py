"""`freehold audit export`: a folder whose every receipt holds, by hand and with nothing of Freehold, and no name in it."""

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.commands import run
from cli.ledgers import ANSWERED, ASKED, ORIGIN, STEPS, answer, ledger, settle, trace
from freehold.cli.audit import open_ledger
from freehold.config.digest import digest
from freehold.config.settings import Settings
from freehold.errors import InvalidField, NotFound
from freehold.gateway.erasures import erase
from freehold.gateway.supervisor import Bookkeeper


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three answers about patient-7 whose contents are kept, and one for another workload."""
    folder = ledger(tmp_path / "data", 3)
    answer(folder, 4, subject="patient-8", workload="claims")
    settle(folder)
    return folder


def export(data: Path, out: Path, *words: str) -> str:
    said = run("audit", "export", str(out), *words, "--data", str(data))
    assert (said.exit_code, said.stderr) == (0, "")
    return said.stdout


def root_of(index: int, size: int, leaf: bytes, proof: list[bytes]) -> bytes:
    """The root that a proof leads to, as RFC 9162, section 2.1.3.2, says it step by step."""
    first, last, digest = index, size - 1, hashlib.sha256(b"\0" + leaf).digest()
    for sibling in proof:
        assert last
        if first & 1 or first == last:
            digest = hashlib.sha256(b"\1" + sibling + digest).digest()
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            digest = hashlib.sha256(b"\1" + digest + sibling).digest()
        first, last = first >> 1, last >> 1
    assert last == 0
    return digest


def test_every_receipt_leads_from_its_entry_to_the_signed_root(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "out"
    assert export(data, out) == f"4 entries, each with its receipt: {out}. Begin with index.html and README.txt.\n"
    checkpoint = (out / "checkpoint").read_text()
    size, root = checkpoint.split("\n")[1:3]
    names = sorted(path.name.removesuffix(".tlog-proof") for path in (out / "receipts").iterdir())
    assert names == [f"0000000{place}-rec_00000{place + 1}" for place in range(4)]
    leaves = (out / "entries.jsonl").read_bytes().splitlines()
    for place, name in enumerate(names):
        head, _, note = (out / "receipts" / f"{name}.tlog-proof").read_text().partition("\n\n")
        _, extra, index, *proof = head.split("\n")
        leaf = (out / "entries" / f"{name}.json").read_bytes()
        assert (note, index, leaf) == (checkpoint, f"index {place}", leaves[place])
        assert base64.b64decode(extra.removeprefix("extra ")) == leaf
        assert root_of(place, int(size), leaf, [*map(base64.b64decode, proof)]) == base64.b64decode(root)
    assert (out / "keys.txt").read_text() == f"{open_ledger(data).verifiers()[0]}\n"
    assert {path.stem for path in (out / "decisions").iterdir()} == set(names)
    assert not (out / "contents").exists()


def test_with_contents_each_commitment_can_be_opened_by_hand(tmp_path: Path, data: Path) -> None:
    export(data, tmp_path / "out", "--contents", "--workload", "triage")
    for path in (tmp_path / "out" / "contents").iterdir():
        entry = json.loads((tmp_path / "out" / "entries" / path.name).read_bytes())
        opened = json.loads(path.read_bytes())
        contents = {one["field"]: base64.b64decode(one["content"]) for one in opened}
        assert contents == {"request": ASKED, "response": ANSWERED}
        for one in opened:
            digest = hashlib.sha256(b"\0" + base64.b64decode(one["salt"]) + contents[one["field"]]).hexdigest()
            assert digest == entry["commitments"][one["field"]]
    assert len(list((tmp_path / "out" / "contents").iterdir())) == 3
    page = (tmp_path / "out" / "decisions" / "00000000-rec_000001.html").read_text()
    assert "Is &lt;b&gt;claim 7&lt;/b&gt; covered?" in page


def test_without_being_asked_for_no_content_and_no_salt_leaves(tmp_path: Path, data: Path) -> None:
    export(data, tmp_path / "out")
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"claim 7" not in everything
    assert b'"salt"' not in everything.replace(b'one["salt"]', b"")


def test_a_subject_is_named_by_its_pseudonym_only(tmp_path: Path, data: Path) -> None:
    export(data, tmp_path / "out", "--subject", "patient-8")
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert b"patient-8" not in everything
    entry = json.loads((tmp_path / "out" / "entries.jsonl").read_bytes())
    assert entry["subject"] in (tmp_path / "out" / "index.html").read_text()


def test_what_was_erased_is_exported_as_erased(tmp_path: Path, data: Path) -> None:
    erase(data, "patient-7", "GDPR Art. 17(1)(b)")
    settle(data)
    export(data, tmp_path / "out", "--contents")
    assert [path.name for path in (tmp_path / "out" / "contents").iterdir()] == ["00000003-rec_000004.json"]
    page = (tmp_path / "out" / "decisions" / "00000000-rec_000001.html").read_text()
    assert "cannot be opened by anybody: its data subject was erased" in page
    assert len(list((tmp_path / "out" / "receipts").iterdir())) == 5


def test_a_zip_holds_the_same_and_json_says_what_was_done(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "case.zip"
    assert json.loads(export(data, out, "--workload", "claims", "--json")) == {
        "out": str(out),
        "entries": 1,
        "log": ORIGIN,
        "size": 4,
        "refused": [],
    }
    with zipfile.ZipFile(out) as archive:
        assert {"case/README.txt", "case/index.html", "case/receipts/00000003-rec_000004.tlog-proof"} <= set(
            archive.namelist()
        )


def test_the_page_on_checking_names_this_log_and_files_that_are_there(tmp_path: Path, data: Path) -> None:
    export(data, tmp_path / "out")
    readme = (tmp_path / "out" / "README.txt").read_text()
    assert "4 entries of the ledger log.example/test, exported " in readme
    assert str(open_ledger(data).verifiers()[0]) in readme
    assert "--payload-file entries/00000000-rec_000001.json receipts/00000000-rec_000001.tlog-proof" in readme
    assert '\n      data = b"\\0" + base64' in readme
    compile((tmp_path / "out" / "check_with_tlog_scales.py").read_text(), "check", "exec")


def opened_by_hand(out: Path, name: str) -> str:
    """What the lines of Python in the export's README say of the contents of one entry."""
    readme = (out / "README.txt").read_text()
    lines = readme.split("<<'END'\n")[1].split("  END\n")[0].splitlines()
    words = [f"contents/{name}.json", f"entries/{name}.json"]
    script = "\n".join(line.removeprefix("  ") for line in lines)
    return subprocess.run(
        [sys.executable, "-I", "-c", script, *words], cwd=out, capture_output=True, text=True, check=True
    ).stdout


def test_a_content_that_was_cut_does_not_open_its_commitment_with_a_longer_salt(tmp_path: Path, data: Path) -> None:
    out = tmp_path / "out"
    export(data, out, "--contents", "--workload", "claims")
    assert opened_by_hand(out, "00000003-rec_000004") == "request opens\nresponse opens\n"
    path = out / "contents" / "00000003-rec_000004.json"
    fields = json.loads(path.read_bytes())
    for one in fields:
        salt, content = base64.b64decode(one["salt"]), base64.b64decode(one["content"])
        one["salt"] = base64.b64encode(salt + content[:4]).decode()
        one["content"] = base64.b64encode(content[4:]).decode()
    path.write_text(json.dumps(fields))
    assert opened_by_hand(out, "00000003-rec_000004") == "request DOES NOT OPEN\nresponse DOES NOT OPEN\n"


STAND_IN = {
    "__init__.py": "",
    "signing.py": "class Vkey:\n    from_string = str\n",
    "tiles.py": "leaf_hash = bytes\n",
    "tlog.py": """
class Checkpoint:
    size, root_hash = 1, b""
    from_text = classmethod(lambda kind, note: kind())
    def verify(self, key): pass
class InclusionProof:
    def __init__(self, *said): pass
    def check(self, *said): pass
""",
}
"""A tlog-scales that believes everything, so that what is refused is refused by the script itself."""


def untouched(out: Path) -> None:
    assert out.is_dir()


def without_a_receipt(out: Path) -> None:
    (out / "entries" / "00000009-x.json").write_text("{}")


def with_a_receipt_gone(out: Path) -> None:
    (out / "receipts" / "00000001-rec_000002.tlog-proof").unlink()


def with_other_lines(out: Path) -> None:
    (out / "entries.jsonl").write_text("{}\n")


@pytest.mark.parametrize(
    ("forge", "told"),
    [
        (untouched, "4 receipts hold"),
        (without_a_receipt, "00000009-x: an entry without a receipt"),
        (with_a_receipt_gone, "rec_000002: an entry without"),
        (with_other_lines, "entries.jsonl holds other entries than entries/"),
    ],
)
def test_the_script_misses_no_entry_that_has_no_receipt(
    tmp_path: Path, data: Path, forge: Callable[[Path], None], told: str
) -> None:
    out = tmp_path / "out"
    export(data, out)
    forge(out)
    stand_in = tmp_path / "path" / "tlog_scales"
    stand_in.mkdir(parents=True)
    for name, text in STAND_IN.items():
        (stand_in / name).write_text(text)
    said = subprocess.run(
        [sys.executable, str(out / "check_with_tlog_scales.py"), "KEY"],
        env={"PYTHONPATH": str(stand_in.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told in said.stdout + said.stderr
    assert (said.returncode == 0) == (told == "4 receipts hold")


def test_a_receipt_that_does_not_hold_is_exported_as_such(tmp_path: Path, data: Path) -> None:
    bundle = data / "ledger" / "log" / "tile" / "entries" / "000.p" / "4"
    bundle.write_bytes(bundle.read_bytes().replace(b'"cost":7', b'"cost":8', 1))
    said = run("audit", "export", str(tmp_path / "out"), "--data", str(data))
    assert said.exit_code == 1
    assert "The receipt of entry 0 does not hold: The proof does not lead from this entry" in said.stdout
    assert "1 of 4 receipts do not hold" in (tmp_path / "out" / "index.html").read_text()


def test_nothing_to_export_and_a_name_that_is_taken_are_told(tmp_path: Path, data: Path) -> None:
    with pytest.raises(NotFound, match="No entry fits all that is given"):
        export(data, tmp_path / "out", "--workload", "none")
    assert not (tmp_path / "out").exists()
    (tmp_path / "out").mkdir()
    with pytest.raises(InvalidField, match="is there already"):
        export(data, tmp_path / "out")


def test_an_id_is_never_a_path(tmp_path: Path) -> None:
    data = ledger(tmp_path / "data", 0)
    answer(data, 1, id="../../x y")
    settle(data)
    export(data, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out" / "entries").iterdir()] == ["00000000-______x_y.json"]


def test_the_reasoning_of_an_answer_goes_with_it_and_its_steps_with_the_contents(tmp_path: Path, data: Path) -> None:
    trace(data, 1)
    settle(data)
    export(data, tmp_path / "out", "--workload", "triage")
    answered = (tmp_path / "out" / "decisions" / "00000000-rec_000001.html").read_text()
    traced = (tmp_path / "out" / "decisions" / "00000004-rec_000001.html").read_text()
    assert 'href="00000004-rec_000001.html"' in answered
    assert 'href="00000000-rec_000001.html"' in traced
    assert "<dt>Claims refuted</dt><dd>1</dd>" in answered
    assert "are due" not in answered + traced
    export(data, tmp_path / "full", "--workload", "triage", "--contents")
    for place in (0, 4):
        page = (tmp_path / "full" / "decisions" / f"0000000{place}-rec_000001.html").read_text()
        assert "refuted, by numbers/1: It is not 52. (found: 51)" in page
        assert "So &lt;i&gt;52&lt;/i&gt; are due." in page
    (opened,) = json.loads((tmp_path / "full" / "contents" / "00000004-rec_000001.json").read_bytes())
    assert base64.b64decode(opened["content"]) == STEPS
    settle(data)
    read = json.loads(run("audit", "search", "--kind", "contents.read", "--data", str(data), "--json").stdout)[
        "entries"
    ]
    noted = sorted((one["entry"]["id"], one["entry"]["of"]) for one in read)
    assert noted == [
        ("rec_000001", "answer"),
        ("rec_000001", "trace"),
        ("rec_000002", "answer"),
        ("rec_000003", "answer"),
    ]
    export(data, tmp_path / "answers", "--kind", "answer")
    assert "(not in this export)" in (tmp_path / "answers" / "decisions" / "00000000-rec_000001.html").read_text()


def test_the_policies_that_its_entries_name_go_with_it_and_can_be_checked_by_hashing(
    tmp_path: Path, data: Path
) -> None:
    settings = Settings()
    Bookkeeper(data).note_policy(settings)
    answer(data, 5, policy=digest(settings), workload="late")
    settle(data)
    export(data, tmp_path / "out", "--workload", "late")
    (entry,) = map(json.loads, (tmp_path / "out" / "entries.jsonl").read_bytes().splitlines())
    (kept,) = (tmp_path / "out" / "policies").iterdir()
    assert kept.name == f"{entry['policy']}.json"
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == entry["policy"]
    assert json.loads(kept.read_bytes())["door"]["max_in_flight"] == 1024
    assert (
        f"policies/{entry['policy']}.json" in (tmp_path / "out" / "decisions" / "00000004-rec_000005.html").read_text()
    )
    assert "cd policies && sha256sum *.json" in (tmp_path / "out" / "README.txt").read_text()
