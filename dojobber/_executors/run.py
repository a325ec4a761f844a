"""One checknrun() with an executor: several tries in flight at once.

Owns which tries are in flight, and how a run ends while some are. All else is as in `_run`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future
from contextlib import suppress
from functools import partial
from queue import Empty
from typing import Any

from dojobber._attempt import PhaseResult, TryContext, TryRecord, attempt
from dojobber._attributes import is_plain_dummy
from dojobber._cleanup import CleanupStack
from dojobber._exceptions import safe_str
from dojobber._executors.locks import LockingScheduler
from dojobber._executors.pool import Pool
from dojobber._executors.storage import SharedDict
from dojobber._executors.transport import InFlight, ProcessTransport, ThreadTransport, Transport
from dojobber._failures import Failure, is_failure, raise_first
from dojobber._graph import Graph
from dojobber._interrupt import PATIENCE, collect, deliver, noted
from dojobber._run import Run, RunConfig
from dojobber._workdir import Workdir
from dojobber.outcome import Phase

# RuntimeErrors that come from pickling, not from the executor.
_UNPICKLED = RecursionError, NotImplementedError


class ConcurrentRun(Run):
    """A run of the Jobs of one graph on an executor."""

    def __init__(
        self,
        graph: Graph,
        config: RunConfig,
        stack: CleanupStack,
        workdir: Workdir,
        pool: Pool,
    ) -> None:
        """Get ready; `perform` begins.

        Args:
            graph: the Jobs.
            config: what to call them with.
            stack: gets the tries that are owed a Cleanup.
            workdir: the directory in which the hooks are called.
            pool: what tries them.
        """
        super().__init__(graph, config, stack, workdir)
        locks = {node: pool.locks[job] for node, job in enumerate(graph.jobs) if job in pool.locks}
        self._scheduler = LockingScheduler(graph.dependencies, self._allowed, graph.delays, locks)
        self._pool = pool
        if not pool.has_threads:
            self.results.global_storage = SharedDict()
        #: The tries in flight, by number.
        self._in_flight: dict[int, tuple[InFlight, Future[Any]]] = {}
        #: Jobs whose tries have begun and have no record yet.
        self._unsettled: set[int] = set()
        #: Jobs that the executor may have taken although submit() raised.
        self._maybe_taken: set[int] = set()
        #: The number of the last try of each Job.
        self._numbers: dict[int, int] = {}
        #: Why the try failed that came back last, if a worker process or the executor says so.
        self._worker_error: BaseException | None = None

    def _loop(self) -> None:
        """Hand out Jobs, and take in the tries that come back, in any order."""
        context = self._context()
        transport = self._make_transport(context)
        while not self._is_stopped:
            if noted:
                deliver()
            now, node, due = self._config.clock(), None, None
            if len(self._in_flight) < self._pool.limit:
                node, due = self._scheduler.next(now), self._scheduler.due
            if node is not None:
                self._try(node, now, transport, context)
            elif self._in_flight:
                self._receive(None if due is None else due - now)
            elif due is not None:
                self._wait(due - now)
            else:
                return

    def _make_transport(self, context: TryContext) -> Transport:
        if self._pool.has_threads:
            inbox = self._inbox
            return ThreadTransport(self._pool, context, lambda *phase: inbox.put(phase))
        return ProcessTransport(self._pool, context, self._workdir)

    def _try(self, node: int, now: float, transport: Transport, context: TryContext) -> None:
        """Try a Job here, or submit it."""
        job_class = self._graph.jobs[node]
        is_here = job_class in self._pool.in_driver
        while is_here and self._pool.has_threads and self._in_flight:
            # The directory is that of the process: such a Job is alone in it.
            self._receive(None)
            deliver()
            if self._is_stopped:
                return
            now = self._config.clock()
        self._unsettled.add(node)
        if self._is_observed:
            self._notifier.try_started(node)
        self._numbers[node] = self._stack.next_number()
        changed = self._watcher.changes(node) if node in self._graph.watched else None
        sent = InFlight(node, self._numbers[node], job_class, now, changed, transport)
        if is_plain_dummy(job_class) and job_class not in self._graph.special:
            # It changes nothing.
            self._take_in(node, attempt(node, job_class, now, context, changed))
        elif is_here:
            self._take_in(node, transport.run_here(sent))
        else:
            self._submit(sent)

    def _submit(self, sent: InFlight) -> None:
        try:
            future = sent.transport.submit(sent)
        except BaseException as error:
            if isinstance(error, Exception) and not _is_about_executor(error):
                self._refuse(sent, error)
                return
            if _may_be_taken(error):
                self._maybe_taken.add(sent.node)
            raise
        self._in_flight[sent.number] = sent, future
        inbox, number = self._inbox, sent.number
        try:
            # wait() would visit all futures each time. The callback goes by the number, since an
            # executor may call it with another future.
            future.add_done_callback(lambda _: inbox.put(number))
        except BaseException:
            del self._in_flight[sent.number]
            self._maybe_taken.add(sent.node)
            raise

    def _receive(self, timeout: float | None) -> None:
        """Take in what arrives next.

        Args:
            timeout: seconds to wait at most; None means as long as it takes.
        """
        with suppress(Empty):
            self._handle(self._config.receive(self._inbox, timeout))

    def _handle(self, arrived: Any) -> None:
        if isinstance(arrived, tuple):
            self._notifier.phase(*arrived)
        elif arrived in self._in_flight:
            self._complete(*self._in_flight.pop(arrived))

    def _complete(self, sent: InFlight, future: Future[Any]) -> None:
        """Take in a submitted try that has ended."""
        error = _executor_error(future)
        if error is not None:
            self._fail(sent, error)
            return
        interrupts: list[BaseException] = []
        try:
            record = sent.transport.accept(sent, future, interrupts)
        except Exception as caught:
            self._fail(sent, caught)
            return
        if not self._pool.has_threads:
            self._worker_error = record.exception
        try:
            self._take_in(sent.node, record)
            raise_first(interrupts)
        finally:
            interrupts.clear()  # their tracebacks lead back to this frame

    def _take_in(self, node: int, record: TryRecord, is_final: bool = False) -> None:
        self._unsettled.discard(node)
        super()._take_in(node, record, is_final)

    def _fail(self, sent: InFlight, error: BaseException) -> None:
        """Take in an error of the executor in place of a record."""
        is_given_up = isinstance(error, CancelledError) or not isinstance(error, Exception)
        if is_given_up or self._pool.has_ended(error):
            self._worker_error = error
            raise error  # whether it was executed is not known
        self._refuse(sent, error)

    def _refuse(self, sent: InFlight, error: BaseException) -> None:
        """Fail a Job that can't be sent to a worker, for good: it is a fault of the script."""
        failure = Failure.of(error)
        if self._is_observed:
            self._notifier.phase(sent.node, Phase.INIT, None)
            self._notifier.phase(sent.node, Phase.INIT, PhaseResult(None, failure, 0.0))
        record = TryRecord(sent.started, (0.0,), Phase.INIT, None, failure)
        self._take_in(sent.node, record, is_final=True)

    def _drain(self, errors: list[BaseException]) -> None:
        """Cancel the tries that have not begun and wait for the others, until a second signal.

        Args:
            errors: what ended the run before its time, if anything did; gets what else is raised.
        """
        self._cancel()
        signals: list[BaseException] = []
        # Ctrl-C in a terminal reaches workers, too. If what it did to them arrives before our own
        # signal, that signal is not the second one.
        first = errors[0] if errors else None
        is_signal = first is not None and first is not self._worker_error and not is_failure(first)
        since = self._config.clock() if is_signal else None
        self._worker_error = None
        while self._in_flight:
            count = len(signals)
            self._receive_anyway(signals, errors)
            if len(signals) > count:
                now = self._config.clock()
                if since is None:
                    since = now
                elif now - since >= PATIENCE:  # not one that was sent together with the first
                    break
        self.expects_signal = first is not None and not is_signal and not signals
        errors += signals

    def _cancel(self) -> None:
        for sent, future in [*self._in_flight.values()]:
            if self._pool.can_cancel and future.cancel():  # it has not begun
                del self._in_flight[sent.number]
                self._unsettled.discard(sent.node)

    def _receive_anyway(self, signals: list[BaseException], errors: list[BaseException]) -> None:
        """Take in what arrives next, whatever is raised meanwhile.

        Args:
            signals: gets what the handlers of signals raise.
            errors: gets what a listener or another try raises.
        """
        try:
            arrived = self._config.receive(self._inbox, None)
        except BaseException as caught:
            signals.append(caught)
        else:
            try:
                self._handle(arrived)
            except BaseException as caught:
                errors.append(caught)
        collect(signals)

    def _finish(self, errors: list[BaseException]) -> None:
        """Give each Job a status; retain the Cleanups of tries that are still in flight."""
        for node in self._unsettled:
            self.results.interrupted(node, Failure.of(errors[0]), None)
        in_flight: dict[int, Callable[[], bool]] = {
            sent.node: partial(self._has_ended, number)
            for number, (sent, _) in [*self._in_flight.items()]
        }
        in_flight |= dict.fromkeys(self._maybe_taken, lambda: False)
        self._stack.retain(self._graph, in_flight)
        for sent, future in [*self._in_flight.values()]:
            self._workdir.share()
            future.add_done_callback(partial(self._accept_late, sent))
        super()._finish(errors)

    def _accept_late(self, sent: InFlight, future: Future[Any]) -> None:
        """Register the Cleanup of a try that ended after its run."""
        # The try may have been cancelled, or its worker may have died.
        with suppress(Exception):
            sent.transport.accept_late(sent, future)
        del self._in_flight[sent.number]
        self._workdir.release()

    def _has_ended(self, number: int) -> bool:
        """Return whether a try has ended, and its Cleanup is registered if it has one."""
        return number not in self._in_flight

    def _number(self, node: int) -> int:
        return self._numbers[node]


def _executor_error(future: Future[Any]) -> BaseException | None:
    """Return the error of an executor that did not complete a call; None if it did."""
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _is_about_executor(error: Exception) -> bool:
    """Return whether submit() raised because of the executor, not because of its arguments."""
    return isinstance(error, (RuntimeError, OSError)) and not isinstance(error, _UNPICKLED)


def _may_be_taken(error: BaseException) -> bool:
    """Return whether submit() may have queued the call before it failed to start a thread."""
    return not isinstance(error, BrokenExecutor) and 'shutdown' not in safe_str(error)
