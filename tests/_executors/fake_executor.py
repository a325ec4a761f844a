"""Executors without threads, processes or waiting, which complete calls in a random order.

Owns when a call is executed: while the driver waits, and some of those that it has cancelled, as
real executors do with what they have taken in already.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from queue import Empty, SimpleQueue
from random import Random
from types import FunctionType
from typing import Any

from dojobber import DoJobber
from tests.fakes import FakeClock

#: Calls that an executor has taken in, with their futures.
Pending = list[tuple['Future[Any]', Callable[[], Any]]]


class _Fake(Executor):
    """The base of all fakes."""

    def __init__(self, seed: int, workers: int) -> None:
        self._random = Random(seed)
        self._max_workers = workers
        self._clock = FakeClock()
        self.pending: Pending = []
        #: How many calls were submitted, and how many at once at most.
        self.submitted = self.most = 0
        #: Whether the driver has waited for what never comes.
        self.is_stuck = False

    def drive(self, dojob: DoJobber, clock: FakeClock) -> None:
        """Let a DoJobber wait for this executor, and a clock advance when it waits."""
        self._clock = clock
        dojob._receive = self.receive  # pyright: ignore[reportAttributeAccessIssue]

    def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Take in a call."""
        assert not kwargs, 'some executors keep some of them for themselves'
        future: Future[Any] = Future()
        if self._random.random() < 0.5:
            future.set_running_or_notify_cancel()
        self.pending.append((future, self.ready(call, *args)))
        self.submitted += 1
        self.most = max(self.most, sum(not each.done() for each, _ in self.pending))
        return future

    def ready(self, call: Callable[..., Any], *args: Any) -> Callable[[], Any]:
        """Return what executes a call."""
        raise NotImplementedError

    def receive(self, queue: SimpleQueue[Any], timeout: float | None) -> Any:
        """Stand in for the wait for the inbox."""
        while True:
            self.drop_cancelled()
            if not queue.empty() and (not self.pending or self._random.random() < 0.6):
                return queue.get_nowait()
            if timeout is not None and queue.empty():
                assert timeout > 0
                if not self.pending:
                    self._clock.sleep(timeout)
                    raise Empty
                if self._random.random() < 0.3:
                    self._clock.advance(timeout)
                    raise Empty
            if not self.pending:
                self.is_stuck = True
                raise AssertionError('nothing will ever arrive')
            self.complete(self._random.randrange(len(self.pending)))

    def drop_cancelled(self) -> None:
        """Forget the calls that need not be executed any more."""
        self.pending = [each for each in self.pending if not each[0].cancelled()]

    def complete(self, place: int) -> None:
        """Execute a pending call."""
        future, call = self.pending.pop(place)
        if not future.running():
            future.set_running_or_notify_cancel()
        try:
            result = call()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)


class FakeThreads(_Fake, ThreadPoolExecutor):
    """Gets live objects."""

    def ready(self, call: Callable[..., Any], *args: Any) -> Callable[[], Any]:
        """Return what executes a call."""
        return partial(call, *args)


class FakeProcesses(_Fake):
    """Gets copies of all arguments, except functions that are local to others."""

    def ready(self, call: Callable[..., Any], *args: Any) -> Callable[[], Any]:
        """Return what executes a call."""
        data, alive = _dumps((call, args))

        def execute() -> Any:
            there, there_args = _loads(data, alive)
            reply = there(*there_args)
            assert type(reply) is bytes
            return reply

        return execute


class FakeCluster(FakeProcesses):
    """Hides how many workers it has, and would cancel calls that it still executes."""

    def __init__(self, seed: int, workers: int) -> None:
        super().__init__(seed, workers)
        del self._max_workers

    def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Take in a call."""
        future = super().submit(call, *args, **kwargs)
        vars(future)['cancel'] = self._cancel
        return future

    def _cancel(self) -> bool:
        self.is_stuck = True
        raise AssertionError('it may be executed all the same')


class _Pickler(pickle.Pickler):
    """Pickle as executors on clusters do, which carry local functions, too."""

    def __init__(self, file: io.BytesIO, alive: list[object]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._alive = alive

    def persistent_id(self, obj: object) -> int | None:
        """Return the number of a local function."""
        if isinstance(obj, FunctionType) and '<locals>' in obj.__qualname__:
            self._alive.append(obj)
            return len(self._alive) - 1
        return None


class _Unpickler(pickle.Unpickler):
    """Find the local functions again."""

    def __init__(self, file: io.BytesIO, alive: list[object]) -> None:
        super().__init__(file)
        self._alive = alive

    def persistent_load(self, pid: Any) -> object:
        """Return a local function."""
        return self._alive[pid]


def _dumps(value: object) -> tuple[bytes, list[object]]:
    file, alive = io.BytesIO(), list[object]()
    _Pickler(file, alive).dump(value)
    return file.getvalue(), alive


def _loads(data: bytes, alive: list[object]) -> Any:
    return _Unpickler(io.BytesIO(data), alive).load()
