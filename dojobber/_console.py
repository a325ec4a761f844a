"""Writes to stderr: the lines about phases, and the log.

The only writer of stderr. Nothing that goes wrong here costs a Job.
"""

from __future__ import annotations

import logging
import sys
from textwrap import indent
from typing import Any

from dojobber._exceptions import is_failure, message, trace
from dojobber._phase import Ended


class Console:
    """Print a line for each phase, as far as the user asked for them."""

    __slots__ = ('verbose', '_debug')

    def __init__(self, verbose: bool, debug: bool) -> None:
        """Choose what to print: how each phase ended, and with debug its stack trace too."""
        #: Whether it prints more than Cleanups that fail.
        self.verbose = verbose or debug
        self._debug = debug

    def phase(self, name: str, phase: str, ended: Ended | None) -> None:
        """Print that a phase begins (None) or how it ended.

        Args:
            name: of the Job.
            phase: its name.
            ended: how it ended.
        """
        if ended is None:
            if phase == 'cleanup' and self._debug:
                write(f'{name}.cleanup running\n')
        elif ended.exception is not None:
            self._failed(name, phase, ended.exception)
        elif phase == 'cleanup':
            if self._debug:
                write(f'{name}.cleanup: pass\n')
        elif self.verbose and phase != 'init':
            write(f'{name}.{phase}: pass\n')

    def _failed(self, name: str, phase: str, error: BaseException) -> None:
        if phase == 'cleanup':
            line = f'{name}.cleanup: fail "{message(error)}"\n'
        elif not self.verbose or not is_failure(error):
            return
        elif phase == 'recheck':
            line = f'{name}.recheck: fail "{message(error)}"\n'
        else:
            # Upstream: a Job that can't be made is one whose Check failed.
            line = f'{name}.{"check" if phase == "init" else phase}: fail\n'
        if self._debug:
            line += f'  Error was:\n{indent(trace(error), "  ")}'
        write(line)


def write(text: str) -> None:
    """Write to the stderr of this moment, all at once; where that can't be done, don't."""
    stream = sys.stderr
    try:
        try:
            stream.write(text)
        except UnicodeError:
            stream.write(text.encode('ascii', 'backslashreplace').decode())
    except Exception:
        pass


def show_log(level: int | str) -> None:
    """Print the library's log from this level on.

    Args:
        level: as of the logging module.
    """
    logger = logging.getLogger('DoJobber')
    logger.addHandler(_HANDLER)
    logger.setLevel(level)


class _Handler(logging.Handler):
    """Write log records as all else is written."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except (Exception, SystemExit):
            text = f'DoJobber {record.levelname}: {record.msg}'
        write(f'{text}\n')


class _Formatter(logging.Formatter):
    """Show exceptions as they are shown elsewhere."""

    def formatException(self, ei: Any) -> str:
        return trace(ei[1]).rstrip('\n')


_HANDLER = _Handler()
_HANDLER.setFormatter(_Formatter('DoJobber %(levelname)-19s: %(message)s'))
