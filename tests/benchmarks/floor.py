"""The floor: a run of Jobs by one function that keeps the promises and has no structure.

It tells what a run must cost at least. Left out is what the Jobs here never come to: delays, an
`__init__` or a Cleanup that raises, exceptions from deeper than a hook, WATCH, executors and
listeners. Of Ctrl-C it has what each hook pays for: a door, and the look whether there is one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from time import monotonic
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, NamedTuple

import dojobber
from dojobber import GiveUp, Job

#: What a hook returns that has executed nothing.
_LAZY = {AsyncGeneratorType, CoroutineType, GeneratorType}
#: An exception, the file and line that raised it, and those of the hook.
Failure = tuple[BaseException, str, int, str, int]

_LIBRARY = os.path.dirname(dojobber.__file__)
# The classes of users may refuse attributes, or have others by these names.
_traceback_of: Any = vars(BaseException)['__traceback__'].__get__
_set_traceback: Any = BaseException.with_traceback
_own_of: Any = vars(Job)['__dict__'].__get__
#: The signals that wait for a safe point.
_noted: list[int] = []


def _door(hook: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a hook, where a handler of signals knows this frame."""
    if _noted:
        raise KeyboardInterrupt
    return hook(*args, **kwargs)


class Graph(NamedTuple):
    """What a run is given: Jobs by their positions in post-order."""

    jobs: Sequence[type[Job]]
    #: For each Job how many others it depends on, and the positions of those that depend on it.
    dependencies: Sequence[int]
    dependents: Sequence[Sequence[int]]
    #: How often each may be tried.
    tries: Sequence[float]


class Record(NamedTuple):
    """How a try went."""

    #: The instant at which it began.
    started: float
    #: The lengths of its phases, in seconds.
    seconds: tuple[float, ...]
    #: The phase that decided.
    phase: str
    #: Why Check, Run and recheck failed.
    check: Failure | None
    run: Failure | None
    recheck: Failure | None
    #: Why it failed; None if it passed.
    failure: Failure | None
    ran: bool
    would_run: bool
    gave_up: bool


class Done(NamedTuple):
    """What came of a run."""

    nodestatus: dict[str, bool | None]
    noderesults: dict[str, Any]
    nodeexceptions: dict[str, BaseException]
    #: By the positions of the Jobs, the last record, and when each try began and ended.
    records: list[Record | None]
    spans: list[list[tuple[float, float]]]


def floor(graph: Graph, args: tuple[Any, ...], kwargs: dict[str, Any], no_act: bool) -> Done:
    """Run a graph.

    Args:
        graph: is left as it is.
        args: positional arguments of Check and Run.
        kwargs: their arguments by name.
        no_act: whether no Run is called.
    """
    size = len(graph.jobs)
    status: dict[str, bool | None] = {}
    results: dict[str, Any] = {}
    exceptions: dict[str, BaseException] = {}
    records: list[Record | None] = [None] * size
    spans: list[list[tuple[float, float]]] = [[] for _ in range(size)]
    pending: list[Any] = []
    global_storage: dict[Any, Any] = {}
    clock, here = monotonic, os.open('.', os.O_RDONLY)
    missing = list(graph.dependencies)
    # Jobs that can be tried in this round, and in the next one.
    ready, later = [node for node in range(size) if not missing[node]], list[int]()
    try:
        while ready or later:
            if not ready:
                ready, later = later, ready
                heapify(ready)
            if _noted:
                raise KeyboardInterrupt
            node = heappop(ready)
            job_class = graph.jobs[node]
            check: Failure | None = None
            run: Failure | None = None
            recheck: Failure | None = None
            seconds: tuple[float, ...]

            began = clock()
            job: Any = job_class()
            job.storage, job.global_storage = {}, global_storage
            made = clock()
            os.fchdir(here)
            result = None
            try:
                result = _door(job.Check, args, kwargs)
                if type(result) in _LAZY:
                    raise TypeError('it executed nothing')
            except (Exception, SystemExit) as error:
                found = _traceback_of(error).tb_next.tb_next
                _set_traceback(error, found)
                file, line = found.tb_frame.f_code.co_filename, found.tb_lineno
                check = error, '' if file.startswith(_LIBRARY) else file, line, file, line
            ended = clock()
            phase, deciding, seconds = 'check', check, (made - began, ended - made)
            gave_up = check is not None and issubclass(type(check[0]), GiveUp)

            if check is not None and not no_act and not gave_up:
                own = _own_of(job)
                own['_check_exception'] = check[0]
                os.fchdir(here)
                if _noted:
                    raise KeyboardInterrupt
                is_due = getattr(job, 'Cleanup', None) is not None
                if is_due:
                    pending.append(job)
                try:
                    result = _door(job.Run, args, kwargs)
                    if type(result) in _LAZY:
                        raise TypeError('it executed nothing')
                except (Exception, SystemExit) as error:
                    found = _traceback_of(error).tb_next.tb_next
                    _set_traceback(error, None)
                    file, line = found.tb_frame.f_code.co_filename, found.tb_lineno
                    run = error, '' if file.startswith(_LIBRARY) else file, line, file, line
                ran = clock()
                own['_run_results'], own['_run_exception'] = result, run and run[0]
                own['_check_phase'], result = 'recheck', None
                os.fchdir(here)
                try:
                    result = _door(job.Check, args, kwargs)
                    if type(result) in _LAZY:
                        raise TypeError('it executed nothing')
                except (Exception, SystemExit) as error:
                    found = _traceback_of(error).tb_next.tb_next
                    _set_traceback(error, found)
                    file, line = found.tb_frame.f_code.co_filename, found.tb_lineno
                    recheck = error, '' if file.startswith(_LIBRARY) else file, line, file, line
                rechecked = clock()
                own['_recheck_results'], own['_recheck_exception'] = result, recheck and recheck[0]
                # Run may have given it a Cleanup; if not, let go of its frames and of itself.
                if not is_due and getattr(job, 'Cleanup', None) is not None:
                    pending.append(job)
                elif not is_due:
                    own['_check_exception'] = own['_run_exception'] = None
                    own['_recheck_exception'] = None
                _set_traceback(check[0], None)
                phase, deciding = 'recheck', recheck
                gave_up = recheck is not None and (
                    issubclass(type(recheck[0]), GiveUp)
                    or run is not None
                    and issubclass(type(run[0]), GiveUp)
                )
                seconds = made - began, ended - made, ran - ended, rechecked - ran
                ended = rechecked

            name = job_class.__name__
            has_run = phase == 'recheck'
            would_run = deciding is not None and no_act and not gave_up
            records[node] = Record(
                began, seconds, phase, check, run, recheck, deciding, has_run, would_run, gave_up
            )
            spans[node].append((began, ended))
            if deciding is None:
                status[name], results[name] = True, result
                exceptions.pop(name, None)
                for each in graph.dependents[node]:
                    missing[each] -= 1
                    if not missing[each]:
                        heappush(ready, each)
            else:
                status[name], exceptions[name] = False, deciding[0]
                if has_run and not gave_up and len(spans[node]) < graph.tries[node]:
                    later.append(node)
    finally:
        while pending:
            os.fchdir(here)
            pending.pop().Cleanup()
        os.fchdir(here)
        os.close(here)
    for job_class in graph.jobs:
        status.setdefault(job_class.__name__)
    return Done(status, results, exceptions, records, spans)
