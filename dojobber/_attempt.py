"""One try of one Job: init, check, run, recheck.

Owns where the hooks are called, which of them decides, and what becomes of what they raise. Knows
nothing of other tries or Jobs, nor of who listens.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import partial
from operator import attrgetter
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any, NamedTuple

from dojobber._failures import Failure, is_failure
from dojobber._interrupt import call_hook, deliver, noted
from dojobber._record import Record
from dojobber._workdir import Directory
from dojobber.errors import GiveUp
from dojobber.job import Job
from dojobber.outcome import Phase

#: The attributes of an object that tell its hooks how the try goes.
PROGRESS = (
    '_check_phase',
    '_check_results',
    '_check_exception',
    '_run_results',
    '_run_exception',
    '_recheck_results',
    '_recheck_exception',
)
# For speed: tuple.__new__ takes a third of the time of calling the class, and looking up a member
# of an enumeration takes as long as a call.
_new_record: Callable[[type[TryRecord], tuple[Any, ...]], TryRecord]
_new_record = tuple.__new__
_INIT, _CHECK, _RUN, _RECHECK = Phase.INIT, Phase.CHECK, Phase.RUN, Phase.RECHECK
_check_of = attrgetter('Check')
# By its descriptor: a class may have an attribute of its own by this name.
_own_attributes: Any = vars(Job)['__dict__'].__get__
#: The types of results of which nothing was executed, and their names.
UNEXECUTED: dict[type, str] = {
    CoroutineType: 'a coroutine',
    AsyncGeneratorType: 'an async generator',
    GeneratorType: 'a generator',
}


class PhaseResult(NamedTuple):
    """The result of a phase."""

    #: The value that the hook returned; None if it raised.
    result: Any
    #: What the hook raised; None if it returned.
    failure: Failure | None
    #: How long the phase took, by the monotonic clock.
    seconds: float

    @property
    def exception(self) -> BaseException | None:
        """The exception of ``failure``."""
        return self.failure and self.failure.exception


class TryContext(Record):
    """The context that all tries of a run share."""

    #: The arguments of the hooks.
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: The Jobs whose objects are not made and filled in the plain way: users' code may have a say.
    special: Container[type[Job]]
    #: The dict that the Jobs of the run share.
    global_storage: dict[Any, Any]
    #: Whether Run is never called.
    no_act: bool
    #: The directory that each phase starts in.
    workdir: Directory
    #: The monotonic clock, in seconds.
    clock: Callable[[], float]
    #: Hears that the Cleanup of a try is pending, just before its Run is called.
    register_cleanup: Callable[[Any, Job], None]
    #: Hears that a phase of a try begins (None) and how it ended. None: nobody listens.
    on_phase: Callable[[Any, Phase, PhaseResult | None], None] | None


class TryRecord(NamedTuple):
    """The record of a try."""

    #: The instant at which it began.
    started: float
    #: How long init, check, run and recheck took, as far as it came.
    seconds: tuple[float, ...]
    #: The phase that decided.
    phase: Phase
    #: The value that the deciding Check returned; None if the try failed.
    result: Any = None
    #: Why the try failed; None if it passed.
    failure: Failure | None = None
    #: Why the first Check failed; None if it passed or was not reached.
    check: Failure | None = None
    #: Whether Run was called.
    ran: bool = False
    #: What Run raised; None if it returned or was not called.
    run: Failure | None = None
    #: Whether only no_act kept a Run from being called.
    would_run: bool = False
    #: Whether the Job gave up: no other try will help.
    gave_up: bool = False

    @property
    def exception(self) -> BaseException | None:
        """The exception of ``failure``."""
        return self.failure and self.failure.exception


def attempt(
    token: Any,
    job_class: type[Job],
    started: float,
    context: TryContext,
    changed: tuple[str, ...] | None = None,
) -> TryRecord:
    """Try a Job once. What its hooks raise comes back in the record.

    Args:
        token: by which the callbacks of the context know the try.
        job_class: the Job.
        started: the instant at which the try begins.
        context: of the run.
        changed: the Jobs in its WATCH that changed; None if it has no WATCH.
    """
    on_phase = context.on_phase
    is_special = job_class in context.special
    if on_phase is not None:
        on_phase(token, _INIT, None)
    try:
        if is_special:
            job = _make_special(job_class, context)
        else:
            job = job_class()
            job.storage = {}
            job.global_storage = context.global_storage
    except BaseException as caught:
        return _not_made(token, started, Failure.caught(caught), context)
    made = context.clock() - started if is_special or on_phase is not None else 0.0
    if on_phase is not None:
        on_phase(token, _INIT, PhaseResult(None, None, made))
    check = _check_of if changed is None else partial(_first_check, changed)
    result, failure, took = _call(token, _CHECK, started + made, job, context, check)
    seconds = made, took
    if failure is None:
        fields = started, seconds, _CHECK, result, None, None, False, None, False, False
        return _new_record(TryRecord, fields)
    try:
        if context.no_act or not is_failure(failure.exception) or _gives_up(failure):
            return _without_run(job, started, seconds, failure, context.no_act)
        return _run_and_recheck(token, job, started, seconds, failure, context, changed)
    finally:
        del failure  # its traceback leads to the hook's frame, and from there back to this one


def _not_made(token: Any, started: float, failure: Failure, context: TryContext) -> TryRecord:
    """Return the record of a try of which there is no object."""
    try:
        seconds = context.clock() - started
        if context.on_phase is not None:
            context.on_phase(token, _INIT, PhaseResult(None, failure, seconds))
        gave_up = _gives_up(failure)
        return TryRecord(started, (seconds,), _INIT, None, failure, gave_up=gave_up)
    finally:
        del failure  # as above


def _make_special(job_class: type[Job], context: TryContext) -> Job:
    """Make an object in whose making or filling the user's code has a say."""
    context.workdir.go()
    job: Job = call_hook(job_class, (), {})
    own = own_attributes(job)
    for name in PROGRESS:  # the class may give the object of an earlier try again
        own.pop(name, None)
    for name, value in ('storage', {}), ('global_storage', context.global_storage):
        try:
            setattr(job, name, value)
        except (AttributeError, TypeError):  # as of frozen dataclasses
            object.__setattr__(job, name, value)
    return job


