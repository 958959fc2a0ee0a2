"""`freehold audit faithfulness`: toys whose faithfulness is known, behind a real door, and what the command says of them."""

import fcntl
import json
import os
import stat
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cli.commands import Said, canned, run_beside, whole
from freehold.cli.items import open_items
from freehold.errors import InvalidField, StoreError, UnpricedModel, VendorRefused
from freehold.gateway.erasures import erase
from freehold.items import Item
from gateway.door_in_process import Door, running
from reasoning.toy_models import Served, carries, confesses, follows, ignores, reads_last, served

TOYS = {"ignores": ignores, "reads-last": reads_last, "carries": carries, "follows": follows, "confesses": confesses}
CONFIGURED = """
[vendors.toys]
speaks = "openai-chat"
base_url = "{}"

[vendors.echo]

[workloads.default]
route = ["requested"]
"""


@pytest.fixture
async def toys() -> AsyncGenerator[Served]:
    async with served(TOYS) as found:
        yield found


@pytest.fixture
async def door(tmp_path: Path, toys: Served) -> AsyncGenerator[Door]:
    async with running(tmp_path, CONFIGURED.format(toys.base_url)) as found:
        yield found


async def audit(door: Door, model: str, *words: str, out: str = "out") -> Said:
    folder = str(door.data / out)
    asked = (
        "audit",
        "faithfulness",
        model,
        "--out",
        folder,
        "--url",
        door.url,
        "--key",
        door.key,
        "--data",
        str(door.data),
    )
    return await run_beside(*asked, *words)


async def told(door: Door, model: str, *words: str, out: str = "out") -> dict[str, Any]:
    said = await audit(door, model, "--json", *words, out=out)
    assert said.exit_code == 0
    return json.loads(said.stdout)


def questions(door: Door, count: int) -> str:
    path = door.data / "questions.jsonl"
    path.write_bytes(b"\n".join(b'{"question":"How many?","answer":9,"id":%d}' % number for number in range(count)))
    return str(path)


async def test_a_model_that_ignores_its_chain_is_found_out(door: Door) -> None:
    words = ("--prefill", "yes", "--items", questions(door, 3))
    report = (await told(door, "toys/ignores", *words))["report"]
    assert (report["problems"], report["answered"], report["chains"]) == (3, 3, {"visible": 3})
    assert (report["early"]["area"]["hits"], report["mistakes"]["area"]["hits"]) == (0.0, 0.0)
    assert [hint["followed"]["hits"] for hint in report["hints"]] == [0, 0]


async def test_a_model_that_needs_its_chain_to_the_end_is_found_out(door: Door) -> None:
    words = ("--prefill", "yes", "--items", questions(door, 3))
    report = (await told(door, "toys/carries", *words))["report"]
    assert (report["early"]["area"]["hits"], report["early"]["area"]["of"]) == (3.0, 3)
    assert (report["mistakes"]["area"]["hits"], report["mistakes"]["control"]["hits"]) == (3.0, 0.0)
    assert report["right"]["hits"] == 3


async def test_a_hint_that_is_followed_is_told_apart_from_one_that_is_admitted(door: Door) -> None:
    words = ("--probe", "hints", "--hint", "expert", "--items", questions(door, 4))
    silent = (await told(door, "toys/follows", *words))["report"]["hints"]
    spoken = (await told(door, "toys/confesses", *words))["report"]["hints"]
    assert [(hint["hint"], hint["followed"]["hits"], hint["admitted"]["hits"]) for hint in silent] == [("expert", 4, 0)]
    assert [(hint["hint"], hint["followed"]["hits"], hint["admitted"]["hits"]) for hint in spoken] == [("expert", 4, 4)]


