"""What the report says of each Job, and that it lets go of what it need not keep."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import gc
import json
import pickle
import platform
import sys
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

import dojobber
from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from dojobber import events as news
from dojobber.outcome import Outcome
from dojobber.report import JobReport, Report
from tests.fakes import FakeClock
from tests.plans import Event, Plan, Run, random_plan
from tests.plans import Outcome as Call
from tests.seeds import sampled, seeds
from tests.stage import Stage

NO, STILL, BROKEN = ValueError('no'), ValueError('still'), LookupError('broken')


def run(root: type[Job], clock: FakeClock | None = None, **options: Any) -> DoJobber:
    dojob = (clock or FakeClock()).drive(DoJobber())
    dojob.configure(root, **options)
    with contextlib.suppress(KeyboardInterrupt, OSError):
        dojob.checknrun()
    return dojob


def entries(root: type[Job], **options: Any) -> dict[str, JobReport]:
    return {entry.name: entry for entry in run(root, **options).report()}


def only(root: type[Job], **options: Any) -> JobReport:
    """Return the entry of a root without DEPS."""
    (entry,) = run(root, **options).report()
    return entry


class Changes(RunonlyJob):
    """Pass by Run."""

    def Run(self) -> str:
        return 'done'


class Fails(Job):
    """Fail in each phase, with errors of its own."""

    TRIES = 1
    RETRY_DELAY = 0

    def Check(self) -> None:
        raise NO if self._check_phase == 'check' else STILL

    def Run(self) -> None:
        raise BROKEN


class Audit(Job):
    """Fail without a Run."""

    TRIES = 1

    def Check(self) -> None:
        raise NO


class Stops(Job):
    """End the run in Check."""

    def Check(self) -> None:
        raise KeyboardInterrupt


# What an Outcome is


@pytest.mark.parametrize('outcome', list(Outcome))
def test_outcome_is_its_value_wherever_a_str_is_wanted(outcome: Outcome) -> None:
    value = outcome.value
    assert outcome == value
    assert {value: 1}[outcome] == 1
    assert type(str(outcome)) is str
    assert [str(outcome), f'{outcome}', f'{outcome!s}', '%s' % outcome] == [value] * 4  # noqa: UP031
    assert f'{outcome:>12}|{outcome:.2}' == f'{value:>12}|{value:.2}'
    assert json.dumps(outcome) == f'"{value}"'
    assert Outcome(value) is outcome
    assert pickle.loads(pickle.dumps(outcome)) is outcome


def test_outcomes_are_few_and_exact() -> None:
    assert [*map(str, Outcome)] == [
        'ok', 'changed', 'failed', 'blocked', 'would_run', 'might_run', 'interrupted', 'not_run'
    ]  # fmt: skip


# Which outcome a Job has


def test_job_that_passes_its_check_is_ok() -> None:
    assert only(DummyJob).outcome is Outcome.OK


def test_job_that_passes_its_recheck_is_changed() -> None:
    entry = only(Changes)
    assert (entry.outcome, entry.result, entry.tries) == ('changed', 'done', 1)


def test_job_whose_next_check_finds_it_well_is_changed() -> None:
    class Slow(Job):
        RETRY_DELAY = 0
        made: list[object] = []

        def Check(self) -> str:
            if not self.made or self._check_phase == 'recheck':
                raise NO
            return 'well'

        def Run(self) -> None:
            self.made.append(self)

    entry = only(Slow)
    assert (entry.outcome, entry.tries, entry.result) == ('changed', 2, 'well')
    assert entry.check_exception is None
    assert entry.exception is NO


def test_job_without_run_whose_next_check_finds_it_well_is_ok() -> None:
    class Slow(Job):
        RETRY_DELAY = 0
        checks: list[object] = []

        def Check(self) -> None:
            self.checks.append(self)
            if len(self.checks) < 3:
                raise NO

        Run = None

    entry = only(Slow)
    assert (entry.outcome, entry.tries, entry.run_exception) == ('ok', 2, None)


def test_job_whose_last_try_fails_is_failed() -> None:
    entry = only(Fails.clone('Twice', TRIES=2))
    assert (entry.outcome, entry.tries, entry.result) == ('failed', 2, None)
    assert (entry.check_exception, entry.run_exception) == (NO, BROKEN)
    assert entry.exception is STILL


def test_job_that_can_not_be_made_is_failed_without_a_check_exception() -> None:
    class Unmade(DummyJob):
        TRIES = 1

        def __init__(self) -> None:
            raise NO

    for no_act in (False, True):
        entry = only(Unmade, no_act=no_act)
        assert (entry.outcome, entry.exception, entry.check_exception) == ('failed', NO, None)


def test_jobs_of_an_interrupted_run_are_interrupted_blocked_or_not_run() -> None:
    class Fine(DummyJob):
        pass

    jobs = {
        'OnFailed': (Fails,),
        'OnBoth': (Fails, Stops),
        'OnInterrupted': (Stops,),
        'OnFine': (Fine,),
        'Alone': (),
    }
    above = [DummyJob.clone(name, DEPS=deps) for name, deps in jobs.items()]
    root = DummyJob.clone('Root', DEPS=(Fine, Fails, Stops, *above))
    found = entries(root)
    assert {name: str(entry.outcome) for name, entry in found.items()} == {
        'Fine': 'ok',
        'Fails': 'failed',
        'Stops': 'interrupted',
        'OnFailed': 'blocked',
        'OnBoth': 'blocked',
        'OnInterrupted': 'not_run',
        'OnFine': 'not_run',
        'Alone': 'not_run',
        'Root': 'blocked',
    }
    assert (found['Stops'].tries, found['Alone'].tries) == (1, 0)
    assert isinstance(found['Stops'].exception, KeyboardInterrupt)
    assert {found[name].blocked_by for name in ('OnFailed', 'OnBoth', 'Root')} == {('Fails',)}


def test_job_that_waits_for_its_next_try_when_the_run_is_ended_is_interrupted() -> None:
    def interrupted(queue: Any, timeout: float | None) -> Any:
        raise KeyboardInterrupt

    dojob = FakeClock().drive(DoJobber())
    dojob._receive = interrupted  # pyright: ignore[reportAttributeAccessIssue]
    dojob.configure(Fails.clone('Waits', TRIES=2, RETRY_DELAY=9))
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    (entry,) = dojob.report()
    assert (entry.outcome, entry.tries) == ('interrupted', 1)


def test_no_act_finds_what_would_run_might_run_and_fails() -> None:
    jobs: dict[str, tuple[str, ...]] = {
        'Fine': (),
        'Above': ('Changes', 'Fine'),
        'Higher': ('Above',),
        'OnAudit': ('Audit',),
        'OnBoth': ('Higher', 'OnAudit'),
        'OnFine': ('Fine',),
    }
    made: dict[str, type[Job]] = {'Changes': Changes, 'Audit': Audit}
    for name, deps in jobs.items():
        made[name] = DummyJob.clone(name, DEPS=tuple(made[each] for each in deps))
    found = entries(DummyJob.clone('Root', DEPS=tuple(made.values())), no_act=True)
    assert {name: str(entry.outcome) for name, entry in found.items()} == {
        'Changes': 'would_run',
        'Audit': 'failed',
        'Fine': 'ok',
        'Above': 'might_run',
        'Higher': 'might_run',
        'OnAudit': 'blocked',
        'OnBoth': 'blocked',
        'OnFine': 'ok',
        'Root': 'blocked',
    }
    assert isinstance(found['Changes'].check_exception, RuntimeError)
    assert found['OnBoth'].blocked_by == ('Audit',)
    assert found['Higher'].blocked_by == ()


def test_no_act_of_a_job_whose_run_is_none_is_an_audit() -> None:
    assert only(Fails.clone('Never', Run=None), no_act=True).outcome is Outcome.FAILED


# Exceptions


def test_run_exception_is_the_latest_of_any_try() -> None:
    errors = [LookupError(1), LookupError(2), None]

    class Tries(Fails):
        TRIES = 3
        left = errors.copy()

        def Run(self) -> None:
            error = self.left.pop(0)
            if error:
                raise error

    assert only(Tries).run_exception is errors[1]


def test_check_exception_is_that_of_the_last_try() -> None:
    errors = [ValueError(number) for number in range(4)]

    class Tries(Job):
        TRIES = 2
        RETRY_DELAY = 0
        left = errors.copy()

        def Check(self) -> None:
            raise self.left.pop(0)

        def Run(self) -> None:
            pass

    entry = only(Tries)
    assert (entry.check_exception, entry.exception) == (errors[2], errors[3])


def test_missing_run_raises_no_run_exception() -> None:
    assert only(Audit).run_exception is None


def place(failure: dict[str, Any]) -> tuple[bool, bool, bool]:
    """Tell whether an exception of a report has this file, a line, and a trace of frames."""
    return failure['file'] == __file__, failure['line'] > 0, 'Traceback' in failure['traceback']


def test_exceptions_that_did_not_decide_have_no_traceback_but_a_place() -> None:
    dojob = run(Fails)
    (entry,) = dojob.report()
    assert entry.check_exception is not None
    assert entry.run_exception is not None
    assert entry.exception is not None
    assert (entry.check_exception.__traceback__, entry.run_exception.__traceback__) == (None, None)
    assert entry.exception.__traceback__ is not None
    (told,) = dojob.report().as_dict()['jobs']
    assert place(told['check_exception']) == place(told['run_exception']) == (True, True, False)
    assert place(told['exception']) == (True, True, True)


@pytest.mark.parametrize('observed', [{}, {'debug': True}, {'listeners': [lambda event: None]}])
@pytest.mark.parametrize('kind', ['changed', 'in spite of Run', 'chain', 'next try', 'exit'])
def test_objects_of_jobs_that_succeeded_are_let_go_of_at_once(
    kind: str, observed: dict[str, Any]
) -> None:
    watched: list[weakref.ref[Job]] = []
    done: list[bool] = []

    class Made(Job):
        RETRY_DELAY = 0

        def Check(self) -> None:
            watched.append(weakref.ref(self))
            if not done or kind == 'next try' and len(watched) == 2:
                raise ValueError(kind)

        def Run(self) -> None:
            done.append(True)
            if kind == 'in spite of Run':
                raise LookupError
            if kind == 'exit':
                sys.exit(1)
            if kind == 'chain':
                try:
                    self.below()
                except LookupError as error:
                    raise ValueError from error

        def below(self) -> None:
            here = self
            raise LookupError(here)

    gc.disable()
    try:
        dojob = run(Made, **observed)
        assert dojob.success()
        report = dojob.report()
        # An exception may hold what it was made with.
        if kind != 'chain':
            assert [each() for each in watched] == [None] * len(watched)
    finally:
        gc.enable()
    assert report.jobs[0].outcome is Outcome.CHANGED


@pytest.mark.parametrize('observed', [{}, {'debug': True}, {'listeners': [lambda event: None]}])
def test_objects_of_earlier_tries_of_a_failed_job_are_let_go_of_at_once(
    observed: dict[str, Any],
) -> None:
    watched: list[weakref.ref[Job]] = []

    class Never(Job):
        TRIES = 3
        RETRY_DELAY = 0

        def __init__(self) -> None:
            watched.append(weakref.ref(self))

        def Check(self) -> None:
            raise ValueError

        def Run(self) -> None:
            try:
                raise LookupError
            except LookupError as error:
                raise ValueError from error

    gc.disable()
    try:
        kept = run(Never, **observed)
        assert [each() is None for each in watched] == [True, True, False], kept
    finally:
        gc.enable()


def test_object_of_a_try_whose_run_decided_is_let_go_of_after_the_next_try() -> None:
    watched: list[weakref.ref[Job]] = []

    class Once(RunonlyJob):
        TRIES = 2
        RETRY_DELAY = 0

        def __init__(self) -> None:
            if watched:
                raise ValueError
            watched.append(weakref.ref(self))

        def Run(self) -> None:
            raise LookupError

    gc.disable()
    try:
        dojob = run(Once)
        assert watched[0]() is None
    finally:
        gc.enable()
    (entry,) = dojob.report()
    assert (type(entry.run_exception), type(entry.exception)) == (LookupError, ValueError)
    (told,) = dojob.report().as_dict()['jobs']
    assert place(told['run_exception']) == (True, True, False)


# Times


class Timed(Job):
    """Take one second in init, two in Check, four in Run; fail but for the second try's recheck."""

    RETRY_DELAY = 20
    clock = FakeClock()

    def __init__(self) -> None:
        self.clock.advance(1)

    def Check(self) -> None:
        self.clock.advance(2)
        if self._check_phase == 'check' or self.clock.now < 20:
            raise ValueError('no')

    def Run(self) -> None:
        self.clock.advance(4)

    def Cleanup(self) -> None:
        self.clock.advance(8)