def _call(
    token: Any,
    phase: Phase,
    began: float,
    job: Any,
    context: TryContext,
    hook_of: Callable[[Any], Any],
) -> tuple[Any, Failure | None, float]:
    """Go through one phase: call its hook in the directory of the run, and tell who listens.

    Args:
        token: of the try.
        phase: which one.
        began: the instant at which it begins.
        job: the object of the try.
        context: of the run.
        hook_of: returns the hook of the object; what it raises is a failure, too.

    Returns:
        The fields of a `PhaseResult`.
    """
    on_phase = context.on_phase
    try:
        if on_phase is not None:
            on_phase(token, phase, None)
        context.workdir.go()
        result = call_hook(hook_of(job), context.args, context.kwargs)
        if result is not None and type(result) in UNEXECUTED:
            raise never_executed(result, job, 'Run' if phase is _RUN else 'Check')
        failure = None
    except BaseException as caught:
        result, failure = None, Failure.caught(caught)
    seconds = context.clock() - began
    try:
        if on_phase is not None:
            on_phase(token, phase, PhaseResult(result, failure, seconds))
        return result, failure, seconds
    finally:
        del failure  # as above


def _first_check(changed: tuple[str, ...], job: Any) -> Any:
    """Return the Check of a Job with WATCH, unless a change makes it fail."""
    if changed:
        verb = 'has' if len(changed) == 1 else 'have'
        raise RuntimeError(f'{", ".join(changed)} {verb} changed')
    return _check_if_any(job)


def _check_if_any(job: Any) -> Any:
    """Return the Check of a Job with WATCH, or one that passes."""
    return job.Check if has_hook(job, 'Check') else _pass


def _pass(*args: Any, **kwargs: Any) -> None:
    """Stand for a Check that is missing."""


