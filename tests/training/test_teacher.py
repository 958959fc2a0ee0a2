"""The teacher, asked through a door with canned answers."""

import msgspec
import pytest

from cli.commands import canned
from freehold.errors import BudgetExhausted, OutOfScope
from freehold.training import teacher as module
from freehold.training.teacher import Teacher
from freehold.training.traces import Again, Answered, Unanswered


def http(status: int, body: object, *headers: str) -> bytes:
    raw = msgspec.json.encode(body)
    head = [
        f"HTTP/1.1 {status} X",
        "content-type: application/json",
        f"content-length: {len(raw)}",
        "connection: close",
    ]
    return "\r\n".join([*head, *headers, "", ""]).encode() + raw


def completion(finish: str = "stop", **message: object) -> bytes:
    choice = {"index": 0, "finish_reason": finish, "message": {"role": "assistant", **message}}
    body = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return http(200, body, "x-freehold-model: deepseek/deepseek-chat")


def refusal(status: int, code: str, *headers: str) -> bytes:
    return http(status, {"error": {"message": "No.", "type": "x", "code": code}}, *headers)


async def ask(*answers: bytes) -> tuple[Answered | Unanswered, list[bytes]]:
    async with canned(*answers) as (url, requests):
        teacher = Teacher(url, "fh-key", "deepseek/deepseek-chat")
        try:
            return await teacher.ask({"messages": [{"role": "user", "content": "2+3?"}]}, 4), requests
        finally:
            teacher.close()


async def test_the_chain_comes_with_the_answer_and_samples_have_their_seed() -> None:
    said, requests = await ask(completion(content="5", reasoning_content="2 + 3 = 5"))
    assert said == Answered("5", "2 + 3 = 5")
    body = msgspec.json.decode(requests[0].partition(b"\r\n\r\n")[2])
    assert (body["model"], body["seed"], body["stream"]) == ("deepseek/deepseek-chat", 4, False)
    assert b"authorization: Bearer fh-key" in requests[0]


async def test_an_answer_that_was_cut_off_is_not_whole() -> None:
    said, _ = await ask(completion("length", content="5"))
    assert said == Answered("5", whole=False)


async def test_an_answer_by_another_model_is_none() -> None:
    other = completion(content="5").replace(b"deepseek/deepseek-chat", b"openai/gpt-5-mini-xyz ")
    said, _ = await ask(other)
    assert isinstance(said, Unanswered)
    assert (said.again, "openai/gpt-5-mini-xyz" in said.reason) == ("later", True)


async def test_a_busy_door_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.001)
    busy = refusal(429, "rate_limit_exceeded")
    said, requests = await ask(busy, refusal(503, "door-full"), completion(content="5"))
    assert (said, len(requests)) == (Answered("5"), 3)
    never, asked = await ask(*[busy] * (module.PATIENCE + 1))
    assert isinstance(never, Unanswered)
    assert (never.again, len(asked)) == ("now", module.PATIENCE + 1)


async def test_a_used_up_budget_and_a_refused_key_end_the_run() -> None:
    with pytest.raises(BudgetExhausted):
        await ask(refusal(429, "insufficient_quota"))
    for status, code in ((401, "unknown-key"), (403, "out-of-scope"), (403, "")):
        with pytest.raises(OutOfScope):
            await ask(refusal(status, code))


@pytest.mark.parametrize(
    ("status", "code", "again"),
    [
        (400, "context-too-long", "never"),
        (400, "context_length_exceeded", "never"),
        (403, "content_filter", "never"),
        (400, "unpriced-model", "later"),
        (400, "unsupported", "later"),
        (404, "unknown-model", "later"),
        (413, "body-too-large", "later"),
        (403, "blocked", "later"),
        (502, "vendor-garbled", "now"),
    ],
)
async def test_only_a_refusal_of_the_question_itself_is_for_ever(status: int, code: str, again: Again) -> None:
    said, _ = await ask(refusal(status, code))
    assert said == Unanswered(f"{status}: No.", again)
