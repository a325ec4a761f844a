"""Where tries are executed when there is an executor: on its threads, or shipped to its workers.

Owns what an executor must be, and how a try goes out and comes back. Knows nothing of the order of
tries, nor of what follows from how they ended.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Container, Iterable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass, replace
from functools import partial
from pickle import HIGHEST_PROTOCOL, dumps, loads
from types import BuiltinFunctionType
from typing import Any, NamedTuple, Protocol

from dojobber._attempt import Attempt, Context, Ended, attempt
from dojobber._exceptions import Failure
from dojobber._graph import Graph
from dojobber._parcel import (
    hindrance,
    is_importable,
    pack_class,
    pack_items,
    unpack_items,
    unpacked,
)
from dojobber._text import shown
from dojobber._workdir import Workdir
from dojobber._worker import Reply, Request, run_shipped
from dojobber.errors import ConfigurationError
from dojobber.job import DummyJob, Job

_LOG = logging.getLogger('DoJobber')


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


def make_pool(executor: Any, max_in_flight: Any, graph: Graph) -> Pool | None:
    """Look whether an executor can try the Jobs of a graph.

    Args:
        executor: of any kind; None means that there is none.
        max_in_flight: how many tries may be under way at once; None means as many as it has
            workers.
        graph: the Jobs.

    Raises:
        ConfigurationError: it can't.
    """
    if executor is None:
        if max_in_flight is not None:
            raise ConfigurationError(
                f'max_in_flight needs an executor, got {shown(max_in_flight)} and executor=None'
            )
        return None
    if not callable(getattr(executor, 'submit', None)):
        raise ConfigurationError(
            f'executor must be a concurrent.futures.Executor: it needs submit(), '
            f'got {shown(executor)}'
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
        locks={job: locks for job in graph.jobs if (locks := _locks(job))},
        in_driver=frozenset(job for job in graph.jobs if _is_in_driver(job)),
        by_reference=is_importable if has_processes else _is_in_a_module,
    )
    if has_processes:
        for job in graph.jobs:
            if not (job in pool.in_driver or is_plain_dummy(job, graph.inits)):
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
                f'max_in_flight must be given: how many workers {shown(executor)} has is not known'
            )
        return workers
    if type(max_in_flight) is not int or max_in_flight < 1:
        raise ConfigurationError(
            f'max_in_flight must be a whole number >= 1, got {shown(max_in_flight)}'
        )
    return max_in_flight if workers is None else min(max_in_flight, workers)


def _locks(job: type[Job]) -> tuple[str, ...]:
    locks: Any = getattr(job, 'LOCKS', ())
    rule = f'{job.__name__}.LOCKS must be an iterable of names, got {shown(locks)}'
    if isinstance(locks, str):
        raise ConfigurationError(f'{rule}; write LOCKS = ({shown(locks)},)')
    if not isinstance(locks, Iterable) or iter(locks) is locks:
        raise ConfigurationError(rule)
    names = tuple(locks)
    if not all(isinstance(name, str) for name in names):
        raise ConfigurationError(rule)
    return tuple(sorted(set(names)))


def _is_in_driver(job: type[Job]) -> bool:
    value = getattr(job, 'IN_DRIVER', False)
    if not isinstance(value, bool):
        raise ConfigurationError(f'{job.__name__}.IN_DRIVER must be a bool, got {shown(value)}')
    return value


def is_plain_dummy(job: type[Job], inits: Container[type[Job]]) -> bool:
    """Tell whether a Job is a DummyJob without anything of its own to do."""
    return getattr(job, 'Check', None) is DummyJob.Check and job not in inits


def _check_travels(job: type[Job], pool: Pool) -> None:
    """Refuse a class that this process's workers could not be sent."""
    try:
        dumps(pack_class(job, pool.by_reference), HIGHEST_PROTOCOL)
    except Exception as error:
        attribute = hindrance(job, pool.by_reference)
        what = job.__name__ if attribute is None else f'{job.__name__}.{attribute}'
        raise ConfigurationError(
            f'{what} can not be sent to another process: {error}; define it in a module, '
            f'or write IN_DRIVER = True'
        ) from error


class Sent(NamedTuple):
    """A try that is under way."""

    #: The position of its Job.
    node: int
    #: Of the try, among those of all runs.
    number: int
    job_class: type[Job]
    #: The instant at which it began.
    started: float


class Returned(NamedTuple):
    """What came back of a try."""

    result: Any
    record: Attempt | None
    #: The phases that were not told yet.
    phases: list[tuple[str, Ended | None]]
    #: The object for a Cleanup that is not due yet; None if there is none to make due.
    job: Job | None


class Way(Protocol):
    """How tries go out and come back."""

    def submit(self, sent: Sent) -> Future[Any]:
        """Send a try out."""

    def returned(self, sent: Sent, future: Future[Any]) -> Returned:
        """Return what came of a try; raise what the executor raised instead."""

    def left(self, sent: Sent, future: Future[Any]) -> Job | None:
        """Return the object for a Cleanup that is not due yet, of a try that came too late."""

    def here(self, sent: Sent) -> tuple[Any, Attempt | None]:
        """Make a try in the driver, beside those that are under way."""


