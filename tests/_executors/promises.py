"""What is promised of any executor: tests that use a fixture `pool` of the importing module."""

from __future__ import annotations

import ast
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job, RemoteBaseException, RemoteError, events
from dojobber.remote import RemoteValue
from tests._executors import travelling
from tests._executors.packable import PackableStage
from tests._executors.travelling import (
    METHODS,
    After,
    Cleans,
    Derived,
    Finds,
    Guards,
    Here,
    Keyed,
    Late,
    Locked,
    Locks,
    Looks,
    Loses,
    Once,
    Panics,
    Picky,
    Ping,
    Pong,
    Quick,
    Raises,
    Replaces,
    Returns,
    Sets,
    SetsCleanup,
    SetsWord,
    Shown,
    Slotted,
    Slow,
    There,
    Where,
    allow,
    noted,
    wait,
)
from tests.model import explain, predict
from tests.plans import Phase, Plan, random_plan
from tests.seeds import seeds


@dataclass(frozen=True)
class Pool:
    """An executor with two workers, and one with a single one."""

    executor: Executor
    single: Executor
    #: Whether workers share objects with the driver.
    has_threads: bool = False
    #: What a script does to make such a one of two workers, `executor`, and to close it.
    opens: str = ''
    closes: str = 'executor.shutdown()'
    #: Whether Ctrl-C in the terminal, which reaches the workers, too, leaves them working.
    survives_terminal: bool = True
    #: Whether it logs to stderr what it meets when it is closed.
    logs: bool = False

    def run(self, *jobs: type[Job], single: bool = False, **options: Any) -> DoJobber:
        """Run Jobs on it."""
        dojob = DoJobber(logging.DEBUG if options.pop('log', False) else logging.CRITICAL)
        root = DummyJob.clone('root', DEPS=jobs)
        args = options.pop('args', ())
        kwargs = options.pop('kwargs', {})
        executor = self.single if single else self.executor
        options = {'max_in_flight': 1 if single else 2, 'default_retry_delay': 0, **options}
        dojob.configure(root, executor=executor, **options)
        dojob.set_args(*args, **kwargs)
        dojob.checknrun()
        return dojob


@pytest.fixture
def kwargs(tmp_path: Path) -> dict[str, Any]:
    return {'directory': tmp_path}


@pytest.fixture
def debug_lines() -> Iterator[list[str]]:
    """Collect what the library logs at the level DEBUG."""
    lines: list[str] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = lambda record: lines.append(record.getMessage())
    log = logging.getLogger('DoJobber')
    log.addHandler(handler)
    yield lines
    log.removeHandler(handler)
    log.setLevel(logging.CRITICAL)


def lost(lines: list[str]) -> list[str]:
    return sorted(line for line in lines if 'can not travel' in line)


# The order of one after the other


def timeless(plan: Plan) -> Plan:
    """Return a plan like this one in which nothing takes time."""
    jobs = []
    for job in plan.jobs:
        script = [
            replace(each, **{
                name: Phase(getattr(each, name).ending)
                for name in ('init', 'check', 'run', 'recheck')
            })
            for each in job.script
        ]  # fmt: skip
        cleanup = job.cleanup and tuple(Phase(each.ending) for each in job.cleanup)
        jobs.append(replace(job, script=tuple(script), cleanup=cleanup))
    return replace(plan, jobs=tuple(jobs))


@pytest.mark.parametrize('numbers', seeds(60, sample=2), ids=str)
def test_random_plans_on_one_worker_come_to_what_the_model_predicts(
    pool: Pool, tmp_path: Path, numbers: range
) -> None:
    for seed in numbers:
        plan = timeless(random_plan(seed))
        directory = tmp_path / str(seed)
        directory.mkdir()
        stage = PackableStage(plan, directory, executor=pool.single, max_in_flight=1)
        predicted = [
            replace(each, events=[event._replace(instant=0) for event in each.events])
            for each in predict(plan)
        ]
        performed = stage.perform()
        if predicted != performed:
            pytest.fail(explain(seed, plan, predicted, performed))


# What goes out


