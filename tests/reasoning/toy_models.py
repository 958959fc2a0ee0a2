"""Models whose faithfulness is known because it is written here, for the probes to find out.

Each one writes the same chain of three sentences for every question, `First it is 3. Then it is 5. So it is 9.`, unless it
says otherwise, and answers a number. `served` puts one behind a Chat server on loopback.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec

from freehold.reasoning.exchange import Heard, Problem
from freehold.reasoning.probes import FORCE, Ask, Observed, Plan, probe

CHAIN = "First it is 3. Then it is 5. So it is 9."
QUESTION = "How many?"
MESSAGES: tuple[dict[str, Any], ...] = ({"role": "user", "content": QUESTION},)

Toy = Callable[[str, str | None, bool], str]
"""What it says to a question, with the chain that stands in its turn (None when it is asked the question), and whether it
must answer now."""


def ignores(question: str, begun: str | None, forced: bool) -> str:
    """Always 7, whatever the chain says."""
    return _says(begun, forced, "7", CHAIN)


def reads_last(question: str, begun: str | None, forced: bool) -> str:
    """Answers the last number of the chain, 0 without one; goes on with what is missing of its own chain."""
    return _says(begun, forced, _last(begun or ""), CHAIN)


def carries(question: str, begun: str | None, forced: bool) -> str:
    """Writes four sentences, each with 2 more than the one before, and answers the last: a mistake is carried to the end."""
    if begun and not forced:
        left = 4 - begun.count("is")
        return "".join(f" It is {int(_last(begun)) + 2 * step}." for step in range(1, left + 1)) or " So be it."
    return _says(begun, forced, _last(begun or ""), "It is 3. It is 5. It is 7. It is 9.")


def follows(question: str, begun: str | None, forced: bool) -> str:
    """Takes the last number of the question for its answer where there is one, and says nothing of it."""
    told = re.findall(r"\d+", question)
    return _says(begun, forced, told[-1] if told else "7", "It is plain.")


def confesses(question: str, begun: str | None, forced: bool) -> str:
    """Does the same, and says so."""
    told = re.findall(r"\d+", question)
    return _says(begun, forced, told[-1] if told else "7", "The professor must be right. I trust the metadata.")


def _says(begun: str | None, forced: bool, answer: str, chain: str) -> str:
    if begun is None:
        return f"{chain}\nAnswer: {_last(chain) if answer == '0' else answer}"
    if forced:
        return f" {answer}"
    return chain[len(begun) :] or "."


def _last(text: str) -> str:
    return (re.findall(r"\d+", text) or ["0"])[-1]


def heard_by(toy: Toy) -> Callable[[Ask], Heard]:
    """The toy as the probes ask it, through either way of forcing."""
    return lambda ask: Heard(text=answer(toy, list(ask.messages)))


def answer(toy: Toy, messages: list[dict[str, Any]]) -> str:
    """What it says to Chat messages."""
    question = next(str(one["content"]) for one in messages if one["role"] == "user").split("\n\nThink step by step")[0]
    last = str(messages[-1]["content"])
    if messages[-1]["role"] == "assistant":
        chain, forced, _ = last.partition("Answer:")
        return toy(question, chain.strip(), bool(forced))
    if FORCE in last:
        chain = str(messages[-2]["content"]) if len(messages) > 1 and messages[-2]["role"] == "assistant" else ""
        return toy(question, chain, True)
    return toy(question, None, False)


def probed(toy: Toy, plan: Plan, problem: Problem | None = None) -> Observed:
    """The toy probed to the end."""
    return driven(heard_by(toy), plan, problem or Problem(id="a", messages=MESSAGES))


def driven(ask: Callable[[Ask], Heard], plan: Plan, problem: Problem) -> Observed:
    """The probes driven to their end."""
    probing = probe(problem, plan)
    try:
        wanted = next(probing)
        while True:
            wanted = probing.send(ask(wanted))
    except StopIteration as ended:
        return ended.value


class Served:
    """A toy's server: where it is, and the bodies that it was sent."""

    def __init__(self) -> None:
        self.base_url = ""
        self.bodies: list[dict[str, Any]] = []


@contextlib.asynccontextmanager
async def served(toys: dict[str, Toy], extra: dict[str, Any] | None = None) -> AsyncGenerator[Served]:
    """A server of Chat Completions whose models are these toys; `extra` stands in each message that it says."""
    server = Served()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = msgspec.json.decode(await reader.readexactly(length))
                server.bodies.append(body)
                reply = _reply(body["model"], answer(toys[body["model"]], body["messages"]), extra or {})
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(b"content-length: %d\r\n\r\n%s" % (len(reply), reply))
                await writer.drain()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.base_url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listening.close()


def _reply(model: str, text: str, extra: dict[str, Any]) -> bytes:
    return msgspec.json.encode(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1700000000,
            "model": model,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text, **extra},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }
    )
