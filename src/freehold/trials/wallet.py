"""The hard budget of a trial: what an answer could cost is set aside before its question leaves, and settled after.

It knows nano-dollars and nobody's prices. Worst cases that are set aside and what is spent never pass the limit together.
"""

import asyncio

from freehold.errors import BudgetExhausted


class Wallet:
    """For one event loop. Without a limit it only adds up."""

    def __init__(self, most_nano: int | None, spent_nano: int = 0) -> None:
        """`spent_nano` is what earlier runs of the same trial have spent of it."""
        self.most_nano = most_nano
        self.spent_nano = spent_nano
        self._aside = 0
        self._changed = asyncio.Condition()

    async def set_aside(self, nano: int) -> None:
        """Returns once `nano` is set aside; waits for answers under way where that may make room.

        Raises BudgetExhausted when it can never fit."""
        if self.most_nano is None:
            self._aside += nano
            return
        async with self._changed:
            while self.spent_nano + self._aside + nano > self.most_nano:
                if self._aside == 0:
                    raise BudgetExhausted(
                        f"The next answer could cost ${nano / 1e9:.6f}, and of the trial's ${self.most_nano / 1e9:.2f} "
                        f"${(self.most_nano - self.spent_nano) / 1e9:.6f} are left.",
                        "Run it again with a larger --most-usd; nothing is asked twice.",
                    )
                await self._changed.wait()
            self._aside += nano

    async def settle(self, nano: int, spent: int) -> None:
        """Gives back what was set aside, and takes what was spent of it."""
        self._aside -= nano
        self.spent_nano += spent
        if self.most_nano is not None:
            async with self._changed:
                self._changed.notify_all()
