"""Puts off what Ctrl-C raises, where it would leave unknown what was done.

Owns the handlers of SIGINT and SIGTERM, for no longer than that.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any


def undisturbed(call: Callable[[], None]) -> None:
    """Call something; what a signal would raise within is raised after it.

    A second signal raises at once.
    """
    both = signal.SIGINT, signal.SIGTERM
    handlers = {each: found for each in both if callable(found := signal.getsignal(each))}
    process, heard = os.getpid(), list[Any]()

    def note(number: Any, frame: Any) -> None:
        if heard or os.getpid() != process:  # a worker that was forked meanwhile has this, too
            handlers[number](number, frame)
        else:
            heard.append((number, frame))

    try:
        with suppress(ValueError):  # in other threads and interpreters nothing is raised
            for each in handlers:
                signal.signal(each, note)
        call()
    finally:
        with suppress(ValueError):
            for each, handler in handlers.items():
                signal.signal(each, handler)
        for number, frame in heard:
            handlers[number](number, frame)
