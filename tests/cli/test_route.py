"""`freehold route explain`: the running door's own reasons, for people and for machines."""

import json
from pathlib import Path

import pytest

from cli.commands import canned, run, run_beside, whole
from freehold.errors import InvalidField, VendorRefused
from gateway.door_in_process import running

TOML = """
    [vendors.echo]

    [vendors.rack]
    speaks = "openai-chat"
    base_url = "http://127.0.0.1:9/v1"

    [prices."rack/[bold]x"]
    input = 0.25
    output = 2

    [workloads.resilient]
    route = ["rack/[bold]x", { model = "echo/echo", when = { vision = false } }]
    retries = 1
"""
NOTHING = b'{"workload":"w","strategy":"ordered","sticky":true,"targets":[],"failover":"nobody"}'


async def test_people_get_a_table_with_whole_names_and_the_reasons(tmp_path: Path) -> None:
    async with running(tmp_path, TOML) as door:
        said = await run_beside("route", "explain", "resilient", "--url", door.url, "--key", door.key)
    rows = [" ".join(line.split()) for line in said.stdout.splitlines()]
    assert rows[0] == "workload resilient, ordered"
    assert rows[1] == "rank deployment why breaker first token whole $/M in $/M out"
    assert rows[2].startswith("0 rack/[bold]x ")
    assert rows[2].endswith(" closed ? ? 0.25 2")
    assert rows[3].startswith("1 echo/echo ")
    assert rows[3].endswith(" closed ? ? 0 0")
    assert rows[4] == "Then: 1 more tries on each, then the next."


def test_a_need_that_there_is_not_is_refused() -> None:
    with pytest.raises(InvalidField, match="There is no need 'vison'") as refused:
        run("route", "explain", "resilient", "--needs", "vison", "--url", "http://127.0.0.1:9", "--key", "k")
    assert refused.value.advice == 'Did you mean "vision"?'


async def test_a_deployment_that_cannot_be_asked_has_no_rank(tmp_path: Path) -> None:
    async with running(tmp_path, TOML) as door:
        words = ("route", "explain", "resilient", "--needs", "vision", "--json", "--url", door.url, "--key", door.key)
        said = await run_beside(*words)
    targets = {row["deployment"]: row["rank"] for row in json.loads(said.stdout)["targets"]}
    assert targets == {"rack/[bold]x": 0, "echo/echo": None}


async def test_what_is_asked_for_goes_along() -> None:
    async with canned(whole(200, NOTHING)) as (url, requests):
        words = ("openai/gpt-5-mini", "--workload", "claims", "--needs", "tools", "--needs", "vision")
        more = ("--input-tokens", "900", "--max-tokens", "50", "--url", url, "--key", "k")
        said = await run_beside("route", "explain", *words, *more)
    assert requests[0].split(b" ")[1] == (
        b"/v1/routes/explain?tools=true&vision=true&input_tokens=900&model=openai%2Fgpt-5-mini&workload=claims"
        b"&max_tokens=50"
    )
    assert said.stdout.startswith("workload w, ordered, sticky\n")


async def test_the_opening_that_a_sticky_route_goes_by_goes_along() -> None:
    async with canned(whole(200, NOTHING)) as (url, requests):
        await run_beside("route", "explain", "w", "--prompt", "Hi you", "--system", "Brief", "--url", url, "--key", "k")
    assert requests[0].split(b" ")[1] == b"/v1/routes/explain?input_tokens=0&model=w&system=Brief&prompt=Hi+you"


async def test_a_canary_that_goes_before_the_route_is_told() -> None:
    canary = b'{"id":"can_1","candidate":"own/nano","phase":"running","share":0.05,"step":2,"steps":5}'
    async with canned(whole(200, NOTHING[:-1] + b',"canary":' + canary + b"}")) as (url, _):
        said = await run_beside("route", "explain", "w", "--url", url, "--key", "k")
    assert said.stdout.splitlines()[-1] == (
        "Before all of them own/nano, for 5 % of the conversations: the canary can_1 is running, step 2 of 5."
    )


async def test_a_workload_that_is_not_there_is_told_in_the_doors_words(tmp_path: Path) -> None:
    async with running(tmp_path, TOML) as door:
        with pytest.raises(VendorRefused, match="There is no workload 'none'"):
            await run_beside("route", "explain", "--workload", "none", "--url", door.url, "--key", door.key)
