"""Which Cleanups are called, when, in which order, and what stays due."""

from __future__ import annotations

import functools
import io
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob
from tests.odd_errors import Empty, Unsure


class World:
    """A graph of Jobs that note their Cleanups; those in `broken` fail."""

    def __init__(self, **deps: str) -> None:
        self.events: list[str] = []
        self.broken: dict[str, BaseException] = {}
        self.jobs: dict[str, type[Job]] = {}
        for name, below in deps.items():
            self.jobs[name] = self.job(name, tuple(self.jobs[each] for each in below))
        self.dojob = DoJobber()

    def job(self, job_name: str, below: tuple[type[Job], ...]) -> type[Job]:
        world = self

        class Noting(RunonlyJob):
            DEPS = below
            TRIES = 1

            def Run(self) -> None:
                pass

            def Cleanup(self) -> None:
                world.events.append(job_name)
                if job_name in world.broken:
                    raise world.broken[job_name]

        Noting.__name__ = job_name
        return Noting

    def run(self, root: str, **options: Any) -> list[str]:
        self.dojob.configure(self.jobs[root], **options)
        self.dojob.checknrun()
        return self.taken()

    def taken(self) -> list[str]:
        events, self.events = self.events, []
        return events

    def clean_up(self) -> list[str]:
        self.dojob.cleanup()
        return self.taken()


def test_cleanups_are_called_last_first() -> None:
    assert World(a='', b='a', c='ab').run('c') == ['c', 'b', 'a']


def test_cleanup_is_called_for_each_try_whose_run_was_called() -> None:
    events: list[Job] = []

    class Retried(Job):
        TRIES = 3

        def Check(self) -> None:
            if len(events) < 2:
                raise ValueError

        def Run(self) -> None:
            events.append(self)

        def Cleanup(self) -> None:
            events.append(self)

    dojob = DoJobber()
    dojob.configure(Retried, default_retry_delay=0)
    dojob.checknrun()
    first, second, third, fourth = events
    assert (first, second) == (fourth, third)
    assert first is not second


def test_job_that_passed_its_check_owes_no_cleanup() -> None:
    class Fine(Job):
        def Check(self) -> None:
            pass

        def Cleanup(self) -> None:
            raise AssertionError('called')

    dojob = DoJobber()
    dojob.configure(Fine)
    dojob.checknrun()


def test_cleanup_of_none_is_none() -> None:
    world = World(a='')
    world.jobs['a'].Cleanup = None  # type: ignore[attr-defined]
    assert world.run('a') == []
    assert world.dojob.success()


@pytest.mark.parametrize('ending', [None, ValueError(), KeyboardInterrupt()], ids=repr)
def test_cleanup_that_run_sets_is_called(ending: BaseException | None) -> None:
    events = []

    class Late(Job):
        def Check(self) -> None:
            if 'run' not in events:
                raise ValueError

        def Run(self) -> None:
            self.Cleanup = lambda: events.append('cleanup')
            events.append('run')
            if ending is not None:
                raise ending

    dojob = DoJobber()
    dojob.configure(Late)
    try:
        dojob.checknrun()
    except KeyboardInterrupt as raised:
        assert raised is ending
    assert events == ['run', 'cleanup']


def test_cleanup_may_be_a_property_that_needs_what_run_stored() -> None:
    events = []

    class Late(RunonlyJob):
        def Run(self) -> None:
            events.append('run')
            self.storage['close'] = lambda: events.append('cleanup')

        @property
        def Cleanup(self) -> Any:
            return self.storage['close']

    dojob = DoJobber()
    dojob.configure(Late)
    dojob.checknrun()
    assert events == ['run', 'cleanup']


def test_job_whose_getattr_raises_runs_and_owes_no_cleanup() -> None:
    events = []

    class Mapped(RunonlyJob):
        def __getattr__(self, name: str) -> Any:
            raise KeyError(name)

        def Run(self) -> None:
            events.append('run')

    dojob = DoJobber()
    dojob.configure(Mapped)
    dojob.checknrun()
    assert events == ['run']
    assert dojob.success()


def test_cleanup_finds_storages_of_its_try_and_gets_no_arguments() -> None:
    seen = []

    class Stores(RunonlyJob):
        def Run(self, *args: int) -> None:
            self.storage['local'] = args
            self.global_storage['global'] = args

        def Cleanup(self, *args: int) -> None:
            seen.append((self.storage, self.global_storage, args))

    dojob = DoJobber()
    dojob.configure(Stores)
    dojob.set_args(1)
    dojob.checknrun()
    assert seen == [({'local': (1,)}, {'global': (1,)}, ())]


