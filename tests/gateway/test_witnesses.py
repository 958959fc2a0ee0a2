"""Witnesses are asked for every checkpoint, told what they have not seen, and hold nothing up when they are away."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import httptools
import pytest

from freehold.config.settings import Ledger
from freehold.errors import MalformedKey, StoreError
from freehold.gateway import witnesses as module
from freehold.gateway.ledger_folder import LedgerFolder
from freehold.gateway.ledger_writer import LedgerWriter
from freehold.gateway.receipts import Receipts
from freehold.gateway.witnesses import Witnesses
from freehold.ledger.log import COSIGNED, Log
from freehold.ledger.notes import SignerKey, VerifierKey
from freehold.ledger.policy import parse_policy
from freehold.ledger.tiles import CHECKPOINT
from freehold.ledger.verify import verify_log, verify_receipt
from freehold.ledger.witness import Answer, Vouched, WitnessedLog, add_checkpoint
from freehold.store.callers import Key
from freehold.store.folder import JOURNAL
from freehold.store.journal import Journal
from ledger.writer import LOG, ORIGIN, WITNESSES
from store.samples import record


class Witness(asyncio.Protocol):
    """A witness on loopback, deciding as the specification says; `breaks` makes it answer something else."""

    def __init__(self, owner: "Standing") -> None:
        self.owner = owner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.parser = httptools.HttpRequestParser(self)
        self.body = b""

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        body, self.body = self.body, b""
        self.owner.answering.append(asyncio.create_task(self.answer(body)))

    async def answer(self, body: bytes) -> None:
        answer = self.owner.decide(body)
        await asyncio.sleep(self.owner.seconds)
        await self.owner.may_answer.wait()
        head = f"HTTP/1.1 {answer.status} Said\r\ncontent-type: {answer.content_type}\r\n"
        self.transport.write(f"{head}content-length: {len(answer.body)}\r\n\r\n".encode() + answer.body)


class Standing:
    """A witness with its state. It answers after `seconds`, and not before it may."""

    def __init__(self, signer: SignerKey, log: VerifierKey) -> None:
        self.signer = signer
        self.log = log
        self.latest = Vouched()
        self.asked: list[int] = []
        self.breaks: Answer | None = None
        self.url = ""
        self.seconds = 0.0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.answering: list[asyncio.Task[None]] = []

    def decide(self, body: bytes) -> Answer:
        self.asked.append(int(body.split(b"\n", 1)[0].removeprefix(b"old ")))
        if self.breaks is not None:
            return self.breaks

        def find(origin: str) -> WitnessedLog | None:
            return WitnessedLog((self.log,), self.latest) if origin == self.log.name else None

        answer = add_checkpoint(body, find, [self.signer], 1_790_000_000)
        if answer.state is not None:
            self.latest = answer.state
        return answer


@contextlib.asynccontextmanager
async def standing(signer: SignerKey, log: VerifierKey = LOG.verifier) -> AsyncGenerator[Standing]:
    witness = Standing(signer, log)
    server = await asyncio.get_running_loop().create_server(lambda: Witness(witness), "127.0.0.1", 0)
    witness.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield witness
    finally:
        server.close()


def policy_of(*signers: SignerKey) -> str:
    lines = [f"witness w{number} {signer.verifier}" for number, signer in enumerate(signers)]
    names = " ".join(f"w{number}" for number in range(len(signers)))
    return "\n".join([*lines, f"group all all {names}", "quorum all", ""])


def grown(folder: Path, log: Log, until: int) -> str:
    staged = log.stage([b"%d" % number for number in range(log.size, until)])
    log.publish(staged.checkpoint)
    return staged.checkpoint


async def test_every_witness_cosigns_what_continues_what_it_saw(tmp_path: Path) -> None:
    log = Log(tmp_path, ORIGIN, [LOG])
    async with standing(WITNESSES[0]) as first, standing(WITNESSES[2]) as second:
        configured = {str(one.signer.verifier): one.url for one in (first, second)}
        with contextlib.closing(Witnesses(configured, log.read)) as witnesses:
            for size in (3, 300, 301):
                log.publish(await witnesses.cosign(grown(tmp_path, log, size)))
                policy = parse_policy(policy_of(WITNESSES[0], WITNESSES[2]))
                opened = verify_log(log.read, [LOG.verifier], policy).opened
                assert [cosigner.name for cosigner in opened.witnesses] == [
                    "witness.example/w1",
                    "witness.example/w3",
                ]
                assert opened.unproven == ()
    assert first.asked == [0, 3, 300]


async def test_a_witness_that_saw_more_than_we_know_is_asked_again_from_there(tmp_path: Path) -> None:
    log = Log(tmp_path, ORIGIN, [LOG])
    async with standing(WITNESSES[0]) as witness:
        configured = {str(WITNESSES[0].verifier): witness.url}
        with contextlib.closing(Witnesses(configured, log.read)) as before:
            await before.cosign(grown(tmp_path, log, 40))
        with contextlib.closing(Witnesses(configured, log.read)) as restarted:
            note = await restarted.cosign(grown(tmp_path, log, 50))
    assert "— witness.example/w1 " in note
    assert witness.asked == [0, 0, 40]


async def test_a_rolled_back_log_gets_no_cosignature_and_it_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log, other = Log(tmp_path / "a", ORIGIN, [LOG]), Log(tmp_path / "b", ORIGIN, [LOG])
    async with standing(WITNESSES[0]) as witness:
        configured = {str(WITNESSES[0].verifier): witness.url}
        with contextlib.closing(Witnesses(configured, log.read)) as honest:
            await honest.cosign(grown(tmp_path, log, 40))
        with contextlib.closing(Witnesses(configured, other.read)) as forked, caplog.at_level(logging.WARNING):
            note = grown(tmp_path, other, 30)
            assert await forked.cosign(note) == note
    assert "does not vouch for the ledger: it has seen 40 entries, and the log has 30" in caplog.text


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        (Answer(500, b"broken"), "it answers 500: broken"),
        (Answer(200, b"not a signature\n"), "signature"),
        (Answer(200, b""), "signature"),
        (Answer(404, b"unknown log"), "it answers 404: unknown log"),
        (Answer(409, b"many\n", "text/x.tlog.size"), "it answers 409, and 'many' is not a decimal number"),
    ],
)
async def test_a_witness_that_answers_nonsense_costs_its_line_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, breaks: Answer, words: str
) -> None:
    log = Log(tmp_path, ORIGIN, [LOG])
    async with standing(WITNESSES[0]) as good, standing(WITNESSES[1]) as bad:
        bad.breaks = breaks
        configured = {str(one.signer.verifier): one.url for one in (good, bad)}
        with contextlib.closing(Witnesses(configured, log.read)) as witnesses, caplog.at_level(logging.WARNING):
            note = await witnesses.cosign(grown(tmp_path, log, 5))
            await witnesses.cosign(grown(tmp_path, log, 6))
    assert "— witness.example/w1 " in note
    assert "— witness.example/w2 " not in note
    assert words in caplog.text
    assert len([said for said in caplog.records if "witness.example/w2" in said.getMessage()]) == 1
    assert bad.asked == [0]  # it is left alone for a while


async def test_a_witness_that_saw_another_tree_of_our_size_is_told_of_and_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = Log(tmp_path, ORIGIN, [LOG])
    async with standing(WITNESSES[0]) as witness:
        witness.breaks = Answer(409, b"5\n", "text/x.tlog.size")  # C2SP tlog-witness: of one size, with another root
        configured = {str(WITNESSES[0].verifier): witness.url}
        with contextlib.closing(Witnesses(configured, log.read)) as witnesses, caplog.at_level(logging.WARNING):
            note = grown(tmp_path, log, 5)
            assert await witnesses.cosign(note) == note
            assert await witnesses.cosign(note) == note
    assert caplog.text.count("it has seen 5 entries, and does not go on from them to the 5 of the log") == 1
    assert witness.asked == [0, 5]


async def test_a_witness_whose_cosignatures_never_hold_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAUSE_SECONDS", 0.0)
    log = Log(tmp_path, ORIGIN, [LOG])
    async with standing(WITNESSES[0]) as witness:
        witness.breaks = Answer(200, b"not a signature\n")
        configured = {str(WITNESSES[0].verifier): witness.url}
        with contextlib.closing(Witnesses(configured, log.read)) as witnesses, caplog.at_level(logging.WARNING):
            for size in (5, 6, 7):
                await witnesses.cosign(grown(tmp_path, log, size))
    assert len(witness.asked) == 3
    assert len(caplog.records) == 1


async def test_a_witness_that_is_away_holds_nothing_up(tmp_path: Path) -> None:
    log = Log(tmp_path, ORIGIN, [LOG])
    configured = {str(WITNESSES[0].verifier): "http://127.0.0.1:9"}
    with contextlib.closing(Witnesses(configured, log.read)) as witnesses:
        note = grown(tmp_path, log, 5)
        assert await witnesses.cosign(note) == note


async def test_the_ledgers_writer_publishes_what_witnesses_add(tmp_path: Path) -> None:
    folder = LedgerFolder(tmp_path)
    (signer,) = folder.signers("log.example/test")
    async with standing(WITNESSES[0], signer.verifier) as witness:
        settings = Ledger(witnesses={str(WITNESSES[0].verifier): witness.url})
        with contextlib.closing(LedgerWriter(tmp_path, settings)) as writer:
            stop = asyncio.Event()
            running = asyncio.create_task(writer.run(stop))
            with contextlib.closing(Journal(tmp_path / JOURNAL, 0)) as journal:
                journal.append(record(1))
            async with asyncio.timeout(10):
                while witness.latest.size < 1:
                    await asyncio.sleep(0.01)
            stop.set()
            await running
    opened = verify_log(
        Log(folder.log, folder.origin(), [signer]).read, folder.verifiers(), parse_policy(policy_of(WITNESSES[0]))
    ).opened
    assert [cosigner.name for cosigner in opened.witnesses] == ["witness.example/w1"]


@contextlib.asynccontextmanager
async def writing(data: Path, witness: Standing) -> AsyncGenerator[Journal]:
    """A ledger's writer at work on this data folder, and a journal that it drains."""
    settings = Ledger(witnesses={str(WITNESSES[0].verifier): witness.url})
    stop = asyncio.Event()
    with contextlib.closing(LedgerWriter(data, settings)) as writer:
        running = asyncio.create_task(writer.run(stop))
        try:
            with contextlib.closing(Journal(data / JOURNAL, 0)) as journal:
                yield journal
        finally:
            stop.set()
            await running


