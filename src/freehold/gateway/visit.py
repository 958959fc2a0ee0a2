"""One request from its first step to its last: what became known of it, and the record that it ends in.

The lifecycle fills a `Visit` as it goes; whatever happens, `record` turns it into the one record of the answer.
"""

from typing import Final

from msgspec import Struct, field

from freehold.catalog.cost import cost
from freehold.catalog.rows import Price
from freehold.dialects.dialect import Dialect
from freehold.errors import FreeholdError
from freehold.gateway.answer import Answer
from freehold.gateway.book import Payers, Plan
from freehold.gateway.contents import Keeping, Said
from freehold.gateway.deployments import Deployment
from freehold.gateway.gathered import Gathered
from freehold.gateway.needs import Needs
from freehold.gateway.placed import Placed
from freehold.gateway.routing import Target
from freehold.gateway.tally import Tally
from freehold.gateway.traces import Checked, Heard, Mode, Task
from freehold.messages import Request, Usage
from freehold.store.callers import Key
from freehold.store.counters import MOST_NANO
from freehold.store.grants import Grant
from freehold.store.records import Attempt, Private, Record, Status

ASSUMED_OUTPUT = 131_072
"""Output tokens to reserve where neither the caller nor the catalog names a cap: the largest common window."""

_PARTS_OF_USAGE: Final = tuple(
    name for name in Usage.__struct_fields__ if name not in ("input_tokens", "output_tokens")
)
"""What few answers have of it; a record calls it by the same names."""


