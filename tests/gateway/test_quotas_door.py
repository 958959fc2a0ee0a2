"""Quotas of single models through a whole door: what callers of a customer get, and that only answers count."""

from pathlib import Path
from typing import Any

import pytest

from freehold.store.callers import create_key
from freehold.store.database import open_database
from gateway.door_in_process import Answer, Door, running

TOML = """
[vendors.echo]

[vendors.second]
like = "echo"

[workloads.default]
route = ["requested"]

[workloads.either]
route = ["echo/echo", "second/echo"]

[plans.starter]
quotas = { "echo/echo" = { tokens = 200, requests = 3, per = "day" } }

[projects.shop]
plan = "starter"
"""


def secret_of(door: Door, project: str) -> str:
    """A key of a customer, that the door knows."""
    db = open_database(door.data)
    try:
        _, secret = create_key(db, name=project, project=project)
    finally:
        db.close()
    door.worker.counters.bump()
    return secret


async def ask(door: Door, secret: str, model: str = "echo/echo", **more: Any) -> Answer:
    body = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 20, **more}
    return await door.post("/v1/chat/completions", body, authorization=f"Bearer {secret}")


async def test_a_customer_is_refused_what_would_pass_the_quota_and_others_go_on(tmp_path: Path) -> None:
    async with running(tmp_path, TOML) as door:
        shop, free = secret_of(door, "shop"), secret_of(door, "free")
        for _ in range(3):
            answer = await ask(door, shop)
            assert answer.status == 200, answer.body
        refused = await ask(door, shop)
        assert refused.status == 429
        assert refused.headers["x-should-retry"] == "false"
        assert refused.json["error"]["code"] == "insufficient_quota"
        assert "The project shop may make 3 requests of echo/echo per day" in refused.json["error"]["message"]
        assert (await ask(door, shop, "second/echo")).status == 200
        assert (await ask(door, free)).status == 200
        told = [(record.status, record.code, record.http_status) for record in door.records()]
        assert told.count(("refused", "quota-exhausted", 429)) == 1


async def test_a_route_goes_on_with_the_model_that_is_left(tmp_path: Path) -> None:
    async with running(tmp_path, TOML) as door:
        shop = secret_of(door, "shop")
        models = [(await ask(door, shop, "either")).headers["x-freehold-model"] for _ in range(5)]
        assert models == ["echo/echo"] * 3 + ["second/echo"] * 2


@pytest.mark.parametrize("stream", [False, True])
async def test_what_an_answer_did_not_use_can_be_used_again(tmp_path: Path, stream: bool) -> None:
    toml = TOML.replace("tokens = 200, requests = 3", "tokens = 400")
    async with running(tmp_path, toml) as door:
        shop = secret_of(door, "shop")
        assert (await ask(door, shop, max_tokens=399, stream=stream)).status == 429  # its input comes on top
        used = 0
        while (answer := await ask(door, shop, stream=stream)).status == 200:
            record = door.records()[-1]
            used += record.input_tokens + record.output_tokens
            assert used <= 400
        assert answer.status == 429
        assert used > 200, "what had been reserved, some hundred for each, was given back"
