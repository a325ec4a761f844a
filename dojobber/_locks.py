"""Keeps Jobs that share a lock from being tried at the same time.

Owns which locks are held and who was passed over for want of one. A lock is a name; all those of a
Job are taken together when it is handed out, or none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush

from dojobber._scheduler import Scheduler


class LockingScheduler(Scheduler):
    """Hand out Jobs whose locks are free; others are passed over and hold up nobody."""

    __slots__ = ('_locks', '_held', '_passed_over')

    def __init__(
        self,
        dependencies: Sequence[Sequence[int]],
        tries: Sequence[float],
        delays: Sequence[float],
        locks: Mapping[int, Sequence[str]],
    ) -> None:
        """Begin the first round.

        Args:
            dependencies: as for `Scheduler`.
            tries: likewise.
            delays: likewise.
            locks: the names of the locks of the Jobs that have some.
        """
        super().__init__(dependencies, tries, delays)
        self._locks = locks
        self._held: set[str] = set()
        #: Jobs in the order in which they are to be handed out, by one lock that they lack.
        self._passed_over: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)

    def next(self, now: float) -> int | None:
        """Hand out the Job to try now, and take its locks; None as in `Scheduler`."""
        while (node := super().next(now)) is not None:
            names = self._locks.get(node, ())
            held = [name for name in names if name in self._held]
            if not held:
                self._held.update(names)
                return node
            heappush(self._passed_over[held[0]], (self.round(node), node))
            self._wake(names)
        return None

    def succeeded(self, node: int) -> None:
        """Take back a try that passed, and its locks."""
        super().succeeded(node)
        self._release(node)

    def failed(self, node: int, started: float, for_good: bool = False) -> float | None:
        """Take back a try that failed, and its locks."""
        self._release(node)
        return super().failed(node, started, for_good)

    def _release(self, node: int) -> None:
        names = self._locks.get(node, ())
        self._held.difference_update(names)
        self._wake(names)

    def _wake(self, names: Sequence[str]) -> None:
        """Give the first one that lacks a lock another chance, for each of these that is free."""
        for name in names:
            if name not in self._held and self._passed_over[name]:
                self.put_back(heappop(self._passed_over[name])[1])