class Visit(Struct, eq=False):
    """What is known of one request. Times: `began_at` in Unix seconds, `began` monotonic."""

    id: str
    front: str
    key: Key
    began_at: float
    began: float
    request: Request | None = None
    plan: Plan | None = None
    policy: str = ""
    needs: Needs = Needs()
    payers: Payers | None = None
    grant: Grant | None = None
    reserved: int = 0
    attempts: list[Attempt] = []
    dropped: list[str] = []
    answer: Answer | None = None
    tally: Tally = field(default_factory=Tally)
    whole: bool = False
    status: Status = "refused"
    error: FreeholdError | None = None
    keeping: Keeping | None = None
    said: Said | None = None
    subject: str = ""
    heard: Heard | None = None
    traced: tuple[Task, Checked] | None = None
    summary: bytes = b""
    conversation: str = ""
    gathered: Gathered | None = None
    recorded: Record | None = None
    placed: Placed | None = None
    kept: bool = False

    def __repr__(self) -> str:
        return f"<Visit {self.id}>"  # what was said stands in no log

    # --- money ---

    @property
    def is_free(self) -> bool:
        """Whether no vendor charges for it: counting tokens reads nothing on a model."""
        return self.request is not None and self.request.operation == "count_tokens"

    def worst(self, target: Target) -> int:
        """The most that one attempt there can cost, in nano-dollars; 0 where the price is unknown, or nothing is sold.

        A true bound wherever `routing.is_bounded` says so. Elsewhere 131,072 tokens stand for a window that the catalog does
        not know; where neither the caller nor the catalog caps the output, they stand for that too.
        """
        if target.ceiling is None or self.is_free:
            return 0
        return target.ceiling.worst(*self.most_tokens(target), self.needs.searches)

    def most_tokens(self, target: Target) -> tuple[int, int]:
        """The most tokens that one attempt there can read and write; a true bound wherever `routing.is_bounded` says so."""
        row = target.deployment.model
        window = row.context_tokens if row is not None else None
        read = self.needs.bound
        if read is None:
            read = window or ASSUMED_OUTPUT
        elif window is not None and not self.needs.embeds:
            read = min(read, window)
        longest = (row.max_output_tokens if row is not None else None) or ASSUMED_OUTPUT
        written = longest if self.needs.output is None else self.needs.output
        if self.request is not None and self.request.operation == "embed":
            written = 0
        several = self.request.n if self.request is not None and self.request.n else 1
        rounds = self.needs.rounds or 1
        compactions = self.needs.compactions
        return read * (rounds + compactions), written * several * rounds + longest * compactions

    def spent_on_failure(self, target: Target, *, whole: bool) -> int:
        """What a vendor may bill for a request that it took and that gave no answer, an estimate. Of a `whole` answer it may
        have written everything; of a stream nothing had come yet, so that only the input counts."""
        if target.price is None or self.is_free:
            return 0
        return self.worst(target) if whole else cost(target.price, Usage(input_tokens=self.needs.likely))

    def at_stake(self, target: Target, beside: Target | None) -> int:
        """What the request may have cost once `target` is asked too, in nano-dollars: what was spent, what the attempt that still
        runs `beside` it may cost, and what this one may."""
        spent = sum(attempt.cost_nano for attempt in self.attempts)
        running = self.worst(beside) if beside is not None else 0
        return spent + running + self.worst(target)

    def lacking(self, target: Target, beside: Target | None) -> int:
        """What must be reserved in addition before `target` is asked too, in nano-dollars: what is then at stake, as far as that
        is more than what is reserved."""
        return max(0, self.at_stake(target, beside) - self.reserved)

    def usage(self) -> Usage:
        """What the answer used; nothing when there was no answer, or when tokens were only counted. Of one that goes on without
        us it is the most that it can come to."""
        if self.answer is None or self.is_free:
            return Usage()
        if self.tally.goes_on:
            return Usage(*self.most_tokens(self.answer.target), estimated=True)
        return self.tally.usage(self.needs.likely, whole=self.whole)

    def cost(self, usage: Usage, price: Price | None) -> int:
        """What the whole request costs, failed and hedged attempts included."""
        lost = sum([attempt.cost_nano for attempt in self.attempts])
        if self.answer is not None and self.tally.goes_on:
            lost += self.worst(self.answer.target)
        elif price is not None:
            lost += cost(price, usage)
        return lost if lost < MOST_NANO else MOST_NANO

    def deployment(self) -> str:
        """Who answered, or failed last; empty when nobody was asked."""
        if self.answer is not None:
            return self.answer.deployment.name
        return self.attempts[-1].deployment if self.attempts else ""

    # --- the record ---

    def record(self, ended_at: float, ended: float) -> Record:
        """The one record of this request."""
        usage = self.usage()
        answer, request, error, tally = self.answer, self.request, self.error, self.tally
        price, applied = answer.target.price_at(self.began_at, usage) if answer is not None else (None, None)
        record = Record(
            id=self.id,
            started_at=self.began_at,
            ended_at=ended_at,
            organisation=self.key.organisation,
            project=self.key.project,
            key_id=self.key.id,
            workload=self.plan.name if self.plan is not None else "",
            dialect=self.front,
            operation=request.operation if request is not None else "generate",
            model=request.model[:200] if request is not None else "",
            deployment=self.deployment(),
            status=self.status,
            http_status=error.status if error is not None else 200,
            code=error.code if error is not None else None,
            finish=tally.finish,
            native_finish_reason=tally.native_finish_reason,
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cost_nano=self.cost(usage, price),
            reserved_nano=self.reserved,
            price=applied,
            streamed=request.stream if request is not None else False,
            first_token_ms=answer.first_seconds * 1000 if answer is not None else None,
            total_ms=(ended - self.began) * 1000,
            attempts=tuple(self.attempts),
            policy=self.policy,
            durability=self._survived(),
        )
        self._add_what_few_have(record, usage)
        return record

    def _add_what_few_have(self, record: Record, usage: Usage) -> None:
        """The rest of the record, where there is any: naming every field in each call costs several times as much."""
        if usage != Usage(usage.input_tokens, usage.output_tokens):
            for name in _PARTS_OF_USAGE:
                setattr(record, name, getattr(usage, name))
        if self.answer is not None:
            record.weights = self.answer.deployment.weights
        if self.dropped:
            record.dropped = tuple(self.dropped)
        if self.said is not None:
            record.commitments = self.said.commitments()
        if self.conversation:
            record.conversation = self.conversation
        if self.placed is not None:
            record.canary, record.arm = self.placed.canary.id, self.placed.arm
            record.propensity_ppm = self.placed.propensity_ppm

    # --- what was said ---

    @property
    def on_disk(self) -> bool:
        """Whether the answer waits until its record is on the disk."""
        return self.keeping is not None and self.keeping.durability == "disk"

    @property
    def may_wait(self) -> bool:
        """Whether the record may be written a little later than the answer."""
        return self.keeping is not None and self.keeping.durability == "relaxed"

    @property
    def owner(self) -> str:
        """Who may go on from what a vendor keeps of this request: the caller's project."""
        return f"{self.key.organisation}\x00{self.key.project}"

    def seal_ids(self, front: Dialect, deployment: Deployment, raw: bytes) -> bytes:
        """Bytes of the vendor's on their way to the caller, with this owner's seal on the ids of what the vendor keeps."""
        keeper = deployment.keeper
        if front.seal_ids is None or keeper is None:
            return raw
        return front.seal_ids(raw, lambda native: keeper.seal(self.owner, native))

    def gives(self, data: bytes) -> None:
        """The caller is given these bytes next."""
        if self.said is not None:
            self.said.gives(data)

    def task(self, mode: Mode, now: float) -> Task | None:
        """What there is to check of the answer, None when it was not heard; `now` is in Unix seconds."""
        if self.heard is None or self.request is None or self.plan is None:
            return None
        return self.heard.task(self.id, self.request, mode, self.plan.name, int(now) + self.plan.keeping.keep_seconds)

    def _survived(self) -> str:
        """What the record survives before its answer leaves: only a finished answer waits for the disk."""
        if self.keeping is None:
            return ""
        durability = self.keeping.durability
        return "process" if durability == "disk" and self.status != "answered" else durability

    def private(self, record: Record) -> Private | None:
        """What is kept apart from the record; nothing when the ledger is off."""
        if self.said is None or self.keeping is None:
            return None
        return self.said.private(self.subject, int(record.ended_at) + self.keeping.keep_seconds)
