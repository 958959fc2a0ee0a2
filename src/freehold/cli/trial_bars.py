"""The progress of a trial on stderr: one bar for each thing that takes longer than a moment."""

from freehold.cli.audit import Counting


class Bars:
    """What a run tells of its progress, shown."""

    def __init__(self) -> None:
        self._bars: dict[str, Counting] = {}

    def __call__(self, doing: str, done: int, total: int) -> None:
        """`done` of `total` of what is being done are through."""
        if doing not in self._bars:
            self.close()
            self._bars[doing] = Counting(doing)
        self._bars[doing](done, total)

    def close(self) -> None:
        """Takes the bars away."""
        for bar in self._bars.values():
            bar.close()
