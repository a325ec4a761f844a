"""A slow model of the rules: says what each call of a plan must come to.

Owns `predict`. Must not use the library, nor copy how it works: each time it looks at all Jobs.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import fields
from typing import NamedTuple

from tests.plans import (
    ABOVE_TRACE,
    BY_HAND,
    ERRORS,
    START,
    Choice,
    Ending,
    Event,
    JobPlan,
    Options,
    Outcome,
    Phase,
    Plan,
    Run,
)


class _Raised(Exception):
    """What a hook or a sleep of the model raises."""

    def __init__(self, ending: Ending, message: str, kind: str = '') -> None:
        self.interrupt = ending == 'interrupt'
        self.gives_up = ending == 'give up'
        self.message = message
        self.text = f'{kind or ERRORS[ending]}: {message}'


class _Due(NamedTuple):
    """A try that is owed a Cleanup."""

    job: JobPlan
    number: int
    options: Options
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
        self.now = START
        self.tries_made: Counter[str] = Counter()
        self.cleanups_called: Counter[str] = Counter()
        self.sleeps_begun = 0
        self.due: list[_Due] = []

    # One call

    def checknrun(self, run: Run) -> Outcome:
        self.begin_call()
        self.options = run.options
        self.order = self.plan.order(run)
        self.jobs = {name: self.plan.job(name) for name in self.order}
        self.status: dict[str, bool | None] = dict.fromkeys(self.order)
        self.results: dict[str, str | None] = {}
        self.exceptions: dict[str, str] = {}
        self.traces: dict[str, list[str]] = {}
        self.tries_left = {name: self.allowed(job) for name, job in self.jobs.items()}
        self.failures: Counter[str] = Counter()
        self.ran: set[str] = set()
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
        self.calls: list[tuple[str, tuple[str, ...]]] = []

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
            calls=self.calls,
        )

    # Order, tries, delays

    def allowed(self, job: JobPlan) -> float:
        tries = self.options.default_tries if job.tries is None else job.tries
        return 1 if self.options.no_act else tries if tries == math.inf else math.ceil(tries)

    def needs(self, name: str) -> tuple[str, ...]:
        return self.options.needs(self.jobs[name])

    def unblocked(self, name: str) -> bool:
        return all(self.status[dependency] for dependency in self.needs(name))

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
        started = self.now
        try:
            result = self.attempt(job, self.tries_made[name])
        except _Raised as error:
            self.status[name] = False
            self.exceptions[name] = error.text
            self.round[name] += 1
            self.failures[name] += 1
            self.not_before[name] = started + self.options.delay(job, self.failures[name])
            if error.gives_up:
                self.tries_left[name] = 0
            if error.interrupt:
                raise
        else:
            self.status[name] = True
            self.results[name] = result
            self.exceptions.pop(name, None)
            for other in self.order:
                if name in self.needs(other) and self.unblocked(other):
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
            self.call_on_change(job)
            result = self.check(job, number, storage)
        except _Raised as error:
            self.tell(job, 'check', error)
            if error.interrupt or error.gives_up or self.options.no_act:
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
                self.due.append(_Due(job, number, self.options, storage, self.traces))
            self.ran.add(job.name)
            try:
                run_result = self.hook(job, number, 'run', storage)
                self.tell(job, 'run')
            except _Raised as error:
                self.tell(job, 'run', error)
                if error.interrupt or self.changes(job):
                    raise
                run_error = error
        try:
            result = self.recheck(job, number, storage, run_result, run_error)
        except _Raised as error:
            self.tell(job, 'recheck', error)
            if run_error and run_error.gives_up:
                error.gives_up = True
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
        if job.base == 'RunonlyJob' and run_error:
            raise run_error
        return run_result if job.base == 'RunonlyJob' else None

    # Acting on a change

    def call_on_change(self, job: JobPlan) -> None:
        """Raise what the first check of a Job fails with if a change calls for its Run."""
        changes = self.changes(job)
        if changes:
            self.calls.append((job.name, tuple(changes)))
            verb = 'has' if len(changes) == 1 else 'have'
            raise _Raised('error', f'{", ".join(changes)} {verb} changed', 'RuntimeError')

    def changes(self, job: JobPlan) -> list[str]:
        return [name for name in job.watch if self.changed(name)]

    def changed(self, name: str) -> bool:
        job = self.jobs[name]
        if job.base == 'DummyJob' and not job.check and not job.run:
            return any(self.changed(each) for each in self.needs(name))
        return name in self.ran

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
            # What it depended on then: another configure() may have said otherwise.
            below = self.plan.post_order(due.options, (due.job.name,))
            if due.job.name in held_back:
                self.held_back.append(f'{due.job.name}.{due.number}')
                held_back.update(below)
                continue
            try:
                self.clean_up(due)
                self.due.remove(due)
            except _Raised as error:
                raised.append(error)
                held_back.update(below)
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


def explain(seed: int, plan: Plan, predicted: list[Outcome], performed: list[Outcome]) -> str:
    """Show the plan, so that it can be pasted, and what differs."""
    shown = repr(plan).replace(' JobPlan(', '\n    JobPlan(').replace(' Run(', '\n    Run(')
    lines = [f'seed {seed}: {shown}']
    for call, (wanted, got) in enumerate(zip(predicted, performed)):
        for field in fields(Outcome):
            values = getattr(wanted, field.name), getattr(got, field.name)
            if field.compare and values[0] != values[1]:
                lines.append(f'call {call}, {field.name}')
                lines += [f'    model:   {values[0]}', f'    library: {values[1]}']
    return '\n'.join(lines)
