"""How a try goes out and comes back: to a thread of this process, or to a worker elsewhere.

Owns what is sent with a try, and how what came of it is taken in. Knows nothing of the order of
tries, nor of what follows from how they ended.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial
from pickle import loads
from types import BuiltinFunctionType
from typing import Any, NamedTuple, Protocol

from dojobber._attempt import PhaseResult, TryContext, TryRecord, attempt
from dojobber._executors.pickling import pack_class, pack_items, unpack_items, unpickle_values
from dojobber._executors.pool import Pool
from dojobber._executors.worker import Reply, Request, run_request
from dojobber._failures import Failure
from dojobber._workdir import Workdir
from dojobber.job import Job
from dojobber.outcome import Phase

_LOG = logging.getLogger('DoJobber')


class InFlight(NamedTuple):
    """A try that is under way."""

    #: The position of its Job.
    node: int
    #: Of the try, among those of all runs.
    number: int
    job_class: type[Job]
    #: The instant at which it began.
    started: float
    #: The Jobs in its WATCH that changed; None if it has no WATCH.
    changed: tuple[str, ...] | None
    transport: Transport


class Completed(NamedTuple):
    """What came back of a try."""

    record: TryRecord
    #: The phases that were not told yet.
    phases: list[tuple[Phase, PhaseResult | None]]
    #: The object for a Cleanup that is not due yet; None if there is none to make due.
    job: Job | None


class Transport(Protocol):
    """How tries go out and come back."""

    def submit(self, sent: InFlight) -> Future[Any]:
        """Send a try out."""

    def returned(self, sent: InFlight, future: Future[Any]) -> Completed:
        """Return what came of a try; raise what the executor raised instead."""

    def late_job(self, sent: InFlight, future: Future[Any]) -> Job | None:
        """Return the object for a Cleanup that is not due yet, of a try that came too late."""

    def run_here(self, sent: InFlight) -> TryRecord:
        """Make a try in the driver, beside those that are under way."""


class ThreadTransport:
    """Tries on threads of this process: they share all objects with the driver."""

    def __init__(self, pool: Pool, context: TryContext, tell: Callable[..., None]) -> None:
        """Get ready.

        Args:
            pool: with the executor.
            context: of the run.
            tell: hears of phases, from any thread.
        """
        self._submit = pool.executor.submit
        self._context = context if context.on_phase is None else context._replace(on_phase=tell)
        self._here = context

    def submit(self, sent: InFlight) -> Future[Any]:
        """Send a try out."""
        arguments = sent.node, sent.job_class, sent.started, self._context, sent.changed
        return self._submit(_attempt, [arguments])

    def returned(self, sent: InFlight, future: Future[Any]) -> Completed:
        """Return what came of a try."""
        return Completed(future.result(), [], None)

    def late_job(self, sent: InFlight, future: Future[Any]) -> Job | None:
        """Return None: a thread makes its Cleanup due itself."""
        return None

    def run_here(self, sent: InFlight) -> TryRecord:
        """Make a try in the driver."""
        return attempt(sent.node, sent.job_class, sent.started, self._here, sent.changed)


def _attempt(arguments: list[Any]) -> TryRecord:
    """Make a try, with arguments out of a list that is empty then.

    The frames of a failure keep that of the executor alive, which keeps its arguments.
    """
    return attempt(*arguments.pop())


class ProcessTransport:
    """Tries in other processes: all that they need is sent, and what came of them comes back."""

    def __init__(self, pool: Pool, context: TryContext, workdir: Workdir) -> None:
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

    def submit(self, sent: InFlight) -> Future[Any]:
        """Send a try out, with a copy of the global storage."""
        context = self._context
        shared, lost = pack_items(context.global_storage)
        self._tell_lost(sent.job_class, [f'global_storage[{key}]' for key in lost])
        request = Request(
            token=(self._run, sent.job_class.__name__, sent.number),
            job=self._pack(sent.job_class),
            is_special=sent.job_class in context.special,
            changed=sent.changed,
            args=context.args,
            kwargs=context.kwargs,
            global_storage=list(shared.values()),
            no_act=context.no_act,
            directory=self._workdir.path,
        )
        return self._submit(run_request, request)

    def returned(self, sent: InFlight, future: Future[Any]) -> Completed:
        """Return what came of a try, and merge what it has put into the global storage."""
        reply: Reply = loads(future.result())
        values = unpickle_values(reply.parcels)
        self._merge(reply, sent)
        self._tell_lost(sent.job_class, reply.lost)
        check, run = values[reply.check], values[reply.run]
        record = TryRecord(
            started=sent.started,
            seconds=reply.seconds,
            phase=reply.phase,
            result=values[reply.result],
            exception=values[reply.exception],
            check=None if check is None else Failure.of(check),
            ran=reply.ran,
            run=None if run is None else Failure.of(run),
            would_run=reply.would_run,
            gave_up=reply.gave_up,
        )
        phases = [
            (name, how and PhaseResult(values[how[0]], values[how[1]], how[2]))
            for name, how in reply.phases
        ]
        return Completed(record, phases, self._remade(sent.job_class, reply))

    def late_job(self, sent: InFlight, future: Future[Any]) -> Job | None:
        """Return the object for the Cleanup of a try that came too late for all else."""
        return self._remade(sent.job_class, loads(future.result()))

    def run_here(self, sent: InFlight) -> TryRecord:
        """Make a try in the driver, and note what it changes in the global storage."""
        shared = self._context.global_storage
        values, (packed, _) = dict(shared), pack_items(shared)
        context = self._context
        record = attempt(sent.node, sent.job_class, sent.started, context, sent.changed)
        packed_now, _ = pack_items(shared)
        for key in {**values, **shared}:
            is_same = key in shared and key in values and shared[key] is values[key]
            if not is_same or packed.get(key) != packed_now.get(key):
                self._writers[key] = sent.number
        return record

    def _merge(self, reply: Reply, sent: InFlight) -> None:
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
