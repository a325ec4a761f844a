"""Writes to stderr: the lines about phases, the summary and the log.

Owns the words of the lines. Escapes characters that would move the cursor or forge a line.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from dojobber._exceptions import exc_info, safe_repr, safe_str, shown, trace
from dojobber._output.stderr import write
from dojobber._output.text import columns, escape, escape_message, wants_colours
from dojobber.events import Event, PhaseEnded, PhaseStarted, TryEnded, TryStarted
from dojobber.outcome import Phase
from dojobber.remote import RemoteError
from dojobber.report import JobReport

if TYPE_CHECKING:
    from dojobber._output.secrets import Masker

_LOG = logging.getLogger('DoJobber')
_LoggerClass: Any = type(_LOG)


class _Logger(_LoggerClass):  # type: ignore[misc]
    """A logger that stays enabled: `logging.config` disables those that it finds, by default."""

    disabled = property(lambda self: False, lambda self, value: None)


_LOG.__class__ = _Logger


class Console:
    """Print a line for each phase, as far as the user asked for them: a listener."""

    def __init__(self, verbose: bool, debug: bool, mask: Callable[[str], str] = str) -> None:
        """Choose what to print: how each phase ended, and with debug its traceback too.

        Args:
            verbose: whether to print how each phase ended.
            debug: whether to print that, each traceback, and each Cleanup.
            mask: takes the secrets out of a text.
        """
        self._verbose = verbose or debug
        self._debug = debug
        self._mask = mask

    def __call__(self, event: Event) -> None:
        """Print the line of an event, if it has one."""
        if isinstance(event, PhaseEnded):
            self._ended(event)
        elif isinstance(event, PhaseStarted) and event.phase == Phase.CLEANUP and self._debug:
            write(f'{self._name(event)}.cleanup running\n')

    def _name(self, event: PhaseStarted | PhaseEnded) -> str:
        return escape(self._mask(event.name))

    def _ended(self, event: PhaseEnded) -> None:
        if event.exception is not None:
            self._failed(event, event.exception)
        elif event.phase == Phase.CLEANUP:
            if self._debug:
                write(f'{self._name(event)}.cleanup: pass\n')
        elif self._verbose and event.phase != Phase.INIT:
            write(f'{self._name(event)}.{event.phase}: pass\n')

    def _failed(self, event: PhaseEnded, error: BaseException) -> None:
        phase = event.phase
        if phase != Phase.CLEANUP and (not self._verbose or event.outcome == 'interrupt'):
            return
        # Upstream: a Job that can't be made is one whose Check failed.
        line = f'{self._name(event)}.{Phase.CHECK if phase == Phase.INIT else phase}: fail'
        if phase in (Phase.RECHECK, Phase.CLEANUP):
            line += f' "{escape_message(self._mask(safe_str(error)))}"'
        if self._debug:
            from textwrap import indent

            text = escape_message(self._mask(trace(error)))
            line += f'\n  Error was:\n{indent(text, "  ")}'
        write(line.removesuffix('\n') + '\n')


def print_summary(
    jobs: Sequence[JobReport], seconds: float | None, mask: Callable[[str], str] = str
) -> None:
    """Write the summary of a run.

    Args:
        jobs: the report of each Job.
        seconds: the duration of the run.
        mask: takes the secrets out of a text.
    """
    from dojobber._output.summary import summary

    stream = sys.stderr
    write(summary(jobs, seconds, columns(stream), wants_colours(stream), mask) + '\n')


def show_log(level: int | str) -> None:
    """Print the library's log from this level on.

    Args:
        level: as of the logging module.
    """
    _LOG.addHandler(_HANDLER)
    _LOG.setLevel(level)


def mask_log(masker: Masker) -> None:
    """Have secrets taken out of the log, as long as their masker is in use."""
    _SECRETS.maskers.add(masker)


def log_tries(event: Event) -> None:
    """Log each try and its end: a listener."""
    if isinstance(event, TryStarted):
        _LOG.debug('Trying %s', event.name)
    elif isinstance(event, TryEnded):
        if event.status:
            _LOG.debug('%s has succeeded', event.name)
        else:
            _LOG.debug('%s has failed in its %s', event.name, event.phase)


def _unformatted(record: logging.LogRecord) -> str:
    """Return the message of a record whose values do not fit."""
    return f'{safe_repr(record.msg)} % {safe_repr(record.args)}'


class _Secrets(logging.Filter):
    """Takes secrets out of log records, for the handlers of users, too."""

    def __init__(self) -> None:
        super().__init__()
        self.maskers: WeakSet[Masker] = WeakSet()

    def filter(self, record: logging.LogRecord) -> bool:
        if self.maskers:
            try:
                text = record.getMessage()
            except (Exception, SystemExit):
                text = _unformatted(record)
            record.msg, record.args = self._masked(text), None
            record.stack_info = record.stack_info and self._masked(record.stack_info)
            self._mask_exception(record)
        return True

    def _mask_exception(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        text = record.exc_text or ('' if error is None else trace(error).rstrip('\n'))
        record.exc_text = self._masked(text) or None
        if error is not None and record.exc_text != text:
            # A formatter of JSON, or a tracker of errors, reads the exception itself.
            record.exc_info = exc_info(RemoteError(*map(self._masked, shown(error))))

    def _masked(self, text: str) -> str:
        for masker in [*self.maskers]:
            text = masker.mask(text)
        return text


class _Handler(logging.Handler):
    """Write log records to the stderr of the moment."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = self.format(record)
        except (Exception, SystemExit):
            text = f'DoJobber {record.levelname}: {_unformatted(record)}'
        write(f'{escape_message(text)}\n')


class _Formatter(logging.Formatter):
    """Escape messages, and shorten tracebacks as in the lines about phases."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        return escape(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return trace(ei[1]).rstrip('\n')


_SECRETS = _Secrets()
_LOG.addFilter(_SECRETS)
_HANDLER = _Handler()
_HANDLER.setFormatter(_Formatter('DoJobber %(levelname)-19s: %(message)s'))
