"""One line on a terminal, drawn again and again, which makes way for all else that is written.

Owns how often it is drawn and how it makes way. Knows nothing of what it says.

The line is missing after text that ended no line, up to the next newline in the same stream; and
after many lines within a second, until more comes. What isn't written by ``write`` of the streams,
such as what child processes write, begins behind it.
"""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from dojobber._output.text import columns, truncate

_ERASE = '\r\x1b[K'
# How often the line is drawn in any second at most.
_MOST = 10
# What is under way, and since when; '' means a wait, and until when.
Claim = tuple[str, float]


class State(Protocol):
    """What there is to say."""

    #: How many draws must be left to put the line back after text.
    text_leaves: int

    def claim(self) -> Claim | None:
        """Return what is true now, and must not stay on the screen when it is no more."""

    def line(self, claim: Claim | None, width: int, encoding: str) -> str:
        """Return the line with a claim or without, in about so many columns."""


class Line:
    """The line on the screen."""

    __slots__ = ('_state', '_clock', '_writers', '_drawn', '_text', '_claim', '_pid', '__weakref__')

    def __init__(self, state: State, clock: Callable[[], float]) -> None:
        """Begin without a line; the clock is a monotonic one, in seconds."""
        self._state = state
        self._clock = clock
        self._writers: list[_Writer] = []
        self._drawn: deque[float] = deque(maxlen=_MOST)
        # What is on the screen, and what it claims.
        self._text = ''
        self._claim: Claim | None = None
        # A forked child inherits all this, and must not draw.
        self._pid: int | None = os.getpid()

    def make_way_for(self, stream: Any) -> None:
        """Stay out of the way of what is written to a stream; the first one bears the line."""
        self._writers.append(_Writer(stream, self))

    def want(self, leaves: int) -> None:
        """Draw if more draws than that are left, else take back a claim that is not true now."""
        with suppress(Exception):  # that is no matter of who writes; and other threads write, too
            now, claim = self._clock(), self._state.claim()
            left = _MOST - sum(now - each < 1 for each in self._drawn)
            if left <= leaves:
                if self._claim in (None, claim):
                    return
                claim = None
            if self._pid == os.getpid() and not any(each.is_within_line for each in self._writers):
                self._draw(claim, now)

    def put_back(self) -> None:
        """Draw after text, which has erased the line."""
        self.want(self._state.text_leaves)

    def _draw(self, claim: Claim | None, now: float) -> None:
        stream = self._writers[0].stream
        width = columns(stream) - 1
        text = self._state.line(claim, width, getattr(stream, 'encoding', None) or 'utf-8')
        text = truncate(text, width) if width >= len('...') else ''
        is_new = text != self._text
        self._text, self._claim = text, claim
        if is_new:
            self._drawn.append(now)
            self._write(_ERASE + text)

    def erase(self) -> None:
        """Take the line off the screen."""
        if self._text:
            with suppress(Exception):
                self._write(_ERASE)
            self._text, self._claim = '', None

    def _write(self, text: str) -> None:
        # What a stream still holds back would come after the line.
        for each in self._writers:
            with suppress(Exception):
                each.stream.flush()
        self._writers[0].write(text)
        self._writers[0].stream.flush()

    def close(self) -> None:
        """Take the line off the screen for good, and let go of the streams."""
        self._pid = None
        self.erase()
        for each in self._writers:
            each.remove()

    __del__ = close


class _Writer:
    """Takes the place of the ``write`` of a stream, for all who hold that stream.

    Another stream in `sys.stderr` would miss those who hold the old one, as log handlers do.
    """

    __slots__ = ('stream', 'write', 'is_within_line', 'line', '_before')

    def __init__(self, stream: Any, line: Line) -> None:
        self.stream = stream
        self.write: Callable[[Any], Any] = stream.write
        #: Whether the last text did not end its line.
        self.is_within_line = False
        self.line = weakref.ref(line)
        self._before = vars(stream).get('write')
        vars(stream)['write'] = self

    def __call__(self, text: Any) -> Any:
        line = self.line()
        if line is None or not isinstance(text, str) or not text:
            return self.write(text)
        line.erase()
        self.is_within_line = not text.endswith('\n')
        written = self.write(text)
        line.put_back()
        return written

    def remove(self) -> None:
        """Put the stream's own ``write`` back, unless something else has taken this one's place."""
        attributes = vars(self.stream)
        if attributes.get('write') is self:
            del attributes['write']
            if self._before is not None:
                attributes['write'] = self._before


def is_free_terminal(stream: Any) -> bool:
    """Tell whether a stream is a terminal, and one that no line makes way for yet."""
    try:
        writer = vars(stream).get('write')
        is_taken = isinstance(writer, _Writer) and writer.line() is not None
        return bool(stream.isatty()) and os.environ.get('TERM') != 'dumb' and not is_taken
    except Exception:
        return False