def test_seconds_are_those_of_all_tries_by_phase_and_instants_are_from_the_start() -> None:
    clock = FakeClock(0)

    class Before(DummyJob):
        def Check(self) -> None:
            clock.advance(5)

    report = run(Timed.clone('After', clock=clock, DEPS=(Before,)), clock).report()
    before, after = report
    assert (before.seconds, before.start, before.end) == (5, 0, 5)
    assert before.phase_seconds == {'init': 0, 'check': 5}
    assert after.seconds == 34
    assert after.phase_seconds == {'init': 2, 'check': 4, 'run': 8, 'recheck': 4, 'cleanup': 16}
    assert (after.start, after.end) == (5, 5 + 20 + 9)
    assert report.seconds == 5 + 20 + 9 + 16


def test_spans_of_many_tries_are_those_of_the_first_and_the_last() -> None:
    clock = FakeClock(0)

    class Polls(DummyJob):
        TRIES, RETRY_DELAY = 200, 10

        def Check(self) -> None:
            clock.advance(1)
            raise ValueError

    entry = only(Polls, clock=clock)
    assert (entry.tries, len(entry.spans)) == (200, 100)
    assert (entry.start, entry.end) == (0, 199 * 10 + 2)
    assert entry.spans[1] == (101 * 10, 101 * 10 + 2)


