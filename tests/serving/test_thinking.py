"""A model that thinks, and adapters of it, in the real llama.cpp behind the door: how callers of each dialect turn thinking on and off and cap
it, where they find it, and whose answer an adapter gives.

What is asked is `1+2=3`, then `45` (`tiny_models.THINKER`); one thought is one token.
"""

import asyncio
import importlib.util
import json
import subprocess
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest
import pytest_asyncio

from cli.house_running import clean, until
from freehold.config.settings import Engine
from freehold.serving.launch import EngineSpec, plan, ready
from gateway.door_in_process import Answer, Door, running
from serving.tiny_models import adapter, thinker

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = "own/thinker"
TOML = """
    [own.thinker]
    weights = "smollm2-135m"

    [workloads.default]
    route = ["requested"]
    retries = 0
"""
COLOUR: dict[str, Any] = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "green"]}},
    "required": ["colour"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Generator[EngineSpec]:
    """One engine for all tests of this file: the thinker, and the two that answer 7 and 8."""
    if importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("llama.cpp is not installed")
    folder = tmp_path_factory.mktemp("thinker")
    engines = {"thinker": Engine(name="thinker", weights=str(thinker(folder / "thinker.gguf")), threads=1)}
    for name, answer in (("seven", "7"), ("eight", "8")):
        lora = adapter(folder / f"{name}.gguf", answer)
        engines[name] = Engine(name=name, base=MODEL, adapter=str(lora))
    (spec,) = plan(engines, folder, clean(), lambda _: None)
    with subprocess.Popen(spec.argv, env=dict(spec.environ), stderr=subprocess.DEVNULL) as process:
        try:
            asyncio.run(until(lambda: ready(spec.health), "the engine is ready"))
            yield spec
        finally:
            process.kill()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(engine: EngineSpec, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Door]:
    """One door for all of them, in one event loop."""
    async with running(tmp_path_factory.mktemp("door"), TOML, dict(engine.models)) as found:
        yield found


async def chat(door: Door, model: str = MODEL, **more: Any) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": "1+2?"}], "max_tokens": 60, "temperature": 0}
    return await door.post("/v1/chat/completions", body | more)


async def messages(door: Door, **more: Any) -> Answer:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "1+2?"}], "max_tokens": 60, "temperature": 0}
    return await door.post("/v1/messages", body | more)


async def responses(door: Door, **more: Any) -> Answer:
    body = {"model": MODEL, "input": "1+2?", "max_output_tokens": 60, "temperature": 0}
    return await door.post("/v1/responses", body | more)


def told(answer: Answer) -> tuple[str | None, str]:
    """What was thought, and what was said, in a Chat answer."""
    assert answer.status == 200, answer.body
    message = answer.json["choices"][0]["message"]
    return message.get("reasoning_content"), message["content"]


@pytest.mark.parametrize(
    ("asked", "thought"),
    [
        ({}, "1+2=3"),
        ({"reasoning_effort": "high"}, "1+2=3"),
        ({"reasoning_effort": "none"}, None),
        ({"reasoning_effort": "minimal"}, None),
        ({"thinking": {"type": "disabled"}}, None),
        ({"reasoning": {"enabled": False}}, None),
        ({"reasoning": {"max_tokens": 2}}, "1+"),
        ({"thinking": {"type": "enabled", "budget_tokens": 4}}, "1+2="),
        ({"chat_template_kwargs": {"enable_thinking": False}}, None),
    ],
)  # fmt: skip
async def test_chat_turns_thinking_off_and_caps_it(asked: dict[str, Any], thought: str | None, door: Door) -> None:
    answer = await chat(door, **asked)
    assert told(answer) == (thought, "45")
    assert "x-freehold-dropped" not in answer.headers


async def test_chat_streams_what_is_thought_before_what_is_said(door: Door) -> None:
    answer = await chat(door, stream=True)
    deltas = [chunk["choices"][0]["delta"] for chunk in map(json.loads, _data(answer)) if chunk["choices"]]
    assert [delta["reasoning_content"] for delta in deltas if delta.get("reasoning_content")] == [
        "1",
        "+",
        "2",
        "=",
        "3",
    ]
    assert [delta["content"] for delta in deltas if delta.get("content")] == ["4", "5"]