@pytest.mark.parametrize('where', ['constructor', 'configure'])
def test_cleanup_false_leaves_it_to_the_user(where: str) -> None:
    world = World(a='', b='a')
    world.dojob = DoJobber(cleanup=where != 'constructor')
    assert world.run('b', cleanup=where != 'configure') == []
    assert world.clean_up() == ['b', 'a']
    assert world.clean_up() == []


def test_cleanups_of_earlier_runs_stay_due_over_configure() -> None:
    world = World(a='', b='')
    world.run('a', cleanup=False)
    with pytest.raises(RuntimeError):
        world.dojob.configure(Job)
    assert world.run('b') == ['b', 'a']


def test_no_act_run_unwinds_nothing() -> None:
    world = World(a='')
    world.run('a', cleanup=False)
    assert world.run('a', no_act=True) == []
    assert world.clean_up() == ['a']


def test_failing_cleanup_holds_back_what_its_job_depends_on() -> None:
    world = World(a='', x='', b='a', c='b', root='xc')
    world.broken['c'] = error = ValueError('c')
    with pytest.raises(ValueError, match='c') as raised:
        world.run('root')
    assert raised.value is error
    assert world.taken() == ['root', 'c', 'x']
    del world.broken['c']
    assert world.clean_up() == ['c', 'b', 'a']


def test_failing_cleanup_holds_back_earlier_tries_of_its_job() -> None:
    world = World(a='')
    world.run('a', cleanup=False)
    world.run('a', cleanup=False)
    world.broken['a'] = ValueError()
    with pytest.raises(ValueError):
        world.clean_up()
    assert world.taken() == ['a']
    world.broken.clear()
    assert world.clean_up() == ['a', 'a']


def test_failing_cleanup_holds_back_dependencies_run_by_another_graph() -> None:
    world = World(a='', b='a')
    world.run('a', cleanup=False)
    world.run('b', cleanup=False)
    world.broken['b'] = ValueError()
    with pytest.raises(ValueError):
        world.clean_up()
    assert world.taken() == ['b']
    world.broken.clear()
    assert world.clean_up() == ['b', 'a', 'a']


@pytest.mark.parametrize('error', [Empty(), Unsure()], ids=repr)
def test_falsy_error_of_a_cleanup_is_raised_holds_back_and_stays_due(error: Exception) -> None:
    world = World(a='', b='a')
    world.broken['b'] = error
    raised = None
    try:
        world.run('b')
    except Exception as caught:
        raised = caught
    assert raised is error
    assert world.taken() == ['b']
    world.broken.clear()
    assert world.clean_up() == ['b', 'a']


def test_first_error_of_several_is_raised_when_all_are_through() -> None:
    world = World(a='', b='', c='', root='abc')
    world.broken = {'c': SystemExit(1), 'a': ValueError()}
    with pytest.raises(SystemExit):
        world.run('root')
    assert world.taken() == ['root', 'c', 'b', 'a']


