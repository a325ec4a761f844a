"""What listeners are told: one small event for each thing that happens in a run.

Owns what the events hold. Knows nothing of who sends them, or of who listens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True)
class Event:
    """Anything that happens in a run: the base of all events."""


#: A callable that gets each event of a run, in order, in the thread that called checknrun().
Listener = Callable[[Event], object]


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run begins.

    Attributes:
        jobs: the Jobs of the run, dependencies first.
        no_act: whether no Run will be called.
    """

    jobs: tuple[type[Job], ...]
    no_act: bool


@dataclass(frozen=True, slots=True)
class JobEvent(Event):
    """Something happens to a Job: the base of the events about one.

    Attributes:
        name: the name of the Job.
        job: its class.
    """

    name: str
    job: type[Job]


@dataclass(frozen=True, slots=True)
class TryEvent(JobEvent):
    """Something happens in a try of a Job: the base of the events about one.

    Beside the fields of `JobEvent` it has these.

    Attributes:
        number: which of the Job's tries it is, from 1 on.
        allowed: how often the Job may be tried; ``math.inf`` means that there is no limit.
    """

    number: int
    allowed: float


@dataclass(frozen=True, slots=True)
class TryStarted(TryEvent):
    """A try of a Job begins. It has the fields of `JobEvent` and `TryEvent`."""


@dataclass(frozen=True, slots=True)
class PhaseStarted(TryEvent):
    """A phase of a try begins.

    Beside the fields of `JobEvent` and `TryEvent` it has this one.

    Attributes:
        phase: the phase.
    """

    phase: Phase


@dataclass(frozen=True, slots=True)
class PhaseEnded(TryEvent):
    """A phase of a try has ended.

    Beside the fields of `JobEvent` and `TryEvent` it has these.

    Attributes:
        phase: the phase.
        outcome: ``pass``; ``fail`` if its hook raised an Exception or SystemExit; ``interrupt`` if
            it raised anything else, which ends the run.
        result: the value that the hook returned; None if it raised.
        exception: the exception that the hook raised; None if it returned.
        seconds: how long the phase took, by the monotonic clock.
    """

    phase: Phase
    outcome: str
    result: Any
    exception: BaseException | None
    seconds: float


@dataclass(frozen=True, slots=True)
class TryEnded(TryEvent):
    """A try of a Job has ended.

    Beside the fields of `JobEvent` and `TryEvent` it has these.

    Attributes:
        status: True if the try succeeded.
        phase: the phase that decided.
        left: how many tries the Job had left.
        not_before: the instant of the monotonic clock from which the Job may be tried again; None
            if there is no other try.
    """

    status: bool
    phase: Phase
    left: float
    not_before: float | None


@dataclass(frozen=True, slots=True)
class Waiting(Event):
    """Nothing can be tried now: the run sleeps until a delay is over.

    Attributes:
        seconds: how long.
        names: the names of the Jobs that may be tried then.
    """

    seconds: float
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobEnded(JobEvent):
    """The outcome of a Job is final, at the end of the run at the latest.

    Beside the fields of `JobEvent` it has these.

    Attributes:
        status: as in ``nodestatus``.
        outcome: what became of the Job.
        exception: why the last try failed; None unless it did.
        unmet: the names of the dependencies that did not succeed; empty if the Job was tried.
    """

    status: bool | None
    outcome: Outcome
    exception: BaseException | None
    unmet: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """A run has ended, its automatic Cleanup included.

    Attributes:
        statuses: as in ``nodestatus``.
        seconds: how long the run took.
    """

    statuses: Mapping[str, bool | None]
    seconds: float
