"""Where Ctrl-C is let in: at once in the code of users, elsewhere at the next safe point."""

from __future__ import annotations

import functools
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from dojobber import DoJobber, DummyJob, Job, RunonlyJob, _run, uninterrupted
from dojobber._interrupt import collect, deliver, guarded, noted, woken_by_signals
from tests.ctrl_c import press

done: list[str] = []


@pytest.fixture(autouse=True)
def handlers_stay() -> Iterator[None]:
    done.clear()
    signals = [signal.SIGINT, signal.SIGTERM]
    before = [signal.signal(signal.SIGINT, signal.default_int_handler)]
    before.append(signal.getsignal(signal.SIGTERM))
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is before[1]
    for number, handler in zip(signals, before):
        signal.signal(number, handler)
    assert noted == []


def press_in_library() -> None:
    """Press Ctrl-C in a frame of the library."""
    press(library_frame())


def library_frame() -> Any:
    """Return a frame whose innermost function of the package is no door."""
    frames: list[Any] = []
    code = compile('frames.append(sys._getframe())', 'library.py', 'exec')
    exec(code, {'__name__': 'dojobber._library', 'frames': frames, 'sys': sys})
    return frames[0]


def test_signal_in_the_code_of_users_is_handled_at_once() -> None:
    with guarded(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_signal_in_the_library_waits_until_it_is_delivered() -> None:
    with guarded():
        press_in_library()
        done.append('goes on')
        assert noted == [signal.SIGINT]
        with pytest.raises(KeyboardInterrupt):
            deliver()
    assert done == ['goes on']


def test_signal_that_nobody_delivers_is_handled_when_the_guard_is_left() -> None:
    with pytest.raises(KeyboardInterrupt):  # noqa: SIM117
        with guarded():
            press_in_library()
            done.append('goes on')
    assert done == ['goes on']


def test_signals_are_noted_once_for_each_number_and_collected() -> None:
    def handle(number: int, frame: Any) -> None:
        raise ValueError(number)

    before = signal.signal(signal.SIGTERM, handle)
    errors: list[BaseException] = []
    try:
        with guarded():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGTERM):
                handler: Any = signal.getsignal(number)
                handler(number, library_frame())
            collect(errors)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [type(each) for each in errors] == [ValueError, KeyboardInterrupt]


def test_signals_that_nobody_delivers_are_all_handled_and_the_first_is_raised() -> None:
    def handle(number: int, frame: Any) -> None:
        done.append('handled')
        raise ValueError

    before = signal.signal(signal.SIGTERM, handle)
    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: SIM117
            with guarded():
                for number in (signal.SIGINT, signal.SIGTERM):
                    handler: Any = signal.getsignal(number)
                    handler(number, library_frame())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (done, noted) == (['handled'], [])


def test_run_in_a_forked_child_is_guarded_as_any_other() -> None:
    with guarded():
        child = os.fork()
        if not child:
            with suppress(KeyboardInterrupt), guarded():
                press_in_library()
                os._exit(0 if noted == [signal.SIGINT] else 1)
            os._exit(2)
        assert os.waitpid(child, 0)[1] == 0


def test_guard_within_a_guard_changes_nothing() -> None:
    with guarded():
        outer = signal.getsignal(signal.SIGINT)
        with guarded():
            assert signal.getsignal(signal.SIGINT) == outer
        assert signal.getsignal(signal.SIGINT) == outer


def test_handler_that_a_hook_sets_is_left_alone() -> None:
    def handle(number: int, frame: Any) -> None:
        done.append('handled')

    with guarded():
        signal.signal(signal.SIGINT, handle)
    assert signal.getsignal(signal.SIGINT) is handle
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with guarded():
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_handler_that_raises_while_others_are_put_back_leaves_none() -> None:
    class Raising:
        """A handler that is called as soon as it is back."""

        def __call__(self, number: int, frame: Any) -> None:
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, Raising())

    def profile(frame: Any, event: str, called: Any) -> None:
        if event == 'c_return' and frame.f_code.co_name == '_give_back':
            handler: Any = signal.getsignal(signal.SIGTERM)
            if isinstance(handler, Raising):
                sys.setprofile(None)
                handler(signal.SIGTERM, frame)

    try:
        with pytest.raises(KeyboardInterrupt):  # noqa: SIM117
            with guarded():
                sys.setprofile(profile)
    finally:
        sys.setprofile(None)
        assert isinstance(signal.signal(signal.SIGTERM, before), Raising)


