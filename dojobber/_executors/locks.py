"""Keeps Jobs that share a lock from being tried at the same time.

Owns which locks are held and which Jobs wait for them. A lock is a name. A Job that is handed out
takes all its locks at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappop, heappush

from dojobber._scheduler import Scheduler


class LockingScheduler(Scheduler):
    """A scheduler that passes over Jobs whose locks are held; they hold up nobody.

    Jobs that were passed over wait in queues, one for each set of locks. While the head of a queue
    can't be tried, no Job behind it can. Each head waits for one held lock. When that is released,
    the head is handed out, or waits for another lock that is held::

        _passed_over   {('a', 'b'): [3, 7], ('a',): [5]}   the queues; 3 and 5 are their heads
        _first         {'a': [3, 5]}                       the heads that wait for each lock
    """

    def __init__(
        self,
        dependencies: Sequence[Sequence[int]],
        tries: Sequence[float],
        delays: Sequence[float | tuple[float, ...]],
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
        #: The queues: heaps of rounds and Jobs, by the locks that they need.
        self._passed_over: defaultdict[tuple[str, ...], list[tuple[int, int]]] = defaultdict(list)
        #: For each held lock, a heap of queue heads that wait for it. Entries may be stale;
        #: `_lacks` says which are current.
        self._first: defaultdict[str, list[tuple[int, int, tuple[str, ...]]]] = defaultdict(list)
        #: The head of each queue, and the lock that it waits for.
        self._lacks: dict[tuple[str, ...], tuple[tuple[int, int], str]] = {}

    def next(self, now: float) -> int | None:
        """Hand out the Job to try now, and take its locks; None as in `Scheduler`."""
        while (node := super().next(now)) is not None:
            names = self._locks.get(node, ())
            lacking = next((name for name in names if name in self._held), None)
            if lacking is None:
                self._held.update(names)
                if names:  # the Jobs behind it need the locks that it holds now
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
        """Have the head of a queue wait for a lock."""
        passed_over = self._passed_over[names]
        known = self._lacks.get(names)
        if passed_over and (known is None or known[0] != passed_over[0]):
            self._lacks[names] = passed_over[0], lacking
            heappush(self._first[lacking], (*passed_over[0], names))

    def _wake(self, names: Iterable[str]) -> None:
        """Requeue the first head that waits for each of these locks, if the lock is free."""
        for name in names:
            while name not in self._held and self._first[name]:
                round_, node, needed = heappop(self._first[name])
                if self._lacks.get(needed) == ((round_, node), name):
                    del self._lacks[needed]
                    heappop(self._passed_over[needed])
                    self.requeue(node)
                    break
