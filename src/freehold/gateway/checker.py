"""The process that checks traces: started by a worker's `tracer.py`, not by people.

    python -m freehold.gateway.checker

It exists because verifiers compute on a model's words for as long as these make them: in the worker they would hold up
every other answer, and nothing could end one that never returns. It asks every verifier to
prove itself before it may judge, then steps back behind the workers (not before: what is imported for that takes seconds of
a core, which a machine under load would not give to one that stands back), and ends when the worker's end of the pipe closes.

Messages are JSON, each behind its length in four bytes, big-endian: first ours that says `Ready`, then a `Task` for each
`Checked`. What is written to standard output by a library goes to standard error.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping
from typing import Any, BinaryIO, Final

import msgspec
from msgspec import Struct

from freehold.errors import FreeholdError
from freehold.gateway.frames import frame, read_frame
from freehold.gateway.traces import TRACE, Checked, Task, body_of, document_of
from freehold.ledger.commitments import commit_fields
from freehold.reasoning import available
from freehold.reasoning.check import SECONDS, check_trace
from freehold.reasoning.verifier import Context, Verifier, self_test

NICE: Final = 10

NOT_CONFIGURED: Final = "not-configured"
FAILED_SELF_TEST: Final = "failed-self-test"


class Ready(Struct, frozen=True):
    """The verifiers that will be asked, as `name/version`, and why others will not, by name."""

    verifiers: tuple[str, ...]
    missing: dict[str, str]


class Checker:
    """The verifiers of one process."""

    def __init__(self, verifiers: list[Verifier], missing: Mapping[str, str]) -> None:
        self._verifiers = verifiers
        self.ready = Ready(tuple(f"{one.name}/{one.version}" for one in verifiers), dict(missing))

    @classmethod
    def load(cls) -> "Checker":
        """All verifiers that can be made here and pass their own test. Raises ConfigError."""
        made, lacking = available()
        missing = dict.fromkeys(lacking, NOT_CONFIGURED)
        proven = [one for one in made if _proves_itself(one)]
        missing |= dict.fromkeys([one.name for one in made if one not in proven], FAILED_SELF_TEST)
        return cls(proven, dict(sorted(missing.items())))

    def check(self, task: Task, seconds: float = SECONDS) -> Checked:
        """Checks one answer, for about this long at most."""
        began = time.monotonic()
        context = Context(
            question=task.question, documents=task.documents, answer=task.answer, schema=_schema(task.schema)
        )
        trace = check_trace(task.chain, context, self._verifiers, seconds=seconds)
        us = int((time.monotonic() - began) * 1_000_000)
        body = body_of(task, trace, self.ready.verifiers, self.ready.missing, us)
        document = document_of(task.id, body, trace)
        committed = commit_fields({TRACE: document})
        commitments = {TRACE: committed.commitments[TRACE].hex()}
        return Checked(body={**body, "commitments": commitments}, document=document, salt=committed.salts[TRACE])

    def close(self) -> None:
        """Ends what the verifiers have started."""
        for one in self._verifiers:
            one.close()


def serve(tasks: BinaryIO, out: BinaryIO, checker: Checker) -> None:
    """Answers until the pipe closes."""
    out.write(frame(checker.ready))
    out.flush()
    while (message := read_frame(tasks)) is not None:
        out.write(frame(checker.check(msgspec.json.decode(message, type=Task))))
        out.flush()


def main() -> None:
    """Runs until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        with contextlib.closing(Checker.load()) as checker:
            os.nice(NICE)
            serve(sys.stdin.buffer, out, checker)
    except FreeholdError as error:
        sys.exit(f"Traces cannot be checked: {error.sentence}")


def _proves_itself(verifier: Verifier) -> bool:
    try:
        return not self_test(verifier)
    except Exception:  # a third party's code may raise anything; it is named as missing
        return False


def _schema(written: str | None) -> Mapping[str, Any] | None:
    """The schema as the verifiers take it; `true` and `false` are schemas too, and permit anything and nothing."""
    if written is None:
        return None
    schema: object = msgspec.json.decode(written)
    if isinstance(schema, bool):
        return {} if schema else {"not": {}}
    return schema if isinstance(schema, dict) else None  # pyright: ignore[reportUnknownVariableType]


if __name__ == "__main__":
    main()
