"""A stream put together to one whole answer by the official clients, as the programs of our callers do it."""

import httpx2
from anthropic import Anthropic
from openai import OpenAI


def assembled(front: str, stream: bytes) -> bytes:
    """The whole answer as JSON that a caller of this dialect has when the stream has ended. Raises the SDK's errors."""
    transport = httpx2.MockTransport(
        lambda _: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)
    )
    http = httpx2.Client(transport=transport)
    if front == "anthropic-messages":
        anthropic = Anthropic(api_key="key", base_url="http://door.test", max_retries=0, http_client=http)
        with anthropic.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]) as events:
            return events.get_final_message().to_json().encode()
    openai = OpenAI(api_key="key", base_url="http://door.test/v1", max_retries=0, http_client=http)
    if front == "openai-responses":
        for event in openai.responses.create(model="m", input="hi", stream=True):
            if event.type == "response.completed" or event.type == "response.incomplete":
                return event.response.to_json().encode()
        raise AssertionError("the stream had no end")
    with openai.chat.completions.stream(model="m", messages=[{"role": "user", "content": "hi"}]) as events:
        for _ in events:
            pass
        return events.current_completion_snapshot.to_json().encode()
