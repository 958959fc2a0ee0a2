"""Keys: shown once and kept as a hash, good until they expire or are revoked, and no wider than their scope."""

import hashlib
import json
import re
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.errors import ExpiredKey, InvalidField, NotFound, RevokedKey, StoreError
from freehold.store.callers import (
    Key,
    KeyBudget,
    create_key,
    digest,
    ensure_admin_key,
    list_keys,
    load_keys,
    revoke_key,
)
from freehold.store.database import open_database
from freehold.store.events import Event, take_events
from freehold.store.folder import ADMIN_KEY, DATABASE
from store.samples import DAY, NOON


def key(**fields: Any) -> Key:
    given: dict[str, Any] = {
        "id": "key_1",
        "name": "k",
        "organisation": "default",
        "project": "default",
        "role": "member",
        "prefix": "abcdefgh",
        "created_at": NOON,
    }
    return Key(**{**given, **fields})


# --- the secret ---


def test_a_secret_is_given_once_and_only_its_hash_is_kept(db: sqlite3.Connection, data: Path) -> None:
    made, secret = create_key(db, name="ci", now=NOON)
    assert re.fullmatch(r"fh_[0-9A-Za-z]{43}", secret)
    assert made.prefix == secret[3:11]
    assert load_keys(db) == {hashlib.sha256(secret.encode()).digest(): made}
    db.close()
    for path in data.iterdir():
        content = path.read_bytes()
        assert secret.encode() not in content
        assert secret[11:].encode() not in content
    assert secret not in repr(made)


def test_secrets_and_ids_differ(db: sqlite3.Connection) -> None:
    made = [create_key(db, name="same") for _ in range(20)]
    assert len({secret for _, secret in made}) == len({one.id for one, _ in made}) == 20


def test_a_digest_is_the_sha_256_of_the_secret() -> None:
    # FIPS 180-2, appendix B.1.
    published = bytes.fromhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    assert digest("abc") == digest(b"abc") == published


@given(st.text())
def test_any_text_that_a_caller_sends_has_a_digest(sent: str) -> None:
    assert len(digest(sent)) == 32


def test_a_lone_surrogate_has_a_digest_too() -> None:
    assert len(digest("\ud800")) == 32


def test_what_an_event_says_of_a_key_can_always_be_an_entry(db: sqlite3.Connection) -> None:
    """An event with a number above 2^53 - 1 was set aside, and the ledger knew nothing of the key."""
    create_key(
        db,
        name="large",
        expires_at=253_402_300_799.0,
        budgets=(KeyBudget(10**16, "month"), KeyBudget(2**53 - 1, "day")),
        tokens_per_minute=2**63 - 1,
        now=NOON,
    )
    told: list[Event] = []
    take_events(db, told.extend)
    assert told[0].body == {
        "organisation": "default",
        "project": "default",
        "role": "member",
        "expires_at": 253_402_300_799_000,
        "budgets": [
            {"nano": "10000000000000000", "per": "month", "hard": True},
            {"nano": 9_007_199_254_740_991, "per": "day", "hard": True},
        ],
        "tokens_per_minute": "9223372036854775807",
    }


# --- what a key carries ---


def test_a_key_comes_back_with_all_that_it_was_made_with(db: sqlite3.Connection) -> None:
    made, secret = create_key(
        db,
        name="Größe 1",
        organisation="acme",
        project="support",
        role="admin",
        expires_at=NOON + DAY,
        workloads=("triage", "claims"),
        models=("openai/*", "own/smollm2-135m"),
        budgets=(KeyBudget(5_000_000_000, "day"), KeyBudget(0, "month", hard=False)),
        requests_per_minute=60,
        tokens_per_minute=100_000,
        now=NOON,
    )
    assert made == key(
        id=made.id,
        prefix=secret[3:11],
        name="Größe 1",
        organisation="acme",
        project="support",
        role="admin",
        expires_at=NOON + DAY,
        workloads=("triage", "claims"),
        models=("openai/*", "own/smollm2-135m"),
        budgets=(KeyBudget(5_000_000_000, "day"), KeyBudget(0, "month", hard=False)),
        requests_per_minute=60,
        tokens_per_minute=100_000,
    )
    assert list_keys(db) == [made]


def test_no_scope_is_everything_and_an_empty_scope_is_nothing(db: sqlite3.Connection) -> None:
    create_key(db, name="all", now=NOON)
    create_key(db, name="none", workloads=(), models=(), now=NOON + 1)
    wide, none = list_keys(db)
    assert (wide.workloads, wide.models, wide.budgets) == (None, None, ())
    assert (none.workloads, none.models) == ((), ())
    assert wide.may_use_workload("any")
    assert wide.may_use_model("openai/gpt-5")
    assert not none.may_use_workload("any")
    assert not none.may_use_model("openai/gpt-5")


