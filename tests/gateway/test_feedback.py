"""Feedback over HTTP: who may say what of which answer, and what is kept of it."""

import contextlib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from freehold.cli.audit import OpenLedger
from freehold.cli.audit_contents import open_fields, shelf
from freehold.errors import InvalidField, MalformedBody
from freehold.gateway.erasures import erase
from freehold.gateway.feedback import Feedback, Said
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.ledger.commitments import verify
from freehold.ledger.contents import Contents
from freehold.ledger.subjects import Subjects
from freehold.store.callers import create_key
from freehold.store.database import open_database
from freehold.store.items import LabelRow, labels_since
from gateway.door_in_process import Answer, Door, running
from gateway.test_capture import CHAT, Kept, asking
from gateway.test_traces_door import entries

NOBODY = "rec_" + "0" * 32


TOML = """
[vendors.echo]

[workloads.default]
route = ["requested"]

[workloads.triage]
route = ["echo/echo"]
"""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncGenerator[Door]:
    async with running(tmp_path, TOML) as found:
        yield found


async def answered(door: Door, **headers: str) -> str:
    """The id of an answer that is in the store."""
    answer = await door.post(CHAT, asking(CHAT, "Hello"), x_freehold_workload="triage", **headers)
    assert answer.status == 200
    door.write_ledger()
    return answer.headers["x-freehold-receipt"]


async def say(door: Door, record: str, **said: Any) -> Answer:
    return await door.post("/v1/feedback", {"id": record, **said})


def labels(door: Door) -> list[LabelRow]:
    door.write_ledger()
    with contextlib.closing(open_database(door.data)) as db:
        return labels_since(db, 0, 100)


def key_of(data: Path, name: str, project: str, **more: Any) -> str:
    with contextlib.closing(open_database(data)) as db:
        return create_key(db, name=name, project=project, **more)[1]


async def test_feedback_becomes_a_label_of_the_answer(door: Door) -> None:
    record = await answered(door)
    told: list[tuple[dict[str, Any], float | None]] = [
        ({"score": 0.25}, 0.25),
        ({"score": 1}, 1.0),
        ({"thumbs": "up"}, 1.0),
        ({"thumbs": "down"}, 0.0),
        ({"corrected": "5"}, None),
    ]
    for said, score in told:
        answer = await say(door, record, **said)
        assert (answer.status, answer.json["about"], answer.json["status"]) == (202, record, "accepted")
        label = labels(door)[-1]
        assert (label.id, label.record, label.source) == (answer.json["id"], record, "feedback")
        assert (label.score, label.sealed, label.model) == (score, "corrected" in said, "echo/echo")
        assert label.author.startswith("key_")
    assert len(labels(door)) == 5


async def test_the_ledger_has_the_score_and_a_commitment_and_the_words_are_sealed(door: Door) -> None:
    record = await answered(door, x_freehold_subject="patient-7")
    await say(door, record, score=0.5, comment="Not quite, ask ann@example.com", corrected="Yes, by clause 4.")
    [label] = labels(door)
    [entry] = [one for one in entries(door.data) if one.kind == "feedback"]
    assert (entry.id, entry.body["label"], entry.body["score_ppm"]) == (record, label.id, 500_000)
    assert (entry.body["workload"], entry.body["subject"]) == ("triage", label.subject)
    assert "ann@example.com" not in str(entry.body)
    folder = LedgerFolder(door.data)
    with (
        contextlib.closing(Subjects(folder.subjects, folder.master_key)) as subjects,
        contextlib.closing(Contents(folder.contents, subjects)) as contents,
    ):
        kept = contents.read(f"label:{label.id}").fields
    assert kept["corrected"].content == b"Yes, by clause 4."
    for name, commitment in entry.body["commitments"].items():
        verify(bytes.fromhex(commitment), kept[name].salt, kept[name].content or b"")
    with shelf(OpenLedger(door.data)) as found:
        assert [one.state for one in open_fields(found, entry)] == ["opens", "opens"], "an auditor opens them too"
    erase(door.data, "patient-7", "a basis")
    assert labels(door) == []


async def test_somebody_may_say_more_than_once(door: Door) -> None:
    record = await answered(door)
    for thumbs in ("up", "down"):
        await say(door, record, thumbs=thumbs, comment="again")
    assert [label.score for label in labels(door)] == [1.0, 0.0]


