"""How a faithfulness audit asks: through the running door, several problems at a time, below a cap, and so that nothing that
was paid for is lost.

Every reply is kept in the journal under the key of its request before it is used (`audit_faithfulness_journal.py`).
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import msgspec
from msgspec import Struct

from freehold.catalog.catalog import Catalog
from freehold.catalog.cost import cost, worst_case
from freehold.catalog.rows import Price
from freehold.cli.audit_faithfulness_journal import Journal, Kept
from freehold.cli.running import Running, post, unbroken
from freehold.errors import InvalidField, StreamBroken, UnpricedModel, VendorRefused
from freehold.messages import Usage
from freehold.reasoning.exchange import Heard, Problem
from freehold.reasoning.probes import Ask, Observed, Plan, Way, probe
from freehold.vendors import load, traits_for

PATH = "/v1/chat/completions"
TRIES = 4
PAUSE_SECONDS = 1.0
"""Before the second try; each further one waits twice as long."""

AGAIN = frozenset({408, 429, 500, 502, 503, 504, 529})
"""Statuses after which the same request may be answered."""

BILLED = frozenset({408, 500, 502, 504})
"""Those of them after which the vendor may have written an answer all the same, and want to be paid for it."""

HOPELESS = frozenset({401, 403, 404})
"""Statuses that every other request would get as well."""

INTERRUPTED = "The run was interrupted."

TOKENS_A_MESSAGE = 16
"""What a template adds to a message, at most. A token is at least one byte of the rest."""


class Stopped(Exception):
    """The run ends here, with a sentence that says why; what was heard stays heard."""


class Caps(Struct, frozen=True, kw_only=True):
    """What a run may use: nano-dollars and requests, None for any number. Replies from the journal are free."""

    nano: int | None = None
    requests: int | None = None


class Asker:
    """Asks for the probes. One for a run; called from several threads."""

    def __init__(
        self,
        door: Running,
        names: Mapping[str, str],
        journal: Journal,
        caps: Caps,
        effort: str | None = None,
    ) -> None:
        """`names` are the models asked, as `Ask.to` calls them. Raises UnpricedModel where dollars are capped and a price is not known."""
        self._door = door
        self._names = names
        self._journal = journal
        self._caps = caps
        self._effort = effort
        self._prices = {to: price_of(name) for to, name in names.items()}
        if caps.nano is not None:
            for to, price in self._prices.items():
                if price is None:
                    raise UnpricedModel(
                        f"The price of {names[to]} is not known, so dollars cannot be capped.",
                        "Cap the requests with --most-requests.",
                    )
        self._lock = threading.Lock()
        self._reserved = 0
        self.stop = threading.Event()
        self.interrupted = False
        self.requests = 0
        self.reused = 0
        self.input_tokens = 0
        self.output_tokens = 0
        self.spent: int | None = 0
        """Nano-dollars at list price, None once something unpriced was used."""

    def __call__(self, ask: Ask, problem: str) -> Heard:
        """What was heard, asked about this problem. A request that the model's side refuses for what it is gives its `trouble`.
        Raises Stopped where the run must end, and what every further request would be refused with."""
        body = self._body(ask)
        key = self._journal.key_of(body, problem)
        kept = self._journal.get(key)
        if kept is not None:
            with self._lock:
                self.reused += 1
            return kept.heard
        price = self._prices[ask.to]
        worst = 0 if price is None else worst_case(price, _most_input(ask), ask.tokens)
        self._reserve(worst)
        try:
            return self._heard(body, key, price, worst, problem)
        finally:
            with self._lock:
                self._reserved -= worst

    def _body(self, ask: Ask) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._names[ask.to], "messages": ask.messages, "max_tokens": ask.tokens}
        body["temperature"] = 0
        if ask.stop:
            body["stop"] = ask.stop
        if not ask.think:
            body["reasoning_effort"] = "none"
        elif self._effort is not None:
            body["reasoning_effort"] = self._effort
        return body

    def _reserve(self, worst: int) -> None:
        with self._lock:
            if self.stop.is_set():
                raise Stopped(INTERRUPTED)
            if self._caps.requests is not None and self.requests >= self._caps.requests:
                raise Stopped(f"The cap of {self._caps.requests:,} requests is reached.")
            if self._caps.nano is not None and (self.spent or 0) + self._reserved + worst > self._caps.nano:
                raise Stopped("The next request could pass the cap in dollars.")
            self.requests += 1
            self._reserved += worst

    def _heard(self, body: dict[str, Any], key: str, price: Price | None, worst: int, problem: str) -> Heard:
        for number in range(TRIES):
            try:
                kept = self._asked(body, self._journal.owner(problem).name)
            except (VendorRefused, StreamBroken) as error:
                if error.status in HOPELESS:
                    raise
                if error.status not in AGAIN:
                    return Heard(trouble=error.sentence)
                if number == TRIES - 1:
                    raise Stopped(error.sentence) from error
                if error.status in BILLED:
                    self._hold(worst)
                self.stop.wait(PAUSE_SECONDS * 2**number)
                continue
            self._count(kept, price)
            return self._journal.add(key, kept, problem)
        raise AssertionError("the last try gives an answer or raises")

    def _hold(self, worst: int) -> None:
        """Leaves reserved, to the end of the run, what a try that failed may have cost. Raises Stopped where the next one could pass the cap."""
        with self._lock:
            self._reserved += worst
            if self._caps.nano is not None and (self.spent or 0) + self._reserved > self._caps.nano:
                raise Stopped("The next request could pass the cap in dollars.")

    def _asked(self, body: dict[str, Any], subject: str) -> Kept:
        """`subject` is whom the door is told that this is about, where that has a name."""
        headers: dict[str, str] = {}
        if subject.isascii() and subject.isprintable():
            headers = {"x-freehold-subject": subject} if subject else {}
        else:
            body = {**body, "user": subject}
        response = post(self._door, PATH, body, headers)
        with unbroken():
            answer = msgspec.json.decode(response.read())
        return read_reply(answer, response.getheader("x-freehold-receipt") or "")

    def _count(self, kept: Kept, price: Price | None) -> None:
        usage = Usage(input_tokens=kept.input_tokens, output_tokens=kept.output_tokens)
        with self._lock:
            self.input_tokens += kept.input_tokens
            self.output_tokens += kept.output_tokens
            self.spent = None if price is None or self.spent is None else self.spent + cost(price, usage)


def run(
    problems: Sequence[Problem], plan: Plan, asker: Asker, concurrency: int, progress: Callable[[int, int], None]
) -> tuple[list[Observed], str]:
    """What was observed, and why the run ended early (empty when it did not). An interrupt waits for the requests that are
    under way, and keeps them. Raises what every request is refused with."""
    seen: list[Observed] = []
    why = ""
    pool = ThreadPoolExecutor(concurrency, thread_name_prefix="probe")
    left: set[Future[Observed]] = {
        pool.submit(drive, problem, plan, partial(asker, problem=problem.id)) for problem in problems
    }
    try:
        while left and not why:
            done, left = wait(left, return_when=FIRST_COMPLETED)
            for future in done:
                try:
                    seen.append(future.result())
                except Stopped as stopped:
                    why = why or str(stopped)
            progress(len(seen), len(problems))
    except KeyboardInterrupt:
        asker.interrupted = True
        why = INTERRUPTED
    finally:
        asker.stop.set()
        pool.shutdown(wait=True, cancel_futures=True)
    for future in left:  # those that ended meanwhile
        if not future.cancelled() and future.exception() is None:
            seen.append(future.result())
    return seen, why


def drive(problem: Problem, plan: Plan, ask: Callable[[Ask], Heard]) -> Observed:
    """One problem from its question to what was observed."""
    probing = probe(problem, plan)
    try:
        wanted = next(probing)
        while True:
            wanted = probing.send(ask(wanted))
    except StopIteration as ended:
        return ended.value


def read_reply(answer: dict[str, Any], receipt: str) -> Kept:
    """A whole Chat answer as what was heard of it. Raises StreamBroken for one that has not the form of one."""
    try:
        choice = answer["choices"][0]
        message = choice["message"]
        usage: dict[str, Any] = answer.get("usage") or {}
        reasoning, told = _reasoning(message)
        heard = Heard(
            text=message.get("content") or message.get("refusal") or "",
            reasoning=reasoning,
            reasoning_is=told,
            cut=choice.get("finish_reason") == "length",
        )
        read, written = int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise StreamBroken("The door's answer has not the form of one.", "Ask again.") from error
    return Kept(heard=heard, input_tokens=read, output_tokens=written, receipt=receipt)


def _reasoning(message: dict[str, Any]) -> tuple[str, Literal["shown", "summary", "hidden", "none"]]:
    details: list[dict[str, Any]] = message.get("reasoning_details") or []
    kinds = {detail.get("type") for detail in details if any(detail.get(word) for word in ("text", "summary", "data"))}
    text = str(message.get("reasoning_content") or message.get("reasoning") or "")
    text = text if text.strip() else "\n\n".join(str(detail["text"]) for detail in details if detail.get("text"))
    if "reasoning.summary" in kinds and "reasoning.text" not in kinds:
        return text or "\n\n".join(str(one["summary"]) for one in details if one.get("summary")), "summary"
    if text.strip():
        return text, "shown"
    return "", "hidden" if details else "none"


def _most_input(ask: Ask) -> int:
    return sum(len(msgspec.json.encode(message)) + TOKENS_A_MESSAGE for message in ask.messages)


# --- what is known of a model ---


def price_of(model: str) -> Price | None:
    """The list price of `vendor/name` now; of a model that this machine serves nothing, None where it is not known."""
    vendor, _, name = model.partition("/")
    known = load().get(vendor)
    if known is not None and known.transport != "http":
        return Price(input=0, output=0)
    catalog = Catalog.load()
    row = catalog.find(vendor, name)
    return None if row is None else catalog.price_at(row, datetime.fromtimestamp(time.time(), UTC))


def way_of(model: str, prefill: str) -> tuple[Way, str]:
    """How an answer can be forced from `vendor/name`, and a phrase that says how that is known. `prefill` is `yes`, `no` or
    `auto`: an engine of this machine goes on from a turn that was begun for it; a vendor's model does where the catalog
    says so and its dialect has it. Raises InvalidField for another word."""
    if prefill not in ("auto", "yes", "no"):
        raise InvalidField(f"{prefill!r} says neither yes nor no.", "Write --prefill auto, yes or no.", param="prefill")
    if prefill != "auto":
        return ("prefill" if prefill == "yes" else "turn"), f"--prefill {prefill}"
    name, _, bare = model.partition("/")
    vendor = load().get(name)
    if vendor is None:
        return "turn", "nothing is known of prefill for this name; --prefill yes if it can"
    if vendor.transport == "engine":
        return "prefill", "its engine goes on from a turn that was begun for it"
    dialect = vendor.speaks[0].dialect
    row = Catalog.load().find(name, bare)
    can = row is not None and "prefill" in row.abilities and "prefill" not in row.lacks
    if can and dialect == "anthropic-messages" and "prefill" not in traits_for(vendor, dialect, bare).no_abilities:
        return "prefill", "the catalog lists prefill among its abilities"
    return "turn", "prefill is not among its known abilities; --prefill yes if it can"
