"""Runs on executors: the order of tries, and which are in flight at the same time."""

from __future__ import annotations

import io
import itertools
import math
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob, events
from dojobber._workdir import Workdir
from tests._executors.fake_executor import FakeCluster, FakeProcesses, FakeThreads
from tests.ctrl_c import pressed_at_line, traced
from tests.fakes import FakeClock
from tests.model import explain, predict
from tests.plans import (
    Event,
    Options,
    Outcome,
    Plan,
    random_plan,
    random_plan_to_share,
    without_interrupts,
)
from tests.seeds import seeds
from tests.stage import Stage

FAKES: list[Any] = [FakeThreads, FakeProcesses, FakeCluster]


@pytest.mark.parametrize('kind', FAKES)
@pytest.mark.parametrize('numbers', seeds(300, sample=2), ids=str)
def test_random_plans_with_one_in_flight_come_to_what_the_model_predicts(
    numbers: range, kind: Any
) -> None:
    for seed in numbers:
        plan = random_plan(seed)
        executor = kind(seed, workers=1)
        stage = Stage(plan, executor=executor, max_in_flight=1)
        executor.drive(stage.dojob, stage.clock)
        predicted, performed = predict(plan), stage.perform()
        if predicted != performed:
            pytest.fail(explain(seed, plan, predicted, performed))
        assert executor.most <= 1


class Noted(NamedTuple):
    """An event, and when it came."""

    instant: float
    event: Any


class SideBySide(Stage):
    """A stage with several tries in flight, that notes the events of each call."""

    def __init__(self, plan: Plan, kind: Any, seed: int, workers: int) -> None:
        self.executor = kind(seed, workers)
        self.noted: list[Noted] = []
        self.on_threads = kind is FakeThreads
        self.limit = workers
        super().__init__(
            plan, executor=self.executor, max_in_flight=workers, listeners=[self.listen]
        )
        self.executor.drive(self.dojob, self.clock)
        #: For each call what listeners were told, and how many calls of hooks there were then.
        self.calls: list[list[Noted]] = []
        self.ends: list[int] = []

    def listen(self, event: events.Event) -> None:
        self.noted.append(Noted(self.clock.now, event))

    def record(self, *args: Any) -> Outcome:
        self.noted = []
        self.calls.append(self.noted)
        outcome = super().record(*args)
        self.ends.append(len(self.events))
        return outcome


class Watch:
    """Check that the events of one checknrun() keep the promises."""

    def __init__(self, stage: SideBySide, order: list[str], options: Options) -> None:
        self.stage = stage
        self.order = order
        self.jobs = {name: stage.plan.job(name) for name in order}
        self.needs = {name: options.needs(job) for name, job in self.jobs.items()}
        self.options = options
        self.under_way: dict[str, int] = {}
        self.passed: set[str] = set()
        self.used: Counter[str] = Counter()
        self.rounds = dict.fromkeys(order, 1)
        self.not_before = dict.fromkeys(order, -math.inf)
        self.over: set[str] = set()
        self.is_interrupted = False
        self.most = 0

    def see(self, instant: float, event: Any) -> None:
        if isinstance(event, events.TryStarted):
            self.starts(instant, event)
        elif isinstance(event, events.TryEnded):
            self.ends(event)
        elif isinstance(event, (events.PhaseStarted, events.PhaseEnded)):
            assert event.phase == 'cleanup' or self.under_way[event.name] == event.number
            self.is_interrupted |= getattr(event, 'outcome', '') == 'interrupt'

    def starts(self, instant: float, event: events.TryStarted) -> None:
        name = event.name
        assert not self.is_interrupted, 'the run is ended'
        assert name not in self.under_way, 'its last try has not ended'
        assert self.is_ready(name, instant), 'it can not be tried now'
        assert event.number == self.used[name] + 1
        for other in self.under_way:
            assert not self.jobs[other].in_driver, 'nothing is sent out while the driver tries'
        if self.stage.on_threads and self.jobs[name].in_driver:
            assert not self.under_way, 'it must be alone'
        else:  # such a Job is chosen first, and then waits
            ready = [other for other in self.order if self.is_ready(other, instant)]
            assert name == min(ready, key=self.rank)
        self.under_way[name] = event.number
        self.most = max(self.most, len(self.under_way))
        delay = self.options.delay(self.jobs[name], self.used[name] + 1)
        self.not_before[name] = instant + delay

    def ends(self, event: events.TryEnded) -> None:
        name = event.name
        assert self.under_way.pop(name) == event.number
        self.used[name] += 1
        if event.not_before is None:
            self.over.add(name)
        else:
            assert event.not_before >= self.not_before[name]
        if event.status:
            self.passed.add(name)
            for other in self.order:
                if name in self.needs[other] and self.passed.issuperset(self.needs[other]):
                    self.rounds[other] = self.rounds[name]
        else:
            self.rounds[name] += 1

    def is_ready(self, name: str, instant: float) -> bool:
        held = {lock for other in self.under_way for lock in self.jobs[other].locks}
        return (
            name not in self.under_way
            and name not in self.over
            and self.passed.issuperset(self.needs[name])
            and self.not_before[name] <= instant
            and held.isdisjoint(self.jobs[name].locks)
        )

    def rank(self, name: str) -> tuple[int, int]:
        return self.rounds[name], self.order.index(name)


