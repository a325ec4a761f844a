"""What became of a Job, in one word and in full.

Owns what a report says of one Job. Knows nothing of how a run goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from dojobber._failures import Failure
from dojobber.job import Job

__all__ = ['JobReport', 'Outcome']


class Outcome(str, Enum):
    """What became of a Job. Each is a str, and ``str()`` of it is its value."""

    #: It succeeded, and no try called Run.
    OK = 'ok'
    #: It succeeded, and some try called Run.
    CHANGED = 'changed'
    #: Its last try failed.
    FAILED = 'failed'
    #: Something that it depends on failed.
    BLOCKED = 'blocked'
    #: With no_act: its Check failed, and Run would have been called.
    WOULD_RUN = 'would_run'
    #: With no_act: it depends on what would or might run, and on nothing that failed.
    MIGHT_RUN = 'might_run'
    #: It was under way when the run was ended, by Ctrl-C for one.
    INTERRUPTED = 'interrupted'
    #: The run was ended before its turn.
    NOT_RUN = 'not_run'

    __str__ = str.__str__


@dataclass(frozen=True, slots=True, eq=False)
class JobReport:
    """What became of one Job."""

    name: str
    job: type[Job] = field(repr=False)
    outcome: Outcome
    #: How many tries were used.
    tries: int
    #: How long each phase took in all tries together, by its name. None: not taken, for a Check
    #: that passed at once is only timed where someone looks on; or there was no try.
    seconds: Mapping[str, float] | None = field(repr=False)
    #: When its first try began and when its last one ended, in seconds from the start of the run;
    #: None like `seconds`.
    start: float | None = field(repr=False)
    end: float | None = field(repr=False)
    #: What the Check returned that made it succeed; None if it did not.
    result: Any = field(repr=False)
    #: ``pass`` if each Cleanup that it was owed has passed, ``fail`` if one has failed, ``due`` if
    #: one is still to come; None if it is owed none.
    cleanup: str | None = field(repr=False)
    #: The phase that decided the last try.
    _phase: str | None = field(repr=False)
    _check: Failure | None = field(repr=False)
    _run: Failure | None = field(repr=False)
    _last: Failure | None = field(repr=False)
    _cleanup: Failure | None = field(repr=False)
    _blocked_by: Callable[[], tuple[str, ...]] = field(repr=False)
    _blocks: Callable[[], tuple[str, ...]] = field(repr=False)
    #: How many Jobs count for this one: itself, and blocked ones, each for one failed Job alone.
    _weight: Callable[[], int] = field(repr=False)

    @property
    def check_exception(self) -> BaseException | None:
        """Why the first Check of the last try failed: with no_act or for a change, the reason."""
        return self._check and self._check.exception

    @property
    def run_exception(self) -> BaseException | None:
        """What Run raised, in the latest try in which it did; often the true reason of a failure.

        Where it did not decide, it is kept without its frames.
        """
        return self._run and self._run.exception

    @property
    def exception(self) -> BaseException | None:
        """Why the last try that failed did so; also of a Job that succeeded later."""
        return self._last and self._last.exception

    @property
    def cleanup_exception(self) -> BaseException | None:
        """Why its Cleanup failed, if ``cleanup`` is ``fail``."""
        return self._cleanup and self._cleanup.exception

    @property
    def blocked_by(self) -> tuple[str, ...]:
        """The failed Jobs at the roots of what blocks this one, in graph order."""
        return self._blocked_by() if self.outcome is Outcome.BLOCKED else ()
