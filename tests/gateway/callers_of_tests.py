"""The official SDKs as callers of a door: one stream of words in each of the three front dialects."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, NamedTuple

import anthropic
import openai

from gateway.door_in_process import Door

FRONTS = ("chat", "responses", "messages")


class Callers(NamedTuple):
    """The clients, with one key. Their methods are too overloaded to be typed here; what they give is checked."""

    gpt: Any
    claude: Any

    async def ask(self, front: str, model: str, words: str = "hello", **more: Any) -> Any:
        """One call: the SDK's own object for the answer, or for the stream with `stream=True`."""
        said = [{"role": "user", "content": words}]
        if front == "chat":
            return await self.gpt.chat.completions.create(model=model, messages=said, **more)
        if front == "responses":
            return await self.gpt.responses.create(model=model, input=words, **more)
        return await self.claude.messages.create(model=model, messages=said, max_tokens=200, **more)

    async def listen(self, front: str, model: str, words: str = "hello", **more: Any) -> AsyncIterator[tuple[str, str]]:
        """A stream: its words as ("word", text), and what says that it ended well as ("end", reason)."""
        stream = await self.ask(front, model, words, stream=True, **more)
        async for event in stream:
            for kind, value in _READ[front](event):
                yield kind, value


def _of_chat(event: Any) -> list[tuple[str, str]]:
    choices = event.choices
    words = [("word", choice.delta.content) for choice in choices if choice.delta.content]
    return words + [("end", choice.finish_reason) for choice in choices if choice.finish_reason]


def _of_responses(event: Any) -> list[tuple[str, str]]:
    if event.type == "response.output_text.delta":
        return [("word", event.delta)]
    return [("end", event.type)] if event.type in ("response.completed", "response.incomplete") else []


def _of_messages(event: Any) -> list[tuple[str, str]]:
    if event.type == "content_block_delta" and event.delta.type == "text_delta":
        return [("word", event.delta.text)]
    return [("end", event.type)] if event.type == "message_stop" else []


_READ = {"chat": _of_chat, "responses": _of_responses, "messages": _of_messages}


@contextlib.asynccontextmanager
async def calling(door: Door, key: str | None = None) -> AsyncGenerator[Callers]:
    """Callers of this door, with its admin key or another one, who never try again by themselves."""
    secret = key or door.key
    async with (
        openai.AsyncOpenAI(base_url=f"{door.url}/v1", api_key=secret, max_retries=0) as gpt,
        anthropic.AsyncAnthropic(base_url=door.url, api_key=secret, max_retries=0) as claude,
    ):
        yield Callers(gpt, claude)
