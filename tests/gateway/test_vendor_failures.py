"""Vendors of each dialect that fail, behind callers of each dialect: what fails late is an error in the caller's own words and
never a stop; what fails early is not seen while another deployment is healthy."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import anthropic
import openai
import pytest
import pytest_asyncio

from gateway.callers_of_tests import FRONTS, Callers, calling
from gateway.door_in_process import Door, running
from gateway.misbehaving import TEXT, misbehaving

pytestmark = pytest.mark.asyncio(loop_scope="module")

VENDORS = ("says-chat", "says-messages", "says-responses")
EARLY = ("too-busy", "overloaded", "failed-inside", "half", "not-json", "reset")
LATE = ("cut", "cut-politely", "cut-in-an-event", "fails-late", "overloaded-late")


def configured(base_url: str) -> str:
    dialects = {"chat": "openai-chat", "messages": "anthropic-messages", "responses": "openai-responses"}
    vendors = "".join(
        f'[vendors.says-{name}]\nspeaks = "{speaks}"\nbase_url = "{base_url}"\n' for name, speaks in dialects.items()
    )
    workloads = "".join(
        f'[workloads.{vendor}-{name}]\nroute = ["{vendor}/{name}", "says-chat/good"]\nretries = 0\n'
        for vendor in VENDORS
        for name in EARLY
    )
    default = '[workloads.default]\nroute = ["requested"]\nretries = 0\n'
    return f"[timeouts]\nidle = 2\nfirst_token = 2\n{vendors}{default}{workloads}"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Door]:
    async with (
        misbehaving() as upstream,
        running(tmp_path_factory.mktemp("door"), configured(upstream.base_url)) as found,
    ):
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(door: Door) -> AsyncGenerator[Callers]:
    async with calling(door) as found:
        yield found


async def heard(callers: Callers, front: str, model: str) -> tuple[str, list[str], Exception | None]:
    """The words of a stream, what said that it ended well, and what the SDK raised."""
    said, ends = "", list[str]()
    try:
        async for kind, value in callers.listen(front, model):
            if kind == "word":
                said += value
            else:
                ends.append(value)
    except (openai.APIError, anthropic.APIError) as error:
        return said, ends, error
    return said, ends, None


@pytest.mark.parametrize("front", FRONTS)
async def test_a_good_answer_is_the_same_whoever_gives_it(callers: Callers, front: str) -> None:
    found = await asyncio.gather(*(heard(callers, front, f"{vendor}/good") for vendor in VENDORS))
    assert [(said, error) for said, _, error in found] == [(TEXT, None)] * 3
    assert {end for _, ends, _ in found for end in ends} <= {"stop", "response.completed", "message_stop"}
    assert [len(ends) for _, ends, _ in found] == [1, 1, 1]


@pytest.mark.parametrize("front", FRONTS)
@pytest.mark.parametrize("name", LATE)
async def test_what_fails_late_is_an_error_in_the_callers_dialect_and_never_a_stop(
    callers: Callers, door: Door, front: str, name: str
) -> None:
    before = len(door.records())
    found = await asyncio.gather(*(heard(callers, front, f"{vendor}/{name}") for vendor in VENDORS))
    for vendor, (said, ends, error) in zip(VENDORS, found, strict=True):
        assert error is not None, f"{vendor} ended as if all were well"
        assert TEXT.startswith(said), vendor
        assert said, vendor
        assert ends == [], vendor
        if name == "fails-late":
            assert "The server had a problem." in error.message  # type: ignore[attr-defined]
    records = door.records()[before:]
    assert [(record.status, record.streamed) for record in records] == [("failed", True)] * 3


@pytest.mark.parametrize("front", FRONTS)
async def test_an_answer_without_the_event_that_closes_it_is_broken(callers: Callers, front: str) -> None:
    """Chat alone may leave its last event out: many servers of it do, and the reason to finish has come before."""
    models = [f"{vendor}/cut-before-its-end" for vendor in VENDORS[1:]]
    for said, ends, error in await asyncio.gather(*(heard(callers, front, model) for model in models)):
        assert error is not None
        assert (said, ends) == (TEXT, [])


async def test_a_late_overload_keeps_its_name_for_those_who_know_it(callers: Callers) -> None:
    _, _, error = await heard(callers, "messages", "says-messages/overloaded-late")
    assert isinstance(error, anthropic.APIStatusError)
    assert error.type == "overloaded_error"
    _, _, error = await heard(callers, "chat", "says-messages/overloaded-late")
    assert isinstance(error, openai.APIError)
    assert error.type == "overloaded_error"


@pytest.mark.parametrize("front", FRONTS)
async def test_an_overloaded_vendor_is_a_503_that_the_sdks_try_again(callers: Callers, front: str) -> None:
    """529 is Anthropic's own; to others it says nothing."""
    for vendor in VENDORS:
        with pytest.raises((openai.InternalServerError, anthropic.InternalServerError)) as told:
            await callers.ask(front, f"{vendor}/too-busy")
        assert told.value.status_code == 503
        if front == "messages":
            assert told.value.type == "overloaded_error"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("front", FRONTS)
async def test_with_one_healthy_deployment_left_no_request_fails(
    callers: Callers, door: Door, front: str, stream: bool
) -> None:
    async def text(workload: str) -> str:
        if stream:
            said, _, error = await heard(callers, front, workload)
            return said if error is None else str(error)
        return _said(front, await callers.ask(front, workload))

    workloads = [f"{vendor}-{name}" for vendor in VENDORS for name in EARLY]
    before = len(door.records())
    found = dict(zip(workloads, await asyncio.gather(*map(text, workloads)), strict=True))
    assert {workload: said for workload, said in found.items() if said != TEXT} == {}
    assert {record.deployment for record in door.records()[before:]} == {"says-chat/good"}


def _said(front: str, answer: Any) -> str:
    if front == "chat":
        return answer.choices[0].message.content
    return answer.output_text if front == "responses" else answer.content[0].text
