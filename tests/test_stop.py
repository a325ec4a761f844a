"""stop(): a run that ends early, in order."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Event, Job, RunonlyJob, TryEnded, Waiting
from tests.fakes import FakeClock

events: list[str] = []


@pytest.fixture(autouse=True)
def no_events() -> None:
    events.clear()


class Base(RunonlyJob):
    def Run(self) -> None:
        events.append(f'run {type(self).__name__}')

    def Cleanup(self) -> None:
        events.append(f'clean {type(self).__name__}')


class First(Base):
    pass


class Second(Base):
    DEPS = (First,)


class Root(DummyJob):
    DEPS = (Second,)


def test_stop_from_a_listener_begins_no_new_try_and_cleans_up() -> None:
    def listen(event: Event) -> None:
        if isinstance(event, TryEnded):
            dojob.stop()

    dojob = DoJobber()
    dojob.configure(Root, listeners=[listen])
    report = dojob.checknrun()
    assert events == ['run First', 'clean First']
    assert {each.name: str(each.outcome) for each in report} == {
        'First': 'changed', 'Second': 'not_run', 'Root': 'not_run',
    }  # fmt: skip
    assert dojob.nodestatus == {'First': True, 'Second': None, 'Root': None}
    assert not report.success


def test_stop_from_a_hook_lets_its_try_go_through_all_phases() -> None:
    class Stops(Base):
        def Run(self) -> None:
            dojob.stop()
            super().Run()

    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Above', DEPS=(Stops,)))
    dojob.checknrun()
    assert dojob.nodestatus == {'Stops': True, 'Above': None}
    assert events == ['run Stops', 'clean Stops']


def test_job_with_tries_left_when_the_run_is_stopped_has_not_failed() -> None:
    class Fails(Job):
        def Check(self) -> None:
            dojob.stop()
            raise ValueError

    dojob = DoJobber()
    dojob.configure(DummyJob.clone('Above', DEPS=(Fails,)))
    report = dojob.checknrun()
    assert [(str(each.outcome), each.tries) for each in report] == [
        ('interrupted', 1), ('not_run', 0),
    ]  # fmt: skip
    assert dojob.nodestatus == {'Fails': False, 'Above': None}


class Waits(Job):
    """Would wait for ever."""

    RETRY_DELAY = 1e9

    def Check(self) -> None:
        raise ValueError


def stop_when_it_waits(stop: Callable[[DoJobber], object], **options: Any) -> DoJobber:
    """Run a Job until it waits for its next try, then stop the run."""

    def listen(event: Event) -> None:
        if isinstance(event, Waiting):
            stop(dojob)

    dojob = DoJobber()
    dojob.configure(Waits, listeners=[listen], **options)
    dojob.checknrun()
    return dojob


def test_stop_from_another_thread_ends_a_wait() -> None:
    def stop(dojob: DoJobber) -> None:
        threading.Thread(target=dojob.stop).start()

    assert stop_when_it_waits(stop).report()['Waits'].outcome == 'interrupted'


def test_stop_from_a_handler_of_a_signal_ends_a_wait() -> None:
    def stop(dojob: DoJobber) -> None:
        signal.signal(signal.SIGTERM, lambda *_: dojob.stop())
        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM)).start()

    before = signal.getsignal(signal.SIGTERM)
    try:
        assert stop_when_it_waits(stop).report()['Waits'].outcome == 'interrupted'
    finally:
        signal.signal(signal.SIGTERM, before)


def test_stop_ends_a_wait_for_a_worker_once_its_try_has_ended() -> None:
    began, stopped = threading.Event(), threading.Event()

    class Slow(Base):
        def Run(self) -> None:
            began.set()
            stopped.wait(30)
            super().Run()

    def stop() -> None:
        began.wait(30)
        dojob.stop()
        stopped.set()

    with ThreadPoolExecutor(1) as executor:
        dojob = DoJobber()
        jobs = Slow, Base.clone('Queued')
        dojob.configure(DummyJob.clone('All', DEPS=jobs), executor=executor)
        thread = threading.Thread(target=stop)
        thread.start()
        dojob.checknrun()
        thread.join()
    assert dojob.nodestatus == {'Slow': True, 'Queued': None, 'All': None}
    assert events == ['run Slow', 'clean Slow']


def test_stop_while_nothing_runs_does_nothing() -> None:
    dojob = DoJobber()
    dojob.stop()
    dojob.configure(Root)
    dojob.stop()
    dojob.checknrun()
    assert dojob.success()
    dojob.stop()
    dojob.checknrun()
    assert dojob.success()


def test_no_act_and_stop_clean_nothing_up() -> None:
    def listen(event: Event) -> None:
        dojob.stop()

    dojob = FakeClock().drive(DoJobber())
    dojob.configure(Root, no_act=True, listeners=[listen])
    assert [str(each.outcome) for each in dojob.checknrun()] == ['not_run'] * 3
    assert events == []
