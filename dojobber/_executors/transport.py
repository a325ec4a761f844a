"""Sends tries to threads of this process or to workers elsewhere, and accepts their results.

Owns what is sent with a try, and how its reply is taken in. Knows nothing of the order of tries,
nor of what follows from their results.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from pickle import loads
from typing import Any, NamedTuple, cast

from dojobber._attempt import PhaseResult, TryContext, TryRecord, attempt
from dojobber._exceptions import class_name, safe_repr, safe_str
from dojobber._executors.pickling import PickledValue, ValueUnpickler, is_pickle, unpack_items
from dojobber._executors.pool import Pool, as_future, enter, is_within
from dojobber._executors.storage import Journal, SharedDict, read_records, record_of
from dojobber._executors.worker import FAILURES, CleanupNeeds, Reply, Request, run_request
from dojobber._workdir import Workdir
from dojobber.job import Job
from dojobber.remote import RemoteValue

_LOG = logging.getLogger('DoJobber')


class InFlight(NamedTuple):
    """A try in flight."""

    #: The position of its Job.
    node: int
    #: Of the try, among the tries of all runs.
    number: int
    job_class: type[Job]
    #: The instant at which it began.
    started: float
    #: The Jobs in its WATCH that changed; None if it has no WATCH.
    changed: tuple[str, ...] | None
    transport: Transport


class ThreadTransport:
    """Tries on threads of this process: they share all objects with the driver."""

    def __init__(self, pool: Pool, context: TryContext, on_phase: Callable[..., None]) -> None:
        """Get ready.

        Args:
            pool: with the executor.
            context: of the run.
            on_phase: hears of the phases of submitted tries, from any thread.
        """
        self._executor = pool.executor
        self._here = self._context = context
        if context.on_phase is not None:
            self._context = context.__replace__(on_phase=on_phase)
        self._is_within = is_within(pool.executor)

    def submit(self, sent: InFlight) -> Future[Any]:
        """Submit a try, to be made with the context variables of this thread."""
        variables = copy_context()
        variables.run(enter, self._executor)
        attempted = sent.node, sent.job_class, sent.started, self._context, sent.changed
        arguments = [(*attempted, variables)]
        if self._is_within:
            # A worker that waits for another may wait for ever, so this one makes the try itself.
            future: Future[Any] = Future()
            future.set_result(_attempt(arguments))
            return future
        return as_future(self._executor.submit(_attempt, arguments), self._executor)

    def accept(self, sent: InFlight, future: Future[Any], errors: list[BaseException]) -> TryRecord:
        """Return the record of a try; its thread has done all else."""
        records: list[TryRecord] = future.result()
        if not (isinstance(records, list) and records and isinstance(records[0], TryRecord)):
            raise TypeError(f'the future of a try must give its record, got {safe_repr(records)}')
        return records.pop()

    def accept_late(self, sent: InFlight, future: Future[Any]) -> None:
        """Do nothing: the thread of the try has registered its Cleanup."""

    def run_here(self, sent: InFlight) -> TryRecord:
        """Make a try in the driver."""
        return attempt(sent.node, sent.job_class, sent.started, self._here, sent.changed)


def _attempt(arguments: list[Any]) -> list[TryRecord]:
    """Make a try, and empty the list of its arguments.

    The traceback of a failure keeps the executor's frame alive, and that frame keeps both lists.

    Args:
        arguments: those of `attempt`, and the context variables, in one tuple.

    Returns:
        A list of the record, to be emptied, too.
    """
    *attempted, variables = arguments.pop()
    return [variables.run(attempt, *attempted)]


class ProcessTransport:
    """Tries in other processes: copies of all that they need go there, and replies come back."""

    def __init__(self, pool: Pool, context: TryContext, workdir: Workdir) -> None:
        """Get ready.

        Args:
            pool: with the executor.
            context: of the run; its global storage is a `SharedDict`.
            workdir: the directory of the run.
        """
        self._pool = pool
        self._context = context
        self._shared = cast(SharedDict, context.global_storage)
        self._journal = Journal()
        self._workdir = workdir
        self._run = os.urandom(8).hex()
        #: The number of the latest try that wrote a key of the global storage.
        self._writers: dict[Any, int] = {}
        self._logged: set[str] = set()
        self._has_logged_directory = False

    def submit(self, sent: InFlight) -> Future[Any]:
        """Submit a try, with a copy of the global storage."""
        self._note_changes(sent)
        context, executor, job_class = self._context, self._pool.executor, sent.job_class
        request: Any = Request(
            token=(self._run, job_class.__name__, sent.number),
            job=job_class,
            is_special=job_class in context.special,
            changed=sent.changed,
            args=context.args,
            kwargs=context.kwargs,
            journal=bytes(self._journal),
            edition=self._journal.edition,
            no_act=context.no_act,
            directory=self._workdir.path,
        )
        try:
            request = self._pool.pickle(request, job_class)
        except (Exception, SystemExit) as error:
            return _failed(error)
        return as_future(executor.submit(run_request, request), executor)

    def accept(self, sent: InFlight, future: Future[Any], errors: list[BaseException]) -> TryRecord:
        """Take in the reply of a try: its Cleanup, changes of the global storage, and phases.

        Args:
            sent: the try.
            future: its future, which is done.
            errors: gets what listeners raise.
        """
        reply = _reply(future)
        self._merge(reply, sent)
        self._log_dropped(sent.job_class, reply.dropped)
        self._log_directory_error(reply.directory_error)
        self._register_cleanup(sent, reply.cleanup)
        unpickler = ValueUnpickler()
        if self._context.on_phase is not None:
            for phase, ended in reply.phases:
                if ended is not None:
                    packed: Any = ended
                    result = unpickler.unpack(packed.result)
                    failure = unpickler.unpack_failure(packed.failure)
                    ended = PhaseResult(result, failure, packed.seconds)
                try:
                    self._context.on_phase(sent.node, phase, ended)
                except BaseException as caught:  # the try has ended all the same
                    errors.append(caught)
        fields = {**reply.record, 'started': sent.started}
        fields['result'] = unpickler.unpack(fields['result'])
        for name in FAILURES:
            fields[name] = unpickler.unpack_failure(fields[name])
        return TryRecord(**fields)

    def accept_late(self, sent: InFlight, future: Future[Any]) -> None:
        """Register the Cleanup of a try that ended after its run."""
        reply = _reply(future)
        self._register_cleanup(sent, reply.cleanup)

    def run_here(self, sent: InFlight) -> TryRecord:
        """Make a try in the driver, and note what it changes in the global storage."""
        self._note_changes(sent)
        try:
            # No name for the record: a traceback in it leads back to this frame.
            return attempt(sent.node, sent.job_class, sent.started, self._context, sent.changed)
        finally:
            for key in self._note_changes(sent):
                self._writers[key] = sent.number

    def _note_changes(self, sent: InFlight) -> list[Any]:
        """Write what has changed in the driver into the journal, and return the keys."""
        changed, unpicklable = self._shared.changes(self._journal.index)
        for key, packed in changed.items():
            record = record_of(key, packed)
            if record is None:
                unpicklable.append(key)
            elif packed is not None:
                self._journal.put(key, packed, record)
            else:
                self._journal.discard(key)
        for key in unpicklable:
            self._journal.discard(key)
            self._log_dropped(sent.job_class, [f'global_storage[{safe_repr(key)}]'])
        return [*changed, *unpicklable]

    def _merge(self, reply: Reply, sent: InFlight) -> None:
        """Take over the changes of a try, except where a later one has changed the same key."""
        dropped = 0
        for record in reply.shared:
            changed, lost = read_records([record])
            dropped += lost
            for key, packed in changed.items():
                if self._writers.get(key, 0) > sent.number:
                    continue
                if packed is None:
                    self._shared.discard(key)
                    self._journal.discard(key)
                elif is_pickle(packed.data):
                    self._shared.put(key, packed)
                    self._journal.put(key, packed, record)
                else:
                    dropped += 1
                    continue
                self._writers[key] = sent.number
        if dropped:
            self._log_dropped(sent.job_class, [f'{dropped} values of global_storage'])

    def _register_cleanup(self, sent: InFlight, needs: CleanupNeeds | None) -> None:
        if needs is not None:
            self._context.register_cleanup(sent.node, self._rebuilt(sent.job_class, needs))

    def _rebuilt(self, job_class: type[Job], needs: CleanupNeeds) -> Job:
        """Rebuild the object of a try, for its Cleanup."""
        job = _bare_object(job_class)
        for name, value in self._unpacked(job_class, 'self', needs.attributes).items():
            # Past its own __setattr__, which may need attributes that did not travel.
            with suppress(AttributeError, TypeError):
                object.__setattr__(job, name, value)
        if needs.hook is not None:
            job.__dict__['Cleanup'] = _hook(job_class, needs.hook)
        object.__setattr__(job, 'storage', self._unpacked(job_class, 'storage', needs.storage))
        object.__setattr__(job, 'global_storage', self._shared)
        return job

    def _unpacked(self, job_class: type[Job], what: str, packed: list[bytes]) -> dict[Any, Any]:
        items, lost = unpack_items(packed)
        if lost:
            self._log_dropped(job_class, [f'{lost} values of {what}'])
        return items

    def _log_dropped(self, job_class: type[Job], dropped: Iterable[str]) -> None:
        for what in dropped:
            line = f'{job_class.__name__}: {what} can not travel'
            if line not in self._logged:
                self._logged.add(line)
                _LOG.debug('%s', line)

    def _log_directory_error(self, error: str) -> None:
        if error and not self._has_logged_directory:
            self._has_logged_directory = True
            _LOG.warning('A worker uses its own directory, since it can not enter ours: %s', error)


Transport = ThreadTransport | ProcessTransport


def _reply(future: Future[Any]) -> Reply:
    """Return the reply of a worker.

    Raises:
        TypeError: the executor gave something else.
    """
    given = future.result()
    reply = loads(given) if isinstance(given, (bytes, bytearray, memoryview)) else given
    if not isinstance(reply, Reply):
        raise TypeError(f'the future of a try must give its reply, got {safe_repr(reply)}')
    return reply


def _failed(error: BaseException) -> Future[Any]:
    """Return the future of a request that does not pickle."""
    future: Future[Any] = Future()
    if not isinstance(error, Exception):
        error = TypeError(f'pickling the request raised {class_name(error)}: {safe_str(error)}')
    future.set_exception(error)
    return future


def _bare_object(job_class: type[Job]) -> Job:
    """Make an object without calling any __new__ or __init__ of the user's."""
    heap_type = 1 << 9  # the flag of classes that are not built in, as in copyreg
    builtin: Any = next(each for each in job_class.__mro__ if not each.__flags__ & heap_type)
    job: Job = builtin.__new__(job_class)
    return job


def _hook(job_class: type[Job], packed: PickledValue) -> Callable[[], Any] | None:
    """Return the Cleanup that was set on an object, or one that says that it did not travel."""
    hook: Any = ValueUnpickler().unpack(packed)
    if not isinstance(hook, RemoteValue):
        return hook  # type: ignore[no-any-return]

    def fail() -> None:
        raise RuntimeError(
            f'{job_class.__name__}.Cleanup was set to {hook.text} in a worker, which can not '
            f'travel to the driver; set one that pickles, or write IN_DRIVER = True'
        )

    return fail