def test_a_workload_is_in_scope_by_its_whole_name() -> None:
    scoped = key(workloads=("triage", "claims*"))
    assert scoped.may_use_workload("triage")
    assert not scoped.may_use_workload("triage-2")
    assert not scoped.may_use_workload("claims-2")
    assert not scoped.may_use_workload("Triage")


@pytest.mark.parametrize(
    ("pattern", "model", "may"),
    [
        ("openai/gpt-5", "openai/gpt-5", True),
        ("openai/gpt-5", "openai/gpt-5-mini", False),
        ("openai/gpt-5*", "openai/gpt-5-mini", True),
        ("openai/*", "anthropic/claude-haiku-4-5", False),
        ("*/gpt-5", "azure/gpt-5", True),
        ("openai/*", "openai/ft:a/b", True),
        ("OPENAI/*", "openai/gpt-5", False),
        ("own/m[0-9]", "own/m7", True),
        ("own/m[0-9]", "own/mx", False),
        ("", "openai/gpt-5", False),
    ],
)
def test_a_model_is_in_scope_by_a_glob(pattern: str, model: str, may: bool) -> None:
    assert key(models=(pattern,)).may_use_model(model) is may
    assert key(models=("nothing/else", pattern)).may_use_model(model) is may


# --- expiry and revocation ---


def test_a_key_is_good_until_the_moment_it_expires() -> None:
    expiring = key(expires_at=NOON + 10)
    expiring.require_live(NOON + 9.999)
    with pytest.raises(ExpiredKey) as caught:
        expiring.require_live(NOON + 10)
    assert (caught.value.status, caught.value.code) == (401, "expired-key")
    key().require_live(NOON + 1000 * DAY)


def test_a_revoked_key_is_good_no_more_and_keeps_the_time_of_its_first_revocation(db: sqlite3.Connection) -> None:
    made, secret = create_key(db, name="ci", expires_at=NOON + 5, now=NOON)
    revoked = revoke_key(db, made.id, now=NOON + 3)
    assert revoked.revoked_at == NOON + 3
    assert revoke_key(db, made.id, now=NOON + 4) == revoked
    assert load_keys(db) == {digest(secret): revoked}, "its caller can still be told why"
    revoked.require_live(NOON + 2.9)
    for now in (NOON + 3, NOON + 6):
        with pytest.raises(RevokedKey) as caught:
            revoked.require_live(now)
    assert (caught.value.status, caught.value.code) == (401, "revoked-key")


def test_revoking_leaves_the_other_keys_alone(db: sqlite3.Connection) -> None:
    first, _ = create_key(db, name="a", now=NOON)
    second, _ = create_key(db, name="b", now=NOON + 1)
    revoke_key(db, first.id, now=NOON + 2)
    assert [one.revoked_at for one in list_keys(db)] == [NOON + 2, None]
    assert list_keys(db)[1] == second


def test_revoking_what_does_not_exist_is_an_error(db: sqlite3.Connection) -> None:
    made, secret = create_key(db, name="a")
    for unknown in ("", "key_x", secret, made.name):
        with pytest.raises(NotFound) as caught:
            revoke_key(db, unknown)
        assert "freehold keys list" in caught.value.advice


# --- organisations and projects ---


def test_a_project_belongs_to_the_organisation_that_made_it(db: sqlite3.Connection) -> None:
    create_key(db, name="a", organisation="acme", project="support")
    create_key(db, name="b", organisation="acme", project="sales")
    with pytest.raises(InvalidField, match="'support' belongs to the organisation 'acme', not to 'rival'") as caught:
        create_key(db, name="c", organisation="rival", project="support")
    assert caught.value.param == "project"
    assert [one.name for one in list_keys(db)] == ["a", "b"]
    assert db.execute("SELECT name FROM organisations").fetchall() == [("acme",)], "nothing of the refused key stays"


def test_keys_are_listed_from_the_oldest(db: sqlite3.Connection) -> None:
    for name, now in (("third", 3), ("first", 1), ("second", 2)):
        create_key(db, name=name, now=NOON + now)
    assert [one.name for one in list_keys(db)] == ["first", "second", "third"]


# --- what means nothing ---


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"name": ""}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"organisation": "\x1b[31m"}, "organisation"),
        ({"project": ""}, "project"),
        ({"role": "owner"}, "role"),
        ({"expires_at": NOON}, "expires_at"),
        ({"expires_at": NOON - 1}, "expires_at"),
        ({"expires_at": float("nan")}, "expires_at"),
        ({"expires_at": float("inf")}, "expires_at"),
        ({"expires_at": 1e20}, "expires_at"),
        ({"models": ("openai/*", "\udcff")}, "models"),
        ({"workloads": ("",)}, "workloads"),
        ({"budgets": (KeyBudget(-1, "day"),)}, "budgets"),
        ({"budgets": (KeyBudget(1, "week"),)}, "budgets"),  # pyright: ignore[reportArgumentType]
        ({"requests_per_minute": 0}, "requests_per_minute"),
        ({"tokens_per_minute": -5}, "tokens_per_minute"),
        ({"tokens_per_minute": 2**63}, "tokens_per_minute"),
        ({"requests_per_minute": 2**63}, "requests_per_minute"),
    ],
)
def test_values_that_mean_nothing_are_refused_by_name_and_make_no_key(
    db: sqlite3.Connection, fields: dict[str, Any], param: str
) -> None:
    given: dict[str, Any] = {"name": "k", "now": NOON, **fields}
    with pytest.raises(InvalidField) as caught:
        create_key(db, **given)
    assert caught.value.param == param
    assert caught.value.advice
    assert list_keys(db) == []
    assert db.execute("SELECT count(*) FROM organisations").fetchone() == (0,)