def test_interrupt_in_a_cleanup_does_not_stop_the_unwinding_and_is_raised_first() -> None:
    world = World(a='', b='', c='', root='abc')
    world.broken = {'c': ValueError(), 'b': KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        world.run('root')
    assert world.taken() == ['root', 'c', 'b', 'a']
    world.broken.clear()
    assert world.clean_up() == ['c', 'b']


def test_interrupt_of_the_run_is_raised_before_that_of_a_cleanup() -> None:
    world = World(a='')

    class Stops(DummyJob):
        DEPS = (world.jobs['a'],)

        def Check(self) -> None:
            raise KeyboardInterrupt('run')

    world.jobs['stops'] = Stops
    world.broken['a'] = KeyboardInterrupt('cleanup')
    with pytest.raises(KeyboardInterrupt, match='run'):
        world.run('stops')
    assert world.taken() == ['a']


def test_interrupt_just_before_a_cleanup_leaves_it_due_and_goes_on() -> None:
    world = World(a='', b='a')
    world.run('b', cleanup=False)
    times: Iterator[float] = iter([])

    def clock() -> float:
        for now in times:
            return now
        raise KeyboardInterrupt

    world.dojob._clock = clock  # pyright: ignore[reportAttributeAccessIssue]
    times = iter(range(100))
    world.run('b', cleanup=False)
    times = iter([])
    with pytest.raises(KeyboardInterrupt):
        world.clean_up()
    assert world.taken() == []
    times = iter(range(100))
    assert world.clean_up() == ['b', 'a', 'b', 'a']


class Touchy(io.StringIO):
    """A stderr during one of whose lines Ctrl-C is pressed."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.line = line

    def write(self, text: str) -> int:
        if text == f'{self.line}\n':
            raise KeyboardInterrupt(self.line)
        return super().write(text)


@pytest.mark.parametrize('line', ['b.cleanup running', 'b.cleanup: pass'])
def test_interrupt_in_a_line_about_a_cleanup_loses_and_repeats_none(
    monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    world = World(a='', b='a', c='b')
    monkeypatch.setattr(sys, 'stderr', Touchy(line))
    with pytest.raises(KeyboardInterrupt, match=line):
        world.run('c', debug=True)
    assert world.taken() == ['c', 'b', 'a']
    monkeypatch.undo()
    assert world.clean_up() == []


def test_block_puts_the_cleanup_off_to_its_end() -> None:
    world = World(a='', b='a')
    with world.dojob as entered:
        assert entered is world.dojob
        assert world.run('b') == []
        assert world.run('a') == []
    assert world.taken() == ['a', 'b', 'a']


def test_inner_block_leaves_it_to_the_outer() -> None:
    world = World(a='')
    with world.dojob:
        with world.dojob:
            world.run('a')
        assert world.taken() == []
    assert world.taken() == ['a']


def test_block_without_automatic_cleanup_calls_none() -> None:
    world = World(a='')
    with world.dojob:
        world.run('a', cleanup=False)
    assert world.taken() == []
    with world.dojob:
        world.run('a', no_act=True)
    assert world.clean_up() == ['a']


def test_block_after_another_with_a_cleanup_calls_none_if_it_is_to_call_none() -> None:
    world = World(a='')
    with world.dojob:
        world.run('a')
    assert world.taken() == ['a']
    with world.dojob:
        world.run('a', cleanup=False)
    assert world.taken() == []


def test_cleanup_by_hand_in_a_block_is_called_at_once() -> None:
    world = World(a='')
    with world.dojob:
        world.run('a')
        assert world.clean_up() == ['a']
    assert world.taken() == []


@pytest.mark.parametrize(
    ('body', 'cleanup', 'raised'),
    [
        (None, ValueError('cleanup'), 'cleanup'),
        (LookupError('body'), None, 'body'),
        (LookupError('body'), ValueError('cleanup'), 'body'),
        (LookupError('body'), SystemExit('cleanup'), 'body'),
        (LookupError('body'), KeyboardInterrupt('cleanup'), 'cleanup'),
        (KeyboardInterrupt('body'), KeyboardInterrupt('cleanup'), 'body'),
    ],
)
def test_block_that_raises_cleans_up_and_raises_what_matters_most(
    body: BaseException | None, cleanup: BaseException | None, raised: str
) -> None:
    world = World(a='')
    if cleanup:
        world.broken['a'] = cleanup
    with pytest.raises(BaseException) as seen, world.dojob:
        world.run('a')
        if body:
            raise body
    assert str(seen.value) == raised
    assert world.taken() == ['a']


def test_block_that_is_left_within_a_run_leaves_the_cleanup_to_its_end() -> None:
    runs, goes_on = Event(), Event()
    world = World(a='')
    world.jobs['a'].Run = lambda self: (runs.set(), goes_on.wait(60))  # type: ignore[attr-defined]
    world.dojob.configure(world.jobs['a'])
    thread = Thread(target=world.dojob.checknrun)
    with world.dojob:
        thread.start()
        runs.wait(60)
    assert world.taken() == []
    goes_on.set()
    thread.join()
    assert world.taken() == ['a']


def test_block_of_an_interrupted_run_cleans_up() -> None:
    world = World(a='')

    class Stops(DummyJob):
        DEPS = (world.jobs['a'],)

        def Check(self) -> None:
            raise KeyboardInterrupt

    world.jobs['stops'] = Stops
    with pytest.raises(KeyboardInterrupt), world.dojob:
        world.run('stops')
    assert world.taken() == ['a']


def test_cleanup_by_hand_works_in_the_directory_of_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    class Looks(RunonlyJob):
        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            seen.append(Path.cwd())
            os.chdir('/')

    (tmp_path / 'run').mkdir()
    monkeypatch.chdir(tmp_path / 'run')
    dojob = DoJobber()
    dojob.configure(Looks, cleanup=False)
    dojob.checknrun()
    os.chdir(tmp_path)
    dojob.checknrun()
    dojob.cleanup()
    assert seen == [tmp_path, tmp_path / 'run']
    assert Path.cwd() == tmp_path


def test_directory_is_kept_until_the_cleanup_has_succeeded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    class Looks(RunonlyJob):
        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            seen.append(Path.cwd().name)
            if len(seen) == 1:
                raise ValueError

    here = tmp_path / 'here'
    here.mkdir()
    monkeypatch.chdir(here)
    dojob = DoJobber()
    dojob.configure(Looks)
    with pytest.raises(ValueError):
        dojob.checknrun()
    os.chdir('/')
    here.rename(tmp_path / 'there')
    dojob.cleanup()
    assert seen == ['here', 'there']


@pytest.mark.usefixtures('collected')
def test_runs_in_one_directory_hold_one_descriptor_whatever_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count() -> int:
        return len(os.listdir('/proc/self/fd'))

    for name in ('here', 'elsewhere'):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / 'here')
    world = World(a='')
    before = count()
    world.run('a', cleanup=False)
    world.run('a', cleanup=False)
    assert count() == before + 1
    (tmp_path / 'here').rename(tmp_path / 'there')
    world.run('a', cleanup=False)
    assert count() == before + 1
    os.chdir(tmp_path / 'elsewhere')
    world.run('a', cleanup=False)
    assert count() == before + 2
    assert world.clean_up() == ['a'] * 4
    assert count() == before


@pytest.mark.usefixtures('collected')
def test_directories_stay_open_as_long_as_a_cleanup_is_due() -> None:
    def count() -> int:
        return len(os.listdir('/proc/self/fd'))

    world = World(a='', b='a')
    before = count()
    world.run('b', cleanup=False)
    assert count() == before + 1
    world.clean_up()
    assert count() == before
    world.broken['b'] = ValueError()
    with pytest.raises(ValueError):
        world.run('b')
    assert count() == before + 1
    world.broken.clear()
    world.clean_up()
    assert count() == before


@pytest.mark.parametrize('method', ['cleanup', 'checknrun'])
def test_call_from_within_is_refused(method: str) -> None:
    errors: list[str] = []

    class Calls(RunonlyJob):
        def again(self) -> None:
            try:
                getattr(dojob, method)()
            except RuntimeError as error:
                errors.append(str(error))

        def Run(self) -> None:
            self.again()

        def Cleanup(self) -> None:
            self.again()

    dojob = DoJobber()
    dojob.configure(Calls)
    dojob.checknrun()
    assert errors == [f'{method}() was called while this DoJobber is running'] * 2


def test_unwinding_is_linear_when_every_cleanup_fails() -> None:
    looks = []

    class Counting(tuple):  # type: ignore[type-arg]
        def __iter__(self) -> Any:
            looks.append(len(self))
            return super().__iter__()

    count = 200
    world = World(j0='')
    for number in range(1, count):
        below = tuple(world.jobs.values())[-2:]
        world.jobs[f'j{number}'] = world.job(f'j{number}', below)
    world.broken = {name: ValueError(name) for name in world.jobs}
    world.dojob.configure(world.jobs[f'j{count - 1}'], cleanup=False)
    graph = world.dojob.graph
    world.dojob.checknrun()
    graph.dependencies[:] = [Counting(each) for each in graph.dependencies]
    with pytest.raises(ValueError, match=f'j{count - 1}'):
        world.dojob.cleanup()
    assert world.taken() == [f'j{count - 1}']
    assert len(looks) == count


def test_cleanup_that_run_takes_away_is_done_with() -> None:
    class Changes(RunonlyJob):
        def Run(self) -> None:
            vars(self)['Cleanup'] = None

        def Cleanup(self) -> None:
            raise AssertionError('called')

    dojob = DoJobber()
    dojob.configure(Changes)
    dojob.checknrun()
    assert dojob.success()


def test_signal_at_the_end_of_a_cleanup_that_succeeded_loses_and_repeats_none() -> None:
    class Below(RunonlyJob):
        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            cleaned.append('below')

    class Pressing(RunonlyJob):
        DEPS = (Below,)

        def Run(self) -> None:
            # No code of Python follows in which the signal could be noticed.
            self.Cleanup = functools.partial(os.kill, os.getpid(), signal.SIGINT)

    cleaned: list[str] = []
    dojob = DoJobber()
    dojob.configure(Pressing)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert cleaned == ['below']
    assert [each.cleanup for each in dojob.report()] == ['pass', 'pass']
    dojob.cleanup()
    assert cleaned == ['below']


def test_cleanup_that_is_held_back_holds_back_what_it_depended_on_in_its_own_run() -> None:
    world = World(a='', b='', c='a')
    world.run('c', cleanup=False)
    world.jobs['c'].DEPS = (world.jobs['b'],)
    world.run('c', cleanup=False)
    world.broken['c'] = ValueError()
    with pytest.raises(ValueError):
        world.clean_up()
    assert world.taken() == ['c']
    world.broken.clear()
    assert world.clean_up() == ['c', 'b', 'c', 'a']
