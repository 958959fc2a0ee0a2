"""What is said in a request: commitments that open with the salts that are kept, and whose words they are."""

import hashlib

import pytest

from freehold.config.settings import Ledger, Workload
from freehold.gateway.contents import Keeping, Said, subject_of

SALTS = bytes(range(64))


def said(request: bytes = b"What is it?") -> Said:
    """One request whose salts are the bytes 0 to 63."""
    asked: list[int] = []

    def draw(count: int) -> bytes:
        asked.append(count)
        return SALTS[:count]

    made = Said(request, draw)
    assert asked == [64]
    return made


def opened(salt: bytes, content: bytes) -> str:
    """The formula of the ledger, by itself."""
    return hashlib.sha256(b"\x00" + salt + content).hexdigest()


# --- commitments ---


def test_both_fields_are_committed_to_each_under_a_salt_of_its_own() -> None:
    words = said()
    words.gives(b'data: {"a":1}\n\n')
    words.gives(b"")
    words.gives(b"data: [DONE]\n\n")
    assert words.commitments() == {
        "request": opened(bytes(range(32)), b"What is it?"),
        "response": opened(bytes(range(32, 64)), b'data: {"a":1}\n\ndata: [DONE]\n\n'),
    }


def test_a_caller_that_was_given_nothing_has_an_empty_response() -> None:
    # printf '\000<the bytes 32 to 63>' | sha256sum (GNU coreutils)
    assert said().commitments()["response"] == "118d7ebc2b4bbf078841a2b4003d8a3012f00cde6bdbb1b6949417f661cc5317"


def test_only_salts_are_kept_unless_contents_are_to_be() -> None:
    words = said()
    words.gives(b"It is this.")
    private = words.private("Jane Roe", 1_800_000_000)
    assert (private.subject, private.keep_until, private.contents) == ("Jane Roe", 1_800_000_000, {})
    assert private.salts == {"request": bytes(range(32)), "response": bytes(range(32, 64))}


def test_kept_contents_are_every_byte_that_was_asked_and_given() -> None:
    words = said()
    words.keep()
    words.gives(b"It ")
    words.keep()  # twice is once
    words.gives(b"is this.")
    assert words.private("s", 1).contents == {"request": b"What is it?", "response": b"It is this."}


# --- whom they are about ---


@pytest.mark.parametrize(
    ("header", "user", "whom"),
    [
        ("Jane Roe", "u-7", "Jane Roe"),
        (None, "u-7", "u-7"),
        ("", "u-7", "u-7"),
        (None, None, "key:key_1"),
        ("", "", "key:key_1"),
        ("x" * 300, None, "x" * 256),
        # What arrives when a client sends the name as UTF-8, and as Latin-1.
        ("J\u00c3\u00bcrgen M\u00c3\u00bcller", None, "J\u00fcrgen M\u00fcller"),
        ("J\u00fcrgen M\u00fcller", None, "J\u00fcrgen M\u00fcller"),
    ],
)
def test_the_subject_is_who_the_caller_says_else_the_callers_key(
    header: str | None, user: str | None, whom: str
) -> None:
    assert subject_of(header, user, "key_1") == whom


# --- what a workload keeps ---


def test_a_workload_keeps_what_the_ledger_says() -> None:
    keeping = Keeping(Ledger(durability="process", contents=True, keep_days=2), Workload(name="triage", route=()))
    assert (keeping.logged, keeping.durability, keeping.contents, keeping.keep_seconds) == (
        True,
        "process",
        True,
        172_800,
    )


def test_a_workload_says_otherwise() -> None:
    own = Workload(name="triage", route=(), durability="relaxed", contents=False, keep_days=1)
    keeping = Keeping(Ledger(durability="disk", contents=True), own)
    assert (keeping.durability, keeping.contents, keeping.keep_seconds) == ("relaxed", False, 86_400)


def test_without_a_ledger_nothing_is_logged_and_records_are_as_durable_all_the_same() -> None:
    keeping = Keeping(Ledger(enabled=False))
    assert (keeping.logged, keeping.durability) == (False, "disk")
