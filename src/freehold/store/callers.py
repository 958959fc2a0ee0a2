"""Who may call the door: organisations, their projects, and the projects' keys.

It knows nothing of requests. It exists so that a secret is seen once, when it is made, and never stored: what is kept is
its SHA-256. A slow hash would add nothing, since the secret is 256 random bits and cannot be guessed, and it would cost
every request. A worker holds all keys in one dict by digest; looking one up compares digests that a caller cannot choose,
so its timing tells nothing of use.
"""

import hashlib
import secrets
import sqlite3
import string
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from freehold.errors import ExpiredKey, InvalidField, NotFound, RevokedKey, StoreError
from freehold.messages import MOST_EXACT
from freehold.store.database import transaction
from freehold.store.events import keep_event
from freehold.store.folder import ADMIN_KEY, make_private, write_once
from freehold.store.scopes import PERIODS, Period

Role = Literal["admin", "member"]

SECRET_START = "fh_"  # noqa: S105 (what every secret begins with)
SECRET_LENGTH = 43
"""62 ** 43 > 2 ** 256."""
PREFIX_LENGTH = 8

_ALPHABET = string.digits + string.ascii_letters
_NAME_LENGTH = 200
_LAST = 253_402_300_800
"""The Unix second at which the year 10000 begins, which no calendar of ours knows."""
_SELECT = """
    SELECT k.digest, k.id, k.name, p.organisation, k.project, k.role, k.prefix, k.created_at, k.expires_at, k.revoked_at,
        k.workloads, k.models, k.budgets, k.requests_per_minute, k.tokens_per_minute
    FROM keys k JOIN projects p ON p.name = k.project
"""


class KeyBudget(Struct, frozen=True):
    """A budget of one key: `nano` nano-dollars per calendar day or month (UTC); hard refuses, soft only warns."""

    nano: int
    per: Period
    hard: bool = True


class Key(Struct, frozen=True, kw_only=True):
    """One key, without its secret. `prefix` is how its secret goes on after `fh_`, for people. Times are Unix seconds.

    `workloads` are the names it may use and `models` the globs of `vendor/model` it may use; None means all.
    """

    id: str
    name: str
    organisation: str
    project: str
    role: Role
    prefix: str
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    workloads: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None
    budgets: tuple[KeyBudget, ...] = ()
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    def require_live(self, now: float) -> None:
        """Raises RevokedKey or ExpiredKey when the key is no longer good at `now`."""
        if self.revoked_at is not None and self.revoked_at <= now:
            raise RevokedKey("This key has been revoked.")
        if self.expires_at is not None and self.expires_at <= now:
            raise ExpiredKey("This key has expired.")

    def may_use_workload(self, workload: str) -> bool:
        """Whether the workload is in the key's scope."""
        return self.workloads is None or workload in self.workloads

    def may_use_model(self, model: str) -> bool:
        """Whether `vendor/model` is in the key's scope."""
        return self.models is None or any(fnmatchcase(model, pattern) for pattern in self.models)


def digest(secret: str | bytes) -> bytes:
    """What a secret is known by: its SHA-256."""
    return hashlib.sha256(secret.encode(errors="replace") if isinstance(secret, str) else secret).digest()


def create_key(
    db: sqlite3.Connection,
    *,
    name: str,
    organisation: str = "default",
    project: str = "default",
    role: Role = "member",
    expires_at: float | None = None,
    workloads: tuple[str, ...] | None = None,
    models: tuple[str, ...] | None = None,
    budgets: tuple[KeyBudget, ...] = (),
    requests_per_minute: int | None = None,
    tokens_per_minute: int | None = None,
    now: float | None = None,
) -> tuple[Key, str]:
    """A new key and its secret, which nothing can show again. Makes the organisation and the project where they are new.

    Raises InvalidField for values that mean nothing, and when the project belongs to another organisation.
    """
    secret = SECRET_START + "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_LENGTH))
    key = Key(
        id=f"key_{secrets.token_hex(8)}",
        name=name,
        organisation=organisation,
        project=project,
        role=role,
        prefix=_prefix(secret),
        created_at=time.time() if now is None else now,
        expires_at=expires_at,
        workloads=workloads,
        models=models,
        budgets=budgets,
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
    )
    _insert(db, key, digest(secret))
    return key, secret


def revoke_key(db: sqlite3.Connection, key_id: str, now: float | None = None) -> Key:
    """The key with that id, revoked from now on; one that was revoked before keeps its time. Raises NotFound."""
    with transaction(db):
        changed = db.execute(
            "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
            (time.time() if now is None else now, key_id),
        )
        if changed.rowcount:
            keep_event(db, "key.revoked", key_id, {}, now)
        found = db.execute(f"{_SELECT} WHERE k.id = ?", (key_id,)).fetchone()
    if found is None:
        raise NotFound(f"There is no key with the id {key_id!r}.", "`freehold keys list` shows the ids.")
    return _key(found[1:])


def list_keys(db: sqlite3.Connection) -> list[Key]:
    """Every key, oldest first."""
    return list(load_keys(db).values())


def load_keys(db: sqlite3.Connection) -> dict[bytes, Key]:
    """Every key by the digest of its secret: the table that a worker holds in memory. Revoked and expired keys are in it,
    so that their callers can be told what is wrong."""
    rows = db.execute(f"{_SELECT} ORDER BY k.created_at, k.id")
    return {row[0]: _key(row[1:]) for row in rows}


