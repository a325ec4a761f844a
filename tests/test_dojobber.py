"""The whole, through its public interface."""

from __future__ import annotations

import itertools
import math
import os
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from tests.fakes import FakeClock


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


def test_no_sleep_after_the_last_try(journal: Journal) -> None:
    journal.run(journal.job('bad', failures=9), default_tries=2, default_retry_delay=3)
    assert journal.clock.sleeps == [3]


def test_delay_of_years_is_slept_in_parts(journal: Journal) -> None:
    journal.run(journal.job('late', failures=1, RETRY_DELAY=1.5e6))
    assert journal.clock.sleeps == [1e6, 0.5e6]


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


@pytest.mark.parametrize('node', ['Nobody', Job, 7, [], DummyJob])
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
    def sleep(seconds: float) -> None:
        raise KeyboardInterrupt

    journal.dojob._sleep = sleep  # type: ignore[method-assign, assignment]
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


ENGINE = ('_loop', 'attempt', '_act', 'phase', 'next', 'succeeded', 'failed', '_owe', 'push')


def press_ctrl_c(position: int, events: list[str]) -> Any:
    """Return a trace function that raises at so many lines into the functions of the engine."""
    package = str(Path(sys.modules['dojobber'].__file__ or '').parent)
    lines = itertools.count()

    def trace(frame: Any, event: str, _: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(package) or code.co_name not in ENGINE:
            return None
        if event == 'line' and next(lines) == position:
            events.append(f'Ctrl-C in {code.co_name}, line {frame.f_lineno}')
            raise KeyboardInterrupt
        return trace

    return trace


def run_until_ctrl_c(position: int) -> list[str]:
    """Run two Jobs, press Ctrl-C at a line, and return what happened."""
    events: list[str] = []

    class First(RunonlyJob):
        def Run(self) -> None:
            events.append('run')

        def Cleanup(self) -> None:
            events.append('cleanup')

    class Second(DummyJob):
        DEPS = (First,)

    dojob = DoJobber()
    dojob.configure(Second)
    before = sys.gettrace()
    sys.settrace(press_ctrl_c(position, events))
    try:
        dojob.checknrun()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    assert set(dojob.nodestatus) == {'First', 'Second'}, events
    dojob.cleanup()  # it may have hit the Cleanup, which is due then
    return events


def test_interrupt_at_any_line_keeps_statuses_complete_and_loses_no_cleanup() -> None:
    for position in itertools.count():
        events = run_until_ctrl_c(position)
        assert 'cleanup' in events or 'run' not in events, events
        if events == ['run', 'cleanup']:
            break
    assert position > 50


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


def test_no_way_back_at_the_end_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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

    dojob = DoJobber()
    dojob.configure(Burns, default_tries=1)
    with pytest.raises(FileNotFoundError):
        dojob.checknrun()
    assert dojob.nodestatus == {'Burns': False}
    assert isinstance(dojob.nodeexceptions['Burns'], FileNotFoundError)


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


def test_chain_far_beyond_the_recursion_limit_runs() -> None:
    jobs: list[type[Job]] = []
    for number in range(sys.getrecursionlimit() * 10):
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
