"""vLLM: the command line as its documentation has it, and what a folder of weights says. vLLM itself is not run here: where a program must
run, one stands in its place that answers on the same paths and tells what it was asked."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.house_running import clean, until
from freehold.config.settings import Engine
from freehold.errors import FetchError, NotConfigured
from freehold.processes import PARENT_FD
from freehold.serving.launch import plan, ready
from freehold.serving.vllm import check_installed, command_line, folder_digest, template_of
from gateway.door_in_process import running
from serving.tiny_models import TEMPLATE

STAND_IN = """
import http.server, json, os, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        asked["known"] = self.headers["authorization"] == "Bearer " + os.environ["VLLM_API_KEY"]
        message = {"role": "assistant", "reasoning": "Hm.", "content": json.dumps(asked)}
        answer = {
            "id": "1", "object": "chat.completion", "created": 1, "model": asked["model"],
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *said):
        pass

port = int(sys.argv[sys.argv.index("--port") + 1])
http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""

ENGINE = Engine(name="claims", engine="vllm", weights="/models/claims", parallel=16)


def adapter(folder: Path, rank: int) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank, "peft_type": "LORA"}))
    return folder


def test_it_is_started_on_loopback_under_the_models_name() -> None:
    assert " ".join(command_line(ENGINE, {}, 20123)) == (
        "vllm serve /models/claims --served-model-name claims --host 127.0.0.1 --port 20123 --max-num-seqs 16"
    )


def test_ones_own_options_stand_before_the_weights_and_a_context_is_said() -> None:
    engine = Engine(
        name="claims",
        engine="vllm",
        weights="/models/claims",
        context=2048,
        command=("/opt/bin/vllm", "serve", "--reasoning-parser", "qwen3"),
    )
    assert command_line(engine, {}, 1)[:5] == (
        "/opt/bin/vllm",
        "serve",
        "--reasoning-parser",
        "qwen3",
        "/models/claims",
    )
    assert command_line(engine, {}, 1)[-2:] == ("--max-model-len", "2048")


def test_adapters_are_modules_under_their_hashed_names_with_room_for_the_largest(tmp_path: Path) -> None:
    adapters = {"a-0123": adapter(tmp_path / "a", 8), "b-4567": adapter(tmp_path / "b", 20)}
    assert " ".join(command_line(ENGINE, adapters, 1)).partition("--enable-lora ")[2] == (
        f"--max-loras 2 --max-lora-rank 32 --lora-modules a-0123={tmp_path}/a b-4567={tmp_path}/b"
    )


def test_without_the_program_the_error_says_what_to_do() -> None:
    engine = Engine(name="claims", engine="vllm", weights="w", command=("no-such-program", "serve"))
    with pytest.raises(
        NotConfigured, match="own/claims is to be served by vLLM, and there is no `no-such-program` here"
    ):
        check_installed(engine)


def test_one_file_of_weights_has_its_own_digest_and_several_have_that_of_their_list(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"no file ends with \.safetensors"):
        folder_digest(tmp_path)
    (tmp_path / "model-1.safetensors").write_bytes(b"abc")
    # The SHA-256 of "abc" (FIPS 180-2, B.1).
    assert folder_digest(tmp_path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    (tmp_path / "model-2.safetensors").write_bytes(b"")
    # sha256sum *.safetensors | sha256sum
    assert folder_digest(tmp_path) == "72f313fdaf740d11899f74a112071544d5e63067a2d904a8696d2f9aa752a73a"


@pytest.mark.parametrize(
    ("files", "template"),
    [
        ({"chat_template.jinja": "alone", "tokenizer_config.json": '{"chat_template": "in the table"}'}, "alone"),
        ({"tokenizer_config.json": '{"chat_template": "in the table"}'}, "in the table"),
        ({"tokenizer_config.json": '{"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]}'}, "d"),
        ({"tokenizer_config.json": "not JSON"}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_the_template_is_where_transformers_puts_it(files: dict[str, str], template: str, tmp_path: Path) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert template_of(tmp_path) == template


async def test_the_door_asks_it_with_its_key_for_a_model_and_its_adapter_and_caps_thinking_in_its_words(
    tmp_path: Path,
) -> None:
    weights = tmp_path / "claims"
    weights.mkdir()
    (weights / "model.safetensors").write_bytes(b"weights")
    (weights / "chat_template.jinja").write_text(TEMPLATE)
    lora = adapter(tmp_path / "terse", 8)
    (lora / "adapter_model.safetensors").write_bytes(b"abc")
    (tmp_path / "vllm.py").write_text(STAND_IN)
    command = (sys.executable, str(tmp_path / "vllm.py"), "serve")
    engines = {
        "claims": Engine(name="claims", engine="vllm", weights=str(weights), command=command),
        "terse": Engine(name="terse", base="own/claims", adapter=str(lora)),
    }
    reads, writes = os.pipe()
    (spec,) = plan(engines, tmp_path, clean() | {PARENT_FD: str(reads)}, lambda _: None)
    toml = '[own.claims]\nweights = "smollm2-135m"\n[workloads.default]\nroute = ["requested"]\n'
    with (
        subprocess.Popen(spec.argv, env=dict(spec.environ), pass_fds=(reads,)) as process,
        contextlib.ExitStack() as ends,
    ):
        ends.callback(os.close, reads)
        ends.callback(os.close, writes)  # which ends it
        await until(lambda: ready(spec.health), "it is ready")
        async with running(tmp_path, toml, dict(spec.models)) as door:
            body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}
            thinking = {"type": "enabled", "budget_tokens": 300}
            answer = await door.post("/v1/messages", {"model": "own/claims", "thinking": thinking, **body})
            thought, said = answer.json["content"]
            terse = await door.post("/v1/chat/completions", {"model": "own/terse", "reasoning_effort": "none", **body})
    assert process.wait(10) == 0
    asked = json.loads(said["text"])
    assert (asked["known"], asked["model"], thought["thinking"]) == (True, "claims", "Hm.")
    assert (asked["chat_template_kwargs"], asked["thinking_token_budget"]) == ({"enable_thinking": True}, 300)
    asked = json.loads(terse.json["choices"][0]["message"]["content"])
    assert (asked["known"], asked["model"]) == (True, "terse-ba7816bf8f01")  # the SHA-256 of "abc"
    assert asked["chat_template_kwargs"] == {"enable_thinking": False}
