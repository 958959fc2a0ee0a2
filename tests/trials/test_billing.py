"""What answers cost by their records, which come a moment after the answers."""

from collections.abc import Sequence

from freehold.trials.billing import bills_of


async def test_records_that_come_later_are_waited_for() -> None:
    rounds = [{"rec_a": 7}, {}, {"rec_b": 9, "rec_c": None}]
    asked: list[list[str]] = []

    def look(receipts: Sequence[str]) -> dict[str, int | None]:
        asked.append(list(receipts))
        return dict(rounds.pop(0))

    assert await bills_of(["rec_a", "rec_b", "rec_c", "rec_a"], look) == {"rec_a": 7, "rec_b": 9}
    assert asked == [["rec_a", "rec_b", "rec_c"], ["rec_b", "rec_c"], ["rec_b", "rec_c"]]


async def test_records_that_never_come_are_given_up() -> None:
    calls = 0

    def look(receipts: Sequence[str]) -> dict[str, int | None]:
        nonlocal calls
        calls += 1
        return {one: 5 for one in receipts if one == "rec_here"}

    assert await bills_of(["rec_here", "rec_elsewhere"], look, still=0.15) == {"rec_here": 5}
    assert 2 <= calls <= 4