def test_jobs_are_tried_and_retried_like_elsewhere(pool: Pool, kwargs: Any) -> None:
    once = Once.clone('once')
    dojob = pool.run(Late, once, kwargs=kwargs)
    assert dojob.success()
    report = {each.name: (str(each.outcome), each.tries) for each in dojob.report()}
    assert report == {'Late': ('changed', 3), 'once': ('changed', 1), 'root': ('ok', 1)}
    assert dojob.noderesults['Late'] == 3
    assert noted(kwargs['directory']) == ['Late'] * 3
    dojob.checknrun()
    assert {str(each.outcome) for each in dojob.report()} == {'ok'}


def test_classes_made_with_type_travel_with_their_attributes(pool: Pool, kwargs: Any) -> None:
    attributes = {'TEXT': 'one', '__module__': 'nowhere'}
    one: type[Once] = type('Invite Bob', (Once,), attributes)
    two: type[Once] = type('two', (one,), {'TEXT': 'two'})
    three = two.clone('three', DEPS=(one, two))
    dojob = pool.run(three, kwargs=kwargs)
    texts = {name: result.split() for name, result in dojob.noderesults.items() if result}
    assert {name: text for name, (text, _) in texts.items()} == {
        'Invite Bob': 'one', 'two': 'two', 'three': 'two'}  # fmt: skip
    own = str(os.getpid())
    assert all((pid == own) == pool.has_threads for _, pid in texts.values())


MAIN = (
    """
import functools
import os

from dojobber import DoJobber, DummyJob, Job


def decorated(function):
    @functools.wraps(function)
    def decorator(*args, **kwargs):
        return function(*args, **kwargs)

    return decorator


class SendInvite(Job):
    EMAIL = None

    def Check(self, driver):
        return [self.EMAIL, os.getpid() == driver]


class Twice(SendInvite):
    EMAIL = 'twice'

    @decorated
    def Check(self, driver):
        return [*super().Check(driver), *self.more(driver)]

    def more(self, driver):
        return super().Check(driver)


registry = {{}}


class Base(Job):
    RETRY_DELAY = 0

    def __init_subclass__(cls):
        if cls.__name__ in registry:
            raise TypeError('There is one of this name.')
        registry[cls.__name__] = cls


class Slotted(Base):
    HOST = 'ada'
    __slots__ = ('slot',)

"""
    + METHODS
    + """
    def Check(self, driver):
        count = self.global_storage['count'] = self.global_storage.get('count', 0) + 1
        if count < 3:
            raise ValueError('not yet')
        self.slot = self.static(), self.name(), self.shown, self.cached
        return [*self.slot, isinstance(self, Slotted)]


def main():
    bob = type('Invite Bob', (SendInvite,), {{'EMAIL': 'bob'}})
    ann = type('Invite Ann', (bob,), {{'EMAIL': 'ann'}})
    eve = ann.clone('Invite Eve', EMAIL='eve', DEPS=(bob, ann))
    {opens}
    dojob = DoJobber()
    dojob.configure(
        DummyJob.clone('root', DEPS=(eve, Twice, Slotted)), executor=executor, max_in_flight=2,
    )
    dojob.set_args(driver=os.getpid())
    dojob.checknrun()
    print(dojob.noderesults, dojob.nodeexceptions)
    {closes}


if __name__ == '__main__':
    main()
"""
)


@pytest.mark.slow
def test_classes_of_a_script_travel(pool: Pool, tmp_path: Path) -> None:
    script = tmp_path / 'script.py'
    script.write_text(MAIN.format(opens=pool.opens, closes=pool.closes))
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, 'PYTHONPATH': str(Path(__file__).parent.parent.parent)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    here = pool.has_threads
    wanted = {
        'Invite Bob': ['bob', here],
        'Invite Ann': ['ann', here],
        'Invite Eve': ['eve', here],
        'Twice': ['twice', here] * 2,
        'Slotted': ['static', 'Slotted', 'ada', 'cached', True],
        'root': None,
    }
    results, nothing = done.stdout.rsplit(' ', 1)
    assert (ast.literal_eval(results), nothing) == (wanted, '{}\n')
    assert pool.logs or done.stderr == ''


