"""What can be told of an exception, whatever its own code does.

Owns which exceptions are failures, how they are spelled, how one is kept without the frames that it
came through, and how to go on in spite of them. Knows nothing of Jobs.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Container
from contextlib import suppress
from functools import lru_cache
from types import FrameType, TracebackType
from typing import Any, NamedTuple

from dojobber.job import Job

# By their descriptors: a class may be frozen, or have attributes of its own by these names.
_traceback: Any = vars(BaseException)['__traceback__'].__get__
_set_traceback: Any = vars(BaseException)['__traceback__'].__set__
_attributes: Any = vars(BaseException)['__dict__'].__get__
_cause: Any = vars(BaseException)['__cause__'].__get__
_context: Any = vars(BaseException)['__context__'].__get__

# The modules that call hooks and catch what they raise.
_CATCHERS = 'dojobber._attempt', 'dojobber._interrupt', 'dojobber._cleanup'

#: Where this library is.
PACKAGE = os.path.dirname(__file__) + os.sep
_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep


def is_failure(error: BaseException) -> bool:
    """Tell whether an exception is the failure of a phase; any other ends the run."""
    return issubclass(type(error), (Exception, SystemExit))


def strip_own_frames(error: BaseException) -> BaseException:
    """Take the frames of the library off a traceback, down to that of the hook.

    They would keep the exception alive in a ring.
    """
    found = _traceback(error)
    while found is not None and found.tb_frame.f_globals.get('__name__') in _CATCHERS:
        found = found.tb_next
    _set_traceback(error, found)
    if found is not None and found.tb_next is not None:
        _cut_earlier_tries(found)
    return error


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
    """An exception and the user's own line that it came through."""

    exception: BaseException
    #: The file and the line; '' and 0 if no code of Python is to blame.
    file: str
    line: int

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Look where an exception came from."""
        found = _traceback(error)
        if found is None:
            _, file, line = _carried(error)
            return cls(error, file, line)
        if found.tb_next is not None:
            found = _own_line(found)
        # As _make() does, which is measurably faster than calling the class.
        return tuple.__new__(cls, (error, found.tb_frame.f_code.co_filename, found.tb_lineno))


def attach_traceback(error: BaseException, text: str, file: str, line: int) -> None:
    """Give an exception the stack trace that it had where it came from, and the user's own line."""
    _attributes(error)['_dojobber_trace'] = text, file, line


def _carried(error: BaseException) -> tuple[str, str, int]:
    found: tuple[str, str, int] = _attributes(error).get('_dojobber_trace', ('', '', 0))
    return found


def _own_line(found: TracebackType) -> TracebackType:
    """Return the innermost line that is in no library, or else that of the hook."""
    own, below = found, found.tb_next
    while below is not None:
        if _is_users_own(below.tb_frame.f_code.co_filename):
            own = below
        below = below.tb_next
    return own


@lru_cache
def _is_users_own(file: str) -> bool:
    is_library = file.startswith(('<frozen ', _STANDARD_LIBRARY, PACKAGE))
    return not is_library and 'site-packages' not in file and 'dist-packages' not in file


def release_callers(error: BaseException) -> None:
    """Let go of the objects in the frames that called the hooks which an exception came through.

    A frame keeps its caller alive. So by way of the library's frames an exception would keep the
    run alive that keeps the exception.
    """
    for each in _chain(error):
        found = _traceback(each)
        own = set()
        while found is not None:
            own.add(found.tb_frame)
            found = found.tb_next
        for frame in own:
            _clear_callers(frame, own)


def _clear_callers(frame: FrameType, spared: Container[FrameType]) -> None:
    caller = frame.f_back
    with suppress(RuntimeError):  # raised by a frame that is still executing
        while caller is not None and caller not in spared:
            caller.clear()
            caller = caller.f_back


def release_frames(error: BaseException) -> None:
    """Let go of the objects in the frames of an exception, and of those that led to it."""
    for each in _chain(error):
        _set_traceback(each, None)


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception and those that led to it."""
    seen = {id(error)}
    chain = [error]
    for each in chain:
        for link in (_cause, _context):
            before = link(each)
            if before is not None and id(before) not in seen:
                seen.add(id(before))
                chain.append(before)
    return chain


def safe_str(error: BaseException) -> str:
    """Return the text of an exception."""
    try:
        return str.__str__(str(error))  # without what a subclass of str may add
    except (Exception, SystemExit):
        return f'<unprintable {class_name(error)} object>'


def safe_repr(value: object) -> str:
    """Return the repr of a value, whatever its own code does."""
    try:
        return repr(value)
    except (Exception, SystemExit):
        return object.__repr__(value)


def trace(error: BaseException) -> str:
    """Return the stack trace of an exception; if there can be none, its class and text."""
    carried, _, _ = _carried(error)
    if carried:
        return carried
    try:
        text = ''.join(traceback.format_exception(type(error), error, _traceback(error)))
        return text.removesuffix('\n') + '\n'  # there is none after __notes__ that are no list
    except (Exception, SystemExit):
        return f'{class_name(error)}: {safe_str(error)}\n'


def exc_info(error: BaseException) -> tuple[type[BaseException], BaseException, Any]:
    """Return what the logging module needs to know of an exception."""
    return type(error), error, _traceback(error)


def class_name(value: object) -> str:
    """Return the name of an object's class, past what a metaclass may add."""
    name: str = vars(type)['__name__'].__get__(type(value))
    return name


def notes(error: BaseException) -> list[str]:
    """Return the notes that were added to an exception."""
    try:
        return [str.__str__(each) for each in error.__notes__ if isinstance(each, str)]  # type: ignore[attr-defined]
    except (Exception, SystemExit):
        return []


def captured(error: BaseException, most: int) -> list[str]:
    """Return the last lines of what was captured of a process that failed.

    Args:
        error: of any class; those of `subprocess` have such output.
        most: how many lines at most.
    """
    subprocess = sys.modules.get('subprocess')
    if subprocess is None or not issubclass(type(error), subprocess.SubprocessError):
        return []
    for name in 'stderr', 'output':
        try:
            output: Any = getattr(error, name, None)
            if isinstance(output, bytes):
                output = output.decode(errors='replace')
            lines = [line for line in str.splitlines(output) if line.strip()]
        except (Exception, SystemExit):
            continue
        if lines:
            return lines[-most:]
    return []
