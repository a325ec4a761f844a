"""The events of a run, which listeners are called with.

Owns their fields. Knows neither senders nor listeners.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dojobber._record import Record
from dojobber.job import Job
from dojobber.outcome import Outcome, Phase

__all__ = [
    'Event',
    'JobEnded',
    'JobEvent',
    'Listener',
    'PhaseEnded',
    'PhaseStarted',
    'RunEnded',
    'RunStarted',
    'TryEnded',
    'TryEvent',
    'TryStarted',
    'Waiting',
]


class Event(Record):
    """Base of all events."""


#: A callable that gets each event of a run, in order, in the thread that called checknrun().
Listener = Callable[[Event], object]


class RunStarted(Event):
    """Start of a run.

    Attributes:
        jobs: the Jobs of the run, dependencies first.
        no_act: whether no Run will be called.
    """

    jobs: tuple[type[Job], ...]
    no_act: bool


class JobEvent(Event):
    """Base of the events about one Job.

    Attributes:
        name: the name of the Job.
        job: its class.
    """

    name: str
    job: type[Job]


class TryEvent(JobEvent):
    """Base of the events about one try. Its fields are those of `JobEvent`, and two more.

    Attributes:
        number: the number of the try, from 1.
        allowed: the greatest number of tries of the Job; ``math.inf`` means no limit.
    """

    number: int
    allowed: float


class TryStarted(TryEvent):
    """Start of a try. Its fields are those of `TryEvent`."""


class PhaseStarted(TryEvent):
    """Start of a phase. Its fields are those of `TryEvent`, and one more.

    Attributes:
        phase: the phase.
    """

    phase: Phase


class PhaseEnded(TryEvent):
    """End of a phase. Its fields are those of `TryEvent`, and five more.

    Attributes:
        phase: the phase.
        outcome: ``pass``; ``fail`` if its hook raised an Exception or SystemExit; ``interrupt`` if
            it raised another exception, which ends the run.
        result: the value that the hook returned; None if it raised.
        exception: the exception that the hook raised; None if it returned.
        seconds: the duration of the phase, by the monotonic clock.
    """

    phase: Phase
    outcome: str
    result: Any
    exception: BaseException | None
    seconds: float


class TryEnded(TryEvent):
    """End of a try. Its fields are those of `TryEvent`, and four more.

    Attributes:
        status: True if the try succeeded.
        phase: the phase that decided.
        left: the number of tries that the Job has left.
        not_before: the instant of the monotonic clock from which the Job may be tried again; None
            if there is no other try.
    """

    status: bool
    phase: Phase
    left: float
    not_before: float | None


class Waiting(Event):
    """Start of a wait: no Job can be tried before a delay is over.

    Attributes:
        seconds: the duration of the wait.
        names: the names of the Jobs that may be tried then.
    """

    seconds: float
    names: tuple[str, ...]


class JobEnded(JobEvent):
    """Final outcome of a Job, known at the end of the run at the latest.

    Its fields are those of `JobEvent`, and four more.

    Attributes:
        status: as in ``nodestatus``.
        outcome: the outcome.
        exception: the exception that failed the last try; None unless it failed.
        unmet: the names of the dependencies that did not succeed; empty if the Job was tried.
    """

    status: bool | None
    outcome: Outcome
    exception: BaseException | None
    unmet: tuple[str, ...]


class RunEnded(Event):
    """End of a run and of its automatic Cleanup.

    Attributes:
        statuses: as in ``nodestatus``.
        seconds: the duration of the run.
    """

    statuses: Mapping[str, bool | None]
    seconds: float
