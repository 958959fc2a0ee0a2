"""What is set aside and what is spent never pass the limit together."""

import asyncio

import pytest

from freehold.errors import BudgetExhausted
from freehold.trials.wallet import Wallet


async def test_what_can_never_fit_is_refused_and_changes_nothing() -> None:
    wallet = Wallet(100, spent_nano=40)
    with pytest.raises(BudgetExhausted, match=r"\$0\.000000 are left"):
        await wallet.set_aside(61)
    await wallet.set_aside(60)
    await wallet.settle(60, 60)
    assert wallet.spent_nano == 100


async def test_a_question_waits_for_what_others_may_give_back() -> None:
    wallet = Wallet(100)
    await wallet.set_aside(80)
    second = asyncio.create_task(wallet.set_aside(50))
    await asyncio.sleep(0)
    assert not second.done()
    await wallet.settle(80, 10)
    await second
    await wallet.settle(50, 50)
    assert wallet.spent_nano == 60


async def test_one_that_waited_in_vain_is_refused() -> None:
    wallet = Wallet(100)
    await wallet.set_aside(80)
    second = asyncio.create_task(wallet.set_aside(50))
    await asyncio.sleep(0)
    await wallet.settle(80, 80)
    with pytest.raises(BudgetExhausted):
        await second


async def test_many_at_once_never_pass_the_limit() -> None:
    wallet = Wallet(1000)
    refused = 0

    async def one() -> None:
        nonlocal refused
        try:
            await wallet.set_aside(90)
        except BudgetExhausted:
            refused += 1
            return
        await asyncio.sleep(0)
        await wallet.settle(90, 70)

    await asyncio.gather(*(one() for _ in range(40)))
    assert wallet.spent_nano <= 1000
    assert wallet.spent_nano == 70 * (40 - refused) > 900


async def test_without_a_limit_it_only_adds_up() -> None:
    wallet = Wallet(None)
    await wallet.set_aside(10**15)
    await wallet.settle(10**15, 7)
    assert wallet.spent_nano == 7
