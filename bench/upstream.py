"""The mock vendor behind every gateway: nginx for whole answers, `stream.py` for streams.

nginx gives one static answer of half a kilobyte and does some 70,000 a second on the core that it shares with the load
generator, which is more than any gateway here; so it is never what is measured. nginx cannot pace a stream, hence the
second one. Both are measured directly in every run, as the row "no gateway".
"""

import json
import socket
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import LOAD_CORE, free_port, started

MODEL = "gpt-4o-mini"

ANSWER = json.dumps(
    {
        "id": "chatcmpl-bench",
        "object": "chat.completion",
        "created": 1700000000,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "A canned answer of the length of a short paragraph, so that the whole body is about half a "
                    "kilobyte, as the answer to a classification with its reason would be; its words do not matter.",
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 12, "completion_tokens": 40, "total_tokens": 52},
    }
)

NGINX = """\
daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
{inside}
}}
"""
"""nginx as one process in the foreground, with all its files in its own folder."""


@contextmanager
def whole_answers(folder: Path) -> Generator[int]:
    """nginx with the static answer, for as long as the block lasts. Gives its port."""
    port = free_port()
    inside = f"""\
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    default_type application/json;
    location = /v1/chat/completions {{ return 200 '{ANSWER}'; }}
    location / {{ return 404; }}
  }}"""
    with started("upstream-nginx", nginx(folder / "nginx", inside), core=LOAD_CORE, folder=folder):
        wait_for(port)
        yield port


@contextmanager
def streams(folder: Path) -> Generator[int]:
    """The vendor that streams and measures, for as long as the block lasts. Gives its port."""
    port = free_port()
    program = Path(__file__).with_name("stream.py")
    with started("upstream-stream", [sys.executable, program, str(port)], core=LOAD_CORE, folder=folder):
        wait_for(port)
        yield port


def wait_for(port: int, seconds: float = 20) -> None:
    """Returns once somebody listens on the port; raises TimeoutError when nobody does."""
    end = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > end:
                raise TimeoutError(f"nobody listens on port {port}") from None
            time.sleep(0.05)


def nginx(folder: Path, inside: str) -> list[str | Path]:
    """The command that runs nginx with `inside` as its http block."""
    folder.mkdir(parents=True, exist_ok=True)
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(inside=inside))
    return ["nginx", "-p", folder, "-e", "stderr", "-c", configuration]
