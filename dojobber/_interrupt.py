"""Puts off what Ctrl-C raises, where it would leave unknown what was done.

Owns the handler of SIGINT, for no longer than that.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any


def undisturbed(call: Callable[[], None]) -> None:
    """Call something; what Ctrl-C would raise within is raised after it.

    A second Ctrl-C raises at once.
    """
    handler, process, pressed = signal.getsignal(signal.SIGINT), os.getpid(), list[Any]()
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        call()
        return

    def note(*args: Any) -> None:
        if pressed or os.getpid() != process:  # a worker that was forked meanwhile has this, too
            handler(*args)
        else:
            pressed.append(args)

    try:
        signal.signal(signal.SIGINT, note)
        call()
    finally:
        signal.signal(signal.SIGINT, handler)
        if pressed:
            handler(*pressed[0])
