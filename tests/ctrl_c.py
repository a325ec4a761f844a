"""Presses Ctrl-C at chosen lines of the package, as real signals come: through the handler."""

from __future__ import annotations

import itertools
import linecache
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PACKAGE = str(Path(sys.modules['dojobber'].__file__ or '').parent)


def is_own(frame: Any) -> bool:
    """Return whether a frame is of the package."""
    filename: str = frame.f_code.co_filename
    return filename.startswith(PACKAGE)


def is_protected(frame: Any) -> bool:
    """Return whether Ctrl-C in a frame of the package must lose nothing.

    A ``with`` statement that is interrupted as it begins or ends skips the rest, and Python drops
    what is raised in a ``__del__``.
    """
    names = []
    while frame is not None:
        if is_own(frame):
            names.append(frame.f_code.co_name)
        frame = frame.f_back
    is_in_del = '_close' in names and 'release' not in names
    return names[-1] not in ('__enter__', '__exit__') and not is_in_del


@contextmanager
def pressed_at_line(position: int, note: Callable[[str], None]) -> Iterator[None]:
    """Press Ctrl-C at one of the lines of the package that are executed in the block.

    Args:
        position: how many lines come before it.
        note: is told which line it is, if there are as many.
    """
    lines, pressed = itertools.count(), False

    def enter(frame: Any, event: str, _: Any) -> Any:
        return walk if is_own(frame) else None

    def walk(frame: Any, event: str, _: Any) -> Any:
        nonlocal pressed
        if event == 'line' and next(lines) >= position and not pressed and is_protected(frame):
            pressed = True
            code, line = frame.f_code, frame.f_lineno
            text = linecache.getline(code.co_filename, line).strip()
            note(f'{Path(code.co_filename).stem}.{code.co_name}, line {line}: {text}')
            press(frame)
        return walk

    with traced(enter):
        yield


@contextmanager
def traced(function: Callable[[Any, str, Any], Any] | None) -> Iterator[None]:
    """Have a function, or none, trace the block."""
    before = sys.gettrace()
    sys.settrace(function)
    try:
        yield
    finally:
        sys.settrace(before)


def press(frame: Any) -> None:
    """Call the handler of SIGINT that is installed, for a frame in which the signal came."""
    handler: Any = signal.getsignal(signal.SIGINT)
    handler(signal.SIGINT, frame)
