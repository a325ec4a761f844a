"""Real Jobs that follow a plan and record what they do.

Owns `Stage`, which takes a DoJobber through all calls of a plan. Knows nothing of what must come
of them.
"""

from __future__ import annotations

import contextlib
import io
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from dojobber import DoJobber, DummyJob, GiveUp, Job, RunonlyJob
from tests.fakes import FakeClock
from tests.plans import (
    ABOVE_TRACE,
    BY_HAND,
    START,
    Event,
    JobPlan,
    Options,
    Outcome,
    Phase,
    Plan,
    Run,
)

ERRORS: dict[str, type[BaseException]] = {
    'error': ValueError,
    'exit': SystemExit,
    'give up': GiveUp,
    'interrupt': KeyboardInterrupt,
}
BASES: dict[str, type[Job]] = {'Job': Job, 'DummyJob': DummyJob, 'RunonlyJob': RunonlyJob}

#: Beyond so many sleeps or calls of hooks, real Jobs give up: no plan needs as many.
ENOUGH = 1000


class Endless(BaseException):
    """End a run that would never end, as no failure of a Job could."""


class InterruptedClock(FakeClock):
    """A clock that is interrupted in one of its sleeps."""

    def __init__(self, interrupted: int | None = None) -> None:
        super().__init__(START)
        self.interrupted = interrupted

    def sleep(self, seconds: float) -> None:
        """Take the place of time.sleep."""
        if len(self.sleeps) == self.interrupted:
            self.sleeps.append(seconds)
            raise KeyboardInterrupt('sleep')
        if len(self.sleeps) > ENOUGH:
            raise Endless
        super().sleep(seconds)


class Stage:
    """Real Jobs of a plan, by name in `jobs`, that note what they do in `events`.

    They live by `clock`. `perform` takes `dojob` through all calls of the plan.
    """

    def __init__(self, plan: Plan, **configuration: Any) -> None:
        self.plan = plan
        #: What configure() is called with beside the options of the plan.
        self.configuration = configuration
        self.clock = InterruptedClock(plan.interrupted_sleep)
        self.dojob = self.clock.drive(DoJobber(cleanup=plan.cleanup))
        self.events: list[Event] = []
        self.tries_made: Counter[str] = Counter()
        self.cleanups_called: Counter[str] = Counter()
        self.jobs: dict[str, type[Job]] = {}
        for job in plan.jobs:
            self.jobs[job.name] = self.build(job)

    def build(self, job: JobPlan) -> type[Job]:
        """Make the class of one Job, whose dependencies are in `jobs` already."""
        attributes: dict[str, Any] = {
            'DEPS': tuple(self.jobs[name] for name in job.deps),
            'WATCH': tuple(self.jobs[name] for name in job.watch),
            'TRIES': job.tries,
            'RETRY_DELAY': job.retry_delay,
            'LOCKS': job.locks,
            'IN_DRIVER': job.in_driver,
            **self.hooks(job),
        }
        return BASES[job.base].clone(job.name, **attributes)

    def hooks(self, job: JobPlan) -> dict[str, Any]:
        """Make the hooks of one Job."""
        hooks: dict[str, Any] = {'__init__': self._init(job)}
        if job.none:
            hooks.update(Run=None, Cleanup=None)
        if job.check:
            hooks['Check'] = self._check_or_run(job, 'check')
        if job.run:
            hooks['Run'] = self._check_or_run(job, 'run')
        if job.cleanup is not None:
            hooks['Cleanup'] = self._cleanup(job)
        return hooks

    def _init(self, job: JobPlan) -> Callable[[Any], None]:
        def init(made: Any) -> None:
            self.tries_made[job.name] += 1
            made.number = self.tries_made[job.name]
            self._play(job, made.number, 'init', job.phase(made.number, 'init'))

        return init

    def _check_or_run(self, job: JobPlan, hook: str) -> Callable[[Any], str]:
        def check_or_run(made: Any) -> str:
            phase = made._check_phase if hook == 'check' else hook
            trace = _trace(made, job, phase)
            self._play(job, made.number, phase, job.phase(made.number, phase))
            return trace

        return check_or_run

    def _cleanup(self, job: JobPlan) -> Callable[[Any], None]:
        def cleanup(made: Any) -> None:
            self.cleanups_called[job.name] += 1
            _trace(made, job, 'cleanup')
            how = job.cleaned(self.cleanups_called[job.name])
            self._play(job, made.number, 'cleanup', how)

        return cleanup

    def _play(self, job: JobPlan, number: int, phase: str, how: Phase) -> None:
        self.events.append(Event(self.clock.now, job.name, number, phase))
        if len(self.events) > ENOUGH:
            raise Endless
        self.clock.advance(how.seconds)
        if how.ending != 'pass':
            raise ERRORS[how.ending](f'{job.name}.{number} {phase}')

    def perform(self) -> list[Outcome]:
        """Make all calls of the plan, once, and tell what came of each."""
        dojob, outcomes = self.dojob, []
        options = None
        for run in self.plan.runs:
            if run.options != options:
                options = run.options
                self.configure(dojob, options)
            outcomes.append(self.record(dojob, partial(dojob.checknrun, self.given(run))))
        return outcomes + [self.record(dojob, dojob.cleanup) for _ in range(BY_HAND)]

    def given(self, run: Run) -> Any:
        """Return what checknrun() is given: a name or a class, several of them, or None."""
        if run.nodes is None:
            return None
        given: Any = run.nodes if run.by_name else [self.jobs[name] for name in run.nodes]
        return given if len(given) > 1 else given[0]

    def configure(self, dojob: DoJobber, options: Options) -> None:
        """Configure a DoJobber as the plan says."""
        dojob.configure(
            self.jobs[options.root],
            no_act=options.no_act,
            verbose=self.plan.output == 'verbose',
            debug=self.plan.output == 'debug',
            cleanup=options.cleanup,
            default_tries=options.default_tries,
            default_retry_delay=options.default_retry_delay,
            more_deps=self.more_deps(options),
            **self.configuration,
        )

    def more_deps(self, options: Options) -> dict[type[Job], list[type[Job]]]:
        """Return what configure() is given as more DEPS."""
        return {
            self.jobs[name]: [self.jobs[each] for each in more] for name, more in options.more_deps
        }

    def record(self, dojob: DoJobber, call: Callable[[], object]) -> Outcome:
        """Make one call and tell what came of it."""
        events, sleeps = len(self.events), len(self.clock.sleeps)
        raised = None
        with contextlib.redirect_stderr(io.StringIO()) as stderr:
            try:
                call()
            except BaseException as error:
                raised = _text(error)
        return Outcome(
            events=self.events[events:],
            nodestatus=dict(dojob.nodestatus),
            noderesults=dict(dojob.noderesults),
            nodeexceptions={name: _text(why) for name, why in dojob.nodeexceptions.items()},
            traces={name: list(traces) for name, traces in dojob.global_storage.items()},
            success=dojob.success(),
            partial_success=dojob.partial_success(),
            sleeps=self.clock.sleeps[sleeps:],
            lines=[
                line
                for line in stderr.getvalue().splitlines()
                if line == ABOVE_TRACE or not line.startswith('  ')
            ],
            raised=raised,
        )


def _trace(made: Any, job: JobPlan, phase: str) -> str:
    """Leave word in both storages."""
    phases = made.storage.setdefault('phases', [])
    phases.append(phase)
    trace = f'{job.name}.{made.number}: {" ".join(phases)}'
    made.global_storage.setdefault(job.name, []).append(trace)
    return trace


def _text(error: BaseException) -> str:
    return f'{type(error).__name__}: {error}'
