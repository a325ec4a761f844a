"""Reads exceptions and other objects of users, whatever their own code does.

Owns how their names, texts, tracebacks, notes and parts are read. Knows nothing of Jobs, nor of the
consequences of an exception.
"""

from __future__ import annotations

import builtins
import sys
import traceback
from collections.abc import Sequence
from typing import Any, TypeGuard

from dojobber.remote import RemoteBaseException, RemoteError

# By their descriptors: a class may be frozen, or have attributes of its own by these names.
traceback_of: Any = vars(BaseException)['__traceback__'].__get__
set_traceback = BaseException.with_traceback
_attributes: Any = vars(BaseException)['__dict__'].__get__
_cause: Any = vars(BaseException)['__cause__'].__get__
_context: Any = vars(BaseException)['__context__'].__get__
_suppresses_context: Any = vars(BaseException)['__suppress_context__'].__get__

# The class that backports have on Python 3.10 is not looked for: its parts keep their frames.
_GROUP: Any = getattr(builtins, 'BaseExceptionGroup', ())


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


def chain(error: BaseException) -> Sequence[BaseException]:
    """Return an exception, its parts, and those that led to it."""
    if _context(error) is _cause(error) is None and not issubclass(type(error), _GROUP):
        return (error,)  # the usual case, and fast
    found, seen = [error], {id(error)}
    for each in found:
        for other in (_cause(each), _context(each), *parts(each)):
            if other is not None and id(other) not in seen:
                seen.add(id(other))
                found.append(other)
    return found


def trace(error: BaseException) -> str:
    """Return the traceback of an exception; if there can be none, its class and text."""
    text = carried(error)[0]
    if text:
        return text
    try:
        text = ''.join(traceback.format_exception(type(error), error, traceback_of(error)))
        return text.removesuffix('\n') + '\n'  # there is none after __notes__ that are no list
    except (Exception, SystemExit):
        return f'{class_name(error)}: {safe_str(error)}\n'


def exc_info(error: BaseException) -> tuple[type[BaseException], BaseException, Any]:
    """Return what the logging module needs to know of an exception."""
    return type(error), error, traceback_of(error)


def attach_traceback(
    error: BaseException, text: str, file: str, line: int, hook_file: str, hook_line: int
) -> None:
    """Give an exception the traceback and the lines that it had where it came from."""
    _attributes(error)['_dojobber_trace'] = text, file, line, hook_file, hook_line


def carried(error: BaseException) -> tuple[str, str, int, str, int]:
    """Return the traceback and the lines that were attached to an exception; else empty ones."""
    found: tuple[str, str, int, str, int]
    found = _attributes(error).get('_dojobber_trace', ('', '', 0, '', 0))
    return found
