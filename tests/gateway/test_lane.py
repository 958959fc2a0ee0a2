"""A lane with the process that makes items in it: every piece has its end, whatever becomes of the process.

What the tracer's tests show of lanes (limits of the queue, processes that die, hang or garble) is not shown again here."""

import logging
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.gateway.item_maker import Made, Material
from freehold.gateway.lane import Lane
from gateway.test_item_maker import MATERIAL


class Ends:
    """What became of each piece."""

    def __init__(self) -> None:
        self.done: list[tuple[str, bool]] = []
        self.lost: list[tuple[str, str, str]] = []

    def lane(self, module: str = "freehold.gateway.item_maker", **more: Any) -> Lane[Material, Made]:
        return Lane(
            module,
            Made,
            size=lambda piece: len(piece.text),
            done=lambda piece, made: self.done.append((piece.id, bool(made.item))),
            lost=lambda piece, status, reason: self.lost.append((piece.id, status, reason)),
            seconds=lambda: 20.0,
            complaint="nothing can be made",
            **more,
        )


async def test_pieces_are_done_in_their_order_and_a_process_says_first_that_it_is_ready() -> None:
    ends, heard = Ends(), list[bytes]()
    lane = ends.lane(began=heard.append)
    for name in ("a", "b", "c"):
        lane.put(replace(MATERIAL, id=name))
    await lane.close(20)
    assert (ends.done, ends.lost, heard) == ([("a", True), ("b", True), ("c", True)], [], [b'"ready"'])


async def test_a_piece_that_its_process_dies_of_is_lost_and_the_next_is_not() -> None:
    ends = Ends()
    lane = ends.lane()
    lane.put(replace(MATERIAL, id="bad", rules=("nothing",)))
    lane.put(MATERIAL)
    await lane.close(20)
    assert (ends.lost, ends.done) == ([("bad", "failed", "died")], [("rec_1", True)])


async def test_without_a_process_all_is_lost_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    ends = Ends()
    lane = ends.lane("gateway.no_such_module")
    for name in ("a", "b"):
        lane.put(replace(MATERIAL, id=name))
    await lane.close(20)
    lane.put(MATERIAL)
    assert ends.lost == [
        ("a", "failed", "no-process"),
        ("b", "failed", "no-process"),
        ("rec_1", "skipped", "stopping"),
    ]
    assert [said.getMessage() for said in caplog.records if said.levelno == logging.ERROR] == ["nothing can be made"]


async def test_a_lane_that_was_never_used_ends_at_once() -> None:
    await Ends().lane().close(0)