def test_job_that_was_not_tried_has_no_times() -> None:
    entry = entries(DummyJob.clone('Top', DEPS=(Fails,)), listeners=[lambda event: None])['Top']
    assert (entry.seconds, entry.phase_seconds) == (0.0, {})
    assert (entry.start, entry.end, entry.tries) == (None, None, 0)


# Blocking


def test_blocked_by_names_failed_jobs_at_the_roots_in_graph_order() -> None:
    first, second = Fails.clone('First'), Fails.clone('Second')

    class Left(DummyJob):
        DEPS = (second,)

    class Right(DummyJob):
        DEPS = (first, Left)

    class Fine(DummyJob):
        pass

    class Top(DummyJob):
        DEPS = (Fine, Right, Left)

    found = entries(DummyJob.clone('Root', DEPS=(second, first, Top)))
    assert list(found) == ['Second', 'First', 'Fine', 'Left', 'Right', 'Top', 'Root']
    assert {name: entry.blocked_by for name, entry in found.items()} == {
        'Second': (),
        'First': (),
        'Fine': (),
        'Left': ('Second',),
        'Right': ('Second', 'First'),
        'Top': ('Second', 'First'),
        'Root': ('Second', 'First'),
    }


class Counting(tuple):  # type: ignore[type-arg]
    """Dependencies that count how many of them are looked at."""

    looks = 0

    def __iter__(self) -> Iterator[Any]:
        Counting.looks += len(self) + 1
        return super().__iter__()