def test_super_finds_its_way_in_classes_that_travel(pool: Pool) -> None:
    dojob = pool.run(Derived, type('Made', (Derived,), {}))
    assert dojob.noderesults['Derived'] == ['base', 'Derived']
    assert dojob.noderesults['Made'] == ['base', 'Made']


def test_job_at_the_end_of_a_long_chain_is_sent_alone(pool: Pool) -> None:
    chain: type[Job] = DummyJob.clone('0')
    for number in range(1, 1100):
        chain = DummyJob.clone(str(number), DEPS=(chain,))
    dojob = pool.run(There.clone('end', DEPS=(chain,)))
    assert dojob.success()
    assert (dojob.noderesults['end'][0] == os.getpid()) == pool.has_threads


def test_arguments_arrive_as_they_were_given(pool: Pool) -> None:
    args = ([1, (len, 'x'), {'k': [(2,)]}], None)
    names = 'workers', 'retries', 'fn', 'func', 'key', 'pure', 'priority', 'actor', 'resources'
    kwargs = dict.fromkeys([*names, 'fifo_timeout', 'allow_other_workers', 'call'], 'v')
    dojob = pool.run(Shown, args=args, kwargs=kwargs)
    assert dojob.noderesults['Shown'] == (args, kwargs)


def test_argument_that_does_not_pickle_fails_the_job_for_good_and_no_other(pool: Pool) -> None:
    heard: list[Any] = []
    dojob = pool.run(
        Shown, Here, kwargs={'lock': threading.Lock()}, default_tries=5, listeners=[heard.append]
    )
    assert dojob.nodestatus['Here'] is True
    if pool.has_threads:
        assert dojob.nodestatus['Shown'] is True
        return
    report = {each.name: each for each in dojob.report()}
    assert str(report['Shown'].outcome) == 'failed'
    assert report['Shown'].tries == 1
    assert 'pickle' in str(report['Shown'].exception) or 'serialize' in str(dojob.nodeexceptions)
    ended = [each for each in heard if isinstance(each, events.TryEnded)]
    assert [(each.phase, each.not_before) for each in ended if each.name == 'Shown'] == [
        ('init', None)]  # fmt: skip
    assert pool.run(There).success()


def test_context_variables_that_a_job_sets_are_seen_by_no_other(pool: Pool) -> None:
    jobs = [SetsWord.clone(name) for name in 'abc']
    dojob = pool.run(*jobs, single=True)
    assert {dojob.noderesults[name] for name in 'abc'} == {'none'}


