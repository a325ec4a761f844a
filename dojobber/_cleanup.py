"""The stack of pending Cleanups, unwound last one first.

Owns which Cleanups are pending, and which are retained because one before them failed. Knows
nothing of how the tries ended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import NamedTuple

from dojobber._attempt import (
    UNEXECUTED,
    PhaseResult,
    never_executed,
    own_attributes,
    release_exceptions,
)
from dojobber._failures import Failure
from dojobber._graph import Graph
from dojobber._interrupt import call_cleanup, collect
from dojobber._workdir import Workdir
from dojobber.job import Job


class PendingCleanup(NamedTuple):
    """A Cleanup that is owed to a try."""

    #: Of the try, among those of all runs.
    number: int
    #: The position of its Job in the graph.
    node: int
    #: The object of the try.
    job: Job
    #: The graph of its run.
    graph: Graph
    #: The directory in which its Cleanup is called.
    workdir: Workdir
    #: The monotonic clock, in seconds.
    clock: Callable[[], float]
    #: Hears that the Cleanup begins (None) and how it ended.
    on_phase: Callable[[PhaseResult | None], None]


class CleanupStack:
    """The pending Cleanups of all runs of a DoJobber."""

    def __init__(self) -> None:
        """Make an empty stack."""
        self._number = 0
        self._pending: list[PendingCleanup] = []
        #: Jobs that a run left in flight, with what tells whether their tries have ended.
        self._in_flight: list[tuple[Graph, int, Callable[[], bool]]] = []

    def next_number(self) -> int:
        """Number a try among those of all runs: Cleanups are called from the highest one down."""
        self._number += 1
        return self._number

    @property
    def workdir(self) -> Workdir | None:
        """The directory of the Cleanup at the top; None if none is pending."""
        return self._pending[-1].workdir if self._pending else None

    def push(self, pending: PendingCleanup) -> None:
        """Make a Cleanup pending, from any thread."""
        pending.workdir.share()
        self._pending.append(pending)

    def retain(self, graph: Graph, in_flight: Mapping[int, Callable[[], bool]]) -> None:
        """Keep back the Cleanups of tries that are in flight, and of the Jobs that they need.

        Args:
            graph: their graph.
            in_flight: for each of them, by its position, what tells whether its try has ended.
        """
        self._in_flight += [(graph, node, has_ended) for node, has_ended in in_flight.items()]

    def unwind(self, errors: list[BaseException]) -> None:
        """Call the pending Cleanups; those that fail or are retained stay pending.

        Args:
            errors: gets what they and the handlers of signals raise, in order.
        """
        self._in_flight = [each for each in self._in_flight if not each[2]()]
        retained = _Retained()
        for graph, node, _ in self._in_flight:
            retained.add(graph, node)
        kept = []
        self._pending.sort(key=attrgetter('number'))
        try:
            while self._pending:
                collect(errors)
                pending = self._pending.pop()
                kept.append(pending)
                if pending not in retained and _call(pending, errors):
                    kept.pop()
                else:  # in its run it may have needed other Jobs than in a later one
                    retained.add(pending.graph, pending.node)
        finally:
            self._pending += reversed(kept)

    def unwind_all(self, errors: list[BaseException]) -> None:
        """Do as `unwind`, but retain nothing for tries that a run left in flight."""
        self._in_flight = []
        self.unwind(errors)


def _call(pending: PendingCleanup, errors: list[BaseException]) -> bool:
    """Call a Cleanup and return whether it succeeded."""
    job, result, failure = pending.job, None, None
    _tell(pending, None, errors)
    began = pending.clock()
    try:
        pending.workdir.go()
        hook = job.Cleanup  # type: ignore[attr-defined]
        if hook is not None:  # as Run may have set it
            result = call_cleanup(hook)
        if type(result) in UNEXECUTED:
            raise never_executed(result, job, 'Cleanup')
    except BaseException as caught:
        failure = Failure.caught(caught)
        errors.append(failure.exception)
    seconds = pending.clock() - began
    if failure is None:
        release_exceptions(own_attributes(job))
        pending.workdir.release()
    try:
        _tell(pending, PhaseResult(result, failure, seconds), errors)
        return failure is None
    finally:
        del failure  # its traceback leads back to this frame


def _tell(pending: PendingCleanup, ended: PhaseResult | None, errors: list[BaseException]) -> None:
    try:
        pending.on_phase(ended)
    except BaseException as caught:  # Ctrl-C in a listener costs no Cleanup
        errors.append(caught)


class _Retained:
    """The Jobs that may still be in use, so that their Cleanups have to wait."""

    def __init__(self) -> None:
        self._jobs: set[type[Job]] = set()
        self._seen: dict[Graph, set[int]] = {}

    def __contains__(self, pending: PendingCleanup) -> bool:
        return pending.graph.jobs[pending.node] in self._jobs

    def add(self, graph: Graph, node: int) -> None:
        """Add a Job and all that it depends on."""
        seen = self._seen.setdefault(graph, set())
        reached = [node]
        while reached:
            node = reached.pop()
            if node not in seen:
                seen.add(node)
                self._jobs.add(graph.jobs[node])
                reached += graph.dependencies[node]