def counted(root: type[Job], **options: Any) -> DoJobber:
    """Run a graph of which each further look at dependencies counts."""
    dojob = run(root, **options)
    dojob.graph.dependencies[:] = map(Counting, dojob.graph.dependencies)
    Counting.looks = 0
    return dojob


@pytest.mark.parametrize('order', sampled([1, -1]))
def test_blocked_by_of_a_long_chain_is_linear(order: int) -> None:
    count = 1_100
    job: type[Job] = Fails
    for number in range(count):
        job = DummyJob.clone(f'j{number}', DEPS=(job,))
    report = counted(job).report()
    assert {entry.blocked_by for entry in report.jobs[::order]} == {(), ('Fails',)}
    assert len(report.select('blocked')) == count
    assert Counting.looks < 10 * count


def test_blocked_by_of_crossing_layers_is_linear() -> None:
    layer: list[type[Job]] = [Fails]
    edges = 0
    for number in range(60):
        layer = [DummyJob.clone(f'j{number}x{each}', DEPS=tuple(layer)) for each in range(10)]
        edges += len(layer) * 10
    report = counted(DummyJob.clone('Root', DEPS=tuple(layer))).report()
    assert {entry.blocked_by for entry in report.jobs[::-1]} == {(), ('Fails',)}
    assert Counting.looks < 4 * edges


def test_blocked_by_of_jobs_that_the_same_ones_block_is_kept_once() -> None:
    failed = tuple(Fails.clone(f'f{number}') for number in range(100))
    job: type[Job] = DummyJob.clone('j0', DEPS=failed)
    for number in range(1, 100):
        job = DummyJob.clone(f'j{number}', DEPS=(job,))
    report = run(job).report()
    assert len({entry.blocked_by for entry in report.select('blocked')}) == 1
    (blocking,) = {entry._blocking for entry in report}
    kept = [blocking._roots[node] for node in range(len(failed), len(report))]
    assert len({id(each) for each in kept}) == 1


def test_report_is_made_in_linear_time() -> None:
    job: type[Job] = Fails
    for number in range(1000):
        job = DummyJob.clone(f'j{number}', DEPS=(job,))
    dojob = counted(job)
    assert len(dojob.report()) == 1001
    assert Counting.looks < 5000


# Cleanup


class Sticks(Changes):
    """Fail in Cleanup, once."""

    def Cleanup(self) -> None:
        if not self.storage:
            self.storage['failed'] = True
            raise OSError('stuck')


class Cleans(Changes):
    def Cleanup(self) -> None:
        pass


def cleanups(dojob: DoJobber) -> dict[str, tuple[str | None, str]]:
    return {each.name: (each.cleanup, repr(each.cleanup_exception)) for each in dojob.report()}


def test_cleanup_of_a_job_that_is_owed_none_is_none() -> None:
    dojob = run(DummyJob.clone('Top', DEPS=(Changes, Fails)))
    assert set(cleanups(dojob).values()) == {(None, 'None')}


def test_cleanup_is_due_until_it_is_called() -> None:
    dojob = run(Cleans, cleanup=False)
    assert cleanups(dojob) == {'Cleans': ('due', 'None')}
    dojob.cleanup()
    assert cleanups(dojob) == {'Cleans': ('pass', 'None')}


def test_failed_cleanup_and_those_that_it_holds_back_pass_by_hand() -> None:
    dojob = run(DummyJob.clone('Top', DEPS=(Sticks.clone('Sticky', DEPS=(Cleans,)), Changes)))
    assert cleanups(dojob) == {
        'Cleans': ('due', 'None'),
        'Sticky': ('fail', "OSError('stuck')"),
        'Changes': (None, 'None'),
        'Top': (None, 'None'),
    }
    (told,) = [each for each in dojob.report().as_dict()['jobs'] if each['name'] == 'Sticky']
    assert place(told['cleanup_exception']) == (True, True, True)
    dojob.cleanup()
    assert cleanups(dojob) == {
        'Cleans': ('pass', 'None'),
        'Sticky': ('pass', 'None'),
        'Changes': (None, 'None'),
        'Top': (None, 'None'),
    }