async def test_messages_have_it_in_a_thinking_block(door: Door) -> None:
    content = (await messages(door)).json["content"]
    assert [(block["type"], block.get("thinking") or block.get("text")) for block in content] == [
        ("thinking", "1+2=3"),
        ("text", "45"),
    ]
    off = await messages(door, thinking={"type": "disabled"})
    assert [(block["type"], block["text"]) for block in off.json["content"]] == [("text", "45")]
    capped = await messages(door, thinking={"type": "enabled", "budget_tokens": 3})
    assert capped.json["content"][0]["thinking"] == "1+2"
    assert "x-freehold-dropped" not in capped.headers


async def test_messages_stream_it_as_thinking(door: Door) -> None:
    found = [json.loads(data) for data in _data(await messages(door, stream=True))]
    deltas = [event["delta"] for event in found if event["type"] == "content_block_delta"]
    assert "".join(delta.get("thinking", "") for delta in deltas) == "1+2=3"
    assert "".join(delta.get("text", "") for delta in deltas) == "45"


async def test_responses_have_it_in_a_reasoning_item(door: Door) -> None:
    output = (await responses(door)).json["output"]
    assert [item["type"] for item in output] == ["reasoning", "message"]
    assert "1+2=3" in json.dumps(output[0])
    assert output[1]["content"][0]["text"] == "45"
    off = await responses(door, reasoning={"effort": "none"})
    assert [item["type"] for item in off.json["output"]] == ["message"]
    streamed = [json.loads(data) for data in _data(await responses(door, stream=True))]
    assert streamed[-1]["response"]["output"][0]["type"] == "reasoning"


async def test_a_json_schema_holds_for_what_is_said_after_thinking(door: Door) -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "colour", "schema": COLOUR, "strict": True}}
    thought, said = told(await chat(door, response_format=schema))
    assert thought == "1+2=3"
    assert json.loads(said)["colour"] in ("red", "green")
    thought, said = told(await chat(door, response_format=schema, reasoning_effort="none"))
    assert thought is None
    assert json.loads(said)["colour"] in ("red", "green")


async def test_a_turn_of_before_may_bring_its_thoughts_back(door: Door) -> None:
    history = [
        {"role": "user", "content": "1+2?"},
        {"role": "assistant", "reasoning_content": "1+2=3", "content": "45"},
        {"role": "user", "content": "Sure?"},
    ]
    assert told(await chat(door, messages=history)) == ("1+2=3", "45")


async def test_what_cannot_be_told_to_the_engine_is_named(door: Door) -> None:
    answer = await responses(door, reasoning={"effort": "high", "summary": "detailed"})
    assert answer.headers["x-freehold-dropped"] == "reasoning.summary"


async def test_each_adapter_answers_its_own_way_while_all_are_asked_at_once(door: Door, engine: EngineSpec) -> None:
    names = [MODEL, "own/seven", "own/eight"] * 6
    answers = await asyncio.gather(*(chat(door, name) for name in names))
    assert [told(answer) for answer in answers] == [("1+2=3", said) for said in ("45", "7", "8")] * 6
    weights = {record.deployment: record.weights for record in door.records()[-18:]}
    assert weights == {f"own/{name}": served.weights for name, served in engine.models.items()}
    assert len(set(weights.values())) == 3


async def test_a_caller_of_the_base_cannot_reach_an_adapter(door: Door) -> None:
    answer = await chat(door, lora=[{"id": 0, "scale": 1.0}])
    assert told(answer) == ("1+2=3", "45")
    assert answer.headers["x-freehold-dropped"] == "lora"


def _data(answer: Answer) -> list[bytes]:
    """The data of each event but the one that says that it is done."""
    assert answer.status == 200, answer.body
    found = [line.removeprefix(b"data: ") for line in answer.body.split(b"\n") if line.startswith(b"data: ")]
    return [data for data in found if data != b"[DONE]"]