def published(data: Path, name: str = CHECKPOINT) -> tuple[int, bool]:
    """How many entries a published checkpoint covers, and whether the witness vouches for it."""
    try:
        note = (LedgerFolder(data).log / name).read_text()
    except FileNotFoundError:
        return 0, False
    return int(note.split("\n")[1]), "— witness.example/w1 " in note


async def until(told: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not told():
            await asyncio.sleep(0.01)


async def test_checkpoints_go_on_while_a_witness_is_silent_and_an_older_one_never_replaces_a_newer(
    tmp_path: Path,
) -> None:
    (signer,) = LedgerFolder(tmp_path).signers("log.example/test")
    async with standing(WITNESSES[0], signer.verifier) as witness:
        witness.may_answer.clear()
        async with writing(tmp_path, witness) as journal:
            journal.append(record(1))
            await until(lambda: witness.asked == [0])
            journal.append(record(2))
            await until(lambda: published(tmp_path) == (2, False))
            witness.breaks = Answer(500, b"broken")  # what is asked from now on
            witness.may_answer.set()
            await until(lambda: published(tmp_path, COSIGNED) == (1, True))
            assert published(tmp_path) == (2, False)
            key = Key(id="k", prefix="fh", name="k", organisation="o", project="p", role="admin", created_at=0)
            first, second = (Receipts(tmp_path).receipt(record(number).id, key, 0) for number in (1, 2))
    assert first is not None
    assert second is not None
    assert "— witness.example/w1 " in first
    assert "— witness.example/w1 " not in second
    assert [verify_receipt(receipt.encode(), [signer.verifier]).index for receipt in (first, second)] == [0, 1]


async def test_with_a_witness_that_takes_most_of_a_second_a_checkpoint_is_still_less_than_one_behind(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    (signer,) = LedgerFolder(tmp_path).signers("log.example/test")
    loop = asyncio.get_running_loop()
    lags: list[float] = []
    async with standing(WITNESSES[0], signer.verifier) as witness:
        witness.seconds = 0.9
        async with writing(tmp_path, witness) as journal:

            async def covered(size: int) -> None:
                journaled = loop.time()
                journal.append(record(size))
                await until(lambda: published(tmp_path)[0] >= size)
                lags.append(loop.time() - journaled)

            waiting: list[asyncio.Task[None]] = []
            for size in range(1, 8):
                waiting.append(asyncio.create_task(covered(size)))
                await asyncio.sleep(0.17)
            await asyncio.gather(*waiting)
            witness.seconds = 0.0
        assert published(tmp_path) == (7, True)
    record_property("seconds", max(lags))
    assert len(witness.asked) >= 2
    assert max(lags) < 1.0


async def test_what_is_configured_wrongly_is_told_at_the_start() -> None:
    def nothing(path: str) -> bytes:
        raise FileNotFoundError(path)

    with pytest.raises(MalformedKey):
        Witnesses({"no key": "http://127.0.0.1:1"}, nothing)
    with pytest.raises(StoreError, match="not an http or https URL"):
        Witnesses({str(WITNESSES[0].verifier): "ftp://x"}, nothing)
