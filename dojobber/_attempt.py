"""One try of one Job: init, check, run, recheck.

Owns where the hooks are called, which of them decides, and what becomes of what they raise. Knows
nothing of other tries or Jobs, nor of who listens.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any, NamedTuple

from dojobber._failures import Failure, is_failure, strip_own_frame
from dojobber._workdir import Directory
from dojobber.job import Job

#: The attributes by which an object knows how its try goes.
PROGRESS = (
    '_check_phase',
    '_check_results',
    '_check_exception',
    '_run_results',
    '_run_exception',
    '_recheck_results',
    '_recheck_exception',
)


class PhaseResult(NamedTuple):
    """How a phase ended."""

    #: What the hook returned; None if it raised.
    result: Any
    #: What the hook raised; None if it returned.
    exception: BaseException | None
    #: How long the phase took, by the monotonic clock.
    seconds: float


@dataclass(frozen=True, slots=True)
class Context:
    """What all tries of a run have in common."""

    #: What the hooks are called with.
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: The Jobs that call code of the user's when an object is made.
    inits: Container[type[Job]]
    #: What the Jobs of the run share.
    global_storage: dict[Any, Any]
    #: Whether Run is never called.
    no_act: bool
    #: The directory that each phase starts in.
    workdir: Directory
    #: The monotonic clock, in seconds.
    clock: Callable[[], float]
    #: Hears that the Cleanup of a try is due, just before its Run is called.
    owe: Callable[[Any, Job], None]
    #: Hears that a phase of a try begins (None) and how it ended. None: nobody listens.
    tell: Callable[[Any, str, PhaseResult | None], None] | None


class TryRecord(NamedTuple):
    """How a try went."""

    #: The instant at which it began.
    started: float
    #: How long init, check, run and recheck took, as far as it came.
    seconds: tuple[float, ...]
    #: The phase that decided.
    phase: str
    #: Why the try failed; None if it passed.
    exception: BaseException | None = None
    #: Why the first Check failed; None if it passed or was not reached.
    check: Failure | None = None
    #: Whether Run was called.
    ran: bool = False
    #: What Run raised; None if it returned or was not called.
    run: Failure | None = None
    #: Whether only no_act kept a Run from being called.
    would_run: bool = False


def attempt(
    token: Any, job_class: type[Job], started: float, context: Context
) -> tuple[Any, TryRecord | None]:
    """Try a Job once. What its hooks raise comes back in the record.

    Args:
        token: by which `context.owe` and `context.tell` know the try.
        job_class: the Job.
        started: the instant at which the try begins.
        context: of the run.

    Returns:
        What the deciding Check returned, and None if it passed at once and nobody listens: nearly
        all tries do, and a record of each would be felt.
    """
    tell, workdir = context.tell, context.workdir
    phase, began = 'init', started
    if tell is not None:
        tell(token, 'init', None)
    try:
        has_init = job_class in context.inits
        if has_init:  # where not, nothing can see or leave the directory
            workdir.go()
        job: Any = job_class()
        if has_init:
            _start_afresh(job)
        job.storage = {}
        job.global_storage = context.global_storage
        if has_init or tell is not None:
            began = context.clock()
        if tell is not None:
            tell(token, 'init', PhaseResult(None, None, began - started))
        phase = 'check'
        if tell is not None:
            tell(token, 'check', None)
        workdir.go()
        result, error = job.Check(*context.args, **context.kwargs), None
        if tell is None:
            return result, None
    except BaseException as caught:
        result, error = None, strip_own_frame(caught)
    ended = context.clock()
    if tell is not None:
        tell(token, phase, PhaseResult(result, error, ended - began))
    try:
        if phase == 'init':
            return None, TryRecord(started, (ended - started,), phase, error)
        seconds = began - started, ended - began
        if error is None:
            return result, TryRecord(started, seconds, phase)
        if not context.no_act and is_failure(error):
            return _run_and_recheck(token, job, started, seconds, error, ended, context)
        would_run = context.no_act and has_hook(job, 'Run')
        check = Failure.of(error)
        return None, TryRecord(started, seconds, phase, error, check, would_run=would_run)
    finally:
        del error  # its traceback leads to the hook's frame, and from there back to this one


def passed_unheard(started: float, ended: float) -> TryRecord:
    """Return the record of a try that passed at once while nobody listened: all was its check."""
    return TryRecord(started, (0.0, ended - started), 'check')


def _start_afresh(job: Any) -> None:
    """Let an object know nothing of earlier tries: a class may give the same one again."""
    own = getattr(job, '__dict__', {})
    for name in PROGRESS:
        own.pop(name, None)


def _run_and_recheck(
    token: Any,
    job: Any,
    started: float,
    seconds: tuple[float, ...],
    check_error: BaseException,
    checked: float,
    context: Context,
) -> tuple[Any, TryRecord]:
    """Run and recheck a Job whose Check failed."""
    tell, workdir, clock = context.tell, context.workdir, context.clock
    # Past a __setattr__ that may refuse them; {} for an object that has no __dict__.
    own = getattr(job, '__dict__', {})
    own['_check_exception'] = check_error
    called = due = False
    if tell is not None:
        tell(token, 'run', None)
    try:
        workdir.go()
        run = job.Run
        if run is not None:
            due, called = _register_cleanup(token, job, context), True
        result, run_error = run(*context.args, **context.kwargs), None
    except BaseException as caught:
        result, run_error = None, strip_own_frame(caught)
    ran = clock()
    if tell is not None:
        tell(token, 'run', PhaseResult(result, run_error, ran - checked))
    own['_run_results'], own['_run_exception'] = result, run_error
    seconds += (ran - checked,)
    phase, error = 'run', run_error
    if run_error is None or is_failure(run_error):
        own['_check_phase'] = phase = 'recheck'
        if tell is not None:
            tell(token, 'recheck', None)
        try:
            workdir.go()
            result, error = job.Check(*context.args, **context.kwargs), None
        except BaseException as caught:
            result, error = None, strip_own_frame(caught)
        ended = clock()
        if tell is not None:
            tell(token, 'recheck', PhaseResult(result, error, ended - ran))
        own['_recheck_results'], own['_recheck_exception'] = result, error
        seconds += (ended - ran,)
    # Run may have set the Cleanup just now.
    if not (due or called and 'Cleanup' in own and _register_cleanup(token, job, context)):
        release_exceptions(job)
    check = Failure.of(check_error, keep_frames=check_error is error)
    run_failure = None
    if called and run_error is not None:
        run_failure = Failure.of(run_error, keep_frames=run_error is error)
    try:
        return result, TryRecord(started, seconds, phase, error, check, called, run_failure)
    finally:
        del error, check_error, run_error  # as above


def _register_cleanup(token: Any, job: Any, context: Context) -> bool:
    """Make the Cleanup of a try due, if its Job has one."""
    due = has_hook(job, 'Cleanup')
    if due:
        context.owe(token, job)
    return due


def release_exceptions(job: Job) -> None:
    """Cut the ring from an object over its exceptions and their frames back to the object."""
    own = getattr(job, '__dict__', {})
    own['_check_exception'] = own['_run_exception'] = own['_recheck_exception'] = None


def has_hook(job: Job, hook: str) -> bool:
    """Tell whether a Job has a hook, without calling what code of its own may compute it."""
    own = getattr(job, '__dict__', {})
    return (own[hook] if hook in own else getattr(type(job), hook, None)) is not None
