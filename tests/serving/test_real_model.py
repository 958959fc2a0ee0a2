"""A real model behind the real door: SmolLM2-135M in llama.cpp, asked by the official SDKs, killed, and back again.

The weights are fetched once into the user's cache (98 MB); without them and without a network these tests are skipped, unless
FREEHOLD_REAL is set, as CI does: then they fail.
"""

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

import anthropic
import openai
import pytest

from cli.house_running import House, alive, clean, house, until
from freehold.cli.promoted import read_serving
from freehold.config.paths import cache_dir, environment
from freehold.config.settings import Engine
from freehold.errors import FetchError
from freehold.processes import PARENT_FD
from freehold.serving.launch import plan, ready
from freehold.serving.weights import fetch

MODEL = "own/smollm2-135m"
CONFIGURED = """
    [own.smollm2-135m]
    weights = "smollm2-135m"
    context = 1024
    parallel = 4

    [workloads.default]
    route = ["requested"]
    retries = 0

    [workloads.patient]
    route = ["own/smollm2-135m"]
    retries = 10
"""
ASKED: list[Any] = [{"role": "user", "content": "Say hello."}]
PARTY: dict[str, object] = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "green"]}, "guests": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["colour", "guests"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def weights() -> Path:
    if importlib.util.find_spec("xllamacpp") is None:
        missing("llama.cpp is not installed")
    try:
        return fetch("smollm2-135m", cache_dir(environment()))
    except FetchError as error:
        missing(f"the weights cannot be had here: {error.sentence}")


def missing(why: str) -> NoReturn:
    if os.environ.get("FREEHOLD_REAL"):
        pytest.fail(f"{why}, and FREEHOLD_REAL is set")
    pytest.skip(why)


@pytest.fixture(scope="module")
def door(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[House]:
    """One door for all tests of this file."""
    with asyncio.Runner() as runner:
        running = house(tmp_path_factory.mktemp("house"), CONFIGURED)
        yield runner.run(running.__aenter__())
        runner.run(running.__aexit__(None, None, None))


@pytest.fixture
def chat(door: House) -> Generator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{door.url}/v1", api_key=door.key, max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture
def claude(door: House) -> Generator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=door.url, api_key=door.key, max_retries=0, timeout=60) as client:
        yield client


def test_chat_completions_are_answered_whole(chat: openai.OpenAI) -> None:
    reply = chat.chat.completions.create(model=MODEL, messages=ASKED, max_tokens=12, temperature=0)
    (choice,) = reply.choices
    assert choice.message.role == "assistant"
    assert choice.message.content
    assert choice.finish_reason in ("stop", "length")
    assert reply.usage is not None
    assert 1 <= reply.usage.completion_tokens <= 12
    assert reply.usage.prompt_tokens > 3
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_chat_completions_are_answered_word_by_word(chat: openai.OpenAI) -> None:
    stream = chat.chat.completions.create(
        model=MODEL,
        messages=ASKED,
        max_tokens=12,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    said = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert len(said) > 1
    usage = chunks[-1].usage
    assert usage is not None
    assert 1 <= usage.completion_tokens <= 12
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] in ("stop", "length")


def test_the_likeliest_words_are_those_of_the_engine_asked_without_the_door(chat: openai.OpenAI, door: House) -> None:
    """The door asks for them in a cheaper way of llama.cpp's, and reads what comes fast together."""
    own = read_serving(door.data).models["smollm2-135m"]
    with openai.OpenAI(base_url=own.base_url, api_key="none", max_retries=0, timeout=60) as engine:
        for question in ("Say hello.", "Name three rivers.", "Why is the sky blue?"):
            bare, bare_probabilities = likeliest(engine, "smollm2-135m", question)
            whole, probabilities = likeliest(chat, MODEL, question)
            assert bare == whole != []
            assert probabilities == pytest.approx(bare_probabilities, abs=0.05)
            pieces = chat.chat.completions.create(
                model=MODEL,
                messages=[{"role": "user", "content": question}],
                max_tokens=24,
                temperature=0,
                stream=True,
            )
            said = "".join(choice.delta.content or "" for piece in pieces for choice in piece.choices)
            assert said == "".join(bare)


def likeliest(client: openai.OpenAI, model: str, question: str) -> tuple[list[str], list[float]]:
    """The tokens of a greedy answer, and their logprobs."""
    reply = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": question}],
        max_tokens=24,
        temperature=0,
        logprobs=True,
        top_logprobs=2,
    )
    told = reply.choices[0].logprobs
    assert told is not None
    assert told.content is not None
    return [one.token for one in told.content], [one.logprob for one in told.content]


