"""What configure() was told about running.

Owns the options and who listens to a run because of them. Knows nothing of how a run goes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dojobber._attributes import reject_async_or_generator
from dojobber._executors.pool import Pool
from dojobber._failures import safe_repr
from dojobber._output.console import Console, log_tries
from dojobber.errors import ConfigurationError
from dojobber.events import Listener

_LOG = logging.getLogger('DoJobber')


@dataclass(frozen=True, slots=True)
class Options:
    """What the last configure() said."""

    no_act: bool = False
    verbose: bool = False
    debug: bool = False
    cleanup: bool = True
    #: The user's own.
    listeners: tuple[Listener, ...] = ()
    summary: bool = False
    progress: bool = False
    #: None: Jobs are tried one after the other, in the driver.
    pool: Pool | None = None

    @property
    def listens(self) -> bool:
        """Whether anyone has use for more than the ends of Cleanups."""
        asked = self.verbose or self.debug or self.summary or self.progress
        return asked or bool(self.listeners) or _LOG.isEnabledFor(logging.DEBUG)

    def all_listeners(self, first: Iterable[Listener], last: Iterable[Listener]) -> list[Listener]:
        """Return who listens to a run, in order; the console always does.

        Args:
            first: come before all others.
            last: come after them.
        """
        log = [log_tries] if _LOG.isEnabledFor(logging.DEBUG) else []
        return [*first, Console(self.verbose, self.debug), *log, *self.listeners, *last]


def as_listeners(listeners: Any) -> tuple[Listener, ...]:
    """Return what was given as listeners.

    Raises:
        ConfigurationError: they are none.
    """
    if isinstance(listeners, Iterable) and not isinstance(listeners, (str, bytes)):
        found = tuple(listeners)
        for each in found:
            reject_async_or_generator('a listener', each)
        if all(callable(each) for each in found):
            return found
    fix = '; write listeners=(f,)' if callable(listeners) else ''
    rule = 'listeners must be an iterable of callables'
    raise ConfigurationError(f'{rule}, got {safe_repr(listeners)}{fix}')
