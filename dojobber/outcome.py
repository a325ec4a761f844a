"""The phases of a try and the outcomes of a Job.

Owns their names. Knows nothing of the course of a try.
"""

from __future__ import annotations

from enum import Enum

__all__ = ['Outcome', 'Phase']


class Phase(str, Enum):
    """A part of a try. Each is a str, and ``str()`` of it is its value.

    Attributes:
        INIT: an object of the Job's class is made.
        CHECK: the first call of Check.
        RUN: the call of Run.
        RECHECK: the second call of Check, which decides.
        CLEANUP: the call of Cleanup, after the run.
    """

    INIT = 'init'
    CHECK = 'check'
    RUN = 'run'
    RECHECK = 'recheck'
    CLEANUP = 'cleanup'

    __str__ = str.__str__


class Outcome(str, Enum):
    """Outcome of one Job. Each is a str, and ``str()`` of it is its value.

    Attributes:
        OK: it succeeded without Run.
        CHANGED: it succeeded, and Run was called in at least one try.
        FAILED: its last try failed.
        BLOCKED: a Job that it depends on failed.
        WOULD_RUN: with no_act: its Check failed, and Run would have been called.
        MIGHT_RUN: with no_act: it depends on Jobs that would or might run, and on none that failed.
        INTERRUPTED: the run was ended early, by Ctrl-C or `DoJobber.stop`, while it was in flight
            or had tries left.
        NOT_RUN: the run was ended before its turn.
    """

    OK = 'ok'
    CHANGED = 'changed'
    FAILED = 'failed'
    BLOCKED = 'blocked'
    WOULD_RUN = 'would_run'
    MIGHT_RUN = 'might_run'
    INTERRUPTED = 'interrupted'
    NOT_RUN = 'not_run'

    __str__ = str.__str__
