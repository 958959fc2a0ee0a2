"""The process that checks: which verifiers it asks, which it does without, and what it answers through its pipe."""

import io
from typing import Any, ClassVar

import msgspec
import pytest
from msgspec.structs import replace

from freehold.errors import NotConfigured
from freehold.gateway import checker
from freehold.gateway.checker import Checker, Ready, frame, serve
from freehold.gateway.traces import Checked, Task
from freehold.ledger.commitments import verify
from freehold.reasoning.arithmetic import Arithmetic
from freehold.reasoning.schema import Schema
from freehold.reasoning.trace import Finding, Step
from freehold.reasoning.verifier import Context, Sample, finding

TASK = Task(
    id="rec_1",
    mode="after",
    workload="triage",
    keep_until=1_800_000_000,
    chain="First 2 + 2 = 4. Then 4 * 3 = 13.",
    chain_is="shown",
    answer="It is 13.",
    question="How much is (2 + 2) * 3?",
    documents={},
)


class Liar:
    """Verifies everything, its own corrupted sample too."""

    name: ClassVar[str] = "liar"
    version: ClassVar[str] = "1"
    late: ClassVar[bool] = False
    samples: ClassVar[tuple[Sample, ...]] = (
        Sample("gold", "a"),
        Sample("corrupted", "b"),
        Sample("garbage", ""),
    )

    def check(self, step: Step, context: Context) -> list[Finding]:
        return [finding(self, step, (0, 1), "verified", "", "")]

    def close(self) -> None:
        return


class Broken(Liar):
    name: ClassVar[str] = "broken"

    def check(self, step: Step, context: Context) -> list[Finding]:
        raise RuntimeError("broken")


def test_a_task_becomes_counts_and_a_document_that_opens_their_commitment() -> None:
    checked = Checker([Arithmetic()], {}).check(TASK)
    assert (checked.body["status"], checked.body["chain"], checked.body["steps"]) == ("checked", "shown", 3)
    assert checked.body["verifiers"] == {"arithmetic/2": {"verified": 1, "refuted": 1}}
    assert 0 <= checked.body["took_us"] < 60_000_000
    verify(bytes.fromhex(checked.body["commitments"]["trace"]), checked.salt, checked.document)
    told: dict[str, Any] = msgspec.json.decode(checked.document)
    assert [step["verdict"] for step in told["trace"]] == ["verified", "refuted", "not_checkable"]
    assert told["trace"][1]["findings"][0]["reason"] == "The value is 12, not 13."
    assert "commitments" not in told


def test_the_same_task_twice_has_two_commitments() -> None:
    first, second = (Checker([Arithmetic()], {}).check(TASK) for _ in range(2))
    assert first.body["commitments"] != second.body["commitments"]


@pytest.mark.parametrize(
    ("schema", "answer", "verdict"),
    [
        ('{"type":"object","required":["age"]}', '{"age":1}', "verified"),
        ('{"type":"object","required":["age"]}', "{}", "refuted"),
        ("true", "7", "verified"),
        ("false", "7", "refuted"),
    ],
)
def test_the_answer_is_held_against_the_schema(schema: str, answer: str, verdict: str) -> None:
    verifier = Schema()
    try:
        checked = Checker([verifier], {}).check(replace(TASK, answer=answer, schema=schema))
    finally:
        verifier.close()
    assert checked.body["verifiers"] == {"schema/1": {verdict: 1}}


def test_verifiers_that_lack_their_extra_or_fail_their_test_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        checker, "available", lambda: ([Arithmetic(), Liar(), Broken()], {"units": "pint cannot be imported"})
    )
    ready = Checker.load().ready
    assert ready.verifiers == ("arithmetic/2",)
    assert ready.missing == {"broken": "failed-self-test", "liar": "failed-self-test", "units": "not-configured"}
    assert Checker.load().check(TASK).body["missing"] == ready.missing


def test_without_the_extra_what_needs_it_is_missing_and_the_rest_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_there(name: str) -> Any:
        raise NotConfigured(f"{name} is not installed.")

    for module in ("algebra", "final_answer", "units"):
        monkeypatch.setattr(f"freehold.reasoning.{module}.library", not_there)
    monkeypatch.setattr("freehold.reasoning.schema.require", not_there)
    loaded = Checker.load()
    try:
        assert set(loaded.ready.missing) >= {"algebra", "schema"}
        assert set(loaded.ready.missing.values()) == {"not-configured"}
        body = loaded.check(TASK).body
    finally:
        loaded.close()
    assert body["missing"] == loaded.ready.missing
    assert body["refuted"] >= 1


def test_it_says_what_it_has_and_answers_until_its_pipe_closes() -> None:
    out = io.BytesIO()
    tasks = io.BytesIO(frame(TASK) + frame(replace(TASK, id="rec_2", chain="", schema="{}")) + b"\x00\x00")
    serve(tasks, out, Checker([Arithmetic()], {"units": "not-configured"}))
    messages = unframed(out.getvalue())
    assert msgspec.json.decode(messages[0], type=Ready) == Ready(("arithmetic/2",), {"units": "not-configured"})
    answers = [msgspec.json.decode(message, type=Checked) for message in messages[1:]]
    assert [msgspec.json.decode(answer.document)["id"] for answer in answers] == ["rec_1", "rec_2"]
    assert [answer.body["steps"] for answer in answers] == [3, 1]


def unframed(data: bytes) -> list[bytes]:
    messages: list[bytes] = []
    while data:
        end = 4 + int.from_bytes(data[:4], "big")
        messages.append(data[4:end])
        data = data[end:]
    return messages
