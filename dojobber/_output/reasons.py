"""Why something failed, in a few lines: the place, the message, and what an exception holds.

Owns what is told of an exception, and what of it where there is too much. Writes nothing.
"""

from __future__ import annotations

import linecache
import os
import shlex
from collections.abc import Callable, Iterator
from typing import Any

from dojobber._exceptions import cause, is_of_process, notes, parts, shown
from dojobber._failures import Failure
from dojobber._output.text import truncate, wrapped
from dojobber.outcome import Phase

_HOOKS: dict[str, str] = {
    Phase.INIT: '__init__',
    Phase.CHECK: 'Check',
    Phase.RUN: 'Run',
    Phase.RECHECK: 'Check',
    Phase.CLEANUP: 'Cleanup',
}
# The lines that a line of an output, a note or a part of a group takes at most.
_LINES = 8
# The columns of a command that failed.
_COMMAND = 60
# Of an output: the lines looked at from either end.
_ENDS = 12
# How many parts of a group are looked at, and how deep exceptions are followed.
_PARTS = 20
_DEEPEST = 4


def reason_lines(
    phase: str, failure: Failure, width: int, most: int, mask: Callable[[str], str]
) -> list[str]:
    """Return lines that tell where an exception came from, and all that it has to say.

    Args:
        phase: whose exception it is.
        failure: the exception and its place.
        width: of a line, in columns.
        most: the number of lines at most; what is left out is in the middle.
        mask: takes the secrets out of a text.
    """
    return _Reason(width, mask).lines(phase, failure, most)


class _Reason:
    def __init__(self, width: int, mask: Callable[[str], str]) -> None:
        self._width = width
        self._mask = mask

    def lines(self, phase: str, failure: Failure, most: int) -> list[str]:
        details = list(self._details(failure.exception, '    ', 1))
        text = f'{phase}: {_place(failure, _HOOKS.get(phase))}{_told(failure, self._mask)}'
        room = most - min(len(details), most // 2)
        lines = self._wrapped(text, '  ', '    ', room)
        return lines + _ends(details, most - len(lines), '    ...')

    def _details(self, error: BaseException, indent: str, depth: int) -> Iterator[str]:
        """Return the lines below the one that tells of an exception."""
        for line in _output(error, self._mask):
            yield from self._wrapped(line, f'{indent}| ', f'{indent}|   ')
        if depth < _DEEPEST:
            yield from self._parts(parts(error), indent, depth)
        for note in notes(error)[:_PARTS]:
            yield from self._wrapped(f'note: {note}', indent, f'{indent}  ')
        before = cause(error)
        if before is not None and depth < _DEEPEST:
            yield from self._linked('after ', before, indent, depth)

    def _parts(self, found: list[BaseException], indent: str, depth: int) -> Iterator[str]:
        for each in found[:_PARTS]:
            yield from self._linked('- ', each, indent, depth)
        if len(found) > _PARTS:
            yield f'{indent}- and {len(found) - _PARTS} more'

    def _linked(self, mark: str, error: BaseException, indent: str, depth: int) -> Iterator[str]:
        """Tell of an exception that belongs to another one."""
        failure = Failure.of(error)
        text = f'{mark}{_place(failure, None)}{_told(failure, self._mask)}'
        yield from self._wrapped(text, indent, f'{indent}  ')
        yield from self._details(error, f'{indent}  ', depth + 1)

    def _wrapped(self, text: str, first: str, later: str, most: int = _LINES) -> list[str]:
        return wrapped(self._mask(text), self._width, first, later, most)


def _ends(lines: list[str], most: int, dots: str) -> list[str]:
    """Return the first and the last of some lines, and dots between them if there are too many."""
    if len(lines) <= most:
        return lines
    first = (most - 1) // 2
    return [*lines[:first], dots, *lines[len(lines) - (most - 1 - first) :]]


def _place(failure: Failure, hook: str | None) -> str:
    """Return the line of the hook, and the innermost own line where that is another."""
    if not failure.file:
        return ''
    own = f'{_seen_from_here(failure.file)}:{failure.line}'
    if hook is None or failure[1:3] == failure[3:]:
        return f'{own}: '
    return f'{_seen_from_here(failure.hook_file)}:{failure.hook_line} in {hook}, via {own}: '


def _seen_from_here(file: str) -> str:
    """Return a path as seen from the current directory, if it is below."""
    try:
        here = os.path.join(os.getcwd(), '')
    except OSError:
        here = ''
    return file[len(here) :] if file.startswith(here) else file


def _told(failure: Failure, mask: Callable[[str], str]) -> str:
    """Return the class and message of an exception, or else the line that raised it."""
    error = failure.exception
    name, message = shown(error)
    text = _with_short_command(error, mask(message.strip()), mask)
    if text:
        return f'{name}: {text}'
    line = linecache.getline(failure.file, failure.line).strip()
    return f'{name} ({line})' if line else name


def _with_short_command(error: BaseException, text: str, mask: Callable[[str], str]) -> str:
    """Shorten the command in the message of a process that failed, as one would type it."""
    try:
        command: Any = error.cmd if is_of_process(error) else None  # type: ignore[attr-defined]
        is_list = isinstance(command, (list, tuple))
        typed = shlex.join(map(os.fsdecode, command)) if is_list else str(command or '')
        # Python's message has quotes around the command; those of shlex are within.
        told = f"'{command}'" if is_list else str(command)
        # First the mask: a part of a secret is no longer found.
        return text.replace(mask(told), truncate(mask(typed), _COMMAND)) if typed else text
    except (Exception, SystemExit):
        return text


def _output(error: BaseException, mask: Callable[[str], str]) -> list[str]:
    """Return the first and the last lines of what was captured of a process that failed."""
    for name in 'stderr', 'output':
        text = mask(captured(error, name) or '')  # before it is split: a secret may have lines
        lines = [line for line in str.splitlines(text) if line.strip()]
        if lines:
            return _ends(lines, 2 * _ENDS, '...')
    return []


def captured(error: BaseException, name: str) -> str | None:
    """Return what was captured of a process that failed; None of any other exception.

    Args:
        error: an exception.
        name: its attribute, ``stderr`` or ``output``.
    """
    if not is_of_process(error):
        return None
    try:
        output: Any = getattr(error, name, None)
        if isinstance(output, bytes):
            output = output.decode(errors='replace')
        return str.__str__(output) if isinstance(output, str) else None
    except (Exception, SystemExit):
        return None