def check_tries(stage: SideBySide, outcomes: list[Outcome]) -> None:
    """Check that the tries of each run keep the promises."""
    for run, outcome, noted in zip(stage.plan.runs, outcomes, stage.calls):
        order = stage.plan.order(run)
        watch = Watch(stage, order, run.options)
        for instant, event in noted:
            watch.see(instant, event)
        assert watch.most <= stage.limit + 1  # one more in the driver
        assert sorted(outcome.nodestatus) == sorted(order)
        if outcome.raised is None:
            assert not watch.under_way
    stage.executor.drop_cancelled()
    assert not stage.executor.pending
    assert not stage.executor.is_stuck


def check_phases(stage: SideBySide) -> None:
    """Check that each phase of each try was called once, one try after the other."""
    count = Counter(event for event in map(without_instant, stage.events) if event[2] != 'cleanup')
    assert set(count.values()) <= {1}
    numbers: dict[str, list[int]] = {}
    for event in stage.events:
        if event.phase == 'init':
            numbers.setdefault(event.job, []).append(event.number)
    assert all(each == list(range(1, len(each) + 1)) for each in numbers.values())


def without_instant(event: Event) -> tuple[str, int, str]:
    return event.job, event.number, event.phase


def check_unwinding(stage: SideBySide) -> None:
    """Check that Cleanups are called in the reverse order of submission."""
    sent: list[tuple[str, int]] = []
    first = 0
    tries: Counter[str] = Counter()
    for noted, last in zip(stage.calls, stage.ends):
        for _, event in noted:
            if isinstance(event, events.TryStarted):
                tries[event.name] += 1
                sent.append((event.name, tries[event.name]))
        called = stage.events[first:last]
        cleanups = [sent.index(each[:2]) for each in map(without_instant, called)
                    if each[2] == 'cleanup']  # fmt: skip
        assert cleanups == sorted(cleanups, reverse=True)
        first = last


def side_by_side(plan: Plan, kind: Any, seed: int) -> list[Outcome]:
    """Perform a plan with several tries in flight, and check that it keeps the promises."""
    stage = SideBySide(plan, kind, seed, workers=2 + seed % 4)
    outcomes = stage.perform()
    try:
        check_tries(stage, outcomes)
        check_phases(stage)
        check_unwinding(stage)
    except AssertionError as error:
        error.args = (f'{error}\n{explain(seed, plan, outcomes, outcomes)}',)
        raise
    return outcomes


@pytest.mark.parametrize('kind', FAKES)
@pytest.mark.parametrize('numbers', seeds(300, sample=2), ids=str)
def test_random_plans_side_by_side_keep_the_promises(numbers: range, kind: Any) -> None:
    for seed in numbers:
        side_by_side(random_plan_to_share(seed), kind, seed)


@pytest.mark.parametrize('kind', FAKES)
@pytest.mark.parametrize('numbers', seeds(300, sample=2), ids=str)
def test_random_plans_side_by_side_come_to_what_the_model_predicts_in_any_order(
    numbers: range, kind: Any
) -> None:
    for seed in numbers:
        plan = without_interrupts(random_plan_to_share(seed))
        predicted, performed = predict(plan), side_by_side(plan, kind, seed)
        if [in_any_order(each) for each in predicted] != [in_any_order(each) for each in performed]:
            pytest.fail(explain(seed, plan, predicted, performed))


