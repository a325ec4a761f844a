"""The errors that configure() raises before anything runs, and the one that hooks raise.

Owns the classes and what they carry; the modules that find a fault write its message.
"""

from __future__ import annotations

__all__ = ['ConfigurationError', 'CycleError', 'DuplicateNameError', 'GiveUp', 'NotAJobError']


class ConfigurationError(RuntimeError):
    """A Job, an attribute or a value that can't work: the base of all that configure() refuses."""


class NotAJobError(ConfigurationError, TypeError):
    """Something other than a Job class as the root, in DEPS or as DEPS."""


class DuplicateNameError(ConfigurationError):
    """Two different classes of one ``__name__``: results are kept by name."""


class CycleError(ConfigurationError):
    """Jobs that depend on each other in a circle."""

    #: The names along the circle; the first is repeated at the end.
    cycle: tuple[str, ...]

    def __init__(self, cycle: tuple[str, ...]) -> None:
        """Make the message from the path.

        Args:
            cycle: the names along the circle, the first one repeated at the end.
        """
        super().__init__(f'DEPS go in a circle: {" -> ".join(cycle)}')
        self.cycle = cycle

    def __reduce__(self) -> tuple[type[CycleError], tuple[tuple[str, ...]]]:
        return type(self), (self.cycle,)


class GiveUp(Exception):
    """The failure of a hook after which no other try of its Job will help in this run.

    Raised by Check before Run, it fails the Job at once, without Run. Raised by Run, it leaves the
    decision to the recheck, and if that fails there is no other try. Raised by the recheck, there
    is no other try either.
    """
