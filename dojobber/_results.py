"""What came of the Jobs of one run.

Owns the dicts that users see and, by the positions of the Jobs, what a report is made from. Takes
in what it is told, and knows which outcome that makes.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any, NamedTuple

from dojobber._attempt import TryRecord
from dojobber._failures import Failure, release_frames
from dojobber._graph import Graph
from dojobber.outcome import Outcome

_PHASES = 'init', 'check', 'run', 'recheck'
# What depends on a Job that ended as one of the former is blocked, as one of the latter might run.
BLOCKING = {Outcome.FAILED, Outcome.BLOCKED}
_POSSIBLE = {Outcome.WOULD_RUN, Outcome.MIGHT_RUN}


class Results:
    """What came of the Jobs, filled as the run goes."""

    __slots__ = (
        'graph',
        'no_act',
        'nodestatus',
        'noderesults',
        'nodeexceptions',
        'global_storage',
        'tries',
        'cleanups',
        'started',
        'ended',
    )

    def __init__(self, graph: Graph, no_act: bool) -> None:
        """Make the results of a run that has not begun."""
        self.graph = graph
        self.no_act = no_act
        # By name.
        self.nodestatus: dict[str, bool | None] = {}
        self.noderesults: dict[str, Any] = {}
        self.nodeexceptions: dict[str, BaseException] = {}
        self.global_storage: dict[Any, Any] = {}
        self.tries = Tries()
        self.cleanups = Cleanups()
        #: The instants at which the run began and ended; None before.
        self.started: float | None = None
        self.ended: float | None = None

    def succeeded(self, node: int, result: Any) -> None:
        """Take in that a Job succeeded."""
        name = self.graph.names[node]
        self.nodestatus[name] = True
        self.noderesults[name] = result
        if name in self.nodeexceptions:
            before = self.nodeexceptions.pop(name)
            self.tries.failures[node] = Failure.of(before, keep_frames=False)

    def failed(self, node: int, exception: BaseException) -> None:
        """Take in that a try of a Job failed."""
        self.tries.failed[node] = self.tries.number(node)
        self._end_badly(node, exception)

    def interrupted(self, node: int, exception: BaseException) -> None:
        """Take in that the run was ended while a Job was under way."""
        self.tries.interrupted.add(node)
        self._end_badly(node, exception)

    def complete(self) -> None:
        """Give each Job a status that has none yet."""
        if len(self.nodestatus) < len(self.graph.names):
            for name in self.graph.names:
                self.nodestatus.setdefault(name, None)

    @property
    def seconds(self) -> float | None:
        """How long the run took; None before its end."""
        if self.started is None or self.ended is None:
            return None
        return self.ended - self.started

    def outcomes(self) -> list[Outcome]:
        """Return what became of each Job, by its position, as if the run ended now."""
        found: list[Outcome] = []
        for node, dependencies in enumerate(self.graph.dependencies):
            outcome = self.outcome(node)
            if outcome is Outcome.NOT_RUN and dependencies:
                below = {found[each] for each in dependencies}
                if below & BLOCKING:
                    outcome = Outcome.BLOCKED
                elif below & _POSSIBLE:
                    outcome = Outcome.MIGHT_RUN
            found.append(outcome)
        return found

    def outcome(self, node: int) -> Outcome:
        """Return what became of a Job by itself; NOT_RUN if not tried, whatever blocks it."""
        status = self.nodestatus.get(self.graph.names[node])
        if status is None:
            return Outcome.NOT_RUN
        if status:
            return Outcome.CHANGED if self.tries.ran(node) else Outcome.OK
        if node in self.tries.interrupted:
            return Outcome.INTERRUPTED
        return Outcome.WOULD_RUN if self.tries.last[node].would_run else Outcome.FAILED

    def _end_badly(self, node: int, exception: BaseException) -> None:
        name = self.graph.names[node]
        self.nodestatus[name] = False
        self.nodeexceptions[name] = exception


class Earlier(NamedTuple):
    """What the tries of a Job before its last one came to."""

    #: When the first of them began.
    started: float
    #: How long init, check, run and recheck took together, as far as they came.
    seconds: tuple[float, ...]
    #: Whether any of them called Run.
    ran: bool
    #: What Run raised in the latest of them in which it raised.
    run: Failure | None


class Tries:
    """The tries of each Job, without those whose Check passed at once while nobody listened."""

    __slots__ = ('failed', 'failures', 'last', 'earlier', 'interrupted')

    def __init__(self) -> None:
        """Begin without any."""
        #: How many tries of a Job have failed.
        self.failed: dict[int, int] = {}
        #: Why a Job failed that succeeded later.
        self.failures: dict[int, Failure] = {}
        #: How the last try of a Job went.
        self.last: dict[int, TryRecord] = {}
        self.earlier: dict[int, Earlier] = {}
        #: The Jobs that were under way when the run was ended.
        self.interrupted: set[int] = set()

    def number(self, node: int) -> int:
        """Return the number of a Job's try that is under way, or of its last if it succeeded."""
        return self.failed.get(node, 0) + 1

    def ran(self, node: int) -> bool:
        """Tell whether any try of a Job called Run."""
        earlier = self.earlier.get(node)
        record = self.last.get(node)
        return bool(earlier and earlier.ran or record and record.ran)

    def used(self, node: int, status: bool | None) -> int:
        """Return how many tries a Job of this status has used."""
        failed = self.failed.get(node, 0)
        return failed + 1 if status or node in self.interrupted else failed

    def span(self, node: int) -> tuple[float, float] | None:
        """Return the instants at which a Job's first try began and its last one ended, if known."""
        last, earlier = self.last.get(node), self.earlier.get(node)
        if last is None:
            return None
        started = last.started if earlier is None else earlier.started
        return started, last.started + sum(last.seconds)

    def run_failure(self, node: int) -> Failure | None:
        """Return what Run raised, in the latest try of a Job in which it did."""
        earlier, record = self.earlier.get(node), self.last.get(node)
        if record is not None and record.run is not None:
            return record.run
        return None if earlier is None else earlier.run

    def seconds(self, node: int) -> dict[str, float] | None:
        """Return how long each phase of a Job took in all its tries; None if it was not taken."""
        last, earlier = self.last.get(node), self.earlier.get(node)
        if last is None:
            return None
        return dict(zip(_PHASES, last.seconds if earlier is None else _total(earlier, last)))

    def add(self, node: int, record: TryRecord) -> None:
        """Take in how a try went."""
        if node in self.last:
            self.earlier[node] = self._folded(node)
        self.last[node] = record

    def _folded(self, node: int) -> Earlier:
        last, earlier = self.last[node], self.earlier.get(node)
        if last.run is not None:
            release_frames(last.run.exception)  # it no longer decides
        if earlier is None:
            return Earlier(last.started, last.seconds, last.ran, last.run)
        ran, run = earlier.ran or last.ran, last.run or earlier.run
        return Earlier(earlier.started, _total(earlier, last), ran, run)