def in_any_order(outcome: Outcome) -> Outcome:
    """Leave out the instants, which are not promised."""
    events = sorted(event._replace(instant=0) for event in outcome.events)
    return replace(outcome, events=events, sleeps=[], lines=sorted(outcome.lines))


# Ctrl-C


class Untraced:
    """An executor whose lines are left out when the driver is traced."""

    def complete(self, place: int) -> None:
        with traced(None):
            super().complete(place)  # type: ignore[misc]


class UntracedThreads(Untraced, FakeThreads):
    pass


class UntracedProcesses(Untraced, FakeProcesses):
    pass


def test_interrupt_while_a_job_waits_to_be_alone_leaves_it_untried() -> None:
    def stop(self: Any) -> None:
        raise KeyboardInterrupt('stop')

    jobs = Job.clone('stops', Check=stop), DummyJob.clone('alone', IN_DRIVER=True)
    executor, dojob = FakeThreads(0, workers=2), DoJobber()
    dojob.configure(DummyJob.clone('root', DEPS=jobs), executor=executor)
    executor.drive(dojob, FakeClock())
    with pytest.raises(KeyboardInterrupt, match='stop'):
        dojob.checknrun()
    assert dojob.nodestatus == {'stops': False, 'alone': None, 'root': None}


def test_stop_while_a_job_waits_to_be_alone_leaves_it_untried() -> None:
    executor, dojob = FakeThreads(0, workers=2), DoJobber()
    jobs = (
        Job.clone('stops', Check=lambda self: dojob.stop()),
        DummyJob.clone('alone', IN_DRIVER=True),
    )
    dojob.configure(DummyJob.clone('root', DEPS=jobs), executor=executor)
    executor.drive(dojob, FakeClock())
    dojob.checknrun()
    assert dojob.nodestatus == {'stops': True, 'alone': None, 'root': None}


@pytest.mark.parametrize('kind', FAKES)
def test_delay_of_a_job_is_waited_for_where_nothing_is_in_flight(kind: Any) -> None:
    def check(self: Job) -> None:
        checked.append(clock.now)
        if clock.now < 5:
            raise ValueError

    checked: list[float] = []
    clock, executor = FakeClock(0), kind(0, workers=1)
    dojob = clock.drive(DoJobber())
    executor.drive(dojob, clock)
    late = Job.clone('late', Check=check, RETRY_DELAY=5)
    dojob.configure(late, executor=executor, max_in_flight=1)
    dojob.checknrun()
    assert dojob.success()
    assert (checked, clock.sleeps) == ([0, 0, 5], [5])  # it is rechecked at once, too


@pytest.mark.parametrize('kind', [FakeProcesses, FakeCluster])
def test_stop_lets_what_is_in_flight_end_and_submits_no_other_try(kind: Any) -> None:
    def listen(event: events.Event) -> None:
        if isinstance(event, events.TryStarted) and event.name == 'second':
            dojob.stop()

    jobs = [Job.clone(name, Check=lambda self: None) for name in ('first', 'second', 'third')]
    executor, dojob = kind(0, workers=2), DoJobber()
    root = DummyJob.clone('root', DEPS=jobs)
    dojob.configure(root, executor=executor, max_in_flight=2, listeners=[listen])
    executor.drive(dojob, FakeClock())
    dojob.checknrun()
    assert dojob.nodestatus == {'first': True, 'second': True, 'third': None, 'root': None}


def test_interrupt_gives_up_what_was_sent_out_and_not_begun() -> None:
    calls: list[str] = []
    executor, dojob = FakeThreads(0, workers=2), DoJobber()
    executor._random.random = lambda: 0.9  # nothing begins before it is completed

    def receive(queue: Any, timeout: float | None) -> Any:
        if not calls:
            calls.append('Ctrl-C')
            raise KeyboardInterrupt
        return executor.receive(queue, timeout)

    jobs = [Job.clone(name, Check=lambda self: calls.append('check')) for name in ('a', 'b', 'c')]
    dojob._receive = receive  # pyright: ignore[reportAttributeAccessIssue]
    dojob.configure(DummyJob.clone('root', DEPS=jobs), executor=executor)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert (calls, executor.submitted) == (['Ctrl-C'], 2)
    assert dojob.nodestatus == {'a': None, 'b': None, 'c': None, 'root': None}
    assert {(str(each.outcome), each.tries) for each in dojob.report()} == {('not_run', 0)}


