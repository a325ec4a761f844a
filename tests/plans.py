"""Plans: what Jobs do and what is done with them, made up at random, and what comes of it.

Owns plain data that the model and the stage have in common. Knows nothing of either, nor of the
library.
"""

from __future__ import annotations

import math
from dataclasses import MISSING, dataclass, field, fields, replace
from functools import cached_property
from random import Random
from typing import Any, Literal, NamedTuple

#: How a hook ends: it returns, or raises what `ERRORS` names.
Ending = Literal['pass', 'error', 'exit', 'give up', 'interrupt']
ERRORS: dict[str, str] = {
    'error': 'ValueError',
    'exit': 'SystemExit',
    'give up': 'GiveUp',
    'interrupt': 'KeyboardInterrupt',
}

#: Seconds, or one number for each failed try, of which the last holds from then on.
Delay = float | tuple[float, ...]

#: The line above each traceback, the only one of it that is compared.
ABOVE_TRACE = '  Error was:'

#: The instant at which all begins.
START = 1000.0

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
    retry_delay: Delay | None = None
    #: How each try goes, counted over all runs; the last entry holds for all that follow.
    script: tuple[Try, ...] = (Try(),)
    #: The Jobs whose change calls for its Run.
    watch: tuple[str, ...] = ()
    #: What counts where there is an executor.
    locks: tuple[str, ...] = ()
    in_driver: bool = False

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
    default_retry_delay: Delay = 1
    #: Jobs, and what they depend on beside their own.
    more_deps: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def delay(self, job: JobPlan, failures: int) -> float:
        """Tell the delay of a Job after so many failed tries."""
        delay = self.default_retry_delay if job.retry_delay is None else job.retry_delay
        return delay[min(failures, len(delay)) - 1] if isinstance(delay, tuple) else delay

    def needs(self, job: JobPlan) -> tuple[str, ...]:
        """List all that a Job depends on."""
        return (*job.deps, *job.watch, *dict(self.more_deps).get(job.name, ()))


@dataclass(frozen=True, slots=True, repr=False)
class Run(_Brief):
    """One checknrun(), after a configure() if the options are new."""

    options: Options
    #: The Jobs to run; None stands for the root.
    nodes: tuple[str, ...] | None = None
    #: Whether they are given by their names, not as classes.
    by_name: bool = False


@dataclass(frozen=True, repr=False)
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
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, JobPlan]:
        return {job.name: job for job in self.jobs}

    def order(self, run: Run) -> list[str]:
        """List the Jobs of a run in post-order."""
        return self.post_order(run.options, run.nodes or (run.options.root,))

    def post_order(self, options: Options, nodes: tuple[str, ...]) -> list[str]:
        """List some Jobs and all that they depend on, dependencies first, each once."""
        order: list[str] = []

        def visit(name: str) -> None:
            if name not in order:
                for dependency in options.needs(self.job(name)):
                    visit(dependency)
                order.append(name)

        for name in nodes:
            visit(name)
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
    #: What was written to stderr; of a traceback only the line above it.
    lines: list[str]
    raised: str | None
    #: Known to the model alone: which Job was tried when, and what was held back.
    choices: list[Choice] = field(default_factory=list, compare=False)
    held_back: list[str] = field(default_factory=list, compare=False)
    #: Likewise: which Jobs were called by a change, and by those of which other Jobs.
    calls: list[tuple[str, tuple[str, ...]]] = field(default_factory=list, compare=False)


def random_plan(seed: int) -> Plan:
    """Make up a plan; the same seed gives the same one."""
    return _Dice(seed).plan()


def random_plan_to_share(seed: int) -> Plan:
    """Make up a plan in which some Jobs have locks, and some are tried in the driver."""
    plan, dice = random_plan(seed), Random(seed)
    locking, driving = dice.choice((0, 0.3, 0.8)), dice.choice((0, 0, 0.2))
    jobs = [
        replace(
            job,
            locks=tuple(name for name in 'xyz' if dice.random() < locking / 2),
            in_driver=dice.random() < driving,
        )
        for job in plan.jobs
    ]
    return replace(plan, jobs=tuple(jobs))


def without_interrupts(plan: Plan) -> Plan:
    """Return a plan like this one, in which nothing is interrupted and Cleanups pass."""
    jobs = []
    for job in plan.jobs:
        script = [
            replace(each, **{
                name: Phase('error', phase.seconds)
                for name in ('init', 'check', 'run', 'recheck')
                if (phase := getattr(each, name)).ending == 'interrupt'
            })
            for each in job.script
        ]  # fmt: skip
        if job.tries == math.inf:
            script.append(Try())
        cleanup = None if job.cleanup is None else ()
        jobs.append(replace(job, script=tuple(script), cleanup=cleanup))
    return replace(plan, jobs=tuple(jobs), interrupted_sleep=None)


class _Dice(Random):
    """Choices with a bias that holds for a whole plan."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.trouble = self.choice((0.1, 0.3, 0.6))
        self.slowness = self.choice((0, 0.2, 0.5))
        self.no_delays = self.chance(0.4)
        self.watching = self.choice((0, 0, 0.5))

    def chance(self, probability: float) -> bool:
        return self.random() < probability

    def plan(self) -> Plan:
        count = self.randint(1, 12)
        names = self.sample('abcdefghijkl', count)
        jobs: list[JobPlan] = []
        for name in names:
            before = [job.name for job in jobs]
            jobs.append(self.job(name, self.deps(before, name == names[-1]), before))
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

    def job(self, name: str, deps: tuple[str, ...], before: list[str]) -> JobPlan:
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
            retry_delay=None if self.no_delays else self.choice(
                (None, 0, 0.5, 1, 2, 4, 9.5, (0.5, 2, 7), (4, 0))
            ),
        )  # fmt: skip
        if before and self.chance(self.watching):
            watch = tuple(self.sample(before, min(len(before), self.choice((1, 1, 2)))))
            has_check = job.check and self.chance(0.7)
            job = replace(job, watch=watch, check=has_check, run=job.run or self.chance(0.7))
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
        run = self.passing_phase()
        if self.chance(0.05):
            run = Phase('give up', self.seconds())
        return Try(self.passing_phase(), check, run, self.passing_phase())

    def passing_phase(self) -> Phase:
        return Phase('pass', self.seconds())

    def failing_phase(self) -> Phase:
        if self.chance(0.06):
            return Phase('give up', self.seconds())
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
            nodes = self.nodes(plan.order(Run(options))) if self.chance(0.25) else None
            runs.append(Run(options, nodes, by_name=self.chance(0.5)))
        return tuple(runs)

    def nodes(self, order: list[str]) -> tuple[str, ...]:
        count = self.choice((1, 1, 2, 3))
        return tuple(self.choice(order) for _ in range(count))

    def options(self, plan: Plan) -> Options:
        root = plan.jobs[-1] if self.chance(0.9) else self.choice(plan.jobs)
        options = Options(
            root.name,
            no_act=self.chance(0.12),
            cleanup=self.chance(0.75),
            default_tries=self.choice((1, 2, 3, 3, 1.1)),
            default_retry_delay=0 if self.no_delays else self.choice((0, 0.5, 1, 3, (1, 3))),
        )
        return self.with_more_deps(plan, options) if self.chance(0.1) else options

    def with_more_deps(self, plan: Plan, options: Options) -> Options:
        """Let a Job depend on some that were made before it, which makes no circle."""
        name = self.choice(plan.order(Run(options)))
        names = [job.name for job in plan.jobs]
        before = names[: names.index(name)]
        more = tuple(self.sample(before, min(len(before), 2)))
        return replace(options, more_deps=((name, more),))