@given(text=st.text())
def test_every_name_is_kept_as_it_is_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    db = open_database(tmp_path_factory.getbasetemp() / "names")
    try:
        made, _ = create_key(db, name=text, workloads=(text,), models=(text,))
    except InvalidField:
        assert not text.strip() or len(text) > 200 or not text.isprintable()
    else:
        found = {one.id: one for one in list_keys(db)}[made.id]
        assert (found.name, found.workloads, found.models) == (text, (text,), (text,))
    finally:
        db.close()


# --- the first admin key ---


def secret_of(data: Path) -> str:
    return (data / ADMIN_KEY).read_text().strip()


def test_the_first_admin_key_stands_in_a_private_file(db: sqlite3.Connection, data: Path) -> None:
    made = ensure_admin_key(db, data, NOON)
    assert made is not None
    assert (made.role, made.name, made.organisation, made.project) == ("admin", "admin", "default", "default")
    assert (made.workloads, made.models, made.expires_at) == (None, None, None)
    assert re.fullmatch(r"fh_[0-9A-Za-z]{43}\n", (data / ADMIN_KEY).read_text())
    assert stat.S_IMODE((data / ADMIN_KEY).stat().st_mode) == 0o600
    assert load_keys(db) == {digest(secret_of(data)): made}


def test_asked_for_again_it_is_the_same_key(db: sqlite3.Connection, data: Path) -> None:
    first = ensure_admin_key(db, data, NOON)
    secret = secret_of(data)
    (data / ADMIN_KEY).chmod(0o644)
    assert ensure_admin_key(db, data, NOON + 1) == first
    assert secret_of(data) == secret
    assert stat.S_IMODE((data / ADMIN_KEY).stat().st_mode) == 0o600
    assert len(list_keys(db)) == 1


def test_a_secret_that_outlived_its_database_is_entered_into_the_new_one(db: sqlite3.Connection, data: Path) -> None:
    ensure_admin_key(db, data, NOON)
    secret = secret_of(data)
    db.execute("DELETE FROM keys")
    again = ensure_admin_key(db, data, NOON + DAY)
    assert again is not None
    assert secret_of(data) == secret
    assert load_keys(db) == {digest(secret): again}
    assert again.created_at == NOON + DAY


def test_a_deleted_file_stays_deleted_while_an_admin_key_is_good(db: sqlite3.Connection, data: Path) -> None:
    made = ensure_admin_key(db, data, NOON)
    assert made is not None
    (data / ADMIN_KEY).unlink()
    assert ensure_admin_key(db, data, NOON + 1) is None
    assert not (data / ADMIN_KEY).exists()
    revoke_key(db, made.id, NOON + 2)
    fresh = ensure_admin_key(db, data, NOON + 3)
    assert fresh is not None
    assert fresh.id != made.id
    fresh.require_live(NOON + 3)


def test_a_member_or_an_expired_admin_is_no_admin(db: sqlite3.Connection, data: Path) -> None:
    create_key(db, name="member", now=NOON)
    create_key(db, name="old", role="admin", expires_at=NOON + 5, now=NOON)
    made = ensure_admin_key(db, data, NOON + 6)
    assert made is not None
    assert made.role == "admin"


@pytest.mark.parametrize("content", ["", "secret\n", "fh_short\n", "sk-" + "x" * 60])
def test_a_file_that_holds_no_key_is_an_error_and_stays(db: sqlite3.Connection, data: Path, content: str) -> None:
    (data / ADMIN_KEY).write_text(content)
    with pytest.raises(StoreError, match="holds no key") as caught:
        ensure_admin_key(db, data, NOON)
    assert "Delete it" in caught.value.advice
    assert (data / ADMIN_KEY).read_text() == content
    assert list_keys(db) == []


def test_what_is_stored_of_scopes_is_json_for_people_who_look(db: sqlite3.Connection, data: Path) -> None:
    create_key(db, name="k", workloads=("a",), budgets=(KeyBudget(5, "day"),))
    other = sqlite3.connect(data / DATABASE)
    workloads, models, budgets = other.execute("SELECT workloads, models, budgets FROM keys").fetchone()
    other.close()
    assert json.loads(workloads) == ["a"]
    assert models is None
    assert json.loads(budgets) == [{"nano": 5, "per": "day", "hard": True}]
