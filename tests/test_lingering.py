"""Nothing of an earlier run stays alive when the next one has begun, without the collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Event, Job, JobEnded, PhaseEnded


class Argument:
    """What a run is given, and must let go of."""


@pytest.fixture(params=['serial', 'threads'])
def options(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    """Yield the options of configure() for a kind of run."""
    if request.param == 'serial':
        yield {}
    else:
        with ThreadPoolExecutor(2) as executor:
            yield {'executor': executor}


@pytest.fixture(autouse=True)
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def lingers(job: type[Job], **options: Any) -> bool:
    """Run a Job with an argument, then without it; return whether that is still alive."""
    dojob = DoJobber()
    root = DummyJob.clone('Root', DEPS=(job,))
    dojob.configure(root, default_retry_delay=0, **options)
    argument = Argument()
    watched = weakref.ref(argument)
    dojob.set_args(argument)
    del argument
    for _ in range(2):
        with suppress(KeyboardInterrupt):
            dojob.checknrun()
        dojob.set_args()
    return watched() is not None


def failing(where: str, error: type[BaseException]) -> type[Job]:
    """Make a Job that raises in a phase, if it has an argument."""

    class Fails(Job):
        def __init__(self) -> None:
            if where == 'init':
                raise error

        def Check(self, argument: object = None) -> None:
            if argument and self._check_phase in ('check', where):
                raise error if where == self._check_phase else RuntimeError

        def Run(self, argument: object = None) -> None:
            if argument and where == 'run':
                raise error

        def Cleanup(self) -> None:
            """Make the try owed a Cleanup."""

    return Fails


@pytest.mark.parametrize('error', [ValueError, SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize('where', ['init', 'check', 'run', 'recheck', 'nowhere'])
def test_run_that_ended_by_an_exception_does_not_linger(
    options: dict[str, Any], where: str, error: type[BaseException]
) -> None:
    assert not lingers(failing(where, error), **options)


@pytest.mark.parametrize('error', [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize('at', [PhaseEnded, JobEnded])
def test_run_whose_listener_raised_does_not_linger(
    options: dict[str, Any], at: type[Event], error: type[BaseException]
) -> None:
    def hear(event: Event) -> None:
        if isinstance(event, at):
            raise error

    assert not lingers(failing('run', ValueError), listeners=[hear], **options)


def test_run_with_retries_and_a_listener_does_not_linger(options: dict[str, Any]) -> None:
    class Second(Job):
        TRIES = 2

        def Check(self, argument: object = None) -> None:
            if argument and self.global_storage.get('runs', 0) < 2:
                raise RuntimeError

        def Run(self, argument: object = None) -> None:
            self.global_storage['runs'] = self.global_storage.get('runs', 0) + 1
            if self.global_storage['runs'] == 1:
                raise LookupError

    assert not lingers(Second, listeners=[lambda event: None], **options)
