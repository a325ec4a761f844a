"""Exceptions for the tests of those who read them."""

from __future__ import annotations

from typing import Any

ERROR, INTERRUPT = ValueError('an error'), KeyboardInterrupt()
#: Past an attribute that hides it.
TRACEBACK: Any = vars(BaseException)['__traceback__']


class Empty(Exception):
    """Be false."""

    def __len__(self) -> int:
        return 0


class Unsure(Exception):
    """Be neither true nor false."""

    def __bool__(self) -> bool:
        raise TypeError


def caught(code: Any) -> BaseException:
    """Call code that raises, and return its exception without the frame of this function."""
    try:
        code()
    except BaseException as error:
        TRACEBACK.__set__(error, TRACEBACK.__get__(error).tb_next)
        return error
    raise AssertionError('nothing raised')