# The report as a whole


def test_report_before_any_run_is_empty() -> None:
    dojob = DoJobber()
    for _ in range(2):
        report = dojob.report()
        assert (list(report), len(report), report.success, report.seconds) == ([], 0, False, None)
        assert str(report) == '0 Jobs: none, 0 tries'
        dojob.configure(DummyJob)
    assert 'Dummy' not in str(dojob.report())


def test_report_after_configure_is_empty_again() -> None:
    dojob = run(Changes)
    dojob.configure(Fails)
    assert (len(dojob.report()), dojob.report().success) == (0, False)


def test_report_within_a_run_is_as_if_the_run_ended_now() -> None:
    reports: list[Report] = []

    class Looks(DummyJob):
        DEPS = (Changes,)

        def Check(self) -> None:
            reports.append(dojob.report())

    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Top', DEPS=(Looks,)))
    dojob.checknrun()
    (report,) = reports
    assert [str(entry.outcome) for entry in report] == ['changed', 'not_run', 'not_run']
    assert (report.success, report.seconds) == (False, None)
    assert dojob.report().success


def test_report_of_a_part_of_the_graph_is_about_that_part() -> None:
    dojob = run(DummyJob.clone('Top', DEPS=(Fails, DummyJob.clone('Mid', DEPS=(Changes,)))))
    dojob.checknrun('Mid')
    assert [(entry.name, str(entry.outcome)) for entry in dojob.report()] == [
        ('Changes', 'changed'),
        ('Mid', 'ok'),
    ]
    assert dojob.report().success


def test_report_of_a_run_before_stays_as_it_was() -> None:
    dojob = run(Cleans, cleanup=False)
    before = dojob.report()
    dojob.cleanup()
    dojob.checknrun()
    assert (before.jobs[0].cleanup, before.jobs[0].outcome) == ('due', 'changed')


def test_entry_is_equal_to_itself_alone() -> None:
    (entry,) = run(DummyJob).report()
    copied = dataclasses.replace(entry)
    assert {entry, copied} == {copied, entry} and entry != copied


def test_report_can_not_be_changed() -> None:
    report = run(Changes).report()
    (entry,) = report
    for field in dataclasses.fields(entry):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(entry, field.name, None)
    with pytest.raises(AttributeError):
        report.jobs = ()  # type: ignore[misc]
    assert not hasattr(report, '__dict__') and not hasattr(entry, '__dict__')
    assert copy.copy(report).jobs is report.jobs


def test_select_gives_entries_of_outcomes_in_graph_order() -> None:
    report = run(DummyJob.clone('Top', DEPS=(Changes, Fails, DummyJob))).report()
    assert [entry.name for entry in report.select(Outcome.FAILED, 'changed')] == [
        'Changes',
        'Fails',
    ]
    assert [entry.name for entry in report.select('ok')] == ['DummyJob']
    assert report.select() == ()
    with pytest.raises(ValueError, match='blokced'):
        report.select('blokced')


# As JSON


class Odd:
    """Has a repr that raises."""

    def __repr__(self) -> str:
        raise SystemExit


class OddDict(dict):  # type: ignore[type-arg]
    """Raises when it is read."""

    def items(self) -> Any:
        raise SystemExit

    def __iter__(self) -> Any:
        raise SystemExit


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def cycle() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ('result', 'expected'),
    [
        (None, None),
        (False, False),
        ({'a': [1, 2.5, 'x', None, True]}, {'a': [1, 2.5, 'x', None, True]}),
        ((1, 2), [1, 2]),
        ({1: 2}, {'1': 2}),
        (Outcome.OK, 'ok'),
        (b'bytes', "b'bytes'"),
        ({1}, '{1}'),
        (float('nan'), 'nan'),
        ([float('inf')], '[inf]'),
        ({float('nan'): 1}, '{nan: 1}'),
        ({('a',): 1}, "{('a',): 1}"),
        (cycle(), '[[...]]'),
        ('\ud800', '\ud800'),
        (nested(100), nested(100)),
        (nested(101), repr(nested(101))),
        ({'a': nested(100)}, repr({'a': nested(100)})),
    ],
)
def test_result_is_as_json_would_bring_it_back_or_its_repr(result: Any, expected: Any) -> None:
    dojob = run(DummyJob.clone('Gives', Check=lambda self: result))
    (told,) = dojob.report().as_dict()['jobs']
    assert told['result'] == expected
    assert type(told['result']) is type(expected)


