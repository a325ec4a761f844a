"""One checknrun() with an executor: several tries under way at once.

Owns which tries are under way, and how a run ends while some are. All else is as in `_run`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

from dojobber._attempt import PhaseResult, TryRecord, attempt, passed_unheard
from dojobber._cleanup import CleanupStack
from dojobber._executors.locks import LockingScheduler
from dojobber._executors.pool import Pool, is_plain_dummy
from dojobber._executors.transport import InFlight, ProcessTransport, ThreadTransport, Transport
from dojobber._failures import safe_str
from dojobber._graph import Graph
from dojobber._interrupt import defer_signals
from dojobber._run import Call, Run
from dojobber._workdir import Workdir

# What is a RuntimeError and yet says no more than that something does not pickle.
_UNPICKLED = RecursionError, NotImplementedError


class SideBySide(Run):
    """Try the Jobs of one graph on an executor."""

    __slots__ = (
        '_pool',
        '_way',
        '_arrived',
        '_under_way',
        '_unsettled',
        '_numbers',
        '_sending',
        '_is_ending',
    )

    def __init__(
        self, graph: Graph, call: Call, stack: CleanupStack, workdir: Workdir, pool: Pool
    ) -> None:
        """Get ready; `go` begins.

        Args:
            graph: the Jobs.
            call: what to call them with.
            stack: gets the tries that are owed a Cleanup.
            workdir: the directory in which the hooks are called.
            pool: what tries them.
        """
        super().__init__(graph, call, stack, workdir)
        locks = {node: pool.locks[job] for node, job in enumerate(graph.jobs) if job in pool.locks}
        self._scheduler = LockingScheduler(graph.dependencies, self._allowed, graph.delays, locks)
        self._pool = pool
        #: Tries that have ended, and what threads tell of phases.
        self._arrived: SimpleQueue[Any] = SimpleQueue()
        self._under_way: dict[Future[Any], InFlight] = {}
        #: Jobs of whose tries it is not known yet how they went.
        self._unsettled: set[int] = set()
        #: Of the last try of each Job, among those of all runs.
        self._numbers: dict[int, int] = {}
        #: The Job of which Ctrl-C can leave it unknown whether it was sent out.
        self._sending: int | None = None
        #: Whether nothing more is sent out.
        self._is_ending = False
        self._way: Transport
        if pool.has_threads:
            self._way = ThreadTransport(pool, self._context, self._tell_from_thread)
        else:
            self._way = ProcessTransport(pool, self._context, workdir)

    def close(self, errors: list[BaseException]) -> None:
        """Give each Job a status; what is still under way holds back its Cleanups.

        Args:
            errors: what ended the run before its time, if anything did.
        """
        under_way: dict[int, Callable[[], bool]] = {
            sent.node: partial(self._has_come, future)
            for future, sent in list(self._under_way.items())
        }
        if self._sending is not None:
            under_way[self._sending] = _never
        for node in {*under_way, *self._unsettled}:
            self.results.interrupted(node, errors[0])
        if under_way:
            self._workdir.share()  # with those that go on; it is closed after the last of them
            self._stack.hold_back(self._graph, under_way)
        for future in list(self._under_way):
            future.add_done_callback(self._came_late)
        super().close(errors)

    def _loop(self) -> list[BaseException]:
        """Hand out tries and take them back; return what ends the run before its time."""
        try:
            interrupts = self._hand_out()
        except BaseException as caught:
            interrupts = [caught]
        self._is_ending = True
        for future in list(self._under_way):
            if self._pool.can_cancel and future.cancel():
                del self._under_way[future]  # it was not executed
            else:
                # Once more: Ctrl-C may have come before the first time, or when it had arrived.
                future.add_done_callback(self._arrived.put)
        self._news.raises = not interrupts  # what a listener raises again is no second Ctrl-C
        while self._under_way:
            self._take_one(None)
        return interrupts

    def _hand_out(self) -> list[BaseException]:
        while True:
            now, due = self._call.clock(), None
            is_full = len(self._under_way) >= self._pool.limit
            node = None if is_full else self._scheduler.next(now)
            if not is_full and self._scheduler.due is not None:
                due = self._scheduler.due - now
            if node is not None:
                interrupts = self._try(node, now)
            elif self._under_way:
                interrupts = self._take_one(due)
            elif due is not None:
                self._wait(due)
                continue
            else:
                return []
            if interrupts:
                return interrupts

    def _try(self, node: int, now: float) -> list[BaseException]:
        """Try a Job here, or send it out."""
        job_class = self._graph.jobs[node]
        here = job_class in self._pool.in_driver
        while here and self._pool.has_threads and self._under_way:
            # The directory is that of the process: such a Job is alone in it.
            if interrupts := self._take_one(None):
                return interrupts
            now = self._call.clock()
        if self._call.listens:
            self._news.try_started(node)
        self._numbers[node] = next(self._stack.numbers)
        self._unsettled.add(node)
        sent = InFlight(node, self._numbers[node], job_class, now)
        if is_plain_dummy(job_class, self._graph.inits):
            return self._settle(node, now, *attempt(node, job_class, now, self._context))
        if here:
            return self._settle(node, now, *self._way.here(sent))
        self._send(sent)
        return []

    def _send(self, sent: InFlight) -> None:
        try:
            defer_signals(partial(self._submit, sent))
        except Exception as error:
            if _speaks_of_pool(error):
                raise
            self._refuse(sent, error)

    def _submit(self, sent: InFlight) -> None:
        self._sending = sent.node
        try:
            # In one line, so that nothing can come between.
            self._under_way[future := self._way.submit(sent)] = sent
        except Exception as error:
            if not _may_be_taken_in(error):
                self._sending = None
            raise
        self._sending = None
        self._unsettled.discard(sent.node)
        # Not wait(), which goes over all futures each time. What a callback raises would be lost,
        # but this one raises nothing.
        future.add_done_callback(self._arrived.put)

    def _take_one(self, timeout: float | None) -> list[BaseException]:
        """Take in what arrives next; return what must end the run.

        Args:
            timeout: seconds to wait at most; None means as long as it takes.
        """
        try:
            arrived = self._call.receive(self._arrived, timeout)
        except Empty:
            return []
        if isinstance(arrived, tuple):
            self._news.phase(*arrived)
            return []
        # Ctrl-C may have had it arrive twice.
        return self._returned(arrived) if arrived in self._under_way else []

    def _returned(self, future: Future[Any]) -> list[BaseException]:
        """Take in what became of a try. Where Ctrl-C hits that, it is done again at the end."""
        sent, returned, error = self._under_way[future], None, _failure(future)
        try:
            if error is None:
                returned = self._way.returned(sent, future)
        except Exception as caught:
            error = caught
        job = None if returned is None else returned.job
        # It takes time to look whether it is due already, and only at the end it may be.
        if job is not None and not (self._is_ending and self._stack.owes(sent.number)):
            self._register_cleanup(sent.node, job)
        self._unsettled.add(sent.node)
        del self._under_way[future]
        if returned is not None:
            for phase, ended in returned.phases:
                self._news.phase(sent.node, phase, ended)
            return self._settle(sent.node, sent.started, returned.result, returned.record)
        assert error is not None
        is_given_up = isinstance(error, CancelledError) or not isinstance(error, Exception)
        if is_given_up or self._pool.has_ended(error):
            return [error]  # whether it was executed is not known
        self._refuse(sent, error)
        return []

    def _came_late(self, future: Future[Any]) -> None:
        """Make the Cleanup due of a try that ended when nobody waited for it any more."""
        # It may have been given up, or have broken its worker; or Ctrl-C had this called twice.
        with suppress(Exception):
            sent = self._under_way[future]
            job = self._way.left(sent, future)
            if job is not None and not self._stack.owes(sent.number):
                self._register_cleanup(sent.node, job)
        self._under_way.pop(future, None)

    def _has_come(self, future: Future[Any]) -> bool:
        """Tell whether a try has ended, and its Cleanup is due if it is owed one."""
        return future not in self._under_way

    def _settle(
        self, node: int, started: float, result: Any, record: TryRecord | None
    ) -> list[BaseException]:
        """Take in how a try went; return what must end the run."""
        if record is None:
            record = passed_unheard(started, self._call.clock())
        interrupts = self._take_back(node, result, record)
        if interrupts:
            self.results.interrupted(node, interrupts[0])
            self._settled(node)
        return interrupts

    def _settled(self, node: int) -> None:
        self._unsettled.discard(node)

    def _refuse(self, sent: InFlight, error: BaseException) -> None:
        """Take in that a try could not be sent out: a fault of the script, so not tried again."""
        if self._call.listens:
            self._news.phase(sent.node, 'init', None)
            self._news.phase(sent.node, 'init', PhaseResult(None, error, 0.0))
        self._take_back(
            sent.node, None, TryRecord(sent.started, (0.0,), 'init', error), for_good=True
        )

    def _number(self, node: int) -> int:
        return self._numbers[node]

    def _tell_from_thread(self, node: int, phase: str, ended: PhaseResult | None) -> None:
        self._arrived.put((node, phase, ended))


def _failure(future: Future[Any]) -> BaseException | None:
    """Return what an executor says of a call that it could not bring to its end, if it says so."""
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _speaks_of_pool(error: Exception) -> bool:
    """Tell whether what submit() raised is about the executor, not about what it was given."""
    return isinstance(error, (RuntimeError, OSError)) and not isinstance(error, _UNPICKLED)


def _may_be_taken_in(error: Exception) -> bool:
    """Tell whether submit() may have raised for lack of a thread when it had taken the call in."""
    has_ended = isinstance(error, BrokenExecutor) or 'shutdown' in safe_str(error)
    return _speaks_of_pool(error) and not has_ended


def _never() -> bool:
    """Tell that it can't be known whether a try has ended."""
    return False
