"""The floor: a run of Jobs by one function that keeps the promises and has no structure.

It tells what a run must cost at least. Left out is what the Jobs here never come to: delays, an
`__init__` or a Cleanup that raises, exceptions from deeper than a hook, executors, listeners and
Ctrl-C.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from time import monotonic
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, NamedTuple

from dojobber import Job

#: What a hook returns that has executed nothing.
_LAZY = {AsyncGeneratorType, CoroutineType, GeneratorType}
#: An exception, and the file and line that raised it.
Failure = tuple[BaseException, str, int]


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


class Done(NamedTuple):
    """What came of a run."""

    nodestatus: dict[str, bool | None]
    noderesults: dict[str, Any]
    nodeexceptions: dict[str, BaseException]
    #: By the positions of the Jobs, the last record, the number of tries and their seconds.
    records: list[Record | None]
    tries: list[int]
    seconds: list[float]


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
    tries, total = [0] * size, [0.0] * size
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
                result = job.Check(*args, **kwargs)
                if type(result) in _LAZY:
                    raise TypeError('it executed nothing')
            except (Exception, SystemExit) as error:
                found: Any = error.__traceback__.tb_next  # type: ignore[union-attr]
                error.__traceback__ = found
                check = error, found.tb_frame.f_code.co_filename, found.tb_lineno
            ended = clock()
            phase, deciding, seconds = 'check', check, (made - began, ended - made)

            if check is not None and not no_act:
                job._check_exception = check[0]
                os.fchdir(here)
                is_due = getattr(job, 'Cleanup', None) is not None
                if is_due:
                    pending.append(job)
                try:
                    result = job.Run(*args, **kwargs)
                    if type(result) in _LAZY:
                        raise TypeError('it executed nothing')
                except (Exception, SystemExit) as error:
                    found = error.__traceback__.tb_next  # type: ignore[union-attr]
                    error.__traceback__ = None
                    run = error, found.tb_frame.f_code.co_filename, found.tb_lineno
                ran = clock()
                job._run_results, job._run_exception = result, run and run[0]
                job._check_phase, result = 'recheck', None
                os.fchdir(here)
                try:
                    result = job.Check(*args, **kwargs)
                    if type(result) in _LAZY:
                        raise TypeError('it executed nothing')
                except (Exception, SystemExit) as error:
                    found = error.__traceback__.tb_next  # type: ignore[union-attr]
                    error.__traceback__ = found
                    recheck = error, found.tb_frame.f_code.co_filename, found.tb_lineno
                rechecked = clock()
                job._recheck_results, job._recheck_exception = result, recheck and recheck[0]
                # Run may have given it a Cleanup; if not, let go of its frames and of itself.
                if not is_due and getattr(job, 'Cleanup', None) is not None:
                    pending.append(job)
                elif not is_due:
                    job._check_exception = job._run_exception = job._recheck_exception = None
                check[0].__traceback__ = None
                phase, deciding = 'recheck', recheck
                seconds = made - began, ended - made, ran - ended, rechecked - ran
                ended = rechecked

            name = job_class.__name__
            records[node] = Record(began, seconds, phase, check, run, recheck)
            tries[node] += 1
            total[node] += ended - began
            if deciding is None:
                status[name], results[name] = True, result
                exceptions.pop(name, None)
                for each in graph.dependents[node]:
                    missing[each] -= 1
                    if not missing[each]:
                        heappush(ready, each)
            else:
                status[name], exceptions[name] = False, deciding[0]
                if phase == 'recheck' and tries[node] < graph.tries[node]:
                    later.append(node)
    finally:
        while pending:
            os.fchdir(here)
            pending.pop().Cleanup()
        os.fchdir(here)
        os.close(here)
    for job_class in graph.jobs:
        status.setdefault(job_class.__name__)
    return Done(status, results, exceptions, records, tries, total)
