"""Keeps Jobs that share a lock from being tried at the same time.

Owns which locks are held and who was passed over for want of one. A lock is a name; all those of a
Job are taken together when it is handed out, or none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush

from dojobber._scheduler import Scheduler


class LockingScheduler(Scheduler):
    """Hand out Jobs whose locks are free; others are passed over and hold up nobody."""

    __slots__ = ('_locks', '_held', '_passed_over', '_first', '_lacks')

    def __init__(
        self,
        dependencies: Sequence[Sequence[int]],
        tries: Sequence[float],
        delays: Sequence[float],
        locks: Mapping[int, tuple[str, ...]],
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
        #: Jobs that lacked a lock, in the order in which they are to be handed out, by the locks
        #: that they need: where the first can't be tried, none of those behind it can.
        self._passed_over: defaultdict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
        #: The first of each of these, by one lock that it lacks; and some that are first no more.
        self._first: defaultdict[str, list[tuple[int, int, tuple[str, ...]]]] = defaultdict(list)
        #: Which entry of `_first` holds, by the locks that are needed: the Job, and the lock.
        self._lacks: dict[tuple[str, ...], tuple[tuple[int, int], str]] = {}

    def next(self, now: float) -> int | None:
        """Hand out the Job to try now, and take its locks; None as in `Scheduler`."""
        while (node := super().next(now)) is not None:
            names = self._locks.get(node, ())
            lacking = next((name for name in names if name in self._held), None)
            if lacking is None:
                self._held.update(names)
                if names:  # those behind it lack what it has just taken
                    self._line_up(names, names[0])
                return node
            heappush(self._passed_over[names], (self.round(node), node))
            self._line_up(names, lacking)
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

    def _line_up(self, names: tuple[str, ...], lacking: str) -> None:
        """Have the first Job that was passed over and needs these locks wait for one of them."""
        passed_over = self._passed_over[names]
        known = self._lacks.get(names)
        if passed_over and (known is None or known[0] != passed_over[0]):
            self._lacks[names] = passed_over[0], lacking
            heappush(self._first[lacking], (*passed_over[0], names))

    def _wake(self, names: Iterable[str]) -> None:
        """Give the first one that lacks a lock another chance, for each of these that is free."""
        for name in names:
            while name not in self._held and self._first[name]:
                round_, node, needed = heappop(self._first[name])
                if self._lacks.get(needed) == ((round_, node), name):
                    del self._lacks[needed]
                    heappop(self._passed_over[needed])
                    self.put_back(node)
                    break
