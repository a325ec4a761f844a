"""One checknrun(): tries the Jobs of a graph until there is none left to try.

Owns the loop and its waits. Leaves order to the scheduler, one try to `_attempt`, what came of it
to `_results`, and the unwinding to whoever started the run.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from dojobber._attempt import PhaseResult, TryContext, TryRecord, attempt
from dojobber._cleanup import CleanupStack, PendingCleanup
from dojobber._exceptions import exc_info
from dojobber._failures import Failure, is_failure
from dojobber._graph import Graph
from dojobber._interrupt import deliver, noted, woken_by_signals
from dojobber._notify import Notifier
from dojobber._options import Options
from dojobber._results import Results
from dojobber._scheduler import Scheduler
from dojobber._watch import Watcher
from dojobber._workdir import Workdir
from dojobber.events import Listener
from dojobber.job import Job
from dojobber.outcome import Phase

_LOG = logging.getLogger('DoJobber')
# Seconds: a signal that comes just before a wait is noticed after one slice at the latest.
_SLICE = 0.5


def receive(queue: SimpleQueue[Any], timeout: float | None) -> Any:
    """Take what comes first out of a queue.

    Args:
        queue: to wait for.
        timeout: seconds to wait at most; None means as long as it takes.

    Raises:
        Empty: nothing came in time.
    """
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = _SLICE if end is None else min(max(end - time.monotonic(), 0), _SLICE)
        try:
            return queue.get(timeout=left)
        except Empty:
            if end is not None and time.monotonic() >= end:
                raise


class RunConfig(NamedTuple):
    """The configuration of a run."""

    #: The arguments of all Checks and Runs.
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}
    #: What configure() was told.
    options: Options = Options()
    #: Hear of each event, in this order.
    listeners: Sequence[Listener] = ()
    #: The monotonic clock, in seconds.
    clock: Callable[[], float] = time.monotonic
    #: As `receive`: all waits of a run.
    receive: Callable[[SimpleQueue[Any], float | None], Any] = receive
    #: Hears that the run has been interrupted, and what is in flight is waited for.
    on_interrupt: Callable[[], object] = lambda: None


class Run:
    """A run of the Jobs of one graph, one after the other.

    A subclass may override `_loop`, `_drain`, `_finish`, `_take_in` and `_number`.
    """

    def __init__(
        self, graph: Graph, config: RunConfig, stack: CleanupStack, workdir: Workdir
    ) -> None:
        """Get ready; `perform` begins.

        Args:
            graph: the Jobs.
            config: what to call them with.
            stack: gets the tries that are owed a Cleanup.
            workdir: the directory in which the hooks are called.
        """
        no_act = config.options.no_act
        self.results = Results(graph, no_act)
        self._graph = graph
        self._config = config
        self._stack = stack
        self._workdir = workdir
        self._allowed = [1] * len(graph.jobs) if no_act else graph.tries
        self._scheduler = Scheduler(graph.dependencies, self._allowed, graph.delays)
        self._watcher = Watcher(self.results)
        self._notifier = Notifier(config.listeners, self.results, self._allowed)
        #: What ends a wait: None does nothing more.
        self._inbox: SimpleQueue[Any] = SimpleQueue()
        #: Whether workers have ended the run, perhaps by a Ctrl-C that this process is yet to hear.
        self.expects_signal = False
        self._is_observed = config.options.is_observed
        self._is_stopped = False
        #: The Job that is being tried here; None between tries.
        self._trying: int | None = None

    def perform(self, errors: list[BaseException]) -> None:
        """Try the Jobs until all have succeeded or used up their tries.

        Args:
            errors: gets what ended the run before that, such as a KeyboardInterrupt.
        """
        self.results.started, self.results.started_at = self._config.clock(), time.time()
        with woken_by_signals(self._wake):
            try:
                if self._is_observed:
                    self._notifier.run_started()
                self._loop()
            except BaseException as caught:
                errors.append(caught)
                self._config.on_interrupt()
            self._drain(errors)
            self._finish(errors)

    def stop(self) -> None:
        """Begin no more tries, from any thread or handler of a signal."""
        self._is_stopped = True
        self._wake()

    def end(self, errors: list[BaseException]) -> None:
        """Tell that the run, and what Cleanups follow it, is over; keep what listeners raise."""
        self.results.ended = self._config.clock()
        if self._is_observed:
            _collect_from(self._notifier.run_ended, errors)

    def _wake(self) -> None:
        self._inbox.put(None)

    def _loop(self) -> None:
        """Hand out Jobs and try them."""
        clock, scheduler = self._config.clock, self._scheduler
        jobs, context = self._graph.jobs, self._context()
        watched, is_observed = self._graph.watched, self._is_observed
        while not self._is_stopped:
            if noted:
                deliver()
            now = clock()
            node = scheduler.next(now)
            if node is not None:
                self._trying = node
                if is_observed:
                    self._notifier.try_started(node)
                changed = self._watcher.changes(node) if node in watched else None
                self._take_in(node, attempt(node, jobs[node], now, context, changed))
            elif scheduler.due is not None:
                self._wait(scheduler.due - now)
            else:
                return

    def _context(self) -> TryContext:
        config = self._config
        return TryContext(
            args=config.args,
            kwargs=config.kwargs,
            special=self._graph.special,
            global_storage=self.results.global_storage,
            no_act=config.options.no_act,
            workdir=self._workdir,
            clock=config.clock,
            register_cleanup=self._register_cleanup,
            on_phase=self._notifier.phase if self._is_observed else None,
        )

    def _take_in(self, node: int, record: TryRecord, is_final: bool = False) -> None:
        """Take in how a try went.

        Args:
            node: the Job.
            record: of its try.
            is_final: whether there is no other try, whatever tries are left.

        Raises:
            BaseException: the one of the record, if it ends the run; or a listener's.
        """
        results, failure, not_before = self.results, record.failure, None
        self._trying = None
        if failure is None:
            self._scheduler.succeeded(node)
            results.succeeded(node, record)
        elif is_failure(failure.exception):
            is_final = is_final or record.gave_up
            not_before = self._scheduler.failed(node, record.started, is_final)
            results.failed(node, record, failure, is_retried=not_before is not None)
            if record.phase is Phase.INIT:
                trace = exc_info(failure.exception)
                _LOG.error('%s can not be made', self._graph.names[node], exc_info=trace)
        else:
            results.interrupted(node, failure, record)
            try:
                raise failure.exception
            finally:
                del failure, record  # its traceback leads back to this frame
        if self._is_observed:
            self._notifier.try_ended(node, record, not_before)

    def _drain(self, errors: list[BaseException]) -> None:
        """Wait for what is in flight, when nothing more is tried: nothing here."""

    def _finish(self, errors: list[BaseException]) -> None:
        """Give each Job a status that has none yet, and tell of it.

        Args:
            errors: what ended the run before its time, if anything did; gets what listeners raise.
        """
        if self._trying is not None:  # a listener was told that its try begins
            self.results.interrupted(self._trying, Failure.of(errors[0]), None)
        self.results.complete()
        if self._is_observed:
            _collect_from(self._notifier.rest_ended, errors)

    def _wait(self, seconds: float) -> None:
        """Wait for a delay to be over, a signal, or `stop`."""
        if self._is_observed:
            self._notifier.waiting(seconds, self._scheduler.due_next())
        with suppress(Empty):
            self._config.receive(self._inbox, seconds)

    def _register_cleanup(self, node: int, job: Job) -> None:
        """Make the Cleanup of a try pending."""
        # Not a method: a pending Cleanup can be pickled, and a run can't.
        on_phase = partial(
            _cleanup_phase, self.results, self._notifier, node, self.results.number(node)
        )
        number = self._number(node)
        self._stack.push(
            PendingCleanup(
                number, node, job, self._graph, self._workdir, self._config.clock, on_phase
            )
        )
        self.results.cleanups.registered(node)

    def _number(self, node: int) -> int:
        """Return a number for the try of a Job in flight, higher than those of all before it."""
        return self._stack.next_number()


def _cleanup_phase(
    results: Results, notifier: Notifier, node: int, number: int, ended: PhaseResult | None
) -> None:
    if ended is not None:
        results.cleanups.ended(node, ended.seconds, ended.failure)
    notifier.phase(node, Phase.CLEANUP, ended, number)


def _collect_from(tell: Callable[[], None], errors: list[BaseException]) -> None:
    """Tell listeners of something, and keep what they raise."""
    try:
        tell()
    except BaseException as caught:
        errors.append(caught)