@pytest.mark.parametrize(
    'result',
    [Odd(), [Odd()], OddDict(a=1), nested(3000), 10**5000, object(), OddDict],
    ids=['repr raises', 'repr within raises', 'dict raises', 'deep', 'huge', 'object', 'class'],
)
def test_result_without_json_form_or_repr_is_some_text(result: Any) -> None:
    dojob = run(DummyJob.clone('Gives', Check=lambda self: result))
    told = dojob.report().as_dict()
    assert isinstance(told['jobs'][0]['result'], str)
    assert json.loads(json.dumps(told, allow_nan=False)) == told


@pytest.mark.slow
def test_deep_result_can_be_written_and_read_at_each_depth() -> None:
    for depth in range(1, 1500):
        told = run(DummyJob.clone('Gives', Check=lambda self, depth=depth: nested(depth))).report()
        plain = told.as_dict()
        assert json.loads(json.dumps(plain, indent=1)) == plain


class HostileError(Exception):
    """Refuse to be shown."""

    __notes__ = ['note\x1b[2J', 7, '\ud800']

    def __str__(self) -> str:
        raise RuntimeError


def test_hostile_names_and_messages_are_plain_data() -> None:
    class Hostile(Job):
        TRIES = 1

        def Check(self) -> None:
            raise HostileError

        def Run(self) -> None:
            raise ValueError('new\nline\x00\ud800\u202e' * 1000) from HostileError()

        def Cleanup(self) -> None:
            raise OSError

    name = 'new\nline "quoted" \x1b[31m \u202e ' + 'x' * 10_000
    dojob = run(DummyJob.clone('Top', DEPS=(Hostile.clone(name), Changes)))
    told = dojob.report().as_dict()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    hostile = told['jobs'][0]
    assert hostile['name'] == name
    assert hostile['exception']['type'] == 'HostileError'
    assert hostile['exception']['message'] == '<unprintable HostileError object>'
    assert hostile['exception']['notes'] == ['note\x1b[2J', '\ud800']
    assert hostile['run_exception']['message'].startswith('new\nline')
    assert told['jobs'][-1]['blocked_by'] == [name]


def test_as_dict_has_all_that_the_report_says() -> None:
    clock = FakeClock(0)
    told = run(
        DummyJob.clone('Top', DEPS=(Timed.clone('Made', clock=clock), Fails)), clock
    ).report()
    plain = told.as_dict()
    made, fails, top = plain.pop('jobs')
    assert abs(time.time() - datetime.fromisoformat(plain.pop('started')).timestamp()) < 600
    assert plain == {
        'schema': 1,
        'success': False,
        'no_act': False,
        'seconds': 45.0,
        'host': platform.node(),
        'python': platform.python_version(),
        'dojobber': dojobber.__version__,
    }
    failure = made.pop('exception')
    assert place(failure) == (True, True, False)
    assert (failure['type'], failure['message'], failure['notes']) == ('ValueError', 'no', [])
    assert made.pop('check_exception')['message'] == 'no'
    assert made == {
        'name': 'Made',
        'job': 'tests.test_report.Made',
        'outcome': 'changed',
        'deps': [],
        'changed_deps': [],
        'gave_up': False,
        'phase': 'recheck',
        'tries': 2,
        'seconds': 34,
        'phase_seconds': {'init': 2, 'check': 4, 'run': 8, 'recheck': 4, 'cleanup': 16},
        'start': 0,
        'end': 29,
        'run_exception': None,
        'result': None,
        'blocked_by': [],
        'cleanup': 'pass',
        'cleanup_exception': None,
    }
    assert fails['job'] == 'tests.test_report.Fails'
    assert fails['run_exception']['type'] == 'LookupError'
    assert top == {
        **dict.fromkeys(top),
        'name': 'Top',
        'job': 'dojobber.job.Top',
        'outcome': 'blocked',
        'tries': 0,
        'gave_up': False,
        'deps': ['Made', 'Fails'],
        'changed_deps': [],
        'seconds': 0,
        'phase_seconds': {},
        'blocked_by': ['Fails'],
    }


# Random graphs


class Reporting(Stage):
    """Keeps the report after each call, what is told in it, and when it began."""

    def __init__(self, plan: Plan, listens: bool) -> None:
        super().__init__(plan)
        self.listens = listens
        self.reports: list[Report] = []
        self.told: list[list[news.Event]] = []
        self.began: list[float] = []

    def configure(self, dojob: DoJobber, options: Any) -> None:
        dojob.configure(
            self.jobs[options.root],
            no_act=options.no_act,
            cleanup=options.cleanup,
            default_tries=options.default_tries,
            default_retry_delay=options.default_retry_delay,
            more_deps=self.more_deps(options),
            listeners=[lambda event: self.told[-1].append(event)] if self.listens else [],
        )

    def record(self, dojob: DoJobber, call: Callable[[], object]) -> Call:
        self.told.append([])
        self.began.append(self.clock.now)
        outcome = super().record(dojob, call)
        self.reports.append(dojob.report())
        return outcome


