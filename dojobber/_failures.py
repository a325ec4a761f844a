"""Which exceptions are failures, and what is kept of them.

Owns the user's own lines that one came through, and cuts off the frames of the library, which would
keep a run alive. Knows nothing of the course of a try.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FrameType, TracebackType
from typing import NamedTuple

from dojobber._exceptions import carried, chain, set_traceback, traceback_of
from dojobber._interrupt import call_hook
from dojobber._own_code import PACKAGE, is_users_own
from dojobber.job import Job

# The function that calls hooks, and the modules that catch what they raise.
_DOOR = call_hook.__code__
_CATCHERS = 'dojobber._attempt', 'dojobber._interrupt', 'dojobber._cleanup'
# For speed: it takes half the time of calling the class.
_new_tuple: Callable[[type[Failure], tuple[BaseException, str, int, str, int]], Failure]
_new_tuple = tuple.__new__
_HOOKS = frozenset(['__init__', 'Check', 'Run', 'Cleanup'])


def is_failure(error: BaseException) -> bool:
    """Return whether an exception is the failure of a phase; any other ends the run."""
    kind = type(error)
    return issubclass(kind, Exception) or issubclass(kind, SystemExit)


def raise_first(errors: list[BaseException]) -> None:
    """Raise the first exception that is no failure, or else the first one, if there is one."""
    if errors:
        first = min(errors, key=is_failure)
        try:
            raise first
        finally:
            errors.clear()  # their tracebacks lead back to this frame
            del first


def _strip_own_frames(error: BaseException) -> None:
    """Take the frames of the library off a traceback, down to that of the hook.

    They would keep the exception alive in a ring.
    """
    found = traceback_of(error)
    while found is not None and found.tb_frame.f_globals.get('__name__') in _CATCHERS:
        found = found.tb_next
    set_traceback(error, found)
    if found is not None and found.tb_next is not None:
        _cut_earlier_tries(found)


def _cut_earlier_tries(hook: TracebackType) -> None:
    """Cut off the frames of earlier tries, which an exception has that is raised again and again.

    A `concurrent.futures.Future`, for one, raises the same exception whenever it is asked.
    """
    above, job = hook, None
    while (below := above.tb_next) is not None:
        if below.tb_frame.f_code is hook.tb_frame.f_code:
            job = job or _job(hook)
            if job is None or _job(below) is not job:  # else the hook has called itself
                above.tb_next = None
                return
        above = below


def _job(hook: TracebackType) -> Job | None:
    """Return the Job on which a hook was called; None for a static one."""
    for value in hook.tb_frame.f_locals.values():
        first = value[0] if type(value) is tuple and value else value
        if isinstance(first, Job):
            return first
    return None


class Failure(NamedTuple):
    """An exception and the user's own lines that it came through.

    Attributes:
        exception: the exception.
        file: the file of the innermost line of the user's own code; '' if unknown.
        line: the number of that line; 0 if unknown.
        hook_file: the file of the hook's own line, often the same one; '' if unknown.
        hook_line: the number of that line; 0 if unknown.
    """

    exception: BaseException
    file: str
    line: int
    hook_file: str
    hook_line: int

    @classmethod
    def caught(cls, error: BaseException) -> Failure:
        """Return the failure of a phase, without the frames of the function that catches it."""
        door = traceback_of(error).tb_next
        hook = door and door.tb_next
        if hook and hook.tb_next is None and door.tb_frame.f_code is _DOOR:  # usual, and fast
            set_traceback(error, hook)
            file, line = hook.tb_frame.f_code.co_filename, hook.tb_lineno
            if not file.startswith(PACKAGE):
                return _new_tuple(cls, (error, file, line, file, line))
        else:
            _strip_own_frames(error)
        return cls.of(error)

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Look where an exception came from."""
        found = traceback_of(error)
        if found is None:
            return cls(error, *carried(error)[1:])
        own, hook = _own_lines(found)
        file = own.tb_frame.f_code.co_filename
        if file.startswith(PACKAGE):
            return cls(error, '', 0, '', 0)
        return cls(error, file, own.tb_lineno, hook.tb_frame.f_code.co_filename, hook.tb_lineno)


def _own_lines(found: TracebackType) -> tuple[TracebackType, TracebackType]:
    """Return the innermost own line and that of the hook.

    The hook is the outermost own function that has the name of one; around it may be decorators.
    Where no line is the user's own, both are the outermost one that is not of this library.
    """
    if found.tb_next is None:
        return found, found
    lines = []
    each: TracebackType | None = found
    while each is not None:
        lines.append(each)
        each = each.tb_next
    own = [each for each in lines if is_users_own(each.tb_frame)]
    if not own:
        others = [e for e in lines if not e.tb_frame.f_code.co_filename.startswith(PACKAGE)]
        own = (others or lines)[:1]
    hooks = (each for each in own if each.tb_frame.f_code.co_name in _HOOKS)
    return own[-1], next(hooks, own[0])


def release_callers(errors: Iterable[BaseException]) -> None:
    """Let go of the objects in the frames of the library that exceptions lead to.

    A frame keeps its caller alive. So by way of these frames an exception would keep the run alive
    that keeps the exception.
    """
    cleared: set[FrameType] = set()
    for error in errors:
        for each in chain(error):
            above, found = None, traceback_of(each)
            while found is not None:
                frame = found.tb_frame
                if frame.f_code.co_filename.startswith(PACKAGE):  # it came through there
                    _clear(frame, cleared)
                elif frame.f_back is not above:
                    _clear(frame.f_back, cleared)
                above, found = frame, found.tb_next


def _clear(frame: FrameType | None, cleared: set[FrameType]) -> None:
    """Clear a frame and its callers, up to one that is still executing."""
    while frame is not None and frame not in cleared:
        cleared.add(frame)
        try:
            frame.clear()
        except RuntimeError:
            return
        frame = frame.f_back


def release_frames(error: BaseException) -> None:
    """Let go of the objects in the frames of an exception, its parts, and what led to it."""
    for each in chain(error):
        set_traceback(each, None)