@pytest.mark.parametrize(
    ('gaps', 'cleaned'),
    [
        ((1.0,), ['two', 'one']),
        ((1.0, 0.25), ['two', 'one']),
        ((1.0, 0.5), ['one']),
        ((1.0, 0.25, 0.25), ['one']),
    ],
)
def test_ctrl_c_that_a_worker_told_of_first_does_not_count_twice(
    gaps: tuple[float, ...], cleaned: list[str]
) -> None:
    called: list[str] = []
    executor, dojob = FakeProcesses(0, workers=2), DoJobber()
    executor._random.random = lambda: 0  # all has begun, and can't be cancelled
    clock, waits = FakeClock(), list[int]()

    def run(self: Any) -> None:
        raise KeyboardInterrupt

    def clean(self: Any) -> None:
        called.append(type(self).__name__)

    def receive(queue: Any, timeout: float | None) -> Any:
        waits.append(1)
        if len(waits) == 1:
            executor.complete(0)
        elif len(waits) <= 1 + len(gaps):
            clock.advance(gaps[len(waits) - 2])
            raise KeyboardInterrupt
        else:
            executor.complete(0)
        return queue.get_nowait()

    jobs = [RunonlyJob.clone(name, Run=run, Cleanup=clean) for name in ('one', 'two')]
    clock.drive(dojob)
    dojob._receive = receive  # pyright: ignore[reportAttributeAccessIssue]
    dojob.configure(DummyJob.clone('root', DEPS=jobs), executor=executor)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert called == cleaned


@pytest.mark.parametrize(
    ('gaps', 'cleaned'),
    [((1.0,), ['first']), ((1.0, 0.25), ['first']), ((1.0, 0.5), []), ((1.0, 0.25, 0.25), [])],
)
def test_ctrl_c_after_the_pool_has_broken_is_the_first_one(
    gaps: tuple[float, ...], cleaned: list[str]
) -> None:
    called: list[str] = []
    futures: list[Future[Any]] = []

    class Breaks(FakeProcesses):
        def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Any:
            future: Future[Any] = Future()
            future.set_running_or_notify_cancel()
            futures.append(future)
            return future

    def receive(queue: Any, timeout: float | None) -> Any:
        if not futures[0].done():
            futures[0].set_exception(BrokenExecutor('a worker has died'))
        elif presses_left:
            clock.advance(presses_left.pop(0))
            raise KeyboardInterrupt
        else:
            futures[1].set_exception(BrokenExecutor('a worker has died'))
        return queue.get_nowait()

    clock, presses_left = FakeClock(), [*gaps]
    first = RunonlyJob.clone(
        'first', IN_DRIVER=True, Run=lambda self: None, Cleanup=lambda self: called.append('first')
    )
    jobs = [RunonlyJob.clone(name, DEPS=(first,), Run=print) for name in ('one', 'two')]
    executor, dojob = Breaks(0, workers=2), DoJobber()
    clock.drive(dojob)
    dojob._receive = receive  # pyright: ignore[reportAttributeAccessIssue]
    root = DummyJob.clone('root', DEPS=jobs)
    dojob.configure(root, executor=executor, max_in_flight=2)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert called == cleaned


@pytest.mark.parametrize(
    ('gaps', 'cleaned'),
    [
        ((1.0,), ['two', 'one']),
        ((1.0, 0.25), ['two', 'one']),
        ((1.0, 0.5), []),
        ((1.0, 0.25, 0.25), []),
    ],
)
def test_ctrl_c_after_stop_is_the_first_one(gaps: tuple[float, ...], cleaned: list[str]) -> None:
    called: list[str] = []
    executor, dojob = FakeProcesses(0, workers=2), DoJobber()
    executor._random.random = lambda: 0  # all has begun, and can't be cancelled
    clock, waits = FakeClock(), list[int]()

    def clean(self: Any) -> None:
        called.append(type(self).__name__)

    def receive(queue: Any, timeout: float | None) -> Any:
        waits.append(1)
        if len(waits) == 1:
            dojob.stop()
        elif len(waits) <= 1 + len(gaps):
            clock.advance(gaps[len(waits) - 2])
            raise KeyboardInterrupt
        else:
            executor.complete(0)
        return queue.get_nowait()

    jobs = [RunonlyJob.clone(name, Run=lambda self: None, Cleanup=clean) for name in ('one', 'two')]
    clock.drive(dojob)
    dojob._receive = receive  # pyright: ignore[reportAttributeAccessIssue]
    dojob.configure(DummyJob.clone('root', DEPS=jobs), executor=executor, max_in_flight=2)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert called == cleaned