def ensure_admin_key(db: sqlite3.Connection, data_dir: Path, now: float | None = None) -> Key | None:
    """The admin key whose secret stands in `DATA/admin.key`, made when there is no admin key yet.

    A secret found in the file is kept, and entered where the database does not know it (a death between the two, a new
    database). None when the file is gone and other admin keys are good. Raises StoreError when the file holds no secret.
    """
    now = time.time() if now is None else now
    path = make_private(data_dir) / ADMIN_KEY
    known = load_keys(db)
    if not path.exists():
        if any(key.role == "admin" and _is_live(key, now) for key in known.values()):
            return None
        fresh = SECRET_START + "".join(secrets.choice(_ALPHABET) for _ in range(SECRET_LENGTH))
        write_once(path, fresh.encode() + b"\n")
    path.chmod(0o600)
    secret = path.read_text(encoding="utf-8", errors="replace").strip()
    if not secret.startswith(SECRET_START) or len(secret) < len(SECRET_START) + SECRET_LENGTH:
        raise StoreError(f"{path} holds no key.", "Delete it; the next start then writes a new one.")
    found = known.get(digest(secret))
    if found is not None:
        return found
    key = Key(
        id=f"key_{secrets.token_hex(8)}",
        name="admin",
        organisation="default",
        project="default",
        role="admin",
        prefix=_prefix(secret),
        created_at=now,
    )
    _insert(db, key, digest(secret))
    return key


def _is_live(key: Key, now: float) -> bool:
    return (key.revoked_at is None or key.revoked_at > now) and (key.expires_at is None or key.expires_at > now)


def _prefix(secret: str) -> str:
    return secret[len(SECRET_START) : len(SECRET_START) + PREFIX_LENGTH]


def _insert(db: sqlite3.Connection, key: Key, of_secret: bytes) -> None:
    _require_sense(key)
    encode = msgspec.json.encode
    with transaction(db):
        db.execute("INSERT INTO organisations VALUES (?, ?) ON CONFLICT DO NOTHING", (key.organisation, key.created_at))
        db.execute(
            "INSERT INTO projects VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (key.project, key.organisation, key.created_at),
        )
        (owner,) = db.execute("SELECT organisation FROM projects WHERE name = ?", (key.project,)).fetchone()
        if owner != key.organisation:
            raise InvalidField(
                f"The project {key.project!r} belongs to the organisation {owner!r}, not to {key.organisation!r}.",
                "Name that organisation, or choose another project.",
                param="project",
            )
        db.execute(
            "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                key.id,
                key.name,
                key.project,
                key.role,
                key.prefix,
                of_secret,
                key.created_at,
                key.expires_at,
                key.revoked_at,
                None if key.workloads is None else encode(key.workloads).decode(),
                None if key.models is None else encode(key.models).decode(),
                encode(key.budgets).decode(),
                key.requests_per_minute,
                key.tokens_per_minute,
            ),
        )
        keep_event(db, "key.created", key.id, _told(key), key.created_at)


def _told(key: Key) -> dict[str, Any]:
    """What an event says of a key: what it may do, in whole numbers and text. A number that JSON cannot hold exactly is text: the
    ledger would set the event aside, and have no entry of the key."""
    told: dict[str, Any] = {"organisation": key.organisation, "project": key.project, "role": key.role}
    if key.expires_at is not None:
        told["expires_at"] = int(key.expires_at * 1000)
    for name in ("workloads", "models"):
        if getattr(key, name) is not None:
            told[name] = list(getattr(key, name))
    if key.budgets:
        told["budgets"] = [{"nano": _exact(one.nano), "per": one.per, "hard": one.hard} for one in key.budgets]
    for name in ("requests_per_minute", "tokens_per_minute"):
        if getattr(key, name) is not None:
            told[name] = _exact(getattr(key, name))
    return told


def _exact(number: int) -> int | str:
    return number if number <= MOST_EXACT else str(number)


def _require_sense(key: Key) -> None:
    for param in ("name", "organisation", "project"):
        value: str = getattr(key, param)
        if not value.strip() or len(value) > _NAME_LENGTH or not value.isprintable():
            raise InvalidField(
                f"{value!r} is no name for this key's {param}.",
                f"Use 1 to {_NAME_LENGTH} printable characters.",
                param=param,
            )
    if key.role not in ("admin", "member"):
        raise InvalidField(f"There is no role {key.role!r}.", "Roles are admin and member.", param="role")
    if key.expires_at is not None and not key.expires_at > key.created_at:  # Which NaN is not, either.
        raise InvalidField("The key would have expired before it exists.", "Let it expire later.", param="expires_at")
    if key.expires_at is not None and key.expires_at >= _LAST:
        raise InvalidField(
            "The key would expire after the year 9999.",
            "Leave the time out for a key that never expires.",
            param="expires_at",
        )
    for param in ("workloads", "models"):
        for value in getattr(key, param) or ():
            if not value or not value.isprintable():
                raise InvalidField(
                    f"{value!r} is nothing that {param} can be.", "Use printable characters.", param=param
                )
    for budget in key.budgets:
        if budget.nano < 0 or budget.per not in PERIODS:
            raise InvalidField(
                f"{budget.nano} nano-dollars per {budget.per} is no budget.",
                "A budget is 0 or more, per day or month.",
                param="budgets",
            )
    for param in ("requests_per_minute", "tokens_per_minute"):
        limit: int | None = getattr(key, param)
        if limit is not None and not 1 <= limit < 2**63:
            raise InvalidField(
                f"{param} is {limit}.", "A limit is at least 1 and below 2^63; leave it out for none.", param=param
            )


def _key(row: tuple[object, ...]) -> Key:
    fields = dict(zip(Key.__struct_fields__, row, strict=True))
    for name in ("workloads", "models", "budgets"):
        kept = fields[name]
        fields[name] = None if kept is None else msgspec.json.decode(str(kept))
    return msgspec.convert(fields, Key)
