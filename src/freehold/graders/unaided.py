"""An asking grader that asks nobody, as one that grades by itself.

It knows the two sorts of grader and no single one. It exists for panels: whether one needs models depends on its parts, and
what grades by itself can also watch a canary and reward a model in training.
"""

from freehold.graders.grader import AskingGrader, Case, Grader
from freehold.items import Given, Grade, Item


class Unaided(Grader):
    """What an asking grader says when nobody has to be asked. Its name, version and options are the inner one's."""

    def __init__(self, inner: AskingGrader) -> None:
        super().__init__(inner.options)
        self.inner = inner
        self.name, self.version, self.takes = inner.name, inner.version, inner.takes  # type: ignore[misc]

    @property
    def binary(self) -> bool:
        """As the inner one."""
        return self.inner.binary

    @classmethod
    def selftest(cls) -> list[Case]:
        """None of its own: the inner one has proved itself."""
        return []

    def grade(self, item: Item, given: Given) -> Grade:
        """The inner score, with nothing asked."""
        return self.inner.score(item, given, ())

    def close(self) -> None:
        """Ends the inner one."""
        self.inner.close()