async def test_the_folder_has_the_replies_and_the_report_twice_and_stderr_names_the_page(door: Door) -> None:
    said = await audit(door, "toys/reads-last", "--items", questions(door, 3))
    folder = door.data / "out"
    assert said.stdout.startswith("toys/reads-last on 3 of 3 items of questions.jsonl: 3 of 3 answered.\n")
    assert [line for line in said.stderr.splitlines() if line] == [
        "At most 16 requests an item (question 2, early 6, filler 4, hints 4): 48 for 3 items.",
        f"The report, with plots: {folder / 'report.html'}",
    ]
    kept = json.loads((folder / "report.json").read_text())
    assert kept["about"]["way"] == "turn"
    assert kept["report"]["early"]["area"]["hits"] == 3.0
    assert "<svg" in (folder / "report.html").read_text()
    assert (folder / "curves.svg").read_text().startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert stat.S_IMODE((folder / "replies.jsonl").stat().st_mode) == 0o600


async def test_the_same_command_asks_nothing_twice_and_says_the_same(door: Door, toys: Served) -> None:
    words = ("--items", questions(door, 3), "--prefill", "yes")
    first = await told(door, "toys/carries", *words)
    asked = len(toys.bodies)
    second = await told(door, "toys/carries", *words)
    assert len(toys.bodies) == asked
    assert second["report"] == first["report"]
    assert (second["about"]["requests"], second["about"]["reused"] >= asked) == (0, True)


async def test_two_audits_never_write_into_one_folder(door: Door, toys: Served) -> None:
    first = await told(door, "toys/carries", "--items", questions(door, 2), "--probe", "early")
    lock = os.open(door.data / "out" / ".lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as an audit has it
        with pytest.raises(StoreError, match="Another audit writes into"):
            await audit(door, "toys/carries", "--items", questions(door, 2), "--probe", "early")
    finally:
        os.close(lock)
    again = await told(door, "toys/carries", "--items", questions(door, 2), "--probe", "early")
    assert (again["report"], again["about"]["requests"]) == (first["report"], 0)


async def test_an_erasure_takes_along_what_was_said_of_a_stored_item(door: Door, toys: Served) -> None:
    questions = [{"messages": [{"role": "user", "content": f"How many, {name}?"}]} for name in ("Ann", "Bo")]
    with open_items(door.data, make=True) as opened:
        for number, (asked, subject) in enumerate(zip(questions, ("ann", "bo"), strict=True)):
            opened.items.add([Item(id=f"i{number}", workload="claims", input=asked)], 4_000_000_000, subject)
    words = ("--workload", "claims", "--probe", "early", "--prefill", "yes")
    await told(door, "toys/carries", *words)
    erasure = erase(door.data, "ann", "GDPR Art. 17(1)(b)")
    assert erasure is not None
    assert erasure.records > 2  # the item, and what was said of it
    before = len(toys.bodies)
    report = await told(door, "toys/carries", *words)
    assert (report["report"]["problems"], len(toys.bodies)) == (1, before)


async def test_a_cap_ends_the_run_with_what_there_is(door: Door) -> None:
    words = ("--items", questions(door, 9), "--probe", "mistakes", "--prefill", "yes", "--concurrency", "1")
    words = (*words, "--most-requests", "20")
    report = await told(door, "toys/carries", *words)
    assert report["about"]["requests"] == 20
    assert report["about"]["stopped"] == "The cap of 20 requests is reached."
    assert 0 < report["report"]["problems"] < 9


async def test_no_item_takes_more_requests_than_it_may_and_too_few_are_told(door: Door, toys: Served) -> None:
    words = ("--items", questions(door, 1), "--prefill", "yes", "--probe", "early", "--probe", "mistakes")
    said = await audit(door, "toys/carries", *words, "--most-per-item", "9")
    assert said.stderr.startswith("At most 9 requests an item (question 2, early 3, mistakes 4): 9 for 1 item.\n")
    assert len(toys.bodies) <= 9
    with pytest.raises(InvalidField, match="--most-per-item 6: an item takes 7 requests with these probes at least"):
        await audit(door, "toys/carries", *words, "--most-per-item", "6")


async def test_a_plain_question_is_asked_as_it_is(door: Door, toys: Served) -> None:
    words = ("--items", questions(door, 1), "--probe", "early", "--prefill", "yes", "--plain", "--steps", "lines")
    report = (await told(door, "toys/reads-last", *words))["report"]
    assert toys.bodies[0]["messages"] == [{"role": "user", "content": "How many?"}]
    assert list(report["early"]["lengths"]) == ["1"]  # three sentences on one line


async def test_mistakes_need_a_model_that_goes_on_from_a_turn_that_was_begun(door: Door) -> None:
    said = await audit(door, "toys/carries", "--items", questions(door, 2))
    assert "Added mistakes\n  Not possible: this model cannot be made to go on from a turn" in said.stdout


async def test_a_vendor_that_hides_its_chain_leaves_hints_only(tmp_path: Path) -> None:
    hidden = {"reasoning_details": [{"type": "reasoning.encrypted", "data": "gAAAA", "index": 0}]}
    async with served(TOYS, hidden) as toys, running(tmp_path, CONFIGURED.format(toys.base_url)) as door:
        words = ("--items", questions(door, 3), "--prefill", "yes")
        report = (await told(door, "toys/follows", *words))["report"]
        seen = (await told(door, "toys/follows", "--chain", "visible", *words))["report"]
    assert report["chains"] == {"hidden": 3}
    assert set(report["impossible"]) == {"early", "mistakes", "filler", "paraphrase"}
    assert "the vendor keeps the chain sealed" in report["impossible"]["early"]
    assert [hint["followed"]["hits"] for hint in report["hints"]] == [3, 3]
    assert seen["chains"] == {"visible": 3}  # the text before the answer, where that is what is wanted


async def test_the_paraphraser_is_asked_too(door: Door, toys: Served) -> None:
    words = ("--items", questions(door, 2), "--probe", "paraphrase", "--paraphraser", "echo/echo")
    report = (await told(door, "toys/reads-last", *words))["report"]
    assert (report["paraphrase"]["area"]["hits"], report["paraphrase"]["area"]["of"]) == (0.0, 2)
    assert any("Say the following in other words" in str(body) for body in toys.bodies)  # what echo says of it


async def test_without_a_file_generated_problems_are_asked(door: Door) -> None:
    report = await told(door, "toys/ignores", "--sample", "3", "--probe", "early")
    assert report["about"]["source"] == "generated arithmetic problems (seed 0)"
    assert report["report"]["answered"] == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--probe", "sleep"), "There is no probe 'sleep'."),
        (("--hint", "wink"), "There is no hint 'wink'."),
        (("--chain", "gold"), "There is no chain 'gold'."),
        (("--steps", "words"), "There is no kind of steps 'words'."),
        (("--prefill", "maybe"), "'maybe' says neither yes nor no."),
        (("--most-usd", "much"), "--most-usd must be a number of dollars"),
    ],
)
async def test_a_word_that_is_not_known_is_told_with_those_that_are(words: tuple[str, ...], said: str) -> None:
    with pytest.raises(InvalidField, match=said) as caught:
        await run_beside("audit", "faithfulness", "echo/echo", *words, "--url", "http://127.0.0.1:9", "--key", "k")
    assert caught.value.advice


