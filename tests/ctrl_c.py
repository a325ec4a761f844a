"""Presses Ctrl-C at chosen lines of the package."""

from __future__ import annotations

import itertools
import linecache
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Where no Ctrl-C is pressed: before anything was begun and after all was done.
CALM = {'configure', '__enter__', '__exit__', 'cleanup'}
PACKAGE = str(Path(sys.modules['dojobber'].__file__ or '').parent)


def functions(frame: Any) -> list[str]:
    """Return the names of the functions of the package that are under way, the innermost first."""
    names = []
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


def is_calm(frame: Any) -> bool:
    names = functions(frame)
    calls = list(zip(names, [*names[1:], '']))
    # Python does not raise what a __del__ raises.
    in_del = any(name == '_close' and caller != 'release' for name, caller in calls)
    return in_del or names[0] in CALM


def press_ctrl_c(
    position: int, press: Callable[[str], None], within: str | tuple[str, ...] = PACKAGE
) -> Any:
    """Return a trace function that presses at so many lines into functions of the package.

    Args:
        position: the number of lines.
        press: is told where it is.
        within: how the paths of the files begin whose lines count.
    """
    lines = itertools.count()

    def enter(frame: Any, event: str, _: Any) -> Any:
        return walk if frame.f_code.co_filename.startswith(within) and not is_calm(frame) else None

    def walk(frame: Any, event: str, _: Any) -> Any:
        if event == 'line':
            code, line = frame.f_code, frame.f_lineno
            text = linecache.getline(code.co_filename, line).strip()
            # Nothing is done in a line with `try:`, so that no signal is looked for.
            if text != 'try:' and next(lines) == position:
                press(f'{code.co_name}, line {line}: {text}')
        return walk

    return enter