def test_max_tokens_ends_the_answer_and_says_so(chat: openai.OpenAI) -> None:
    poem: list[Any] = [{"role": "user", "content": "Write a long story about the sea."}]
    reply = chat.chat.completions.create(model=MODEL, messages=poem, max_completion_tokens=3)
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage.completion_tokens == 3


def test_a_json_schema_is_kept(chat: openai.OpenAI) -> None:
    reply = chat.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Plan a party. Answer in JSON."}],
        max_tokens=60,
        response_format={
            "type": "json_schema",
            "json_schema": {"name": "party", "schema": PARTY, "strict": True},
        },
    )
    party = json.loads(reply.choices[0].message.content or "")
    assert set(party) == {"colour", "guests"}
    assert party["colour"] in ("red", "green")
    assert 1 <= party["guests"] <= 9


def test_responses_are_answered_word_by_word(chat: openai.OpenAI) -> None:
    events: list[Any] = list(chat.responses.create(model=MODEL, input="Say hello.", max_output_tokens=12, stream=True))
    assert events[0].type == "response.created"
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    last = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    assert last.response.output_text == said != ""
    assert last.response.usage is not None
    assert 1 <= last.response.usage.output_tokens <= 12


def test_embeddings_have_the_width_of_the_model_and_are_near_for_what_is_alike(chat: openai.OpenAI) -> None:
    texts = ["The cat sat on the mat.", "A cat is sitting on a mat.", "Quarterly revenue rose by 4 %."]
    answer = chat.embeddings.create(model=MODEL, input=texts, encoding_format="float")
    cat, also_cat, revenue = (row.embedding for row in answer.data)
    assert [len(cat), len(also_cat), len(revenue)] == [576] * 3  # hidden_size of SmolLM2-135M
    assert alike(cat, also_cat) > alike(cat, revenue)
    assert answer.usage.prompt_tokens > 15


