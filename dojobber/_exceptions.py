"""What can be told of an exception, whatever its own code does.

Owns which exceptions are failures, how they are spelled, and how to go on in spite of them. Knows
nothing of Jobs.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

# By its descriptor: a class may be frozen, or have an attribute of its own by this name.
_TRACEBACK: Any = vars(BaseException)['__traceback__']


def is_failure(error: BaseException) -> bool:
    """Tell whether an exception is the failure of a phase; any other ends the run."""
    return isinstance(error, (Exception, SystemExit))


def without_own_frame(error: BaseException) -> BaseException:
    """Take the catcher's frame off the traceback: it would keep the exception alive in a ring."""
    found = _TRACEBACK.__get__(error)
    _TRACEBACK.__set__(error, found and found.tb_next)
    return error


def insist(errors: list[BaseException], *steps: Callable[[list[BaseException]], object]) -> None:
    """Take steps one after the other, all of them, whatever is raised.

    Args:
        errors: is given to each step, and gets what it raises.
        *steps: one that Ctrl-C hits is taken again, and must go on where it was.
    """
    left = list(reversed(steps))
    while left:
        try:
            while left:
                left[-1](errors)
                left.pop()
        except BaseException as caught:
            errors.append(caught)
            if is_failure(caught):
                left.pop()


def message(error: BaseException) -> str:
    """Return the text of an exception."""
    try:
        return str.__str__(str(error))  # without what a subclass of str may add
    except (Exception, SystemExit):
        return f'<unprintable {class_name(error)} object>'


def trace(error: BaseException) -> str:
    """Return the stack trace of an exception; if there can be none, its class and text."""
    try:
        return ''.join(traceback.format_exception(type(error), error, _TRACEBACK.__get__(error)))
    except (Exception, SystemExit):
        return f'{class_name(error)}: {message(error)}\n'


def class_name(value: object) -> str:
    """Return the name of an object's class, past what a metaclass may add."""
    name: str = vars(type)['__name__'].__get__(type(value))
    return name
