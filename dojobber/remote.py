"""Stand-ins for exceptions and values that could not travel from a worker to the driver.

Owns three small classes. Knows nothing of how things travel.
"""

from __future__ import annotations

__all__ = ['RemoteBaseException', 'RemoteError', 'RemoteValue']


class _StandIn(BaseException):
    """The class name and the message of an exception."""

    def __init__(self, class_name: str, text: str) -> None:
        """Make it from the parts of the exception that are safe to read.

        Args:
            class_name: the name of its class.
            text: its message.
        """
        super().__init__(class_name, text)
        #: The name of the exception's class.
        self.class_name = class_name
        #: Its message.
        self.text = text

    def __str__(self) -> str:
        return f'{self.class_name}: {self.text}' if self.text else self.class_name


class RemoteError(_StandIn, Exception):
    """A stand-in for an exception that was raised in a worker and can't be made again here."""


class RemoteBaseException(_StandIn):
    """A stand-in for one that is neither an Exception nor SystemExit: it ends the run."""


class RemoteValue:
    """A stand-in for a value that was returned in a worker and can't be made again here."""

    __slots__ = ('text',)

    def __init__(self, text: str) -> None:
        """Make it from the ``repr()`` of the value."""
        #: The ``repr()`` of the value, or only its class and address if it was lost on arrival.
        self.text = text

    def __repr__(self) -> str:
        return f'RemoteValue({self.text!r})'