@pytest.mark.parametrize('error', [KeyboardInterrupt(), BrokenExecutor('a worker has died')])
def test_ctrl_c_that_comes_when_workers_have_ended_the_run_waits_for_the_cleanups(
    error: BaseException,
) -> None:
    called: list[str] = []

    class Ends(FakeProcesses):
        def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Any:
            future: Future[Any] = Future()
            future.set_exception(error)
            return future

    def clean(self: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        called.append(type(self).__name__)

    one = RunonlyJob.clone('one', IN_DRIVER=True, Run=lambda self: None, Cleanup=clean)
    two = RunonlyJob.clone('two', DEPS=(one,), Run=print)
    dojob = DoJobber()
    dojob.configure(two, executor=Ends(0, workers=1), max_in_flight=1)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert (called, dojob.report()['one'].cleanup) == (['one'], 'pass')


class SendsThird:
    """A run whose third submit() takes the call and then raises an error."""

    def __init__(self, error: BaseException, instead: Callable[[], object] = lambda: None) -> None:
        self.cleaned: list[str] = []
        cleaned = self.cleaned

        class Raising(FakeThreads):
            def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Any:
                future = super().submit(call, *args, **kwargs)
                if self.submitted == 3:
                    instead()
                    raise error
                return future

        def run(self: Any) -> None:
            pass

        def clean(self: Any) -> None:
            cleaned.append(type(self).__name__)

        below = RunonlyJob.clone('below', Run=run, Cleanup=clean)
        jobs = below, below.clone('beside'), below.clone('sent', DEPS=(below,))
        self.executor, self.dojob = Raising(0, workers=1), DoJobber()
        self.dojob.configure(DummyJob.clone('root', DEPS=jobs), executor=self.executor)
        self.executor.drive(self.dojob, FakeClock())
        with pytest.raises(type(error)):
            self.dojob.checknrun()
        assert self.dojob.nodestatus == {
            'below': True, 'beside': True, 'sent': False, 'root': None,
        }  # fmt: skip


UNKNOWN = [KeyboardInterrupt(), RuntimeError("can't start new thread"), BlockingIOError()]


@pytest.mark.parametrize('error', UNKNOWN, ids=repr)
def test_error_while_a_try_is_sent_out_holds_back_what_it_may_need(error: BaseException) -> None:
    scene = SendsThird(error)
    assert scene.cleaned == ['beside']
    scene.executor.complete(0)
    scene.dojob.cleanup()
    assert scene.cleaned == ['beside', 'sent', 'below']


@pytest.mark.parametrize('error', [BrokenExecutor(), TypeError()], ids=repr)
def test_ctrl_c_while_nothing_was_sent_out_holds_back_nothing(error: Exception) -> None:
    def press_and_raise() -> None:
        signal.raise_signal(signal.SIGINT)
        raise error

    scene = SendsThird(KeyboardInterrupt(), press_and_raise)
    assert scene.cleaned == ['beside', 'below']


@pytest.mark.parametrize('error', [RuntimeError('after shutdown'), BrokenExecutor()], ids=repr)
def test_error_that_means_that_nothing_was_sent_out_holds_back_nothing(error: Exception) -> None:
    assert SendsThird(error).cleaned == ['beside', 'below']


def test_ctrl_c_while_a_try_is_sent_out_waits_until_it_was() -> None:
    cleaned: list[str] = []

    class Hearing(FakeThreads):
        def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Any:
            signal.raise_signal(signal.SIGINT)
            return super().submit(call, *args, **kwargs)

    def run(self: Any) -> None:
        pass

    def clean(self: Any) -> None:
        cleaned.append(type(self).__name__)

    executor, dojob = Hearing(0, workers=1), DoJobber()
    executor._random.random = lambda: 0  # all has begun, and can't be cancelled
    job = RunonlyJob.clone('sent', Run=run, Cleanup=clean)
    dojob.configure(DummyJob.clone('root', DEPS=(job,)), executor=executor)
    executor.drive(dojob, FakeClock())
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert dojob.nodestatus == {'sent': True, 'root': None}
    assert cleaned == ['sent']


def test_no_two_requests_are_equal() -> None:
    requests: list[Any] = []

    class Listening(FakeProcesses):
        def ready(self, call: Any, *args: Any) -> Any:
            requests.extend(args)
            return super().ready(call, *args)

    def fail(self: Any) -> None:
        raise ValueError

    executor, dojob = Listening(0, workers=1), DoJobber()
    dojob.configure(Job.clone('fails', Check=fail), executor=executor, default_retry_delay=0)
    executor.drive(dojob, FakeClock())
    dojob.checknrun()
    dojob.checknrun()
    assert len({request.token for request in requests}) == len(requests) == 6


def test_run_called_in_the_middle_of_a_cleanup_is_owed_its_own_and_repeats_none() -> None:
    calls: list[str] = []
    executor, dojob = FakeThreads(0, workers=2), DoJobber()
    clock = FakeClock()
    clock.drive(dojob)

    def run(self: Any) -> None:
        pass

    def clean(self: Any) -> None:
        calls.append(type(self).__name__)
        while executor.pending:
            executor.complete(0)

    def receive(queue: Any, timeout: float | None) -> Any:
        if dojob.noderesults:
            clock.advance(1)
            raise KeyboardInterrupt  # the first one, and the second one when it waits
        executor.complete(1)
        return queue.get_nowait()

    late = RunonlyJob.clone('late', Run=run, Cleanup=clean)
    root = DummyJob.clone('root', DEPS=(late, late.clone('early')))
    dojob._receive = receive  # pyright: ignore[reportAttributeAccessIssue]
    dojob.configure(root, executor=executor)
    executor._random.random = lambda: 0  # both have begun, and can't be cancelled
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert calls == ['early']
    dojob.cleanup()
    assert calls == ['early', 'late']


class LeftUnderWay:
    """A run that is interrupted twice while a Job with a dependency is in flight."""

    def __init__(self, kind: Any = FakeThreads, ends: bool = False, **options: Any) -> None:
        self.ends = ends
        self.calls: list[str] = []
        self.places: list[str] = []
        self.executor, self.dojob = kind(0, workers=1), DoJobber()
        self.executor._random.random = lambda: 0  # all has begun, and can't be cancelled
        self.is_ending = False
        #: Is done when the second Job has ended, and what it has then.
        self.then: Callable[[], object] = lambda: None
        self.thing: Any = None
        note, noted_place = self.calls.append, self.places.append

        def run(job: Any) -> None:
            job.thing = self.thing
            note(f'run {type(job).__name__}')
            noted_place(os.getcwd())

        def clean(job: Any) -> None:
            note(f'clean {type(job).__name__}')

        below = RunonlyJob.clone('below', Run=run, Cleanup=clean)
        root = below.clone('root', DEPS=(below,))
        self.clock = FakeClock()
        self.clock.drive(self.dojob)
        self.dojob._receive = self.receive  # pyright: ignore[reportAttributeAccessIssue]
        self.dojob.configure(root, executor=self.executor, **options)

    def receive(self, queue: Any, timeout: float | None) -> Any:
        if self.calls:
            if self.ends and self.is_ending:
                self.executor.complete(0)
                self.then()
                return queue.get_nowait()
            self.is_ending = True
            self.clock.advance(1)
            raise KeyboardInterrupt  # the first one, and the second one when it waits
        self.executor.complete(0)
        return queue.get_nowait()

    def run(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            self.dojob.checknrun()
        assert self.taken() == ['run below']

    def let_go(self) -> None:
        self.executor.complete(0)
        assert self.taken() == ['run root']

    def taken(self) -> list[str]:
        calls = self.calls[:]
        self.calls.clear()
        return calls


def test_cleanup_by_hand_calls_what_two_interrupts_held_back() -> None:
    scene = LeftUnderWay(cleanup=False)
    scene.run()
    scene.dojob.cleanup()  # it does not look
    assert scene.taken() == ['clean below']
    scene.let_go()
    scene.dojob.cleanup()
    assert scene.taken() == ['clean root']


@pytest.mark.parametrize('kind', [FakeThreads, FakeProcesses])
def test_try_that_ends_after_two_interrupts_is_owed_its_cleanup(kind: Any) -> None:
    scene = LeftUnderWay(kind)
    scene.run()
    scene.let_go()
    scene.dojob.cleanup()
    assert scene.taken() == ['clean root', 'clean below']


def test_try_that_ends_otherwise_after_two_interrupts_is_owed_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    scene = LeftUnderWay(FakeProcesses)
    scene.run()
    [(future, _)] = scene.executor.pending
    future.set_exception(BrokenExecutor())
    scene.dojob.cleanup()
    assert scene.taken() == ['clean below']
    assert not caplog.records


def test_try_that_goes_on_after_two_interrupts_does_so_in_the_directory_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'here').mkdir()
    os.chdir('here')
    scene = LeftUnderWay()
    scene.run()
    scene.dojob.cleanup()
    assert scene.taken() == ['clean below']
    os.chdir(tmp_path)
    (tmp_path / 'here').rename(tmp_path / 'there')
    other = Workdir()
    scene.let_go()
    assert scene.places == [str(tmp_path / 'here'), str(tmp_path / 'there')]
    other.release()


def test_end_of_a_block_calls_what_was_held_back_if_nothing_is_under_way_any_more() -> None:
    scene = LeftUnderWay()
    with scene.dojob:
        scene.run()
        scene.let_go()
    assert scene.taken() == ['clean root', 'clean below']


def test_end_of_a_block_leaves_due_what_is_held_back_still() -> None:
    scene = LeftUnderWay()
    with scene.dojob:
        scene.run()
    [(future, _)] = scene.executor.pending
    vars(future)['done'] = lambda: True  # a moment before it is told that it has ended
    with scene.dojob:
        scene.dojob._is_deferred = True  # as after another run
    assert scene.taken() == []
    scene.let_go()
    scene.dojob.cleanup()
    assert scene.taken() == ['clean root', 'clean below']


class Listening:
    """A run of three Jobs at the same time, with a listener that may end it."""

    def __init__(self, listener: Callable[[Any], object]) -> None:
        self.cleaned: list[str] = []
        cleaned = self.cleaned

        def run(self: Any) -> None:
            pass

        def clean(self: Any) -> None:
            cleaned.append(type(self).__name__)

        one = RunonlyJob.clone('one', Run=run, Cleanup=clean)
        root = DummyJob.clone('root', DEPS=(one, one.clone('two'), one.clone('three')))
        executor, self.dojob = FakeThreads(0, workers=3), DoJobber()
        executor._random.random = lambda: 0  # all has begun, and can't be cancelled
        self.dojob.configure(root, executor=executor, listeners=[listener])
        executor.drive(self.dojob, FakeClock())
        with pytest.raises(KeyboardInterrupt):
            self.dojob.checknrun()


def test_listener_that_ends_the_run_after_each_try_waits_for_all_that_is_under_way() -> None:
    def stop(event: Any) -> None:
        if isinstance(event, events.TryEnded):
            raise KeyboardInterrupt

    scene = Listening(stop)
    assert scene.dojob.nodestatus == {'one': True, 'two': True, 'three': True, 'root': None}
    assert scene.dojob.nodeexceptions == {}
    assert scene.cleaned == ['three', 'two', 'one']


def test_interrupts_in_two_jobs_at_the_same_time_are_told_apart() -> None:
    class Stop(BaseException):
        pass

    def stop(self: Any) -> None:
        raise Stop(type(self).__name__)

    jobs = Job.clone('one', Check=stop), Job.clone('two', Check=stop)
    executor, dojob = FakeThreads(0, workers=2), DoJobber()
    executor._random.random = lambda: 0
    dojob.configure(DummyJob.clone('root', DEPS=jobs), executor=executor)
    executor.drive(dojob, FakeClock())
    with pytest.raises(Stop):
        dojob.checknrun()
    assert {name: str(error) for name, error in dojob.nodeexceptions.items()} == {
        'one': 'one', 'two': 'two',
    }  # fmt: skip
    assert [str(each.exception) for each in dojob.report()][:2] == ['one', 'two']


class Scene:
    """Jobs in flight at the same time until Ctrl-C, and what they did."""

    def __init__(self, kind: Any, seed: int) -> None:
        self.events: list[tuple[str, str]] = []
        self.pressed: list[str] = []
        self.executor = kind(seed, workers=2)
        self.submitted = 0
        note = self.note

        def play(self: Any) -> None:
            note('run', self)

        def clean(self: Any) -> None:
            note('cleanup', self)

        def look(self: Any) -> None:
            note('check', self)

        def fail(self: Any) -> None:
            note('check', self)
            raise ValueError

        first = RunonlyJob.clone('first', Run=play, Cleanup=clean, LOCKS=('x',))
        second = first.clone('second', LOCKS=())
        third = first.clone('third', DEPS=(first,))
        here = first.clone('here', IN_DRIVER=True, DEPS=(second,))
        passes = Job.clone('passes', Check=look)
        fails = Job.clone('fails', Check=fail, TRIES=1, DEPS=(passes,))
        self.root = DummyJob.clone('root', DEPS=(first, second, third, here, fails))
        self.dojob = DoJobber()
        self.dojob.configure(
            self.root, executor=self.executor, max_in_flight=2, debug=seed % 2 == 0
        )
        self.executor.drive(self.dojob, FakeClock())

    def note(self, hook: str, job: Job) -> None:
        self.events.append((hook, type(job).__name__))
        os.chdir('/')

    def noted(self, hook: str) -> list[str]:
        return sorted(name for each, name in self.events if each == hook)

    def note_press(self, where: str) -> None:
        self.pressed.append(where)
        self.submitted = self.executor.submitted

    def run(self, position: int) -> None:
        try:
            with pressed_at_line(position, self.note_press):
                self.dojob.checknrun()
        except KeyboardInterrupt:
            self.pressed.append('was raised')


@pytest.mark.parametrize('step', [pytest.param(1, marks=pytest.mark.slow), 997])
@pytest.mark.parametrize(('kind', 'seed'), [(UntracedThreads, 1), (UntracedProcesses, 0)])
def test_interrupt_at_any_line_loses_and_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any, seed: int, step: int
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'stderr', io.StringIO())
    for position in itertools.count(0, step):
        scene = Scene(kind, seed)
        scene.run(position)
        where, statuses = scene.pressed, scene.dojob.nodestatus
        if not where:
            break
        assert where[1:] == ['was raised'], where
        assert not scene.executor.is_stuck, where
        # A try that is about to be submitted still is.
        assert scene.executor.submitted <= scene.submitted + 1, where
        scene.executor.drop_cancelled()
        assert not scene.executor.pending
        assert os.getcwd() == str(tmp_path), where
        assert len(statuses) == 7 or not statuses and not scene.events, where
        scene.dojob.cleanup()  # it may have hit a Cleanup, which is due then
        assert os.getcwd() == str(tmp_path), where
        runs, cleaned = scene.noted('run'), scene.noted('cleanup')
        assert len(set(cleaned)) == len(cleaned), where
        # One whose Run was about to be called may have had its Cleanup too.
        assert set(runs) <= set(cleaned), where
        os.chdir(tmp_path)
    assert position > 1000


