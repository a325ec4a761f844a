"""Decides which Job is tried next, and when: rounds, tries, delays, blocking.

Knows Jobs as their positions in the graph. Calls nothing of theirs, reads no clock and doesn't
sleep: it is asked with the instant that it is, and told how each try ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from heapq import heappop, heappush


class Scheduler:
    """The Jobs of one run, handed out by their rounds, and within a round in their order."""

    def __init__(
        self,
        dependencies: Sequence[Sequence[int]],
        tries: Sequence[float],
        delays: Sequence[float | tuple[float, ...]],
    ) -> None:
        """Begin the first round.

        Args:
            dependencies: for each Job the positions of those it depends on, all before its own.
            tries: for each Job how often it may be tried; ``math.inf`` sets no limit.
            delays: for each Job the least seconds from the start of a try to that of the next. A
                tuple has one for each failed try; the last one holds from then on.
        """
        self._left = list(tries)
        self._delays = delays
        #: How many tries have failed, of Jobs whose delays are a tuple.
        self._failures: dict[int, int] = {}
        # The first round walks through all Jobs; those that it leaves behind go through heaps.
        self._count = len(dependencies)
        self._cursor = 0
        self._successes = 0
        self._blocked = _Blocked(dependencies)
        #: Jobs that have failed: from when they may be tried, in which round, and their positions.
        self._waiting: list[tuple[float, int, int]] = []
        #: Jobs that may be tried now: their rounds and positions.
        self._ready: list[tuple[int, int]] = []
        #: The rounds of the Jobs that came out of a heap; all others are in the first.
        self._rounds: dict[int, int] = {}

    @property
    def due(self) -> float | None:
        """The instant at which the next retry may start; None if no Job waits for one."""
        return self._waiting[0][0] if self._waiting else None

    def due_next(self) -> list[int]:
        """Return the Jobs that may be tried at the instant `due`, in their order."""
        found, looked_at = [], [0]
        for place in looked_at:
            # A heap: what is due later has nothing below it that is due earlier.
            if place < len(self._waiting) and self._waiting[place][0] == self.due:
                found.append(self._waiting[place][2])
                looked_at += 2 * place + 1, 2 * place + 2
        return sorted(found)

    def next(self, now: float) -> int | None:
        """Hand out the Job to try now.

        Args:
            now: the instant that it is.

        Returns:
            The Job's position. None if none can be tried before a try in flight has ended
            or the instant `due` has come; if there is neither, the run is over.
        """
        waiting, ready = self._waiting, self._ready
        while waiting and waiting[0][0] <= now:
            _, round_, node = heappop(waiting)
            heappush(ready, (round_, node))
        # A ready Job of the first round lies behind the cursor, so it goes first.
        if not ready or ready[0][0] > 1:
            node = self._cursor
            while node < self._count:
                self._cursor = node + 1
                # Fast path: usually all Jobs before it have succeeded.
                if self._successes == node or not self._blocked.lacks(node):
                    return node
                node += 1
        if not ready:
            return None
        round_, node = heappop(ready)
        self._rounds[node] = round_
        return node

    def succeeded(self, node: int) -> None:
        """Take back a try that passed; Jobs that it unblocks join its round."""
        self._successes += 1
        self._blocked.succeeded[node] = True
        if node in self._blocked.dependents:
            for freed in self._blocked.unblock(node):
                heappush(self._ready, (self.round(node), freed))

    def failed(self, node: int, started: float, for_good: bool = False) -> float | None:
        """Take back a try that failed.

        Args:
            node: the Job's position.
            started: the instant at which the try began.
            for_good: whether it is not to be tried again, whatever tries it has left.

        Returns:
            The instant from which the Job may be tried again; None if it has no tries left.
        """
        self._left[node] -= 1
        if for_good or self._left[node] < 1:
            return None
        delay = self._delays[node]
        if isinstance(delay, tuple):
            delay = self._next_delay(node, delay)
        not_before = started + delay
        heappush(self._waiting, (not_before, self.round(node) + 1, node))
        return not_before

    def _next_delay(self, node: int, delays: tuple[float, ...]) -> float:
        """Return the delay after one more try that failed."""
        failures = self._failures[node] = self._failures.get(node, 0) + 1
        return delays[min(failures, len(delays)) - 1]

    def requeue(self, node: int) -> None:
        """Take back a Job that was handed out but not tried; it has its turn when it is ready."""
        heappush(self._ready, (self.round(node), node))

    def round(self, node: int) -> int:
        """Return the round of a Job's last try, or of its next one if it was requeued."""
        return self._rounds.get(node, 1)


class _Blocked:
    """The Jobs that were passed over, and the successes that each of them lacks."""

    def __init__(self, dependencies: Sequence[Sequence[int]]) -> None:
        self._dependencies = dependencies
        self._lacking: dict[int, int] = {}
        #: The Jobs that were passed over, by what they lack.
        self.dependents: defaultdict[int, list[int]] = defaultdict(list)
        self.succeeded = bytearray(len(dependencies))

    def lacks(self, node: int) -> bool:
        """Return whether a Job must wait for others, and remember which."""
        dependencies, succeeded = self._dependencies[node], self.succeeded
        unmet = [each for each in dependencies if not succeeded[each]] if dependencies else ()
        if unmet:
            self._lacking[node] = len(unmet)
            for dependency in unmet:
                self.dependents[dependency].append(node)
        return bool(unmet)

    def unblock(self, succeeded: int) -> list[int]:
        """Return the Jobs for which this success was the last one that they lacked."""
        dependents = self.dependents.pop(succeeded)
        for node in dependents:
            self._lacking[node] -= 1
        return [node for node in dependents if not self._lacking[node]]