async def test_a_record_that_is_still_on_its_way_is_waited_for(door: Door) -> None:
    answer = await door.post(CHAT, asking(CHAT, "Hello"), x_freehold_workload="triage")
    record = answer.headers["x-freehold-receipt"]
    feedback = Feedback(door.data, Kept())
    with contextlib.closing(open_database(door.data)) as db:
        key = create_key(db, name="a", project="default", role="admin")[0]
    now = int(record[4:16], 16) / 1000
    assert feedback.find(Said(id=record, score=1.0), key, now + 1) is None
    door.write_ledger()
    found = feedback.find(Said(id=record, score=1.0), key, now + 1)
    assert found is not None
    assert found.id == record


# --- who may ---


async def test_a_key_speaks_of_its_own_projects_answers_and_an_admin_of_all(door: Door) -> None:
    ours, theirs = key_of(door.data, "a", "ours"), key_of(door.data, "b", "theirs")
    door.worker.counters.bump()
    record = await answered(door, authorization=f"Bearer {ours}")
    said = {"id": record, "score": 1}
    assert (await door.post("/v1/feedback", said, authorization=f"Bearer {theirs}")).status == 404
    assert (await door.post("/v1/feedback", said, authorization=f"Bearer {ours}")).status == 202
    assert (await door.post("/v1/feedback", said)).status == 202
    assert (await door.post("/v1/feedback", said, authorization="Bearer nobody")).status == 401


async def test_the_rates_of_a_key_apply(door: Door) -> None:
    secret = key_of(door.data, "a", "default", requests_per_minute=3)
    door.worker.counters.bump()
    record = await answered(door, authorization=f"Bearer {secret}")
    said = {"id": record, "score": 1}
    answers = [await door.post("/v1/feedback", said, authorization=f"Bearer {secret}") for _ in range(4)]
    assert [one.status for one in answers] == [202, 202, 429, 429]
    assert "retry-after" in answers[-1].headers


REFUSED = [
    (b"{", "malformed-body"),
    (b'{"score": 1}', "invalid-field"),
    (b'{"id": "x", "score": 1, "thumbs": "up"}', "invalid-field"),
    (b'{"id": "x", "score": 1.5}', "invalid-field"),
    (b'{"id": "x", "score": -0.1}', "invalid-field"),
    (b'{"id": "x", "thumbs": "sideways"}', "invalid-field"),
    (b'{"id": "x", "comment": "well"}', "invalid-field"),
    (b'{"id": "x", "scroe": 1}', "invalid-field"),
    (b'{"id": "rec_1", "score": 1}', "not-found"),
    (f'{{"id": "{NOBODY}", "score": 1}}'.encode(), "not-found"),
]


async def test_what_cannot_be_feedback_is_refused(door: Door) -> None:
    for body, code in REFUSED:
        answer = await door.post("/v1/feedback", body)
        assert (answer.json["error"]["code"], answer.status in (400, 404)) == (code, True), body


async def test_an_answer_that_there_was_not_cannot_be_spoken_of(door: Door) -> None:
    refused = await door.post(CHAT, asking(CHAT, "Hello", model="down"), x_freehold_workload="default")
    assert refused.status != 200
    door.write_ledger()
    assert (await say(door, refused.headers["x-freehold-receipt"], score=1)).json["error"]["code"] in (
        "invalid-field",
        "not-found",
    )
    assert labels(door) == []


async def test_it_takes_post(door: Door) -> None:
    answer = await door.get("/v1/feedback")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_without_the_ledger_there_is_no_feedback(tmp_path: Path) -> None:
    async with running(tmp_path, "[vendors.echo]\n[ledger]\nenabled = false\n") as door:
        answer = await say(door, NOBODY, score=1)
        assert (answer.status, answer.json["error"]["code"]) == (503, "not-configured")


def test_words_have_a_length_that_can_be_kept(tmp_path: Path) -> None:
    feedback = Feedback(tmp_path, Kept())
    with pytest.raises(InvalidField):
        feedback.read(b'{"id": "x", "score": 1, "comment": "' + b"x" * 70_000 + b'"}')
    with pytest.raises(MalformedBody):
        feedback.read(b'{"id": "\xff"}')
