"""Nothing of an earlier run stays alive when the next one has begun, without the collector."""

from __future__ import annotations

import gc
import multiprocessing
import weakref
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Event, Job, JobEnded, PhaseEnded


class Argument:
    """What a run is given, and must let go of."""


class Fails(Job):
    """Raise ERROR in the phase WHERE, if there is an argument."""

    WHERE = ''
    ERROR: type[BaseException] = ValueError
    TRIES = 2
    RETRY_DELAY = 0

    def Check(self, argument: object = None) -> None:
        if argument and self._check_phase in ('check', self.WHERE):
            raise self.ERROR if self._check_phase == self.WHERE else RuntimeError

    def Run(self, argument: object = None) -> None:
        if argument and self.WHERE == 'run':
            raise self.ERROR

    def Cleanup(self) -> None:
        """Make the try owed a Cleanup."""


class Unmade(Fails):
    """Raise ERROR before there is an object."""

    def __init__(self) -> None:
        raise self.ERROR


class Second(Fails):
    """Succeed in the second try."""

    def Check(self, argument: object = None) -> None:
        if argument and self.global_storage.get('runs', 0) < 2:
            raise RuntimeError

    def Run(self, argument: object = None) -> None:
        self.global_storage['runs'] = self.global_storage.get('runs', 0) + 1
        if self.global_storage['runs'] == 1:
            raise LookupError


@pytest.fixture(scope='module', params=['serial', 'threads', 'processes', 'in the driver'])
def kind(request: pytest.FixtureRequest) -> Iterator[tuple[Executor | None, bool]]:
    """Yield what tries the Jobs, and whether they are tried in the driver all the same."""
    if request.param == 'serial':
        yield None, False
    elif request.param == 'threads':
        with ThreadPoolExecutor(2) as threads:
            yield threads, False
    else:
        with ProcessPoolExecutor(1, multiprocessing.get_context('fork')) as processes:
            yield processes, request.param == 'in the driver'


@pytest.fixture(autouse=True)
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def lingers(kind: tuple[Executor | None, bool], job: type[Job], **options: Any) -> bool:
    """Run a Job with an argument, then without it; return whether that is still alive."""
    executor, is_in_driver = kind
    dojob = DoJobber()
    root = DummyJob.clone('Root', DEPS=(job.clone('Below', IN_DRIVER=is_in_driver),))
    dojob.configure(root, executor=executor, **options)
    argument = Argument()
    watched = weakref.ref(argument)
    dojob.set_args(argument)
    del argument
    for _ in range(2):
        with suppress(KeyboardInterrupt):
            dojob.checknrun()
        dojob.set_args()
    return watched() is not None


@pytest.mark.parametrize('error', [ValueError, SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize('where', ['check', 'run', 'recheck', ''])
def test_run_that_ended_by_an_exception_does_not_linger(
    kind: Any, where: str, error: type[BaseException]
) -> None:
    assert not lingers(kind, Fails.clone('Raises', WHERE=where, ERROR=error))


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
def test_run_of_a_job_that_can_not_be_made_does_not_linger(
    kind: Any, error: type[BaseException]
) -> None:
    assert not lingers(kind, Unmade.clone('Raises', ERROR=error))


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize('at', [PhaseEnded, JobEnded])
def test_run_whose_listener_raised_does_not_linger(
    kind: Any, at: type[Event], error: type[BaseException]
) -> None:
    def hear(event: Event) -> None:
        if isinstance(event, at):
            raise error

    job = Fails.clone('Raises', WHERE='check', ERROR=error)
    assert not lingers(kind, job, listeners=[hear])


@pytest.mark.parametrize('job', [Second, Fails.clone('Raises', WHERE='run')])
def test_run_with_a_listener_does_not_linger(kind: Any, job: type[Job]) -> None:
    assert not lingers(kind, job, listeners=[lambda event: None])
