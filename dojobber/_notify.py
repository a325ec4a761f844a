"""Makes the events of a run and calls the listeners with them.

Owns the listeners of one run. Knows nothing of their work.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from dojobber import events
from dojobber._attempt import PhaseResult, TryRecord
from dojobber._exceptions import safe_repr
from dojobber._failures import is_failure, raise_first
from dojobber._interrupt import call_listener
from dojobber._results import Results
from dojobber.job import Job
from dojobber.outcome import Outcome, Phase

_LOG = logging.getLogger('DoJobber')


class Notifier:
    """The listeners of one run. Jobs are known by their positions in its graph."""

    def __init__(
        self, listeners: Iterable[events.Listener], results: Results, allowed: Sequence[float]
    ) -> None:
        """Begin with all listeners.

        Args:
            listeners: are called in this order.
            results: of the run.
            allowed: for each Job how often it may be tried.
        """
        self._listeners = tuple(listeners)
        self._results = results
        self._allowed = allowed
        #: For each Job whether its end was emitted.
        self._ended = bytearray(len(allowed))

    def run_started(self) -> None:
        """Emit the start of the run."""
        results = self._results
        self._emit(events.RunStarted(tuple(results.graph.jobs), results.no_act))

    def try_started(self, node: int) -> None:
        """Emit the start of the next try of a Job."""
        self._emit(events.TryStarted(*self._try(node)))

    def phase(
        self, node: int, phase: Phase, ended: PhaseResult | None, number: int | None = None
    ) -> None:
        """Emit the start or the end of a phase.

        Args:
            node: the Job.
            phase: its name.
            ended: its result; None means that it begins.
            number: of the Job's try; None means the one in flight.
        """
        if ended is None:
            self._emit(events.PhaseStarted(*self._try(node, number), phase))
        else:
            error = ended.exception
            outcome = 'pass' if error is None else 'fail' if is_failure(error) else 'interrupt'
            about = *self._try(node, number), phase, outcome
            self._emit(events.PhaseEnded(*about, ended.result, error, ended.seconds))

    def try_ended(self, node: int, record: TryRecord, not_before: float | None) -> None:
        """Emit the end of a try, and that of its Job if there is no other try."""
        passed = record.failure is None
        number = self._results.tries(node)
        left = self._allowed[node] - number
        self._emit(
            events.TryEnded(*self._try(node, number), passed, record.phase, left, not_before)
        )
        if not_before is None:
            self._job_ended(node, self._results.outcome(node))

    def waiting(self, seconds: float, nodes: Iterable[int]) -> None:
        """Emit the start of a wait for some Jobs."""
        names = self._results.graph.names
        self._emit(events.Waiting(seconds, tuple(names[node] for node in nodes)))

    def rest_ended(self) -> None:
        """Emit the ends of all Jobs whose end was not emitted before."""
        if all(self._ended):
            return
        interrupts: list[BaseException] = []
        for node, outcome in enumerate(self._results.outcomes()):
            if not self._ended[node]:
                try:
                    self._job_ended(node, outcome)
                except BaseException as caught:
                    interrupts.append(caught)
        raise_first(interrupts)

    def run_ended(self) -> None:
        """Emit the end of the run."""
        results = self._results
        self._emit(events.RunEnded(dict(results.nodestatus), results.seconds or 0.0))

    def _job_ended(self, node: int, outcome: Outcome) -> None:
        self._ended[node] = True
        results, graph = self._results, self._results.graph
        name = graph.names[node]
        status = results.nodestatus[name]
        unmet: tuple[str, ...] = ()
        if status is None:
            below = [graph.names[each] for each in graph.dependencies[node]]
            unmet = tuple(each for each in below if not results.nodestatus[each])
        exception = results.nodeexceptions.get(name)
        self._emit(events.JobEnded(name, graph.jobs[node], status, outcome, exception, unmet))

    def _try(self, node: int, number: int | None = None) -> tuple[str, type[Job], int, float]:
        graph = self._results.graph
        number = self._results.number(node) if number is None else number
        return graph.names[node], graph.jobs[node], number, self._allowed[node]

    def _emit(self, event: events.Event) -> None:
        interrupts: list[BaseException] = []
        for listener in self._listeners:
            try:
                call_listener(listener, event)
            except (Exception, SystemExit):
                self._listeners = tuple(each for each in self._listeners if each is not listener)
                _LOG.exception('%s raised, and hears no more of this run', safe_repr(listener))
            except BaseException as caught:
                interrupts.append(caught)  # the others hear of the event all the same
        raise_first(interrupts)
