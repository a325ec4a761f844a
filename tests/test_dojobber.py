"""The whole, through its public interface."""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import logging
import math
import os
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from tests.ctrl_c import pressed_at_line
from tests.fakes import FakeClock


class Copied(RunonlyJob):
    """A Job of which the DoJobber is copied, within its Run if that is told how."""

    def Run(self, dojobs: list[DoJobber] | None = None, copied: Any = None) -> None:
        if dojobs is not None:
            dojobs[1:] = [copied(dojobs[0])]

    def Cleanup(self) -> None:
        Path('cleaned').touch()


def pickled(dojob: DoJobber) -> Any:
    return pickle.loads(pickle.dumps(dojob))


class Journal:
    """What Jobs did, in order, with a clock that they may advance."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.clock = FakeClock()
        self.dojob = self.clock.drive(DoJobber())

    def job(
        self,
        job_name: str,
        *below: type[Job],
        failures: float = 0,
        seconds: float = 0,
        **attributes: Any,
    ) -> type[Job]:
        """Make a Job whose first so many tries fail."""
        journal = self
        tries = 0

        class Noted(Job):
            DEPS = below

            def Check(self) -> str:
                nonlocal tries
                if self._check_phase == 'check':
                    journal.events.append(job_name)
                    tries += 1
                if tries <= failures:
                    raise ValueError(f'{job_name} {tries}')
                return f'{job_name} is fine'

            def Run(self) -> None:
                journal.clock.advance(seconds)

        Noted.__name__ = job_name
        for name, value in attributes.items():
            setattr(Noted, name, value)
        return Noted

    def run(self, root: type[Job], node: Any = None, **options: Any) -> list[str]:
        self.events.clear()
        self.dojob.configure(root, **options)
        self.dojob.checknrun(node)
        return list(self.events)


@pytest.fixture
def journal() -> Journal:
    return Journal()


def test_jobs_are_tried_in_post_order_and_all_results_kept(journal: Journal) -> None:
    a = journal.job('a')
    b = journal.job('b', a)
    assert journal.run(journal.job('root', b, a)) == ['a', 'b', 'root']
    dojob = journal.dojob
    assert dojob.nodestatus == {'a': True, 'b': True, 'root': True}
    assert dojob.noderesults == {name: f'{name} is fine' for name in ('a', 'b', 'root')}
    assert dojob.nodeexceptions == {}
    assert (dojob.success(), dojob.partial_success(), dojob.failure()) == (True, True, False)


def test_before_any_run_nothing_has_succeeded(journal: Journal) -> None:
    dojob = journal.dojob
    for _ in range(2):
        assert (dojob.nodestatus, dojob.noderesults, dojob.nodeexceptions) == ({}, {}, {})
        assert (dojob.success(), dojob.partial_success(), dojob.failure()) == (False, False, True)
        assert dojob.global_storage == {}
        dojob.configure(DummyJob)


def test_failed_job_blocks_its_dependents_and_no_others(journal: Journal) -> None:
    bad = journal.job('bad', failures=9)
    blocked = journal.job('blocked', bad)
    good = journal.job('good')
    root = journal.job('root', blocked, good)
    assert journal.run(root, default_tries=1) == ['bad', 'good']
    dojob = journal.dojob
    assert dojob.nodestatus == {'bad': False, 'good': True, 'blocked': None, 'root': None}
    assert {name: str(why) for name, why in dojob.nodeexceptions.items()} == {'bad': 'bad 1'}
    assert (dojob.success(), dojob.partial_success(), dojob.failure()) == (False, True, True)


def test_exception_of_a_job_that_succeeds_in_the_end_is_dropped(journal: Journal) -> None:
    journal.run(journal.job('late', failures=1))
    assert journal.dojob.nodeexceptions == {}
    assert journal.dojob.nodestatus == {'late': True}


def test_failed_jobs_are_tried_again_in_rounds(journal: Journal) -> None:
    a = journal.job('a', failures=9, TRIES=3)
    b = journal.job('b', failures=9, TRIES=2)
    c = journal.job('c', a, b)
    assert journal.run(c, default_retry_delay=0) == ['a', 'b', 'a', 'b', 'a']


def test_delay_counts_from_the_start_of_a_try_and_others_run_meanwhile(journal: Journal) -> None:
    slow = journal.job('slow', failures=1, seconds=4, RETRY_DELAY=10)
    other = journal.job('other', failures=1, seconds=1, RETRY_DELAY=1)
    assert journal.run(journal.job('root', slow, other)) == [
        'slow', 'other', 'other', 'slow', 'root',
    ]  # fmt: skip
    # other is due when it has ended; slow started 5 seconds before.
    assert journal.clock.sleeps == [5]


def test_equal_delays_of_many_jobs_are_waited_for_once(journal: Journal) -> None:
    jobs = [journal.job(f'j{number}', failures=2, RETRY_DELAY=0.5) for number in range(20)]
    journal.run(journal.job('root', *jobs))
    assert journal.clock.sleeps == [0.5, 0.5]


def test_plain_configure_allows_three_tries_a_second_apart(journal: Journal) -> None:
    assert journal.run(journal.job('bad', failures=9)) == ['bad'] * 3
    assert journal.clock.sleeps == [1, 1]


def test_no_sleep_after_the_last_try(journal: Journal) -> None:
    journal.run(journal.job('bad', failures=9), default_tries=2, default_retry_delay=3)
    assert journal.clock.sleeps == [3]


def test_delay_of_weeks_is_waited_for(journal: Journal) -> None:
    journal.run(journal.job('late', failures=1, RETRY_DELAY=1.5e6))
    assert journal.clock.sleeps == [1.5e6]


def test_infinite_tries_last_until_success(journal: Journal) -> None:
    assert journal.run(journal.job('late', failures=7, TRIES=math.inf)) == ['late'] * 8


def test_no_act_checks_each_job_once_and_runs_nothing(journal: Journal) -> None:
    bad = journal.job('bad', failures=9)
    good = journal.job('good')
    assert journal.run(journal.job('root', bad, good), no_act=True) == ['bad', 'good']
    assert journal.dojob.nodestatus == {'bad': False, 'good': True, 'root': None}


def test_arguments_reach_check_and_run() -> None:
    seen = []

    class Takes(RunonlyJob):
        def Run(self, *args: Any, **kwargs: Any) -> None:
            seen.append((args, kwargs))

    dojob = DoJobber()
    dojob.set_args(1, 'two', self_made=3)
    dojob.configure(Takes)
    dojob.checknrun()
    dojob.set_args(cls=1, node=2)
    dojob.checknrun()
    assert seen == [((1, 'two'), {'self_made': 3}), ((), {'cls': 1, 'node': 2})]


def test_run_again_checks_all_again_with_fresh_tries_and_storage(journal: Journal) -> None:
    late = journal.job('late', failures=3)
    journal.run(late, default_tries=2)
    first = journal.dojob.nodestatus
    journal.dojob.checknrun()
    assert journal.events == ['late'] * 4
    assert (first, journal.dojob.nodestatus) == ({'late': False}, {'late': True})


def test_global_storage_is_shared_by_jobs_and_tries_and_new_for_each_run() -> None:
    class Counts(Job):
        def Check(self) -> None:
            count = self.global_storage['count'] = self.global_storage.get('count', 0) + 1
            if count < 4:
                raise ValueError

    class Reads(Job):
        DEPS = (Counts,)

        def Check(self) -> int:
            return int(self.global_storage['count'])

    dojob = DoJobber()
    dojob.configure(Reads, default_retry_delay=0)
    for _ in range(2):
        dojob.checknrun()
        assert dojob.noderesults['Reads'] == 4
        assert dojob.global_storage == {'count': 4}


def test_part_of_the_graph_runs_as_if_it_were_the_root(journal: Journal) -> None:
    a = journal.job('a')
    b = journal.job('b', a)
    c = journal.job('c')
    d = journal.job('d', c, b)
    root = journal.job('root', a, d)
    assert journal.run(root, node=d) == ['c', 'a', 'b', 'd']
    assert list(journal.dojob.nodestatus) == ['c', 'a', 'b', 'd']
    assert journal.dojob.success()
    assert journal.run(root, node='b') == ['a', 'b']
    assert journal.run(root, node=root) == ['a', 'c', 'b', 'd', 'root']


def test_part_of_the_graph_has_the_tries_and_delays_of_its_own_jobs(journal: Journal) -> None:
    other = journal.job('other', failures=9, TRIES=4, RETRY_DELAY=7)
    wanted = journal.job('wanted', failures=9, TRIES=2, RETRY_DELAY=5)
    root = journal.job('root', other, wanted, TRIES=6, RETRY_DELAY=8)
    assert journal.run(root, node='wanted') == ['wanted', 'wanted']
    assert journal.clock.sleeps == [5]


@pytest.mark.parametrize('node', ['Nobody', Job, 7, DummyJob])
def test_node_that_is_not_in_the_graph_is_refused(journal: Journal, node: Any) -> None:
    with pytest.raises(RuntimeError, match='is not in the graph that was configured'):
        journal.run(journal.job('root'), node=node)
    assert journal.dojob.nodestatus == {}


def test_run_before_configure_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r'^checknrun\(\) has no graph; call configure\(\)'):
        DoJobber().checknrun()


def test_init_that_raises_fails_its_job_and_others_go_on(journal: Journal) -> None:
    class Unmade(DummyJob):
        def __init__(self) -> None:
            journal.events.append('init')
            raise SystemExit('no')

    other = journal.job('other')
    root = journal.job('root', Unmade, other)
    assert journal.run(root, default_tries=2, default_retry_delay=0) == ['init', 'other', 'init']
    assert journal.dojob.nodestatus == {'Unmade': False, 'other': True, 'root': None}
    assert repr(journal.dojob.nodeexceptions['Unmade']) == "SystemExit('no')"


def test_interrupt_ends_the_run_with_complete_statuses_after_cleanups(journal: Journal) -> None:
    def note(self: Any) -> None:
        journal.events.append('cleanup')

    def interrupt(self: Any) -> None:
        journal.events.append('run')
        raise KeyboardInterrupt

    first = journal.job('first', failures=0)
    failing = journal.job('failing', failures=9, Cleanup=note)
    stopped = journal.job('stopped', first, failures=1, Run=interrupt, Cleanup=note)
    root = journal.job('root', failing, stopped, journal.job('never'))
    with pytest.raises(KeyboardInterrupt):
        journal.run(root)
    assert journal.events == ['failing', 'first', 'stopped', 'run', 'cleanup', 'cleanup']
    assert journal.dojob.nodestatus == {
        'failing': False, 'first': True, 'stopped': False, 'never': None, 'root': None,
    }  # fmt: skip
    assert isinstance(journal.dojob.nodeexceptions['stopped'], KeyboardInterrupt)
    assert str(journal.dojob.nodeexceptions['failing']) == 'failing 1'


def test_interrupt_while_waiting_leaves_what_the_failed_try_said(journal: Journal) -> None:
    def receive(queue: Any, timeout: float | None) -> Any:
        raise KeyboardInterrupt

    journal.dojob._receive = receive  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(KeyboardInterrupt):
        journal.run(journal.job('late', failures=9))
    assert str(journal.dojob.nodeexceptions['late']) == 'late 1'


def test_run_after_an_interrupted_one_works(journal: Journal) -> None:
    class Once(Job):
        def Check(self) -> None:
            if not journal.events:
                journal.events.append('interrupted')
                raise KeyboardInterrupt

    journal.dojob.configure(Once)
    with pytest.raises(KeyboardInterrupt):
        journal.dojob.checknrun()
    journal.dojob.checknrun()
    assert journal.dojob.success()


class Interrupted:
    """Some Jobs that run until Ctrl-C, and what they did.

    One or two of them Run, one passes, one fails, and the root is blocked. Each leaves the
    directory. If stuck, the first Cleanup that is called fails.
    """

    def __init__(self, running: int, stuck: bool, **options: Any) -> None:
        self.events: list[tuple[str, Job | None]] = []
        self.pressed: list[str] = []
        self.stuck = stuck
        scene = self

        class First(RunonlyJob):
            def Run(self) -> None:
                scene.note('run', self)

            def Cleanup(self) -> None:
                scene.stuck, is_stuck = False, scene.stuck
                if is_stuck:
                    raise ValueError
                scene.note('cleanup', self)

        class Second(First):
            DEPS = (First,)

        class Passes(DummyJob):
            DEPS = (First, Second)[running - 1 : running]

            def Check(self) -> None:
                scene.note('pass')

        class Fails(Job):
            DEPS = (Passes,)
            TRIES = 1

            def Check(self) -> None:
                scene.note('fail')
                raise ValueError

        class Root(DummyJob):
            DEPS = (Fails,)

        self.dojob = DoJobber()
        self.dojob.configure(Root, **options)

    def note(self, hook: str, job: Job | None = None) -> None:
        self.events.append((hook, job))
        os.chdir('/')

    def note_press(self, where: str) -> None:
        self.pressed.append(where)
        self.events.append(('Ctrl-C', None))

    def hooks_before_and_after(self) -> tuple[list[str], list[str]]:
        """Return the hooks that were called before Ctrl-C and after it."""
        hooks = [hook for hook, _ in self.events]
        index = hooks.index('Ctrl-C') if 'Ctrl-C' in hooks else len(hooks)
        return hooks[:index], hooks[index + 1 :]

    def noted(self, hook: str) -> list[Job | None]:
        return [job for name, job in self.events if name == hook]

    def run(self, position: int, block: bool) -> None:
        """Press Ctrl-C so many lines into the run, if it has as many."""
        try:
            block_of_run = self.dojob if block else contextlib.nullcontext()
            with pressed_at_line(position, self.note_press), block_of_run:
                self.dojob.checknrun()
        except KeyboardInterrupt:
            self.pressed.append('was raised')
        except ValueError:
            pass


@pytest.mark.parametrize(
    ('running', 'block', 'stuck', 'debug'),
    [
        (1, False, False, True),
        (2, False, False, False),
        (2, True, False, False),
        (2, False, True, False),
    ],
    ids=['one', 'two', 'with', 'stuck'],
)
@pytest.mark.parametrize('step', [pytest.param(1, marks=pytest.mark.slow), 197])
def test_interrupt_at_any_line_loses_and_repeats_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    running: int,
    block: bool,
    stuck: bool,
    debug: bool,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, 'stderr', io.StringIO())
    for position in itertools.count(0, step):
        scene = Interrupted(running, stuck, debug=debug)
        scene.run(position, block)
        if not scene.pressed:
            break
        where, statuses = scene.pressed, scene.dojob.nodestatus
        before, after = scene.hooks_before_and_after()
        assert set(after) <= {'cleanup'}, where
        assert where[1:] == ['was raised'], where
        assert os.getcwd() == str(tmp_path), where
        assert len(statuses) == running + 3 or statuses == {} and not before + after, where
        scene.stuck = False
        scene.dojob.cleanup()  # it may have hit a Cleanup, which is due then
        assert os.getcwd() == str(tmp_path), where
        # One whose Run was about to be called may have had its Cleanup too.
        cleaned = scene.noted('cleanup')
        assert len(cleaned) == len(set(cleaned)), where
        runs = scene.noted('run')
        assert [job for job in cleaned if job in runs] == runs[::-1], where
        scene.events.clear()
        scene.dojob.checknrun()
        hooks = ['run'] * running + ['pass', 'fail', 'fail'] + ['cleanup'] * running
        assert scene.hooks_before_and_after() == (hooks, []), where
        assert list(scene.dojob.nodestatus.values()) == [True] * (running + 1) + [False, None]
        os.chdir(tmp_path)
    assert position > 250


class Touchy(io.StringIO):
    """A stderr during whose lines Ctrl-C is pressed."""

    def write(self, text: str) -> int:
        raise KeyboardInterrupt(text)


@pytest.mark.parametrize('failures', [0, 9])
def test_interrupt_in_the_line_about_a_check_ends_the_run(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    first = journal.job('first', failures=failures)
    monkeypatch.setattr(sys, 'stderr', Touchy())
    with pytest.raises(KeyboardInterrupt, match=r'^first\.check: '):
        journal.run(journal.job('second', first), verbose=True)
    assert journal.events == ['first']
    assert journal.dojob.nodestatus == {'first': False, 'second': None}


def test_every_phase_starts_in_the_directory_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.chdir(tmp_path)

    class Wanders(Job):
        def look(self) -> None:
            seen.append(os.getcwd())
            os.chdir('/')

        def Check(self) -> None:
            self.look()
            if self._check_phase == 'check':
                raise ValueError

        def Run(self) -> None:
            self.look()

        def Cleanup(self) -> None:
            self.look()

    class Next(Wanders):
        DEPS = (Wanders,)

    dojob = DoJobber()
    dojob.configure(Next)
    dojob.checknrun()
    assert seen == [str(tmp_path)] * 8
    assert os.getcwd() == str(tmp_path)


class Leaves(DummyJob):
    """End in another directory."""

    def Check(self) -> None:
        os.chdir('/')


@pytest.mark.parametrize('where', ['__init__', '__new__', '__call__'])
def test_code_that_makes_an_object_sees_the_directory_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    seen = []
    monkeypatch.chdir(tmp_path)

    def look(original: Any) -> Any:
        def looking(self: Any) -> Any:
            seen.append(os.getcwd())
            return original(self)

        return looking

    if where == '__call__':
        meta = type('Meta', (type,), {where: look(type.__call__)})
        made = meta('Made', (DummyJob,), {'DEPS': (Leaves,)})
    else:
        made = DummyJob.clone('Made', DEPS=(Leaves,), **{where: look(getattr(object, where))})
    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Top', DEPS=(made,)))
    dojob.checknrun()
    dojob.checknrun(made)
    assert dojob.success()
    assert seen == [str(tmp_path)] * 2


def test_deleted_directory_costs_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / 'here'
    here.mkdir()
    monkeypatch.chdir(here)

    class Deletes(RunonlyJob):
        def Run(self) -> None:
            os.chdir('/')
            here.rmdir()

    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Root', DEPS=(Deletes,)))
    dojob.checknrun()
    assert dojob.success()
    dojob.configure(DummyJob)
    dojob.checknrun()  # from within the deleted directory
    assert dojob.success()
    os.chdir('/')


@pytest.fixture
def burning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, collected: None) -> type[Job]:
    """Make a Job after whose Run there is no way back to the directory."""
    here = tmp_path / 'here'
    here.mkdir()
    monkeypatch.chdir(here)

    def open_files() -> set[int]:
        listed = {int(each) for each in os.listdir('/proc/self/fd')}
        return {each for each in listed if os.path.exists(f'/proc/self/fd/{each}')}

    opened_before = open_files()

    class Burns(RunonlyJob):
        def Run(self) -> None:
            for descriptor in open_files() - opened_before:
                os.close(descriptor)
            os.chdir('/')
            here.rmdir()

    return Burns


def test_no_way_back_at_the_end_is_raised(burning: type[Job]) -> None:
    dojob = DoJobber()
    dojob.configure(burning, default_tries=1)
    with pytest.raises(FileNotFoundError):
        dojob.checknrun()
    assert dojob.nodestatus == {'Burns': False}
    assert isinstance(dojob.nodeexceptions['Burns'], FileNotFoundError)
    dojob.configure(DummyJob)
    dojob.checknrun()
    assert dojob.success()


def test_interrupt_of_a_run_is_raised_before_that_there_is_no_way_back(
    burning: type[Job],
) -> None:
    class Interrupted(burning):  # type: ignore[misc, valid-type]
        def Run(self) -> None:
            super().Run()  # pyright: ignore[reportAttributeAccessIssue]
            raise KeyboardInterrupt

    dojob = DoJobber()
    dojob.configure(Interrupted)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert dojob.nodestatus == {'Interrupted': False}


@pytest.mark.usefixtures('collected')
def test_nothing_stays_open_after_a_run() -> None:
    before = os.listdir('/proc/self/fd')
    dojob = DoJobber()
    dojob.configure(DummyJob)
    dojob.checknrun()
    assert os.listdir('/proc/self/fd') == before
    assert threading.active_count() == 1


def test_job_may_run_a_dojobber_of_its_own() -> None:
    class Inner(DummyJob):
        pass

    class Outer(RunonlyJob):
        def Run(self) -> bool:
            inner = DoJobber()
            inner.configure(Inner)
            inner.checknrun()
            return inner.success()

    dojob = DoJobber()
    dojob.configure(Outer)
    dojob.checknrun()
    assert dojob.noderesults == {'Outer': True}


@pytest.mark.parametrize('hook', ['Check', 'Run', 'Cleanup'])
def test_configure_during_a_run_is_refused_and_changes_nothing(hook: str) -> None:
    errors: list[str] = []

    class Other(DummyJob):
        pass

    class Configures(RunonlyJob):
        DEPS = (Other,)

        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            pass

    def configure(self: Job) -> None:
        try:
            dojob.configure(DummyJob)
        except RuntimeError as error:
            errors.append(str(error))

    setattr(Configures, hook, configure)
    dojob = DoJobber()
    dojob.configure(Configures)
    dojob.checknrun()
    assert errors == ['configure() was called while this DoJobber is running']
    assert dojob.graph.nodes() == ['Other', 'Configures']
    assert dojob.nodestatus == {'Other': True, 'Configures': True}
    dojob.configure(DummyJob)
    assert dojob.nodestatus == {}


def test_results_are_filled_as_the_run_goes() -> None:
    seen = []

    class First(DummyJob):
        pass

    class Second(Job):
        DEPS = (First,)

        def Check(self) -> None:
            seen.append((dict(dojob.nodestatus), dojob.success()))

    dojob = DoJobber()
    dojob.configure(Second)
    dojob.checknrun()
    assert seen == [({'First': True}, False)]


def test_chain_beyond_the_recursion_limit_runs() -> None:
    jobs: list[type[Job]] = []
    for number in range(sys.getrecursionlimit() + 100):
        jobs.append(DummyJob.clone(f'J{number}', DEPS=tuple(jobs[-1:])))
    dojob = DoJobber()
    dojob.configure(jobs[-1])
    dojob.checknrun()
    assert dojob.success()
    dojob.checknrun('J5')
    assert len(dojob.nodestatus) == 6


def test_positional_options_are_those_of_dojobber(capfd: pytest.CaptureFixture[str]) -> None:
    class Bad(RunonlyJob):
        def Run(self) -> None:
            raise ValueError

        def Cleanup(self) -> None:
            raise AssertionError('called')

    dojob = DoJobber()
    dojob.configure(Bad, False, True, False, False, 2, 0)
    dojob.checknrun()
    assert (
        capfd.readouterr().err.splitlines()
        == [
            'Bad.check: fail',
            'Bad.run: fail',
            'Bad.recheck: fail ""',
        ]
        * 2
    )


COPIES = pytest.mark.parametrize('copied', [copy.deepcopy, pickled])


@COPIES
def test_copy_of_a_dojobber_has_its_results_and_cleanups_and_runs_by_itself(
    copied: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    original = DoJobber(cleanup=False)
    original.configure(Copied)
    original.checknrun()
    other = copied(original)
    assert other.nodestatus == {'Copied': True}
    other.cleanup()
    assert [each.report()['Copied'].cleanup for each in (original, other)] == ['due', 'pass']
    assert other.checknrun()['Copied'].cleanup == 'due'


@COPIES
def test_cleanups_of_a_dojobber_and_its_copy_are_called_in_its_directory(
    copied: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / 'first', tmp_path / 'second'
    dojobs = []
    for each in first, second:
        each.mkdir()
        monkeypatch.chdir(each)
        dojob = DoJobber(cleanup=False)
        dojob.configure(Copied)
        dojob.checknrun()
        copied(dojob)  # is dropped, and must close nothing
        dojobs.append(dojob)
    monkeypatch.chdir(tmp_path)
    for dojob, directory in zip([dojobs[0], copied(dojobs[1])], [first, second]):
        dojob.cleanup()
        assert [*tmp_path.rglob('cleaned')] == [directory / 'cleaned']
        (directory / 'cleaned').unlink()


@COPIES
def test_copy_of_a_dojobber_that_is_running_in_a_block_is_not(
    copied: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with DoJobber() as dojob:
        dojobs = [dojob]
        dojob.configure(Copied)
        dojob.set_args(dojobs, copied)
        dojob.checknrun()
        dojobs[1].stop()
        assert dojobs[1].checknrun()['Copied'].cleanup == 'pass'


@COPIES
def test_copy_of_a_dojobber_masks_its_secrets_in_the_log(
    copied: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    dojob = DoJobber()
    dojob.configure(DummyJob, secrets=['swordfish'])
    kept = copied(dojob)
    del dojob
    logging.getLogger('DoJobber').critical('It is swordfish.')
    assert capfd.readouterr().err.endswith(': It is *****.\n'), kept


@COPIES
def test_dojobber_with_an_executor_is_not_copied(copied: Any) -> None:
    dojob = DoJobber()
    with ThreadPoolExecutor(1) as pool:
        dojob.configure(DummyJob, executor=pool)
        with pytest.raises(TypeError, match='^a DoJobber that has an executor can not be copied'):
            copied(dojob)
