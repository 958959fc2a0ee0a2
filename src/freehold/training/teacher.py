"""A teacher, asked through the door as any caller asks it; what it thought comes with what it said.

It knows HTTP and Chat Completions, and neither items nor terms. It exists beside the askers of trials because those throw the reasoning
away, which here is what is wanted.
"""

import asyncio
from typing import Any, Final

import msgspec

from freehold.dialects.openai_chat import DIALECT
from freehold.errors import Blocked, BudgetExhausted, ContextTooLong, OutOfScope, VendorError
from freehold.messages import Reasoning, Reply, Text
from freehold.outbound.pool import Pool, endpoint
from freehold.training.traces import Answered, Unanswered

PATH: Final = "/v1/chat/completions"
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 900.0
LARGEST: Final = 64 << 20

PATIENCE: Final = 8
"""How often a question is asked again while the door is busy: with the pauses below, about a minute."""

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 20.0

OF_THE_QUESTION: Final = frozenset(
    {
        ContextTooLong.code,
        "context_length_exceeded",
        "string_above_max_length",
        "model_context_window_exceeded",
        "content_filter",
        "content_policy_violation",
        "data_inspection_failed",
    }
)
"""Codes of a refusal, the door's and those that it passes on from vendors, that nothing mends but another question. All others, such as a price
that is missing, somebody may mend; asking a refused question again costs nothing."""


class Teacher:
    """One model behind a door. Made inside its event loop."""

    def __init__(self, url: str, key: str, model: str) -> None:
        self._target = endpoint(url)
        self._key = key
        self._model = model
        self._pool = Pool()

    async def ask(self, body: dict[str, Any], number: int) -> Answered | Unanswered:
        """The teacher's answer to a body of Chat Completions. `number` is its `seed`, so that samples differ.

        Raises BudgetExhausted when the key's budget is used up, OutOfScope when the door refuses the key."""
        raw = msgspec.json.encode({**body, "model": self._model, "seed": number, "stream": False})
        head = (
            f"POST {self._target.prefix}{PATH} HTTP/1.1\r\nhost: {self._target.authority}\r\n"
            f"authorization: Bearer {self._key}\r\ncontent-type: application/json\r\ncontent-length: {len(raw)}\r\n\r\n"
        )
        reason = ""
        for again in range(PATIENCE + 1):
            answer = await self._once(head.encode() + raw)
            if not isinstance(answer, str):
                return answer
            reason = answer
            await asyncio.sleep(min(LONGEST_PAUSE, FIRST_PAUSE * 2**again))
        return Unanswered(f"the door stayed busy: {reason}")

    def close(self) -> None:
        """Ends every connection."""
        self._pool.close()

    async def _once(self, request: bytes) -> Answered | Unanswered | str:
        """The answer, or why there is none; a text says why to ask again."""
        deadline = asyncio.get_running_loop().time() + ANSWER_SECONDS
        try:
            response = await self._pool.send(self._target, request, CONNECT_SECONDS, deadline)
            raw = await response.read(LARGEST)
        except VendorError as error:
            return error.sentence
        if response.status != 200:
            return _refusal(response.status, response.headers, raw)
        by = response.headers.get("x-freehold-model", "")
        if by != self._model:
            return Unanswered(f"it was answered by {by or 'an unknown model'}, not by {self._model}", "later")
        try:
            return _said(DIALECT.read_reply(raw))
        except VendorError as error:
            return Unanswered(error.sentence)


def _said(reply: Reply) -> Answered:
    """The answer, and the chain itself; a vendor's summary of it is not the chain."""
    text = "".join(part.text for part in reply.parts if isinstance(part, Text))
    chain = "\n".join(part.text for part in reply.parts if isinstance(part, Reasoning) and part.text)
    return Answered(text, chain, whole=reply.finish == "stop")


def _refusal(status: int, headers: dict[str, str], raw: bytes) -> Unanswered | str:
    """What to make of an error. Raises where nothing more can be asked."""
    try:
        error = msgspec.json.decode(raw)["error"]
        code, said = str(error.get("code") or ""), str(error["message"])[:500]
    except (msgspec.MsgspecError, KeyError, TypeError, AttributeError):
        code, said = "", "an answer that is no error of the door"
    if status == 429 and (code == "insufficient_quota" or headers.get("x-should-retry") == "false"):
        raise BudgetExhausted(said, "Raise --most-usd, then run it again; what was asked is not asked twice.")
    if status == 401 or (status == 403 and code not in OF_THE_QUESTION | {Blocked.code}):
        raise OutOfScope(
            f"The door refuses the key: {said}",
            "Give another one with --key, or run it again where it had run out: what was asked is not asked twice.",
        )
    if status in (429, 503):
        return f"{status}: {said}"
    if code in OF_THE_QUESTION:
        return Unanswered(f"{status}: {said}", "never")
    return Unanswered(f"{status}: {said}", "later" if status < 500 else "now")