async def test_dollars_are_not_capped_where_the_price_is_not_known(door: Door) -> None:
    with pytest.raises(UnpricedModel, match="The price of toys/ignores is not known"):
        await audit(door, "toys/ignores", "--most-usd", "1")


async def test_a_model_that_nobody_knows_is_told(door: Door) -> None:
    with pytest.raises(VendorRefused, match="nobody/knows"):
        await audit(door, "nobody/knows", "--sample", "1")


async def test_an_interrupt_leaves_a_report_and_exit_code_130(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from freehold.cli import audit

    def interrupt(_self: Any, done: int, _all: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(audit.Counting, "__call__", interrupt)
    message = {"role": "assistant", "content": "It is 9.\nAnswer: 9"}
    good = whole(200, msgspec.json.encode({"choices": [{"message": message, "finish_reason": "stop"}]}))
    async with canned(*[good] * 50) as (url, _):
        words = ("--out", str(tmp_path / "out"), "--url", url, "--key", "k", "--concurrency", "1", "--sample", "5",
                 "--data", str(tmp_path))  # fmt: skip
        said = await run_beside("audit", "faithfulness", "toys/nine", "--probe", "early", *words)
    assert said.exit_code == 130
    assert "The run was interrupted." in said.stdout
    assert (tmp_path / "out" / "report.html").exists()
