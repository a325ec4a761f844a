"""Executors of packages that clusters are made of: loky and Dask, where they are installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

import pytest

from tests.promises import *  # noqa: F403
from tests.promises import Pool

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