class _RunHook:
    """Finds the Run of a try, and registers the Cleanup before Run is called."""

    def __init__(self, token: Any, context: TryContext) -> None:
        #: Whether Run was called, and whether the Cleanup is pending.
        self.ran = self.is_pending = False
        self._token = token
        self._context = context

    def __call__(self, job: Any) -> Any:
        """Return the Run of an object; None or AttributeError if there is none."""
        if noted:
            deliver()  # so that no Cleanup is registered for a Run that doesn't begin
        try:
            hook = job.Run
        except AttributeError:
            if has_hook(job, 'run') and not has_hook(job, 'Run'):
                name = type(job).__name__
                raise AttributeError(f'{name} has no Run; rename run to Run') from None
            raise
        if hook is not None:
            self.register_cleanup(job)
            self.ran = True
        return hook

    def register_cleanup(self, job: Any) -> None:
        """Make the Cleanup of the try pending, if its Job has one."""
        if has_hook(job, 'Cleanup'):
            self._context.register_cleanup(self._token, job)
            self.is_pending = True


def _without_run(
    job: Any, started: float, seconds: tuple[float, ...], check: Failure, no_act: bool
) -> TryRecord:
    """Return the record of a try that its first Check has ended."""
    gave_up = _gives_up(check)
    would_run = no_act and not gave_up and has_hook(job, 'Run')
    fields = started, seconds, _CHECK, None, check, check, False, None, would_run, gave_up
    try:
        return _new_record(TryRecord, fields)
    finally:
        del check, fields  # as above


def _run_and_recheck(
    token: Any,
    job: Any,
    started: float,
    seconds: tuple[float, ...],
    check: Failure,
    context: TryContext,
    changed: tuple[str, ...] | None,
) -> TryRecord:
    """Run and recheck a Job whose Check failed."""
    own = own_attributes(job)  # past its own __setattr__, which might reject these names
    own['_check_exception'] = check.exception
    hook = _RunHook(token, context)
    began = started + seconds[0] + seconds[1]
    phase = _RUN
    result, run, took = _call(token, phase, began, job, context, hook)
    own['_run_results'], own['_run_exception'] = result, run and run.exception
    seconds += (took,)
    failure = run
    # After a change a recheck may have nothing to look at.
    if run is None or is_failure(run.exception) and not (changed and hook.ran):
        own['_check_phase'] = phase = _RECHECK
        recheck = _check_of if changed is None else _check_if_any
        result, failure, took = _call(token, phase, began + took, job, context, recheck)
        own['_recheck_results'], own['_recheck_exception'] = result, failure and failure.exception
        seconds += (took,)
    if hook.ran and not hook.is_pending and 'Cleanup' in own:  # Run may have set it just now
        hook.register_cleanup(job)
    if not hook.is_pending:
        release_exceptions(own)
    gave_up = failure is not None and (_gives_up(failure) or _gives_up(run))
    run = run if hook.ran else None
    fields = started, seconds, phase, result, failure, check, hook.ran, run, False, gave_up
    try:
        return _new_record(TryRecord, fields)
    finally:
        del failure, check, run, fields  # as above


def never_executed(result: Any, job: Job, hook: str) -> TypeError:
    """Return the error for a hook whose result shows that nothing was executed."""
    what = UNEXECUTED[type(result)]
    if hasattr(result, 'close'):  # else Python warns of what was never awaited
        result.close()
    fix = 'call asyncio.run()' if what == 'a coroutine' else 'write it without yield'
    return TypeError(f'{type(job).__name__}.{hook} returned {what}, so nothing was executed; {fix}')


def _gives_up(failure: Failure | None) -> bool:
    return failure is not None and issubclass(type(failure.exception), GiveUp)


def release_exceptions(own: dict[str, Any]) -> None:
    """Cut the ring from an object over its exceptions and their frames back to the object.

    Args:
        own: the object's own attributes.
    """
    own['_check_exception'] = own['_run_exception'] = own['_recheck_exception'] = None


def own_attributes(job: Job) -> dict[str, Any]:
    """Return the dict of an object's own attributes; a throw-away one if it has none."""
    try:
        own: dict[str, Any] = _own_attributes(job)
        return own
    except TypeError:  # a __new__ has returned an object of another kind
        return {}


def has_hook(job: Job, hook: str) -> bool:
    """Return whether a Job has a hook, without calling code of its own that may compute it."""
    own = own_attributes(job)
    return (own[hook] if hook in own else getattr(type(job), hook, None)) is not None
