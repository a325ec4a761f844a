"""Stand-ins for what takes time."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import Any

from dojobber import DoJobber


class FakeClock:
    """A monotonic clock that stands still but for sleeping and `advance`."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass, as in a Run that takes some."""
        self.now += seconds

    def sleep(self, seconds: float) -> None:
        """Wait in vain."""
        self.sleeps.append(seconds)
        self.now += seconds

    def receive(self, queue: SimpleQueue[Any], timeout: float | None) -> Any:
        """Take the place of the one function that waits."""
        try:
            return queue.get(block=timeout is None)
        except Empty:
            assert timeout is not None
            self.sleep(timeout)
            raise

    def drive(self, dojob: DoJobber) -> DoJobber:
        """Make a DoJobber live by this clock."""
        dojob._clock = self  # pyright: ignore[reportAttributeAccessIssue]
        dojob._receive = self.receive  # pyright: ignore[reportAttributeAccessIssue]
        return dojob
