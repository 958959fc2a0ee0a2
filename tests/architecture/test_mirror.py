"""Tests mirror the source: every file of `src` has its test file, and every test file says what it is the test of."""

from architecture.source import FILES, ROOT, SOURCE, label

TESTS = ROOT / "tests"

WIDER = {
    "cli/test_application.py": "which commands there are, and the process from outside (cli/__init__.py)",
    "cli/test_house_ledger.py": "the ledger of a whole house whose processes are killed and whose disk is full",
    "cli/test_house_storage.py": "a whole house whose contents lie in an object store",
    "dialects/test_translation.py": "every dialect to every other, through and back",
    "gateway/test_official_clients.py": "the official SDKs as callers of a whole door, and what each raises",
    "gateway/test_vendor_failures.py": "vendors of each dialect that fail, behind callers of each dialect",
    "gateway/test_quotas_door.py": "quotas of single models over HTTP, as callers of a customer meet them",
    "gateway/test_traces_door.py": "traces over HTTP, from the answer to the ledger and to an erasure",
    "ledger/test_strangers.py": "verifiers that others wrote, on logs and receipts of ours",
    "graders/test_loading.py": "how graders are found and made (graders/__init__.py)",
    "reasoning/test_loading.py": "how verifiers are found (reasoning/__init__.py)",
    "serving/test_shipped.py": "the weights that come with the package, in the real engine",
    "serving/test_real_model.py": "a real model behind the door",
    "serving/test_thinking.py": "a model that thinks, and its adapters, in the real engine behind the door",
    "training/tasks/test_loading.py": "how tasks are found (training/tasks/__init__.py)",
    "vendors/test_conformance.py": "every vendor against its fixture",
    "vendors/test_loading.py": "how vendors are found",
}
"""Test files that are wider than one file of the source, with what they are about."""


def test_every_file_of_the_source_has_its_test_file() -> None:
    wanted = {
        str(path.relative_to(SOURCE).with_name(f"test_{path.name}")) for path in FILES if not path.name.startswith("__")
    }
    there = {str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py")}
    assert sorted(wanted - there) == []


def test_every_test_file_is_the_test_of_one_file_or_says_what_it_is_wider_than() -> None:
    sources = {label(path) for path in FILES}
    stray = [
        name
        for path in sorted(TESTS.rglob("test_*.py"))
        if not (name := str(path.relative_to(TESTS))).startswith("architecture/")
        if name not in WIDER and name.replace("test_", "", 1) not in sources
    ]
    assert stray == []
    assert sorted(name for name in WIDER if not (TESTS / name).exists()) == []