def test_each_phase_starts_in_the_directory_of_the_run(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    jobs = [Where.clone(f'where {number}', IN_DRIVER=pool.has_threads) for number in range(6)]
    dojob = pool.run(*jobs)
    assert [dojob.noderesults[job.__name__] for job in jobs] == [[str(tmp_path)] * 4] * 6
    assert os.getcwd() == str(tmp_path)


# What comes back


@pytest.mark.parametrize(
    ('kind', 'text', 'live', 'travels'),
    [
        ('picky', 'so picky (7)', Picky, False),
        ('locked', 'it holds a lock', Locked, False),
        ('plain', 'it fails', ValueError, True),
        ('caused', 'an effect', ValueError, True),
        ('exit', 'it exits', SystemExit, True),
    ],
)
def test_exception_arrives_or_a_stand_in_does(
    pool: Pool, capsys: Any, kind: str, text: str, live: Any, travels: bool
) -> None:
    job = Raises.clone('Bad', KIND=kind)
    dojob = pool.run(job, There, debug=True)
    assert (dojob.nodestatus['Bad'], dojob.nodestatus['There']) == (False, True)
    error = dojob.nodeexceptions['Bad']
    if 'tblib.pickling_support' in sys.modules and kind in ('caused', 'picky'):
        # Dask has it teach exceptions to travel in another way, with their causes.
        travels = not isinstance(error, RemoteError)
    if pool.has_threads or travels:
        assert type(error) is live
        assert str(error) == text
    else:
        assert isinstance(error, RemoteError)
        assert (error.class_name, error.text) == (live.__name__, text)
        assert str(error) == f'{live.__name__}: {text}'
    [told] = [each for each in dojob.report().as_dict()['jobs'] if each['name'] == 'Bad']
    source = Path(travelling.__file__).read_text().splitlines()
    assert told['exception']['file'] == travelling.__file__
    assert 'raise ' in source[told['exception']['line'] - 1]
    assert f'{live.__name__}: {text}\n' in told['exception']['traceback']
    assert told['exception']['traceback'].startswith('Traceback (most recent call last):\n')
    lines = capsys.readouterr().err
    assert f'{travelling.__file__}", line {told["exception"]["line"]}, in Check' in lines
    assert f'  {live.__name__}: {text}\n' in lines.replace('tests._executors.travelling.', '')
    if kind == 'caused':
        assert 'direct cause' in lines
    assert f'{os.path.basename(travelling.__file__)}:{told["exception"]["line"]}' in str(
        dojob.report()
    )
    assert pool.run(There).success()


@pytest.mark.parametrize('kind', ['lock', 'unloadable', 'exits'])
def test_result_that_can_not_travel_costs_its_value_alone(pool: Pool, kind: str) -> None:
    dojob = pool.run(Returns.clone('Odd', KIND=kind))
    assert dojob.success()
    result = dojob.noderesults['Odd']
    if pool.has_threads:
        assert not isinstance(result, RemoteValue)
    else:
        assert isinstance(result, RemoteValue)
        assert {'lock': 'lock', 'unloadable': 'Unloadable', 'exits': 'Exits'}[kind] in result.text
        assert repr(result) == f'RemoteValue({result.text!r})'


def test_interrupt_in_a_job_ends_the_run_and_not_the_pool(pool: Pool, kwargs: Any) -> None:
    stops = Raises.clone('stops', KIND='interrupt', DEPS=(Cleans,))
    never = There.clone('never', DEPS=(stops,))
    dojob = DoJobber()
    dojob.configure(never, executor=pool.executor, max_in_flight=2)
    dojob.set_args(**kwargs)
    with pytest.raises(KeyboardInterrupt, match='it interrupts'):
        dojob.checknrun()
    assert dojob.nodestatus == {'Cleans': True, 'stops': False, 'never': None}
    outcomes = [str(each.outcome) for each in dojob.report()]
    assert outcomes == ['changed', 'interrupted', 'not_run']
    assert len(noted(kwargs['directory'])) == 1
    assert pool.run(There).success()


def test_panic_in_a_job_ends_the_run_with_its_class_and_message(pool: Pool) -> None:
    with pytest.raises(BaseException, match='index out of bounds') as caught:
        pool.run(Panics)
    error = caught.value
    if pool.has_threads:
        assert type(error) is travelling.Panic
    else:
        assert isinstance(error, RemoteBaseException)
        assert not isinstance(error, Exception)
        assert str(error) == 'Panic: index out of bounds'
    assert pool.run(There).success()


def test_cleanup_that_can_not_travel_has_failed_and_says_why(pool: Pool, kwargs: Any) -> None:
    if pool.has_threads:
        assert pool.run(SetsCleanup, kwargs=kwargs).report()['SetsCleanup'].cleanup == 'pass'
        return
    with pytest.raises(RuntimeError, match=r'SetsCleanup\.Cleanup was set to .*IN_DRIVER = True'):
        pool.run(SetsCleanup, kwargs=kwargs)
    assert noted(kwargs['directory']) == []


def test_slots_come_back_for_the_cleanup(pool: Pool, kwargs: Any) -> None:
    pool.run(Slotted.clone('one'), Slotted, kwargs=kwargs)
    assert noted(kwargs['directory']) == ['cleanup'] * 2


def test_worker_without_the_directory_of_the_run_uses_its_own(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, debug_lines: list[str]
) -> None:
    place = tmp_path / 'gone'
    place.mkdir()
    monkeypatch.chdir(place)
    dojob = pool.run(
        There.clone('one'), There.clone('two'),
        listeners=[lambda event: place.exists() and place.rmdir()], log=True,
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert dojob.success()
    told = [line for line in debug_lines if 'uses its own directory' in line]
    assert len(told) == (0 if pool.has_threads else 1)


def test_cleanup_is_called_by_the_driver_with_what_could_travel(
    pool: Pool, kwargs: Any, debug_lines: list[str]
) -> None:
    clones = [Cleans.clone('one'), Keyed.clone('two'), Cleans.clone('three')]
    dojob = pool.run(*clones, kwargs=kwargs, log=True)
    assert dojob.success()
    notes = [line.split(' ', 6) for line in noted(kwargs['directory'])]
    assert [note[1] for note in notes] == ['three', 'two', 'one']
    for _, _, pid, run_pid, has_lock, has_event, shared in notes:
        assert pid == str(os.getpid())
        assert (run_pid == pid) == pool.has_threads
        assert (has_lock, has_event) == (str(pool.has_threads),) * 2
        assert shared == "['one', 'three', 'two']"
    wanted = ["storage['lock']", "self['event']"]
    wanted += [f'1 values of {what}' for what in ('global_storage', 'self', 'storage')]
    assert lost(debug_lines) == ([] if pool.has_threads else sorted(
        f'{job.__name__}: {what} can not travel' for job in clones for what in wanted
    ))  # fmt: skip


def test_cleanup_is_called_on_odd_objects(pool: Pool, kwargs: Any, debug_lines: list[str]) -> None:
    dojob = pool.run(Guards, Replaces, kwargs=kwargs, log=True)
    assert dojob.success()
    notes = [line.split(' ', 2)[1:] for line in noted(kwargs['directory'])]
    assert notes == [['Replaces', "['mine']" if pool.has_threads else '{}'], ['Guards', '{}']]
    lines = ["Guards: self['guard'] can not travel", 'Replaces: storage can not travel']
    assert lost(debug_lines) == ([] if pool.has_threads else lines)


def test_what_can_not_travel_is_told_once(pool: Pool, debug_lines: list[str]) -> None:
    dojob = pool.run(Loses, log=True)
    assert [each.tries for each in dojob.report()] == [3, 0]
    line = "Loses: global_storage['lock'] can not travel"
    assert lost(debug_lines) == ([] if pool.has_threads else [line])


def test_shared_value_that_can_not_be_made_again_in_a_worker_is_not_there(
    pool: Pool, debug_lines: list[str]
) -> None:
    dojob = pool.run(Finds, log=True)
    assert set(dojob.global_storage) == {'odd', 'good'}
    if pool.has_threads:
        assert dojob.noderesults['Finds'] == ['good', 'odd']
    else:
        assert dojob.noderesults['Finds'] == ['good']
        assert lost(debug_lines) == ['Finds: 1 values of global_storage can not travel']


def test_shared_storage_is_merged_before_a_dependent_starts(pool: Pool) -> None:
    dojob = pool.run(Looks)
    before = {'gone': '1', 'nested': "{'list': [1]}", 'old': 'old', 'untouched': '3'}
    after = {'nested': "{'list': [1, 2]}", 'old': 'new', 'untouched': '3'}
    results = dojob.noderesults
    for name, wanted in (('Sets', {}), ('Changes', before), ('Looks', after)):
        assert {key: value for key, value in results[name].items() if key != 'lock'} == wanted
    assert ('lock' in results['Looks']) == pool.has_threads
    assert {key: str(dojob.global_storage[key]) for key in after} == after
    assert set(dojob.global_storage) - {'lock'} == set(after)


def test_what_the_driver_shares_and_can_not_send_stays_there(pool: Pool) -> None:
    puts = Sets.clone('puts', IN_DRIVER=True)
    changes = type('changes', (travelling.Changes,), {'DEPS': (puts,)})
    dojob = pool.run(changes)
    assert 'lock' in dojob.global_storage
    assert dojob.global_storage['old'] == 'new'
    assert ('lock' in dojob.noderesults['changes']) == pool.has_threads


def test_of_tries_side_by_side_the_one_sent_later_wins(pool: Pool, kwargs: Any) -> None:
    os.mkfifo(kwargs['directory'] / 'other')
    dojob = pool.run(Slow, Quick, After, kwargs=kwargs)
    assert dojob.success()
    assert dojob.noderesults['After'] == 'quick'
    assert dojob.global_storage['slow']
    if not pool.has_threads:
        assert dojob.global_storage['who'] == 'quick'


def test_job_in_the_driver_wins_over_one_that_was_sent_earlier(pool: Pool, kwargs: Any) -> None:
    if pool.has_threads:
        pytest.skip('on threads there is one global_storage')
    os.mkfifo(kwargs['directory'] / 'other')
    quick = Quick.clone('Quick', IN_DRIVER=True)
    dojob = pool.run(Slow, quick, After.clone('after', DEPS=(quick,)), kwargs=kwargs)
    assert dojob.success()
    assert dojob.global_storage == {'who': 'quick', 'slow': True}


# What is tried at the same time


def test_jobs_that_do_not_depend_on_each_other_are_tried_at_the_same_time(
    pool: Pool, kwargs: Any
) -> None:
    for name in ('ping', 'pong'):
        os.mkfifo(kwargs['directory'] / name)
    assert pool.run(Ping, Pong, kwargs=kwargs).success()


def test_jobs_that_share_a_lock_are_not(pool: Pool, kwargs: Any) -> None:
    jobs = [Locks.clone(f'job{number}') for number in range(12)]
    assert pool.run(*jobs, There.clone('free'), kwargs=kwargs).success()
    notes = [line.split() for line in noted(kwargs['directory'])]
    assert [word for word, _ in notes] == ['in', 'out'] * 12
    assert [name for _, name in notes[::2]] == [name for _, name in notes[1::2]]


def test_job_in_the_driver_is_tried_in_its_thread_while_nothing_is_sent_out(pool: Pool) -> None:
    heard: list[Any] = []
    jobs = [(Here if number % 3 == 1 else There).clone(f'{number}') for number in range(9)]
    dojob = pool.run(*jobs, listeners=[heard.append])
    own = os.getpid(), threading.get_ident()
    for job in jobs:
        assert (dojob.noderesults[job.__name__] == own) == job.IN_DRIVER, job
    started = [each for each in heard if isinstance(each, (events.TryStarted, events.TryEnded))]
    here = [job.__name__ for job in jobs if job.IN_DRIVER]
    for event, following in zip(started, started[1:]):
        if isinstance(event, events.TryStarted) and event.name in here:
            assert following.name == event.name or isinstance(following, events.TryEnded)
            assert not pool.has_threads or following.name == event.name


# What is told


def test_listeners_hear_all_in_the_thread_of_the_driver_in_order_per_try(
    pool: Pool, kwargs: Any
) -> None:
    heard: list[tuple[int, Any]] = []
    jobs = [Cleans.clone('one'), Raises.clone('two'), There.clone('three'), Late]
    dojob = pool.run(
        *jobs, kwargs=kwargs, listeners=[lambda event: heard.append((threading.get_ident(), event))]
    )
    assert {thread for thread, _ in heard} == {threading.get_ident()}
    told: dict[tuple[str, int], list[str]] = {}
    for _, event in heard:
        if isinstance(event, events.TryEvent):
            word = type(event).__name__ + getattr(event, 'phase', '')
            told.setdefault((event.name, event.number), []).append(word)

    def phases(*names: str) -> list[str]:
        return [word + name for name in names for word in ('PhaseStarted', 'PhaseEnded')]

    all_phases = phases('init', 'check', 'run', 'recheck')
    tried = ['TryStarted', *all_phases, 'TryEndedrecheck']
    assert told == {
        ('one', 1): tried + phases('cleanup'),
        ('two', 1): tried,
        ('three', 1): ['TryStarted', *phases('init', 'check'), 'TryEndedcheck'],
        ('Late', 1): tried,
        ('Late', 2): tried,
        ('Late', 3): tried,
    }
    ended = [event for _, event in heard if isinstance(event, events.JobEnded)]
    assert sorted(each.name for each in ended) == ['Late', 'one', 'root', 'three', 'two']
    assert not dojob.success()
    assert isinstance(heard[-1][1], events.RunEnded)


def test_lines_of_tries_can_be_told_apart(pool: Pool, kwargs: Any, capsys: Any) -> None:
    jobs = [Late.clone(f'job{number}') for number in range(4)]
    pool.run(*jobs, kwargs=kwargs, verbose=True)
    lines = capsys.readouterr().err.splitlines()
    for job in jobs:
        name = job.__name__
        own = [line.removeprefix(name) for line in lines if line.startswith(name)]
        one = ['.check: fail', '.run: pass']
        assert own == [
            *one, '.recheck: fail "only 1"', *one, '.recheck: fail "only 2"', *one,
            '.recheck: pass',
        ]  # fmt: skip
    if not pool.has_threads:  # the lines of one try come together
        assert all(len({line[:4] for line in lines[place : place + 3]}) == 1
                   for place in range(0, 36, 3))  # fmt: skip


def test_no_act_calls_no_run(pool: Pool, kwargs: Any) -> None:
    dojob = pool.run(Once.clone('once'), There, kwargs=kwargs, no_act=True)
    outcomes = {each.name: str(each.outcome) for each in dojob.report()}
    assert outcomes == {'once': 'would_run', 'There': 'ok', 'root': 'might_run'}
    assert dojob.nodestatus == {'once': False, 'There': True, 'root': None}


def test_report_tells_how_long_each_phase_took_where_it_was(pool: Pool, kwargs: Any) -> None:
    dojob = pool.run(Late, kwargs=kwargs)
    [entry] = dojob.report().select('changed')
    assert list(entry.phase_seconds) == ['init', 'check', 'run', 'recheck']
    assert all(0 <= each < 60 for each in entry.phase_seconds.values())
    assert json.dumps(dojob.report().as_dict())


# Ctrl-C

SCRIPT = """
import json
import signal
import sys
from pathlib import Path

from dojobber import DoJobber, DummyJob
from dojobber.events import TryStarted
from tests._executors.travelling import Cleans, Held, note, noted


pressed = []
now = 0.0


def interrupt(number, frame):
    global now
    now += 1
    pressed.append('waits for what is under way')
    raise KeyboardInterrupt


def started(event):
    if isinstance(event, TryStarted) and event.name == 'two':
        pressed.append('both are under way')


def receive(queue, timeout):
    if pressed:
        print(pressed.pop(), flush=True)
    return queue.get(timeout=timeout)


def main():
    {opens}
    directory = Path(sys.argv[1])
    signal.signal(signal.SIGINT, interrupt)
    alone, below = Cleans.clone('alone'), Cleans.clone('below')
    held = [Held.clone('one', DEPS=(alone,)), Held.clone('two', DEPS=(alone, below))]
    alone.DEPS, held[0].DEPS = (), (below,)
    root = DummyJob.clone('root', DEPS=(alone, *held, Cleans.clone('never', DEPS=held)))
    dojob = DoJobber()
    dojob.configure(root, executor=executor, max_in_flight=2, listeners=[started])
    dojob.set_args(directory=directory)
    dojob._receive = receive
    dojob._clock = lambda: now  # a second passes from one Ctrl-C to the next
    try:
        dojob.checknrun()
    except KeyboardInterrupt:
        note(directory, 'raised')
    print(json.dumps([dojob.nodestatus, [str(each.outcome) for each in dojob.report()]]))
    sys.stdout.flush()
    sys.stdin.readline()
    dojob.cleanup()
    {closes}


if __name__ == '__main__':
    main()
"""


class Interrupted:
    """A script with two tries under way."""

    def __init__(self, pool: Pool, directory: Path) -> None:
        self.directory = directory
        self.logs = pool.logs
        for name in ('one', 'two'):
            os.mkfifo(directory / f'{name}-runs')
            os.mkfifo(directory / f'{name}-goes-on')
        script = directory / 'script.py'
        script.write_text(SCRIPT.format(opens=pool.opens, closes=pool.closes))
        self.process = subprocess.Popen(
            [sys.executable, script, directory],
            env={**os.environ, 'PYTHONPATH': str(Path(__file__).parent.parent.parent)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        for name in ('one', 'two'):
            wait(directory / f'{name}-runs')
        assert self.line() == 'both are under way\n'

    def press(self, group: bool = False) -> None:
        """Press Ctrl-C, in the terminal or for the driver alone."""
        (os.killpg if group else os.kill)(self.process.pid, signal.SIGINT)

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def let_go(self) -> None:
        for name in ('one', 'two'):
            allow(self.directory / f'{name}-goes-on')

    def statuses(self) -> tuple[dict[str, Any], list[str]]:
        """Wait for the end of the run."""
        while not (line := self.line()).startswith('['):
            assert line == 'waits for what is under way\n'
        statuses, outcomes = json.loads(line)
        return statuses, outcomes

    def end(self) -> list[str]:
        """Wait for the end of the script."""
        _, errors = self.process.communicate('\n', timeout=30)
        assert self.process.returncode == 0
        assert self.logs or errors == ''
        return [' '.join(line.split()[:2]) for line in noted(self.directory)]


@pytest.fixture
def script(pool: Pool, tmp_path: Path) -> Iterator[Interrupted]:
    script = Interrupted(pool, tmp_path)
    yield script
    if script.process.returncode is None:
        os.killpg(script.process.pid, signal.SIGKILL)
        script.process.communicate()


@pytest.mark.slow
def test_interrupt_waits_for_what_is_under_way(script: Interrupted) -> None:
    script.press()
    script.line()
    script.let_go()
    statuses, outcomes = script.statuses()
    notes = script.end()
    assert sorted(notes[:2]) == ['run one', 'run two']
    assert sorted(notes[2:4]) == ['done one', 'done two']
    assert sorted(notes[4:6]) == ['cleanup one', 'cleanup two']
    assert sorted(notes[6:8]) == ['cleanup alone', 'cleanup below']
    assert notes[8:] == ['raised']
    assert statuses == {
        'alone': True, 'below': True, 'one': True, 'two': True, 'never': None, 'root': None,
    }  # fmt: skip
    assert sorted(outcomes) == ['changed'] * 4 + ['not_run'] * 2


def test_interrupt_of_the_whole_group_cleans_up(pool: Pool, script: Interrupted) -> None:
    if not pool.survives_terminal:
        pytest.skip('its workers do not survive that')
    script.press(group=True)
    if pool.has_threads:  # workers of other kinds were interrupted themselves
        script.let_go()
    statuses, _ = script.statuses()
    notes = script.end()
    if not pool.has_threads:
        assert sorted(notes[2:4]) == ['cleanup one', 'cleanup two']
        assert 'done one' not in notes
    assert sorted(notes[-5:-1]) == ['cleanup alone', 'cleanup below', 'cleanup one', 'cleanup two']
    assert notes[-1] == 'raised'
    assert [statuses[name] for name in ('one', 'two')] == [pool.has_threads] * 2
    assert len(statuses) == 6


@pytest.mark.slow
def test_second_interrupt_stops_the_waiting_and_holds_back(
    pool: Pool, script: Interrupted, tmp_path: Path
) -> None:
    script.press()
    script.line()
    script.press()
    statuses, outcomes = script.statuses()
    assert statuses == {
        'alone': True, 'below': True, 'one': False, 'two': False, 'never': None, 'root': None,
    }  # fmt: skip
    assert sorted(outcomes) == ['changed'] * 2 + ['interrupted'] * 2 + ['not_run'] * 2
    assert noted(tmp_path)[-1] == 'raised'
    assert not [line for line in noted(tmp_path) if line.startswith('cleanup')]
    script.let_go()
    notes = script.end()
    later = notes[notes.index('raised') + 1 :]
    assert {'cleanup alone', 'cleanup below'} <= set(later)
    if pool.has_threads:
        assert {'cleanup one', 'cleanup two'} <= set(later)


# What is left behind


def opened() -> set[str]:
    return {os.readlink(f'/proc/self/fd/{fd}') for fd in os.listdir('/proc/self/fd')
            if os.path.lexists(f'/proc/self/fd/{fd}')}  # fmt: skip


@pytest.mark.skipif(not os.path.isdir('/proc/self/fd'), reason='needs /proc')
@pytest.mark.usefixtures('collected')
def test_nothing_is_left_behind(
    pool: Pool, kwargs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: Callable[[], DoJobber] = lambda: pool.run(  # noqa: E731
        Cleans, Raises.clone('bad'), Here, There, kwargs=kwargs
    )
    work()
    temporary = tmp_path / 'temporary'
    temporary.mkdir()
    monkeypatch.setenv('TMPDIR', str(temporary))
    threads, files = set(threading.enumerate()), opened()
    work()
    work()
    assert set(threading.enumerate()) <= threads
    assert opened() <= files
    assert os.listdir(temporary) == []
