"""What an executor can do, and which Jobs may be tried on it and when.

Owns the record of that. Submits nothing.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextvars import ContextVar
from types import CoroutineType
from typing import Any, cast

from dojobber._attributes import is_in_driver, is_plain_dummy, locks_of
from dojobber._exceptions import safe_repr
from dojobber._executors.by_value import NOTHING_UNFILLED, dumps_by_value, names_of_main
from dojobber._executors.pickling import (
    is_importable,
    pack_class,
    reduce_wrapper,
    unpicklable_attribute,
)
from dojobber._graph import Graph
from dojobber._record import Record
from dojobber.errors import ConfigurationError
from dojobber.job import Job

_Pickle = Callable[[Any, type], Any]
# Packages whose workers are other processes, and which often use cloudpickle.
_CLUSTERS = 'mpi4py', 'loky', 'distributed', 'ipyparallel'
#: The executors in whose workers this code runs, the outermost first.
_entered: ContextVar[tuple[Executor, ...]] = ContextVar('_entered', default=())


class Pool(Record):
    """An executor, and which Jobs may be tried on it and when, as configure() found it."""

    executor: Executor
    #: How many tries may be in flight at once.
    limit: int
    #: Whether cancel() fails once a call has begun. It does not on Dask and ipyparallel, where the
    #: futures of running calls are pending.
    can_cancel: bool
    #: Whether its workers share all objects with the driver.
    has_threads: bool
    #: The locks of the Jobs that have some.
    locks: dict[type[Job], tuple[str, ...]]
    #: The Jobs that are tried in the driver because they say so.
    in_driver: frozenset[type[Job]]
    #: Pickles a request about a Job, or makes one of it that the executor's own pickler can take.
    pickle: _Pickle

    def has_ended(self, error: BaseException) -> bool:
        """Return whether an error means that the executor can be used no more."""
        if isinstance(error, BrokenExecutor):
            return True
        # Other packages, such as loky, have error classes of their own.
        return isinstance(error, RuntimeError) and _package(error) == _package(self.executor)


def make_pool(executor: Any, max_in_flight: Any, graph: Graph) -> Pool:
    """Return how to try the Jobs of a graph on an executor.

    Args:
        executor: of any kind.
        max_in_flight: how many tries may be in flight at once; None means as many as it has
            workers.
        graph: the Jobs.

    Raises:
        ConfigurationError: the executor can't try them.
    """
    _check_executor(executor)
    # Interpreters are in threads of this process, too, but share nothing.
    has_interpreters = _is_of(executor, 'interpreter')
    has_threads = _is_of(executor, 'thread') and not has_interpreters
    has_processes = _is_of(executor, 'process')
    needs_pickle = has_processes or has_interpreters
    pool = Pool(
        executor=executor,
        limit=_limit(executor, max_in_flight),
        can_cancel=has_threads or has_processes or _package(executor) == 'loky',
        has_threads=has_threads,
        locks={job: locks for job in graph.jobs if (locks := locks_of(job))},
        in_driver=frozenset(job for job in graph.jobs if is_in_driver(job)),
        pickle=_pickle(executor, needs_pickle),
    )
    if needs_pickle:
        for job in graph.jobs:
            if not (job in pool.in_driver or is_plain_dummy(job)):
                _check_travels(job, pool)
    return pool


def _check_executor(executor: Any) -> None:
    """Refuse what can not try any Job."""
    if not callable(getattr(executor, 'submit', None)):
        raise ConfigurationError(
            f'executor must be a concurrent.futures.Executor: it needs submit(), '
            f'got {safe_repr(executor)}'
        )
    if _is_inherited(executor):
        raise ConfigurationError(
            f'executor must be made in the process that uses it, got {safe_repr(executor)} of '
            f'the process that this one was forked from'
        )
    path = getattr(sys.modules['__main__'], '__file__', None)
    if _imports_main(executor) and path is not None and not os.path.exists(path):
        raise ConfigurationError(
            f'executor must have workers that are forked, for others import the script, and '
            f'there is no file {path!r}; got {safe_repr(executor)}'
        )


def _package(value: object) -> str:
    """Return the name of the package that an object's class is from."""
    name = type(value).__module__.removeprefix('joblib.externals.')
    return name.partition('.')[0]


def _is_of(executor: object, module: str) -> bool:
    """Return whether an executor is of the class in a module of concurrent.futures."""
    loaded = sys.modules.get(f'concurrent.futures.{module}')
    return isinstance(executor, getattr(loaded, f'{module.capitalize()}PoolExecutor', ()))


def _forks(executor: Any) -> bool:
    """Return whether the workers of an executor are forked, and so have the script's classes."""
    return _is_of(executor, 'process') and executor._mp_context.get_start_method() == 'fork'


def _is_in_a_module(job: type) -> bool:
    """Return whether workers that have a `__main__` of their own can import a class."""
    return job.__module__ != '__main__' and is_importable(job)


