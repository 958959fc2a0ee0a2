"""The pages of an export: everything that matters is on them, everything is escaped, and nothing is loaded from anywhere."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from freehold.cli.audit_contents import Opened
from freehold.cli.audit_page import Decision, Linked, Proved, decision_page, index_page
from freehold.cli.audit_policy import Change, InForce
from freehold.cli.audit_reasoning import Finding, Step
from freehold.ledger.entry import read_entry, write_entry

PROVED = Proved("log.example/test", 9, "log.example/test\n9\n", ("log.example/test+00",), (), 1_795_521_600_000)
EVIL = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>"
BODY: dict[str, Any] = {
    "began": 1_795_521_599_000,
    "caller": {"organisation": "acme", "project": "support", "key": "key_1"},
    "workload": "triage",
    "dialect": "openai-chat",
    "operation": "generate",
    "asked": "small",
    "deployment": "own/nano",
    "weights": "a" * 64,
    "policy": "b" * 64,
    "outcome": "answered",
    "status": 200,
    "finish": "stop",
    "streamed": True,
    "first_token_us": 120_000,
    "total_us": 1_340_000,
    "usage": {"input": 1200, "output": 30, "reasoning": 12, "estimated": True},
    "price": {"rates": {"input": 250_000_000}, "as_of": "2026-11-01", "source": "litellm"},
    "cost": 1_500_000,
    "attempts": [{"deployment": "openai/gpt-5-mini", "outcome": "failed", "status": 529, "us": 900, "hedge": True}],
    "dropped": ["logit_bias"],
    "durability": "disk",
    "subject": "c" * 64,
    "commitments": {"request": "d" * 64},
}


class Reader(HTMLParser):
    """The text of a page, and its tags; a tag that is closed out of turn is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta",):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += f"{data}\n"


def decision(body: dict[str, Any] | None = None, kind: str = "answer", **more: Any) -> Decision:
    leaf = write_entry(kind, more.pop("id", "rec_1"), 1_795_521_600_000, BODY if body is None else body)
    given: dict[str, Any] = {"place": 4, "name": "00000004-rec_1", "proof": None, "contents": None}
    return Decision(entry=read_entry(leaf), leaf=leaf, **{**given, **more})


@pytest.mark.parametrize(
    "fact",
    [
        "acme / support",
        "key_1",
        "triage",
        "generate over openai-chat",
        "own/nano",
        "a" * 64,
        "b" * 64,
        "c" * 64,
        "d" * 64,
        "1,200",
        "Freehold: the vendor did not report it",
        "$0.25 per million",
        "2026-11-01, from litellm",
        "$0.0015",
        "failed (hedge)",
        "529",
        "1.340 s",
        "logit_bias",
        "a power cut (disk)",
        "answered: with a whole answer",
        "2026-11-24 11:59:59.000 UTC",
        "4 of 9, counted from 0",
        "This entry is in the signed log",
        "nothing: no witness cosigned it",
    ],
)
def test_a_decision_shows_what_an_auditor_asks(fact: str) -> None:
    assert fact in Reader(decision_page(decision(), PROVED)).text.split("\n")


def everything(value: str) -> dict[str, Any]:
    """A body in which every text is the same."""

    def fill(inner: Any) -> Any:
        if isinstance(inner, dict):
            return {name: fill(one) for name, one in inner.items()}  # pyright: ignore[reportUnknownVariableType]
        if isinstance(inner, list):
            return [fill(one) for one in inner]  # pyright: ignore[reportUnknownVariableType]
        return value if isinstance(inner, str) else inner

    return fill(BODY)


def test_whatever_stands_in_an_entry_is_text_on_the_page() -> None:
    opened = Opened(
        "request", EVIL, "opens", bytes(32), b'{"messages":[{"role":"user","content":"<script>x</script>"}]}'
    )
    raw = Opened("response", EVIL, "opens", bytes(32), EVIL.encode())
    evil = decision(everything(EVIL), id=EVIL, proof=EVIL, contents=(opened, raw))
    proved = Proved(EVIL, 9, EVIL, (EVIL,), (EVIL,), 0)
    for page in (decision_page(evil, proved), index_page([evil], proved, [("workload", EVIL)])):
        found = Reader(page)
        assert {tag for tag, _ in found.tags}.isdisjoint({"script", "img", "link", "iframe", "object"})
        assert all(not name.startswith("on") for _, attributes in found.tags for name in attributes)
        assert EVIL in found.text


def test_pages_load_nothing_and_lead_only_to_each_other() -> None:
    for page in (decision_page(decision(), PROVED), index_page([decision()], PROVED, [])):
        targets = [
            value
            for _, attributes in Reader(page).tags
            for name, value in attributes.items()
            if name in ("href", "src")
        ]
        assert set(targets) <= {"../index.html", "decisions/00000004-rec_1.html"}
        assert not re.search(r"url\(|@import|https?://", page)


