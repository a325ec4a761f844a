"""Ctrl-C while something must not be torn apart."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dojobber._interrupt import defer_signals

done: list[str] = []


@pytest.fixture(autouse=True)
def handler_stays() -> Iterator[None]:
    done.clear()
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_ctrl_c_is_heard_after_the_call() -> None:
    def call() -> None:
        press()
        done.append('all')

    with pytest.raises(KeyboardInterrupt):
        defer_signals(call)
    assert done == ['all']


def test_sigterm_that_works_like_ctrl_c_is_heard_after_the_call() -> None:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            defer_signals(lambda: done.append(f'{signal.raise_signal(signal.SIGTERM)}'))
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done == ['None']


def test_handler_that_raises_nothing_is_called_at_once() -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: done.append('handled'))
    try:
        defer_signals(lambda: done.append(f'{signal.raise_signal(signal.SIGTERM)}'))
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done == ['handled', 'None']


def test_ctrl_c_while_handlers_are_put_back_leaves_none(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    real = signal.signal

    def pressed(number: Any, handler: Any) -> Any:
        found = real(number, handler)
        if handler is signal.default_int_handler:  # it is back
            signal.raise_signal(number)
        return found

    monkeypatch.setattr(signal, 'signal', pressed)
    try:
        with pytest.raises(KeyboardInterrupt):
            defer_signals(lambda: None)
        for each in (signal.SIGINT, signal.SIGTERM):
            assert signal.getsignal(each) is signal.default_int_handler
    finally:
        real(signal.SIGTERM, before)


def test_second_ctrl_c_is_heard_at_once() -> None:
    def call() -> None:
        press()
        done.append('first')
        press()
        done.append('second')

    with pytest.raises(KeyboardInterrupt):
        defer_signals(call)
    assert done == ['first']


def test_ctrl_c_is_heard_after_a_call_that_raises() -> None:
    def call() -> None:
        press()
        raise TypeError

    with pytest.raises(KeyboardInterrupt) as caught:
        defer_signals(call)
    assert isinstance(caught.value.__context__, TypeError)


def test_what_a_call_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        defer_signals(lambda: print(1 // 0))


def test_process_that_is_forked_meanwhile_hears_at_once() -> None:
    def call() -> None:
        process = os.fork()
        if not process:
            try:
                press()
            except KeyboardInterrupt:
                os._exit(7)
            os._exit(0)
        done.append(f'status {os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])}')

    defer_signals(call)
    assert done == ['status 7']


def test_ctrl_c_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        defer_signals(press)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_call_in_another_thread_is_called() -> None:
    thread = threading.Thread(target=defer_signals, args=(lambda: done.append('all'),))
    thread.start()
    thread.join()
    assert done == ['all']
