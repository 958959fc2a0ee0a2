"""How the process that watches canaries and shadows asks judges: through the running door, by the default workload, each workload
on a key of its own.

    DATA/judges/WORKLOAD        the key's secret, 0600

The key can ask the workload's judges only, within the budget of its `judging`, which the door holds. It outlives this process,
so that no death gives a budget anew; another budget or other judges make another key.
"""

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from freehold.cli.running import find_door
from freehold.config.settings import Settings, Workload
from freehold.errors import FreeholdError, NotConfigured
from freehold.graders.grader import Answer, Ask
from freehold.ledger.folder import write_private
from freehold.store.callers import Key, KeyBudget, create_key, digest, list_keys, load_keys, revoke_key
from freehold.store.folder import make_private
from freehold.trials.asking import CHAT, EMBEDDINGS, Asker, Door, Failed, Question
from freehold.trials.labelled_trials import PROBE
from freehold.trials.plan import Arm
from freehold.trials.planning import judges_in
from freehold.trials.wallet import Wallet

JUDGES = "judges"
PROJECT = "trials"
"""What judges cost is measuring, and in no share of `freehold report`."""

SILENT_SECONDS = 60.0
"""Between two lines of the log about judges of a workload that do not answer."""

log = logging.getLogger("freehold.judges")


class _Desk(Struct):
    """How one workload asks now, and by which settings."""

    url: str
    job: Workload
    asker: Asker


class JudgeDoor:
    """Asks judges for workloads. Made and used inside its event loop; `tell` has the workers read the keys anew."""

    def __init__(
        self, data: Path, db: sqlite3.Connection, settings: Callable[[], Settings], tell: Callable[[], object]
    ) -> None:  # fmt: skip
        self._data = data
        self._db = db
        self._settings = settings
        self._tell = tell
        self._desks: dict[str, _Desk] = {}
        self._silent_until: dict[str, float] = {}

    async def ask(self, workload: str, ask: Ask) -> Answer:
        """The answer to one question; None where there is none, which is said once a minute."""
        try:
            answer = await self._asker(workload).ask(_question(ask))
        except FreeholdError as error:
            return self._without(workload, error.sentence)
        if isinstance(answer, Failed):
            return self._without(workload, answer.reason)
        return answer.vector if ask.operation == "embed" else answer.given.text

    def close(self) -> None:
        """Ends every connection."""
        for desk in self._desks.values():
            desk.asker.close()

    def _asker(self, workload: str) -> Asker:
        job = self._settings().workloads.get(workload)
        if job is None or job.judging is None:
            raise NotConfigured(f"The workload {workload} has no judging any more.")
        url = find_door(None, "unused", self._data).url
        known = self._desks.get(workload)
        if known is not None and (known.url, known.job.judging, known.job.graders) == (url, job.judging, job.graders):
            return known.asker
        if known is not None:
            known.asker.close()
        key = judge_key(self._data, self._db, job, self._tell)
        asker = Asker(Door(url, key), Wallet(None), concurrency=job.judging.concurrency)
        self._desks[workload] = _Desk(url, job, asker)
        return asker

    def _without(self, workload: str, reason: str) -> None:
        now = time.monotonic()
        if now >= self._silent_until.get(workload, 0.0):
            log.warning("judges of %s give no answer, and answers go without a grade: %s", workload, reason)
            self._silent_until[workload] = now + SILENT_SECONDS


def judge_key(data: Path, db: sqlite3.Connection, job: Workload, tell: Callable[[], object]) -> str:
    """The secret of the key that a workload's judges are asked with; the one there is, where it is still right."""
    budgets = tuple(KeyBudget(one.nano, one.per, one.hard) for one in job.judging.budget) if job.judging else ()
    models = tuple(sorted(judges_in(job.graders, [PROBE])))
    name = f"judges of {job.name}"
    path = make_private(data / JUDGES) / quote(job.name, safe="")
    secret = path.read_text().strip() if path.exists() else ""
    known = load_keys(db).get(digest(secret)) if secret else None
    if known is not None and _is_right(known, models, budgets):
        return secret
    for key in list_keys(db):
        if key.name == name and key.project == PROJECT and key.revoked_at is None:
            revoke_key(db, key.id)
    _, secret = create_key(db, name=name, project=PROJECT, models=models, budgets=budgets)
    path.unlink(missing_ok=True)
    write_private(path, secret.encode())
    tell()
    return secret


def _is_right(key: Key, models: tuple[str, ...], budgets: tuple[KeyBudget, ...]) -> bool:
    return key.revoked_at is None and (key.models, key.budgets) == (models, budgets)


def _question(ask: Ask) -> Question:
    body = {name: value for name, value in ask.body.items() if name != "model"}
    return Question(
        arm=Arm(model=str(ask.body["model"])), body=body, path=CHAT if ask.operation == "chat" else EMBEDDINGS
    )
