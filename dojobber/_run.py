"""One checknrun(): tries the Jobs of a graph until there is none left to try.

Owns the loop, the clock and the sleep, and what came of each Job. Leaves order to the scheduler,
one try to `_attempt`, and the unwinding to whoever started the run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dojobber._attempt import Attempt, attempt
from dojobber._cleanup import CleanupStack, Debt
from dojobber._console import Console
from dojobber._exceptions import is_failure
from dojobber._graph import Graph
from dojobber._phase import Context, Ended, has
from dojobber._scheduler import Scheduler
from dojobber._workdir import Workdir
from dojobber.job import Job

_LOG = logging.getLogger('DoJobber')
# time.sleep refuses what the system's clock can't count.
_LONGEST_SLEEP = 1e6


class Results:
    """What came of the Jobs, by name; filled as the run goes."""

    __slots__ = (
        'count',
        'nodestatus',
        'noderesults',
        'nodeexceptions',
        'rechecked',
        'global_storage',
    )

    def __init__(self, count: int = 0) -> None:
        """Make the results of a run of so many Jobs that has not begun."""
        self.count = count
        self.nodestatus: dict[str, bool | None] = {}
        self.noderesults: dict[str, Any] = {}
        self.nodeexceptions: dict[str, BaseException] = {}
        #: The Jobs that passed their recheck.
        self.rechecked: set[str] = set()
        self.global_storage: dict[Any, Any] = {}

    def late(self, name: str, record: Attempt | None) -> None:
        """Take in that a Job succeeded which has failed before, or by its recheck."""
        self.nodeexceptions.pop(name, None)
        if record is not None:
            self.rechecked.add(name)

    def failed(self, name: str, exception: BaseException) -> None:
        """Take in that a try of a Job failed."""
        self.nodestatus[name] = False
        self.nodeexceptions[name] = exception


@dataclass(frozen=True, slots=True)
class Call:
    """What a run is made with."""

    #: The arguments of all Checks and Runs.
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: Whether Run is never called, and no Job retried.
    no_act: bool
    #: Where phases are shown.
    console: Console
    #: The monotonic clock, in seconds.
    clock: Callable[[], float]
    #: Waits for a number of seconds.
    sleep: Callable[[float], None]


class Run:
    """Try the Jobs of one graph."""

    __slots__ = (
        'results',
        '_graph',
        '_call',
        '_stack',
        '_scheduler',
        '_context',
        '_begun',
        '_trying',
    )

    def __init__(self, graph: Graph, call: Call, stack: CleanupStack, workdir: Workdir) -> None:
        """Get ready; `go` begins.

        Args:
            graph: the Jobs.
            call: what to call them with.
            stack: gets the tries that are owed a Cleanup.
            workdir: the directory in which the hooks are called.
        """
        self.results = Results(len(graph.jobs))
        self._graph = graph
        self._call = call
        self._stack = stack
        tries = [1] * len(graph.jobs) if call.no_act else graph.tries
        self._scheduler = Scheduler(graph.dependencies, tries, graph.delays)
        self._context = Context(
            args=call.args,
            kwargs=call.kwargs,
            global_storage=self.results.global_storage,
            no_act=call.no_act,
            workdir=workdir,
            clock=call.clock,
            owe=self._owe,
            tell=self._tell if call.console.verbose else None,
        )
        self._begun = False
        self._trying: int | None = None

    def go(self, errors: list[BaseException]) -> None:
        """Try the Jobs until all have succeeded or used up their tries; only once.

        Args:
            errors: gets what ended the run before that, such as a KeyboardInterrupt.
        """
        # An error before the start is Ctrl-C: then nothing is started.
        if not self._begun and not errors:
            self._begun = True
            errors += self._loop()

    def close(self, errors: list[BaseException]) -> None:
        """Give each Job a status that has none yet.

        Args:
            errors: what ended the run before its time, if anything did.
        """
        names, results = self._graph.names, self.results
        if errors and self._trying is not None:
            results.failed(names[self._trying], errors[0])
        if len(results.nodestatus) < len(names):
            for name in names:
                results.nodestatus.setdefault(name, None)

    def _loop(self) -> list[BaseException]:
        """Hand out tries and take them back; return what ends the run before its time."""
        clock, scheduler, results = self._call.clock, self._scheduler, self.results
        jobs, names, context = self._graph.jobs, self._graph.names, self._context
        nodestatus, noderesults = results.nodestatus, results.noderesults
        try_once = _logged_attempt if _LOG.isEnabledFor(logging.DEBUG) else attempt
        while True:
            now = clock()
            node = scheduler.next(now)
            if node is not None:
                self._trying = node
                result, record = try_once(node, jobs[node], now, context)
                if record is None or record.exception is None:
                    scheduler.succeeded(node)
                    nodestatus[names[node]] = True
                    noderesults[names[node]] = result
                    if record is not None or results.nodeexceptions:
                        results.late(names[node], record)
                elif is_failure(record.exception):
                    scheduler.failed(node, now)
                    results.failed(names[node], record.exception)
                    if record.phase == 'init':
                        _LOG.error('%s can not be made', names[node], exc_info=record.exception)
                else:
                    return [record.exception]
                self._trying = record = None  # its exceptions lead back to this frame
            elif scheduler.due is not None:
                self._call.sleep(min(scheduler.due - now, _LONGEST_SLEEP))
            else:
                return []

    def _owe(self, node: int, job: Job) -> bool:
        """Make the Cleanup of a try due, if its Job has one."""
        if not has(job, 'Cleanup'):
            return False
        number, context = next(self._stack.numbers), self._context
        self._stack.push(
            Debt(number, node, job, self._graph, context.workdir, context.clock, self._tell)
        )
        return True

    def _tell(self, node: int, phase: str, ended: Ended | None) -> None:
        self._call.console.phase(self._graph.names[node], phase, ended)


def _logged_attempt(
    node: int, job_class: type[Job], started: float, context: Context
) -> tuple[Any, Attempt | None]:
    _LOG.debug('Trying %s', job_class.__name__)
    result, record = attempt(node, job_class, started, context)
    if record is None or record.exception is None:
        _LOG.debug('%s has succeeded', job_class.__name__)
    else:
        _LOG.debug('%s has failed in its %s', job_class.__name__, record.phase)
    return result, record
