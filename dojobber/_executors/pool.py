"""What an executor must be, and which Jobs may be tried on it and when.

Owns the record of that. Sends nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass
from pickle import HIGHEST_PROTOCOL, dumps
from typing import Any

from dojobber._attributes import is_in_driver, is_plain_dummy, locks_of
from dojobber._executors.pickling import is_importable, pack_class, unpicklable_attribute
from dojobber._failures import safe_repr
from dojobber._graph import Graph
from dojobber.errors import ConfigurationError
from dojobber.job import Job


@dataclass(frozen=True, slots=True)
class Pool:
    """An executor, and which Jobs may be tried on it and when, as configure() found it."""

    executor: Executor
    #: How many tries may be under way at once.
    limit: int
    #: Whether cancel() leaves alone what is being executed, as it should.
    can_cancel: bool
    #: Whether its workers share all objects with the driver.
    has_threads: bool
    #: The locks of the Jobs that have some.
    locks: dict[type[Job], tuple[str, ...]]
    #: The Jobs that are tried in the driver because they say so.
    in_driver: frozenset[type[Job]]
    #: Whether a class may be pickled as it is.
    by_reference: Callable[[type], bool]

    def has_ended(self, error: BaseException) -> bool:
        """Tell whether the executor says by an error that it can be used no more."""
        if isinstance(error, BrokenExecutor):
            return True
        # Others have classes of their own for it, such as loky.
        mine, its = (type(each).__module__.partition('.')[0] for each in (self.executor, error))
        return isinstance(error, RuntimeError) and mine == its


def make_pool(executor: Any, max_in_flight: Any, graph: Graph) -> Pool:
    """Look whether an executor can try the Jobs of a graph.

    Args:
        executor: of any kind.
        max_in_flight: how many tries may be in flight at once; None means as many as it has
            workers.
        graph: the Jobs.

    Raises:
        ConfigurationError: it can't.
    """
    if not callable(getattr(executor, 'submit', None)):
        raise ConfigurationError(
            f'executor must be a concurrent.futures.Executor: it needs submit(), '
            f'got {safe_repr(executor)}'
        )
    # Interpreters are in threads of this process, too, but share nothing.
    has_threads = _is(executor, 'ThreadPoolExecutor') and not _is(
        executor, 'InterpreterPoolExecutor'
    )
    has_processes = _is(executor, 'ProcessPoolExecutor')
    pool = Pool(
        executor=executor,
        limit=_limit(executor, max_in_flight),
        # Where the workers are not known, as with Dask, it gives up what is executed all the same.
        can_cancel=_workers(executor) is not None,
        has_threads=has_threads,
        locks={job: locks for job in graph.jobs if (locks := locks_of(job))},
        in_driver=frozenset(job for job in graph.jobs if is_in_driver(job)),
        by_reference=is_importable if has_processes else _is_in_a_module,
    )
    if has_processes:
        for job in graph.jobs:
            if not (job in pool.in_driver or is_plain_dummy(job)):
                _check_travels(job, pool)
    return pool


def _is(executor: object, name: str) -> bool:
    """Tell whether an executor is of a class of concurrent.futures, without loading that."""
    modules = ('thread', 'process', 'interpreter')
    found = (getattr(sys.modules.get(f'concurrent.futures.{each}'), name, None) for each in modules)
    return any(each is not None and isinstance(executor, each) for each in found)


def _is_in_a_module(job: type) -> bool:
    """Tell whether workers that have a `__main__` of their own can import a class."""
    return job.__module__ != '__main__' and is_importable(job)


def _workers(executor: Executor) -> int | None:
    """Return how many workers there are; None if that is not known."""
    workers = getattr(executor, '_max_workers', None)
    return workers if isinstance(workers, int) else None


def _limit(executor: Executor, max_in_flight: Any) -> int:
    workers = _workers(executor)
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


def _check_travels(job: type[Job], pool: Pool) -> None:
    """Refuse a class that this process's workers could not be sent."""
    try:
        dumps(pack_class(job, pool.by_reference), HIGHEST_PROTOCOL)
    except Exception as error:
        attribute = unpicklable_attribute(job, pool.by_reference)
        what = job.__name__ if attribute is None else f'{job.__name__}.{attribute}'
        raise ConfigurationError(
            f'{what} can not be sent to another process: {error}; define it in a module, '
            f'or write IN_DRIVER = True'
        ) from error
