"""One checknrun(): tries the Jobs of a graph until there is none left to try.

Owns the loop, the clock and the sleep. Leaves order to the scheduler, one try to `_attempt`, what
came of it to `_results`, and the unwinding to whoever started the run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from typing import Any

from dojobber._attempt import Context, PhaseResult, TryRecord, attempt, passed_unheard
from dojobber._cleanup import CleanupStack, PendingCleanup
from dojobber._failures import Failure, exc_info, is_failure
from dojobber._graph import Graph
from dojobber._notify import Notifier
from dojobber._results import Results
from dojobber._scheduler import Scheduler
from dojobber._workdir import Workdir
from dojobber.events import Listener
from dojobber.job import Job

_LOG = logging.getLogger('DoJobber')
# Seconds: sleeps and queues refuse what the system's clock can't count.
LONGEST_WAIT = 1e6


@dataclass(frozen=True, slots=True)
class Call:
    """What a run is made with."""

    #: The arguments of all Checks and Runs.
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: Whether Run is never called, and no Job retried.
    no_act: bool
    #: Hear of each event, in this order.
    listeners: Sequence[Listener]
    #: Whether any of them has use for more than the ends of Cleanups.
    listens: bool
    #: The monotonic clock, in seconds.
    clock: Callable[[], float]
    #: Waits for a number of seconds.
    sleep: Callable[[float], None]
    #: Gets what comes first out of a queue, within a number of seconds, or else raises Empty.
    receive: Callable[[SimpleQueue[Any], float | None], Any]


class Run:
    """Try the Jobs of one graph."""

    __slots__ = (
        'results',
        '_graph',
        '_call',
        '_stack',
        '_workdir',
        '_allowed',
        '_scheduler',
        '_context',
        '_news',
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
        self.results = Results(graph, call.no_act)
        self._graph = graph
        self._call = call
        self._stack = stack
        self._workdir = workdir
        self._allowed = [1] * len(graph.jobs) if call.no_act else graph.tries
        self._scheduler = Scheduler(graph.dependencies, self._allowed, graph.delays)
        self._news = Notifier(call.listeners, self.results, self._allowed)
        self._context = Context(
            args=call.args,
            kwargs=call.kwargs,
            inits=graph.inits,
            global_storage=self.results.global_storage,
            no_act=call.no_act,
            workdir=workdir,
            clock=call.clock,
            owe=self._register_cleanup,
            tell=self._news.phase if call.listens else None,
        )
        #: The Job that is being tried here; None between tries.
        self._trying: int | None = None

    # The steps of a run. Ctrl-C may hit any of them, which is taken again then.

    def go(self, errors: list[BaseException]) -> None:
        """Try the Jobs until all have succeeded or used up their tries; only once.

        Args:
            errors: gets what ended the run before that, such as a KeyboardInterrupt.
        """
        # An error before the start is Ctrl-C: then nothing is started.
        if self.results.started is None and not errors:
            self.results.started = self._call.clock()
            if self._call.listens:
                self._news.run_started()
            errors += self._loop()

    def close(self, errors: list[BaseException]) -> None:
        """Give each Job a status that has none yet, and tell of it.

        Args:
            errors: what ended the run before its time, if anything did.
        """
        if errors and self._trying is not None:
            self.results.interrupted(self._trying, errors[0])
        self.results.complete()
        if self._call.listens:
            self._news.rest_ended()

    def end(self, errors: list[BaseException]) -> None:
        """Tell that the run, and what Cleanups follow it, is over; only once."""
        if self.results.ended is None:
            self.results.ended = self._call.clock()
            if self._call.listens:
                self._news.run_ended()

    def _loop(self) -> list[BaseException]:
        """Hand out tries and take them back; return what ends the run before its time."""
        clock, scheduler, results = self._call.clock, self._scheduler, self.results
        jobs, names, context = self._graph.jobs, self._graph.names, self._context
        nodestatus, noderesults = results.nodestatus, results.noderesults
        failed, listens = results.tries.failed, self._call.listens
        while True:
            now = clock()
            node = scheduler.next(now)
            if node is not None:
                self._trying = node
                if listens:
                    self._news.try_started(node)
                result, record = attempt(node, jobs[node], now, context)
                # One that has failed before has a record of each try; this is the last.
                if record is None and node in failed:
                    record = passed_unheard(now, clock())
                if record is None:  # what comes of nearly all tries is taken in at once
                    scheduler.succeeded(node)
                    nodestatus[names[node]] = True
                    noderesults[names[node]] = result
                elif interrupts := self._take_back(node, result, record):
                    return interrupts
                self._trying = record = None  # its exceptions lead back to this frame
            elif scheduler.due is not None:
                self._wait(scheduler.due - now)
            else:
                return []

    def _take_back(
        self, node: int, result: Any, record: TryRecord, for_good: bool = False
    ) -> list[BaseException]:
        """Take in how a try went; return what must end the run."""
        results, error, not_before = self.results, record.exception, None
        results.tries.add(node, record)
        if error is None:
            self._scheduler.succeeded(node)
            results.succeeded(node, result)
        elif is_failure(error):
            not_before = self._scheduler.failed(node, record.started, for_good)
            results.failed(node, error)
            if record.phase == 'init':
                _LOG.error('%s can not be made', self._graph.names[node], exc_info=exc_info(error))
        else:
            return [error]
        self._settled(node)
        if self._call.listens:
            self._news.try_ended(node, record, not_before)
        return []

    def _settled(self, node: int) -> None:
        """Note that a try of a Job is over, whatever a listener raises from now on."""
        self._trying = None

    def _wait(self, seconds: float) -> None:
        if self._call.listens:
            self._news.waiting(seconds, self._scheduler.due_next())
        self._call.sleep(min(seconds, LONGEST_WAIT))

    def _register_cleanup(self, node: int, job: Job) -> None:
        """Make the Cleanup of a try due."""
        tell = partial(self._tell_cleanup, node, self.results.tries.number(node))
        number = self._number(node)
        self._stack.push(
            PendingCleanup(number, node, job, self._graph, self._workdir, self._call.clock, tell)
        )
        self.results.cleanups.owed(node)

    def _number(self, node: int) -> int:
        """Return a number for the try of a Job under way, higher than those of all before it."""
        return next(self._stack.numbers)

    def _tell_cleanup(self, node: int, number: int, ended: PhaseResult | None) -> None:
        if ended is not None:
            failure = None if ended.exception is None else Failure.of(ended.exception)
            self.results.cleanups.ended(node, ended.seconds, failure)
        self._news.phase(node, 'cleanup', ended, number)
