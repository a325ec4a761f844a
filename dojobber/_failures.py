"""What can be told of an exception, whatever its own code does.

Owns which exceptions are failures, how they are spelled, how one is kept without the frames that it
came through, and how to go on in spite of them. Knows nothing of Jobs.
"""

from __future__ import annotations

import builtins
import sys
import traceback
from collections.abc import Iterable
from types import FrameType, TracebackType
from typing import Any, NamedTuple, TypeGuard

from dojobber._interrupt import call_hook
from dojobber._own_code import PACKAGE, is_users_own
from dojobber.job import Job
from dojobber.remote import RemoteBaseException, RemoteError

# By their descriptors: a class may be frozen, or have attributes of its own by these names.
_traceback: Any = vars(BaseException)['__traceback__'].__get__
_set_traceback = BaseException.with_traceback
_attributes: Any = vars(BaseException)['__dict__'].__get__
_cause: Any = vars(BaseException)['__cause__'].__get__
_context: Any = vars(BaseException)['__context__'].__get__
_suppresses_context: Any = vars(BaseException)['__suppress_context__'].__get__

# The class that backports have on Python 3.10 is not looked for: its parts keep their frames.
_GROUP: Any = getattr(builtins, 'BaseExceptionGroup', ())

# The function that calls hooks, and the modules that catch what they raise.
_DOOR = call_hook.__code__
_CATCHERS = 'dojobber._attempt', 'dojobber._interrupt', 'dojobber._cleanup'
_HOOKS = frozenset(['__init__', 'Check', 'Run', 'Cleanup'])


def is_failure(error: BaseException) -> bool:
    """Return whether an exception is the failure of a phase; any other ends the run."""
    return issubclass(type(error), (Exception, SystemExit))


def raise_first(errors: list[BaseException]) -> None:
    """Raise the first exception that is no failure, or else the first one, if there is one."""
    if errors:
        first = min(errors, key=is_failure)
        try:
            raise first
        finally:
            errors.clear()  # their tracebacks lead back to this frame
            del first


def strip_own_frames(error: BaseException) -> BaseException:
    """Take the frames of the library off a traceback, down to that of the hook.

    They would keep the exception alive in a ring.
    """
    found = _traceback(error)
    found = found and found.tb_next  # from the frame that catches it
    if found is not None and found.tb_frame.f_code is not _DOOR:
        while found is not None and found.tb_frame.f_globals.get('__name__') in _CATCHERS:
            found = found.tb_next
    elif found is not None:  # the usual way, and fast
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
    def of(cls, error: BaseException) -> Failure:
        """Look where an exception came from."""
        found = _traceback(error)
        if found is None:
            return cls(error, *_carried(error)[1:])
        own, hook = (found, found) if found.tb_next is None else _own_lines(found)
        file, line = own.tb_frame.f_code.co_filename, own.tb_lineno
        if file.startswith(PACKAGE):
            place = '', 0, '', 0
        elif own is hook:  # the usual way, and fast
            place = file, line, file, line
        else:
            place = file, line, hook.tb_frame.f_code.co_filename, hook.tb_lineno
        # Like _make(), which is measurably faster than calling the class.
        return tuple.__new__(cls, (error, *place))


def attach_traceback(
    error: BaseException, text: str, file: str, line: int, hook_file: str, hook_line: int
) -> None:
    """Give an exception the traceback and the lines that it had where it came from."""
    _attributes(error)['_dojobber_trace'] = text, file, line, hook_file, hook_line


def _carried(error: BaseException) -> tuple[str, str, int, str, int]:
    found: tuple[str, str, int, str, int]
    found = _attributes(error).get('_dojobber_trace', ('', '', 0, '', 0))
    return found


def _own_lines(found: TracebackType) -> tuple[TracebackType, TracebackType]:
    """Return the innermost own line and that of the hook.

    The hook is the outermost own function that has the name of one; around it may be decorators.
    Where no line is the user's own, both are the outermost one that is not of this library.
    """
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
    """Let go of the objects in the frames that called the hooks which exceptions came through.

    A frame keeps its caller alive. So by way of the library's frames an exception would keep the
    run alive that keeps the exception.
    """
    cleared: set[FrameType] = set()
    for error in errors:
        for each in _chain(error):
            above, found = None, _traceback(each)
            while found is not None:
                if found.tb_frame.f_back is not above:
                    _clear(found.tb_frame.f_back, cleared)
                above, found = found.tb_frame, found.tb_next


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
    for each in _chain(error):
        _set_traceback(each, None)


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception, its parts, and those that led to it."""
    chain = [error]
    if _context(error) is _cause(error) is None and not issubclass(type(error), _GROUP):
        return chain
    seen = {id(error)}
    for each in chain:
        for other in (_cause(each), _context(each), *parts(each)):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                chain.append(other)
    return chain


def safe_str(error: BaseException) -> str:
    """Return the text of an exception."""
    try:
        return str.__str__(str(error))  # without what a subclass of str may add
    except KeyboardInterrupt:
        raise
    except BaseException:  # it may be the panic of an extension module
        return f'<unprintable {class_name(error)} object>'


def safe_repr(value: object) -> str:
    """Return the repr of a value, whatever its own code does."""
    try:
        return repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException:  # as above
        return object.__repr__(value)


def trace(error: BaseException) -> str:
    """Return the traceback of an exception; if there can be none, its class and text."""
    carried = _carried(error)[0]
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


def shown(error: BaseException) -> tuple[str, str]:
    """Return the class name and the text of an exception, or of the one that it stands for."""
    if is_stand_in(error):
        return error.class_name, error.text
    return class_name(error), safe_str(error)


def is_stand_in(error: BaseException) -> TypeGuard[RemoteError | RemoteBaseException]:
    """Tell whether an exception stands for one that could not travel."""
    return type(error) in (RemoteError, RemoteBaseException)


def is_of_process(error: BaseException) -> bool:
    """Tell whether an exception is of a process that failed, or stands for one that is."""
    subprocess = sys.modules.get('subprocess')
    if subprocess is not None and issubclass(type(error), subprocess.SubprocessError):
        return True
    return is_stand_in(error) and 'cmd' in _attributes(error)


def notes(error: BaseException) -> list[str]:
    """Return the notes that were added to an exception."""
    try:
        return [str.__str__(each) for each in error.__notes__ if isinstance(each, str)]  # type: ignore[attr-defined]
    except (Exception, SystemExit):
        return []


def parts(error: BaseException) -> list[BaseException]:
    """Return the exceptions that an exception group holds; none of any other exception."""
    try:
        found: Any = error.exceptions  # type: ignore[attr-defined]
        is_group = isinstance(found, (tuple, list))
        return [each for each in found if isinstance(each, BaseException)] if is_group else []
    except (Exception, SystemExit):
        return []


def cause(error: BaseException) -> BaseException | None:
    """Return the exception that led to another one, unless that was to be hidden."""
    found: BaseException | None = _cause(error)
    return found if found is not None or _suppresses_context(error) else _context(error)