def _total(earlier: Earlier, last: TryRecord) -> tuple[float, ...]:
    both = zip_longest(earlier.seconds, last.seconds, fillvalue=0.0)
    return tuple([one + other for one, other in both])


class Cleanups:
    """The Cleanups that each Job is owed."""

    __slots__ = ('failures', 'seconds', '_due')

    def __init__(self) -> None:
        """Begin without any."""
        #: Why the latest one of a Job failed, if it did.
        self.failures: dict[int, Failure] = {}
        #: How long those of a Job took together.
        self.seconds: dict[int, float] = {}
        self._due: dict[int, int] = {}

    def owed(self, node: int) -> None:
        """Take in that a Job is owed one more."""
        self._due[node] = self._due.get(node, 0) + 1

    def ended(self, node: int, seconds: float, failure: Failure | None) -> None:
        """Take in that one was called, how long it took and why it failed, if it did."""
        self.seconds[node] = self.seconds.get(node, 0) + seconds
        if failure is not None:
            self.failures[node] = failure
        else:
            self.failures.pop(node, None)
            # Ctrl-C may have come between making it due and counting it.
            self._due[node] = self._due.get(node, 1) - 1

    def status(self, node: int) -> str | None:
        """Return ``pass``, ``fail`` or ``due``; None for a Job that was owed none."""
        if node in self.failures:
            return 'fail'
        due = self._due.get(node)
        return None if due is None else 'due' if due else 'pass'
