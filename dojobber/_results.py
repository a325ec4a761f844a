"""What came of the Jobs of one run.

Owns the dicts that users see and, by the positions of the Jobs, what a report is made from. Takes
in how tries ended, and knows which outcome that makes.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

from dojobber._attempt import TryRecord
from dojobber._failures import Failure, release_callers, release_frames
from dojobber._graph import Graph
from dojobber.outcome import Outcome, Phase

#: Dependents of a Job of such an outcome are blocked.
BLOCKING = {Outcome.FAILED, Outcome.BLOCKED}
# Dependents of a Job of such an outcome might run.
_POSSIBLE = {Outcome.WOULD_RUN, Outcome.MIGHT_RUN}
# The spans of that many tries are kept.
_MOST_SPANS = 100
_PHASES = [phase.value for phase in (Phase.INIT, Phase.CHECK, Phase.RUN, Phase.RECHECK)]


class Totals:
    """The tries of a Job, taken together."""

    __slots__ = ('seconds', 'spans', 'ran', 'run')

    def __init__(self, *records: TryRecord) -> None:
        """Take some tries together, or none."""
        #: How long init, check, run and recheck took, as far as a try came.
        self.seconds: list[float] = []
        #: When each try began and ended; of more than 100 tries the first and the last 99.
        self.spans: list[tuple[float, float]] = []
        #: Whether any try called Run.
        self.ran = False
        #: What Run raised, in the latest try in which it did.
        self.run: Failure | None = None
        for record in records:
            self.add(record)

    def add(self, record: TryRecord) -> None:
        """Take in one more try."""
        both = zip_longest(self.seconds, record.seconds, fillvalue=0.0)
        self.seconds = [one + other for one, other in both]
        self.spans.append((record.started, record.started + sum(record.seconds)))
        if len(self.spans) > _MOST_SPANS:
            del self.spans[1]
        self.ran = self.ran or record.ran
        self.run = record.run or self.run

    def phase_seconds(self) -> dict[str, float]:
        """Return how long each phase took, by its name."""
        return dict(zip(_PHASES, self.seconds))


class Results:
    """The outcomes of the Jobs, filled as the run goes."""

    def __init__(self, graph: Graph, no_act: bool) -> None:
        """Make the results of a run that has not begun.

        Args:
            graph: its Jobs.
            no_act: whether Run is never called.
        """
        self.graph = graph
        self.no_act = no_act
        # By name.
        self.nodestatus: dict[str, bool | None] = {}
        self.noderesults: dict[str, Any] = {}
        self.nodeexceptions: dict[str, BaseException] = {}
        self.global_storage: dict[Any, Any] = {}
        #: Why the last failed try of a Job failed; also of a Job that succeeded later.
        self.failures: dict[int, Failure] = {}
        #: The names of the Jobs in a Job's WATCH whose change led to its Run.
        self.changed: dict[int, tuple[str, ...]] = {}
        self.cleanups = Cleanups()
        #: The instants at which the run began and ended; None before.
        self.started: float | None = None
        #: The time at which the run began, in seconds since the epoch.
        self.started_at: float | None = None
        self.ended: float | None = None
        self._is_complete = False
        #: The last try of each Job.
        self._last: list[TryRecord | None] = [None] * len(graph.jobs)
        #: All tries of the Jobs that were tried more than once.
        self._totals: dict[int, Totals] = {}
        self._failed_tries: dict[int, int] = {}
        #: The failed Jobs that are to be tried again.
        self._retried: set[int] = set()
        #: The Jobs that were in flight when the run was ended.
        self._interrupted: set[int] = set()

    def succeeded(self, node: int, record: TryRecord) -> None:
        """Take in a try that passed."""
        self._add(node, record)
        name = self.graph.names[node]
        self.nodestatus[name] = True
        self.noderesults[name] = record.result
        if node in self._failed_tries:
            self._retried.discard(node)
            del self.nodeexceptions[name]
            self._release(self.failures[node], None)

    def failed(self, node: int, record: TryRecord, failure: Failure, is_retried: bool) -> None:
        """Take in a try that failed, and whether the Job is to be tried again."""
        self._add(node, record)
        self._failed_tries[node] = self.number(node)
        (self._retried.add if is_retried else self._retried.discard)(node)
        self._end_badly(node, failure)

    def interrupted(self, node: int, failure: Failure, record: TryRecord | None) -> None:
        """Take in that the run was ended while a Job was in flight.

        Args:
            node: the Job.
            failure: the exception that ended the run.
            record: of the try, as far as it came; None if that is not known.
        """
        if record is not None:
            self._add(node, record)
        self._retried.discard(node)
        self._interrupted.add(node)
        self._end_badly(node, failure)

    def complete(self) -> None:
        """Take in that no try follows: give each Job a status that has none yet."""
        self._is_complete = True
        if len(self.nodestatus) < len(self.graph.names):
            for name in self.graph.names:
                self.nodestatus.setdefault(name, None)

    def release_callers(self) -> None:
        """Let no exception keep these results alive by way of its frames."""
        failures = *self.failures.values(), *self.cleanups.failures.values()
        release_callers([failure.exception for failure in failures])

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
            return Outcome.CHANGED if self._ran(node) else Outcome.OK
        if node in self._interrupted or self._is_complete and node in self._retried:
            return Outcome.INTERRUPTED
        last = self._last[node]
        return Outcome.WOULD_RUN if last is not None and last.would_run else Outcome.FAILED

    def number(self, node: int) -> int:
        """Return the number of a Job's try that is in flight, or of its last if it succeeded."""
        return self._failed_tries.get(node, 0) + 1

    def tries(self, node: int) -> int:
        """Return how many tries a Job has used."""
        is_successful = bool(self.nodestatus.get(self.graph.names[node]))
        return self._failed_tries.get(node, 0) + (is_successful or node in self._interrupted)

    def last(self, node: int) -> TryRecord | None:
        """Return how the last try of a Job went; None if it was not tried."""
        return self._last[node]

    def totals(self, node: int) -> Totals:
        """Return all tries of a Job, taken together."""
        return self._totals.get(node) or Totals(*filter(None, [self._last[node]]))

    def _ran(self, node: int) -> bool:
        tries = self._totals.get(node) or self._last[node]
        return tries is not None and tries.ran

    def _add(self, node: int, record: TryRecord) -> None:
        last, deciding = self._last[node], record.failure
        if last is not None:
            if node not in self._totals:
                self._totals[node] = Totals(last)
            self._totals[node].add(record)
            if last.run is not None:
                self._release(last.run, deciding)  # it no longer decides
        self._last[node] = record
        if record.check is not None:
            self._release(record.check, deciding)
        if record.run is not None:
            self._release(record.run, deciding)

    def _release(self, failure: Failure, deciding: Failure | None) -> None:
        """Let go of the frames of an exception, unless it is the deciding one."""
        if deciding is None or deciding.exception is not failure.exception:
            release_frames(failure.exception)

    def _end_badly(self, node: int, failure: Failure) -> None:
        name = self.graph.names[node]
        self.nodestatus[name] = False
        self.nodeexceptions[name] = failure.exception
        self.failures[node] = failure


class Cleanups:
    """The Cleanups that each Job is owed."""

    def __init__(self) -> None:
        """Begin without any."""
        #: Why the latest one of a Job failed, if it did.
        self.failures: dict[int, Failure] = {}
        #: How long those of a Job took together.
        self.seconds: dict[int, float] = {}
        self._pending: dict[int, int] = {}

    def registered(self, node: int) -> None:
        """Take in that a Job is owed one more."""
        self._pending[node] = self._pending.get(node, 0) + 1

    def ended(self, node: int, seconds: float, failure: Failure | None) -> None:
        """Take in that one was called, how long it took and why it failed, if it did."""
        self.seconds[node] = self.seconds.get(node, 0) + seconds
        if failure is not None:
            self.failures[node] = failure
        else:
            self.failures.pop(node, None)
            self._pending[node] -= 1

    def status(self, node: int) -> str | None:
        """Return ``pass``, ``fail`` or ``due``; None for a Job without a Cleanup to call."""
        if node in self.failures:
            return 'fail'
        pending = self._pending.get(node)
        return None if pending is None else 'due' if pending else 'pass'
