"""The executors of the standard library."""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from tests.promises import *  # noqa: F403
from tests.promises import Pool


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


@pytest.fixture(scope='module', params=['threads', 'fork', 'spawn'])
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