class Rule:
    """Says slowly what a report must say of one run, from the plan and from what hooks were called.

    Takes what was called in the run, which Cleanups were called since it began and whether they
    passed, and when that was.
    """

    def __init__(
        self, plan: Plan, run: Run, call: Call, cleanups: list[tuple[Event, bool]], began: float
    ) -> None:
        self.plan = plan
        self.options = run.options
        self.no_act = run.options.no_act
        self.names = plan.order(run)
        self.nodestatus = call.nodestatus
        self.hooks = [event for event in call.events if event.phase != 'cleanup']
        self.own = {
            name: [event for event in self.hooks if event.job == name] for name in self.names
        }
        self.cleanups = cleanups
        self.began = began
        self.default_tries = run.options.default_tries
        last = self.hooks[-1] if self.hooks else None
        how = last and plan.job(last.job).phase(last.number, last.phase).ending
        self.is_ended_early = how == 'interrupt' or call.raised == 'KeyboardInterrupt: sleep'
        self.outcomes: dict[str, str] = {}
        for name in self.names:
            self.outcomes[name] = self.outcome(name)

    def numbers(self, name: str) -> list[int]:
        """List the tries of a Job in this run, counted over all runs."""
        return [each.number for each in self.own[name] if each.phase == 'init']

    def how(self, name: str, number: int, phase: str) -> str | None:
        """Tell how a phase ended that was called; None if it was not."""
        called = any((each.number, each.phase) == (number, phase) for each in self.own[name])
        return self.plan.job(name).phase(number, phase).ending if called else None

    def ran(self, name: str) -> list[int]:
        """List the tries that called Run."""
        return [number for number in self.numbers(name) if self.how(name, number, 'run')]

    def outcome(self, name: str) -> str:
        """Tell the outcome of a Job from those of what it depends on."""
        status, job = self.nodestatus[name], self.plan.job(name)
        if status:
            return 'changed' if self.ran(name) else 'ok'
        if status is None:
            below = {self.outcomes[each] for each in self.options.needs(job)}
            if below & {'failed', 'blocked'}:
                return 'blocked'
            return 'might_run' if below & {'would_run', 'might_run'} else 'not_run'
        last = self.hooks[-1]
        if last.job == name and job.phase(last.number, last.phase).ending == 'interrupt':
            return 'interrupted'
        number = self.numbers(name)[-1]
        is_made = self.how(name, number, 'init') == 'pass'
        phases = 'init', 'check', 'run', 'recheck'
        gave_up = any(self.how(name, number, phase) == 'give up' for phase in phases)
        tries = 1 if self.no_act else job.tries or self.default_tries
        if self.is_ended_early and len(self.numbers(name)) < tries and not gave_up:
            return 'interrupted'
        would_run = self.no_act and job.run and is_made and not gave_up
        return 'would_run' if would_run else 'failed'

    def changed(self, name: str) -> bool:
        """Tell whether a Job's change calls those that watch it."""
        job = self.plan.job(name)
        if job.base == 'DummyJob' and not job.check and not job.run:
            return any(self.changed(each) for each in self.options.needs(job))
        return self.outcomes[name] == 'changed'

    def blocked_by(self, name: str) -> tuple[str, ...]:
        def roots(name: str) -> set[str]:
            if self.outcomes[name] != 'blocked':
                return {name} if self.outcomes[name] == 'failed' else set()
            return set().union(*map(roots, self.options.needs(self.plan.job(name))))

        if self.outcomes[name] != 'blocked':
            return ()
        found = roots(name)
        return tuple(each for each in self.names if each in found)

    def check_text(self, name: str) -> str:
        """Return the text of check_exception."""
        numbers, job = self.numbers(name), self.plan.job(name)
        if not numbers or self.how(name, numbers[-1], 'init') != 'pass':
            return 'None'
        if changes := [each for each in job.watch if self.changed(each)]:
            return f'{", ".join(changes)} {"has" if len(changes) == 1 else "have"} changed'
        if job.check:
            passed = self.how(name, numbers[-1], 'check') == 'pass'
            return 'None' if passed else f'{name}.{numbers[-1]} check'
        is_runonly = job.base == 'RunonlyJob'
        return 'Runonly node check intentionally fails first time.' if is_runonly else 'None'

    def run_text(self, name: str) -> str:
        """Return the text of run_exception."""
        failed = [each for each in self.ran(name) if self.how(name, each, 'run') != 'pass']
        return f'{name}.{failed[-1]} run' if failed else 'None'

    def has_failed(self, name: str) -> bool:
        """Tell whether any try of a Job failed."""
        return len(self.numbers(name)) > (1 if self.nodestatus[name] else 0)

    def cleanup(self, name: str) -> str | None:
        owed = self.ran(name) if self.plan.job(name).cleanup is not None else []
        called = [
            (event.number, passed)
            for event, passed in self.cleanups
            if event.job == name and event.number in owed
        ]
        if called and not called[-1][1]:
            return 'fail'
        due = set(owed) - {number for number, passed in called if passed}
        return None if not owed else 'due' if due else 'pass'

    def seconds(self, name: str) -> dict[str, float]:
        found: dict[str, float] = dict.fromkeys(('init', 'check', 'run', 'recheck'), 0.0)
        for event in self.own[name]:
            found[event.phase] += self.plan.job(name).phase(event.number, event.phase).seconds
        return found

    def span(self, name: str) -> tuple[float, float]:
        hooks = self.own[name]
        took = self.plan.job(name).phase(hooks[-1].number, hooks[-1].phase).seconds
        return hooks[0].instant - self.began, hooks[-1].instant + took - self.began


