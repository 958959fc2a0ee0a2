"""What the lifecycle is given and does not know the inside of: safeguards and the keeper of records.

Each is a protocol; the composition root decides what stands behind it. `NoSafeguards` is what stands there until
safeguards are configured: it lets everything pass and says so by doing nothing.
"""

from typing import Protocol

from freehold.messages import Chunk, Reply, Request
from freehold.store.events import Event
from freehold.store.records import Private, Record


class OutputWatch(Protocol):
    """Watches one answer as it passes. Raises `Blocked` to stop it; may hold nothing back."""

    def chunk(self, chunk: Chunk) -> None: ...

    def reply(self, reply: Reply) -> None: ...


class Safeguards(Protocol):
    """Decides about inputs and outputs. Decisions only: what was decided is recorded by the lifecycle."""

    async def check_input(self, request: Request, workload: str) -> None:
        """Raises `Blocked` when the request must not go out."""
        ...

    def watch_output(self, workload: str) -> OutputWatch | None:
        """A watch for one answer, None when this workload's answers are not watched."""
        ...


class Recorder(Protocol):
    """Keeps records, and the events that belong behind them. When `append` returns, the record survives the death of this process; with `later`, within a second."""

    def append(self, record: Record | Event, private: Private | None = None, *, later: bool = False) -> None:
        """Raises `RecordNotKept` when it cannot."""
        ...


class Flusher(Protocol):
    """Puts what was recorded on the disk."""

    async def flushed(self) -> None:
        """Returns when every record before this call survives a power cut. Raises `RecordNotKept`."""
        ...


class NoSafeguards:
    """No safeguards are configured."""

    async def check_input(self, request: Request, workload: str) -> None:
        return

    def watch_output(self, workload: str) -> OutputWatch | None:
        return None