def test_pages_can_be_read_in_the_dark_and_printed() -> None:
    page = decision_page(decision(), PROVED)
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
    assert page.startswith('<!doctype html><html lang="en"><meta charset="utf-8">')


def test_a_receipt_that_does_not_hold_is_said_on_both_pages() -> None:
    bad = decision(proof="The proof does not lead from this entry.")
    page = Reader(decision_page(bad, PROVED)).text
    assert "receipt does not hold" in page
    assert "The proof does not lead from this entry." in page
    assert "1 of 2 receipts do not hold" in Reader(index_page([bad, decision()], PROVED, [])).text
    assert "all 2 receipts hold" in Reader(index_page([decision(), decision()], PROVED, [])).text


def test_contents_are_a_conversation_with_the_bytes_beside_it() -> None:
    said = b'{"messages":[{"role":"user","content":"Is claim 7 covered?"}]}'
    opened = (Opened("request", "d" * 64, "opens", bytes(32), said), Opened("response", "e" * 64, "erased"))
    text = Reader(decision_page(decision(contents=opened), PROVED)).text
    assert "Is claim 7 covered?\n" in text
    assert said.decode() in text
    assert "The response cannot be opened by anybody: its data subject was erased." in text


def test_other_entries_show_all_that_they_say() -> None:
    other = decision({"records": 2, "basis": "GDPR Art. 17", "who": {"by": "ops"}, "list": ["a", "b"]}, "erasure")
    text = Reader(decision_page(other, PROVED)).text.split("\n")
    assert {"basis", "GDPR Art. 17", "who.by", "ops", "a, b"} <= set(text)
    assert "Attempts" not in text


TRACE: dict[str, Any] = {
    "status": "checked",
    "chain": "shown",
    "steps": 2,
    "steps_checked": 1,
    "verified": 1,
    "refuted": 0,
}
STEPS = (
    Step(0, "17 x 3 = <b>51</b>", "sentence", "verified", (Finding("verified", "arithmetic", "2", "It is 51."),)),
    Step(1, "So 52.", "answer", "refuted", (Finding("refuted", "numbers", "1", "It is not.", "51"),)),
)


def linked(kind: str, body: dict[str, Any], name: str | None, steps: tuple[Step, ...] = ()) -> Linked:
    return Linked(read_entry(write_entry(kind, "rec_1", 1_795_521_600_000, body)), name, steps)


def test_an_answer_shows_how_it_reasoned_step_by_step_with_what_was_found() -> None:
    page = Reader(decision_page(decision(linked=linked("trace", TRACE, "00000005-rec_1", STEPS)), PROVED))
    lines = [line for line in page.text.split("\n") if line]
    first = lines.index("Step 1 ")
    assert lines[first : first + 8] == [
        "Step 1 ",
        "verified",
        "17 x 3 = <b>51</b>",
        "verified, by arithmetic/2: It is 51.",
        "The answer ",
        "refuted",
        "So 52.",
        "refuted, by numbers/1: It is not. (found: 51)",
    ]
    assert ("a", {"class": "mono", "href": "00000005-rec_1.html"}) in page.tags


def test_without_contents_there_are_the_counts_and_a_trace_leads_to_its_answer() -> None:
    page = Reader(decision_page(decision(TRACE, "trace", linked=linked("answer", BODY, "00000003-rec_1")), PROVED))
    assert ("a", {"class": "mono", "href": "00000003-rec_1.html"}) in page.tags
    text = page.text.split("\n")
    assert text[text.index("Claims verified") + 1] == "1"
    assert "Step 1 " not in text
    alone = Reader(decision_page(decision(linked=linked("trace", TRACE, None)), PROVED)).text
    assert " (not in this export)" in alone


def test_the_policy_says_what_it_means_for_the_workload_and_what_it_changed() -> None:
    policy = InForce(
        digest="b" * 64,
        text=b'{"workloads":{"triage":{"route":[{"model":"own/<nano>"}]},"other":{"retries":7}}}',
        since=1_795_521_000_000,
        before="e" * 64,
        changes=(Change("workloads.triage.retries", None, "2"),),
    )
    page = Reader(decision_page(decision(policy=policy), PROVED))
    text = page.text.split("\n")
    assert text[text.index("route.0.model") + 1] == '"own/<nano>"'
    assert "retries" not in text
    at = text.index("workloads.triage.retries")
    assert text[at : at + 3] == ["workloads.triage.retries", "(not set)", "2"]
    assert ("a", {"href": f"../policies/{'b' * 64}.json"}) in page.tags
    lost = InForce(digest="b" * 64, text=None)
    assert "No entry says since when; its text was not kept." in Reader(
        decision_page(decision(policy=lost), PROVED)
    ).text.split("\n")
