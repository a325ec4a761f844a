"""Writes to stderr: the lines about phases, the summary and the log.

All that is written to stderr, but for the progress line. Nothing that goes wrong here costs a Job.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from textwrap import indent
from typing import Any

from dojobber._failures import safe_str, trace
from dojobber._output.text import columns, wants_colours
from dojobber.events import Event, PhaseEnded, PhaseStarted, TryEnded, TryStarted
from dojobber.report import JobReport

_LOG = logging.getLogger('DoJobber')


class Console:
    """Print a line for each phase, as far as the user asked for them: a listener."""

    __slots__ = ('_verbose', '_debug')

    def __init__(self, verbose: bool, debug: bool) -> None:
        """Choose what to print: how each phase ended, and with debug its stack trace too."""
        self._verbose = verbose or debug
        self._debug = debug

    def __call__(self, event: Event) -> None:
        """Print the line of an event, if it has one."""
        if isinstance(event, PhaseEnded):
            self._ended(event)
        elif isinstance(event, PhaseStarted) and event.phase == 'cleanup' and self._debug:
            write(f'{event.name}.cleanup running\n')

    def _ended(self, event: PhaseEnded) -> None:
        if event.exception is not None:
            self._failed(event, event.exception)
        elif event.phase == 'cleanup':
            if self._debug:
                write(f'{event.name}.cleanup: pass\n')
        elif self._verbose and event.phase != 'init':
            write(f'{event.name}.{event.phase}: pass\n')

    def _failed(self, event: PhaseEnded, error: BaseException) -> None:
        name, phase = event.name, event.phase
        if phase == 'cleanup':
            line = f'{name}.cleanup: fail "{safe_str(error)}"\n'
        elif not self._verbose or event.outcome == 'interrupt':
            return
        elif phase == 'recheck':
            line = f'{name}.recheck: fail "{safe_str(error)}"\n'
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


def print_summary(jobs: Sequence[JobReport], seconds: float | None) -> None:
    """Write the summary of a run.

    Args:
        jobs: what became of each Job.
        seconds: how long the run took.
    """
    from dojobber._output.summary import summary

    stream = sys.stderr
    write(summary(jobs, seconds, columns(stream), wants_colours(stream)) + '\n')


def show_log(level: int | str) -> None:
    """Print the library's log from this level on.

    Args:
        level: as of the logging module.
    """
    _LOG.addHandler(_HANDLER)
    _LOG.setLevel(level)


def log_tries(event: Event) -> None:
    """Log each try and its end: a listener."""
    if isinstance(event, TryStarted):
        _LOG.debug('Trying %s', event.name)
    elif isinstance(event, TryEnded):
        if event.status:
            _LOG.debug('%s has succeeded', event.name)
        else:
            _LOG.debug('%s has failed in its %s', event.name, event.phase)


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
