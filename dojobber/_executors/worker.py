"""One try in a worker: another process, perhaps on another machine.

Owns the request and the reply. Sees nothing of the driver: not its console, its clock, or other
tries.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import copy_context
from pickle import HIGHEST_PROTOCOL, dumps
from types import MemberDescriptorType
from typing import Any, TypeVar

from dojobber._attempt import (
    PROGRESS,
    PhaseResult,
    TryContext,
    TryRecord,
    attempt,
    own_attributes,
)
from dojobber._exceptions import safe_repr, safe_str
from dojobber._executors.by_value import loads_by_value
from dojobber._executors.pickling import PickledValue, ValuePickler, pack_items, unpack_class
from dojobber._executors.storage import Packed, SharedDict, read_journal, record_of
from dojobber._failures import Failure
from dojobber._record import Record
from dojobber._workdir import NamedDirectory
from dojobber.job import Job
from dojobber.outcome import Phase

_T = TypeVar('_T')
#: The fields of a `TryRecord` that are failures.
FAILURES = 'failure', 'check', 'run'
# Attributes that the library sets.
_NOT_KEPT = {'storage', 'global_storage', *PROGRESS}


class Request(Record):
    """All that a worker needs for a try."""

    #: Unique: an executor may execute equal calls only once.
    token: tuple[str, str, int]
    #: The Job class, or its parts by `pack_class`.
    job: Any
    #: As in `TryContext.special`.
    is_special: bool
    #: The Jobs in its WATCH that changed; None if it has no WATCH.
    changed: tuple[str, ...] | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: A `Journal` of the global storage, and its edition.
    journal: bytes
    edition: int
    no_act: bool
    #: The directory of each phase; '' for the one of the worker.
    directory: str


class Reply(Record):
    """The result of a try."""

    #: The fields of the `TryRecord`. The result and the failures are packed.
    record: dict[str, Any]
    #: The phases as they began and ended. Results and failures are packed.
    phases: list[tuple[Phase, PhaseResult | None]]
    #: What the pending Cleanup needs; None if there is none.
    cleanup: CleanupNeeds | None
    #: Records of its changes to the global storage.
    shared: list[bytes]
    #: Descriptions of values that do not pickle.
    dropped: list[str]
    #: Why the worker could not enter the directory of the run; '' if it could.
    directory_error: str


class CleanupNeeds(Record):
    """What a Cleanup needs of the object of its try. Pickled pairs of key and value."""

    storage: list[bytes]
    attributes: list[bytes]
    #: The Cleanup that is set on the object itself, if one is.
    hook: PickledValue | None


class _Try:
    """What a worker notes during a try."""

    def __init__(self, directory: str = '') -> None:
        self.workdir = NamedDirectory(directory)
        self.pickler = ValuePickler()
        self.phases: list[tuple[Phase, PhaseResult | None]] = []
        self.dropped: list[str] = []
        self.job: Job | None = None
        #: As by `SharedDict.changes`.
        self.changes: tuple[dict[Any, Packed | None], list[Any]] = {}, []

    def register_cleanup(self, token: object, job: Job) -> None:
        self.job = job

    def on_phase(self, token: object, phase: Phase, ended: PhaseResult | None) -> None:
        if ended is not None:
            failure: Any = self.pickler.pack_failure(ended.failure)
            ended = PhaseResult(self.pickler.pack(ended.result), failure, ended.seconds)
        self.phases.append((phase, ended))


def run_request(request: Request | bytes) -> bytes:
    """Make a try and return its pickled `Reply`, whatever is raised."""
    if isinstance(request, bytes):
        started = time.monotonic()
        try:
            request = loads_by_value(request)
            assert isinstance(request, Request)
        except BaseException as caught:
            record = TryRecord(started, (), Phase.INIT, None, Failure.of(caught))
            return dumps(_reply(_Try(), record), HIGHEST_PROTOCOL)
    # No other try sees the context variables that this one sets.
    return copy_context().run(_run_request, request)


def _run_request(request: Request) -> bytes:
    noted = _Try(request.directory)
    before, lost = read_journal(request.token[0], request.edition, request.journal)
    shared = SharedDict(before)
    started = time.monotonic()
    try:
        job_class = unpack_class(request.job)
        context = TryContext(
            args=request.args,
            kwargs=request.kwargs,
            special={job_class} if request.is_special else (),
            global_storage=shared,
            no_act=request.no_act,
            workdir=noted.workdir,
            clock=time.monotonic,
            register_cleanup=noted.register_cleanup,
            on_phase=noted.on_phase,
        )
        record = attempt(None, job_class, started, context, request.changed)
    except BaseException as caught:  # Ctrl-C between two phases, or a class can't be rebuilt
        record = TryRecord(started, (), Phase.INIT, None, Failure.of(caught))
    noted.changes = _retried(lambda: shared.changes(before))
    if lost := lost + len(shared.dropped):
        noted.dropped.append(f'{lost} values of global_storage')
    return _retried(lambda: dumps(_reply(noted, record), HIGHEST_PROTOCOL))


def _retried(call: Callable[[], _T]) -> _T:
    """Call a function, and once more if Ctrl-C ends the call: the reply must be sent."""
    try:
        return call()
    except KeyboardInterrupt:
        return call()


def _reply(noted: _Try, record: TryRecord) -> Reply:
    pickler, error, (changed, unpicklable) = noted.pickler, noted.workdir.error, noted.changes
    dropped = [f'global_storage[{safe_repr(key)}]' for key in unpicklable]
    fields = record._asdict()
    fields['result'] = pickler.pack(record.result)
    for name in FAILURES:
        fields[name] = pickler.pack_failure(fields[name])
    return Reply(
        record=fields,
        phases=noted.phases,
        cleanup=None if noted.job is None else _cleanup_needs(noted.job, pickler.pack, dropped),
        shared=[data for item in changed.items() if (data := record_of(*item))],
        dropped=noted.dropped + dropped,
        directory_error='' if error is None else safe_str(error),
    )


def _cleanup_needs(
    job: Job, pack: Callable[[Any], PickledValue], dropped: list[str]
) -> CleanupNeeds:
    attributes = {**_slots(job), **own_attributes(job)}
    for name in _NOT_KEPT:
        attributes.pop(name, None)
    hook = pack(attributes.pop('Cleanup')) if attributes.get('Cleanup') is not None else None
    return CleanupNeeds(
        storage=_packed_items('storage', getattr(job, 'storage', None), dropped),
        attributes=_packed_items('self', attributes, dropped),
        hook=hook,
    )


def _slots(job: Job) -> dict[str, Any]:
    """Return the values in the __slots__ of an object."""
    return {
        name: getattr(job, name)
        for each in type(job).__mro__
        for name, value in vars(each).items()
        if isinstance(value, MemberDescriptorType) and hasattr(job, name)
    }


def _packed_items(what: str, items: Any, dropped: list[str]) -> list[bytes]:
    if not isinstance(items, dict):  # the user has put something else there
        dropped.append(what)
        return []
    packed, unpicklable = pack_items(items)
    dropped += [f'{what}[{key}]' for key in unpicklable]
    return packed
