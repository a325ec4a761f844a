"""Random plans of graphs, a slow model of what must come of them, and Jobs that follow a plan.

Owns three things: `Plan` with `random_plan`; `predict`, the model, which says from the rules alone
what each call must do; `Stage`, which builds real Jobs from a plan and records what they do. Plan
and outcome are plain data. The model must not use the library, nor copy how it works: each time it
looks at all Jobs.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import partial
from random import Random
from typing import Any, Literal, NamedTuple

from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from tests.fakes import FakeClock

#: How a hook ends: it returns, or raises one of `ERRORS`.
Ending = Literal['pass', 'error', 'exit', 'interrupt']
ERRORS: dict[str, type[BaseException]] = {
    'error': ValueError,
    'exit': SystemExit,
    'interrupt': KeyboardInterrupt,
}

BASES: dict[str, type[Job]] = {'Job': Job, 'DummyJob': DummyJob, 'RunonlyJob': RunonlyJob}

#: The line above each stack trace, the only one of it that is compared.
ABOVE_TRACE = '  Error was:'

#: Beyond so many sleeps or calls of hooks, real Jobs give up: no plan needs as many.
ENOUGH = 1000

#: How often cleanup() is called by hand after the runs of a plan.
BY_HAND = 2


class _Brief:
    """Show only what is not as usual, so that it can be read and pasted."""

    __slots__ = ()

    def __repr__(self) -> str:
        told = [
            f'{each.name}={getattr(self, each.name)!r}'
            for each in fields(self)  # type: ignore[arg-type]
            if each.default is MISSING or getattr(self, each.name) != each.default
        ]
        return f'{type(self).__name__}({", ".join(told)})'


@dataclass(frozen=True, slots=True, repr=False)
class Phase(_Brief):
    """How one call of one hook goes."""

    ending: Ending = 'pass'
    seconds: float = 0


@dataclass(frozen=True, slots=True, repr=False)
class Try(_Brief):
    """How the phases of one try go, as far as they are reached."""

    init: Phase = Phase()
    check: Phase = Phase()
    run: Phase = Phase()
    recheck: Phase = Phase()


@dataclass(frozen=True, slots=True, repr=False)
class JobPlan(_Brief):
    """One Job."""

    name: str
    deps: tuple[str, ...] = ()
    base: Literal['Job', 'DummyJob', 'RunonlyJob'] = 'Job'
    #: Whether it has a Check and a Run of its own.
    check: bool = True
    run: bool = True
    #: How each call of Cleanup goes, later ones pass; None if there is no Cleanup.
    cleanup: tuple[Phase, ...] | None = None
    #: Whether the Run and the Cleanup that it lacks are there as None.
    none: bool = False
    #: TRIES and RETRY_DELAY; None means the default.
    tries: float | None = None
    retry_delay: float | None = None
    #: How each try goes, counted over all runs; the last entry holds for all that follow.
    script: tuple[Try, ...] = (Try(),)

    def phase(self, number: int, name: str) -> Phase:
        """Tell how a phase of the try of this number goes; the first is 1."""
        how: Phase = getattr(self.script[min(number, len(self.script)) - 1], name)
        return how

    def cleaned(self, call: int) -> Phase:
        """Tell how a call of Cleanup goes; the first is 1."""
        assert self.cleanup is not None
        return self.cleanup[call - 1] if call <= len(self.cleanup) else Phase()


@dataclass(frozen=True, slots=True, repr=False)
class Options(_Brief):
    """What configure() is called with."""

    root: str
    no_act: bool = False
    cleanup: bool = True
    default_tries: float = 3
    default_retry_delay: float = 1


@dataclass(frozen=True, slots=True, repr=False)
class Run(_Brief):
    """One checknrun(), after a configure() if the options are new."""

    options: Options
    node: str | None = None
    #: Whether the node is given by its name, not as a class.
    by_name: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Plan(_Brief):
    """All that happens to one DoJobber: these runs, then `BY_HAND` times cleanup()."""

    jobs: tuple[JobPlan, ...]
    runs: tuple[Run, ...]
    #: The option of the constructor.
    cleanup: bool = True
    #: What is written, in all runs.
    output: Literal['', 'verbose', 'debug'] = ''
    #: Number of the sleep that is interrupted; the first is 0.
    interrupted_sleep: int | None = None

    def job(self, name: str) -> JobPlan:
        """Find a Job by its name."""
        return next(job for job in self.jobs if job.name == name)

    def post_order(self, root: str) -> list[str]:
        """List the Jobs below a root, dependencies first, each once, and the root last."""
        order: list[str] = []

        def visit(name: str) -> None:
            if name not in order:
                for dependency in self.job(name).deps:
                    visit(dependency)
                order.append(name)

        visit(root)
        return order


class Event(NamedTuple):
    """A hook was called."""

    instant: float
    job: str
    #: Number of the try, counted over all runs.
    number: int
    phase: str


class Choice(NamedTuple):
    """The model chose a Job to try."""

    job: str
    round: int
    #: What else could have been tried, in post-order, the Job itself included.
    ready: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one checknrun() or cleanup() did; exceptions are texts, `Class: message`."""

    events: list[Event]
    nodestatus: dict[str, bool | None]
    noderesults: dict[str, str | None]
    nodeexceptions: dict[str, str]
    #: What the Jobs left in global_storage.
    traces: dict[str, list[str]]
    success: bool
    partial_success: bool
    sleeps: list[float]
    #: What was written to stderr; of a stack trace only the line above it.
    lines: list[str]
    raised: str | None
    #: Known to the model alone: which Job was tried when, and what was held back.
    choices: list[Choice] = field(default_factory=list, compare=False)
    held_back: list[str] = field(default_factory=list, compare=False)


