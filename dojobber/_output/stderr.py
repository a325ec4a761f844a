"""Writes text to the stderr of the moment.

Owns what happens where that can't be done at once, or at all: nothing of it costs a Job. Knows
nothing of what the text means.
"""

from __future__ import annotations

import os
import sys
import time
import weakref
from contextlib import suppress
from typing import Any

# How long to wait for a reader who is slow, and how long between two looks, in seconds.
_PATIENCE = 1.0
_PAUSE = 0.01
# The buffer of any stream takes this number of bytes at once.
_PIECE = 1000


class _Writer:
    """Writes to stderr, and remembers a stream whose reader has stopped reading."""

    def __init__(self) -> None:
        self._stuck: weakref.ref[Any] | None = None

    def write(self, text: str) -> None:
        """Write to the stderr of this moment; never raise where that fails.

        Args:
            text: with its line break. A stream that does not block gets it in pieces: what its
                reader does not take within a second is lost.
        """
        stream: Any = sys.stderr
        with suppress(Exception):
            if _is_non_blocking(stream):
                self._write_in_pieces(stream, text)
            else:
                _write_at_once(stream, text)

    def _write_in_pieces(self, stream: Any, text: str) -> None:
        # Without a reader, a second for each line would be too much.
        is_stuck = self._stuck is not None and self._stuck() is stream
        deadline = time.monotonic() + (0.0 if is_stuck else _PATIENCE)
        is_done = _write_all(stream, text.encode(stream.encoding, 'backslashreplace'), deadline)
        self._stuck = None if is_done else weakref.ref(stream)


def _write_at_once(stream: Any, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeError:
        stream.write(text.encode('ascii', 'backslashreplace').decode())


def _is_non_blocking(stream: Any) -> bool:
    try:
        # A script may have put a `write` of its own there, to get hold of what is written.
        return not os.get_blocking(stream.fileno()) and 'write' not in vars(stream)
    except Exception:
        return False


def _write_all(stream: Any, data: bytes, deadline: float) -> bool:
    """Write until the deadline, and return whether all was written."""
    while not (is_empty := _flush(stream)) or data:
        written = _write_some(stream.buffer, data[:_PIECE]) if is_empty else 0
        data = data[written:]
        if not written:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_PAUSE)
    return True


def _flush(stream: Any) -> bool:
    try:
        stream.flush()
    except BlockingIOError:
        return False
    return True


def _write_some(buffer: Any, data: bytes) -> int:
    """Return how many bytes were written; an unbuffered stream says None for none."""
    try:
        return buffer.write(data) or 0
    except BlockingIOError as error:
        return error.characters_written


#: Writes a text to the stderr of this moment.
write = _Writer().write
