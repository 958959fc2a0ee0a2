"""The upper limit of the incumbent's 95th percentile: published ranks, and how often it is too low."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.trials.quantiles import BLOCK, FIRST, STEP, Block, Times, share_beyond, took, took_beside, upper_rank
from freehold.trials.sequential import advance, start_cap


@pytest.mark.parametrize(("n", "alpha", "rank"), [(59, 0.05, 59), (58, 0.05, None), (93, 0.05, 92), (124, 0.05, 122)])
def test_the_rank_is_that_of_the_published_tables_of_tolerance_limits(n: int, alpha: float, rank: int | None) -> None:
    """Wilks 1941: with 95 % confidence the largest of 59, the second largest of 93 and the third largest of 124 are above the
    95th percentile."""
    assert upper_rank(n, alpha) == rank


def test_there_is_no_limit_before_the_first_look_and_then_one_that_only_a_look_changes() -> None:
    times, draw = Times(), random.Random(1)
    for number in range(1, 4 * FIRST):
        before = times.limit
        times = took(times, draw.expovariate(1 / 300), 0.05)
        if number in (FIRST, 2 * FIRST):
            assert times.looks == (1 if number == FIRST else 2)
        else:
            assert times.limit == before
    assert times.limit is not None


@pytest.mark.parametrize("alpha", [0.1, 0.05, 0.00625])
def test_the_limit_is_below_the_percentile_at_any_look_with_probability_alpha_at_most(alpha: float) -> None:
    """The sum over twelve looks of what each may err by, by scipy's binomial distribution; the rest of all looks adds alpha/13."""
    binom = pytest.importorskip("scipy.stats").binom
    errors = 0.0
    for look in range(12):
        n, level = FIRST * 2**look, alpha / ((look + 1) * (look + 2))
        rank = upper_rank(n, level)
        if rank is None:
            continue
        error = float(binom.sf(rank - 1, n, 0.95))  # so many times below the percentile leave the limit below it
        assert error <= level < float(binom.sf(rank - 2, n, 0.95))
        errors += error
    assert errors + alpha / 13 <= alpha


def test_an_alarm_at_the_boundary_is_rare_after_thousands_of_looks() -> None:
    """1.5 times as slow where 1.5 is allowed, at alpha 0.1; thousands of runs are in docs/studies/slow-alarm.md."""
    raised = 0
    for seed in range(60):
        draw, times, slow = random.Random(seed), Times(), start_cap(0.05, 0.05)
        for _ in range(1024):
            times = took(times, draw.uniform(0, 1000), 0.05)
            if times.limit is not None:
                slow = advance(slow, float(1.5 * draw.uniform(0, 1000) > 1.5 * times.limit))
        raised += slow.crossed
    assert raised <= 13  # P(Bin(60, 0.1) > 13) = 0.003


def test_the_limit_comes_near_the_percentile() -> None:
    times, draw = Times(), random.Random(5)
    for _ in range(16 * FIRST):
        times = took(times, draw.uniform(0, 1000), 0.05)
    assert times.limit is not None
    assert 950 <= times.limit <= 1000


@given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=50))
def test_every_time_is_counted_once_in_a_bucket_of_its_size(times: list[float]) -> None:
    counted = Times()
    for ms in times:
        counted = took(counted, ms, 0.05)
    assert counted.n == sum(counted.buckets.values()) == len(times)
    assert min(times) / STEP <= STEP ** min(counted.buckets) <= min(times) * STEP * 1.0001


# --- beside the incumbent ---


def test_a_block_tells_when_it_is_whole_and_has_a_time_of_the_candidates() -> None:
    block = Block()
    for _ in range(BLOCK):
        assert share_beyond(block, 2.0) is None
        block = took_beside(block, 100.0, candidate=False)
    assert share_beyond(block, 2.0) is None
    block = took_beside(block, 100.0, candidate=True)
    assert (block.n, block.longest) == (0, 0.0)
    for ms in (90.0, *[50.0] * (BLOCK - 1)):
        block = took_beside(block, ms, candidate=False)
    assert share_beyond(block, 2.0) == 0.0
    assert share_beyond(block, 1.0) == 1.0


def test_what_is_about_the_limit_is_not_beyond_it() -> None:
    block = took_beside(took_beside(Block(), 201.0, candidate=True), 220.0, candidate=True)
    for _ in range(BLOCK):
        block = took_beside(block, 100.0, candidate=False)
    assert share_beyond(block, 2.0) == 0.5


@pytest.mark.parametrize("trend", [0.0, 0.3, -0.3, 3.0, -3.0])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_one_in_twenty_is_beyond_where_both_are_as_fast_however_their_times_change(trend: float, share: float) -> None:
    """Where times only fall, the candidate is beyond when it comes first, which is the worst case there is."""
    draw, found = random.Random(1), list[float]()
    for _ in range(1500):
        block, moment = Block(), 0
        while block.n < BLOCK:
            ms = draw.expovariate(1 / 300) * 1.1 ** (trend * moment)
            block, moment = took_beside(block, ms, candidate=draw.random() < share), moment + 1
        beyond = share_beyond(
            block, 1 / STEP
        )  # that times are counted in buckets is to the candidate's favour; not here
        if beyond is not None:
            found.append(beyond)
    mean = sum(found) / len(found)
    spread = (sum((one - mean) ** 2 for one in found) / len(found) ** 2) ** 0.5
    assert mean <= 1 / BLOCK + 3 * spread