# The model.


class _Raised(Exception):
    """What a hook or a sleep of the model raises."""

    def __init__(self, ending: Ending, message: str, kind: str = '') -> None:
        self.interrupt = ending == 'interrupt'
        self.message = message
        self.text = f'{kind or ERRORS[ending].__name__}: {message}'


class _Due(NamedTuple):
    """A try that is owed a Cleanup."""

    job: JobPlan
    number: int
    storage: list[str]
    traces: dict[str, list[str]]


def predict(plan: Plan) -> list[Outcome]:
    """Say what each call of a plan must come to."""
    model = _Model(plan)
    return [model.checknrun(run) for run in plan.runs] + [model.cleanup() for _ in range(BY_HAND)]


class _Model:
    """The rules."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.now = FakeClock().now
        self.tries_made: Counter[str] = Counter()
        self.cleanups_called: Counter[str] = Counter()
        self.sleeps_begun = 0
        self.due: list[_Due] = []

    # One call

    def checknrun(self, run: Run) -> Outcome:
        self.begin_call()
        self.options = run.options
        self.order = self.plan.post_order(run.node or run.options.root)
        self.jobs = {name: self.plan.job(name) for name in self.order}
        self.status: dict[str, bool | None] = dict.fromkeys(self.order)
        self.results: dict[str, str | None] = {}
        self.exceptions: dict[str, str] = {}
        self.traces: dict[str, list[str]] = {}
        self.tries_left = {name: self.allowed(job) for name, job in self.jobs.items()}
        self.round = dict.fromkeys(self.order, 1)
        self.not_before = dict.fromkeys(self.order, -math.inf)
        raised = []
        try:
            self.try_all()
        except _Raised as interrupt:
            raised.append(interrupt)
        if self.plan.cleanup and run.options.cleanup and not run.options.no_act:
            raised += self.unwind()
        return self.outcome(raised)

    def cleanup(self) -> Outcome:
        self.begin_call()
        return self.outcome(self.unwind())

    def begin_call(self) -> None:
        self.events: list[Event] = []
        self.sleeps: list[float] = []
        self.lines: list[str] = []
        self.choices: list[Choice] = []
        self.held_back: list[str] = []

    def outcome(self, raised: list[_Raised]) -> Outcome:
        interrupts = [each for each in raised if each.interrupt]
        return Outcome(
            events=self.events,
            nodestatus=dict(self.status),
            noderesults=dict(self.results),
            nodeexceptions=dict(self.exceptions),
            traces={name: list(traces) for name, traces in self.traces.items()},
            success=all(status is True for status in self.status.values()),
            partial_success=any(status is True for status in self.status.values()),
            sleeps=self.sleeps,
            lines=self.lines,
            raised=(interrupts + raised)[0].text if raised else None,
            choices=self.choices,
            held_back=self.held_back,
        )

    # Order, tries, delays

    def allowed(self, job: JobPlan) -> float:
        tries = self.options.default_tries if job.tries is None else job.tries
        return 1 if self.options.no_act else tries if tries == math.inf else math.ceil(tries)

    def delay(self, job: JobPlan) -> float:
        return self.options.default_retry_delay if job.retry_delay is None else job.retry_delay

    def unblocked(self, name: str) -> bool:
        return all(self.status[dependency] for dependency in self.jobs[name].deps)

    def try_all(self) -> None:
        while True:
            wanted = [
                name
                for name in self.order
                if not self.status[name] and self.tries_left[name] > 0 and self.unblocked(name)
            ]
            ready = [name for name in wanted if self.not_before[name] <= self.now]
            if ready:
                name = min(ready, key=lambda each: (self.round[each], self.order.index(each)))
                self.choices.append(Choice(name, self.round[name], tuple(ready)))
                self.try_one(name)
            elif wanted:
                self.sleep(min(self.not_before[name] for name in wanted) - self.now)
            else:
                return

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.sleeps_begun += 1
        if self.sleeps_begun - 1 == self.plan.interrupted_sleep:
            raise _Raised('interrupt', 'sleep')
        self.now += seconds

    def try_one(self, name: str) -> None:
        job = self.jobs[name]
        self.tries_made[name] += 1
        self.tries_left[name] -= 1
        self.not_before[name] = self.now + self.delay(job)
        try:
            result = self.attempt(job, self.tries_made[name])
        except _Raised as error:
            self.status[name] = False
            self.exceptions[name] = error.text
            self.round[name] += 1
            if error.interrupt:
                raise
        else:
            self.status[name] = True
            self.results[name] = result
            self.exceptions.pop(name, None)
            for other in self.order:
                if name in self.jobs[other].deps and self.unblocked(other):
                    self.round[other] = self.round[name]

    # One try

    def attempt(self, job: JobPlan, number: int) -> str | None:
        """Go through the phases; return the result or raise what the Job fails with."""
        storage: list[str] = []
        try:
            self.play(job, number, 'init', job.phase(number, 'init'))
        except _Raised as error:
            self.tell(job, 'check', error)
            raise
        try:
            result = self.check(job, number, storage)
        except _Raised as error:
            self.tell(job, 'check', error)
            if error.interrupt or self.options.no_act:
                raise
        else:
            self.tell(job, 'check')
            return result
        return self.run_and_recheck(job, number, storage)

    def run_and_recheck(self, job: JobPlan, number: int, storage: list[str]) -> str | None:
        run_result, run_error = None, None
        if not job.run:
            # A phase that failed like any other: in debug it has its trace.
            self.tell(job, 'run', _Raised('error', 'no Run'))
        else:
            if job.cleanup is not None:
                self.due.append(_Due(job, number, storage, self.traces))
            try:
                run_result = self.hook(job, number, 'run', storage)
                self.tell(job, 'run')
            except _Raised as error:
                self.tell(job, 'run', error)
                if error.interrupt:
                    raise
                run_error = error
        try:
            result = self.recheck(job, number, storage, run_result, run_error)
        except _Raised as error:
            self.tell(job, 'recheck', error)
            raise
        self.tell(job, 'recheck')
        return result

    def check(self, job: JobPlan, number: int, storage: list[str]) -> str | None:
        if job.check:
            return self.hook(job, number, 'check', storage)
        if job.base == 'RunonlyJob':
            message = 'Runonly node check intentionally fails first time.'
            raise _Raised('error', message, 'RuntimeError')
        return None

    def recheck(
        self,
        job: JobPlan,
        number: int,
        storage: list[str],
        run_result: str | None,
        run_error: _Raised | None,
    ) -> str | None:
        if job.check:
            return self.hook(job, number, 'recheck', storage)
        if run_error:
            raise run_error
        return run_result

    def hook(self, job: JobPlan, number: int, phase: str, storage: list[str]) -> str:
        storage.append(phase)
        trace = f'{job.name}.{number}: {" ".join(storage)}'
        self.traces.setdefault(job.name, []).append(trace)
        self.play(job, number, phase, job.phase(number, phase))
        return trace

    def play(self, job: JobPlan, number: int, phase: str, how: Phase) -> None:
        self.events.append(Event(self.now, job.name, number, phase))
        self.now += how.seconds
        if how.ending != 'pass':
            raise _Raised(how.ending, f'{job.name}.{number} {phase}')

    # Cleanup

    def unwind(self) -> list[_Raised]:
        """Call what is due, last one first; return what was raised."""
        raised: list[_Raised] = []
        held_back: set[str] = set()
        for due in reversed(self.due.copy()):
            if due.job.name in held_back:
                self.held_back.append(f'{due.job.name}.{due.number}')
                continue
            try:
                self.clean_up(due)
                self.due.remove(due)
            except _Raised as error:
                raised.append(error)
                held_back |= set(self.plan.post_order(due.job.name))
        return raised

    def clean_up(self, due: _Due) -> None:
        name = due.job.name
        self.cleanups_called[name] += 1
        due.storage.append('cleanup')
        due.traces.setdefault(name, []).append(f'{name}.{due.number}: {" ".join(due.storage)}')
        if self.plan.output == 'debug':
            self.lines.append(f'{name}.cleanup running')
        try:
            how = due.job.cleaned(self.cleanups_called[name])
            self.play(due.job, due.number, 'cleanup', how)
        except _Raised as error:
            self.lines.append(f'{name}.cleanup: fail "{error.message}"')
            self.line_above_trace()
            raise
        if self.plan.output == 'debug':
            self.lines.append(f'{name}.cleanup: pass')

    # Lines

    def tell(self, job: JobPlan, phase: str, error: _Raised | None = None) -> None:
        if error is None:
            self.line_if_verbose(f'{job.name}.{phase}: pass')
        elif not error.interrupt:
            message = f' "{error.message}"' if phase == 'recheck' else ''
            self.line_if_verbose(f'{job.name}.{phase}: fail{message}')
            self.line_above_trace()

    def line_if_verbose(self, line: str) -> None:
        if self.plan.output:
            self.lines.append(line)

    def line_above_trace(self) -> None:
        if self.plan.output == 'debug':
            self.lines.append(ABOVE_TRACE)


# Real Jobs that follow a plan.


class Endless(BaseException):
    """End a run that would never end, as no failure of a Job could."""


class InterruptedClock(FakeClock):
    """A clock that is interrupted in one of its sleeps."""

    def __init__(self, interrupted: int | None = None) -> None:
        super().__init__()
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

    They live by `clock`. `perform` takes a DoJobber through all calls of the plan.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.clock = InterruptedClock(plan.interrupted_sleep)
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
            'TRIES': job.tries,
            'RETRY_DELAY': job.retry_delay,
            '__init__': self._init(job),
        }
        if job.none:
            attributes.update(Run=None, Cleanup=None)
        if job.check:
            attributes['Check'] = self._check_or_run(job, 'check')
        if job.run:
            attributes['Run'] = self._check_or_run(job, 'run')
        if job.cleanup is not None:
            attributes['Cleanup'] = self._cleanup(job)
        return BASES[job.base].clone(job.name, **attributes)

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
        """Make all calls of the plan on a new DoJobber and tell what came of each."""
        dojob = self.clock.drive(DoJobber(cleanup=self.plan.cleanup))
        outcomes = []
        options = None
        for run in self.plan.runs:
            if run.options != options:
                options = run.options
                self.configure(dojob, options)
            node = run.node if run.by_name or run.node is None else self.jobs[run.node]
            outcomes.append(self.record(dojob, partial(dojob.checknrun, node)))
        return outcomes + [self.record(dojob, dojob.cleanup) for _ in range(BY_HAND)]

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
        )

    def record(self, dojob: DoJobber, call: Callable[[], None]) -> Outcome:
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


# Random plans.


def random_plan(seed: int) -> Plan:
    """Make up a plan; the same seed gives the same one."""
    return _Dice(seed).plan()


class _Dice(Random):
    """Choices with a bias that holds for a whole plan."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.trouble = self.choice((0.1, 0.3, 0.6))
        self.slowness = self.choice((0, 0.2, 0.5))
        self.no_delays = self.chance(0.4)

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def plan(self) -> Plan:
        count = self.randint(1, 12)
        names = self.sample('abcdefghijkl', count)
        jobs: list[JobPlan] = []
        for name in names:
            jobs.append(self.job(name, self.deps([job.name for job in jobs], name == names[-1])))
        if self.chance(0.2):
            self.interrupt(jobs)
        bare = Plan(tuple(jobs), ())
        return replace(
            bare,
            runs=self.runs(bare),
            cleanup=self.chance(0.9),
            output=self.choice(('', 'verbose', 'verbose', 'debug')),
            interrupted_sleep=self.choice((0, 0, 1, 2)) if self.chance(0.08) else None,
        )

    # Jobs

    def deps(self, before: list[str], last: bool) -> tuple[str, ...]:
        count = self.choice((2, 3, 4)) if last else self.choice((0, 0, 1, 1, 2, 3))
        # Those made last are taken more often, which makes graphs deep.
        near = before[-4:] if self.chance(0.5) else before
        deps = self.sample(near, min(count, len(near)))
        if deps and self.chance(0.05):
            deps.append(deps[0])
        return tuple(deps)

    def job(self, name: str, deps: tuple[str, ...]) -> JobPlan:
        base: Any = self.choice(('Job',) * 7 + ('RunonlyJob',) * 3 + ('DummyJob',) * 2)
        job = JobPlan(
            name,
            deps,
            base,
            check=base == 'Job' or self.chance(0.2),
            run=base == 'RunonlyJob' or self.chance(0.85 if base == 'Job' else 0.4),
            cleanup=self.cleanup() if self.chance(0.7) else None,
            none=self.chance(0.3),
            tries=self.choice((None, None, 1, 2, 3, 4, 1.5, 2.25, math.inf)),
            retry_delay=None if self.no_delays else self.choice((None, 0, 0.5, 1, 2, 4, 9.5)),
        )
        return replace(job, script=self.script(ever=job.tries == math.inf))

    def script(self, ever: bool) -> tuple[Try, ...]:
        """Make some tries that fail and then one that passes, which is left out sometimes."""
        failures = 0
        while failures < 5 and self.chance(self.trouble):
            failures += 1
        tries = [self.failing_try() for _ in range(failures)]
        if ever or not tries or self.chance(0.7):
            tries.append(self.passing_try())
        return tuple(tries)

    def failing_try(self) -> Try:
        if self.chance(0.1):
            return Try(init=self.failing_phase())
        run = self.failing_phase() if self.chance(0.6) else self.passing_phase()
        return Try(self.passing_phase(), self.failing_phase(), run, self.failing_phase())

    def passing_try(self) -> Try:
        check = self.passing_phase() if self.chance(0.4) else self.failing_phase()
        return Try(self.passing_phase(), check, self.passing_phase(), self.passing_phase())

    def passing_phase(self) -> Phase:
        return Phase('pass', self.seconds())

    def failing_phase(self) -> Phase:
        return Phase('exit' if self.chance(0.15) else 'error', self.seconds())

    def seconds(self) -> float:
        # Halves and quarters are exact, so that instants can be compared.
        return self.choice((0.25, 0.5, 1, 2, 3.5)) if self.chance(self.slowness) else 0

    def cleanup(self) -> tuple[Phase, ...]:
        calls: list[Phase] = []
        while len(calls) < 4 and self.chance(0.25):
            ending = self.choices(('pass', 'error', 'exit', 'interrupt'), (2, 6, 2, 2))[0]
            calls.append(Phase(ending, self.seconds()))  # type: ignore[arg-type]
        return tuple(calls)

    def interrupt(self, jobs: list[JobPlan]) -> None:
        """Put an interrupt into one phase of one try."""
        index = self.randrange(len(jobs))
        script = list(jobs[index].script)
        number = self.randrange(len(script))
        phase = self.choice(('init', 'check', 'run', 'recheck'))
        interrupted: Any = {phase: Phase('interrupt', self.seconds())}
        script[number] = replace(script[number], **interrupted)
        jobs[index] = replace(jobs[index], script=tuple(script))

    # Runs

    def runs(self, plan: Plan) -> tuple[Run, ...]:
        runs: list[Run] = []
        options = self.options(plan)
        for _ in range(self.choices((1, 2, 3), (12, 7, 1))[0]):
            if runs and self.chance(0.4):
                options = self.options(plan)
            node = self.choice(plan.post_order(options.root)) if self.chance(0.25) else None
            runs.append(Run(options, node, by_name=self.chance(0.5)))
        return tuple(runs)

    def options(self, plan: Plan) -> Options:
        root = plan.jobs[-1] if self.chance(0.9) else self.choice(plan.jobs)
        return Options(
            root.name,
            no_act=self.chance(0.12),
            cleanup=self.chance(0.75),
            default_tries=self.choice((1, 2, 3, 3, 1.1)),
            default_retry_delay=0 if self.no_delays else self.choice((0, 0.5, 1, 3)),
        )