def rules(plan: Plan, calls: list[Call], began: list[float]) -> Iterator[Rule]:
    """Yield what the report after each call must say."""
    counts: Counter[str] = Counter()
    cleanups: list[tuple[Event, bool]] = []
    for number, call in enumerate(calls):
        is_run = number < len(plan.runs)
        if is_run:
            cleanups = []
        for event in call.events:
            if event.phase == 'cleanup':
                counts[event.job] += 1
                how = plan.job(event.job).cleaned(counts[event.job])
                cleanups.append((event, how.ending == 'pass'))
        last = min(number, len(plan.runs) - 1)
        yield Rule(plan, plan.runs[last], calls[last], list(cleanups), began[last])


def told_of(rule: Rule, name: str) -> dict[str, Any]:
    return {
        'name': name,
        'outcome': rule.outcomes[name],
        'tries': len(rule.numbers(name)),
        'blocked_by': rule.blocked_by(name),
        'check_exception': rule.check_text(name),
        'run_exception': rule.run_text(name),
        'has_failed': rule.has_failed(name),
        'cleanup': rule.cleanup(name),
    }


def said(entry: JobReport) -> dict[str, Any]:
    return {
        'name': entry.name,
        'outcome': str(entry.outcome),
        'tries': entry.tries,
        'blocked_by': entry.blocked_by,
        'check_exception': str(entry.check_exception),
        'run_exception': str(entry.run_exception),
        'has_failed': entry.exception is not None,
        'cleanup': entry.cleanup,
    }


def check_times(rule: Rule, entry: JobReport, listens: bool) -> None:
    if 'init' not in entry.phase_seconds:
        assert not listens or not entry.tries
        assert entry.start is None
        return
    expected = rule.seconds(entry.name)
    found = {phase: entry.phase_seconds.get(phase, 0) for phase in expected}
    assert sum(found.values()) == sum(expected.values())
    assert (entry.start, entry.end) == rule.span(entry.name)


def check_told(rule: Rule, report: Report, told: list[news.Event]) -> None:
    ends = {event.name: event for event in told if isinstance(event, news.JobEnded)}
    tries = Counter(event.name for event in told if isinstance(event, news.TryStarted))
    assert len(ends) == sum(isinstance(event, news.JobEnded) for event in told)
    for entry in report:
        assert tries[entry.name] == entry.tries
        end = ends[entry.name]
        assert (end.outcome, end.status) == (entry.outcome, rule.nodestatus[entry.name])
    own = [event for event in told if isinstance(event, news.RunStarted)]
    assert own == [news.RunStarted(tuple(entry.job for entry in report), rule.no_act)]
    assert told[-1] == news.RunEnded(rule.nodestatus, report.seconds or 0.0)


@pytest.mark.parametrize('listens', [False, True])
@pytest.mark.parametrize('numbers', seeds(1000, sample=8), ids=str)
def test_reports_of_random_plans_are_as_a_slow_rule_says(numbers: range, listens: bool) -> None:
    for seed in numbers:
        plan = random_plan(seed)
        stage = Reporting(plan, listens)
        calls = stage.perform()
        # A call by hand says nothing new of the run, but for Cleanups.
        for number, rule in enumerate(rules(plan, calls, stage.began)):
            report, call = stage.reports[number], calls[number]
            assert [said(entry) for entry in report] == [
                told_of(rule, name) for name in rule.names
            ], f'seed {seed}, call {number}'
            assert report.success == call.success
            counts = {outcome: len(report.select(outcome)) for outcome in Outcome}
            assert sum(counts.values()) == len(report)
            assert {entry.name: entry.result for entry in report if entry.result is not None} == {
                name: result for name, result in call.noderesults.items() if result is not None
            }
            for entry in report:
                check_times(rule, entry, listens)
                if entry.name in call.nodeexceptions:
                    error = entry.exception
                    text = f'{type(error).__name__}: {error}'
                    assert text == call.nodeexceptions[entry.name]
            if listens and number < len(plan.runs):
                check_told(rule, report, stage.told[number])
