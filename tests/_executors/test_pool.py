"""The executors of the standard library."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import multiprocessing
import os
import pickle
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from contextlib import ExitStack
from pathlib import Path
from pickle import PicklingError, UnpicklingError
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob, events
from dojobber._executors import pickling, storage
from dojobber.errors import ConfigurationError
from tests._executors.promises import *  # noqa: F403
from tests._executors.promises import Pool
from tests._executors.travelling import (
    Cleans,
    Counts,
    Demanding,
    Derived,
    Dies,
    Held,
    Here,
    Locks,
    Shown,
    There,
    allow,
    noted,
    wait,
)
from tests.fakes import FakeClock
from tests.terminal import Terminal


def make(kind: str, workers: int) -> Executor:
    """Make an executor whose workers have all begun."""
    if kind == 'threads':
        return ThreadPoolExecutor(workers)
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context(kind))
    with warnings.catch_warnings():
        # Of Python 3.12 and later; there are threads, but none that holds a lock now.
        warnings.filterwarnings('ignore', '.* multi-threaded', DeprecationWarning)
        executor.submit(int).result()
    return executor


@pytest.fixture(
    scope='module', params=['threads', 'fork', pytest.param('spawn', marks=pytest.mark.slow)]
)
def pool(request: Any) -> Iterator[Pool]:
    kind = request.param
    opens = 'from concurrent.futures import ThreadPoolExecutor as P; executor = P(2)'
    if kind != 'threads':
        opens = (
            'import multiprocessing; from concurrent.futures import ProcessPoolExecutor as P; '
            f'executor = P(2, multiprocessing.get_context({kind!r}))'
        )
    with ExitStack() as stack:
        two, one = (stack.enter_context(make(kind, workers)) for workers in (2, 1))
        yield Pool(two, one, has_threads=kind == 'threads', opens=opens)


KINDS: list[Any] = ['fork', pytest.param('spawn', marks=pytest.mark.slow)]


@pytest.fixture(scope='module', params=KINDS)
def processes(request: Any) -> Iterator[Executor]:
    """Make a pool of processes that no test breaks."""
    with make(request.param, 2) as executor:
        yield executor


# What is refused


@pytest.mark.parametrize('value', [object(), map, 'pool', SimpleNamespace(submit=3)])
def test_executor_without_submit_is_refused(value: Any) -> None:
    dojob = DoJobber()
    with pytest.raises(ConfigurationError, match=r'needs submit\(\), got '):
        dojob.configure(There, executor=value, max_in_flight=1)
    with pytest.raises(RuntimeError, match='no graph'):
        dojob.checknrun()


@pytest.mark.parametrize('value', [0, -1, 1.5, True, '2'])
def test_max_in_flight_that_is_no_count_is_refused(value: Any) -> None:
    with ThreadPoolExecutor(1) as executor:
        rule = f'^max_in_flight must be a whole number >= 1, got {value!r}$'
        with pytest.raises(ConfigurationError, match=rule):
            DoJobber().configure(There, executor=executor, max_in_flight=value)


def test_dummy_job_whose_metaclass_does_something_is_made_on_a_worker() -> None:
    places = []

    class Meta(type):
        def __call__(cls, *args: Any) -> Any:
            places.append(threading.current_thread() is threading.main_thread())
            return super().__call__(*args)

    class Made(DummyJob, metaclass=Meta):
        pass

    with ThreadPoolExecutor(1) as executor:
        dojob = DoJobber()
        dojob.configure(Made, executor=executor)
        dojob.checknrun()
    assert places == [False]


def test_max_in_flight_without_an_executor_is_refused() -> None:
    with pytest.raises(ConfigurationError, match='^max_in_flight needs an executor, got 2 and'):
        DoJobber().configure(There, max_in_flight=2)


def test_executor_that_hides_its_workers_needs_max_in_flight() -> None:
    class Hiding(Executor):
        pass

    with pytest.raises(ConfigurationError, match='^max_in_flight must be given: how many workers'):
        DoJobber().configure(There, executor=Hiding())
    DoJobber().configure(There, executor=Hiding(), max_in_flight=1000)


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        ('door', r"iterable of names, got 'door'; write LOCKS = \('door',\)$"),
        (b'door', "iterable of names, got b'door'$"),
        (3, 'iterable of names, got 3$'),
        (['door', 3], r"iterable of names, got \['door', 3\]$"),
        (iter(['door']), 'iterable of names, got <list_iterator object at .*>$'),
    ],
)
def test_locks_that_are_no_names_are_refused_with_an_executor_only(value: Any, text: str) -> None:
    job = Locks.clone('Odd', LOCKS=value)
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(ConfigurationError, match=r'^Odd\.LOCKS must be an ' + text),
    ):
        DoJobber().configure(job, executor=executor)
    DoJobber().configure(job)


def test_in_driver_that_is_no_bool_is_refused_with_an_executor_only() -> None:
    job = Here.clone('Odd', IN_DRIVER='yes')
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(ConfigurationError, match="^Odd.IN_DRIVER must be a bool, got 'yes'$"),
    ):
        DoJobber().configure(job, executor=executor)
    DoJobber().configure(job)


def local_jobs() -> list[type[Job]]:
    class Local(Job):
        def Check(self) -> int:
            return os.getpid()

    class Tied(Local):
        def Check(self) -> int:
            return super().Check()

    return [Local, Tied, Job.clone('Lambda', Check=lambda self: os.getpid())]


def test_job_that_can_not_be_sent_to_processes_is_refused_by_name(processes: Executor) -> None:
    for job in local_jobs():
        name = job.__name__
        rule = rf'^{name}\.Check can not be sent .* write IN_DRIVER = True$'
        with pytest.raises(ConfigurationError, match=rule):
            DoJobber().configure(DummyJob.clone('root', DEPS=(job,)), executor=processes)
        here = job.clone(name, IN_DRIVER=True)
        dojob = DoJobber()
        dojob.configure(here, executor=processes)
        dojob.checknrun()
        assert dojob.noderesults == {name: os.getpid()}


def test_job_that_can_not_be_sent_to_processes_is_tried_on_threads() -> None:
    with ThreadPoolExecutor(2) as executor:
        for job in local_jobs():
            dojob = DoJobber()
            dojob.configure(job, executor=executor)
            dojob.checknrun()
            assert dojob.noderesults == {job.__name__: os.getpid()}


def test_class_that_can_not_be_sent_though_all_of_it_can_is_refused(processes: Executor) -> None:
    # Its function speaks of the class that it was made in, so that it is not taken out of this one.
    job = type('Borrows', (Job,), {'Check': Derived.Check})
    with pytest.raises(ConfigurationError, match='^Borrows can not be sent to another process: '):
        DoJobber().configure(job, executor=processes)


# How many are under way


class Counting(ThreadPoolExecutor):
    """Counts the calls in flight."""

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self.under_way: set[Any] = set()
        self.most = 0

    def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(call, *args, **kwargs)
        self.under_way = {each for each in self.under_way if not each.done()} | {future}
        self.most = max(self.most, len(self.under_way))
        return future


@pytest.mark.parametrize(('asked', 'limit'), [(None, 3), (2, 2), (1, 1), (50, 3)])
def test_as_many_are_under_way_as_asked_for_or_as_there_are_workers(
    asked: int | None, limit: int
) -> None:
    together = threading.Barrier(limit)

    def check(self: Any) -> None:
        together.wait(30)

    jobs = [Job.clone(f'{number}', Check=check) for number in range(6 * limit)]
    with Counting(3) as executor:
        dojob = DoJobber()
        root = DummyJob.clone('root', DEPS=jobs)
        dojob.configure(root, executor=executor, max_in_flight=asked)
        dojob.checknrun()
        assert dojob.success()
        assert executor.most <= limit


def test_progress_line_tells_how_many_are_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal, is_shown = Terminal(), threading.Event()
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setattr(sys, 'stderr', terminal.file)
    jobs = [Job.clone(f'job{number}', Check=lambda self: is_shown.wait(30)) for number in range(3)]
    watcher = Job.clone('watcher', Check=lambda self: watch())

    def watch() -> None:
        terminal.read_until('0 of 5 Jobs done; job0.check and 3 more')
        is_shown.set()

    with ThreadPoolExecutor(4) as executor:
        dojob = DoJobber()
        root = DummyJob.clone('root', DEPS=(*jobs, watcher))
        dojob.configure(root, executor=executor, progress=True)
        dojob.checknrun()
    terminal.close()
    assert is_shown.is_set()


# What an executor does that goes wrong


@pytest.mark.parametrize('kind', KINDS)
def test_pool_that_breaks_ends_the_run_and_is_no_failure_of_a_job(
    kind: str, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / 'other-runs')
    os.mkfifo(tmp_path / 'other-goes-on')
    cleans = Cleans.clone('cleans')
    dies = Dies.clone('dies', DEPS=(cleans,), AFTER='other-runs')
    other = Held.clone('other', DEPS=(cleans,))
    root = DummyJob.clone('root', DEPS=(dies, other, There.clone('never', DEPS=(dies,))))
    heard: list[Any] = []
    dojob = DoJobber()
    dojob.set_args(directory=tmp_path)
    with make(kind, 2) as executor, pytest.raises(BrokenExecutor):
        dojob.configure(root, executor=executor, default_retry_delay=0, listeners=[heard.append])
        dojob.checknrun()
    outcomes = {each.name: str(each.outcome) for each in dojob.report()}
    assert outcomes == {
        'cleans': 'changed', 'dies': 'interrupted', 'other': 'interrupted', 'never': 'not_run',
        'root': 'not_run',
    }  # fmt: skip
    assert dojob.nodestatus == {
        'cleans': True, 'dies': False, 'other': False, 'never': None, 'root': None,
    }  # fmt: skip
    assert isinstance(dojob.nodeexceptions['dies'], BrokenExecutor)
    notes = [line.split()[0] for line in noted(tmp_path)]
    assert sorted(notes) == ['cleanup', 'dies', 'run']
    assert notes[-1] == 'cleanup'
    assert isinstance(heard[-1], events.RunEnded)


def test_pool_that_was_shut_down_ends_the_run() -> None:
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    dojob = DoJobber()
    dojob.configure(DummyJob.clone('root', DEPS=(Here, There)), executor=executor)
    with pytest.raises(RuntimeError, match='shutdown'):
        dojob.checknrun()
    assert dojob.nodestatus == {'Here': True, 'There': False, 'root': None}
    assert [str(each.outcome) for each in dojob.report()] == ['ok', 'interrupted', 'not_run']


class Odd(ThreadPoolExecutor):
    """Treats the calls for the Job of this name in an odd way."""

    def __init__(self, does: Any) -> None:
        super().__init__(2)
        self.does = does

    def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        if args[0][0][1].__name__ != 'odd':
            return super().submit(call, *args, **kwargs)
        future: Future[Any] = Future()
        self.does(future)
        return future


class ShutDown(RuntimeError):
    """The error of an executor that can be used no more; loky has one of its own, too."""


def raising(error: BaseException) -> Any:
    def does(future: Any) -> None:
        raise error

    return does


def failing(error: BaseException) -> Any:
    return lambda future: future.set_exception(error)


def run_with_odd(does: Any, *more: type[Job], **options: Any) -> DoJobber:
    """Run three Jobs; something goes wrong with the second."""
    jobs = There.clone('first'), There.clone('odd'), There.clone('last')
    dojob = DoJobber()
    with Odd(does) as executor:
        root = DummyJob.clone('root', DEPS=(*jobs, *more))
        dojob.configure(root, executor=executor, default_retry_delay=0, **options)
        dojob.test_error = None  # type: ignore[attr-defined]
        try:
            dojob.checknrun()
        except BaseException as error:
            dojob.test_error = error  # type: ignore[attr-defined]
    return dojob


OF_PICKLES = [TypeError('odd'), PicklingError('odd'), RecursionError('odd'), AttributeError('odd')]


@pytest.mark.parametrize('error', OF_PICKLES)
@pytest.mark.parametrize('way', [raising, failing])
def test_try_that_can_not_be_sent_has_failed_for_good_and_costs_no_other(
    capsys: Any, error: Exception, way: Any
) -> None:
    dojob = run_with_odd(way(error), verbose=True)
    assert dojob.test_error is None  # type: ignore[attr-defined]
    assert dojob.nodestatus == {'first': True, 'odd': False, 'last': True, 'root': None}
    assert dojob.nodeexceptions['odd'] is error
    assert [each.tries for each in dojob.report()] == [1, 1, 1, 0]
    assert capsys.readouterr().err.count('odd.check: fail\n') == 1


def test_error_about_pickling_that_is_a_runtime_error_fails_the_job_alone(
    processes: Executor,
) -> None:
    lock = multiprocessing.get_context('spawn').Lock()  # it raises one where it is pickled
    dojob = DoJobber()
    dojob.configure(DummyJob.clone('root', DEPS=(There, Here)), executor=processes)
    dojob.set_args(lock=lock)
    dojob.checknrun()
    assert dojob.nodestatus == {'There': False, 'Here': True, 'root': None}
    assert 'inheritance' in str(dojob.nodeexceptions['There'])


@pytest.mark.parametrize('error', [BrokenExecutor('odd'), RuntimeError('odd'), KeyboardInterrupt()])
def test_submit_that_can_be_used_no_more_ends_the_run(error: BaseException) -> None:
    dojob = run_with_odd(raising(error))
    assert dojob.test_error is error  # type: ignore[attr-defined]
    assert dojob.nodestatus == {'first': True, 'odd': False, 'last': None, 'root': None}


@pytest.mark.parametrize(
    'error',
    [
        BrokenExecutor('odd'),
        CancelledError('odd'),
        ShutDown('odd'),
        KeyboardInterrupt(),
        GeneratorExit(),
    ],
)
def test_future_of_unknown_fate_ends_the_run_and_the_others_are_waited_for(
    error: BaseException,
) -> None:
    together = threading.Event()

    def check(self: Any) -> None:
        assert together.wait(30)

    def does(future: Any) -> None:
        future.set_exception(error)
        together.set()

    slow = Job.clone('slow', Check=check)
    jobs = slow, There.clone('odd'), There.clone('last')
    dojob = DoJobber()
    with Odd(does) as executor:
        dojob.configure(DummyJob.clone('root', DEPS=jobs), executor=executor)
        with pytest.raises(type(error)):
            dojob.checknrun()
    assert dojob.nodestatus == {'slow': True, 'odd': False, 'last': None, 'root': None}
    assert dojob.nodeexceptions['odd'] is error
    assert str(dojob.report().jobs[1].outcome) == 'interrupted'


def test_future_that_was_cancelled_ends_the_run() -> None:
    def does(future: Any) -> None:
        future.cancel()
        future.set_running_or_notify_cancel()

    dojob = run_with_odd(does)
    assert isinstance(dojob.test_error, CancelledError)  # type: ignore[attr-defined]
    assert dojob.nodestatus['odd'] is False


def test_reply_that_is_none_fails_the_job_for_good() -> None:
    class Garbling(Executor):
        _max_workers = 1

        def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_result(b'no pickle')
            return future

    dojob = DoJobber()
    dojob.configure(DummyJob.clone('root', DEPS=(There, Here)), executor=Garbling())
    dojob.checknrun()
    assert dojob.nodestatus == {'There': False, 'Here': True, 'root': None}
    assert isinstance(dojob.nodeexceptions['There'], UnpicklingError)


def test_class_that_can_not_be_made_again_fails_the_job(processes: Executor) -> None:
    job = type('Picky', (Demanding,), {'__module__': 'nowhere'}, demand=1)
    dojob = DoJobber()
    dojob.configure(
        DummyJob.clone('root', DEPS=(job, There)), executor=processes, default_retry_delay=0
    )
    dojob.checknrun()
    assert dojob.nodestatus == {'Picky': False, 'There': True, 'root': None}
    assert 'demand' in str(dojob.nodeexceptions['Picky'])
    assert [each.tries for each in dojob.report()] == [3, 1, 0]


class Lying(Executor):
    """Knows how many workers it has, but its futures are pending while their calls run."""

    _max_workers = 1

    def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        threading.Thread(target=lambda: future.set_result(call(*args))).start()
        return future


def test_futures_that_are_pending_while_they_are_executed_are_waited_for(tmp_path: Path) -> None:
    for name in ('Held-runs', 'Held-goes-on'):
        os.mkfifo(tmp_path / name)
    dojob, pressed = DoJobber(), list[str]()

    def receive(queue: Any, timeout: float | None) -> Any:
        if pressed:
            return queue.get(timeout=30)
        pressed.append('Ctrl-C')
        wait(tmp_path / 'Held-runs')
        threading.Thread(target=allow, args=(tmp_path / 'Held-goes-on',)).start()
        raise KeyboardInterrupt

    dojob._receive = receive  # pyright: ignore[reportAttributeAccessIssue]
    dojob.configure(Held, executor=Lying())
    dojob.set_args(directory=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert dojob.nodestatus == {'Held': True}
    assert noted(tmp_path)[-1] == 'cleanup Held'


def local_function(name: str) -> Any:
    return LOCAL[name]


LOCAL: dict[str, Any] = {}


class Cloud(pickle.Pickler):
    """Stands for the pickler of cloudpickle, which pickles what is within functions."""

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, FunctionType) and '<locals>' in obj.__qualname__:
            LOCAL[obj.__qualname__] = obj
            return local_function, (obj.__qualname__,)
        return NotImplemented


@pytest.mark.parametrize('package', ['mpi4py', 'loky', 'distributed', 'threads of Dask'])
@pytest.mark.parametrize('is_loaded', [False, True])
def test_executors_of_clusters_are_sent_bytes_by_cloudpickle_if_need_be(
    monkeypatch: pytest.MonkeyPatch, package: str, is_loaded: bool
) -> None:
    sent: list[type] = []
    is_of_threads = package == 'threads of Dask'

    class Bytes(Lying):
        def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            sent.extend(map(type, args))
            return super().submit(call, *args)

    class Inner(Job):
        def Check(self) -> str:
            return self.word

        @functools.cached_property
        def word(self) -> str:
            return type(self).__name__

    Bytes.__module__ = 'distributed' if is_of_threads else package
    executor = Bytes()
    if is_of_threads:
        cluster = SimpleNamespace(processes=False)
        executor._client = SimpleNamespace(cluster=cluster)  # type: ignore[attr-defined]
    module = SimpleNamespace(CloudPickler=Cloud) if is_loaded else None
    monkeypatch.setitem(sys.modules, 'cloudpickle', module)
    monkeypatch.setitem(sys.modules, 'joblib.externals.cloudpickle', None)
    dojob = DoJobber()
    dojob.configure(DummyJob.clone('root', DEPS=(There, Inner)), executor=executor)
    dojob.checknrun()
    assert dojob.nodestatus['There'] is True
    if is_loaded:
        assert dojob.noderesults['Inner'] == 'Inner'
        assert sent == [bytes, bytes]
    elif is_of_threads:
        assert bytes not in sent
    else:
        assert 'pickle' in str(dojob.nodeexceptions['Inner'])
        assert sent == [bytes]


def test_cluster_is_sent_what_cloudpickle_can_not_pickle(monkeypatch: pytest.MonkeyPatch) -> None:
    class Live(Lying):
        pass

    Live.__module__ = 'distributed'
    monkeypatch.setitem(sys.modules, 'cloudpickle', SimpleNamespace(CloudPickler=Cloud))
    dojob = DoJobber()
    dojob.configure(Shown, executor=Live())
    dojob.set_args(lock := threading.Lock())
    dojob.checknrun()
    assert dojob.nodestatus == {'Shown': True}
    assert lock.acquire(blocking=False)


def future_that(callback: Any = None, **methods: Any) -> Future[Any]:
    """Return a future of which some methods lie."""
    if callback is not None:
        methods['add_done_callback'] = callback
    made: Future[Any] = type('Lies', (Future,), methods)()
    return made


def run_with_future(make: Any, base: type[Executor]) -> DoJobber:
    """Run a Job whose try is executed at once, and comes back by a future that lies."""

    class Lies(base):  # type: ignore[misc, valid-type]
        def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = make()
            future.set_result(call(*args))
            return future

    dojob = DoJobber()
    executor = Lies()
    dojob.configure(DummyJob.clone('root', DEPS=(There,)), executor=executor, max_in_flight=1)
    dojob.checknrun()
    return dojob


@pytest.mark.parametrize('base', [Executor, ThreadPoolExecutor])
@pytest.mark.parametrize(
    'callback',
    [
        lambda self, call: call(None),
        lambda self, call: call(Future()),  # as of a future that is wrapped around another
        lambda self, call: [call(self), call(self)],
    ],
)
def test_try_comes_back_whatever_its_future_says_of_itself(base: Any, callback: Any) -> None:
    assert run_with_future(lambda: future_that(callback), base).success()
    assert run_with_future(lambda: future_that(__hash__=None), base).success()


@pytest.mark.parametrize('base', [Executor, ThreadPoolExecutor])
def test_future_that_takes_no_callback_ends_the_run(base: Any) -> None:
    def refuse(self: Any, call: Any) -> None:
        raise RuntimeError('no callbacks')

    with pytest.raises(RuntimeError, match='no callbacks'):
        run_with_future(lambda: future_that(refuse), base)


@pytest.mark.parametrize('result', [None, [], ['no record']])
@pytest.mark.parametrize('base', [Executor, ThreadPoolExecutor])
def test_future_that_gives_no_record_fails_the_job_for_good(base: Any, result: Any) -> None:
    dojob = run_with_future(lambda: future_that(result=lambda self: result), base)
    assert dojob.nodestatus == {'There': False, 'root': None}
    error = dojob.nodeexceptions['There']
    assert isinstance(error, TypeError)
    what = 'record' if base is ThreadPoolExecutor else 'reply'
    assert str(error) == f'the future of a try must give its {what}, got {result!r}'
    assert dojob.report().jobs[0].tries == 1


@pytest.mark.parametrize('kind', ['object', 'asyncio', 'threads', 'class', 'coroutine'])
def test_submit_that_gives_no_future_ends_the_run(kind: str) -> None:
    loop = asyncio.new_event_loop()
    loop.close()

    async def coroutine() -> None:
        pass

    class Wrong(ThreadPoolExecutor if kind == 'threads' else Executor):  # type: ignore[misc]
        def submit(self, *args: Any) -> Any:
            kinds: dict[str, Any] = {
                'asyncio': lambda: asyncio.Future(loop=loop),
                'class': lambda: Future,
            }
            return kinds.get(kind, coroutine if kind == 'coroutine' else object)()

    dojob = DoJobber()
    dojob.configure(There, executor=Wrong(), max_in_flight=1)
    with pytest.raises(RuntimeError, match=r'^submit\(\) of an executor must return a '):
        dojob.checknrun()
    assert dojob.nodestatus == {'There': False}


# Jobs that run a DoJobber of their own


@pytest.mark.parametrize('how', ['job', 'thread', 'submit'])
def test_job_may_run_jobs_on_its_own_pool_when_no_worker_is_left(how: str) -> None:
    with ThreadPoolExecutor(2) as executor:
        both = threading.Barrier(2)

        def run_leaves() -> None:
            inner = DoJobber()
            leaves = [Job.clone(name, Check=lambda self: None) for name in 'ab']
            inner.configure(DummyJob.clone('All', DEPS=leaves), executor=executor)
            inner.checknrun()
            assert inner.success()

        def check(self: Any) -> None:
            both.wait(30)
            if how == 'thread':
                with ThreadPoolExecutor(1) as other:
                    other.submit(contextvars.copy_context().run, run_leaves).result(30)
            else:
                run_leaves()

        if how == 'submit':
            calls = [executor.submit(check, None) for _ in 'ab']
            assert [each.result(30) for each in calls] == [None, None]
            return
        dojob = DoJobber()
        root = DummyJob.clone('root', DEPS=[Job.clone(name, Check=check) for name in 'xy'])
        dojob.configure(root, executor=executor, default_tries=1)
        dojob.checknrun()
        assert dojob.nodeexceptions == {}


def configure_inherited(kind: str) -> str:
    try:
        DoJobber().configure(There, executor=INHERITED[kind], max_in_flight=1)
    except ConfigurationError as error:
        return str(error)
    return ''


INHERITED: dict[str, Executor] = {}


@pytest.mark.parametrize('kind', ['threads', 'fork'])
def test_executor_of_the_process_that_this_one_was_forked_from_is_refused(kind: str) -> None:
    with make(kind, 1) as executor, warnings.catch_warnings():
        warnings.simplefilter('ignore', DeprecationWarning)
        executor.submit(int).result()
        INHERITED[kind] = executor
        with ProcessPoolExecutor(1, multiprocessing.get_context('fork')) as other:
            text = other.submit(configure_inherited, kind).result()
        assert 'executor must be made in the process that uses it' in text
        assert configure_inherited(kind) == ''
    assert configure_inherited(kind) == ''


# Context variables

WORD: contextvars.ContextVar[str] = contextvars.ContextVar('WORD', default='none')


def test_threads_see_the_context_variables_of_the_caller_and_no_others_changes() -> None:
    def check(self: Any) -> str:
        word = WORD.get()
        WORD.set(type(self).__name__)
        return word

    jobs = [Job.clone(name, Check=check) for name in 'abc']
    with ThreadPoolExecutor(1) as executor:
        dojob = DoJobber()
        dojob.configure(DummyJob.clone('root', DEPS=jobs), executor=executor)
        token = WORD.set('mine')
        dojob.checknrun()
        assert WORD.get() == 'mine'
        WORD.reset(token)
    assert {dojob.noderesults[name] for name in 'abc'} == {'mine'}


# What is shared


def test_try_in_a_process_unpickles_no_shared_value_that_it_does_not_look_at(
    processes: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pickled = []
    real = pickling.try_pickle
    monkeypatch.setattr(storage, 'try_pickle', lambda value: pickled.append(1) or real(value))
    jobs = [Counts.clone(f'{number}') for number in range(60)]
    dojob = DoJobber()
    dojob.configure(DummyJob.clone('root', DEPS=jobs), executor=processes)
    dojob.checknrun()
    assert pickled == []
    assert dojob.global_storage == {f'{number}': [1] for number in range(60)}


# Threads that are not waited for


def test_run_begun_while_cleanups_are_called_gets_its_own_cleanup_and_repeats_none() -> None:
    goes_on, runs = threading.Event(), threading.Event()
    calls = []

    class Early(RunonlyJob):
        def Run(self) -> None:
            pass

        def Cleanup(self) -> None:
            calls.append('Early')
            goes_on.set()
            assert runs.wait(30)

    class Late(RunonlyJob):
        def Check(self) -> None:
            assert goes_on.wait(30)
            super().Check()

        def Run(self) -> None:
            runs.set()

        def Cleanup(self) -> None:
            calls.append('Late')

    clock = FakeClock()
    dojob = clock.drive(DoJobber())

    def receive(queue: Any, timeout: float | None) -> Any:
        if 'Early' in dojob.noderesults:
            clock.advance(1)
            raise KeyboardInterrupt  # the first one, and the second one when it waits
        return queue.get(timeout=30)

    dojob._receive = receive  # pyright: ignore[reportAttributeAccessIssue]
    with ThreadPoolExecutor(2) as executor:
        dojob.configure(DummyJob.clone('root', DEPS=(Late, Early)), executor=executor)
        with pytest.raises(KeyboardInterrupt):
            dojob.checknrun()
        assert calls == ['Early']
    dojob.cleanup()
    assert calls == ['Early', 'Late']


# Where there is no executor


def test_locks_and_in_driver_mean_nothing_without_an_executor(tmp_path: Path) -> None:
    dojob = DoJobber()
    dojob.configure(DummyJob.clone('root', DEPS=(Locks.clone('a', LOCKS=3), Here)), executor=None)
    dojob.set_args(directory=tmp_path)
    dojob.checknrun()
    assert dojob.success()


def test_executor_of_the_process_that_this_was_forked_from_is_refused() -> None:
    inherited = Lying()
    inherited._call_queue = SimpleNamespace(_opid=os.getpid() + 1)  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match='made in the process that uses it'):
        DoJobber().configure(Job.clone('Job', Check=print), executor=inherited)


def test_spawned_workers_of_a_script_without_a_file_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    main = ModuleType('__main__')
    main.__file__ = '<stdin>'
    monkeypatch.setitem(sys.modules, '__main__', main)
    context = multiprocessing.get_context('spawn')
    refused = pytest.raises(ConfigurationError, match="there is no file '<stdin>'")
    with ProcessPoolExecutor(1, context) as executor, refused:
        DoJobber().configure(Job.clone('Job', Check=print), executor=executor)


class Leaves:
    """Raises SystemExit when it is pickled."""

    def __reduce__(self) -> Any:
        sys.exit('no licence')


def test_exit_while_a_request_is_pickled_fails_its_job_alone(processes: Executor) -> None:
    dojob = DoJobber()
    dojob.configure(There, executor=processes)
    dojob.set_args(Leaves())
    dojob.checknrun()
    assert 'SystemExit: no licence' in str(dojob.nodeexceptions['There'])
