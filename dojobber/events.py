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
    """A run begins."""

    #: The Jobs that it is about, dependencies first.
    jobs: tuple[type[Job], ...]
    #: Whether no Run will be called.
    no_act: bool


@dataclass(frozen=True, slots=True)
class JobEvent(Event):
    """Something happens to a Job: the base of the events about one."""

    #: Of the Job.
    name: str
    job: type[Job]


@dataclass(frozen=True, slots=True)
class TryEvent(JobEvent):
    """Something happens in a try of a Job: the base of the events about one."""

    #: Which of the Job's tries it is, from 1 on.
    number: int
    #: How often the Job may be tried; ``math.inf`` means that there is no limit.
    allowed: float


@dataclass(frozen=True, slots=True)
class TryStarted(TryEvent):
    """A try of a Job begins."""


@dataclass(frozen=True, slots=True)
class PhaseStarted(TryEvent):
    """A phase of a try begins."""

    phase: Phase


@dataclass(frozen=True, slots=True)
class PhaseEnded(TryEvent):
    """A phase of a try has ended."""

    phase: Phase
    #: ``pass``; ``fail`` if it raised an Exception or SystemExit; ``interrupt`` if it raised
    #: anything else, which ends the run.
    outcome: str
    #: What was returned; None if it raised.
    result: Any
    #: What was raised; None if it returned.
    exception: BaseException | None
    #: How long it took, by the monotonic clock.
    seconds: float


@dataclass(frozen=True, slots=True)
class TryEnded(TryEvent):
    """A try of a Job has ended."""

    #: True if it succeeded.
    status: bool
    #: The phase that decided.
    phase: Phase
    #: How many tries the Job had left.
    left: float
    #: The instant of the monotonic clock from which the Job may be tried again, None if never.
    not_before: float | None


@dataclass(frozen=True, slots=True)
class Waiting(Event):
    """Nothing can be tried now: the run sleeps until a delay is over."""

    #: How long.
    seconds: float
    #: The Jobs that may be tried then.
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobEnded(JobEvent):
    """It is clear what becomes of a Job, at the end of the run at the latest."""

    #: As in ``nodestatus``.
    status: bool | None
    outcome: Outcome
    #: Why the last try failed; None unless it did.
    exception: BaseException | None
    #: Which of its DEPS did not succeed; empty if it was tried.
    unmet: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunEnded(Event):
    """A run has ended, its automatic Cleanup included."""

    #: As in ``nodestatus``.
    statuses: Mapping[str, bool | None]
    #: How long the run took.
    seconds: float
