"""Executes one phase of one try and tells how it went.

Owns where a hook is called and what becomes of what it raises. Knows nothing of the phases before
or after it, nor of who listens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from dojobber._exceptions import without_own_frame
from dojobber._workdir import Workdir
from dojobber.job import Job


class Ended(NamedTuple):
    """How a phase ended."""

    #: What the hook returned; None if it raised.
    result: Any
    #: What the hook raised; None if it returned.
    exception: BaseException | None
    #: How long the phase took, by the monotonic clock.
    seconds: float


@dataclass(frozen=True, slots=True)
class Context:
    """What all tries of a run have in common. A Job is known here by its position in the graph."""

    #: What the hooks are called with.
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    #: What the Jobs of the run share.
    global_storage: dict[Any, Any]
    #: Whether Run is never called.
    no_act: bool
    #: The directory that each phase starts in.
    workdir: Workdir
    #: The monotonic clock, in seconds.
    clock: Callable[[], float]
    #: Hears that the Run of a Job is about to be called; answers whether that makes a Cleanup due.
    owe: Callable[[int, Job], bool]
    #: Hears that a phase of a Job begins (None) and how it ended. None: nobody listens.
    tell: Callable[[int, str, Ended | None], None] | None


def phase(
    node: int,
    name: str,
    began: float,
    job: Job,
    hook: str,
    context: Context,
    owed: list[bool] | None = None,
) -> tuple[Any, BaseException | None, float]:
    """Call a hook of a Job in the directory of the run.

    Args:
        node: the position of the Job.
        name: of the phase.
        began: the instant at which the phase began.
        job: the object of this try.
        hook: the name of the method.
        context: of the run.
        owed: gets whether a Cleanup is due, once nothing is left to do but the call; None: this
            hook makes none due.

    Returns:
        What the hook returned, what it raised (None if nothing), and the instant of the end.
    """
    tell = context.tell
    if tell is not None:
        tell(node, name, None)
    try:
        context.workdir.go()
        call = getattr(job, hook)
        if owed is not None and call is not None:
            owed.append(context.owe(node, job))
        result, error = call(*context.args, **context.kwargs), None
    except BaseException as caught:
        result, error = None, without_own_frame(caught)
    ended = context.clock()
    if tell is not None:
        tell(node, name, Ended(result, error, ended - began))
    try:
        return result, error, ended
    finally:
        del error  # its traceback leads to the hook's frame, and from there back to this one


def forget_exceptions(job: Job) -> None:
    """Cut the ring from an object over its exceptions and their frames back to the object."""
    own = getattr(job, '__dict__', {})
    own['_check_exception'] = own['_run_exception'] = own['_recheck_exception'] = None


def has(job: Job, hook: str) -> bool:
    """Tell whether a Job has a hook, without calling what code of its own may compute it."""
    own = getattr(job, '__dict__', {})
    return (own[hook] if hook in own else getattr(type(job), hook, None)) is not None