def test_interrupt_of_a_listener_that_is_told_of_an_ended_try_leaves_its_success() -> None:
    def listen(event: Any) -> None:
        if isinstance(event, events.PhaseEnded) and event.phase == 'recheck':
            raise KeyboardInterrupt

    executor, dojob = FakeProcesses(0, workers=1), DoJobber()
    job = RunonlyJob.clone('Makes', Run=lambda self: None)
    dojob.configure(job, executor=executor, listeners=[listen])
    executor.drive(dojob, FakeClock())
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert dojob.nodestatus == {'Makes': True}


def run_shipped(*jobs: type[Job], **options: Any) -> DoJobber:
    """Run Jobs on an executor that gets copies, one after the other."""
    executor, dojob = FakeProcesses(0, workers=1), DoJobber()
    dojob.configure(DummyJob.clone('All', DEPS=jobs), executor=executor, **options)
    executor.drive(dojob, FakeClock())
    dojob.checknrun()
    return dojob


def cleaned_up() -> None:
    """Note that a Cleanup was called."""
    CLEANED.append('cleaned up')


CLEANED: list[str] = []


def test_cleanup_that_run_has_set_to_a_function_travels() -> None:
    class Sets(RunonlyJob):
        Cleanup = None

        def Run(self) -> None:
            self.Cleanup = cleaned_up

    CLEANED.clear()
    run_shipped(Sets)
    assert CLEANED == ['cleaned up']


def test_shared_keys_that_the_driver_deletes_or_that_do_not_travel_are_not_sent() -> None:
    class Puts(Job):
        IN_DRIVER = True

        def Check(self) -> None:
            self.global_storage.update({'gone': 1, 'stays': 2, threading.Lock(): 3})

    class Deletes(Job):
        IN_DRIVER = True
        DEPS = (Puts,)

        def Check(self) -> None:
            del self.global_storage['gone']

    class Sees(Job):
        DEPS = (Deletes,)

        def Check(self) -> list[Any]:
            return list(self.global_storage)

    assert run_shipped(Sees).noderesults['Sees'] == ['stays']
