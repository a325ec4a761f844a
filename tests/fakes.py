"""Stand-ins for what takes time."""

from __future__ import annotations

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
        """Take the place of time.sleep."""
        self.sleeps.append(seconds)
        self.now += seconds

    def drive(self, dojob: DoJobber) -> DoJobber:
        """Make a DoJobber live by this clock."""
        dojob._clock = self  # type: ignore[method-assign, assignment]
        dojob._sleep = self.sleep  # type: ignore[method-assign, assignment]
        return dojob
