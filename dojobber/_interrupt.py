"""Where Ctrl-C is let in: at once in the code of users, elsewhere at the next safe point.

Owns the handlers of SIGINT, SIGTERM and SIGHUP during a run. A signal that comes in a hook, a
listener or a Cleanup is handled at once. One that comes in the code of the library is noted, and
handled where the library calls `deliver` or `collect`. So no other module has to expect a
KeyboardInterrupt between two of its lines.

Three functions are the doors to the code of users: `call_hook`, `call_listener`, `call_cleanup`.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

_PACKAGE = __name__.partition('.')[0]
#: The signals that end a run. The first is the first to be guarded, and the last to be given back.
SIGNALS = [
    getattr(signal, name) for name in ('SIGINT', 'SIGTERM', 'SIGHUP') if hasattr(signal, name)
]
#: Seconds after which a signal no longer holds up the next one.
PATIENCE = 0.5

#: The numbers of the signals that wait for a safe point.
noted: list[int] = []


def call_hook(hook: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a hook, or handle the signals that were noted instead. A door."""
    if noted:
        deliver()
    return hook(*args, **kwargs)


def call_listener(listener: Callable[[Any], object], event: object) -> None:
    """Call a listener. A door."""
    listener(event)


def call_cleanup(hook: Callable[[], Any]) -> Any:
    """Call a Cleanup. A door, but only for signals that come in the hook's own frames.

    One that comes when the hook has returned must not pass for its failure.
    """
    return hook()


_DOORS = {door.__code__ for door in (call_hook, call_listener, call_cleanup)}


class _Guard:
    """The wrappers around the handlers of the user, in the main thread."""

    def __init__(self) -> None:
        #: Who needs the guard; a run within a hook of another shares it.
        self.users: set[object] = set()
        #: How many blocks of `uninterrupted` are active.
        self.deferring = 0
        #: Are called when a signal is noted, to end a wait.
        self.wakers: list[Callable[[], object]] = []
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._since = 0.0
        self._pid = 0

    def enter(self, user: object) -> None:
        """Stand before the handlers that are functions; ignored signals stay ignored."""
        if os.getpid() != self._pid:  # a child that was forked in a hook begins afresh
            self._pid = os.getpid()
            self.users.clear()
            noted.clear()
        self.users.add(user)
        if len(self.users) == 1:
            for number in SIGNALS:
                handler: Any = signal.getsignal(number)
                if callable(handler) and handler != self._handle:
                    self._handlers[number] = handler
                    signal.signal(number, self._handle)

    def leave(self, user: object) -> None:
        """Give the signals back to the user's handlers, and handle what is still noted."""
        self.users.discard(user)
        if not self.users:
            handlers = dict(self._handlers)
            try:
                self._give_back()
            finally:  # again, in case that a handler which is back has raised
                self._give_back()
            raised: list[BaseException] = []
            for number in _taken_from(noted):
                try:
                    handlers[number](number, sys._getframe())
                except BaseException as caught:
                    raised.append(caught)
            if raised:
                raise raised[0]

    def _give_back(self) -> None:
        while self._handlers:
            number = next(reversed(self._handlers))
            if signal.getsignal(number) == self._handle:  # not one that a hook has set
                signal.signal(number, self._handlers[number])
            del self._handlers[number]

    def _handle(self, number: int, frame: FrameType | None) -> None:
        is_open = not self.deferring and _is_open(frame)
        is_late = bool(noted) and time.monotonic() - self._since >= PATIENCE
        if is_open or is_late or os.getpid() != self._pid:  # a child, forked in a hook
            self.call(number, frame)
            return
        if not noted:
            self._since = time.monotonic()
        if number not in noted:
            noted.append(number)
        for wake in self.wakers:
            wake()

    def call(self, number: int, frame: FrameType | None) -> None:
        """Call the user's handler of a signal, which usually raises."""
        with suppress(ValueError):
            noted.remove(number)
        self._handlers[number](number, frame)


def _taken_from(numbers: list[int]) -> list[int]:
    """Return the numbers of a list, and empty it."""
    taken = numbers[:]
    numbers.clear()
    return taken


_GUARD = _Guard()


def _is_open(frame: FrameType | None) -> bool:
    """Return whether a frame is in the code of users: behind a door, or not called from here."""
    if frame is not None and frame.f_code is call_cleanup.__code__:
        return False
    while frame is not None:
        if str(frame.f_globals.get('__name__')).partition('.')[0] == _PACKAGE:
            return frame.f_code in _DOORS
        frame = frame.f_back
    return True


def _has_signals() -> bool:
    """Return whether handlers run in this thread: only in the main one."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def guarded() -> Iterator[None]:
    """Defer signals that come in the code of the library to the next safe point."""
    if not _has_signals():
        yield
        return
    user = object()
    try:
        with suppress(ValueError):  # raised in interpreters other than the main one
            _GUARD.enter(user)
        yield
    finally:
        _GUARD.leave(user)


@contextmanager
def woken_by_signals(wake: Callable[[], object]) -> Iterator[None]:
    """Have a function called when a signal is noted; it may end a wait, and must not raise."""
    if not _has_signals():
        yield
        return
    _GUARD.wakers.append(wake)
    try:
        yield
    finally:
        _GUARD.wakers.remove(wake)


def deliver() -> None:
    """Handle the signals that were noted; handlers usually raise."""
    while noted and not _GUARD.deferring and _has_signals():
        _GUARD.call(noted[0], sys._getframe())


def collect(errors: list[BaseException]) -> None:
    """Handle the signals that were noted, and keep what their handlers raise."""
    while noted and not _GUARD.deferring and _has_signals():
        try:
            deliver()
        except BaseException as caught:
            errors.append(caught)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off the exceptions of Ctrl-C, SIGTERM and SIGHUP to the end of the block.

    For steps of a hook that must not be torn apart, such as starting a process and storing it for
    Cleanup::

        with uninterrupted():
            self.storage['server'] = subprocess.Popen(command)

    In a thread other than the main one, where signals raise nothing, it has no effect. A second
    signal after half a second is not put off.
    """
    if not _has_signals():
        yield
        return
    with guarded():
        _GUARD.deferring += 1
        try:
            yield
        finally:
            _GUARD.deferring -= 1
            deliver()