class OnThreads:
    """Tries on threads of this process: they share all objects with the driver."""

    def __init__(self, pool: Pool, context: Context, tell: Callable[..., None]) -> None:
        """Get ready.

        Args:
            pool: with the executor.
            context: of the run.
            tell: hears of phases, from any thread.
        """
        self._submit = pool.executor.submit
        self._context = context if context.tell is None else replace(context, tell=tell)
        self._here = context

    def submit(self, sent: Sent) -> Future[Any]:
        """Send a try out."""
        return self._submit(attempt, sent.node, sent.job_class, sent.started, self._context)

    def returned(self, sent: Sent, future: Future[Any]) -> Returned:
        """Return what came of a try."""
        result, record = future.result()
        return Returned(result, record, [], None)

    def left(self, sent: Sent, future: Future[Any]) -> Job | None:
        """Return None: a thread makes its Cleanup due itself."""
        return None

    def here(self, sent: Sent) -> tuple[Any, Attempt | None]:
        """Make a try in the driver."""
        return attempt(sent.node, sent.job_class, sent.started, self._here)


class Shipped:
    """Tries in other processes: all that they need is sent, and what came of them comes back."""

    def __init__(self, pool: Pool, context: Context, workdir: Workdir) -> None:
        """Get ready.

        Args:
            pool: with the executor.
            context: of the run.
            workdir: the directory of the run.
        """
        self._submit = pool.executor.submit
        self._context = context
        self._workdir = workdir
        self._run = os.urandom(8).hex()
        self._pack: Callable[[type[Job]], Any] = partial(pack_class, by_reference=pool.by_reference)
        #: The number of the latest try that wrote a key of the global storage.
        self._writers: dict[Any, int] = {}
        self._told: set[str] = set()

    def submit(self, sent: Sent) -> Future[Any]:
        """Send a try out, with a copy of the global storage."""
        context = self._context
        shared, lost = pack_items(context.global_storage)
        self._tell_lost(sent.job_class, [f'global_storage[{key}]' for key in lost])
        request = Request(
            token=(self._run, sent.job_class.__name__, sent.number),
            job=self._pack(sent.job_class),
            has_init=sent.job_class in context.inits,
            args=context.args,
            kwargs=context.kwargs,
            global_storage=list(shared.values()),
            no_act=context.no_act,
            directory=self._workdir.path,
        )
        return self._submit(run_shipped, request)

    def returned(self, sent: Sent, future: Future[Any]) -> Returned:
        """Return what came of a try, and merge what it has put into the global storage."""
        reply: Reply = loads(future.result())
        values = unpacked(reply.parcels)
        self._merge(reply, sent)
        self._tell_lost(sent.job_class, reply.lost)
        check, run = values[reply.check], values[reply.run]
        record = Attempt(
            sent.started,
            reply.seconds,
            reply.phase,
            values[reply.exception],
            None if check is None else Failure.of(check),
            reply.ran,
            None if run is None else Failure.of(run),
            reply.would_run,
        )
        phases = [
            (name, how and Ended(values[how[0]], values[how[1]], how[2]))
            for name, how in reply.phases
        ]
        return Returned(values[reply.result], record, phases, self._remade(sent.job_class, reply))

    def left(self, sent: Sent, future: Future[Any]) -> Job | None:
        """Return the object for the Cleanup of a try that came too late for all else."""
        return self._remade(sent.job_class, loads(future.result()))

    def here(self, sent: Sent) -> tuple[Any, Attempt | None]:
        """Make a try in the driver, and note what it changes in the global storage."""
        shared = self._context.global_storage
        values, (packed, _) = dict(shared), pack_items(shared)
        result, record = attempt(sent.node, sent.job_class, sent.started, self._context)
        packed_now, _ = pack_items(shared)
        for key in {**values, **shared}:
            is_same = key in shared and key in values and shared[key] is values[key]
            if not is_same or packed.get(key) != packed_now.get(key):
                self._writers[key] = sent.number
        return result, record

    def _merge(self, reply: Reply, sent: Sent) -> None:
        """Take over what a try has changed, unless a try that was sent out later has, too."""
        shared, writers, number = self._context.global_storage, self._writers, sent.number
        changed = self._unpacked(sent.job_class, 'global_storage', reply.changed)
        for key in [*changed, *map(loads, reply.deleted)]:
            if writers.get(key, 0) <= number:
                writers[key] = number
                if key in changed:
                    shared[key] = changed[key]
                else:
                    shared.pop(key, None)

    def _remade(self, job_class: type[Job], reply: Reply) -> Job | None:
        """Return an object that a Cleanup can be called on, if one is due."""
        if reply.storage is None:
            return None
        # By the __new__ of the built-in class that it is made of, as a rule object: no user's own.
        made = (vars(each).get('__new__') for each in job_class.__mro__)
        job: Job = next(new for new in made if isinstance(new, BuiltinFunctionType))(job_class)
        job.__dict__.update(self._unpacked(job_class, 'self', reply.attributes))
        # Past a __setattr__ that needs what could not travel.
        object.__setattr__(job, 'storage', self._unpacked(job_class, 'storage', reply.storage))
        object.__setattr__(job, 'global_storage', self._context.global_storage)
        return job

    def _unpacked(self, job_class: type[Job], what: str, packed: list[bytes]) -> dict[Any, Any]:
        items, lost = unpack_items(packed)
        if lost:
            self._tell_lost(job_class, [f'{lost} values of {what}'])
        return items

    def _tell_lost(self, job_class: type[Job], lost: Iterable[str]) -> None:
        for what in lost:
            line = f'{job_class.__name__}: {what} can not travel'
            if line not in self._told:
                self._told.add(line)
                _LOG.debug('%s', line)