def alike(one: list[float], other: list[float]) -> float:
    """The cosine of the angle between two vectors."""

    def dot(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    return dot(one, other) / (dot(one, one) * dot(other, other)) ** 0.5


def test_messages_are_answered_whole_and_streamed(claude: anthropic.Anthropic) -> None:
    whole = claude.messages.create(model=MODEL, max_tokens=12, messages=ASKED, system="You are brief.")
    with claude.messages.stream(model=MODEL, max_tokens=12, messages=ASKED, system="You are brief.") as stream:
        said = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert said
    assert [block.text for block in final.content if block.type == "text"] == [said]
    assert [bool(block.text) for block in whole.content if block.type == "text"] == [True]
    assert read(whole.usage) == read(final.usage) > 10
    assert 1 <= whole.usage.output_tokens <= 12
    assert whole.stop_reason in ("end_turn", "max_tokens")


def read(usage: anthropic.types.Usage) -> int:
    """The whole input in Anthropic's count, in which `input_tokens` leaves out what was cached."""
    return usage.input_tokens + (usage.cache_read_input_tokens or 0)


def test_tokens_are_counted_as_the_answer_counts_them(claude: anthropic.Anthropic) -> None:
    counted = claude.messages.count_tokens(model=MODEL, messages=ASKED)
    answered = claude.messages.create(model=MODEL, max_tokens=1, messages=ASKED)
    assert counted.input_tokens == read(answered.usage) > 3


def test_tools_that_the_models_template_would_swallow_are_refused(chat: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        chat.chat.completions.create(
            model=MODEL,
            messages=ASKED,
            tools=[{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}],
        )
    assert refused.value.code == "unsupported"


def test_more_callers_than_the_engine_serves_at_once_are_all_answered(chat: openai.OpenAI, door: House) -> None:
    def ask(number: int) -> tuple[str, int]:
        messages: list[Any] = [{"role": "user", "content": f"Count to {number}."}]
        answer = chat.chat.completions.with_raw_response.create(model=MODEL, messages=messages, max_tokens=8)
        reply = answer.parse()
        assert reply.usage is not None
        return answer.headers["x-freehold-receipt"], reply.usage.completion_tokens

    with ThreadPoolExecutor(12) as callers:
        told = dict(callers.map(ask, range(12)))
    assert len(told) == 12

    def kept() -> bool:
        return {record.id for record in door.records()} >= set(told)

    asyncio.run(until(kept, "all records are stored"))
    records = {record.id: record for record in door.records()}
    for receipt, written in told.items():
        record = records[receipt]
        assert (record.status, record.deployment, record.output_tokens) == ("answered", MODEL, written)
        assert (record.cost_nano, record.estimated) == (0, False)


def test_the_command_line_asks_the_own_model_when_none_is_named(door: House) -> None:
    said = asyncio.run(door.cli("call", "Say hello.", "--max-tokens", "8"))
    assert said.strip()


def test_a_caller_who_leaves_frees_the_engine(chat: openai.OpenAI, door: House) -> None:
    story: list[Any] = [{"role": "user", "content": "Write a very long story about the sea and its many fish."}]
    streams = [chat.chat.completions.create(model=MODEL, messages=story, stream=True) for _ in range(4)]
    for stream in streams:
        next(iter(stream))
        stream.close()
    reply = chat.chat.completions.create(model=MODEL, messages=ASKED, max_tokens=3)
    assert reply.choices[0].message.content

    def left() -> bool:
        return [record.status for record in door.records()].count("cancelled") == 4

    asyncio.run(until(left, "the four that left are recorded as cancelled"))


def test_kill_9_of_the_engine_is_told_with_advice_and_mended(chat: openai.OpenAI, door: House) -> None:
    ((port, engine),) = door.engines().items()
    os.kill(engine, signal.SIGKILL)
    with pytest.raises(openai.InternalServerError) as down:
        chat.chat.completions.create(model=MODEL, messages=ASKED, max_tokens=3)
    assert down.value.status_code == 503
    assert down.value.code == "engine-down"
    assert "The engine is restarted by itself; try again in a few seconds." in down.value.message
    assert down.value.response.headers["retry-after"] == "2"

    patient = chat.chat.completions.create(model="patient", messages=ASKED, max_tokens=3)
    assert patient.choices[0].message.content
    assert set(door.engines()) == {port}
    assert door.engines()[port] != engine


@pytest.mark.usefixtures("weights")
def test_up_with_no_file_and_no_key_answers_and_takes_its_engine_along_when_it_ends(tmp_path: Path) -> None:
    async def from_start_to_end() -> None:
        async with house(tmp_path, None, "--json") as door:
            said = json.loads((tmp_path / "up.out").read_text())
            assert (said["ready"], said["data"], said["models"]) == (door.url, str(door.data), [MODEL])
            assert list(tmp_path.glob("*.toml")) == []
            answer = await door.say(MODEL, "Say hello.", max_tokens=8)
            assert (answer.status, answer.headers["x-freehold-model"]) == (200, MODEL)
            assert answer.json["choices"][0]["message"]["content"]
            (engine,) = door.engines().values()
            assert await door.end() == 0
            assert alive([engine]) == []

    asyncio.run(from_start_to_end())


def test_an_engine_ends_when_its_supervisor_is_gone(weights: Path) -> None:
    engine = Engine(name="tiny", weights=str(weights), context=128, parallel=1)
    reads, writes = os.pipe()
    environ = clean() | {PARENT_FD: str(reads)}
    (spec,) = plan({"tiny": engine}, Path(), environ, lambda _: None)
    with subprocess.Popen(spec.argv, env=dict(spec.environ), pass_fds=(reads,), stderr=subprocess.DEVNULL) as process:
        try:
            asyncio.run(until(lambda: ready(spec.health), "the engine is ready"))
            os.close(writes)
            assert process.wait(30) == 0
        finally:
            process.kill()
            os.close(reads)
