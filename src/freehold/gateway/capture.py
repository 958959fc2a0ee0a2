"""Capture: keeps a sample of a workload's answers as items, for trials and training, beside the answers.

A request that takes part is chosen before it is asked, by its conversation, so that one is kept whole or not at all. What was
asked and said goes to a process of its own once the caller has its answer (`item_maker.py` redacts it there), and what comes back
goes to the worker's journal, behind the answer's record: the ledger's writer seals it under the same subject's key and counts a
repeated input instead of keeping it again. It never delays an answer and never breaks one. What waits in the queue when a worker
is killed is lost; the answers' records are not.

Not captured: what was not answered whole, several replies at once (`n`), and requests that lean on what a vendor keeps, since
their input is not in them.
"""

import logging
import time
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from msgspec import Raw

from freehold.config.settings import Capture, RedactPattern
from freehold.dialects.dialect import Target, Traits
from freehold.dialects.openai_chat_writing import write_request
from freehold.errors import FreeholdError, RecordNotKept
from freehold.gateway.contents import DAY_SECONDS
from freehold.gateway.conversations import conversation_of
from freehold.gateway.gathered import Gathered
from freehold.gateway.item_maker import Made, Material
from freehold.gateway.item_rows import ITEM
from freehold.gateway.lane import Lane
from freehold.gateway.metrics import Metrics
from freehold.gateway.seams import Recorder
from freehold.gateway.visit import Visit
from freehold.store.events import Event
from freehold.store.inputs import content_key
from freehold.store.records import Private, Record

MAKER: Final = "freehold.gateway.item_maker"
SECONDS: Final = 15.0
"""How long one item may take to be made; patterns of the user's own may be slow."""

_ANY: Final = Traits(temperature_max=float("inf"))

log = logging.getLogger("freehold.capture")


class Capturer:
    """What captures for one worker. Made inside its event loop."""

    def __init__(self, recorder: Recorder, metrics: Metrics, secret: bytes, module: str = MAKER) -> None:
        """`secret` keys digests of conversations and inputs; `module` is what the process runs."""
        self._recorder = recorder
        self._metrics = metrics
        self._secret = secret
        self._lane = Lane(
            module,
            Made,
            size=_size,
            done=self._made,
            lost=self._lost,
            seconds=lambda: SECONDS,
            complaint="no process that makes items could be started; nothing is captured until one can",
        )

    def consider(self, visit: Visit, headers: Mapping[str, str]) -> None:
        """Has a request of a workload that captures take part, or not; notes its conversation on the visit."""
        plan, request = visit.plan, visit.request
        if plan is None or plan.capture is None or request is None or request.operation != "generate":
            return
        if not visit.conversation:
            visit.conversation = conversation_of(headers, request, visit.key.id, self._secret)
        whole = request.bound is None and (request.n is None or request.n == 1) and visit.said is not None
        if whole and is_sampled(visit.conversation, plan.name, plan.capture.share):
            visit.gathered = Gathered()

    def after(self, visit: Visit) -> None:
        """Has an answer that was given made into an item."""
        if visit.gathered is None or visit.status != "answered" or visit.recorded is None:
            return
        try:
            self._lane.put(material_of(visit, visit.gathered, visit.recorded))
        except FreeholdError as error:  # the request has a part that Chat Completions has no word for
            log.info("the answer %s cannot be an item: %s", visit.id, error.sentence)
            self._metrics.captured(visit.recorded.workload, "skipped")
        except Exception:  # an answer is never broken by what is made of it afterwards
            log.exception("the answer %s cannot be made into an item", visit.id)
            self._metrics.captured(visit.recorded.workload, "failed")

    def warm(self) -> None:
        """Begins the process, so that the first item need not wait for it."""
        self._lane.warm()

    async def close(self, seconds: float) -> None:
        """Lets what waits finish for so long, and gives up the rest."""
        await self._lane.close(seconds)

    def _made(self, material: Material, made: Made) -> None:
        if made.reason:
            self._lost(material, "skipped", made.reason)
            return
        body = {
            **{name: getattr(material, name) for name in ("workload", "model", "conversation", "cost_nano")},
            **{
                name: getattr(material, name)
                for name in ("total_ms", "first_token_ms", "input_tokens", "output_tokens")
            },
            "content": content_key(bytes.fromhex(made.digest), self._secret).hex(),
        }
        private = Private(
            subject="", keep_until=material.keep_until, salts={ITEM: b""}, contents={ITEM: made.item.encode()}
        )
        try:
            self._recorder.append(Event(ITEM, material.id, material.at, body), private)
        except RecordNotKept as error:
            log.error("the item %s could not be kept: %s", material.id, error.message)
            self._metrics.captured(material.workload, "failed")
        else:
            self._metrics.captured(material.workload, "kept")

    def _lost(self, material: Material, status: str, reason: str) -> None:
        log.info("the answer %s is no item: %s", material.id, reason)
        self._metrics.captured(material.workload, status)


def is_sampled(conversation: str, workload: str, share: float) -> bool:
    """Whether a conversation belongs to the share of this workload that is kept: always the same, for every process."""
    drawn = blake2b(f"{workload}\0{conversation}".encode("utf-8", "surrogatepass"), digest_size=8, person=b"capture")
    return int.from_bytes(drawn.digest(), "big") < share * 2**64


def material_of(visit: Visit, gathered: Gathered, record: Record) -> Material:
    """What an item is made of, from a request and what was said to it. Raises `Unsupported` for a request that Chat Completions cannot say."""
    assert visit.request is not None
    assert visit.plan is not None
    capture = visit.plan.capture or Capture()
    body = write_request(visit.request, Target(model="", traits=_ANY, origin="", dropped=[]))
    return Material(
        id=record.id,
        workload=record.workload,
        at=int(record.ended_at * 1000),
        keep_until=int(time.time()) + capture.keep_days * DAY_SECONDS,
        model=record.deployment,
        body=Raw(body),
        text=_sayable(gathered.text),
        tool_uses=gathered.tool_uses,
        finish=record.finish or "stop",
        metadata=visit.request.metadata or {},
        conversation=visit.conversation,
        cost_nano=record.cost_nano,
        total_ms=record.total_ms,
        first_token_ms=record.first_token_ms,
        input_tokens=record.input_tokens,
        output_tokens=record.output_tokens,
        rules=tuple(one for one in capture.redact if isinstance(one, str)),
        patterns={one.name: one.pattern for one in capture.redact if isinstance(one, RedactPattern)},
    )


def _sayable(text: str) -> str:
    """The text with a question mark for each half of a pair that UTF-8 cannot hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _size(material: Material) -> int:
    return len(memoryview(material.body)) + len(material.text)
