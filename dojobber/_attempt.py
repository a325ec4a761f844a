"""One try of one Job: init, check, run, recheck.

Owns the order of the phases and which of them decides. Knows nothing of other tries or Jobs.
"""

from __future__ import annotations

from typing import Any

from dojobber._exceptions import is_failure, without_own_frame
from dojobber._phase import Context, Ended, forget_exceptions, phase
from dojobber.job import Job

# What classes have that do nothing of their own when an object is made.
_NO_INIT, _NO_NEW, _NO_CALL = object.__init__, object.__new__, type.__call__


class Attempt:
    """How a try went whose Check did not pass at once. Nothing changes it."""

    __slots__ = ('phase', 'exception', 'seconds', 'check_exception', 'ran', 'run_exception')

    def __init__(
        self,
        phase: str,
        exception: BaseException | None,
        seconds: dict[str, float],
        check_exception: BaseException | None = None,
        ran: bool = False,
        run_exception: BaseException | None = None,
    ) -> None:
        """Make the record; not as a frozen dataclass, which would take as long as a Check."""
        #: The phase that decided.
        self.phase = phase
        #: Why the try failed; None if it passed.
        self.exception = exception
        #: How long each phase took, by its name.
        self.seconds = seconds
        #: Why the first Check failed; None if it was not reached.
        self.check_exception = check_exception
        #: Whether Run was called.
        self.ran = ran
        #: What Run raised; None if it returned or was not called.
        self.run_exception = run_exception


def attempt(
    node: int, job_class: type[Job], started: float, context: Context
) -> tuple[Any, Attempt | None]:
    """Try a Job once. What its hooks raise comes back in the record.

    Args:
        node: the position of the Job.
        job_class: the Job.
        started: the instant at which the try begins.
        context: of the run.

    Returns:
        What the deciding Check returned, and None if it passed at once: nearly all tries do, and
        a record of each would be felt.
    """
    # What `phase` does, twice and inlined: most tries come to nothing else, and a call is felt.
    tell, workdir = context.tell, context.workdir
    name, began = 'init', started
    if tell is not None:
        tell(node, 'init', None)
    try:
        # Where nothing of the user's is called, nothing can see or leave the directory.
        if (
            job_class.__init__ is not _NO_INIT
            or job_class.__new__ is not _NO_NEW
            or type(job_class).__call__ is not _NO_CALL
        ):
            workdir.go()
        job: Any = job_class()
        job.storage = {}
        job.global_storage = context.global_storage
        if tell is not None:
            began = context.clock()
            tell(node, 'init', Ended(None, None, began - started))
            tell(node, 'check', None)
        name = 'check'
        workdir.go()
        result, error = job.Check(*context.args, **context.kwargs), None
        if tell is None:
            return result, None
    except BaseException as caught:
        result, error = None, without_own_frame(caught)
    ended = context.clock()
    if tell is not None:
        tell(node, name, Ended(result, error, ended - began))
    seconds = {'init': began - started, name: ended - began}
    try:
        if error is None:
            return result, None
        if name == 'init':
            return None, Attempt(name, error, seconds)
        if context.no_act or not is_failure(error):
            return None, Attempt(name, error, seconds, error)
        return _act(node, job, error, ended, seconds, context)
    finally:
        del error  # its traceback leads to the hook's frame, and from there back to this one


def _act(
    node: int,
    job: Job,
    check_error: BaseException,
    checked: float,
    seconds: dict[str, float],
    context: Context,
) -> tuple[Any, Attempt]:
    """Run and recheck a Job whose Check failed."""
    # Past what the class may think of attributes that it doesn't know; the {} is for an object
    # that has no place for any.
    own = getattr(job, '__dict__', {})
    own['_check_exception'] = check_error
    owed: list[bool] = []
    result, run_error, ran = phase(node, 'run', checked, job, 'Run', context, owed)
    own['_run_results'], own['_run_exception'] = result, run_error
    seconds['run'] = ran - checked
    name, error = 'run', run_error
    if run_error is None or is_failure(run_error):
        own['_check_phase'] = name = 'recheck'
        result, error, rechecked = phase(node, 'recheck', ran, job, 'Check', context)
        own['_recheck_results'], own['_recheck_exception'] = result, error
        seconds['recheck'] = rechecked - ran
    called = bool(owed)
    # Run may have set the Cleanup just now.
    if not (called and (owed[0] or context.owe(node, job))):
        forget_exceptions(job)
    try:
        return result, Attempt(name, error, seconds, check_error, called, run_error)
    finally:
        del error, check_error, run_error  # as above