def _imports_main(executor: Any) -> bool:
    """Return whether the workers of an executor import the script when they begin."""
    # A script that is started with -m is imported by its name.
    has_name = getattr(sys.modules['__main__'], '__spec__', None) is not None
    return _is_of(executor, 'process') and not _forks(executor) and not has_name


def _is_inherited(executor: Any) -> bool:
    """Return whether an executor was made before a fork, so that it has no workers here."""
    queue = getattr(executor, '_call_queue', None)
    if getattr(queue, '_opid', os.getpid()) != os.getpid():
        return True
    threads = getattr(executor, '_threads', None) or ()
    return bool(threads) and not (
        getattr(executor, '_shutdown', False) or any(each.is_alive() for each in threads)
    )


def is_within(executor: Executor) -> bool:
    """Return whether this code is executed by a worker of an executor of threads."""
    is_worker = threading.current_thread() in getattr(executor, '_threads', ())
    return is_worker or any(each is executor for each in _entered.get())


def enter(executor: Executor) -> None:
    """Note in the current context that its code runs in a worker of an executor."""
    _entered.set((*_entered.get(), executor))


def as_future(given: Any, executor: Executor) -> Future[Any]:
    """Return what submit() gave, if it is a future of any package.

    Raises:
        RuntimeError: it is none, or one of asyncio.
    """
    needed = 'add_done_callback', 'exception', 'result', 'cancel'
    is_future = all(callable(getattr(given, name, None)) for name in needed)
    if isinstance(given, CoroutineType):
        given.close()  # else Python warns of what was never awaited
    if isinstance(given, type) or not is_future or hasattr(given, '_asyncio_future_blocking'):
        raise RuntimeError(
            f'submit() of an executor must return a concurrent.futures.Future, '
            f'got {safe_repr(given)} from {safe_repr(executor)}'
        )
    return cast('Future[Any]', given)


def _limit(executor: Executor, max_in_flight: Any) -> int:
    workers: int | None = getattr(executor, '_max_workers', None)
    if not isinstance(workers, int):
        workers = None
    if max_in_flight is None:
        if workers is None:
            raise ConfigurationError(
                f'max_in_flight must be given: how many workers {safe_repr(executor)} has '
                'is not known'
            )
        return workers
    if type(max_in_flight) is not int or max_in_flight < 1:
        raise ConfigurationError(
            f'max_in_flight must be a whole number >= 1, got {safe_repr(max_in_flight)}'
        )
    return max_in_flight if workers is None else min(max_in_flight, workers)


def _pickle(executor: Any, is_standard: bool) -> _Pickle:
    """Return a pickler of requests, so that one that can't be unpickled fails its Job only."""
    package = _package(executor)
    others = _pickle_by_cloudpickle() if package in _CLUSTERS else None
    if not is_standard and package not in _CLUSTERS or _is_dask_of_threads(executor):
        return others or _with_packed_class
    is_main_imported = package == 'mpi4py' or _is_of(executor, 'process')
    names = None if _forks(executor) else names_of_main() if is_main_imported else set[str]()

    def pickle(value: Any, job: type) -> Any:
        try:
            return dumps_by_value(value, names, job)
        except Exception:
            if others is None:
                raise
            return others(value, job)

    return pickle


def _is_dask_of_threads(executor: Any) -> bool:
    """Return whether an executor is one of Dask whose workers are threads of this process."""
    cluster = getattr(getattr(executor, '_client', None), 'cluster', None)
    return getattr(cluster, 'processes', True) is False


def _pickle_by_cloudpickle() -> _Pickle | None:
    """Return a pickler of requests that uses cloudpickle; None if that is not loaded."""
    names = 'cloudpickle', 'joblib.externals.cloudpickle'
    cloudpickle: Any = next((found for name in names if (found := sys.modules.get(name))), None)
    if cloudpickle is None:
        return None

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc]
        def reducer_override(self, obj: Any) -> Any:
            return reduce_wrapper(obj) or super().reducer_override(obj)

    def pickle(request: Any, job: type) -> Any:
        file = io.BytesIO()
        packed = _with_packed_class(request, job)
        try:
            Pickler(file).dump(packed)
        except Exception:  # the executor's own pickler may do better, or say more
            return packed
        return file.getvalue() + NOTHING_UNFILLED

    return pickle


def _with_packed_class(request: Any, job: type) -> Any:
    """Return a request with the parts of its Job, for a pickler that may not take the class."""
    packed = pack_class(job, _is_in_a_module)
    return request if packed is job else request.__replace__(job=packed)


def _check_travels(job: type[Job], pool: Pool) -> None:
    """Refuse a class that can't be sent to workers."""
    try:
        pool.pickle(job, job)
    except Exception as error:
        by_reference = is_importable if _forks(pool.executor) else _is_in_a_module
        attribute = unpicklable_attribute(job, by_reference, lambda each: pool.pickle(each, object))
        what = job.__name__ if attribute is None else f'{job.__name__}.{attribute}'
        raise ConfigurationError(
            f'{what} can not be sent to another process: {error}; define it in a module, '
            f'or write IN_DRIVER = True'
        ) from error
