"""The rows of docs/differences.rst: each has one test here, in the same order."""

from __future__ import annotations

import io
import logging
import math
import os
import re
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import dojobber
from dojobber import (
    ConfigurationError,
    CycleError,
    DoJobber,
    DummyJob,
    DuplicateNameError,
    Job,
    NotAJobError,
    RunonlyJob,
)
from tests.fakes import FakeClock
from tests.terminal import Terminal

REPOSITORY = Path(__file__).resolve().parent.parent

_pinned: list[str] = []


def row(label: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Say which row of the page a test pins."""

    def pin(test: Callable[..., None]) -> Callable[..., None]:
        _pinned.append(label)
        return test

    return pin


def configured(root: type[Job], **options: Any) -> DoJobber:
    dojob = DoJobber()
    dojob.configure(root, **{'default_retry_delay': 0, **options})
    return dojob


def run(root: type[Job], **options: Any) -> DoJobber:
    dojob = configured(root, **options)
    dojob.checknrun()
    return dojob


def refusal(root: Any, **options: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        configured(root, **options)
    return caught.value


def test_each_row_has_one_test_in_the_same_order() -> None:
    page = (REPOSITORY / 'docs' / 'differences.rst').read_text()
    assert re.findall(r'^   \* - _`(.+)`$', page, re.MULTILINE) == _pinned
    assert page.count('\n   * - ') == len(_pinned) + page.count('\n   * - What\n')


# The graph


@row('Python versions')
def test_project_asks_for_python_310() -> None:
    assert "requires-python = '>=3.10'" in (REPOSITORY / 'pyproject.toml').read_text()
    assert sys.version_info >= (3, 10)


@row('Shared dependencies')
def test_ladder_of_forty_rungs_visits_each_job_once() -> None:
    checked = []

    class Rung(Job):
        def Check(self) -> None:
            checked.append(type(self).__name__)

    left, right = Rung.clone('L0'), Rung.clone('R0')
    for number in range(1, 40):
        below = (left, right)
        left, right = (Rung.clone(f'{side}{number}', DEPS=below) for side in 'LR')
    dojob = run(DummyJob.clone('Top', DEPS=(left, right)))
    assert len(checked) == 80
    assert checked == dojob.graph.nodes()[:-1]


@row('Deep graphs')
def test_chain_deeper_than_the_recursion_limit_is_run() -> None:
    depth = sys.getrecursionlimit() + 100
    job = DummyJob.clone('0')
    for number in range(1, depth):
        job = DummyJob.clone(str(number), DEPS=(job,))
    assert len(run(job).nodestatus) == depth


@row('Two Jobs of one name')
def test_two_jobs_of_one_name_are_refused_with_both_places() -> None:
    one, other = DummyJob.clone('Twin'), RunonlyJob.clone('Twin', __module__='elsewhere')
    error = refusal(DummyJob.clone('Root', DEPS=(one, DummyJob.clone('Holder', DEPS=(other,)))))
    assert isinstance(error, DuplicateNameError)
    assert 'dojobber.job.Twin (in Root.DEPS) and elsewhere.Twin (in Holder.DEPS)' in str(error)


@row('Cycles')
def test_cycle_is_refused_with_its_path() -> None:
    class A(DummyJob):
        pass

    class B(DummyJob):
        DEPS = (A,)

    A.DEPS = (B,)
    error = refusal(A)
    assert isinstance(error, CycleError)
    assert error.cycle == ('A', 'B', 'A')
    assert 'A -> B -> A' in str(error)


@row('DEPS that are not iterable')
def test_deps_not_iterable_are_logged_and_refused(capsys: pytest.CaptureFixture[str]) -> None:
    error = refusal(DummyJob.clone('Root', DEPS=3))
    assert isinstance(error, NotAJobError)
    assert 'Root.DEPS must be an iterable of Job classes, got 3' in str(error)
    line = 'DoJobber CRITICAL           : DEPS for Root is not iterable; is "3"\n'
    assert capsys.readouterr().err == line


@row('DEPS that hold no Jobs')
def test_deps_that_hold_no_jobs_are_refused() -> None:
    leaf = DummyJob.clone('Leaf')
    for deps in ('Leaf', iter([leaf]), ['Leaf'], [leaf()], [int]):
        assert isinstance(refusal(DummyJob.clone('Root', DEPS=deps)), NotAJobError)


@row('A Job twice in DEPS')
def test_deps_count_once_and_a_set_goes_by_name() -> None:
    leaves = [DummyJob.clone(name) for name in 'hgfedcba']
    once = configured(DummyJob.clone('Root', DEPS=leaves * 2))
    assert once.graph.nodes() == [*'hgfedcba', 'Root']
    by_name = configured(DummyJob.clone('Root', DEPS=set(leaves)))
    assert by_name.graph.nodes() == [*'abcdefgh', 'Root']


@row('TRIES below 1')
def test_tries_below_one_are_refused() -> None:
    for tries in (0, 0.9, -math.inf, math.nan, '3'):
        error = refusal(DummyJob.clone('Root', TRIES=tries))
        assert str(error) == f'Root.TRIES must be a number >= 1, got {tries!r}'
        refusal(DummyJob, default_tries=tries)


@row('TRIES that are no whole number')
def test_tries_round_up_or_have_no_limit() -> None:
    class Third(RunonlyJob):
        def Run(self) -> None:
            self.global_storage['runs'] = self.global_storage.get('runs', 0) + 1
            if self.global_storage['runs'] < 5:
                raise ValueError

    def runs(tries: float | None) -> Any:
        return run(Third.clone('Job', TRIES=tries), default_tries=3).global_storage['runs']

    assert [runs(tries) for tries in (1.1, 2.0, None, math.inf)] == [2, 2, 3, 5]


@row('RETRY_DELAY below 0')
def test_retry_delay_below_zero_is_refused() -> None:
    for delay in (-1, math.inf, math.nan, '3'):
        error = refusal(DummyJob.clone('Root', RETRY_DELAY=delay))
        assert str(error).startswith('Root.RETRY_DELAY must be a finite number >= 0')
        refusal(DummyJob, default_retry_delay=delay)
    configured(DummyJob.clone('Root', RETRY_DELAY=None))


@row('Hooks that do nothing')
def test_hooks_that_would_do_nothing_are_refused() -> None:
    async def coroutine(self: Any) -> None:
        pass

    def generator(self: Any) -> Any:
        yield

    for name in ('Check', 'Run', 'Cleanup'):
        for hook in (coroutine, generator, 'not callable'):
            assert f'Root.{name} must' in str(refusal(DummyJob.clone('Root', **{name: hook})))


@row('No Check')
def test_job_without_check_is_refused() -> None:
    assert 'Root has no Check' in str(refusal(Job.clone('Root', Run=lambda self: None)))


@row("Objects that can't be made")
def test_classes_of_which_no_object_can_be_made_are_refused() -> None:
    class Unwritten(Job, ABC):
        @abstractmethod
        def Check(self) -> None:
            """Look."""

    class Send(DummyJob):
        def __init__(self, email: str) -> None:
            """Never called."""

    assert str(refusal(Unwritten)) == 'Unwritten is abstract; it must override Check'
    assert 'Send.__init__ must work without arguments' in str(refusal(Send))


@row('After a refusal')
def test_refused_configure_leaves_no_graph_but_arguments_and_cleanups() -> None:
    events = []

    class Mess(RunonlyJob):
        def Run(self, word: str) -> None:
            events.append(word)

        def Cleanup(self) -> None:
            events.append('clean')

    dojob = configured(Mess, cleanup=False)
    dojob.set_args('hello')
    dojob.checknrun()
    with pytest.raises(ConfigurationError):
        dojob.configure(Job)
    assert (dojob.graph.nodes(), dojob.nodestatus) == ([], {})
    dojob.cleanup()
    dojob.configure(Mess, cleanup=False)
    dojob.checknrun()
    assert events == ['hello', 'clean', 'hello']


@row('configure() again')
def test_configure_again_keeps_arguments_and_cleanups() -> None:
    events = []

    class Mess(RunonlyJob):
        def Run(self, word: str) -> None:
            events.append(word)

        def Cleanup(self) -> None:
            events.append(f'clean {type(self).__name__}')

    dojob = configured(Mess, cleanup=False)
    dojob.set_args('hello')
    dojob.checknrun()
    dojob.configure(Mess.clone('Other'))
    assert (dojob.graph.nodes(), dojob.nodestatus) == (['Other'], {})
    dojob.checknrun()
    assert events == ['hello', 'hello', 'clean Other', 'clean Mess']


# Jobs


@row('No Run')
def test_job_without_run_is_an_assertion(capsys: pytest.CaptureFixture[str]) -> None:
    class Sunny(Job):
        TRIES = 1

        def Check(self) -> None:
            raise RuntimeError('Rain.')

        def Cleanup(self) -> None:
            raise AssertionError

    run(Sunny, verbose=True)
    assert capsys.readouterr().err.splitlines() == [
        'Sunny.check: fail',
        'Sunny.run: fail',
        'Sunny.recheck: fail "Rain."',
    ]


@row('A DummyJob with hooks')
def test_dummy_job_with_hooks_is_an_ordinary_job_if_one_is_a_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Ordinary(DummyJob):
        def Check(self) -> Any:
            return self.storage['done']

        def Run(self) -> None:
            self.storage['done'] = 'yes'

    class Assertion(DummyJob):
        def Check(self) -> None:
            raise ValueError

    class RunAlone(DummyJob):
        def Run(self) -> None:
            raise AssertionError

    assert run(Ordinary).noderesults == {'Ordinary': 'yes'}
    assert run(Assertion).nodestatus == {'Assertion': False}
    assert run(RunAlone, verbose=True).success()
    assert capsys.readouterr().err == 'RunAlone.check: pass\n'


@row('A RunonlyJob with a Check')
def test_runonly_job_with_a_check_is_decided_by_it() -> None:
    class Decided(RunonlyJob):
        def Check(self) -> Any:
            return self.storage['done']

        def Run(self) -> None:
            self.storage['done'] = 'yes'
            raise ValueError

    assert run(Decided).noderesults == {'Decided': 'yes'}


@row('A constructor that raises')
def test_constructor_that_raises_fails_its_job_alone(capsys: pytest.CaptureFixture[str]) -> None:
    class Broken(RunonlyJob):
        TRIES = 1

        def __init__(self) -> None:
            raise SystemExit('no')

        def Cleanup(self) -> None:
            raise AssertionError

    class Fine(DummyJob):
        pass

    dojob = run(DummyJob.clone('Root', DEPS=(Broken, Fine)), verbose=True)
    assert dojob.nodestatus == {'Broken': False, 'Fine': True, 'Root': None}
    assert capsys.readouterr().err == 'Broken.check: fail\nFine.check: pass\n'


@row('A constructor that calls no other')
def test_constructor_that_calls_no_other_gets_its_storages() -> None:
    class Base(Job):
        def __init__(self) -> None:
            raise AssertionError

    class Fine(Base):
        def __init__(self) -> None:
            self.word = 'hello'

        def Check(self) -> Any:
            return self.word, self.storage, self.global_storage

    assert run(Fine).noderesults == {'Fine': ('hello', {}, {})}


@row('sys.exit() in a Job')
def test_sys_exit_is_a_failure_of_the_hook() -> None:
    class ExitsInCheck(Job):
        def Check(self) -> None:
            if not self.storage:
                sys.exit('not yet')

        def Run(self) -> None:
            self.storage['done'] = True
            sys.exit('done')

        def Cleanup(self) -> None:
            sys.exit('cleaned up')

    dojob = configured(ExitsInCheck)
    with pytest.raises(SystemExit, match='cleaned up'):
        dojob.checknrun()
    assert dojob.success()


@row('Ctrl-C')
def test_ctrl_c_completes_statuses_and_cleans_up_before_it_is_raised() -> None:
    events = []

    class Works(RunonlyJob):
        def Run(self) -> None:
            events.append('run')

        def Cleanup(self) -> None:
            events.append('clean')

    class Interrupted(DummyJob):
        DEPS = (Works,)

        def Check(self) -> None:
            raise KeyboardInterrupt

    dojob = configured(DummyJob.clone('Root', DEPS=(Interrupted,)))
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert dojob.nodestatus == {'Works': True, 'Interrupted': False, 'Root': None}
    assert events == ['run', 'clean']


@row('The working directory')
def test_working_directory_is_restored_for_each_phase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    home = tmp_path / 'home'
    home.mkdir()
    monkeypatch.chdir(home)

    class Moves(Job):
        def Check(self) -> None:
            seen.append(Path.cwd().name)
            os.chdir('/')
            if not self.storage:
                raise ValueError

        def Run(self) -> None:
            self.storage['done'] = True
            seen.append(Path.cwd().name)
            home.rename(tmp_path / 'renamed')
            os.chdir('/')

    run(Moves)
    assert [*seen, Path.cwd().name] == ['home', 'home', 'renamed', 'renamed']


# Order and delays


@row('Waiting')
def test_waiting_job_does_not_hold_up_others() -> None:
    clock, starts = FakeClock(now=0), []

    class Failing(RunonlyJob):
        TRIES = 2

        def Run(self) -> None:
            starts.append((type(self).__name__, clock.now))
            raise ValueError

    slow, quick = (Failing.clone(f'After{delay}', RETRY_DELAY=delay) for delay in (10, 2))
    dojob = clock.drive(configured(DummyJob.clone('Root', DEPS=(slow, quick))))
    dojob.checknrun()
    assert starts == [('After10', 0), ('After2', 0), ('After2', 2), ('After10', 10)]
    assert clock.sleeps == [2, 8]


@row('What a delay counts from')
def test_delay_counts_from_the_start_of_a_try() -> None:
    clock, starts = FakeClock(now=0), []

    class TakesAWhile(RunonlyJob):
        def Run(self) -> None:
            starts.append(clock.now)
            clock.advance(3 * len(starts))
            raise ValueError

    clock.drive(configured(TakesAWhile, default_retry_delay=5)).checknrun()
    assert (starts, clock.sleeps) == ([0, 5, 11], [2])


# Runs


@row('checknrun() again')
def test_checknrun_again_begins_afresh() -> None:
    events = []

    class Flaky(RunonlyJob):
        TRIES = 2

        def Run(self) -> None:
            events.append((dict(self.storage), dict(self.global_storage)))
            self.storage['run'] = self.global_storage['run'] = True
            raise ValueError

    dojob = run(Flaky)
    before = dojob.nodestatus
    dojob.checknrun()
    assert events == [({}, {}), ({}, {'run': True})] * 2
    assert dojob.nodestatus is not before


@row('checknrun() of one Job')
def test_checknrun_of_one_job_speaks_of_what_it_ran_alone() -> None:
    class Below(DummyJob):
        pass

    class Wanted(DummyJob):
        DEPS = (Below,)

    class Other(DummyJob):
        def Check(self) -> None:
            raise ValueError

    dojob = configured(DummyJob.clone('Root', DEPS=(Other, Wanted)))
    for node in (Wanted, 'Wanted'):
        dojob.checknrun(node)
        assert list(dojob.nodestatus.items()) == [('Below', True), ('Wanted', True)]
        assert dojob.success()


@row('checknrun() without a graph')
def test_checknrun_without_a_graph_or_node_is_refused() -> None:
    with pytest.raises(RuntimeError, match='no graph'):
        DoJobber().checknrun()
    with pytest.raises(RuntimeError, match="'Coffee' is not in the graph"):
        configured(DummyJob).checknrun('Coffee')


@row('A run within a run')
def test_run_within_a_run_is_refused() -> None:
    class Nested(RunonlyJob):
        TRIES = 1

        def Run(self, dojob: DoJobber, method: str, *args: Any) -> None:
            getattr(dojob, method)(*args)

    dojob = configured(Nested)
    for method, *args in (('checknrun',), ('cleanup',), ('configure', DummyJob)):
        dojob.set_args(dojob, method, *args)
        dojob.checknrun()
        assert str(dojob.nodeexceptions['Nested']).startswith(f'{method}() was called while')
        assert dojob.nodestatus == {'Nested': False}


@row('Before the first run')
def test_object_without_a_run_is_empty_and_no_success() -> None:
    dojob = DoJobber()
    assert (dojob.graph.nodes(), dojob.graph.edges()) == ([], [])
    dojob.configure(DummyJob)
    assert (dojob.nodestatus, dojob.noderesults, dojob.nodeexceptions) == ({}, {}, {})
    assert (dojob.success(), dojob.partial_success(), dojob.failure()) == (False, False, True)


@row('Exceptions of earlier tries')
def test_nodeexceptions_forget_a_job_that_succeeded_in_the_end() -> None:
    class SecondTime(RunonlyJob):
        def Run(self) -> None:
            self.global_storage['runs'] = self.global_storage.get('runs', 0) + 1
            if self.global_storage['runs'] == 1:
                raise ValueError('first')

    class Never(RunonlyJob):
        def Run(self) -> None:
            raise ValueError('never')

    dojob = run(DummyJob.clone('Root', DEPS=(SecondTime, Never)))
    assert repr(dojob.nodeexceptions) == "{'Never': ValueError('never')}"


# Cleanup


@row('Cleanup after retries')
def test_each_try_gets_its_own_cleanup() -> None:
    events = []

    class Mess(RunonlyJob):
        def Run(self) -> None:
            self.storage['number'] = self.global_storage['runs'] = (
                self.global_storage.get('runs', 0) + 1
            )
            raise ValueError

        def Cleanup(self) -> None:
            events.append(self.storage['number'])

    run(Mess)
    assert events == [3, 2, 1]


@row('A Cleanup that raises')
def test_cleanup_that_raises_holds_back_what_its_job_depends_on() -> None:
    events = []

    class Mess(RunonlyJob):
        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            events.append(type(self).__name__)

    class Ground(Mess):
        pass

    class Broken(Mess):
        DEPS = (Ground,)

        def Cleanup(self) -> None:
            raise ValueError('stuck')

    class Apart(Mess):
        pass

    with pytest.raises(ValueError, match='stuck'):
        run(DummyJob.clone('Root', DEPS=(Apart, Broken)))
    assert events == ['Apart']


@row('cleanup() again')
def test_cleanup_again_takes_up_what_is_left_once() -> None:
    events = []

    class Ground(RunonlyJob):
        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            events.append('Ground')

    class Tent(Ground):
        DEPS = (Ground,)

        def Cleanup(self) -> None:
            events.append('Tent')
            if len(events) == 1:
                raise ValueError('wet')

    dojob = configured(Tent)
    with pytest.raises(ValueError, match='wet'):
        dojob.checknrun()
    dojob.cleanup()
    dojob.cleanup()
    assert events == ['Tent', 'Tent', 'Ground']


@row('Cleanup and no_act')
def test_no_act_run_calls_no_cleanup_that_is_due() -> None:
    events = []

    class Mess(RunonlyJob):
        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            events.append('clean')

    dojob = configured(Mess, cleanup=False)
    dojob.checknrun()
    dojob.configure(Mess, no_act=True)
    dojob.checknrun()
    assert events == []
    dojob.cleanup()
    assert events == ['clean']


@row('Cleanup = None')
def test_cleanup_none_means_there_is_none() -> None:
    class Mess(RunonlyJob):
        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            raise AssertionError

    assert run(Mess.clone('Tidy', Cleanup=None)).success()


# What is written


@row('Several DoJobbers')
def test_several_objects_log_each_line_once(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        dojob = DoJobber(dojobber_loglevel=logging.DEBUG)
    dojob.configure(DummyJob.clone('Only'))
    DoJobber()
    assert capsys.readouterr().err == 'DoJobber DEBUG              : Job Only\n'


@row('A failing Cleanup')
def test_failing_cleanup_is_always_written(capsys: pytest.CaptureFixture[str]) -> None:
    class Mess(RunonlyJob):
        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            raise ValueError('stuck')

    with pytest.raises(ValueError, match='stuck'):
        run(Mess)
    assert capsys.readouterr().err == 'Mess.cleanup: fail "stuck"\n'


@row('A broken stderr')
def test_broken_stderr_costs_no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    ascii_only = io.TextIOWrapper(io.BytesIO(), encoding='ascii')
    for stream in (None, closed, ascii_only):
        monkeypatch.setattr(sys, 'stderr', stream)
        assert run(DummyJob.clone('Café'), debug=True).success()
    ascii_only.seek(0)
    assert ascii_only.read() == 'Caf\\xe9.check: pass\n'


@row('Messages that raise')
def test_message_that_raises_is_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise ValueError

    class Fails(RunonlyJob):
        TRIES = 1

        def Run(self) -> None:
            raise Silent

    run(Fails, verbose=True)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == 'Fails.recheck: fail "<unprintable Silent object>"'


@row('Missing programs')
def test_missing_programs_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    dojob, picture = configured(DummyJob), io.BytesIO()
    with pytest.raises(RuntimeError, match="'dot' was not found; install Graphviz"):
        dojob.write_graph(picture)
    assert picture.getvalue() == b''
    dojob.write_graph(picture, 'svg')
    assert picture.getvalue().startswith(b'<svg ')


@row('Pictures after a run')
def test_pictures_tell_outcomes_in_words_and_colours() -> None:
    class Fails(RunonlyJob):
        def Run(self) -> None:
            raise ValueError

    class Blocked(DummyJob):
        DEPS = (Fails,)

    told = run(Blocked).graph_text('dot')
    assert r'[label="Fails\nfailed" style=filled fillcolor="red"' in told
    assert r'[label="Blocked\nblocked" style="filled,dashed" fillcolor="dimgrey"' in told
    dry = run(Blocked, no_act=True).graph_text('dot')
    assert r'[label="Fails\nwould run" style=filled fillcolor="#1565c0"' in dry


@row('Where pictures go')
def test_pictures_go_to_paths_and_to_whatever_has_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Sink:
        def write(self, data: bytes) -> None:
            taken.append(data)

    taken: list[bytes] = []
    monkeypatch.setenv('PATH', str(tmp_path))
    dojob = configured(DummyJob)
    dojob.write_graph(tmp_path / 'graph.svg', 'svg')
    dojob.write_graph(Sink(), 'svg')
    assert taken == [(tmp_path / 'graph.svg').read_bytes()]


@row('Names in pictures')
def test_names_in_pictures_are_drawn_as_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dot = tmp_path / 'dot'
    dot.write_text('#!/bin/sh\nexec /bin/cat\n')
    dot.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    picture = io.BytesIO()
    configured(DummyJob.clone('a "b": c\\n\nd')).write_graph(picture)
    assert r'[label="a \"b\": c\\n\nd"]' in picture.getvalue().decode()


# New


@row('with')
def test_with_puts_off_the_cleanup_to_the_end_of_the_block() -> None:
    events = []

    class Server(RunonlyJob):
        def Run(self) -> None:
            events.append('up')

        def Cleanup(self) -> None:
            events.append('down')

    with pytest.raises(ValueError, match='in use'), DoJobber() as dojob:
        dojob.configure(Server)
        dojob.checknrun()
        events.append('use')
        raise ValueError('in use')
    assert events == ['up', 'use', 'down']


@row('Job.clone')
def test_clone_is_a_subclass_of_that_name_with_its_attributes() -> None:
    class SendInvite(DummyJob):
        EMAIL = ''

    clone = SendInvite.clone('Invite Lawyer Cat', EMAIL='cat@example.com')
    assert issubclass(clone, SendInvite)
    assert (clone.__name__, clone.__module__) == ('Invite Lawyer Cat', SendInvite.__module__)
    assert (clone.EMAIL, SendInvite.EMAIL) == ('cat@example.com', '')


@row('DoJobber.global_storage')
def test_global_storage_is_that_of_the_last_run() -> None:
    class CountCPUs(DummyJob):
        def Check(self) -> None:
            assert not self.global_storage
            self.global_storage['cpus'] = 2

    dojob = run(CountCPUs)
    dojob.checknrun()
    assert dojob.global_storage == {'cpus': 2}


@row('Types')
def test_package_says_that_it_is_typed() -> None:
    assert (Path(dojobber.__file__).parent / 'py.typed').is_file()


@row('Listeners')
def test_listeners_hear_of_each_event() -> None:
    heard: list[str] = []
    run(DummyJob, listeners=[lambda event: heard.append(type(event).__name__)])
    assert heard == [
        *('RunStarted', 'TryStarted', 'PhaseStarted', 'PhaseEnded', 'PhaseStarted', 'PhaseEnded'),
        *('TryEnded', 'JobEnded', 'RunEnded'),
    ]


@row('The report')
def test_report_tells_what_became_of_each_job() -> None:
    class Bad(DummyJob):
        def Check(self) -> None:
            raise ValueError

    dojob = run(DummyJob.clone('Root', DEPS=(Bad,)))
    found = [(job.name, str(job.outcome), job.tries, job.blocked_by) for job in dojob.report()]
    assert found == [('Bad', 'failed', 3, ()), ('Root', 'blocked', 0, ('Bad',))]
    assert dojob.nodestatus == {'Bad': False, 'Root': None}


@row('The summary')
def test_summary_is_written_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    run(DummyJob, summary=True)
    assert capsys.readouterr().err == '1 Job: 1 ok in 0.0 s, 1 try\n'


@row('The progress line')
def test_progress_is_shown_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(DummyJob):
        def Check(self) -> None:
            if sys.stderr is terminal.file:
                terminal.read_until('0 of 1 Job done; Slow.check')

    terminal = Terminal()
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setattr(sys, 'stderr', terminal.file)
    run(Slow, progress=True)
    terminal.close()
    monkeypatch.setattr(sys, 'stderr', file := io.StringIO())
    run(Slow, progress=True)
    assert file.getvalue() == ''


@row('Graphs as text')
def test_graph_text_gives_three_formats() -> None:
    dojob = configured(DummyJob)
    assert dojob.graph_text() == 'DummyJob\n'
    assert dojob.graph_text('mermaid') == 'flowchart TD\n    n0["DummyJob"]\n'
    assert dojob.graph_text('dot') == 'digraph {\n    n0 [label="DummyJob"]\n}\n'
    with pytest.raises(RuntimeError, match="fmt must be 'text', 'mermaid' or 'dot', got 'png'"):
        dojob.graph_text('png')
