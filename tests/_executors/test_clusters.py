"""Executors of packages that clusters are made of: loky and Dask, where they are installed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob
from tests._executors.promises import *  # noqa: F403
from tests._executors.promises import Pool
from tests._executors.travelling import Allows, Cleans, Dies, Where, noted

KINDS = [name for name in ('loky', 'distributed') if find_spec(name)]
if not KINDS:
    pytest.skip('neither loky nor distributed is installed', allow_module_level=True)

LOKY = """
    from loky import ProcessPoolExecutor
    executor = ProcessPoolExecutor(2)
"""
DASK = """
    import dask
    from distributed import Client, LocalCluster
    dask.config.set({'distributed.scheduler.allowed-failures': 0})
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host='127.0.0.1',
        dashboard_address='127.0.0.1:0', scheduler_kwargs={'dashboard': False}
    )
    client = Client(cluster)
    executor = client.get_executor()
"""
CLOSE_DASK = 'client.close(); cluster.close()'


@pytest.fixture(scope='module', params=KINDS)
def pool(request: Any) -> Iterator[Pool]:
    with ExitStack() as stack:
        yield (loky if request.param == 'loky' else dask)(stack)


def loky(stack: ExitStack) -> Pool:
    from loky import ProcessPoolExecutor

    two, one = ProcessPoolExecutor(2), ProcessPoolExecutor(1)
    for executor in (two, one):
        stack.callback(executor.shutdown)
        executor.submit(int).result()
    return Pool(two, one, opens=LOKY.strip())


def dask(stack: ExitStack) -> Pool:
    import dask as configuration
    from distributed import Client, LocalCluster

    stack.enter_context(configuration.config.set({'distributed.scheduler.allowed-failures': 0}))
    cluster = LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        host='127.0.0.1',
        dashboard_address='127.0.0.1:0',
        scheduler_kwargs={'dashboard': False},
    )
    client = Client(stack.enter_context(cluster))
    executor = stack.enter_context(client).get_executor()
    executor.submit(int).result()
    return Pool(
        executor,
        executor,
        opens=DASK.strip(),
        closes=CLOSE_DASK,
        survives_terminal=False,
        logs=True,
    )


# A Job that takes its process along


def run_deadly(executor: Any, directory: Path) -> DoJobber:
    os.mkfifo(directory / 'alive')
    dies = Dies.clone('dies', DEPS=(Cleans,), AFTER='alive')
    root = DummyJob.clone('root', DEPS=(dies, Allows.clone('other', DEPS=(Cleans,))))
    dojob = DoJobber()
    dojob.configure(root, executor=executor, max_in_flight=2, default_retry_delay=0)
    dojob.set_args(directory=directory)
    return dojob


@pytest.mark.skipif('loky' not in KINDS, reason='loky is not installed')
def test_pool_of_loky_that_breaks_ends_the_run(tmp_path: Path) -> None:
    from loky import ProcessPoolExecutor

    with ProcessPoolExecutor(2) as executor:
        dojob = run_deadly(executor, tmp_path)
        with pytest.raises(BrokenExecutor):
            dojob.checknrun()
    assert dojob.nodestatus['dies'] is False
    assert str(dojob.report().select('interrupted')[0].name) == 'dies'
    assert [line.split()[0] for line in noted(tmp_path)] == ['dies', 'cleanup']


@pytest.mark.skipif('distributed' not in KINDS, reason='distributed is not installed')
def test_job_that_kills_workers_of_dask_has_failed_for_good(tmp_path: Path) -> None:
    with ExitStack() as stack:
        pool = dask(stack)
        dojob = run_deadly(pool.executor, tmp_path)
        dojob.checknrun()
        assert pool.run(Where).success()
    assert dojob.nodestatus == {'Cleans': True, 'dies': False, 'other': True, 'root': None}
    assert type(dojob.nodeexceptions['dies']).__name__ == 'KilledWorker'
    # As often as the scheduler lets it: none of these is a retry of ours.
    assert [line.split()[0] for line in noted(tmp_path)] == ['dies', 'cleanup']
