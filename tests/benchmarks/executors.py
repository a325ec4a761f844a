"""The section of the benchmark about executors, and the Jobs that it runs on them."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import contextmanager
from functools import partial
from statistics import median
from time import sleep
from typing import Any

from dojobber import DoJobber, DummyJob, Job
from tests.benchmarks.sections import Comparison, Row, Settings, seconds
from tests.benchmarks.subjects import ARGS, KWARGS, Case, Counting, Subject

#: How long a Job waits or works, in seconds.
WAITS, WORKS = 0.01, 0.02


def executors(settings: Settings) -> Iterator[Row]:
    """Time that runs on executors take, as a ratio to a bound or to what is named.

    The bare loop is here one that submits a function which tries a Job, and waits, with as many
    calls under way as there are workers. The bounds count waits and delays and nothing else.
    """
    yield from waiting(settings)
    yield from working(settings)
    jobs = importable(Empty, settings.empty)
    for pool, target in ((threads(4), '3'), (processes(2), '2')):
        with pool as executor:
            yield overhead(jobs, executor, target, settings.rounds)
    yield from layers(settings)
    yield from retries(settings)


def row(measured: str, jobs: int, target: str, ours: float, reference: float, ratio: float) -> Row:
    """Return a row; the times are those of the whole run, in seconds."""
    return {
        'measured': measured,
        'Jobs': jobs,
        'at most': target,
        'figure': ratio,
        'us': ours / jobs * 1e6,
        'reference us': reference / jobs * 1e6,
    }


class Empty(Job):
    """Pass at once."""

    def Check(self, *args: Any, **kwargs: Any) -> None:
        pass


class Waiting(Job):
    """Wait, as most Jobs do."""

    def Check(self, *args: Any, **kwargs: Any) -> None:
        sleep(WAITS)


def waiting(settings: Settings) -> Iterator[Row]:
    """Yield how much longer than need be Jobs take that only wait."""
    jobs, workers = settings.waiting, 8
    with threads(workers) as pool:
        root = DummyJob.clone('All', DEPS=importable(Waiting, jobs))
        prepare = partial(prepared, root, pool)
        ours = median(seconds(prepare) for _ in range(settings.rounds))
    bound = jobs * WAITS / workers
    yield row(f'waiting on {workers} threads, to bound', jobs, '1.10', ours, bound, ours / bound)


class Working(Job):
    """Work in pure Python."""

    def Check(self, loops: int) -> None:
        work(loops)


def work(loops: int) -> None:
    """Work; only what is in another process can do so at the same time."""
    for _ in range(loops):
        pass


def working(settings: Settings) -> Iterator[Row]:
    """Yield which part of its time work takes on two processes, with dojobber and without."""
    size, loops = settings.working, 100_000
    took = median(seconds(lambda: partial(work, loops)) for _ in range(9))
    loops = int(loops * WORKS / took)
    jobs = importable(Working, size)
    root = DummyJob.clone('All', DEPS=jobs)
    with processes(2) as pool:
        prepares = (
            partial(prepared, root, None, loops),
            partial(prepared, root, pool, loops),
            lambda: partial(submit_and_wait, pool, 2, jobs, loops),
        )
        rounds = max(1, settings.rounds // 3)
        times = [[seconds(prepare) for prepare in prepares] for _ in range(rounds)]
    without, *others = map(median, zip(*times))
    targets = ('working on 2 processes, to without (1 / 1.7)', '0.59'), ('bare loop', '')
    for place, (name, target) in enumerate(targets):
        ratio = median(each[place + 1] / each[0] for each in times)
        yield row(name, size, target, others[place], without, ratio)


def importable(base: type[Job], size: int) -> list[type[Job]]:
    """Return Jobs like one; processes that are made after them can import them."""
    jobs = [base.clone(f'{base.__name__}{number}') for number in range(size)]
    vars(sys.modules[base.__module__]).update({job.__name__: job for job in jobs})
    return jobs


def overhead(jobs: list[type[Job]], pool: Executor, target: str, rounds: int) -> Row:
    """Return how a passing try compares to a bare loop over the same Jobs."""
    limit: int = getattr(pool, '_max_workers')  # noqa: B009
    found = Comparison(
        partial(prepared, DummyJob.clone('All', DEPS=jobs), pool, *ARGS, **KWARGS),
        lambda: partial(submit_and_wait, pool, limit, jobs, *ARGS, **KWARGS),
        rounds,
    )
    kind = 'threads' if isinstance(pool, ThreadPoolExecutor) else 'processes'
    name = f'passing on {limit} {kind}, to bare loop'
    return row(name, len(jobs), target, found.ours, found.reference, found.ratio)


def submit_and_wait(
    pool: Executor, limit: int, jobs: Iterable[type[Job]], *args: Any, **kwargs: Any
) -> None:
    """Try Jobs on an executor and do nothing else."""
    under_way: set[Future[None]] = set()
    for job in jobs:
        if len(under_way) >= limit:
            _, under_way = wait(under_way, return_when=FIRST_COMPLETED)
        under_way.add(pool.submit(bare_try, job, *args, **kwargs))
    wait(under_way)


def bare_try(job_class: type[Job], *args: Any, **kwargs: Any) -> None:
    """Do the work of a Job that passes."""
    try:
        job: Any = job_class()
        job.Check(*args, **kwargs)
    except Exception:
        pass


def layers(settings: Settings) -> Iterator[Row]:
    """Yield how the time a Job takes grows with a layered graph."""
    small, large = settings.layered
    graphs = [Subject('layered', size) for size in settings.layered]
    with threads(4) as pool:
        prepares = [partial(prepared, each.jobs[-1], pool, *ARGS, **KWARGS) for each in graphs]
        times = [
            (
                median(seconds(prepares[0]) for _ in range(3)) / small,
                seconds(prepares[1]) / large,
            )
            for _ in range(settings.rounds)
        ]
    ratio = median(after / before for before, after in times)
    before, after = (median(each) * large for each in zip(*times))
    name = f'layered on 4 threads, to {small:,} Jobs'
    yield row(name, large, '1.5', after, before, ratio)


def wait_and_fix(self: Counting, *args: Any, **kwargs: Any) -> None:
    """Be a Run that waits."""
    sleep(2 * WAITS)
    self.runs_left[self.number] -= 1


def retries(settings: Settings) -> Iterator[Row]:
    """Yield how much longer than need be Jobs take that must be tried three times."""
    jobs, workers, delay = 20, 4, 0.15
    subject = Subject('wide', jobs + 1, Case('retries', lambda number: 3 if number < jobs else 0))
    for job in subject.jobs[:-1]:
        setattr(job, 'Run', wait_and_fix)  # noqa: B010
        job.RETRY_DELAY = delay
    with threads(workers) as pool:
        prepare = partial(subject.checknrun, executor=pool)
        ours = median(seconds(prepare) for _ in range(settings.rounds))
    # The last Jobs wait for a thread before their first try, and for each of the others.
    bound = jobs * 2 * WAITS / workers + 2 * delay
    yield row(f'delays on {workers} threads, to bound', jobs, '1.05', ours, bound, ours / bound)


def prepared(
    root: type[Job], pool: Executor | None, *args: Any, **kwargs: Any
) -> Callable[[], object]:
    """Prepare a run on an executor."""
    dojob = DoJobber()
    dojob.set_args(*args, **kwargs)
    dojob.configure(root, executor=pool)
    return dojob.checknrun


@contextmanager
def threads(workers: int) -> Iterator[Executor]:
    """Make threads, and start all of them."""
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(sleep, [WAITS] * workers))
        yield pool


@contextmanager
def processes(workers: int) -> Iterator[Executor]:
    """Make processes, and start all of them."""
    with ProcessPoolExecutor(workers, multiprocessing.get_context('fork')) as pool:
        list(pool.map(sleep, [WAITS] * workers))
        yield pool
