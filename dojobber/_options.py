"""The options of configure() that say how to run.

Owns the options and their checks. Knows nothing of how a run goes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from dojobber._attributes import reject_async_or_generator
from dojobber._exceptions import safe_repr
from dojobber.errors import ConfigurationError
from dojobber.events import Listener

_LOG = logging.getLogger('DoJobber')


class Options(NamedTuple):
    """The options of the last configure()."""

    no_act: bool = False
    verbose: bool = False
    debug: bool = False
    cleanup: bool = True
    #: The user's own.
    listeners: tuple[Listener, ...] = ()
    summary: bool = False
    progress: bool = False
    #: Takes the secrets out of a text; `str` where there are none.
    mask: Callable[[str], str] = str

    @property
    def is_observed(self) -> bool:
        """Whether anyone has use for more than the ends of Cleanups."""
        asked = self.verbose or self.debug or self.summary or self.progress
        return asked or bool(self.listeners) or _LOG.isEnabledFor(logging.DEBUG)


def as_listeners(listeners: Any) -> tuple[Listener, ...]:
    """Return the listeners as a tuple.

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