def test_second_signal_goes_through_where_the_first_has_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr('time.monotonic', lambda: now)
    with guarded():
        press_in_library()
        now += 0.4
        press_in_library()
        now += 0.1
        with pytest.raises(KeyboardInterrupt):
            press_in_library()
    assert noted == []


def test_noted_signal_wakes_who_waits() -> None:
    with guarded(), woken_by_signals(lambda: done.append('woken')):
        press_in_library()
        assert done == ['woken']
        with pytest.raises(KeyboardInterrupt):
            deliver()


def test_other_threads_note_and_deliver_nothing() -> None:
    def work() -> None:
        with guarded(), woken_by_signals(lambda: None), uninterrupted():
            deliver()
            done.append(str(signal.getsignal(signal.SIGINT) is signal.default_int_handler))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ['True']


def test_signal_in_a_forked_child_is_handled_at_once() -> None:
    with guarded():
        child = os.fork()
        if not child:
            try:
                press_in_library()
            except KeyboardInterrupt:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0


def test_uninterrupted_puts_a_signal_off_to_the_end_of_its_block() -> None:
    with pytest.raises(KeyboardInterrupt):  # noqa: SIM117
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append('goes on')
    assert done == ['goes on']


def test_uninterrupted_within_a_hook_loses_no_process_to_ctrl_c() -> None:
    class Starts(RunonlyJob):
        def Run(self) -> None:
            with uninterrupted():
                signal.raise_signal(signal.SIGINT)
                self.storage['process'] = 'started'
            done.append('never')

        def Cleanup(self) -> None:
            done.append(f'stop what is {self.storage["process"]}')

    dojob = DoJobber()
    dojob.configure(Starts)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert done == ['stop what is started']


def test_run_within_an_uninterrupted_block_ends_before_the_signal_is_handled() -> None:
    class Inner(Job):
        def Check(self) -> None:
            done.append('inner')

    class Outer(Job):
        def Check(self) -> None:
            with uninterrupted():
                signal.raise_signal(signal.SIGINT)
                dojob = DoJobber()
                dojob.configure(Inner)
                dojob.checknrun()

    dojob = DoJobber()
    dojob.configure(Outer)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert done == ['inner']


def test_no_hook_begins_after_a_signal_but_cleanups() -> None:
    class First(RunonlyJob):
        def Run(self) -> None:
            done.append('first')

        def Cleanup(self) -> None:
            done.append('cleaned')

    class Second(DummyJob):
        DEPS = (First,)

        def Check(self) -> None:
            done.append('second')

    def listen(event: object) -> None:
        if repr(event).startswith("TryEnded(name='First'"):
            press_in_library()

    dojob = DoJobber()
    dojob.configure(Second, listeners=[listen])
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert done == ['first', 'cleaned']
    assert dojob.nodestatus == {'First': True, 'Second': None}


def test_signal_in_a_cleanup_written_in_c_is_no_failure_of_it() -> None:
    class Below(RunonlyJob):
        def Run(self) -> None:
            done.append('run')

        def Cleanup(self) -> None:
            done.append('below')

    class Pressing(RunonlyJob):
        DEPS = (Below,)

        def Run(self) -> None:
            self.Cleanup = functools.partial(os.kill, os.getpid(), signal.SIGINT)

    dojob = DoJobber()
    dojob.configure(Pressing)
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert done == ['run', 'below']
    assert [each.cleanup for each in dojob.report()] == ['pass', 'pass']


def test_signal_noted_as_run_begins_registers_no_cleanup() -> None:
    class Never(RunonlyJob):
        def Run(self) -> None:
            done.append('run')

        def Cleanup(self) -> None:
            done.append('cleaned')

    def listen(event: object) -> None:
        if repr(event).startswith('PhaseStarted') and "'run'" in repr(event):
            press_in_library()

    dojob = DoJobber()
    dojob.configure(Never, listeners=[listen])
    with pytest.raises(KeyboardInterrupt):
        dojob.checknrun()
    assert done == []
    assert dojob.report()['Never'].cleanup is None


def test_wait_goes_on_in_slices_until_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run, '_SLICE', 0.001)
    inbox: SimpleQueue[str] = SimpleQueue()
    with pytest.raises(Empty):
        _run.receive(inbox, 0.004)
    inbox.put('arrived')
    assert _run.receive(inbox, None) == 'arrived'
