"""One try in a worker: another process, perhaps on another machine.

Owns what is sent there and what comes back. Sees nothing of the driver: no console, no clock of
its, no other try.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pickle import HIGHEST_PROTOCOL, dumps
from typing import Any

from dojobber._attempt import PROGRESS, PhaseResult, TryContext, TryRecord, attempt
from dojobber._executors.pickling import (
    PickledValue,
    ValuePickler,
    pack_items,
    try_pickle,
    unpack_class,
    unpack_items,
)
from dojobber._workdir import NamedDirectory
from dojobber.job import Job
from dojobber.outcome import Phase

# What an object has that is not its user's to keep.
_NOT_KEPT = {'storage', 'global_storage', *PROGRESS}


@dataclass(frozen=True, slots=True)
class Request:
    """What a try needs. The executor's own pickler carries it."""

    #: Tells equal tries apart: an executor may take calls with equal arguments for one.
    token: tuple[str, str, int]
    #: By `_parcel.pack_class`.
    job: Any
    #: As in `TryContext.special`.
    is_special: bool
    #: The Jobs in its WATCH that changed; None if it has no WATCH.
    changed: tuple[str, ...] | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: Pickled pairs of key and value.
    global_storage: list[bytes]
    no_act: bool
    #: The directory of each phase; '' for the one of the worker.
    directory: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a try. Numbers are places among the parcels."""

    parcels: list[PickledValue]
    result: int
    exception: int
    check: int
    run: int
    phase: Phase
    seconds: tuple[float, ...]
    ran: bool
    would_run: bool
    gave_up: bool
    #: The phases as they were told: a name; result, exception and seconds, or None at the start.
    phases: list[tuple[Phase, tuple[int, int, float] | None]]
    #: What a Cleanup needs; None if none is owed. Pickled pairs of key and value.
    storage: list[bytes] | None
    attributes: list[bytes]
    #: What the try has set in the global storage, and the pickled keys of what it has deleted.
    changed: list[bytes]
    deleted: list[bytes]
    #: What could not travel, in words.
    lost: list[str]


class _Try:
    """Note what happens in a try."""

    def __init__(self) -> None:
        self.packer = ValuePickler()
        self.phases: list[tuple[Phase, tuple[int, int, float] | None]] = []
        self.lost: list[str] = []
        self.job: Job | None = None

    def register_cleanup(self, token: object, job: Job) -> None:
        self.job = job

    def on_phase(self, token: object, phase: Phase, ended: PhaseResult | None) -> None:
        add = self.packer.add
        how = None if ended is None else (add(ended.result), add(ended.exception), ended.seconds)
        self.phases.append((phase, how))


def run_request(request: Request) -> bytes:
    """Make a try and return the pickled `Reply`; whatever happens, it is in there."""
    noted = _Try()
    shared, gone = unpack_items(request.global_storage)
    before, _ = pack_items(shared)
    started = time.monotonic()
    try:
        job_class = unpack_class(request.job)
        context = TryContext(
            args=request.args,
            kwargs=request.kwargs,
            special={job_class} if request.is_special else (),
            global_storage=shared,
            no_act=request.no_act,
            workdir=NamedDirectory(request.directory),
            clock=time.monotonic,
            register_cleanup=noted.register_cleanup,
            on_phase=noted.on_phase,
        )
        record = attempt(None, job_class, started, context, request.changed)
    except BaseException as caught:  # Ctrl-C between two phases, or a class that can't be made
        record = TryRecord(started, (), Phase.INIT, None, caught)
    if gone:
        noted.lost.append(f'{gone} values of global_storage')
    try:
        return dumps(_reply(noted, record, shared, before), HIGHEST_PROTOCOL)
    except KeyboardInterrupt:  # Ctrl-C for all processes: this one has only its reply left to give
        return dumps(_reply(noted, record, shared, before), HIGHEST_PROTOCOL)


def _reply(
    noted: _Try,
    record: TryRecord,
    shared: dict[Any, Any],
    before: dict[Any, bytes],
) -> Reply:
    add, job = noted.packer.add, noted.job
    after, lost = pack_items(shared)
    noted.lost += [f'global_storage[{key}]' for key in lost]
    storage = attributes = None
    if job is not None:
        storage = _kept(noted, 'storage', getattr(job, 'storage', None))
        attributes = _kept_attributes(noted, job)
    return Reply(
        result=add(record.result),
        exception=add(record.exception),
        check=add(record.check and record.check.exception),
        run=add(record.run and record.run.exception),
        parcels=noted.packer.parcels,
        phase=record.phase,
        seconds=record.seconds,
        ran=record.ran,
        would_run=record.would_run,
        gave_up=record.gave_up,
        phases=noted.phases,
        storage=storage,
        attributes=attributes or [],
        changed=[data for key, data in after.items() if before.get(key) != data],
        deleted=[data for key in before if key not in shared if (data := try_pickle(key))],
        lost=noted.lost,
    )


def _kept_attributes(noted: _Try, job: Job) -> list[bytes]:
    own = getattr(job, '__dict__', {})
    return _kept(noted, 'self', {name: own[name] for name in own if name not in _NOT_KEPT})


def _kept(noted: _Try, what: str, items: Any) -> list[bytes]:
    if not isinstance(items, dict):  # the user has put something else there
        noted.lost.append(what)
        return []
    packed, lost = pack_items(items)
    noted.lost += [f'{what}[{key}]' for key in lost]
    return list(packed.values())
