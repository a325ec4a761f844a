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

from dojobber._attempt import PhaseResult, TryRecord
from dojobber._attributes import is_plain_dummy
from dojobber._cleanup import CleanupStack
from dojobber._executors.locks import LockingScheduler
from dojobber._executors.pool import Pool
from dojobber._executors.storage import SharedDict
from dojobber._executors.transport import InFlight, ProcessTransport, ThreadTransport, Transport
from dojobber._failures import safe_str
from dojobber._graph import Graph
from dojobber._interrupt import collect, deliver, noted
from dojobber._run import Run, RunConfig
from dojobber._workdir import Workdir
from dojobber.outcome import Phase

# RuntimeErrors that come from pickling, not from the executor.
_UNPICKLED = RecursionError, NotImplementedError


class ConcurrentRun(Run):
    """A run of the Jobs of one graph on an executor."""

    __slots__ = (
        '_pool',
        '_in_flight',
        '_unsettled',
        '_maybe_taken',
        '_numbers',
        '_worker_error',
    )

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
        #: By their numbers.
        self._in_flight: dict[int, tuple[InFlight, Future[Any]]] = {}
        #: Jobs of whose tries it is not known yet how they went.
        self._unsettled: set[int] = set()
        #: Jobs that the executor may have taken although submit() raised.
        self._maybe_taken: set[int] = set()
        #: Of the last try of each Job, among those of all runs.
        self._numbers: dict[int, int] = {}
        #: What the try taken in last has raised in another process.
        self._worker_error: BaseException | None = None

    def _loop(self) -> None:
        """Hand out Jobs, and take in the tries that come back, in any order."""
        transport = self._make_transport()
        while not self._is_stopped:
            if noted:
                deliver()
            now, node, due = self._config.clock(), None, None
            if len(self._in_flight) < self._pool.limit:
                node, due = self._scheduler.next(now), self._scheduler.due
            if node is not None:
                self._try(node, now, transport)
            elif self._in_flight:
                self._receive(None if due is None else due - now)
            elif due is not None:
                self._wait(due - now)
            else:
                return

    def _make_transport(self) -> Transport:
        if self._pool.has_threads:
            return ThreadTransport(self._pool, self._context(), self._phase_from_thread)
        return ProcessTransport(self._pool, self._context(), self._workdir)

    def _try(self, node: int, now: float, transport: Transport) -> None:
        """Try a Job here, or submit it."""
        job_class = self._graph.jobs[node]
        is_here = job_class in self._pool.in_driver
        while is_here and self._pool.has_threads and self._in_flight:
            # The directory is that of the process: such a Job is alone in it.
            self._receive(None)
            deliver()
            now = self._config.clock()
        self._unsettled.add(node)
        if self._is_observed:
            self._notifier.try_started(node)
        self._numbers[node] = next(self._stack.numbers)
        changed = self._changed(node) if node in self._graph.watched else None
        sent = InFlight(node, self._numbers[node], job_class, now, changed, transport)
        if is_here or is_plain_dummy(job_class) and job_class not in self._graph.special:
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
        try:
            # Not wait(), which goes over all futures each time. What a callback raises would be
            # lost, but this one raises nothing. It may be given a future within this one.
            future.add_done_callback(partial(_arrive, self._inbox, sent.number))
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
        """Take in what became of a try that was submitted."""
        error = _failure(future)
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
        self._take_in(sent.node, record)
        if interrupts:
            raise interrupts[0]

    def _take_in(self, node: int, record: TryRecord, is_final: bool = False) -> None:
        self._unsettled.discard(node)
        super()._take_in(node, record, is_final)

    def _fail(self, sent: InFlight, error: BaseException) -> None:
        """Take in what the executor says instead of how a try went."""
        is_given_up = isinstance(error, CancelledError) or not isinstance(error, Exception)
        if is_given_up or self._pool.has_ended(error):
            raise error  # whether it was executed is not known
        self._refuse(sent, error)

    def _refuse(self, sent: InFlight, error: BaseException) -> None:
        """Take in that a try could not be submitted: a fault of the script, so not tried again."""
        if self._is_observed:
            self._notifier.phase(sent.node, Phase.INIT, None)
            self._notifier.phase(sent.node, Phase.INIT, PhaseResult(None, error, 0.0))
        record = TryRecord(sent.started, (0.0,), Phase.INIT, None, error)
        self._take_in(sent.node, record, is_final=True)

    def _drain(self, errors: list[BaseException]) -> None:
        """Wait for the tries in flight when nothing more is submitted; a signal ends the waiting.

        Args:
            errors: what ended the run before its time, if anything did; gets what else is raised.
        """
        for sent, future in [*self._in_flight.values()]:
            if self._pool.can_cancel and future.cancel():  # it was not executed
                del self._in_flight[sent.number]
                self._unsettled.discard(sent.node)
        signals: list[BaseException] = []
        # Ctrl-C in a terminal reaches workers, too. What a worker says of it may arrive before the
        # signal does here, which is no second one then.
        limit = 2 if errors and errors[0] is self._worker_error else 1
        self._worker_error = None
        while self._in_flight and len(signals) < limit:
            try:
                arrived = self._config.receive(self._inbox, None)
            except BaseException as caught:
                signals.append(caught)
                continue
            try:
                self._handle(arrived)
            except BaseException as caught:  # a listener's, or of another try
                errors.append(caught)
            collect(signals)
        errors += signals

    def _finish(self, errors: list[BaseException]) -> None:
        """Give each Job a status; the Cleanups of what is still in flight are retained."""
        for node in self._unsettled:
            self.results.interrupted(node, errors[0], None)
        in_flight: dict[int, Callable[[], bool]] = {
            sent.node: partial(self._has_come, number)
            for number, (sent, _) in [*self._in_flight.items()]
        }
        in_flight |= dict.fromkeys(self._maybe_taken, lambda: False)
        self._stack.retain(self._graph, in_flight)
        for sent, future in [*self._in_flight.values()]:
            self._workdir.share()
            future.add_done_callback(partial(self._came_late, sent))
        super()._finish(errors)

    def _came_late(self, sent: InFlight, future: Future[Any]) -> None:
        """Register the Cleanup of a try that ended when nobody waited for it any more."""
        # It may have been given up, or have broken its worker.
        with suppress(Exception):
            sent.transport.accept_late(sent, future)
        del self._in_flight[sent.number]
        self._workdir.release()

    def _has_come(self, number: int) -> bool:
        """Return whether a try has ended, and its Cleanup is pending if it is owed one."""
        return number not in self._in_flight

    def _number(self, node: int) -> int:
        return self._numbers[node]

    def _phase_from_thread(self, node: int, phase: Phase, ended: PhaseResult | None) -> None:
        self._inbox.put((node, phase, ended))


def _arrive(inbox: Any, number: int, _: object) -> None:
    """Tell that a try has come back."""
    inbox.put(number)


def _failure(future: Future[Any]) -> BaseException | None:
    """Return what an executor says of a call that it could not bring to its end, if it says so."""
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _is_about_executor(error: Exception) -> bool:
    """Return whether submit() raised because of the executor, not because of its arguments."""
    return isinstance(error, (RuntimeError, OSError)) and not isinstance(error, _UNPICKLED)


def _may_be_taken(error: BaseException) -> bool:
    """Return whether submit() may have raised for lack of a thread when it had taken the call."""
    return not isinstance(error, BrokenExecutor) and 'shutdown' not in safe_str(error)
