"""Puts off what Ctrl-C raises, where it would leave unknown what was done.

Owns the handlers of SIGINT and SIGTERM, for no longer than that.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any


def defer_signals(call: Callable[[], None]) -> None:
    """Call something; what handlers of signals raise within is raised after it.

    What they raise for a second signal is raised at once.
    """
    both = signal.SIGINT, signal.SIGTERM
    handlers = {each: found for each in both if callable(found := signal.getsignal(each))}
    process, raised = os.getpid(), list[BaseException]()

    def handle(number: Any, frame: Any) -> None:
        try:
            handlers[number](number, frame)
        except BaseException as error:
            if raised or os.getpid() != process:  # a worker that was forked meanwhile has this, too
                raise
            raised.append(error)

    try:
        with ExitStack() as stack:
            with suppress(ValueError):  # in other threads and interpreters nothing is raised
                for each, handler in handlers.items():
                    signal.signal(each, handle)
                    stack.callback(signal.signal, each, handler)
            call()
    finally:
        if raised:
            raise raised.pop()
