"""A line in the last row of a terminal, drawn again and again while all else scrolls above it.

Owns the terminal while the line is there: the last row is set apart (by a scroll region), and each
draw puts the cursor back. So other output, such as the prompt of a child process, is not disturbed.
Knows nothing of the meaning of the text. Only the ticking thread draws.
"""

from __future__ import annotations

import atexit
import os
import select
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from dojobber._output.text import truncate

# Seconds: between two draws, and for the last one on a terminal that takes no text.
_TICK, _PATIENCE = 0.1, 1.0
_SAVE, _RESTORE = '\x1b7', '\x1b8'
_WHOLE_SCREEN = f'{_SAVE}\x1b[r{_RESTORE}'
# Down and up again: where the cursor was in the last row, the screen scrolls by one.
_LEAVE_LAST_ROW = '\x1bD\x1b[A'
_ERASE_BELOW = f'{_SAVE}\x1b[B\r\x1b[J{_RESTORE}'
# The terminals that have a line: each has one, whichever runs are within others or beside them.
_taken: dict[tuple[int, ...], object] = {}


class StatusLine:
    """The line on the screen, drawn by a daemon thread from `start` to `stop`."""

    def __init__(self, stream: Any, text: Callable[[int], str]) -> None:
        """Take a terminal, or raise an Exception where a stream is none that can have a line.

        Args:
            stream: the terminal.
            text: returns the text of the line, if possible in this number of columns.
        """
        self._given = stream.fileno()
        self._terminal = _identity(self._given)
        self._text = text
        self._encoding = getattr(stream, 'encoding', None) or 'utf-8'
        self._drawn = '', os.get_terminal_size(self._given)
        if os.environ.get('TERM') == 'dumb' or not stream.isatty():
            raise ValueError('no terminal that could have a line')
        _is_by_lines(self._given)  # raises where there are no terminals of this kind
        if _taken.setdefault(self._terminal, self) is not self:
            raise ValueError('a terminal that has a line')
        # A Run may redirect the stream's own.
        self._own = os.dup(self._given)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._go, name='DoJobber progress', daemon=True)
        self._process = os.getpid()

    def start(self) -> None:
        """Begin to draw, unless there can be no other thread."""
        atexit.register(self.stop)
        try:
            self._thread.start()
        except RuntimeError:
            self.close()

    def _go(self) -> None:
        with suppress(Exception):
            while not self._is_over.wait(_TICK):
                self.tick()
        self.close()

    def stop(self) -> None:
        """Wait for the end; not long, though, if the terminal takes no text."""
        if os.getpid() == self._process:  # a forked child has no such thread, but maybe its lock
            atexit.unregister(self.stop)
            self._is_over.set()
            with suppress(RuntimeError):  # it may never have begun
                self._thread.join(_PATIENCE)

    def tick(self) -> None:
        """Draw the line anew if it has changed."""
        descriptor = self._find()
        if descriptor is None or not _is_free(descriptor):
            return
        size = os.get_terminal_size(descriptor)
        text = self._text(size.columns - 1)
        text = text.encode(self._encoding, 'backslashreplace').decode(self._encoding)
        text = truncate(text, size.columns - 1)
        if (text, size) != self._drawn and size.lines > 2 and size.columns > len('...'):
            self._draw(descriptor, text, size)

    def _draw(self, descriptor: int, text: str, size: os.terminal_size) -> None:
        # All of it each time, as full-screen programs use the last row and reset the region.
        begin = _WHOLE_SCREEN + _LEAVE_LAST_ROW + (_ERASE_BELOW if size != self._drawn[1] else '')
        region = f'\x1b[1;{size.lines - 1}r\x1b[{size.lines};1H\x1b[m'
        self._drawn = text, size
        drawn = f'{begin}{_SAVE}{region}{text}\x1b[K{_RESTORE}'
        os.write(descriptor, drawn.encode(self._encoding))

    def close(self) -> None:
        """Leave the terminal as it would be without the line, for good: after the last tick."""
        with suppress(Exception):
            descriptor = self._find()
            if self._drawn[0] and descriptor is not None:
                rows = os.get_terminal_size(descriptor).lines
                os.write(descriptor, f'{_SAVE}\x1b[r\x1b[{rows};1H\x1b[2K{_RESTORE}'.encode())
        if self._find() == self._own:
            os.close(self._own)
        del _taken[self._terminal]

    def _find(self) -> int | None:
        """Return a descriptor of the terminal: a Job may have closed it, and opened a file."""
        for descriptor in (self._own, self._given):
            with suppress(OSError):
                if _identity(descriptor) == self._terminal:
                    return descriptor
        return None


def _identity(descriptor: int) -> tuple[int, ...]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino, status.st_rdev


def _is_free(descriptor: int) -> bool:
    """Return whether a terminal takes text, and no editor, pager or shell is at work on it."""
    with suppress(OSError):  # it may be a terminal that no process group is in charge of
        if os.tcgetpgrp(descriptor) != os.getpgrp():
            return False
    return bool(_is_by_lines(descriptor) and select.select([], [descriptor], [], 0)[1])


def _is_by_lines(descriptor: int) -> bool:
    """Return whether a terminal hands on what is typed line by line.

    Raises:
        ImportError: the system has no terminals of this kind, as Windows.
        OSError: it is no terminal.
    """
    import termios

    return bool(termios.tcgetattr(descriptor)[3] & termios.ICANON)
